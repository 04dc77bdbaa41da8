// Package record keeps typed rows over kv: primary keys, unique and secondary indexes, expiry, a change log and a queue of
// due work. Data, index and change rows change in one transaction. It knows no service.
//
// Keys:
//
//	(account, region, table, "r", key…)                 row
//	(account, region, table, "i", index, indexKey…, key…)  key of the row (a unique index: without key…)
//	(account, region, table, "n")                       number of the last change
//	(account, region, table, "c", number)               change
//	("", "", "record.expiry", time, row)                the keys that go when the row expires
//	("", "", "record.queue", kind, time, id)            due work
//	("", "", "record.failed", kind, time, id)           work that was given up
//	("", "", "record.lease", name)                      which node does some work, and its last beat
//	("", "", "record.bucket", "r", key)                 what is left of what strangers may do
//
// The last five are the nodes', across accounts, so that one sweep and one worker see them all.
package record

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"bothy/kv"
)

// Scope is whose rows: an account and a region ("" for what is global in an account, such as roles and buckets).
type Scope struct{ Account, Region string }

// In is the scope of an account and region.
func In(account, region string) Scope { return Scope{account, region} }

// Table is a kind of row. T is stored as JSON behind a format version.
type Table[T any] struct {
	Name    string         // "users.pool": service first
	Version byte           // of the row format; rows of a newer one are refused
	Key     func(*T) []any // primary key parts
	Indexes []Index[T]

	// Expires says when a row may go (zero: never). A row stays readable until SweepExpired comes by, so readers compare
	// with the clock. What expires leaves no change. May be nil.
	Expires func(*T) time.Time
	// Log keeps a row of each change, for Changes.
	Log bool
}

// Index is another way to find rows.
type Index[T any] struct {
	Name   string
	Unique bool
	Keys   func(*T) [][]any // the row's keys in this index; none: not indexed
}

// ErrNotFound says that no row has the key.
var ErrNotFound = errors.New("record: not found")

// ErrNewer says that a row was written by a newer program: it is refused, never misread.
var ErrNewer = errors.New("record: row of a newer format")

// ErrToken says that a page token is not one of ours.
var ErrToken = errors.New("record: bad page token")

// ErrExists says that another row has the key, or one of the keys of a unique index.
type ErrExists struct{ Table, Index string }

func (e *ErrExists) Error() string { return "record: exists: " + e.Table + " " + e.Index }

func (t *Table[T]) base(s Scope) kv.Key           { return kv.K(s.Account, s.Region, t.Name) }
func (t *Table[T]) row(s Scope, key []any) kv.Key { return t.Rows(s).With(key...) }
func (t *Table[T]) index(s Scope, name string) kv.Key {
	return t.base(s).With("i", name)
}

// Rows is the key above all rows, followed by the parts of their primary keys: for who reads ranges that Page has no words for,
// and decodes them with Decode.
func (t *Table[T]) Rows(s Scope) kv.Key {
	k := make(kv.Key, 0, len(s.Account)+len(s.Region)+len(t.Name)+64)
	return k.AppendString(s.Account).AppendString(s.Region).AppendString(t.Name).AppendString("r")
}

// Get reads the row with the primary key, or ErrNotFound.
func (t *Table[T]) Get(tx *kv.Tx, s Scope, key ...any) (*T, error) {
	return t.at(tx, t.row(s, key))
}

// Stamp is the stored form of the row, nil when there is none. As long as it is the same, so is the row: a cache compares it
// and decodes only what has changed.
func (t *Table[T]) Stamp(tx *kv.Tx, s Scope, key ...any) ([]byte, error) {
	return tx.Get(t.row(s, key))
}

func (t *Table[T]) at(tx *kv.Tx, k kv.Key) (*T, error) {
	raw, err := tx.Get(k)
	if err != nil {
		return nil, err
	}
	if raw == nil {
		return nil, ErrNotFound
	}
	return t.Decode(raw)
}

// Decode reads the stored form of a row.
func (t *Table[T]) Decode(raw []byte) (*T, error) {
	if len(raw) == 0 || raw[0] > t.Version {
		return nil, fmt.Errorf("%w: %s", ErrNewer, t.Name)
	}
	v := new(T)
	if err := json.Unmarshal(raw[1:], v); err != nil {
		return nil, fmt.Errorf("record: %s: %w", t.Name, err)
	}
	return v, nil
}

// Insert stores a new row, or fails with *ErrExists when its key is taken.
func (t *Table[T]) Insert(tx *kv.Tx, s Scope, v *T) error {
	raw, err := tx.Get(t.row(s, t.Key(v)))
	if err != nil {
		return err
	}
	if raw != nil {
		return &ErrExists{t.Name, ""}
	}
	return t.Put(tx, s, v)
}

// Put stores the row, replacing the one with the same key, and brings the indexes along.
func (t *Table[T]) Put(tx *kv.Tx, s Scope, v *T) error {
	k := t.row(s, t.Key(v))
	old, err := t.at(tx, k)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("record: %s: %w", t.Name, err)
	}
	if err := t.follow(tx, s, k, old, v); err != nil {
		return err
	}
	return tx.Set(k, append([]byte{t.Version}, body...))
}

// Delete removes the row and its index entries; an absent row is ErrNotFound.
func (t *Table[T]) Delete(tx *kv.Tx, s Scope, key ...any) error {
	k := t.row(s, key)
	old, err := t.at(tx, k)
	if err != nil {
		return err
	}
	if err := t.follow(tx, s, k, old, nil); err != nil {
		return err
	}
	return tx.Delete(k)
}

// follow changes everything that goes with a row: index entries, expiry, change log.
func (t *Table[T]) follow(tx *kv.Tx, s Scope, row kv.Key, old, now *T) error {
	if err := t.reindex(tx, s, row, old, now); err != nil {
		return err
	}
	if err := t.reschedule(tx, s, row, old, now); err != nil {
		return err
	}
	return t.logChange(tx, s, old, now)
}

// reindex drops the entries of old and adds those of now.
func (t *Table[T]) reindex(tx *kv.Tx, s Scope, row kv.Key, old, now *T) error {
	for _, ix := range t.Indexes {
		before, after := t.entries(s, &ix, old), t.entries(s, &ix, now)
		for k := range before {
			if _, stays := after[k]; !stays {
				if err := tx.Delete(kv.Key(k)); err != nil {
					return err
				}
			}
		}
		for k := range after {
			if _, was := before[k]; was {
				continue
			}
			if ix.Unique {
				if taken, err := tx.Get(kv.Key(k)); err != nil {
					return err
				} else if taken != nil {
					return &ErrExists{t.Name, ix.Name}
				}
			}
			if err := tx.Set(kv.Key(k), row); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *Table[T]) entries(s Scope, ix *Index[T], v *T) map[string]struct{} {
	out := map[string]struct{}{}
	if v == nil {
		return out
	}
	for _, parts := range ix.Keys(v) {
		k := t.index(s, ix.Name).With(parts...)
		if !ix.Unique {
			k = k.With(t.Key(v)...)
		}
		out[string(k)] = struct{}{}
	}
	return out
}

// Find reads the row that a unique index has under key, or ErrNotFound.
func (t *Table[T]) Find(tx *kv.Tx, s Scope, index string, key ...any) (*T, error) {
	row, err := tx.Get(t.index(s, index).With(key...))
	if err != nil {
		return nil, err
	}
	if row == nil {
		return nil, ErrNotFound
	}
	return t.at(tx, row)
}

// Page says which rows List returns.
type Page struct {
	Index   string // "" lists by primary key
	Prefix  []any  // leading key parts
	After   string // token of the last page
	Limit   int    // rows; 0 means 1,000
	Reverse bool
}

// List returns the rows of a page in key order, and the token of the next page ("" after the last).
func (t *Table[T]) List(tx *kv.Tx, s Scope, p Page) (rows []*T, next string, err error) {
	if p.Limit <= 0 || p.Limit > 1000 {
		p.Limit = 1000
	}
	base := t.Rows(s)
	if p.Index != "" {
		base = t.index(s, p.Index)
	}
	r, err := p.over(base)
	if err != nil {
		return nil, "", err
	}
	var hits []kv.Pair
	if err := tx.Scan(r, func(k kv.Key, v []byte) bool {
		hits = append(hits, kv.Pair{Key: append(kv.Key{}, k...), Value: append([]byte{}, v...)})
		return true
	}); err != nil {
		return nil, "", err
	}
	if len(hits) > p.Limit {
		hits = hits[:p.Limit]
		next = base64.RawURLEncoding.EncodeToString(hits[p.Limit-1].Key[len(base):])
	}
	for _, h := range hits {
		v, err := t.hit(tx, p.Index, h)
		if err != nil {
			return nil, "", err
		}
		rows = append(rows, v)
	}
	return rows, next, nil
}

// All returns every row under a prefix of an index ("": of the primary key), for what its owner knows to be few.
func (t *Table[T]) All(tx *kv.Tx, s Scope, index string, prefix ...any) (all []*T, err error) {
	p := Page{Index: index, Prefix: prefix}
	for {
		rows, next, err := t.List(tx, s, p)
		if err != nil {
			return nil, err
		}
		if all = append(all, rows...); next == "" {
			return all, nil
		}
		p.After = next
	}
}

// over is the range of the page, and one row more. A token that leads out of the prefix is not one of ours: it would show
// rows the caller did not ask for.
func (p Page) over(base kv.Key) (kv.Range, error) {
	r := base.With(p.Prefix...).Range()
	r.Limit, r.Reverse = p.Limit+1, p.Reverse
	if p.After == "" {
		return r, nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(p.After)
	if err != nil {
		return r, ErrToken
	}
	last := append(append(kv.Key{}, base...), raw...)
	if _, err := last.Parts(); err != nil || bytes.Compare(last, r.From) < 0 || bytes.Compare(last, r.To) >= 0 {
		return r, ErrToken
	}
	if p.Reverse {
		r.To = last
	} else {
		r.From = last.After()
	}
	return r, nil
}

func (t *Table[T]) hit(tx *kv.Tx, index string, h kv.Pair) (*T, error) {
	if index != "" {
		return t.at(tx, kv.Key(h.Value))
	}
	return t.Decode(h.Value)
}
