package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"sync"
)

// maxKeys bounds each of the two generations of cached signing keys.
const maxKeys = 4096

// keyID names a signing key. The secret's hash is part of it, so a changed secret never meets an old key.
type keyID struct {
	accessKey, date, region, service string
	secret                           [32]byte
}

// signer is a derived signing key with MACs ready to use.
type signer struct {
	key  []byte
	macs sync.Pool // of hash.Hash
}

func newSigner(secret, date, region, service string) *signer {
	s := &signer{key: signingKey(secret, date, region, service)}
	s.macs.New = func() any { return hmac.New(sha256.New, s.key) }
	return s
}

// keys caches signers in two generations: what is not used while a generation fills is forgotten.
type keys struct {
	mu       sync.Mutex
	now, old map[keyID]*signer // guarded by mu
}

func (k *keys) get(id keyID) *signer {
	k.mu.Lock()
	defer k.mu.Unlock()
	if s := k.now[id]; s != nil {
		return s
	}
	s := k.old[id]
	if s != nil {
		k.putLocked(id, s)
	}
	return s
}

// put keeps a key that has just proved a signature: guesses can not push good keys out.
func (k *keys) put(id keyID, s *signer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.putLocked(id, s)
}

func (k *keys) putLocked(id keyID, s *signer) {
	if k.now == nil || len(k.now) >= maxKeys {
		k.old, k.now = k.now, make(map[keyID]*signer)
	}
	k.now[id] = s
}

func (a *Auth) keyID(secret string) keyID {
	var few [64]byte
	return keyID{a.AccessKey, a.Date, a.Region, a.Service, sha256.Sum256(append(few[:0], secret...))}
}

// signingKey derives the key of a scope.
func signingKey(secret, date, region, service string) []byte {
	k := mac([]byte("AWS4"+secret), date)
	k = mac(k, region)
	k = mac(k, service)
	return mac(k, "aws4_request")
}

func mac(key []byte, data string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(data))
	return h.Sum(nil)
}

// HashHex is the SHA-256 of a payload as it is signed: lower-case hex.
func HashHex(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}
