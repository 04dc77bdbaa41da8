package users

import (
	"slices"
	"strings"
	"time"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/wire"
)

// welcome turns somebody whom a provider vouches for into a user: one who came before, one to whom they are linked, or a new one.
func (s *Service) welcome(c *wire.Call, p *pool, cl *client, idp *provider, who *arrival) (*user, error) {
	name := p.fold(idp.Name + "_" + who.subject)
	if len([]rune(name)) > longestName || len(who.subject) > longestSubject {
		return nil, invalid("The name of the user at %s is too long.", idp.Name)
	}
	if err := s.inbound(c, p, cl, idp, name, who); err != nil {
		return nil, err
	}
	values, err := idp.mapped(p, who.values)
	if err != nil {
		return nil, err
	}
	var u *user
	err = s.view(c, func(tx *kv.Tx) error {
		u, err = known(tx, c.Account, p, idp, who.subject, values)
		return ignoreAbsent(err)
	})
	if err != nil {
		return nil, err
	}
	if u != nil {
		return s.welcomeBack(c, p, cl, idp, who, u, values)
	}
	return s.welcomeNew(c, p, cl, idp, who, name, values)
}

// inbound lets the pool's function change what the provider said. A function that names nothing leaves it as it is.
func (s *Service) inbound(c *wire.Call, p *pool, cl *client, idp *provider, name string, who *arrival) error {
	f := p.Settings.LambdaConfig.InboundFederation
	if f == nil {
		return nil
	}
	out, err := s.fire(c, p, f.LambdaArn, "InboundFederation", "InboundFederation_ExternalProvider", cl.ID, &user{Name: name, Status: external}, map[string]any{
		"providerName": idp.Name, "providerType": idp.Kind, "attributes": who.raw,
	})
	if err != nil {
		return err
	}
	given, _ := out["userAttributesToMap"].(map[string]any)
	if len(given) == 0 {
		return nil
	}
	who.values = map[string]string{}
	for name, v := range given {
		text, ok := v.(string)
		if !ok {
			return wire.Because(&cognitoidp.InvalidLambdaResponseException{Message: wire.Some("Unrecognizable lambda output")}, "userAttributesToMap: %s is no text", name)
		}
		who.values[name] = text
	}
	return nil
}

// mapped are the attributes that the provider's answer sets. What it does not say is left as it is.
func (idp *provider) mapped(p *pool, said map[string]string) (map[string]string, error) {
	values := map[string]string{}
	for _, name := range sortedKeys(idp.Mapping) {
		v, a := said[idp.Mapping[name]], p.attribute(name)
		if v == "" || a == nil || name == "username" {
			continue
		}
		if a.AttributeDataType.V == "Boolean" {
			v = strings.ToLower(v)
		}
		if err := checkValue(a, v); err != nil {
			return nil, wire.Because(err, "%s of %s, mapped to %s", idp.Mapping[name], idp.Name, name)
		}
		values[name] = v
	}
	return values, nil
}

// known finds who has the identity: who came with it before, or to whom an operator linked it by the provider's name for them or by
// a mapped attribute.
func known(tx *kv.Tx, account string, p *pool, idp *provider, subject string, values map[string]string) (*user, error) {
	u, err := identified(tx, account, p.ID, idp.Name, byProvider, subject)
	if !absent(err) || idp.Kind != kindOIDC && idp.Kind != kindSAML {
		return u, err
	}
	for _, name := range sortedKeys(values) {
		if len(values[name]) > longestSubject {
			continue
		}
		if u, err = identified(tx, account, p.ID, idp.Name, name, values[name]); !absent(err) {
			return u, err
		}
	}
	return nil, err
}

// welcomeBack renews the attributes of a user who is here already.
func (s *Service) welcomeBack(c *wire.Call, p *pool, cl *client, idp *provider, who *arrival, u *user, values map[string]string) (*user, error) {
	if err := mayFederate(u); err != nil {
		return nil, err
	}
	if err := s.preAuthentication(c, p, cl, u, nil); err != nil {
		return nil, err
	}
	err := s.update(c, func(tx *kv.Tx) (err error) {
		if u, err = known(tx, c.Account, p, idp, who.subject, values); absent(err) {
			return noUser() // unlinked or deleted meanwhile
		} else if err != nil {
			return err
		}
		return s.renewProfile(tx, c, p, idp, who, u, values)
	})
	return u, err
}

// mayFederate tells whether a user may sign in without a password.
func mayFederate(u *user) error {
	switch {
	case u.Disabled:
		return isDisabled()
	case u.Status == unconfirmed: // whoever signed up may not be who owns the address
		return notConfirmed()
	}
	return nil
}

// mayStay tells whether a user who signed in by a provider, perhaps the pool itself, may go on without signing in anew.
func mayStay(u *user, providerName string, now time.Time) error {
	if providerName == ownProvider {
		return mayEnter(u, now)
	}
	return mayFederate(u)
}

// renewProfile writes what the provider says now. A link by an attribute becomes one by the provider's own name for the user.
func (s *Service) renewProfile(tx *kv.Tx, c *wire.Call, p *pool, idp *provider, who *arrival, u *user, values map[string]string) error {
	if err := mayFederate(u); err != nil {
		return err
	}
	if u.at(idp.Name, byProvider, who.subject) == nil {
		i := slices.IndexFunc(u.Identities, func(i identity) bool {
			return i.Provider == idp.Name && i.Attribute != byProvider && values[i.Attribute] == i.Value
		})
		u.Identities[i].Attribute, u.Identities[i].Value = byProvider, who.subject
	}
	u.at(idp.Name, byProvider, who.subject).Issuer = who.issuer
	if err := p.change(u, values); err != nil {
		return err
	}
	return s.save(tx, c.Account, p, u, false, c.Now)
}

// welcomeNew makes a user. A function may have linked the identity to another meanwhile, as many do before sign-up: then it is them.
func (s *Service) welcomeNew(c *wire.Call, p *pool, cl *client, idp *provider, who *arrival, name string, values map[string]string) (*user, error) {
	if missing := p.missing(values); len(missing) > 0 {
		return nil, wire.Because(invalid("attributes required: [%s]", strings.Join(missing, ", ")), "%s did not say them, or they are not mapped", idp.Name)
	}
	fresh := &user{Pool: p.ID, Sub: wire.NewUUID(), Name: name, Attributes: values, Status: external, Created: c.Now, Identities: []identity{
		{Provider: idp.Name, Kind: idp.Kind, Attribute: byProvider, Value: who.subject, Issuer: who.issuer, Primary: true, Created: c.Now},
	}}
	if err := s.preSignUp(c, p, "PreSignUp_ExternalProvider", cl.ID, fresh, nil, nil); err != nil {
		return nil, err
	}
	u := fresh
	err := s.update(c, func(tx *kv.Tx) (err error) {
		if _, err := providerByName(tx, c.Account, p.ID, idp.Name); err != nil {
			return err
		}
		if u, err = known(tx, c.Account, p, idp, who.subject, values); !absent(err) {
			if err != nil {
				return err
			}
			return s.renewProfile(tx, c, p, idp, who, u, values)
		}
		u = fresh
		if err := s.save(tx, c.Account, p, u, false, c.Now); err != nil {
			return err
		}
		return joinProvider(tx, c, p, idp, u)
	})
	if err != nil || u != fresh {
		return u, err
	}
	return u, s.postConfirmation(c, p, "PostConfirmation_ConfirmSignUp", cl.ID, u, nil)
}

// missing are the required attributes that the values lack.
func (p *pool) missing(values map[string]string) []string {
	var names []string
	for _, a := range p.Settings.SchemaAttributes {
		if a.Required.V && a.Name.V != "sub" && values[a.Name.V] == "" {
			names = append(names, a.Name.V)
		}
	}
	return names
}

// joinProvider puts a new user into the group of the provider's users, which comes with the first of them.
func joinProvider(tx *kv.Tx, c *wire.Call, p *pool, idp *provider, u *user) error {
	scope, name := inPool(c.Account, p.ID), p.ID+"_"+idp.Name
	_, err := groups.Get(tx, scope, p.ID, name)
	if absent(err) {
		err = groups.Insert(tx, scope, &group{Pool: p.ID, Name: name, Description: "Autogenerated group for users who sign in using " + idp.Name, Created: c.Now, Modified: c.Now})
	}
	if err != nil {
		return err
	}
	return members.Put(tx, scope, &member{p.ID, name, u.Sub})
}
