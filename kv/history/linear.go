package history

import (
	"math"
	"time"

	"github.com/anishathalye/porcupine"
)

// maxSearch is how long Linearizable looks for an order of one key's operations.
const maxSearch = 30 * time.Second

// Linearizable says whether each key by itself behaved as one register in one place: nil, or an *Anomaly. Every transaction
// must be of one key. It is a second opinion on Check, by another's search.
func Linearizable(txns []Txn) error {
	byKey := map[string][]porcupine.Operation{}
	for i, t := range txns {
		if t.Outcome == Failed || len(t.Ops) == 0 {
			continue
		}
		key := t.Ops[0].Key
		for _, o := range t.Ops {
			if o.Key != key || o.Kind == Scan {
				return anomaly("unfit", "transaction %d is not of one key", i)
			}
		}
		op := porcupine.Operation{Input: t, Call: t.Began, Return: t.Ended}
		if t.Outcome == Unknown {
			op.Return = math.MaxInt64
		}
		byKey[key] = append(byKey[key], op)
	}
	for key, ops := range byKey {
		switch porcupine.CheckOperationsTimeout(register(), ops, maxSearch) {
		case porcupine.Illegal:
			return anomaly("not linearizable", "key %s, %d operations", key, len(ops))
		case porcupine.Unknown:
			return anomaly("undecided", "key %s, %d operations", key, len(ops))
		}
	}
	return nil
}

// register is a key: its state is its value. An unknown transaction that could not have read what it says did not happen.
func register() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return Absent },
		Step: func(state, input, _ any) (bool, any) {
			t, value := input.(Txn), state.(int)
			for _, o := range t.Ops {
				if o.Kind == Read && o.Value != value {
					return t.Outcome == Unknown, state
				}
				if o.Kind == Write {
					value = o.Value
				}
			}
			return true, value
		},
	}
}
