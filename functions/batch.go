package functions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"sync"
	"time"

	"bothy/functions/runner"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// Limits of batches.
const (
	maxBatchBytes = runner.MaxPayloadBytes - 1024
	maxRead       = 1000 // records read at a time
	maxGathered   = 4 * maxBatchBytes
	firstPause    = 100 * time.Millisecond // after a failure, doubled after each further one
	longestPause  = 30 * time.Second
)

// batcher is the work on one shard.
type batcher struct {
	*worker
	shard string
	place placeRow
	next  string // iterator; "" none yet
}

// runShard gives the function what happens in a shard, in order, until the shard is done or ctx ends. Whatever cannot be done
// is tried again: the shard waits.
func (w *worker) runShard(ctx context.Context, shard string) {
	b := &batcher{worker: w, shard: shard}
	for pause := firstPause; ctx.Err() == nil; {
		was := b.place.After
		done, err := b.run(ctx)
		if done || ctx.Err() != nil || errors.Is(err, errLeaseLost) {
			return
		}
		if err != nil {
			w.trouble(ctx, err)
			b.next = ""
		}
		if b.place.After != was {
			pause = firstPause
		}
		rest(ctx, pause)
		pause = min(2*pause, longestPause)
	}
}

func rest(ctx context.Context, pause time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(pause):
	}
}

// run processes the shard from where it was left.
func (b *batcher) run(ctx context.Context) (done bool, err error) {
	if err := b.s.cfg.DB.View(ctx, func(tx *kv.Tx) error {
		p, err := placeTable.Get(tx, b.at, b.m.ID, b.shard)
		if errors.Is(err, record.ErrNotFound) {
			p, err = &placeRow{ID: b.m.ID, Shard: b.shard}, nil
		}
		if err == nil {
			b.place = *p
		}
		return err
	}); err != nil {
		return false, err
	}
	for ctx.Err() == nil && !b.place.Done {
		records, closed, err := b.gather(ctx)
		if err != nil {
			return false, err
		}
		if len(records) > 0 {
			if err := b.process(ctx, records); err != nil {
				return false, err
			}
			b.place.After = records[len(records)-1].Sequence
		}
		if b.place.Done = closed; closed || len(records) > 0 {
			if err := b.advance(ctx); err != nil {
				return false, err
			}
		}
	}
	return b.place.Done, nil
}

// advance notes how far the shard is done.
func (b *batcher) advance(ctx context.Context) error {
	return b.hold(ctx, func(tx *kv.Tx, _ *workRow) error { return placeTable.Put(tx, b.at, &b.place) })
}

// gather reads records until they fill all batches or the window is over; closed tells that they are the shard's last.
func (b *batcher) gather(ctx context.Context) (records []StreamRecord, closed bool, err error) {
	as, err := b.reader(ctx)
	if err != nil {
		return nil, false, err
	}
	want, bytes := int(b.m.BatchSize*b.m.Parallel), 0
	var until time.Time
	for ctx.Err() == nil {
		if b.next == "" {
			if err := b.begin(ctx, as, records); err != nil {
				return nil, false, err
			}
		}
		some, next, err := b.s.cfg.Streams.Records(ctx, as, b.m.Source, b.next, min(want-len(records), maxRead))
		if err != nil {
			return nil, false, err
		}
		if len(records) == 0 && len(some) > 0 {
			until = time.Now().Add(time.Duration(b.m.Window) * time.Second)
		}
		for _, r := range some {
			bytes += len(r.Event)
		}
		records, b.next = append(records, some...), next
		switch {
		case next == "":
			return records, true, nil
		case len(records) >= want || bytes >= maxGathered, len(records) > 0 && !time.Now().Before(until):
			return records, false, nil
		case len(some) == 0:
			rest(ctx, pollEvery)
		}
	}
	return nil, false, ctx.Err()
}

// begin gets an iterator after what was read or done last. Records that are no longer kept are lost to the mapping, as AWS's.
func (b *batcher) begin(ctx context.Context, as Reader, read []StreamRecord) (err error) {
	from := StreamStart{After: b.place.After}
	if len(read) > 0 {
		from.After = read[len(read)-1].Sequence
	}
	if from.After == "" && b.m.Start == "LATEST" {
		from.At = b.m.Created // the same after a crash
	}
	b.next, err = b.s.cfg.Streams.Iterator(ctx, as, b.m.Source, b.shard, from)
	if errors.Is(err, ErrStreamTrimmed) {
		b.s.cfg.Log.Warn("records were trimmed before the function got them", "mapping", b.m.ID, "stream", b.m.Source, "shard", b.shard)
		b.next, err = b.s.cfg.Streams.Iterator(ctx, as, b.m.Source, b.shard, StreamStart{})
	}
	return err
}

// process gives the function all records, those of one item in order; it returns when they are dealt with.
func (b *batcher) process(ctx context.Context, records []StreamRecord) error {
	lanes := make([][]StreamRecord, b.m.Parallel)
	for _, r := range records {
		if passes(b.patterns, r.Event) {
			h := fnv.New32a()
			h.Write([]byte(r.Item)) //nolint:errcheck // never fails (hash)
			lane := h.Sum32() % uint32(len(lanes))
			lanes[lane] = append(lanes[lane], r)
		}
	}
	errs := make([]error, len(lanes))
	var wg sync.WaitGroup
	for i, lane := range lanes {
		wg.Go(func() {
			for _, batch := range cut(lane, int(b.m.BatchSize)) {
				if errs[i] = b.deliver(ctx, batch); errs[i] != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// cut makes batches of at most size records that fit in an invocation.
func cut(records []StreamRecord, size int) (batches [][]StreamRecord) {
	for len(records) > 0 {
		n, bytes := 0, 0
		for n < min(size, len(records)) && (n == 0 || bytes+len(records[n].Event) < maxBatchBytes) {
			bytes += len(records[n].Event) + 1
			n++
		}
		batches, records = append(batches, records[:n]), records[n:]
	}
	return batches
}

// deliver invokes the function until every record of a batch is processed, or given up as the mapping allows.
func (b *batcher) deliver(ctx context.Context, batch []StreamRecord) error {
	pause, version := firstPause, ""
	for attempts := 0; ; {
		var err error
		if batch, err = b.dropOld(ctx, batch, attempts, version); err != nil || len(batch) == 0 {
			return err
		}
		done, failed, ran, err := b.invokeBatch(ctx, batch)
		if err == nil && !failed {
			_, err := b.told(ctx, "OK")
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil { // it did not run: that is no attempt
			b.trouble(ctx, err)
		} else {
			attempts, version = attempts+1, ran
			if _, err := b.told(ctx, "PROBLEM: Function call failed"); err != nil {
				return err
			}
			switch batch = batch[done:]; {
			case b.m.Retries >= 0 && attempts > int(b.m.Retries) && (!b.m.Bisect || len(batch) == 1):
				return b.giveUp(ctx, batch, "RetryAttemptsExhausted", attempts, version)
			case b.m.Bisect && len(batch) > 1 && done == 0:
				half := len(batch) / 2
				if err := b.deliver(ctx, batch[:half]); err != nil {
					return err
				}
				return b.deliver(ctx, batch[half:])
			}
		}
		rest(ctx, pause)
		pause = min(2*pause, longestPause)
	}
}

// dropOld gives up the records that are too old by now.
func (b *batcher) dropOld(ctx context.Context, batch []StreamRecord, attempts int, version string) ([]StreamRecord, error) {
	if b.m.MaxAge < 0 {
		return batch, ctx.Err()
	}
	oldest := b.s.cfg.Now().Add(-time.Duration(b.m.MaxAge) * time.Second)
	n := slices.IndexFunc(batch, func(r StreamRecord) bool { return !r.At.Before(oldest) })
	if n < 0 {
		n = len(batch)
	}
	if n == 0 {
		return batch, ctx.Err()
	}
	return batch[n:], b.giveUp(ctx, batch[:n], "RecordAgeExceeded", attempts, version)
}

// giveUp leaves records behind, in the mapping's bucket when it has one: then not before they are there.
func (b *batcher) giveUp(ctx context.Context, records []StreamRecord, condition string, attempts int, version string) error {
	b.s.cfg.Log.Warn("records given up", "mapping", b.m.ID, "shard", b.shard, "condition", condition, "records", len(records), "first", records[0].Sequence)
	bucket, ok := bucketOf(b.m.OnFailure)
	if !ok {
		return ctx.Err()
	}
	body, err := b.failure(records, condition, attempts, version)
	if err != nil {
		return err
	}
	as, err := b.reader(ctx)
	if err != nil {
		return err
	}
	now := b.s.cfg.Now().UTC()
	key := fmt.Sprintf("aws/lambda/%s/%s/%s/%s-%s", b.m.ID, b.shard, now.Format("2006/01/02"), now.Format("2006-01-02T15.04.05"), wire.NewUUID())
	return b.s.cfg.Streams.Keep(ctx, as, bucket, key, body)
}

// invokeBatch runs the function once. done is how many records, from the first, it said it has processed; failed, that the
// others must come again; an error, that it did not run.
func (b *batcher) invokeBatch(ctx context.Context, batch []StreamRecord) (done int, failed bool, version string, err error) {
	r := b.m.ref(b.at)
	v, err := b.s.version(ctx, r)
	if err != nil {
		return 0, false, "", err
	}
	res, err := b.s.run(ctx, r, v, runner.Invocation{RequestID: wire.NewRequestID(), Event: eventOf(batch)})
	switch {
	case err != nil:
		return 0, false, "", err
	case res.Error != "":
		return 0, true, v.Version, nil
	case !b.m.Report:
		return len(batch), false, v.Version, nil
	}
	done, failed = reported(res.Payload, batch)
	return done, failed, v.Version, nil
}

// reported reads which records a function says it could not process: all from the first of them come again. An answer that
// makes no sense is a failure of the whole batch.
func reported(payload []byte, batch []StreamRecord) (done int, failed bool) {
	var answer *struct {
		Failures []struct{ ItemIdentifier *string } `json:"batchItemFailures"`
	}
	if len(payload) == 0 {
		return len(batch), false
	}
	if err := json.Unmarshal(payload, &answer); err != nil {
		var text string
		if json.Unmarshal(payload, &text) == nil && text == "" {
			return len(batch), false
		}
		return 0, true
	}
	if answer == nil || len(answer.Failures) == 0 {
		return len(batch), false
	}
	done = len(batch)
	for _, f := range answer.Failures {
		at := -1
		if f.ItemIdentifier != nil {
			at = slices.IndexFunc(batch, func(r StreamRecord) bool { return r.Sequence == *f.ItemIdentifier })
		}
		if at < 0 {
			return 0, true
		}
		done = min(done, at)
	}
	return done, true
}
