package pebblekv

import (
	"sync/atomic"

	"bothy/kv"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// counts are what the engine counts itself; Pebble counts the rest.
type counts struct {
	commits, groups, reruns, busy atomic.Int64
	most                          atomic.Int64 // transactions that waited at once
}

// waiting notes how many wait.
func (c *counts) waiting(n int) {
	for most := c.most.Load(); int64(n) > most && !c.most.CompareAndSwap(most, int64(n)); most = c.most.Load() {
	}
}

// Stats implements kv.Meter.
func (e *Engine) Stats() kv.Stats {
	s, err := e.begin()
	if err != nil {
		return kv.Stats{Failed: true}
	}
	defer e.life.RUnlock()
	m := s.db.Metrics()
	kept := e.keptBytes()
	return kv.Stats{
		Commits: e.counts.commits.Load(), Groups: e.counts.groups.Load(), Reruns: e.counts.reruns.Load(), Busy: e.counts.busy.Load(),
		Queue: len(s.queue), QueueMost: int(e.counts.most.Swap(0)), QueueLimit: cap(s.queue), Failed: s.failure() != nil,
		StoreBytes: int64(m.DiskSpaceUsage()) + kept, LogBytes: int64(m.WAL.Size) + kept, KeptBytes: kept,
		Fsyncs: histogram(m.LogWriter.FsyncLatency),
	}
}

// histogram reads one of Pebble's, which counts nanoseconds.
func histogram(from prometheus.Histogram) (h kv.Histogram) {
	var m dto.Metric
	if from == nil || from.Write(&m) != nil {
		return h
	}
	before := uint64(0)
	for _, b := range m.Histogram.Bucket { // each counts those before it, too
		h.Bounds, h.Counts = append(h.Bounds, b.GetUpperBound()/1e9), append(h.Counts, b.GetCumulativeCount()-before)
		before = b.GetCumulativeCount()
	}
	h.Count, h.Sum = m.Histogram.GetSampleCount(), m.Histogram.GetSampleSum()/1e9
	return h
}

// keptBytes is the size of the log that is kept.
func (e *Engine) keptBytes() (n int64) {
	if e.options.KeepLog == 0 {
		return 0
	}
	names, err := e.options.FS.List(e.options.FS.PathJoin(e.dir, archiveDir))
	if err != nil {
		return 0 // nothing was archived yet
	}
	for _, name := range names {
		if info, err := e.options.FS.Stat(e.options.FS.PathJoin(e.dir, archiveDir, name)); err == nil { // else it was pruned meanwhile
			n += info.Size()
		}
	}
	return n
}
