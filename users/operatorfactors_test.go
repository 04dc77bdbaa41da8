package users

import (
	"fmt"
	"testing"

	"bothy/api/cognitoidp"
)

// The SDK does not know these operations yet.

func TestOperatorsSeeAndTakeFactors(t *testing.T) {
	w := newWorld(t)
	p, cl, secret := w.withApp()
	seen := func() string {
		t.Helper()
		out := must(w, w.s.adminGetUserAuthFactors, &cognitoidp.AdminGetUserAuthFactorsInput{UserPoolId: str(p), Username: str("alice")})
		return fmt.Sprint(out.Username.V, out.UserMFASettingList, out.PreferredMfaSetting.V, out.ConfiguredUserAuthFactors)
	}
	if got := seen(); got != "alice[SOFTWARE_TOKEN_MFA]SOFTWARE_TOKEN_MFA[PASSWORD]" {
		t.Error(got)
	}
	waiting := w.challenged(cl, "alice", softwareTokenMFA)
	must(w, w.s.adminDeleteSoftwareToken, &cognitoidp.AdminDeleteSoftwareTokenInput{UserPoolId: str(p), Username: str("alice")})
	if got := seen(); got != "alice[][PASSWORD]" {
		t.Error(got)
	}
	if _, err := w.s.respondToAuthChallenge(w.call(), answer(cl, softwareTokenMFA, waiting.Session.V, "SOFTWARE_TOKEN_MFA_CODE", w.code(secret, 0))); err == nil {
		t.Error("a code of the app that is gone was taken")
	}
	if out := must(w, w.s.initiateAuth, passwordAuth(cl, "alice", good)); out.AuthenticationResult == nil {
		t.Errorf("%+v", out)
	}
	for _, name := range []string{"nobody"} {
		refused(w, w.s.adminDeleteSoftwareToken, &cognitoidp.AdminDeleteSoftwareTokenInput{UserPoolId: str(p), Username: str(name)}, "UserNotFoundException", "User does not exist.")
		refused(w, w.s.adminGetUserAuthFactors, &cognitoidp.AdminGetUserAuthFactorsInput{UserPoolId: str(p), Username: str(name)}, "UserNotFoundException", "User does not exist.")
	}
}

func TestTermsOfAClient(t *testing.T) {
	w := newWorld(t)
	p := w.pool()
	cl, other := w.client(p), w.client(p)
	made := must(w, w.s.createTerms, &cognitoidp.CreateTermsInput{
		UserPoolId: str(p), ClientId: str(cl), TermsName: str("terms-of-use"), TermsSource: str("LINK"), Enforcement: str("NONE"),
		Links: map[string]string{"cognito:default": "https://example.com/terms"},
	})
	ask := func(client, name string) *cognitoidp.DescribeTermsByClientInput {
		return &cognitoidp.DescribeTermsByClientInput{UserPoolId: str(p), ClientId: str(client), TermsName: str(name)}
	}
	if out := must(w, w.s.describeTermsByClient, ask(cl, "terms-of-use")); out.Terms.TermsId != made.Terms.TermsId {
		t.Errorf("%+v", out.Terms)
	}
	refused(w, w.s.describeTermsByClient, ask(cl, "privacy-policy"), "ResourceNotFoundException", "The client has no terms privacy-policy.")
	refused(w, w.s.describeTermsByClient, ask(other, "terms-of-use"), "ResourceNotFoundException", "The client has no terms terms-of-use.")
	foreign := w.client(w.pool())
	refused(w, w.s.describeTermsByClient, ask(foreign, "terms-of-use"), "ResourceNotFoundException", "User pool client")
}
