package tables

import (
	"time"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// Config is what the service needs.
type Config struct {
	DB     *kv.DB
	Sealer *record.Sealer
	Now    func() time.Time // for background work; requests bring their own time
}

// Service serves the DynamoDB API.
type Service struct {
	db     *kv.DB
	sealer *record.Sealer // of tokens, that tell where a read goes on
	now    func() time.Time
	defs   definitions
	meters meters
}

// New starts nothing.
func New(cfg Config) *Service {
	return &Service{db: cfg.DB, sealer: cfg.Sealer, now: cfg.Now}
}

// Mount mounts every operation served.
func (s *Service) Mount(m *wire.Mux) {
	s.mountTables(m)
	s.mountItems(m)
	s.mountElsewhere(m)
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
	handle(s, m, dynamodb.DescribeContinuousBackups, s.accessDescribeBackups, s.describeBackups)
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
	handle(s, m, dynamodb.BatchGetItem, s.accessBatchGet, s.batchGet)
	handle(s, m, dynamodb.BatchWriteItem, s.accessBatchWrite, s.batchWrite)
	handle(s, m, dynamodb.TransactGetItems, s.accessTransactGet, s.transactGet)
	handle(s, m, dynamodb.TransactWriteItems, s.accessTransactWrite, s.transactWrite)
	handle(s, m, dynamodb.ExecuteStatement, s.accessStatement, s.executeStatement)
	handle(s, m, dynamodb.BatchExecuteStatement, wire.AuthenticatedOnly[dynamodb.BatchExecuteStatementInput], s.executeBatch)
	handle(s, m, dynamodb.ExecuteTransaction, s.accessExecuteTransaction, s.executeTransaction)
}
