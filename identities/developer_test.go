package identities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"bothy/api/cognitoidentity"
	"bothy/policy"
	"bothy/wire"
)

const developer = "login.example"

// developerPool is a pool with a developer provider, and guests.
func (w *world) developerPool() string {
	w.t.Helper()
	pool := w.pool(true)
	w.change(pool, func(p *cognitoidentity.IdentityPool) { p.DeveloperProviderName = wire.Some(developer) })
	return pool
}

// developed asks for a token of a developer user: on an identity, or the user's own, with other logins.
func (w *world) developed(pool, id, name string, logins map[string]string) (*cognitoidentity.GetOpenIdTokenForDeveloperIdentityOutput, error) {
	all := map[string]string{developer: name}
	for k, v := range logins {
		all[k] = v
	}
	return do(w, w.root, cognitoidentity.GetOpenIdTokenForDeveloperIdentity, &cognitoidentity.GetOpenIdTokenForDeveloperIdentityInput{
		IdentityPoolId: wire.Some(pool), IdentityId: wire.NonEmpty(id), Logins: all})
}

func (w *world) developerID(pool, name string) string {
	w.t.Helper()
	return must2(w.developed(pool, "", name, nil))(w.t).IdentityId.V
}

func TestDeveloperLinks(t *testing.T) {
	w := newWorld(t)
	pool := w.developerPool()
	guest, bob := w.id(pool, nil), w.id(pool, user("bob"))
	if got := must2(w.developed(pool, guest, "ann", nil))(t).IdentityId.V; got != guest {
		t.Errorf("a guest became %s", got)
	}
	_, err := w.developed(pool, bob, "carl", nil)
	refused(t, err, "NotAuthorizedException", "Logins don't match.")
	_, err = w.developed(pool, bob, "carl", user("eve"))
	refused(t, err, "NotAuthorizedException", "Logins don't match.")
	if got := must2(w.developed(pool, bob, "carl", user("bob")))(t).IdentityId.V; got != bob {
		t.Errorf("bob became %s", got)
	}
	_, err = w.developed(pool, w.id(pool, nil), "carl", nil)
	refused(t, err, "DeveloperUserAlreadyRegisteredException", "")
	_, err = w.developed(pool, w.id(w.pool(true), nil), "dora", nil)
	refused(t, err, "ResourceNotFoundException", "not found")
	_, err = w.developed(pool, "", strings.Repeat("x", maxSubject+1), nil)
	refused(t, err, "InvalidParameterException", "")
}

// A token of a developer cannot be made to last by presenting what was made of it.
func TestDeveloperTokenEnds(t *testing.T) {
	w := newWorld(t)
	pool := w.developerPool()
	out := must2(w.developed(pool, "", "ann", nil))(t)
	token := out.Token.V
	for range 3 {
		w.now = w.now.Add(TokenLife/3 - time.Second)
		next, err := w.token(out.IdentityId.V, map[string]string{Issuer: token})
		if err != nil {
			t.Fatal(err)
		}
		token = next
	}
	w.now = w.now.Add(3 * time.Second)
	for name, old := range map[string]string{"first": out.Token.V, "renewed": token} {
		_, err := w.credentials(out.IdentityId.V, map[string]string{Issuer: old}, "")
		if refused(t, err, "NotAuthorizedException", "expired"); err == nil {
			t.Error(name)
		}
	}
}

// Who may use an identity pool's other operations is no developer.
func TestDeveloperNeedsRights(t *testing.T) {
	w := newWorld(t)
	pool := w.developerPool()
	document := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"cognito-identity:GetOpenIdTokenForDeveloperIdentity","Resource":"arn:aws:cognito-identity:` + region + `:` + account + `:identitypool/` + pool + `"}]}`
	p, err := policy.Parse([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	clerk := &wire.Principal{Kind: wire.User, Account: account, ARN: "arn:aws:iam::" + account + ":user/clerk", Policies: policy.Attached{Identity: []policy.Source{{Name: "p", Policy: p}}}}
	ask := func(by *wire.Principal, pool string) error {
		_, err := do(w, by, cognitoidentity.GetOpenIdTokenForDeveloperIdentity, &cognitoidentity.GetOpenIdTokenForDeveloperIdentityInput{IdentityPoolId: wire.Some(pool), Logins: map[string]string{developer: "ann"}})
		return err
	}
	if err := ask(clerk, pool); err != nil {
		t.Fatal(err)
	}
	if ask(clerk, w.developerPool()) == nil {
		t.Error("a developer of one pool is one of another")
	}
	_, err = do(w, clerk, cognitoidentity.MergeDeveloperIdentities, &cognitoidentity.MergeDeveloperIdentitiesInput{
		IdentityPoolId: wire.Some(pool), DeveloperProviderName: wire.Some(developer), SourceUserIdentifier: wire.Some("a"), DestinationUserIdentifier: wire.Some("b")})
	if err == nil {
		t.Error("a clerk merges")
	}
	if ask(&wire.Principal{Kind: wire.Session, Account: account, ARN: "x"}, pool) == nil {
		t.Error("a user's session is a developer")
	}
}

func (w *world) merge(pool, from, to string) (string, error) {
	out, err := do(w, w.root, cognitoidentity.MergeDeveloperIdentities, &cognitoidentity.MergeDeveloperIdentitiesInput{
		IdentityPoolId: wire.Some(pool), DeveloperProviderName: wire.Some(developer), SourceUserIdentifier: wire.Some(from), DestinationUserIdentifier: wire.Some(to)})
	if err != nil {
		return "", err
	}
	return out.IdentityId.V, nil
}

func TestMergeDevelopers(t *testing.T) {
	w := newWorld(t)
	pool := w.developerPool()
	a, b := w.developerID(pool, "a"), w.developerID(pool, "b")
	guest := w.id(pool, nil)
	ofA := map[string]string{Issuer: must2(w.developed(pool, "", "a", nil))(t).Token.V}
	if got, err := w.credentials(guest, ofA, ""); err != nil || got.IdentityId.V != a { // the guest becomes a
		t.Fatalf("%+v, %v", got, err)
	}
	must2(w.developed(pool, a, "a", user("ann")))(t)
	for range 2 { // asked again it answers the same
		if got, err := w.merge(pool, "a", "b"); err != nil || got != b {
			t.Fatalf("%s, %v", got, err)
		}
	}
	for name, login := range map[string]map[string]string{"developer user": ofA, "user of the pool": user("ann")} {
		for _, id := range []string{a, b, guest} { // whoever still holds the old ids is led on
			if got, err := w.credentials(id, login, ""); err != nil || got.IdentityId.V != b {
				t.Errorf("%s, %s: %+v, %v", name, id, got, err)
			}
		}
	}
	_, err := w.credentials(a, nil, "")
	refused(t, err, "ResourceNotFoundException", "not found")
	if d := must2(do(w, w.root, cognitoidentity.DescribeIdentity, &cognitoidentity.DescribeIdentityInput{IdentityId: wire.Some(b)}))(t); !slices.Equal(d.Logins, []string{developer, provider}) {
		t.Errorf("logins %q", d.Logins)
	}
	list := must2(do(w, w.root, cognitoidentity.ListIdentities, &cognitoidentity.ListIdentitiesInput{IdentityPoolId: wire.Some(pool), MaxResults: wire.Some(int32(60)), HideDisabled: wire.Some(true)}))(t)
	if len(list.Identities) != 1 || list.Identities[0].IdentityId.V != b {
		t.Errorf("in use %+v", list.Identities)
	}
}

func TestMergeRefuses(t *testing.T) {
	w := newWorld(t)
	pool := w.developerPool()
	a, b := w.developerID(pool, "a"), w.developerID(pool, "b")
	must2(w.developed(pool, a, "a", user("ann")))(t)
	must2(w.developed(pool, b, "b", user("bob")))(t)
	_, err := w.merge(pool, "a", "b")
	refused(t, err, "ResourceConflictException", "different users")
	_, err = w.merge(pool, "a", "nobody")
	refused(t, err, "ResourceNotFoundException", "not found")
	_, err = w.merge(w.pool(true), "a", "b")
	refused(t, err, "InvalidParameterException", "developer provider")
	for n := range maxLogins {
		name := fmt.Sprint("x", n)
		w.developerID(pool, name)
		if _, err = w.merge(pool, name, "x0"); err != nil {
			t.Fatal(err)
		}
	}
	w.developerID(pool, "one too many")
	_, err = w.merge(pool, "one too many", "x0")
	refused(t, err, "ResourceConflictException", "20 logins")
}

func TestLookupDevelopers(t *testing.T) {
	w := newWorld(t)
	pool := w.developerPool()
	var users []string
	for n := range 7 {
		users = append(users, fmt.Sprint("user", n))
		w.developerID(pool, users[n])
		if n > 0 {
			if _, err := w.merge(pool, users[n], users[0]); err != nil {
				t.Fatal(err)
			}
		}
	}
	id, other := w.developerID(pool, users[0]), w.developerID(pool, "other")
	look := func(id, name string, max int32, token string) (*cognitoidentity.LookupDeveloperIdentityOutput, error) {
		in := &cognitoidentity.LookupDeveloperIdentityInput{IdentityPoolId: wire.Some(pool), IdentityId: wire.NonEmpty(id), DeveloperUserIdentifier: wire.NonEmpty(name), NextToken: wire.NonEmpty(token)}
		if max > 0 {
			in.MaxResults = wire.Some(max)
		}
		return do(w, w.root, cognitoidentity.LookupDeveloperIdentity, in)
	}
	for _, by := range [][2]string{{id, ""}, {"", users[3]}} {
		for _, max := range []int32{0, 1, 3, 7} {
			var got []string
			for token, more := "", true; more; {
				out := must2(look(by[0], by[1], max, token))(t)
				if got = append(got, out.DeveloperUserIdentifierList...); out.IdentityId.V != id || max > 0 && len(out.DeveloperUserIdentifierList) > int(max) {
					t.Fatalf("%+v", out)
				}
				token, more = out.NextToken.V, out.NextToken.Set
			}
			if !slices.Equal(got, users) {
				t.Errorf("by %q in pages of %d: %q", by, max, got)
			}
		}
	}
	if out := must2(look(id, users[2], 0, ""))(t); out.IdentityId.V != id || !slices.Equal(out.DeveloperUserIdentifierList, users[2:3]) {
		t.Errorf("both given: %+v", out)
	}
	_, err := look(other, users[2], 0, "")
	refused(t, err, "ResourceConflictException", "")
	_, err = look("", "", 0, "")
	refused(t, err, "InvalidParameterException", "")
	_, err = look(id, "", 0, "%")
	refused(t, err, "InvalidParameterException", "pagination token")
	for name, err := range map[string]error{
		"unknown user": errOf(look("", "nobody", 0, "")), "guest": errOf(look(w.id(pool, nil), "", 0, "")), "user of a pool": errOf(look(w.id(pool, user("eve")), "", 0, "")),
	} {
		if !errors.As(err, new(*cognitoidentity.ResourceNotFoundException)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestUnlinkDeveloper(t *testing.T) {
	w := newWorld(t)
	pool := w.developerPool()
	id := w.developerID(pool, "a")
	unlink := func(pool, id, name string) error {
		_, err := do(w, w.root, cognitoidentity.UnlinkDeveloperIdentity, &cognitoidentity.UnlinkDeveloperIdentityInput{
			IdentityPoolId: wire.Some(pool), IdentityId: wire.Some(id), DeveloperProviderName: wire.Some(developer), DeveloperUserIdentifier: wire.Some(name)})
		return err
	}
	token := must2(w.developed(pool, "", "a", nil))(t).Token.V
	refused(t, unlink(pool, id, "b"), "ResourceNotFoundException", "not found")
	refused(t, unlink(w.developerPool(), id, "a"), "ResourceNotFoundException", "not found")
	if err := unlink(pool, id, "a"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.s.Verify(context.Background(), token); !errors.Is(err, ErrToken) {
		t.Errorf("the token of an identity without logins: %v", err)
	}
	if w.developerID(pool, "a") == id {
		t.Error("the user is still linked")
	}
	if _, err := w.credentials(id, nil, ""); err == nil {
		t.Error("an identity without logins is open to whoever knows its id")
	}
}

// A token of a guest ends when the guest signs in: what it was for is a user's now. So does one of a login that is unlinked.
func TestTokensOfWhatChanged(t *testing.T) {
	w := newWorld(t)
	pool := w.developerPool()
	id := w.id(pool, nil)
	token, err := w.token(id, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.s.Verify(context.Background(), token); err != nil {
		t.Fatal(err)
	}
	if _, err := w.credentials(id, user("ann"), ""); err != nil {
		t.Fatal(err)
	}
	if _, err := w.s.Verify(context.Background(), token); !errors.Is(err, ErrToken) {
		t.Errorf("a guest's token for a user's identity: %v", err)
	}
	if token, err = w.token(id, user("ann")); err != nil {
		t.Fatal(err)
	}
	must2(w.developed(pool, id, "a", user("ann")))(t)
	if _, err := do(w, nil, cognitoidentity.UnlinkIdentity, &cognitoidentity.UnlinkIdentityInput{IdentityId: wire.Some(id), Logins: user("ann"), LoginsToRemove: []string{provider}}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.s.Verify(context.Background(), token); !errors.Is(err, ErrToken) {
		t.Errorf("a token of a login that was unlinked: %v", err)
	}
}
