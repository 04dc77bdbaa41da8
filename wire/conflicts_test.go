package wire_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"bothy/api/s3"
)

// TestConflicts: where host, target, scope, content type and method disagree, the operation that runs is the one AWS's rules
// name, or none; never one whose checks were another's.
func TestConflicts(t *testing.T) {
	f := newFront(t)
	for _, c := range []struct {
		name, service, method, target, host, body string
		headers                                   []string
		status                                    int
		ran                                       string
	}{
		{"target on another service's host", "", "POST", "/", "dynamodb.us-east-1.amazonaws.com", signUpBody, []string{signUpTarget}, 200, "SignUp(u)"},
		{"target on an S3 host", "", "POST", "/bucket/key", "s3.us-east-1.amazonaws.com", signUpBody, []string{signUpTarget}, 200, "SignUp(u)"},
		{"signed target", "dynamodb", "POST", "/", local, putBody, []string{putTarget}, 200, "PutItem(ttt)"},
		{"target with another's scope", "s3", "POST", "/", local, putBody, []string{putTarget}, 400, ""},
		{"target with another's scope, unsigned there", "cognito-idp", "POST", "/", local, putBody, []string{putTarget}, 400, ""},
		{"two targets, the open one first", "", "POST", "/", local, putBody, []string{signUpTarget, putTarget}, 400, ""},
		{"two targets, the open one last", "", "POST", "/", local, putBody, []string{putTarget, signUpTarget}, 400, ""},
		{"two targets, signed", "dynamodb", "POST", "/", local, putBody, []string{putTarget, signUpTarget}, 400, ""},
		{"target by GET", "", "GET", "/", local, "", []string{signUpTarget}, 400, ""},
		{"target by PUT on a bucket", "s3", "PUT", "/bucket/key", local, "x", []string{putTarget}, 400, ""},
		{"method override", "s3", "GET", "/bucket/key", local, "", []string{"X-HTTP-Method-Override: DELETE", "X-Method-Override: DELETE", "X-HTTP-Method: DELETE"}, 200, "GetObject(bucket,key)"},
		{"method override in the query", "s3", "GET", "/bucket/key?_method=DELETE", local, "", nil, 200, "GetObject(bucket,key)"},
		{"host overrides", "s3", "GET", "/bucket/key", local, "", []string{"X-Forwarded-Host: dynamodb.us-east-1.amazonaws.com", "X-Original-URL: /bucket/other", "X-Rewrite-URL: /bucket/other"}, 200, "GetObject(bucket,key)"},
		{"form to a JSON host", "dynamodb", "POST", "/", "dynamodb.us-east-1.amazonaws.com", "Action=GetRole&Version=2010-05-08&RoleName=x", []string{formType}, 400, ""},
		{"form to a JSON host, unsigned", "", "POST", "/", "cognito-idp.us-east-1.amazonaws.com", "Action=AssumeRoleWithWebIdentity&Version=2011-06-15", []string{formType}, 400, ""},
		{"form for iam signed for s3", "s3", "POST", "/", local, "Action=DeleteRole&Version=2010-05-08&RoleName=x", []string{formType}, 405, ""},
		{"form for iam signed for sts", "sts", "POST", "/", local, "Action=DeleteRole&Version=2010-05-08&RoleName=x", []string{formType}, 400, ""},
		{"form for iam signed for sts on iam's host", "sts", "POST", "/", "iam.amazonaws.com", "Action=DeleteRole&Version=2010-05-08&RoleName=x", []string{formType}, 403, ""},
		{"action in query and body: the body's", "iam", "POST", "/?Action=DeleteRole&Version=2010-05-08&RoleName=q", local, "Action=GetRole&Version=2010-05-08&RoleName=body", []string{formType}, 200, "GetRole(body)"},
		{"action in the query", "iam", "GET", "/?Action=GetRole&Version=2010-05-08&RoleName=q", local, "", nil, 200, "GetRole(q)"},
		{"action of another version", "iam", "GET", "/?Action=GetRole&Version=2011-06-15&RoleName=q", local, "", nil, 400, ""},
		{"curl's content type on a function", "lambda", "POST", "/2015-03-31/functions/f/invocations", local, `{"a":1}`, []string{formType}, 200, `Invoke(f,{"a":1})`},
		{"curl's content type on a bucket", "s3", "POST", "/bucket?delete", local, `<Delete><Object><Key>k</Key></Object></Delete>`, []string{formType}, 200, "DeleteObjects(1)"},
		{"a key named like an action", "s3", "GET", "/bucket/key?Action=DeleteRole", local, "", nil, 200, "GetObject(bucket,key)"},
		{"a bucket in the host", "s3", "GET", "/key", "bucket.s3.us-east-1.amazonaws.com", "", nil, 200, "GetObject(bucket,key)"},
		{"a bucket named like a service", "s3", "GET", "/key", "dynamodb.s3.amazonaws.com", "", nil, 200, "GetObject(dynamodb,key)"},
		{"a path like a function's, signed for s3", "s3", "GET", "/2015-03-31/functions", local, "", nil, 200, "GetObject(2015-03-31,functions)"},
		{"public operation with a bad signature", "", "POST", "/", local, signUpBody, []string{signUpTarget, "Authorization: " + strings.Replace(badSignature, "SERVICE", "cognito-idp", 1)}, 200, "SignUp(u)"},
		{"two signatures", "s3", "GET", "/bucket/key?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=x&X-Amz-Credential=AKID/20260101/us-east-1/s3/aws4_request", local, "", nil, 400, ""},
	} {
		var w *httptest.ResponseRecorder
		if c.service == "" {
			w = f.serve(c.method, c.target, c.host, strings.NewReader(c.body), c.headers...)
		} else {
			w = f.signed(c.service, c.method, c.target, c.host, c.body, c.headers...)
		}
		if ran := f.took(); ran != c.ran || w.Code != c.status {
			t.Errorf("%s: %d, ran %q, want %d and %q: %s", c.name, w.Code, ran, c.status, c.ran, w.Body)
		}
	}
}

// TestManyParameters: a query too long to be read is not read as none.
func TestManyParameters(t *testing.T) {
	f := newFront(t)
	if w := f.signed("s3", "DELETE", "/bucket/key?tagging"+strings.Repeat("&a", 10_001), local, ""); w.Code != 400 || f.took() != "" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestPrefixHeaders: what follows the prefix is the name, in lower case; nothing else is taken.
func TestPrefixHeaders(t *testing.T) {
	f := newFront(t)
	mountNoted(f, s3.CreateMultipartUpload, func(in *s3.CreateMultipartUploadInput) string { return fmt.Sprint(in.Metadata) })
	w := f.signed("s3", "POST", "/bucket/key?uploads", local, "", "X-Amz-Meta-: nameless", "X-Amz-Meta-A: one", "x-amz-meta-a: two", "X-Amz-Meta-B-C: é", "X-Amz-Metadata: no", "X-Amz-Meta: no", "Meta-X: no")
	if ran := f.took(); w.Code != 200 || ran != "CreateMultipartUpload(map[a:one,two b-c:é])" {
		t.Errorf("%d, ran %q: %s", w.Code, ran, w.Body)
	}
}

// TestPaths: an escaped path means what S3 says it means, and nothing is cleaned.
func TestPaths(t *testing.T) {
	f := newFront(t)
	for _, c := range []struct{ path, ran string }{
		{"/bucket/a%2Fb", "GetObject(bucket,a/b)"},
		{"/bucket/a//b", "GetObject(bucket,a//b)"},
		{"/bucket//a", "GetObject(bucket,/a)"},
		{"/bucket/../other/key", "GetObject(bucket,../other/key)"},
		{"/bucket/%2e%2e/%2e%2e/etc/passwd", "GetObject(bucket,../../etc/passwd)"},
		{"/bucket/./a/.", "GetObject(bucket,./a/.)"},
		{"/bucket/key/", "GetObject(bucket,key/)"},
		{"/bucket/%C3%A9%F0%9F%98%80", "GetObject(bucket,é😀)"},
		{"/bucket/a%00b", "GetObject(bucket,a\x00b)"},
		{"/bucket/a+b%2Bc%20d", "GetObject(bucket,a+b+c d)"},
		{"/bucket/%3Facl", "GetObject(bucket,?acl)"},
		{"/bucket/", "ListObjects(bucket,)"},
		{"/bucket", "ListObjects(bucket,)"},
		{"/bucket?prefix=a%2F%26b", "ListObjects(bucket,a/&b)"},
		{"/", "ListBuckets()"},
		{"/..%2f/key", "GetObject(../,key)"}, // the handler refuses the name
		{"//key", ""},
		{"/bucket/%ff", ""},
		{"/bucket/key?versionId=%ff", ""},
		{"/bucket/%c0%ae%c0%ae/x", ""}, // overlong dots
	} {
		w := f.signed("s3", "GET", c.path, local, "")
		if ran := f.took(); ran != c.ran || c.ran == "" && (w.Code < 400 || w.Code >= 500) {
			t.Errorf("%s: %d, ran %q, want %q: %s", c.path, w.Code, ran, c.ran, w.Body)
		}
	}
}

// TestSmithyProtocols: clients of a protocol the node does not speak are told so in its form.
func TestSmithyProtocols(t *testing.T) {
	f := newFront(t)
	w := f.serve("POST", "/service/DynamoDB_20120810/operation/PutItem", local, strings.NewReader("\xa0"), "Smithy-Protocol: rpc-v2-cbor", "Content-Type: application/cbor")
	if w.Code != 501 || w.Header().Get("Smithy-Protocol") != "rpc-v2-cbor" || w.Header().Get("Content-Type") != "application/cbor" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	got := map[string]string{}
	b := w.Body.Bytes()
	text := func() string {
		n := int(b[1])<<24 | int(b[2])<<16 | int(b[3])<<8 | int(b[4])
		s := string(b[5 : 5+n])
		b = b[5+n:]
		return s
	}
	if b[0] != 0xa2 {
		t.Fatalf("not a map of two: %x", b)
	}
	for b = b[1:]; len(b) > 0 && b[0] == 0x7a; {
		k := text()
		got[k] = text()
	}
	if len(b) != 0 || got["__type"] != "NotImplementedException" || !strings.Contains(got["message"], "rpc-v2-cbor") {
		t.Errorf("%v, left %x", got, b)
	}
	for _, h := range []string{"Smithy-Protocol: rpc-v2-json", "Smithy-Protocol: nonsense\xff"} {
		w = f.serve("POST", "/service/DynamoDB_20120810/operation/PutItem", local, strings.NewReader("{}"), h, signUpTarget)
		if w.Code != 501 || !strings.Contains(w.Body.String(), "NotImplementedException") {
			t.Errorf("%s: %d %s", h, w.Code, w.Body)
		}
	}
	if ran := f.took(); ran != "" {
		t.Errorf("ran %s", ran)
	}
}
