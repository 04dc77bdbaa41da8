package tables

import (
	"context"
	"io"
	"log/slog"
	"runtime"
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
	sealer  *record.Sealer // of tokens that tell where a read goes on, and of shard iterators
	now     func() time.Time
	defs    definitions
	meters  meters
	paces   paces // of Work alone
	objects Objects
	log     *slog.Logger
	turns   turns // of searches in vector indexes
}

// New starts nothing.
func New(cfg Config) *Service {
	return &Service{db: cfg.DB, now: cfg.Now, sealer: cfg.Sealer, paces: paces{}, objects: cfg.Objects, log: cfg.Log, turns: make(turns, max(1, runtime.GOMAXPROCS(0)/2))}
}

// Mount mounts every operation served.
func (s *Service) Mount(m *wire.Mux) {
	m.SetWords(dynamodb.API, words)
	s.mountTables(m)
	s.mountItems(m)
	s.mountElsewhere(m)
	s.mountStreams(m)
	s.mountBackups(m)
	s.mountExports(m)
	s.mountImports(m)
}

func (s *Service) mountTables(m *wire.Mux) {
	handle(s, m, dynamodb.CreateTable, s.accessCreateTable, s.createTable)
	handle(s, m, dynamodb.DescribeTable, s.accessDescribeTable, s.describeTable)
	handle(s, m, dynamodb.ListTables, accessListTables, s.listTables)
	handle(s, m, dynamodb.UpdateTable, s.accessUpdateTable, s.updateTable)
	handle(s, m, dynamodb.DeleteTable, s.accessDeleteTable, s.deleteTable)
	handle(s, m, dynamodb.TagResource, accessTagResource, s.tagResource)
	handle(s, m, dynamodb.UntagResource, accessUntagResource, s.untagResource)
	handle(s, m, dynamodb.ListTagsOfResource, accessListTags, s.listTags)
	handle(s, m, dynamodb.DescribeTimeToLive, s.accessDescribeTTL, s.describeTTL)
	handle(s, m, dynamodb.UpdateTimeToLive, s.accessUpdateTTL, s.updateTTL)
	handle(s, m, dynamodb.PutResourcePolicy, accessPutPolicy, s.putPolicy)
	handle(s, m, dynamodb.GetResourcePolicy, accessGetPolicy, s.getPolicy)
	handle(s, m, dynamodb.DeleteResourcePolicy, accessDeletePolicy, s.deletePolicy)
	handle(s, m, dynamodb.DescribeLimits, accessDescribeLimits, s.describeLimits)
	handle(s, m, dynamodb.DescribeEndpoints, accessDescribeEndpoints, s.describeEndpoints)
}

func (s *Service) mountItems(m *wire.Mux) {
	handle(s, m, dynamodb.PutItem, s.accessPutItem, s.putItem)
	handle(s, m, dynamodb.GetItem, s.accessGetItem, s.getItem)
	handle(s, m, dynamodb.UpdateItem, s.accessUpdateItem, s.updateItem)
	handle(s, m, dynamodb.DeleteItem, s.accessDeleteItem, s.deleteItem)
	handle(s, m, dynamodb.Query, s.accessQuery, s.query)
	handle(s, m, dynamodb.Scan, s.accessScan, s.scan)
	handle(s, m, dynamodb.SearchVectors, s.accessSearchVectors, s.searchVectors)
	handle(s, m, dynamodb.BatchGetItem, s.accessBatchGet, s.batchGet)
	handle(s, m, dynamodb.BatchWriteItem, s.accessBatchWrite, s.batchWrite)
	handle(s, m, dynamodb.TransactGetItems, s.accessTransactGet, s.transactGet)
	handle(s, m, dynamodb.TransactWriteItems, s.accessTransactWrite, s.transactWrite)
	handle(s, m, dynamodb.ExecuteStatement, s.accessStatement, s.executeStatement)
	handle(s, m, dynamodb.BatchExecuteStatement, wire.AuthenticatedOnly[dynamodb.BatchExecuteStatementInput], s.executeBatch)
	handle(s, m, dynamodb.ExecuteTransaction, s.accessExecuteTransaction, s.executeTransaction)
}
