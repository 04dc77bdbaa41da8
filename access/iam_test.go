package access

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"bothy/api/iam"
	"bothy/wire"
)

func TestRoleLifecycle(t *testing.T) {
	s := newStage(t)
	in := &iam.CreateRoleInput{RoleName: some("app"), Path: some("/mobile/"), AssumeRolePolicyDocument: some(trustLambda), Description: some("d"),
		MaxSessionDuration: wire.Some(int32(7200)), Tags: []iam.Tag{{Key: some("k"), Value: some("v")}}}
	role := as(s, s.root, iam.CreateRole, in).Role
	if role.Arn.V != "arn:aws:iam::"+s.account+":role/mobile/app" || !strings.HasPrefix(role.RoleId.V, "AROA") || len(role.RoleId.V) != 21 || len(role.Tags) != 1 {
		t.Errorf("made %+v", role)
	}
	if got, _ := url.PathUnescape(role.AssumeRolePolicyDocument.V); got != trustLambda || strings.ContainsAny(role.AssumeRolePolicyDocument.V, `{" +`) {
		t.Errorf("trust policy is shown as %s", role.AssumeRolePolicyDocument.V)
	}
	fails(s, s.root, iam.CreateRole, in, "EntityAlreadyExists", "Role with name app already exists.")
	fails(s, s.root, iam.CreateRole, &iam.CreateRoleInput{RoleName: some("APP"), AssumeRolePolicyDocument: some(trustLambda)}, "EntityAlreadyExists", "APP")
	fails(s, s.root, iam.GetRole, &iam.GetRoleInput{RoleName: some("none")}, "NoSuchEntity", "The role with name none cannot be found.")
	as(s, s.root, iam.UpdateRole, &iam.UpdateRoleInput{RoleName: some("app"), MaxSessionDuration: wire.Some(int32(3600))})
	as(s, s.root, iam.UpdateRoleDescription, &iam.UpdateRoleDescriptionInput{RoleName: some("app"), Description: some("e")})
	as(s, s.root, iam.UpdateAssumeRolePolicy, &iam.UpdateAssumeRolePolicyInput{RoleName: some("app"), PolicyDocument: some(trustPool)})
	got := as(s, s.root, iam.GetRole, &iam.GetRoleInput{RoleName: some("app")}).Role
	if got.MaxSessionDuration.V != 3600 || got.Description.V != "e" || !strings.Contains(got.AssumeRolePolicyDocument.V, "WebIdentity") || got.CreateDate != role.CreateDate {
		t.Errorf("updated to %+v", got)
	}

	as(s, s.root, iam.PutRolePolicy, &iam.PutRolePolicyInput{RoleName: some("app"), PolicyName: some("p"), PolicyDocument: some(allowS3)})
	as(s, s.root, iam.AttachRolePolicy, &iam.AttachRolePolicyInput{RoleName: some("app"), PolicyArn: some(awsPolicies + "/service-role/AWSLambdaBasicExecutionRole")})
	fails(s, s.root, iam.DeleteRole, &iam.DeleteRoleInput{RoleName: some("app")}, "DeleteConflict", "must detach all policies first")
	attached := as(s, s.root, iam.ListAttachedRolePolicies, &iam.ListAttachedRolePoliciesInput{RoleName: some("app"), PathPrefix: some("/service-role/")})
	if len(attached.AttachedPolicies) != 1 || attached.AttachedPolicies[0].PolicyName.V != "AWSLambdaBasicExecutionRole" {
		t.Errorf("attached %+v", attached)
	}
	as(s, s.root, iam.DetachRolePolicy, &iam.DetachRolePolicyInput{RoleName: some("app"), PolicyArn: attached.AttachedPolicies[0].PolicyArn})
	fails(s, s.root, iam.DetachRolePolicy, &iam.DetachRolePolicyInput{RoleName: some("app"), PolicyArn: attached.AttachedPolicies[0].PolicyArn}, "NoSuchEntity", "was not found")
	fails(s, s.root, iam.DeleteRole, &iam.DeleteRoleInput{RoleName: some("app")}, "DeleteConflict", "must delete policies first")
	inline := as(s, s.root, iam.GetRolePolicy, &iam.GetRolePolicyInput{RoleName: some("app"), PolicyName: some("p")})
	if got, _ := url.PathUnescape(inline.PolicyDocument.V); got != allowS3 {
		t.Errorf("inline policy is shown as %s", inline.PolicyDocument.V)
	}
	fails(s, s.root, iam.GetRolePolicy, &iam.GetRolePolicyInput{RoleName: some("app"), PolicyName: some("q")}, "NoSuchEntity", "The role policy with name q cannot be found.")
	as(s, s.root, iam.DeleteRolePolicy, &iam.DeleteRolePolicyInput{RoleName: some("app"), PolicyName: some("p")})
	fails(s, s.root, iam.DeleteRolePolicy, &iam.DeleteRolePolicyInput{RoleName: some("app"), PolicyName: some("p")}, "NoSuchEntity", "The role policy with name p")
	as(s, s.root, iam.DeleteRole, &iam.DeleteRoleInput{RoleName: some("app")})
	fails(s, s.root, iam.DeleteRole, &iam.DeleteRoleInput{RoleName: some("app")}, "NoSuchEntity", "The role with name app")
}

func TestMalformedDocuments(t *testing.T) {
	s := newStage(t)
	s.role("r", trustLambda)
	s.user("u")
	principal := `{"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}}`
	for document, want := range map[string]string{"{": "Syntax errors in policy.", principal: "should not specify a principal"} {
		fails(s, s.root, iam.PutRolePolicy, &iam.PutRolePolicyInput{RoleName: some("r"), PolicyName: some("p"), PolicyDocument: some(document)}, "MalformedPolicyDocument", want)
		fails(s, s.root, iam.PutUserPolicy, &iam.PutUserPolicyInput{UserName: some("u"), PolicyName: some("p"), PolicyDocument: some(document)}, "MalformedPolicyDocument", want)
		fails(s, s.root, iam.CreatePolicy, &iam.CreatePolicyInput{PolicyName: some("p"), PolicyDocument: some(document)}, "MalformedPolicyDocument", want)
	}
	for document, want := range map[string]string{"{": "Syntax errors", allowS3: "Missing required field Principal", principal: "Has prohibited field Resource"} {
		fails(s, s.root, iam.CreateRole, &iam.CreateRoleInput{RoleName: some("x"), AssumeRolePolicyDocument: some(document)}, "MalformedPolicyDocument", want)
		fails(s, s.root, iam.UpdateAssumeRolePolicy, &iam.UpdateAssumeRolePolicyInput{RoleName: some("r"), PolicyDocument: some(document)}, "MalformedPolicyDocument", want)
	}
	long := `{"Id":"` + strings.Repeat("x", 11000) + `","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`
	fails(s, s.root, iam.PutRolePolicy, &iam.PutRolePolicyInput{RoleName: some("r"), PolicyName: some("p"), PolicyDocument: some(long)}, "LimitExceeded", "Maximum policy size of 10240 bytes exceeded for role r")
	fails(s, s.root, iam.CreatePolicy, &iam.CreatePolicyInput{PolicyName: some("p"), PolicyDocument: some(long)}, "LimitExceeded", "PolicySize: 6144")
	fails(s, s.root, iam.CreateRole, &iam.CreateRoleInput{RoleName: some("x"), AssumeRolePolicyDocument: some(long)}, "LimitExceeded", "ACLSizePerRole")
	half := `{"Id":"` + strings.Repeat("x", 6000) + `","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`
	as(s, s.root, iam.PutRolePolicy, &iam.PutRolePolicyInput{RoleName: some("r"), PolicyName: some("a"), PolicyDocument: some(half)})
	as(s, s.root, iam.PutRolePolicy, &iam.PutRolePolicyInput{RoleName: some("r"), PolicyName: some("a"), PolicyDocument: some(half)})
	fails(s, s.root, iam.PutRolePolicy, &iam.PutRolePolicyInput{RoleName: some("r"), PolicyName: some("b"), PolicyDocument: some(half)}, "LimitExceeded", "10240")
}

func TestManagedPolicies(t *testing.T) {
	s := newStage(t)
	p := as(s, s.root, iam.CreatePolicy, &iam.CreatePolicyInput{PolicyName: some("files"), Path: some("/app/"), PolicyDocument: some(allowS3), Description: some("d")}).Policy
	if p.Arn.V != "arn:aws:iam::"+s.account+":policy/app/files" || p.DefaultVersionId.V != "v1" {
		t.Errorf("made %+v", p)
	}
	fails(s, s.root, iam.CreatePolicy, &iam.CreatePolicyInput{PolicyName: some("Files"), PolicyDocument: some(allowS3)}, "EntityAlreadyExists", "Duplicate names")
	s.role("r", trustLambda)
	s.user("u")
	as(s, s.root, iam.AttachRolePolicy, &iam.AttachRolePolicyInput{RoleName: some("r"), PolicyArn: p.Arn})
	as(s, s.root, iam.AttachRolePolicy, &iam.AttachRolePolicyInput{RoleName: some("r"), PolicyArn: p.Arn})
	as(s, s.root, iam.AttachUserPolicy, &iam.AttachUserPolicyInput{UserName: some("u"), PolicyArn: p.Arn})
	as(s, s.root, iam.PutUserPermissionsBoundary, &iam.PutUserPermissionsBoundaryInput{UserName: some("u"), PermissionsBoundary: p.Arn})
	got := as(s, s.root, iam.GetPolicy, &iam.GetPolicyInput{PolicyArn: p.Arn}).Policy
	if got.AttachmentCount.V != 2 || got.PermissionsBoundaryUsageCount.V != 1 || got.Description.V != "d" {
		t.Errorf("counted %+v", got)
	}
	entities := as(s, s.root, iam.ListEntitiesForPolicy, &iam.ListEntitiesForPolicyInput{PolicyArn: p.Arn})
	if len(entities.PolicyRoles) != 1 || len(entities.PolicyUsers) != 1 || entities.PolicyUsers[0].UserName.V != "u" {
		t.Errorf("entities %+v", entities)
	}
	bounded := as(s, s.root, iam.ListEntitiesForPolicy, &iam.ListEntitiesForPolicyInput{PolicyArn: p.Arn, PolicyUsageFilter: some("PermissionsBoundary"), EntityFilter: some("User")})
	if len(bounded.PolicyRoles) != 0 || len(bounded.PolicyUsers) != 1 {
		t.Errorf("bounded %+v", bounded)
	}
	missing := some("arn:aws:iam::" + s.account + ":policy/files") // another path
	for _, arn := range []wire.Opt[string]{missing, some("arn:aws:iam::999988887777:policy/app/files"), some(awsPolicies + "/NoSuchPolicy"), some(awsPolicies + "/../../../go.mod")} {
		fails(s, s.root, iam.AttachRolePolicy, &iam.AttachRolePolicyInput{RoleName: some("r"), PolicyArn: arn}, "NoSuchEntity", "does not exist or is not attachable")
		fails(s, s.root, iam.GetPolicy, &iam.GetPolicyInput{PolicyArn: arn}, "NoSuchEntity", "was not found")
		fails(s, s.root, iam.PutRolePermissionsBoundary, &iam.PutRolePermissionsBoundaryInput{RoleName: some("r"), PermissionsBoundary: arn}, "NoSuchEntity", "not attachable")
	}
	fails(s, s.root, iam.DeletePolicy, &iam.DeletePolicyInput{PolicyArn: some(awsPolicies + "/AdministratorAccess")}, "AccessDenied", "AdministratorAccess")

	fails(s, s.root, iam.DeletePolicy, &iam.DeletePolicyInput{PolicyArn: p.Arn}, "DeleteConflict", "Cannot delete a policy attached to entities.")
	as(s, s.root, iam.DetachRolePolicy, &iam.DetachRolePolicyInput{RoleName: some("r"), PolicyArn: p.Arn})
	as(s, s.root, iam.DetachUserPolicy, &iam.DetachUserPolicyInput{UserName: some("u"), PolicyArn: p.Arn})
	fails(s, s.root, iam.DeletePolicy, &iam.DeletePolicyInput{PolicyArn: p.Arn}, "DeleteConflict", "attached")
	as(s, s.root, iam.DeleteUserPermissionsBoundary, &iam.DeleteUserPermissionsBoundaryInput{UserName: some("u")})

	version := func(n int, isDefault bool) {
		v := as(s, s.root, iam.CreatePolicyVersion, &iam.CreatePolicyVersionInput{PolicyArn: p.Arn, PolicyDocument: some(allowAll), SetAsDefault: wire.Some(isDefault)}).PolicyVersion
		if v.VersionId.V != versionID(n) || v.IsDefaultVersion.V != isDefault {
			t.Errorf("version %+v", v)
		}
	}
	version(2, false)
	version(3, true)
	version(4, false)
	version(5, false)
	fails(s, s.root, iam.CreatePolicyVersion, &iam.CreatePolicyVersionInput{PolicyArn: p.Arn, PolicyDocument: some(allowAll)}, "LimitExceeded", "up to 5 versions")
	as(s, s.root, iam.DeletePolicyVersion, &iam.DeletePolicyVersionInput{PolicyArn: p.Arn, VersionId: some("v5")})
	version(6, false) // a number never comes back
	fails(s, s.root, iam.DeletePolicyVersion, &iam.DeletePolicyVersionInput{PolicyArn: p.Arn, VersionId: some("v3")}, "DeleteConflict", "default version")
	fails(s, s.root, iam.DeletePolicyVersion, &iam.DeletePolicyVersionInput{PolicyArn: p.Arn, VersionId: some("v5")}, "NoSuchEntity", "v5")
	fails(s, s.root, iam.SetDefaultPolicyVersion, &iam.SetDefaultPolicyVersionInput{PolicyArn: p.Arn, VersionId: some("v9")}, "NoSuchEntity", "v9")
	fails(s, s.root, iam.GetPolicyVersion, &iam.GetPolicyVersionInput{PolicyArn: p.Arn, VersionId: some("v9")}, "NoSuchEntity", "v9")
	as(s, s.root, iam.SetDefaultPolicyVersion, &iam.SetDefaultPolicyVersionInput{PolicyArn: p.Arn, VersionId: some("v2")})
	list := as(s, s.root, iam.ListPolicyVersions, &iam.ListPolicyVersionsInput{PolicyArn: p.Arn}).Versions
	if len(list) != 5 || list[0].VersionId.V != "v6" || !list[3].IsDefaultVersion.V {
		t.Errorf("versions %+v", list)
	}
	if v := as(s, s.root, iam.GetPolicyVersion, &iam.GetPolicyVersionInput{PolicyArn: p.Arn, VersionId: some("v1")}).PolicyVersion; !strings.Contains(v.Document.V, "s3%3A%2A") {
		t.Errorf("version 1 is %s", v.Document.V)
	}
	fails(s, s.root, iam.DeletePolicy, &iam.DeletePolicyInput{PolicyArn: p.Arn}, "DeleteConflict", "more than one version")
	for _, id := range []string{"v1", "v3", "v4", "v6"} {
		as(s, s.root, iam.DeletePolicyVersion, &iam.DeletePolicyVersionInput{PolicyArn: p.Arn, VersionId: some(id)})
	}
	as(s, s.root, iam.DeletePolicy, &iam.DeletePolicyInput{PolicyArn: p.Arn})
	fails(s, s.root, iam.GetPolicy, &iam.GetPolicyInput{PolicyArn: p.Arn}, "NoSuchEntity", "was not found")

	for i := range maxAttached + 1 {
		p := as(s, s.root, iam.CreatePolicy, &iam.CreatePolicyInput{PolicyName: some(fmt.Sprint("n", i)), PolicyDocument: some(allowS3)}).Policy
		if i < maxAttached {
			as(s, s.root, iam.AttachRolePolicy, &iam.AttachRolePolicyInput{RoleName: some("r"), PolicyArn: p.Arn})
		} else {
			fails(s, s.root, iam.AttachRolePolicy, &iam.AttachRolePolicyInput{RoleName: some("r"), PolicyArn: p.Arn}, "LimitExceeded", "PoliciesPerRole: 10")
		}
	}
}

func TestListPolicies(t *testing.T) {
	s := newStage(t)
	made := as(s, s.root, iam.CreatePolicy, &iam.CreatePolicyInput{PolicyName: some("mine"), PolicyDocument: some(allowS3)}).Policy
	s.role("r", trustLambda)
	as(s, s.root, iam.AttachRolePolicy, &iam.AttachRolePolicyInput{RoleName: some("r"), PolicyArn: made.Arn})
	count := func(in iam.ListPoliciesInput) int {
		return len(as(s, s.root, iam.ListPolicies, &in).Policies)
	}
	all, own, aws := count(iam.ListPoliciesInput{}), count(iam.ListPoliciesInput{Scope: some("Local")}), count(iam.ListPoliciesInput{Scope: some("AWS")})
	if own != 1 || aws < 10 || all != own+aws {
		t.Errorf("all %d, own %d, aws %d", all, own, aws)
	}
	if n := count(iam.ListPoliciesInput{OnlyAttached: wire.Some(true)}); n != 1 {
		t.Errorf("attached %d", n)
	}
	if n := count(iam.ListPoliciesInput{PathPrefix: some("/service-role/")}); n != 4 {
		t.Errorf("service roles %d", n)
	}
	rows, err := listAWSPolicies()
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int32{1, 7, 47, 100} {
		seen := map[string]bool{}
		n := 0
		for in := (&iam.ListPoliciesInput{MaxItems: wire.Some(size)}); ; {
			page := as(s, s.root, iam.ListPolicies, in)
			for _, p := range page.Policies {
				seen[p.Arn.V] = true
				n++
			}
			if in.Marker = page.Marker; !page.IsTruncated.V {
				break
			}
			if len(page.Policies) != int(size) {
				t.Errorf("%d on a page of %d", len(page.Policies), size)
			}
		}
		if n != all || len(seen) != all || !seen[made.Arn.V] {
			t.Errorf("%d a page: %d policies, %d of them different, want %d", size, n, len(seen), all)
		}
	}
	for _, marker := range []string{"x", "foreign.", "own.!!"} {
		fails(s, s.root, iam.ListPolicies, &iam.ListPoliciesInput{Marker: some(marker)}, "ValidationError", "Marker")
	}
	ids := map[string]string{}
	for _, row := range rows { // what is built in must be fit for use
		if other := ids[row.ID]; other != "" {
			t.Errorf("%s and %s have one id", row.ARN, other)
		}
		ids[row.ID] = row.ARN
		if err := s.checkManaged(row.version("v1").Document); err != nil || len(row.ID) != 21 {
			t.Errorf("%s: %v", row.ARN, err)
		}
	}
}

func TestUsersAndKeys(t *testing.T) {
	s := newStage(t)
	ann, key := s.user("Ann", allowS3)
	if ann.Kind != wire.User || ann.ARN != "arn:aws:iam::"+s.account+":user/Ann" || !may(ann, "s3:GetObject", "*", nil).Allowed {
		t.Errorf("user %+v", ann)
	}
	if c := s.find(key.AccessKeyId.V, ""); c.Secret != key.SecretAccessKey.V {
		t.Error("another secret")
	}
	fails(s, s.root, iam.CreateUser, &iam.CreateUserInput{UserName: some("ann")}, "EntityAlreadyExists", "User with name ann already exists.")
	fails(s, s.root, iam.GetUser, &iam.GetUserInput{UserName: some("bob")}, "NoSuchEntity", "The user with name bob cannot be found.")
	fails(s, s.root, iam.CreateAccessKey, &iam.CreateAccessKeyInput{UserName: some("bob")}, "NoSuchEntity", "bob")
	second := as(s, s.root, iam.CreateAccessKey, &iam.CreateAccessKeyInput{UserName: some("Ann")}).AccessKey
	fails(s, s.root, iam.CreateAccessKey, &iam.CreateAccessKeyInput{UserName: some("ann")}, "LimitExceeded", "AccessKeysPerUser: 2")
	as(s, s.root, iam.UpdateAccessKey, &iam.UpdateAccessKeyInput{UserName: some("Ann"), AccessKeyId: second.AccessKeyId, Status: some("Inactive")})
	_, err := s.Find(t.Context(), second.AccessKeyId.V, "")
	s.refused("inactive", err, "InvalidClientTokenId", "is inactive")
	as(s, s.root, iam.UpdateAccessKey, &iam.UpdateAccessKeyInput{UserName: some("Ann"), AccessKeyId: second.AccessKeyId, Status: some("Active")})
	s.find(second.AccessKeyId.V, "")
	if list := as(s, s.root, iam.ListAccessKeys, &iam.ListAccessKeysInput{UserName: some("Ann")}).AccessKeyMetadata; len(list) != 2 {
		t.Errorf("keys %+v", list)
	}
	s.user("carl")
	fails(s, s.root, iam.DeleteAccessKey, &iam.DeleteAccessKeyInput{UserName: some("carl"), AccessKeyId: second.AccessKeyId}, "NoSuchEntity", "The Access Key with id")
	fails(s, s.root, iam.DeleteAccessKey, &iam.DeleteAccessKeyInput{UserName: some("Ann"), AccessKeyId: some("AKIAUNKNOWNUNKNOWN00")}, "NoSuchEntity", "The Access Key with id")
	fails(s, s.root, iam.DeleteAccessKey, &iam.DeleteAccessKeyInput{UserName: some("Ann"), AccessKeyId: some(s.key)}, "NoSuchEntity", "The Access Key with id")

	fails(s, s.root, iam.DeleteUser, &iam.DeleteUserInput{UserName: some("Ann")}, "DeleteConflict", "must delete policies first")
	as(s, s.root, iam.DeleteUserPolicy, &iam.DeleteUserPolicyInput{UserName: some("Ann"), PolicyName: some("p0")})
	fails(s, s.root, iam.DeleteUser, &iam.DeleteUserInput{UserName: some("Ann")}, "DeleteConflict", "must delete access keys first")
	for _, id := range []wire.Opt[string]{key.AccessKeyId, second.AccessKeyId} {
		as(s, s.root, iam.DeleteAccessKey, &iam.DeleteAccessKeyInput{UserName: some("Ann"), AccessKeyId: id})
		_, err := s.Find(t.Context(), id.V, "")
		s.refused("deleted", err, "InvalidClientTokenId", "unknown")
	}
	as(s, s.root, iam.DeleteUser, &iam.DeleteUserInput{UserName: some("Ann")})
	fails(s, s.root, iam.DeleteUser, &iam.DeleteUserInput{UserName: some("Ann")}, "NoSuchEntity", "Ann")
}

// TestRootKeyRotation: a second root key, then the first one goes.
func TestRootKeyRotation(t *testing.T) {
	s := newStage(t)
	made := as(s, s.root, iam.CreateAccessKey, &iam.CreateAccessKeyInput{}).AccessKey
	if p := s.find(made.AccessKeyId.V, "").Principal; p.Kind != wire.Root {
		t.Errorf("principal %+v", p)
	}
	as(s, s.root, iam.DeleteAccessKey, &iam.DeleteAccessKeyInput{AccessKeyId: some(s.key)})
	_, err := s.Find(t.Context(), s.key, "")
	s.refused("old root key", err, "InvalidClientTokenId", "unknown")
	key, secret, created, err := s.EnsureRoot(t.Context())
	if err != nil || created || key != made.AccessKeyId.V || secret != made.SecretAccessKey.V {
		t.Errorf("root key now %q, created %v, %v", key, created, err)
	}
	if u := as(s, s.root, iam.GetUser, &iam.GetUserInput{}).User; u.UserId.V != s.account {
		t.Errorf("root is %+v", u)
	}
}

// TestUsersThemselves: without a name an operation means the caller, never the root, and asks the caller's policies.
func TestUsersThemselves(t *testing.T) {
	s := newStage(t)
	ann, _ := s.user("ann", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["iam:*AccessKey*","iam:GetUser"],"Resource":"arn:aws:iam::*:user/${aws:username}"}}`)
	s.user("bob")
	if u := as(s, ann, iam.GetUser, &iam.GetUserInput{}).User; u.UserName.V != "ann" {
		t.Errorf("ann is %+v", u)
	}
	if made := as(s, ann, iam.CreateAccessKey, &iam.CreateAccessKeyInput{}).AccessKey; made.UserName.V != "ann" {
		t.Errorf("key of %s", made.UserName.V)
	}
	if list := as(s, ann, iam.ListAccessKeys, &iam.ListAccessKeysInput{}).AccessKeyMetadata; len(list) != 2 {
		t.Errorf("keys %+v", list)
	}
	fails(s, ann, iam.CreateAccessKey, &iam.CreateAccessKeyInput{UserName: some("bob")}, "AccessDenied", "user/bob")
	fails(s, ann, iam.DeleteAccessKey, &iam.DeleteAccessKeyInput{AccessKeyId: some(s.key)}, "NoSuchEntity", "belongs to user \"\"")
	fails(s, ann, iam.PutUserPolicy, &iam.PutUserPolicyInput{UserName: some("ann"), PolicyName: some("p"), PolicyDocument: some(allowAll)}, "AccessDenied", "iam:PutUserPolicy")
	role := s.role("admin", trustPool, allowAll)
	issued := s.issue(poolSpec(role, "1"))
	session := s.find(issued.AccessKey, issued.Token).Principal
	fails(s, session, iam.GetUser, &iam.GetUserInput{}, "ValidationError", "Must specify userName")
	fails(s, session, iam.CreateAccessKey, &iam.CreateAccessKeyInput{}, "ValidationError", "Must specify userName")
	fails(s, session, iam.DeleteAccessKey, &iam.DeleteAccessKeyInput{AccessKeyId: some(s.key)}, "ValidationError", "Must specify userName")
}

func TestUserPoliciesAndTags(t *testing.T) {
	s := newStage(t)
	s.user("u", allowS3)
	s.role("r", trustLambda, allowS3, allowAll, denyDelete)
	if p := as(s, s.root, iam.GetUserPolicy, &iam.GetUserPolicyInput{UserName: some("u"), PolicyName: some("p0")}); !strings.Contains(p.PolicyDocument.V, "s3") {
		t.Errorf("policy %+v", p)
	}
	fails(s, s.root, iam.GetUserPolicy, &iam.GetUserPolicyInput{UserName: some("u"), PolicyName: some("x")}, "NoSuchEntity", "The user policy with name x cannot be found.")
	fails(s, s.root, iam.PutUserPolicy, &iam.PutUserPolicyInput{UserName: some("nobody"), PolicyName: some("x"), PolicyDocument: some(allowS3)}, "NoSuchEntity", "nobody")
	if l := as(s, s.root, iam.ListUserPolicies, &iam.ListUserPoliciesInput{UserName: some("u")}); len(l.PolicyNames) != 1 || l.IsTruncated.V {
		t.Errorf("policies %+v", l)
	}
	as(s, s.root, iam.AttachUserPolicy, &iam.AttachUserPolicyInput{UserName: some("u"), PolicyArn: some(awsPolicies + "/AdministratorAccess")})
	if l := as(s, s.root, iam.ListAttachedUserPolicies, &iam.ListAttachedUserPoliciesInput{UserName: some("u")}); len(l.AttachedPolicies) != 1 {
		t.Errorf("attached %+v", l)
	}

	// Pages of names.
	var names []string
	in := &iam.ListRolePoliciesInput{RoleName: some("r"), MaxItems: wire.Some(int32(2))}
	for {
		page := as(s, s.root, iam.ListRolePolicies, in)
		names = append(names, page.PolicyNames...)
		if in.Marker = page.Marker; !page.IsTruncated.V {
			break
		}
	}
	if strings.Join(names, " ") != "p0 p1 p2" {
		t.Errorf("names %v", names)
	}
	fails(s, s.root, iam.ListRolePolicies, &iam.ListRolePoliciesInput{RoleName: some("r"), Marker: some("!!")}, "ValidationError", "Marker")

	tags := []iam.Tag{{Key: some("A"), Value: some("1")}, {Key: some("b"), Value: some("2")}}
	as(s, s.root, iam.TagUser, &iam.TagUserInput{UserName: some("u"), Tags: tags})
	as(s, s.root, iam.TagUser, &iam.TagUserInput{UserName: some("u"), Tags: []iam.Tag{{Key: some("a"), Value: some("3")}}})
	as(s, s.root, iam.UntagUser, &iam.UntagUserInput{UserName: some("u"), TagKeys: []string{"B", "none"}})
	if l := as(s, s.root, iam.ListUserTags, &iam.ListUserTagsInput{UserName: some("u")}).Tags; len(l) != 1 || l[0].Key.V != "a" || l[0].Value.V != "3" {
		t.Errorf("tags %+v", l)
	}
	as(s, s.root, iam.TagRole, &iam.TagRoleInput{RoleName: some("r"), Tags: tags})
	as(s, s.root, iam.UntagRole, &iam.UntagRoleInput{RoleName: some("r"), TagKeys: []string{"b"}})
	if l := as(s, s.root, iam.ListRoleTags, &iam.ListRoleTagsInput{RoleName: some("r")}).Tags; len(l) != 1 {
		t.Errorf("tags %+v", l)
	}
	fails(s, s.root, iam.TagRole, &iam.TagRoleInput{RoleName: some("r"), Tags: []iam.Tag{tags[0], {Key: some("a"), Value: some("")}}}, "InvalidInput", "Duplicate tag keys")
}

func TestListPages(t *testing.T) {
	s := newStage(t)
	for i := range 7 {
		path := "/"
		if i%2 == 1 {
			path = "/odd/"
		}
		as(s, s.root, iam.CreateRole, &iam.CreateRoleInput{RoleName: some(fmt.Sprint("r", i)), Path: some(path), AssumeRolePolicyDocument: some(trustLambda)})
		as(s, s.root, iam.CreateUser, &iam.CreateUserInput{UserName: some(fmt.Sprint("u", i)), Path: some(path)})
	}
	var names []string
	in := &iam.ListRolesInput{MaxItems: wire.Some(int32(2)), PathPrefix: some("/odd/")}
	for {
		page := as(s, s.root, iam.ListRoles, in)
		for _, r := range page.Roles {
			names = append(names, r.RoleName.V)
		}
		if in.Marker = page.Marker; !page.IsTruncated.V {
			break
		}
	}
	if strings.Join(names, " ") != "r1 r3 r5" {
		t.Errorf("roles %v", names)
	}
	if l := as(s, s.root, iam.ListUsers, &iam.ListUsersInput{}); len(l.Users) != 7 || l.IsTruncated.V {
		t.Errorf("users %+v", l)
	}
	fails(s, s.root, iam.ListRoles, &iam.ListRolesInput{Marker: some("!!")}, "ValidationError", "Marker")
}

// TestAccessIsAsked: every operation is refused to a user without policies, with its own action in the answer.
func TestAccessIsAsked(t *testing.T) {
	s := newStage(t)
	nobody, key := s.user("nobody")
	s.role("r", trustLambda)
	arn := some("arn:aws:iam::" + s.account + ":policy/p")
	r, u, p, d := some("r"), some("nobody"), some("p"), some(allowAll)
	fails(s, nobody, iam.CreateRole, &iam.CreateRoleInput{RoleName: r, AssumeRolePolicyDocument: some(trustLambda)}, "AccessDenied", "iam:CreateRole")
	fails(s, nobody, iam.GetRole, &iam.GetRoleInput{RoleName: r}, "AccessDenied", "iam:GetRole")
	fails(s, nobody, iam.ListRoles, &iam.ListRolesInput{}, "AccessDenied", "iam:ListRoles")
	fails(s, nobody, iam.DeleteRole, &iam.DeleteRoleInput{RoleName: r}, "AccessDenied", "iam:DeleteRole")
	fails(s, nobody, iam.UpdateRole, &iam.UpdateRoleInput{RoleName: r}, "AccessDenied", "iam:UpdateRole")
	fails(s, nobody, iam.UpdateRoleDescription, &iam.UpdateRoleDescriptionInput{RoleName: r, Description: p}, "AccessDenied", "iam:UpdateRoleDescription")
	fails(s, nobody, iam.UpdateAssumeRolePolicy, &iam.UpdateAssumeRolePolicyInput{RoleName: r, PolicyDocument: some(trustLambda)}, "AccessDenied", "iam:UpdateAssumeRolePolicy")
	fails(s, nobody, iam.PutRolePermissionsBoundary, &iam.PutRolePermissionsBoundaryInput{RoleName: r, PermissionsBoundary: arn}, "AccessDenied", "iam:PutRolePermissionsBoundary")
	fails(s, nobody, iam.DeleteRolePermissionsBoundary, &iam.DeleteRolePermissionsBoundaryInput{RoleName: r}, "AccessDenied", "iam:DeleteRolePermissionsBoundary")
	fails(s, nobody, iam.PutRolePolicy, &iam.PutRolePolicyInput{RoleName: r, PolicyName: p, PolicyDocument: d}, "AccessDenied", "iam:PutRolePolicy")
	fails(s, nobody, iam.GetRolePolicy, &iam.GetRolePolicyInput{RoleName: r, PolicyName: p}, "AccessDenied", "iam:GetRolePolicy")
	fails(s, nobody, iam.DeleteRolePolicy, &iam.DeleteRolePolicyInput{RoleName: r, PolicyName: p}, "AccessDenied", "iam:DeleteRolePolicy")
	fails(s, nobody, iam.ListRolePolicies, &iam.ListRolePoliciesInput{RoleName: r}, "AccessDenied", "iam:ListRolePolicies")
	fails(s, nobody, iam.AttachRolePolicy, &iam.AttachRolePolicyInput{RoleName: r, PolicyArn: arn}, "AccessDenied", "iam:AttachRolePolicy")
	fails(s, nobody, iam.DetachRolePolicy, &iam.DetachRolePolicyInput{RoleName: r, PolicyArn: arn}, "AccessDenied", "iam:DetachRolePolicy")
	fails(s, nobody, iam.ListAttachedRolePolicies, &iam.ListAttachedRolePoliciesInput{RoleName: r}, "AccessDenied", "iam:ListAttachedRolePolicies")
	fails(s, nobody, iam.TagRole, &iam.TagRoleInput{RoleName: r, Tags: []iam.Tag{}}, "AccessDenied", "iam:TagRole")
	fails(s, nobody, iam.UntagRole, &iam.UntagRoleInput{RoleName: r, TagKeys: []string{"k"}}, "AccessDenied", "iam:UntagRole")
	fails(s, nobody, iam.ListRoleTags, &iam.ListRoleTagsInput{RoleName: r}, "AccessDenied", "iam:ListRoleTags")
	fails(s, nobody, iam.CreateUser, &iam.CreateUserInput{UserName: u}, "AccessDenied", "iam:CreateUser")
	fails(s, nobody, iam.GetUser, &iam.GetUserInput{UserName: u}, "AccessDenied", "iam:GetUser")
	fails(s, nobody, iam.ListUsers, &iam.ListUsersInput{}, "AccessDenied", "iam:ListUsers")
	fails(s, nobody, iam.DeleteUser, &iam.DeleteUserInput{UserName: u}, "AccessDenied", "iam:DeleteUser")
	fails(s, nobody, iam.PutUserPermissionsBoundary, &iam.PutUserPermissionsBoundaryInput{UserName: u, PermissionsBoundary: arn}, "AccessDenied", "iam:PutUserPermissionsBoundary")
	fails(s, nobody, iam.DeleteUserPermissionsBoundary, &iam.DeleteUserPermissionsBoundaryInput{UserName: u}, "AccessDenied", "iam:DeleteUserPermissionsBoundary")
	fails(s, nobody, iam.PutUserPolicy, &iam.PutUserPolicyInput{UserName: u, PolicyName: p, PolicyDocument: d}, "AccessDenied", "iam:PutUserPolicy")
	fails(s, nobody, iam.GetUserPolicy, &iam.GetUserPolicyInput{UserName: u, PolicyName: p}, "AccessDenied", "iam:GetUserPolicy")
	fails(s, nobody, iam.DeleteUserPolicy, &iam.DeleteUserPolicyInput{UserName: u, PolicyName: p}, "AccessDenied", "iam:DeleteUserPolicy")
	fails(s, nobody, iam.ListUserPolicies, &iam.ListUserPoliciesInput{UserName: u}, "AccessDenied", "iam:ListUserPolicies")
	fails(s, nobody, iam.AttachUserPolicy, &iam.AttachUserPolicyInput{UserName: u, PolicyArn: arn}, "AccessDenied", "iam:AttachUserPolicy")
	fails(s, nobody, iam.DetachUserPolicy, &iam.DetachUserPolicyInput{UserName: u, PolicyArn: arn}, "AccessDenied", "iam:DetachUserPolicy")
	fails(s, nobody, iam.ListAttachedUserPolicies, &iam.ListAttachedUserPoliciesInput{UserName: u}, "AccessDenied", "iam:ListAttachedUserPolicies")
	fails(s, nobody, iam.TagUser, &iam.TagUserInput{UserName: u, Tags: []iam.Tag{}}, "AccessDenied", "iam:TagUser")
	fails(s, nobody, iam.UntagUser, &iam.UntagUserInput{UserName: u, TagKeys: []string{"k"}}, "AccessDenied", "iam:UntagUser")
	fails(s, nobody, iam.ListUserTags, &iam.ListUserTagsInput{UserName: u}, "AccessDenied", "iam:ListUserTags")
	fails(s, nobody, iam.CreateAccessKey, &iam.CreateAccessKeyInput{}, "AccessDenied", "iam:CreateAccessKey")
	fails(s, nobody, iam.ListAccessKeys, &iam.ListAccessKeysInput{}, "AccessDenied", "iam:ListAccessKeys")
	fails(s, nobody, iam.UpdateAccessKey, &iam.UpdateAccessKeyInput{AccessKeyId: key.AccessKeyId, Status: some("Active")}, "AccessDenied", "iam:UpdateAccessKey")
	fails(s, nobody, iam.DeleteAccessKey, &iam.DeleteAccessKeyInput{AccessKeyId: key.AccessKeyId}, "AccessDenied", "iam:DeleteAccessKey")
	fails(s, nobody, iam.CreatePolicy, &iam.CreatePolicyInput{PolicyName: p, PolicyDocument: d}, "AccessDenied", "iam:CreatePolicy")
	fails(s, nobody, iam.GetPolicy, &iam.GetPolicyInput{PolicyArn: arn}, "AccessDenied", "iam:GetPolicy")
	fails(s, nobody, iam.ListPolicies, &iam.ListPoliciesInput{}, "AccessDenied", "iam:ListPolicies")
	fails(s, nobody, iam.DeletePolicy, &iam.DeletePolicyInput{PolicyArn: arn}, "AccessDenied", "iam:DeletePolicy")
	fails(s, nobody, iam.CreatePolicyVersion, &iam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: d}, "AccessDenied", "iam:CreatePolicyVersion")
	fails(s, nobody, iam.GetPolicyVersion, &iam.GetPolicyVersionInput{PolicyArn: arn, VersionId: some("v1")}, "AccessDenied", "iam:GetPolicyVersion")
	fails(s, nobody, iam.ListPolicyVersions, &iam.ListPolicyVersionsInput{PolicyArn: arn}, "AccessDenied", "iam:ListPolicyVersions")
	fails(s, nobody, iam.DeletePolicyVersion, &iam.DeletePolicyVersionInput{PolicyArn: arn, VersionId: some("v1")}, "AccessDenied", "iam:DeletePolicyVersion")
	fails(s, nobody, iam.SetDefaultPolicyVersion, &iam.SetDefaultPolicyVersionInput{PolicyArn: arn, VersionId: some("v1")}, "AccessDenied", "iam:SetDefaultPolicyVersion")
	fails(s, nobody, iam.ListEntitiesForPolicy, &iam.ListEntitiesForPolicyInput{PolicyArn: arn}, "AccessDenied", "iam:ListEntitiesForPolicy")
	fails(s, nobody, iam.SimulateCustomPolicy, &iam.SimulateCustomPolicyInput{PolicyInputList: []string{allowAll}, ActionNames: []string{"s3:GetObject"}}, "AccessDenied", "iam:SimulateCustomPolicy")
	fails(s, nobody, iam.SimulatePrincipalPolicy, &iam.SimulatePrincipalPolicyInput{PolicySourceArn: some(nobody.ARN), ActionNames: []string{"s3:GetObject"}}, "AccessDenied", "iam:SimulatePrincipalPolicy")
	fails(s, nobody, iam.GetAccountSummary, &iam.GetAccountSummaryInput{}, "AccessDenied", "iam:GetAccountSummary")
	s.group("g")
	g := some("g")
	fails(s, nobody, iam.CreateGroup, &iam.CreateGroupInput{GroupName: g}, "AccessDenied", "iam:CreateGroup")
	fails(s, nobody, iam.GetGroup, &iam.GetGroupInput{GroupName: g}, "AccessDenied", "iam:GetGroup")
	fails(s, nobody, iam.ListGroups, &iam.ListGroupsInput{}, "AccessDenied", "iam:ListGroups")
	fails(s, nobody, iam.UpdateGroup, &iam.UpdateGroupInput{GroupName: g}, "AccessDenied", "iam:UpdateGroup")
	fails(s, nobody, iam.DeleteGroup, &iam.DeleteGroupInput{GroupName: g}, "AccessDenied", "iam:DeleteGroup")
	fails(s, nobody, iam.AddUserToGroup, &iam.AddUserToGroupInput{GroupName: g, UserName: u}, "AccessDenied", "iam:AddUserToGroup")
	fails(s, nobody, iam.RemoveUserFromGroup, &iam.RemoveUserFromGroupInput{GroupName: g, UserName: u}, "AccessDenied", "iam:RemoveUserFromGroup")
	fails(s, nobody, iam.ListGroupsForUser, &iam.ListGroupsForUserInput{UserName: u}, "AccessDenied", "iam:ListGroupsForUser")
	fails(s, nobody, iam.PutGroupPolicy, &iam.PutGroupPolicyInput{GroupName: g, PolicyName: p, PolicyDocument: d}, "AccessDenied", "iam:PutGroupPolicy")
	fails(s, nobody, iam.GetGroupPolicy, &iam.GetGroupPolicyInput{GroupName: g, PolicyName: p}, "AccessDenied", "iam:GetGroupPolicy")
	fails(s, nobody, iam.DeleteGroupPolicy, &iam.DeleteGroupPolicyInput{GroupName: g, PolicyName: p}, "AccessDenied", "iam:DeleteGroupPolicy")
	fails(s, nobody, iam.ListGroupPolicies, &iam.ListGroupPoliciesInput{GroupName: g}, "AccessDenied", "iam:ListGroupPolicies")
	fails(s, nobody, iam.AttachGroupPolicy, &iam.AttachGroupPolicyInput{GroupName: g, PolicyArn: arn}, "AccessDenied", "iam:AttachGroupPolicy")
	fails(s, nobody, iam.DetachGroupPolicy, &iam.DetachGroupPolicyInput{GroupName: g, PolicyArn: arn}, "AccessDenied", "iam:DetachGroupPolicy")
	fails(s, nobody, iam.ListAttachedGroupPolicies, &iam.ListAttachedGroupPoliciesInput{GroupName: g}, "AccessDenied", "iam:ListAttachedGroupPolicies")
	fails(s, nobody, iam.UpdateUser, &iam.UpdateUserInput{UserName: u}, "AccessDenied", "iam:UpdateUser")
	fails(s, nobody, iam.TagPolicy, &iam.TagPolicyInput{PolicyArn: arn, Tags: []iam.Tag{}}, "AccessDenied", "iam:TagPolicy")
	fails(s, nobody, iam.UntagPolicy, &iam.UntagPolicyInput{PolicyArn: arn, TagKeys: []string{"k"}}, "AccessDenied", "iam:UntagPolicy")
	fails(s, nobody, iam.ListPolicyTags, &iam.ListPolicyTagsInput{PolicyArn: arn}, "AccessDenied", "iam:ListPolicyTags")
	fails(s, nobody, iam.CreateAccountAlias, &iam.CreateAccountAliasInput{AccountAlias: some("abc")}, "AccessDenied", "iam:CreateAccountAlias")
	fails(s, nobody, iam.DeleteAccountAlias, &iam.DeleteAccountAliasInput{AccountAlias: some("abc")}, "AccessDenied", "iam:DeleteAccountAlias")
	fails(s, nobody, iam.ListAccountAliases, &iam.ListAccountAliasesInput{}, "AccessDenied", "iam:ListAccountAliases")
	fails(s, nobody, iam.GetAccountAuthorizationDetails, &iam.GetAccountAuthorizationDetailsInput{}, "AccessDenied", "iam:GetAccountAuthorizationDetails")
	fails(s, nobody, iam.SetSecurityTokenServicePreferences, &iam.SetSecurityTokenServicePreferencesInput{GlobalEndpointTokenVersion: some("v1Token")}, "AccessDenied", "iam:SetSecurityTokenServicePreferences")
	fails(s, nobody, iam.GenerateCredentialReport, &iam.GenerateCredentialReportInput{}, "AccessDenied", "iam:GenerateCredentialReport")
	fails(s, nobody, iam.GetCredentialReport, &iam.GetCredentialReportInput{}, "AccessDenied", "iam:GetCredentialReport")
	fails(s, nobody, iam.GetAccessKeyLastUsed, &iam.GetAccessKeyLastUsedInput{AccessKeyId: key.AccessKeyId}, "AccessDenied", "iam:GetAccessKeyLastUsed")
	fails(s, nobody, iam.GenerateServiceLastAccessedDetails, &iam.GenerateServiceLastAccessedDetailsInput{Arn: arn}, "AccessDenied", "iam:GenerateServiceLastAccessedDetails")
	fails(s, nobody, iam.GetServiceLastAccessedDetails, &iam.GetServiceLastAccessedDetailsInput{JobId: some(wire.NewUUID())}, "AccessDenied", "iam:GetServiceLastAccessedDetails")
	fails(s, nobody, iam.GetServiceLastAccessedDetailsWithEntities, &iam.GetServiceLastAccessedDetailsWithEntitiesInput{JobId: some(wire.NewUUID()), ServiceNamespace: some("s3")}, "AccessDenied", "iam:GetServiceLastAccessedDetailsWithEntities")
	fails(s, nobody, iam.ListPoliciesGrantingServiceAccess, &iam.ListPoliciesGrantingServiceAccessInput{Arn: arn, ServiceNamespaces: []string{"s3"}}, "AccessDenied", "iam:ListPoliciesGrantingServiceAccess")
	fails(s, nobody, iam.GetContextKeysForCustomPolicy, &iam.GetContextKeysForCustomPolicyInput{PolicyInputList: []string{allowAll}}, "AccessDenied", "iam:GetContextKeysForCustomPolicy")
	fails(s, nobody, iam.GetContextKeysForPrincipalPolicy, &iam.GetContextKeysForPrincipalPolicyInput{PolicySourceArn: some(nobody.ARN)}, "AccessDenied", "iam:GetContextKeysForPrincipalPolicy")
	fails(s, nobody, iam.CreateServiceLinkedRole, &iam.CreateServiceLinkedRoleInput{AWSServiceName: some("replicator.lambda.amazonaws.com")}, "AccessDenied", "iam:CreateServiceLinkedRole")
	fails(s, nobody, iam.DeleteServiceLinkedRole, &iam.DeleteServiceLinkedRoleInput{RoleName: r}, "AccessDenied", "iam:DeleteServiceLinkedRole")
	fails(s, nobody, iam.GetServiceLinkedRoleDeletionStatus, &iam.GetServiceLinkedRoleDeletionStatusInput{DeletionTaskId: some("task/x/y")}, "AccessDenied", "iam:GetServiceLinkedRoleDeletionStatus")
	fails(s, nobody, iam.ListOrganizationsFeatures, &iam.ListOrganizationsFeaturesInput{}, "AccessDenied", "iam:ListOrganizationsFeatures")
	fails(s, nobody, iam.DisableOrganizationsRootSessions, &iam.DisableOrganizationsRootSessionsInput{}, "AccessDenied", "iam:DisableOrganizationsRootSessions")
	fails(s, nil, iam.ListRoles, &iam.ListRolesInput{}, "AccessDenied", "")
}

// TestConditionKeys: permissions to hand out permissions can be narrowed.
func TestConditionKeys(t *testing.T) {
	s := newStage(t)
	s.role("r", trustLambda)
	as(s, s.root, iam.TagRole, &iam.TagRoleInput{RoleName: some("r"), Tags: []iam.Tag{{Key: some("team"), Value: some("red")}}})
	by, _ := s.user("u", `{"Version":"2012-10-17","Statement":[
{"Effect":"Allow","Action":"iam:AttachRolePolicy","Resource":"*","Condition":{"ArnEquals":{"iam:PolicyARN":"arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"}}},
{"Effect":"Allow","Action":"iam:CreateRole","Resource":"*","Condition":{"StringEquals":{"iam:PermissionsBoundary":"arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"}}},
{"Effect":"Allow","Action":"iam:GetRole","Resource":"*","Condition":{"StringEquals":{"iam:ResourceTag/team":"red"}}},
{"Effect":"Allow","Action":"iam:TagRole","Resource":"*","Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":["stage"]}}}]}`)
	good, bad := some(awsPolicies+"/AmazonS3ReadOnlyAccess"), some(awsPolicies+"/AdministratorAccess")
	as(s, by, iam.AttachRolePolicy, &iam.AttachRolePolicyInput{RoleName: some("r"), PolicyArn: good})
	fails(s, by, iam.AttachRolePolicy, &iam.AttachRolePolicyInput{RoleName: some("r"), PolicyArn: bad}, "AccessDenied", "ArnEquals iam:PolicyARN")
	as(s, by, iam.CreateRole, &iam.CreateRoleInput{RoleName: some("x"), AssumeRolePolicyDocument: some(trustLambda), PermissionsBoundary: good})
	fails(s, by, iam.CreateRole, &iam.CreateRoleInput{RoleName: some("y"), AssumeRolePolicyDocument: some(trustLambda)}, "AccessDenied", "iam:PermissionsBoundary")
	as(s, by, iam.GetRole, &iam.GetRoleInput{RoleName: some("r")})
	fails(s, by, iam.GetRole, &iam.GetRoleInput{RoleName: some("x")}, "AccessDenied", "iam:ResourceTag/team")
	as(s, by, iam.TagRole, &iam.TagRoleInput{RoleName: some("r"), Tags: []iam.Tag{{Key: some("stage"), Value: some("x")}}})
	fails(s, by, iam.TagRole, &iam.TagRoleInput{RoleName: some("r"), Tags: []iam.Tag{{Key: some("team"), Value: some("x")}}}, "AccessDenied", "aws:TagKeys")
}

func TestSimulate(t *testing.T) {
	s := newStage(t)
	role := s.role("r", trustLambda, allowTables, denyDelete)
	s.user("u", allowS3)
	decide := func(out *iam.SimulatePolicyResponse) (text string) {
		for _, r := range out.EvaluationResults {
			text += r.EvalActionName.V + "=" + r.EvalDecision.V + " "
		}
		return strings.TrimSpace(text)
	}
	keys := []iam.ContextEntry{{ContextKeyName: some("dynamodb:LeadingKeys"), ContextKeyValues: []string{"1"}, ContextKeyType: some("stringList")}}
	out := as(s, s.root, iam.SimulatePrincipalPolicy, &iam.SimulatePrincipalPolicyInput{PolicySourceArn: role.Arn, ContextEntries: keys,
		ActionNames: []string{"dynamodb:GetItem", "s3:DeleteObject"}, PolicyInputList: []string{allowS3}})
	if got := decide(out); got != "dynamodb:GetItem=implicitDeny s3:DeleteObject=explicitDeny" {
		t.Error(got)
	}
	out = as(s, s.root, iam.SimulatePrincipalPolicy, &iam.SimulatePrincipalPolicyInput{PolicySourceArn: some("arn:aws:iam::" + s.account + ":user/u"), ActionNames: []string{"s3:GetObject"}})
	if got := decide(out); got != "s3:GetObject=allowed" {
		t.Error(got)
	}
	if p := s.find(s.key, "").Principal; !may(p, "a:b", "*", nil).Allowed {
		t.Error("simulation changed a principal")
	}
	out = as(s, s.root, iam.SimulateCustomPolicy, &iam.SimulateCustomPolicyInput{PolicyInputList: []string{allowAll}, PermissionsBoundaryPolicyInputList: []string{allowS3},
		ActionNames: []string{"s3:GetObject", "iam:GetRole"}, ResourceArns: []string{"arn:aws:s3:::b/k"}, CallerArn: role.Arn,
		ResourcePolicy: some(`{"Statement":{"Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"*"}}`)})
	if got := decide(out); got != "s3:GetObject=explicitDeny iam:GetRole=implicitDeny" {
		t.Error(got)
	}
	fails(s, s.root, iam.SimulateCustomPolicy, &iam.SimulateCustomPolicyInput{PolicyInputList: []string{"{"}, ActionNames: []string{"s3:GetObject"}}, "InvalidInput", "Syntax errors")
	fails(s, s.root, iam.SimulatePrincipalPolicy, &iam.SimulatePrincipalPolicyInput{PolicySourceArn: some(role.Arn.V + "x"), ActionNames: []string{"s3:GetObject"}}, "NoSuchEntity", "cannot be found")
	if m := as(s, s.root, iam.GetAccountSummary, &iam.GetAccountSummaryInput{}).SummaryMap; m["PolicySizeQuota"] != maxPolicySize {
		t.Errorf("summary %v", m)
	}
}
