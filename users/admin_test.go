package users

import (
	"fmt"
	"testing"

	"bothy/api/cognitoidp"
	"bothy/wire"
)

func TestGroupsInTokens(t *testing.T) {
	w := newWorld(t)
	p := w.pool()
	cl := w.client(p)
	w.member(cl, "alice")
	role := func(n string) string { return "arn:aws:iam::123456789012:role/" + n }
	group := func(name, r string, rank int32) {
		in := &cognitoidp.CreateGroupInput{UserPoolId: str(p), GroupName: str(name), Precedence: wire.Some(rank)}
		if r != "" {
			in.RoleArn = str(role(r))
		}
		must(w, w.s.createGroup, in)
	}
	join := func(name string) {
		must(w, w.s.adminAddUserToGroup, &cognitoidp.AdminAddUserToGroupInput{UserPoolId: str(p), GroupName: str(name), Username: str("alice")})
	}
	group("readers", "reader", 5)
	group("admins", "admin", 1)
	group("also", "other", 1)
	group("plain", "", 0)
	join("readers")
	join("plain")
	id := claimsOf(t, w.signIn(p, cl, "alice").IdToken.V)
	if fmt.Sprint(id["cognito:groups"], id["cognito:roles"], id["cognito:preferred_role"]) != fmt.Sprint([]any{"plain", "readers"}, []any{role("reader")}, role("reader")) {
		t.Fatalf("%v", id)
	}
	join("admins")
	tokens := w.signIn(p, cl, "alice")
	if id = claimsOf(t, tokens.IdToken.V); id["cognito:preferred_role"] != role("admin") {
		t.Fatalf("%v", id)
	}
	if access := claimsOf(t, tokens.AccessToken.V); len(access["cognito:groups"].([]any)) != 3 || access["cognito:roles"] != nil {
		t.Fatalf("%v", access)
	}
	join("also") // equal rank, another role: none is preferred
	if id = claimsOf(t, w.signIn(p, cl, "alice").IdToken.V); id["cognito:preferred_role"] != nil || len(id["cognito:roles"].([]any)) != 3 {
		t.Fatalf("%v", id)
	}
	refused(w, w.s.createGroup, &cognitoidp.CreateGroupInput{UserPoolId: str(p), GroupName: str("admins")}, "GroupExistsException", "A group with the name already exists.")
	refused(w, w.s.adminAddUserToGroup, &cognitoidp.AdminAddUserToGroupInput{UserPoolId: str(p), GroupName: str("none"), Username: str("alice")}, "ResourceNotFoundException", "Group not found.")
	refused(w, w.s.adminAddUserToGroup, &cognitoidp.AdminAddUserToGroupInput{UserPoolId: str(p), GroupName: str("admins"), Username: str("none")}, "UserNotFoundException", "User does not exist.")
	if got := must(w, w.s.listUsersInGroup, &cognitoidp.ListUsersInGroupInput{UserPoolId: str(p), GroupName: str("admins")}).Users; len(got) != 1 || got[0].Username.V != "alice" {
		t.Fatalf("%+v", got)
	}
	if got := must(w, w.s.adminListGroupsForUser, &cognitoidp.AdminListGroupsForUserInput{UserPoolId: str(p), Username: str("alice")}).Groups; len(got) != 4 {
		t.Fatalf("%+v", got)
	}
	must(w, w.s.adminRemoveUserFromGroup, &cognitoidp.AdminRemoveUserFromGroupInput{UserPoolId: str(p), GroupName: str("also"), Username: str("alice")})
	must(w, w.s.deleteGroup, &cognitoidp.DeleteGroupInput{UserPoolId: str(p), GroupName: str("admins")})
	group("admins", "admin", 1) // a new group of the name has no members
	if id = claimsOf(t, w.signIn(p, cl, "alice").IdToken.V); id["cognito:preferred_role"] != role("reader") {
		t.Fatalf("%v", id)
	}
	must(w, w.s.updateGroup, &cognitoidp.UpdateGroupInput{UserPoolId: str(p), GroupName: str("readers"), Description: str("who read")})
	if g := must(w, w.s.getGroup, &cognitoidp.GetGroupInput{UserPoolId: str(p), GroupName: str("readers")}).Group; g.Description.V != "who read" || g.RoleArn.V != role("reader") || g.Precedence.V != 5 {
		t.Fatalf("%+v", g)
	}
	if got := must(w, w.s.listGroups, &cognitoidp.ListGroupsInput{UserPoolId: str(p)}).Groups; len(got) != 4 {
		t.Fatalf("%+v", got)
	}
}

func TestAdminCreateUserRefusals(t *testing.T) {
	w := newWorld(t)
	p := w.pool()
	in := func(name string) *cognitoidp.AdminCreateUserInput {
		return &cognitoidp.AdminCreateUserInput{UserPoolId: str(p), Username: str(name), UserAttributes: attr("email", "a@example.com")}
	}
	must(w, w.s.adminCreateUser, in("alice"))
	refused(w, w.s.adminCreateUser, in("alice"), "UsernameExistsException", "User account already exists")
	weak := in("bob")
	weak.TemporaryPassword = str("weak")
	refused(w, w.s.adminCreateUser, weak, "InvalidPasswordException", "not long enough")
	sms := in("bob")
	sms.DesiredDeliveryMediums = []string{"SMS"}
	refused(w, w.s.adminCreateUser, sms, "InvalidParameterException", "phone_number")
	again := in("alice")
	again.MessageAction = str("RESEND")
	sent := len(w.sent)
	must(w, w.s.adminCreateUser, again)
	if len(w.sent) != sent+1 {
		t.Fatal("not sent again")
	}
	must(w, w.s.adminSetUserPassword, &cognitoidp.AdminSetUserPasswordInput{UserPoolId: str(p), Username: str("alice"), Password: str(good), Permanent: wire.Some(true)})
	refused(w, w.s.adminCreateUser, again, "UnsupportedUserStateException", "")
	quiet := in("carol")
	quiet.MessageAction = str("SUPPRESS")
	sent = len(w.sent)
	must(w, w.s.adminCreateUser, quiet)
	if len(w.sent) != sent {
		t.Fatal("sent all the same")
	}
	nobody := str("nobody")
	refused(w, w.s.adminGetUser, &cognitoidp.AdminGetUserInput{UserPoolId: str(p), Username: nobody}, "UserNotFoundException", "User does not exist.")
	refused(w, w.s.adminDeleteUser, &cognitoidp.AdminDeleteUserInput{UserPoolId: str(p), Username: nobody}, "UserNotFoundException", "User does not exist.")
	refused(w, w.s.adminGetUser, &cognitoidp.AdminGetUserInput{UserPoolId: str("us-east-1_none"), Username: nobody}, "ResourceNotFoundException", "User pool us-east-1_none does not exist.")
	refused(w, w.s.adminConfirmSignUp, &cognitoidp.AdminConfirmSignUpInput{UserPoolId: str(p), Username: str("alice")}, "NotAuthorizedException", "User cannot be confirmed. Current status is CONFIRMED")
}

func TestListUsers(t *testing.T) {
	w := newWorld(t)
	p := w.pool()
	for i := range 7 {
		in := &cognitoidp.AdminCreateUserInput{UserPoolId: str(p), Username: str(fmt.Sprintf("user%d", i)), MessageAction: str("SUPPRESS"),
			UserAttributes: attr("email", fmt.Sprintf("u%d@example.com", i), "family_name", []string{"Even", "Odd"}[i%2])}
		must(w, w.s.adminCreateUser, in)
	}
	must(w, w.s.adminDisableUser, &cognitoidp.AdminDisableUserInput{UserPoolId: str(p), Username: str("user3")})
	count := func(filter string, limit int32) (n int) {
		for next := (wire.Opt[string]{}); ; {
			out := must(w, w.s.listUsers, &cognitoidp.ListUsersInput{UserPoolId: str(p), Filter: str(filter), Limit: wire.Some(limit), PaginationToken: next})
			if n += len(out.Users); len(out.Users) > int(limit) && limit > 0 {
				t.Fatalf("%d users on a page of %d", len(out.Users), limit)
			}
			if next = out.PaginationToken; !next.Set {
				return n
			}
		}
	}
	for filter, want := range map[string]int{
		``: 7, `email = "u1@example.com"`: 1, `email ^= "u"`: 7, `family_name = "Even"`: 4, `"family_name"^="O"`: 3, `username = "user2"`: 1, `username ^= "user"`: 7,
		`status = "Disabled"`: 1, `cognito:user_status = "FORCE_CHANGE_PASSWORD"`: 7, `cognito:user_status = "CONFIRMED"`: 0, `email = "none"`: 0, `username = "none"`: 0, `sub = "none"`: 0,
	} {
		for _, limit := range []int32{0, 2, 3} {
			if got := count(filter, limit); got != want {
				t.Errorf("%s by %d: %d, want %d", filter, limit, got, want)
			}
		}
	}
	for _, filter := range []string{`email`, `email = u1`, `email > "a"`, `email = "a" and name = "b"`, `custom:x = "1"`, `email = "a`} {
		refused(w, w.s.listUsers, &cognitoidp.ListUsersInput{UserPoolId: str(p), Filter: str(filter)}, "InvalidParameterException", "")
	}
	out := must(w, w.s.listUsers, &cognitoidp.ListUsersInput{UserPoolId: str(p), AttributesToGet: []string{"email"}, Limit: wire.Some[int32](1)})
	if len(out.Users[0].Attributes) != 1 {
		t.Fatalf("%+v", out.Users[0])
	}
}

func TestAttributes(t *testing.T) {
	w := newWorld(t)
	p := w.pool(func(in *cognitoidp.CreateUserPoolInput) {
		in.Schema = []cognitoidp.SchemaAttributeType{{Name: str("born"), Mutable: wire.Some(false)}}
	})
	cl := w.client(p)
	must(w, w.s.signUp, &cognitoidp.SignUpInput{ClientId: str(cl), Username: str("alice"), Password: str(good), UserAttributes: attr("email", "a@example.com", "custom:born", "1990")})
	must(w, w.s.confirmSignUp, &cognitoidp.ConfirmSignUpInput{ClientId: str(cl), Username: str("alice"), ConfirmationCode: str(w.lastCode())})
	token := w.signIn(p, cl, "alice").AccessToken
	update := func(pairs ...string) *cognitoidp.UpdateUserAttributesInput {
		return &cognitoidp.UpdateUserAttributesInput{AccessToken: token, UserAttributes: attr(pairs...)}
	}
	get := func(name string) string {
		return value(must(w, w.s.getUser, &cognitoidp.GetUserInput{AccessToken: token}).UserAttributes, name)
	}
	refused(w, w.s.updateUserAttributes, update("custom:born", "1980"), "InvalidParameterException", "custom:born: Attribute cannot be updated.")
	refused(w, w.s.updateUserAttributes, update("email_verified", "true"), "NotAuthorizedException", "A client attempted to write unauthorized attribute")
	refused(w, w.s.updateUserAttributes, update("sub", "x"), "InvalidParameterException", "sub")
	if out := must(w, w.s.updateUserAttributes, update("name", "Alice")); len(out.CodeDeliveryDetailsList) != 0 {
		t.Fatalf("%+v", out)
	}
	out := must(w, w.s.updateUserAttributes, update("email", "new@example.com"))
	if len(out.CodeDeliveryDetailsList) != 1 || out.CodeDeliveryDetailsList[0].Destination.V != "n***@e***" || get("email_verified") != "false" || get("email") != "new@example.com" {
		t.Fatalf("%+v", out)
	}
	old := w.lastCode()
	verify := func(code string) *cognitoidp.VerifyUserAttributeInput {
		return &cognitoidp.VerifyUserAttributeInput{AccessToken: token, AttributeName: str("email"), Code: str(code)}
	}
	must(w, w.s.updateUserAttributes, update("name", "A", "email", "newer@example.com"))
	if w.lastCode() != old {
		refused(w, w.s.verifyUserAttribute, verify(old), "CodeMismatchException", "Invalid verification code")
	}
	must(w, w.s.verifyUserAttribute, verify(w.lastCode()))
	if get("email_verified") != "true" {
		t.Fatal("not verified")
	}
	must(w, w.s.getUserAttributeVerificationCode, &cognitoidp.GetUserAttributeVerificationCodeInput{AccessToken: token, AttributeName: str("email")})
	must(w, w.s.adminUpdateUserAttributes, &cognitoidp.AdminUpdateUserAttributesInput{UserPoolId: str(p), Username: str("alice"), UserAttributes: attr("email", "other@example.com")})
	refused(w, w.s.verifyUserAttribute, verify(w.lastCode()), "ExpiredCodeException", "Invalid code provided")
	refused(w, w.s.getUserAttributeVerificationCode, &cognitoidp.GetUserAttributeVerificationCodeInput{AccessToken: token, AttributeName: str("phone_number")}, "InvalidParameterException", "phone_number")
	must(w, w.s.deleteUserAttributes, &cognitoidp.DeleteUserAttributesInput{AccessToken: token, UserAttributeNames: []string{"name"}})
	if get("name") != "" {
		t.Fatal("still there")
	}
	refused(w, w.s.deleteUserAttributes, &cognitoidp.DeleteUserAttributesInput{AccessToken: token, UserAttributeNames: []string{"custom:born"}}, "InvalidParameterException", "cannot be deleted")
}

func TestAttributeHeldUntilVerified(t *testing.T) {
	w := newWorld(t)
	p := w.pool(func(in *cognitoidp.CreateUserPoolInput) {
		in.UserAttributeUpdateSettings = &cognitoidp.UserAttributeUpdateSettingsType{AttributesRequireVerificationBeforeUpdate: []string{"email"}}
	})
	cl := w.client(p)
	w.member(cl, "alice")
	token := w.signIn(p, cl, "alice").AccessToken
	must(w, w.s.updateUserAttributes, &cognitoidp.UpdateUserAttributesInput{AccessToken: token, UserAttributes: attr("email", "new@example.com")})
	email := func() string {
		got := must(w, w.s.getUser, &cognitoidp.GetUserInput{AccessToken: token}).UserAttributes
		return value(got, "email") + " " + value(got, "email_verified")
	}
	if email() != "alice@example.com true" || w.sent[len(w.sent)-1].To != "new@example.com" {
		t.Fatal(email())
	}
	must(w, w.s.verifyUserAttribute, &cognitoidp.VerifyUserAttributeInput{AccessToken: token, AttributeName: str("email"), Code: str(w.lastCode())})
	if email() != "new@example.com true" {
		t.Fatal(email())
	}
}

func TestChangePasswordAndDeleteUser(t *testing.T) {
	w := newWorld(t)
	p := w.pool()
	cl := w.client(p)
	w.member(cl, "alice")
	token := w.signIn(p, cl, "alice").AccessToken
	change := func(old, now string) *cognitoidp.ChangePasswordInput {
		return &cognitoidp.ChangePasswordInput{AccessToken: token, PreviousPassword: str(old), ProposedPassword: str(now)}
	}
	refused(w, w.s.changePassword, change(good, "weak"), "InvalidPasswordException", "not long enough")
	for range freeFailures {
		refused(w, w.s.changePassword, change("wrong", "N3w!passw"), "NotAuthorizedException", "Incorrect username or password.")
	}
	refused(w, w.s.changePassword, change(good, "N3w!passw"), "NotAuthorizedException", "Password attempts exceeded")
	w.wait(longestWait)
	must(w, w.s.changePassword, change(good, "N3w!passw"))
	must(w, w.s.initiateAuth, passwordAuth(cl, "alice", "N3w!passw"))
	must(w, w.s.deleteUser, &cognitoidp.DeleteUserInput{AccessToken: token})
	refused(w, w.s.getUser, &cognitoidp.GetUserInput{AccessToken: token}, "UserNotFoundException", "User does not exist.")
	w.member(cl, "alice") // the name is free again, the old token is not the new user's
	refused(w, w.s.getUser, &cognitoidp.GetUserInput{AccessToken: token}, "UserNotFoundException", "User does not exist.")
}

func TestMasking(t *testing.T) {
	for a, want := range map[address]string{
		{"email", "jane@example.com"}: "j***@e***", {"email", "é@ü.de"}: "é***@ü***", {"phone_number", "+14325551212"}: "+*******1212", {"phone_number", "+12"}: "+12",
	} {
		if got := a.masked(); got != want {
			t.Errorf("%v: %s, want %s", a, got, want)
		}
	}
}

func FuzzFilter(f *testing.F) {
	for _, s := range []string{"", `email = "a"`, `"name"^="b\"c"`, `x`, `status = "`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if flt, err := parseFilter(s); err == nil && flt != nil {
			flt.matches(&user{})
		}
	})
}
