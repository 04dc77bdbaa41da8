// Package s3store starts an S3 store that is not ours, for tests: Versity's gateway over a directory, built by test/setup.
package s3store

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"bothy/test/ports"
)

// Store is a running store.
type Store struct {
	URL         string // http://127.0.0.1:PORT
	Key, Secret string // for the environment of who uses it; never for a command line
}

// Region of the store.
const Region = "us-east-1"

// Program is where test/setup puts the gateway.
func Program() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", ".cache", "bin", "versitygw")
}

// Start runs a store on an empty directory until the test ends. Without the gateway the test is skipped, where CI is set it fails.
func Start(t testing.TB) *Store {
	t.Helper()
	if _, err := os.Stat(Program()); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("no versitygw: run test/setup")
		}
		t.Skip("no versitygw: run test/setup")
	}
	addr := freeAddr(t)
	s := &Store{URL: "http://" + addr, Key: "test" + rand.Text()[:8], Secret: rand.Text()}
	cmd := exec.Command(Program(), "--port", addr, "--region", Region, "--quiet", "posix", t.TempDir())
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY_ID="+s.Key, "ROOT_SECRET_ACCESS_KEY="+s.Secret)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill() //nolint:errcheck // it may have ended
		cmd.Wait()         //nolint:errcheck // killed
		if t.Failed() {
			t.Logf("the store said: %s", said.String())
		}
	})
	if err := reachable(s.URL); err != nil {
		t.Fatal(err)
	}
	return s
}

// Bucket makes a bucket and returns the place for blobs in it, with the parameters that lead to endpoint.
func (s *Store) Bucket(t testing.TB, name, prefix, endpoint string) string {
	t.Helper()
	MakeBucket(t, s.URL, s.Key, s.Secret, name)
	return fmt.Sprintf("s3://%s/%s?endpoint=%s&region=%s", name, prefix, endpoint, Region)
}

// MakeBucket makes a bucket at any endpoint.
func MakeBucket(t testing.TB, endpoint, key, secret, name string) {
	t.Helper()
	client := s3.New(s3.Options{
		BaseEndpoint: aws.String(endpoint), Region: Region, UsePathStyle: true, Credentials: credentials.NewStaticCredentialsProvider(key, secret, ""),
	})
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(name)}); err != nil {
		t.Fatal(err)
	}
}

func freeAddr(t testing.TB) string {
	t.Helper()
	addr, err := ports.Addr()
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

func reachable(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if res, err := http.DefaultClient.Do(r); err == nil {
			return res.Body.Close()
		} else if ctx.Err() != nil {
			return err
		}
		time.Sleep(20 * time.Millisecond) // until it listens
	}
}
