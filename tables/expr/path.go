package expr

import (
	"strconv"
	"strings"

	"bothy/wire/item"
)

// Step is one step into a document: a name, or an index when Name is "".
type Step struct {
	Name  string
	Index int
	ref   string // #name to be resolved
	plain bool   // written as is: subject to the reserved words
}

// Path leads from an item to a value in it. Its first step is a name.
type Path []Step

// String is the form AWS's messages use: [a, b, [1]].
func (p Path) String() string {
	parts := make([]string, len(p))
	for i, s := range p {
		parts[i] = s.text()
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

func (s Step) isIndex() bool { return s.Name == "" && s.ref == "" }

func (s Step) text() string {
	if s.isIndex() {
		return "[" + strconv.Itoa(s.Index) + "]"
	}
	return s.Name
}

func (s Step) same(o Step) bool {
	return s.Name == o.Name && (s.Name != "" || s.Index == o.Index)
}

func (p Path) same(o Path) bool {
	if len(p) != len(o) {
		return false
	}
	for i := range p {
		if !p[i].same(o[i]) {
			return false
		}
	}
	return true
}

// Find is the value at the path, nil when there is none.
func (p Path) Find(it item.Item) *item.Value {
	v := it.Get(p[0].Name)
	for _, s := range p[1:] {
		if v = s.into(v); v == nil {
			return nil
		}
	}
	return v
}

func (s Step) into(v *item.Value) *item.Value {
	switch {
	case v == nil:
	case s.isIndex() && v.Kind == item.L:
		if s.Index < len(v.More.List) {
			return &v.More.List[s.Index]
		}
	case !s.isIndex() && v.Kind == item.M:
		return v.More.Map.Get(s.Name)
	}
	return nil
}

// overlap says how two paths of one expression clash; they conflict where one takes for a list what the other takes for a map.
func overlap(a, b Path) (err error, conflicts bool) {
	for i := 0; i < len(a) && i < len(b); i++ {
		if a[i].isIndex() != b[i].isIndex() {
			return fail("Two document paths conflict with each other; must remove or rewrite one of these paths; path one: %s, path two: %s", a, b), true
		}
		if !a[i].same(b[i]) {
			return nil, false
		}
	}
	return fail("Two document paths overlap with each other; must remove or rewrite one of these paths; path one: %s, path two: %s", a, b), false
}

// disjoint refuses paths that overlap, and then such as conflict.
func disjoint(paths []Path) (conflict error) {
	for i := range paths {
		for j := 0; j < i; j++ {
			err, conflicts := overlap(paths[j], paths[i])
			if err != nil && !conflicts {
				return err
			}
			if conflict == nil {
				conflict = err
			}
		}
	}
	return conflict
}

// path parses name ( '.' name | '[' index ']' )*.
func (s *scanner) path(keywords ...string) (Path, error) {
	head, err := s.pathName(keywords)
	if err != nil {
		return nil, err
	}
	p := Path{head}
	for {
		var step Step
		switch {
		case s.accept("."):
			if step, err = s.pathName(keywords); err != nil {
				return nil, err
			}
		case s.accept("["):
			if step, err = s.pathIndex(); err != nil {
				return nil, err
			}
		default:
			return p, nil
		}
		if p = append(p, step); len(p) > MaxDepth {
			return nil, fail("The document path has too many nesting elements; nesting limit: %d", MaxDepth)
		}
	}
}

func (s *scanner) pathName(keywords []string) (Step, error) {
	switch s.cur.kind {
	case tokName:
		return Step{ref: s.next().text}, nil
	case tokWord:
		for _, k := range keywords {
			if s.keyword(k) {
				return Step{}, s.syntax()
			}
		}
		return Step{Name: s.next().text, plain: true}, nil
	}
	return Step{}, s.syntax()
}

func (s *scanner) pathIndex() (Step, error) {
	if s.cur.kind != tokNumber {
		return Step{}, s.syntax()
	}
	n, err := strconv.ParseInt(s.cur.text, 10, 32)
	if err != nil {
		return Step{}, fail("List index is not within the allowable range; index: [%s]", s.cur.text)
	}
	s.next()
	return Step{Index: int(n)}, s.expect("]")
}
