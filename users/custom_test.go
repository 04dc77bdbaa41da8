package users

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/record"
)

var aFunction = str("arn:aws:lambda:us-east-1:123456789012:function:f")

// custom makes a pool whose functions do what the test says, and a client that may use them.
func (w *world) custom(f *functions, change ...func(*cognitoidp.CreateUserPoolClientInput)) (p, cl string) {
	w.t.Helper()
	w.s.cfg.Invoke = f
	p = w.pool(func(in *cognitoidp.CreateUserPoolInput) {
		in.LambdaConfig = &cognitoidp.LambdaConfigType{DefineAuthChallenge: aFunction, CreateAuthChallenge: aFunction, VerifyAuthChallengeResponse: aFunction}
	})
	cl = w.client(p, append([]func(*cognitoidp.CreateUserPoolClientInput){func(in *cognitoidp.CreateUserPoolClientInput) {
		in.ExplicitAuthFlows = []string{"ALLOW_CUSTOM_AUTH", "ALLOW_USER_SRP_AUTH"}
	}}, change...)...)
	return p, cl
}

// captcha are the functions of the tutorial: a password by SRP, then a CAPTCHA; or the CAPTCHA alone. A wrong answer gives another try.
func captcha(e *event) error {
	session, _ := e.Request["session"].([]any)
	var last map[string]any
	if len(session) > 0 {
		last, _ = session[len(session)-1].(map[string]any)
	}
	switch e.TriggerSource {
	case "DefineAuthChallenge_Authentication":
		switch {
		case last["challengeName"] == "SRP_A":
			e.Response = map[string]any{"challengeName": "PASSWORD_VERIFIER", "issueTokens": false, "failAuthentication": false}
		case last["challengeName"] == "CUSTOM_CHALLENGE" && last["challengeResult"] == true:
			e.Response = map[string]any{"issueTokens": true, "failAuthentication": false}
		default:
			e.Response = map[string]any{"challengeName": "CUSTOM_CHALLENGE", "issueTokens": false, "failAuthentication": false}
		}
	case "CreateAuthChallenge_Authentication":
		e.Response = map[string]any{"publicChallengeParameters": map[string]any{"captchaUrl": "url/123.jpg"}, "privateChallengeParameters": map[string]any{"answer": "5"}, "challengeMetadata": "CAPTCHA_CHALLENGE"}
	case "VerifyAuthChallengeResponse_Authentication":
		private, _ := e.Request["privateChallengeParameters"].(map[string]any)
		e.Response = map[string]any{"answerCorrect": private["answer"] == e.Request["challengeAnswer"]}
	}
	return nil
}

func customAuthOf(clientID, name string) *cognitoidp.InitiateAuthInput {
	return &cognitoidp.InitiateAuthInput{ClientId: str(clientID), AuthFlow: str("CUSTOM_AUTH"), AuthParameters: map[string]string{"USERNAME": name}, ClientMetadata: map[string]string{"from": "initiate"}}
}

func customAnswer(clientID, name, session, answer string) *cognitoidp.RespondToAuthChallengeInput {
	return &cognitoidp.RespondToAuthChallengeInput{
		ClientId: str(clientID), ChallengeName: str("CUSTOM_CHALLENGE"), Session: str(session), ClientMetadata: map[string]string{"from": "respond"},
		ChallengeResponses: map[string]string{"USERNAME": name, "ANSWER": answer},
	}
}

func TestCustomAuth(t *testing.T) {
	w := newWorld(t)
	f := &functions{answer: captcha}
	_, cl := w.custom(f)
	w.member(cl, "alice")
	f.seen = nil
	begun := must(w, w.s.initiateAuth, customAuthOf(cl, "alice"))
	if begun.ChallengeName.V != "CUSTOM_CHALLENGE" || begun.ChallengeParameters["captchaUrl"] != "url/123.jpg" || begun.ChallengeParameters["answer"] != "" || begun.ChallengeParameters["USERNAME"] != "alice" {
		t.Fatalf("%+v", begun)
	}
	again := must(w, w.s.respondToAuthChallenge, customAnswer(cl, "alice", begun.Session.V, "4"))
	if again.ChallengeName.V != "CUSTOM_CHALLENGE" || again.Session == begun.Session || again.AuthenticationResult != nil {
		t.Fatalf("%+v", again)
	}
	done := must(w, w.s.respondToAuthChallenge, customAnswer(cl, "alice", again.Session.V, "5"))
	if got := claimsOf(t, done.AuthenticationResult.IdToken.V)["cognito:username"]; got != "alice" {
		t.Fatalf("%v", got)
	}
	var seen []string
	for _, e := range f.seen {
		b, _ := json.Marshal([]any{e.Request["session"], e.Request["challengeAnswer"], e.Request["clientMetadata"], e.Request["userNotFound"]})
		seen = append(seen, strings.TrimSuffix(e.TriggerSource, "_Authentication")+string(b))
	}
	const wrong, right = `{"challengeMetadata":"CAPTCHA_CHALLENGE","challengeName":"CUSTOM_CHALLENGE","challengeResult":false}`, `{"challengeMetadata":"CAPTCHA_CHALLENGE","challengeName":"CUSTOM_CHALLENGE","challengeResult":true}`
	want := []string{
		`DefineAuthChallenge[[],null,null,null]`, `CreateAuthChallenge[[],null,null,null]`,
		`VerifyAuthChallengeResponse[null,"4",{"from":"respond"},null]`, `DefineAuthChallenge[[` + wrong + `],null,{"from":"respond"},null]`, `CreateAuthChallenge[[` + wrong + `],null,{"from":"respond"},null]`,
		`VerifyAuthChallengeResponse[null,"5",{"from":"respond"},null]`, `DefineAuthChallenge[[` + wrong + `,` + right + `],null,{"from":"respond"},null]`,
	}
	if !slices.Equal(seen, want) {
		t.Fatalf("%s", strings.Join(seen, "\n"))
	}
}

// TestCustomAuthAfterPassword: the password first, and nothing of the CAPTCHA without it.
func TestCustomAuthAfterPassword(t *testing.T) {
	w := newWorld(t)
	f := &functions{answer: captcha}
	p, cl := w.custom(f)
	w.member(cl, "alice")
	begin := func() (*srpClient, map[string]string) {
		k := newSRPClient()
		in := customAuthOf(cl, "alice")
		in.AuthParameters["CHALLENGE_NAME"], in.AuthParameters["SRP_A"] = "SRP_A", k.A.Text(16)
		out := must(w, w.s.initiateAuth, in)
		if out.ChallengeName.V != "PASSWORD_VERIFIER" || out.ChallengeParameters["SECRET_BLOCK"] == "" {
			t.Fatalf("%+v", out)
		}
		return k, out.ChallengeParameters
	}
	f.seen = nil
	k, ch := begin()
	refused(w, w.s.respondToAuthChallenge, respond(cl, k.answer(p, ch, "Wr0ng!pass", aTimestamp)), "NotAuthorizedException", "Incorrect username or password.")
	if len(f.seen) != 1 {
		t.Fatalf("functions ran for a wrong password: %+v", f.seen)
	}
	k, ch = begin()
	asked := must(w, w.s.respondToAuthChallenge, respond(cl, k.answer(p, ch, good, aTimestamp)))
	if asked.ChallengeName.V != "CUSTOM_CHALLENGE" || asked.AuthenticationResult != nil {
		t.Fatalf("%+v", asked)
	}
	f.seen = nil
	done := must(w, w.s.respondToAuthChallenge, customAnswer(cl, "alice", asked.Session.V, "5"))
	if done.AuthenticationResult == nil {
		t.Fatalf("%+v", done)
	}
	var names []string
	for _, r := range f.seen[1].Request["session"].([]any) {
		names = append(names, fmt.Sprintf("%v:%v", r.(map[string]any)["challengeName"], r.(map[string]any)["challengeResult"]))
	}
	if got := strings.Join(names, " "); got != "SRP_A:true PASSWORD_VERIFIER:true CUSTOM_CHALLENGE:true" {
		t.Fatal(got)
	}
}

// TestCustomAuthOnly: the old setting takes SRP without the functions away.
func TestCustomAuthOnly(t *testing.T) {
	w := newWorld(t)
	p, cl := w.custom(&functions{answer: captcha}, func(in *cognitoidp.CreateUserPoolClientInput) {
		in.ExplicitAuthFlows = []string{"CUSTOM_AUTH_FLOW_ONLY"}
	})
	w.member(cl, "alice")
	_, err := w.srp(p, cl, "alice", good)
	wantFault(t, err, "InvalidParameterException", "Only custom auth (lambda driven) is enabled for this client.")
	refused(w, w.s.initiateAuth, passwordAuth(cl, "alice", good), "InvalidParameterException", "USER_PASSWORD_AUTH flow not enabled for this client")
	begun := must(w, w.s.initiateAuth, customAuthOf(cl, "alice"))
	must(w, w.s.respondToAuthChallenge, customAnswer(cl, "alice", begun.Session.V, "5"))
	srp := w.client(p)
	refused(w, w.s.initiateAuth, customAuthOf(srp, "alice"), "InvalidParameterException", "CUSTOM_AUTH is not enabled for the client.")
}

func TestCustomAuthOfAdmins(t *testing.T) {
	w := newWorld(t)
	p, cl := w.custom(&functions{answer: captcha})
	w.member(cl, "alice")
	begun := must(w, w.s.adminInitiateAuth, &cognitoidp.AdminInitiateAuthInput{UserPoolId: str(p), ClientId: str(cl), AuthFlow: str("CUSTOM_AUTH"), AuthParameters: map[string]string{"USERNAME": "alice"}})
	done := must(w, w.s.adminRespondToAuthChallenge, &cognitoidp.AdminRespondToAuthChallengeInput{
		UserPoolId: str(p), ClientId: str(cl), ChallengeName: begun.ChallengeName, Session: begun.Session, ChallengeResponses: map[string]string{"USERNAME": "alice", "ANSWER": "5"},
	})
	if done.AuthenticationResult == nil {
		t.Fatalf("%+v", done)
	}
}

// TestCustomAuthIntruders: sessions that are replayed, swapped, late or changed, and rounds without end.
func TestCustomAuthIntruders(t *testing.T) {
	w := newWorld(t)
	f := &functions{answer: captcha}
	p, cl := w.custom(f)
	other := w.client(p, func(in *cognitoidp.CreateUserPoolClientInput) { in.ExplicitAuthFlows = []string{"ALLOW_CUSTOM_AUTH"} })
	_, foreign := w.custom(f)
	w.member(cl, "alice")
	w.member(cl, "bob")
	w.member(foreign, "alice")
	begin := func() string { return must(w, w.s.initiateAuth, customAuthOf(cl, "alice")).Session.V }

	session := begin()
	var wg sync.WaitGroup
	errs := make([]error, 6)
	f.answer = func(e *event) error { return captcha(e) }
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = w.s.takeRound(&attempt{Call: w.call(), client: &client{ID: cl, Pool: p}, pool: &pool{ID: p}}, w.opened(cl, p, session))
		})
	}
	wg.Wait()
	taken := 0
	for _, err := range errs {
		if err == nil {
			taken++
			continue
		}
		wantFault(t, err, "NotAuthorizedException", "Invalid session for the user, session can only be used once.")
	}
	if taken != 1 {
		t.Fatalf("%d answers were taken", taken)
	}
	refused(w, w.s.respondToAuthChallenge, customAnswer(cl, "alice", session, "5"), "NotAuthorizedException", "session can only be used once.")

	const stale = "Invalid session for the user, session is expired."
	session = begin()
	refused(w, w.s.respondToAuthChallenge, customAnswer(other, "alice", session, "5"), "NotAuthorizedException", stale)
	refused(w, w.s.respondToAuthChallenge, customAnswer(foreign, "alice", session, "5"), "NotAuthorizedException", stale)
	refused(w, w.s.respondToAuthChallenge, customAnswer(cl, "bob", session, "5"), "NotAuthorizedException", stale)
	sealed, err := base64.RawURLEncoding.DecodeString(session)
	if err != nil {
		t.Fatal(err)
	}
	sealed[30] ^= 1
	refused(w, w.s.respondToAuthChallenge, customAnswer(cl, "alice", base64.RawURLEncoding.EncodeToString(sealed), "5"), "NotAuthorizedException", stale)
	refused(w, w.s.respondToAuthChallenge, customAnswer(cl, "alice", session, ""), "InvalidParameterException", "Missing required parameter ANSWER")
	asNewPassword := customAnswer(cl, "alice", session, "5")
	asNewPassword.ChallengeName, asNewPassword.ChallengeResponses["NEW_PASSWORD"] = str("NEW_PASSWORD_REQUIRED"), good
	refused(w, w.s.respondToAuthChallenge, asNewPassword, "NotAuthorizedException", stale)
	w.wait(3*time.Minute + time.Second)
	refused(w, w.s.respondToAuthChallenge, customAnswer(cl, "alice", session, "5"), "NotAuthorizedException", stale)

	session = begin()
	for range mostRounds - 1 {
		session = must(w, w.s.respondToAuthChallenge, customAnswer(cl, "alice", session, "wrong")).Session.V
	}
	refused(w, w.s.respondToAuthChallenge, customAnswer(cl, "alice", session, "wrong"), "NotAuthorizedException", "Incorrect username or password.")
	refused(w, w.s.initiateAuth, customAuthOf(cl, "alice"), "NotAuthorizedException", "Password attempts exceeded") // wrong answers count as wrong passwords do
	w.wait(longestWait)

	session = begin()
	f.answer = func(e *event) error {
		if e.TriggerSource == "VerifyAuthChallengeResponse_Authentication" {
			return &FunctionError{"no clue"}
		}
		return captcha(e)
	}
	refused(w, w.s.respondToAuthChallenge, customAnswer(cl, "alice", session, "5"), "UserLambdaValidationException", "VerifyAuthChallengeResponse failed with error no clue.")
	f.answer = captcha
	refused(w, w.s.respondToAuthChallenge, customAnswer(cl, "alice", session, "5"), "NotAuthorizedException", "session can only be used once.")

	session = begin()
	must(w, w.s.adminDisableUser, &cognitoidp.AdminDisableUserInput{UserPoolId: str(p), Username: str("alice")})
	refused(w, w.s.respondToAuthChallenge, customAnswer(cl, "alice", session, "5"), "NotAuthorizedException", "User is disabled.")
	must(w, w.s.adminEnableUser, &cognitoidp.AdminEnableUserInput{UserPoolId: str(p), Username: str("alice")})
	session = begin()
	must(w, w.s.adminDeleteUser, &cognitoidp.AdminDeleteUserInput{UserPoolId: str(p), Username: str("alice")})
	refused(w, w.s.respondToAuthChallenge, customAnswer(cl, "alice", session, "5"), "NotAuthorizedException", "session can only be used once.")
}

// opened opens a session as the service does.
func (w *world) opened(clientID, poolID, session string) challenge {
	a := &attempt{Call: w.call(), client: &client{ID: clientID, Pool: poolID}, pool: &pool{ID: poolID}, given: map[string]string{"USERNAME": "alice"}}
	ch, _, err := w.s.resume(a, customChallenge, session)
	if err != nil {
		w.t.Error(err)
	}
	return ch
}

// TestCustomAuthHidesWhoExists: with the setting on, the functions decide about ghosts as about users, and nobody gets in.
func TestCustomAuthHidesWhoExists(t *testing.T) {
	w := newWorld(t)
	f := &functions{answer: captcha}
	p, cl := w.custom(f, hiding)
	open := w.client(p, func(in *cognitoidp.CreateUserPoolClientInput) { in.ExplicitAuthFlows = []string{"ALLOW_CUSTOM_AUTH"} })
	refused(w, w.s.initiateAuth, customAuthOf(open, "nobody"), "UserNotFoundException", "User does not exist.")
	begun := must(w, w.s.initiateAuth, customAuthOf(cl, "nobody"))
	if begun.ChallengeName.V != "CUSTOM_CHALLENGE" || begun.ChallengeParameters["USERNAME"] != "nobody" {
		t.Fatalf("%+v", begun)
	}
	refused(w, w.s.respondToAuthChallenge, customAnswer(cl, "nobody", begun.Session.V, "5"), "NotAuthorizedException", "Incorrect username or password.")
	for _, e := range f.seen {
		if e.Request["userNotFound"] != true {
			t.Errorf("%s was not told that there is no such user", e.TriggerSource)
		}
	}
	w.member(cl, "alice")
	f.seen = nil
	must(w, w.s.initiateAuth, customAuthOf(cl, "alice"))
	if f.seen[0].Request["userNotFound"] != false {
		t.Errorf("%v", f.seen[0].Request)
	}
}

// TestCustomAuthNonsense: what functions answer against the contract lets nobody in.
func TestCustomAuthNonsense(t *testing.T) {
	w := newWorld(t)
	f := &functions{answer: captcha}
	_, cl := w.custom(f)
	w.member(cl, "alice")
	answering := func(source string, response map[string]any) {
		f.answer = func(e *event) error {
			if e.TriggerSource == source+"_Authentication" {
				e.Response = response
				return nil
			}
			return captcha(e)
		}
	}
	for name, response := range map[string]map[string]any{
		"nothing": {}, "no response": nil, "both": {"issueTokens": true, "failAuthentication": true}, "neither": {"issueTokens": false, "failAuthentication": false},
		"a text for a truth": {"issueTokens": "true"}, "a number for a truth": {"issueTokens": 1}, "a list for a name": {"challengeName": []string{"CUSTOM_CHALLENGE"}},
		"a challenge of another kind": {"challengeName": "SMS_MFA"}, "a password that was not announced": {"challengeName": "PASSWORD_VERIFIER"}, "NEW_PASSWORD_REQUIRED": {"challengeName": "NEW_PASSWORD_REQUIRED"},
	} {
		answering("DefineAuthChallenge", response)
		_, err := w.s.initiateAuth(w.call(), customAuthOf(cl, "alice"))
		t.Run("Define/"+name, func(t *testing.T) {
			wantFault(t, err, "InvalidLambdaResponseException", "Unrecognizable lambda output")
		})
	}
	answering("DefineAuthChallenge", map[string]any{"failAuthentication": true, "challengeName": "CUSTOM_CHALLENGE"})
	refused(w, w.s.initiateAuth, customAuthOf(cl, "alice"), "NotAuthorizedException", "Incorrect username or password.")
	for name, response := range map[string]map[string]any{
		"numbers": {"publicChallengeParameters": map[string]any{"a": 1}}, "a text": {"privateChallengeParameters": "x"}, "metadata of another type": {"challengeMetadata": map[string]any{}},
		"too much": {"privateChallengeParameters": map[string]any{"a": strings.Repeat("x", mostRoundBytes)}}, "too much to show": {"publicChallengeParameters": map[string]any{"a": strings.Repeat("x", mostRoundBytes)}},
	} {
		answering("CreateAuthChallenge", response)
		_, err := w.s.initiateAuth(w.call(), customAuthOf(cl, "alice"))
		t.Run("Create/"+name, func(t *testing.T) {
			wantFault(t, err, "InvalidLambdaResponseException", "Unrecognizable lambda output")
		})
	}
	for name, response := range map[string]map[string]any{"nothing": {}, "null": {"answerCorrect": nil}, "a text": {"answerCorrect": "true"}, "a number": {"answerCorrect": 1}} {
		f.answer = captcha
		begun := must(w, w.s.initiateAuth, customAuthOf(cl, "alice"))
		answering("VerifyAuthChallengeResponse", response)
		_, err := w.s.respondToAuthChallenge(w.call(), customAnswer(cl, "alice", begun.Session.V, "5"))
		t.Run("Verify/"+name, func(t *testing.T) {
			wantFault(t, err, "InvalidLambdaResponseException", "Unrecognizable lambda output")
		})
	}
	f.answer = func(*event) error { return errors.New("cannot be run") }
	refused(w, w.s.initiateAuth, customAuthOf(cl, "alice"), "UnexpectedLambdaException", "DefineAuthChallenge invocation failed.")
}

// TestCustomAuthRemembersMuch: what functions remember is long, survives, is sealed, and goes with the user.
func TestCustomAuthRemembersMuch(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat("s3cret", 10_000)
	f := &functions{answer: func(e *event) error {
		err := captcha(e)
		if e.TriggerSource == "CreateAuthChallenge_Authentication" {
			e.Response["privateChallengeParameters"] = map[string]any{"answer": "5", "long": long}
		}
		return err
	}}
	p, cl := w.custom(f)
	w.member(cl, "alice")
	begun := must(w, w.s.initiateAuth, customAuthOf(cl, "alice"))
	if n := len(begun.Session.V); n > 2048 {
		t.Errorf("a session of %d characters", n)
	}
	f.seen = nil
	must(w, w.s.respondToAuthChallenge, customAnswer(cl, "alice", begun.Session.V, "5"))
	if private := f.seen[0].Request["privateChallengeParameters"].(map[string]any); private["long"] != long {
		t.Error("what CreateAuthChallenge made did not arrive")
	}
	must(w, w.s.initiateAuth, customAuthOf(cl, "alice"))
	waiting := func() []*round {
		var rows []*round
		err := w.s.cfg.DB.View(w.ctx, func(tx *kv.Tx) (err error) {
			rows, err = rounds.All(tx, record.In(account, "us-east-1"), "")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	rows := waiting()
	if len(rows) != 1 || strings.Contains(string(rows[0].Sealed), "s3cret") {
		t.Fatalf("%d rounds wait", len(rows))
	}
	must(w, w.s.adminDeleteUser, &cognitoidp.AdminDeleteUserInput{UserPoolId: str(p), Username: str("alice")})
	if rows := waiting(); len(rows) != 0 {
		t.Errorf("%d rounds are left of a deleted user", len(rows))
	}
}

// TestCustomAuthWithTemporaryPassword: who came by a temporary password chooses their own first; who was let in by the functions alone need not.
func TestCustomAuthWithTemporaryPassword(t *testing.T) {
	w := newWorld(t)
	p, cl := w.custom(&functions{answer: captcha})
	must(w, w.s.adminCreateUser, &cognitoidp.AdminCreateUserInput{UserPoolId: str(p), Username: str("alice"), TemporaryPassword: str(good), MessageAction: str("SUPPRESS")})
	begun := must(w, w.s.initiateAuth, customAuthOf(cl, "alice"))
	if out := must(w, w.s.respondToAuthChallenge, customAnswer(cl, "alice", begun.Session.V, "5")); out.AuthenticationResult == nil {
		t.Fatalf("%+v", out)
	}
	k := newSRPClient()
	in := customAuthOf(cl, "alice")
	in.AuthParameters["CHALLENGE_NAME"], in.AuthParameters["SRP_A"] = "SRP_A", k.A.Text(16)
	ch := must(w, w.s.initiateAuth, in).ChallengeParameters
	asked := must(w, w.s.respondToAuthChallenge, respond(cl, k.answer(p, ch, good, aTimestamp)))
	if asked.ChallengeName.V != "NEW_PASSWORD_REQUIRED" {
		t.Fatalf("%+v", asked)
	}
	asked = must(w, w.s.respondToAuthChallenge, &cognitoidp.RespondToAuthChallengeInput{
		ClientId: str(cl), ChallengeName: asked.ChallengeName, Session: asked.Session, ChallengeResponses: map[string]string{"USERNAME": "alice", "NEW_PASSWORD": "An0ther!pass"},
	})
	if asked.ChallengeName.V != "CUSTOM_CHALLENGE" {
		t.Fatalf("%+v", asked)
	}
	if out := must(w, w.s.respondToAuthChallenge, customAnswer(cl, "alice", asked.Session.V, "5")); out.AuthenticationResult == nil {
		t.Fatalf("%+v", out)
	}
}

// FuzzCustomAnswers: whatever a function answers, it is either refused or within the contract.
func FuzzCustomAnswers(f *testing.F) {
	for _, seed := range []string{`{}`, `{"response":{"challengeName":"CUSTOM_CHALLENGE"}}`, `{"response":{"issueTokens":"true"}}`, `{"response":{"answerCorrect":true,"publicChallengeParameters":{"a":null}}}`, `{"response":{"claimsAndScopeOverrideDetails":{"accessTokenGeneration":{"scopesToAdd":["a b"]}}}}`, `null`, `[]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		var e event
		if json.Unmarshal(answer, &e) != nil {
			return
		}
		var d definition
		var c creation
		var v verification
		for _, into := range []any{&d, &c, &v} {
			if err := readAnswer("a trigger", e.Response, into); err != nil {
				wantFault(t, err, "InvalidLambdaResponseException", "Unrecognizable lambda output")
			}
		}
		for _, version := range []string{"1", "2"} {
			o, err := readOverride("a trigger", version, e.Response)
			if err != nil {
				continue
			}
			id := o.idToken(map[string]any{"sub": "me", "aud": "app", "exp": 1})
			access := o.accessToken(map[string]any{"sub": "me", "client_id": "app", "scope": selfScope, "username": "alice"})
			scope, _ := access["scope"].(string)
			ours := 0
			for _, name := range strings.Fields(scope) {
				if strings.HasPrefix(name, "aws.cognito.") {
					ours++
				}
			}
			if id["sub"] != "me" || id["aud"] != "app" || id["exp"] != 1 || access["sub"] != "me" || access["client_id"] != "app" || access["username"] != "alice" ||
				access["aud"] != nil && access["aud"] != "app" || ours > 1 {
				t.Errorf("%s made of the tokens %v and %v", answer, id, access)
			}
		}
	})
}
