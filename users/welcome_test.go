package users

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/wire"
)

// openIDDetails need no provider to answer.
var openIDDetails = map[string]string{"client_id": "app", "client_secret": "secret", "attributes_request_method": "GET", "oidc_issuer": "https://idp.example", "authorize_scopes": "openid email",
	"authorize_url": "https://idp.example/authorize", "token_url": "https://idp.example/token", "jwks_uri": "https://idp.example/keys"}

// comes has the provider vouch for somebody.
func (g *gate) comes(subject string, values map[string]string) (*user, error) {
	return g.w.s.welcome(g.w.call(), g.p, g.cl, g.idp, &arrival{subject: subject, values: values, raw: map[string]any{"idToken": values}})
}

func pairs(list ...string) map[string]string {
	m := map[string]string{}
	for i := 0; i < len(list); i += 2 {
		m[list[i]] = list[i+1]
	}
	return m
}

// openWorld has a pool with a provider "Works".
func openWorld(t *testing.T, change ...func(*cognitoidp.CreateUserPoolInput)) (w *world, g *gate) {
	w = newWorld(t)
	p := w.pool(change...)
	w.provider(p, "Works", kindOIDC, openIDDetails, map[string]string{"email": "mail", "email_verified": "verified", "name": "name"})
	return w, w.gate(p, w.client(p, offering("COGNITO", "Works")), "Works")
}

func TestProfileFollowsTheProvider(t *testing.T) {
	w, g := openWorld(t)
	step := func(values map[string]string, want string) {
		t.Helper()
		u, err := g.comes("1", values)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(u.Attributes); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	step(pairs("mail", "a@example.com", "verified", "True", "role", "admin"), "map[email:a@example.com email_verified:true]")
	step(pairs("mail", "a@example.com", "name", "Ann"), "map[email:a@example.com email_verified:true name:Ann]")
	step(pairs("mail", "b@example.com"), "map[email:b@example.com email_verified:false name:Ann]")
	step(pairs("mail", "c@example.com", "verified", "true"), "map[email:c@example.com email_verified:true name:Ann]")
	_, err := g.comes("1", pairs("mail", "not an address"))
	wantFault(t, err, "InvalidParameterException", "Invalid email address format.")
	_, err = g.comes(strings.Repeat("x", longestName), nil)
	wantFault(t, err, "InvalidParameterException", "too long")
	if n := len(must(w, w.s.listUsers, &cognitoidp.ListUsersInput{UserPoolId: str(g.p.ID)}).Users); n != 1 {
		t.Errorf("%d users", n)
	}
}

// TestAddressesOfOthers: who comes from a provider takes no name from a local user, and none is taken for them.
func TestAddressesOfOthers(t *testing.T) {
	for name, change := range map[string]func(*cognitoidp.CreateUserPoolInput){
		"alias":    func(in *cognitoidp.CreateUserPoolInput) { in.AliasAttributes = []string{"email"} },
		"username": func(in *cognitoidp.CreateUserPoolInput) { in.UsernameAttributes = []string{"email"} },
	} {
		w, g := openWorld(t, change)
		login := "ann"
		if name == "username" {
			login = "ann@example.com"
			must(w, w.s.adminCreateUser, &cognitoidp.AdminCreateUserInput{UserPoolId: str(g.p.ID), Username: str(login), MessageAction: str("SUPPRESS")})
			must(w, w.s.adminSetUserPassword, &cognitoidp.AdminSetUserPasswordInput{UserPoolId: str(g.p.ID), Username: str(login), Password: str(good), Permanent: wire.Some(true)})
		} else {
			w.member(g.cl.ID, login)
		}
		u, err := g.comes("1", pairs("mail", "ann@example.com", "verified", "true"))
		if err != nil || u.Name != "Works_1" {
			t.Fatalf("%s: %+v, %v", name, u, err)
		}
		if out := must(w, w.s.adminGetUser, &cognitoidp.AdminGetUserInput{UserPoolId: str(g.p.ID), Username: str("ann@example.com")}); out.UserStatus.V != confirmed {
			t.Errorf("%s: the address leads to %+v", name, out)
		}
		w.signIn(g.p.ID, g.cl.ID, "ann@example.com")
	}
}

func TestRequiredAttributes(t *testing.T) {
	w, g := openWorld(t, func(in *cognitoidp.CreateUserPoolInput) {
		in.Schema = []cognitoidp.SchemaAttributeType{
			{Name: str("email"), Required: wire.Some(true), Mutable: wire.Some(true)}, {Name: str("phone_number"), Required: wire.Some(true), Mutable: wire.Some(true)},
			{Name: str("name"), Mutable: wire.Some(false)},
		}
	})
	_, err := g.comes("1", nil)
	wantFault(t, err, "InvalidParameterException", "attributes required: [email, phone_number]")
	must(w, w.s.updateIdentityProvider, &cognitoidp.UpdateIdentityProviderInput{UserPoolId: str(g.p.ID), ProviderName: str("Works"), AttributeMapping: pairs("email", "mail", "phone_number", "phone", "name", "name")})
	g = w.gate(g.p.ID, g.cl.ID, "Works")
	if _, err := g.comes("1", pairs("mail", "a@example.com", "phone", "+4912345", "name", "Ann")); err != nil {
		t.Fatal(err)
	}
	if _, err := g.comes("1", pairs("mail", "a@example.com", "name", "Ann")); err != nil {
		t.Fatal("an unchanged immutable attribute:", err)
	}
	_, err = g.comes("1", pairs("name", "Eve"))
	wantFault(t, err, "InvalidParameterException", "Attribute cannot be updated.")
}

func TestExternalUsersHaveNoPassword(t *testing.T) {
	w, g := openWorld(t)
	if _, err := g.comes("1", pairs("mail", "a@example.com", "verified", "true")); err != nil {
		t.Fatal(err)
	}
	p, name := str(g.p.ID), str("Works_1")
	refused(w, w.s.initiateAuth, passwordAuth(g.cl.ID, name.V, good), "NotAuthorizedException", "Incorrect username or password.")
	refused(w, w.s.forgotPassword, &cognitoidp.ForgotPasswordInput{ClientId: str(g.cl.ID), Username: name}, "NotAuthorizedException", "User password cannot be reset in the current state.")
	refused(w, w.s.adminResetUserPassword, &cognitoidp.AdminResetUserPasswordInput{UserPoolId: p, Username: name}, "NotAuthorizedException", "User password cannot be reset in the current state.")
	refused(w, w.s.adminConfirmSignUp, &cognitoidp.AdminConfirmSignUpInput{UserPoolId: p, Username: name}, "NotAuthorizedException", "User cannot be confirmed. Current status is EXTERNAL_PROVIDER")
	refused(w, w.s.resendConfirmationCode, &cognitoidp.ResendConfirmationCodeInput{ClientId: str(g.cl.ID), Username: name}, "InvalidParameterException", "User is already confirmed.")
	if u, err := g.comes("1", nil); err != nil || mayEnter(u, w.now()) == nil {
		t.Error("whatever else they might show, they sign in at their provider:", err)
	}
	// An operator may give them one: they are then a local user as well, as in AWS.
	must(w, w.s.adminSetUserPassword, &cognitoidp.AdminSetUserPasswordInput{UserPoolId: p, Username: name, Password: str(good), Permanent: wire.Some(true)})
	w.signIn(g.p.ID, g.cl.ID, name.V)
	if u, err := g.comes("1", nil); err != nil || u.Status != confirmed {
		t.Error(u, err)
	}
	must(w, w.s.adminDisableUser, &cognitoidp.AdminDisableUserInput{UserPoolId: p, Username: name})
	_, err := g.comes("1", nil)
	wantFault(t, err, "NotAuthorizedException", "User is disabled.")
	must(w, w.s.adminDeleteUser, &cognitoidp.AdminDeleteUserInput{UserPoolId: p, Username: name})
	if u, err := g.comes("1", nil); err != nil || u.Status != external {
		t.Error("after deletion nothing must be left of the identity:", u, err)
	}
}

func TestTriggersOfFederation(t *testing.T) {
	arn := str("arn:aws:lambda:us-east-1:123456789012:function:f")
	w := newWorld(t)
	f := &functions{answer: func(*event) error { return nil }}
	w.s.cfg.Invoke = f
	p := w.pool(func(in *cognitoidp.CreateUserPoolInput) {
		in.LambdaConfig = &cognitoidp.LambdaConfigType{PreSignUp: arn, PostConfirmation: arn, PreAuthentication: arn, InboundFederation: &cognitoidp.InboundFederationLambdaType{LambdaArn: arn, LambdaVersion: str("V1_0")}}
	})
	w.provider(p, "Works", kindOIDC, openIDDetails, map[string]string{"email": "mail"})
	g := w.gate(p, w.client(p, offering("Works")), "Works")
	sources := func() (out []string) {
		for _, e := range f.seen {
			out = append(out, e.TriggerSource)
		}
		f.seen = nil
		return out
	}
	f.answer = func(e *event) error {
		if e.TriggerSource == "PreSignUp_ExternalProvider" {
			return &FunctionError{"not you"}
		}
		return nil
	}
	_, err := g.comes("1", pairs("mail", "a@example.com"))
	wantFault(t, err, "UserLambdaValidationException", "PreSignUp failed with error not you.")
	refused(w, w.s.adminGetUser, &cognitoidp.AdminGetUserInput{UserPoolId: str(p), Username: str("Works_1")}, "UserNotFoundException", "")
	sources()

	f.answer = func(e *event) error {
		switch e.TriggerSource {
		case "InboundFederation_ExternalProvider":
			if e.Request["providerName"] != "Works" || e.Request["providerType"] != "OIDC" || fmt.Sprint(e.Request["attributes"]) != "map[idToken:map[mail:a@example.com]]" || e.UserName != "Works_1" {
				return fmt.Errorf("%+v", e)
			}
			e.Response = map[string]any{"userAttributesToMap": map[string]any{"mail": "changed@example.com"}}
		case "PreSignUp_ExternalProvider":
			if attributes := e.Request["userAttributes"].(map[string]any); attributes["email"] != "changed@example.com" || attributes["cognito:user_status"] != external || !strings.Contains(attributes["identities"].(string), `"userId":"1"`) {
				return fmt.Errorf("%+v", e)
			}
			e.Response = map[string]any{"autoVerifyEmail": true, "autoConfirmUser": true}
		}
		return nil
	}
	u, err := g.comes("1", pairs("mail", "a@example.com"))
	if err != nil || u.Attributes["email"] != "changed@example.com" || u.Attributes["email_verified"] != "true" || u.Status != external {
		t.Fatalf("%+v, %v", u, err)
	}
	if got := sources(); !slices.Equal(got, []string{"InboundFederation_ExternalProvider", "PreSignUp_ExternalProvider", "PostConfirmation_ConfirmSignUp"}) {
		t.Error(got)
	}
	if _, err := g.comes("1", pairs("mail", "a@example.com")); err != nil {
		t.Fatal(err)
	}
	if got := sources(); !slices.Equal(got, []string{"InboundFederation_ExternalProvider", "PreAuthentication_Authentication"}) {
		t.Error(got)
	}
	f.answer = func(e *event) error {
		e.Response = map[string]any{"userAttributesToMap": map[string]any{"mail": 7}}
		return nil
	}
	_, err = g.comes("1", pairs("mail", "a@example.com"))
	wantFault(t, err, "InvalidLambdaResponseException", "Unrecognizable lambda output")
	f.answer = func(e *event) error { return errors.New("away") }
	_, err = g.comes("1", nil)
	wantFault(t, err, "UnexpectedLambdaException", "InboundFederation invocation failed.")
}

// linkTo links somebody at Works.
func (g *gate) linkTo(attribute, value, destinationProvider, name string) (*cognitoidp.AdminLinkProviderForUserOutput, error) {
	return g.w.s.adminLinkProviderForUser(g.w.call(), &cognitoidp.AdminLinkProviderForUserInput{
		UserPoolId: str(g.p.ID), DestinationUser: identifier(destinationProvider, "", name), SourceUser: identifier("Works", attribute, value),
	})
}

func identifier(provider, attribute, value string) *cognitoidp.ProviderUserIdentifierType {
	return &cognitoidp.ProviderUserIdentifierType{ProviderName: str(provider), ProviderAttributeName: str(attribute), ProviderAttributeValue: str(value)}
}

func (g *gate) unlink(provider, attribute, value string) error {
	_, err := g.w.s.adminDisableProviderForUser(g.w.call(), &cognitoidp.AdminDisableProviderForUserInput{UserPoolId: str(g.p.ID), User: identifier(provider, attribute, value)})
	return err
}

func TestLinks(t *testing.T) {
	w, g := openWorld(t)
	w.member(g.cl.ID, "ann")
	w.member(g.cl.ID, "bob")
	if _, err := g.linkTo(byProvider, "1", "Cognito", "ann"); err != nil {
		t.Fatal(err)
	}
	if _, err := g.linkTo("email", "b@works.example", "Cognito", "bob"); err != nil {
		t.Fatal(err)
	}
	u, err := g.comes("1", pairs("name", "Ann at Works"))
	if err != nil || u.Name != "ann" || u.Status != confirmed || u.Attributes["name"] != "Ann at Works" || u.Identities[0].Primary {
		t.Fatalf("%+v, %v", u, err)
	}
	if claims := g.tokensOf(t, u); claims["cognito:groups"] != nil || claims["identities"].([]any)[0].(map[string]any)["primary"] != "false" {
		t.Errorf("%v", claims)
	}
	w.signIn(g.p.ID, g.cl.ID, "ann")
	u, err = g.comes("2", pairs("mail", "b@works.example"))
	if err != nil || u.Name != "bob" || u.Attributes["email"] != "b@works.example" {
		t.Fatalf("%+v, %v", u, err)
	}
	if u, err = g.comes("2", nil); err != nil || u.Name != "bob" {
		t.Fatal("after the first sign-in the link is by the provider's own name:", u, err)
	}
	if u, err = g.comes("3", pairs("mail", "b@works.example")); err != nil || u.Name != "Works_3" {
		t.Fatal("the link by address is used up:", u, err)
	}

	wantFault(t, g.unlink("Works", "email", "b@works.example"), "UserNotFoundException", "")
	wantFault(t, g.unlink("Works", byProvider, "3"), "InvalidParameterException", "was made by the provider")
	if err := g.unlink("Works", byProvider, "2"); err != nil {
		t.Fatal(err)
	}
	if u, err = g.comes("2", nil); err != nil || u.Name != "Works_2" {
		t.Fatal("after the link was undone:", u, err)
	}
	if err := g.unlink("Cognito", byProvider, "ann"); err != nil {
		t.Fatal(err)
	}
	refused(w, w.s.initiateAuth, passwordAuth(g.cl.ID, "ann", good), "NotAuthorizedException", "Incorrect username or password.")
	if u, err = g.comes("1", nil); err != nil || u.Name != "ann" {
		t.Fatal(u, err)
	}
	wantFault(t, g.unlink("Cognito", "email", "ann"), "InvalidParameterException", "must be Cognito_Subject")
}

func TestLinksRefused(t *testing.T) {
	w, g := openWorld(t)
	w.provider(g.p.ID, "Google", kindGoogle, map[string]string{"client_id": "a", "client_secret": "b", "authorize_scopes": "openid"}, map[string]string{"email": "email"})
	w.member(g.cl.ID, "ann")
	must(w, w.s.signUp, &cognitoidp.SignUpInput{ClientId: str(g.cl.ID), Username: str("eve"), Password: str(good), UserAttributes: attr("email", "eve@example.com")})
	if _, err := g.comes("1", nil); err != nil {
		t.Fatal(err)
	}
	link := func(source *cognitoidp.ProviderUserIdentifierType, to, code, message string) {
		t.Helper()
		refused(w, w.s.adminLinkProviderForUser, &cognitoidp.AdminLinkProviderForUserInput{UserPoolId: str(g.p.ID), DestinationUser: identifier("Cognito", "", to), SourceUser: source}, code, message)
	}
	link(identifier("Cognito", byProvider, "eve"), "ann", "InvalidParameterException", "may not be passed in as a SourceUser")
	link(identifier("Nowhere", byProvider, "1"), "ann", "ResourceNotFoundException", "Identity provider Nowhere does not exist.")
	link(identifier("Works", byProvider, "2"), "nobody", "UserNotFoundException", "")
	link(identifier("Works", byProvider, "1"), "ann", "InvalidParameterException", "Merging is not currently supported")
	link(identifier("Works", "phone_number", "+49"), "ann", "InvalidParameterException", "ProviderAttributeName must be")
	link(identifier("Google", "email", "a@example.com"), "ann", "InvalidParameterException", "ProviderAttributeName must be")
	link(identifier("Works", byProvider, ""), "ann", "InvalidParameterException", "ProviderAttributeValue must have")
	link(identifier("Works", byProvider, strings.Repeat("x", longestSubject+1)), "ann", "InvalidParameterException", "ProviderAttributeValue must have")
	for n := range maxIdentities {
		if _, err := g.linkTo(byProvider, fmt.Sprint("a", n), "Cognito", "ann"); err != nil {
			t.Fatal(err)
		}
	}
	link(identifier("Works", byProvider, "a0"), "eve", "InvalidParameterException", "Merging is not currently supported")
	link(identifier("Works", byProvider, "one more"), "ann", "LimitExceededException", "")
	// A link to somebody who has not confirmed the address they signed up with lets nobody in.
	if _, err := g.linkTo(byProvider, "e", "Cognito", "eve"); err != nil {
		t.Fatal(err)
	}
	link(identifier("Works", byProvider, "e"), "eve", "InvalidParameterException", "already linked to DestinationUser")
	_, err := g.comes("e", nil)
	wantFault(t, err, "UserNotConfirmedException", "User is not confirmed.")
	// Users of a provider can be destinations too.
	if _, err := g.linkTo(byProvider, "second", "Works", "1"); err != nil {
		t.Fatal(err)
	}
	if u, err := g.comes("second", nil); err != nil || u.Name != "Works_1" {
		t.Error(u, err)
	}
}

// TestLinkedDuringSignUp has the function before sign-up link the newcomer to a local user: they are the local user at once.
func TestLinkedDuringSignUp(t *testing.T) {
	w, g := openWorld(t, func(in *cognitoidp.CreateUserPoolInput) {})
	w.member(g.cl.ID, "ann")
	f := &functions{}
	w.s.cfg.Invoke = f
	f.answer = func(e *event) error {
		if e.TriggerSource != "PreSignUp_ExternalProvider" {
			return nil
		}
		_, err := g.linkTo(byProvider, "1", "Cognito", "ann")
		return err
	}
	must(w, w.s.updateUserPool, &cognitoidp.UpdateUserPoolInput{UserPoolId: str(g.p.ID), LambdaConfig: &cognitoidp.LambdaConfigType{PreSignUp: str("arn:aws:lambda:us-east-1:123456789012:function:f")}})
	g = w.gate(g.p.ID, g.cl.ID, "Works")
	u, err := g.comes("1", pairs("mail", "ann@example.com"))
	if err != nil || u.Name != "ann" || len(u.Identities) != 1 {
		t.Fatalf("%+v, %v", u, err)
	}
	err = w.s.view(w.ctx, func(tx *kv.Tx) error {
		_, err := lookup(tx, account, g.p, "Works_1")
		return err
	})
	if !absent(err) {
		t.Error("a second user was made:", err)
	}
}

// TestFirstSignInsAtOnce makes one user.
func TestFirstSignInsAtOnce(t *testing.T) {
	_, g := openWorld(t)
	subs := make(chan string, 8)
	for range cap(subs) {
		go func() {
			u, err := g.comes("1", pairs("mail", "a@example.com"))
			if err != nil {
				subs <- err.Error()
				return
			}
			subs <- u.Sub
		}()
	}
	first := <-subs
	for range cap(subs) - 1 {
		if sub := <-subs; sub != first {
			t.Errorf("%s and %s", sub, first)
		}
	}
}
