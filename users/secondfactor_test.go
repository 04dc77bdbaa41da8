package users

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/otp"
	"bothy/wire"
)

// secure makes a pool that has the second factors, and a client of it.
func (w *world) secure(use string, factors ...string) (poolID, clientID string) {
	w.t.Helper()
	p := w.pool()
	in := &cognitoidp.SetUserPoolMfaConfigInput{UserPoolId: str(p), MfaConfiguration: str(use)}
	for _, f := range factors {
		switch f {
		case smsMFA:
			in.SmsMfaConfiguration = &cognitoidp.SmsMfaConfigType{SmsAuthenticationMessage: str("Sign in with {####}"), SmsConfiguration: &cognitoidp.SmsConfigurationType{SnsCallerArn: str("arn:aws:iam::123456789012:role/sms")}}
		case softwareTokenMFA:
			in.SoftwareTokenMfaConfiguration = &cognitoidp.SoftwareTokenMfaConfigType{Enabled: wire.Some(true)}
		case emailOTP:
			in.EmailMfaConfiguration = &cognitoidp.EmailMfaConfigType{Message: str("Mailed: {####}"), Subject: str("Sign in")}
		}
	}
	must(w, w.s.setUserPoolMfaConfig, in)
	return p, w.client(p)
}

// person makes a confirmed user with a verified e-mail address and phone number.
func (w *world) person(poolID, name string) {
	w.t.Helper()
	must(w, w.s.adminCreateUser, &cognitoidp.AdminCreateUserInput{UserPoolId: str(poolID), Username: str(name), MessageAction: str("SUPPRESS"), UserAttributes: attr(
		"email", name+"@example.com", "email_verified", "true", "phone_number", "+15555550123", "phone_number_verified", "true")})
	must(w, w.s.adminSetUserPassword, &cognitoidp.AdminSetUserPasswordInput{UserPoolId: str(poolID), Username: str(name), Password: str(good), Permanent: wire.Some(true)})
}

// turnOn has an operator turn second factors on; the first is preferred when prefer says so.
func (w *world) turnOn(poolID, name string, prefer bool, factors ...string) {
	w.t.Helper()
	in := &cognitoidp.AdminSetUserMFAPreferenceInput{UserPoolId: str(poolID), Username: str(name)}
	for i, f := range factors {
		on, first := wire.Some(true), wire.Some(prefer && i == 0)
		switch f {
		case smsMFA:
			in.SMSMfaSettings = &cognitoidp.SMSMfaSettingsType{Enabled: on, PreferredMfa: first}
		case softwareTokenMFA:
			in.SoftwareTokenMfaSettings = &cognitoidp.SoftwareTokenMfaSettingsType{Enabled: on, PreferredMfa: first}
		case emailOTP:
			in.EmailMfaSettings = &cognitoidp.EmailMfaSettingsType{Enabled: on, PreferredMfa: first}
		}
	}
	must(w, w.s.adminSetUserMFAPreference, in)
}

// asked is the answer to a right password.
func (w *world) asked(clientID, name string) *cognitoidp.InitiateAuthOutput {
	w.t.Helper()
	return must(w, w.s.initiateAuth, passwordAuth(clientID, name, good))
}

// challenged signs in by password and wants to be asked for the challenge.
func (w *world) challenged(clientID, name, challenge string) *cognitoidp.InitiateAuthOutput {
	w.t.Helper()
	out := w.asked(clientID, name)
	if out.ChallengeName.V != challenge || out.AuthenticationResult != nil || out.Session.V == "" {
		w.t.Fatalf("asked for %q, want %s: %+v", out.ChallengeName.V, challenge, out)
	}
	return out
}

func answer(clientID, challenge, session string, pairs ...string) *cognitoidp.RespondToAuthChallengeInput {
	in := &cognitoidp.RespondToAuthChallengeInput{ClientId: str(clientID), ChallengeName: str(challenge), Session: str(session), ChallengeResponses: map[string]string{"USERNAME": "alice"}}
	for i := 0; i < len(pairs); i += 2 {
		in.ChallengeResponses[pairs[i]] = pairs[i+1]
	}
	return in
}

// enters answers and wants tokens.
func (w *world) enters(in *cognitoidp.RespondToAuthChallengeInput) *cognitoidp.AuthenticationResultType {
	w.t.Helper()
	out := must(w, w.s.respondToAuthChallenge, in)
	if out.AuthenticationResult == nil {
		w.t.Fatalf("still asked for %s", out.ChallengeName.V)
	}
	return out.AuthenticationResult
}

// app gives alice an authenticator app by her access token, and returns its secret.
func (w *world) app(token string) string {
	w.t.Helper()
	secret := must(w, w.s.associateSoftwareToken, &cognitoidp.AssociateSoftwareTokenInput{AccessToken: str(token)}).SecretCode.V
	must(w, w.s.verifySoftwareToken, &cognitoidp.VerifySoftwareTokenInput{AccessToken: str(token), UserCode: str(w.code(secret, 0))})
	must(w, w.s.setUserMFAPreference, &cognitoidp.SetUserMFAPreferenceInput{AccessToken: str(token), SoftwareTokenMfaSettings: &cognitoidp.SoftwareTokenMfaSettingsType{Enabled: wire.Some(true), PreferredMfa: wire.Some(true)}})
	return secret
}

// withApp is a pool with everything in which alice has an authenticator app.
func (w *world) withApp() (p, cl, secret string) {
	w.t.Helper()
	p, cl = w.secure("OPTIONAL", smsMFA, softwareTokenMFA, emailOTP)
	w.person(p, "alice")
	secret = w.app(w.signIn(p, cl, "alice").AccessToken.V)
	w.wait(time.Minute)
	return p, cl, secret
}

func TestSMSAndEmailAsSecondFactor(t *testing.T) {
	for _, c := range []struct{ challenge, field, medium, to, masked, body string }{
		{smsMFA, "SMS_MFA_CODE", "SMS", "+15555550123", "+*******0123", "Sign in with "},
		{emailOTP, "EMAIL_OTP_CODE", "EMAIL", "alice@example.com", "a***@e***", "Mailed: "},
	} {
		t.Run(c.challenge, func(t *testing.T) {
			w := newWorld(t)
			p, cl := w.secure("OPTIONAL", smsMFA, emailOTP)
			w.person(p, "alice")
			w.signIn(p, cl, "alice") // nothing is on yet
			w.turnOn(p, "alice", false, c.challenge)
			ask := w.challenged(cl, "alice", c.challenge)
			if ask.ChallengeParameters["CODE_DELIVERY_DELIVERY_MEDIUM"] != c.medium || ask.ChallengeParameters["CODE_DELIVERY_DESTINATION"] != c.masked {
				t.Fatalf("%v", ask.ChallengeParameters)
			}
			m := w.sent[len(w.sent)-1]
			if m.Kind != "Authentication" || m.To != c.to || m.Body != c.body+m.Code {
				t.Fatalf("%+v", m)
			}
			tokens := w.enters(answer(cl, c.challenge, ask.Session.V, c.field, w.lastCode()))
			me := must(w, w.s.getUser, &cognitoidp.GetUserInput{AccessToken: tokens.AccessToken})
			if !slices.Equal(me.UserMFASettingList, []string{c.challenge}) {
				t.Fatalf("%+v", me)
			}
			refused(w, w.s.respondToAuthChallenge, answer(cl, c.challenge, ask.Session.V, c.field, w.lastCode()), "NotAuthorizedException", "session can only be used once.")
		})
	}
}

func TestCodeLivesAsLongAsItsSession(t *testing.T) {
	w := newWorld(t)
	p, _ := w.secure("OPTIONAL", smsMFA)
	cl := w.client(p, func(in *cognitoidp.CreateUserPoolClientInput) { in.AuthSessionValidity = wire.Some[int32](10) })
	w.person(p, "alice")
	w.turnOn(p, "alice", false, smsMFA)
	ask := w.challenged(cl, "alice", smsMFA)
	w.wait(9 * time.Minute)
	w.enters(answer(cl, smsMFA, ask.Session.V, "SMS_MFA_CODE", w.lastCode()))
	ask = w.challenged(cl, "alice", smsMFA)
	w.wait(11 * time.Minute)
	refused(w, w.s.respondToAuthChallenge, answer(cl, smsMFA, ask.Session.V, "SMS_MFA_CODE", w.lastCode()), "NotAuthorizedException", "session is expired.")
	fresh := w.challenged(cl, "alice", smsMFA)
	old := w.lastCode()
	again := w.challenged(cl, "alice", smsMFA)
	if w.lastCode() != old { // but for one in 10^6
		refused(w, w.s.respondToAuthChallenge, answer(cl, smsMFA, fresh.Session.V, "SMS_MFA_CODE", old), "CodeMismatchException", "Invalid code or auth state for the user.")
	}
	w.enters(answer(cl, smsMFA, again.Session.V, "SMS_MFA_CODE", w.lastCode()))
}

func TestAuthenticatorApp(t *testing.T) {
	w := newWorld(t)
	p, cl, secret := w.withApp()
	ask := w.challenged(cl, "alice", softwareTokenMFA)
	code := w.code(secret, 0)
	w.enters(answer(cl, softwareTokenMFA, ask.Session.V, "SOFTWARE_TOKEN_MFA_CODE", code, "SMS_MFA_CODE", code)) // clients send both
	again := w.challenged(cl, "alice", softwareTokenMFA)
	for _, steps := range []int64{0, -1} {
		refused(w, w.s.respondToAuthChallenge, answer(cl, softwareTokenMFA, again.Session.V, "SOFTWARE_TOKEN_MFA_CODE", w.code(secret, steps)), "ExpiredCodeException", "already been used once")
	}
	refused(w, w.s.respondToAuthChallenge, answer(cl, softwareTokenMFA, again.Session.V, "SMS_MFA_CODE", w.code(secret, 1)), "InvalidParameterException", "Missing required parameter SOFTWARE_TOKEN_MFA_CODE")
	refused(w, w.s.respondToAuthChallenge, answer(cl, softwareTokenMFA, again.Session.V, "SOFTWARE_TOKEN_MFA_CODE", w.code(secret, 2)), "CodeMismatchException", "Invalid code received for user")
	w.enters(answer(cl, softwareTokenMFA, again.Session.V, "SOFTWARE_TOKEN_MFA_CODE", w.code(secret, 1)))
	w.wait(time.Minute)

	admin := must(w, w.s.adminInitiateAuth, &cognitoidp.AdminInitiateAuthInput{UserPoolId: str(p), ClientId: str(cl), AuthFlow: str("ADMIN_USER_PASSWORD_AUTH"), AuthParameters: map[string]string{"USERNAME": "alice", "PASSWORD": good}})
	if admin.ChallengeName.V != softwareTokenMFA {
		t.Fatalf("an operator's program was let in without the second factor: %+v", admin)
	}
	out, err := w.srp(p, cl, "alice", good)
	if err != nil || out.ChallengeName.V != softwareTokenMFA {
		t.Fatalf("%+v %v", out, err)
	}
	in := must(w, w.s.adminRespondToAuthChallenge, &cognitoidp.AdminRespondToAuthChallengeInput{UserPoolId: str(p), ClientId: str(cl), ChallengeName: str(softwareTokenMFA), Session: admin.Session,
		ChallengeResponses: map[string]string{"USERNAME": "alice", "SOFTWARE_TOKEN_MFA_CODE": w.code(secret, 0)}})
	if in.AuthenticationResult == nil {
		t.Fatalf("%+v", in)
	}
	w.wait(time.Minute)
	refreshed := must(w, w.s.initiateAuth, &cognitoidp.InitiateAuthInput{ClientId: str(cl), AuthFlow: str("REFRESH_TOKEN_AUTH"), AuthParameters: map[string]string{"REFRESH_TOKEN": in.AuthenticationResult.RefreshToken.V}})
	if refreshed.AuthenticationResult == nil {
		t.Fatal("a session is not renewed") // it went through both factors, or began before there was a second
	}
}

func TestChoiceOfSecondFactor(t *testing.T) {
	w := newWorld(t)
	p, cl, secret := w.withApp()
	w.turnOn(p, "alice", false, smsMFA, softwareTokenMFA, emailOTP)
	ask := w.challenged(cl, "alice", selectMFAType)
	var has []string
	if err := json.Unmarshal([]byte(ask.ChallengeParameters["MFAS_CAN_CHOOSE"]), &has); err != nil || !slices.Equal(has, secondFactors) {
		t.Fatalf("%v %v", ask.ChallengeParameters, err)
	}
	sent := len(w.sent)
	refused(w, w.s.respondToAuthChallenge, answer(cl, selectMFAType, ask.Session.V, "ANSWER", "NOMFA"), "MFAMethodNotFoundException", "")
	refused(w, w.s.respondToAuthChallenge, answer(cl, selectMFAType, ask.Session.V, "ANSWER", ""), "InvalidParameterException", "ANSWER")
	if len(w.sent) != sent {
		t.Fatal("a code was sent before the choice")
	}
	next := must(w, w.s.respondToAuthChallenge, answer(cl, selectMFAType, ask.Session.V, "ANSWER", "EMAIL_OTP"))
	refused(w, w.s.respondToAuthChallenge, answer(cl, selectMFAType, ask.Session.V, "ANSWER", "SMS_MFA"), "NotAuthorizedException", "session can only be used once.")
	if next.ChallengeName.V != emailOTP {
		t.Fatalf("%+v", next)
	}
	w.enters(answer(cl, emailOTP, next.Session.V, "EMAIL_OTP_CODE", w.lastCode()))
	w.turnOn(p, "alice", true, softwareTokenMFA)
	preferred := w.challenged(cl, "alice", softwareTokenMFA)
	w.enters(answer(cl, softwareTokenMFA, preferred.Session.V, "SOFTWARE_TOKEN_MFA_CODE", w.code(secret, 0)))
}

// TestSecondFactorIntruders has who knows the password try everything but a right code.
func TestSecondFactorIntruders(t *testing.T) {
	w := newWorld(t)
	p, cl, secret := w.withApp()
	w.person(p, "bob")
	other, foreign := w.client(p), ""
	_, foreign = w.secure("OPTIONAL", softwareTokenMFA)
	bobs := w.app(w.signIn(p, cl, "bob").AccessToken.V)
	ask := w.challenged(cl, "alice", softwareTokenMFA)
	w.wait(30 * time.Second)
	code := func() string { return w.code(secret, 0) }
	for name, c := range map[string]struct {
		in            *cognitoidp.RespondToAuthChallengeInput
		code, message string
	}{
		"session of one challenge for another":    {answer(cl, newPasswordRequired, ask.Session.V, "NEW_PASSWORD", "N3w!passw"), "NotAuthorizedException", "Invalid session"},
		"session of the app for a text message":   {answer(cl, smsMFA, ask.Session.V, "SMS_MFA_CODE", code()), "NotAuthorizedException", "Invalid session"},
		"session of the app for the set-up":       {answer(cl, mfaSetup, ask.Session.V), "NotAuthorizedException", "Invalid session"},
		"session of the app for the choice":       {answer(cl, selectMFAType, ask.Session.V, "ANSWER", smsMFA), "NotAuthorizedException", "Invalid session"},
		"another client":                          {answer(other, softwareTokenMFA, ask.Session.V, "SOFTWARE_TOKEN_MFA_CODE", code()), "NotAuthorizedException", "Invalid session"},
		"a client of another pool":                {answer(foreign, softwareTokenMFA, ask.Session.V, "SOFTWARE_TOKEN_MFA_CODE", code()), "NotAuthorizedException", "Invalid session"},
		"another user":                            {answer(cl, softwareTokenMFA, ask.Session.V, "SOFTWARE_TOKEN_MFA_CODE", w.code(bobs, 0), "USERNAME", "bob"), "NotAuthorizedException", "Invalid session"},
		"another user's code":                     {answer(cl, softwareTokenMFA, ask.Session.V, "SOFTWARE_TOKEN_MFA_CODE", w.code(bobs, 0)), "CodeMismatchException", "Invalid code received for user"},
		"no code":                                 {answer(cl, softwareTokenMFA, ask.Session.V), "InvalidParameterException", "SOFTWARE_TOKEN_MFA_CODE"},
		"a code of yesterday":                     {answer(cl, softwareTokenMFA, ask.Session.V, "SOFTWARE_TOKEN_MFA_CODE", w.code(secret, -2880)), "CodeMismatchException", "Invalid code"},
		"no session":                              {answer(cl, softwareTokenMFA, "", "SOFTWARE_TOKEN_MFA_CODE", code()), "NotAuthorizedException", "Invalid session"},
		"a changed session":                       {answer(cl, softwareTokenMFA, flipped(ask.Session.V), "SOFTWARE_TOKEN_MFA_CODE", code()), "NotAuthorizedException", "Invalid session"},
		"a device that was never asked for":       {answer(cl, deviceSRPAuth, "", "DEVICE_KEY", "us-east-1_0", "SRP_A", "2"), "NotAuthorizedException", "Invalid session"},
		"a device that the pool does not know of": {answer(cl, devicePasswordVerifier, ask.Session.V, "DEVICE_KEY", "us-east-1_0", "TIMESTAMP", aTimestamp, "PASSWORD_CLAIM_SECRET_BLOCK", ask.Session.V, "PASSWORD_CLAIM_SIGNATURE", "AAAA"), "NotAuthorizedException", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.s.respondToAuthChallenge(w.call(), c.in)
			wantFault(t, err, c.code, c.message)
		})
	}
	w.enters(answer(cl, softwareTokenMFA, ask.Session.V, "SOFTWARE_TOKEN_MFA_CODE", code()))
	refused(w, w.s.respondToAuthChallenge, answer(cl, softwareTokenMFA, ask.Session.V, "SOFTWARE_TOKEN_MFA_CODE", w.code(secret, 1)), "NotAuthorizedException", "session can only be used once.")
}

// flipped is a session with one bit changed.
func flipped(session string) string {
	b := []byte(session)
	at := len(b) / 2
	if b[at]++; !strings.Contains(alphanumeric, string(b[at])) {
		b[at] = 'A'
	}
	return string(b)
}

// TestSecondFactorMeanwhile changes the user between the challenge and the answer.
func TestSecondFactorMeanwhile(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile     func(w *world, p, token string)
		code, message string
	}{
		"disabled": {func(w *world, p, _ string) {
			must(w, w.s.adminDisableUser, &cognitoidp.AdminDisableUserInput{UserPoolId: str(p), Username: str("alice")})
		}, "NotAuthorizedException", "User is disabled."},
		"password set": {func(w *world, p, _ string) {
			must(w, w.s.adminSetUserPassword, &cognitoidp.AdminSetUserPasswordInput{UserPoolId: str(p), Username: str("alice"), Password: str("N3w!passw"), Permanent: wire.Some(true)})
		}, "NotAuthorizedException", "Invalid session"},
		"password changed": {func(w *world, _, token string) {
			must(w, w.s.changePassword, &cognitoidp.ChangePasswordInput{AccessToken: str(token), PreviousPassword: str(good), ProposedPassword: str("N3w!passw")})
		}, "NotAuthorizedException", "Invalid session"},
		"password reset": {func(w *world, p, _ string) {
			must(w, w.s.adminResetUserPassword, &cognitoidp.AdminResetUserPasswordInput{UserPoolId: str(p), Username: str("alice")})
		}, "PasswordResetRequiredException", ""},
		"deleted": {func(w *world, p, _ string) {
			must(w, w.s.adminDeleteUser, &cognitoidp.AdminDeleteUserInput{UserPoolId: str(p), Username: str("alice")})
		}, "NotAuthorizedException", "Invalid session"},
		"factor turned off": {func(w *world, p, _ string) {
			must(w, w.s.adminSetUserMFAPreference, &cognitoidp.AdminSetUserMFAPreferenceInput{UserPoolId: str(p), Username: str("alice"), SoftwareTokenMfaSettings: &cognitoidp.SoftwareTokenMfaSettingsType{}})
		}, "NotAuthorizedException", "Invalid session"},
		"factor replaced": {func(w *world, p, _ string) {
			must(w, w.s.adminSetUserMFAPreference, &cognitoidp.AdminSetUserMFAPreferenceInput{UserPoolId: str(p), Username: str("alice"),
				SoftwareTokenMfaSettings: &cognitoidp.SoftwareTokenMfaSettingsType{}, SMSMfaSettings: &cognitoidp.SMSMfaSettingsType{Enabled: wire.Some(true)}})
		}, "NotAuthorizedException", "Invalid session"},
		"method switched off": {func(w *world, p, _ string) {
			must(w, w.s.setUserPoolMfaConfig, &cognitoidp.SetUserPoolMfaConfigInput{UserPoolId: str(p), MfaConfiguration: str("OFF")})
		}, "NotAuthorizedException", "Invalid session"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			p, cl := w.secure("OPTIONAL", softwareTokenMFA, smsMFA)
			w.person(p, "alice")
			token := w.signIn(p, cl, "alice").AccessToken.V
			secret := w.app(token)
			w.wait(time.Minute)
			ask := w.challenged(cl, "alice", softwareTokenMFA)
			c.meanwhile(w, p, token)
			refused(w, w.s.respondToAuthChallenge, answer(cl, softwareTokenMFA, ask.Session.V, "SOFTWARE_TOKEN_MFA_CODE", w.code(secret, 0)), c.code, c.message)
		})
	}
}

// wrongly answers with a code that is certainly wrong.
func (w *world) wrongly(clientID, session, secret string) error {
	w.t.Helper()
	right := map[string]bool{}
	for steps := int64(-otp.Window); steps <= otp.Window; steps++ {
		right[w.code(secret, steps)] = true
	}
	guess := "000000"
	for _, g := range []string{"000001", "000002", "000003", "000004"} {
		if !right[guess] {
			break
		}
		guess = g
	}
	_, err := w.s.respondToAuthChallenge(w.call(), answer(clientID, softwareTokenMFA, session, "SOFTWARE_TOKEN_MFA_CODE", guess))
	return err
}

func TestGuessesAreBounded(t *testing.T) {
	w := newWorld(t)
	p, cl, secret := w.withApp()
	ask := w.challenged(cl, "alice", softwareTokenMFA)
	for range guessesPerSession {
		wantFault(t, w.wrongly(cl, ask.Session.V, secret), "CodeMismatchException", "Invalid code received for user")
	}
	w.wait(2 * time.Second) // the lock after the fifth is over
	refused(w, w.s.respondToAuthChallenge, answer(cl, softwareTokenMFA, ask.Session.V, "SOFTWARE_TOKEN_MFA_CODE", w.code(secret, 0)), "NotAuthorizedException", "Invalid session for the user, session is expired.")

	// A new session, and the right password before it, do not start the count of the user anew: a day of guessing has few tries.
	tries := guessesPerSession
	for end := w.now().Add(24 * time.Hour); ; tries++ {
		var row *attempts
		if err := w.s.view(w.ctx, func(tx *kv.Tx) (err error) {
			row, err = failures.Get(tx, inPool(account, p), p, secondSubject(w.sub(p, "alice")))
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if row.Until.After(end) {
			break
		}
		w.wait(max(0, row.Until.Sub(w.now())))
		ask = w.challenged(cl, "alice", softwareTokenMFA)
		wantFault(t, w.wrongly(cl, ask.Session.V, secret), "CodeMismatchException", "Invalid code received for user")
		wantFault(t, w.wrongly(cl, ask.Session.V, secret), "NotAuthorizedException", "Password attempts exceeded")
	}
	if tries > 40 || tries < 30 {
		t.Errorf("%d tries in a day", tries)
	}
	refused(w, w.s.respondToAuthChallenge, answer(cl, softwareTokenMFA, w.challenged(cl, "alice", softwareTokenMFA).Session.V, "SOFTWARE_TOKEN_MFA_CODE", w.code(secret, 0)), "NotAuthorizedException", "Password attempts exceeded")
	w.wait(2 * time.Hour)
	w.enters(answer(cl, softwareTokenMFA, w.challenged(cl, "alice", softwareTokenMFA).Session.V, "SOFTWARE_TOKEN_MFA_CODE", w.code(secret, 0)))
	w.wait(time.Minute)
	ask = w.challenged(cl, "alice", softwareTokenMFA)
	wantFault(t, w.wrongly(cl, ask.Session.V, secret), "CodeMismatchException", "") // a right code forgave all
	w.enters(answer(cl, softwareTokenMFA, ask.Session.V, "SOFTWARE_TOKEN_MFA_CODE", w.code(secret, 0)))
}

// sub is the sub of a user.
func (w *world) sub(poolID, name string) string {
	w.t.Helper()
	for _, a := range must(w, w.s.adminGetUser, &cognitoidp.AdminGetUserInput{UserPoolId: str(poolID), Username: str(name)}).UserAttributes {
		if a.Name.V == "sub" {
			return a.Value.V
		}
	}
	w.t.Fatalf("%s has no sub", name)
	return ""
}

// TestRightCodesAtOnce has a right code and its session serve once, however many answer.
func TestRightCodesAtOnce(t *testing.T) {
	w := newWorld(t)
	_, cl, secret := w.withApp()
	sessions := []string{w.challenged(cl, "alice", softwareTokenMFA).Session.V, w.challenged(cl, "alice", softwareTokenMFA).Session.V}
	code := w.code(secret, 0)
	var wg sync.WaitGroup
	var in atomic.Int32
	for i := range 8 {
		wg.Go(func() {
			out, err := w.s.respondToAuthChallenge(w.call(), answer(cl, softwareTokenMFA, sessions[i%2], "SOFTWARE_TOKEN_MFA_CODE", code))
			if err == nil && out.AuthenticationResult != nil {
				in.Add(1)
			}
		})
	}
	wg.Wait()
	if in.Load() != 1 {
		t.Fatalf("one code let in %d times", in.Load())
	}
}

func TestPreferences(t *testing.T) {
	w := newWorld(t)
	p, cl := w.secure("OPTIONAL", smsMFA, softwareTokenMFA)
	w.member(cl, "alice") // verified e-mail, no phone
	token := w.signIn(p, cl, "alice").AccessToken
	on := func(preferred bool) (*cognitoidp.SMSMfaSettingsType, *cognitoidp.SoftwareTokenMfaSettingsType, *cognitoidp.EmailMfaSettingsType) {
		yes, pref := wire.Some(true), wire.Some(preferred)
		return &cognitoidp.SMSMfaSettingsType{Enabled: yes, PreferredMfa: pref}, &cognitoidp.SoftwareTokenMfaSettingsType{Enabled: yes, PreferredMfa: pref}, &cognitoidp.EmailMfaSettingsType{Enabled: yes, PreferredMfa: pref}
	}
	sms, app, mail := on(true)
	refused(w, w.s.setUserMFAPreference, &cognitoidp.SetUserMFAPreferenceInput{AccessToken: token, SMSMfaSettings: sms}, "InvalidParameterException", "User does not have delivery config set to turn on SMS_MFA")
	refused(w, w.s.setUserMFAPreference, &cognitoidp.SetUserMFAPreferenceInput{AccessToken: token, SoftwareTokenMfaSettings: app}, "InvalidParameterException", "User has not verified software token mfa")
	refused(w, w.s.setUserMFAPreference, &cognitoidp.SetUserMFAPreferenceInput{AccessToken: token, EmailMfaSettings: mail}, "InvalidParameterException", "EMAIL_OTP is not enabled for the user pool")
	refused(w, w.s.setUserMFAPreference, &cognitoidp.SetUserMFAPreferenceInput{AccessToken: token, WebAuthnMfaSettings: &cognitoidp.WebAuthnMfaSettingsType{Enabled: wire.Some(true)}}, "InvalidParameterException", "WebAuthnMfaSettings")
	refused(w, w.s.setUserMFAPreference, &cognitoidp.SetUserMFAPreferenceInput{AccessToken: token, SMSMfaSettings: &cognitoidp.SMSMfaSettingsType{PreferredMfa: wire.Some(true)}}, "InvalidParameterException", "without being enabled")
	must(w, w.s.adminUpdateUserAttributes, &cognitoidp.AdminUpdateUserAttributesInput{UserPoolId: str(p), Username: str("alice"), UserAttributes: attr("phone_number", "+15555550123")})
	refused(w, w.s.setUserMFAPreference, &cognitoidp.SetUserMFAPreferenceInput{AccessToken: token, SMSMfaSettings: sms}, "InvalidParameterException", "User does not have delivery config") // not verified
	must(w, w.s.adminUpdateUserAttributes, &cognitoidp.AdminUpdateUserAttributesInput{UserPoolId: str(p), Username: str("alice"), UserAttributes: attr("phone_number_verified", "true")})
	w.app(token.V)
	refused(w, w.s.setUserMFAPreference, &cognitoidp.SetUserMFAPreferenceInput{AccessToken: token, SMSMfaSettings: sms, SoftwareTokenMfaSettings: app}, "InvalidParameterException", "Only one MFA method can be preferred.")
	must(w, w.s.setUserMFAPreference, &cognitoidp.SetUserMFAPreferenceInput{AccessToken: token, SMSMfaSettings: sms})

	me := must(w, w.s.adminGetUser, &cognitoidp.AdminGetUserInput{UserPoolId: str(p), Username: str("alice")})
	if me.PreferredMfaSetting.V != smsMFA || len(me.UserMFASettingList) != 2 || len(me.MFAOptions) != 1 {
		t.Fatalf("%+v", me)
	}
	if all := must(w, w.s.listUsers, &cognitoidp.ListUsersInput{UserPoolId: str(p)}); len(all.Users[0].MFAOptions) != 1 {
		t.Fatalf("%+v", all)
	}
	refused(w, w.s.deleteUserAttributes, &cognitoidp.DeleteUserAttributesInput{AccessToken: token, UserAttributeNames: []string{"phone_number"}}, "InvalidParameterException", "used for MFA")
	refused(w, w.s.updateUserAttributes, &cognitoidp.UpdateUserAttributesInput{AccessToken: token, UserAttributes: attr("phone_number", "")}, "InvalidParameterException", "")
	must(w, w.s.setUserSettings, &cognitoidp.SetUserSettingsInput{AccessToken: token, MFAOptions: []cognitoidp.MFAOptionType{}})
	me = must(w, w.s.adminGetUser, &cognitoidp.AdminGetUserInput{UserPoolId: str(p), Username: str("alice")})
	if me.PreferredMfaSetting.Set || !slices.Equal(me.UserMFASettingList, []string{softwareTokenMFA}) {
		t.Fatalf("%+v", me)
	}
	legacy := []cognitoidp.MFAOptionType{{DeliveryMedium: str("EMAIL"), AttributeName: str("email")}}
	refused(w, w.s.setUserSettings, &cognitoidp.SetUserSettingsInput{AccessToken: token, MFAOptions: legacy}, "InvalidParameterException", "only be SMS")
	legacy[0] = cognitoidp.MFAOptionType{DeliveryMedium: str("SMS"), AttributeName: str("phone_number")}
	must(w, w.s.adminSetUserSettings, &cognitoidp.AdminSetUserSettingsInput{UserPoolId: str(p), Username: str("alice"), MFAOptions: legacy})
	must(w, w.s.adminDeleteUserAttributes, &cognitoidp.AdminDeleteUserAttributesInput{UserPoolId: str(p), Username: str("alice"), UserAttributeNames: []string{"phone_number"}}) // an operator's word is final
	w.challenged(cl, "alice", softwareTokenMFA)

	must(w, w.s.globalSignOut, &cognitoidp.GlobalSignOutInput{AccessToken: token})
	refused(w, w.s.setUserMFAPreference, &cognitoidp.SetUserMFAPreferenceInput{AccessToken: token, SoftwareTokenMfaSettings: &cognitoidp.SoftwareTokenMfaSettingsType{}}, "NotAuthorizedException", "Access Token has been revoked")
	refused(w, w.s.associateSoftwareToken, &cognitoidp.AssociateSoftwareTokenInput{AccessToken: token}, "NotAuthorizedException", "Access Token has been revoked")
}

func TestRecoveryLeavesTheSecondFactor(t *testing.T) {
	w := newWorld(t)
	p, cl := w.secure("OPTIONAL", smsMFA, emailOTP)
	must(w, w.s.updateUserPool, &cognitoidp.UpdateUserPoolInput{UserPoolId: str(p), AutoVerifiedAttributes: []string{"email"}, MfaConfiguration: str("OPTIONAL"),
		SmsConfiguration:       &cognitoidp.SmsConfigurationType{SnsCallerArn: str("arn:aws:iam::123456789012:role/sms")},
		AccountRecoverySetting: recoverBy("verified_email", "verified_phone_number")})
	w.person(p, "alice")
	w.turnOn(p, "alice", false, smsMFA)
	forgot := func() string {
		return must(w, w.s.forgotPassword, &cognitoidp.ForgotPasswordInput{ClientId: str(cl), Username: str("alice")}).CodeDeliveryDetails.DeliveryMedium.V
	}
	if by := forgot(); by != "EMAIL" {
		t.Fatal(by)
	}
	must(w, w.s.confirmForgotPassword, &cognitoidp.ConfirmForgotPasswordInput{ClientId: str(cl), Username: str("alice"), ConfirmationCode: str(w.lastCode()), Password: str(good)})
	w.challenged(cl, "alice", smsMFA)
	w.turnOn(p, "alice", true, emailOTP)
	refused(w, w.s.forgotPassword, &cognitoidp.ForgotPasswordInput{ClientId: str(cl), Username: str("alice")}, "InvalidParameterException", "Cannot reset password") // both addresses are second factors
	must(w, w.s.adminSetUserSettings, &cognitoidp.AdminSetUserSettingsInput{UserPoolId: str(p), Username: str("alice"), MFAOptions: []cognitoidp.MFAOptionType{}})
	if by := forgot(); by != "SMS" {
		t.Fatal(by)
	}
	in := &cognitoidp.UpdateUserPoolInput{UserPoolId: str(p), MfaConfiguration: str("OPTIONAL"), AccountRecoverySetting: recoverBy("verified_email")}
	refused(w, w.s.updateUserPool, in, "InvalidParameterException", "Invalid account recovery setting")
}

func recoverBy(names ...string) *cognitoidp.AccountRecoverySettingType {
	out := &cognitoidp.AccountRecoverySettingType{}
	for i, name := range names {
		out.RecoveryMechanisms = append(out.RecoveryMechanisms, cognitoidp.RecoveryOptionType{Name: str(name), Priority: wire.Some(int32(i + 1))})
	}
	return out
}

func TestPoolsSecondFactors(t *testing.T) {
	w := newWorld(t)
	p := w.pool()
	set := func(in *cognitoidp.SetUserPoolMfaConfigInput) *cognitoidp.SetUserPoolMfaConfigInput {
		in.UserPoolId = str(p)
		return in
	}
	app := &cognitoidp.SoftwareTokenMfaConfigType{Enabled: wire.Some(true)}
	for message, in := range map[string]*cognitoidp.SetUserPoolMfaConfigInput{
		"can't turn off MFA and configure an MFA together": {MfaConfiguration: str("OFF"), SoftwareTokenMfaConfiguration: app},
		"can't disable all MFAs and require MFA together":  {MfaConfiguration: str("ON")},
		"SmsConfiguration is required":                     {MfaConfiguration: str("ON"), SmsMfaConfiguration: &cognitoidp.SmsMfaConfigType{}},
	} {
		refused(w, w.s.setUserPoolMfaConfig, set(in), "InvalidParameterException", message)
	}
	if got := must(w, w.s.getUserPoolMfaConfig, &cognitoidp.GetUserPoolMfaConfigInput{UserPoolId: str(p)}); got.MfaConfiguration.V != "OFF" || got.SoftwareTokenMfaConfiguration != nil {
		t.Fatalf("%+v", got)
	}
	must(w, w.s.setUserPoolMfaConfig, set(&cognitoidp.SetUserPoolMfaConfigInput{MfaConfiguration: str("ON"), SoftwareTokenMfaConfiguration: app, EmailMfaConfiguration: &cognitoidp.EmailMfaConfigType{Subject: str("s")}}))
	passkeys := &cognitoidp.WebAuthnConfigurationType{RelyingPartyId: str("example.com")}
	got := must(w, w.s.setUserPoolMfaConfig, set(&cognitoidp.SetUserPoolMfaConfigInput{WebAuthnConfiguration: passkeys}))
	if got.MfaConfiguration.V != "ON" || !got.SoftwareTokenMfaConfiguration.Enabled.V || got.EmailMfaConfiguration.Subject.V != "s" || got.WebAuthnConfiguration.RelyingPartyId.V != "example.com" || got.SmsMfaConfiguration != nil {
		t.Fatalf("%+v", got)
	}
	must(w, w.s.updateUserPool, &cognitoidp.UpdateUserPoolInput{UserPoolId: str(p), MfaConfiguration: str("ON")})
	if d := must(w, w.s.describeUserPool, &cognitoidp.DescribeUserPoolInput{UserPoolId: str(p)}); d.UserPool.MfaConfiguration.V != "ON" {
		t.Fatalf("%+v", d.UserPool)
	}
	sms := w.pool(func(in *cognitoidp.CreateUserPoolInput) {
		in.MfaConfiguration, in.SmsConfiguration = str("ON"), &cognitoidp.SmsConfigurationType{SnsCallerArn: str("arn:aws:iam::123456789012:role/sms")}
	})
	if got := must(w, w.s.getUserPoolMfaConfig, &cognitoidp.GetUserPoolMfaConfigInput{UserPoolId: str(sms)}); got.SmsMfaConfiguration.SmsConfiguration == nil {
		t.Fatalf("%+v", got)
	}
}
