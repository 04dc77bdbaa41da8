package users

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// authCode is an authorization code: what a sign-in gave, until the app comes for it. It is bound to the client, its address and
// its proof, and is good for one exchange. Whoever comes later than the first ends the sign-in: one of the two stole it.
type authCode struct {
	Pool        string
	Hash        []byte // of the code
	Client      string
	Redirect    string
	Proof       string // code_challenge
	Nonce       string
	Sub, Origin string    // of the session
	Ends        time.Time // for the exchange
	Used        bool
	Expires     time.Time // of the row: replays are seen until then
}

var authCodes = record.Table[authCode]{
	Name: "users.authcode", Version: 1, Key: func(k *authCode) []any { return []any{k.Pool, k.Hash} },
	Expires: func(k *authCode) time.Time { return k.Expires },
}

const (
	authCodeLife = 5 * time.Minute
	replaysSeen  = 24 * time.Hour
	codeBytes    = 32
)

// finish answers the app after a sign-in: with a code, or with the tokens themselves where it asked for them.
func (v *visit) finish(a *authorization, g *grant) (*reply, error) {
	if a.token {
		return v.finishImplicit(a, g)
	}
	text := randomSecret()
	err := v.s.update(v, func(tx *kv.Tx) error {
		g.session.Scopes = a.scopes
		if err := sessions.Put(tx, inPool(v.Account, v.pool.ID), g.session); err != nil {
			return err
		}
		return authCodes.Insert(tx, inPool(v.Account, v.pool.ID), &authCode{
			Pool: v.pool.ID, Hash: digest([]byte(text)), Client: a.client.ID, Redirect: a.given, Proof: a.proof, Nonce: a.nonce,
			Sub: g.user.Sub, Origin: g.session.Origin, Ends: v.Now.Add(authCodeLife), Expires: v.Now.Add(replaysSeen),
		})
	})
	return a.answer(url.Values{"code": {text}}), err
}

// finishImplicit hands out tokens in the fragment, and no refresh token: the session ends with the access token.
func (v *visit) finishImplicit(a *authorization, g *grant) (*reply, error) {
	_, life, _ := a.client.lifetimes()
	g.session.Scopes, g.session.Expires, g.refresh, g.nonce = a.scopes, v.Now.Add(life), false, a.nonce
	err := v.s.update(v, func(tx *kv.Tx) error { return sessions.Put(tx, inPool(v.Account, v.pool.ID), g.session) })
	if err != nil {
		return nil, err
	}
	out, err := v.s.issue(v.Call, g, hostedSource, nil)
	if err != nil {
		return nil, err
	}
	q := url.Values{"access_token": {out.AccessToken.V}, "token_type": {"Bearer"}, "expires_in": {strconv.Itoa(int(out.ExpiresIn.V))}}
	if out.IdToken.Set {
		q.Set("id_token", out.IdToken.V)
	}
	return a.answer(q), nil
}

// hostedSource is the occasion of tokens that come through the sign-in pages, as the pool's token trigger knows it.
const hostedSource = "TokenGeneration_HostedAuth"

// randomSecret is a text nobody can guess.
func randomSecret() string { return randomText(alphanumeric, 43) }

// verifierShape is RFC 7636 4.1.
var verifierShape = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`)

// proves tells whether the verifier is the one that the proof was made of; none is right where there was no proof.
func proves(proof, verifier string) bool {
	if proof == "" {
		return verifier == ""
	}
	sum := sha256.Sum256([]byte(verifier))
	return verifierShape.MatchString(verifier) && subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(proof)) == 1
}

// redeem takes a code, once.
func (v *visit) redeem(cl *client, text, redirect, verifier string) (g *grant, err error) {
	in := inPool(v.Account, v.pool.ID)
	err = v.s.update(v, func(tx *kv.Tx) error {
		k, err := authCodes.Get(tx, in, v.pool.ID, digest([]byte(text)))
		switch {
		case absent(err):
			return oauthRefusal("invalid_grant", "no such code")
		case err != nil:
			return err
		case k.Client != cl.ID:
			return oauthRefusal("invalid_grant", "the code was made for client %s", k.Client)
		case k.Used:
			if err := ignoreAbsent(sessions.Delete(tx, in, v.pool.ID, k.Sub, k.Origin)); err != nil {
				return err
			}
			return keep(oauthRefusal("invalid_grant", "the code was used before: the sign-in %s was ended", k.Origin))
		}
		k.Used = true
		if err := authCodes.Put(tx, in, k); err != nil {
			return err
		}
		switch {
		case !v.Now.Before(k.Ends):
			return keep(oauthRefusal("invalid_grant", "the code ended at %s", k.Ends.UTC().Format(time.RFC3339)))
		case k.Redirect != redirect:
			return keep(oauthRefusal("invalid_grant", "redirect_uri is not the one of the authorization"))
		case !proves(k.Proof, verifier):
			return keep(oauthRefusal("invalid_grant", "code_verifier does not match the code_challenge"))
		}
		g, err = v.granted(tx, cl, k)
		return err
	})
	return g, err
}

// granted is the sign-in behind a code, if it still stands.
func (v *visit) granted(tx *kv.Tx, cl *client, k *authCode) (*grant, error) {
	in := inPool(v.Account, v.pool.ID)
	u, err := people.Get(tx, in, v.pool.ID, k.Sub)
	if err != nil && !absent(err) {
		return nil, err
	}
	ses, err2 := sessions.Get(tx, in, v.pool.ID, k.Sub, k.Origin)
	if err2 != nil && !absent(err2) {
		return nil, err2
	}
	if err != nil || err2 != nil || u.Disabled || !ses.standsFor(u) {
		return nil, keep(wire.Because(&oauthError{code: "invalid_grant", status: 400}, "the sign-in %s was ended", k.Origin))
	}
	gs, err := groupsOf(tx, v.Account, v.pool.ID, u.Sub)
	return &grant{pool: v.pool, client: cl, user: u, session: ses, groups: gs, refresh: true, nonce: k.Nonce}, err
}
