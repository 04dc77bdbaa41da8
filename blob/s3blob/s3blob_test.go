package s3blob_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"bothy/blob"
	"bothy/blob/blobtest"
	"bothy/blob/s3blob"
	"bothy/test/s3store"
)

// use starts a store and gives this process its keys, the way an operator does.
func use(t *testing.T) *s3store.Store {
	t.Helper()
	s := s3store.Start(t)
	t.Setenv("AWS_ACCESS_KEY_ID", s.Key)
	t.Setenv("AWS_SECRET_ACCESS_KEY", s.Secret)
	return s
}

func open(t *testing.T, place string, o s3blob.Options) *s3blob.Engine {
	t.Helper()
	e, err := s3blob.Open(t.Context(), place, o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestConformance(t *testing.T) {
	s := use(t)
	var n atomic.Int64
	blobtest.Run(t, func(t *testing.T, c *blobtest.Clock) blob.Engine {
		name := "bucket-" + string(rune('a'+n.Add(1)))
		return open(t, s.Bucket(t, name, "some/prefix/", s3store.Aging(t, s.URL, c.Now)), s3blob.Options{Grace: blobtest.Grace, Now: c.Now})
	})
}

// TestLargeInParts: content above the part size is sent in parts, in bounded memory, and its ranges read back.
func TestLargeInParts(t *testing.T) {
	s := use(t)
	e := open(t, s.Bucket(t, "large", "", s.URL), s3blob.Options{})
	const size = 70 << 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	info, err := e.Put(t.Context(), io.LimitReader(zeros{}, size))
	if err != nil || info.Size != size {
		t.Fatal(info, err)
	}
	r, err := e.Open(t.Context(), info.ID, 1<<20, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if n, err := io.Copy(struct{ io.Writer }{io.Discard}, r); n != size-1<<20 || err != nil {
		t.Errorf("read %d bytes, %v", n, err)
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 32<<20 {
		t.Errorf("%d bytes allocated for a blob of %d", used, size)
	}
	if left, err := filepath.Glob(filepath.Join(os.TempDir(), "bothy-spool-*")); len(left) > 0 || err != nil {
		t.Errorf("left %v, %v", left, err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestTwoProcesses: what one engine puts the other reads and sweeps; a second start finds the mark of the first.
func TestTwoProcesses(t *testing.T) {
	s := use(t)
	place := s.Bucket(t, "shared", "p", s.URL)
	a, b := open(t, place, s3blob.Options{}), open(t, place, s3blob.Options{Grace: -1})
	info, err := a.Put(t.Context(), strings.NewReader("shared"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := b.Open(t.Context(), info.ID, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); string(got) != "shared" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if err := b.DeleteOld(t.Context(), info.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Stat(t.Context(), info.ID); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("after a delete: %v", err)
	}
}

// TestConnectionLost: a read goes on where the connection was lost.
func TestConnectionLost(t *testing.T) {
	s := use(t)
	target, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	var cuts atomic.Int64
	p := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host },
		ModifyResponse: func(res *http.Response) error {
			if res.Request.Method == http.MethodGet && strings.Contains(res.Request.URL.Path, "/blobs/") && cuts.Add(1) <= 3 {
				res.Body = struct {
					io.Reader
					io.Closer
				}{io.MultiReader(io.LimitReader(res.Body, 100_000), cut{}), res.Body}
			}
			return nil
		},
	})
	defer p.Close()
	e := open(t, s.Bucket(t, "lost", "", p.URL), s3blob.Options{})
	content := bytes.Repeat([]byte("0123456789"), 100_000)
	info, err := e.Put(t.Context(), bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	r, err := e.Open(t.Context(), info.ID, 5, 900_000)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); !bytes.Equal(got, content[5:900_005]) || err != nil {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if cuts.Load() != 4 {
		t.Errorf("%d answers: the connection was not lost", cuts.Load())
	}
}

type cut struct{}

func (cut) Read([]byte) (int, error) { return 0, errors.New("the proxy cuts") }

// TestRefused: what an operator gets wrong is said in words, and never with the keys.
func TestRefused(t *testing.T) {
	s := use(t)
	good := s.Bucket(t, "good", "", s.URL)
	for place, want := range map[string]string{
		"s3://absent?endpoint=" + s.URL:        "does not exist",
		"s3://k:s3cr3t@good":                   "keys do not belong",
		"s3://good?endpoint=127.0.0.1":         "is not http",
		"s3://good?zone=a":                     "unknown parameter",
		"https://good":                         "s3://BUCKET",
		"s3://good?region=a&region=b":          "2 times",
		"s3://good?endpoint=http://h/path?x=y": "is not http",
	} {
		if _, err := s3blob.Open(t.Context(), place, s3blob.Options{}); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: %v, want %q", place, err, want)
		}
	}
	t.Setenv("AWS_SECRET_ACCESS_KEY", "not the secret")
	if _, err := s3blob.Open(t.Context(), good, s3blob.Options{}); err == nil || !strings.Contains(err.Error(), "refuses the keys") || strings.Contains(err.Error(), "not the secret") {
		t.Errorf("wrong keys: %v", err)
	}
}

func TestUnreachable(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "k")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "s")
	ctx, cancel := context.WithCancel(t.Context())
	p := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { cancel() }))
	defer p.Close()
	if _, err := s3blob.Open(ctx, "s3://bucket?endpoint="+p.URL, s3blob.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
