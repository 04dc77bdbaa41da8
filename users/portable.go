package users

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// The portable form of a pool's users: lines of JSON, of which the first is the pool, with its clients, then come its groups, then its
// users, and the last says how many there were. Secrets stand open in it: whoever writes it to a disk or a network seals it.
const (
	portableForm    = "bothy users"
	portableVersion = 1
)

// ported is a line: one of its fields is set.
type ported struct {
	Pool  *portedPool  `json:",omitempty"`
	Group *portedGroup `json:",omitempty"`
	User  *portedUser  `json:",omitempty"`
	End   *portedEnd   `json:",omitempty"`
}

type portedPool struct {
	Form     string
	Version  int
	ID       string
	Account  string
	At       time.Time
	Settings cognitoidp.UserPoolType
	Clients  []portedClient
}

type portedClient struct {
	ID       string
	Secrets  []string `json:",omitempty"`
	Settings cognitoidp.UserPoolClientType
}

type portedGroup struct {
	Name, Description, Role string
	Precedence              *int32
	Created, Modified       time.Time
}

type portedUser struct {
	Sub, Name  string
	Attributes map[string]string
	Pending    map[string]string `json:",omitempty"`
	Status     string
	Disabled   bool      `json:",omitempty"`
	Password   []byte    `json:",omitempty"` // salt and SRP verifier: good only with the pool's id and the name
	Past       [][]byte  `json:",omitempty"` // those before, as Password
	TempUntil  time.Time `json:",omitzero"`
	Created    time.Time
	Groups     []string                   `json:",omitempty"`
	Parts      map[string]json.RawMessage `json:",omitempty"` // what other files keep of a user, by the names in userParts
}

type portedEnd struct{ Groups, Users int }

// userPart moves rows that belong to a user with them: out opens what is sealed, in seals it again.
type userPart struct {
	name string
	out  func(s *Service, tx *kv.Tx, account string, u *user) (any, error) // nil: nothing
	in   func(s *Service, tx *kv.Tx, account string, u *user, raw json.RawMessage) error
}

// userParts are what moves with users besides their own row, their groups and their passwords.
var userParts []userPart

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
		return &ported{Group: &portedGroup{g.Name, g.Description, g.Role, g.Precedence, g.Created, g.Modified}}, nil
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
		out = &portedPool{Form: portableForm, Version: portableVersion, ID: poolID, Account: account, At: s.cfg.Now(), Settings: p.Settings}
		all, err := clients.All(tx, everywhere(account), "pool", poolID)
		for _, cl := range all {
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
		return err
	})
	return out, err
}

func (s *Service) portedUser(tx *kv.Tx, account string, u *user) (*portedUser, error) {
	out := &portedUser{
		Sub: u.Sub, Name: u.Name, Attributes: u.Attributes, Pending: u.Pending, Status: u.Status, Disabled: u.Disabled, TempUntil: u.TempUntil, Created: u.Created,
		Parts: map[string]json.RawMessage{},
	}
	row, err := pasts.Get(tx, inPool(account, u.Pool), u.Pool, u.Sub)
	if err == nil {
		for _, sealed := range row.Credentials {
			open, err := s.cfg.Sealer.Open(verifierPlace(account, u.Pool, u.Sub), sealed)
			if err != nil {
				return nil, err
			}
			out.Past = append(out.Past, open)
		}
	} else if !absent(err) {
		return nil, err
	}
	if u.Credential != nil {
		if out.Password, err = s.cfg.Sealer.Open(verifierPlace(account, u.Pool, u.Sub), u.Credential); err != nil {
			return nil, err
		}
	}
	ms, err := members.All(tx, inPool(account, u.Pool), "user", u.Pool, u.Sub)
	for _, m := range ms {
		out.Groups = append(out.Groups, m.Group)
	}
	for _, part := range userParts {
		v, partErr := part.out(s, tx, account, u)
		if partErr != nil || v == nil {
			err = errors.Join(err, partErr)
			continue
		}
		raw, jsonErr := json.Marshal(v)
		out.Parts[part.name], err = raw, errors.Join(err, jsonErr)
	}
	return out, err
}

// Moved tells what became of imported users.
type Moved struct {
	Made     bool // the pool was not there: it and its clients were made as they were
	Reset    bool // passwords are of another pool's id: users who had one must set a new one
	Imported int
	Present  int // with the same sub: left as they are
	Refused  []string
}

const mostPortedLine = 1 << 20

// Import takes lines of the portable form, the pool's first, and then any part of the others: again, it does the same. Users come into
// the pool poolID; when that is the exported one and is not there, it is made. Whoever may import may make any user, and give groups
// any role.
func (s *Service) Import(ctx context.Context, account, poolID string, from io.Reader) (*Moved, error) {
	in := bufio.NewScanner(from)
	in.Buffer(nil, mostPortedLine)
	var head *portedPool
	var rest []*ported
	for in.Scan() {
		line := new(ported)
		if err := json.Unmarshal(in.Bytes(), line); err != nil {
			return nil, invalid("This is not a file of exported users.")
		}
		if head == nil {
			head = line.Pool
			if head == nil || head.Form != portableForm || head.Version > portableVersion {
				return nil, invalid("This is not a file of exported users, or one of a newer version.")
			}
			continue
		}
		rest = append(rest, line)
	}
	if err := in.Err(); err != nil || head == nil {
		return nil, invalid("This is not a file of exported users.")
	}
	out := &Moved{Reset: realmOf(head.ID) != realmOf(poolID)}
	var err error
	if out.Made, err = s.makeExported(ctx, account, poolID, head); err != nil {
		return nil, err
	}
	for _, line := range rest {
		if err := s.moveIn(ctx, account, poolID, head, line, out); err != nil {
			return out, err
		}
	}
	return out, nil
}

// makeExported makes the pool when it is the exported one and is not there.
func (s *Service) makeExported(ctx context.Context, account, poolID string, head *portedPool) (made bool, err error) {
	settings, err := rehomed(head.Settings, head.Account, account)
	if err != nil {
		return false, err
	}
	mask := s.newMask(account, poolID)
	err = s.update(ctx, func(tx *kv.Tx) error {
		made = false
		_, err := poolByID(tx, account, poolID)
		if gone := (wire.Fault)(nil); !errors.As(err, &gone) || poolID != head.ID {
			return err
		}
		if regionOf(poolID) == "" {
			return err
		}
		made = true
		p := &pool{ID: poolID, Region: regionOf(poolID), Mask: mask, Settings: settings}
		if _, err := dooms.Get(tx, everywhere(account), poolID); !absent(err) {
			return errors.Join(err, invalid("The pool %s is still being deleted.", poolID))
		}
		for _, pc := range head.Clients {
			cl := &client{ID: pc.ID, Pool: poolID, Settings: pc.Settings}
			for i, secret := range pc.Secrets {
				cl.Secrets = append(cl.Secrets, s.sealSecret(account, pc.ID, secret, s.cfg.Now().Add(time.Duration(i)*time.Millisecond)))
			}
			err := clients.Insert(tx, everywhere(account), cl)
			if taken := (*record.ErrExists)(nil); errors.As(err, &taken) {
				return invalid("The client id %s is taken.", cl.ID)
			}
			if err != nil {
				return err
			}
		}
		return pools.Insert(tx, inPool(account, poolID), p)
	})
	return made, err
}

// rehomed are settings whose ARNs of the old account have become this one's: of functions and roles by the same names.
func rehomed(t cognitoidp.UserPoolType, from, to string) (out cognitoidp.UserPoolType, err error) {
	b, err := json.Marshal(t)
	if err == nil {
		err = json.Unmarshal([]byte(strings.ReplaceAll(string(b), ":"+from+":", ":"+to+":")), &out)
	}
	return out, err
}

// moveIn makes a group or user of a line. What the pool's rules refuse is told; failures of the store end the import.
func (s *Service) moveIn(ctx context.Context, account, poolID string, head *portedPool, line *ported, out *Moved) error {
	var err error
	switch {
	case line.Group != nil:
		err = s.moveGroup(ctx, account, poolID, head, line.Group)
	case line.User != nil:
		err = s.moveUser(ctx, account, poolID, line.User, out)
	}
	if refused := (wire.Fault)(nil); errors.As(err, &refused) {
		_, _, text := refused.Fault()
		out.Refused = append(out.Refused, fmt.Sprintf("%s: %s", line.name(), text))
		return nil
	}
	return err
}

func (p *ported) name() string {
	if p.Group != nil {
		return "group " + p.Group.Name
	}
	return "user " + p.User.Name
}

func (s *Service) moveGroup(ctx context.Context, account, poolID string, head *portedPool, in *portedGroup) error {
	g := &group{
		Pool: poolID, Name: in.Name, Description: in.Description, Role: strings.ReplaceAll(in.Role, ":"+head.Account+":", ":"+account+":"),
		Precedence: in.Precedence, Created: in.Created, Modified: in.Modified,
	}
	return s.update(ctx, func(tx *kv.Tx) error {
		if _, err := poolByID(tx, account, poolID); err != nil {
			return err
		}
		err := groups.Insert(tx, inPool(account, poolID), g)
		if there := (*record.ErrExists)(nil); errors.As(err, &there) {
			return nil
		}
		return err
	})
}

func (s *Service) moveUser(ctx context.Context, account, poolID string, in *portedUser, out *Moved) error {
	there := false
	err := s.update(ctx, func(tx *kv.Tx) error {
		there = false
		p, err := poolByID(tx, account, poolID)
		if err != nil {
			return err
		}
		if _, err := people.Get(tx, inPool(account, poolID), poolID, in.Sub); !absent(err) {
			there = err == nil
			return err
		}
		return s.placeUser(tx, account, p, in, out.Reset)
	})
	if err == nil && there {
		out.Present++
	} else if err == nil {
		out.Imported++
	}
	return err
}

// placeUser stores an exported user with what hangs on them.
func (s *Service) placeUser(tx *kv.Tx, account string, p *pool, in *portedUser, reset bool) error {
	scope, place := inPool(account, p.ID), verifierPlace(account, p.ID, in.Sub)
	u := &user{
		Pool: p.ID, Sub: in.Sub, Name: in.Name, Attributes: in.Attributes, Pending: in.Pending, Status: in.Status, Disabled: in.Disabled, TempUntil: in.TempUntil, Created: in.Created,
	}
	if u.Sub == "" || u.Name == "" || u.Attributes == nil {
		return invalid("The user has no sub, name or attributes.")
	}
	for name := range u.Attributes {
		if p.attribute(name) == nil {
			return badSchema(name, "Attribute does not exist in the schema.")
		}
	}
	if _, err := people.Find(tx, scope, "name", p.ID, p.fold(u.Name)); !absent(err) { // asked first: save must not fail half-way
		return errors.Join(err, usernameExists("User already exists"))
	}
	switch {
	case in.Password != nil && !reset:
		if _, err := parseCredential(in.Password); err != nil {
			return invalid("The user's password is none.")
		}
		u.Credential = s.cfg.Sealer.Seal(place, in.Password)
	case u.Status == confirmed, u.Status == forceChange:
		u.Status, u.TempUntil = resetRequired, time.Time{}
	}
	if err := s.save(tx, account, p, u, false, s.cfg.Now()); err != nil {
		return err
	}
	return s.placeRest(tx, account, u, in, reset)
}

// placeRest stores groups, past passwords and the parts of a user who is there.
func (s *Service) placeRest(tx *kv.Tx, account string, u *user, in *portedUser, reset bool) error {
	scope, place := inPool(account, u.Pool), verifierPlace(account, u.Pool, u.Sub)
	for _, name := range in.Groups {
		if _, err := groups.Get(tx, scope, u.Pool, name); absent(err) {
			continue // refused, and told
		} else if err != nil {
			return err
		}
		if err := members.Put(tx, scope, &member{u.Pool, name, u.Sub}); err != nil {
			return err
		}
	}
	if len(in.Past) > 0 && !reset {
		row := &past{Pool: u.Pool, Sub: u.Sub}
		for _, open := range in.Past {
			row.Credentials = append(row.Credentials, s.cfg.Sealer.Seal(place, open))
		}
		if err := pasts.Put(tx, scope, row); err != nil {
			return err
		}
	}
	for _, part := range userParts {
		if raw := in.Parts[part.name]; raw != nil {
			if err := part.in(s, tx, account, u, raw); err != nil {
				return err
			}
		}
	}
	return nil
}
