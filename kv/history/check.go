package history

import "slices"

// maxGuesses bounds the search among writes whose order nobody's reads tell.
const maxGuesses = 2000

// Check says whether the history is strictly serializable: nil, or an *Anomaly. It is exact, but for a history so vague that
// the search for an order is given up, which is an anomaly too: "undecided".
func Check(txns []Txn) error {
	nodes, err := prepare(txns)
	if err != nil {
		return err
	}
	s := &solver{nodes: nodes, writers: map[string][]int{}, order: realTime(nodes)}
	for i, n := range nodes {
		for k := range n.writes {
			s.writers[k] = append(s.writers[k], i)
		}
	}
	if !s.readAll() || !s.settle() {
		return s.anomaly()
	}
	guesses := maxGuesses
	if s.guess(&guesses) {
		return nil
	}
	if guesses <= 0 {
		return anomaly("undecided", "%d transactions, too few reads", len(nodes)-1)
	}
	return anomaly("G2", "no order of the %d transactions explains what they read", len(nodes)-1)
}

// solver puts transactions in order.
type solver struct {
	nodes   []node
	writers map[string][]int // of each key
	order   order
	edges   []edge   // what was put, and why
	either  []either // of which one must hold
	absent  []absence
	cannot  []edge // one of these must hold, and none can
}

// edge is a reason for an order.
type edge struct {
	from, to int
	kind     kind
	key      string
}

type kind string

// Kinds of edges.
const (
	wrote     kind = "wr"        // to read what from wrote
	overwrote kind = "rw"        // to overwrote what from read
	phantom   kind = "rw (scan)" // the same, and from had scanned
	replaced  kind = "ww"        // to overwrote what from wrote
	inTime    kind = "rt"        // from ended before to began
)

type either [2]edge

// absence is a read of a key that was not there: not yet, or deleted by one of these.
type absence struct {
	reader int
	read   reading
	by     []int
}

// missed is the edge to who wrote later than what was read.
func (r reading) missed() kind {
	if r.scanned {
		return phantom
	}
	return overwrote
}

// put places an edge; false means that it closes a cycle.
func (s *solver) put(e edge) bool {
	if !s.order.put(e.from, e.to) {
		s.cannot = []edge{e}
		return false
	}
	s.edges = append(s.edges, e)
	return true
}

func (s *solver) readAll() bool {
	for i, n := range s.nodes {
		for _, r := range n.reads {
			var by []int
			if r.value == Absent {
				by = append(by, 0)
			}
			for _, w := range s.writers[r.key] {
				if w != i && s.nodes[w].writes[r.key] == r.value {
					by = append(by, w)
				}
			}
			if len(by) > 1 {
				s.absent = append(s.absent, absence{i, r, by})
			} else if !s.read(i, r, by[0]) {
				return false
			}
		}
	}
	return true
}

// read notes that node t read what from wrote, and what that means for the other writers of the key.
func (s *solver) read(t int, r reading, from int) bool {
	if from != 0 && !s.put(edge{from, t, wrote, r.key}) {
		return false
	}
	for _, w := range s.writers[r.key] {
		if w == from || w == t {
			continue
		}
		later := edge{t, w, r.missed(), r.key}
		if from == 0 {
			if !s.put(later) {
				return false
			}
			continue
		}
		s.either = append(s.either, either{edge{w, from, replaced, r.key}, later})
	}
	return true
}

// settle draws conclusions until there are no more; false means that there is a cycle.
func (s *solver) settle() bool {
	for before := -1; before != len(s.either)+len(s.absent); {
		before = len(s.either) + len(s.absent)
		open := s.absent
		s.absent = nil
		for _, a := range open {
			if !s.find(a) {
				return false
			}
		}
		rest := s.either[:0:0]
		for _, e := range s.either {
			no0, no1 := s.impossible(e[0]), s.impossible(e[1])
			switch {
			case s.order.has(e[0].from, e[0].to) && !no0:
				s.edges = append(s.edges, e[0])
			case s.order.has(e[1].from, e[1].to) && !no1:
				s.edges = append(s.edges, e[1])
			case no0 && no1:
				s.cannot = e[:]
				if s.knew(e[0]) {
					s.cannot = e[1:]
				}
				return false
			case no0:
				s.put(e[1])
			case no1:
				s.put(e[0])
			default:
				rest = append(rest, e)
			}
		}
		s.either = rest
	}
	return true
}

func (s *solver) impossible(e edge) bool { return e.from == e.to || s.order.has(e.to, e.from) }

// knew says that e, a "ww", is the wrong way round by the account of its first writer: it had read what the second wrote.
func (s *solver) knew(e edge) bool {
	return slices.ContainsFunc(s.nodes[e.from].reads, func(r reading) bool {
		return r.key == e.key && r.value == s.nodes[e.to].writes[e.key]
	})
}

// find narrows who made the key absent.
func (s *solver) find(a absence) bool {
	var by []int
	for _, d := range a.by {
		overwritten := slices.ContainsFunc(s.writers[a.read.key], func(w int) bool {
			return w != d && w != a.reader && s.order.has(d, w) && s.order.has(w, a.reader)
		})
		if !overwritten && !s.order.has(a.reader, d) {
			by = append(by, d)
		}
	}
	switch len(by) {
	case 0:
		for _, d := range a.by {
			s.cannot = append(s.cannot, edge{d, a.reader, wrote, a.read.key})
			for _, w := range s.writers[a.read.key] {
				s.cannot = append(s.cannot, edge{a.reader, w, a.read.missed(), a.read.key})
			}
		}
		return false
	case 1:
		return s.read(a.reader, a.read, by[0])
	}
	a.by = by
	s.absent = append(s.absent, a)
	return true
}

// guess tries what is still open, one way and then the other.
func (s *solver) guess(left *int) bool {
	if len(s.either) == 0 && len(s.absent) == 0 {
		return true
	}
	for way := 0; ; way++ {
		if *left--; *left < 0 {
			return false
		}
		try := &solver{nodes: s.nodes, writers: s.writers, order: s.order.clone(), either: slices.Clone(s.either), absent: slices.Clone(s.absent)}
		ok, last := try.assume(way)
		if ok && try.settle() && try.guess(left) {
			return true
		}
		if last {
			return false
		}
	}
}

// assume decides one open question; last means that there is no further way.
func (s *solver) assume(way int) (ok, last bool) {
	if n := len(s.either); n > 0 {
		e := s.either[n-1]
		s.either = s.either[:n-1]
		earlier := 0 // try the order of their beginnings first
		if s.nodes[e[0].from].began > s.nodes[e[0].to].began {
			earlier = 1
		}
		return s.put(e[(earlier+way)%2]), way == 1
	}
	n := len(s.absent)
	a := s.absent[n-1]
	s.absent = s.absent[:n-1]
	return s.read(a.reader, a.read, a.by[way]), way == len(a.by)-1
}
