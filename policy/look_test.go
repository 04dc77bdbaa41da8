package policy

import (
	"strings"
	"testing"
)

func TestContextKeys(t *testing.T) {
	for document, want := range map[string]string{
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"a:b","Resource":["arn:${aws:UserName}/${*}${$}","arn:${s3:x, 'none}'}/${AWS:username}"],"Condition":{"StringLike":{"aws:SourceIp":"${aws:userid}x${?}"},"Bool":{"aws:MFA":"true"}}}}`: "aws:UserName s3:x aws:SourceIp aws:userid aws:MFA",
		`{"Statement":{"Effect":"Allow","Action":"a:b","Resource":"arn:${aws:username}","Condition":{"Null":{"k:a":"true"},"StringEquals":{"k:b":"${k:c}"}}}}`:                                                                                                 "k:a k:b",
		`{"Statement":{"Effect":"Allow","Action":"a:b","Resource":"*"}}`: "",
	} {
		if got := strings.Join(mustParse(document).ContextKeys(), " "); got != want {
			t.Errorf("%s: %q, want %q", document, got, want)
		}
	}
}

func TestGrants(t *testing.T) {
	for _, c := range []struct{ statement, grants string }{
		{`"Effect":"Allow","Action":"S3:GetObject"`, "s3"},
		{`"Effect":"Allow","Action":["s3:*","iam:Get*"]`, "s3 iam"},
		{`"Effect":"Allow","Action":"*"`, "s3 iam sts"},
		{`"Effect":"Allow","NotAction":"iam:*"`, "s3 sts"},
		{`"Effect":"Allow","NotAction":"iam:Get*"`, "s3 iam sts"},
		{`"Effect":"Deny","Action":"*"`, ""},
	} {
		p := mustParse(`{"Statement":{` + c.statement + `,"Resource":"*"}}`)
		var got []string
		for _, service := range []string{"s3", "iam", "sts"} {
			if p.Grants(service) {
				got = append(got, service)
			}
		}
		if strings.Join(got, " ") != c.grants {
			t.Errorf("%s grants %v", c.statement, got)
		}
	}
}

func TestPublic(t *testing.T) {
	const allow, when = `"Effect":"Allow","Action":"*","Resource":"*",`, `,"Condition":{"StringEquals":{"aws:SourceVpc":"v"}}`
	for statement, want := range map[string]bool{
		allow + `"Principal":"*"`:                                     true,
		allow + `"Principal":{"AWS":["111122223333","*"]}`:            true,
		allow + `"NotPrincipal":{"AWS":"111122223333"}`:               true,
		allow + `"Principal":"*"` + when:                              false,
		allow + `"Principal":{"AWS":"111122223333"}`:                  false,
		`"Effect":"Deny","Action":"*","Resource":"*","Principal":"*"`: false,
		`"Effect":"Allow","Action":"*","Resource":"*"`:                false,
	} {
		if got := mustParse(`{"Statement":{` + statement + `}}`).Public(); got != want {
			t.Errorf("%s: %v", statement, got)
		}
	}
}

// TestMatches: all statements that apply, with their places.
func TestMatches(t *testing.T) {
	src := Source{"p", mustParse("{\"Statement\":[\n {\"Sid\":\"A\",\"Effect\":\"Allow\",\"Action\":\"a:*\",\"Resource\":\"*\"},\n {\"Effect\":\"Deny\",\"Action\":\"a:b\",\"Resource\":\"*\",\n  \"Condition\":{\"StringEquals\":{\"k:A\":\"1\"}}},{\"Effect\":\"Allow\",\"Action\":\"c:*\",\"Resource\":\"*\",\"Condition\":{\"Null\":{\"k:z\":\"false\"}}}]}")}
	r := Request{Action: "A:B", Resource: "*", Keys: Keys{"k:a": {"1"}}}
	got := Matches(src, false, r)
	if len(got) != 2 || got[0].Statement != "A" || got[0].Deny || !got[1].Deny || got[1].Statement != "#2" {
		t.Fatalf("matches %+v", got)
	}
	if got[0].From != (Position{2, 2}) || got[0].To != (Position{2, 60}) || got[1].From != (Position{3, 2}) || got[1].To != (Position{4, 44}) {
		t.Errorf("places %+v", got)
	}
	if m := Missing(src, r); m != nil {
		t.Errorf("missing %v", m)
	}
	r.Keys = nil
	if m := Missing(src, r); len(m) != 1 || m[0] != "k:A" {
		t.Errorf("missing %v", m)
	}
	if m := Matches(Source{"lost", nil}, false, r); len(m) != 1 || !m[0].Deny {
		t.Errorf("lost: %+v", m)
	}
}
