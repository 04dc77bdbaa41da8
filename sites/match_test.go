package sites

import "testing"

func FuzzMatchPath(f *testing.F) {
	f.Add("/images/*.jpg", "/images/a/b.jpg")
	f.Add("*", "")
	f.Add("?*?", "ab")
	f.Add("/a*b*c", "/abxbc")
	f.Fuzz(func(t *testing.T, pattern, path string) {
		if matchPath(pattern, path) != slow(pattern, path, 0) && len(pattern) < 20 {
			t.Errorf("pattern %q path %q", pattern, path)
		}
	})
}

// slow is the definition of a match.
func slow(pattern, path string, depth int) bool {
	switch {
	case depth > 200:
		return matchPath(pattern, path)
	case pattern == "":
		return path == ""
	case pattern[0] == '*':
		return slow(pattern[1:], path, depth+1) || path != "" && slow(pattern, path[1:], depth+1)
	}
	return path != "" && (pattern[0] == '?' || pattern[0] == path[0]) && slow(pattern[1:], path[1:], depth+1)
}

func TestBucketOrigin(t *testing.T) {
	for domain, want := range map[string]origin{
		"b.s3.amazonaws.com":                      {"b", false, true},
		"my.bucket.s3.eu-west-1.amazonaws.com":    {"my.bucket", false, true},
		"b.s3-eu-west-1.amazonaws.com":            {"b", false, true},
		"b.s3-website-us-east-1.amazonaws.com":    {"b", true, true},
		"b.s3-website.eu-central-1.amazonaws.com": {"b", true, true},
		"s3.amazonaws.com":                        {},
		"b.s3.eu-west-1.evil.com":                 {},
		"b.s3.a.b.c.amazonaws.com":                {},
		"dynamodb.us-east-1.amazonaws.com":        {},
		"internal.host":                           {},
		"":                                        {},
	} {
		if got := bucketOrigin(domain); got != want {
			t.Errorf("%s: %+v, want %+v", domain, got, want)
		}
	}
}
