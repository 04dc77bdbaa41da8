package users

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"bothy/kv"
	"bothy/wire"
)

// mostTokenBytes is the longest token that is looked at; none of ours comes near.
const mostTokenBytes = 64 << 10

// Refusals of VerifyIDToken are one of these, for errors.Is.
var (
	ErrTokenExpired = errors.New("users: token expired")
	ErrTokenInvalid = errors.New("users: token invalid")
)

// TokenError says why a token is refused. It is ErrTokenExpired when the token was good once, else ErrTokenInvalid.
type TokenError struct {
	Reason string
	Late   bool
}

func (e *TokenError) Error() string { return "users: token refused: " + e.Reason }

// Is tells a token that was good once from one that never was.
func (e *TokenError) Is(target error) bool {
	return e.Late && target == ErrTokenExpired || !e.Late && target == ErrTokenInvalid
}

func badJWT(format string, a ...any) error { return &TokenError{Reason: fmt.Sprintf(format, a...)} }

// claims are a token's claims, once its signature is known to be good.
type claims map[string]any

func (m claims) text(name string) string { v, _ := m[name].(string); return v }

// pool is the pool whose key signed the token.
func (m claims) pool() string {
	iss := m.text("iss")
	return iss[strings.LastIndexByte(iss, '/')+1:]
}

func (m claims) time(name string) time.Time {
	v, _ := m[name].(float64)
	return time.Unix(int64(v), 0)
}

// VerifyIDToken checks an id token of the pool that provider names: a pool id, "cognito-idp.REGION.amazonaws.com/POOL", or the pool at the node's own domain.
// It returns the claims and the client the token was made for. Its refusals are *TokenError, ErrTokenExpired or ErrTokenInvalid to errors.Is.
// The claims of a token that was good once come along with ErrTokenExpired. Whether the sign-in was revoked since is a question for SessionLive.
func (s *Service) VerifyIDToken(ctx context.Context, provider, token string) (map[string]any, string, error) {
	poolID := provider
	if strings.Contains(provider, "/") {
		if poolID = s.PoolOfIssuer("https://" + provider); poolID == "" {
			return nil, "", badJWT("%q is not a user pool", provider)
		}
	}
	m, err := s.verifyOf(ctx, poolID, token, "id")
	return m, m.text("aud"), err
}

// VerifyAccessToken checks an access token of the pool, as VerifyIDToken does an id token.
func (s *Service) VerifyAccessToken(ctx context.Context, poolID, token string) (map[string]any, error) {
	return s.verifyOf(ctx, poolID, token, "access")
}

func (s *Service) verifyOf(ctx context.Context, poolID, token, use string) (claims, error) {
	m, err := s.verify(ctx, s.cfg.Account(), token, use, s.cfg.Now())
	if err != nil {
		return m, err
	}
	if got := s.PoolOfIssuer(m.text("iss")); got != poolID {
		return nil, badJWT("the token is of pool %q, not %q", got, poolID)
	}
	return m, nil
}

// SessionLive tells whether the sign-in behind verified claims still stands: user there and enabled, session not revoked. A
// token that a client got for itself stands as long as the client may have one.
func (s *Service) SessionLive(ctx context.Context, claims map[string]any) (live bool, err error) {
	account := s.cfg.Account()
	err = s.view(ctx, func(tx *kv.Tx) error {
		if isMachine(claims) {
			live, err = machineLive(tx, account, claims)
			return err
		}
		_, _, err := liveUser(tx, account, claims)
		if refused := (wire.Fault)(nil); errors.As(err, &refused) {
			return nil
		}
		live = err == nil
		return err
	})
	return live, err
}

// verify checks a token of any pool here: its form, algorithm, signature, issuer, use and time.
func (s *Service) verify(ctx context.Context, account, token, use string, now time.Time) (claims, error) {
	if len(token) > mostTokenBytes {
		return nil, badJWT("%d bytes long", len(token))
	}
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return nil, badJWT("not a JWT signed with RS256: %v", err)
	}
	var m claims // not proved yet
	if err := json.Unmarshal(signed.UnsafePayloadWithoutVerification(), &m); err != nil {
		return nil, badJWT("the payload is not JSON")
	}
	keys, err := s.keysOfIssuer(ctx, account, m.text("iss"))
	if err != nil {
		return nil, err
	}
	kid := signed.Signatures[0].Header.KeyID
	public := keys.public(now)
	found := public.Key(kid)
	if len(found) != 1 {
		return nil, badJWT("key %q is none of the pool's", kid)
	}
	if _, err := signed.Verify(found[0].Key); err != nil {
		return nil, badJWT("the signature does not match")
	}
	if got := m.text("token_use"); got != use {
		return nil, badJWT("token_use is %q, not %q", got, use)
	}
	if end := m.time("exp"); !now.Before(end) {
		return m, &TokenError{Reason: "expired at " + end.UTC().Format(time.RFC3339), Late: true}
	}
	return m, nil
}

func (s *Service) keysOfIssuer(ctx context.Context, account, iss string) (*signer, error) {
	id := s.PoolOfIssuer(iss)
	if id == "" {
		return nil, badJWT("issuer %.100q is not a user pool", iss)
	}
	keys, err := s.keptSigner(ctx, account, id)
	if err == nil && keys == nil {
		err = badJWT("pool %q is not here, or never signed a token", id)
	}
	return keys, err
}

// bearer is whom an access token speaks for.
type bearer struct {
	pool   *pool
	client *client
	user   *user
	origin string
}

// accessToken checks an access token and says what is wrong as AWS does.
func (s *Service) accessToken(c *wire.Call, token string) (claims, error) {
	m, err := s.verify(c, c.Account, token, "access", c.Now)
	if refused := (*TokenError)(nil); errors.As(err, &refused) {
		if refused.Late {
			return nil, wire.Because(notAuthorized("Access Token has expired"), "%s", refused.Reason)
		}
		return nil, wire.Because(notAuthorized("Invalid Access Token"), "%s", refused.Reason)
	}
	if err == nil && !strings.Contains(" "+m.text("scope")+" ", " "+selfScope+" ") {
		return nil, wire.Because(notAuthorized("Access Token does not have required scopes"), "scope is %q", m.text("scope"))
	}
	return m, err
}

// bearerOf reads whom verified access-token claims speak for. It refuses users and sign-ins that no longer stand.
func bearerOf(tx *kv.Tx, account string, m claims) (*bearer, error) {
	u, p, err := liveUser(tx, account, m)
	if err != nil {
		return nil, err
	}
	cl, err := clients.Get(tx, everywhere(account), m.text("client_id"))
	if absent(err) {
		return nil, noClient(m.text("client_id"))
	}
	return &bearer{p, cl, u, m.text("origin_jti")}, err
}

func liveUser(tx *kv.Tx, account string, m claims) (*user, *pool, error) {
	p, err := poolByID(tx, account, m.pool())
	if err != nil {
		return nil, nil, err
	}
	u, err := people.Get(tx, inPool(account, p.ID), p.ID, m.text("sub"))
	if absent(err) {
		return nil, nil, wire.Because(noUser(), "the token's user %s was deleted", m.text("sub"))
	}
	if err != nil {
		return nil, nil, err
	}
	if u.Disabled {
		return nil, nil, isDisabled()
	}
	ses, err := sessions.Get(tx, inPool(account, p.ID), p.ID, u.Sub, m.text("origin_jti"))
	if err != nil && !absent(err) {
		return nil, nil, err
	}
	if err != nil || !ses.standsFor(u) {
		return nil, nil, wire.Because(notAuthorized("Access Token has been revoked"), "the sign-in %s was ended", m.text("origin_jti"))
	}
	return u, p, nil
}

// standsFor tells whether the session began after the user last signed out everywhere.
func (ses *session) standsFor(u *user) bool {
	return ses.SignOuts == u.SignOuts && ses.AuthTime.After(u.SignedOut)
}

// asBearer runs fn in a transaction with whom the access token speaks for.
func (s *Service) asBearer(c *wire.Call, token string, fn func(tx *kv.Tx, b *bearer) error) error {
	m, err := s.accessToken(c, token)
	if err != nil {
		return err
	}
	return s.update(c, func(tx *kv.Tx) error {
		b, err := bearerOf(tx, c.Account, m)
		if err != nil {
			return err
		}
		return fn(tx, b)
	})
}
