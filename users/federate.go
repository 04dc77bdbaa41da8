package users

import (
	"net/url"

	"bothy/wire"
)

// departure is where the browser is to come back to, and with what.
type departure struct {
	callback string // https://<domain>/oauth2/idpresponse, of SAML /saml2/idpresponse
	state    string // comes back as state, of SAML as RelayState: by it the caller finds the pending request
}

// depart starts a sign-in at an external provider of the pool: where the browser is sent, and what must be remembered until it
// returns (sealed; the caller keeps it with its pending request). It asks the provider for its endpoints, so call it outside of
// transactions.
func (s *Service) depart(c *wire.Call, p *pool, idp *provider, back departure) (to string, memory []byte, err error) {
	return "", nil, invalid("The provider %s can not be reached.", idp.Name)
}

// arrive takes the provider's answer (the query or form that came to the callback) and returns the user it stands for: made or
// updated by the attribute mapping, the local one where there is a link. memory is what depart returned; nil, for SAML whose
// provider may begin (IDPInit). It runs the triggers of federation, and PreAuthentication for users who came before; what follows
// a sign-in (PostAuthentication, tokens) is the caller's. Disabled users are refused.
func (s *Service) arrive(c *wire.Call, p *pool, cl *client, idp *provider, memory []byte, answer url.Values) (*user, error) {
	return nil, invalid("The provider %s can not be reached.", idp.Name)
}
