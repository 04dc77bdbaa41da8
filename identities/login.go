package identities

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"bothy/api/cognitoidentity"
	"bothy/wire"
)

// verified is a login whose token was checked.
type verified struct {
	login
	client string // whom the token was issued to: app client, app id, audience; "" for developer logins and assertions
	method string // the login as trust policies see it: PROVIDER:CognitoSignIn:SUB
	arn    string // IAM's name of the provider, "" where it has none
	claims map[string]any
	tags   map[string]string // session tags that the developer's backend gave
	until  time.Time         // when a developer's token ends; zero for other logins
}

// mapping is the role mapping of the login's provider.
func (v verified) mapping(p *pool) (m cognitoidentity.RoleMapping, ok bool) {
	if strings.HasPrefix(v.method, v.Provider+":CognitoSignIn:") {
		m, ok = p.Mappings[v.Provider+":"+v.client]
		return m, ok
	}
	if m, ok = p.Mappings[v.Provider]; !ok && v.arn != "" {
		m, ok = p.Mappings[v.arn]
	}
	return m, ok
}

// verify checks every login a caller brings against the pool, in the order of the provider names.
func (s *Service) verify(c *wire.Call, p *pool, logins map[string]string) ([]verified, error) {
	var out []verified
	for _, provider := range slices.Sorted(maps.Keys(logins)) {
		v, err := s.verifyOne(c, p, s.usual(provider), logins[provider])
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// usual is the name by which identity pools know a provider: clients name a user pool by the issuer of its tokens, which may be the
// node's own.
func (s *Service) usual(provider string) string {
	if s.cfg.UserPool != nil {
		if name := s.cfg.UserPool(provider); name != "" {
			return name
		}
	}
	return provider
}

func (s *Service) verifyOne(c *wire.Call, p *pool, provider, token string) (verified, error) {
	switch {
	case provider == Issuer:
		return s.verifyDeveloper(c, p, token)
	case slices.ContainsFunc(p.UserPools, func(u userPool) bool { return u.Provider == provider }):
		return s.verifyUserPool(c, p, provider, token)
	case slices.Contains(p.SAML, provider):
		return s.verifySAML(c, provider, token)
	case p.oidcARN(provider) != "":
		return s.verifyOIDC(c, p, provider, token)
	}
	setting, err := s.setting(p, provider)
	switch {
	case err != nil:
		return verified{}, err
	case setting == "":
		return verified{}, wire.Because(unsupported(), "the pool has no provider %q", provider)
	}
	return s.verifySocial(c, p, provider, setting, token)
}

func (s *Service) verifyUserPool(c *wire.Call, p *pool, provider, token string) (verified, error) {
	claims, client, err := s.cfg.Logins.VerifyIDToken(c, provider, token)
	switch {
	case errors.Is(err, ErrLoginExpired):
		return verified{}, wire.Because(notAuthorized(expiredMessage(c, claims)), "login of %s: %v", provider, err)
	case errors.Is(err, ErrLoginInvalid):
		return verified{}, wire.Because(unverifiable(), "login of %s: %v", provider, err)
	case err != nil:
		return verified{}, err
	}
	i := slices.IndexFunc(p.UserPools, func(u userPool) bool { return u.Provider == provider && u.Client == client })
	if i < 0 {
		return verified{}, wire.Because(unsupported(), "the pool does not take app client %q of %s", client, provider)
	}
	if p.UserPools[i].Check {
		if live, err := s.cfg.Logins.Live(c, claims); err != nil {
			return verified{}, err
		} else if !live {
			return verified{}, wire.Because(unverifiable(), "login of %s: ServerSideTokenCheck: the sign-in was ended, or the user is disabled or gone", provider)
		}
	}
	v := verified{login: login{Provider: provider}, client: client, claims: claims}
	return v.of("sub", "CognitoSignIn")
}

// of takes the user from a claim, and says what trust policies see: PROVIDER:by:USER.
func (v verified) of(claim, by string) (verified, error) {
	v.Subject, _ = claimText(v.claims[claim])
	if v.Subject == "" || len(v.Subject) > maxSubject {
		return verified{}, wire.Because(notAuthorized("Invalid login token. Missing a required claim: "+claim), "login of %s: %d bytes", v.Provider, len(v.Subject))
	}
	v.method = v.Provider + ":" + by + ":" + v.Subject
	return v, nil
}

// maxSubject bounds what a provider may call a user, bytes: it is part of a key.
const maxSubject = 1024

func unsupported() error {
	return notAuthorized("Token is not from a supported provider of this identity pool.")
}

func unverifiable() error { return notAuthorized("Invalid login token. Can't verify the token.") }

// expiredMessage is AWS's text; the numbers are there when the claims came along with the refusal.
func expiredMessage(c *wire.Call, claims map[string]any) string {
	exp, ok := claimText(claims["exp"])
	if !ok {
		return "Invalid login token. Token is expired."
	}
	return fmt.Sprintf("Invalid login token. Token expired: %d >= %s", c.Now.Unix(), exp)
}

// amr are the authentication methods of an identity: what trust policies and functions see.
func amr(logins []verified) []string {
	if len(logins) == 0 {
		return []string{"unauthenticated"}
	}
	out := []string{"authenticated"}
	for _, l := range logins {
		out = append(out, l.Provider, l.method)
	}
	return out
}

// providerText is the cognitoAuthenticationProvider a function sees.
func providerText(logins []verified) string {
	if len(logins) == 0 {
		return ""
	}
	return strings.Join(amr(logins)[1:], ",")
}

// guestsRefused is the answer to guests of a pool that requires sign-in.
func guestsRefused(p *pool) error {
	return wire.Because(notAuthorized("Unauthenticated access is not supported for this identity pool."),
		"no Logins given and pool %s takes no guests", p.ID)
}

func conflict(message string) error {
	return &cognitoidentity.ResourceConflictException{Message: wire.Some(message)}
}
