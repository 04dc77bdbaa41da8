package sigv4

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

const (
	akid   = "AKIDEXAMPLE"
	secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

var (
	cred   = Credentials{AccessKey: akid, Secret: secret}
	signAt = time.Date(2026, 11, 21, 7, 19, 2, 0, time.UTC)
)

var errUnknownKey = errors.New("unknown key")

// findKey knows akid, with the session token "session" or with none.
func findKey(accessKey, token string) (string, error) {
	if accessKey != akid || token != "" && token != "session" {
		return "", errUnknownKey
	}
	return secret, nil
}

func at(t time.Time) *Verifier { return NewVerifier(func() time.Time { return t }) }

// request is a request as Go's server hands it over.
func request(method, target, body string) *http.Request {
	var b io.Reader
	if body != "" {
		b = strings.NewReader(body)
	}
	return httptest.NewRequest(method, target, b)
}

const mega = 1 << 20

// verifyAll verifies r and reads its payload to the end.
func verifyAll(v *Verifier, r *http.Request) (*Auth, string, error) {
	a, err := v.Verify(r, mega, findKey)
	if err != nil {
		return nil, "", err
	}
	b, err := io.ReadAll(r.Body)
	return a, string(b), err
}

func wantCode(t *testing.T, err error, want Code) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want %s", err, want)
	}
	if e.Code != want {
		t.Fatalf("got %v, want %s", err, want)
	}
	if e.Reason == "" || e.Message == "" {
		t.Errorf("%s without reason or message: %+v", want, e)
	}
	if strings.Contains(e.Reason+e.Message, secret) {
		t.Errorf("%s tells the secret", want)
	}
}

func drain(r *http.Request) error {
	_, err := io.Copy(io.Discard, r.Body)
	return err
}
