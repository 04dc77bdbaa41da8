package intrusion

import (
	"flag"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"bothy/test/srp"
)

var timing = flag.Bool("timing", false, "measure what takes how long")

// samples of each kind are taken in turns, so that what else the machine does meets both.
const samples = 300

// TestTimesOfKnownAndUnknown measures whether the time of an answer tells who exists: the same request about somebody who is there and
// about somebody who is not. It reports and asserts nothing, and only when it is asked to be thorough:
//
//	go test ./test/intrusion -run TimesOfKnown -v -timing
func TestTimesOfKnownAndUnknown(t *testing.T) {
	if !*timing {
		t.Skip("-timing is not given")
	}
	w := newWorld(t)
	r := w.realm(t, nil)
	host, page := r.domain(t, "timed"), r.hostedApp(t, map[string]any{"PreventUserExistenceErrors": "ENABLED"})
	for i := range 10 {
		r.user(t, fmt.Sprintf("known%d", i))
	}
	open := r.client
	r.client = r.app(t, map[string]any{"PreventUserExistenceErrors": "ENABLED"})
	half := srp.Begin(r.pool)
	proof := map[string]string{}
	b := w.browser(t)
	login := strings.Replace(authorize(host, page), "/oauth2/authorize", "/login", 1)
	signedUp := 0
	for _, k := range []struct {
		what    string
		prepare func(name string)
		once    func(name string)
	}{
		{"InitiateAuth USER_SRP_AUTH", nil, func(name string) { r.initiate(t, "USER_SRP_AUTH", name, "SRP_A", half.Public()) }},
		{"RespondToAuthChallenge", func(name string) {
			begun := r.initiate(t, "USER_SRP_AUTH", name, "SRP_A", half.Public())
			var err error
			if proof, err = half.Prove(begun.ChallengeParameters, "Wrong-horse-8", w.now()); err != nil {
				t.Fatal(err)
			}
		}, func(string) {
			w.anyone.idp(t, "RespondToAuthChallenge", map[string]any{"ClientId": r.client, "ChallengeName": "PASSWORD_VERIFIER", "ChallengeResponses": proof})
		}},
		{"InitiateAuth USER_PASSWORD_AUTH", nil, func(name string) { r.byPassword(t, name, "Wrong-horse-8") }},
		{"ForgotPassword", nil, func(name string) {
			w.anyone.idp(t, "ForgotPassword", map[string]any{"ClientId": r.client, "Username": name})
		}},
		{"SignUp", nil, func(name string) {
			if signedUp++; strings.HasPrefix(name, "nobody") {
				name = fmt.Sprintf("fresh%d", signedUp)
			}
			w.anyone.idp(t, "SignUp", map[string]any{"ClientId": open, "Username": name, "Password": password, "UserAttributes": []any{attribute("email", name+"@example.com")}})
		}},
		{"POST /login", func(string) { b.raw(t, http.MethodGet, login, nil) }, func(name string) {
			to, q := b.form(t, host)
			q.Set("username", name)
			q.Set("password", "Wrong-horse-8")
			b.raw(t, http.MethodPost, to, q)
		}},
	} {
		var took [2][]time.Duration
		for i := range samples {
			w.skip.Add(int64(2 * time.Hour)) // nobody is locked out, and codes may be sent
			for n, who := range []string{"known", "nobody"} {
				name := fmt.Sprintf("%s%d", who, i%10)
				if k.prepare != nil {
					k.prepare(name)
				}
				start := time.Now()
				k.once(name)
				took[n] = append(took[n], time.Since(start))
			}
		}
		at := func(n, percent int) float64 { return float64(took[n][samples*percent/100].Microseconds()) }
		slices.Sort(took[0])
		slices.Sort(took[1])
		t.Logf("%-32s known %5.0f %5.0f %5.0f µs, unknown %5.0f %5.0f %5.0f µs (p10 p50 p90), medians %+.1f %%",
			k.what, at(0, 10), at(0, 50), at(0, 90), at(1, 10), at(1, 50), at(1, 90), 100*(at(0, 50)/at(1, 50)-1))
	}
}
