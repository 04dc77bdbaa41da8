package policy

import "testing"

// typical is what a signed-in user of a Mobile Hub project has.
func typical() (Attached, Request) {
	a := Attached{Identity: []Source{
		{"role auth/inline files", mustParse(`{"Version":"2012-10-17","Statement":[
{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject","s3:DeleteObject"],"Resource":["arn:aws:s3:::f/public/*","arn:aws:s3:::f/protected/${cognito-identity.amazonaws.com:sub}/*","arn:aws:s3:::f/private/${cognito-identity.amazonaws.com:sub}/*"]},
{"Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::f/uploads/*"},
{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::f","Condition":{"StringLike":{"s3:prefix":["public/","private/${cognito-identity.amazonaws.com:sub}/*"]}}}]}`)},
		{"role auth/inline signin", mustParse(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["mobileanalytics:PutEvents","cognito-identity:GetId"],"Resource":"*"}]}`)},
		{"role auth/inline tables", mustParse(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["dynamodb:Query","dynamodb:GetItem","dynamodb:BatchGetItem","dynamodb:PutItem","dynamodb:UpdateItem","dynamodb:DeleteItem","dynamodb:BatchWriteItem"],
"Resource":["arn:aws:dynamodb:eu-west-1:111122223333:table/t","arn:aws:dynamodb:eu-west-1:111122223333:table/t/index/*"],"Condition":{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["${cognito-identity.amazonaws.com:sub}"]}}}]}`)},
	}}
	r := Request{Action: "dynamodb:PutItem", Resource: "arn:aws:dynamodb:eu-west-1:111122223333:table/t",
		PrincipalARN: "arn:aws:sts::111122223333:assumed-role/auth/s", PrincipalAccount: account, RoleARN: "arn:aws:iam::111122223333:role/auth",
		Keys: Keys{"dynamodb:leadingkeys": {"eu:1"}, "cognito-identity.amazonaws.com:sub": {"eu:1"}}}
	return a, r
}

func BenchmarkDecideAllow(b *testing.B) {
	a, r := typical()
	b.ReportAllocs()
	for b.Loop() {
		if !Decide(a, nil, true, r).Allowed {
			b.Fatal("denied")
		}
	}
}

func BenchmarkDecideDeny(b *testing.B) {
	a, r := typical()
	r.Keys["dynamodb:leadingkeys"] = []string{"eu:2"}
	b.ReportAllocs()
	for b.Loop() {
		if Decide(a, nil, true, r).Allowed {
			b.Fatal("allowed")
		}
	}
}

// app is what an app of our own makes of it: five statements in one role, with the caller's own rows and files, and a boundary.
func app() (Attached, Request) {
	a := Attached{Identity: []Source{{"role app/inline app", mustParse(`{"Version":"2012-10-17","Statement":[
{"Sid":"Public","Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::f/public/*"},
{"Sid":"Files","Effect":"Allow","Action":["s3:GetObject","s3:PutObject","s3:DeleteObject"],"Resource":["arn:aws:s3:::f/private/${cognito-identity.amazonaws.com:sub}/*","arn:aws:s3:::f/protected/${cognito-identity.amazonaws.com:sub}/*"]},
{"Sid":"List","Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::f","Condition":{"StringLike":{"s3:prefix":["private/${cognito-identity.amazonaws.com:sub}/*","protected/*"]}}},
{"Sid":"Call","Effect":"Allow","Action":"execute-api:Invoke","Resource":"arn:aws:execute-api:eu-west-1:111122223333:abc123/*/GET/notes/*"},
{"Sid":"Rows","Effect":"Allow","Action":["dynamodb:GetItem","dynamodb:Query","dynamodb:PutItem","dynamodb:UpdateItem","dynamodb:DeleteItem"],"Resource":["arn:aws:dynamodb:eu-west-1:111122223333:table/notes","arn:aws:dynamodb:eu-west-1:111122223333:table/notes/index/*"],"Condition":{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["${cognito-identity.amazonaws.com:sub}"]}}}]}`)}},
		Boundary: &Source{"permissions boundary", mustParse(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["s3:*","dynamodb:*","execute-api:*"],"Resource":"*"}}`)}}
	r := Request{PrincipalARN: "arn:aws:sts::111122223333:assumed-role/app/s", PrincipalAccount: account, RoleARN: "arn:aws:iam::111122223333:role/app",
		UserID: "AROAJQABLZS4A3QDU576Q:s", ResourceAccount: account,
		Context: []Keys{{"cognito-identity.amazonaws.com:sub": {"eu-west-1:6f0c"}, "cognito-identity.amazonaws.com:aud": {"eu-west-1:pool"}},
			{"aws:currenttime": {"2026-05-01T12:00:00Z"}, "aws:sourceip": {"10.0.0.1"}, "aws:securetransport": {"true"}}}}
	return a, r
}

func BenchmarkDecideApp(b *testing.B) {
	a, r := app()
	for name, ask := range map[string]Request{
		"row":    {Action: "dynamodb:PutItem", Resource: "arn:aws:dynamodb:eu-west-1:111122223333:table/notes", Keys: Keys{"dynamodb:leadingkeys": {"eu-west-1:6f0c"}}},
		"object": {Action: "s3:PutObject", Resource: "arn:aws:s3:::f/private/eu-west-1:6f0c/photos/1.jpg"},
		"list":   {Action: "s3:ListBucket", Resource: "arn:aws:s3:::f", Keys: Keys{"s3:prefix": {"private/eu-west-1:6f0c/photos/"}}},
		"call":   {Action: "execute-api:Invoke", Resource: "arn:aws:execute-api:eu-west-1:111122223333:abc123/prod/GET/notes/7"},
	} {
		b.Run(name, func(b *testing.B) {
			r := r
			r.Action, r.Resource, r.Keys = ask.Action, ask.Resource, ask.Keys
			b.ReportAllocs()
			for b.Loop() {
				if !Decide(a, nil, true, r).Allowed {
					b.Fatal("denied")
				}
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	document := []byte(tokenPolicy)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(document); err != nil {
			b.Fatal(err)
		}
	}
}

const tokenPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["dynamodb:Query","dynamodb:GetItem"],
"Resource":["arn:aws:dynamodb:eu-west-1:111122223333:table/t"],"Condition":{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["${aws:userid}"]}}}]}`
