package users

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/document"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/policy"
	"bothy/record"
	"bothy/users/passkey/passkeytest"
	"bothy/wire"
)

// keyring knows two keys: root's, and one that policy allows nothing.
type keyring struct{}

func (keyring) Find(_ context.Context, key, _ string) (*wire.Credential, error) {
	p := &wire.Principal{Kind: wire.User, Account: account, ARN: "arn:aws:iam::" + account + ":user/" + key, AccessKey: key}
	if key == "AKIDROOT" {
		p.Kind, p.Policies = wire.Root, policy.Attached{Unlimited: true}
	}
	return &wire.Credential{Secret: "secret", Principal: p}, nil
}

// sdkClient is a real client of the service behind the real pipeline; seen collects the operations it called.
func (w *world) sdkClient(key string, seen map[string]bool) (*sdk.Client, *wire.Mux) {
	m := wire.NewMux(wire.Config{
		Account: func() string { return account }, Region: "us-east-1", Credentials: keyring{}, Now: w.now, Log: slog.New(slog.DiscardHandler),
	}, cognitoidp.API)
	w.s.Mount(m)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		seen[op] = true
		m.ServeHTTP(rw, r)
	}))
	w.t.Cleanup(server.Close)
	return sdk.New(sdk.Options{Region: "us-east-1", BaseEndpoint: aws.String(server.URL), Credentials: credentials.NewStaticCredentialsProvider(key, "secret", "")}), m
}

func TestThroughTheSDK(t *testing.T) {
	w := newWorld(t)
	w.clock = time.Now() // the SDK signs with its own clock
	seen, ctx := map[string]bool{}, context.Background()
	c, mux := w.sdkClient("AKIDROOT", seen)
	made, err := c.CreateUserPool(ctx, &sdk.CreateUserPoolInput{PoolName: aws.String("tasks"), AutoVerifiedAttributes: []types.VerifiedAttributeType{types.VerifiedAttributeTypeEmail}})
	if err != nil {
		t.Fatal(err)
	}
	p := made.UserPool.Id
	client, err := c.CreateUserPoolClient(ctx, &sdk.CreateUserPoolClientInput{UserPoolId: p, ClientName: aws.String("web")})
	if err != nil {
		t.Fatal(err)
	}
	cl := client.UserPoolClient.ClientId
	_, err = c.SignUp(ctx, &sdk.SignUpInput{ClientId: cl, Username: aws.String("alice"), Password: aws.String("short"), UserAttributes: []types.AttributeType{{Name: aws.String("email"), Value: aws.String("a@example.com")}}})
	var weak *types.InvalidPasswordException
	if !errors.As(err, &weak) || weak.ErrorMessage() != "Password did not conform with policy: Password not long enough" {
		t.Fatalf("%v", err)
	}
	up, err := c.SignUp(ctx, &sdk.SignUpInput{ClientId: cl, Username: aws.String("alice"), Password: aws.String(good), UserAttributes: []types.AttributeType{{Name: aws.String("email"), Value: aws.String("a@example.com")}}})
	if err != nil || up.UserConfirmed {
		t.Fatalf("%+v %v", up, err)
	}
	if _, err := c.ConfirmSignUp(ctx, &sdk.ConfirmSignUpInput{ClientId: cl, Username: aws.String("alice"), ConfirmationCode: aws.String(w.lastCode())}); err != nil {
		t.Fatal(err)
	}
	k := newSRPClient()
	begun, err := c.InitiateAuth(ctx, &sdk.InitiateAuthInput{ClientId: cl, AuthFlow: types.AuthFlowTypeUserSrpAuth, AuthParameters: map[string]string{"USERNAME": "alice", "SRP_A": k.A.Text(16)}})
	if err != nil {
		t.Fatal(err)
	}
	done, err := c.RespondToAuthChallenge(ctx, &sdk.RespondToAuthChallengeInput{
		ClientId: cl, ChallengeName: types.ChallengeNameTypePasswordVerifier, ChallengeResponses: k.answer(*p, begun.ChallengeParameters, good, aTimestamp),
	})
	if err != nil {
		t.Fatal(err)
	}
	me, err := c.GetUser(ctx, &sdk.GetUserInput{AccessToken: done.AuthenticationResult.AccessToken})
	if err != nil || *me.Username != "alice" {
		t.Fatalf("%+v %v", me, err)
	}
	if _, err := c.GetTokensFromRefreshToken(ctx, &sdk.GetTokensFromRefreshTokenInput{ClientId: cl, RefreshToken: done.AuthenticationResult.RefreshToken}); err != nil {
		t.Fatal(err)
	}
	users, err := c.ListUsers(ctx, &sdk.ListUsersInput{UserPoolId: p, Filter: aws.String(`email = "a@example.com"`)})
	if err != nil || len(users.Users) != 1 || users.Users[0].UserStatus != types.UserStatusTypeConfirmed {
		t.Fatalf("%+v %v", users, err)
	}

	token, refresh, alice := done.AuthenticationResult.AccessToken, done.AuthenticationResult.RefreshToken, aws.String("alice")
	w.factors(ctx, c)
	w.operate(ctx, c, p, cl, alice)
	w.federation(ctx, c, p, alice)
	w.hosting(ctx, c, p, cl)
	w.rest(ctx, c, p, cl, token, refresh, alice)
	for i := range cognitoidp.API.Ops {
		if op := &cognitoidp.API.Ops[i]; mux.Mounted(op) && !seen[op.Name] && !slices.Contains(notInSDK, op.Name) {
			t.Errorf("%s is mounted and was not called", op.Name)
		}
	}
}

// notInSDK are the operations of the model that the SDK does not have: operatorfactors_test.go calls them without it.
var notInSDK = []string{"AdminGetUserAuthFactors", "AdminDeleteSoftwareToken", "DescribeTermsByClient"}

func TestOperatorsNeedPermission(t *testing.T) {
	w := newWorld(t)
	w.clock = time.Now()
	p := w.pool()
	cl := w.client(p)
	w.member(cl, "alice")
	tokens := w.signIn(p, cl, "alice")
	ctx := context.Background()
	nobody, _ := w.sdkClient("AKIDNOBODY", map[string]bool{})
	if _, err := nobody.AdminGetUser(ctx, &sdk.AdminGetUserInput{UserPoolId: &p, Username: aws.String("alice")}); err == nil {
		t.Fatal("an operator without permission read a user")
	}
	if _, err := nobody.GetUser(ctx, &sdk.GetUserInput{AccessToken: &tokens.AccessToken.V}); err != nil { // needs no permission
		t.Fatal(err)
	}
}

// sdkPasskey registers a passkey, signs in by it, lists and deletes it.
func (w *world) sdkPasskey(ctx context.Context, c *sdk.Client, p, cl, token *string) {
	w.t.Helper()
	ok := func(_ any, err error) {
		w.t.Helper()
		if err != nil {
			w.t.Fatal(err)
		}
	}
	ok(c.UpdateUserPool(ctx, &sdk.UpdateUserPoolInput{UserPoolId: p, AutoVerifiedAttributes: []types.VerifiedAttributeType{types.VerifiedAttributeTypeEmail}, Policies: &types.UserPoolPolicyType{
		SignInPolicy: &types.SignInPolicyType{AllowedFirstAuthFactors: []types.AuthFactorType{types.AuthFactorTypePassword, types.AuthFactorTypeWebAuthn}},
	}}))
	w.relyingParty(*p, &cognitoidp.WebAuthnConfigurationType{RelyingPartyId: str("example.com")})
	ok(c.UpdateUserPoolClient(ctx, &sdk.UpdateUserPoolClientInput{UserPoolId: p, ClientId: cl, ExplicitAuthFlows: []types.ExplicitAuthFlowsType{
		types.ExplicitAuthFlowsTypeAllowAdminUserPasswordAuth, types.ExplicitAuthFlowsTypeAllowRefreshTokenAuth, types.ExplicitAuthFlowsTypeAllowUserAuth,
	}}))
	a := &passkeytest.Authenticator{Origin: "https://example.com"}
	started, err := c.StartWebAuthnRegistration(ctx, &sdk.StartWebAuthnRegistrationInput{AccessToken: token})
	ok(started, err)
	options, err := started.CredentialCreationOptions.MarshalSmithyDocument()
	ok(options, err)
	var credential any
	ok(nil, json.Unmarshal(a.Create(options), &credential))
	ok(c.CompleteWebAuthnRegistration(ctx, &sdk.CompleteWebAuthnRegistrationInput{AccessToken: token, Credential: document.NewLazyDocument(credential)}))
	ok(c.GetUserAuthFactors(ctx, &sdk.GetUserAuthFactorsInput{AccessToken: token}))
	begun, err := c.InitiateAuth(ctx, &sdk.InitiateAuthInput{ClientId: cl, AuthFlow: types.AuthFlowTypeUserAuth, AuthParameters: map[string]string{"USERNAME": "alice", "PREFERRED_CHALLENGE": "WEB_AUTHN"}})
	ok(begun, err)
	ok(c.RespondToAuthChallenge(ctx, &sdk.RespondToAuthChallengeInput{ClientId: cl, ChallengeName: begun.ChallengeName, Session: begun.Session, ChallengeResponses: map[string]string{
		"USERNAME": "alice", "CREDENTIAL": string(a.Get([]byte(begun.ChallengeParameters["CREDENTIAL_REQUEST_OPTIONS"]))),
	}}))
	keys, err := c.ListWebAuthnCredentials(ctx, &sdk.ListWebAuthnCredentialsInput{AccessToken: token})
	ok(keys, err)
	ok(c.DeleteWebAuthnCredential(ctx, &sdk.DeleteWebAuthnCredentialInput{AccessToken: token, CredentialId: keys.Credentials[0].CredentialId}))
}

// rest calls what the story of a sign-in does not.
func (w *world) rest(ctx context.Context, c *sdk.Client, p, cl, token, refresh, alice *string) {
	w.t.Helper()
	name, next := []types.AttributeType{{Name: aws.String("name"), Value: aws.String("Alice")}}, aws.String("N3w!passw")
	ok := func(_ any, err error) {
		w.t.Helper()
		if err != nil {
			w.t.Fatal(err)
		}
	}
	ok(c.DescribeUserPool(ctx, &sdk.DescribeUserPoolInput{UserPoolId: p}))
	ok(c.UpdateUserPool(ctx, &sdk.UpdateUserPoolInput{UserPoolId: p, AutoVerifiedAttributes: []types.VerifiedAttributeType{types.VerifiedAttributeTypeEmail}}))
	ok(c.ListUserPools(ctx, &sdk.ListUserPoolsInput{MaxResults: aws.Int32(5)}))
	ok(c.GetUserPoolMfaConfig(ctx, &sdk.GetUserPoolMfaConfigInput{UserPoolId: p}))
	ok(c.AddCustomAttributes(ctx, &sdk.AddCustomAttributesInput{UserPoolId: p, CustomAttributes: []types.SchemaAttributeType{{Name: aws.String("level"), AttributeDataType: types.AttributeDataTypeString}}}))
	ok(c.DescribeUserPoolClient(ctx, &sdk.DescribeUserPoolClientInput{UserPoolId: p, ClientId: cl}))
	ok(c.UpdateUserPoolClient(ctx, &sdk.UpdateUserPoolClientInput{UserPoolId: p, ClientId: cl, ExplicitAuthFlows: []types.ExplicitAuthFlowsType{
		types.ExplicitAuthFlowsTypeAllowAdminUserPasswordAuth, types.ExplicitAuthFlowsTypeAllowRefreshTokenAuth,
	}}))
	ok(c.ListUserPoolClients(ctx, &sdk.ListUserPoolClientsInput{UserPoolId: p}))

	ok(c.UpdateUserAttributes(ctx, &sdk.UpdateUserAttributesInput{AccessToken: token, UserAttributes: name}))
	ok(c.DeleteUserAttributes(ctx, &sdk.DeleteUserAttributesInput{AccessToken: token, UserAttributeNames: []string{"name"}}))
	ok(c.GetUserAttributeVerificationCode(ctx, &sdk.GetUserAttributeVerificationCodeInput{AccessToken: token, AttributeName: aws.String("email")}))
	ok(c.VerifyUserAttribute(ctx, &sdk.VerifyUserAttributeInput{AccessToken: token, AttributeName: aws.String("email"), Code: aws.String(w.lastCode())}))
	ok(c.ChangePassword(ctx, &sdk.ChangePasswordInput{AccessToken: token, PreviousPassword: aws.String(good), ProposedPassword: next}))
	ok(c.ForgotPassword(ctx, &sdk.ForgotPasswordInput{ClientId: cl, Username: alice}))
	ok(c.ConfirmForgotPassword(ctx, &sdk.ConfirmForgotPasswordInput{ClientId: cl, Username: alice, ConfirmationCode: aws.String(w.lastCode()), Password: next}))

	ok(c.AdminUpdateUserAttributes(ctx, &sdk.AdminUpdateUserAttributesInput{UserPoolId: p, Username: alice, UserAttributes: name}))
	ok(c.AdminDeleteUserAttributes(ctx, &sdk.AdminDeleteUserAttributesInput{UserPoolId: p, Username: alice, UserAttributeNames: []string{"name"}}))
	ok(c.AdminGetUser(ctx, &sdk.AdminGetUserInput{UserPoolId: p, Username: alice}))
	ok(c.CreateGroup(ctx, &sdk.CreateGroupInput{UserPoolId: p, GroupName: aws.String("g")}))
	ok(c.UpdateGroup(ctx, &sdk.UpdateGroupInput{UserPoolId: p, GroupName: aws.String("g"), Precedence: aws.Int32(2)}))
	ok(c.GetGroup(ctx, &sdk.GetGroupInput{UserPoolId: p, GroupName: aws.String("g")}))
	ok(c.ListGroups(ctx, &sdk.ListGroupsInput{UserPoolId: p}))
	ok(c.AdminAddUserToGroup(ctx, &sdk.AdminAddUserToGroupInput{UserPoolId: p, GroupName: aws.String("g"), Username: alice}))
	ok(c.ListUsersInGroup(ctx, &sdk.ListUsersInGroupInput{UserPoolId: p, GroupName: aws.String("g")}))
	ok(c.AdminListGroupsForUser(ctx, &sdk.AdminListGroupsForUserInput{UserPoolId: p, Username: alice}))
	ok(c.AdminRemoveUserFromGroup(ctx, &sdk.AdminRemoveUserFromGroupInput{UserPoolId: p, GroupName: aws.String("g"), Username: alice}))
	ok(c.DeleteGroup(ctx, &sdk.DeleteGroupInput{UserPoolId: p, GroupName: aws.String("g")}))

	w.sdkPasskey(ctx, c, p, cl, token)
	ok(c.RevokeToken(ctx, &sdk.RevokeTokenInput{ClientId: cl, Token: refresh}))
	bob := aws.String("bob")
	ok(c.AdminCreateUser(ctx, &sdk.AdminCreateUserInput{UserPoolId: p, Username: bob, TemporaryPassword: aws.String("Temp0rary!"), MessageAction: types.MessageActionTypeSuppress}))
	begun, err := c.AdminInitiateAuth(ctx, &sdk.AdminInitiateAuthInput{UserPoolId: p, ClientId: cl, AuthFlow: types.AuthFlowTypeAdminUserPasswordAuth, AuthParameters: map[string]string{"USERNAME": "bob", "PASSWORD": "Temp0rary!"}})
	ok(begun, err)
	done, err := c.AdminRespondToAuthChallenge(ctx, &sdk.AdminRespondToAuthChallengeInput{
		UserPoolId: p, ClientId: cl, ChallengeName: begun.ChallengeName, Session: begun.Session, ChallengeResponses: map[string]string{"USERNAME": "bob", "NEW_PASSWORD": good},
	})
	ok(done, err)
	ok(c.GlobalSignOut(ctx, &sdk.GlobalSignOutInput{AccessToken: done.AuthenticationResult.AccessToken}))
	again, err := c.AdminInitiateAuth(ctx, &sdk.AdminInitiateAuthInput{UserPoolId: p, ClientId: cl, AuthFlow: types.AuthFlowTypeAdminUserPasswordAuth, AuthParameters: map[string]string{"USERNAME": "bob", "PASSWORD": good}})
	ok(again, err)
	ok(c.DeleteUser(ctx, &sdk.DeleteUserInput{AccessToken: again.AuthenticationResult.AccessToken}))

	dora := aws.String("dora")
	ok(c.SignUp(ctx, &sdk.SignUpInput{ClientId: cl, Username: dora, Password: aws.String(good), UserAttributes: []types.AttributeType{{Name: aws.String("email"), Value: aws.String("d@example.com")}}}))
	ok(c.ResendConfirmationCode(ctx, &sdk.ResendConfirmationCodeInput{ClientId: cl, Username: dora}))
	ok(c.AdminConfirmSignUp(ctx, &sdk.AdminConfirmSignUpInput{UserPoolId: p, Username: dora}))
	ok(c.AdminUserGlobalSignOut(ctx, &sdk.AdminUserGlobalSignOutInput{UserPoolId: p, Username: dora}))
	ok(c.AdminSetUserPassword(ctx, &sdk.AdminSetUserPasswordInput{UserPoolId: p, Username: dora, Password: aws.String(good), Permanent: true}))
	ok(c.AdminResetUserPassword(ctx, &sdk.AdminResetUserPasswordInput{UserPoolId: p, Username: alice}))
	ok(c.AdminDisableUser(ctx, &sdk.AdminDisableUserInput{UserPoolId: p, Username: dora}))
	ok(c.AdminEnableUser(ctx, &sdk.AdminEnableUserInput{UserPoolId: p, Username: dora}))
	ok(c.AdminDeleteUser(ctx, &sdk.AdminDeleteUserInput{UserPoolId: p, Username: dora}))
	ok(c.DeleteUserPoolClient(ctx, &sdk.DeleteUserPoolClientInput{UserPoolId: p, ClientId: cl}))
	ok(c.DeleteUserPool(ctx, &sdk.DeleteUserPoolInput{UserPoolId: p}))
}

// operate calls what operators do besides.
func (w *world) operate(ctx context.Context, c *sdk.Client, p, cl, alice *string) {
	w.t.Helper()
	ok := func(_ any, err error) {
		w.t.Helper()
		if err != nil {
			w.t.Fatal(err)
		}
	}
	arn := aws.String(poolARN(account, *p))
	ok(c.TagResource(ctx, &sdk.TagResourceInput{ResourceArn: arn, Tags: map[string]string{"team": "a"}}))
	ok(c.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{ResourceArn: arn}))
	ok(c.UntagResource(ctx, &sdk.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"team"}}))

	ok(c.UpdateUserPool(ctx, &sdk.UpdateUserPoolInput{
		UserPoolId: p, UserPoolTier: types.UserPoolTierTypePlus, UserPoolAddOns: &types.UserPoolAddOnsType{AdvancedSecurityMode: types.AdvancedSecurityModeTypeEnforced},
		AutoVerifiedAttributes: []types.VerifiedAttributeType{types.VerifiedAttributeTypeEmail},
	}))
	ok(c.SetRiskConfiguration(ctx, &sdk.SetRiskConfigurationInput{UserPoolId: p, RiskExceptionConfiguration: &types.RiskExceptionConfigurationType{BlockedIPRangeList: []string{"203.0.113.0/24"}}}))
	ok(c.ListUserPoolReplicas(ctx, &sdk.ListUserPoolReplicasInput{UserPoolId: p}))
	ok(c.DescribeRiskConfiguration(ctx, &sdk.DescribeRiskConfigurationInput{UserPoolId: p}))
	ok(c.ForgotPassword(ctx, &sdk.ForgotPasswordInput{ClientId: cl, Username: alice}))
	list, err := c.AdminListUserAuthEvents(ctx, &sdk.AdminListUserAuthEventsInput{UserPoolId: p, Username: alice})
	ok(list, err)
	event := list.AuthEvents[0].EventId
	ok(c.AdminUpdateAuthEventFeedback(ctx, &sdk.AdminUpdateAuthEventFeedbackInput{UserPoolId: p, Username: alice, EventId: event, FeedbackValue: types.FeedbackValueTypeValid}))
	_, u, err := w.s.read(w.call(), *p, *alice)
	ok(u, err)
	ok(c.UpdateAuthEventFeedback(ctx, &sdk.UpdateAuthEventFeedbackInput{
		UserPoolId: p, Username: alice, EventId: event, FeedbackValue: types.FeedbackValueTypeInvalid, FeedbackToken: aws.String(w.s.feedbackToken(account, u, *event, w.now())),
	}))

	w.s.cfg.Logs = func(*kv.Tx, record.Scope, string, string, time.Time, []string) error { return nil }
	ok(c.SetLogDeliveryConfiguration(ctx, &sdk.SetLogDeliveryConfigurationInput{UserPoolId: p, LogConfigurations: []types.LogConfigurationType{{
		EventSource: types.EventSourceNameUserAuthEvents, LogLevel: types.LogLevelInfo,
		CloudWatchLogsConfiguration: &types.CloudWatchLogsConfigurationType{LogGroupArn: aws.String("arn:aws:logs:us-east-1:" + account + ":log-group:/aws/vendedlogs/users")},
	}}}))
	ok(c.GetLogDeliveryConfiguration(ctx, &sdk.GetLogDeliveryConfigurationInput{UserPoolId: p}))
	ok(c.GetCSVHeader(ctx, &sdk.GetCSVHeaderInput{UserPoolId: p}))
	job, err := c.CreateUserImportJob(ctx, &sdk.CreateUserImportJobInput{UserPoolId: p, JobName: aws.String("in"), CloudWatchLogsRoleArn: aws.String("arn:aws:iam::123456789012:role/logs")})
	ok(job, err)
	link, reason := w.s.openUpload((*job.UserImportJob.PreSignedUrl)[strings.Index(*job.UserImportJob.PreSignedUrl, UploadPath)+len(UploadPath):])
	if reason != "" {
		w.t.Fatal(reason)
	}
	ok(nil, w.s.takeUpload(ctx, link, strings.NewReader("x\n")))
	id := job.UserImportJob.JobId
	ok(c.StartUserImportJob(ctx, &sdk.StartUserImportJobInput{UserPoolId: p, JobId: id}))
	ok(c.StopUserImportJob(ctx, &sdk.StopUserImportJobInput{UserPoolId: p, JobId: id}))
	if _, err := w.s.importer().RunOne(ctx); err != nil {
		w.t.Fatal(err)
	}
	ok(c.DescribeUserImportJob(ctx, &sdk.DescribeUserImportJobInput{UserPoolId: p, JobId: id}))
	ok(c.ListUserImportJobs(ctx, &sdk.ListUserImportJobsInput{UserPoolId: p, MaxResults: aws.Int32(5)}))
}
