package gateway

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"bothy/api/apigateway"
	"bothy/wire"
)

// target is what of deployed APIs a request names.
type target struct {
	api    string
	region string // of the host; "" where the path names the API
	stage  string
	path   []string // decoded, below the stage; each a plain name
	slash  bool     // the path ended in one
	bad    string   // why the path is none; the rest may be empty
}

// The paths that name an API, besides host names.
const (
	pathPrefix   = "/_aws/execute-api/" // then API/STAGE/PATH
	restPrefix   = "/restapis/"         // then API/STAGE/_user_request_/PATH
	restInfix    = "_user_request_"
	hostLabel    = "execute-api"
	maxPathParts = 128
)

// Serves tells whether a request is for a deployed API.
func Serves(r *http.Request) bool {
	_, _, _, ok := locate(r)
	return ok
}

// locate splits a request into API, region and the escaped rest of the path.
func locate(r *http.Request) (api, region, rest string, ok bool) {
	path := r.URL.EscapedPath()
	if labels := strings.Split(strings.ToLower(wire.HostOf(r)), "."); len(labels) >= 4 && labels[1] == hostLabel {
		return labels[0], labels[2], path, true
	}
	if tail, found := strings.CutPrefix(path, pathPrefix); found {
		api, rest, _ = strings.Cut(tail, "/")
		return api, "", "/" + rest, true
	}
	if tail, found := strings.CutPrefix(path, restPrefix); found {
		parts := strings.SplitN(tail, "/", 4)
		if len(parts) >= 3 && parts[2] == restInfix {
			rest := "/" + parts[1]
			if len(parts) == 4 {
				rest += "/" + parts[3]
			}
			return parts[0], "", rest, true
		}
	}
	return "", "", "", false
}

func parseTarget(r *http.Request) target {
	api, region, rest, _ := locate(r)
	t := target{api: api, region: region}
	parts, slash, bad := splitPath(rest)
	if bad != "" || len(parts) == 0 {
		t.bad = bad
		return t
	}
	t.stage, t.path, t.slash = parts[0], parts[1:], slash
	return t
}

// splitPath decodes a path once, part by part. What could mean another path to someone who decodes or cleans it again is
// not a path: the same parts choose the method and are what policy decides about.
func splitPath(escaped string) (parts []string, slash bool, bad string) {
	if escaped == "" || escaped == "/" {
		return nil, escaped == "/", ""
	}
	raw := strings.Split(strings.TrimPrefix(escaped, "/"), "/")
	if last := len(raw) - 1; raw[last] == "" {
		raw, slash = raw[:last], true
	}
	if len(raw) > maxPathParts {
		return nil, false, "too many parts"
	}
	for _, p := range raw {
		name, err := url.PathUnescape(p)
		switch {
		case err != nil || !utf8.ValidString(name):
			return nil, false, "encoding"
		case name == "":
			return nil, false, "empty part"
		case name == "." || name == "..":
			return nil, false, "dot part"
		case strings.ContainsAny(name, "/\\") || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }):
			return nil, false, "slash or control character inside a part"
		}
		parts = append(parts, name)
	}
	return parts, slash, ""
}

// node is a place in the tree of an API's paths.
type node struct {
	static map[string]*node
	param  *node
	greedy *node
	name   string // of the variable, of a param or greedy node
	res    *resource
}

// tree builds the tree of a definition.
func tree(d *definition) *node {
	nodes := map[string]*node{}
	var place func(id string) *node
	place = func(id string) *node {
		if n := nodes[id]; n != nil {
			return n
		}
		r := d.Resources[id]
		n := &node{res: r, static: map[string]*node{}}
		nodes[id] = n
		if r == nil || id == d.Root {
			return n
		}
		parent := place(r.Parent)
		switch {
		case isGreedy(r.Part):
			n.name, parent.greedy = r.Part[1:len(r.Part)-2], n
		case isParam(r.Part):
			n.name, parent.param = r.Part[1:len(r.Part)-1], n
		default:
			parent.static[r.Part] = n
		}
		return n
	}
	for id := range d.Resources {
		place(id)
	}
	return place(d.Root)
}

// match finds the most specific resource with methods: names before variables before greedy variables.
func (n *node) match(path []string) (*resource, map[string]string) {
	if len(path) == 0 {
		if n.res == nil || len(n.res.Methods) == 0 {
			return nil, nil
		}
		return n.res, map[string]string{}
	}
	if next := n.static[path[0]]; next != nil {
		if r, vars := next.match(path[1:]); r != nil {
			return r, vars
		}
	}
	if n.param != nil {
		if r, vars := n.param.match(path[1:]); r != nil {
			vars[n.param.name] = path[0]
			return r, vars
		}
	}
	if g := n.greedy; g != nil && g.res != nil && len(g.res.Methods) > 0 {
		return g.res, map[string]string{g.name: strings.Join(path, "/")}
	}
	return nil, nil
}

// method is the resource's method for an HTTP method.
func (r *resource) method(name string) *apigateway.Method {
	if m := r.Methods[name]; m != nil && name != "ANY" {
		return m
	}
	if httpMethods[name] {
		return r.Methods["ANY"]
	}
	return nil
}
