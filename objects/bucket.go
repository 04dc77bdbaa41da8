package objects

import (
	"net/netip"
	"regexp"
	"strings"

	"bothy/api/s3"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// checkBucketName follows S3's rules for new general-purpose buckets.
func checkBucketName(name string) error {
	_, err := netip.ParseAddr(name)
	if bucketName.MatchString(name) && err != nil && !strings.Contains(name, "..") && !strings.Contains(name, ".-") && !strings.Contains(name, "-.") &&
		!strings.HasPrefix(name, "xn--") && !strings.HasPrefix(name, "sthree-") && !strings.HasSuffix(name, "-s3alias") && !strings.HasSuffix(name, "--ol-s3") {
		return nil
	}
	return fail(400, "InvalidBucketName", "The specified bucket is not valid.", "BucketName", name)
}

func (s *Service) accessCreateBucket(c *wire.Call, in *s3.CreateBucketInput) ([]wire.Access, error) {
	if err := checkBucketName(in.Bucket.V); err != nil {
		return nil, err
	}
	keys := aclKeys(in)
	if in.CreateBucketConfiguration != nil && in.CreateBucketConfiguration.LocationConstraint.Set {
		keys["s3:locationconstraint"] = []string{in.CreateBucketConfiguration.LocationConstraint.V}
	}
	wants := []wire.Access{{Action: "s3:CreateBucket", Resource: arnPrefix + in.Bucket.V, Keys: keys}}
	if len(aclKeys(in)) > 0 {
		wants = append(wants, wire.Access{Action: "s3:PutBucketAcl", Resource: arnPrefix + in.Bucket.V, Keys: keys})
	}
	return wants, nil
}

func (s *Service) createBucket(c *wire.Call, in *s3.CreateBucketInput) (*s3.CreateBucketOutput, error) {
	b := &bucket{Name: in.Bucket.V, Account: c.Account, Created: now(c), Ownership: in.ObjectOwnership.V}
	var err error
	if b.Region, err = s.location(c, in.CreateBucketConfiguration); err != nil {
		return nil, err
	}
	if in.ObjectLockEnabledForBucket.V {
		return nil, notImplemented("x-amz-bucket-object-lock-enabled")
	}
	if err := checkOwnership(b.Ownership); b.Ownership != "" && err != nil {
		return nil, err
	}
	if b.Grants, _, err = s.requestedGrants(b, in, true); err != nil {
		return nil, err
	}
	if cfg := in.CreateBucketConfiguration; cfg != nil && len(cfg.Tags) > 0 {
		if b.Tags, err = tagsOf(&s3.Tagging{TagSet: cfg.Tags}); err != nil {
			return nil, err
		}
	}
	err = s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		old, err := maybe(buckets.Get(tx, s.scope(), b.Name))
		if err != nil {
			return err
		}
		if old != nil && old.Account == c.Account {
			return fail(409, "BucketAlreadyOwnedByYou", "Your previous request to create the named bucket succeeded and you already own it.", "BucketName", b.Name)
		}
		if old != nil {
			return fail(409, "BucketAlreadyExists", "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.", "BucketName", b.Name)
		}
		return buckets.Put(tx, s.scope(), b)
	})
	if err != nil {
		return nil, err
	}
	return &s3.CreateBucketOutput{Location: wire.Some("/" + b.Name)}, nil
}

// location is where a new bucket says it is. Without a constraint it is the region addressed.
func (s *Service) location(c *wire.Call, cfg *s3.CreateBucketConfiguration) (string, error) {
	if cfg == nil || cfg.LocationConstraint.V == "" {
		if c.Region == "" {
			return s.cfg.Region, nil
		}
		return c.Region, nil
	}
	switch at := cfg.LocationConstraint.V; {
	case at == "EU":
		return "eu-west-1", nil
	case !regionName.MatchString(at):
		return "", fail(400, "InvalidLocationConstraint", "The specified location-constraint is not valid", "LocationConstraint", at)
	default:
		return at, nil
	}
}

var regionName = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]{1,2}$`)

func (s *Service) accessListBuckets(c *wire.Call, in *s3.ListBucketsInput) ([]wire.Access, error) {
	return wire.One("s3:ListAllMyBuckets", arnPrefix+"*", nil), nil
}

func (s *Service) listBuckets(c *wire.Call, in *s3.ListBucketsInput) (*s3.ListBucketsOutput, error) {
	out := &s3.ListBucketsOutput{Owner: owner(c.Account), Prefix: in.Prefix, Buckets: []s3.Bucket{}}
	limit := int(in.MaxBuckets.Or(10_000))
	if limit < 1 || limit > 10_000 {
		return nil, invalidArgument("Argument max-buckets must be an integer between 1 and 10000", "max-buckets", "")
	}
	after, err := parseToken(in.ContinuationToken)
	if err != nil {
		return nil, err
	}
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		got, err := walk(tx, walker{base: buckets.Rows(s.scope()), prefix: in.Prefix.V, after: after, max: limit}, func(_ string, raw []byte) error {
			b, err := buckets.Decode(raw)
			if err != nil || in.BucketRegion.Set && in.BucketRegion.V != b.Region {
				return err
			}
			out.Buckets = append(out.Buckets, s3.Bucket{Name: wire.Some(b.Name), CreationDate: wire.Some(b.Created), BucketRegion: wire.Some(b.Region), BucketArn: wire.Some(arnPrefix + b.Name)})
			return nil
		})
		if got.more {
			out.ContinuationToken = wire.Some(token(got.last))
		}
		return err
	})
	return out, err
}

func (s *Service) headBucket(c *wire.Call, in *s3.HeadBucketInput) (*s3.HeadBucketOutput, error) {
	b := holding(c).bucket
	return &s3.HeadBucketOutput{BucketRegion: wire.Some(b.Region), BucketArn: wire.Some(arnPrefix + b.Name)}, nil
}

func (s *Service) getBucketLocation(c *wire.Call, in *s3.GetBucketLocationInput) (*s3.GetBucketLocationOutput, error) {
	if r := holding(c).bucket.Region; r != "us-east-1" { // the oldest region has no name here
		return &s3.GetBucketLocationOutput{LocationConstraint: wire.Some(r)}, nil
	}
	return &s3.GetBucketLocationOutput{}, nil
}

// maxUploadsGone is how many uploads in progress go with their bucket in one transaction.
const maxUploadsGone = 1000

func (s *Service) deleteBucket(c *wire.Call, in *s3.DeleteBucketInput) (*s3.DeleteBucketOutput, error) {
	name := in.Bucket.V
	return nil, s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		if _, err := s.bucket(tx, name); err != nil {
			return err
		}
		found, _, err := objects.List(tx, s.scope(), record.Page{Prefix: []any{name}, Limit: 1})
		if err != nil {
			return err
		}
		open, more, err := uploads.List(tx, s.scope(), record.Page{Prefix: []any{name}, Limit: maxUploadsGone})
		if err != nil {
			return err
		}
		if len(found) > 0 || more != "" {
			return fail(409, "BucketNotEmpty", "The bucket you tried to delete is not empty", "BucketName", name)
		}
		for _, u := range open {
			if err := s.dropUpload(tx, u); err != nil {
				return err
			}
		}
		return buckets.Delete(tx, s.scope(), name)
	})
}
