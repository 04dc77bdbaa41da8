package access

import (
	"errors"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"bothy/wire"
)

// clients are the real ones, with one key, against a real listener.
type clients struct {
	iam *awsiam.Client
	sts *awssts.Client
}

func (s *stage) listen() (url string) {
	s.now = time.Now()
	server := httptest.NewServer(s.mux)
	s.Cleanup(server.Close)
	return server.URL
}

func newClients(url, key, secret, token string) clients {
	cfg := aws.Config{Region: "eu-west-1", BaseEndpoint: aws.String(url), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(key, secret, token)}
	return clients{awsiam.NewFromConfig(cfg), awssts.NewFromConfig(cfg)}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// coded checks the code that a client reads out of an error.
func coded(t *testing.T, what string, err error, code string) {
	t.Helper()
	if e := smithy.APIError(nil); !errors.As(err, &e) || e.ErrorCode() != code {
		t.Errorf("%s: %v, want %s", what, err, code)
	}
}

// TestSDKRoles: roles and policies with the clients people use.
func TestSDKRoles(t *testing.T) {
	s := newStage(t)
	root := newClients(s.listen(), s.key, s.secret, "")
	ctx := t.Context()
	made := must(root.iam.CreateRole(ctx, &awsiam.CreateRoleInput{RoleName: aws.String("app"), AssumeRolePolicyDocument: aws.String(trustLambda),
		Tags: []iamtypes.Tag{{Key: aws.String("k"), Value: aws.String("v")}}})).Role
	must(root.iam.PutRolePolicy(ctx, &awsiam.PutRolePolicyInput{RoleName: aws.String("app"), PolicyName: aws.String("p"), PolicyDocument: aws.String(allowS3)}))
	got := must(root.iam.GetRole(ctx, &awsiam.GetRoleInput{RoleName: aws.String("app")})).Role
	if trust, _ := url.QueryUnescape(*got.AssumeRolePolicyDocument); trust != trustLambda || *got.Arn != *made.Arn || len(got.Tags) != 1 || got.CreateDate.IsZero() {
		t.Errorf("role %+v", got)
	}
	inline := must(root.iam.GetRolePolicy(ctx, &awsiam.GetRolePolicyInput{RoleName: aws.String("app"), PolicyName: aws.String("p")}))
	if document, _ := url.QueryUnescape(*inline.PolicyDocument); document != allowS3 {
		t.Errorf("policy %s", *inline.PolicyDocument)
	}
	policy := must(root.iam.CreatePolicy(ctx, &awsiam.CreatePolicyInput{PolicyName: aws.String("m"), PolicyDocument: aws.String(allowS3)})).Policy
	must(root.iam.AttachRolePolicy(ctx, &awsiam.AttachRolePolicyInput{RoleName: aws.String("app"), PolicyArn: policy.Arn}))
	if l := must(root.iam.ListAttachedRolePolicies(ctx, &awsiam.ListAttachedRolePoliciesInput{RoleName: aws.String("app")})); len(l.AttachedPolicies) != 1 {
		t.Errorf("attached %+v", l)
	}
	var names []string
	pages := awsiam.NewListRolesPaginator(root.iam, &awsiam.ListRolesInput{MaxItems: aws.Int32(1)})
	must(root.iam.CreateRole(ctx, &awsiam.CreateRoleInput{RoleName: aws.String("b"), AssumeRolePolicyDocument: aws.String(trustLambda)}))
	for pages.HasMorePages() {
		for _, r := range must(pages.NextPage(ctx)).Roles {
			names = append(names, *r.RoleName)
		}
	}
	if len(names) != 2 {
		t.Errorf("roles %v", names)
	}
	_, err := root.iam.GetRole(ctx, &awsiam.GetRoleInput{RoleName: aws.String("none")})
	coded(t, "no role", err, "NoSuchEntity")
	if e := (*iamtypes.NoSuchEntityException)(nil); !errors.As(err, &e) || *e.Message != "The role with name none cannot be found." {
		t.Errorf("error %v", err)
	}
	_, err = root.iam.DeleteRole(ctx, &awsiam.DeleteRoleInput{RoleName: aws.String("app")})
	coded(t, "delete", err, "DeleteConflict")
	_, err = root.iam.PutRolePolicy(ctx, &awsiam.PutRolePolicyInput{RoleName: aws.String("app"), PolicyName: aws.String("p"), PolicyDocument: aws.String("{")})
	coded(t, "malformed", err, "MalformedPolicyDocument")
	_, err = root.iam.CreateRole(ctx, &awsiam.CreateRoleInput{RoleName: aws.String("app"), AssumeRolePolicyDocument: aws.String(trustLambda)})
	coded(t, "twice", err, "EntityAlreadyExists")
	sim := must(root.iam.SimulatePrincipalPolicy(ctx, &awsiam.SimulatePrincipalPolicyInput{PolicySourceArn: made.Arn, ActionNames: []string{"s3:GetObject"}}))
	if len(sim.EvaluationResults) != 1 || sim.EvaluationResults[0].EvalDecision != "allowed" {
		t.Errorf("simulated %+v", sim)
	}
}

// TestSDKSessions: a user assumes a role; the credentials work, and only whole, unchanged and together.
func TestSDKSessions(t *testing.T) {
	s := newStage(t)
	endpoint := s.listen()
	root := newClients(endpoint, s.key, s.secret, "")
	ctx := t.Context()
	if who := must(root.sts.GetCallerIdentity(ctx, &awssts.GetCallerIdentityInput{})); *who.Arn != "arn:aws:iam::"+s.account+":root" {
		t.Errorf("root is %s", *who.Arn)
	}
	must(root.iam.CreateUser(ctx, &awsiam.CreateUserInput{UserName: aws.String("ann")}))
	key := must(root.iam.CreateAccessKey(ctx, &awsiam.CreateAccessKeyInput{UserName: aws.String("ann")})).AccessKey
	ann := newClients(endpoint, *key.AccessKeyId, *key.SecretAccessKey, "")
	must(ann.sts.GetCallerIdentity(ctx, &awssts.GetCallerIdentityInput{}))
	_, err := ann.iam.ListRoles(ctx, &awsiam.ListRolesInput{})
	coded(t, "list", err, "AccessDenied")
	role := must(root.iam.CreateRole(ctx, &awsiam.CreateRoleInput{RoleName: aws.String("r"),
		AssumeRolePolicyDocument: aws.String(trustAWS("arn:aws:iam::"+s.account+":user/ann", ""))})).Role
	_, err = ann.sts.AssumeRole(ctx, &awssts.AssumeRoleInput{RoleArn: aws.String(*role.Arn + "x"), RoleSessionName: aws.String("me")})
	coded(t, "no role", err, "AccessDenied")
	out := must(ann.sts.AssumeRole(ctx, &awssts.AssumeRoleInput{RoleArn: role.Arn, RoleSessionName: aws.String("me"), Policy: aws.String(allowAll)}))
	c := out.Credentials
	session := newClients(endpoint, *c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)
	if who := must(session.sts.GetCallerIdentity(ctx, &awssts.GetCallerIdentityInput{})); *who.Arn != *out.AssumedRoleUser.Arn || *who.UserId != *out.AssumedRoleUser.AssumedRoleId {
		t.Errorf("session is %+v", who)
	}
	_, err = session.iam.ListRoles(ctx, &awsiam.ListRolesInput{})
	coded(t, "a session policy grants nothing", err, "AccessDenied")

	own := must(root.sts.GetSessionToken(ctx, &awssts.GetSessionTokenInput{})).Credentials
	for name, k := range map[string][3]string{
		"no token":       {*c.AccessKeyId, *c.SecretAccessKey, ""},
		"foreign token":  {*c.AccessKeyId, *c.SecretAccessKey, *own.SessionToken},
		"long-lived key": {*key.AccessKeyId, *key.SecretAccessKey, *c.SessionToken},
		"unknown key":    {"AKIAUNKNOWNUNKNOWN00", *key.SecretAccessKey, ""},
		"token cut off":  {*c.AccessKeyId, *c.SecretAccessKey, (*c.SessionToken)[:40]},
	} {
		_, err := newClients(endpoint, k[0], k[1], k[2]).sts.GetCallerIdentity(ctx, &awssts.GetCallerIdentityInput{})
		coded(t, name, err, "InvalidClientTokenId")
	}
	_, err = newClients(endpoint, *c.AccessKeyId, *key.SecretAccessKey, *c.SessionToken).sts.GetCallerIdentity(ctx, &awssts.GetCallerIdentityInput{})
	coded(t, "wrong secret", err, "SignatureDoesNotMatch")

	must(root.iam.DeleteRole(ctx, &awsiam.DeleteRoleInput{RoleName: aws.String("r")}))
	_, err = session.sts.GetCallerIdentity(ctx, &awssts.GetCallerIdentityInput{})
	coded(t, "deleted role", err, "InvalidClientTokenId")
}

// TestSDKWebIdentity: the one operation without a signature.
func TestSDKWebIdentity(t *testing.T) {
	s := newStage(t)
	endpoint := s.listen()
	role := s.role("auth", trustPool, allowTables)
	s.tokens["good"] = func() (string, map[string]any, error) {
		return cognito, map[string]any{"sub": "eu-west-1:1", "aud": "eu-west-1:pool", "amr": []any{"authenticated"}}, nil
	}
	anonymous := awssts.New(awssts.Options{Region: "eu-west-1", BaseEndpoint: aws.String(endpoint), RetryMaxAttempts: 1})
	in := &awssts.AssumeRoleWithWebIdentityInput{RoleArn: aws.String(role.Arn.V), RoleSessionName: aws.String("web"), WebIdentityToken: aws.String("good")}
	c := must(anonymous.AssumeRoleWithWebIdentity(t.Context(), in)).Credentials
	must(newClients(endpoint, *c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken).sts.GetCallerIdentity(t.Context(), &awssts.GetCallerIdentityInput{}))
	in.WebIdentityToken = aws.String("forged")
	_, err := anonymous.AssumeRoleWithWebIdentity(t.Context(), in)
	coded(t, "forged", err, "InvalidIdentityToken")
}

// deniedHeader makes a refused call and returns what its header holds.
func deniedHeader(t *testing.T, c clients) (message string) {
	t.Helper()
	_, err := c.iam.CreateUser(t.Context(), &awsiam.CreateUserInput{UserName: aws.String("new"), Tags: []iamtypes.Tag{{Key: aws.String("team"), Value: aws.String("red")}}})
	coded(t, "denied", err, "AccessDenied")
	if e := (*awshttp.ResponseError)(nil); errors.As(err, &e) {
		message = e.Response.Header.Get(wire.DeniedHeader)
	}
	return message
}
