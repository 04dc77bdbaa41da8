package users

import (
	"slices"
	"time"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/wire"
)

// localProvider is the name under which links speak of the pool itself.
const localProvider = "Cognito"

const longestSubject = longestIndexed // bytes

// adminLinkProviderForUser lets somebody who signs in at a provider be an existing user.
func (s *Service) adminLinkProviderForUser(c *wire.Call, in *cognitoidp.AdminLinkProviderForUserInput) (*cognitoidp.AdminLinkProviderForUserOutput, error) {
	return nil, s.update(c, func(tx *kv.Tx) error {
		p, err := poolByID(tx, c.Account, in.UserPoolId.V)
		if err != nil {
			return err
		}
		link, err := linkOf(tx, c, p, in.SourceUser)
		if err != nil {
			return err
		}
		u, err := destination(tx, c.Account, p, in.DestinationUser)
		if err != nil {
			return err
		}
		if err := p.mayLink(u); err != nil {
			return err
		}
		owner, err := identified(tx, c.Account, p.ID, link.Provider, link.Attribute, link.Value)
		switch {
		case err == nil && owner.Sub == u.Sub:
			return invalid("SourceUser is already linked to DestinationUser")
		case err == nil:
			return invalid("Merging is not currently supported, provide a SourceUser that has not been merged to a link")
		case !absent(err):
			return err
		}
		u.Identities = append(u.Identities, *link)
		return s.save(tx, c.Account, p, u, false, c.Now)
	})
}

// linkOf is the identity that a SourceUser describes.
func linkOf(tx *kv.Tx, c *wire.Call, p *pool, source *cognitoidp.ProviderUserIdentifierType) (*identity, error) {
	name, attribute, value := source.ProviderName.V, source.ProviderAttributeName.V, source.ProviderAttributeValue.V
	if name == localProvider {
		return nil, invalid("Invalid SourceUser: Cognito users with a username/password may not be passed in as a SourceUser, only as a DestinationUser")
	}
	idp, err := providerByName(tx, c.Account, p.ID, name)
	if err != nil {
		return nil, err
	}
	mapped := (idp.Kind == kindOIDC || idp.Kind == kindSAML) && attribute != "username" && idp.Mapping[attribute] != ""
	switch {
	case value == "" || len(value) > longestSubject:
		return nil, invalid("Invalid SourceUser: ProviderAttributeValue must have 1 to %d bytes.", longestSubject)
	case attribute != byProvider && !mapped:
		return nil, invalid("Invalid SourceUser: ProviderAttributeName must be %s, or an attribute that the provider's AttributeMapping sets.", byProvider)
	}
	return &identity{Provider: name, Kind: idp.Kind, Attribute: attribute, Value: value, Created: c.Now}, nil
}

// destination finds the user to whom is linked.
func destination(tx *kv.Tx, account string, p *pool, to *cognitoidp.ProviderUserIdentifierType) (*user, error) {
	if to.ProviderName.V == localProvider {
		return named(tx, account, p, to.ProviderAttributeValue.V)
	}
	u, err := identified(tx, account, p.ID, to.ProviderName.V, byProvider, to.ProviderAttributeValue.V)
	if absent(err) {
		return nil, noUser()
	}
	return u, err
}

// mayLink refuses users whose attributes a provider could not renew, and those with links enough.
func (p *pool) mayLink(u *user) error {
	if len(u.Identities) >= maxIdentities {
		return &cognitoidp.LimitExceededException{Message: wire.Some("The user has as many linked identities as it can have.")}
	}
	for _, name := range sortedKeys(u.Attributes) {
		if a := p.attribute(name); a != nil && !a.Mutable.Or(true) && u.Attributes[name] != "" {
			return invalid("Invalid DestinationUser: its attribute %s is immutable.", name)
		}
	}
	return nil
}

// adminDisableProviderForUser undoes a link; of the pool itself, it takes the user's password away.
func (s *Service) adminDisableProviderForUser(c *wire.Call, in *cognitoidp.AdminDisableProviderForUserInput) (*cognitoidp.AdminDisableProviderForUserOutput, error) {
	name, attribute, value := in.User.ProviderName.V, in.User.ProviderAttributeName.V, in.User.ProviderAttributeValue.V
	return nil, s.update(c, func(tx *kv.Tx) error {
		p, err := poolByID(tx, c.Account, in.UserPoolId.V)
		if err != nil {
			return err
		}
		if name == localProvider {
			return s.dropPassword(tx, c, p, attribute, value)
		}
		u, err := identified(tx, c.Account, p.ID, name, attribute, value)
		if absent(err) {
			return noUser()
		}
		if err != nil {
			return err
		}
		if u.at(name, attribute, value).Primary {
			return invalid("The user was made by the provider and is not linked to another: disable or delete it instead.")
		}
		u.Identities = slices.DeleteFunc(u.Identities, func(i identity) bool { return i.Provider == name && i.Attribute == attribute && i.Value == value })
		return s.save(tx, c.Account, p, u, false, c.Now)
	})
}

func (s *Service) dropPassword(tx *kv.Tx, c *wire.Call, p *pool, attribute, name string) error {
	if attribute != byProvider {
		return invalid("ProviderAttributeName must be %s.", byProvider)
	}
	u, err := named(tx, c.Account, p, name)
	if err != nil {
		return err
	}
	u.Credential, u.TempUntil, u.Status = nil, time.Time{}, external
	return s.save(tx, c.Account, p, u, false, c.Now)
}
