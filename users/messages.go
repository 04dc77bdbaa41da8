package users

import (
	"slices"
	"strings"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/wire"
)

// address is where a message goes: an attribute and its value.
type address struct{ attribute, value string }

func (a address) medium() string {
	if a.attribute == "phone_number" {
		return "SMS"
	}
	return "EMAIL"
}

// masked shows an address to people who may only recognise it.
func (a address) masked() string {
	if a.attribute == "phone_number" {
		digits := strings.TrimPrefix(a.value, "+")
		hidden := max(0, len(digits)-4)
		return "+" + strings.Repeat("*", hidden) + digits[hidden:]
	}
	local, host, _ := strings.Cut(a.value, "@")
	return first(local) + "***@" + first(host) + "***"
}

func first(s string) string {
	for _, r := range s {
		return string(r)
	}
	return ""
}

func (a address) details() *cognitoidp.CodeDeliveryDetailsType {
	return &cognitoidp.CodeDeliveryDetailsType{
		AttributeName: wire.Some(a.attribute), DeliveryMedium: wire.Some(a.medium()), Destination: wire.Some(a.masked()),
	}
}

// verifiable is the address a sign-up is confirmed by: AWS takes the phone number when both are to be verified.
func (p *pool) verifiable(u *user) (address, bool) {
	for _, name := range []string{"phone_number", "email"} {
		if v := u.Attributes[name]; v != "" && slices.Contains(p.Settings.AutoVerifiedAttributes, name) {
			return address{name, v}, true
		}
	}
	return address{}, false
}

// recovery is the verified address by which the user gets a new password.
func (p *pool) recovery(u *user) (address, bool) {
	for _, name := range p.recoveryOrder() {
		if u.Attributes[name] != "" && u.Attributes[name+"_verified"] == "true" && !p.secondBy(u, name) {
			return address{name, u.Attributes[name]}, true
		}
	}
	return address{}, false
}

// secondBy tells whether the address is the user's second factor. Then it gets them no new password: one address would be both factors.
// As with AWS, pools without AccountRecoverySetting recover by phone all the same.
func (p *pool) secondBy(u *user, attribute string) bool {
	use := p.Settings.MfaConfiguration.Or("OFF")
	if use == "OFF" || attribute == "phone_number" && p.Settings.AccountRecoverySetting == nil {
		return false
	}
	for _, f := range secondFactors {
		if factorAddress(f) == attribute && p.Methods.has(f) {
			return slices.Contains(u.Factors, f) || use == "ON" && len(u.Factors) == 0
		}
	}
	return false
}

func (p *pool) recoveryOrder() []string {
	r := p.Settings.AccountRecoverySetting
	if r == nil {
		return []string{"phone_number", "email"}
	}
	options := slices.Clone(r.RecoveryMechanisms)
	slices.SortFunc(options, func(a, b cognitoidp.RecoveryOptionType) int { return int(a.Priority.V) - int(b.Priority.V) })
	var order []string
	for _, o := range options {
		if name, ok := strings.CutPrefix(o.Name.V, "verified_"); ok {
			order = append(order, name)
		}
	}
	return order
}

// pretended is the address that a ghost seems to have: what the caller named, or one that never changes.
func (s *Service) pretended(account string, p *pool, u *user, named string) (address, error) {
	attribute := attributeOfName([]string{"email", "phone_number"}, named)
	if attribute != "" {
		return s.madeUp(account, p, u, attribute, named)
	}
	mask, err := s.mask(account, p)
	if err != nil {
		return address{}, err
	}
	auto := p.Settings.AutoVerifiedAttributes
	mails, calls := len(auto) == 0 || slices.Contains(auto, "email"), slices.Contains(auto, "phone_number")
	if attribute = "email"; calls && (!mails || mac(mask, []byte("medium"), []byte(u.Sub))[0] < 128) { // where people may have either, so may ghosts
		attribute = "phone_number"
	}
	return s.madeUp(account, p, u, attribute, named)
}

// madeUp is a ghost's address of a kind: what the caller named, if it is of that kind, or one that never changes.
func (s *Service) madeUp(account string, p *pool, u *user, attribute, named string) (address, error) {
	if attributeOfName([]string{attribute}, named) != "" {
		return address{attribute, named}, nil
	}
	mask, err := s.mask(account, p)
	if err != nil {
		return address{}, err
	}
	h := mac(mask, []byte("address"), []byte(u.Sub))
	if attribute == "phone_number" {
		digits := make([]byte, 11)
		for i := range digits {
			digits[i] = '0' + h[i]%10
		}
		return address{"phone_number", "+" + string(digits)}, nil
	}
	letter := func(b byte) string { return string(rune('a' + b%26)) }
	return address{"email", letter(h[0]) + "@" + letter(h[1])}, nil
}

// template is the text of a message before code and name are put in.
type template struct {
	subject, email, sms string
	linkFor             string // the client whose user the e-mail's link confirms; "": it has a code
}

const (
	codeMark     = "{####}"
	usernameMark = "{username}"
)

// codeTemplate is the pool's text for codes.
func (p *pool) codeTemplate() template {
	t, v := &p.Settings, p.Settings.VerificationMessageTemplate
	if v == nil {
		v = &cognitoidp.VerificationMessageTemplateType{}
	}
	return template{
		subject: v.EmailSubject.Or(t.EmailVerificationSubject.Or("Your verification code")),
		email:   v.EmailMessage.Or(t.EmailVerificationMessage.Or("Your verification code is {####}.")),
		sms:     v.SmsMessage.Or(t.SmsVerificationMessage.Or("Your verification code is {####}.")),
	}
}

// authenticationTemplate is the pool's text for codes to sign in by, alone or as a second factor.
func (p *pool) authenticationTemplate() template {
	t := template{
		subject: "Your authentication code",
		email:   "Your authentication code is {####}.",
		sms:     p.Settings.SmsAuthenticationMessage.Or("Your authentication code is {####}."),
	}
	if m := p.Methods.Email; m != nil {
		t.subject, t.email = m.Subject.Or(t.subject), m.Message.Or(t.email)
	}
	return t
}

// invitation is the pool's text for users made by an operator.
func (p *pool) invitation() template {
	t := template{
		subject: "Your temporary password",
		email:   "Your username is {username} and temporary password is {####}.",
		sms:     "Your username is {username} and temporary password is {####}.",
	}
	if a := p.Settings.AdminCreateUserConfig; a != nil && a.InviteMessageTemplate != nil {
		m := a.InviteMessageTemplate
		t = template{subject: m.EmailSubject.Or(t.subject), email: m.EmailMessage.Or(t.email), sms: m.SMSMessage.Or(t.sms)}
	}
	return t
}

// send queues the message with the code.
func (s *Service) send(tx *kv.Tx, account string, p *pool, u *user, kind string, to address, code string, t template) error {
	fill := strings.NewReplacer(codeMark, code, usernameMark, u.Name)
	m := Message{Kind: kind, Medium: to.medium(), To: to.value, Code: code, Pool: p.ID, Username: u.Name}
	if e := p.Settings.EmailConfiguration; e != nil {
		m.From, m.ReplyTo = senderOf(e), e.ReplyToEmailAddress.V
	}
	if m.Medium == "SMS" {
		m.Body = fill.Replace(t.sms)
	} else {
		if t.linkFor != "" {
			t.email = s.withLink(account, p, u, code, t)
		}
		m.Subject, m.Body = fill.Replace(t.subject), fill.Replace(t.email)
	}
	return s.cfg.Deliver(tx, inPool(account, p.ID), m)
}
