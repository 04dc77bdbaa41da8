package objects

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"bothy/api/s3"
	"bothy/kv"
	"bothy/policy"
	"bothy/wire"
)

// now is the time of a call as S3 keeps it: whole seconds, UTC.
func now(c *wire.Call) time.Time { return c.Now.UTC().Truncate(time.Second) }

// change edits the row of a bucket.
func (s *Service) change(ctx context.Context, name string, edit func(*bucket) error) error {
	return s.cfg.DB.Update(ctx, func(tx *kv.Tx) error {
		b, err := s.bucket(tx, name)
		if err != nil {
			return err
		}
		if err := edit(b); err != nil {
			return err
		}
		return buckets.Put(tx, s.scope(), b)
	})
}

func notConfigured(code, message string, b *bucket) error {
	return fail(404, code, message, "BucketName", b.Name)
}

const maxPolicyBytes = 20 << 10

func (s *Service) getBucketPolicy(c *wire.Call, in *s3.GetBucketPolicyInput) (*s3.GetBucketPolicyOutput, error) {
	b := holding(c).bucket
	if b.Policy == "" {
		return nil, notConfigured("NoSuchBucketPolicy", "The bucket policy does not exist", b)
	}
	c.Header.Set("Content-Type", "application/json")
	return &s3.GetBucketPolicyOutput{Policy: wire.Some(b.Policy)}, nil
}

func (s *Service) putBucketPolicy(c *wire.Call, in *s3.PutBucketPolicyInput) (*s3.PutBucketPolicyOutput, error) {
	doc := in.Policy.V
	if len(doc) > maxPolicyBytes {
		return nil, fail(400, "MalformedPolicy", "Policy exceeds the maximum allowed document size.")
	}
	if err := checkPolicy(doc, in.Bucket.V); err != nil {
		return nil, err
	}
	return nil, s.change(c, in.Bucket.V, func(b *bucket) error {
		if b.Block != nil && b.Block.BlockPublicPolicy.V && isPublic(doc) {
			return denied("public access block of %s: BlockPublicPolicy", b.Name)
		}
		b.Policy = doc
		return nil
	})
}

func checkPolicy(doc, bucket string) error {
	p, err := policy.Parse([]byte(doc))
	if err == nil {
		err = p.ResourceError()
	}
	if bad := (*policy.MalformedError)(nil); errors.As(err, &bad) {
		return fail(400, "MalformedPolicy", bad.Error())
	} else if err != nil {
		return err
	}
	for _, st := range statements(doc) {
		for _, r := range append(texts(st.Resource), texts(st.NotResource)...) {
			if r != "*" && r != arnPrefix+bucket && !strings.HasPrefix(r, arnPrefix+bucket+"/") && !coversBucket(r, bucket) {
				return fail(400, "MalformedPolicy", "Policy has invalid resource")
			}
		}
	}
	return nil
}

// coversBucket admits a wildcard in the bucket's part of the ARN that matches the bucket.
func coversBucket(resource, bucket string) bool {
	rest, ok := strings.CutPrefix(resource, arnPrefix)
	name, _, _ := strings.Cut(rest, "/")
	head, _, wild := strings.Cut(name, "*")
	return ok && wild && strings.HasPrefix(bucket, head)
}

func (s *Service) deleteBucketPolicy(c *wire.Call, in *s3.DeleteBucketPolicyInput) (*s3.DeleteBucketPolicyOutput, error) {
	return nil, s.change(c, in.Bucket.V, func(b *bucket) error { b.Policy = ""; return nil })
}

func (s *Service) getBucketPolicyStatus(c *wire.Call, in *s3.GetBucketPolicyStatusInput) (*s3.GetBucketPolicyStatusOutput, error) {
	b := holding(c).bucket
	if b.Policy == "" {
		return nil, notConfigured("NoSuchBucketPolicy", "The bucket policy does not exist", b)
	}
	return &s3.GetBucketPolicyStatusOutput{PolicyStatus: &s3.PolicyStatus{IsPublic: wire.Some(isPublic(b.Policy))}}, nil
}

// statement is a statement as far as "is this public?" asks.
type statement struct {
	Effect                  string
	Principal, NotPrincipal json.RawMessage
	Resource, NotResource   json.RawMessage
	Condition               map[string]map[string]json.RawMessage
}

func statements(doc string) []statement {
	var d struct{ Statement json.RawMessage }
	var many []statement
	if json.Unmarshal([]byte(doc), &d) != nil {
		return nil
	}
	if json.Unmarshal(d.Statement, &many) != nil {
		var one statement
		if json.Unmarshal(d.Statement, &one) != nil {
			return nil
		}
		many = []statement{one}
	}
	return many
}

// texts are the strings of a string or a list.
func texts(raw json.RawMessage) []string {
	var one string
	if json.Unmarshal(raw, &one) == nil && one != "" {
		return []string{one}
	}
	var many []string
	_ = json.Unmarshal(raw, &many) // another type has none
	return many
}

// isPublic tells whether a policy grants anything to everyone, under no condition that names fixed callers. When in doubt it
// does: the answer closes doors.
func isPublic(doc string) bool {
	for _, st := range statements(doc) {
		if st.Effect == "Allow" && (len(st.NotPrincipal) > 0 || anyone(st.Principal)) && !fixedCallers(st.Condition) {
			return true
		}
	}
	return false
}

func anyone(principal json.RawMessage) bool {
	var by map[string]json.RawMessage
	if json.Unmarshal(principal, &by) != nil {
		return strings.Contains(string(principal), "*")
	}
	for _, raw := range by {
		for _, t := range texts(raw) {
			if t == "*" {
				return true
			}
		}
	}
	return false
}

// fixedCallers looks for a positive condition on who calls, without wildcards.
func fixedCallers(conditions map[string]map[string]json.RawMessage) bool {
	for operator, keys := range conditions {
		switch operator {
		case "StringEquals", "StringLike", "ArnEquals", "ArnLike", "IpAddress":
		default:
			continue
		}
		for key, raw := range keys {
			switch strings.ToLower(key) {
			case "aws:sourceip", "aws:sourcearn", "aws:sourceaccount", "aws:sourcevpc", "aws:sourcevpce", "aws:principalorgid", "aws:principalarn", "aws:principalaccount", "aws:userid":
				if !strings.ContainsAny(string(raw), "*?$") && !strings.Contains(string(raw), `/0"`) {
					return true
				}
			}
		}
	}
	return false
}

func (s *Service) getBucketWebsite(c *wire.Call, in *s3.GetBucketWebsiteInput) (*s3.GetBucketWebsiteOutput, error) {
	b := holding(c).bucket
	if b.Website == nil {
		return nil, notConfigured("NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration", b)
	}
	w := b.Website
	return &s3.GetBucketWebsiteOutput{RedirectAllRequestsTo: w.RedirectAllRequestsTo, IndexDocument: w.IndexDocument, ErrorDocument: w.ErrorDocument, RoutingRules: w.RoutingRules}, nil
}

const maxRoutingRules = 50

func (s *Service) putBucketWebsite(c *wire.Call, in *s3.PutBucketWebsiteInput) (*s3.PutBucketWebsiteOutput, error) {
	w := in.WebsiteConfiguration
	switch {
	case w == nil, len(w.RoutingRules) > maxRoutingRules:
		return nil, malformedXML()
	case w.RedirectAllRequestsTo != nil && w.RedirectAllRequestsTo.HostName.V == "":
		return nil, malformedXML()
	case w.RedirectAllRequestsTo == nil && (w.IndexDocument == nil || w.IndexDocument.Suffix.V == ""):
		return nil, invalidArgument("A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty", "IndexDocument", "null")
	case w.IndexDocument != nil && strings.Contains(w.IndexDocument.Suffix.V, "/"):
		return nil, invalidArgument("The IndexDocument Suffix is not well formed", "IndexDocument", w.IndexDocument.Suffix.V)
	case w.ErrorDocument != nil && w.ErrorDocument.Key.V == "":
		return nil, malformedXML()
	}
	for _, r := range w.RoutingRules {
		if r.Redirect == nil {
			return nil, malformedXML()
		}
	}
	return nil, s.change(c, in.Bucket.V, func(b *bucket) error { b.Website = w; return nil })
}

func (s *Service) deleteBucketWebsite(c *wire.Call, in *s3.DeleteBucketWebsiteInput) (*s3.DeleteBucketWebsiteOutput, error) {
	return nil, s.change(c, in.Bucket.V, func(b *bucket) error { b.Website = nil; return nil })
}

func (s *Service) getBucketVersioning(c *wire.Call, in *s3.GetBucketVersioningInput) (*s3.GetBucketVersioningOutput, error) {
	return &s3.GetBucketVersioningOutput{Status: wire.NonEmpty(holding(c).bucket.Versioning)}, nil
}

func (s *Service) putBucketVersioning(c *wire.Call, in *s3.PutBucketVersioningInput) (*s3.PutBucketVersioningOutput, error) {
	v := in.VersioningConfiguration
	switch {
	case v == nil:
		return nil, malformedXML()
	case v.Status.V == "Enabled" || v.MFADelete.V == "Enabled":
		return nil, fail(501, "NotImplemented", "Versioning is not implemented: objects of this service have one version.")
	case v.Status.V != "Suspended":
		return nil, fail(400, "IllegalVersioningConfigurationException", "The Versioning element must be specified")
	}
	return nil, s.change(c, in.Bucket.V, func(b *bucket) error { b.Versioning = v.Status.V; return nil })
}

func (s *Service) getPublicAccessBlock(c *wire.Call, in *s3.GetPublicAccessBlockInput) (*s3.GetPublicAccessBlockOutput, error) {
	b := holding(c).bucket
	if b.Block == nil {
		return nil, notConfigured("NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found", b)
	}
	return &s3.GetPublicAccessBlockOutput{PublicAccessBlockConfiguration: b.Block}, nil
}

func (s *Service) putPublicAccessBlock(c *wire.Call, in *s3.PutPublicAccessBlockInput) (*s3.PutPublicAccessBlockOutput, error) {
	if in.PublicAccessBlockConfiguration == nil {
		return nil, malformedXML()
	}
	b := *in.PublicAccessBlockConfiguration
	b = s3.PublicAccessBlockConfiguration{
		BlockPublicAcls: wire.Some(b.BlockPublicAcls.V), IgnorePublicAcls: wire.Some(b.IgnorePublicAcls.V),
		BlockPublicPolicy: wire.Some(b.BlockPublicPolicy.V), RestrictPublicBuckets: wire.Some(b.RestrictPublicBuckets.V),
	}
	return nil, s.change(c, in.Bucket.V, func(row *bucket) error { row.Block = &b; return nil })
}

func (s *Service) deletePublicAccessBlock(c *wire.Call, in *s3.DeletePublicAccessBlockInput) (*s3.DeletePublicAccessBlockOutput, error) {
	return nil, s.change(c, in.Bucket.V, func(b *bucket) error { b.Block = nil; return nil })
}

func checkOwnership(o string) error {
	switch o {
	case "BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter":
		return nil
	}
	return malformedXML()
}

func (s *Service) getOwnershipControls(c *wire.Call, in *s3.GetBucketOwnershipControlsInput) (*s3.GetBucketOwnershipControlsOutput, error) {
	b := holding(c).bucket
	if b.Ownership == "" {
		return nil, notConfigured("OwnershipControlsNotFoundError", "The bucket ownership controls were not found", b)
	}
	return &s3.GetBucketOwnershipControlsOutput{OwnershipControls: &s3.OwnershipControls{Rules: []s3.OwnershipControlsRule{{ObjectOwnership: wire.Some(b.Ownership)}}}}, nil
}

func (s *Service) putOwnershipControls(c *wire.Call, in *s3.PutBucketOwnershipControlsInput) (*s3.PutBucketOwnershipControlsOutput, error) {
	if in.OwnershipControls == nil || len(in.OwnershipControls.Rules) != 1 {
		return nil, malformedXML()
	}
	o := in.OwnershipControls.Rules[0].ObjectOwnership.V
	if err := checkOwnership(o); err != nil {
		return nil, err
	}
	return nil, s.change(c, in.Bucket.V, func(b *bucket) error {
		if o == "BucketOwnerEnforced" && len(b.Grants) > 0 {
			return fail(400, "InvalidBucketAclWithObjectOwnership", "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting")
		}
		b.Ownership = o
		return nil
	})
}

func (s *Service) deleteOwnershipControls(c *wire.Call, in *s3.DeleteBucketOwnershipControlsInput) (*s3.DeleteBucketOwnershipControlsOutput, error) {
	return nil, s.change(c, in.Bucket.V, func(b *bucket) error { b.Ownership = ""; return nil })
}
