package tables

import (
	"bothy/api/dynamodb"
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
