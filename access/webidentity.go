package access

import (
	"errors"
	"strings"

	"bothy/api/sts"
	"bothy/policy"
	"bothy/wire"
)

// Why a web identity's token is refused; WebTokens wraps them.
var (
	ErrTokenExpired = errors.New("access: web identity token expired")
	ErrTokenInvalid = errors.New("access: web identity token invalid")
)

// cognito is the issuer of identity pools' tokens.
const cognito = "cognito-identity.amazonaws.com"

func (s *Service) assumeRoleWithWebIdentity(c *wire.Call, in *sts.AssumeRoleWithWebIdentityInput) (*sts.AssumeRoleWithWebIdentityOutput, error) {
	if in.ProviderId.Set {
		return nil, wire.Fail(400, "ValidationError", "ProviderId is for OAuth 2.0 access tokens, which are not supported.")
	}
	issuer, claims, err := s.verifyToken(c, in.WebIdentityToken.V)
	if err != nil {
		return nil, err
	}
	account, _, _ := parseRoleARN(in.RoleArn.V)
	documents, err := s.sessionPolicies(c, account, in.Policy, in.PolicyArns)
	if err != nil {
		return nil, err
	}
	subject, audience := claimText(claims["sub"]), first(claimList(claims["aud"]))
	spec := Spec{RoleARN: in.RoleArn.V, SessionName: in.RoleSessionName.V, Federated: issuer, Policies: documents,
		Keys: webKeys(issuer, claims), Tags: webTags(claims), TrustKeys: policy.Keys{"aws:sourceip": {c.SourceIP}}}
	if issuer != cognito {
		spec.Federated = "arn:aws:iam::" + account + ":oidc-provider/" + issuer
	} else {
		spec.Identity = cognitoIdentity(subject, audience, claimList(claims["amr"]))
	}
	if spec.Duration, err = s.duration(c, in.RoleArn.V, in.DurationSeconds, false); err != nil {
		return nil, err
	}
	issued, err := s.Issue(c, spec)
	if err != nil {
		return nil, err
	}
	return &sts.AssumeRoleWithWebIdentityOutput{Credentials: issued.api(), AssumedRoleUser: issued.assumed(), PackedPolicySize: packedSize(documents),
		SubjectFromWebIdentityToken: wire.Some(subject), Provider: wire.Some(issuer), Audience: wire.Some(audience)}, nil
}

func (s *Service) verifyToken(c *wire.Call, token string) (issuer string, claims map[string]any, err error) {
	if s.cfg.WebTokens == nil {
		err = ErrTokenInvalid
	} else {
		issuer, claims, err = s.cfg.WebTokens.Verify(c, token)
	}
	switch {
	case errors.Is(err, ErrTokenExpired):
		return "", nil, wire.Because(&sts.ExpiredTokenException{Message: wire.Some("Token expired")}, "%v", err)
	case errors.Is(err, ErrTokenInvalid):
		return "", nil, wire.Because(&sts.InvalidIdentityTokenException{Message: wire.Some("The web identity token that was passed could not be validated")}, "%v", err)
	}
	return strings.TrimPrefix(issuer, "https://"), claims, err
}

// webKeys are the condition keys of a web identity: ISSUER:aud, :sub, :amr, …
func webKeys(issuer string, claims map[string]any) policy.Keys {
	k := policy.Keys{}
	for _, name := range []string{"aud", "sub", "amr", "azp", "email", "oaud"} {
		if v := claimList(claims[name]); len(v) > 0 {
			k[strings.ToLower(issuer)+":"+name] = v
		}
	}
	return k
}

// webTags are the session tags that a token asks for: one value each, in the claim that AWS reads.
func webTags(claims map[string]any) map[string]string {
	claim, _ := claims["https://aws.amazon.com/tags"].(map[string]any)
	asked, _ := claim["principal_tags"].(map[string]any)
	tags := map[string]string{}
	for key, v := range asked {
		if texts := claimList(v); len(texts) == 1 {
			tags[key] = texts[0]
		}
	}
	return tags
}

func cognitoIdentity(id, pool string, amr []string) *wire.CognitoIdentity {
	out := &wire.CognitoIdentity{ID: id, PoolID: pool, AuthType: first(amr)}
	if len(amr) > 1 {
		out.Provider = strings.Join(amr[1:], ",")
	}
	return out
}

func claimText(v any) string {
	text, _ := v.(string)
	return text
}

// claimList is a claim that may be one string or a list of them.
func claimList(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []string:
		return v
	case []any:
		var out []string
		for _, item := range v {
			if text, ok := item.(string); ok {
				out = append(out, text)
			}
		}
		return out
	}
	return nil
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}
