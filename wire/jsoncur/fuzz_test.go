package jsoncur

import (
	"encoding/json"
	"testing"
)

// FuzzSkip holds the cursor against encoding/json: both accept the same texts.
func FuzzSkip(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5e-3,"x\u00e9\ud83d\ude00",null,true]}`, `[]`, `"\ud800"`, `{"a":1,}`, `01`, `-`, `{"a" 1}`, "\"\x01\"", ` [ 1 , 2 ] x`, `"\u12g4"`, `[[[[`, `1e5`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d := New(s)
		d.Skip()
		ours := d.End() == nil
		theirs := json.Valid([]byte(s))
		if ours && !theirs {
			t.Errorf("accepted %q", s)
		}
		if theirs && !ours && d.Err().Error() != "nesting too deep" && d.Err().Error() != "invalid UTF-8" {
			t.Errorf("refused %q: %v", s, d.Err())
		}
	})
}

// FuzzString holds reading and writing of strings against encoding/json.
func FuzzString(f *testing.F) {
	for _, s := range []string{"", "plain", "é\x00\x1f\"\\/\n", "😀"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		text := AppendString(nil, s)
		d := New(string(text))
		if got := d.Str(); d.End() == nil && got != s {
			t.Errorf("%q came back as %q", s, got)
		}
		var std string
		if err := json.Unmarshal(text, &std); err != nil {
			t.Errorf("encoding/json refuses %q: %v", text, err)
		}
	})
}

func TestNumbers(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "-7": -7, "1e3": 1000, "5.0": 5, "2147483647": 2147483647} {
		if d := New(text); d.Int(32) != want || d.End() != nil {
			t.Errorf("%s: %v", text, d.Err())
		}
	}
	for _, text := range []string{"2147483648", "1.5", "1e400", `"1"`, "true", "--1", "", "-"} {
		if d := New(text); d.Int(32) != 0 || d.End() == nil {
			t.Errorf("%s was taken", text)
		}
	}
}

// TestEveryByteEverywhere: a string is looked at eight bytes at a time, and whichever byte stands wherever is seen.
func TestEveryByteEverywhere(t *testing.T) {
	for at := range 20 {
		for c := range 128 {
			s := []byte("éabcdefghijklmnopqré")
			s[2+at%(len(s)-4)] = byte(c)
			text := AppendString(nil, string(s))
			var back string
			if err := json.Unmarshal(text, &back); err != nil || back != string(s) {
				t.Fatalf("%q was written as %s", s, text)
			}
			if d := New(string(text)); d.Str() != string(s) || d.End() != nil {
				t.Fatalf("%s was read as another string: %v", text, d.Err())
			}
			for _, bad := range []string{`"` + string(s[:2+at%(len(s)-4)]) + "\xff" + `abcdefghijklm"`, `"` + string(s[:2+at%(len(s)-4)]) + "\x1f" + `abcdefghijklm"`} {
				if d := New(bad); d.Str() != "" || d.Err() == nil {
					t.Fatalf("%q was read", bad)
				}
			}
		}
	}
}
