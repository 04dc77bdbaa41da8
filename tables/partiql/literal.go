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

// value reads a value, unchecked.
func (p *parser) value(under string) (v item.Value, err error) {
	t := p.cur
	switch {
	case t.kind == text:
		p.next()
		return item.Text(t.text), nil
	case t.kind == number:
		return p.number("", under)
	case t.kind == parameter:
		return p.parameter()
	case p.accept("-"):
		return p.number("-", under)
	case p.accept("+"):
		return p.number("", under)
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

func (p *parser) number(sign, under string) (v item.Value, err error) {
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
	var set []string
	var of item.Kind
	for !p.accept(">>") {
		if len(set) > 0 && !p.accept(",") {
			return v, p.unexpected()
		}
		e, err := p.value(under)
		if err != nil {
			return v, err
		}
		if len(set) == 0 {
			of = e.Kind
		}
		if e.Kind != of || !slices.Contains([]item.Kind{item.S, item.N, item.B}, of) {
			return v, fail("Bags can only contain elements of one type out of STRING, NUMERIC and BLOB under %s", under)
		}
		set = append(set, e.Str)
	}
	if len(set) == 0 {
		return v, fail("Empty bags are not supported")
	}
	return item.Set(map[item.Kind]item.Kind{item.S: item.SS, item.N: item.NS, item.B: item.BS}[of], set...), nil
}
