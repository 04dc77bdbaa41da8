package functions

import (
	"bytes"
	"errors"
	"strconv"
	"time"

	"bothy/api/lambda"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

func (s *Service) mountVersions(m *wire.Mux) {
	wire.Handle(m, lambda.PublishVersion, func(c *wire.Call, in *lambda.PublishVersionInput) ([]wire.Access, error) {
		return s.on(c, "PublishVersion", in.FunctionName, wire.Opt[string]{})
	}, s.publishVersion)
	wire.Handle(m, lambda.ListVersionsByFunction, func(c *wire.Call, in *lambda.ListVersionsByFunctionInput) ([]wire.Access, error) {
		return s.on(c, "ListVersionsByFunction", in.FunctionName, wire.Opt[string]{})
	}, s.listVersions)
	wire.Handle(m, lambda.CreateAlias, func(c *wire.Call, in *lambda.CreateAliasInput) ([]wire.Access, error) {
		return s.on(c, "CreateAlias", in.FunctionName, wire.Opt[string]{})
	}, s.createAlias)
	wire.Handle(m, lambda.UpdateAlias, func(c *wire.Call, in *lambda.UpdateAliasInput) ([]wire.Access, error) {
		return s.on(c, "UpdateAlias", in.FunctionName, wire.Opt[string]{})
	}, s.updateAlias)
	wire.Handle(m, lambda.GetAlias, func(c *wire.Call, in *lambda.GetAliasInput) ([]wire.Access, error) {
		return s.on(c, "GetAlias", in.FunctionName, wire.Opt[string]{})
	}, s.getAlias)
	wire.Handle(m, lambda.ListAliases, func(c *wire.Call, in *lambda.ListAliasesInput) ([]wire.Access, error) {
		return s.on(c, "ListAliases", in.FunctionName, wire.Opt[string]{})
	}, s.listAliases)
	wire.Handle(m, lambda.DeleteAlias, func(c *wire.Call, in *lambda.DeleteAliasInput) ([]wire.Access, error) {
		return s.on(c, "DeleteAlias", in.FunctionName, wire.Opt[string]{})
	}, s.deleteAlias)
}

// publish makes a version of $LATEST and counts it in f, which the caller stores. What has not changed since the last
// published version is not published again.
func publish(tx *kv.Tx, r ref, f *function, from *version, description string, now time.Time) (*version, error) {
	if f.Next > 1 {
		last, err := versionTable.Get(tx, r.scope(), r.name, strconv.Itoa(f.Next-1))
		if err != nil && !errors.Is(err, record.ErrNotFound) {
			return nil, err
		}
		if err == nil && same(last, from) {
			return last, nil
		}
	}
	v := *from
	v.Version, v.Modified, v.Revision = strconv.Itoa(f.Next), now, newRevision()
	if description != "" {
		v.Description = description
	}
	f.Next++
	return &v, putVersion(tx, r, nil, &v)
}

func same(a, b *version) bool {
	return a.CodeID == b.CodeID && a.Runtime == b.Runtime && a.Role == b.Role && a.Handler == b.Handler && a.Timeout == b.Timeout &&
		a.MemoryMB == b.MemoryMB && a.Architecture == b.Architecture && bytes.Equal(a.Env, b.Env)
}

func (s *Service) publishVersion(c *wire.Call, in *lambda.PublishVersionInput) (*lambda.FunctionConfiguration, error) {
	r, err := latestRef(c, in.FunctionName)
	if err != nil {
		return nil, err
	}
	if err := unsupported(map[string]bool{"PublishTo": in.PublishTo.Set}); err != nil {
		return nil, err
	}
	var out *version
	err = s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		f, err := getFunction(tx, r)
		if err != nil {
			return err
		}
		v, err := getVersion(tx, r)
		if err != nil {
			return err
		}
		if in.RevisionId.Set && in.RevisionId.V != v.Revision {
			return stale()
		}
		if in.CodeSha256.Set && in.CodeSha256.V != v.CodeSHA {
			return invalid("CodeSHA256 (%s) is different from current CodeSHA256 in $LATEST (%s). Please try again with the CodeSHA256 in $LATEST.", in.CodeSha256.V, v.CodeSHA)
		}
		if out, err = publish(tx, r, f, v, in.Description.V, c.Now); err != nil {
			return err
		}
		return functionTable.Put(tx, r.scope(), f)
	})
	if err != nil {
		return nil, err
	}
	return s.configuration(r, out)
}

func (s *Service) listVersions(c *wire.Call, in *lambda.ListVersionsByFunctionInput) (*lambda.ListVersionsByFunctionOutput, error) {
	r, err := latestRef(c, in.FunctionName)
	if err != nil {
		return nil, err
	}
	out := &lambda.ListVersionsByFunctionOutput{Versions: []lambda.FunctionConfiguration{}}
	var rows []*version
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		if _, err := getFunction(tx, r); err != nil {
			return err
		}
		var next string
		rows, next, err = versionTable.List(tx, r.scope(), record.Page{Prefix: []any{r.name}, After: in.Marker.V, Limit: min(int(in.MaxItems.Or(listPage)), listPage)})
		out.NextMarker = wire.NonEmpty(next)
		return pageError(err)
	})
	if err != nil {
		return nil, err
	}
	for _, v := range rows {
		r.qualifier = v.Version
		conf, err := s.configuration(r, v)
		if err != nil {
			return nil, err
		}
		out.Versions = append(out.Versions, *conf)
	}
	return out, nil
}

func (a *alias) show(r ref) *lambda.AliasConfiguration {
	r.qualifier = a.Name
	return &lambda.AliasConfiguration{
		AliasArn: wire.Some(r.arn()), Name: wire.Some(a.Name), FunctionVersion: wire.Some(a.Version), Description: wire.Some(a.Description),
		RevisionId: wire.Some(a.Revision),
	}
}

func noAlias(r ref, name string) error {
	r.qualifier = name
	return notFound("Cannot find alias arn: %s", r.arn())
}

func getAlias(tx *kv.Tx, r ref, name string) (*alias, error) {
	a, err := aliasTable.Get(tx, r.scope(), r.name, name)
	if errors.Is(err, record.ErrNotFound) {
		return nil, noAlias(r, name)
	}
	return a, err
}

// aliasTarget makes sure that the version of an alias exists.
func aliasTarget(tx *kv.Tx, r ref, number string, routing *lambda.AliasRoutingConfiguration) error {
	if routing != nil && len(routing.AdditionalVersionWeights) > 0 {
		return unsupported(map[string]bool{"RoutingConfig": true})
	}
	r.qualifier = number
	_, err := getVersion(tx, r)
	return err
}

func (s *Service) createAlias(c *wire.Call, in *lambda.CreateAliasInput) (*lambda.AliasConfiguration, error) {
	r, err := latestRef(c, in.FunctionName)
	if err != nil {
		return nil, err
	}
	if isVersion(in.Name.V) {
		return nil, invalid("Alias names must not be numbers: %s", in.Name.V)
	}
	a := &alias{Function: r.name, Name: in.Name.V, Version: in.FunctionVersion.V, Description: in.Description.V, Revision: newRevision()}
	err = s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		if _, err := getFunction(tx, r); err != nil {
			return err
		}
		if err := aliasTarget(tx, r, a.Version, in.RoutingConfig); err != nil {
			return err
		}
		err := aliasTable.Insert(tx, r.scope(), a)
		if exists := (*record.ErrExists)(nil); errors.As(err, &exists) {
			q := r
			q.qualifier = a.Name
			return conflict("Alias already exists: %s", q.arn())
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return a.show(r), nil
}

func (s *Service) updateAlias(c *wire.Call, in *lambda.UpdateAliasInput) (*lambda.AliasConfiguration, error) {
	r, err := latestRef(c, in.FunctionName)
	if err != nil {
		return nil, err
	}
	var a *alias
	err = s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		if a, err = getAlias(tx, r, in.Name.V); err != nil {
			return err
		}
		if in.RevisionId.Set && in.RevisionId.V != a.Revision {
			return stale()
		}
		set(&a.Version, in.FunctionVersion)
		set(&a.Description, in.Description)
		a.Revision = newRevision()
		if err := aliasTarget(tx, r, a.Version, in.RoutingConfig); err != nil {
			return err
		}
		return aliasTable.Put(tx, r.scope(), a)
	})
	if err != nil {
		return nil, err
	}
	return a.show(r), nil
}

func (s *Service) getAlias(c *wire.Call, in *lambda.GetAliasInput) (*lambda.AliasConfiguration, error) {
	r, err := latestRef(c, in.FunctionName)
	if err != nil {
		return nil, err
	}
	var a *alias
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		a, err = getAlias(tx, r, in.Name.V)
		return err
	})
	if err != nil {
		return nil, err
	}
	return a.show(r), nil
}

func (s *Service) listAliases(c *wire.Call, in *lambda.ListAliasesInput) (*lambda.ListAliasesOutput, error) {
	r, err := latestRef(c, in.FunctionName)
	if err != nil {
		return nil, err
	}
	out := &lambda.ListAliasesOutput{}
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		out.Aliases = []lambda.AliasConfiguration{}
		if _, err := getFunction(tx, r); err != nil {
			return err
		}
		rows, next, err := aliasTable.List(tx, r.scope(), record.Page{Prefix: []any{r.name}, After: in.Marker.V, Limit: min(int(in.MaxItems.Or(listPage)), listPage)})
		for _, a := range rows {
			if !in.FunctionVersion.Set || in.FunctionVersion.V == a.Version {
				out.Aliases = append(out.Aliases, *a.show(r))
			}
		}
		out.NextMarker = wire.NonEmpty(next)
		return pageError(err)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (s *Service) deleteAlias(c *wire.Call, in *lambda.DeleteAliasInput) (*lambda.DeleteAliasOutput, error) {
	r, err := latestRef(c, in.FunctionName)
	if err != nil {
		return nil, err
	}
	return nil, s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		f, err := getFunction(tx, r)
		if err != nil {
			return err
		}
		if err := aliasTable.Delete(tx, r.scope(), r.name, in.Name.V); err != nil && !errors.Is(err, record.ErrNotFound) {
			return err
		}
		if f.Policies[in.Name.V] == nil {
			return nil
		}
		delete(f.Policies, in.Name.V) // a later alias of the name must not inherit who may invoke it
		return functionTable.Put(tx, r.scope(), f)
	})
}

// eachAlias calls fn for every alias of a function.
func eachAlias(tx *kv.Tx, r ref, fn func(*alias) error) error {
	rows, err := aliasTable.All(tx, r.scope(), "", r.name)
	for _, a := range rows {
		if err := fn(a); err != nil {
			return err
		}
	}
	return err
}
