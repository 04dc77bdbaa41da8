package tables

import (
	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/wire"
)

// Throughput quotas as a new AWS account has them; nothing here is throttled.
const (
	accountUnits = 80_000
	tableUnits   = 40_000
)

func accessDescribeLimits(*wire.Call, *dynamodb.DescribeLimitsInput) ([]wire.Access, error) {
	return wire.One("dynamodb:DescribeLimits", "*", nil), nil
}

func (s *Service) describeLimits(*wire.Call, *dynamodb.DescribeLimitsInput) (*dynamodb.DescribeLimitsOutput, error) {
	return &dynamodb.DescribeLimitsOutput{
		AccountMaxReadCapacityUnits: wire.Some(int64(accountUnits)), AccountMaxWriteCapacityUnits: wire.Some(int64(accountUnits)),
		TableMaxReadCapacityUnits: wire.Some(int64(tableUnits)), TableMaxWriteCapacityUnits: wire.Some(int64(tableUnits)),
	}, nil
}

func accessDescribeEndpoints(*wire.Call, *dynamodb.DescribeEndpointsInput) ([]wire.Access, error) {
	return wire.One("dynamodb:DescribeEndpoints", "*", nil), nil
}

// describeEndpoints names the very endpoint the client reached.
func (s *Service) describeEndpoints(c *wire.Call, _ *dynamodb.DescribeEndpointsInput) (*dynamodb.DescribeEndpointsOutput, error) {
	host := "dynamodb." + c.Region + ".amazonaws.com"
	if c.HTTP != nil && c.HTTP.Host != "" {
		host = c.HTTP.Host
	}
	return &dynamodb.DescribeEndpointsOutput{Endpoints: []dynamodb.Endpoint{{Address: wire.Some(host), CachePeriodInMinutes: wire.Some(int64(1440))}}}, nil
}

func (s *Service) accessDescribeBackups(c *wire.Call, in *dynamodb.DescribeContinuousBackupsInput) ([]wire.Access, error) {
	return onTable(c, "dynamodb:DescribeContinuousBackups", in.TableName)
}

// describeBackups says that there are none: point-in-time recovery is not served.
func (s *Service) describeBackups(c *wire.Call, in *dynamodb.DescribeContinuousBackupsInput) (*dynamodb.DescribeContinuousBackupsOutput, error) {
	err := s.db.View(c, func(tx *kv.Tx) error {
		_, err := s.named(tx, c, in.TableName.V)
		if isNotFound(err) {
			return &dynamodb.TableNotFoundException{Message: wire.Some("Table not found: " + in.TableName.V)}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &dynamodb.DescribeContinuousBackupsOutput{ContinuousBackupsDescription: &dynamodb.ContinuousBackupsDescription{
		ContinuousBackupsStatus:        wire.Some("DISABLED"),
		PointInTimeRecoveryDescription: &dynamodb.PointInTimeRecoveryDescription{PointInTimeRecoveryStatus: wire.Some("DISABLED")},
	}}, nil
}
