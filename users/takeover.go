package users

import (
	"html"
	"slices"
	"strings"
	"time"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

const (
	comparedEvents  = 50 // of a user's last ones
	suspectFailures = 3  // wrong passwords before the right one
)

// watch notes how far a sign-in has come, in the transaction that decides on it, and refuses one that looks like somebody else's where
// the pool does. A sign-in of several steps has one event, which is brought up to date.
func (s *Service) watch(tx *kv.Tx, a *attempt, v *verdict) error {
	if a.pool.protects() == "OFF" {
		return nil
	}
	g, err := guardOf(tx, a.Account, a.pool, a.client.ID)
	if err != nil {
		return err
	}
	e := &authEvent{ID: v.way.Event, Kind: "SignIn", At: a.Now, From: a.from, Client: a.client.ID, Request: a.RequestID, Response: "InProgress", Challenges: challengesOf(v.way)}
	known, refuse := g.knows(atSignIn, a.common, a.from.IP)
	e.Compromised = known
	if v.ask == "" {
		if e.Level, err = suspicion(tx, a, g, v.user); err != nil {
			return err
		}
		e.Response = "Pass"
	}
	if e.Level != "" {
		e.Decision = "AccountTakeover"
	}
	action := g.action(e.Level)
	if refuse = refuse || refuses(action, v.way); refuse {
		e.Response, e.Decision = "Fail", "Block"
	}
	if err := note(tx, a.Account, a.pool, v.user, e); err != nil {
		return err
	}
	v.way.Event = e.ID
	if action != nil && action.Notify.V {
		if err := s.notify(tx, a, g, v.user, e); err != nil {
			return err
		}
	}
	if refuse {
		return keep(wire.Because(forSecurity(), "the password is a common one: %t; risk of a takeover by address, device and failures: %q", known, e.Level))
	}
	return nil
}

// missed notes a sign-in that failed at a kind of challenge.
func missed(tx *kv.Tx, a *attempt, u *user, way progress, kind string) error {
	return note(tx, a.Account, a.pool, u, &authEvent{ID: way.Event, Kind: "SignIn", At: a.Now, From: a.from, Client: a.client.ID, Request: a.RequestID, Response: "Fail", Challenges: append(challengesOf(way),
		cognitoidp.ChallengeResponseType{ChallengeName: wire.Some(kind), ChallengeResponse: wire.Some("Failure")})})
}

// challengesOf are the challenges a sign-in has answered, as events name them.
func challengesOf(way progress) []cognitoidp.ChallengeResponseType {
	out := []cognitoidp.ChallengeResponseType{}
	for _, name := range way.Passed {
		kind := "Mfa"
		if name == passwordVerifier || name == shownPassword || name == newPasswordRequired {
			kind = "Password"
		}
		if c := (cognitoidp.ChallengeResponseType{ChallengeName: wire.Some(kind), ChallengeResponse: wire.Some("Success")}); !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}

// suspicion says how much a sign-in differs from those before it: by address, by device, and by failures just before.
func suspicion(tx *kv.Tx, a *attempt, g guard, u *user) (level string, err error) {
	if g.trusts(a.from.IP) || a.from.IP == "" {
		return "", nil
	}
	rows, _, err := events.List(tx, inPool(a.Account, a.pool.ID), record.Page{Prefix: []any{a.pool.ID, u.Sub}, Limit: comparedEvents, Reverse: true})
	if err != nil {
		return "", err
	}
	home := wire.Household(a.from.IP)
	before, address, device, failures := 0, false, false, 0
	for _, e := range rows {
		switch {
		case e.Kind != "SignIn":
		case e.Response == "Pass" && (e.Feedback == nil || e.Feedback.FeedbackValue.V == "Valid"):
			before++
			address, device = address || wire.Household(e.From.IP) == home, device || e.From.Device == a.from.Device
		case e.Response == "Fail" && before == 0:
			failures++
		}
	}
	switch {
	case before == 0 || address:
		return "", nil
	case device:
		return "Low", nil
	case failures < suspectFailures:
		return "Medium", nil
	}
	return "High", nil
}

// action is what the pool does about a level of suspicion; nil is nothing, as where it only looks.
func (g guard) action(level string) *cognitoidp.AccountTakeoverActionType {
	t := g.rules.AccountTakeoverRiskConfiguration
	if g.mode != "ENFORCED" || t == nil || t.Actions == nil {
		return nil
	}
	switch level {
	case "Low":
		return t.Actions.LowAction
	case "Medium":
		return t.Actions.MediumAction
	case "High":
		return t.Actions.HighAction
	}
	return nil
}

// refuses tells whether an action stops a sign-in that shows no more than this. Who has a second factor was asked for it by now,
// which is all that MFA_IF_CONFIGURED wants.
func refuses(action *cognitoidp.AccountTakeoverActionType, way progress) bool {
	if action == nil {
		return false
	}
	return action.EventAction.V == "BLOCK" || action.EventAction.V == "MFA_REQUIRED" && !slices.ContainsFunc(secondFactors, way.has)
}

// usualNotice is what a user is told where the pool has no text of its own.
const usualNotice = "Somebody signed in as {username} from {ip-address} with {device-name} at {login-time}."

// notify tells the user of a sign-in that may not be theirs, and gives them the token to say so.
func (s *Service) notify(tx *kv.Tx, a *attempt, g guard, u *user, e *authEvent) error {
	n := g.rules.AccountTakeoverRiskConfiguration.NotifyConfiguration
	text, subject := n.NoActionEmail, "New sign-in to your account"
	switch action := g.action(e.Level); {
	case e.Decision == "Block":
		text, subject = n.BlockEmail, "Blocked sign-in to your account"
	case action.EventAction.V != "NO_ACTION":
		text = n.MfaEmail
	}
	if text == nil {
		text = &cognitoidp.NotifyEmailType{Subject: wire.Some(subject), TextBody: wire.Some(usualNotice)}
	}
	to := address{"email", u.Attributes["email"]}
	if to.value == "" {
		return nil
	}
	fill := func(text string, safe func(string) string) string {
		return strings.NewReplacer("{username}", safe(u.Name), "{ip-address}", safe(e.From.IP), "{device-name}", safe(e.From.Device), "{login-time}", e.At.UTC().Format(time.RFC1123),
			"{city}", "unknown", "{country}", "unknown", "{event-id}", e.ID, "{feedback-token}", s.feedbackToken(a.Account, u, e.ID, a.Now)).Replace(text)
	}
	asIs := func(v string) string { return v }
	m := Message{
		Kind: "AccountTakeOverNotification", Medium: to.medium(), To: to.value, Subject: fill(text.Subject.V, asIs), Body: fill(text.TextBody.V, asIs),
		Pool: a.pool.ID, Username: u.Name, From: n.From.V, ReplyTo: n.ReplyTo.V,
	}
	if text.TextBody.V == "" {
		m.Body = fill(text.HtmlBody.V, html.EscapeString)
	}
	return s.cfg.Deliver(tx, inPool(a.Account, a.pool.ID), m)
}
