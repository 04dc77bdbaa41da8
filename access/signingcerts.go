package access

import (
	"crypto/x509"
	"encoding/pem"
	"strings"
	"time"

	"bothy/api/iam"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// signingCertRow is a user's X.509 certificate for signing requests of services of old.
type signingCertRow struct {
	UserID, ID string
	Body       string // PEM
	Inactive   bool
	Uploaded   time.Time
}

func signingCerts() *record.Table[signingCertRow] {
	return &record.Table[signingCertRow]{Name: "access.signingcert", Version: 1, Key: func(r *signingCertRow) []any { return []any{r.UserID, r.ID} }}
}

// maxSigningCerts is the quota of a user.
const maxSigningCerts = 2

func (s *Service) mountSigningCerts(m *wire.Mux) {
	wire.Handle(m, iam.UploadSigningCertificate, s.accessUploadSigningCert, s.uploadSigningCert)
	wire.Handle(m, iam.ListSigningCertificates, s.accessListSigningCerts, s.listSigningCerts)
	wire.Handle(m, iam.UpdateSigningCertificate, s.accessUpdateSigningCert, s.updateSigningCert)
	wire.Handle(m, iam.DeleteSigningCertificate, s.accessDeleteSigningCert, s.deleteSigningCert)
}

func noSigningCert(id string) error {
	return noSuchEntity("The Certificate with id %s cannot be found.", id)
}

// readCertificates parses certificates in PEM, and nothing else between or after them.
func readCertificates(text string) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for rest := []byte(strings.TrimSpace(text)); len(rest) > 0; {
		block, after := pem.Decode(rest)
		if block == nil || block.Type != "CERTIFICATE" {
			return nil, malformedCertificate("there is no certificate in PEM")
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, malformedCertificate(err.Error())
		}
		out = append(out, cert)
		rest = []byte(strings.TrimSpace(string(after)))
	}
	if len(out) == 0 {
		return nil, malformedCertificate("there is no certificate in PEM")
	}
	return out, nil
}

func malformedCertificate(reason string) error {
	return wire.Because(&iam.MalformedCertificateException{Message: wire.Some("Unable to parse certificate. Please ensure the certificate is in PEM format.")}, "%s", reason)
}

func (r *signingCertRow) api(user string) *iam.SigningCertificate {
	return &iam.SigningCertificate{UserName: wire.Some(user), CertificateId: wire.Some(r.ID), CertificateBody: wire.Some(r.Body),
		Status: statusOf(r.Inactive), UploadDate: wire.Some(r.Uploaded)}
}

func (s *Service) accessUploadSigningCert(c *wire.Call, in *iam.UploadSigningCertificateInput) ([]wire.Access, error) {
	return s.onUser(c, "UploadSigningCertificate", named(c, in.UserName), nil)
}

func (s *Service) uploadSigningCert(c *wire.Call, in *iam.UploadSigningCertificateInput) (out *iam.UploadSigningCertificateOutput, err error) {
	certs, err := readCertificates(in.CertificateBody.V)
	if err != nil {
		return nil, err
	}
	if len(certs) != 1 || c.Now.After(certs[0].NotAfter) {
		return nil, &iam.InvalidCertificateException{Message: wire.Some("The certificate is expired, or there is more than one.")}
	}
	row := &signingCertRow{ID: newID("", 32), Body: strings.TrimSpace(in.CertificateBody.V), Uploaded: c.Now.UTC().Truncate(time.Second)}
	err = s.withUser(c, in.UserName, func(tx *kv.Tx, user *userRow) error {
		had, err := signingCerts().All(tx, of(c.Account), "", user.ID)
		if err != nil {
			return err
		}
		for _, other := range had {
			if same, err := readCertificates(other.Body); err == nil && same[0].Equal(certs[0]) {
				return &iam.DuplicateCertificateException{Message: wire.Some("The certificate is already associated with the user.")}
			}
		}
		if len(had) >= maxSigningCerts {
			return limitExceeded("Cannot exceed quota for CertificatesPerUser: %d", maxSigningCerts)
		}
		row.UserID = user.ID
		out = &iam.UploadSigningCertificateOutput{Certificate: row.api(user.Name)}
		return signingCerts().Insert(tx, of(c.Account), row)
	})
	return out, err
}

func (s *Service) accessListSigningCerts(c *wire.Call, in *iam.ListSigningCertificatesInput) ([]wire.Access, error) {
	return s.onUser(c, "ListSigningCertificates", named(c, in.UserName), nil)
}

func (s *Service) listSigningCerts(c *wire.Call, in *iam.ListSigningCertificatesInput) (*iam.ListSigningCertificatesOutput, error) {
	out := &iam.ListSigningCertificatesOutput{IsTruncated: wire.Some(false)} // there are two at most
	return out, listHeld(s, c, in.UserName, signingCerts(), func(user *userRow, row *signingCertRow) {
		out.Certificates = append(out.Certificates, *row.api(user.Name))
	})
}

func (s *Service) accessUpdateSigningCert(c *wire.Call, in *iam.UpdateSigningCertificateInput) ([]wire.Access, error) {
	return s.onUser(c, "UpdateSigningCertificate", named(c, in.UserName), nil)
}

func (s *Service) updateSigningCert(c *wire.Call, in *iam.UpdateSigningCertificateInput) (*iam.UpdateSigningCertificateOutput, error) {
	return nil, changeHeld(s, c, in.UserName, signingCerts(), in.CertificateId.V, noSigningCert(in.CertificateId.V), func(r *signingCertRow) (err error) {
		r.Inactive, err = inactive(in.Status.V)
		return err
	})
}

func (s *Service) accessDeleteSigningCert(c *wire.Call, in *iam.DeleteSigningCertificateInput) ([]wire.Access, error) {
	return s.onUser(c, "DeleteSigningCertificate", named(c, in.UserName), nil)
}

func (s *Service) deleteSigningCert(c *wire.Call, in *iam.DeleteSigningCertificateInput) (*iam.DeleteSigningCertificateOutput, error) {
	return nil, s.withUser(c, in.UserName, func(tx *kv.Tx, user *userRow) error {
		return or(signingCerts().Delete(tx, of(c.Account), user.ID, in.CertificateId.V), noSigningCert(in.CertificateId.V))
	})
}
