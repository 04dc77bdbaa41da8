package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

// ordered is a JSON object that remembers the order of its keys: member order is wire order for XML.
type ordered[T any] struct {
	keys []string
	m    map[string]T
}

func (o *ordered[T]) UnmarshalJSON(b []byte) error {
	o.m = map[string]T{}
	d := json.NewDecoder(bytes.NewReader(b))
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		var v T
		if err := d.Decode(&v); err != nil {
			return err
		}
		o.keys = append(o.keys, t.(string))
		o.m[t.(string)] = v
	}
	return nil
}

// ref is a use of a shape: a member, a list element, a map key or value.
type ref struct {
	Shape           string
	LocationName    string
	Location        string
	Flattened       bool
	Streaming       bool
	XMLAttribute    bool
	XMLNamespace    json.RawMessage
	ResultWrapper   string
	JSONValue       bool `json:"jsonvalue"`
	TimestampFormat string
}

type shape struct {
	name            string
	Type            string
	Members         ordered[ref]
	Member          *ref
	Key             *ref
	Value           *ref
	Required        []string
	Enum            []string
	Min, Max        *float64
	Pattern         string
	LocationName    string
	Payload         string
	Flattened       bool
	Streaming       bool
	EventStream     bool
	Document        bool
	Exception       bool
	Fault           bool
	Sensitive       bool
	TimestampFormat string
	XMLNamespace    json.RawMessage
	Error           struct {
		Code           string
		HTTPStatusCode int
	}
}

type operation struct {
	Name string
	HTTP struct {
		Method, RequestURI string
		ResponseCode       int
	}
	Input, Output *ref
	Auth          []string
}

type model struct {
	Metadata struct {
		APIVersion, EndpointPrefix, JSONVersion, Protocol, ServiceID, SigningName, TargetPrefix, XMLNamespace string
	}
	Operations ordered[*operation]
	Shapes     ordered[*shape]
}

func readModel(path string) (*model, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	m := &model{}
	if err := json.Unmarshal(raw, m); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for name, s := range m.Shapes.m {
		s.name = name
	}
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// check finds uses of shapes that the model does not have.
func (m *model) check() error {
	var errs []error
	known := func(in string, r *ref) {
		if r == nil || m.Shapes.m[r.Shape] == nil {
			errs = append(errs, fmt.Errorf("%s refers to a shape that is not there", in))
		}
	}
	for _, name := range m.Operations.keys {
		if o := m.Operations.m[name]; o.Input != nil {
			known(name, o.Input)
		}
		if o := m.Operations.m[name]; o.Output != nil {
			known(name, o.Output)
		}
	}
	for _, name := range m.Shapes.keys {
		s := m.Shapes.m[name]
		for _, k := range s.Members.keys {
			r := s.Members.m[k]
			known(name+"."+k, &r)
		}
		switch s.Type {
		case "list":
			known(name, s.Member)
		case "map":
			known(name, s.Key)
			known(name, s.Value)
		}
	}
	return errors.Join(errs...)
}
