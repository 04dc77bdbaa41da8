package access

import (
	"fmt"
	"strings"
	"testing"

	"bothy/api/iam"
	"bothy/wire"
)

// group makes a group with inline policies p0, p1, …
func (s *stage) group(name string, inline ...string) *iam.Group {
	s.Helper()
	out := as(s, s.root, iam.CreateGroup, &iam.CreateGroupInput{GroupName: some(name)})
	for i, document := range inline {
		as(s, s.root, iam.PutGroupPolicy, &iam.PutGroupPolicyInput{GroupName: some(name), PolicyName: some(fmt.Sprint("p", i)), PolicyDocument: some(document)})
	}
	return out.Group
}

func (s *stage) join(group, user string) {
	s.Helper()
	as(s, s.root, iam.AddUserToGroup, &iam.AddUserToGroupInput{GroupName: some(group), UserName: some(user)})
}

// again is the principal of a key as the next request finds it.
func (s *stage) again(p *wire.Principal) *wire.Principal {
	s.Helper()
	return s.find(p.AccessKey, "").Principal
}

func TestGroups(t *testing.T) {
	s := newStage(t)
	g := as(s, s.root, iam.CreateGroup, &iam.CreateGroupInput{GroupName: some("Devs"), Path: some("/team/")}).Group
	if g.Arn.V != "arn:aws:iam::"+s.account+":group/team/Devs" || !strings.HasPrefix(g.GroupId.V, "AGPA") || len(g.GroupId.V) != 21 {
		t.Errorf("made %+v", g)
	}
	fails(s, s.root, iam.CreateGroup, &iam.CreateGroupInput{GroupName: some("devs")}, "EntityAlreadyExists", "Group with name devs already exists.")
	fails(s, s.root, iam.CreateGroup, &iam.CreateGroupInput{GroupName: some("a b")}, "ValidationError", "groupName")
	fails(s, s.root, iam.CreateGroup, &iam.CreateGroupInput{GroupName: some("x"), Path: some("no")}, "ValidationError", "path")
	fails(s, s.root, iam.AddUserToGroup, &iam.AddUserToGroupInput{GroupName: some("devs"), UserName: some("nobody")}, "NoSuchEntity", "The user with name nobody cannot be found.")
	fails(s, s.root, iam.AddUserToGroup, &iam.AddUserToGroupInput{GroupName: some("none"), UserName: some("nobody")}, "NoSuchEntity", "The group with name none cannot be found.")
	for i := range 5 {
		name := fmt.Sprint("u", i)
		as(s, s.root, iam.CreateUser, &iam.CreateUserInput{UserName: some(name)})
		s.join("devs", name)
		s.join("Devs", name)
	}
	var names []string
	for in := (&iam.GetGroupInput{GroupName: some("devs"), MaxItems: wire.Some(int32(2))}); ; {
		page := as(s, s.root, iam.GetGroup, in)
		for _, u := range page.Users {
			names = append(names, u.UserName.V)
		}
		if in.Marker = page.Marker; !page.IsTruncated.V {
			break
		}
	}
	if strings.Join(names, " ") != "u0 u1 u2 u3 u4" {
		t.Errorf("members %v", names)
	}
	fails(s, s.root, iam.GetGroup, &iam.GetGroupInput{GroupName: some("devs"), Marker: some("!!")}, "ValidationError", "Marker")
	fails(s, s.root, iam.DeleteGroup, &iam.DeleteGroupInput{GroupName: some("devs")}, "DeleteConflict", "must remove users from group first")
	fails(s, s.root, iam.DeleteUser, &iam.DeleteUserInput{UserName: some("u0")}, "DeleteConflict", "must remove users from group first")
	for i := range 5 {
		as(s, s.root, iam.RemoveUserFromGroup, &iam.RemoveUserFromGroupInput{GroupName: some("devs"), UserName: some(fmt.Sprint("u", i))})
	}
	as(s, s.root, iam.RemoveUserFromGroup, &iam.RemoveUserFromGroupInput{GroupName: some("devs"), UserName: some("u0")})
	as(s, s.root, iam.DeleteUser, &iam.DeleteUserInput{UserName: some("u0")})
	as(s, s.root, iam.PutGroupPolicy, &iam.PutGroupPolicyInput{GroupName: some("devs"), PolicyName: some("p"), PolicyDocument: some(allowS3)})
	fails(s, s.root, iam.DeleteGroup, &iam.DeleteGroupInput{GroupName: some("devs")}, "DeleteConflict", "must delete policies first")
	as(s, s.root, iam.DeleteGroupPolicy, &iam.DeleteGroupPolicyInput{GroupName: some("devs"), PolicyName: some("p")})
	as(s, s.root, iam.DeleteGroup, &iam.DeleteGroupInput{GroupName: some("devs")})
	fails(s, s.root, iam.GetGroup, &iam.GetGroupInput{GroupName: some("devs")}, "NoSuchEntity", "devs")
}

// TestGroupQuotas: ten groups for a user, and three hundred in all.
func TestGroupQuotas(t *testing.T) {
	s := newStage(t)
	s.user("u")
	for i := range maxGroups {
		s.group(fmt.Sprint("g", i))
	}
	fails(s, s.root, iam.CreateGroup, &iam.CreateGroupInput{GroupName: some("more")}, "LimitExceeded", "GroupsPerAccount: 300")
	for i := range maxMemberships {
		s.join(fmt.Sprint("g", i), "u")
	}
	fails(s, s.root, iam.AddUserToGroup, &iam.AddUserToGroupInput{GroupName: some("g10"), UserName: some("u")}, "LimitExceeded", "GroupsPerUser: 10")
	s.join("g9", "u") // is in it
	if l := as(s, s.root, iam.ListGroupsForUser, &iam.ListGroupsForUserInput{UserName: some("U")}).Groups; len(l) != 10 || l[0].GroupName.V != "g0" {
		t.Errorf("groups of u: %+v", l)
	}
	n := 0
	for in := (&iam.ListGroupsInput{}); ; {
		page := as(s, s.root, iam.ListGroups, in)
		n += len(page.Groups)
		if in.Marker = page.Marker; !page.IsTruncated.V {
			break
		}
	}
	if n != maxGroups {
		t.Errorf("%d groups", n)
	}
	aws, err := listAWSPolicies()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range aws[:maxAttached] {
		as(s, s.root, iam.AttachGroupPolicy, &iam.AttachGroupPolicyInput{GroupName: some("g0"), PolicyArn: some(p.ARN)})
	}
	fails(s, s.root, iam.AttachGroupPolicy, &iam.AttachGroupPolicyInput{GroupName: some("g0"), PolicyArn: some(aws[maxAttached].ARN)}, "LimitExceeded", "PoliciesPerGroup: 10")
	long := `{"Id":"` + strings.Repeat("x", 5100) + `","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`
	fails(s, s.root, iam.PutGroupPolicy, &iam.PutGroupPolicyInput{GroupName: some("g0"), PolicyName: some("p"), PolicyDocument: some(long)}, "LimitExceeded", "Maximum policy size of 5120 bytes exceeded for group g0")
}

// TestGroupsDecide: what a group may do its members may, from the next request on and until they leave.
func TestGroupsDecide(t *testing.T) {
	s := newStage(t)
	ann, _ := s.user("ann")
	s.group("files", allowS3)
	s.group("keep", denyDelete)
	can := func(action string, want bool) {
		t.Helper()
		if d := may(s.again(ann), action, "arn:aws:s3:::b/k", nil); d.Allowed != want {
			t.Errorf("%s: %+v, want allowed %v", action, d, want)
		}
	}
	can("s3:GetObject", false)
	s.join("files", "ann")
	can("s3:DeleteObject", true)
	s.join("keep", "ann")
	can("s3:DeleteObject", false)
	can("s3:GetObject", true)
	if d := may(s.again(ann), "s3:DeleteObject", "*", nil); d.Source != "group keep/inline p0" || !d.Explicit {
		t.Errorf("decided %+v", d)
	}
	sim := as(s, s.root, iam.SimulatePrincipalPolicy, &iam.SimulatePrincipalPolicyInput{PolicySourceArn: some(ann.ARN), ActionNames: []string{"s3:GetObject", "s3:DeleteObject"}})
	if a, b := sim.EvaluationResults[0].EvalDecision.V, sim.EvaluationResults[1].EvalDecision.V; a != "allowed" || b != "explicitDeny" {
		t.Errorf("simulated %s %s", a, b)
	}

	as(s, s.root, iam.DeleteGroupPolicy, &iam.DeleteGroupPolicyInput{GroupName: some("keep"), PolicyName: some("p0")})
	can("s3:DeleteObject", true)
	p := as(s, s.root, iam.CreatePolicy, &iam.CreatePolicyInput{PolicyName: some("keep"), PolicyDocument: some(denyDelete)}).Policy
	as(s, s.root, iam.AttachGroupPolicy, &iam.AttachGroupPolicyInput{GroupName: some("keep"), PolicyArn: p.Arn})
	can("s3:DeleteObject", false)
	if got := as(s, s.root, iam.GetPolicy, &iam.GetPolicyInput{PolicyArn: p.Arn}).Policy; got.AttachmentCount.V != 1 {
		t.Errorf("counted %+v", got)
	}
	if e := as(s, s.root, iam.ListEntitiesForPolicy, &iam.ListEntitiesForPolicyInput{PolicyArn: p.Arn}); len(e.PolicyGroups) != 1 || e.PolicyGroups[0].GroupName.V != "keep" || len(e.PolicyUsers) != 0 {
		t.Errorf("entities %+v", e)
	}
	if e := as(s, s.root, iam.ListEntitiesForPolicy, &iam.ListEntitiesForPolicyInput{PolicyArn: p.Arn, EntityFilter: some("User")}); len(e.PolicyGroups) != 0 {
		t.Errorf("users %+v", e)
	}
	as(s, s.root, iam.AttachGroupPolicy, &iam.AttachGroupPolicyInput{GroupName: some("files"), PolicyArn: p.Arn})
	as(s, s.root, iam.AttachUserPolicy, &iam.AttachUserPolicyInput{UserName: some("ann"), PolicyArn: p.Arn})
	groups, users := 0, 0
	for in := (&iam.ListEntitiesForPolicyInput{PolicyArn: p.Arn, MaxItems: wire.Some(int32(1))}); ; {
		page := as(s, s.root, iam.ListEntitiesForPolicy, in)
		groups, users = groups+len(page.PolicyGroups), users+len(page.PolicyUsers)
		if in.Marker = page.Marker; !page.IsTruncated.V {
			break
		}
	}
	if groups != 2 || users != 1 {
		t.Errorf("in pages: %d groups, %d users", groups, users)
	}
	as(s, s.root, iam.DetachGroupPolicy, &iam.DetachGroupPolicyInput{GroupName: some("files"), PolicyArn: p.Arn})
	as(s, s.root, iam.DetachUserPolicy, &iam.DetachUserPolicyInput{UserName: some("ann"), PolicyArn: p.Arn})
	fails(s, s.root, iam.DeletePolicy, &iam.DeletePolicyInput{PolicyArn: p.Arn}, "DeleteConflict", "attached to entities")

	as(s, s.root, iam.UpdateGroup, &iam.UpdateGroupInput{GroupName: some("keep"), NewGroupName: some("safe"), NewPath: some("/x/")})
	can("s3:DeleteObject", false)
	if l := as(s, s.root, iam.ListAttachedGroupPolicies, &iam.ListAttachedGroupPoliciesInput{GroupName: some("safe")}).AttachedPolicies; len(l) != 1 {
		t.Errorf("attached %+v", l)
	}
	if u := as(s, s.root, iam.GetGroup, &iam.GetGroupInput{GroupName: some("safe")}); len(u.Users) != 1 || u.Group.Arn.V != "arn:aws:iam::"+s.account+":group/x/safe" {
		t.Errorf("renamed %+v", u)
	}
	fails(s, s.root, iam.GetGroup, &iam.GetGroupInput{GroupName: some("keep")}, "NoSuchEntity", "keep")
	fails(s, s.root, iam.UpdateGroup, &iam.UpdateGroupInput{GroupName: some("safe"), NewGroupName: some("Files")}, "EntityAlreadyExists", "Files")
	as(s, s.root, iam.UpdateGroup, &iam.UpdateGroupInput{GroupName: some("safe"), NewGroupName: some("SAFE")})
	as(s, s.root, iam.DetachGroupPolicy, &iam.DetachGroupPolicyInput{GroupName: some("safe"), PolicyArn: p.Arn})
	can("s3:DeleteObject", true)
	as(s, s.root, iam.RemoveUserFromGroup, &iam.RemoveUserFromGroupInput{GroupName: some("files"), UserName: some("ann")})
	can("s3:GetObject", false)
}

// TestUpdateUser: another name and path, the same user.
func TestUpdateUser(t *testing.T) {
	s := newStage(t)
	ann, key := s.user("ann", allowS3)
	s.user("bob")
	s.group("g", allowTables)
	s.join("g", "ann")
	before := as(s, s.root, iam.GetUser, &iam.GetUserInput{UserName: some("ann")}).User
	fails(s, s.root, iam.UpdateUser, &iam.UpdateUserInput{UserName: some("ann"), NewUserName: some("Bob")}, "EntityAlreadyExists", "User with name Bob already exists.")
	fails(s, s.root, iam.UpdateUser, &iam.UpdateUserInput{UserName: some("none"), NewUserName: some("x")}, "NoSuchEntity", "none")
	as(s, s.root, iam.UpdateUser, &iam.UpdateUserInput{UserName: some("ann"), NewUserName: some("Anna"), NewPath: some("/x/")})
	after := as(s, s.root, iam.GetUser, &iam.GetUserInput{UserName: some("anna")}).User
	if after.UserId.V != before.UserId.V || after.Arn.V != "arn:aws:iam::"+s.account+":user/x/Anna" || after.CreateDate.V != before.CreateDate.V {
		t.Errorf("before %+v, after %+v", before, after)
	}
	p := s.again(ann)
	if p.ARN != after.Arn.V || p.UserID != ann.UserID || !may(p, "s3:GetObject", "*", nil).Allowed || len(p.Policies.Identity) != 2 {
		t.Errorf("principal %+v", p)
	}
	if l := as(s, s.root, iam.ListAccessKeys, &iam.ListAccessKeysInput{UserName: some("anna")}).AccessKeyMetadata; len(l) != 1 || l[0].AccessKeyId.V != key.AccessKeyId.V {
		t.Errorf("keys %+v", l)
	}
	if l := as(s, s.root, iam.GetGroup, &iam.GetGroupInput{GroupName: some("g")}).Users; len(l) != 1 || l[0].UserName.V != "Anna" {
		t.Errorf("members %+v", l)
	}
	as(s, s.root, iam.UpdateUser, &iam.UpdateUserInput{UserName: some("anna"), NewUserName: some("ANNA")})
	fails(s, s.root, iam.GetUser, &iam.GetUserInput{UserName: some("ann")}, "NoSuchEntity", "ann")
	fresh, _ := s.user("ann") // somebody else by the old name
	if fresh.UserID == ann.UserID || may(fresh, "s3:GetObject", "*", nil).Allowed || len(fresh.Policies.Identity) != 0 {
		t.Errorf("the new ann %+v", fresh)
	}
}

// TestEscalation: who may hand out some rights cannot take others.
func TestEscalation(t *testing.T) {
	s := newStage(t)
	s.group("admins", allowAll)
	s.group("devs", allowS3)
	s.role("deploy", trustLambda)
	mallory, _ := s.user("mallory", `{"Version":"2012-10-17","Statement":[
{"Effect":"Allow","Action":["iam:AddUserToGroup","iam:PutGroupPolicy","iam:UpdateGroup"],"Resource":"arn:aws:iam::*:group/devs"},
{"Effect":"Allow","Action":"iam:UpdateUser","Resource":"arn:aws:iam::*:user/mallory"},
{"Effect":"Allow","Action":["iam:PutUserPolicy","iam:AttachUserPolicy"],"Resource":"*","Condition":{"StringEquals":{"iam:PermissionsBoundary":"arn:aws:iam::aws:policy/AmazonS3FullAccess"}}}]}`)
	as(s, mallory, iam.AddUserToGroup, &iam.AddUserToGroupInput{GroupName: some("devs"), UserName: some("mallory")})
	fails(s, mallory, iam.AddUserToGroup, &iam.AddUserToGroupInput{GroupName: some("admins"), UserName: some("mallory")}, "AccessDenied", "group/admins")
	fails(s, mallory, iam.AddUserToGroup, &iam.AddUserToGroupInput{GroupName: some("ADMINS"), UserName: some("mallory")}, "AccessDenied", "group/admins")
	fails(s, mallory, iam.AttachGroupPolicy, &iam.AttachGroupPolicyInput{GroupName: some("devs"), PolicyArn: some(awsPolicies + "/AdministratorAccess")}, "AccessDenied", "iam:AttachGroupPolicy")
	fails(s, mallory, iam.UpdateGroup, &iam.UpdateGroupInput{GroupName: some("admins"), NewGroupName: some("devs")}, "AccessDenied", "group/admins")
	fails(s, mallory, iam.UpdateGroup, &iam.UpdateGroupInput{GroupName: some("devs"), NewGroupName: some("other")}, "AccessDenied", "group/other")
	fails(s, mallory, iam.UpdateUser, &iam.UpdateUserInput{UserName: some("mallory"), NewUserName: some("root2")}, "AccessDenied", "user/root2")
	fails(s, mallory, iam.PutUserPolicy, &iam.PutUserPolicyInput{UserName: some("mallory"), PolicyName: some("p"), PolicyDocument: some(allowAll)}, "AccessDenied", "iam:PermissionsBoundary")

	// A boundary holds whatever the user's groups and policies say, and the bounded may not take it away.
	as(s, s.root, iam.PutUserPermissionsBoundary, &iam.PutUserPermissionsBoundaryInput{UserName: some("mallory"), PermissionsBoundary: some(awsPolicies + "/AmazonS3FullAccess")})
	s.join("admins", "mallory")
	bounded := s.again(mallory)
	if !may(bounded, "s3:GetObject", "*", nil).Allowed {
		t.Error("the boundary takes what it allows")
	}
	fails(s, bounded, iam.DeleteUserPermissionsBoundary, &iam.DeleteUserPermissionsBoundaryInput{UserName: some("mallory")}, "AccessDenied", "permissions boundary")
	fails(s, bounded, iam.PutUserPolicy, &iam.PutUserPolicyInput{UserName: some("mallory"), PolicyName: some("p"), PolicyDocument: some(allowAll)}, "AccessDenied", "permissions boundary")
	fails(s, bounded, iam.CreateUser, &iam.CreateUserInput{UserName: some("other")}, "AccessDenied", "because no permissions boundary allows the iam:CreateUser action")
	barred, _ := s.user("barred", allowAll, `{"Statement":{"Effect":"Deny","Action":"iam:*","Resource":"*"}}`)
	fails(s, barred, iam.ListUsers, &iam.ListUsersInput{}, "AccessDenied", "with an explicit deny in an identity-based policy")
	fails(s, bounded, iam.PutRolePolicy, &iam.PutRolePolicyInput{RoleName: some("deploy"), PolicyName: some("p"), PolicyDocument: some(allowAll)}, "AccessDenied", "permissions boundary")

	// The administrator's pattern: rights for others, if they are bounded.
	helpdesk, _ := s.user("desk", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["iam:PutUserPolicy","iam:AttachUserPolicy"],"Resource":"*","Condition":{"StringEquals":{"iam:PermissionsBoundary":"arn:aws:iam::aws:policy/AmazonS3FullAccess"}}}}`)
	as(s, helpdesk, iam.PutUserPolicy, &iam.PutUserPolicyInput{UserName: some("mallory"), PolicyName: some("p"), PolicyDocument: some(allowAll)})
	fails(s, helpdesk, iam.PutUserPolicy, &iam.PutUserPolicyInput{UserName: some("desk"), PolicyName: some("p"), PolicyDocument: some(allowAll)}, "AccessDenied", "iam:PermissionsBoundary")
	if d := may(s.again(mallory), "iam:CreateUser", "*", nil); d.Allowed {
		t.Error("bounded user may do what its policy says")
	}
}

// TestManagedBoundary: a boundary may be one of AWS's own policies, of a role too, and is in force in sessions that there are.
func TestManagedBoundary(t *testing.T) {
	s := newStage(t)
	role := s.role("r", trustPool, allowAll)
	issued := s.issue(poolSpec(role, "1"))
	can := func(action string, want bool) {
		t.Helper()
		if d := may(s.find(issued.AccessKey, issued.Token).Principal, action, "arn:aws:s3:::b/k", nil); d.Allowed != want {
			t.Errorf("%s: %+v, want allowed %v", action, d, want)
		}
	}
	can("s3:PutObject", true)
	for _, c := range []struct {
		boundary        string
		get, put, group bool
	}{
		{"AmazonS3ReadOnlyAccess", true, false, false}, {"PowerUserAccess", true, true, false}, {"ReadOnlyAccess", true, false, false}, {"AWSDenyAll", false, false, false},
		{"IAMFullAccess", false, false, true}, {"AdministratorAccess", true, true, true},
	} {
		as(s, s.root, iam.PutRolePermissionsBoundary, &iam.PutRolePermissionsBoundaryInput{RoleName: some("r"), PermissionsBoundary: some(awsPolicies + "/" + c.boundary)})
		can("s3:GetObject", c.get)
		can("s3:PutObject", c.put)
		can("iam:AddUserToGroup", c.group)
	}
	if p := as(s, s.root, iam.GetPolicy, &iam.GetPolicyInput{PolicyArn: some(awsPolicies + "/AdministratorAccess")}).Policy; p.PermissionsBoundaryUsageCount.V != 1 || p.AttachmentCount.V != 0 {
		t.Errorf("counted %+v", p)
	}
}
