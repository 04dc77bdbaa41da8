package objects

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"bothy/blob"
	"bothy/blob/memblob"
)

// torn is a store that other processes share and that has no delete for what is old: between the look and the delete anything
// may happen. It has no grace either, so that nothing but rows keeps a blob.
type torn struct{ *memblob.Engine }

func (s torn) DeleteOld(ctx context.Context, id string) error {
	if _, err := s.Stat(ctx, id); err != nil {
		return nil // gone
	}
	for range rand.IntN(50) {
		runtime.Gosched() // another node's turn
	}
	return s.Delete(ctx, id)
}

// TestSweepOfManyNodes: whoever stores the same few contents again and again, while others delete and sweep them, finds what was
// acknowledged; whoever meets a sweep is told to come again.
func TestSweepOfManyNodes(t *testing.T) {
	blobs := torn{memblob.New()}
	r := newRigOn(t, blobs)
	c := r.root()
	r.bucket(c, "storm")
	ctx, cancel := context.WithCancel(t.Context())
	var sweepers, writers sync.WaitGroup
	var swept, again atomic.Int64
	for range 2 {
		sweepers.Go(func() {
			for ctx.Err() == nil {
				err := blobs.Walk(ctx, func(i blob.Info) error {
					return r.s.Sweep(ctx, i.ID, func(ctx context.Context, id string) error { swept.Add(1); return blobs.DeleteOld(ctx, id) })
				})
				if err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			}
		})
	}
	for w := range 4 {
		writers.Go(func() {
			key := aws.String(fmt.Sprint("k", w))
			for i := range 60 {
				content := fmt.Sprint("content ", (w+i)%3)
				for {
					_, err := c.PutObject(ctx, &sdk.PutObjectInput{Bucket: aws.String("storm"), Key: key, Body: strings.NewReader(content)})
					if err == nil {
						break
					}
					if !strings.Contains(err.Error(), "SlowDown") {
						t.Error(err)
						return
					}
					again.Add(1)
				}
				out, err := c.GetObject(ctx, &sdk.GetObjectInput{Bucket: aws.String("storm"), Key: key})
				if err != nil {
					t.Errorf("%s, %s: acknowledged and gone: %v", *key, content, err)
					return
				}
				if got, err := io.ReadAll(out.Body); err != nil || string(got) != content {
					t.Errorf("%s: %q, %v", *key, got, err)
				}
				if _, err := c.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: aws.String("storm"), Key: key}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	cancel()
	sweepers.Wait()
	if swept.Load() == 0 || again.Load() == 0 {
		t.Errorf("nothing met: %d sweeps, %d came again", swept.Load(), again.Load())
	}
	t.Logf("%d blobs swept, %d puts came again", swept.Load(), again.Load())
}
