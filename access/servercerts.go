package access

import (
	"crypto/tls"
	"crypto/x509"
	"strings"
	"time"

	"bothy/api/iam"
	"bothy/kv"
	"bothy/policy"
	"bothy/record"
	"bothy/wire"
)

// serverCertRow is a certificate with its private key, kept for services that speak TLS for others. None here takes its certificates from
// IAM.
type serverCertRow struct {
	Name, Path, ID string
	Body, Chain    string // PEM
	Key            []byte // PEM, sealed
	Expires        time.Time
	Uploaded       time.Time
	tagSet
}

func serverCerts() *record.Table[serverCertRow] {
	return &record.Table[serverCertRow]{Name: "access.servercert", Version: 1, Key: func(r *serverCertRow) []any { return []any{fold(r.Name)} }}
}

// maxServerCerts is the quota of an account.
const maxServerCerts = 20

func noServerCert(name string) error {
	return noSuchEntity("The Server Certificate with name %s cannot be found.", name)
}

func (s *Service) mountServerCerts(m *wire.Mux) {
	wire.Handle(m, iam.UploadServerCertificate, accessUploadServerCert, s.uploadServerCert)
	wire.Handle(m, iam.GetServerCertificate, s.accessGetServerCert, s.getServerCert)
	wire.Handle(m, iam.ListServerCertificates, accessListServerCerts, s.listServerCerts)
	wire.Handle(m, iam.UpdateServerCertificate, s.accessUpdateServerCert, s.updateServerCert)
	wire.Handle(m, iam.DeleteServerCertificate, s.accessDeleteServerCert, s.deleteServerCert)
	wire.Handle(m, iam.TagServerCertificate, s.accessTagServerCert, s.tagServerCert)
	wire.Handle(m, iam.UntagServerCertificate, s.accessUntagServerCert, s.untagServerCert)
	wire.Handle(m, iam.ListServerCertificateTags, s.accessListServerCertTags, s.listServerCertTags)
}

func serverCertARN(account, path, name string) string {
	return "arn:aws:iam::" + account + ":server-certificate" + path + name
}

// onServerCert is the access of an operation on a certificate.
func (s *Service) onServerCert(c *wire.Call, action, name string, keys policy.Keys) ([]wire.Access, error) {
	path := "/"
	var tags map[string]string
	err := s.cfg.DB.View(c, func(tx *kv.Tx) error {
		row, err := serverCerts().Get(tx, of(c.Account), fold(name))
		if err == nil {
			path, name, tags = row.Path, row.Name, row.Tags
		}
		return or(err, nil)
	})
	return wire.One("iam:"+action, serverCertARN(c.Account, path, name), withTags(keys, tags)), err
}

func (r *serverCertRow) metadata(account string) *iam.ServerCertificateMetadata {
	return &iam.ServerCertificateMetadata{Path: wire.Some(r.Path), ServerCertificateName: wire.Some(r.Name), ServerCertificateId: wire.Some(r.ID),
		Arn: wire.Some(serverCertARN(account, r.Path, r.Name)), UploadDate: wire.Some(r.Uploaded), Expiration: wire.Some(r.Expires)}
}

// checkServerCert parses a certificate, its chain and its key, and checks that they belong together.
func checkServerCert(body, chain, key string) (*x509.Certificate, error) {
	certs, err := readCertificates(body)
	if err != nil {
		return nil, err
	}
	if len(certs) != 1 {
		return nil, malformedCertificate("the body holds more than one certificate")
	}
	if _, err := tls.X509KeyPair([]byte(body), []byte(key)); err != nil {
		if strings.Contains(err.Error(), "does not match") {
			return nil, &iam.KeyPairMismatchException{Message: wire.Some("Private key does not match with certificate body.")}
		}
		return nil, wire.Because(&iam.MalformedCertificateException{Message: wire.Some("Private Key is in an unrecognized format.")}, "%v", err)
	}
	if chain == "" {
		return certs[0], nil
	}
	issuers, err := readCertificates(chain)
	if err != nil {
		return nil, err
	}
	signed := certs[0]
	for _, issuer := range issuers {
		if err := signed.CheckSignatureFrom(issuer); err != nil {
			return nil, wire.Because(&iam.MalformedCertificateException{Message: wire.Some(
				"Unable to validate certificate chain. The certificate chain must start with the immediate signing certificate, followed by any intermediaries in order.")}, "%v", err)
		}
		signed = issuer
	}
	return certs[0], nil
}

func accessUploadServerCert(c *wire.Call, in *iam.UploadServerCertificateInput) ([]wire.Access, error) {
	return wire.One("iam:UploadServerCertificate", serverCertARN(c.Account, pathOf(in.Path), in.ServerCertificateName.V), requestTags(policy.Keys{}, in.Tags)), nil
}

func (s *Service) uploadServerCert(c *wire.Call, in *iam.UploadServerCertificateInput) (*iam.UploadServerCertificateOutput, error) {
	cert, err := checkServerCert(in.CertificateBody.V, in.CertificateChain.V, in.PrivateKey.V)
	if err != nil {
		return nil, err
	}
	row := &serverCertRow{Name: in.ServerCertificateName.V, Path: pathOf(in.Path), ID: newID("ASCA", 17), Body: strings.TrimSpace(in.CertificateBody.V),
		Chain: strings.TrimSpace(in.CertificateChain.V), Expires: cert.NotAfter.UTC(), Uploaded: c.Now.UTC().Truncate(time.Second)}
	row.Key = s.cfg.Sealer.Seal("access.servercert.key/"+row.ID, []byte(in.PrivateKey.V))
	if err := row.tag(in.Tags); err != nil {
		return nil, err
	}
	err = s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		all, err := serverCerts().All(tx, of(c.Account), "")
		if err != nil {
			return err
		}
		if len(all) >= maxServerCerts {
			return limitExceeded("Cannot exceed quota for ServerCertificatesPerAccount: %d", maxServerCerts)
		}
		return exists(serverCerts().Insert(tx, of(c.Account), row), alreadyExists("The Server Certificate with name %s already exists.", row.Name))
	})
	if err != nil {
		return nil, err
	}
	return &iam.UploadServerCertificateOutput{ServerCertificateMetadata: row.metadata(c.Account), Tags: apiTags(row.Tags)}, nil
}

func (s *Service) accessGetServerCert(c *wire.Call, in *iam.GetServerCertificateInput) ([]wire.Access, error) {
	return s.onServerCert(c, "GetServerCertificate", in.ServerCertificateName.V, nil)
}

func (s *Service) readServerCert(c *wire.Call, name string) (*serverCertRow, error) {
	return read(s, c, serverCerts(), noServerCert(name), fold(name))
}

// getServerCert shows all but the private key, which nobody gets.
func (s *Service) getServerCert(c *wire.Call, in *iam.GetServerCertificateInput) (*iam.GetServerCertificateOutput, error) {
	row, err := s.readServerCert(c, in.ServerCertificateName.V)
	if err != nil {
		return nil, err
	}
	return &iam.GetServerCertificateOutput{ServerCertificate: &iam.ServerCertificate{ServerCertificateMetadata: row.metadata(c.Account),
		CertificateBody: wire.Some(row.Body), CertificateChain: wire.NonEmpty(row.Chain), Tags: apiTags(row.Tags)}}, nil
}

func accessListServerCerts(c *wire.Call, in *iam.ListServerCertificatesInput) ([]wire.Access, error) {
	return wire.One("iam:ListServerCertificates", serverCertARN(c.Account, pathOf(in.PathPrefix), "*"), nil), nil
}

func (s *Service) listServerCerts(c *wire.Call, in *iam.ListServerCertificatesInput) (*iam.ListServerCertificatesOutput, error) {
	out := &iam.ListServerCertificatesOutput{}
	err := s.cfg.DB.View(c, func(tx *kv.Tx) error {
		rows, next, err := listRows(tx, serverCerts(), of(c.Account), in.Marker.V, in.MaxItems.Or(defaultItems),
			func(r *serverCertRow) bool { return strings.HasPrefix(r.Path, in.PathPrefix.V) })
		for _, row := range rows {
			out.ServerCertificateMetadataList = append(out.ServerCertificateMetadataList, *row.metadata(c.Account))
		}
		out.IsTruncated, out.Marker = wire.Some(next != ""), wire.NonEmpty(next)
		return err
	})
	return out, err
}

// accessUpdateServerCert wants the permission for the old name and the new one.
func (s *Service) accessUpdateServerCert(c *wire.Call, in *iam.UpdateServerCertificateInput) ([]wire.Access, error) {
	wants, err := s.onServerCert(c, "UpdateServerCertificate", in.ServerCertificateName.V, nil)
	if err != nil || !in.NewPath.Set && !in.NewServerCertificateName.Set {
		return wants, err
	}
	moved := wants[0]
	moved.Resource = serverCertARN(c.Account, pathOf(in.NewPath), in.NewServerCertificateName.Or(in.ServerCertificateName.V))
	return append(wants, moved), nil
}

func (s *Service) updateServerCert(c *wire.Call, in *iam.UpdateServerCertificateInput) (*iam.UpdateServerCertificateOutput, error) {
	return nil, s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		row, err := serverCerts().Get(tx, of(c.Account), fold(in.ServerCertificateName.V))
		if err != nil {
			return or(err, noServerCert(in.ServerCertificateName.V))
		}
		if err := serverCerts().Delete(tx, of(c.Account), fold(row.Name)); err != nil {
			return err
		}
		row.Path, row.Name = in.NewPath.Or(row.Path), in.NewServerCertificateName.Or(row.Name)
		return exists(serverCerts().Insert(tx, of(c.Account), row), alreadyExists("The Server Certificate with name %s already exists.", row.Name))
	})
}

func (s *Service) accessDeleteServerCert(c *wire.Call, in *iam.DeleteServerCertificateInput) ([]wire.Access, error) {
	return s.onServerCert(c, "DeleteServerCertificate", in.ServerCertificateName.V, nil)
}

func (s *Service) deleteServerCert(c *wire.Call, in *iam.DeleteServerCertificateInput) (*iam.DeleteServerCertificateOutput, error) {
	return nil, s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		return or(serverCerts().Delete(tx, of(c.Account), fold(in.ServerCertificateName.V)), noServerCert(in.ServerCertificateName.V))
	})
}

func (s *Service) accessTagServerCert(c *wire.Call, in *iam.TagServerCertificateInput) ([]wire.Access, error) {
	return s.onServerCert(c, "TagServerCertificate", in.ServerCertificateName.V, requestTags(policy.Keys{}, in.Tags))
}

func (s *Service) changeServerCert(c *wire.Call, name string, f func(*serverCertRow) error) error {
	return change(s, c, serverCerts(), noServerCert(name), func(_ *kv.Tx, r *serverCertRow) error { return f(r) }, fold(name))
}

func (s *Service) tagServerCert(c *wire.Call, in *iam.TagServerCertificateInput) (*iam.TagServerCertificateOutput, error) {
	return nil, s.changeServerCert(c, in.ServerCertificateName.V, func(r *serverCertRow) error { return r.tag(in.Tags) })
}

func (s *Service) accessUntagServerCert(c *wire.Call, in *iam.UntagServerCertificateInput) ([]wire.Access, error) {
	return s.onServerCert(c, "UntagServerCertificate", in.ServerCertificateName.V, policy.Keys{"aws:tagkeys": in.TagKeys})
}

func (s *Service) untagServerCert(c *wire.Call, in *iam.UntagServerCertificateInput) (*iam.UntagServerCertificateOutput, error) {
	return nil, s.changeServerCert(c, in.ServerCertificateName.V, func(r *serverCertRow) error { return r.untag(in.TagKeys) })
}

func (s *Service) accessListServerCertTags(c *wire.Call, in *iam.ListServerCertificateTagsInput) ([]wire.Access, error) {
	return s.onServerCert(c, "ListServerCertificateTags", in.ServerCertificateName.V, nil)
}

func (s *Service) listServerCertTags(c *wire.Call, in *iam.ListServerCertificateTagsInput) (*iam.ListServerCertificateTagsOutput, error) {
	row, err := s.readServerCert(c, in.ServerCertificateName.V)
	if err != nil {
		return nil, err
	}
	tags, next, err := tagPage(row.Tags, in.Marker, in.MaxItems)
	return &iam.ListServerCertificateTagsOutput{Tags: tags, IsTruncated: wire.Some(next.Set), Marker: next}, err
}
