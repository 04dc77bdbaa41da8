package node

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"bothy/access"
	"bothy/backup"
	"bothy/blob"
	"bothy/functions"
	"bothy/gateway"
	"bothy/hub"
	"bothy/identities"
	"bothy/kv"
	"bothy/objects"
	"bothy/outbox"
	"bothy/record"
	"bothy/sites"
	"bothy/tables"
	"bothy/users"
)

// inspectors look at the rows of everyone. Items of tables are understood after what learn was shown.
func inspectors() (learn, all map[string]record.Inspect) {
	var items tables.Inspection
	learn, all = items.Learners(), items.Inspectors()
	for _, more := range []map[string]record.Inspect{
		record.OwnInspectors(), record.Inspectors(&holds, &refusalRows), access.Inspectors(), users.Inspectors(), identities.Inspectors(), objects.Inspectors(),
		outbox.Inspectors(), functions.Inspectors(), gateway.Inspectors(), sites.Inspectors(), hub.Inspectors(),
	} {
		maps.Copy(all, more)
	}
	return learn, all
}

// state is what is verified: it can be read again and again, and is the same each time.
type state struct {
	pairs func(context.Context, func(k kv.Key, v []byte) error) error
	blobs func(context.Context, func(id string, size int64, fault error) error) error
}

// Verify checks a backup or, when that is "", the stores of a node that is not running: every row decodes, lies under
// its key and has its entries, every entry has its row, every blob that a row names is there, every blob's content is what its
// name says. It writes what it finds and returns the number of faults.
func Verify(ctx context.Context, p Places, from, passphraseFile string, report io.Writer) (faults int, err error) {
	if from != "" {
		return verify(ctx, backupState(from, passphraseFile), report)
	}
	s, err := openStores(ctx, opening{Places: p, readOnly: true, grace: -1})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	return verify(ctx, s.state(), report)
}

// state reads stores that nobody changes.
func (s *stores) state() state {
	return state{s.db.Dump, func(ctx context.Context, fn func(string, int64, error) error) error {
		return s.blobs.Walk(ctx, func(info blob.Info) error {
			r, err := s.blobs.Open(ctx, info.ID, 0, -1)
			if err != nil {
				return fn(info.ID, info.Size, err)
			}
			defer r.Close() //nolint:errcheck // only read
			hash := sha256.New()
			_, err = io.Copy(hash, r)
			if err == nil && hex.EncodeToString(hash.Sum(nil)) != info.ID {
				err = errors.New("its content is not what its name says")
			}
			return fn(info.ID, info.Size, err)
		})
	}}
}

// backupState reads a backup, from the start each time. What is damaged ends it: nothing behind can be relied on.
func backupState(from, passphraseFile string) state {
	each := func(ctx context.Context, fn func(*opened) error) error {
		b, err := openBackup(ctx, from, passphraseFile)
		if err != nil {
			return err
		}
		return errors.Join(fn(b), b.Close())
	}
	return state{
		func(ctx context.Context, fn func(kv.Key, []byte) error) error {
			return each(ctx, func(b *opened) error {
				for {
					k, v, err := b.Pair()
					if err == io.EOF {
						return ctx.Err()
					}
					if err == nil {
						err = fn(k, v)
					}
					if err != nil {
						return err
					}
				}
			})
		},
		func(ctx context.Context, fn func(string, int64, error) error) error {
			return each(ctx, func(b *opened) error {
				for {
					info, _, err := b.Blob() // the next call reads the content to its end, and checks it
					if err == io.EOF {
						return ctx.Err()
					}
					if err == nil {
						err = fn(info.ID, info.Size, nil)
					}
					if err != nil {
						return err
					}
				}
			})
		},
	}
}

const shownFaults = 100 // all are counted

// verifier counts what it finds.
type verifier struct {
	state
	report io.Writer
	faults int
	named  backup.IDs
}

func verify(ctx context.Context, s state, report io.Writer) (int, error) {
	v := &verifier{state: s, report: report}
	learn, all := inspectors()
	census := &record.Census{
		Rules: all, Plain: map[string]bool{string(dataKeyRow): true, string(authorityRow): true, string(storeRow): true},
		Names: func(id string) {
			if err := v.named.Add(id); err != nil {
				v.fault("%v", err)
			}
		},
		Fault: func(k kv.Key, text string) { v.fault("%s: %s", record.Text(k), text) },
	}
	if err := v.rows(ctx, learn, census); err != nil {
		return v.faults, err
	}
	if err := v.content(ctx); err != nil {
		return v.faults, err
	}
	for _, name := range slices.Sorted(maps.Keys(census.Counts)) {
		fmt.Fprintf(report, "%10d %s\n", census.Counts[name], name) //nolint:errcheck // the next line tells
	}
	_, err := fmt.Fprintf(report, "%d faults\n", v.faults)
	return v.faults, err
}

func (v *verifier) fault(format string, args ...any) {
	if v.faults++; v.faults <= shownFaults {
		fmt.Fprintf(v.report, "fault: "+format+"\n", args...) //nolint:errcheck // the last line tells
	}
}

// rows goes through all pairs: to learn what they say about others, to check them, and to find out what is missing, if anything.
func (v *verifier) rows(ctx context.Context, learn map[string]record.Inspect, census *record.Census) error {
	if err := v.pairs(ctx, func(k kv.Key, val []byte) error {
		record.Named(learn, k, val) //nolint:errcheck // what is wrong shows in the census
		return nil
	}); err != nil {
		return err
	}
	look := func(k kv.Key, val []byte) error {
		census.Pair(k, val)
		return nil
	}
	if err := v.pairs(ctx, look); err != nil || !census.Again() {
		return err
	}
	if err := v.pairs(ctx, look); err != nil {
		return err
	}
	census.Left()
	return nil
}

// content goes through all blobs.
func (v *verifier) content(ctx context.Context) error {
	var there backup.IDs
	var blobs, bytes, unnamed, unnamedBytes int64
	err := v.blobs(ctx, func(id string, size int64, fault error) error {
		if fault != nil {
			v.fault("blob %s: %v", id, fault)
		}
		if blobs, bytes = blobs+1, bytes+size; !v.named.Has(id) {
			unnamed, unnamedBytes = unnamed+1, unnamedBytes+size
		}
		return there.Add(id)
	})
	if err != nil {
		return err
	}
	if err := v.named.Each(func(id string) error {
		if !there.Has(id) {
			v.fault("blob %s: a row names it, and it is not there", id)
		}
		return nil
	}); err != nil {
		return err
	}
	_, err = fmt.Fprintf(v.report, "%10d blobs of %d bytes; %d of them, %d bytes, are named by no row and will be swept\n", blobs, bytes, unnamed, unnamedBytes)
	return err
}
