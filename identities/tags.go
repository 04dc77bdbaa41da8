package identities

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"bothy/api/cognitoidentity"
	"bothy/policy"
	"bothy/wire"
)

// maxTags bounds the tags of one pool (AWS quota).
const maxTags = 50

func (s *Service) accessTag(c *wire.Call, in *cognitoidentity.TagResourceInput) ([]wire.Access, error) {
	return s.onARN(c, "TagResource", in.ResourceArn.V, tagKeys(in.Tags))
}

func (s *Service) accessUntag(c *wire.Call, in *cognitoidentity.UntagResourceInput) ([]wire.Access, error) {
	return s.onARN(c, "UntagResource", in.ResourceArn.V, policy.Keys{"aws:tagkeys": in.TagKeys})
}

func (s *Service) accessListTags(c *wire.Call, in *cognitoidentity.ListTagsForResourceInput) ([]wire.Access, error) {
	return s.onARN(c, "ListTagsForResource", in.ResourceArn.V, nil)
}

// onPool is the access of an operation on a pool, about which the pool's tags decide along.
func (s *Service) onPool(c *wire.Call, action, id string, keys policy.Keys) ([]wire.Access, error) {
	return s.onARN(c, action, poolARN(c, id), keys)
}

func (s *Service) onARN(c *wire.Call, action, arn string, keys policy.Keys) ([]wire.Access, error) {
	if keys == nil {
		keys = policy.Keys{}
	}
	if id, err := poolOfARN(c, arn); err == nil {
		p, err := s.pool(c, id)
		if missing := (*cognitoidentity.ResourceNotFoundException)(nil); errors.As(err, &missing) {
			p, err = &pool{}, nil
		}
		if err != nil {
			return nil, err
		}
		for name, v := range p.Tags {
			keys["aws:resourcetag/"+strings.ToLower(name)] = []string{v}
		}
	}
	return wire.One("cognito-identity:"+action, arn, keys), nil
}

// tagKeys are the condition keys of a request that sets tags.
func tagKeys(tags map[string]string) policy.Keys {
	if len(tags) == 0 {
		return nil
	}
	k := policy.Keys{"aws:tagkeys": slices.Sorted(maps.Keys(tags))}
	for name, v := range tags {
		k["aws:requesttag/"+strings.ToLower(name)] = []string{v}
	}
	return k
}

func (s *Service) tag(c *wire.Call, in *cognitoidentity.TagResourceInput) (*cognitoidentity.TagResourceOutput, error) {
	return &cognitoidentity.TagResourceOutput{}, s.changeTags(c, in.ResourceArn.V, func(tags map[string]string) { maps.Copy(tags, in.Tags) })
}

func (s *Service) untag(c *wire.Call, in *cognitoidentity.UntagResourceInput) (*cognitoidentity.UntagResourceOutput, error) {
	return &cognitoidentity.UntagResourceOutput{}, s.changeTags(c, in.ResourceArn.V, func(tags map[string]string) {
		for _, k := range in.TagKeys {
			delete(tags, k)
		}
	})
}

func (s *Service) listTags(c *wire.Call, in *cognitoidentity.ListTagsForResourceInput) (*cognitoidentity.ListTagsForResourceOutput, error) {
	id, err := poolOfARN(c, in.ResourceArn.V)
	if err != nil {
		return nil, err
	}
	p, err := s.pool(c, id)
	if err != nil {
		return nil, err
	}
	return &cognitoidentity.ListTagsForResourceOutput{Tags: p.Tags}, nil
}

func (s *Service) changeTags(c *wire.Call, arn string, change func(map[string]string)) error {
	id, err := poolOfARN(c, arn)
	if err != nil {
		return err
	}
	_, err = s.changePool(c, id, func(p *pool) error {
		if p.Tags == nil {
			p.Tags = map[string]string{}
		}
		change(p.Tags)
		return checkTags(p.Tags)
	})
	return err
}

// checkTags refuses tags that no pool can have.
func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return invalid("Too many tags: a resource has at most 50.")
	}
	for key := range tags {
		if strings.HasPrefix(strings.ToLower(key), "aws:") {
			return invalid("Tag keys must not begin with aws: " + key)
		}
	}
	return nil
}

// poolOfARN is the pool id in an ARN of this account.
func poolOfARN(c *wire.Call, arn string) (string, error) {
	_, id, ok := strings.Cut(arn, ":identitypool/")
	if !ok || poolARN(c, id) != arn {
		return "", invalid("Invalid resource ARN: " + arn)
	}
	return id, nil
}
