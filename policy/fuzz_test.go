package policy

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzParse: no document makes Parse or a decision panic, and what is accepted can be decided and explained.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.t*")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, line := range strings.Split(string(text), "\n") {
			if i := strings.IndexByte(line, '{'); i >= 0 {
				f.Add([]byte(strings.SplitN(line[i:], "\t", 2)[0]), "s3:GetObject", "arn:aws:s3:::b/k", "v")
			}
		}
	}
	f.Fuzz(func(t *testing.T, document []byte, action, resource, value string) {
		p, err := Parse(document)
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without text")
			}
			return
		}
		src := Source{"fuzz", p}
		r := Request{Action: action, Resource: resource, PrincipalARN: "arn:aws:iam::111122223333:user/u", PrincipalAccount: account,
			Keys: Keys{"k:a": {value}, "aws:sourceip": {value}, "k:n": {value, value}}}
		for _, d := range []Decision{Decide(Attached{Identity: []Source{src}}, []Source{src}, true, r), Trust(src, r)} {
			if d.Allowed == (d.Reason != "") {
				t.Errorf("allowed %v for the reason %q", d.Allowed, d.Reason)
			}
		}
		p.ContextKeys()
		Missing(src, r)
		for _, m := range Matches(src, false, r) {
			if m.Deny && Decide(Attached{Unlimited: true, Identity: []Source{src}}, nil, true, r).Allowed {
				t.Errorf("%+v was passed over", m)
			}
		}
		deny := Source{"deny", mustParse(`{"Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`)}
		if Decide(Attached{Unlimited: true, Identity: []Source{src, deny}}, []Source{src}, true, r).Allowed {
			t.Error("a deny lost")
		}
	})
}

func mustParse(document string) *Policy {
	p, err := Parse([]byte(document))
	if err != nil {
		panic(err)
	}
	return p
}

// FuzzMatch compares the matcher with regexp, and checks that a variable's value is literal.
func FuzzMatch(f *testing.F) {
	for _, s := range [][3]string{{"a*b?c", "axxbyc", ""}, {"*", "", "x"}, {"${k:v}*", "*a", "*"}, {"a**", "a", "?"}, {"?", "é", "é"}, {"*ab*ab", "abab", "ab"}} {
		f.Add(s[0], s[1], s[2])
	}
	f.Fuzz(func(t *testing.T, source, s, value string) {
		if len(source) > 64 || len(s) > 64 || !utf8.ValidString(source) || !utf8.ValidString(s) || !utf8.ValidString(value) {
			return
		}
		e := &evaluation{&Request{Keys: Keys{"k:v": {value}}}, ""}
		p, ok := compilePattern(source, true, false)
		if !ok {
			t.Fatal("a pattern without variables was refused")
		}
		want := regexp.QuoteMeta(source)
		want = strings.ReplaceAll(strings.ReplaceAll(want, `\*`, `(?s:.*)`), `\?`, `(?s:.)`)
		got, _ := p.match(e, s)
		if got != regexp.MustCompile(`^`+want+`$`).MatchString(s) {
			t.Errorf("%q matches %q: %v", source, s, got)
		}
		v, _ := compilePattern("x${k:v}y", true, true)
		if ok, _ := v.match(e, "x"+s+"y"); ok != (s == value) {
			t.Errorf("value %q matches %q: %v", value, s, ok)
		}
		w, _ := compilePattern("*x${k:v}y", true, true)
		if ok, _ := w.match(e, "x"+s+"y"); ok != strings.HasSuffix("x"+s+"y", "x"+value+"y") {
			t.Errorf("value %q after a star matches %q: %v", value, s, ok)
		}
	})
}
