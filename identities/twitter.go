package identities

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"bothy/wire"
)

// cutSecret reads "key;secret".
func cutSecret(text string) (key, secret string, ok bool) {
	key, secret, ok = strings.Cut(text, ";")
	return key, secret, ok && key != "" && secret != ""
}

// askTwitter asks whose access token it is. setting is "consumer key;consumer secret" and token is "token;token secret", as AWS
// has them: the request is signed with both, so a token of another app does not pass.
func (s *Service) askTwitter(c *wire.Call, setting, token string) (map[string]any, error) {
	consumer, consumerSecret, ok := cutSecret(setting)
	access, accessSecret, ok2 := cutSecret(token)
	if !ok || !ok2 {
		return nil, fmt.Errorf("%w: consumer and token must each be key;secret", ErrLoginInvalid)
	}
	const at = "https://api.twitter.com/1.1/account/verify_credentials.json"
	params := map[string]string{
		"oauth_consumer_key": consumer, "oauth_token": access, "oauth_nonce": rand.Text(), "oauth_timestamp": strconv.FormatInt(c.Now.Unix(), 10),
		"oauth_signature_method": "HMAC-SHA1", "oauth_version": "1.0",
	}
	params["oauth_signature"] = oauth1("GET", at, params, consumerSecret, accessSecret)
	r := get(c, at)
	r.Header.Set("Authorization", "OAuth "+joined(params, `"`, ", "))
	var answer struct {
		ID string `json:"id_str"`
	}
	if err := s.ask(c, r, &answer); err != nil {
		return nil, err
	}
	return map[string]any{"sub": answer.ID, "aud": setting[:len(consumer)]}, nil
}

// oauth1 is the HMAC-SHA1 signature of a request and its parameters (RFC 5849, section 3.4).
func oauth1(method, at string, params map[string]string, consumerSecret, tokenSecret string) string {
	mac := hmac.New(sha1.New, []byte(escape(consumerSecret)+"&"+escape(tokenSecret)))
	mac.Write([]byte(method + "&" + escape(at) + "&" + escape(joined(params, "", "&")))) //nolint:errcheck // never fails (hash.Hash)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// joined are escaped parameters in the order of their names.
func joined(params map[string]string, quote, between string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(params)) {
		parts = append(parts, escape(name)+"="+quote+escape(params[name])+quote)
	}
	return strings.Join(parts, between)
}

// escape is RFC 3986's, where a space is %20.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
