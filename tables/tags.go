package tables

import (
	"errors"
	"maps"
	"strings"
	"unicode"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/policy"
	"bothy/wire"
)

const maxTags = 50

func noTagged(arn string) error {
	return &dynamodb.ResourceNotFoundException{Message: wire.Some("Requested resource not found: ResourceArn: " + arn + " not found")}
}

// taggedTable is the name in the ARN of a table here.
func taggedTable(c *wire.Call, resource string) (string, error) {
	fields := strings.SplitN(resource, ":", 6)
	switch {
	case fields[0] != "arn":
		return "", validation(invalid+"ARNs must start with 'arn:': %s", resource)
	case len(fields) < 6 || fields[2] != "dynamodb" || !strings.HasPrefix(fields[5], "table/") || strings.Contains(fields[5], "/backup/"):
		return "", validation(invalid+"Provided Arn is not a DynamoDB resource arn: %s", resource)
	case strings.Contains(fields[5], "/index/"):
		return "", validation(invalid+"Invalid resource arn provided, only table or stream is accepted. Provided resource arn: %s", resource)
	}
	name, ok := strings.CutPrefix(resource, tableARN(scope(c), ""))
	if !ok || !nameLike(name) {
		return "", wire.Because(noTagged(resource), "resource %s is no table of account %s, region %s", resource, c.Account, c.Region)
	}
	return name, nil
}

// asTagged makes the complaint that there is no such table one about the resource.
func asTagged(err error, arn string) error {
	if isNotFound(err) {
		return noTagged(arn)
	}
	return err
}

// Characters of tags besides letters, digits and spaces of any script.
const tagMarks = "+-=._:/@"

func taggable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsNumber(r) && !unicode.Is(unicode.Zs, r) && !strings.ContainsRune(tagMarks, r)
	})
}

func checkTagKey(key string) error {
	switch {
	case strings.HasPrefix(strings.ToLower(key), "aws:"):
		return validation("Tag Key cannot be prefixed with aws:, Key: %s", key)
	case !taggable(key):
		return validation("The Tag Key provided is invalid, Key: %s", key)
	}
	return nil
}

// Condition keys about tags. Those of a resource or a request end with the tag's key, which conditions write in any case.
const (
	keyResourceTag = "aws:resourcetag/"
	keyRequestTag  = "aws:requesttag/"
	keyTagKeys     = "aws:tagkeys"
)

// tagged adds the table's tags to the condition keys of what a call wants of it. Keys that differ in their case are one to policies:
// it has the values of all.
func (t *table) tagged(k policy.Keys) policy.Keys {
	if t == nil || len(t.Tags) == 0 {
		return k
	}
	if k == nil {
		k = policy.Keys{}
	}
	for _, name := range keysOf(t.Tags) {
		key := keyResourceTag + strings.ToLower(name)
		k[key] = append(k[key], t.Tags[name])
	}
	return k
}

// tagging are the condition keys of a request that gives tags; nil without any.
func tagging(tags []dynamodb.Tag) policy.Keys {
	if len(tags) == 0 {
		return nil
	}
	k := policy.Keys{}
	for _, tag := range tags {
		key := keyRequestTag + strings.ToLower(tag.Key.V)
		k[key], k[keyTagKeys] = append(k[key], tag.Value.V), append(k[keyTagKeys], tag.Key.V)
	}
	return k
}

func accessTags(c *wire.Call, action, resource string, keys policy.Keys) ([]wire.Access, error) {
	name, err := taggedTable(c, resource)
	var none *dynamodb.ResourceNotFoundException
	if errors.As(err, &none) && strings.Split(resource, ":")[4] != c.Account { // what other accounts have is not told
		return nil, wire.AccessDenied(c, wire.Access{Action: action, Resource: resource}, policy.Decision{Kind: policy.Resource, Reason: "another account's"})
	}
	if err != nil {
		return nil, err
	}
	return wire.One(action, tableARN(scope(c), name), keys), nil
}

func accessTagResource(c *wire.Call, in *dynamodb.TagResourceInput) ([]wire.Access, error) {
	return accessTags(c, "dynamodb:TagResource", in.ResourceArn.V, tagging(in.Tags))
}

func accessUntagResource(c *wire.Call, in *dynamodb.UntagResourceInput) ([]wire.Access, error) {
	return accessTags(c, "dynamodb:UntagResource", in.ResourceArn.V, policy.Keys{keyTagKeys: in.TagKeys})
}

func accessListTags(c *wire.Call, in *dynamodb.ListTagsOfResourceInput) ([]wire.Access, error) {
	return accessTags(c, "dynamodb:ListTagsOfResource", in.ResourceArn.V, nil)
}

// tag adds tags to a definition.
func (t *table) tag(tags []dynamodb.Tag) error {
	t.Tags = maps.Clone(t.Tags)
	if t.Tags == nil {
		t.Tags = map[string]string{}
	}
	given := map[string]bool{}
	for _, tag := range tags {
		if given[tag.Key.V] {
			return validation("Duplicate Tag Keys provided as input: Duplicate Tag Key found %s", tag.Key.V)
		}
		if err := checkTagKey(tag.Key.V); err != nil {
			return err
		}
		if !taggable(tag.Value.V) {
			return validation("The Tag Value provided is invalid, Value: %s", tag.Value.V)
		}
		given[tag.Key.V], t.Tags[tag.Key.V] = true, tag.Value.V
	}
	if len(t.Tags) > maxTags {
		return tooManyTags()
	}
	return nil
}

func tooManyTags() error {
	return validation("Number of Tags exceed the current limit for the provided ResourceArn")
}

func (s *Service) tagResource(c *wire.Call, in *dynamodb.TagResourceInput) (*dynamodb.TagResourceOutput, error) {
	name, err := taggedTable(c, in.ResourceArn.V)
	if err != nil {
		return nil, err
	}
	if len(in.Tags) == 0 {
		return nil, validation("Atleast one Tag needs to be provided as Input.")
	}
	_, err = s.change(c, name, func(t *table) error { return t.tag(in.Tags) })
	return &dynamodb.TagResourceOutput{}, asTagged(err, in.ResourceArn.V)
}

func (s *Service) untagResource(c *wire.Call, in *dynamodb.UntagResourceInput) (*dynamodb.UntagResourceOutput, error) {
	name, err := taggedTable(c, in.ResourceArn.V)
	if err != nil {
		return nil, err
	}
	if len(in.TagKeys) == 0 {
		return nil, validation("Atleast one Tag Key needs to be provided as Input.")
	}
	if len(in.TagKeys) > maxTags {
		return nil, tooManyTags()
	}
	for _, k := range in.TagKeys {
		if err := checkTagKey(k); err != nil {
			return nil, err
		}
	}
	_, err = s.change(c, name, func(t *table) error {
		t.Tags = maps.Clone(t.Tags)
		for _, k := range in.TagKeys {
			delete(t.Tags, k)
		}
		return nil
	})
	return &dynamodb.UntagResourceOutput{}, asTagged(err, in.ResourceArn.V)
}

func (s *Service) listTags(c *wire.Call, in *dynamodb.ListTagsOfResourceInput) (*dynamodb.ListTagsOfResourceOutput, error) {
	name, err := taggedTable(c, in.ResourceArn.V)
	if err != nil {
		return nil, err
	}
	out := &dynamodb.ListTagsOfResourceOutput{Tags: []dynamodb.Tag{}}
	err = s.db.View(c, func(tx *kv.Tx) error {
		t, err := s.named(tx, c, name)
		if err != nil {
			return err
		}
		for _, k := range keysOf(t.Tags) {
			out.Tags = append(out.Tags, dynamodb.Tag{Key: wire.Some(k), Value: wire.Some(t.Tags[k])})
		}
		return nil
	})
	if err != nil {
		return nil, asTagged(err, in.ResourceArn.V)
	}
	return out, nil
}
