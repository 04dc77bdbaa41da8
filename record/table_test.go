package record_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"bothy/kv"
	"bothy/kv/memkv"
	"bothy/record"
)

type user struct {
	Pool, Name string
	Email      string
	Groups     []string
	Until      time.Time
}

func users() *record.Table[user] {
	return &record.Table[user]{
		Name: "users.user", Version: 1,
		Key: func(u *user) []any { return []any{u.Pool, u.Name} },
		Indexes: []record.Index[user]{
			{Name: "email", Unique: true, Keys: func(u *user) [][]any {
				if u.Email == "" {
					return nil
				}
				return [][]any{{u.Pool, u.Email}}
			}},
			{Name: "group", Keys: func(u *user) (keys [][]any) {
				for _, g := range u.Groups {
					keys = append(keys, []any{u.Pool, g})
				}
				return keys
			}},
		},
	}
}

var here = record.In("000000000001", "eu-west-1")

func update(t *testing.T, db *kv.DB, fn func(*kv.Tx) error) {
	t.Helper()
	if err := db.Update(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

func view(t *testing.T, db *kv.DB, fn func(*kv.Tx) error) {
	t.Helper()
	if err := db.View(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, db *kv.DB, table *record.Table[user], all ...user) {
	t.Helper()
	update(t, db, func(tx *kv.Tx) error {
		for i := range all {
			if err := table.Put(tx, here, &all[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestTable(t *testing.T) {
	db, table := kv.New(memkv.New()), users()
	ann := user{Pool: "p", Name: "ann", Email: "ann@example.com", Groups: []string{"a", "b"}}
	update(t, db, func(tx *kv.Tx) error {
		if _, err := table.Get(tx, here, "p", "ann"); err != record.ErrNotFound {
			t.Errorf("get of nothing: %v", err)
		}
		if err := table.Delete(tx, here, "p", "ann"); err != record.ErrNotFound {
			t.Errorf("delete of nothing: %v", err)
		}
		return table.Insert(tx, here, &ann)
	})
	var exists *record.ErrExists
	err := db.Update(context.Background(), func(tx *kv.Tx) error { return table.Insert(tx, here, &ann) })
	if !errors.As(err, &exists) || exists.Index != "" {
		t.Errorf("second insert: %v", err)
	}
	view(t, db, func(tx *kv.Tx) error {
		got, err := table.Get(tx, here, "p", "ann")
		if !reflect.DeepEqual(got, &ann) {
			t.Errorf("got %+v", got)
		}
		for _, elsewhere := range []record.Scope{record.In("000000000002", "eu-west-1"), record.In("000000000001", "us-east-1"), record.In("000000000001", "")} {
			if _, err := table.Get(tx, elsewhere, "p", "ann"); err != record.ErrNotFound {
				t.Errorf("in %v: %v", elsewhere, err)
			}
		}
		return err
	})
}

func TestUniqueIndex(t *testing.T) {
	db, table := kv.New(memkv.New()), users()
	put(t, db, table, user{Pool: "p", Name: "ann", Email: "a@example.com"}, user{Pool: "q", Name: "ann", Email: "a@example.com"})
	taken := func(u user) {
		t.Helper()
		var exists *record.ErrExists
		err := db.Update(context.Background(), func(tx *kv.Tx) error { return table.Put(tx, here, &u) })
		if !errors.As(err, &exists) || exists.Index != "email" || exists.Table != "users.user" {
			t.Errorf("%+v: %v", u, err)
		}
	}
	taken(user{Pool: "p", Name: "bob", Email: "a@example.com"})
	put(t, db, table, user{Pool: "p", Name: "ann", Email: "new@example.com"}, user{Pool: "p", Name: "bob", Email: "a@example.com"})
	taken(user{Pool: "p", Name: "ann", Email: "a@example.com"})
	put(t, db, table, user{Pool: "p", Name: "ann", Email: "new@example.com", Groups: []string{"x"}}) // its own address is not taken
	view(t, db, func(tx *kv.Tx) error {
		for email, want := range map[string]string{"a@example.com": "bob", "new@example.com": "ann"} {
			if u, err := table.Find(tx, here, "email", "p", email); err != nil || u.Name != want {
				t.Errorf("%s: %+v, %v", email, u, err)
			}
		}
		return nil
	})
	update(t, db, func(tx *kv.Tx) error { return table.Delete(tx, here, "p", "bob") })
	view(t, db, func(tx *kv.Tx) error {
		if _, err := table.Find(tx, here, "email", "p", "a@example.com"); err != record.ErrNotFound {
			t.Errorf("address of a deleted row: %v", err)
		}
		return nil
	})
}

func names(t *testing.T, tx *kv.Tx, table *record.Table[user], p record.Page) (all []string, pages int) {
	t.Helper()
	for {
		rows, next, err := table.List(tx, here, p)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range rows {
			all = append(all, u.Name)
		}
		if pages++; next == "" {
			return all, pages
		}
		p.After = next
	}
}

func TestList(t *testing.T) {
	db, table := kv.New(memkv.New()), users()
	var want []string
	for i := range 10 {
		u := user{Pool: "p", Name: fmt.Sprint("u", i), Groups: []string{"all"}}
		if i%2 == 0 {
			u.Groups = append(u.Groups, "even")
		}
		want = append(want, u.Name)
		put(t, db, table, u, user{Pool: "o", Name: "other", Groups: []string{"all"}}, user{Pool: "q", Name: "other", Groups: []string{"all"}})
	}
	even := []string{"u0", "u2", "u4", "u6", "u8"}
	view(t, db, func(tx *kv.Tx) error {
		for limit := range 13 {
			for _, reverse := range []bool{false, true} {
				for _, c := range []struct {
					page record.Page
					want []string
				}{{record.Page{Prefix: []any{"p"}}, want}, {record.Page{Index: "group", Prefix: []any{"p", "all"}}, want}, {record.Page{Index: "group", Prefix: []any{"p", "even"}}, even},
					{record.Page{Prefix: []any{"x"}}, nil}} {
					c.page.Limit, c.page.Reverse = limit, reverse
					wanted := slices.Clone(c.want)
					if reverse {
						slices.Reverse(wanted)
					}
					got, pages := names(t, tx, table, c.page)
					if !slices.Equal(got, wanted) {
						t.Errorf("%+v: got %v, want %v", c.page, got, wanted)
					}
					if most := max(1, (len(wanted)+max(limit, 1)-1)/max(limit, 1)); pages > most {
						t.Errorf("%+v: %d pages for %d rows", c.page, pages, len(wanted))
					}
				}
			}
		}
		return nil
	})
	update(t, db, func(tx *kv.Tx) error { return table.Delete(tx, here, "p", "u4") })
	view(t, db, func(tx *kv.Tx) error {
		if got, _ := names(t, tx, table, record.Page{Index: "group", Prefix: []any{"p", "even"}}); !slices.Equal(got, []string{"u0", "u2", "u6", "u8"}) {
			t.Errorf("after a delete: %v", got)
		}
		return nil
	})
}

// TestToken: a token is what a caller sends back, so it may be anything; it never leads out of the prefix.
// TestAll reads beyond one page, and nothing beside its prefix.
func TestAll(t *testing.T) {
	db, table := kv.New(memkv.New()), users()
	put(t, db, table, user{Pool: "o", Name: "before"}, user{Pool: "q", Name: "after"})
	var want []string
	for i := range 2345 {
		want = append(want, fmt.Sprintf("%04d", i))
		put(t, db, table, user{Pool: "p", Name: want[i], Groups: []string{"g"}})
	}
	for _, c := range []struct {
		index  string
		prefix []any
	}{{"", []any{"p"}}, {"group", []any{"p", "g"}}} {
		view(t, db, func(tx *kv.Tx) error {
			rows, err := table.All(tx, here, c.index, c.prefix...)
			var got []string
			for _, r := range rows {
				got = append(got, r.Name)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%q: %d rows, want %d", c.index, len(got), len(want))
			}
			return err
		})
	}
}

// TestRawRows: a row can be found and read by the key and the form that are promised.
func TestRawRows(t *testing.T) {
	db, table := kv.New(memkv.New()), users()
	put(t, db, table, user{Pool: "p", Name: "ann", Email: "a@x"})
	view(t, db, func(tx *kv.Tx) error {
		raw, err := tx.Get(table.Rows(here).With("p", "ann"))
		if err != nil {
			return err
		}
		stamp, err := table.Stamp(tx, here, "p", "ann")
		if err != nil || string(stamp) != string(raw) {
			t.Errorf("stamp %q, row %q, %v", stamp, raw, err)
		}
		u, err := table.Decode(raw)
		if err != nil || u.Email != "a@x" {
			t.Errorf("%+v, %v", u, err)
		}
		if _, err := table.Decode(nil); !errors.Is(err, record.ErrNewer) {
			t.Errorf("no row: %v", err)
		}
		return nil
	})
}

func TestToken(t *testing.T) {
	db, table := kv.New(memkv.New()), users()
	for _, pool := range []string{"a", "b", "c"} {
		for i := range 3 {
			put(t, db, table, user{Pool: pool, Name: fmt.Sprint(pool, i)})
		}
	}
	view(t, db, func(tx *kv.Tx) error {
		token := func(pool string) string {
			_, next, err := table.List(tx, here, record.Page{Prefix: []any{pool}, Limit: 1})
			if err != nil || next == "" {
				t.Fatal(next, err)
			}
			return next
		}
		for _, bad := range []string{token("a"), token("c"), "!", "AA", "====", strings.Repeat("A", 10_000), token("b") + "A",
			base64.RawURLEncoding.EncodeToString(kv.K("b")), base64.RawURLEncoding.EncodeToString([]byte{0xFF})} {
			for _, reverse := range []bool{false, true} {
				rows, _, err := table.List(tx, here, record.Page{Prefix: []any{"b"}, After: bad, Reverse: reverse})
				if err != record.ErrToken {
					t.Errorf("%.40q: %d rows, %v", bad, len(rows), err)
				}
			}
		}
		rows, _, err := table.List(tx, here, record.Page{Prefix: []any{"b"}, After: token("b")})
		if len(rows) != 2 {
			t.Errorf("a good token gave %d rows", len(rows))
		}
		return err
	})
}

func TestNewerRowRefused(t *testing.T) {
	db, table, newer := kv.New(memkv.New()), users(), users()
	newer.Version = 2
	put(t, db, newer, user{Pool: "p", Name: "ann", Email: "a@example.com"})
	update(t, db, func(tx *kv.Tx) error {
		_, get := table.Get(tx, here, "p", "ann")
		_, find := table.Find(tx, here, "email", "p", "a@example.com")
		_, _, list := table.List(tx, here, record.Page{})
		for what, err := range map[string]error{"get": get, "find": find, "list": list,
			"put": table.Put(tx, here, &user{Pool: "p", Name: "ann"}), "delete": table.Delete(tx, here, "p", "ann")} {
			if !errors.Is(err, record.ErrNewer) {
				t.Errorf("%s: %v", what, err)
			}
		}
		return nil
	})
	put(t, db, users(), user{Pool: "p", Name: "bob"})
	view(t, db, func(tx *kv.Tx) error { _, err := newer.Get(tx, here, "p", "bob"); return err })
}

func TestChanges(t *testing.T) {
	db, table := kv.New(memkv.New()), users()
	table.Log = true
	put(t, db, table, user{Pool: "p", Name: "ann"})
	put(t, db, table, user{Pool: "p", Name: "ann", Email: "a@example.com"})
	update(t, db, func(tx *kv.Tx) error { return table.Delete(tx, here, "p", "ann") })
	refused := errors.New("refused")
	err := db.Update(context.Background(), func(tx *kv.Tx) error {
		return errors.Join(table.Put(tx, here, &user{Pool: "p", Name: "bob"}), refused)
	})
	if !errors.Is(err, refused) {
		t.Fatal(err)
	}
	view(t, db, func(tx *kv.Tx) error {
		got, err := table.Changes(tx, here, 0, 10)
		want := []record.Change[user]{
			{Number: 1, New: &user{Pool: "p", Name: "ann"}},
			{Number: 2, Old: &user{Pool: "p", Name: "ann"}, New: &user{Pool: "p", Name: "ann", Email: "a@example.com"}},
			{Number: 3, Old: &user{Pool: "p", Name: "ann", Email: "a@example.com"}},
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v", got)
		}
		if some, _ := table.Changes(tx, here, 1, 1); len(some) != 1 || some[0].Number != 2 {
			t.Errorf("after 1, one: %+v", some)
		}
		return err
	})
	update(t, db, func(tx *kv.Tx) error {
		n, err := table.TrimChanges(tx, here, 2, 10)
		if n != 2 {
			t.Errorf("%d trimmed", n)
		}
		return err
	})
	put(t, db, table, user{Pool: "p", Name: "bob"})
	view(t, db, func(tx *kv.Tx) error {
		got, err := table.Changes(tx, here, 0, 10)
		if len(got) != 2 || got[0].Number != 3 || got[1].Number != 4 {
			t.Errorf("after the trim: %+v", got)
		}
		return err
	})
}

func TestExpiry(t *testing.T) {
	engine := memkv.New()
	db, table := kv.New(engine), users()
	table.Expires = func(u *user) time.Time { return u.Until }
	at := func(s int) time.Time { return time.Unix(1_700_000_000+int64(s), 0).UTC() }
	put(t, db, table,
		user{Pool: "p", Name: "early", Email: "e@example.com", Groups: []string{"a", "b"}, Until: at(10)},
		user{Pool: "p", Name: "late", Until: at(20)},
		user{Pool: "p", Name: "moved", Until: at(5)},
		user{Pool: "p", Name: "kept", Until: at(5)},
		user{Pool: "p", Name: "gone", Until: at(5)},
		user{Pool: "p", Name: "always"})
	put(t, db, table, user{Pool: "p", Name: "moved", Until: at(15)}, user{Pool: "p", Name: "kept"},
		user{Pool: "p", Name: "early", Email: "new@example.com", Groups: []string{"c"}, Until: at(10)})
	update(t, db, func(tx *kv.Tx) error { return table.Delete(tx, here, "p", "gone") })
	for _, c := range []struct {
		now, limit, swept int
		left              []string
	}{
		{9, 10, 0, []string{"always", "early", "kept", "late", "moved"}},
		{10, 10, 1, []string{"always", "kept", "late", "moved"}},
		{30, 1, 1, []string{"always", "kept", "late"}},
		{30, 10, 1, []string{"always", "kept"}},
		{1000, 10, 0, []string{"always", "kept"}},
	} {
		n, err := record.SweepExpired(context.Background(), db, at(c.now), c.limit)
		if n != c.swept || err != nil {
			t.Errorf("at %d: %d swept, %v", c.now, n, err)
		}
		view(t, db, func(tx *kv.Tx) error {
			if got, _ := names(t, tx, table, record.Page{}); !slices.Equal(got, c.left) {
				t.Errorf("at %d: %v is left", c.now, got)
			}
			return nil
		})
	}
	view(t, db, func(tx *kv.Tx) error { // rows and nothing else: no index or expiry entry stays behind
		n := 0
		err := tx.Scan(kv.Range{}, func(kv.Key, []byte) bool { n++; return true })
		if n != 2 {
			t.Errorf("%d pairs are left", n)
		}
		return err
	})
}

func TestExpiryOfMany(t *testing.T) {
	db, table := kv.New(memkv.New()), users()
	table.Expires = func(u *user) time.Time { return u.Until }
	now := time.Unix(1_700_000_000, 0)
	update(t, db, func(tx *kv.Tx) error {
		for i := range 450 {
			if err := table.Put(tx, here, &user{Pool: "p", Name: fmt.Sprint(i), Until: now}); err != nil {
				return err
			}
		}
		return nil
	})
	for _, want := range []int{300, 150, 0} {
		if n, err := record.SweepExpired(context.Background(), db, now, 300); n != want || err != nil {
			t.Errorf("%d swept, want %d, %v", n, want, err)
		}
	}
}
