package objects

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// userFiles is the policy Mobile Hub gives signed-in users on the bucket for their files.
const userFiles = `{"Version":"2012-10-17","Statement":[
 {"Effect":"Allow","Action":["s3:GetObject","s3:PutObject","s3:DeleteObject"],"Resource":["arn:aws:s3:::files/public/*","arn:aws:s3:::files/protected/${cognito-identity.amazonaws.com:sub}/*","arn:aws:s3:::files/private/${cognito-identity.amazonaws.com:sub}/*"]},
 {"Effect":"Allow","Action":["s3:PutObject"],"Resource":["arn:aws:s3:::files/uploads/*"]},
 {"Effect":"Allow","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::files/protected/*"]},
 {"Effect":"Allow","Action":["s3:ListBucket"],"Resource":["arn:aws:s3:::files"],"Condition":{"StringLike":{"s3:prefix":["public/","public/*","protected/","protected/*","private/${cognito-identity.amazonaws.com:sub}/","private/${cognito-identity.amazonaws.com:sub}/*"]}}}]}`

const (
	ann = "us-east-1:11111111-aaaa"
	ben = "us-east-1:22222222-bbbb"
)

// TestNeighbour proves that a user's private files are out of reach of another user by every operation there is.
func TestNeighbour(t *testing.T) {
	r := newRig(t)
	root := r.root()
	r.bucket(root, "files")
	a, b := r.client(r.session("ann", ann, userFiles), true), r.client(r.session("ben", ben, userFiles), false)
	bucket := aws.String("files")
	hers := "private/" + ann + "/images/x.png"
	r.put(a, "files", hers, "hers")
	r.put(a, "files", "protected/"+ann+"/card", "card")
	if got, err := r.get(a, "files", hers); err != nil || got != "hers" {
		t.Fatal("her own file:", got, err)
	}
	if got, err := r.get(b, "files", "protected/"+ann+"/card"); err != nil || got != "card" {
		t.Fatal("a protected file:", got, err)
	}
	mine := "private/" + ben + "/mine"
	r.put(b, "files", mine, "mine")
	upload, err := a.CreateMultipartUpload(t.Context(), &sdk.CreateMultipartUploadInput{Bucket: bucket, Key: &hers})
	if err != nil {
		t.Fatal(err)
	}
	own, err := b.CreateMultipartUpload(t.Context(), &sdk.CreateMultipartUploadInput{Bucket: bucket, Key: &mine})
	if err != nil {
		t.Fatal(err)
	}

	body := func() *strings.Reader { return strings.NewReader("x") }
	tagging := &types.Tagging{TagSet: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}}
	for name, try := range map[string]func() error{
		"get": func() error {
			_, err := b.GetObject(t.Context(), &sdk.GetObjectInput{Bucket: bucket, Key: &hers})
			return err
		},
		"head": func() error {
			_, err := b.HeadObject(t.Context(), &sdk.HeadObjectInput{Bucket: bucket, Key: &hers})
			return err
		},
		"get what is not there": func() error {
			_, err := b.GetObject(t.Context(), &sdk.GetObjectInput{Bucket: bucket, Key: aws.String("private/" + ann + "/none")})
			return err
		},
		"attributes": func() error {
			_, err := b.GetObjectAttributes(t.Context(), &sdk.GetObjectAttributesInput{Bucket: bucket, Key: &hers, ObjectAttributes: []types.ObjectAttributes{"ETag"}})
			return err
		},
		"put": func() error {
			_, err := b.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: bucket, Key: &hers, Body: body()})
			return err
		},
		"delete": func() error {
			_, err := b.DeleteObject(t.Context(), &sdk.DeleteObjectInput{Bucket: bucket, Key: &hers})
			return err
		},
		"copy out": func() error {
			_, err := b.CopyObject(t.Context(), &sdk.CopyObjectInput{Bucket: bucket, Key: &mine, CopySource: aws.String("files/" + hers)})
			return err
		},
		"copy out, encoded": func() error {
			_, err := b.CopyObject(t.Context(), &sdk.CopyObjectInput{Bucket: bucket, Key: &mine, CopySource: aws.String("%2Ffiles%2F" + strings.ReplaceAll(hers, "/", "%2F"))})
			return err
		},
		"copy over": func() error {
			_, err := b.CopyObject(t.Context(), &sdk.CopyObjectInput{Bucket: bucket, Key: &hers, CopySource: aws.String("files/" + mine)})
			return err
		},
		"list": func() error {
			_, err := b.ListObjectsV2(t.Context(), &sdk.ListObjectsV2Input{Bucket: bucket, Prefix: aws.String("private/" + ann + "/")})
			return err
		},
		"list all": func() error {
			_, err := b.ListObjectsV2(t.Context(), &sdk.ListObjectsV2Input{Bucket: bucket})
			return err
		},
		"list private": func() error {
			_, err := b.ListObjects(t.Context(), &sdk.ListObjectsInput{Bucket: bucket, Prefix: aws.String("private/")})
			return err
		},
		"list from a marker": func() error {
			_, err := b.ListObjects(t.Context(), &sdk.ListObjectsInput{Bucket: bucket, Marker: aws.String("private/" + ann)})
			return err
		},
		"versions": func() error {
			_, err := b.ListObjectVersions(t.Context(), &sdk.ListObjectVersionsInput{Bucket: bucket})
			return err
		},
		"uploads": func() error {
			_, err := b.ListMultipartUploads(t.Context(), &sdk.ListMultipartUploadsInput{Bucket: bucket})
			return err
		},
		"begin": func() error {
			_, err := b.CreateMultipartUpload(t.Context(), &sdk.CreateMultipartUploadInput{Bucket: bucket, Key: &hers})
			return err
		},
		"upload part": func() error {
			_, err := b.UploadPart(t.Context(), &sdk.UploadPartInput{Bucket: bucket, Key: &hers, UploadId: upload.UploadId, PartNumber: aws.Int32(1), Body: body()})
			return err
		},
		"copy into an own part": func() error {
			_, err := b.UploadPartCopy(t.Context(), &sdk.UploadPartCopyInput{Bucket: bucket, Key: &mine, UploadId: own.UploadId, PartNumber: aws.Int32(1), CopySource: aws.String("files/" + hers)})
			return err
		},
		"list parts": func() error {
			_, err := b.ListParts(t.Context(), &sdk.ListPartsInput{Bucket: bucket, Key: &hers, UploadId: upload.UploadId})
			return err
		},
		"abort": func() error {
			_, err := b.AbortMultipartUpload(t.Context(), &sdk.AbortMultipartUploadInput{Bucket: bucket, Key: &hers, UploadId: upload.UploadId})
			return err
		},
		"complete": func() error {
			_, err := r.complete(b, "files", hers, *upload.UploadId, []types.CompletedPart{{PartNumber: aws.Int32(1)}})
			return err
		},
		"tags": func() error {
			_, err := b.GetObjectTagging(t.Context(), &sdk.GetObjectTaggingInput{Bucket: bucket, Key: &hers})
			return err
		},
		"set tags": func() error {
			_, err := b.PutObjectTagging(t.Context(), &sdk.PutObjectTaggingInput{Bucket: bucket, Key: &hers, Tagging: tagging})
			return err
		},
		"acl": func() error {
			_, err := b.GetObjectAcl(t.Context(), &sdk.GetObjectAclInput{Bucket: bucket, Key: &hers})
			return err
		},
		"set acl": func() error {
			_, err := b.PutObjectAcl(t.Context(), &sdk.PutObjectAclInput{Bucket: bucket, Key: &hers, ACL: "public-read"})
			return err
		},
		"own file made public": func() error {
			_, err := b.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: bucket, Key: &mine, Body: body(), ACL: "public-read"})
			return err
		},
		"bucket policy": func() error {
			_, err := b.PutBucketPolicy(t.Context(), &sdk.PutBucketPolicyInput{Bucket: bucket, Policy: aws.String(userFiles)})
			return err
		},
		"read uploads":  func() error { _, err := r.get(b, "files", "uploads/x"); return err },
		"other buckets": func() error { _, err := b.ListBuckets(t.Context(), &sdk.ListBucketsInput{}); return err },
		"delete bucket": func() error {
			_, err := b.DeleteBucket(t.Context(), &sdk.DeleteBucketInput{Bucket: bucket})
			return err
		},
		"a new bucket": func() error {
			_, err := b.CreateBucket(t.Context(), &sdk.CreateBucketInput{Bucket: aws.String("bens")})
			return err
		},
		"by dots":        func() error { _, err := r.get(b, "files", "private/"+ben+"/../"+ann+"/images/x.png"); return err },
		"case of prefix": func() error { _, err := r.get(b, "files", "Private/"+ben+"/mine"); return err },
	} {
		switch got := code(try()); {
		case name == "head" && got == "Forbidden", name == "by dots" && got == "AccessDenied", got == "AccessDenied":
		case name == "by dots" && got == "NoSuchKey": // a key of his own, which happens not to exist
		default:
			t.Errorf("%s: %q", name, got)
		}
	}
	out, err := b.DeleteObjects(t.Context(), &sdk.DeleteObjectsInput{Bucket: bucket, Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: &hers}, {Key: &mine}}}})
	if err != nil || len(out.Deleted) != 1 || *out.Deleted[0].Key != mine || len(out.Errors) != 1 || *out.Errors[0].Code != "AccessDenied" {
		t.Errorf("delete many: %+v, %v", out, err)
	}
	if got, err := r.get(a, "files", hers); err != nil || got != "hers" {
		t.Errorf("her file in the end: %q, %v", got, err)
	}
	if list, err := b.ListObjectsV2(t.Context(), &sdk.ListObjectsV2Input{Bucket: bucket, Prefix: aws.String("private/" + ben + "/")}); err != nil || len(list.Contents) != 0 {
		t.Errorf("his own list: %+v, %v", list, err)
	}
}

func TestAnonymous(t *testing.T) {
	r := newRig(t)
	root, nobody := r.root(), r.client("", true)
	r.bucket(root, "site")
	r.put(root, "site", "closed", "closed")
	_, err := r.get(nobody, "site", "closed")
	r.want(err, "AccessDenied")
	_, err = r.get(nobody, "site", "none")
	r.want(err, "AccessDenied")
	_, err = nobody.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: aws.String("site"), Key: aws.String("x"), Body: strings.NewReader("x")})
	r.want(err, "AccessDenied")
	_, err = nobody.ListBuckets(t.Context(), &sdk.ListBucketsInput{})
	r.want(err, "AccessDenied")
	_, err = nobody.DeleteObjects(t.Context(), &sdk.DeleteObjectsInput{Bucket: aws.String("site"), Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: aws.String("closed")}}}})
	r.want(err, "AccessDenied")

	// aws s3 cp --acl public-read
	if _, err := root.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: aws.String("site"), Key: aws.String("open"), Body: strings.NewReader("open"), ACL: "public-read"}); err != nil {
		t.Fatal(err)
	}
	if got, err := r.get(nobody, "site", "open"); err != nil || got != "open" {
		t.Errorf("public object: %q, %v", got, err)
	}
	res, body := r.plain("GET", "/site/open", nil)
	if res.StatusCode != 200 || body != "open" || res.Header.Get("ETag") == "" {
		t.Errorf("by plain HTTP: %d %q", res.StatusCode, body)
	}
	if res, _ := r.plain("GET", "/site/open?response-content-type=text/html", nil); res.StatusCode != 400 {
		t.Errorf("response header chosen by a stranger: %d", res.StatusCode)
	}
	if res, _ := r.plain("PUT", "/site/open", http.Header{"X-Amz-Content-Sha256": {"STREAMING-UNSIGNED-PAYLOAD-TRAILER"}, "X-Amz-Decoded-Content-Length": {"0"}}); res.StatusCode/100 != 4 {
		t.Errorf("anonymous stream: %d", res.StatusCode)
	}
	// the object replaced is private again
	r.put(root, "site", "open", "now closed")
	_, err = r.get(nobody, "site", "open")
	r.want(err, "AccessDenied")

	policy := `{"Version":"2012-10-17","Statement":[{"Sid":"PublicRead","Effect":"Allow","Principal":"*","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::site/*"]},{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::site/secret/*"}]}`
	if _, err := root.PutBucketPolicy(t.Context(), &sdk.PutBucketPolicyInput{Bucket: aws.String("site"), Policy: &policy}); err != nil {
		t.Fatal(err)
	}
	if got, err := r.get(nobody, "site", "closed"); err != nil || got != "closed" {
		t.Errorf("by policy: %q, %v", got, err)
	}
	_, err = r.get(nobody, "site", "none")
	r.want(err, "AccessDenied")
	_, err = nobody.ListObjectsV2(t.Context(), &sdk.ListObjectsV2Input{Bucket: aws.String("site")})
	r.want(err, "AccessDenied")
	_, err = root.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: aws.String("site"), Key: aws.String("secret/x"), Body: strings.NewReader("x")})
	r.want(err, "AccessDenied") // an explicit Deny binds root as well
	got, err := root.GetBucketPolicy(t.Context(), &sdk.GetBucketPolicyInput{Bucket: aws.String("site")})
	if err != nil || *got.Policy != policy {
		t.Error(got, err)
	}
	status, err := root.GetBucketPolicyStatus(t.Context(), &sdk.GetBucketPolicyStatusInput{Bucket: aws.String("site")})
	if err != nil || !*status.PolicyStatus.IsPublic {
		t.Error(status, err)
	}
	// restricted, the same policy serves its own account only
	if _, err := root.PutPublicAccessBlock(t.Context(), &sdk.PutPublicAccessBlockInput{Bucket: aws.String("site"), PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{
		RestrictPublicBuckets: aws.Bool(true), BlockPublicAcls: aws.Bool(true), BlockPublicPolicy: aws.Bool(true), IgnorePublicAcls: aws.Bool(true)}}); err != nil {
		t.Fatal(err)
	}
	_, err = r.get(nobody, "site", "closed")
	r.want(err, "AccessDenied")
	_, err = root.PutBucketPolicy(t.Context(), &sdk.PutBucketPolicyInput{Bucket: aws.String("site"), Policy: &policy})
	r.want(err, "AccessDenied")
	_, err = root.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: aws.String("site"), Key: aws.String("open"), Body: strings.NewReader("open"), ACL: "public-read"})
	r.want(err, "AccessDenied")
}

func TestBadPolicies(t *testing.T) {
	r := newRig(t)
	c := r.root()
	r.bucket(c, "site")
	for _, doc := range []string{
		`{`, `{}`, `[]`, `{"Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::site/*"}]}`,
		`{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::other/*"}]}`,
		`{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::sitemore/*"}]}`,
		`{"Statement":[{"Effect":"Maybe","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::site/*"}]}`,
	} {
		_, err := c.PutBucketPolicy(t.Context(), &sdk.PutBucketPolicyInput{Bucket: aws.String("site"), Policy: &doc})
		r.want(err, "MalformedPolicy")
	}
	_, err := c.GetBucketPolicy(t.Context(), &sdk.GetBucketPolicyInput{Bucket: aws.String("site")})
	r.want(err, "NoSuchBucketPolicy")
}

func TestACL(t *testing.T) {
	r := newRig(t)
	c, nobody := r.root(), r.client("", true)
	stranger := r.client(r.session("ann", ann, userFiles), true)
	r.bucket(c, "acl")
	r.put(c, "acl", "k", "v")
	set := func(in *sdk.PutObjectAclInput) error {
		in.Bucket, in.Key = aws.String("acl"), aws.String("k")
		_, err := c.PutObjectAcl(t.Context(), in)
		return err
	}
	r.want(set(&sdk.PutObjectAclInput{ACL: "authenticated-read"}), "")
	_, err := r.get(nobody, "acl", "k")
	r.want(err, "AccessDenied")
	if _, err := r.get(stranger, "acl", "k"); err != nil {
		t.Error("an authenticated reader:", err)
	}
	r.want(set(&sdk.PutObjectAclInput{GrantRead: aws.String(`uri="http://acs.amazonaws.com/groups/global/AllUsers"`)}), "")
	if _, err := r.get(nobody, "acl", "k"); err != nil {
		t.Error(err)
	}
	got, err := c.GetObjectAcl(t.Context(), &sdk.GetObjectAclInput{Bucket: aws.String("acl"), Key: aws.String("k")})
	if err != nil || len(got.Grants) != 2 || got.Grants[0].Grantee.Type != "CanonicalUser" || *got.Grants[1].Grantee.URI != groupURI+"global/AllUsers" || got.Grants[1].Permission != "READ" {
		t.Errorf("%+v, %v", got, err)
	}
	r.want(set(&sdk.PutObjectAclInput{AccessControlPolicy: &types.AccessControlPolicy{Owner: got.Owner, Grants: got.Grants[:1]}}), "")
	_, err = r.get(nobody, "acl", "k")
	r.want(err, "AccessDenied")
	r.want(set(&sdk.PutObjectAclInput{}), "MissingSecurityHeader")
	r.want(set(&sdk.PutObjectAclInput{ACL: "sometimes"}), "InvalidArgument")
	r.want(set(&sdk.PutObjectAclInput{ACL: "public-read", GrantRead: aws.String("id=x")}), "InvalidRequest")
	r.want(set(&sdk.PutObjectAclInput{GrantRead: aws.String("id=nobody")}), "InvalidArgument")
	r.want(set(&sdk.PutObjectAclInput{GrantRead: aws.String("emailAddress=a@b.c")}), "UnresolvableGrantByEmailAddress")

	if _, err := c.PutBucketAcl(t.Context(), &sdk.PutBucketAclInput{Bucket: aws.String("acl"), ACL: "public-read"}); err != nil {
		t.Fatal(err)
	}
	if _, err := nobody.ListObjectsV2(t.Context(), &sdk.ListObjectsV2Input{Bucket: aws.String("acl")}); err != nil {
		t.Error("public list:", err)
	}
	_, err = r.get(nobody, "acl", "none")
	r.want(err, "AccessDenied") // reading is not granted by the bucket's list
	_, err = nobody.GetBucketAcl(t.Context(), &sdk.GetBucketAclInput{Bucket: aws.String("acl")})
	r.want(err, "AccessDenied")

	_, err = c.PutBucketOwnershipControls(t.Context(), &sdk.PutBucketOwnershipControlsInput{Bucket: aws.String("acl"), OwnershipControls: &types.OwnershipControls{Rules: []types.OwnershipControlsRule{{ObjectOwnership: "BucketOwnerEnforced"}}}})
	r.want(err, "InvalidBucketAclWithObjectOwnership")
	if _, err := c.PutBucketAcl(t.Context(), &sdk.PutBucketAclInput{Bucket: aws.String("acl"), ACL: "private"}); err != nil {
		t.Fatal(err)
	}
	_, err = c.PutBucketOwnershipControls(t.Context(), &sdk.PutBucketOwnershipControlsInput{Bucket: aws.String("acl"), OwnershipControls: &types.OwnershipControls{Rules: []types.OwnershipControlsRule{{ObjectOwnership: "BucketOwnerEnforced"}}}})
	r.want(err, "")
	r.want(set(&sdk.PutObjectAclInput{ACL: "public-read"}), "AccessControlListNotSupported")
}

func TestSettings(t *testing.T) {
	r := newRig(t)
	c := r.root()
	b := aws.String("settings")
	r.bucket(c, "settings")
	_, err := c.GetBucketWebsite(t.Context(), &sdk.GetBucketWebsiteInput{Bucket: b})
	r.want(err, "NoSuchWebsiteConfiguration")
	_, err = c.PutBucketWebsite(t.Context(), &sdk.PutBucketWebsiteInput{Bucket: b, WebsiteConfiguration: &types.WebsiteConfiguration{
		IndexDocument: &types.IndexDocument{Suffix: aws.String("index.html")}, ErrorDocument: &types.ErrorDocument{Key: aws.String("404.html")},
		RoutingRules: []types.RoutingRule{{Condition: &types.Condition{KeyPrefixEquals: aws.String("old/")}, Redirect: &types.Redirect{ReplaceKeyPrefixWith: aws.String("new/")}}},
	}})
	r.want(err, "")
	site, err := c.GetBucketWebsite(t.Context(), &sdk.GetBucketWebsiteInput{Bucket: b})
	if err != nil || *site.IndexDocument.Suffix != "index.html" || *site.ErrorDocument.Key != "404.html" || *site.RoutingRules[0].Redirect.ReplaceKeyPrefixWith != "new/" {
		t.Errorf("%+v, %v", site, err)
	}
	_, err = c.PutBucketWebsite(t.Context(), &sdk.PutBucketWebsiteInput{Bucket: b, WebsiteConfiguration: &types.WebsiteConfiguration{}})
	r.want(err, "InvalidArgument")
	_, err = c.PutBucketVersioning(t.Context(), &sdk.PutBucketVersioningInput{Bucket: b, VersioningConfiguration: &types.VersioningConfiguration{Status: "Enabled"}})
	r.want(err, "NotImplemented")
	if v, err := c.GetBucketVersioning(t.Context(), &sdk.GetBucketVersioningInput{Bucket: b}); err != nil || v.Status != "" {
		t.Error(v, err)
	}
	_, err = c.GetBucketTagging(t.Context(), &sdk.GetBucketTaggingInput{Bucket: b})
	r.want(err, "NoSuchTagSet")
	_, err = c.PutBucketTagging(t.Context(), &sdk.PutBucketTaggingInput{Bucket: b, Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}}})
	r.want(err, "")
	if v, err := c.GetBucketTagging(t.Context(), &sdk.GetBucketTaggingInput{Bucket: b}); err != nil || *v.TagSet[0].Value != "v" {
		t.Error(v, err)
	}
	_, err = c.GetBucketCors(t.Context(), &sdk.GetBucketCorsInput{Bucket: b})
	r.want(err, "NoSuchCORSConfiguration")
	_, err = c.HeadBucket(t.Context(), &sdk.HeadBucketInput{Bucket: b, ExpectedBucketOwner: aws.String("000000000000")})
	r.want(err, "Forbidden")
	_, err = c.GetBucketEncryption(t.Context(), &sdk.GetBucketEncryptionInput{Bucket: b})
	r.want(err, "NotImplemented")
}

// mobileHubCORS is what Mobile Hub put on its buckets.
func mobileHubCORS() *types.CORSConfiguration {
	return &types.CORSConfiguration{CORSRules: []types.CORSRule{
		{AllowedOrigins: []string{"https://*.example.com"}, AllowedMethods: []string{"DELETE"}},
		{AllowedOrigins: []string{"*"}, AllowedMethods: []string{"HEAD", "GET", "PUT", "POST"}, AllowedHeaders: []string{"*"}, ExposeHeaders: []string{"ETag", "x-amz-request-id"}, MaxAgeSeconds: aws.Int32(3000)},
	}}
}

func TestCORS(t *testing.T) {
	r := newRig(t)
	c := r.root()
	r.bucket(c, "cors")
	ask := func(method, origin, wants, headers string) *http.Response {
		res, _ := r.plain("OPTIONS", "/cors/private/x", http.Header{"Origin": {origin}, "Access-Control-Request-Method": {wants}, "Access-Control-Request-Headers": {headers}})
		return res
	}
	if res := ask("OPTIONS", "http://localhost:8100", "PUT", "authorization"); res.StatusCode != 403 || res.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("without configuration: %d %v", res.StatusCode, res.Header)
	}
	if _, err := c.PutBucketCors(t.Context(), &sdk.PutBucketCorsInput{Bucket: aws.String("cors"), CORSConfiguration: mobileHubCORS()}); err != nil {
		t.Fatal(err)
	}
	got, err := c.GetBucketCors(t.Context(), &sdk.GetBucketCorsInput{Bucket: aws.String("cors")})
	if err != nil || len(got.CORSRules) != 2 || *got.CORSRules[1].MaxAgeSeconds != 3000 {
		t.Errorf("%+v, %v", got, err)
	}
	res := ask("OPTIONS", "http://localhost:8100", "PUT", "authorization, content-type,x-amz-date")
	h := res.Header
	if res.StatusCode != 200 || h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Access-Control-Max-Age") != "3000" || !strings.Contains(h.Get("Access-Control-Allow-Headers"), "x-amz-date") || !strings.Contains(h.Get("Access-Control-Allow-Methods"), "PUT") {
		t.Errorf("preflight: %d %v", res.StatusCode, h)
	}
	if res := ask("OPTIONS", "http://localhost:8100", "DELETE", ""); res.StatusCode != 403 {
		t.Errorf("method of another origin: %d", res.StatusCode)
	}
	if res := ask("OPTIONS", "https://app.example.com", "DELETE", ""); res.StatusCode != 200 || res.Header.Get("Access-Control-Allow-Origin") != "https://app.example.com" {
		t.Errorf("wildcard origin: %d %v", res.StatusCode, res.Header)
	}
	if res := ask("OPTIONS", "https://app.example.com.evil.org", "DELETE", ""); res.StatusCode != 403 {
		t.Errorf("origin behind the wildcard: %d", res.StatusCode)
	}
	res, _ = r.plain("GET", "/cors/private/x", http.Header{"Origin": {"http://a"}})
	if res.StatusCode != 403 || res.Header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(res.Header.Get("Access-Control-Expose-Headers"), "ETag") {
		t.Errorf("refusals are readable too: %d %v", res.StatusCode, res.Header)
	}
	bad := mobileHubCORS()
	bad.CORSRules[0].AllowedMethods = []string{"PATCH"}
	_, err = c.PutBucketCors(t.Context(), &sdk.PutBucketCorsInput{Bucket: aws.String("cors"), CORSConfiguration: bad})
	r.want(err, "InvalidRequest")
	bad.CORSRules[0].AllowedMethods, bad.CORSRules[0].AllowedOrigins = []string{"GET"}, []string{"*.*"}
	_, err = c.PutBucketCors(t.Context(), &sdk.PutBucketCorsInput{Bucket: aws.String("cors"), CORSConfiguration: bad})
	r.want(err, "InvalidRequest")
}

// TestTampered sends what was signed otherwise: nothing of it may be kept.
func TestTampered(t *testing.T) {
	r := newRig(t)
	c := r.root()
	r.bucket(c, "tamper")
	swap := r.client("AKROOT", true, func(o *sdk.Options) { o.HTTPClient = tamper{http.DefaultClient} })
	_, err := swap.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: aws.String("tamper"), Key: aws.String("k"), Body: strings.NewReader("the content")})
	if err == nil {
		t.Error("a body that was changed on its way was taken")
	}
	_, err = c.HeadObject(t.Context(), &sdk.HeadObjectInput{Bucket: aws.String("tamper"), Key: aws.String("k")})
	r.want(err, "NotFound")
}

type tamper struct{ *http.Client }

func (c tamper) Do(req *http.Request) (*http.Response, error) {
	if req.ContentLength > 0 {
		req.Body = http.NoBody
		req.Body = nopCloser{bytes.NewReader(bytes.Repeat([]byte("?"), int(req.ContentLength)))}
	}
	return c.Client.Do(req)
}

type nopCloser struct{ *bytes.Reader }

func (nopCloser) Close() error { return nil }
