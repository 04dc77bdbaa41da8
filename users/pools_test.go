package users

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/wire"
)

func TestPools(t *testing.T) {
	w := newWorld(t)
	made := must(w, w.s.createUserPool, &cognitoidp.CreateUserPoolInput{
		PoolName: str("tasks"), MfaConfiguration: str("OPTIONAL"), AutoVerifiedAttributes: []string{"email"}, DeletionProtection: str("ACTIVE"),
		Schema: []cognitoidp.SchemaAttributeType{{Name: str("level"), AttributeDataType: str("Number")}},
	}).UserPool
	id := made.Id.V
	if regionOf(id) != "us-east-1" || len(realmOf(id)) != 9 || made.Arn.V != "arn:aws:cognito-idp:us-east-1:123456789012:userpool/"+id {
		t.Fatalf("%+v", made)
	}
	if rule := made.Policies.PasswordPolicy; rule.MinimumLength.V != 8 || !rule.RequireSymbols.V || rule.TemporaryPasswordValidityDays.V != 7 {
		t.Fatalf("%+v", rule)
	}
	if !slices.ContainsFunc(made.SchemaAttributes, func(a cognitoidp.SchemaAttributeType) bool { return a.Name.V == "custom:level" }) || len(made.SchemaAttributes) != 21 {
		t.Fatalf("%d attributes", len(made.SchemaAttributes))
	}
	if got := must(w, w.s.listUserPools, &cognitoidp.ListUserPoolsInput{MaxResults: wire.Some[int32](10)}).UserPools; len(got) != 1 || got[0].Name.V != "tasks" {
		t.Fatalf("%+v", got)
	}
	cl := w.client(id)
	w.member(cl, "alice")
	refused(w, w.s.deleteUserPool, &cognitoidp.DeleteUserPoolInput{UserPoolId: str(id)}, "InvalidParameterException", "deletion protection is activated")
	must(w, w.s.updateUserPool, &cognitoidp.UpdateUserPoolInput{UserPoolId: str(id), PoolName: str("jobs"), Policies: &cognitoidp.UserPoolPolicyType{
		PasswordPolicy: &cognitoidp.PasswordPolicyType{MinimumLength: wire.Some[int32](6)},
	}})
	got := must(w, w.s.describeUserPool, &cognitoidp.DescribeUserPoolInput{UserPoolId: str(id)}).UserPool
	if got.Name.V != "jobs" || got.AutoVerifiedAttributes != nil || got.Policies.PasswordPolicy.RequireSymbols.V || len(got.SchemaAttributes) != 21 {
		t.Fatalf("%+v", got)
	}
	tokens := w.signIn(id, cl, "alice")
	must(w, w.s.deleteUserPool, &cognitoidp.DeleteUserPoolInput{UserPoolId: str(id)})
	refused(w, w.s.describeUserPool, &cognitoidp.DescribeUserPoolInput{UserPoolId: str(id)}, "ResourceNotFoundException", "User pool "+id+" does not exist.")
	refused(w, w.s.getUser, &cognitoidp.GetUserInput{AccessToken: tokens.AccessToken}, "NotAuthorizedException", "Invalid Access Token")
	refused(w, w.s.initiateAuth, passwordAuth(cl, "alice", good), "ResourceNotFoundException", "User pool client "+cl+" does not exist.")
	if left := w.rows(); left != 0 {
		t.Errorf("%d keys are left of a deleted pool", left)
	}
}

// rows counts the keys in the store.
func (w *world) rows() (n int) {
	w.t.Helper()
	err := w.s.cfg.DB.View(w.ctx, func(tx *kv.Tx) error {
		return tx.Scan(kv.Range{From: kv.Key{0}}, func(kv.Key, []byte) bool { n++; return true })
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

func TestSweepFinishesADeletion(t *testing.T) {
	w := newWorld(t)
	p := w.pool()
	w.member(w.client(p), "alice")
	err := w.s.update(w.ctx, func(tx *kv.Tx) error { // as deleteUserPool leaves it when it dies half-way
		if err := dooms.Put(tx, everywhere(account), &doomed{p}); err != nil {
			return err
		}
		return pools.Delete(tx, inPool(account, p), p)
	})
	if err == nil {
		err = w.s.Sweep(w.ctx)
	}
	if err != nil || w.rows() != 0 {
		t.Fatalf("%v, %d keys", err, w.rows())
	}
}

func TestSettingsThatAreNotActedOnAreRefused(t *testing.T) {
	w := newWorld(t)
	arn := str("arn:aws:lambda:us-east-1:123456789012:function:f")
	for name, spoil := range map[string]func(*cognitoidp.CreateUserPoolInput){
		"SMS configuration": func(in *cognitoidp.CreateUserPoolInput) { in.MfaConfiguration = str("ON") },
		"CONFIRM_WITH_LINK": func(in *cognitoidp.CreateUserPoolInput) {
			in.VerificationMessageTemplate = &cognitoidp.VerificationMessageTemplateType{DefaultEmailOption: str("CONFIRM_WITH_LINK")}
		},
		"The CustomSMSSender trigger is not supported by this server: codes are encrypted": func(in *cognitoidp.CreateUserPoolInput) {
			in.LambdaConfig = &cognitoidp.LambdaConfigType{KMSKeyID: arn, CustomSMSSender: &cognitoidp.CustomSMSLambdaVersionConfigType{LambdaVersion: str("V1_0"), LambdaArn: arn}}
		},
		"The CustomEmailSender trigger": func(in *cognitoidp.CreateUserPoolInput) {
			in.LambdaConfig = &cognitoidp.LambdaConfigType{KMSKeyID: arn, CustomEmailSender: &cognitoidp.CustomEmailLambdaVersionConfigType{LambdaVersion: str("V1_0"), LambdaArn: arn}}
		},
		"this server runs no functions": func(in *cognitoidp.CreateUserPoolInput) {
			in.LambdaConfig = &cognitoidp.LambdaConfigType{DefineAuthChallenge: arn}
		},
		"Triggers": func(in *cognitoidp.CreateUserPoolInput) {
			in.LambdaConfig = &cognitoidp.LambdaConfigType{PreSignUp: arn}
		},
		"Only one of the aliasAttributes or usernameAttributes": func(in *cognitoidp.CreateUserPoolInput) {
			in.AliasAttributes, in.UsernameAttributes = []string{"email"}, []string{"email"}
		},
		"Required custom attributes": func(in *cognitoidp.CreateUserPoolInput) {
			in.Schema = []cognitoidp.SchemaAttributeType{{Name: str("x"), Required: wire.Some(true)}}
		},
	} {
		in := &cognitoidp.CreateUserPoolInput{PoolName: str("p")}
		spoil(in)
		refused(w, w.s.createUserPool, in, "InvalidParameterException", name)
	}
	p := w.pool()
	for name, spoil := range map[string]func(*cognitoidp.CreateUserPoolClientInput){
		"OAuth flows": func(in *cognitoidp.CreateUserPoolClientInput) { in.AllowedOAuthFlowsUserPoolClient = wire.Some(true) },
		"The provider Google": func(in *cognitoidp.CreateUserPoolClientInput) {
			in.SupportedIdentityProviders = []string{"COGNITO", "Google"}
		},
		"can not mix": func(in *cognitoidp.CreateUserPoolClientInput) {
			in.ExplicitAuthFlows = []string{"ALLOW_USER_SRP_AUTH", "ADMIN_NO_SRP_AUTH"}
		},
		"Invalid read attributes or": func(in *cognitoidp.CreateUserPoolClientInput) { in.ReadAttributes = []string{"custom:none"} },
	} {
		in := &cognitoidp.CreateUserPoolClientInput{UserPoolId: str(p), ClientName: str("c")}
		spoil(in)
		refused(w, w.s.createUserPoolClient, in, "InvalidParameterException", name)
	}
}

func TestClients(t *testing.T) {
	w := newWorld(t)
	p, other := w.pool(), w.pool()
	made := must(w, w.s.createUserPoolClient, &cognitoidp.CreateUserPoolClientInput{UserPoolId: str(p), ClientName: str("web"), GenerateSecret: wire.Some(true)}).UserPoolClient
	id := made.ClientId
	if len(id.V) != 26 || len(made.ClientSecret.V) != 52 || made.RefreshTokenValidity.V != 30 || made.PreventUserExistenceErrors.V != "LEGACY" || !made.EnableTokenRevocation.V {
		t.Fatalf("%+v", made)
	}
	get := &cognitoidp.DescribeUserPoolClientInput{UserPoolId: str(p), ClientId: id}
	if got := must(w, w.s.describeUserPoolClient, get).UserPoolClient; got.ClientSecret != made.ClientSecret {
		t.Fatalf("%+v", got)
	}
	updated := must(w, w.s.updateUserPoolClient, &cognitoidp.UpdateUserPoolClientInput{UserPoolId: str(p), ClientId: id, PreventUserExistenceErrors: str("ENABLED")}).UserPoolClient
	if updated.ClientName.V != "web" || updated.PreventUserExistenceErrors.V != "ENABLED" || updated.ClientSecret != made.ClientSecret {
		t.Fatalf("%+v", updated)
	}
	refused(w, w.s.describeUserPoolClient, &cognitoidp.DescribeUserPoolClientInput{UserPoolId: str(other), ClientId: id}, "ResourceNotFoundException", "User pool client "+id.V+" does not exist.")
	refused(w, w.s.deleteUserPoolClient, &cognitoidp.DeleteUserPoolClientInput{UserPoolId: str(other), ClientId: id}, "ResourceNotFoundException", "does not exist.")
	for range 3 {
		w.client(p)
	}
	var seen []string
	for next := (wire.Opt[string]{}); ; {
		out := must(w, w.s.listUserPoolClients, &cognitoidp.ListUserPoolClientsInput{UserPoolId: str(p), MaxResults: wire.Some[int32](3), NextToken: next})
		for _, c := range out.UserPoolClients {
			seen = append(seen, c.ClientId.V)
		}
		if next = out.NextToken; !next.Set {
			break
		}
	}
	if len(seen) != 4 {
		t.Fatalf("%v", seen)
	}
	refused(w, w.s.listUserPoolClients, &cognitoidp.ListUserPoolClientsInput{UserPoolId: str(p), NextToken: str("!")}, "InvalidParameterException", "Invalid pagination token")
	must(w, w.s.deleteUserPoolClient, &cognitoidp.DeleteUserPoolClientInput{UserPoolId: str(p), ClientId: id})
	refused(w, w.s.describeUserPoolClient, get, "ResourceNotFoundException", "does not exist.")
}

// functions answer triggers by name of the source.
type functions struct {
	seen   []event
	answer func(e *event) error
}

func (f *functions) Invoke(_ context.Context, _, _ string, in []byte) ([]byte, error) {
	var e event
	if err := json.Unmarshal(in, &e); err != nil {
		return nil, err
	}
	f.seen = append(f.seen, e)
	if err := f.answer(&e); err != nil {
		return nil, err
	}
	return json.Marshal(e)
}

func TestTriggers(t *testing.T) {
	w := newWorld(t)
	f := &functions{answer: func(*event) error { return nil }}
	w.s.cfg.Invoke = f
	arn := str("arn:aws:lambda:us-east-1:123456789012:function:f")
	p := w.pool(func(in *cognitoidp.CreateUserPoolInput) {
		in.LambdaConfig = &cognitoidp.LambdaConfigType{PreSignUp: arn, PostConfirmation: arn, PreAuthentication: arn, PostAuthentication: arn, PreTokenGeneration: arn, CustomMessage: arn}
	})
	cl := w.client(p)
	up := &cognitoidp.SignUpInput{ClientId: str(cl), Username: str("alice"), Password: str(good), UserAttributes: attr("email", "a@example.com"), ValidationData: attr("invite", "42")}

	f.answer = func(*event) error { return &FunctionError{"no thanks"} }
	refused(w, w.s.signUp, up, "UserLambdaValidationException", "PreSignUp failed with error no thanks.")
	f.answer = func(*event) error { return errors.New("not there") }
	refused(w, w.s.signUp, up, "UnexpectedLambdaException", "PreSignUp invocation failed.")
	f.seen = nil
	f.answer = func(e *event) error {
		switch e.TriggerSource {
		case "CustomMessage_SignUp":
			e.Response = map[string]any{"emailSubject": "Welcome", "emailMessage": "Code: {####}"}
		case "TokenGeneration_Authentication":
			e.Response = map[string]any{"claimsOverrideDetails": map[string]any{
				"claimsToAddOrOverride": map[string]any{"team": "red", "sub": "me", "cognito:groups": "x"}, "claimsToSuppress": []string{"email", "exp"},
				"groupOverrideDetails": map[string]any{"groupsToOverride": []string{"g"}, "preferredRole": "arn:r"},
			}}
		}
		return nil
	}
	must(w, w.s.signUp, up)
	if m := w.sent[0]; m.Subject != "Welcome" || m.Body != "Code: "+m.Code {
		t.Fatalf("%+v", m)
	}
	if e := f.seen[0]; e.TriggerSource != "PreSignUp_SignUp" || e.UserPoolID != p || e.UserName != "alice" || e.CallerContext.Client != cl || fmt.Sprint(e.Request["validationData"]) != "map[invite:42]" {
		t.Fatalf("%+v", e)
	}
	must(w, w.s.confirmSignUp, &cognitoidp.ConfirmSignUpInput{ClientId: str(cl), Username: str("alice"), ConfirmationCode: str(w.lastCode())})
	tokens := w.signIn(p, cl, "alice")
	id, access := claimsOf(t, tokens.IdToken.V), claimsOf(t, tokens.AccessToken.V)
	if id["team"] != "red" || id["email"] != nil || id["exp"] == nil || id["sub"] == "me" || fmt.Sprint(id["cognito:groups"]) != "[g]" || id["cognito:preferred_role"] != "arn:r" || access["team"] != nil || fmt.Sprint(access["cognito:groups"]) != "[g]" {
		t.Fatalf("%v\n%v", id, access)
	}
	var sources []string
	for _, e := range f.seen {
		sources = append(sources, e.TriggerSource)
	}
	want := []string{
		"PreSignUp_SignUp", "CustomMessage_SignUp", "PostConfirmation_ConfirmSignUp", "PreAuthentication_Authentication", "PostAuthentication_Authentication", "TokenGeneration_Authentication",
	}
	if !slices.Equal(sources, want) {
		t.Fatalf("%v", sources)
	}
	f.answer = func(e *event) error {
		if e.TriggerSource == "PreSignUp_SignUp" {
			e.Response = map[string]any{"autoConfirmUser": true, "autoVerifyEmail": true}
		}
		return nil
	}
	up.Username = str("bob")
	if out := must(w, w.s.signUp, up); !out.UserConfirmed.V || out.CodeDeliveryDetails != nil {
		t.Fatalf("%+v", out)
	}
	w.signIn(p, cl, "bob")
	w.s.cfg.Invoke = nil // a node that runs no functions must not pretend that the trigger agreed
	refused(w, w.s.initiateAuth, passwordAuth(cl, "bob", good), "UnexpectedLambdaException", "PreAuthentication invocation failed.")
}

// TestTokenTriggerV2 gives a function of version 2 and 3 both tokens to change, but for what says whose they are.
func TestTokenTriggerV2(t *testing.T) {
	for version, want := range map[string]string{"V2_0": "2", "V3_0": "3"} {
		w := newWorld(t)
		f := &functions{answer: func(e *event) error {
			e.Response = map[string]any{"claimsAndScopeOverrideDetails": map[string]any{
				"idTokenGeneration":     map[string]any{"claimsToAddOrOverride": map[string]any{"team": "red", "aud": "x"}, "claimsToSuppress": []string{"email", "exp"}},
				"accessTokenGeneration": map[string]any{"claimsToAddOrOverride": map[string]any{"tenant": map[string]any{"id": 7}, "username": "root", "scope": "all", "aud": "x"}, "claimsToSuppress": []string{"client_id"}, "scopesToAdd": []string{"api/read", "a b", "aws.cognito.x"}},
				"groupOverrideDetails":  map[string]any{"groupsToOverride": []string{"g"}},
			}}
			return nil
		}}
		w.s.cfg.Invoke = f
		p := w.pool(func(in *cognitoidp.CreateUserPoolInput) {
			in.LambdaConfig = &cognitoidp.LambdaConfigType{PreTokenGenerationConfig: &cognitoidp.PreTokenGenerationVersionConfigType{LambdaVersion: str(version), LambdaArn: aFunction}}
		})
		cl := w.client(p)
		w.member(cl, "alice")
		tokens := w.signIn(p, cl, "alice")
		id, access := claimsOf(t, tokens.IdToken.V), claimsOf(t, tokens.AccessToken.V)
		if e := f.seen[0]; e.Version != want || fmt.Sprint(e.Request["scopes"]) != "[aws.cognito.signin.user.admin]" {
			t.Errorf("%+v", e)
		}
		if id["team"] != "red" || id["aud"] != cl || id["email"] != nil || id["exp"] == nil || id["tenant"] != nil || fmt.Sprint(id["cognito:groups"]) != "[g]" {
			t.Errorf("%v", id)
		}
		if fmt.Sprint(access["tenant"]) != "map[id:7]" || access["username"] != "alice" || access["client_id"] != cl || access["aud"] != nil || access["scope"] != "aws.cognito.signin.user.admin api/read" || fmt.Sprint(access["cognito:groups"]) != "[g]" {
			t.Errorf("%v", access)
		}
		f.answer = func(e *event) error {
			e.Response = map[string]any{"claimsAndScopeOverrideDetails": map[string]any{"accessTokenGeneration": map[string]any{"scopesToSuppress": []string{selfScope}}}}
			return nil
		}
		refused(w, w.s.getUser, &cognitoidp.GetUserInput{AccessToken: w.signIn(p, cl, "alice").AccessToken}, "NotAuthorizedException", "Access Token does not have required scopes")
	}
}
