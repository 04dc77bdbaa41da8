package tables

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"

	"bothy/api/dynamodb"
	"bothy/kv/history"
	"bothy/wire"
	"bothy/wire/item"
)

// more is a request of a kind that is a transaction, too: PartiQL, batches, and a request sent twice under one token.
func (r *recorder) more(ctx context.Context, rnd *rand.Rand) {
	i, kind := rnd.IntN(recordedItems), rnd.IntN(11)
	if kind < 2 {
		r.readThenState(ctx, rnd)
		return
	}
	r.keep(ctx, func(ctx context.Context) ([]history.Op, error) {
		switch kind {
		case 2:
			return r.stateUpdate(ctx, rnd, i)
		case 3:
			items, err := r.state(ctx, fmt.Sprintf(`DELETE FROM tab WHERE p = '%d' RETURNING ALL OLD *`, i))
			return answered(&items, err, wrote(i, nil), func() history.Op { return found(i, firstOf(items)) })
		case 4:
			items, err := r.state(ctx, fmt.Sprintf(`SELECT * FROM tab WHERE p = '%d'`, i))
			return []history.Op{found(i, firstOf(items))}, err
		case 5:
			items, err := r.state(ctx, `SELECT * FROM tab`)
			return shown("item/", items), err
		case 6:
			group := string("ab"[rnd.IntN(2)])
			items, err := r.state(ctx, `SELECT * FROM tab.byG WHERE g = '`+group+`'`)
			return shown("group/"+group+"/", items), err
		case 7:
			return r.stateReads(ctx, rnd.Perm(recordedItems + 1)[:3])
		case 8:
			return r.batchGet(ctx, rnd.Perm(recordedItems + 1)[:3])
		case 9:
			return r.batchWrite(ctx, rnd)
		default:
			return r.twice(ctx, rnd, i)
		}
	})
}

func firstOf(items []item.Item) item.Item {
	if len(items) == 0 {
		return nil
	}
	return items[0]
}

func (r *recorder) state(ctx context.Context, text string) ([]item.Item, error) {
	out, err := ask(ctx, r, dynamodb.ExecuteStatement, dynamodb.ExecuteStatementInput{Statement: str(text), ConsistentRead: wire.Some(false)})
	if err != nil {
		return nil, err
	}
	return out.Items, nil
}

// setting is an UPDATE that makes item i a new version, which is also what it writes.
func (r *recorder) setting(rnd *rand.Rand, i int) (text string, writes []history.Op) {
	it, writes := r.version(rnd, i)
	change := ` REMOVE g`
	if g := it.Get("g"); g != nil {
		change = ` SET g = '` + g.Str + `'`
	}
	return fmt.Sprintf(`UPDATE tab SET v = %s%s WHERE p = '%d'`, it.Get("v").Str, change, i), writes
}

func (r *recorder) stateUpdate(ctx context.Context, rnd *rand.Rand, i int) ([]history.Op, error) {
	text, writes := r.setting(rnd, i)
	items, err := r.state(ctx, text+` RETURNING ALL OLD *`)
	return answered(&items, err, writes, func() history.Op { return found(i, firstOf(items)) })
}

func (r *recorder) stateReads(ctx context.Context, items []int) (ops []history.Op, err error) {
	var in dynamodb.ExecuteTransactionInput
	for _, i := range items {
		in.TransactStatements = append(in.TransactStatements, dynamodb.ParameterizedStatement{Statement: str(fmt.Sprintf(`SELECT * FROM tab WHERE p = '%d'`, i))})
	}
	out, err := ask(ctx, r, dynamodb.ExecuteTransaction, in)
	if err != nil {
		return nil, err
	}
	for n, i := range items {
		ops = append(ops, found(i, out.Responses[n].Item))
	}
	return ops, nil
}

// readThenState is readThenWrite in PartiQL: what was read must still be so for what is written, but where it is deleted.
func (r *recorder) readThenState(ctx context.Context, rnd *rand.Rand) {
	items := rnd.Perm(recordedItems)[:1+rnd.IntN(3)]
	seen := r.keep(ctx, func(ctx context.Context) ([]history.Op, error) { return r.stateReads(ctx, items) })
	if len(seen) == 0 {
		return
	}
	var in dynamodb.ExecuteTransactionInput
	var ops []history.Op
	for n, i := range items {
		text, more := r.conditional(rnd, i, seen[n])
		in.TransactStatements, ops = append(in.TransactStatements, dynamodb.ParameterizedStatement{Statement: str(text)}), append(ops, more...)
	}
	if rnd.IntN(2) == 0 {
		in.ClientRequestToken = str(strconv.FormatInt(r.ids.Add(1), 10))
	}
	r.keep(ctx, func(ctx context.Context) ([]history.Op, error) {
		_, err := ask(ctx, r, dynamodb.ExecuteTransaction, in)
		return ops, err
	})
}

// conditional is a statement about item i that holds only if it is as it was seen, and what it then reads and writes.
func (r *recorder) conditional(rnd *rand.Rand, i int, seen history.Op) (text string, ops []history.Op) {
	kind := rnd.IntN(4)
	switch {
	case kind == 0:
		return fmt.Sprintf(`DELETE FROM tab WHERE p = '%d'`, i), wrote(i, nil)
	case seen.Value == history.Absent:
		it, writes := r.version(rnd, i)
		g := ""
		if v := it.Get("g"); v != nil {
			g = `, 'g': '` + v.Str + `'`
		}
		return fmt.Sprintf(`INSERT INTO tab VALUE {'p': '%d', 'v': %s%s}`, i, it.Get("v").Str, g), append([]history.Op{seen}, writes...)
	case kind == 1:
		return fmt.Sprintf(`EXISTS(SELECT * FROM tab WHERE p = '%d' AND v = %d)`, i, seen.Value), []history.Op{seen}
	}
	text, writes := r.setting(rnd, i)
	return fmt.Sprintf(`%s AND v = %d`, text, seen.Value), append([]history.Op{seen}, writes...)
}

func (r *recorder) batchGet(ctx context.Context, items []int) (ops []history.Op, err error) {
	var keys []item.Item
	for _, i := range items {
		keys = append(keys, itemKey(i))
	}
	out, err := ask(ctx, r, dynamodb.BatchGetItem, dynamodb.BatchGetItemInput{RequestItems: map[string]dynamodb.KeysAndAttributes{"tab": {Keys: keys, ConsistentRead: wire.Some(true)}}})
	if err != nil {
		return nil, err
	}
	got := map[string]item.Item{}
	for _, it := range out.Responses["tab"] {
		got[it.Get("p").Str] = it
	}
	for _, i := range items {
		ops = append(ops, found(i, got[strconv.Itoa(i)]))
	}
	return ops, nil
}

func (r *recorder) batchWrite(ctx context.Context, rnd *rand.Rand) (ops []history.Op, err error) {
	var writes []dynamodb.WriteRequest
	for _, i := range rnd.Perm(recordedItems)[:3] {
		if rnd.IntN(3) == 0 {
			writes, ops = append(writes, dynamodb.WriteRequest{DeleteRequest: &dynamodb.DeleteRequest{Key: itemKey(i)}}), append(ops, wrote(i, nil)...)
			continue
		}
		it, versions := r.version(rnd, i)
		writes, ops = append(writes, dynamodb.WriteRequest{PutRequest: &dynamodb.PutRequest{Item: it}}), append(ops, versions...)
	}
	_, err = ask(ctx, r, dynamodb.BatchWriteItem, dynamodb.BatchWriteItemInput{RequestItems: map[string][]dynamodb.WriteRequest{"tab": writes}})
	return ops, err
}

// twice sends a transaction twice at the same time, under one token: it is done once, so nothing that was written between can
// be overwritten by what came before it.
func (r *recorder) twice(ctx context.Context, rnd *rand.Rand, i int) ([]history.Op, error) {
	it, writes := r.version(rnd, i)
	in := dynamodb.TransactWriteItemsInput{ClientRequestToken: str(strconv.FormatInt(r.ids.Add(1), 10)), TransactItems: []dynamodb.TransactWriteItem{{Put: &dynamodb.Put{TableName: str("tab"), Item: it}}}}
	errs := make([]error, 2)
	var wg sync.WaitGroup
	for n := range errs {
		wg.Go(func() { _, errs[n] = ask(ctx, r, dynamodb.TransactWriteItems, in) })
	}
	wg.Wait()
	if errs[0] == nil || errs[1] == nil {
		return writes, nil
	}
	return writes, errs[0]
}
