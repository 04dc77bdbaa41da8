package intrusion

import (
	"strings"
	"testing"
)

// TestTakingOver wants the account of somebody else, or a name by which they are found.
func TestTakingOver(t *testing.T) {
	w := newWorld(t)
	aliases := w.realm(t, map[string]any{"AliasAttributes": []string{"email", "preferred_username"}, "AutoVerifiedAttributes": []string{"email"}})
	byMail := w.realm(t, map[string]any{"UsernameAttributes": []string{"email"}, "UsernameConfiguration": map[string]any{"CaseSensitive": false}})
	aliases.user(t, "ann")
	aliases.user(t, "eve")
	byMail.user(t, "ann@example.com")
	byMail.user(t, "eve@example.com")
	sub := aliases.sub(t, "ann")
	mine, _, _ := aliases.byPassword(t, "eve", password).entered(t)
	mailed, _, _ := byMail.byPassword(t, "eve@example.com", password).entered(t)

	signUp := func(r *realm, name string, attributes ...map[string]string) func(*testing.T) answer {
		return func(t *testing.T) answer {
			in := map[string]any{"ClientId": r.client, "Username": name, "Password": password}
			if attributes != nil {
				in["UserAttributes"] = attributes
			}
			return w.anyone.idp(t, "SignUp", in)
		}
	}
	update := func(token string, attributes ...map[string]string) func(*testing.T) answer {
		return func(t *testing.T) answer {
			return w.anyone.idp(t, "UpdateUserAttributes", map[string]any{"AccessToken": token, "UserAttributes": attributes})
		}
	}
	confirm := func(r *realm, name, code string) func(*testing.T) answer {
		return func(t *testing.T) answer {
			return w.anyone.idp(t, "ConfirmSignUp", map[string]any{"ClientId": r.client, "Username": name, "ConfirmationCode": code, "ForceAliasCreation": true})
		}
	}
	reset := func(name, code string) func(*testing.T) answer {
		return func(t *testing.T) answer {
			return w.anyone.idp(t, "ConfirmForgotPassword", map[string]any{"ClientId": aliases.client, "Username": name, "ConfirmationCode": code, "Password": "Another-pass-7"})
		}
	}
	forgot := func(t *testing.T, name string) {
		w.anyone.idp(t, "ForgotPassword", map[string]any{"ClientId": aliases.client, "Username": name}).must(t, nil)
	}
	const no, taken, exists, bad, mismatch, gone = "NotAuthorizedException", "UsernameExistsException", "AliasExistsException", "InvalidParameterException", "CodeMismatchException", "ExpiredCodeException"
	signUp(aliases, "squatter", attribute("email", "squatter@example.com"))(t).must(t, nil)
	squatters := w.sent(t, "squatter@example.com")
	signUp(aliases, "second", attribute("email", "ann@example.com"))(t).must(t, nil) // the address is no name before it is verified
	forgot(t, "eve")
	eves := w.sent(t, phone("eve"))
	w.attempts(t, []attempt{
		{"a verified address by one's own word", signUp(aliases, "x1", attribute("email", "ann@example.com"), attribute("email_verified", "true")), 400, no, `may not write email_verified`},
		{"a sub of one's choice", signUp(aliases, "x2", attribute("email", "x2@example.com"), attribute("sub", sub)), 400, bad, `sub: Attribute cannot be updated`},
		{"another's sub for a name", signUp(aliases, sub, attribute("email", "x3@example.com")), 400, taken, `User already exists`},
		{"another's name", signUp(aliases, "ann", attribute("email", "x4@example.com")), 400, taken, `User already exists`},
		{"another's address for a name", signUp(aliases, "ann@example.com", attribute("email", "x5@example.com")), 400, bad, `cannot be of email format`},
		{"another's name for a nickname to sign in by", update(mine, attribute("preferred_username", "ann")), 400, exists, `already`},
		{"another's sub for a nickname to sign in by", update(mine, attribute("preferred_username", sub)), 400, exists, `already`},
		{"another's address for a nickname", update(mine, attribute("preferred_username", "ann@example.com")), 400, bad, `cannot look like`},
		{"one's address verified by one's own word", update(mine, attribute("email_verified", "true")), 400, no, `may not write email_verified`},
		{"another's sub", update(mine, attribute("sub", sub)), 400, bad, `sub: Attribute cannot be updated`},
		{"identities of one's choice", update(mine, attribute("identities", "[]")), 400, bad, `(?i)identities|schema`},
		{"groups of one's choice", update(mine, attribute("cognito:groups", "admin")), 400, bad, `(?i)cognito:groups|schema`},
		{"an operator's attribute", update(mine, attribute("dev:custom:role", "admin")), 400, bad, `(?i)dev:custom:role|schema|may not write`},
		{"the address of another that is their name", update(mailed, attribute("email", "ann@example.com")), 400, taken, `already exists`},
		{"another's address that is their name, at sign-up", signUp(byMail, "ann@example.com"), 400, taken, `already exists`},
		{"the same in other letters", signUp(byMail, "ANN@example.com"), 400, taken, `already exists`},
		{"the code of another sign-up", confirm(aliases, "second", squatters), 400, mismatch, `wrong code for SignUp`},
		{"a sign-up of somebody who is confirmed", confirm(aliases, "ann", squatters), 400, no, `(?i)cannot be confirmed`},
		{"the code of another's new password", reset("ann", eves), 400, gone, `no code for ForgotPassword waits`},
		{"a code of another kind", reset("squatter", squatters), 400, bad, `no registered/verified`},
		{"a code sent to the address of before", func(t *testing.T) answer {
			forgot(t, "ann")
			code := w.sent(t, phone("ann"))
			aliases.admin(t, "AdminUpdateUserAttributes", map[string]any{"Username": "ann", "UserAttributes": []any{attribute("phone_number", phone("ann, later")), attribute("phone_number_verified", "true")}}).must(t, nil)
			return reset("ann", code)(t)
		}, 400, gone, `sent to another phone_number than the user now has`},
		{"a verification of an address that was changed since", func(t *testing.T) answer {
			update(mine, attribute("email", "eve3@example.com"))(t).must(t, nil)
			code := w.sent(t, "eve3@example.com")
			update(mine, attribute("email", "eve4@example.com"))(t).must(t, nil)
			return w.anyone.idp(t, "VerifyUserAttribute", map[string]any{"AccessToken": mine, "AttributeName": "email", "Code": code})
		}, 400, mismatch, `wrong code`},
		{"a new password for who signed up by another's address", func(t *testing.T) answer {
			return w.anyone.idp(t, "ForgotPassword", map[string]any{"ClientId": aliases.client, "Username": "second"})
		}, 400, bad, `no registered/verified`},
		{"a link of the intruder's own", func(t *testing.T) answer {
			return w.browser(t).open(t, w.node.URL()+"/"+aliases.pool+"/confirmUser?code="+strings.Repeat("A", 120))
		}, 400, "BadRequest", `the link was not made here`},
		{"a link by an operator's name", func(t *testing.T) answer {
			return w.mallory.idp(t, "AdminLinkProviderForUser", map[string]any{"UserPoolId": aliases.pool, "DestinationUser": map[string]string{"ProviderName": "Cognito", "ProviderAttributeValue": "ann"},
				"SourceUser": map[string]string{"ProviderName": "Google", "ProviderAttributeName": "Cognito_Subject", "ProviderAttributeValue": "1"}})
		}, 400, "AccessDeniedException", `AdminLinkProviderForUser`},
		{"an import by a user", func(t *testing.T) answer {
			return w.mallory.idp(t, "CreateUserImportJob", map[string]any{"UserPoolId": aliases.pool, "JobName": "x", "CloudWatchLogsRoleArn": "arn:aws:iam::" + w.account(t) + ":role/x"})
		}, 400, "AccessDeniedException", `CreateUserImportJob`},
	})
	if got := aliases.sub(t, "ann"); got != sub {
		t.Errorf("ann is %s, was %s", got, sub)
	}
	if got := byMail.sub(t, "ann@example.com"); got == byMail.sub(t, "eve@example.com") {
		t.Error("one address is two people's")
	}
}

// sub is the id of whom an operator finds by a name.
func (r *realm) sub(t *testing.T, name string) string {
	t.Helper()
	var u struct {
		UserAttributes []struct{ Name, Value string }
	}
	r.admin(t, "AdminGetUser", map[string]any{"Username": name}).must(t, &u)
	for _, a := range u.UserAttributes {
		if a.Name == "sub" {
			return a.Value
		}
	}
	t.Fatalf("%s has no sub", name)
	return ""
}
