package users

import (
	"testing"
	"time"

	"bothy/api/cognitoidp"
	"bothy/record"
)

// Strangers cannot fill the disk with users, nor a mailbox with codes, as fast as they can send.
func TestSignUpsAreBounded(t *testing.T) {
	w := newWorld(t)
	c := w.call()
	address := func(ip string, times int) (let int) {
		c.SourceIP = ip
		for range times {
			if w.s.maySignUp(c, "p") == nil {
				let++
			}
		}
		return let
	}
	if n, most := address("a", 1000), int(signUpsPerAddress.Burst); n < most || n > most+most/50 {
		t.Errorf("one address: %d at once", n)
	}
	if n := address("b", 10); n != 10 {
		t.Errorf("another address: %d", n)
	}
	c.Now = c.Now.Add(2 * time.Second)
	if n, most := address("a", 100), 2*int(signUpsPerAddress.PerSecond); n < most || n > most+most/5 {
		t.Errorf("after two seconds: %d", n)
	}
	for i := range 100 {
		address(string(rune('A'+i)), 100)
	}
	if n := address("new", 1); n != 0 {
		t.Error("the pool has no bound")
	}

	p := w.pool()
	cl := w.client(p)
	w.exhaust("users.signup/"+p, signUpsPerPool)
	refused(w, w.s.signUp, &cognitoidp.SignUpInput{ClientId: str(cl), Username: str("u"), Password: str(good)}, "TooManyRequestsException", "")
}

// One address cannot try one password on every user, nor random names, as fast as it can send; its neighbours can still sign in.
func TestStrangersAreBounded(t *testing.T) {
	w := newWorld(t)
	p := w.pool()
	cl := w.client(p, hiding)
	w.member(cl, "alice")
	refused(w, w.s.initiateAuth, passwordAuth(cl, "nobody", good), "NotAuthorizedException", "")
	challenge := &cognitoidp.RespondToAuthChallengeInput{ClientId: str(cl), ChallengeName: str("PASSWORD_VERIFIER"), ChallengeResponses: map[string]string{"USERNAME": "u"}}
	key := "users.ask/" + p + "/"
	const code, text = "TooManyRequestsException", "Too many requests"
	w.exhaust(key, asksPerAddress)
	refused(w, w.s.initiateAuth, passwordAuth(cl, "alice", good), code, text)
	w.exhaust(key, asksPerAddress)
	refused(w, w.s.respondToAuthChallenge, challenge, code, text)
	w.exhaust(key, asksPerAddress)
	refused(w, w.s.getTokensFromRefreshToken, &cognitoidp.GetTokensFromRefreshTokenInput{ClientId: str(cl), RefreshToken: str("t")}, code, text)
	w.exhaust(key, asksPerAddress)
	refused(w, w.s.forgotPassword, &cognitoidp.ForgotPasswordInput{ClientId: str(cl), Username: str("u")}, code, text)
	w.exhaust(key, asksPerAddress)
	refused(w, w.s.confirmForgotPassword, &cognitoidp.ConfirmForgotPasswordInput{ClientId: str(cl), Username: str("u"), ConfirmationCode: str("1"), Password: str(good)}, code, text)
	w.exhaust(key, asksPerAddress)
	refused(w, w.s.resendConfirmationCode, &cognitoidp.ResendConfirmationCodeInput{ClientId: str(cl), Username: str("u")}, code, text)
	w.exhaust(key, asksPerAddress)
	refused(w, w.s.confirmSignUp, &cognitoidp.ConfirmSignUpInput{ClientId: str(cl), Username: str("u"), ConfirmationCode: str("1")}, code, text)

	c := w.call()
	c.SourceIP = "192.0.2.7"
	if _, err := w.s.initiateAuth(c, passwordAuth(cl, "alice", good)); err != nil {
		t.Errorf("another address: %v", err)
	}
	w.wait(time.Hour + time.Second)
	must(w, w.s.initiateAuth, passwordAuth(cl, "alice", good))
}

// exhaust takes all that a key has.
func (w *world) exhaust(key string, l record.Limit) {
	w.t.Helper()
	for ok := true; ok; {
		var err error
		if ok, err = w.s.brake.Take(w.ctx, key, l, w.now()); err != nil {
			w.t.Fatal(err)
		}
	}
}
