package users

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/record"
)

// The portable form of a pool's users: lines of JSON, of which the first is the pool, with its clients, then come its groups, then its
// users, and the last says how many there were. Secrets stand open in it: whoever writes it to a disk or a network seals it.
const (
	portableForm    = "bothy users"
	portableVersion = 1
)

// ported is a line: one of its fields is set.
type ported struct {
	Pool  *portedPool `json:",omitempty"`
	Group *group      `json:",omitempty"`
	User  *portedUser `json:",omitempty"`
	End   *portedEnd  `json:",omitempty"`
}

type portedPool struct {
	Form      string
	Version   int
	ID        string
	Account   string
	At        time.Time
	Settings  cognitoidp.UserPoolType
	Methods   methods
	Clients   []portedClient
	Providers []portedProvider `json:",omitempty"`
}

type portedClient struct {
	ID       string
	Secrets  []string `json:",omitempty"`
	Settings cognitoidp.UserPoolClientType
}

type portedProvider struct {
	Row    provider
	Secret string `json:",omitempty"`
}

// portedUser is a user's row, without what is sealed in it, and what hangs on them.
type portedUser struct {
	Row      user
	Password []byte                     `json:",omitempty"` // salt and SRP verifier: good only with the pool's id and the name
	Past     [][]byte                   `json:",omitempty"` // those before, as Password
	Groups   []string                   `json:",omitempty"`
	Parts    map[string]json.RawMessage `json:",omitempty"` // what other files keep of a user, by the names in userParts
}

type portedEnd struct{ Groups, Users int }

// userPart moves rows that belong to a user with them: out opens what is sealed, in seals it again.
type userPart struct {
	name string
	out  func(s *Service, tx *kv.Tx, account string, u *user) (any, error) // nil: nothing
	in   func(s *Service, tx *kv.Tx, account string, u *user, raw json.RawMessage) error
}

// userParts are what moves with users besides their own row, their groups and their passwords. Sessions, codes, events and remembered
// devices stay behind.
var userParts = []userPart{
	{"totp", (*Service).exportTOTP, (*Service).importTOTP},
	{"passkeys", (*Service).exportPasskeys, (*Service).importPasskeys},
}

const portedPage = 50 // users read in one transaction

// Export writes a pool and its users in their portable form. Each user is as of one moment; who changes meanwhile is as before or after.
func (s *Service) Export(ctx context.Context, account, poolID string, to io.Writer) error {
	lines := json.NewEncoder(to)
	lines.SetEscapeHTML(false)
	head, err := s.portedPool(ctx, account, poolID)
	if err != nil {
		return err
	}
	if err := lines.Encode(ported{Pool: head}); err != nil {
		return err
	}
	var end portedEnd
	err = each(ctx, s, &groups, inPool(account, poolID), poolID, func(_ *kv.Tx, g *group) (*ported, error) {
		return &ported{Group: g}, nil
	}, func(p *ported) error { end.Groups++; return lines.Encode(p) })
	if err == nil {
		err = each(ctx, s, &people, inPool(account, poolID), poolID, func(tx *kv.Tx, u *user) (*ported, error) {
			p, err := s.portedUser(tx, account, u)
			return &ported{User: p}, err
		}, func(p *ported) error { end.Users++; return lines.Encode(p) })
	}
	if err != nil {
		return err
	}
	return lines.Encode(ported{End: &end})
}

// Has is nil when the pool is here. It decodes nothing, so it costs what a look-up does.
func (s *Service) Has(ctx context.Context, account, poolID string) error {
	if regionOf(poolID) == "" {
		return noPool(poolID)
	}
	return s.view(ctx, func(tx *kv.Tx) error {
		row, err := pools.Stamp(tx, inPool(account, poolID), poolID)
		if err == nil && row == nil {
			err = noPool(poolID)
		}
		return err
	})
}

// each reads a pool's rows page by page, makes a line of each in the transaction that read it, and then passes the lines on.
func each[T any](ctx context.Context, s *Service, t *record.Table[T], scope record.Scope, poolID string, line func(*kv.Tx, *T) (*ported, error), pass func(*ported) error) error {
	for after := ""; ; {
		var page []*ported
		var next string
		if err := s.view(ctx, func(tx *kv.Tx) error {
			page = nil
			rows, token, err := t.List(tx, scope, record.Page{Prefix: []any{poolID}, After: after, Limit: portedPage})
			for _, r := range rows {
				p, err := line(tx, r)
				if err != nil {
					return err
				}
				page = append(page, p)
			}
			next = token
			return err
		}); err != nil {
			return err
		}
		for _, p := range page {
			if err := pass(p); err != nil {
				return err
			}
		}
		if after = next; next == "" {
			return nil
		}
	}
}

func (s *Service) portedPool(ctx context.Context, account, poolID string) (out *portedPool, err error) {
	err = s.view(ctx, func(tx *kv.Tx) error {
		p, err := poolByID(tx, account, poolID)
		if err != nil {
			return err
		}
		out = &portedPool{Form: portableForm, Version: portableVersion, ID: poolID, Account: account, At: s.cfg.Now(), Settings: p.Settings, Methods: p.Methods}
		cls, err := clients.All(tx, everywhere(account), "pool", poolID)
		if err != nil {
			return err
		}
		for _, cl := range cls {
			secrets, err := s.openSecrets(account, cl)
			if err != nil {
				return err
			}
			pc := portedClient{ID: cl.ID, Settings: cl.Settings}
			for _, secret := range secrets {
				pc.Secrets = append(pc.Secrets, string(secret))
			}
			out.Clients = append(out.Clients, pc)
		}
		idps, err := providers.All(tx, inPool(account, poolID), "", poolID)
		if err != nil {
			return err
		}
		for _, idp := range idps {
			secret, err := s.providerSecret(account, idp)
			if err != nil {
				return err
			}
			idp.Secret = nil
			out.Providers = append(out.Providers, portedProvider{*idp, secret})
		}
		return nil
	})
	return out, err
}

func (s *Service) portedUser(tx *kv.Tx, account string, u *user) (*portedUser, error) {
	out := &portedUser{Row: *u, Parts: map[string]json.RawMessage{}}
	out.Row.Credential = nil
	place := verifierPlace(account, u.Pool, u.Sub)
	row, err := pasts.Get(tx, inPool(account, u.Pool), u.Pool, u.Sub)
	if err != nil && !absent(err) {
		return nil, err
	}
	if err == nil {
		for _, sealed := range row.Credentials {
			open, err := s.cfg.Sealer.Open(place, sealed)
			if err != nil {
				return nil, err
			}
			out.Past = append(out.Past, open)
		}
	}
	if u.Credential != nil {
		if out.Password, err = s.cfg.Sealer.Open(place, u.Credential); err != nil {
			return nil, err
		}
	}
	ms, err := members.All(tx, inPool(account, u.Pool), "user", u.Pool, u.Sub)
	if err != nil {
		return nil, err
	}
	for _, m := range ms {
		out.Groups = append(out.Groups, m.Group)
	}
	for _, part := range userParts {
		v, err := part.out(s, tx, account, u)
		if err != nil {
			return nil, err
		}
		if v == nil {
			continue
		}
		if out.Parts[part.name], err = json.Marshal(v); err != nil {
			return nil, err
		}
	}
	return out, nil
}
