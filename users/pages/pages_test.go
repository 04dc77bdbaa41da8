package pages

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"
)

// TestCheckCSS lets pass what AWS's template has, and nothing that fetches, runs, hides or leaves the style element.
func TestCheckCSS(t *testing.T) {
	for _, sheet := range []string{
		"", "/* nothing */", ".label-customizable { font-weight: 400; }", ".submitButton-customizable:hover{color:#fff;background-color:#286090}", ".logo-customizable{max-width:60%;max-height:30%}",
		".textDescription-customizable{padding-top:10px;display:block;font-size:16px;}\n.inputField-customizable:focus{border-color:#66afe9;outline:0}", ".errorMessage-customizable{background:#F5F5F5;border:1px solid #D64958;margin:5px;box-sizing:border-box;padding:5px}",
		".banner-customizable,.background-customizable{background-color:rgba(0, 0, 0, .5)}", `.label-customizable{font-family:"Helvetica Neue", Arial, sans-serif}`, ".passwordCheck-notValid-customizable{color:#DF3312}",
	} {
		if err := CheckCSS(sheet); err != nil {
			t.Errorf("%q: %v", sheet, err)
		}
	}
	for _, sheet := range []string{
		"body{color:red}", ".x{color:red}", ".label-customizable input{color:red}", ".label-customizable:visited{color:red}", ".label-customizable{background:url(https://evil.example/x)}", ".label-customizable{background:u\\72l(x)}",
		"@import 'x';", "@media print{.label-customizable{color:red}}", ".label-customizable{color:expression(alert(1))}", ".label-customizable{behavior:url(x)}", ".label-customizable{position:fixed}", ".label-customizable{content:'x'}",
		".label-customizable{color:red}</style><script>alert(1)</script>", ".label-customizable{color:red", ".label-customizable", "{color:red}", ".label-customizable{color:red}}", ".label-customizable{color:var(--x)}",
		".label-customizable{color:re/**/d;/*}", `.label-customizable{font-family:"x}`, ".label-customizable{color:red\x00}", ".label-customizable{--x:1}", ".label-customizable{font-family:'</style>'}", ".label-customizable{width:calc(1px)}",
		".label-customizable{color:rgb(}", "<!-- .label-customizable{color:red}",
	} {
		if err := CheckCSS(sheet); err == nil {
			t.Errorf("%q passes", sheet)
		}
	}
}

func FuzzCheckCSS(f *testing.F) {
	for _, s := range []string{".label-customizable{color:red}", "/*x*/.banner-customizable{padding:1px 2px}", ".logo-customizable{background:url(x)}", "/*/", "/* */ */"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, sheet string) {
		if CheckCSS(sheet) != nil {
			return
		}
		shown := withoutComments(sheet)
		for _, bad := range []string{"<", "@", "\\", "url(", "expression", "/*", "*/", "position", "content"} {
			if strings.Contains(strings.ToLower(shown), bad) {
				t.Fatalf("%q shows %q", sheet, shown)
			}
		}
	})
}

// TestBranded: colours are colours and corners are corners, whatever the document says.
func TestBranded(t *testing.T) {
	doc := func(color string) json.RawMessage {
		return json.RawMessage(`{"categories":{"global":{"colorSchemeMode":"DARK"}},"components":{"pageBackground":{"lightMode":{"color":` + color + `},"darkMode":{"color":"00FF00ff"}},"form":{"borderRadius":4}}}`)
	}
	css := string(Branded(doc(`"ff000080"`)).css())
	if !strings.Contains(css, "--page:#00FF00ff;") || !strings.Contains(css, "color-scheme:dark") || !strings.Contains(css, "--card-radius:4px;") || strings.Contains(css, "@media") {
		t.Errorf("%s", css)
	}
	for _, bad := range []string{`"red"`, `"ff0000"`, `"ff00008g"`, `"ff000080;}body{display:none"`, `1`, `null`, `{"a":"b"}`, `["ff000080"]`} {
		if css := string(Branded(json.RawMessage(strings.Replace(string(doc(bad)), "DARK", "LIGHT", 1))).css()); !strings.Contains(css, "--page:"+palette["page"][0]+";") {
			t.Errorf("%s: %s", bad, css)
		}
	}
	for _, none := range []string{"", "{", "[]", "null", `"x"`} {
		if Branded(json.RawMessage(none)).css() != Plain().css() {
			t.Errorf("%q changes the usual look", none)
		}
	}
}

// TestContrast: texts of the usual look have the contrast of WCAG 2.2 AA on what they stand on, borders of inputs that of 1.4.11.
func TestContrast(t *testing.T) {
	for _, c := range []struct {
		text, on string
		least    float64
	}{
		{"text", "card", 4.5}, {"heading", "card", 4.5}, {"label", "card", 4.5}, {"muted", "card", 4.5}, {"text", "field", 4.5}, {"button-text", "button", 4.5}, {"button-hover-text", "button-hover", 4.5},
		{"idp-text", "idp", 4.5}, {"idp-text", "idp-hover", 4.5}, {"link", "card", 4.5}, {"link-hover", "card", 4.5}, {"bad-text", "bad-back", 4.5}, {"good-text", "good-back", 4.5},
		{"field-line", "card", 3}, {"field-line", "field", 3}, {"focus", "card", 3}, {"idp-line", "card", 3}, {"bad", "field", 3}, {"button", "card", 3},
	} {
		for mode, name := range []string{"light", "dark"} {
			a, b := luminance(t, palette[c.text][mode]), luminance(t, palette[c.on][mode])
			if got := (max(a, b) + 0.05) / (min(a, b) + 0.05); got < c.least {
				t.Errorf("%s: %s on %s has %.2f:1", name, c.text, c.on, got)
			}
		}
	}
}

func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	n, err := strconv.ParseUint(strings.TrimPrefix(colour, "#"), 16, 32)
	if err != nil || len(colour) != 7 {
		t.Fatalf("%s", colour)
	}
	part := func(v uint64) float64 {
		c := float64(v&255) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*part(n>>16) + 0.7152*part(n>>8) + 0.0722*part(n)
}

// TestAssetNames: an image is what its bytes say.
func TestAssetNames(t *testing.T) {
	for body, kind := range map[string]string{
		"\x89PNG\r\n\x1a\n": "image/png", "\xff\xd8\xff": "image/jpeg", "RIFF....WEBPVP8 ": "image/webp", "\x00\x00\x01\x00": "image/x-icon", `<svg xmlns="x"/>`: "image/svg+xml",
		"<?xml version=\"1.0\"?>\n<svg/>": "image/svg+xml", "<html><body>": "", "GIF89a": "", "": "", "<script>": "",
	} {
		if got := AssetType(AssetName([]byte(body))); got != kind {
			t.Errorf("%q is %q", body, got)
		}
	}
	for _, name := range []string{"", "x.png", "../../etc/passwd", strings.Repeat("a", 32) + ".html", strings.Repeat("g", 32) + ".png", strings.Repeat("a", 32) + ".png/x"} {
		if AssetType(name) != "" {
			t.Errorf("%q is an asset", name)
		}
	}
}

// TestQR draws what a reader can take for one.
func TestQR(t *testing.T) {
	if q := string(drawing("otpauth://totp/x:y?secret=ABC&issuer=x")); !strings.HasPrefix(q, `<svg viewBox="0 0 `) || strings.Count(q, "z") < 50 {
		t.Errorf("%s", q)
	}
	if drawing("") != "" || drawing(strings.Repeat("x", 4000)) != "" {
		t.Error("nothing, or too much, is drawn")
	}
}
