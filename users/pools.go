package users

import (
	"errors"

	"crypto/rand"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

const mostPerPage = 60

func (s *Service) createUserPool(c *wire.Call, in *cognitoidp.CreateUserPoolInput) (*cognitoidp.CreateUserPoolOutput, error) {
	id := c.Region + "_" + randomText(alphanumeric, 9)
	schema, err := schemaOf(in.Schema)
	if err != nil {
		return nil, err
	}
	if len(in.AliasAttributes) > 0 && len(in.UsernameAttributes) > 0 {
		return nil, invalid("Only one of the aliasAttributes or usernameAttributes can be set in a user pool.")
	}
	p := &pool{ID: id, Region: c.Region, Settings: cognitoidp.UserPoolType{
		Id: wire.Some(id), Arn: wire.Some(poolARN(c.Account, id)), CreationDate: wire.Some(c.Now), Name: in.PoolName,
		SchemaAttributes: schema, AliasAttributes: in.AliasAttributes, UsernameAttributes: in.UsernameAttributes, UsernameConfiguration: in.UsernameConfiguration,
	}}
	p.Mask = s.newMask(c.Account, id)
	if err := s.configure(p, changeableOf(in), c); err != nil {
		return nil, err
	}
	err = s.update(c, func(tx *kv.Tx) error { return pools.Insert(tx, inPool(c.Account, id), p) })
	return &cognitoidp.CreateUserPoolOutput{UserPool: &p.Settings}, err
}

// newMask makes a pool's secret behind ghosts and code hashes.
func (s *Service) newMask(account, poolID string) []byte {
	secret := make([]byte, 32)
	rand.Read(secret) //nolint:errcheck // never fails (crypto/rand)
	return s.cfg.Sealer.Seal(maskPlace(account, poolID), secret)
}

func poolARN(account, id string) string {
	return "arn:aws:cognito-idp:" + regionOf(id) + ":" + account + ":userpool/" + id
}

func (s *Service) describeUserPool(c *wire.Call, in *cognitoidp.DescribeUserPoolInput) (*cognitoidp.DescribeUserPoolOutput, error) {
	out := &cognitoidp.DescribeUserPoolOutput{}
	return out, s.view(c, func(tx *kv.Tx) error {
		p, err := poolByID(tx, c.Account, in.UserPoolId.V)
		if err != nil {
			return err
		}
		out.UserPool = &p.Settings
		all, err := domainsOf(tx, c.Account, p.ID)
		for _, d := range all {
			if d.own() {
				p.Settings.CustomDomain = wire.Some(d.Name)
			} else {
				p.Settings.Domain = wire.Some(d.Name)
			}
		}
		return err
	})
}

// pool reads a pool in a view of its own.
func (s *Service) pool(c *wire.Call, id string) (p *pool, err error) {
	err = s.view(c, func(tx *kv.Tx) error {
		p, err = poolByID(tx, c.Account, id)
		return err
	})
	return p, err
}

func (s *Service) updateUserPool(c *wire.Call, in *cognitoidp.UpdateUserPoolInput) (*cognitoidp.UpdateUserPoolOutput, error) {
	return nil, s.update(c, func(tx *kv.Tx) error {
		p, err := poolByID(tx, c.Account, in.UserPoolId.V)
		if err != nil {
			return err
		}
		if err := notImporting(tx, c.Account, p.ID); err != nil {
			return err
		}
		if err := s.configure(p, in, c); err != nil {
			return err
		}
		return pools.Put(tx, inPool(c.Account, p.ID), p)
	})
}

func (s *Service) addCustomAttributes(c *wire.Call, in *cognitoidp.AddCustomAttributesInput) (*cognitoidp.AddCustomAttributesOutput, error) {
	return nil, s.update(c, func(tx *kv.Tx) error {
		p, err := poolByID(tx, c.Account, in.UserPoolId.V)
		if err != nil {
			return err
		}
		if err := notImporting(tx, c.Account, p.ID); err != nil {
			return err
		}
		for _, a := range in.CustomAttributes {
			if p.Settings.SchemaAttributes, err = addCustom(p.Settings.SchemaAttributes, a); err != nil {
				return err
			}
		}
		p.Settings.LastModifiedDate = wire.Some(c.Now)
		return pools.Put(tx, inPool(c.Account, p.ID), p)
	})
}

func (s *Service) listUserPools(c *wire.Call, in *cognitoidp.ListUserPoolsInput) (*cognitoidp.ListUserPoolsOutput, error) {
	out := &cognitoidp.ListUserPoolsOutput{UserPools: []cognitoidp.UserPoolDescriptionType{}}
	err := s.view(c, func(tx *kv.Tx) error {
		rows, next, err := pools.List(tx, record.In(c.Account, c.Region), page(in.NextToken, in.MaxResults))
		for _, p := range rows {
			out.UserPools = append(out.UserPools, cognitoidp.UserPoolDescriptionType{
				Id: wire.Some(p.ID), Name: p.Settings.Name, LambdaConfig: p.Settings.LambdaConfig,
				CreationDate: p.Settings.CreationDate, LastModifiedDate: p.Settings.LastModifiedDate,
			})
		}
		out.NextToken = wire.NonEmpty(next)
		return badToken(err)
	})
	return out, err
}

// page is the page a list operation asks for.
func page(after wire.Opt[string], limit wire.Opt[int32]) record.Page {
	n := int(limit.V)
	if n <= 0 || n > mostPerPage {
		n = mostPerPage
	}
	return record.Page{After: after.V, Limit: n}
}

func badToken(err error) error {
	if errors.Is(err, record.ErrToken) {
		return invalid("Invalid pagination token")
	}
	return err
}

// deleteUserPool removes the pool at once; what belonged to it can no longer be reached and goes in batches.
func (s *Service) deleteUserPool(c *wire.Call, in *cognitoidp.DeleteUserPoolInput) (*cognitoidp.DeleteUserPoolOutput, error) {
	id := in.UserPoolId.V
	err := s.update(c, func(tx *kv.Tx) error {
		p, err := poolByID(tx, c.Account, id)
		if err != nil {
			return err
		}
		if p.Settings.DeletionProtection.V == "ACTIVE" {
			return invalid("The user pool cannot be deleted because deletion protection is activated. Deletion protection must be inactivated first.")
		}
		all, err := domainsOf(tx, c.Account, id)
		if err != nil {
			return err
		}
		if len(all) > 0 {
			return invalid("User pool cannot be deleted. It has a domain configured that should be deleted first.")
		}
		if err := notImporting(tx, c.Account, id); err != nil {
			return err
		}
		if err := ignoreAbsent(signings.Delete(tx, inPool(c.Account, id), id)); err != nil {
			return err
		}
		if err := ignoreAbsent(requestKeys.Delete(tx, inPool(c.Account, id), id)); err != nil {
			return err
		}
		if err := dooms.Put(tx, everywhere(c.Account), &doomed{id}); err != nil {
			return err
		}
		return pools.Delete(tx, inPool(c.Account, id), id)
	})
	if err != nil {
		return nil, err
	}
	s.keys.Delete(c.Account + "/" + id)
	return nil, s.purge(c, c.Account, id)
}

// listUserPoolReplicas tells that a pool is in its own region only.
func (s *Service) listUserPoolReplicas(c *wire.Call, in *cognitoidp.ListUserPoolReplicasInput) (*cognitoidp.ListUserPoolReplicasOutput, error) {
	_, err := s.pool(c, in.UserPoolId.V)
	return &cognitoidp.ListUserPoolReplicasOutput{UserPoolReplicas: []cognitoidp.UserPoolReplicaType{}}, err
}
