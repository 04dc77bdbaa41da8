package access

import (
	"crypto/md5"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"bothy/api/iam"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// sshKeyRow is a user's public key for SSH (CodeCommit). Nothing here serves SSH: the key is kept and shown.
type sshKeyRow struct {
	UserID, ID  string
	Body        string // as in an authorized_keys file, without comment
	PEM         string
	Fingerprint string // MD5, as AWS shows it
	Inactive    bool
	Uploaded    time.Time
}

func sshKeys() *record.Table[sshKeyRow] {
	return &record.Table[sshKeyRow]{Name: "access.sshkey", Version: 1, Key: func(r *sshKeyRow) []any { return []any{r.UserID, r.ID} }}
}

// maxSSHKeys is the quota of a user.
const maxSSHKeys = 5

func (s *Service) mountSSHKeys(m *wire.Mux) {
	wire.Handle(m, iam.UploadSSHPublicKey, s.accessUploadSSHKey, s.uploadSSHKey)
	wire.Handle(m, iam.GetSSHPublicKey, s.accessGetSSHKey, s.getSSHKey)
	wire.Handle(m, iam.ListSSHPublicKeys, s.accessListSSHKeys, s.listSSHKeys)
	wire.Handle(m, iam.UpdateSSHPublicKey, s.accessUpdateSSHKey, s.updateSSHKey)
	wire.Handle(m, iam.DeleteSSHPublicKey, s.accessDeleteSSHKey, s.deleteSSHKey)
}

func noSSHKey(id string) error { return noSuchEntity("The Public Key with id %s cannot be found.", id) }

// readSSHKey reads a key as IAM takes it: RSA, as a line of an authorized_keys file or in PEM.
func readSSHKey(body string) (*sshKeyRow, error) {
	body = strings.TrimSpace(body)
	var key ssh.PublicKey
	var err error
	if block, rest := pem.Decode([]byte(body)); block != nil && len(strings.TrimSpace(string(rest))) == 0 {
		var parsed any
		if parsed, err = parsePublicPEM(block); err == nil {
			key, err = ssh.NewPublicKey(parsed)
		}
	} else if key, _, _, _, err = ssh.ParseAuthorizedKey([]byte(body)); err != nil {
		return nil, wire.Because(&iam.UnrecognizedPublicKeyEncodingException{Message: wire.Some("Unable to recognize the encoding of the public key.")}, "%v", err)
	}
	crypto, ok := key.(ssh.CryptoPublicKey)
	if err != nil || !ok || key.Type() != ssh.KeyAlgoRSA {
		return nil, &iam.InvalidPublicKeyException{Message: wire.Some("The public key is malformed or not an RSA key.")}
	}
	der, err := x509.MarshalPKIXPublicKey(crypto.CryptoPublicKey())
	if err != nil {
		return nil, err
	}
	sum := md5.Sum(key.Marshal())
	return &sshKeyRow{Body: strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))), Fingerprint: colons(sum[:]),
		PEM: string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))}, nil
}

func parsePublicPEM(block *pem.Block) (any, error) {
	if block.Type == "RSA PUBLIC KEY" {
		return x509.ParsePKCS1PublicKey(block.Bytes)
	}
	return x509.ParsePKIXPublicKey(block.Bytes)
}

func colons(sum []byte) string {
	parts := make([]string, len(sum))
	for i, b := range sum {
		parts[i] = hex.EncodeToString([]byte{b})
	}
	return strings.Join(parts, ":")
}

func (r *sshKeyRow) api(user, body string) *iam.SSHPublicKey {
	return &iam.SSHPublicKey{UserName: wire.Some(user), SSHPublicKeyId: wire.Some(r.ID), Fingerprint: wire.Some(r.Fingerprint),
		SSHPublicKeyBody: wire.Some(body), Status: statusOf(r.Inactive), UploadDate: wire.Some(r.Uploaded)}
}

func (s *Service) accessUploadSSHKey(c *wire.Call, in *iam.UploadSSHPublicKeyInput) ([]wire.Access, error) {
	return s.onUser(c, "UploadSSHPublicKey", in.UserName.V, nil)
}

func (s *Service) uploadSSHKey(c *wire.Call, in *iam.UploadSSHPublicKeyInput) (out *iam.UploadSSHPublicKeyOutput, err error) {
	row, err := readSSHKey(in.SSHPublicKeyBody.V)
	if err != nil {
		return nil, err
	}
	row.ID, row.Uploaded = newID("APKA", 17), c.Now.UTC().Truncate(time.Second)
	err = s.withUser(c, in.UserName, func(tx *kv.Tx, user *userRow) error {
		had, err := sshKeys().All(tx, of(c.Account), "", user.ID)
		if err != nil {
			return err
		}
		for _, other := range had {
			if other.Body == row.Body {
				return &iam.DuplicateSSHPublicKeyException{Message: wire.Some("The SSH public key is already associated with the user.")}
			}
		}
		if len(had) >= maxSSHKeys {
			return limitExceeded("Cannot exceed quota for SSHPublicKeysPerUser: %d", maxSSHKeys)
		}
		row.UserID = user.ID
		out = &iam.UploadSSHPublicKeyOutput{SSHPublicKey: row.api(user.Name, row.Body)}
		return sshKeys().Insert(tx, of(c.Account), row)
	})
	return out, err
}

func (s *Service) accessGetSSHKey(c *wire.Call, in *iam.GetSSHPublicKeyInput) ([]wire.Access, error) {
	return s.onUser(c, "GetSSHPublicKey", in.UserName.V, nil)
}

func (s *Service) getSSHKey(c *wire.Call, in *iam.GetSSHPublicKeyInput) (out *iam.GetSSHPublicKeyOutput, err error) {
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		user, err := heldUser(tx, c, in.UserName)
		if err != nil {
			return err
		}
		row, err := sshKeys().Get(tx, of(c.Account), user.ID, in.SSHPublicKeyId.V)
		if err != nil {
			return or(err, noSSHKey(in.SSHPublicKeyId.V))
		}
		body := row.Body
		if in.Encoding.V == "PEM" {
			body = row.PEM
		}
		out = &iam.GetSSHPublicKeyOutput{SSHPublicKey: row.api(user.Name, body)}
		return nil
	})
	return out, err
}

func (s *Service) accessListSSHKeys(c *wire.Call, in *iam.ListSSHPublicKeysInput) ([]wire.Access, error) {
	return s.onUser(c, "ListSSHPublicKeys", named(c, in.UserName), nil)
}

func (s *Service) listSSHKeys(c *wire.Call, in *iam.ListSSHPublicKeysInput) (*iam.ListSSHPublicKeysOutput, error) {
	out := &iam.ListSSHPublicKeysOutput{IsTruncated: wire.Some(false)} // there are few
	return out, listHeld(s, c, in.UserName, sshKeys(), func(user *userRow, row *sshKeyRow) {
		out.SSHPublicKeys = append(out.SSHPublicKeys, iam.SSHPublicKeyMetadata{UserName: wire.Some(user.Name), SSHPublicKeyId: wire.Some(row.ID),
			Status: statusOf(row.Inactive), UploadDate: wire.Some(row.Uploaded)})
	})
}

func (s *Service) accessUpdateSSHKey(c *wire.Call, in *iam.UpdateSSHPublicKeyInput) ([]wire.Access, error) {
	return s.onUser(c, "UpdateSSHPublicKey", in.UserName.V, nil)
}

func (s *Service) updateSSHKey(c *wire.Call, in *iam.UpdateSSHPublicKeyInput) (*iam.UpdateSSHPublicKeyOutput, error) {
	return nil, changeHeld(s, c, in.UserName, sshKeys(), in.SSHPublicKeyId.V, noSSHKey(in.SSHPublicKeyId.V), func(r *sshKeyRow) (err error) {
		r.Inactive, err = inactive(in.Status.V)
		return err
	})
}

func (s *Service) accessDeleteSSHKey(c *wire.Call, in *iam.DeleteSSHPublicKeyInput) ([]wire.Access, error) {
	return s.onUser(c, "DeleteSSHPublicKey", in.UserName.V, nil)
}

func (s *Service) deleteSSHKey(c *wire.Call, in *iam.DeleteSSHPublicKeyInput) (*iam.DeleteSSHPublicKeyOutput, error) {
	return nil, s.withUser(c, in.UserName, func(tx *kv.Tx, user *userRow) error {
		return or(sshKeys().Delete(tx, of(c.Account), user.ID, in.SSHPublicKeyId.V), noSSHKey(in.SSHPublicKeyId.V))
	})
}
