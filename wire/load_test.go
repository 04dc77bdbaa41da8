package wire_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"

	"bothy/api/dynamodb"
	"bothy/wire"
	"bothy/wire/admit"
	"bothy/wire/sigv4"
)

// BenchmarkAdmission is a small signed call, with and without a budget, in turns, and a refused one: "x-with" is what admission
// costs, "x-refused" what a refusal does.
func BenchmarkAdmission(b *testing.B) {
	mux := func(budget *admit.Budget) *wire.Mux {
		m := wire.NewMux(wire.Config{
			Account: func() string { return "123456789012" }, Region: "us-east-1", Credentials: oneKey{}, Now: time.Now, Log: slog.New(slog.DiscardHandler), Budget: budget,
		}, dynamodb.API)
		wire.Handle(m, dynamodb.GetItem, wire.AuthenticatedOnly[dynamodb.GetItemInput], func(*wire.Call, *dynamodb.GetItemInput) (*dynamodb.GetItemOutput, error) {
			return nil, nil
		})
		return m
	}
	full := small()
	for _, who := range []string{"one", "other"} {
		if _, err := full.Admit(who, admit.Short, 1<<40); err != nil {
			b.Fatal(err)
		}
	}
	body := []byte(`{"TableName":"tasks","Key":{"id":{"S":"17"}}}`)
	r := httptest.NewRequest("POST", "/", nil)
	r.Host = local
	r.Header.Set("X-Amz-Target", "DynamoDB_20120810.GetItem")
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	sigv4.Sign(r, sigv4.Credentials{AccessKey: "AKID", Secret: "SECRET"}, "dynamodb", "us-east-1", time.Now(), body)
	const turn = 500
	muxes := []*wire.Mux{mux(nil), mux(admit.New(admit.Limits(1<<30, 2))), mux(full)}
	want := []int{200, 200, 400}
	var spent [3]time.Duration
	for n := 0; n < b.N; n += turn {
		for i, m := range muxes {
			begin := processor(b)
			for range min(turn, b.N-n) {
				r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
				w := nobody{h: http.Header{}}
				if m.ServeHTTP(&w, r); w.status != want[i] {
					b.Fatal(w.status)
				}
			}
			spent[i] += processor(b) - begin
		}
	}
	b.ReportMetric(0, "ns/op") // of all three: it says nothing
	b.ReportMetric(float64(spent[0].Nanoseconds())/float64(b.N), "ns-cpu/without")
	b.ReportMetric(float64(spent[1])/float64(spent[0]), "x-with")
	b.ReportMetric(float64(spent[2])/float64(spent[0]), "x-refused")
}

// processor is the time processors have worked for this process: others share the machine.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// nobody keeps nothing of an answer but its status.
type nobody struct {
	h      http.Header
	status int
}

func (n *nobody) Header() http.Header         { return n.h }
func (n *nobody) Write(b []byte) (int, error) { return len(b), nil }
func (n *nobody) WriteHeader(status int)      { n.status = status }
