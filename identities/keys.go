package identities

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"bothy/api/cognitoidentity"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// keyRow is a signing key at rest.
type keyRow struct {
	ID      string
	Sealed  []byte // PKCS #8
	Created time.Time
}

var keyRows = record.Table[keyRow]{Name: "identities.key", Version: 1, Key: func(k *keyRow) []any { return []any{k.ID} }}

type signingKey struct {
	id      string
	private *rsa.PrivateKey
}

// keyCache holds opened keys, so that a signature costs no unsealing. The row is still read each time: a key whose row is
// gone is not used.
type keyCache struct {
	mu   sync.Mutex
	open map[string]*rsa.PrivateKey // by key id; guarded by mu
}

// signingKey is the account's key, made at first use.
func (s *Service) signingKey(ctx context.Context, account string, now time.Time) (*signingKey, error) {
	rows, err := s.keyRows(ctx, account)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		if rows, err = s.makeKey(ctx, account, now); err != nil {
			return nil, err
		}
	}
	private, err := s.openKey(rows[0])
	if err != nil {
		return nil, err
	}
	return &signingKey{rows[0].ID, private}, nil
}

func (s *Service) keyRows(ctx context.Context, account string) (rows []*keyRow, err error) {
	err = s.cfg.DB.View(ctx, func(tx *kv.Tx) error {
		rows, _, err = keyRows.List(tx, record.In(account, ""), record.Page{})
		return err
	})
	return rows, err
}

// makeKey stores a new key, unless another node was faster: then that one counts.
func (s *Service) makeKey(ctx context.Context, account string, now time.Time) (rows []*keyRow, err error) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	plain, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	var b [16]byte
	rand.Read(b[:]) //nolint:errcheck // never fails (crypto/rand)
	row := &keyRow{ID: hex.EncodeToString(b[:]), Created: now}
	row.Sealed = s.cfg.Sealer.Seal(keyPlace(row.ID), plain)
	err = s.cfg.DB.Update(ctx, func(tx *kv.Tx) error {
		scope := record.In(account, "")
		if rows, _, err = keyRows.List(tx, scope, record.Page{}); err != nil || len(rows) > 0 {
			return err
		}
		rows = []*keyRow{row}
		return keyRows.Insert(tx, scope, row)
	})
	return rows, err
}

func keyPlace(id string) string { return "identities.key/" + id }

func (s *Service) openKey(row *keyRow) (*rsa.PrivateKey, error) {
	s.keys.mu.Lock()
	defer s.keys.mu.Unlock()
	if k := s.keys.open[row.ID]; k != nil {
		return k, nil
	}
	plain, err := s.cfg.Sealer.Open(keyPlace(row.ID), row.Sealed)
	if err != nil {
		return nil, fmt.Errorf("identities: signing key %s: %w", row.ID, err)
	}
	k, err := x509.ParsePKCS8PrivateKey(plain)
	if err != nil {
		return nil, err
	}
	private, ok := k.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("identities: signing key %s is not RSA", row.ID)
	}
	if s.keys.open == nil {
		s.keys.open = map[string]*rsa.PrivateKey{}
	}
	s.keys.open[row.ID] = private
	return private, nil
}

func (s *Service) publicKey(ctx context.Context, account, id string) (*rsa.PublicKey, error) {
	var row *keyRow
	err := s.cfg.DB.View(ctx, func(tx *kv.Tx) (err error) {
		row, err = keyRows.Get(tx, record.In(account, ""), id)
		return err
	})
	if errors.Is(err, record.ErrNotFound) {
		return nil, fmt.Errorf("%w: unknown key %q", ErrToken, id)
	}
	if err != nil {
		return nil, err
	}
	private, err := s.openKey(row)
	if err != nil {
		return nil, err
	}
	return &private.PublicKey, nil
}

// JWKS serves the public keys, for /.well-known/jwks_uri and /.well-known/jwks.json of the cognito-identity host.
func (s *Service) JWKS() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		set, err := s.publicKeys(r.Context())
		if err != nil {
			s.mux.Refuse(w, wire.TraceOf(r, cognitoidentity.API.Name, r.Method+" "+r.URL.Path, s.cfg.Now()), http.StatusInternalServerError, "internal failure", err.Error())
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Cache-Control", "public, max-age=300")
		json.NewEncoder(w).Encode(set) //nolint:errcheck // the client went away
	})
}

func (s *Service) publicKeys(ctx context.Context) (*jose.JSONWebKeySet, error) {
	if _, err := s.signingKey(ctx, s.cfg.Account(), s.cfg.Now()); err != nil {
		return nil, err
	}
	rows, err := s.keyRows(ctx, s.cfg.Account())
	if err != nil {
		return nil, err
	}
	set := &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, row := range rows {
		private, err := s.openKey(row)
		if err != nil {
			return nil, err
		}
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: &private.PublicKey, KeyID: row.ID, Algorithm: "RS256", Use: "sig"})
	}
	return set, nil
}
