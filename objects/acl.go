package objects

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"bothy/api/s3"
	"bothy/kv"
	"bothy/policy"
	"bothy/wire"
)

// grant is an entry of an access list. The owner's own full control is implied and not kept.
type grant struct {
	Group      string `json:",omitempty"` // AllUsers, AuthenticatedUsers, LogDelivery
	Permission string
}

const (
	everyone      = "AllUsers"
	authenticated = "AuthenticatedUsers"
	logDelivery   = "LogDelivery"
)

// aclKind is a permission in the list of a bucket or an object.
type aclKind struct {
	ofObject   bool
	permission string
}

// aclActions says what a permission allows.
func aclActions() map[aclKind][]string {
	return map[aclKind][]string{
		{true, "READ"}:       {"GetObject"},
		{true, "READ_ACP"}:   {"GetObjectAcl"},
		{true, "WRITE_ACP"}:  {"PutObjectAcl"},
		{false, "READ"}:      {"ListBucket", "ListBucketVersions", "ListBucketMultipartUploads"},
		{false, "WRITE"}:     {"PutObject", "DeleteObject"},
		{false, "READ_ACP"}:  {"GetBucketAcl"},
		{false, "WRITE_ACP"}: {"PutBucketAcl"},
	}
}

func aclPolicies() map[aclKind]*policy.Policy {
	out := map[aclKind]*policy.Policy{}
	for kind, actions := range aclActions() {
		p, err := policy.Parse(fmt.Appendf(nil, `{"Version":"2012-10-17","Statement":{"Sid":%q,"Effect":"Allow","Principal":"*","Action":["s3:%s"],"Resource":"*"}}`,
			strings.ReplaceAll(kind.permission, "_", ""), strings.Join(actions, `","s3:`)))
		if err != nil {
			panic("objects: " + err.Error())
		}
		out[kind] = p
	}
	return out
}

// aclSources are the access lists of bucket and object as resource-based policies.
func (s *Service) aclSources(b *bucket, o *object, p *wire.Principal) []policy.Source {
	if b.Ownership == "BucketOwnerEnforced" || b.Block != nil && b.Block.IgnorePublicAcls.V {
		return nil
	}
	out := s.grantSources(b.Grants, false, p, "access list of bucket "+b.Name)
	if o != nil {
		out = append(out, s.grantSources(o.Grants, true, p, "access list of "+o.Bucket+"/"+o.Key)...)
	}
	return out
}

func (s *Service) grantSources(grants []grant, ofObject bool, p *wire.Principal, name string) []policy.Source {
	var out []policy.Source
	known := p != nil && p.Kind != wire.Anonymous
	for _, g := range grants {
		if g.Group != everyone && !(g.Group == authenticated && known) {
			continue
		}
		for kind, pol := range s.acls {
			if kind.ofObject == ofObject && (kind.permission == g.Permission || g.Permission == "FULL_CONTROL") {
				out = append(out, policy.Source{Name: name, Policy: pol})
			}
		}
	}
	return out
}

// canned turns a canned list into grants.
func canned(name string, ofBucket bool) ([]grant, error) {
	switch name {
	case "", "private":
		return nil, nil
	case "public-read":
		return []grant{{everyone, "READ"}}, nil
	case "public-read-write":
		return []grant{{everyone, "READ"}, {everyone, "WRITE"}}, nil
	case "authenticated-read":
		return []grant{{authenticated, "READ"}}, nil
	case "log-delivery-write":
		if ofBucket {
			return []grant{{logDelivery, "WRITE"}, {logDelivery, "READ_ACP"}}, nil
		}
	case "bucket-owner-read", "bucket-owner-full-control", "aws-exec-read":
		if !ofBucket {
			return nil, nil // bucket and objects have one owner here
		}
	}
	return nil, invalidArgument("", "x-amz-acl", name)
}

// grantHeaders are the members of the x-amz-grant-* headers and what they give.
func grantHeaders() map[string]string {
	return map[string]string{"GrantRead": "READ", "GrantWrite": "WRITE", "GrantReadACP": "READ_ACP", "GrantWriteACP": "WRITE_ACP", "GrantFullControl": "FULL_CONTROL"}
}

// requestedGrants reads the access list of a request: canned, by headers, or as a document; given tells whether there was any.
func (s *Service) requestedGrants(b *bucket, in any, ofBucket bool) (grants []grant, given bool, err error) {
	acl := text(in, "ACL")
	doc, _ := member[*s3.AccessControlPolicy](in, "AccessControlPolicy")
	for field, permission := range grantHeaders() {
		header := text(in, field)
		if header == "" {
			continue
		}
		if acl != "" {
			return nil, false, invalidRequest("Specifying both Canned ACLs and Header Grants is not allowed")
		}
		list, err := s.parseGrantHeader(header, permission)
		if err != nil {
			return nil, false, err
		}
		grants, given = append(grants, list...), true
	}
	switch {
	case acl != "":
		grants, err = canned(acl, ofBucket)
		given = true
	case !given && doc != nil:
		grants, err = s.documentGrants(doc)
		given = true
	}
	if err != nil {
		return nil, false, err
	}
	return grants, given, checkGrants(b, acl, grants, given)
}

// checkGrants refuses lists that the bucket's settings do not admit.
func checkGrants(b *bucket, acl string, grants []grant, given bool) error {
	if b == nil || !given {
		return nil
	}
	if b.Ownership == "BucketOwnerEnforced" && acl != "bucket-owner-full-control" && (acl != "" || len(grants) > 0) {
		return fail(400, "AccessControlListNotSupported", "The bucket does not allow ACLs")
	}
	if b.Block == nil || !b.Block.BlockPublicAcls.V {
		return nil
	}
	for _, g := range grants {
		if g.Group == everyone || g.Group == authenticated {
			return denied("public access block of %s: BlockPublicAcls", b.Name)
		}
	}
	return nil
}

// parseGrantHeader reads `uri="…", id="…"`.
func (s *Service) parseGrantHeader(header, permission string) ([]grant, error) {
	var out []grant
	for _, one := range strings.Split(header, ",") {
		kind, value, ok := strings.Cut(strings.TrimSpace(one), "=")
		if !ok {
			return nil, invalidArgument("Argument format not recognized", "x-amz-grant", one)
		}
		value = strings.Trim(value, `"`)
		var g *s3.Grantee
		switch strings.ToLower(kind) {
		case "uri":
			g = &s3.Grantee{URI: wire.Some(value)}
		case "id":
			g = &s3.Grantee{ID: wire.Some(value)}
		default:
			g = &s3.Grantee{EmailAddress: wire.Some(value)}
		}
		list, err := s.toGrant(g, permission)
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	return out, nil
}

const maxGrants = 100

func (s *Service) documentGrants(doc *s3.AccessControlPolicy) ([]grant, error) {
	if doc.Owner == nil || doc.Owner.ID.V != ownerID(s.cfg.Account()) {
		return nil, denied("the document's owner is not %s", ownerID(s.cfg.Account()))
	}
	if len(doc.Grants) > maxGrants {
		return nil, malformedXML()
	}
	var out []grant
	for i := range doc.Grants {
		if doc.Grants[i].Grantee == nil {
			return nil, malformedACL()
		}
		list, err := s.toGrant(doc.Grants[i].Grantee, doc.Grants[i].Permission.V)
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	return out, nil
}

func malformedACL() error {
	return fail(400, "MalformedACLError", "The XML you provided was not well-formed or did not validate against our published schema")
}

const groupURI = "http://acs.amazonaws.com/groups/"

func (s *Service) toGrant(g *s3.Grantee, permission string) ([]grant, error) {
	switch permission {
	case "READ", "WRITE", "READ_ACP", "WRITE_ACP", "FULL_CONTROL":
	default:
		return nil, malformedACL()
	}
	switch {
	case g.URI.V == groupURI+"global/AllUsers":
		return []grant{{everyone, permission}}, nil
	case g.URI.V == groupURI+"global/AuthenticatedUsers":
		return []grant{{authenticated, permission}}, nil
	case g.URI.V == groupURI+"s3/LogDelivery":
		return []grant{{logDelivery, permission}}, nil
	case g.URI.Set:
		return nil, invalidArgument("Invalid group uri", "uri", g.URI.V)
	case g.EmailAddress.Set:
		return nil, fail(400, "UnresolvableGrantByEmailAddress", "The e-mail address you provided does not match any account on record.")
	case g.ID.V == ownerID(s.cfg.Account()):
		return nil, nil
	}
	return nil, invalidArgument("Invalid id", "CanonicalUser/ID", g.ID.V)
}

// ownerID is the canonical user id of an account: made of its number, for nothing else is known of accounts here.
func ownerID(account string) string {
	sum := sha256.Sum256([]byte("canonical user " + account))
	return hex.EncodeToString(sum[:])
}

func owner(account string) *s3.Owner { return &s3.Owner{ID: wire.Some(ownerID(account))} }

func showGrants(account string, grants []grant) []s3.Grant {
	out := []s3.Grant{{
		Grantee:    &s3.Grantee{ID: wire.Some(ownerID(account)), Type: wire.Some("CanonicalUser")},
		Permission: wire.Some("FULL_CONTROL"),
	}}
	for _, g := range grants {
		uri := groupURI + "global/" + g.Group
		if g.Group == logDelivery {
			uri = groupURI + "s3/" + g.Group
		}
		out = append(out, s3.Grant{Grantee: &s3.Grantee{URI: wire.Some(uri), Type: wire.Some("Group")}, Permission: wire.Some(g.Permission)})
	}
	return out
}

func (s *Service) getBucketACL(c *wire.Call, in *s3.GetBucketAclInput) (*s3.GetBucketAclOutput, error) {
	b := holding(c).bucket
	return &s3.GetBucketAclOutput{Owner: owner(b.Account), Grants: showGrants(b.Account, b.Grants)}, nil
}

func (s *Service) putBucketACL(c *wire.Call, in *s3.PutBucketAclInput) (*s3.PutBucketAclOutput, error) {
	return nil, s.change(c, in.Bucket.V, func(b *bucket) error {
		grants, given, err := s.requestedGrants(b, in, true)
		if err == nil && !given {
			err = fail(400, "MissingSecurityHeader", "Your request was missing a required header", "MissingHeaderName", "x-amz-acl")
		}
		b.Grants = grants
		return err
	})
}

func (s *Service) getObjectACL(c *wire.Call, in *s3.GetObjectAclInput) (*s3.GetObjectAclOutput, error) {
	h := holding(c)
	if h.object == nil {
		return nil, s.missing(c, h.bucket, in.Key.V)
	}
	return &s3.GetObjectAclOutput{Owner: owner(h.bucket.Account), Grants: showGrants(h.bucket.Account, h.object.Grants)}, nil
}

func (s *Service) putObjectACL(c *wire.Call, in *s3.PutObjectAclInput) (*s3.PutObjectAclOutput, error) {
	return nil, s.changeObject(c, in.Key.V, func(tx *kv.Tx, b *bucket, o *object) error {
		grants, given, err := s.requestedGrants(b, in, false)
		if err == nil && !given {
			err = fail(400, "MissingSecurityHeader", "Your request was missing a required header", "MissingHeaderName", "x-amz-acl")
		}
		o.Grants = grants
		return err
	})
}
