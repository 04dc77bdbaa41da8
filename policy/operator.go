package policy

import (
	"encoding/base64"
	"math/big"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// operator is a kind of comparison. compare tells whether got equals want in the operator's sense (for NumericLessThan:
// is less), and false for ok when the two cannot be compared.
type operator struct {
	name    string
	negated bool
	null    bool
	typed   bool // values that are not of the type cannot be compared
	compile func(text string, variables bool) (operand, bool)
	compare func(e *evaluation, want *operand, got string) (equal, ok bool)
}

// findOperator knows every operator of the grammar; nil for another name.
func findOperator(name string) *operator {
	positive, negated := name, false
	switch name {
	case "StringNotEquals", "StringNotEqualsIgnoreCase", "StringNotLike", "NumericNotEquals", "DateNotEquals", "ArnNotEquals", "ArnNotLike":
		positive, negated = strings.Replace(name, "Not", "", 1), true
	case "NotIpAddress":
		positive, negated = "IpAddress", true
	}
	o := positiveOperator(positive)
	if o != nil {
		o.name, o.negated = name, negated
	}
	return o
}

func positiveOperator(name string) *operator {
	switch name {
	case "StringEquals":
		return &operator{compile: compileText, compare: equalText}
	case "StringEqualsIgnoreCase":
		return &operator{compile: compileText, compare: equalFold}
	case "StringLike":
		return &operator{compile: compileLike, compare: like}
	case "ArnEquals", "ArnLike":
		return &operator{compile: compileARN, compare: likeARN}
	case "Bool":
		return &operator{typed: true, compile: compileBool, compare: equalBool}
	case "BinaryEquals":
		return &operator{typed: true, compile: compileBinary, compare: equalBinary}
	case "IpAddress":
		return &operator{typed: true, compile: compileIP, compare: inPrefix}
	case "Null":
		return &operator{null: true, compile: compileBool}
	}
	if order, ok := strings.CutPrefix(name, "Numeric"); ok && orders(order) != nil {
		return &operator{typed: true, compile: compileNumber, compare: compareNumber(orders(order))}
	}
	if order, ok := strings.CutPrefix(name, "Date"); ok && orders(order) != nil {
		return &operator{typed: true, compile: compileDate, compare: compareDate(orders(order))}
	}
	return nil
}

// orders says which results of a three-way comparison an operator accepts; nil for another name.
func orders(name string) func(cmp int) bool {
	switch name {
	case "Equals":
		return func(cmp int) bool { return cmp == 0 }
	case "LessThan":
		return func(cmp int) bool { return cmp < 0 }
	case "LessThanEquals":
		return func(cmp int) bool { return cmp <= 0 }
	case "GreaterThan":
		return func(cmp int) bool { return cmp > 0 }
	case "GreaterThanEquals":
		return func(cmp int) bool { return cmp >= 0 }
	}
	return nil
}

func compileText(text string, variables bool) (operand, bool) {
	p, ok := compilePattern(text, false, variables)
	return operand{pattern: p}, ok
}

func equalText(e *evaluation, want *operand, got string) (bool, bool) { return want.match(e, got) }

func equalFold(e *evaluation, want *operand, got string) (bool, bool) {
	text, ok := want.expand(e)
	return ok && strings.EqualFold(text, got), ok
}

func compileLike(text string, variables bool) (operand, bool) {
	p, ok := compilePattern(text, true, variables)
	return operand{pattern: p}, ok
}

func like(e *evaluation, want *operand, got string) (bool, bool) { return want.match(e, got) }

// compileARN splits into the six parts, each with its own wildcards; a text of fewer parts is one pattern.
func compileARN(text string, variables bool) (operand, bool) {
	o, ok := compileLike(text, variables)
	parts := splitARN(text, variables)
	if !ok || len(parts) != 6 {
		return o, ok
	}
	for _, t := range parts {
		p, _ := compilePattern(t, true, variables) // its variables are whole: they compiled above
		o.arn = append(o.arn, p)
	}
	return o, true
}

// splitARN splits at the first five colons outside of variables.
func splitARN(text string, variables bool) []string {
	var parts []string
	start := 0
	for i := 0; i < len(text) && len(parts) < 5; i++ {
		if variables && strings.HasPrefix(text[i:], "${") {
			i += max(variableEnd(text[i:]), 0)
		} else if text[i] == ':' {
			parts, start = append(parts, text[start:i]), i+1
		}
	}
	return append(parts, text[start:])
}

func likeARN(e *evaluation, want *operand, got string) (bool, bool) {
	if want.arn == nil {
		return want.match(e, got)
	}
	equal, resolved := true, true
	for i := range want.arn {
		part, rest, found := strings.Cut(got, ":")
		if i == 5 {
			part = got
		}
		ok, known := want.arn[i].match(e, part)
		equal, resolved = equal && ok && (found || i == 5), resolved && known
		got = rest
	}
	return equal, resolved
}

func compileBool(text string, _ bool) (operand, bool) {
	v, ok := parseBool(text)
	return operand{value: v}, ok
}

func parseBool(text string) (v, ok bool) {
	v = strings.EqualFold(text, "true")
	return v, v || strings.EqualFold(text, "false")
}

func equalBool(_ *evaluation, want *operand, got string) (bool, bool) {
	v, ok := parseBool(got)
	return ok && v == want.value, ok
}

func compileBinary(text string, _ bool) (operand, bool) {
	b, err := base64.StdEncoding.DecodeString(text)
	return operand{value: string(b)}, err == nil
}

func equalBinary(_ *evaluation, want *operand, got string) (bool, bool) {
	b, err := base64.StdEncoding.DecodeString(got)
	return err == nil && string(b) == want.value, err == nil
}

func compileIP(text string, _ bool) (operand, bool) {
	if a, err := netip.ParseAddr(text); err == nil {
		return operand{value: netip.PrefixFrom(a, a.BitLen())}, a.Zone() == ""
	}
	prefix, err := netip.ParsePrefix(text)
	return operand{value: prefix.Masked()}, err == nil
}

func inPrefix(_ *evaluation, want *operand, got string) (bool, bool) {
	a, err := netip.ParseAddr(got)
	if err != nil {
		return false, false
	}
	return want.value.(netip.Prefix).Contains(a.WithZone("").Unmap()), true
}

func compileNumber(text string, _ bool) (operand, bool) {
	n, ok := parseNumber(text)
	return operand{value: n}, ok
}

// parseNumber keeps to plain decimals: big.Rat alone would take fractions and huge exponents.
func parseNumber(text string) (*big.Rat, bool) {
	if text == "" || len(text) > 64 || strings.Trim(text, "+-.0123456789") != "" {
		return nil, false
	}
	return new(big.Rat).SetString(text)
}

func compareNumber(accepts func(int) bool) func(*evaluation, *operand, string) (bool, bool) {
	return func(_ *evaluation, want *operand, got string) (bool, bool) {
		n, ok := parseNumber(got)
		return ok && accepts(n.Cmp(want.value.(*big.Rat))), ok
	}
}

func compileDate(text string, _ bool) (operand, bool) {
	t, ok := parseDate(text)
	return operand{value: t}, ok
}

// parseDate reads the W3C profile of ISO 8601 and seconds since 1970.
func parseDate(text string) (time.Time, bool) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && len(text) > 4 {
		return time.Unix(n, 0), true
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05", "2006-01-02", "2006-01", "2006"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

func compareDate(accepts func(int) bool) func(*evaluation, *operand, string) (bool, bool) {
	return func(_ *evaluation, want *operand, got string) (bool, bool) {
		t, ok := parseDate(got)
		return ok && accepts(t.Compare(want.value.(time.Time))), ok
	}
}
