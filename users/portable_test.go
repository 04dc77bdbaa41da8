package users

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/users/passkey"
	"bothy/wire"
)

const elsewhere = "210987654321" // another node's account

// exported is a pool with somebody of each kind, exported.
func (w *world) exported() (p, cl string, file []byte) {
	w.t.Helper()
	p = w.pool(remembering(2), func(in *cognitoidp.CreateUserPoolInput) {
		in.AliasAttributes = []string{"email"}
		in.Schema = []cognitoidp.SchemaAttributeType{{Name: str("level"), AttributeDataType: str("Number")}}
	})
	w.client(p, func(in *cognitoidp.CreateUserPoolClientInput) { in.GenerateSecret = wire.Some(true) })
	cl = w.client(p)
	w.member(cl, "alice")
	must(w, w.s.adminUpdateUserAttributes, &cognitoidp.AdminUpdateUserAttributesInput{UserPoolId: str(p), Username: str("alice"), UserAttributes: attr("custom:level", "7")})
	must(w, w.s.adminSetUserPassword, &cognitoidp.AdminSetUserPasswordInput{UserPoolId: str(p), Username: str("alice"), Password: str("Second-2-pw"), Permanent: wire.Some(true)})
	role := "arn:aws:iam::" + account + ":role/admins"
	must(w, w.s.createGroup, &cognitoidp.CreateGroupInput{UserPoolId: str(p), GroupName: str("admins"), RoleArn: str(role), Precedence: wire.Some[int32](3)})
	must(w, w.s.adminAddUserToGroup, &cognitoidp.AdminAddUserToGroupInput{UserPoolId: str(p), GroupName: str("admins"), Username: str("alice")})
	w.update(p, "alice", func(tx *kv.Tx, u *user) error {
		secret, _ := json.Marshal(portedTOTP{[]byte("seed"), "phone", 7})
		if err := w.s.importTOTP(tx, account, u, secret); err != nil {
			return err
		}
		key := &passkeyRow{Pool: p, Sub: u.Sub, ID: []byte("key"), Site: "example.com", Key: passkey.Key{ID: []byte("key"), Public: []byte("public"), Count: 3}}
		return passkeys.Put(tx, inPool(account, p), key)
	})
	must(w, w.s.adminCreateUser, &cognitoidp.AdminCreateUserInput{UserPoolId: str(p), Username: str("bob"), TemporaryPassword: str(good), MessageAction: str("SUPPRESS")})
	must(w, w.s.signUp, &cognitoidp.SignUpInput{ClientId: str(cl), Username: str("carol"), Password: str(good), UserAttributes: attr("email", "carol@example.com")})
	for i := range portedPage {
		must(w, w.s.adminCreateUser, &cognitoidp.AdminCreateUserInput{UserPoolId: str(p), Username: str(fmt.Sprintf("u%d", i)), TemporaryPassword: str(good), MessageAction: str("SUPPRESS")})
	}
	must(w, w.s.adminDisableUser, &cognitoidp.AdminDisableUserInput{UserPoolId: str(p), Username: str("u0")})
	var b bytes.Buffer
	if err := w.s.Export(w.ctx, account, p, &b); err != nil {
		w.t.Fatal(err)
	}
	return p, cl, b.Bytes()
}

func (w *world) imports(account, p string, file []byte) *Moved {
	w.t.Helper()
	m, err := w.s.Import(w.ctx, account, p, bytes.NewReader(file))
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

// update runs fn with a user in a transaction.
func (w *world) update(p, name string, fn func(tx *kv.Tx, u *user) error) {
	w.t.Helper()
	if err := w.s.update(w.ctx, func(tx *kv.Tx) error {
		u, err := people.Find(tx, inPool(w.account, p), "name", p, name)
		if err != nil {
			return err
		}
		return fn(tx, u)
	}); err != nil {
		w.t.Fatal(err)
	}
}

// TestUsersMoveToAnotherNode, with their pool: another account, another data key.
func TestUsersMoveToAnotherNode(t *testing.T) {
	old := newWorld(t)
	p, cl, file := old.exported()
	if strings.Contains(string(file), good) {
		t.Fatal("a password stands in the file")
	}
	w := newWorld(t)
	w.account = elsewhere
	w.s.cfg.Account = func() string { return elsewhere }
	m := w.imports(elsewhere, p, file)
	if !m.Made || m.Reset || m.Imported != portedPage+3 || m.Present != 0 || len(m.Refused) != 0 {
		t.Fatalf("%+v", m)
	}
	out, err := w.srp(p, cl, "alice@example.com", "Second-2-pw")
	if err != nil {
		t.Fatal(err)
	}
	id := claimsOf(t, out.AuthenticationResult.IdToken.V)
	if id["custom:level"] != "7" || id["cognito:preferred_role"] != "arn:aws:iam::"+elsewhere+":role/admins" || id["email_verified"] != true {
		t.Fatalf("%v", id)
	}
	if was := must(old, old.s.adminGetUser, &cognitoidp.AdminGetUserInput{UserPoolId: str(p), Username: str("alice")}); value(was.UserAttributes, "sub") != id["sub"] {
		t.Error("another sub")
	}
	for name, want := range map[string]string{"bob": "NEW_PASSWORD_REQUIRED", "carol": "UserNotConfirmedException", "u0": "User is disabled."} {
		out, err := w.srp(p, cl, name, good)
		if got := fmt.Sprint(out, err); !strings.Contains(got, want) && (out == nil || out.ChallengeName.V != want) {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	refused(w, w.s.adminSetUserPassword, &cognitoidp.AdminSetUserPasswordInput{UserPoolId: str(p), Username: str("alice"), Password: str(good)}, "PasswordHistoryPolicyViolationException", "")
	w.update(p, "alice", func(tx *kv.Tx, u *user) error {
		got, err := w.s.exportTOTP(tx, elsewhere, u)
		if fmt.Sprint(got) != fmt.Sprint(portedTOTP{[]byte("seed"), "phone", 7}) {
			t.Errorf("authenticator %v", got)
		}
		if err != nil {
			return err
		}
		k, err := passkeys.Find(tx, inPool(elsewhere, p), "id", p, []byte("key"))
		if err == nil && (k.Sub != u.Sub || k.Site != "example.com" || k.Key.Count != 3) {
			t.Errorf("passkey %+v", k)
		}
		return err
	})
	settings := must(w, w.s.describeUserPool, &cognitoidp.DescribeUserPoolInput{UserPoolId: str(p)}).UserPool
	if settings.Arn.V != poolARN(elsewhere, p) {
		t.Errorf("%s", settings.Arn.V)
	}
	list := must(w, w.s.listUserPoolClients, &cognitoidp.ListUserPoolClientsInput{UserPoolId: str(p)}).UserPoolClients
	for _, c := range list {
		was := must(old, old.s.describeUserPoolClient, &cognitoidp.DescribeUserPoolClientInput{UserPoolId: str(p), ClientId: c.ClientId}).UserPoolClient
		now := must(w, w.s.describeUserPoolClient, &cognitoidp.DescribeUserPoolClientInput{UserPoolId: str(p), ClientId: c.ClientId}).UserPoolClient
		if was.ClientSecret != now.ClientSecret {
			t.Errorf("the secret of %s changed", c.ClientId.V)
		}
	}
	if again := w.imports(elsewhere, p, file); again.Made || again.Imported != 0 || again.Present != portedPage+3 || len(again.Refused) != 0 {
		t.Fatalf("the second time: %+v", again)
	}
}

// TestADeletedPoolComesBack into the store it was in.
func TestADeletedPoolComesBack(t *testing.T) {
	w := newWorld(t)
	p, cl, file := w.exported()
	tokens, err := w.srp(p, cl, "alice", "Second-2-pw")
	if err != nil {
		t.Fatal(err)
	}
	must(w, w.s.deleteUserPool, &cognitoidp.DeleteUserPoolInput{UserPoolId: str(p)})
	if m := w.imports(account, p, file); !m.Made || m.Imported != portedPage+3 {
		t.Fatalf("%+v", m)
	}
	if _, err := w.srp(p, cl, "alice", "Second-2-pw"); err != nil {
		t.Fatal(err)
	}
	refused(w, w.s.getUser, &cognitoidp.GetUserInput{AccessToken: tokens.AuthenticationResult.AccessToken}, "NotAuthorizedException", "Invalid Access Token")
}

// TestUsersMoveToAnotherPool, where their passwords can not be checked.
func TestUsersMoveToAnotherPool(t *testing.T) {
	w := newWorld(t)
	_, _, file := w.exported()
	other := w.pool(func(in *cognitoidp.CreateUserPoolInput) {
		in.Schema = []cognitoidp.SchemaAttributeType{{Name: str("level"), AttributeDataType: str("Number")}}
	})
	cl := w.client(other)
	w.member(cl, "bob") // another bob
	m := w.imports(account, other, file)
	if m.Made || !m.Reset || m.Imported != portedPage+2 || len(m.Refused) != 1 || m.Refused[0] != "user bob: User already exists" {
		t.Fatalf("%+v", m)
	}
	_, err := w.srp(other, cl, "alice", "Second-2-pw")
	wantFault(t, err, "PasswordResetRequiredException", "Password reset required for the user")
	must(w, w.s.forgotPassword, &cognitoidp.ForgotPasswordInput{ClientId: str(cl), Username: str("alice")})
	must(w, w.s.confirmForgotPassword, &cognitoidp.ConfirmForgotPasswordInput{ClientId: str(cl), Username: str("alice"), ConfirmationCode: str(w.lastCode()), Password: str(good)})
	w.signIn(other, cl, "alice")

	bare := w.pool() // without the custom attribute
	if m := w.imports(account, bare, file); len(m.Refused) != 1 || !strings.HasPrefix(m.Refused[0], "user alice: Attributes did not conform to the schema: custom:level") {
		t.Fatalf("%+v", m)
	}
}

func TestWhatIsNotExportedIsNotImported(t *testing.T) {
	w := newWorld(t)
	p, _, file := w.exported()
	lines := strings.SplitAfter(string(file), "\n")
	newer := strings.Replace(lines[0], `"Version":1`, `"Version":2`, 1)
	for name, text := range map[string]string{"empty": "", "headless": lines[2], "not JSON": lines[0] + "x", "newer": newer + lines[1], "other": `{"Pool":{"Form":"x"}}`} {
		if _, err := w.s.Import(w.ctx, account, p, strings.NewReader(text)); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	var user ported
	for _, line := range lines {
		if strings.Contains(line, `"Name":"alice"`) {
			if err := json.Unmarshal([]byte(line), &user); err != nil {
				t.Fatal(err)
			}
		}
	}
	user.User.Row.Sub, user.User.Row.Name, user.User.Row.Attributes, user.User.Password = "5", "eve", map[string]string{}, []byte("short")
	bad, _ := json.Marshal(user)
	if m := w.imports(account, p, append([]byte(lines[0]), bad...)); m.Imported != 0 || len(m.Refused) != 1 || m.Refused[0] != "user eve: The user's password is none." {
		t.Fatalf("%+v", m)
	}
	_, err := w.s.Import(w.ctx, account, "us-east-1_other", strings.NewReader(lines[0]))
	wantFault(t, err, "ResourceNotFoundException", "User pool us-east-1_other does not exist.") // only the exported one is made
}

func FuzzPortable(f *testing.F) {
	w := newWorld(f)
	p := w.pool()
	w.member(w.client(p), "alice")
	var b bytes.Buffer
	if err := w.s.Export(w.ctx, account, p, &b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.String())
	f.Fuzz(func(t *testing.T, text string) {
		m, err := w.s.Import(w.ctx, account, p, strings.NewReader(text))
		if refused := (wire.Fault)(nil); err != nil && !errors.As(err, &refused) {
			t.Errorf("%v", err)
		}
		if m != nil && m.Imported > 0 && !strings.Contains(text, "\n") {
			t.Errorf("%+v", m)
		}
	})
}
