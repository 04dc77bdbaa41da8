package tables

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"bothy/api/dynamodb"
	"bothy/wire"
	"bothy/wire/item"
)

// statement is an ExecuteStatement as root.
func (w *world) statement(text string, parameters ...item.Value) (*dynamodb.ExecuteStatementOutput, error) {
	return do(w, w.root, dynamodb.ExecuteStatement, dynamodb.ExecuteStatementInput{Statement: str(text), Parameters: parameters})
}

// rows runs a statement and shows its items, one after the other.
func (w *world) sql(text string, parameters ...item.Value) string {
	w.t.Helper()
	out, err := w.statement(text, parameters...)
	if err != nil {
		w.t.Errorf("%s\n%v", text, err)
		return ""
	}
	return rowsOf(out.Items)
}

func rowsOf(items []item.Item) string {
	shown := make([]string, len(items))
	for i, it := range items {
		shown[i] = show(it)
	}
	return strings.Join(shown, " ")
}

func musicWorld(t *testing.T) *world {
	w := newWorld(t)
	w.table("music", "artist:S song:S", "-byYear artist:S year:N KEYS_ONLY", "byGenre genre:S year:N INCLUDE:label", "all genre:S ALL")
	for _, it := range []string{
		`'artist': {'S': 'acme'}, 'song': {'S': 'a'}, 'year': {'N': '2001'}, 'genre': {'S': 'folk'}, 'label': {'S': 'x'}, 'm': {'M': {'n': {'L': [{'S': 'deep'}, {'N': '7'}]}}}`,
		`'artist': {'S': 'acme'}, 'song': {'S': 'b'}, 'year': {'N': '1999'}, 'genre': {'S': 'folk'}, 'tags': {'SS': ['p', 'q']}, 'nul': {'NULL': true}`,
		`'artist': {'S': 'acme'}, 'song': {'S': 'c'}, 'flag': {'BOOL': true}`,
		`'artist': {'S': 'zeta'}, 'song': {'S': 'a'}, 'year': {'N': '1990'}, 'genre': {'S': 'jazz'}, 'label': {'S': 'y'}`,
	} {
		w.put("music", "{"+it+"}")
	}
	return w
}

func TestSelect(t *testing.T) {
	w := musicWorld(t)
	for _, c := range []struct{ from, songs string }{
		{`WHERE artist = 'acme'`, "acme/a acme/b acme/c"},
		{`WHERE artist = 'acme' AND song = 'b'`, "acme/b"},
		{`where "artist" = 'acme' and "song" > 'a'`, "acme/b acme/c"},
		{`WHERE 'acme' = artist AND 'b' <= song`, "acme/b acme/c"},
		{`WHERE artist = 'acme' AND song BETWEEN 'b' AND 'z'`, "acme/b acme/c"},
		{`WHERE artist = 'acme' AND begins_with(song, 'c')`, "acme/c"},
		{`WHERE artist = 'acme' AND song IN ['a', 'c', 'x']`, "acme/a acme/c"},
		{`WHERE artist = 'acme' AND song NOT IN ('a', 'c')`, "acme/b"},
		{`WHERE artist = 'acme' AND NOT song = 'a'`, "acme/b acme/c"},
		{`WHERE artist IN ['zeta', 'acme', 'zeta'] AND song = 'a'`, "zeta/a acme/a"},
		{`WHERE artist IN <<'acme'>> AND year < 2000`, "acme/b"},
		{`WHERE artist = 'acme' AND song = 'a' OR artist = 'zeta'`, "acme/a zeta/a"},
		{`WHERE artist = 'acme' AND NOT song = 'a' OR artist = 'acme' AND song = 'b'`, "acme/b acme/c"},
		{`WHERE artist = 'acme' ORDER BY song DESC`, "acme/c acme/b acme/a"},
		{`WHERE artist IN ['acme', 'zeta'] ORDER BY artist DESC, song DESC`, "zeta/a acme/c acme/b acme/a"},
		{`WHERE artist = 'acme' AND year IS MISSING`, "acme/c"},
		{`WHERE artist = 'acme' AND year IS NOT MISSING`, "acme/a acme/b"},
		{`WHERE artist = 'acme' AND nul IS NULL`, "acme/b"},
		{`WHERE artist = 'acme' AND song IS NOT NULL AND flag IS BOOLEAN`, "acme/c"},
		{`WHERE artist = 'acme' AND attribute_exists(m.n[1]) = true`, "acme/a"},
		{`WHERE artist = 'acme' AND ATTRIBUTE_NOT_EXISTS(m) = false`, "acme/a"},
		{`WHERE artist = 'acme' AND (attribute_exists(tags) OR attribute_type(flag, 'BOOL'))`, "acme/b acme/c"},
		{`WHERE artist = 'acme' AND contains(tags, 'q')`, "acme/b"},
		{`WHERE artist = 'acme' AND size(tags) = 2`, "acme/b"},
		{`WHERE artist = 'acme' AND m.n[0] = 'deep' AND m['n'][1] = 7.0e0`, "acme/a"},
		{`WHERE artist = 'acme' AND tags = <<'q', 'p'>>`, "acme/b"},
		{`WHERE artist = 'acme' AND m = {'n': ['deep', 7]}`, "acme/a"},
		{`WHERE artist = 'acme' AND m.n = ['deep', 7] -- and no more`, "acme/a"},
		{`WHERE artist = 'acme' /* one */ AND flag = TRUE ;`, "acme/c"},
		{`WHERE artist = 'acme' AND nul = NULL`, "acme/b"},
		{`WHERE artist = 'acme' AND song = 'it''s'`, ""},
		{`WHERE artist = 'acme' AND artist = 'zeta'`, ""},
		{`WHERE song = 'a' AND year <> 1990`, "acme/a"},
		{`WHERE genre = 'jazz' OR flag = true`, "acme/c zeta/a"},
	} {
		out, err := w.statement(`SELECT * FROM "music" ` + c.from)
		if err != nil {
			t.Errorf("%s: %v", c.from, err)
			continue
		}
		var got []string
		for _, it := range out.Items {
			got = append(got, it.Get("artist").Str+"/"+it.Get("song").Str)
		}
		if !strings.Contains(c.from, "artist") { // a scan has its own order
			slices.Sort(got)
		}
		if strings.Join(got, " ") != c.songs {
			t.Errorf("%s: %v, want %s", c.from, got, c.songs)
		}
	}
}

func TestSelectColumnsAndIndexes(t *testing.T) {
	w := musicWorld(t)
	for text, want := range map[string]string{
		`SELECT song, m.n[0] FROM music WHERE artist = 'acme' AND song = 'a'`:       `{'n[0]':{'S':'deep'},'song':{'S':'a'}}`,
		`SELECT m.n FROM music WHERE artist = 'acme' AND song = 'a'`:                `{'n':{'L':[{'S':'deep'},{'N':'7'}]}}`,
		`SELECT none FROM music WHERE artist = 'zeta'`:                              `{}`,
		`SELECT song FROM "music"."byYear" WHERE artist = 'acme'`:                   `{'song':{'S':'b'}} {'song':{'S':'a'}}`,
		`SELECT * FROM "music"."byYear" WHERE artist = 'zeta'`:                      `{'artist':{'S':'zeta'},'song':{'S':'a'},'year':{'N':'1990'}}`,
		`SELECT label FROM "music"."byYear" WHERE artist = 'zeta'`:                  `{'label':{'S':'y'}}`,
		`SELECT song FROM music.byGenre WHERE genre = 'folk' AND year > 2000`:       `{'song':{'S':'a'}}`,
		`SELECT * FROM "music"."byGenre" WHERE genre = 'jazz'`:                      `{'artist':{'S':'zeta'},'genre':{'S':'jazz'},'label':{'S':'y'},'song':{'S':'a'},'year':{'N':'1990'}}`,
		`SELECT song FROM "music"."byGenre" WHERE genre = 'folk' ORDER BY year ASC`: `{'song':{'S':'b'}} {'song':{'S':'a'}}`,
		`SELECT song FROM "music"."byGenre" WHERE artist = 'zeta'`:                  `{'song':{'S':'a'}}`,
		`SELECT song FROM "music"."byGenre" WHERE tags IS NOT MISSING`:              ``,
	} {
		if got := w.sql(text); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", text, got, want)
		}
	}
}

func TestSelectPages(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "pk:S sk:N")
	for _, pk := range []string{"a", "b", "c"} {
		for i := range 5 {
			w.put("tab", fmt.Sprintf(`{'pk': {'S': '%s'}, 'sk': {'N': '%d'}, 'odd': {'BOOL': %t}}`, pk, i, i%2 == 1))
		}
	}
	for text, want := range map[string]string{
		`SELECT * FROM tab WHERE pk IN ['c', 'a'] AND odd = true`:              "c1 c3 a1 a3",
		`SELECT * FROM tab WHERE pk = 'b' ORDER BY sk DESC`:                    "b4 b3 b2 b1 b0",
		`SELECT * FROM tab WHERE pk = 'b' AND sk > 1`:                          "b2 b3 b4",
		`SELECT * FROM tab WHERE pk IN ['a', 'c'] AND sk < 3 ORDER BY pk DESC`: "c2 c1 c0 a2 a1 a0",
	} {
		for limit := 1; limit < 12; limit++ {
			var got []string
			in := dynamodb.ExecuteStatementInput{Statement: str(text), Limit: wire.Some(int32(limit))}
			for {
				out := must(w, dynamodb.ExecuteStatement, in)
				for _, it := range out.Items {
					got = append(got, it.Get("pk").Str+it.Get("sk").Str)
				}
				if (out.NextToken.Set) != (out.LastEvaluatedKey != nil) {
					t.Fatal("a token without a key, or a key without a token")
				}
				if in.NextToken = out.NextToken; !in.NextToken.Set {
					break
				}
			}
			if strings.Join(got, " ") != want {
				t.Errorf("%s by %d: %v", text, limit, got)
			}
		}
	}
	seen := map[string]bool{}
	in := dynamodb.ExecuteStatementInput{Statement: str(`SELECT * FROM tab`), Limit: wire.Some(int32(4))}
	for {
		out := must(w, dynamodb.ExecuteStatement, in)
		for _, it := range out.Items {
			seen[show(it)] = true
		}
		if in.NextToken = out.NextToken; !in.NextToken.Set {
			break
		}
	}
	if len(seen) != 15 {
		t.Errorf("a scan by pages found %d items", len(seen))
	}
}

func TestTokensAreOfTheirStatement(t *testing.T) {
	w := musicWorld(t)
	one := wire.Some(int32(1))
	of := dynamodb.ExecuteStatementInput{Statement: str(`SELECT * FROM music WHERE artist = ?`), Parameters: []item.Value{item.Text("acme")}, Limit: one}
	token := must(w, dynamodb.ExecuteStatement, of).NextToken
	for name, in := range map[string]dynamodb.ExecuteStatementInput{
		"other text":       {Statement: str(`SELECT song FROM music WHERE artist = ?`), Parameters: of.Parameters},
		"other parameters": {Statement: of.Statement, Parameters: []item.Value{item.Text("zeta")}},
		"a scan":           {Statement: str(`SELECT * FROM music`)},
	} {
		in.NextToken = token
		_, err := do(w, w.root, dynamodb.ExecuteStatement, in)
		t.Run(name, func(t *testing.T) { w.t = t; w.refused(err, "ValidationException", "NextToken does not match request") })
	}
	changed := []byte(token.V)
	changed[len(changed)/2] ^= 1
	of.NextToken = str(string(changed))
	if _, err := do(w, w.root, dynamodb.ExecuteStatement, of); err == nil {
		t.Error("a changed token is taken")
	}
	of.NextToken = str("?")
	_, err := do(w, w.root, dynamodb.ExecuteStatement, of)
	w.refused(err, "ValidationException", "Invalid NextToken")
	of.NextToken = token
	must(w, dynamodb.DeleteTable, dynamodb.DeleteTableInput{TableName: str("music")})
	w.table("music", "artist:S song:S")
	_, err = do(w, w.root, dynamodb.ExecuteStatement, of)
	w.refused(err, "ValidationException", "NextToken does not match request")
}

func TestWriteStatements(t *testing.T) {
	w := newWorld(t)
	w.table("tab", "pk:S sk:S")
	for _, c := range []struct{ text, items, then string }{
		{`INSERT INTO "tab" VALUE {'pk': 'a', 'sk': '1', 'n': -1.50, 'ok': true, 'no': NULL, 'l': [1, 'x', []], 'm': {'k': {}}, 'ss': <<'a', 'b'>>, 'ns': <<1, 2.0>>}`, ``,
			`{'l':{'L':[{'N':'1'},{'S':'x'},{'L':[]}]},'m':{'M':{'k':{'M':{}}}},'n':{'N':'-1.5'},'no':{'NULL':true},'ns':{'NS':['1','2']},'ok':{'BOOL':true},'pk':{'S':'a'},'sk':{'S':'1'},'ss':{'SS':['a','b']}}`},
		{`UPDATE tab SET n = n + 2 SET m.k.z = 'new' REMOVE ok, no WHERE pk = 'a' AND sk = '1' RETURNING MODIFIED NEW *`, `{'m':{'M':{'k':{'M':{'z':{'S':'new'}}}}},'n':{'N':'0.5'}}`, ``},
		{`UPDATE "tab" SET l = list_append(l, [2]), ss = set_add(ss, <<'c'>>) SET ns = SET_DELETE(ns, <<1>>) REMOVE m WHERE sk = '1' AND pk = 'a' AND n < 1 RETURNING ALL OLD *`,
			`{'l':{'L':[{'N':'1'},{'S':'x'},{'L':[]}]},'m':{'M':{'k':{'M':{'z':{'S':'new'}}}}},'n':{'N':'0.5'},'ns':{'NS':['1','2']},'pk':{'S':'a'},'sk':{'S':'1'},'ss':{'SS':['a','b']}}`,
			`{'l':{'L':[{'N':'1'},{'S':'x'},{'L':[]},{'N':'2'}]},'n':{'N':'0.5'},'ns':{'NS':['2']},'pk':{'S':'a'},'sk':{'S':'1'},'ss':{'SS':['a','b','c']}}`},
		{`FROM tab WHERE pk = 'a' AND sk = '1' SET l[0] = l[1] REMOVE ss RETURNING ALL NEW *`, `{'l':{'L':[{'S':'x'},{'S':'x'},{'L':[]},{'N':'2'}]},'n':{'N':'0.5'},'ns':{'NS':['2']},'pk':{'S':'a'},'sk':{'S':'1'}}`, ``},
		{`UPDATE tab SET n = 5 - n WHERE pk = 'a' AND sk = '1' RETURNING MODIFIED OLD *`, `{'n':{'N':'0.5'}}`, ``},
		{`UPDATE tab REMOVE none WHERE pk = 'a' AND sk = '1' RETURNING MODIFIED NEW *`, ``, ``},
		{`DELETE FROM tab WHERE pk = 'a' AND sk = 'none' AND n = 1`, ``, ``},
		{`DELETE FROM "tab" WHERE pk = 'a' AND sk = '1' AND n = 4.5 RETURNING ALL OLD *`, `{'l':{'L':[{'S':'x'},{'S':'x'},{'L':[]},{'N':'2'}]},'n':{'N':'4.5'},'ns':{'NS':['2']},'pk':{'S':'a'},'sk':{'S':'1'}}`, `nil`},
		{`DELETE FROM "tab" WHERE pk = 'a' AND sk = '1' RETURNING ALL OLD *`, ``, `nil`},
	} {
		if got := w.sql(c.text); got != c.items {
			t.Errorf("%s\ngot  %s\nwant %s", c.text, got, c.items)
		}
		if got := w.get("tab", `{'pk': {'S': 'a'}, 'sk': {'S': '1'}}`); c.then != "" && got != c.then {
			t.Errorf("%s\nleft %s\nwant %s", c.text, got, c.then)
		}
	}
	w.sql(`INSERT INTO tab VALUE {'pk': ?, 'sk': ?, 'v': ?}`, item.Text("p"), item.Text("q"), list(`{'x': {'M': {'deep': {'BS': ['AQ==']}}}}`)[0])
	if got := w.sql(`SELECT v FROM tab WHERE pk = ? AND sk = ?`, item.Text("p"), item.Text("q")); got != `{'v':{'M':{'deep':{'BS':['AQ==']}}}}` {
		t.Error(got)
	}
}

func TestStatementErrors(t *testing.T) {
	w := musicWorld(t)
	w.table("num", "pk:N")
	const bad = "Statement wasn't well formed, can't be processed: "
	const noKey = "Where clause does not contain a mandatory equality on all key attributes"
	for _, c := range []struct{ text, want string }{
		{`SLECT * FROM music`, bad + "Expected data manipulation"},
		{`x IS FOO`, bad + "Expected data manipulation"},
		{`SELECT * FROM num WHERE pk = 1 foo`, bad + "Unexpected token after expression"},
		{`SELECT * FROM num WHERE pk = 1 e5`, bad + "Unexpected token after expression"},
		{`SELECT * FROM num WHERE pk = 1)`, bad + "Unexpected token after expression"},
		{`SELECT * FROM num ORDER BY pk WHERE pk = 1`, bad + "Unexpected token after expression"},
		{`DELETE FROM num WHERE pk = 1 ORDER BY pk`, bad + "Unexpected token after expression"},
		{`INSERT INTO num t VALUE {'pk': 1}`, bad + "Unexpected token after expression"},
		{`FROM num SET c = 1 WHERE pk = 1`, bad + "Unexpected token after expression"},
		{`SELECT * FROM num WHERE pk = 1 # note`, bad},
		{`SELECT * FROM num WHERE pk = 1 /* note`, bad},
		{`SELECT * FROM "num`, bad},
		{`SELECT * FROM num WHERE pk = 1e2147483648`, bad},
		{`SELECT * FROM num WHERE pk = 1.5e-2147483647`, bad},
		{`SELECT * FROM num t WHERE pk = 1`, "Aliasing is not supported"},
		{`DELETE FROM num AS t WHERE pk = 1`, "Aliasing is not supported"},
		{`SELECT pk AS k FROM num`, "Aliasing is not supported"},
		{`SELECT * FROM num WHERE pk = 1e126`, "Number overflow. Attempting to store a number with magnitude larger than supported range under root"},
		{`INSERT INTO num VALUE {'pk': 1, 'm': {'x': 1e126}}`, "Number overflow. Attempting to store a number with magnitude larger than supported range under root.x"},
		{`INSERT INTO num VALUE {'pk': 1, 'l': [1, 1e-131]}`, "Number underflow. Attempting to store a number with magnitude smaller than supported range under root[1]"},
		{`SELECT * FROM num WHERE`, bad + "Unexpected term"},
		{`SELECT * FROM num WHERE;`, bad + "Unexpected term"},
		{`UPDATE num SET a = 1 WHERE`, bad + "Unexpected term"},
		{`SELECT * FROM num WHERE NOT`, bad + "Unexpected term"},
		{`SELECT * FROM num WHERE (`, bad + "Unexpected term"},
		{`SELECT * FROM num WHERE pk = 1 AND`, bad + "Missing right-hand side expression of infix operator"},
		{`SELECT * FROM num WHERE ORDER BY pk`, bad + "Unexpected keyword"},
		{`SELECT * FROM num WHERE pk = LIKE`, bad + "Unexpected operator"},
		{`SELECT * FROM num WHERE IS NULL`, bad + "Unexpected operator"},
		{`SELECT * FROM num WHERE pk = 1 AND x IS FOO`, bad + "Expected type name"},
		{`SELECT * FROM num WHERE pk = 1 AND attribute_exists(m.inner)`, bad + "Invalid path dot component"},
		{`DELETE FROM`, bad + "Expected identifier for simple path"},
		{`DELETE FROM WHERE pk = 1`, bad + "Expected identifier for simple path"},
		{`SELECT * FROM`, bad + "Unexpected term"},
		{`SELECT * FROM ""`, "Path component cannot be an empty string"},
		{`SELECT * FROM music.""`, "Path component cannot be an empty string"},
		{`SELECT * FROM "music"."all"."x"`, "A path may contain at most 2 components in the FROM clause"},
		{`SELECT * FROM "music"."none"`, "The table does not have the specified index"},
		{`SELECT label, tags, m.x FROM "music"."byGenre"`, "One or more parameter values were invalid: Global secondary index byGenre does not project [tags, m]"},
		{`SELECT song FROM "music"."byGenre" WHERE genre = 'x' AND NOT tags = 'y'`, "One or more parameter values were invalid: Secondary index byGenre does not project one or more filter attributes: [tags]"},
		{`SELECT * FROM music WHERE artist = 'a' AND attribute_exists('ss')`, "Operator or function requires a document path; operator or function: attribute_exists"},
		{`SELECT * FROM music WHERE artist = 'a' AND attribute_exists(ss, ns)`, "Incorrect number of operands for operator or function; operator or function: attribute_exists, number of operands: 2"},
		{`SELECT * FROM music WHERE artist = 'a' AND year <= true`, "Incorrect operand type for operator or function; operator or function: <=, operand type: BOOL"},
		{`SELECT size(a) FROM music`, "Unexpected path component at 1:8:4"},
		{"SELECT *\nFROM music WHERE EXISTS(ss)", "Unrecognized function: exists at 2:18:6"},
		{`UPDATE num SET t = set_add(ss, <<'x'>>) WHERE pk = 1`, "The first argument to SET_ADD must equal the assignment value at 1:20:7"},
		{`UPDATE num SET ss = set_delete(ss, 'x') WHERE pk = 1`, "The second argument to SET_DELETE must be a value with type SET at 1:32:2"},
		{`UPDATE num SET ss = set_add(ss) WHERE pk = 1`, "SET_ADD must have exactly two arguments at 1:21:7"},
		{`UPDATE num SET ss = set_add(ss, <<>>) WHERE pk = 1`, "Empty bags are not supported"},
		{`UPDATE num SET ss = set_add(ss, <<'x', 'x'>>) WHERE pk = 1`, "One or more parameter values were invalid: Input collection [x, x] contains duplicates."},
		{`INSERT INTO num VALUE {'pk': 1, 'ss': set_add(<<'a'>>, <<'b'>>)}`, "Unsupported data type: set_add under key root at 1:39:7"},
		{`INSERT INTO num VALUE {'pk': 1, 'a': 1, 'a': 2}`, "Duplicate keys in tuple. Key: a under root"},
		{`INSERT INTO num VALUE {'a': 1}`, "One or more parameter values were invalid: Missing the key pk in the item"},
		{`UPDATE num SET a = 1`, noKey}, {`FROM num REMOVE a`, noKey}, {`DELETE FROM music WHERE artist = 'a'`, noKey}, {`DELETE FROM num WHERE pk = 1 OR pk = 1`, noKey}, {`DELETE FROM num WHERE pk IN [1]`, noKey},
		{`UPDATE num SET pk = 2 WHERE pk = 1`, "One or more parameter values were invalid: Cannot update attribute pk. This attribute is part of the key"},
		{`DELETE FROM num WHERE pk = 1 RETURNING MODIFIED OLD *`, "Invalid returning clause: RETURNING MODIFIED OLD *. Only RETURNING ALL OLD * is allowed in DELETE statements."},
		{`SELECT * FROM music ORDER BY song`, "Must have WHERE clause in the statement when using ORDER BY clause."},
		{`SELECT * FROM music WHERE song = 'a' ORDER BY song`, "Must have at least one non-optional hash key condition in WHERE clause when using ORDER BY clause."},
		{`SELECT * FROM music WHERE artist = 'a' ORDER BY year`, "Attribute year in ORDER BY clause must be part of the primary key"},
		{`SELECT * FROM num WHERE pk = ?`, "Number of parameters in request and statement don't match."},
		{`EXISTS(SELECT * FROM num WHERE pk = 1 AND a = 1)`, "EXISTS can only be used in ExecuteTransaction write requests."},
	} {
		out, err := w.statement(c.text)
		if err == nil {
			t.Errorf("%s is taken: %s", c.text, rowsOf(out.Items))
			continue
		}
		t.Run(c.text, func(t *testing.T) { w.t = t; w.refused(err, "ValidationException", c.want) })
	}
	w.t = t
	_, err := w.statement(`SELECT * FROM nowhere WHERE pk = 1`)
	w.refused(err, "ResourceNotFoundException", "Requested resource not found")
	_, err = w.statement(`INSERT INTO music VALUE {'artist': 'acme', 'song': 'a'}`)
	w.refused(err, "DuplicateItemException", "Duplicate primary key exists in table")
	for _, text := range []string{
		`UPDATE music SET x = 1 WHERE artist = 'none' AND song = 'a'`, `UPDATE music SET x = 1 WHERE artist = 'acme' AND song = 'a' AND year = 1`,
		`UPDATE music SET x = 1 WHERE artist = 'none' AND song = 'a' AND attribute_not_exists(artist)`, `DELETE FROM music WHERE artist = 'acme' AND song = 'a' AND year = 1`,
	} {
		_, err = w.statement(text)
		w.refused(err, "ConditionalCheckFailedException", "The conditional request failed")
	}
	_, err = do(w, w.root, dynamodb.ExecuteStatement, dynamodb.ExecuteStatementInput{Statement: str(`SELECT * FROM "music"."all" WHERE genre = 'x'`), ConsistentRead: wire.Some(true)})
	w.refused(err, "ValidationException", "Strongly consistent read is not supported on Global Secondary Indexes")
	_, err = w.statement(`SELECT * FROM music WHERE artist = ?`, item.Number("1e9x"))
	w.refused(err, "ValidationException", "The parameter cannot be converted to a numeric value: 1e9x")
	_, err = do(w, w.root, dynamodb.ExecuteStatement, dynamodb.ExecuteStatementInput{Statement: str(`DELETE FROM music WHERE artist = 'acme' AND song = 'a' AND year = 1`), ReturnValuesOnConditionCheckFailure: str("ALL_OLD")})
	if failed, ok := err.(*dynamodb.ConditionalCheckFailedException); !ok || failed.Item.Get("label") == nil {
		t.Errorf("the item that failed is not shown: %v", err)
	}
}
