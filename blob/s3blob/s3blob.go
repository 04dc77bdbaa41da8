// Package s3blob keeps blobs in a bucket of any store that speaks S3, so that several nodes share them. What is put is spooled
// until its hash is known and then stored under its final key by one request (or one multipart completion), which S3 makes
// visible whole or not at all: no half blob ever has a name, and a crash leaves at most parts that Walk aborts.
//
// Keys: PREFIX/"bothy-format" (version), PREFIX/"bothy-owner" and PREFIX/"blobs/ab/cdef…" by the hex SHA-256 of the content. Any number of processes
// may use one prefix.
//
// A blob's age is by the store's clock, compared with the node's: the grace is hours, clocks differ by seconds. S3 has no
// delete that excludes a put in between, so DeleteOld looks and then deletes. Who names blobs makes that safe: while one is being
// deleted a row says so, and a transaction that names a blob looks at that row and that the blob is there (objects.Keep).
package s3blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"bothy/blob"
)

// DefaultGrace is how long a blob may be without a name.
const DefaultGrace = 24 * time.Hour

// Format is the version of the layout that this code reads and writes.
const Format = 1

const (
	formatKey  = "bothy-format"
	formatMark = "bothy blob "
	partBytes  = 64 << 20 // content above is sent in parts of this size
	retries    = 5        // of a request that the store may answer better a moment later
	resumes    = 5        // of one read whose connection was lost
)

// ErrFormat says that what lies under the prefix is not ours to open.
var ErrFormat = errors.New("s3blob: unknown format")

// Options of Open; the zero value is good.
type Options struct {
	Grace time.Duration    // age below which Walk and DeleteOld leave a blob alone; 0 means DefaultGrace, negative none
	Now   func() time.Time // nil means time.Now
}

// Engine implements blob.Engine.
type Engine struct {
	s3     minio.Core
	bucket string
	prefix string // "" or ends in "/"
	grace  time.Duration
	now    func() time.Time
}

// Open opens the store that a URL names: s3://BUCKET/PREFIX?endpoint=https://HOST&region=REGION, both parameters optional for
// AWS itself. The bucket must exist. Keys come from where AWS's tools look for them: the environment, the shared credentials
// file, the machine's role; never from the URL.
func Open(ctx context.Context, rawURL string, o Options) (*Engine, error) {
	p, err := parse(rawURL)
	if err != nil {
		return nil, err
	}
	if o.Grace == 0 {
		o.Grace = DefaultGrace
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	client, err := p.connect()
	if err != nil {
		return nil, err
	}
	e := &Engine{s3: minio.Core{Client: client}, bucket: p.bucket, prefix: p.prefix, grace: max(o.Grace, 0), now: o.Now}
	return e, e.checkFormat(ctx)
}

func (p place) connect() (*minio.Client, error) {
	client, err := minio.New(p.host, &minio.Options{
		Creds: credentials.NewChainCredentials([]credentials.Provider{
			&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}, &credentials.IAM{},
		}),
		Secure: p.secure, Region: p.region, Transport: transport(), MaxRetries: retries,
	})
	if err != nil {
		return nil, fmt.Errorf("s3blob: %w", err)
	}
	return client, nil
}

// place is what a URL says.
type place struct {
	host, region, bucket, prefix string
	secure                       bool
}

func parse(raw string) (p place, err error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "s3" || u.Host == "" || u.Fragment != "" {
		return p, errors.New("s3blob: a place for blobs is s3://BUCKET/PREFIX?endpoint=https://HOST&region=REGION")
	}
	if u.User != nil {
		return p, errors.New("s3blob: keys do not belong into the URL: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use the shared credentials file")
	}
	p = place{host: "s3.amazonaws.com", bucket: u.Host, secure: true}
	if p.prefix = strings.Trim(u.Path, "/"); p.prefix != "" {
		p.prefix += "/"
	}
	for k, v := range u.Query() {
		switch {
		case len(v) != 1:
			return p, fmt.Errorf("s3blob: %s is given %d times", k, len(v))
		case k == "region":
			p.region = v[0]
		case k == "endpoint":
			if err := p.at(v[0]); err != nil {
				return p, err
			}
		default:
			return p, fmt.Errorf("s3blob: unknown parameter %q: endpoint and region are known", k)
		}
	}
	if p.region == "" && u.Query().Has("endpoint") {
		p.region = "us-east-1"
	}
	return p, nil
}

func (p *place) at(endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" {
		return fmt.Errorf("s3blob: endpoint %q is not http://HOST[:PORT] or https://HOST[:PORT]", endpoint)
	}
	p.host, p.secure = u.Host, u.Scheme == "https"
	return nil
}

// checkFormat reads the version under the prefix, and stamps it when there is none.
func (e *Engine) checkFormat(ctx context.Context) error {
	raw, err := e.text(ctx, e.prefix+formatKey)
	if absent(err) {
		text := fmt.Sprintf("%s%d\n", formatMark, Format)
		_, err := e.s3.Client.PutObject(ctx, e.bucket, e.prefix+formatKey, strings.NewReader(text), int64(len(text)), putOptions(int64(len(text))))
		return wrap("open", err)
	}
	if err != nil {
		return wrap("open", err)
	}
	text, ok := strings.CutPrefix(strings.TrimSpace(raw), formatMark)
	version, err := strconv.Atoi(text)
	if !ok || err != nil || version < 1 {
		return fmt.Errorf("%w: %s says %.40q", ErrFormat, e.prefix+formatKey, raw)
	}
	if version > Format {
		return fmt.Errorf("%w: version %d, newer than %d", ErrFormat, version, Format)
	}
	return nil
}

func (e *Engine) blobs() string        { return e.prefix + "blobs/" }
func (e *Engine) key(id string) string { return e.blobs() + id[:2] + "/" + id[2:] }

// putOptions sends an MD5 along, so that the store keeps nothing that the network changed. Parts go without one, for minio
// would gather each in memory to make it: their signature, or TLS, covers what they hold.
func putOptions(size int64) minio.PutObjectOptions {
	return minio.PutObjectOptions{ContentType: "application/octet-stream", PartSize: partBytes, NumThreads: 2, SendContentMd5: size <= partBytes}
}

// Put implements blob.Engine.
func (e *Engine) Put(ctx context.Context, r io.Reader) (blob.Info, error) {
	s, err := spool(ctx, r)
	if err != nil {
		return blob.Info{}, fmt.Errorf("s3blob: put: %w", err)
	}
	defer s.close()
	_, err = e.s3.Client.PutObject(ctx, e.bucket, e.key(s.info.ID), s, s.info.Size, putOptions(s.info.Size))
	if err != nil {
		return blob.Info{}, wrap("put", err)
	}
	return s.info, nil
}

// Stat implements blob.Engine.
func (e *Engine) Stat(ctx context.Context, id string) (blob.Info, error) {
	o, err := e.stat(ctx, id)
	if absent(err) {
		return blob.Info{}, blob.ErrNotFound
	}
	return blob.Info{ID: id, Size: o.Size}, wrap("stat", err)
}

func (e *Engine) stat(ctx context.Context, id string) (minio.ObjectInfo, error) {
	if err := ctx.Err(); err != nil {
		return minio.ObjectInfo{}, err
	}
	if !blob.ValidID(id) {
		return minio.ObjectInfo{}, blob.ErrNotFound
	}
	return e.s3.StatObject(ctx, e.bucket, e.key(id), minio.StatObjectOptions{})
}

// Delete implements blob.Engine.
func (e *Engine) Delete(ctx context.Context, id string) error {
	if err := ctx.Err(); err != nil || !blob.ValidID(id) {
		return err
	}
	return wrap("delete", e.s3.RemoveObject(ctx, e.bucket, e.key(id), minio.RemoveObjectOptions{}))
}

// DeleteOld implements blob.Engine.
func (e *Engine) DeleteOld(ctx context.Context, id string) error {
	o, err := e.stat(ctx, id)
	if absent(err) {
		return nil
	}
	if err != nil || !e.old(o) {
		return wrap("delete", err)
	}
	return e.Delete(ctx, id)
}

func (e *Engine) old(o minio.ObjectInfo) bool { return !o.LastModified.Add(e.grace).After(e.now()) }

// Walk implements blob.Engine. It also aborts uploads that no process can still be at.
func (e *Engine) Walk(ctx context.Context, fn func(blob.Info) error) error {
	ctx, cancel := context.WithCancel(ctx) // ends the listing when fn ends the walk
	defer cancel()
	for o := range e.s3.ListObjectsIter(ctx, e.bucket, minio.ListObjectsOptions{Prefix: e.blobs(), Recursive: true}) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if o.Err != nil {
			return wrap("walk", o.Err)
		}
		id := strings.Replace(strings.TrimPrefix(o.Key, e.blobs()), "/", "", 1)
		if !blob.ValidID(id) || o.Key != e.key(id) || !e.old(o) {
			continue
		}
		if err := fn(blob.Info{ID: id, Size: o.Size}); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return e.abortOld(ctx)
}

func (e *Engine) abortOld(ctx context.Context) error {
	for u := range e.s3.ListIncompleteUploads(ctx, e.bucket, e.blobs(), true) {
		if u.Err != nil {
			return wrap("walk", u.Err)
		}
		if u.Initiated.Add(e.grace).After(e.now()) {
			continue
		}
		if err := e.s3.AbortMultipartUpload(ctx, e.bucket, u.Key, u.UploadID); err != nil && !absent(err) {
			return wrap("walk", err)
		}
	}
	return nil
}

// Claim implements blob.Engine.
func (e *Engine) Claim(ctx context.Context, owner string) (string, error) {
	key, o := e.prefix+"bothy-owner", putOptions(int64(len(owner)))
	text, err := e.text(ctx, key)
	if absent(err) {
		o.SetMatchETagExcept("*") // the first stands
		_, err = e.s3.Client.PutObject(ctx, e.bucket, key, strings.NewReader(owner), int64(len(owner)), o)
		if s := status(err); err == nil || s == http.StatusPreconditionFailed || s == http.StatusConflict {
			text, err = e.text(ctx, key)
		}
	}
	return text, wrap("claim", err)
}

// text reads a small object of ours.
func (e *Engine) text(ctx context.Context, key string) (string, error) {
	body, _, _, err := e.s3.GetObject(ctx, e.bucket, key, minio.GetObjectOptions{})
	if err != nil {
		return "", err
	}
	defer body.Close() //nolint:errcheck // only read
	raw, err := io.ReadAll(io.LimitReader(body, 100))
	return string(raw), err
}

// Close has nothing to do: every Put was durable when it returned.
func (e *Engine) Close() error { return nil }

// absent tells whether an error says that there is no such object.
func absent(err error) bool {
	var r minio.ErrorResponse
	return errors.Is(err, blob.ErrNotFound) || errors.As(err, &r) && r.StatusCode == http.StatusNotFound && r.Code != minio.NoSuchBucket
}

// wrap names the operation; what the operator can mend it says how.
func wrap(what string, err error) error {
	var r minio.ErrorResponse
	switch {
	case err == nil:
		return nil
	case errors.As(err, &r) && r.Code == minio.NoSuchBucket:
		return fmt.Errorf("s3blob: %s: the bucket %s does not exist: make it, private, before the first start: %w", what, r.BucketName, err)
	case errors.As(err, &r) && r.StatusCode == http.StatusForbidden:
		return fmt.Errorf("s3blob: %s: the store refuses the keys of this process for bucket %s (%s): %w", what, r.BucketName, r.Code, err)
	}
	return fmt.Errorf("s3blob: %s: %w", what, err)
}
