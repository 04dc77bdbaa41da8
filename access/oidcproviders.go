package access

import (
	"context"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"bothy/api/iam"
	"bothy/federation/oidc"
	"bothy/kv"
	"bothy/policy"
	"bothy/record"
	"bothy/wire"
)

// oidcRow is an OpenID Connect provider whose tokens stand for web identities.
type oidcRow struct {
	ARN         string
	URL         string // issuer, with its scheme
	ClientIDs   []string
	Thumbprints []string // SHA-1 of certificates, in hex, that its endpoints may show where no root of the system vouches for them
	Created     time.Time
	tagSet
}

func oidcProviders() *record.Table[oidcRow] {
	return &record.Table[oidcRow]{Name: "access.oidcprovider", Version: 1, Key: func(r *oidcRow) []any { return []any{r.ARN} }}
}

// Quotas of providers.
const (
	maxProviders   = 100 // of one kind, in an account
	maxClientIDs   = 100
	maxThumbprints = 5
)

// OIDCProvider is a provider as those need it who check its tokens.
type OIDCProvider struct {
	URL       string // issuer: https://…
	ClientIDs []string
}

// OIDCProvider is the provider with the ARN, nil when there is none.
func (s *Service) OIDCProvider(ctx context.Context, arn string) (*OIDCProvider, error) {
	row, err := s.oidcProvider(ctx, arn)
	if row == nil || err != nil {
		return nil, err
	}
	return &OIDCProvider{row.URL, row.ClientIDs}, nil
}

func (s *Service) oidcProvider(ctx context.Context, arn string) (row *oidcRow, err error) {
	err = s.cfg.DB.View(ctx, func(tx *kv.Tx) error {
		row, err = oidcProviders().Get(tx, of(accountOf(arn)), arn)
		return or(err, nil)
	})
	return row, err
}

// takes tells whether a token of the issuer is for one of the provider's clients; a provider that is not there takes none.
func (r *oidcRow) takes(issuer string, claims map[string]any) bool {
	return r != nil && withoutScheme(r.URL) == withoutScheme(issuer) && slices.ContainsFunc(claimList(claims["aud"]), func(id string) bool { return slices.Contains(r.ClientIDs, id) })
}

// withoutScheme is an issuer as ARNs and condition keys name it.
func withoutScheme(url string) string {
	_, rest, ok := strings.Cut(url, "://")
	if !ok {
		return url
	}
	return rest
}

func oidcARN(account, url string) string {
	return "arn:aws:iam::" + account + ":oidc-provider/" + withoutScheme(url)
}

func noOIDC(arn string) error {
	return noSuchEntity("OpenIDConnect Provider not found for arn %s", arn)
}

func (s *Service) mountOIDC(m *wire.Mux) {
	wire.Handle(m, iam.CreateOpenIDConnectProvider, accessCreateOIDC, s.createOIDC)
	wire.Handle(m, iam.GetOpenIDConnectProvider, s.accessGetOIDC, s.getOIDC)
	wire.Handle(m, iam.ListOpenIDConnectProviders, onAccount[iam.ListOpenIDConnectProvidersInput]("ListOpenIDConnectProviders"), s.listOIDC)
	wire.Handle(m, iam.DeleteOpenIDConnectProvider, s.accessDeleteOIDC, s.deleteOIDC)
	wire.Handle(m, iam.UpdateOpenIDConnectProviderThumbprint, s.accessThumbprint, s.updateThumbprint)
	wire.Handle(m, iam.AddClientIDToOpenIDConnectProvider, s.accessAddClientID, s.addClientID)
	wire.Handle(m, iam.RemoveClientIDFromOpenIDConnectProvider, s.accessRemoveClientID, s.removeClientID)
	wire.Handle(m, iam.TagOpenIDConnectProvider, s.accessTagOIDC, s.tagOIDC)
	wire.Handle(m, iam.UntagOpenIDConnectProvider, s.accessUntagOIDC, s.untagOIDC)
	wire.Handle(m, iam.ListOpenIDConnectProviderTags, s.accessListOIDCTags, s.listOIDCTags)
}

// onOIDC is the access of an operation on a provider.
func (s *Service) onOIDC(c *wire.Call, action, arn string, keys policy.Keys) ([]wire.Access, error) {
	row, err := s.oidcProvider(c, arn)
	var tags map[string]string
	if row != nil {
		tags = row.Tags
	}
	return wire.One("iam:"+action, arn, withTags(keys, tags)), err
}

func accessCreateOIDC(c *wire.Call, in *iam.CreateOpenIDConnectProviderInput) ([]wire.Access, error) {
	return wire.One("iam:CreateOpenIDConnectProvider", oidcARN(c.Account, in.Url.V), requestTags(policy.Keys{}, in.Tags)), nil
}

func (s *Service) createOIDC(c *wire.Call, in *iam.CreateOpenIDConnectProviderInput) (*iam.CreateOpenIDConnectProviderOutput, error) {
	if err := oidc.CheckURL(in.Url.V); err != nil || strings.ContainsAny(in.Url.V, "?*") {
		return nil, wire.Because(invalidInput("Invalid Open ID Connect Provider URL"), "%v", err)
	}
	thumbprints, err := checkThumbprints(in.ThumbprintList)
	if err != nil {
		return nil, err
	}
	row := &oidcRow{ARN: oidcARN(c.Account, in.Url.V), URL: in.Url.V, Thumbprints: thumbprints, Created: c.Now.UTC().Truncate(time.Second)}
	for _, id := range in.ClientIDList {
		if err := row.addClient(id); err != nil {
			return nil, err
		}
	}
	if err := row.tag(in.Tags); err != nil {
		return nil, err
	}
	err = s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		all, err := oidcProviders().All(tx, of(c.Account), "")
		if err != nil {
			return err
		}
		if len(all) >= maxProviders {
			return limitExceeded("Cannot exceed quota for OpenIdConnectProvidersPerAccount: %d", maxProviders)
		}
		return exists(oidcProviders().Insert(tx, of(c.Account), row), alreadyExists("Provider with url %s already exists.", row.URL))
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreateOpenIDConnectProviderOutput{OpenIDConnectProviderArn: wire.Some(row.ARN), Tags: apiTags(row.Tags)}, nil
}

// checkThumbprints takes SHA-1 sums in hex.
func checkThumbprints(list []string) ([]string, error) {
	if len(list) > maxThumbprints {
		return nil, invalidInput("Thumbprint list must contain fewer than 5 entries.")
	}
	var out []string
	for _, t := range list {
		if raw, err := hex.DecodeString(t); err != nil || len(raw) != 20 {
			return nil, invalidInput("Thumbprint must be the SHA-1 of a certificate in hexadecimal.")
		}
		out = append(out, strings.ToLower(t))
	}
	return out, nil
}

func (r *oidcRow) addClient(id string) error {
	if slices.Contains(r.ClientIDs, id) {
		return nil
	}
	if len(r.ClientIDs) >= maxClientIDs {
		return limitExceeded("Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: %d", maxClientIDs)
	}
	r.ClientIDs = append(r.ClientIDs, id)
	return nil
}

func (s *Service) accessGetOIDC(c *wire.Call, in *iam.GetOpenIDConnectProviderInput) ([]wire.Access, error) {
	return s.onOIDC(c, "GetOpenIDConnectProvider", in.OpenIDConnectProviderArn.V, nil)
}

func (s *Service) getOIDC(c *wire.Call, in *iam.GetOpenIDConnectProviderInput) (*iam.GetOpenIDConnectProviderOutput, error) {
	arn := in.OpenIDConnectProviderArn.V
	row, err := read(s, c, oidcProviders(), noOIDC(arn), arn)
	if err != nil {
		return nil, err
	}
	return &iam.GetOpenIDConnectProviderOutput{Url: wire.Some(withoutScheme(row.URL)), ClientIDList: row.ClientIDs, ThumbprintList: row.Thumbprints,
		CreateDate: wire.Some(row.Created), Tags: apiTags(row.Tags)}, nil
}

func (s *Service) listOIDC(c *wire.Call, _ *iam.ListOpenIDConnectProvidersInput) (*iam.ListOpenIDConnectProvidersOutput, error) {
	out := &iam.ListOpenIDConnectProvidersOutput{}
	err := s.cfg.DB.View(c, func(tx *kv.Tx) error {
		rows, err := oidcProviders().All(tx, of(c.Account), "")
		for _, row := range rows {
			out.OpenIDConnectProviderList = append(out.OpenIDConnectProviderList, iam.OpenIDConnectProviderListEntry{Arn: wire.Some(row.ARN)})
		}
		return err
	})
	return out, err
}

func (s *Service) accessDeleteOIDC(c *wire.Call, in *iam.DeleteOpenIDConnectProviderInput) ([]wire.Access, error) {
	return s.onOIDC(c, "DeleteOpenIDConnectProvider", in.OpenIDConnectProviderArn.V, nil)
}

// deleteOIDC forgets the provider; as at AWS, roles that trust it stay and can be assumed by nobody through it.
func (s *Service) deleteOIDC(c *wire.Call, in *iam.DeleteOpenIDConnectProviderInput) (*iam.DeleteOpenIDConnectProviderOutput, error) {
	arn := in.OpenIDConnectProviderArn.V
	return nil, s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		return or(oidcProviders().Delete(tx, of(c.Account), arn), noOIDC(arn))
	})
}

func (s *Service) changeOIDC(c *wire.Call, arn string, f func(*oidcRow) error) error {
	return change(s, c, oidcProviders(), noOIDC(arn), func(_ *kv.Tx, r *oidcRow) error { return f(r) }, arn)
}

func (s *Service) accessThumbprint(c *wire.Call, in *iam.UpdateOpenIDConnectProviderThumbprintInput) ([]wire.Access, error) {
	return s.onOIDC(c, "UpdateOpenIDConnectProviderThumbprint", in.OpenIDConnectProviderArn.V, nil)
}

func (s *Service) updateThumbprint(c *wire.Call, in *iam.UpdateOpenIDConnectProviderThumbprintInput) (*iam.UpdateOpenIDConnectProviderThumbprintOutput, error) {
	thumbprints, err := checkThumbprints(in.ThumbprintList)
	if err != nil {
		return nil, err
	}
	return nil, s.changeOIDC(c, in.OpenIDConnectProviderArn.V, func(r *oidcRow) error {
		r.Thumbprints = thumbprints
		return nil
	})
}

func (s *Service) accessAddClientID(c *wire.Call, in *iam.AddClientIDToOpenIDConnectProviderInput) ([]wire.Access, error) {
	return s.onOIDC(c, "AddClientIDToOpenIDConnectProvider", in.OpenIDConnectProviderArn.V, nil)
}

func (s *Service) addClientID(c *wire.Call, in *iam.AddClientIDToOpenIDConnectProviderInput) (*iam.AddClientIDToOpenIDConnectProviderOutput, error) {
	return nil, s.changeOIDC(c, in.OpenIDConnectProviderArn.V, func(r *oidcRow) error { return r.addClient(in.ClientID.V) })
}

func (s *Service) accessRemoveClientID(c *wire.Call, in *iam.RemoveClientIDFromOpenIDConnectProviderInput) ([]wire.Access, error) {
	return s.onOIDC(c, "RemoveClientIDFromOpenIDConnectProvider", in.OpenIDConnectProviderArn.V, nil)
}

func (s *Service) removeClientID(c *wire.Call, in *iam.RemoveClientIDFromOpenIDConnectProviderInput) (*iam.RemoveClientIDFromOpenIDConnectProviderOutput, error) {
	return nil, s.changeOIDC(c, in.OpenIDConnectProviderArn.V, func(r *oidcRow) error {
		r.ClientIDs = slices.DeleteFunc(r.ClientIDs, func(id string) bool { return id == in.ClientID.V })
		return nil
	})
}

func (s *Service) accessTagOIDC(c *wire.Call, in *iam.TagOpenIDConnectProviderInput) ([]wire.Access, error) {
	return s.onOIDC(c, "TagOpenIDConnectProvider", in.OpenIDConnectProviderArn.V, requestTags(policy.Keys{}, in.Tags))
}

func (s *Service) tagOIDC(c *wire.Call, in *iam.TagOpenIDConnectProviderInput) (*iam.TagOpenIDConnectProviderOutput, error) {
	return nil, s.changeOIDC(c, in.OpenIDConnectProviderArn.V, func(r *oidcRow) error { return r.tag(in.Tags) })
}

func (s *Service) accessUntagOIDC(c *wire.Call, in *iam.UntagOpenIDConnectProviderInput) ([]wire.Access, error) {
	return s.onOIDC(c, "UntagOpenIDConnectProvider", in.OpenIDConnectProviderArn.V, policy.Keys{"aws:tagkeys": in.TagKeys})
}

func (s *Service) untagOIDC(c *wire.Call, in *iam.UntagOpenIDConnectProviderInput) (*iam.UntagOpenIDConnectProviderOutput, error) {
	return nil, s.changeOIDC(c, in.OpenIDConnectProviderArn.V, func(r *oidcRow) error { return r.untag(in.TagKeys) })
}

func (s *Service) accessListOIDCTags(c *wire.Call, in *iam.ListOpenIDConnectProviderTagsInput) ([]wire.Access, error) {
	return s.onOIDC(c, "ListOpenIDConnectProviderTags", in.OpenIDConnectProviderArn.V, nil)
}

func (s *Service) listOIDCTags(c *wire.Call, in *iam.ListOpenIDConnectProviderTagsInput) (*iam.ListOpenIDConnectProviderTagsOutput, error) {
	arn := in.OpenIDConnectProviderArn.V
	row, err := read(s, c, oidcProviders(), noOIDC(arn), arn)
	if err != nil {
		return nil, err
	}
	tags, next, err := tagPage(row.Tags, in.Marker, in.MaxItems)
	return &iam.ListOpenIDConnectProviderTagsOutput{Tags: tags, IsTruncated: wire.Some(next.Set), Marker: next}, err
}
