package intrusion

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestNobodyTellsWhoExists: what strangers are told of a name, by each operation and page, is the same for those who exist, in whatever
// state, and those who do not, where the app hides them.
func TestNobodyTellsWhoExists(t *testing.T) {
	w := newWorld(t)
	r := w.realm(t, nil)
	host := r.domain(t, "hidden")
	page := r.hostedApp(t, map[string]any{"PreventUserExistenceErrors": "ENABLED"})
	open := r.client
	r.client = r.app(t, map[string]any{"PreventUserExistenceErrors": "ENABLED"})
	states := []string{"active", "paused", "unsure", "forced", "extern"}
	for _, name := range states {
		if name != "unsure" {
			r.user(t, name)
		}
	}
	w.anyone.idp(t, "SignUp", map[string]any{"ClientId": open, "Username": "unsure", "Password": password, "UserAttributes": []any{attribute("email", "unsure@example.com")}}).must(t, nil)
	r.admin(t, "AdminDisableUser", map[string]any{"Username": "paused"}).must(t, nil)
	r.admin(t, "AdminSetUserPassword", map[string]any{"Username": "forced", "Password": "Temporary-7x"}).must(t, nil)
	r.admin(t, "AdminDisableProviderForUser", map[string]any{"User": map[string]string{"ProviderName": "Cognito", "ProviderAttributeName": "Cognito_Subject", "ProviderAttributeValue": "extern"}}).must(t, nil)

	w.skip.Add(int64(25 * time.Hour)) // the code of a sign-up is over: until then a wrong one is called wrong, and SignUp tells of the name anyway

	public := func(op string, more ...any) func(*testing.T, string) string {
		return func(t *testing.T, name string) string {
			in := map[string]any{"ClientId": r.client, "Username": name}
			for i := 0; i+1 < len(more); i += 2 {
				in[more[i].(string)] = more[i+1]
			}
			a := w.anyone.idp(t, op, in)
			return fmt.Sprintln(a.status, a.code, said(a.body, name))
		}
	}
	begins := func(flow string, pairs ...string) func(*testing.T, string) string {
		return func(t *testing.T, name string) string {
			s := r.initiate(t, flow, name, pairs...)
			return fmt.Sprintln(s.status, s.code, said(s.body, name))
		}
	}
	posts := func(path string, pairs ...string) func(*testing.T, string) string {
		return func(t *testing.T, name string) string {
			b := w.browser(t)
			b.open(t, strings.Replace(authorize(host, page), "/oauth2/authorize", "/login", 1))
			_, q := b.form(t, host)
			q.Set("username", name)
			for i := 0; i+1 < len(pairs); i += 2 {
				q.Set(pairs[i], pairs[i+1])
			}
			a := b.do(t, http.MethodPost, strings.Replace(authorize(host, page), "/oauth2/authorize", path, 1), q)
			return fmt.Sprintln(a.status, a.code, b.to, said(a.body, name))
		}
	}
	chosen := func(answer string, pairs ...string) func(*testing.T, string) string {
		return func(t *testing.T, name string) string {
			begun := r.initiate(t, "USER_AUTH", name)
			s := r.respond(t, "SELECT_CHALLENGE", begun.Session, name, append([]string{"ANSWER", answer}, pairs...)...)
			return fmt.Sprintln(begun.status, s.status, s.code, said(s.body, name))
		}
	}
	for what, ask := range map[string]func(*testing.T, string) string{
		"SRP":                           begins("USER_SRP_AUTH", "SRP_A", "abcd"),
		"a wrong password":              begins("USER_PASSWORD_AUTH", "PASSWORD", "Wrong-horse-8"),
		"a choice of the password":      begins("USER_AUTH", "PREFERRED_CHALLENGE", "PASSWORD", "PASSWORD", "Wrong-horse-8"),
		"a choice, asked":               chosen("PASSWORD", "PASSWORD", "Wrong-horse-8"),
		"ForgotPassword":                public("ForgotPassword"),
		"ConfirmForgotPassword":         public("ConfirmForgotPassword", "ConfirmationCode", "000000", "Password", "Another-pass-7"),
		"ConfirmSignUp":                 public("ConfirmSignUp", "ConfirmationCode", "000000"),
		"ResendConfirmationCode":        public("ResendConfirmationCode"),
		"the page to sign in":           posts("/login", "password", "Wrong-horse-8"),
		"the page to confirm":           posts("/confirmUser", "code", "000000"),
		"the page for another code":     posts("/resendcode"),
		"the page of who forgot":        posts("/forgotPassword"),
		"the page for the new password": posts("/confirmForgotPassword", "code", "000000", "password", "Another-pass-7"),
	} {
		t.Run(what, func(t *testing.T) {
			want := maskless(ask(t, "nobody"))
			for _, name := range states {
				if got := maskless(ask(t, name)); got != want {
					t.Errorf("of somebody who is %s:\n%s\nof nobody:\n%s", name, got, want)
				}
			}
		})
	}
}
