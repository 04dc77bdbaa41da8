package access

import (
	"maps"

	"bothy/api/iam"
	"bothy/kv"
	"bothy/policy"
	"bothy/wire"
)

const maxTags = 50

// addTags is old with tags put on it. A key given twice, in any case, is refused.
func addTags(old map[string]string, tags []iam.Tag) (map[string]string, error) {
	out := maps.Clone(old)
	if out == nil && len(tags) > 0 {
		out = map[string]string{}
	}
	seen := map[string]bool{}
	for _, t := range tags {
		if seen[fold(t.Key.V)] {
			return nil, invalidInput("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		seen[fold(t.Key.V)] = true
		dropTag(out, t.Key.V)
		out[t.Key.V] = t.Value.V
	}
	if len(out) > maxTags {
		return nil, limitExceeded("The number of tags has reached the maximum limit.")
	}
	return out, nil
}

// dropTag removes the tag with the key in any case.
func dropTag(tags map[string]string, key string) {
	for name := range tags {
		if fold(name) == fold(key) {
			delete(tags, name)
		}
	}
}

func apiTags(tags map[string]string) []iam.Tag {
	var out []iam.Tag
	for _, name := range sortedNames(tags) {
		out = append(out, iam.Tag{Key: wire.Some(name), Value: wire.Some(tags[name])})
	}
	return out
}

// requestTags are the condition keys of tags in a request.
func requestTags(keys policy.Keys, tags []iam.Tag) policy.Keys {
	for _, t := range tags {
		keys["aws:requesttag/"+fold(t.Key.V)] = []string{t.Value.V}
		keys["aws:tagkeys"] = append(keys["aws:tagkeys"], t.Key.V)
	}
	return keys
}

// tagPage is a page of tags by key.
func tagPage(tags map[string]string, marker wire.Opt[string], max wire.Opt[int32]) (out []iam.Tag, next wire.Opt[string], err error) {
	names, next, err := pageOf(sortedNames(tags), marker, max)
	for _, name := range names {
		out = append(out, iam.Tag{Key: wire.Some(name), Value: wire.Some(tags[name])})
	}
	return out, next, err
}

func (a *attachments) untag(names []string) {
	for _, name := range names {
		dropTag(a.Tags, name)
	}
}

func (s *Service) accessTagRole(c *wire.Call, in *iam.TagRoleInput) ([]wire.Access, error) {
	return s.onRole(c, "TagRole", in.RoleName.V, requestTags(policy.Keys{}, in.Tags))
}

func (s *Service) tagRole(c *wire.Call, in *iam.TagRoleInput) (*iam.TagRoleOutput, error) {
	return nil, s.changeRole(c, in.RoleName.V, func(_ *kv.Tx, r *roleRow) (err error) {
		r.Tags, err = addTags(r.Tags, in.Tags)
		return err
	})
}

func (s *Service) accessUntagRole(c *wire.Call, in *iam.UntagRoleInput) ([]wire.Access, error) {
	return s.onRole(c, "UntagRole", in.RoleName.V, policy.Keys{"aws:tagkeys": in.TagKeys})
}

func (s *Service) untagRole(c *wire.Call, in *iam.UntagRoleInput) (*iam.UntagRoleOutput, error) {
	return nil, s.changeRole(c, in.RoleName.V, func(_ *kv.Tx, r *roleRow) error {
		r.untag(in.TagKeys)
		return nil
	})
}

func (s *Service) accessListRoleTags(c *wire.Call, in *iam.ListRoleTagsInput) ([]wire.Access, error) {
	return s.onRole(c, "ListRoleTags", in.RoleName.V, nil)
}

func (s *Service) listRoleTags(c *wire.Call, in *iam.ListRoleTagsInput) (*iam.ListRoleTagsOutput, error) {
	row, err := s.readRole(c, in.RoleName.V)
	if err != nil {
		return nil, err
	}
	tags, next, err := tagPage(row.Tags, in.Marker, in.MaxItems)
	return &iam.ListRoleTagsOutput{Tags: tags, IsTruncated: wire.Some(next.Set), Marker: next}, err
}

func (s *Service) accessTagUser(c *wire.Call, in *iam.TagUserInput) ([]wire.Access, error) {
	return s.onUser(c, "TagUser", in.UserName.V, requestTags(policy.Keys{}, in.Tags))
}

func (s *Service) tagUser(c *wire.Call, in *iam.TagUserInput) (*iam.TagUserOutput, error) {
	return nil, s.changeUser(c, in.UserName.V, func(_ *kv.Tx, u *userRow) (err error) {
		u.Tags, err = addTags(u.Tags, in.Tags)
		return err
	})
}

func (s *Service) accessUntagUser(c *wire.Call, in *iam.UntagUserInput) ([]wire.Access, error) {
	return s.onUser(c, "UntagUser", in.UserName.V, policy.Keys{"aws:tagkeys": in.TagKeys})
}

func (s *Service) untagUser(c *wire.Call, in *iam.UntagUserInput) (*iam.UntagUserOutput, error) {
	return nil, s.changeUser(c, in.UserName.V, func(_ *kv.Tx, u *userRow) error {
		u.untag(in.TagKeys)
		return nil
	})
}

func (s *Service) accessListUserTags(c *wire.Call, in *iam.ListUserTagsInput) ([]wire.Access, error) {
	return s.onUser(c, "ListUserTags", in.UserName.V, nil)
}

func (s *Service) listUserTags(c *wire.Call, in *iam.ListUserTagsInput) (*iam.ListUserTagsOutput, error) {
	row, err := s.readUser(c, in.UserName.V)
	if err != nil {
		return nil, err
	}
	tags, next, err := tagPage(row.Tags, in.Marker, in.MaxItems)
	return &iam.ListUserTagsOutput{Tags: tags, IsTruncated: wire.Some(next.Set), Marker: next}, err
}

func (s *Service) accessTagPolicy(c *wire.Call, in *iam.TagPolicyInput) ([]wire.Access, error) {
	return s.onPolicy(c, "TagPolicy", in.PolicyArn.V, requestTags(policy.Keys{}, in.Tags))
}

func (s *Service) tagPolicy(c *wire.Call, in *iam.TagPolicyInput) (*iam.TagPolicyOutput, error) {
	return nil, s.changePolicy(c, in.PolicyArn.V, func(r *policyRow) (err error) {
		r.Tags, err = addTags(r.Tags, in.Tags)
		return err
	})
}

func (s *Service) accessUntagPolicy(c *wire.Call, in *iam.UntagPolicyInput) ([]wire.Access, error) {
	return s.onPolicy(c, "UntagPolicy", in.PolicyArn.V, policy.Keys{"aws:tagkeys": in.TagKeys})
}

func (s *Service) untagPolicy(c *wire.Call, in *iam.UntagPolicyInput) (*iam.UntagPolicyOutput, error) {
	return nil, s.changePolicy(c, in.PolicyArn.V, func(r *policyRow) error {
		for _, name := range in.TagKeys {
			dropTag(r.Tags, name)
		}
		return nil
	})
}

func (s *Service) accessListPolicyTags(c *wire.Call, in *iam.ListPolicyTagsInput) ([]wire.Access, error) {
	return s.onPolicy(c, "ListPolicyTags", in.PolicyArn.V, nil)
}

func (s *Service) listPolicyTags(c *wire.Call, in *iam.ListPolicyTagsInput) (*iam.ListPolicyTagsOutput, error) {
	row, err := s.readPolicy(c, in.PolicyArn.V)
	if err != nil {
		return nil, err
	}
	tags, next, err := tagPage(row.Tags, in.Marker, in.MaxItems)
	return &iam.ListPolicyTagsOutput{Tags: tags, IsTruncated: wire.Some(next.Set), Marker: next}, err
}
