package hub

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// project is a row.
type project struct {
	ID     string
	Name   string
	Region string
	Prefix string // p: lower-case letters and digits of the name
	Number string // n: makes the names of resources unique
	YML    string // as last converged or tried, aliases resolved
	Stack  string // stateSummary of the Development stack
	Busy   *lease `json:",omitempty"` // nil: nobody works on it
	Made   []made // in the order of making
	Warned []string
	// Created and Updated are when the project was made and last converged.
	Created, Updated time.Time
}

// lease is the right to work on a project. It ends by itself, so that a node that died does not hold it.
type lease struct {
	Token string
	Until time.Time
}

// leaseTime is how long a lease lasts without progress.
const leaseTime = 2 * time.Minute

// made is a resource of a project.
type made struct {
	Key     string // our name within the project: "table/notes", "role/auth"
	Type    string // AWS::DynamoDB::Table
	Name    string
	ARN     string            `json:",omitempty"`
	Feature string            `json:",omitempty"`
	ID      string            `json:",omitempty"` // what the service calls it, when that is not the name
	Hash    string            `json:",omitempty"` // of what was last applied, where applying again is not free
	Foreign bool              `json:",omitempty"` // existed before: used, never removed
	Hidden  bool              `json:",omitempty"` // not shown as a resource
	Attrs   map[string]string `json:",omitempty"`
}

var projects = record.Table[project]{
	Name: "hub.project", Version: 1,
	Key: func(p *project) []any { return []any{p.ID} },
	Indexes: []record.Index[project]{
		{Name: "name", Unique: true, Keys: func(p *project) [][]any { return [][]any{{p.Name}} }},
		{Name: "number", Unique: true, Keys: func(p *project) [][]any { return [][]any{{p.Number}} }},
	},
}

// maxPrefix keeps every name of a resource within its service's limit (roles: 64).
const maxPrefix = 20

var (
	regionName  = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-\d$`)
	projectName = regexp.MustCompile(`^[\p{L}\p{N}][\p{L}\p{N} ._-]*$`)
	notPrefix   = regexp.MustCompile(`[^a-z0-9]+`)
)

// longestName is of a project, in characters. It is no count in the expression: with these classes that compiles to 4 MB.
const longestName = 100

// insert stores a new project with nothing made.
func (s *Service) insert(c *wire.Call, p *Project, name, region string) (*project, error) {
	if utf8.RuneCountInString(name) > longestName || !projectName.MatchString(name) {
		return nil, badRequest("Invalid project name: %q.", name)
	}
	if !regionName.MatchString(region) {
		return nil, badRequest("Invalid region: %q.", region)
	}
	prefix := notPrefix.ReplaceAllString(strings.ToLower(name), "")
	row := &project{
		ID: wire.NewUUID(), Name: name, Region: region, Prefix: first(prefix[:min(len(prefix), maxPrefix)], "project"),
		Number: newNumber(), Stack: "NOT_YET_DEPLOYED", Created: c.Now, Updated: c.Now,
	}
	yml, err := p.yml(name, region)
	if err != nil {
		return nil, err
	}
	row.YML = string(yml)
	err = s.cfg.DB.Update(c, func(tx *kv.Tx) error { return projects.Insert(tx, record.In(c.Account, ""), row) })
	if exists := (*record.ErrExists)(nil); errors.As(err, &exists) && exists.Index == "name" {
		return nil, badRequest("A project with the name '%s' already exists.", name)
	}
	return row, err
}

// newNumber is ten digits, as Mobile Hub's.
func newNumber() string {
	n, err := rand.Int(rand.Reader, big.NewInt(9_000_000_000))
	if err != nil {
		panic(err) // never fails (crypto/rand)
	}
	return fmt.Sprint(1_000_000_000 + n.Int64())
}

func newToken() string {
	var b [24]byte
	rand.Read(b[:]) //nolint:errcheck // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

func (s *Service) project(ctx context.Context, account, id string) (row *project, err error) {
	err = s.cfg.DB.View(ctx, func(tx *kv.Tx) error {
		row, err = projects.Get(tx, record.In(account, ""), id)
		return err
	})
	if errors.Is(err, record.ErrNotFound) {
		return nil, noProject(id)
	}
	return row, err
}

// change reads, changes and writes a project's row. With a token the lease must still be held.
func (s *Service) change(ctx context.Context, account, id, token string, fn func(*project) error) (row *project, err error) {
	err = s.cfg.DB.Update(ctx, func(tx *kv.Tx) error {
		row, err = projects.Get(tx, record.In(account, ""), id)
		if errors.Is(err, record.ErrNotFound) {
			return noProject(id)
		}
		if err != nil {
			return err
		}
		if token != "" && (row.Busy == nil || row.Busy.Token != token) {
			return fmt.Errorf("hub: project %s: the lease was lost", id)
		}
		if err := fn(row); err != nil {
			return err
		}
		return projects.Put(tx, record.In(account, ""), row)
	})
	return row, err
}

func (p *project) find(key string) *made {
	if i := slices.IndexFunc(p.Made, func(m made) bool { return m.Key == key }); i >= 0 {
		return &p.Made[i]
	}
	return nil
}

// put stores a resource, replacing the one with the same key.
func (p *project) put(m made) {
	if have := p.find(m.Key); have != nil {
		*have = m
		return
	}
	p.Made = append(p.Made, m)
}

func (p *project) drop(key string) {
	p.Made = slices.DeleteFunc(p.Made, func(m made) bool { return m.Key == key })
}
