package wire_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"bothy/api/dynamodb"
	"bothy/wire"
)

// failing credentials cannot be looked up.
type failing struct{ err error }

func (f failing) Find(context.Context, string, string) (*wire.Credential, error) { return nil, f.err }

// TestLookUpFails: when the store cannot say whose key it is, that is not the client's mistake: it is told to try again.
func TestLookUpFails(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		code   string
	}{ // as DynamoDB has them
		{errors.New("disk"), 500, "InternalServerError"}, {fmt.Errorf("view: %w", busy{errors.New("away")}), 400, "ThrottlingException"},
		{wire.Fail(403, "InvalidClientTokenId", "no"), 400, "UnrecognizedClientException"},
	} {
		m := wire.NewMux(wire.Config{Account: func() string { return "123456789012" }, Region: "us-east-1", Credentials: failing{c.err}, Now: time.Now, Log: slog.New(slog.DiscardHandler)}, dynamodb.API)
		f := &front{t: t, Mux: m}
		wire.Handle(m, dynamodb.PutItem, wire.AuthenticatedOnly[dynamodb.PutItemInput], func(*wire.Call, *dynamodb.PutItemInput) (*dynamodb.PutItemOutput, error) { return nil, nil })
		w := f.signed("dynamodb", "POST", "/", local, putBody, putTarget)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.code) || strings.Contains(w.Body.String(), "disk") {
			t.Errorf("%v: %d %s", c.err, w.Code, w.Body)
		}
	}
}
