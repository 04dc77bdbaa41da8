package users

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"bothy/api/cognitoidp"
	"bothy/wire"
)

// Where a client hides who exists, an unknown user looks like a known one: the same refusal or the same shape of an answer, for the
// same number of powers of 3,072 bits. Every public operation is looked at, or says here why it need not be.

// authorised are the public operations that take a proof of who asks, and no name that could be guessed.
var authorised = map[string]string{
	"SignUp":                           "it tells of names that are taken, as in AWS: nobody could sign up otherwise",
	"GetTokensFromRefreshToken":        "refresh token",
	"RevokeToken":                      "refresh token",
	"GetUser":                          "access token",
	"UpdateUserAttributes":             "access token",
	"DeleteUserAttributes":             "access token",
	"GetUserAttributeVerificationCode": "access token",
	"VerifyUserAttribute":              "access token",
	"ChangePassword":                   "access token",
	"DeleteUser":                       "access token",
	"GlobalSignOut":                    "access token",
	"SetUserSettings":                  "access token",
	"SetUserMFAPreference":             "access token",
	"AssociateSoftwareToken":           "access token or session",
	"VerifySoftwareToken":              "access token or session",
	"ConfirmDevice":                    "access token",
	"ListDevices":                      "access token",
	"GetDevice":                        "access token",
	"ForgetDevice":                     "access token",
	"UpdateDeviceStatus":               "access token",
	"StartWebAuthnRegistration":        "access token",
	"CompleteWebAuthnRegistration":     "access token",
	"ListWebAuthnCredentials":          "access token",
	"DeleteWebAuthnCredential":         "access token",
	"GetUserAuthFactors":               "access token",
	"UpdateAuthEventFeedback":          "feedback token",
	"GetClientToken":                   "client secret",
}

// guess asks about a name without knowing more.
type guessed struct {
	op, what string
	ask      func(w *world, p, cl, name string) (any, error)
}

func authBegin(flow string, params map[string]string) func(w *world, p, cl, name string) (any, error) {
	return func(w *world, p, cl, name string) (any, error) {
		given := maps.Clone(params)
		given["USERNAME"] = name
		return w.s.initiateAuth(w.call(), &cognitoidp.InitiateAuthInput{ClientId: str(cl), AuthFlow: str(flow), AuthParameters: given})
	}
}

var guessing = []guessed{
	{"InitiateAuth", "by SRP", authBegin("USER_SRP_AUTH", map[string]string{"SRP_A": "2"})},
	{"InitiateAuth", "by password", authBegin("USER_PASSWORD_AUTH", map[string]string{"PASSWORD": "Wr0ng!pass"})},
	{"InitiateAuth", "by password, as a robot", func(w *world, p, cl, name string) (any, error) {
		in := passwordAuth(cl, name, "Wr0ng!pass")
		return w.s.initiateAuth(w.from("192.0.2.1", "robot"), in)
	}},
	{"RespondToAuthChallenge", "with a wrong proof", func(w *world, p, cl, name string) (any, error) { return w.srp(p, cl, name, "Wr0ng!pass") }},
	{"RespondToAuthChallenge", "with a session of nobody", func(w *world, p, cl, name string) (any, error) {
		return w.s.respondToAuthChallenge(w.call(), &cognitoidp.RespondToAuthChallengeInput{
			ClientId: str(cl), ChallengeName: str("NEW_PASSWORD_REQUIRED"), Session: str(strings.Repeat("A", 40)), ChallengeResponses: map[string]string{"USERNAME": name, "NEW_PASSWORD": good},
		})
	}},
	{"ConfirmSignUp", "with a wrong code", func(w *world, p, cl, name string) (any, error) {
		return w.s.confirmSignUp(w.call(), &cognitoidp.ConfirmSignUpInput{ClientId: str(cl), Username: str(name), ConfirmationCode: str("12345")})
	}},
	{"ResendConfirmationCode", "", func(w *world, p, cl, name string) (any, error) {
		return w.s.resendConfirmationCode(w.call(), &cognitoidp.ResendConfirmationCodeInput{ClientId: str(cl), Username: str(name)})
	}},
	{"ConfirmForgotPassword", "with a code, before one was sent", func(w *world, p, cl, name string) (any, error) {
		return w.s.confirmForgotPassword(w.call(), &cognitoidp.ConfirmForgotPasswordInput{ClientId: str(cl), Username: str(name), ConfirmationCode: str("12345"), Password: str("N3w!passw")})
	}},
	{"ForgotPassword", "", func(w *world, p, cl, name string) (any, error) {
		return w.s.forgotPassword(w.call(), &cognitoidp.ForgotPasswordInput{ClientId: str(cl), Username: str(name)})
	}},
	{"ConfirmForgotPassword", "with a wrong code", func(w *world, p, cl, name string) (any, error) {
		return w.s.confirmForgotPassword(w.call(), &cognitoidp.ConfirmForgotPasswordInput{ClientId: str(cl), Username: str(name), ConfirmationCode: str("12345"), Password: str("N3w!passw")})
	}},
	{"ConfirmForgotPassword", "with a weak password", func(w *world, p, cl, name string) (any, error) {
		return w.s.confirmForgotPassword(w.call(), &cognitoidp.ConfirmForgotPasswordInput{ClientId: str(cl), Username: str(name), ConfirmationCode: str("12345"), Password: str("weak")})
	}},
}

// asSeen is what a stranger learns of an answer: the refusal, or which fields there are, with what in them.
func asSeen(t *testing.T, out any, err error, name string) string {
	t.Helper()
	var refused wire.Fault
	if errors.As(err, &refused) {
		code, status, text := refused.Fault()
		return fmt.Sprint(code, status, strings.ReplaceAll(text, name, "NAME"))
	}
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	var tree map[string]any
	if err := json.Unmarshal(b, &tree); err != nil {
		return "no answer"
	}
	return seen(tree, name)
}

func seen(v any, name string) string {
	switch v := v.(type) {
	case map[string]any:
		text := "{"
		for _, key := range slices.Sorted(maps.Keys(v)) {
			text += key + ":"
			switch key {
			case "SRP_B", "SALT", "SECRET_BLOCK":
				text += "random "
			case "Destination":
				text += shape(v[key].(string)) + " "
			default:
				text += seen(v[key], name)
			}
		}
		return text + "}"
	case string:
		return strings.ReplaceAll(v, name, "NAME") + " "
	}
	return fmt.Sprint(v) + " "
}

// shape is a masked address without its letters.
func shape(masked string) string {
	return strings.Map(func(r rune) rune {
		if r == '*' || r == '@' || r == '+' {
			return r
		}
		return 'x'
	}, masked)
}

// people of all states; each is asked about by each guess in turn.
func (w *world) everyState(p string, open string) []string {
	w.t.Helper()
	names := []string{"active", "paused", "unsure", "vague", "forced"}
	for _, name := range names[:2] {
		w.member(open, name)
	}
	must(w, w.s.adminDisableUser, &cognitoidp.AdminDisableUserInput{UserPoolId: str(p), Username: str("paused")})
	must(w, w.s.signUp, &cognitoidp.SignUpInput{ClientId: str(open), Username: str("unsure"), Password: str(good), UserAttributes: attr("email", "u@example.com")})
	must(w, w.s.signUp, &cognitoidp.SignUpInput{ClientId: str(open), Username: str("vague"), Password: str(good)})
	must(w, w.s.adminCreateUser, &cognitoidp.AdminCreateUserInput{UserPoolId: str(p), Username: str("forced"), TemporaryPassword: str(good), MessageAction: str("SUPPRESS")})
	return names
}

func TestNoOperationTellsWhoExists(t *testing.T) {
	for name, pool := range map[string]func(*cognitoidp.CreateUserPoolInput){
		"plain":     func(*cognitoidp.CreateUserPoolInput) {},
		"watched":   protecting("ENFORCED"),
		"remembers": remembering(3),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			p := w.pool(pool)
			cl := w.client(p, hiding)
			states := w.everyState(p, w.client(p))
			w.wait(codeDay)
			powers := w.countPowers()
			for _, g := range guessing {
				want, cost := w.guess(g, p, cl, "nobody", powers)
				for _, name := range states {
					got, paid := w.guess(g, p, cl, name, powers)
					if got != want {
						t.Errorf("%s %s: of a user who is %s:\n%s\nof one who is not there:\n%s", g.op, g.what, name, got, want)
					}
					if paid != cost {
						t.Errorf("%s %s: %d powers for a user who is %s, %d for one who is not there", g.op, g.what, paid, name, cost)
					}
				}
			}
		})
	}
}

func (w *world) guess(g guessed, p, cl, name string, powers *atomic.Int64) (string, int64) {
	before := powers.Load()
	out, err := g.ask(w, p, cl, name)
	return asSeen(w.t.(*testing.T), out, err, name), powers.Load() - before
}

// countPowers counts the work that takes milliseconds, one piece at a time.
func (w *world) countPowers() *atomic.Int64 {
	c, n, done := make(cores), new(atomic.Int64), make(chan struct{})
	w.s.cores = c
	w.t.(*testing.T).Cleanup(func() { close(done) })
	go func() {
		for {
			select {
			case <-done:
				return
			case <-c:
			}
			n.Add(1)
			c <- struct{}{}
		}
	}()
	return n
}

func TestEveryPublicOperationHidesWhoExists(t *testing.T) {
	w := newWorld(t)
	m := wire.NewMux(wire.Config{Account: func() string { return account }, Region: "us-east-1", Credentials: keyring{}, Now: w.now, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}, cognitoidp.API)
	w.s.Mount(m)
	for i := range cognitoidp.API.Ops {
		op := &cognitoidp.API.Ops[i]
		if !op.NoAuth || !m.Mounted(op) || authorised[op.Name] != "" {
			continue
		}
		if !slices.ContainsFunc(guessing, func(g guessed) bool { return g.op == op.Name }) {
			t.Errorf("%s takes a name from anybody, and nothing looks at what it tells", op.Name)
		}
	}
}
