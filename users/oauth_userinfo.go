package users

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"bothy/kv"
	"bothy/wire"
)

// userInfo tells an app what its scopes let it know of the user (OpenID Connect Core 5.3). Values are texts, as Cognito has them.
func (v *visit) userInfo() (*reply, error) {
	token, found := strings.CutPrefix(v.r.Header.Get("Authorization"), "Bearer ")
	if !found && v.form != nil {
		token = v.form.Get("access_token")
	}
	if token == "" {
		return v.unproved(http.StatusBadRequest, "invalid_request", "Bad OAuth2 request at UserInfo Endpoint", oauthRefusal("invalid_request", "no access token"))
	}
	out, err := v.aboutUser(strings.TrimSpace(token))
	if refused, bad := (wire.Fault)(nil), (*TokenError)(nil); errors.As(err, &refused) || errors.As(err, &bad) {
		return v.unproved(http.StatusUnauthorized, "invalid_token", "Access token is expired, disabled, or deleted, or the user has globally signed out.", err)
	}
	if err != nil {
		return nil, err
	}
	return jsonReply(http.StatusOK, out)
}

func (v *visit) unproved(status int, code, description string, cause error) (*reply, error) {
	v.w.Header().Set("WWW-Authenticate", `Bearer error="`+code+`", error_description="`+description+`"`)
	reason := wire.ReasonOf(cause)
	if reason == "" {
		reason = cause.Error()
	}
	return nil, wire.Because(&oauthError{code, status, description}, "%s", reason)
}

func (v *visit) aboutUser(token string) (map[string]string, error) {
	m, err := v.s.verifyOf(v, v.pool.ID, token, "access")
	if err != nil {
		return nil, err
	}
	scopes := strings.Fields(m.text("scope"))
	if !slices.Contains(scopes, "openid") {
		return nil, badJWT("the scope is %q, without openid", m.text("scope"))
	}
	out := map[string]string{}
	return out, v.s.view(v, func(tx *kv.Tx) error {
		b, err := bearerOf(tx, v.Account, m)
		if err != nil {
			return err
		}
		out["sub"], out["username"] = b.user.Sub, b.user.Name
		for name, value := range b.user.Attributes {
			if value != "" && b.client.mayRead(name) && scopesShow(scopes, name) {
				out[name] = value
			}
		}
		return nil
	})
}

// scopesShow tells whether scopes let an app know of an attribute: openid alone, like profile, of all; with email or phone of
// that alone.
func scopesShow(scopes []string, attribute string) bool {
	has := func(scope string) bool { return slices.Contains(scopes, scope) }
	if has("profile") || !has("email") && !has("phone") {
		return true
	}
	return has("email") && strings.TrimSuffix(attribute, "_verified") == "email" || has("phone") && strings.TrimSuffix(attribute, "_verified") == "phone_number"
}

// scopes are what the access tokens of a session say.
func (ses *session) scopes() []string {
	if len(ses.Scopes) == 0 {
		return []string{selfScope}
	}
	return ses.Scopes
}

// identifies tells whether a session comes with id tokens: all but those of an app that did not ask for openid.
func (ses *session) identifies() bool {
	return len(ses.Scopes) == 0 || slices.Contains(ses.Scopes, "openid")
}

// revoke ends a sign-in by its refresh token (RFC 7009).
func (v *visit) revoke() (*reply, error) {
	if err := v.posted(); err != nil {
		return nil, err
	}
	cl, err := v.authenticated()
	if spoken := (*oauthError)(nil); errors.As(err, &spoken) && spoken.code == "invalid_client" {
		v.w.Header().Set("WWW-Authenticate", `Basic realm="oauth2"`)
		return nil, wire.Because(&oauthError{code: spoken.code, status: http.StatusUnauthorized}, "%s", wire.ReasonOf(err))
	}
	if err != nil {
		return nil, err
	}
	token := v.form.Get("token")
	if token == "" || !cl.Settings.EnableTokenRevocation.V {
		return nil, oauthRefusal("invalid_request", "no token, or the client has revocation switched off")
	}
	r, ok := v.s.openRefresh(v.Account, token)
	switch {
	case !ok && strings.Count(token, ".") == 2:
		return nil, oauthRefusal("unsupported_token_type", "not a refresh token")
	case !ok:
		return &reply{status: http.StatusOK}, nil // what is no token of ours needs no end
	case r.Client != cl.ID || r.Pool != cl.Pool:
		return nil, oauthRefusal("invalid_request", "the token was made for client %s", r.Client)
	}
	err = v.s.update(v, func(tx *kv.Tx) error {
		return ignoreAbsent(sessions.Delete(tx, inPool(v.Account, r.Pool), r.Pool, r.Sub, r.Origin))
	})
	return &reply{status: http.StatusOK}, err
}
