package saml

import (
	"fmt"
	"slices"
	"time"

	"github.com/beevik/etree"
)

// Assertion is what an identity provider says about a user, proved and meant for us.
type Assertion struct {
	ID           string
	Issuer       string
	NameID       NameID
	Attributes   map[string][]string
	AuthnContext string    // class of how the user signed in, e.g. urn:oasis:names:tc:SAML:2.0:ac:classes:Password
	Session      string    // the provider's SessionIndex: signing out names it
	SessionEnd   time.Time // of the provider's session; zero: it does not say
	InResponseTo string    // "" when it answers no request
	Recipient    string    // of ours, the one it was posted to
	Expires      time.Time // from then on it is refused for its age, so until then its ID must be remembered
}

// NameID names a user.
type NameID struct {
	Value, Format, NameQualifier, SPNameQualifier string
}

const (
	bearer        = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
	statusSuccess = "urn:oasis:names:tc:SAML:2.0:status:Success"
)

func checkStatus(status *etree.Element) error {
	if status == nil {
		return refused("the response has not exactly one status")
	}
	code := child(status, nsProtocol, "StatusCode")
	if code == nil {
		return refused("the status has no code")
	}
	if value := attr(code, "Value"); value != statusSuccess {
		inner := ""
		if c := child(code, nsProtocol, "StatusCode"); c != nil {
			inner = attr(c, "Value")
		}
		return fmt.Errorf("saml: %w: %q %q %q", ErrStatus, value, inner, text(child(status, nsProtocol, "StatusMessage")))
	}
	return nil
}

// assertion reads an assertion that was verified.
func assertion(el *etree.Element, want Expect) (*Assertion, error) {
	a := &Assertion{ID: attr(el, "ID"), Issuer: text(child(el, nsAssertion, "Issuer")), Attributes: map[string][]string{}}
	if !is(el, nsAssertion, "Assertion") || attr(el, "Version") != "2.0" || a.ID == "" {
		return nil, refused("it is no SAML 2.0 assertion")
	}
	if a.Issuer != want.Provider.EntityID {
		return nil, refused("the assertion is of %q, the provider is %q", a.Issuer, want.Provider.EntityID)
	}
	for _, check := range []func(*etree.Element, Expect) error{a.conditions, a.subject, a.statements} {
		if err := check(el, want); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// conditions refuses an assertion that is not meant for us or not for now.
func (a *Assertion) conditions(el *etree.Element, want Expect) error {
	c := child(el, nsAssertion, "Conditions")
	if c == nil {
		return refused("the assertion has no conditions")
	}
	if _, err := within(c, want.Now); err != nil {
		return err
	}
	restricted := false
	for _, rule := range c.ChildElements() {
		switch {
		case is(rule, nsAssertion, "AudienceRestriction"):
			restricted = true
			if !slices.ContainsFunc(children(rule, nsAssertion, "Audience"), func(e *etree.Element) bool { return slices.Contains(want.Audiences, text(e)) }) {
				return refused("the assertion is for the audience %q, not for %q", text(rule), want.Audiences)
			}
		case is(rule, nsAssertion, "OneTimeUse"), is(rule, nsAssertion, "ProxyRestriction"):
		default:
			return refused("the assertion has the condition %s, which is not known", rule.Tag)
		}
	}
	if !restricted {
		return refused("the assertion is for no audience")
	}
	return nil
}

// within refuses an element whose time has not come or is over; it returns when that is.
func within(el *etree.Element, now time.Time) (end time.Time, err error) {
	if from := attr(el, "NotBefore"); from != "" {
		t, err := moment(from)
		if err != nil {
			return end, err
		}
		if now.Add(skew).Before(t) {
			return end, untimely("%s is valid from %s, it is %s", el.Tag, from, now.UTC().Format(time.RFC3339))
		}
	}
	to := attr(el, "NotOnOrAfter")
	if to == "" {
		return end, nil
	}
	if end, err = moment(to); err != nil {
		return end, err
	}
	if end = end.Add(skew); !now.Before(end) {
		return end, untimely("%s is valid before %s, it is %s", el.Tag, to, now.UTC().Format(time.RFC3339))
	}
	return end, nil
}

// subject reads whom the assertion is about; whoever bears it must have been sent to us.
func (a *Assertion) subject(el *etree.Element, want Expect) error {
	s := child(el, nsAssertion, "Subject")
	if s == nil {
		return refused("the assertion has no subject")
	}
	id := child(s, nsAssertion, "NameID")
	if id == nil || len(id.ChildElements()) > 0 || text(id) == "" {
		return refused("the assertion has not exactly one NameID")
	}
	a.NameID = NameID{text(id), attr(id, "Format"), attr(id, "NameQualifier"), attr(id, "SPNameQualifier")}
	reason := error(refused("the assertion can not be used by its bearer"))
	for _, c := range children(s, nsAssertion, "SubjectConfirmation") {
		if attr(c, "Method") != bearer {
			continue
		}
		if reason = a.confirmed(child(c, nsAssertion, "SubjectConfirmationData"), want); reason == nil {
			return nil
		}
	}
	return reason
}

func (a *Assertion) confirmed(data *etree.Element, want Expect) error {
	if data == nil {
		return refused("the assertion does not say to whom it is given")
	}
	end, err := within(data, want.Now)
	if err != nil {
		return err
	}
	to, answers := attr(data, "Recipient"), attr(data, "InResponseTo")
	switch {
	case end.IsZero():
		return refused("the assertion does not say how long it can be used")
	case !slices.Contains(want.Recipients, to):
		return refused("the assertion is given to %q, not to %q", to, want.Recipients)
	case !want.AnyRequest && answers != want.Request:
		return refused("the assertion answers request %q, not %q", answers, want.Request)
	}
	a.Expires, a.Recipient, a.InResponseTo = end, to, answers
	return nil
}

// statements reads how the user signed in and what the provider tells about them.
func (a *Assertion) statements(el *etree.Element, want Expect) error {
	logins := children(el, nsAssertion, "AuthnStatement")
	if len(logins) == 0 {
		return refused("the assertion does not say that the user signed in")
	}
	a.Session = attr(logins[0], "SessionIndex")
	if end := attr(logins[0], "SessionNotOnOrAfter"); end != "" {
		t, err := moment(end)
		if err != nil {
			return err
		}
		if a.SessionEnd = t; !want.Now.Before(t.Add(skew)) {
			return untimely("the provider's session ended at %s", end)
		}
	}
	if c := child(logins[0], nsAssertion, "AuthnContext"); c != nil {
		a.AuthnContext = text(child(c, nsAssertion, "AuthnContextClassRef"))
	}
	for _, s := range children(el, nsAssertion, "AttributeStatement") {
		for _, at := range children(s, nsAssertion, "Attribute") {
			for _, v := range children(at, nsAssertion, "AttributeValue") {
				a.Attributes[attr(at, "Name")] = append(a.Attributes[attr(at, "Name")], text(v))
			}
		}
	}
	return nil
}
