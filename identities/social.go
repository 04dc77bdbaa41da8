package identities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"bothy/api/cognitoidentity"
	"bothy/record"
	"bothy/wire"
)

// The login providers that pools name themselves (SupportedLoginProviders).
const (
	facebook = "graph.facebook.com"
	google   = "accounts.google.com"
	amazon   = "www.amazon.com"
	twitter  = "api.twitter.com"
	apple    = "appleid.apple.com"
	digits   = "www.digits.com" // ended in 2017: pools may still name it
)

var socialProviders = []string{facebook, google, amazon, twitter, apple, digits}

// secretProviders are those whose setting is "key;secret".
var secretProviders = []string{twitter, digits}

// verifySocial checks a token of a provider that the pool names with a setting: the id that the app has there.
func (s *Service) verifySocial(c *wire.Call, p *pool, provider, setting, token string) (verified, error) {
	v := verified{login: login{Provider: provider}}
	var err error
	switch provider {
	case google, apple:
		return s.verifyIssued(c, v, "https://"+provider, []string{setting}, token)
	case facebook:
		v.client = setting
		v.claims, err = s.askFacebook(c, setting, token)
	case amazon:
		v.claims, err = s.askAmazon(c, setting, token)
		v.client, _ = claimText(v.claims["aud"])
	case twitter:
		v.client, _, _ = cutSecret(setting)
		v.claims, err = s.askTwitter(c, setting, token)
	default:
		return verified{}, wire.Because(unsupported(), "%s signs nobody in any more", provider)
	}
	if err != nil {
		return verified{}, loginRefused(c, provider, nil, err)
	}
	claim := "sub"
	if provider == amazon {
		claim = "user_id"
	}
	return v.of(claim, v.client)
}

// Why a provider's token is not taken, besides ErrLoginExpired and ErrLoginInvalid.
var (
	errProvider = errors.New("identities: login provider failed")
	errTooMany  = errors.New("identities: too many questions to login providers")
)

// loginRefused is AWS's answer to a token that was not taken.
func loginRefused(c *wire.Call, provider string, claims map[string]any, err error) error {
	switch {
	case errors.Is(err, ErrLoginExpired):
		return wire.Because(notAuthorized(expiredMessage(c, claims)), "login of %s: %v", provider, err)
	case errors.Is(err, ErrLoginInvalid):
		return wire.Because(unverifiable(), "login of %s: %v", provider, err)
	case errors.Is(err, errTooMany):
		return wire.Because(&cognitoidentity.TooManyRequestsException{Message: wire.Some("Rate exceeded")}, "%v", err)
	case errors.Is(err, errProvider):
		return wire.Because(&cognitoidentity.ExternalServiceException{Message: wire.Some("The login provider " + provider + " is not responding.")}, "%v", err)
	}
	return err
}

// questionsPerCaller bounds what strangers can make a node ask providers that keep no public keys.
var questionsPerCaller = record.Limit{PerSecond: 2, Burst: 200}

// Bounds of questions to a provider.
const (
	patience  = 5 * time.Second
	maxAnswer = 64 << 10 // bytes
)

// ask reads a provider's JSON answer. A provider that says no to the request says no to the token in it.
func (s *Service) ask(c *wire.Call, r *http.Request, into any) error {
	ok, err := s.brake.Take(c, "identities.question/"+wire.Household(c.SourceIP), questionsPerCaller, c.Now)
	switch {
	case err != nil:
		return err
	case !ok:
		return fmt.Errorf("%w: by %s", errTooMany, c.SourceIP)
	}
	leave, err := s.queue.enter(r.URL.Host)
	if err != nil {
		return err
	}
	defer leave()
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	res, err := s.cfg.HTTP.Do(r.WithContext(ctx))
	if err != nil {
		err = errors.Unwrap(err) // a *url.Error, whose text has the URL and so perhaps the token
		return fmt.Errorf("%w: %s: %v", errProvider, r.URL.Host, err)
	}
	defer res.Body.Close() //nolint:errcheck // read to its end or given up
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	switch {
	case err != nil:
		return fmt.Errorf("%w: %s: %v", errProvider, r.URL.Host, err)
	case slices.Contains([]int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden}, res.StatusCode):
		return fmt.Errorf("%w: %s answers %s", ErrLoginInvalid, r.URL.Host, res.Status)
	case res.StatusCode != http.StatusOK:
		return fmt.Errorf("%w: %s answers %s", errProvider, r.URL.Host, res.Status)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%w: %s: %v", errProvider, r.URL.Host, err)
	}
	return nil
}

func get(c *wire.Call, url string) *http.Request {
	r, err := http.NewRequestWithContext(c, http.MethodGet, url, nil)
	if err != nil {
		panic(err) // a constant, and escaped values
	}
	r.Header.Set("Accept", "application/json")
	return r
}

// askFacebook asks the Graph API which app an access token is for and whose it is. A token of another app proves nothing: that
// app has it too.
func (s *Service) askFacebook(c *wire.Call, app, token string) (map[string]any, error) {
	about := func(what string) (id string, err error) {
		r := get(c, "https://graph.facebook.com/"+what+"?fields=id")
		r.Header.Set("Authorization", "Bearer "+token)
		var answer struct{ ID string }
		err = s.ask(c, r, &answer)
		return answer.ID, err
	}
	if !headerText(token) {
		return nil, fmt.Errorf("%w: it is no access token", ErrLoginInvalid)
	}
	issued, err := about("app")
	if err == nil && issued != app {
		err = fmt.Errorf("%w: it is for app %q, not for %q", ErrLoginInvalid, issued, app)
	}
	if err != nil {
		return nil, err
	}
	user, err := about("me")
	return map[string]any{"sub": user, "aud": app}, err
}

// headerText tells whether a text can stand in a header: a token with a line break would be two headers.
func headerText(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != ""
}

// askAmazon asks Login with Amazon about an access token. Pools name the app by the id of its security profile or of its client.
func (s *Service) askAmazon(c *wire.Call, app, token string) (map[string]any, error) {
	var answer struct {
		Issuer   string `json:"iss"`
		User     string `json:"user_id"`
		Audience string `json:"aud"`
		App      string `json:"app_id"`
		Left     int64  `json:"exp"` // seconds
	}
	if err := s.ask(c, get(c, "https://api.amazon.com/auth/o2/tokeninfo?access_token="+url.QueryEscape(token)), &answer); err != nil {
		return nil, err
	}
	switch {
	case answer.Audience != app && answer.App != app:
		return nil, fmt.Errorf("%w: it is for %q of app %q, not for %q", ErrLoginInvalid, answer.Audience, answer.App, app)
	case answer.Issuer != "https://www.amazon.com":
		return nil, fmt.Errorf("%w: its issuer is %q", ErrLoginInvalid, answer.Issuer)
	case answer.Left <= 0:
		return nil, fmt.Errorf("%w: %d seconds are left", ErrLoginExpired, answer.Left)
	}
	return map[string]any{"user_id": answer.User, "aud": answer.Audience, "app_id": answer.App}, nil
}
