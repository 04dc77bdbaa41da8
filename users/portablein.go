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
		p := &pool{ID: poolID, Region: regionOf(poolID), Mask: mask, Methods: head.Methods, Settings: settings}
		if _, err := dooms.Get(tx, everywhere(account), poolID); !absent(err) {
			return errors.Join(err, invalid("The pool %s is still being deleted.", poolID))
		}
		if err := s.makeClients(tx, account, poolID, head); err != nil {
			return err
		}
		return pools.Insert(tx, inPool(account, poolID), p)
	})
	return made, err
}

// makeClients makes the clients and providers of an exported pool.
func (s *Service) makeClients(tx *kv.Tx, account, poolID string, head *portedPool) error {
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
	for _, pp := range head.Providers {
		idp := pp.Row
		idp.Pool, idp.Secret = poolID, nil
		if pp.Secret != "" {
			idp.Secret = s.cfg.Sealer.Seal(providerPlace(account, &idp), []byte(pp.Secret))
		}
		if err := providers.Put(tx, inPool(account, poolID), &idp); err != nil {
			return err
		}
	}
	return nil
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
	return "user " + p.User.Row.Name
}

func (s *Service) moveGroup(ctx context.Context, account, poolID string, head *portedPool, in *group) error {
	g := *in
	g.Pool, g.Role = poolID, strings.ReplaceAll(in.Role, ":"+head.Account+":", ":"+account+":")
	return s.update(ctx, func(tx *kv.Tx) error {
		if _, err := poolByID(tx, account, poolID); err != nil {
			return err
		}
		err := groups.Insert(tx, inPool(account, poolID), &g)
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
		if _, err := people.Get(tx, inPool(account, poolID), poolID, in.Row.Sub); !absent(err) {
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
	u := in.Row
	u.Pool, u.Credential = p.ID, nil
	if err := s.mayPlace(tx, account, p, &u); err != nil {
		return err
	}
	switch {
	case in.Password != nil && !reset:
		if _, err := parseCredential(in.Password); err != nil {
			return invalid("The user's password is none.")
		}
		u.Credential = s.cfg.Sealer.Seal(verifierPlace(account, p.ID, u.Sub), in.Password)
	case u.Status == confirmed, u.Status == forceChange:
		u.Status, u.TempUntil = resetRequired, time.Time{}
	}
	if err := s.save(tx, account, p, &u, false, s.cfg.Now()); err != nil {
		return err
	}
	return s.placeRest(tx, account, &u, in, reset)
}

// mayPlace refuses users who do not fit the pool. Links to providers that the pool does not have are dropped.
func (s *Service) mayPlace(tx *kv.Tx, account string, p *pool, u *user) error {
	if u.Sub == "" || u.Name == "" || u.Attributes == nil {
		return invalid("The user has no sub, name or attributes.")
	}
	for name := range u.Attributes {
		if p.attribute(name) == nil {
			return badSchema(name, "Attribute does not exist in the schema.")
		}
	}
	var kept []identity
	for _, i := range u.Identities {
		_, err := providers.Get(tx, inPool(account, p.ID), p.ID, i.Provider)
		if err == nil {
			kept = append(kept, i)
		} else if !absent(err) {
			return err
		}
	}
	u.Identities = kept
	return nil
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
