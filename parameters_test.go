package bothy_test

import (
	"go/ast"
	"go/types"
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
	"it is about replicas, and there are none": {"dynamodb.CreateTable.GlobalTableSettingsReplicationMode"},
}

// TestParameters finds the members of operations' inputs that a service mounts and never reads.
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

// unreadOf are the unread members of a service's inputs, as api.Operation.Member.
func unreadOf(p *packages.Package) []string {
	read, mounted := map[types.Object]bool{}, map[types.Object]bool{}
	for _, file := range p.Syntax {
		ast.Inspect(file, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				if v, ok := p.TypesInfo.Uses[id].(*types.Var); ok && isAPI(v.Pkg()) {
					read[v] = v.IsField()
					mounted[v] = !v.IsField()
				}
			}
			return true
		})
	}
	var names []string
	for op, yes := range mounted {
		if !yes {
			continue
		}
		in := op.Pkg().Scope().Lookup(op.Name() + "Input")
		if in == nil {
			continue
		}
		shape, ok := in.Type().Underlying().(*types.Struct)
		for i := 0; ok && i < shape.NumFields(); i++ {
			if f := shape.Field(i); !read[f] {
				names = append(names, op.Pkg().Name()+"."+op.Name()+"."+f.Name())
			}
		}
	}
	slices.Sort(names)
	return names
}

func isAPI(p *types.Package) bool { return p != nil && strings.HasPrefix(p.Path(), "bothy/api/") }
