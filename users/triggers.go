package users

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"bothy/api/cognitoidp"
	"bothy/wire"
)

// A trigger gets five seconds and, when it could not be run, two more tries; AWS does the same.
const (
	triggerTime  = 5 * time.Second
	triggerTries = 3
)

// FunctionError is a failure of the function's own code: what it threw.
type FunctionError struct{ Message string }

func (e *FunctionError) Error() string { return "function failed: " + e.Message }

// event is what a trigger is given and gives back, with its answer in Response.
type event struct {
	Version       string         `json:"version"`
	TriggerSource string         `json:"triggerSource"`
	Region        string         `json:"region"`
	UserPoolID    string         `json:"userPoolId"`
	UserName      string         `json:"userName"`
	CallerContext callerContext  `json:"callerContext"`
	Request       map[string]any `json:"request"`
	Response      map[string]any `json:"response"`
}

type callerContext struct {
	SDK    string `json:"awsSdkVersion"`
	Client string `json:"clientId"`
}

// fire runs a trigger, when the pool has it, and returns the response part of its answer. Call it outside of transactions.
func (s *Service) fire(c *wire.Call, p *pool, function wire.Opt[string], trigger, source, clientID string, u *user, request map[string]any) (map[string]any, error) {
	if !function.Set {
		return nil, nil
	}
	if s.cfg.Invoke == nil { // the pool's settings were made when functions ran: never go on as if the trigger had agreed
		return nil, wire.Because(&cognitoidp.UnexpectedLambdaException{Message: wire.Some(trigger + " invocation failed.")}, "this node runs no functions")
	}
	request["userAttributes"] = eventAttributes(u)
	in, err := json.Marshal(event{"1", source, p.Region, p.ID, u.Name, callerContext{c.UserAgent, clientID}, request, map[string]any{}})
	if err != nil {
		return nil, err
	}
	out, err := s.invoke(c, function.V, poolARN(c.Account, p.ID), in)
	if thrown := (*FunctionError)(nil); errors.As(err, &thrown) {
		return nil, &cognitoidp.UserLambdaValidationException{Message: wire.Some(fmt.Sprintf("%s failed with error %s.", trigger, thrown.Message))}
	}
	if err != nil {
		return nil, wire.Because(&cognitoidp.UnexpectedLambdaException{Message: wire.Some(trigger + " invocation failed.")}, "%v", err)
	}
	var answer event
	if err := json.Unmarshal(out, &answer); err != nil {
		return nil, wire.Because(&cognitoidp.InvalidLambdaResponseException{Message: wire.Some("Unrecognizable lambda output")}, "%s: %v", function.V, err)
	}
	return answer.Response, nil
}

func (s *Service) invoke(ctx context.Context, function, pool string, in []byte) (out []byte, err error) {
	for range triggerTries {
		limited, cancel := context.WithTimeout(ctx, triggerTime)
		out, err = s.cfg.Invoke.Invoke(limited, function, pool, in)
		cancel()
		if thrown := (*FunctionError)(nil); err == nil || errors.As(err, &thrown) || ctx.Err() != nil {
			break
		}
	}
	return out, err
}

func eventAttributes(u *user) map[string]string {
	m := map[string]string{"sub": u.Sub, "cognito:user_status": u.Status}
	for name, v := range u.Attributes {
		m[name] = v
	}
	return m
}

// preSignUp asks the pool's function about a new user; it may confirm them and vouch for their addresses.
func (s *Service) preSignUp(c *wire.Call, p *pool, source, clientID string, u *user, validation []cognitoidp.AttributeType, metadata map[string]string) error {
	data := map[string]string{}
	for _, v := range validation {
		data[v.Name.V] = v.Value.V
	}
	out, err := s.fire(c, p, p.Settings.LambdaConfig.PreSignUp, "PreSignUp", source, clientID, u, map[string]any{"validationData": data, "clientMetadata": metadata})
	if err != nil {
		return err
	}
	if out["autoConfirmUser"] == true && u.Status == unconfirmed {
		u.Status = confirmed
	}
	for answer, name := range map[string]string{"autoVerifyEmail": "email", "autoVerifyPhone": "phone_number"} {
		if out[answer] != true {
			continue
		}
		if u.Attributes[name] == "" {
			return invalid("Cannot auto verify %s: the user has none.", name)
		}
		u.Attributes[name+"_verified"] = "true"
	}
	return nil
}

func (s *Service) postConfirmation(c *wire.Call, p *pool, source, clientID string, u *user, metadata map[string]string) error {
	_, err := s.fire(c, p, p.Settings.LambdaConfig.PostConfirmation, "PostConfirmation", source, clientID, u, map[string]any{"clientMetadata": metadata})
	return err
}

// preAuthentication may stop a sign-in before the password is looked at. Ghosts are announced as such.
func (s *Service) preAuthentication(c *wire.Call, p *pool, cl *client, u *user, metadata map[string]string) error {
	request := map[string]any{"validationData": metadata}
	if cl.hides() {
		request["userNotFound"] = u.ghost
	}
	_, err := s.fire(c, p, p.Settings.LambdaConfig.PreAuthentication, "PreAuthentication", "PreAuthentication_Authentication", cl.ID, u, request)
	return err
}

func (s *Service) postAuthentication(c *wire.Call, g *grant, metadata map[string]string) error {
	request := map[string]any{"newDeviceUsed": g.newDevice, "clientMetadata": metadata}
	_, err := s.fire(c, g.pool, g.pool.Settings.LambdaConfig.PostAuthentication, "PostAuthentication", "PostAuthentication_Authentication", g.client.ID, g.user, request)
	return err
}

// customMessage lets the pool's function rewrite a message. A text without the code's mark is not taken.
func (s *Service) customMessage(c *wire.Call, p *pool, source, clientID string, u *user, t template, metadata map[string]string) (template, error) {
	request := map[string]any{"codeParameter": codeMark, "usernameParameter": nil, "linkParameter": "", "clientMetadata": metadata}
	if source == "CustomMessage_AdminCreateUser" {
		request["usernameParameter"] = usernameMark
	}
	out, err := s.fire(c, p, p.Settings.LambdaConfig.CustomMessage, "CustomMessage", source, clientID, u, request)
	if err != nil {
		return t, err
	}
	take := func(name string, to *string) {
		if v, _ := out[name].(string); v != "" {
			*to = v
		}
	}
	take("emailSubject", &t.subject)
	take("emailMessage", &t.email)
	take("smsMessage", &t.sms)
	return t, nil
}

// override is what the token trigger changes.
type override struct {
	Claims struct {
		Add      map[string]any  `json:"claimsToAddOrOverride"`
		Suppress []string        `json:"claimsToSuppress"`
		Groups   *groupsOverride `json:"groupOverrideDetails"`
	} `json:"claimsOverrideDetails"`
}

type groupsOverride struct {
	Groups    []string `json:"groupsToOverride"`
	Roles     []string `json:"iamRolesToOverride"`
	Preferred string   `json:"preferredRole"`
}

// fixedClaims are those no function may touch.
var fixedClaims = []string{
	"acr", "amr", "at_hash", "aud", "auth_time", "azp", "cognito:username", "event_id", "exp", "iat", "iss", "jti", "nbf", "nonce", "origin_jti", "sub", "token_use",
	"identities", "cognito:groups", "cognito:roles", "cognito:preferred_role",
}

func (s *Service) tokenTrigger(c *wire.Call, g *grant, source string, metadata map[string]string) (*override, error) {
	t := g.pool.Settings.LambdaConfig
	function := t.PreTokenGeneration
	if t.PreTokenGenerationConfig != nil {
		function = t.PreTokenGenerationConfig.LambdaArn
	}
	roles, preferred := rolesOf(g.groups)
	out, err := s.fire(c, g.pool, function, "PreTokenGeneration", source, g.client.ID, g.user, map[string]any{
		"clientMetadata":     metadata,
		"groupConfiguration": map[string]any{"groupsToOverride": groupNames(g.groups), "iamRolesToOverride": roles, "preferredRole": preferred},
	})
	if err != nil || out == nil {
		return nil, err
	}
	raw, err := json.Marshal(out)
	if err != nil {
		return nil, err
	}
	o := new(override)
	if err := json.Unmarshal(raw, o); err != nil {
		return nil, wire.Because(&cognitoidp.InvalidLambdaResponseException{Message: wire.Some("Unrecognizable lambda output")}, "%v", err)
	}
	return o, nil
}

// apply changes the claims of an id token.
func (o *override) apply(m map[string]any) map[string]any {
	if o == nil {
		return m
	}
	for name, v := range o.Claims.Add {
		if !slices.Contains(fixedClaims, name) {
			m[name] = v
		}
	}
	for _, name := range o.Claims.Suppress {
		if !slices.Contains(fixedClaims, name) {
			delete(m, name)
		}
	}
	m = o.groupsOnly(m)
	if g := o.Claims.Groups; g != nil {
		setOrDrop(m, "cognito:roles", g.Roles, len(g.Roles) > 0)
		setOrDrop(m, "cognito:preferred_role", g.Preferred, g.Preferred != "")
	}
	return m
}

// groupsOnly changes what an access token says of groups.
func (o *override) groupsOnly(m map[string]any) map[string]any {
	if o != nil && o.Claims.Groups != nil {
		setOrDrop(m, "cognito:groups", o.Claims.Groups.Groups, len(o.Claims.Groups.Groups) > 0)
	}
	return m
}

func setOrDrop(m map[string]any, name string, v any, set bool) {
	if set {
		m[name] = v
	} else {
		delete(m, name)
	}
}
