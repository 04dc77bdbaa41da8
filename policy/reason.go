package policy

import (
	"fmt"
	"strings"
)

// refuse says why nothing allowed the request.
func (e *evaluation) refuse(a Attached, resource []Source, sameAccount bool, v *verdict) Decision {
	switch {
	case v.identity.grant != grantNone && a.Boundary != nil && v.boundary.grant == grantNone:
		return e.because(Boundary, []Source{*a.Boundary}, "")
	case v.identity.grant != grantNone && len(a.Session) > 0 && v.session.grant == grantNone:
		return e.because(Session, a.Session, "")
	case v.identity.grant != grantNone && !sameAccount:
		return e.because(Resource, resource, "a caller of account "+e.PrincipalAccount+" needs the resource's policy too: ")
	}
	d := e.because(Identity, a.Identity, "")
	ofResource := e.because(Resource, resource, "")
	d.Failed = append(d.Failed, ofResource.Failed...)
	if len(a.Identity) == 0 {
		d.Reason, d.Failed = ofResource.Reason, ofResource.Failed
	}
	return d
}

// because collects the conditions that failed in a list of policies and puts them, or their absence, into one line.
func (e *evaluation) because(kind Kind, list []Source, prefix string) Decision {
	d := Decision{Kind: kind}
	var names []string
	for i := range list {
		names = append(names, list[i].Name)
		d.Failed = append(d.Failed, e.failures(&list[i], kind == Resource)...)
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
	what := f.Operator
	if f.Key != "" {
		what += " " + f.Key
	}
	return fmt.Sprintf("statement %s of %s did not match: %s expected %v got %s", f.Statement, f.Source, what, f.Expected, got)
}

// maxFailures bounds a reason; the first conditions are the telling ones.
const maxFailures = 8

// failures are what kept Allow statements of s for the action from applying: first the conditions that did so alone, then the
// resources of those that speak of others.
func (e *evaluation) failures(s *Source, ofResource bool) []Failure {
	var out, elsewhere []Failure
	if s.Policy == nil {
		return nil
	}
	for i := range s.Policy.statements {
		st := &s.Policy.statements[i]
		applies, _ := st.speaksOf(e, ofResource)
		if st.deny || !applies || !st.actionMatches(e) {
			continue
		}
		if !st.resourceMatches(e) {
			elsewhere = append(elsewhere, st.elsewhere(e, s.Name))
			continue
		}
		for j := range st.conditions {
			if c := &st.conditions[j]; !c.holds(e, false) && len(out) < maxFailures {
				out = append(out, Failure{Source: s.Name, Statement: st.name, Operator: c.operator, Key: c.name,
					Expected: c.expected(e), Got: e.values(c.key)})
			}
		}
	}
	return append(out, elsewhere[:min(len(elsewhere), maxFailures-len(out))]...)
}

// elsewhere says which resources st speaks of.
func (st *statement) elsewhere(e *evaluation, source string) Failure {
	f := Failure{Source: source, Statement: st.name, Operator: "Resource", Got: []string{e.Resource}}
	if st.notRes {
		f.Operator = "NotResource"
	}
	for i := range st.resources[:min(len(st.resources), maxFailures)] {
		f.Expected = append(f.Expected, st.resources[i].shown(e))
	}
	return f
}

func (c *condition) expected(e *evaluation) []string {
	var out []string
	for i := range c.want {
		out = append(out, c.want[i].shown(e))
	}
	return out
}

// shown is the text with the variables that have a value put in.
func (p *pattern) shown(e *evaluation) string {
	if v, ok := p.expand(e); ok && len(p.parts) > 0 {
		return v
	}
	return p.source
}
