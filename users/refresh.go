package users

import (
	"time"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/wire"
)

// byRefreshToken answers REFRESH_TOKEN_AUTH.
func (s *Service) byRefreshToken(a *attempt) (*step, error) {
	text, err := a.parameter("REFRESH_TOKEN")
	if err != nil {
		return nil, err
	}
	r, err := s.refreshOf(a.Call, a.client, text)
	if err != nil {
		return nil, err
	}
	g, err := s.renew(a, r, func(u *user) error {
		names := []string{u.Name, u.Sub}
		for _, al := range u.Aliases {
			names = append(names, al.Value)
		}
		return s.checkSecretHash(a.Account, a.client, a.given["SECRET_HASH"], names...)
	})
	return &step{grant: g, source: "TokenGeneration_RefreshTokens"}, err
}

func (s *Service) getTokensFromRefreshToken(c *wire.Call, in *cognitoidp.GetTokensFromRefreshTokenInput) (*cognitoidp.GetTokensFromRefreshTokenOutput, error) {
	cl, p, err := s.stranger(c, in.ClientId.V)
	if err != nil {
		return nil, err
	}
	a := &attempt{Call: c, client: cl, pool: p, given: map[string]string{"DEVICE_KEY": in.DeviceKey.V}, data: in.ClientMetadata}
	if err := s.checkSecret(c.Account, a.client, in.ClientSecret.V); err != nil {
		return nil, err
	}
	if !a.client.allows("REFRESH_TOKEN_AUTH") && !rotates(a.client.Settings.RefreshTokenRotation) {
		return nil, invalid("Auth flow not enabled for this client")
	}
	r, err := s.refreshOf(c, a.client, in.RefreshToken.V)
	if err != nil {
		return nil, err
	}
	g, err := s.renew(a, r, func(*user) error { return nil })
	if err != nil {
		return nil, err
	}
	result, err := s.issue(c, g, "TokenGeneration_RefreshTokens", in.ClientMetadata)
	return &cognitoidp.GetTokensFromRefreshTokenOutput{AuthenticationResult: result}, err
}

// refreshOf reads a refresh token that must be the client's own.
func (s *Service) refreshOf(c *wire.Call, cl *client, text string) (refresh, error) {
	r, ok := s.openRefresh(c.Account, text)
	switch {
	case !ok:
		return r, wire.Because(notAuthorized("Invalid Refresh Token"), "the token was not made here, or was changed")
	case r.Client != cl.ID || r.Pool != cl.Pool:
		return r, wire.Because(notAuthorized("Invalid Refresh Token"), "the token was made for client %s, not %s", r.Client, cl.ID)
	}
	return r, nil
}

// renew checks that the sign-in behind a refresh token still stands. check has the last word about the user.
func (s *Service) renew(a *attempt, r refresh, check func(*user) error) (g *grant, err error) {
	err = s.update(a, func(tx *kv.Tx) error {
		g = nil
		u, err := people.Get(tx, inPool(a.Account, r.Pool), r.Pool, r.Sub)
		if absent(err) {
			return wire.Because(noUser(), "the token's user %s was deleted", r.Sub)
		}
		if err != nil {
			return err
		}
		if err := check(u); err != nil {
			return err
		}
		ses, err := sessions.Get(tx, inPool(a.Account, r.Pool), r.Pool, r.Sub, r.Origin)
		if absent(err) || err == nil && !ses.standsFor(u) {
			return wire.Because(notAuthorized("Refresh Token has been revoked"), "the sign-in %s was ended", r.Origin)
		}
		if err != nil {
			return err
		}
		if !a.Now.Before(ses.Expires) {
			return wire.Because(notAuthorized("Refresh Token has expired"), "it ended at %s", ses.Expires.UTC().Format(time.RFC3339))
		}
		if u.Disabled {
			return isDisabled()
		}
		if u.Status == resetRequired {
			return mustReset()
		}
		here, err := ses.onDevice(tx, a.Account, a.given["DEVICE_KEY"])
		if err != nil {
			return err
		}
		if !here {
			return wire.Because(notAuthorized("Invalid Refresh Token"), "the session is on device %s, which was forgotten or not named", ses.Device)
		}
		rotated, err := rotate(tx, a, ses, r.Serial)
		if err != nil {
			return err
		}
		gs, err := groupsOf(tx, a.Account, r.Pool, r.Sub)
		g = &grant{pool: a.pool, client: a.client, user: u, session: ses, groups: gs, refresh: rotated}
		return err
	})
	return g, err
}

// rotate makes the next refresh token of a session, when the client has them rotate. A token that was replaced serves on
// for the grace period; shown later it was stolen from somebody, and ends the session.
func rotate(tx *kv.Tx, a *attempt, ses *session, serial int) (handOut bool, err error) {
	policy := a.client.Settings.RefreshTokenRotation
	if serial != ses.Serial {
		grace := time.Duration(0)
		if policy != nil {
			grace = time.Duration(policy.RetryGracePeriodSeconds.V) * time.Second
		}
		if serial == ses.Serial-1 && a.Now.Before(ses.Rotated.Add(grace)) {
			return true, nil
		}
		if err := sessions.Delete(tx, inPool(a.Account, ses.Pool), ses.Pool, ses.Sub, ses.Origin); err != nil {
			return false, err
		}
		reuse := &cognitoidp.RefreshTokenReuseException{Message: wire.Some("Refresh token has been reused")}
		return false, keep(wire.Because(reuse, "token %d of the session was shown after token %d was issued", serial, ses.Serial))
	}
	if !rotates(policy) {
		return false, nil
	}
	ses.Serial++
	ses.Rotated = a.Now
	return true, sessions.Put(tx, inPool(a.Account, ses.Pool), ses)
}

func (s *Service) revokeToken(c *wire.Call, in *cognitoidp.RevokeTokenInput) (*cognitoidp.RevokeTokenOutput, error) {
	var cl *client
	err := s.view(c, func(tx *kv.Tx) (err error) {
		cl, _, err = clientByID(tx, c.Account, in.ClientId.V)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := s.checkSecret(c.Account, cl, in.ClientSecret.V); err != nil {
		return nil, err
	}
	if !cl.Settings.EnableTokenRevocation.V {
		return nil, &cognitoidp.UnsupportedOperationException{Message: wire.Some("Token revocation is not enabled for this client")}
	}
	r, ok := s.openRefresh(c.Account, in.Token.V)
	if !ok {
		return nil, wire.Because(&cognitoidp.UnsupportedTokenTypeException{Message: wire.Some("Unsupported token type")}, "not a refresh token of ours")
	}
	if r.Client != cl.ID {
		return nil, wire.Because(&cognitoidp.UnauthorizedException{Message: wire.Some("Token is not issued for the client")}, "made for client %s", r.Client)
	}
	return nil, s.update(c, func(tx *kv.Tx) error {
		return ignoreAbsent(sessions.Delete(tx, inPool(c.Account, r.Pool), r.Pool, r.Sub, r.Origin))
	})
}
