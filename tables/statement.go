package tables

import (
	"crypto/sha256"

	"bothy/api/dynamodb"
	"bothy/tables/expr"
	"bothy/tables/partiql"
	"bothy/wire"
	"bothy/wire/item"
)

// statement is a PartiQL statement on its way: what it says, and what that means for the table it names. It runs as the
// operation it amounts to runs: a read of pages, a fetch, or a mutation.
type statement struct {
	*partiql.Statement
	id    [sha256.Size]byte // of text and parameters
	name  string            // of the table
	table *table            // that access was decided for; nil: none
	read  *selecting        // of a SELECT
	write *mutation         // of the others
	bad   error             // why it means nothing for the table: told once access was decided
}

// asked is a statement as the three operations give it.
type asked struct {
	text       string
	parameters []item.Value
	onFailure  wire.Opt[string]
}

func checkValue(v *item.Value) error {
	if _, text := normalise(v, 0); text != "" {
		return validation("%s", text)
	}
	return nil
}

// check checks and normalises the parameters.
func (a asked) check() error {
	for i := range a.parameters {
		if err := checkValue(&a.parameters[i]); err != nil {
			return err
		}
	}
	return nil
}

// planStatement reads a statement, whose parameters were checked, and finds out what it amounts to.
func (s *Service) planStatement(c *wire.Call, a asked) (*statement, error) {
	parsed, err := partiql.Parse(a.text, a.parameters, checkValue)
	if err != nil {
		return nil, refuse(err)
	}
	st := &statement{Statement: parsed, id: identified(a)}
	if st.name, err = tableName(c, st.Table); err != nil {
		return nil, err
	}
	if st.table, err = s.lookup(c, st.name); err != nil || st.table == nil {
		return st, err
	}
	st.bad = st.compile(st.table, a.onFailure)
	return st, nil
}

// identified is the digest of a statement with its parameters.
func identified(a asked) [sha256.Size]byte {
	b := appendText(nil, a.text)
	for i := range a.parameters {
		b = appendUnorderedValue(b, &a.parameters[i])
	}
	return sha256.Sum256(b)
}

// compile makes the operation that the statement amounts to.
func (st *statement) compile(t *table, onFailure wire.Opt[string]) (err error) {
	if st.Verb == partiql.Select {
		st.read, err = newSelecting(st.Statement, t)
		return err
	}
	m := &mutation{name: st.name, table: t, onFailure: onFailure, needOld: true, statement: true}
	st.write = m
	if st.Verb == partiql.Insert {
		m.verb, m.key, m.unique = verbPut, st.Item, true
		if m.size, err = normaliseItem(m.key); err != nil {
			return err
		}
		m.cond, err = expr.Checked(t.exists(false))
		return err
	}
	key, rest, twice := t.addressed(st.Where, false)
	switch st.Verb {
	case partiql.Exists:
		if m.verb = verbCheck; key == nil || rest == nil || st.Index != "" || st.Order != nil {
			return validation("EXISTS() must contain a single item read with additional condition")
		}
		twice = "" // one of the values fails its condition
		m.cond, err = expr.Checked(expr.All(t.exists(true), rest))
	case partiql.Update:
		m.verb, m.update = verbUpdate, st.Update
		m.cond, err = expr.Checked(expr.All(t.exists(true), rest))
	default: // what is not there is deleted already
		if m.verb = verbDelete; rest != nil {
			m.cond, err = expr.Checked(expr.Any(t.exists(false), rest))
		}
	}
	switch {
	case key == nil:
		return unaddressed("Where clause does not contain a mandatory equality on all key attributes")
	case twice != "":
		return unaddressed("Multiple conditions on same key " + twice + ". Only single item Update/Insert/Delete are supported")
	}
	m.key = key
	return refuse(err)
}

// unaddressed is why an UPDATE or DELETE does not name one item. A transaction tells it as it tells of other keys that are wrong.
type unaddressed string

func (u unaddressed) Error() string { return string(u) }

// Fault is how the error is told.
func (u unaddressed) Fault() (code string, status int, message string) {
	return "ValidationException", 400, string(u)
}

// exists is the condition that there is an item, or that there is none.
func (t *table) exists(there bool) *expr.Node {
	name := map[bool]string{true: "attribute_exists", false: "attribute_not_exists"}[there]
	return expr.Call(name, expr.Attribute(expr.Path{{Name: t.Key.Hash.Name}}))
}

// addressed splits a WHERE into the key of the one item it names, nil when it names none, and what else it says. For some it
// may name a value by IN, alone in its list. twice is the name of a key attribute that is to equal a second value, too.
func (t *table) addressed(where *expr.Condition, lists bool) (key item.Item, rest *expr.Node, twice string) {
	var others []*expr.Node
	for _, part := range where.Node().Parts() {
		name, v := t.pinned(part, lists)
		switch have := key.Get(name); {
		case v != nil && have == nil:
			key = append(key, item.Attribute{Name: name, Value: *v})
		case v == nil || !expr.Equal(v, have):
			if others = append(others, part); v != nil {
				twice = name
			}
		}
	}
	if len(key) != len(t.Key.parts()) {
		return nil, nil, ""
	}
	return key, expr.All(others...), twice
}

// pinned is the value that a part of a WHERE says a key attribute has; nil: it says something else.
func (t *table) pinned(part *expr.Node, lists bool) (name string, v *item.Value) {
	for _, a := range t.Key.parts() {
		values, ok := part.Pins(a.Name)
		if _, equality := part.Test(); ok && len(values) == 1 && (lists || equality) {
			return a.Name, values[0]
		}
	}
	return "", nil
}

var actionOf = map[partiql.Verb]string{
	partiql.Select: "dynamodb:PartiQLSelect", partiql.Exists: "dynamodb:PartiQLSelect",
	partiql.Insert: "dynamodb:PartiQLInsert", partiql.Update: "dynamodb:PartiQLUpdate", partiql.Delete: "dynamodb:PartiQLDelete",
}

// access is what the statement wants to do.
func (st *statement) access(c *wire.Call, consumed wire.Opt[string]) wire.Access {
	resource := tableARN(scope(c), st.name)
	if st.Index != "" {
		resource = indexARN(scope(c), st.name, st.Index)
	}
	w := st.table.want(actionOf[st.Verb], resource, itemKeys(st.leading(), st.touched(), consumed))
	if st.write != nil && st.Verb != partiql.Insert {
		w.Keys[keyReturn] = returned(wire.Opt[string]{V: st.Returning, Set: st.Returning != ""}, st.write.onFailure)
	}
	switch st.Verb {
	case partiql.Exists:
		w.Keys[keySelect] = []string{"ALL_ATTRIBUTES"} // its condition decides, and a failure may show the item
	case partiql.Select:
		w.Keys[keySelect] = st.selected()
		w.Keys[keyFullScan] = []string{map[bool]string{true: "true", false: "false"}[st.read == nil || st.read.partitions == nil]}
	}
	return w
}

// leading are the values of dynamodb:LeadingKeys: the partitions the statement reaches. One that may reach any has nobody's.
func (st *statement) leading() []string {
	switch {
	case st.bad == nil && st.write != nil:
		return []string{st.table.leading(st.write.key)}
	case st.bad == nil && st.read != nil && st.read.partitions != nil:
		values := make([]string, len(st.read.partitions))
		for i, v := range st.read.partitions {
			values[i] = scalarKey(v, st.read.schema.Hash.Type)
		}
		return values
	}
	return []string{nobody}
}

func (st *statement) touched() names {
	var n names
	n.item(st.Item)
	st.Where.Paths(n.path)
	n.projection(st.Columns)
	for _, o := range st.Order {
		n.add(o.Name)
	}
	if st.Update != nil {
		st.Update.Reads(n.path)
	}
	if st.Verb == partiql.Select {
		n.keys(st.table, st.Index)
	}
	return n
}

func (st *statement) selected() []string {
	if st.Columns == nil && st.Index != "" {
		return []string{"ALL_PROJECTED_ATTRIBUTES"}
	}
	return selected(st.Columns)
}

func (s *Service) accessStatement(c *wire.Call, in *dynamodb.ExecuteStatementInput) ([]wire.Access, error) {
	a := asked{in.Statement.V, in.Parameters, in.ReturnValuesOnConditionCheckFailure}
	if err := a.check(); err != nil {
		return nil, err
	}
	st, err := s.planStatement(c, a)
	if err != nil {
		return nil, err
	}
	keep(c, st)
	return []wire.Access{st.access(c, in.ReturnConsumedCapacity)}, nil
}

func (s *Service) executeStatement(c *wire.Call, in *dynamodb.ExecuteStatementInput) (*dynamodb.ExecuteStatementOutput, error) {
	st, err := kept[*statement](c)
	if err != nil {
		return nil, err
	}
	switch {
	case st.table == nil:
		return nil, notFound()
	case st.bad != nil:
		return nil, st.bad
	case st.Verb == partiql.Exists:
		return nil, validation("EXISTS can only be used in ExecuteTransaction write requests.")
	case st.Verb == partiql.Select:
		return s.selectItems(c, st, in)
	case in.NextToken.Set:
		return nil, errToken()
	}
	o, err := s.update(c, st.write)
	if err != nil {
		return nil, err
	}
	out := &dynamodb.ExecuteStatementOutput{Items: []item.Item{}, ConsumedCapacity: writeCapacity(in.ReturnConsumedCapacity, 1, o)}
	if it := st.returned(o); it != nil {
		out.Items = append(out.Items, it)
	}
	return out, nil
}

// returned is what RETURNING shows of what a write did; nil: nothing.
func (st *statement) returned(o *outcome) item.Item {
	switch st.Returning {
	case "ALL_OLD":
		return o.old
	case "ALL_NEW":
		return o.now
	case "UPDATED_OLD":
		return someOf(expr.Project(st.Update.Paths()).Of(o.old))
	case "UPDATED_NEW":
		return someOf(expr.Project(st.Update.Paths()).Of(o.now))
	}
	return nil
}

// fetch is a SELECT inside an operation of several: it reads one item, named by its key.
func (st *statement) fetch(in string) (*fetch, error) {
	key, rest, _ := st.table.addressed(st.Where, true)
	if key == nil || rest != nil || st.Index != "" || st.Order != nil {
		return nil, validation("Select statements within %s must specify the primary key in the where clause.", in)
	}
	return &fetch{name: st.name, key: key, proj: st.Columns, table: st.table, statement: true}, nil
}

// may asks for the permission of one statement of a batch.
func may(c *wire.Call, w wire.Access) error {
	if c.Principal != nil && c.Principal.Kind == wire.Internal {
		return nil
	}
	if d := wire.Decide(c, w); !d.Allowed {
		return wire.AccessDenied(c, w, d)
	}
	return nil
}
