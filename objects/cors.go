package objects

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"bothy/api/s3"
	"bothy/kv"
	"bothy/wire"
)

const maxCORSRules = 100

func (s *Service) getBucketCors(c *wire.Call, in *s3.GetBucketCorsInput) (*s3.GetBucketCorsOutput, error) {
	b := holding(c).bucket
	if len(b.CORS) == 0 {
		return nil, notConfigured("NoSuchCORSConfiguration", "The CORS configuration does not exist", b)
	}
	return &s3.GetBucketCorsOutput{CORSRules: b.CORS}, nil
}

func (s *Service) putBucketCors(c *wire.Call, in *s3.PutBucketCorsInput) (*s3.PutBucketCorsOutput, error) {
	if in.CORSConfiguration == nil || len(in.CORSConfiguration.CORSRules) == 0 || len(in.CORSConfiguration.CORSRules) > maxCORSRules {
		return nil, malformedXML()
	}
	for i := range in.CORSConfiguration.CORSRules {
		if err := checkCORSRule(&in.CORSConfiguration.CORSRules[i]); err != nil {
			return nil, err
		}
	}
	return nil, s.change(c, in.Bucket.V, func(b *bucket) error { b.CORS = in.CORSConfiguration.CORSRules; return nil })
}

func checkCORSRule(r *s3.CORSRule) error {
	if len(r.AllowedMethods) == 0 || len(r.AllowedOrigins) == 0 {
		return malformedXML()
	}
	for _, m := range r.AllowedMethods {
		switch m {
		case "GET", "PUT", "HEAD", "POST", "DELETE":
		default:
			return invalidRequest("Found unsupported HTTP method in CORS config. Unsupported method is " + m)
		}
	}
	for _, o := range r.AllowedOrigins {
		if strings.Count(o, "*") > 1 {
			return invalidRequest(`AllowedOrigin "` + o + `" can not have more than one wildcard.`)
		}
	}
	for _, h := range r.AllowedHeaders {
		if strings.Count(h, "*") > 1 {
			return invalidRequest(`AllowedHeader "` + h + `" can not have more than one wildcard.`)
		}
	}
	for _, h := range r.ExposeHeaders {
		if strings.Contains(h, "*") || strings.ContainsAny(h, "\r\n") {
			return invalidRequest(`ExposeHeader "` + h + `" contains wildcard. We currently do not support wildcard for ExposeHeader.`)
		}
	}
	return nil
}

func (s *Service) deleteBucketCors(c *wire.Call, in *s3.DeleteBucketCorsInput) (*s3.DeleteBucketCorsOutput, error) {
	return nil, s.change(c, in.Bucket.V, func(b *bucket) error { b.CORS = nil; return nil })
}

// cors answers for a bucket by its configuration: the headers of the first rule that matches, nil when none does.
func (s *Service) cors(ctx context.Context, r *http.Request, name string) http.Header {
	var b *bucket
	err := s.cfg.DB.View(ctx, func(tx *kv.Tx) (err error) {
		b, err = s.bucket(tx, name)
		return err
	})
	if err != nil {
		return nil
	}
	method, headers := r.Method, []string(nil)
	if r.Method == http.MethodOptions {
		method = r.Header.Get("Access-Control-Request-Method")
		headers = headerNames(r.Header.Values("Access-Control-Request-Headers"))
	}
	for i := range b.CORS {
		if answer := matchCORS(&b.CORS[i], r.Header.Get("Origin"), method, headers); answer != nil {
			if r.Method != http.MethodOptions {
				answer.Del("Access-Control-Max-Age")
			}
			return answer
		}
	}
	return nil
}

func headerNames(values []string) []string {
	var out []string
	for _, v := range values {
		for _, n := range strings.Split(v, ",") {
			if n = strings.ToLower(strings.TrimSpace(n)); n != "" {
				out = append(out, n)
			}
		}
	}
	return out
}

func matchCORS(r *s3.CORSRule, origin, method string, headers []string) http.Header {
	pattern, ok := matchAny(r.AllowedOrigins, origin)
	if !ok || origin == "" {
		return nil
	}
	if _, ok := matchAny(r.AllowedMethods, method); !ok {
		return nil
	}
	for _, h := range headers {
		if _, ok := matchAny(r.AllowedHeaders, h); !ok {
			return nil
		}
	}
	out := http.Header{}
	if pattern == "*" {
		out.Set("Access-Control-Allow-Origin", "*")
	} else {
		out.Set("Access-Control-Allow-Origin", origin)
		out.Set("Access-Control-Allow-Credentials", "true")
	}
	out.Set("Access-Control-Allow-Methods", strings.Join(r.AllowedMethods, ", "))
	if len(headers) > 0 {
		out.Set("Access-Control-Allow-Headers", strings.Join(headers, ", "))
	}
	if len(r.ExposeHeaders) > 0 {
		out.Set("Access-Control-Expose-Headers", strings.Join(r.ExposeHeaders, ", "))
	}
	if r.MaxAgeSeconds.Set {
		out.Set("Access-Control-Max-Age", strconv.Itoa(int(r.MaxAgeSeconds.V)))
	}
	out.Set("Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method")
	return out
}

// matchAny finds the pattern, with at most one star, that matches; letters of either case are the same.
func matchAny(patterns []string, s string) (string, bool) {
	s = strings.ToLower(s)
	for _, p := range patterns {
		head, tail, star := strings.Cut(strings.ToLower(p), "*")
		if !star && head == s || star && len(s) >= len(head)+len(tail) && strings.HasPrefix(s, head) && strings.HasSuffix(s, tail) {
			return p, true
		}
	}
	return "", false
}
