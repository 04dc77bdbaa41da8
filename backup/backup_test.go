package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bothy/blob"
	"bothy/blob/memblob"
	"bothy/kv"
	"bothy/kv/memkv"
	"bothy/kv/pebblekv"
)

var update = flag.Bool("update", false, "write the fixture of this format anew")

// world is a store whose rows name blobs: a value "blob ID" names one.
func world(t testing.TB, pairs, blobs int) Source {
	t.Helper()
	ctx := context.Background()
	s := Source{DB: kv.New(memkv.New()), Blobs: memblob.New(), Names: named, Now: func() time.Time { return time.Unix(1_800_000_000, 0) }}
	r := rand.New(rand.NewPCG(1, 2))
	text := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.IntN(7)) // it packs
		}
		return b
	}
	if err := s.DB.Load(ctx, func() (k, v []byte, err error) {
		if pairs == 0 {
			return nil, nil, io.EOF
		}
		pairs--
		if blobs == 0 {
			return kv.K("r", -pairs), text(r.IntN(300)), nil
		}
		blobs--
		info, err := s.Blobs.Put(ctx, bytes.NewReader(text(blobs*blobs*900)))
		return kv.K("r", -pairs), []byte("blob " + info.ID), err
	}); err != nil {
		t.Fatal(err)
	}
	return s
}

func named(_ kv.Key, v []byte) ([]string, error) {
	if id, ok := strings.CutPrefix(string(v), "blob "); ok {
		return []string{id}, nil
	}
	return nil, nil
}

func write(t testing.TB, s Source) ([]byte, Trailer) {
	t.Helper()
	var b bytes.Buffer
	all, err := Write(context.Background(), &b, s, Header{Account: "000000000001", Anchor: []byte("a")})
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), all
}

func check(raw []byte) (Trailer, error) {
	r, err := NewReader(bytes.NewReader(raw))
	if err != nil {
		return Trailer{}, err
	}
	return r.Finish()
}

func TestRoundTrip(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct{ pairs, blobs int }{{0, 0}, {1, 0}, {1, 1}, {9000, 20}} {
		from := world(t, c.pairs, c.blobs)
		raw, all := write(t, from)
		r, err := NewReader(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		if !r.Header.Created.Equal(from.Now()) || r.Header.Account != "000000000001" || string(r.Header.Anchor) != "a" {
			t.Errorf("header: %+v", r.Header)
		}
		to := world(t, 0, 0)
		got, err := Restore(ctx, r, to.DB, to.Blobs)
		if err != nil || got.Pairs != all.Pairs || got.Blobs != int64(c.blobs) || got.BlobBytes != all.BlobBytes {
			t.Fatalf("%d pairs, %d blobs: %+v, %v", c.pairs, c.blobs, got, err)
		}
		again, _ := write(t, to)
		if !bytes.Equal(raw, again) {
			t.Errorf("%d pairs, %d blobs: what was restored makes another backup", c.pairs, c.blobs)
		}
		if err := to.DB.Load(ctx, r.Pair); c.pairs > 0 && !errors.Is(err, kv.ErrNotEmpty) {
			t.Errorf("loaded twice: %v", err)
		}
	}
}

// TestEveryChangeIsSeen flips a bit at many places, and cuts off at as many: nothing passes.
func TestEveryChangeIsSeen(t *testing.T) {
	raw, _ := write(t, world(t, 200, 12))
	step := max(1, len(raw)/300)
	for i := 0; i < len(raw); i += step {
		bad := bytes.Clone(raw)
		bad[i] ^= 1 << (i % 8)
		if _, err := check(bad); err == nil {
			t.Errorf("a changed byte at %d of %d passes", i, len(raw))
		}
		if _, err := check(raw[:i]); err == nil {
			t.Errorf("the first %d of %d bytes pass", i, len(raw))
		}
	}
	if _, err := check(append(bytes.Clone(raw), 0)); !errors.Is(err, ErrDamaged) {
		t.Errorf("a byte more passes: %v", err)
	}
	newer := bytes.Replace(raw, []byte("bothy backup 1\n"), []byte("bothy backup 2\n"), 1)
	if _, err := check(newer); !errors.Is(err, ErrNewer) {
		t.Errorf("a newer format: %v", err)
	}
	if _, err := check([]byte("PK\x03\x04 something else")); !errors.Is(err, ErrNoBackup) {
		t.Errorf("something else: %v", err)
	}
}

// TestFramesInAnotherOrder: frames are whole, and not where they belong.
func TestFramesInAnotherOrder(t *testing.T) {
	raw, _ := write(t, world(t, 9000, 3))
	start := bytes.IndexByte(raw, '\n') + 1
	var frames [][]byte
	for rest := raw[start:]; len(rest) > 0; {
		n := 9 + int(rest[1])<<24 + int(rest[2])<<16 + int(rest[3])<<8 + int(rest[4])
		frames, rest = append(frames, rest[:n]), rest[n:]
	}
	if len(frames) < 6 {
		t.Fatalf("%d frames", len(frames))
	}
	for i := range frames {
		without := append([]byte{}, raw[:start]...)
		twice := bytes.Clone(without)
		for j, f := range frames {
			if j != i {
				without = append(without, f...)
			} else {
				twice = append(twice, f...)
			}
			twice = append(twice, f...)
		}
		for what, bad := range map[string][]byte{"without": without, "twice": twice} {
			if _, err := check(bad); err == nil {
				t.Errorf("%s frame %d (%c) it passes", what, i, frames[i][0])
			}
		}
	}
}

// TestBlobs: one that is missing, or has other content than its name says, ends the backup.
func TestBlobs(t *testing.T) {
	ctx := context.Background()
	s := world(t, 10, 4)
	var id string
	if err := s.DB.Dump(ctx, func(_ kv.Key, v []byte) error {
		ids, err := named(nil, v)
		if len(ids) > 0 && id == "" {
			id = ids[0]
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	good := s.Blobs
	s.Blobs = changed{good, id}
	if _, err := Write(ctx, io.Discard, s, Header{}); err == nil || !strings.Contains(err.Error(), id) {
		t.Errorf("a blob with other content: %v", err)
	}
	s.Blobs = good
	if err := good.Delete(ctx, id); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(ctx, io.Discard, s, Header{}); !errors.Is(err, blob.ErrNotFound) || !strings.Contains(err.Error(), id) {
		t.Errorf("a blob that is missing: %v", err)
	}
}

// changed is a store with one blob whose content is not what its name says.
type changed struct {
	blob.Engine
	id string
}

func (c changed) Open(ctx context.Context, id string, offset, length int64) (io.ReadCloser, error) {
	r, err := c.Engine.Open(ctx, id, offset, length)
	if err != nil || id != c.id {
		return r, err
	}
	b, err := io.ReadAll(r)
	if len(b) > 0 {
		b[len(b)-1] ^= 1
	}
	return io.NopCloser(bytes.NewReader(b)), err
}

func TestSeal(t *testing.T) {
	raw, _ := write(t, world(t, 50, 3))
	key := bytes.Repeat([]byte{7}, 32)
	var sealed bytes.Buffer
	w, err := seal(&sealed, "correct horse battery", key, 10)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(raw); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed.Bytes(), []byte(hex.EncodeToString(key))) || bytes.Contains(sealed.Bytes(), []byte(formatMark)) {
		t.Error("the key or the backup is in the clear")
	}
	if _, err := check(sealed.Bytes()); !errors.Is(err, ErrSealed) {
		t.Errorf("read without the passphrase: %v", err)
	}
	if _, _, err := Unseal(bytes.NewReader(sealed.Bytes()), "another horse battery"); !errors.Is(err, ErrPassphrase) {
		t.Errorf("opened by another passphrase: %v", err)
	}
	inner, got, err := Unseal(bytes.NewReader(sealed.Bytes()), "correct horse battery")
	if err != nil || !bytes.Equal(got, key) {
		t.Fatalf("key %x, %v", got, err)
	}
	if back, err := io.ReadAll(inner); err != nil || !bytes.Equal(back, raw) {
		t.Errorf("the backup came back as %d bytes, %v", len(back), err)
	}
	bad := bytes.Clone(sealed.Bytes())
	bad[len(bad)-3] ^= 1
	for what, b := range map[string][]byte{"changed": bad, "cut off": bad[:len(bad)-40]} {
		inner, _, err := Unseal(bytes.NewReader(b), "correct horse battery")
		if err == nil {
			_, err = io.ReadAll(inner)
		}
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestCreate(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	path := filepath.Join(dir, "b")
	broken := errors.New("broken")
	if err := Create(ctx, path, func(w io.Writer) error { io.WriteString(w, "half"); return broken }); !errors.Is(err, broken) { //nolint:errcheck // a test's
		t.Errorf("a failed one: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
	all := func(w io.Writer) error { _, err := io.WriteString(w, "all"); return err }
	if err := Create(ctx, path, all); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 || info.Size() != 3 {
		t.Errorf("%v, %v", info, err)
	}
	if err := Create(ctx, path, all); err == nil {
		t.Error("it replaces what is there")
	}
}

// TestOldBackups restores what each version of the format wrote, as it is in testdata.
func TestOldBackups(t *testing.T) {
	current := filepath.Join("testdata", fmt.Sprintf("format%d.backup", Format))
	want, all := write(t, world(t, 40, 5))
	if *update {
		if err := os.WriteFile(current, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for v := 1; v <= Format; v++ {
		raw, err := os.ReadFile(filepath.Join("testdata", fmt.Sprintf("format%d.backup", v)))
		if err != nil {
			t.Fatal(err)
		}
		r, err := NewReader(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		to := world(t, 0, 0)
		got, err := Restore(context.Background(), r, to.DB, to.Blobs)
		if err != nil || got.Pairs != 40 || got.Blobs != 5 || got.PairBytes != all.PairBytes {
			t.Errorf("format %d: %+v, %v", v, got, err)
		}
		if again, _ := write(t, to); sha256.Sum256(again) != sha256.Sum256(want) {
			t.Errorf("format %d restores to something else", v)
		}
	}
}

// TestRestoreIntoPebble loads more than one frame into the engine that nodes have.
func TestRestoreIntoPebble(t *testing.T) {
	raw, all := write(t, world(t, 20_000, 0))
	r, err := NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	e, err := pebblekv.Open(t.TempDir(), pebblekv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	db := kv.New(e)
	if _, err := Restore(context.Background(), r, db, memblob.New()); err != nil {
		t.Fatal(err)
	}
	n := int64(0)
	if err := db.Dump(context.Background(), func(kv.Key, []byte) error { n++; return nil }); err != nil || n != all.Pairs {
		t.Errorf("%d pairs, %v", n, err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

func FuzzReader(f *testing.F) {
	raw, _ := write(f, world(f, 20, 3))
	f.Add(raw)
	f.Add([]byte("bothy backup 1\nH\x00\x00\x00\x02{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if all, err := check(b); err == nil && !bytes.Equal(b, raw) && all.Pairs+all.Blobs > 0 {
			if r, err := NewReader(bytes.NewReader(b)); err != nil || r.Header.Created.IsZero() {
				t.Logf("another backup: %+v", all)
			}
		}
	})
}
