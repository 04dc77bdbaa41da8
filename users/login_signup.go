package users

import (
	"slices"
	"strings"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/users/pages"
	"bothy/wire"
)

// The pages call the operations that apps call, with the client's secret where it has one.

// attributeInput is the name of an attribute's input.
func attributeInput(name string) string { return "requiredAttributes[" + name + "]" }

// attributeField is the input of an attribute.
func attributeField(t pages.Texts, name, value string) pages.Field {
	f := pages.Field{Name: attributeInput(name), Label: t.Attributes[name], Type: "text", Value: value, Required: true, Complete: map[string]string{
		"email": "email", "phone_number": "tel", "birthdate": "bday", "name": "name", "given_name": "given-name", "family_name": "family-name", "middle_name": "additional-name",
		"nickname": "nickname", "website": "url", "address": "street-address", "gender": "sex", "locale": "language",
	}[name]}
	if kind := map[string]string{"email": "email", "phone_number": "tel", "birthdate": "date", "website": "url", "picture": "url", "profile": "url"}[name]; kind != "" {
		f.Type = kind
	}
	if f.Label == "" {
		f.Label = strings.TrimPrefix(name, customPrefix)
	}
	return f
}

// askedAtSignUp are the attributes a person gives when they sign up: what the pool requires, and what a code can be sent to.
func (p *pool) askedAtSignUp() (names []string) {
	for _, a := range p.Settings.SchemaAttributes {
		name := a.Name.V
		wanted := a.Required.V || slices.Contains(p.Settings.AutoVerifiedAttributes, name) && len(p.Settings.UsernameAttributes) == 0
		if wanted && name != "sub" && !(len(p.Settings.UsernameAttributes) == 1 && p.Settings.UsernameAttributes[0] == name) {
			names = append(names, name)
		}
	}
	return names
}

func (v *visit) showSignUp() (*reply, error) {
	a, err := v.signingUp()
	if err != nil {
		return nil, err
	}
	return v.signUpPage(a, "")
}

// signingUp reads what the app asks for, where people may sign themselves up.
func (v *visit) signingUp() (*authorization, error) {
	a, err := v.localOnly()
	if err == nil && !v.pool.open() {
		return nil, notHere()
	}
	return a, err
}

func (v *visit) signUpPage(a *authorization, wrong string) (*reply, error) {
	t := words(a.query)
	p := &pages.Page{Title: t.SignUp, Error: wrong, Action: a.page("/signup"), Submit: t.SignUp, Links: []pages.Link{{Label: t.HaveAccount, URL: a.page("/login")}}}
	name := v.pool.nameField(t, v.form.Get("username"))
	p.Fields = append(p.Fields, name)
	for _, attribute := range v.pool.askedAtSignUp() {
		p.Fields = append(p.Fields, attributeField(t, attribute, v.form.Get(attributeInput(attribute))))
	}
	password := v.pool.newPasswordField(t, "password", t.Password)
	password.Required = !v.withoutPassword(a)
	p.Fields = append(p.Fields, password)
	var err error
	if p.Terms, err = v.terms(a, t); err != nil {
		return nil, err
	}
	return v.show(a, statusOf(wrong), p)
}

// withoutPassword tells whether people may sign up without one.
func (v *visit) withoutPassword(a *authorization) bool {
	return a.client.allows(userAuth) && v.pool.passwordless()
}

// terms are the links that the sign-up page of the client has.
func (v *visit) terms(a *authorization, t pages.Texts) (links []pages.Link, err error) {
	err = v.s.view(v, func(tx *kv.Tx) error {
		all, err := termsTable.All(tx, inPool(v.Account, v.pool.ID), "client", v.pool.ID, a.client.ID)
		links = nil
		for _, terms := range slices.Backward(all) {
			label := map[string]string{"terms-of-use": t.TermsOfUse, "privacy-policy": t.PrivacyPolicy}[terms.Name]
			url := terms.Links["cognito:english"]
			if url == "" {
				url = terms.Links["cognito:default"]
			}
			links = append(links, pages.Link{Label: label, URL: url})
		}
		return err
	})
	return links, err
}

func (v *visit) signUp() (*reply, error) {
	a, err := v.signingUp()
	if err != nil {
		return nil, err
	}
	name := strings.TrimSpace(v.form.Get("username"))
	hash, err := v.s.secretHash(v.Account, a.client, name)
	if err != nil {
		return nil, err
	}
	in := &cognitoidp.SignUpInput{ClientId: wire.Some(a.client.ID), Username: wire.Some(name), Password: wire.NonEmpty(v.form.Get("password")), SecretHash: wire.NonEmpty(hash)}
	for _, attribute := range v.pool.askedAtSignUp() {
		if value := strings.TrimSpace(v.form.Get(attributeInput(attribute))); value != "" {
			in.UserAttributes = append(in.UserAttributes, cognitoidp.AttributeType{Name: wire.Some(attribute), Value: wire.Some(value)})
		}
	}
	out, err := called(v, cognitoidp.SignUp, v.s.signUp, in)
	if err != nil {
		wrong, err := v.wrong(a, err)
		if err != nil {
			return nil, err
		}
		return v.signUpPage(a, wrong)
	}
	if out.UserConfirmed.V || out.CodeDeliveryDetails == nil {
		return v.loginPage(a, name, "", words(a.query).ConfirmDone)
	}
	return v.confirmPage(a, name, "", words(a.query).ConfirmLead+out.CodeDeliveryDetails.Destination.V+".", "")
}

// wrong is what a person reads of a refusal, which the operator can read about too.
func (v *visit) wrong(a *authorization, err error) (string, error) {
	text, failed := readable(words(a.query), err)
	if failed == nil {
		v.refusal = err
	}
	return text, failed
}

func (v *visit) showConfirm() (*reply, error) {
	a, err := v.localOnly()
	if err != nil {
		return nil, err
	}
	return v.confirmPage(a, "", "", "", "")
}

// confirmPage takes the code that confirms a sign-up; name "" asks for the name too.
func (v *visit) confirmPage(a *authorization, name, wrong, lead, notice string) (*reply, error) {
	t := words(a.query)
	p := &pages.Page{Title: t.ConfirmTitle, Lead: lead, Error: wrong, Notice: notice, Action: a.page("/confirmUser"), Submit: t.Continue, Links: []pages.Link{{Label: t.BackToSignIn, URL: a.page("/login")}}}
	p.Fields = v.namedFields(t, name, codeField(t))
	p.Fields[1].Wrong = wrong != ""
	if name != "" {
		p.Minor = []pages.Button{{Label: t.Resend, Action: a.page("/resendcode"), Name: "username", Value: name}}
	}
	return v.show(a, statusOf(wrong), p)
}

// namedFields are fields that follow the name: hidden where it is known, else asked for.
func (v *visit) namedFields(t pages.Texts, name string, fields ...pages.Field) []pages.Field {
	f := v.pool.nameField(t, name)
	if name != "" {
		f.Type = "hidden"
	} else {
		fields[0].Focus = false
	}
	return append([]pages.Field{f}, fields...)
}

// unconfirmed sends somebody who knows the password but has not confirmed the account another code.
func (v *visit) unconfirmed(a *authorization, name string) (*reply, error) {
	v.form.Set("username", name)
	return v.resend()
}

func (v *visit) resend() (*reply, error) {
	a, name, hash, err := v.person()
	if err != nil {
		return nil, err
	}
	in := &cognitoidp.ResendConfirmationCodeInput{ClientId: wire.Some(a.client.ID), Username: wire.Some(name), SecretHash: hash}
	out, err := called(v, cognitoidp.ResendConfirmationCode, v.s.resendConfirmationCode, in)
	if err != nil {
		wrong, err := v.wrong(a, err)
		if err != nil {
			return nil, err
		}
		return v.confirmPage(a, name, wrong, "", "")
	}
	t := words(a.query)
	return v.confirmPage(a, name, "", t.ConfirmLead+out.CodeDeliveryDetails.Destination.V+".", t.Resent)
}

func (v *visit) confirm() (*reply, error) {
	a, name, hash, err := v.person()
	if err != nil {
		return nil, err
	}
	in := &cognitoidp.ConfirmSignUpInput{
		ClientId: wire.Some(a.client.ID), Username: wire.Some(name), SecretHash: hash, ConfirmationCode: wire.Some(strings.TrimSpace(v.form.Get("code"))),
	}
	out, err := called(v, cognitoidp.ConfirmSignUp, v.s.confirmSignUp, in)
	if err != nil {
		wrong, err := v.wrong(a, err)
		if err != nil {
			return nil, err
		}
		return v.confirmPage(a, name, wrong, "", "")
	}
	if out != nil && out.Session.V != "" { // the code was as much as a sign-in by one
		return v.confirmed(a, name, out.Session.V)
	}
	return v.loginPage(a, name, "", words(a.query).ConfirmDone)
}

// confirmed lets somebody in who has just shown the code of their sign-up.
func (v *visit) confirmed(a *authorization, name, session string) (*reply, error) {
	at, err := v.attempt(a, name, map[string]string{})
	if err != nil {
		return nil, err
	}
	at.session = session
	st, err := v.s.begin(at, userAuth)
	return v.stepped(a, name, st, err, func(wrong string) (*reply, error) { return v.loginPage(a, name, wrong, "") })
}
