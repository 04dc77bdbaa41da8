package wire

import "encoding/json"

// API describes one AWS service API; the packages under api hold one each, generated from the model.
type API struct {
	Name           string // package name under api: "dynamodb"
	ID             string // service id: "DynamoDB"
	Version        string // "2012-08-10"
	Protocol       string // json, rest-json, rest-xml, query
	JSONVersion    string // "1.0" or "1.1", awsJson only
	SigningName    string // service in the credential scope
	EndpointPrefix string // first label of the host name
	TargetPrefix   string // X-Amz-Target before the dot, awsJson only
	Namespace      string // XML namespace of bodies
	Enums          [][]string
	Patterns       []string
	Ops            []OpInfo
}

// OpInfo is one operation as the model has it.
type OpInfo struct {
	Name    string
	Method  string
	URI     string   // path with {Label} and {Greedy+}, and literal query
	Status  int      // of success; 0 means 200
	Wrapper string   // query: the result element
	Root    string   // rest-xml: the output's root element
	Needs   []string // REST: query and header members that tell it from others on its route: "q:uploadId"
	NoAuth  bool     // AWS leaves it unsigned: it is authorised by what the input holds
}

// Op is an operation with its Go types.
type Op[In, Out any] struct {
	API  *API
	Info *OpInfo
}

// Opt is an optional scalar: no heap cell, no nil dereference. The zero value is absent.
type Opt[T any] struct {
	V   T
	Set bool
}

// Some is a present value.
func Some[T any](v T) Opt[T] { return Opt[T]{v, true} }

// NonEmpty is a text that is absent when empty.
func NonEmpty(s string) Opt[string] { return Opt[string]{s, s != ""} }

// Or is the value, or def when absent.
func (o Opt[T]) Or(def T) T {
	if o.Set {
		return o.V
	}
	return def
}

// MarshalJSON writes the value, or null when absent: rows may hold API structures.
func (o Opt[T]) MarshalJSON() ([]byte, error) {
	if !o.Set {
		return []byte("null"), nil
	}
	return json.Marshal(o.V)
}

// UnmarshalJSON reads null as absent.
func (o *Opt[T]) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*o = Opt[T]{}
		return nil
	}
	o.Set = true
	return json.Unmarshal(b, &o.V)
}

// IsZero makes `json:",omitzero"` leave out what is absent.
func (o Opt[T]) IsZero() bool { return !o.Set }

// Document is a free-form JSON value, kept as its text.
type Document json.RawMessage

// Events is an event stream; no mounted operation has one yet.
type Events any
