package users

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"bothy/api/cognitoidp"
	"bothy/kv"
)

const profilesOfTest = `{"ann":{"id":"ann@idp","displayName":"Ann","name":{},"emails":[{"value":"ann@example.com"}],"team":["x","y"]},"bob":{"id":"bob@idp","name":{},"emails":[{"value":"bob@example.com"}]}}`

var samlMapping = map[string]string{
	"email": "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress", "name": "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
	"profile": "http://schemas.passportjs.com/team",
}

// samlWorld has a pool and a client with the real provider "Corp".
func samlWorld(t *testing.T, details map[string]string) (w *world, g *gate, at string) {
	cert, key := certificate(t)
	at = startProvider(t, "samlidp.mjs", "samlp", []string{"CERT=" + cert, "KEY=" + key}, profilesOfTest, samlBack)
	w = newWorld(t)
	w.clock = time.Now()
	p := w.pool()
	if details == nil {
		details = map[string]string{}
	}
	details["MetadataURL"] = at + "/metadata"
	w.provider(p, "Corp", kindSAML, details, samlMapping, "corp.example")
	return w, w.gate(p, w.client(p, offering("Corp")), "Corp"), at
}

// travelSAML signs somebody in at the provider; more is what else it is asked.
func (g *gate) travelSAML(t *testing.T, login, more string) (memory []byte, answer url.Values) {
	t.Helper()
	to, memory := g.depart(t)
	return memory, browse(t, strings.Replace(to, "/sso/ann", "/sso/"+login, 1)+more, samlBack, nil)
}

func TestSignInWithARealSAMLProvider(t *testing.T) {
	w, g, at := samlWorld(t, nil)
	shown := must(w, w.s.getIdentityProviderByIdentifier, &cognitoidp.GetIdentityProviderByIdentifierInput{UserPoolId: str(g.p.ID), IdpIdentifier: str("corp.example")}).IdentityProvider
	if d := shown.ProviderDetails; d["SSORedirectBindingURI"] != at+"/sso/ann" || d["SLORedirectBindingURI"] != at+"/slo" || d["MetadataFile"] != "" {
		t.Errorf("%v", d)
	}
	for _, more := range []string{"", "&sign=response"} {
		memory, answer := g.travelSAML(t, "ann", more)
		if answer.Get("RelayState") != "the state" {
			t.Fatal(answer)
		}
		u, err := g.arrive(memory, answer)
		if err != nil {
			t.Fatal(more, err)
		}
		if u.Name != "Corp_ann@idp" || u.Status != external || u.Attributes["email"] != "ann@example.com" || u.Attributes["email_verified"] != "false" || u.Attributes["profile"] != "[x, y]" {
			t.Fatalf("%+v", u)
		}
		who := g.tokensOf(t, u)["identities"].([]any)[0].(map[string]any)
		if who["userId"] != "ann@idp" || who["providerType"] != "SAML" || who["issuer"] != "urn:test:idp" {
			t.Errorf("%v", who)
		}
	}
}

// TestSignedRequest has the provider's library check the signature of our request.
func TestSignedRequest(t *testing.T) {
	w, g, _ := samlWorld(t, map[string]string{"RequestSigningAlgorithm": "rsa-sha256"})
	cert := must(w, w.s.getSigningCertificate, &cognitoidp.GetSigningCertificateInput{UserPoolId: str(g.p.ID)}).Certificate.V
	if again := must(w, w.s.getSigningCertificate, &cognitoidp.GetSigningCertificateInput{UserPoolId: str(g.p.ID)}).Certificate.V; again != cert {
		t.Fatal("another certificate at the second look")
	}
	pinned := "&pinned=" + url.QueryEscape(cert)
	memory, answer := g.travelSAML(t, "ann", pinned)
	if _, err := g.arrive(memory, answer); err != nil {
		t.Fatal(err)
	}
	to, _ := g.depart(t)
	forged, err := http.Get(strings.Replace(to, "RelayState=the", "RelayState=another", 1) + pinned)
	if err != nil {
		t.Fatal(err)
	}
	defer forged.Body.Close()
	if forged.StatusCode != http.StatusInternalServerError {
		t.Errorf("a changed request was taken: %s", forged.Status)
	}
}

func TestStrangersAssertions(t *testing.T) {
	w, g, _ := samlWorld(t, nil)
	wrong := "Invalid SAML response received from Corp."
	memory, answer := g.travelSAML(t, "ann", "")
	memory2, answer2 := g.travelSAML(t, "bob", "")
	_, err := g.arrive(memory, url.Values{"SAMLResponse": answer2["SAMLResponse"], "RelayState": answer["RelayState"]})
	wantFault(t, err, "InvalidParameterException", wrong) // an answer to another's request

	document, err := base64.StdEncoding.DecodeString(answer2.Get("SAMLResponse"))
	if err != nil {
		t.Fatal(err)
	}
	forged := base64.StdEncoding.EncodeToString([]byte(strings.ReplaceAll(string(document), "bob@idp", "ann@idp")))
	_, err = g.arrive(memory2, url.Values{"SAMLResponse": {forged}, "RelayState": answer2["RelayState"]})
	wantFault(t, err, "InvalidParameterException", wrong)

	memory, answer = g.travelSAML(t, "ann", "")
	if _, err := g.arrive(memory, answer); err != nil {
		t.Fatal(err)
	}
	memory2, _ = g.travelSAML(t, "ann", "")
	_, err = g.arrive(memory2, answer) // yesterday's answer
	wantFault(t, err, "InvalidParameterException", wrong)

	// Another pool that trusts the same provider.
	p2 := w.pool()
	w.provider(p2, "Corp", kindSAML, map[string]string{"MetadataURL": g.idp.Details["MetadataURL"]}, samlMapping)
	g2 := w.gate(p2, w.client(p2, offering("Corp")), "Corp")
	memory, answer = g.travelSAML(t, "ann", "")
	memory2, _ = g2.travelSAML(t, "ann", "")
	_, err = g2.arrive(memory2, answer)
	wantFault(t, err, "InvalidParameterException", wrong)
	_, err = g2.arrive(memory, answer)
	wantFault(t, err, "NotAuthorizedException", "Invalid session")
}

func TestProviderBegins(t *testing.T) {
	w, g, at := samlWorld(t, map[string]string{"IDPInit": "true"})
	unasked := at + "/sso/ann?unasked=" + url.QueryEscape(entityID(g.p.ID))
	answer := browse(t, unasked, samlBack, nil)
	arrive := func(answer url.Values) (*user, error) {
		memory, err := w.s.uninvited(w.call(), g.idp, samlBack)
		if err != nil {
			return nil, err
		}
		return g.arrive(memory, answer)
	}
	u, err := arrive(answer)
	if err != nil || u.Name != "Corp_ann@idp" {
		t.Fatal(u, err)
	}
	_, err = arrive(answer) // replayed
	wantFault(t, err, "InvalidParameterException", "Invalid SAML response received from Corp.")
	_, asked := g.travelSAML(t, "ann", "")
	_, err = arrive(asked) // an answer to somebody's request
	wantFault(t, err, "InvalidParameterException", "Invalid SAML response received from Corp.")
	memory, _ := g.travelSAML(t, "ann", "")
	fresh := browse(t, unasked, samlBack, nil)
	fresh.Set("RelayState", "the state")
	_, err = g.arrive(memory, fresh) // nobody's in the place of an answer
	wantFault(t, err, "InvalidParameterException", "Invalid SAML response received from Corp.")

	must(w, w.s.updateIdentityProvider, &cognitoidp.UpdateIdentityProviderInput{UserPoolId: str(g.p.ID), ProviderName: str("Corp"), ProviderDetails: map[string]string{"MetadataURL": at + "/metadata"}})
	g = w.gate(g.p.ID, g.cl.ID, "Corp")
	_, err = arrive(browse(t, unasked, samlBack, nil))
	wantFault(t, err, "InvalidParameterException", "Invalid SAML response received from Corp.")
}

// TestMetadataIsReadAgain changes the provider's key.
func TestMetadataIsReadAgain(t *testing.T) {
	w := newWorld(t)
	text, served := metadataOfTest(t, "https://idp.example/first"), 0
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		served++
		if text == "" {
			http.Error(rw, "down", http.StatusServiceUnavailable)
			return
		}
		_, _ = rw.Write([]byte(text))
	}))
	t.Cleanup(server.Close)
	p := w.pool()
	w.provider(p, "Corp", kindSAML, map[string]string{"MetadataURL": server.URL}, nil)
	cl := w.client(p, offering("Corp"))
	step := func(what, want string, reads int) {
		t.Helper()
		to, _ := w.gate(p, cl, "Corp").depart(t)
		if !strings.HasPrefix(to, want) || served != reads {
			t.Errorf("%s: %s, read %d times, want %d", what, to, served, reads)
		}
	}
	step("at once", "https://idp.example/first", 1)
	text = metadataOfTest(t, "https://idp.example/second")
	step("still young", "https://idp.example/first", 1)
	w.wait(metadataLife)
	step("old", "https://idp.example/second", 2)
	step("kept", "https://idp.example/second", 2)
	text = ""
	w.wait(metadataLife)
	step("down", "https://idp.example/second", 3)
	step("not asked again at once", "https://idp.example/second", 3)
	w.wait(metadataPause)
	text = strings.Replace(metadataOfTest(t, "https://idp.example/third"), " entityID=", ` validUntil="`+w.now().Add(time.Hour).UTC().Format(time.RFC3339)+`" entityID=`, 1)
	step("ending soon", "https://idp.example/third", 4)
	text = ""
	w.wait(2 * time.Hour)
	g := w.gate(p, cl, "Corp")
	_, _, err := w.s.depart(w.call(), g.p, g.idp, departure{samlBack, "s"})
	wantFault(t, err, "InvalidParameterException", "Error retrieving metadata")
}

func metadataOfTest(t *testing.T, sso string) string {
	t.Helper()
	cert, _ := certificate(t)
	body := strings.NewReplacer("-----BEGIN CERTIFICATE-----", "", "-----END CERTIFICATE-----", "").Replace(cert)
	return `<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="urn:x"><IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">` +
		`<KeyDescriptor><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>` + body + `</X509Certificate></X509Data></KeyInfo></KeyDescriptor>` +
		`<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="` + sso + `"/></IDPSSODescriptor></EntityDescriptor>`
}

func TestRequestKeysGoWithThePool(t *testing.T) {
	w := newWorld(t)
	p := w.pool()
	must(w, w.s.getSigningCertificate, &cognitoidp.GetSigningCertificateInput{UserPoolId: str(p)})
	w.provider(p, "Google", kindGoogle, map[string]string{"client_id": "a", "client_secret": "b", "authorize_scopes": "openid"}, nil)
	must(w, w.s.deleteUserPool, &cognitoidp.DeleteUserPoolInput{UserPoolId: str(p)})
	err := w.s.view(w.ctx, func(tx *kv.Tx) error {
		keys, err := requestKeys.All(tx, inPool(account, p), "")
		if err != nil {
			return err
		}
		idps, err := providers.All(tx, inPool(account, p), "")
		if len(keys)+len(idps) > 0 {
			t.Errorf("%d keys and %d providers are left", len(keys), len(idps))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	refused(w, w.s.getSigningCertificate, &cognitoidp.GetSigningCertificateInput{UserPoolId: str(p)}, "ResourceNotFoundException", "does not exist")
}
