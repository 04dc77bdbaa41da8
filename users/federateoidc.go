package users

import (
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"

	"bothy/federation/oidc"
	"bothy/wire"
)

// relying is the provider as something we send browsers to.
func (s *Service) relying(idp *provider) *oidc.Provider {
	d := idp.Details
	return s.external.At(oidc.Endpoints{Issuer: d["oidc_issuer"], Authorize: d["authorize_url"], Token: d["token_url"], UserInfo: d["attributes_url"], Keys: d["jwks_uri"]})
}

// application is what the provider knows us as.
func (s *Service) application(c *wire.Call, idp *provider, callback string) (oidc.Application, error) {
	a := oidc.Application{ID: idp.Details["client_id"], Redirect: callback, Scopes: scopesOf(idp.Details)}
	secret, err := s.providerSecret(c.Account, idp)
	if err != nil {
		return a, err
	}
	if a.Secret = secret; idp.Kind == kindApple {
		key, err := oidc.ParseAppleKey(secret)
		if err != nil {
			return a, err
		}
		a.Secret, err = oidc.Apple{Team: idp.Details["team_id"], KeyID: idp.Details["key_id"], Key: key}.Secret(a.ID, c.Now)
		return a, err
	}
	return a, nil
}

// hasTokens tells whether the type's providers give id tokens; the others only answer for access tokens.
func hasTokens(kind string) bool { return kind != kindFacebook && kind != kindAmazon }

func (s *Service) departOIDC(c *wire.Call, idp *provider, m *away, back departure) (string, error) {
	app, err := s.application(c, idp, back.callback)
	if err != nil {
		return "", err
	}
	if !hasTokens(idp.Kind) {
		m.Nonce = ""
	}
	d := oidc.Departure{State: back.state, Nonce: m.Nonce, Verifier: m.Verifier, More: url.Values{}}
	if idp.Kind == kindApple && len(app.Scopes) > 0 {
		d.More.Set("response_mode", "form_post") // Apple insists
	}
	to, err := s.relying(idp).AuthURL(c, app, d)
	return to, unreachable(idp, err)
}

// unreachable is the answer when a provider failed; nil when it did not.
func unreachable(idp *provider, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, oidc.ErrProvider) || errors.Is(err, oidc.ErrToken) {
		return wire.Because(notAuthorized("The identity provider %s did not confirm the sign-in.", idp.Name), "%v", err)
	}
	return err
}

// arriveOIDC exchanges the code and reads whom the tokens stand for.
func (s *Service) arriveOIDC(c *wire.Call, idp *provider, m *away, answer url.Values) (*arrival, error) {
	if refusal := answer.Get("error"); refusal != "" {
		return nil, wire.Because(notAuthorized("The identity provider %s did not confirm the sign-in.", idp.Name), "it answered %.100q: %.200q", refusal, answer.Get("error_description"))
	}
	if answer.Get("code") == "" {
		return nil, invalid("The answer of the identity provider %s has no code.", idp.Name)
	}
	app, err := s.application(c, idp, m.Callback)
	if err != nil {
		return nil, err
	}
	rp := s.relying(idp)
	if err := sentBy(c, idp, rp, answer.Get("iss")); err != nil {
		return nil, err
	}
	tokens, err := rp.Exchange(c, app, answer.Get("code"), m.Verifier)
	if err != nil {
		return nil, unreachable(idp, err)
	}
	signed := oidc.Claims{}
	if hasTokens(idp.Kind) {
		if signed, err = rp.Verify(c, tokens.ID, oidc.Expect{Audiences: []string{app.ID}, Nonce: m.Nonce, AccessToken: tokens.Access}); err != nil {
			return nil, unreachable(idp, err)
		}
	}
	info, err := s.userInfo(c, idp, rp, tokens.Access)
	if err != nil {
		return nil, unreachable(idp, err)
	}
	return gather(idp, signed, info, answer.Get("user"))
}

// sentBy refuses an answer that names another issuer than the provider, before the code in it is shown to the wrong one (RFC 9207).
func sentBy(c *wire.Call, idp *provider, rp *oidc.Provider, issuer string) error {
	if issuer == "" || idp.Details["oidc_issuer"] == "" {
		return nil
	}
	e, err := rp.Endpoints(c)
	if err == nil && e.Issuer != issuer {
		err = wire.Because(notAuthorized("The identity provider %s did not confirm the sign-in.", idp.Name), "the answer is of %.200q, not of %s", issuer, e.Issuer)
	}
	return unreachable(idp, err)
}

// userInfo asks the provider about the user, where it has a place to ask that answers in claims.
func (s *Service) userInfo(c *wire.Call, idp *provider, rp *oidc.Provider, access string) (oidc.Claims, error) {
	e, err := rp.Endpoints(c)
	if err != nil || e.UserInfo == "" {
		return nil, err
	}
	if idp.Details["attributes_url_add_attributes"] == "true" {
		if idp.Kind != kindFacebook { // Google's people API: what it says in its own form, the id token says in claims
			return nil, nil
		}
		e.UserInfo += url.QueryEscape(strings.Join(idp.asked(), ","))
	}
	return rp.UserInfo(c, idp.Details["attributes_request_method"], e.UserInfo, access)
}

// asked are the provider's names of what is mapped, with that of the user, once each.
func (idp *provider) asked() []string {
	names := []string{subjectClaim(idp.Kind)}
	for _, name := range sortedKeys(idp.Mapping) {
		names = append(names, idp.Mapping[name])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// gather puts together what a provider said. Where there is an id token, the rest must be about the same user.
func gather(idp *provider, signed, info oidc.Claims, form string) (*arrival, error) {
	who := &arrival{values: map[string]string{}, raw: map[string]any{}}
	all := info
	if hasTokens(idp.Kind) {
		who.raw["idToken"] = texts(signed)
		if all = signed; info != nil {
			if err := all.Merge(info); err != nil {
				return nil, unreachable(idp, err)
			}
		}
	}
	if info != nil {
		who.raw["userInfo"] = texts(info)
	}
	who.values = texts(all)
	if idp.Kind == kindApple {
		nameOfApple(who.values, form)
	}
	if who.subject = all.Text(subjectClaim(idp.Kind)); who.subject == "" {
		return nil, wire.Because(notAuthorized("The identity provider %s did not confirm the sign-in.", idp.Name), "it did not say %s", subjectClaim(idp.Kind))
	}
	return who, nil
}

func texts(c oidc.Claims) map[string]string {
	out := map[string]string{}
	for name := range c {
		out[name] = c.Text(name)
	}
	return out
}

// nameOfApple reads the name that comes, the first time, with the browser. Nobody signed it, so nothing but a name is taken.
func nameOfApple(values map[string]string, form string) {
	var said struct {
		Name struct{ FirstName, LastName string }
	}
	if json.Unmarshal([]byte(form), &said) != nil {
		return
	}
	for name, v := range map[string]string{
		"firstName": said.Name.FirstName, "lastName": said.Name.LastName, "name": strings.TrimSpace(said.Name.FirstName + " " + said.Name.LastName),
	} {
		if v != "" {
			values[name] = v
		}
	}
}
