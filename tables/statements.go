package tables

import (
	"errors"
	"fmt"

	"bothy/api/dynamodb"
	"bothy/tables/partiql"
	"bothy/wire"
)

// executeBatch runs statements one by one, each for itself: what is wrong with one, or not allowed, is told in its place.
func (s *Service) executeBatch(c *wire.Call, in *dynamodb.BatchExecuteStatementInput) (*dynamodb.BatchExecuteStatementOutput, error) {
	statements := make([]*statement, len(in.Statements))
	failures := make([]error, len(in.Statements))
	for i, given := range in.Statements {
		a := asked{given.Statement.V, given.Parameters, given.ReturnValuesOnConditionCheckFailure}
		if failures[i] = a.check(); failures[i] == nil {
			statements[i], failures[i] = s.planStatement(c, a)
		}
	}
	if mixed(statements) {
		return nil, validation("BatchExecuteStatement API does not support both read and write operations in the same request.")
	}
	out := &dynamodb.BatchExecuteStatementOutput{Responses: make([]dynamodb.BatchStatementResponse, len(statements))}
	consumed := tally{asked: in.ReturnConsumedCapacity}
	for i, st := range statements {
		r := &out.Responses[i]
		err := failures[i]
		if err == nil {
			if err = may(c, st.access(c, in.ReturnConsumedCapacity)); err == nil {
				err = s.executeOne(c, st, &in.Statements[i], r, &consumed)
			}
		}
		if err == nil {
			continue
		}
		if r.Error = batchError(err); r.Error == nil {
			return nil, err
		}
	}
	out.ConsumedCapacity = consumed.list
	return out, nil
}

// mixed tells whether some statements read and others write.
func mixed(statements []*statement) bool {
	reads, writes := false, false
	for _, st := range statements {
		if st != nil && st.Verb == partiql.Select {
			reads = true
		} else if st != nil {
			writes = true
		}
	}
	return reads && writes
}

// executeOne runs one statement of a batch, whose table is told once it is reached.
func (s *Service) executeOne(c *wire.Call, st *statement, a *dynamodb.BatchStatementRequest, r *dynamodb.BatchStatementResponse, consumed *tally) error {
	switch {
	case st.table == nil:
		return notFound()
	case st.bad != nil:
		return st.bad
	case st.Verb == partiql.Exists:
		return validation("EXISTS can only be used in ExecuteTransaction write requests.")
	case st.Verb != partiql.Select:
		r.TableName = wire.Some(st.name)
		o, err := s.update(c, st.write)
		if err != nil {
			return err
		}
		r.Item = st.returned(o)
		consumed.add(writeCapacity(consumed.asked, 1, o))
		return nil
	}
	f, err := st.fetch("BatchExecuteStatement")
	if err != nil {
		return err
	}
	f.consistent, r.TableName = a.ConsistentRead.V, wire.Some(st.name)
	it, used, err := s.fetch(c, f)
	if err != nil {
		return err
	}
	if consumed.add(used.told(consumed.asked, f.table)); it != nil {
		r.Item = f.proj.Of(it)
	}
	return nil
}

// batchError is an error as a batch tells it in its place; nil for errors that are not the client's.
func batchError(err error) *dynamodb.BatchStatementError {
	var f wire.Fault
	if t := (interface{ Temporary() bool })(nil); errors.As(err, &t) && t.Temporary() { // there is no room for this one's item, too
		f = &dynamodb.ThrottlingException{Message: wire.Some("Rate of requests exceeds the allowed throughput.")}
	} else if !errors.As(err, &f) {
		return nil
	}
	code, _, message := f.Fault()
	e := &dynamodb.BatchStatementError{Message: wire.Some(message)}
	switch code {
	case "ValidationException":
		code = "ValidationError"
	case "ConditionalCheckFailedException":
		code = "ConditionalCheckFailed"
		if failed := (*dynamodb.ConditionalCheckFailedException)(nil); errors.As(err, &failed) {
			e.Item = failed.Item
		}
	case "DuplicateItemException":
		code = "DuplicateItem"
	case "ResourceNotFoundException":
		code = "ResourceNotFound"
	case "ProvisionedThroughputExceededException":
		code = "ProvisionedThroughputExceeded"
	case "ItemCollectionSizeLimitExceededException":
		code = "ItemCollectionSizeLimitExceeded"
	case "ThrottlingException":
		code = "ThrottlingError"
	case "AccessDenied":
	default:
		return nil
	}
	e.Code = wire.Some(code)
	return e
}

func (s *Service) accessExecuteTransaction(c *wire.Call, in *dynamodb.ExecuteTransactionInput) ([]wire.Access, error) {
	statements := make([]*statement, len(in.TransactStatements))
	wanted := make([]wire.Access, len(statements))
	list := make([]asked, len(statements))
	for i, given := range in.TransactStatements {
		list[i] = asked{given.Statement.V, given.Parameters, given.ReturnValuesOnConditionCheckFailure}
		if err := list[i].check(); err != nil {
			return nil, err
		}
	}
	for i, a := range list {
		st, err := s.planStatement(c, a)
		if err != nil {
			return nil, inTransaction(i, err)
		}
		statements[i], wanted[i] = st, st.access(c, in.ReturnConsumedCapacity)
		enclosed(wanted[i].Keys, "ExecuteTransaction")
	}
	keep(c, statements)
	return wanted, nil
}

// inTransaction says which statement a validation error is about.
func inTransaction(i int, err error) error {
	if refused := (*wire.Error)(nil); errors.As(err, &refused) && refused.Code == "ValidationException" {
		return validation("%s", fmt.Sprintf("Validation failed in TransactStatements[%d]: ", i)+refused.Message)
	}
	return err
}

func (s *Service) executeTransaction(c *wire.Call, in *dynamodb.ExecuteTransactionInput) (*dynamodb.ExecuteTransactionOutput, error) {
	statements, err := kept[[]*statement](c)
	if err != nil {
		return nil, err
	}
	if mixed(statements) {
		return nil, validation("ExecuteTransaction API does not support both read and write operations in the same request.")
	}
	var reads []*fetch
	var writes []*mutation
	for i, st := range statements {
		err := st.transact(&reads, &writes)
		if err != nil {
			return nil, inTransaction(i, err)
		}
	}
	out := &dynamodb.ExecuteTransactionOutput{Responses: []dynamodb.ItemResponse{}}
	if reads != nil {
		out.Responses, out.ConsumedCapacity, err = s.fetchAll(c, reads, in.ReturnConsumedCapacity)
	} else {
		request := func() (b []byte) {
			for _, st := range statements {
				b = append(b, st.id[:]...)
			}
			return b
		}
		var done tally
		done, err = s.commit(c, writes, stampOf(c, in.ClientRequestToken, request), in.ReturnConsumedCapacity)
		out.ConsumedCapacity = done.list
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// transact adds what the statement does to the reads or the writes of its transaction. That there is no such table, or that
// the key is not one of the table's, is found when they run.
func (st *statement) transact(reads *[]*fetch, writes *[]*mutation) error {
	var nowhere unaddressed
	switch {
	case st.table == nil && st.Verb == partiql.Select:
		*reads = append(*reads, &fetch{name: st.name, statement: true})
		return nil
	case st.table == nil:
		*writes = append(*writes, &mutation{name: st.name, statement: true})
		return nil
	case st.Returning != "":
		return validation("RETURNING clause is not supported in ExecuteTransaction.")
	case st.Verb == partiql.Select && st.Index != "":
		return validation("Reads on indices are not supported within transactions.")
	case st.Verb == partiql.Select:
		f, err := st.fetch("ExecuteTransaction")
		if err != nil && st.bad != nil {
			err = st.bad
		}
		*reads = append(*reads, f)
		return err
	case st.bad != nil && !errors.As(st.bad, &nowhere):
		return st.bad
	}
	*writes = append(*writes, st.write)
	return nil
}
