package tables

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/wire"
	"bothy/wire/item"
)

// tokenLife is how long a ClientRequestToken makes a transaction idempotent.
const tokenLife = 10 * time.Minute

const (
	tokenVersion = 1
	tokenBytes   = 1 + 8 + sha256.Size
)

// stamp is what a ClientRequestToken stands for; nil without one. Its row: version, Unix seconds until which it holds, the
// SHA-256 of the request.
type stamp struct {
	row     kv.Key
	forget  kv.Key
	until   int64
	now     int64
	request [sha256.Size]byte
}

func stampOf(c *wire.Call, given wire.Opt[string], request func() []byte) *stamp {
	if !given.Set {
		return nil
	}
	token, until := given.V, c.Now.Add(tokenLife).Unix()
	caller := ""
	if c.Principal != nil {
		caller = c.Principal.ARN // one caller's token says nothing about another's request
		if id := c.Principal.Identity; id != nil {
			caller += "/" + id.ID
		}
	}
	return &stamp{
		row:    kv.K(c.Account, c.Region, "tables.token", caller, token),
		forget: kv.K("", "", "tables.spent", until, c.Account, c.Region, caller, token),
		until:  until, now: c.Now.Unix(),
		request: sha256.Sum256(request()),
	}
}

// spent tells whether the same request was done before; another one under the same token is refused.
func (s *stamp) spent(tx *kv.Tx) (bool, error) {
	if s == nil {
		return false, nil
	}
	raw, err := tx.Get(s.row)
	if err != nil || len(raw) != tokenBytes || raw[0] != tokenVersion || int64(binary.BigEndian.Uint64(raw[1:])) < s.now {
		return false, err
	}
	if !bytes.Equal(raw[9:], s.request[:]) {
		return false, &dynamodb.IdempotentParameterMismatchException{Message: wire.Some("The ClientRequestToken was used for another request")}
	}
	return true, nil
}

func (s *stamp) spend(tx *kv.Tx) error {
	if s == nil {
		return nil
	}
	row := binary.BigEndian.AppendUint64([]byte{tokenVersion}, uint64(s.until))
	if err := tx.Set(s.row, append(row, s.request[:]...)); err != nil {
		return err
	}
	return tx.Set(s.forget, s.row)
}

// digestible is a request as bytes, for telling whether two are the same. The order of attributes and of the members of sets
// does not count: SDKs send them in any.
func digestible(in *dynamodb.TransactWriteItemsInput) []byte {
	var b []byte
	field := func(s string) { b = appendText(b, s) }
	action := func(verb, table string, of item.Item, expressions []string, names map[string]string, values item.Item) {
		field(verb + table)
		b = appendUnordered(b, of)
		for _, e := range expressions {
			field(e)
		}
		for _, k := range keysOf(names) {
			field(k)
			field(names[k])
		}
		b = appendUnordered(b, values)
	}
	for _, a := range in.TransactItems {
		switch {
		case a.Put != nil:
			p := a.Put
			action("put", p.TableName.V, p.Item, []string{p.ConditionExpression.V}, p.ExpressionAttributeNames, p.ExpressionAttributeValues)
		case a.Update != nil:
			u := a.Update
			action("update", u.TableName.V, u.Key, []string{u.UpdateExpression.V, u.ConditionExpression.V}, u.ExpressionAttributeNames, u.ExpressionAttributeValues)
		case a.Delete != nil:
			d := a.Delete
			action("delete", d.TableName.V, d.Key, []string{d.ConditionExpression.V}, d.ExpressionAttributeNames, d.ExpressionAttributeValues)
		case a.ConditionCheck != nil:
			k := a.ConditionCheck
			action("check", k.TableName.V, k.Key, []string{k.ConditionExpression.V}, k.ExpressionAttributeNames, k.ExpressionAttributeValues)
		}
	}
	return b
}

func appendUnordered(b []byte, it item.Item) []byte {
	sorted := slices.SortedFunc(slices.Values(it), func(a, c item.Attribute) int { return strings.Compare(a.Name, c.Name) })
	b = binary.AppendUvarint(b, uint64(len(sorted)))
	for i := range sorted {
		b = appendUnorderedValue(appendText(b, sorted[i].Name), &sorted[i].Value)
	}
	return b
}

func appendUnorderedValue(b []byte, v *item.Value) []byte {
	switch v.Kind {
	case item.M:
		return appendUnordered(append(b, byte(v.Kind)), v.More.Map)
	case item.L:
		b = binary.AppendUvarint(append(b, byte(v.Kind)), uint64(len(v.More.List)))
		for i := range v.More.List {
			b = appendUnorderedValue(b, &v.More.List[i])
		}
		return b
	case item.SS, item.NS, item.BS:
		set := item.Set(v.Kind, slices.Sorted(slices.Values(v.More.Set))...)
		return appendValue(b, &set)
	}
	return appendValue(b, v)
}
