package users

import (
	"regexp"
	"slices"
	"strings"

	"bothy/api/cognitoidp"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// filter is a ListUsers filter: one attribute that equals a value or starts with it.
type filter struct {
	attribute, value string
	prefix           bool
}

var filterShape = regexp.MustCompile(`^\s*"?([A-Za-z_:]+)"?\s*(\^?=)\s*"((?:[^"\\]|\\.)*)"\s*$`)

var filterable = append([]string{"username", "cognito:user_status", "status", "sub"}, searchable...)

func parseFilter(text string) (*filter, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	m := filterShape.FindStringSubmatch(text)
	if m == nil {
		return nil, invalid("Error while parsing filter.")
	}
	if !slices.Contains(filterable, m[1]) {
		return nil, invalid("Invalid search attribute: %s", m[1])
	}
	return &filter{m[1], unescape.Replace(m[3]), m[2] == "^="}, nil
}

var unescape = strings.NewReplacer(`\"`, `"`, `\\`, `\`)

func (f *filter) matches(u *user) bool {
	if f == nil {
		return true
	}
	v := u.Attributes[f.attribute]
	switch f.attribute {
	case "username":
		v = u.Name
	case "sub":
		v = u.Sub
	case "cognito:user_status":
		v = u.Status
	case "status":
		v = "Enabled"
		if u.Disabled {
			v = "Disabled"
		}
	}
	if f.prefix {
		return strings.HasPrefix(v, f.value)
	}
	return v == f.value
}

// narrow makes the page read only what can match, where an index knows.
func (f *filter) narrow(pg *record.Page, poolID string) {
	pg.Prefix = []any{poolID}
	switch {
	case f == nil || f.prefix:
	case f.attribute == "sub":
		pg.Prefix = append(pg.Prefix, f.value)
	case slices.Contains(searchable, f.attribute):
		pg.Index, pg.Prefix = "attr", []any{poolID, f.attribute, f.value}
	}
}

// mostReads bounds the pages that one ListUsers reads for a filter no index serves; the rest comes with the next token.
const mostReads = 200

func (s *Service) listUsers(c *wire.Call, in *cognitoidp.ListUsersInput) (*cognitoidp.ListUsersOutput, error) {
	f, err := parseFilter(in.Filter.V)
	if err != nil {
		return nil, err
	}
	see := everything
	if len(in.AttributesToGet) > 0 {
		see = func(name string) bool { return slices.Contains(in.AttributesToGet, name) }
	}
	out := &cognitoidp.ListUsersOutput{Users: []cognitoidp.UserType{}}
	return out, s.view(c, func(tx *kv.Tx) error {
		p, err := poolByID(tx, c.Account, in.UserPoolId.V)
		if err != nil {
			return err
		}
		if f != nil && f.attribute == "username" && !f.prefix {
			u, err := people.Find(tx, inPool(c.Account, p.ID), "name", p.ID, p.fold(f.value))
			if err == nil {
				out.Users = append(out.Users, userType(u, see))
			}
			return ignoreAbsent(err)
		}
		pg := page(in.PaginationToken, in.Limit)
		limit := pg.Limit
		f.narrow(&pg, p.ID)
		for range mostReads {
			pg.Limit = limit - len(out.Users)
			rows, next, err := people.List(tx, inPool(c.Account, p.ID), pg)
			if err != nil {
				return badToken(err)
			}
			for _, u := range rows {
				if f.matches(u) {
					out.Users = append(out.Users, userType(u, see))
				}
			}
			out.PaginationToken, pg.After = wire.NonEmpty(next), next
			if next == "" || len(out.Users) == limit {
				break
			}
		}
		return nil
	})
}
