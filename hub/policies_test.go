package hub

import (
	"strings"
	"testing"

	"bothy/policy"
)

const (
	annID = "us-east-1:11111111-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
	bobID = "us-east-1:22222222-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
)

// may asks policy whether an identity with the documents of its role may do something.
func may(t *testing.T, identity string, documents []string, action, resource string, keys policy.Keys) bool {
	t.Helper()
	var a policy.Attached
	for _, d := range documents {
		if d == "" {
			continue
		}
		p, err := policy.Parse([]byte(d))
		if err != nil {
			t.Fatalf("%v in %s", err, d)
		}
		a.Identity = append(a.Identity, policy.Source{Name: "role", Policy: p})
	}
	k := policy.Keys{"cognito-identity.amazonaws.com:sub": {identity}}
	for name, v := range keys {
		k[name] = v
	}
	return policy.Decide(a, nil, true, policy.Request{
		Action: action, Resource: resource, Keys: k, PrincipalARN: "arn:aws:sts::" + account + ":assumed-role/r/s", PrincipalAccount: account,
	}).Allowed
}

// asked is one thing somebody tries; each of the three app users with what he should get.
type asked struct {
	action, resource string
	keys             policy.Keys
	owner, other     bool // ann asks for what is ann's; bob asks for what is ann's
	guest            bool
}

func check(t *testing.T, user, guest string, list []asked) {
	t.Helper()
	for _, a := range list {
		for name, c := range map[string]struct {
			id, doc string
			want    bool
		}{"owner": {annID, user, a.owner}, "neighbour": {bobID, user, a.other}, "guest": {"us-east-1:9", guest, a.guest}} {
			if got := may(t, c.id, []string{c.doc}, a.action, a.resource, a.keys); got != c.want {
				t.Errorf("%s: %s on %s with %v: %v, want %v", name, a.action, a.resource, a.keys, got, c.want)
			}
		}
	}
}

func leading(keys ...string) policy.Keys { return policy.Keys{"dynamodb:leadingkeys": keys} }

func TestTablePolicies(t *testing.T) {
	const base = "arn:aws:dynamodb:us-east-1:" + account + ":table/"
	tables := []tableAccess{{base + "public", "public"}, {base + "protected", "protected"}, {base + "private", "private"}}
	var list []asked
	for _, read := range tableReads {
		list = append(list,
			asked{"public " + read, "public", leading(annID), true, true, true},
			asked{read, "protected", leading(annID), true, true, true},
			asked{read, "private", leading(annID), true, false, false},
			asked{read, "private/index/ByDate", leading(annID), true, false, false},
			asked{read, "private", leading(annID, bobID), false, false, false},
			asked{read, "private", nil, false, false, false},
			asked{read, "other", leading(annID), false, false, false},
		)
	}
	for _, write := range tableWrites {
		list = append(list,
			asked{write, "public", leading("anything"), true, true, true},
			asked{write, "protected", leading(annID), true, false, false},
			asked{write, "protected", leading(annID, bobID), false, false, false},
			asked{write, "protected", nil, false, false, false},
			asked{write, "private", leading(annID), true, false, false},
			asked{write, "private", leading(bobID), false, true, false},
			asked{write, "private", nil, false, false, false},
		)
	}
	list = append(list,
		asked{"dynamodb:Scan", "public", nil, true, true, true},
		asked{"dynamodb:Scan", "protected", nil, true, true, true},
		asked{"dynamodb:Scan", "private", nil, false, false, false},
		asked{"dynamodb:Scan", "private/index/ByDate", nil, false, false, false},
		asked{"dynamodb:Scan", "private", leading(annID), false, false, false},
		asked{"dynamodb:DeleteTable", "public", nil, false, false, false},
		asked{"dynamodb:DescribeTable", "private", nil, false, false, false},
		asked{"dynamodb:GetRecords", "public", nil, false, false, false},
	)
	for i := range list {
		list[i].action = strings.TrimPrefix(list[i].action, "public ")
		list[i].resource = base + list[i].resource
	}
	check(t, tablesPolicy(tables, true), tablesPolicy(tables, false), list)
	if doc := tablesPolicy(tables[2:], false); doc != "" {
		t.Errorf("guests have %s", doc)
	}
	for _, s := range strings.Split(tablesPolicy(tables, true), `"Effect"`) {
		if strings.Contains(s, "LeadingKeys") && strings.Contains(s, "Scan") {
			t.Errorf("Scan in a statement on leading keys: %s", s)
		}
	}
}

func TestUserFilesPolicies(t *testing.T) {
	const b = "arn:aws:s3:::files"
	prefix := func(p string) policy.Keys { return policy.Keys{"s3:prefix": {p}} }
	var list []asked
	for _, action := range []string{"s3:GetObject", "s3:PutObject", "s3:DeleteObject"} {
		read, write := action == "s3:GetObject", action == "s3:PutObject"
		list = append(list,
			asked{action, b + "/public/a", nil, true, true, true},
			asked{action, b + "/protected/" + annID + "/a", nil, true, read, read},
			asked{action, b + "/private/" + annID + "/a", nil, true, false, false},
			asked{action, b + "/uploads/a", nil, write, write, write},
			asked{action, b + "/elsewhere", nil, false, false, false},
			asked{action, b + "/private/" + annID, nil, false, false, false},
			asked{action, b + "/privateer/" + annID + "/a", nil, false, false, false},
			asked{action, "arn:aws:s3:::other/public/a", nil, false, false, false},
		)
	}
	list = append(list,
		asked{"s3:ListBucket", b, prefix("public/"), true, true, true},
		asked{"s3:ListBucket", b, prefix("protected/" + annID + "/"), true, true, true},
		asked{"s3:ListBucket", b, prefix("private/" + annID + "/"), true, false, false},
		asked{"s3:ListBucket", b, prefix("private/" + annID + "/sub"), true, false, false},
		asked{"s3:ListBucket", b, prefix("private/"), false, false, false},
		asked{"s3:ListBucket", b, prefix(""), false, false, false},
		asked{"s3:ListBucket", b, prefix("uploads/"), false, false, false},
		asked{"s3:ListBucket", b, nil, false, false, false},
		asked{"s3:PutBucketPolicy", b, nil, false, false, false},
	)
	check(t, userFilesPolicy("files", true), userFilesPolicy("files", false), list)
}

func TestInvokePolicies(t *testing.T) {
	const base = "arn:aws:execute-api:us-east-1:" + account + ":"
	user, guest := invokePolicy("us-east-1", account, []string{"open", "closed"}), invokePolicy("us-east-1", account, []string{"open"})
	check(t, user, guest, []asked{
		{"execute-api:Invoke", base + "open/Development/GET/projects", nil, true, true, true},
		{"execute-api:Invoke", base + "closed/Development/GET/tasks", nil, true, true, false},
		{"execute-api:Invoke", base + "closed2/Development/GET/tasks", nil, false, false, false},
		{"execute-api:ManageConnections", base + "open/Development/GET/projects", nil, false, false, false},
	})
}

func TestFunctionsPolicy(t *testing.T) {
	const table = "arn:aws:dynamodb:us-east-1:" + account + ":table/"
	doc := functionsPolicy("us-east-1", account, []tableAccess{{table + "mine", "private"}}, "files")
	for _, c := range []struct {
		action, resource string
		want             bool
	}{
		{"dynamodb:Scan", table + "mine", true}, {"dynamodb:Query", table + "mine/index/x", true}, {"dynamodb:Scan", table + "other", false},
		{"dynamodb:DeleteTable", table + "mine", false}, {"s3:PutObject", "arn:aws:s3:::files/private/x", true}, {"s3:PutObject", "arn:aws:s3:::other/x", false},
		{"logs:PutLogEvents", "arn:aws:logs:us-east-1:" + account + ":log-group:/aws/lambda/f:log-stream:s", true},
		{"logs:PutLogEvents", "arn:aws:logs:us-east-1:" + account + ":log-group:other", false}, {"iam:CreateUser", "*", false},
	} {
		if got := may(t, "", []string{doc}, c.action, c.resource, nil); got != c.want {
			t.Errorf("%s on %s: %v", c.action, c.resource, got)
		}
	}
}

// Trust policies let exactly their own pool and kind of identity in.
func TestTrust(t *testing.T) {
	const pool = "us-east-1:00000000-0000-4000-8000-000000000000"
	const prefix = "cognito-identity.amazonaws.com:"
	auth, unauth := trustIdentities(pool, "authenticated"), trustIdentities(pool, "unauthenticated")
	for _, c := range []struct {
		name, doc, federated, aud string
		amr                       []string
		want                      bool
	}{
		{"user", auth, "cognito-identity.amazonaws.com", pool, []string{"authenticated", "cognito-idp.x/y"}, true},
		{"guest as user", auth, "cognito-identity.amazonaws.com", pool, []string{"unauthenticated"}, false},
		{"guest", unauth, "cognito-identity.amazonaws.com", pool, []string{"unauthenticated"}, true},
		{"user as guest", unauth, "cognito-identity.amazonaws.com", pool, []string{"authenticated"}, false},
		{"another pool", auth, "cognito-identity.amazonaws.com", "us-east-1:other", []string{"authenticated"}, false},
		{"another provider", auth, "accounts.google.com", pool, []string{"authenticated"}, false},
		{"no methods", auth, "cognito-identity.amazonaws.com", pool, nil, false},
	} {
		p, err := policy.Parse([]byte(c.doc))
		if err != nil {
			t.Fatal(err)
		}
		got := policy.Decide(policy.Attached{}, []policy.Source{{Name: "trust", Policy: p}}, true, policy.Request{
			Action: "sts:AssumeRoleWithWebIdentity", Resource: "*", Federated: c.federated,
			Keys: policy.Keys{prefix + "aud": {c.aud}, prefix + "amr": c.amr},
		}).Allowed
		if got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
