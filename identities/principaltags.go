package identities

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"bothy/api/cognitoidentity"
	"bothy/wire"
)

// tagMap says which claims of a provider's tokens become tags of the sessions of its users: attributes for access control.
type tagMap struct {
	Defaults bool              // the map that AWS has for the provider, instead of Tags
	Tags     map[string]string `json:",omitempty"` // tag → claim
}

// Bounds of session tags (AWS quotas), characters.
const (
	maxTagKey   = 128
	maxTagValue = 256
)

// tagText is what keys and values of session tags are made of.
var tagText = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)

func (s *Service) accessSetTagMap(c *wire.Call, in *cognitoidentity.SetPrincipalTagAttributeMapInput) ([]wire.Access, error) {
	return s.onPool(c, "SetPrincipalTagAttributeMap", in.IdentityPoolId.V, nil)
}

func (s *Service) accessGetTagMap(c *wire.Call, in *cognitoidentity.GetPrincipalTagAttributeMapInput) ([]wire.Access, error) {
	return s.onPool(c, "GetPrincipalTagAttributeMap", in.IdentityPoolId.V, nil)
}

// mountTagMaps mounts the operations on tag maps.
func (s *Service) mountTagMaps(m *wire.Mux) {
	wire.Handle(m, cognitoidentity.SetPrincipalTagAttributeMap, s.accessSetTagMap, s.setTagMap)
	wire.Handle(m, cognitoidentity.GetPrincipalTagAttributeMap, s.accessGetTagMap, s.getTagMap)
}

func (s *Service) setTagMap(c *wire.Call, in *cognitoidentity.SetPrincipalTagAttributeMapInput) (*cognitoidentity.SetPrincipalTagAttributeMapOutput, error) {
	if err := checkTagKeys(in.PrincipalTags); err != nil {
		return nil, err
	}
	provider := in.IdentityProviderName.V
	set := tagMap{Defaults: in.UseDefaults.V, Tags: in.PrincipalTags}
	_, err := s.changePool(c, in.IdentityPoolId.V, func(p *pool) error {
		if !p.hasProvider(provider) {
			return notFound("Identity provider", provider)
		}
		if p.TagMaps == nil {
			p.TagMaps = map[string]tagMap{}
		}
		p.TagMaps[provider] = set
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &cognitoidentity.SetPrincipalTagAttributeMapOutput{
		IdentityPoolId: in.IdentityPoolId, IdentityProviderName: in.IdentityProviderName,
		UseDefaults: wire.Some(set.Defaults), PrincipalTags: set.shown(provider),
	}, nil
}

func (s *Service) getTagMap(c *wire.Call, in *cognitoidentity.GetPrincipalTagAttributeMapInput) (*cognitoidentity.GetPrincipalTagAttributeMapOutput, error) {
	p, err := s.pool(c, in.IdentityPoolId.V)
	if err != nil {
		return nil, err
	}
	provider := in.IdentityProviderName.V
	set, ok := p.TagMaps[provider]
	if !ok {
		return nil, notFound("Principal tag attribute map of identity provider", provider)
	}
	return &cognitoidentity.GetPrincipalTagAttributeMapOutput{
		IdentityPoolId: in.IdentityPoolId, IdentityProviderName: in.IdentityProviderName,
		UseDefaults: wire.Some(set.Defaults), PrincipalTags: set.shown(provider),
	}, nil
}

// shown is the map as the API answers it: what was set, or else what applies.
func (m tagMap) shown(provider string) map[string]string {
	if m.Defaults && len(m.Tags) == 0 {
		return m.claims(provider)
	}
	if m.Tags == nil {
		return map[string]string{}
	}
	return m.Tags
}

// claims are tag → claim of what applies.
func (m tagMap) claims(provider string) map[string]string {
	switch {
	case !m.Defaults:
		return m.Tags
	case strings.HasPrefix(provider, "arn:"):
		return map[string]string{"username": samlClaims + "nameidentifier", "client": samlClaims + "name"}
	case provider == amazon:
		return map[string]string{"username": "user_id", "client": "aud"}
	}
	return map[string]string{"username": "sub", "client": "aud"}
}

// samlClaims is where identity providers put what they say of a user.
const samlClaims = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"

// checkTagKeys refuses keys that no session can have. Keys are the same in any case.
func checkTagKeys(tags map[string]string) error {
	seen := map[string]bool{}
	for key := range tags {
		folded := strings.ToLower(key)
		switch {
		case strings.HasPrefix(folded, "aws:"):
			return invalid("Principal tag keys must not begin with aws: " + key)
		case !tagText.MatchString(key) || utf8.RuneCountInString(key) > maxTagKey:
			return invalid("Invalid principal tag key: " + key)
		case seen[folded]:
			return invalid("Duplicate principal tag keys; keys are case insensitive: " + key)
		}
		seen[folded] = true
	}
	return nil
}

func checkTagValue(key, value string) error {
	if !tagText.MatchString(value) || utf8.RuneCountInString(value) > maxTagValue {
		return invalid("Invalid value of principal tag " + key + ".")
	}
	return nil
}

// sessionTags are the tags that verified logins give a session. A tag that two logins give is the first one's. A value that
// no tag can have refuses the session: to leave the tag out would please policies that ask for its absence.
func (p *pool) sessionTags(logins []verified) (map[string]string, error) {
	var tags map[string]string
	seen := map[string]bool{}
	for _, l := range logins {
		of := l.mappedTags(p.TagMaps[l.Provider].claims(l.Provider))
		maps.Copy(of, l.tags)
		for _, key := range slices.Sorted(maps.Keys(of)) {
			if seen[strings.ToLower(key)] {
				continue
			}
			if err := checkTagValue(key, of[key]); err != nil {
				return nil, wire.Because(err, "from the login of %s", l.Provider)
			}
			if tags == nil {
				tags = map[string]string{}
			}
			tags[key], seen[strings.ToLower(key)] = of[key], true
		}
	}
	return tags, nil
}

// mappedTags are the tags of the login's claims. A claim with several values has no one text and gives no tag.
func (v verified) mappedTags(byTag map[string]string) map[string]string {
	tags := map[string]string{}
	for tag, claim := range byTag {
		if texts := claimStrings(v.claims[claim]); len(texts) == 1 {
			tags[tag] = texts[0]
		}
	}
	return tags
}

// tagClaim is how an OpenID token carries session tags (AWS's claim for AssumeRoleWithWebIdentity).
type tagClaim struct {
	Principal  map[string][]string `json:"principal_tags"`
	Transitive []string            `json:"transitive_tag_keys"`
}

// TagClaim names the claim.
const TagClaim = "https://aws.amazon.com/tags"

func newTagClaim(tags map[string]string) *tagClaim {
	if len(tags) == 0 {
		return nil
	}
	out := &tagClaim{Principal: map[string][]string{}, Transitive: []string{}}
	for key, v := range tags {
		out.Principal[key] = []string{v}
	}
	return out
}

// texts are the tags in the claim; a nil claim has none.
func (t *tagClaim) texts() map[string]string {
	if t == nil {
		return nil
	}
	out := map[string]string{}
	for key, v := range t.Principal {
		if len(v) == 1 {
			out[key] = v[0]
		}
	}
	return out
}
