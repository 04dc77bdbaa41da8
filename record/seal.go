package record

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
)

// Sealer encrypts secrets at rest with AES-256-GCM under the node's data key.
type Sealer struct{ aead cipher.AEAD }

// NewSealer takes a 32-byte key.
func NewSealer(key []byte) (*Sealer, error) {
	if len(key) != 32 {
		return nil, fmt.Errorf("record: sealing key of %d bytes", len(key))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return &Sealer{aead}, nil
}

// ErrSealed says that a sealed value was changed, moved to another place, or sealed under another key.
var ErrSealed = errors.New("record: sealed value does not open")

// Seal encrypts plain. place names where the value stands ("users.client.secret/POOL/ID"): it opens nowhere else.
func (s *Sealer) Seal(place string, plain []byte) []byte {
	nonce := make([]byte, s.aead.NonceSize(), s.aead.NonceSize()+len(plain)+s.aead.Overhead())
	rand.Read(nonce) //nolint:errcheck // never fails (crypto/rand)
	return s.aead.Seal(nonce, nonce, plain, []byte(place))
}

// Open decrypts what Seal made for the same place.
func (s *Sealer) Open(place string, sealed []byte) ([]byte, error) {
	n := s.aead.NonceSize()
	if len(sealed) < n {
		return nil, ErrSealed
	}
	plain, err := s.aead.Open(nil, sealed[:n], sealed[n:], []byte(place))
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}
