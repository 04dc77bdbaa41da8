package record

import (
	"context"
	"math"
	"sync"
	"time"

	"bothy/kv"
)

// Limit is how often something may happen: Burst times at once, and PerSecond in the long run.
type Limit struct{ PerSecond, Burst float64 }

// lot is how much a node takes at a time, and grants on its own before it asks the others.
func (l Limit) lot() float64 { return max(1, l.Burst/100) }

// Brake counts what strangers may do, for all nodes that share a store together. A node grants a lot (a hundredth of the burst) of
// each key on its own, which comes back at a tenth of the rate; beyond, it takes a lot at a time out of the key's row. So who
// does little costs no write, who does much one write in a lot, and who is refused none. Together N nodes grant at most
// Burst + N lots at once, and PerSecond × (1 + N/10) in the long run. A node's clock that is ahead by d gives PerSecond × d once.
//
// Rows, across accounts: record.bucket key → what is left; they expire when the bucket is full again.
type Brake struct {
	DB *kv.DB

	mu   sync.Mutex
	lots map[string]*lot // guarded by mu
}

// maxLots bounds a node's memory. Forgetting one grants its key another lot.
const maxLots = 10_000

// lot is what a node may grant of a key without asking.
type lot struct {
	mu   sync.Mutex // one asks, the others of the key wait for the answer
	left float64
	at   time.Time
	wait time.Time // the row is empty until then
}

// bucket is the row of a key.
type bucket struct {
	Key  string
	Left float64
	At   time.Time
	Full time.Time // when it will be full
}

var buckets = &Table[bucket]{
	Name: "record.bucket", Version: 1, Key: func(b *bucket) []any { return []any{b.Key} }, Expires: func(b *bucket) time.Time { return b.Full },
}

// Take takes one of what key may do, and says whether there was one.
func (b *Brake) Take(ctx context.Context, key string, limit Limit, now time.Time) (bool, error) {
	l := b.lot(key, limit, now)
	l.mu.Lock()
	defer l.mu.Unlock()
	if passed := now.Sub(l.at); passed > 0 {
		l.left, l.at = max(l.left, min(limit.lot(), l.left+limit.PerSecond/10*passed.Seconds())), now
	}
	if l.left < 1 && !now.Before(l.wait) {
		got, left, err := b.draw(ctx, key, limit, now)
		if err != nil {
			return false, err
		}
		if l.left += got; got == 0 {
			l.wait = now.Add(time.Duration((1 - left) / limit.PerSecond * float64(time.Second)))
		}
	}
	if l.left < 1 {
		return false, nil
	}
	l.left--
	return true, nil
}

func (b *Brake) lot(key string, limit Limit, now time.Time) *lot {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.lots[key]
	if l != nil {
		return l
	}
	if b.lots == nil {
		b.lots = map[string]*lot{}
	}
	for k := range b.lots {
		if len(b.lots) < maxLots {
			break
		}
		delete(b.lots, k)
	}
	l = &lot{left: limit.lot(), at: now}
	b.lots[key] = l
	return l
}

// draw takes up to a lot out of the key's row, whole pieces only.
func (b *Brake) draw(ctx context.Context, key string, limit Limit, now time.Time) (got, left float64, err error) {
	err = b.DB.Update(ctx, func(tx *kv.Tx) error {
		row, err := buckets.Get(tx, Scope{}, key)
		if err == ErrNotFound {
			row, err = &bucket{Key: key, Left: limit.Burst, At: now}, nil
		}
		if err != nil {
			return err
		}
		if passed := now.Sub(row.At); passed > 0 {
			row.Left, row.At = min(limit.Burst, row.Left+limit.PerSecond*passed.Seconds()), now
		}
		got = math.Floor(min(limit.lot(), row.Left))
		row.Left -= got
		if left = row.Left; got == 0 {
			return nil // nothing worth a write
		}
		row.Full = row.At.Add(time.Duration((limit.Burst - row.Left) / limit.PerSecond * float64(time.Second)))
		return buckets.Put(tx, Scope{}, row)
	})
	return got, left, err
}
