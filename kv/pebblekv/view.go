package pebblekv

import (
	"bytes"

	"bothy/kv"
	"bothy/kv/overlay"

	"github.com/cockroachdb/pebble/v2"
)

// view implements kv.Txn for View: a durable snapshot.
type view struct {
	from pebble.Reader
	hot  *hot
	at   uint64
}

var nothing overlay.Writes // on top of a view

func (v *view) Get(key []byte) ([]byte, error) { return get(v.from, v.hot, v.at, key) }

func (v *view) GetMany(keys [][]byte) ([][]byte, error) { return getMany(keys, v.Get) }

func (v *view) Scan(from, to []byte, limit int, reverse bool, fn func(k, v []byte) bool) error {
	if limit <= 0 || to != nil && bytes.Compare(from, to) >= 0 {
		return nil
	}
	_, err := scan(v.from, &nothing, nil, from, to, limit, reverse, fn)
	return err
}

func (v *view) Set(_, _ []byte) error { return kv.ErrReadOnly }
func (v *view) Delete(_ []byte) error { return kv.ErrReadOnly }
