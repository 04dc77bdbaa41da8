package identities

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"bothy/api/cognitoidentity"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// Whatever clients and developers do, in whatever order: a login belongs to at most one identity, an identity is one user of each
// provider (developer users may be several), what is disabled has no logins, and whoever gets an identity's credentials owns it.
func TestOneLoginOneIdentity(t *testing.T) {
	for range 8 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint(seed), func(t *testing.T) { newHistory(t, seed).run(150) })
	}
}

// history is a random one of a pool.
type history struct {
	*world
	rnd  *rand.Rand
	pool string
	idp  *issuer
	ids  []string
}

func newHistory(t *testing.T, seed uint64) *history {
	w := newWorld(t)
	pool := w.developerPool()
	w.change(pool, func(p *cognitoidentity.IdentityPool) { p.OpenIdConnectProviderARNs = []string{oidcARN} })
	w.iam.oidc = map[string]*OIDCProvider{oidcARN: {URL: "https://" + oidcName, ClientIDs: []string{"app"}}}
	return &history{w, rand.New(rand.NewPCG(seed, 0)), pool, newIssuer(w, "https://"+oidcName), []string{w.id(pool, nil)}}
}

func (h *history) run(steps int) {
	for range steps {
		h.now = h.now.Add(time.Second)
		h.step()
		h.check()
	}
}

func (h *history) name() string { return string('a' + rune(h.rnd.IntN(4))) }
func (h *history) id() string   { return h.ids[h.rnd.IntN(len(h.ids))] }

// logins are some, perhaps none.
func (h *history) logins() map[string]string {
	out := map[string]string{}
	if h.rnd.IntN(2) == 0 {
		out[provider] = h.name()
	}
	if h.rnd.IntN(3) == 0 {
		out[oidcName] = h.idp.token(map[string]any{"sub": h.name()})
	}
	return out
}

func (h *history) step() {
	switch h.rnd.IntN(8) {
	case 0, 1:
		if id, err := h.getID(h.pool, h.logins()); err == nil {
			h.ids = append(h.ids, id)
		}
	case 2, 3:
		logins := h.logins()
		if out, err := h.credentials(h.id(), logins, ""); err == nil {
			h.owns(out.IdentityId.V, logins)
		}
	case 4:
		id := ""
		if h.rnd.IntN(2) == 0 {
			id = h.id()
		}
		if out, err := h.developed(h.pool, id, h.name(), h.logins()); err == nil {
			h.ids = append(h.ids, out.IdentityId.V)
		}
	case 5:
		h.merge(h.pool, h.name(), h.name()) //nolint:errcheck // a refusal is one of the answers
	case 6:
		logins := h.logins()
		do(h.world, nil, cognitoidentity.UnlinkIdentity, &cognitoidentity.UnlinkIdentityInput{IdentityId: wire.Some(h.id()), Logins: logins, LoginsToRemove: []string{provider}}) //nolint:errcheck // as above
	case 7:
		do(h.world, h.root, cognitoidentity.UnlinkDeveloperIdentity, &cognitoidentity.UnlinkDeveloperIdentityInput{ //nolint:errcheck // as above
			IdentityPoolId: wire.Some(h.pool), IdentityId: wire.Some(h.id()), DeveloperProviderName: wire.Some(developer), DeveloperUserIdentifier: wire.Some(h.name())})
	}
}

func (h *history) rows() map[string]*identity {
	out := map[string]*identity{}
	err := h.s.cfg.DB.View(h.t.Context(), func(tx *kv.Tx) error {
		rows, err := identityRows.All(tx, record.In(account, region), "pool", h.pool)
		for _, row := range rows {
			out[row.ID] = row
		}
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

// owns checks who got credentials.
func (h *history) owns(id string, logins map[string]string) {
	h.t.Helper()
	row := h.rows()[id]
	if row == nil || row.Merged != "" || len(logins) == 0 && len(row.Logins) > 0 {
		h.t.Fatalf("credentials of %s with %d logins: %+v", id, len(logins), row)
	}
	if name, ok := logins[provider]; ok && !slices.Contains(row.Logins, login{provider, name}) {
		h.t.Fatalf("credentials of %+v for %s", row, name)
	}
	if _, ok := logins[oidcName]; ok && len(row.users(oidcName)) != 1 {
		h.t.Fatalf("credentials of %+v for a user of %s", row, oidcName)
	}
}

func (h *history) check() {
	h.t.Helper()
	owner := map[login]string{}
	for id, row := range h.rows() {
		if row.Merged != "" && len(row.Logins) > 0 {
			h.t.Fatalf("disabled with logins: %+v", row)
		}
		for _, l := range row.Logins {
			if owner[l] != "" {
				h.t.Fatalf("%v belongs to %s and %s", l, owner[l], id)
			}
			owner[l] = id
			if l.Provider != developer && len(row.users(l.Provider)) > 1 {
				h.t.Fatalf("two users of %s: %+v", l.Provider, row)
			}
		}
	}
}
