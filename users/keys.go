package users

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"sync"

	"crypto"

	"github.com/go-jose/go-jose/v4"

	"bothy/kv"
	"bothy/record"
)

// signing holds a pool's key pairs: the first signs id tokens, the second access tokens, as AWS does.
type signing struct {
	Pool string
	Keys []signingKey
}

type signingKey struct {
	ID      string // kid
	Private []byte // sealed PKCS #8
}

var signings = record.Table[signing]{Name: "users.key", Version: 1, Key: func(k *signing) []any { return []any{k.Pool} }}

const keysPerPool = 2

// signer is a pool's opened keys.
type signer struct {
	id, access jose.Signer
	public     jose.JSONWebKeySet
}

// signerOf opens the pool's keys, making them when the pool has none yet. The caller knows that the pool exists.
func (s *Service) signerOf(ctx context.Context, account, poolID string) (*signer, error) {
	cacheKey := account + "/" + poolID
	if k, ok := s.keys.Load(cacheKey); ok {
		return k.(*signer), nil
	}
	var row *signing
	err := s.view(ctx, func(tx *kv.Tx) (err error) {
		row, err = signings.Get(tx, inPool(account, poolID), poolID)
		return err
	})
	if absent(err) {
		row, err = s.makeKeys(ctx, account, poolID)
	}
	if err != nil {
		return nil, err
	}
	k, err := s.openKeys(account, row)
	if err == nil {
		s.keys.Store(cacheKey, k)
	}
	return k, err
}

// makeKeys gives the pool its keys. Of two callers at once the first wins, and both use what it made.
func (s *Service) makeKeys(ctx context.Context, account, poolID string) (*signing, error) {
	fresh := &signing{Pool: poolID, Keys: make([]signingKey, keysPerPool)}
	errs := make([]error, keysPerPool)
	var wg sync.WaitGroup
	for i := range fresh.Keys {
		wg.Go(func() { fresh.Keys[i], errs[i] = s.sealedKey(account, poolID) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	row := fresh
	err := s.update(ctx, func(tx *kv.Tx) error {
		if _, err := poolByID(tx, account, poolID); err != nil {
			return err
		}
		was, err := signings.Get(tx, inPool(account, poolID), poolID)
		if !absent(err) {
			row = was
			return err
		}
		row = fresh
		return signings.Put(tx, inPool(account, poolID), fresh)
	})
	return row, err
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
	return signingKey{kid, s.cfg.Sealer.Seal(keyPlace(account, poolID, kid), der)}, nil
}

func keyPlace(account, poolID, kid string) string {
	return "users.key/" + account + "/" + poolID + "/" + kid
}

func (s *Service) openKeys(account string, row *signing) (*signer, error) {
	out := &signer{}
	for i, k := range row.Keys {
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
		if i == 0 {
			out.id = sign
		}
		out.access = sign
		out.public.Keys = append(out.public.Keys, jose.JSONWebKey{Key: &key.PublicKey, KeyID: k.ID, Algorithm: string(jose.RS256), Use: "sig"})
	}
	return out, nil
}
