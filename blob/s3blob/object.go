package s3blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/minio/minio-go/v7"
)

// object is a single one, named by s3://BUCKET/KEY and the parameters of Open: for backups, which are no blobs.
func object(rawURL string) (*minio.Client, place, error) {
	p, err := parse(rawURL)
	if err != nil {
		return nil, p, err
	}
	if p.prefix = strings.TrimSuffix(p.prefix, "/"); p.prefix == "" {
		return nil, p, errors.New("s3blob: an object is s3://BUCKET/KEY?endpoint=https://HOST&region=REGION")
	}
	client, err := p.connect()
	return client, p, err
}

// OpenObject reads an object.
func OpenObject(ctx context.Context, rawURL string) (io.ReadCloser, error) {
	client, p, err := object(rawURL)
	if err != nil {
		return nil, err
	}
	r, err := client.GetObject(ctx, p.bucket, p.prefix, minio.GetObjectOptions{})
	return r, wrap("open", err)
}

// CreateObject makes an object of what write writes. It is uploaded in parts, each in memory until it is sent; S3 takes 10,000
// of them, so there may be 640 GB. The store shows the object when the last part is there, or never. It must not exist.
func CreateObject(ctx context.Context, rawURL string, write func(io.Writer) error) error {
	client, p, err := object(rawURL)
	if err != nil {
		return err
	}
	switch _, err := client.StatObject(ctx, p.bucket, p.prefix, minio.StatObjectOptions{}); {
	case err == nil:
		return fmt.Errorf("s3blob: s3://%s/%s exists", p.bucket, p.prefix)
	case !absent(err):
		return wrap("create", err)
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
	_, err = client.PutObject(ctx, p.bucket, p.prefix, r, -1, minio.PutObjectOptions{ContentType: "application/octet-stream", PartSize: partBytes, SendContentMd5: true})
	r.CloseWithError(err) //nolint:errcheck // never fails (io)
	if first := <-wrote; first != nil && !errors.Is(first, err) {
		return first
	}
	return wrap("create", err)
}
