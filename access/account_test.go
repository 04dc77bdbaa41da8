package access

import (
	"encoding/csv"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"

	"bothy/api/iam"
	"bothy/kv"
	"bothy/wire"
)

// TestSDKGroups: groups, renamed users and tags with the client people use.
func TestSDKGroups(t *testing.T) {
	s := newStage(t)
	endpoint := s.listen()
	root := newClients(endpoint, s.key, s.secret, "").iam
	ctx := t.Context()
	made := must(root.CreateGroup(ctx, &awsiam.CreateGroupInput{GroupName: aws.String("admins"), Path: aws.String("/a/")})).Group
	if *made.Arn != "arn:aws:iam::"+s.account+":group/a/admins" || made.CreateDate.IsZero() {
		t.Errorf("group %+v", made)
	}
	must(root.CreateUser(ctx, &awsiam.CreateUserInput{UserName: aws.String("ann")}))
	key := must(root.CreateAccessKey(ctx, &awsiam.CreateAccessKeyInput{UserName: aws.String("ann")})).AccessKey
	ann := newClients(endpoint, *key.AccessKeyId, *key.SecretAccessKey, "").iam
	_, err := ann.ListGroups(ctx, &awsiam.ListGroupsInput{})
	coded(t, "no group yet", err, "AccessDenied")
	_, err = ann.AddUserToGroup(ctx, &awsiam.AddUserToGroupInput{GroupName: aws.String("admins"), UserName: aws.String("ann")})
	coded(t, "into the group by herself", err, "AccessDenied")
	must(root.AttachGroupPolicy(ctx, &awsiam.AttachGroupPolicyInput{GroupName: aws.String("admins"), PolicyArn: aws.String(awsPolicies + "/AdministratorAccess")}))
	must(root.AddUserToGroup(ctx, &awsiam.AddUserToGroupInput{GroupName: aws.String("admins"), UserName: aws.String("ann")}))
	if l := must(ann.ListGroups(ctx, &awsiam.ListGroupsInput{PathPrefix: aws.String("/a")})).Groups; len(l) != 1 {
		t.Errorf("groups %+v", l)
	}
	must(ann.UpdateUser(ctx, &awsiam.UpdateUserInput{UserName: aws.String("ann"), NewUserName: aws.String("anna")}))
	if u := must(ann.GetUser(ctx, &awsiam.GetUserInput{})).User; *u.UserName != "anna" {
		t.Errorf("renamed %+v", u)
	}
	must(ann.PutGroupPolicy(ctx, &awsiam.PutGroupPolicyInput{GroupName: aws.String("admins"), PolicyName: aws.String("p"), PolicyDocument: aws.String(allowS3)}))
	got := must(ann.GetGroupPolicy(ctx, &awsiam.GetGroupPolicyInput{GroupName: aws.String("admins"), PolicyName: aws.String("p")}))
	if document, _ := url.QueryUnescape(*got.PolicyDocument); document != allowS3 || *got.GroupName != "admins" {
		t.Errorf("policy %+v", got)
	}
	if l := must(ann.ListGroupPolicies(ctx, &awsiam.ListGroupPoliciesInput{GroupName: aws.String("admins")})).PolicyNames; len(l) != 1 || l[0] != "p" {
		t.Errorf("policies %v", l)
	}
	_, err = root.DeleteGroup(ctx, &awsiam.DeleteGroupInput{GroupName: aws.String("admins")})
	coded(t, "members", err, "DeleteConflict")
	must(root.RemoveUserFromGroup(ctx, &awsiam.RemoveUserFromGroupInput{GroupName: aws.String("admins"), UserName: aws.String("anna")}))
	_, err = ann.ListGroups(ctx, &awsiam.ListGroupsInput{})
	coded(t, "out of the group", err, "AccessDenied")

	p := must(root.CreatePolicy(ctx, &awsiam.CreatePolicyInput{PolicyName: aws.String("p"), PolicyDocument: aws.String(allowS3)})).Policy
	must(root.TagPolicy(ctx, &awsiam.TagPolicyInput{PolicyArn: p.Arn, Tags: []iamtypes.Tag{{Key: aws.String("team"), Value: aws.String("red")}, {Key: aws.String("x"), Value: aws.String("")}}}))
	must(root.UntagPolicy(ctx, &awsiam.UntagPolicyInput{PolicyArn: p.Arn, TagKeys: []string{"X"}}))
	if l := must(root.ListPolicyTags(ctx, &awsiam.ListPolicyTagsInput{PolicyArn: p.Arn})).Tags; len(l) != 1 || *l[0].Value != "red" {
		t.Errorf("tags %+v", l)
	}
	if l := must(root.GetPolicy(ctx, &awsiam.GetPolicyInput{PolicyArn: p.Arn})).Policy.Tags; len(l) != 1 {
		t.Errorf("tags of the policy %+v", l)
	}
	_, err = root.TagPolicy(ctx, &awsiam.TagPolicyInput{PolicyArn: aws.String(awsPolicies + "/AdministratorAccess"), Tags: []iamtypes.Tag{{Key: aws.String("a"), Value: aws.String("b")}}})
	coded(t, "AWS's own", err, "AccessDenied")
}

// TestSDKAccount: what is told and set of the whole account.
func TestSDKAccount(t *testing.T) {
	s := newStage(t)
	root := newClients(s.listen(), s.key, s.secret, "").iam
	ctx := t.Context()
	aliases := func() []string {
		return must(root.ListAccountAliases(ctx, &awsiam.ListAccountAliasesInput{})).AccountAliases
	}
	if l := aliases(); len(l) != 0 {
		t.Errorf("aliases %v", l)
	}
	must(root.CreateAccountAlias(ctx, &awsiam.CreateAccountAliasInput{AccountAlias: aws.String("home")}))
	_, err := root.CreateAccountAlias(ctx, &awsiam.CreateAccountAliasInput{AccountAlias: aws.String("home")})
	coded(t, "twice", err, "EntityAlreadyExists")
	must(root.CreateAccountAlias(ctx, &awsiam.CreateAccountAliasInput{AccountAlias: aws.String("house")}))
	if l := aliases(); len(l) != 1 || l[0] != "house" {
		t.Errorf("aliases %v", l)
	}
	_, err = root.CreateAccountAlias(ctx, &awsiam.CreateAccountAliasInput{AccountAlias: aws.String("no--good")})
	coded(t, "bad name", err, "ValidationError")
	_, err = root.DeleteAccountAlias(ctx, &awsiam.DeleteAccountAliasInput{AccountAlias: aws.String("home")})
	coded(t, "another alias", err, "NoSuchEntity")
	must(root.DeleteAccountAlias(ctx, &awsiam.DeleteAccountAliasInput{AccountAlias: aws.String("house")}))
	if l := aliases(); len(l) != 0 {
		t.Errorf("aliases %v", l)
	}

	s.user("ann", allowS3)
	s.role("r", trustLambda)
	s.group("g")
	s.group("h")
	p := as(s, s.root, iam.CreatePolicy, &iam.CreatePolicyInput{PolicyName: some("p"), PolicyDocument: some(allowS3)}).Policy
	as(s, s.root, iam.CreatePolicyVersion, &iam.CreatePolicyVersionInput{PolicyArn: p.Arn, PolicyDocument: some(allowAll)})
	must(root.SetSecurityTokenServicePreferences(ctx, &awsiam.SetSecurityTokenServicePreferencesInput{GlobalEndpointTokenVersion: "v2Token"}))
	sum := must(root.GetAccountSummary(ctx, &awsiam.GetAccountSummaryInput{})).SummaryMap
	for name, want := range map[string]int32{"Users": 1, "Roles": 1, "Groups": 2, "GroupsQuota": 300, "Policies": 1, "PolicyVersionsInUse": 2, "AccountAccessKeysPresent": 1,
		"GlobalEndpointTokenVersion": 2, "GroupsPerUserQuota": 10, "MFADevices": 0, "Providers": 0, "AccountMFAEnabled": 0, "GroupPolicySizeQuota": 5120} {
		if got, ok := sum[name]; !ok || got != want {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
	_, err = root.ListOrganizationsFeatures(ctx, &awsiam.ListOrganizationsFeaturesInput{})
	coded(t, "no organization", err, "OrganizationNotFoundException")
	_, err = root.EnableOrganizationsRootSessions(ctx, &awsiam.EnableOrganizationsRootSessionsInput{})
	coded(t, "no organization", err, "OrganizationNotFoundException")
}

// TestSDKAuthorizationDetails: everything that decides, in pages across all kinds.
func TestSDKAuthorizationDetails(t *testing.T) {
	s := newStage(t)
	root := newClients(s.listen(), s.key, s.secret, "").iam
	ctx := t.Context()
	for i := range 3 {
		s.user(fmt.Sprint("u", i), allowS3)
		s.group(fmt.Sprint("g", i), denyDelete)
		s.role(fmt.Sprint("r", i), trustLambda, allowTables)
		as(s, s.root, iam.CreatePolicy, &iam.CreatePolicyInput{PolicyName: some(fmt.Sprint("p", i)), PolicyDocument: some(allowS3)})
	}
	s.join("g1", "u0")
	as(s, s.root, iam.AttachRolePolicy, &iam.AttachRolePolicyInput{RoleName: some("r0"), PolicyArn: some(awsPolicies + "/AdministratorAccess")})
	as(s, s.root, iam.PutUserPermissionsBoundary, &iam.PutUserPermissionsBoundaryInput{UserName: some("u0"), PermissionsBoundary: some(awsPolicies + "/AmazonS3FullAccess")})
	for _, size := range []int32{1, 2, 3, 100} {
		var names []string
		pages := awsiam.NewGetAccountAuthorizationDetailsPaginator(root, &awsiam.GetAccountAuthorizationDetailsInput{MaxItems: aws.Int32(size)})
		for pages.HasMorePages() {
			page := must(pages.NextPage(ctx))
			for _, u := range page.UserDetailList {
				names = append(names, *u.UserName)
			}
			for _, g := range page.GroupDetailList {
				names = append(names, *g.GroupName)
			}
			for _, r := range page.RoleDetailList {
				names = append(names, *r.RoleName)
			}
			for _, p := range page.Policies {
				names = append(names, *p.PolicyName)
			}
		}
		if got := strings.Join(names, " "); got != "u0 u1 u2 g0 g1 g2 r0 r1 r2 p0 p1 p2 AdministratorAccess AmazonS3FullAccess" {
			t.Errorf("%d a page: %s", size, got)
		}
	}
	all := must(root.GetAccountAuthorizationDetails(ctx, &awsiam.GetAccountAuthorizationDetailsInput{}))
	u, r, p := all.UserDetailList[0], all.RoleDetailList[0], all.Policies[0]
	if document, _ := url.QueryUnescape(*u.UserPolicyList[0].PolicyDocument); document != allowS3 || len(u.GroupList) != 1 || u.GroupList[0] != "g1" || *u.PermissionsBoundary.PermissionsBoundaryArn != awsPolicies+"/AmazonS3FullAccess" {
		t.Errorf("user %+v", u)
	}
	if trust, _ := url.QueryUnescape(*r.AssumeRolePolicyDocument); trust != trustLambda || len(r.RolePolicyList) != 1 || *r.AttachedManagedPolicies[0].PolicyName != "AdministratorAccess" || r.RoleLastUsed == nil {
		t.Errorf("role %+v", r)
	}
	if document, _ := url.QueryUnescape(*p.PolicyVersionList[0].Document); document != allowS3 || !p.PolicyVersionList[0].IsDefaultVersion || *p.AttachmentCount != 0 {
		t.Errorf("policy %+v", p)
	}
	some := must(root.GetAccountAuthorizationDetails(ctx, &awsiam.GetAccountAuthorizationDetailsInput{Filter: []iamtypes.EntityType{"Group", "AWSManagedPolicy"}}))
	if len(some.UserDetailList)+len(some.RoleDetailList) != 0 || len(some.GroupDetailList) != 3 || len(some.Policies) != 2 {
		t.Errorf("filtered %+v", some)
	}
	for _, marker := range []string{"x", "9.", "-1.", "0.!!"} {
		_, err := root.GetAccountAuthorizationDetails(ctx, &awsiam.GetAccountAuthorizationDetailsInput{Marker: aws.String(marker)})
		coded(t, marker, err, "ValidationError")
	}
}

func TestCredentialReport(t *testing.T) {
	s := newStage(t)
	fails(s, s.root, iam.GetCredentialReport, &iam.GetCredentialReportInput{}, "ReportNotPresent", "")
	ann, key := s.user("ann")
	s.user("zoe")
	second := as(s, s.root, iam.CreateAccessKey, &iam.CreateAccessKeyInput{UserName: some("ann")}).AccessKey
	as(s, s.root, iam.UpdateAccessKey, &iam.UpdateAccessKeyInput{UserName: some("ann"), AccessKeyId: second.AccessKeyId, Status: some("Inactive")})
	as(s, s.root, iam.CreateLoginProfile, &iam.CreateLoginProfileInput{UserName: some("zoe"), Password: some("Correct-horse-9")})
	s.Used(ann, "dynamodb", "eu-west-1", s.now.Add(-time.Hour))
	s.keepUse()
	if out := as(s, s.root, iam.GenerateCredentialReport, &iam.GenerateCredentialReportInput{}); out.State.V != "STARTED" || !out.Description.Set {
		t.Errorf("first %+v", out)
	}
	s.user("later")
	s.now = s.now.Add(reportAge - time.Second)
	if out := as(s, s.root, iam.GenerateCredentialReport, &iam.GenerateCredentialReportInput{}); out.State.V != "COMPLETE" {
		t.Errorf("second %+v", out)
	}
	got := as(s, s.root, iam.GetCredentialReport, &iam.GetCredentialReportInput{})
	lines, err := csv.NewReader(strings.NewReader(string(got.Content))).ReadAll()
	if err != nil || len(lines) != 4 || got.ReportFormat.V != "text/csv" || strings.Join(lines[0], ",") != reportColumns {
		t.Fatalf("report %v, %v", lines, err)
	}
	cell := func(line []string, column string) string {
		for i, name := range lines[0] {
			if name == column {
				return line[i]
			}
		}
		t.Fatalf("no column %s", column)
		return ""
	}
	const at = "2026-05-01T12:00:00+00:00"
	first, other := "1", "2" // keys are listed by id
	if key.AccessKeyId.V > second.AccessKeyId.V {
		first, other = "2", "1"
	}
	for i, want := range []map[string]string{
		{"user": "<root_account>", "arn": "arn:aws:iam::" + s.account + ":root", "password_enabled": "not_supported", "password_last_changed": "not_supported", "mfa_active": "false",
			"access_key_1_active": "true", "access_key_1_last_rotated": at, "access_key_2_active": "false", "access_key_2_last_rotated": "N/A", "cert_1_active": "false", "cert_2_last_rotated": "N/A"},
		{"user": "ann", "user_creation_time": at, "password_enabled": "false", "password_last_used": "N/A", "access_key_" + first + "_active": "true", "access_key_" + other + "_active": "false",
			"access_key_" + first + "_last_used_date": "2026-05-01T11:00:00+00:00", "access_key_" + first + "_last_used_region": "eu-west-1", "access_key_" + first + "_last_used_service": "dynamodb",
			"access_key_" + other + "_last_rotated": at, "access_key_" + other + "_last_used_date": "N/A", "cert_1_active": "false"},
		{"user": "zoe", "password_enabled": "true", "password_last_used": "no_information", "password_last_changed": at, "password_next_rotation": "N/A", "mfa_active": "false"},
	} {
		for column, v := range want {
			if got := cell(lines[i+1], column); got != v {
				t.Errorf("%s of %s is %q, want %q", column, lines[i+1][0], got, v)
			}
		}
	}
	s.now = s.now.Add(time.Second)
	fails(s, s.root, iam.GetCredentialReport, &iam.GetCredentialReportInput{}, "ReportExpired", "")
	as(s, s.root, iam.GenerateCredentialReport, &iam.GenerateCredentialReportInput{})
	if again := as(s, s.root, iam.GetCredentialReport, &iam.GetCredentialReportInput{}); !strings.Contains(string(again.Content), "\nlater,") || !again.GeneratedTime.V.Equal(s.now) {
		t.Errorf("a new one %s", again.Content)
	}
}

// TestReportInPieces: a report may be larger than a row.
func TestReportInPieces(t *testing.T) {
	s := newStage(t)
	c := &wire.Call{Context: t.Context(), Account: s.account, Now: s.now}
	for _, size := range []int{3*reportChunk + 7, reportChunk, 5} {
		content := []byte(strings.Repeat("x", size))
		if err := s.db.Update(t.Context(), func(tx *kv.Tx) error { return keepReport(tx, c, content) }); err != nil {
			t.Fatal(err)
		}
		got := as(s, s.root, iam.GetCredentialReport, &iam.GetCredentialReportInput{}).Content
		if len(got) != size {
			t.Errorf("%d bytes of %d", len(got), size)
		}
	}
}

func TestLinkedRoles(t *testing.T) {
	s := newStage(t)
	in := &iam.CreateServiceLinkedRoleInput{AWSServiceName: some("ops.apigateway.amazonaws.com"), Description: some("d")}
	r := as(s, s.root, iam.CreateServiceLinkedRole, in).Role
	if r.Arn.V != "arn:aws:iam::"+s.account+":role/aws-service-role/ops.apigateway.amazonaws.com/AWSServiceRoleForAPIGateway" || r.Path.V != "/aws-service-role/ops.apigateway.amazonaws.com/" {
		t.Errorf("made %+v", r)
	}
	s.issue(Spec{RoleARN: r.Arn.V, SessionName: "own", Service: "ops.apigateway.amazonaws.com"})
	if _, err := s.Issue(t.Context(), Spec{RoleARN: r.Arn.V, SessionName: "other", Service: "lambda.amazonaws.com"}); err == nil {
		t.Error("another service assumed it")
	}
	fails(s, s.root, iam.CreateServiceLinkedRole, in, "InvalidInput", "has been taken")
	fails(s, s.root, iam.CreateServiceLinkedRole, &iam.CreateServiceLinkedRoleInput{AWSServiceName: some("evil.amazonaws.com")}, "InvalidInput", "not valid")
	fails(s, s.root, iam.CreateServiceLinkedRole, &iam.CreateServiceLinkedRoleInput{AWSServiceName: some("replicator.lambda.amazonaws.com"), CustomSuffix: some("x")}, "InvalidInput", "suffix")
	fails(s, s.root, iam.CreateRole, &iam.CreateRoleInput{RoleName: some("x"), Path: some("/aws-service-role/x/"), AssumeRolePolicyDocument: some(trustLambda)}, "InvalidInput", "service-linked")
	name, p := r.RoleName, some("p")
	fails(s, s.root, iam.PutRolePolicy, &iam.PutRolePolicyInput{RoleName: name, PolicyName: p, PolicyDocument: some(allowAll)}, "UnmodifiableEntity", "protected role")
	fails(s, s.root, iam.AttachRolePolicy, &iam.AttachRolePolicyInput{RoleName: name, PolicyArn: some(awsPolicies + "/AdministratorAccess")}, "UnmodifiableEntity", "protected role")
	fails(s, s.root, iam.UpdateAssumeRolePolicy, &iam.UpdateAssumeRolePolicyInput{RoleName: name, PolicyDocument: some(trustLambda)}, "UnmodifiableEntity", "protected role")
	fails(s, s.root, iam.PutRolePermissionsBoundary, &iam.PutRolePermissionsBoundaryInput{RoleName: name, PermissionsBoundary: some(awsPolicies + "/AdministratorAccess")}, "UnmodifiableEntity", "protected role")
	fails(s, s.root, iam.UpdateRole, &iam.UpdateRoleInput{RoleName: name, MaxSessionDuration: wire.Some(int32(7200))}, "UnmodifiableEntity", "protected role")
	fails(s, s.root, iam.DeleteRole, &iam.DeleteRoleInput{RoleName: name}, "UnmodifiableEntity", "protected role")
	as(s, s.root, iam.UpdateRoleDescription, &iam.UpdateRoleDescriptionInput{RoleName: name, Description: some("e")})
	s.role("r", trustLambda)
	fails(s, s.root, iam.DeleteServiceLinkedRole, &iam.DeleteServiceLinkedRoleInput{RoleName: some("r")}, "NoSuchEntity", "r")
	task := as(s, s.root, iam.DeleteServiceLinkedRole, &iam.DeleteServiceLinkedRoleInput{RoleName: name}).DeletionTaskId
	if st := as(s, s.root, iam.GetServiceLinkedRoleDeletionStatus, &iam.GetServiceLinkedRoleDeletionStatusInput{DeletionTaskId: task}); st.Status.V != "SUCCEEDED" {
		t.Errorf("deletion %+v", st)
	}
	fails(s, s.root, iam.GetRole, &iam.GetRoleInput{RoleName: name}, "NoSuchEntity", "cannot be found")
	fails(s, s.root, iam.GetServiceLinkedRoleDeletionStatus, &iam.GetServiceLinkedRoleDeletionStatusInput{DeletionTaskId: some(task.V + "x")}, "NoSuchEntity", "task")
	only, _ := s.user("only", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:CreateServiceLinkedRole","Resource":"*","Condition":{"StringLike":{"iam:AWSServiceName":"*.lambda.amazonaws.com"}}}}`)
	fails(s, only, iam.CreateServiceLinkedRole, in, "AccessDenied", "iam:AWSServiceName")
	as(s, only, iam.CreateServiceLinkedRole, &iam.CreateServiceLinkedRoleInput{AWSServiceName: some("replicator.lambda.amazonaws.com")})
}
