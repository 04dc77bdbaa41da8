package policy

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// world is what the lines of a case have set up so far.
type world struct {
	attached Attached
	resource []Source
	trust    *Source
	cross    bool
	caller   Request
}

const account = "111122223333"

// TestCorpus runs the cases in testdata. A case is a title line "== …", documents ("identity NAME {…}", also boundary,
// session, resource, trust; a lone statement is put into a 2012 document), callers ("as user ARN [ID]"), "cross" or "same"
// (account), and requests: "allow|deny ACTION RESOURCE [key=v1|v2 …] [=> part of the reason]".
func TestCorpus(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.txt")
	if len(files) == 0 {
		t.Fatal("no corpus")
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range strings.Split("\n"+string(text), "\n== ")[1:] {
			title, lines, _ := strings.Cut(block, "\n")
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txt")+"/"+title, func(t *testing.T) {
				w := world{caller: Request{PrincipalARN: "arn:aws:iam::" + account + ":user/somebody", PrincipalAccount: account}}
				for _, line := range strings.Split(lines, "\n") {
					if err := w.line(line); err != nil {
						t.Errorf("%s: %v", line, err)
					}
				}
			})
		}
	}
}

func (w *world) line(line string) error {
	word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	switch word {
	case "", "#":
		return nil
	case "cross", "same":
		w.cross = word == "cross"
		return nil
	case "as":
		return w.as(strings.Fields(rest))
	case "allow", "deny":
		return w.request(word == "allow", rest)
	}
	name, text, _ := strings.Cut(rest, " ")
	if !strings.Contains(text, `"Statement"`) {
		text = `{"Version":"2012-10-17","Statement":` + text + `}`
	}
	p, err := Parse([]byte(text))
	if err != nil {
		return err
	}
	src := Source{name, p}
	switch word {
	case "identity":
		w.attached.Identity = append(w.attached.Identity, src)
	case "session":
		w.attached.Session = append(w.attached.Session, src)
	case "boundary":
		w.attached.Boundary = &src
	case "resource":
		w.resource = append(w.resource, src)
	case "trust":
		w.trust = &src
		return p.TrustError()
	default:
		return fmt.Errorf("unknown word %q", word)
	}
	return nil
}

func (w *world) as(f []string) error {
	f = append(f, "", "", "")
	w.caller, w.attached.Unlimited = Request{}, false
	switch f[0] {
	case "user":
		w.caller = Request{PrincipalARN: f[1], PrincipalAccount: strings.Split(f[1], ":")[4], UserID: f[2]}
	case "session":
		role := f[1][strings.LastIndexByte(f[1], '/')+1:]
		acct := strings.Split(f[1], ":")[4]
		w.caller = Request{PrincipalARN: "arn:aws:sts::" + acct + ":assumed-role/" + role + "/" + f[2], PrincipalAccount: acct, RoleARN: f[1], UserID: f[3]}
	case "root":
		w.attached.Unlimited = true
		w.caller = Request{PrincipalARN: "arn:aws:iam::" + account + ":root", PrincipalAccount: account, UserID: account}
	case "federated":
		w.caller = Request{Federated: f[1]}
	case "service":
		w.caller = Request{Service: f[1]}
	case "canonical":
		w.caller = Request{CanonicalUser: f[1], PrincipalAccount: account}
	case "anonymous":
	default:
		return fmt.Errorf("unknown caller")
	}
	return nil
}

func (w *world) request(allow bool, text string) error {
	text, reason, _ := strings.Cut(text, " => ")
	f := strings.Fields(text)
	r := w.caller
	r.Action, r.Resource = f[0], f[1]
	own, shared := Keys{}, Keys{}
	for i, pair := range f[2:] {
		key, values, _ := strings.Cut(pair, "=")
		to := own
		if i%2 == 1 {
			to = shared
		}
		to[key] = strings.Split(values, "|")
	}
	r.Keys, r.Context = own, []Keys{shared}
	var d Decision
	if w.trust != nil {
		d = Trust(*w.trust, r)
	} else {
		d = Decide(w.attached, w.resource, !w.cross, r)
	}
	switch {
	case d.Allowed != allow:
		return fmt.Errorf("allowed is %v: %+v", d.Allowed, d)
	case !strings.Contains(d.Reason, reason):
		return fmt.Errorf("reason is %q", d.Reason)
	case allow != (d.Reason == ""):
		return fmt.Errorf("reason %q of allowed %v", d.Reason, allow)
	case d.Explicit && (d.Source == "" || d.Statement == ""):
		return fmt.Errorf("explicit without source: %+v", d)
	}
	return nil
}
