package intrusion

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"bothy/wire/sigv4"
)

// signatureAttempts are requests that were not signed by whom they pretend to come from, or not so, or not now.
func signatureAttempts(t *testing.T, w *world) []attempt {
	table := w.table(t)
	get := dynamoCall(t, "GetItem", map[string]any{"TableName": table, "Key": item(w.mallory.id, "t1")})
	tampered := func(c caller, r request, change func(*http.Request)) func(*testing.T) answer {
		r.tamper = change
		return func(t *testing.T) answer { return c.send(t, r) }
	}
	own := request{service: "s3", method: "GET", path: w.objectPath(t, w.mallory.id, "note")}
	list := request{service: "s3", method: "GET", path: "/" + w.bucket(t) + "?list-type=2&prefix=private%2F" + url.QueryEscape(w.mallory.id) + "%2F"}
	put := request{service: "s3", method: "PUT", path: own.path, body: []byte("mine")}
	keys := w.mallory.keys
	signedBy := func(keys sigv4.Credentials) func(*testing.T) answer {
		return func(t *testing.T) answer { return w.anyone.with(keys).send(t, get) }
	}
	with := func(change func(*sigv4.Credentials)) sigv4.Credentials {
		k := keys
		change(&k)
		return k
	}
	scoped := func(r request, service string) func(*testing.T) answer {
		r.service = service
		return func(t *testing.T) answer { return w.root.send(t, r) }
	}
	late := func(by time.Duration) func(*testing.T) answer {
		return func(t *testing.T) (a answer) {
			captured := w.mallory.make(t, get)
			w.later(by, func() { a = roundTrip(t, captured) })
			return a
		}
	}
	// presigned is a link to an own object, followed after a while and a change.
	presigned := func(after time.Duration, change func(*url.URL)) func(*testing.T) answer {
		return func(t *testing.T) (a answer) {
			link := sigv4.Presign(w.anyone.make(t, own), keys, "s3", region, w.now(), time.Minute)
			change(link)
			w.later(after, func() {
				r, err := http.NewRequest("GET", link.String(), nil)
				if err != nil {
					t.Fatal(err)
				}
				a = roundTrip(t, r)
			})
			return a
		}
	}
	// claimed is what the operator reads when a signature does not match: whose key it claims, and what was signed for it.
	claimed := `(?s)key +(` + keys.AccessKey + `|` + w.root.keys.AccessKey + `)\n.*canonical request [0-9a-f]{64}; signed: `
	const mismatch, invalid = "SignatureDoesNotMatch", "InvalidSignatureException"
	neighbour := func(s string) string { return strings.ReplaceAll(s, w.mallory.id, w.neighbour.id) }
	return []attempt{
		{"tampered body", tampered(w.mallory.caller, get, func(r *http.Request) {
			setBody(r, neighbour(string(get.body)))
		}), 400, invalid, `(?i)payload|body`},
		{"tampered body of an object", tampered(w.mallory.caller, put, func(r *http.Request) { setBody(r, "evil") }), 400, "XAmzContentSHA256Mismatch", `(?i)payload|sha256`},
		{"tampered path", tampered(w.mallory.caller, own, func(r *http.Request) { r.URL.Path = neighbour(r.URL.Path); r.URL.RawPath = "" }), 403, mismatch, claimed},
		{"tampered query", tampered(w.mallory.caller, list, func(r *http.Request) {
			r.URL.RawQuery = strings.ReplaceAll(r.URL.RawQuery, url.QueryEscape(w.mallory.id), url.QueryEscape(w.neighbour.id))
		}), 403, mismatch, claimed},
		{"added query", tampered(w.mallory.caller, own, func(r *http.Request) { r.URL.RawQuery = "acl" }), 403, mismatch, claimed},
		{"tampered method", tampered(w.mallory.caller, own, func(r *http.Request) { r.Method = "DELETE" }), 403, mismatch, claimed},
		{"tampered host", tampered(w.mallory.caller, get, func(r *http.Request) { r.Host = "dynamodb.eu-west-1.amazonaws.com" }), 400, invalid, claimed},
		{"tampered target", tampered(w.mallory.caller, get, func(r *http.Request) { r.Header.Set("X-Amz-Target", "DynamoDB_20120810.DeleteItem") }), 400, invalid, claimed},
		{"added header", tampered(w.mallory.caller, put, func(r *http.Request) {
			r.Header.Set("X-Amz-Copy-Source", w.objectPath(t, w.neighbour.id, "note"))
		}), 403, "AccessDenied", `(?i)x-amz-copy-source`},
		{"tampered date", tampered(w.mallory.caller, get, func(r *http.Request) {
			r.Header.Set("X-Amz-Date", w.now().Add(time.Minute).UTC().Format("20060102T150405Z"))
		}), 400, invalid, claimed},
		{"foreign session token", signedBy(with(func(k *sigv4.Credentials) { k.Token = w.neighbour.keys.Token })), 400, "UnrecognizedClientException", `(?i)token`},
		{"foreign session token, added", tampered(w.mallory.caller, get, func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", w.neighbour.keys.Token) }), 400, "UnrecognizedClientException", `(?i)token`},
		{"no session token", signedBy(with(func(k *sigv4.Credentials) { k.Token = "" })), 400, "UnrecognizedClientException", `(?i)token`},
		{"malformed session token", signedBy(with(func(k *sigv4.Credentials) { k.Token = "AAAA" })), 400, "UnrecognizedClientException", `(?i)token`},
		{"session token of a neighbour on the root key", signedBy(with(func(k *sigv4.Credentials) { k.AccessKey = w.root.keys.AccessKey })), 400, "UnrecognizedClientException", `(?i)token`},
		{"unknown key", signedBy(sigv4.Credentials{AccessKey: "AKIAIOSFODNN7EXAMPLE", Secret: "x"}), 400, "UnrecognizedClientException", `access key AKIAIOSFODNN7EXAMPLE is unknown`},
		{"wrong secret", signedBy(with(func(k *sigv4.Credentials) { k.Secret = "x" })), 400, invalid, claimed},
		{"wrong secret for the root key", signedBy(sigv4.Credentials{AccessKey: w.root.keys.AccessKey, Secret: "x"}), 400, invalid, claimed},
		{"wrong service in the scope", scoped(get, "s3"), 400, invalid, `scoped to service "s3", the request is for "dynamodb"`},
		{"wrong service in the scope of a public operation", scoped(dynamoCall(t, "ListTables", map[string]any{}), "cognito-idp"), 400, invalid, `scoped to service "cognito-idp"`},
		{"no service in the scope", scoped(get, ""), 400, invalid, `scoped to service ""`},
		{"late replay", late(16 * time.Minute), 400, invalid, `expired: \w+ is now earlier than`},
		{"a request from the future", func(t *testing.T) (a answer) {
			w.later(16*time.Minute, func() { get := w.mallory.make(t, get); w.later(-16*time.Minute, func() { a = roundTrip(t, get) }) })
			return a
		}, 400, invalid, `not yet current: \w+ is still later than`},
		{"a link after its time", presigned(2*time.Minute, func(*url.URL) {}), 403, "AccessDenied", `(?i)expired|ended`},
		{"a link made longer", presigned(2*time.Minute, func(u *url.URL) { u.RawQuery = strings.Replace(u.RawQuery, "X-Amz-Expires=60", "X-Amz-Expires=600", 1) }), 403, mismatch, claimed},
		{"a link to another object", presigned(0, func(u *url.URL) { u.Path, u.RawPath = neighbour(u.Path), neighbour(u.RawPath) }), 403, mismatch, claimed},
		{"unknown action", func(t *testing.T) answer { return w.root.dynamo(t, "DropTable", map[string]any{}) }, 400, "UnknownOperationException", `DropTable`},
		{"unknown service", func(t *testing.T) answer {
			return w.root.send(t, jsonCall(t, "dynamodb", "1.0", "Nothing_20120810.GetItem", map[string]any{}))
		}, 404, "UnknownOperationException", `Nothing_20120810`},
		{"unknown action of a form", func(t *testing.T) answer { return w.root.iam(t, url.Values{"Action": {"BecomeRoot"}}) }, 400, "InvalidAction", `BecomeRoot`},
	}
}

func roundTrip(t *testing.T, r *http.Request) answer {
	t.Helper()
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, res)
}
