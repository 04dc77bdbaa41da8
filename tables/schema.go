package tables

import (
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"bothy/kv"
	"bothy/policy"
	"bothy/record"
)

// States of tables and indexes.
const (
	statusActive   = "ACTIVE"
	statusCreating = "CREATING"
	statusDeleting = "DELETING"
	statusUpdating = "UPDATING"
)

// table is a definition row. A table is addressed by name; its rows by ID.
type table struct {
	Name         string
	ID           string // UUID
	Status       string
	Created      time.Time
	Attributes   []attribute // AttributeDefinitions, as given
	Key          keySchema
	Indexes      []index
	Vectors      []vectorIndex `json:",omitempty"`
	NextIndex    int64         // ID of the next index
	Capacity     capacity
	OnDemand     time.Time `json:",omitzero"` // since when billed by request; zero: provisioned
	Switched     time.Time `json:",omitzero"` // OnDemand, when it was billed by request before
	Most         capacity  `json:",omitzero"` // that requests may consume on demand; 0: any
	Warm         capacity  `json:",omitzero"` // WarmThroughput that was asked for
	Tags         map[string]string
	TTL          string // attribute of expiry; "" none
	FillTTL      bool   // the order of expiry has still to follow TTL
	Protected    bool
	Class        string
	ClassSince   time.Time   `json:",omitzero"`
	View         string      `json:",omitempty"` // what the stream shows; "" none
	Stream       string      `json:",omitempty"` // its label
	LastStream   string      `json:",omitempty"` // label of the stream that is or was on last
	Recovery     time.Time   `json:",omitzero"`  // since when any second can be restored; zero: not
	RecoveryDays int32       `json:",omitzero"`  // how far back
	Ended        time.Time   `json:",omitzero"`  // when it was deleted while it could be recovered: its items stay, as a backup
	Restored     *restored   `json:",omitempty"` // where it came from
	Holds        []string    `json:",omitempty"` // jobs that need the log meanwhile
	Log          []openShard `json:",omitempty"` // none: changes are not kept
	Keeps        keeping     `json:",omitzero"`  // what the open shards keep
	NextShard    int64       `json:",omitzero"`  // ID of the newest shard

	Policy   string `json:",omitempty"` // resource-based; "" none
	Revision string `json:",omitempty"` // of the policy, kept when it goes

	byName []int  // indexes in the order of their names; made when the row is loaded, as what follows
	rows   kv.Key // account, region, "tables.item", ID
	at     record.Scope

	sources []policy.Source // Policy, parsed
	clock   func() time.Time
}

type attribute struct{ Name, Type string }

// keySchema is a partition key and, where Range.Name is set, a sort key.
type keySchema struct {
	Hash, Range         attribute
	MoreHash, MoreRange []attribute `json:",omitempty"` // the further attributes of both; only global indexes have such
	// Digests says that partition keys of more than longPartition bytes lie under their digest; not so in tables and indexes made
	// before 26 November 2026.
	Digests bool `json:",omitempty"`
}

// hashes are the attributes of the partition key.
func (k *keySchema) hashes() []attribute { return append([]attribute{k.Hash}, k.MoreHash...) }

// ranges are the attributes of the sort key, in the order in which they sort.
func (k *keySchema) ranges() []attribute {
	if k.Range.Name == "" {
		return nil
	}
	return append([]attribute{k.Range}, k.MoreRange...)
}

// parts are the attributes of the partition key, and after them those of the sort key.
func (k *keySchema) parts() []attribute {
	switch {
	case k.several():
		return append(k.hashes(), k.ranges()...)
	case k.Range.Name == "":
		return []attribute{k.Hash}
	}
	return []attribute{k.Hash, k.Range}
}

func (k *keySchema) has(name string) bool {
	return name == k.Hash.Name || k.Range.Name != "" && name == k.Range.Name || k.several() && slices.ContainsFunc(k.parts(), func(a attribute) bool { return a.Name == name })
}

// several tells whether the partition key or the sort key has more than one attribute.
func (k *keySchema) several() bool { return len(k.MoreHash)+len(k.MoreRange) > 0 }

// limit is how many bytes the value of a part of the key may have.
func (k *keySchema) limit(part int) int {
	if part <= len(k.MoreHash) {
		return maxHash
	}
	return maxRange
}

// capacity is throughput in units a second.
type capacity struct {
	Read, Write          int64
	Increased, Decreased time.Time `json:",omitzero"` // of provisioned throughput, like what follows
	Decreases            int       `json:",omitzero"` // on the day of the last one
}

type index struct {
	ID         int64
	Name       string
	Local      bool
	Status     string
	Key        keySchema
	Projection string // ALL, KEYS_ONLY, INCLUDE
	Include    []string
	Covers     bool `json:",omitempty"` // entries hold what the index shows; in indexes made before 26 November 2026 they point
	Capacity   capacity
	Most       capacity `json:",omitzero"`
	Warm       capacity `json:",omitzero"`
}

func (t *table) index(name string) *index {
	for i := range t.Indexes {
		if t.Indexes[i].Name == name {
			return &t.Indexes[i]
		}
	}
	return nil
}

// projects tells whether an index shows the attribute.
func (t *table) projects(ix *index, name string) bool {
	if ix.Projection == "ALL" || t.Key.has(name) || ix.Key.has(name) {
		return true
	}
	for _, n := range ix.Include {
		if n == name {
			return true
		}
	}
	return false
}

// settled makes what is derived from a row and its scope.
func (t *table) settled(at record.Scope, clock func() time.Time) *table {
	t.at, t.clock = at, clock
	t.rows = t.prefix("tables.item")
	t.byName = make([]int, len(t.Indexes))
	for i := range t.byName {
		t.byName[i] = i
	}
	slices.SortFunc(t.byName, func(i, j int) int { return strings.Compare(t.Indexes[i].Name, t.Indexes[j].Name) })
	t.sources = t.source()
	return t
}

func (t *table) prefix(kind string) kv.Key {
	id, _ := hex.DecodeString(strings.ReplaceAll(t.ID, "-", ""))
	return kv.K(t.at.Account, t.at.Region, kind, id)
}

func (t *table) indexPrefix(ix *index) kv.Key { return t.prefix("tables.index").With(ix.ID) }

var tableRows = record.Table[table]{Name: "tables.table", Version: 1, Key: func(t *table) []any { return []any{t.Name} }}

// chore marks a table with background work: rows to remove, an index to fill, items that expire.
type chore struct{ Account, Region, Name string }

var chores = record.Table[chore]{Name: "tables.chore", Version: 1, Key: func(c *chore) []any { return []any{c.Account, c.Region, c.Name} }}

func arn(at record.Scope, resource string) string {
	return "arn:aws:dynamodb:" + at.Region + ":" + at.Account + ":" + resource
}

func tableARN(at record.Scope, name string) string { return arn(at, "table/"+name) }

func indexARN(at record.Scope, table, index string) string {
	return arn(at, "table/"+table+"/index/"+index)
}
