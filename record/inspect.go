package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"bothy/kv"
)

// Seen is a pair under inspection.
type Seen struct {
	Key   kv.Key
	Value []byte
	Scope Scope
	Rest  []any // parts of the key after account, region and the name of the table
}

// Findings is told what a pair says about others.
type Findings interface {
	// Derived says that the pair follows from another, which owes it.
	Derived()
	// Owes says that because of this pair another must be there.
	Owes(k kv.Key, v []byte)
	// Names says that the pair names a blob.
	Names(blob string)
	// Fault says that something is wrong with the pair itself.
	Fault(format string, args ...any)
}

// Inspect looks at a pair of one table. It keeps nothing of it.
type Inspect func(s *Seen, f Findings)

// Namer is implemented by rows that name blobs; "" names none.
type Namer interface{ Blobs() []string }

// Inspectable is a *Table.
type Inspectable interface {
	inspect(s *Seen, f Findings)
	name() string
}

// Inspectors look at the pairs of tables, by their names.
func Inspectors(tables ...Inspectable) map[string]Inspect {
	m := map[string]Inspect{}
	for _, t := range tables {
		m[t.name()] = t.inspect
	}
	return m
}

// OwnInspectors look at the pairs that belong to no table.
func OwnInspectors() map[string]Inspect {
	return map[string]Inspect{
		buckets.Name:    buckets.inspect,
		"record.expiry": func(_ *Seen, f Findings) { f.Derived() },
		"record.queue":  inspectJob,
		"record.failed": inspectJob,
		"record.lease": func(s *Seen, f Findings) {
			if err := json.Unmarshal(s.Value, &beat{}); err != nil {
				f.Fault("%v", err)
			}
		},
	}
}

func inspectJob(s *Seen, f Findings) {
	j, err := decodeJob(s.Value)
	if err != nil {
		f.Fault("%v", err)
		return
	}
	if len(s.Rest) != 3 || s.Rest[0] != j.Kind || s.Rest[2] != j.ID {
		f.Fault("the job is %s %s", j.Kind, j.ID)
	}
}

func (t *Table[T]) name() string { return t.Name }

func (t *Table[T]) inspect(s *Seen, f Findings) {
	var part any
	if len(s.Rest) > 0 {
		part = s.Rest[0]
	}
	switch part {
	case "r":
		t.inspectRow(s, f)
	case "i":
		f.Derived()
	case "n":
		if len(s.Value) != 8 {
			f.Fault("malformed change number")
		}
	case "c":
		if _, err := t.decodeChange(s.Key, s.Value); err != nil {
			f.Fault("%v", err)
		}
	default:
		f.Fault("it is neither a row nor what goes with one")
	}
}

// inspectRow looks at a row: it decodes, lies under its own key, and owes its entries.
func (t *Table[T]) inspectRow(s *Seen, f Findings) {
	v, err := t.Decode(s.Value)
	if err != nil {
		f.Fault("%v", err)
		return
	}
	if !bytes.Equal(t.row(s.Scope, t.Key(v)), s.Key) {
		f.Fault("the row has another key than it lies under")
		return
	}
	for _, ix := range t.Indexes {
		for k := range t.entries(s.Scope, &ix, v) {
			f.Owes(kv.Key(k), s.Key)
		}
	}
	if k, list := t.expiry(s.Scope, s.Key, v); k != nil {
		f.Owes(k, list)
	}
	if n, ok := any(v).(Namer); ok {
		for _, id := range n.Blobs() {
			if id != "" {
				f.Names(id)
			}
		}
	}
}

// expiry is the entry of a row in the order of expiry, nil when it stays. It lists the row and its index entries, so that a
// sweep needs to know no table.
func (t *Table[T]) expiry(s Scope, row kv.Key, v *T) (entry, list kv.Key) {
	if t.Expires == nil || v == nil || t.Expires(v).IsZero() {
		return nil, nil
	}
	var goes []string
	for _, ix := range t.Indexes {
		for k := range t.entries(s, &ix, v) {
			goes = append(goes, k)
		}
	}
	slices.Sort(goes)
	for _, k := range append([]string{string(row)}, goes...) {
		list = list.With([]byte(k)) // the keys, as the parts of one
	}
	return expiries().With(t.Expires(v), []byte(row)), list
}

// Text is a key as people read it.
func Text(k kv.Key) string {
	parts, err := k.Parts()
	if err != nil {
		return fmt.Sprintf("%x", []byte(k))
	}
	var b bytes.Buffer
	for i, p := range parts {
		if i > 0 {
			b.WriteByte('/')
		}
		switch v := p.(type) {
		case []byte:
			fmt.Fprintf(&b, "%x", v)
		case int64:
			if v > int64(time.Second)*1e9 { // a time since 2001, in nanoseconds
				b.WriteString(time.Unix(0, v).UTC().Format(time.RFC3339))
				continue
			}
			fmt.Fprint(&b, v)
		default:
			fmt.Fprint(&b, v)
		}
	}
	return b.String()
}

// Named are the blobs that a pair names, by the rules of the tables that name any.
func Named(rules map[string]Inspect, k kv.Key, v []byte) ([]string, error) {
	s, table, ok := split(k, v)
	rule := rules[table]
	if !ok || rule == nil {
		return nil, nil
	}
	var n naming
	rule(&s, &n)
	if n.fault != nil {
		return nil, fmt.Errorf("record: %s: %w", Text(k), n.fault)
	}
	return n.blobs, nil
}

// naming is Findings that hear of blobs only.
type naming struct {
	blobs []string
	fault error
}

func (n *naming) Derived()            {}
func (n *naming) Owes(kv.Key, []byte) {}
func (n *naming) Names(blob string)   { n.blobs = append(n.blobs, blob) }
func (n *naming) Fault(format string, args ...any) {
	n.fault = fmt.Errorf(format, args...)
}
