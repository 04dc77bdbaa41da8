package users

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"bothy/api/cognitoidp"
	"bothy/wire"
)

// Whoever guesses a little at each of many users is stopped by their address, whatever it is that they guess at.

// at is a call from an address.
func (w *world) at(ip string) *wire.Call {
	c := w.call()
	c.SourceIP = ip
	return c
}

// stopped guesses at one user after another until the address is refused, and returns how often it was not.
func stopped(t *testing.T, most int, code string, guess func(i int) error) int {
	t.Helper()
	for i := range most {
		if err := guess(i); wantsCode(err, code) {
			return i
		}
	}
	t.Fatalf("%d guesses at as many users, and no end", most)
	return 0
}

func wantsCode(err error, code string) bool {
	f, ok := err.(interface{ Unwrap() error })
	for ; ok; f, ok = err.(interface{ Unwrap() error }) {
		err = f.Unwrap()
	}
	got, is := err.(wire.Fault)
	if !is {
		return false
	}
	name, _, _ := got.Fault()
	return name == code
}

// TestCodesAreGuessedAtAnAddress: codes of many users, a few guesses each.
func TestCodesAreGuessedAtAnAddress(t *testing.T) {
	w := newWorld(t)
	cl := w.client(w.pool(), hiding)
	n := stopped(t, freeAtAddress+2, "LimitExceededException", func(i int) error {
		name := fmt.Sprintf("nobody%d", i)
		must(w, w.s.forgotPassword, &cognitoidp.ForgotPasswordInput{ClientId: str(cl), Username: str(name)})
		_, err := w.s.confirmForgotPassword(w.at("192.0.2.7"), &cognitoidp.ConfirmForgotPasswordInput{ClientId: str(cl), Username: str(name), ConfirmationCode: str("123456"), Password: str("N3w!passw")})
		return err
	})
	if n < freeAtAddress {
		t.Errorf("stopped after %d guesses", n)
	}
	_, err := w.s.confirmSignUp(w.at("192.0.2.7"), &cognitoidp.ConfirmSignUpInput{ClientId: str(cl), Username: str("nobody1"), ConfirmationCode: str("123456")})
	wantFault(t, err, "LimitExceededException", "Attempt limit exceeded")
	_, err = w.s.initiateAuth(w.at("192.0.2.7"), passwordAuth(cl, "nobody", good))
	wantFault(t, err, "NotAuthorizedException", "Password attempts exceeded")
	_, err = w.s.confirmForgotPassword(w.at("192.0.2.8"), &cognitoidp.ConfirmForgotPasswordInput{ClientId: str(cl), Username: str("nobody2"), ConfirmationCode: str("123456"), Password: str("N3w!passw")})
	wantFault(t, err, "CodeMismatchException", "Invalid verification code")
}

// TestMigrationIsGuessedAtAnAddress: passwords of users who are still elsewhere.
func TestMigrationIsGuessedAtAnAddress(t *testing.T) {
	w := newWorld(t)
	w.s.cfg.Invoke = &functions{answer: func(*event) error { return &FunctionError{"Bad password"} }}
	cl := w.client(w.pool(func(in *cognitoidp.CreateUserPoolInput) {
		in.LambdaConfig = &cognitoidp.LambdaConfigType{UserMigration: aFunction}
	}), hiding)
	guess := func(i int) error {
		_, err := w.s.initiateAuth(w.at("192.0.2.7"), passwordAuth(cl, fmt.Sprintf("nobody%d", i), "Wr0ng!pass"))
		return err
	}
	for i := range freeAtAddress + 1 { // the first of them is forgotten a little by then
		wantFault(t, guess(i), "NotAuthorizedException", "Incorrect username or password.")
	}
	wantFault(t, guess(freeAtAddress+1), "NotAuthorizedException", "Password attempts exceeded")
}

// TestCustomChallengesOpenedBefore: sign-ins begun before the user was locked out are locked out too, and few wait at a time.
func TestCustomChallengesOpenedBefore(t *testing.T) {
	w := newWorld(t)
	_, cl := w.custom(&functions{answer: captcha})
	w.member(cl, "alice")
	var sessions []string
	for range 40 {
		sessions = append(sessions, must(w, w.s.initiateAuth, customAuthOf(cl, "alice")).Session.V)
	}
	judged := 0
	for _, session := range sessions {
		if out, err := w.s.respondToAuthChallenge(w.call(), customAnswer(cl, "alice", session, "4")); err == nil && out.ChallengeName.V == "CUSTOM_CHALLENGE" {
			judged++
		}
	}
	if judged > mostOpenRounds {
		t.Errorf("%d answers were judged", judged)
	}
}

// TestCustomChallengeOfAnOldPassword: a password proved before it was replaced leads nowhere.
func TestCustomChallengeOfAnOldPassword(t *testing.T) {
	w := newWorld(t)
	p, cl := w.custom(&functions{answer: captcha})
	w.member(cl, "alice")
	k := newSRPClient()
	in := customAuthOf(cl, "alice")
	in.AuthParameters["CHALLENGE_NAME"], in.AuthParameters["SRP_A"] = "SRP_A", k.A.Text(16)
	begun := must(w, w.s.initiateAuth, in)
	asked := must(w, w.s.respondToAuthChallenge, respond(cl, k.answer(p, begun.ChallengeParameters, good, aTimestamp)))
	must(w, w.s.adminSetUserPassword, &cognitoidp.AdminSetUserPasswordInput{UserPoolId: str(p), Username: str("alice"), Password: str("N3w!passw"), Permanent: some(true)})
	refused(w, w.s.respondToAuthChallenge, customAnswer(cl, "alice", asked.Session.V, "5"), "NotAuthorizedException", "session is expired")
}

// TestForgottenCodeOfAnOldAddress: who reads the mailbox that the user left gets no new password by the code that is in it.
func TestForgottenCodeOfAnOldAddress(t *testing.T) {
	w := newWorld(t)
	p := w.pool()
	cl := w.client(p)
	w.member(cl, "alice")
	must(w, w.s.forgotPassword, &cognitoidp.ForgotPasswordInput{ClientId: str(cl), Username: str("alice")})
	old := w.lastCode()
	must(w, w.s.adminUpdateUserAttributes, &cognitoidp.AdminUpdateUserAttributesInput{UserPoolId: str(p), Username: str("alice"), UserAttributes: attr("email", "new@example.com", "email_verified", "true")})
	refused(w, w.s.confirmForgotPassword, &cognitoidp.ConfirmForgotPasswordInput{ClientId: str(cl), Username: str("alice"), ConfirmationCode: str(old), Password: str("N3w!passw")},
		"ExpiredCodeException", "Invalid code provided")
	w.signIn(p, cl, "alice")
}

// TestAnswerOfAnotherProvider: an answer that names another issuer is not exchanged at the provider that the browser left for.
func TestAnswerOfAnotherProvider(t *testing.T) {
	w := newWorld(t)
	p := w.pool()
	w.provider(p, "Evil", "OIDC", map[string]string{
		"client_id": "app", "client_secret": "s", "authorize_scopes": "openid", "oidc_issuer": "https://evil.example", "attributes_request_method": "GET",
		"authorize_url": "https://evil.example/a", "token_url": "https://evil.example/t", "attributes_url": "https://evil.example/u", "jwks_uri": "https://evil.example/k",
	}, nil)
	g := w.gate(p, w.client(p, offering("Evil")), "Evil")
	_, memory := g.depart(t)
	_, err := g.arrive(memory, url.Values{"code": {"of the honest one"}, "state": {"the state"}, "iss": {"https://honest.example"}})
	wantFault(t, err, "NotAuthorizedException", "did not confirm the sign-in")
	if reason := wire.ReasonOf(err); !strings.Contains(reason, `the answer is of "https://honest.example", not of https://evil.example`) {
		t.Errorf("%s", reason)
	}
}

// TestGhostsHaveEitherAddress: where people may have a phone, a mailbox or both, neither medium tells that somebody exists.
func TestGhostsHaveEitherAddress(t *testing.T) {
	for want, auto := range map[string][]string{"EMAIL": {"email"}, "SMS": {"phone_number"}, "EMAIL SMS": {"email", "phone_number"}} {
		w := newWorld(t)
		cl := w.client(w.pool(func(in *cognitoidp.CreateUserPoolInput) {
			in.AutoVerifiedAttributes = auto
			in.SmsConfiguration = &cognitoidp.SmsConfigurationType{SnsCallerArn: str("arn:aws:iam::" + account + ":role/sms")}
		}), hiding)
		seen := map[string]bool{}
		for i := range 40 {
			out := must(w, w.s.forgotPassword, &cognitoidp.ForgotPasswordInput{ClientId: str(cl), Username: str(fmt.Sprintf("nobody%d", i))})
			seen[out.CodeDeliveryDetails.DeliveryMedium.V] = true
		}
		if got := strings.Join(slices.Sorted(maps.Keys(seen)), " "); got != want {
			t.Errorf("%v: %s, want %s", auto, got, want)
		}
	}
}
