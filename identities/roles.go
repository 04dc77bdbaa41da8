package identities

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"bothy/api/cognitoidentity"
	"bothy/policy"
	"bothy/wire"
)

func (s *Service) accessSetRoles(c *wire.Call, in *cognitoidentity.SetIdentityPoolRolesInput) ([]wire.Access, error) {
	wants, err := s.onPool(c, "SetIdentityPoolRoles", in.IdentityPoolId.V, nil)
	if err != nil {
		return nil, err
	}
	roles := map[string]bool{}
	for _, arn := range in.Roles {
		roles[arn] = true
	}
	for _, m := range in.RoleMappings {
		for _, r := range rulesOf(m) {
			roles[r.RoleARN.V] = true
		}
	}
	for _, arn := range slices.Sorted(maps.Keys(roles)) {
		wants = append(wants, wire.Access{Action: "iam:PassRole", Resource: arn, Keys: policy.Keys{"iam:passedtoservice": {Issuer}}})
	}
	return wants, nil
}

func (s *Service) accessGetRoles(c *wire.Call, in *cognitoidentity.GetIdentityPoolRolesInput) ([]wire.Access, error) {
	return s.onPool(c, "GetIdentityPoolRoles", in.IdentityPoolId.V, nil)
}

func (s *Service) setRoles(c *wire.Call, in *cognitoidentity.SetIdentityPoolRolesInput) (*cognitoidentity.SetIdentityPoolRolesOutput, error) {
	for _, arn := range in.Roles {
		if !roleARN(c.Account, arn) {
			return nil, invalid("Invalid role ARN: " + arn)
		}
	}
	for provider, m := range in.RoleMappings {
		if err := checkMapping(c.Account, provider, m); err != nil {
			return nil, err
		}
	}
	_, err := s.changePool(c, in.IdentityPoolId.V, func(p *pool) error {
		p.Roles, p.Mappings = in.Roles, in.RoleMappings
		return nil
	})
	return nil, err
}

func (s *Service) getRoles(c *wire.Call, in *cognitoidentity.GetIdentityPoolRolesInput) (*cognitoidentity.GetIdentityPoolRolesOutput, error) {
	p, err := s.pool(c, in.IdentityPoolId.V)
	if err != nil {
		return nil, err
	}
	return &cognitoidentity.GetIdentityPoolRolesOutput{IdentityPoolId: wire.Some(p.ID), Roles: p.Roles, RoleMappings: p.Mappings}, nil
}

// roleARN tells whether arn is a role of the account: an identity never gets a foreign one.
func roleARN(account, arn string) bool {
	name, ok := strings.CutPrefix(arn, "arn:aws:iam::"+account+":role/")
	return ok && name != ""
}

func rulesOf(m cognitoidentity.RoleMapping) []cognitoidentity.MappingRule {
	if m.RulesConfiguration == nil {
		return nil
	}
	return m.RulesConfiguration.Rules
}

func checkMapping(account, provider string, m cognitoidentity.RoleMapping) error {
	if m.AmbiguousRoleResolution.V == "" {
		return invalid("AmbiguousRoleResolution is required for role mapping of " + provider + ".")
	}
	if m.Type.V == "Token" && !namesRoles(provider) {
		return invalid("Role mapping type Token is for user pools and SAML providers only: " + provider + ".")
	}
	rules := rulesOf(m)
	if (m.Type.V == "Rules") != (len(rules) > 0) {
		return invalid("RulesConfiguration must be given for role mapping type Rules, and only for it: " + provider + ".")
	}
	if len(rules) > maxRules {
		return invalid(fmt.Sprintf("Role mapping of %s has %d rules, at most %d are allowed.", provider, len(rules), maxRules))
	}
	for _, r := range rules {
		if !roleARN(account, r.RoleARN.V) {
			return invalid("Invalid role ARN: " + r.RoleARN.V)
		}
	}
	return nil
}

// namesRoles tells whether tokens of the provider may name roles: those of a user pool do in claims that only its owner sets,
// and assertions in the attribute made for it. What other providers write into their tokens is theirs.
func namesRoles(provider string) bool {
	return strings.HasPrefix(provider, "cognito-idp.") || strings.HasPrefix(provider, "arn:")
}

// chooseRole is the role of a guest, or of a user by the role mapping of the login that decides. custom is CustomRoleArn. A
// token may name any role there is: one of another account is never given.
func chooseRole(p *pool, account string, logins []verified, custom string) (string, error) {
	role, err := chosenRole(p, logins, custom)
	if err == nil && !roleARN(account, role) {
		return "", wire.Because(badRoles(), "%q is not a role of this account", role)
	}
	return role, err
}

func chosenRole(p *pool, logins []verified, custom string) (string, error) {
	if len(logins) == 0 {
		if custom != "" {
			return "", wire.Because(notAuthorized("Access to role '"+custom+"' is forbidden."), "a guest asked for a custom role")
		}
		return p.role("unauthenticated")
	}
	for _, l := range logins {
		if m, ok := l.mapping(p); ok {
			return mappedRole(p, m, l, custom)
		}
	}
	if custom != "" {
		return "", wire.Because(notAuthorized("Access to role '"+custom+"' is forbidden."), "CustomRoleArn without a role mapping of type Token")
	}
	return p.role("authenticated")
}

func (p *pool) role(kind string) (string, error) {
	if arn := p.Roles[kind]; arn != "" {
		return arn, nil
	}
	return "", wire.Because(badRoles(), "the pool has no %s role", kind)
}

func badRoles() error {
	return &cognitoidentity.InvalidIdentityPoolConfigurationException{
		Message: wire.Some("Invalid identity pool configuration. Check assigned IAM roles for this pool."),
	}
}

func mappedRole(p *pool, m cognitoidentity.RoleMapping, l verified, custom string) (string, error) {
	if m.Type.V == "Rules" {
		if custom != "" {
			return "", wire.Because(notAuthorized("Access to role '"+custom+"' is forbidden."), "CustomRoleArn with a role mapping of type Rules")
		}
		for _, r := range rulesOf(m) {
			if ruleMatches(r, l.claims) {
				return r.RoleARN.V, nil
			}
		}
		return p.ambiguous(m, "no rule matches the token's claims")
	}
	roles, preferred := l.roles(), l.preferredRoles()
	switch {
	case custom != "" && slices.Contains(roles, custom):
		return custom, nil
	case custom != "":
		return "", wire.Because(notAuthorized("Access to role '"+custom+"' is forbidden."), "CustomRoleArn is not among cognito:roles %q", roles)
	case len(preferred) == 1:
		return preferred[0], nil
	case len(roles) == 1:
		return roles[0], nil
	}
	return p.ambiguous(m, fmt.Sprintf("no cognito:preferred_role and %d cognito:roles in the token", len(roles)))
}

func (p *pool) ambiguous(m cognitoidentity.RoleMapping, why string) (string, error) {
	if m.AmbiguousRoleResolution.V == "AuthenticatedRole" {
		return p.role("authenticated")
	}
	return "", wire.Because(notAuthorized("Access denied: no role can be chosen for the login."), "%s; ambiguous roles are denied", why)
}

func ruleMatches(r cognitoidentity.MappingRule, claims map[string]any) bool {
	v, present := claims[r.Claim.V]
	if !present {
		return false
	}
	got := claimStrings(v)
	match := func(f func(string) bool) bool { return slices.ContainsFunc(got, f) }
	want := r.Value.V
	switch r.MatchType.V {
	case "Equals":
		return match(func(s string) bool { return s == want })
	case "NotEqual":
		return !match(func(s string) bool { return s == want })
	case "StartsWith":
		return match(func(s string) bool { return strings.HasPrefix(s, want) })
	case "Contains":
		return match(func(s string) bool { return strings.Contains(s, want) })
	}
	return false
}

// samlRoles is the attribute of an assertion that names roles, each with the provider that may give it: "role ARN,provider ARN"
// in either order.
const samlRoles = "https://aws.amazon.com/SAML/Attributes/Role"

// roles are those that the login's token names.
func (v verified) roles() []string {
	if !namesRoles(v.Provider) {
		return nil
	}
	roles := claimStrings(v.claims["cognito:roles"])
	if !strings.HasPrefix(v.Provider, "arn:") {
		return roles
	}
	roles = nil
	for _, pair := range claimStrings(v.claims[samlRoles]) {
		a, b, _ := strings.Cut(pair, ",")
		switch a, b = strings.TrimSpace(a), strings.TrimSpace(b); v.Provider {
		case a:
			roles = append(roles, b)
		case b:
			roles = append(roles, a)
		}
	}
	return roles
}

// preferredRoles are the one that the owner of a user pool prefers for the user, or none.
func (v verified) preferredRoles() []string {
	if !strings.HasPrefix(v.Provider, "cognito-idp.") {
		return nil
	}
	return claimStrings(v.claims["cognito:preferred_role"])
}

// claimStrings are the texts of a claim: lists give each element. What is neither text, number nor truth value has none.
func claimStrings(v any) []string {
	switch v := v.(type) {
	case []string:
		return v
	case []any:
		var out []string
		for _, e := range v {
			if text, ok := claimText(e); ok {
				out = append(out, text)
			}
		}
		return out
	}
	if text, ok := claimText(v); ok {
		return []string{text}
	}
	return nil
}

// claimText is a single value as rules and tags compare it: numbers in digits, without an exponent.
func claimText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case json.Number:
		return v.String(), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}
