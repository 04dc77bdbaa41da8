package users

import (
	"strings"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/wire"
)

const mostTags = 50 // of a pool

func (s *Service) mountTags(m *wire.Mux) {
	wire.Handle(m, cognitoidp.TagResource, func(_ *wire.Call, in *cognitoidp.TagResourceInput) ([]wire.Access, error) {
		return wire.One("cognito-idp:TagResource", in.ResourceArn.V, nil), nil
	}, s.tagResource)
	wire.Handle(m, cognitoidp.UntagResource, func(_ *wire.Call, in *cognitoidp.UntagResourceInput) ([]wire.Access, error) {
		return wire.One("cognito-idp:UntagResource", in.ResourceArn.V, nil), nil
	}, s.untagResource)
	wire.Handle(m, cognitoidp.ListTagsForResource, func(_ *wire.Call, in *cognitoidp.ListTagsForResourceInput) ([]wire.Access, error) {
		return wire.One("cognito-idp:ListTagsForResource", in.ResourceArn.V, nil), nil
	}, s.listTagsForResource)
}

// checkTags refuses more tags than a pool may have, and names that are AWS's own.
func checkTags(tags map[string]string) error {
	if len(tags) > mostTags {
		return invalid("A user pool can have at most %d tags.", mostTags)
	}
	for name := range tags {
		if strings.HasPrefix(strings.ToLower(name), "aws:") {
			return invalid("Tag keys may not begin with aws:")
		}
	}
	return nil
}

// poolOfARN is the id of the pool that an ARN names. Another account's is not here.
func poolOfARN(account, arn string) (string, error) {
	_, id, found := strings.Cut(arn, ":userpool/")
	if !found {
		return "", invalid("Invalid resource ARN: %s", arn)
	}
	if arn != poolARN(account, id) {
		return "", noPool(id)
	}
	return id, nil
}

// retag changes the tags of the pool an ARN names.
func (s *Service) retag(c *wire.Call, arn string, change func(tags map[string]string)) error {
	id, err := poolOfARN(c.Account, arn)
	if err != nil {
		return err
	}
	return s.update(c, func(tx *kv.Tx) error {
		p, err := poolByID(tx, c.Account, id)
		if err != nil {
			return err
		}
		if p.Settings.UserPoolTags == nil {
			p.Settings.UserPoolTags = map[string]string{}
		}
		change(p.Settings.UserPoolTags)
		if err := checkTags(p.Settings.UserPoolTags); err != nil {
			return err
		}
		return pools.Put(tx, inPool(c.Account, id), p)
	})
}

func (s *Service) tagResource(c *wire.Call, in *cognitoidp.TagResourceInput) (*cognitoidp.TagResourceOutput, error) {
	return nil, s.retag(c, in.ResourceArn.V, func(tags map[string]string) {
		for name, v := range in.Tags {
			tags[name] = v
		}
	})
}

func (s *Service) untagResource(c *wire.Call, in *cognitoidp.UntagResourceInput) (*cognitoidp.UntagResourceOutput, error) {
	return nil, s.retag(c, in.ResourceArn.V, func(tags map[string]string) {
		for _, name := range in.TagKeys {
			delete(tags, name)
		}
	})
}

func (s *Service) listTagsForResource(c *wire.Call, in *cognitoidp.ListTagsForResourceInput) (*cognitoidp.ListTagsForResourceOutput, error) {
	id, err := poolOfARN(c.Account, in.ResourceArn.V)
	if err != nil {
		return nil, err
	}
	p, err := s.pool(c, id)
	if err != nil {
		return nil, err
	}
	return &cognitoidp.ListTagsForResourceOutput{Tags: p.Settings.UserPoolTags}, nil
}
