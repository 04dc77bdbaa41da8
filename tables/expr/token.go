package expr

import "strings"

type tokenKind uint8

const (
	tokEnd    tokenKind = iota
	tokWord             // identifier
	tokName             // #name
	tokValue            // :value
	tokNumber           // index in a list
	tokSymbol
	tokBad
)

type token struct {
	kind     tokenKind
	from, to int
	text     string
}

// scanner cuts an expression into tokens; it keeps the last one for the "near" of syntax errors.
type scanner struct {
	src  string
	last token // before cur
	cur  token
}

func newScanner(src string) *scanner {
	s := &scanner{src: src}
	s.cur = s.scan(0)
	return s
}

func (s *scanner) next() token {
	t := s.cur
	s.last = t
	s.cur = s.scan(t.to)
	return t
}

func (s *scanner) scan(at int) token {
	for at < len(s.src) && strings.IndexByte(" \t\r\n", s.src[at]) >= 0 {
		at++
	}
	if at == len(s.src) {
		return token{kind: tokEnd, from: at, to: at, text: "<EOF>"}
	}
	kind, to := s.measure(at)
	return token{kind: kind, from: at, to: to, text: s.src[at:to]}
}

func (s *scanner) measure(at int) (tokenKind, int) {
	c := s.src[at]
	switch {
	case letter(c):
		return tokWord, s.run(at + 1)
	case c == '#' || c == ':':
		to := s.run(at + 1)
		if to == at+1 {
			return tokBad, to
		}
		if c == '#' {
			return tokName, to
		}
		return tokValue, to
	case digit(c):
		to := at + 1
		for to < len(s.src) && digit(s.src[to]) {
			to++
		}
		return tokNumber, to
	}
	if two := s.src[at:min(at+2, len(s.src))]; two == "<>" || two == "<=" || two == ">=" {
		return tokSymbol, at + 2
	}
	if strings.IndexByte("()[],.=<>+-", c) >= 0 {
		return tokSymbol, at + 1
	}
	to := at + 1
	for to < len(s.src) && s.src[to]&0xC0 == 0x80 { // the rest of a UTF-8 sequence
		to++
	}
	return tokBad, to
}

func (s *scanner) run(at int) int {
	for at < len(s.src) && (letter(s.src[at]) || digit(s.src[at]) || s.src[at] == '_') {
		at++
	}
	return at
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func digit(c byte) bool  { return c >= '0' && c <= '9' }

// syntax is the error at the current token; near is it with its neighbours, or with the space that it has instead.
func (s *scanner) syntax() error {
	from, to := 0, len(s.src)
	if s.last.to > 0 {
		from = s.last.from
	}
	if next := s.scan(s.cur.to); next.kind != tokEnd {
		to = next.to
	}
	return fail("Syntax error; token: \"%s\", near: \"%s\"", s.cur.text, s.src[from:to])
}

func (s *scanner) symbol(text string) bool { return s.cur.kind == tokSymbol && s.cur.text == text }

func (s *scanner) accept(text string) bool {
	if s.symbol(text) {
		s.next()
		return true
	}
	return false
}

func (s *scanner) expect(text string) error {
	if !s.accept(text) {
		return s.syntax()
	}
	return nil
}

func (s *scanner) keyword(word string) bool {
	return s.cur.kind == tokWord && len(s.cur.text) == len(word) && strings.EqualFold(s.cur.text, word)
}
