package wire_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"bothy/api/dynamodb"
	"bothy/policy"
	"bothy/wire"
)

// keyring answers with the principal it holds.
type keyring struct{ p *wire.Principal }

func (k keyring) Find(context.Context, string, string) (*wire.Credential, error) {
	return &wire.Credential{Secret: "SECRET", Principal: k.p}, nil
}

// TestDecide: no access declared is no access; nothing from the wire is the node itself or "anyone".
func TestDecide(t *testing.T) {
	var wants []wire.Access
	var by *wire.Principal
	config := func() wire.Config {
		return wire.Config{Account: func() string { return "123456789012" }, Region: "us-east-1", Credentials: keyring{by}, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	}
	send := func() *httptest.ResponseRecorder {
		f := &front{t: t, Mux: wire.NewMux(config(), dynamodb.API)}
		wire.Handle(f.Mux, dynamodb.PutItem, func(*wire.Call, *dynamodb.PutItemInput) ([]wire.Access, error) { return wants, nil },
			func(*wire.Call, *dynamodb.PutItemInput) (*dynamodb.PutItemOutput, error) { return nil, nil })
		return f.signed("dynamodb", "POST", "/", local, putBody, putTarget)
	}
	root := &wire.Principal{Kind: wire.Root, Account: "123456789012", ARN: "arn:aws:iam::123456789012:root", Policies: policy.Attached{Unlimited: true}}
	nobody := &wire.Principal{Kind: wire.User, Account: "123456789012", ARN: "arn:aws:iam::123456789012:user/nobody"}
	put := wire.Access{Action: "dynamodb:PutItem", Resource: "arn:aws:dynamodb:us-east-1:123456789012:table/ttt"}
	for _, c := range []struct {
		name   string
		by     *wire.Principal
		wants  []wire.Access
		status int
	}{
		{"root", root, []wire.Access{put}, 200},
		{"root, nothing declared", root, nil, 400},
		{"root, empty list", root, []wire.Access{}, 400},
		{"nobody", nobody, []wire.Access{put}, 400},
		{"the old marker as an action", nobody, []wire.Access{{Action: "*authenticated*", Resource: "*"}}, 400},
		{"a wildcard as an action", nobody, []wire.Access{{Action: "*", Resource: "*"}}, 400},
		{"an empty access", nobody, []wire.Access{{}}, 400},
		{"allowed and then not", nobody, []wire.Access{{Action: "a:b"}, put}, 400},
		{"the node itself, over the wire", &wire.Principal{Kind: wire.Internal, Account: "123456789012", Policies: policy.Attached{Unlimited: true}}, []wire.Access{put}, 500},
		{"an anonymous key", &wire.Principal{Kind: wire.Anonymous, Policies: policy.Attached{Unlimited: true}}, []wire.Access{put}, 500},
		{"a kind that is none", &wire.Principal{Kind: 77, Policies: policy.Attached{Unlimited: true}}, []wire.Access{put}, 500},
	} {
		by, wants = c.by, c.wants
		if w := send(); w.Code != c.status {
			t.Errorf("%s: %d %s", c.name, w.Code, w.Body)
		}
	}
}

// TestPanics: a bug anywhere in the pipeline is an internal failure, with a trace.
func TestPanics(t *testing.T) {
	m := wire.NewMux(wire.Config{Account: func() string { return "123456789012" }, Region: "us-east-1", Credentials: keyring{nil}, Now: time.Now, Log: slog.New(slog.DiscardHandler)}, dynamodb.API)
	f := &front{t: t, Mux: m}
	wire.Handle(m, dynamodb.PutItem, func(*wire.Call, *dynamodb.PutItemInput) ([]wire.Access, error) { panic("bug") },
		func(*wire.Call, *dynamodb.PutItemInput) (*dynamodb.PutItemOutput, error) { return nil, nil })
	w := f.signed("dynamodb", "POST", "/", local, putBody, putTarget) // the credential has no principal
	if tr, ok := m.Explain(w.Header().Get("x-amzn-RequestId")); w.Code != 500 || !ok || !strings.Contains(tr.Reason, "panic") {
		t.Errorf("%d %s %+v", w.Code, w.Body, tr)
	}
}
