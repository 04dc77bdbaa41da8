package node

import (
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"bothy/kv"
	"bothy/record"
)

// scrape reads the metrics of a node by name and labels.
func (n *testNode) scrape() map[string]float64 {
	n.t.Helper()
	res, err := http.Get("http://" + n.metricsAt.Addr().String() + "/metrics")
	if err != nil {
		n.t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		n.t.Fatalf("HTTP %d, %v: %.500s", res.StatusCode, err, body)
	}
	found := map[string]float64{}
	for line := range strings.Lines(string(body)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "} ")
		if ok {
			name += "}"
		} else if name, value, ok = strings.Cut(strings.TrimSpace(line), " "); !ok || strings.HasPrefix(line, "#") {
			continue
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			n.t.Errorf("line %q: %v", line, err)
		}
		found[name] = v
	}
	return found
}

func TestMetrics(t *testing.T) {
	n := run(t, Config{Metrics: "127.0.0.1:0"})
	n.furnish()
	if status, _ := n.signed(n.root(), "/_bothy/outbox"); status != 200 {
		t.Fatalf("HTTP %d", status)
	}
	n.do("GET", "/a-bucket/that%20somebody%22chose", "")
	n.backUp()
	if err := n.db.Update(t.Context(), func(tx *kv.Tx) error { return record.Enqueue(tx, record.Scope{}, "chores", n.cfg.Now(), nil) }); err != nil {
		t.Fatal(err)
	}
	if err := n.measureBlobs(t.Context()); err != nil {
		t.Fatal(err)
	}
	found := n.scrape()
	for name, least := range map[string]float64{
		`bothy_requests_total{api="bothy",class="2xx",operation="ListMessages"}`: 1, `bothy_requests_total{api="dynamodb",class="2xx",operation="PutItem"}`: 3,
		`bothy_requests_total{api="bothy",class="2xx",operation="CreateBackup"}`: 1, `bothy_request_seconds_count{api="dynamodb",operation="PutItem"}`: 3,
		"bothy_kv_commits_total": 10, "bothy_kv_groups_total": 5, "bothy_kv_queue_limit": 1, "bothy_kv_bytes": 1000, "bothy_kv_log_bytes": 1000,
		"bothy_kv_fsync_seconds_count": 5, "bothy_kv_view_seconds_count": 10, "bothy_kv_update_seconds_count": 10, `bothy_kv_update_seconds_bucket{le="+Inf"}`: 10,
		"bothy_blobs": 3, "bothy_blob_bytes": 30, `bothy_work{kind="chores"}`: 1, `bothy_backup_timestamp_seconds{outcome="ok"}`: 1e9, "go_goroutines": 5,
	} {
		if got, ok := found[name]; !ok || got < least {
			t.Errorf("%s is %v, want at least %v", name, got, least)
		}
	}
	for name, want := range map[string]float64{"bothy_kv_failed": 0, "bothy_kv_queue": 0, "bothy_kv_busy_total": 0, `bothy_work_given_up{kind="chores"}`: 0} {
		if got, ok := found[name]; !ok || got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	plain := regexp.MustCompile(`^[a-z_]+(\{[A-Za-z0-9_="+.,: -]*\})?$`)
	for name := range found {
		if strings.HasPrefix(name, "bothy_") && !plain.MatchString(name) || strings.Contains(name, "chose") {
			t.Errorf("metric %s", name)
		}
	}
	if status, body := n.do("GET", "/metrics", ""); status == 200 || strings.Contains(body, "bothy_kv") {
		t.Errorf("the node's own listener serves metrics: HTTP %d", status)
	}
}
