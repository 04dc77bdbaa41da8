package objects

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"bothy/blob/fileblob"
)

// endless gives n bytes that are not all alike, without keeping them.
type endless struct{ at, n int64 }

func (e *endless) Read(b []byte) (int, error) {
	if e.at == e.n {
		return 0, io.EOF
	}
	n := int(min(int64(len(b)), e.n-e.at))
	for i := range n {
		b[i] = byte((e.at + int64(i)) >> 7)
	}
	e.at += int64(n)
	return n, nil
}

// TestStreaming puts and gets an object of 64 MB, and counts what is allocated meanwhile.
func TestStreaming(t *testing.T) {
	const size = 64 << 20
	files, err := fileblob.Open(t.TempDir(), fileblob.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = files.Close() })
	r := newRigOn(t, files)
	r.bucket(r.root(), "big")
	p := sdk.NewPresignClient(r.root())
	put, err := p.PresignPutObject(t.Context(), &sdk.PutObjectInput{Bucket: aws.String("big"), Key: aws.String("k")})
	if err != nil {
		t.Fatal(err)
	}
	get, err := p.PresignGetObject(t.Context(), &sdk.GetObjectInput{Bucket: aws.String("big"), Key: aws.String("k")})
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	req, _ := http.NewRequest("PUT", put.URL, &endless{n: size})
	req.ContentLength = size
	res, err := http.DefaultClient.Do(req)
	if err != nil || res.StatusCode != 200 {
		t.Fatal(res, err)
	}
	if res, err = http.Get(get.URL); err != nil || res.ContentLength != size {
		t.Fatal(res, err)
	}
	got, want := sha256.New(), sha256.New()
	n, err := io.Copy(got, res.Body)
	if err != nil || n != size {
		t.Fatal(n, err)
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 8<<20 {
		t.Errorf("%d MB allocated to pass %d MB both ways", used>>20, size>>20)
	}
	if _, err := io.Copy(want, &endless{n: size}); err != nil || fmt.Sprintf("%x", got.Sum(nil)) != fmt.Sprintf("%x", want.Sum(nil)) {
		t.Error("the content is not what was put")
	}
}

// TestCutShort: a client that goes away leaves nothing behind.
func TestCutShort(t *testing.T) {
	r := newRig(t)
	r.bucket(r.root(), "cut")
	p := sdk.NewPresignClient(r.root())
	put, err := p.PresignPutObject(t.Context(), &sdk.PutObjectInput{Bucket: aws.String("cut"), Key: aws.String("k")})
	if err != nil {
		t.Fatal(err)
	}
	req, _ := http.NewRequest("PUT", put.URL, io.MultiReader(&endless{n: 1 << 20}, broken{}))
	req.ContentLength = 2 << 20
	if res, err := http.DefaultClient.Do(req); err == nil && res.StatusCode == 200 {
		t.Error("half a body was taken")
	}
	_, err = r.root().HeadObject(t.Context(), &sdk.HeadObjectInput{Bucket: aws.String("cut"), Key: aws.String("k")})
	r.want(err, "NotFound")
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }

// TestRaces lets writers of one key race: what is read is always one of their whole objects, with its own ETag.
func TestRaces(t *testing.T) {
	r := newRig(t)
	c := r.root()
	r.bucket(c, "race")
	contents := map[string]string{}
	var wg sync.WaitGroup
	for i := range 8 {
		body := strings.Repeat(fmt.Sprint(i), 1000+i)
		out := r.put(c, "race", "k", body)
		contents[body] = *out.ETag
	}
	for body := range contents {
		wg.Go(func() {
			for range 5 {
				if _, err := c.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: aws.String("race"), Key: aws.String("k"), Body: strings.NewReader(body)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 4 {
		wg.Go(func() {
			for range 20 {
				out, err := c.GetObject(t.Context(), &sdk.GetObjectInput{Bucket: aws.String("race"), Key: aws.String("k")})
				if err != nil {
					t.Error(err)
					return
				}
				b, err := io.ReadAll(out.Body)
				if err != nil || contents[string(b)] != *out.ETag {
					t.Errorf("%d bytes with ETag %s, %v", len(b), *out.ETag, err)
				}
			}
		})
	}
	wg.Wait()
	// only one of many may create
	won := make(chan bool, 8)
	for range 8 {
		wg.Go(func() {
			_, err := c.PutObject(t.Context(), &sdk.PutObjectInput{Bucket: aws.String("race"), Key: aws.String("once"), Body: strings.NewReader("x"), IfNoneMatch: aws.String("*")})
			won <- err == nil
		})
	}
	wg.Wait()
	n := 0
	for range 8 {
		if <-won {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d writers created the object", n)
	}
}
