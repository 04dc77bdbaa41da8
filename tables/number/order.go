package number

import "errors"

// Bytes that sort as the numbers do: a class byte (negative, zero, positive), the exponent, then two digits a byte plus one,
// and an end byte. The bytes of negative numbers after the class are complemented.
const (
	classNegative = 0x01
	classZero     = 0x02
	classPositive = 0x03
)

// MaxOrdered is the longest ordered form in bytes.
const MaxOrdered = 1 + 1 + MaxDigits/2 + 1

// AppendOrdered appends the bytes that sort as x does.
func (x Decimal) AppendOrdered(b []byte) []byte {
	if x.n == 0 {
		return append(b, classZero)
	}
	class, mask := byte(classPositive), byte(0)
	if x.neg {
		class, mask = classNegative, 0xFF
	}
	b = append(b, class, byte(int(x.exp)-minExp)^mask)
	for i := 0; i < int(x.n); i += 2 {
		pair := x.d[i] * 10
		if i+1 < int(x.n) {
			pair += x.d[i+1]
		}
		b = append(b, (pair+1)^mask)
	}
	return append(b, mask)
}

var errOrdered = errors.New("number: malformed ordered bytes")

// FromOrdered reads what AppendOrdered made, and nothing else.
func FromOrdered(b []byte) (Decimal, error) {
	var x Decimal
	if len(b) == 1 && b[0] == classZero {
		return x, nil
	}
	if len(b) < 4 || len(b) > MaxOrdered || b[0] != classPositive && b[0] != classNegative {
		return x, errOrdered
	}
	mask := byte(0)
	if b[0] == classNegative {
		x.neg, mask = true, 0xFF
	}
	x.exp = int16(int(b[1]^mask) + minExp)
	for _, c := range b[2 : len(b)-1] {
		pair := c ^ mask
		if pair < 1 || pair > 100 {
			return Decimal{}, errOrdered
		}
		x.d[x.n], x.d[x.n+1] = (pair-1)/10, (pair-1)%10
		x.n += 2
	}
	if x.d[x.n-1] == 0 {
		x.n--
	}
	if b[len(b)-1] != mask || x.d[0] == 0 || x.d[x.n-1] == 0 {
		return Decimal{}, errOrdered
	}
	return x, nil
}
