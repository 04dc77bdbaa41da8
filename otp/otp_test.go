package otp

import (
	"fmt"
	"testing"
	"time"
)

// secret is that of the test vectors of RFC 4226 and RFC 6238.
var secret = []byte("12345678901234567890")

// TestRFC6238: appendix B has codes of eight digits; ours are their last six.
func TestRFC6238(t *testing.T) {
	for unix, want := range map[int64]string{
		59: "94287082", 1111111109: "07081804", 1111111111: "14050471", 1234567890: "89005924", 2000000000: "69279037", 20000000000: "65353130",
	} {
		step := StepAt(time.Unix(unix, 0))
		if got := Code(secret, step); got != want[2:] {
			t.Errorf("%d: %s, want %s", unix, got, want[2:])
		}
		if got := fmt.Sprintf("%08d", truncated(secret, step)%100_000_000); got != want {
			t.Errorf("%d: %s, want %s", unix, got, want)
		}
	}
}

// TestRFC4226: appendix D.
func TestRFC4226(t *testing.T) {
	for i, want := range []string{"755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"} {
		if got := Code(secret, int64(i)); got != want {
			t.Errorf("%d: %s, want %s", i, got, want)
		}
	}
}

func TestMatch(t *testing.T) {
	now := time.Unix(1111111109, 0)
	present := StepAt(now)
	for name, c := range map[string]struct {
		code   string
		window int
		step   int64
	}{
		"present":         {Code(secret, present), 1, present},
		"before":          {Code(secret, present-1), 1, present - 1},
		"after":           {Code(secret, present+1), 1, present + 1},
		"too old":         {Code(secret, present-2), 1, 0},
		"too new":         {Code(secret, present+2), 1, 0},
		"wide":            {Code(secret, present-5), 5, present - 5},
		"no window":       {Code(secret, present-1), 0, 0},
		"empty":           {"", 1, 0},
		"short":           {Code(secret, present)[:5], 1, 0},
		"long":            {Code(secret, present) + "0", 1, 0},
		"other secret":    {Code([]byte("other"), present), 1, 0},
		"not of the code": {"０81804", 1, 0},
	} {
		step, ok := Match(secret, c.code, now, c.window)
		if step != c.step || ok != (c.step != 0) {
			t.Errorf("%s: step %d, %v; want %d", name, step, ok, c.step)
		}
	}
}

func TestMatchPair(t *testing.T) {
	now := time.Unix(1111111109, 0)
	present := StepAt(now)
	code := func(d int64) string { return Code(secret, present+d) }
	for name, c := range map[string]struct {
		first, second string
		step          int64
	}{
		"now and before": {code(-1), code(0), present},
		"now and after":  {code(0), code(1), present + 1},
		"swapped":        {code(0), code(-1), 0},
		"twice the same": {code(0), code(0), 0},
		"with a gap":     {code(-1), code(1), 0},
		"too old":        {code(-3), code(-2), 0},
		"one only":       {code(0), "", 0},
	} {
		step, ok := MatchPair(secret, c.first, c.second, now, Window)
		if step != c.step || ok != (c.step != 0) {
			t.Errorf("%s: step %d, %v; want %d", name, step, ok, c.step)
		}
	}
}

func TestSecrets(t *testing.T) {
	a, b := NewSecret(), NewSecret()
	if len(a) != SecretSize || string(a) == string(b) {
		t.Errorf("secrets %x, %x", a, b)
	}
	for _, text := range []string{Encode(secret), "gezd gnbv gy3t qojq gezd gnbv gy3t qojq", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ===="} {
		if got, err := Decode(text); err != nil || string(got) != string(secret) {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
	if _, err := Decode("not base32!"); err == nil {
		t.Error("decoded what is no Base32")
	}
}

func TestURL(t *testing.T) {
	want := "otpauth://totp/Bothy%20one:ann@123?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Bothy%20one"
	if got := URL(secret, "Bothy one", "ann@123"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
