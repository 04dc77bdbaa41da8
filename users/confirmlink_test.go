package users

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"bothy/api/cognitoidp"
)

var hrefShape = regexp.MustCompile(`href="([^"]*)"`)

// link is the address in the message sent last.
func (w *world) link() string {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	m := hrefShape.FindStringSubmatch(w.sent[len(w.sent)-1].Body)
	if m == nil {
		w.t.Fatalf("no link in %q", w.sent[len(w.sent)-1].Body)
	}
	return strings.TrimPrefix(m[1], "https://node.example")
}

func (w *importing) open(method, path string) (int, string) {
	rec := httptest.NewRecorder()
	w.s.WellKnown().ServeHTTP(rec, httptest.NewRequest(method, path, nil))
	return rec.Code, rec.Body.String()
}

func TestConfirmationByLink(t *testing.T) {
	w := newImporting(t)
	w.s.cfg.Home = func() string { return "https://node.example" }
	byLink := func(in *cognitoidp.CreateUserPoolInput) {
		in.VerificationMessageTemplate = &cognitoidp.VerificationMessageTemplateType{
			DefaultEmailOption: str("CONFIRM_WITH_LINK"), EmailMessageByLink: str("Dear {username}, {##click & go##}."), EmailSubjectByLink: str("Hello"),
		}
	}
	p := w.pool(byLink)
	cl := w.client(p)
	up := func(name string) string {
		must(w.world, w.s.signUp, &cognitoidp.SignUpInput{ClientId: str(cl), Username: str(name), Password: str(good), UserAttributes: attr("email", name+"@example.com")})
		return w.link()
	}
	first := up("ann")
	if m := w.sent[len(w.sent)-1]; m.Subject != "Hello" || !strings.HasPrefix(m.Body, "Dear ann, <a href=") || !strings.HasSuffix(m.Body, ">click & go</a>.") {
		t.Fatalf("%+v", m)
	}
	must(w.world, w.s.resendConfirmationCode, &cognitoidp.ResendConfirmationCodeInput{ClientId: str(cl), Username: str("ann")})
	second := w.link()
	other := w.pool(byLink)
	for name, c := range map[string]struct{ path, want string }{
		"void":       {first, "Invalid verification code provided"},
		"forged":     {second[:len(second)-6] + "AAAAAA", "Invalid verification code provided"},
		"other pool": {strings.Replace(second, p, other, 1), "Invalid verification code provided"},
		"no code":    {"/" + p + "/" + confirmPath, "Invalid verification code provided"},
	} {
		if code, body := w.open(http.MethodGet, c.path); code != http.StatusBadRequest || !strings.Contains(body, c.want) {
			t.Errorf("%s: %d %s", name, code, body)
		}
	}
	w.open(http.MethodHead, second) // a mail scanner
	_, err := w.srp(p, cl, "ann", good)
	wantFault(t, err, "UserNotConfirmedException", "User is not confirmed.")
	if code, body := w.open(http.MethodGet, second); code != http.StatusOK || !strings.Contains(body, "confirmed") {
		t.Fatalf("%d %s", code, body)
	}
	if id := claimsOf(t, w.signIn(p, cl, "ann").IdToken.V); id["email_verified"] != true {
		t.Fatalf("%v", id)
	}
	if code, body := w.open(http.MethodGet, second); code != http.StatusBadRequest || !strings.Contains(body, "Invalid code provided") {
		t.Fatalf("again: %d %s", code, body)
	}
	late := up("bea")
	w.wait(signUpCodeLife)
	if code, _ := w.open(http.MethodGet, late); code != http.StatusBadRequest {
		t.Error("a late link serves")
	}
	must(w.world, w.s.forgotPassword, &cognitoidp.ForgotPasswordInput{ClientId: str(cl), Username: str("ann")}) // codes stay codes
	if m := w.sent[len(w.sent)-1]; strings.Contains(m.Body, "href") || !strings.Contains(m.Body, m.Code) {
		t.Fatalf("%+v", m)
	}
}
