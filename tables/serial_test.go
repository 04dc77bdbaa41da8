package tables

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bothy/api/dynamodb"
	"bothy/kv/history"
	"bothy/kv/kvtest"
	"bothy/wire"
	"bothy/wire/item"
)

// TestRequestsAreSerializable records concurrent requests of every kind that reads or writes items, and asks for one order of
// them, true to real time, in which each saw what it was answered: items, pages of the table, and an index that items move
// about in. See kvtest.Rounds for a longer run.
func TestRequestsAreSerializable(t *testing.T) {
	for name, open := range map[string]func(*testing.T) *world{"memkv": func(t *testing.T) *world { return newWorld(t) }, "pebblekv": pebbleWorld} {
		t.Run(name, func(t *testing.T) {
			for range kvtest.Rounds(2) {
				seed := rand.Uint64()
				r := &recorder{w: open(t)}
				r.w.table("tab", "p:S", "byG g:S ALL")
				if err := r.run(seed, 8, 60); err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
			}
		})
	}
}

const (
	recordedItems = 6
	tally0        = 6 // the item that is counted with ADD; the others get unique numbers
)

// recorder keeps what the clients of a table were answered. An item is a key "item/N" with the number it was last given, and
// while it is in a group, one "group/G/N" too.
type recorder struct {
	w          *world
	clock, ids atomic.Int64
	mu         sync.Mutex
	txns       []history.Txn
	troubles   []error
}

func (r *recorder) run(seed uint64, clients, each int) error {
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(seed, uint64(c)))
			for range each {
				ctx, cancel := context.WithCancel(context.Background())
				if rnd.IntN(15) == 0 {
					time.AfterFunc(time.Duration(rnd.IntN(2000))*time.Microsecond, cancel)
				}
				r.request(ctx, rnd)
				cancel()
			}
		})
	}
	wg.Wait()
	r.keep(context.Background(), func(ctx context.Context) (ops []history.Op, err error) { return r.scan(ctx) })
	committed := 0
	for _, t := range r.txns {
		if t.Outcome == history.Committed {
			committed++
		}
	}
	if committed < len(r.txns)/2 {
		r.troubles = append(r.troubles, fmt.Errorf("only %d of %d requests succeeded", committed, len(r.txns)))
	}
	return errors.Join(append(r.troubles, history.Check(r.txns))...)
}

// keep records one request, which says what it read and wrote.
func (r *recorder) keep(ctx context.Context, do func(ctx context.Context) ([]history.Op, error)) []history.Op {
	t := history.Txn{Began: r.clock.Add(1)}
	var err error
	t.Ops, err = do(ctx)
	t.Ended = r.clock.Add(1)
	r.mu.Lock()
	defer r.mu.Unlock()
	var cancelled *dynamodb.TransactionCanceledException
	var unmet *dynamodb.ConditionalCheckFailedException
	switch {
	case err == nil:
	case errors.As(err, &cancelled), errors.As(err, &unmet):
		t.Outcome = history.Failed
	case ctx.Err() != nil && t.Writes():
		t.Outcome = history.Unknown
	case ctx.Err() != nil:
		t.Outcome = history.Failed
	default:
		t.Outcome = history.Unknown
		r.troubles = append(r.troubles, err)
	}
	r.txns = append(r.txns, t)
	return t.Ops
}

func ask[In, Out any](ctx context.Context, r *recorder, op wire.Op[In, Out], in In) (*Out, error) {
	return wire.Invoke(ctx, r.w.mux, r.w.root, region, op, &in)
}

func itemKey(i int) item.Item { return item.Item{{Name: "p", Value: item.Text(strconv.Itoa(i))}} }

// version is item i given a new number, in group a, in b, or in none.
func (r *recorder) version(rnd *rand.Rand, i int) (it item.Item, writes []history.Op) {
	it = append(itemKey(i), item.Attribute{Name: "v", Value: item.Number(strconv.FormatInt(r.ids.Add(1), 10))})
	if g := rnd.IntN(3); g < 2 {
		it = append(it, item.Attribute{Name: "g", Value: item.Text(string("ab"[g]))})
	}
	return it, wrote(i, it)
}

func numberOf(it item.Item) int {
	v := it.Get("v")
	if v == nil {
		return history.Absent
	}
	n, err := strconv.Atoi(v.Str)
	if err != nil {
		panic(err)
	}
	return n
}

func op(kind history.Kind, key string, value int) history.Op {
	return history.Op{Kind: kind, Key: key, Value: value}
}

// wrote is what item i's becoming it means: nil is a deletion.
func wrote(i int, it item.Item) (ops []history.Op) {
	ops = append(ops, op(history.Write, fmt.Sprint("item/", i), numberOf(it)))
	for _, g := range []string{"a", "b"} {
		value := history.Absent
		if in := it.Get("g"); in != nil && in.Str == g {
			value = numberOf(it)
		}
		ops = append(ops, op(history.Write, fmt.Sprintf("group/%s/%d", g, i), value))
	}
	return ops
}

func found(i int, it item.Item) history.Op {
	return op(history.Read, fmt.Sprint("item/", i), numberOf(it))
}

// request is a random one.
func (r *recorder) request(ctx context.Context, rnd *rand.Rand) {
	i, kind := rnd.IntN(recordedItems), rnd.IntN(18)
	switch {
	case kind == 8:
		r.readThenWrite(ctx, rnd)
		return
	case kind > 8:
		r.more(ctx, rnd)
		return
	}
	r.keep(ctx, func(ctx context.Context) ([]history.Op, error) {
		switch kind {
		case 0:
			return r.put(ctx, rnd, i)
		case 1:
			out, err := ask(ctx, r, dynamodb.DeleteItem, dynamodb.DeleteItemInput{TableName: str("tab"), Key: itemKey(i), ReturnValues: str("ALL_OLD")})
			return answered(out, err, wrote(i, nil), func() history.Op { return found(i, out.Attributes) })
		case 2, 3:
			return r.count(ctx)
		case 4:
			return r.get(ctx, rnd.IntN(recordedItems+1))
		case 5:
			return r.scan(ctx)
		case 6:
			return r.transactGet(ctx, rnd.Perm(recordedItems + 1)[:3])
		default:
			return r.query(ctx, string("ab"[rnd.IntN(2)]))
		}
	})
}

// answered is what a write did, and when it was answered, what it says it found before.
func answered[Out any](out *Out, err error, writes []history.Op, before func() history.Op) ([]history.Op, error) {
	if err != nil || out == nil {
		return writes, err
	}
	return append([]history.Op{before()}, writes...), nil
}

func (r *recorder) put(ctx context.Context, rnd *rand.Rand, i int) ([]history.Op, error) {
	it, writes := r.version(rnd, i)
	in := putInput("tab", it)
	if rnd.IntN(2) == 0 { // else blindly
		in.ReturnValues = str("ALL_OLD")
	}
	out, err := ask(ctx, r, dynamodb.PutItem, in)
	if !in.ReturnValues.Set {
		return writes, err
	}
	return answered(out, err, writes, func() history.Op { return found(i, out.Attributes) })
}

// count adds one: what it makes of the number is the number it was given. When the answer is lost, so is which.
func (r *recorder) count(ctx context.Context) ([]history.Op, error) {
	out, err := ask(context.WithoutCancel(ctx), r, dynamodb.UpdateItem, dynamodb.UpdateItemInput{TableName: str("tab"), Key: itemKey(tally0), ReturnValues: str("UPDATED_NEW"),
		UpdateExpression: str("ADD v :1"), ExpressionAttributeValues: doc(`{':1': {'N': '1'}}`)})
	if err != nil {
		return nil, err
	}
	n := numberOf(out.Attributes)
	key := fmt.Sprint("item/", tally0)
	return []history.Op{op(history.Read, key, n-1), op(history.Write, key, n)}, nil
}

func (r *recorder) get(ctx context.Context, i int) ([]history.Op, error) {
	out, err := ask(ctx, r, dynamodb.GetItem, dynamodb.GetItemInput{TableName: str("tab"), Key: itemKey(i), ConsistentRead: wire.Some(true)})
	if err != nil {
		return nil, err
	}
	return []history.Op{found(i, out.Item)}, nil
}

func (r *recorder) transactGet(ctx context.Context, items []int) (ops []history.Op, err error) {
	var in dynamodb.TransactGetItemsInput
	for _, i := range items {
		in.TransactItems = append(in.TransactItems, dynamodb.TransactGetItem{Get: &dynamodb.Get{TableName: str("tab"), Key: itemKey(i)}})
	}
	out, err := ask(ctx, r, dynamodb.TransactGetItems, in)
	if err != nil {
		return nil, err
	}
	for n, i := range items {
		ops = append(ops, found(i, out.Responses[n].Item))
	}
	return ops, nil
}

func (r *recorder) scan(ctx context.Context) ([]history.Op, error) {
	out, err := ask(ctx, r, dynamodb.Scan, dynamodb.ScanInput{TableName: str("tab"), ConsistentRead: wire.Some(true)})
	if err != nil {
		return nil, err
	}
	return shown("item/", out.Items), nil
}

func (r *recorder) query(ctx context.Context, group string) ([]history.Op, error) {
	out, err := ask(ctx, r, dynamodb.Query, dynamodb.QueryInput{TableName: str("tab"), IndexName: str("byG"), KeyConditionExpression: str("g = :g"),
		ExpressionAttributeValues: doc(`{':g': {'S': '` + group + `'}}`)})
	if err != nil {
		return nil, err
	}
	return shown("group/"+group+"/", out.Items), nil
}

func shown(prefix string, items []item.Item) []history.Op {
	o := history.Op{Kind: history.Scan, Key: prefix, To: prefix + "~", Seen: map[string]int{}}
	for _, it := range items {
		o.Seen[prefix+it.Get("p").Str] = numberOf(it)
	}
	return []history.Op{o}
}

// readThenWrite is what an application does: it reads some items, and writes some of them in one transaction on the condition
// that none has changed.
func (r *recorder) readThenWrite(ctx context.Context, rnd *rand.Rand) {
	items := rnd.Perm(recordedItems)[:1+rnd.IntN(3)]
	seen := r.keep(ctx, func(ctx context.Context) ([]history.Op, error) { return r.transactGet(ctx, items) })
	if len(seen) == 0 {
		return
	}
	var in dynamodb.TransactWriteItemsInput
	ops := append([]history.Op{}, seen...)
	for n, i := range items {
		condition, values := unchanged(seen[n].Value)
		action, writes := dynamodb.TransactWriteItem{}, []history.Op(nil)
		switch kind := rnd.IntN(4); {
		case kind == 0:
			action.ConditionCheck = &dynamodb.ConditionCheck{TableName: str("tab"), Key: itemKey(i), ConditionExpression: condition, ExpressionAttributeValues: values}
		case kind == 1:
			writes = wrote(i, nil)
			action.Delete = &dynamodb.Delete{TableName: str("tab"), Key: itemKey(i), ConditionExpression: condition, ExpressionAttributeValues: values}
		default:
			var it item.Item
			it, writes = r.version(rnd, i)
			action.Put = &dynamodb.Put{TableName: str("tab"), Item: it, ConditionExpression: condition, ExpressionAttributeValues: values}
		}
		in.TransactItems, ops = append(in.TransactItems, action), append(ops, writes...)
	}
	r.keep(ctx, func(ctx context.Context) ([]history.Op, error) {
		_, err := ask(ctx, r, dynamodb.TransactWriteItems, in)
		return ops, err
	})
}

func unchanged(v int) (condition wire.Opt[string], values item.Item) {
	if v == history.Absent {
		return str("attribute_not_exists(p)"), nil
	}
	return str("v = :v"), doc(`{':v': {'N': '` + strconv.Itoa(v) + `'}}`)
}

// TestLostRequestsAreFound: the recorder finds what a broken service would do: here one whose transactions check nothing.
func TestLostRequestsAreFound(t *testing.T) {
	r := &recorder{w: newWorld(t)}
	r.w.table("tab", "p:S", "byG g:S ALL")
	ctx, rnd := context.Background(), rand.New(rand.NewPCG(1, 1))
	old := r.keep(ctx, func(ctx context.Context) ([]history.Op, error) { return r.get(ctx, 0) })
	for range 2 {
		r.keep(ctx, func(ctx context.Context) ([]history.Op, error) {
			it, writes := r.version(rnd, 0)
			_, err := ask(ctx, r, dynamodb.PutItem, putInput("tab", it))
			return append(old, writes...), err
		})
	}
	if err := history.Check(r.txns); err == nil || !strings.Contains(err.Error(), "lost update") {
		t.Errorf("a lost update is called %v", err)
	}
}
