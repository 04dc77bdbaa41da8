package access

import (
	"encoding/base64"
	"errors"
	"maps"
	"net/url"
	"slices"
	"sort"
	"strings"

	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// defaultItems is AWS's page size of IAM lists.
const defaultItems = 100

// errMarker is AWS's answer to a marker it did not give.
func errMarker() error { return wire.Fail(400, "ValidationError", "Invalid Marker.") }

// markerError is that answer in the place of record.ErrToken.
func markerError(err error) error {
	if errors.Is(err, record.ErrToken) {
		return errMarker()
	}
	return err
}

// listRows pages through a table, keeping the rows that want accepts. marker is a page token of ours.
func listRows[T any](tx *kv.Tx, t *record.Table[T], s record.Scope, marker string, max int32, want func(*T) bool) (out []*T, next string, err error) {
	for next = marker; ; {
		left := int(max) - len(out)
		var rows []*T
		rows, next, err = t.List(tx, s, record.Page{After: next, Limit: left})
		if err != nil {
			return nil, "", markerError(err)
		}
		for _, row := range rows {
			if want(row) {
				out = append(out, row)
			}
		}
		if next == "" || len(out) >= int(max) {
			return out, next, nil
		}
	}
}

// pageOf is a page of names in order; the marker names the last one of the page before.
func pageOf(names []string, marker wire.Opt[string], max wire.Opt[int32]) (page []string, next wire.Opt[string], err error) {
	from := 0
	if marker.Set {
		last, err := base64.RawURLEncoding.DecodeString(marker.V)
		if err != nil {
			return nil, next, errMarker()
		}
		from = sort.SearchStrings(names, string(last)+"\x00")
	}
	to := min(from+int(max.Or(defaultItems)), len(names))
	if to < len(names) {
		next = wire.Some(base64.RawURLEncoding.EncodeToString([]byte(names[to-1])))
	}
	return names[from:to], next, nil
}

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// encodeDocument writes a document as IAM answers with it: percent-encoded.
func encodeDocument(document string) wire.Opt[string] {
	return wire.Some(strings.ReplaceAll(url.QueryEscape(document), "+", "%20"))
}
