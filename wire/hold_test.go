package wire_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"bothy/api/dynamodb"
	"bothy/wire"
	"bothy/wire/admit"
	"bothy/wire/sigv4"
)

// TestHold: a call that holds more than its kind gets at first takes it from the same budget, is throttled where there is no more, and
// gives it back.
func TestHold(t *testing.T) {
	budget := admit.New(admit.Limits(64<<20, 2)) // 24 MiB for such calls, half of it for one client
	held := int64(0)
	m := wire.NewMux(wire.Config{
		Account: func() string { return "123456789012" }, Region: "us-east-1", Credentials: oneKey{}, Now: time.Now, Log: slog.New(slog.DiscardHandler), Budget: budget,
	}, dynamodb.API)
	wire.Handle(m, dynamodb.GetItem, wire.AuthenticatedOnly[dynamodb.GetItemInput], func(c *wire.Call, in *dynamodb.GetItemInput) (*dynamodb.GetItemOutput, error) {
		for range 10 {
			if err := c.Hold(1 << 20); err != nil {
				return nil, err
			}
		}
		held = budget.Load()[admit.Short].Bytes
		if in.TableName.V == "more" {
			return nil, c.Hold(4 << 20)
		}
		return nil, nil
	})
	for table, want := range map[string]int{"some": 200, "more": 400} {
		body := []byte(`{"TableName":"` + table + `","Key":{"id":{"S":"17"}}}`)
		r := httptest.NewRequest("POST", "/", io.NopCloser(bytes.NewReader(body)))
		r.ContentLength = int64(len(body))
		r.Host = local
		r.Header.Set("X-Amz-Target", "DynamoDB_20120810.GetItem")
		r.Header.Set("Content-Type", "application/x-amz-json-1.0")
		sigv4.Sign(r, sigv4.Credentials{AccessKey: "AKID", Secret: "SECRET"}, "dynamodb", "us-east-1", time.Now(), body)
		w := httptest.NewRecorder()
		m.ServeHTTP(w, r)
		if w.Code != want || want == 400 && !strings.Contains(w.Body.String(), "ThrottlingException") {
			t.Errorf("%s: %d %s", table, w.Code, w.Body)
		}
		if held < 10<<20 || held > 11<<20 {
			t.Errorf("%s: %d bytes were held, want 10 MiB and a little", table, held)
		}
		if now := budget.Load()[admit.Short].Bytes; now != 0 {
			t.Errorf("%s: %d bytes are held still", table, now)
		}
	}
}
