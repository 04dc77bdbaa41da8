package users

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"net/http"
	"sync"
	"time"

	"bothy/federation/oidc"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// Config is what user pools need from the node. All but Invoke, Logs, Issuer, Home, External and Domains is required.
type Config struct {
	DB      *kv.DB
	Sealer  *record.Sealer
	Account func() string // of the node, for what is asked without a call: keys, discovery, token checks
	Now     func() time.Time
	Deliver Deliver
	Invoke  Invoker       // nil: pools with triggers are refused
	Logs    Logs          // of imports; nil: they keep none
	Issuer  string        // "https://DOMAIN": iss of tokens is this and the pool's id; "": as AWS writes it
	Home    func() string // URL of the node, for links in messages; nil: pools that send some are refused
	KeyAge  time.Duration // of signing keys: older ones are rotated; 0: only when an operator says so
	// External reaches external providers; nil: http.DefaultClient.
	External *http.Client
	Domains  []string // host suffixes besides amazoncognito.com under which sign-in pages are addressed: "localhost"
}

// Deliver queues a message in the transaction that made its code, to be sent once that is committed.
type Deliver func(tx *kv.Tx, scope record.Scope, m Message) error

// Message is a message to one person. Body holds the code (or password) in place; Code is it alone, for outboxes.
type Message struct {
	Kind     string // "SignUp", "ResendCode", "ForgotPassword", "UpdateUserAttribute", "VerifyUserAttribute", "AdminCreateUser"
	Medium   string // "EMAIL" or "SMS"
	To       string // e-mail address, or phone number in E.164
	Subject  string // e-mail only
	Body     string
	Code     string
	Pool     string
	Username string
	From     string // the pool's own sender; "" is the node's
	ReplyTo  string
}

// Invoker runs a function with a JSON event for a pool and returns its JSON result, when the function's resource policy lets
// the pool. A failure of the function's own code is a *FunctionError.
type Invoker interface {
	Invoke(ctx context.Context, functionARN, poolARN string, event []byte) ([]byte, error)
}

// Service serves cognito-idp.
type Service struct {
	cfg    Config
	mux    *wire.Mux                       // set by Mount
	keys   sync.Map                        // cache of opened signing keys, by account and pool
	newKey func() (*rsa.PrivateKey, error) // tests put ready keys here: making one takes long

	brake    record.Brake // for what anybody may ask
	cores    cores
	external *oidc.Registry // what external providers publish
	login    http.Handler   // of sign-in domains
}

// New makes the service; it starts nothing.
func New(cfg Config) *Service {
	if cfg.External == nil {
		cfg.External = http.DefaultClient
	}
	s := &Service{
		cfg: cfg, brake: record.Brake{DB: cfg.DB}, cores: newCores(), external: oidc.NewRegistry(cfg.External, cfg.Now),
		newKey: func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) },
	}
	s.login = s.loginRoutes()
	return s
}

// keptError is an error that does not undo the transaction it was found in.
type keptError struct{ error }

func (k keptError) Unwrap() error { return k.error }

// keep marks a refusal whose transaction must commit all the same: the wrong code was tried, and that counts. Failures of
// the store stay what they are.
func keep(err error) error {
	if refusal := (wire.Fault)(nil); errors.As(err, &refusal) {
		return keptError{err}
	}
	return err
}

// update runs fn in a transaction. An error marked by keep is returned once what fn wrote is durable.
func (s *Service) update(ctx context.Context, fn func(tx *kv.Tx) error) error {
	var refused error
	err := s.cfg.DB.Update(ctx, func(tx *kv.Tx) error {
		refused = nil
		err := fn(tx)
		if k := (keptError{}); errors.As(err, &k) {
			refused = k.error
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	return refused
}

func (s *Service) view(ctx context.Context, fn func(tx *kv.Tx) error) error {
	return s.cfg.DB.View(ctx, fn)
}

const (
	alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	lowerAndNum  = "0123456789abcdefghijklmnopqrstuvwxyz"
)

// randomText is n characters drawn evenly from an alphabet of at most 256.
func randomText(alphabet string, n int) string {
	out := make([]byte, 0, n)
	limit := 256 - 256%len(alphabet)
	for buf := make([]byte, n); len(out) < n; {
		rand.Read(buf) //nolint:errcheck // never fails (crypto/rand)
		for _, b := range buf {
			if int(b) < limit && len(out) < n {
				out = append(out, alphabet[int(b)%len(alphabet)])
			}
		}
	}
	return string(out)
}
