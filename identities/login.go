package identities

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"bothy/api/cognitoidentity"
	"bothy/wire"
)

// verified is a login whose token was checked.
type verified struct {
	login
	client string // app client of a user pool; "" for developer logins
	method string // the login as trust policies see it: PROVIDER:CognitoSignIn:SUB
	claims map[string]any
}

// mappingKey names the login's provider in role mappings.
func (v verified) mappingKey() string {
	if v.client == "" {
		return v.Provider
	}
	return v.Provider + ":" + v.client
}

// verify checks every login a caller brings against the pool, in the order of the provider names.
func (s *Service) verify(c *wire.Call, p *pool, logins map[string]string) ([]verified, error) {
	var out []verified
	for _, provider := range slices.Sorted(maps.Keys(logins)) {
		var v verified
		var err error
		if provider == Issuer {
			v, err = s.verifyDeveloper(c, p, logins[provider])
		} else {
			v, err = s.verifyUserPool(c, p, provider, logins[provider])
		}
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

func (s *Service) verifyUserPool(c *wire.Call, p *pool, provider, token string) (verified, error) {
	unsupported := notAuthorized("Token is not from a supported provider of this identity pool.")
	if !slices.ContainsFunc(p.UserPools, func(u userPool) bool { return u.Provider == provider }) {
		return verified{}, wire.Because(unsupported, "the pool has no provider %q", provider)
	}
	claims, client, err := s.cfg.Logins.VerifyIDToken(c, provider, token)
	switch {
	case errors.Is(err, ErrLoginExpired):
		return verified{}, wire.Because(notAuthorized(expiredMessage(c, claims)), "login of %s: %v", provider, err)
	case errors.Is(err, ErrLoginInvalid):
		return verified{}, wire.Because(notAuthorized("Invalid login token. Can't verify the token."), "login of %s: %v", provider, err)
	case err != nil:
		return verified{}, err
	}
	i := slices.IndexFunc(p.UserPools, func(u userPool) bool { return u.Provider == provider && u.Client == client })
	if i < 0 {
		return verified{}, wire.Because(unsupported, "the pool does not take app client %q of %s", client, provider)
	}
	if p.UserPools[i].Check {
		if live, err := s.cfg.Logins.Live(c, claims); err != nil {
			return verified{}, err
		} else if !live {
			return verified{}, wire.Because(notAuthorized("Invalid login token. Can't verify the token."), "login of %s: ServerSideTokenCheck: the sign-in was ended, or the user is disabled or gone", provider)
		}
	}
	sub, _ := claims["sub"].(string)
	if sub == "" {
		return verified{}, wire.Because(notAuthorized("Invalid login token. Missing a required claim: sub"), "login of %s has no sub", provider)
	}
	return verified{login{provider, sub}, client, provider + ":CognitoSignIn:" + sub, claims}, nil
}

// expiredMessage is AWS's text; the numbers are there when the claims came along with the refusal.
func expiredMessage(c *wire.Call, claims map[string]any) string {
	exp, _ := claims["exp"].(float64)
	return fmt.Sprintf("Invalid login token. Token expired: %d >= %d", c.Now.Unix(), int64(exp))
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
	var parts []string
	for _, l := range logins {
		parts = append(parts, l.Provider, l.method)
	}
	return strings.Join(parts, ",")
}

// guestsRefused is the answer to guests of a pool that requires sign-in.
func guestsRefused(p *pool) error {
	return wire.Because(notAuthorized("Unauthenticated access is not supported for this identity pool."),
		"no Logins given and pool %s takes no guests", p.ID)
}

func conflict(message string) error {
	return &cognitoidentity.ResourceConflictException{Message: wire.Some(message)}
}
