package functions

import (
	"strings"

	"bothy/api/lambda"
	"bothy/kv"
	"bothy/wire"
)

const maxTags = 50

func (s *Service) mountTags(m *wire.Mux) {
	wire.Handle(m, lambda.TagResource, func(c *wire.Call, in *lambda.TagResourceInput) ([]wire.Access, error) {
		return s.on(c, "TagResource", in.Resource, wire.Opt[string]{})
	}, s.tag)
	wire.Handle(m, lambda.UntagResource, func(c *wire.Call, in *lambda.UntagResourceInput) ([]wire.Access, error) {
		return s.on(c, "UntagResource", in.Resource, wire.Opt[string]{})
	}, s.untag)
	wire.Handle(m, lambda.ListTags, func(c *wire.Call, in *lambda.ListTagsInput) ([]wire.Access, error) {
		return s.on(c, "ListTags", in.Resource, wire.Opt[string]{})
	}, s.listTags)
}

func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return invalid("The number of tags exceeds the limit of %d.", maxTags)
	}
	for k := range tags {
		if strings.HasPrefix(strings.ToLower(k), "aws:") {
			return invalid("Tag keys must not begin with aws: %s", k)
		}
	}
	return nil
}

func (s *Service) tag(c *wire.Call, in *lambda.TagResourceInput) (*lambda.TagResourceOutput, error) {
	return nil, s.editTags(c, in.Resource, func(tags map[string]string) {
		for k, v := range in.Tags {
			tags[k] = v
		}
	})
}

func (s *Service) untag(c *wire.Call, in *lambda.UntagResourceInput) (*lambda.UntagResourceOutput, error) {
	return nil, s.editTags(c, in.Resource, func(tags map[string]string) {
		for _, k := range in.TagKeys {
			delete(tags, k)
		}
	})
}

func (s *Service) editTags(c *wire.Call, resource wire.Opt[string], edit func(map[string]string)) error {
	r, err := latestRef(c, resource)
	if err != nil {
		return err
	}
	return s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		f, err := getFunction(tx, r)
		if err != nil {
			return err
		}
		if f.Tags == nil {
			f.Tags = map[string]string{}
		}
		edit(f.Tags)
		if err := checkTags(f.Tags); err != nil {
			return err
		}
		return functionTable.Put(tx, r.scope(), f)
	})
}

func (s *Service) listTags(c *wire.Call, in *lambda.ListTagsInput) (*lambda.ListTagsOutput, error) {
	r, err := latestRef(c, in.Resource)
	if err != nil {
		return nil, err
	}
	out := &lambda.ListTagsOutput{}
	return out, s.cfg.DB.View(c, func(tx *kv.Tx) error {
		f, err := getFunction(tx, r)
		if err == nil {
			out.Tags = f.Tags
		}
		return err
	})
}
