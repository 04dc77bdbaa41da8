package oidc

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

// algorithms are the signatures taken: only those whose verifier cannot sign.
var algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

// leastRSA bits of a modulus are taken.
const leastRSA = 2048

// fetchKeys reads the provider's key set. Keys of kinds not known here are passed over: others may come beside them.
func (p *Provider) fetchKeys(ctx context.Context) ([]jose.JSONWebKey, error) {
	a, err := p.describe(ctx)
	if err != nil {
		return nil, err
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := p.net.get(ctx, http.MethodGet, a.Keys, "", &set); err != nil {
		return nil, err
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys {
		var k jose.JSONWebKey
		if json.Unmarshal(raw, &k) == nil && usable(&k) && len(keys) < maxKeys {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

func usable(k *jose.JSONWebKey) bool {
	if modulus, ok := k.Key.(*rsa.PublicKey); ok && modulus.N.BitLen() < leastRSA {
		return false
	}
	return k.IsPublic() && k.Valid() && (k.Use == "" || k.Use == "sig")
}

// candidates are the keys a token with the header may be signed by.
func (p *Provider) candidates(ctx context.Context, header jose.Header) (candidates, error) {
	fits := func(k jose.JSONWebKey) bool {
		return (header.KeyID == "" || k.KeyID == header.KeyID) && (k.Algorithm == "" || k.Algorithm == header.Algorithm)
	}
	keys, err := p.keys.get(ctx, func(keys []jose.JSONWebKey) bool { return slices.ContainsFunc(keys, fits) })
	var some candidates
	for _, k := range keys {
		if fits(k) {
			some = append(some, k)
		}
	}
	return some, err
}

// candidates verify signatures: a go-oidc KeySet.
type candidates []jose.JSONWebKey

// VerifySignature returns the payload that one of the keys signed.
func (c candidates) VerifySignature(_ context.Context, token string) ([]byte, error) {
	parsed, err := jose.ParseSignedCompact(token, algorithms)
	if err != nil {
		return nil, err
	}
	for _, k := range c {
		if payload, err := parsed.Verify(k.Key); err == nil {
			return payload, nil
		}
	}
	if len(c) == 0 {
		return nil, errors.New("the provider publishes no key of this id and algorithm")
	}
	return nil, errors.New("it is not signed by the provider's key")
}
