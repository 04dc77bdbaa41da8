package users

import (
	"maps"
	"net/url"
	"strings"
	"testing"
	"time"

	"bothy/api/cognitoidp"
)

const accountsOfTest = `{"ann":{"email":"ann@example.com","email_verified":true,"name":"Ann","given_name":"A","groups":["x","y"]},"bob":{"email":"bob@example.com"},"eve":{}}`

// oidcWorld is a world whose clock goes with the real provider's.
func oidcWorld(t *testing.T) (w *world, issuer string) {
	issuer = startProvider(t, "oidcprovider.mjs", "oidc-provider", nil, oidcBack, accountsOfTest)
	w = newWorld(t)
	w.clock = time.Now()
	return w, issuer
}

func oidcDetails(issuer string, more map[string]string) map[string]string {
	d := map[string]string{"client_id": "app", "client_secret": "app secret & more", "attributes_request_method": "GET", "oidc_issuer": issuer, "authorize_scopes": "openid email profile"}
	maps.Copy(d, more)
	return d
}

var plainMapping = map[string]string{"email": "email", "email_verified": "email_verified", "name": "name"}

// travel signs somebody in at the provider.
func (g *gate) travel(t *testing.T, login string) (memory []byte, answer url.Values) {
	t.Helper()
	to, memory := g.depart(t)
	return memory, browse(t, to, g.back(), map[string]string{"login": login, "password": "any"})
}

func (g *gate) mustArrive(t *testing.T, login string) *user {
	t.Helper()
	memory, answer := g.travel(t, login)
	u, err := g.arrive(memory, answer)
	if err != nil {
		t.Fatalf("%s: %v", login, err)
	}
	return u
}

func TestSignInWithARealProvider(t *testing.T) {
	w, issuer := oidcWorld(t)
	p := w.pool()
	w.provider(p, "Works", kindOIDC, oidcDetails(issuer, nil), plainMapping)
	// The type of Google, at the test's provider: its claims come with the id token alone.
	w.provider(p, "Google", kindGoogle, map[string]string{"client_id": "app", "client_secret": "app secret & more", "authorize_scopes": "openid email profile", "oidc_issuer": issuer,
		"authorize_url": issuer + "/auth", "token_url": issuer + "/token"}, nil)
	cl := w.client(p, offering("COGNITO", "Works", "Google"))
	g := w.gate(p, cl, "Works")

	u := g.mustArrive(t, "ann")
	if u.Name != "Works_ann" || u.Status != "EXTERNAL_PROVIDER" || u.Attributes["email"] != "ann@example.com" || u.Attributes["email_verified"] != "true" || u.Attributes["name"] != "Ann" {
		t.Fatalf("%+v", u)
	}
	again := g.mustArrive(t, "ann")
	if again.Sub != u.Sub {
		t.Error("another user at the second sign-in")
	}
	claims := g.tokensOf(t, again)
	list, _ := claims["identities"].([]any)
	if len(list) != 1 {
		t.Fatalf("%v", claims)
	}
	who := list[0].(map[string]any)
	if who["userId"] != "ann" || who["providerName"] != "Works" || who["providerType"] != "OIDC" || who["primary"] != "true" || who["issuer"] != nil || who["dateCreated"] == "" {
		t.Errorf("%v", who)
	}
	if names, _ := claims["cognito:groups"].([]any); len(names) != 1 || names[0] != p+"_Works" || claims["cognito:username"] != "Works_ann" || claims["email_verified"] != true {
		t.Errorf("%v", claims)
	}
	shown := must(w, w.s.adminGetUser, &cognitoidp.AdminGetUserInput{UserPoolId: str(p), Username: str("Works_ann")})
	if last := shown.UserAttributes[len(shown.UserAttributes)-1]; last.Name.V != "identities" || !strings.HasPrefix(last.Value.V, `[{"userId":"ann","providerName":"Works","providerType":"OIDC","issuer":null,"primary":true,"dateCreated":1`) {
		t.Errorf("%+v", last)
	}
	if u := w.gate(p, cl, "Google").mustArrive(t, "ann"); u.Name != "Google_ann" || u.Sub == again.Sub || u.Attributes["email"] != "" {
		t.Errorf("%+v", u)
	}
}

func TestWrongClientSecret(t *testing.T) {
	w, issuer := oidcWorld(t)
	p := w.pool()
	w.provider(p, "Works", kindOIDC, oidcDetails(issuer, map[string]string{"client_secret": "wrong"}), plainMapping)
	g := w.gate(p, w.client(p, offering("Works")), "Works")
	memory, answer := g.travel(t, "ann")
	_, err := g.arrive(memory, answer)
	wantFault(t, err, "NotAuthorizedException", "The identity provider Works did not confirm the sign-in.")
}

// TestStrangersAnswers brings answers that are not to the departure, not of the provider, or not in time.
func TestStrangersAnswers(t *testing.T) {
	w, issuer := oidcWorld(t)
	p, p2 := w.pool(), w.pool()
	for _, pool := range []string{p, p2} {
		w.provider(pool, "Works", kindOIDC, oidcDetails(issuer, nil), plainMapping)
	}
	w.provider(p, "Other", kindOIDC, oidcDetails(issuer, nil), plainMapping)
	cl := w.client(p, offering("Works", "Other"))
	g, other, elsewhere := w.gate(p, cl, "Works"), w.gate(p, cl, "Other"), w.gate(p2, w.client(p2, offering("Works")), "Works")
	without := w.gate(p, w.client(p), "Works")

	session := "Invalid session for the user, session is expired."
	unconfirmed := "did not confirm the sign-in"
	memory, answer := g.travel(t, "ann")
	_, answer2 := g.travel(t, "eve")
	_, err := other.arrive(memory, answer)
	wantFault(t, err, "NotAuthorizedException", session)
	_, err = elsewhere.arrive(memory, answer)
	wantFault(t, err, "NotAuthorizedException", session)
	_, err = without.arrive(memory, answer)
	wantFault(t, err, "InvalidParameterException", "is not enabled for the client")
	_, err = g.arrive(nil, answer)
	wantFault(t, err, "NotAuthorizedException", session)
	_, err = g.arrive([]byte("made up"), answer)
	wantFault(t, err, "NotAuthorizedException", session)
	changed := url.Values{"code": answer["code"], "state": {"another"}}
	_, err = g.arrive(memory, changed)
	wantFault(t, err, "NotAuthorizedException", session)

	// Another's code in this departure: its PKCE verifier is another's.
	_, err = g.arrive(memory, url.Values{"code": answer2["code"], "state": answer["state"]})
	wantFault(t, err, "NotAuthorizedException", unconfirmed)
	_, err = g.arrive(memory, answer) // spent by the try before
	wantFault(t, err, "NotAuthorizedException", session)

	memory, answer = g.travel(t, "ann")
	if _, err := g.arrive(memory, answer); err != nil {
		t.Fatal(err)
	}
	_, err = g.arrive(memory, answer)
	wantFault(t, err, "NotAuthorizedException", session)

	_, memory = g.depart(t)
	_, err = g.arrive(memory, url.Values{"error": {"access_denied"}, "state": {"the state"}})
	wantFault(t, err, "NotAuthorizedException", unconfirmed)
	_, memory = g.depart(t)
	_, err = g.arrive(memory, url.Values{"state": {"the state"}})
	wantFault(t, err, "InvalidParameterException", "has no code")

	memory, answer = g.travel(t, "ann")
	w.wait(awayLife + time.Second)
	_, err = g.arrive(memory, answer)
	wantFault(t, err, "NotAuthorizedException", session)
}
