package hub

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"bothy/api/cloudfront"
	"bothy/api/s3"
	"bothy/wire"
)

// bucket makes a bucket of the project, with the cross-origin rules every Mobile Hub bucket has.
func (r *run) bucket(key, what, feature string, attrs map[string]string) (name string, err error) {
	r.want(key)
	name = r.row.bucket(what)
	in := &s3.CreateBucketInput{Bucket: wire.Some(name)}
	if r.row.Region != "us-east-1" {
		in.CreateBucketConfiguration = &s3.CreateBucketConfiguration{LocationConstraint: wire.Some(r.row.Region)}
	}
	if _, err := call(r, s3.CreateBucket, in); err != nil && !failed(err, "BucketAlreadyOwnedByYou") {
		return "", err
	}
	attrs["region"] = r.row.Region
	if err := r.note(made{Key: key, Type: "AWS::S3::Bucket", Name: name, ARN: "arn:aws:s3:::" + name, Feature: feature, Attrs: attrs}); err != nil {
		return "", err
	}
	_, err = call(r, s3.PutBucketCors, &s3.PutBucketCorsInput{Bucket: wire.Some(name), CORSConfiguration: &s3.CORSConfiguration{
		CORSRules: []s3.CORSRule{{
			AllowedOrigins: []string{"*"}, AllowedHeaders: []string{"*"}, AllowedMethods: []string{"HEAD", "GET", "PUT", "POST", "DELETE"},
			ExposeHeaders: []string{"ETag", "x-amz-server-side-encryption", "x-amz-request-id", "x-amz-id-2"}, MaxAgeSeconds: wire.Some(int32(3000)),
		}},
	}})
	return name, err
}

func consoleURL(bucket string) map[string]string {
	return map[string]string{"s3-bucket-console-url": "https://s3.console.aws.amazon.com/s3/buckets/" + bucket}
}

func (r *run) deployments() error {
	_, err := r.bucket("bucket/deployments", "deployments", "common", consoleURL(r.row.bucket("deployments")))
	return err
}

func (r *run) userFiles() error {
	if !r.p.UserFiles {
		return nil
	}
	name := r.row.bucket("userfiles")
	if _, err := r.bucket("bucket/userfiles", "userfiles", "user-data", consoleURL(name)); err != nil {
		return err
	}
	return r.uploadTo("user-files", name)
}

func (r *run) hosting() error {
	if r.p.Hosting == nil {
		return nil
	}
	attrs := consoleURL(r.row.bucket("hosting"))
	attrs["s3-bucket-website-url"] = "https://s3.amazonaws.com/" + r.row.bucket("hosting")
	name, err := r.bucket("bucket/hosting", "hosting", "hosting", attrs)
	if err != nil {
		return err
	}
	if r.p.Hosting.Global {
		err = r.website(name)
	} else {
		err = r.noWebsite(name)
	}
	if err != nil {
		return err
	}
	return r.uploadTo("hosting", name)
}

func (r *run) website(bucket string) error {
	if _, err := call(r, s3.DeletePublicAccessBlock, &s3.DeletePublicAccessBlockInput{Bucket: wire.Some(bucket)}); err != nil && !notServed(err) {
		return err
	}
	if _, err := call(r, s3.PutBucketWebsite, &s3.PutBucketWebsiteInput{Bucket: wire.Some(bucket), WebsiteConfiguration: &s3.WebsiteConfiguration{
		IndexDocument: &s3.IndexDocument{Suffix: wire.Some("index.html")}, ErrorDocument: &s3.ErrorDocument{Key: wire.Some("index.html")},
	}}); err != nil {
		return err
	}
	_, err := call(r, s3.PutBucketPolicy, &s3.PutBucketPolicyInput{Bucket: wire.Some(bucket), Policy: wire.Some(publicRead(bucket))})
	return err
}

// noWebsite closes a bucket that may have been a website before.
func (r *run) noWebsite(bucket string) error {
	if _, err := call(r, s3.DeleteBucketPolicy, &s3.DeleteBucketPolicyInput{Bucket: wire.Some(bucket)}); err != nil && !failed(err, "NoSuchBucketPolicy") {
		return err
	}
	_, err := call(r, s3.DeleteBucketWebsite, &s3.DeleteBucketWebsiteInput{Bucket: wire.Some(bucket)})
	if failed(err, "NoSuchWebsiteConfiguration") {
		return nil
	}
	return err
}

// uploads puts the code that came with the project where functions are made from.
func (r *run) uploads() error {
	bucket := r.row.bucket("deployments")
	for _, name := range slices.Sorted(maps.Keys(r.p.Files)) {
		key, wanted := name, strings.HasPrefix(name, "uploads/")
		for _, u := range r.p.Uploads {
			if u.Target == "deployments" && u.File == name && !wanted {
				key, wanted = "uploads/"+name, true
			}
		}
		if r.p.isCode("uploads/" + name) {
			key, wanted = "uploads/"+name, true
		}
		if !wanted && !r.p.isCode(name) {
			continue
		}
		if err := r.putObject(bucket, key, "application/zip", r.p.Files[name]); err != nil {
			return err
		}
		if err := r.note(made{Key: "file/" + key, Type: "AWS::S3::File", Name: key, Feature: "cloud-api"}); err != nil {
			return err
		}
	}
	// Code that is still used came with an earlier version, or by another way: it is not swept.
	for _, m := range r.row.Made {
		if name, ok := strings.CutPrefix(m.Key, "file/"); ok && r.p.isCode(name) {
			r.want(m.Key)
		}
	}
	return nil
}

// isCode tells whether a function is made of the file.
func (p *Project) isCode(file string) bool {
	for _, a := range p.APIs {
		for _, path := range a.Paths {
			if path.Function.CodeFile == file {
				return true
			}
		}
	}
	return false
}

// uploadTo puts the files that the project names for a bucket.
func (r *run) uploadTo(target, bucket string) error {
	for _, u := range r.p.Uploads {
		content, ok := r.p.Files[u.File]
		if u.Target != target || !ok {
			continue
		}
		if err := r.putObject(bucket, u.File, contentType(u.File), content); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) putObject(bucket, key, contentType string, content []byte) error {
	_, err := call(r, s3.PutObject, &s3.PutObjectInput{
		Bucket: wire.Some(bucket), Key: wire.Some(key), ContentType: wire.Some(contentType),
		ContentLength: wire.Some(int64(len(content))), Body: bytes.NewReader(content),
	})
	return err
}

// getObject reads an object of at most limit bytes; nil when there is none.
func (r *run) getObject(bucket, key string, limit int64) ([]byte, error) {
	out, err := call(r, s3.GetObject, &s3.GetObjectInput{Bucket: wire.Some(bucket), Key: wire.Some(key)})
	if failed(err, "NoSuchKey", "NoSuchBucket") {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if c, ok := out.Body.(io.Closer); ok {
		defer c.Close() //nolint:errcheck // read only
	}
	b, err := io.ReadAll(io.LimitReader(out.Body, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = badRequest("%s in bucket %s is larger than %d bytes.", key, bucket, limit)
	}
	return b, err
}

// contentType by extension, for the few kinds that browsers need to know; the list is ours so that every machine agrees.
func contentType(name string) string {
	switch strings.ToLower(path.Ext(name)) {
	case ".html", ".htm":
		return "text/html; charset=utf-8"
	case ".js", ".mjs":
		return "application/javascript"
	case ".css":
		return "text/css"
	case ".json":
		return "application/json"
	case ".svg":
		return "image/svg+xml"
	case ".png":
		return "image/png"
	case ".jpg", ".jpeg":
		return "image/jpeg"
	case ".zip":
		return "application/zip"
	}
	return "application/octet-stream"
}

// distribution makes the CDN in front of a public website. A node that does not serve CDNs leaves it out and says so.
func (r *run) distribution() error {
	if r.p.Hosting == nil || !r.p.Hosting.Global {
		return nil
	}
	have := r.want("distribution")
	if have != nil {
		_, err := call(r, cloudfront.GetDistribution, &cloudfront.GetDistributionInput{Id: wire.Some(have.ID)})
		if err == nil || !failed(err, "NoSuchDistribution") {
			return err
		}
	}
	d, err := r.findDistribution()
	if notServed(err) {
		r.p.warn("feature content-delivery: this node serves no CDN; the website is served from its bucket")
		return nil
	}
	if err != nil {
		return err
	}
	return r.note(made{
		Key: "distribution", Type: "AWS::CloudFront::Distribution", Name: d.DomainName.V, ARN: d.ARN.V, ID: d.Id.V,
		Feature: "hosting", Attrs: map[string]string{"id": d.Id.V},
	})
}

// findDistribution is the project's distribution, made when there is none: the caller reference makes that safe to repeat.
func (r *run) findDistribution() (*cloudfront.Distribution, error) {
	bucket := r.row.bucket("hosting")
	list, err := call(r, cloudfront.ListDistributions, &cloudfront.ListDistributionsInput{})
	if err != nil {
		return nil, err
	}
	if list.DistributionList != nil {
		for _, d := range list.DistributionList.Items {
			if d.Comment.V == r.row.resourcePrefix() {
				return &cloudfront.Distribution{Id: d.Id, ARN: d.ARN, DomainName: d.DomainName}, nil
			}
		}
	}
	out, err := call(r, cloudfront.CreateDistribution, &cloudfront.CreateDistributionInput{DistributionConfig: &cloudfront.DistributionConfig{
		CallerReference: wire.Some(r.row.ID), Comment: wire.Some(r.row.resourcePrefix()), Enabled: wire.Some(true),
		DefaultRootObject: wire.Some("index.html"),
		Origins: &cloudfront.Origins{Quantity: wire.Some(int32(1)), Items: []cloudfront.Origin{{
			Id: wire.Some("hosting"), DomainName: wire.Some(bucket + ".s3.amazonaws.com"),
			S3OriginConfig: &cloudfront.S3OriginConfig{OriginAccessIdentity: wire.Some("")},
		}}},
		DefaultCacheBehavior: &cloudfront.DefaultCacheBehavior{
			TargetOriginId: wire.Some("hosting"), ViewerProtocolPolicy: wire.Some("allow-all"), MinTTL: wire.Some(int64(0)),
			ForwardedValues: &cloudfront.ForwardedValues{QueryString: wire.Some(false), Cookies: &cloudfront.CookiePreference{Forward: wire.Some("none")}},
		},
	}})
	if err != nil {
		return nil, err
	}
	if out.Distribution == nil {
		return nil, errors.New("hub: CreateDistribution answered without a distribution")
	}
	return out.Distribution, nil
}
