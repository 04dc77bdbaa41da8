package sites

import (
	"context"
	"io"
	"net/http"
	"time"

	"bothy/api/cloudfront"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// Objects is what sites needs of the buckets.
type Objects interface {
	// Website is the website configuration of a bucket as JSON of the S3 API's structure, nil when it has none. A bucket that
	// does not exist is fs.ErrNotExist.
	Website(ctx context.Context, bucket string) ([]byte, error)
	// OpenPublic opens what an anonymous caller may read: else the error is fs.ErrPermission, or fs.ErrNotExist for what is
	// not there. The header holds Content-Type, ETag, Last-Modified and what else the object says of itself.
	OpenPublic(ctx context.Context, bucket, key, sourceIP string) (io.ReadSeekCloser, http.Header, error)
}

// Config is what the service needs.
type Config struct {
	DB      *kv.DB
	Objects Objects
	Account func() string // of this node
	Domains []string      // host suffixes besides amazonaws.com under which sites are addressed: "localhost"
	Now     func() time.Time
	Keep    func(wire.Trace) // records why a request was refused, for the operator; nil forgets it
}

// Service serves websites, as an http.Handler, and the CloudFront API.
type Service struct{ cfg Config }

// New starts nothing.
func New(cfg Config) *Service { return &Service{cfg} }

func (s *Service) scope() record.Scope { return record.In(s.cfg.Account(), "") }

// Mount mounts the operations.
func (s *Service) Mount(m *wire.Mux) {
	wire.Handle(m, cloudfront.CreateDistribution, s.accessCreate, s.createDistribution)
	wire.Handle(m, cloudfront.CreateDistributionWithTags, s.accessCreateTagged, s.createTagged)
	wire.Handle(m, cloudfront.GetDistribution, s.accessGet, s.getDistribution)
	wire.Handle(m, cloudfront.GetDistributionConfig, s.accessGetConfig, s.getDistributionConfig)
	wire.Handle(m, cloudfront.UpdateDistribution, s.accessUpdate, s.updateDistribution)
	wire.Handle(m, cloudfront.DeleteDistribution, s.accessDelete, s.deleteDistribution)
	wire.Handle(m, cloudfront.ListDistributions, s.accessList, s.listDistributions)
	wire.Handle(m, cloudfront.CreateInvalidation, s.accessInvalidate, s.createInvalidation)
	wire.Handle(m, cloudfront.GetInvalidation, s.accessGetInvalidation, s.getInvalidation)
	wire.Handle(m, cloudfront.ListInvalidations, s.accessListInvalidations, s.listInvalidations)
	wire.Handle(m, cloudfront.ListTagsForResource, s.accessTags, s.listTags)
}
