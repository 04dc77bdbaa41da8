package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// foreign names the hand-made Go type of a shape, where there is one.
func (g *generator) foreign(s *shape) string {
	if !strings.HasPrefix(g.pkg, "dynamodb") {
		return ""
	}
	switch {
	case s.name == "AttributeValue":
		return "item.Value"
	case s.Type == "map" && s.Value.Shape == "AttributeValue":
		return "item.Item"
	}
	return ""
}

func scalar(s *shape) string {
	switch s.Type {
	case "string", "character":
		return "string"
	case "integer":
		return "int32"
	case "long":
		return "int64"
	case "boolean":
		return "bool"
	case "double", "float", "bigdecimal":
		return "float64"
	case "timestamp":
		return "time.Time"
	}
	return ""
}

// element is the Go type of a list or map element.
func (g *generator) element(r *ref) string {
	s := g.Shapes.m[r.Shape]
	if f := g.foreign(s); f != "" {
		return f
	}
	if t := scalar(s); t != "" {
		return t
	}
	switch {
	case s.Type == "blob":
		return "[]byte"
	case s.Type == "list":
		return "[]" + g.element(s.Member)
	case s.Type == "map":
		return "map[string]" + g.element(s.Value)
	case s.Document:
		return "wire.Document"
	}
	return g.goName(s.name)
}

// field is the Go type of a member: optional scalars are wire.Opt, structures are pointers.
func (g *generator) field(r *ref) string {
	s := g.Shapes.m[r.Shape]
	switch {
	case s.Type == "blob" && (r.Streaming || s.Streaming):
		return "io.Reader"
	case s.EventStream:
		return "wire.Events"
	case scalar(s) != "":
		return "wire.Opt[" + scalar(s) + "]"
	case g.foreign(s) == "item.Value" || s.Type == "structure" && !s.Document:
		return "*" + g.element(r)
	}
	return g.element(r)
}

func (g *generator) types() {
	for _, name := range sortedKeys(g.used) {
		s := g.Shapes.m[name]
		g.p("// %s is the API's shape %s.", g.goName(name), name)
		g.p("type %s struct {", g.goName(name))
		for _, m := range s.Members.keys {
			r := s.Members.m[m]
			g.p("%s %s%s", exported(m), g.field(&r), g.tag(s, m, &r))
		}
		if s.Exception && !hasMessage(s) { // some models leave it out; the wire never does
			g.p("Message wire.Opt[string] `w:\"n=message\"`")
		}
		g.p("}\n")
		if s.Exception {
			g.exception(s)
		}
	}
	for _, name := range g.ops { // operations without input or output still have types of their own
		o := g.Operations.m[name]
		if o.Input == nil {
			g.p("// %sInput is empty.\ntype %sInput struct{}\n", exported(name), exported(name))
		}
		if o.Output == nil {
			g.p("// %sOutput is empty.\ntype %sOutput struct{}\n", exported(name), exported(name))
		}
	}
}

func (g *generator) exception(s *shape) {
	code, status := s.Error.Code, s.Error.HTTPStatusCode
	if code == "" {
		code = s.name
	}
	if status == 0 {
		status = 400
		if s.Fault {
			status = 500
		}
	}
	n := g.goName(s.name)
	g.p("// Error is the code and the message.\nfunc (e *%s) Error() string { return %q + e.Message.V }\n", n, code+": ")
	g.p("// Fault is the error's code, HTTP status and message on the wire.\nfunc (e *%s) Fault() (code string, status int, message string) { return %q, %d, e.Message.V }\n", n, code, status)
}

// hasMessage tells whether a modelled error has the member every error has on the wire.
func hasMessage(s *shape) bool {
	for _, k := range s.Members.keys {
		if exported(k) == "Message" {
			return true
		}
	}
	return false
}

// tag is the member's binding and constraints; wire/plan.go reads it.
func (g *generator) tag(parent *shape, member string, r *ref) string {
	s := g.Shapes.m[r.Shape]
	t := tagList{}
	t.place(member, r)
	t.addIf(parent.Payload == member, "payload")
	t.addIf(slices.Contains(parent.Required, member), "req")
	t.addIf(r.XMLAttribute, "attr")
	t.addText("ns", namespace(r.XMLNamespace)+namespace(s.XMLNamespace)) // the model puts it on either
	t.addIf(r.JSONValue, "jv")
	t.addIf(r.Flattened || s.Flattened, "flat")
	t.addText("ts", r.TimestampFormat+s.TimestampFormat)
	t = g.constraints(t, "", s)
	switch {
	case s.Type == "list":
		e := g.Shapes.m[s.Member.Shape]
		t.addText("item", s.Member.LocationName)
		t.addText("ts", e.TimestampFormat)
		t = g.constraints(t, "i", e)
	case s.Type == "map" && g.foreign(s) == "":
		t.addText("key", s.Key.LocationName)
		t.addText("val", s.Value.LocationName)
		t = g.constraints(t, "k", g.Shapes.m[s.Key.Shape])
		t = g.constraints(t, "v", g.Shapes.m[s.Value.Shape])
	}
	if len(t) == 0 {
		return ""
	}
	return " `w:" + strconv.Quote(strings.Join(t, ",")) + "`"
}

// tagList is the parts of a tag.
type tagList []string

func (t *tagList) addIf(is bool, part string) {
	if is {
		*t = append(*t, part)
	}
}

func (t *tagList) addText(key, value string) { t.addIf(value != "", key+"="+value) }

// place says where in the request the member lies; in the body by its own name needs no saying.
func (t *tagList) place(member string, r *ref) {
	name := r.LocationName
	if name == "" {
		name = member
	}
	switch r.Location {
	case "uri":
		t.addText("uri", name)
	case "querystring":
		t.addText("q", name)
	case "header":
		t.addText("h", name)
	case "headers":
		*t = append(*t, "hp="+r.LocationName)
	case "statusCode":
		*t = append(*t, "status")
	default:
		t.addIf(name != exported(member), "n="+name)
	}
}

// constraints adds the shape's limits; prefix tells the member's own ("") from its elements' ("i"), keys' ("k") and values' ("v").
func (g *generator) constraints(t tagList, prefix string, s *shape) tagList {
	if g.foreign(s) != "" {
		return t
	}
	if s.Min != nil || s.Max != nil {
		kind := "len"
		if scalar(s) != "" && s.Type != "string" {
			kind = "range"
		}
		t = append(t, fmt.Sprintf("%s%s=%s:%s", prefix, kind, limit(s.Min), limit(s.Max)))
	}
	if s.Pattern != "" && s.Pattern != ".*" {
		t = append(t, fmt.Sprintf("%spat=%d", prefix, g.patterns.add(s.Pattern)))
	}
	if len(s.Enum) > 0 {
		t = append(t, fmt.Sprintf("%senum=%d", prefix, g.enums.add(strings.Join(s.Enum, "\x00"))))
	}
	if s.Sensitive {
		t = append(t, prefix+"sens")
	}
	return t
}

func limit(f *float64) string {
	if f == nil || *f > 1e15 {
		return ""
	}
	return strconv.FormatInt(int64(*f), 10)
}

// namespace reads either form of xmlNamespace: a string, or an object with uri and prefix.
func namespace(raw json.RawMessage) string {
	var o struct{ URI, Prefix string }
	if json.Unmarshal(raw, &o) == nil && o.URI != "" {
		if o.Prefix != "" {
			return o.Prefix + "=" + o.URI
		}
		return o.URI
	}
	var s string
	json.Unmarshal(raw, &s) //nolint:errcheck // absent means none
	return s
}
