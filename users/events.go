package users

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// What is remembered of a user's events: as long as AWS does, and so many that a list of them is of use.
const (
	eventLife     = 2 * 365 * 24 * time.Hour
	eventsPerUser = 500
)

// authEvent is something a user, or somebody in their name, did; kept of pools that watch over their users. Ghosts have events too, for
// a while, so that they cost what users cost.
type authEvent struct {
	Pool, Sub   string
	Number      int64 // counts the user's events
	ID          string
	At          time.Time
	Kind        string // SignIn, SignUp, ForgotPassword, PasswordChange, ResendCode
	Response    string // Pass, Fail, InProgress
	Decision    string // NoRisk, AccountTakeover, Block
	Level       string `json:",omitempty"` // Low, Medium, High
	Compromised bool   `json:",omitempty"`
	Challenges  []cognitoidp.ChallengeResponseType
	From        visitor
	Client      string                        `json:",omitempty"`
	Request     string                        `json:",omitempty"` // its id
	Feedback    *cognitoidp.EventFeedbackType `json:",omitempty"`
	Expires     time.Time
}

var events = record.Table[authEvent]{
	Name: "users.event", Version: 1, Key: func(e *authEvent) []any { return []any{e.Pool, e.Sub, e.Number} },
	Indexes: []record.Index[authEvent]{{Name: "id", Unique: true, Keys: func(e *authEvent) [][]any { return [][]any{{e.Pool, e.Sub, e.ID}} }}},
	Expires: func(e *authEvent) time.Time { return e.Expires },
}

// visitor is where a request comes from.
type visitor struct {
	IP     string // "" when an operator's program does not say
	Device string
}

const longestDevice = 200

// visitorOf is the client of a request. A program with a secret may say for whom it asks.
func visitorOf(c *wire.Call, cl *client, said *cognitoidp.UserContextDataType) visitor {
	v := visitor{c.SourceIP, c.UserAgent[:min(len(c.UserAgent), longestDevice)]}
	if cl != nil && said != nil && said.IpAddress.V != "" && cl.confidential() && cl.Settings.EnablePropagateAdditionalUserContextData.V {
		v.IP = said.IpAddress.V
	}
	return v
}

// operatorsVisitor is for whom an operator's program says that it asks.
func operatorsVisitor(said *cognitoidp.ContextDataType) visitor {
	if said == nil {
		return visitor{}
	}
	v := visitor{IP: said.IpAddress.V}
	for _, h := range said.HttpHeaders {
		if strings.EqualFold(h.HeaderName.V, "User-Agent") {
			v.Device = h.HeaderValue.V[:min(len(h.HeaderValue.V), longestDevice)]
		}
	}
	return v
}

// note keeps an event: a new one is the last of the user's, and the oldest of too many goes.
func note(tx *kv.Tx, account string, p *pool, u *user, e *authEvent) error {
	if p.protects() == "OFF" {
		return nil
	}
	scope := inPool(account, p.ID)
	e.Pool, e.Sub, e.Number, e.Expires = p.ID, u.Sub, 1, e.At.Add(eventLife)
	if u.ghost {
		e.Expires = e.At.Add(longestWait)
	}
	if e.Decision == "" {
		e.Decision = "NoRisk"
	}
	begun, err := events.Find(tx, scope, "id", p.ID, u.Sub, e.ID)
	if err == nil {
		e.Number = begun.Number
		return keepEvent(tx, account, u, e)
	}
	if !absent(err) {
		return err
	}
	last, _, err := events.List(tx, scope, record.Page{Prefix: []any{p.ID, u.Sub}, Limit: 1, Reverse: true})
	if err != nil {
		return err
	}
	if len(last) > 0 {
		e.Number = last[0].Number + 1
	}
	e.ID = wire.NewUUID()
	if err := ignoreAbsent(events.Delete(tx, scope, p.ID, u.Sub, e.Number-eventsPerUser)); err != nil {
		return err
	}
	return keepEvent(tx, account, u, e)
}

// keepEvent stores an event, and logs it where the pool does. Who is not there is not logged.
func keepEvent(tx *kv.Tx, account string, u *user, e *authEvent) error {
	if err := events.Put(tx, inPool(account, e.Pool), e); err != nil || u.ghost {
		return err
	}
	return queueLog(tx, account, e)
}

// noteOf keeps an event that is no sign-in.
func noteOf(tx *kv.Tx, c *wire.Call, p *pool, u *user, kind, response string) error {
	return note(tx, c.Account, p, u, &authEvent{Kind: kind, Response: response, At: c.Now, From: visitorOf(c, nil, nil), Request: c.RequestID})
}

func (s *Service) adminListUserAuthEvents(c *wire.Call, in *cognitoidp.AdminListUserAuthEventsInput) (*cognitoidp.AdminListUserAuthEventsOutput, error) {
	out := &cognitoidp.AdminListUserAuthEventsOutput{AuthEvents: []cognitoidp.AuthEventType{}}
	return out, s.view(c, func(tx *kv.Tx) error {
		p, err := protectedPool(tx, c.Account, in.UserPoolId.V)
		if err != nil {
			return err
		}
		u, err := named(tx, c.Account, p, in.Username.V)
		if err != nil {
			return err
		}
		pg := page(in.NextToken, in.MaxResults)
		pg.Prefix, pg.Reverse = []any{p.ID, u.Sub}, true
		rows, next, err := events.List(tx, inPool(c.Account, p.ID), pg)
		for _, e := range rows {
			out.AuthEvents = append(out.AuthEvents, e.shown())
		}
		out.NextToken = wire.NonEmpty(next)
		return badToken(err)
	})
}

// shown is the event as the API lists it. Where an address is, nobody here knows.
func (e *authEvent) shown() cognitoidp.AuthEventType {
	return cognitoidp.AuthEventType{
		EventId: wire.Some(e.ID), EventType: wire.Some(e.Kind), CreationDate: wire.Some(e.At), EventResponse: wire.Some(e.Response), ChallengeResponses: e.Challenges,
		EventRisk:        &cognitoidp.EventRiskType{RiskDecision: wire.Some(e.Decision), RiskLevel: wire.NonEmpty(e.Level), CompromisedCredentialsDetected: wire.Some(e.Compromised)},
		EventContextData: &cognitoidp.EventContextDataType{IpAddress: wire.NonEmpty(e.From.IP), DeviceName: wire.NonEmpty(e.From.Device)},
		EventFeedback:    e.Feedback,
	}
}

func (s *Service) adminUpdateAuthEventFeedback(c *wire.Call, in *cognitoidp.AdminUpdateAuthEventFeedbackInput) (*cognitoidp.AdminUpdateAuthEventFeedbackOutput, error) {
	return nil, s.update(c, func(tx *kv.Tx) error {
		p, err := protectedPool(tx, c.Account, in.UserPoolId.V)
		if err != nil {
			return err
		}
		u, err := named(tx, c.Account, p, in.Username.V)
		if err != nil {
			return err
		}
		return judged(tx, c, p, u.Sub, in.EventId.V, in.FeedbackValue.V, "ADMIN")
	})
}

// judged notes what somebody says of an event: that it was the user, or that it was not.
func judged(tx *kv.Tx, c *wire.Call, p *pool, sub, id, value, provider string) error {
	e, err := events.Find(tx, inPool(c.Account, p.ID), "id", p.ID, sub, id)
	if absent(err) {
		return notFound("Event %s does not exist.", id)
	}
	if err != nil {
		return err
	}
	e.Feedback = &cognitoidp.EventFeedbackType{FeedbackValue: wire.Some(value), Provider: wire.Some(provider), FeedbackDate: wire.Some(c.Now)}
	return events.Put(tx, inPool(c.Account, p.ID), e)
}

// feedback is what a token in a message to a user allows: to say whether an event was theirs.
type feedback struct {
	Pool, Sub, Name, Event string
	Expires                time.Time
}

const feedbackLife = 7 * 24 * time.Hour

func (s *Service) feedbackToken(account string, u *user, event string, now time.Time) string {
	b, _ := json.Marshal(feedback{u.Pool, u.Sub, u.Name, event, now.Add(feedbackLife)}) // strings and a time: cannot fail
	return base64.RawURLEncoding.EncodeToString(s.cfg.Sealer.Seal("users.feedback/"+account, b))
}

// updateAuthEventFeedback needs no signature: the token is what the user was sent.
func (s *Service) updateAuthEventFeedback(c *wire.Call, in *cognitoidp.UpdateAuthEventFeedbackInput) (*cognitoidp.UpdateAuthEventFeedbackOutput, error) {
	if err := s.mayAsk(c, in.UserPoolId.V); err != nil {
		return nil, err
	}
	var f feedback
	sealed, err := base64.RawURLEncoding.DecodeString(in.FeedbackToken.V)
	if err == nil {
		sealed, err = s.cfg.Sealer.Open("users.feedback/"+c.Account, sealed)
	}
	if err == nil {
		err = json.Unmarshal(sealed, &f)
	}
	right := err == nil && f.Pool == in.UserPoolId.V && f.Event == in.EventId.V && c.Now.Before(f.Expires) && slices.Contains([]string{f.Name, f.Sub}, in.Username.V)
	if !right {
		return nil, wire.Because(notAuthorized("Invalid feedback token"), "it was not made here, or for another event, or it is too old")
	}
	return nil, s.update(c, func(tx *kv.Tx) error {
		p, err := protectedPool(tx, c.Account, f.Pool)
		if err != nil {
			return err
		}
		return judged(tx, c, p, f.Sub, f.Event, in.FeedbackValue.V, "USER")
	})
}
