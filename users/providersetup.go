package users

import (
	"maps"
	"slices"

	"bothy/api/cognitoidp"
	"bothy/federation/oidc"
	"bothy/federation/saml"
	"bothy/wire"
)

const maxMetadata = 256 << 10 // bytes of a SAML provider's metadata

// configureProvider puts what is given into the provider; what is left out stays. It reads what the provider publishes, so call it
// outside of transactions.
func (s *Service) configureProvider(c *wire.Call, p *pool, idp *provider, in *cognitoidp.UpdateIdentityProviderInput) error {
	if len(in.AcrMapping) > 0 {
		return invalid("AcrMapping is not supported by this server.")
	}
	if in.AttributeMapping != nil {
		idp.Mapping = in.AttributeMapping
	}
	if err := idp.completeMapping(p); err != nil {
		return err
	}
	if in.IdpIdentifiers != nil {
		idp.Identifiers = in.IdpIdentifiers
	}
	if hasTwice(idp.Identifiers) {
		return invalid("IdpIdentifiers has the same identifier twice.")
	}
	idp.Modified = c.Now
	if in.ProviderDetails == nil {
		return nil
	}
	return s.setDetails(c, idp, maps.Clone(in.ProviderDetails))
}

func hasTwice(list []string) bool {
	return len(slices.Compact(slices.Sorted(slices.Values(list)))) < len(list)
}

// completeMapping refuses a mapping to attributes that the pool does not have. The username follows from the provider's own name for
// the user and cannot be mapped from elsewhere.
func (idp *provider) completeMapping(p *pool) error {
	subject := subjectClaim(idp.Kind)
	for _, name := range sortedKeys(idp.Mapping) {
		switch {
		case name == "username":
			if subject == "" || idp.Mapping[name] != subject {
				return invalid("The username of users of %s cannot be mapped.", idp.Name)
			}
		case name == "sub" || p.attribute(name) == nil:
			return invalid("Invalid AttributeMapping: the user pool has no attribute %s that can be set.", name)
		case idp.Mapping[name] == "":
			return invalid("Invalid AttributeMapping: nothing is mapped to %s.", name)
		}
	}
	if subject != "" {
		idp.Mapping = maps.Clone(idp.Mapping)
		if idp.Mapping == nil {
			idp.Mapping = map[string]string{}
		}
		idp.Mapping["username"] = subject
	}
	return nil
}

// setDetails replaces the details. Apple's private key, which is never shown, stays when it is left out.
func (s *Service) setDetails(c *wire.Call, idp *provider, given map[string]string) error {
	key := secretDetail(idp.Kind)
	if idp.Kind == kindApple && given[key] == "" && idp.Secret != nil {
		secret, err := s.providerSecret(c.Account, idp)
		if err != nil {
			return err
		}
		given[key] = secret
	}
	if err := checkDetails(idp.Kind, given); err != nil {
		return err
	}
	if idp.Secret = nil; given[key] != "" {
		idp.Secret = s.cfg.Sealer.Seal(providerPlace(c.Account, idp), []byte(given[key]))
	}
	idp.Metadata = []byte(given["MetadataFile"])
	for _, name := range []string{key, "MetadataFile", "SSORedirectBindingURI", "SLORedirectBindingURI", "ActiveEncryptionCertificate"} {
		delete(given, name)
	}
	idp.Details = knownDetails(idp.Kind, given)
	if idp.Details == nil {
		idp.Details = map[string]string{}
	}
	maps.Copy(idp.Details, given)
	return s.meet(c, idp)
}

// meet reads what the provider publishes, so that a mistake shows when it is made and not when people sign in.
func (s *Service) meet(c *wire.Call, idp *provider) error {
	switch idp.Kind {
	case kindSAML:
		if idp.Details["MetadataURL"] != "" {
			return s.readMetadata(c, idp)
		}
		_, err := idp.metadata()
		return err
	case kindOIDC:
		if _, err := s.relying(idp).Endpoints(c); err != nil {
			return wire.Because(invalid("Unable to contact well-known endpoint of %s.", idp.Details["oidc_issuer"]), "%v", err)
		}
	}
	return nil
}

// readMetadata reads the metadata from where the provider publishes it.
func (s *Service) readMetadata(c *wire.Call, idp *provider) error {
	document, err := s.external.Document(c, idp.Details["MetadataURL"])
	if err != nil {
		return wire.Because(invalid("Error retrieving metadata from %s.", idp.Details["MetadataURL"]), "%v", err)
	}
	idp.Metadata, idp.Read = document, c.Now
	_, err = idp.metadata()
	return err
}

func (idp *provider) metadata() (*saml.Metadata, error) {
	if len(idp.Metadata) > maxMetadata {
		return nil, invalid("The metadata is larger than %d bytes.", maxMetadata)
	}
	m, err := saml.ParseMetadata(idp.Metadata)
	if err != nil {
		return nil, wire.Because(invalid("The metadata of the SAML provider %s is not valid.", idp.Name), "%v", err)
	}
	if err := oidc.CheckURL(m.SSORedirect); err != nil {
		return nil, wire.Because(invalid("The metadata of the SAML provider %s has no SingleSignOnService by HTTP-Redirect at an https URL.", idp.Name), "%v", err)
	}
	return m, nil
}

func providerPlace(account string, idp *provider) string {
	return "users.provider.secret/" + account + "/" + idp.Pool + "/" + idp.Name
}

func (s *Service) providerSecret(account string, idp *provider) (string, error) {
	if idp.Secret == nil {
		return "", nil
	}
	b, err := s.cfg.Sealer.Open(providerPlace(account, idp), idp.Secret)
	return string(b), err
}
