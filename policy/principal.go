package policy

import (
	"fmt"
	"strings"
)

// principals is a Principal or NotPrincipal element.
type principals struct {
	not       bool
	everyone  bool // "*"
	aws       []string
	federated []string
	service   []string
	canonical []string
	anyAWS    bool // {"AWS": "*"}: every AWS principal and anonymous callers
}

// grant says how directly an Allow names the caller; what limits it depends on that.
type grant uint8

const (
	grantNone      grant = iota
	grantAccount         // the caller's account: it only lets the account's own policies decide
	grantLimited         // the role behind the session, or all but some: boundary and session policies still limit it
	grantPrincipal       // the very user, session, service or provider, or everyone
)

func parsePrincipals(name string, n node) (*principals, *MalformedError) {
	p := &principals{not: name == "NotPrincipal"}
	if n.kind == 's' && n.text == "*" {
		p.everyone = true
		return p, nil
	}
	if n.kind != '{' || len(n.members) == 0 {
		return nil, &MalformedError{name, "Invalid principal in policy"}
	}
	for i, kind := range n.members {
		texts, ok := n.items[i].texts()
		if !ok {
			return nil, &MalformedError{name + "." + kind, "Invalid principal in policy"}
		}
		for _, t := range texts {
			if !p.add(kind, t) {
				return nil, &MalformedError{name, fmt.Sprintf("Invalid principal in policy: %q:%q", kind, t)}
			}
		}
	}
	return p, nil
}

func (p *principals) add(kind, t string) bool {
	switch kind {
	case "AWS":
		if t == "*" {
			p.anyAWS = true
			return true
		}
		p.aws = append(p.aws, accountOf(t))
		return validAWS(t)
	case "Federated":
		p.federated = append(p.federated, t)
	case "Service":
		p.service = append(p.service, t)
	case "CanonicalUser":
		p.canonical = append(p.canonical, t)
	default:
		return false
	}
	return t != "" && !strings.ContainsAny(t, "*? ")
}

// accountOf writes both forms of an account, 123456789012 and arn:aws:iam::123456789012:root, as its number.
func accountOf(t string) string {
	if rest, ok := strings.CutSuffix(t, ":root"); ok {
		if part := strings.Split(rest, ":"); len(part) == 5 && part[2] == "iam" && isAccount(part[4]) {
			return part[4]
		}
	}
	return t
}

func isAccount(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}

// validAWS takes an account, an IAM or STS ARN, or a unique id (AIDA…, AROA…).
func validAWS(t string) bool {
	if strings.ContainsAny(t, "*? ") {
		return false
	}
	if part := strings.SplitN(t, ":", 6); len(part) == 6 {
		return part[0] == "arn" && (part[2] == "iam" || part[2] == "sts") && isAccount(part[4]) && part[5] != ""
	}
	return isAccount(t) || len(t) >= 16 && (strings.HasPrefix(t, "AIDA") || strings.HasPrefix(t, "AROA"))
}

// names tells how directly the element names the caller.
func (p *principals) names(r *Request) grant {
	switch {
	case r.Service != "" && contains(p.service, r.Service),
		r.Federated != "" && contains(p.federated, r.Federated),
		r.CanonicalUser != "" && contains(p.canonical, r.CanonicalUser),
		p.everyone, p.anyAWS && r.Service == "" && r.Federated == "":
		return grantPrincipal
	}
	best := grantNone
	for _, t := range p.aws {
		best = max(best, r.named(t))
	}
	return best
}

// named tells whether t, an account, ARN or unique id, is the caller. It is never "": Parse refuses that.
func (r *Request) named(t string) grant {
	id, _, isSession := strings.Cut(r.UserID, ":")
	switch {
	case t == r.PrincipalARN, t == r.UserID && !isSession && !isAccount(t):
		return grantPrincipal
	case t == r.RoleARN, isSession && t == id && !isAccount(id): // the id of a federated user begins with its account
		return grantLimited
	case t == r.PrincipalAccount && r.Service == "" && r.Federated == "":
		return grantAccount
	}
	return grantNone
}

// applies tells whether a statement with this element speaks of the caller, and how directly.
func (p *principals) applies(r *Request, deny bool) (bool, grant) {
	if !p.not {
		g := p.names(r)
		return g != grantNone, g
	}
	if deny {
		return !p.exempts(r), grantNone
	}
	return p.names(r) == grantNone, grantLimited
}

// exempts follows AWS: a Deny with NotPrincipal spares only a caller whose account, role and own ARN are all listed.
func (p *principals) exempts(r *Request) bool {
	if p.everyone || r.Service != "" || r.Federated != "" {
		return p.names(r) != grantNone
	}
	if p.anyAWS {
		return true
	}
	for _, t := range []string{r.PrincipalAccount, r.RoleARN, accountOf(r.PrincipalARN)} {
		if t != "" && !contains(p.aws, t) {
			return false
		}
	}
	return r.PrincipalARN != ""
}

func contains(list []string, s string) bool {
	for _, t := range list {
		if t == s {
			return true
		}
	}
	return false
}
