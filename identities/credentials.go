package identities

import (
	"errors"

	"bothy/api/cognitoidentity"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// getCredentials gives an identity the temporary credentials of its role (the enhanced flow).
func (s *Service) getCredentials(c *wire.Call, in *cognitoidentity.GetCredentialsForIdentityInput) (*cognitoidentity.GetCredentialsForIdentityOutput, error) {
	who, err := s.resolve(c, in.IdentityId.V, in.Logins)
	if err != nil {
		return nil, err
	}
	role, err := chooseRole(who.pool, c.Account, who.logins, in.CustomRoleArn.V)
	if err != nil {
		return nil, err
	}
	tags, err := who.pool.sessionTags(who.logins)
	if err != nil {
		return nil, err
	}
	cred, err := s.cfg.Sessions.Issue(c, SessionSpec{
		RoleARN: role, Name: "CognitoIdentityCredentials", Life: CredentialLife,
		Provider: Issuer, Keys: who.keys(), Tags: tags, TrustKeys: tagKeys(tags), Guest: len(who.logins) == 0, Identity: who.info(),
	})
	if errors.Is(err, ErrRole) {
		return nil, wire.Because(badRoles(), "role %s: %v", role, err)
	}
	if err != nil {
		return nil, err
	}
	return &cognitoidentity.GetCredentialsForIdentityOutput{
		IdentityId: wire.Some(who.id),
		Credentials: &cognitoidentity.Credentials{
			AccessKeyId: wire.Some(cred.AccessKeyID), SecretKey: wire.Some(cred.SecretKey),
			SessionToken: wire.Some(cred.SessionToken), Expiration: wire.Some(cred.Expires),
		},
	}, nil
}

// resolved is who a caller is: the identity that answers, which may differ from the one asked for.
type resolved struct {
	id     string
	pool   *pool
	logins []verified // empty for a guest
}

func (r *resolved) keys() map[string][]string {
	return map[string][]string{Issuer + ":sub": {r.id}, Issuer + ":aud": {r.pool.ID}, Issuer + ":amr": amr(r.logins)}
}

func (r *resolved) info() wire.CognitoIdentity {
	kind := "authenticated"
	if len(r.logins) == 0 {
		kind = "unauthenticated"
	}
	return wire.CognitoIdentity{ID: r.id, PoolID: r.pool.ID, AuthType: kind, Provider: providerText(r.logins)}
}

// resolve says who presents an identity id with these logins, linking a login that is new to the identity and merging a
// guest into the identity its login already has.
func (s *Service) resolve(c *wire.Call, id string, given map[string]string) (*resolved, error) {
	scope := scopeOf(c.Account, id)
	var row *identity
	var p *pool
	if err := s.cfg.DB.View(c, func(tx *kv.Tx) (err error) { row, p, err = findIdentity(tx, scope, id); return err }); err != nil {
		return nil, err
	}
	if len(given) == 0 {
		return guest(row, p)
	}
	logins, err := s.verify(c, p, given)
	if err != nil {
		return nil, err
	}
	if row.Merged == "" && row.hasAll(logins) { // the usual case: nothing changes, and what was read holds them all
		return &resolved{id: id, pool: p, logins: logins}, nil
	}
	var todo upgrade
	err = s.cfg.DB.Update(c, func(tx *kv.Tx) (err error) {
		if todo, err = planUpgrade(tx, scope, id, logins, c); err != nil {
			return err
		}
		return todo.apply(tx, scope)
	})
	if err != nil {
		return nil, err
	}
	return &resolved{id: todo.answer, pool: p, logins: logins}, nil
}

func guest(row *identity, p *pool) (*resolved, error) {
	switch {
	case row.Merged != "":
		return nil, wire.Because(notFound("Identity", row.ID), "the identity is disabled: merged into %s", row.Merged)
	case len(row.Logins) > 0:
		return nil, wire.Because(notAuthorized("Access to Identity '"+row.ID+"' is forbidden."), "the identity has logins and none was given")
	case !p.AllowGuests:
		return nil, guestsRefused(p)
	}
	return &resolved{id: row.ID, pool: p}, nil
}

// upgrade is what presenting logins changes.
type upgrade struct {
	answer string      // identity that answers
	write  []*identity // rows to store, in order
}

func (u *upgrade) apply(tx *kv.Tx, scope record.Scope) error {
	for _, row := range u.write {
		if err := identityRows.Put(tx, scope, row); err != nil {
			return err
		}
	}
	return nil
}

func planUpgrade(tx *kv.Tx, scope record.Scope, id string, logins []verified, c *wire.Call) (upgrade, error) {
	row, _, err := findIdentity(tx, scope, id)
	if err != nil {
		return upgrade{}, err
	}
	own, err := owner(tx, scope, row.Pool, logins)
	if err != nil {
		return upgrade{}, err
	}
	now, err := heir(tx, scope, row)
	switch {
	case err != nil:
		return upgrade{}, err
	case own == nil && row.Merged != "":
		return upgrade{}, wire.Because(notFound("Identity", id), "the identity is disabled: merged into %s, which the logins do not own", row.Merged)
	case own == nil && len(row.Logins) > 0:
		return upgrade{}, wire.Because(loginsDontMatch(), "identity %s is of other logins", id)
	case own == nil: // a guest signs in for the first time
		own = row
	case own.ID != now && (row.Merged != "" || len(row.Logins) > 0):
		return upgrade{}, wire.Because(loginsDontMatch(), "the logins are of identity %s, not of %s, now %s", own.ID, id, now)
	}
	u := upgrade{answer: own.ID}
	if own.ID != now { // a guest signs in as a known user: the guest ends here
		row.Merged, row.Modified = own.ID, c.Now
		u.write = append(u.write, row)
	}
	changed, err := own.link(logins, c.Now)
	if changed {
		u.write = append(u.write, own)
	}
	return u, err
}

// heir is the identity that stands for the row now: itself, or what it was merged into, which may have been merged in turn. One
// that is disabled without an heir, or whose heir was deleted, is its own.
func heir(tx *kv.Tx, scope record.Scope, row *identity) (string, error) {
	for row.Merged != "" && row.Merged != row.ID {
		next, err := identityRows.Get(tx, scope, row.Merged)
		if errors.Is(err, record.ErrNotFound) {
			break
		}
		if err != nil {
			return "", err
		}
		row = next
	}
	return row.ID, nil
}
