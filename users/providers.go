package users

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

const maxProviders = 300 // of a pool

func (s *Service) mountProviders(m *wire.Mux) {
	onPool(m, cognitoidp.CreateIdentityProvider, func(in *cognitoidp.CreateIdentityProviderInput) string { return in.UserPoolId.V }, s.createIdentityProvider)
	onPool(m, cognitoidp.DescribeIdentityProvider, func(in *cognitoidp.DescribeIdentityProviderInput) string { return in.UserPoolId.V }, s.describeIdentityProvider)
	onPool(m, cognitoidp.UpdateIdentityProvider, func(in *cognitoidp.UpdateIdentityProviderInput) string { return in.UserPoolId.V }, s.updateIdentityProvider)
	onPool(m, cognitoidp.DeleteIdentityProvider, func(in *cognitoidp.DeleteIdentityProviderInput) string { return in.UserPoolId.V }, s.deleteIdentityProvider)
	onPool(m, cognitoidp.ListIdentityProviders, func(in *cognitoidp.ListIdentityProvidersInput) string { return in.UserPoolId.V }, s.listIdentityProviders)
	onPool(m, cognitoidp.GetIdentityProviderByIdentifier, func(in *cognitoidp.GetIdentityProviderByIdentifierInput) string { return in.UserPoolId.V }, s.getIdentityProviderByIdentifier)
	onPool(m, cognitoidp.GetSigningCertificate, func(in *cognitoidp.GetSigningCertificateInput) string { return in.UserPoolId.V }, s.getSigningCertificate)
	onPool(m, cognitoidp.AdminLinkProviderForUser, func(in *cognitoidp.AdminLinkProviderForUserInput) string { return in.UserPoolId.V }, s.adminLinkProviderForUser)
	onPool(m, cognitoidp.AdminDisableProviderForUser, func(in *cognitoidp.AdminDisableProviderForUserInput) string { return in.UserPoolId.V }, s.adminDisableProviderForUser)
}

func (s *Service) createIdentityProvider(c *wire.Call, in *cognitoidp.CreateIdentityProviderInput) (*cognitoidp.CreateIdentityProviderOutput, error) {
	p, err := s.pool(c, in.UserPoolId.V)
	if err != nil {
		return nil, err
	}
	idp := &provider{Pool: p.ID, Name: in.ProviderName.V, Kind: in.ProviderType.V, Created: c.Now}
	if err := idp.checkName(); err != nil {
		return nil, err
	}
	if err := s.configureProvider(c, p, idp, &cognitoidp.UpdateIdentityProviderInput{
		ProviderDetails: in.ProviderDetails, AttributeMapping: in.AttributeMapping, IdpIdentifiers: in.IdpIdentifiers, AcrMapping: in.AcrMapping,
	}); err != nil {
		return nil, err
	}
	err = s.update(c, func(tx *kv.Tx) error {
		if _, err := poolByID(tx, c.Account, p.ID); err != nil {
			return err
		}
		all, err := providers.All(tx, inPool(c.Account, p.ID), "", p.ID)
		if err != nil {
			return err
		}
		if len(all) >= maxProviders {
			return &cognitoidp.LimitExceededException{Message: wire.Some("The user pool has as many identity providers as it can have.")}
		}
		return duplicate(providers.Insert(tx, inPool(c.Account, p.ID), idp))
	})
	if err != nil {
		return nil, err
	}
	shown, err := s.shownProvider(c.Account, idp)
	return &cognitoidp.CreateIdentityProviderOutput{IdentityProvider: shown}, err
}

// checkName holds the provider to the name its type wants.
func (idp *provider) checkName() error {
	social := []string{kindGoogle, kindFacebook, kindApple, kindAmazon}
	switch {
	case slices.Contains(social, idp.Kind) && idp.Name != idp.Kind:
		return invalid("ProviderName of type %s must be %s.", idp.Kind, idp.Kind)
	case !slices.Contains(social, idp.Kind) && (slices.Contains(social, idp.Name) || strings.EqualFold(idp.Name, ownProvider)):
		return invalid("ProviderName %s is reserved.", idp.Name)
	}
	return nil
}

func duplicate(err error) error {
	taken := (*record.ErrExists)(nil)
	switch {
	case !errors.As(err, &taken):
		return err
	case taken.Index == "":
		return &cognitoidp.DuplicateProviderException{Message: wire.Some("A provider with the name already exists.")}
	}
	return &cognitoidp.DuplicateProviderException{Message: wire.Some("An identity provider with one of the IdpIdentifiers already exists.")}
}

// shownProvider is the provider as operators see it: with the client's secret, as in AWS, but never with Apple's key.
func (s *Service) shownProvider(account string, idp *provider) (*cognitoidp.IdentityProviderType, error) {
	details := maps.Clone(idp.Details)
	if idp.Kind == kindSAML {
		m, err := idp.metadata()
		if err != nil {
			return nil, err
		}
		details["SSORedirectBindingURI"] = m.SSORedirect
		if m.SLORedirect != "" {
			details["SLORedirectBindingURI"] = m.SLORedirect
		}
		if details["MetadataURL"] == "" {
			details["MetadataFile"] = string(idp.Metadata)
		}
	} else if idp.Kind != kindApple && idp.Secret != nil {
		secret, err := s.providerSecret(account, idp)
		if err != nil {
			return nil, err
		}
		details[secretDetail(idp.Kind)] = secret
	}
	return &cognitoidp.IdentityProviderType{
		UserPoolId: wire.Some(idp.Pool), ProviderName: wire.Some(idp.Name), ProviderType: wire.Some(idp.Kind), ProviderDetails: details,
		AttributeMapping: idp.Mapping, IdpIdentifiers: idp.Identifiers, CreationDate: wire.Some(idp.Created), LastModifiedDate: wire.Some(idp.Modified),
	}, nil
}

// providerOf reads a provider and its pool in a view of its own.
func (s *Service) providerOf(c *wire.Call, poolID string, find func(tx *kv.Tx) (*provider, error)) (p *pool, idp *provider, err error) {
	err = s.view(c, func(tx *kv.Tx) error {
		if p, err = poolByID(tx, c.Account, poolID); err != nil {
			return err
		}
		idp, err = find(tx)
		return err
	})
	return p, idp, err
}

func (s *Service) describeIdentityProvider(c *wire.Call, in *cognitoidp.DescribeIdentityProviderInput) (*cognitoidp.DescribeIdentityProviderOutput, error) {
	_, idp, err := s.providerOf(c, in.UserPoolId.V, func(tx *kv.Tx) (*provider, error) {
		return providerByName(tx, c.Account, in.UserPoolId.V, in.ProviderName.V)
	})
	if err != nil {
		return nil, err
	}
	shown, err := s.shownProvider(c.Account, idp)
	return &cognitoidp.DescribeIdentityProviderOutput{IdentityProvider: shown}, err
}

func (s *Service) getIdentityProviderByIdentifier(c *wire.Call, in *cognitoidp.GetIdentityProviderByIdentifierInput) (*cognitoidp.GetIdentityProviderByIdentifierOutput, error) {
	_, idp, err := s.providerOf(c, in.UserPoolId.V, func(tx *kv.Tx) (*provider, error) {
		return providerByIdentifier(tx, c.Account, in.UserPoolId.V, in.IdpIdentifier.V)
	})
	if err != nil {
		return nil, err
	}
	shown, err := s.shownProvider(c.Account, idp)
	return &cognitoidp.GetIdentityProviderByIdentifierOutput{IdentityProvider: shown}, err
}

func (s *Service) updateIdentityProvider(c *wire.Call, in *cognitoidp.UpdateIdentityProviderInput) (*cognitoidp.UpdateIdentityProviderOutput, error) {
	p, idp, err := s.providerOf(c, in.UserPoolId.V, func(tx *kv.Tx) (*provider, error) {
		return providerByName(tx, c.Account, in.UserPoolId.V, in.ProviderName.V)
	})
	if err != nil {
		return nil, err
	}
	if err := s.configureProvider(c, p, idp, in); err != nil {
		return nil, err
	}
	err = s.update(c, func(tx *kv.Tx) error {
		if _, err := providerByName(tx, c.Account, p.ID, idp.Name); err != nil {
			return err
		}
		return duplicate(providers.Put(tx, inPool(c.Account, p.ID), idp))
	})
	if err != nil {
		return nil, err
	}
	shown, err := s.shownProvider(c.Account, idp)
	return &cognitoidp.UpdateIdentityProviderOutput{IdentityProvider: shown}, err
}

// deleteIdentityProvider removes the provider, also from the lists of the pool's clients. Its users stay.
func (s *Service) deleteIdentityProvider(c *wire.Call, in *cognitoidp.DeleteIdentityProviderInput) (*cognitoidp.DeleteIdentityProviderOutput, error) {
	poolID, name := in.UserPoolId.V, in.ProviderName.V
	return nil, s.update(c, func(tx *kv.Tx) error {
		if _, err := poolByID(tx, c.Account, poolID); err != nil {
			return err
		}
		if _, err := providerByName(tx, c.Account, poolID, name); err != nil {
			return err
		}
		all, err := clients.All(tx, everywhere(c.Account), "pool", poolID)
		if err != nil {
			return err
		}
		for _, cl := range all {
			if !cl.offers(name) {
				continue
			}
			cl.Settings.SupportedIdentityProviders = slices.DeleteFunc(cl.Settings.SupportedIdentityProviders, func(n string) bool { return n == name })
			if err := clients.Put(tx, everywhere(c.Account), cl); err != nil {
				return err
			}
		}
		return providers.Delete(tx, inPool(c.Account, poolID), poolID, name)
	})
}

func (s *Service) listIdentityProviders(c *wire.Call, in *cognitoidp.ListIdentityProvidersInput) (*cognitoidp.ListIdentityProvidersOutput, error) {
	out := &cognitoidp.ListIdentityProvidersOutput{Providers: []cognitoidp.ProviderDescription{}}
	return out, s.view(c, func(tx *kv.Tx) error {
		if _, err := poolByID(tx, c.Account, in.UserPoolId.V); err != nil {
			return err
		}
		pg := page(in.NextToken, in.MaxResults)
		pg.Prefix = []any{in.UserPoolId.V}
		rows, next, err := providers.List(tx, inPool(c.Account, in.UserPoolId.V), pg)
		for _, idp := range rows {
			out.Providers = append(out.Providers, cognitoidp.ProviderDescription{
				ProviderName: wire.Some(idp.Name), ProviderType: wire.Some(idp.Kind), CreationDate: wire.Some(idp.Created), LastModifiedDate: wire.Some(idp.Modified),
			})
		}
		out.NextToken = wire.NonEmpty(next)
		return badToken(err)
	})
}

// checkProviders refuses a client's providers that the pool does not have.
func checkProviders(tx *kv.Tx, account, poolID string, names []string) error {
	for _, name := range names {
		if name == ownProvider {
			continue
		}
		if _, err := providers.Get(tx, inPool(account, poolID), poolID, name); absent(err) {
			return invalid("The provider %s does not exist for User Pool %s.", name, poolID)
		} else if err != nil {
			return err
		}
	}
	return nil
}
