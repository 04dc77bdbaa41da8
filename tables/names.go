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
	if len(s) < 3 {
		return "", validation("1 validation error detected: Value '%s' at 'tableName' failed to satisfy constraint: Member must have length greater than or equal to 3", s)
	}
	if len(s) > 255 {
		return "", validation("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: Member must have length less than or equal to 255", s, at)
	}
	if !nameLike(s) {
		return "", validation("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+", s, at)
	}
	return s, nil
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
