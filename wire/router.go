package wire

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// router finds the operation of one API in a request.
type router struct {
	api    *API
	byName map[string]*OpInfo
	routes map[string][]*route // by method; REST APIs only
}

// route is a REST operation's method and URI, taken apart.
type route struct {
	info     *OpInfo
	segments []segment
	query    [][2]string // literal: ?list-type=2
	needs    []string
}

type segment struct {
	text   string // literal, or the label's name
	label  bool
	greedy bool
}

func newRouter(a *API) *router {
	r := &router{api: a, byName: map[string]*OpInfo{}, routes: map[string][]*route{}}
	for i := range a.Ops {
		o := &a.Ops[i]
		r.byName[o.Name] = o
		if strings.HasPrefix(a.Protocol, "rest") {
			r.routes[o.Method] = append(r.routes[o.Method], parseRoute(o))
		}
	}
	return r
}

func parseRoute(o *OpInfo) *route {
	path, query, _ := strings.Cut(o.URI, "?")
	rt := &route{info: o, needs: o.Needs}
	for _, s := range strings.Split(strings.TrimPrefix(path, "/"), "/") {
		name, label := strings.CutPrefix(s, "{")
		name = strings.TrimSuffix(name, "}")
		name, greedy := strings.CutSuffix(name, "+")
		rt.segments = append(rt.segments, segment{name, label, label && greedy})
	}
	if query != "" {
		for _, kv := range strings.Split(query, "&") {
			k, v, _ := strings.Cut(kv, "=")
			rt.query = append(rt.query, [2]string{k, v})
		}
	}
	return rt
}

// find picks the most specific operation for method, escaped path and query; preferred breaks ties (two names of one
// operation, of which one is mounted).
func (r *router) find(method, path string, q url.Values, h http.Header, preferred func(*OpInfo) bool) (*OpInfo, map[string]string) {
	var best *route
	var bestLabels map[string]string
	bestScore := -1
	for _, rt := range r.routes[method] {
		if !rt.queryMatches(q) {
			continue
		}
		labels, literals, ok := rt.match(path)
		if !ok {
			continue
		}
		score := literals*64 + len(rt.query)*16
		if met := rt.needsMet(q, h); met {
			score += 8 + min(len(rt.needs), 3)*2
		}
		if preferred(rt.info) {
			score++
		}
		if score > bestScore {
			best, bestLabels, bestScore = rt, labels, score
		}
	}
	if best == nil {
		return nil, nil
	}
	return best.info, bestLabels
}

func (rt *route) queryMatches(q url.Values) bool {
	for _, kv := range rt.query {
		vs, ok := q[kv[0]]
		if !ok || kv[1] != "" && !slices.Contains(vs, kv[1]) {
			return false
		}
	}
	return true
}

func (rt *route) needsMet(q url.Values, h http.Header) bool {
	for _, n := range rt.needs {
		name := n[2:]
		if n[0] == 'q' && !q.Has(name) || n[0] == 'h' && h.Get(name) == "" {
			return false
		}
	}
	return true
}

// match binds labels on the escaped path; each is decoded by itself, so that an escaped slash stays inside its label.
func (rt *route) match(path string) (labels map[string]string, literals int, ok bool) {
	rest, more := strings.CutPrefix(path, "/")
	for i, s := range rt.segments {
		if !more && i > 0 {
			return nil, 0, false
		}
		part := rest
		if s.greedy {
			// what follows a greedy label in a route is literal: /v1/{Key+}/tail
			tail := rt.tail(i + 1)
			if part, ok = strings.CutSuffix(rest, tail); !ok || part == "" {
				return nil, 0, false
			}
			literals += strings.Count(tail, "/")
			rest, more = "", false
		} else {
			part, rest, more = strings.Cut(rest, "/")
		}
		if !s.label {
			if part != s.text {
				return nil, 0, false
			}
			if part != "" {
				literals++
			}
			continue
		}
		v, err := url.PathUnescape(part)
		if err != nil || v == "" {
			return nil, 0, false
		}
		if labels == nil {
			labels = map[string]string{}
		}
		labels[s.text] = v
		if s.greedy {
			return labels, literals, true
		}
	}
	return labels, literals, !more || rest == ""
}

func (rt *route) tail(i int) string {
	t := ""
	for _, s := range rt.segments[i:] {
		t += "/" + s.text
	}
	return t
}
