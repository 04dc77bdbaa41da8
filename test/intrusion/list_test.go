package intrusion

import (
	"encoding/json"
	"net/url"
	"testing"
)

// attempt is one thing an intruder tries, and how it must end.
type attempt struct {
	name   string
	try    func(t *testing.T) answer
	status int
	code   string
	cause  string // regular expression of what the operator reads
}

func (w *world) attempts(t *testing.T, list []attempt) {
	t.Helper()
	for _, a := range list {
		t.Run(a.name, func(t *testing.T) { w.refused(t, a.try(t), a.status, a.code, a.cause) })
	}
}

// TestIntrusion is the list. The neighbour's row and object are looked at after each chapter.
func TestIntrusion(t *testing.T) {
	w := newWorld(t)
	for _, chapter := range []struct {
		name string
		list func(*testing.T, *world) []attempt
	}{
		{"signin", signInAttempts},
		{"tokens", tokenAttempts},
		{"signatures", signatureAttempts},
		{"apis", apiAttempts},
		{"rows", rowAttempts},
		{"objects", objectAttempts},
		{"roles", roleAttempts},
		{"identities", identityAttempts},
		{"archives", archiveAttempts},
	} {
		t.Run(chapter.name, func(t *testing.T) {
			w.attempts(t, chapter.list(t, w))
			w.intact(t)
		})
	}
}

// TestReasonsAreForOperators: what `bothy why` tells is not for those it is about.
func TestReasonsAreForOperators(t *testing.T) {
	w := newWorld(t)
	refusal := w.mallory.dynamo(t, "Scan", map[string]any{"TableName": w.table(t)})
	w.refused(t, refusal, 400, "AccessDeniedException", `dynamodb:Scan`)
	ask := func(c caller) func(*testing.T) answer {
		return func(t *testing.T) answer {
			return c.send(t, request{service: "bothy", method: "GET", path: "/_bothy/requests/" + url.PathEscape(refusal.id)})
		}
	}
	outbox := func(t *testing.T) answer {
		return w.mallory.send(t, request{service: "bothy", method: "GET", path: "/_bothy/outbox?to=neighbour%40example.com"})
	}
	w.attempts(t, []attempt{
		{"a user", ask(w.mallory.caller), 403, "AccessDeniedException", `bothy:ExplainRequest`},
		{"a guest", ask(w.guest), 403, "AccessDeniedException", `bothy:ExplainRequest`},
		{"anybody", ask(w.anyone), 403, "MissingAuthenticationTokenException", `the request has no signature`},
		{"the outbox", outbox, 403, "AccessDeniedException", `bothy:ListMessages`},
	})
	var r struct{ Request struct{ Decisions []any } }
	got := ask(w.root)(t)
	if err := json.Unmarshal(got.body, &r); err != nil || len(r.Request.Decisions) != 1 {
		t.Errorf("the operator reads %s", got.body)
	}
}
