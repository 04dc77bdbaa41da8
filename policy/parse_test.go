package policy

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// TestMalformed checks the refusals of testdata/malformed.tsv: document, tab, error.
func TestMalformed(t *testing.T) {
	text, err := os.ReadFile("testdata/malformed.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		document, want, _ := strings.Cut(line, "\t")
		_, err := Parse([]byte(document))
		if err == nil || err.Error() != want {
			t.Errorf("%s\n got %v\nwant %s", document, err, want)
		}
		if e := (*MalformedError)(nil); !errors.As(err, &e) {
			t.Errorf("%s: error of type %T", document, err)
		}
	}
}

func TestLimits(t *testing.T) {
	statement := `{"Effect":"Allow","Action":"a:b","Resource":"*"}`
	long := strings.Repeat("x", MaxPattern+1)
	for name, document := range map[string]string{
		"too large":           `{"Id":"` + strings.Repeat("x", MaxDocument) + `","Statement":` + statement + `}`,
		"too many statements": `{"Statement":[` + strings.Repeat(statement+",", MaxStatements) + statement + `]}`,
		"long action":         `{"Statement":{"Effect":"Allow","Action":"a:` + long + `","Resource":"*"}}`,
		"long resource":       `{"Statement":{"Effect":"Allow","Action":"a:b","Resource":"arn:` + long + `"}}`,
		"long sid":            `{"Statement":{"Sid":"` + long + `","Effect":"Allow","Action":"a:b","Resource":"*"}}`,
		"long key":            `{"Statement":{"Effect":"Allow","Action":"a:b","Resource":"*","Condition":{"StringEquals":{"` + long + `":"x"}}}}`,
		"long value":          `{"Statement":{"Effect":"Allow","Action":"a:b","Resource":"*","Condition":{"StringEquals":{"a:b":"` + long + `"}}}}`,
		"not UTF-8":           "{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"a:b\",\"Resource\":\"arn:\xff\"}}",
		"name cut off":        `{"Statement":{"Effect":"Allow","Act`,
		"list cut off":        `{"Statement":[` + statement,
		"deep":                strings.Repeat("[", 100_00),
	} {
		if _, err := Parse([]byte(document)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestPlaces(t *testing.T) {
	for _, c := range []struct{ document, identity, resource, trust string }{
		{`{"Id":"x","Statement":{"Sid":"","Effect":"Allow","Action":"a:b","Resource":"*"}}`, "", "Missing required field Principal", "Missing required field Principal"},
		{`{"Statement":{"Effect":"Allow","Principal":"*","Action":"a:b","Resource":"*"}}`, "Policy document should not specify a principal.", "", "Has prohibited field Resource"},
		{`{"Statement":{"Effect":"Allow","Principal":"*","Action":"a:b"}}`, "Policy document should not specify a principal.", "Missing required field Resource", ""},
		{`{"Statement":{"Effect":"Allow","NotPrincipal":"*","Action":"a:b"}}`, "Policy document should not specify a principal.", "Missing required field Resource", "AssumeRolepolicy contained an invalid principal"},
	} {
		p, err := Parse([]byte(c.document))
		if err != nil {
			t.Fatal(err)
		}
		for kind, pair := range map[string][2]string{
			"identity": {text(p.IdentityError()), c.identity}, "resource": {text(p.ResourceError()), c.resource}, "trust": {text(p.TrustError()), c.trust},
		} {
			if !strings.HasPrefix(pair[0], pair[1]) || (pair[1] == "") != (pair[0] == "") {
				t.Errorf("%s: as %s policy: %q, want %q", c.document, kind, pair[0], pair[1])
			}
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestUnreadable: a policy that could not be read may have held a Deny, so it denies.
func TestUnreadable(t *testing.T) {
	all, _ := Parse([]byte(`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`))
	a := Attached{Identity: []Source{{"all", all}, {"lost", nil}}}
	if d := Decide(a, nil, true, Request{Action: "a:b", Resource: "*"}); d.Allowed || d.Source != "lost" {
		t.Errorf("decided %+v", d)
	}
	if d := Trust(Source{"lost", nil}, Request{Action: "a:b", Resource: "*"}); d.Allowed {
		t.Errorf("trusted %+v", d)
	}
	e := evaluation{&Request{}, ""}
	if f := e.failures(&Source{}, false); f != nil {
		t.Errorf("failures of nothing: %v", f)
	}
	var zero Attached
	if d := Decide(zero, nil, true, Request{Action: "a:b", Resource: "*", PrincipalARN: "arn:aws:iam::1:user/x"}); d.Allowed {
		t.Error("the zero value allows")
	}
}

// TestOddBytes: bytes that are no UTF-8 match wildcards and themselves, nothing else.
func TestOddBytes(t *testing.T) {
	p, _ := Parse([]byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":["arn:?\uFFFD","arn:x?${k:v}"]}}`))
	a := Attached{Identity: []Source{{"p", p}}}
	for resource, want := range map[string]bool{"arn:\xfe\uFFFD": true, "arn:a\xfe": false, "arn:xa\xfe": true, "arn:xa\xff": false} {
		d := Decide(a, nil, true, Request{Action: "a:b", Resource: resource, PrincipalARN: "arn:aws:iam::1:user/x", Keys: Keys{"k:v": {"\xfe"}}})
		if d.Allowed != want {
			t.Errorf("%q: allowed %v", resource, d.Allowed)
		}
	}
}
