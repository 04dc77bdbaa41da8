package functions

import (
	"errors"
	"slices"
	"strings"
	"time"

	"bothy/api/lambda"
	"bothy/kv"
	"bothy/policy"
	"bothy/record"
	"bothy/wire"
)

// Limits and defaults of mappings of DynamoDB streams.
const (
	defaultBatch = 100
	minRecordAge = 60 // seconds
)

func (s *Service) mountMappings(m *wire.Mux) {
	wire.Handle(m, lambda.CreateEventSourceMapping, func(c *wire.Call, in *lambda.CreateEventSourceMappingInput) ([]wire.Access, error) {
		r, err := refOf(c, in.FunctionName, wire.Opt[string]{})
		return wire.One("lambda:CreateEventSourceMapping", "*", policy.Keys{"lambda:functionarn": {r.arn()}}), err
	}, s.createMapping)
	wire.Handle(m, lambda.GetEventSourceMapping, func(c *wire.Call, in *lambda.GetEventSourceMappingInput) ([]wire.Access, error) {
		return s.onMapping(c, "GetEventSourceMapping", in.UUID.V, wire.Opt[string]{})
	}, s.getMapping)
	wire.Handle(m, lambda.ListEventSourceMappings, func(*wire.Call, *lambda.ListEventSourceMappingsInput) ([]wire.Access, error) {
		return wire.One("lambda:ListEventSourceMappings", "*", nil), nil
	}, s.listMappings)
	wire.Handle(m, lambda.UpdateEventSourceMapping, func(c *wire.Call, in *lambda.UpdateEventSourceMappingInput) ([]wire.Access, error) {
		return s.onMapping(c, "UpdateEventSourceMapping", in.UUID.V, in.FunctionName)
	}, s.updateMapping)
	wire.Handle(m, lambda.DeleteEventSourceMapping, func(c *wire.Call, in *lambda.DeleteEventSourceMappingInput) ([]wire.Access, error) {
		return s.onMapping(c, "DeleteEventSourceMapping", in.UUID.V, wire.Opt[string]{})
	}, s.deleteMapping)
}

// onMapping is the access of an operation on one mapping: about the function it has, and the one it is to have.
func (s *Service) onMapping(c *wire.Call, action, id string, next wire.Opt[string]) ([]wire.Access, error) {
	at := record.In(c.Account, c.Region)
	resource, keys := (&mapping{ID: id}).arn(at), policy.Keys{}
	err := s.cfg.DB.View(c, func(tx *kv.Tx) error {
		m, err := mappingTable.Get(tx, at, id)
		if err == nil {
			keys["lambda:functionarn"] = []string{m.ref(at).arn()}
		}
		if errors.Is(err, record.ErrNotFound) {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	wants := wire.One("lambda:"+action, resource, keys)
	if next.Set {
		r, err := refOf(c, next, wire.Opt[string]{})
		if err != nil {
			return nil, err
		}
		wants = append(wants, wire.Access{Action: "lambda:" + action, Resource: resource, Keys: policy.Keys{"lambda:functionarn": {r.arn()}}})
	}
	return wants, nil
}

func (s *Service) createMapping(c *wire.Call, in *lambda.CreateEventSourceMappingInput) (*lambda.EventSourceMappingConfiguration, error) {
	at := record.In(c.Account, c.Region)
	m := &mapping{ID: wire.NewUUID(), Source: in.EventSourceArn.V, Enabled: in.Enabled.Or(true), BatchSize: defaultBatch, Parallel: 1, Retries: -1, MaxAge: -1,
		Start: in.StartingPosition.V, Created: c.Now, Modified: c.Now}
	if err := checkSource(in); err != nil {
		return nil, err
	}
	if err := m.edit(settingsOfCreate(in)); err != nil {
		return nil, err
	}
	if err := s.point(c, m, in.FunctionName); err != nil {
		return nil, err
	}
	err := s.cfg.DB.Update(c, func(tx *kv.Tx) error {
		all, err := mappingTable.All(tx, at, "")
		if err != nil {
			return err
		}
		for _, have := range all {
			if have.Source == m.Source && have.Name == m.Name && have.Qualifier == m.Qualifier {
				return conflict("An event source mapping with event source arn (\" %s \") and function name (\" %s \") already exists. Please update or delete the existing mapping with UUID %s", m.Source, m.Name, have.ID)
			}
		}
		return putMapping(tx, at, m)
	})
	if err != nil {
		return nil, err
	}
	return m.describe(at, "Creating", ""), nil
}

func checkSource(in *lambda.CreateEventSourceMappingInput) error {
	if err := unsupported(map[string]bool{
		"event sources other than DynamoDB streams": !strings.HasPrefix(in.EventSourceArn.V, "arn:aws:dynamodb:"), "Topics": in.Topics != nil, "Queues": in.Queues != nil,
		"SelfManagedEventSource": in.SelfManagedEventSource != nil, "Tags": len(in.Tags) > 0,
	}); err != nil {
		return err
	}
	switch {
	case !in.StartingPosition.Set:
		return invalid("1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.")
	case in.StartingPosition.V == "AT_TIMESTAMP" || in.StartingPositionTimestamp.Set:
		return invalid("Unsupported starting position for event source type. Please specify one of the following starting positions: [TRIM_HORIZON, LATEST]")
	}
	return nil
}

// settings are what CreateEventSourceMapping and UpdateEventSourceMapping have in common.
type settings = lambda.UpdateEventSourceMappingInput

func settingsOfCreate(in *lambda.CreateEventSourceMappingInput) *settings {
	return &settings{
		BatchSize: in.BatchSize, FilterCriteria: in.FilterCriteria, KMSKeyArn: in.KMSKeyArn, MetricsConfig: in.MetricsConfig, LoggingConfig: in.LoggingConfig,
		ScalingConfig: in.ScalingConfig, MaximumBatchingWindowInSeconds: in.MaximumBatchingWindowInSeconds, ParallelizationFactor: in.ParallelizationFactor,
		DestinationConfig: in.DestinationConfig, MaximumRecordAgeInSeconds: in.MaximumRecordAgeInSeconds, BisectBatchOnFunctionError: in.BisectBatchOnFunctionError,
		MaximumRetryAttempts: in.MaximumRetryAttempts, TumblingWindowInSeconds: in.TumblingWindowInSeconds, SourceAccessConfigurations: in.SourceAccessConfigurations,
		FunctionResponseTypes: in.FunctionResponseTypes, AmazonManagedKafkaEventSourceConfig: in.AmazonManagedKafkaEventSourceConfig,
		SelfManagedKafkaEventSourceConfig: in.SelfManagedKafkaEventSourceConfig, DocumentDBEventSourceConfig: in.DocumentDBEventSourceConfig, ProvisionedPollerConfig: in.ProvisionedPollerConfig,
	}
}

// edit applies settings to a mapping.
func (m *mapping) edit(in *settings) error {
	if err := unsupported(map[string]bool{
		"KMSKeyArn": in.KMSKeyArn.V != "", "MetricsConfig": in.MetricsConfig != nil && len(in.MetricsConfig.Metrics) > 0, "LoggingConfig": in.LoggingConfig != nil, "ScalingConfig": in.ScalingConfig != nil,
		"TumblingWindowInSeconds": in.TumblingWindowInSeconds.V > 0, "SourceAccessConfigurations": len(in.SourceAccessConfigurations) > 0,
		"AmazonManagedKafkaEventSourceConfig": in.AmazonManagedKafkaEventSourceConfig != nil, "SelfManagedKafkaEventSourceConfig": in.SelfManagedKafkaEventSourceConfig != nil,
		"DocumentDBEventSourceConfig": in.DocumentDBEventSourceConfig != nil, "ProvisionedPollerConfig": in.ProvisionedPollerConfig != nil,
		"DestinationConfig.OnSuccess": in.DestinationConfig != nil && in.DestinationConfig.OnSuccess != nil && in.DestinationConfig.OnSuccess.Destination.V != "",
	}); err != nil {
		return err
	}
	if age := in.MaximumRecordAgeInSeconds.Or(-1); age != -1 && age < minRecordAge {
		return invalid("1 validation error detected: Value '%d' at 'maximumRecordAgeInSeconds' failed to satisfy constraint: Member must be -1 or have value greater than or equal to %d", age, minRecordAge)
	}
	set(&m.Enabled, in.Enabled)
	set(&m.BatchSize, in.BatchSize)
	set(&m.Window, in.MaximumBatchingWindowInSeconds)
	set(&m.Parallel, in.ParallelizationFactor)
	set(&m.MaxAge, in.MaximumRecordAgeInSeconds)
	set(&m.Retries, in.MaximumRetryAttempts)
	set(&m.Bisect, in.BisectBatchOnFunctionError)
	if in.FunctionResponseTypes != nil {
		m.Report = slices.Contains(in.FunctionResponseTypes, "ReportBatchItemFailures")
	}
	if err := m.filter(in.FilterCriteria); err != nil {
		return err
	}
	return m.destine(in.DestinationConfig)
}

func (m *mapping) filter(criteria *lambda.FilterCriteria) error {
	if criteria == nil {
		return nil
	}
	if len(criteria.Filters) > maxFilters {
		return invalid("The number of filters exceeds the limit of %d.", maxFilters)
	}
	m.Filters = nil
	for _, f := range criteria.Filters {
		if _, err := parsePattern(f.Pattern.V); err != nil {
			return invalid("Invalid filter pattern definition.")
		}
		m.Filters = append(m.Filters, f.Pattern.V)
	}
	return nil
}

func (m *mapping) destine(to *lambda.DestinationConfig) error {
	if to == nil {
		return nil
	}
	m.OnFailure = ""
	if to.OnFailure == nil || to.OnFailure.Destination.V == "" {
		return nil
	}
	if _, ok := bucketOf(to.OnFailure.Destination.V); !ok {
		return invalid("Not supported by this node: destinations other than buckets (arn:aws:s3:::NAME).")
	}
	m.OnFailure = to.OnFailure.Destination.V
	return nil
}

func bucketOf(arn string) (bucket string, ok bool) {
	bucket, ok = strings.CutPrefix(arn, "arn:aws:s3:::")
	return bucket, ok && bucket != "" && !strings.Contains(bucket, "/")
}

// point makes a mapping lead to a function, whose role must be able to read the stream.
func (s *Service) point(c *wire.Call, m *mapping, name wire.Opt[string]) error {
	r, _, v, err := s.find(c, name, wire.Opt[string]{})
	if err != nil {
		return err
	}
	if m.Name, m.Qualifier = r.name, r.qualifier; m.Qualifier == latest {
		m.Qualifier = ""
	}
	as := Reader{v.Role, v.Name, c.Region}
	shards, err := s.cfg.Streams.Shards(c, as, m.Source)
	var begin string
	if err == nil && len(shards) > 0 {
		if begin, err = s.cfg.Streams.Iterator(c, as, m.Source, shards[len(shards)-1].ID, StreamStart{}); err == nil {
			_, _, err = s.cfg.Streams.Records(c, as, m.Source, begin, 1)
		}
	}
	switch {
	case errors.Is(err, ErrStreamMissing):
		return wire.Because(invalid("Stream not found: %s", m.Source), "%v", err)
	case errors.Is(err, ErrStreamDenied):
		return wire.Because(invalid("Cannot access stream %s. Please ensure the role can perform the GetRecords, GetShardIterator, DescribeStream, and ListStreams Actions on your stream in IAM.", m.Source), "%v", err)
	}
	return err
}

func (s *Service) getMapping(c *wire.Call, in *lambda.GetEventSourceMappingInput) (*lambda.EventSourceMappingConfiguration, error) {
	at := record.In(c.Account, c.Region)
	var out *lambda.EventSourceMappingConfiguration
	err := s.cfg.DB.View(c, func(tx *kv.Tx) error {
		m, err := getMapping(tx, at, in.UUID.V)
		if err != nil {
			return err
		}
		result, err := resultOf(tx, at, m.ID)
		out = m.describe(at, "", result)
		return err
	})
	return out, err
}

func resultOf(tx *kv.Tx, at record.Scope, id string) (string, error) {
	w, err := workTable.Get(tx, at, id)
	if errors.Is(err, record.ErrNotFound) {
		return "", nil
	} else if err != nil {
		return "", err
	}
	return w.Result, nil
}

func (s *Service) listMappings(c *wire.Call, in *lambda.ListEventSourceMappingsInput) (*lambda.ListEventSourceMappingsOutput, error) {
	at := record.In(c.Account, c.Region)
	var r ref
	if in.FunctionName.Set {
		var err error
		if r, err = refOf(c, in.FunctionName, wire.Opt[string]{}); err != nil {
			return nil, err
		}
	}
	out := &lambda.ListEventSourceMappingsOutput{EventSourceMappings: []lambda.EventSourceMappingConfiguration{}}
	err := s.cfg.DB.View(c, func(tx *kv.Tx) error {
		rows, next, err := mappingTable.List(tx, at, record.Page{After: in.Marker.V, Limit: min(int(in.MaxItems.Or(100)), 100)})
		if err != nil {
			return pageError(err)
		}
		out.NextMarker = wire.NonEmpty(next)
		for _, m := range rows {
			if in.EventSourceArn.Set && m.Source != in.EventSourceArn.V || in.FunctionName.Set && (m.Name != r.name || m.Qualifier != r.qualifier) {
				continue
			}
			result, err := resultOf(tx, at, m.ID)
			if err != nil {
				return err
			}
			out.EventSourceMappings = append(out.EventSourceMappings, *m.describe(at, "", result))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (s *Service) updateMapping(c *wire.Call, in *lambda.UpdateEventSourceMappingInput) (*lambda.EventSourceMappingConfiguration, error) {
	at := record.In(c.Account, c.Region)
	var have *mapping
	if err := s.cfg.DB.View(c, func(tx *kv.Tx) (err error) {
		have, err = getMapping(tx, at, in.UUID.V)
		return err
	}); err != nil {
		return nil, err
	}
	pointed := *have
	if in.FunctionName.Set {
		if err := s.point(c, &pointed, in.FunctionName); err != nil {
			return nil, err
		}
	}
	var m *mapping
	state := "Updating"
	err := s.cfg.DB.Update(c, func(tx *kv.Tx) (err error) {
		if m, err = getMapping(tx, at, in.UUID.V); err != nil {
			return err
		}
		if was := m.Enabled; in.Enabled.Set && in.Enabled.V != was {
			state = map[bool]string{true: "Enabling", false: "Disabling"}[in.Enabled.V]
		}
		if in.FunctionName.Set {
			m.Name, m.Qualifier = pointed.Name, pointed.Qualifier
		}
		m.Modified = c.Now
		if err := m.edit(in); err != nil {
			return err
		}
		return putMapping(tx, at, m)
	})
	if err != nil {
		return nil, err
	}
	return m.describe(at, state, ""), nil
}

// deleteMapping forgets a mapping; a batch under way is not counted as done any more.
func (s *Service) deleteMapping(c *wire.Call, in *lambda.DeleteEventSourceMappingInput) (*lambda.EventSourceMappingConfiguration, error) {
	at := record.In(c.Account, c.Region)
	var m *mapping
	err := s.cfg.DB.Update(c, func(tx *kv.Tx) (err error) {
		if m, err = getMapping(tx, at, in.UUID.V); err != nil {
			return err
		}
		return dropMapping(tx, at, m.ID)
	})
	if err != nil {
		return nil, err
	}
	return m.describe(at, "Deleting", ""), nil
}

// describe shows a mapping; state "" is the one it settled in.
func (m *mapping) describe(at record.Scope, state, result string) *lambda.EventSourceMappingConfiguration {
	if state == "" {
		state = map[bool]string{true: "Enabled", false: "Disabled"}[m.Enabled]
	}
	if result == "" {
		result = "No records processed"
	}
	out := &lambda.EventSourceMappingConfiguration{
		UUID: wire.Some(m.ID), StartingPosition: wire.Some(m.Start), BatchSize: wire.Some(m.BatchSize), MaximumBatchingWindowInSeconds: wire.Some(m.Window),
		ParallelizationFactor: wire.Some(m.Parallel), EventSourceArn: wire.Some(m.Source), FunctionArn: wire.Some(m.ref(at).arn()), LastModified: wire.Some(m.Modified.Truncate(time.Millisecond)),
		LastProcessingResult: wire.Some(result), State: wire.Some(state), StateTransitionReason: wire.Some("User action"), MaximumRecordAgeInSeconds: wire.Some(m.MaxAge),
		BisectBatchOnFunctionError: wire.Some(m.Bisect), MaximumRetryAttempts: wire.Some(m.Retries), TumblingWindowInSeconds: wire.Some(int32(0)),
		FunctionResponseTypes: []string{}, EventSourceMappingArn: wire.Some(m.arn(at)), DestinationConfig: &lambda.DestinationConfig{OnFailure: &lambda.OnFailure{}},
	}
	if m.OnFailure != "" {
		out.DestinationConfig.OnFailure.Destination = wire.Some(m.OnFailure)
	}
	if m.Report {
		out.FunctionResponseTypes = []string{"ReportBatchItemFailures"}
	}
	if len(m.Filters) > 0 {
		out.FilterCriteria = &lambda.FilterCriteria{}
		for _, f := range m.Filters {
			out.FilterCriteria.Filters = append(out.FilterCriteria.Filters, lambda.Filter{Pattern: wire.Some(f)})
		}
	}
	return out
}
