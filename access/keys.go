package access

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"time"

	"bothy/kv"
	"bothy/record"
)

// Account is the id of the node's account, 12 digits, drawn at the first call.
func (s *Service) Account(ctx context.Context) (string, error) {
	var id string
	err := s.cfg.DB.View(ctx, func(tx *kv.Tx) (err error) {
		id, err = nodeValue(tx, "account")
		return err
	})
	if err != nil || id != "" {
		return id, err
	}
	err = s.cfg.DB.Update(ctx, func(tx *kv.Tx) (err error) {
		id, err = ensureAccount(tx)
		return err
	})
	return id, err
}

func ensureAccount(tx *kv.Tx) (string, error) {
	id, err := nodeValue(tx, "account")
	if err != nil || id != "" {
		return id, err
	}
	n, err := rand.Int(rand.Reader, big.NewInt(900_000_000_000))
	if err != nil {
		return "", err
	}
	id = fmt.Sprint(n.Int64() + 100_000_000_000) // no leading zero: people paste it where it is read as a number
	return id, nodes().Put(tx, node(), &nodeRow{"account", id})
}

// nodeValue is "" when there is none.
func nodeValue(tx *kv.Tx, name string) (string, error) {
	row, err := nodes().Get(tx, node(), name)
	if errors.Is(err, record.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return row.Value, nil
}

// touch replaces the epoch: compiled principals in memory, here and on every other node, are out of date.
func touch(tx *kv.Tx) error {
	return nodes().Put(tx, node(), &nodeRow{"epoch", rand.Text()})
}

// EnsureRoot returns the account's root key, making it at the first call. The secret is for the credentials file only.
func (s *Service) EnsureRoot(ctx context.Context) (accessKey, secret string, created bool, err error) {
	err = s.cfg.DB.Update(ctx, func(tx *kv.Tx) error {
		account, err := ensureAccount(tx)
		if err != nil {
			return err
		}
		rows, _, err := keys().List(tx, node(), record.Page{Index: "user", Prefix: []any{account, ""}})
		if err != nil {
			return err
		}
		for _, row := range rows {
			if !row.Inactive {
				accessKey, created = row.ID, false
				secret, err = s.openSecret(row)
				return err
			}
		}
		row, plain := s.newKey(account, "", s.cfg.Now())
		accessKey, secret, created = row.ID, plain, true
		if err := keys().Insert(tx, node(), row); err != nil {
			return err
		}
		return touch(tx)
	})
	return accessKey, secret, created, err
}

// newKey draws a key and seals its secret.
func (s *Service) newKey(account, user string, now time.Time) (*keyRow, string) {
	row := &keyRow{ID: newID("AKIA", 16), Account: account, User: user, Created: now.UTC().Truncate(time.Second)}
	secret := newSecret()
	row.Secret = s.cfg.Sealer.Seal(secretPlace(row.ID), []byte(secret))
	return row, secret
}

func (s *Service) openSecret(row *keyRow) (string, error) {
	plain, err := s.cfg.Sealer.Open(secretPlace(row.ID), row.Secret)
	return string(plain), err
}

func secretPlace(id string) string { return "access.key.secret/" + id }

// newID is a prefix (AKIA, ASIA, AROA, AIDA, ANPA) and n random characters of A-Z2-7.
func newID(prefix string, n int) string {
	raw := make([]byte, (n*5+7)/8)
	rand.Read(raw) //nolint:errcheck // never fails (crypto/rand)
	return prefix + base32.StdEncoding.EncodeToString(raw)[:n]
}

// newSecret is 40 characters, as long as AWS's.
func newSecret() string {
	raw := make([]byte, 30)
	rand.Read(raw) //nolint:errcheck // never fails (crypto/rand)
	return base64.StdEncoding.EncodeToString(raw)
}
