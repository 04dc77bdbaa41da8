package users

import (
	"crypto/hmac"
	"fmt"
	"time"

	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// Purposes of codes. Attribute codes add the attribute's name.
const (
	forSignUp    = "SignUp"
	forPassword  = "ForgotPassword"
	forAttribute = "Attribute/"
)

// How long codes live, and how often one may be asked for and guessed: a code of six digits withstands 25 guesses.
const (
	signUpCodeLife = 24 * time.Hour
	codeLife       = time.Hour
	codeWindow     = 15 * time.Minute
	sendsPerWindow = 5
	triesPerWindow = 5
)

// code is the last code that was sent to a subject (a user, or the ghost of an unknown one) for a purpose.
type code struct {
	Pool, Subject, Purpose string
	Hash                   []byte
	Attribute, Value       string // which address it was sent to: only that one is proved by it
	Ends                   time.Time
	Window                 time.Time // sends and tries are counted from here
	Sent, Tries            int
	Expires                time.Time // of the row
}

var codes = record.Table[code]{
	Name: "users.code", Version: 1, Key: func(k *code) []any { return []any{k.Pool, k.Subject, k.Purpose} },
	Expires: func(k *code) time.Time { return k.Expires },
}

// codeRow reads the row of a purpose, or starts one.
func codeRow(tx *kv.Tx, account string, u *user, purpose string, now time.Time) (*code, error) {
	k, err := codes.Get(tx, inPool(account, u.Pool), u.Pool, u.Sub, purpose)
	if absent(err) {
		k, err = &code{Pool: u.Pool, Subject: u.Sub, Purpose: purpose}, nil
	}
	if err != nil {
		return nil, err
	}
	if now.After(k.Window.Add(codeWindow)) {
		k.Window, k.Sent, k.Tries = now, 0, 0
	}
	return k, nil
}

func (k *code) put(tx *kv.Tx, account string) error {
	k.Expires = k.Ends
	if end := k.Window.Add(codeWindow); end.After(k.Expires) {
		k.Expires = end
	}
	return codes.Put(tx, inPool(account, k.Pool), k)
}

// newCode makes the code that proves that the user reads what is sent to the address. The last one is void.
func (s *Service) newCode(tx *kv.Tx, account string, p *pool, u *user, purpose string, to address, now time.Time) (string, error) {
	k, err := codeRow(tx, account, u, purpose, now)
	if err != nil {
		return "", err
	}
	if k.Sent >= sendsPerWindow {
		return "", wire.Because(tooOften(), "%d codes for %s since %s", k.Sent, purpose, k.Window.UTC().Format(time.RFC3339))
	}
	life := codeLife
	if purpose == forSignUp {
		life = signUpCodeLife
	}
	text := randomText("0123456789", 6)
	k.Hash, err = s.codeHash(account, p, u, purpose, text)
	if err != nil {
		return "", err
	}
	k.Attribute, k.Value, k.Ends = to.attribute, to.value, now.Add(life)
	k.Sent++
	return text, k.put(tx, account)
}

// tryCode checks a code and uses it up. Refusals are to be kept: they count.
func (s *Service) tryCode(tx *kv.Tx, account string, p *pool, u *user, purpose, text string, now time.Time) (*code, error) {
	k, err := codeRow(tx, account, u, purpose, now)
	if err != nil {
		return nil, err
	}
	if k.Tries >= triesPerWindow {
		return nil, wire.Because(tooOften(), "%d codes for %s tried since %s", k.Tries, purpose, k.Window.UTC().Format(time.RFC3339))
	}
	if k.Hash == nil || !now.Before(k.Ends) {
		return nil, wire.Because(codeExpired(), "no code for %s waits", purpose)
	}
	hash, err := s.codeHash(account, p, u, purpose, text)
	if err != nil {
		return nil, err
	}
	if !hmac.Equal(hash, k.Hash) || u.ghost {
		k.Tries++
		if err := k.put(tx, account); err != nil {
			return nil, err
		}
		return nil, keep(wire.Because(codeMismatch(), "wrong code for %s, try %d of %d", purpose, k.Tries, triesPerWindow))
	}
	return k, codes.Delete(tx, inPool(account, k.Pool), k.Pool, k.Subject, k.Purpose)
}

// codeHash is keyed by the pool's sealed secret: a stolen database does not give six digits away.
func (s *Service) codeHash(account string, p *pool, u *user, purpose, text string) ([]byte, error) {
	mask, err := s.mask(account, p)
	if err != nil {
		return nil, err
	}
	return mac(mask, fmt.Appendf(nil, "code/%s/%s/", u.Sub, purpose), []byte(text)), nil
}
