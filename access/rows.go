package access

import (
	"strings"
	"time"

	"bothy/record"
)

// nodeRow holds the few values that exist once per node.
type nodeRow struct {
	Name  string // "account", "epoch"
	Value string
}

// keyRow is a long-lived access key.
type keyRow struct {
	ID       string
	Account  string
	User     string // name; "" is the account's root
	Secret   []byte // sealed
	Inactive bool
	Created  time.Time
}

// attachments is what decides about a role or user besides its name.
type attachments struct {
	Inline   map[string]string `json:",omitempty"` // name → document
	Attached []string          `json:",omitempty"` // ARNs, in order of attachment
	Boundary string            `json:",omitempty"` // ARN
	Tags     map[string]string `json:",omitempty"`
}

type roleRow struct {
	attachments
	Name, Path, ID, ARN string
	Trust               string // document
	Description         string
	MaxSession          int32 // seconds
	Created             time.Time
}

type userRow struct {
	attachments
	Name, Path, ID, ARN string
	Created             time.Time
}

type groupRow struct {
	attachments         // a group has neither boundary nor tags
	Name, Path, ID, ARN string
	Created             time.Time
}

// memberRow puts a user into a group.
type memberRow struct {
	Group string // id: a group may be renamed
	User  string // name, in lower case
}

type policyRow struct {
	Name, Path, ID, ARN string
	Description         string
	Default             string // version id
	Last                int    // number of the newest version ever
	Versions            []versionRow
	Tags                map[string]string `json:",omitempty"`
	Created, Updated    time.Time
}

type versionRow struct {
	ID       string // v1, v2, …
	Document string
	Created  time.Time
}

// settingRow is something set for the whole account.
type settingRow struct {
	Name  string // "alias", "endpoint tokens"
	Value string
}

// useRow is when an access key, user or role last used a service.
type useRow struct {
	Of      string // access key id, AIDA… or AROA…
	Service string // namespace: "dynamodb"
	Region  string
	At      time.Time
}

// jobRow is a report that somebody asked for, or the deletion of a service-linked role. What a report says is read when it is read.
type jobRow struct {
	ID      string
	Of      string // ARN of a user, group, role or policy
	Level   string `json:",omitempty"` // of a report: SERVICE_LEVEL, ACTION_LEVEL
	Created time.Time
}

// reportRow is a piece of the account's credential report.
type reportRow struct {
	Part    int
	Made    time.Time
	Content []byte
}

// tables are all kinds of rows. They are values, not variables: a Table is only a description.
func nodes() *record.Table[nodeRow] {
	return &record.Table[nodeRow]{Name: "access.node", Version: 1, Key: func(r *nodeRow) []any { return []any{r.Name} }}
}

func keys() *record.Table[keyRow] {
	return &record.Table[keyRow]{
		Name: "access.key", Version: 1, Key: func(r *keyRow) []any { return []any{r.ID} },
		Indexes: []record.Index[keyRow]{{Name: "user", Keys: func(r *keyRow) [][]any { return [][]any{{r.Account, r.User}} }}},
	}
}

func roles() *record.Table[roleRow] {
	return &record.Table[roleRow]{
		Name: "access.role", Version: 1, Key: func(r *roleRow) []any { return []any{fold(r.Name)} },
		Indexes: holderIndexes(func(r *roleRow) *attachments { return &r.attachments }),
	}
}

func users() *record.Table[userRow] {
	return &record.Table[userRow]{
		Name: "access.user", Version: 1, Key: func(r *userRow) []any { return []any{fold(r.Name)} },
		Indexes: holderIndexes(func(r *userRow) *attachments { return &r.attachments }),
	}
}

func groups() *record.Table[groupRow] {
	return &record.Table[groupRow]{
		Name: "access.group", Version: 1, Key: func(r *groupRow) []any { return []any{fold(r.Name)} },
		Indexes: append(holderIndexes(func(r *groupRow) *attachments { return &r.attachments }),
			record.Index[groupRow]{Name: "id", Unique: true, Keys: func(r *groupRow) [][]any { return [][]any{{r.ID}} }}),
	}
}

func members() *record.Table[memberRow] {
	return &record.Table[memberRow]{
		Name: "access.member", Version: 1, Key: func(r *memberRow) []any { return []any{r.Group, r.User} },
		Indexes: []record.Index[memberRow]{{Name: "user", Keys: func(r *memberRow) [][]any { return [][]any{{r.User}} }}},
	}
}

func policies() *record.Table[policyRow] {
	return &record.Table[policyRow]{Name: "access.policy", Version: 1, Key: func(r *policyRow) []any { return []any{fold(r.Name)} }}
}

func settings() *record.Table[settingRow] {
	return &record.Table[settingRow]{Name: "access.setting", Version: 1, Key: func(r *settingRow) []any { return []any{r.Name} }}
}

func uses() *record.Table[useRow] {
	return &record.Table[useRow]{Name: "access.use", Version: 1, Key: func(r *useRow) []any { return []any{r.Of, r.Service} },
		Expires: func(r *useRow) time.Time { return r.At.Add(useTracked) }}
}

func jobs() *record.Table[jobRow] {
	return &record.Table[jobRow]{Name: "access.job", Version: 1, Key: func(r *jobRow) []any { return []any{r.ID} },
		Expires: func(r *jobRow) time.Time { return r.Created.Add(jobKept) }}
}

func reports() *record.Table[reportRow] {
	return &record.Table[reportRow]{Name: "access.report", Version: 1, Key: func(r *reportRow) []any { return []any{r.Part} }}
}

func holderIndexes[T any](part func(*T) *attachments) []record.Index[T] {
	return []record.Index[T]{
		{Name: "attached", Keys: func(r *T) (out [][]any) {
			for _, arn := range part(r).Attached {
				out = append(out, []any{arn})
			}
			return out
		}},
		{Name: "boundary", Keys: func(r *T) [][]any {
			if part(r).Boundary == "" {
				return nil
			}
			return [][]any{{part(r).Boundary}}
		}},
	}
}

// node is the scope of rows that belong to no account.
func node() record.Scope { return record.In("", "") }

// of is the scope of an account's own rows.
func of(account string) record.Scope { return record.In(account, "") }

// fold makes names that differ in case only the same.
func fold(name string) string { return strings.ToLower(name) }
