package sigv4

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base64"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// signedV2 are the query parameters that Version 2 signs as part of the resource, sorted.
const signedV2 = " accelerate acl analytics cors defaultObjectAcl delete inventory lifecycle location logging metrics notification object-lock" +
	" partNumber policy replication requestPayment response-cache-control response-content-disposition response-content-encoding" +
	" response-content-language response-content-type response-expires restore select select-type storageClass tagging torrent" +
	" uploadId uploads versionId versioning versions website "

// freeV2 are the parameters that Version 2 leaves unsigned and that choose no operation. Any other is refused: nobody may
// turn a signed URL into another operation.
const freeV2 = " AWSAccessKeyId Signature Expires prefix marker delimiter max-keys encoding-type key-marker version-id-marker" +
	" upload-id-marker list-type continuation-token start-after fetch-owner max-uploads part-number-marker max-parts x-id "

func listed(list, name string) bool {
	return name != "" && !strings.Contains(name, " ") && strings.Contains(list, " "+name+" ")
}

// parseV2 reads AWSAccessKeyId, Expires and Signature of an S3 query signature.
func parseV2(r *http.Request) (*Auth, error) {
	a := &Auth{Version: 2, Presigned: true, Service: "s3", Payload: Unsigned}
	var expires string
	var err error
	eachParam(r.URL.RawQuery, func(name, v string) {
		var to *string
		switch strings.ToLower(name) {
		case "awsaccesskeyid":
			to = &a.AccessKey
		case "signature":
			to = &a.Signature
		case "expires":
			to = &expires
		case "x-amz-security-token":
			to = &a.Token
		default:
			return
		}
		if *to != "" {
			err = refuse(Conflict, "Duplicate query parameter "+name, "%s twice in the query", name)
		}
		*to = unescape(v)
	})
	if err != nil {
		return nil, err
	}
	n, perr := strconv.ParseInt(expires, 10, 64)
	if perr != nil || n < 0 || n > 1<<40 || a.AccessKey == "" || a.Signature == "" {
		return nil, malformed(Incomplete, "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters")
	}
	if len(a.AccessKey) > maxCredential || len(a.Token) > maxToken {
		return nil, malformed(Incomplete, "AWSAccessKeyId or x-amz-security-token is too long")
	}
	a.Time = time.Unix(n, 0).UTC()
	return a, nil
}

// verifyV2 proves an S3 query signature of Version 2: HMAC-SHA1 over method, MD5, type, expiry, x-amz-* and resource.
func (v *Verifier) verifyV2(r *http.Request, a *Auth, maxBody int64, find Find) (*Auth, error) {
	if v.Bucket == nil {
		return nil, refuse(UnknownAlgorithm, msgAlgorithm, "Signature Version 2 is not served here")
	}
	if now := v.now(); !now.Before(a.Time) {
		return nil, refuse(Expired, msgExpired, "presigned until %s, now is %s", a.Time.Format(stampForm), now.UTC().Format(stampForm))
	}
	if r.ContentLength > maxBody {
		return nil, refuse(TooLarge, msgTooLarge, "body of %d bytes, at most %d", r.ContentLength, maxBody)
	}
	text, err := v.stringToSignV2(r, a)
	if err != nil {
		return nil, err
	}
	secret, err := find(a.AccessKey, a.Token)
	if err != nil {
		return nil, err
	}
	if !signedSHA1(secret, text, a.Signature) {
		return nil, refuse(Mismatch, msgMismatch, "Signature Version 2; signed: %s %s, bucket %q of host %s", r.Method, rawPath(r), v.Bucket(bareHost(hostOf(r))), hostOf(r))
	}
	if err := a.wrapBody(r, nil, r.ContentLength, maxBody); err != nil {
		return nil, err
	}
	return a, nil
}

func signedSHA1(secret, text, signature string) bool {
	sent, err := base64.StdEncoding.DecodeString(signature)
	h := hmac.New(sha1.New, []byte(secret))
	h.Write([]byte(text))
	return err == nil && subtle.ConstantTimeCompare(h.Sum(nil), sent) == 1
}

// partsV2 are what Version 2 signs of a request's headers and query.
type partsV2 struct {
	md5, ctype string
	amz        map[string]string // x-amz-*, from either place
	sub        []string          // subresources, name or name=value
}

func readV2(r *http.Request) (p partsV2, err error) {
	p = partsV2{md5: r.Header.Get("Content-Md5"), ctype: r.Header.Get("Content-Type"), amz: map[string]string{}}
	for name, vs := range r.Header {
		if n := strings.ToLower(name); strings.HasPrefix(n, "x-amz-") {
			p.amz[n] = strings.Join(vs, ",")
		}
	}
	eachParam(r.URL.RawQuery, func(name, raw string) {
		value, lower := unescape(raw), strings.ToLower(name)
		switch {
		case strings.ContainsAny(value, "\r\n"): // would blur the lines of the string to sign
			err = malformed(Incomplete, "Query parameter %.40q holds a line break", name)
		case strings.HasPrefix(lower, "x-amz-"): // headers moved to the query
			if old, ok := p.amz[lower]; ok && old != value {
				err = refuse(Conflict, msgConflict, "%s differs between header and query", name)
			}
			p.amz[lower] = value
		case lower == "content-md5":
			p.md5 = value
		case lower == "content-type":
			p.ctype = value
		case listed(signedV2, name):
			if value != "" {
				name += "=" + value
			}
			p.sub = append(p.sub, name)
		case !listed(freeV2, name):
			err = refuse(UnsignedHeader, msgUnsigned, "query parameter %.40q is not covered by Signature Version 2", name)
		}
	})
	return p, err
}

func (v *Verifier) stringToSignV2(r *http.Request, a *Auth) (string, error) {
	p, err := readV2(r)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(r.Method + "\n" + p.md5 + "\n" + p.ctype + "\n" + strconv.FormatInt(a.Time.Unix(), 10) + "\n")
	for _, n := range slices.Sorted(maps.Keys(p.amz)) {
		b.WriteString(n + ":" + strings.TrimSpace(p.amz[n]) + "\n")
	}
	if bucket := v.Bucket(bareHost(hostOf(r))); bucket != "" {
		b.WriteString("/" + bucket)
	}
	b.WriteString(rawPath(r))
	slices.Sort(p.sub)
	if len(p.sub) > 0 {
		b.WriteString("?" + strings.Join(p.sub, "&"))
	}
	return b.String(), nil
}
