package saml

import (
	"crypto/x509"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/beevik/etree"
)

// Metadata is what an identity provider says of itself. URLs it does not name are "".
type Metadata struct {
	EntityID     string
	SSORedirect  string // where browsers are sent to sign in, with the request in the URL
	SSOPost      string // or in a form
	SLORedirect  string // likewise to sign out
	SLOPost      string
	Certificates []*x509.Certificate // whose keys sign its assertions: several while it changes them
	WantSigned   bool                // takes only signed requests
	ValidUntil   time.Time           // zero: it does not say
}

// ParseMetadata reads the metadata of one identity provider.
func ParseMetadata(document []byte) (*Metadata, error) {
	root, err := read(document, maxMetadata)
	if err != nil {
		return nil, err
	}
	entity, role, err := provider(root)
	if err != nil {
		return nil, err
	}
	m := &Metadata{
		EntityID: attr(entity, "entityID"), WantSigned: slices.Contains([]string{"true", "1"}, attr(role, "WantAuthnRequestsSigned")),
		SSORedirect: endpoint(role, "SingleSignOnService", bindingRedirect), SSOPost: endpoint(role, "SingleSignOnService", bindingPost),
		SLORedirect: endpoint(role, "SingleLogoutService", bindingRedirect), SLOPost: endpoint(role, "SingleLogoutService", bindingPost),
	}
	if until := attr(entity, "validUntil"); until != "" {
		if m.ValidUntil, err = moment(until); err != nil {
			return nil, err
		}
	}
	if m.Certificates, err = certificates(role); err != nil {
		return nil, err
	}
	switch {
	case m.EntityID == "" || len(m.EntityID) > 1024:
		return nil, refused("the metadata has no entityID")
	case m.SSORedirect == "" && m.SSOPost == "":
		return nil, refused("the metadata of %s has no SingleSignOnService by redirect or POST", m.EntityID)
	case len(m.Certificates) == 0:
		return nil, refused("the metadata of %s has no signing certificate", m.EntityID)
	}
	return m, nil
}

// provider finds the one identity provider that the metadata describes.
func provider(root *etree.Element) (entity, role *etree.Element, err error) {
	for el := range below(root) {
		if !is(el, nsMetadata, "IDPSSODescriptor") || !slices.Contains(strings.Fields(attr(el, "protocolSupportEnumeration")), nsProtocol) {
			continue
		}
		if role != nil {
			return nil, nil, refused("the metadata is of several identity providers")
		}
		role, entity = el, el.Parent()
	}
	if role == nil || !is(entity, nsMetadata, "EntityDescriptor") {
		return nil, nil, refused("the metadata is not of a SAML 2.0 identity provider")
	}
	return entity, role, nil
}

func endpoint(role *etree.Element, tag, binding string) string {
	for _, el := range children(role, nsMetadata, tag) {
		if attr(el, "Binding") == binding {
			return attr(el, "Location")
		}
	}
	return ""
}

func certificates(role *etree.Element) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for _, key := range children(role, nsMetadata, "KeyDescriptor") {
		if use := attr(key, "use"); use != "" && use != "signing" {
			continue
		}
		for el := range below(key) {
			if !is(el, nsSignature, "X509Certificate") {
				continue
			}
			der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text(el)), ""))
			if err != nil {
				return nil, refused("a certificate of the metadata is not base64")
			}
			cert, err := x509.ParseCertificate(der)
			if err != nil {
				return nil, refused("a certificate of the metadata: %v", err)
			}
			out = append(out, cert)
		}
	}
	return out, nil
}

func moment(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return t, refused("%q is not a time", text)
	}
	return t, nil
}
