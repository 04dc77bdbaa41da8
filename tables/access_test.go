package tables

import (
	"strings"
	"testing"

	"bothy/api/dynamodb"
	"bothy/wire"
	"bothy/wire/item"
)

// private is the policy of a private table of Mobile Hub: one's own partition, in table and indexes.
const private = `{"Version": "2012-10-17", "Statement": [{
	"Effect": "Allow",
	"Action": ["dynamodb:Query", "dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem", "dynamodb:ConditionCheckItem"],
	"Resource": ["arn:aws:dynamodb:*:*:table/notes", "arn:aws:dynamodb:*:*:table/notes/index/*"],
	"Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["ann"]}}}]}`

func notesWorld(t *testing.T) *world {
	w := newWorld(t)
	w.table("notes", "userId:S noteId:S", "-DateSorted userId:S created:N ALL", "byTitle title:S userId:S ALL", "byUser userId:S title:S KEYS_ONLY")
	for _, u := range []string{"ann", "bob"} {
		for _, n := range []string{"1", "2"} {
			w.put("notes", `{'userId': {'S': '`+u+`'}, 'noteId': {'S': '`+n+`'}, 'created': {'N': '`+n+`'}, 'title': {'S': 'title'}, 'secret': {'S': 'of `+u+`'}}`)
		}
	}
	return w
}

func key(user string) item.Item {
	return item.Item{{Name: "userId", Value: item.Text(user)}, {Name: "noteId", Value: item.Text("1")}}
}

// attempts are all the ways to an item of a user's partition.
func attempts(user string) map[string]func(*world, *wire.Principal) error {
	notes := str("notes")
	u := item.Item{{Name: ":u", Value: item.Text(user)}}
	query := func(change func(*dynamodb.QueryInput)) func(*world, *wire.Principal) error {
		return func(w *world, by *wire.Principal) error {
			in := dynamodb.QueryInput{TableName: notes, KeyConditionExpression: str("userId = :u"), ExpressionAttributeValues: u}
			change(&in)
			_, err := do(w, by, dynamodb.Query, in)
			return err
		}
	}
	write := func(a dynamodb.TransactWriteItem) func(*world, *wire.Principal) error {
		return func(w *world, by *wire.Principal) error {
			_, err := do(w, by, dynamodb.TransactWriteItems, dynamodb.TransactWriteItemsInput{TransactItems: []dynamodb.TransactWriteItem{a}})
			return err
		}
	}
	batch := func(r ...dynamodb.WriteRequest) func(*world, *wire.Principal) error {
		return func(w *world, by *wire.Principal) error {
			_, err := do(w, by, dynamodb.BatchWriteItem, dynamodb.BatchWriteItemInput{RequestItems: map[string][]dynamodb.WriteRequest{"notes": r}})
			return err
		}
	}
	return map[string]func(*world, *wire.Principal) error{
		"get": func(w *world, by *wire.Principal) error {
			_, err := do(w, by, dynamodb.GetItem, dynamodb.GetItemInput{TableName: notes, Key: key(user)})
			return err
		},
		"get by ARN": func(w *world, by *wire.Principal) error {
			_, err := do(w, by, dynamodb.GetItem, dynamodb.GetItemInput{TableName: str("arn:aws:dynamodb:eu-west-1:" + account + ":table/notes"), Key: key(user)})
			return err
		},
		"put": func(w *world, by *wire.Principal) error {
			_, err := do(w, by, dynamodb.PutItem, dynamodb.PutItemInput{TableName: notes, Item: key(user)})
			return err
		},
		"update": func(w *world, by *wire.Principal) error {
			_, err := do(w, by, dynamodb.UpdateItem, dynamodb.UpdateItemInput{TableName: notes, Key: key(user), UpdateExpression: str("SET secret = :u"), ExpressionAttributeValues: u})
			return err
		},
		"delete": func(w *world, by *wire.Principal) error {
			_, err := do(w, by, dynamodb.DeleteItem, dynamodb.DeleteItemInput{TableName: notes, Key: key(user)})
			return err
		},
		"probe by condition": func(w *world, by *wire.Principal) error {
			_, err := do(w, by, dynamodb.DeleteItem, dynamodb.DeleteItemInput{TableName: notes, Key: key(user), ConditionExpression: str("attribute_not_exists(userId)"), ReturnValuesOnConditionCheckFailure: str("ALL_OLD")})
			if _, failed := err.(*dynamodb.ConditionalCheckFailedException); failed {
				return nil
			}
			return err
		},
		"query":              query(func(*dynamodb.QueryInput) {}),
		"query mirrored":     query(func(in *dynamodb.QueryInput) { in.KeyConditionExpression = str(":u = userId") }),
		"query with start":   query(func(in *dynamodb.QueryInput) { in.ExclusiveStartKey = key(user) }),
		"query local index":  query(func(in *dynamodb.QueryInput) { in.IndexName = str("DateSorted") }),
		"query global index": query(func(in *dynamodb.QueryInput) { in.IndexName = str("byUser") }),
		"query legacy": query(func(in *dynamodb.QueryInput) {
			in.KeyConditionExpression, in.ExpressionAttributeValues = wire.Opt[string]{}, nil
			in.KeyConditions = map[string]dynamodb.Condition{"userId": {ComparisonOperator: str("EQ"), AttributeValueList: []item.Value{item.Text(user)}}}
		}),
		"query named": query(func(in *dynamodb.QueryInput) {
			in.KeyConditionExpression, in.ExpressionAttributeNames = str("#u = :u"), map[string]string{"#u": "userId"}
		}),
		"batch get": func(w *world, by *wire.Principal) error {
			_, err := do(w, by, dynamodb.BatchGetItem, dynamodb.BatchGetItemInput{RequestItems: map[string]dynamodb.KeysAndAttributes{"notes": {Keys: []item.Item{key("ann"), append(key(user)[:1:1], item.Attribute{Name: "noteId", Value: item.Text("2")})}}}})
			return err
		},
		"batch put":    batch(dynamodb.WriteRequest{PutRequest: &dynamodb.PutRequest{Item: key(user)}}),
		"batch delete": batch(dynamodb.WriteRequest{DeleteRequest: &dynamodb.DeleteRequest{Key: key(user)}}),
		"batch mixed": batch(dynamodb.WriteRequest{PutRequest: &dynamodb.PutRequest{Item: item.Item{{Name: "userId", Value: item.Text("ann")}, {Name: "noteId", Value: item.Text("9")}}}},
			dynamodb.WriteRequest{DeleteRequest: &dynamodb.DeleteRequest{Key: key(user)}}),
		"transact get": func(w *world, by *wire.Principal) error {
			_, err := do(w, by, dynamodb.TransactGetItems, dynamodb.TransactGetItemsInput{TransactItems: []dynamodb.TransactGetItem{{Get: &dynamodb.Get{TableName: notes, Key: key(user)}}}})
			return err
		},
		"transact put":    write(dynamodb.TransactWriteItem{Put: &dynamodb.Put{TableName: notes, Item: key(user)}}),
		"transact delete": write(dynamodb.TransactWriteItem{Delete: &dynamodb.Delete{TableName: notes, Key: key(user)}}),
		"transact update": write(dynamodb.TransactWriteItem{Update: &dynamodb.Update{TableName: notes, Key: key(user), UpdateExpression: str("SET secret = :u"), ExpressionAttributeValues: u}}),
		"transact check":  write(dynamodb.TransactWriteItem{ConditionCheck: &dynamodb.ConditionCheck{TableName: notes, Key: key(user), ConditionExpression: str("attribute_exists(userId) OR attribute_not_exists(userId)")}}),
	}
}

func TestOwnPartitionIsReachable(t *testing.T) {
	for name, attempt := range attempts("ann") {
		w := notesWorld(t)
		if err := attempt(w, w.under(private)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNeighboursPartitionIsNot(t *testing.T) {
	for name, attempt := range attempts("bob") {
		w := notesWorld(t)
		err := attempt(w, w.under(private))
		t.Run(name, func(t *testing.T) {
			w.t = t
			w.refused(err, "AccessDenied", "")
		})
		if got := len(w.scanAll(dynamodb.ScanInput{TableName: str("notes")})); got != 4 {
			t.Errorf("%s left %d items", name, got)
		}
		if got := w.get("notes", `{'userId': {'S': 'bob'}, 'noteId': {'S': '1'}}`); !strings.Contains(got, "of bob") {
			t.Errorf("%s changed the neighbour's item: %s", name, got)
		}
	}
}

func TestScansAndOddKeysAreRefusedUnderLeadingKeys(t *testing.T) {
	w := notesWorld(t)
	ann := w.under(private)
	scans := []dynamodb.ScanInput{
		{}, {IndexName: str("DateSorted")}, {IndexName: str("byUser")}, {Segment: wire.Some(int32(0)), TotalSegments: wire.Some(int32(4))},
		{FilterExpression: str("userId = :u"), ExpressionAttributeValues: doc(`{':u': {'S': 'ann'}}`)}, {ExclusiveStartKey: key("ann")},
	}
	for _, in := range scans {
		in.TableName = str("notes")
		_, err := do(w, ann, dynamodb.Scan, in)
		w.refused(err, "AccessDenied", "")
	}
	for _, k := range []string{`{}`, `{'noteId': {'S': '1'}}`, `{'userId': {'N': '1'}, 'noteId': {'S': '1'}}`, `{'userId': {'SS': ['ann']}, 'noteId': {'S': '1'}}`, `{'USERID': {'S': 'ann'}, 'noteId': {'S': '1'}}`} {
		_, err := do(w, ann, dynamodb.GetItem, dynamodb.GetItemInput{TableName: str("notes"), Key: doc(k)})
		w.refused(err, "AccessDenied", "")
		_, err = do(w, ann, dynamodb.PutItem, dynamodb.PutItemInput{TableName: str("notes"), Item: doc(k)})
		w.refused(err, "AccessDenied", "")
	}
	// The partition key of this index is the title: nobody's name.
	_, err := do(w, ann, dynamodb.Query, dynamodb.QueryInput{TableName: str("notes"), IndexName: str("byTitle"), KeyConditionExpression: str("title = :t AND userId = :u"), ExpressionAttributeValues: doc(`{':t': {'S': 'title'}, ':u': {'S': 'ann'}}`)})
	w.refused(err, "AccessDenied", "")
	for _, cond := range []string{"noteId = :u", "userId > :u", "userId BETWEEN :u AND :u"} {
		_, err = do(w, ann, dynamodb.Query, dynamodb.QueryInput{TableName: str("notes"), KeyConditionExpression: str(cond), ExpressionAttributeValues: doc(`{':u': {'S': 'ann'}}`)})
		w.refused(err, "AccessDenied", "")
	}
	_, err = do(w, ann, dynamodb.GetItem, dynamodb.GetItemInput{TableName: str("none"), Key: key("ann")})
	w.refused(err, "AccessDenied", "")
	_, err = do(w, ann, dynamodb.Query, dynamodb.QueryInput{TableName: str("notes"), IndexName: str("none"), KeyConditionExpression: str("userId = :u"), ExpressionAttributeValues: doc(`{':u': {'S': 'ann'}}`)})
	w.refused(err, "AccessDenied", "")
	for _, op := range []error{
		fails(do(w, ann, dynamodb.DescribeTable, dynamodb.DescribeTableInput{TableName: str("notes")})),
		fails(do(w, ann, dynamodb.DeleteTable, dynamodb.DeleteTableInput{TableName: str("notes")})),
		fails(do(w, ann, dynamodb.ListTables, dynamodb.ListTablesInput{})),
		fails(do(w, ann, dynamodb.CreateTable, dynamodb.CreateTableInput{TableName: str("mine")})),
		fails(do(w, &wire.Principal{}, dynamodb.GetItem, dynamodb.GetItemInput{TableName: str("notes"), Key: key("ann")})),
	} {
		w.refused(op, "AccessDenied", "")
	}
}

// TestScansAreOfNobody: a policy that grants every action, limited by LeadingKeys, grants no scan.
func TestScansAreOfNobody(t *testing.T) {
	w := notesWorld(t)
	p := w.under(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*", "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["ann"]}}}]}`)
	for _, index := range []string{"", "DateSorted", "byUser"} {
		_, err := do(w, p, dynamodb.Scan, dynamodb.ScanInput{TableName: str("notes"), IndexName: wire.Opt[string]{V: index, Set: index != ""}})
		w.refused(err, "AccessDenied", "")
	}
}

func fails[T any](_ T, err error) error { return err }

// fineGrained is the example of AWS's Developer Guide: some attributes only, and no way around by return values.
const fineGrained = `{"Version": "2012-10-17", "Statement": [{
	"Effect": "Allow", "Action": ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"],
	"Resource": "*",
	"Condition": {
		"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["ann"], "dynamodb:Attributes": ["userId", "noteId", "title"]},
		"StringEqualsIfExists": {"dynamodb:Select": "SPECIFIC_ATTRIBUTES", "dynamodb:ReturnValues": ["NONE", "UPDATED_OLD", "UPDATED_NEW"]}}}]}`

func TestFineGrainedAccess(t *testing.T) {
	w := notesWorld(t)
	ann := w.under(fineGrained)
	notes, u := str("notes"), doc(`{':u': {'S': 'ann'}}`)
	allowed := []error{
		fails(do(w, ann, dynamodb.GetItem, dynamodb.GetItemInput{TableName: notes, Key: key("ann"), ProjectionExpression: str("title")})),
		fails(do(w, ann, dynamodb.Query, dynamodb.QueryInput{TableName: notes, KeyConditionExpression: str("userId = :u"), ExpressionAttributeValues: u, ProjectionExpression: str("title, noteId")})),
		fails(do(w, ann, dynamodb.UpdateItem, dynamodb.UpdateItemInput{TableName: notes, Key: key("ann"), UpdateExpression: str("SET title = :u"), ExpressionAttributeValues: u, ReturnValues: str("UPDATED_NEW")})),
	}
	for i, err := range allowed {
		if err != nil {
			t.Errorf("allowed %d: %v", i, err)
		}
	}
	denied := []error{
		fails(do(w, ann, dynamodb.GetItem, dynamodb.GetItemInput{TableName: notes, Key: key("ann")})),
		fails(do(w, ann, dynamodb.GetItem, dynamodb.GetItemInput{TableName: notes, Key: key("ann"), ProjectionExpression: str("secret")})),
		fails(do(w, ann, dynamodb.GetItem, dynamodb.GetItemInput{TableName: notes, Key: key("ann"), AttributesToGet: []string{"secret"}})),
		fails(do(w, ann, dynamodb.GetItem, dynamodb.GetItemInput{TableName: notes, Key: key("ann"), ProjectionExpression: str("#s"), ExpressionAttributeNames: map[string]string{"#s": "secret"}})),
		fails(do(w, ann, dynamodb.Query, dynamodb.QueryInput{TableName: notes, KeyConditionExpression: str("userId = :u"), ExpressionAttributeValues: u})),
		fails(do(w, ann, dynamodb.Query, dynamodb.QueryInput{TableName: notes, KeyConditionExpression: str("userId = :u"), FilterExpression: str("begins_with(secret, :u)"), ExpressionAttributeValues: u, ProjectionExpression: str("title")})),
		fails(do(w, ann, dynamodb.UpdateItem, dynamodb.UpdateItemInput{TableName: notes, Key: key("ann"), UpdateExpression: str("SET title = secret"), ReturnValues: str("UPDATED_NEW")})),
		fails(do(w, ann, dynamodb.UpdateItem, dynamodb.UpdateItemInput{TableName: notes, Key: key("ann"), UpdateExpression: str("SET title = :u"), ExpressionAttributeValues: u, ReturnValues: str("ALL_NEW")})),
		fails(do(w, ann, dynamodb.DeleteItem, dynamodb.DeleteItemInput{TableName: notes, Key: key("ann"), ReturnValues: str("ALL_OLD")})),
		fails(do(w, ann, dynamodb.DeleteItem, dynamodb.DeleteItemInput{TableName: notes, Key: key("ann"), ConditionExpression: str("attribute_not_exists(title)"), ReturnValuesOnConditionCheckFailure: str("ALL_OLD")})),
		fails(do(w, ann, dynamodb.PutItem, dynamodb.PutItemInput{TableName: notes, Item: append(key("ann"), item.Attribute{Name: "secret", Value: item.Text("x")})})),
		fails(do(w, ann, dynamodb.PutItem, dynamodb.PutItemInput{TableName: notes, Item: key("ann"), ConditionExpression: str("secret = :u"), ExpressionAttributeValues: u})),
	}
	for _, err := range denied {
		w.refused(err, "AccessDenied", "")
	}
}

func TestNumericAndBinaryLeadingKeys(t *testing.T) {
	w := newWorld(t)
	w.table("num", "id:N")
	w.table("bin", "id:B")
	p := w.under(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*", "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["7", "AQI="]}}}]}`)
	for table, ok := range map[string][]string{"num": {`{'N': '7'}`, `{'N': '7.0'}`, `{'N': '0.7e1'}`}, "bin": {`{'B': 'AQI='}`}} {
		for _, v := range ok {
			if _, err := do(w, p, dynamodb.PutItem, dynamodb.PutItemInput{TableName: str(table), Item: doc(`{'id': ` + v + `}`)}); err != nil {
				t.Errorf("%s: %v", v, err)
			}
		}
	}
	for table, v := range map[string]string{"num": `{'N': '70'}`, "bin": `{'B': 'AQM='}`} {
		_, err := do(w, p, dynamodb.PutItem, dynamodb.PutItemInput{TableName: str(table), Item: doc(`{'id': ` + v + `}`)})
		w.refused(err, "AccessDenied", "")
	}
}
