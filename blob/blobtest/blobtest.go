// Package blobtest is what every blob engine must pass.
package blobtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bothy/blob"
)

// Clock is a clock that a test moves.
type Clock struct{ at atomic.Int64 }

// Now is the clock's time.
func (c *Clock) Now() time.Time { return time.Unix(1_700_000_000, c.at.Load()) }

// Advance moves the clock forward.
func (c *Clock) Advance(d time.Duration) { c.at.Add(int64(d)) }

// Grace is the grace that Run expects engines to have.
const Grace = time.Hour

// Run runs the suite. open gives a new, empty engine with Grace that reads the clock; the suite closes it.
func Run(t *testing.T, open func(t *testing.T, c *Clock) blob.Engine) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, e blob.Engine, c *Clock)
	}{
		{"RoundTrip", testRoundTrip},
		{"Ranges", testRanges},
		{"Absent", testAbsent},
		{"HostileIDs", testHostileIDs},
		{"FailingReader", testFailingReader},
		{"Cancelled", testCancelled},
		{"SameBytesTwice", testSameTwice},
		{"OpenThenDelete", testOpenThenDelete},
		{"WalkGrace", testWalkGrace},
		{"WalkStops", testWalkStops},
		{"Sweep", testSweep},
		{"SweepRace", testSweepRace},
		{"Concurrent", testConcurrent},
		{"Claim", testClaim},
	} {
		t.Run(c.name, func(t *testing.T) {
			clock := &Clock{}
			e := open(t, clock)
			t.Cleanup(func() {
				if err := e.Close(); err != nil {
					t.Error("close:", err)
				}
			})
			c.test(t, e, clock)
		})
	}
}

func id(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

func put(t *testing.T, e blob.Engine, content string) string {
	t.Helper()
	info, err := e.Put(context.Background(), strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	if info.ID != id([]byte(content)) || info.Size != int64(len(content)) {
		t.Errorf("put gave %+v", info)
	}
	return info.ID
}

func read(e blob.Engine, id string, offset, length int64) ([]byte, error) {
	r, err := e.Open(context.Background(), id, offset, length)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(r)
	return b, errors.Join(err, r.Close())
}

func exists(t *testing.T, e blob.Engine, id string) bool {
	t.Helper()
	_, err := e.Stat(context.Background(), id)
	if err != nil && !errors.Is(err, blob.ErrNotFound) {
		t.Error(err)
	}
	return err == nil
}

func testRoundTrip(t *testing.T, e blob.Engine, _ *Clock) {
	for _, n := range []int{0, 1, 4096, 3 << 20} {
		content := bytes.Repeat([]byte("bothy"), n/5+1)[:n]
		key := put(t, e, string(content))
		got, err := read(e, key, 0, -1)
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d bytes came back as %d, %v", n, len(got), err)
		}
		if info, err := e.Stat(context.Background(), key); err != nil || info.Size != int64(n) || info.ID != key {
			t.Errorf("stat: %+v, %v", info, err)
		}
	}
}

func testRanges(t *testing.T, e blob.Engine, _ *Clock) {
	key := put(t, e, "0123456789")
	for _, c := range []struct {
		offset, length int64
		want           string
	}{{0, -1, "0123456789"}, {0, 0, ""}, {3, 4, "3456"}, {3, -1, "3456789"}, {8, 100, "89"}, {10, -1, ""}, {10, 5, ""}, {9, 1 << 62, "9"}} {
		if got, err := read(e, key, c.offset, c.length); err != nil || string(got) != c.want {
			t.Errorf("(%d, %d): %q, %v, want %q", c.offset, c.length, got, err, c.want)
		}
	}
	for _, offset := range []int64{11, -1, 1 << 62} {
		if got, err := read(e, key, offset, -1); !errors.Is(err, blob.ErrRange) {
			t.Errorf("offset %d: %q, %v", offset, got, err)
		}
	}
}

func testAbsent(t *testing.T, e blob.Engine, _ *Clock) {
	absent := id([]byte("never put"))
	if _, err := read(e, absent, 0, -1); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("open: %v", err)
	}
	if _, err := e.Stat(context.Background(), absent); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("stat: %v", err)
	}
	if err := errors.Join(e.Delete(context.Background(), absent), e.DeleteOld(context.Background(), absent)); err != nil {
		t.Errorf("delete: %v", err)
	}
}

func testHostileIDs(t *testing.T, e blob.Engine, _ *Clock) {
	key := put(t, e, "secret")
	for _, bad := range []string{"", "a", "..", "../../etc/passwd", strings.Repeat("../", 21) + "a", strings.ToUpper(key), key + "0", key[:63],
		key[:62] + "/.", "\x00" + key[1:], key[:2] + "/" + key[2:63]} {
		if _, err := read(e, bad, 0, -1); !errors.Is(err, blob.ErrNotFound) {
			t.Errorf("open %q: %v", bad, err)
		}
		if _, err := e.Stat(context.Background(), bad); !errors.Is(err, blob.ErrNotFound) {
			t.Errorf("stat %q: %v", bad, err)
		}
		if err := e.Delete(context.Background(), bad); err != nil {
			t.Errorf("delete %q: %v", bad, err)
		}
	}
	if !exists(t, e, key) {
		t.Error("a delete by another name removed it")
	}
}

func testFailingReader(t *testing.T, e blob.Engine, c *Clock) {
	torn := errors.New("torn")
	_, err := e.Put(context.Background(), io.MultiReader(strings.NewReader("half"), failing{torn}))
	if !errors.Is(err, torn) {
		t.Errorf("got %v", err)
	}
	c.Advance(2 * Grace)
	if got := walk(t, e); len(got) != 0 {
		t.Errorf("kept %v", got)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func testCancelled(t *testing.T, e blob.Engine, _ *Clock) {
	key := put(t, e, "x")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, putErr := e.Put(ctx, strings.NewReader("y"))
	_, openErr := e.Open(ctx, key, 0, -1)
	_, statErr := e.Stat(ctx, key)
	for what, err := range map[string]error{"put": putErr, "open": openErr, "stat": statErr, "delete": e.Delete(ctx, key), "delete old": e.DeleteOld(ctx, key)} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if exists(t, e, id([]byte("y"))) || !exists(t, e, key) {
		t.Error("a cancelled call had an effect")
	}
}

func testSameTwice(t *testing.T, e blob.Engine, c *Clock) {
	key := put(t, e, "same")
	put(t, e, "same")
	c.Advance(2 * Grace)
	if got := walk(t, e); len(got) != 1 || got[0] != key {
		t.Errorf("walk: %v", got)
	}
}

func testOpenThenDelete(t *testing.T, e blob.Engine, _ *Clock) {
	key := put(t, e, "still read")
	r, err := e.Open(context.Background(), key, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Delete(context.Background(), key); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil || string(got) != "still read" {
		t.Errorf("read %q, %v", got, err)
	}
	if exists(t, e, key) {
		t.Error("still there")
	}
}

func walk(t *testing.T, e blob.Engine) (ids []string) {
	t.Helper()
	if err := e.Walk(context.Background(), func(i blob.Info) error { ids = append(ids, i.ID); return nil }); err != nil {
		t.Error(err)
	}
	return ids
}

func testWalkGrace(t *testing.T, e blob.Engine, c *Clock) {
	old := put(t, e, "old")
	again := put(t, e, "again")
	c.Advance(Grace)
	young := put(t, e, "young")
	put(t, e, "again")
	if got := walk(t, e); len(got) != 1 || got[0] != old {
		t.Errorf("walk: %v, want only %s", got, old)
	}
	for _, key := range []string{old, again, young} {
		if err := e.DeleteOld(context.Background(), key); err != nil {
			t.Error(err)
		}
	}
	if exists(t, e, old) || !exists(t, e, again) || !exists(t, e, young) {
		t.Error("DeleteOld did not go by age")
	}
}

func testWalkStops(t *testing.T, e blob.Engine, c *Clock) {
	for i := range 5 {
		put(t, e, fmt.Sprint(i))
	}
	c.Advance(Grace)
	enough, n := errors.New("enough"), 0
	if err := e.Walk(context.Background(), func(blob.Info) error { n++; return enough }); err != enough || n != 1 {
		t.Errorf("%d calls, %v", n, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	err := e.Walk(ctx, func(blob.Info) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func testSweep(t *testing.T, e blob.Engine, c *Clock) {
	named, orphan := put(t, e, "named"), put(t, e, "orphan")
	c.Advance(Grace)
	young := put(t, e, "young orphan")
	freed, err := blob.Sweep(context.Background(), e, func(_ context.Context, id string) (bool, error) { return id == named, nil })
	if err != nil || freed != int64(len("orphan")) {
		t.Errorf("freed %d, %v", freed, err)
	}
	if !exists(t, e, named) || exists(t, e, orphan) || !exists(t, e, young) {
		t.Error("the wrong blobs are left")
	}
	unsure := errors.New("unsure")
	c.Advance(Grace)
	if _, err := blob.Sweep(context.Background(), e, func(context.Context, string) (bool, error) { return false, unsure }); err != unsure {
		t.Errorf("got %v", err)
	}
	if !exists(t, e, named) || !exists(t, e, young) {
		t.Error("swept without knowing")
	}
}

// testSweepRace: what is put again after the sweeper looked for its name stays.
func testSweepRace(t *testing.T, e blob.Engine, c *Clock) {
	key := put(t, e, "content")
	c.Advance(Grace)
	_, err := blob.Sweep(context.Background(), e, func(context.Context, string) (bool, error) {
		put(t, e, "content")
		return false, nil
	})
	if err != nil || !exists(t, e, key) {
		t.Errorf("swept under a new owner, %v", err)
	}
}

func testConcurrent(t *testing.T, e blob.Engine, _ *Clock) {
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 10 {
				content := fmt.Sprintf("%d bytes shared by two", (i/2)*100+j)
				info, err := e.Put(context.Background(), strings.NewReader(content))
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := read(e, info.ID, 0, -1); err != nil || string(got) != content {
					t.Errorf("read %q, %v", got, err)
				}
			}
		})
	}
	wg.Wait()
}

// testClaim: of those who claim a place at once all hear of one, for good.
func testClaim(t *testing.T, e blob.Engine, c *Clock) {
	owners := make([]string, 8)
	var wg sync.WaitGroup
	for i := range owners {
		wg.Go(func() {
			var err error
			if owners[i], err = e.Claim(context.Background(), fmt.Sprint("owner", i)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	c.Advance(2 * Grace)
	if got := walk(t, e); len(got) != 0 {
		t.Errorf("the claim shows as %v", got)
	}
	again, err := e.Claim(context.Background(), "late")
	for _, o := range append(owners, again) {
		if err != nil || !strings.HasPrefix(o, "owner") || o != again {
			t.Errorf("owners %v, then %q, %v", owners, again, err)
		}
	}
}
