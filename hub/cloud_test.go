package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"bothy/api/apigateway"
	"bothy/api/cloudfront"
	"bothy/api/cognitoidentity"
	"bothy/api/cognitoidp"
	"bothy/api/dynamodb"
	"bothy/api/iam"
	"bothy/api/lambda"
	"bothy/api/mobile"
	"bothy/api/s3"
	"bothy/kv"
	"bothy/kv/memkv"
	"bothy/policy"
	"bothy/wire"
)

const account = "123456789012"

// cloud is every other service, as far as the hub uses it: names and texts in one map. It refuses what the real ones would,
// counts the calls that change something, and can be cut off at any of them.
type cloud struct {
	t       testing.TB
	has     map[string]string // "bucket x", "object x/k", "role r", "rolepolicy r/p", …
	next    int
	changes []string // what was changed, in order
	cutAt   int      // the change before which all calls fail; 0 never
	noCDN   bool
}

var errCut = errors.New("the power went")

// change notes a change, or fails when the cloud is cut off.
func (c *cloud) change(format string, a ...any) error {
	if c.cutAt > 0 && len(c.changes)+1 >= c.cutAt {
		return errCut
	}
	c.changes = append(c.changes, fmt.Sprintf(format, a...))
	return nil
}

func (c *cloud) set(key, value string) error {
	if err := c.change("set %s", key); err != nil {
		return err
	}
	c.has[key] = value
	return nil
}

func (c *cloud) drop(key, code string) error {
	if _, ok := c.has[key]; !ok {
		return wire.Fail(404, code, "%s does not exist", key)
	}
	if err := c.change("drop %s", key); err != nil {
		return err
	}
	delete(c.has, key)
	return nil
}

// dropAll drops a thing and, when that went well, what belongs to it.
func (c *cloud) dropAll(key, code string, parts ...string) error {
	err := c.drop(key, code)
	if err == nil {
		for k := range c.has {
			for _, p := range parts {
				if strings.HasPrefix(k, p) {
					delete(c.has, k)
				}
			}
		}
	}
	return err
}

func (c *cloud) under(prefix string) (names []string) {
	for k := range c.has {
		if rest, ok := strings.CutPrefix(k, prefix); ok {
			names = append(names, rest)
		}
	}
	slices.Sort(names)
	return names
}

func (c *cloud) id(prefix string) string {
	c.next++
	return fmt.Sprintf("%s%d", prefix, c.next)
}

// on mounts an operation without a handler's ceremony.
func on[In, Out any](m *wire.Mux, op wire.Op[In, Out], fn func(*In) (*Out, error)) {
	wire.Handle(m, op, wire.AuthenticatedOnly[In], func(_ *wire.Call, in *In) (*Out, error) { return fn(in) })
}

func (c *cloud) need(key, code string) error {
	if _, ok := c.has[key]; !ok {
		return wire.Fail(404, code, "%s does not exist", key)
	}
	return nil
}

func (c *cloud) mountS3(m *wire.Mux) {
	bucket := func(b wire.Opt[string]) error { return c.need("bucket "+b.V, "NoSuchBucket") }
	on(m, s3.CreateBucket, func(in *s3.CreateBucketInput) (*s3.CreateBucketOutput, error) {
		if bucket(in.Bucket) == nil {
			return nil, wire.Fail(409, "BucketAlreadyOwnedByYou", "yours")
		}
		return nil, c.set("bucket "+in.Bucket.V, "")
	})
	put := func(b wire.Opt[string], what, value string) error {
		if err := bucket(b); err != nil {
			return err
		}
		if c.has[what+" "+b.V] == value {
			return nil
		}
		return c.set(what+" "+b.V, value)
	}
	on(m, s3.PutBucketCors, func(in *s3.PutBucketCorsInput) (*s3.PutBucketCorsOutput, error) {
		return nil, put(in.Bucket, "cors", strings.Join(in.CORSConfiguration.CORSRules[0].ExposeHeaders, ","))
	})
	on(m, s3.PutBucketWebsite, func(in *s3.PutBucketWebsiteInput) (*s3.PutBucketWebsiteOutput, error) {
		return nil, put(in.Bucket, "website", in.WebsiteConfiguration.IndexDocument.Suffix.V)
	})
	on(m, s3.PutBucketPolicy, func(in *s3.PutBucketPolicyInput) (*s3.PutBucketPolicyOutput, error) {
		return nil, put(in.Bucket, "bucketpolicy", in.Policy.V)
	})
	on(m, s3.DeleteBucketWebsite, func(in *s3.DeleteBucketWebsiteInput) (*s3.DeleteBucketWebsiteOutput, error) {
		return nil, c.drop("website "+in.Bucket.V, "NoSuchWebsiteConfiguration")
	})
	on(m, s3.DeleteBucketPolicy, func(in *s3.DeleteBucketPolicyInput) (*s3.DeleteBucketPolicyOutput, error) {
		return nil, c.drop("bucketpolicy "+in.Bucket.V, "NoSuchBucketPolicy")
	})
	on(m, s3.PutObject, func(in *s3.PutObjectInput) (*s3.PutObjectOutput, error) {
		b, err := io.ReadAll(in.Body)
		if err != nil || int64(len(b)) != in.ContentLength.V {
			return nil, fmt.Errorf("body of %d bytes, said %d: %v", len(b), in.ContentLength.V, err)
		}
		key := "object " + in.Bucket.V + "/" + in.Key.V
		if have, ok := c.has[key]; bucket(in.Bucket) != nil || ok && have == string(b) {
			return nil, bucket(in.Bucket)
		}
		return nil, c.set(key, string(b))
	})
	c.mountObjects(m)
}

func (c *cloud) mountObjects(m *wire.Mux) {
	on(m, s3.GetObject, func(in *s3.GetObjectInput) (*s3.GetObjectOutput, error) {
		b, ok := c.has["object "+in.Bucket.V+"/"+in.Key.V]
		if !ok {
			return nil, wire.Fail(404, "NoSuchKey", "no")
		}
		return &s3.GetObjectOutput{Body: strings.NewReader(b)}, nil
	})
	on(m, s3.ListObjectsV2, func(in *s3.ListObjectsV2Input) (*s3.ListObjectsV2Output, error) {
		out := &s3.ListObjectsV2Output{}
		for _, k := range c.under("object " + in.Bucket.V + "/") {
			out.Contents = append(out.Contents, s3.Object{Key: wire.Some(k)})
		}
		return out, c.need("bucket "+in.Bucket.V, "NoSuchBucket")
	})
	on(m, s3.DeleteObjects, func(in *s3.DeleteObjectsInput) (*s3.DeleteObjectsOutput, error) {
		for _, o := range in.Delete.Objects {
			if err := c.drop("object "+in.Bucket.V+"/"+o.Key.V, "NoSuchKey"); err != nil {
				return nil, err
			}
		}
		return nil, nil
	})
	on(m, s3.DeleteBucket, func(in *s3.DeleteBucketInput) (*s3.DeleteBucketOutput, error) {
		if len(c.under("object "+in.Bucket.V+"/")) > 0 {
			return nil, wire.Fail(409, "BucketNotEmpty", "not empty")
		}
		return nil, c.dropAll("bucket "+in.Bucket.V, "NoSuchBucket", "cors "+in.Bucket.V, "website "+in.Bucket.V, "bucketpolicy "+in.Bucket.V)
	})
}

func (c *cloud) mountCDN(m *wire.Mux) {
	if c.noCDN {
		return
	}
	on(m, cloudfront.ListDistributions, func(*cloudfront.ListDistributionsInput) (*cloudfront.ListDistributionsOutput, error) {
		list := &cloudfront.DistributionList{}
		for _, id := range c.under("cdn ") {
			list.Items = append(list.Items, cloudfront.DistributionSummary{Id: wire.Some(id), DomainName: wire.Some("d" + id + ".cloudfront.net"), Comment: wire.Some(c.has["cdn "+id])})
		}
		return &cloudfront.ListDistributionsOutput{DistributionList: list}, nil
	})
	on(m, cloudfront.CreateDistribution, func(in *cloudfront.CreateDistributionInput) (*cloudfront.CreateDistributionOutput, error) {
		id := c.id("E")
		return &cloudfront.CreateDistributionOutput{Distribution: &cloudfront.Distribution{Id: wire.Some(id), DomainName: wire.Some("d" + id + ".cloudfront.net")}},
			c.set("cdn "+id, in.DistributionConfig.Comment.V)
	})
	on(m, cloudfront.GetDistribution, func(in *cloudfront.GetDistributionInput) (*cloudfront.GetDistributionOutput, error) {
		return &cloudfront.GetDistributionOutput{}, c.need("cdn "+in.Id.V, "NoSuchDistribution")
	})
	on(m, cloudfront.GetDistributionConfig, func(in *cloudfront.GetDistributionConfigInput) (*cloudfront.GetDistributionConfigOutput, error) {
		return &cloudfront.GetDistributionConfigOutput{ETag: wire.Some("1"), DistributionConfig: &cloudfront.DistributionConfig{Enabled: wire.Some(true)}}, c.need("cdn "+in.Id.V, "NoSuchDistribution")
	})
	on(m, cloudfront.UpdateDistribution, func(in *cloudfront.UpdateDistributionInput) (*cloudfront.UpdateDistributionOutput, error) {
		return &cloudfront.UpdateDistributionOutput{ETag: wire.Some("2")}, c.set("cdnoff "+in.Id.V, "")
	})
	on(m, cloudfront.DeleteDistribution, func(in *cloudfront.DeleteDistributionInput) (*cloudfront.DeleteDistributionOutput, error) {
		if in.IfMatch.V != "2" || c.need("cdnoff "+in.Id.V, "") != nil {
			return nil, wire.Fail(409, "DistributionNotDisabled", "still on")
		}
		return nil, c.dropAll("cdn "+in.Id.V, "NoSuchDistribution", "cdnoff "+in.Id.V)
	})
}

func (c *cloud) mountUsers(m *wire.Mux) {
	missing := func(id string) error { return c.need("userpool "+id, "ResourceNotFoundException") }
	on(m, cognitoidp.ListUserPools, func(*cognitoidp.ListUserPoolsInput) (*cognitoidp.ListUserPoolsOutput, error) {
		out := &cognitoidp.ListUserPoolsOutput{}
		for _, id := range c.under("userpool ") {
			out.UserPools = append(out.UserPools, cognitoidp.UserPoolDescriptionType{Id: wire.Some(id), Name: wire.Some(c.has["userpool "+id])})
		}
		return out, nil
	})
	on(m, cognitoidp.CreateUserPool, func(in *cognitoidp.CreateUserPoolInput) (*cognitoidp.CreateUserPoolOutput, error) {
		id := c.id("us-east-1_")
		return &cognitoidp.CreateUserPoolOutput{UserPool: &cognitoidp.UserPoolType{Id: wire.Some(id)}}, c.set("userpool "+id, in.PoolName.V)
	})
	on(m, cognitoidp.DescribeUserPool, func(in *cognitoidp.DescribeUserPoolInput) (*cognitoidp.DescribeUserPoolOutput, error) {
		return &cognitoidp.DescribeUserPoolOutput{UserPool: &cognitoidp.UserPoolType{Id: in.UserPoolId}}, missing(in.UserPoolId.V)
	})
	on(m, cognitoidp.UpdateUserPool, func(in *cognitoidp.UpdateUserPoolInput) (*cognitoidp.UpdateUserPoolOutput, error) {
		return nil, missing(in.UserPoolId.V)
	})
	on(m, cognitoidp.DeleteUserPool, func(in *cognitoidp.DeleteUserPoolInput) (*cognitoidp.DeleteUserPoolOutput, error) {
		return nil, c.dropAll("userpool "+in.UserPoolId.V, "ResourceNotFoundException", "client "+in.UserPoolId.V+"/")
	})
	on(m, cognitoidp.ListUsers, func(in *cognitoidp.ListUsersInput) (*cognitoidp.ListUsersOutput, error) {
		out := &cognitoidp.ListUsersOutput{}
		for range c.under("user " + in.UserPoolId.V + "/") {
			out.Users = append(out.Users, cognitoidp.UserType{})
		}
		return out, missing(in.UserPoolId.V)
	})
	on(m, cognitoidp.ListUserPoolClients, func(in *cognitoidp.ListUserPoolClientsInput) (*cognitoidp.ListUserPoolClientsOutput, error) {
		out := &cognitoidp.ListUserPoolClientsOutput{}
		for _, id := range c.under("client " + in.UserPoolId.V + "/") {
			out.UserPoolClients = append(out.UserPoolClients, cognitoidp.UserPoolClientDescription{ClientId: wire.Some(id), ClientName: wire.Some(strings.TrimSuffix(c.has["client "+in.UserPoolId.V+"/"+id], " secret"))})
		}
		return out, missing(in.UserPoolId.V)
	})
	on(m, cognitoidp.CreateUserPoolClient, func(in *cognitoidp.CreateUserPoolClientInput) (*cognitoidp.CreateUserPoolClientOutput, error) {
		id, value := c.id("client"), in.ClientName.V
		if in.GenerateSecret.V {
			value += " secret"
		}
		return &cognitoidp.CreateUserPoolClientOutput{UserPoolClient: &cognitoidp.UserPoolClientType{ClientId: wire.Some(id)}}, c.set("client "+in.UserPoolId.V+"/"+id, value)
	})
	on(m, cognitoidp.DescribeUserPoolClient, func(in *cognitoidp.DescribeUserPoolClientInput) (*cognitoidp.DescribeUserPoolClientOutput, error) {
		out := &cognitoidp.UserPoolClientType{ClientId: in.ClientId}
		if strings.HasSuffix(c.has["client "+in.UserPoolId.V+"/"+in.ClientId.V], " secret") {
			out.ClientSecret = wire.Some("thesecretthesecretthesecret")
		}
		return &cognitoidp.DescribeUserPoolClientOutput{UserPoolClient: out}, c.need("client "+in.UserPoolId.V+"/"+in.ClientId.V, "ResourceNotFoundException")
	})
}

func (c *cloud) mountIdentities(m *wire.Mux) {
	pools := map[string]*cognitoidentity.IdentityPool{}
	on(m, cognitoidentity.ListIdentityPools, func(*cognitoidentity.ListIdentityPoolsInput) (*cognitoidentity.ListIdentityPoolsOutput, error) {
		out := &cognitoidentity.ListIdentityPoolsOutput{}
		for _, id := range c.under("identitypool ") {
			out.IdentityPools = append(out.IdentityPools, cognitoidentity.IdentityPoolShortDescription{IdentityPoolId: wire.Some(id), IdentityPoolName: pools[id].IdentityPoolName})
		}
		return out, nil
	})
	store := func(p *cognitoidentity.IdentityPool) (*cognitoidentity.IdentityPool, error) {
		pools[p.IdentityPoolId.V] = p
		key, value := "identitypool "+p.IdentityPoolId.V, fmt.Sprint(p.AllowUnauthenticatedIdentities.V, len(p.CognitoIdentityProviders))
		if have, ok := c.has[key]; ok && have == value {
			return p, nil
		}
		return p, c.set(key, value)
	}
	on(m, cognitoidentity.CreateIdentityPool, func(in *cognitoidentity.CreateIdentityPoolInput) (*cognitoidentity.IdentityPool, error) {
		return store(&cognitoidentity.IdentityPool{
			IdentityPoolId: wire.Some(c.id("us-east-1:0000")), IdentityPoolName: in.IdentityPoolName,
			AllowUnauthenticatedIdentities: in.AllowUnauthenticatedIdentities, CognitoIdentityProviders: in.CognitoIdentityProviders,
		})
	})
	on(m, cognitoidentity.DescribeIdentityPool, func(in *cognitoidentity.DescribeIdentityPoolInput) (*cognitoidentity.IdentityPool, error) {
		if err := c.need("identitypool "+in.IdentityPoolId.V, "ResourceNotFoundException"); err != nil {
			return nil, err
		}
		p := *pools[in.IdentityPoolId.V]
		return &p, nil
	})
	on(m, cognitoidentity.UpdateIdentityPool, store)
	on(m, cognitoidentity.DeleteIdentityPool, func(in *cognitoidentity.DeleteIdentityPoolInput) (*cognitoidentity.DeleteIdentityPoolOutput, error) {
		return nil, c.dropAll("identitypool "+in.IdentityPoolId.V, "ResourceNotFoundException", "poolroles "+in.IdentityPoolId.V)
	})
	on(m, cognitoidentity.GetIdentityPoolRoles, func(*cognitoidentity.GetIdentityPoolRolesInput) (*cognitoidentity.GetIdentityPoolRolesOutput, error) {
		return &cognitoidentity.GetIdentityPoolRolesOutput{}, nil
	})
	on(m, cognitoidentity.SetIdentityPoolRoles, func(in *cognitoidentity.SetIdentityPoolRolesInput) (*cognitoidentity.SetIdentityPoolRolesOutput, error) {
		value := asJSON(in.Roles)
		if c.has["poolroles "+in.IdentityPoolId.V] == value {
			return nil, nil
		}
		return nil, c.set("poolroles "+in.IdentityPoolId.V, value)
	})
}

func (c *cloud) mountIAM(m *wire.Mux) {
	arn := func(name string) wire.Opt[string] { return wire.Some("arn:aws:iam::" + account + ":role/" + name) }
	on(m, iam.GetRole, func(in *iam.GetRoleInput) (*iam.GetRoleOutput, error) {
		return &iam.GetRoleOutput{Role: &iam.Role{Arn: arn(in.RoleName.V)}}, c.need("role "+in.RoleName.V, "NoSuchEntity")
	})
	put := func(key, value string) error {
		if _, err := policy.Parse([]byte(value)); strings.HasPrefix(key, "rolepolicy") && err != nil {
			return wire.Fail(400, "MalformedPolicyDocument", "%v", err)
		}
		if c.has[key] == value {
			return nil
		}
		return c.set(key, value)
	}
	on(m, iam.CreateRole, func(in *iam.CreateRoleInput) (*iam.CreateRoleOutput, error) {
		return &iam.CreateRoleOutput{Role: &iam.Role{Arn: arn(in.RoleName.V)}}, put("role "+in.RoleName.V, in.AssumeRolePolicyDocument.V)
	})
	on(m, iam.UpdateAssumeRolePolicy, func(in *iam.UpdateAssumeRolePolicyInput) (*iam.UpdateAssumeRolePolicyOutput, error) {
		return nil, put("role "+in.RoleName.V, in.PolicyDocument.V)
	})
	on(m, iam.PutRolePolicy, func(in *iam.PutRolePolicyInput) (*iam.PutRolePolicyOutput, error) {
		if err := c.need("role "+in.RoleName.V, "NoSuchEntity"); err != nil {
			return nil, err
		}
		return nil, put("rolepolicy "+in.RoleName.V+"/"+in.PolicyName.V, in.PolicyDocument.V)
	})
	on(m, iam.ListRolePolicies, func(in *iam.ListRolePoliciesInput) (*iam.ListRolePoliciesOutput, error) {
		return &iam.ListRolePoliciesOutput{PolicyNames: c.under("rolepolicy " + in.RoleName.V + "/")}, c.need("role "+in.RoleName.V, "NoSuchEntity")
	})
	on(m, iam.DeleteRolePolicy, func(in *iam.DeleteRolePolicyInput) (*iam.DeleteRolePolicyOutput, error) {
		return nil, c.drop("rolepolicy "+in.RoleName.V+"/"+in.PolicyName.V, "NoSuchEntity")
	})
	on(m, iam.DeleteRole, func(in *iam.DeleteRoleInput) (*iam.DeleteRoleOutput, error) {
		if len(c.under("rolepolicy "+in.RoleName.V+"/")) > 0 {
			return nil, wire.Fail(409, "DeleteConflict", "has policies")
		}
		return nil, c.drop("role "+in.RoleName.V, "NoSuchEntity")
	})
}

const onDemand = "PAY_PER_REQUEST"

func (c *cloud) mountTables(m *wire.Mux) {
	const missing = "ResourceNotFoundException"
	keys := map[string][]dynamodb.KeySchemaElement{}
	on(m, dynamodb.DescribeTable, func(in *dynamodb.DescribeTableInput) (*dynamodb.DescribeTableOutput, error) {
		d := &dynamodb.TableDescription{KeySchema: keys[in.TableName.V], ProvisionedThroughput: &dynamodb.ProvisionedThroughputDescription{ReadCapacityUnits: wire.Some(int64(0)), WriteCapacityUnits: wire.Some(int64(0))}}
		if strings.HasSuffix(c.has["table "+in.TableName.V], onDemand) {
			d.BillingModeSummary = &dynamodb.BillingModeSummary{BillingMode: wire.Some(onDemand)}
		} else {
			d.ProvisionedThroughput.ReadCapacityUnits, d.ProvisionedThroughput.WriteCapacityUnits = wire.Some(int64(7)), wire.Some(int64(8))
		}
		return &dynamodb.DescribeTableOutput{Table: d}, c.need("table "+in.TableName.V, missing)
	})
	on(m, dynamodb.CreateTable, func(in *dynamodb.CreateTableInput) (*dynamodb.CreateTableOutput, error) {
		keys[in.TableName.V] = in.KeySchema
		return nil, c.set("table "+in.TableName.V, fmt.Sprintf("%d %d %s", len(in.AttributeDefinitions), len(in.GlobalSecondaryIndexes), in.BillingMode.V))
	})
	on(m, dynamodb.UpdateTable, func(in *dynamodb.UpdateTableInput) (*dynamodb.UpdateTableOutput, error) {
		ix, units := in.GlobalSecondaryIndexUpdates[0].Create, "none"
		if p := ix.ProvisionedThroughput; p != nil {
			units = fmt.Sprint(p.ReadCapacityUnits.V, p.WriteCapacityUnits.V)
		}
		return nil, c.set("index "+in.TableName.V+"/"+ix.IndexName.V, units)
	})
	on(m, dynamodb.DeleteTable, func(in *dynamodb.DeleteTableInput) (*dynamodb.DeleteTableOutput, error) {
		return nil, c.drop("table "+in.TableName.V, missing)
	})
	on(m, dynamodb.Scan, func(in *dynamodb.ScanInput) (*dynamodb.ScanOutput, error) {
		out := &dynamodb.ScanOutput{}
		for range c.under("row " + in.TableName.V + "/") {
			out.Items = append(out.Items, nil)
		}
		return out, c.need("table "+in.TableName.V, missing)
	})
}

func (c *cloud) mountFunctions(m *wire.Mux) {
	const missing = "ResourceNotFoundException"
	on(m, lambda.GetFunction, func(in *lambda.GetFunctionInput) (*lambda.GetFunctionOutput, error) {
		return nil, c.need("function "+in.FunctionName.V, missing)
	})
	describe := func(env *lambda.Environment, handler, runtime wire.Opt[string]) string {
		return asJSON(env.Variables) + handler.V + runtime.V
	}
	on(m, lambda.CreateFunction, func(in *lambda.CreateFunctionInput) (*lambda.FunctionConfiguration, error) {
		if err := c.set("function "+in.FunctionName.V, describe(in.Environment, in.Handler, in.Runtime)); err != nil {
			return nil, err
		}
		c.has["code "+in.FunctionName.V] = string(in.Code.ZipFile)
		return nil, nil
	})
	on(m, lambda.UpdateFunctionConfiguration, func(in *lambda.UpdateFunctionConfigurationInput) (*lambda.FunctionConfiguration, error) {
		return nil, c.set("function "+in.FunctionName.V, describe(in.Environment, in.Handler, in.Runtime))
	})
	on(m, lambda.UpdateFunctionCode, func(in *lambda.UpdateFunctionCodeInput) (*lambda.FunctionConfiguration, error) {
		return nil, c.set("code "+in.FunctionName.V, string(in.ZipFile))
	})
	on(m, lambda.DeleteFunction, func(in *lambda.DeleteFunctionInput) (*lambda.DeleteFunctionOutput, error) {
		return nil, c.dropAll("function "+in.FunctionName.V, missing, "permission "+in.FunctionName.V+"/", "code "+in.FunctionName.V)
	})
	on(m, lambda.AddPermission, func(in *lambda.AddPermissionInput) (*lambda.AddPermissionOutput, error) {
		key := "permission " + in.FunctionName.V + "/" + in.StatementId.V
		if c.need(key, "") == nil {
			return nil, wire.Fail(409, "ResourceConflictException", "exists")
		}
		if err := c.need("function "+in.FunctionName.V, missing); err != nil {
			return nil, err
		}
		return nil, c.set(key, in.SourceArn.V)
	})
}

func (c *cloud) mountAPIs(m *wire.Mux) {
	const missing = "NotFoundException"
	on(m, apigateway.GetRestApi, func(in *apigateway.GetRestApiInput) (*apigateway.RestApi, error) {
		return &apigateway.RestApi{Name: wire.Some(c.has["api "+in.RestApiId.V])}, c.need("api "+in.RestApiId.V, missing)
	})
	on(m, apigateway.GetRestApis, func(*apigateway.GetRestApisInput) (*apigateway.GetRestApisOutput, error) {
		out := &apigateway.GetRestApisOutput{}
		for _, id := range c.under("api ") {
			out.Items = append(out.Items, apigateway.RestApi{Id: wire.Some(id), Name: wire.Some(c.has["api "+id])})
		}
		return out, nil
	})
	on(m, apigateway.CreateRestApi, func(in *apigateway.CreateRestApiInput) (*apigateway.RestApi, error) {
		id := c.id("api")
		err := c.set("api "+id, in.Name.V)
		if err == nil {
			c.has["resource "+id+" /"] = ""
		}
		return &apigateway.RestApi{Id: wire.Some(id)}, err
	})
	on(m, apigateway.DeleteRestApi, func(in *apigateway.DeleteRestApiInput) (*apigateway.DeleteRestApiOutput, error) {
		var parts []string
		for _, kind := range []string{"resource", "method", "integration", "methodresponse", "integrationresponse", "stage", "gatewayresponse"} {
			parts = append(parts, kind+" "+in.RestApiId.V+" ")
		}
		return nil, c.dropAll("api "+in.RestApiId.V, missing, parts...)
	})
	on(m, apigateway.GetStage, func(in *apigateway.GetStageInput) (*apigateway.Stage, error) {
		return nil, c.need("stage "+in.RestApiId.V+" "+in.StageName.V, missing)
	})
	on(m, apigateway.CreateDeployment, func(in *apigateway.CreateDeploymentInput) (*apigateway.Deployment, error) {
		return nil, c.set("stage "+in.RestApiId.V+" "+in.StageName.V, strings.Join(c.under("resource "+in.RestApiId.V+" "), ","))
	})
	on(m, apigateway.PutGatewayResponse, func(in *apigateway.PutGatewayResponseInput) (*apigateway.GatewayResponse, error) {
		return nil, c.set("gatewayresponse "+in.RestApiId.V+" "+in.ResponseType.V, "")
	})
	c.mountResources(m)
}

// Resources are named by their path here, which is their id too.
func (c *cloud) mountResources(m *wire.Mux) {
	parent := func(path string) string { return path[:max(1, strings.LastIndexByte(path, '/'))] }
	on(m, apigateway.GetResources, func(in *apigateway.GetResourcesInput) (*apigateway.GetResourcesOutput, error) {
		out := &apigateway.GetResourcesOutput{}
		for _, path := range c.under("resource " + in.RestApiId.V + " ") {
			r := apigateway.Resource{Id: wire.Some(path), Path: wire.Some(path), ResourceMethods: map[string]apigateway.Method{}}
			if path != "/" {
				r.ParentId = wire.Some(parent(path))
			}
			for _, method := range c.under("method " + in.RestApiId.V + " " + path + " ") {
				r.ResourceMethods[method] = apigateway.Method{}
			}
			out.Items = append(out.Items, r)
		}
		return out, nil
	})
	on(m, apigateway.CreateResource, func(in *apigateway.CreateResourceInput) (*apigateway.Resource, error) {
		path := strings.TrimSuffix(in.ParentId.V, "/") + "/" + in.PathPart.V
		if c.need("resource "+in.RestApiId.V+" "+path, "") == nil {
			return nil, wire.Fail(409, "ConflictException", "exists")
		}
		return &apigateway.Resource{Id: wire.Some(path)}, c.set("resource "+in.RestApiId.V+" "+path, "")
	})
	on(m, apigateway.DeleteResource, func(in *apigateway.DeleteResourceInput) (*apigateway.DeleteResourceOutput, error) {
		var parts []string
		for _, kind := range []string{"resource", "method", "integration", "methodresponse", "integrationresponse"} {
			part := kind + " " + in.RestApiId.V + " " + in.ResourceId.V
			parts = append(parts, part+" ", part+"/")
		}
		return nil, c.dropAll("resource "+in.RestApiId.V+" "+in.ResourceId.V, "NotFoundException", parts...)
	})
	on(m, apigateway.DeleteMethod, func(in *apigateway.DeleteMethodInput) (*apigateway.DeleteMethodOutput, error) {
		return nil, c.drop("method "+in.RestApiId.V+" "+in.ResourceId.V+" "+in.HttpMethod.V, "NotFoundException")
	})
	on(m, apigateway.PutMethod, func(in *apigateway.PutMethodInput) (*apigateway.Method, error) {
		key := "method " + in.RestApiId.V + " " + in.ResourceId.V + " " + in.HttpMethod.V
		if c.need(key, "") == nil {
			return nil, wire.Fail(409, "ConflictException", "exists")
		}
		return nil, c.set(key, in.AuthorizationType.V)
	})
	on(m, apigateway.PutIntegration, func(in *apigateway.PutIntegrationInput) (*apigateway.Integration, error) {
		return nil, c.set("integration "+in.RestApiId.V+" "+in.ResourceId.V+" "+in.HttpMethod.V, in.Type.V+" "+in.Uri.V)
	})
	on(m, apigateway.PutMethodResponse, func(in *apigateway.PutMethodResponseInput) (*apigateway.MethodResponse, error) {
		return nil, c.set("methodresponse "+in.RestApiId.V+" "+in.ResourceId.V+" "+in.HttpMethod.V, in.StatusCode.V)
	})
	on(m, apigateway.PutIntegrationResponse, func(in *apigateway.PutIntegrationResponseInput) (*apigateway.IntegrationResponse, error) {
		return nil, c.set("integrationresponse "+in.RestApiId.V+" "+in.ResourceId.V+" "+in.HttpMethod.V, in.ResponseParameters["method.response.header.Access-Control-Allow-Origin"])
	})
}

// world is a hub on a cloud of its own.
type world struct {
	*cloud
	s    *Service
	mux  *wire.Mux
	now  time.Time
	root *wire.Principal
}

func newWorld(t testing.TB, noCDN bool) *world {
	t.Helper()
	w := &world{cloud: &cloud{t: t, has: map[string]string{}, noCDN: noCDN}, now: time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)}
	now := func() time.Time { return w.now }
	w.mux = wire.NewMux(wire.Config{Account: func() string { return account }, Region: "us-east-1", Now: now, Log: slog.New(slog.DiscardHandler)},
		s3.API, cloudfront.API, cognitoidp.API, cognitoidentity.API, iam.API, dynamodb.API, lambda.API, apigateway.API, mobile.API)
	w.mountS3(w.mux)
	w.mountCDN(w.mux)
	w.mountUsers(w.mux)
	w.mountIdentities(w.mux)
	w.mountIAM(w.mux)
	w.mountTables(w.mux)
	w.mountFunctions(w.mux)
	w.mountAPIs(w.mux)
	w.root = &wire.Principal{Kind: wire.Root, Account: account, ARN: "arn:aws:iam::" + account + ":root", Policies: policy.Attached{Unlimited: true}}
	w.s = New(Config{
		DB: kv.New(memkv.New()), Now: now, Log: slog.New(slog.DiscardHandler), SDK: func() []byte { return []byte("// the SDK") },
		Principal: func(a string) *wire.Principal { return &wire.Principal{Kind: wire.Internal, Account: a} },
		BaseURL:   func() string { return "https://127.0.0.1:4566" },
	})
	w.s.Mount(w.mux)
	return w
}

func do[In, Out any](w *world, op wire.Op[In, Out], in *In) (*Out, error) {
	return wire.Invoke(context.Background(), w.mux, w.root, "us-east-1", op, in)
}

// shape is what the cloud holds, with generated ids left out.
func (c *cloud) shape() map[string]int {
	out := map[string]int{}
	for k := range c.has {
		out[strings.Fields(k)[0]]++
	}
	return out
}

func (c *cloud) dump() string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(c.has)) {
		fmt.Fprintf(&b, "%s = %.120s\n", k, c.has[k])
	}
	return b.String()
}
