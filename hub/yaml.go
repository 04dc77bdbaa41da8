package hub

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Limits of a project file: what is more is hostile or a mistake.
const (
	maxYAMLBytes = 256 << 10
	maxYAMLNodes = 50_000 // after aliases are resolved
	maxYAMLDepth = 40
)

// tagPrefixes are how Mobile Hub writes its types.
var tagPrefixes = []string{"!com.amazonaws.mobilehub.v0.", "!com.amazonaws.mobilehub."}

// documentStart is the first line, which may lack the blank that YAML wants after the dashes.
var documentStart = regexp.MustCompile(`(?m)\A(\s*(?:#[^\n]*\n\s*)*)---!`)

// parseYAML reads the one document of a project file, with its aliases resolved.
func parseYAML(text []byte) (*yaml.Node, error) {
	if len(text) > maxYAMLBytes {
		return nil, fmt.Errorf("the project file has %d bytes, at most %d are allowed", len(text), maxYAMLBytes)
	}
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	text = documentStart.ReplaceAll(text, []byte("${1}--- !"))
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, errors.New("the project file is empty")
	} else if err != nil {
		return nil, fmt.Errorf("the project file is not YAML: %w", err)
	}
	if dec.Decode(&more) == nil {
		return nil, errors.New("the project file has more than one document")
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, errors.New("the project file is not a mapping")
	}
	return resolve(doc.Content[0], &budget{maxYAMLNodes, maxYAMLBytes}, 0)
}

// budget is what is left for a document with its aliases resolved: short aliases of long parts must not multiply.
type budget struct{ nodes, bytes int }

// resolve copies a tree with every alias replaced by what it names and every merge key merged.
func resolve(n *yaml.Node, left *budget, depth int) (*yaml.Node, error) {
	left.nodes--
	left.bytes -= len(n.Value) + len(n.Tag)
	if left.nodes < 0 || left.bytes < 0 {
		return nil, fmt.Errorf("the project file has more than %d nodes or %d bytes", maxYAMLNodes, maxYAMLBytes)
	}
	if depth > maxYAMLDepth {
		return nil, fmt.Errorf("the project file is nested more than %d deep", maxYAMLDepth)
	}
	if n.Kind == yaml.AliasNode {
		if n.Alias == nil {
			return nil, errors.New("the project file has an unknown alias")
		}
		return resolve(n.Alias, left, depth+1)
	}
	out := &yaml.Node{Kind: n.Kind, Tag: strings.TrimSpace(n.Tag), Value: n.Value, Style: n.Style &^ yaml.FlowStyle, Line: n.Line}
	for _, child := range n.Content {
		c, err := resolve(child, left, depth+1)
		if err != nil {
			return nil, err
		}
		out.Content = append(out.Content, c)
	}
	if out.Kind == yaml.MappingNode {
		return out, unique(mergeKeys(out))
	}
	return out, nil
}

// mergeKeys replaces "<<" by the keys of the mappings it names, which never win over the mapping's own.
func mergeKeys(m *yaml.Node) *yaml.Node {
	var own, merged []*yaml.Node
	for i := 0; i+1 < len(m.Content); i += 2 {
		k, v := m.Content[i], m.Content[i+1]
		if k.Tag != "!!merge" {
			own = append(own, k, v)
			continue
		}
		if v.Kind == yaml.SequenceNode {
			for _, e := range v.Content {
				merged = append(merged, e.Content...)
			}
		} else {
			merged = append(merged, v.Content...)
		}
	}
	m.Content = own
	for i := 0; i+1 < len(merged); i += 2 {
		if child(m, merged[i].Value) == nil {
			m.Content = append(m.Content, merged[i], merged[i+1])
		}
	}
	return m
}

func unique(m *yaml.Node) error {
	seen := map[string]bool{}
	for i := 0; i+1 < len(m.Content); i += 2 {
		k := m.Content[i]
		if k.Kind != yaml.ScalarNode {
			return errors.New("the project file has a key that is not text")
		}
		if seen[k.Value] {
			return fmt.Errorf("the project file has the key %q twice", k.Value)
		}
		seen[k.Value] = true
	}
	return nil
}

// child is the value of a mapping's key, nil when absent.
func child(m *yaml.Node, key string) *yaml.Node {
	if m == nil || m.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			return m.Content[i+1]
		}
	}
	return nil
}

// at follows keys.
func at(n *yaml.Node, keys ...string) *yaml.Node {
	for _, k := range keys {
		n = child(n, k)
	}
	return n
}

// each calls fn for the entries of a mapping.
func each(m *yaml.Node, fn func(key string, v *yaml.Node)) {
	if m == nil || m.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(m.Content); i += 2 {
		fn(m.Content[i].Value, m.Content[i+1])
	}
}

// text is a scalar as it was written; null and what is no scalar are "".
func text(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		return ""
	}
	return strings.TrimSpace(n.Value)
}

// yes reads a bool however it was written: true, "true", yes, ON, 1. Absent is def; what is neither is an error of the file,
// for it may be what keeps strangers out.
func (p *Project) yes(n *yaml.Node, def bool) bool {
	switch strings.ToLower(text(n)) {
	case "true", "yes", "on", "1", "enable", "enabled":
		return true
	case "false", "no", "off", "0", "disable", "disabled":
		return false
	}
	p.unreadable(n, "neither true nor false")
	return def
}

// number reads an integer, quoted or not. Absent is def; what is none is an error of the file.
func (p *Project) number(n *yaml.Node, def int) int {
	if v, err := strconv.Atoi(text(n)); err == nil {
		return v
	}
	p.unreadable(n, "not a whole number")
	return def
}

// unreadable keeps the first value that could not be read; null and the empty text are as good as absent.
func (p *Project) unreadable(n *yaml.Node, what string) {
	if n == nil || n.Kind == yaml.ScalarNode && text(n) == "" || p.misread != nil {
		return
	}
	if n.Kind != yaml.ScalarNode {
		p.misread = fmt.Errorf("line %d of the project file is %s", n.Line, what)
		return
	}
	p.misread = fmt.Errorf("line %d of the project file: %q is %s", n.Line, text(n), what)
}

// list reads a sequence of texts, also one written as JSON inside a text, or a single text.
func list(n *yaml.Node) []string {
	if n == nil {
		return nil
	}
	if n.Kind == yaml.SequenceNode {
		var out []string
		for _, e := range n.Content {
			if s := text(e); s != "" {
				out = append(out, s)
			}
		}
		return out
	}
	s := text(n)
	var out []string
	if strings.HasPrefix(s, "[") && json.Unmarshal([]byte(s), &out) == nil {
		return out
	}
	if s == "" {
		return nil
	}
	return []string{s}
}

// mapping is the node itself, or the mapping written as JSON inside a text (as old exports do).
func mapping(n *yaml.Node) *yaml.Node {
	s := text(n)
	if !strings.HasPrefix(s, "{") {
		return n
	}
	var doc yaml.Node
	if !json.Valid([]byte(s)) || yaml.Unmarshal([]byte(s), &doc) != nil || len(doc.Content) != 1 {
		return n
	}
	return doc.Content[0]
}

// kind is a node's Mobile Hub type: "API" of !com.amazonaws.mobilehub.v0.API; "" for none.
func kind(n *yaml.Node) string {
	if n == nil {
		return ""
	}
	for _, p := range tagPrefixes {
		if k, ok := strings.CutPrefix(n.Tag, p); ok {
			return k
		}
	}
	return ""
}
