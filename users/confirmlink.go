package users

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"html"
	"net/http"
	"regexp"
	"strings"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/wire"
)

// confirmPath follows the pool's id in the links that confirm sign-ups.
const confirmPath = "confirmUser"

const confirmPlace = "users.confirm"

// confirmation is what a link says, sealed: which user it confirms, and by which code.
type confirmation struct{ Pool, Client, Sub, Code string }

// confirmsByLink tells whether the pool sends links instead of codes to who signs up.
func (p *pool) confirmsByLink() bool {
	t := p.Settings.VerificationMessageTemplate
	return t != nil && t.DefaultEmailOption.V == "CONFIRM_WITH_LINK"
}

// signUpTemplate is the pool's text for who signs up through a client: with a code, or with a link.
func (p *pool) signUpTemplate(clientID string) template {
	t := p.codeTemplate()
	if !p.confirmsByLink() {
		return t
	}
	v := p.Settings.VerificationMessageTemplate
	t.subject = v.EmailSubjectByLink.Or("Your verification link")
	t.email = v.EmailMessageByLink.Or("Please click the link below to verify your email address. {##Verify Email##}")
	t.linkFor = clientID
	return t
}

var linkMark = regexp.MustCompile(`\{##(.*?)##\}`)

// withLink puts the link into a text: the words between its marks lead there.
func (s *Service) withLink(account string, p *pool, u *user, code string, t template) string {
	b, _ := json.Marshal(confirmation{p.ID, t.linkFor, u.Sub, code}) // strings: cannot fail
	url := s.cfg.Home() + "/" + p.ID + "/" + confirmPath + "?code=" + base64.RawURLEncoding.EncodeToString(s.cfg.Sealer.Seal(confirmPlace+"/"+account, b))
	return linkMark.ReplaceAllStringFunc(t.email, func(mark string) string {
		return `<a href="` + html.EscapeString(url) + `">` + linkMark.FindStringSubmatch(mark)[1] + `</a>`
	})
}

// serveConfirmation confirms who opens the link. A HEAD does nothing: programs that look at mail send it.
func (s *Service) serveConfirmation(w http.ResponseWriter, r *http.Request) {
	tr := wire.TraceOf(r, cognitoidp.API.Name, r.Method+" "+confirmPath, s.cfg.Now())
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	if r.Method == http.MethodHead {
		return
	}
	c := &wire.Call{
		Context: r.Context(), Now: s.cfg.Now(), Account: s.cfg.Account(), Region: regionOf(r.PathValue("pool")), SourceIP: tr.SourceIP, UserAgent: r.UserAgent(), RequestID: tr.RequestID, Header: h,
	}
	err := s.confirmByLink(c, r.PathValue("pool"), r.URL.Query().Get("code"))
	switch refused := (wire.Fault)(nil); {
	case errors.As(err, &refused):
		_, _, message := refused.Fault()
		s.mux.Refuse(w, tr, http.StatusBadRequest, message, wire.ReasonOf(err))
	case err != nil:
		s.mux.Refuse(w, tr, http.StatusInternalServerError, "internal failure", err.Error())
	default:
		_, _ = strings.NewReader("Your registration has been confirmed!\n").WriteTo(w) // the reader may have gone
	}
}

func (s *Service) confirmByLink(c *wire.Call, poolID, text string) error {
	if err := s.mayAsk(c, poolID); err != nil {
		return err
	}
	var l confirmation
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		sealed, err = s.cfg.Sealer.Open(confirmPlace+"/"+c.Account, sealed)
	}
	if err == nil {
		err = json.Unmarshal(sealed, &l)
	}
	if err != nil || l.Pool != poolID {
		return wire.Because(codeMismatch(), "the link was not made here, was changed, or is for another pool")
	}
	var p *pool
	var u *user
	err = s.update(c, func(tx *kv.Tx) (err error) {
		if p, err = poolByID(tx, c.Account, poolID); err != nil {
			return err
		}
		u, err = people.Get(tx, inPool(c.Account, poolID), poolID, l.Sub)
		if absent(err) || err == nil && u.mayConfirm() != nil {
			return wire.Because(codeExpired(), "the user is gone, disabled, or confirmed already")
		}
		if err != nil {
			return err
		}
		_, err = s.confirm(tx, c, p, u, l.Code, false)
		return err
	})
	if err != nil {
		return err
	}
	return s.postConfirmation(c, p, "PostConfirmation_ConfirmSignUp", l.Client, u, nil)
}

// confirm confirms a user who shows the code they were sent, and tells which of their addresses that proved, "" when it changed meanwhile.
func (s *Service) confirm(tx *kv.Tx, c *wire.Call, p *pool, u *user, code string, force bool) (proved string, err error) {
	k, err := s.guessCode(tx, c, c.SourceIP, p, u, forSignUp, code)
	if err != nil {
		return "", err
	}
	u.Status = confirmed
	if u.Attributes[k.Attribute] == k.Value {
		u.Attributes[k.Attribute+"_verified"], proved = "true", k.Attribute
	}
	return proved, s.save(tx, c.Account, p, u, force, c.Now)
}
