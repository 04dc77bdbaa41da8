package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"
)

// Limits of a document.
const (
	MaxDocument   = 32 << 10 // bytes; a bucket policy may have 20 KB, everything else less
	MaxStatements = 256
	MaxPattern    = 2048 // characters of one action, resource or condition value
	maxDepth      = 6    // of JSON: document, statement, condition, operator, key, value
)

// node is a JSON value that still knows a name given twice.
type node struct {
	kind    byte // '{' '[' 's'tring 'n'umber 'b'ool '0' null
	text    string
	items   []node   // elements, or members' values
	members []string // names, same order as items
	from    int      // of an object: offset of its {
	to      int      // and after its }
}

var errSyntax = &MalformedError{Text: "Syntax errors in policy."}

func parseJSON(document []byte) (node, error) {
	if len(document) > MaxDocument {
		return node{}, &MalformedError{Text: "Policy document is too large."}
	}
	if !utf8.Valid(document) {
		return node{}, errSyntax
	}
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	n, err := readNode(d, 0)
	if err != nil {
		return node{}, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return node{}, errSyntax
	}
	return n, nil
}

func readNode(d *json.Decoder, depth int) (node, error) {
	token, err := d.Token()
	if err != nil || depth > maxDepth {
		return node{}, errSyntax
	}
	switch v := token.(type) {
	case json.Delim:
		return readInner(d, byte(v), depth)
	case string:
		return node{kind: 's', text: v}, nil
	case json.Number:
		return node{kind: 'n', text: v.String()}, nil
	case bool:
		if v {
			return node{kind: 'b', text: "true"}, nil
		}
		return node{kind: 'b', text: "false"}, nil
	}
	return node{kind: '0'}, nil
}

func readInner(d *json.Decoder, open byte, depth int) (node, error) {
	n := node{kind: open, from: int(d.InputOffset()) - 1}
	for d.More() {
		if open == '{' {
			name, err := d.Token()
			if err != nil {
				return node{}, errSyntax
			}
			text, _ := name.(string)
			for _, m := range n.members {
				if m == text {
					return node{}, &MalformedError{Text: "Syntax errors in policy: " + text + " is given twice."}
				}
			}
			n.members = append(n.members, text)
		}
		item, err := readNode(d, depth+1)
		if err != nil {
			return node{}, err
		}
		n.items = append(n.items, item)
	}
	if _, err := d.Token(); err != nil {
		return node{}, errSyntax
	}
	n.to = int(d.InputOffset())
	return n, nil
}

// list is the value as a list: one thing may stand for a list of one.
func (n node) list() []node {
	if n.kind == '[' {
		return n.items
	}
	return []node{n}
}

// texts are the strings of a string or a list of strings.
func (n node) texts() ([]string, bool) {
	var out []string
	for _, item := range n.list() {
		if item.kind != 's' || utf8.RuneCountInString(item.text) > MaxPattern {
			return nil, false
		}
		out = append(out, item.text)
	}
	return out, len(out) > 0
}
