package access

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"

	"bothy/api/iam"
	"bothy/api/sts"
	"bothy/wire"
)

const (
	samlIssuer = "https://idp.example/metadata"
	signinSAML = "https://signin.aws.amazon.com/saml"
)

// samlIDP is a SAML identity provider of a test.
type samlIDP struct {
	key  *rsa.PrivateKey
	cert *x509.Certificate
}

func newSAMLIDP(t testing.TB, file string) *samlIDP {
	t.Helper()
	block, _ := pem.Decode(must(os.ReadFile("../federation/saml/testdata/" + file)))
	key := must(x509.ParsePKCS8PrivateKey(block.Bytes)).(*rsa.PrivateKey)
	form := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "idp"}, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<32, 0)}
	return &samlIDP{key, must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, form, form, &key.PublicKey, key))))}
}

// metadata is padded: the API takes none of less than 1,000 characters.
func (i *samlIDP) metadata(more string) string {
	return `<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="` + samlIssuer + `"` + more + `><IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">` +
		`<KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>` + base64.StdEncoding.EncodeToString(i.cert.Raw) +
		`</ds:X509Certificate></ds:X509Data></ds:KeyInfo></KeyDescriptor><SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://idp.example/sso"/>` +
		`</IDPSSODescriptor></EntityDescriptor>` + strings.Repeat(" ", 500)
}

// said is what an assertion says; attributes are by name.
type said struct {
	id, subject, audience, recipient string
	at                               time.Time
	attributes                       map[string][]string
}

func (a said) text() string {
	var attributes strings.Builder
	for _, name := range sortedNames(a.attributes) {
		fmt.Fprintf(&attributes, `<saml:Attribute Name="%s">`, name)
		for _, v := range a.attributes[name] {
			fmt.Fprintf(&attributes, `<saml:AttributeValue>%s</saml:AttributeValue>`, v)
		}
		attributes.WriteString(`</saml:Attribute>`)
	}
	at, end := a.at.UTC().Format(time.RFC3339), a.at.UTC().Add(5*time.Minute).Format(time.RFC3339)
	return `<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="` + a.id + `" Version="2.0" IssueInstant="` + at + `"><saml:Issuer>` + samlIssuer + `</saml:Issuer>` +
		`<saml:Subject><saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">` + a.subject + `</saml:NameID>` +
		`<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData NotOnOrAfter="` + end + `" Recipient="` + a.recipient + `"/></saml:SubjectConfirmation></saml:Subject>` +
		`<saml:Conditions NotBefore="` + at + `" NotOnOrAfter="` + end + `"><saml:AudienceRestriction><saml:Audience>` + a.audience + `</saml:Audience></saml:AudienceRestriction></saml:Conditions>` +
		`<saml:AuthnStatement AuthnInstant="` + at + `" SessionIndex="s"><saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>` +
		`<saml:AttributeStatement>` + attributes.String() + `</saml:AttributeStatement></saml:Assertion>`
}

func responseOf(inner string, at time.Time) string {
	return `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_r" Version="2.0" IssueInstant="` + at.UTC().Format(time.RFC3339) + `" Destination="` + signinSAML + `">` +
		`<saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">` + samlIssuer + `</saml:Issuer><samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>` + inner + `</samlp:Response>`
}

// sign puts the provider's signature into an assertion.
func (i *samlIDP) sign(t testing.TB, document string) string {
	t.Helper()
	c := must(dsig.NewSigningContext(i.key, [][]byte{i.cert.Raw}))
	c.Canonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	d := etree.NewDocument()
	if err := d.ReadFromString(document); err != nil {
		t.Fatal(err)
	}
	d.Root().InsertChildAt(1, must(c.ConstructSignature(d.Root(), true)))
	d.WriteSettings.CanonicalText, d.WriteSettings.CanonicalAttrVal = true, true
	return must(d.WriteToString())
}

// samlStage has a provider, a role that trusts it, and what a good assertion says.
type samlStage struct {
	*stage
	idp      *samlIDP
	arn      string
	samlRole *iam.Role
	count    int
}

func newSAMLStage(t testing.TB) *samlStage {
	s := &samlStage{stage: newStage(t), idp: newSAMLIDP(t, "provider.pem")}
	s.arn = as(s.stage, s.root, iam.CreateSAMLProvider, &iam.CreateSAMLProviderInput{Name: some("corp"), SAMLMetadataDocument: some(s.idp.metadata(""))}).SAMLProviderArn.V
	s.samlRole = s.role("saml", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Federated":"`+s.arn+`"},"Action":["sts:AssumeRoleWithSAML","sts:TagSession","sts:SetSourceIdentity"],`+
		`"Condition":{"StringEquals":{"SAML:aud":"`+signinSAML+`","SAML:iss":"`+samlIssuer+`","SAML:sub_type":"persistent"}}}}`, allowS3)
	return s
}

// good is a new assertion that gives the role.
func (s *samlStage) good() said {
	s.count++
	return said{id: fmt.Sprintf("_a%d", s.count), subject: "ann@example.com", audience: signinSAML, recipient: signinSAML, at: s.now,
		attributes: map[string][]string{roleAttribute: {s.samlRole.Arn.V + "," + s.arn}, nameAttribute: {"ann"}}}
}

func (s *samlStage) in(response string) *sts.AssumeRoleWithSAMLInput {
	return &sts.AssumeRoleWithSAMLInput{RoleArn: s.samlRole.Arn, PrincipalArn: some(s.arn), SAMLAssertion: some(base64.StdEncoding.EncodeToString([]byte(response)))}
}

func (s *samlStage) signed(a said) *sts.AssumeRoleWithSAMLInput {
	s.Helper()
	return s.in(responseOf(s.idp.sign(s, a.text()), s.now))
}

func TestSAMLProviders(t *testing.T) {
	s := newStage(t)
	idp := newSAMLIDP(t, "provider.pem")
	create := func(metadata string) *iam.CreateSAMLProviderInput {
		return &iam.CreateSAMLProviderInput{Name: some("corp"), SAMLMetadataDocument: some(metadata), Tags: []iam.Tag{{Key: some("k"), Value: some("v")}}}
	}
	fails(s, s.root, iam.CreateSAMLProvider, create(strings.Repeat("x", 1000)), "InvalidInput", "Could not parse metadata")
	fails(s, s.root, iam.CreateSAMLProvider, create(strings.Repeat("x", maxMetadata+1)), "InvalidInput", "too long")
	encrypted := create(idp.metadata(""))
	encrypted.AssertionEncryptionMode = some("Required")
	fails(s, s.root, iam.CreateSAMLProvider, encrypted, "InvalidInput", "Encrypted")
	arn := as(s, s.root, iam.CreateSAMLProvider, create(idp.metadata(""))).SAMLProviderArn
	if arn.V != "arn:aws:iam::"+s.account+":saml-provider/corp" {
		t.Errorf("ARN %s", arn.V)
	}
	fails(s, s.root, iam.CreateSAMLProvider, create(idp.metadata("")), "EntityAlreadyExists", "")
	got := as(s, s.root, iam.GetSAMLProvider, &iam.GetSAMLProviderInput{SAMLProviderArn: arn})
	if got.SAMLMetadataDocument.V != idp.metadata("") || got.ValidUntil.V.Before(s.now.AddDate(99, 0, 0)) || got.SAMLProviderUUID.V == "" {
		t.Errorf("provider %+v", got)
	}
	as(s, s.root, iam.UpdateSAMLProvider, &iam.UpdateSAMLProviderInput{SAMLProviderArn: arn, SAMLMetadataDocument: some(idp.metadata(` validUntil="2027-01-01T00:00:00Z"`))})
	if l := as(s, s.root, iam.ListSAMLProviders, &iam.ListSAMLProvidersInput{}).SAMLProviderList; len(l) != 1 || l[0].ValidUntil.V.Year() != 2027 {
		t.Errorf("list %+v", l)
	}
	if document := must(s.SAMLMetadata(t.Context(), arn.V)); !strings.Contains(string(document), "2027-01-01") {
		t.Errorf("metadata %s", document)
	}
	fails(s, s.root, iam.UpdateSAMLProvider, &iam.UpdateSAMLProviderInput{SAMLProviderArn: arn, RemovePrivateKey: some("AAAAAAAAAAAAAAAAAAAAAA")}, "NoSuchEntity", "private key")
	as(s, s.root, iam.TagSAMLProvider, &iam.TagSAMLProviderInput{SAMLProviderArn: arn, Tags: []iam.Tag{{Key: some("a"), Value: some("b")}}})
	as(s, s.root, iam.UntagSAMLProvider, &iam.UntagSAMLProviderInput{SAMLProviderArn: arn, TagKeys: []string{"k"}})
	if l := as(s, s.root, iam.ListSAMLProviderTags, &iam.ListSAMLProviderTagsInput{SAMLProviderArn: arn}).Tags; len(l) != 1 || l[0].Key.V != "a" {
		t.Errorf("tags %+v", l)
	}
	as(s, s.root, iam.DeleteSAMLProvider, &iam.DeleteSAMLProviderInput{SAMLProviderArn: arn})
	fails(s, s.root, iam.GetSAMLProvider, &iam.GetSAMLProviderInput{SAMLProviderArn: arn}, "NoSuchEntity", "")
}

func TestAssumeRoleWithSAML(t *testing.T) {
	s := newSAMLStage(t)
	a := s.good()
	a.attributes[lifeAttribute] = []string{"1800"}
	a.attributes[sourceAttribute] = []string{"ann"}
	a.attributes[tagAttribute+"Team"] = []string{"red"}
	a.attributes[passAttribute] = []string{"Team"}
	a.attributes[roleAttribute] = []string{"arn:aws:iam::" + s.account + ":role/other," + s.arn, s.arn + ", " + s.samlRole.Arn.V}
	out := as(s.stage, nil, sts.AssumeRoleWithSAML, s.signed(a))
	if out.Subject.V != "ann@example.com" || out.SubjectType.V != "persistent" || out.Issuer.V != samlIssuer || out.Audience.V != signinSAML || out.NameQualifier.V == "" ||
		out.SourceIdentity.V != "ann" || out.AssumedRoleUser.Arn.V != sessionARN(s.account, "saml", "ann") {
		t.Errorf("answer %+v", out)
	}
	p := s.find(out.Credentials.AccessKeyId.V, out.Credentials.SessionToken.V).Principal
	if !p.Expires.Equal(s.now.Add(30*time.Minute)) || p.Keys["saml:sub"][0] != "ann@example.com" || p.Keys["aws:principaltag/team"][0] != "red" || p.Transitive[0] != "Team" {
		t.Errorf("principal %+v", p)
	}
	short := s.signed(s.good())
	short.DurationSeconds = wire.Some(int32(900))
	out = as(s.stage, nil, sts.AssumeRoleWithSAML, short)
	if !out.Credentials.Expiration.V.Equal(s.now.Add(15 * time.Minute)) {
		t.Errorf("expires %s", out.Credentials.Expiration.V)
	}
}

func TestAssertionsRefused(t *testing.T) {
	s := newSAMLStage(t)
	stranger := newSAMLIDP(t, "stranger.pem")
	change := func(f func(*said)) *sts.AssumeRoleWithSAMLInput {
		a := s.good()
		f(&a)
		return s.signed(a)
	}
	genuine := s.idp.sign(t, s.good().text())
	evil := s.good()
	evil.subject = "eve@example.com"
	for name, c := range map[string]struct {
		in         *sts.AssumeRoleWithSAMLInput
		code, text string
	}{
		"unsigned":             {s.in(responseOf(s.good().text(), s.now)), "InvalidIdentityToken", ""},
		"signed by a stranger": {s.in(responseOf(stranger.sign(t, s.good().text()), s.now)), "InvalidIdentityToken", ""},
		"tampered":             {s.in(strings.Replace(responseOf(s.idp.sign(t, s.good().text()), s.now), ">ann@", ">eve@", 1)), "InvalidIdentityToken", ""},
		"wrapped, before":      {s.in(responseOf(evil.text()+genuine, s.now)), "InvalidIdentityToken", ""},
		"wrapped, inside":      {s.in(responseOf(strings.Replace(evil.text(), "</saml:Assertion>", "<saml:Advice>"+genuine+"</saml:Advice></saml:Assertion>", 1), s.now)), "InvalidIdentityToken", ""},
		"no XML":               {s.in("hello"), "InvalidIdentityToken", ""},
		"other audience":       {change(func(a *said) { a.audience = "https://other.example/saml" }), "InvalidIdentityToken", ""},
		"other recipient":      {change(func(a *said) { a.recipient = "https://other.example/saml" }), "InvalidIdentityToken", ""},
		"too old":              {change(func(a *said) { a.at = s.now.Add(-time.Hour) }), "ExpiredTokenException", ""},
		"not yet":              {change(func(a *said) { a.at = s.now.Add(time.Hour) }), "ExpiredTokenException", ""},
		"other role":           {change(func(a *said) { a.attributes[roleAttribute] = []string{s.samlRole.Arn.V + "x," + s.arn} }), "AccessDenied", "not the role"},
		"other provider":       {change(func(a *said) { a.attributes[roleAttribute] = []string{s.samlRole.Arn.V + "," + s.arn + "x"} }), "AccessDenied", "not the role"},
		"no role":              {change(func(a *said) { delete(a.attributes, roleAttribute) }), "AccessDenied", "not the role"},
		"no name":              {change(func(a *said) { delete(a.attributes, nameAttribute) }), "InvalidIdentityToken", "RoleSessionName"},
		"odd duration":         {change(func(a *said) { a.attributes[lifeAttribute] = []string{"60"} }), "IDPRejectedClaim", "SessionDuration"},
		"tag of two values":    {change(func(a *said) { a.attributes[tagAttribute+"k"] = []string{"1", "2"} }), "IDPRejectedClaim", "2 values"},
		"transitive nothing":   {change(func(a *said) { a.attributes[passAttribute] = []string{"k"} }), "IDPRejectedClaim", "transitive"},
	} {
		_, err := wire.Invoke(t.Context(), s.mux, nil, "eu-west-1", sts.AssumeRoleWithSAML, c.in)
		s.refused(name, err, c.code, c.text)
	}
	foreign := s.signed(s.good())
	foreign.PrincipalArn = some(s.arn + "x")
	fails(s.stage, nil, sts.AssumeRoleWithSAML, foreign, "InvalidIdentityToken", "provider doesn't exist")

	used := s.signed(s.good())
	as(s.stage, nil, sts.AssumeRoleWithSAML, used)
	fails(s.stage, nil, sts.AssumeRoleWithSAML, used, "InvalidIdentityToken", "used before")
	as(s.stage, s.root, iam.DeleteSAMLProvider, &iam.DeleteSAMLProviderInput{SAMLProviderArn: some(s.arn)})
	as(s.stage, s.root, iam.CreateSAMLProvider, &iam.CreateSAMLProviderInput{Name: some("corp"), SAMLMetadataDocument: some(s.idp.metadata(""))})
	fails(s.stage, nil, sts.AssumeRoleWithSAML, used, "InvalidIdentityToken", "used before")

	as(s.stage, s.root, iam.UpdateSAMLProvider, &iam.UpdateSAMLProviderInput{SAMLProviderArn: some(s.arn), SAMLMetadataDocument: some(s.idp.metadata(` validUntil="2026-05-01T12:00:00Z"`))})
	fails(s.stage, nil, sts.AssumeRoleWithSAML, s.signed(s.good()), "InvalidIdentityToken", "metadata")
}

// TestSAMLIsNoWebIdentity: a role that trusts a provider for one operation does not for the other.
func TestSAMLIsNoWebIdentity(t *testing.T) {
	s := newSAMLStage(t)
	trust := `{"Statement":{"Effect":"Allow","Principal":{"Federated":"` + s.arn + `"},"Action":"sts:AssumeRoleWithWebIdentity"}}`
	as(s.stage, s.root, iam.UpdateAssumeRolePolicy, &iam.UpdateAssumeRolePolicyInput{RoleName: some("saml"), PolicyDocument: some(trust)})
	fails(s.stage, nil, sts.AssumeRoleWithSAML, s.signed(s.good()), "AccessDenied", "sts:AssumeRoleWithSAML")
}
