package tables

import (
	"context"
	"io"
	"log/slog"
	"time"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// Objects are buckets. by is whose rights count; nil is the node itself, which goes on with what a caller was allowed to begin.
type Objects interface {
	Put(ctx context.Context, by *wire.Principal, region, bucket, key string, body []byte) (etag string, err error)
	List(ctx context.Context, by *wire.Principal, region, bucket, prefix string, limit int) ([]Object, error)
	Open(ctx context.Context, by *wire.Principal, region, bucket, key string) (io.ReadCloser, error)
	// Readable checks that an object can be read, without reading it.
	Readable(ctx context.Context, by *wire.Principal, region, bucket, key string) error
}

// Object is an object in a bucket.
type Object struct {
	Key  string
	Size int64
}

// Config is what the service needs. Everything is required.
type Config struct {
	DB      *kv.DB
	Now     func() time.Time // for background work and changes; requests bring their own time
	Sealer  *record.Sealer   // of shard iterators
	Objects Objects          // where exports go and imports come from
	Log     *slog.Logger
}

// Service serves the DynamoDB API.
type Service struct {
	db      *kv.DB
	sealer  *record.Sealer
	now     func() time.Time
	defs    definitions
	paces   paces // of Work alone
	objects Objects
	log     *slog.Logger
}

// New starts nothing.
func New(cfg Config) *Service {
	return &Service{db: cfg.DB, now: cfg.Now, sealer: cfg.Sealer, paces: paces{}, objects: cfg.Objects, log: cfg.Log}
}

// Mount mounts every operation served.
func (s *Service) Mount(m *wire.Mux) {
	s.mountTables(m)
	s.mountItems(m)
	s.mountStreams(m)
	s.mountBackups(m)
	s.mountExports(m)
	s.mountImports(m)
}

func (s *Service) mountTables(m *wire.Mux) {
	wire.Handle(m, dynamodb.CreateTable, s.accessCreateTable, s.createTable)
	wire.Handle(m, dynamodb.DescribeTable, s.accessDescribeTable, s.describeTable)
	wire.Handle(m, dynamodb.ListTables, accessListTables, s.listTables)
	wire.Handle(m, dynamodb.UpdateTable, s.accessUpdateTable, s.updateTable)
	wire.Handle(m, dynamodb.DeleteTable, s.accessDeleteTable, s.deleteTable)
	wire.Handle(m, dynamodb.TagResource, accessTagResource, s.tagResource)
	wire.Handle(m, dynamodb.UntagResource, accessUntagResource, s.untagResource)
	wire.Handle(m, dynamodb.ListTagsOfResource, accessListTags, s.listTags)
	wire.Handle(m, dynamodb.DescribeTimeToLive, s.accessDescribeTTL, s.describeTTL)
	wire.Handle(m, dynamodb.UpdateTimeToLive, s.accessUpdateTTL, s.updateTTL)
	wire.Handle(m, dynamodb.DescribeLimits, accessDescribeLimits, s.describeLimits)
	wire.Handle(m, dynamodb.DescribeEndpoints, accessDescribeEndpoints, s.describeEndpoints)
}

func (s *Service) mountItems(m *wire.Mux) {
	wire.Handle(m, dynamodb.PutItem, s.accessPutItem, s.putItem)
	wire.Handle(m, dynamodb.GetItem, s.accessGetItem, s.getItem)
	wire.Handle(m, dynamodb.UpdateItem, s.accessUpdateItem, s.updateItem)
	wire.Handle(m, dynamodb.DeleteItem, s.accessDeleteItem, s.deleteItem)
	wire.Handle(m, dynamodb.Query, s.accessQuery, s.query)
	wire.Handle(m, dynamodb.Scan, s.accessScan, s.scan)
	wire.Handle(m, dynamodb.BatchGetItem, s.accessBatchGet, s.batchGet)
	wire.Handle(m, dynamodb.BatchWriteItem, s.accessBatchWrite, s.batchWrite)
	wire.Handle(m, dynamodb.TransactGetItems, s.accessTransactGet, s.transactGet)
	wire.Handle(m, dynamodb.TransactWriteItems, s.accessTransactWrite, s.transactWrite)
}
