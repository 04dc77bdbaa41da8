package users

import (
	"crypto/hmac"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/wire"
)

func (s *Service) createUserPoolClient(c *wire.Call, in *cognitoidp.CreateUserPoolClientInput) (*cognitoidp.CreateUserPoolClientOutput, error) {
	if in.GenerateSecret.V && in.ClientSecret.Set {
		return nil, invalid("GenerateSecret and ClientSecret cannot both be given.")
	}
	id := randomText(lowerAndNum, 26)
	secret := in.ClientSecret.V
	if in.GenerateSecret.V {
		secret = randomText(lowerAndNum, 52)
	}
	cl := &client{ID: id, Pool: in.UserPoolId.V, Settings: cognitoidp.UserPoolClientType{
		UserPoolId: in.UserPoolId, ClientId: wire.Some(id), ClientName: in.ClientName, CreationDate: wire.Some(c.Now),
	}}
	if secret != "" {
		cl.Secrets = []clientSecret{s.sealSecret(c.Account, id, secret, c.Now)}
	}
	err := s.update(c, func(tx *kv.Tx) error {
		p, err := poolByID(tx, c.Account, in.UserPoolId.V)
		if err != nil {
			return err
		}
		if err := cl.configure(tx, c, p, changeableClient(in)); err != nil {
			return err
		}
		return clients.Insert(tx, everywhere(c.Account), cl)
	})
	if err != nil {
		return nil, err
	}
	shown, err := s.shown(c.Account, cl)
	return &cognitoidp.CreateUserPoolClientOutput{UserPoolClient: shown}, err
}

func changeableClient(in *cognitoidp.CreateUserPoolClientInput) *cognitoidp.UpdateUserPoolClientInput {
	return &cognitoidp.UpdateUserPoolClientInput{
		ClientName: in.ClientName, RefreshTokenValidity: in.RefreshTokenValidity, AccessTokenValidity: in.AccessTokenValidity, IdTokenValidity: in.IdTokenValidity,
		TokenValidityUnits: in.TokenValidityUnits, ReadAttributes: in.ReadAttributes, WriteAttributes: in.WriteAttributes, ExplicitAuthFlows: in.ExplicitAuthFlows,
		SupportedIdentityProviders: in.SupportedIdentityProviders, CallbackURLs: in.CallbackURLs, LogoutURLs: in.LogoutURLs, DefaultRedirectURI: in.DefaultRedirectURI,
		AllowedOAuthFlows: in.AllowedOAuthFlows, AllowedOAuthScopes: in.AllowedOAuthScopes, AllowedOAuthFlowsUserPoolClient: in.AllowedOAuthFlowsUserPoolClient,
		AnalyticsConfiguration: in.AnalyticsConfiguration, PreventUserExistenceErrors: in.PreventUserExistenceErrors, EnableTokenRevocation: in.EnableTokenRevocation,
		EnablePropagateAdditionalUserContextData: in.EnablePropagateAdditionalUserContextData, AuthSessionValidity: in.AuthSessionValidity, RefreshTokenRotation: in.RefreshTokenRotation,
	}
}

// configure puts the changeable settings into the client; what is left out returns to its default.
func (cl *client) configure(tx *kv.Tx, c *wire.Call, p *pool, in *cognitoidp.UpdateUserPoolClientInput) error {
	if err := cl.refuse(p, in); err != nil {
		return err
	}
	if err := cl.checkOAuth(tx, c.Account, in); err != nil {
		return err
	}
	t := &cl.Settings
	if in.ClientName.Set {
		t.ClientName = in.ClientName
	}
	t.RefreshTokenValidity, t.AccessTokenValidity, t.IdTokenValidity, t.TokenValidityUnits = in.RefreshTokenValidity, in.AccessTokenValidity, in.IdTokenValidity, in.TokenValidityUnits
	if t.RefreshTokenValidity.V == 0 {
		t.RefreshTokenValidity = wire.Some[int32](30)
		if t.TokenValidityUnits != nil {
			units := *t.TokenValidityUnits
			units.RefreshToken = wire.Opt[string]{}
			t.TokenValidityUnits = &units
		}
	}
	t.ReadAttributes, t.WriteAttributes, t.ExplicitAuthFlows = in.ReadAttributes, in.WriteAttributes, in.ExplicitAuthFlows
	t.SupportedIdentityProviders, t.CallbackURLs, t.LogoutURLs, t.DefaultRedirectURI = in.SupportedIdentityProviders, in.CallbackURLs, in.LogoutURLs, in.DefaultRedirectURI
	t.AllowedOAuthFlows, t.AllowedOAuthScopes = in.AllowedOAuthFlows, in.AllowedOAuthScopes
	t.AllowedOAuthFlowsUserPoolClient = wire.Some(in.AllowedOAuthFlowsUserPoolClient.V)
	t.PreventUserExistenceErrors = wire.Some(in.PreventUserExistenceErrors.Or("LEGACY"))
	t.EnableTokenRevocation = wire.Some(in.EnableTokenRevocation.Or(true))
	t.EnablePropagateAdditionalUserContextData = wire.Some(in.EnablePropagateAdditionalUserContextData.V)
	t.AuthSessionValidity = wire.Some(in.AuthSessionValidity.Or(3))
	t.RefreshTokenRotation = in.RefreshTokenRotation
	t.LastModifiedDate = wire.Some(c.Now)
	return cl.checkLifetimes()
}

// refuse refuses client settings that are wrong or that this server does not act on.
func (cl *client) refuse(p *pool, in *cognitoidp.UpdateUserPoolClientInput) error {
	if in.AnalyticsConfiguration != nil {
		return invalid("AnalyticsConfiguration is not supported by this server.")
	}
	for _, name := range slices.Concat(in.ReadAttributes, in.WriteAttributes) {
		if p.attribute(name) == nil {
			return invalid("Invalid read attributes or write attributes specified while creating a client: %s", name)
		}
	}
	return checkFlows(in)
}

func checkFlows(in *cognitoidp.UpdateUserPoolClientInput) error {
	modern := slices.ContainsFunc(in.ExplicitAuthFlows, func(f string) bool { return strings.HasPrefix(f, "ALLOW_") })
	for _, f := range in.ExplicitAuthFlows {
		switch {
		case modern && !strings.HasPrefix(f, "ALLOW_"):
			return invalid("ExplicitAuthFlows can not mix flows with and without the prefix ALLOW_.")
		case f == "ALLOW_REFRESH_TOKEN_AUTH" && rotates(in.RefreshTokenRotation):
			return invalid("Refresh token rotation can not be enabled together with ALLOW_REFRESH_TOKEN_AUTH.")
		}
	}
	return nil
}

func rotates(r *cognitoidp.RefreshTokenRotationType) bool {
	return r != nil && r.Feature.V == "ENABLED"
}

// allows tells whether the client may use a flow, named as in ALLOW_…: USER_SRP_AUTH, USER_PASSWORD_AUTH, CUSTOM_AUTH,
// ADMIN_USER_PASSWORD_AUTH, REFRESH_TOKEN_AUTH. A list of the old names says only what is allowed besides SRP, custom authentication
// and refresh; the old CUSTOM_AUTH_FLOW_ONLY takes SRP away.
func (cl *client) allows(flow string) bool {
	list := cl.Settings.ExplicitAuthFlows
	modern := slices.ContainsFunc(list, func(f string) bool { return strings.HasPrefix(f, "ALLOW_") })
	if modern {
		return slices.Contains(list, "ALLOW_"+flow)
	}
	switch flow {
	case "REFRESH_TOKEN_AUTH", customAuth:
		return true
	case "USER_SRP_AUTH":
		return !slices.Contains(list, "CUSTOM_AUTH_FLOW_ONLY")
	case "ADMIN_USER_PASSWORD_AUTH":
		return slices.Contains(list, "ADMIN_NO_SRP_AUTH")
	}
	return slices.Contains(list, flow)
}

// notSRP is the refusal of USER_SRP_AUTH.
func (cl *client) notSRP() error {
	if slices.Contains(cl.Settings.ExplicitAuthFlows, "CUSTOM_AUTH_FLOW_ONLY") {
		return invalid("Only custom auth (lambda driven) is enabled for this client.")
	}
	return invalid("USER_SRP_AUTH is not enabled for the client.")
}

// Lifetimes of tokens.
const (
	shortestToken   = 5 * time.Minute
	longestToken    = 24 * time.Hour
	shortestRefresh = time.Hour
	longestRefresh  = 10 * 365 * 24 * time.Hour
)

func unit(name, usual string) time.Duration {
	if name == "" {
		name = usual
	}
	return map[string]time.Duration{"seconds": time.Second, "minutes": time.Minute, "hours": time.Hour, "days": 24 * time.Hour}[name]
}

// lifetimes are how long the client's tokens live.
func (cl *client) lifetimes() (id, access, refresh time.Duration) {
	t, units := &cl.Settings, cl.Settings.TokenValidityUnits
	if units == nil {
		units = &cognitoidp.TokenValidityUnitsType{}
	}
	id, access = time.Hour, time.Hour
	if t.IdTokenValidity.V > 0 {
		id = time.Duration(t.IdTokenValidity.V) * unit(units.IdToken.V, "hours")
	}
	if t.AccessTokenValidity.V > 0 {
		access = time.Duration(t.AccessTokenValidity.V) * unit(units.AccessToken.V, "hours")
	}
	return id, access, time.Duration(t.RefreshTokenValidity.Or(30)) * unit(units.RefreshToken.V, "days")
}

func (cl *client) checkLifetimes() error {
	id, access, refresh := cl.lifetimes()
	if id < shortestToken || id > longestToken || access < shortestToken || access > longestToken || refresh < shortestRefresh || refresh > longestRefresh {
		return invalid("Invalid range for token validity.")
	}
	if id > refresh || access > refresh {
		return invalid("Invalid range for token validity: a token can not outlive the refresh token.")
	}
	return nil
}

func (s *Service) describeUserPoolClient(c *wire.Call, in *cognitoidp.DescribeUserPoolClientInput) (*cognitoidp.DescribeUserPoolClientOutput, error) {
	var cl *client
	err := s.view(c, func(tx *kv.Tx) (err error) {
		cl, _, err = clientOf(tx, c.Account, in.UserPoolId.V, in.ClientId.V)
		return err
	})
	if err != nil {
		return nil, err
	}
	shown, err := s.shown(c.Account, cl)
	return &cognitoidp.DescribeUserPoolClientOutput{UserPoolClient: shown}, err
}

// shown is the client as its owner sees it: with the secret.
func (s *Service) shown(account string, cl *client) (*cognitoidp.UserPoolClientType, error) {
	t := cl.Settings
	secrets, err := s.openSecrets(account, cl)
	if len(secrets) > 0 {
		t.ClientSecret = wire.Some(string(secrets[0]))
	}
	return &t, err
}

func (s *Service) updateUserPoolClient(c *wire.Call, in *cognitoidp.UpdateUserPoolClientInput) (*cognitoidp.UpdateUserPoolClientOutput, error) {
	var cl *client
	err := s.update(c, func(tx *kv.Tx) (err error) {
		var p *pool
		if cl, p, err = clientOf(tx, c.Account, in.UserPoolId.V, in.ClientId.V); err != nil {
			return err
		}
		if err := cl.configure(tx, c, p, in); err != nil {
			return err
		}
		return clients.Put(tx, everywhere(c.Account), cl)
	})
	if err != nil {
		return nil, err
	}
	shown, err := s.shown(c.Account, cl)
	return &cognitoidp.UpdateUserPoolClientOutput{UserPoolClient: shown}, err
}

func (s *Service) deleteUserPoolClient(c *wire.Call, in *cognitoidp.DeleteUserPoolClientInput) (*cognitoidp.DeleteUserPoolClientOutput, error) {
	return nil, s.update(c, func(tx *kv.Tx) error {
		if _, _, err := clientOf(tx, c.Account, in.UserPoolId.V, in.ClientId.V); err != nil {
			return err
		}
		if err := undress(tx, c.Account, in.UserPoolId.V, in.ClientId.V); err != nil {
			return err
		}
		if err := ignoreAbsent(risks.Delete(tx, inPool(c.Account, in.UserPoolId.V), in.UserPoolId.V, in.ClientId.V)); err != nil {
			return err
		}
		return clients.Delete(tx, everywhere(c.Account), in.ClientId.V)
	})
}

func (s *Service) listUserPoolClients(c *wire.Call, in *cognitoidp.ListUserPoolClientsInput) (*cognitoidp.ListUserPoolClientsOutput, error) {
	out := &cognitoidp.ListUserPoolClientsOutput{UserPoolClients: []cognitoidp.UserPoolClientDescription{}}
	err := s.view(c, func(tx *kv.Tx) error {
		if _, err := poolByID(tx, c.Account, in.UserPoolId.V); err != nil {
			return err
		}
		pg := page(in.NextToken, in.MaxResults)
		pg.Index, pg.Prefix = "pool", []any{in.UserPoolId.V}
		rows, next, err := clients.List(tx, everywhere(c.Account), pg)
		for _, cl := range rows {
			out.UserPoolClients = append(out.UserPoolClients, cognitoidp.UserPoolClientDescription{
				ClientId: wire.Some(cl.ID), ClientName: cl.Settings.ClientName, UserPoolId: wire.Some(cl.Pool),
			})
		}
		out.NextToken = wire.NonEmpty(next)
		return badToken(err)
	})
	return out, err
}

// checkSecretHash refuses a call that does not know the secret of a client that has one. The hash is over any of the names.
func (s *Service) checkSecretHash(account string, cl *client, given string, names ...string) error {
	secrets, err := s.openSecrets(account, cl)
	if err != nil {
		return err
	}
	if len(secrets) == 0 {
		if given != "" {
			return wire.Because(notAuthorized("Unable to verify secret hash for client %s", cl.ID), "client %s has no secret, yet SECRET_HASH was sent", cl.ID)
		}
		return nil
	}
	if given == "" {
		return wire.Because(notAuthorized("Client %s is configured with secret but SECRET_HASH was not received", cl.ID), "no SECRET_HASH in the request")
	}
	for _, secret := range secrets {
		for _, name := range names {
			if hmac.Equal([]byte(given), []byte(hashFor(secret, name, cl.ID))) {
				return nil
			}
		}
	}
	return wire.Because(notAuthorized("Unable to verify secret hash for client %s", cl.ID), "SECRET_HASH is not the HMAC of %q and the client id under the client's secret", names)
}

// hashFor is SECRET_HASH.
func hashFor(secret []byte, name, clientID string) string {
	return base64.StdEncoding.EncodeToString(mac(secret, []byte(name), []byte(clientID)))
}

// checkSecret refuses a call that shows the secret itself and shows the wrong one.
func (s *Service) checkSecret(account string, cl *client, given string) error {
	secrets, err := s.openSecrets(account, cl)
	if err != nil || len(secrets) == 0 && given == "" {
		return err
	}
	if !knows(secrets, given) {
		return wire.Because(notAuthorized("Invalid client secret"), "ClientSecret is not that of client %s", cl.ID)
	}
	return nil
}
