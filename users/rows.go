package users

import (
	"errors"
	"strings"
	"time"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/record"
)

// pool is a user pool as it is kept.
type pool struct {
	ID       string
	Region   string
	Mask     []byte  // sealed: the secret behind the answers about unknown users and behind code hashes
	Methods  methods `json:",omitzero"` // of multi-factor sign-in
	Settings cognitoidp.UserPoolType
}

// client is an app client. The secret is never in Settings.
type client struct {
	ID       string
	Pool     string
	Secret   []byte         `json:",omitempty"` // sealed: of before there could be two
	Secrets  []clientSecret `json:",omitempty"` // none: a public client
	Settings cognitoidp.UserPoolClientType
}

// Statuses of a user.
const (
	unconfirmed   = "UNCONFIRMED"
	confirmed     = "CONFIRMED"
	resetRequired = "RESET_REQUIRED"
	forceChange   = "FORCE_CHANGE_PASSWORD"
	external      = "EXTERNAL_PROVIDER" // made by an external provider; has no password
)

// user is a member of a pool.
type user struct {
	Pool       string
	Sub        string
	Name       string            // the username: USER_ID_FOR_SRP, and what tokens call cognito:username
	Folded     string            // Name as it is looked up
	Aliases    []alias           // other names this user signs in by
	Attributes map[string]string // without sub
	Pending    map[string]string `json:",omitempty"` // attribute values that wait for their code
	Status     string
	Disabled   bool
	Credential []byte     `json:",omitempty"` // sealed SRP credential; nil: no password yet
	TempUntil  time.Time  `json:",omitzero"`  // end of a temporary password
	SignedOut  time.Time  `json:",omitzero"`  // sessions begun before are over: of before there was
	SignOuts   int        `json:",omitempty"` // how often they signed out everywhere: sessions of another count are over, whatever the nodes' clocks say
	Identities []identity `json:",omitempty"` // at external providers
	Factors    []string   `json:",omitempty"` // second factors they turned on, by the names of their challenges
	Preferred  string     `json:",omitempty"` // the one of them that is asked for without a choice
	Created    time.Time
	Modified   time.Time
	ghost      bool // stands for a user who does not exist; never stored
}

// alias is an attribute by which a user may be named, its value folded for look-up.
type alias struct{ Attribute, Value string }

type group struct {
	Pool        string
	Name        string
	Description string
	Role        string
	Precedence  *int32
	Created     time.Time
	Modified    time.Time
}

type member struct{ Pool, Group, Sub string }

// session is one sign-in: what its refresh token stands for. A session without a row is revoked.
type session struct {
	Pool, Sub, Origin string // Origin is origin_jti
	Client            string
	AuthTime          time.Time
	SignOuts          int `json:",omitempty"` // the user's, when it began
	Expires           time.Time
	Device            string    `json:",omitempty"` // its key; "" when the pool did not look at devices
	Tied              bool      `json:",omitempty"` // the device is confirmed: without it the session is not renewed
	Serial            int       // of the current refresh token, when they rotate
	Rotated           time.Time `json:",omitzero"`
	Scopes            []string  `json:",omitempty"` // of a sign-in by OAuth; none: the user's own, and all claims
}

// used remembers an answered challenge, so that it is answered once.
type used struct {
	Pool    string
	Hash    []byte
	Expires time.Time
}

var (
	pools = record.Table[pool]{Name: "users.pool", Version: 1, Key: func(p *pool) []any { return []any{p.ID} }}

	clients = record.Table[client]{
		Name: "users.client", Version: 1, Key: func(c *client) []any { return []any{c.ID} },
		Indexes: []record.Index[client]{{Name: "pool", Keys: func(c *client) [][]any { return [][]any{{c.Pool}} }}},
	}

	people = record.Table[user]{
		Name: "users.user", Version: 1, Key: func(u *user) []any { return []any{u.Pool, u.Sub} },
		Indexes: []record.Index[user]{
			{Name: "name", Unique: true, Keys: func(u *user) [][]any { return [][]any{{u.Pool, u.Folded}} }},
			{Name: "alias", Unique: true, Keys: aliasKeys},
			{Name: "attr", Keys: attributeKeys},
			{Name: "identity", Unique: true, Keys: identityKeys},
		},
	}

	groups = record.Table[group]{Name: "users.group", Version: 1, Key: func(g *group) []any { return []any{g.Pool, g.Name} }}

	members = record.Table[member]{
		Name: "users.member", Version: 1, Key: func(m *member) []any { return []any{m.Pool, m.Group, m.Sub} },
		Indexes: []record.Index[member]{{Name: "user", Keys: func(m *member) [][]any { return [][]any{{m.Pool, m.Sub}} }}},
	}

	sessions = record.Table[session]{
		Name: "users.session", Version: 1, Key: func(s *session) []any { return []any{s.Pool, s.Sub, s.Origin} },
		Expires: func(s *session) time.Time { return s.Expires },
	}

	usedOnce = record.Table[used]{
		Name: "users.used", Version: 1, Key: func(u *used) []any { return []any{u.Pool, u.Hash} },
		Expires: func(u *used) time.Time { return u.Expires },
	}
)

func aliasKeys(u *user) [][]any {
	var keys [][]any
	for _, a := range u.Aliases {
		keys = append(keys, []any{u.Pool, a.Attribute, a.Value})
	}
	return keys
}

// searchable are the attributes that ListUsers finds by index, as AWS lists them.
var searchable = []string{"email", "phone_number", "name", "given_name", "family_name", "preferred_username"}

// longestIndexed bytes of a value fit a key; a filter can name no longer one (256 characters).
const longestIndexed = 1024

func attributeKeys(u *user) [][]any {
	var keys [][]any
	for _, name := range searchable {
		if v := u.Attributes[name]; v != "" && len(v) <= longestIndexed {
			keys = append(keys, []any{u.Pool, name, v})
		}
	}
	return keys
}

// regionOf is the region a pool id names, "" when it is no pool id.
func regionOf(poolID string) string {
	region, rest, ok := strings.Cut(poolID, "_")
	if !ok || rest == "" {
		return ""
	}
	return region
}

// realmOf is the part of a pool id that SRP hashes.
func realmOf(poolID string) string {
	_, rest, _ := strings.Cut(poolID, "_")
	return rest
}

// inPool is the scope of what belongs to a pool.
func inPool(account, poolID string) record.Scope { return record.In(account, regionOf(poolID)) }

// everywhere is the scope of what is found without a pool id.
func everywhere(account string) record.Scope { return record.In(account, "") }

func absent(err error) bool { return errors.Is(err, record.ErrNotFound) }

func ignoreAbsent(err error) error {
	if absent(err) {
		return nil
	}
	return err
}

// poolByID reads a pool, or fails as AWS does.
func poolByID(tx *kv.Tx, account, id string) (*pool, error) {
	if regionOf(id) == "" {
		return nil, noPool(id)
	}
	p, err := pools.Get(tx, inPool(account, id), id)
	if absent(err) {
		return nil, noPool(id)
	}
	return p, err
}

// clientByID reads a client and its pool.
func clientByID(tx *kv.Tx, account, id string) (*client, *pool, error) {
	cl, err := clients.Get(tx, everywhere(account), id)
	if absent(err) {
		return nil, nil, noClient(id)
	}
	if err != nil {
		return nil, nil, err
	}
	p, err := poolByID(tx, account, cl.Pool)
	return cl, p, err
}

// clientOf reads a client that must be of the pool.
func clientOf(tx *kv.Tx, account, poolID, id string) (*client, *pool, error) {
	p, err := poolByID(tx, account, poolID)
	if err != nil {
		return nil, nil, err
	}
	cl, err := clients.Get(tx, everywhere(account), id)
	if err != nil && !absent(err) {
		return nil, nil, err
	}
	if err != nil || cl.Pool != poolID {
		return nil, nil, noClient(id)
	}
	return cl, p, nil
}
