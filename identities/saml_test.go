package identities

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
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"

	"bothy/api/cognitoidentity"
	"bothy/wire"
)

const (
	samlARN = "arn:aws:iam::123456789012:saml-provider/corp"
	entity  = "https://idp.example/metadata"
)

// samlIDP is a SAML identity provider.
type samlIDP struct {
	w    *world
	key  *rsa.PrivateKey
	cert []byte
}

func newSAML(w *world, name string) *samlIDP {
	w.t.Helper()
	text, err := os.ReadFile("../federation/saml/testdata/" + name + ".pem")
	if err != nil {
		w.t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		w.t.Fatal(err)
	}
	i := &samlIDP{w: w, key: key.(*rsa.PrivateKey)}
	about := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: w.now.AddDate(1, 0, 0)}
	if i.cert, err = x509.CreateCertificate(rand.Reader, about, about, &i.key.PublicKey, i.key); err != nil {
		w.t.Fatal(err)
	}
	return i
}

func (i *samlIDP) metadata() []byte {
	return fmt.Appendf(nil, `<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID=%q><IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
<KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>%s</ds:X509Certificate></ds:X509Data></ds:KeyInfo></KeyDescriptor>
<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example/sso"/></IDPSSODescriptor></EntityDescriptor>`,
		entity, base64.StdEncoding.EncodeToString(i.cert))
}

// response is signed; replace changes pairs of texts in it before.
func (i *samlIDP) response(replace ...string) string {
	at := func(d time.Duration) string { return i.w.now.Add(d).UTC().Format(time.RFC3339) }
	document := strings.NewReplacer(replace...).Replace(`<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_r" Version="2.0" IssueInstant="` + at(0) + `" Destination="https://signin.aws.amazon.com/saml">` +
		`<saml:Issuer>` + entity + `</saml:Issuer><samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>` +
		`<saml:Assertion ID="_a" Version="2.0" IssueInstant="` + at(0) + `"><saml:Issuer>` + entity + `</saml:Issuer>` +
		`<saml:Subject><saml:NameID>ann</saml:NameID><saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData NotOnOrAfter="` + at(5*time.Minute) + `" Recipient="https://signin.aws.amazon.com/saml"/></saml:SubjectConfirmation></saml:Subject>` +
		`<saml:Conditions NotBefore="` + at(-time.Minute) + `" NotOnOrAfter="` + at(5*time.Minute) + `"><saml:AudienceRestriction><saml:Audience>urn:amazon:webservices</saml:Audience></saml:AudienceRestriction></saml:Conditions>` +
		`<saml:AuthnStatement AuthnInstant="` + at(0) + `"><saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>` +
		`<saml:AttributeStatement><saml:Attribute Name="https://aws.amazon.com/SAML/Attributes/Role"><saml:AttributeValue>arn:aws:iam::123456789012:role/a,` + samlARN + `</saml:AttributeValue>` +
		`<saml:AttributeValue>` + samlARN + `,arn:aws:iam::123456789012:role/b</saml:AttributeValue><saml:AttributeValue>arn:aws:iam::123456789012:role/c,arn:aws:iam::123456789012:saml-provider/other</saml:AttributeValue>` +
		`<saml:AttributeValue>arn:aws:iam::123456789012:saml-provider/other,arn:aws:iam::123456789012:role/d</saml:AttributeValue><saml:AttributeValue>arn:aws:iam::123456789012:role/e</saml:AttributeValue></saml:Attribute>` +
		`<saml:Attribute Name="department"><saml:AttributeValue>sales</saml:AttributeValue></saml:Attribute></saml:AttributeStatement></saml:Assertion></samlp:Response>`)
	d := etree.NewDocument()
	if err := d.ReadFromString(document); err != nil {
		i.w.t.Fatal(err)
	}
	c, err := dsig.NewSigningContext(i.key, [][]byte{i.cert})
	if err != nil {
		i.w.t.Fatal(err)
	}
	c.Canonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	s, err := c.ConstructSignature(d.Root(), true)
	if err != nil {
		i.w.t.Fatal(err)
	}
	d.Root().InsertChildAt(1, s)
	d.WriteSettings.CanonicalText, d.WriteSettings.CanonicalAttrVal = true, true
	out, err := d.WriteToBytes()
	if err != nil {
		i.w.t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(out)
}

func TestSAMLLogin(t *testing.T) {
	w := newWorld(t)
	idp, stranger := newSAML(w, "provider"), newSAML(w, "stranger")
	pool := w.pool(false)
	w.change(pool, func(p *cognitoidentity.IdentityPool) { p.SamlProviderARNs = []string{samlARN} })
	w.iam.saml = map[string][]byte{samlARN: idp.metadata()}
	by := func(response string) map[string]string { return map[string]string{samlARN: response} }
	ann := w.id(pool, by(idp.response()))
	if ann == w.id(pool, by(idp.response(">ann<", ">bob<"))) {
		t.Fatal("two users have one identity")
	}
	if _, err := w.credentials(ann, by(idp.response()), ""); err != nil {
		t.Fatal(err)
	}
	if got, want := w.sessions.last.Keys[Issuer+":amr"], []string{"authenticated", samlARN, samlARN + ":SAML:ann"}; !slices.Equal(got, want) {
		t.Errorf("amr %q", got)
	}

	for name, response := range map[string]string{
		"stranger's key":    stranger.response(),
		"another audience":  idp.response("urn:amazon:webservices", "urn:example:other"),
		"another recipient": idp.response("https://signin.aws.amazon.com/saml", "https://example.com/saml"),
		"not signed in":     idp.response("status:Success", "status:Responder"),
		"no user":           idp.response(">ann<", "><"),
		"no response":       "x",
	} {
		_, err := w.getID(pool, by(response))
		t.Run(name, func(t *testing.T) { refused(t, err, "NotAuthorizedException", "Invalid login token.") })
	}
	old := idp.response()
	w.now = w.now.Add(10 * time.Minute)
	_, err := w.getID(pool, by(old))
	refused(t, err, "NotAuthorizedException", "Token is expired")
	_, err = w.credentials(ann, by(idp.response(">ann<", ">bob<")), "")
	refused(t, err, "NotAuthorizedException", "Logins don't match.")
	good := idp.response()
	w.iam.saml = nil
	_, err = w.getID(pool, by(good))
	refused(t, err, "NotAuthorizedException", "supported provider")
}

// An assertion names roles each with the provider that may give it; CustomRoleArn picks one of them.
func TestSAMLRoles(t *testing.T) {
	w := newWorld(t)
	idp := newSAML(w, "provider")
	pool := w.pool(false)
	w.change(pool, func(p *cognitoidentity.IdentityPool) { p.SamlProviderARNs = []string{samlARN} })
	w.iam.saml = map[string][]byte{samlARN: idp.metadata()}
	w.setRoles(pool, map[string]cognitoidentity.RoleMapping{samlARN: {Type: wire.Some("Token"), AmbiguousRoleResolution: wire.Some("Deny")}})
	logins := map[string]string{samlARN: idp.response()}
	id := w.id(pool, logins)
	const role = "arn:aws:iam::123456789012:role/"
	for _, name := range []string{"a", "b"} {
		if _, err := w.credentials(id, logins, role+name); err != nil || w.sessions.last.RoleARN != role+name {
			t.Errorf("%s: %v, %s", name, err, w.sessions.last.RoleARN)
		}
	}
	for _, name := range []string{"c", "d", "e"} { // of another provider, or of none
		_, err := w.credentials(id, logins, role+name)
		refused(t, err, "NotAuthorizedException", "Access to role '"+role+name+"' is forbidden.")
	}
	_, err := w.credentials(id, logins, "")
	refused(t, err, "NotAuthorizedException", "no role can be chosen")
	foreign := map[string]string{samlARN: idp.response("123456789012:role/a,", "999999999999:role/a,")}
	_, err = w.credentials(id, foreign, "arn:aws:iam::999999999999:role/a")
	refused(t, err, "InvalidIdentityPoolConfigurationException", "Check assigned IAM roles")
}
