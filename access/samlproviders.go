package access

import (
	"context"
	"time"

	"bothy/api/iam"
	"bothy/federation/saml"
	"bothy/kv"
	"bothy/policy"
	"bothy/record"
	"bothy/wire"
)

// samlRow is a SAML identity provider.
type samlRow struct {
	ARN, Name, UUID string
	Metadata        []byte    // XML, as given
	ValidUntil      time.Time // as the metadata says, or far away
	Created         time.Time
	tagSet
}

func samlProviders() *record.Table[samlRow] {
	return &record.Table[samlRow]{Name: "access.samlprovider", Version: 1, Key: func(r *samlRow) []any { return []any{r.ARN} }}
}

// maxMetadata is the size of a metadata document: what fits a row.
const maxMetadata = 500_000

// metadataLife is how long metadata is good that does not say it: as AWS shows it.
const metadataLife = 100 // years

// SAMLMetadata is the metadata document of the provider with the ARN, nil when there is none.
func (s *Service) SAMLMetadata(ctx context.Context, arn string) ([]byte, error) {
	row, err := s.samlProvider(ctx, arn)
	if row == nil || err != nil {
		return nil, err
	}
	return row.Metadata, nil
}

func (s *Service) samlProvider(ctx context.Context, arn string) (row *samlRow, err error) {
	err = s.cfg.DB.View(ctx, func(tx *kv.Tx) error {
		row, err = samlProviders().Get(tx, of(accountOf(arn)), arn)
		return or(err, nil)
	})
	return row, err
}

func noSAML(arn string) error {
	return noSuchEntity("Manifest not found for arn %s", arn)
}

func (s *Service) mountSAML(m *wire.Mux) {
	wire.Handle(m, iam.CreateSAMLProvider, accessCreateSAML, s.createSAML)
	wire.Handle(m, iam.GetSAMLProvider, s.accessGetSAML, s.getSAML)
	wire.Handle(m, iam.ListSAMLProviders, onAccount[iam.ListSAMLProvidersInput]("ListSAMLProviders"), s.listSAML)
	wire.Handle(m, iam.UpdateSAMLProvider, s.accessUpdateSAML, s.updateSAML)
	wire.Handle(m, iam.DeleteSAMLProvider, s.accessDeleteSAML, s.deleteSAML)
	wire.Handle(m, iam.TagSAMLProvider, s.accessTagSAML, s.tagSAML)
	wire.Handle(m, iam.UntagSAMLProvider, s.accessUntagSAML, s.untagSAML)
	wire.Handle(m, iam.ListSAMLProviderTags, s.accessListSAMLTags, s.listSAMLTags)
}

func samlARN(account, name string) string {
	return "arn:aws:iam::" + account + ":saml-provider/" + name
}

// onSAML is the access of an operation on a provider.
func (s *Service) onSAML(c *wire.Call, action, arn string, keys policy.Keys) ([]wire.Access, error) {
	row, err := s.samlProvider(c, arn)
	var tags map[string]string
	if row != nil {
		tags = row.Tags
	}
	return wire.One("iam:"+action, arn, withTags(keys, tags)), err
}

// set gives the provider a metadata document.
func (r *samlRow) set(document string, now time.Time) error {
	if len(document) > maxMetadata {
		return invalidInput("The metadata document is too long.")
	}
	m, err := saml.ParseMetadata([]byte(document))
	if err != nil {
		return wire.Because(invalidInput("Could not parse metadata"), "%v", err)
	}
	r.Metadata, r.ValidUntil = []byte(document), m.ValidUntil
	if m.ValidUntil.IsZero() {
		r.ValidUntil = now.UTC().Truncate(time.Second).AddDate(metadataLife, 0, 0)
	}
	return nil
}

// unencrypted refuses what would need keys for encrypted assertions: none is read here.
func unencrypted(mode, key wire.Opt[string]) error {
	if mode.V == "Required" || key.Set {
		return invalidInput("Encrypted assertions are not supported: have the provider send them signed, over TLS.")
	}
	return nil
}

func accessCreateSAML(c *wire.Call, in *iam.CreateSAMLProviderInput) ([]wire.Access, error) {
	return wire.One("iam:CreateSAMLProvider", samlARN(c.Account, in.Name.V), requestTags(policy.Keys{}, in.Tags)), nil
}

func (s *Service) createSAML(c *wire.Call, in *iam.CreateSAMLProviderInput) (*iam.CreateSAMLProviderOutput, error) {
	if err := unencrypted(in.AssertionEncryptionMode, in.AddPrivateKey); err != nil {
		return nil, err
	}
	row := &samlRow{ARN: samlARN(c.Account, in.Name.V), Name: in.Name.V, UUID: newID("ASAMLP", 22), Created: c.Now.UTC().Truncate(time.Second)}
	if err := row.set(in.SAMLMetadataDocument.V, c.Now); err != nil {
		return nil, err
	}
	if err := row.tag(in.Tags); err != nil {
		return nil, err
	}
	err := s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		all, err := samlProviders().All(tx, of(c.Account), "")
		if err != nil {
			return err
		}
		if len(all) >= maxProviders {
			return limitExceeded("Cannot exceed quota for SAMLProvidersPerAccount: %d", maxProviders)
		}
		return exists(samlProviders().Insert(tx, of(c.Account), row), alreadyExists("SAMLProvider %s already exists.", row.Name))
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreateSAMLProviderOutput{SAMLProviderArn: wire.Some(row.ARN), Tags: apiTags(row.Tags)}, nil
}

func (s *Service) accessGetSAML(c *wire.Call, in *iam.GetSAMLProviderInput) ([]wire.Access, error) {
	return s.onSAML(c, "GetSAMLProvider", in.SAMLProviderArn.V, nil)
}

func (s *Service) getSAML(c *wire.Call, in *iam.GetSAMLProviderInput) (*iam.GetSAMLProviderOutput, error) {
	arn := in.SAMLProviderArn.V
	row, err := read(s, c, samlProviders(), noSAML(arn), arn)
	if err != nil {
		return nil, err
	}
	return &iam.GetSAMLProviderOutput{SAMLProviderUUID: wire.Some(row.UUID), SAMLMetadataDocument: wire.Some(string(row.Metadata)),
		CreateDate: wire.Some(row.Created), ValidUntil: wire.Some(row.ValidUntil), Tags: apiTags(row.Tags)}, nil
}

func (s *Service) listSAML(c *wire.Call, _ *iam.ListSAMLProvidersInput) (*iam.ListSAMLProvidersOutput, error) {
	out := &iam.ListSAMLProvidersOutput{}
	err := s.cfg.DB.View(c, func(tx *kv.Tx) error {
		rows, err := samlProviders().All(tx, of(c.Account), "")
		for _, row := range rows {
			out.SAMLProviderList = append(out.SAMLProviderList, iam.SAMLProviderListEntry{Arn: wire.Some(row.ARN), ValidUntil: wire.Some(row.ValidUntil), CreateDate: wire.Some(row.Created)})
		}
		return err
	})
	return out, err
}

func (s *Service) accessUpdateSAML(c *wire.Call, in *iam.UpdateSAMLProviderInput) ([]wire.Access, error) {
	return s.onSAML(c, "UpdateSAMLProvider", in.SAMLProviderArn.V, nil)
}

func (s *Service) updateSAML(c *wire.Call, in *iam.UpdateSAMLProviderInput) (*iam.UpdateSAMLProviderOutput, error) {
	if err := unencrypted(in.AssertionEncryptionMode, in.AddPrivateKey); err != nil {
		return nil, err
	}
	if in.RemovePrivateKey.Set {
		return nil, noSuchEntity("The private key %s cannot be found.", in.RemovePrivateKey.V)
	}
	arn := in.SAMLProviderArn.V
	err := s.changeSAML(c, arn, func(r *samlRow) error {
		if !in.SAMLMetadataDocument.Set {
			return nil
		}
		return r.set(in.SAMLMetadataDocument.V, c.Now)
	})
	if err != nil {
		return nil, err
	}
	return &iam.UpdateSAMLProviderOutput{SAMLProviderArn: wire.Some(arn)}, nil
}

func (s *Service) changeSAML(c *wire.Call, arn string, f func(*samlRow) error) error {
	return change(s, c, samlProviders(), noSAML(arn), func(_ *kv.Tx, r *samlRow) error { return f(r) }, arn)
}

func (s *Service) accessDeleteSAML(c *wire.Call, in *iam.DeleteSAMLProviderInput) ([]wire.Access, error) {
	return s.onSAML(c, "DeleteSAMLProvider", in.SAMLProviderArn.V, nil)
}

// deleteSAML forgets the provider; as at AWS, roles that trust it stay. What was used of its assertions stays known until it is too old
// to be used again.
func (s *Service) deleteSAML(c *wire.Call, in *iam.DeleteSAMLProviderInput) (*iam.DeleteSAMLProviderOutput, error) {
	arn := in.SAMLProviderArn.V
	return nil, s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		return or(samlProviders().Delete(tx, of(c.Account), arn), noSAML(arn))
	})
}

func (s *Service) accessTagSAML(c *wire.Call, in *iam.TagSAMLProviderInput) ([]wire.Access, error) {
	return s.onSAML(c, "TagSAMLProvider", in.SAMLProviderArn.V, requestTags(policy.Keys{}, in.Tags))
}

func (s *Service) tagSAML(c *wire.Call, in *iam.TagSAMLProviderInput) (*iam.TagSAMLProviderOutput, error) {
	return nil, s.changeSAML(c, in.SAMLProviderArn.V, func(r *samlRow) error { return r.tag(in.Tags) })
}

func (s *Service) accessUntagSAML(c *wire.Call, in *iam.UntagSAMLProviderInput) ([]wire.Access, error) {
	return s.onSAML(c, "UntagSAMLProvider", in.SAMLProviderArn.V, policy.Keys{"aws:tagkeys": in.TagKeys})
}

func (s *Service) untagSAML(c *wire.Call, in *iam.UntagSAMLProviderInput) (*iam.UntagSAMLProviderOutput, error) {
	return nil, s.changeSAML(c, in.SAMLProviderArn.V, func(r *samlRow) error { return r.untag(in.TagKeys) })
}

func (s *Service) accessListSAMLTags(c *wire.Call, in *iam.ListSAMLProviderTagsInput) ([]wire.Access, error) {
	return s.onSAML(c, "ListSAMLProviderTags", in.SAMLProviderArn.V, nil)
}

func (s *Service) listSAMLTags(c *wire.Call, in *iam.ListSAMLProviderTagsInput) (*iam.ListSAMLProviderTagsOutput, error) {
	arn := in.SAMLProviderArn.V
	row, err := read(s, c, samlProviders(), noSAML(arn), arn)
	if err != nil {
		return nil, err
	}
	tags, next, err := tagPage(row.Tags, in.Marker, in.MaxItems)
	return &iam.ListSAMLProviderTagsOutput{Tags: tags, IsTruncated: wire.Some(next.Set), Marker: next}, err
}
