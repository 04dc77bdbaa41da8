package identities

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"bothy/api/cognitoidentity"
	"bothy/wire"
)

// FuzzOpenIDToken: whatever is shown as a token of ours, be it the beginning of a good one with something behind it, is refused
// as such, and never a failure of ours. A good one with white space in it is still a good one.
func FuzzOpenIDToken(f *testing.F) {
	for _, seed := range []string{"", ".", "..", "e30.e30.", "eyJhbGciOiJSUzI1NiJ9.e30.AA", "A", "=", "\n"} {
		f.Add(uint(0), seed)
		f.Add(uint(10_000), seed)
	}
	var once sync.Once
	var w *world
	var good, id string
	f.Fuzz(func(t *testing.T, n uint, rest string) {
		once.Do(func() {
			w = newWorld(t)
			id = w.id(w.pool(true), nil)
			good, _ = w.token(id, nil)
		})
		token := good[:min(n, uint(len(good)))] + rest
		who, err := w.s.Verify(context.Background(), token)
		if who != nil && (who.Subject != id || !strings.HasPrefix(token, good[:len(good)-1])) {
			t.Errorf("taken: %q", token)
		}
		if who == nil && !errors.Is(err, ErrToken) && !errors.Is(err, ErrTokenExpired) {
			t.Errorf("%v", err)
		}
	})
}

// FuzzClaims: no claim makes a tag that no session can have, nor a rule fail.
func FuzzClaims(f *testing.F) {
	for _, seed := range []string{`{"a":"x"}`, `{"a":1e300}`, `{"a":[1,"x",null,{"b":[]}]}`, `{"a":{"a":"x"}}`, `{"a":"\u0000"}`, `{"a":true}`, `{"a":["` + strings.Repeat("x", 300) + `"]}`} {
		f.Add(seed)
	}
	p := &pool{TagMaps: map[string]tagMap{"idp": {Tags: map[string]string{"t": "a"}}}}
	f.Fuzz(func(t *testing.T, text string) {
		var claims map[string]any
		if json.Unmarshal([]byte(text), &claims) != nil {
			return
		}
		v := verified{login: login{"idp", "ann"}, claims: claims}
		tags, err := p.sessionTags([]verified{v})
		if value, ok := tags["t"]; ok && (err != nil || utf8.RuneCountInString(value) > maxTagValue || strings.ContainsAny(value, "<>&\x00")) {
			t.Errorf("tag %q, %v", value, err)
		}
		for _, match := range []string{"Equals", "NotEqual", "StartsWith", "Contains"} {
			ruleMatches(cognitoidentity.MappingRule{Claim: wire.Some("a"), MatchType: wire.Some(match), Value: wire.Some("x")}, claims)
		}
	})
}
