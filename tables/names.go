package tables

import (
	"strings"

	"bothy/record"
	"bothy/wire"
)

func scope(c *wire.Call) record.Scope { return record.In(c.Account, c.Region) }

// tableName reads a TableName parameter: a name, or the ARN of a table here.
func tableName(c *wire.Call, s string) (string, error) { return tableNameAt(c, s, "tableName") }

// tableNameAt is tableName of a parameter that messages call so.
func tableNameAt(c *wire.Call, s, at string) (string, error) {
	if strings.HasPrefix(s, "arn:") {
		name, ok := strings.CutPrefix(s, tableARN(scope(c), ""))
		if !ok || !nameLike(name) {
			return "", wire.Because(tableNotFound(s), "table ARN %s is not of account %s, region %s", s, c.Account, c.Region)
		}
		s = name
	}
	if text := misnamed(s, at); text != "" {
		return "", validation("%s", text)
	}
	return s, nil
}

// misnamed is what is wrong with the name of a table, "" when nothing.
func misnamed(s, at string) string {
	v := wire.Violation{At: at, Value: "'" + s + "'"}
	switch {
	case len(s) < 3:
		v.At, v.Must = "tableName", "Member must have length greater than or equal to 3"
	case len(s) > 255:
		v.Must = "Member must have length less than or equal to 255"
	case !nameLike(s):
		v.Must = "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
	default:
		return ""
	}
	return wire.Detected(v.String())
}

func nameLike(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !(c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '.' || c == '-') {
			return false
		}
	}
	return s != ""
}
