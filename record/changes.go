package record

import (
	"encoding/binary"
	"encoding/json"
	"fmt"

	"bothy/kv"
)

// Change is what happened to a row: inserted (Old is nil), replaced, or deleted (New is nil).
type Change[T any] struct {
	Number   int64 // grows by one per change of the table in its scope
	Old, New *T
}

// changeRow is a Change as it is stored, behind the table's format version.
type changeRow struct {
	Old, New json.RawMessage `json:",omitempty"`
}

func (t *Table[T]) changes(s Scope) kv.Key { return t.base(s).With("c") }
func (t *Table[T]) last(s Scope) kv.Key    { return t.base(s).With("n") }

// LastChange is the number of the newest change, 0 before the first.
func (t *Table[T]) LastChange(tx *kv.Tx, s Scope) (int64, error) {
	raw, err := tx.Get(t.last(s))
	if err != nil || raw == nil {
		return 0, err
	}
	if len(raw) != 8 {
		return 0, fmt.Errorf("record: %s: malformed change number", t.Name)
	}
	return int64(binary.BigEndian.Uint64(raw)), nil
}

func (t *Table[T]) logChange(tx *kv.Tx, s Scope, old, now *T) error {
	if !t.Log {
		return nil
	}
	n, err := t.LastChange(tx, s)
	if err != nil {
		return err
	}
	var row changeRow
	if row.Old, err = marshalRow(old); err != nil {
		return err
	}
	if row.New, err = marshalRow(now); err != nil {
		return err
	}
	body, err := json.Marshal(row)
	if err != nil {
		return err
	}
	if err := tx.Set(t.last(s), binary.BigEndian.AppendUint64(nil, uint64(n+1))); err != nil {
		return err
	}
	return tx.Set(t.changes(s).With(n+1), append([]byte{t.Version}, body...))
}

func marshalRow[T any](v *T) (json.RawMessage, error) {
	if v == nil {
		return nil, nil
	}
	return json.Marshal(v)
}

// Changes returns up to limit changes after the one with the given number, oldest first.
func (t *Table[T]) Changes(tx *kv.Tx, s Scope, after int64, limit int) ([]Change[T], error) {
	r := t.changes(s).Range()
	r.From, r.Limit = t.changes(s).With(after+1), limit
	var out []Change[T]
	var bad error
	err := tx.Scan(r, func(k kv.Key, raw []byte) bool {
		var c Change[T]
		if c, bad = t.decodeChange(k, raw); bad == nil {
			out = append(out, c)
		}
		return bad == nil
	})
	if err == nil {
		err = bad
	}
	return out, err
}

func (t *Table[T]) decodeChange(k kv.Key, raw []byte) (c Change[T], err error) {
	if len(raw) == 0 || raw[0] > t.Version {
		return c, fmt.Errorf("%w: %s", ErrNewer, t.Name)
	}
	parts, err := k.Parts()
	if err != nil {
		return c, err
	}
	c.Number = parts[len(parts)-1].(int64)
	if err := json.Unmarshal(raw[1:], &struct{ Old, New **T }{&c.Old, &c.New}); err != nil {
		return c, fmt.Errorf("record: %s: %w", t.Name, err)
	}
	return c, nil
}

// TrimChanges deletes up to limit changes from the oldest to the one numbered upTo, and returns how many went. Numbers are
// not given again.
func (t *Table[T]) TrimChanges(tx *kv.Tx, s Scope, upTo int64, limit int) (int, error) {
	r := t.changes(s).Range()
	r.To, r.Limit = t.changes(s).With(upTo).After(), limit
	return deleteRange(tx, r)
}

func deleteRange(tx *kv.Tx, r kv.Range) (n int, err error) {
	var keys []kv.Key
	if err := tx.Scan(r, func(k kv.Key, _ []byte) bool { keys = append(keys, append(kv.Key{}, k...)); return true }); err != nil {
		return 0, err
	}
	for _, k := range keys {
		if err := tx.Delete(k); err != nil {
			return 0, err
		}
	}
	return len(keys), nil
}
