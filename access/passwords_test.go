package access

import (
	"errors"
	"strings"
	"testing"
	"time"

	"bothy/api/iam"
	"bothy/wire"
)

const (
	goodPassword  = "Correct-Horse-1"
	otherPassword = "Battery-Staple-2"
)

// signIn tries a password and tells how it went.
func (s *stage) signIn(user, password, code string) (*SignIn, error) {
	return s.CheckPassword(s.Context(), SignInTry{Account: s.account, UserName: user, Password: password, Code: code, SourceIP: "192.0.2.1"})
}

func (s *stage) refuses(user, password, code string, want error) {
	s.Helper()
	if who, err := s.signIn(user, password, code); !errors.Is(err, want) || who != nil {
		s.Errorf("sign-in of %s: %v, %v; want %v", user, who, err, want)
	}
}

func TestLoginProfile(t *testing.T) {
	s := newStage(t)
	s.user("Ann")
	name := some("ann")
	fails(s, s.root, iam.GetLoginProfile, &iam.GetLoginProfileInput{UserName: name}, "NoSuchEntity", "Login Profile for User Ann cannot be found.")
	fails(s, s.root, iam.CreateLoginProfile, &iam.CreateLoginProfileInput{UserName: name}, "ValidationError", "password must be specified")
	fails(s, s.root, iam.CreateLoginProfile, &iam.CreateLoginProfileInput{UserName: some("nobody"), Password: some(goodPassword)}, "NoSuchEntity", "nobody")
	fails(s, s.root, iam.CreateLoginProfile, &iam.CreateLoginProfileInput{Password: some(goodPassword)}, "ValidationError", "userName")
	for _, weak := range []string{"Short-1", "lower-only", "nokindsatall"} {
		fails(s, s.root, iam.CreateLoginProfile, &iam.CreateLoginProfileInput{UserName: name, Password: some(weak)}, "PasswordPolicyViolation", "Password")
	}
	made := as(s, s.root, iam.CreateLoginProfile, &iam.CreateLoginProfileInput{UserName: name, Password: some(goodPassword), PasswordResetRequired: wire.Some(true)}).LoginProfile
	if made.UserName.V != "Ann" || !made.PasswordResetRequired.V {
		t.Errorf("login profile %+v", made)
	}
	fails(s, s.root, iam.CreateLoginProfile, &iam.CreateLoginProfileInput{UserName: name, Password: some(goodPassword)}, "EntityAlreadyExists", "already exists")
	if who, err := s.signIn("ANN", goodPassword, ""); err != nil || who.UserName != "Ann" || !who.MustChange || who.MFA {
		t.Errorf("signed in %+v, %v", who, err)
	}
	if u := as(s, s.root, iam.GetUser, &iam.GetUserInput{UserName: name}).User; !u.PasswordLastUsed.V.Equal(s.now) {
		t.Errorf("user %+v", u)
	}
	as(s, s.root, iam.UpdateLoginProfile, &iam.UpdateLoginProfileInput{UserName: name, PasswordResetRequired: wire.Some(false)})
	if p := as(s, s.root, iam.GetLoginProfile, &iam.GetLoginProfileInput{UserName: name}).LoginProfile; p.PasswordResetRequired.V {
		t.Errorf("login profile %+v", p)
	}
	as(s, s.root, iam.UpdateLoginProfile, &iam.UpdateLoginProfileInput{UserName: name, Password: some(otherPassword)})
	s.refuses("ann", goodPassword, "", ErrPassword)
	if who, err := s.signIn("ann", otherPassword, ""); err != nil || who.MustChange {
		t.Errorf("signed in %+v, %v", who, err)
	}
	for _, k := range as(s, s.root, iam.ListAccessKeys, &iam.ListAccessKeysInput{UserName: name}).AccessKeyMetadata {
		as(s, s.root, iam.DeleteAccessKey, &iam.DeleteAccessKeyInput{UserName: name, AccessKeyId: k.AccessKeyId})
	}
	fails(s, s.root, iam.DeleteUser, &iam.DeleteUserInput{UserName: name}, "DeleteConflict", "login profile")
	as(s, s.root, iam.DeleteLoginProfile, &iam.DeleteLoginProfileInput{UserName: name})
	fails(s, s.root, iam.DeleteLoginProfile, &iam.DeleteLoginProfileInput{UserName: name}, "NoSuchEntity", "Login Profile")
	s.refuses("ann", otherPassword, "", ErrPassword)
	as(s, s.root, iam.DeleteUser, &iam.DeleteUserInput{UserName: name})
	s.refuses("ann", otherPassword, "", ErrPassword)
}

// TestGuessingPasswords: an unknown user is locked out like a known one, and an address that tries many users is stopped too.
func TestGuessingPasswords(t *testing.T) {
	s := newStage(t)
	s.user("ann")
	as(s, s.root, iam.CreateLoginProfile, &iam.CreateLoginProfileInput{UserName: some("ann"), Password: some(goodPassword)})
	for _, user := range []string{"ann", "nobody"} {
		for range freeFailures {
			s.refuses(user, otherPassword, "", ErrPassword)
		}
		s.refuses(user, goodPassword, "", ErrPasswordTries)
	}
	s.now = s.now.Add(time.Second)
	if _, err := s.signIn("ann", goodPassword, ""); err != nil {
		t.Error(err)
	}
	s.refuses("nobody", goodPassword, "", ErrPassword)
	s.refuses(strings.Repeat("x", 10_000), goodPassword, "", ErrPassword)
	for ok := true; ok; {
		ok = must(s.brake.Take(t.Context(), "access.password/"+wire.Household("192.0.2.1"), signInsPerAddress, s.now))
	}
	s.refuses("somebody-else", "", "", ErrPasswordTries)
}

func TestSecondFactor(t *testing.T) {
	s := newStage(t)
	s.user("ann")
	s.user("bob")
	as(s, s.root, iam.CreateLoginProfile, &iam.CreateLoginProfileInput{UserName: some("ann"), Password: some(goodPassword)})
	_, seed := s.device("ann", "phone")
	_, foreign := s.device("bob", "other")
	s.now = s.now.Add(time.Minute)
	s.refuses("ann", goodPassword, "", ErrCode)
	s.refuses("ann", otherPassword, s.code(seed, 0), ErrPassword)
	s.refuses("ann", goodPassword, s.code(foreign, 0), ErrCode)
	if who, err := s.signIn("ann", goodPassword, s.code(seed, 0)); err != nil || !who.MFA {
		t.Errorf("signed in %+v, %v", who, err)
	}
	s.refuses("ann", goodPassword, s.code(seed, 0), ErrCode) // once only
}

func TestPasswordPolicy(t *testing.T) {
	s := newStage(t)
	s.user("ann")
	fails(s, s.root, iam.GetAccountPasswordPolicy, &iam.GetAccountPasswordPolicyInput{}, "NoSuchEntity", "The Password Policy with domain name "+s.account)
	fails(s, s.root, iam.DeleteAccountPasswordPolicy, &iam.DeleteAccountPasswordPolicyInput{}, "NoSuchEntity", "")
	as(s, s.root, iam.UpdateAccountPasswordPolicy, &iam.UpdateAccountPasswordPolicyInput{})
	if p := as(s, s.root, iam.GetAccountPasswordPolicy, &iam.GetAccountPasswordPolicyInput{}).PasswordPolicy; p.MinimumPasswordLength.V != 6 || p.ExpirePasswords.V || p.MaxPasswordAge.Set {
		t.Errorf("policy %+v", p)
	}
	yes := wire.Some(true)
	all := &iam.UpdateAccountPasswordPolicyInput{MinimumPasswordLength: wire.Some(int32(10)), RequireSymbols: yes, RequireNumbers: yes, RequireUppercaseCharacters: yes,
		RequireLowercaseCharacters: yes, AllowUsersToChangePassword: yes, MaxPasswordAge: wire.Some(int32(30)), PasswordReusePrevention: wire.Some(int32(2)), HardExpiry: yes}
	as(s, s.root, iam.UpdateAccountPasswordPolicy, all)
	p := as(s, s.root, iam.GetAccountPasswordPolicy, &iam.GetAccountPasswordPolicyInput{}).PasswordPolicy
	if p.MinimumPasswordLength.V != 10 || !p.RequireSymbols.V || !p.AllowUsersToChangePassword.V || !p.ExpirePasswords.V || p.MaxPasswordAge.V != 30 || p.PasswordReusePrevention.V != 2 || !p.HardExpiry.V {
		t.Errorf("policy %+v", p)
	}
	for password, want := range map[string]string{"Aa1!": "minimum length of 10", "Aaaaaaaaa1": "symbol", "Aaaaaaaaa!": "number", "aaaaaaaa1!": "uppercase", "AAAAAAAA1!": "lowercase"} {
		fails(s, s.root, iam.CreateLoginProfile, &iam.CreateLoginProfileInput{UserName: some("ann"), Password: some(password)}, "PasswordPolicyViolation", want)
	}
	as(s, s.root, iam.CreateLoginProfile, &iam.CreateLoginProfileInput{UserName: some("ann"), Password: some(goodPassword)})
	s.now = s.now.AddDate(0, 0, 30)
	s.refuses("ann", goodPassword, "", ErrPasswordExpired)
	soft := *all
	soft.HardExpiry = wire.Some(false)
	as(s, s.root, iam.UpdateAccountPasswordPolicy, &soft)
	if who, err := s.signIn("ann", goodPassword, ""); err != nil || !who.MustChange {
		t.Errorf("with an old password: %+v, %v", who, err)
	}
	as(s, s.root, iam.DeleteAccountPasswordPolicy, &iam.DeleteAccountPasswordPolicyInput{})
	if who, err := s.signIn("ann", goodPassword, ""); err != nil || who.MustChange {
		t.Errorf("without a policy: %+v, %v", who, err)
	}
}

func TestChangePassword(t *testing.T) {
	s := newStage(t)
	ann, _ := s.user("ann")
	denied, _ := s.user("denied", `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"iam:ChangePassword","Resource":"*"}}`)
	as(s, s.root, iam.CreateLoginProfile, &iam.CreateLoginProfileInput{UserName: some("ann"), Password: some(goodPassword), PasswordResetRequired: wire.Some(true)})
	in := func(old, wanted string) *iam.ChangePasswordInput {
		return &iam.ChangePasswordInput{OldPassword: some(old), NewPassword: some(wanted)}
	}
	fails(s, ann, iam.ChangePassword, in(goodPassword, otherPassword), "AccessDenied", "")
	as(s, s.root, iam.UpdateAccountPasswordPolicy, &iam.UpdateAccountPasswordPolicyInput{AllowUsersToChangePassword: wire.Some(true), PasswordReusePrevention: wire.Some(int32(2))})
	fails(s, s.root, iam.ChangePassword, in(goodPassword, otherPassword), "InvalidUserType", "")
	fails(s, denied, iam.ChangePassword, in(goodPassword, otherPassword), "AccessDenied", "denied by statement")
	fails(s, ann, iam.ChangePassword, in(otherPassword, goodPassword), "AccessDenied", "old password was incorrect")
	fails(s, ann, iam.ChangePassword, in(goodPassword, "x"), "PasswordPolicyViolation", "minimum length")
	fails(s, ann, iam.ChangePassword, in(goodPassword, goodPassword), "PasswordPolicyViolation", "used before")
	as(s, ann, iam.ChangePassword, in(goodPassword, otherPassword))
	if who, err := s.signIn("ann", otherPassword, ""); err != nil || who.MustChange {
		t.Errorf("signed in %+v, %v", who, err)
	}
	fails(s, ann, iam.ChangePassword, in(otherPassword, goodPassword), "PasswordPolicyViolation", "used before")
	as(s, ann, iam.ChangePassword, in(otherPassword, "third-one"))
	as(s, ann, iam.ChangePassword, in("third-one", goodPassword)) // the oldest of three may come back
	for range freeFailures {
		fails(s, ann, iam.ChangePassword, in("wrong", otherPassword), "AccessDenied", "incorrect")
	}
	fails(s, ann, iam.ChangePassword, in(goodPassword, otherPassword), "LimitExceeded", "Too many attempts")
}
