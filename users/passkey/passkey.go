// Package passkey checks what authenticators answer: that a key was made for a challenge and a site, and that its holder signed one.
// It keeps nothing and asks nobody; whose a key is, and that a challenge serves once, is the caller's to know.
package passkey

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
)

// Refusals, for errors.Is. ErrResponse is that of all that is wrong with a response but what has an error of its own.
var (
	ErrResponse     = errors.New("passkey: not a right response")
	ErrOrigin       = errors.New("passkey: made at an origin that is not the site's")
	ErrRelyingParty = errors.New("passkey: made for another relying party")
	ErrUnsupported  = errors.New("passkey: key of a kind that is not supported")
)

// mostBytes is the longest response that is looked at: one with a chain of certificates takes a tenth.
const mostBytes = 64 << 10

// Kinds of keys, as COSE numbers: ES256, which every authenticator has, and RS256 for those of older PCs.
var kinds = []webauthncose.COSEAlgorithmIdentifier{webauthncose.AlgES256, webauthncose.AlgRS256}

// Site is whom keys are made for: a relying party.
type Site struct {
	ID         string // a domain; keys serve its pages and those of its subdomains
	VerifyUser bool   // the authenticator must have made sure who uses it
}

// Key is a public key whose private half an authenticator keeps.
type Key struct {
	ID         []byte // the credential id
	Public     []byte // COSE
	Count      uint32 // of signatures, as the authenticator counts; 0: it does not
	Synced     bool   // it may be on several devices
	Attachment string `json:",omitempty"` // "platform" or "cross-platform"; "" when the client does not say
	Transports []string
}

// Challenge is n random bytes as options and responses carry them.
func Challenge(random []byte) string { return base64.RawURLEncoding.EncodeToString(random) }

// Parameters are the kinds of keys, for the options of a registration.
func Parameters() []map[string]any {
	var out []map[string]any
	for _, k := range kinds {
		out = append(out, map[string]any{"type": "public-key", "alg": int(k)})
	}
	return out
}

// CheckID refuses what cannot be a site's id: anything but a domain.
func CheckID(id string) error {
	if id == "localhost" {
		return nil
	}
	if strings.ToLower(id) != id || !strings.Contains(id, ".") || strings.ContainsAny(id, ":/?#@ ") || protocol.ValidateRPID(id) != nil {
		return fmt.Errorf("%w: %q is not a domain in small letters", ErrRelyingParty, id)
	}
	return nil
}

// Register checks the answer to a challenge to make a key, a PublicKeyCredential as JSON. The authenticator's make is not asked for.
func (s Site) Register(response []byte, challenge string) (*Key, error) {
	if err := checkShape(response); err != nil {
		return nil, err
	}
	p, err := protocol.ParseCredentialCreationResponseBytes(response)
	if err != nil {
		return nil, because(ErrResponse, err)
	}
	web, app, err := s.origins(p.Response.CollectedClientData.Origin)
	if err != nil {
		return nil, err
	}
	var params []protocol.CredentialParameter
	for _, k := range kinds {
		params = append(params, protocol.CredentialParameter{Type: protocol.PublicKeyCredentialType, Algorithm: k})
	}
	if !s.hashed(p.Response.AttestationObject.AuthData.RPIDHash) {
		return nil, ErrRelyingParty
	}
	if !known(p.Response.AttestationObject.AuthData.AttData.CredentialPublicKey) {
		return nil, ErrUnsupported
	}
	_, err = p.Verify(challenge, s.ID, web, app, nil, protocol.TopOriginExplicitVerificationMode, false, s.VerifyUser, true, nil, params, protocol.AttestationPolicy{}, protocol.SignaturePolicy{})
	if err != nil {
		return nil, because(ErrResponse, err)
	}
	data := p.Response.AttestationObject.AuthData
	key := &Key{ID: data.AttData.CredentialID, Public: data.AttData.CredentialPublicKey, Count: data.Counter, Synced: data.Flags.HasBackupEligible(), Attachment: string(p.AuthenticatorAttachment)}
	for _, t := range p.Response.Transports {
		key.Transports = append(key.Transports, string(t))
	}
	return key, nil
}

// Assertion is an authenticator's signature under a challenge, not checked yet.
type Assertion struct {
	ID     []byte // of the key it claims
	Handle []byte // of the user it claims; nil when it claims none
	parsed *protocol.ParsedCredentialAssertionData
}

// ParseAssertion reads a PublicKeyCredential as JSON.
func ParseAssertion(response []byte) (*Assertion, error) {
	if err := checkShape(response); err != nil {
		return nil, err
	}
	p, err := protocol.ParseCredentialRequestResponseBytes(response)
	if err != nil {
		return nil, because(ErrResponse, err)
	}
	return &Assertion{p.RawID, p.Response.UserHandle, p}, nil
}

// Check tells whether the key's holder signed the challenge at the site, and returns the new count. An authenticator that counts must
// have counted on: one that did not is a copy, or was copied.
func (s Site) Check(a *Assertion, challenge string, k *Key) (count uint32, err error) {
	web, app, err := s.origins(a.parsed.Response.CollectedClientData.Origin)
	if err != nil {
		return 0, err
	}
	data := a.parsed.Response.AuthenticatorData
	switch {
	case !bytes.Equal(a.ID, k.ID):
		return 0, fmt.Errorf("%w: it names another key", ErrResponse)
	case !s.hashed(data.RPIDHash):
		return 0, ErrRelyingParty
	}
	err = a.parsed.Verify(challenge, s.ID, "", web, app, nil, protocol.TopOriginExplicitVerificationMode, false, s.VerifyUser, true, k.Public, protocol.SignaturePolicy{})
	switch {
	case err != nil:
		return 0, because(ErrResponse, err)
	case (k.Count != 0 || data.Counter != 0) && data.Counter <= k.Count:
		return 0, fmt.Errorf("%w: the authenticator counts %d after %d", ErrResponse, data.Counter, k.Count)
	case data.Flags.HasBackupEligible() != k.Synced:
		return 0, fmt.Errorf("%w: whether the key may be on several devices changed", ErrResponse)
	}
	return data.Counter, nil
}

func (s Site) hashed(hash []byte) bool { return bytes.Equal(hash, digest(s.ID)) }

// known tells whether a key is of one of the kinds.
func known(cose []byte) bool {
	parsed, err := webauthncose.ParsePublicKey(cose)
	if err != nil {
		return false
	}
	var kind webauthncose.COSEAlgorithmIdentifier
	switch k := parsed.(type) {
	case webauthncose.EC2PublicKeyData:
		kind = webauthncose.COSEAlgorithmIdentifier(k.Algorithm)
	case webauthncose.RSAPublicKeyData:
		kind = webauthncose.COSEAlgorithmIdentifier(k.Algorithm)
	}
	for _, k := range kinds {
		if k == kind {
			return true
		}
	}
	return false
}

// appOrigin begins the origins of Android apps. The system lets an app use a site's keys only where the site lists the app
// (assetlinks.json), so that the app is the site's needs no further look.
const appOrigin = "android:apk-key-hash:"

// origins are the origins that are right, in the two forms the library takes: the response's own, if it is the site's.
func (s Site) origins(origin string) (web, app []string, err error) {
	if strings.HasPrefix(origin, appOrigin) && len(origin) > len(appOrigin) {
		return nil, []string{origin}, nil
	}
	u, err := url.Parse(origin)
	if err != nil || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, nil, fmt.Errorf("%w: %.200q is none", ErrOrigin, origin)
	}
	host := u.Hostname()
	ours := host == s.ID || strings.HasSuffix(host, "."+s.ID)
	if !ours || u.Scheme != "https" && (u.Scheme != "http" || s.ID != "localhost") {
		return nil, nil, fmt.Errorf("%w: %.200q is not of %s", ErrOrigin, origin, s.ID)
	}
	return []string{origin}, nil, nil
}

// checkShape refuses what is too long, or no JSON object.
func checkShape(response []byte) error {
	if len(response) > mostBytes {
		return fmt.Errorf("%w: %d bytes long", ErrResponse, len(response))
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(response, &object); err != nil || object == nil {
		return fmt.Errorf("%w: not a JSON object", ErrResponse)
	}
	return nil
}

// because keeps what the library has to say, with what it tells developers.
func because(kind, err error) error {
	if told := (*protocol.Error)(nil); errors.As(err, &told) {
		return fmt.Errorf("%w: %s (%s)", kind, told.Details, told.DevInfo)
	}
	return fmt.Errorf("%w: %v", kind, err)
}

func digest(text string) []byte {
	h := sha256.Sum256([]byte(text))
	return h[:]
}
