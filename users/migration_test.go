package users

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"bothy/api/cognitoidp"
)

// migrating makes an old pool with alice in it, and a new, empty one whose function asks the old one.
func (w *world) migrating(t *testing.T, change ...func(*cognitoidp.CreateUserPoolClientInput)) (cl string, f *functions) {
	old := w.pool()
	oldClient := w.client(old)
	w.member(oldClient, "alice")
	f = &functions{answer: func(e *event) error {
		switch e.TriggerSource {
		case migrateSignIn:
			password, _ := e.Request["password"].(string)
			if _, err := w.s.initiateAuth(w.call(), passwordAuth(oldClient, e.UserName, password)); err != nil {
				return &FunctionError{"Bad password"}
			}
		case migrateForgot:
			if _, err := w.s.adminGetUser(w.call(), &cognitoidp.AdminGetUserInput{UserPoolId: str(old), Username: str(e.UserName)}); err != nil {
				return &FunctionError{"Bad user"}
			}
		default:
			return nil
		}
		e.Response = map[string]any{"userAttributes": map[string]any{"email": e.UserName + "@example.com", "email_verified": "true"}, "finalUserStatus": "CONFIRMED", "messageAction": "SUPPRESS"}
		return nil
	}}
	w.s.cfg.Invoke = f
	p := w.pool(func(in *cognitoidp.CreateUserPoolInput) {
		in.LambdaConfig = &cognitoidp.LambdaConfigType{UserMigration: aFunction}
	})
	return w.client(p, change...), f
}

func TestUserMigration(t *testing.T) {
	w := newWorld(t)
	cl, f := w.migrating(t)
	refused(w, w.s.initiateAuth, passwordAuth(cl, "alice", "Wr0ng!pass"), "UserNotFoundException", "Exception migrating user in app client "+cl)
	in := passwordAuth(cl, "alice", good)
	in.ClientMetadata = map[string]string{"app": "1"}
	first := must(w, w.s.initiateAuth, in)
	if claims := claimsOf(t, first.AuthenticationResult.IdToken.V); claims["cognito:username"] != "alice" || claims["email_verified"] != true {
		t.Fatalf("%v", claims)
	}
	if e := f.seen[len(f.seen)-1]; e.Request["password"] != good || e.UserName != "alice" || fmt.Sprint(e.Request["validationData"], e.Request["userAttributes"]) != "map[app:1] map[]" {
		t.Fatalf("%+v", e)
	}
	asked := len(f.seen)
	must(w, w.s.initiateAuth, passwordAuth(cl, "alice", good))
	refused(w, w.s.initiateAuth, passwordAuth(cl, "alice", "Wr0ng!pass"), "NotAuthorizedException", "Incorrect username or password.")
	if len(f.seen) != asked {
		t.Error("who is here was asked for again")
	}
	_, err := w.srp(strings.Split(claimsOf(t, first.AuthenticationResult.IdToken.V)["iss"].(string), "/")[3], cl, "alice", good)
	if err != nil {
		t.Errorf("the migrated password does not serve for SRP: %v", err)
	}
}

func TestUserMigrationAfterForgotPassword(t *testing.T) {
	w := newWorld(t)
	cl, f := w.migrating(t)
	refused(w, w.s.forgotPassword, &cognitoidp.ForgotPasswordInput{ClientId: str(cl), Username: str("nobody")}, "UserNotFoundException", "Exception migrating user")
	out := must(w, w.s.forgotPassword, &cognitoidp.ForgotPasswordInput{ClientId: str(cl), Username: str("alice"), ClientMetadata: map[string]string{"app": "1"}})
	if out.CodeDeliveryDetails.Destination.V != "a***@e***" {
		t.Fatalf("%+v", out.CodeDeliveryDetails)
	}
	if e := f.seen[len(f.seen)-1]; e.Request["password"] != nil || fmt.Sprint(e.Request["clientMetadata"]) != "map[app:1]" {
		t.Fatalf("%+v", e)
	}
	refused(w, w.s.initiateAuth, passwordAuth(cl, "alice", good), "PasswordResetRequiredException", "Password reset required for the user")
	must(w, w.s.confirmForgotPassword, &cognitoidp.ConfirmForgotPasswordInput{ClientId: str(cl), Username: str("alice"), ConfirmationCode: str(w.lastCode()), Password: str("N3w!passw")})
	must(w, w.s.initiateAuth, passwordAuth(cl, "alice", "N3w!passw"))
}

// TestUserMigrationGuesses: the function is no way around the lockout, and does not tell who is known elsewhere.
func TestUserMigrationGuesses(t *testing.T) {
	w := newWorld(t)
	cl, f := w.migrating(t, hiding)
	for range freeFailures {
		refused(w, w.s.initiateAuth, passwordAuth(cl, "alice", "Wr0ng!pass"), "NotAuthorizedException", "Incorrect username or password.")
	}
	asked := len(f.seen)
	refused(w, w.s.initiateAuth, passwordAuth(cl, "alice", good), "NotAuthorizedException", "Password attempts exceeded")
	if len(f.seen) != asked {
		t.Error("the function was asked during the lockout")
	}
	refused(w, w.s.initiateAuth, passwordAuth(cl, "nobody", "Wr0ng!pass"), "NotAuthorizedException", "Incorrect username or password.")
	if out := must(w, w.s.forgotPassword, &cognitoidp.ForgotPasswordInput{ClientId: str(cl), Username: str("nobody")}); out.CodeDeliveryDetails.Destination.V == "" {
		t.Error("an unknown user looks different")
	}
	w.wait(longestWait)
	must(w, w.s.initiateAuth, passwordAuth(cl, "alice", good))
}

func TestUserMigrationAnswers(t *testing.T) {
	w := newWorld(t)
	cl, f := w.migrating(t)
	answer := f.answer
	known := map[string]any{"email": "alice@example.com", "email_verified": "true"}
	add := func(name string, v any) map[string]any {
		m := maps.Clone(known)
		m[name] = v
		return m
	}
	for name, response := range map[string]map[string]any{
		"unknown attribute": {"userAttributes": add("custom:none", "x")}, "another type": {"userAttributes": "x"}, "status": {"userAttributes": known, "finalUserStatus": "UNCONFIRMED"},
		"second factor": {"userAttributes": known, "enableSMSMFA": true}, "bad address": {"userAttributes": add("email", "no address")},
	} {
		f.answer = func(e *event) error { e.Response = response; return nil }
		_, err := w.s.initiateAuth(w.call(), passwordAuth(cl, "alice", good))
		t.Run(name, func(t *testing.T) {
			wantFault(t, err, "InvalidLambdaResponseException", "Unrecognizable lambda output")
		})
	}
	must(w, w.s.setUserPoolMfaConfig, &cognitoidp.SetUserPoolMfaConfigInput{UserPoolId: str(f.seen[0].UserPoolID), MfaConfiguration: str("OPTIONAL"), SmsMfaConfiguration: &cognitoidp.SmsMfaConfigType{SmsConfiguration: &cognitoidp.SmsConfigurationType{SnsCallerArn: str("arn:aws:iam::123456789012:role/sms")}}})
	f.answer = func(e *event) error {
		e.Response = map[string]any{"userAttributes": map[string]any{"email": "carol@example.com", "phone_number": "+15555550123", "phone_number_verified": "true"}, "enableSMSMFA": true}
		return nil
	}
	if out := must(w, w.s.initiateAuth, passwordAuth(cl, "carol", good)); out.ChallengeName.V != "SMS_MFA" {
		t.Errorf("%+v", out)
	}
	f.answer = func(e *event) error { e.Response = map[string]any{}; return nil }
	refused(w, w.s.initiateAuth, passwordAuth(cl, "alice", good), "UserNotFoundException", "Exception migrating user")
	f.answer = func(e *event) error {
		err := answer(e)
		e.Response["finalUserStatus"] = "RESET_REQUIRED"
		return err
	}
	refused(w, w.s.initiateAuth, passwordAuth(cl, "alice", good), "PasswordResetRequiredException", "Password reset required for the user")
	f.answer = func(e *event) error {
		e.Response = map[string]any{"userAttributes": map[string]any{"email": "bob@example.com"}}
		return nil
	}
	refused(w, w.s.initiateAuth, passwordAuth(cl, "bob", "weak"), "PasswordResetRequiredException", "Password reset required for the user") // the pool does not allow it
}
