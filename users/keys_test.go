package users

import (
	"crypto/rsa"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"bothy/api/cognitoidp"
	"bothy/kv"
)

// shownKeys are the ids of the keys in a pool's JWKS.
func (w *world) shownKeys(p string) (ids []string) {
	w.t.Helper()
	rec := httptest.NewRecorder()
	w.s.WellKnown().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/"+p+"/.well-known/jwks.json", nil))
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(rec.Body.Bytes(), &set); err != nil {
		w.t.Fatal(err)
	}
	for _, k := range set.Keys {
		ids = append(ids, k.KeyID)
	}
	return ids
}

func kidOf(t *testing.T, token string) string {
	t.Helper()
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	return signed.Signatures[0].Header.KeyID
}

func TestRotation(t *testing.T) {
	w := newWorld(t)
	p := w.pool()
	cl := w.client(p, func(in *cognitoidp.CreateUserPoolClientInput) {
		in.AccessTokenValidity.V, in.AccessTokenValidity.Set = 24, true
	})
	w.member(cl, "alice")
	before := w.signIn(p, cl, "alice")
	first := w.shownKeys(p)
	if len(first) != 2 || kidOf(t, before.IdToken.V) != first[0] || kidOf(t, before.AccessToken.V) != first[1] {
		t.Fatalf("%v", first)
	}
	elsewhere := New(w.s.cfg) // another node, which has these keys in memory
	elsewhere.newKey = func() (*rsa.PrivateKey, error) { return nil, errors.New("made a key") }
	if _, err := elsewhere.VerifyAccessToken(w.ctx, p, before.AccessToken.V); err != nil {
		t.Fatal(err)
	}
	ids, from, err := w.s.RotateKeys(w.ctx, account, p)
	if err != nil || len(ids) != 2 {
		t.Fatal(ids, err)
	}
	if _, _, err := w.s.RotateKeys(w.ctx, account, p); !errors.Is(err, ErrRotating) {
		t.Fatalf("rotated again: %v", err)
	}
	if got := w.shownKeys(p); len(got) != 4 || !slices.Equal(got[2:], ids) {
		t.Fatalf("%v are shown", got)
	}
	if kid := kidOf(t, w.signIn(p, cl, "alice").IdToken.V); kid != first[0] {
		t.Error("new keys sign before verifiers know them")
	}
	w.wait(from.Sub(w.now()) - time.Second)
	last := w.signIn(p, cl, "alice").AccessToken.V // as late as the old key signs
	w.wait(2 * time.Second)
	after := w.signIn(p, cl, "alice")
	if kidOf(t, last) != first[1] || kidOf(t, after.IdToken.V) != ids[0] || kidOf(t, after.AccessToken.V) != ids[1] {
		t.Error("the new keys do not sign")
	}
	w.wait(24*time.Hour - 10*time.Second)
	for _, s := range []*Service{w.s, elsewhere} {
		for name, token := range map[string]string{"last of the old key": last, "first of the new key": after.AccessToken.V} {
			if _, err := s.VerifyAccessToken(w.ctx, p, token); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	w.wait(time.Hour)
	if got := w.shownKeys(p); !slices.Equal(got, ids) {
		t.Errorf("%v are shown, want %v", got, ids)
	}
	if _, err := w.s.VerifyAccessToken(w.ctx, p, last); !errors.Is(err, ErrTokenInvalid) {
		t.Errorf("a token of a key that is gone: %v", err)
	}
}

func TestOldKeysAreRotated(t *testing.T) {
	w := newWorld(t)
	w.s.cfg.KeyAge = 30 * 24 * time.Hour
	p := w.pool()
	cl := w.client(p)
	w.client(w.pool()) // nobody signs in there
	w.member(cl, "alice")
	w.signIn(p, cl, "alice")
	w.wait(29 * 24 * time.Hour)
	if err := w.s.Sweep(w.ctx); err != nil || len(w.shownKeys(p)) != 2 {
		t.Fatalf("too early: %v, %v", err, w.shownKeys(p))
	}
	w.wait(2 * 24 * time.Hour)
	for range 2 { // the second time there is nothing to do
		if err := w.s.Sweep(w.ctx); err != nil || len(w.shownKeys(p)) != 4 {
			t.Fatalf("%v, %v", err, w.shownKeys(p))
		}
	}
}

// TestKeysOfTheOldForm reads keys as they were kept before they rotated.
func TestKeysOfTheOldForm(t *testing.T) {
	w := newWorld(t)
	p := w.pool()
	cl := w.client(p)
	w.member(cl, "alice")
	tokens := w.signIn(p, cl, "alice")
	if err := w.s.update(w.ctx, func(tx *kv.Tx) error {
		row, err := signings.Get(tx, inPool(account, p), p)
		if err != nil {
			return err
		}
		for i := range row.Keys {
			row.Keys[i].From = time.Time{}
		}
		return signings.Put(tx, inPool(account, p), row)
	}); err != nil {
		t.Fatal(err)
	}
	w.s = New(w.s.cfg)
	w.s.newKey = readyKey
	must(w, w.s.getUser, &cognitoidp.GetUserInput{AccessToken: tokens.AccessToken})
	if _, _, err := w.s.RotateKeys(w.ctx, account, p); err != nil {
		t.Fatal(err)
	}
	must(w, w.s.getUser, &cognitoidp.GetUserInput{AccessToken: tokens.AccessToken})
}
