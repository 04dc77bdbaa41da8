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
