package crash

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
)

// load is a kind of traffic with a memory of what it was told. A new kind implements these four methods and is named in loads.
type load interface {
	name() string
	// setup makes what the traffic needs on an empty node.
	setup(c *client) error
	// work makes one small piece of traffic as one of workers, and notes the answers. It returns an error only for an answer
	// that a node that runs must not give.
	work(c *client, worker int, r *rand.Rand) error
	// check compares what a restarted node holds with what was told, and takes over what it finds of what was left open.
	check(c *client) error
}

// loads are the kinds of traffic, fresh, and how many workers each has.
func loads(n *tally) map[load]int {
	return map[load]int{
		newRows(n): rowWorkers, newMoney(n): 2, newObjects(n): fileWorkers, newPeople(n): peopleWorkers, &hits{tally: n}: 2, newChanges(n): changeWorkers,
	}
}

// tally counts over all rounds what was proven.
type tally struct {
	acked      atomic.Int64 // acknowledged writes looked for after a kill
	open       atomic.Int64 // writes that the kill left without an answer
	landed     atomic.Int64 // of those, found carried out
	startKills atomic.Int64
	looked     atomic.Int64 // facts compared: rows, index entries, objects, users
}

// cell is the memory of one thing that one worker changes: what it was told last, and what was tried since. "" is absence.
type cell struct {
	acked string
	tries []string
	wrote bool // since the last check
}

// note takes the answer of a change to value: nil, a definite refusal, or silence.
func (x *cell) note(n *tally, value string, err error) {
	switch {
	case err == nil:
		x.acked, x.tries, x.wrote = value, nil, true
		n.acked.Add(1)
	case unclear(err):
		x.tries = append(x.tries, value)
		n.open.Add(1)
	}
}

// settle compares what was found after a kill, and takes it over.
func (x *cell) settle(n *tally, what, found string) error {
	n.looked.Add(1)
	for _, v := range x.tries {
		if found == v && found != x.acked {
			n.landed.Add(1)
			x.acked = found
			break
		}
	}
	if found != x.acked {
		return fmt.Errorf("%s is %.60q; acknowledged was %.60q, tried since %.60q", what, found, x.acked, x.tries)
	}
	x.tries, x.wrote = nil, false
	return nil
}

// unclear tells whether a call may have been carried out although it failed: the node was killed under it.
func unclear(err error) bool { return err != nil && !refused(err, "") && !errors.Is(err, errGone) }
