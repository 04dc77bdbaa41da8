package objects

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"bothy/wire"
)

const (
	maxKeyBytes = 1024
	nullVersion = "null" // the id of the only version of an object
)

// checkKey admits every UTF-8 text of S3's length: a key is never a path.
func checkKey(key string) error {
	switch {
	case len(key) > maxKeyBytes:
		return fail(400, "KeyTooLongError", "Your key is too long", "MaxSizeAllowed", "1024")
	case !utf8.ValidString(key):
		return invalidURI()
	}
	return nil
}

func invalidURI() error { return fail(400, "InvalidURI", "Couldn't parse the specified URI.") }

func checkVersion(id string) error {
	if id == "" || id == nullVersion {
		return nil
	}
	return invalidArgument("Invalid version id specified", "versionId", id)
}

func quoted(etag string) string { return `"` + etag + `"` }

func storageClass(o *object) string {
	if o.StorageClass == "" {
		return "STANDARD"
	}
	return o.StorageClass
}

func sortTags(tags []tag) {
	slices.SortFunc(tags, func(a, b tag) int { return strings.Compare(a.Key, b.Key) })
}

// conditions are the conditional headers of a read, or those of a copy's source.
type conditions struct {
	ifMatch, ifNoneMatch      wire.Opt[string]
	modifiedSince, unmodSince wire.Opt[time.Time]
}

// check follows RFC 9110 §13.2.2: what is said of the ETag outweighs what is said of the time. It returns the header that did
// not hold, and whether that means "not modified".
func (k conditions) check(o *object) (failed string, notModified bool) {
	modified := o.Modified.Truncate(time.Second)
	switch {
	case k.ifMatch.Set && !etagIn(k.ifMatch.V, o.ETag):
		return "If-Match", false
	case !k.ifMatch.Set && k.unmodSince.Set && modified.After(k.unmodSince.V):
		return "If-Unmodified-Since", false
	case k.ifNoneMatch.Set && etagIn(k.ifNoneMatch.V, o.ETag):
		return "If-None-Match", true
	case !k.ifNoneMatch.Set && k.modifiedSince.Set && !modified.After(k.modifiedSince.V):
		return "If-Modified-Since", true
	}
	return "", false
}

// etagIn looks for an ETag in the list of a conditional header.
func etagIn(list, etag string) bool {
	for _, one := range strings.Split(list, ",") {
		one = strings.TrimPrefix(strings.TrimSpace(one), "W/")
		if one == "*" || strings.Trim(one, `"`) == etag {
			return true
		}
	}
	return false
}

// checkReplace checks the conditional headers of a write against what the key holds now.
func checkReplace(old *object, key, ifMatch, ifNoneMatch string) error {
	switch {
	case ifNoneMatch != "" && ifNoneMatch != "*":
		return fail(501, "NotImplemented", "A header you provided implies functionality that is not implemented", "Header", "If-None-Match")
	case ifNoneMatch == "*" && old != nil:
		return preconditionFailed("If-None-Match")
	case ifMatch != "" && old == nil:
		return noSuchKey(key)
	case ifMatch != "" && !etagIn(ifMatch, old.ETag):
		return preconditionFailed("If-Match")
	}
	return nil
}
