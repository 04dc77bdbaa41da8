package oidc

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// appleLife is how long a client secret made for Apple is good: it is made anew for every exchange.
const appleLife = 5 * time.Minute

// Apple is what a team proves itself to Apple by.
type Apple struct {
	Team  string // its id
	KeyID string
	Key   *ecdsa.PrivateKey
}

// ParseAppleKey reads the private key as Apple hands it out: PKCS #8 of a P-256 key, PEM or its base64 alone.
func ParseAppleKey(text string) (*ecdsa.PrivateKey, error) {
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	if block, _ := pem.Decode([]byte(text)); block != nil {
		der, err = block.Bytes, nil
	}
	if err != nil {
		return nil, errors.New("oidc: the private key is neither PEM nor base64")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errors.New("oidc: the private key is not PKCS #8")
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("oidc: the private key is not of curve P-256")
	}
	return key, nil
}

// Secret is a client secret for the client id: a token signed with the team's key.
func (a Apple) Secret(clientID string, now time.Time) (string, error) {
	by, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: a.Key, KeyID: a.KeyID}}, nil)
	if err != nil {
		return "", fmt.Errorf("oidc: key for Apple: %w", err)
	}
	return jwt.Signed(by).Claims(jwt.Claims{
		Issuer: a.Team, Subject: clientID, Audience: jwt.Audience{"https://appleid.apple.com"},
		IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(appleLife)),
	}).Serialize()
}
