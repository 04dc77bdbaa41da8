package node

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"time"

	"bothy/api/bothy"
	"bothy/backup"
	"bothy/users"
	"bothy/wire"
)

// mountUsers serves what operators do with user pools that AWS has no operation for.
func (s *services) mountUsers(m *wire.Mux) {
	wire.Handle(m, bothy.ExportUsers, operatorAccess[bothy.ExportUsersInput]("ExportUsers"), s.exportUsers)
	wire.Handle(m, bothy.OpenUserImport, operatorAccess[bothy.OpenUserImportInput]("ImportUsers"), s.openUserImport)
	wire.Handle(m, bothy.ImportUsers, operatorAccess[bothy.ImportUsersInput]("ImportUsers"), s.importUsers)
	wire.Handle(m, bothy.RotateSigningKeys, operatorAccess[bothy.RotateSigningKeysInput]("RotateSigningKeys"), s.rotateSigningKeys)
}

func badRequest(text string) error {
	return &bothy.InvalidRequestException{Message: wire.Some(text)}
}

// operators turns a refusal of users into the operator's API's.
func operators(err error) error {
	refused := (wire.Fault)(nil)
	if !errors.As(err, &refused) {
		return err
	}
	code, _, text := refused.Fault()
	if code == "ResourceNotFoundException" {
		return &bothy.NotFoundException{Message: wire.Some(text)}
	}
	return badRequest(text)
}

// exportUsers streams a pool, sealed for a key that the operator holds: what is secret in it never leaves the node open.
func (s *services) exportUsers(c *wire.Call, in *bothy.ExportUsersInput) (*bothy.ExportUsersOutput, error) {
	if err := s.users.Has(c, c.Account, in.PoolId.V); err != nil {
		return nil, operators(err)
	}
	if _, err := backup.SealTo(io.Discard, in.Recipient.V); err != nil {
		return nil, badRequest(err.Error())
	}
	return &bothy.ExportUsersOutput{Body: stream(func(w io.Writer) error {
		sealed, err := backup.SealTo(w, in.Recipient.V)
		if err == nil {
			err = s.users.Export(c, c.Account, in.PoolId.V, sealed)
		}
		if err != nil {
			return err
		}
		return sealed.Close()
	})}, nil
}

// importKey is what the token of an import says: the private half of the key that users are sealed for on their way here. Any node
// that shares the data key can open it, and nobody else.
type importKey struct {
	Pool, Private string
	Expires       time.Time
}

const (
	importLife  = 24 * time.Hour
	importPlace = "node.userimport"
)

func (s *services) openUserImport(c *wire.Call, in *bothy.OpenUserImportInput) (*bothy.OpenUserImportOutput, error) {
	private, recipient, err := backup.NewKey()
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(importKey{in.PoolId.V, private, c.Now.Add(importLife)})
	if err != nil {
		return nil, err
	}
	return &bothy.OpenUserImportOutput{Recipient: wire.Some(recipient), Token: wire.Some(base64.RawURLEncoding.EncodeToString(s.sealer.Seal(importPlace, b)))}, nil
}

func (s *services) importUsers(c *wire.Call, in *bothy.ImportUsersInput) (*bothy.ImportUsersOutput, error) {
	var key importKey
	b, err := base64.RawURLEncoding.DecodeString(in.Token.V)
	if err == nil {
		b, err = s.sealer.Open(importPlace, b)
	}
	if err == nil {
		err = json.Unmarshal(b, &key)
	}
	if err != nil || key.Pool != in.PoolId.V || c.Now.After(key.Expires) {
		return nil, badRequest("The token is not one of an import into this pool, or is too old.")
	}
	open, err := backup.OpenWith(bytes.NewReader(in.Users), key.Private)
	if err != nil {
		return nil, badRequest("The users are not sealed for this import.")
	}
	lines, err := io.ReadAll(open)
	if err != nil {
		return nil, badRequest("The users were changed on their way, or cut short.")
	}
	moved, err := s.users.Import(c, c.Account, in.PoolId.V, bytes.NewReader(lines))
	if err != nil {
		return nil, operators(err)
	}
	return &bothy.ImportUsersOutput{
		Made: wire.Some(moved.Made), Reset: wire.Some(moved.Reset), Imported: wire.Some(int64(moved.Imported)), Present: wire.Some(int64(moved.Present)), Refused: moved.Refused,
	}, nil
}

func (s *services) rotateSigningKeys(c *wire.Call, in *bothy.RotateSigningKeysInput) (*bothy.RotateSigningKeysOutput, error) {
	ids, from, err := s.users.RotateKeys(c, c.Account, in.PoolId.V)
	if errors.Is(err, users.ErrRotating) {
		return nil, &bothy.ConflictException{Message: wire.Some("The last rotation is not over: its keys do not sign yet.")}
	}
	if err != nil {
		return nil, operators(err)
	}
	return &bothy.RotateSigningKeysOutput{Keys: ids, From: wire.Some(from)}, nil
}
