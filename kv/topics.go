package kv

import "sync"

// topics are who waits for news of what. News is a hint, not state: a waiter looks at the rows, and looks again by itself
// after a while, for a hint may be lost with a connection.
type topics struct {
	mu      sync.Mutex
	waiters map[string]map[chan struct{}]struct{} // guarded by mu
}

// Notify wakes, when the transaction commits, whoever listens to the topic, on every node that shares the store. It costs a
// shared store something at each commit: it is for rows that somebody waits for.
func (t *Tx) Notify(topic string) error {
	if t.readOnly {
		return ErrReadOnly
	}
	t.topics = append(t.topics, topic)
	if t.db.shared == nil {
		return nil
	}
	return t.db.shared.Notify(t.txn, topic)
}

// Listen gives a channel that gets a value after transactions that named the topic have committed; several in a row may be
// one value. The caller calls stop when it no longer listens.
func (db *DB) Listen(topic string) (news <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	db.topics.add(topic, c)
	return c, func() { db.topics.remove(topic, c) }
}

func (t *topics) add(topic string, c chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waiters == nil {
		t.waiters = map[string]map[chan struct{}]struct{}{}
	}
	if t.waiters[topic] == nil {
		t.waiters[topic] = map[chan struct{}]struct{}{}
	}
	t.waiters[topic][c] = struct{}{}
}

func (t *topics) remove(topic string, c chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.waiters[topic], c)
	if len(t.waiters[topic]) == 0 {
		delete(t.waiters, topic)
	}
}

// wake tells who waits for a topic; "" is every topic.
func (t *topics) wake(topic string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for name, waiters := range t.waiters {
		if topic != "" && topic != name {
			continue
		}
		for c := range waiters {
			select {
			case c <- struct{}{}:
			default: // it has news already
			}
		}
	}
}
