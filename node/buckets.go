package node

import (
	"bytes"
	"context"
	"io"

	"bothy/api/s3"
	"bothy/tables"
	"bothy/wire"
)

// tableObjects are the buckets that tables are exported to and imported from.
type tableObjects struct{ s *services }

// caller is whose rights count; nil is the node itself.
func (o tableObjects) caller(by *wire.Principal) *wire.Principal {
	if by == nil {
		return internal(o.s.node.account)
	}
	return by
}

func (o tableObjects) Put(ctx context.Context, by *wire.Principal, region, bucket, key string, body []byte) (string, error) {
	out, err := wire.Invoke(ctx, o.s.mux, o.caller(by), region, s3.PutObject, &s3.PutObjectInput{
		Bucket: wire.Some(bucket), Key: wire.Some(key), Body: bytes.NewReader(body), ContentLength: wire.Some(int64(len(body))),
	})
	if err != nil {
		return "", err
	}
	return out.ETag.V, nil
}

func (o tableObjects) List(ctx context.Context, by *wire.Principal, region, bucket, prefix string, limit int) (objects []tables.Object, err error) {
	in := &s3.ListObjectsV2Input{Bucket: wire.Some(bucket), Prefix: wire.NonEmpty(prefix)}
	for {
		out, err := wire.Invoke(ctx, o.s.mux, o.caller(by), region, s3.ListObjectsV2, in)
		if err != nil {
			return nil, err
		}
		for _, one := range out.Contents {
			objects = append(objects, tables.Object{Key: one.Key.V, Size: one.Size.V})
		}
		if in.ContinuationToken = out.NextContinuationToken; !in.ContinuationToken.Set || len(objects) >= limit {
			return objects, nil
		}
	}
}

func (o tableObjects) Open(ctx context.Context, by *wire.Principal, region, bucket, key string) (io.ReadCloser, error) {
	out, err := wire.Invoke(ctx, o.s.mux, o.caller(by), region, s3.GetObject, &s3.GetObjectInput{Bucket: wire.Some(bucket), Key: wire.Some(key)})
	if err != nil {
		return nil, err
	}
	if body, ok := out.Body.(io.ReadCloser); ok {
		return body, nil
	}
	return io.NopCloser(out.Body), nil
}

// Readable begins to read an object, since the right to see that it is there is not the right to read it.
func (o tableObjects) Readable(ctx context.Context, by *wire.Principal, region, bucket, key string) error {
	body, err := o.Open(ctx, by, region, bucket, key)
	if err != nil {
		return err
	}
	return body.Close()
}
