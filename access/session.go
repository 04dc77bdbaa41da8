package access

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"bothy/kv"
	"bothy/policy"
	"bothy/wire"
)

// maxToken bounds a session token; the longest possible session policies and tags stay well below.
const maxToken = 16 << 10

// session is what a token holds. Names are short: the token travels with every request.
type session struct {
	Secret     string                `json:"s"`
	Account    string                `json:"a"`
	Role       string                `json:"r,omitempty"` // name; else the session is of a user or the root
	User       string                `json:"u,omitempty"`
	HolderID   string                `json:"h,omitempty"` // AROA… or AIDA…: a new role of the old name is another role
	Name       string                `json:"n,omitempty"` // of the role's session or of the federated user; "" when it is the user's or root's own
	Issued     int64                 `json:"i"`           // milliseconds
	Expires    int64                 `json:"e"`           // seconds
	Keys       policy.Keys           `json:"k,omitempty"`
	Transitive []string              `json:"t,omitempty"`
	MFA        int64                 `json:"m,omitempty"` // seconds, when a second factor was shown; 0: none was
	Policies   []string              `json:"p,omitempty"`
	Guest      bool                  `json:"g,omitempty"` // limited to guestLimits
	Identity   *wire.CognitoIdentity `json:"c,omitempty"`

	last atomic.Pointer[joined]
}

// seal draws the session's key and makes its token.
func (s *Service) seal(t *session, now time.Time, life time.Duration) (*Issued, error) {
	expires := now.Add(life).Truncate(time.Second)
	id := newID("ASIA", 16)
	t.Secret, t.Issued, t.Expires = newSecret(), now.UnixMilli(), expires.Unix()
	body, err := json.Marshal(t)
	if err != nil {
		return nil, err
	}
	token := base64.StdEncoding.EncodeToString(append([]byte{tokenFormat}, s.cfg.Sealer.Seal(tokenPlace(id), body)...))
	if len(token) > maxToken {
		return nil, wire.Fail(400, "PackedPolicyTooLarge", "Packed policy consumes more than the allotted space")
	}
	return &Issued{AccessKey: id, Secret: t.Secret, Token: token, Expires: expires.UTC()}, nil
}

// tokenFormat is the first byte of a token.
const tokenFormat = 1

// tokenPlace binds a token to its access key.
func tokenPlace(accessKey string) string { return "access.session/" + accessKey }

func (s *Service) open(accessKey, token string) (*session, error) {
	if len(token) > maxToken {
		return nil, errors.New("token is too long")
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(token)
	if err != nil || strings.ContainsAny(token, "\r\n") || len(raw) == 0 || raw[0] != tokenFormat {
		return nil, errors.New("token is not one of ours")
	}
	body, err := s.cfg.Sealer.Open(tokenPlace(accessKey), raw[1:])
	if err != nil {
		return nil, errors.New("token was not issued with this access key, or was changed")
	}
	t := new(session)
	if err := json.Unmarshal(body, t); err != nil {
		return nil, fmt.Errorf("token does not decode: %w", err)
	}
	return t, nil
}

// findSession is Find for keys that come with a token.
func (s *Service) findSession(ctx context.Context, accessKey, token string) (*wire.Credential, error) {
	if token == "" {
		return nil, invalidToken("access key %s is a session's and came without a session token", accessKey)
	}
	t, err := s.opened(accessKey, token)
	if err != nil {
		return nil, invalidToken("session token of %s: %v", accessKey, err)
	}
	expires := time.Unix(t.Expires, 0).UTC()
	if now := s.cfg.Now(); !now.Before(expires) {
		return nil, expiredToken("session of %s expired at %s, now is %s", accessKey, expires.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	holder, err := s.sessionHolder(ctx, t)
	if err != nil {
		return nil, err
	}
	p := *t.principal(s, holder)
	p.AccessKey, p.Expires = accessKey, expires
	if t.MFA != 0 {
		p.Keys = withAge(p.Keys, t.MFA, s.cfg.Now())
	}
	return &wire.Credential{Secret: t.Secret, Principal: &p}, nil
}

// opened opens a token, or finds it among those opened before.
func (s *Service) opened(accessKey, token string) (*session, error) {
	k := tokenKey{accessKey, token}
	if t := s.sessions.get(k); t != nil {
		return t, nil
	}
	t, err := s.open(accessKey, token)
	if err == nil {
		s.sessions.put(k, t)
	}
	return t, err
}

// sessionHolder is the role or user behind a session as it is now; nil is the root.
func (s *Service) sessionHolder(ctx context.Context, t *session) (c *compiled, err error) {
	if t.Role == "" && t.User == "" {
		return nil, nil
	}
	err = s.cfg.DB.View(ctx, func(tx *kv.Tx) (err error) {
		if t.Role != "" {
			c, err = s.compiledRole(tx, t.Account, t.Role)
		} else {
			c, err = s.compiledUser(tx, t.Account, t.User)
		}
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case c == nil || c.id() != t.HolderID:
		return nil, invalidToken("role or user %s%s (%s) of the session was deleted", t.Role, t.User, t.HolderID)
	}
	return c, nil
}

// joined is the principal of a session made with a holder.
type joined struct {
	holder    *compiled
	principal *wire.Principal
}

// principal joins what the token holds with the holder. As long as the holder is the same, so is the result.
func (t *session) principal(s *Service, c *compiled) *wire.Principal {
	if j := t.last.Load(); j != nil && j.holder == c {
		return j.principal
	}
	j := &joined{c, nil}
	switch {
	case t.Role != "":
		j.principal = t.rolePrincipal(s, c)
	case t.Name != "":
		j.principal = t.federatedPrincipal(s, c)
	default:
		j.principal = t.ownPrincipal(s, c)
	}
	t.last.Store(j)
	return j.principal
}

func (t *session) rolePrincipal(s *Service, c *compiled) *wire.Principal {
	p := &wire.Principal{Kind: wire.Session, Account: t.Account, ARN: sessionARN(t.Account, c.role.Name, t.Name),
		UserID: c.role.ID + ":" + t.Name, Role: c.role.ARN, Session: t.Name, Policies: c.policies, Identity: t.Identity,
		Keys: t.keys(c.tags), Transitive: t.Transitive}
	p.Policies.Session = t.sessionSources(s)
	return p
}

func (t *session) sessionSources(s *Service) (out []policy.Source) {
	for i, document := range t.Policies {
		out = append(out, s.source(fmt.Sprintf("session policy %d", i+1), document))
	}
	if t.Guest {
		out = append(out, s.source("limits of guests", guestLimits))
	}
	return out
}

// ownPrincipal is of a session of GetSessionToken: the user or root itself, without the right to change who may do what.
func (t *session) ownPrincipal(s *Service, c *compiled) *wire.Principal {
	p := rootPrincipal(t.Account)
	if c != nil {
		p = c.userPrincipal(t.Account)
	}
	p.Keys = t.keys(p.Keys)
	p.Policies.Session = []policy.Source{s.source("limits of GetSessionToken", tokenLimits)}
	return p
}

// keys are the role's tags, what the session brought along (which wins), the time of issue, and whether there was a second factor.
func (t *session) keys(tags policy.Keys) policy.Keys {
	out := make(policy.Keys, len(tags)+len(t.Keys)+2)
	maps.Copy(out, tags)
	maps.Copy(out, t.Keys)
	out["aws:tokenissuetime"] = []string{time.UnixMilli(t.Issued).UTC().Format(time.RFC3339)}
	out[mfaPresent] = []string{strconv.FormatBool(t.MFA != 0)}
	return out
}

// tokenLimits are AWS's limits of GetSessionToken: of STS only AssumeRole and what goes with it, and IAM only with a second factor.
const tokenLimits = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},
{"Sid":"NoIAM","Effect":"Deny","Action":"iam:*","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"false"}}},
{"Sid":"NoSTS","Effect":"Deny","Action":["sts:Get*","sts:Decode*"],"Resource":"*"}]}`
