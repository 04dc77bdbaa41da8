package tables

import (
	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/wire"
)

// Operations on what this node does not have: replicas in other regions, Kinesis streams, contributor insights. They answer
// what is true of a table without, and refuse to begin it.

func (s *Service) mountElsewhere(m *wire.Mux) {
	handle(s, m, dynamodb.DescribeContributorInsights, s.accessDescribeInsights, s.describeInsights)
	handle(s, m, dynamodb.UpdateContributorInsights, s.accessUpdateInsights, s.updateInsights)
	handle(s, m, dynamodb.ListContributorInsights, accessListInsights, s.listInsights)

	handle(s, m, dynamodb.DescribeKinesisStreamingDestination, s.accessDescribeKinesis, s.describeKinesis)
	handle(s, m, dynamodb.EnableKinesisStreamingDestination, onKinesis("EnableKinesisStreamingDestination"), s.noKinesis("Kinesis streaming destinations are not supported"))
	handle(s, m, dynamodb.DisableKinesisStreamingDestination, onKinesis("DisableKinesisStreamingDestination"), s.noKinesis(noDestination+"KinesisStreamingDestination must be ACTIVE to perform DISABLE operation."))
	handle(s, m, dynamodb.UpdateKinesisStreamingDestination, func(c *wire.Call, in *dynamodb.UpdateKinesisStreamingDestinationInput) ([]wire.Access, error) {
		return onTable(c, "dynamodb:UpdateKinesisStreamingDestination", in.TableName)
	}, func(c *wire.Call, in *dynamodb.UpdateKinesisStreamingDestinationInput) (*dynamodb.UpdateKinesisStreamingDestinationOutput, error) {
		t, err := s.there(c, in.TableName.V, wire.Opt[string]{})
		if err == nil {
			err = validation("%sKinesis streaming is not in ACTIVE state. Updates are only allowed in ACTIVE state. TableName: %s, kdsArn: %s", noDestination, t.Name, in.StreamArn.V)
		}
		return nil, err
	})

	handle(s, m, dynamodb.CreateGlobalTable, func(c *wire.Call, in *dynamodb.CreateGlobalTableInput) ([]wire.Access, error) {
		return onGlobal(c, "CreateGlobalTable", in.GlobalTableName), nil
	}, refusing[dynamodb.CreateGlobalTableInput, dynamodb.CreateGlobalTableOutput](noLegacy))
	handle(s, m, dynamodb.DescribeGlobalTable, func(c *wire.Call, in *dynamodb.DescribeGlobalTableInput) ([]wire.Access, error) {
		return onGlobal(c, "DescribeGlobalTable", in.GlobalTableName), nil
	}, func(_ *wire.Call, in *dynamodb.DescribeGlobalTableInput) (*dynamodb.DescribeGlobalTableOutput, error) {
		return nil, noGlobal(in.GlobalTableName)
	})
	handle(s, m, dynamodb.DescribeGlobalTableSettings, func(c *wire.Call, in *dynamodb.DescribeGlobalTableSettingsInput) ([]wire.Access, error) {
		return onGlobal(c, "DescribeGlobalTableSettings", in.GlobalTableName), nil
	}, func(_ *wire.Call, in *dynamodb.DescribeGlobalTableSettingsInput) (*dynamodb.DescribeGlobalTableSettingsOutput, error) {
		return nil, noGlobal(in.GlobalTableName)
	})
	handle(s, m, dynamodb.UpdateGlobalTable, func(c *wire.Call, in *dynamodb.UpdateGlobalTableInput) ([]wire.Access, error) {
		return onGlobal(c, "UpdateGlobalTable", in.GlobalTableName), nil
	}, refusing[dynamodb.UpdateGlobalTableInput, dynamodb.UpdateGlobalTableOutput](noLegacy))
	handle(s, m, dynamodb.UpdateGlobalTableSettings, func(c *wire.Call, in *dynamodb.UpdateGlobalTableSettingsInput) ([]wire.Access, error) {
		return onGlobal(c, "UpdateGlobalTableSettings", in.GlobalTableName), nil
	}, func(_ *wire.Call, in *dynamodb.UpdateGlobalTableSettingsInput) (*dynamodb.UpdateGlobalTableSettingsOutput, error) {
		return nil, noGlobal(in.GlobalTableName)
	})
	handle(s, m, dynamodb.ListGlobalTables, func(*wire.Call, *dynamodb.ListGlobalTablesInput) ([]wire.Access, error) {
		return wire.One("dynamodb:ListGlobalTables", "*", nil), nil
	}, func(*wire.Call, *dynamodb.ListGlobalTablesInput) (*dynamodb.ListGlobalTablesOutput, error) {
		return &dynamodb.ListGlobalTablesOutput{GlobalTables: []dynamodb.GlobalTable{}}, nil
	})
	handle(s, m, dynamodb.DescribeTableReplicaAutoScaling, func(c *wire.Call, in *dynamodb.DescribeTableReplicaAutoScalingInput) ([]wire.Access, error) {
		return onTable(c, "dynamodb:DescribeTableReplicaAutoScaling", in.TableName)
	}, func(_ *wire.Call, in *dynamodb.DescribeTableReplicaAutoScalingInput) (*dynamodb.DescribeTableReplicaAutoScalingOutput, error) {
		return nil, noReplicated(in.TableName.V)
	})
	handle(s, m, dynamodb.UpdateTableReplicaAutoScaling, func(c *wire.Call, in *dynamodb.UpdateTableReplicaAutoScalingInput) ([]wire.Access, error) {
		return onTable(c, "dynamodb:UpdateTableReplicaAutoScaling", in.TableName)
	}, func(_ *wire.Call, in *dynamodb.UpdateTableReplicaAutoScalingInput) (*dynamodb.UpdateTableReplicaAutoScalingOutput, error) {
		return nil, noReplicated(in.TableName.V)
	})
}

const (
	noLegacy = invalid + "DynamoDB global tables version 2017.11.29 is not supported. We recommend using DynamoDB global tables version 2019.11.21, instead of version 2017.11.29 (Legacy)."

	noDestination = "Table is not in a valid state to enable Kinesis Streaming Destination: "
)

// noReplicated is what AWS answers about the replicas of a table that has none.
func noReplicated(name string) error {
	return &dynamodb.ResourceNotFoundException{Message: wire.Some("Global table with name: '" + name + "' does not exist.")}
}

// noKinesis refuses an operation on a destination that a table does not have.
func (s *Service) noKinesis(text string) func(*wire.Call, *dynamodb.KinesisStreamingDestinationInput) (*dynamodb.KinesisStreamingDestinationOutput, error) {
	return func(c *wire.Call, in *dynamodb.KinesisStreamingDestinationInput) (*dynamodb.KinesisStreamingDestinationOutput, error) {
		_, err := s.there(c, in.TableName.V, wire.Opt[string]{})
		if err == nil {
			err = validation("%s", text)
		}
		return nil, err
	}
}

// refusing is the handler of an operation that there is no way to do.
func refusing[In, Out any](text string) func(*wire.Call, *In) (*Out, error) {
	return func(*wire.Call, *In) (*Out, error) { return nil, validation("%s", text) }
}

func onGlobal(c *wire.Call, action string, name wire.Opt[string]) []wire.Access {
	return wire.One("dynamodb:"+action, "arn:aws:dynamodb::"+c.Account+":global-table/"+name.V, nil)
}

func noGlobal(name wire.Opt[string]) error {
	return &dynamodb.GlobalTableNotFoundException{Message: wire.Some("Global table with name: '" + name.V + "' does not exist")}
}

func onKinesis(action string) func(*wire.Call, *dynamodb.KinesisStreamingDestinationInput) ([]wire.Access, error) {
	return func(c *wire.Call, in *dynamodb.KinesisStreamingDestinationInput) ([]wire.Access, error) {
		return onTable(c, "dynamodb:"+action, in.TableName)
	}
}

func (s *Service) accessDescribeKinesis(c *wire.Call, in *dynamodb.DescribeKinesisStreamingDestinationInput) ([]wire.Access, error) {
	return onTable(c, "dynamodb:DescribeKinesisStreamingDestination", in.TableName)
}

func (s *Service) describeKinesis(c *wire.Call, in *dynamodb.DescribeKinesisStreamingDestinationInput) (*dynamodb.DescribeKinesisStreamingDestinationOutput, error) {
	t, err := s.there(c, in.TableName.V, wire.Opt[string]{})
	if err != nil {
		return nil, err
	}
	return &dynamodb.DescribeKinesisStreamingDestinationOutput{TableName: wire.Some(t.Name), KinesisDataStreamDestinations: []dynamodb.KinesisDataStreamDestination{}}, nil
}

// there reads a table, and makes sure of an index of it.
func (s *Service) there(c *wire.Call, name string, index wire.Opt[string]) (t *table, err error) {
	err = s.db.View(c, func(tx *kv.Tx) (err error) {
		t, err = s.named(tx, c, name)
		return err
	})
	if err == nil && index.Set {
		if ix := t.index(index.V); ix == nil || ix.Local {
			err = &dynamodb.ResourceNotFoundException{Message: wire.Some("Requested resource not found: Index: " + index.V + " not found for table: " + t.Name)}
		}
	}
	return t, err
}

// onPart is the access of an operation on a table or an index of it.
func onPart(c *wire.Call, action string, table, index wire.Opt[string]) ([]wire.Access, error) {
	wants, err := onTable(c, action, table)
	if err == nil && index.Set {
		wants[0].Resource += "/index/" + index.V
	}
	return wants, err
}

func (s *Service) accessDescribeInsights(c *wire.Call, in *dynamodb.DescribeContributorInsightsInput) ([]wire.Access, error) {
	return onPart(c, "dynamodb:DescribeContributorInsights", in.TableName, in.IndexName)
}

func (s *Service) describeInsights(c *wire.Call, in *dynamodb.DescribeContributorInsightsInput) (*dynamodb.DescribeContributorInsightsOutput, error) {
	t, err := s.there(c, in.TableName.V, in.IndexName)
	if err != nil {
		return nil, err
	}
	return &dynamodb.DescribeContributorInsightsOutput{TableName: wire.Some(t.Name), IndexName: in.IndexName, ContributorInsightsStatus: wire.Some("DISABLED")}, nil
}

func (s *Service) accessUpdateInsights(c *wire.Call, in *dynamodb.UpdateContributorInsightsInput) ([]wire.Access, error) {
	return onPart(c, "dynamodb:UpdateContributorInsights", in.TableName, in.IndexName)
}

func (s *Service) updateInsights(c *wire.Call, in *dynamodb.UpdateContributorInsightsInput) (*dynamodb.UpdateContributorInsightsOutput, error) {
	t, err := s.there(c, in.TableName.V, in.IndexName)
	if err != nil {
		return nil, err
	}
	if in.ContributorInsightsAction.V == "ENABLE" {
		return nil, validation("Contributor insights are not supported")
	}
	return &dynamodb.UpdateContributorInsightsOutput{TableName: wire.Some(t.Name), IndexName: in.IndexName, ContributorInsightsStatus: wire.Some("DISABLED")}, nil
}

func accessListInsights(c *wire.Call, in *dynamodb.ListContributorInsightsInput) ([]wire.Access, error) {
	if in.TableName.Set {
		return onTable(c, "dynamodb:ListContributorInsights", in.TableName)
	}
	return wire.One("dynamodb:ListContributorInsights", "*", nil), nil
}

func (s *Service) listInsights(c *wire.Call, in *dynamodb.ListContributorInsightsInput) (*dynamodb.ListContributorInsightsOutput, error) {
	if in.TableName.Set {
		if _, err := s.there(c, in.TableName.V, wire.Opt[string]{}); err != nil {
			return nil, err
		}
	}
	return &dynamodb.ListContributorInsightsOutput{ContributorInsightsSummaries: []dynamodb.ContributorInsightsSummary{}}, nil
}
