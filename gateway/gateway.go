// Package gateway owns REST APIs: their resources, methods, integrations, authorizers and gateway responses, their
// deployments and stages, and it serves deployed APIs over plain HTTP. It knows no other service: functions, tokens of user
// pools and signatures reach it through interfaces.
//
// Rows, in (account, region):
//
//	gateway.api         id          → api: the definition as it is edited
//	gateway.deployment  api, id     → deployment: a copy of the definition, never changed
//	gateway.stage       api, stage  → stage: which deployment is served
//
// and in ("", ""), since a request names nothing but the id:
//
//	gateway.where       id          → account and region of an API
package gateway

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"bothy/api/apigateway"
	"bothy/kv"
	"bothy/policy"
	"bothy/wire"
)

// Functions runs functions for APIs, when the function's resource policy lets this API. An error means that the function
// did not run; what went wrong inside it is functionError.
type Functions interface {
	Invoke(ctx context.Context, functionARN string, event []byte, sourceARN, sourceAccount string) (payload []byte, functionError string, err error)
}

// Tokens verifies tokens of user pools: id tokens, or access tokens where access is asked for. It refuses tokens of
// signed-out users. An expired one fails with ErrTokenExpired.
type Tokens interface {
	VerifyToken(ctx context.Context, poolID, token string, access bool) (claims map[string]any, err error)
}

// ErrTokenExpired is what Tokens says of a token that was good once.
var ErrTokenExpired = errors.New("gateway: token expired")

// Config is what a Service needs. Everything is required.
type Config struct {
	DB        *kv.DB
	Now       func() time.Time
	Functions Functions
	Tokens    Tokens
	// Auth verifies the signature of a request and finds its principal: wire.Mux.Authenticate. The body it leaves behind
	// fails when it is not the one that was signed.
	Auth func(r *http.Request, maxBody int64) (*wire.Call, error)
	Keep func(wire.Trace) // remembers what became of a request: wire.Mux.Keep
}

// Service serves the apigateway API and, as an http.Handler, the APIs made with it.
type Service struct {
	cfg Config

	mu       sync.Mutex // guards compiled
	compiled map[string]*compiled
}

// New makes a Service; it starts nothing.
func New(cfg Config) *Service { return &Service{cfg: cfg, compiled: map[string]*compiled{}} }

// Mount mounts the operations.
func (s *Service) Mount(m *wire.Mux) {
	s.mountAPIs(m)
	s.mountResources(m)
	s.mountMethods(m)
	s.mountResponses(m)
	s.mountAuthorizers(m)
	s.mountDeployments(m)
	s.mountTags(m)
}

// want is the access of an operation: API Gateway's actions are HTTP verbs, its resources paths.
func want(c *wire.Call, verb, path string) ([]wire.Access, error) {
	return wire.One("apigateway:"+verb, "arn:aws:apigateway:"+c.Region+"::"+path, policy.Keys{}), nil
}

func apiPath(id wire.Opt[string]) string { return "/restapis/" + id.V }

func methodPath(api, resource, method wire.Opt[string]) string {
	return apiPath(api) + "/resources/" + resource.V + "/methods/" + method.V
}

func notFound(message string) error {
	return &apigateway.NotFoundException{Message: wire.Some(message)}
}

func badRequest(message string) error {
	return &apigateway.BadRequestException{Message: wire.Some(message)}
}

func conflict(message string) error {
	return &apigateway.ConflictException{Message: wire.Some(message)}
}

// unsupported refuses what this node does not do, rather than forget it.
func unsupported(what string) error {
	return badRequest("Not supported by this node: " + what + ".")
}
