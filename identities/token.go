package identities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"bothy/api/cognitoidentity"
	"bothy/kv"
	"bothy/wire"
)

// claims are what an OpenID token of ours says.
type claims struct {
	jwt.Claims
	AMR  []string  `json:"amr"`
	Tags *tagClaim `json:"https://aws.amazon.com/tags,omitempty"`
}

// getOpenIDToken gives a token for STS (the basic flow).
func (s *Service) getOpenIDToken(c *wire.Call, in *cognitoidentity.GetOpenIdTokenInput) (*cognitoidentity.GetOpenIdTokenOutput, error) {
	who, err := s.resolve(c, in.IdentityId.V, in.Logins)
	if err != nil {
		return nil, err
	}
	if !who.pool.Classic {
		return nil, wire.Because(invalid("Basic (classic) flow is not enabled, please use enhanced flow."), "AllowClassicFlow of pool %s is false", who.pool.ID)
	}
	token, err := s.sign(c, who, who.tokenEnd(c.Now))
	return &cognitoidentity.GetOpenIdTokenOutput{IdentityId: wire.Some(who.id), Token: wire.Some(token)}, err
}

// tokenEnd is when a token made now ends. It outlives no token of a developer that it was asked with: presented in turn, it would
// go on for ever.
func (r *resolved) tokenEnd(now time.Time) time.Time {
	end := now.Add(TokenLife)
	for _, l := range r.logins {
		if !l.until.IsZero() && l.until.Before(end) {
			end = l.until
		}
	}
	return end
}

func (s *Service) sign(c *wire.Call, who *resolved, end time.Time) (string, error) {
	tags, err := who.pool.sessionTags(who.logins)
	if err != nil {
		return "", err
	}
	key, err := s.signingKey(c, c.Account, c.Now)
	if err != nil {
		return "", err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key.private, KeyID: key.id}},
		(&jose.SignerOptions{}).WithType("JWS"))
	if err != nil {
		return "", err
	}
	return jwt.Signed(signer).Claims(claims{
		Claims: jwt.Claims{
			Issuer: "https://" + Issuer, Subject: who.id, Audience: jwt.Audience{who.pool.ID},
			IssuedAt: jwt.NewNumericDate(c.Now), Expiry: jwt.NewNumericDate(end),
		},
		AMR: amr(who.logins), Tags: newTagClaim(tags),
	}).Serialize()
}

// WebIdentity is who an OpenID token of ours speaks for: what STS needs for AssumeRoleWithWebIdentity.
type WebIdentity struct {
	Provider string              // federated principal: Issuer
	Subject  string              // identity id
	Audience string              // identity pool id
	Keys     map[string][]string // condition keys of trust policy and session
	Tags     map[string][]string // session tags, as the token's TagClaim has them
}

// ErrToken says that a token is not a good one of ours; the wrapping error says why.
var ErrToken = errors.New("identities: invalid OpenID token")

// ErrTokenExpired says that a token was good once.
var ErrTokenExpired = errors.New("identities: expired OpenID token")

// Verify checks an OpenID token of GetOpenIdToken. Refusals wrap ErrToken or ErrTokenExpired. The identity must still be in use,
// and be the guest or have a login that the token says.
func (s *Service) Verify(ctx context.Context, token string) (*WebIdentity, error) {
	cl, err := s.verifyToken(ctx, s.cfg.Account(), token)
	if err != nil {
		return nil, err
	}
	who := &WebIdentity{
		Provider: Issuer, Subject: cl.Subject, Audience: cl.Audience[0],
		Keys: map[string][]string{Issuer + ":sub": {cl.Subject}, Issuer + ":aud": {cl.Audience[0]}, Issuer + ":amr": cl.AMR},
	}
	if cl.Tags != nil {
		who.Tags = cl.Tags.Principal
	}
	err = s.cfg.DB.View(ctx, func(tx *kv.Tx) error {
		row, p, err := findIdentity(tx, scopeOf(s.cfg.Account(), who.Subject), who.Subject)
		if fault := wire.Fault(nil); errors.As(err, &fault) {
			return fmt.Errorf("%w: identity %s is gone", ErrToken, who.Subject)
		}
		if err == nil && (row.Merged != "" || p.ID != who.Audience) {
			return fmt.Errorf("%w: identity %s is disabled", ErrToken, who.Subject)
		}
		if err == nil && !row.stillSays(cl.AMR) {
			return fmt.Errorf("%w: identity %s is no longer %q", ErrToken, who.Subject, cl.AMR)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return who, nil
}

// stillSays tells whether the identity is what the authentication methods of a token of its say.
func (i *identity) stillSays(amr []string) bool {
	if amr[0] == "unauthenticated" {
		return len(i.Logins) == 0
	}
	return slices.ContainsFunc(amr[1:], func(method string) bool {
		return slices.ContainsFunc(i.Logins, func(l login) bool {
			return strings.HasPrefix(method, l.Provider+":") && strings.HasSuffix(method, ":"+l.Subject)
		})
	})
}

func (s *Service) verifyToken(ctx context.Context, account, token string) (*claims, error) {
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrToken, err)
	}
	key, err := s.publicKey(ctx, account, parsed.Headers[0].KeyID)
	if err != nil {
		return nil, err
	}
	var cl claims
	if err := parsed.Claims(key, &cl); errors.Is(err, jose.ErrCryptoFailure) {
		return nil, fmt.Errorf("%w: the signature does not match", ErrToken)
	} else if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrToken, err)
	}
	if cl.Issuer != "https://"+Issuer || cl.Subject == "" || len(cl.Audience) != 1 || cl.Expiry == nil || len(cl.AMR) == 0 ||
		!slices.Contains([]string{"authenticated", "unauthenticated"}, cl.AMR[0]) {
		return nil, fmt.Errorf("%w: claims are not those of an identity", ErrToken)
	}
	if !s.cfg.Now().Before(cl.Expiry.Time()) {
		return nil, fmt.Errorf("%w: at %s", ErrTokenExpired, cl.Expiry.Time().UTC().Format(time.RFC3339))
	}
	return &cl, nil
}
