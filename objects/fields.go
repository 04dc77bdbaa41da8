package objects

import (
	"reflect"

	"bothy/wire"
)

// The S3 inputs and outputs share members by name but not by type. These helpers reach them by name, so that one access
// function, one checksum reader and one metadata reader serve all; TestFields holds that the names exist.

func member[T any](v any, name string) (T, bool) {
	f := reflect.ValueOf(v).Elem().FieldByName(name)
	if !f.IsValid() {
		var none T
		return none, false
	}
	t, ok := f.Interface().(T)
	return t, ok
}

// text is an optional string member; "" when it is absent or unknown to the type.
func text(v any, name string) string {
	t, _ := member[wire.Opt[string]](v, name)
	return t.V
}

// setText sets an optional string member of an output, when there is something to say.
func setText(v any, name, value string) {
	if value == "" {
		return
	}
	if f := reflect.ValueOf(v).Elem().FieldByName(name); f.IsValid() {
		f.Set(reflect.ValueOf(wire.Some(value)))
	}
}
