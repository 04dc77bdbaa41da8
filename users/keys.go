package users

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"bothy/kv"
	"bothy/record"
)

// signing holds a pool's key pairs. Each generation has one for id tokens and one for access tokens, in this order, as AWS does.
type signing struct {
	Pool string
	Keys []signingKey
}

type signingKey struct {
	ID      string    // kid
	Private []byte    // sealed PKCS #8
	From    time.Time `json:",omitzero"` // it signs, until a later one does
	Until   time.Time `json:",omitzero"` // tokens it signed may be good; zero: no end is known
}

var signings = record.Table[signing]{Name: "users.key", Version: 1, Key: func(k *signing) []any { return []any{k.Pool} }}

const (
	keysPerPool = 2                           // of one generation
	keyNotice   = keysCached + 10*time.Minute // new keys are shown before they sign: verifiers remember the list
	keyOverlap  = keyNotice + longestToken    // and the old ones after: tokens live on
)

// signer is a pool's opened keys.
type signer struct {
	row  []byte // they were opened from
	keys []openKey
}

type openKey struct {
	signingKey
	sign   jose.Signer
	public jose.JSONWebKey
}

// at are the signers of id and access tokens now.
func (k *signer) at(now time.Time) (id, access jose.Signer) {
	for i := len(k.keys) - keysPerPool; i > 0; i -= keysPerPool {
		if !now.Before(k.keys[i].From) {
			return k.keys[i].sign, k.keys[i+1].sign
		}
	}
	return k.keys[0].sign, k.keys[1].sign
}

// public are the keys by which tokens are verified now.
func (k *signer) public(now time.Time) (set jose.JSONWebKeySet) {
	for _, key := range k.keys {
		if key.Until.IsZero() || now.Before(key.Until) {
			set.Keys = append(set.Keys, key.public)
		}
	}
	return set
}

// signerOf opens the pool's keys, making them when the pool has none yet. The caller knows that the pool exists.
func (s *Service) signerOf(ctx context.Context, account, poolID string) (*signer, error) {
	k, err := s.keptSigner(ctx, account, poolID)
	if err != nil || k != nil {
		return k, err
	}
	row, err := s.makeKeys(ctx, account, poolID)
	if err != nil {
		return nil, err
	}
	return s.openKeys(account, row)
}

// keptSigner opens the keys that the pool has; nil when it has none, or is not here. As long as the row is the same, so are the keys.
func (s *Service) keptSigner(ctx context.Context, account, poolID string) (*signer, error) {
	if regionOf(poolID) == "" {
		return nil, nil
	}
	var row []byte
	err := s.view(ctx, func(tx *kv.Tx) (err error) {
		row, err = signings.Stamp(tx, inPool(account, poolID), poolID)
		return err
	})
	if err != nil || row == nil {
		return nil, err
	}
	cacheKey := account + "/" + poolID
	if k, ok := s.keys.Load(cacheKey); ok && bytes.Equal(k.(*signer).row, row) {
		return k.(*signer), nil
	}
	kept, err := signings.Decode(row)
	if err != nil {
		return nil, err
	}
	k, err := s.openKeys(account, kept)
	if err == nil {
		k.row = row
		s.keys.Store(cacheKey, k)
	}
	return k, err
}

// generation makes keys of a pool.
func (s *Service) generation(account, poolID string) ([]signingKey, error) {
	keys, errs := make([]signingKey, keysPerPool), make([]error, keysPerPool)
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() { keys[i], errs[i] = s.sealedKey(account, poolID) })
	}
	wg.Wait()
	return keys, errors.Join(errs...)
}

// makeKeys gives the pool its first keys. Of two callers at once the first wins, and both use what it made.
func (s *Service) makeKeys(ctx context.Context, account, poolID string) (*signing, error) {
	keys, err := s.generation(account, poolID)
	if err != nil {
		return nil, err
	}
	for i := range keys {
		keys[i].From = s.cfg.Now()
	}
	var row *signing
	err = s.update(ctx, func(tx *kv.Tx) error {
		if _, err := poolByID(tx, account, poolID); err != nil {
			return err
		}
		was, err := signings.Get(tx, inPool(account, poolID), poolID)
		if !absent(err) {
			row = was
			return err
		}
		row = &signing{poolID, keys}
		return signings.Put(tx, inPool(account, poolID), row)
	})
	return row, err
}

// ErrRotating says that a pool's next keys are known already, and have not begun to sign.
var ErrRotating = errors.New("users: the last rotation of keys is not over")

// RotateKeys gives the pool new keys, and returns their ids and the time from which they sign. Verifiers see them until then, and the old
// ones for as long as tokens live that they signed.
func (s *Service) RotateKeys(ctx context.Context, account, poolID string) (ids []string, from time.Time, err error) {
	if err := s.Has(ctx, account, poolID); err != nil {
		return nil, from, err
	}
	if _, err := s.signerOf(ctx, account, poolID); err != nil { // makes the first ones
		return nil, from, err
	}
	fresh, err := s.generation(account, poolID)
	if err != nil {
		return nil, from, err
	}
	err = s.update(ctx, func(tx *kv.Tx) error {
		now := s.cfg.Now()
		from = now.Add(keyNotice)
		row, err := signings.Get(tx, inPool(account, poolID), poolID)
		if err != nil {
			return err
		}
		if row.Keys[len(row.Keys)-1].From.After(now) {
			return ErrRotating
		}
		row.Keys = slices.DeleteFunc(row.Keys, func(k signingKey) bool { return !k.Until.IsZero() && now.After(k.Until) })
		for i := range row.Keys {
			if row.Keys[i].Until.IsZero() {
				row.Keys[i].Until = now.Add(keyOverlap)
			}
		}
		ids = nil
		for _, k := range fresh {
			k.From = from
			row.Keys, ids = append(row.Keys, k), append(ids, k.ID)
		}
		return signings.Put(tx, inPool(account, poolID), row)
	})
	return ids, from, err
}

// rotateOld rotates the keys of pools whose newest are older than the node lets them be. A pool that no client signs in to has none.
func (s *Service) rotateOld(ctx context.Context, account string) error {
	if s.cfg.KeyAge <= 0 {
		return nil
	}
	ids := map[string]bool{}
	for after := ""; ; {
		var rows []*client
		if err := s.view(ctx, func(tx *kv.Tx) (err error) {
			rows, after, err = clients.List(tx, everywhere(account), record.Page{After: after})
			return err
		}); err != nil {
			return err
		}
		for _, cl := range rows {
			ids[cl.Pool] = true
		}
		if after == "" {
			break
		}
	}
	var errs []error
	for _, id := range sortedKeys(ids) {
		old, err := s.keysAreOld(ctx, account, id)
		if err == nil && old {
			_, _, err = s.RotateKeys(ctx, account, id)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (s *Service) keysAreOld(ctx context.Context, account, poolID string) (old bool, err error) {
	err = s.view(ctx, func(tx *kv.Tx) error {
		row, err := signings.Get(tx, inPool(account, poolID), poolID)
		old = err == nil && row.Keys[len(row.Keys)-1].From.Add(s.cfg.KeyAge).Before(s.cfg.Now())
		return ignoreAbsent(err)
	})
	return old, err
}

func (s *Service) sealedKey(account, poolID string) (signingKey, error) {
	key, err := s.newKey()
	if err != nil {
		return signingKey{}, fmt.Errorf("users: signing key: %w", err)
	}
	print, err := (&jose.JSONWebKey{Key: &key.PublicKey}).Thumbprint(crypto.SHA256)
	if err != nil {
		return signingKey{}, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return signingKey{}, err
	}
	kid := base64.StdEncoding.EncodeToString(print)
	return signingKey{ID: kid, Private: s.cfg.Sealer.Seal(keyPlace(account, poolID, kid), der)}, nil
}

func keyPlace(account, poolID, kid string) string {
	return "users.key/" + account + "/" + poolID + "/" + kid
}

func (s *Service) openKeys(account string, row *signing) (*signer, error) {
	if len(row.Keys) == 0 || len(row.Keys)%keysPerPool != 0 {
		return nil, fmt.Errorf("users: %d signing keys of %s", len(row.Keys), row.Pool)
	}
	out := &signer{}
	for _, k := range row.Keys {
		der, err := s.cfg.Sealer.Open(keyPlace(account, row.Pool, k.ID), k.Private)
		if err != nil {
			return nil, err
		}
		parsed, err := x509.ParsePKCS8PrivateKey(der)
		if err != nil {
			return nil, err
		}
		key, ok := parsed.(*rsa.PrivateKey)
		if !ok {
			return nil, fmt.Errorf("users: signing key of type %T", parsed)
		}
		sign, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: k.ID}}, nil)
		if err != nil {
			return nil, err
		}
		out.keys = append(out.keys, openKey{k, sign, jose.JSONWebKey{Key: &key.PublicKey, KeyID: k.ID, Algorithm: string(jose.RS256), Use: "sig"}})
	}
	return out, nil
}
