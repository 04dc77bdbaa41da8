package intrusion

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// day is how long somebody guesses here.
const day = 24 * time.Hour

// guesser guesses at one thing for a day, as fast as the node lets them: when there is nothing left to guess at they have another code
// sent, and when they may not they wait.
type guesser struct {
	what   string
	fresh  func(t *testing.T) bool // gets something to guess at; false: not now
	guess  func(t *testing.T) answer
	judged []string // refusals of a guess that was looked at
	most   int      // guesses in a day
}

// day guesses for a day, and returns how many guesses were looked at.
func (g *guesser) day(t *testing.T, w *world) (n int) {
	t.Helper()
	start := w.skip.Load()
	defer func() { w.skip.Store(start + int64(2*day)) }() // the next begins anew
	for w.skip.Load()-start < int64(day) {
		if g.fresh(t) && g.round(t, &n) {
			continue
		}
		w.skip.Add(int64(5 * time.Minute))
	}
	return n
}

// round guesses until no guess is looked at; false when none was.
func (g *guesser) round(t *testing.T, n *int) (some bool) {
	t.Helper()
	for {
		a := g.guess(t)
		if a.status == http.StatusOK {
			t.Fatalf("%s: guessed right: %s", g.what, a.body)
		}
		looked := false
		for _, code := range g.judged {
			looked = looked || strings.HasPrefix(a.code+" "+a.message, code)
		}
		if !looked {
			return some
		}
		some = true
		*n++
	}
}

// TestGuessingForADay: how often codes and passwords of one user can be guessed at in a day. docs/guides/security-of-sign-in.md has these
// bounds, with the odds.
func TestGuessingForADay(t *testing.T) {
	w := newWorld(t)
	first := w.realm(t, map[string]any{"Policies": map[string]any{"SignInPolicy": map[string]any{"AllowedFirstAuthFactors": []string{"PASSWORD", "EMAIL_OTP", "SMS_OTP"}}}})
	second := w.realm(t, bothWays)
	second.secondFactors(t, "OPTIONAL")
	first.user(t, "ann")
	w.anyone.idp(t, "SignUp", map[string]any{"ClientId": first.client, "Username": "new", "Password": password, "UserAttributes": []any{attribute("email", "new@example.com")}}).must(t, nil)
	for _, name := range []string{"sms", "mail", "app"} {
		second.user(t, name)
	}
	access, _, _ := second.byPassword(t, "app", password).entered(t)
	second.enrol(t, access)
	for name, factor := range map[string]string{"sms": "SMSMfaSettings", "mail": "EmailMfaSettings"} {
		second.admin(t, "AdminSetUserMFAPreference", map[string]any{"Username": name, factor: map[string]any{"Enabled": true, "PreferredMfa": true}}).must(t, nil)
	}

	var session, token string
	ok := func(a answer) bool { return a.status == http.StatusOK }
	public := func(r *realm, op, name string, more ...any) func(*testing.T) answer {
		in := map[string]any{"ClientId": r.client, "Username": name}
		for i := 0; i+1 < len(more); i += 2 {
			in[more[i].(string)] = more[i+1]
		}
		return func(t *testing.T) answer { return w.anyone.idp(t, op, in) }
	}
	sends := func(try func(*testing.T) answer) func(*testing.T) bool {
		return func(t *testing.T) bool { return ok(try(t)) }
	}
	asks := func(begin func(*testing.T) stage) func(*testing.T) bool {
		return func(t *testing.T) bool {
			s := begin(t)
			session = s.Session
			return s.status == http.StatusOK
		}
	}
	answers := func(r *realm, challenge, name, code string) func(*testing.T) answer {
		return func(t *testing.T) answer {
			return r.respond(t, challenge, session, name, challenge+"_CODE", code).answer
		}
	}
	verifies := func(t *testing.T) bool {
		s := first.byPassword(t, "ann", password)
		if s.AuthenticationResult == nil {
			return false
		}
		token = s.AuthenticationResult.AccessToken
		return ok(w.anyone.idp(t, "GetUserAttributeVerificationCode", map[string]any{"AccessToken": token, "AttributeName": "email"}))
	}
	wrong := []string{"CodeMismatchException"}
	for _, g := range []*guesser{
		{"a password", func(*testing.T) bool { return true }, func(t *testing.T) answer { return first.byPassword(t, "ann", "Wrong-horse-8").answer }, []string{"NotAuthorizedException Incorrect"}, 120},
		{"the code of a sign-up", sends(public(first, "ResendConfirmationCode", "new")), public(first, "ConfirmSignUp", "new", "ConfirmationCode", "000000"), wrong, 100},
		{"the code for a new password", sends(public(first, "ForgotPassword", "ann")), public(first, "ConfirmForgotPassword", "ann", "ConfirmationCode", "000000", "Password", "Another-pass-7"), wrong, 100},
		{"the code of an address", verifies, func(t *testing.T) answer {
			return w.anyone.idp(t, "VerifyUserAttribute", map[string]any{"AccessToken": token, "AttributeName": "email", "Code": "000000"})
		}, wrong, 100},
		{"EMAIL_OTP, first", asks(func(t *testing.T) stage {
			return first.initiate(t, "USER_AUTH", "ann", "PREFERRED_CHALLENGE", "EMAIL_OTP")
		}), answers(first, "EMAIL_OTP", "ann", "00000000"), wrong, 100},
		{"SMS_OTP, first", asks(func(t *testing.T) stage {
			return first.initiate(t, "USER_AUTH", "ann", "PREFERRED_CHALLENGE", "SMS_OTP")
		}), answers(first, "SMS_OTP", "ann", "00000000"), wrong, 100},
		{"EMAIL_OTP, second", asks(func(t *testing.T) stage { return second.byPassword(t, "mail", password) }), answers(second, "EMAIL_OTP", "mail", "000000"), wrong, 45},
		{"SMS_MFA", asks(func(t *testing.T) stage { return second.byPassword(t, "sms", password) }), answers(second, "SMS_MFA", "sms", "000000"), wrong, 45},
		{"SOFTWARE_TOKEN_MFA", asks(func(t *testing.T) stage { return second.byPassword(t, "app", password) }), answers(second, "SOFTWARE_TOKEN_MFA", "app", "000000"), wrong, 45},
	} {
		t.Run(g.what, func(t *testing.T) {
			n := g.day(t, w)
			t.Logf("%s: %d guesses in a day", g.what, n)
			if n == 0 || n > g.most {
				t.Errorf("%d guesses in a day, want 1 to %d", n, g.most)
			}
		})
	}
}

// TestGuessingFromOneAddress: who tries one code, or one password, of each of many users.
func TestGuessingFromOneAddress(t *testing.T) {
	w := newWorld(t)
	r := w.realm(t, nil)
	quiet := r.app(t, map[string]any{"PreventUserExistenceErrors": "ENABLED"})
	host, page := r.domain(t, "guessed"), r.hostedApp(t, map[string]any{"PreventUserExistenceErrors": "ENABLED"})
	const free, most = 100, 106 // a failure is forgotten every ten seconds
	until := func(t *testing.T, stop string, guess func(t *testing.T, name string) answer) {
		t.Helper()
		w.skip.Add(int64(day))
		for i := range most {
			if a := guess(t, fmt.Sprintf("user%d", i)); strings.HasPrefix(a.code+" "+a.message, stop) {
				if i < free {
					t.Errorf("stopped after %d", i)
				}
				return
			}
		}
		t.Errorf("%d guesses at as many users, and no end", most)
	}
	t.Run("passwords", func(t *testing.T) {
		until(t, "NotAuthorizedException Password attempts exceeded", func(t *testing.T, name string) answer {
			return w.anyone.idp(t, "InitiateAuth", map[string]any{"ClientId": quiet, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": params(name, "PASSWORD", "Wrong-horse-8")})
		})
	})
	t.Run("codes", func(t *testing.T) {
		until(t, "LimitExceededException", func(t *testing.T, name string) answer {
			w.anyone.idp(t, "ForgotPassword", map[string]any{"ClientId": quiet, "Username": name}).must(t, nil)
			return w.anyone.idp(t, "ConfirmForgotPassword", map[string]any{"ClientId": quiet, "Username": name, "ConfirmationCode": "000000", "Password": password})
		})
	})
	t.Run("passwords on the pages", func(t *testing.T) {
		b := w.browser(t)
		until(t, "NotAuthorizedException exceeded", func(t *testing.T, name string) answer {
			b.open(t, strings.Replace(authorize(host, page), "/oauth2/authorize", "/login", 1))
			a := b.fill(t, host, "username", name, "password", "Wrong-horse-8")
			if a.message = ""; strings.Contains(w.why(t, a.id), "failed sign-ins from") {
				a.message = "exceeded"
			}
			return a
		})
	})
}
