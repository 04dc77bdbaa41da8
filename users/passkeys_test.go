package users

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/users/passkey/passkeytest"
	"bothy/wire"
)

// enrolled makes an authenticator with a key of the signed-in user's.
func (w *world) enrolled(token wire.Opt[string], a *passkeytest.Authenticator) *passkeytest.Authenticator {
	w.t.Helper()
	a.Origin = "https://app.example.com"
	started := must(w, w.s.startWebAuthnRegistration, &cognitoidp.StartWebAuthnRegistrationInput{AccessToken: token})
	must(w, w.s.completeWebAuthnRegistration, &cognitoidp.CompleteWebAuthnRegistrationInput{AccessToken: token, Credential: a.Create(started.CredentialCreationOptions)})
	return a
}

// byPasskey begins a sign-in by passkey and returns what the authenticator is asked.
func (w *world) byPasskey(clientID, name string) (session string, options []byte) {
	w.t.Helper()
	out := must(w, w.s.initiateAuth, choice(clientID, name, "PREFERRED_CHALLENGE", "WEB_AUTHN"))
	if out.ChallengeName.V != "WEB_AUTHN" {
		w.t.Fatalf("%+v", out)
	}
	return out.Session.V, []byte(out.ChallengeParameters["CREDENTIAL_REQUEST_OPTIONS"])
}

func signed(clientID, session, name string, credential []byte) *cognitoidp.RespondToAuthChallengeInput {
	return replied(clientID, "WEB_AUTHN", session, name, "CREDENTIAL", string(credential))
}

func TestPasskeys(t *testing.T) {
	w := newWorld(t)
	p, cl := w.choosing()
	w.member(cl, "alice")
	token := w.signIn(p, cl, "alice").AccessToken
	started := must(w, w.s.startWebAuthnRegistration, &cognitoidp.StartWebAuthnRegistrationInput{AccessToken: token})
	var options struct {
		RP                     struct{ ID string }
		User                   struct{ ID, Name, DisplayName string }
		PubKeyCredParams       []struct{ Alg int }
		ExcludeCredentials     []any
		AuthenticatorSelection struct{ ResidentKey, UserVerification string }
	}
	if err := json.Unmarshal(started.CredentialCreationOptions, &options); err != nil || options.RP.ID != "example.com" || options.User.Name != "alice" || fmt.Sprint(options.PubKeyCredParams) != "[{-7} {-257}]" ||
		options.ExcludeCredentials == nil || options.AuthenticatorSelection.ResidentKey != "required" || options.AuthenticatorSelection.UserVerification != "preferred" {
		t.Fatalf("%s %v", started.CredentialCreationOptions, err)
	}
	a := w.enrolled(token, &passkeytest.Authenticator{Counts: true})
	w.enrolled(token, &passkeytest.Authenticator{Packed: true, Synced: true, Unverified: true})
	again := must(w, w.s.startWebAuthnRegistration, &cognitoidp.StartWebAuthnRegistrationInput{AccessToken: token})
	if id := base64.RawURLEncoding.EncodeToString(a.ID); !strings.Contains(string(again.CredentialCreationOptions), id) {
		t.Errorf("the options of the next do not exclude %s: %s", id, again.CredentialCreationOptions)
	}
	for range 2 {
		session, asked := w.byPasskey(cl, "alice")
		out := must(w, w.s.respondToAuthChallenge, signed(cl, session, "alice", a.Get(asked)))
		if out.AuthenticationResult == nil {
			t.Fatalf("%+v", out)
		}
	}
	list := must(w, w.s.listWebAuthnCredentials, &cognitoidp.ListWebAuthnCredentialsInput{AccessToken: token, MaxResults: wire.Some[int32](1)})
	rest := must(w, w.s.listWebAuthnCredentials, &cognitoidp.ListWebAuthnCredentialsInput{AccessToken: token, NextToken: list.NextToken})
	if len(list.Credentials) != 1 || len(rest.Credentials) != 1 || rest.NextToken.Set || rest.Credentials[0].RelyingPartyId.V != "example.com" || rest.Credentials[0].AuthenticatorAttachment.V != "platform" {
		t.Fatalf("%+v %+v", list, rest)
	}
	factors := must(w, w.s.getUserAuthFactors, &cognitoidp.GetUserAuthFactorsInput{AccessToken: token})
	if fmt.Sprint(factors.ConfiguredUserAuthFactors) != "[PASSWORD EMAIL_OTP WEB_AUTHN]" {
		t.Errorf("%+v", factors)
	}
	for _, k := range []cognitoidp.WebAuthnCredentialDescription{list.Credentials[0], rest.Credentials[0]} {
		must(w, w.s.deleteWebAuthnCredential, &cognitoidp.DeleteWebAuthnCredentialInput{AccessToken: token, CredentialId: k.CredentialId})
	}
	for _, id := range []string{list.Credentials[0].CredentialId.V, "!", ""} {
		refused(w, w.s.deleteWebAuthnCredential, &cognitoidp.DeleteWebAuthnCredentialInput{AccessToken: token, CredentialId: str(id)}, "ResourceNotFoundException", "does not exist")
	}
	if out := must(w, w.s.initiateAuth, choice(cl, "alice", "PREFERRED_CHALLENGE", "WEB_AUTHN")); out.ChallengeName.V != "SELECT_CHALLENGE" {
		t.Errorf("%+v", out)
	}
	shown := must(w, w.s.getUserPoolMfaConfig, &cognitoidp.GetUserPoolMfaConfigInput{UserPoolId: str(p)}).WebAuthnConfiguration
	if shown.RelyingPartyId.V != "example.com" || shown.UserVerification.V != "preferred" || shown.FactorConfiguration.V != "SINGLE_FACTOR" {
		t.Errorf("%+v", shown)
	}
}

func TestPasskeyRegistrationRefused(t *testing.T) {
	w := newWorld(t)
	p, cl := w.choosing()
	other := w.client(p)
	w.member(cl, "alice")
	w.member(cl, "bob")
	token, bobs := w.signIn(p, cl, "alice").AccessToken, w.signIn(p, cl, "bob").AccessToken
	start := func() wire.Document {
		return must(w, w.s.startWebAuthnRegistration, &cognitoidp.StartWebAuthnRegistrationInput{AccessToken: token}).CredentialCreationOptions
	}
	complete := func(token wire.Opt[string], credential []byte) error {
		_, err := w.s.completeWebAuthnRegistration(w.call(), &cognitoidp.CompleteWebAuthnRegistrationInput{AccessToken: token, Credential: credential})
		return err
	}
	fine := func() *passkeytest.Authenticator { return &passkeytest.Authenticator{Origin: "https://example.com"} }
	wantFault(t, complete(token, fine().Create([]byte(`{"user":{"id":""}}`))), "WebAuthnChallengeNotFoundException", "")
	for code, a := range map[string]*passkeytest.Authenticator{
		"WebAuthnOriginNotAllowedException":     {Origin: "https://evil.com"},
		"WebAuthnRelyingPartyMismatchException": {Origin: "https://example.com", RelyingParty: "evil.com"},
		"InvalidParameterException":             {Origin: "https://example.com", Challenge: strings.Repeat("A", 43)},
	} {
		made := a.Create(start())
		wantFault(t, complete(token, made), code, "")
		wantFault(t, complete(token, fine().Create([]byte(`{"user":{"id":""}}`))), "WebAuthnChallengeNotFoundException", "") // it has served
	}
	made := fine().Create(start())
	wantFault(t, complete(bobs, made), "WebAuthnChallengeNotFoundException", "")
	wantFault(t, complete(w.signIn(p, other, "alice").AccessToken, made), "WebAuthnClientMismatchException", "")
	old := fine().Create(start())
	start()
	wantFault(t, complete(token, old), "InvalidParameterException", "Invalid credential.")
	late := fine().Create(start())
	w.wait(passkeyPatience + time.Second)
	wantFault(t, complete(token, late), "WebAuthnChallengeNotFoundException", "")

	mine := fine()
	if err := complete(token, mine.Create(start())); err != nil {
		t.Fatal(err)
	}
	stolen := &passkeytest.Authenticator{Origin: "https://example.com", ID: mine.ID}
	started := must(w, w.s.startWebAuthnRegistration, &cognitoidp.StartWebAuthnRegistrationInput{AccessToken: bobs}).CredentialCreationOptions
	wantFault(t, complete(bobs, stolen.Create(started)), "WebAuthnCredentialNotSupportedException", "") // an id is one user's
	for range mostPasskeys - 1 {
		if err := complete(token, fine().Create(start())); err != nil {
			t.Fatal(err)
		}
	}
	wantFault(t, complete(token, fine().Create(start())), "LimitExceededException", "")

	w.relyingParty(p, &cognitoidp.WebAuthnConfigurationType{UserVerification: str("required")})
	unverified := fine()
	unverified.Unverified = true
	must(w, w.s.adminDeleteUser, &cognitoidp.AdminDeleteUserInput{UserPoolId: str(p), Username: str("alice")})
	w.member(cl, "alice") // their keys went with them
	token = w.signIn(p, cl, "alice").AccessToken
	wantFault(t, complete(token, unverified.Create(start())), "InvalidParameterException", "Invalid credential.")
	if err := complete(token, fine().Create(start())); err != nil {
		t.Error(err)
	}

	bare := w.pool(func(in *cognitoidp.CreateUserPoolInput) {
		in.Policies = &cognitoidp.UserPoolPolicyType{SignInPolicy: &cognitoidp.SignInPolicyType{AllowedFirstAuthFactors: []string{"PASSWORD", "WEB_AUTHN"}}}
	})
	plain := w.pool()
	for pool, code := range map[string]string{bare: "WebAuthnConfigurationMissingException", plain: "WebAuthnNotEnabledException"} {
		client := w.client(pool)
		w.member(client, "alice")
		refused(w, w.s.startWebAuthnRegistration, &cognitoidp.StartWebAuthnRegistrationInput{AccessToken: w.signIn(pool, client, "alice").AccessToken}, code, "")
	}
}

// TestPasskeyIntruders: signatures that are replayed, another's, for another site, or of a copied key.
func TestPasskeyIntruders(t *testing.T) {
	w := newWorld(t)
	p, cl := w.choosing()
	other := w.client(p, func(in *cognitoidp.CreateUserPoolClientInput) { in.ExplicitAuthFlows = []string{"ALLOW_USER_AUTH"} })
	_, foreign := w.choosing()
	w.member(cl, "alice")
	w.member(cl, "bob")
	alice := w.enrolled(w.signIn(p, cl, "alice").AccessToken, &passkeytest.Authenticator{Counts: true})
	bob := w.enrolled(w.signIn(p, cl, "bob").AccessToken, &passkeytest.Authenticator{})
	try := func(clientID, session, name string, credential []byte) error {
		_, err := w.s.respondToAuthChallenge(w.call(), signed(clientID, session, name, credential))
		return err
	}
	const wrong, stale = "Incorrect username or password.", "Invalid session for the user, session is expired."
	session, asked := w.byPasskey(cl, "alice")
	right := alice.Get(asked)
	wantFault(t, try(other, session, "alice", right), "NotAuthorizedException", stale)
	wantFault(t, try(foreign, session, "alice", right), "NotAuthorizedException", stale)
	wantFault(t, try(cl, session, "bob", right), "NotAuthorizedException", stale)
	refused(w, w.s.respondToAuthChallenge, replied(cl, "EMAIL_OTP", session, "alice", "EMAIL_OTP_CODE", "12345678"), "NotAuthorizedException", stale)
	if err := try(cl, session, "alice", right); err != nil {
		t.Fatal(err)
	}
	wantFault(t, try(cl, session, "alice", right), "NotAuthorizedException", "session can only be used once.")
	session, _ = w.byPasskey(cl, "alice")
	wantFault(t, try(cl, session, "alice", right), "NotAuthorizedException", wrong) // signed under another challenge

	for name, spoil := range map[string]func(a *passkeytest.Authenticator){
		"another origin":        func(a *passkeytest.Authenticator) { a.Origin = "https://evil.com" },
		"another relying party": func(a *passkeytest.Authenticator) { a.RelyingParty = "evil.com" },
		"a count that stood":    func(a *passkeytest.Authenticator) { a.Counts, a.Count = false, 1 },
		"another user's handle": func(a *passkeytest.Authenticator) { a.Handle = bob.Handle },
		"nobody there":          func(a *passkeytest.Authenticator) { a.Absent = true },
		"a registration":        func(a *passkeytest.Authenticator) { a.Kind = "webauthn.create" },
	} {
		session, asked := w.byPasskey(cl, "alice")
		liar := *alice
		spoil(&liar)
		t.Run(name, func(t *testing.T) {
			wantFault(t, try(cl, session, "alice", liar.Get(asked)), "NotAuthorizedException", wrong)
			wantFault(t, try(cl, session, "alice", alice.Get(asked)), "NotAuthorizedException", "session can only be used once.")
		})
	}
	session, asked = w.byPasskey(cl, "alice")
	wantFault(t, try(cl, session, "alice", bob.Get(asked)), "NotAuthorizedException", wrong)
	session, asked = w.byPasskey(cl, "alice")
	bobs := *bob
	bobs.Handle = nil
	wantFault(t, try(cl, session, "alice", bobs.Get(asked)), "NotAuthorizedException", wrong)
	session, asked = w.byPasskey(cl, "alice")
	var spoiled map[string]any
	if err := json.Unmarshal(alice.Get(asked), &spoiled); err != nil {
		t.Fatal(err)
	}
	response := spoiled["response"].(map[string]any)
	client, _ := base64.RawURLEncoding.DecodeString(response["clientDataJSON"].(string))
	response["clientDataJSON"] = base64.RawURLEncoding.EncodeToString(append(client[:len(client)-1], `,"x":1}`...))
	changed, _ := json.Marshal(spoiled)
	wantFault(t, try(cl, session, "alice", changed), "NotAuthorizedException", wrong)
	session, _ = w.byPasskey(cl, "alice")
	wantFault(t, try(cl, session, "alice", []byte("not JSON")), "NotAuthorizedException", wrong)
	session, asked = w.byPasskey(cl, "alice")
	w.wait(3*time.Minute + time.Second)
	wantFault(t, try(cl, session, "alice", alice.Get(asked)), "NotAuthorizedException", stale)
	session, asked = w.byPasskey(cl, "alice")
	must(w, w.s.adminDisableUser, &cognitoidp.AdminDisableUserInput{UserPoolId: str(p), Username: str("alice")})
	wantFault(t, try(cl, session, "alice", alice.Get(asked)), "NotAuthorizedException", "User is disabled.")

	session, asked = w.byPasskey(cl, "bob")
	w.relyingParty(p, &cognitoidp.WebAuthnConfigurationType{RelyingPartyId: str("app.example.com")})
	wantFault(t, try(cl, session, "bob", bob.Get(asked)), "NotAuthorizedException", wrong)
	if out := must(w, w.s.initiateAuth, choice(cl, "bob", "PREFERRED_CHALLENGE", "WEB_AUTHN")); out.ChallengeName.V != "SELECT_CHALLENGE" {
		t.Errorf("a key of another relying party is asked for: %+v", out)
	}
}

// TestPasskeysMove: who moves to another node takes their keys along.
func TestPasskeysMove(t *testing.T) {
	old := newWorld(t)
	p, cl := old.choosing()
	old.member(cl, "alice")
	a := old.enrolled(old.signIn(p, cl, "alice").AccessToken, &passkeytest.Authenticator{Counts: true})
	var file bytes.Buffer
	if err := old.s.Export(old.ctx, account, p, &file); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	w.account = elsewhere
	w.s.cfg.Account = func() string { return elsewhere }
	w.imports(elsewhere, p, file.Bytes())
	session, asked := w.byPasskey(cl, "alice")
	w.enters(signed(cl, session, "alice", a.Get(asked)))
	for _, raw := range []string{`{}`, `"x"`, `[{"Key":1}]`} {
		w.update(p, "alice", func(tx *kv.Tx, u *user) error {
			wantFault(t, w.s.importPasskeys(tx, elsewhere, u, []byte(raw)), "InvalidParameterException", "")
			return nil
		})
	}
}
