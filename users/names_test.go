package users

import (
	"testing"

	"bothy/api/cognitoidp"
	"bothy/wire"
)

// A name leads to one person: nobody takes a name under which another is found already, in whichever way.
func TestNobodyStandsInFrontOfAnother(t *testing.T) {
	w := newWorld(t)
	p := w.pool(func(in *cognitoidp.CreateUserPoolInput) { in.AliasAttributes = []string{"preferred_username", "email"} })
	cl := w.client(p)
	w.member(cl, "victim")
	w.member(cl, "thief")
	victim := must(w, w.s.adminGetUser, &cognitoidp.AdminGetUserInput{UserPoolId: str(p), Username: str("victim")})
	sub := value(victim.UserAttributes, "sub")
	prefer := func(who, name string) *cognitoidp.UpdateUserAttributesInput {
		return &cognitoidp.UpdateUserAttributesInput{AccessToken: w.signIn(p, cl, who).AccessToken, UserAttributes: attr("preferred_username", name)}
	}
	signUp := func(name string) *cognitoidp.SignUpInput {
		return &cognitoidp.SignUpInput{ClientId: str(cl), Username: str(name), Password: str(good)}
	}
	must(w, w.s.updateUserAttributes, prefer("victim", "vic"))

	refused(w, w.s.signUp, signUp(sub), "UsernameExistsException", "")
	refused(w, w.s.signUp, signUp("vic"), "UsernameExistsException", "")
	refused(w, w.s.updateUserAttributes, prefer("thief", "victim@example.com"), "InvalidParameterException", "")
	refused(w, w.s.updateUserAttributes, prefer("thief", "victim"), "AliasExistsException", "")
	refused(w, w.s.updateUserAttributes, prefer("thief", sub), "AliasExistsException", "")
	refused(w, w.s.updateUserAttributes, prefer("thief", "vic"), "AliasExistsException", "")
	for _, name := range []string{"victim", "vic", "victim@example.com", sub} {
		got := must(w, w.s.adminGetUser, &cognitoidp.AdminGetUserInput{UserPoolId: str(p), Username: str(name)})
		if got.Username.V != "victim" {
			t.Errorf("%s leads to %s", name, got.Username.V)
		}
	}
	must(w, w.s.updateUserAttributes, prefer("thief", "honest"))
}

// Where case does not count, the spelling that comes back must not tell who exists.
func TestSpellingTellsNothing(t *testing.T) {
	w := newWorld(t)
	p := w.pool(func(in *cognitoidp.CreateUserPoolInput) {
		in.UsernameConfiguration = &cognitoidp.UsernameConfigurationType{CaseSensitive: wire.Some(false)}
	})
	cl := w.client(p, hiding)
	w.member(cl, "Alice")
	for _, name := range []string{"aLICE", "nOBODY"} {
		in := &cognitoidp.InitiateAuthInput{ClientId: str(cl), AuthFlow: str("USER_SRP_AUTH"), AuthParameters: map[string]string{"USERNAME": name, "SRP_A": newSRPClient().A.Text(16)}}
		got := must(w, w.s.initiateAuth, in).ChallengeParameters["USER_ID_FOR_SRP"]
		if got != "alice" && got != "nobody" {
			t.Errorf("%s comes back as %s", name, got)
		}
	}
	if got := claimsOf(t, w.signIn(p, cl, "ALICE").AccessToken.V)["username"]; got != "alice" {
		t.Errorf("signed in as %v", got)
	}
}
