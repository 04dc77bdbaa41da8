package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"bothy/api/apigateway"
	"bothy/policy"
	"bothy/wire"
)

// authorize decides whether the caller may call the method, and reads the body.
func (x *exchange) authorize() error {
	switch x.m.AuthorizationType.V {
	case "AWS_IAM":
		return x.byPolicy()
	case "COGNITO_USER_POOLS":
		if err := x.anonymous(); err != nil {
			return err
		}
		return x.byToken()
	case "NONE":
		return x.anonymous()
	}
	return failed(500, "authorization type "+x.m.AuthorizationType.V)
}

// byPolicy asks for a signature and lets the principal's policies and the API's decide.
func (x *exchange) byPolicy() error {
	c, err := x.s.cfg.Auth(x.r, MaxBody)
	if c != nil {
		x.name(c.Principal)
	}
	if err != nil {
		return notAuthentic(err)
	}
	if c == nil || c.Principal == nil || c.Principal.Kind == wire.Anonymous {
		return missingToken("the request has no principal")
	}
	x.call = c
	if err := x.readBody(); err != nil {
		return err
	}
	return x.decide(c)
}

func (x *exchange) name(p *wire.Principal) {
	if p == nil {
		return
	}
	x.trace.AccessKey = p.AccessKey
	if p.ARN != "" {
		x.trace.Principal = p.ARN
	}
}

// anonymous reads the body and, where the API has a policy, asks it about a caller without credentials.
func (x *exchange) anonymous() error {
	x.call = &wire.Call{
		Context: x.r.Context(), RequestID: x.id, Now: x.began, Account: x.where.Account, Region: x.where.Region, Principal: &wire.Principal{},
		SourceIP: wire.SourceIP(x.r), UserAgent: x.r.UserAgent(), Host: wire.HostOf(x.r), HTTP: x.r, Header: http.Header{},
	}
	if err := x.readBody(); err != nil {
		return err
	}
	if len(x.api.policy) == 0 {
		return nil
	}
	return x.decide(x.call)
}

const invokeAction = "execute-api:Invoke"

func (x *exchange) decide(c *wire.Call) error {
	arn := x.arn()
	d := wire.Decide(c, wire.Access{Action: invokeAction, Resource: arn, Policies: x.api.policy, Owner: x.where.Account, Keys: policy.Keys{}})
	x.trace.Decisions = append(x.trace.Decisions, wire.TracedDecision{Action: invokeAction, Resource: arn, Allowed: d.Allowed, Reason: d.Reason, Failed: d.Failed})
	if d.Allowed {
		return nil
	}
	who := c.Principal.ARN
	if who == "" {
		who = "anonymous"
	}
	message := fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s", who, invokeAction, mask(arn, x.where.Account))
	if d.Explicit {
		message += " with an explicit deny"
	}
	return &refusal{kind: "ACCESS_DENIED", status: 403, code: "AccessDeniedException", message: message, capital: true, reason: d.Reason}
}

// mask hides most of the account, as AWS does: the caller may be a stranger.
func mask(arn, account string) string {
	if len(account) != 12 {
		return arn
	}
	return strings.Replace(arn, ":"+account+":", ":********"+account[8:]+":", 1)
}

func unauthorized(reason string) error {
	return &refusal{kind: "UNAUTHORIZED", status: 401, code: "UnauthorizedException", message: "Unauthorized", reason: reason}
}

// byToken asks for a token of one of the authorizer's user pools.
func (x *exchange) byToken() error {
	z := x.api.def.Authorizers[x.m.AuthorizerId.V]
	if z == nil {
		return &refusal{kind: "AUTHORIZER_CONFIGURATION_ERROR", status: 500, code: "AuthorizerConfigurationException", message: "Internal server error", reason: "the authorizer is gone"}
	}
	token := x.r.Header.Get(strings.TrimPrefix(z.IdentitySource.V, identityHeader))
	if token == "" {
		return unauthorized("no token in " + z.IdentitySource.V)
	}
	if expr := z.IdentityValidationExpression.V; expr != "" {
		if re, err := regexp.Compile("^(?:" + expr + ")$"); err != nil || !re.MatchString(token) {
			return unauthorized("the token does not match the authorizer's expression")
		}
	}
	if scheme, rest, found := strings.Cut(token, " "); found && strings.EqualFold(scheme, "Bearer") {
		token = strings.TrimSpace(rest)
	}
	return x.verify(z, token)
}

func (x *exchange) verify(z *apigateway.Authorizer, token string) error {
	scopes := x.m.AuthorizationScopes
	var reasons []error
	for _, arn := range z.ProviderARNs {
		claims, err := x.s.cfg.Tokens.VerifyToken(x.r.Context(), poolARN.FindStringSubmatch(arn)[1], token, len(scopes) > 0)
		if err != nil {
			reasons = append(reasons, err)
			continue
		}
		if len(scopes) > 0 && !hasScope(claims, scopes) {
			return unauthorized(fmt.Sprintf("scopes: one of %v wanted, got %v", scopes, claims["scope"]))
		}
		x.claims = claims
		if sub, ok := claims["sub"].(string); ok {
			x.trace.Principal = "user pool user " + sub
		}
		return nil
	}
	err := errors.Join(reasons...)
	if errors.Is(err, ErrTokenExpired) {
		return &refusal{kind: "EXPIRED_TOKEN", status: 401, code: "UnauthorizedException", message: "The incoming token has expired", reason: err.Error()}
	}
	return unauthorized(err.Error())
}

func hasScope(claims map[string]any, wanted []string) bool {
	text, _ := claims["scope"].(string)
	for _, have := range strings.Fields(text) {
		for _, w := range wanted {
			if have == w {
				return true
			}
		}
	}
	return false
}
