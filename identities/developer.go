package identities

import (
	"errors"
	"slices"
	"strings"
	"time"

	"bothy/api/cognitoidentity"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

func accessDeveloperToken(c *wire.Call, in *cognitoidentity.GetOpenIdTokenForDeveloperIdentityInput) ([]wire.Access, error) {
	return wire.One("cognito-identity:GetOpenIdTokenForDeveloperIdentity", poolARN(c, in.IdentityPoolId.V), nil), nil
}

func accessLookupDeveloper(c *wire.Call, in *cognitoidentity.LookupDeveloperIdentityInput) ([]wire.Access, error) {
	return wire.One("cognito-identity:LookupDeveloperIdentity", poolARN(c, in.IdentityPoolId.V), nil), nil
}

func accessUnlinkDeveloper(c *wire.Call, in *cognitoidentity.UnlinkDeveloperIdentityInput) ([]wire.Access, error) {
	return wire.One("cognito-identity:UnlinkDeveloperIdentity", poolARN(c, in.IdentityPoolId.V), nil), nil
}

// developerToken lets a trusted backend say who a user of its own is: the signature of the call is the proof.
func (s *Service) developerToken(c *wire.Call, in *cognitoidentity.GetOpenIdTokenForDeveloperIdentityInput) (*cognitoidentity.GetOpenIdTokenForDeveloperIdentityOutput, error) {
	if len(in.PrincipalTags) > 0 {
		return nil, invalid("PrincipalTags are not supported.")
	}
	p, err := s.pool(c, in.IdentityPoolId.V)
	if err != nil {
		return nil, err
	}
	subject := in.Logins[p.Developer]
	if p.Developer == "" || subject == "" {
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
	logins = append([]verified{p.developerLogin(subject)}, logins...)
	id, err := s.developerIdentity(c, p, in.IdentityId.V, logins)
	if err != nil {
		return nil, err
	}
	life := time.Duration(in.TokenDuration.Or(int64(TokenLife/time.Second))) * time.Second
	token, err := s.sign(c, &resolved{id: id, pool: p, logins: logins}, life)
	return &cognitoidentity.GetOpenIdTokenForDeveloperIdentityOutput{IdentityId: wire.Some(id), Token: wire.Some(token)}, err
}

// developerIdentity finds or makes the identity of the logins; a given identity id gets them linked.
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
		switch {
		case err != nil:
			return err
		case at.ID != p.ID || row.Merged != "":
			return notFound("Identity", id)
		case own != nil && own.ID != id:
			return &cognitoidentity.DeveloperUserAlreadyRegisteredException{Message: wire.Some("The developer user identifier is already registered with another identity.")}
		}
		if _, err := row.link(logins, c.Now); err != nil {
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
	return p.developerLogin(strings.TrimPrefix(cl.AMR[i], p.Developer+":"+p.ID+":")), nil
}

func (s *Service) lookupDeveloper(c *wire.Call, in *cognitoidentity.LookupDeveloperIdentityInput) (*cognitoidentity.LookupDeveloperIdentityOutput, error) {
	if (in.IdentityId.V == "") == (in.DeveloperUserIdentifier.V == "") {
		return nil, invalid("Please provide either IdentityId or DeveloperUserIdentifier.")
	}
	row, p, err := s.findDeveloper(c, in.IdentityPoolId.V, in.IdentityId.V, in.DeveloperUserIdentifier.V)
	if err != nil {
		return nil, err
	}
	out := &cognitoidentity.LookupDeveloperIdentityOutput{IdentityId: wire.Some(row.ID), DeveloperUserIdentifierList: []string{}}
	for _, l := range row.Logins {
		if l.Provider == p.Developer {
			out.DeveloperUserIdentifierList = append(out.DeveloperUserIdentifierList, l.Subject)
		}
	}
	return out, nil
}

func (s *Service) findDeveloper(c *wire.Call, poolID, id, subject string) (row *identity, p *pool, err error) {
	scope := scopeOf(c.Account, poolID)
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		if p, err = findPool(tx, scope, poolID); err != nil {
			return err
		}
		if subject != "" {
			row, err = identityRows.Find(tx, scope, "login", poolID, p.Developer, subject)
		} else {
			row, err = identityRows.Get(tx, scope, id)
		}
		if errors.Is(err, record.ErrNotFound) || err == nil && row.Pool != poolID {
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
