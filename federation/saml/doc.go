// Package saml is a thin SAML 2.0 service provider: it reads an identity provider's metadata, makes requests to sign in, and
// checks responses. Of a response nothing is used but what the provider's signature covers, parsed anew from the very bytes that
// were hashed; so it does not matter what else a document holds or how it is nested. It knows neither users nor roles and keeps no
// rows: that an assertion is used once is for the caller to remember, by Assertion.ID until Assertion.Expires.
//
// Specifications: SAML 2.0 Core, Bindings (HTTP-Redirect, HTTP-POST), Profiles (Web Browser SSO) and Metadata; XML Signature.
package saml

import (
	"errors"
	"fmt"
	"time"
)

// What goes wrong is one of these; the text around it is for operators.
var (
	// ErrRefused is a document that proves nothing here: unsigned, forged, for somebody else, malformed.
	ErrRefused = errors.New("refused")
	// ErrExpired is a response whose time is over, or not yet come. It is an ErrRefused as well.
	ErrExpired = errors.New("not valid now")
	// ErrStatus is a provider's own answer that it did not sign the user in.
	ErrStatus = errors.New("the provider did not sign the user in")
)

// Bounds of documents, and of clocks that differ.
const (
	maxResponse = 256 << 10 // bytes
	maxMetadata = 10_000_000
	maxDepth    = 48
	skew        = time.Minute
)

const (
	nsAssertion = "urn:oasis:names:tc:SAML:2.0:assertion"
	nsProtocol  = "urn:oasis:names:tc:SAML:2.0:protocol"
	nsMetadata  = "urn:oasis:names:tc:SAML:2.0:metadata"
	nsSignature = "http://www.w3.org/2000/09/xmldsig#"

	bindingRedirect = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
	bindingPost     = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
)

func refused(format string, a ...any) error {
	return fmt.Errorf("saml: %w: %s", ErrRefused, fmt.Sprintf(format, a...))
}

func untimely(format string, a ...any) error {
	return fmt.Errorf("saml: %w: %w: %s", ErrRefused, ErrExpired, fmt.Sprintf(format, a...))
}
