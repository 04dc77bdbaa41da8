package saml

import (
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/beevik/etree"
)

// Expect is what a response must say.
type Expect struct {
	Provider   *Metadata
	Audiences  []string // our entity ids: one must be meant
	Recipients []string // our URLs: to one it must be posted
	Request    string   // the request it answers; "": it must answer none
	AnyRequest bool     // do not look what it answers
	Now        time.Time
}

// Response checks a SAMLResponse, in base64 as forms carry it, and returns its assertion. Errors are ErrRefused, ErrExpired or
// ErrStatus.
func Response(encoded string, want Expect) (*Assertion, error) {
	document, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(encoded), ""))
	if err != nil {
		return nil, refused("the response is not base64")
	}
	response, err := read(document, maxResponse)
	if err != nil {
		return nil, err
	}
	if err := checkResponse(response, want); err != nil {
		return nil, err
	}
	el, err := signedAssertion(response, want)
	if err != nil {
		return nil, err
	}
	return assertion(el, want)
}

// signedAssertion is the response's assertion as the provider signed it: by itself, or as a part of the response. A response that
// is signed must be signed well, whatever its assertion is.
func signedAssertion(response *etree.Element, want Expect) (*etree.Element, error) {
	only, err := layout(response)
	if err != nil {
		return nil, err
	}
	if len(children(response, nsSignature, "Signature")) == 0 {
		return verified(only, want.Provider.Certificates)
	}
	if len(children(only, nsSignature, "Signature")) > 0 {
		if err := checkShape(only); err != nil {
			return nil, err
		}
	}
	whole, err := verified(response, want.Provider.Certificates)
	if err != nil {
		return nil, err
	}
	if err := checkResponse(whole, want); err != nil {
		return nil, err
	}
	return layout(whole)
}

// layout refuses documents with more than one assertion, with one in an odd place, with signatures in odd places, and with two
// elements of one ID. It returns the assertion.
func layout(response *etree.Element) (only *etree.Element, err error) {
	ids := map[string]bool{}
	for el := range below(response) {
		id, up := attr(el, "ID"), el.Parent()
		switch {
		case id != "" && ids[id]:
			return nil, refused("two elements have the ID %s", id)
		case is(el, nsAssertion, "EncryptedAssertion"):
			return nil, refused("the assertion is encrypted, which is not supported: have the provider send it signed, over TLS")
		case is(el, nsSignature, "Signature") && up != response && up != only:
			return nil, refused("a signature is neither the response's nor the assertion's")
		case is(el, nsAssertion, "Assertion") && (only != nil || up != response):
			return nil, refused("there is more than one assertion, or one in an odd place")
		case is(el, nsAssertion, "Assertion"):
			only = el
		}
		ids[id] = true
	}
	if only == nil {
		return nil, refused("the response has no assertion")
	}
	return only, nil
}

// checkResponse reads the envelope. Unless the response is signed this proves nothing: it is for telling what is wrong.
func checkResponse(el *etree.Element, want Expect) error {
	if !is(el, nsProtocol, "Response") || attr(el, "Version") != "2.0" {
		return refused("the document is not a SAML 2.0 Response but %s", el.Tag)
	}
	if issuer := child(el, nsAssertion, "Issuer"); issuer != nil && text(issuer) != want.Provider.EntityID {
		return refused("the response is of %q, the provider is %q", text(issuer), want.Provider.EntityID)
	}
	if to := attr(el, "Destination"); to != "" && !slices.Contains(want.Recipients, to) {
		return refused("the response is for %q, not for %q", to, want.Recipients)
	}
	if !want.AnyRequest && attr(el, "InResponseTo") != want.Request {
		return refused("the response is to request %q, not to %q", attr(el, "InResponseTo"), want.Request)
	}
	return checkStatus(child(el, nsProtocol, "Status"))
}
