package identities

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"

	"bothy/api/cognitoidentity"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

func (s *Service) accessDeveloperToken(c *wire.Call, in *cognitoidentity.GetOpenIdTokenForDeveloperIdentityInput) ([]wire.Access, error) {
	return s.onPool(c, "GetOpenIdTokenForDeveloperIdentity", in.IdentityPoolId.V, nil)
}

func (s *Service) accessLookupDeveloper(c *wire.Call, in *cognitoidentity.LookupDeveloperIdentityInput) ([]wire.Access, error) {
	return s.onPool(c, "LookupDeveloperIdentity", in.IdentityPoolId.V, nil)
}

func (s *Service) accessUnlinkDeveloper(c *wire.Call, in *cognitoidentity.UnlinkDeveloperIdentityInput) ([]wire.Access, error) {
	return s.onPool(c, "UnlinkDeveloperIdentity", in.IdentityPoolId.V, nil)
}

// developerToken lets a trusted backend say who a user of its own is: the signature of the call is the proof.
func (s *Service) developerToken(c *wire.Call, in *cognitoidentity.GetOpenIdTokenForDeveloperIdentityInput) (*cognitoidentity.GetOpenIdTokenForDeveloperIdentityOutput, error) {
	if err := checkPrincipalTags(in.PrincipalTags); err != nil {
		return nil, err
	}
	p, err := s.pool(c, in.IdentityPoolId.V)
	if err != nil {
		return nil, err
	}
	subject := in.Logins[p.Developer]
	if p.Developer == "" || subject == "" || len(subject) > maxSubject {
		return nil, invalid("Please include the developer provider of the identity pool in Logins.")
	}
	rest := map[string]string{}
	for provider, token := range in.Logins {
		if provider != p.Developer {
			rest[provider] = token
		}
	}
	logins, err := s.verify(c, p, rest)
	if err != nil {
		return nil, err
	}
	own := p.developerLogin(subject)
	own.tags, own.until = in.PrincipalTags, c.Now.Add(time.Duration(in.TokenDuration.Or(int64(TokenLife/time.Second)))*time.Second)
	logins = append([]verified{own}, logins...)
	id, err := s.developerIdentity(c, p, in.IdentityId.V, logins)
	if err != nil {
		return nil, err
	}
	token, err := s.sign(c, &resolved{id: id, pool: p, logins: logins}, own.until)
	return &cognitoidentity.GetOpenIdTokenForDeveloperIdentityOutput{IdentityId: wire.Some(id), Token: wire.Some(token)}, err
}

func checkPrincipalTags(tags map[string]string) error {
	if err := checkTagKeys(tags); err != nil {
		return err
	}
	for key, value := range tags {
		if err := checkTagValue(key, value); err != nil {
			return err
		}
	}
	return nil
}

// developerIdentity finds or makes the identity of the logins; a given identity id gets them linked. One that has logins already
// takes more only together with one of its own: the developer's word is for his users alone.
func (s *Service) developerIdentity(c *wire.Call, p *pool, id string, logins []verified) (string, error) {
	if id == "" {
		return s.identityOf(c, p, logins)
	}
	scope := scopeOf(c.Account, id)
	return id, s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		row, at, err := findIdentity(tx, scope, id)
		if err != nil {
			return err
		}
		own, err := owner(tx, scope, p.ID, logins)
		if err != nil {
			return err
		}
		switch {
		case at.ID != p.ID || row.Merged != "":
			return notFound("Identity", id)
		case own != nil && own.ID != id:
			return &cognitoidentity.DeveloperUserAlreadyRegisteredException{Message: wire.Some("The developer user identifier is already registered with another identity.")}
		case own == nil && len(row.Logins) > 0:
			return wire.Because(loginsDontMatch(), "identity %s is of other logins", id)
		}
		if changed, err := row.link(logins, c.Now); err != nil || !changed {
			return err
		}
		return identityRows.Put(tx, scope, row)
	})
}

func (p *pool) developerLogin(subject string) verified {
	return verified{login: login{p.Developer, subject}, method: p.Developer + ":" + p.ID + ":" + subject, claims: map[string]any{}}
}

// verifyDeveloper checks a token of ours that the developer's backend handed to the app.
func (s *Service) verifyDeveloper(c *wire.Call, p *pool, token string) (verified, error) {
	cl, err := s.verifyToken(c, c.Account, token)
	switch {
	case errors.Is(err, ErrTokenExpired):
		return verified{}, wire.Because(notAuthorized("Invalid login token. Token is expired."), "%v", err)
	case errors.Is(err, ErrToken):
		return verified{}, wire.Because(notAuthorized("Invalid login token. Can't verify the token."), "%v", err)
	case err != nil:
		return verified{}, err
	}
	i := slices.IndexFunc(cl.AMR, func(m string) bool { return strings.HasPrefix(m, p.Developer+":"+p.ID+":") })
	if p.Developer == "" || cl.Audience[0] != p.ID || i < 0 {
		return verified{}, wire.Because(notAuthorized("Token is not from a supported provider of this identity pool."),
			"an OpenID token of pool %s with %q, not of developer provider %q of %s", cl.Audience[0], cl.AMR, p.Developer, p.ID)
	}
	v := p.developerLogin(strings.TrimPrefix(cl.AMR[i], p.Developer+":"+p.ID+":"))
	v.tags, v.until = cl.Tags.texts(), cl.Expiry.Time()
	return v, nil
}

// lookupDeveloper finds an identity by a developer user or the users of an identity; given both, it tells whether they belong
// together.
func (s *Service) lookupDeveloper(c *wire.Call, in *cognitoidentity.LookupDeveloperIdentityInput) (*cognitoidentity.LookupDeveloperIdentityOutput, error) {
	id, user := in.IdentityId.V, in.DeveloperUserIdentifier.V
	if id == "" && user == "" {
		return nil, invalid("Please provide IdentityId or DeveloperUserIdentifier.")
	}
	row, p, err := s.findDeveloper(c, in.IdentityPoolId.V, id, user)
	if err != nil {
		return nil, err
	}
	out := &cognitoidentity.LookupDeveloperIdentityOutput{IdentityId: wire.Some(row.ID), DeveloperUserIdentifierList: []string{}}
	if id != "" && user != "" {
		if id != row.ID {
			return nil, wire.Because(conflict("The developer user identifier is not of the identity."), "it is of %s", row.ID)
		}
		out.DeveloperUserIdentifierList = []string{user}
		return out, nil
	}
	users := row.users(p.Developer)
	start, err := pageStart(users, in.NextToken.V)
	if err != nil {
		return nil, err
	}
	end := min(len(users), start+int(in.MaxResults.Or(maxLogins)))
	out.DeveloperUserIdentifierList = append(out.DeveloperUserIdentifierList, users[start:end]...)
	if end < len(users) {
		out.NextToken = wire.Some(base64.RawURLEncoding.EncodeToString([]byte(users[end-1])))
	}
	return out, nil
}

// pageStart is where the page after a token begins: behind the last of the page before, whether or not it is still there.
func pageStart(sorted []string, token string) (int, error) {
	if token == "" {
		return 0, nil
	}
	last, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return 0, pageError(record.ErrToken)
	}
	i, found := slices.BinarySearch(sorted, string(last))
	if found {
		i++
	}
	return i, nil
}

// users are those of a provider that the identity is linked to, sorted.
func (i *identity) users(provider string) (out []string) {
	for _, l := range i.Logins {
		if l.Provider == provider {
			out = append(out, l.Subject)
		}
	}
	slices.Sort(out)
	return out
}

// findDeveloper reads the identity of a developer user, or else the one with the id.
func (s *Service) findDeveloper(c *wire.Call, poolID, id, user string) (row *identity, p *pool, err error) {
	scope := scopeOf(c.Account, poolID)
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		if p, err = findPool(tx, scope, poolID); err != nil {
			return err
		}
		if user != "" {
			row, err = findDeveloperUser(tx, scope, p, user)
			return err
		}
		row, err = identityRows.Get(tx, scope, id)
		if errors.Is(err, record.ErrNotFound) || err == nil && (row.Pool != poolID || len(row.users(p.Developer)) == 0) {
			return notFound("Identity", id)
		}
		return err
	})
	return row, p, err
}

func (s *Service) unlinkDeveloper(c *wire.Call, in *cognitoidentity.UnlinkDeveloperIdentityInput) (*cognitoidentity.UnlinkDeveloperIdentityOutput, error) {
	id := in.IdentityId.V
	scope := scopeOf(c.Account, id)
	return nil, s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		row, p, err := findIdentity(tx, scope, id)
		if err != nil {
			return err
		}
		gone := login{in.DeveloperProviderName.V, in.DeveloperUserIdentifier.V}
		if p.ID != in.IdentityPoolId.V || p.Developer != gone.Provider || !slices.Contains(row.Logins, gone) {
			return notFound("Identity", id)
		}
		row.unlink(gone, c)
		return identityRows.Put(tx, scope, row)
	})
}
