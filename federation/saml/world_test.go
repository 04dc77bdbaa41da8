package saml

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
)

const (
	idp      = "https://idp.example/metadata"
	ours     = "urn:amazon:cognito:sp:us-east-1_Example"
	here     = "https://pool.example/saml2/idpresponse"
	question = "_question"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// pair is a key and its certificate.
type pair struct {
	key  *rsa.PrivateKey
	cert *x509.Certificate
}

// pairs are two: the provider's, and a stranger's. Their certificates ended long ago, which does not matter.
var pairs = sync.OnceValue(func() [2]pair { return [2]pair{load("provider"), load("stranger")} })

func load(name string) pair {
	text, err := os.ReadFile("testdata/" + name + ".pem")
	if err != nil {
		panic(err)
	}
	block, _ := pem.Decode(text)
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		panic(err)
	}
	key := parsed.(*rsa.PrivateKey)
	t := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "idp"}, NotBefore: now.AddDate(-9, 0, 0), NotAfter: now.AddDate(-8, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return pair{key, cert}
}

func trusted() *Metadata {
	return &Metadata{EntityID: idp, Certificates: []*x509.Certificate{pairs()[0].cert}}
}

func expected() Expect {
	return Expect{Provider: trusted(), Audiences: []string{ours}, Recipients: []string{here}, Request: question, Now: now}
}

// assertionText is a good assertion; replace changes pairs of texts in it.
func assertionText(replace ...string) string {
	return strings.NewReplacer(replace...).Replace(`<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_a1" Version="2.0" IssueInstant="2026-03-01T12:00:00Z">` +
		`<saml:Issuer>` + idp + `</saml:Issuer>` +
		`<saml:Subject><saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent" NameQualifier="nq" SPNameQualifier="sq">ann@example.com</saml:NameID>` +
		`<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData NotOnOrAfter="2026-03-01T12:05:00Z" Recipient="` + here + `" InResponseTo="` + question + `"/></saml:SubjectConfirmation></saml:Subject>` +
		`<saml:Conditions NotBefore="2026-03-01T11:59:00Z" NotOnOrAfter="2026-03-01T12:10:00Z"><saml:AudienceRestriction><saml:Audience>` + ours + `</saml:Audience></saml:AudienceRestriction></saml:Conditions>` +
		`<saml:AuthnStatement AuthnInstant="2026-03-01T12:00:00Z" SessionIndex="_s1"><saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>` +
		`<saml:AttributeStatement><saml:Attribute Name="email"><saml:AttributeValue>ann@example.com</saml:AttributeValue></saml:Attribute>` +
		`<saml:Attribute Name="groups"><saml:AttributeValue>a</saml:AttributeValue><saml:AttributeValue>b &amp; c</saml:AttributeValue></saml:Attribute></saml:AttributeStatement></saml:Assertion>`)
}

func responseText(inner string, replace ...string) string {
	return strings.NewReplacer(replace...).Replace(`<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_r1" Version="2.0" IssueInstant="2026-03-01T12:00:00Z" Destination="`+here+`" InResponseTo="`+question+`">`+
		`<saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">`+idp+`</saml:Issuer><samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>`) + inner + `</samlp:Response>`
}

// canonical is how the test's provider signs.
var canonical = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")

// sign puts a signature behind the issuer of a document.
func sign(t testing.TB, p pair, document string, set func(*dsig.SigningContext)) string {
	t.Helper()
	c, err := dsig.NewSigningContext(p.key, [][]byte{p.cert.Raw})
	if err != nil {
		t.Fatal(err)
	}
	c.Canonicalizer = canonical
	if set != nil {
		set(c)
	}
	el := parse(t, document)
	s, err := c.ConstructSignature(el, true)
	if err != nil {
		t.Fatal(err)
	}
	el.InsertChildAt(1, s)
	return text2(t, el)
}

func parse(t testing.TB, document string) *etree.Element {
	t.Helper()
	d := etree.NewDocument()
	if err := d.ReadFromString(document); err != nil {
		t.Fatal(err)
	}
	return d.Root()
}

// text2 writes an element.
func text2(t testing.TB, el *etree.Element) string {
	t.Helper()
	d := etree.NewDocument()
	d.WriteSettings.CanonicalText, d.WriteSettings.CanonicalAttrVal = true, true
	d.SetRoot(el.Copy())
	s, err := d.WriteToString()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func form(document string) string { return base64.StdEncoding.EncodeToString([]byte(document)) }

func metadataText(certs ...*x509.Certificate) string {
	var keys strings.Builder
	for _, c := range certs {
		fmt.Fprintf(&keys, `<KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>
%s
</ds:X509Certificate></ds:X509Data></ds:KeyInfo></KeyDescriptor>`, base64.StdEncoding.EncodeToString(c.Raw))
	}
	return `<?xml version="1.0" encoding="UTF-8"?>
<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="` + idp + `" validUntil="2027-01-01T00:00:00.000Z">
<IDPSSODescriptor WantAuthnRequestsSigned="true" protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">` + keys.String() + `
<SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://idp.example/slo"/>
<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example/sso?tenant=1"/>
<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://idp.example/sso/post"/>
</IDPSSODescriptor></EntityDescriptor>`
}

var sha1Hash = crypto.SHA1

// resign changes what the signature says of itself, and signs that well.
func resign(t testing.TB, p pair, document string, replace ...string) string {
	t.Helper()
	before, rest, _ := strings.Cut(document, "<ds:SignedInfo>")
	info, after, _ := strings.Cut(rest, "</ds:SignedInfo>")
	info = "<ds:SignedInfo>" + strings.NewReplacer(replace...).Replace(info) + "</ds:SignedInfo>"
	el := parse(t, strings.Replace(info, "<ds:SignedInfo>", `<ds:SignedInfo xmlns:ds="`+nsSignature+`">`, 1))
	bytes, err := canonical.Canonicalize(el)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(bytes)
	value, err := rsa.SignPKCS1v15(nil, p.key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	start, end, _ := strings.Cut(after, "<ds:SignatureValue>")
	_, end, _ = strings.Cut(end, "</ds:SignatureValue>")
	return before + info + start + "<ds:SignatureValue>" + base64.StdEncoding.EncodeToString(value) + "</ds:SignatureValue>" + end
}
