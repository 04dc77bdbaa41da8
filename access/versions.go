package access

import (
	"slices"
	"time"

	"bothy/api/iam"
	"bothy/wire"
)

const maxVersions = 5

func noSuchVersion(arn, id string) error {
	return noSuchEntity("Policy %s version %s does not exist or is not attachable.", arn, id)
}

func (v *versionRow) api(r *policyRow, withDocument bool) *iam.PolicyVersion {
	out := &iam.PolicyVersion{VersionId: wire.Some(v.ID), IsDefaultVersion: wire.Some(v.ID == r.Default), CreateDate: wire.Some(v.Created)}
	if withDocument {
		out.Document = encodeDocument(v.Document)
	}
	return out
}

func (s *Service) accessCreateVersion(c *wire.Call, in *iam.CreatePolicyVersionInput) ([]wire.Access, error) {
	return s.onPolicy(c, "CreatePolicyVersion", in.PolicyArn.V, nil)
}

func (s *Service) createVersion(c *wire.Call, in *iam.CreatePolicyVersionInput) (*iam.CreatePolicyVersionOutput, error) {
	if err := s.checkManaged(in.PolicyDocument.V); err != nil {
		return nil, err
	}
	out := &iam.CreatePolicyVersionOutput{}
	return out, s.changePolicy(c, in.PolicyArn.V, func(r *policyRow) error {
		if len(r.Versions) >= maxVersions {
			return limitExceeded("A managed policy can have up to %d versions. Before you create a new version, you must delete an existing version.", maxVersions)
		}
		r.Last++
		v := versionRow{versionID(r.Last), in.PolicyDocument.V, c.Now.UTC().Truncate(time.Second)}
		r.Versions = append(r.Versions, v)
		if in.SetAsDefault.V {
			r.Default = v.ID
		}
		out.PolicyVersion = v.api(r, false)
		return nil
	})
}

func (s *Service) accessGetVersion(c *wire.Call, in *iam.GetPolicyVersionInput) ([]wire.Access, error) {
	return s.onPolicy(c, "GetPolicyVersion", in.PolicyArn.V, nil)
}

func (s *Service) getVersion(c *wire.Call, in *iam.GetPolicyVersionInput) (*iam.GetPolicyVersionOutput, error) {
	row, err := s.readPolicy(c, in.PolicyArn.V)
	if err != nil {
		return nil, err
	}
	v := row.version(in.VersionId.V)
	if v == nil {
		return nil, noSuchVersion(in.PolicyArn.V, in.VersionId.V)
	}
	return &iam.GetPolicyVersionOutput{PolicyVersion: v.api(row, true)}, nil
}

func (s *Service) accessListVersions(c *wire.Call, in *iam.ListPolicyVersionsInput) ([]wire.Access, error) {
	return s.onPolicy(c, "ListPolicyVersions", in.PolicyArn.V, nil)
}

// listVersions gives all, newest first: there are five at most.
func (s *Service) listVersions(c *wire.Call, in *iam.ListPolicyVersionsInput) (*iam.ListPolicyVersionsOutput, error) {
	row, err := s.readPolicy(c, in.PolicyArn.V)
	if err != nil {
		return nil, err
	}
	out := &iam.ListPolicyVersionsOutput{IsTruncated: wire.Some(false)}
	for _, v := range slices.Backward(row.Versions) {
		out.Versions = append(out.Versions, *v.api(row, false))
	}
	return out, nil
}

func (s *Service) accessDeleteVersion(c *wire.Call, in *iam.DeletePolicyVersionInput) ([]wire.Access, error) {
	return s.onPolicy(c, "DeletePolicyVersion", in.PolicyArn.V, nil)
}

func (s *Service) deleteVersion(c *wire.Call, in *iam.DeletePolicyVersionInput) (*iam.DeletePolicyVersionOutput, error) {
	return nil, s.changePolicy(c, in.PolicyArn.V, func(r *policyRow) error {
		switch {
		case r.version(in.VersionId.V) == nil:
			return noSuchVersion(in.PolicyArn.V, in.VersionId.V)
		case in.VersionId.V == r.Default:
			return deleteConflict("Cannot delete the default version of a policy.")
		}
		r.Versions = slices.DeleteFunc(r.Versions, func(v versionRow) bool { return v.ID == in.VersionId.V })
		return nil
	})
}

func (s *Service) accessSetDefaultVersion(c *wire.Call, in *iam.SetDefaultPolicyVersionInput) ([]wire.Access, error) {
	return s.onPolicy(c, "SetDefaultPolicyVersion", in.PolicyArn.V, nil)
}

func (s *Service) setDefaultVersion(c *wire.Call, in *iam.SetDefaultPolicyVersionInput) (*iam.SetDefaultPolicyVersionOutput, error) {
	return nil, s.changePolicy(c, in.PolicyArn.V, func(r *policyRow) error {
		if r.version(in.VersionId.V) == nil {
			return noSuchVersion(in.PolicyArn.V, in.VersionId.V)
		}
		r.Default = in.VersionId.V
		return nil
	})
}
