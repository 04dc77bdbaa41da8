package crash

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
)

const (
	purses     = 6
	startMoney = 1_000_000
)

// money moves between items in transactions, each with a receipt; every other one is in PartiQL. A transaction left open by a
// kill is sent again with its token, as the SDKs do: it must not move anything twice.
type money struct {
	*tally
	mu       sync.Mutex
	balance  [purses]int64        // by what was acknowledged; guarded by mu, as is what follows
	receipts map[string]*transfer // since the last check
	open     []*transfer
	n        int
}

type transfer struct {
	id       string
	from, to int
	amount   int64
	partiql  bool
}

func newMoney(n *tally) *money { return &money{tally: n, receipts: map[string]*transfer{}} }

func (*money) name() string { return "transactions" }

func purse(i int) m { return m{"k": str(fmt.Sprint("purse", i)), "s": str("-")} }

func (l *money) setup(c *client) error {
	err := c.dynamo("CreateTable", m{
		"TableName": "money", "BillingMode": "PAY_PER_REQUEST", "KeySchema": keys("k", "s"), "AttributeDefinitions": []m{attribute("k", "S"), attribute("s", "S")},
	}, nil)
	for i := range purses {
		it := purse(i)
		it["n"] = num(startMoney)
		err = errors.Join(err, c.dynamo("PutItem", m{"TableName": "money", "Item": it}, nil))
		l.balance[i] = startMoney
	}
	return err
}

func (t *transfer) send(c *client) error {
	if t.partiql {
		return t.state(c)
	}
	move := func(i int, change int64) m {
		return m{"Update": m{"TableName": "money", "Key": purse(i), "UpdateExpression": "SET n = n + :d", "ExpressionAttributeValues": m{":d": num(change)}}}
	}
	receipt := m{"k": str("receipts"), "s": str(t.id), "n": num(t.amount)}
	return c.dynamo("TransactWriteItems", m{"ClientRequestToken": t.id, "TransactItems": []m{move(t.from, -t.amount), move(t.to, t.amount), {"Put": m{"TableName": "money", "Item": receipt}}}}, nil)
}

func (t *transfer) state(c *client) error {
	move := func(i int, change int64) m {
		return m{"Statement": fmt.Sprintf("UPDATE money SET n = n + %d WHERE k = 'purse%d' AND s = '-'", change, i)}
	}
	receipt := m{"Statement": "INSERT INTO money VALUE {'k': 'receipts', 's': ?, 'n': ?}", "Parameters": []m{str(t.id), num(t.amount)}}
	return c.dynamo("ExecuteTransaction", m{"ClientRequestToken": t.id, "TransactStatements": []m{move(t.from, -t.amount), move(t.to, t.amount), receipt}}, nil)
}

func (l *money) work(c *client, _ int, r *rand.Rand) error {
	l.mu.Lock()
	l.n++
	t := &transfer{fmt.Sprintf("t%08d", l.n), r.IntN(purses), 0, 1 + r.Int64N(9), l.n%2 == 0}
	l.mu.Unlock()
	t.to = (t.from + 1 + r.IntN(purses-1)) % purses
	err := t.send(c)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil:
		l.apply(t)
		l.acked.Add(1)
	case refused(err, "TransactionCanceledException"), refused(err, "TransactionInProgressException"):
	case refused(err, ""):
		return err
	case unclear(err):
		l.open = append(l.open, t)
		l.tally.open.Add(1)
	}
	return nil
}

func (l *money) apply(t *transfer) {
	l.balance[t.from] -= t.amount
	l.balance[t.to] += t.amount
	l.receipts[t.id] = t
}

func (l *money) check(c *client) error {
	found, err := l.read(c)
	if err != nil {
		return err
	}
	var errs []error
	for id := range l.receipts {
		if _, there := found[id]; !there {
			errs = append(errs, fmt.Errorf("transaction %s was acknowledged and left no receipt", id))
		}
	}
	for _, t := range l.open {
		if _, there := found[t.id]; there {
			l.landed.Add(1)
			l.apply(t)
		}
	}
	errs = append(errs, l.compare(found, "after the kill"))
	for _, t := range l.open { // again, as its client would
		if err := t.send(c); err != nil {
			return err
		}
		if l.receipts[t.id] == nil {
			l.apply(t)
		}
	}
	if len(l.open) > 0 {
		if found, err = l.read(c); err != nil {
			return err
		}
		errs = append(errs, l.compare(found, "after sending again what was left open"))
	}
	for id := range l.receipts { // the past need not be read again
		errs = append(errs, c.dynamo("DeleteItem", m{"TableName": "money", "Key": m{"k": str("receipts"), "s": str(id)}}, nil))
	}
	l.open, l.receipts = nil, map[string]*transfer{}
	return errors.Join(errs...)
}

// read is the whole table: balances and receipts by key.
func (l *money) read(c *client) (map[string]int64, error) {
	found := map[string]int64{}
	in := m{"TableName": "money", "ConsistentRead": true}
	for {
		var out struct {
			Items            []item
			LastEvaluatedKey m
		}
		if err := c.dynamo("Scan", in, &out); err != nil {
			return nil, err
		}
		for _, it := range out.Items {
			n, err := strconv.ParseInt(it["n"].N, 10, 64)
			if err != nil {
				return nil, err
			}
			if key := it["k"].S; key == "receipts" {
				found[it["s"].S] = n
			} else {
				found[key] = n
			}
		}
		if out.LastEvaluatedKey == nil {
			return found, nil
		}
		in["ExclusiveStartKey"] = out.LastEvaluatedKey
	}
}

func (l *money) compare(found map[string]int64, when string) error {
	sum := int64(0)
	var errs []error
	for i, want := range l.balance {
		n := found[fmt.Sprint("purse", i)]
		if sum += n; n != want {
			errs = append(errs, fmt.Errorf("%s purse %d holds %d, its receipts say %d", when, i, n, want))
		}
	}
	l.looked.Add(int64(len(found)))
	if sum != purses*startMoney {
		errs = append(errs, fmt.Errorf("%s there is %d in all", when, sum))
	}
	if len(found) != purses+len(l.receipts) {
		errs = append(errs, fmt.Errorf("%s there are %d receipts, %d are known", when, len(found)-purses, len(l.receipts)))
	}
	return errors.Join(errs...)
}
