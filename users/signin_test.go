package users

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/wire"
)

// offer starts USER_SRP_AUTH and returns the parameters of the challenge.
func (w *world) offer(clientID, name string, k *srpClient) map[string]string {
	w.t.Helper()
	return must(w, w.s.initiateAuth, &cognitoidp.InitiateAuthInput{
		ClientId: str(clientID), AuthFlow: str("USER_SRP_AUTH"), AuthParameters: map[string]string{"USERNAME": name, "SRP_A": k.A.Text(16)},
	}).ChallengeParameters
}

func respond(clientID string, answer map[string]string) *cognitoidp.RespondToAuthChallengeInput {
	return &cognitoidp.RespondToAuthChallengeInput{ClientId: str(clientID), ChallengeName: str("PASSWORD_VERIFIER"), ChallengeResponses: answer}
}

func with(m map[string]string, name, v string) map[string]string {
	m = maps.Clone(m)
	m[name] = v
	return m
}

func TestSRPAnswerRefused(t *testing.T) {
	w := newWorld(t)
	p := w.pool()
	cl, other := w.client(p), w.client(p)
	foreign := w.client(w.pool())
	w.member(cl, "alice")
	w.member(cl, "bob")
	for _, c := range []struct {
		name          string
		spoil         func(map[string]string) (clientID string, answer map[string]string)
		code, message string
	}{
		{"wrong proof", func(a map[string]string) (string, map[string]string) {
			return cl, with(a, "PASSWORD_CLAIM_SIGNATURE", "AAAA")
		}, "NotAuthorizedException", "Incorrect username or password."},
		{"proof not base64", func(a map[string]string) (string, map[string]string) {
			return cl, with(a, "PASSWORD_CLAIM_SIGNATURE", "§")
		}, "NotAuthorizedException", "Incorrect username or password."},
		{"other timestamp than signed", func(a map[string]string) (string, map[string]string) {
			return cl, with(a, "TIMESTAMP", "Sat Jan 3 03:04:05 UTC 2026")
		}, "NotAuthorizedException", "Incorrect username or password."},
		{"timestamp of another form", func(a map[string]string) (string, map[string]string) {
			return cl, with(a, "TIMESTAMP", "2026-01-02T03:04:05Z")
		}, "InvalidParameterException", "TIMESTAMP format should be"},
		{"another client of the pool", func(a map[string]string) (string, map[string]string) { return other, a }, "NotAuthorizedException", "Invalid session for the user"},
		{"a client of another pool", func(a map[string]string) (string, map[string]string) { return foreign, a }, "NotAuthorizedException", "Invalid session for the user"},
		{"another user", func(a map[string]string) (string, map[string]string) { return cl, with(a, "USERNAME", "bob") }, "NotAuthorizedException", "Invalid session for the user"},
		{"no user", func(a map[string]string) (string, map[string]string) { return cl, with(a, "USERNAME", "") }, "InvalidParameterException", "Missing required parameter USERNAME"},
		{"no block", func(a map[string]string) (string, map[string]string) {
			return cl, with(a, "PASSWORD_CLAIM_SECRET_BLOCK", "")
		}, "InvalidParameterException", "Missing required parameter PASSWORD_CLAIM_SECRET_BLOCK"},
		{"block not base64", func(a map[string]string) (string, map[string]string) {
			return cl, with(a, "PASSWORD_CLAIM_SECRET_BLOCK", "!")
		}, "NotAuthorizedException", "Incorrect username or password."},
		{"changed block", func(a map[string]string) (string, map[string]string) {
			b, _ := base64.StdEncoding.DecodeString(a["PASSWORD_CLAIM_SECRET_BLOCK"])
			b[len(b)/2] ^= 1
			return cl, with(a, "PASSWORD_CLAIM_SECRET_BLOCK", base64.StdEncoding.EncodeToString(b))
		}, "NotAuthorizedException", "Invalid session for the user"},
		{"late", func(a map[string]string) (string, map[string]string) {
			w.wait(challengeLife + time.Second)
			return cl, a
		}, "NotAuthorizedException", "Invalid session for the user, session is expired."},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.wait(longestWait)
			k := newSRPClient()
			id, answer := c.spoil(k.answer(p, w.offer(cl, "alice", k), good, aTimestamp))
			_, err := w.s.respondToAuthChallenge(w.call(), respond(id, answer))
			wantFault(t, err, c.code, c.message)
		})
	}
}

func TestChallengeIsAnsweredOnce(t *testing.T) {
	w := newWorld(t)
	p := w.pool()
	cl := w.client(p)
	w.member(cl, "alice")
	k := newSRPClient()
	answer := k.answer(p, w.offer(cl, "alice", k), good, aTimestamp)
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() { _, errs[i] = w.s.respondToAuthChallenge(w.call(), respond(cl, answer)) })
	}
	wg.Wait()
	good := 0
	for _, err := range errs {
		if err == nil {
			good++
			continue
		}
		wantFault(t, err, "NotAuthorizedException", "Invalid session for the user, session can only be used once.")
	}
	if good != 1 {
		t.Fatalf("%d of %d answers were taken", good, len(errs))
	}
	k = newSRPClient()
	right := k.answer(p, w.offer(cl, "alice", k), "Passw0rd!", aTimestamp)
	refused(w, w.s.respondToAuthChallenge, respond(cl, with(right, "PASSWORD_CLAIM_SIGNATURE", "AAAA")), "NotAuthorizedException", "Incorrect username or password.")
	refused(w, w.s.respondToAuthChallenge, respond(cl, right), "NotAuthorizedException", "session can only be used once.")
}

func TestPasswordChangedDuringSignIn(t *testing.T) {
	w := newWorld(t)
	p := w.pool()
	cl := w.client(p)
	w.member(cl, "alice")
	k := newSRPClient()
	answer := k.answer(p, w.offer(cl, "alice", k), good, aTimestamp)
	must(w, w.s.adminSetUserPassword, &cognitoidp.AdminSetUserPasswordInput{UserPoolId: str(p), Username: str("alice"), Password: str("An0ther!pass"), Permanent: wire.Some(true)})
	refused(w, w.s.respondToAuthChallenge, respond(cl, answer), "NotAuthorizedException", "Incorrect username or password.")
}

func TestSRPParametersRefused(t *testing.T) {
	w := newWorld(t)
	cl := w.client(w.pool())
	w.member(cl, "alice")
	for _, a := range []string{"0", prime.Text(16), new(big.Int).Mul(prime, big.NewInt(2)).Text(16), "xyz", strings.Repeat("a", 5000)} {
		refused(w, w.s.initiateAuth, &cognitoidp.InitiateAuthInput{ClientId: str(cl), AuthFlow: str("USER_SRP_AUTH"), AuthParameters: map[string]string{"USERNAME": "alice", "SRP_A": a}},
			"InvalidParameterException", "SRP_A")
	}
	for _, given := range []map[string]string{nil, {"USERNAME": "alice"}, {"SRP_A": "2"}} {
		refused(w, w.s.initiateAuth, &cognitoidp.InitiateAuthInput{ClientId: str(cl), AuthFlow: str("USER_SRP_AUTH"), AuthParameters: given}, "InvalidParameterException", "Missing required parameter")
	}
}

func TestUnknownUsersLookLikeKnownOnes(t *testing.T) {
	w := newWorld(t)
	p := w.pool()
	cl, open := w.client(p, hiding), w.client(p)
	w.member(cl, "alice")

	k := newSRPClient()
	known, ghost := w.offer(cl, "alice", k), w.offer(cl, "nobody", k)
	for name := range known {
		if _, there := ghost[name]; !there {
			t.Errorf("no %s for an unknown user", name)
		}
	}
	if len(known["SECRET_BLOCK"])-len(ghost["SECRET_BLOCK"]) > 8 || len(ghost["SECRET_BLOCK"])-len(known["SECRET_BLOCK"]) > 8 {
		t.Errorf("blocks of %d and %d", len(known["SECRET_BLOCK"]), len(ghost["SECRET_BLOCK"]))
	}
	if again := w.offer(cl, "nobody", k); again["SALT"] != ghost["SALT"] || again["SRP_B"] == ghost["SRP_B"] || len(ghost["SALT"]) != 32 || ghost["USER_ID_FOR_SRP"] != "nobody" {
		t.Errorf("%v then %v", ghost, again)
	}
	// Both are refused alike, and locked out alike.
	for i := range 9 {
		_, known := w.srp(p, cl, "alice", "wrong")
		_, ghost := w.srp(p, cl, "nobody", "wrong")
		if known == nil || ghost == nil || faultText(known) != faultText(ghost) {
			t.Fatalf("try %d: %v, %v", i, known, ghost)
		}
	}
	w.wait(longestWait)
	// Forgotten passwords, too.
	for _, name := range []string{"alice", "nobody"} {
		reset := &cognitoidp.ConfirmForgotPasswordInput{ClientId: str(cl), Username: str(name), ConfirmationCode: str("12345"), Password: str(good)}
		refused(w, w.s.confirmForgotPassword, reset, "ExpiredCodeException", "Invalid code provided")
		if d := must(w, w.s.forgotPassword, &cognitoidp.ForgotPasswordInput{ClientId: str(cl), Username: str(name)}).CodeDeliveryDetails; d.DeliveryMedium.V != "EMAIL" || len(d.Destination.V) != len("a***@e***") {
			t.Fatalf("%+v", d)
		}
		for range triesPerCode {
			refused(w, w.s.confirmForgotPassword, reset, "CodeMismatchException", "Invalid verification code")
		}
		refused(w, w.s.confirmForgotPassword, reset, "ExpiredCodeException", "Invalid code provided")
	}
	// Confirming and asking for codes, of one confirmed and one unknown.
	for _, name := range []string{"alice", "nobody"} {
		refused(w, w.s.confirmSignUp, &cognitoidp.ConfirmSignUpInput{ClientId: str(cl), Username: str(name), ConfirmationCode: str("123456")}, "ExpiredCodeException", "Invalid code provided")
		must(w, w.s.resendConfirmationCode, &cognitoidp.ResendConfirmationCodeInput{ClientId: str(cl), Username: str(name)})
		refused(w, w.s.confirmSignUp, &cognitoidp.ConfirmSignUpInput{ClientId: str(cl), Username: str(name), ConfirmationCode: str("12345")}, "CodeMismatchException", "Invalid verification code")
	}
	if n := len(w.sent); n != 2 {
		t.Fatalf("%d messages", n)
	}
	refused(w, w.s.initiateAuth, passwordAuth(open, "nobody", good), "UserNotFoundException", "User does not exist.")
	refused(w, w.s.initiateAuth, passwordAuth(cl, "nobody", good), "NotAuthorizedException", "Incorrect username or password.")
}

func faultText(err error) string {
	var f wire.Fault
	if !errors.As(err, &f) {
		return "internal: " + err.Error()
	}
	code, _, message := f.Fault()
	return code + " " + message
}

func TestLockout(t *testing.T) {
	w := newWorld(t)
	p := w.pool()
	cl := w.client(p)
	w.member(cl, "alice")
	for range freeFailures {
		refused(w, w.s.initiateAuth, passwordAuth(cl, "alice", "wrong"), "NotAuthorizedException", "Incorrect username or password.")
	}
	refused(w, w.s.initiateAuth, passwordAuth(cl, "alice", good), "NotAuthorizedException", "Password attempts exceeded")
	w.wait(time.Second)
	refused(w, w.s.initiateAuth, passwordAuth(cl, "alice", "wrong"), "NotAuthorizedException", "Incorrect username or password.")
	w.wait(time.Second)
	refused(w, w.s.initiateAuth, passwordAuth(cl, "alice", good), "NotAuthorizedException", "Password attempts exceeded")
	w.wait(2 * time.Second)
	must(w, w.s.initiateAuth, passwordAuth(cl, "alice", good))
	for range freeFailures { // a right password starts the count anew
		refused(w, w.s.initiateAuth, passwordAuth(cl, "alice", "wrong"), "NotAuthorizedException", "Incorrect username or password.")
	}
}

func TestGuessesAtOnceAreAllCounted(t *testing.T) {
	w := newWorld(t)
	p := w.pool()
	cl := w.client(p)
	w.member(cl, "alice")
	var wg sync.WaitGroup
	errs := make([]error, 24)
	for i := range errs {
		wg.Go(func() { _, errs[i] = w.s.initiateAuth(w.call(), passwordAuth(cl, "alice", "wrong")) })
	}
	wg.Wait()
	wrong := 0
	for _, err := range errs {
		if strings.Contains(faultText(err), "Incorrect username or password.") {
			wrong++
		}
	}
	if wrong > freeFailures {
		t.Fatalf("%d guesses were answered", wrong)
	}
}

func TestFlowsMustBeEnabled(t *testing.T) {
	w := newWorld(t)
	p := w.pool()
	bare := w.client(p, func(in *cognitoidp.CreateUserPoolClientInput) { in.ExplicitAuthFlows = nil })
	none := w.client(p, func(in *cognitoidp.CreateUserPoolClientInput) { in.ExplicitAuthFlows = []string{"ALLOW_CUSTOM_AUTH"} })
	old := w.client(p, func(in *cognitoidp.CreateUserPoolClientInput) {
		in.ExplicitAuthFlows = []string{"ADMIN_NO_SRP_AUTH", "USER_PASSWORD_AUTH"}
	})
	w.member(bare, "alice")
	w.signIn(p, bare, "alice")
	w.signIn(p, old, "alice")
	must(w, w.s.initiateAuth, passwordAuth(old, "alice", good))
	refused(w, w.s.initiateAuth, passwordAuth(bare, "alice", good), "InvalidParameterException", "USER_PASSWORD_AUTH flow not enabled for this client")
	_, err := w.srp(p, none, "alice", good)
	wantFault(t, err, "InvalidParameterException", "USER_SRP_AUTH is not enabled for the client.")
	for flow, message := range map[string]string{
		"ADMIN_NO_SRP_AUTH": "Initiate Auth method not supported.", "ADMIN_USER_PASSWORD_AUTH": "Initiate Auth method not supported.",
		"CUSTOM_AUTH": "Custom auth lambda trigger is not configured for the user pool.", "USER_AUTH": "USER_AUTH is not enabled", "REFRESH_TOKEN_AUTH": "Auth flow not enabled for this client",
	} {
		refused(w, w.s.initiateAuth, &cognitoidp.InitiateAuthInput{ClientId: str(none), AuthFlow: str(flow), AuthParameters: map[string]string{"USERNAME": "alice", "REFRESH_TOKEN": "x"}}, "InvalidParameterException", message)
	}
	admin := &cognitoidp.AdminInitiateAuthInput{UserPoolId: str(p), ClientId: str(bare), AuthFlow: str("ADMIN_NO_SRP_AUTH"), AuthParameters: map[string]string{"USERNAME": "alice", "PASSWORD": good}}
	refused(w, w.s.adminInitiateAuth, admin, "InvalidParameterException", "Auth flow not enabled for this client")
	admin.ClientId = str(old)
	if out := must(w, w.s.adminInitiateAuth, admin); out.AuthenticationResult == nil {
		t.Fatalf("%+v", out)
	}
	admin.UserPoolId = str(w.pool())
	refused(w, w.s.adminInitiateAuth, admin, "ResourceNotFoundException", "does not exist.")
	for _, name := range []string{"ADMIN_NO_SRP_AUTH", "NONE"} {
		refused(w, w.s.respondToAuthChallenge, &cognitoidp.RespondToAuthChallengeInput{ClientId: str(old), ChallengeName: str(name), ChallengeResponses: map[string]string{"USERNAME": "alice"}}, "InvalidParameterException", "not supported")
	}
}

func TestSecretHash(t *testing.T) {
	w := newWorld(t)
	p := w.pool()
	made := must(w, w.s.createUserPoolClient, &cognitoidp.CreateUserPoolClientInput{
		UserPoolId: str(p), ClientName: str("web"), GenerateSecret: wire.Some(true), ExplicitAuthFlows: []string{"ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"},
	}).UserPoolClient
	cl, secret := made.ClientId.V, made.ClientSecret.V
	hash := func(name string) string {
		return base64.StdEncoding.EncodeToString(mac([]byte(secret), []byte(name+cl)))
	}
	up := &cognitoidp.SignUpInput{ClientId: str(cl), Username: str("alice"), Password: str(good), UserAttributes: attr("email", "a@example.com")}
	refused(w, w.s.signUp, up, "NotAuthorizedException", "Client "+cl+" is configured with secret but SECRET_HASH was not received")
	up.SecretHash = str(hash("bob"))
	refused(w, w.s.signUp, up, "NotAuthorizedException", "Unable to verify secret hash for client "+cl)
	up.SecretHash = str(hash("alice"))
	must(w, w.s.signUp, up)
	must(w, w.s.adminConfirmSignUp, &cognitoidp.AdminConfirmSignUpInput{UserPoolId: str(p), Username: str("alice")})
	in := passwordAuth(cl, "alice", good)
	refused(w, w.s.initiateAuth, in, "NotAuthorizedException", "SECRET_HASH was not received")
	in.AuthParameters["SECRET_HASH"] = hash("alice")
	tokens := must(w, w.s.initiateAuth, in).AuthenticationResult

	renew := &cognitoidp.InitiateAuthInput{ClientId: str(cl), AuthFlow: str("REFRESH_TOKEN_AUTH"), AuthParameters: map[string]string{"REFRESH_TOKEN": tokens.RefreshToken.V}}
	refused(w, w.s.initiateAuth, renew, "NotAuthorizedException", "SECRET_HASH was not received")
	renew.AuthParameters["SECRET_HASH"] = hash("alice")
	must(w, w.s.initiateAuth, renew)
	get := &cognitoidp.GetTokensFromRefreshTokenInput{ClientId: str(cl), RefreshToken: tokens.RefreshToken}
	refused(w, w.s.getTokensFromRefreshToken, get, "NotAuthorizedException", "Invalid client secret")
	get.ClientSecret = str(secret)
	must(w, w.s.getTokensFromRefreshToken, get)

	public := w.client(p)
	in = passwordAuth(public, "alice", good)
	in.AuthParameters["SECRET_HASH"] = hash("alice")
	refused(w, w.s.initiateAuth, in, "NotAuthorizedException", "Unable to verify secret hash")
}

func TestNewPasswordRequired(t *testing.T) {
	w := newWorld(t)
	p := w.pool(func(in *cognitoidp.CreateUserPoolInput) {
		in.Schema = []cognitoidp.SchemaAttributeType{{Name: str("name"), Required: wire.Some(true), Mutable: wire.Some(true)}}
	})
	cl := w.client(p)
	made := must(w, w.s.adminCreateUser, &cognitoidp.AdminCreateUserInput{UserPoolId: str(p), Username: str("dora"), UserAttributes: attr("email", "d@example.com", "email_verified", "true")})
	if made.User.UserStatus.V != "FORCE_CHANGE_PASSWORD" {
		t.Fatalf("%+v", made.User)
	}
	temporary := w.lastCode()
	if m := w.sent[0]; m.Kind != "AdminCreateUser" || !strings.Contains(m.Body, "dora") || !strings.Contains(m.Body, temporary) {
		t.Fatalf("%+v", m)
	}
	out, err := w.srp(p, cl, "dora", temporary)
	if err != nil {
		t.Fatal(err)
	}
	var attributes map[string]string
	var required []string
	if json.Unmarshal([]byte(out.ChallengeParameters["userAttributes"]), &attributes) != nil || json.Unmarshal([]byte(out.ChallengeParameters["requiredAttributes"]), &required) != nil {
		t.Fatalf("%v", out.ChallengeParameters)
	}
	if out.ChallengeName.V != "NEW_PASSWORD_REQUIRED" || attributes["email"] != "d@example.com" || len(required) != 1 || required[0] != "userAttributes.name" {
		t.Fatalf("%+v", out)
	}
	in := func(session, password, name string) *cognitoidp.RespondToAuthChallengeInput {
		return &cognitoidp.RespondToAuthChallengeInput{ClientId: str(cl), ChallengeName: str("NEW_PASSWORD_REQUIRED"), Session: str(session), ChallengeResponses: map[string]string{
			"USERNAME": "dora", "NEW_PASSWORD": password, "userAttributes.name": name,
		}}
	}
	session := out.Session.V
	refused(w, w.s.respondToAuthChallenge, in("AAAAAAAAAAAAAAAAAAAAAAAA", good, "Dora"), "NotAuthorizedException", "Invalid session for the user, session is expired.")
	refused(w, w.s.respondToAuthChallenge, in(session, "weak", "Dora"), "InvalidPasswordException", "not long enough")
	refused(w, w.s.respondToAuthChallenge, in(session, good, ""), "InvalidParameterException", "name: The attribute is required")
	verified := in(session, good, "Dora")
	verified.ChallengeResponses["userAttributes.email_verified"] = "true"
	refused(w, w.s.respondToAuthChallenge, verified, "NotAuthorizedException", "A client attempted to write unauthorized attribute")
	done := must(w, w.s.respondToAuthChallenge, in(session, good, "Dora"))
	if claimsOf(t, done.AuthenticationResult.IdToken.V)["name"] != "Dora" {
		t.Fatalf("%+v", done)
	}
	refused(w, w.s.respondToAuthChallenge, in(session, "0therPass!", "Dora"), "NotAuthorizedException", "session can only be used once.")
	w.signIn(p, cl, "dora")

	must(w, w.s.adminSetUserPassword, &cognitoidp.AdminSetUserPasswordInput{UserPoolId: str(p), Username: str("dora"), Password: str("Temp0rary!")})
	w.wait(8 * 24 * time.Hour)
	_, err = w.srp(p, cl, "dora", "Temp0rary!")
	wantFault(t, err, "NotAuthorizedException", "Temporary password has expired and must be reset by an administrator.")
}

// Who got hold of the first invitation and waits loses to the second: it is sent again for a reason.
func TestNewInvitationEndsOldSessions(t *testing.T) {
	w := newWorld(t)
	p := w.pool()
	cl := w.client(p)
	invite := &cognitoidp.AdminCreateUserInput{UserPoolId: str(p), Username: str("dora"), UserAttributes: attr("email", "d@example.com")}
	must(w, w.s.adminCreateUser, invite)
	old, err := w.srp(p, cl, "dora", w.lastCode())
	if err != nil {
		t.Fatal(err)
	}
	invite.MessageAction = str("RESEND")
	must(w, w.s.adminCreateUser, invite)
	answer := func(session string) *cognitoidp.RespondToAuthChallengeInput {
		return &cognitoidp.RespondToAuthChallengeInput{ClientId: str(cl), ChallengeName: str("NEW_PASSWORD_REQUIRED"), Session: str(session), ChallengeResponses: map[string]string{
			"USERNAME": "dora", "NEW_PASSWORD": good,
		}}
	}
	refused(w, w.s.respondToAuthChallenge, answer(old.Session.V), "NotAuthorizedException", "Invalid session for the user")
	now, err := w.srp(p, cl, "dora", w.lastCode())
	if err != nil {
		t.Fatal(err)
	}
	must(w, w.s.respondToAuthChallenge, answer(now.Session.V))
}

func TestStatusIsCheckedAfterThePassword(t *testing.T) {
	w := newWorld(t)
	p := w.pool()
	cl := w.client(p)
	w.member(cl, "alice")
	must(w, w.s.adminResetUserPassword, &cognitoidp.AdminResetUserPasswordInput{UserPoolId: str(p), Username: str("alice")})
	refused(w, w.s.initiateAuth, passwordAuth(cl, "alice", "wrong"), "NotAuthorizedException", "Incorrect username or password.")
	refused(w, w.s.initiateAuth, passwordAuth(cl, "alice", good), "PasswordResetRequiredException", "Password reset required for the user")
	must(w, w.s.adminDisableUser, &cognitoidp.AdminDisableUserInput{UserPoolId: str(p), Username: str("alice")})
	refused(w, w.s.initiateAuth, passwordAuth(cl, "alice", "wrong"), "NotAuthorizedException", "Incorrect username or password.")
	refused(w, w.s.initiateAuth, passwordAuth(cl, "alice", good), "NotAuthorizedException", "User is disabled.")
}

func TestSecretsAreSealedAtRest(t *testing.T) {
	w := newWorld(t)
	p := w.pool()
	made := must(w, w.s.createUserPoolClient, &cognitoidp.CreateUserPoolClientInput{UserPoolId: str(p), ClientName: str("web"), GenerateSecret: wire.Some(true)})
	cl := w.client(p)
	w.member(cl, "alice")
	must(w, w.s.forgotPassword, &cognitoidp.ForgotPasswordInput{ClientId: str(cl), Username: str("alice")})
	tokens := w.signIn(p, cl, "alice")
	k := newSRPClient()
	salt := w.offer(cl, "alice", k)["SALT"]
	saltBytes := fromHex(salt).Bytes()
	secrets := []string{good, made.UserPoolClient.ClientSecret.V, tokens.RefreshToken.V, tokens.AccessToken.V, string(saltBytes), base64.StdEncoding.EncodeToString(saltBytes), "PRIVATE KEY", `"` + w.lastCode() + `"`}
	rows := 0
	err := w.s.cfg.DB.View(w.ctx, func(tx *kv.Tx) error {
		return tx.Scan(kv.Range{From: kv.Key{0}}, func(_ kv.Key, v []byte) bool {
			rows++
			for _, secret := range secrets {
				if strings.Contains(string(v), secret) {
					t.Errorf("%q is kept in the clear in %s", secret, v)
				}
			}
			return true
		})
	})
	if err != nil || rows < 8 {
		t.Fatalf("%d rows, %v", rows, err)
	}
}
