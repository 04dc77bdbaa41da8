package functions

import (
	"errors"

	"bothy/api/lambda"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

const timeFormat = "2006-01-02T15:04:05.000-0700"

// configuration shows a version. Its ARN has the version only where a version or alias was asked for.
func (s *Service) configuration(r ref, v *version) (*lambda.FunctionConfiguration, error) {
	env, err := s.openEnv(r, v)
	if err != nil {
		return nil, err
	}
	shown := r
	if v.Version != latest && shown.qualifier == "" {
		shown.qualifier = v.Version
	}
	out := &lambda.FunctionConfiguration{
		FunctionName: wire.Some(v.Name), FunctionArn: wire.Some(shown.arn()), Runtime: wire.Some(v.Runtime), Role: wire.Some(v.Role),
		Handler: wire.Some(v.Handler), CodeSize: wire.Some(v.CodeSize), Description: wire.Some(v.Description), Timeout: wire.Some(v.Timeout),
		MemorySize: wire.Some(v.MemoryMB), LastModified: wire.Some(v.Modified.UTC().Format(timeFormat)), CodeSha256: wire.Some(v.CodeSHA),
		Version: wire.Some(v.Version), TracingConfig: &lambda.TracingConfigResponse{Mode: wire.Some("PassThrough")},
		RevisionId: wire.Some(v.Revision), State: wire.Some("Active"), LastUpdateStatus: wire.Some("Successful"), PackageType: wire.Some("Zip"),
		Architectures: []string{v.Architecture}, EphemeralStorage: &lambda.EphemeralStorage{Size: wire.Some(int32(tmpMB))},
		LoggingConfig: &lambda.LoggingConfig{LogFormat: wire.Some("Text"), LogGroup: wire.Some(logGroup(v.Name))},
	}
	if len(env) > 0 {
		out.Environment = &lambda.EnvironmentResponse{Variables: env}
	}
	return out, nil
}

func logGroup(name string) string { return groupPrefix + name }

// find reads a version and the function it belongs to.
func (s *Service) find(c *wire.Call, name, qualifier wire.Opt[string]) (r ref, f *function, v *version, err error) {
	if r, err = refOf(c, name, qualifier); err != nil {
		return r, nil, nil, err
	}
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		if f, err = getFunction(tx, r); err != nil {
			return err
		}
		v, err = getVersion(tx, r)
		return err
	})
	return r, f, v, err
}

func (s *Service) get(c *wire.Call, in *lambda.GetFunctionInput) (*lambda.GetFunctionOutput, error) {
	r, f, v, err := s.find(c, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	conf, err := s.configuration(r, v)
	if err != nil {
		return nil, err
	}
	link, err := s.location(c, v)
	if err != nil {
		return nil, err
	}
	return &lambda.GetFunctionOutput{
		Configuration: conf, Tags: f.Tags,
		Code: &lambda.FunctionCodeLocation{RepositoryType: wire.Some("S3"), Location: wire.Some(link)},
	}, nil
}

func (s *Service) getConfiguration(c *wire.Call, in *lambda.GetFunctionConfigurationInput) (*lambda.FunctionConfiguration, error) {
	r, _, v, err := s.find(c, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	return s.configuration(r, v)
}

const listPage = 50 // functions in one answer when the caller names no number, as AWS's

func (s *Service) list(c *wire.Call, in *lambda.ListFunctionsInput) (*lambda.ListFunctionsOutput, error) {
	out := &lambda.ListFunctionsOutput{Functions: []lambda.FunctionConfiguration{}}
	scope := record.In(c.Account, c.Region)
	var rows []*version
	err := s.cfg.DB.View(c, func(tx *kv.Tx) error {
		rows = nil
		functions, next, err := functionTable.List(tx, scope, record.Page{After: in.Marker.V, Limit: min(int(in.MaxItems.Or(listPage)), listPage)})
		if err != nil {
			return pageError(err)
		}
		out.NextMarker = wire.NonEmpty(next)
		for _, f := range functions {
			r := ref{account: c.Account, region: c.Region, name: f.Name}
			if in.FunctionVersion.V == "ALL" {
				if err := eachVersion(tx, r, func(v *version) error { rows = append(rows, v); return nil }); err != nil {
					return err
				}
				continue
			}
			v, err := getVersion(tx, r)
			if err != nil {
				return err
			}
			rows = append(rows, v)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, v := range rows {
		r := ref{account: c.Account, region: c.Region, name: v.Name}
		if in.FunctionVersion.V == "ALL" {
			r.qualifier = v.Version
		}
		conf, err := s.configuration(r, v)
		if err != nil {
			return nil, err
		}
		out.Functions = append(out.Functions, *conf)
	}
	return out, nil
}

func pageError(err error) error {
	if errors.Is(err, record.ErrToken) {
		return invalid("Invalid Marker.")
	}
	return err
}

func (s *Service) delete(c *wire.Call, in *lambda.DeleteFunctionInput) (*lambda.DeleteFunctionOutput, error) {
	r, err := refOf(c, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if r.qualifier == latest {
		return nil, invalid("$LATEST version cannot be deleted without deleting the function.")
	}
	var gone []string
	err = s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		gone = nil
		f, err := getFunction(tx, r)
		if err != nil {
			return err
		}
		if r.qualifier != "" {
			gone = []string{poolOf(r, r.qualifier)}
			return deleteOne(tx, r, f)
		}
		if err := eachVersion(tx, r, func(v *version) error {
			gone = append(gone, poolOf(r, v.Version))
			return deleteVersion(tx, r, v)
		}); err != nil {
			return err
		}
		if err := eachAlias(tx, r, func(a *alias) error { return aliasTable.Delete(tx, r.scope(), r.name, a.Name) }); err != nil {
			return err
		}
		return functionTable.Delete(tx, r.scope(), r.name)
	})
	for _, pool := range gone {
		s.runner.Retire(pool)
	}
	return nil, err
}

// deleteOne deletes a published version that no alias leads to.
func deleteOne(tx *kv.Tx, r ref, f *function) error {
	if !isVersion(r.qualifier) {
		return invalid("Alias %s cannot be deleted with its function's operation.", r.qualifier)
	}
	v, err := getVersion(tx, r)
	if err != nil {
		return err
	}
	if err := eachAlias(tx, r, func(a *alias) error {
		if a.Version == v.Version {
			return conflict("Version %s can not be deleted because the following aliases reference it: [%s]", v.Version, a.Name)
		}
		return nil
	}); err != nil {
		return err
	}
	delete(f.Policies, r.qualifier)
	if err := functionTable.Put(tx, r.scope(), f); err != nil {
		return err
	}
	return deleteVersion(tx, r, v)
}
