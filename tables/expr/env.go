package expr

import (
	"slices"
	"strings"

	"bothy/wire/item"
)

// Env is what the expressions of one request share: ExpressionAttributeNames and ExpressionAttributeValues, and which of
// them were used.
type Env struct {
	names      map[string]string
	values     item.Item
	usedNames  map[string]bool
	usedValues []bool
	sql        bool // errors are worded as PartiQL's
}

// NewEnv checks the keys of both maps. Values must have been checked and normalised.
func NewEnv(names map[string]string, values item.Item) (*Env, error) {
	e := &Env{names: names, values: values}
	if names != nil {
		if len(names) == 0 {
			return nil, Error("ExpressionAttributeNames must not be empty")
		}
		e.usedNames = make(map[string]bool, len(names))
		for _, k := range sortedKeys(names) {
			if !placeholder(k, '#') {
				return nil, fail("ExpressionAttributeNames contains invalid key: Syntax error; key: \"%s\"", k)
			}
			if names[k] == "" {
				return nil, fail("ExpressionAttributeNames contains invalid value: Expression attribute name is empty for key %s", k)
			}
		}
	}
	if values != nil {
		if len(values) == 0 {
			return nil, Error("ExpressionAttributeValues must not be empty")
		}
		if len(values) > MaxValues {
			return nil, Error("ExpressionAttributeValues exceeds max size")
		}
		e.usedValues = make([]bool, len(values))
		for i := range values {
			if !placeholder(values[i].Name, ':') {
				return nil, fail("ExpressionAttributeValues contains invalid key: Syntax error; key: \"%s\"", values[i].Name)
			}
		}
	}
	return e, nil
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func placeholder(s string, first byte) bool {
	if len(s) < 2 || s[0] != first {
		return false
	}
	for i := 1; i < len(s); i++ {
		if !letter(s[i]) && !digit(s[i]) && s[i] != '_' {
			return false
		}
	}
	return true
}

// Unused is the error for names and values that no expression used, nil when all were.
func (e *Env) Unused() error {
	var idle []string
	for _, k := range sortedKeys(e.names) {
		if !e.usedNames[k] {
			idle = append(idle, k)
		}
	}
	if len(idle) > 0 {
		return fail("Value provided in ExpressionAttributeNames unused in expressions: keys: {%s}", strings.Join(idle, ", "))
	}
	for i := range e.values {
		if !e.usedValues[i] {
			idle = append(idle, e.values[i].Name)
		}
	}
	if len(idle) > 0 {
		return fail("Value provided in ExpressionAttributeValues unused in expressions: keys: {%s}", strings.Join(idle, ", "))
	}
	return nil
}

// resolve replaces the #names of a path.
func (e *Env) resolve(p Path) error {
	for i := range p {
		if p[i].ref == "" {
			continue
		}
		name, ok := e.names[p[i].ref]
		if !ok {
			return fail("An expression attribute name used in the document path is not defined; attribute name: %s", p[i].ref)
		}
		e.usedNames[p[i].ref] = true
		p[i].Name, p[i].ref = name, ""
	}
	return nil
}

func (e *Env) value(ref string) (*item.Value, error) {
	for i := range e.values {
		if e.values[i].Name == ref {
			e.usedValues[i] = true
			return &e.values[i].Value, nil
		}
	}
	return nil, fail("An expression attribute value used in expression is not defined; attribute value: %s", ref)
}

// labelled puts the parameter's name before an error, and checks what holds for all expressions.
func labelled(label, text string, parse func() error) error {
	var err error
	switch {
	case strings.Trim(text, " \t\r\n") == "":
		err = Error("The expression can not be empty;")
	case len(text) > MaxLength:
		err = fail("Expression size has exceeded the maximum allowed size; expression size: %d", len(text))
	default:
		err = parse()
	}
	if err != nil {
		return fail("Invalid %s: %s", label, err)
	}
	return nil
}

func checkReserved(p Path) error {
	for _, s := range p {
		if s.plain && reserved(s.Name) {
			return fail("Attribute name is a reserved keyword; reserved keyword: %s", s.Name)
		}
	}
	return nil
}
