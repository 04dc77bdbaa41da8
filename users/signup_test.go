package users

import (
	"strings"
	"testing"
	"time"

	"bothy/api/cognitoidp"
	"bothy/record"
	"bothy/wire"
)

func TestSignUpConfirmSignIn(t *testing.T) {
	w := newWorld(t)
	p := w.pool()
	cl := w.client(p)
	up := must(w, w.s.signUp, &cognitoidp.SignUpInput{ClientId: str(cl), Username: str("alice"), Password: str(good), UserAttributes: attr("email", "alice@example.com")})
	if up.UserConfirmed.V || up.UserSub.V == "" {
		t.Fatalf("%+v", up)
	}
	if d := up.CodeDeliveryDetails; d.Destination.V != "a***@e***" || d.DeliveryMedium.V != "EMAIL" || d.AttributeName.V != "email" {
		t.Fatalf("%+v", d)
	}
	m := w.sent[0]
	if m.To != "alice@example.com" || m.Kind != "SignUp" || len(m.Code) != 6 || !strings.Contains(m.Body, m.Code) || m.Subject == "" {
		t.Fatalf("%+v", m)
	}
	_, err := w.srp(p, cl, "alice", good)
	wantFault(t, err, "UserNotConfirmedException", "User is not confirmed.")
	_, err = w.srp(p, cl, "alice", "wrong")
	wantFault(t, err, "NotAuthorizedException", "Incorrect username or password.")
	must(w, w.s.confirmSignUp, &cognitoidp.ConfirmSignUpInput{ClientId: str(cl), Username: str("alice"), ConfirmationCode: str(m.Code), ForceAliasCreation: wire.Some(true)})

	tokens := w.signIn(p, cl, "alice")
	if tokens.ExpiresIn.V != 3600 || tokens.TokenType.V != "Bearer" || tokens.RefreshToken.V == "" {
		t.Fatalf("%+v", tokens)
	}
	id, access := claimsOf(t, tokens.IdToken.V), claimsOf(t, tokens.AccessToken.V)
	for name, want := range map[string]any{
		"sub": up.UserSub.V, "aud": cl, "email_verified": true, "token_use": "id", "iss": "https://cognito-idp.us-east-1.amazonaws.com/" + p,
		"cognito:username": "alice", "email": "alice@example.com",
	} {
		if id[name] != want {
			t.Errorf("id token: %s = %v, want %v", name, id[name], want)
		}
	}
	for name, want := range map[string]any{
		"sub": up.UserSub.V, "token_use": "access", "scope": "aws.cognito.signin.user.admin", "client_id": cl, "username": "alice", "origin_jti": id["origin_jti"], "event_id": id["event_id"],
	} {
		if access[name] != want {
			t.Errorf("access token: %s = %v, want %v", name, access[name], want)
		}
	}
	for _, name := range []string{"auth_time", "exp", "iat", "jti", "origin_jti", "event_id"} {
		if id[name] == nil || access[name] == nil {
			t.Errorf("no %s", name)
		}
	}
	if access["email"] != nil || access["aud"] != nil {
		t.Errorf("access token holds %v", access)
	}
	got := must(w, w.s.getUser, &cognitoidp.GetUserInput{AccessToken: tokens.AccessToken})
	if got.Username.V != "alice" || len(got.UserAttributes) != 3 {
		t.Fatalf("%+v", got)
	}
}

func TestSignUpRefusals(t *testing.T) {
	w := newWorld(t)
	p := w.pool(func(in *cognitoidp.CreateUserPoolInput) {
		in.AliasAttributes = []string{"email", "phone_number"}
		in.Schema = []cognitoidp.SchemaAttributeType{
			{Name: str("email"), Required: wire.Some(true), Mutable: wire.Some(true)},
			{Name: str("level"), AttributeDataType: str("Number"), NumberAttributeConstraints: &cognitoidp.NumberAttributeConstraintsType{MaxValue: str("9")}},
		}
	})
	cl := w.client(p, func(in *cognitoidp.CreateUserPoolClientInput) {
		in.WriteAttributes = []string{"email", "custom:level", "phone_number", "gender"}
	})
	in := func(name, password string, attributes ...string) *cognitoidp.SignUpInput {
		return &cognitoidp.SignUpInput{ClientId: str(cl), Username: str(name), Password: str(password), UserAttributes: attr(attributes...)}
	}
	const notPolicy = "Password did not conform with policy: "
	for _, c := range []struct {
		in            *cognitoidp.SignUpInput
		code, message string
	}{
		{in("a", "Ab1!"), "InvalidPasswordException", notPolicy + "Password not long enough"},
		{in("a", "passw0rd!"), "InvalidPasswordException", notPolicy + "Password must have uppercase characters"},
		{in("a", "PASSW0RD!"), "InvalidPasswordException", notPolicy + "Password must have lowercase characters"},
		{in("a", "Password!"), "InvalidPasswordException", notPolicy + "Password must have numeric characters"},
		{in("a", "Passw0rdd"), "InvalidPasswordException", notPolicy + "Password must have symbol characters"},
		{in("a@example.com", good), "InvalidParameterException", "Username cannot be of email format, since user pool is configured for email alias."},
		{in("+4912345678", good), "InvalidParameterException", "Username cannot be of phone number format"},
		{in("a", good), "InvalidParameterException", "Attributes did not conform to the schema: email: The attribute is required"},
		{in("a", good, "email", "nonsense"), "InvalidParameterException", "Invalid email address format."},
		{in("a", good, "email", "a@b.c", "phone_number", "0123"), "InvalidParameterException", "Invalid phone number format."},
		{in("a", good, "email", "a@b.c", "custom:level", "10"), "InvalidParameterException", "custom:level"},
		{in("a", good, "email", "a@b.c", "custom:level", "x"), "InvalidParameterException", "custom:level"},
		{in("a", good, "email", "a@b.c", "custom:other", "1"), "InvalidParameterException", "custom:other: Attribute does not exist in the schema."},
		{in("a", good, "email", "a@b.c", "sub", "1"), "InvalidParameterException", "sub"},
		{in("a", good, "email", "a@b.c", "email_verified", "true"), "NotAuthorizedException", "A client attempted to write unauthorized attribute"},
		{in("a", good, "email", "a@b.c", "name", "A"), "NotAuthorizedException", "A client attempted to write unauthorized attribute"},
	} {
		refused(w, w.s.signUp, c.in, c.code, c.message)
	}
	nobody := in("a", good)
	nobody.ClientId = str("nobody")
	refused(w, w.s.signUp, nobody, "ResourceNotFoundException", "User pool client nobody does not exist.")
	must(w, w.s.signUp, in("a", good, "email", "a@b.c"))
	refused(w, w.s.signUp, in("a", good, "email", "b@b.c"), "UsernameExistsException", "User already exists")

	closed := w.pool(func(in *cognitoidp.CreateUserPoolInput) {
		in.AdminCreateUserConfig = &cognitoidp.AdminCreateUserConfigType{AllowAdminCreateUserOnly: wire.Some(true)}
	})
	only := in("a", good)
	only.ClientId = str(w.client(closed))
	refused(w, w.s.signUp, only, "NotAuthorizedException", "SignUp is not permitted for this user pool")
}

func TestSignUpByEmail(t *testing.T) {
	w := newWorld(t)
	p := w.pool(func(in *cognitoidp.CreateUserPoolInput) {
		in.UsernameAttributes = []string{"email"}
		in.UsernameConfiguration = &cognitoidp.UsernameConfigurationType{CaseSensitive: wire.Some(false)}
	})
	cl := w.client(p)
	in := &cognitoidp.SignUpInput{ClientId: str(cl), Username: str("Ann@Example.com"), Password: str(good)}
	up := must(w, w.s.signUp, in)
	must(w, w.s.confirmSignUp, &cognitoidp.ConfirmSignUpInput{ClientId: str(cl), Username: str("ann@example.com"), ConfirmationCode: str(w.lastCode())})
	again := *in
	again.Username = str("ANN@example.com")
	refused(w, w.s.signUp, &again, "UsernameExistsException", "An account with the given email already exists.")
	again.Username = str("ann")
	refused(w, w.s.signUp, &again, "InvalidParameterException", "Username should be an email.")
	tokens := w.signIn(p, cl, "ANN@example.com")
	if id := claimsOf(t, tokens.IdToken.V); id["cognito:username"] != up.UserSub.V || id["email"] != "Ann@Example.com" {
		t.Fatalf("%v", id)
	}
}

func TestAliases(t *testing.T) {
	w := newWorld(t)
	p := w.pool(func(in *cognitoidp.CreateUserPoolInput) { in.AliasAttributes = []string{"email", "preferred_username"} })
	cl := w.client(p)
	up := func(name string) {
		must(w, w.s.signUp, &cognitoidp.SignUpInput{ClientId: str(cl), Username: str(name), Password: str(good), UserAttributes: attr("email", "same@example.com")})
	}
	confirm := func(name string, force bool) error {
		_, err := w.s.confirmSignUp(w.call(), &cognitoidp.ConfirmSignUpInput{ClientId: str(cl), Username: str(name), ConfirmationCode: str(w.lastCode()), ForceAliasCreation: wire.Some(force)})
		return err
	}
	up("one")
	if err := confirm("one", false); err != nil {
		t.Fatal(err)
	}
	if got := claimsOf(t, w.signIn(p, cl, "same@example.com").AccessToken.V)["username"]; got != "one" {
		t.Fatalf("alias leads to %v", got)
	}
	up("two")
	wantFault(t, confirm("two", false), "AliasExistsException", "An account with the email already exists.")
	if err := confirm("two", true); err != nil {
		t.Fatal(err)
	}
	if got := claimsOf(t, w.signIn(p, cl, "same@example.com").AccessToken.V)["username"]; got != "two" {
		t.Fatalf("alias leads to %v", got)
	}
	if got := must(w, w.s.adminGetUser, &cognitoidp.AdminGetUserInput{UserPoolId: str(p), Username: str("one")}); value(got.UserAttributes, "email_verified") != "false" {
		t.Fatalf("the former owner keeps %v", got.UserAttributes)
	}
}

func value(list []cognitoidp.AttributeType, name string) string {
	for _, a := range list {
		if a.Name.V == name {
			return a.Value.V
		}
	}
	return ""
}

func TestConfirmationCode(t *testing.T) {
	w := newWorld(t)
	p := w.pool()
	cl := w.client(p)
	confirm := func(code string) *cognitoidp.ConfirmSignUpInput {
		return &cognitoidp.ConfirmSignUpInput{ClientId: str(cl), Username: str("bob"), ConfirmationCode: str(code)}
	}
	resend := &cognitoidp.ResendConfirmationCodeInput{ClientId: str(cl), Username: str("bob")}
	refused(w, w.s.confirmSignUp, confirm("123456"), "UserNotFoundException", "User does not exist.")
	must(w, w.s.signUp, &cognitoidp.SignUpInput{ClientId: str(cl), Username: str("bob"), Password: str(good), UserAttributes: attr("email", "b@example.com")})
	first := w.lastCode()
	wrong := "000000"
	if first == wrong {
		wrong = "000001"
	}
	refused(w, w.s.confirmSignUp, confirm(wrong), "CodeMismatchException", "Invalid verification code provided, please try again.")
	w.wait(signUpCodeLife)
	refused(w, w.s.confirmSignUp, confirm(first), "ExpiredCodeException", "Invalid code provided, please request a code again.")
	must(w, w.s.resendConfirmationCode, resend)
	if second := w.lastCode(); second != first {
		refused(w, w.s.confirmSignUp, confirm(first), "CodeMismatchException", "Invalid verification code")
	}
	must(w, w.s.resendConfirmationCode, resend)
	for range triesPerCode {
		refused(w, w.s.confirmSignUp, confirm("12345"), "CodeMismatchException", "Invalid verification code")
	}
	for range 2 { // dead at once, and for good
		refused(w, w.s.confirmSignUp, confirm(w.lastCode()), "ExpiredCodeException", "Invalid code provided, please request a code again.")
		w.wait(codeWindow + time.Second)
	}
	must(w, w.s.resendConfirmationCode, resend)
	must(w, w.s.confirmSignUp, confirm(w.lastCode()))
	refused(w, w.s.confirmSignUp, confirm(w.lastCode()), "NotAuthorizedException", "User cannot be confirmed. Current status is CONFIRMED")
	refused(w, w.s.resendConfirmationCode, resend, "InvalidParameterException", "User is already confirmed.")
}

func TestCodesAreNotSentWithoutEnd(t *testing.T) {
	w := newWorld(t)
	cl := w.client(w.pool())
	must(w, w.s.signUp, &cognitoidp.SignUpInput{ClientId: str(cl), Username: str("bob"), Password: str(good), UserAttributes: attr("email", "b@example.com")})
	in := &cognitoidp.ResendConfirmationCodeInput{ClientId: str(cl), Username: str("bob")}
	for range sendsPerWindow - 1 {
		must(w, w.s.resendConfirmationCode, in)
	}
	refused(w, w.s.resendConfirmationCode, in, "LimitExceededException", "Attempt limit exceeded, please try after some time.")
	sent := sendsPerWindow
	for range 24 * 4 {
		w.wait(codeWindow)
		if _, err := w.s.resendConfirmationCode(w.call(), in); err == nil {
			sent++
		}
		if _, err := record.SweepExpired(w.ctx, w.s.cfg.DB, w.now(), 100); err != nil {
			t.Fatal(err)
		}
	}
	if sent > sendsPerDay+1 { // one of the next day
		t.Errorf("%d codes in a day", sent)
	}
	w.wait(codeDay)
	must(w, w.s.resendConfirmationCode, in)
}

func TestForgotPassword(t *testing.T) {
	w := newWorld(t)
	p := w.pool()
	cl := w.client(p)
	w.member(cl, "carol")
	forgot := &cognitoidp.ForgotPasswordInput{ClientId: str(cl), Username: str("carol")}
	reset := func(code, password string) *cognitoidp.ConfirmForgotPasswordInput {
		return &cognitoidp.ConfirmForgotPasswordInput{ClientId: str(cl), Username: str("carol"), ConfirmationCode: str(code), Password: str(password)}
	}
	refused(w, w.s.confirmForgotPassword, reset("123456", "N3w!passw"), "ExpiredCodeException", "Invalid code provided")
	if d := must(w, w.s.forgotPassword, forgot).CodeDeliveryDetails; d.Destination.V != "c***@e***" {
		t.Fatalf("%+v", d)
	}
	refused(w, w.s.confirmForgotPassword, reset(w.lastCode(), "weak"), "InvalidPasswordException", "not long enough")
	refused(w, w.s.confirmForgotPassword, reset("12345", "N3w!passw"), "CodeMismatchException", "Invalid verification code")
	must(w, w.s.confirmForgotPassword, reset(w.lastCode(), "N3w!passw"))
	refused(w, w.s.confirmForgotPassword, reset(w.lastCode(), "N3w!passw"), "ExpiredCodeException", "Invalid code provided")
	_, err := w.srp(p, cl, "carol", good)
	wantFault(t, err, "NotAuthorizedException", "Incorrect username or password.")
	if _, err := w.srp(p, cl, "carol", "N3w!passw"); err != nil {
		t.Fatal(err)
	}
	must(w, w.s.forgotPassword, forgot)
	w.wait(codeLife)
	refused(w, w.s.confirmForgotPassword, reset(w.lastCode(), "N3w!passw"), "ExpiredCodeException", "Invalid code provided")

	must(w, w.s.signUp, &cognitoidp.SignUpInput{ClientId: str(cl), Username: str("dan"), Password: str(good)})
	refused(w, w.s.forgotPassword, &cognitoidp.ForgotPasswordInput{ClientId: str(cl), Username: str("dan")}, "InvalidParameterException", "Cannot reset password for the user as there is no registered/verified email or phone_number")
	refused(w, w.s.forgotPassword, &cognitoidp.ForgotPasswordInput{ClientId: str(cl), Username: str("nobody")}, "UserNotFoundException", "User does not exist.")
	must(w, w.s.adminDisableUser, &cognitoidp.AdminDisableUserInput{UserPoolId: str(p), Username: str("carol")})
	refused(w, w.s.forgotPassword, forgot, "NotAuthorizedException", "User is disabled.")
}

func TestSignUpKeepsProvidersNames(t *testing.T) {
	w := newWorld(t)
	p := w.pool()
	cl := w.client(p)
	w.provider(p, "Works", kindOIDC, openIDDetails, nil)
	refused(w, w.s.signUp, &cognitoidp.SignUpInput{ClientId: str(cl), Username: str("Works_123"), Password: str(good)}, "InvalidParameterException", "cannot begin with the name of an identity provider")
	for _, name := range []string{"Works", "Worksman_1", "x_Works_1"} {
		must(w, w.s.signUp, &cognitoidp.SignUpInput{ClientId: str(cl), Username: str(name), Password: str(good)})
	}
}
