package users

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	return s.fireVersion(c, p, "1", function, trigger, source, clientID, u, request)
}

// fireVersion is fire with an event of a version that the pool's owner chose.
func (s *Service) fireVersion(c *wire.Call, p *pool, version string, function wire.Opt[string], trigger, source, clientID string, u *user, request map[string]any) (map[string]any, error) {
	if !function.Set {
		return nil, nil
	}
	if s.cfg.Invoke == nil { // the pool's settings were made when functions ran: never go on as if the trigger had agreed
		return nil, wire.Because(&cognitoidp.UnexpectedLambdaException{Message: wire.Some(trigger + " invocation failed.")}, "this node runs no functions")
	}
	request["userAttributes"] = eventAttributes(u)
	in, err := json.Marshal(event{version, source, p.Region, p.ID, u.Name, callerContext{c.UserAgent, clientID}, request, map[string]any{}})
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

// eventAttributes are a user's attributes as functions see them; ghosts have none.
func eventAttributes(u *user) map[string]string {
	if u.ghost {
		return map[string]string{}
	}
	m := map[string]string{"sub": u.Sub, "cognito:user_status": u.Status}
	for name, v := range u.Attributes {
		m[name] = v
	}
	if len(u.Identities) > 0 {
		m["identities"] = u.identitiesText()
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
func (s *Service) preAuthentication(c *wire.Call, p *pool, cl *client, u *user, validation map[string]string) error {
	request := map[string]any{"validationData": validation}
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
	if t.linkFor != "" {
		request["linkParameter"] = "{##Click Here##}"
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
