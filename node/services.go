package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"bothy/access"
	"bothy/api/apigateway"
	"bothy/api/bothy"
	"bothy/api/cloudformation"
	"bothy/api/cloudfront"
	"bothy/api/cognitoidentity"
	"bothy/api/cognitoidp"
	"bothy/api/dynamodb"
	"bothy/api/dynamodbstreams"
	"bothy/api/iam"
	"bothy/api/lambda"
	"bothy/api/logs"
	"bothy/api/mobile"
	"bothy/api/pinpoint"
	"bothy/api/s3"
	"bothy/api/sts"
	"bothy/blob"
	"bothy/functions"
	"bothy/gateway"
	"bothy/hub"
	"bothy/identities"
	"bothy/kv"
	"bothy/objects"
	"bothy/outbox"
	"bothy/record"
	"bothy/sites"
	"bothy/tables"
	"bothy/users"
	"bothy/wire"
)

// APIs are all the APIs a node knows; what of them is mounted shows in docs/coverage.md.
func APIs() []*wire.API {
	return []*wire.API{
		apigateway.API, bothy.API, cloudformation.API, cloudfront.API, cognitoidentity.API, cognitoidp.API, dynamodb.API, dynamodbstreams.API,
		iam.API, lambda.API, logs.API, mobile.API, pinpoint.API, s3.API, sts.API,
	}
}

// domains are the host suffixes, besides AWS's, under which services and sites are addressed.
var domains = []string{"localhost"}

// services are the parts of a node, each wired to what it declared that it needs.
type services struct {
	node       *Node
	mux        *wire.Mux
	access     *access.Service
	users      *users.Service
	identities *identities.Service
	tables     *tables.Service
	objects    *objects.Service
	outbox     *outbox.Service
	functions  *functions.Service
	runDir     string // where functions run
	roles      roleSessions
	gateway    *gateway.Service
	sites      *sites.Service
	hub        *hub.Service
	refusals   *refusals
	sealer     *record.Sealer
}

// assemble makes the services and mounts their operations.
func (n *Node) assemble(ctx context.Context, sealer *record.Sealer) error {
	s := &services{node: n, sealer: sealer}
	n.services = s
	account := func() string { return n.account }
	s.outbox = outbox.New(outbox.Config{DB: n.db, Sealer: sealer, Now: n.cfg.Now})
	s.access = access.New(access.Config{DB: n.db, Sealer: sealer, Now: n.cfg.Now, WebTokens: webTokens{s}, BaseURL: func() string { return "https://" + n.local() }})
	if err := n.openAccount(ctx); err != nil {
		return err
	}
	s.users = users.New(users.Config{
		DB: n.db, Sealer: sealer, Account: account, Now: n.cfg.Now, Deliver: s.deliver, Invoke: triggers{s}, Logs: s.writeLog, KeyAge: n.cfg.KeyAge,
		Home: func() string { return "https://" + n.local() }, Domains: domains,
	})
	s.identities = identities.New(identities.Config{DB: n.db, Sealer: sealer, Now: n.cfg.Now, Account: account,
		Logins: logins{s}, Providers: providers{s}, HTTP: &http.Client{}, Sessions: sessions{s}})
	s.tables = tables.New(tables.Config{DB: n.db, Now: n.cfg.Now, Sealer: sealer, Objects: tableObjects{s}, Log: n.cfg.Log})
	s.objects = objects.New(objects.Config{DB: n.db, Blobs: n.blobs, Account: account, Region: n.cfg.Region, Now: n.cfg.Now})
	var err error
	if s.functions, err = s.newFunctions(sealer); err != nil {
		return err
	}
	s.sites = sites.New(sites.Config{DB: n.db, Objects: s.objects, Account: account, Domains: domains, Now: n.cfg.Now, Keep: func(t wire.Trace) { s.mux.Keep(t) }})
	s.hub = hub.New(hub.Config{
		DB: n.db, Now: n.cfg.Now, Log: n.cfg.Log, Principal: internal, BaseURL: func() string { return "https://" + n.local() }, SDK: n.sdk,
	})

	s.refusals = &refusals{db: n.db, sealer: sealer, account: account, log: n.cfg.Log}
	s.mux = wire.NewMux(wire.Config{
		Account: account, Region: n.cfg.Region, Domains: domains, Credentials: s.access, Denied: s.access.EncodeDenial, Now: n.cfg.Now, Log: n.cfg.Log,
		Budget: n.capacity.requests, Refused: s.refusals.hear, Done: n.metrics.done, Used: s.access.Used,
	}, APIs()...)
	s.gateway = gateway.New(gateway.Config{
		DB: n.db, Now: n.cfg.Now, Functions: apiFunctions{s}, Tokens: apiTokens{s}, Auth: s.mux.Authenticate, Keep: s.mux.Keep,
	})
	for _, mount := range []func(*wire.Mux){
		s.access.Mount, s.users.Mount, s.identities.Mount, s.tables.Mount, s.objects.Mount, s.functions.Mount, s.gateway.Mount, s.sites.Mount, s.hub.Mount, s.mountOperator, s.mountUsers,
	} {
		mount(s.mux)
	}
	return nil
}

// openAccount makes account and root key at first start, and writes the key where the AWS tools look for such: it is never
// printed.
func (n *Node) openAccount(ctx context.Context) error {
	var err error
	if n.account, err = n.services.access.Account(ctx); err != nil {
		return err
	}
	key, secret, _, err := n.services.access.EnsureRoot(ctx)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", key, secret)
	return writeDurably(filepath.Join(n.cfg.DataDir, CredentialsFile), []byte(text))
}

// CredentialsFile is the file in the data directory that holds the root key, in the AWS shared-credentials format.
const CredentialsFile = "credentials"

// deliver hands a code of users to the outbox, in the transaction that made the code.
func (s *services) deliver(tx *kv.Tx, scope record.Scope, m users.Message) error {
	medium := map[string]string{"EMAIL": outbox.Email, "SMS": outbox.SMS}[m.Medium]
	return s.outbox.Send(tx, scope, outbox.Message{
		To: m.To, Medium: medium, Kind: m.Kind, Subject: m.Subject, Body: m.Body, From: m.From, ReplyTo: m.ReplyTo,
		Fields: map[string]string{"code": m.Code, "username": m.Username, "pool": m.Pool},
	})
}

// writeLog keeps what another service logs where the logs of functions are.
func (s *services) writeLog(tx *kv.Tx, scope record.Scope, group, stream string, at time.Time, lines []string) error {
	return s.functions.WriteLog(tx, scope, group, stream, at, lines)
}

// sdk is the browser SDK that hosting buckets get a copy of, nil when it is not installed.
func (n *Node) sdk() []byte {
	file, err := os.ReadFile(filepath.Join(n.cfg.NodeModules, "aws-sdk", "dist", "aws-sdk.min.js"))
	if err != nil {
		n.cfg.Log.Warn("hosting buckets get no aws-sdk.min.js, and functions that need the preinstalled aws-sdk fail; name the directory of the modules with --node-modules", "error", err)
		return nil
	}
	return file
}

const housekeeping = 10 * time.Minute // between sweeps

// start runs what works in the background until ctx ends; the returned function waits for it. Work of the queue is leased piece
// by piece; what one node does for all is one lease.
func (s *services) start(ctx context.Context, log *slog.Logger) (wait func()) {
	var wg sync.WaitGroup
	wg.Go(func() { s.functions.Run(ctx) })
	wg.Go(func() { s.users.Run(ctx) })
	wg.Go(func() { s.refusals.run(ctx) })
	wg.Go(func() {
		if err := s.node.serveMetrics(ctx); err != nil {
			log.Error("metrics", "error", err)
		}
	})
	wg.Go(func() { s.keepUse(ctx, log) })
	chores := func(ctx context.Context) { s.chores(ctx, log) }
	if s.node.where.shared() {
		lease := &record.Lease{DB: s.node.db, Name: choresLease}
		wg.Go(func() { lease.Run(ctx, chores) })
	} else {
		wg.Go(func() { chores(ctx) })
	}
	return wg.Wait
}

// keepUse writes now and then who has used what. Each node knows only of its own requests.
func (s *services) keepUse(ctx context.Context, log *slog.Logger) {
	again(ctx, log, access.UseEvery, "last use", s.access.KeepUse)
	if err := s.access.KeepUse(context.WithoutCancel(ctx)); err != nil {
		log.Error("last use", "error", err)
	}
}

// choresLease is held by the node that does the chores of all.
const choresLease = "node.chores"

// chores do until ctx ends what needs to be done by one node.
func (s *services) chores(ctx context.Context, log *slog.Logger) {
	var wg sync.WaitGroup
	wg.Go(func() {
		again(ctx, log, time.Minute, "projects left half way", func(ctx context.Context) error { return s.hub.Resume(ctx, s.node.account) })
	})
	wg.Go(func() { again(ctx, log, time.Minute, "tables", s.tables.Run) })
	wg.Go(func() { again(ctx, log, housekeeping, "housekeeping", s.sweep) })
	wg.Wait()
}

// again runs work, and runs it again a while after it ended, until ctx ends.
func again(ctx context.Context, log *slog.Logger, pause time.Duration, name string, work func(context.Context) error) {
	tick := time.NewTimer(pause)
	defer tick.Stop()
	for {
		if err := work(ctx); err != nil && ctx.Err() == nil {
			log.Error(name, "error", err)
		}
		tick.Reset(pause)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// sweep removes what is no longer needed.
func (s *services) sweep(ctx context.Context) error {
	_, pruned := s.outbox.Prune(ctx, s.node.account)
	_, expired := record.SweepExpired(ctx, s.node.db, s.node.cfg.Now(), 10_000)
	return errors.Join(pruned, expired, s.users.Sweep(ctx), s.objects.Tidy(ctx), s.sweepBlobs(ctx), s.node.measureBlobs(ctx))
}

// sweepBlobs deletes old blobs that neither an object nor a function names, unless somebody holds them.
func (s *services) sweepBlobs(ctx context.Context) error {
	if f, ok := s.node.blobs.(interface{ Forget(context.Context) error }); ok {
		if err := f.Forget(ctx); err != nil {
			return err
		}
	}
	if held, err := s.node.held(ctx); err != nil || held {
		return err
	}
	return s.node.blobs.Walk(ctx, func(info blob.Info) error {
		return s.objects.Sweep(ctx, info.ID, func(ctx context.Context, id string) error {
			if named, err := s.functions.Named(ctx, id); err != nil || named {
				return err
			}
			if held, err := s.node.held(ctx); err != nil || held { // asked last: who holds from now on sees rows that do not name it
				return err
			}
			return s.node.blobs.DeleteOld(ctx, id)
		})
	})
}

func (s *services) close() error {
	if s.functions == nil {
		return nil
	}
	return errors.Join(s.functions.Close(), os.RemoveAll(s.runDir))
}

// logins verify user-pool tokens for identities.
type logins struct{ s *services }

func (l logins) VerifyIDToken(ctx context.Context, provider, token string) (map[string]any, string, error) {
	claims, client, err := l.s.users.VerifyIDToken(ctx, provider, token)
	switch {
	case errors.Is(err, users.ErrTokenExpired):
		err = fmt.Errorf("%w: %w", identities.ErrLoginExpired, err)
	case errors.Is(err, users.ErrTokenInvalid):
		err = fmt.Errorf("%w: %w", identities.ErrLoginInvalid, err)
	}
	return claims, client, err
}

func (l logins) Live(ctx context.Context, claims map[string]any) (bool, error) {
	return l.s.users.SessionLive(ctx, claims)
}

// providers are IAM's identity providers, for identities.
type providers struct{ s *services }

func (p providers) OIDC(ctx context.Context, arn string) (*identities.OIDCProvider, error) {
	found, err := p.s.access.OIDCProvider(ctx, arn)
	if found == nil || err != nil {
		return nil, err
	}
	return &identities.OIDCProvider{URL: found.URL, ClientIDs: found.ClientIDs}, nil
}

func (p providers) SAML(ctx context.Context, arn string) ([]byte, error) {
	return p.s.access.SAMLMetadata(ctx, arn)
}

// sessions give identities the credentials of a role.
type sessions struct{ s *services }

func (a sessions) Issue(ctx context.Context, spec identities.SessionSpec) (identities.SessionCredentials, error) {
	issued, err := a.s.access.Issue(ctx, access.Spec{
		RoleARN: spec.RoleARN, SessionName: spec.Name, Duration: spec.Life, Federated: spec.Provider, Keys: spec.Keys,
		Tags: spec.Tags, TrustKeys: spec.TrustKeys, Guest: spec.Guest, Identity: &spec.Identity,
	})
	if errors.Is(err, access.ErrRole) {
		return identities.SessionCredentials{}, fmt.Errorf("%w: %w", identities.ErrRole, err)
	}
	if err != nil {
		return identities.SessionCredentials{}, err
	}
	return identities.SessionCredentials{AccessKeyID: issued.AccessKey, SecretKey: issued.Secret, SessionToken: issued.Token, Expires: issued.Expires}, nil
}

// webTokens verify the tokens of identity pools and user pools for sts:AssumeRoleWithWebIdentity.
type webTokens struct{ s *services }

func (w webTokens) Verify(ctx context.Context, claimed, token string) (string, map[string]any, error) {
	if pool, ok := strings.CutPrefix(claimed, "https://cognito-idp."); ok {
		return w.ofUserPool(ctx, "cognito-idp."+pool, token)
	}
	who, err := w.s.identities.Verify(ctx, token)
	switch {
	case errors.Is(err, identities.ErrTokenExpired):
		return "", nil, fmt.Errorf("%w: %w", access.ErrTokenExpired, err)
	case errors.Is(err, identities.ErrToken):
		return "", nil, fmt.Errorf("%w: %w", access.ErrTokenInvalid, err)
	case err != nil:
		return "", nil, err
	}
	claims := map[string]any{"sub": who.Subject, "aud": who.Audience, "amr": who.Keys[identities.Issuer+":amr"]}
	if len(who.Tags) > 0 {
		tags := map[string]any{}
		for key, values := range who.Tags {
			tags[key] = values
		}
		claims[identities.TagClaim] = map[string]any{"principal_tags": tags}
	}
	return who.Provider, claims, nil
}

func (w webTokens) ofUserPool(ctx context.Context, provider, token string) (string, map[string]any, error) {
	claims, _, err := w.s.users.VerifyIDToken(ctx, provider, token)
	switch {
	case errors.Is(err, users.ErrTokenExpired):
		return "", nil, fmt.Errorf("%w: %w", access.ErrTokenExpired, err)
	case errors.Is(err, users.ErrTokenInvalid):
		return "", nil, fmt.Errorf("%w: %w", access.ErrTokenInvalid, err)
	}
	return provider, claims, err
}
