package users

import (
	"errors"
	"slices"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// resourceServer is an API whose scopes apps may ask for, as IDENTIFIER/SCOPE.
type resourceServer struct {
	Pool       string
	Identifier string
	Name       string
	Scopes     []cognitoidp.ResourceServerScopeType
}

var resourceServers = record.Table[resourceServer]{
	Name: "users.resource", Version: 1, Key: func(r *resourceServer) []any { return []any{r.Pool, r.Identifier} },
}

// mostResourceServers of one pool, AWS's quota.
const mostResourceServers = 300

func (s *Service) mountResourceServers(m *wire.Mux) {
	onPool(m, cognitoidp.CreateResourceServer, func(in *cognitoidp.CreateResourceServerInput) string { return in.UserPoolId.V }, s.createResourceServer)
	onPool(m, cognitoidp.DescribeResourceServer, func(in *cognitoidp.DescribeResourceServerInput) string { return in.UserPoolId.V }, s.describeResourceServer)
	onPool(m, cognitoidp.UpdateResourceServer, func(in *cognitoidp.UpdateResourceServerInput) string { return in.UserPoolId.V }, s.updateResourceServer)
	onPool(m, cognitoidp.DeleteResourceServer, func(in *cognitoidp.DeleteResourceServerInput) string { return in.UserPoolId.V }, s.deleteResourceServer)
	onPool(m, cognitoidp.ListResourceServers, func(in *cognitoidp.ListResourceServersInput) string { return in.UserPoolId.V }, s.listResourceServers)
}

func (r *resourceServer) shown() *cognitoidp.ResourceServerType {
	return &cognitoidp.ResourceServerType{UserPoolId: wire.Some(r.Pool), Identifier: wire.Some(r.Identifier), Name: wire.Some(r.Name), Scopes: r.Scopes}
}

func (r *resourceServer) check() error {
	seen := map[string]bool{}
	for _, scope := range r.Scopes {
		if seen[scope.ScopeName.V] {
			return invalid("Scope %s is given twice.", scope.ScopeName.V)
		}
		seen[scope.ScopeName.V] = true
	}
	return nil
}

func noResourceServer(id string) error { return notFound("Resource server %s does not exist.", id) }

func (s *Service) createResourceServer(c *wire.Call, in *cognitoidp.CreateResourceServerInput) (*cognitoidp.CreateResourceServerOutput, error) {
	r := &resourceServer{in.UserPoolId.V, in.Identifier.V, in.Name.V, in.Scopes}
	if err := r.check(); err != nil {
		return nil, err
	}
	err := s.update(c, func(tx *kv.Tx) error {
		if _, err := poolByID(tx, c.Account, r.Pool); err != nil {
			return err
		}
		all, err := resourceServers.All(tx, inPool(c.Account, r.Pool), "", r.Pool)
		if err != nil {
			return err
		}
		if len(all) >= mostResourceServers {
			return &cognitoidp.LimitExceededException{Message: wire.Some("Too many resource servers.")}
		}
		err = resourceServers.Insert(tx, inPool(c.Account, r.Pool), r)
		if taken := (*record.ErrExists)(nil); errors.As(err, &taken) {
			return invalid("%s already exists in user pool %s.", r.Identifier, r.Pool)
		}
		return err
	})
	return &cognitoidp.CreateResourceServerOutput{ResourceServer: r.shown()}, err
}

// resourceServerByID reads a resource server of a pool.
func resourceServerByID(tx *kv.Tx, account, poolID, id string) (*resourceServer, error) {
	if _, err := poolByID(tx, account, poolID); err != nil {
		return nil, err
	}
	r, err := resourceServers.Get(tx, inPool(account, poolID), poolID, id)
	if absent(err) {
		return nil, noResourceServer(id)
	}
	return r, err
}

func (s *Service) describeResourceServer(c *wire.Call, in *cognitoidp.DescribeResourceServerInput) (*cognitoidp.DescribeResourceServerOutput, error) {
	out := &cognitoidp.DescribeResourceServerOutput{}
	return out, s.view(c, func(tx *kv.Tx) error {
		r, err := resourceServerByID(tx, c.Account, in.UserPoolId.V, in.Identifier.V)
		if err == nil {
			out.ResourceServer = r.shown()
		}
		return err
	})
}

func (s *Service) updateResourceServer(c *wire.Call, in *cognitoidp.UpdateResourceServerInput) (*cognitoidp.UpdateResourceServerOutput, error) {
	out := &cognitoidp.UpdateResourceServerOutput{}
	return out, s.update(c, func(tx *kv.Tx) error {
		r, err := resourceServerByID(tx, c.Account, in.UserPoolId.V, in.Identifier.V)
		if err != nil {
			return err
		}
		r.Name, r.Scopes = in.Name.V, in.Scopes
		if err := r.check(); err != nil {
			return err
		}
		out.ResourceServer = r.shown()
		return resourceServers.Put(tx, inPool(c.Account, r.Pool), r)
	})
}

func (s *Service) deleteResourceServer(c *wire.Call, in *cognitoidp.DeleteResourceServerInput) (*cognitoidp.DeleteResourceServerOutput, error) {
	return nil, s.update(c, func(tx *kv.Tx) error {
		r, err := resourceServerByID(tx, c.Account, in.UserPoolId.V, in.Identifier.V)
		if err != nil {
			return err
		}
		return resourceServers.Delete(tx, inPool(c.Account, r.Pool), r.Pool, r.Identifier)
	})
}

func (s *Service) listResourceServers(c *wire.Call, in *cognitoidp.ListResourceServersInput) (*cognitoidp.ListResourceServersOutput, error) {
	out := &cognitoidp.ListResourceServersOutput{ResourceServers: []cognitoidp.ResourceServerType{}}
	return out, s.view(c, func(tx *kv.Tx) error {
		if _, err := poolByID(tx, c.Account, in.UserPoolId.V); err != nil {
			return err
		}
		pg := page(in.NextToken, in.MaxResults)
		pg.Prefix = []any{in.UserPoolId.V}
		rows, next, err := resourceServers.List(tx, inPool(c.Account, in.UserPoolId.V), pg)
		for _, r := range rows {
			out.ResourceServers = append(out.ResourceServers, *r.shown())
		}
		out.NextToken = wire.NonEmpty(next)
		return badToken(err)
	})
}

// customScopes are the scopes that the resource servers of a pool have now.
func customScopes(tx *kv.Tx, account, poolID string) ([]string, error) {
	all, err := resourceServers.All(tx, inPool(account, poolID), "", poolID)
	var names []string
	for _, r := range all {
		for _, scope := range r.Scopes {
			names = append(names, r.Identifier+"/"+scope.ScopeName.V)
		}
	}
	return slices.Compact(names), err
}
