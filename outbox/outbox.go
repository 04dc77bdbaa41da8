// Package outbox owns messages on their way to people: e-mail, SMS and push. A service hands a message over inside its own
// transaction, so that a message exists exactly when what it tells of does; operators and tests read it here.
//
// It must not know why a message is sent. It mounts no operation: node shows List and Wait to operators.
//
// Rows, in the scope of the account alone (people are not in a region):
//
//	outbox.message  (time, id)  → message; what it says is sealed, since it holds codes; index "to" (recipient, time, id)
package outbox

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"bothy/kv"
	"bothy/record"
)

// Limits of the outbox.
const (
	MaxMessages     = 10_000              // kept per account; older ones are pruned first
	MaxAge          = 14 * 24 * time.Hour // of a kept message
	MaxMessageBytes = 256 << 10           // of one message as stored
	MaxWait         = 60 * time.Second    // of one Wait
	maxList         = 1000                // messages of one List
)

// Mediums of a message.
const (
	Email = "email"
	SMS   = "sms"
	Push  = "push"
)

// Message is something to tell a person.
type Message struct {
	ID      string            `json:"id"`
	To      string            `json:"to"` // e-mail address, phone number, or device token
	Medium  string            `json:"medium"`
	Kind    string            `json:"kind"` // why: SignUp, ForgotPassword, …
	Subject string            `json:"subject,omitempty"`
	From    string            `json:"from,omitempty"` // e-mail only; "" is the node's own
	ReplyTo string            `json:"replyTo,omitempty"`
	Body    string            `json:"body"`
	Fields  map[string]string `json:"fields,omitempty"` // what a program looks for: "code", "username", "pool"
	Region  string            `json:"region,omitempty"` // of the service that sent it
	At      time.Time         `json:"at"`
}

// row is a message at rest: Sealed holds what it says.
type row struct {
	ID, To, Medium, Kind, Region string
	At                           time.Time
	Sealed                       []byte
}

type content struct {
	Subject, Body string
	From, ReplyTo string `json:",omitempty"`
	Fields        map[string]string
}

var rows = record.Table[row]{
	Name: "outbox.message", Version: 1,
	Key:     func(r *row) []any { return []any{r.At, r.ID} },
	Indexes: []record.Index[row]{{Name: "to", Keys: func(r *row) [][]any { return [][]any{{recipient(r.To)}} }}},
}

// recipient folds an address as people write it; the host of an address has no case, and no mailbox in use has either.
func recipient(to string) string { return strings.ToLower(strings.TrimSpace(to)) }

// Config is what the outbox needs from the node.
type Config struct {
	DB     *kv.DB
	Sealer *record.Sealer
	Now    func() time.Time
}

// Service keeps the messages.
type Service struct{ cfg Config }

// New makes the service; it starts nothing.
func New(cfg Config) *Service { return &Service{cfg} }

// Send puts m into the outbox within the caller's transaction. ID, At and Region are filled in when empty.
func (s *Service) Send(tx *kv.Tx, scope record.Scope, m Message) error {
	if m.To == "" || m.Medium == "" {
		return fmt.Errorf("outbox: message of kind %q without recipient or medium", m.Kind)
	}
	if m.ID == "" {
		m.ID = newID()
	}
	if m.At.IsZero() {
		m.At = s.cfg.Now()
	}
	if m.Region == "" {
		m.Region = scope.Region
	}
	plain, err := json.Marshal(content{m.Subject, m.Body, m.From, m.ReplyTo, m.Fields})
	if err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	if len(plain) > MaxMessageBytes {
		return fmt.Errorf("outbox: message of %d bytes, at most %d", len(plain), MaxMessageBytes)
	}
	if err := tx.Notify(topic(scope.Account)); err != nil {
		return err
	}
	return rows.Insert(tx, people(scope), &row{
		ID: m.ID, To: m.To, Medium: m.Medium, Kind: m.Kind, Region: m.Region, At: m.At,
		Sealed: s.cfg.Sealer.Seal(place(m.ID), plain),
	})
}

// people is the scope of an account's messages.
func people(s record.Scope) record.Scope { return record.In(s.Account, "") }

func place(id string) string { return "outbox.message/" + id }

func newID() string {
	var b [16]byte
	rand.Read(b[:]) //nolint:errcheck // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

// Query says which messages List returns.
type Query struct {
	To    string // recipient; "" is everyone
	After string // token of the last page
	Limit int    // messages; 0 is 100
}

// List returns messages of the account, newest first, and the token of the next page ("" after the last).
func (s *Service) List(ctx context.Context, account string, q Query) (list []Message, next string, err error) {
	err = s.cfg.DB.View(ctx, func(tx *kv.Tx) error {
		list, next, err = s.list(tx, record.In(account, ""), q)
		return err
	})
	return list, next, err
}

func (s *Service) list(tx *kv.Tx, scope record.Scope, q Query) (list []Message, next string, err error) {
	page := record.Page{After: q.After, Limit: q.Limit, Reverse: true}
	if q.To != "" {
		page.Index, page.Prefix = "to", []any{recipient(q.To)}
	}
	if page.Limit <= 0 || page.Limit > maxList {
		page.Limit = 100
	}
	found, next, err := rows.List(tx, scope, page)
	if err != nil {
		return nil, "", err
	}
	list = make([]Message, 0, len(found))
	for _, r := range found {
		m, err := s.open(r)
		if err != nil {
			return nil, "", err
		}
		list = append(list, *m)
	}
	return list, next, nil
}

func (s *Service) open(r *row) (*Message, error) {
	plain, err := s.cfg.Sealer.Open(place(r.ID), r.Sealed)
	if err != nil {
		return nil, fmt.Errorf("outbox: message %s: %w", r.ID, err)
	}
	var c content
	if err := json.Unmarshal(plain, &c); err != nil {
		return nil, fmt.Errorf("outbox: message %s: %w", r.ID, err)
	}
	return &Message{
		ID: r.ID, To: r.To, Medium: r.Medium, Kind: r.Kind, Region: r.Region, At: r.At,
		Subject: c.Subject, Body: c.Body, From: c.From, ReplyTo: c.ReplyTo, Fields: c.Fields,
	}, nil
}
