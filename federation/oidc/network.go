package oidc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// network is how providers are reached.
type network struct {
	client *http.Client
	now    func() time.Time
}

func newNetwork(client *http.Client, now func() time.Time) *network {
	ours := *client
	if ours.Transport == nil {
		ours.Transport = http.DefaultTransport
	}
	ours.Transport, ours.CheckRedirect = bounded{ours.Transport}, checkRedirect
	return &network{&ours, now}
}

// bounded fails answers that are too long, whoever reads them.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := safe(r.URL); err != nil {
		return nil, err
	}
	answer, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		answer.Body = http.MaxBytesReader(nil, answer.Body, maxAnswer)
	}
	return answer, err
}

func checkRedirect(r *http.Request, via []*http.Request) error {
	if len(via) > maxFollowed || via[0].Method != http.MethodGet {
		return fmt.Errorf("redirected to %s", r.URL.Redacted())
	}
	return nil
}

// safe refuses URLs whose answers somebody on the way could change. On the machine itself nobody is on the way.
func safe(u *url.URL) error {
	if u.Scheme == "https" && u.Host != "" {
		return nil
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()) {
		return nil
	}
	return fmt.Errorf("%s is not an https URL", u.Redacted())
}

// CheckURL tells why an endpoint's URL cannot be used, if so: it must be https, or http on this machine.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	if err != nil {
		return err
	}
	if u.User != nil || u.Fragment != "" {
		return errors.New("the URL has a user or a fragment")
	}
	return safe(u)
}

// get reads a JSON document.
func (n *network) get(ctx context.Context, method, at, bearer string, into any) error {
	body, err := n.read(ctx, method, at, bearer, "application/json")
	if err != nil {
		return err
	}
	if err := unmarshal(body, into); err != nil {
		return fmt.Errorf("oidc: %w: %s: %v", ErrProvider, at, err)
	}
	return nil
}

// read reads a document. The bytes of other answers are not repeated: they may be of a machine that is no provider.
func (n *network) read(ctx context.Context, method, at, bearer, accept string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, at, nil)
	if err != nil {
		return nil, fmt.Errorf("oidc: %w: %v", ErrProvider, err)
	}
	r.Header.Set("Accept", accept)
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	answer, err := n.client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("oidc: %w: %v", ErrProvider, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("oidc: %w: %s answered %s", ErrProvider, r.URL.Redacted(), answer.Status)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, fmt.Errorf("oidc: %w: %s: %v", ErrProvider, r.URL.Redacted(), err)
	}
	return body, nil
}
