package tables

import (
	"strings"

	"bothy/tables/expr"
	"bothy/wire"
	"bothy/wire/item"
)

// search is what Query and Scan have in common: which index, which attributes, which filter, where to start.
type search struct {
	name       string
	indexName  string
	table      *table // that access was decided for; nil: none
	filter     *expr.Condition
	legacy     bool // the filter came as QueryFilter or ScanFilter
	proj       *expr.Projection
	sel        string // Select as given, or what it means when not given
	start      item.Item
	consistent bool
	limit      int
}

// checkSelect reads Select against what else asks for attributes.
func (q *search) checkSelect(given wire.Opt[string], projected bool) error {
	q.sel = given.V
	if !given.Set {
		switch {
		case projected:
			q.sel = "SPECIFIC_ATTRIBUTES"
		case q.indexName != "":
			q.sel = "ALL_PROJECTED_ATTRIBUTES"
		default:
			q.sel = "ALL_ATTRIBUTES"
		}
		return nil
	}
	switch {
	case projected && q.sel != "SPECIFIC_ATTRIBUTES":
		return validation("Cannot specify the ProjectionExpression when choosing to get %s", q.sel)
	case !projected && q.sel == "SPECIFIC_ATTRIBUTES":
		return validation("Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES")
	case q.sel == "ALL_PROJECTED_ATTRIBUTES" && q.indexName == "":
		return validation(invalid + "ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")
	}
	return nil
}

func (q *search) checkStart(start item.Item) error {
	q.start = start
	for i := range start {
		if _, text := normalise(&start[i].Value, 0); text != "" {
			return validation("The provided starting key is invalid: %s", text)
		}
	}
	return nil
}

// resolve finds the index, and checks what depends on it.
func (q *search) resolve(t *table) (*index, error) {
	if q.indexName == "" {
		return nil, q.checkUse(t, nil)
	}
	ix := t.index(q.indexName)
	if ix == nil || ix.Status == statusDeleting {
		return nil, validation("The table does not have the specified index: %s", q.indexName)
	}
	if ix.Status == statusCreating {
		return nil, validation("Cannot read from backfilling global secondary index: %s", q.indexName)
	}
	if !ix.Local && q.consistent {
		return nil, validation("Consistent reads are not supported on global secondary indexes")
	}
	return ix, q.checkUse(t, ix)
}

func (q *search) checkUse(t *table, ix *index) error {
	if err := t.checkPaths(q.proj); err != nil {
		return err
	}
	var err error
	q.filter.Paths(func(p expr.Path) {
		if err == nil {
			err = t.checkPath(p)
		}
	})
	if err != nil || ix == nil || ix.Local {
		return err
	}
	if q.sel == "ALL_ATTRIBUTES" && ix.Projection != "ALL" {
		return validation(invalid+"Select type ALL_ATTRIBUTES is not supported for global secondary index %s because its projection type is not ALL", ix.Name)
	}
	if lacks := t.unprojected(ix, q.proj.Paths()); len(lacks) > 0 {
		return validation(invalid+"Global secondary index %s does not project [%s]", ix.Name, strings.Join(lacks, ", "))
	}
	return nil
}

// page makes the page of a search, its range still to be set.
func (q *search) page(t *table, ix *index) *pageOf {
	return &pageOf{
		table: t, index: ix, limit: q.limit, filter: q.filter, proj: q.proj, count: q.sel == "COUNT",
		whole: ix != nil && ix.Local && t.reaches(ix, q.sel, q.proj), consistent: q.consistent,
	}
}

// reaches tells whether a read of a local index shows more than the index does.
func (t *table) reaches(ix *index, sel string, proj *expr.Projection) bool {
	return sel == "ALL_ATTRIBUTES" && ix.Projection != "ALL" || len(t.unprojected(ix, proj.Paths())) > 0
}

// startKey is the row or entry that ExclusiveStartKey names.
func (q *search) startKey(t *table, ix *index) ([]byte, error) {
	want := len(t.keyOf(q.start, ix))
	n := len(t.Key.parts())
	if ix != nil {
		for _, a := range ix.Key.parts() {
			if !t.Key.has(a.Name) {
				n++
			}
		}
	}
	if want != n || len(q.start) != n {
		if ix != nil {
			return nil, validation("The provided starting key is invalid")
		}
		return nil, validation("The provided starting key is invalid: %s", errKeySchema)
	}
	if err := t.checkKeyParts(q.start, &t.Key); err != nil {
		return nil, validation("The provided starting key is invalid: %s", messageOf(err))
	}
	row := t.itemKey(q.start)
	if ix == nil {
		return row, nil
	}
	if err := t.checkKeyParts(q.start, &ix.Key); err != nil {
		return nil, validation("The provided starting key is invalid: %s", messageOf(err))
	}
	return t.entry(ix, row, q.start), nil
}

func messageOf(err error) string {
	if f, ok := err.(wire.Fault); ok {
		_, _, message := f.Fault()
		return message
	}
	return err.Error()
}

// attributes are the names a search touches, for dynamodb:Attributes.
func (q *search) attributes(tests []expr.KeyTest) names {
	var n names
	for _, t := range tests {
		n.add(t.Name)
	}
	q.filter.Paths(n.path)
	n.projection(q.proj)
	return n
}

// resource is the ARN of the table or index searched.
func (q *search) resource(c *wire.Call) string {
	if q.indexName != "" {
		return indexARN(scope(c), q.name, q.indexName)
	}
	return tableARN(scope(c), q.name)
}
