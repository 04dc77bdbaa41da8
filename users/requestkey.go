package users

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"math/big"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// requestKey is what a pool signs its requests to SAML providers with.
type requestKey struct {
	Pool        string
	Private     []byte // sealed PKCS #8
	Certificate []byte // DER
}

var requestKeys = record.Table[requestKey]{Name: "users.requestkey", Version: 1, Key: func(k *requestKey) []any { return []any{k.Pool} }}

const requestKeyYears = 10

func (s *Service) getSigningCertificate(c *wire.Call, in *cognitoidp.GetSigningCertificateInput) (*cognitoidp.GetSigningCertificateOutput, error) {
	_, cert, err := s.requestKey(c, c.Account, in.UserPoolId.V)
	if err != nil {
		return nil, err
	}
	return &cognitoidp.GetSigningCertificateOutput{Certificate: wire.Some(base64.StdEncoding.EncodeToString(cert))}, nil
}

// requestKey opens the pool's key, making it when there is none yet, and returns its certificate along.
func (s *Service) requestKey(ctx context.Context, account, poolID string) (*rsa.PrivateKey, []byte, error) {
	var row *requestKey
	err := s.view(ctx, func(tx *kv.Tx) (err error) {
		if _, err := poolByID(tx, account, poolID); err != nil {
			return err
		}
		row, err = requestKeys.Get(tx, inPool(account, poolID), poolID)
		return err
	})
	if absent(err) {
		row, err = s.makeRequestKey(ctx, account, poolID)
	}
	if err != nil {
		return nil, nil, err
	}
	der, err := s.cfg.Sealer.Open(requestKeyPlace(account, poolID), row.Private)
	if err != nil {
		return nil, nil, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, nil, err
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, nil, fmt.Errorf("users: request key of type %T", parsed)
	}
	return key, row.Certificate, nil
}

// makeRequestKey gives the pool its key. Of two callers at once the first wins, and both use what it made.
func (s *Service) makeRequestKey(ctx context.Context, account, poolID string) (row *requestKey, err error) {
	key, err := s.newKey()
	if err != nil {
		return nil, fmt.Errorf("users: request key: %w", err)
	}
	now := s.cfg.Now()
	t := &x509.Certificate{SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: poolID}, NotBefore: now, NotAfter: now.AddDate(requestKeyYears, 0, 0)}
	cert, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	err = s.update(ctx, func(tx *kv.Tx) error {
		if row, err = requestKeys.Get(tx, inPool(account, poolID), poolID); !absent(err) {
			return err
		}
		row = &requestKey{poolID, s.cfg.Sealer.Seal(requestKeyPlace(account, poolID), der), cert}
		return requestKeys.Put(tx, inPool(account, poolID), row)
	})
	return row, err
}

func requestKeyPlace(account, poolID string) string {
	return "users.requestkey/" + account + "/" + poolID
}
