package node

import (
	"fmt"
	"sync/atomic"
	"testing"

	"bothy/blob"
	"bothy/blob/blobtest"
	"bothy/blob/s3blob"
	"bothy/test/s3store"
)

// TestBlobsInBothy: buckets of a node are a place for the blobs of others.
func TestBlobsInBothy(t *testing.T) {
	n := run(t, Config{})
	root := n.root()
	t.Setenv("AWS_ACCESS_KEY_ID", root.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", root.Secret)
	var buckets atomic.Int64
	blobtest.Run(t, func(t *testing.T, c *blobtest.Clock) blob.Engine {
		name := fmt.Sprint("blobs-", buckets.Add(1))
		s3store.MakeBucket(t, n.URL(), root.AccessKey, root.Secret, name)
		e, err := s3blob.Open(t.Context(), fmt.Sprintf("s3://%s/p?endpoint=%s", name, s3store.Aging(t, n.URL(), c.Now)), s3blob.Options{Grace: blobtest.Grace, Now: c.Now})
		if err != nil {
			t.Fatal(err)
		}
		return e
	})
}
