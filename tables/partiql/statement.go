package partiql

import (
	"strings"

	"bothy/tables/expr"
	"bothy/wire/item"
)

type parser struct {
	*scanner
	parameters []item.Value
	used       int // of the parameters
	check      Check
	conditions int  // WHERE parts, to bound what one statement costs
	nesting    int  // of the lists and maps of a literal that are open
	changing   bool // in the value of a SET, where sums and list_append may stand
}

func (p *parser) statement() (*Statement, error) {
	parse := map[string]func() (*Statement, error){"SELECT": p.selects, "INSERT": p.inserts, "UPDATE": p.updates, "DELETE": p.deletes, "FROM": p.fromFirst, "EXISTS": p.exists}[strings.ToUpper(p.cur.text)]
	switch {
	case p.cur.kind == bad:
		return nil, malformed("")
	case p.cur.kind != word || parse == nil:
		return nil, p.noStatement()
	}
	p.next()
	st, err := parse()
	if err != nil {
		return nil, err
	}
	p.accept(";")
	return st, p.atEnd()
}

// noStatement is the refusal of what does not begin as statements do: of the test of a type, that it is one.
func (p *parser) noStatement() error {
	if p.name() && p.cur.text != "" {
		if _, err := p.path(); err == nil && p.acceptWord("IS") {
			if _, ok := p.typeName(); ok {
				return fail("Unsupported operation: IsType")
			}
		}
	}
	return malformed(noStatement)
}

func (p *parser) atEnd() error {
	switch p.cur.kind {
	case end:
		return nil
	case bad:
		return malformed("")
	}
	return malformed(leftover)
}

func (p *parser) selects() (*Statement, error) {
	st := &Statement{Verb: Select}
	if err := p.columns(st); err != nil {
		return nil, err
	}
	if !p.acceptWord("FROM") {
		return nil, p.unexpected()
	}
	if !p.name() {
		return nil, p.unexpected()
	}
	path, err := p.tablePath()
	if err != nil {
		return nil, err
	}
	if st.Table = path[0]; len(path) == 2 {
		st.Index = path[1]
	}
	if err := p.noAlias(); err != nil {
		return nil, err
	}
	if err := p.where(st); err != nil {
		return nil, err
	}
	if p.acceptWord("ORDER") {
		err = p.orderBy(st)
	}
	return st, err
}

// columns reads what a SELECT shows.
func (p *parser) columns(st *Statement) error {
	if p.accept("*") {
		if p.is(",") {
			return fail("Other attributes should not be present in the projection when '*' is used.")
		}
		return nil
	}
	var paths []expr.Path
	for {
		at := p.cur
		if !p.name() {
			if p.cur.kind == word || p.cur.kind == end || p.cur.kind == bad {
				return p.unexpected()
			}
			return fail("Unexpected path component at %s", p.place(at))
		}
		if p.calls() {
			return fail("Unexpected path component at %s", p.place(at))
		}
		path, err := p.path()
		if err != nil {
			return err
		}
		if p.keyword("AS") || p.name() {
			return errAlias
		}
		if paths = append(paths, path); !p.accept(",") {
			break
		}
	}
	columns, twice, ok := expr.Columns(paths)
	if !ok {
		return fail("Duplicate identifiers in select clause: %s", twice)
	}
	st.Columns = columns
	return nil
}

func (p *parser) tablePath() ([]string, error) {
	var path []string
	for {
		if !p.name() {
			return nil, malformed(noName)
		}
		if p.cur.text == "" {
			return nil, fail("Path component cannot be an empty string")
		}
		path = append(path, p.next().text)
		if !p.accept(".") {
			break
		}
	}
	if len(path) > 2 {
		return nil, fail("A path may contain at most 2 components in the FROM clause")
	}
	return path, nil
}

// table reads the name of the table that a statement writes to.
func (p *parser) table(st *Statement) error {
	if p.cur.kind == bad {
		return malformed("")
	}
	if !p.name() {
		return malformed(noTable)
	}
	path, err := p.tablePath()
	switch {
	case err != nil:
		return err
	case len(path) > 1 && st.Verb == Insert:
		return fail("FROM clause may only contain a single table name")
	case len(path) > 1:
		return fail("This operation is not supported on an index")
	}
	st.Table = path[0]
	return nil
}

func (p *parser) noAlias() error {
	if p.keyword("AS") || p.name() {
		return errAlias
	}
	return nil
}

func (p *parser) where(st *Statement) error {
	if !p.acceptWord("WHERE") {
		return nil
	}
	n, err := p.condition()
	if err != nil {
		return err
	}
	st.Where, err = expr.Checked(n)
	return err
}

func (p *parser) orderBy(st *Statement) error {
	if !p.acceptWord("BY") {
		return p.unexpected()
	}
	for {
		if !p.name() {
			return p.unexpected()
		}
		o := Order{Name: p.next().text}
		if p.acceptWord("DESC") {
			o.Desc = true
		} else {
			p.acceptWord("ASC")
		}
		if st.Order = append(st.Order, o); !p.accept(",") {
			return nil
		}
	}
}

func (p *parser) inserts() (*Statement, error) {
	st := &Statement{Verb: Insert}
	if !p.acceptWord("INTO") {
		return nil, p.unexpected()
	}
	if err := p.table(st); err != nil {
		return nil, err
	}
	if !p.acceptWord("VALUE") {
		if p.name() {
			return nil, malformed(leftover)
		}
		return nil, p.unexpected()
	}
	v, err := p.literal("")
	if err != nil {
		return nil, err
	}
	if v.Kind != item.M {
		return nil, malformed("Expected a tuple in VALUE")
	}
	st.Item = v.More.Map
	return st, nil
}

// clauses parses the table of a statement that changes it, and what follows in turn.
func (p *parser) clauses(st *Statement, follow ...func(*Statement) error) error {
	err := p.table(st)
	if err == nil {
		err = p.noAlias()
	}
	for _, clause := range follow {
		if err == nil {
			err = clause(st)
		}
	}
	return err
}

func (p *parser) updates() (*Statement, error) {
	st := &Statement{Verb: Update}
	return st, p.clauses(st, p.changes, p.where, p.returning)
}

// fromFirst is FROM table WHERE … SET …, the other way to write an UPDATE.
func (p *parser) fromFirst() (*Statement, error) {
	st := &Statement{Verb: Update}
	return st, p.clauses(st, p.where, p.changes, p.returning)
}

func (p *parser) deletes() (*Statement, error) {
	st := &Statement{Verb: Delete}
	if !p.acceptWord("FROM") {
		return nil, p.unexpected()
	}
	err := p.clauses(st, p.where, p.returning)
	if err == nil && st.Returning != "" && st.Returning != "ALL_OLD" {
		err = fail("Invalid returning clause: RETURNING %s *. Only RETURNING ALL OLD * is allowed in DELETE statements.", strings.Replace(strings.Replace(st.Returning, "UPDATED", "MODIFIED", 1), "_", " ", 1))
	}
	return st, err
}

func (p *parser) exists() (*Statement, error) {
	if !p.accept("(") || !p.acceptWord("SELECT") {
		return nil, p.unexpected()
	}
	st, err := p.selects()
	if err != nil {
		return nil, err
	}
	if st.Verb = Exists; !p.accept(")") {
		return nil, p.unexpected()
	}
	return st, nil
}

// returning reads RETURNING (ALL|MODIFIED) (OLD|NEW) *.
func (p *parser) returning(st *Statement) error {
	if !p.acceptWord("RETURNING") {
		return nil
	}
	which := ""
	for _, w := range [][2]string{{"ALL", "ALL_"}, {"MODIFIED", "UPDATED_"}} {
		if p.acceptWord(w[0]) {
			which = w[1]
			break
		}
	}
	switch {
	case which == "":
		return p.unexpected()
	case p.acceptWord("OLD"):
		which += "OLD"
	case p.acceptWord("NEW"):
		which += "NEW"
	default:
		return p.unexpected()
	}
	if st.Returning = which; !p.accept("*") {
		return p.unexpected()
	}
	return nil
}

// unexpected is the error of a token where something else should begin.
func (p *parser) unexpected() error {
	w := strings.ToUpper(p.cur.text)
	switch {
	case p.cur.kind == bad:
		return malformed("")
	case p.cur.kind == word && operator[w]:
		return malformed(noOperator)
	case p.cur.kind == word && keywords[w]:
		return malformed(noKeyword)
	}
	return malformed(noTerm)
}
