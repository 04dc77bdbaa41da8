package policy

import (
	"fmt"
	"strings"
)

// Parse compiles a policy document. It is strict: unknown elements, operators without meaning and values that are not of
// their operator's type are refused with a *MalformedError.
func Parse(document []byte) (*Policy, error) {
	root, err := parseJSON(document)
	if err != nil {
		return nil, err
	}
	if root.kind != '{' {
		return nil, errSyntax
	}
	p := &Policy{}
	var statements *node
	for i, name := range root.members {
		item := root.items[i]
		switch {
		case name == "Version" && item.kind == 's':
			if item.text != "2012-10-17" && item.text != "2008-10-17" {
				return nil, &MalformedError{"Version", "Invalid policy version: " + item.text}
			}
			p.variables = item.text == "2012-10-17"
		case name == "Id" && item.kind == 's':
			p.id = item.text
		case name == "Statement" && (item.kind == '{' || item.kind == '['):
			statements = &item
		default:
			return nil, &MalformedError{name, "Syntax errors in policy."}
		}
	}
	if statements == nil || len(statements.list()) == 0 {
		return nil, &MalformedError{Text: "Missing required field Statement"}
	}
	if err := p.compile(statements.list()); err != nil {
		return nil, err
	}
	p.place(document, statements.list())
	return p, nil
}

// place tells the statements where they stand. The statements are in order, so one pass over the text is enough.
func (p *Policy) place(document []byte, list []node) {
	at, done := Position{1, 1}, 0
	to := func(offset int) Position {
		for _, b := range document[done:offset] {
			switch {
			case b == '\n':
				at = Position{at.Line + 1, 1}
			case b&0xC0 != 0x80: // not within a character
				at.Column++
			}
		}
		done = offset
		return at
	}
	for i, n := range list {
		p.statements[i].from = to(n.from)
		p.statements[i].to = to(n.to)
	}
}

func statementPlace(i int) string { return fmt.Sprintf("Statement[%d]", i) }

func (p *Policy) compile(list []node) error {
	if len(list) > MaxStatements {
		return &MalformedError{"Statement", "Policy document has too many statements."}
	}
	sids := map[string]bool{}
	p.statements = make([]statement, len(list))
	for i, n := range list {
		st := &p.statements[i]
		st.name = fmt.Sprintf("#%d", i+1)
		if err := p.statement(st, n); err != nil {
			if err.Place != "" {
				err.Place = "." + err.Place
			}
			err.Place = statementPlace(i) + err.Place
			return err
		}
		if sids[st.name] {
			return &MalformedError{statementPlace(i), "Statement IDs (SID) in a single policy must be unique."}
		}
		sids[st.name] = true
	}
	return nil
}

func (p *Policy) statement(st *statement, n node) *MalformedError {
	if n.kind != '{' {
		return &MalformedError{Text: errSyntax.Text}
	}
	seen := map[string]bool{}
	for i, name := range n.members {
		if err := p.element(st, name, n.items[i]); err != nil {
			return err
		}
		element := strings.TrimPrefix(name, "Not")
		if seen[element] {
			return &MalformedError{name, "Statement has both " + element + " and Not" + element + "."}
		}
		seen[element] = true
	}
	switch {
	case !seen["Effect"]:
		return &MalformedError{Text: "Missing required field Effect"}
	case !seen["Action"]:
		return &MalformedError{Text: "Policy statement must contain actions."}
	case !seen["Resource"] && !seen["Principal"]:
		return &MalformedError{Text: "Policy statement must contain resources."}
	}
	return nil
}

// element compiles one member of a statement.
func (p *Policy) element(st *statement, name string, n node) (err *MalformedError) {
	switch name {
	case "Sid":
		if n.kind != 's' || len(n.text) > MaxPattern {
			return &MalformedError{name, errSyntax.Text}
		}
		if n.text != "" {
			st.name = n.text
		}
	case "Effect":
		if n.kind != 's' || n.text != "Allow" && n.text != "Deny" {
			return &MalformedError{name, "Invalid effect: " + n.text}
		}
		st.deny = n.text == "Deny"
	case "Principal", "NotPrincipal":
		st.who, err = parsePrincipals(name, n)
	case "Action", "NotAction":
		st.notAction = name == "NotAction"
		st.actions, err = parseActions(name, n)
	case "Resource", "NotResource":
		st.notRes = name == "NotResource"
		st.resources, err = p.parseResources(name, n)
	case "Condition":
		st.conditions, err = p.parseConditions(n)
	default:
		return &MalformedError{name, "Syntax errors in policy."}
	}
	return err
}

func parseActions(name string, n node) ([]pattern, *MalformedError) {
	texts, ok := n.texts()
	if !ok {
		return nil, &MalformedError{name, "Policy statement must contain actions."}
	}
	out := make([]pattern, len(texts))
	for i, t := range texts {
		vendor, action, ok := strings.Cut(t, ":")
		if t != "*" && (!ok || vendor == "" || action == "" || strings.ContainsAny(vendor, "*? ")) {
			return nil, &MalformedError{fmt.Sprintf("%s[%d]", name, i),
				"Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."}
		}
		out[i], _ = compilePattern(strings.ToLower(t), true, false)
	}
	return out, nil
}

func (p *Policy) parseResources(name string, n node) ([]pattern, *MalformedError) {
	texts, ok := n.texts()
	if !ok {
		return nil, &MalformedError{name, "Policy statement must contain resources."}
	}
	out := make([]pattern, len(texts))
	for i, t := range texts {
		place := fmt.Sprintf("%s[%d]", name, i)
		if !strings.HasPrefix(t, "arn:") && t != "*" && !strings.HasPrefix(t, "arn*") && !strings.HasPrefix(t, "*:") {
			return nil, &MalformedError{place, "Resource " + t + " must be in ARN format or \"*\"."}
		}
		if out[i], ok = compilePattern(t, true, p.variables); !ok {
			return nil, &MalformedError{place, "Resource " + t + " has a malformed variable."}
		}
	}
	return out, nil
}
