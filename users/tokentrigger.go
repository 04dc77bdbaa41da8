package users

import (
	"slices"
	"strings"

	"bothy/wire"
)

// override is what the token trigger changes. A function of version 1 changes the id token, and the groups of both; one of version
// 2 or 3 changes both tokens.
type override struct {
	ID     tokenChanges
	Access tokenChanges
	Groups *groupsOverride
}

type tokenChanges struct {
	Add            map[string]any `json:"claimsToAddOrOverride"`
	Suppress       []string       `json:"claimsToSuppress"`
	ScopesAdd      []string       `json:"scopesToAdd"`
	ScopesSuppress []string       `json:"scopesToSuppress"`
}

type groupsOverride struct {
	Groups    []string `json:"groupsToOverride"`
	Roles     []string `json:"iamRolesToOverride"`
	Preferred string   `json:"preferredRole"`
}

// overrideV1 is the answer of a function of version 1.
type overrideV1 struct {
	Details *struct {
		tokenChanges
		Groups *groupsOverride `json:"groupOverrideDetails"`
	} `json:"claimsOverrideDetails"`
}

// overrideV2 is the answer of a function of version 2 or 3.
type overrideV2 struct {
	Details *struct {
		ID     tokenChanges    `json:"idTokenGeneration"`
		Access tokenChanges    `json:"accessTokenGeneration"`
		Groups *groupsOverride `json:"groupOverrideDetails"`
	} `json:"claimsAndScopeOverrideDetails"`
}

// fixedClaims are those no function may touch, in either token.
var fixedClaims = []string{
	"acr", "amr", "at_hash", "auth_time", "azp", "event_id", "exp", "iat", "iss", "jti", "nbf", "nonce", "origin_jti", "sub", "token_use",
	"identities", "cognito:groups", "cognito:roles", "cognito:preferred_role",
}

// Claims that are fixed in one of the tokens.
var (
	fixedInID     = []string{"aud", "cognito:username"}
	fixedInAccess = []string{"client_id", "device_key", "scope", "username", "version"}
)

// tokenFunction is the pool's token trigger and the version of its events.
func (p *pool) tokenFunction() (function wire.Opt[string], version string) {
	t := p.Settings.LambdaConfig
	if c := t.PreTokenGenerationConfig; c != nil {
		major, _, _ := strings.Cut(strings.TrimPrefix(c.LambdaVersion.V, "V"), "_")
		return c.LambdaArn, major
	}
	return t.PreTokenGeneration, "1"
}

// tokenTrigger asks the pool's function what to change in tokens; nil: nothing.
func (s *Service) tokenTrigger(c *wire.Call, g *grant, source string, metadata map[string]string) (*override, error) {
	const trigger = "PreTokenGeneration"
	function, version := g.pool.tokenFunction()
	roles, preferred := rolesOf(g.groups)
	request := map[string]any{
		"clientMetadata":     metadata,
		"groupConfiguration": map[string]any{"groupsToOverride": groupNames(g.groups), "iamRolesToOverride": roles, "preferredRole": preferred},
	}
	if version != "1" {
		request["scopes"] = []string{selfScope}
	}
	out, err := s.fireVersion(c, g.pool, version, function, trigger, source, g.client.ID, g.user, request)
	if err != nil || out == nil {
		return nil, err
	}
	return readOverride(trigger, version, out)
}

func readOverride(trigger, version string, response map[string]any) (*override, error) {
	if version == "1" {
		var v1 overrideV1
		if err := readAnswer(trigger, response, &v1); err != nil || v1.Details == nil {
			return nil, err
		}
		return &override{ID: v1.Details.tokenChanges, Groups: v1.Details.Groups}, nil
	}
	var v2 overrideV2
	if err := readAnswer(trigger, response, &v2); err != nil || v2.Details == nil {
		return nil, err
	}
	return &override{v2.Details.ID, v2.Details.Access, v2.Details.Groups}, nil
}

// change changes a token's claims but for those that are fixed.
func (t *tokenChanges) change(m map[string]any, fixed []string) {
	free := func(name string) bool { return !slices.Contains(fixedClaims, name) && !slices.Contains(fixed, name) }
	for name, v := range t.Add {
		if free(name) {
			m[name] = v
		}
	}
	for _, name := range t.Suppress {
		if free(name) {
			delete(m, name)
		}
	}
}

// scopes changes an access token's scopes. Those of Cognito itself can be taken away, never added.
func (t *tokenChanges) scopes(m map[string]any) {
	have, _ := m["scope"].(string)
	var scopes []string
	for _, scope := range strings.Fields(have) {
		if !slices.Contains(t.ScopesSuppress, scope) {
			scopes = append(scopes, scope)
		}
	}
	for _, scope := range t.ScopesAdd {
		if scope != "" && !strings.ContainsAny(scope, " \t\r\n") && !strings.HasPrefix(scope, "aws.cognito.") && !slices.Contains(scopes, scope) {
			scopes = append(scopes, scope)
		}
	}
	m["scope"] = strings.Join(scopes, " ")
}

// idToken changes the claims of an id token.
func (o *override) idToken(m map[string]any) map[string]any {
	if o == nil {
		return m
	}
	o.ID.change(m, fixedInID)
	o.groupNames(m)
	if g := o.Groups; g != nil {
		setOrDrop(m, "cognito:roles", g.Roles, len(g.Roles) > 0)
		setOrDrop(m, "cognito:preferred_role", g.Preferred, g.Preferred != "")
	}
	return m
}

// accessToken changes the claims of an access token. Its audience may be named, but only truthfully.
func (o *override) accessToken(m map[string]any) map[string]any {
	if o == nil {
		return m
	}
	o.Access.change(m, fixedInAccess)
	if m["aud"] != m["client_id"] {
		delete(m, "aud")
	}
	o.Access.scopes(m)
	o.groupNames(m)
	return m
}

// groupNames changes what a token says of groups.
func (o *override) groupNames(m map[string]any) {
	if o.Groups != nil {
		setOrDrop(m, "cognito:groups", o.Groups.Groups, len(o.Groups.Groups) > 0)
	}
}

func setOrDrop(m map[string]any, name string, v any, set bool) {
	if set {
		m[name] = v
	} else {
		delete(m, name)
	}
}
