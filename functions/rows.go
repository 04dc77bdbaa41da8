package functions

import (
	"encoding/json"
	"errors"
	"time"

	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// function is what the versions of a function share.
type function struct {
	Name     string
	Created  time.Time
	Next     int // number of the next published version
	Policies map[string]*statements
	Tags     map[string]string
}

// statements are the resource policy of a function, version or alias.
type statements struct {
	Revision string
	List     []statement
}

// statement is one permission, in the form policies are written in.
type statement struct {
	Sid       string
	Effect    string
	Principal json.RawMessage
	Action    string
	Resource  string
	Condition map[string]map[string]string `json:",omitempty"`
}

// version is the configuration of $LATEST or of a published version.
type version struct {
	Name, Version string
	Runtime       string
	Role          string
	Handler       string
	Description   string
	Timeout       int32 // seconds
	MemoryMB      int32
	Env           []byte // sealed JSON of the variables
	CodeID        string // blob
	CodeSize      int64
	CodeSHA       string // base64 of SHA-256
	Architecture  string
	Modified      time.Time
	Revision      string
}

type alias struct {
	Function, Name string
	Version        string
	Description    string
	Revision       string
}

// codeUse says that a version names a blob.
type codeUse struct{ Blob, Account, Region, Name, Version string }

var (
	functionTable = record.Table[function]{Name: "functions.function", Version: 1, Key: func(f *function) []any { return []any{f.Name} }}
	versionTable  = record.Table[version]{Name: "functions.version", Version: 1, Key: func(v *version) []any { return []any{v.Name, v.Version} }}
	aliasTable    = record.Table[alias]{Name: "functions.alias", Version: 1, Key: func(a *alias) []any { return []any{a.Function, a.Name} }}
	codeTable     = record.Table[codeUse]{Name: "functions.code", Version: 1, Key: func(u *codeUse) []any {
		return []any{u.Blob, u.Account, u.Region, u.Name, u.Version}
	}}
)

func (r ref) scope() record.Scope { return record.In(r.account, r.region) }

// everywhere is the scope of rows that belong to the node.
func everywhere() record.Scope { return record.Scope{} }

// getFunction reads a function, or answers that there is none.
func getFunction(tx *kv.Tx, r ref) (*function, error) {
	f, err := functionTable.Get(tx, r.scope(), r.name)
	if errors.Is(err, record.ErrNotFound) {
		return nil, noFunction(r.arn())
	}
	return f, err
}

// getVersion reads what a reference leads to: a version, or the version behind an alias.
func getVersion(tx *kv.Tx, r ref) (*version, error) {
	number := r.qualifier
	if number == "" {
		number = latest
	}
	if !isVersion(number) {
		a, err := aliasTable.Get(tx, r.scope(), r.name, number)
		if errors.Is(err, record.ErrNotFound) {
			return nil, noFunction(r.arn())
		} else if err != nil {
			return nil, err
		}
		number = a.Version
	}
	v, err := versionTable.Get(tx, r.scope(), r.name, number)
	if errors.Is(err, record.ErrNotFound) {
		return nil, noFunction(r.arn())
	}
	return v, err
}

func isVersion(q string) bool {
	if q == latest {
		return true
	}
	for _, ch := range q {
		if ch < '0' || ch > '9' {
			return false
		}
	}
	return q != ""
}

// putVersion stores a version and notes which archive it names; old is what it replaces, or nil.
func putVersion(tx *kv.Tx, r ref, old, v *version) error {
	if old != nil && old.CodeID != v.CodeID {
		if err := dropCode(tx, r, old); err != nil {
			return err
		}
	}
	if err := codeTable.Put(tx, everywhere(), useOf(r, v)); err != nil {
		return err
	}
	return versionTable.Put(tx, r.scope(), v)
}

func deleteVersion(tx *kv.Tx, r ref, v *version) error {
	if err := dropCode(tx, r, v); err != nil {
		return err
	}
	return versionTable.Delete(tx, r.scope(), v.Name, v.Version)
}

func dropCode(tx *kv.Tx, r ref, v *version) error {
	u := useOf(r, v)
	err := codeTable.Delete(tx, everywhere(), u.Blob, u.Account, u.Region, u.Name, u.Version)
	if errors.Is(err, record.ErrNotFound) {
		return nil
	}
	return err
}

func useOf(r ref, v *version) *codeUse {
	return &codeUse{Blob: v.CodeID, Account: r.account, Region: r.region, Name: v.Name, Version: v.Version}
}

// eachVersion calls fn for every version of a function, oldest first.
func eachVersion(tx *kv.Tx, r ref, fn func(*version) error) error {
	rows, err := versionTable.All(tx, r.scope(), "", r.name)
	for _, v := range rows {
		if err := fn(v); err != nil {
			return err
		}
	}
	return err
}

func newRevision() string { return wire.NewUUID() }

func envPlace(r ref) string { return "functions.env/" + r.account + "/" + r.region + "/" + r.name }

// openEnv decrypts the variables of a version.
func (s *Service) openEnv(r ref, v *version) (map[string]string, error) {
	if len(v.Env) == 0 {
		return nil, nil
	}
	plain, err := s.cfg.Sealer.Open(envPlace(r), v.Env)
	if err != nil {
		return nil, err
	}
	var env map[string]string
	return env, json.Unmarshal(plain, &env)
}

// sealEnv encrypts variables: they hold passwords and keys more often than not.
func (s *Service) sealEnv(r ref, env map[string]string) ([]byte, error) {
	if len(env) == 0 {
		return nil, nil
	}
	plain, err := json.Marshal(env)
	if err != nil {
		return nil, err
	}
	return s.cfg.Sealer.Seal(envPlace(r), plain), nil
}
