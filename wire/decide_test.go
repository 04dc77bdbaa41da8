package wire_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"bothy/api/dynamodb"
	"bothy/policy"
	"bothy/wire"
	"bothy/wire/sigv4"
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
	asking := func(effect, condition string) *wire.Principal {
		p, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"` + effect + `","Action":"*","Resource":"*","Condition":{` + condition + `}}]}`))
		if err != nil {
			t.Fatal(err)
		}
		return &wire.Principal{Kind: wire.User, Account: "123456789012", ARN: "arn:aws:iam::123456789012:user/asks", Policies: policy.Attached{Identity: []policy.Source{{Name: "own", Policy: p}}}}
	}
	const elsewhere = `"StringNotEquals":{"aws:ResourceAccount":"${aws:PrincipalAccount}"}`
	everyone, err := policy.Parse([]byte(`{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}`))
	if err != nil {
		t.Fatal(err)
	}
	foreign := wire.Access{Action: "dynamodb:PutItem", Resource: "arn:aws:dynamodb:us-east-1:999988887777:table/ttt", Owner: "999988887777", Policies: []policy.Source{{Name: "table", Policy: everyone}}}
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
		{"a deny elsewhere, here", asking("Deny", elsewhere), []wire.Access{put}, 200},
		{"a deny elsewhere, there", asking("Deny", elsewhere), []wire.Access{foreign}, 400},
		{"elsewhere", asking("Allow", elsewhere), []wire.Access{foreign}, 200},
		{"a deny to all but services", asking("Deny", `"Bool":{"aws:PrincipalIsAWSService":"false"}`), []wire.Access{put}, 400},
		{"a deny of direct calls", asking("Deny", `"Bool":{"aws:ViaAWSService":"false"}`), []wire.Access{put}, 400},
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

type busy struct{ error }

func (busy) Temporary() bool { return true }

// TestBusyAndGone: a store that is busy is not a failure of ours, nor is a client that left.
func TestBusyAndGone(t *testing.T) {
	f := newFront(t)
	var fails error
	wire.Handle(f.Mux, dynamodb.DeleteItem, wire.AuthenticatedOnly[dynamodb.DeleteItemInput], func(*wire.Call, *dynamodb.DeleteItemInput) (*dynamodb.DeleteItemOutput, error) {
		return nil, fails
	})
	for _, c := range []struct {
		err    error
		gone   bool
		status int
	}{
		{errors.New("disk"), false, 500}, {fmt.Errorf("put: %w", busy{errors.New("busy")}), false, 400},
		{fmt.Errorf("put: %w", context.Canceled), true, 499}, {context.Canceled, false, 500}, {errors.New("disk"), true, 500},
	} {
		fails = c.err
		ctx, cancel := context.WithCancel(t.Context())
		if c.gone {
			cancel()
		}
		r := httptest.NewRequestWithContext(ctx, "POST", "/", strings.NewReader(`{"TableName":"ttt","Key":{"k":{"S":"v"}}}`))
		r.Host = local
		r.Header.Set("X-Amz-Target", "DynamoDB_20120810.DeleteItem")
		sigv4.Sign(r, sigv4.Credentials{AccessKey: "AKID", Secret: "SECRET"}, "dynamodb", "us-east-1", time.Now(), []byte(`{"TableName":"ttt","Key":{"k":{"S":"v"}}}`))
		w := httptest.NewRecorder()
		f.ServeHTTP(w, r)
		cancel()
		if w.Code != c.status || strings.Contains(w.Body.String(), "disk") {
			t.Errorf("%v: %d %s", c.err, w.Code, w.Body)
		}
		if tr, _ := f.Explain(w.Header().Get("x-amzn-RequestId")); !strings.Contains(tr.Reason, c.err.Error()) {
			t.Errorf("%v: the operator reads %q", c.err, tr.Reason)
		}
	}
}
