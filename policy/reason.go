package policy

import (
	"fmt"
	"strings"
)

// refuse says why nothing allowed the request.
func (e *evaluation) refuse(a Attached, resource []Source, sameAccount bool, v *verdict) Decision {
	switch {
	case v.identity.grant != grantNone && a.Boundary != nil && v.boundary.grant == grantNone:
		return e.because([]Source{*a.Boundary}, false, "")
	case v.identity.grant != grantNone && len(a.Session) > 0 && v.session.grant == grantNone:
		return e.because(a.Session, false, "")
	case v.identity.grant != grantNone && !sameAccount:
		return e.because(resource, true, "a caller of account "+e.PrincipalAccount+" needs the resource's policy too: ")
	}
	d := e.because(a.Identity, false, "")
	d.Failed = append(d.Failed, e.because(resource, true, "").Failed...)
	if len(a.Identity) == 0 {
		d = e.because(resource, true, "")
	}
	return d
}

// because collects the conditions that failed in a list of policies and puts them, or their absence, into one line.
func (e *evaluation) because(list []Source, ofResource bool, prefix string) Decision {
	var d Decision
	var names []string
	for i := range list {
		names = append(names, list[i].Name)
		d.Failed = append(d.Failed, e.failures(&list[i], ofResource)...)
	}
	d.Reason = prefix + e.implicit(strings.Join(names, ", "), d.Failed)
	return d
}

func (e *evaluation) implicit(names string, failed []Failure) string {
	if names == "" {
		names = "any policy (none is attached)"
	}
	who := ""
	if e.PrincipalARN == "" {
		who = " for " + e.caller()
	}
	reason := fmt.Sprintf("no statement of %s allows %s on %s%s", names, e.Action, e.Resource, who)
	for _, f := range failed {
		reason += "; " + f.String()
	}
	return reason
}

func (r *Request) caller() string {
	switch {
	case r.Service != "":
		return "service " + r.Service
	case r.Federated != "":
		return "web identities of " + r.Federated
	}
	return "anonymous callers"
}

// String is the failure as one clause.
func (f Failure) String() string {
	got := "nothing"
	if len(f.Got) > 0 {
		got = fmt.Sprint(f.Got)
	}
	return fmt.Sprintf("statement %s of %s did not match: %s %s expected %v got %s",
		f.Statement, f.Source, f.Operator, f.Key, f.Expected, got)
}

// maxFailures bounds a reason; the first conditions are the telling ones.
const maxFailures = 8

// failures are the conditions that alone kept Allow statements of s from applying.
func (e *evaluation) failures(s *Source, ofResource bool) []Failure {
	var out []Failure
	if s.Policy == nil {
		return nil
	}
	for i := range s.Policy.statements {
		st := &s.Policy.statements[i]
		applies, _ := st.speaksOf(e, ofResource)
		if st.deny || !applies || !st.actionMatches(e) || !st.resourceMatches(e) {
			continue
		}
		for j := range st.conditions {
			if c := &st.conditions[j]; !c.holds(e, false) && len(out) < maxFailures {
				out = append(out, Failure{Source: s.Name, Statement: st.name, Operator: c.operator, Key: c.name,
					Expected: c.expected(e), Got: e.values(c.key)})
			}
		}
	}
	return out
}

func (c *condition) expected(e *evaluation) []string {
	var out []string
	for i := range c.want {
		text := c.want[i].source
		if v, ok := c.want[i].expand(e); ok && len(c.want[i].parts) > 0 {
			text = v
		}
		out = append(out, text)
	}
	return out
}
