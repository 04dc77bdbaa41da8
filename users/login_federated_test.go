package users

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"bothy/api/cognitoidp"
)

// hostedWith is a pool with a domain and a provider, and a client that offers it.
func hostedWith(t *testing.T, name, kind string, details, mapping map[string]string) *hosted {
	t.Helper()
	h := newHosted(t)
	h.clock = time.Now()
	h.provider(h.pool, name, kind, details, mapping)
	h.client = h.app(h.pool, func(in *cognitoidp.CreateUserPoolClientInput) {
		in.SupportedIdentityProviders = []string{"COGNITO", name}
	})
	return h
}

// away is the surfer's browser at a provider, outside of the pool's domain, until it is sent back there.
func (b *surfer) away(t *testing.T, path string, change func(string) string) url.Values {
	t.Helper()
	to := b.res.Header.Get("Location")
	if b.res.StatusCode != http.StatusFound || to == "" {
		t.Fatalf("not sent away but at %s, %d:\n%s", b.at, b.res.StatusCode, plainText(b.body))
	}
	return browse(t, change(to), securely+path, map[string]string{"login": "ann", "password": "any"})
}

// securely is the pool's domain as providers know it.
var securely = strings.Replace(loginHost, "http:", "https:", 1)

func same(s string) string { return s }

// TestThroughARealProvider goes all the way: app, pool, provider, pool, app, tokens.
func TestThroughARealProvider(t *testing.T) {
	issuer := startProvider(t, "oidcprovider.mjs", "oidc-provider", nil, securely+"/oauth2/idpresponse", accountsOfTest)
	h := hostedWith(t, "Works", kindOIDC, oidcDetails(issuer, nil), plainMapping)
	b := h.surfer().open(strings.Replace(h.authorizeURL("identity_provider", "Works"), "http:", "https:", 1))
	answer := b.away(t, returnPath, same)
	h.surfer().open(securely+returnPath+"?"+answer.Encode()).says(http.StatusForbidden, "")
	sent := b.open(securely + returnPath + "?" + answer.Encode()).sent()
	status, tokens := h.exchange("code", sent.Get("code"))
	if status != http.StatusOK {
		t.Fatalf("%d %v %v", status, tokens, sent)
	}
	claims := claimsOf(t, tokens["id_token"].(string))
	if claims["cognito:username"] != "Works_ann" || claims["email"] != "ann@example.com" || len(claims["identities"].([]any)) != 1 {
		t.Errorf("%v", claims)
	}
	if sent := b.open(strings.Replace(h.authorizeURL("identity_provider", "Works"), "http:", "https:", 1)).sent(); sent.Get("code") == "" {
		t.Errorf("who is signed in is asked again: %v", sent)
	}
	again := b.open(securely + returnPath + "?" + answer.Encode())
	if again.res.StatusCode == http.StatusFound && strings.Contains(again.res.Header.Get("Location"), "code=") {
		t.Error("the answer counted twice")
	}
}

// TestThroughARealSAMLProvider does the same by forms, and lets the provider begin.
func TestThroughARealSAMLProvider(t *testing.T) {
	cert, key := certificate(t)
	at := startProvider(t, "samlidp.mjs", "samlp", []string{"CERT=" + cert, "KEY=" + key}, profilesOfTest, securely+"/saml2/idpresponse")
	h := hostedWith(t, "Corp", kindSAML, map[string]string{"MetadataURL": at + "/metadata", "IDPInit": "true"}, samlMapping)
	b := h.surfer().open(strings.Replace(h.authorizeURL("identity_provider", "Corp"), "http:", "https:", 1))
	form := b.away(t, returnPathSAML, same)
	sent := b.post(securely+returnPathSAML, form).sent()
	status, tokens := h.exchange("code", sent.Get("code"))
	if status != http.StatusOK || claimsOf(t, tokens["id_token"].(string))["cognito:username"] != "Corp_ann@idp" {
		t.Fatalf("%d %v %v", status, tokens, sent)
	}
	relay := url.Values{"identity_provider": {"Corp"}, "client_id": {h.client}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid"}}.Encode()
	form = browse(t, at+"/sso/ann?unasked="+url.QueryEscape(entityID(h.pool)), securely+returnPathSAML, nil)
	form.Set("RelayState", relay)
	sent = h.surfer().post(securely+returnPathSAML, form).sent()
	if sent.Get("code") == "" {
		t.Errorf("%v", sent)
	}
	if sent := h.surfer().post(securely+returnPathSAML, form).sent(); sent.Get("code") != "" || sent.Get("error") == "" {
		t.Errorf("a replayed assertion: %v", sent)
	}
}
