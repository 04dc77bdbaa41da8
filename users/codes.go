package users

import (
	"crypto/hmac"
	"errors"
	"fmt"
	"strings"
	"time"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// Purposes of codes. Attribute codes add the attribute's name, those of second factors the challenge's.
const (
	forSignUp       = "SignUp"
	forPassword     = "ForgotPassword"
	forAttribute    = "Attribute/"
	forSecondFactor = "SecondFactor/"
	forSignIn       = "SignIn/" // and the factor's name
)

// How long codes live, how often one may be asked for, and how often guessed. A code of six digits dies of the fifth wrong guess,
// so whoever guesses has 5 chances in 10^6 per code, and 20 codes a day: 1 in 10^4 per user, purpose and day. A code that signs
// people in without a password has eight digits: 1 in 10^6.
const (
	signUpCodeLife = 24 * time.Hour
	codeLife       = time.Hour
	codeWindow     = 15 * time.Minute
	codeDay        = 24 * time.Hour
	sendsPerWindow = 5
	sendsPerDay    = 20
	triesPerCode   = 5
)

// code is the last code that was sent to a subject (a user, or the ghost of an unknown one) for a purpose.
type code struct {
	Pool, Subject, Purpose string
	Hash                   []byte
	Attribute, Value       string // which address it was sent to: only that one is proved by it
	Ends                   time.Time
	Tries                  int       // wrong ones, of this code
	Window, Day            time.Time // sends are counted from here
	Sent, SentToday        int
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
		k.Window, k.Sent = now, 0
	}
	if now.After(k.Day.Add(codeDay)) {
		k.Day, k.SentToday = now, 0
	}
	return k, nil
}

func (k *code) put(tx *kv.Tx, account string) error {
	k.Expires = k.Ends
	for _, end := range []time.Time{k.Window.Add(codeWindow), k.Day.Add(codeDay)} {
		if end.After(k.Expires) {
			k.Expires = end
		}
	}
	return codes.Put(tx, inPool(account, k.Pool), k)
}

// newCode makes the code that proves that the user reads what is sent to the address. The last one is void.
func (s *Service) newCode(tx *kv.Tx, account string, p *pool, u *user, purpose string, to address, now time.Time) (string, error) {
	life := codeLife
	if purpose == forSignUp {
		life = signUpCodeLife
	}
	return s.newCodeFor(tx, account, p, u, purpose, life, to, now)
}

// newCodeFor is newCode with a life of its own.
func (s *Service) newCodeFor(tx *kv.Tx, account string, p *pool, u *user, purpose string, life time.Duration, to address, now time.Time) (string, error) {
	k, err := codeRow(tx, account, u, purpose, now)
	if err != nil {
		return "", err
	}
	if k.Sent >= sendsPerWindow || k.SentToday >= sendsPerDay {
		return "", wire.Because(tooOften(), "%d codes for %s since %s, %d since %s",
			k.Sent, purpose, k.Window.UTC().Format(time.RFC3339), k.SentToday, k.Day.UTC().Format(time.RFC3339))
	}
	text := randomText("0123456789", digitsOf(purpose))
	k.Hash, err = s.codeHash(account, p, u, purpose, text)
	if err != nil {
		return "", err
	}
	k.Attribute, k.Value, k.Ends, k.Tries = to.attribute, to.value, now.Add(life), 0
	k.Sent++
	k.SentToday++
	return text, k.put(tx, account)
}

func digitsOf(purpose string) int {
	if strings.HasPrefix(purpose, forSignIn) {
		return 8
	}
	return 6
}

// tryCode checks a code and uses it up. Refusals are to be kept: they count.
func (s *Service) tryCode(tx *kv.Tx, account string, p *pool, u *user, purpose, text string, now time.Time) (*code, error) {
	k, err := codeRow(tx, account, u, purpose, now)
	if err != nil {
		return nil, err
	}
	if k.Hash == nil || !now.Before(k.Ends) {
		return nil, wire.Because(codeExpired(), "no code for %s waits", purpose)
	}
	if k.Tries >= triesPerCode {
		return nil, wire.Because(codeExpired(), "the code for %s died of %d wrong guesses", purpose, k.Tries)
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
		return nil, keep(wire.Because(codeMismatch(), "wrong code for %s, try %d of %d", purpose, k.Tries, triesPerCode))
	}
	return k, codes.Delete(tx, inPool(account, k.Pool), k.Pool, k.Subject, k.Purpose)
}

// guessCode is tryCode for who shows nothing but the code: a wrong one counts against the address it comes from too. The bound of a
// code is no bound for who tries a few codes of each of many users.
func (s *Service) guessCode(tx *kv.Tx, c *wire.Call, ip string, p *pool, u *user, purpose, text string) (*code, error) {
	at, err := mayGuess(tx, c.Account, ip, c.Now)
	if err != nil {
		return nil, err
	}
	k, err := s.tryCode(tx, c.Account, p, u, purpose, text, c.Now)
	if wrong := (*cognitoidp.CodeMismatchException)(nil); at != nil && errors.As(err, &wrong) {
		if err := at.count(tx, c.Account); err != nil {
			return nil, err
		}
	}
	return k, err
}

// mayGuess fails while an address has to wait. It returns the address to count at; nil where none is known.
func mayGuess(tx *kv.Tx, account, ip string, now time.Time) (*atAddress, error) {
	if ip == "" {
		return nil, nil
	}
	at, err := failuresAt(tx, account, wire.Household(ip), now)
	if err == nil && now.Before(at.Until) {
		err = wire.Because(tooOften(), "%.0f failures from %s; locked until %s", at.Failures, at.Address, at.Until.UTC().Format(time.RFC3339))
	}
	return at, err
}

// isCode tells whether tryCode would take the code, without trying it. Only a right one may make a difference to who asks.
func (s *Service) isCode(tx *kv.Tx, account string, p *pool, u *user, purpose, text string, now time.Time) (bool, error) {
	k, err := codeRow(tx, account, u, purpose, now)
	if err != nil || k.Hash == nil || !now.Before(k.Ends) || k.Tries >= triesPerCode {
		return false, err
	}
	hash, err := s.codeHash(account, p, u, purpose, text)
	return err == nil && hmac.Equal(hash, k.Hash), err
}

// codeHash is keyed by the pool's sealed secret: a stolen database does not give six digits away.
func (s *Service) codeHash(account string, p *pool, u *user, purpose, text string) ([]byte, error) {
	mask, err := s.mask(account, p)
	if err != nil {
		return nil, err
	}
	return mac(mask, fmt.Appendf(nil, "code/%s/%s/", u.Sub, purpose), []byte(text)), nil
}
