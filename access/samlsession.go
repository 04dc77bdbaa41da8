package access

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"time"

	"bothy/api/sts"
	"bothy/federation/saml"
	"bothy/kv"
	"bothy/policy"
	"bothy/record"
	"bothy/wire"
)

// assertionRow is an assertion that made a session: it makes no other. It is kept until the assertion is too old anyway.
type assertionRow struct {
	Hash    string // of the provider's name for itself and the assertion's id
	Expires time.Time
}

func assertions() *record.Table[assertionRow] {
	return &record.Table[assertionRow]{
		Name: "access.assertion", Version: 1, Key: func(r *assertionRow) []any { return []any{r.Hash} },
		Expires: func(r *assertionRow) time.Time { return r.Expires },
	}
}

// Attributes that AWS reads of an assertion.
const (
	samlAttributes  = "https://aws.amazon.com/SAML/Attributes/"
	roleAttribute   = samlAttributes + "Role"
	nameAttribute   = samlAttributes + "RoleSessionName"
	lifeAttribute   = samlAttributes + "SessionDuration"
	sourceAttribute = samlAttributes + "SourceIdentity"
	tagAttribute    = samlAttributes + "PrincipalTag:"
	passAttribute   = samlAttributes + "TransitiveTagKeys"
)

// samlKeys are the condition keys of further attributes, as AWS names them.
var samlKeys = map[string]string{
	"urn:oid:1.3.6.1.4.1.5923.1.1.1.1": "saml:edupersonaffiliation", "urn:oid:1.3.6.1.4.1.5923.1.1.1.2": "saml:edupersonnickname",
	"urn:oid:1.3.6.1.4.1.5923.1.1.1.3": "saml:edupersonorgdn", "urn:oid:1.3.6.1.4.1.5923.1.1.1.4": "saml:edupersonorgunitdn",
	"urn:oid:1.3.6.1.4.1.5923.1.1.1.5": "saml:edupersonprimaryaffiliation", "urn:oid:1.3.6.1.4.1.5923.1.1.1.6": "saml:edupersonprincipalname",
	"urn:oid:1.3.6.1.4.1.5923.1.1.1.7": "saml:edupersonentitlement", "urn:oid:1.3.6.1.4.1.5923.1.1.1.8": "saml:edupersonprimaryorgunitdn",
	"urn:oid:1.3.6.1.4.1.5923.1.1.1.9": "saml:edupersonscopedaffiliation", "urn:oid:1.3.6.1.4.1.5923.1.1.1.10": "saml:edupersontargetedid",
	"urn:oid:1.3.6.1.4.1.5923.1.1.1.11": "saml:edupersonassurance", "urn:oid:2.5.4.3": "saml:cn", "urn:oid:2.5.4.4": "saml:surname",
	"urn:oid:2.5.4.41": "saml:name", "urn:oid:2.5.4.42": "saml:givenname", "urn:oid:2.5.4.45": "saml:x500uniqueidentifier",
	"urn:oid:0.9.2342.19200300.100.1.1": "saml:uid", "urn:oid:0.9.2342.19200300.100.1.3": "saml:mail",
	"urn:oid:0.9.2342.19200300.100.1.45": "saml:organizationstatus",
}

// samlPlaces are whom assertions are for, and where they are posted: AWS's sign-in.
func samlPlaces(region string) (audiences, recipients []string) {
	recipients = []string{"https://signin.aws.amazon.com/saml", "https://" + region + ".signin.aws.amazon.com/saml"}
	return append([]string{"urn:amazon:webservices"}, recipients...), recipients
}

func (s *Service) assumeRoleWithSAML(c *wire.Call, in *sts.AssumeRoleWithSAMLInput) (*sts.AssumeRoleWithSAMLOutput, error) {
	provider, said, err := s.verifyAssertion(c, in)
	if err != nil {
		return nil, err
	}
	account := accountOf(provider.ARN)
	documents, err := s.sessionPolicies(c, account, in.Policy, in.PolicyArns)
	if err != nil {
		return nil, err
	}
	brought, err := samlBaggage(said.Attributes)
	if err != nil {
		return nil, err
	}
	name := first(said.Attributes[nameAttribute])
	if !sourcePattern.MatchString(name) {
		return nil, invalidAssertion("RoleSessionName is required in AuthnResponse", "it is %q", name)
	}
	keys := subjectKeys(provider, said)
	spec := Spec{RoleARN: in.RoleArn.V, SessionName: name, Federated: provider.ARN, Policies: documents, Keys: keys, TrustKeys: brought.trustKeys(c.SourceIP),
		Tags: brought.Tags, Transitive: brought.Transitive, SourceIdentity: brought.Source}
	for attribute, values := range said.Attributes {
		if key := samlKeys[attribute]; key != "" {
			spec.TrustKeys[key] = values
		}
	}
	if spec.Duration, err = s.samlDuration(c, in, said); err != nil {
		return nil, err
	}
	issued, err := s.Issue(c, spec)
	if err != nil {
		return nil, err
	}
	if err := s.useAssertion(c, provider, said); err != nil {
		return nil, err
	}
	return &sts.AssumeRoleWithSAMLOutput{Credentials: issued.api(), AssumedRoleUser: issued.assumed(), PackedPolicySize: packedSize(documents),
		Subject: wire.Some(said.NameID.Value), SubjectType: wire.Some(first(keys["saml:sub_type"])), Issuer: wire.Some(said.Issuer),
		Audience: wire.Some(said.Recipient), NameQualifier: wire.Some(first(keys["saml:namequalifier"])), SourceIdentity: wire.NonEmpty(brought.Source)}, nil
}

// verifyAssertion checks that the provider said it, to AWS, in time, and that it gives the role.
func (s *Service) verifyAssertion(c *wire.Call, in *sts.AssumeRoleWithSAMLInput) (*samlRow, *saml.Assertion, error) {
	provider, err := s.samlProvider(c, in.PrincipalArn.V)
	if err != nil {
		return nil, nil, err
	}
	if provider == nil || accountOf(in.RoleArn.V) != accountOf(provider.ARN) {
		return nil, nil, invalidAssertion("Specified provider doesn't exist", "provider %s, role %s", in.PrincipalArn.V, in.RoleArn.V)
	}
	metadata, err := saml.ParseMetadata(provider.Metadata)
	if err != nil {
		return nil, nil, err
	}
	if !c.Now.Before(provider.ValidUntil) {
		return nil, nil, invalidAssertion("The metadata of the provider expired", "at %s", provider.ValidUntil)
	}
	audiences, recipients := samlPlaces(c.Region)
	said, err := saml.Response(in.SAMLAssertion.V, saml.Expect{Provider: metadata, Audiences: audiences, Recipients: recipients, AnyRequest: true, Now: c.Now})
	switch {
	case errors.Is(err, saml.ErrExpired):
		return nil, nil, wire.Because(&sts.ExpiredTokenException{Message: wire.Some("Token must be redeemed within 5 minutes of issuance")}, "%v", err)
	case errors.Is(err, saml.ErrRefused), errors.Is(err, saml.ErrStatus):
		return nil, nil, invalidAssertion("Your request included an invalid SAML response.", "%v", err)
	case err != nil:
		return nil, nil, err
	case !grants(said.Attributes[roleAttribute], in.RoleArn.V, provider.ARN):
		return nil, nil, wire.Because(wire.Fail(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithSAML"), "the assertion gives %q, not the role", said.Attributes[roleAttribute])
	}
	return provider, said, nil
}

// grants tells whether one of the pairs is the role and the provider, in either order.
func grants(pairs []string, role, provider string) bool {
	for _, pair := range pairs {
		a, b, _ := strings.Cut(pair, ",")
		a, b = strings.TrimSpace(a), strings.TrimSpace(b)
		if a == role && b == provider || a == provider && b == role {
			return true
		}
	}
	return false
}

func invalidAssertion(text, format string, a ...any) error {
	return wire.Because(&sts.InvalidIdentityTokenException{Message: wire.Some(text)}, format, a...)
}

// subjectKeys are the condition keys of who the assertion is about.
func subjectKeys(provider *samlRow, said *saml.Assertion) policy.Keys {
	account := accountOf(provider.ARN)
	sum := sha1.Sum([]byte(said.Issuer + account + "/" + provider.Name))
	kind := said.NameID.Format
	for _, short := range []string{"persistent", "transient"} {
		if strings.HasSuffix(kind, ":nameid-format:"+short) {
			kind = short
		}
	}
	return policy.Keys{"saml:aud": {said.Recipient}, "saml:iss": {said.Issuer}, "saml:sub": {said.NameID.Value}, "saml:sub_type": {kind},
		"saml:doc": {account + "/" + provider.Name}, "saml:namequalifier": {base64.StdEncoding.EncodeToString(sum[:])}}
}

// samlBaggage is what an assertion gives to its session.
func samlBaggage(attributes map[string][]string) (*baggage, error) {
	b := &baggage{Tags: map[string]string{}, Source: first(attributes[sourceAttribute])}
	for _, name := range sortedNames(attributes) {
		key, ok := strings.CutPrefix(name, tagAttribute)
		if !ok {
			continue
		}
		if len(attributes[name]) != 1 {
			return nil, rejectedClaim("tag %s has %d values", key, len(attributes[name]))
		}
		if err := b.add(key, attributes[name][0]); err != nil {
			return nil, err
		}
	}
	for _, key := range attributes[passAttribute] {
		if !b.has(key) {
			return nil, rejectedClaim("transitive tag %s is not among the tags", key)
		}
		b.Transitive = append(b.Transitive, key)
	}
	if b.Source != "" && !sourcePattern.MatchString(b.Source) {
		return nil, rejectedClaim("source identity %q", b.Source)
	}
	return b, nil
}

// samlDuration is the shortest of what the call asks for, what the assertion says, and what is left of the provider's own session.
func (s *Service) samlDuration(c *wire.Call, in *sts.AssumeRoleWithSAMLInput, said *saml.Assertion) (time.Duration, error) {
	asked := in.DurationSeconds
	if text := first(said.Attributes[lifeAttribute]); text != "" {
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil || n < 900 || n > 43200 {
			return 0, rejectedClaim("SessionDuration %q", text)
		}
		asked = wire.Some(min(int32(n), asked.Or(int32(n))))
	}
	life, err := s.duration(c, in.RoleArn.V, asked, false)
	if left := said.SessionEnd.Sub(c.Now); err == nil && !said.SessionEnd.IsZero() {
		life = min(life, left)
	}
	if err == nil && life <= 0 {
		err = wire.Because(&sts.ExpiredTokenException{Message: wire.Some("The session of the identity provider ended")}, "at %s", said.SessionEnd)
	}
	return life, err
}

// useAssertion remembers the assertion; one that was used before makes no session.
func (s *Service) useAssertion(c *wire.Call, provider *samlRow, said *saml.Assertion) error {
	sum := sha256.Sum256([]byte(said.Issuer + "\n" + said.ID))
	return s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		err := assertions().Insert(tx, of(accountOf(provider.ARN)), &assertionRow{hex.EncodeToString(sum[:]), said.Expires})
		return exists(err, invalidAssertion("Your request included an invalid SAML response.", "assertion %s was used before", said.ID))
	})
}
