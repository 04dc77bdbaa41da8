package users

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"bothy/kv"
	"bothy/record"
	"bothy/users/pages"
	"bothy/wire"
)

// journey is somebody who is on the way to an external provider and back. State names it; only the browser that left may return.
type journey struct {
	Pool     string
	Hash     []byte // of the state
	Domain   string
	Provider string
	Query    string            // what the app asks for
	Browser  []byte            // digest of the browser's form cookie
	Memory   []byte            // what depart returned
	Answer   map[string]string `json:",omitempty"` // what the provider posted
	Expires  time.Time
}

var journeys = record.Table[journey]{
	Name: "users.journey", Version: 1, Key: func(j *journey) []any { return []any{j.Pool, j.Hash} },
	Expires: func(j *journey) time.Time { return j.Expires },
}

// Where providers send people back to, as with AWS.
const (
	returnPath     = "/oauth2/idpresponse"
	returnPathSAML = "/saml2/idpresponse"
)

func returnPathOf(idp *provider) string {
	if idp.Kind == kindSAML {
		return returnPathSAML
	}
	return returnPath
}

// chosen is the external provider that a request is to go on by: the one it names, or the only one there is. nil: none.
func (v *visit) chosen(a *authorization) (idp *provider, err error) {
	name, identifier := a.query.Get("identity_provider"), a.query.Get("idp_identifier")
	if all := a.client.Settings.SupportedIdentityProviders; name == "" && identifier == "" && len(all) == 1 {
		name = all[0]
	}
	if name == ownProvider || name == "" && identifier == "" {
		return nil, nil
	}
	err = v.s.view(v, func(tx *kv.Tx) error {
		if name != "" {
			idp, err = providerByName(tx, v.Account, v.pool.ID, name)
		} else {
			idp, err = providerByIdentifier(tx, v.Account, v.pool.ID, identifier)
		}
		return err
	})
	if refused := (wire.Fault)(nil); errors.As(err, &refused) || err == nil && !a.client.offers(idp.Name) {
		return nil, &redirected{oauthRefusal("invalid_request", "client %s does not offer the provider %.64q", a.client.ID, name+identifier), a}
	}
	return idp, err
}

// leave sends somebody to an external provider.
func (v *visit) leave(a *authorization, idp *provider) (*reply, error) {
	if err := v.s.mayAsk(v.Call, v.pool.ID); err != nil {
		return nil, &redirected{tooMany(err), a}
	}
	if _, err := v.formToken(); err != nil {
		return nil, err
	}
	state := randomSecret()
	to, memory, err := v.s.depart(v.Call, v.pool, idp, departure{callback: v.s.baseURL(v.r, v.domain) + returnPathOf(idp), state: state})
	if err != nil {
		return nil, &redirected{err, a}
	}
	j := &journey{
		Pool: v.pool.ID, Hash: digest([]byte(state)), Domain: v.domain.Name, Provider: idp.Name, Query: a.carry().Encode(), Browser: digest([]byte(v.browser)),
		Memory: memory, Expires: v.Now.Add(awayLife),
	}
	err = v.s.update(v, func(tx *kv.Tx) error { return journeys.Insert(tx, inPool(v.Account, v.pool.ID), j) })
	return &reply{status: http.StatusFound, to: to}, err
}

// comeBack takes what a provider says of somebody. What it posts comes without the browser's cookies, as from another site: it is
// put down, and the browser comes once more by itself.
func (v *visit) comeBack() (*reply, error) {
	answer, err := parameters(v.r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	state := answer.Get("state")
	if v.form != nil {
		if state = v.form.Get("state"); v.r.URL.Path == returnPathSAML {
			state = v.form.Get("RelayState")
		}
	}
	j, err := v.journey(state)
	if err != nil || j == nil {
		return v.uninvited(state, err)
	}
	if v.form != nil {
		return v.putDown(j, state)
	}
	if hash := digest([]byte(v.cookie(formCookie))); v.cookie(formCookie) == "" || string(hash) != string(j.Browser) {
		return nil, wire.Because(&oauthError{code: "stale_form", status: http.StatusForbidden}, "another browser left for %s", j.Provider)
	}
	if j.Answer != nil {
		answer = url.Values{}
		for name, value := range j.Answer {
			answer.Set(name, value)
		}
	}
	q, err := url.ParseQuery(j.Query)
	if err != nil {
		return nil, err
	}
	return v.welcomed(q, j.Provider, j.Memory, answer)
}

// journey finds who is on the way, nil when nobody is.
func (v *visit) journey(state string) (j *journey, err error) {
	err = v.s.view(v, func(tx *kv.Tx) error {
		j, err = journeys.Get(tx, inPool(v.Account, v.pool.ID), v.pool.ID, digest([]byte(state)))
		return ignoreAbsent(err)
	})
	if j != nil && (j.Domain != v.domain.Name || v.Now.After(j.Expires)) {
		return nil, nil
	}
	return j, err
}

func (v *visit) putDown(j *journey, state string) (*reply, error) {
	j.Answer = map[string]string{}
	for name := range v.form {
		j.Answer[name] = v.form.Get(name)
	}
	err := v.s.update(v, func(tx *kv.Tx) error { return journeys.Put(tx, inPool(v.Account, v.pool.ID), j) })
	return &reply{status: http.StatusSeeOther, to: v.r.URL.Path + "?" + url.Values{"state": {state}}.Encode()}, err
}

// uninvited takes an answer that nobody here asked for: SAML providers may begin, and name client and provider in RelayState.
func (v *visit) uninvited(state string, err error) (*reply, error) {
	if err != nil {
		return nil, err
	}
	q, err := url.ParseQuery(state)
	if err != nil || v.form == nil || v.r.URL.Path != returnPathSAML || !q.Has("client_id") {
		return nil, wire.Because(&oauthError{code: "stale_form", status: http.StatusForbidden}, "nobody left with this state")
	}
	var idp *provider
	err = v.s.view(v, func(tx *kv.Tx) error {
		idp, err = providerByName(tx, v.Account, v.pool.ID, q.Get("identity_provider"))
		return err
	})
	if err != nil {
		return nil, err
	}
	memory, err := v.s.uninvited(v.Call, idp, v.s.baseURL(v.r, v.domain)+returnPathSAML)
	if err != nil {
		return nil, err
	}
	return v.welcomed(q, idp.Name, memory, v.form)
}

// welcomed signs somebody in whom a provider vouches for.
func (v *visit) welcomed(q url.Values, name string, memory []byte, answer url.Values) (*reply, error) {
	a, err := v.wants(q)
	if err != nil {
		return nil, err
	}
	var idp *provider
	err = v.s.view(v, func(tx *kv.Tx) error {
		idp, err = providerByName(tx, v.Account, v.pool.ID, name)
		return err
	})
	var u *user
	if err == nil {
		u, err = v.s.arrive(v.Call, v.pool, a.client, idp, memory, answer)
	}
	var g *grant
	if err == nil {
		err = v.s.update(v, func(tx *kv.Tx) (err error) {
			g, err = newGrant(tx, v.Call, a.client, v.pool, u)
			return err
		})
	}
	if err == nil {
		err = v.s.postAuthentication(v.Call, g, nil)
	}
	if err != nil {
		return nil, &redirected{err, a}
	}
	return v.signedIn(a, g, idp.Name)
}

// providerLinks are the ways to sign in by other providers.
func (v *visit) providerLinks(a *authorization, t pages.Texts) (links []pages.Link) {
	for _, name := range a.client.Settings.SupportedIdentityProviders {
		if name == ownProvider {
			continue
		}
		q := a.carry()
		q.Set("identity_provider", name)
		label := map[string]string{kindApple: "Apple", kindAmazon: "Amazon"}[name]
		if label == "" {
			label = name
		}
		links = append(links, pages.Link{Label: t.With + label, URL: "/oauth2/authorize?" + q.Encode()})
	}
	return links
}
