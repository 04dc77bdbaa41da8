package tables

import (
	"bytes"

	"bothy/kv"
	"bothy/record"
)

// Inspection looks at the rows of this package, for who checks a whole store. Items say what they must by the definition of
// their table, so definitions are shown first.
type Inspection struct{ tables map[string]*table } // by prefix of their items

// Learners are shown all pairs before Inspectors.
func (i *Inspection) Learners() map[string]record.Inspect {
	i.tables = map[string]*table{}
	return map[string]record.Inspect{tableRows.Name: func(s *record.Seen, _ record.Findings) {
		if t, err := tableRows.Decode(s.Value); err == nil && len(s.Rest) > 0 && s.Rest[0] == "r" {
			t.settled(s.Scope)
			i.tables[string(t.rows)] = t
		}
	}}
}

// Inspectors look at all rows.
func (i *Inspection) Inspectors() map[string]record.Inspect {
	m := record.Inspectors(&tableRows, &chores)
	m["tables.item"], m["tables.index"], m["tables.expiry"] = i.inspectItem, i.inspectEntry, i.inspectExpiry
	m["tables.token"], m["tables.spent"] = inspectToken, inspectSpent
	return m
}

// of finds the table of an item or an entry.
func (i *Inspection) of(s *record.Seen, f record.Findings) *table {
	var id []byte
	if len(s.Rest) > 1 {
		id, _ = s.Rest[0].([]byte)
	}
	t := i.tables[string(kv.K(s.Scope.Account, s.Scope.Region, "tables.item", id))]
	if t == nil {
		f.Fault("it belongs to no table")
	}
	return t
}

func (i *Inspection) inspectItem(s *record.Seen, f record.Findings) {
	t := i.of(s, f)
	if t == nil {
		return
	}
	it, err := decodeItem(string(s.Value))
	if err == nil {
		err = t.checkKeyParts(it, &t.Key)
	}
	if err != nil {
		f.Fault("%v", err)
		return
	}
	if !bytes.Equal(t.itemKey(it), s.Key) {
		f.Fault("the item has another key than it lies under")
		return
	}
	for n := range t.Indexes {
		if ix := &t.Indexes[n]; t.whole(ix) {
			if entry := t.entry(ix, s.Key, it); entry != nil {
				f.Owes(entry, t.itself(s.Key))
			}
		}
	}
	if t.TTL != "" && t.ordered() {
		if entry := t.expiry(s.Key, it); entry != nil {
			f.Owes(entry, t.itself(s.Key))
		}
	}
}

// whole tells whether an index has the entries of all items: one that is being filled or removed has some.
func (t *table) whole(ix *index) bool {
	return t.Status != statusDeleting && (ix.Status == statusActive || ix.Status == statusUpdating)
}

// ordered tells whether the order of expiry is as TTL says.
func (t *table) ordered() bool { return t.Status != statusDeleting && !t.FillTTL }

func (i *Inspection) inspectEntry(s *record.Seen, f record.Findings) {
	t := i.of(s, f)
	if t == nil {
		return
	}
	for n := range t.Indexes {
		if ix := &t.Indexes[n]; s.Rest[1] == ix.ID {
			if t.whole(ix) {
				f.Derived()
			}
			return
		}
	}
	if t.Status != statusDeleting {
		f.Fault("it belongs to no index of table %s", t.Name)
	}
}

func (i *Inspection) inspectExpiry(s *record.Seen, f record.Findings) {
	if t := i.of(s, f); t != nil && t.ordered() {
		f.Derived()
	}
}

func inspectToken(s *record.Seen, f record.Findings) {
	if len(s.Value) != tokenBytes || s.Value[0] != tokenVersion {
		f.Fault("malformed token")
	}
}

func inspectSpent(s *record.Seen, f record.Findings) {
	if _, err := kv.Key(s.Value).Parts(); err != nil || len(s.Rest) != 5 {
		f.Fault("malformed end of a token")
	}
}
