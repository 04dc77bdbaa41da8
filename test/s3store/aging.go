package s3store

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Aging is a proxy before a store that gives objects the age they have by a test's clock: it notes when each was stored and
// says so in answers and listings.
func Aging(t testing.TB, store string, now func() time.Time) (endpoint string) {
	t.Helper()
	target, err := url.Parse(store)
	if err != nil {
		t.Fatal(err)
	}
	a := &aging{now: now, stored: map[string]time.Time{}}
	p := &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host }, // the host is signed
		ModifyResponse: a.modify,
	}
	s := httptest.NewServer(p)
	t.Cleanup(s.Close)
	return s.URL
}

type aging struct {
	now    func() time.Time
	mu     sync.Mutex
	stored map[string]time.Time // by /bucket/key; guarded by mu
}

func (a *aging) modify(res *http.Response) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	path := res.Request.URL.Path
	if res.Request.Method == http.MethodPut && res.StatusCode == http.StatusOK {
		a.stored[path] = a.now()
	}
	if at, ok := a.stored[path]; ok && res.Header.Get("Last-Modified") != "" {
		res.Header.Set("Last-Modified", at.UTC().Format(http.TimeFormat))
	}
	if !strings.Contains(res.Header.Get("Content-Type"), "xml") || res.Body == nil {
		return nil
	}
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	raw = a.listing(strings.TrimSuffix(path, "/")+"/", raw)
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(raw)), int64(len(raw))
	res.Header.Set("Content-Length", strconv.Itoa(len(raw)))
	return nil
}

var (
	entry    = regexp.MustCompile(`(?s)<Contents>.*?</Contents>`)
	entryKey = regexp.MustCompile(`<Key>([^<]*)</Key>`)
	modified = regexp.MustCompile(`<LastModified>[^<]*</LastModified>`)
)

func (a *aging) listing(bucket string, xml []byte) []byte {
	return entry.ReplaceAllFunc(xml, func(e []byte) []byte {
		at, ok := a.stored[bucket+string(entryKey.FindSubmatch(e)[1])]
		if !ok {
			return e
		}
		return modified.ReplaceAll(e, fmt.Appendf(nil, "<LastModified>%s</LastModified>", at.UTC().Format("2006-01-02T15:04:05.000Z")))
	})
}
