package tables

import (
	"errors"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"bothy/api/dynamodb"
	"bothy/wire"
	"bothy/wire/item"
)

var statements = []string{
	`SELECT hull, m.k[0] FROM fleet.byYear WHERE port = 'oban' AND year BETWEEN 1 AND ? ORDER BY year DESC;`, `SELECT * FROM "fleet" WHERE port IN ['oban', ?] AND (hull > '1' OR NOT begins_with(s, 'x')) AND size(l) <> 2`,
	`INSERT INTO fleet VALUE {'port': 'oban', 'hull': ?, 'x': [1, -2.5e3, {'y': <<1, 2>>}], 'z': NULL}`, `DELETE FROM fleet WHERE port = 'oban' AND hull = '1' AND n IS NOT MISSING RETURNING ALL OLD *`,
	`UPDATE fleet SET n = n + 1 SET l = list_append(l, [?]), ss = set_add(ss, <<'c'>>) REMOVE m.k[0] WHERE port = 'oban' AND hull = '1' RETURNING MODIFIED NEW *`,
	`FROM fleet WHERE port = 'oban' AND hull = '1' SET ns = set_delete(ns, <<1, 2>>) REMOVE yes`, `EXISTS(SELECT * FROM fleet WHERE port = 'oban' AND hull = '1' AND attribute_type(nul, 'NULL'))`,
	`SELECT * FROM fleet.byFlag WHERE flag = 'uk' AND crew IN (1, 2, 3)`, `SELECT n FROM fleet WHERE contains(ss, ?) = true`, `UPDATE fleet SET m.k.z = n - - 1 WHERE hull = '1' AND port = 'oban' AND port = 'oban'`,
}

// FuzzStatements: whatever a statement says, alone, in a batch or in a transaction, it is done or refused in words, soon.
func FuzzStatements(f *testing.F) {
	for _, text := range statements {
		f.Add(text)
	}
	f.Fuzz(tryStatement)
}

// TestShuffledStatements does so with words of statements left out, repeated, and put among those of others.
func TestShuffledStatements(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	var all []string
	for _, text := range statements {
		all = append(all, pieces.FindAllString(text, -1)...)
	}
	for range 150 {
		words := pieces.FindAllString(statements[r.IntN(len(statements))], -1)
		for range 1 + r.IntN(3) {
			switch i := r.IntN(len(words)); r.IntN(4) {
			case 0:
				words = slices.Delete(words, i, i+1)
			case 1:
				words = slices.Insert(words, i, words[i])
			case 2:
				words[i] = all[r.IntN(len(all))]
			default:
				words = slices.Insert(words, i, all[r.IntN(len(all))])
			}
		}
		tryStatement(t, strings.Join(words, " "))
	}
	if t.Failed() {
		t.Logf("seed %d", seed)
	}
}

var pieces = regexp.MustCompile(`'[^']*'|"[^"]*"|\w+|<<|>>|<>|\S`)

func tryStatement(t *testing.T, text string) {
	w := fleetWorld(t)
	var parameters []item.Value
	for _, v := range []item.Value{item.Text("oban"), item.Number("1905"), item.List(item.Text("x"))} {
		if len(parameters) < strings.Count(text, "?") {
			parameters = append(parameters, v)
		}
	}
	all := func() string { return rowsOf(w.scanAll(dynamodb.ScanInput{TableName: str("fleet")})) }
	before, began := all(), time.Now()
	_, err := do(w, w.root, dynamodb.ExecuteStatement, dynamodb.ExecuteStatementInput{Statement: str(text), Parameters: parameters, Limit: wire.Some(int32(2))})
	if inWords(t, text, err); err != nil && all() != before {
		t.Errorf("%q (%v) made of %s %s", text, err, before, all())
	}
	_, err = do(w, w.root, dynamodb.BatchExecuteStatement, dynamodb.BatchExecuteStatementInput{Statements: []dynamodb.BatchStatementRequest{{Statement: str(text), Parameters: parameters}}})
	inWords(t, text, err)
	before = all()
	_, err = do(w, w.root, dynamodb.ExecuteTransaction, dynamodb.ExecuteTransactionInput{TransactStatements: []dynamodb.ParameterizedStatement{
		{Statement: str(`DELETE FROM fleet WHERE port = 'oban' AND hull = '2'`)}, {Statement: str(text), Parameters: parameters}}})
	if inWords(t, text, err); err != nil && all() != before {
		t.Errorf("half of a transaction with %q was done: %v", text, err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("%q took %v", text, took)
	}
}

// inWords checks that an error is the client's, and says something.
func inWords(t *testing.T, text string, err error) {
	var f wire.Fault
	if err == nil {
		return
	}
	if !errors.As(err, &f) {
		t.Fatalf("%q: %v", text, err)
	}
	if code, status, message := f.Fault(); status != 400 || message == "" {
		t.Errorf("%q: %s %d %q", text, code, status, message)
	}
}
