package policy

import "strings"

// Decision is the answer to a request and why.
type Decision struct {
	Allowed   bool
	Explicit  bool      // a Deny statement decided
	Kind      Kind      // of the policies that refused the request
	Source    string    // name of the policy that decided; "" when none did
	Statement string    // its Sid, or #1, #2, …
	Reason    string    // one line for the operator; "" when allowed
	Failed    []Failure // what kept statements from allowing the request
}

// Kind is a kind of policy, in AWS's words.
type Kind string

// The kinds.
const (
	Identity Kind = "identity-based policy"
	Boundary Kind = "permissions boundary"
	Session  Kind = "session policy"
	Resource Kind = "resource-based policy"
)

// Failure is a condition that did not hold, or, with the operator Resource or NotResource and no key, a statement about
// other resources.
type Failure struct {
	Source, Statement, Operator, Key string
	Expected, Got                    []string
}

// Decide follows AWS's evaluation logic. sameAccount says that caller and resource belong to one account.
//
// A Deny anywhere decides. Else, in one account, either the principal's side or the resource's policies must allow; across
// accounts both must. Boundary and session policies limit what identity policies allow, and also what a resource policy
// grants to the role behind a session, but not what it grants to the very user or session or to everyone. A grant to the
// account only leaves the decision to the principal's side. Anonymous callers, services and web identities have no side
// of their own: the resource's policies decide.
func Decide(a Attached, resource []Source, sameAccount bool, req Request) Decision {
	e := evaluation{&req, strings.ToLower(req.Action)}
	var v verdict
	v.identity = e.all(a.Identity, false)
	v.session = e.all(a.Session, false)
	v.resource = e.all(resource, true)
	if a.Boundary != nil {
		v.boundary = e.one(a.Boundary, false)
	}
	for i, h := range [...]*hit{&v.identity, &v.boundary, &v.session, &v.resource} {
		if h.deny {
			return Decision{Explicit: true, Kind: [...]Kind{Identity, Boundary, Session, Resource}[i], Source: h.source.Name, Statement: h.statement.name,
				Reason: "denied by statement " + h.statement.name + " of " + h.source.Name}
		}
	}
	if a.Unlimited {
		v.identity.grant = grantPrincipal
	}
	inSession := len(a.Session) == 0 || v.session.grant != grantNone
	inBoundary := a.Boundary == nil || v.boundary.grant != grantNone
	own := v.identity.grant != grantNone && inSession && inBoundary

	// What the resource's policies grant without the principal's side.
	granted := v.resource.grant == grantPrincipal || v.resource.grant == grantLimited && inSession && inBoundary
	if req.anonymous() || req.Service != "" || req.Federated != "" {
		own, sameAccount = false, true
	}
	switch {
	case sameAccount && granted:
		return v.resource.allowed()
	case own && (sameAccount || v.resource.grant != grantNone):
		return v.identity.allowed()
	}
	return e.refuse(a, resource, sameAccount, &v)
}

// Trust decides by the trust policy of a role alone, as a role demands it of every caller in addition to Decide: no identity
// policy stands in for it.
func Trust(trust Source, req Request) Decision {
	e := evaluation{&req, strings.ToLower(req.Action)}
	h := e.one(&trust, true)
	switch {
	case h.deny:
		return Decision{Explicit: true, Source: trust.Name, Statement: h.statement.name,
			Reason: "denied by statement " + h.statement.name + " of " + trust.Name}
	case h.grant != grantNone:
		return h.allowed()
	}
	d := Decision{Failed: e.failures(&trust, true)}
	d.Reason = e.implicit(trust.Name, d.Failed)
	return d
}

// verdict is what each kind of policy says.
type verdict struct{ identity, boundary, session, resource hit }

// hit is the statement that decides within some policies.
type hit struct {
	source    *Source
	statement *statement
	deny      bool
	grant     grant // of the most direct Allow
}

func (h *hit) allowed() Decision {
	if h.source == nil {
		return Decision{Allowed: true, Reason: ""}
	}
	return Decision{Allowed: true, Source: h.source.Name, Statement: h.statement.name}
}

func (e *evaluation) all(list []Source, ofResource bool) hit {
	var best hit
	for i := range list {
		h := e.one(&list[i], ofResource)
		if h.deny {
			return h
		}
		if h.grant > best.grant {
			best = h
		}
	}
	return best
}

// one goes through the statements of a policy. A source without a policy denies: it stands for one that could not be read.
func (e *evaluation) one(s *Source, ofResource bool) hit {
	if s.Policy == nil {
		return hit{source: s, statement: &statement{name: "(unreadable)"}, deny: true}
	}
	var best hit
	for i := range s.Policy.statements {
		st := &s.Policy.statements[i]
		applies, g := st.speaksOf(e, ofResource)
		if !applies || !st.deny && g <= best.grant || !st.actionMatches(e) || !st.resourceMatches(e) || !st.conditionsHold(e) {
			continue
		}
		if st.deny {
			return hit{source: s, statement: st, deny: true}
		}
		best = hit{source: s, statement: st, grant: g}
	}
	return best
}

// speaksOf checks the principal. An identity policy speaks of its holder; a statement in the wrong place (a principal in an
// identity policy, none in a resource policy) can only deny.
func (st *statement) speaksOf(e *evaluation, ofResource bool) (bool, grant) {
	if (st.who != nil) != ofResource {
		return st.deny, grantNone
	}
	if !ofResource {
		return true, grantPrincipal
	}
	return st.who.applies(e.Request, st.deny)
}

func (st *statement) actionMatches(e *evaluation) bool {
	for i := range st.actions {
		if ok, _ := st.actions[i].match(e, e.action); ok {
			return !st.notAction
		}
	}
	return st.notAction
}

func (st *statement) resourceMatches(e *evaluation) bool {
	if len(st.resources) == 0 {
		return true
	}
	for i := range st.resources {
		ok, resolved := st.resources[i].match(e, e.Resource)
		switch {
		case ok:
			return !st.notRes
		case !resolved && st.notRes && !st.deny:
			return false // what is excepted is not known
		}
	}
	return st.notRes
}

func (st *statement) conditionsHold(e *evaluation) bool {
	for i := range st.conditions {
		if !st.conditions[i].holds(e, st.deny) {
			return false
		}
	}
	return true
}
