// Package oidc is the relying party's side of OpenID Connect and of the OAuth 2.0 providers that nearly speak it: where to send
// a browser, how to exchange what it comes back with, and whom a signed token stands for. It knows neither users nor roles, keeps
// no rows, and remembers only what providers publish: their endpoints and keys (Registry).
//
// Specifications: OpenID Connect Core 1.0 and Discovery 1.0; RFC 6749, 7517, 7519, 7636.
package oidc

import (
	"errors"
	"time"
)

// What goes wrong is one of these; the text around it is for operators.
var (
	// ErrToken is a token that proves nothing here: forged, for somebody else, of a provider's other key, malformed.
	ErrToken = errors.New("token refused")
	// ErrExpired is a token that was good. It is an ErrToken as well.
	ErrExpired = errors.New("token expired")
	// ErrProvider is a provider that cannot be reached, answers what it must not, or refuses us.
	ErrProvider = errors.New("provider failed")
)

// Bounds of what a provider may cost.
const (
	patience    = 10 * time.Second // for one answer
	maxAnswer   = 1 << 20          // bytes of an answer
	maxToken    = 64 << 10         // bytes of a token
	maxKeys     = 64               // keys of a provider that are looked at
	maxFollowed = 3                // redirects of a GET
	fresh       = time.Hour        // what is published is asked for again after
	stale       = 24 * time.Hour   // and is believed so long when it cannot be had
	respite     = 10 * time.Second // between two questions to one provider, whatever tokens say
	leisure     = time.Minute      // the same, while what is known still serves
	skew        = 5 * time.Minute  // by which an issuer's clock may be ahead
	maxKnown    = 1024             // providers a Registry remembers; when it is full it starts anew
)
