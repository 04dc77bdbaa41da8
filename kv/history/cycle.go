package history

import (
	"fmt"
	"slices"
	"strings"
)

// anomaly names the mildest cycle that an edge closes of which one had to hold.
func (s *solver) anomaly() *Anomaly {
	for _, timed := range []bool{false, true} {
		for _, kinds := range [][]kind{{replaced}, {replaced, wrote}, {replaced, wrote, overwrote}, {replaced, wrote, overwrote, phantom}} {
			next := s.graph(kinds, timed)
			for _, e := range s.cannot {
				if !slices.Contains(kinds, e.kind) {
					continue
				}
				if back, ok := path(next, e.to, e.from); ok {
					return s.describe(append([]edge{e}, back...))
				}
			}
		}
	}
	return anomaly("cycle", "of unknown kind")
}

// graph is the edges of some kinds by where they begin.
func (s *solver) graph(kinds []kind, timed bool) [][]edge {
	next := make([][]edge, len(s.nodes))
	for _, e := range s.edges {
		if slices.Contains(kinds, e.kind) {
			next[e.from] = append(next[e.from], e)
		}
	}
	for i := range s.nodes {
		for j := range s.nodes {
			if timed && s.nodes[i].ended < s.nodes[j].began {
				next[i] = append(next[i], edge{from: i, to: j, kind: inTime})
			}
		}
	}
	return next
}

// path is a shortest way.
func path(next [][]edge, from, to int) (way []edge, ok bool) {
	came := map[int]edge{from: {}}
	for queue := []int{from}; len(queue) > 0; queue = queue[1:] {
		for _, e := range next[queue[0]] {
			if _, seen := came[e.to]; !seen {
				came[e.to] = e
				queue = append(queue, e.to)
			}
		}
	}
	if _, ok = came[to]; !ok {
		return nil, false
	}
	for at := to; at != from; at = came[at].from {
		way = append(way, came[at])
	}
	slices.Reverse(way)
	return way, true
}

func (s *solver) describe(cycle []edge) *Anomaly {
	count := map[kind]int{}
	for _, e := range cycle {
		count[e.kind]++
	}
	name := "G2-item"
	switch unread := count[overwrote] + count[phantom]; {
	case unread == 1:
		name = "G-single"
	case unread == 0 && count[wrote] == 0:
		name = "G0"
	case unread == 0:
		name = "G1c"
	case count[phantom] > 0:
		name = "G2"
	case len(cycle) == 2 && cycle[0].key == cycle[1].key:
		name = "lost update"
	}
	if count[inTime] > 0 {
		name = "real-time " + name
	}
	var b strings.Builder
	for i, e := range cycle {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s before %s (%s %s)", s.name(e.from), s.name(e.to), e.kind, e.key)
	}
	return &Anomaly{name, b.String()}
}

func (s *solver) name(node int) string {
	if node == 0 {
		return "the beginning"
	}
	return fmt.Sprint(s.nodes[node].id)
}
