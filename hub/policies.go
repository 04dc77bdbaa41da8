package hub

import (
	"encoding/json"
	"strings"
)

// sub is the policy variable of the caller's identity id.
const sub = "${cognito-identity.amazonaws.com:sub}"

// statement of a policy document. Condition is operator → key → values.
type statement struct {
	Effect    string
	Principal any      `json:",omitempty"`
	Action    []string `json:",omitempty"`
	Resource  []string `json:",omitempty"`
	Condition any      `json:",omitempty"`
}

type condition map[string]map[string]any

// document is a policy as JSON. Texts that hold < or & stay as they are.
func document(statements ...statement) string {
	for i := range statements {
		statements[i].Effect = "Allow"
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(map[string]any{"Version": "2012-10-17", "Statement": statements}); err != nil {
		panic(err) // our own types
	}
	return strings.TrimSpace(b.String())
}

// trustIdentities lets identities of a pool take a role: amr is authenticated or unauthenticated.
func trustIdentities(poolID, amr string) string {
	return document(statement{
		Principal: map[string]string{"Federated": "cognito-identity.amazonaws.com"}, Action: []string{"sts:AssumeRoleWithWebIdentity"},
		Condition: condition{
			"StringEquals":           {"cognito-identity.amazonaws.com:aud": poolID},
			"ForAnyValue:StringLike": {"cognito-identity.amazonaws.com:amr": amr},
		},
	})
}

// trustService lets a service take a role.
func trustService(host string, c condition) string {
	s := statement{Principal: map[string]string{"Service": host}, Action: []string{"sts:AssumeRole"}}
	if c != nil {
		s.Condition = c
	}
	return document(s)
}

func signInPolicy(poolARN string) string {
	return document(statement{Action: []string{"cognito-identity:GetId"}, Resource: []string{poolARN}})
}

// userFilesPolicy is the documented folder rule: public for all, protected writable by its owner, private for its owner
// only, uploads write-only. Guests have no folder of their own.
func userFilesPolicy(bucket string, user bool) string {
	arn := "arn:aws:s3:::" + bucket
	folders := []string{arn + "/public/*"}
	prefixes := []string{"public/", "public/*", "protected/", "protected/*"}
	if user {
		folders = append(folders, arn+"/protected/"+sub+"/*", arn+"/private/"+sub+"/*")
		prefixes = append(prefixes, "private/"+sub+"/", "private/"+sub+"/*")
	}
	return document(
		statement{Action: []string{"s3:GetObject", "s3:PutObject", "s3:DeleteObject"}, Resource: folders},
		statement{Action: []string{"s3:PutObject"}, Resource: []string{arn + "/uploads/*"}},
		statement{Action: []string{"s3:GetObject"}, Resource: []string{arn + "/protected/*"}},
		statement{Action: []string{"s3:ListBucket"}, Resource: []string{arn}, Condition: condition{"StringLike": {"s3:prefix": prefixes}}},
	)
}

// hostingPolicy lets app users read a bucket that is not public.
func hostingPolicy(bucket string) string {
	return document(
		statement{Action: []string{"s3:GetObject"}, Resource: []string{"arn:aws:s3:::" + bucket + "/*"}},
		statement{Action: []string{"s3:ListBucket"}, Resource: []string{"arn:aws:s3:::" + bucket}},
	)
}

// publicRead is the bucket policy of a website.
func publicRead(bucket string) string {
	return document(statement{Principal: "*", Action: []string{"s3:GetObject"}, Resource: []string{"arn:aws:s3:::" + bucket + "/*"}})
}

var (
	tableReads  = []string{"dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"}
	tableWrites = []string{"dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"}
)

// tableAccess is a table as policies see it.
type tableAccess struct{ ARN, Privacy string }

func (t tableAccess) resources() []string { return []string{t.ARN, t.ARN + "/index/*"} }

// tablesPolicy is what app users may do with the project's tables; "" for nothing.
//
// Rows of an owner are those whose partition key is the identity id. ForAllValues holds when a request has no leading keys
// at all, so Scan never stands in such a statement, and the Null condition closes the rest of that door.
func tablesPolicy(tables []tableAccess, user bool) string {
	own := condition{
		"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": []string{sub}},
		"Null":                      {"dynamodb:LeadingKeys": "false"},
	}
	var out []statement
	for _, t := range tables {
		switch {
		case t.Privacy == "public":
			out = append(out, statement{Action: all(tableReads, tableWrites, []string{"dynamodb:Scan"}), Resource: t.resources()})
		case t.Privacy == "protected":
			out = append(out, statement{Action: all(tableReads, []string{"dynamodb:Scan"}), Resource: t.resources()})
			if user {
				out = append(out, statement{Action: tableWrites, Resource: t.resources(), Condition: own})
			}
		case user:
			out = append(out, statement{Action: all(tableReads, tableWrites), Resource: t.resources(), Condition: own})
		}
	}
	if len(out) == 0 {
		return ""
	}
	return document(out...)
}

func all(lists ...[]string) (out []string) {
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}

// invokePolicy lets app users call APIs; "" for none.
func invokePolicy(region, account string, ids []string) string {
	if len(ids) == 0 {
		return ""
	}
	s := statement{Action: []string{"execute-api:Invoke"}}
	for _, id := range ids {
		s.Resource = append(s.Resource, "arn:aws:execute-api:"+region+":"+account+":"+id+"/*")
	}
	return document(s)
}

// functionsPolicy is what the project's functions may do.
func functionsPolicy(region, account string, tables []tableAccess, userFiles string) string {
	out := []statement{{
		Action:   []string{"logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"},
		Resource: []string{"arn:aws:logs:" + region + ":" + account + ":log-group:/aws/lambda/*"},
	}}
	if len(tables) > 0 {
		s := statement{Action: all(tableReads, tableWrites, []string{"dynamodb:Scan", "dynamodb:DescribeTable"})}
		for _, t := range tables {
			s.Resource = append(s.Resource, t.resources()...)
		}
		out = append(out, s)
	}
	if userFiles != "" {
		arn := "arn:aws:s3:::" + userFiles
		out = append(out,
			statement{Action: []string{"s3:GetObject", "s3:PutObject", "s3:DeleteObject"}, Resource: []string{arn + "/*"}},
			statement{Action: []string{"s3:ListBucket"}, Resource: []string{arn}})
	}
	return document(out...)
}
