package functions

import (
	"context"
	"errors"

	"bothy/api/lambda"
	"bothy/kv"
	"bothy/policy"
	"bothy/record"
	"bothy/wire"
)

func (s *Service) accessCreate(c *wire.Call, in *lambda.CreateFunctionInput) ([]wire.Access, error) {
	r, err := refOf(c, in.FunctionName, wire.Opt[string]{})
	if err != nil {
		return nil, err
	}
	wants := wire.One("lambda:CreateFunction", r.bare(), nil)
	if len(in.Tags) > 0 {
		wants = append(wants, wire.Access{Action: "lambda:TagResource", Resource: r.bare()})
	}
	wants = append(wants, passRole(in.Role.V))
	return append(wants, archiveFrom(in.Code).access()...), nil
}

// passRole is the right to let a function have a role: without it, whoever may make functions could become anyone.
func passRole(role string) wire.Access {
	return wire.Access{Action: "iam:PassRole", Resource: role, Keys: policy.Keys{"iam:passedtoservice": {"lambda.amazonaws.com"}}}
}

func archiveFrom(code *lambda.FunctionCode) archiveOf {
	return archiveOf{zip: code.ZipFile, bucket: code.S3Bucket, key: code.S3Key, version: code.S3ObjectVersion}
}

func (s *Service) create(c *wire.Call, in *lambda.CreateFunctionInput) (*lambda.FunctionConfiguration, error) {
	r, err := refOf(c, in.FunctionName, wire.Opt[string]{})
	if err != nil {
		return nil, err
	}
	if r.qualifier != "" {
		return nil, invalid("Function names must not have a qualifier when functions are created.")
	}
	if err := checkCreate(in); err != nil {
		return nil, err
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	if err := s.checkRole(c, in.Role.V, r.name); err != nil {
		return nil, err
	}
	v, err := s.firstVersion(c, r, in)
	if err != nil {
		return nil, err
	}
	out := v
	err = s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		f := &function{Name: r.name, Created: c.Now, Next: 1, Tags: in.Tags}
		if in.Publish.V {
			if out, err = publish(tx, r, f, v, "", c.Now); err != nil {
				return err
			}
		}
		err := functionTable.Insert(tx, r.scope(), f)
		if exists := (*record.ErrExists)(nil); errors.As(err, &exists) {
			return conflict("Function already exist: %s", r.name)
		} else if err != nil {
			return err
		}
		if err := s.keep(c, tx, v); err != nil {
			return err
		}
		return putVersion(tx, r, nil, v)
	})
	if err != nil {
		return nil, err
	}
	return s.configuration(r, out)
}

// firstVersion is $LATEST of a function to be made. Its code is durable.
func (s *Service) firstVersion(c *wire.Call, r ref, in *lambda.CreateFunctionInput) (*version, error) {
	code, err := s.takeCode(c, archiveFrom(in.Code), false)
	if err != nil {
		return nil, err
	}
	v := &version{
		Name: r.name, Version: latest, Runtime: in.Runtime.V, Role: in.Role.V, Handler: in.Handler.V, Description: in.Description.V,
		Timeout: in.Timeout.Or(defaultTimeout), MemoryMB: in.MemorySize.Or(defaultMemory), Architecture: "x86_64",
		Modified: c.Now, Revision: newRevision(),
	}
	if len(in.Architectures) > 0 {
		v.Architecture = in.Architectures[0]
	}
	code.into(v)
	if in.Environment != nil {
		v.Env, err = s.sealEnv(r, in.Environment.Variables)
	}
	return v, err
}

// checkRole makes sure that Lambda may assume the role, by doing it.
func (s *Service) checkRole(ctx context.Context, role, name string) error {
	if _, _, _, _, err := s.cfg.Runner.Sessions.AssumeForFunction(ctx, role, name); err != nil {
		return wire.Because(invalid("The role defined for the function cannot be assumed by Lambda."), "%v", err)
	}
	return nil
}

func (s *Service) accessUpdateCode(c *wire.Call, in *lambda.UpdateFunctionCodeInput) ([]wire.Access, error) {
	r, err := refOf(c, in.FunctionName, wire.Opt[string]{})
	if err != nil {
		return nil, err
	}
	a := archiveOf{zip: in.ZipFile, bucket: in.S3Bucket, key: in.S3Key, version: in.S3ObjectVersion}
	return append(wire.One("lambda:UpdateFunctionCode", r.bare(), nil), a.access()...), nil
}

func (s *Service) updateCode(c *wire.Call, in *lambda.UpdateFunctionCodeInput) (*lambda.FunctionConfiguration, error) {
	r, err := latestRef(c, in.FunctionName)
	if err != nil {
		return nil, err
	}
	if err := unsupported(map[string]bool{"ImageUri": in.ImageUri.Set, "SourceKMSKeyArn": in.SourceKMSKeyArn.V != "", "PublishTo": in.PublishTo.Set, "S3ObjectStorageMode": in.S3ObjectStorageMode.Set}); err != nil {
		return nil, err
	}
	if err := s.mustExist(c, r); err != nil {
		return nil, err
	}
	code, err := s.takeCode(c, archiveOf{zip: in.ZipFile, bucket: in.S3Bucket, key: in.S3Key, version: in.S3ObjectVersion}, in.DryRun.V)
	if err != nil {
		return nil, err
	}
	return s.change(c, r, in.RevisionId, in.Publish.V, in.DryRun.V, func(v *version) error {
		code.into(v)
		if len(in.Architectures) > 0 {
			v.Architecture = in.Architectures[0]
		}
		return nil
	})
}

// latestRef is the function of an operation that changes $LATEST; a published version cannot be changed.
func latestRef(c *wire.Call, name wire.Opt[string]) (ref, error) {
	r, err := refOf(c, name, wire.Opt[string]{})
	if err == nil && r.qualifier != "" && r.qualifier != latest {
		err = invalid("This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please specify either a function name or an unqualified function ARN.")
	}
	r.qualifier = ""
	return r, err
}

func (s *Service) mustExist(ctx context.Context, r ref) error {
	return s.cfg.DB.View(ctx, func(tx *kv.Tx) error {
		_, err := getFunction(tx, r)
		return err
	})
}

func (s *Service) accessUpdateConfiguration(c *wire.Call, in *lambda.UpdateFunctionConfigurationInput) ([]wire.Access, error) {
	r, err := refOf(c, in.FunctionName, wire.Opt[string]{})
	if err != nil {
		return nil, err
	}
	wants := wire.One("lambda:UpdateFunctionConfiguration", r.bare(), nil)
	if in.Role.Set {
		wants = append(wants, passRole(in.Role.V))
	}
	return wants, nil
}

func (s *Service) updateConfiguration(c *wire.Call, in *lambda.UpdateFunctionConfigurationInput) (*lambda.FunctionConfiguration, error) {
	r, err := latestRef(c, in.FunctionName)
	if err != nil {
		return nil, err
	}
	if err := checkUpdate(in); err != nil {
		return nil, err
	}
	if err := s.mustExist(c, r); err != nil {
		return nil, err
	}
	if in.Role.Set {
		if err := s.checkRole(c, in.Role.V, r.name); err != nil {
			return nil, err
		}
	}
	return s.change(c, r, in.RevisionId, false, false, func(v *version) (err error) {
		set(&v.Role, in.Role)
		set(&v.Handler, in.Handler)
		set(&v.Description, in.Description)
		set(&v.Runtime, in.Runtime)
		set(&v.Timeout, in.Timeout)
		set(&v.MemoryMB, in.MemorySize)
		if in.Environment != nil {
			v.Env, err = s.sealEnv(r, in.Environment.Variables)
		}
		return err
	})
}

func set[T any](to *T, from wire.Opt[T]) {
	if from.Set {
		*to = from.V
	}
}

// change edits $LATEST, and publishes it when asked to.
func (s *Service) change(c *wire.Call, r ref, revision wire.Opt[string], publishIt, dryRun bool, edit func(*version) error) (*lambda.FunctionConfiguration, error) {
	var out *version
	err := s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		f, err := getFunction(tx, r)
		if err != nil {
			return err
		}
		old, err := getVersion(tx, r)
		if err != nil {
			return err
		}
		if revision.Set && revision.V != old.Revision {
			return stale()
		}
		v := *old
		if err := edit(&v); err != nil {
			return err
		}
		v.Modified, v.Revision = c.Now, newRevision()
		if out = &v; dryRun {
			return nil
		}
		if v.CodeID != old.CodeID {
			if err := s.keep(c, tx, &v); err != nil {
				return err
			}
		}
		if err := putVersion(tx, r, old, &v); err != nil || !publishIt {
			return err
		}
		if out, err = publish(tx, r, f, &v, "", c.Now); err != nil {
			return err
		}
		return functionTable.Put(tx, r.scope(), f)
	})
	if err != nil {
		return nil, err
	}
	s.runner.Retire(poolOf(r, latest))
	return s.configuration(r, out)
}

// poolOf names the warm processes of a version.
func poolOf(r ref, version string) string { return r.bare() + ":" + version }
