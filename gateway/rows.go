package gateway

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"time"

	"bothy/api/apigateway"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// maxDefinitionBytes keeps a definition inside one row.
const maxDefinitionBytes = 768 << 10

// definition is what of an API is deployed.
type definition struct {
	Root        string
	Resources   map[string]*resource
	Authorizers map[string]*apigateway.Authorizer
	Responses   map[string]*apigateway.GatewayResponse // by response type
	Binary      []string                               // media types
	Policy      string
}

// resource is a path, with its methods by HTTP method or "ANY".
type resource struct {
	ID, Parent, Part, Path string
	Methods                map[string]*apigateway.Method
}

// api is a REST API as it is edited.
type api struct {
	ID, Name, Description, Version string
	Created                        time.Time
	Endpoint                       []string
	KeySource                      string
	Disabled                       bool // its execute-api host
	Tags                           map[string]string
	definition
}

type deployment struct {
	API, ID, Description string
	Created              time.Time
	Definition           definition
}

type stage struct {
	API, Name, Deployment, Description string
	Variables                          map[string]string
	Tags                               map[string]string
	Created, Updated                   time.Time
}

// where says whose an API is.
type where struct{ ID, Account, Region string }

var (
	apiTable        = record.Table[api]{Name: "gateway.api", Version: 1, Key: func(a *api) []any { return []any{a.ID} }}
	deploymentTable = record.Table[deployment]{Name: "gateway.deployment", Version: 1, Key: func(d *deployment) []any { return []any{d.API, d.ID} }}
	stageTable      = record.Table[stage]{Name: "gateway.stage", Version: 1, Key: func(s *stage) []any { return []any{s.API, s.Name} }}
	whereTable      = record.Table[where]{Name: "gateway.where", Version: 1, Key: func(w *where) []any { return []any{w.ID} }}
)

func scopeOf(c *wire.Call) record.Scope { return record.In(c.Account, c.Region) }

// newID is a random identifier of n characters, as AWS makes them: lower-case letters and digits.
func newID(n int) string {
	const letters = "abcdefghijklmnopqrstuvwxyz234567"
	b := make([]byte, n)
	rand.Read(b) //nolint:errcheck // never fails (crypto/rand)
	for i := range b {
		b[i] = letters[b[i]%32]
	}
	return string(b)
}

func getAPI(tx *kv.Tx, c *wire.Call, id string) (*api, error) {
	a, err := apiTable.Get(tx, scopeOf(c), id)
	if errors.Is(err, record.ErrNotFound) {
		return nil, notFound("Invalid API identifier specified " + c.Account + ":" + id)
	}
	return a, err
}

// edit changes an API in one transaction.
func (s *Service) edit(c *wire.Call, id wire.Opt[string], change func(a *api) error) error {
	return s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		a, err := getAPI(tx, c, id.V)
		if err != nil {
			return err
		}
		if err := change(a); err != nil {
			return err
		}
		return putAPI(tx, c, a)
	})
}

func putAPI(tx *kv.Tx, c *wire.Call, a *api) error {
	b, err := json.Marshal(a)
	if err != nil {
		return err
	}
	if len(b) > maxDefinitionBytes {
		return &apigateway.LimitExceededException{Message: wire.Some("The definition of the API is too large.")}
	}
	return apiTable.Put(tx, scopeOf(c), a)
}

// read shows an API to fn.
func (s *Service) read(c *wire.Call, id wire.Opt[string], fn func(a *api) error) error {
	return s.cfg.DB.View(c, func(tx *kv.Tx) error {
		a, err := getAPI(tx, c, id.V)
		if err != nil {
			return err
		}
		return fn(a)
	})
}

func (a *api) resource(id wire.Opt[string]) (*resource, error) {
	if r := a.Resources[id.V]; r != nil {
		return r, nil
	}
	return nil, notFound("Invalid Resource identifier specified")
}

func (a *api) method(resource, method wire.Opt[string]) (*apigateway.Method, error) {
	r, err := a.resource(resource)
	if err != nil {
		return nil, err
	}
	if m := r.Methods[method.V]; m != nil {
		return m, nil
	}
	return nil, notFound("Invalid Method identifier specified")
}
