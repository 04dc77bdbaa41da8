package tables

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"bothy/api/dynamodb"
	"bothy/wire"
	"bothy/wire/item"
)

// batch runs statements and shows for each its item or its error.
func (w *world) batch(by *wire.Principal, texts ...string) ([]string, error) {
	var in dynamodb.BatchExecuteStatementInput
	for _, text := range texts {
		in.Statements = append(in.Statements, dynamodb.BatchStatementRequest{Statement: str(text)})
	}
	out, err := do(w, by, dynamodb.BatchExecuteStatement, in)
	if err != nil {
		return nil, err
	}
	var shown []string
	for _, r := range out.Responses {
		if r.Error != nil {
			shown = append(shown, r.Error.Code.V+": "+r.Error.Message.V)
		} else {
			shown = append(shown, r.TableName.V+" "+show(r.Item))
		}
	}
	return shown, nil
}

func (w *world) transaction(by *wire.Principal, token string, texts ...string) (*dynamodb.ExecuteTransactionOutput, error) {
	in := dynamodb.ExecuteTransactionInput{ReturnConsumedCapacity: str("TOTAL")}
	if token != "" {
		in.ClientRequestToken = str(token)
	}
	for _, text := range texts {
		in.TransactStatements = append(in.TransactStatements, dynamodb.ParameterizedStatement{Statement: str(text)})
	}
	return do(w, by, dynamodb.ExecuteTransaction, in)
}

func TestBatchesOfStatements(t *testing.T) {
	w := musicWorld(t)
	const noKey = "ValidationError: Select statements within BatchExecuteStatement must specify the primary key in the where clause."
	for _, c := range []struct{ texts, want []string }{
		{[]string{`SELECT song FROM music WHERE artist = 'acme' AND song = 'a'`, `SELECT * FROM music WHERE artist = 'x' AND song = 'a'`, `SELECT * FROM music WHERE artist = 'acme'`,
			`SELECT * FROM "music"."all" WHERE genre = 'x'`, `SELECT * FROM music WHERE artist = 'acme' AND song = 'a' AND attribute_exists(m)`, `SLECT`, `SELECT * FROM nowhere WHERE pk = 1`},
			[]string{`music {'song':{'S':'a'}}`, `music nil`, noKey, noKey, noKey, "ValidationError: Statement wasn't well formed, can't be processed: Expected data manipulation", "ResourceNotFound: Requested resource not found"}},
		{[]string{`INSERT INTO music VALUE {'artist': 'new', 'song': 'a'}`, `INSERT INTO music VALUE {'artist': 'acme', 'song': 'a'}`, `UPDATE music SET x = 1 WHERE artist = 'none' AND song = 'a'`,
			`UPDATE music SET x = 1 WHERE artist = 'new' AND song = 'a' RETURNING MODIFIED NEW *`, `DELETE FROM music WHERE artist = 'new' AND song = 'a' RETURNING ALL NEW *`, `DELETE FROM music WHERE artist = 'new' AND song = 'a' RETURNING ALL OLD *`},
			[]string{`music nil`, "DuplicateItem: Duplicate primary key exists in table", "ConditionalCheckFailed: The conditional request failed", `music {'x':{'N':'1'}}`,
				"ValidationError: Invalid returning clause: RETURNING ALL NEW *. Only RETURNING ALL OLD * is allowed in DELETE statements.", `music {'artist':{'S':'new'},'song':{'S':'a'},'x':{'N':'1'}}`}},
	} {
		got, err := w.batch(w.root, c.texts...)
		if err != nil || strings.Join(got, "\n") != strings.Join(c.want, "\n") {
			t.Errorf("got\n%s (%v)\nwant\n%s", strings.Join(got, "\n"), err, strings.Join(c.want, "\n"))
		}
	}
	_, err := w.batch(w.root, `SELECT * FROM music WHERE artist = 'acme' AND song = 'a'`, `DELETE FROM music WHERE artist = 'acme' AND song = 'a'`)
	w.refused(err, "ValidationException", "")
	if _, err := w.batch(w.root, strings.Split(strings.Repeat("x,", 25)+"x", ",")...); err == nil {
		t.Error("26 statements are taken")
	}
}

func TestTransactionsOfStatements(t *testing.T) {
	w := musicWorld(t)
	out, err := w.transaction(w.root, "", `SELECT song FROM music WHERE artist = 'acme' AND song = 'a'`, `SELECT * FROM music WHERE song = 'x' AND artist = 'acme'`)
	if err != nil || len(out.Responses) != 2 || show(out.Responses[0].Item) != `{'song':{'S':'a'}}` || out.Responses[1].Item != nil {
		t.Fatal(out, err)
	}
	const touch = `UPDATE music SET touched = 1 WHERE artist = 'zeta' AND song = 'a'`
	out, err = w.transaction(w.root, "", `EXISTS(SELECT * FROM music WHERE artist = 'acme' AND song = 'a' AND tags IS MISSING)`, touch, `INSERT INTO music VALUE {'artist': 'acme', 'song': 'd'}`, `DELETE FROM music WHERE artist = 'acme' AND song = 'c'`)
	if err != nil || len(out.Responses) != 0 || out.ConsumedCapacity[0].WriteCapacityUnits.V != out.ConsumedCapacity[0].CapacityUnits.V {
		t.Fatal(out, err)
	}
	if got := len(w.scanAll(dynamodb.ScanInput{TableName: str("music")})); got != 4 {
		t.Errorf("%d items", got)
	}
	for _, c := range []struct {
		texts []string
		want  string
	}{
		{[]string{`EXISTS(SELECT * FROM music WHERE artist = 'acme' AND song = 'a' AND m IS MISSING)`, touch}, "[ConditionalCheckFailed, None]"},
		{[]string{`EXISTS(SELECT * FROM music WHERE artist = 'acme' AND song = 'none' AND m IS MISSING)`, touch}, "[ConditionalCheckFailed, None]"},
		{[]string{touch, `INSERT INTO music VALUE {'artist': 'acme', 'song': 'a'}`}, "[None, DuplicateItem]"},
		{[]string{touch, `UPDATE music SET x = 1 WHERE artist = 'none' AND song = 'a'`}, "[None, ConditionalCheckFailed]"},
	} {
		_, err := w.transaction(w.root, "", c.texts...)
		cancelled := (*dynamodb.TransactionCanceledException)(nil)
		if !errors.As(err, &cancelled) || !strings.HasSuffix(cancelled.Message.V, c.want) {
			t.Errorf("%s: %v, want %s", c.texts, err, c.want)
		}
	}
	for want, texts := range map[string][]string{
		"Validation failed in TransactStatements[0]: EXISTS() must contain a single item read with additional condition":                            {`EXISTS(SELECT * FROM music WHERE artist = 'acme' AND song = 'a')`, touch},
		"Validation failed in TransactStatements[1]: RETURNING clause is not supported in ExecuteTransaction.":                                      {touch, `DELETE FROM music WHERE artist = 'acme' AND song = 'a' RETURNING ALL OLD *`},
		"Validation failed in TransactStatements[0]: Reads on indices are not supported within transactions.":                                       {`SELECT * FROM "music"."all" WHERE genre = 'x'`},
		"Validation failed in TransactStatements[0]: Select statements within ExecuteTransaction must specify the primary key in the where clause.": {`SELECT * FROM music WHERE artist = 'acme'`},
		"Validation failed in TransactStatements[0]: Statement wasn't well formed, can't be processed: Unexpected term":                             {`SELECT * FROM music WHERE`},
		"ExecuteTransaction API does not support both read and write operations in the same request.":                                               {`SELECT * FROM music WHERE artist = 'acme' AND song = 'a'`, touch},
		"Transaction request cannot include multiple operations on one item":                                                                        {touch, touch},
	} {
		_, err := w.transaction(w.root, "", texts...)
		w.refused(err, "ValidationException", want)
	}
}

func TestStatementTransactionsAreIdempotent(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "pk:S")
	w.put("tab", `{'pk': {'S': 'a'}, 'n': {'N': '0'}}`)
	add := func(k int) string { return fmt.Sprintf(`UPDATE tab SET n = n + %d WHERE pk = 'a'`, k) }
	first, err1 := w.transaction(w.root, "token", add(1))
	again, err2 := w.transaction(w.root, "token", add(1))
	if err1 != nil || err2 != nil || first.ConsumedCapacity[0].WriteCapacityUnits.V != 2 || first.ConsumedCapacity[0].ReadCapacityUnits.Set || again.ConsumedCapacity[0].ReadCapacityUnits.V != 2 || again.ConsumedCapacity[0].WriteCapacityUnits.Set {
		t.Error(first, again, err1, err2)
	}
	if got := w.get("tab", `{'pk': {'S': 'a'}}`); got != `{'n':{'N':'1'},'pk':{'S':'a'}}` {
		t.Error(got)
	}
	_, err := w.transaction(w.root, "token", add(2))
	w.refused(err, "IdempotentParameterMismatchException", "")
}

// TestTokensDoNotMindOrder: a request is the same with its attributes, and the members of its sets, in another order, as SDKs
// send maps; but not with its lists in another order.
func TestTokensDoNotMindOrder(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "pk:S")
	w.put("tab", `{'pk': {'S': 'a'}}`)
	put := func(token, v string) error {
		_, err := do(w, w.root, dynamodb.TransactWriteItems, dynamodb.TransactWriteItemsInput{ClientRequestToken: str(token), TransactItems: []dynamodb.TransactWriteItem{{Update: &dynamodb.Update{TableName: str("tab"), Key: doc(`{'pk': {'S': 'a'}}`),
			UpdateExpression: str("SET v = :v, w = :w"), ExpressionAttributeValues: doc(v)}}}})
		return err
	}
	state := func(token, v string) error {
		_, err := do(w, w.root, dynamodb.ExecuteTransaction, dynamodb.ExecuteTransactionInput{ClientRequestToken: str(token), TransactStatements: []dynamodb.ParameterizedStatement{
			{Statement: str(`UPDATE tab SET v = ? SET w = ? WHERE pk = 'a'`), Parameters: list(v)}}})
		return err
	}
	for name, send := range map[string]func(token, v string) error{"write": put, "state": state} {
		if err := send(name, `{':v': {'M': {'x': {'SS': ['a', 'b']}, 'y': {'L': [{'N': '1'}, {'M': {'p': {'N': '1'}, 'q': {'N': '2'}}}]}}}, ':w': {'N': '1.0'}}`); err != nil {
			t.Fatal(err)
		}
		if err := send(name, `{':v': {'M': {'y': {'L': [{'N': '1'}, {'M': {'q': {'N': '2'}, 'p': {'N': '1'}}}]}, 'x': {'SS': ['b', 'a']}}}, ':w': {'N': '1'}}`); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		err := send(name, `{':v': {'M': {'x': {'SS': ['a', 'b']}, 'y': {'L': [{'M': {'p': {'N': '1'}, 'q': {'N': '2'}}}, {'N': '1'}]}}}, ':w': {'N': '1'}}`)
		w.refused(err, "IdempotentParameterMismatchException", "")
	}
	err := put("write", `{':w': {'N': '1'}, ':v': {'N': '2'}}`)
	w.refused(err, "IdempotentParameterMismatchException", "")
}

// privately is the policy of a table whose rows are their owners', for PartiQL; another statement forbids nothing more.
const privately = `{"Version": "2012-10-17", "Statement": [{
	"Effect": "Allow", "Action": ["dynamodb:PartiQLSelect", "dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate", "dynamodb:PartiQLDelete"], "Resource": "*",
	"Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["ann"]}}}]}`

// statementsAbout are statements about a user's rows of notes, however worded.
func statementsAbout(user string) map[string]string {
	const set = ` SET secret = 'x' `
	at := ` WHERE userId = '` + user + `' AND noteId = '1'`
	of := ` WHERE userId = '` + user + `'`
	return map[string]string{
		"key":             `SELECT * FROM notes` + at,
		"partition":       `SELECT secret FROM "notes"` + of,
		"mirrored":        `SELECT * FROM notes WHERE '` + user + `' = userId`,
		"quoted":          `SELECT * FROM "notes" WHERE "userId" = '` + user + `'`,
		"in":              `SELECT * FROM notes WHERE userId IN ['` + user + `']`,
		"in two":          `SELECT * FROM notes WHERE userId IN ('ann', '` + user + `')`,
		"in a set":        `SELECT * FROM notes WHERE userId IN <<'` + user + `'>>`,
		"or":              `SELECT * FROM notes WHERE userId = 'ann' OR userId = '` + user + `'`,
		"or in parens":    `SELECT * FROM notes WHERE (userId = 'ann' AND noteId = '1') OR (userId = '` + user + `' AND noteId = '1')`,
		"and":             `SELECT * FROM notes WHERE userId = '` + user + `' AND userId = '` + user + `'`,
		"filtered":        `SELECT * FROM notes` + of + ` AND secret IS NOT MISSING AND size(secret) > 0`,
		"ordered":         `SELECT * FROM notes` + of + ` ORDER BY noteId DESC`,
		"local index":     `SELECT * FROM "notes"."DateSorted"` + of,
		"global index":    `SELECT * FROM "notes"."byUser"` + of,
		"commented":       `SELECT * FROM notes -- WHERE userId = 'ann'` + "\n" + of,
		"insert":          `INSERT INTO notes VALUE {'userId': '` + user + `', 'noteId': 'new'}`,
		"update":          `UPDATE notes` + set + at,
		"update last":     `FROM notes` + at + set,
		"update if":       `UPDATE notes` + set + at + ` AND (secret = 'of ann' OR secret <> 'of ann')`,
		"update returned": `UPDATE notes` + set + at + ` RETURNING ALL OLD *`,
		"delete":          `DELETE FROM notes` + at,
		"delete returned": `DELETE FROM notes` + at + ` RETURNING ALL OLD *`,
	}
}

// everywhere are statements that reach all partitions, or partitions that are not named.
var everywhere = []string{
	`SELECT * FROM notes`, `SELECT * FROM notes WHERE noteId = '1'`, `SELECT * FROM notes WHERE userId <> 'x'`, `SELECT * FROM notes WHERE userId > 'a'`, `SELECT * FROM notes WHERE userId IS NOT MISSING`,
	`SELECT * FROM notes WHERE userId BETWEEN 'ann' AND 'ann'`, `SELECT * FROM notes WHERE begins_with(userId, 'ann')`, `SELECT * FROM notes WHERE NOT userId = 'ann'`, `SELECT * FROM notes WHERE NOT (userId <> 'ann')`,
	`SELECT * FROM notes WHERE userId = 'ann' OR noteId = '1'`, `SELECT * FROM notes WHERE userId = noteId`, `SELECT * FROM notes WHERE userId IN ('ann', userId)`, `SELECT * FROM notes WHERE userId NOT IN ['ann']`,
	`SELECT * FROM "notes"."byTitle" WHERE userId = 'ann'`, `SELECT * FROM "notes"."byTitle" WHERE title = 'title' AND userId = 'ann'`, `SELECT * FROM "notes"."DateSorted"`, `SELECT * FROM "notes"."none" WHERE userId = 'ann'`,
	`SELECT * FROM notes WHERE userId.x = 'ann'`, `SELECT * FROM notes WHERE userId = 7`, `SELECT * FROM notes WHERE "USERID" = 'ann'`, `SELECT * FROM none WHERE userId = 'ann'`,
	`DELETE FROM notes WHERE noteId = '1'`, `UPDATE notes SET secret = 'x' WHERE userId = 'ann' OR userId = 'bob'`, `UPDATE notes SET secret = 'x' WHERE userId IN ['ann'] AND noteId = '1'`,
	`UPDATE notes SET secret = 'x' WHERE userId = 'ann' AND userId = 'bob' AND noteId = '1'`, `DELETE FROM notes WHERE userId = 'bob' AND noteId = '1' AND userId = 'ann'`,
	`SELECT * FROM notes WHERE userId IN ['bob'] AND userId = 'ann' AND noteId = '1'`, `SELECT * FROM notes WHERE userId = 'ann' AND noteId = 1`,
	`INSERT INTO notes VALUE {'noteId': '1'}`, `INSERT INTO notes VALUE {'userId': 1, 'noteId': '1'}`, `DELETE FROM none WHERE userId = 'ann'`,
}

func TestOwnPartitionByStatements(t *testing.T) {
	for name, text := range statementsAbout("ann") {
		w := notesWorld(t)
		if _, err := do(w, w.under(privately), dynamodb.ExecuteStatement, dynamodb.ExecuteStatementInput{Statement: str(text)}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestNeighboursPartitionByStatements: no wording, alone, in a batch, in a transaction, or as a parameter, reaches it.
func TestNeighboursPartitionByStatements(t *testing.T) {
	w := notesWorld(t)
	ann := w.under(privately)
	before := fmt.Sprint(w.sql(`SELECT * FROM notes`))
	texts := append([]string(nil), everywhere...)
	for _, text := range statementsAbout("bob") {
		texts = append(texts, text)
	}
	for _, text := range texts {
		t.Run(text, func(t *testing.T) {
			w.t = t
			_, err := do(w, ann, dynamodb.ExecuteStatement, dynamodb.ExecuteStatementInput{Statement: str(text)})
			w.refused(err, "AccessDenied", "")
			question := strings.ReplaceAll(text, "'bob'", "?")
			var bobs []item.Value
			for range strings.Count(question, "?") {
				bobs = append(bobs, item.Text("bob"))
			}
			_, err = do(w, ann, dynamodb.ExecuteStatement, dynamodb.ExecuteStatementInput{Statement: str(question), Parameters: bobs})
			w.refused(err, "AccessDenied", "")
			out, err := w.batch(ann, text, text)
			if err != nil || !strings.HasPrefix(out[0], "AccessDenied: ") || !strings.HasPrefix(out[1], "AccessDenied: ") {
				t.Errorf("in a batch: %v %v", out, err)
			}
			_, err = w.transaction(ann, "", text)
			w.refused(err, "AccessDenied", "")
		})
	}
	w.t = t
	_, err := w.transaction(ann, "", `EXISTS(SELECT * FROM notes WHERE userId = 'bob' AND noteId = '1' AND secret = 'of bob')`, `UPDATE notes SET x = 1 WHERE userId = 'ann' AND noteId = '1'`)
	w.refused(err, "AccessDenied", "")
	if after := fmt.Sprint(w.sql(`SELECT * FROM notes`)); after != before {
		t.Errorf("the table became %s", after)
	}
}

// TestTokenOfANeighboursStatement: a token that root got for bob's rows is of no use to ann.
func TestTokenOfANeighboursStatement(t *testing.T) {
	w := notesWorld(t)
	token := must(w, dynamodb.ExecuteStatement, dynamodb.ExecuteStatementInput{Statement: str(`SELECT * FROM notes WHERE userId = 'bob'`), Limit: wire.Some(int32(1))}).NextToken
	_, err := do(w, w.under(privately), dynamodb.ExecuteStatement, dynamodb.ExecuteStatementInput{Statement: str(`SELECT * FROM notes WHERE userId = 'ann'`), NextToken: token})
	w.refused(err, "ValidationException", "NextToken does not match request")
}

func TestStatementConditionKeys(t *testing.T) {
	w := notesWorld(t)
	try := func(condition, text string) error {
		p := w.under(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "dynamodb:PartiQL*", "Resource": "*"}, {"Effect": "Deny", "Action": "dynamodb:*", "Resource": "*", "Condition": ` + condition + `}]}`)
		_, err := do(w, p, dynamodb.ExecuteStatement, dynamodb.ExecuteStatementInput{Statement: str(text)})
		return err
	}
	const noScan = `{"Bool": {"dynamodb:FullTableScan": ["true"]}}`
	const noSecret = `{"ForAnyValue:StringEquals": {"dynamodb:Attributes": "secret"}}`
	const someOnly = `{"StringNotEqualsIfExists": {"dynamodb:Select": "SPECIFIC_ATTRIBUTES"}}`
	const noOld = `{"StringEquals": {"dynamodb:ReturnValues": ["ALL_OLD", "ALL_NEW", "UPDATED_OLD"]}}`
	for _, c := range []struct {
		condition, text string
		ok              bool
	}{
		{noScan, `SELECT * FROM notes WHERE userId IN ['ann', 'bob']`, true}, {noScan, `SELECT * FROM notes WHERE userId = 'ann' OR userId = 'bob' AND noteId = '1'`, true}, {noScan, `SELECT * FROM notes`, false},
		{noScan, `SELECT * FROM notes WHERE noteId = '1'`, false}, {noScan, `SELECT * FROM "notes"."byTitle" WHERE userId = 'ann'`, false}, {noScan, `SELECT * FROM "notes"."byTitle" WHERE title = 'x'`, true},
		{noScan, `UPDATE notes SET x = 1 WHERE userId = 'ann' AND noteId = '1'`, true},
		{noSecret, `SELECT title FROM notes WHERE userId = 'ann'`, true}, {noSecret, `SELECT secret FROM notes WHERE userId = 'ann'`, false}, {noSecret, `SELECT title FROM notes WHERE userId = 'ann' AND "secret" = 'x'`, false},
		{noSecret, `UPDATE notes SET title = secret WHERE userId = 'ann' AND noteId = '1'`, false}, {noSecret, `UPDATE notes REMOVE secret WHERE userId = 'ann' AND noteId = '1'`, false}, {noSecret, `INSERT INTO notes VALUE {'userId': 'a', 'noteId': 'b', 'secret': 1}`, false},
		{someOnly, `SELECT title FROM notes WHERE userId = 'ann'`, true}, {someOnly, `SELECT * FROM notes WHERE userId = 'ann'`, false}, {someOnly, `SELECT * FROM "notes"."byUser" WHERE userId = 'ann'`, false},
		{noOld, `DELETE FROM notes WHERE userId = 'x' AND noteId = '1'`, true}, {noOld, `DELETE FROM notes WHERE userId = 'x' AND noteId = '1' RETURNING ALL OLD *`, false},
		{noOld, `UPDATE notes SET x = 1 WHERE userId = 'ann' AND noteId = '1' RETURNING MODIFIED NEW *`, true}, {noOld, `UPDATE notes SET x = 1 WHERE userId = 'ann' AND noteId = '1' RETURNING MODIFIED OLD *`, false},
	} {
		if err := try(c.condition, c.text); c.ok != (err == nil) {
			t.Errorf("%s under %s: %v", c.text, c.condition, err)
		}
	}
	only := w.under(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "dynamodb:PartiQL*", "Resource": "*", "Condition": {"StringEquals": {"dynamodb:EnclosingOperation": "ExecuteTransaction"}}}]}`)
	const read = `SELECT * FROM notes WHERE userId = 'ann' AND noteId = '1'`
	if _, err := w.transaction(only, "", read); err != nil {
		t.Error(err)
	}
	_, err := do(w, only, dynamodb.ExecuteStatement, dynamodb.ExecuteStatementInput{Statement: str(read)})
	w.refused(err, "AccessDenied", "")
	if out, err := w.batch(only, read); err != nil || !strings.HasPrefix(out[0], "AccessDenied") {
		t.Error(out, err)
	}
	hidden := w.under(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "dynamodb:PartiQL*", "Resource": "*", "Condition": {"StringEqualsIfExists": {"dynamodb:Select": "SPECIFIC_ATTRIBUTES", "dynamodb:ReturnValues": "NONE"}}}]}`)
	_, err = do(w, hidden, dynamodb.ExecuteTransaction, dynamodb.ExecuteTransactionInput{TransactStatements: []dynamodb.ParameterizedStatement{
		{Statement: str(`EXISTS(SELECT title FROM notes WHERE userId = 'ann' AND noteId = '1' AND title = 'x')`), ReturnValuesOnConditionCheckFailure: str("ALL_OLD")}}})
	w.refused(err, "AccessDenied", "")
	for _, text := range []string{`UPDATE notes SET x = 1 WHERE userId = 'ann' AND noteId = '1' AND title = 'x'`, `DELETE FROM notes WHERE userId = 'ann' AND noteId = '1' AND title = 'x'`} {
		_, err = do(w, hidden, dynamodb.ExecuteStatement, dynamodb.ExecuteStatementInput{Statement: str(text), ReturnValuesOnConditionCheckFailure: str("ALL_OLD")})
		w.refused(err, "AccessDenied", "")
	}
	index := w.under(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "dynamodb:PartiQLSelect", "Resource": "arn:aws:dynamodb:*:*:table/notes/index/byUser"}]}`)
	if _, err := do(w, index, dynamodb.ExecuteStatement, dynamodb.ExecuteStatementInput{Statement: str(`SELECT * FROM notes.byUser WHERE userId = 'ann'`)}); err != nil {
		t.Error(err)
	}
	_, err = do(w, index, dynamodb.ExecuteStatement, dynamodb.ExecuteStatementInput{Statement: str(read)})
	w.refused(err, "AccessDenied", "")
}
