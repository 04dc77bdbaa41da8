package identities

import (
	"errors"
	"slices"

	"bothy/api/cognitoidentity"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

func (s *Service) accessMergeDevelopers(c *wire.Call, in *cognitoidentity.MergeDeveloperIdentitiesInput) ([]wire.Access, error) {
	return s.onPool(c, "MergeDeveloperIdentities", in.IdentityPoolId.V, nil)
}

// mergeDevelopers gives the identity of one developer user to another: the source's logins move to the destination's identity,
// and the source's is disabled. Asked again, it answers the same.
func (s *Service) mergeDevelopers(c *wire.Call, in *cognitoidentity.MergeDeveloperIdentitiesInput) (*cognitoidentity.MergeDeveloperIdentitiesOutput, error) {
	id, scope := in.IdentityPoolId.V, scopeOf(c.Account, in.IdentityPoolId.V)
	out := &cognitoidentity.MergeDeveloperIdentitiesOutput{}
	err := s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		p, err := findPool(tx, scope, id)
		if err != nil {
			return err
		}
		if p.Developer == "" || p.Developer != in.DeveloperProviderName.V {
			return invalid("The identity pool has no developer provider '" + in.DeveloperProviderName.V + "'.")
		}
		from, err := findDeveloperUser(tx, scope, p, in.SourceUserIdentifier.V)
		if err != nil {
			return err
		}
		to, err := findDeveloperUser(tx, scope, p, in.DestinationUserIdentifier.V)
		if err != nil {
			return err
		}
		out.IdentityId = wire.Some(to.ID)
		if from.ID == to.ID {
			return nil
		}
		return merge(tx, scope, p, from, to, c)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func findDeveloperUser(tx *kv.Tx, scope record.Scope, p *pool, user string) (*identity, error) {
	row, err := identityRows.Find(tx, scope, "login", p.ID, p.Developer, user)
	if errors.Is(err, record.ErrNotFound) {
		return nil, notFound("Developer user", user)
	}
	return row, err
}

// merge moves the logins of one identity to another. Both may have developer users, but not two users of another provider: an
// identity is one person.
func merge(tx *kv.Tx, scope record.Scope, p *pool, from, to *identity, c *wire.Call) error {
	for _, l := range from.Logins {
		if l.Provider != p.Developer && slices.ContainsFunc(to.Logins, func(have login) bool { return have.Provider == l.Provider }) {
			return conflict("Both identities are linked to " + l.Provider + ", as different users.")
		}
	}
	if len(from.Logins)+len(to.Logins) > maxLogins {
		return conflict("The identities have more than 20 logins together.")
	}
	to.Logins = append(to.Logins, from.Logins...)
	from.Logins, from.Merged = nil, to.ID
	from.Modified, to.Modified = c.Now, c.Now
	if err := identityRows.Put(tx, scope, from); err != nil { // first: a login is in one row at a time
		return err
	}
	return identityRows.Put(tx, scope, to)
}
