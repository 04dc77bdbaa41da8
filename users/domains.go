package users

import (
	"errors"
	"regexp"
	"strings"
	"time"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// domain is a host at which a pool has its sign-in pages and OAuth endpoints: a prefix of AWS's domain, or a whole name. It is
// found without knowing the pool, so it stands in the scope of the account.
type domain struct {
	Name    string // "tasks", or "auth.example.com"
	Pool    string
	Version int32 // ManagedLoginVersion: 1 is themed by SetUICustomization, 2 by branding
	Custom  *cognitoidp.CustomDomainConfigType
	Created time.Time
}

// own tells a custom domain from a prefix.
func (d *domain) own() bool { return d.Custom != nil }

var domains = record.Table[domain]{
	Name: "users.domain", Version: 1, Key: func(d *domain) []any { return []any{d.Name} },
	Indexes: []record.Index[domain]{{Name: "pool", Keys: func(d *domain) [][]any { return [][]any{{d.Pool}} }}},
}

// hostShape is a name in the DNS of at least two labels.
var hostShape = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$`)

func (s *Service) mountDomains(m *wire.Mux) {
	onPool(m, cognitoidp.CreateUserPoolDomain, func(in *cognitoidp.CreateUserPoolDomainInput) string { return in.UserPoolId.V }, s.createUserPoolDomain)
	onPool(m, cognitoidp.UpdateUserPoolDomain, func(in *cognitoidp.UpdateUserPoolDomainInput) string { return in.UserPoolId.V }, s.updateUserPoolDomain)
	onPool(m, cognitoidp.DeleteUserPoolDomain, func(in *cognitoidp.DeleteUserPoolDomainInput) string { return in.UserPoolId.V }, s.deleteUserPoolDomain)
	wire.Handle(m, cognitoidp.DescribeUserPoolDomain, anyPool[cognitoidp.DescribeUserPoolDomainInput]("DescribeUserPoolDomain"), s.describeUserPoolDomain)
}

// check refuses a domain that could not be served.
func (d *domain) check(routing *cognitoidp.RoutingType) error {
	switch {
	case routing != nil:
		return invalid("Routing is not supported by this server.")
	case d.Version != 1 && d.Version != 2:
		return invalid("ManagedLoginVersion must be 1 or 2.")
	case d.own() && (!hostShape.MatchString(d.Name) || strings.HasSuffix(d.Name, ".amazonaws.com") || strings.HasSuffix(d.Name, ".amazoncognito.com")):
		return invalid("Custom domain is not a valid subdomain: it needs a fully qualified name of your own.")
	case d.own():
		return nil
	case strings.Contains(d.Name, "."):
		return invalid("Domain: a fully qualified name needs a CustomDomainConfig.")
	}
	for _, word := range []string{"aws", "amazon", "cognito"} {
		if strings.Contains(d.Name, word) {
			return invalid("Domain cannot contain reserved word: %s", word)
		}
	}
	return nil
}

func (s *Service) createUserPoolDomain(c *wire.Call, in *cognitoidp.CreateUserPoolDomainInput) (*cognitoidp.CreateUserPoolDomainOutput, error) {
	d := &domain{Name: in.Domain.V, Pool: in.UserPoolId.V, Version: in.ManagedLoginVersion.Or(1), Custom: in.CustomDomainConfig, Created: c.Now}
	if err := d.check(in.Routing); err != nil {
		return nil, err
	}
	err := s.update(c, func(tx *kv.Tx) error {
		if _, err := poolByID(tx, c.Account, d.Pool); err != nil {
			return err
		}
		others, err := domainsOf(tx, c.Account, d.Pool)
		if err != nil {
			return err
		}
		for _, o := range others {
			if o.own() == d.own() {
				return invalid("User pool %s already has a domain configured.", d.Pool)
			}
		}
		err = domains.Insert(tx, everywhere(c.Account), d)
		if taken := (*record.ErrExists)(nil); errors.As(err, &taken) {
			return invalid("Domain already associated with another user pool.")
		}
		return err
	})
	return &cognitoidp.CreateUserPoolDomainOutput{ManagedLoginVersion: wire.Some(d.Version)}, err
}

// domainsOf are the domains of a pool: a prefix, a name of its own, or both.
func domainsOf(tx *kv.Tx, account, poolID string) ([]*domain, error) {
	return domains.All(tx, everywhere(account), "pool", poolID)
}

// mainDomain is the domain that a pool's pages are announced under, nil when it has none: its own name, else the prefix.
func mainDomain(tx *kv.Tx, account, poolID string) (main *domain, err error) {
	all, err := domainsOf(tx, account, poolID)
	for _, d := range all {
		if main == nil || d.own() {
			main = d
		}
	}
	return main, err
}

// domainOf reads a domain that must be the pool's.
func domainOf(tx *kv.Tx, account, poolID, name string) (*domain, error) {
	if _, err := poolByID(tx, account, poolID); err != nil {
		return nil, err
	}
	d, err := domains.Get(tx, everywhere(account), name)
	if absent(err) || err == nil && d.Pool != poolID {
		return nil, invalid("No such domain or user pool exists.")
	}
	return d, err
}

func (s *Service) updateUserPoolDomain(c *wire.Call, in *cognitoidp.UpdateUserPoolDomainInput) (*cognitoidp.UpdateUserPoolDomainOutput, error) {
	out := &cognitoidp.UpdateUserPoolDomainOutput{}
	return out, s.update(c, func(tx *kv.Tx) error {
		d, err := domainOf(tx, c.Account, in.UserPoolId.V, in.Domain.V)
		if err != nil {
			return err
		}
		d.Version = in.ManagedLoginVersion.Or(d.Version)
		if in.CustomDomainConfig != nil {
			if !d.own() {
				return invalid("CustomDomainConfig is for custom domains; %s is a prefix.", d.Name)
			}
			d.Custom = in.CustomDomainConfig
		}
		if err := d.check(in.Routing); err != nil {
			return err
		}
		out.ManagedLoginVersion = wire.Some(d.Version)
		return domains.Put(tx, everywhere(c.Account), d)
	})
}

func (s *Service) deleteUserPoolDomain(c *wire.Call, in *cognitoidp.DeleteUserPoolDomainInput) (*cognitoidp.DeleteUserPoolDomainOutput, error) {
	return nil, s.update(c, func(tx *kv.Tx) error {
		d, err := domainOf(tx, c.Account, in.UserPoolId.V, in.Domain.V)
		if err != nil {
			return err
		}
		return domains.Delete(tx, everywhere(c.Account), d.Name)
	})
}

// describeUserPoolDomain says whose a domain is; of an unknown one nothing, and no error: so tools ask whether a name is free.
func (s *Service) describeUserPoolDomain(c *wire.Call, in *cognitoidp.DescribeUserPoolDomainInput) (*cognitoidp.DescribeUserPoolDomainOutput, error) {
	out := &cognitoidp.DescribeUserPoolDomainOutput{DomainDescription: &cognitoidp.DomainDescriptionType{}}
	return out, s.view(c, func(tx *kv.Tx) error {
		d, err := domains.Get(tx, everywhere(c.Account), in.Domain.V)
		if err != nil {
			return ignoreAbsent(err)
		}
		out.DomainDescription = &cognitoidp.DomainDescriptionType{
			UserPoolId: wire.Some(d.Pool), AWSAccountId: wire.Some(c.Account), Domain: wire.Some(d.Name), Status: wire.Some("ACTIVE"),
			Version: wire.Some(d.Created.UTC().Format("20060102150405")), CustomDomainConfig: d.Custom, ManagedLoginVersion: wire.Some(d.Version),
		}
		return nil
	})
}
