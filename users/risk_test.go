package users

import (
	"strings"
	"testing"
	"time"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

func protecting(mode string) func(*cognitoidp.CreateUserPoolInput) {
	return func(in *cognitoidp.CreateUserPoolInput) {
		in.UserPoolTier, in.UserPoolAddOns = str("PLUS"), &cognitoidp.UserPoolAddOnsType{AdvancedSecurityMode: str(mode)}
	}
}

// from is a call by somebody at an address with a device.
func (w *world) from(ip, device string) *wire.Call {
	c := w.call()
	c.SourceIP, c.UserAgent = ip, device
	return c
}

func (w *world) eventsOf(p, name string) []cognitoidp.AuthEventType {
	w.t.Helper()
	return must(w, w.s.adminListUserAuthEvents, &cognitoidp.AdminListUserAuthEventsInput{UserPoolId: str(p), Username: str(name)}).AuthEvents
}

func TestAddressesThatAreAlwaysBlocked(t *testing.T) {
	w := newWorld(t)
	p := w.pool(protecting("ENFORCED"))
	cl := w.client(p)
	w.member(cl, "alice")
	conf := &cognitoidp.SetRiskConfigurationInput{UserPoolId: str(p), RiskExceptionConfiguration: &cognitoidp.RiskExceptionConfigurationType{
		BlockedIPRangeList: []string{"203.0.113.0/24", "2001:db8::/32"}, SkippedIPRangeList: []string{"203.0.113.7/32"},
	}}
	must(w, w.s.setRiskConfiguration, conf)
	for ip, blocked := range map[string]bool{"203.0.113.8": true, "203.0.113.7": false, "198.51.100.1": false, "2001:db8::1": true, "::ffff:203.0.113.9": true} {
		_, err := w.s.initiateAuth(w.from(ip, "phone"), passwordAuth(cl, "alice", good))
		if (err != nil) != blocked {
			t.Errorf("%s: %v", ip, err)
		}
		if blocked {
			wantFault(t, err, "NotAuthorizedException", "Unable to login because of security reasons")
			_, err = w.s.signUp(w.from(ip, "phone"), &cognitoidp.SignUpInput{ClientId: str(cl), Username: str("new"), Password: str(good)})
			wantFault(t, err, "NotAuthorizedException", "Unable to login because of security reasons")
		}
	}
	admin := &cognitoidp.AdminInitiateAuthInput{
		UserPoolId: str(p), ClientId: str(cl), AuthFlow: str("ADMIN_USER_PASSWORD_AUTH"), AuthParameters: map[string]string{"USERNAME": "alice", "PASSWORD": good},
		ContextData: &cognitoidp.ContextDataType{IpAddress: str("203.0.113.8")},
	}
	refused(w, w.s.adminInitiateAuth, admin, "NotAuthorizedException", "Unable to login because of security reasons")
	admin.ContextData = nil
	must(w, w.s.adminInitiateAuth, admin)

	conf.RiskExceptionConfiguration = &cognitoidp.RiskExceptionConfigurationType{BlockedIPRangeList: []string{"203.0.113.8"}}
	refused(w, w.s.setRiskConfiguration, conf, "InvalidParameterException", "is not in CIDR notation")
	must(w, w.s.setRiskConfiguration, &cognitoidp.SetRiskConfigurationInput{UserPoolId: str(p)})
	if _, err := w.s.initiateAuth(w.from("203.0.113.8", "phone"), passwordAuth(cl, "alice", good)); err != nil {
		t.Fatal(err)
	}
}

func TestCompromisedPasswords(t *testing.T) {
	w := newWorld(t)
	p := w.pool(protecting("ENFORCED"))
	cl, other := w.client(p), w.client(p)
	w.member(cl, "alice") // by a password that is on the list
	must(w, w.s.setRiskConfiguration, &cognitoidp.SetRiskConfigurationInput{UserPoolId: str(p), ClientId: str(cl), CompromisedCredentialsRiskConfiguration: &cognitoidp.CompromisedCredentialsRiskConfigurationType{
		Actions: &cognitoidp.CompromisedCredentialsActionsType{EventAction: str("BLOCK")},
	}})
	up := &cognitoidp.SignUpInput{ClientId: str(cl), Username: str("bob"), Password: str(good)}
	refused(w, w.s.signUp, up, "InvalidPasswordException", "Provided password cannot be used for security reasons.")
	up.ClientId = str(other)
	must(w, w.s.signUp, up)

	refused(w, w.s.initiateAuth, passwordAuth(cl, "alice", good), "NotAuthorizedException", "Unable to login because of security reasons")
	refused(w, w.s.initiateAuth, passwordAuth(cl, "alice", "Password1!"), "NotAuthorizedException", "Incorrect username or password.") // a common one, and wrong: said like any wrong one
	if e := w.eventsOf(p, "alice"); !e[1].EventRisk.CompromisedCredentialsDetected.V || e[1].EventRisk.RiskDecision.V != "Block" || e[1].EventResponse.V != "Fail" {
		t.Fatalf("%+v", e[1])
	}
	tokens := w.signIn(p, other, "alice")
	must(w, w.s.changePassword, &cognitoidp.ChangePasswordInput{AccessToken: tokens.AccessToken, PreviousPassword: str(good), ProposedPassword: str("Correct-horse-7")})
	must(w, w.s.initiateAuth, passwordAuth(cl, "alice", "Correct-horse-7"))
	tokens, err := func() (*cognitoidp.AuthenticationResultType, error) {
		out, err := w.srp(p, cl, "alice", "Correct-horse-7")
		return out.AuthenticationResult, err
	}()
	if err != nil {
		t.Fatal(err)
	}
	refused(w, w.s.changePassword, &cognitoidp.ChangePasswordInput{AccessToken: tokens.AccessToken, PreviousPassword: str("Correct-horse-7"), ProposedPassword: str(good)},
		"InvalidPasswordException", "Provided password cannot be used for security reasons.")
}

func TestTakeover(t *testing.T) {
	w := newWorld(t)
	p := w.pool(protecting("ENFORCED"))
	cl := w.client(p)
	w.member(cl, "alice")
	action := func(name string, notify bool) *cognitoidp.AccountTakeoverActionType {
		return &cognitoidp.AccountTakeoverActionType{EventAction: str(name), Notify: wire.Some(notify)}
	}
	conf := &cognitoidp.SetRiskConfigurationInput{UserPoolId: str(p), AccountTakeoverRiskConfiguration: &cognitoidp.AccountTakeoverRiskConfigurationType{
		NotifyConfiguration: &cognitoidp.NotifyConfigurationType{SourceArn: str("arn:aws:ses:us-east-1:123456789012:identity/example.com"), From: str("safe@example.com"), BlockEmail: &cognitoidp.NotifyEmailType{
			Subject: str("Blocked"), HtmlBody: str("<b>{username}</b> {ip-address} {device-name} {event-id} {feedback-token}"),
		}},
		Actions: &cognitoidp.AccountTakeoverActionsType{LowAction: action("NO_ACTION", false), MediumAction: action("NO_ACTION", true), HighAction: action("BLOCK", true)},
	}}
	must(w, w.s.setRiskConfiguration, conf)
	enter := func(ip, device, password string) error {
		_, err := w.s.initiateAuth(w.from(ip, device), passwordAuth(cl, "alice", password))
		return err
	}
	level := func() (string, string) {
		e := w.eventsOf(p, "alice")[0]
		return e.EventRisk.RiskLevel.V, e.EventResponse.V
	}
	for _, c := range []struct{ ip, device, level string }{
		{"192.0.2.1", "phone", ""},
		{"192.0.2.1", "laptop", ""},
		{"198.51.100.1", "phone", "Low"},
		{"203.0.113.1", "tablet", "Medium"},
	} {
		if err := enter(c.ip, c.device, good); err != nil {
			t.Fatal(err)
		}
		if got, response := level(); got != c.level || response != "Pass" {
			t.Errorf("%s with %s: risk %q, %s", c.ip, c.device, got, response)
		}
	}
	if m := w.sent[len(w.sent)-1]; m.To != "alice@example.com" || m.From != "safe@example.com" || !strings.Contains(m.Body, "203.0.113.1") {
		t.Fatalf("%+v", m)
	}
	for range suspectFailures {
		wantFault(t, enter("192.0.2.200", "<robot>", "wrong"), "NotAuthorizedException", "Incorrect username or password.")
	}
	wantFault(t, enter("192.0.2.200", "<robot>", good), "NotAuthorizedException", "Unable to login because of security reasons")
	if got, response := level(); got != "High" || response != "Fail" {
		t.Fatalf("risk %q, %s", got, response)
	}
	m := w.sent[len(w.sent)-1]
	words := strings.Fields(m.Body)
	if m.Subject != "Blocked" || len(words) != 5 || words[2] != "&lt;robot&gt;" {
		t.Fatalf("%+v", m)
	}
	w.userSays(p, words[3], words[4])
	if f := w.eventsOf(p, "alice")[0].EventFeedback; f == nil || f.FeedbackValue.V != "Invalid" || f.Provider.V != "USER" {
		t.Fatalf("%+v", f)
	}
	must(w, w.s.adminUpdateAuthEventFeedback, &cognitoidp.AdminUpdateAuthEventFeedbackInput{UserPoolId: str(p), Username: str("alice"), EventId: str(words[3]), FeedbackValue: str("Valid")})
	refused(w, w.s.adminUpdateAuthEventFeedback, &cognitoidp.AdminUpdateAuthEventFeedbackInput{UserPoolId: str(p), Username: str("alice"), EventId: str("other"), FeedbackValue: str("Valid")},
		"ResourceNotFoundException", "does not exist")
	conf.AccountTakeoverRiskConfiguration.Actions.LowAction = action("MFA_REQUIRED", false)
	must(w, w.s.setRiskConfiguration, conf)
	wantFault(t, enter("192.0.2.77", "phone", good), "NotAuthorizedException", "Unable to login because of security reasons") // she has no second factor
	conf.AccountTakeoverRiskConfiguration.Actions.LowAction = action("MFA_IF_CONFIGURED", false)
	must(w, w.s.setRiskConfiguration, conf)
	if err := enter("192.0.2.77", "phone", good); err != nil {
		t.Fatal(err)
	}
	conf.AccountTakeoverRiskConfiguration.NotifyConfiguration = nil
	refused(w, w.s.setRiskConfiguration, conf, "InvalidParameterException", "NotifyConfiguration is required")
}

func TestMFARequired(t *testing.T) {
	for action, want := range map[string][2]bool{"BLOCK": {true, true}, "MFA_REQUIRED": {true, false}, "MFA_IF_CONFIGURED": {false, false}, "NO_ACTION": {false, false}} {
		a := &cognitoidp.AccountTakeoverActionType{EventAction: str(action)}
		if got := [2]bool{refuses(a, progress{Passed: []string{passwordVerifier}}), refuses(a, progress{Passed: []string{passwordVerifier, softwareTokenMFA}})}; got != want {
			t.Errorf("%s: %v", action, got)
		}
	}
}

// userSays tries what is not the token the user got, and then the token.
func (w *world) userSays(p, event, token string) {
	w.t.Helper()
	in := cognitoidp.UpdateAuthEventFeedbackInput{UserPoolId: str(p), Username: str("alice"), EventId: str(event), FeedbackToken: str(token), FeedbackValue: str("Invalid")}
	for name, spoil := range map[string]func(*cognitoidp.UpdateAuthEventFeedbackInput){
		"forged":     func(in *cognitoidp.UpdateAuthEventFeedbackInput) { in.FeedbackToken = str("AAAA" + token[4:]) },
		"other pool": func(in *cognitoidp.UpdateAuthEventFeedbackInput) { in.UserPoolId = str(w.pool(protecting("AUDIT"))) },
		"other user": func(in *cognitoidp.UpdateAuthEventFeedbackInput) { in.Username = str("bob") },
		"other event": func(in *cognitoidp.UpdateAuthEventFeedbackInput) {
			in.EventId = str("00000000-0000-0000-0000-000000000000")
		},
	} {
		bad := in
		spoil(&bad)
		if _, err := w.s.updateAuthEventFeedback(w.call(), &bad); err == nil {
			w.t.Errorf("%s: taken", name)
		}
	}
	must(w, w.s.updateAuthEventFeedback, &in)
}

func TestOneEventPerSignIn(t *testing.T) {
	w := newWorld(t)
	p := w.pool(protecting("AUDIT"))
	cl := w.client(p)
	must(w, w.s.adminCreateUser, &cognitoidp.AdminCreateUserInput{UserPoolId: str(p), Username: str("bob"), TemporaryPassword: str(good), MessageAction: str("SUPPRESS")})
	begun := must(w, w.s.initiateAuth, passwordAuth(cl, "bob", good))
	if e := w.eventsOf(p, "bob"); len(e) != 1 || e[0].EventResponse.V != "InProgress" {
		t.Fatalf("%+v", e)
	}
	must(w, w.s.respondToAuthChallenge, &cognitoidp.RespondToAuthChallengeInput{
		ClientId: str(cl), ChallengeName: begun.ChallengeName, Session: begun.Session, ChallengeResponses: map[string]string{"USERNAME": "bob", "NEW_PASSWORD": "Second-2-pw"},
	})
	e := w.eventsOf(p, "bob")
	if len(e) != 1 || e[0].EventResponse.V != "Pass" || len(e[0].ChallengeResponses) != 1 || e[0].ChallengeResponses[0].ChallengeResponse.V != "Success" {
		t.Fatalf("%+v", e)
	}
	for range eventsPerUser + 20 {
		if err := w.s.update(w.ctx, func(tx *kv.Tx) error {
			return note(tx, account, &pool{ID: p, Settings: cognitoidp.UserPoolType{UserPoolAddOns: &cognitoidp.UserPoolAddOnsType{AdvancedSecurityMode: str("AUDIT")}}},
				&user{Sub: "x"}, &authEvent{Kind: "SignIn", Response: "Pass", At: w.now()})
		}); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	if err := w.s.view(w.ctx, func(tx *kv.Tx) error {
		all, err := events.All(tx, inPool(account, p), "", p, "x")
		n = len(all)
		return err
	}); err != nil || n != eventsPerUser {
		t.Fatalf("%d events are kept: %v", n, err)
	}
	off := w.pool()
	refused(w, w.s.adminListUserAuthEvents, &cognitoidp.AdminListUserAuthEventsInput{UserPoolId: str(off), Username: str("bob")}, "UserPoolAddOnNotEnabledException", "not enabled")
	refused(w, w.s.setRiskConfiguration, &cognitoidp.SetRiskConfigurationInput{UserPoolId: str(off)}, "UserPoolAddOnNotEnabledException", "not enabled")
}

func TestOneAddressTriesManyUsers(t *testing.T) {
	w := newWorld(t)
	p := w.pool()
	cl := w.client(p, hiding)
	w.member(cl, "alice")
	try := func(ip, name, password string) error {
		_, err := w.s.initiateAuth(w.from(ip, "robot"), passwordAuth(cl, name, password))
		return err
	}
	for i := range freeAtAddress + 1 { // time passes, and a little is forgotten
		wantFault(t, try("2001:db8::1", "user"+string(rune('a'+i%26))+string(rune('a'+i/26)), "wrong"), "NotAuthorizedException", "Incorrect username or password.")
	}
	wantFault(t, try("2001:db8::2", "alice", good), "NotAuthorizedException", "Password attempts exceeded") // the same household
	if err := try("2001:db8:0:1::1", "alice", good); err != nil {
		t.Fatal(err)
	}
	w.wait(2 * time.Second)
	wantFault(t, try("2001:db8::1", "alice", "wrong"), "NotAuthorizedException", "Incorrect username or password.")
	wantFault(t, try("2001:db8::1", "alice", good), "NotAuthorizedException", "Password attempts exceeded")
	w.wait(freeAtAddress*forgetAtAddress + longestWait + time.Minute)
	if err := try("2001:db8::1", "alice", good); err != nil {
		t.Fatal(err)
	}
	if _, err := record.SweepExpired(w.ctx, w.s.cfg.DB, w.now(), 1000); err != nil {
		t.Fatal(err)
	}
	if err := w.s.view(w.ctx, func(tx *kv.Tx) error {
		rows, err := addresses.All(tx, everywhere(account), "")
		if len(rows) != 0 {
			t.Errorf("%d addresses are remembered", len(rows))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}
