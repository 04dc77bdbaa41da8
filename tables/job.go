package tables

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// job is background work on a whole table: a backup, a restore, an export, an import. Every step is a transaction that reads
// and writes this row too, so that a crash loses no step and two nodes at one job do each step once.
type job struct {
	ID, Account, Region string
	Kind                string
	Subject             string // what it is for: a backup, an export, an import
	Target              string // name of the table it makes
	Source              string // name of the table whose log is held for it; "" none
	Step                string
	Copy                copying
	Done                int // of steps of its kind: parts written, objects read
	Within              int // and how far in the next one
	Cursor              []byte
}

// Kinds and steps of jobs. A job gathers what to copy if that is not all, copies, undoes, and does what its kind has to do with
// the result.
const (
	jobBackup  = "backup"
	jobRestore = "restore"
	jobExport  = "export"
	jobImport  = "import"
	jobClear   = "clear"

	stepGather = "gather"
	stepCopy   = "copy"
	stepUndo   = "undo"
	stepFinish = "finish"
)

const jobEvery = time.Second

var jobRows = record.Table[job]{Name: "tables.job", Version: 1, Key: func(j *job) []any { return []any{j.ID} }}

func (j *job) at() record.Scope { return record.In(j.Account, j.Region) }

func putJob(tx *kv.Tx, j *job) error { return jobRows.Put(tx, record.Scope{}, j) }

// endJob forgets a job and what was held for it.
func (s *Service) endJob(tx *kv.Tx, j *job) error {
	if j.Source != "" {
		if err := s.unhold(tx, j); err != nil {
			return err
		}
	}
	return jobRows.Delete(tx, record.Scope{}, j.ID)
}

// hold makes a table's log keep what a job needs, from now on until it ends.
func (s *Service) hold(tx *kv.Tx, t *table, j *job, now time.Time) (*table, error) {
	held := t.clone()
	held.Holds = append(held.Holds, j.ID)
	if err := held.relog(tx, now); err != nil {
		return nil, err
	}
	j.Source = t.Name
	return held, held.save(tx)
}

func (s *Service) unhold(tx *kv.Tx, j *job) error {
	have, err := s.load(tx, j.at(), j.Source)
	if isNotFound(err) {
		return nil
	} else if err != nil {
		return err
	}
	t := have.clone()
	t.Holds = slices.DeleteFunc(t.Holds, func(id string) bool { return id == j.ID })
	if err := t.relog(tx, s.now()); err != nil {
		return err
	}
	return t.save(tx)
}

// Jobs does all work on whole tables that there is.
func (s *Service) Jobs(ctx context.Context) error {
	return eachRow(ctx, s, &jobRows, func(j *job) error {
		if err := s.runJob(ctx, j.ID); err != nil {
			return fmt.Errorf("tables: %s %s: %w", j.Kind, j.ID, err)
		}
		return nil
	})
}

// runJob does a job, all of it.
func (s *Service) runJob(ctx context.Context, id string) error {
	for {
		var j *job
		err := s.db.View(ctx, func(tx *kv.Tx) (err error) {
			j, err = jobRows.Get(tx, record.Scope{}, id)
			return err
		})
		if errors.Is(err, record.ErrNotFound) {
			return nil
		} else if err != nil {
			return err
		}
		switch j.Step {
		case stepGather:
			err = s.advance(ctx, j, func(tx *kv.Tx, j *job) error { return s.gatherSome(tx, j) })
		case stepCopy:
			err = s.advance(ctx, j, func(tx *kv.Tx, j *job) error { return s.copySome(tx, j) })
		case stepUndo:
			err = s.advance(ctx, j, func(tx *kv.Tx, j *job) error { return s.undoSome(tx, j) })
		default:
			err = s.finish(ctx, j)
		}
		if err != nil {
			return err
		}
	}
}

// finish does one step of what a kind of job does besides copying.
func (s *Service) finish(ctx context.Context, j *job) error {
	switch j.Kind {
	case jobBackup:
		return s.finishBackup(ctx, j)
	case jobRestore:
		return s.finishRestore(ctx, j)
	case jobExport:
		return s.finishExport(ctx, j)
	case jobImport:
		return s.finishImport(ctx, j)
	}
	return s.finishClear(ctx, j)
}

// clearLater removes the items of a table that has no name.
func (s *Service) clearLater(tx *kv.Tx, at record.Scope, id string) error {
	return putJob(tx, &job{ID: wire.NewUUID(), Account: at.Account, Region: at.Region, Kind: jobClear, Step: stepFinish, Copy: copying{To: id}})
}

func (s *Service) finishClear(ctx context.Context, j *job) error {
	of := s.ghost(j.at(), j.Copy.To, keySchema{})
	if err := errors.Join(s.clear(ctx, of.touches()), s.clear(ctx, of.rows)); err != nil {
		return err
	}
	return s.db.Update(ctx, func(tx *kv.Tx) error { return ignoreMissing(s.endJob(tx, j)) })
}

// advance runs one step of a job, unless somebody else did it meanwhile.
func (s *Service) advance(ctx context.Context, was *job, do func(*kv.Tx, *job) error) error {
	return s.db.Update(ctx, func(tx *kv.Tx) error {
		j, err := jobRows.Get(tx, record.Scope{}, was.ID)
		if errors.Is(err, record.ErrNotFound) || err == nil && (j.Step != was.Step || j.Done != was.Done || j.Within != was.Within) {
			return nil
		} else if err != nil {
			return err
		}
		if err := do(tx, j); err != nil {
			return err
		}
		return putJob(tx, j)
	})
}
