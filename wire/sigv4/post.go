package sigv4

import (
	"crypto/subtle"
	"encoding/hex"
)

// Form is the signature of an S3 browser upload (POST policy), from the form's fields. Version 4 fills the first five,
// Version 2 the last two.
type Form struct {
	Algorithm  string // x-amz-algorithm
	Credential string // x-amz-credential
	Date       string // x-amz-date
	Signature  string // x-amz-signature
	Token      string // x-amz-security-token, of both versions

	AccessKey   string // AWSAccessKeyId
	SignatureV2 string // signature
}

// VerifyPolicy proves that policy, the base64 text of the form's policy field, was signed by the key the form names. What the
// policy says, its expiration included, is the caller's to check.
func (v *Verifier) VerifyPolicy(policy string, f Form, find Find) (*Auth, error) {
	if f.Algorithm == "" && f.Credential == "" && f.AccessKey != "" {
		return verifyPolicyV2(policy, f, find)
	}
	if f.Algorithm != Algorithm {
		return nil, refuse(UnknownAlgorithm, msgAlgorithm, "x-amz-algorithm is %.32q, expected %s", f.Algorithm, Algorithm)
	}
	a := &Auth{Version: 4, Signature: f.Signature, Token: f.Token, Payload: Unsigned, signed: "host"}
	if err := a.setTime(f.Date); err != nil {
		return nil, err
	}
	if err := a.finish(f.Credential); err != nil {
		return nil, err
	}
	if a.SignedHeaders, a.signed = nil, ""; a.Service != "s3" {
		return nil, malformed(BadScope, "Credential should be scoped to service 's3', not '%s'.", a.Service)
	}
	secret, err := find(a.AccessKey, a.Token)
	if err != nil {
		return nil, err
	}
	sent, _ := hex.DecodeString(a.Signature)
	if subtle.ConstantTimeCompare(mac(signingKey(secret, a.Date, a.Region, a.Service), policy), sent) != 1 {
		return nil, refuse(Mismatch, msgMismatch, "POST policy %s in scope %s", HashHex([]byte(policy)), a.scope(nil))
	}
	return a, nil
}

func verifyPolicyV2(policy string, f Form, find Find) (*Auth, error) {
	secret, err := find(f.AccessKey, f.Token)
	if err != nil {
		return nil, err
	}
	if !signedSHA1(secret, policy, f.SignatureV2) {
		return nil, refuse(Mismatch, msgMismatch, "POST policy %s, Signature Version 2", HashHex([]byte(policy)))
	}
	return &Auth{Version: 2, AccessKey: f.AccessKey, Service: "s3", Token: f.Token, Signature: f.SignatureV2, Payload: Unsigned}, nil
}
