package users

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/wire"
)

// tokens is what the token endpoint answers (RFC 6749 5.1).
type tokens struct {
	ID      string `json:"id_token,omitempty"`
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token,omitempty"`
	Life    int32  `json:"expires_in"`
	Type    string `json:"token_type"`
}

// token serves the token endpoint.
func (v *visit) token() (*reply, error) {
	if err := v.posted(); err != nil {
		return nil, err
	}
	cl, err := v.authenticated()
	if err != nil {
		return nil, err
	}
	v.w.Header().Set("Pragma", "no-cache")
	var out *tokens
	switch v.form.Get("grant_type") {
	case "authorization_code":
		out, err = v.byCode(cl)
	case "refresh_token":
		out, err = v.byRefresh(cl)
	case "client_credentials":
		out, err = v.byMachine(cl)
	case "":
		return nil, oauthRefusal("invalid_request", "no grant_type")
	default:
		return nil, oauthRefusal("unsupported_grant_type", "grant_type is %.64q", v.form.Get("grant_type"))
	}
	if err != nil {
		return nil, asGrantError(err)
	}
	return jsonReply(http.StatusOK, out)
}

// asGrantError says in OAuth's words what an operation refused.
func asGrantError(err error) error {
	var spoken *oauthError
	var refused wire.Fault
	if errors.As(err, &spoken) || !errors.As(err, &refused) {
		return err
	}
	_, _, message := refused.Fault()
	reason := wire.ReasonOf(err)
	if reason == "" {
		reason = message
	}
	return wire.Because(&oauthError{code: "invalid_grant", status: http.StatusBadRequest, description: message}, "%s", reason)
}

// authenticated is the client that a program speaks for, by Basic authentication or by parameters; one with secrets must know one.
func (v *visit) authenticated() (*client, error) {
	id, secret := v.form.Get("client_id"), v.form.Get("client_secret")
	if header := v.r.Header.Get("Authorization"); header != "" {
		basicID, basicSecret, ok := basic(header)
		if !ok || id != "" && id != basicID || secret != "" {
			return nil, oauthRefusal("invalid_request", "the Authorization header is not Basic, or the parameters name another client")
		}
		id, secret = basicID, basicSecret
	}
	if id == "" {
		return nil, oauthRefusal("invalid_request", "no client_id")
	}
	cl, err := v.clientHere(id)
	if err != nil {
		return nil, err
	}
	if err := v.s.mayAsk(v.Call, v.pool.ID); err != nil {
		return nil, tooMany(err)
	}
	if err := v.s.checkSecret(v.Account, cl, secret); err != nil {
		if refused := (wire.Fault)(nil); errors.As(err, &refused) {
			return nil, oauthRefusal("invalid_client", "%s", wire.ReasonOf(err))
		}
		return nil, err
	}
	return cl, nil
}

// tooMany is the refusal of who comes too fast.
func tooMany(err error) error {
	if refused := (wire.Fault)(nil); errors.As(err, &refused) {
		return wire.Because(&oauthError{code: "too_many_requests", status: http.StatusTooManyRequests}, "%s", wire.ReasonOf(err))
	}
	return err
}

// basic reads client id and secret of a Basic header: each was form-encoded before (RFC 6749 2.3.1).
func basic(header string) (id, secret string, ok bool) {
	scheme, text, _ := strings.Cut(header, " ")
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	id, secret, ok = strings.Cut(string(raw), ":")
	if err != nil || !ok || !strings.EqualFold(scheme, "Basic") {
		return "", "", false
	}
	id, err = url.QueryUnescape(id)
	if err == nil {
		secret, err = url.QueryUnescape(secret)
	}
	return id, secret, err == nil
}

func (v *visit) byCode(cl *client) (*tokens, error) {
	if !cl.mayFlow(flowCode) {
		return nil, oauthRefusal("unauthorized_client", "client %s may not use the code flow", cl.ID)
	}
	if v.form.Get("code") == "" {
		return nil, oauthRefusal("invalid_request", "no code")
	}
	g, err := v.redeem(cl, v.form.Get("code"), v.form.Get("redirect_uri"), v.form.Get("code_verifier"))
	if err != nil {
		return nil, err
	}
	return v.issued(v.s.issue(v.Call, g, hostedSource, nil))
}

func (v *visit) issued(r *cognitoidp.AuthenticationResultType, err error) (*tokens, error) {
	if err != nil {
		return nil, err
	}
	return &tokens{ID: r.IdToken.V, Access: r.AccessToken.V, Refresh: r.RefreshToken.V, Life: r.ExpiresIn.V, Type: r.TokenType.V}, nil
}

// byRefresh renews a sign-in. It may ask for fewer scopes than there are, never for more.
func (v *visit) byRefresh(cl *client) (*tokens, error) {
	if !cl.allows("REFRESH_TOKEN_AUTH") && !rotates(cl.Settings.RefreshTokenRotation) {
		return nil, oauthRefusal("unauthorized_client", "client %s may not refresh", cl.ID)
	}
	if v.form.Get("refresh_token") == "" {
		return nil, oauthRefusal("invalid_request", "no refresh_token")
	}
	r, err := v.s.refreshOf(v.Call, cl, v.form.Get("refresh_token"))
	if err != nil {
		return nil, err
	}
	g, err := v.s.renew(&attempt{Call: v.Call, client: cl, pool: v.pool}, r, func(*user) error { return nil })
	if err != nil {
		return nil, err
	}
	if wanted := strings.Fields(v.form.Get("scope")); len(wanted) > 0 {
		for _, scope := range wanted {
			if !slices.Contains(g.session.scopes(), scope) {
				return nil, oauthRefusal("invalid_scope", "the sign-in has no scope %.128q", scope)
			}
		}
		g.session.Scopes = wanted
	}
	return v.issued(v.s.issue(v.Call, g, "TokenGeneration_RefreshTokens", nil))
}

// byMachine gives a program tokens of its own: of nobody, with the scopes of other people's APIs.
func (v *visit) byMachine(cl *client) (*tokens, error) {
	if !cl.mayFlow(flowMachine) || !cl.confidential() {
		return nil, oauthRefusal("unauthorized_client", "client %s may not use client credentials", cl.ID)
	}
	scopes, err := cl.scopesFor(v.form.Get("scope"))
	if err != nil {
		return nil, err
	}
	err = v.s.view(v, func(tx *kv.Tx) error { return checkScopes(tx, v.Account, v.pool.ID, scopes) })
	if refused := (wire.Fault)(nil); errors.As(err, &refused) {
		return nil, oauthRefusal("invalid_scope", "a scope of client %s is no longer there", cl.ID)
	}
	if err != nil {
		return nil, err
	}
	keys, err := v.s.signerOf(v, v.Account, v.pool.ID)
	if err != nil {
		return nil, err
	}
	_, key := keys.at(v.Now)
	_, life, _ := cl.lifetimes()
	access, err := v.s.sign(key, v.s.machineClaims(cl, scopes, v.Now, life))
	return &tokens{Access: access, Life: int32(life / time.Second), Type: "Bearer"}, err
}

// machineClaims are those of a token that a client got for itself, as Cognito shapes them: sub is the client.
func (s *Service) machineClaims(cl *client, scopes []string, now time.Time, life time.Duration) map[string]any {
	return map[string]any{
		"sub": cl.ID, "client_id": cl.ID, "token_use": "access", "scope": strings.Join(scopes, " "), "auth_time": now.Unix(), "iss": s.issuer(cl.Pool),
		"exp": now.Add(life).Unix(), "iat": now.Unix(), "version": 2, "jti": wire.NewUUID(),
	}
}

// isMachine tells a token that a client got for itself.
func isMachine(m claims) bool {
	return m.text("client_id") != "" && m.text("sub") == m.text("client_id")
}

// machineLive tells whether the client of such a token is still there, and still may.
func machineLive(tx *kv.Tx, account string, m claims) (bool, error) {
	cl, _, err := clientOf(tx, account, m.pool(), m.text("client_id"))
	if refused := (wire.Fault)(nil); errors.As(err, &refused) {
		return false, nil
	}
	return err == nil && cl.mayFlow(flowMachine), err
}
