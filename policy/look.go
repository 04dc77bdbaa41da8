package policy

import "strings"

// Match is a statement that applies to a request.
type Match struct {
	Source    string
	Statement string // its Sid, or #1, #2, …
	Deny      bool
	From, To  Position // in the document's text; To is behind the last character
}

// Matches are all statements of a policy that apply to a request: Decide stops at the one that decides. ofResource says that the
// policy is a resource's.
func Matches(s Source, ofResource bool, req Request) (out []Match) {
	if s.Policy == nil {
		return []Match{{Source: s.Name, Statement: "(unreadable)", Deny: true}}
	}
	e := evaluation{&req, strings.ToLower(req.Action)}
	for i := range s.Policy.statements {
		st := &s.Policy.statements[i]
		if applies, _ := st.speaksOf(&e, ofResource); applies && st.actionMatches(&e) && st.resourceMatches(&e) && st.conditionsHold(&e) {
			out = append(out, Match{s.Name, st.name, st.deny, st.from, st.to})
		}
	}
	return out
}

// Missing are the context keys, as written, that statements about the request's action ask for and that the request does not have.
func Missing(s Source, req Request) []string {
	if s.Policy == nil {
		return nil
	}
	e := evaluation{&req, strings.ToLower(req.Action)}
	var names keyNames
	for i := range s.Policy.statements {
		if st := &s.Policy.statements[i]; st.actionMatches(&e) {
			st.keys(s.Policy.variables, func(name string) {
				if len(e.values(strings.ToLower(name))) == 0 {
					names.add(name)
				}
			})
		}
	}
	return names
}

// ContextKeys are the condition keys that the document names, in conditions and as variables, as they are written.
func (p *Policy) ContextKeys() []string {
	var names keyNames
	for i := range p.statements {
		p.statements[i].keys(p.variables, names.add)
	}
	return names
}

// keyNames are names of keys, each once whatever the case of its letters.
type keyNames []string

func (k *keyNames) add(name string) {
	for _, known := range *k {
		if strings.EqualFold(known, name) {
			return
		}
	}
	*k = append(*k, name)
}

// keys calls f with each condition key of the statement.
func (st *statement) keys(variables bool, f func(string)) {
	for i := range st.resources {
		st.resources[i].keys(variables, f)
	}
	for i := range st.conditions {
		c := &st.conditions[i]
		f(c.name)
		for j := range c.want {
			c.want[j].keys(variables && !c.op.typed && !c.op.null, f)
		}
	}
}

// keys calls f with each variable of the pattern, as written: parts have them in lower case.
func (p *pattern) keys(variables bool, f func(string)) {
	for rest := p.source; variables; {
		_, after, found := strings.Cut(rest, "${")
		end := variableEnd("${" + after)
		if !found || end < 0 {
			return
		}
		name, _, _ := strings.Cut(after[:end-2], ",")
		if name = strings.TrimSpace(name); name != "*" && name != "?" && name != "$" {
			f(name)
		}
		rest = after[end-1:]
	}
}

// Public tells whether a statement allows something to everybody, whatever the circumstances.
func (p *Policy) Public() bool {
	for i := range p.statements {
		st := &p.statements[i]
		if w := st.who; w != nil && !st.deny && (w.everyone || w.anyAWS || w.not) && len(st.conditions) == 0 {
			return true
		}
	}
	return false
}

// Grants tells whether a statement allows some action of a service ("dynamodb"), on whatever resource and condition.
func (p *Policy) Grants(service string) bool {
	service = strings.ToLower(service)
	for i := range p.statements {
		if st := &p.statements[i]; !st.deny && st.grants(service) {
			return true
		}
	}
	return false
}

func (st *statement) grants(service string) bool {
	for i := range st.actions {
		vendor, action, _ := strings.Cut(st.actions[i].source, ":")
		whole := vendor == "*" || vendor == service && action == "*"
		switch {
		case st.notAction && whole:
			return false
		case !st.notAction && (whole || vendor == service):
			return true
		}
	}
	return st.notAction
}
