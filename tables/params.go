package tables

import (
	"slices"
	"strings"

	"bothy/api/dynamodb"
	"bothy/tables/expr"
	"bothy/wire"
	"bothy/wire/item"
)

// parameters are the expressions of a request and what they must not be mixed with.
type parameters struct {
	names  map[string]string
	values item.Item
	given  []parameter // expressions
	legacy []parameter // what they replaced
}

type parameter struct {
	name string
	set  bool
}

func text(name string, v wire.Opt[string]) parameter { return parameter{name, v.Set} }

// exclusive checks that nothing is mixed with what replaced it, and that names and values are for something. It comes before any
// other check of a request.
func (p *parameters) exclusive() error {
	given := setNames(p.given)
	if legacy := setNames(p.legacy); len(given) > 0 && len(legacy) > 0 {
		return validation("Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {%s} Expression parameters: {%s}",
			strings.Join(legacy, ", "), strings.Join(given, ", "))
	}
	if p.names != nil && len(given) == 0 {
		return validation("ExpressionAttributeNames can only be specified when using expressions")
	}
	return p.valuesHaveUse(given)
}

// env checks names and values, and returns what the expressions share.
func (p *parameters) env() (*expr.Env, error) {
	env, err := expr.NewEnv(p.names, p.values)
	if err != nil {
		return nil, refuse(err)
	}
	for i := range p.values {
		switch _, text := normalise(&p.values[i].Value, 0); text {
		case "":
		case tooDeep:
			return nil, validation("%s", text)
		default:
			return nil, validation("ExpressionAttributeValues contains invalid value: %s for key %s", text, p.values[i].Name)
		}
	}
	return env, nil
}

func (p *parameters) valuesHaveUse(given []string) error {
	if p.values == nil {
		return nil
	}
	var takers []string
	for _, g := range p.given {
		if g.name == "ProjectionExpression" {
			continue
		}
		if slices.Contains(given, g.name) {
			return nil
		}
		takers = append(takers, g.name)
	}
	verb := "is"
	if len(takers) > 1 {
		verb = "are"
	}
	return validation(unused+": %s %s null", strings.Join(takers, " and "), verb)
}

func setNames(ps []parameter) []string {
	var out []string
	for _, p := range ps {
		if p.set {
			out = append(out, p.name)
		}
	}
	return out
}

func condition(env *expr.Env, name string, text wire.Opt[string]) (*expr.Condition, error) {
	if !text.Set {
		return nil, nil
	}
	c, err := env.Condition(name, text.V)
	return c, refuse(err)
}

const maxAttributesToGet = 255

// projection reads ProjectionExpression or AttributesToGet; nil is the whole item.
func projection(env *expr.Env, text wire.Opt[string], names []string) (*expr.Projection, error) {
	if text.Set {
		p, err := env.Projection(text.V)
		return p, refuse(err)
	}
	if names == nil {
		return nil, nil
	}
	if len(names) > maxAttributesToGet {
		return nil, validation("1 validation error detected: Value at 'attributesToGet' failed to satisfy constraint: Member must have length less than or equal to %d", maxAttributesToGet)
	}
	seen := map[string]bool{}
	for _, n := range names {
		if seen[n] {
			return nil, validation(invalid+"Duplicate value in attribute name: %s", n)
		}
		seen[n] = true
	}
	return expr.Attributes(names), nil
}

// filters makes a condition of QueryFilter or ScanFilter.
func filters(conditions map[string]dynamodb.Condition, operator wire.Opt[string]) (*expr.Condition, error) {
	entries, err := legacyEntries(conditions)
	if err != nil {
		return nil, err
	}
	if err := checkOperator(operator, len(entries)); err != nil {
		return nil, err
	}
	return expr.LegacyCondition(entries, operator.V == "OR"), nil
}

func legacyEntries(conditions map[string]dynamodb.Condition) ([]expr.Legacy, error) {
	if len(conditions) > expr.MaxOperators {
		return nil, validation(invalid+"Number of conditions exceeds the limit of %d", expr.MaxOperators)
	}
	var entries []expr.Legacy
	for _, name := range keysOf(conditions) {
		l := expr.Legacy{Name: name, Op: conditions[name].ComparisonOperator.V, Values: conditions[name].AttributeValueList}
		if err := checkLegacy(&l); err != nil {
			return nil, err
		}
		entries = append(entries, l)
	}
	return entries, nil
}

func checkLegacy(l *expr.Legacy) error {
	for i := range l.Values {
		if _, text := normalise(&l.Values[i], 0); text != "" {
			return validation("%s", text)
		}
	}
	return refuse(l.Check())
}

func keysOf[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func checkOperator(operator wire.Opt[string], conditions int) error {
	switch {
	case !operator.Set || conditions > 1:
		return nil
	case conditions == 0:
		return validation("ConditionalOperator cannot be used without Filter or Expected")
	}
	return validation("ConditionalOperator can only be used when Filter or Expected has two or more elements")
}

// expected makes a condition of Expected.
func expected(m map[string]dynamodb.ExpectedAttributeValue, operator wire.Opt[string]) (*expr.Condition, error) {
	if len(m) > expr.MaxOperators {
		return nil, validation(invalid+"Number of conditions exceeds the limit of %d", expr.MaxOperators)
	}
	var entries []expr.Legacy
	for _, name := range keysOf(m) {
		l, err := expectedEntry(name, m[name])
		if err != nil {
			return nil, err
		}
		entries = append(entries, l)
	}
	if err := checkOperator(operator, len(entries)); err != nil {
		return nil, err
	}
	return expr.LegacyCondition(entries, operator.V == "OR"), nil
}

func expectedEntry(name string, e dynamodb.ExpectedAttributeValue) (expr.Legacy, error) {
	l := expr.Legacy{Name: name, Op: e.ComparisonOperator.V, Values: e.AttributeValueList}
	if e.Value != nil {
		if e.AttributeValueList != nil {
			return l, validation(invalid+"Value and AttributeValueList cannot be used together for Attribute: %s", name)
		}
		l.Values = []item.Value{*e.Value}
	}
	switch {
	case e.ComparisonOperator.Set && e.Exists.Set:
		return l, validation(invalid+"Exists and ComparisonOperator cannot be used together for Attribute: %s", name)
	case e.ComparisonOperator.Set:
		if l.Values == nil && l.Op != "NULL" && l.Op != "NOT_NULL" {
			return l, validation(invalid+"Value or AttributeValueList must be used with ComparisonOperator: %s for Attribute: %s", l.Op, name)
		}
	case e.AttributeValueList != nil:
		return l, validation(invalid+"AttributeValueList can only be used with a ComparisonOperator for Attribute: %s", name)
	case e.Exists.Or(true) && e.Value == nil:
		word := "null"
		if e.Exists.Set {
			word = "true"
		}
		return l, validation(invalid+"Value must be provided when Exists is %s for Attribute: %s", word, name)
	case !e.Exists.Or(true) && e.Value != nil:
		return l, validation(invalid+"Value cannot be used when Exists is false for Attribute: %s", name)
	case e.Exists.Or(true):
		l.Op = "EQ"
	default:
		l.Op = "NULL"
	}
	return l, checkLegacy(&l)
}
