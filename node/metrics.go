package node

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"bothy/kv"
	"bothy/record"
	"bothy/wire"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are what a monitoring system reads: what was counted while requests were served, and what the stores tell of
// themselves when they are asked. No name in them is chosen by a client.
type metrics struct {
	registry *prometheus.Registry
	known    map[string]bool // API and operation

	requests  *prometheus.CounterVec
	seconds   *prometheus.HistogramVec
	throttled *prometheus.CounterVec
	functions *prometheus.HistogramVec
	backups   *prometheus.GaugeVec

	blobs, blobBytes atomic.Int64 // as of the last housekeeping
}

func newMetrics(n *Node) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(), known: map[string]bool{},
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bothy_requests_total", Help: "Requests answered, by API, operation and class of status (2xx); those that no API describes have the operation \"other\".",
		}, []string{"api", "operation", "class"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "bothy_request_seconds", Help: "How long requests took until the answer was ready.", Buckets: []float64{.001, .005, .025, .1, .5, 2.5, 10},
		}, []string{"api", "operation"}),
		throttled: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "bothy_throttled_total", Help: "Requests refused because there were too many."}, []string{"api"}),
		functions: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "bothy_function_seconds", Help: "How long invocations of functions took, by outcome: ok, error (the function's own), throttled, failed (ours).",
			Buckets: []float64{.005, .025, .1, .5, 2.5, 10, 60},
		}, []string{"outcome"}),
		backups: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "bothy_backup_timestamp_seconds", Help: "When this node last ended a backup, by outcome: ok, failed."}, []string{"outcome"}),
	}
	for _, api := range APIs() {
		for i := range api.Ops {
			m.known[api.Name+" "+api.Ops[i].Name] = true
		}
	}
	m.registry.MustRegister(m.requests, m.seconds, m.throttled, m.functions, m.backups, &storeMetrics{n, m},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// done hears of a request that ended.
func (m *metrics) done(t *wire.Trace) {
	api, operation := t.API, t.Operation
	if !m.known[api+" "+operation] {
		api, operation = "other", "other"
	}
	class := [...]string{"other", "1xx", "2xx", "3xx", "4xx", "5xx"}
	m.requests.WithLabelValues(api, operation, class[max(0, min(t.Status/100, 5))]).Inc()
	m.seconds.WithLabelValues(api, operation).Observe(t.Duration.Seconds())
	if throttles[t.Code] || t.Status == http.StatusTooManyRequests {
		m.throttled.WithLabelValues(api).Inc()
	}
}

// throttles are the codes by which AWS's APIs say "slow down".
var throttles = map[string]bool{
	"ThrottlingException": true, "Throttling": true, "ProvisionedThroughputExceededException": true, "RequestLimitExceeded": true,
	"TooManyRequestsException": true, "SlowDown": true,
}

func (m *metrics) ran(outcome string, took time.Duration) {
	m.functions.WithLabelValues(outcome).Observe(took.Seconds())
}

func (m *metrics) backedUp(err error, at time.Time) {
	outcome := "ok"
	if err != nil {
		outcome = "failed"
	}
	m.backups.WithLabelValues(outcome).Set(float64(at.Unix()))
}

// measureBlobs counts what housekeeping goes through anyway.
func (n *Node) measureBlobs(ctx context.Context) error {
	u, ok := n.blobs.(interface {
		Usage(context.Context) (blobs, bytes int64, err error)
	})
	if !ok {
		return nil
	}
	blobs, bytes, err := u.Usage(ctx)
	if err == nil {
		n.metrics.blobs.Store(blobs)
		n.metrics.blobBytes.Store(bytes)
	}
	return err
}

// storeMetrics asks the stores when somebody wants to know.
type storeMetrics struct {
	node    *Node
	metrics *metrics
}

// Describe implements prometheus.Collector: what there is shows when it is collected.
func (*storeMetrics) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (s *storeMetrics) Collect(to chan<- prometheus.Metric) {
	st := s.node.db.Stats()
	failed := 0.0
	if st.Failed {
		failed = 1
	}
	for _, v := range []struct {
		name, help string
		kind       prometheus.ValueType
		value      float64
	}{
		{"kv_commits_total", "Transactions that wrote and are durable.", prometheus.CounterValue, float64(st.Commits)},
		{"kv_groups_total", "Groups of transactions that became durable at once; commits by groups is the size of a group.", prometheus.CounterValue, float64(st.Groups)},
		{"kv_reruns_total", "Transactions that ran again because another changed what they had read.", prometheus.CounterValue, float64(st.Reruns)},
		{"kv_busy_total", "Transactions refused because too many waited.", prometheus.CounterValue, float64(st.Busy)},
		{"kv_queue", "Transactions that wait to become durable.", prometheus.GaugeValue, float64(st.Queue)},
		{"kv_queue_most", "The most that waited since the last time these metrics were read.", prometheus.GaugeValue, float64(st.QueueMost)},
		{"kv_queue_limit", "One more is refused.", prometheus.GaugeValue, float64(st.QueueLimit)},
		{"kv_bytes", "Size of the rows' store on disk.", prometheus.GaugeValue, float64(st.StoreBytes)},
		{"kv_log_bytes", "Of that, the log.", prometheus.GaugeValue, float64(st.LogBytes)},
		{"kv_kept_log_bytes", "Of that, the log that is kept for recoveries.", prometheus.GaugeValue, float64(st.KeptBytes)},
		{"kv_failed", "1 when the disk failed: the node only reads until it is started again.", prometheus.GaugeValue, failed},
		{"blobs", "Blobs in the store, as of the last housekeeping.", prometheus.GaugeValue, float64(s.metrics.blobs.Load())},
		{"blob_bytes", "Bytes of blobs in the store, as of the last housekeeping.", prometheus.GaugeValue, float64(s.metrics.blobBytes.Load())},
		{"requests_in_flight", "Requests being served.", prometheus.GaugeValue, float64(s.node.requests.now.Load())},
	} {
		to <- prometheus.MustNewConstMetric(prometheus.NewDesc("bothy_"+v.name, v.help, nil, nil), v.kind, v.value)
	}
	for name, h := range map[string]kv.Histogram{"fsync": st.Fsyncs, "view": st.Views, "update": st.Updates} {
		buckets, count := map[float64]uint64{}, uint64(0)
		for i, bound := range h.Bounds {
			count += h.Counts[i]
			buckets[bound] = count
		}
		desc := prometheus.NewDesc("bothy_kv_"+name+"_seconds", "How long each "+name+" of the rows' store took.", nil, nil)
		to <- prometheus.MustNewConstHistogram(desc, h.Count, h.Sum, buckets)
	}
	s.collectWork(to)
}

const collectTimeout = 5 * time.Second

// collectWork tells of due work; a store that does not answer leaves it out.
func (s *storeMetrics) collectWork(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), collectTimeout)
	defer cancel()
	var all []record.Waiting
	if err := s.node.db.View(ctx, func(tx *kv.Tx) (err error) {
		all, err = record.Backlog(tx)
		return err
	}); err != nil {
		s.node.cfg.Log.Error("metrics", "error", err)
		return
	}
	kind := []string{"kind"}
	for _, w := range all {
		age := max(0, s.node.cfg.Now().Sub(w.Oldest).Seconds())
		if w.Oldest.IsZero() {
			age = 0
		}
		to <- prometheus.MustNewConstMetric(prometheus.NewDesc("bothy_work", "Work that waits, by kind.", kind, nil), prometheus.GaugeValue, float64(w.Jobs), w.Kind)
		to <- prometheus.MustNewConstMetric(prometheus.NewDesc("bothy_work_overdue_seconds", "For how long the oldest work has been due.", kind, nil), prometheus.GaugeValue, age, w.Kind)
		to <- prometheus.MustNewConstMetric(prometheus.NewDesc("bothy_work_given_up", "Work that failed too often.", kind, nil), prometheus.GaugeValue, float64(w.Failed), w.Kind)
	}
}

// serveMetrics serves GET /metrics on a listener of its own until ctx ends: on the node's own, the path is a bucket's.
func (n *Node) serveMetrics(ctx context.Context) error {
	if n.metricsAt == nil {
		return nil
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(n.metrics.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	server := &http.Server{
		Handler: mux, ReadHeaderTimeout: 10 * time.Second, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(n.metricsAt) }()
	<-ctx.Done()
	err := errors.Join(server.Close(), <-served)
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
