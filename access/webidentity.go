package access

import (
	"errors"
	"fmt"
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
	account, _, _ := parseRoleARN(in.RoleArn.V)
	issuer, claims, err := s.verifyToken(c, account, in.WebIdentityToken.V)
	if err != nil {
		return nil, err
	}
	brought, err := webBaggage(claims)
	if err != nil {
		return nil, err
	}
	documents, err := s.sessionPolicies(c, account, in.Policy, in.PolicyArns)
	if err != nil {
		return nil, err
	}
	subject, audience := claimText(claims["sub"]), first(claimList(claims["aud"]))
	spec := Spec{RoleARN: in.RoleArn.V, SessionName: in.RoleSessionName.V, Federated: issuer, Policies: documents,
		Keys: webKeys(issuer, claims), TrustKeys: brought.trustKeys(c.SourceIP), Tags: brought.Tags, Transitive: brought.Transitive, SourceIdentity: brought.Source}
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
		SubjectFromWebIdentityToken: wire.Some(subject), Provider: wire.Some(issuer), Audience: wire.Some(audience), SourceIdentity: wire.NonEmpty(brought.Source)}, nil
}

// ownIssuer tells whether the node itself issues such tokens, as AWS does elsewhere: nobody is asked for keys.
func ownIssuer(issuer string) bool {
	return issuer == cognito || strings.HasPrefix(issuer, "cognito-idp.") && strings.Contains(issuer, ".amazonaws.com/")
}

// verifyToken asks the account's provider that the token says it is of, or the node's own. Tokens of user pools need a provider too, which
// says for which of their clients they are good.
func (s *Service) verifyToken(c *wire.Call, account, token string) (issuer string, claims map[string]any, err error) {
	issuer = claimedIssuer(token)
	provider, err := s.oidcProvider(c, oidcARN(account, issuer))
	switch {
	case err != nil:
	case strings.HasPrefix(issuer, s.cfg.BaseURL()+IssuerPath): // as at AWS: its own tokens are for others
		err = ErrTokenInvalid
	case provider != nil && provider.URL == issuer && !ownIssuer(withoutScheme(issuer)):
		claims, err = s.verifyOIDC(c, provider, token)
	case s.cfg.WebTokens == nil:
		err = ErrTokenInvalid
	default:
		issuer, claims, err = s.cfg.WebTokens.Verify(c, issuer, token)
		if err == nil && withoutScheme(issuer) != cognito && !provider.takes(issuer, claims) {
			err = fmt.Errorf("%w: the account has no provider %s, or not for audience %v", ErrTokenInvalid, issuer, claims["aud"])
		}
	}
	switch {
	case errors.Is(err, errProvider):
		return "", nil, wire.Because(&sts.IDPCommunicationErrorException{Message: wire.Some("Couldn't retrieve verification key from your identity provider")}, "%v", err)
	case errors.Is(err, ErrTokenExpired):
		return "", nil, wire.Because(&sts.ExpiredTokenException{Message: wire.Some("Token expired")}, "%v", err)
	case errors.Is(err, ErrTokenInvalid):
		return "", nil, wire.Because(&sts.InvalidIdentityTokenException{Message: wire.Some("The web identity token that was passed could not be validated")}, "%v", err)
	}
	return withoutScheme(issuer), claims, err
}

// Claims by which a provider gives a session tags and names who is behind it.
const (
	tagsClaim   = "https://aws.amazon.com/tags"
	sourceClaim = "https://aws.amazon.com/source_identity"
)

// webBaggage is what a token gives to its session.
func webBaggage(claims map[string]any) (*baggage, error) {
	b := &baggage{Tags: map[string]string{}, Source: claimText(claims[sourceClaim])}
	claim, _ := claims[tagsClaim].(map[string]any)
	asked, _ := claim["principal_tags"].(map[string]any)
	for _, key := range sortedNames(asked) {
		values := claimList(asked[key])
		if len(values) != 1 {
			return nil, rejectedClaim("tag %s has %d values", key, len(values))
		}
		if err := b.add(key, values[0]); err != nil {
			return nil, err
		}
	}
	for _, key := range claimList(claim["transitive_tag_keys"]) {
		if !b.has(key) {
			return nil, rejectedClaim("transitive tag %s is not among the tags", key)
		}
		b.Transitive = append(b.Transitive, key)
	}
	if b.Source != "" && !sourcePattern.MatchString(b.Source) {
		return nil, rejectedClaim("source identity %q", b.Source)
	}
	return b, nil
}

// rejectedClaim is the answer to a provider's word that makes no session.
func rejectedClaim(format string, a ...any) error {
	return wire.Because(&sts.IDPRejectedClaimException{Message: wire.Some("The identity provider's claims cannot be used")}, format, a...)
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
