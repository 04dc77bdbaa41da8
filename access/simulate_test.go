package access

import (
	"fmt"
	"strings"
	"testing"

	"bothy/api/iam"
	"bothy/wire"
)

func entry(kind, name string, values ...string) iam.ContextEntry {
	return iam.ContextEntry{ContextKeyName: some(name), ContextKeyType: some(kind), ContextKeyValues: values}
}

// custom simulates one action by a user on an object.
func (s *stage) custom(in iam.SimulateCustomPolicyInput) iam.EvaluationResult {
	s.Helper()
	in.ActionNames = []string{"s3:GetObject"}
	return as(s, s.root, iam.SimulateCustomPolicy, &in).EvaluationResults[0]
}

func TestSimulateCustom(t *testing.T) {
	s := newStage(t)
	object := []string{"arn:aws:s3:::b/k"}
	ann, role := some(userARN(s.account, "/", "ann")), some(roleARN(s.account, "/", "r"))
	grant := func(effect, principal string) wire.Opt[string] {
		return some(`{"Statement":{"Effect":"` + effect + `","Principal":{"AWS":"` + principal + `"},"Action":"s3:*","Resource":"*"}}`)
	}
	stranger := some("arn:aws:iam::999988887777:user/eve")
	for name, c := range map[string]struct {
		in      iam.SimulateCustomPolicyInput
		want    string
		matched string
	}{
		"allowed":                          {iam.SimulateCustomPolicyInput{PolicyInputList: []string{allowS3}}, "allowed", "PolicyInputList.1 none 1:38-1:87"},
		"two allow":                        {iam.SimulateCustomPolicyInput{PolicyInputList: []string{allowS3, allowAll}}, "allowed", "PolicyInputList.1 none 1:38-1:87, PolicyInputList.2 none 1:38-1:84"},
		"nothing":                          {iam.SimulateCustomPolicyInput{PolicyInputList: []string{denyDelete}}, "implicitDeny", ""},
		"boundary":                         {iam.SimulateCustomPolicyInput{PolicyInputList: []string{allowAll}, PermissionsBoundaryPolicyInputList: []string{allowTables}}, "implicitDeny", ""},
		"resource's policy":                {iam.SimulateCustomPolicyInput{PolicyInputList: []string{denyDelete}, CallerArn: ann, ResourcePolicy: grant("Allow", ann.V)}, "allowed", "ResourcePolicy resource 1:14-1:" + fmt.Sprint(len(grant("Allow", ann.V).V))},
		"resource's policy, somebody else": {iam.SimulateCustomPolicyInput{PolicyInputList: []string{denyDelete}, CallerArn: ann, ResourcePolicy: grant("Allow", ann.V+"e")}, "implicitDeny", ""},
		"a grant to the role is bounded":   {iam.SimulateCustomPolicyInput{PolicyInputList: []string{denyDelete}, CallerArn: role, ResourcePolicy: grant("Allow", role.V), PermissionsBoundaryPolicyInputList: []string{allowTables}}, "implicitDeny", ""},
		"a grant to the user is not":       {iam.SimulateCustomPolicyInput{PolicyInputList: []string{denyDelete}, CallerArn: ann, ResourcePolicy: grant("Allow", ann.V), PermissionsBoundaryPolicyInputList: []string{allowTables}}, "allowed", "ResourcePolicy resource 1:14-1:" + fmt.Sprint(len(grant("Allow", ann.V).V))},
		"another account's caller":         {iam.SimulateCustomPolicyInput{PolicyInputList: []string{allowS3}, CallerArn: stranger, ResourceOwner: some("arn:aws:iam::" + s.account + ":root"), ResourcePolicy: grant("Allow", ann.V)}, "implicitDeny", ""},
		"levels":                           {iam.SimulateCustomPolicyInput{PolicyInputList: []string{allowAll}, OrderedOrganizationPolicyInputList: []iam.OrderedOrganizationPolicyType{{ServiceControlPolicyInputList: []string{allowAll}}, {ServiceControlPolicyInputList: []string{allowTables}}}}, "implicitDeny", ""},
	} {
		c.in.ResourceArns = object
		got := s.custom(c.in)
		var matched []string
		for _, m := range got.MatchedStatements {
			matched = append(matched, fmt.Sprintf("%s %s %d:%d-%d:%d", m.SourcePolicyId.V, m.SourcePolicyType.V, m.StartPosition.Line.V, m.StartPosition.Column.V, m.EndPosition.Line.V, m.EndPosition.Column.V))
		}
		if got.EvalDecision.V != c.want || strings.Join(matched, ", ") != c.matched {
			t.Errorf("%s: %s by %q, want %s by %q", name, got.EvalDecision.V, matched, c.want, c.matched)
		}
		if r := got.ResourceSpecificResults; len(r) != 1 || r[0].EvalResourceDecision.V != c.want || r[0].EvalResourceName.V != object[0] {
			t.Errorf("%s: for the resource %+v", name, r)
		}
		if b := got.PermissionsBoundaryDecisionDetail; (b != nil) != (len(c.in.PermissionsBoundaryPolicyInputList) > 0) || b != nil && b.AllowedByPermissionsBoundary.V {
			t.Errorf("%s: boundary %+v", name, b)
		}
		if o := got.OrganizationsDecisionDetail; (o != nil) != (name == "levels") || o != nil && o.AllowedByOrganizations.V {
			t.Errorf("%s: organization %+v", name, o)
		}
	}
	across := iam.SimulateCustomPolicyInput{PolicyInputList: []string{allowS3}, CallerArn: stranger, ResourceArns: object, ResourceOwner: some("arn:aws:iam::" + s.account + ":root"), ResourcePolicy: grant("Allow", "999988887777")}
	if r := s.custom(across); r.EvalDecision.V != "allowed" || r.EvalDecisionDetails["IAM Policy"] != "allowed" || r.EvalDecisionDetails["Resource Policy"] != "allowed" {
		t.Errorf("across accounts %+v", r)
	}
	across.PolicyInputList = []string{allowTables}
	if r := s.custom(across); r.EvalDecision.V != "implicitDeny" || r.EvalDecisionDetails["IAM Policy"] != "implicitDeny" {
		t.Errorf("across accounts, without an own policy %+v", r)
	}
	fails(s, s.root, iam.SimulateCustomPolicy, &iam.SimulateCustomPolicyInput{PolicyInputList: []string{allowAll}, ActionNames: []string{"a:b"}, ResourcePolicy: grant("Allow", ann.V)}, "InvalidInput", "CallerArn")
	fails(s, s.root, iam.SimulateCustomPolicy, &iam.SimulateCustomPolicyInput{PolicyInputList: []string{allowAll}, ActionNames: []string{"a:b"}, PermissionsBoundaryPolicyInputList: []string{allowAll, allowAll}}, "InvalidInput", "Only one")
}

func TestSimulateContext(t *testing.T) {
	s := newStage(t)
	document := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:userid}","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"},"NumericLessThan":{"s3:max-keys":"10"}}},{"Effect":"Allow","Action":"sns:*","Resource":"*","Condition":{"Null":{"k:other":"true"}}}]}`
	in := iam.SimulateCustomPolicyInput{PolicyInputList: []string{document}, ContextEntries: []iam.ContextEntry{entry("ip", "aws:sourceIP", "10.1.2.3")}}
	if r := s.custom(in); r.EvalDecision.V != "implicitDeny" || strings.Join(r.MissingContextValues, " ") != "aws:userid s3:max-keys" {
		t.Errorf("missing %+v", r)
	}
	in.ContextEntries = append(in.ContextEntries, entry("numeric", "s3:max-keys", "9"), entry("string", "aws:userid", "AIDA1"))
	in.ResourceArns = []string{"arn:aws:s3:::b/AIDA1"}
	if r := s.custom(in); r.EvalDecision.V != "allowed" || r.MissingContextValues != nil || r.ResourceSpecificResults[0].MissingContextValues != nil {
		t.Errorf("all given %+v", r)
	}
	for _, bad := range []iam.ContextEntry{entry("numeric", "key:a", "x"), entry("boolean", "key:a", "1"), entry("ip", "key:a", "10"), entry("binary", "key:a", "*"), entry("date", "key:a", "today"),
		entry("string", "key:a", "1", "2"), entry("numericList", "key:a", "1", "x"), entry("string", "key:a")} {
		fails(s, s.root, iam.SimulateCustomPolicy, &iam.SimulateCustomPolicyInput{PolicyInputList: []string{allowAll}, ActionNames: []string{"a:b"}, ContextEntries: []iam.ContextEntry{bad}}, "InvalidInput", "ontext key key:a")
	}
	for _, good := range []iam.ContextEntry{entry("numericList", "key:a", "1", "-2.5"), entry("booleanList", "key:a", "true", "False"), entry("ipList", "key:a", "::1", "10.0.0.0/8"), entry("binaryList", "key:a", "QQ=="),
		entry("dateList", "key:a", "2026-01-01T00:00:00Z", "1700000000"), entry("stringList", "key:a"), entry("binary", "key:a", "QUI="), entry("date", "key:a", "1700000000")} {
		as(s, s.root, iam.SimulateCustomPolicy, &iam.SimulateCustomPolicyInput{PolicyInputList: []string{allowAll}, ActionNames: []string{"a:b"}, ContextEntries: []iam.ContextEntry{good}})
	}

	if k := as(s, s.root, iam.GetContextKeysForCustomPolicy, &iam.GetContextKeysForCustomPolicyInput{PolicyInputList: []string{document, allowTables}}).ContextKeyNames; strings.Join(k, " ") != "aws:userid aws:SourceIp s3:max-keys k:other dynamodb:LeadingKeys cognito-identity.amazonaws.com:sub" {
		t.Errorf("keys %v", k)
	}
	ann, _ := s.user("ann", document)
	s.group("g", allowTables)
	s.join("g", "ann")
	if k := as(s, s.root, iam.GetContextKeysForPrincipalPolicy, &iam.GetContextKeysForPrincipalPolicyInput{PolicySourceArn: some(ann.ARN), PolicyInputList: []string{document}}).ContextKeyNames; len(k) != 6 {
		t.Errorf("keys of ann %v", k)
	}
	fails(s, s.root, iam.GetContextKeysForCustomPolicy, &iam.GetContextKeysForCustomPolicyInput{PolicyInputList: []string{"{"}}, "InvalidInput", "PolicyInputList.1")
	fails(s, s.root, iam.GetContextKeysForPrincipalPolicy, &iam.GetContextKeysForPrincipalPolicyInput{PolicySourceArn: some(ann.ARN + "x")}, "NoSuchEntity", "cannot be found")
}

func TestSimulatePrincipal(t *testing.T) {
	s := newStage(t)
	ann, _ := s.user("ann", allowS3)
	g := s.group("g", denyDelete)
	s.join("g", "ann")
	as(s, s.root, iam.AttachUserPolicy, &iam.AttachUserPolicyInput{UserName: some("ann"), PolicyArn: some(awsPolicies + "/AdministratorAccess")})
	ask := func(in iam.SimulatePrincipalPolicyInput) string {
		t.Helper()
		if !in.PolicySourceArn.Set {
			in.PolicySourceArn = some(ann.ARN)
		}
		if in.ActionNames == nil {
			in.ActionNames = []string{"s3:DeleteObject"}
		}
		text := ""
		for _, r := range as(s, s.root, iam.SimulatePrincipalPolicy, &in).EvaluationResults {
			text += r.EvalDecision.V
			for _, m := range r.MatchedStatements {
				text += " " + m.SourcePolicyType.V
			}
		}
		return text
	}
	inline := func(kind, name, policy string) iam.PolicyIdentifier {
		return iam.PolicyIdentifier{PolicyType: some("inline"), InlinePolicyIdentifier: &iam.InlinePolicyIdentifierType{AttachmentType: some(kind), AttachmentName: some(name), PolicyName: some(policy)}}
	}
	admin := iam.PolicyIdentifier{PolicyType: some("aws-managed"), PolicyArn: some(awsPolicies + "/AdministratorAccess")}
	for _, c := range []struct{ got, want string }{
		{ask(iam.SimulatePrincipalPolicyInput{}), "explicitDeny group"},
		{ask(iam.SimulatePrincipalPolicyInput{PolicyExclusionList: []iam.PolicyIdentifier{inline("group", "g", "p0")}}), "allowed user aws-managed"},
		{ask(iam.SimulatePrincipalPolicyInput{PolicyExclusionList: []iam.PolicyIdentifier{inline("group", "g", "p0"), admin}}), "allowed user"},
		{ask(iam.SimulatePrincipalPolicyInput{PolicyExclusionList: []iam.PolicyIdentifier{inline("group", "g", "p0"), inline("user", "ann", "p0"), admin}}), "implicitDeny"},
		{ask(iam.SimulatePrincipalPolicyInput{PolicySourceArn: g.Arn, PolicyInputList: []string{allowAll}}), "explicitDeny group"},
		{ask(iam.SimulatePrincipalPolicyInput{PolicySourceArn: g.Arn, PolicyInputList: []string{allowAll}, ActionNames: []string{"s3:GetObject"}}), "allowed none"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
	as(s, s.root, iam.PutUserPermissionsBoundary, &iam.PutUserPermissionsBoundaryInput{UserName: some("ann"), PermissionsBoundary: some(awsPolicies + "/AmazonDynamoDBFullAccess")})
	if got := ask(iam.SimulatePrincipalPolicyInput{ActionNames: []string{"s3:GetObject"}}); got != "implicitDeny" {
		t.Errorf("bounded: %s", got)
	}
	if got := ask(iam.SimulatePrincipalPolicyInput{ActionNames: []string{"s3:GetObject"}, PermissionsBoundaryPolicyInputList: []string{allowS3}}); got != "allowed user aws-managed" {
		t.Errorf("another boundary: %s", got)
	}

	var seen []string
	in := &iam.SimulatePrincipalPolicyInput{PolicySourceArn: some(ann.ARN), ActionNames: []string{"s3:GetObject", "s3:PutObject", "s3:ListBucket"}, ResourceArns: []string{"arn:aws:s3:::a", "arn:aws:s3:::b"}, MaxItems: wire.Some(int32(4))}
	for {
		page := as(s, s.root, iam.SimulatePrincipalPolicy, in)
		for _, r := range page.EvaluationResults {
			seen = append(seen, r.EvalActionName.V[3:]+" "+r.EvalResourceName.V[13:])
		}
		if in.Marker = page.Marker; !page.IsTruncated.V {
			break
		}
	}
	if strings.Join(seen, ", ") != "GetObject a, GetObject b, PutObject a, PutObject b, ListBucket a, ListBucket b" {
		t.Errorf("pages %v", seen)
	}
	in.Marker = some("-1")
	fails(s, s.root, iam.SimulatePrincipalPolicy, in, "ValidationError", "Marker")
}
