package users

import (
	"errors"
	"net/url"
	"strings"
	"time"

	"bothy/federation/saml"
	"bothy/kv"
	"bothy/wire"
)

const (
	metadataLife  = 6 * time.Hour    // published metadata is read again after; AWS does it as often
	metadataPause = 10 * time.Minute // between tries, while it cannot be read and the last still counts
)

// entityID is what SAML providers know the pool as.
func entityID(poolID string) string { return "urn:amazon:cognito:sp:" + poolID }

// published is the provider's metadata, read again when it got old. While it cannot be read, the last that was read counts, until the
// time it names itself.
func (s *Service) published(c *wire.Call, idp *provider) (*saml.Metadata, error) {
	m, err := idp.metadata()
	if err != nil || idp.Details["MetadataURL"] == "" {
		return m, err
	}
	over := !m.ValidUntil.IsZero() && !c.Now.Before(m.ValidUntil)
	if !over && (c.Now.Sub(idp.Read) < metadataLife || c.Now.Sub(idp.Missed) < metadataPause) {
		return m, nil
	}
	fresh := *idp
	missed := s.readMetadata(c, &fresh)
	if missed != nil {
		fresh.Metadata, fresh.Read, fresh.Missed = idp.Metadata, idp.Read, c.Now
	}
	if err := s.noteMetadata(c, &fresh); err != nil {
		return nil, err
	}
	if missed != nil && over {
		return nil, missed
	}
	return fresh.metadata()
}

// noteMetadata stores what was read, unless the provider was changed meanwhile.
func (s *Service) noteMetadata(c *wire.Call, read *provider) error {
	return s.update(c, func(tx *kv.Tx) error {
		now, err := providers.Get(tx, inPool(c.Account, read.Pool), read.Pool, read.Name)
		if err != nil || now.Details["MetadataURL"] != read.Details["MetadataURL"] || !now.Modified.Equal(read.Modified) {
			return ignoreAbsent(err)
		}
		now.Metadata, now.Read, now.Missed = read.Metadata, read.Read, read.Missed
		return providers.Put(tx, inPool(c.Account, read.Pool), now)
	})
}

func (s *Service) departSAML(c *wire.Call, idp *provider, id string, back departure) (string, error) {
	m, err := s.published(c, idp)
	if err != nil {
		return "", err
	}
	r := &saml.Request{ID: id, Issuer: entityID(idp.Pool), Destination: m.SSORedirect, Recipient: back.callback, Issued: c.Now}
	if idp.Details["RequestSigningAlgorithm"] == "" {
		return r.Redirect(back.state, nil)
	}
	key, _, err := s.requestKey(c, c.Account, idp.Pool)
	if err != nil {
		return "", err
	}
	return r.Redirect(back.state, key)
}

// arriveSAML checks the assertion, which counts once.
func (s *Service) arriveSAML(c *wire.Call, p *pool, idp *provider, m *away, answer url.Values) (*arrival, error) {
	metadata, err := s.published(c, idp)
	if err != nil {
		return nil, err
	}
	a, err := saml.Response(answer.Get("SAMLResponse"), saml.Expect{
		Provider: metadata, Audiences: []string{entityID(p.ID)}, Recipients: []string{m.Callback}, Request: m.Request, Now: c.Now,
	})
	if errors.Is(err, saml.ErrStatus) {
		return nil, wire.Because(notAuthorized("The identity provider %s did not confirm the sign-in.", idp.Name), "%v", err)
	}
	if err != nil {
		return nil, wire.Because(invalid("Invalid SAML response received from %s.", idp.Name), "%v", err)
	}
	again := wire.Because(invalid("Invalid SAML response received from %s.", idp.Name), "assertion %s was used before", a.ID)
	if err := s.once(c, idp, []byte("saml/"+idp.Name+"/"+a.ID), a.Expires, again); err != nil {
		return nil, err
	}
	who := &arrival{subject: a.NameID.Value, issuer: a.Issuer, values: map[string]string{}}
	for name, all := range a.Attributes {
		who.values[name] = joined(all)
	}
	who.raw = map[string]any{"samlResponse": who.values}
	return who, nil
}

// joined is an attribute as one text: several values as AWS joins them.
func joined(values []string) string {
	if len(values) == 1 {
		return values[0]
	}
	return "[" + strings.Join(values, ", ") + "]"
}
