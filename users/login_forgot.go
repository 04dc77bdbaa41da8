package users

import (
	"strings"

	"bothy/api/cognitoidp"
	"bothy/users/pages"
	"bothy/wire"
)

func (v *visit) showForgot() (*reply, error) {
	a, err := v.localOnly()
	if err != nil {
		return nil, err
	}
	return v.forgotPage(a, a.hint, "", "")
}

func (v *visit) forgotPage(a *authorization, name, wrong, notice string) (*reply, error) {
	t := words(a.query)
	p := &pages.Page{Title: t.ForgotTitle, Lead: t.ForgotLead, Error: wrong, Notice: notice, Action: a.page("/forgotPassword"), Submit: t.ForgotSubmit}
	p.Fields = []pages.Field{v.pool.nameField(t, name)}
	p.Fields[0].Wrong = wrong != ""
	p.Links = []pages.Link{{Label: t.BackToSignIn, URL: a.page("/login")}}
	return v.show(a, statusOf(wrong), p)
}

// person is whom a form names, with what the client's secret makes of the name.
func (v *visit) person() (a *authorization, name string, hash wire.Opt[string], err error) {
	if a, err = v.localOnly(); err != nil {
		return nil, "", hash, err
	}
	name = strings.TrimSpace(v.form.Get("username"))
	text, err := v.s.secretHash(v.Account, a.client, name)
	return a, name, wire.NonEmpty(text), err
}

// called does what the operation does, with the same checks of its input.
func called[In, Out any](v *visit, op wire.Op[In, Out], do func(*wire.Call, *In) (*Out, error), in *In) (*Out, error) {
	if err := wire.Check(v.s.mux, op, in); err != nil {
		return nil, err
	}
	return do(v.Call, in)
}

// forgot sends a code to choose a new password with.
func (v *visit) forgot() (*reply, error) {
	a, name, hash, err := v.person()
	if err != nil {
		return nil, err
	}
	in := &cognitoidp.ForgotPasswordInput{ClientId: wire.Some(a.client.ID), Username: wire.Some(name), SecretHash: hash}
	out, err := called(v, cognitoidp.ForgotPassword, v.s.forgotPassword, in)
	if err != nil {
		wrong, err := v.wrong(a, err)
		if err != nil {
			return nil, err
		}
		return v.forgotPage(a, name, wrong, "")
	}
	return v.resetPage(a, name, "", words(a.query).ResetLead+out.CodeDeliveryDetails.Destination.V+".")
}

func (v *visit) resetPage(a *authorization, name, wrong, lead string) (*reply, error) {
	t := words(a.query)
	p := &pages.Page{Title: t.ResetTitle, Lead: lead, Error: wrong, Action: a.page("/confirmForgotPassword"), Submit: t.ResetSubmit}
	p.Fields = v.namedFields(t, name, codeField(t), v.pool.newPasswordField(t, "password", t.NewPassword))
	for i := range p.Fields {
		p.Fields[i].Wrong = wrong != ""
	}
	p.Links = []pages.Link{{Label: t.BackToSignIn, URL: a.page("/login")}}
	return v.show(a, statusOf(wrong), p)
}

// reset takes the code and the new password.
func (v *visit) reset() (*reply, error) {
	a, name, hash, err := v.person()
	if err != nil {
		return nil, err
	}
	in := &cognitoidp.ConfirmForgotPasswordInput{
		ClientId: wire.Some(a.client.ID), Username: wire.Some(name), SecretHash: hash,
		ConfirmationCode: wire.Some(strings.TrimSpace(v.form.Get("code"))), Password: wire.Some(v.form.Get("password")),
	}
	if _, err := called(v, cognitoidp.ConfirmForgotPassword, v.s.confirmForgotPassword, in); err != nil {
		wrong, err := v.wrong(a, err)
		if err != nil {
			return nil, err
		}
		return v.resetPage(a, name, wrong, "")
	}
	return v.loginPage(a, name, "", words(a.query).ResetDone)
}
