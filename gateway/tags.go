package gateway

import (
	"regexp"
	"strings"

	"bothy/api/apigateway"
	"bothy/kv"
	"bothy/wire"
)

const maxTags = 50

func (s *Service) mountTags(m *wire.Mux) {
	wire.Handle(m, apigateway.TagResource, func(c *wire.Call, in *apigateway.TagResourceInput) ([]wire.Access, error) {
		return want(c, "PUT", "/tags/"+in.ResourceArn.V)
	}, func(c *wire.Call, in *apigateway.TagResourceInput) (*apigateway.TagResourceOutput, error) {
		return nil, s.editTags(c, in.ResourceArn.V, func(tags map[string]string) {
			for k, v := range in.Tags {
				tags[k] = v
			}
		})
	})
	wire.Handle(m, apigateway.UntagResource, func(c *wire.Call, in *apigateway.UntagResourceInput) ([]wire.Access, error) {
		return want(c, "DELETE", "/tags/"+in.ResourceArn.V)
	}, func(c *wire.Call, in *apigateway.UntagResourceInput) (*apigateway.UntagResourceOutput, error) {
		return nil, s.editTags(c, in.ResourceArn.V, func(tags map[string]string) {
			for _, k := range in.TagKeys {
				delete(tags, k)
			}
		})
	})
	wire.Handle(m, apigateway.GetTags, func(c *wire.Call, in *apigateway.GetTagsInput) ([]wire.Access, error) {
		return want(c, "GET", "/tags/"+in.ResourceArn.V)
	}, func(c *wire.Call, in *apigateway.GetTagsInput) (*apigateway.GetTagsOutput, error) {
		out := &apigateway.GetTagsOutput{}
		return out, s.cfg.DB.View(c, func(tx *kv.Tx) error {
			tags, _, err := tagsOf(tx, c, in.ResourceArn.V)
			out.Tags = tags
			return err
		})
	})
}

func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return badRequest("Too many tags: at most 50 are allowed.")
	}
	for k, v := range tags {
		if k == "" || len(k) > 128 || len(v) > 256 || strings.HasPrefix(strings.ToLower(k), "aws:") {
			return badRequest("Invalid tag key or value: " + k)
		}
	}
	return nil
}

var taggable = regexp.MustCompile(`^arn:aws:apigateway:([a-z0-9-]+)::/restapis/([a-z0-9]+)(?:/stages/([a-zA-Z0-9_-]+))?$`)

// tagsOf reads the tags of an API or stage, and how to store them.
func tagsOf(tx *kv.Tx, c *wire.Call, arn string) (map[string]string, func(map[string]string) error, error) {
	m := taggable.FindStringSubmatch(arn)
	if m == nil || m[1] != c.Region {
		return nil, nil, badRequest("Invalid ARN specified in the request")
	}
	if m[3] != "" {
		st, err := getStage(tx, c, m[2], m[3])
		if err != nil {
			return nil, nil, err
		}
		return st.Tags, func(tags map[string]string) error { st.Tags = tags; return stageTable.Put(tx, scopeOf(c), st) }, nil
	}
	a, err := getAPI(tx, c, m[2])
	if err != nil {
		return nil, nil, err
	}
	return a.Tags, func(tags map[string]string) error { a.Tags = tags; return putAPI(tx, c, a) }, nil
}

func (s *Service) editTags(c *wire.Call, arn string, change func(map[string]string)) error {
	return s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		tags, store, err := tagsOf(tx, c, arn)
		if err != nil {
			return err
		}
		if tags == nil {
			tags = map[string]string{}
		}
		change(tags)
		if err := checkTags(tags); err != nil {
			return err
		}
		return store(tags)
	})
}
