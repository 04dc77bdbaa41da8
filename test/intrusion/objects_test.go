package intrusion

import (
	"crypto/md5"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
)

// objectAttempts reach for objects in somebody else's private folder.
func objectAttempts(t *testing.T, w *world) []attempt {
	bucket, theirs := "/"+w.bucket(t), w.objectPath(t, w.neighbour.id, "note")
	mine, prefix := w.objectPath(t, w.mallory.id, "note"), "private%2F"+strings.ReplaceAll(w.neighbour.id, ":", "%3A")+"%2F"
	as := func(c caller, method, path string, more ...string) func(*testing.T) answer {
		header := http.Header{}
		for i := 0; i < len(more); i += 2 {
			header.Set(more[i], more[i+1])
		}
		return func(t *testing.T) answer {
			return c.send(t, request{service: "s3", method: method, path: path, header: header})
		}
	}
	try := func(method, path string, more ...string) func(*testing.T) answer {
		return as(w.mallory.caller, method, path, more...)
	}
	key := strings.TrimPrefix(strings.ReplaceAll(theirs, "%3A", ":"), bucket+"/")
	many := []byte("<Delete><Object><Key>" + key + "</Key></Object></Delete>")
	sum := md5.Sum(many)
	on := func(action string) string { return `denied +s3:` + action + ` on arn:aws:s3:::` + w.bucket(t) }
	up := func(dots string) string {
		return strings.Replace(mine, "/note", "/"+dots+"/"+strings.ReplaceAll(w.neighbour.id, ":", "%3A")+"/note", 1)
	}
	const denied = "AccessDenied"
	return []attempt{
		{"get", try("GET", theirs), 403, denied, on("GetObject")},
		{"get a missing one", try("GET", theirs+"2"), 403, denied, on("GetObject")},
		{"put", try("PUT", theirs), 403, denied, on("PutObject")},
		{"delete", try("DELETE", theirs), 403, denied, on("DeleteObject")},
		{"copy from", try("PUT", mine, "X-Amz-Copy-Source", theirs), 403, denied, on("GetObject")},
		{"copy to", try("PUT", theirs, "X-Amz-Copy-Source", mine), 403, denied, on("(Get|Put)Object")},
		{"list their folder", try("GET", bucket+"?list-type=2&prefix="+prefix), 403, denied, `s3:prefix expected .*` + w.mallory.id + `.* got \["private/` + w.neighbour.id + `/"\]`},
		{"list their folder, the old way", try("GET", bucket+"?prefix="+prefix), 403, denied, `s3:prefix`},
		{"list everything", try("GET", bucket+"?list-type=2"), 403, denied, on("ListBucket")},
		{"list all owners", try("GET", bucket+"?list-type=2&prefix=private%2F&delimiter=%2F"), 403, denied, `s3:prefix`},
		{"list versions", try("GET", bucket+"?versions"), 403, denied, on("ListBucketVersions")},
		{"list uploads", try("GET", bucket+"?uploads"), 403, denied, on("ListBucketMultipartUploads")},
		{"begin an upload", try("POST", theirs+"?uploads"), 403, denied, on("PutObject")},
		{"open the object", try("PUT", theirs+"?acl", "X-Amz-Acl", "public-read"), 403, denied, on("PutObjectAcl")},
		{"open the bucket", try("PUT", bucket+"?policy"), 403, denied, on("PutBucketPolicy")},
		{"delete the bucket", try("DELETE", bucket), 403, denied, on("DeleteBucket")},
		{"delete many", func(t *testing.T) answer {
			return w.mallory.send(t, request{service: "s3", path: bucket + "?delete", body: many, header: http.Header{"Content-Md5": {base64.StdEncoding.EncodeToString(sum[:])}}})
		}, 200, denied, on("DeleteObject")},
		{"a guest", as(w.guest, "GET", theirs), 403, denied, on("GetObject")},
		{"nobody", as(w.anyone, "GET", theirs), 403, denied, on("GetObject")},
		{"nobody puts", as(w.anyone, "PUT", theirs), 403, denied, on("PutObject")},
		// A key is a name, not a path: dots lead nowhere, so what is asked for is a missing object in one's own folder.
		{"dots in a key", try("GET", up("..")), 403, denied, `the object does not exist`},
		{"escaped dots in a key", try("GET", up("%2E%2E")), 403, denied, `the object does not exist`},
		{"an escaped slash in a key", try("GET", up("..%2F..")), 403, denied, `the object does not exist`},
		{"dots out of a bucket", try("GET", bucket+"/../"+strings.TrimPrefix(theirs, "/")), 403, denied, `s3:GetObject`},
	}
}

// TestOwnObjects: one's own folder is open, so it is the owner that decides.
func TestOwnObjects(t *testing.T) {
	w := newWorld(t)
	note, list := w.objectPath(t, w.mallory.id, "note"), "/"+w.bucket(t)+"?list-type=2&prefix=private%2F"+strings.ReplaceAll(w.mallory.id, ":", "%3A")+"%2F"
	for _, r := range []request{
		{method: "PUT", path: note, body: []byte("mine")},
		{method: "GET", path: note},
		{method: "PUT", path: note + "2", header: http.Header{"X-Amz-Copy-Source": {note}}},
		{method: "GET", path: list},
		{method: "DELETE", path: note},
	} {
		r.service = "s3"
		w.mallory.send(t, r).must(t, nil)
	}
}
