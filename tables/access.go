package tables

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"

	"bothy/kv"
	"bothy/policy"
	"bothy/tables/expr"
	"bothy/wire"
	"bothy/wire/item"
)

// nobody stands for a partition key that a request did not name as the table wants it. No key attribute can hold it alone,
// so a policy that pins dynamodb:LeadingKeys never matches: ForAllValues would hold for a key that is absent.
const nobody = "\x00"

// planKey is where a call keeps what its access function found out and its handler goes on with. Both read the definition in
// their own transaction; the handler does not go on when the table is another one by then (see again).
type planKey struct{}

// keep hands v from an operation's access function to its handler.
func keep(c *wire.Call, v any) { c.Context = context.WithValue(c.Context, planKey{}, v) }

// kept is what the access function of the same call kept.
func kept[T any](c *wire.Call) (T, error) {
	v, ok := c.Value(planKey{}).(T)
	if !ok {
		return v, errors.New("tables: handler ran without its access function")
	}
	return v, nil
}

// lookup reads the definition for an access function; nil when there is no such table, which the handler will say.
func (s *Service) lookup(c *wire.Call, name string) (t *table, err error) {
	err = s.db.View(c, func(tx *kv.Tx) (err error) {
		t, err = s.usable(tx, scope(c), name)
		return err
	})
	if f := wire.Fault(nil); err != nil && errors.As(err, &f) {
		return nil, nil
	}
	return t, err
}

// planning makes plans of one request. It looks up a table once for all that are about it in a row.
type planning struct {
	s     *Service
	c     *wire.Call
	name  string
	table *table // of name
}

func (s *Service) planning(c *wire.Call) *planning { return &planning{s: s, c: c} }

func (pl *planning) lookup(name string) (*table, error) {
	if pl.name == name {
		return pl.table, nil
	}
	t, err := pl.s.lookup(pl.c, name)
	if err == nil {
		pl.name, pl.table = name, t
	}
	return t, err
}

// again reads in the handler's transaction the table that access was decided for.
func (s *Service) again(tx *kv.Tx, c *wire.Call, name string, decided *table) (*table, error) {
	t, err := s.usable(tx, scope(c), name)
	if err != nil {
		return nil, err
	}
	if decided == nil || decided.ID != t.ID {
		return nil, wire.Because(notFound(), "table %s was created while the request was being decided", name)
	}
	return t, nil
}

// reading is again for many actions of one transaction: a table that several in a row are about is read once.
type reading struct{ decided, table *table }

func (r *reading) again(s *Service, tx *kv.Tx, c *wire.Call, name string, decided *table) (*table, error) {
	if decided != nil && decided == r.decided {
		return r.table, nil
	}
	t, err := s.again(tx, c, name, decided)
	if err == nil {
		r.decided, r.table = decided, t
	}
	return t, err
}

// leading is the value of dynamodb:LeadingKeys for one item or key.
func (t *table) leading(it item.Item) string {
	if t == nil {
		return nobody
	}
	return scalarKey(it.Get(t.Key.Hash.Name), t.Key.Hash.Type)
}

func scalarKey(v *item.Value, want string) string {
	if v == nil || v.Kind.String() != want {
		return nobody
	}
	if v.Kind == item.B {
		return base64.StdEncoding.EncodeToString([]byte(v.Str))
	}
	return v.Str
}

// Condition keys (Service Authorization Reference, "Condition keys for Amazon DynamoDB").
const (
	keyLeading   = "dynamodb:leadingkeys"
	keyAttribute = "dynamodb:attributes"
	keySelect    = "dynamodb:select"
	keyReturn    = "dynamodb:returnvalues"
	keyFullScan  = "dynamodb:fulltablescan"
	keyConsumed  = "dynamodb:returnconsumedcapacity"
	keyEnclosing = "dynamodb:enclosingoperation"
)

// names collects the top-level attributes a request touches, each once.
type names struct {
	list []string
	seen map[string]struct{} // of list, once it is long
}

const manyNames = 32

func (n *names) add(name string) {
	if n.has(name) {
		return
	}
	n.list = append(n.list, name)
	if n.seen != nil {
		n.seen[name] = struct{}{}
	}
}

func (n *names) has(name string) bool {
	if len(n.list) <= manyNames {
		return slices.Contains(n.list, name)
	}
	if n.seen == nil {
		n.seen = make(map[string]struct{}, 2*len(n.list))
		for _, have := range n.list {
			n.seen[have] = struct{}{}
		}
	}
	_, ok := n.seen[name]
	return ok
}

func (n *names) path(p expr.Path) { n.add(p[0].Name) }

func (n *names) item(it item.Item) {
	first := len(n.list) == 0 // the names of one item differ
	if first {
		n.list = make([]string, 0, len(it)+4)
	}
	for i := range it {
		switch {
		case first:
			n.list = append(n.list, it[i].Name)
		case i >= len(n.list) || n.list[i] != it[i].Name: // most often items of a table are alike
			n.add(it[i].Name)
		}
	}
}

// keys adds the keys of a table, and of the index that is read.
func (n *names) keys(t *table, index string) {
	if t == nil {
		return
	}
	for _, a := range t.keyParts(t.index(index)) {
		n.add(a.Name)
	}
}

func (n *names) projection(p *expr.Projection) {
	for _, path := range p.Paths() {
		n.path(path)
	}
}

// itemKeys are the condition keys of an operation on items.
func itemKeys(leading []string, attributes names, consumed wire.Opt[string]) policy.Keys {
	k := policy.Keys{keyLeading: leading, keyAttribute: attributes.list}
	if consumed.Set {
		k[keyConsumed] = []string{consumed.V}
	}
	return k
}

// selected is dynamodb:Select of an operation that has no such parameter.
func selected(p *expr.Projection) []string {
	if p == nil {
		return []string{"ALL_ATTRIBUTES"}
	}
	return []string{"SPECIFIC_ATTRIBUTES"}
}

// returned is dynamodb:ReturnValues; the old item returned when a condition fails counts as a return value, so that a
// policy that forbids reading by writing cannot be passed that way.
func returned(values, onFailure wire.Opt[string]) []string {
	v := values.Or("NONE")
	if onFailure.V == "ALL_OLD" && v != "ALL_NEW" {
		v = "ALL_OLD"
	}
	return []string{v}
}
