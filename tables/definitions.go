package tables

import (
	"bytes"
	"sync"

	"bothy/kv"
	"bothy/record"
)

// definitions keeps parsed definition rows. The row itself is read in every transaction; only its parsing is saved, so a
// transaction never acts on a definition other than its snapshot's.
type definitions struct {
	mu   sync.RWMutex
	rows map[tableAt]parsed // guarded by mu
}

// tableAt names a table of the node.
type tableAt struct {
	at   record.Scope
	name string
}

type parsed struct {
	row   kv.Key
	raw   []byte
	table *table // never changed
}

const maxDefinitions = 10_000

// load reads a table's definition in the transaction; ResourceNotFoundException when there is none. The result is shared.
func (s *Service) load(tx *kv.Tx, at record.Scope, name string) (*table, error) {
	s.defs.mu.RLock()
	have, ok := s.defs.rows[tableAt{at, name}]
	s.defs.mu.RUnlock()
	row := have.row
	if !ok {
		row = tableRows.Rows(at).With(name)
	}
	raw, err := tx.Get(row)
	if err != nil {
		return nil, err
	}
	if raw == nil {
		return nil, notFound()
	}
	if ok && bytes.Equal(have.raw, raw) {
		return have.table, nil
	}
	t, err := tableRows.Decode(raw)
	if err != nil {
		return nil, err
	}
	s.defs.keep(tableAt{at, name}, parsed{row, raw, t.settled(at, s.now)})
	return t, nil
}

func (d *definitions) keep(key tableAt, p parsed) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.rows == nil || len(d.rows) >= maxDefinitions {
		d.rows = map[tableAt]parsed{}
	}
	d.rows[key] = p
}

// stands tells whether a table that was read before is there still: rows of one that is being deleted would be left behind.
func (s *Service) stands(tx *kv.Tx, t *table) (bool, error) {
	now, err := s.load(tx, t.at, t.Name)
	if isNotFound(err) {
		return false, nil
	}
	return err == nil && now.ID == t.ID && now.Status != statusDeleting, err
}

// usable reads the definition of a table whose items may be read and written.
func (s *Service) usable(tx *kv.Tx, at record.Scope, name string) (*table, error) {
	t, err := s.load(tx, at, name)
	if err == nil && t.Status != statusActive {
		err = notFound()
	}
	if err != nil {
		return nil, err
	}
	return t, nil
}
