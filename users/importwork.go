package users

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// Imports are done in pieces: a piece of work reads some batches of rows, each of which becomes users in the transaction that moves the
// job's position on. So a row is done once, whoever dies when, and however many work on it.
const (
	importKind      = "users.import"
	rowsPerBatch    = 100
	batchesPerPiece = 50
	importAttempts  = 12
)

// Logs keeps lines of a log, in the transaction that they tell of.
type Logs func(tx *kv.Tx, scope record.Scope, group, stream string, at time.Time, lines []string) error

// piece is the payload of a piece of work.
type piece struct{ Pool, Job string }

func enqueueImport(tx *kv.Tx, scope record.Scope, j *importJob, due time.Time) error {
	b, err := json.Marshal(piece{j.Pool, j.ID})
	if err != nil {
		return err
	}
	return record.Enqueue(tx, scope, importKind, due, b)
}

// Run works on imports, and logs events, until ctx ends.
func (s *Service) Run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { s.importer().Run(ctx) })
	wg.Go(func() { s.eventLogger().Run(ctx) })
	wg.Wait()
}

func (s *Service) importer() record.Worker {
	return record.Worker{DB: s.cfg.DB, Kind: importKind, Now: s.cfg.Now, Handle: s.importPiece, Timeout: 10 * time.Minute, Attempts: importAttempts}
}

func (s *Service) importPiece(ctx context.Context, work record.Job) error {
	var p piece
	if err := json.Unmarshal(work.Payload, &p); err != nil {
		return err
	}
	for range batchesPerPiece {
		more, err := s.importBatch(ctx, work.Scope, p)
		if err != nil && work.Attempts >= importAttempts {
			return errors.Join(err, s.giveUp(ctx, work.Scope, p))
		}
		if err != nil || !more {
			return err
		}
	}
	return s.update(ctx, func(tx *kv.Tx) error {
		return enqueueImport(tx, work.Scope, &importJob{Pool: p.Pool, ID: p.Job}, s.cfg.Now())
	})
}

// giveUp ends a job that the store, or a fault of ours, does not let go on.
func (s *Service) giveUp(ctx context.Context, scope record.Scope, w piece) error {
	return s.update(ctx, func(tx *kv.Tx) error {
		j, err := jobs.Get(tx, scope, w.Pool, w.Job)
		if err != nil || !j.active() {
			return ignoreAbsent(err)
		}
		j.end(jobFailed, "Internal failure.", s.cfg.Now())
		return jobs.Put(tx, scope, j)
	})
}

func (j *importJob) end(status, message string, now time.Time) {
	j.Status, j.Message, j.Ended = status, message, now
}

// batch is some rows of a file, and what to do with them.
type batch struct {
	from, to int64 // bytes of the file
	lines    [][]byte
	ended    bool
	columns  []string // of the header, when the batch is the first
	rows     []row
	fault    string // for which the job ends
}

// row is a line of a file: a user, or why it is none.
type row struct {
	user  *user
	fault string
}

// importBatch does the next rows of a job, and says whether there are more.
func (s *Service) importBatch(ctx context.Context, scope record.Scope, w piece) (more bool, err error) {
	var j *importJob
	var p *pool
	var b *batch
	err = s.view(ctx, func(tx *kv.Tx) error {
		if j, err = jobs.Get(tx, scope, w.Pool, w.Job); err != nil || !j.active() {
			j, err = nil, ignoreAbsent(err)
			return err
		}
		if p, err = poolByID(tx, scope.Account, w.Pool); err != nil {
			return err
		}
		b, err = readBatch(tx, scope, j)
		return err
	})
	if gone := (wire.Fault)(nil); errors.As(err, &gone) || err == nil && j == nil {
		return false, nil // the pool was deleted, or the job is done
	}
	if err != nil {
		return false, err
	}
	b.parse(p, j, s.cfg.Now())
	err = s.update(ctx, func(tx *kv.Tx) error {
		more = false
		now, err := jobs.Get(tx, scope, w.Pool, w.Job)
		if err != nil || !now.active() {
			return ignoreAbsent(err)
		}
		if more = true; now.Position != b.from { // somebody else did these
			return nil
		}
		p, err := poolByID(tx, scope.Account, w.Pool)
		if err != nil {
			return err
		}
		if err := s.apply(tx, scope, p, now, b); err != nil {
			return err
		}
		more = now.active()
		return jobs.Put(tx, scope, now)
	})
	if err == nil && !more {
		err = s.dropUploads(ctx, scope, j.Pool, j.ID)
	}
	return more, err
}

// readBatch reads the next lines of a job's file.
func readBatch(tx *kv.Tx, scope record.Scope, j *importJob) (*batch, error) {
	b := &batch{from: j.Position, to: j.Position}
	var rest []byte
	for at := j.Position; ; {
		chunk, err := uploads.Get(tx, scope, j.Pool, j.ID, j.Upload, at/chunkBytes)
		if err != nil && !absent(err) {
			return nil, err
		}
		if err != nil && at < j.Size {
			b.fault = "The CSV file is no longer there."
			return b, nil
		}
		if err == nil {
			fresh := chunk.Bytes[at%chunkBytes:]
			rest, at = append(rest, fresh...), at+int64(len(fresh))
		}
		rest = b.cut(rest, at >= j.Size)
		switch {
		case b.ended, len(b.lines) == rowsPerBatch:
			return b, nil
		case len(rest) > 4*longestRow:
			b.fault = "The CSV file cannot be parsed: a row is too long."
			return b, nil
		}
	}
}

// cut takes whole lines off the bytes, and at the end of the file what is left.
func (b *batch) cut(rest []byte, last bool) []byte {
	for len(b.lines) < rowsPerBatch {
		line, after, found := bytes.Cut(rest, []byte{'\n'})
		if !found {
			if b.ended = last; last && len(rest) > 0 {
				b.lines, b.to, rest = append(b.lines, rest), b.to+int64(len(rest)), nil
			}
			return rest
		}
		b.lines, b.to, rest = append(b.lines, bytes.TrimSuffix(line, []byte{'\r'})), b.to+int64(len(line))+1, after
	}
	b.ended = last && len(rest) == 0
	return rest
}

// apply makes users of the rows, in the transaction that moves the job on.
func (s *Service) apply(tx *kv.Tx, scope record.Scope, p *pool, j *importJob, b *batch) error {
	at := s.cfg.Now()
	switch {
	case j.Status == jobStopping:
		j.end(jobStopped, "The user import job was stopped.", at)
		return nil
	case b.fault != "":
		j.end(jobFailed, b.fault, at)
		return nil
	}
	j.Status = jobRunning
	if b.columns != nil {
		j.Columns, j.Line = b.columns, 1
	}
	var lines []string
	for _, r := range b.rows {
		j.Line++
		said, err := s.importRow(tx, scope.Account, p, j, r, at)
		if err != nil {
			return err
		}
		lines = append(lines, said)
	}
	j.Position = b.to
	done := j.Imported + j.Skipped + j.Failed
	switch {
	case done > mostImported:
		j.end(jobFailed, fmt.Sprintf("The CSV file has more than %d users.", mostImported), at)
	case b.ended && j.Imported == 0 && done > 0:
		j.end(jobFailed, "Too many users have failed or been skipped during the import.", at)
	case b.ended:
		j.end(jobSucceeded, "Import Job Completed Successfully", at)
	}
	if s.cfg.Logs == nil || len(lines) == 0 {
		return nil
	}
	return s.cfg.Logs(tx, scope, "/aws/cognito/userpools/"+p.ID+"/"+p.Settings.Name.V, j.ID+"/"+j.Name, at, lines)
}

// importRow makes a user of a row, and says what came of it. No line of the log tells of a user more than where they stand.
func (s *Service) importRow(tx *kv.Tx, account string, p *pool, j *importJob, r row, at time.Time) (string, error) {
	line := func(verdict, text string) string {
		return fmt.Sprintf("[%s] Line Number %d - %s", verdict, j.Line, text)
	}
	if r.user == nil {
		j.Failed++
		return line("FAILED", r.fault), nil
	}
	_, err := people.Find(tx, inPool(account, p.ID), "name", p.ID, p.fold(r.user.Name)) // asked first: save must not fail half-way
	if err == nil {
		err = usernameExists("User already exists")
	} else if absent(err) {
		u := *r.user
		err = s.save(tx, account, p, &u, false, at)
	}
	var refused wire.Fault
	switch errors.As(err, &refused); {
	case err == nil:
		j.Imported++
		return line("SUCCEEDED", "The import succeeded."), nil
	case refused == nil:
		return "", err
	}
	code, _, text := refused.Fault()
	if code == "UsernameExistsException" {
		j.Skipped++
		return line("SKIPPED", "The user already exists."), nil
	}
	j.Failed++
	return line("FAILED", text), nil
}

const uploadBatch = 10 // pieces read and deleted in one transaction

// dropUploads removes the files under a prefix: a pool's, or a job's.
func (s *Service) dropUploads(ctx context.Context, scope record.Scope, prefix ...any) error {
	for n := uploadBatch; n == uploadBatch; {
		if err := s.update(ctx, func(tx *kv.Tx) error {
			rows, _, err := uploads.List(tx, scope, record.Page{Prefix: prefix, Limit: uploadBatch})
			n = len(rows)
			for _, u := range rows {
				if err := uploads.Delete(tx, scope, u.Pool, u.Job, u.ID, int64(u.Number)); err != nil {
					return err
				}
			}
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}
