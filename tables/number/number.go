// Package number is DynamoDB's number type: decimal floating point of 38 significant digits, magnitudes 1E-130 to
// 9.99…E+125. It owns parsing, the canonical text, exact arithmetic and the order-preserving bytes that keys use. It knows
// nothing of items or tables.
package number

import "math"

// Limits of the type.
const (
	MaxDigits = 38
	maxExp    = 125
	minExp    = -130
)

// Error is a refusal in AWS's words.
type Error string

func (e Error) Error() string { return string(e) }

// The refusals.
const (
	ErrOverflow  Error = "Number overflow. Attempting to store a number with magnitude larger than supported range"
	ErrUnderflow Error = "Number underflow. Attempting to store a number with magnitude smaller than supported range"
	ErrPrecision Error = "Attempting to store more than 38 significant digits in a Number"
	errEmpty     Error = "The parameter cannot be converted to a numeric value"
)

func errSyntax(s string) error { return errEmpty + ": " + Error(s) }

// Decimal is a number: ±d₁.d₂d₃… × 10^exp, with neither leading nor trailing zero digits; no digits is zero. The zero value
// is 0, and equal numbers are equal with ==.
type Decimal struct {
	neg bool
	exp int16
	n   uint8
	d   [MaxDigits]byte // values 0 to 9; 0 beyond n
}

// Parse reads an optional sign, digits with an optional point, and an optional exponent.
func Parse(s string) (Decimal, error) {
	var x Decimal
	if s == "" {
		return x, errEmpty
	}
	rest := s
	if rest[0] == '-' || rest[0] == '+' {
		x.neg, rest = rest[0] == '-', rest[1:]
	}
	exp, long, rest, ok := x.mantissa(rest)
	if !ok {
		return x, errSyntax(s)
	}
	if rest != "" {
		e, ok := exponent(rest)
		if !ok {
			return x, errSyntax(s)
		}
		exp += e
	}
	return x.settle(exp, long)
}

// mantissa reads digits and point, and returns the exponent of the first significant digit and whether there were more
// significant digits than the type has.
func (x *Decimal) mantissa(s string) (exp int, long bool, rest string, ok bool) {
	seen, point, i := false, false, 0
	exp = -1
	for ; i < len(s); i++ {
		c := s[i]
		if c == '.' && !point {
			point = true
			continue
		}
		if c < '0' || c > '9' {
			break
		}
		seen = true
		switch {
		case x.n == 0 && c == '0':
			if point {
				exp--
			}
			continue
		case int(x.n) < MaxDigits:
			x.d[x.n] = c - '0'
			x.n++
		case c != '0':
			long = true
		}
		if !point {
			exp++
		}
	}
	return exp, long, s[i:], seen
}

func exponent(s string) (int, bool) {
	if len(s) < 2 || s[0] != 'e' && s[0] != 'E' {
		return 0, false
	}
	s = s[1:]
	neg := s[0] == '-'
	if neg || s[0] == '+' {
		s = s[1:]
	}
	if s == "" {
		return 0, false
	}
	e := 0
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		if e < 1e8 { // far beyond any valid exponent: enough to fail, too small to wrap
			e = e*10 + int(s[i]-'0')
		}
	}
	if neg {
		e = -e
	}
	return e, true
}

// settle drops trailing zeros and checks the limits. 38 digits kept and a nonzero one dropped is too long.
func (x Decimal) settle(exp int, long bool) (Decimal, error) {
	for !long && x.n > 0 && x.d[x.n-1] == 0 {
		x.n--
	}
	switch {
	case x.n == 0:
		return Decimal{}, nil
	case exp > maxExp:
		return Decimal{}, ErrOverflow
	case exp < minExp:
		return Decimal{}, ErrUnderflow
	case long:
		return Decimal{}, ErrPrecision
	}
	x.exp = int16(exp)
	return x, nil
}

// Canonical is the one text that all spellings of a number share; it is s itself, unparsed, when s is a plain short integer.
func Canonical(s string) (string, error) {
	if plain(s) {
		return s, nil
	}
	x, err := Parse(s)
	if err != nil {
		return "", err
	}
	return x.String(), nil
}

func plain(s string) bool {
	digits := s
	if len(digits) > 0 && digits[0] == '-' {
		digits = digits[1:]
	}
	if len(digits) == 0 || len(digits) > MaxDigits || digits[0] == '0' && len(s) > 1 {
		return false
	}
	for i := 0; i < len(digits); i++ {
		if digits[i] < '0' || digits[i] > '9' {
			return false
		}
	}
	return true
}

// String is the canonical text: no exponent, no superfluous zeros.
func (x Decimal) String() string { return string(x.Append(nil)) }

// Append appends the canonical text.
func (x Decimal) Append(b []byte) []byte {
	if x.n == 0 {
		return append(b, '0')
	}
	if x.neg {
		b = append(b, '-')
	}
	if x.exp < 0 {
		b = append(b, '0', '.')
		for i := int(x.exp) + 1; i < 0; i++ {
			b = append(b, '0')
		}
	}
	for i := 0; i < int(x.n); i++ {
		if i > 0 && i == int(x.exp)+1 {
			b = append(b, '.')
		}
		b = append(b, x.d[i]+'0')
	}
	for i := int(x.n); i <= int(x.exp); i++ {
		b = append(b, '0')
	}
	return b
}

// Cmp is -1, 0 or 1 as x is less than, equal to or greater than y.
func (x Decimal) Cmp(y Decimal) int {
	sx, sy := x.sign(), y.sign()
	if sx != sy {
		return order(sx, sy)
	}
	if sx < 0 {
		return y.cmpAbs(&x)
	}
	return x.cmpAbs(&y)
}

func (x *Decimal) sign() int {
	switch {
	case x.n == 0:
		return 0
	case x.neg:
		return -1
	}
	return 1
}

func order(a, b int) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (x *Decimal) cmpAbs(y *Decimal) int {
	if x.n == 0 || y.n == 0 || x.exp == y.exp {
		for i := range x.d {
			if x.d[i] != y.d[i] {
				return order(int(x.d[i]), int(y.d[i]))
			}
		}
		return 0
	}
	return order(int(x.exp), int(y.exp))
}

// Neg is -x.
func (x Decimal) Neg() Decimal {
	x.neg = x.n > 0 && !x.neg
	return x
}

// Sub is x - y, under the rules of Add.
func (x Decimal) Sub(y Decimal) (Decimal, error) { return x.Add(y.Neg()) }

// Add is x + y, exactly: a sum that needs more than 38 digits is refused, with the text AWS uses for it (ErrOverflow).
func (x Decimal) Add(y Decimal) (Decimal, error) {
	if x.n == 0 {
		return y, nil
	}
	if y.n == 0 {
		return x, nil
	}
	var col columns
	neg := x.neg
	if x.neg == y.neg {
		col.add(&x, 1)
		col.add(&y, 1)
	} else {
		if x.cmpAbs(&y) < 0 {
			x, y, neg = y, x, y.neg
		}
		col.add(&x, 1)
		col.add(&y, -1)
	}
	return col.sum(neg)
}

// columns are decimal places, lowest first: index 0 is 10^lowest.
type columns [maxExp - lowest + 2]int8

const lowest = minExp - MaxDigits

func (c *columns) add(x *Decimal, sign int8) {
	top := int(x.exp) - lowest
	for i := 0; i < int(x.n); i++ {
		c[top-i] += sign * int8(x.d[i])
	}
}

func (c *columns) sum(neg bool) (Decimal, error) {
	var carry int8
	high := -1
	for i := range c {
		v := c[i] + carry
		carry = 0
		if v > 9 {
			v, carry = v-10, 1
		} else if v < 0 {
			v, carry = v+10, -1
		}
		if c[i] = v; v != 0 {
			high = i
		}
	}
	x := Decimal{neg: neg}
	long := false
	for i := high; i >= 0; i-- {
		if int(x.n) < MaxDigits {
			x.d[x.n] = byte(c[i])
			x.n++
		} else if c[i] != 0 {
			long = true
		}
	}
	x, err := x.settle(high+lowest, long)
	if err == ErrPrecision {
		err = ErrOverflow
	}
	return x, err
}

// Size is what AWS counts for a stored number, as measured there: a byte for each two digits before the point and each two
// after it, leading and trailing zeros apart, one more, and one for a minus.
func (x Decimal) Size() int {
	n, whole := int(x.n), max(0, int(x.exp)+1)
	if n == 0 {
		return 1
	}
	size := 1
	if n <= whole || whole == 0 {
		size += (n + 1) / 2
	} else {
		size += (whole+1)/2 + (n-whole+1)/2
	}
	if x.neg {
		size++
	}
	return size
}

// Int64 is x without its fraction, held to the range of int64.
func (x Decimal) Int64() int64 {
	if x.exp > 18 {
		if x.neg {
			return math.MinInt64
		}
		return math.MaxInt64
	}
	var n uint64
	for i := 0; i <= int(x.exp) && x.n > 0; i++ {
		n = n * 10
		if i < int(x.n) {
			n += uint64(x.d[i])
		}
	}
	switch {
	case x.neg && n > -math.MinInt64:
		return math.MinInt64
	case x.neg:
		return -int64(n)
	case n > math.MaxInt64:
		return math.MaxInt64
	}
	return int64(n)
}
