package pages

import (
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Theme is how the pages of a client look.
type Theme struct {
	Scheme         string // "light", "dark"; "" as the reader likes it
	Logo, DarkLogo string // paths of images
	Icon           string
	Background     [2]string // images behind the form, by light and dark
	colours        map[string][2]string
	sheet          string
}

// palette is the usual look: each colour by light and dark. Texts have a contrast of 4.5:1 or more on what they stand on.
var palette = map[string][2]string{
	"page": {"#f3f4f6", "#0f1216"}, "card": {"#ffffff", "#181c22"}, "line": {"#e1e4e9", "#2b313a"}, "text": {"#1b1f26", "#e8ebf0"},
	"heading": {"#12151a", "#f5f7fa"}, "label": {"#1b1f26", "#e8ebf0"}, "muted": {"#59616e", "#a2abb8"},
	"field": {"#ffffff", "#12161b"}, "field-line": {"#7d8694", "#6d7786"}, "focus": {"#1f5fd6", "#7aa7ff"},
	"button": {"#1f5fd6", "#7aa7ff"}, "button-text": {"#ffffff", "#0b1220"}, "button-hover": {"#174cb0", "#9bbdff"}, "button-hover-text": {"#ffffff", "#0b1220"},
	"idp": {"#ffffff", "#181c22"}, "idp-text": {"#1b1f26", "#e8ebf0"}, "idp-line": {"#7d8694", "#6d7786"}, "idp-hover": {"#f0f2f5", "#232932"},
	"link": {"#1a56c4", "#8fb4ff"}, "link-hover": {"#12408f", "#b5cdff"},
	"bad": {"#c9252d", "#f0777d"}, "bad-text": {"#8f1219", "#ffc2c5"}, "bad-back": {"#fdf1f1", "#2c1517"},
	"good": {"#1a7f45", "#4cc07f"}, "good-text": {"#0d5a2e", "#b8ecce"}, "good-back": {"#eef8f2", "#11261a"},
	"card-radius": {"16px", "16px"}, "field-radius": {"10px", "10px"}, "button-radius": {"10px", "10px"},
}

// Plain is the usual look.
func Plain() *Theme { return &Theme{colours: palette} }

// Classic is the usual look with an owner's style sheet, which CheckCSS let through. Such sheets are made for light pages.
func Classic(sheet, logo string) *Theme {
	t := &Theme{colours: palette, Logo: logo}
	if sheet != "" && CheckCSS(sheet) == nil {
		t.Scheme, t.sheet = "light", withoutComments(sheet)
	}
	return t
}

// css are the theme's own rules, after those of every page.
func (t *Theme) css() template.CSS {
	names := slices.Sorted(maps.Keys(t.colours))
	var rules [2]strings.Builder
	for mode := range rules {
		for _, name := range names {
			fmt.Fprintf(&rules[mode], "--%s:%s;", name, t.colours[name][mode])
		}
		if image := t.Background[mode]; image != "" {
			fmt.Fprintf(&rules[mode], "--page-image:url(%q);", image)
		}
	}
	light, dark := rules[0].String(), rules[1].String()
	var b strings.Builder
	switch t.Scheme {
	case "light":
		fmt.Fprintf(&b, ":root{color-scheme:light;%s}", light)
	case "dark":
		fmt.Fprintf(&b, ":root{color-scheme:dark;%s}", dark)
	default:
		fmt.Fprintf(&b, ":root{color-scheme:light dark;%s}@media(prefers-color-scheme:dark){:root{%s}}", light, dark)
	}
	return template.CSS(b.String() + "\n" + t.sheet) //nolint:gosec // values of the palette's forms, and a sheet that was checked
}

// places says where AWS's settings document has our colours: below components or componentClasses, with the mode put in for *.
var places = map[string][]string{
	"page":              {"components.pageBackground.*.color"},
	"card":              {"components.form.*.backgroundColor"},
	"line":              {"components.form.*.borderColor"},
	"heading":           {"components.pageText.*.headingColor"},
	"text":              {"components.pageText.*.bodyColor"},
	"muted":             {"components.pageText.*.descriptionColor", "componentClasses.inputDescription.*.textColor"},
	"label":             {"componentClasses.inputLabel.*.textColor"},
	"field":             {"componentClasses.input.*.defaults.backgroundColor"},
	"field-line":        {"componentClasses.input.*.defaults.borderColor"},
	"focus":             {"componentClasses.focusState.*.borderColor"},
	"button":            {"components.primaryButton.*.defaults.backgroundColor"},
	"button-text":       {"components.primaryButton.*.defaults.textColor"},
	"button-hover":      {"components.primaryButton.*.hover.backgroundColor"},
	"button-hover-text": {"components.primaryButton.*.hover.textColor"},
	"idp":               {"components.idpButton.standard.*.defaults.backgroundColor"},
	"idp-text":          {"components.idpButton.standard.*.defaults.textColor"},
	"idp-line":          {"components.idpButton.standard.*.defaults.borderColor"},
	"idp-hover":         {"components.idpButton.standard.*.hover.backgroundColor"},
	"link":              {"componentClasses.link.*.defaults.textColor"},
	"link-hover":        {"componentClasses.link.*.hover.textColor"},
	"bad":               {"components.alert.*.error.borderColor"},
	"bad-back":          {"components.alert.*.error.backgroundColor"},
}

var radii = map[string]string{
	"card-radius": "components.form.borderRadius", "field-radius": "componentClasses.input.borderRadius", "button-radius": "componentClasses.buttons.borderRadius",
}

// colourShape is a colour in AWS's settings: RRGGBBAA.
var colourShape = regexp.MustCompile(`^[0-9a-fA-F]{8}$`)

// mostRadius keeps corners round and buttons buttons, in pixels.
const mostRadius = 64

// Branded is the look that AWS's settings document describes. What it does not say, or says wrongly, stays as usual.
func Branded(settings json.RawMessage) *Theme {
	t := &Theme{colours: maps.Clone(palette)}
	var doc any
	if json.Unmarshal(settings, &doc) != nil {
		return t
	}
	for name, paths := range places {
		pair := t.colours[name]
		for mode, word := range []string{"lightMode", "darkMode"} {
			for _, path := range paths {
				if c, _ := at(doc, strings.Replace(path, "*", word, 1)).(string); colourShape.MatchString(c) {
					pair[mode] = "#" + c
				}
			}
		}
		t.colours[name] = pair
	}
	for name, path := range radii {
		if n, ok := at(doc, path).(float64); ok && n >= 0 && n <= mostRadius {
			t.colours[name] = [2]string{fmt.Sprintf("%gpx", n), fmt.Sprintf("%gpx", n)}
		}
	}
	if scheme, _ := at(doc, "categories.global.colorSchemeMode").(string); scheme == "LIGHT" || scheme == "DARK" {
		t.Scheme = strings.ToLower(scheme)
	}
	return t
}

// at is the value at a dotted path of a JSON document, nil when there is none.
func at(doc any, path string) any {
	for _, name := range strings.Split(path, ".") {
		object, _ := doc.(map[string]any)
		doc = object[name]
	}
	return doc
}
