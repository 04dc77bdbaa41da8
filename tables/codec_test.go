package tables

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/record"
	"bothy/tables/number"
	"bothy/wire/item"

	"pgregory.net/rapid"
)

// anyValue makes checked values of every kind.
func anyValue(depth int) *rapid.Generator[item.Value] {
	return rapid.Custom(func(t *rapid.T) item.Value {
		kinds := []item.Kind{item.S, item.N, item.B, item.BOOL, item.NULL, item.SS, item.NS, item.BS}
		if depth > 0 {
			kinds = append(kinds, item.L, item.M)
		}
		switch k := rapid.SampledFrom(kinds).Draw(t, "kind"); k {
		case item.S:
			return item.Text(rapid.String().Draw(t, "S"))
		case item.N:
			return item.Number(anyNumber().Draw(t, "N"))
		case item.B:
			return item.Bytes(rapid.SliceOf(rapid.Byte()).Draw(t, "B"))
		case item.BOOL:
			return item.Flag(rapid.Bool().Draw(t, "BOOL"))
		case item.NULL:
			return item.Value{Kind: item.NULL, Bool: true}
		case item.NS:
			return item.Set(k, rapid.SliceOfNDistinct(anyNumber(), 1, 4, rapid.ID[string]).Draw(t, "NS")...)
		case item.SS, item.BS:
			return item.Set(k, rapid.SliceOfNDistinct(rapid.String(), 1, 4, rapid.ID[string]).Draw(t, "set")...)
		case item.L:
			return item.Value{Kind: item.L, More: &item.Compound{List: rapid.SliceOfN(anyValue(depth-1), 0, 4).Draw(t, "L")}}
		}
		return item.Map(anyItem(depth-1).Draw(t, "M"))
	})
}

func anyNumber() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		n, err := number.Canonical(rapid.StringMatching(`-?[0-9]{1,9}(\.[0-9]{1,9})?(e-?[0-9]{1,2})?`).Draw(t, "number"))
		if err != nil {
			t.Skip(err)
		}
		return n
	})
}

func anyItem(depth int) *rapid.Generator[item.Item] {
	return rapid.Custom(func(t *rapid.T) item.Item {
		it := item.Item{}
		for _, name := range rapid.SliceOfNDistinct(rapid.StringN(1, 8, -1), 0, 5, rapid.ID[string]).Draw(t, "names") {
			it = append(it, item.Attribute{Name: name, Value: anyValue(depth).Draw(t, name)})
		}
		return it
	})
}

func TestItemsComeBackFromTheirRows(t *testing.T) {
	again := decoder{again: true}
	rapid.Check(t, func(t *rapid.T) {
		it := anyItem(3).Draw(t, "item")
		size, err := normaliseItem(it)
		if err != nil {
			t.Fatal(err)
		}
		if got := itemSize(it); got != size {
			t.Fatalf("counted %d, then %d", size, got)
		}
		row := encodeItem(it, size)
		back, err := decodeItem(string(row))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := string(back.AppendJSON(nil)), string(it.AppendJSON(nil)); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
		json, counted, err := again.json([]byte("before"), row)
		if got, want := string(json), "before"+string(it.AppendJSON(nil)); err != nil || got != want || counted != size {
			t.Fatalf("got %s of %d bytes, want %s of %d (%v)", got, counted, want, size, err)
		}
		if same, err := again.item(row); err != nil || !bytes.Equal(encodeItem(same, 0), row) {
			t.Fatalf("another item of cells used again (%v)", err)
		}
		if again := encodeItem(back, 0); !bytes.Equal(again, row) {
			t.Fatal("another row of the same item")
		}
	})
}

func TestNumbersAreCountedAsDecimal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := anyNumber().Draw(t, "number")
		x, _ := number.Parse(n)
		if got, want := numberSize(n), x.Size(); got != want {
			t.Fatalf("%s counts %d, want %d", n, got, want)
		}
	})
}

// TestMeasuredNumbers has the sizes AWS was measured to count.
func TestMeasuredNumbers(t *testing.T) {
	for text, want := range map[string]int{
		"0": 1, "1": 2, "12": 2, "123": 3, "1234": 3, "12345678901234567890123456789012345678": 20, "0042": 2, "100": 2, "1010": 3, "0.0000001": 2, "1E125": 2,
		"1E-100": 2, "1.5": 3, "15": 2, "1.2": 3, "1.200": 3, "1.234": 4, "3.14159": 5, "123456": 4, "100.5": 4, "0.15": 2, "-42": 3, "-0": 1,
	} {
		x, err := number.Parse(text)
		if err != nil || x.Size() != want {
			t.Errorf("%s counts %d, want %d (%v)", text, x.Size(), want, err)
		}
	}
}

func TestSizes(t *testing.T) {
	for in, want := range map[string]int{
		`{'a': {'S': 'xyz'}}`: 4, `{'a': {'S': 'é'}}`: 3, `{'a': {'N': '0'}}`: 2, `{'a': {'N': '100'}}`: 3, `{'a': {'N': '-123'}}`: 5, `{'a': {'B': 'AQID'}}`: 4,
		`{'a': {'BOOL': true}}`: 2, `{'a': {'NULL': true}}`: 2, `{'a': {'SS': ['ab', 'c']}}`: 4, `{'a': {'L': []}}`: 4, `{'a': {'L': [{'S': 'x'}, {'S': 'y'}]}}`: 8, `{'a': {'M': {'bc': {'S': 'x'}}}}`: 8,
	} {
		if size, err := normaliseItem(doc(in)); err != nil || size != want {
			t.Errorf("%s counts %d, want %d (%v)", in, size, want, err)
		}
	}
}

func TestKeysAreTuples(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, b := rapid.String().Draw(t, "s"), rapid.SliceOf(rapid.Byte()).Draw(t, "b")
		var want kv.Key
		want = want.With(s, b)
		vs, vb := item.Text(s), item.Bytes(b)
		if got := appendScalar(appendScalar(nil, &vs), &vb); !bytes.Equal(got, want) {
			t.Fatalf("%x, want %x", got, want)
		}
		if parts, err := kv.Key(appendHash(nil, hashOf(s))).Parts(); err != nil || len(parts) != 1 {
			t.Fatalf("hash part: %v, %v", parts, err)
		}
	})
}

func TestTheLongestKeysFit(t *testing.T) {
	w := newWorld(t)
	w.table("table-of-a-very-long-name", "p:B q:B", "index g:B r:B ALL", "several i:B j:B k:B l:B / s:B t:B u:B v:B KEYS_ONLY")
	long := func(n int) item.Value { return item.Bytes(make([]byte, n)) } // zeros are escaped: the worst case
	it := item.Item{{Name: "p", Value: long(2048)}, {Name: "q", Value: long(1024)}, {Name: "g", Value: long(2048)}, {Name: "r", Value: long(1024)}}
	for i := range 4 {
		it = append(it, item.Attribute{Name: string(rune('i' + i)), Value: long(512)}, item.Attribute{Name: string(rune('s' + i)), Value: long(256)})
	}
	if _, err := do(w, w.root, putItem, putInput("table-of-a-very-long-name", it)); err != nil {
		t.Fatal(err)
	}
	for _, index := range []string{"index", "several"} {
		if got := w.scanAll(dynamodb.ScanInput{TableName: str("table-of-a-very-long-name"), IndexName: str(index)}); len(got) != 1 {
			t.Errorf("%s has %d items", index, len(got))
		}
	}
	if err := w.s.db.View(t.Context(), func(tx *kv.Tx) error {
		return tx.Scan(kv.Range{}, func(k kv.Key, _ []byte) bool {
			if len(k) > 2600 { // what an index of PostgreSQL has room for
				t.Errorf("a key of %d bytes: %.80q", len(k), k)
			}
			return true
		})
	}); err != nil {
		t.Fatal(err)
	}
	it[3].Value = long(1025)
	_, err := do(w, w.root, putItem, putInput("table-of-a-very-long-name", it))
	w.refused(err, "ValidationException", "One or more parameter values were invalid: Aggregated size of all range keys has exceeded the size limit of 1024 bytes")
}

// TestLongPartitionKeys: partition keys that lie under their digest are found by every way to them and by no other, and a table of
// an earlier version goes on as it was.
func TestLongPartitionKeys(t *testing.T) {
	for _, old := range []bool{false, true} {
		w := newWorld(t)
		w.table("tab", "p:S s:S", "by-g g:S ALL")
		if old {
			if err := w.s.db.Update(t.Context(), func(tx *kv.Tx) error {
				row, err := tableRows.Get(tx, record.In(account, region), "tab")
				if err != nil {
					return err
				}
				row.Key.Digests, row.Indexes[0].Key.Digests = false, false
				return tableRows.Put(tx, record.In(account, region), row)
			}); err != nil {
				t.Fatal(err)
			}
		}
		a, b := strings.Repeat("a", 2000), strings.Repeat("a", 2000)+"b"
		for _, p := range []string{a, b} {
			w.put("tab", fmt.Sprintf("{'p': {'S': '%s'}, 's': {'S': '1'}, 'g': {'S': '%s'}}", p, p))
			w.put("tab", fmt.Sprintf("{'p': {'S': '%s'}, 's': {'S': '2'}}", p))
		}
		if got := w.get("tab", fmt.Sprintf("{'p': {'S': '%s'}, 's': {'S': '2'}}", b)); !strings.Contains(got, b) {
			t.Errorf("old %v: got %.40s", old, got)
		}
		for index, want := range map[string]int{"": 2, "by-g": 1} {
			in := dynamodb.QueryInput{TableName: str("tab"), KeyConditionExpression: str("#k = :k"), ExpressionAttributeNames: map[string]string{"#k": "p"}, ExpressionAttributeValues: item.Item{{Name: ":k", Value: item.Text(a)}}}
			if index != "" {
				in.IndexName, in.ExpressionAttributeNames = str(index), map[string]string{"#k": "g"}
			}
			out := must(w, dynamodb.Query, in)
			if len(out.Items) != want || out.Items[0].Get("p").Str != a {
				t.Errorf("old %v, index %q: %d items", old, index, len(out.Items))
			}
		}
		if out := must(w, dynamodb.Scan, dynamodb.ScanInput{TableName: str("tab")}); len(out.Items) != 4 {
			t.Errorf("old %v: scan gives %d items", old, len(out.Items))
		}
	}
}

func FuzzDecodeItem(f *testing.F) {
	f.Add(encodeItem(doc(`{'a': {'S': 'x'}, 'l': {'L': [{'N': '1'}, {'M': {'b': {'BOOL': true}}}]}, 's': {'SS': ['p', 'q']}, 'n': {'NULL': true}}`), 0))
	f.Add([]byte{1, 0xFF, 0xFF, 0xFF, 0x7F})
	f.Add([]byte{2})
	f.Fuzz(func(t *testing.T, row []byte) {
		it, err := decodeItem(string(row))
		json, _, failed := (&decoder{again: true}).json(nil, row)
		if (err == nil) != (failed == nil) || err == nil && string(json) != string(it.AppendJSON(nil)) {
			t.Fatalf("%x: an item (%v), but as JSON %s (%v)", row, err, json, failed)
		}
		if err != nil {
			return
		}
		if again, err := decodeItem(string(encodeItem(it, 0))); err != nil || len(again) != len(it) {
			t.Fatalf("%x: %v", row, err)
		}
	})
}
