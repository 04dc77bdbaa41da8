package functions

import (
	"strings"

	"bothy/wire"
)

// latest is the version that changes.
const latest = "$LATEST"

// ref is a function as a caller names it.
type ref struct {
	account, region string
	name            string
	qualifier       string // version, alias or ""
}

// arn is the function's ARN, with the qualifier where one was given.
func (r ref) arn() string {
	if r.qualifier != "" {
		return r.bare() + ":" + r.qualifier
	}
	return r.bare()
}

// bare is the ARN without a qualifier.
func (r ref) bare() string {
	return "arn:aws:lambda:" + r.region + ":" + r.account + ":function:" + r.name
}

// parseRef understands a name, a partial ARN and an ARN, each with or without a qualifier.
func parseRef(account, region, raw, qualifier string) (ref, error) {
	r := ref{account: account, region: region, qualifier: qualifier}
	parts := strings.Split(raw, ":")
	if len(parts) >= 7 && parts[0] == "arn" {
		if parts[2] != "lambda" || parts[5] != "function" {
			return r, invalid("Invalid function ARN: %s", raw)
		}
		r.region, r.account = parts[3], parts[4]
		parts = parts[6:]
	} else {
		if len(parts) > 2 && parts[1] == "function" {
			r.account = parts[0]
			parts = parts[2:]
		} else if len(parts) > 1 && parts[0] == "function" {
			parts = parts[1:]
		}
	}
	r.name = parts[0]
	if len(parts) > 2 || r.name == "" {
		return r, invalid("Invalid function name: %s", raw)
	}
	if len(parts) == 2 {
		if qualifier != "" && qualifier != parts[1] {
			return r, invalid("The derived qualifier from the function name does not match the specified qualifier.")
		}
		r.qualifier = parts[1]
	}
	if len(r.name) > 64 {
		return r, invalid("1 validation error detected: Value '%s' at 'functionName' failed to satisfy constraint: Member must have length less than or equal to 64", r.name)
	}
	return r, nil
}

// refOf is the function a call is about; it must be of the call's account and region.
func refOf(c *wire.Call, name, qualifier wire.Opt[string]) (ref, error) {
	r, err := parseRef(c.Account, c.Region, name.V, qualifier.V)
	if err == nil && (r.account != c.Account || r.region != c.Region) {
		err = noFunction(r.arn())
	}
	return r, err
}

// on is the usual access of an operation on one function.
func (s *Service) on(c *wire.Call, action string, name, qualifier wire.Opt[string]) ([]wire.Access, error) {
	r, err := refOf(c, name, qualifier)
	if err != nil {
		return nil, err
	}
	policies, err := s.policies(c, r)
	if err != nil {
		return nil, err
	}
	return []wire.Access{{Action: "lambda:" + action, Resource: r.arn(), Policies: policies}}, nil
}
