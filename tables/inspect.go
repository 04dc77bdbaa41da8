package tables

import (
	"bytes"

	"bothy/kv"
	"bothy/record"
)

// Inspection looks at the rows of this package, for who checks a whole store. Items say what they must by the definition of
// their table, so definitions are shown first.
type Inspection struct {
	tables map[string]*table // by prefix of their items
	ghosts map[string]*table // of backups and jobs, likewise
	shards map[string]bool   // by prefix of their changes
}

// Learners are shown all pairs before Inspectors.
func (i *Inspection) Learners() map[string]record.Inspect {
	i.tables, i.ghosts, i.shards = map[string]*table{}, map[string]*table{}, map[string]bool{}
	return map[string]record.Inspect{
		tableRows.Name: learn(&tableRows, func(s *record.Seen, t *table) {
			t.settled(s.Scope, nil)
			i.tables[string(t.rows)] = t
		}),
		backupRows.Name: learn(&backupRows, func(s *record.Seen, b *backup) { i.ghost(s.Scope, b.Rows, b.Of.Key) }),
		jobRows.Name: learn(&jobRows, func(_ *record.Seen, j *job) {
			i.ghost(j.at(), j.Copy.From, j.Copy.Key)
			i.ghost(j.at(), j.Copy.To, j.Copy.Key)
		}),
		shardRows.Name: learn(&shardRows, func(s *record.Seen, sh *shard) {
			i.shards[string((&table{ID: sh.Table}).settled(s.Scope, nil).changes(sh.ID))] = true
		}),
	}
}

// learn is shown the rows of a table of records that can be read; the others are an Inspector's to tell of.
func learn[T any](rows *record.Table[T], see func(*record.Seen, *T)) record.Inspect {
	return func(s *record.Seen, _ record.Findings) {
		if v, err := rows.Decode(s.Value); err == nil && len(s.Rest) > 0 && s.Rest[0] == "r" {
			see(s, v)
		}
	}
}

// ghost notes that there may be items of an ID that no table has.
func (i *Inspection) ghost(at record.Scope, id string, key keySchema) {
	if id != "" {
		t := (&table{ID: id, Key: key}).settled(at, nil)
		i.ghosts[string(t.rows)] = t
	}
}

// Inspectors look at all rows.
func (i *Inspection) Inspectors() map[string]record.Inspect {
	m := record.Inspectors(&tableRows, &chores, &shardRows, &logRows, &streamRows, &backupRows, &jobRows, &exportRows, &partRows, &importRows, &importedRows)
	m["tables.item"], m["tables.index"], m["tables.expiry"] = i.inspectItem, i.inspectEntry, i.inspectExpiry
	m["tables.vector"] = i.inspectVector
	m["tables.counter"], m["tables.change"] = i.inspectCounter, i.inspectChange
	m["tables.collection"] = func(s *record.Seen, f record.Findings) { i.inspectNumbers(s, f, collectionVersion, 9) }
	m["tables.throughput"] = func(s *record.Seen, f record.Findings) { i.inspectNumbers(s, f, meterVersion, 17) }
	m["tables.touched"] = i.inspectTouched
	m["tables.token"], m["tables.spent"] = inspectToken, inspectSpent
	return m
}

// of finds the table of an item or an entry.
func (i *Inspection) of(s *record.Seen, f record.Findings) *table {
	var id []byte
	if len(s.Rest) > 1 {
		id, _ = s.Rest[0].([]byte)
	}
	rows := kv.K(s.Scope.Account, s.Scope.Region, "tables.item", id)
	t := i.tables[string(rows)]
	if t == nil {
		t = i.ghosts[string(rows)]
	}
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
	if err == nil && t.Key.Hash.Name == "" { // all that is known is that it goes
		return
	}
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
			if entry := t.indexed(ix, t.entry(ix, s.Key, it), s.Key, it); entry.Key != nil {
				f.Owes(entry.Key, entry.Value)
			}
		}
	}
	t.owesVectors(s.Key, it, f)
	if t.TTL != "" && t.ordered() {
		if entry := t.expiring(s.Key, it); entry.Key != nil {
			f.Owes(entry.Key, entry.Value)
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

// inspectNumbers looks at a row of a few numbers that a table keeps.
func (i *Inspection) inspectNumbers(s *record.Seen, f record.Findings, version byte, size int) {
	if i.of(s, f) != nil && (len(s.Value) != size || s.Value[0] != version) {
		f.Fault("malformed numbers of a table")
	}
}

// logged tells whether the shard of a counter or a change is there.
func (i *Inspection) logged(s *record.Seen, f record.Findings) bool {
	var id []byte
	var number any
	if len(s.Rest) > 1 {
		id, _ = s.Rest[0].([]byte)
		number = s.Rest[1]
	}
	n, ok := number.(int64)
	ok = ok && i.shards[string(kv.K(s.Scope.Account, s.Scope.Region, "tables.change", id, n))]
	if !ok {
		f.Fault("it belongs to no shard")
	}
	return ok
}

func (i *Inspection) inspectCounter(s *record.Seen, f record.Findings) {
	if i.logged(s, f) && (len(s.Value) != 17 || s.Value[0] != counterVersion) {
		f.Fault("malformed counter")
	}
}

// inspectChange looks at a change that is in one piece; the pieces of others make sense together only.
func (i *Inspection) inspectChange(s *record.Seen, f record.Findings) {
	if !i.logged(s, f) || len(s.Rest) > 3 || len(s.Value) > 1 && s.Value[1] > 1 {
		return
	}
	if _, err := decodeChange(0, s.Value); err != nil {
		f.Fault("%v", err)
	}
}

func (i *Inspection) inspectTouched(s *record.Seen, f record.Findings) {
	if i.of(s, f) == nil {
		return
	}
	if _, err := decodeTouched(string(s.Value)); err != nil {
		f.Fault("%v", err)
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
