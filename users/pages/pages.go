// Package pages renders the sign-in pages of user pools: data in, HTML out. It owns their templates, texts and looks, and what of
// these an owner may change. It knows neither pools nor requests, and it must not fetch anything: a page is one answer of a few
// kilobytes, without scripts of its own but for passkeys.
package pages

import (
	"bytes"
	"embed"
	"html/template"
)

//go:embed *.html style.css passkey.js
var files embed.FS

var (
	templates = template.Must(template.New("").ParseFS(files, "*.html"))
	style     = read("style.css")
	passkey   = template.JS(read("passkey.js")) //nolint:gosec // our own file
)

func read(name string) string {
	b, err := files.ReadFile(name)
	if err != nil {
		panic(err) // it is compiled in
	}
	return string(b)
}

// Page is everything a page shows. All of it is text, and escaped where it stands; the theme is checked when it is made.
type Page struct {
	Text  Texts
	Theme *Theme
	App   string // what people sign in to
	Nonce string // of the style, and the script where there is one

	Action string // where the form goes: path and query
	Token  string // against forged posts
	Step   string // the sealed step that a challenge answers
	Title  string
	Lead   string // below the title
	Error  string
	Notice string

	Fields    []Field
	Submit    string
	Minor     []Button // further forms: another code, another way
	Links     []Link   // below the form
	Providers []Link
	Terms     []Link
	Passkey   string // the request for one, as JSON; "" where none is asked for
	Secret    string // for an authenticator app, as text
	SecretURL string // the same as an address, to be scanned
}

// Field is an input.
type Field struct {
	Name, Label, Type, Value, Hint string
	Complete                       string // autocomplete
	Mode                           string // inputmode
	Required, Focus, Wrong         bool
	Choices                        []Choice // a choice of one, instead of text
}

// Choice is one of several answers.
type Choice struct{ Value, Label string }

// Link is a link to another page.
type Link struct{ Label, URL string }

// Button is a form of one button: what it posts besides the step.
type Button struct{ Label, Action, Name, Value string }

// Script tells whether the page has a script.
func (p *Page) Script() bool { return p.Passkey != "" }

// HTML is the page.
func (p *Page) HTML() ([]byte, error) {
	var b bytes.Buffer
	err := templates.ExecuteTemplate(&b, "page", p)
	return b.Bytes(), err
}

// CSS is the style sheet of the page. The usual rules lie in a layer, so that an owner's win, however they are written.
func (p *Page) CSS() template.CSS {
	return template.CSS("@layer usual{"+style+"}\n") + p.Theme.css() //nolint:gosec // our own file, and what CheckCSS or the palette let through
}

// SecretLink opens an authenticator app on the same device. Its scheme is none that pages otherwise link to.
func (p *Page) SecretLink() template.URL { return template.URL(p.SecretURL) } //nolint:gosec // of package otp, escaped there

// QR is SecretURL as a picture.
func (p *Page) QR() template.HTML { return drawing(p.SecretURL) }

// JS is the script of the passkey page.
func (p *Page) JS() template.JS { return passkey }
