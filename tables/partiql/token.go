package partiql

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

type kind uint8

const (
	end       kind = iota
	word           // a name or a keyword
	quoted         // "name"
	text           // 'string'
	number         //
	parameter      // ?
	symbol         //
	bad            // what no statement holds
)

type token struct {
	kind     kind
	from, to int
	text     string // unquoted
}

// scanner cuts a statement into tokens, one ahead.
type scanner struct {
	src   string
	cur   token
	taken int // where the token before cur ends
}

func newScanner(src string) *scanner {
	s := &scanner{src: src}
	s.cur = s.scan(0)
	return s
}

func (s *scanner) next() token {
	t := s.cur
	s.taken = t.to
	s.cur = s.scan(t.to)
	return t
}

func (s *scanner) scan(at int) token {
	at, ok := s.blank(at)
	switch {
	case !ok:
		return token{kind: bad, from: at, to: len(s.src)}
	case at == len(s.src):
		return token{kind: end, from: at, to: at}
	}
	c := s.src[at]
	switch {
	case c == '\'':
		return s.quotedBy('\'', text, at)
	case c == '"':
		return s.quotedBy('"', quoted, at)
	case c == '?':
		return s.token(parameter, at, at+1)
	case letter(c):
		to := at + 1
		for to < len(s.src) && (letter(s.src[to]) || digit(s.src[to])) {
			to++
		}
		return s.token(word, at, to)
	case digit(c), c == '.' && at+1 < len(s.src) && digit(s.src[at+1]):
		return s.token(number, at, s.number(at))
	}
	return s.symbol(at)
}

func (s *scanner) token(k kind, from, to int) token {
	return token{kind: k, from: from, to: to, text: s.src[from:to]}
}

// blank skips white space and comments; ok is false in a comment without an end.
func (s *scanner) blank(at int) (after int, ok bool) {
	for at < len(s.src) {
		rest := s.src[at:]
		switch {
		case strings.IndexByte(" \t\r\n\f", rest[0]) >= 0:
			at++
		case strings.HasPrefix(rest, "--"):
			n := strings.IndexByte(rest, '\n')
			if n < 0 {
				return len(s.src), true
			}
			at += n
		case strings.HasPrefix(rest, "/*"):
			n := strings.Index(rest[2:], "*/")
			if n < 0 {
				return at, false
			}
			at += n + 4
		default:
			return at, true
		}
	}
	return at, true
}

// quotedBy reads a text in quotes; a quote in it is written twice.
func (s *scanner) quotedBy(q byte, k kind, from int) token {
	var b strings.Builder
	for at := from + 1; at < len(s.src); at++ {
		switch {
		case s.src[at] != q:
			b.WriteByte(s.src[at])
		case at+1 < len(s.src) && s.src[at+1] == q:
			b.WriteByte(q)
			at++
		default:
			return token{kind: k, from: from, to: at + 1, text: b.String()}
		}
	}
	return token{kind: bad, from: from, to: len(s.src)}
}

// number measures digits with a point and an exponent.
func (s *scanner) number(at int) int {
	digits := func() {
		for at < len(s.src) && digit(s.src[at]) {
			at++
		}
	}
	digits()
	if at < len(s.src) && s.src[at] == '.' {
		at++
		digits()
	}
	if e := at; e < len(s.src) && s.src[e]|0x20 == 'e' {
		if e++; e < len(s.src) && (s.src[e] == '+' || s.src[e] == '-') {
			e++
		}
		if e < len(s.src) && digit(s.src[e]) {
			at = e
			digits()
		}
	}
	return at
}

func (s *scanner) symbol(at int) token {
	for _, two := range []string{"<>", "<=", ">=", "!=", "<<", ">>"} {
		if strings.HasPrefix(s.src[at:], two) {
			return s.token(symbol, at, at+2)
		}
	}
	if strings.IndexByte("()[]{},.:;=<>+-*", s.src[at]) >= 0 {
		return s.token(symbol, at, at+1)
	}
	return token{kind: bad, from: at, to: len(s.src)}
}

func letter(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c == '$' || c >= utf8.RuneSelf
}
func digit(c byte) bool { return c >= '0' && c <= '9' }

// place is where a token stands, as messages have it.
func (s *scanner) place(t token) string {
	before := s.src[:t.from]
	line := strings.Count(before, "\n") + 1
	column := utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
	return fmt.Sprintf("%d:%d:%d", line, column, utf8.RuneCountInString(s.src[t.from:t.to]))
}

func (s *scanner) is(sym string) bool { return s.cur.kind == symbol && s.cur.text == sym }

func (s *scanner) accept(sym string) bool {
	if s.is(sym) {
		s.next()
		return true
	}
	return false
}

// keyword tells whether the current token is the word, in any case.
func (s *scanner) keyword(w string) bool {
	return s.cur.kind == word && len(s.cur.text) == len(w) && strings.EqualFold(s.cur.text, w)
}

func (s *scanner) acceptWord(w string) bool {
	if s.keyword(w) {
		s.next()
		return true
	}
	return false
}

// Words that are no names unless in quotes: those of the statements, and of SQL's joins, which AWS keeps too.
var (
	keywords = wordSet("SELECT FROM WHERE INSERT INTO VALUE UPDATE SET REMOVE DELETE RETURNING ORDER BY ASC DESC NULL MISSING TRUE FALSE AS INNER OUTER LEFT RIGHT FULL CROSS JOIN ON GROUP HAVING LIMIT UNION")
	operator = wordSet("AND OR NOT IN BETWEEN IS LIKE")
)

func wordSet(list string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(list) {
		set[w] = true
	}
	return set
}

// name tells whether the current token can be a name.
func (s *scanner) name() bool {
	if s.cur.kind == word {
		w := strings.ToUpper(s.cur.text)
		return !keywords[w] && !operator[w]
	}
	return s.cur.kind == quoted
}
