package users

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"bothy/api/cognitoidp"
	"bothy/otp"
	"bothy/users/pages"
	"bothy/wire"
)

// asking is a challenge as a page carries it from one post to the next: sealed, so that it is answered as it was asked.
type asking struct {
	Client, User, Name string
	Params             map[string]string
	Session            string
	Expires            time.Time
}

func (v *visit) sealAsking(q *asking) (string, error) {
	q.Expires = v.Now.Add(15 * time.Minute) // the session inside ends before
	b, err := json.Marshal(q)
	return base64.RawURLEncoding.EncodeToString(v.s.cfg.Sealer.Seal(v.askingPlace(), b)), err
}

func (v *visit) askingPlace() string {
	return "users.asking/" + v.Account + "/" + v.pool.ID + "/" + v.domain.Name
}

func (v *visit) openAsking(a *authorization, text string) (*asking, error) {
	q := new(asking)
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		var b []byte
		if b, err = v.s.cfg.Sealer.Open(v.askingPlace(), sealed); err == nil {
			err = json.Unmarshal(b, q)
		}
	}
	if err != nil || q.Client != a.client.ID || v.Now.After(q.Expires) {
		return nil, wire.Because(&oauthError{code: "stale_form", status: http.StatusForbidden}, "the step was not asked here, or is over")
	}
	return q, nil
}

// codeAnswers are the challenges that are answered by a code, with the name of the answer.
var codeAnswers = map[string]string{
	"SMS_MFA": "SMS_MFA_CODE", "SMS_OTP": "SMS_OTP_CODE", "EMAIL_OTP": "EMAIL_OTP_CODE", "SOFTWARE_TOKEN_MFA": "SOFTWARE_TOKEN_MFA_CODE",
}

// askPage shows a challenge.
func (v *visit) askPage(a *authorization, q *asking, wrong string) (*reply, error) {
	t := words(a.query)
	p := &pages.Page{Action: a.page("/challenge"), Error: wrong, Submit: t.Continue, Links: []pages.Link{{Label: t.BackToSignIn, URL: a.page("/login")}}}
	if q.Name == mfaSetup && q.Params["SECRET"] == "" && strings.Contains(q.Params["MFAS_CAN_SETUP"], softwareTokenMFA) {
		if err := v.setUp(a, q); err != nil {
			return nil, err
		}
	}
	switch {
	case q.Name == mfaSetup && q.Params["SECRET"] == "":
		p.Title, p.Lead, p.Fields = t.MailTitle, t.MailLead, []pages.Field{{Name: "email", Label: t.Email, Type: "email", Complete: "email", Required: true, Focus: true}}
	case q.Name == mfaSetup:
		p.Title, p.Lead, p.Secret, p.SecretURL, p.Fields = t.SetupTitle, t.SetupLead, q.Params["SECRET"], q.Params["URL"], []pages.Field{codeField(t)}
	case q.Name == newPasswordRequired:
		p.Title, p.Lead, p.Fields = t.NewPasswordTitle, t.NewPasswordLead, v.newPasswordFields(t, q)
	case codeAnswers[q.Name] != "":
		p.Title, p.Lead, p.Fields = t.CodeTitle, codeLead(t, q), []pages.Field{codeField(t)}
	case q.Name == "SELECT_MFA_TYPE" || q.Name == "SELECT_CHALLENGE":
		p.Title, p.Lead, p.Fields = t.ChooseTitle, t.ChooseLead, []pages.Field{choiceField(t, q)}
	case q.Name == "CUSTOM_CHALLENGE":
		p.Title, p.Lead = t.CustomTitle, q.Params["question"]
		p.Fields = []pages.Field{{Name: "answer", Label: t.CustomLabel, Type: "text", Complete: "off", Required: true, Focus: true}}
	case q.Name == "PASSWORD":
		p.Title, p.Fields = t.SignIn, []pages.Field{{Name: "password", Label: t.Password, Type: "password", Complete: "current-password", Required: true, Focus: true}}
	case q.Name == "WEB_AUTHN":
		p.Title, p.Lead, p.Submit, p.Passkey = t.PasskeyTitle, t.PasskeyLead, t.PasskeySubmit, q.Params["CREDENTIAL_REQUEST_OPTIONS"]
	default:
		return nil, wire.Because(&redirected{&oauthError{code: "access_denied", status: http.StatusBadRequest}, a}, "the pages do not know the challenge %s", q.Name)
	}
	for i := range p.Fields {
		p.Fields[i].Wrong = wrong != ""
	}
	var err error
	if p.Step, err = v.sealAsking(q); err != nil {
		return nil, err
	}
	return v.show(a, statusOf(wrong), p)
}

// answers are what was entered, as the challenge wants it.
func (q *asking) answers(form url.Values) map[string]string {
	switch code := codeAnswers[q.Name]; {
	case code != "":
		return map[string]string{code: strings.TrimSpace(form.Get("code"))}
	case q.Name == newPasswordRequired:
		given := map[string]string{"NEW_PASSWORD": form.Get("password")}
		for _, name := range q.required() {
			given["userAttributes."+name] = strings.TrimSpace(form.Get(attributeInput(name)))
		}
		return given
	case q.Name == mfaSetup:
		return map[string]string{"EMAIL": strings.TrimSpace(form.Get("email"))} // "" for who sets up an app
	case q.Name == "PASSWORD":
		return map[string]string{"PASSWORD": form.Get("password")}
	case q.Name == "WEB_AUTHN":
		return map[string]string{"CREDENTIAL": form.Get("credential")}
	}
	return map[string]string{"ANSWER": strings.TrimSpace(form.Get("answer"))}
}

// required are the attributes that a user with a temporary password must still give.
func (q *asking) required() (names []string) {
	var list []string
	_ = json.Unmarshal([]byte(q.Params["requiredAttributes"]), &list) // we wrote it
	for _, name := range list {
		names = append(names, strings.TrimPrefix(name, "userAttributes."))
	}
	return names
}

func (v *visit) newPasswordFields(t pages.Texts, q *asking) []pages.Field {
	fields := []pages.Field{
		{Name: "username", Label: t.Username, Type: "hidden", Value: q.User},
		v.pool.newPasswordField(t, "password", t.NewPassword),
	}
	fields[1].Focus = true
	for _, name := range q.required() {
		fields = append(fields, attributeField(t, name, ""))
	}
	return fields
}

func codeLead(t pages.Texts, q *asking) string {
	switch to := q.Params["CODE_DELIVERY_DESTINATION"]; {
	case q.Name == "SOFTWARE_TOKEN_MFA":
		return t.AppCodeLead
	case to != "":
		return t.CodeLeadTo + to + "."
	}
	return t.CodeLead
}

// choiceField offers the challenges of which one is to be chosen.
func choiceField(t pages.Texts, q *asking) pages.Field {
	var names []string
	for _, list := range []string{"MFAS_CAN_CHOOSE", "AVAILABLE_CHALLENGES"} {
		if names == nil {
			_ = json.Unmarshal([]byte(q.Params[list]), &names) // one of the two is there
		}
	}
	f := pages.Field{Name: "answer", Label: t.ChooseLabel, Type: "radio"}
	for _, name := range names {
		label := t.Ways[name]
		if label == "" {
			label = name
		}
		f.Choices = append(f.Choices, pages.Choice{Value: name, Label: label})
	}
	return f
}

// setUp makes a key for an authenticator app, which people can set up by themselves while they sign in.
func (v *visit) setUp(a *authorization, q *asking) error {
	made, err := v.s.associateSoftwareToken(v.Call, &cognitoidp.AssociateSoftwareTokenInput{Session: wire.Some(q.Session)})
	if err != nil {
		return &redirected{err, a}
	}
	secret, err := otp.Decode(made.SecretCode.V)
	q.Session = made.Session.V
	q.Params = map[string]string{"SECRET": made.SecretCode.V, "URL": otp.URL(secret, a.client.Settings.ClientName.V, q.User)}
	return err
}

// confirmSetUp takes the first code of the app, which makes the session one that goes on.
func (v *visit) confirmSetUp(q *asking) error {
	code := strings.TrimSpace(v.form.Get("code"))
	in := &cognitoidp.VerifySoftwareTokenInput{Session: wire.Some(q.Session), UserCode: wire.Some(code)}
	out, err := called(v, cognitoidp.VerifySoftwareToken, v.s.verifySoftwareToken, in)
	if err == nil {
		q.Session = out.Session.V
	}
	return err
}
