package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// partBytes are sent at once, and kept in memory until then: S3 takes 10,000 parts, so a backup may have 640 GB.
const partBytes = 64 << 20

// object is where s3://BUCKET/KEY?endpoint=https://HOST&region=REGION leads; both parameters are optional for AWS itself.
type object struct {
	s3          *minio.Client
	bucket, key string
}

// newObject finds the keys where AWS's tools do: in the environment, the shared credentials file, or the machine's role.
func newObject(place string) (*object, error) {
	u, err := url.Parse(place)
	if err != nil || u.Scheme != "s3" || u.Host == "" || strings.Trim(u.Path, "/") == "" || u.User != nil || u.Fragment != "" {
		return nil, errors.New("backup: an object is s3://BUCKET/KEY?endpoint=https://HOST&region=REGION")
	}
	host, secure, q := "s3.amazonaws.com", true, u.Query()
	if text := q.Get("endpoint"); text != "" {
		e, err := url.Parse(text)
		if err != nil || e.Scheme != "http" && e.Scheme != "https" || e.Host == "" || strings.Trim(e.Path, "/") != "" {
			return nil, fmt.Errorf("backup: endpoint %q is not https://HOST[:PORT]", text)
		}
		host, secure = e.Host, e.Scheme == "https"
	}
	for k := range q {
		if k != "endpoint" && k != "region" {
			return nil, fmt.Errorf("backup: unknown parameter %q: endpoint and region are known", k)
		}
	}
	client, err := minio.New(host, &minio.Options{
		Creds:  credentials.NewChainCredentials([]credentials.Provider{&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}, &credentials.IAM{}}),
		Secure: secure, Region: q.Get("region"),
	})
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	return &object{client, u.Host, strings.TrimPrefix(u.Path, "/")}, nil
}

func openObject(ctx context.Context, place string) (io.ReadCloser, error) {
	o, err := newObject(place)
	if err != nil {
		return nil, err
	}
	r, err := o.s3.GetObject(ctx, o.bucket, o.key, minio.GetObjectOptions{})
	if err != nil {
		return nil, fmt.Errorf("backup: %s: %w", place, err)
	}
	return r, nil
}

// createObject uploads in parts: S3 shows the object when the last one is there, or never.
func createObject(ctx context.Context, place string, write func(io.Writer) error) error {
	o, err := newObject(place)
	if err != nil {
		return err
	}
	switch _, err := o.s3.StatObject(ctx, o.bucket, o.key, minio.StatObjectOptions{}); {
	case err == nil:
		return fmt.Errorf("backup: %s exists", place)
	case minio.ToErrorResponse(err).Code != minio.NoSuchKey:
		return fmt.Errorf("backup: %s: %w", place, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r, w := io.Pipe()
	wrote := make(chan error, 1)
	go func() {
		err := write(w)
		w.CloseWithError(err) //nolint:errcheck // never fails (io)
		wrote <- err
	}()
	_, err = o.s3.PutObject(ctx, o.bucket, o.key, r, -1, minio.PutObjectOptions{ContentType: "application/octet-stream", PartSize: partBytes, SendContentMd5: true})
	r.CloseWithError(err) //nolint:errcheck // never fails (io)
	if first := <-wrote; first != nil && !errors.Is(first, err) {
		return first
	}
	if err != nil {
		return fmt.Errorf("backup: %s: %w", place, err)
	}
	return nil
}
