package users

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/wire"
)

// newcomer is a user whose pool wants a second factor and who has nothing to be one.
func (w *world) newcomer() (p, cl string) {
	w.t.Helper()
	p, cl = w.secure("ON", softwareTokenMFA)
	w.person(p, "alice")
	return p, cl
}

func associate(session string) *cognitoidp.AssociateSoftwareTokenInput {
	return &cognitoidp.AssociateSoftwareTokenInput{Session: str(session)}
}

func verify(session, code string) *cognitoidp.VerifySoftwareTokenInput {
	return &cognitoidp.VerifySoftwareTokenInput{Session: str(session), UserCode: str(code), FriendlyDeviceName: str("phone")}
}

func TestSetUpDuringSignIn(t *testing.T) {
	w := newWorld(t)
	p, cl := w.newcomer()
	ask := w.challenged(cl, "alice", mfaSetup)
	var offered []string
	if err := json.Unmarshal([]byte(ask.ChallengeParameters["MFAS_CAN_SETUP"]), &offered); err != nil || !slices.Equal(offered, []string{softwareTokenMFA}) {
		t.Fatalf("%v %v", ask.ChallengeParameters, err)
	}
	begun := must(w, w.s.associateSoftwareToken, associate(ask.Session.V))
	if len(begun.SecretCode.V) != 32 { // 160 bits
		t.Fatalf("a secret of %d characters", len(begun.SecretCode.V))
	}
	refused(w, w.s.verifySoftwareToken, verify(begun.Session.V, w.code(begun.SecretCode.V, 5)), "EnableSoftwareTokenMFAException", "Code mismatch")
	refused(w, w.s.respondToAuthChallenge, answer(cl, mfaSetup, begun.Session.V), "SoftwareTokenMFANotFoundException", "")
	verified := must(w, w.s.verifySoftwareToken, verify(begun.Session.V, w.code(begun.SecretCode.V, -1)))
	if verified.Status.V != "SUCCESS" {
		t.Fatalf("%+v", verified)
	}
	refused(w, w.s.verifySoftwareToken, verify(begun.Session.V, w.code(begun.SecretCode.V, 0)), "NotAuthorizedException", "session can only be used once.")
	tokens := w.enters(answer(cl, mfaSetup, verified.Session.V))
	refused(w, w.s.respondToAuthChallenge, answer(cl, mfaSetup, verified.Session.V), "NotAuthorizedException", "session can only be used once.")
	me := must(w, w.s.getUser, &cognitoidp.GetUserInput{AccessToken: tokens.AccessToken})
	if me.PreferredMfaSetting.V != softwareTokenMFA {
		t.Fatalf("%+v", me)
	}
	next := w.challenged(cl, "alice", softwareTokenMFA)
	if next.ChallengeParameters["FRIENDLY_DEVICE_NAME"] != "phone" {
		t.Fatalf("%v", next.ChallengeParameters)
	}
	refused(w, w.s.respondToAuthChallenge, answer(cl, softwareTokenMFA, next.Session.V, "SOFTWARE_TOKEN_MFA_CODE", w.code(begun.SecretCode.V, -1)), "ExpiredCodeException", "")
	w.enters(answer(cl, softwareTokenMFA, next.Session.V, "SOFTWARE_TOKEN_MFA_CODE", w.code(begun.SecretCode.V, 0)))

	// Where the pool wants a second factor, turning the preference off does not turn the app off.
	must(w, w.s.setUserMFAPreference, &cognitoidp.SetUserMFAPreferenceInput{AccessToken: tokens.AccessToken, SoftwareTokenMfaSettings: &cognitoidp.SoftwareTokenMfaSettingsType{}})
	w.challenged(cl, "alice", softwareTokenMFA)
	must(w, w.s.adminResetUserPassword, &cognitoidp.AdminResetUserPasswordInput{UserPoolId: str(p), Username: str("alice")})
	must(w, w.s.confirmForgotPassword, &cognitoidp.ConfirmForgotPasswordInput{ClientId: str(cl), Username: str("alice"), ConfirmationCode: str(w.lastCode()), Password: str(good)})
	w.challenged(cl, "alice", softwareTokenMFA)
}

// TestSetUpIntruders has who knows the password of somebody in the middle of the set-up try to take part in it.
func TestSetUpIntruders(t *testing.T) {
	w := newWorld(t)
	p, cl := w.newcomer()
	w.person(p, "bob")
	intruder := must(w, w.s.associateSoftwareToken, associate(w.challenged(cl, "alice", mfaSetup).Session.V))
	idle := w.challenged(cl, "alice", mfaSetup).Session.V
	owner := must(w, w.s.associateSoftwareToken, associate(w.challenged(cl, "alice", mfaSetup).Session.V))
	refused(w, w.s.verifySoftwareToken, verify(owner.Session.V, w.code(intruder.SecretCode.V, 0)), "EnableSoftwareTokenMFAException", "")
	refused(w, w.s.verifySoftwareToken, verify(idle, w.code(owner.SecretCode.V, 0)), "SoftwareTokenMFANotFoundException", "")
	bobs := w.asked(cl, "bob").Session.V
	verified := must(w, w.s.verifySoftwareToken, verify(owner.Session.V, w.code(owner.SecretCode.V, 0)))
	for name, err := range map[string]error{
		"verify a secret of their own": faultOf(w.s.verifySoftwareToken(w.call(), verify(intruder.Session.V, w.code(intruder.SecretCode.V, 0)))),
		"make another secret":          faultOf(w.s.associateSoftwareToken(w.call(), associate(idle))),
		"finish without a code":        faultOf(w.s.respondToAuthChallenge(w.call(), answer(cl, mfaSetup, idle))),
		"finish with their secret":     faultOf(w.s.respondToAuthChallenge(w.call(), answer(cl, mfaSetup, intruder.Session.V))),
		"finish as somebody else":      faultOf(w.s.respondToAuthChallenge(w.call(), answer(cl, mfaSetup, verified.Session.V, "USERNAME", "bob"))),
		"finish at another client":     faultOf(w.s.respondToAuthChallenge(w.call(), answer(w.client(p), mfaSetup, verified.Session.V))),
		"finish with bob's session":    faultOf(w.s.respondToAuthChallenge(w.call(), answer(cl, mfaSetup, bobs))),
	} {
		if err == nil {
			t.Errorf("%s: it was let", name)
		}
	}
	w.wait(challengeLife + time.Second)
	refused(w, w.s.respondToAuthChallenge, answer(cl, mfaSetup, verified.Session.V), "NotAuthorizedException", "session is expired.")
	w.challenged(cl, "alice", softwareTokenMFA)
	w.challenged(cl, "bob", mfaSetup)
}

func faultOf[T any](_ T, err error) error { return err }

func TestAssociateRefused(t *testing.T) {
	w := newWorld(t)
	_, cl := w.newcomer()
	session := w.challenged(cl, "alice", mfaSetup).Session.V
	for name, c := range map[string]struct {
		in            *cognitoidp.AssociateSoftwareTokenInput
		code, message string
	}{
		"nothing":            {&cognitoidp.AssociateSoftwareTokenInput{}, "InvalidParameterException", "Either"},
		"both":               {&cognitoidp.AssociateSoftwareTokenInput{AccessToken: str("x"), Session: str(session)}, "InvalidParameterException", "Either"},
		"no session of ours": {associate("AAAAAAAAAAAAAAAAAAAAAAAA"), "NotAuthorizedException", "Invalid session"},
		"not base64":         {associate("§§§§§§§§§§§§§§§§§§§§§§§§"), "NotAuthorizedException", "Invalid session"},
		"a changed session":  {associate(flipped(session)), "NotAuthorizedException", "Invalid session"},
		"no token of ours":   {&cognitoidp.AssociateSoftwareTokenInput{AccessToken: str("a.b.c")}, "NotAuthorizedException", "Invalid Access Token"},
	} {
		t.Run(name, func(t *testing.T) { refused(w, w.s.associateSoftwareToken, c.in, c.code, c.message) })
	}
	w.wait(challengeLife + time.Second)
	refused(w, w.s.associateSoftwareToken, associate(session), "NotAuthorizedException", "Invalid session")

	p, plain := w.secure("OPTIONAL", smsMFA)
	w.person(p, "carol")
	token := w.signIn(p, plain, "carol").AccessToken
	refused(w, w.s.associateSoftwareToken, &cognitoidp.AssociateSoftwareTokenInput{AccessToken: token}, "SoftwareTokenMFANotFoundException", "has not been enabled by the userPool")
	refused(w, w.s.verifySoftwareToken, &cognitoidp.VerifySoftwareTokenInput{AccessToken: token, UserCode: str("123456")}, "SoftwareTokenMFANotFoundException", "")
}

// TestNewSecretWaits has the old app serve until a code of the new one was shown.
func TestNewSecretWaits(t *testing.T) {
	w := newWorld(t)
	p, cl, old := w.withApp()
	in := func(secret string) *cognitoidp.AuthenticationResultType {
		w.t.Helper()
		w.wait(time.Minute)
		return w.enters(answer(cl, softwareTokenMFA, w.challenged(cl, "alice", softwareTokenMFA).Session.V, "SOFTWARE_TOKEN_MFA_CODE", w.code(secret, 0)))
	}
	token := in(old).AccessToken
	fresh := must(w, w.s.associateSoftwareToken, &cognitoidp.AssociateSoftwareTokenInput{AccessToken: token}).SecretCode.V
	refused(w, w.s.verifySoftwareToken, &cognitoidp.VerifySoftwareTokenInput{AccessToken: token, UserCode: str(w.code(old, 0))}, "EnableSoftwareTokenMFAException", "Code mismatch")
	in(old)
	must(w, w.s.verifySoftwareToken, &cognitoidp.VerifySoftwareTokenInput{AccessToken: token, UserCode: str(w.code(fresh, 0))})
	in(fresh)
	w.wait(time.Minute)
	refused(w, w.s.respondToAuthChallenge, answer(cl, softwareTokenMFA, w.challenged(cl, "alice", softwareTokenMFA).Session.V, "SOFTWARE_TOKEN_MFA_CODE", w.code(old, 0)), "CodeMismatchException", "")

	sub := w.sub(p, "alice")
	row := func() (t *totp, err error) {
		err = w.s.view(w.ctx, func(tx *kv.Tx) error {
			t, err = totps.Get(tx, inPool(account, p), p, sub)
			return err
		})
		return t, err
	}
	if r, err := row(); err != nil || len(r.Secret) == 0 || slices.Contains([]string{old, fresh}, string(r.Secret)) {
		t.Fatalf("%+v %v", r, err)
	}
	must(w, w.s.adminDeleteUser, &cognitoidp.AdminDeleteUserInput{UserPoolId: str(p), Username: str("alice")})
	if _, err := row(); !absent(err) {
		t.Fatalf("the secret outlives its user: %v", err)
	}
}

// TestTemporaryPasswordThenSecondFactor has both asked, in order, and the set-up bound to the new password.
func TestTemporaryPasswordThenSecondFactor(t *testing.T) {
	w := newWorld(t)
	p, cl := w.newcomer()
	must(w, w.s.adminSetUserPassword, &cognitoidp.AdminSetUserPasswordInput{UserPoolId: str(p), Username: str("alice"), Password: str("Temp0rary!"), Permanent: wire.Some(false)})
	ask := must(w, w.s.initiateAuth, passwordAuth(cl, "alice", "Temp0rary!"))
	if ask.ChallengeName.V != newPasswordRequired {
		t.Fatalf("%+v", ask)
	}
	next := must(w, w.s.respondToAuthChallenge, answer(cl, newPasswordRequired, ask.Session.V, "NEW_PASSWORD", good))
	if next.ChallengeName.V != mfaSetup || next.AuthenticationResult != nil {
		t.Fatalf("%+v", next)
	}
	begun := must(w, w.s.associateSoftwareToken, associate(next.Session.V))
	verified := must(w, w.s.verifySoftwareToken, verify(begun.Session.V, w.code(begun.SecretCode.V, 0)))
	w.enters(answer(cl, mfaSetup, verified.Session.V))
}

// TestProvedAddressServes has a pool that wants a second factor use an address that was verified, and nothing else.
func TestProvedAddressServes(t *testing.T) {
	w := newWorld(t)
	p, cl := w.secure("ON", smsMFA, softwareTokenMFA)
	w.person(p, "alice")
	w.enters(answer(cl, smsMFA, w.challenged(cl, "alice", smsMFA).Session.V, "SMS_MFA_CODE", w.lastCode()))
	must(w, w.s.adminUpdateUserAttributes, &cognitoidp.AdminUpdateUserAttributesInput{UserPoolId: str(p), Username: str("alice"), UserAttributes: attr("phone_number", "+15555550199")})
	w.challenged(cl, "alice", mfaSetup)
}

// TestMailboxSetUpDuringSignIn has a user without an address bring one, which counts once its code was read.
func TestMailboxSetUpDuringSignIn(t *testing.T) {
	w := newWorld(t)
	p, cl := w.secure("ON", emailOTP, softwareTokenMFA)
	newcomer := func(name string, attributes ...string) {
		must(w, w.s.adminCreateUser, &cognitoidp.AdminCreateUserInput{UserPoolId: str(p), Username: str(name), MessageAction: str("SUPPRESS"), UserAttributes: attr(attributes...)})
		must(w, w.s.adminSetUserPassword, &cognitoidp.AdminSetUserPasswordInput{UserPoolId: str(p), Username: str(name), Password: str(good), Permanent: wire.Some(true)})
	}
	newcomer("alice")
	newcomer("bob", "email", "bob@example.com") // never verified
	bring := func(name, mail string) *cognitoidp.RespondToAuthChallengeInput {
		return answer(cl, mfaSetup, w.challenged(cl, name, mfaSetup).Session.V, "USERNAME", name, "EMAIL", mail)
	}
	refused(w, w.s.respondToAuthChallenge, bring("bob", "intruder@example.com"), "InvalidParameterException", "another email address")
	refused(w, w.s.respondToAuthChallenge, bring("alice", "no address"), "InvalidParameterException", "")
	stale := bring("alice", "late@example.com")
	began := bring("alice", "alice@example.com")
	ask := must(w, w.s.respondToAuthChallenge, began)
	if ask.ChallengeName.V != emailOTP || w.sent[len(w.sent)-1].To != "alice@example.com" {
		t.Fatalf("%+v", ask)
	}
	code := w.lastCode()
	refused(w, w.s.respondToAuthChallenge, began, "NotAuthorizedException", "session can only be used once.")
	other := must(w, w.s.respondToAuthChallenge, bring("alice", "other@example.com")) // its code takes the place of the first
	refused(w, w.s.respondToAuthChallenge, answer(cl, emailOTP, ask.Session.V, "EMAIL_OTP_CODE", w.lastCode()), "ExpiredCodeException", "")
	if code != w.lastCode() { // but for one in 10^6
		refused(w, w.s.respondToAuthChallenge, answer(cl, emailOTP, ask.Session.V, "EMAIL_OTP_CODE", code), "CodeMismatchException", "Invalid code received for user")
	}
	if me := must(w, w.s.adminGetUser, &cognitoidp.AdminGetUserInput{UserPoolId: str(p), Username: str("alice")}); slices.ContainsFunc(me.UserAttributes, func(a cognitoidp.AttributeType) bool { return a.Name.V == "email" }) {
		t.Fatalf("an address counts that nobody proved: %+v", me)
	}
	tokens := w.enters(answer(cl, emailOTP, other.Session.V, "EMAIL_OTP_CODE", w.lastCode()))
	if m := claimsOf(t, tokens.IdToken.V); m["email"] != "other@example.com" || m["email_verified"] != true {
		t.Fatalf("%v", m)
	}
	refused(w, w.s.respondToAuthChallenge, stale, "InvalidParameterException", "another email address")
	w.challenged(cl, "alice", emailOTP)
	if in := must(w, w.s.respondToAuthChallenge, bring("bob", "bob@example.com")); in.ChallengeName.V != emailOTP {
		t.Fatalf("%+v", in)
	}
	// An app that is set up before the code comes is the second factor, and the mailbox is not.
	newcomer("alice2")
	app := must(w, w.s.associateSoftwareToken, associate(w.challenged(cl, "alice2", mfaSetup).Session.V))
	mail := must(w, w.s.respondToAuthChallenge, bring("alice2", "alice2@example.com"))
	code = w.lastCode()
	must(w, w.s.verifySoftwareToken, verify(app.Session.V, w.code(app.SecretCode.V, 0)))
	refused(w, w.s.respondToAuthChallenge, answer(cl, emailOTP, mail.Session.V, "USERNAME", "alice2", "EMAIL_OTP_CODE", code), "NotAuthorizedException", "Invalid session")
}

// TestFirstFactorIsNoSecond has a pool want a second factor, meanwhile, of who comes in by a code that could be one.
func TestFirstFactorIsNoSecond(t *testing.T) {
	w := newWorld(t)
	p, cl := w.choosing()
	w.person(p, "alice")
	ask := must(w, w.s.initiateAuth, choice(cl, "alice", "PREFERRED_CHALLENGE", "EMAIL_OTP"))
	if ask.ChallengeName.V != emailOTP {
		t.Fatalf("%+v", ask)
	}
	must(w, w.s.setUserPoolMfaConfig, &cognitoidp.SetUserPoolMfaConfigInput{UserPoolId: str(p), MfaConfiguration: str("ON"), SoftwareTokenMfaConfiguration: &cognitoidp.SoftwareTokenMfaConfigType{Enabled: wire.Some(true)}})
	next := must(w, w.s.respondToAuthChallenge, answer(cl, emailOTP, ask.Session.V, "EMAIL_OTP_CODE", w.lastCode()))
	if next.AuthenticationResult != nil || next.ChallengeName.V != mfaSetup {
		t.Fatalf("let in by one factor: %+v", next)
	}
	begun := must(w, w.s.associateSoftwareToken, associate(next.Session.V))
	w.enters(answer(cl, mfaSetup, must(w, w.s.verifySoftwareToken, verify(begun.Session.V, w.code(begun.SecretCode.V, 0))).Session.V))
}
