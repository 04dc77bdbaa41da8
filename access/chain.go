package access

import (
	"regexp"
	"slices"
	"strings"

	"bothy/api/sts"
	"bothy/policy"
	"bothy/wire"
)

// What a session brings along from who asked for it: tags, and who is behind it. Both go on to the sessions of further roles, the tags as
// far as they are transitive, the identity always.

// maxSessionTags is AWS's quota of tags of a session.
const maxSessionTags = 50

// baggage is what a new session is given.
type baggage struct {
	Tags       map[string]string
	Transitive []string // keys of the tags that a further role's session inherits
	Source     string   // who the first caller said is behind it; "" for nobody
}

// baggageOf is what a call gives to a session it asks for, with what the caller's own session hands on.
func baggageOf(p *wire.Principal, tags []sts.Tag, transitive []string, source wire.Opt[string]) (*baggage, error) {
	b := &baggage{Tags: map[string]string{}, Source: source.V}
	for _, t := range tags {
		if err := b.add(t.Key.V, t.Value.V); err != nil {
			return nil, err
		}
	}
	for _, key := range transitive {
		if !b.has(key) {
			return nil, wire.Fail(400, "ValidationError", "The transitive tag key %s is not among the session tags.", key)
		}
		b.Transitive = append(b.Transitive, key)
	}
	return b, b.inherit(p)
}

func (b *baggage) add(key, value string) error {
	switch {
	case b.has(key):
		return wire.Fail(400, "InvalidParameterValue", "Duplicate session tag keys found. Please note that session tag keys are case insensitive.")
	case len(b.Tags) >= maxSessionTags:
		return wire.Fail(400, "ValidationError", "A session can have at most %d tags.", maxSessionTags)
	case strings.HasPrefix(fold(key), "aws:"):
		return wire.Fail(400, "InvalidParameterValue", "Session tag keys must not begin with aws:.")
	}
	b.Tags[key] = value
	return nil
}

func (b *baggage) has(key string) bool {
	for name := range b.Tags {
		if fold(name) == fold(key) {
			return true
		}
	}
	return false
}

// inherit adds what the caller's session hands on; none of it can be replaced.
func (b *baggage) inherit(p *wire.Principal) error {
	if p == nil || p.Kind != wire.Session {
		return nil
	}
	for _, key := range p.Transitive {
		if b.has(key) {
			return wire.Because(wire.Fail(400, "InvalidParameterValue", "One or more session tags are already set as transitive by the session of the caller."), "tag %s", key)
		}
		b.Tags[key] = first(p.Keys["aws:principaltag/"+fold(key)])
		b.Transitive = append(b.Transitive, key)
	}
	behind := first(p.Keys["aws:sourceidentity"])
	if behind != "" && b.Source != "" && b.Source != behind {
		return wire.Because(wire.Fail(403, "AccessDenied", "The source identity of a session cannot be changed."), "it is %s, not %s", behind, b.Source)
	}
	if behind != "" {
		b.Source = behind
	}
	return nil
}

// sourcePattern is that of a source identity and of the name of a session.
var sourcePattern = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)

// trustKeys are the condition keys of what a provider gives along, for the trust policy.
func (b *baggage) trustKeys(sourceIP string) policy.Keys {
	k := policy.Keys{"aws:sourceip": {sourceIP}}
	for _, key := range sortedNames(b.Tags) {
		k["aws:requesttag/"+fold(key)] = []string{b.Tags[key]}
		k["aws:tagkeys"] = append(k["aws:tagkeys"], key)
	}
	if len(b.Transitive) > 0 {
		k["sts:transitivetagkeys"] = b.Transitive
	}
	if b.Source != "" {
		k["sts:sourceidentity"] = []string{b.Source}
	}
	return k
}

// requestKeys are the condition keys of a call that brings tags and an identity.
func requestKeys(k policy.Keys, tags []sts.Tag, transitive []string, source string) policy.Keys {
	for _, t := range tags {
		k["aws:requesttag/"+fold(t.Key.V)] = []string{t.Value.V}
		k["aws:tagkeys"] = append(k["aws:tagkeys"], t.Key.V)
	}
	if len(transitive) > 0 {
		k["sts:transitivetagkeys"] = slices.Clone(transitive)
	}
	if source != "" {
		k["sts:sourceidentity"] = []string{source}
	}
	return k
}
