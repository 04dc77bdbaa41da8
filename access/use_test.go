package access

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"

	"bothy/api/iam"
	"bothy/kv"
	"bothy/wire"
)

func (s *stage) keepUse() {
	s.Helper()
	if err := s.KeepUse(s.Context()); err != nil {
		s.Fatal(err)
	}
}

// TestSDKLastUsed: what real clients do with keys and sessions is told, once it is written.
func TestSDKLastUsed(t *testing.T) {
	s := newStage(t)
	endpoint := s.listen()
	root := newClients(endpoint, s.key, s.secret, "")
	ctx := t.Context()
	_, key := s.user("ann", allowAll)
	ann := newClients(endpoint, key.AccessKeyId.V, key.SecretAccessKey.V, "")
	role := s.role("r", trustAWS("arn:aws:iam::"+s.account+":user/ann", ""), allowS3)
	lastUsed := func() *iamtypes.AccessKeyLastUsed {
		return must(root.iam.GetAccessKeyLastUsed(ctx, &awsiam.GetAccessKeyLastUsedInput{AccessKeyId: aws.String(key.AccessKeyId.V)})).AccessKeyLastUsed
	}
	must(ann.iam.ListRoles(ctx, &awsiam.ListRolesInput{}))
	if u := lastUsed(); *u.ServiceName != "N/A" || *u.Region != "N/A" || u.LastUsedDate != nil {
		t.Errorf("before it is written %+v", u)
	}
	s.keepUse()
	if u := lastUsed(); *u.ServiceName != "iam" || *u.Region != "us-east-1" && *u.Region != "eu-west-1" || !u.LastUsedDate.Equal(s.now.UTC().Truncate(time.Second)) {
		t.Errorf("used %+v", u)
	}
	out := must(ann.sts.AssumeRole(ctx, &awssts.AssumeRoleInput{RoleArn: aws.String(role.Arn.V), RoleSessionName: aws.String("me")}))
	c := out.Credentials
	session := newClients(endpoint, *c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)
	if r := must(root.iam.GetRole(ctx, &awsiam.GetRoleInput{RoleName: aws.String("r")})).Role.RoleLastUsed; r == nil || r.LastUsedDate != nil {
		t.Errorf("role before %+v", r)
	}
	must(session.sts.GetCallerIdentity(ctx, &awssts.GetCallerIdentityInput{}))
	s.keepUse()
	_, err := newClients(endpoint, key.AccessKeyId.V, s.secret, "").iam.ListRoles(ctx, &awsiam.ListRolesInput{})
	coded(t, "wrong secret", err, "SignatureDoesNotMatch")
	if len(s.used.notes) != 0 {
		t.Error("a forged request counts as use of the key")
	}
	if r := must(root.iam.GetRole(ctx, &awsiam.GetRoleInput{RoleName: aws.String("r")})).Role.RoleLastUsed; r.LastUsedDate == nil || *r.Region != "eu-west-1" {
		t.Errorf("role used %+v", r)
	}
	_, err = root.iam.GetAccessKeyLastUsed(ctx, &awsiam.GetAccessKeyLastUsedInput{AccessKeyId: aws.String("AKIAUNKNOWNUNKNOWN00")})
	coded(t, "unknown key", err, "NoSuchEntity")
	if k := must(root.iam.GetAccessKeyLastUsed(ctx, &awsiam.GetAccessKeyLastUsedInput{AccessKeyId: aws.String(s.key)})); *k.AccessKeyLastUsed.ServiceName != "iam" || k.UserName != nil {
		t.Errorf("root's key %+v", k)
	}
}

// TestUseIsKept: notes are few, the latest wins, and nothing is kept of who is gone.
func TestUseIsKept(t *testing.T) {
	s := newStage(t)
	ann, key := s.user("ann")
	use := func(p *wire.Principal, scope, region string, at time.Time) { s.Used(p, scope, region, at) }
	rows := func(id string) (text string) {
		s.db.View(t.Context(), func(tx *kv.Tx) error { //nolint:errcheck // shown below
			list, _ := usesOf(tx, s.account, id, s.now)
			for _, r := range list {
				text += r.Service + "@" + r.Region + " "
			}
			return nil
		})
		return strings.TrimSpace(text)
	}
	for i := range 1000 {
		use(ann, "dynamodb", "eu-west-1", s.now.Add(time.Duration(i)*time.Millisecond))
	}
	use(ann, "made-up-by-caller", "eu-west-1", s.now)
	use(ann, "AWSMobileHubService", "us-east-1", s.now)
	use(&wire.Principal{Kind: wire.Session, Account: s.account, UserID: "AROAGONE:x", Role: "arn:aws:iam::" + s.account + ":role/gone"}, "s3", "eu-west-1", s.now)
	if n := len(s.used.notes); n != 5 {
		t.Errorf("%d notes", n)
	}
	broken, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.KeepUse(broken); err == nil || len(s.used.notes) != 5 {
		t.Errorf("a failure: %v, %d notes left", err, len(s.used.notes))
	}
	s.keepUse()
	if got := rows(ann.UserID); got != "dynamodb@eu-west-1 mobilehub@us-east-1" || rows(key.AccessKeyId.V) != got || rows("AROAGONE") != "" || len(s.used.notes) != 0 {
		t.Errorf("kept %q, of the key %q", got, rows(key.AccessKeyId.V))
	}
	use(ann, "dynamodb", "eu-west-2", s.now.Add(-time.Hour)) // a node that was slow to write
	s.keepUse()
	if got := rows(ann.UserID); got != "dynamodb@eu-west-1 mobilehub@us-east-1" {
		t.Errorf("an older use won: %q", got)
	}
	use(ann, "s3", "eu-west-1", s.now)
	as(s, s.root, iam.DeleteAccessKey, &iam.DeleteAccessKeyInput{UserName: some("ann"), AccessKeyId: key.AccessKeyId})
	as(s, s.root, iam.DeleteUser, &iam.DeleteUserInput{UserName: some("ann")})
	s.user("ann") // another ann
	s.keepUse()
	if rows(ann.UserID) != "" || rows(key.AccessKeyId.V) != "" {
		t.Errorf("left of ann: %q %q", rows(ann.UserID), rows(key.AccessKeyId.V))
	}
	s.db.View(t.Context(), func(tx *kv.Tx) error { //nolint:errcheck // memory
		if list, err := uses().All(tx, of(s.account), ""); err != nil || len(list) != 0 {
			t.Errorf("left %v, %v", list, err)
		}
		return nil
	})
}

func TestServiceLastAccessed(t *testing.T) {
	s := newStage(t)
	ann, _ := s.user("ann", allowS3)
	bob, _ := s.user("bob")
	g := s.group("g", allowTables)
	s.join("g", "ann")
	s.join("g", "bob")
	s.Used(ann, "s3", "eu-west-1", s.now.Add(-2*time.Hour))
	s.Used(ann, "dynamodb", "eu-west-1", s.now.Add(-3*time.Hour))
	s.Used(bob, "dynamodb", "eu-west-2", s.now.Add(-time.Hour))
	s.Used(ann, "lambda", "eu-west-1", s.now) // nothing allows it
	s.keepUse()
	report := func(arn string) (string, wire.Opt[string]) {
		t.Helper()
		job := as(s, s.root, iam.GenerateServiceLastAccessedDetails, &iam.GenerateServiceLastAccessedDetailsInput{Arn: some(arn)}).JobId
		text := ""
		for in := (&iam.GetServiceLastAccessedDetailsInput{JobId: job, MaxItems: wire.Some(int32(1))}); ; {
			page := as(s, s.root, iam.GetServiceLastAccessedDetails, in)
			for _, one := range page.ServicesLastAccessed {
				text += one.ServiceNamespace.V + " by " + lastPart(one.LastAuthenticatedEntity.V) + " of " + string(rune('0'+one.TotalAuthenticatedEntities.V)) + ", "
			}
			if in.Marker = page.Marker; !page.IsTruncated.V {
				break
			}
		}
		return text, job
	}
	if got, _ := report(ann.ARN); got != "dynamodb by ann of 1, s3 by ann of 1, " {
		t.Errorf("ann: %s", got)
	}
	got, job := report(g.Arn.V)
	if got != "dynamodb by bob of 2, " {
		t.Errorf("group: %s", got)
	}
	list := as(s, s.root, iam.GetServiceLastAccessedDetailsWithEntities, &iam.GetServiceLastAccessedDetailsWithEntitiesInput{JobId: job, ServiceNamespace: some("dynamodb")}).EntityDetailsList
	if len(list) != 2 || list[0].EntityInfo.Name.V != "ann" || !list[1].LastAuthenticated.V.Equal(s.now.Add(-time.Hour)) {
		t.Errorf("entities %+v", list)
	}
	fails(s, s.root, iam.GetServiceLastAccessedDetailsWithEntities, &iam.GetServiceLastAccessedDetailsWithEntitiesInput{JobId: job, ServiceNamespace: some("s3")}, "NoSuchEntity", "s3")
	p := as(s, s.root, iam.CreatePolicy, &iam.CreatePolicyInput{PolicyName: some("p"), PolicyDocument: some(allowS3)}).Policy
	as(s, s.root, iam.AttachGroupPolicy, &iam.AttachGroupPolicyInput{GroupName: some("g"), PolicyArn: p.Arn})
	as(s, s.root, iam.AttachUserPolicy, &iam.AttachUserPolicyInput{UserName: some("ann"), PolicyArn: p.Arn})
	if got, _ := report(p.Arn.V); got != "s3 by ann of 1, " {
		t.Errorf("policy: %s", got)
	}
	granting := as(s, s.root, iam.ListPoliciesGrantingServiceAccess, &iam.ListPoliciesGrantingServiceAccessInput{Arn: some(ann.ARN), ServiceNamespaces: []string{"s3", "dynamodb", "sqs"}}).PoliciesGrantingServiceAccess
	text := ""
	for _, one := range granting {
		text += one.ServiceNamespace.V + ":"
		for _, by := range one.Policies {
			text += " " + by.PolicyType.V + " " + by.PolicyName.V + by.EntityType.V
		}
		text += "; "
	}
	if text != "s3: INLINE p0USER MANAGED p MANAGED p; dynamodb: INLINE p0GROUP; sqs:; " {
		t.Errorf("granting %s", text)
	}
	fails(s, s.root, iam.ListPoliciesGrantingServiceAccess, &iam.ListPoliciesGrantingServiceAccessInput{Arn: p.Arn, ServiceNamespaces: []string{"s3"}}, "InvalidInput", "user, group or role")
	for _, arn := range []string{ann.ARN + "x", "arn:aws:iam::999988887777:user/ann", awsPolicies + "/None", "arn:aws:iam::" + s.account + ":role/x"} {
		fails(s, s.root, iam.GenerateServiceLastAccessedDetails, &iam.GenerateServiceLastAccessedDetailsInput{Arn: some(arn)}, "NoSuchEntity", "cannot be found")
	}
	fails(s, s.root, iam.GetServiceLastAccessedDetails, &iam.GetServiceLastAccessedDetailsInput{JobId: some(wire.NewUUID())}, "NoSuchEntity", "Job")
	as(s, s.root, iam.UpdateGroup, &iam.UpdateGroupInput{GroupName: some("g"), NewGroupName: some("h")})
	if out := as(s, s.root, iam.GetServiceLastAccessedDetails, &iam.GetServiceLastAccessedDetailsInput{JobId: job}); out.JobStatus.V != "FAILED" || out.Error.Code.V != "NoSuchEntity" {
		t.Errorf("of one that is gone %+v", out)
	}
	s.now = s.now.Add(jobKept)
	if _, err := wire.Invoke(t.Context(), s.mux, s.root, "eu-west-1", iam.GetServiceLastAccessedDetails, &iam.GetServiceLastAccessedDetailsInput{JobId: job}); !errors.As(err, new(*iam.NoSuchEntityException)) {
		t.Errorf("an old job: %v", err)
	}
}

func BenchmarkUsed(b *testing.B) {
	s := newStage(b)
	ann, _ := s.user("ann")
	at := s.now
	b.ReportAllocs()
	for b.Loop() {
		at = at.Add(time.Millisecond)
		s.Used(ann, "dynamodb", "eu-west-1", at)
	}
}
