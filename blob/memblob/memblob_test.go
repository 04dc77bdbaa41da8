package memblob_test

import (
	"testing"

	"bothy/blob"
	"bothy/blob/blobtest"
	"bothy/blob/memblob"
)

func TestConformance(t *testing.T) {
	blobtest.Run(t, func(_ *testing.T, c *blobtest.Clock) blob.Engine {
		e := memblob.New()
		e.Now, e.Grace = c.Now, blobtest.Grace
		return e
	})
}
