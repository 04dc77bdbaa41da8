package identities

import (
	"cmp"
	"errors"
	"time"

	"bothy/api/cognitoidentity"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// pool is a row: an identity pool with everything that decides about its identities.
type pool struct {
	ID          string
	Name        string
	AllowGuests bool
	Classic     bool              // GetOpenIdToken and STS may be used by apps
	Providers   map[string]string `json:",omitempty"` // login provider → app id
	Sealed      map[string][]byte `json:",omitempty"` // login provider → "key;secret", sealed
	Developer   string            `json:",omitempty"` // developer provider name
	OIDC, SAML  []string          `json:",omitempty"`
	UserPools   []userPool        `json:",omitempty"`
	Tags        map[string]string `json:",omitempty"`
	Roles       map[string]string `json:",omitempty"` // authenticated, unauthenticated → role ARN
	Mappings    map[string]cognitoidentity.RoleMapping
	TagMaps     map[string]tagMap `json:",omitempty"` // provider → which claims become session tags
	Created     time.Time
}

// userPool is a user pool client whose tokens the pool takes.
type userPool struct {
	Provider string // cognito-idp.REGION.amazonaws.com/POOL
	Client   string
	Check    bool // ServerSideTokenCheck: sign-ins that were ended are refused, though their tokens have not expired
}

var pools = record.Table[pool]{Name: "identities.pool", Version: 1, Key: func(p *pool) []any { return []any{p.ID} }}

// maxPools bounds the pools of an account in a region (AWS quota).
const maxPools = 1000

// maxRules bounds the rules of one provider's role mapping (AWS quota).
const maxRules = 25

func accessCreatePool(_ *wire.Call, in *cognitoidentity.CreateIdentityPoolInput) ([]wire.Access, error) {
	return wire.One("cognito-identity:CreateIdentityPool", "*", tagKeys(in.IdentityPoolTags)), nil
}

func (s *Service) accessDescribePool(c *wire.Call, in *cognitoidentity.DescribeIdentityPoolInput) ([]wire.Access, error) {
	return s.onPool(c, "DescribeIdentityPool", in.IdentityPoolId.V, nil)
}

func (s *Service) accessUpdatePool(c *wire.Call, in *cognitoidentity.IdentityPool) ([]wire.Access, error) {
	return s.onPool(c, "UpdateIdentityPool", in.IdentityPoolId.V, tagKeys(in.IdentityPoolTags))
}

func (s *Service) accessDeletePool(c *wire.Call, in *cognitoidentity.DeleteIdentityPoolInput) ([]wire.Access, error) {
	return s.onPool(c, "DeleteIdentityPool", in.IdentityPoolId.V, nil)
}

func accessListPools(*wire.Call, *cognitoidentity.ListIdentityPoolsInput) ([]wire.Access, error) {
	return wire.One("cognito-identity:ListIdentityPools", "*", nil), nil
}

func (s *Service) createPool(c *wire.Call, in *cognitoidentity.CreateIdentityPoolInput) (*cognitoidentity.IdentityPool, error) {
	p := &pool{ID: newID(c.Region), Created: c.Now, Tags: in.IdentityPoolTags}
	if err := checkTags(p.Tags); err != nil {
		return nil, err
	}
	if err := s.set(c, p, &cognitoidentity.IdentityPool{
		IdentityPoolName: in.IdentityPoolName, AllowUnauthenticatedIdentities: in.AllowUnauthenticatedIdentities,
		AllowClassicFlow: in.AllowClassicFlow, SupportedLoginProviders: in.SupportedLoginProviders,
		DeveloperProviderName: in.DeveloperProviderName, OpenIdConnectProviderARNs: in.OpenIdConnectProviderARNs,
		CognitoIdentityProviders: in.CognitoIdentityProviders, SamlProviderARNs: in.SamlProviderARNs,
	}); err != nil {
		return nil, err
	}
	scope := scopeOf(c.Account, p.ID)
	err := s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		if all, _, err := pools.List(tx, scope, record.Page{Limit: maxPools}); err != nil || len(all) == maxPools {
			return cmp.Or(err, limitExceeded("An account has at most 1000 identity pools."))
		}
		return pools.Insert(tx, scope, p)
	})
	if err != nil {
		return nil, err
	}
	return s.api(p)
}

func (s *Service) describePool(c *wire.Call, in *cognitoidentity.DescribeIdentityPoolInput) (*cognitoidentity.IdentityPool, error) {
	p, err := s.pool(c, in.IdentityPoolId.V)
	if err != nil {
		return nil, err
	}
	return s.api(p)
}

// updatePool replaces the pool's settings: what the caller leaves out is cleared, as AWS does. Roles stay.
func (s *Service) updatePool(c *wire.Call, in *cognitoidentity.IdentityPool) (*cognitoidentity.IdentityPool, error) {
	p, err := s.changePool(c, in.IdentityPoolId.V, func(p *pool) error {
		if p.Developer != "" && in.DeveloperProviderName.V != p.Developer {
			return invalid("Developer provider name cannot be changed once it is set.")
		}
		if in.IdentityPoolTags != nil {
			p.Tags = in.IdentityPoolTags
		}
		return cmp.Or(checkTags(p.Tags), s.set(c, p, in))
	})
	if err != nil {
		return nil, err
	}
	return s.api(p)
}

// deletePool removes the pool's identities in bounded steps, then the pool: a delete cut short is simply repeated.
func (s *Service) deletePool(c *wire.Call, in *cognitoidentity.DeleteIdentityPoolInput) (*cognitoidentity.DeleteIdentityPoolOutput, error) {
	id := in.IdentityPoolId.V
	scope := scopeOf(c.Account, id)
	for done := false; !done; {
		if err := s.cfg.DB.Update(c, func(tx *kv.Tx) error {
			if _, err := findPool(tx, scope, id); err != nil {
				return err
			}
			rows, _, err := identityRows.List(tx, scope, record.Page{Index: "pool", Prefix: []any{id}, Limit: 500})
			if err != nil {
				return err
			}
			for _, row := range rows {
				if err := identityRows.Delete(tx, scope, row.ID); err != nil {
					return err
				}
			}
			if done = len(rows) == 0; done {
				return pools.Delete(tx, scope, id)
			}
			return nil
		}); err != nil {
			return nil, err
		}
	}
	return &cognitoidentity.DeleteIdentityPoolOutput{}, nil
}

func (s *Service) listPools(c *wire.Call, in *cognitoidentity.ListIdentityPoolsInput) (*cognitoidentity.ListIdentityPoolsOutput, error) {
	out := &cognitoidentity.ListIdentityPoolsOutput{IdentityPools: []cognitoidentity.IdentityPoolShortDescription{}}
	err := s.cfg.DB.View(c, func(tx *kv.Tx) error {
		rows, next, err := pools.List(tx, record.In(c.Account, c.Region), record.Page{After: in.NextToken.V, Limit: int(in.MaxResults.V)})
		if err != nil {
			return pageError(err)
		}
		for _, p := range rows {
			out.IdentityPools = append(out.IdentityPools, cognitoidentity.IdentityPoolShortDescription{
				IdentityPoolId: wire.Some(p.ID), IdentityPoolName: wire.Some(p.Name),
			})
		}
		out.NextToken = wire.NonEmpty(next)
		return nil
	})
	return out, err
}

func pageError(err error) error {
	if errors.Is(err, record.ErrToken) {
		return invalid("Invalid pagination token.")
	}
	return err
}

func (s *Service) pool(c *wire.Call, id string) (p *pool, err error) {
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		p, err = findPool(tx, scopeOf(c.Account, id), id)
		return err
	})
	return p, err
}

func findPool(tx *kv.Tx, scope record.Scope, id string) (*pool, error) {
	p, err := pools.Get(tx, scope, id)
	if errors.Is(err, record.ErrNotFound) {
		return nil, notFound("IdentityPool", id)
	}
	return p, err
}

// changePool reads, changes and writes a pool in one transaction.
func (s *Service) changePool(c *wire.Call, id string, change func(*pool) error) (p *pool, err error) {
	scope := scopeOf(c.Account, id)
	err = s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		if p, err = findPool(tx, scope, id); err != nil {
			return err
		}
		if err := change(p); err != nil {
			return err
		}
		return pools.Put(tx, scope, p)
	})
	return p, err
}

func (s *Service) api(p *pool) (*cognitoidentity.IdentityPool, error) {
	settings, err := s.settings(p)
	if err != nil {
		return nil, err
	}
	out := &cognitoidentity.IdentityPool{
		IdentityPoolId: wire.Some(p.ID), IdentityPoolName: wire.Some(p.Name),
		AllowUnauthenticatedIdentities: wire.Some(p.AllowGuests), AllowClassicFlow: wire.Some(p.Classic),
		SupportedLoginProviders: settings, OpenIdConnectProviderARNs: p.OIDC, SamlProviderARNs: p.SAML,
		DeveloperProviderName: wire.NonEmpty(p.Developer), IdentityPoolTags: p.Tags,
	}
	for _, u := range p.UserPools {
		out.CognitoIdentityProviders = append(out.CognitoIdentityProviders, cognitoidentity.CognitoIdentityProvider{
			ProviderName: wire.Some(u.Provider), ClientId: wire.Some(u.Client), ServerSideTokenCheck: wire.Some(u.Check),
		})
	}
	return out, nil
}
