package identities

import (
	"errors"
	"slices"

	"bothy/api/cognitoidentity"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

func (s *Service) accessListIdentities(c *wire.Call, in *cognitoidentity.ListIdentitiesInput) ([]wire.Access, error) {
	return s.onPool(c, "ListIdentities", in.IdentityPoolId.V, nil)
}

func accessDescribeIdentity(*wire.Call, *cognitoidentity.DescribeIdentityInput) ([]wire.Access, error) {
	return wire.One("cognito-identity:DescribeIdentity", "*", nil), nil
}

func accessDeleteIdentities(*wire.Call, *cognitoidentity.DeleteIdentitiesInput) ([]wire.Access, error) {
	return wire.One("cognito-identity:DeleteIdentities", "*", nil), nil
}

func (s *Service) listIdentities(c *wire.Call, in *cognitoidentity.ListIdentitiesInput) (*cognitoidentity.ListIdentitiesOutput, error) {
	pool := in.IdentityPoolId.V
	out := &cognitoidentity.ListIdentitiesOutput{IdentityPoolId: in.IdentityPoolId, Identities: []cognitoidentity.IdentityDescription{}}
	err := s.cfg.DB.View(c, func(tx *kv.Tx) error {
		scope := scopeOf(c.Account, pool)
		if _, err := findPool(tx, scope, pool); err != nil {
			return err
		}
		rows, next, err := identityRows.List(tx, scope, record.Page{Index: "pool", Prefix: []any{pool}, After: in.NextToken.V, Limit: int(in.MaxResults.V)})
		if err != nil {
			return pageError(err)
		}
		for _, row := range rows {
			if row.Merged == "" || !in.HideDisabled.V {
				out.Identities = append(out.Identities, *row.api())
			}
		}
		out.NextToken = wire.NonEmpty(next)
		return nil
	})
	return out, err
}

func (s *Service) describeIdentity(c *wire.Call, in *cognitoidentity.DescribeIdentityInput) (out *cognitoidentity.IdentityDescription, err error) {
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		row, _, err := findIdentity(tx, scopeOf(c.Account, in.IdentityId.V), in.IdentityId.V)
		if err != nil {
			return err
		}
		out = row.api()
		return nil
	})
	return out, err
}

func (i *identity) api() *cognitoidentity.IdentityDescription {
	out := &cognitoidentity.IdentityDescription{
		IdentityId: wire.Some(i.ID), CreationDate: wire.Some(i.Created), LastModifiedDate: wire.Some(i.Modified),
	}
	for _, l := range i.Logins {
		if !slices.Contains(out.Logins, l.Provider) { // developer users may be several
			out.Logins = append(out.Logins, l.Provider)
		}
	}
	return out
}

// deleteIdentities removes each identity on its own; one that does not exist counts as deleted, as in AWS.
func (s *Service) deleteIdentities(c *wire.Call, in *cognitoidentity.DeleteIdentitiesInput) (*cognitoidentity.DeleteIdentitiesOutput, error) {
	err := s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		for _, id := range in.IdentityIdsToDelete {
			if err := identityRows.Delete(tx, scopeOf(c.Account, id), id); err != nil && !errors.Is(err, record.ErrNotFound) {
				return err
			}
		}
		return nil
	})
	return &cognitoidentity.DeleteIdentitiesOutput{UnprocessedIdentityIds: []cognitoidentity.UnprocessedIdentityId{}}, err
}

// unlinkIdentity takes logins off an identity. The caller proves each login it removes. An identity never falls back to a
// guest whose id alone would open it: without its last login it is disabled.
func (s *Service) unlinkIdentity(c *wire.Call, in *cognitoidentity.UnlinkIdentityInput) (*cognitoidentity.UnlinkIdentityOutput, error) {
	id := in.IdentityId.V
	scope := scopeOf(c.Account, id)
	var p *pool
	if err := s.cfg.DB.View(c, func(tx *kv.Tx) (err error) { _, p, err = findIdentity(tx, scope, id); return err }); err != nil {
		return nil, err
	}
	logins, err := s.verify(c, p, in.Logins)
	if err != nil {
		return nil, err
	}
	return nil, s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		row, _, err := findIdentity(tx, scope, id)
		if err != nil {
			return err
		}
		if !row.has(logins) {
			return wire.Because(loginsDontMatch(), "none of the logins given is of identity %s", id)
		}
		for _, provider := range in.LoginsToRemove {
			i := slices.IndexFunc(logins, func(v verified) bool { return v.Provider == provider && slices.Contains(row.Logins, v.login) })
			if i < 0 {
				return wire.Because(loginsDontMatch(), "no valid login of %s was given for its removal", provider)
			}
			row.unlink(logins[i].login, c)
		}
		return identityRows.Put(tx, scope, row)
	})
}

func (i *identity) unlink(l login, c *wire.Call) {
	i.Logins = slices.DeleteFunc(i.Logins, func(have login) bool { return have == l })
	i.Modified = c.Now
	if len(i.Logins) == 0 {
		i.Merged = i.ID // disabled, with no heir
	}
}
