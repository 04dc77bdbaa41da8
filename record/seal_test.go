package record_test

import (
	"bytes"
	"testing"

	"bothy/record"
)

func sealer(t *testing.T, fill byte) *record.Sealer {
	t.Helper()
	s, err := record.NewSealer(bytes.Repeat([]byte{fill}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSeal(t *testing.T) {
	s := sealer(t, 1)
	for _, plain := range []string{"", "secret", string(make([]byte, 1<<16))} {
		sealed := s.Seal("users.client.secret/POOL/ID", []byte(plain))
		if plain != "" && bytes.Contains(sealed, []byte(plain)) {
			t.Error("the secret stands in the clear")
		}
		if got, err := s.Open("users.client.secret/POOL/ID", sealed); err != nil || string(got) != plain {
			t.Errorf("opened %d bytes, %v", len(got), err)
		}
		if bytes.Equal(sealed, s.Seal("users.client.secret/POOL/ID", []byte(plain))) {
			t.Error("the same secret seals to the same bytes")
		}
	}
}

func TestSealRefuses(t *testing.T) {
	s := sealer(t, 1)
	sealed := s.Seal("here", []byte("secret"))
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		if _, err := s.Open("here", changed); err != record.ErrSealed {
			t.Errorf("byte %d changed: %v", i, err)
		}
		if _, err := s.Open("here", sealed[:i]); err != record.ErrSealed {
			t.Errorf("cut to %d bytes: %v", i, err)
		}
	}
	if _, err := s.Open("there", sealed); err != record.ErrSealed {
		t.Errorf("moved: %v", err)
	}
	if _, err := sealer(t, 2).Open("here", sealed); err != record.ErrSealed {
		t.Errorf("another key: %v", err)
	}
	for _, n := range []int{0, 16, 31, 33} {
		if _, err := record.NewSealer(make([]byte, n)); err == nil {
			t.Errorf("a key of %d bytes was taken", n)
		}
	}
}
