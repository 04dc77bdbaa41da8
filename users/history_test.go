package users

import (
	"testing"

	"bothy/api/cognitoidp"
	"bothy/wire"
)

func remembering(n int32) func(*cognitoidp.CreateUserPoolInput) {
	return func(in *cognitoidp.CreateUserPoolInput) {
		in.Policies = &cognitoidp.UserPoolPolicyType{PasswordPolicy: &cognitoidp.PasswordPolicyType{PasswordHistorySize: wire.Some(n)}}
	}
}

func TestPasswordHistory(t *testing.T) {
	w := newWorld(t)
	p := w.pool(remembering(3))
	cl := w.client(p)
	w.member(cl, "alice")
	set := func(password string) *cognitoidp.AdminSetUserPasswordInput {
		return &cognitoidp.AdminSetUserPasswordInput{UserPoolId: str(p), Username: str("alice"), Password: str(password), Permanent: wire.Some(true)}
	}
	const code, text = "PasswordHistoryPolicyViolationException", "Password has previously been used"
	refused(w, w.s.adminSetUserPassword, set(good), code, text)
	must(w, w.s.adminSetUserPassword, set("Second-2-pw"))
	refused(w, w.s.adminSetUserPassword, set(good), code, text)
	must(w, w.s.adminSetUserPassword, set("Third-3-pw"))
	tokens, err := w.srp(p, cl, "alice", "Third-3-pw")
	if err != nil {
		t.Fatal(err)
	}
	change := func(previous, proposed string) *cognitoidp.ChangePasswordInput {
		return &cognitoidp.ChangePasswordInput{AccessToken: tokens.AuthenticationResult.AccessToken, PreviousPassword: str(previous), ProposedPassword: str(proposed)}
	}
	refused(w, w.s.changePassword, change("Third-3-pw", good), code, text)
	refused(w, w.s.changePassword, change("wrong", good), "NotAuthorizedException", "Incorrect username or password.") // and tells nothing of good
	must(w, w.s.changePassword, change("Third-3-pw", "Fourth-4-pw"))

	must(w, w.s.forgotPassword, &cognitoidp.ForgotPasswordInput{ClientId: str(cl), Username: str("alice")})
	reset := func(code, password string) *cognitoidp.ConfirmForgotPasswordInput {
		return &cognitoidp.ConfirmForgotPasswordInput{ClientId: str(cl), Username: str("alice"), ConfirmationCode: str(code), Password: str(password)}
	}
	refused(w, w.s.confirmForgotPassword, reset("12345", "Third-3-pw"), "CodeMismatchException", "Invalid verification code")
	refused(w, w.s.confirmForgotPassword, reset(w.lastCode(), "Third-3-pw"), code, text)
	must(w, w.s.confirmForgotPassword, reset(w.lastCode(), good)) // the first of four is forgotten
	must(w, w.s.adminDeleteUser, &cognitoidp.AdminDeleteUserInput{UserPoolId: str(p), Username: str("alice")})
	must(w, w.s.deleteUserPool, &cognitoidp.DeleteUserPoolInput{UserPoolId: str(p)})
	if left := w.rows(); left != 0 {
		t.Errorf("%d keys are left", left)
	}
}

func TestNewPasswordIsNotTheTemporaryOne(t *testing.T) {
	w := newWorld(t)
	p := w.pool(remembering(1))
	cl := w.client(p)
	must(w, w.s.adminCreateUser, &cognitoidp.AdminCreateUserInput{UserPoolId: str(p), Username: str("bob"), TemporaryPassword: str(good), MessageAction: str("SUPPRESS")})
	answer := func(password string) error {
		begun, err := w.srp(p, cl, "bob", good)
		if err != nil {
			return err
		}
		_, err = w.s.respondToAuthChallenge(w.call(), &cognitoidp.RespondToAuthChallengeInput{
			ClientId: str(cl), ChallengeName: begun.ChallengeName, Session: begun.Session, ChallengeResponses: map[string]string{"USERNAME": "bob", "NEW_PASSWORD": password},
		})
		return err
	}
	wantFault(t, answer(good), "PasswordHistoryPolicyViolationException", "Password has previously been used")
	if err := answer("Second-2-pw"); err != nil {
		t.Fatal(err)
	}
}
