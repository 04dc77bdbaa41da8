// Package passkeytest is an authenticator in software, for tests: it makes keys and signs as phones do, and lies when told to.
package passkeytest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
)

// Flags of what an authenticator says of itself (WebAuthn, 6.1).
const (
	present  = 1 << 0
	verified = 1 << 2
	synced   = 1<<3 | 1<<4
	attested = 1 << 6
)

// Authenticator holds one key, once it has made it.
type Authenticator struct {
	Origin       string // of the page that asks
	RelyingParty string // whose name it signs; "" for the one it is asked for
	Unverified   bool   // it did not look who uses it
	Absent       bool   // nobody touched it
	Synced       bool
	Packed       bool   // it attests its keys by themselves; else not at all
	Counts       bool   // it counts signatures
	Count        uint32 // so far
	Challenge    string // it answers, in place of the one it is asked
	Kind         string // of ceremony that it claims, in place of the right one
	Cross        bool   // it was asked from a frame of another site

	ID     []byte
	Handle []byte
	key    *ecdsa.PrivateKey
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// Create answers the options of a registration with a PublicKeyCredential, as JSON.
func (a *Authenticator) Create(options []byte) []byte {
	var o struct {
		Challenge string
		RP        struct{ ID string }
		User      struct{ ID string }
	}
	must(json.Unmarshal(options, &o))
	var err error
	a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	a.Handle, err = base64.RawURLEncoding.DecodeString(o.User.ID)
	must(err)
	if a.ID == nil {
		a.ID = make([]byte, 20)
		rand.Read(a.ID) //nolint:errcheck // never fails (crypto/rand)
	}
	data := a.data(o.RP.ID, attested)
	data = append(data, make([]byte, 16)...) // a make that does not name itself
	data = binary.BigEndian.AppendUint16(data, uint16(len(a.ID)))
	data = append(append(data, a.ID...), a.cose()...)
	client := a.client("webauthn.create", o.Challenge)
	statement, format := []byte{0xa0}, "none"
	if a.Packed {
		format = "packed"
		statement = append([]byte{0xa2}, text("alg")...)
		statement = append(append(statement, 0x26), text("sig")...)
		statement = append(statement, bytes(a.sign(data, client))...)
	}
	object := append([]byte{0xa3}, text("fmt")...)
	object = append(append(object, text(format)...), text("attStmt")...)
	object = append(append(object, statement...), text("authData")...)
	object = append(object, bytes(data)...)
	return a.credential(map[string]any{"clientDataJSON": b64(client), "attestationObject": b64(object), "transports": []string{"internal"}})
}

// Get answers the options of a sign-in with a PublicKeyCredential, as JSON.
func (a *Authenticator) Get(options []byte) []byte {
	var o struct{ Challenge, RPID string }
	must(json.Unmarshal(options, &o))
	if a.Counts {
		a.Count++
	}
	data, client := a.data(o.RPID, 0), a.client("webauthn.get", o.Challenge)
	return a.credential(map[string]any{
		"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(a.sign(data, client)), "userHandle": b64(a.Handle),
	})
}

func (a *Authenticator) credential(response map[string]any) []byte {
	out, err := json.Marshal(map[string]any{
		"id": b64(a.ID), "rawId": b64(a.ID), "type": "public-key", "authenticatorAttachment": "platform", "clientExtensionResults": map[string]any{}, "response": response,
	})
	must(err)
	return out
}

// data is what an authenticator signs of itself: whose name, flags, count.
func (a *Authenticator) data(site string, flags byte) []byte {
	if a.RelyingParty != "" {
		site = a.RelyingParty
	}
	for flag, set := range map[byte]bool{present: !a.Absent, verified: !a.Unverified, synced: a.Synced} {
		if set {
			flags |= flag
		}
	}
	hash := sha256.Sum256([]byte(site))
	return binary.BigEndian.AppendUint32(append(hash[:], flags), a.Count)
}

func (a *Authenticator) client(kind, challenge string) []byte {
	if a.Kind != "" {
		kind = a.Kind
	}
	if a.Challenge != "" {
		challenge = a.Challenge
	}
	out, err := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": a.Origin, "crossOrigin": a.Cross})
	must(err)
	return out
}

func (a *Authenticator) sign(data, client []byte) []byte {
	hash := sha256.Sum256(client)
	hash = sha256.Sum256(append(append([]byte{}, data...), hash[:]...))
	sig, err := ecdsa.SignASN1(rand.Reader, a.key, hash[:])
	must(err)
	return sig
}

// cose is the public key: a map of the kind of key, the algorithm ES256, the curve P-256, and the point.
func (a *Authenticator) cose() []byte {
	point, err := a.key.PublicKey.Bytes()
	must(err)
	out := []byte{0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21}
	out = append(append(out, bytes(point[1:33])...), 0x22)
	return append(out, bytes(point[33:])...)
}

// text and bytes are values in CBOR.
func text(s string) []byte  { return append(head(0x60, len(s)), s...) }
func bytes(b []byte) []byte { return append(head(0x40, len(b)), b...) }

func head(major byte, n int) []byte {
	switch {
	case n < 24:
		return []byte{major | byte(n)}
	case n < 256:
		return []byte{major | 24, byte(n)}
	}
	return binary.BigEndian.AppendUint16([]byte{major | 25}, uint16(n))
}

func must(err error) {
	if err != nil {
		panic(err) // the test is wrong
	}
}
