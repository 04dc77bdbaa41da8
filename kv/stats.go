package kv

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// Stats are what a store tells of itself. Counts are since it was opened.
type Stats struct {
	Commits, Groups int64 // transactions that wrote and are durable; what was made durable at once
	Reruns          int64 // functions that ran again because they lost
	Busy            int64 // transactions refused with ErrBusy
	Queue           int   // transactions that wait
	QueueMost       int   // the most that waited since these stats were last asked for
	QueueLimit      int   // one more is refused
	Fsyncs          Histogram
	StoreBytes      int64 // on disk, all of it
	LogBytes        int64 // of that, the log
	KeptBytes       int64 // of that, the log kept for a recovery
	Failed          bool  // it only reads, until it is opened again

	Views, Updates Histogram // calls of DB, by how long they took
}

// Meter is implemented by engines that have Stats of their own; Views and Updates are DB's.
type Meter interface{ Stats() Stats }

// Stats are the engine's, where it has any, and what DB measured.
func (db *DB) Stats() (s Stats) {
	if m, ok := db.engine.(Meter); ok {
		s = m.Stats()
	}
	s.Views, s.Updates = db.views.Histogram(), db.updates.Histogram()
	return s
}

// Histogram counts durations: Counts[i] of those up to Bounds[i] seconds and above the bound before; what was longer than all
// bounds is only in Count.
type Histogram struct {
	Bounds []float64
	Counts []uint64
	Count  uint64
	Sum    float64 // seconds
}

// Durations counts how long things took. The zero value is ready.
type Durations struct {
	counts [durationBuckets + 1]atomic.Uint64
	nanos  atomic.Int64
}

// Buckets double, from 16 µs to 17 s.
const (
	durationBuckets = 21
	durationFirst   = 16 * time.Microsecond
)

// Observe counts one.
func (d *Durations) Observe(took time.Duration) {
	bucket := bits.Len64(uint64(max(took-1, 0) / durationFirst))
	d.counts[min(bucket, durationBuckets)].Add(1)
	d.nanos.Add(int64(took))
}

// Histogram is what was counted so far.
func (d *Durations) Histogram() (h Histogram) {
	for i := range d.counts {
		n := d.counts[i].Load()
		h.Count += n
		if i < durationBuckets {
			h.Bounds, h.Counts = append(h.Bounds, (durationFirst<<i).Seconds()), append(h.Counts, n)
		}
	}
	h.Sum = time.Duration(d.nanos.Load()).Seconds()
	return h
}
