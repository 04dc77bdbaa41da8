// Package history judges recorded histories of concurrent transactions: is there one order of them, true to real time, that
// explains what each of them saw? Check answers for transactions, Linearizable for single keys. It knows no store: a history
// may come from an engine, a service or a program over the network.
//
// What a key held is told by values that are unique among those written to it, so what a reader saw names the writer. From
// that follow edges: a writer stands before who read it, and every other writer of the key stands before that writer or after
// that reader. Real time adds its own. No order without a cycle: an anomaly, named as in Adya's thesis and by Elle
// (Kingsbury and Alvaro, 2020).
package history

import (
	"fmt"
	"slices"
)

// Txn is a transaction as its client knows it.
type Txn struct {
	Began, Ended int64 // places in one order of all begins and ends
	Outcome      Outcome
	Ops          []Op // in the order of the transaction
}

// Outcome is what the client was told.
type Outcome int

// Outcomes. An Unknown transaction may have happened at any time after it began, or not; what a Failed one wrote must never
// be seen, and what it saw is not looked at.
const (
	Committed Outcome = iota
	Unknown
	Failed
)

// Op reads or writes one key, or scans the keys in [Key, To).
type Op struct {
	Kind  Kind
	Key   string
	Value int            // read or written; Absent is a deleted or never written key
	To    string         // of a Scan; "" is the end
	Seen  map[string]int // of a Scan: the keys that were there
}

// Kind of an Op.
type Kind int

// Kinds.
const (
	Read Kind = iota
	Write
	Scan
)

// Absent is the value of a key that is not there. Others are unique among the writes of their key.
const Absent = 0

// Anomaly is what no serializable store would have answered.
type Anomaly struct {
	Name   string // G0, G1a, G1b, G1c, G-single, G2-item, G2, lost update, … ; "real-time " before it when only time forbids it
	Detail string
}

func (a *Anomaly) Error() string { return "history: " + a.Name + ": " + a.Detail }

func anomaly(name, format string, args ...any) *Anomaly {
	return &Anomaly{name, fmt.Sprintf(format, args...)}
}

// Writes says whether the transaction wrote.
func (t Txn) Writes() bool {
	return slices.ContainsFunc(t.Ops, func(o Op) bool { return o.Kind == Write })
}
