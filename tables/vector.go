package tables

import (
	"fmt"
	"slices"
	"strings"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/wire"
)

// Limits of vector indexes, as AWS has them.
const (
	maxVectorIndexes = 5
	maxDimensions    = 4096
	maxInlineFilters = 18
	maxVectorInclude = 19 // attributes an index names; with the vector twenty are projected
)

// vectorIndex finds items by how near a list of numbers in them is to another.
type vectorIndex struct {
	ID         int64
	Name       string
	Status     string
	Attribute  string
	Dimensions int
	Distance   string          // COSINE, EUCLIDEAN, DOT_PRODUCT
	Search     []searchElement `json:",omitempty"`
	Projection string
	Include    []string `json:",omitempty"`
}

// searchElement is an attribute that a search may ask to be equal to something. Hash marks the one that every search must name:
// it divides the index.
type searchElement struct {
	attribute
	Hash bool `json:",omitempty"`
}

func (t *table) vector(name string) *vectorIndex {
	for i := range t.Vectors {
		if t.Vectors[i].Name == name {
			return &t.Vectors[i]
		}
	}
	return nil
}

// partition is the attribute that divides the index, nil when nothing does.
func (vx *vectorIndex) partition() *attribute {
	for i := range vx.Search {
		if vx.Search[i].Hash {
			return &vx.Search[i].attribute
		}
	}
	return nil
}

func (vx *vectorIndex) element(name string) *searchElement {
	for i := range vx.Search {
		if vx.Search[i].Name == name {
			return &vx.Search[i]
		}
	}
	return nil
}

// vectorPrefix is where the entries of a vector index lie.
func (t *table) vectorPrefix(vx *vectorIndex) kv.Key { return t.prefix("tables.vector").With(vx.ID) }

// searched tells whether searches may ask for an attribute.
func (t *table) searched(name string) bool {
	return slices.ContainsFunc(t.Vectors, func(vx vectorIndex) bool { return vx.element(name) != nil })
}

// createVectors adds the vector indexes of a table to be made, ACTIVE.
func (t *table) createVectors(in []dynamodb.VectorIndex) error {
	if in != nil && len(in) == 0 {
		return validation(invalid + "List of VectorIndexes is empty")
	}
	if len(in) > maxVectorIndexes {
		return validation(invalid+"VectorIndex count exceeds the per-table limit of %d", maxVectorIndexes)
	}
	for i := range in {
		if err := t.addVector(&in[i], statusActive); err != nil {
			return err
		}
	}
	return t.checkVectorIndexes()
}

// addVector checks a vector index by itself and adds it.
func (t *table) addVector(in *dynamodb.VectorIndex, status string) error {
	vx := vectorIndex{ID: t.NextIndex, Name: in.IndexName.V, Status: status, Attribute: in.VectorAttribute.AttributeName.V, Distance: in.DistanceFunction.V,
		Projection: in.Projection.ProjectionType.V, Include: in.Projection.NonKeyAttributes}
	if t.index(vx.Name) != nil || t.vector(vx.Name) != nil {
		return validation(invalid+"Duplicate index name: %s", vx.Name)
	}
	if in.Dimensions.V > maxDimensions {
		return validation(invalid+"Number of dimensions must be between 1 and %d inclusive.", maxDimensions)
	}
	vx.Dimensions = int(in.Dimensions.V)
	if err := checkProjection(in.Projection); err != nil {
		return err
	}
	if len(vx.Include) > maxVectorInclude {
		return validation(invalid+"Number of projected attributes exceeds the limit of %d for vector index: %s", maxVectorInclude+1, vx.Name)
	}
	var err error
	if vx.Search, err = t.searchSchema(in.SearchSchema); err != nil {
		return err
	}
	t.Vectors = append(t.Vectors, vx)
	t.NextIndex++
	return nil
}

// searchSchema reads a SearchSchema against the attribute definitions.
func (t *table) searchSchema(elements []dynamodb.SearchSchemaElement) (search []searchElement, err error) {
	hashes := 0
	for _, e := range elements {
		a := t.attribute(e.AttributeName.V)
		switch {
		case a == nil:
			return nil, validation(invalid + "One element in SearchSchema is not defined in attribute definitions")
		case slices.ContainsFunc(search, func(have searchElement) bool { return have.Name == a.Name }):
			return nil, validation(invalid+"Duplicate attribute in SearchSchema: %s", a.Name)
		}
		hash := e.SearchSchemaElementType.V == "HASH"
		if hash {
			hashes++
		}
		search = append(search, searchElement{*a, hash})
	}
	switch {
	case hashes > 1:
		return nil, validation(invalid + "SearchSchema must not have more than one HASH element")
	case len(search)-hashes > maxInlineFilters:
		return nil, validation(invalid+"Number of INLINE_FILTER elements in SearchSchema exceeds the limit of %d", maxInlineFilters)
	}
	return search, nil
}

// checkVectorIndexes checks the vector indexes against the rest of the definition, and each other.
func (t *table) checkVectorIndexes() error {
	for i, vx := range t.Vectors {
		if t.OnDemand.IsZero() {
			return validation(invalid + "Vector indexes are only supported for PAY_PER_REQUEST tables")
		}
		if t.attribute(vx.Attribute) != nil {
			return validation(invalid+"Conflicting attribute definition for '%s'. An attribute cannot be defined in AttributeDefinitions when used as a VectorAttribute.", vx.Attribute)
		}
		for _, other := range t.Vectors[:i] {
			if other.Attribute == vx.Attribute && other.Dimensions != vx.Dimensions {
				return validation(invalid+"Conflicting attribute definition for '%s'. All VectorIndexes on the same vector attribute must use the same dimensions.", vx.Attribute)
			}
		}
	}
	return nil
}

// alterVectors applies VectorIndexUpdates; others is how many indexes of another kind the same request makes or removes.
func (t *table) alterVectors(updates []dynamodb.VectorIndexUpdate, defs []dynamodb.AttributeDefinition, others int) error {
	if len(updates) == 0 {
		return t.checkVectorIndexes()
	}
	if len(updates)+others > 1 {
		return oneOnline()
	}
	switch u := updates[0]; {
	case (u.Create == nil) == (u.Delete == nil):
		return validation(invalid + "One of VectorIndexUpdate.Create, VectorIndexUpdate.Delete must not be null")
	case u.Delete != nil:
		return t.deleteVector(u.Delete.IndexName.V)
	default:
		if err := t.createVector((*dynamodb.VectorIndex)(u.Create), defs); err != nil {
			return err
		}
	}
	return t.checkVectorIndexes()
}

func oneOnline() error {
	return &dynamodb.LimitExceededException{Message: wire.Some("Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table")}
}

// createVector adds an index that every write keeps from now on, and that nobody reads until it is filled.
func (t *table) createVector(in *dynamodb.VectorIndex, defs []dynamodb.AttributeDefinition) error {
	switch have := t.vector(in.IndexName.V); {
	case have != nil && have.Status != statusActive:
		return inUse(fmt.Sprintf("Attempt to change a resource which is still in use: Index is being created.  Table: %s Index: %s", t.Name, have.Name))
	case have != nil, t.index(in.IndexName.V) != nil:
		return validation("Attempting to create an index which already exists")
	case t.building():
		return oneOnline()
	case len(t.Vectors) >= maxVectorIndexes:
		return &dynamodb.LimitExceededException{Message: wire.Some(fmt.Sprintf("Subscriber limit exceeded: Number of vector secondary indexes exceeds per-table limit of %d", maxVectorIndexes))}
	}
	for _, e := range in.SearchSchema {
		if !slices.ContainsFunc(defs, func(d dynamodb.AttributeDefinition) bool { return d.AttributeName.V == e.AttributeName.V }) {
			return validation(invalid + "One element in SearchSchema is not defined in attribute definitions") // of this request
		}
	}
	if err := t.redefines(in.VectorAttribute.AttributeName.V, in.Dimensions.V, defs); err != nil {
		return err
	}
	return t.addVector(in, statusCreating)
}

// redefines refuses a vector in an attribute that is something else already.
func (t *table) redefines(name string, dimensions int64, defs []dynamodb.AttributeDefinition) error {
	const format = invalid + "Attributes cannot be redefined. Please check that your attribute has the same type as previously defined. " +
		"Existing schema: %s New schema: VectorIndexSchema:[VectorAttribute: key{%s:L:%d}]"
	for _, vx := range t.Vectors {
		if vx.Attribute == name && int64(vx.Dimensions) != dimensions {
			return validation(format, fmt.Sprintf("VectorIndexSchema:[VectorAttribute: key{%s:L:%d}]", name, vx.Dimensions), name, dimensions)
		}
	}
	given := slices.ContainsFunc(defs, func(d dynamodb.AttributeDefinition) bool { return d.AttributeName.V == name })
	if a := t.attribute(name); a != nil && !given {
		return validation(format, fmt.Sprintf("Schema:[SchemaElement: key{%s:%s:%s}]", name, a.Type, t.role(name)), name, dimensions)
	}
	return nil
}

// role is what an attribute is in the first key that has it.
func (t *table) role(name string) string {
	elements := t.Key.elements()
	for i := range t.Indexes {
		elements = append(elements, t.Indexes[i].Key.elements()...)
	}
	i := slices.IndexFunc(elements, func(e dynamodb.KeySchemaElement) bool { return e.AttributeName.V == name })
	if i < 0 {
		return ""
	}
	return elements[i].KeyType.V
}

// building tells whether an index is being made or removed.
func (t *table) building() bool {
	return slices.ContainsFunc(t.Indexes, func(ix index) bool { return ix.Status != statusActive }) || t.busyVectors()
}

// busyVectors tells whether a vector index has to be filled or cleared.
func (t *table) busyVectors() bool {
	return slices.ContainsFunc(t.Vectors, func(vx vectorIndex) bool { return vx.Status != statusActive })
}

// deleteVector marks an index to be removed; one that is being filled may be given up so.
func (t *table) deleteVector(name string) error {
	switch vx := t.vector(name); {
	case vx == nil:
		return &dynamodb.ResourceNotFoundException{Message: wire.Some("Requested resource not found")}
	case vx.Status == statusDeleting:
		return inUse("Attempting to change an index which is being created or deleted: Index: " + name)
	default:
		vx.Status = statusDeleting
		return nil
	}
}

// noIndex says that an index cannot be read by an operation: there is none of that name, or it is of another kind.
func (t *table) noIndex(name, operation string) error {
	if t.vector(name) != nil {
		return validation("%s operation not supported on this index type%s", operation, map[string]string{"Query": "."}[operation])
	}
	return validation("The table does not have the specified index: %s", name)
}

func (vx *vectorIndex) schema() (out []dynamodb.SearchSchemaElement) {
	for _, e := range vx.Search {
		role := "INLINE_FILTER"
		if e.Hash {
			role = "HASH"
		}
		out = append(out, dynamodb.SearchSchemaElement{AttributeName: wire.Some(e.Name), SearchSchemaElementType: wire.Some(role)})
	}
	return out
}

// given is the index as CreateTable takes it.
func (vx *vectorIndex) given() dynamodb.VectorIndex {
	return dynamodb.VectorIndex{
		IndexName: wire.Some(vx.Name), VectorAttribute: &dynamodb.VectorAttributeDefinition{AttributeName: wire.Some(vx.Attribute)}, SearchSchema: vx.schema(),
		Projection: &dynamodb.Projection{ProjectionType: wire.Some(vx.Projection), NonKeyAttributes: vx.Include}, Dimensions: wire.Some(int64(vx.Dimensions)),
		DistanceFunction: wire.Some(vx.Distance),
	}
}

func (t *table) describeVector(vx *vectorIndex, h *held) dynamodb.VectorIndexDescription {
	g := vx.given()
	d := dynamodb.VectorIndexDescription{
		IndexName: g.IndexName, VectorAttribute: g.VectorAttribute, SearchSchema: g.SearchSchema, Projection: g.Projection, Dimensions: g.Dimensions,
		DistanceFunction: g.DistanceFunction, IndexStatus: wire.Some(vx.Status), IndexArn: wire.Some(indexARN(t.at, t.Name, vx.Name)),
		IndexSizeBytes: wire.Some(h.bytes), ItemCount: wire.Some(h.items),
	}
	if vx.Status == statusCreating && t.Status != statusCreating {
		d.Backfilling = wire.Some(true)
	}
	return d
}

// vectorsKept are the vector indexes of a restored table: all of the source's, or those that are named, which must be as they were.
func (t *table) vectorsKept(override []dynamodb.VectorIndex) (kept []vectorIndex, err error) {
	for _, vx := range t.Vectors {
		named := slices.ContainsFunc(override, func(o dynamodb.VectorIndex) bool { return o.IndexName.V == vx.Name })
		if vx.Status != statusDeleting && (override == nil || named) {
			kept = append(kept, vx)
		}
	}
	for i := range override {
		if !sameVector(t.vector(override[i].IndexName.V), &override[i]) {
			return nil, validation(invalid+"Indexes must match those of the source: Index: %s", override[i].IndexName.V)
		}
	}
	return kept, nil
}

// sameVector tells whether an index is what is given, in all that searches depend on.
func sameVector(vx *vectorIndex, o *dynamodb.VectorIndex) bool {
	if vx == nil {
		return false
	}
	text := func(v dynamodb.VectorIndex) string {
		var b strings.Builder
		fmt.Fprintf(&b, "%q %d %s", v.VectorAttribute.AttributeName.V, v.Dimensions.V, v.DistanceFunction.V)
		for _, e := range v.SearchSchema {
			fmt.Fprintf(&b, " %q %s", e.AttributeName.V, e.SearchSchemaElementType.V)
		}
		return b.String()
	}
	return text(vx.given()) == text(*o)
}
