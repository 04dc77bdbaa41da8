package crash

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync/atomic"
)

const (
	rowWorkers = 3
	rowsEach   = 16
	rowGroups  = 4
)

// rows are items of a table with a global and a local index. Each worker has a partition.
type rows struct {
	*tally
	cells [rowWorkers][rowsEach]cell // what an item says: "group rank text"
}

func newRows(n *tally) *rows { return &rows{tally: n} }

func (*rows) name() string { return "rows" }

func attribute(name, kind string) m { return m{"AttributeName": name, "AttributeType": kind} }
func keys(hash, sort string) []m {
	return []m{{"AttributeName": hash, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}}
}

func (*rows) setup(c *client) error {
	all := m{"ProjectionType": "ALL"}
	return c.dynamo("CreateTable", m{
		"TableName": "rows", "BillingMode": "PAY_PER_REQUEST", "KeySchema": keys("w", "i"),
		"AttributeDefinitions":   []m{attribute("w", "S"), attribute("i", "S"), attribute("g", "S"), attribute("rank", "N")},
		"GlobalSecondaryIndexes": []m{{"IndexName": "group", "KeySchema": keys("g", "rank"), "Projection": all}},
		"LocalSecondaryIndexes":  []m{{"IndexName": "rank", "KeySchema": keys("w", "rank"), "Projection": all}},
	}, nil)
}

func rowKey(worker, i int) m {
	return m{"w": str(fmt.Sprint("w", worker)), "i": str(fmt.Sprintf("%03d", i))}
}

func (l *rows) work(c *client, worker int, r *rand.Rand) error {
	i := r.IntN(rowsEach)
	x := &l.cells[worker][i]
	value, err := "", error(nil)
	if r.IntN(4) == 0 {
		err = c.dynamo("DeleteItem", m{"TableName": "rows", "Key": rowKey(worker, i)}, nil)
	} else {
		group, rank, text := fmt.Sprint("g", r.IntN(rowGroups)), r.Int64N(1000), fmt.Sprintf("%x", r.Uint64())
		value = fmt.Sprint(group, " ", rank, " ", text)
		item := rowKey(worker, i)
		item["g"], item["rank"], item["text"] = str(group), num(rank), str(text)
		err = c.dynamo("PutItem", m{"TableName": "rows", "Item": item}, nil)
	}
	x.note(l.tally, value, err)
	if refused(err, "") {
		return err
	}
	return nil
}

type item map[string]struct{ S, N string }

func (i item) value() string { return i["g"].S + " " + i["rank"].N + " " + i["text"].S }
func (i item) id() string    { return i["w"].S + "/" + i["i"].S }

func query(c *client, in m) (items []item, err error) {
	var out struct{ Items []item }
	err = c.dynamo("Query", in, &out)
	return out.Items, err
}

func (l *rows) check(c *client) error {
	data := map[string]string{} // id → value
	var errs []error
	for w := range rowWorkers {
		in := m{"TableName": "rows", "KeyConditionExpression": "w = :w", "ExpressionAttributeValues": m{":w": str(fmt.Sprint("w", w))}, "ConsistentRead": true}
		found, err := query(c, in)
		if err != nil {
			return err
		}
		values := map[string]string{}
		for _, it := range found {
			values[it["i"].S], data[it.id()] = it.value(), it.value()
		}
		for i := range rowsEach {
			errs = append(errs, l.cells[w][i].settle(l.tally, fmt.Sprintf("row w%d/%03d", w, i), values[fmt.Sprintf("%03d", i)]))
		}
		in["IndexName"] = "rank"
		byRank, err := query(c, in)
		errs = append(errs, err, l.same(fmt.Sprintf("local index of w%d", w), byRank, found))
	}
	var all []item
	for g := range rowGroups {
		found, err := query(c, m{"TableName": "rows", "IndexName": "group", "KeyConditionExpression": "g = :g", "ExpressionAttributeValues": m{":g": str(fmt.Sprint("g", g))}})
		errs = append(errs, err, l.same(fmt.Sprintf("global index, g%d", g), found, nil))
		all = append(all, found...)
	}
	for _, it := range all {
		if data[it.id()] != it.value() {
			errs = append(errs, fmt.Errorf("the global index says %s is %s, the table %q", it.id(), it.value(), data[it.id()]))
		}
	}
	if len(all) != len(data) {
		errs = append(errs, fmt.Errorf("the global index has %d items, the table %d", len(all), len(data)))
	}
	return errors.Join(errs...)
}

// same compares what an index gives with what the table has, when given, and looks at its order.
func (l *rows) same(what string, index, table []item) error {
	l.looked.Add(int64(len(index)))
	rank := func(i item) int64 { n, _ := strconv.ParseInt(i["rank"].N, 10, 64); return n }
	if !slices.IsSortedFunc(index, func(a, b item) int { return int(rank(a) - rank(b)) }) {
		return fmt.Errorf("%s is out of order", what)
	}
	if table == nil {
		return nil
	}
	flat := func(items []item) (all []string) {
		for _, i := range items {
			all = append(all, i.id()+" "+i.value())
		}
		slices.Sort(all)
		return all
	}
	if a, b := flat(index), flat(table); !slices.Equal(a, b) {
		return fmt.Errorf("%s has %q, the table %q", what, a, b)
	}
	return nil
}

// hits is a counter that many raise at once.
type hits struct {
	*tally
	told, silent atomic.Int64 // it stands between told and told+silent
}

func (*hits) name() string { return "counter" }

func (*hits) setup(c *client) error {
	return c.dynamo("CreateTable", m{
		"TableName": "hits", "BillingMode": "PAY_PER_REQUEST", "KeySchema": []m{{"AttributeName": "k", "KeyType": "HASH"}}, "AttributeDefinitions": []m{attribute("k", "S")},
	}, nil)
}

var hot = m{"k": str("hot")}

func (l *hits) work(c *client, _ int, _ *rand.Rand) error {
	err := c.dynamo("UpdateItem", m{"TableName": "hits", "Key": hot, "UpdateExpression": "ADD n :one", "ExpressionAttributeValues": m{":one": num(1)}}, nil)
	switch {
	case err == nil:
		l.told.Add(1)
		l.acked.Add(1)
	case refused(err, ""):
		return err
	case unclear(err):
		l.silent.Add(1)
		l.open.Add(1)
	}
	return nil
}

func (l *hits) check(c *client) error {
	var out struct{ Item item }
	if err := c.dynamo("GetItem", m{"TableName": "hits", "Key": hot, "ConsistentRead": true}, &out); err != nil {
		return err
	}
	n, _ := strconv.ParseInt(out.Item["n"].N, 10, 64)
	low, high := l.told.Load(), l.told.Load()+l.silent.Load()
	l.looked.Add(1)
	if n < low || n > high {
		return fmt.Errorf("counted %d: %d were acknowledged, %d left open", n, low, high-low)
	}
	l.landed.Add(n - low)
	l.told.Store(n)
	l.silent.Store(0)
	return nil
}
