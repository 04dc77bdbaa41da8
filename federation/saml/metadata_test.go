package saml

import (
	"compress/flate"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net/url"
	"strings"
	"testing"
)

func TestMetadata(t *testing.T) {
	document := metadataText(pairs()[0].cert, pairs()[1].cert)
	m, err := ParseMetadata([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	if m.EntityID != idp || m.SSORedirect != "https://idp.example/sso?tenant=1" || m.SSOPost != "https://idp.example/sso/post" || m.SLORedirect != "" ||
		m.SLOPost != "https://idp.example/slo" || len(m.Certificates) != 2 || !m.Certificates[1].Equal(pairs()[1].cert) || !m.WantSigned || m.ValidUntil.Year() != 2027 {
		t.Errorf("%+v", m)
	}
	if m, err := ParseMetadata([]byte(strings.ReplaceAll(document, `use="signing"`, ""))); err != nil || len(m.Certificates) != 2 {
		t.Error("keys for everything:", err)
	}
	change := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(document) }
	body := document[strings.Index(document, "<Entity"):]
	if _, err := ParseMetadata([]byte(`<x:EntitiesDescriptor xmlns:x="urn:oasis:names:tc:SAML:2.0:metadata">` + body + `</x:EntitiesDescriptor>`)); err != nil {
		t.Error("one of one:", err)
	}
	for name, text := range map[string]string{
		"empty":               "",
		"of two":              `<EntitiesDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata">` + body + body + `</EntitiesDescriptor>`,
		"of a service":        change("IDPSSODescriptor", "SPSSODescriptor"),
		"of SAML 1":           change("SAML:2.0:protocol", "SAML:1.1:protocol"),
		"without entityID":    change("entityID", "entityName"),
		"without sign-on":     change("SingleSignOnService", "SingleService"),
		"without a key":       change(`use="signing"`, `use="encryption"`),
		"certificate of none": change("<ds:X509Certificate>", "<ds:X509Certificate>AAAA"),
		"not base64":          change("<ds:X509Certificate>", "<ds:X509Certificate>*"),
		"until no time":       change("2027-01-01T00:00:00.000Z", "2027"),
		"with a DTD":          change(`<EntityDescriptor`, `<!DOCTYPE a SYSTEM "file:///etc/passwd"><EntityDescriptor`),
	} {
		if _, err := ParseMetadata([]byte(text)); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRequest(t *testing.T) {
	r := &Request{ID: NewID(), Issuer: ours, Destination: "https://idp.example/sso?tenant=1", Recipient: here + "?a&b", Issued: now}
	where, err := r.Redirect("state & more", pairs()[0].key)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(where)
	if err != nil || u.Query().Get("tenant") != "1" || u.Query().Get("RelayState") != "state & more" {
		t.Fatal(where, err)
	}
	packed, err := base64.StdEncoding.DecodeString(u.Query().Get("SAMLRequest"))
	if err != nil {
		t.Fatal(err)
	}
	document, err := io.ReadAll(flate.NewReader(strings.NewReader(string(packed))))
	if err != nil {
		t.Fatal(err)
	}
	el := parse(t, string(document))
	if !is(el, nsProtocol, "AuthnRequest") || attr(el, "ID") != r.ID || attr(el, "AssertionConsumerServiceURL") != r.Recipient || attr(el, "IssueInstant") != "2026-03-01T12:00:00Z" || text(child(el, nsAssertion, "Issuer")) != ours {
		t.Errorf("%s", document)
	}
	covered := where[strings.Index(where, "SAMLRequest="):strings.Index(where, "&Signature=")]
	s, _ := base64.StdEncoding.DecodeString(u.Query().Get("Signature"))
	sum := sha256.Sum256([]byte(covered))
	if err := rsa.VerifyPKCS1v15(&pairs()[0].key.PublicKey, crypto.SHA256, sum[:], s); err != nil {
		t.Error(err)
	}
	r.Destination = "https://idp.example/sso"
	if where, err := r.Redirect("", nil); err != nil || !strings.HasPrefix(where, "https://idp.example/sso?SAMLRequest=") || strings.ContainsAny(where, "&") {
		t.Error(where, err)
	}
}

func FuzzMetadata(f *testing.F) {
	f.Add(`<a:EntityDescriptor xmlns:a="urn:oasis:names:tc:SAML:2.0:metadata" entityID="b" validUntil="2027-01-01T00:00:00Z"/>`)
	f.Add(`<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata"><IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"/></EntityDescriptor>`)
	f.Fuzz(func(t *testing.T, document string) {
		m, err := ParseMetadata([]byte(document))
		if err == nil && (m.EntityID == "" || len(m.Certificates) == 0) || err != nil && !errors.Is(err, ErrRefused) {
			t.Errorf("%+v, %v", m, err)
		}
	})
}
