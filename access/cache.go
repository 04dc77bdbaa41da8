package access

import (
	"errors"
	"strings"
	"sync"

	"bothy/kv"
	"bothy/policy"
	"bothy/record"
)

// Bounds of the caches. When one is full it starts anew: a miss costs microseconds.
const (
	maxCachedPolicies   = 2048
	maxCachedPrincipals = 4096
	maxCachedSessions   = 1024
)

// policyCache keeps parsed documents by their text.
type policyCache struct {
	mu     sync.RWMutex
	parsed map[string]*policy.Policy
}

func (c *policyCache) parse(document string) (*policy.Policy, error) {
	c.mu.RLock()
	p := c.parsed[document]
	c.mu.RUnlock()
	if p != nil {
		return p, nil
	}
	p, err := policy.Parse([]byte(document))
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.parsed == nil || len(c.parsed) >= maxCachedPolicies {
		c.parsed = map[string]*policy.Policy{}
	}
	c.parsed[strings.Clone(document)] = p // a part of a request's text would keep all of it
	return p, nil
}

// source parses a stored document. One that does not parse any more gives a source without policy, which denies.
func (s *Service) source(name, document string) policy.Source {
	p, err := s.policies.parse(document)
	if err != nil {
		return policy.Source{Name: name + " (" + err.Error() + ")"}
	}
	return policy.Source{Name: name, Policy: p}
}

// principalCache keeps compiled roles and keys of one epoch, which is the stored form of its row.
type principalCache struct {
	mu    sync.RWMutex
	epoch string
	known map[string]any
}

func (c *principalCache) get(epoch, name string) any {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if epoch == "" || c.epoch != epoch {
		return nil
	}
	return c.known[name]
}

// put keeps v as read in a snapshot of epoch. An older snapshot that comes late only empties the cache.
func (c *principalCache) put(epoch, name string, v any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.epoch != epoch || len(c.known) >= maxCachedPrincipals {
		c.epoch, c.known = epoch, map[string]any{}
	}
	c.known[name] = v
}

// sessionCache keeps opened tokens. What it holds was proved by the seal; expiry and holder are checked at every use.
type sessionCache struct {
	mu    sync.RWMutex
	known map[tokenKey]*session
}

type tokenKey struct{ accessKey, token string }

func (c *sessionCache) get(k tokenKey) *session {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.known[k]
}

func (c *sessionCache) put(k tokenKey, t *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || len(c.known) >= maxCachedSessions {
		c.known = map[tokenKey]*session{}
	}
	c.known[k] = t
}

// compiled is a role or user ready to decide. It is shared and never changed.
type compiled struct {
	role     *roleRow // one of the two
	user     *userRow
	policies policy.Attached
	tags     policy.Keys // aws:principaltag/…
}

// id is the AROA… or AIDA… of the holder.
func (c *compiled) id() string {
	if c.role != nil {
		return c.role.ID
	}
	return c.user.ID
}

// key is an access key ready to verify.
type key struct {
	row    *keyRow
	secret string
	holder *compiled // nil for the root
}

// cached answers from memory while the epoch stands, else loads within the snapshot; an absent row is nil, and not kept:
// callers may ask for any name.
func cached[T any](s *Service, tx *kv.Tx, name string, load func() (*T, error)) (*T, error) {
	stamp, err := nodes().Stamp(tx, node(), "epoch")
	if err != nil {
		return nil, err
	}
	epoch := string(stamp)
	if v, ok := s.principal.get(epoch, name).(*T); ok {
		return v, nil
	}
	v, err := load()
	if errors.Is(err, record.ErrNotFound) {
		return nil, nil
	}
	if err == nil {
		s.principal.put(epoch, name, v)
	}
	return v, err
}

func (s *Service) compiledRole(tx *kv.Tx, account, name string) (*compiled, error) {
	return cached(s, tx, "role/"+account+"/"+fold(name), func() (*compiled, error) {
		row, err := roles().Get(tx, of(account), fold(name))
		if err != nil {
			return nil, err
		}
		c := &compiled{role: row, tags: tagKeys(row.Tags)}
		c.policies, err = s.attached(tx, account, "role "+row.Name, &row.attachments)
		return c, err
	})
}

func (s *Service) compiledUser(tx *kv.Tx, account, name string) (*compiled, error) {
	return cached(s, tx, "user/"+account+"/"+fold(name), func() (*compiled, error) {
		row, err := users().Get(tx, of(account), fold(name))
		if err != nil {
			return nil, err
		}
		c := &compiled{user: row, tags: tagKeys(row.Tags)}
		if c.policies, err = s.attached(tx, account, "user "+row.Name, &row.attachments); err != nil {
			return nil, err
		}
		return c, s.addGroups(tx, account, row.Name, &c.policies)
	})
}

// addGroups adds what a user's groups may do.
func (s *Service) addGroups(tx *kv.Tx, account, user string, to *policy.Attached) error {
	in, err := groupsOf(tx, account, user)
	for _, g := range in {
		of, err := s.attached(tx, account, "group "+g.Name, &g.attachments)
		if err != nil {
			return err
		}
		to.Identity = append(to.Identity, of.Identity...)
	}
	return err
}

func (s *Service) compiledKey(tx *kv.Tx, id string) (*key, error) {
	return cached(s, tx, "key/"+id, func() (*key, error) {
		row, err := keys().Get(tx, node(), id)
		if err != nil {
			return nil, err
		}
		k := &key{row: row}
		if k.secret, err = s.openSecret(row); err != nil || row.User == "" {
			return k, err
		}
		k.holder, err = s.compiledUser(tx, row.Account, row.User)
		return k, err
	})
}

func tagKeys(tags map[string]string) policy.Keys {
	out := policy.Keys{}
	for name, v := range tags {
		out["aws:principaltag/"+fold(name)] = []string{v}
	}
	return out
}

// attached gathers what decides about a holder.
func (s *Service) attached(tx *kv.Tx, account, holder string, a *attachments) (policy.Attached, error) {
	var out policy.Attached
	for _, name := range sortedNames(a.Inline) {
		out.Identity = append(out.Identity, s.source(holder+"/inline "+name, a.Inline[name]))
	}
	for _, arn := range a.Attached {
		src, err := s.managed(tx, account, arn)
		if err != nil {
			return out, err
		}
		out.Identity = append(out.Identity, src)
	}
	if a.Boundary != "" {
		src, err := s.managed(tx, account, a.Boundary)
		if err != nil {
			return out, err
		}
		src.Name = "permissions boundary " + a.Boundary
		out.Boundary = &src
	}
	return out, nil
}

// managed is the default version of a managed policy. One that is gone denies: it may have held a Deny.
func (s *Service) managed(tx *kv.Tx, account, arn string) (policy.Source, error) {
	row, err := findPolicy(tx, account, arn)
	if errors.Is(err, record.ErrNotFound) {
		return policy.Source{Name: "missing policy " + arn}, nil
	}
	if err != nil {
		return policy.Source{}, err
	}
	return s.source("policy "+arn, row.version(row.Default).Document), nil
}
