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

// keys caches derived signing keys in two generations: what is not used while a generation fills is forgotten.
type keys struct {
	mu       sync.Mutex
	now, old map[keyID][]byte // guarded by mu
}

func (k *keys) get(id keyID) []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	if key := k.now[id]; key != nil {
		return key
	}
	key := k.old[id]
	if key != nil {
		k.putLocked(id, key)
	}
	return key
}

// put keeps a key that has just proved a signature: guesses can not push good keys out.
func (k *keys) put(id keyID, key []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.putLocked(id, key)
}

func (k *keys) putLocked(id keyID, key []byte) {
	if k.now == nil || len(k.now) >= maxKeys {
		k.old, k.now = k.now, make(map[keyID][]byte)
	}
	k.now[id] = key
}

func (a *Auth) keyID(secret string) keyID {
	return keyID{a.AccessKey, a.Date, a.Region, a.Service, sha256.Sum256([]byte(secret))}
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
