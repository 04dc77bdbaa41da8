package users

import (
	"crypto/hmac"
	"encoding/base64"
	"net/http"
	"slices"
	"time"

	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// browser is a browser in which somebody is signed in at a domain of a pool: for an hour, as with AWS, apps need not ask again.
type browser struct {
	Pool     string
	Hash     []byte // of the cookie
	Domain   string
	Sub      string
	SignOuts int // the user's, when it began
	AuthTime time.Time
	Provider string // by which they came: COGNITO, or another's name
	Expires  time.Time
}

var browsers = record.Table[browser]{
	Name: "users.browser", Version: 1, Key: func(b *browser) []any { return []any{b.Pool, b.Hash} },
	Expires: func(b *browser) time.Time { return b.Expires },
}

const browserLife = time.Hour

// Cookies. Neither can be read by scripts, nor goes along with posts from other sites.
const (
	sessionCookie = "bothy-session"
	formCookie    = "bothy-form"
)

// secure tells whether the browser's connection is TLS: to the node, or, for a pool's own name, to the proxy in front of it, which
// serves it by HTTPS or not at all.
func (v *visit) secure() bool { return v.r.TLS != nil || v.domain.own() }

// cookieName is a cookie's name: over TLS one that no other host, and nobody in the clear, can set.
func (v *visit) cookieName(name string) string {
	if v.secure() {
		return "__Host-" + name
	}
	return name
}

func (v *visit) cookie(name string) string {
	c, err := v.r.Cookie(v.cookieName(name))
	if err != nil {
		return ""
	}
	return c.Value
}

// setCookie sets a cookie for this host alone; life 0 for as long as the browser is open, less to remove it.
func (v *visit) setCookie(name, value string, life time.Duration) {
	http.SetCookie(v.w, &http.Cookie{
		Name: v.cookieName(name), Value: value, Path: "/", MaxAge: int(life / time.Second), HttpOnly: true, Secure: v.secure(), SameSite: http.SameSiteLaxMode,
	})
}

// signedIn notes who signed in in this browser, under a name nobody knew before, and goes on to the app.
func (v *visit) signedIn(a *authorization, g *grant, provider string) (*reply, error) {
	fresh, old := randomSecret(), v.cookie(sessionCookie)
	in := inPool(v.Account, v.pool.ID)
	err := v.s.update(v, func(tx *kv.Tx) error {
		if old != "" {
			if err := ignoreAbsent(browsers.Delete(tx, in, v.pool.ID, digest([]byte(old)))); err != nil {
				return err
			}
		}
		return browsers.Insert(tx, in, &browser{
			Pool: v.pool.ID, Hash: digest([]byte(fresh)), Domain: v.domain.Name, Sub: g.user.Sub, SignOuts: g.user.SignOuts, AuthTime: g.session.AuthTime,
			Provider: provider, Expires: v.Now.Add(browserLife),
		})
	})
	if err != nil {
		return nil, err
	}
	v.setCookie(sessionCookie, fresh, browserLife)
	return v.finish(a, g)
}

// again goes on with who is signed in already; nil when nobody is, or not by the provider that is wanted.
func (v *visit) again(a *authorization, by *provider) (*reply, error) {
	cookie := v.cookie(sessionCookie)
	if cookie == "" {
		return nil, nil
	}
	if err := v.s.mayAsk(v.Call, v.pool.ID); err != nil {
		return nil, &redirected{tooMany(err), a}
	}
	var g *grant
	err := v.s.update(v, func(tx *kv.Tx) (err error) {
		g, err = v.known(tx, a, by, cookie)
		return err
	})
	if err != nil || g == nil {
		return nil, err
	}
	return v.finish(a, g)
}

// known begins a session for who is signed in in this browser; nil when nobody is, or may no longer be.
func (v *visit) known(tx *kv.Tx, a *authorization, by *provider, cookie string) (*grant, error) {
	in := inPool(v.Account, v.pool.ID)
	b, err := browsers.Get(tx, in, v.pool.ID, digest([]byte(cookie)))
	if err != nil {
		return nil, ignoreAbsent(err)
	}
	if b.Domain != v.domain.Name || !v.Now.Before(b.Expires) || !a.client.offers(b.Provider) || by != nil && by.Name != b.Provider {
		return nil, nil
	}
	u, err := people.Get(tx, in, v.pool.ID, b.Sub)
	if err != nil {
		return nil, ignoreAbsent(err)
	}
	if mayStay(u, b.Provider, v.Now) != nil || u.Status == forceChange || u.SignOuts != b.SignOuts || !b.AuthTime.After(u.SignedOut) {
		return nil, nil
	}
	g, err := newGrant(tx, v.Call, a.client, v.pool, u)
	if err != nil {
		return nil, err
	}
	g.session.AuthTime = b.AuthTime
	return g, sessions.Put(tx, in, g.session)
}

// formToken is what forms of this browser carry: whoever makes a browser post here from elsewhere can neither read nor guess it.
func (v *visit) formToken() (string, error) {
	if v.browser == "" {
		v.browser = v.cookie(formCookie)
	}
	if v.browser == "" {
		v.browser = randomSecret()
		v.setCookie(formCookie, v.browser, 0)
	}
	return v.tokenFor(v.browser)
}

func (v *visit) tokenFor(cookie string) (string, error) {
	mask, err := v.s.mask(v.Account, v.pool)
	return base64.RawURLEncoding.EncodeToString(mac(mask, []byte("form/"+v.domain.Name+"/"), []byte(cookie))), err
}

// guarded lets posts pass that come from forms of this browser.
func guarded(act func(*visit) (*reply, error)) func(*visit) (*reply, error) {
	return func(v *visit) (*reply, error) {
		cookie := v.cookie(formCookie)
		want, err := v.tokenFor(cookie)
		if err != nil {
			return nil, err
		}
		from := v.r.Header.Get("Sec-Fetch-Site")
		if cookie == "" || !hmac.Equal([]byte(want), []byte(v.form.Get("_csrf"))) || from == "cross-site" || from == "same-site" {
			return nil, wire.Because(&oauthError{code: "stale_form", status: http.StatusForbidden}, "the form is not one of this browser's")
		}
		return act(v)
	}
}

// logout forgets who is signed in in this browser, and goes on to where the app wants to: out of the pages, or to sign in anew.
func (v *visit) logout() (*reply, error) {
	q, err := parameters(v.r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	cl, err := v.clientHere(q.Get("client_id"))
	if err != nil {
		return nil, err
	}
	to := q.Get("logout_uri")
	if to != "" && !slices.Contains(cl.Settings.LogoutURLs, to) {
		return nil, wire.Because(&oauthError{code: "redirect_mismatch", status: http.StatusBadRequest}, "%.256q is no logout URL of client %s", to, cl.ID)
	}
	if to == "" && q.Has("redirect_uri") {
		a, err := v.asked()
		if err != nil {
			return nil, err
		}
		to = a.page("/login")
	}
	if err := v.forget(); err != nil {
		return nil, err
	}
	if to == "" {
		return v.message(http.StatusOK, cl, words(q).SignedOut, words(q).SignedOutLead)
	}
	return &reply{status: http.StatusFound, to: to}, nil
}

// forget ends the browser's session.
func (v *visit) forget() error {
	cookie := v.cookie(sessionCookie)
	if cookie == "" {
		return nil
	}
	v.setCookie(sessionCookie, "", -time.Second)
	return v.s.update(v, func(tx *kv.Tx) error {
		return ignoreAbsent(browsers.Delete(tx, inPool(v.Account, v.pool.ID), v.pool.ID, digest([]byte(cookie))))
	})
}
