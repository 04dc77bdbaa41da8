// Package otp makes and checks time-based one-time codes (RFC 6238) as authenticator apps show them: HMAC-SHA-1, six digits, steps of
// thirty seconds.
//
// It keeps nothing. A code must be good once only: Match says which step it belongs to, and the caller, who keeps the last step used,
// refuses that step and all before it.
package otp

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/url"
	"strings"
	"time"
)

const (
	// Step is how long one code is shown.
	Step = 30 * time.Second

	// Digits is the length of a code.
	Digits = 6

	// Window is how many steps before and after the present one are accepted by default: clocks differ, and people type slowly.
	Window = 1

	// SecretSize is the length of a new secret in bytes: that of the hash, which RFC 4226 recommends.
	SecretSize = sha1.Size
)

// NewSecret draws a secret of SecretSize bytes.
func NewSecret() []byte {
	secret := make([]byte, SecretSize)
	rand.Read(secret) //nolint:errcheck // never fails (crypto/rand)
	return secret
}

// Encode is the secret as people and apps pass it on: Base32 without padding.
func Encode(secret []byte) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret)
}

// Decode reads what Encode wrote, in either case, also with padding and the blanks that apps put between groups.
func Decode(text string) ([]byte, error) {
	text = strings.TrimRight(strings.ToUpper(strings.ReplaceAll(text, " ", "")), "=")
	return base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(text)
}

// StepAt is the number of the step at a time.
func StepAt(t time.Time) int64 { return t.Unix() / int64(Step/time.Second) }

// Code is the code of a step.
func Code(secret []byte, step int64) string {
	return fmt.Sprintf("%0*d", Digits, truncated(secret, step)%1_000_000)
}

// truncated is the 31-bit number that RFC 4226 cuts out of the hash of a counter.
func truncated(secret []byte, counter int64) uint32 {
	mac := hmac.New(sha1.New, secret)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(counter)))
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0x0f
	return binary.BigEndian.Uint32(sum[at:]) & 0x7fffffff
}

// Match finds the step of a code among those up to window before and after now, the latest first, and says whether there is one. It takes
// as long for a wrong code as for a right one.
func Match(secret []byte, code string, now time.Time, window int) (step int64, ok bool) {
	present := StepAt(now)
	found, at := 0, int64(0)
	for s := present - int64(window); s <= present+int64(window); s++ {
		same := subtle.ConstantTimeCompare([]byte(Code(secret, s)), []byte(code))
		at = int64(subtle.ConstantTimeSelect(same, int(s-present), int(at)))
		found |= same
	}
	if found == 0 {
		return 0, false
	}
	return present + at, true
}

// MatchPair finds two codes of steps that follow each other and returns the later step. It is how a device is paired: whoever shows both
// holds the secret and has a clock that runs.
func MatchPair(secret []byte, first, second string, now time.Time, window int) (step int64, ok bool) {
	present := StepAt(now)
	for s := present - int64(window); s < present+int64(window); s++ {
		a := subtle.ConstantTimeCompare([]byte(Code(secret, s)), []byte(first))
		b := subtle.ConstantTimeCompare([]byte(Code(secret, s+1)), []byte(second))
		if a&b == 1 {
			step, ok = s+1, true
		}
	}
	return step, ok
}

// URL is the otpauth address that authenticator apps read from a QR code; issuer and account are what the app shows.
func URL(secret []byte, issuer, account string) string {
	label := url.PathEscape(issuer) + ":" + url.PathEscape(account)
	return "otpauth://totp/" + label + "?secret=" + Encode(secret) + "&issuer=" + url.PathEscape(issuer)
}
