package wire_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"bothy/policy"
	"bothy/wire"
)

// A stranger chooses path, host and target, and a guest the condition keys of thousands of items: what is kept of each request
// must be small, and must not keep the request's own bytes from being freed.
func TestTracesAreSmall(t *testing.T) {
	m := newMux()
	huge := strings.Repeat("x", 60_000)
	r := httptest.NewRequest("POST", "/"+huge, strings.NewReader("{}"))
	r.Host = huge + ".localhost"
	r.Header.Set("X-Amz-Target", "Nobody."+huge)
	w := httptest.NewRecorder()
	m.ServeHTTP(w, r)
	stranger, ok := m.Explain(w.Header().Get("X-Amzn-Requestid"))
	if !ok || stranger.Status != http.StatusNotFound || stranger.Reason == "" {
		t.Fatalf("trace %v, kept %v", stranger.Status, ok)
	}

	tr := wire.Trace{RequestID: "guest", Time: time.Now(), Operation: huge, Principal: huge, AccessKey: huge, Reason: huge, Message: huge, Status: 400}
	for range 20 {
		failed := policy.Failure{Key: huge, Expected: []string{huge}, Got: many(huge, 20)}
		tr.Decisions = append(tr.Decisions, wire.TracedDecision{Action: huge, Resource: huge, Allowed: true, Reason: huge, Failed: []policy.Failure{failed, failed}})
	}
	tr.Decisions = append(tr.Decisions, wire.TracedDecision{Action: "the:Refused", Reason: "why"})
	m.Keep(tr)
	guest, _ := m.Explain("guest")
	if n := len(guest.Decisions); guest.Decisions[n-1].Action != "the:Refused" || guest.Decisions[n-1].Reason != "why" {
		t.Error("the decision that refused is not kept")
	}
	for _, tr := range []wire.Trace{stranger, guest} {
		if n := weight(&tr); n > 20<<10 {
			t.Errorf("%s keeps %d bytes", tr.RequestID, n)
		}
	}
}

func many(s string, n int) (out []string) {
	for range n {
		out = append(out, s)
	}
	return out
}

func weight(t *wire.Trace) int {
	n := len(t.API + t.Operation + t.Principal + t.AccessKey + t.SourceIP + t.Host + t.Code + t.Message + t.Reason)
	for _, d := range t.Decisions {
		n += len(d.Action + d.Resource + d.Reason)
		for _, f := range d.Failed {
			n += len(f.Source + f.Statement + f.Operator + f.Key + strings.Join(f.Expected, "") + strings.Join(f.Got, ""))
		}
	}
	return n
}
