package access

import (
	"strings"
	"testing"
	"unsafe"
)

// A session policy is a part of a request of up to a megabyte, sent by anybody with a token: what is kept of it must not keep the
// rest.
func TestCachedPoliciesAreCopies(t *testing.T) {
	const document = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`
	part := (strings.Repeat(" ", 1<<20) + document)[1<<20:]
	var c policyCache
	if _, err := c.parse(part); err != nil {
		t.Fatal(err)
	}
	for kept := range c.parsed {
		if unsafe.StringData(kept) == unsafe.StringData(part) {
			t.Error("the cache keeps the caller's own text")
		}
	}
}
