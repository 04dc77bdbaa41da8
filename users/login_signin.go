package users

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"bothy/users/pages"
)

// Signing in on a page is the same chain of steps as by the API.

// showLogin shows the page to sign in on. Whom the app wants to come by another provider is sent there.
func (v *visit) showLogin() (*reply, error) {
	a, err := v.asked()
	if err != nil {
		return nil, err
	}
	return v.loginPage(a, a.hint, "", "")
}

func (v *visit) loginPage(a *authorization, name, wrong, notice string) (*reply, error) {
	t := words(a.query)
	p := &pages.Page{Title: t.SignIn, Error: wrong, Notice: notice, Providers: v.providerLinks(a, t)}
	if a.client.offers(ownProvider) {
		p.Action, p.Submit = a.page("/login"), t.SignIn
		p.Fields = []pages.Field{v.pool.nameField(t, name), {Name: "password", Label: t.Password, Type: "password", Complete: "current-password", Required: true, Focus: name != ""}}
		if v.byChoice(a) {
			p.Fields, p.Submit = p.Fields[:1], t.Continue
		}
		for i := range p.Fields {
			p.Fields[i].Wrong = wrong != ""
		}
		p.Links = []pages.Link{{Label: t.Forgot, URL: a.page("/forgotPassword")}}
		if v.pool.open() {
			p.Links = append(p.Links, pages.Link{Label: t.NoAccount, URL: a.page("/signup")})
		}
	}
	if p.Action == "" && len(p.Providers) == 0 {
		return nil, &redirected{oauthRefusal("unauthorized_client", "client %s has no provider to sign in by", a.client.ID), a}
	}
	return v.show(a, statusOf(wrong), p)
}

// statusOf is the status of a page that says what is wrong.
func statusOf(wrong string) int {
	if wrong != "" {
		return http.StatusBadRequest
	}
	return http.StatusOK
}

// open tells whether people may sign themselves up.
func (p *pool) open() bool {
	c := p.Settings.AdminCreateUserConfig
	return c == nil || !c.AllowAdminCreateUserOnly.V
}

// localOnly reads what the app asks for, where people of the pool itself may sign in.
func (v *visit) localOnly() (*authorization, error) {
	a, err := v.asked()
	if err == nil && !a.client.offers(ownProvider) {
		return nil, &redirected{oauthRefusal("unauthorized_client", "client %s does not offer %s", a.client.ID, ownProvider), a}
	}
	return a, err
}

// attempt is a try to sign in, on the page's behalf: the node knows the client's secret.
func (v *visit) attempt(a *authorization, name string, given map[string]string) (*attempt, error) {
	hash, err := v.s.secretHash(v.Account, a.client, name)
	if hash != "" {
		given["SECRET_HASH"] = hash
	}
	given["USERNAME"] = name
	return &attempt{Call: v.Call, client: a.client, pool: v.pool, given: given, from: visitorOf(v.Call, a.client, nil)}, err
}

// mayTry refuses addresses that are shut out, and those that come too fast.
func (v *visit) mayTry(a *authorization) error {
	if err := v.s.mayCome(v.Call, v.pool, a.client.ID, v.SourceIP); err != nil {
		return err
	}
	return v.s.mayAsk(v.Call, v.pool.ID)
}

// byChoice tells whether people say who they are first and then choose how to show it: where there is more than passwords.
func (v *visit) byChoice(a *authorization) bool {
	return a.client.allows(userAuth) && slices.ContainsFunc(v.pool.firstFactors(), func(f string) bool { return f != shownPassword })
}

// login takes name and password.
func (v *visit) login() (*reply, error) {
	a, err := v.localOnly()
	if err != nil {
		return nil, err
	}
	name := strings.TrimSpace(v.form.Get("username"))
	at, err := v.attempt(a, name, map[string]string{"PASSWORD": v.form.Get("password")})
	if err != nil {
		return nil, err
	}
	st, err := (*step)(nil), v.mayTry(a)
	switch {
	case err != nil:
	case v.byChoice(a):
		delete(at.given, "PASSWORD")
		st, err = v.offered(at)
	default:
		st, err = v.s.byPassword(at, progress{Flow: "USER_PASSWORD_AUTH"})
	}
	switch refusalCode(err) {
	case "UserNotConfirmedException":
		return v.unconfirmed(a, name)
	case "PasswordResetRequiredException":
		return v.forgotPage(a, name, "", words(a.query).ResetNeeded)
	}
	return v.stepped(a, name, st, err, func(wrong string) (*reply, error) { return v.loginPage(a, name, wrong, "") })
}

// offered begins a sign-in of choice. Where there is one way only, it is taken.
func (v *visit) offered(at *attempt) (*step, error) {
	st, err := v.s.begin(at, userAuth)
	if err != nil || st.name != selectChallenge {
		return st, err
	}
	ways := slices.DeleteFunc(st.available, func(way string) bool { return way == passwordSRP }) // the page shows the password itself
	if len(ways) == 1 {
		at.given["ANSWER"] = ways[0]
		return v.s.proceed(at, selectChallenge, st.session)
	}
	list, err := json.Marshal(ways)
	st.params["AVAILABLE_CHALLENGES"] = string(list)
	return st, err
}

// stepped goes on after a step of a sign-in: to the app, to the next challenge, or back to the page with what was wrong.
func (v *visit) stepped(a *authorization, name string, st *step, err error, back func(wrong string) (*reply, error)) (*reply, error) {
	switch {
	case err != nil:
		wrong, err := v.wrong(a, err)
		if err != nil {
			return nil, err
		}
		return back(wrong)
	case st.grant != nil:
		return v.signedIn(a, st.grant, ownProvider)
	}
	return v.askPage(a, &asking{Client: a.client.ID, User: name, Name: st.name, Params: st.params, Session: st.session}, "")
}

// finishable are the refusals that a challenge outlives: what was entered can be entered anew.
var finishable = []string{"CodeMismatchException", "ExpiredCodeException", "EnableSoftwareTokenMFAException", "InvalidPasswordException", "InvalidParameterException", "TooManyRequestsException"}

// challenge takes the answer to a challenge.
func (v *visit) challenge() (*reply, error) {
	a, err := v.localOnly()
	if err != nil {
		return nil, err
	}
	q, err := v.openAsking(a, v.form.Get("step"))
	if err != nil {
		return nil, err
	}
	at, err := v.attempt(a, q.User, q.answers(v.form))
	if err != nil {
		return nil, err
	}
	st, err := (*step)(nil), v.mayTry(a)
	if err == nil && q.Name == mfaSetup && q.Params["SECRET"] != "" {
		err = v.confirmSetUp(q)
	}
	if err == nil {
		st, err = v.s.proceed(at, q.Name, q.Session)
	}
	return v.stepped(a, q.User, st, err, func(wrong string) (*reply, error) {
		if slices.Contains(finishable, refusalCode(err)) {
			return v.askPage(a, q, wrong)
		}
		return v.loginPage(a, q.User, wrong, "")
	})
}
