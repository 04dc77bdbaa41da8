package access

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"bothy/api/iam"
)

// authority makes certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// certify makes a certificate that by signs; nil signs itself and is an authority.
func certify(t testing.TB, by *authority, name string, until time.Time) (*authority, string) {
	t.Helper()
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	form := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotBefore: until.AddDate(-2, 0, 0), NotAfter: until,
		IsCA: by == nil, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	signer := by
	if by == nil {
		signer = &authority{form, key}
	}
	der := must(x509.CreateCertificate(rand.Reader, form, signer.cert, &key.PublicKey, signer.key))
	return &authority{must(x509.ParseCertificate(der)), key}, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func (a *authority) pem() string {
	der, _ := x509.MarshalECPrivateKey(a.key)
	return string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
}

func TestServerCertificates(t *testing.T) {
	s := newStage(t)
	until := s.now.AddDate(1, 0, 0)
	ca, caPEM := certify(t, nil, "ca", until)
	leaf, leafPEM := certify(t, ca, "example.com", until)
	other, otherPEM := certify(t, nil, "other", until)
	in := func(body, chain, key string) *iam.UploadServerCertificateInput {
		up := &iam.UploadServerCertificateInput{ServerCertificateName: some("web"), Path: some("/cloudfront/"), CertificateBody: some(body), PrivateKey: some(key),
			Tags: []iam.Tag{{Key: some("k"), Value: some("v")}}}
		if chain != "" {
			up.CertificateChain = some(chain)
		}
		return up
	}
	fails(s, s.root, iam.UploadServerCertificate, in("no certificate", "", leaf.pem()), "MalformedCertificate", "")
	fails(s, s.root, iam.UploadServerCertificate, in(leafPEM+caPEM, "", leaf.pem()), "MalformedCertificate", "more than one")
	fails(s, s.root, iam.UploadServerCertificate, in(leafPEM, "", "no key"), "MalformedCertificate", "")
	fails(s, s.root, iam.UploadServerCertificate, in(leafPEM, "", other.pem()), "KeyPairMismatch", "does not match")
	fails(s, s.root, iam.UploadServerCertificate, in(leafPEM, otherPEM, leaf.pem()), "MalformedCertificate", "chain")
	made := as(s, s.root, iam.UploadServerCertificate, in(leafPEM, caPEM, leaf.pem())).ServerCertificateMetadata
	if made.Arn.V != "arn:aws:iam::"+s.account+":server-certificate/cloudfront/web" || !made.Expiration.V.Equal(until) {
		t.Errorf("uploaded %+v", made)
	}
	fails(s, s.root, iam.UploadServerCertificate, in(leafPEM, caPEM, leaf.pem()), "EntityAlreadyExists", "")
	name := some("WEB")
	if got := as(s, s.root, iam.GetServerCertificate, &iam.GetServerCertificateInput{ServerCertificateName: name}).ServerCertificate; got.CertificateBody.V+"\n" != leafPEM || got.CertificateChain.V+"\n" != caPEM || len(got.Tags) != 1 {
		t.Errorf("read %+v", got)
	}
	as(s, s.root, iam.TagServerCertificate, &iam.TagServerCertificateInput{ServerCertificateName: name, Tags: []iam.Tag{{Key: some("a"), Value: some("b")}}})
	as(s, s.root, iam.UntagServerCertificate, &iam.UntagServerCertificateInput{ServerCertificateName: name, TagKeys: []string{"k"}})
	if l := as(s, s.root, iam.ListServerCertificateTags, &iam.ListServerCertificateTagsInput{ServerCertificateName: name}).Tags; len(l) != 1 || l[0].Key.V != "a" {
		t.Errorf("tags %+v", l)
	}
	as(s, s.root, iam.UpdateServerCertificate, &iam.UpdateServerCertificateInput{ServerCertificateName: name, NewServerCertificateName: some("site"), NewPath: some("/")})
	fails(s, s.root, iam.GetServerCertificate, &iam.GetServerCertificateInput{ServerCertificateName: name}, "NoSuchEntity", "")
	if l := as(s, s.root, iam.ListServerCertificates, &iam.ListServerCertificatesInput{}).ServerCertificateMetadataList; len(l) != 1 || l[0].ServerCertificateName.V != "site" || l[0].Path.V != "/" || l[0].ServerCertificateId != made.ServerCertificateId {
		t.Errorf("list %+v", l)
	}
	if l := as(s, s.root, iam.ListServerCertificates, &iam.ListServerCertificatesInput{PathPrefix: some("/cloudfront/")}).ServerCertificateMetadataList; len(l) != 0 {
		t.Errorf("list %+v", l)
	}
	as(s, s.root, iam.DeleteServerCertificate, &iam.DeleteServerCertificateInput{ServerCertificateName: some("site")})
	fails(s, s.root, iam.DeleteServerCertificate, &iam.DeleteServerCertificateInput{ServerCertificateName: some("site")}, "NoSuchEntity", "site")
}

func TestSigningCertificates(t *testing.T) {
	s := newStage(t)
	ann, _ := s.user("ann", allowAll)
	s.user("bob")
	_, first := certify(t, nil, "first", s.now.AddDate(1, 0, 0))
	_, second := certify(t, nil, "second", s.now.AddDate(1, 0, 0))
	_, third := certify(t, nil, "third", s.now.AddDate(1, 0, 0))
	_, old := certify(t, nil, "old", s.now.AddDate(0, 0, -1))
	up := func(body string) *iam.UploadSigningCertificateInput {
		return &iam.UploadSigningCertificateInput{CertificateBody: some(body)}
	}
	made := as(s, ann, iam.UploadSigningCertificate, up(first)).Certificate
	fails(s, ann, iam.UploadSigningCertificate, up(first), "DuplicateCertificate", "")
	fails(s, ann, iam.UploadSigningCertificate, up(old), "InvalidCertificate", "expired")
	fails(s, ann, iam.UploadSigningCertificate, up("x"), "MalformedCertificate", "")
	as(s, ann, iam.UploadSigningCertificate, up(second))
	fails(s, ann, iam.UploadSigningCertificate, up(third), "LimitExceeded", "2")
	update := &iam.UpdateSigningCertificateInput{UserName: some("ann"), CertificateId: made.CertificateId, Status: some("Inactive")}
	as(s, s.root, iam.UpdateSigningCertificate, update)
	update.Status = some("Expired")
	fails(s, s.root, iam.UpdateSigningCertificate, update, "InvalidInput", "")
	update.UserName = some("bob")
	fails(s, s.root, iam.UpdateSigningCertificate, update, "NoSuchEntity", "Certificate")
	if l := as(s, ann, iam.ListSigningCertificates, &iam.ListSigningCertificatesInput{}).Certificates; len(l) != 2 {
		t.Errorf("certificates %+v", l)
	}
	fails(s, s.root, iam.DeleteSigningCertificate, &iam.DeleteSigningCertificateInput{UserName: some("bob"), CertificateId: made.CertificateId}, "NoSuchEntity", "")
	as(s, s.root, iam.DeleteSigningCertificate, &iam.DeleteSigningCertificateInput{UserName: some("ann"), CertificateId: made.CertificateId})
	if l := as(s, ann, iam.ListSigningCertificates, &iam.ListSigningCertificatesInput{}).Certificates; len(l) != 1 || l[0].Status.V != "Active" {
		t.Errorf("certificates %+v", l)
	}
}
