package identities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bothy/api/cognitoidentity"
	"bothy/kv"
	"bothy/kv/memkv"
	"bothy/policy"
	"bothy/record"
	"bothy/wire"
)

const (
	account  = "123456789012"
	region   = "eu-west-1"
	provider = "cognito-idp.eu-west-1.amazonaws.com/eu-west-1_abcDEF123"
	client   = "1client"
	auth     = "arn:aws:iam::123456789012:role/auth"
	unauth   = "arn:aws:iam::123456789012:role/unauth"
)

// fakeLogins takes tokens "sub", "sub@client", "sub!expired"; anything with "bad" is refused.
type fakeLogins struct{ claims map[string]any }

func (f *fakeLogins) VerifyIDToken(_ context.Context, p, token string) (map[string]any, string, error) {
	if p != provider || strings.Contains(token, "bad") {
		return nil, "", fmt.Errorf("%w: signature", ErrLoginInvalid)
	}
	name, rest, _ := strings.Cut(token, "!")
	if rest == "expired" {
		return map[string]any{"exp": float64(1000)}, "", ErrLoginExpired
	}
	name, app, ok := strings.Cut(name, "@")
	if !ok {
		app = client
	}
	out := map[string]any{"sub": name}
	for k, v := range f.claims {
		out[k] = v
	}
	return out, app, nil
}

// Live takes every sign-in but those of "ended".
func (f *fakeLogins) Live(_ context.Context, claims map[string]any) (bool, error) {
	return claims["sub"] != "ended", nil
}

// fakeSessions remembers what it issued.
type fakeSessions struct {
	mu   sync.Mutex
	last SessionSpec
}

func (f *fakeSessions) Issue(_ context.Context, spec SessionSpec) (SessionCredentials, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last = spec
	if strings.HasSuffix(spec.RoleARN, "/gone") {
		return SessionCredentials{}, fmt.Errorf("%w: no such role", ErrRole)
	}
	return SessionCredentials{"ASIA1", "secret", "token", time.Unix(5000, 0)}, nil
}

type world struct {
	t        *testing.T
	s        *Service
	mux      *wire.Mux
	now      time.Time
	logins   *fakeLogins
	iam      *fakeIAM
	net      *fakeNet
	sessions *fakeSessions
	root     *wire.Principal
}

func newWorld(t *testing.T) *world {
	t.Helper()
	sealer, err := record.NewSealer(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, now: time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC), logins: &fakeLogins{}, iam: &fakeIAM{}, net: &fakeNet{},
		sessions: &fakeSessions{}}
	now, acct := func() time.Time { return w.now }, func() string { return account }
	w.s = New(Config{DB: kv.New(memkv.New()), Sealer: sealer, Now: now, Account: acct, Logins: w.logins, Providers: w.iam, HTTP: &http.Client{Transport: w.net},
		Sessions: w.sessions})
	w.mux = wire.NewMux(wire.Config{Account: acct, Region: region, Now: now, Log: slog.New(slog.DiscardHandler)}, cognitoidentity.API)
	w.s.Mount(w.mux)
	w.root = &wire.Principal{Kind: wire.Root, Account: account, ARN: "arn:aws:iam::" + account + ":root", Policies: policy.Attached{Unlimited: true}}
	return w
}

func do[In, Out any](w *world, by *wire.Principal, op wire.Op[In, Out], in *In) (*Out, error) {
	return wire.Invoke(context.Background(), w.mux, by, region, op, in)
}

func must[Out any](t *testing.T, out *Out, err error) *Out {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func refused(t *testing.T, err error, code, message string) {
	t.Helper()
	var f wire.Fault
	if !errors.As(err, &f) {
		t.Fatalf("got %v, want %s", err, code)
	}
	if c, _, m := f.Fault(); c != code || !strings.Contains(m, message) {
		t.Fatalf("got %s %q, want %s %q", c, m, code, message)
	}
}

// pool makes a pool with the test's user pool and roles.
func (w *world) pool(guests bool) string {
	w.t.Helper()
	out, err := do(w, w.root, cognitoidentity.CreateIdentityPool, &cognitoidentity.CreateIdentityPoolInput{
		IdentityPoolName: wire.Some("pool"), AllowUnauthenticatedIdentities: wire.Some(guests), AllowClassicFlow: wire.Some(true),
		CognitoIdentityProviders: []cognitoidentity.CognitoIdentityProvider{{ProviderName: wire.Some(provider), ClientId: wire.Some(client)}},
	})
	id := must(w.t, out, err).IdentityPoolId.V
	w.setRoles(id, nil)
	return id
}

func (w *world) setRoles(id string, mappings map[string]cognitoidentity.RoleMapping) {
	w.t.Helper()
	_, err := do(w, w.root, cognitoidentity.SetIdentityPoolRoles, &cognitoidentity.SetIdentityPoolRolesInput{
		IdentityPoolId: wire.Some(id), Roles: map[string]string{"authenticated": auth, "unauthenticated": unauth}, RoleMappings: mappings,
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func user(token string) map[string]string { return map[string]string{provider: token} }

func (w *world) getID(pool string, logins map[string]string) (string, error) {
	out, err := do(w, nil, cognitoidentity.GetId, &cognitoidentity.GetIdInput{IdentityPoolId: wire.Some(pool), Logins: logins})
	if err != nil {
		return "", err
	}
	return out.IdentityId.V, nil
}

func (w *world) id(pool string, logins map[string]string) string {
	w.t.Helper()
	id, err := w.getID(pool, logins)
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

func (w *world) credentials(id string, logins map[string]string, custom string) (*cognitoidentity.GetCredentialsForIdentityOutput, error) {
	return do(w, nil, cognitoidentity.GetCredentialsForIdentity, &cognitoidentity.GetCredentialsForIdentityInput{
		IdentityId: wire.Some(id), Logins: logins, CustomRoleArn: wire.NonEmpty(custom),
	})
}

func TestGuest(t *testing.T) {
	w := newWorld(t)
	pool := w.pool(true)
	id := w.id(pool, map[string]string{}) // an empty map is what newer clients send
	if !strings.HasPrefix(id, region+":") || id == w.id(pool, nil) {
		t.Fatalf("guest %s", id)
	}
	out, err := w.credentials(id, map[string]string{}, "")
	got := must(t, out, err)
	if got.IdentityId.V != id || got.Credentials.AccessKeyId.V != "ASIA1" || !got.Credentials.Expiration.V.Equal(time.Unix(5000, 0)) {
		t.Fatalf("credentials %+v", got)
	}
	spec := w.sessions.last
	if spec.RoleARN != unauth || spec.Life != time.Hour || spec.Name != "CognitoIdentityCredentials" || spec.Provider != Issuer {
		t.Errorf("session %+v", spec)
	}
	if !slices.Equal(spec.Keys[Issuer+":sub"], []string{id}) || !slices.Equal(spec.Keys[Issuer+":aud"], []string{pool}) ||
		!slices.Equal(spec.Keys[Issuer+":amr"], []string{"unauthenticated"}) {
		t.Errorf("keys %+v", spec.Keys)
	}
	if spec.Identity != (wire.CognitoIdentity{ID: id, PoolID: pool, AuthType: "unauthenticated"}) {
		t.Errorf("identity %+v", spec.Identity)
	}
}

func TestGuestsRefused(t *testing.T) {
	w := newWorld(t)
	open := w.pool(true)
	id := w.id(open, nil)
	_, err := w.getID(w.pool(false), nil)
	refused(t, err, "NotAuthorizedException", "Unauthenticated access is not supported for this identity pool.")
	p := must2(do(w, w.root, cognitoidentity.DescribeIdentityPool, &cognitoidentity.DescribeIdentityPoolInput{IdentityPoolId: wire.Some(open)}))(t)
	p.AllowUnauthenticatedIdentities = wire.Some(false)
	must2(do(w, w.root, cognitoidentity.UpdateIdentityPool, p))(t)
	_, err = w.credentials(id, nil, "")
	refused(t, err, "NotAuthorizedException", "Unauthenticated access is not supported for this identity pool.")
	_, err = w.getID(region+":00000000-0000-4000-8000-000000000000", nil)
	refused(t, err, "ResourceNotFoundException", "IdentityPool '"+region+":00000000-0000-4000-8000-000000000000' not found.")
	_, err = w.credentials(region+":00000000-0000-4000-8000-000000000000", nil, "")
	refused(t, err, "ResourceNotFoundException", "Identity '"+region+":00000000-0000-4000-8000-000000000000' not found.")
}

func must2[Out any](out *Out, err error) func(*testing.T) *Out {
	return func(t *testing.T) *Out { t.Helper(); return must(t, out, err) }
}

func TestUser(t *testing.T) {
	w := newWorld(t)
	pool := w.pool(false)
	ann, bob := w.id(pool, user("ann")), w.id(pool, user("bob"))
	if ann == bob || ann != w.id(pool, user("ann")) {
		t.Fatalf("ann %s bob %s", ann, bob)
	}
	if _, err := w.credentials(ann, user("ann"), ""); err != nil {
		t.Fatal(err)
	}
	spec := w.sessions.last
	method := provider + ":CognitoSignIn:ann"
	if spec.RoleARN != auth || !slices.Equal(spec.Keys[Issuer+":amr"], []string{"authenticated", provider, method}) {
		t.Errorf("session %+v", spec)
	}
	if spec.Identity != (wire.CognitoIdentity{ID: ann, PoolID: pool, AuthType: "authenticated", Provider: provider + "," + method}) {
		t.Errorf("identity %+v", spec.Identity)
	}
	_, err := w.credentials(ann, nil, "")
	refused(t, err, "NotAuthorizedException", "Access to Identity '"+ann+"' is forbidden.")
	_, err = w.credentials(ann, user("bob"), "")
	refused(t, err, "NotAuthorizedException", "Logins don't match. Please include at least one valid login for this identity or identity pool.")
	_, err = w.credentials(ann, user("carl"), "")
	refused(t, err, "NotAuthorizedException", "Logins don't match.")
}

func TestLoginRefused(t *testing.T) {
	w := newWorld(t)
	pool := w.pool(true)
	const unsupported = "Token is not from a supported provider of this identity pool."
	for name, c := range map[string]struct {
		logins  map[string]string
		message string
	}{
		"signature":       {user("ann-bad"), "Invalid login token."},
		"expired":         {user("ann!expired"), fmt.Sprintf("Invalid login token. Token expired: %d >= 1000", w.now.Unix())},
		"another client":  {user("ann@other"), unsupported},
		"another pool":    {map[string]string{"cognito-idp.eu-west-1.amazonaws.com/eu-west-1_other": "ann"}, unsupported},
		"social":          {map[string]string{"graph.facebook.com": "ann"}, unsupported},
		"no subject":      {user(""), ""},
		"one good of two": {map[string]string{provider: "ann", "accounts.google.com": "x"}, unsupported},
		"own token":       {map[string]string{Issuer: "x.y.z"}, "Invalid login token."},
	} {
		_, err := w.getID(pool, c.logins)
		if err == nil {
			t.Errorf("%s: let in", name)
		} else if c.message != "" && !strings.Contains(err.Error(), c.message) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A guest signs in for the first time: the identity stays and is no longer open without the login.
// A pool that asks for it refuses sign-ins that were ended, though the token has an hour to go.
func TestServerSideTokenCheck(t *testing.T) {
	w := newWorld(t)
	pool := w.pool(false)
	id := w.id(pool, user("ended"))
	if _, err := w.credentials(id, user("ended"), ""); err != nil {
		t.Fatalf("a pool that does not ask: %v", err)
	}
	p := must2(do(w, w.root, cognitoidentity.DescribeIdentityPool, &cognitoidentity.DescribeIdentityPoolInput{IdentityPoolId: wire.Some(pool)}))(t)
	p.CognitoIdentityProviders[0].ServerSideTokenCheck = wire.Some(true)
	must2(do(w, w.root, cognitoidentity.UpdateIdentityPool, p))(t)
	_, err := w.credentials(id, user("ended"), "")
	refused(t, err, "NotAuthorizedException", "Invalid login token.")
	_, err = w.getID(pool, user("ended"))
	refused(t, err, "NotAuthorizedException", "Invalid login token.")
	_, err = w.token(id, user("ended"))
	refused(t, err, "NotAuthorizedException", "Invalid login token.")
	if _, err := w.credentials(w.id(pool, user("ann")), user("ann"), ""); err != nil {
		t.Error(err)
	}
}

func TestGuestBecomesUser(t *testing.T) {
	w := newWorld(t)
	pool := w.pool(true)
	id := w.id(pool, nil)
	out, err := w.credentials(id, user("ann"), "")
	if got := must(t, out, err).IdentityId.V; got != id {
		t.Fatalf("answered %s, asked %s", got, id)
	}
	if w.id(pool, user("ann")) != id {
		t.Fatal("the login has another identity")
	}
	_, err = w.credentials(id, nil, "")
	refused(t, err, "NotAuthorizedException", "is forbidden")
}

// A guest signs in as a known user: the user's identity answers and the guest is gone.
func TestGuestMerges(t *testing.T) {
	w := newWorld(t)
	pool := w.pool(true)
	ann, guest := w.id(pool, user("ann")), w.id(pool, nil)
	for range 2 { // the client may repeat it
		out, err := w.credentials(guest, user("ann"), "")
		if got := must(t, out, err).IdentityId.V; got != ann || w.sessions.last.Identity.ID != ann {
			t.Fatalf("answered %s, want %s", got, ann)
		}
	}
	_, err := w.credentials(guest, nil, "")
	refused(t, err, "ResourceNotFoundException", "Identity '"+guest+"' not found.")
	_, err = w.credentials(guest, user("bob"), "")
	refused(t, err, "ResourceNotFoundException", "not found")
	w.id(pool, user("bob"))
	_, err = w.credentials(guest, user("bob"), "")
	refused(t, err, "NotAuthorizedException", "Logins don't match.")
	list := must2(do(w, w.root, cognitoidentity.ListIdentities, &cognitoidentity.ListIdentitiesInput{IdentityPoolId: wire.Some(pool), MaxResults: wire.Some(int32(60)), HideDisabled: wire.Some(true)}))(t)
	if len(list.Identities) != 2 {
		t.Errorf("%d identities in use", len(list.Identities))
	}
}

// Many at once: one login has one identity, whoever comes first.
func TestRace(t *testing.T) {
	w := newWorld(t)
	pool := w.pool(true)
	guests := make([]string, 8)
	for i := range guests {
		guests[i] = w.id(pool, nil)
	}
	got := make([]string, 2*len(guests))
	var wg sync.WaitGroup
	for i := range guests {
		wg.Go(func() { got[2*i], _ = w.getID(pool, user("ann")) })
		wg.Go(func() {
			if out, err := w.credentials(guests[i], user("ann"), ""); err == nil {
				got[2*i+1] = out.IdentityId.V
			}
		})
	}
	wg.Wait()
	if all := slices.Compact(slices.Sorted(slices.Values(got))); len(all) != 1 || all[0] == "" {
		t.Fatalf("identities of one login: %q", all)
	}
}

func TestGuestsAreBounded(t *testing.T) {
	w := newWorld(t)
	pool := w.pool(true)
	var err error
	n, most := 0, int(guestsPerCaller.Burst)
	for ; err == nil && n < 2*most; n++ {
		_, err = w.getID(pool, nil)
	}
	if n < most || n > most+most/50+1 {
		t.Errorf("%d guests at once", n)
	}
	refused(t, err, "TooManyRequestsException", "Rate exceeded")
	w.id(pool, user("ann")) // users are not guests
	w.now = w.now.Add(time.Second)
	w.id(pool, nil)
}

func TestRoleMapping(t *testing.T) {
	w := newWorld(t)
	pool := w.pool(false)
	id := w.id(pool, user("ann"))
	const a, b = "arn:aws:iam::123456789012:role/admin", "arn:aws:iam::123456789012:role/basic"
	token := func(ambiguous string) map[string]cognitoidentity.RoleMapping {
		return map[string]cognitoidentity.RoleMapping{provider + ":" + client: {Type: wire.Some("Token"), AmbiguousRoleResolution: wire.Some(ambiguous)}}
	}
	rules := map[string]cognitoidentity.RoleMapping{provider + ":" + client: {
		Type: wire.Some("Rules"), AmbiguousRoleResolution: wire.Some("Deny"),
		RulesConfiguration: &cognitoidentity.RulesConfigurationType{Rules: []cognitoidentity.MappingRule{
			{Claim: wire.Some("email"), MatchType: wire.Some("Equals"), Value: wire.Some("root@example.com"), RoleARN: wire.Some(a)},
			{Claim: wire.Some("email"), MatchType: wire.Some("Contains"), Value: wire.Some("@example.com"), RoleARN: wire.Some(b)},
			{Claim: wire.Some("cognito:groups"), MatchType: wire.Some("StartsWith"), Value: wire.Some("adm"), RoleARN: wire.Some(a)},
			{Claim: wire.Some("plan"), MatchType: wire.Some("NotEqual"), Value: wire.Some("free"), RoleARN: wire.Some(b)},
		}},
	}}
	for name, c := range map[string]struct {
		mappings map[string]cognitoidentity.RoleMapping
		claims   map[string]any
		custom   string
		want     string
	}{
		"none":                     {nil, nil, "", auth},
		"none, custom":             {nil, map[string]any{"cognito:roles": []any{a}}, a, ""},
		"preferred":                {token("Deny"), map[string]any{"cognito:roles": []any{a, b}, "cognito:preferred_role": b}, "", b},
		"only one":                 {token("Deny"), map[string]any{"cognito:roles": []any{a}}, "", a},
		"ambiguous":                {token("AuthenticatedRole"), map[string]any{"cognito:roles": []any{a, b}}, "", auth},
		"ambiguous denied":         {token("Deny"), map[string]any{"cognito:roles": []any{a, b}}, "", ""},
		"no roles denied":          {token("Deny"), nil, "", ""},
		"custom of mine":           {token("Deny"), map[string]any{"cognito:roles": []any{a, b}, "cognito:preferred_role": b}, a, a},
		"custom not mine":          {token("AuthenticatedRole"), map[string]any{"cognito:roles": []any{b}}, a, ""},
		"first rule":               {rules, map[string]any{"email": "root@example.com"}, "", a},
		"second rule":              {rules, map[string]any{"email": "ann@example.com"}, "", b},
		"rule on list":             {rules, map[string]any{"cognito:groups": []any{"users", "admins"}}, "", a},
		"NotEqual":                 {rules, map[string]any{"plan": "paid"}, "", b},
		"NotEqual of absent claim": {rules, nil, "", ""},
		"no rule":                  {rules, map[string]any{"plan": "free"}, "", ""},
		"rules, custom":            {rules, map[string]any{"email": "root@example.com", "cognito:roles": []any{a}}, a, ""},
	} {
		w.setRoles(pool, c.mappings)
		w.logins.claims = c.claims
		_, err := w.credentials(id, user("ann"), c.custom)
		switch {
		case c.want == "" && err == nil:
			t.Errorf("%s: got %s", name, w.sessions.last.RoleARN)
		case c.want != "" && (err != nil || w.sessions.last.RoleARN != c.want):
			t.Errorf("%s: got %s, %v", name, w.sessions.last.RoleARN, err)
		}
	}
}

func TestSetRolesRefuses(t *testing.T) {
	w := newWorld(t)
	pool := w.pool(true)
	rule := cognitoidentity.MappingRule{Claim: wire.Some("a"), MatchType: wire.Some("Equals"), Value: wire.Some("b"), RoleARN: wire.Some(auth)}
	many := &cognitoidentity.RulesConfigurationType{Rules: slices.Repeat([]cognitoidentity.MappingRule{rule}, maxRules+1)}
	foreign := rule
	foreign.RoleARN = wire.Some("arn:aws:iam::999999999999:role/x")
	for name, c := range map[string]struct {
		roles map[string]string
		m     cognitoidentity.RoleMapping
	}{
		"foreign role":      {map[string]string{"authenticated": "arn:aws:iam::999999999999:role/x"}, cognitoidentity.RoleMapping{}},
		"no role":           {map[string]string{"authenticated": "arn:aws:s3:::bucket/of/something"}, cognitoidentity.RoleMapping{}},
		"no resolution":     {nil, cognitoidentity.RoleMapping{Type: wire.Some("Token")}},
		"rules missing":     {nil, cognitoidentity.RoleMapping{Type: wire.Some("Rules"), AmbiguousRoleResolution: wire.Some("Deny")}},
		"too many rules":    {nil, cognitoidentity.RoleMapping{Type: wire.Some("Rules"), AmbiguousRoleResolution: wire.Some("Deny"), RulesConfiguration: many}},
		"foreign rule role": {nil, cognitoidentity.RoleMapping{Type: wire.Some("Rules"), AmbiguousRoleResolution: wire.Some("Deny"), RulesConfiguration: &cognitoidentity.RulesConfigurationType{Rules: []cognitoidentity.MappingRule{foreign}}}},
	} {
		in := &cognitoidentity.SetIdentityPoolRolesInput{IdentityPoolId: wire.Some(pool), Roles: c.roles}
		if in.Roles == nil {
			in.Roles = map[string]string{"authenticated": auth}
			in.RoleMappings = map[string]cognitoidentity.RoleMapping{provider + ":" + client: c.m}
		}
		if _, err := do(w, w.root, cognitoidentity.SetIdentityPoolRoles, in); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestRoleMissing(t *testing.T) {
	w := newWorld(t)
	pool := w.pool(true)
	id := w.id(pool, nil)
	for _, roles := range []map[string]string{{"authenticated": auth}, {"unauthenticated": "arn:aws:iam::123456789012:role/gone"}} {
		must2(do(w, w.root, cognitoidentity.SetIdentityPoolRoles, &cognitoidentity.SetIdentityPoolRolesInput{IdentityPoolId: wire.Some(pool), Roles: roles}))(t)
		_, err := w.credentials(id, nil, "")
		refused(t, err, "InvalidIdentityPoolConfigurationException", "Check assigned IAM roles")
	}
}

func (w *world) token(id string, logins map[string]string) (string, error) {
	out, err := do(w, nil, cognitoidentity.GetOpenIdToken, &cognitoidentity.GetOpenIdTokenInput{IdentityId: wire.Some(id), Logins: logins})
	if err != nil {
		return "", err
	}
	return out.Token.V, nil
}

func TestOpenIDToken(t *testing.T) {
	w := newWorld(t)
	pool := w.pool(true)
	id := w.id(pool, user("ann"))
	token, err := w.token(id, user("ann"))
	if err != nil {
		t.Fatal(err)
	}
	who, err := w.s.Verify(context.Background(), token)
	if err != nil {
		t.Fatal(err)
	}
	method := provider + ":CognitoSignIn:ann"
	if who.Subject != id || who.Audience != pool || who.Provider != Issuer ||
		!slices.Equal(who.Keys[Issuer+":amr"], []string{"authenticated", provider, method}) {
		t.Errorf("web identity %+v", who)
	}
	if _, err := w.token(id, nil); err == nil {
		t.Error("a user's token without the login")
	}

	parts := strings.Split(token, ".")
	for name, bad := range map[string]string{
		"empty": "", "no token": "a.b.c", "tampered": parts[0] + "." + parts[1][:len(parts[1])-3] + "abc." + parts[2],
		"alg none":     "eyJhbGciOiJub25lIn0." + parts[1] + ".",
		"no signature": parts[0] + "." + parts[1] + ".",
		"HS256":        "eyJhbGciOiJIUzI1NiJ9." + parts[1] + "." + parts[2],
	} {
		if _, err := w.s.Verify(context.Background(), bad); !errors.Is(err, ErrToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.now = w.now.Add(TokenLife)
	if _, err := w.s.Verify(context.Background(), token); !errors.Is(err, ErrTokenExpired) {
		t.Errorf("expired: %v", err)
	}
	w.now = w.now.Add(-TokenLife)
	must2(do(w, w.root, cognitoidentity.DeleteIdentities, &cognitoidentity.DeleteIdentitiesInput{IdentityIdsToDelete: []string{id}}))(t)
	if _, err := w.s.Verify(context.Background(), token); !errors.Is(err, ErrToken) {
		t.Errorf("identity deleted: %v", err)
	}
	other := newWorld(t)
	if _, err := other.s.Verify(context.Background(), token); !errors.Is(err, ErrToken) {
		t.Errorf("another node's token: %v", err)
	}
}

func TestClassicFlowOff(t *testing.T) {
	w := newWorld(t)
	out := must2(do(w, w.root, cognitoidentity.CreateIdentityPool, &cognitoidentity.CreateIdentityPoolInput{
		IdentityPoolName: wire.Some("new"), AllowUnauthenticatedIdentities: wire.Some(true),
	}))(t)
	_, err := w.token(w.id(out.IdentityPoolId.V, nil), nil)
	refused(t, err, "InvalidParameterException", "Basic (classic) flow is not enabled, please use enhanced flow.")
}

func TestJWKS(t *testing.T) {
	w := newWorld(t)
	for range 2 {
		rec := httptest.NewRecorder()
		w.s.JWKS().ServeHTTP(rec, httptest.NewRequest("GET", "/.well-known/jwks_uri", nil))
		var set struct{ Keys []map[string]string }
		if err := json.Unmarshal(rec.Body.Bytes(), &set); err != nil || len(set.Keys) != 1 {
			t.Fatalf("%s %v", rec.Body, err)
		}
		k := set.Keys[0]
		if k["kty"] != "RSA" || k["alg"] != "RS256" || k["use"] != "sig" || k["kid"] == "" || k["n"] == "" || k["d"] != "" {
			t.Errorf("key %v", k)
		}
	}
}

func TestDeveloperIdentity(t *testing.T) {
	w := newWorld(t)
	pool := w.pool(true)
	p := must2(do(w, w.root, cognitoidentity.DescribeIdentityPool, &cognitoidentity.DescribeIdentityPoolInput{IdentityPoolId: wire.Some(pool)}))(t)
	p.DeveloperProviderName = wire.Some("login.example")
	must2(do(w, w.root, cognitoidentity.UpdateIdentityPool, p))(t)
	ask := func(logins map[string]string) *cognitoidentity.GetOpenIdTokenForDeveloperIdentityOutput {
		return must2(do(w, w.root, cognitoidentity.GetOpenIdTokenForDeveloperIdentity, &cognitoidentity.GetOpenIdTokenForDeveloperIdentityInput{IdentityPoolId: wire.Some(pool), Logins: logins}))(t)
	}
	out := ask(map[string]string{"login.example": "ann"})
	got, err := w.credentials(out.IdentityId.V, map[string]string{Issuer: out.Token.V}, "")
	if must(t, got, err).IdentityId != out.IdentityId || w.sessions.last.RoleARN != auth {
		t.Errorf("credentials %+v", w.sessions.last)
	}
	bob := ask(map[string]string{"login.example": "bob"})
	_, err = w.credentials(out.IdentityId.V, map[string]string{Issuer: bob.Token.V}, "")
	refused(t, err, "NotAuthorizedException", "Logins don't match.")
	_, err = w.credentials(out.IdentityId.V, map[string]string{"login.example": "ann"}, "")
	refused(t, err, "NotAuthorizedException", "supported provider")
	guest, err := w.token(w.id(pool, nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.getID(pool, map[string]string{Issuer: guest})
	refused(t, err, "NotAuthorizedException", "supported provider")
	if _, err := do(w, nil, cognitoidentity.GetOpenIdTokenForDeveloperIdentity, &cognitoidentity.GetOpenIdTokenForDeveloperIdentityInput{IdentityPoolId: wire.Some(pool), Logins: map[string]string{"login.example": "ann"}}); err == nil {
		t.Error("an unsigned caller is a developer")
	}
}

func TestUnlink(t *testing.T) {
	w := newWorld(t)
	pool := w.pool(true)
	id := w.id(pool, user("ann"))
	unlink := func(logins map[string]string, remove ...string) error {
		_, err := do(w, nil, cognitoidentity.UnlinkIdentity, &cognitoidentity.UnlinkIdentityInput{IdentityId: wire.Some(id), Logins: logins, LoginsToRemove: append([]string{}, remove...)})
		return err
	}
	refused(t, unlink(user("bob"), provider), "NotAuthorizedException", "Logins don't match.")
	refused(t, unlink(user("bob")), "NotAuthorizedException", "Logins don't match.")
	refused(t, unlink(user("ann"), "graph.facebook.com"), "NotAuthorizedException", "Logins don't match.")
	if err := unlink(user("ann"), provider); err != nil {
		t.Fatal(err)
	}
	if _, err := w.credentials(id, nil, ""); err == nil {
		t.Error("an identity without logins is open to whoever knows its id")
	}
	if w.id(pool, user("ann")) == id {
		t.Error("the login is still linked")
	}
}

func TestDeletePool(t *testing.T) {
	w := newWorld(t)
	pool := w.pool(true)
	id := w.id(pool, nil)
	for range 2 {
		w.id(pool, nil)
	}
	must2(do(w, w.root, cognitoidentity.DeleteIdentityPool, &cognitoidentity.DeleteIdentityPoolInput{IdentityPoolId: wire.Some(pool)}))(t)
	_, err := w.credentials(id, nil, "")
	refused(t, err, "ResourceNotFoundException", "not found")
	_, err = do(w, w.root, cognitoidentity.DeleteIdentityPool, &cognitoidentity.DeleteIdentityPoolInput{IdentityPoolId: wire.Some(pool)})
	refused(t, err, "ResourceNotFoundException", "not found")
}

// What is not public needs a signature and a permission.
func TestManagementIsClosed(t *testing.T) {
	w := newWorld(t)
	pool := w.pool(true)
	nobody := &wire.Principal{Kind: wire.User, Account: account, ARN: "arn:aws:iam::" + account + ":user/x"}
	for _, by := range []*wire.Principal{nil, {}, nobody} {
		for name, err := range map[string]error{
			"describe": errOf(do(w, by, cognitoidentity.DescribeIdentityPool, &cognitoidentity.DescribeIdentityPoolInput{IdentityPoolId: wire.Some(pool)})),
			"list":     errOf(do(w, by, cognitoidentity.ListIdentities, &cognitoidentity.ListIdentitiesInput{IdentityPoolId: wire.Some(pool), MaxResults: wire.Some(int32(1))})),
			"roles":    errOf(do(w, by, cognitoidentity.SetIdentityPoolRoles, &cognitoidentity.SetIdentityPoolRolesInput{IdentityPoolId: wire.Some(pool), Roles: map[string]string{"authenticated": auth}})),
			"delete":   errOf(do(w, by, cognitoidentity.DeleteIdentityPool, &cognitoidentity.DeleteIdentityPoolInput{IdentityPoolId: wire.Some(pool)})),
		} {
			if err == nil {
				t.Errorf("%s is open to %+v", name, by)
			}
		}
	}
}

func errOf[Out any](_ *Out, err error) error { return err }

func TestTags(t *testing.T) {
	w := newWorld(t)
	arn := "arn:aws:cognito-identity:" + region + ":" + account + ":identitypool/" + w.pool(true)
	must2(do(w, w.root, cognitoidentity.TagResource, &cognitoidentity.TagResourceInput{ResourceArn: wire.Some(arn), Tags: map[string]string{"a": "1", "b": "2"}}))(t)
	must2(do(w, w.root, cognitoidentity.UntagResource, &cognitoidentity.UntagResourceInput{ResourceArn: wire.Some(arn), TagKeys: []string{"a"}}))(t)
	out := must2(do(w, w.root, cognitoidentity.ListTagsForResource, &cognitoidentity.ListTagsForResourceInput{ResourceArn: wire.Some(arn)}))(t)
	if len(out.Tags) != 1 || out.Tags["b"] != "2" {
		t.Errorf("tags %v", out.Tags)
	}
}

// The tags of a pool decide along about who may do what with it.
func TestPoolTagsDecide(t *testing.T) {
	w := newWorld(t)
	id := w.pool(true)
	w.change(id, func(p *cognitoidentity.IdentityPool) { p.IdentityPoolTags = map[string]string{"Stage": "live"} })
	p, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"cognito-identity:*","Resource":"*"},
		{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/stage":"live"}}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	clerk := &wire.Principal{Kind: wire.User, Account: account, ARN: "arn:aws:iam::" + account + ":user/clerk", Policies: policy.Attached{Identity: []policy.Source{{Name: "p", Policy: p}}}}
	for name, c := range map[string]struct {
		pool    string
		allowed bool
	}{"live": {id, false}, "untagged": {w.pool(true), true}} {
		arn := wire.Some("arn:aws:cognito-identity:" + region + ":" + account + ":identitypool/" + c.pool)
		for op, err := range map[string]error{
			"describe": errOf(do(w, clerk, cognitoidentity.DescribeIdentityPool, &cognitoidentity.DescribeIdentityPoolInput{IdentityPoolId: wire.Some(c.pool)})),
			"roles":    errOf(do(w, clerk, cognitoidentity.GetIdentityPoolRoles, &cognitoidentity.GetIdentityPoolRolesInput{IdentityPoolId: wire.Some(c.pool)})),
			"tags":     errOf(do(w, clerk, cognitoidentity.ListTagsForResource, &cognitoidentity.ListTagsForResourceInput{ResourceArn: arn})),
		} {
			if (err == nil) != c.allowed {
				t.Errorf("%s of the %s pool: %v", op, name, err)
			}
		}
	}
	_, err = do(w, clerk, cognitoidentity.DescribeIdentityPool, &cognitoidentity.DescribeIdentityPoolInput{IdentityPoolId: wire.Some(region + ":00000000-0000-4000-8000-000000000000")})
	refused(t, err, "ResourceNotFoundException", "not found")
}
