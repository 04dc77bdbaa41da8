package tables

import (
	"regexp"
	"strings"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/tables/expr"
	"bothy/wire"
	"bothy/wire/item"
)

// search is what Query and Scan have in common: which index, which attributes, which filter, where to start.
type search struct {
	verb       string // Query, Scan
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

// checkSelect reads Select against what else asks for attributes. AWS puts something before what it has to say to a Query.
func (q *search) checkSelect(given wire.Opt[string], columns wire.Opt[string], attributes []string, before string) error {
	by := ""
	switch {
	case columns.Set:
		by = "ProjectionExpression"
	case attributes != nil:
		by = "AttributesToGet"
	}
	q.sel = given.Or(q.selects(by != ""))
	switch {
	case by != "" && q.sel == "COUNT":
		return validation("%sCannot specify the %s when choosing to get only the Count", before, by)
	case by != "" && q.sel != "SPECIFIC_ATTRIBUTES":
		return validation("%sCannot specify the %s when choosing to get %s", before, by, q.sel)
	case by == "" && q.sel == "SPECIFIC_ATTRIBUTES":
		return validation("%sMust specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES", before)
	case q.sel == "ALL_PROJECTED_ATTRIBUTES" && q.indexName == "":
		return validation("%sALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName", before)
	}
	return nil
}

// selects is what is selected when nothing is said.
func (q *search) selects(projected bool) string {
	switch {
	case projected:
		return "SPECIFIC_ATTRIBUTES"
	case q.indexName != "":
		return "ALL_PROJECTED_ATTRIBUTES"
	}
	return "ALL_ATTRIBUTES"
}

// instead reads what expressions replaced.
func (q *search) instead(filter map[string]dynamodb.Condition, operator wire.Opt[string], attributes []string) (err error) {
	if q.legacy = filter != nil; q.legacy || operator.Set {
		if q.filter, err = filters(filter, operator); err != nil {
			return err
		}
	}
	if attributes != nil {
		q.proj, err = projection(nil, wire.Opt[string]{}, attributes)
	}
	return err
}

// given reads the filter and the projection, the last of a request's expressions.
func (q *search) given(env *expr.Env, filter, columns wire.Opt[string]) (err error) {
	if filter.Set {
		if q.filter, err = condition(env, "FilterExpression", filter); err != nil {
			return err
		}
	}
	if columns.Set {
		if q.proj, err = projection(env, columns, nil); err != nil {
			return err
		}
	}
	return refuse(env.Unused())
}

const badStart = "The provided starting key is invalid"

func (q *search) checkStart(start item.Item) error {
	q.start = start
	for i := range start {
		if _, text := normalise(&start[i].Value, 0); alone.MatchString(text) {
			return validation("%s", text)
		} else if text != "" {
			return validation(badStart+": %s", text)
		}
	}
	return nil
}

// alone are complaints about values that AWS does not put behind what they are about when that is a starting key.
var alone = regexp.MustCompile(`contains duplicates|number set|numeric value|significant digits|number with magnitude`)

// resolve finds the index, nil for the table itself.
func (q *search) resolve(t *table) (*index, error) {
	if q.indexName == "" {
		return nil, nil
	}
	ix := t.index(q.indexName)
	if ix == nil && q.consistent && q.verb == "Query" && t.vector(q.indexName) != nil {
		return nil, validation("Consistent reads are not supported on global secondary indexes")
	}
	if ix == nil || ix.Status == statusDeleting {
		return nil, t.noIndex(q.indexName, q.verb)
	}
	if ix.Status == statusCreating {
		return nil, validation("Cannot read from backfilling global secondary index: %s", q.indexName)
	}
	if !ix.Local && q.consistent {
		return nil, validation("Consistent reads are not supported on global secondary indexes")
	}
	return ix, nil
}

// checkUse checks the filter and what is asked of a global index.
func (q *search) checkUse(t *table, ix *index) error {
	global := ix != nil && !ix.Local
	if global && q.sel == "ALL_ATTRIBUTES" && ix.Projection != "ALL" {
		return validation(invalid+"Select type ALL_ATTRIBUTES is not supported for global secondary index %s because its projection type is not ALL", ix.Name)
	}
	if err := t.checkScalars(q.filter.Paths); err != nil || !global {
		return err
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

// startKey is the row or entry that ExclusiveStartKey names, nil when there is none. A query's schema is looked at first.
func (q *search) startKey(t *table, ix *index, queried *keySchema) (kv.Key, error) {
	if q.start == nil {
		return nil, nil
	}
	if ix != nil {
		queried = &ix.Key
	}
	if len(q.start) != len(t.keyParts(ix)) {
		if queried != nil {
			return nil, validation(badStart)
		}
		return nil, validation(badStart+": %s", errKeySchema)
	}
	if queried != nil {
		if len(q.start) != len(t.keyOf(q.start, ix)) {
			return nil, validation(badStart)
		}
		if err := t.checkKeyParts(q.start, queried); err != nil {
			return nil, err
		}
	}
	if err := t.checkKeyParts(q.start, &t.Key); err != nil {
		return nil, validation(badStart+": %s", messageOf(err))
	}
	row := t.itemKey(q.start)
	if ix == nil {
		return row, nil
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

// attributes are the names a search touches, for dynamodb:Attributes. Those of its keys are among them: they order the items, the
// key to go on from shows them, and a starting key asks about them.
func (q *search) attributes(tests []expr.KeyTest) names {
	var n names
	for _, t := range tests {
		n.add(t.Name)
	}
	n.item(q.start)
	n.keys(q.table, q.indexName)
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
