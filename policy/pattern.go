package policy

import (
	"strings"
	"unicode/utf8"
)

// pattern is a text with wildcards and variables. The value of a variable is always literal: a wildcard in it is a character.
type pattern struct {
	source  string
	parts   []part
	general bool // has a wildcard elsewhere than one * at the end
	open    bool // ends with its only *
}

type part struct {
	kind     byte   // 't'ext, '*', '?', 'v'ariable
	text     string // or the key of the variable
	fallback string // of the variable
	has      bool   // the variable has a fallback
}

// compilePattern reads text. wild gives * and ? their meaning, variables gives ${…} its own; it fails on a malformed
// variable.
func compilePattern(text string, wild, variables bool) (pattern, bool) {
	p := pattern{source: text}
	for rest := text; rest != ""; {
		switch c := rest[0]; {
		case variables && strings.HasPrefix(rest, "${"):
			end := variableEnd(rest)
			v, ok := parseVariable(rest[2:max(end, 2)])
			if end < 0 || !ok {
				return pattern{}, false
			}
			p.add(v)
			rest = rest[end+1:]
		case wild && (c == '*' || c == '?'):
			p.add(part{kind: c})
			rest = rest[1:]
		default:
			n := 1 + strings.IndexAny(rest[1:]+"$", "*?$")
			p.add(part{kind: 't', text: rest[:n]})
			rest = rest[n:]
		}
	}
	p.classify()
	return p, true
}

// variableEnd is the index of the } that ends the variable at the start of s; quotes hide it.
func variableEnd(s string) int {
	quoted := false
	for i := 2; i < len(s); i++ {
		switch {
		case s[i] == '\'':
			quoted = !quoted
		case s[i] == '}' && !quoted:
			return i
		}
	}
	return -1
}

// parseVariable reads what is between ${ and }: a key, key and 'fallback', or one of * ? $.
func parseVariable(s string) (part, bool) {
	if s == "*" || s == "?" || s == "$" {
		return part{kind: 't', text: s}, true
	}
	key, fallback, has := strings.Cut(s, ",")
	key = strings.ToLower(strings.TrimSpace(key))
	if key == "" || strings.ContainsAny(key, "*?${'\"") {
		return part{}, false
	}
	if !has {
		return part{kind: 'v', text: key}, true
	}
	fallback = strings.TrimSpace(fallback)
	n := len(fallback)
	if n < 2 || fallback[0] != '\'' || fallback[n-1] != '\'' || strings.Contains(fallback[1:n-1], "'") {
		return part{}, false
	}
	return part{kind: 'v', text: key, fallback: fallback[1 : n-1], has: true}, true
}

// add appends a part, joining texts and stars with what precedes them.
func (p *pattern) add(q part) {
	if n := len(p.parts); n > 0 {
		last := &p.parts[n-1]
		switch {
		case last.kind == 't' && q.kind == 't':
			last.text += q.text
			return
		case last.kind == '*' && q.kind == '*':
			return
		}
	}
	p.parts = append(p.parts, q)
}

func (p *pattern) classify() {
	for i, q := range p.parts {
		last := i == len(p.parts)-1
		p.open = p.open || last && q.kind == '*'
		p.general = p.general || q.kind == '?' || q.kind == '*' && !last
	}
}

// match tells whether s matches, and whether every variable had a value; without one nothing matches.
func (p *pattern) match(e *evaluation, s string) (ok, resolved bool) {
	if p.general {
		return p.matchGeneral(e, s)
	}
	for i := range p.parts {
		q := &p.parts[i]
		text := q.text
		switch q.kind {
		case '*':
			return true, true
		case 'v':
			if text, ok = e.variable(q); !ok {
				return false, false
			}
		}
		if !strings.HasPrefix(s, text) {
			return false, p.resolved(e)
		}
		s = s[len(text):]
	}
	return s == "", true
}

func (p *pattern) resolved(e *evaluation) bool {
	for i := range p.parts {
		if p.parts[i].kind == 'v' {
			if _, ok := e.variable(&p.parts[i]); !ok {
				return false
			}
		}
	}
	return true
}

// expand is the text with variables put in, for patterns without wildcards and for reasons.
func (p *pattern) expand(e *evaluation) (string, bool) {
	if len(p.parts) == 1 && p.parts[0].kind == 't' {
		return p.parts[0].text, true
	}
	var b strings.Builder
	for i := range p.parts {
		switch q := &p.parts[i]; q.kind {
		case 't':
			b.WriteString(q.text)
		case 'v':
			v, ok := e.variable(q)
			if !ok {
				return p.source, false
			}
			b.WriteString(v)
		default:
			b.WriteByte(q.kind)
		}
	}
	return b.String(), true
}

// Wildcards among the runes of an expanded pattern.
const (
	runeStar rune = -1
	runeAny  rune = -2
)

func (p *pattern) matchGeneral(e *evaluation, s string) (ok, resolved bool) {
	var space [256]rune
	runes := space[:0]
	for i := range p.parts {
		switch q := &p.parts[i]; q.kind {
		case '*':
			runes = append(runes, runeStar)
		case '?':
			runes = append(runes, runeAny)
		case 'v':
			v, ok := e.variable(q)
			if !ok {
				return false, false
			}
			runes = appendRunes(runes, v)
		default:
			runes = appendRunes(runes, q.text)
		}
	}
	return glob(runes, s), true
}

func appendRunes(to []rune, s string) []rune {
	for i := 0; i < len(s); {
		r, n := nextRune(s, i)
		to = append(to, r)
		i += n
	}
	return to
}

// nextRune decodes like utf8, but keeps bytes that are no UTF-8 apart from each other and from U+FFFD.
func nextRune(s string, i int) (rune, int) {
	r, n := utf8.DecodeRuneInString(s[i:])
	if r == utf8.RuneError && n == 1 {
		r = utf8.MaxRune + 1 + rune(s[i])
	}
	return r, n
}

// glob matches in O(len(p)·len(s)): after a mismatch only the last star grows.
func glob(p []rune, s string) bool {
	star, mark := -1, 0
	j := 0
	for i := 0; i < len(s); {
		r, n := nextRune(s, i)
		switch {
		case j < len(p) && (p[j] == r || p[j] == runeAny):
			i += n
			j++
		case j < len(p) && p[j] == runeStar:
			star, mark = j, i
			j++
		case star >= 0:
			_, n = nextRune(s, mark)
			mark += n
			i, j = mark, star+1
		default:
			return false
		}
	}
	for j < len(p) && p[j] == runeStar {
		j++
	}
	return j == len(p)
}
