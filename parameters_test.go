package bothy_test

import (
	"go/ast"
	"go/types"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// unread are the parameters of mounted operations that no code looks at, by the reason. What a client asks for and we do not do
// is refused: a parameter may be here only where leaving it unread is right.
var unread = map[string][]string{
	"nothing is measured by it here; clients send it and must not fail": {
		"cognitoidp.AdminInitiateAuth.AnalyticsMetadata", "cognitoidp.AdminRespondToAuthChallenge.AnalyticsMetadata", "cognitoidp.ConfirmForgotPassword.AnalyticsMetadata",
		"cognitoidp.ConfirmSignUp.AnalyticsMetadata", "cognitoidp.ForgotPassword.AnalyticsMetadata", "cognitoidp.InitiateAuth.AnalyticsMetadata",
		"cognitoidp.ResendConfirmationCode.AnalyticsMetadata", "cognitoidp.RespondToAuthChallenge.AnalyticsMetadata", "cognitoidp.SignUp.AnalyticsMetadata",
	},
	"risk is weighed at sign-ins": {
		"cognitoidp.ConfirmForgotPassword.UserContextData", "cognitoidp.ConfirmSignUp.UserContextData", "cognitoidp.ForgotPassword.UserContextData",
		"cognitoidp.ResendConfirmationCode.UserContextData", "cognitoidp.SignUp.UserContextData",
	},
	"an operator's change sends no code, so no function writes its text": {"cognitoidp.AdminUpdateUserAttributes.ClientMetadata"},
	"what is not set is the pages' own style, which is no document": {
		"cognitoidp.DescribeManagedLoginBranding.ReturnMergedResources", "cognitoidp.DescribeManagedLoginBrandingByClient.ReturnMergedResources",
	},
	"the pool's id says whose it is": {"cognitoidentity.GetId.AccountId"},
	"there are so few that one page holds them": {
		"cognitoidp.ListUserPoolClientSecrets.NextToken", "cognitoidp.ListUserPoolReplicas.NextToken", "dynamodb.ListTagsOfResource.NextToken", "iam.ListAccessKeys.Marker", "iam.ListAccessKeys.MaxItems",
		"iam.ListAccountAliases.Marker", "iam.ListAccountAliases.MaxItems", "iam.ListGroupsForUser.Marker", "iam.ListGroupsForUser.MaxItems",
		"iam.ListMFADevices.Marker", "iam.ListMFADevices.MaxItems", "iam.ListPoliciesGrantingServiceAccess.Marker", "iam.ListPolicyVersions.Marker",
		"iam.ListPolicyVersions.MaxItems", "iam.ListSSHPublicKeys.Marker", "iam.ListSSHPublicKeys.MaxItems", "iam.ListSigningCertificates.Marker",
		"iam.ListSigningCertificates.MaxItems",
	},
	"it is about resources of EC2": {"iam.SimulateCustomPolicy.ResourceHandlingOption", "iam.SimulatePrincipalPolicy.ResourceHandlingOption"},
	"tokens have the length that they have": {
		"sts.AssumeRole.MinimumSessionTokenSize", "sts.AssumeRoleWithSAML.MinimumSessionTokenSize", "sts.AssumeRoleWithWebIdentity.MinimumSessionTokenSize",
		"sts.GetFederationToken.MinimumSessionTokenSize", "sts.GetSessionToken.MinimumSessionTokenSize",
	},
	"the operation is refused, or tells that there are none": {
		"dynamodb.CreateGlobalTable.ReplicationGroup", "dynamodb.ListContributorInsights.MaxResults", "dynamodb.ListContributorInsights.NextToken",
		"dynamodb.ListGlobalTables.ExclusiveStartGlobalTableName", "dynamodb.ListGlobalTables.Limit", "dynamodb.ListGlobalTables.RegionName",
		"dynamodb.UpdateContributorInsights.ContributorInsightsMode", "dynamodb.UpdateGlobalTable.ReplicaUpdates",
		"dynamodb.UpdateGlobalTableSettings.GlobalTableBillingMode", "dynamodb.UpdateGlobalTableSettings.GlobalTableGlobalSecondaryIndexSettingsUpdate",
		"dynamodb.UpdateGlobalTableSettings.GlobalTableProvisionedWriteCapacityAutoScalingSettingsUpdate",
		"dynamodb.UpdateGlobalTableSettings.GlobalTableProvisionedWriteCapacityUnits", "dynamodb.UpdateGlobalTableSettings.ReplicaSettingsUpdate",
		"dynamodb.UpdateKinesisStreamingDestination.UpdateKinesisStreamingConfiguration",
		"dynamodb.UpdateTableReplicaAutoScaling.GlobalSecondaryIndexUpdates", "dynamodb.UpdateTableReplicaAutoScaling.ProvisionedWriteCapacityAutoScalingUpdate",
		"dynamodb.UpdateTableReplicaAutoScaling.ReplicaUpdates",
	},
	"kept and shown as it came; nothing here acts on it": {
		"cognitoidp.AnalyticsConfigurationType.ApplicationArn", "cognitoidp.AnalyticsConfigurationType.ApplicationId", "cognitoidp.AnalyticsConfigurationType.ExternalId",
		"cognitoidp.AnalyticsConfigurationType.RoleArn", "cognitoidp.AnalyticsConfigurationType.UserDataShared",
		"cognitoidp.CustomDomainConfigType.CertificateArn", "cognitoidp.CustomDomainConfigType.SecurityPolicy", "cognitoidp.EmailConfigurationType.ConfigurationSet",
		"cognitoidp.NotifyConfigurationType.SourceArn", "cognitoidp.ResourceServerScopeType.ScopeDescription",
		"cognitoidp.SmsConfigurationType.EumsSms", "cognitoidp.SmsConfigurationType.ExternalId", "cognitoidp.SmsConfigurationType.SnsCallerArn", "cognitoidp.SmsConfigurationType.SnsRegion",
	},
	"the whole structure is refused": {
		"cognitoidp.AcrLevelConfigType.AcrValue", "cognitoidp.AdvancedSecurityAdditionalFlowsType.CustomAuthMode", "cognitoidp.CustomEmailLambdaVersionConfigType.LambdaArn",
		"cognitoidp.CustomEmailLambdaVersionConfigType.LambdaVersion", "cognitoidp.CustomSMSLambdaVersionConfigType.LambdaArn",
		"cognitoidp.CustomSMSLambdaVersionConfigType.LambdaVersion", "cognitoidp.FirehoseConfigurationType.StreamArn",
		"cognitoidp.IssuerConfigurationType.Type", "cognitoidp.KeyConfigurationType.KeyType", "cognitoidp.KeyConfigurationType.KmsKeyArn", "cognitoidp.LambdaConfigType.KMSKeyID",
		"cognitoidp.RoutingType.Failover", "cognitoidp.S3ConfigurationType.BucketArn",
		"dynamodb.FilterSpecification.ExpressionAttributeNames", "dynamodb.FilterSpecification.ExpressionAttributeValues", "dynamodb.FilterSpecification.FilterExpression",
		"dynamodb.FilterSpecification.KeyConditionExpression", "dynamodb.FilterSpecification.ProjectionExpression",
		"dynamodb.GlobalTableWitnessGroupUpdate.Create", "dynamodb.GlobalTableWitnessGroupUpdate.Delete",
		"dynamodb.ReplicationGroupUpdate.Create", "dynamodb.ReplicationGroupUpdate.Delete", "dynamodb.ReplicationGroupUpdate.Disassociate", "dynamodb.ReplicationGroupUpdate.Update",
		"dynamodb.SSESpecification.SSEType", "sts.ProvidedContext.ContextAssertion", "sts.ProvidedContext.ProviderArn",
	},
	"it is read as a VectorIndex, which has the same members": {
		"dynamodb.CreateVectorIndexAction.Dimensions", "dynamodb.CreateVectorIndexAction.DistanceFunction", "dynamodb.CreateVectorIndexAction.IndexName",
		"dynamodb.CreateVectorIndexAction.Projection", "dynamodb.CreateVectorIndexAction.SearchSchema", "dynamodb.CreateVectorIndexAction.VectorAttribute",
	},
	"there is one version of it": {"cognitoidp.InboundFederationLambdaType.LambdaVersion"},
	"only the caller's address is weighed; the rest is a fingerprint of the vendor's": {
		"cognitoidp.ContextDataType.EncodedData", "cognitoidp.ContextDataType.ServerName", "cognitoidp.ContextDataType.ServerPath", "cognitoidp.UserContextDataType.EncodedData",
	},
	"it is about replicas, and there are none": {"dynamodb.CreateTable.GlobalTableSettingsReplicationMode"},
}

// TestParameters finds the members of mounted operations' inputs, and of the structures in them, that the service never reads.
func TestParameters(t *testing.T) {
	services := []string{"access", "identities", "tables", "users"}
	excused := map[string]bool{}
	for _, names := range unread {
		for _, name := range names {
			excused[name] = true
		}
	}
	for _, p := range load(t, services) {
		for _, name := range unreadOf(p) {
			if !excused[name] {
				t.Errorf("%s: %s is never read", path.Base(p.PkgPath), name)
			}
			delete(excused, name)
		}
	}
	for name := range excused {
		t.Errorf("%s is read, or its operation is not mounted any more: take it off the list", name)
	}
}

func load(t *testing.T, folders []string) []*packages.Package {
	t.Helper()
	var paths []string
	for _, f := range folders {
		paths = append(paths, "bothy/"+f)
	}
	pkgs, err := packages.Load(&packages.Config{
		Mode: packages.NeedName | packages.NeedTypes | packages.NeedTypesInfo | packages.NeedSyntax | packages.NeedImports,
	}, paths...)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pkgs {
		for _, e := range p.Errors {
			t.Fatal(e)
		}
	}
	return pkgs
}

// unreadOf are the unread members of a service's inputs, as api.Operation.Member, and of the structures in them, as api.Structure.Member.
func unreadOf(p *packages.Package) []string {
	used := usesOf(p)
	names := map[string]bool{}
	seen := map[types.Type]bool{}
	var walk func(t types.Type, name string)
	walk = func(t types.Type, name string) {
		if seen[t] {
			return
		}
		seen[t] = true
		shape, ok := t.Underlying().(*types.Struct)
		for i := 0; ok && i < shape.NumFields(); i++ {
			f := shape.Field(i)
			if !used[f] {
				names[name+"."+f.Name()] = true
				continue // nor is anything in it
			}
			for _, in := range structures(f.Type(), nil) {
				walk(in, in.Obj().Pkg().Name()+"."+in.Obj().Name())
			}
		}
	}
	for op := range used {
		if in := op.Pkg().Scope().Lookup(op.Name() + "Input"); in != nil && in != op {
			walk(in.Type(), op.Pkg().Name()+"."+op.Name())
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// usesOf are the API's operations and members that a service looks at. To name a member in a literal is to write it.
func usesOf(p *packages.Package) map[*types.Var]bool {
	used, written := map[*types.Var]bool{}, map[*ast.Ident]bool{}
	for _, file := range p.Syntax {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.KeyValueExpr:
				if id, ok := n.Key.(*ast.Ident); ok {
					written[id] = true
				}
			case *ast.Ident:
				if v, ok := p.TypesInfo.Uses[n].(*types.Var); ok && isAPI(v.Pkg()) && !written[n] {
					used[v] = true
				}
			}
			return true
		})
	}
	return used
}

// structures are those of the API that a member holds: itself, behind pointers, in lists, maps and options.
func structures(t types.Type, into []*types.Named) []*types.Named {
	switch t := t.(type) {
	case *types.Pointer:
		return structures(t.Elem(), into)
	case *types.Slice:
		return structures(t.Elem(), into)
	case *types.Map:
		return structures(t.Elem(), into)
	case *types.Named:
		for arg := range t.TypeArgs().Types() {
			into = structures(arg, into)
		}
		if isAPI(t.Obj().Pkg()) {
			into = append(into, t)
		}
	}
	return into
}

func isAPI(p *types.Package) bool { return p != nil && strings.HasPrefix(p.Path(), "bothy/api/") }
