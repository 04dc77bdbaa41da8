package tables

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"time"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/wire"
)

// tokenLife is how long a ClientRequestToken makes a transaction idempotent.
const tokenLife = 10 * time.Minute

const (
	tokenVersion = 1
	tokenBytes   = 1 + 8 + sha256.Size
)

// stamp is what a ClientRequestToken stands for; nil without one. Its row: version, Unix seconds until which it holds, the
// SHA-256 of the request.
type stamp struct {
	row     kv.Key
	forget  kv.Key
	until   int64
	now     int64
	request [sha256.Size]byte
}

func stampOf(c *wire.Call, given wire.Opt[string], request func() []byte) *stamp {
	if !given.Set {
		return nil
	}
	token, until := given.V, c.Now.Add(tokenLife).Unix()
	caller := ""
	if c.Principal != nil {
		caller = c.Principal.ARN // one caller's token says nothing about another's request
		if id := c.Principal.Identity; id != nil {
			caller += "/" + id.ID
		}
	}
	return &stamp{
		row:    kv.K(c.Account, c.Region, "tables.token", caller, token),
		forget: kv.K("", "", "tables.spent", until, c.Account, c.Region, caller, token),
		until:  until, now: c.Now.Unix(),
		request: sha256.Sum256(request()),
	}
}

// spent tells whether the same request was done before; another one under the same token is refused.
func (s *stamp) spent(tx *kv.Tx) (bool, error) {
	if s == nil {
		return false, nil
	}
	raw, err := tx.Get(s.row)
	if err != nil || len(raw) != tokenBytes || raw[0] != tokenVersion || int64(binary.BigEndian.Uint64(raw[1:])) < s.now {
		return false, err
	}
	if !bytes.Equal(raw[9:], s.request[:]) {
		return false, &dynamodb.IdempotentParameterMismatchException{}
	}
	return true, nil
}

func (s *stamp) spend(tx *kv.Tx) error {
	if s == nil {
		return nil
	}
	row := binary.BigEndian.AppendUint64([]byte{tokenVersion}, uint64(s.until))
	if err := tx.Set(s.row, append(row, s.request[:]...)); err != nil {
		return err
	}
	return tx.Set(s.forget, s.row)
}
