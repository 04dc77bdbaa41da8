package access

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"bothy/api/iam"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// What keys, users and roles last used is told as AWS tells it: with some delay. A request only notes it in memory; the notes are
// written together every few minutes, and those of a node that crashes are lost.
const (
	UseEvery   = 4 * time.Minute // pause between two calls of KeepUse
	useTracked = 400 * 24 * time.Hour
	maxNotes   = 20_000 // beyond them, new ones wait for the next round
	useBatch   = 200    // notes of one transaction
)

func (s *Service) mountUse(m *wire.Mux) {
	wire.Handle(m, iam.GetAccessKeyLastUsed, s.accessKeyLastUsed, s.keyLastUsed)
	wire.Handle(m, iam.GenerateServiceLastAccessedDetails, accessGenerateUse, s.generateUse)
	wire.Handle(m, iam.GetServiceLastAccessedDetails, onAccount[iam.GetServiceLastAccessedDetailsInput]("GetServiceLastAccessedDetails"), s.getUse)
	wire.Handle(m, iam.GetServiceLastAccessedDetailsWithEntities, onAccount[iam.GetServiceLastAccessedDetailsWithEntitiesInput]("GetServiceLastAccessedDetailsWithEntities"), s.getUseBy)
	wire.Handle(m, iam.ListPoliciesGrantingServiceAccess, accessListGranting, s.listGranting)
}

// useNote is what something is noted of.
type useNote struct {
	account string
	of      string // access key id, AIDA… or AROA…
	name    string // of the user or role; "" for a key
	service string
}

// lastUse is when and where.
type lastUse struct {
	at     time.Time
	region string
}

type useNotes struct {
	mu    sync.Mutex
	notes map[useNote]lastUse // guarded by mu
}

func (u *useNotes) add(n useNote, use lastUse) {
	u.mu.Lock()
	defer u.mu.Unlock()
	old, known := u.notes[n]
	if known && !use.at.After(old.at) || !known && len(u.notes) >= maxNotes {
		return
	}
	if u.notes == nil {
		u.notes = map[useNote]lastUse{}
	}
	if !known { // a part of a request's text would keep all of it
		n.of = strings.Clone(n.of)
	}
	u.notes[n] = use
}

func (u *useNotes) take() map[useNote]lastUse {
	u.mu.Lock()
	defer u.mu.Unlock()
	notes := u.notes
	u.notes = nil
	return notes
}

// Used notes that a principal made a request of a service, by the name that its signature is scoped to.
func (s *Service) Used(p *wire.Principal, scope, region string, at time.Time) {
	service, ok := serviceOf(scope)
	if !ok {
		return
	}
	use := lastUse{at.UTC().Truncate(time.Second), strings.Clone(region)}
	if strings.HasPrefix(p.AccessKey, "AKIA") {
		s.used.add(useNote{account: p.Account, of: p.AccessKey, service: service}, use)
	}
	id, _, _ := strings.Cut(p.UserID, ":")
	switch p.Kind {
	case wire.User:
		s.used.add(useNote{p.Account, id, lastPart(p.ARN), service}, use)
	case wire.Session:
		if p.Role != "" { // a federated user is none that anything is kept of
			s.used.add(useNote{p.Account, id, lastPart(p.Role), service}, use)
		}
	}
}

func lastPart(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

// KeepUse writes what was noted since the last call.
func (s *Service) KeepUse(ctx context.Context) error {
	notes := s.used.take()
	for some := range slices.Chunk(slices.Collect(maps.Keys(notes)), useBatch) {
		err := s.cfg.DB.Update(ctx, func(tx *kv.Tx) error {
			for _, n := range some {
				if err := keepUse(tx, n, notes[n]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			for n, use := range notes { // once more with the next ones; what is written already does no harm
				s.used.add(n, use)
			}
			return err
		}
	}
	return nil
}

// keepUse writes one note, unless another node knows of a later use or the owner is gone.
func keepUse(tx *kv.Tx, n useNote, use lastUse) error {
	if there, err := n.owned(tx); err != nil || !there {
		return err
	}
	row, err := uses().Get(tx, of(n.account), n.of, n.service)
	if or(err, nil) != nil {
		return err
	}
	if err == nil && !use.at.After(row.At) {
		return nil
	}
	return uses().Put(tx, of(n.account), &useRow{n.of, n.service, use.region, use.at})
}

// owned tells whether the key, user or role still exists.
func (n *useNote) owned(tx *kv.Tx) (bool, error) {
	var id string
	var err error
	switch {
	case n.name == "":
		id = n.of
		_, err = keys().Get(tx, node(), n.of)
	case strings.HasPrefix(n.of, "AIDA"):
		var row *userRow
		if row, err = users().Get(tx, of(n.account), fold(n.name)); err == nil {
			id = row.ID
		}
	default:
		var row *roleRow
		if row, err = roles().Get(tx, of(n.account), fold(n.name)); err == nil {
			id = row.ID
		}
	}
	return err == nil && id == n.of, or(err, nil)
}

// usesOf is what a key, user or role used, by service; what is too long ago is left out.
func usesOf(tx *kv.Tx, account, id string, now time.Time) ([]*useRow, error) {
	rows, _, err := uses().List(tx, of(account), record.Page{Prefix: []any{id}})
	return slices.DeleteFunc(rows, func(r *useRow) bool { return now.Sub(r.At) > useTracked }), err
}

// latest is the use that was last; nil when there was none.
func latest(rows []*useRow) (last *useRow) {
	for _, r := range rows {
		if last == nil || r.At.After(last.At) {
			last = r
		}
	}
	return last
}

func dropUse(tx *kv.Tx, account, id string) error {
	rows, _, err := uses().List(tx, of(account), record.Page{Prefix: []any{id}})
	for _, r := range rows {
		if err := uses().Delete(tx, of(account), r.Of, r.Service); err != nil {
			return err
		}
	}
	return err
}

// roleLastUsed is empty for a role that was never used, as on AWS.
func roleLastUsed(tx *kv.Tx, c *wire.Call, r *roleRow) (*iam.RoleLastUsed, error) {
	rows, err := usesOf(tx, c.Account, r.ID, c.Now)
	out := &iam.RoleLastUsed{}
	if last := latest(rows); last != nil {
		out.LastUsedDate, out.Region = wire.Some(last.At), wire.Some(last.Region)
	}
	return out, err
}

// accessKeyLastUsed asks for the user who holds the key.
func (s *Service) accessKeyLastUsed(c *wire.Call, in *iam.GetAccessKeyLastUsedInput) ([]wire.Access, error) {
	var user string
	err := s.cfg.DB.View(c, func(tx *kv.Tx) error {
		row, err := keys().Get(tx, node(), in.AccessKeyId.V)
		if err == nil && row.Account == c.Account {
			user = row.User
		}
		return or(err, nil)
	})
	if err != nil {
		return nil, err
	}
	return s.onUser(c, "GetAccessKeyLastUsed", user, nil)
}

func (s *Service) keyLastUsed(c *wire.Call, in *iam.GetAccessKeyLastUsedInput) (out *iam.GetAccessKeyLastUsedOutput, err error) {
	id := in.AccessKeyId.V
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		row, err := keys().Get(tx, node(), id)
		if err := unless(err, func() bool { return row.Account == c.Account }); err != nil {
			return or(err, noSuchEntity("The Access Key with id %s cannot be found.", id))
		}
		rows, err := usesOf(tx, c.Account, id, c.Now)
		used := &iam.AccessKeyLastUsed{ServiceName: wire.Some("N/A"), Region: wire.Some("N/A")}
		if last := latest(rows); last != nil {
			used = &iam.AccessKeyLastUsed{LastUsedDate: wire.Some(last.At), ServiceName: wire.Some(last.Service), Region: wire.Some(last.Region)}
		}
		out = &iam.GetAccessKeyLastUsedOutput{UserName: wire.NonEmpty(row.User), AccessKeyLastUsed: used}
		return err
	})
	return out, err
}
