package users

import (
	"crypto/subtle"
	"encoding/json"
	"net/url"
	"time"

	"bothy/federation/oidc"
	"bothy/federation/saml"
	"bothy/kv"
	"bothy/wire"
)

// awayLife is how long somebody may take to sign in at a provider.
const awayLife = 15 * time.Minute

// departure is where the browser is to come back to, and with what.
type departure struct {
	callback string // https://<domain>/oauth2/idpresponse, of SAML /saml2/idpresponse
	state    string // comes back as state, of SAML as RelayState (of at most 80 bytes): by it the caller finds the pending request
}

// away is what must be known when somebody comes back from a provider. It is sealed for the pool and provider.
type away struct {
	Callback string
	State    []byte `json:",omitempty"` // digest; nil when the provider begins
	Nonce    string `json:",omitempty"`
	Verifier string `json:",omitempty"`
	Request  string `json:",omitempty"` // of SAML; "" when the provider begins
	Expires  time.Time
}

func awayPlace(account string, idp *provider) string {
	return "users.away/" + account + "/" + idp.Pool + "/" + idp.Name
}

// depart starts a sign-in at an external provider of the pool: where the browser is sent, and what must be remembered until it
// returns (sealed; the caller keeps it with its pending request). It asks the provider for its endpoints, so call it outside of
// transactions.
func (s *Service) depart(c *wire.Call, p *pool, idp *provider, back departure) (to string, memory []byte, err error) {
	m := away{Callback: back.callback, State: digest([]byte(back.state)), Expires: c.Now.Add(awayLife)}
	if idp.Kind == kindSAML {
		m.Request = saml.NewID()
		to, err = s.departSAML(c, idp, m.Request, back)
	} else {
		m.Nonce, m.Verifier = oidc.NewVerifier(), oidc.NewVerifier()
		to, err = s.departOIDC(c, idp, &m, back)
	}
	if err != nil {
		return "", nil, err
	}
	memory, err = s.sealAway(c, idp, m)
	return to, memory, err
}

func (s *Service) sealAway(c *wire.Call, idp *provider, m away) ([]byte, error) {
	b, err := json.Marshal(m)
	return s.cfg.Sealer.Seal(awayPlace(c.Account, idp), b), err
}

// uninvited is what arrive needs in the place of a departure's memory when a SAML provider begins, where it may (IDPInit). What its
// RelayState says is for the caller to read.
func (s *Service) uninvited(c *wire.Call, idp *provider, callback string) ([]byte, error) {
	if idp.Kind != kindSAML || idp.Details["IDPInit"] != "true" {
		return nil, wire.Because(invalid("Invalid SAML response received from %s.", idp.Name), "it answers no request, and IDPInit is not enabled")
	}
	return s.sealAway(c, idp, away{Callback: callback, Expires: c.Now.Add(awayLife)})
}

// arrive takes the provider's answer (the query or form that came to the callback) and returns the user it stands for: made or
// updated by the attribute mapping, the local one where there is a link. memory is what depart or uninvited returned. It runs the
// triggers of federation, and PreAuthentication for users who came before; what follows a sign-in (PostAuthentication, tokens) is the
// caller's. Disabled users are refused.
func (s *Service) arrive(c *wire.Call, p *pool, cl *client, idp *provider, memory []byte, answer url.Values) (*user, error) {
	if !cl.offers(idp.Name) {
		return nil, wire.Because(invalid("The provider %s is not enabled for the client.", idp.Name), "client %s does not list it", cl.ID)
	}
	if err := s.mayCome(c, p, cl.ID, c.SourceIP); err != nil {
		return nil, err
	}
	m, err := s.remember(c, idp, memory, answer)
	if err != nil {
		return nil, err
	}
	var who *arrival
	if idp.Kind == kindSAML {
		who, err = s.arriveSAML(c, p, idp, m, answer)
	} else {
		who, err = s.arriveOIDC(c, idp, m, answer)
	}
	if err != nil {
		return nil, err
	}
	return s.welcome(c, p, cl, idp, who)
}

// remember opens what depart sealed, once: the answer must be to that departure, and in time.
func (s *Service) remember(c *wire.Call, idp *provider, memory []byte, answer url.Values) (*away, error) {
	late := func(reason string) error {
		return wire.Because(notAuthorized("Invalid session for the user, session is expired."), "answer of %s: %s", idp.Name, reason)
	}
	b, err := s.cfg.Sealer.Open(awayPlace(c.Account, idp), memory)
	if err != nil {
		return nil, late("it belongs to no departure to this provider")
	}
	m := new(away)
	if err := json.Unmarshal(b, m); err != nil {
		return nil, err
	}
	state := answer.Get("state")
	if idp.Kind == kindSAML {
		state = answer.Get("RelayState")
	}
	switch {
	case c.Now.After(m.Expires):
		return nil, late("the departure ended at " + m.Expires.UTC().Format(time.RFC3339))
	case m.State != nil && subtle.ConstantTimeCompare(digest([]byte(state)), m.State) != 1:
		return nil, late("its state is not that of the departure")
	}
	return m, s.once(c, idp, memory, m.Expires, late("it was given before"))
}

// once marks a thing as used; again is the answer when it was before.
func (s *Service) once(c *wire.Call, idp *provider, thing []byte, expires time.Time, again error) error {
	return s.update(c, func(tx *kv.Tx) error {
		fresh, err := spend(tx, c.Account, idp.Pool, thing, expires)
		if err == nil && !fresh {
			return again
		}
		return err
	})
}

// arrival is somebody who comes from a provider, proved.
type arrival struct {
	subject string            // the provider's name for them
	issuer  string            // of SAML
	values  map[string]string // what the provider says of them, by its own names
	raw     map[string]any    // the same as it came, for the function of InboundFederation
}
