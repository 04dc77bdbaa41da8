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

// What Amazon's DynamoDB was seen to answer, by public suites that recorded it.

// fleetWorld has a table of ports and ships, with an item whose attributes are of every kind, and indexes that show little.
func fleetWorld(t *testing.T) *world {
	w := newWorld(t)
	w.table("fleet", "port:S hull:S", "-byYear port:S year:N KEYS_ONLY", "byFlag flag:S INCLUDE:crew")
	w.put("fleet", `{'port': {'S': 'oban'}, 'hull': {'S': '1'}, 'n': {'N': '5'}, 's': {'S': 'str'}, 'l': {'L': [{'S': 'a'}, {'S': 'b'}]}, 'm': {'M': {'k': {'L': [{'S': 'c'}]}}},
		'ss': {'SS': ['a', 'b']}, 'ns': {'NS': ['1', '2']}, 'nul': {'NULL': true}, 'yes': {'BOOL': true}, 'year': {'N': '1900'}, 'flag': {'S': 'uk'}, 'crew': {'N': '3'}}`)
	w.put("fleet", `{'port': {'S': 'oban'}, 'hull': {'S': '2'}, 'n': {'N': '7'}, 'year': {'N': '1910'}, 'flag': {'S': 'no'}}`)
	w.put("fleet", `{'port': {'S': 'skye'}, 'hull': {'S': '1'}, 'year': {'N': '1920'}}`)
	return w
}

const (
	atFirst   = ` WHERE port = 'oban' AND hull = '1'`
	malformed = "Statement wasn't well formed, can't be processed: "
)

// some is a list of n different strings.
func some(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("'v%d'", i)
	}
	return strings.Join(list, ", ")
}

func TestRecordedStatements(t *testing.T) {
	w := fleetWorld(t)
	for text, want := range map[string]string{
		`SELECT l[-0] FROM fleet` + atFirst:                                              `{'l[0]':{'S':'a'}}`,
		`SELECT m.k[0] FROM fleet` + atFirst:                                             `{'k[0]':{'S':'c'}}`,
		`SELECT hull FROM fleet` + atFirst + ` AND n = - - 5`:                            `{'hull':{'S':'1'}}`,
		`SELECT hull FROM fleet` + atFirst + ` AND n BETWEEN - 2 AND +5 AND n IN [-5,5]`: `{'hull':{'S':'1'}}`,
		`SELECT/**/hull FROM fleet -- where
			WHERE port/* key */='oban' AND hull = '1' --`: `{'hull':{'S':'1'}}`,
		`SELECT hull FROM fleet WHERE port = 'oban' ORDER BY port ASC`:                         `{'hull':{'S':'2'}} {'hull':{'S':'1'}}`,
		`SELECT hull FROM fleet WHERE port IN ['oban', 'skye'] ORDER BY port ASC, hull`:        `{'hull':{'S':'1'}} {'hull':{'S':'2'}} {'hull':{'S':'1'}}`,
		`SELECT hull FROM fleet WHERE port IN ['oban', 'skye'] ORDER BY port DESC`:             `{'hull':{'S':'1'}} {'hull':{'S':'2'}} {'hull':{'S':'1'}}`,
		`SELECT hull FROM fleet WHERE port = 'oban' AND (hull = '1' OR hull = '2')`:            `{'hull':{'S':'1'}} {'hull':{'S':'2'}}`,
		`SELECT hull FROM fleet WHERE port = 'oban' AND hull > '0' AND hull <> '1'`:            `{'hull':{'S':'2'}}`,
		`SELECT hull FROM fleet WHERE port > 1`:                                                ``,
		`SELECT hull FROM fleet WHERE port IN [` + some(50) + `] AND s IN [` + some(100) + `]`: ``,
		`SELECT hull FROM fleet WHERE port IN [` + some(51) + `] OR s = 'none'`:                ``,
		`SELECT crew FROM fleet.byFlag WHERE NOT n = 5 AND flag > 'no'`:                        `{'crew':{'N':'3'}}`,
		`SELECT n FROM fleet.byYear WHERE port = 'oban' AND year = 1900`:                       `{'n':{'N':'5'}}`,
		`DELETE FROM fleet WHERE port = 'none' AND hull = '1' AND s = 'x'`:                     ``,
		`SELECT hull FROM fleet.byYear WHERE s = 'str'`:                                        ``,
		`SELECT hull FROM fleet.byFlag WHERE n = 5 AND l IS NOT MISSING`:                       ``,
		`SELECT hull FROM fleet.byFlag WHERE (flag = 'uk' AND n = 5) OR (flag = 'no')`:         `{'hull':{'S':'2'}}`,
		`SELECT s FROM fleet.byYear WHERE port = 'oban' AND year < 1905`:                       `{'s':{'S':'str'}}`,
		`SELECT * FROM fleet.byFlag WHERE flag = 'no'`:                                         `{'flag':{'S':'no'},'hull':{'S':'2'},'port':{'S':'oban'}}`,
	} {
		if got := w.sql(text); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", text, got, want)
		}
	}
	for _, c := range [][2]string{
		{`SET n = n-1` + atFirst + ` AND port = 'oban'`, `{'n':{'N':'4'}}`},
		{`SET n = n - - 1 WHERE (port = 'oban' AND hull = '1') AND s = 'str'`, `{'n':{'N':'5'}}`},
		{`SET none = set_add(none, <<'x'>>)` + atFirst, `{'none':{'SS':['x']}}`},
		{`SET none = set_delete(none, <<'x'>>)` + atFirst, ``},
		{`SET l = list_append(['z'], l)` + atFirst, `{'l':{'L':[{'S':'z'},{'S':'a'},{'S':'b'}]}}`},
	} {
		if got := w.sql(`UPDATE fleet ` + c[0] + ` RETURNING MODIFIED NEW *`); got != c[1] {
			t.Errorf("%s\ngot  %s\nwant %s", c[0], got, c[1])
		}
	}
}

// TestDocumentedKinds: what the guide writes, changes and takes away of every kind of value.
func TestDocumentedKinds(t *testing.T) {
	w := newWorld(t)
	w.table("kinds", "pk:S")
	for _, c := range [][2]string{
		{`INSERT INTO kinds value {'pk':'1', 'n':1, 'm' : {'one': 'value', 'two': 4}, 'l': [1,'text'], 'ns':<<1,34,32,4.5>>, 'ss':<<'a','b'>> }`,
			`{'l':{'L':[{'N':'1'},{'S':'text'}]},'m':{'M':{'one':{'S':'value'},'two':{'N':'4'}}},'n':{'N':'1'},'ns':{'NS':['1','34','32','4.5']},'pk':{'S':'1'},'ss':{'SS':['a','b']}}`},
		{`UPDATE kinds SET n=n + 100 SET m.new=[2020, 'text', 2.4] SET l = LIST_APPEND(l, [4, <<'c', 'd'>>]) SET ns= SET_ADD(ns, <<345, 48.4>>) SET ss = SET_ADD(ss, <<'e', 'f'>>) WHERE pk='1'`,
			`{'l':{'L':[{'N':'1'},{'S':'text'},{'N':'4'},{'SS':['c','d']}]},'m':{'M':{'one':{'S':'value'},'two':{'N':'4'},'new':{'L':[{'N':'2020'},{'S':'text'},{'N':'2.4'}]}}},'n':{'N':'101'},'ns':{'NS':['1','34','32','4.5','345','48.4']},'pk':{'S':'1'},'ss':{'SS':['a','b','e','f']}}`},
		{`UPDATE kinds SET n=n - 1 REMOVE l[1] REMOVE m.new SET ns = SET_DELETE( ns, <<345>>) SET ss = SET_DELETE( ss, <<'e'>>) WHERE pk='1'`,
			`{'l':{'L':[{'N':'1'},{'N':'4'},{'SS':['c','d']}]},'m':{'M':{'one':{'S':'value'},'two':{'N':'4'}}},'n':{'N':'100'},'ns':{'NS':['1','34','32','4.5','48.4']},'pk':{'S':'1'},'ss':{'SS':['a','b','f']}}`},
	} {
		if w.sql(c[0]); w.get("kinds", `{'pk': {'S': '1'}}`) != c[1] {
			t.Errorf("%s\nleft %s\nwant %s", c[0], w.get("kinds", `{'pk': {'S': '1'}}`), c[1])
		}
	}
}

func TestRecordedRefusals(t *testing.T) {
	w := fleetWorld(t)
	const (
		twice    = "One or more parameter values were invalid: Input collection [b, b] contains duplicates."
		several  = "Multiple conditions on same key port. Only single item Update/Insert/Delete are supported"
		reads    = "Too many decomposed read operations for a given query."
		operand  = "Incorrect operand type for operator or function; operator or function: "
		deep     = "Nesting Levels have exceeded supported limits"
		noKind   = "Key attribute's data type should match its data type in table's schema: Key "
		onIndex  = "This operation is not supported on an index"
		manyPlus = "The IN operator is provided with too many operands; number of operands: 101"
	)
	deepMap := func(n int) string { return strings.Repeat(`{'a': `, n) + "1" + strings.Repeat("}", n) }
	deepList := func(n int) string { return strings.Repeat(`[`, n) + "1" + strings.Repeat("]", n) }
	for _, c := range []struct{ text, want string }{
		{`SELECT l[-1] FROM fleet` + atFirst, "List index is not within the allowable range; index: [-1] at 1:11:1"},
		{`SELECT hull FROM fleet` + atFirst + ` AND attribute_type(l, 1)`, operand + "attribute_type, operand type: N"},
		{`SELECT hull FROM fleet` + atFirst + ` AND attribute_type(l, true)`, operand + "attribute_type, operand type: BOOL"},
		{`SELECT hull FROM fleet` + atFirst + ` AND n > - s`, malformed + "Unexpected term"},
		{`SELECT hull FROM fleet` + atFirst + ` AND s IN [` + some(101) + `]`, manyPlus},
		{`UPDATE fleet SET n = 1` + atFirst + ` AND s IN (` + some(101) + `)`, manyPlus},
		{`SELECT hull FROM fleet WHERE port IN [` + some(51) + `]`, reads},
		{`SELECT hull FROM fleet WHERE port = 'oban' AND hull IN [` + some(51) + `]`, reads},
		{`SELECT hull FROM fleet WHERE port IN [` + some(26) + `] AND hull IN ['1', '2']`, reads},
		{`SELECT hull FROM fleet WHERE port = 1 OR port = 'oban'`, noKind + "port"},
		{`SELECT hull FROM fleet WHERE port = 'oban' AND hull IN ['1', 2]`, noKind + "hull"},
		{`SELECT hull FROM fleet WHERE port = 'oban' AND hull > 2`, noKind + "hull"},
		{`SELECT hull FROM fleet WHERE port = true`, "Key value must be of type S, N, or B. Key name: port, Key type: BOOL"},
		{`SELECT hull FROM fleet WHERE port = 'oban' ORDER BY n DESC`, "Attribute n in ORDER BY clause must be part of the primary key"},
		{`SELECT hull FROM fleet WHERE port > 'a' ORDER BY hull`, "Must have at least one non-optional hash key condition in WHERE clause when using ORDER BY clause."},
		{`SELECT hull FROM fleet WHERE port IN ['oban', 'skye'] ORDER BY hull DESC`, "Must have hash key in ORDER BY clause when more than one hash key condition specified in WHERE clause."},
		{`INSERT INTO fleet.byYear VALUE {'port': 'a'}`, "FROM clause may only contain a single table name"},
		{`INSERT INTO fleet."none" VALUE {'port': 'a'}`, "FROM clause may only contain a single table name"},
		{`UPDATE fleet.byYear SET n = 1` + atFirst, onIndex}, {`DELETE FROM "fleet"."byFlag"` + atFirst, onIndex}, {`FROM fleet.none` + atFirst + ` REMOVE n`, onIndex},
		{`UPDATE fleet SET x = <<1, 'a'>>` + atFirst, "Unsupported data type in Bag. DynamoDB only supports either numbers or strings in bags"},
		{`UPDATE fleet SET x = <<>>` + atFirst, "Empty bags are not supported"},
		{`UPDATE fleet SET ss = set_add(ss, <<'b', 'b'>>)` + atFirst, twice}, {`SELECT hull FROM fleet` + atFirst + ` AND ss = <<'b', 'b'>>`, twice},
		{`UPDATE fleet SET ns = set_add(ns, <<2, 2.0>>)` + atFirst, "One or more parameter values were invalid: Input collection [2, 2.0] contains duplicates! under root"},
		{`UPDATE fleet SET x = set_add(ss, <<'x'>>)` + atFirst, "The first argument to SET_ADD must equal the assignment value at 1:22:7"},
		{"UPDATE fleet\nSET ss = set_add(ss, 'x')" + atFirst, "The second argument to SET_ADD must be a value with type SET at 2:18:2"},
		{`UPDATE fleet SET "ss" = set_delete("ss", ['x'])` + atFirst, "The second argument to SET_DELETE must be a value with type SET at 1:36:4"},
		{`UPDATE fleet SET ss = set_add(ss, <<1>>)` + atFirst, "An operand in the update expression has an incorrect data type"},
		{`UPDATE fleet SET none = list_append(none, [1])` + atFirst, "The provided expression refers to an attribute that does not exist in the item"},
		{`UPDATE fleet SET d = ` + deepMap(32) + atFirst, deep + " under root" + strings.Repeat(".a", 32)},
		{`UPDATE fleet SET d = {'a': ` + deepList(31) + `}` + atFirst, deep + " under root.a" + strings.Repeat("[0]", 31)},
		{`INSERT INTO fleet VALUE {'port': 'a', 'hull': 'b', 'd': ` + deepMap(32) + `}`, deep + " under root" + strings.Repeat(".a", 32)},
		{`UPDATE fleet SET m.k = ` + deepMap(31) + atFirst, deep},
		{`UPDATE fleet SET n = 'a' + 1` + atFirst + ` AND s = 'none'`, operand + "+, operand type: S"},
		{`UPDATE fleet SET n = n - null` + atFirst, operand + "-, operand type: NULL"},
		{`UPDATE fleet SET n = 1` + atFirst + ` AND port = 'other'`, several}, {`DELETE FROM fleet` + atFirst + ` AND port = 'other'`, several},
		{`UPDATE fleet SET n = 1` + atFirst + ` garbage`, malformed + "Unexpected token after expression"},
		{`SELECT crew FROM fleet.byFlag WHERE flag = 'uk' AND NOT (n = 1 OR crew = 2)`, "One or more parameter values were invalid: Secondary index byFlag does not project one or more filter attributes: [n]"},
		{`SELECT crew, n, l FROM fleet.byFlag`, "One or more parameter values were invalid: Global secondary index byFlag does not project [n, l]"},
		{`SELECT hull FROM fleet.byFlag WHERE flag IN ['uk', 'no'] AND n = 5`, "One or more parameter values were invalid: Secondary index byFlag does not project one or more filter attributes: [n]"},
		{`SELECT hull FROM fleet.byFlag WHERE flag = 'uk' AND n IS MISSING`, "One or more parameter values were invalid: Secondary index byFlag does not project one or more filter attributes: [n]"},
		{`SELECT hull FROM fleet.byYear WHERE port = 'oban' AND year BETWEEN 1 AND 2000 AND begins_with(s, 's')`, "One or more parameter values were invalid: Secondary index byYear does not project one or more filter attributes: [s]"},
		{`SELECT hull FROM fleet.fleet`, "The table does not have the specified index"},
		{`x IS INT4`, "Unsupported operation: IsType"}, {`x IS DOUBLE PRECISION`, "Unsupported operation: IsType"}, {`x IS CHARACTER VARYING`, "Unsupported operation: IsType"},
		{`SELECT * FROM nowhere WHERE port = 'a' AND n < true`, operand + "<, operand type: BOOL"},
		{`SELECT * FROM fleet` + atFirst + ` AND n BETWEEN true AND false`, operand + "BETWEEN, operand type: BOOL"},
	} {
		out, err := w.statement(c.text)
		if err == nil {
			t.Errorf("%s is taken: %s", c.text, rowsOf(out.Items))
			continue
		}
		t.Run(c.text, func(t *testing.T) { w.t = t; w.refused(err, "ValidationException", c.want) })
	}
}

// TestRecordedSizes: an item may be of 400 KB to the byte, whichever way a statement writes it.
func TestRecordedSizes(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "pk:S")
	const most = 400<<10 - len("pk"+"a"+"v")
	text := func(n int) item.Value { return item.Text(strings.Repeat("x", n)) }
	insert, update := `INSERT INTO tab VALUE {'pk': ?, 'v': ?}`, `UPDATE tab SET v = ? WHERE pk = ?`
	_, err := w.statement(insert, item.Text("b"), text(most+1))
	w.refused(err, "ValidationException", "Item size has exceeded the maximum allowed size")
	w.sql(insert, item.Text("a"), text(most))
	_, err = w.statement(update, text(most+1), item.Text("a"))
	w.refused(err, "ValidationException", "Item size to update has exceeded the maximum allowed size")
	w.sql(update, text(most), item.Text("a"))
}

// reasons are the codes of a cancelled transaction, and what it says of each.
func (w *world) reasons(err error) string {
	var cancelled *dynamodb.TransactionCanceledException
	if !errors.As(err, &cancelled) {
		var f wire.Fault
		if errors.As(err, &f) {
			_, _, text := f.Fault()
			return text
		}
		return fmt.Sprint(err)
	}
	var codes, shown []string
	for _, r := range cancelled.CancellationReasons {
		codes = append(codes, r.Code.V)
		shown = append(shown, strings.TrimSuffix(r.Code.V+": "+r.Message.V, ": "))
	}
	if want := "Transaction cancelled, please refer cancellation reasons for specific reasons [" + strings.Join(codes, ", ") + "]"; cancelled.Message.V != want {
		w.t.Errorf("the message is %s, want %s", cancelled.Message.V, want)
	}
	return strings.Join(shown, "; ")
}

func TestRecordedTransactionsOfStatements(t *testing.T) {
	w := fleetWorld(t)
	const (
		read     = `SELECT * FROM fleet` + atFirst
		touch    = `UPDATE fleet SET touched = 1 WHERE port = 'skye' AND hull = '1'`
		mismatch = "ValidationError: The provided key element does not match the schema"
		gone     = "ResourceNotFound: Requested resource not found"
		one      = "Transaction request cannot include multiple operations on one item"
		noKey    = "Validation failed in TransactStatements[0]: Select statements within ExecuteTransaction must specify the primary key in the where clause."
		noExists = "Validation failed in TransactStatements[0]: EXISTS() must contain a single item read with additional condition"
	)
	for _, c := range []struct {
		want  string
		texts []string
	}{
		{one, []string{read, `SELECT n FROM fleet WHERE hull = '1' AND port = 'oban'`}},
		{"None; None; " + mismatch, []string{read, read, `SELECT * FROM fleet WHERE port = 1 AND hull = '1'`}},
		{noKey, []string{read + ` AND s = 'str'`}}, {noKey, []string{read + ` AND port = 'other'`}}, {noKey, []string{`SELECT * FROM fleet WHERE port = 'oban'`}},
		{noKey, []string{`SELECT * FROM fleet WHERE port IN ['other'] AND port = 'oban' AND hull = '1'`}},
		{noExists, []string{`EXISTS(SELECT * FROM fleet WHERE port IN ['oban'] AND hull = '1' AND s = 'str')`, touch}},
		{"ConditionalCheckFailed: The conditional request failed; None", []string{`EXISTS(` + read + ` AND port = 'other' AND s = 'str')`, touch}},
		{mismatch + "; " + mismatch + "; " + mismatch + "; " + mismatch + "; None", []string{`UPDATE fleet SET x = 1 WHERE port = 'oban'`, `UPDATE fleet SET x = 1 WHERE port IN ['oban'] AND hull = '1'`,
			`UPDATE fleet SET x = 1` + atFirst + ` AND port = 'other'`, `UPDATE fleet SET x = 1 WHERE port = 'oban' AND hull = 1`, touch}},
		{"ValidationError: One or more parameter values were invalid: Missing the key hull in the item; " + mismatch, []string{`INSERT INTO fleet VALUE {'port': 'a'}`, `DELETE FROM fleet WHERE hull = '1'`}},
		{gone + "; " + gone, []string{`UPDATE none SET x = 1 WHERE a = 'x' RETURNING ALL NEW *`, `DELETE FROM none WHERE a = 'y'`}},
		{"None; " + gone, []string{read, `SELECT * FROM none.idx WHERE a = 'x'`}},
		{"Validation failed in TransactStatements[1]: RETURNING clause is not supported in ExecuteTransaction.", []string{`UPDATE none SET x = 1 WHERE a = 'x'`, touch + ` RETURNING ALL NEW *`}},
		{"Validation failed in TransactStatements[1]: Reads on indices are not supported within transactions.", []string{`SELECT * FROM none WHERE a = 'x'`, `SELECT * FROM fleet.byFlag` + atFirst}},
		{"Validation failed in TransactStatements[0]: This operation is not supported on an index", []string{`UPDATE fleet.byFlag SET x = 1` + atFirst}},
		{"Validation failed in TransactStatements[0]: The IN operator is provided with too many operands; number of operands: 101", []string{`SELECT * FROM fleet WHERE port IN [` + some(101) + `] AND hull = '1'`}},
	} {
		_, err := w.transaction(w.root, "", c.texts...)
		if got := w.reasons(err); err == nil || got != c.want {
			t.Errorf("%s\ngot  %s\nwant %s", strings.Join(c.texts, "\n"), got, c.want)
		}
	}
	for _, text := range []string{`SELECT hull FROM fleet WHERE (hull = '1') AND port = 'oban' AND port = 'oban'`, `SELECT hull FROM fleet WHERE port IN ['oban'] AND hull IN ['1']`, `SELECT hull FROM fleet WHERE (port IN ['oban']) AND port = 'oban' AND hull = '1'`} {
		out, err := w.transaction(w.root, "", text)
		if err != nil || len(out.Responses) != 1 || show(out.Responses[0].Item) != `{'hull':{'S':'1'}}` {
			t.Errorf("%s: %v %v", text, out, err)
		}
	}
	if got := w.get("fleet", `{'port': {'S': 'skye'}, 'hull': {'S': '1'}}`); strings.Contains(got, "touched") {
		t.Errorf("a cancelled transaction left %s", got)
	}
}

// TestParametersComeFirst: a parameter that is no value is told before any statement is read.
func TestParametersComeFirst(t *testing.T) {
	w := fleetWorld(t)
	bad := list(`{'v': {'SS': ['a', 'a']}}`)
	const twice = "One or more parameter values were invalid: Input collection [a, a] contains duplicates."
	_, err := w.statement(`UPDATE fleet SET WHERE`, bad...)
	w.refused(err, "ValidationException", twice)
	_, err = do(w, w.root, dynamodb.ExecuteTransaction, dynamodb.ExecuteTransactionInput{TransactStatements: []dynamodb.ParameterizedStatement{
		{Statement: str(`UPDATE fleet SET`)}, {Statement: str(`INSERT INTO fleet VALUE {'port': 'a', 'hull': 'b', 'x': ?}`), Parameters: bad}}})
	w.refused(err, "ValidationException", twice)
}

func TestRecordedBatches(t *testing.T) {
	w := fleetWorld(t)
	const noKey = "ValidationError: Select statements within BatchExecuteStatement must specify the primary key in the where clause."
	for _, c := range []struct {
		text, table, want string
	}{
		{`SELECT hull FROM fleet WHERE port IN ['oban'] AND hull = '1'`, "fleet", `{'hull':{'S':'1'}}`},
		{`SELECT hull FROM fleet WHERE port = 'none' AND hull = '1'`, "fleet", `nil`},
		{`SELECT hull FROM fleet` + atFirst + ` AND s = 'str'`, "", noKey},
		{`SELECT hull FROM fleet` + atFirst + ` AND port = 'other'`, "", noKey},
		{`SELECT hull FROM fleet.byFlag WHERE flag = 'uk'`, "", noKey},
		{`SELECT hull FROM fleet WHERE port IN [` + some(51) + `] AND hull = '1'`, "", "ValidationError: Too many decomposed read operations for a given query."},
		{`SELECT * FROM none WHERE a = 'x'`, "", "ResourceNotFound: Requested resource not found"},
		{`SLECT`, "", "ValidationError: " + malformed + "Expected data manipulation"},
		{`UPDATE fleet SET n = ?` + atFirst, "", "ValidationError: Number of parameters in request and statement don't match."},
		{`UPDATE fleet SET n = 1` + atFirst + ` AND s = 'none'`, "fleet", "ConditionalCheckFailed: The conditional request failed"},
		{`INSERT INTO fleet VALUE {'port': 'oban', 'hull': '1'}`, "fleet", "DuplicateItem: Duplicate primary key exists in table"},
		{`UPDATE fleet SET m.k = ` + strings.Repeat("[", 31) + "1" + strings.Repeat("]", 31) + atFirst, "fleet", "ValidationError: Nesting Levels have exceeded supported limits"},
		{`UPDATE fleet REMOVE s` + atFirst + ` RETURNING MODIFIED NEW *`, "fleet", "nil"},
	} {
		out := must(w, dynamodb.BatchExecuteStatement, dynamodb.BatchExecuteStatementInput{Statements: []dynamodb.BatchStatementRequest{{Statement: str(c.text)}}})
		r := out.Responses[0]
		got := show(r.Item)
		if r.Error != nil {
			got = r.Error.Code.V + ": " + r.Error.Message.V
		}
		if got != c.want || r.TableName.V != c.table {
			t.Errorf("%s\ngot  %s of %q\nwant %s of %q", c.text, got, r.TableName.V, c.want, c.table)
		}
	}
}

// TestBatchesTellCapacityByTable: what the statements consumed is added up, and of those that failed nothing is told.
func TestBatchesTellCapacityByTable(t *testing.T) {
	w := fleetWorld(t)
	w.table("tab", "pk:S")
	in := dynamodb.BatchExecuteStatementInput{ReturnConsumedCapacity: str("INDEXES"), Statements: []dynamodb.BatchStatementRequest{
		{Statement: str(`SELECT * FROM fleet` + atFirst), ConsistentRead: wire.Some(true)}, {Statement: str(`SELECT * FROM fleet WHERE port = 'none' AND hull = '1'`)},
		{Statement: str(`SELECT * FROM fleet WHERE s = 'x'`)}, {Statement: str(`SELECT * FROM tab WHERE pk = 'x'`)}}}
	got := must(w, dynamodb.BatchExecuteStatement, in).ConsumedCapacity
	if len(got) != 2 || got[0].CapacityUnits.V != 1.5 || got[0].Table.CapacityUnits.V != 1.5 || got[0].ReadCapacityUnits.Set || got[1].CapacityUnits.V != 0.5 {
		t.Errorf("%+v", got)
	}
	in.Statements = []dynamodb.BatchStatementRequest{{Statement: str(`INSERT INTO fleet VALUE {'port': 'oban', 'hull': '1'}`)}}
	if got := must(w, dynamodb.BatchExecuteStatement, in).ConsumedCapacity; got != nil {
		t.Errorf("a statement that failed consumed %+v", got)
	}
	lsi := must(w, dynamodb.ExecuteStatement, dynamodb.ExecuteStatementInput{Statement: str(`SELECT n FROM fleet.byYear WHERE port = 'oban'`), ReturnConsumedCapacity: str("INDEXES")}).ConsumedCapacity
	if lsi.CapacityUnits.V != 1.5 || lsi.Table.CapacityUnits.V != 1 || lsi.LocalSecondaryIndexes["byYear"].CapacityUnits.V != 0.5 {
		t.Errorf("%+v", lsi)
	}
}
