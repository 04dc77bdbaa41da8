package users

import (
	"bytes"
	"slices"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// past holds the passwords a user had before the one they have, newest first, as they were kept: sealed SRP credentials.
type past struct {
	Pool, Sub   string
	Credentials [][]byte
}

var pasts = record.Table[past]{Name: "users.past", Version: 1, Key: func(p *past) []any { return []any{p.Pool, p.Sub} }}

// remembers is how many passwords, the present one included, a new one is compared with.
func (p *pool) remembers() int { return int(p.policy().PasswordHistorySize.V) }

// pastOf reads the passwords that a new one of the user must differ from.
func pastOf(tx *kv.Tx, account string, p *pool, u *user) ([][]byte, error) {
	row, err := pasts.Get(tx, inPool(account, p.ID), p.ID, u.Sub)
	if absent(err) {
		row, err = &past{}, nil
	}
	if err != nil {
		return nil, err
	}
	all := row.Credentials
	if u.Credential != nil {
		all = slices.Concat([][]byte{u.Credential}, all)
	}
	return all[:min(len(all), p.remembers())], nil
}

// unlikePast refuses a password that the user has or had. Each comparison takes a power of 3,072 bits, so it is done outside of
// transactions: what it returns is for replacePassword. Call it only for whom is known to be the user: it tells of their passwords.
func (s *Service) unlikePast(c *wire.Call, p *pool, u *user, password string) (compared [][]byte, err error) {
	if p.remembers() == 0 {
		return nil, nil
	}
	if err := s.view(c, func(tx *kv.Tx) error {
		compared, err = pastOf(tx, c.Account, p, u)
		return err
	}); err != nil {
		return nil, err
	}
	for _, sealed := range compared {
		old := *u
		old.Credential = sealed
		cred, err := s.credentialOf(c.Account, p, &old)
		if err != nil {
			return nil, err
		}
		if s.matches(cred, p.ID, u.Name, password) {
			return nil, &cognitoidp.PasswordHistoryPolicyViolationException{Message: wire.Some("Password has previously been used")}
		}
	}
	return compared, nil
}

// replacePassword gives the user another password and remembers the one they had. compared is what unlikePast compared it with: when
// the user got another password since, the new one may be that.
func replacePassword(tx *kv.Tx, account string, p *pool, u *user, sealed []byte, compared [][]byte) error {
	had := u.Credential
	if p.remembers() > 0 {
		now, err := pastOf(tx, account, p, u)
		if err != nil {
			return err
		}
		if !slices.EqualFunc(now, compared, bytes.Equal) {
			return wire.Because(&cognitoidp.TooManyRequestsException{Message: wire.Some("Too many requests")}, "another password was set at the same time")
		}
	}
	u.Credential = sealed
	return remember(tx, account, p, u, had)
}

// remember puts a password among those the user had.
func remember(tx *kv.Tx, account string, p *pool, u *user, had []byte) error {
	if p.remembers() <= 1 || had == nil { // the present one stands with the user
		return ignoreAbsent(pasts.Delete(tx, inPool(account, p.ID), p.ID, u.Sub))
	}
	row, err := pasts.Get(tx, inPool(account, p.ID), p.ID, u.Sub)
	if absent(err) {
		row, err = &past{Pool: p.ID, Sub: u.Sub}, nil
	}
	if err != nil {
		return err
	}
	row.Credentials = slices.Concat([][]byte{had}, row.Credentials)
	row.Credentials = row.Credentials[:min(len(row.Credentials), p.remembers()-1)]
	return pasts.Put(tx, inPool(account, p.ID), row)
}
