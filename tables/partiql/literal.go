package partiql

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	num "bothy/tables/number"
	"bothy/wire/item"
)

// literal reads a value: a literal, or a parameter. Messages name where in it something lies beginning with under; the values
// of an item, which is under "", are roots each.
func (p *parser) literal(under string) (*item.Value, error) {
	v, err := p.value(under)
	if err != nil {
		return nil, err
	}
	return &v, p.check(&v)
}

// maxNesting is how many lists and maps of a literal may lie around a value.
const maxNesting = 31

// value reads a value, unchecked.
func (p *parser) value(under string) (v item.Value, err error) {
	t := p.cur
	switch {
	case p.nesting > maxNesting:
		return v, fail("Nesting Levels have exceeded supported limits under %s", under)
	case t.kind == text:
		p.next()
		return item.Text(t.text), nil
	case t.kind == number, p.is("-"), p.is("+"):
		return p.number(under)
	case t.kind == parameter:
		return p.parameter()
	case p.acceptWord("TRUE"):
		return item.Flag(true), nil
	case p.acceptWord("FALSE"):
		return item.Flag(false), nil
	case p.acceptWord("NULL"):
		return item.Value{Kind: item.NULL, Bool: true}, nil
	case p.accept("["):
		return p.list(under)
	case p.accept("{"):
		return p.tuple(under)
	case p.accept("<<"):
		return p.bag(under)
	case p.calls():
		return v, fail("Unsupported data type: %s under key %s at %s", strings.ToLower(t.text), under, p.place(t))
	}
	return v, p.unexpected()
}

// sign reads signs, and tells the one they amount to.
func (p *parser) sign() (sign string) {
	for {
		switch {
		case p.accept("+"):
		case !p.accept("-"):
			return sign
		case sign == "":
			sign = "-"
		default:
			sign = ""
		}
	}
}

func (p *parser) number(under string) (v item.Value, err error) {
	sign := p.sign()
	if p.cur.kind != number {
		return v, p.unexpected()
	}
	digits := p.next().text
	if !scaled(digits) {
		return v, malformed("")
	}
	n, err := num.Canonical(sign + digits)
	if err != nil {
		return v, fail("%s under %s", err, under)
	}
	return item.Number(n), nil
}

// scaled tells whether the exponent, and the scale it leaves, fit 32 bits: AWS reads no other numbers.
func scaled(digits string) bool {
	mantissa, exponent, found := strings.Cut(strings.ToLower(digits), "e")
	if !found {
		return true
	}
	e, err := strconv.ParseInt(exponent, 10, 32)
	_, fraction, _ := strings.Cut(mantissa, ".")
	scale := int64(len(fraction)) - e
	return err == nil && scale >= -1<<31 && scale < 1<<31
}

func (p *parser) parameter() (v item.Value, err error) {
	if p.used == len(p.parameters) {
		return v, errParameters
	}
	p.next()
	p.used++
	return p.parameters[p.used-1], nil
}

func (p *parser) list(under string) (v item.Value, err error) {
	list := []item.Value{}
	p.nesting++
	defer func() { p.nesting-- }()
	for !p.accept("]") {
		if len(list) > 0 && !p.accept(",") {
			return v, p.unexpected()
		}
		e, err := p.value(under + "[" + strconv.Itoa(len(list)) + "]")
		if err != nil {
			return v, err
		}
		list = append(list, e)
	}
	return item.List(list...), nil
}

func (p *parser) tuple(under string) (v item.Value, err error) {
	m := item.Item{}
	seen := map[string]bool{}
	if under != "" { // the item of an INSERT is no value
		p.nesting++
		defer func() { p.nesting-- }()
	}
	for !p.accept("}") {
		if len(m) > 0 && !p.accept(",") {
			return v, p.unexpected()
		}
		key := p.cur
		if key.kind != text {
			return v, p.unexpected()
		}
		if p.next(); seen[key.text] {
			return v, fail("Duplicate keys in tuple. Key: %s under %s", key.text, cmp.Or(under, "root"))
		}
		if !p.accept(":") {
			return v, p.unexpected()
		}
		e, err := p.value(member(under, key.text))
		if err != nil {
			return v, err
		}
		seen[key.text] = true
		m = append(m, item.Attribute{Name: key.text, Value: e})
	}
	return item.Map(m), nil
}

func member(under, key string) string {
	if under == "" {
		return "root"
	}
	return under + "." + key
}

// bag reads a set, whose elements are all strings, all numbers, or all binaries.
func (p *parser) bag(under string) (v item.Value, err error) {
	var set, written []string
	var of item.Kind
	for !p.accept(">>") {
		if len(set) > 0 && !p.accept(",") {
			return v, p.unexpected()
		}
		from := p.cur.from
		e, err := p.value(under)
		if err != nil {
			return v, err
		}
		if len(set) == 0 {
			of = e.Kind
		}
		if e.Kind != of || !slices.Contains([]item.Kind{item.S, item.N, item.B}, of) {
			return v, fail("Unsupported data type in Bag. DynamoDB only supports either numbers or strings in bags")
		}
		set, written = append(set, e.Str), append(written, p.src[from:p.taken])
	}
	switch {
	case len(set) == 0:
		return v, fail("Empty bags are not supported")
	case of == item.N && repeats(set):
		return v, fail("One or more parameter values were invalid: Input collection [%s] contains duplicates! under %s", strings.Join(written, ", "), under)
	}
	return item.Set(map[item.Kind]item.Kind{item.S: item.SS, item.N: item.NS, item.B: item.BS}[of], set...), nil
}

func repeats(set []string) bool {
	sorted := slices.Sorted(slices.Values(set))
	return len(slices.Compact(sorted)) < len(set)
}
