// Package policy is the IAM policy language and its decision: parse documents, decide a request, say why. Pure functions;
// it knows no store, no service and no wire format.
//
// Parse compiles a document once (patterns, variables, operators), so that Decide allocates next to nothing. What cannot be
// evaluated counts against the request: a malformed document is refused, a key that does not parse as the operator's type
// fails an Allow and fulfils a Deny.
package policy

// Policy is a parsed document. It is immutable and safe for concurrent use. The zero value allows nothing.
type Policy struct {
	id         string
	variables  bool // version 2012-10-17
	statements []statement
}

type statement struct {
	name       string // Sid, else "#1"
	deny       bool
	who        *principals // nil: the element is absent
	actions    []pattern   // lower case
	notAction  bool
	resources  []pattern // empty: the element is absent (trust policies)
	notRes     bool
	conditions []condition
	from, to   Position
}

// Position is a place in the text of a document; both count from 1.
type Position struct{ Line, Column int }

// MalformedError says what is wrong with a document and where. Its text is meant for the author of the document: it is the
// message of MalformedPolicyDocument.
type MalformedError struct {
	Place string // "Statement[0].Condition.StringEquals", "" for the document
	Text  string
}

// Error is the text with the place.
func (e *MalformedError) Error() string {
	if e.Place == "" {
		return e.Text
	}
	return e.Text + " (" + e.Place + ")"
}

// IdentityError says why p cannot be attached to a user or role, or serve as a boundary or session policy; nil when it can.
func (p *Policy) IdentityError() error {
	for i := range p.statements {
		if p.statements[i].who != nil {
			return &MalformedError{statementPlace(i), "Policy document should not specify a principal."}
		}
	}
	return nil
}

// ResourceError says why p cannot be the policy of a resource such as a bucket; nil when it can.
func (p *Policy) ResourceError() error {
	for i := range p.statements {
		switch st := &p.statements[i]; {
		case st.who == nil:
			return &MalformedError{statementPlace(i), "Missing required field Principal"}
		case len(st.resources) == 0:
			return &MalformedError{statementPlace(i), "Missing required field Resource"}
		}
	}
	return nil
}

// TrustError says why p cannot be the trust policy of a role; nil when it can.
func (p *Policy) TrustError() error {
	for i := range p.statements {
		switch st := &p.statements[i]; {
		case st.who == nil:
			return &MalformedError{statementPlace(i), "Missing required field Principal"}
		case st.who.not && !st.deny:
			return &MalformedError{statementPlace(i), "AssumeRolepolicy contained an invalid principal: \"NotPrincipal\"."}
		case len(st.resources) > 0:
			return &MalformedError{statementPlace(i), "Has prohibited field Resource"}
		}
	}
	return nil
}
