package users

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"bothy/kv"
	"bothy/users/pages"
	"bothy/wire"
)

// words are the texts of the language that a request asks for.
func words(q url.Values) pages.Texts { return pages.For(q.Get("lang")) }

// show renders a page of a sign-in.
func (v *visit) show(a *authorization, status int, p *pages.Page) (*reply, error) {
	var err error
	p.Text, p.App = words(a.query), a.client.Settings.ClientName.V
	if p.Theme, err = v.theme(a.client); err != nil {
		return nil, err
	}
	if p.Token, err = v.formToken(); err != nil {
		return nil, err
	}
	return v.render(status, p, a.redirect)
}

// message renders a page that only says something.
func (v *visit) message(status int, cl *client, title, lead string) (*reply, error) {
	p := &pages.Page{Text: pages.English, Theme: pages.Plain(), App: v.Host, Title: title, Lead: lead}
	if cl != nil {
		p.App = cl.Settings.ClientName.V
	}
	return v.render(status, p, "")
}

// render makes the page with the policy that holds for it: it may show itself and its images, and post to where it came from.
// Browsers hold the redirects that follow a post to form-action too, so the app's scheme is in it, and https for where the app's
// page sends people on.
func (v *visit) render(status int, p *pages.Page, redirect string) (*reply, error) {
	p.Nonce = randomSecret()
	body, err := p.HTML()
	if err != nil {
		return nil, err
	}
	script, forms := "", "'self' https:"
	if p.Script() {
		script = "script-src 'nonce-" + p.Nonce + "'; "
	}
	if scheme, _, _ := strings.Cut(redirect, ":"); scheme != "" && scheme != "https" {
		forms += " " + scheme + ":"
	}
	v.w.Header().Set("Content-Security-Policy", fmt.Sprintf("default-src 'none'; style-src 'nonce-%s'; %simg-src 'self' data:; form-action %s; frame-ancestors 'none'; base-uri 'none'", p.Nonce, script, forms))
	return &reply{status: status, kind: "text/html; charset=utf-8", body: body}, nil
}

// pageFault is a refusal to a person: told to the app when it is known to be one, else said here.
func (v *visit) pageFault(err error) *reply {
	code, status, description := publicFault(err)
	if to := (*redirected)(nil); errors.As(err, &to) {
		if strings.HasSuffix(code, "Exception") { // of an operation: OAuth does not know it
			code = "invalid_request"
		}
		q := url.Values{"error": {code}}
		if description != "" {
			q.Set("error_description", description)
		}
		return to.ask.answer(q)
	}
	t := words(v.r.URL.Query())
	title, lead := t.BadRequest, code
	switch {
	case code == "stale_form":
		title, lead = t.Stale, ""
	case status == http.StatusNotFound:
		title, lead = t.NotHere, ""
	case status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests:
		title, lead = t.Busy, ""
	case status >= 500:
		title, lead = t.Failed, ""
	}
	rep, err := v.message(status, nil, title, lead)
	if err != nil {
		return &reply{status: http.StatusInternalServerError}
	}
	return rep
}

// theme is how the pages of a client look.
func (v *visit) theme(cl *client) (t *pages.Theme, err error) {
	err = v.s.view(v, func(tx *kv.Tx) error {
		if v.domain.Version == 2 {
			b, err := brandingOf(tx, v.Account, v.pool.ID, cl.ID)
			t = b.theme()
			return err
		}
		u, err := customizationOf(tx, v.Account, v.pool.ID, cl.ID)
		t = u.theme()
		return err
	})
	return t, err
}

func (u *customization) theme() *pages.Theme {
	switch {
	case u == nil:
		return pages.Plain()
	case u.Logo == "":
		return pages.Classic(u.CSS, "")
	}
	return pages.Classic(u.CSS, assetPath+u.Logo)
}

func (b *branding) theme() *pages.Theme {
	if b == nil || b.Provided {
		return pages.Plain()
	}
	t := pages.Branded(b.Settings)
	for _, a := range b.Assets {
		path := assetPath + a.Asset
		light, dark := a.Mode != "DARK", a.Mode != "LIGHT"
		switch a.Category {
		case "FORM_LOGO", "PAGE_HEADER_LOGO":
			if t.Logo == "" || light {
				t.Logo = path
			}
			if a.Mode == "DARK" {
				t.DarkLogo = path
			}
		case "PAGE_BACKGROUND":
			if light {
				t.Background[0] = path
			}
			if dark {
				t.Background[1] = path
			}
		case "FAVICON_ICO", "FAVICON_SVG":
			t.Icon = path
		}
	}
	return t
}

// asset serves an image of the pool. Its name is its content, so it may be kept for ever; an SVG is a document that may do nothing.
func (v *visit) asset() (*reply, error) {
	name := v.r.PathValue("name")
	kind := pages.AssetType(name)
	if kind == "" {
		return nil, notHere()
	}
	var body []byte
	err := v.s.view(v, func(tx *kv.Tx) (err error) {
		body, err = assetOf(tx, v.Account, v.pool.ID, name)
		return err
	})
	if err == nil && len(body) == 0 {
		return nil, notHere()
	}
	v.w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	v.w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
	return &reply{status: http.StatusOK, kind: kind, body: body}, err
}

// readable is a refusal as a person reads it; other failures are not theirs to read.
func readable(t pages.Texts, err error) (string, error) {
	var refused wire.Fault
	if !errors.As(err, &refused) {
		return "", err
	}
	switch code, _, message := refused.Fault(); {
	case code == "TooManyRequestsException":
		return t.Busy, nil
	case strings.Contains(message, "validation error") || strings.HasPrefix(message, "Missing required parameter"):
		return t.Missing, nil
	default:
		return message, nil
	}
}

// refusalCode is the code of a refusal, "" for other failures.
func refusalCode(err error) string {
	var refused wire.Fault
	if !errors.As(err, &refused) {
		return ""
	}
	code, _, _ := refused.Fault()
	return code
}

// nameField is the input for the name people sign in by.
func (p *pool) nameField(t pages.Texts, value string) pages.Field {
	f := pages.Field{Name: "username", Label: t.Username, Type: "text", Value: value, Complete: "username", Required: true, Focus: value == ""}
	switch ways := p.Settings.UsernameAttributes; {
	case len(ways) > 1:
		f.Label = t.EmailOrPhone
	case slices.Contains(ways, "email"):
		f.Label, f.Type = t.Email, "email"
	case slices.Contains(ways, "phone_number"):
		f.Label, f.Type = t.Phone, "tel"
	}
	return f
}

// policyHint says what a new password must have.
func (p *pool) policyHint(t pages.Texts) string {
	rule, parts := p.policy(), []string{}
	for _, need := range []struct {
		set  bool
		word string
	}{{rule.RequireUppercase.V, t.Upper}, {rule.RequireLowercase.V, t.Lower}, {rule.RequireNumbers.V, t.Digit}, {rule.RequireSymbols.V, t.Symbol}} {
		if need.set {
			parts = append(parts, need.word)
		}
	}
	return strings.Join(append([]string{fmt.Sprintf(t.AtLeast, rule.MinimumLength.Or(8))}, parts...), ", ") + "."
}

func (p *pool) newPasswordField(t pages.Texts, name, label string) pages.Field {
	return pages.Field{Name: name, Label: label, Type: "password", Complete: "new-password", Required: true, Hint: p.policyHint(t)}
}

func codeField(t pages.Texts) pages.Field {
	return pages.Field{Name: "code", Label: t.Code, Type: "text", Complete: "one-time-code", Mode: "numeric", Required: true, Focus: true}
}
