package users

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"bothy/api/cognitoidp"
	"bothy/wire"
)

// The files of an import are not RFC 4180's: a row is a line, quotation marks stand for themselves, and a backslash before a comma makes
// it part of the value.

// cells splits a line.
func cells(line string) []string {
	var out []string
	var field strings.Builder
	for i := 0; i < len(line); i++ {
		switch {
		case line[i] == '\\' && i+1 < len(line) && line[i+1] == ',':
			field.WriteByte(',')
			i++
		case line[i] == ',':
			out = append(out, field.String())
			field.Reset()
		default:
			field.WriteByte(line[i])
		}
	}
	return append(out, field.String())
}

// parse makes rows of the lines. The header must have the pool's columns, in any order.
func (b *batch) parse(p *pool, j *importJob, now time.Time) {
	if b.fault != "" {
		return
	}
	columns, lines := j.Columns, b.lines
	if j.Position == 0 && len(lines) > 0 {
		columns = cells(strings.TrimPrefix(string(lines[0]), "\ufeff"))
		b.columns, lines = columns, lines[1:]
	}
	want := slices.Sorted(slices.Values(p.csvHeader()))
	if !slices.Equal(slices.Sorted(slices.Values(columns)), want) {
		b.fault = "The header of the CSV file does not match the attributes of the user pool."
		return
	}
	for i, line := range lines {
		if b.ended && i == len(lines)-1 && len(line) == 0 {
			break // after the last line's end
		}
		u, err := p.userOfRow(columns, line, now)
		r := row{user: u}
		if err != nil {
			r.user, r.fault = nil, reasonFor(err)
		}
		b.rows = append(b.rows, r)
	}
}

func reasonFor(err error) string {
	if refused := (wire.Fault)(nil); errors.As(err, &refused) {
		_, _, text := refused.Fault()
		return text
	}
	return "The row cannot be read."
}

// userOfRow is the user of a row: with no password, and to set one by a code that an address of theirs gets.
func (p *pool) userOfRow(columns []string, line []byte, now time.Time) (*user, error) {
	if !utf8.Valid(line) || utf8.RuneCount(line) > longestRow || bytes.IndexByte(line, 0) >= 0 {
		return nil, invalid("The row is not UTF-8, or longer than %d characters.", longestRow)
	}
	values := cells(string(line))
	if len(values) != len(columns) {
		return nil, invalid("The row has %d columns, the header %d.", len(values), len(columns))
	}
	var given []cognitoidp.AttributeType
	named := map[string]string{}
	for i, name := range columns {
		v := values[i]
		if named[name] = v; name == mfaColumn || name == nameColumn {
			continue
		}
		if name == "birthdate" && v != "" {
			born, err := time.Parse("01/02/2006", v)
			if err != nil {
				return nil, badSchema(name, "The date is not in the form mm/dd/yyyy.")
			}
			v = born.Format(time.DateOnly)
		}
		given = append(given, cognitoidp.AttributeType{Name: wire.Some(name), Value: wire.Some(v)})
	}
	attributes, err := p.valuesOf(given)
	if err != nil {
		return nil, err
	}
	return p.imported(named, attributes, now)
}

// imported is the user that a row names.
func (p *pool) imported(named, attributes map[string]string, now time.Time) (*user, error) {
	name := named[nameColumn]
	if name == "" || len([]rune(name)) > longestName || strings.ContainsAny(name, " \t") {
		return nil, invalid("The row has no username that can be one.")
	}
	attribute, err := p.newName(name)
	if err != nil {
		return nil, err
	}
	if err := p.checkMFA(named[mfaColumn]); err != nil {
		return nil, err
	}
	u := &user{Pool: p.ID, Sub: wire.NewUUID(), Name: p.fold(name), Attributes: attributes, Status: resetRequired, Created: now}
	if attribute != "" {
		u.Name, attributes[attribute] = u.Sub, name
	}
	dropEmpty(attributes)
	if !slices.ContainsFunc(p.Settings.AutoVerifiedAttributes, func(a string) bool { return attributes[a] != "" && attributes[a+"_verified"] == "true" }) {
		return nil, invalid("The User Record does not set any of the auto verified attributes to true. (Example: email_verified to true).")
	}
	if named[mfaColumn] == "true" && p.Methods.SMS && attributes["phone_number"] != "" {
		u.turnOn(smsMFA, true)
	}
	return u, p.checkRequired(attributes)
}

// checkMFA refuses a row that wants what the pool does not have, or not what it demands.
func (p *pool) checkMFA(given string) error {
	switch {
	case given != "true" && given != "false":
		return invalid("%s must be true or false.", mfaColumn)
	case given == "true" && p.Settings.MfaConfiguration.V == "OFF", given == "false" && p.Settings.MfaConfiguration.V == "ON":
		return invalid("%s does not match the MFA configuration of the user pool.", mfaColumn)
	}
	return nil
}
