package identities

import (
	"context"
	"maps"
	"strings"
	"testing"

	"bothy/api/cognitoidentity"
	"bothy/wire"
)

func (w *world) setTags(pool, provider string, defaults bool, tags map[string]string) error {
	_, err := do(w, w.root, cognitoidentity.SetPrincipalTagAttributeMap, &cognitoidentity.SetPrincipalTagAttributeMapInput{
		IdentityPoolId: wire.Some(pool), IdentityProviderName: wire.Some(provider), UseDefaults: wire.Some(defaults), PrincipalTags: tags,
	})
	return err
}

func (w *world) getTags(pool, provider string) (*cognitoidentity.GetPrincipalTagAttributeMapOutput, error) {
	return do(w, w.root, cognitoidentity.GetPrincipalTagAttributeMap, &cognitoidentity.GetPrincipalTagAttributeMapInput{
		IdentityPoolId: wire.Some(pool), IdentityProviderName: wire.Some(provider),
	})
}

func TestTagMap(t *testing.T) {
	w := newWorld(t)
	pool := w.pool(true)
	_, err := w.getTags(pool, provider)
	refused(t, err, "ResourceNotFoundException", "not found")
	refused(t, w.setTags(pool, "login.example.com", true, nil), "ResourceNotFoundException", "not found")
	for _, c := range []struct {
		defaults   bool
		tags, want map[string]string
	}{
		{true, nil, map[string]string{"username": "sub", "client": "aud"}},
		{false, map[string]string{"department": "custom:department"}, map[string]string{"department": "custom:department"}},
		{true, map[string]string{"kept": "as given"}, map[string]string{"kept": "as given"}},
		{false, nil, map[string]string{}},
	} {
		if err := w.setTags(pool, provider, c.defaults, c.tags); err != nil {
			t.Fatal(err)
		}
		got := must2(w.getTags(pool, provider))(t)
		if got.UseDefaults.V != c.defaults || !maps.Equal(got.PrincipalTags, c.want) || got.IdentityProviderName.V != provider {
			t.Errorf("set %v: %+v", c, got)
		}
	}
	for name, tags := range map[string]map[string]string{
		"reserved": {"aws:PrincipalOrgID": "sub"}, "twice": {"a": "x", "A": "y"}, "not a key": {"a*": "x"}, "long": {strings.Repeat("k", 129): "x"},
	} {
		if w.setTags(pool, provider, false, tags) == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestSessionTags(t *testing.T) {
	w := newWorld(t)
	pool := w.pool(true)
	id := w.id(pool, user("ann"))
	w.logins.claims = map[string]any{"aud": client, "dept": "Sales & Ops", "n": float64(1234567890), "yes": true, "one": []any{"x"}, "two": []any{"x", "y"},
		"deep": map[string]any{"a": "b"}, "none": nil, "long": strings.Repeat("é", maxTagValue+1), "just": strings.Repeat("é", maxTagValue)}
	for name, c := range map[string]struct {
		defaults   bool
		tags, want map[string]string
	}{
		"none":         {},
		"defaults":     {true, map[string]string{"ignored": "n"}, map[string]string{"username": "ann", "client": client}},
		"odd types":    {false, map[string]string{"a": "n", "b": "yes", "c": "one", "d": "two", "e": "deep", "f": "none", "g": "absent"}, map[string]string{"a": "1234567890", "b": "true", "c": "x"}},
		"longest":      {false, map[string]string{"a": "just"}, map[string]string{"a": strings.Repeat("é", maxTagValue)}},
		"sub by claim": {false, map[string]string{"User": "sub"}, map[string]string{"User": "ann"}},
	} {
		if err := w.setTags(pool, provider, c.defaults, c.tags); err != nil {
			t.Fatal(err)
		}
		if _, err := w.credentials(id, user("ann"), ""); err != nil || !maps.Equal(w.sessions.last.Tags, c.want) {
			t.Errorf("%s: %v, %v", name, w.sessions.last.Tags, err)
		}
	}
	for _, claim := range []string{"dept", "long"} {
		if err := w.setTags(pool, provider, false, map[string]string{"a": claim}); err != nil {
			t.Fatal(err)
		}
		_, err := w.credentials(id, user("ann"), "")
		refused(t, err, "InvalidParameterException", "Invalid value of principal tag a.")
	}
	if _, err := w.credentials(w.id(pool, nil), nil, ""); err != nil || len(w.sessions.last.Tags) > 0 || !w.sessions.last.Guest {
		t.Errorf("guest: %+v, %v", w.sessions.last, err)
	}
}

// The token of the classic flow brings the tags to STS.
func TestTokenTags(t *testing.T) {
	w := newWorld(t)
	pool := w.pool(true)
	id := w.id(pool, user("ann"))
	if err := w.setTags(pool, provider, true, nil); err != nil {
		t.Fatal(err)
	}
	w.logins.claims = map[string]any{"aud": client}
	token, err := w.token(id, user("ann"))
	if err != nil {
		t.Fatal(err)
	}
	who, err := w.s.Verify(context.Background(), token)
	if err != nil || len(who.Tags) != 2 || who.Tags["username"][0] != "ann" || who.Tags["client"][0] != client {
		t.Errorf("%+v, %v", who, err)
	}
}

// One login per provider gives each its tags; where both give one, the first provider by name does.
func TestTagsOfTwoLogins(t *testing.T) {
	w := newWorld(t)
	pool, idp := w.oidcPool()
	for _, name := range []string{provider, oidcName} {
		if err := w.setTags(pool, name, false, map[string]string{"who": "sub", name[:5]: "aud"}); err != nil {
			t.Fatal(err)
		}
	}
	w.logins.claims = map[string]any{"aud": client}
	both := map[string]string{provider: "bob", oidcName: idp.token(nil)}
	if _, err := w.credentials(w.id(pool, both), both, ""); err != nil {
		t.Fatal(err)
	}
	if want := (map[string]string{"who": "bob", "cogni": client, "login": "app"}); !maps.Equal(w.sessions.last.Tags, want) {
		t.Errorf("tags %v, want %v", w.sessions.last.Tags, want)
	}
}

func TestDeveloperTags(t *testing.T) {
	w := newWorld(t)
	pool := w.developerPool()
	ask := func(tags map[string]string) (*cognitoidentity.GetOpenIdTokenForDeveloperIdentityOutput, error) {
		return do(w, w.root, cognitoidentity.GetOpenIdTokenForDeveloperIdentity, &cognitoidentity.GetOpenIdTokenForDeveloperIdentityInput{
			IdentityPoolId: wire.Some(pool), Logins: map[string]string{developer: "ann"}, PrincipalTags: tags})
	}
	tags := map[string]string{"Team": "Red team", "level": "7"}
	out := must2(ask(tags))(t)
	logins := map[string]string{Issuer: out.Token.V}
	if _, err := w.credentials(out.IdentityId.V, logins, ""); err != nil || !maps.Equal(w.sessions.last.Tags, tags) {
		t.Errorf("tags %v, %v", w.sessions.last.Tags, err)
	}
	again, err := w.token(out.IdentityId.V, logins)
	if err != nil {
		t.Fatal(err)
	}
	if who, err := w.s.Verify(context.Background(), again); err != nil || who.Tags["Team"][0] != "Red team" {
		t.Errorf("%+v, %v", who, err)
	}
	for name, bad := range map[string]map[string]string{"reserved": {"aws:x": "1"}, "twice": {"a": "1", "A": "1"}, "value": {"a": "<"}} {
		_, err := ask(bad)
		if err == nil {
			t.Errorf("%s: taken", name)
			continue
		}
		refused(t, err, "InvalidParameterException", "")
	}
}
