package number

import (
	"bytes"
	"errors"
	"math/big"
	"sort"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestCanonical(t *testing.T) {
	for in, want := range map[string]string{
		"3": "3", "-7.1234": "-7.1234", "-17e5": "-1700000", "+3": "3", ".123": "0.123", "0001.23": "1.23", "1e+5": "100000",
		"0e1000": "0", "-0": "0", "-0.00": "0", "1.0": "1", "100": "100", "5.": "5", "0.5e1": "5", "10.10": "10.1",
		"1E-130":   "0." + strings.Repeat("0", 129) + "1",
		"9.99e125": "999" + strings.Repeat("0", 123),
		"31415926535897932384626433832795028841e3": "31415926535897932384626433832795028841000",
		"0." + strings.Repeat("0", 50) + "12":      "0." + strings.Repeat("0", 50) + "12",
		"1" + strings.Repeat("0", 60):              "1" + strings.Repeat("0", 60),
	} {
		got, err := Canonical(in)
		if err != nil || got != want {
			t.Errorf("Canonical(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
}

func TestRefused(t *testing.T) {
	for in, want := range map[string]error{
		"1e126": ErrOverflow, "11e125": ErrOverflow, "-1e126": ErrOverflow, "1e99999999999999999999": ErrOverflow,
		"1e-131": ErrUnderflow, "0.9e-130": ErrUnderflow, "1e-99999999999999999999": ErrUnderflow,
		"3.14159265358979323846264338327950288419":   ErrPrecision,
		"314159265358979323846264338327950288419e30": ErrPrecision,
		"": errEmpty,
	} {
		if _, err := Canonical(in); !errors.Is(err, want) {
			t.Errorf("Canonical(%q): %v, want %v", in, err, want)
		}
	}
	for _, in := range []string{"NaN", "Infinity", "-Infinity", "dog", "-dog", " 1", "1 ", "-", "+", ".", "1e", "1e+", "e5", "1..2", "1.2.3", "0x1", "1_0", "--1", "1e5.5", "１"} {
		_, err := Canonical(in)
		if want := "The parameter cannot be converted to a numeric value: " + in; err == nil || err.Error() != want {
			t.Errorf("Canonical(%q): %v, want %q", in, err, want)
		}
	}
}

func TestSumsThatNeedMoreDigits(t *testing.T) {
	parse := func(s string) Decimal {
		x, err := Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	for _, c := range [][2]string{{"1e50", "1"}, {"9e125", "9e125"}, {"1e38", "1"}, {"1e125", "1e-130"}} {
		if _, err := parse(c[0]).Add(parse(c[1])); !errors.Is(err, ErrOverflow) {
			t.Errorf("%s + %s: %v", c[0], c[1], err)
		}
	}
	if got, err := parse("1e38").Sub(parse("1")); err != nil || got.String() != strings.Repeat("9", 38) {
		t.Errorf("1e38 - 1 = %s, %v", got, err)
	}
}

func decimals() *rapid.Generator[Decimal] {
	return rapid.Custom(func(t *rapid.T) Decimal {
		x, err := Parse(rapid.StringMatching(`-?[0-9]{1,20}(\.[0-9]{1,18})?(e-?[0-9]{1,2})?`).Draw(t, "number"))
		if err != nil {
			t.Skip(err)
		}
		return x
	})
}

func rat(x Decimal) *big.Rat {
	r, _ := new(big.Rat).SetString(x.String())
	return r
}

func TestOrderedBytesSortAsNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := decimals().Draw(t, "x"), decimals().Draw(t, "y")
		want := rat(x).Cmp(rat(y))
		if got := bytes.Compare(x.AppendOrdered(nil), y.AppendOrdered(nil)); got != want {
			t.Fatalf("bytes of %s and %s compare %d, want %d", x, y, got, want)
		}
		if got := x.Cmp(y); got != want {
			t.Fatalf("%s.Cmp(%s) = %d, want %d", x, y, got, want)
		}
		if back, err := FromOrdered(x.AppendOrdered(nil)); err != nil || back != x {
			t.Fatalf("%s came back as %s, %v", x, back, err)
		}
	})
}

func TestArithmeticIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := decimals().Draw(t, "x"), decimals().Draw(t, "y")
		sum, err := x.Add(y)
		want := new(big.Rat).Add(rat(x), rat(y))
		if err == nil && rat(sum).Cmp(want) != 0 {
			t.Fatalf("%s + %s = %s", x, y, sum)
		}
		if diff, err := x.Sub(y); err == nil && rat(diff).Cmp(new(big.Rat).Sub(rat(x), rat(y))) != 0 {
			t.Fatalf("%s - %s = %s", x, y, diff)
		}
		if back, err := Parse(sum.String()); err != nil || back != sum {
			t.Fatalf("%s does not parse back", sum)
		}
	})
}

func TestExtremesSort(t *testing.T) {
	texts := []string{"-9.9e125", "-1e125", "-1", "-1e-130", "0", "1e-130", "1.1e-130", "0.1", "0.11", "1", "1.01", "9", "10", "12", "12.3", "120", "1e125"}
	got := append([]string{}, texts...)
	sort.SliceStable(got, func(i, j int) bool {
		x, _ := Parse(got[i])
		y, _ := Parse(got[j])
		return bytes.Compare(x.AppendOrdered(nil), y.AppendOrdered(nil)) < 0
	})
	if strings.Join(got, " ") != strings.Join(texts, " ") {
		t.Errorf("sorted %v", got)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"1", "-0.5e-7", "1e125", "00", ".", "9999999999999999999999999999999999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		x, err := Parse(s)
		if err != nil {
			return
		}
		if again, err := Parse(x.String()); err != nil || again != x {
			t.Fatalf("%q: %s does not parse back: %v", s, x, err)
		}
		if back, err := FromOrdered(x.AppendOrdered(nil)); err != nil || back != x {
			t.Fatalf("%q: ordered bytes do not come back", s)
		}
	})
}

func FuzzFromOrdered(f *testing.F) {
	f.Add([]byte{3, 130, 11, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := FromOrdered(b)
		if err == nil && !bytes.Equal(x.AppendOrdered(nil), b) {
			t.Fatalf("%x is not the form of %s", b, x)
		}
	})
}

func BenchmarkCanonical(b *testing.B) {
	for b.Loop() {
		if _, err := Canonical("1700000000"); err != nil {
			b.Fatal(err)
		}
	}
}
