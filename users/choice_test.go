package users

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"bothy/api/cognitoidp"
	"bothy/users/passkey/passkeytest"
)

// choosing makes a pool that takes all first factors, with passkeys for example.com, and a client for it.
func (w *world) choosing(change ...func(*cognitoidp.CreateUserPoolClientInput)) (p, cl string) {
	w.t.Helper()
	p = w.pool(func(in *cognitoidp.CreateUserPoolInput) {
		in.Policies = &cognitoidp.UserPoolPolicyType{SignInPolicy: &cognitoidp.SignInPolicyType{AllowedFirstAuthFactors: []string{"PASSWORD", "EMAIL_OTP", "SMS_OTP", "WEB_AUTHN"}}}
		in.SmsAuthenticationMessage = str("Here: {####}")
	})
	w.relyingParty(p, &cognitoidp.WebAuthnConfigurationType{RelyingPartyId: str("example.com")})
	cl = w.client(p, append([]func(*cognitoidp.CreateUserPoolClientInput){func(in *cognitoidp.CreateUserPoolClientInput) {
		in.ExplicitAuthFlows = []string{"ALLOW_USER_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}
	}}, change...)...)
	return p, cl
}

func (w *world) relyingParty(poolID string, r *cognitoidp.WebAuthnConfigurationType) {
	w.t.Helper()
	must(w, w.s.setUserPoolMfaConfig, &cognitoidp.SetUserPoolMfaConfigInput{UserPoolId: str(poolID), WebAuthnConfiguration: r})
}

func choice(clientID, name string, more ...string) *cognitoidp.InitiateAuthInput {
	in := &cognitoidp.InitiateAuthInput{ClientId: str(clientID), AuthFlow: str("USER_AUTH"), AuthParameters: map[string]string{"USERNAME": name}}
	for i := 0; i < len(more); i += 2 {
		in.AuthParameters[more[i]] = more[i+1]
	}
	return in
}

func replied(clientID, challenge, session, name string, more ...string) *cognitoidp.RespondToAuthChallengeInput {
	in := &cognitoidp.RespondToAuthChallengeInput{ClientId: str(clientID), ChallengeName: str(challenge), Session: str(session), ChallengeResponses: map[string]string{"USERNAME": name}}
	for i := 0; i < len(more); i += 2 {
		in.ChallengeResponses[more[i]] = more[i+1]
	}
	return in
}

func TestChoice(t *testing.T) {
	w := newWorld(t)
	p, cl := w.choosing()
	w.member(cl, "alice")
	begun := must(w, w.s.initiateAuth, choice(cl, "alice"))
	if begun.ChallengeName.V != "SELECT_CHALLENGE" || fmt.Sprint(begun.AvailableChallenges) != "[PASSWORD PASSWORD_SRP EMAIL_OTP]" {
		t.Fatalf("%+v", begun)
	}
	if other := must(w, w.s.initiateAuth, choice(cl, "alice", "PREFERRED_CHALLENGE", "SMS_OTP")); other.ChallengeName.V != "SELECT_CHALLENGE" {
		t.Fatalf("a way the user does not have: %+v", other)
	}
	session := begun.Session.V
	in := func(out *cognitoidp.RespondToAuthChallengeOutput) {
		t.Helper()
		if out.AuthenticationResult == nil {
			t.Fatalf("%+v", out)
		}
	}
	refused(w, w.s.respondToAuthChallenge, replied(cl, "SELECT_CHALLENGE", session, "alice", "ANSWER", "PASSWORD", "PASSWORD", "Wr0ng!pass"), "NotAuthorizedException", "Incorrect username or password.")
	in(must(w, w.s.respondToAuthChallenge, replied(cl, "SELECT_CHALLENGE", session, "alice", "ANSWER", "PASSWORD", "PASSWORD", good)))
	refused(w, w.s.respondToAuthChallenge, replied(cl, "SELECT_CHALLENGE", session, "alice", "ANSWER", "SMS_OTP"), "InvalidParameterException", "not available")
	refused(w, w.s.respondToAuthChallenge, replied(cl, "SELECT_CHALLENGE", session, "alice", "ANSWER", "CUSTOM_CHALLENGE"), "InvalidParameterException", "not a challenge to begin with")

	k := newSRPClient()
	srp := must(w, w.s.respondToAuthChallenge, replied(cl, "SELECT_CHALLENGE", session, "alice", "ANSWER", "PASSWORD_SRP", "SRP_A", k.A.Text(16)))
	in(must(w, w.s.respondToAuthChallenge, respond(cl, k.answer(p, srp.ChallengeParameters, good, aTimestamp))))
	k = newSRPClient()
	direct := must(w, w.s.initiateAuth, choice(cl, "alice", "PREFERRED_CHALLENGE", "PASSWORD_SRP", "SRP_A", k.A.Text(16)))
	in(must(w, w.s.respondToAuthChallenge, respond(cl, k.answer(p, direct.ChallengeParameters, good, aTimestamp))))
	if out := must(w, w.s.initiateAuth, choice(cl, "alice", "PREFERRED_CHALLENGE", "PASSWORD", "PASSWORD", good)); out.AuthenticationResult == nil {
		t.Fatalf("%+v", out)
	}
	later := must(w, w.s.initiateAuth, choice(cl, "alice", "PREFERRED_CHALLENGE", "PASSWORD"))
	if later.ChallengeName.V != "PASSWORD" {
		t.Fatalf("%+v", later)
	}
	in(must(w, w.s.respondToAuthChallenge, replied(cl, "PASSWORD", later.Session.V, "alice", "PASSWORD", good)))

	code := must(w, w.s.respondToAuthChallenge, replied(cl, "SELECT_CHALLENGE", session, "alice", "ANSWER", "EMAIL_OTP"))
	if code.ChallengeName.V != "EMAIL_OTP" || code.ChallengeParameters["CODE_DELIVERY_DESTINATION"] != "a***@e***" || code.ChallengeParameters["CODE_DELIVERY_DELIVERY_MEDIUM"] != "EMAIL" {
		t.Fatalf("%+v", code)
	}
	in(must(w, w.s.respondToAuthChallenge, replied(cl, "EMAIL_OTP", code.Session.V, "alice", "EMAIL_OTP_CODE", w.lastCode())))

	must(w, w.s.adminUpdateUserAttributes, &cognitoidp.AdminUpdateUserAttributesInput{UserPoolId: str(p), Username: str("alice"), UserAttributes: attr("phone_number", "+15551234567", "phone_number_verified", "true")})
	sms := must(w, w.s.initiateAuth, choice(cl, "alice", "PREFERRED_CHALLENGE", "SMS_OTP"))
	if m := w.sent[len(w.sent)-1]; m.Medium != "SMS" || m.Kind != "Authentication" || m.Body != "Here: "+m.Code || len(m.Code) != 8 {
		t.Fatalf("%+v", m)
	}
	tokens := must(w, w.s.respondToAuthChallenge, replied(cl, "SMS_OTP", sms.Session.V, "alice", "SMS_OTP_CODE", w.lastCode())).AuthenticationResult
	factors := must(w, w.s.getUserAuthFactors, &cognitoidp.GetUserAuthFactorsInput{AccessToken: tokens.AccessToken})
	if factors.Username.V != "alice" || fmt.Sprint(factors.ConfiguredUserAuthFactors) != "[PASSWORD EMAIL_OTP SMS_OTP]" {
		t.Fatalf("%+v", factors)
	}

	plain := w.client(p)
	refused(w, w.s.initiateAuth, choice(plain, "alice"), "InvalidParameterException", "USER_AUTH is not enabled for the client.")
	refused(w, w.s.initiateAuth, choice(cl, "alice", "PREFERRED_CHALLENGE", "SMS_MFA"), "InvalidParameterException", "not a challenge to begin with")
	refused(w, w.s.initiateAuth, choice(cl, "nobody"), "UserNotFoundException", "User does not exist.")
}

// TestSignInCodeIntruders: codes that are guessed, replayed, sent elsewhere or swapped.
func TestSignInCodeIntruders(t *testing.T) {
	w := newWorld(t)
	p, cl := w.choosing()
	_, foreign := w.choosing()
	other := w.client(p, func(in *cognitoidp.CreateUserPoolClientInput) { in.ExplicitAuthFlows = []string{"ALLOW_USER_AUTH"} })
	w.member(cl, "alice")
	w.member(cl, "bob")
	ask := func(name string) (session, code string) {
		session = must(w, w.s.initiateAuth, choice(cl, name, "PREFERRED_CHALLENGE", "EMAIL_OTP")).Session.V
		return session, w.lastCode()
	}
	take := func(clientID, session, name, code string) error {
		_, err := w.s.respondToAuthChallenge(w.call(), replied(clientID, "EMAIL_OTP", session, name, "EMAIL_OTP_CODE", code))
		return err
	}
	const stale = "Invalid session for the user, session is expired."
	session, code := ask("alice")
	wrong := "0" + code[1:]
	if wrong == code {
		wrong = "1" + code[1:]
	}
	for range triesPerCode {
		wantFault(t, take(cl, session, "alice", wrong), "CodeMismatchException", "Invalid verification code provided")
	}
	wantFault(t, take(cl, session, "alice", code), "ExpiredCodeException", "request a code again")

	session, code = ask("alice")
	wantFault(t, take(cl, session, "alice", wrong), "CodeMismatchException", "") // a mistyped code can be corrected
	if err := take(cl, session, "alice", code); err != nil {
		t.Fatal(err)
	}
	wantFault(t, take(cl, session, "alice", code), "ExpiredCodeException", "")

	first, old := ask("alice")
	_, code = ask("alice")
	wantFault(t, take(cl, first, "alice", old), "CodeMismatchException", "") // a newer one was sent
	bobs, _ := ask("bob")
	wantFault(t, take(cl, bobs, "bob", code), "CodeMismatchException", "")
	session, code = first, w.lastCode()
	wantFault(t, take(other, session, "alice", code), "NotAuthorizedException", stale)
	wantFault(t, take(foreign, session, "alice", code), "NotAuthorizedException", stale)
	wantFault(t, take(cl, session, "bob", code), "NotAuthorizedException", stale)
	wantFault(t, take(cl, session, "alice", ""), "InvalidParameterException", "Missing required parameter EMAIL_OTP_CODE")
	for _, kind := range []string{"SMS_OTP", "WEB_AUTHN", "CUSTOM_CHALLENGE", "SELECT_CHALLENGE", "NEW_PASSWORD_REQUIRED", "PASSWORD"} {
		_, err := w.s.respondToAuthChallenge(w.call(), replied(cl, kind, session, "alice", "SMS_OTP_CODE", code, "CREDENTIAL", "{}", "ANSWER", "PASSWORD", "PASSWORD", good, "NEW_PASSWORD", good))
		wantFault(t, err, "NotAuthorizedException", stale)
	}
	w.wait(codeWindow + time.Second)
	session, code = ask("alice")
	must(w, w.s.adminUpdateUserAttributes, &cognitoidp.AdminUpdateUserAttributesInput{UserPoolId: str(p), Username: str("alice"), UserAttributes: attr("email", "new@example.com", "email_verified", "true")})
	wantFault(t, take(cl, session, "alice", code), "ExpiredCodeException", "")
	session, code = ask("alice")
	w.wait(3*time.Minute + time.Second)
	wantFault(t, take(cl, session, "alice", code), "NotAuthorizedException", stale)
	session, code = ask("alice")
	must(w, w.s.adminDisableUser, &cognitoidp.AdminDisableUserInput{UserPoolId: str(p), Username: str("alice")})
	wantFault(t, take(cl, session, "alice", code), "NotAuthorizedException", "User is disabled.")
	sent := len(w.sent)
	refused(w, w.s.initiateAuth, choice(cl, "alice", "PREFERRED_CHALLENGE", "EMAIL_OTP"), "NotAuthorizedException", "User is disabled.")
	must(w, w.s.adminUpdateUserAttributes, &cognitoidp.AdminUpdateUserAttributesInput{UserPoolId: str(p), Username: str("bob"), UserAttributes: attr("email", "b@example.com")})
	if out := must(w, w.s.initiateAuth, choice(cl, "bob", "PREFERRED_CHALLENGE", "EMAIL_OTP")); out.ChallengeName.V != "SELECT_CHALLENGE" || len(w.sent) != sent {
		t.Fatalf("a code went to an address that nobody has proved: %+v", out)
	}
}

// TestChoiceHidesWhoExists: unknown users have ways too, always the same; codes go nowhere and passkeys are nobody's.
func TestChoiceHidesWhoExists(t *testing.T) {
	w := newWorld(t)
	p, cl := w.choosing(hiding)
	w.member(cl, "alice")
	seen := map[string]bool{}
	for i := range 40 {
		name := fmt.Sprintf("nobody%d@example.com", i)
		one, two := must(w, w.s.initiateAuth, choice(cl, name)), must(w, w.s.initiateAuth, choice(cl, name))
		if one.ChallengeName.V != "SELECT_CHALLENGE" || len(one.AvailableChallenges) == 0 || !slices.Equal(one.AvailableChallenges, two.AvailableChallenges) {
			t.Fatalf("%+v %+v", one, two)
		}
		for _, way := range one.AvailableChallenges {
			seen[way] = true
		}
		if i == 0 {
			refused(w, w.s.respondToAuthChallenge, replied(cl, "SELECT_CHALLENGE", one.Session.V, name, "ANSWER", "PASSWORD", "PASSWORD", good), "NotAuthorizedException", "Incorrect username or password.")
		}
	}
	if len(seen) != 5 {
		t.Errorf("of all who do not exist nobody has but %v", seen)
	}
	sent := len(w.sent)
	for i := range 40 {
		name := fmt.Sprintf("nobody%d@example.com", i)
		if out := must(w, w.s.initiateAuth, choice(cl, name, "PREFERRED_CHALLENGE", "EMAIL_OTP")); out.ChallengeName.V == "EMAIL_OTP" {
			if out.ChallengeParameters["CODE_DELIVERY_DESTINATION"] != "n***@e***" {
				t.Errorf("%+v", out)
			}
			for range triesPerCode {
				refused(w, w.s.respondToAuthChallenge, replied(cl, "EMAIL_OTP", out.Session.V, name, "EMAIL_OTP_CODE", "12345678"), "CodeMismatchException", "Invalid verification code provided")
			}
			refused(w, w.s.respondToAuthChallenge, replied(cl, "EMAIL_OTP", out.Session.V, name, "EMAIL_OTP_CODE", "12345678"), "ExpiredCodeException", "")
		}
		if out := must(w, w.s.initiateAuth, choice(cl, name, "PREFERRED_CHALLENGE", "WEB_AUTHN")); out.ChallengeName.V == "WEB_AUTHN" {
			a := &passkeytest.Authenticator{Origin: "https://example.com"}
			a.Create([]byte(`{"user":{"id":""}}`))
			refused(w, w.s.respondToAuthChallenge, replied(cl, "WEB_AUTHN", out.Session.V, name, "CREDENTIAL", string(a.Get([]byte(out.ChallengeParameters["CREDENTIAL_REQUEST_OPTIONS"])))),
				"NotAuthorizedException", "Incorrect username or password.")
		}
	}
	must(w, w.s.signUp, &cognitoidp.SignUpInput{ClientId: str(cl), Username: str("bob"), UserAttributes: attr("email", "bob@example.com")})
	sent++ // the code that would confirm bob
	if out := must(w, w.s.initiateAuth, choice(cl, "bob")); len(out.AvailableChallenges) == 0 {
		t.Errorf("who never confirmed looks different: %+v", out)
	}
	refused(w, w.s.initiateAuth, choice(w.client(p, func(in *cognitoidp.CreateUserPoolClientInput) { in.ExplicitAuthFlows = []string{"ALLOW_USER_AUTH"} }), "bob"), "UserNotConfirmedException", "User is not confirmed.")
	must(w, w.s.adminDisableUser, &cognitoidp.AdminDisableUserInput{UserPoolId: str(p), Username: str("alice")})
	if out := must(w, w.s.initiateAuth, choice(cl, "alice", "PREFERRED_CHALLENGE", "EMAIL_OTP")); out.ChallengeName.V != "EMAIL_OTP" {
		t.Errorf("%+v", out)
	}
	if len(w.sent) != sent {
		t.Error("a code was sent")
	}
}

// TestPasswordless: signing up without a password, and entering by the code that confirms it.
func TestPasswordless(t *testing.T) {
	w := newWorld(t)
	p, cl := w.choosing()
	up := func(name string) *cognitoidp.SignUpOutput {
		return must(w, w.s.signUp, &cognitoidp.SignUpInput{ClientId: str(cl), Username: str(name), UserAttributes: attr("email", name+"@example.com")})
	}
	made := up("alice")
	done := must(w, w.s.confirmSignUp, &cognitoidp.ConfirmSignUpInput{ClientId: str(cl), Username: str("alice"), ConfirmationCode: str(w.lastCode()), Session: made.Session})
	enter := choice(cl, "alice")
	enter.Session = done.Session
	if out := must(w, w.s.initiateAuth, enter); out.AuthenticationResult == nil {
		t.Fatalf("%+v", out)
	}
	refused(w, w.s.initiateAuth, enter, "NotAuthorizedException", "session can only be used once.")
	if out := must(w, w.s.initiateAuth, choice(cl, "alice")); fmt.Sprint(out.AvailableChallenges) != "[EMAIL_OTP]" {
		t.Fatalf("%+v", out)
	}

	const stale = "Invalid session for the user, session is expired."
	made = up("bob")
	enter = choice(cl, "bob")
	enter.Session = made.Session // not confirmed yet
	refused(w, w.s.initiateAuth, enter, "NotAuthorizedException", stale)
	alices := must(w, w.s.signUp, &cognitoidp.SignUpInput{ClientId: str(cl), Username: str("mallory"), UserAttributes: attr("email", "m@example.com")}).Session
	must(w, w.s.resendConfirmationCode, &cognitoidp.ResendConfirmationCodeInput{ClientId: str(cl), Username: str("bob")})
	if out := must(w, w.s.confirmSignUp, &cognitoidp.ConfirmSignUpInput{ClientId: str(cl), Username: str("bob"), ConfirmationCode: str(w.lastCode()), Session: alices}); out.Session.Set {
		t.Error("the session of another sign-up led on")
	}
	made = up("carol")
	done = must(w, w.s.confirmSignUp, &cognitoidp.ConfirmSignUpInput{ClientId: str(cl), Username: str("carol"), ConfirmationCode: str(w.lastCode()), Session: made.Session})
	enter = choice(cl, "alice")
	enter.Session = done.Session
	refused(w, w.s.initiateAuth, enter, "NotAuthorizedException", stale)
	enter = choice(cl, "carol")
	enter.Session = done.Session
	w.wait(3*time.Minute + time.Second)
	refused(w, w.s.initiateAuth, enter, "NotAuthorizedException", stale)

	withPassword := w.client(p)
	refused(w, w.s.signUp, &cognitoidp.SignUpInput{ClientId: str(withPassword), Username: str("dora")}, "InvalidPasswordException", "Password not long enough")
	plain := w.client(w.pool(), func(in *cognitoidp.CreateUserPoolClientInput) { in.ExplicitAuthFlows = []string{"ALLOW_USER_AUTH"} })
	refused(w, w.s.signUp, &cognitoidp.SignUpInput{ClientId: str(plain), Username: str("dora")}, "InvalidPasswordException", "Password not long enough")
	if out := must(w, w.s.signUp, &cognitoidp.SignUpInput{ClientId: str(plain), Username: str("dora"), Password: str(good), UserAttributes: attr("email", "d@example.com")}); out.Session.Set {
		t.Error("a pool of passwords alone lets a code in")
	}

	sent := len(w.sent)
	invited := must(w, w.s.adminCreateUser, &cognitoidp.AdminCreateUserInput{UserPoolId: str(p), Username: str("erin"), UserAttributes: attr("email", "erin@example.com", "email_verified", "true")})
	if invited.User.UserStatus.V != "CONFIRMED" || len(w.sent) != sent {
		t.Fatalf("%+v", invited)
	}
	in := must(w, w.s.initiateAuth, choice(cl, "erin", "PREFERRED_CHALLENGE", "EMAIL_OTP"))
	must(w, w.s.respondToAuthChallenge, replied(cl, "EMAIL_OTP", in.Session.V, "erin", "EMAIL_OTP_CODE", w.lastCode()))
	if strings.Contains(fmt.Sprint(in.AvailableChallenges), "PASSWORD") {
		t.Errorf("%+v", in)
	}
}

// TestFirstAndSecondFactors: a code is no first factor for who has a second one, or both would come to the same place; a passkey is
// one factor, or two where the pool says so.
func TestFirstAndSecondFactors(t *testing.T) {
	w := newWorld(t)
	p, cl := w.choosing(func(in *cognitoidp.CreateUserPoolClientInput) {
		in.ExplicitAuthFlows = append(in.ExplicitAuthFlows, "ALLOW_USER_PASSWORD_AUTH")
	})
	w.member(cl, "alice")
	token := w.signIn(p, cl, "alice").AccessToken
	a := w.enrolled(token, &passkeytest.Authenticator{})
	begun := must(w, w.s.initiateAuth, choice(cl, "alice", "PREFERRED_CHALLENGE", "EMAIL_OTP"))
	code := w.lastCode()
	mfa := &cognitoidp.SetUserPoolMfaConfigInput{UserPoolId: str(p), MfaConfiguration: str("OPTIONAL"), EmailMfaConfiguration: &cognitoidp.EmailMfaConfigType{}}
	must(w, w.s.setUserPoolMfaConfig, mfa)
	w.turnOn(p, "alice", true, emailOTP)

	ways := must(w, w.s.initiateAuth, choice(cl, "alice", "PREFERRED_CHALLENGE", "EMAIL_OTP"))
	if fmt.Sprint(ways.AvailableChallenges) != "[PASSWORD PASSWORD_SRP WEB_AUTHN]" || ways.ChallengeName.V != "SELECT_CHALLENGE" {
		t.Errorf("%+v", ways)
	}
	// The code that was sent before still is the first factor, and the second one is asked for: with a code and a session of its own.
	second := must(w, w.s.respondToAuthChallenge, replied(cl, "EMAIL_OTP", begun.Session.V, "alice", "EMAIL_OTP_CODE", code))
	if second.ChallengeName.V != "EMAIL_OTP" || second.AuthenticationResult != nil {
		t.Fatalf("%+v", second)
	}
	refused(w, w.s.respondToAuthChallenge, replied(cl, "EMAIL_OTP", second.Session.V, "alice", "EMAIL_OTP_CODE", code), "CodeMismatchException", "Invalid code received for user")
	w.enters(replied(cl, "EMAIL_OTP", second.Session.V, "alice", "EMAIL_OTP_CODE", w.lastCode()))

	session, asked := w.byPasskey(cl, "alice")
	if out := must(w, w.s.respondToAuthChallenge, signed(cl, session, "alice", a.Get(asked))); out.ChallengeName.V != "EMAIL_OTP" {
		t.Errorf("a passkey stood for two factors unasked: %+v", out)
	}
	refused(w, w.s.setUserPoolMfaConfig, &cognitoidp.SetUserPoolMfaConfigInput{UserPoolId: str(p), WebAuthnConfiguration: &cognitoidp.WebAuthnConfigurationType{FactorConfiguration: str("MULTI_FACTOR_WITH_USER_VERIFICATION")}},
		"InvalidParameterException", "takes UserVerification required")
	refused(w, w.s.setUserPoolMfaConfig, &cognitoidp.SetUserPoolMfaConfigInput{UserPoolId: str(p), WebAuthnConfiguration: &cognitoidp.WebAuthnConfigurationType{RelyingPartyId: str("https://example.com")}},
		"InvalidParameterException", "Invalid relying party ID.")
	w.relyingParty(p, &cognitoidp.WebAuthnConfigurationType{UserVerification: str("required"), FactorConfiguration: str("MULTI_FACTOR_WITH_USER_VERIFICATION")})
	session, asked = w.byPasskey(cl, "alice")
	w.enters(signed(cl, session, "alice", a.Get(asked)))
	session, asked = w.byPasskey(cl, "alice")
	a.Unverified = true
	refused(w, w.s.respondToAuthChallenge, signed(cl, session, "alice", a.Get(asked)), "NotAuthorizedException", "Incorrect username or password.")
	w.challenged(cl, "alice", emailOTP) // a password still takes the second factor

	mfa.MfaConfiguration = str("ON")
	must(w, w.s.setUserPoolMfaConfig, mfa)
	if out := must(w, w.s.getUserAuthFactors, &cognitoidp.GetUserAuthFactorsInput{AccessToken: token}); fmt.Sprintf("%v %v %v", out.ConfiguredUserAuthFactors, out.UserMFASettingList, out.PreferredMfaSetting.V) != "[PASSWORD WEB_AUTHN] [EMAIL_OTP] EMAIL_OTP" {
		t.Errorf("%+v", out)
	}
	refused(w, w.s.signUp, &cognitoidp.SignUpInput{ClientId: str(cl), Username: str("bob")}, "InvalidPasswordException", "")
}

// TestCodesAreNotGuessedAcrossUsers: one address that tries a few codes of many users is stopped, as one that tries passwords is.
func TestCodesAreNotGuessedAcrossUsers(t *testing.T) {
	w := newWorld(t)
	_, cl := w.choosing(hiding)
	wrong := 0
	for i := 0; wrong < freeAtAddress+20; i++ {
		name := fmt.Sprintf("user%d@example.com", i)
		begun, err := w.s.initiateAuth(w.from("203.0.113.7", "robot"), choice(cl, name, "PREFERRED_CHALLENGE", "EMAIL_OTP"))
		if err != nil {
			wantFault(t, err, "NotAuthorizedException", "Password attempts exceeded")
			if wrong < freeAtAddress {
				t.Fatalf("stopped after %d", wrong)
			}
			return
		}
		for range triesPerCode {
			if begun.ChallengeName.V != "EMAIL_OTP" {
				break
			}
			_, err := w.s.respondToAuthChallenge(w.from("203.0.113.7", "robot"), replied(cl, "EMAIL_OTP", begun.Session.V, name, "EMAIL_OTP_CODE", "12345678"))
			if wantsCode(err, "LimitExceededException") && wrong >= freeAtAddress { // sessions opened before are stopped too
				break
			}
			wantFault(t, err, "CodeMismatchException", "")
			wrong++
		}
	}
	t.Errorf("%d wrong codes from one address", wrong)
}

// TestChoiceTellsNobody: where passwords are all there is, each step of a choice says the same of everybody, and takes as long.
func TestChoiceTellsNobody(t *testing.T) {
	w := newWorld(t)
	p := w.pool()
	cl := w.client(p, hiding, func(in *cognitoidp.CreateUserPoolClientInput) { in.ExplicitAuthFlows = []string{"ALLOW_USER_AUTH"} })
	states := w.everyState(p, w.client(p))
	powers := w.countPowers()
	selecting := func(answer string, more ...string) func(w *world, p, cl, name string) (any, error) {
		return func(w *world, p, cl, name string) (any, error) {
			begun, err := w.s.initiateAuth(w.call(), choice(cl, name))
			if err != nil {
				return nil, err
			}
			out, err := w.s.respondToAuthChallenge(w.call(), replied(cl, "SELECT_CHALLENGE", begun.Session.V, name, append([]string{"ANSWER", answer}, more...)...))
			if out != nil {
				out.Session = str("a session")
			}
			return out, err
		}
	}
	for _, g := range []guessed{
		{"InitiateAuth", "a choice", func(w *world, p, cl, name string) (any, error) {
			out, err := w.s.initiateAuth(w.call(), choice(cl, name))
			if out != nil {
				out.Session = str("a session")
			}
			return out, err
		}},
		{"InitiateAuth", "by password", authBegin("USER_AUTH", map[string]string{"PREFERRED_CHALLENGE": "PASSWORD", "PASSWORD": "Wr0ng!pass"})},
		{"InitiateAuth", "by SRP", authBegin("USER_AUTH", map[string]string{"PREFERRED_CHALLENGE": "PASSWORD_SRP", "SRP_A": "2"})},
		{"InitiateAuth", "by a code that nobody has", func(w *world, p, cl, name string) (any, error) {
			out, err := w.s.initiateAuth(w.call(), choice(cl, name, "PREFERRED_CHALLENGE", "EMAIL_OTP"))
			if out != nil {
				out.Session = str("a session")
			}
			return out, err
		}},
		{"RespondToAuthChallenge", "a wrong password", selecting("PASSWORD", "PASSWORD", "Wr0ng!pass")},
		{"RespondToAuthChallenge", "a password to come", selecting("PASSWORD")},
		{"RespondToAuthChallenge", "SRP", selecting("PASSWORD_SRP", "SRP_A", "2")},
		{"RespondToAuthChallenge", "a code that nobody has", selecting("EMAIL_OTP")},
	} {
		want, cost := w.guess(g, p, cl, "nobody", powers)
		for _, name := range states {
			got, paid := w.guess(g, p, cl, name, powers)
			if got != want || paid != cost {
				t.Errorf("%s %s: of a user who is %s, for %d powers:\n%s\nof one who is not there, for %d:\n%s", g.op, g.what, name, paid, got, cost, want)
			}
		}
	}
}
