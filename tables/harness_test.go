package tables

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"bothy/api/dynamodb"
	"bothy/api/dynamodbstreams"
	"bothy/kv"
	"bothy/kv/memkv"
	"bothy/policy"
	"bothy/record"
	"bothy/wire"
	"bothy/wire/item"
	"bothy/wire/jsoncur"
)

const (
	account = "111122223333"
	region  = "eu-west-1"
)

// world is the service behind a Mux, and the callers tests need.
type world struct {
	t    testing.TB
	s    *Service
	mux  *wire.Mux
	now  time.Time
	root *wire.Principal

	bucket fakeBucket
}

func newWorld(t testing.TB) *world { return worldOn(t, kv.New(memkv.New())) }

func worldOn(t testing.TB, db *kv.DB) *world {
	w := &world{t: t, bucket: fakeBucket{}, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return w.now }
	w.s = New(Config{DB: db, Sealer: sealer(), Now: clock, Objects: w.bucket, Log: slog.New(slog.DiscardHandler)})
	w.root = &wire.Principal{Kind: wire.Root, Account: account, ARN: "arn:aws:iam::" + account + ":root", Policies: policy.Attached{Unlimited: true}}
	w.mux = wire.NewMux(wire.Config{
		Account: func() string { return account }, Region: region, Credentials: keyring{root: w.root}, Now: clock, Log: slog.New(slog.DiscardHandler),
	}, dynamodb.API, dynamodbstreams.API)
	w.s.Mount(w.mux)
	return w
}

// sealer seals with a fixed key.
func sealer() *record.Sealer {
	s, err := record.NewSealer(make([]byte, 32))
	if err != nil {
		panic(err)
	}
	return s
}

// under is a principal with one policy.
func (w *world) under(document string) *wire.Principal {
	p, err := policy.Parse([]byte(document))
	if err != nil {
		w.t.Fatal(err)
	}
	return &wire.Principal{
		Kind: wire.Session, Account: account, ARN: "arn:aws:sts::" + account + ":assumed-role/r/s", Role: "arn:aws:iam::" + account + ":role/r",
		Policies: policy.Attached{Identity: []policy.Source{{Name: "test", Policy: p}}},
	}
}

func do[In, Out any](w *world, by *wire.Principal, op wire.Op[In, Out], in In) (*Out, error) {
	return wire.Invoke(context.Background(), w.mux, by, region, op, &in)
}

// must is do as root, without failure.
func must[In, Out any](w *world, op wire.Op[In, Out], in In) *Out {
	w.t.Helper()
	out, err := do(w, w.root, op, in)
	if err != nil {
		w.t.Fatalf("%s: %v", op.Info.Name, err)
	}
	return out
}

// refused checks that err is a Fault with the code and, unless "", the message.
func (w *world) refused(err error, code, message string) {
	w.t.Helper()
	var f wire.Fault
	if !errors.As(err, &f) {
		w.t.Errorf("got %v, want %s: %s", err, code, message)
		return
	}
	if gotCode, _, got := f.Fault(); gotCode != code || message != "" && got != message {
		w.t.Errorf("got  %s: %s\nwant %s: %s", gotCode, got, code, message)
	}
}

// doc reads an item from DynamoDB JSON with single quotes: {'a': {'S': 'x'}}.
func doc(s string) item.Item {
	var it item.Item
	d := jsoncur.New(strings.ReplaceAll(s, "'", `"`))
	it.DecodeJSON(d)
	if err := d.Err(); err != nil {
		panic(s + ": " + err.Error())
	}
	return it
}

// show is an item as JSON with single quotes, attributes sorted.
func show(it item.Item) string {
	if it == nil {
		return "nil"
	}
	it = slices.Clone(it)
	slices.SortFunc(it, func(a, b item.Attribute) int { return strings.Compare(a.Name, b.Name) })
	return strings.ReplaceAll(string(it.AppendJSON(nil)), `"`, "'")
}

func str(s string) wire.Opt[string] { return wire.Some(s) }

// table makes a table. keys are "name:TYPE", the sort key optional; indexes are "Name hash:T [range:T] PROJECTION", local
// ones marked with a leading "-". A key of several attributes has a / before the sort key: "Name h1:T h2:T / r1:T r2:T ALL".
func (w *world) table(name, keys string, indexes ...string) {
	w.t.Helper()
	in := dynamodb.CreateTableInput{TableName: str(name), BillingMode: str("PAY_PER_REQUEST")}
	in.KeySchema = schemaOf(&in, keys)
	for _, spec := range indexes {
		local := strings.HasPrefix(spec, "-")
		parts := strings.Fields(strings.TrimPrefix(spec, "-"))
		n := len(parts)
		p := &dynamodb.Projection{ProjectionType: str(parts[n-1])}
		if include, ok := strings.CutPrefix(parts[n-1], "INCLUDE:"); ok {
			p = &dynamodb.Projection{ProjectionType: str("INCLUDE"), NonKeyAttributes: strings.Split(include, ",")}
		}
		schema := schemaOf(&in, strings.Join(parts[1:n-1], " "))
		if local {
			in.LocalSecondaryIndexes = append(in.LocalSecondaryIndexes, dynamodb.LocalSecondaryIndex{IndexName: str(parts[0]), KeySchema: schema, Projection: p})
		} else {
			in.GlobalSecondaryIndexes = append(in.GlobalSecondaryIndexes, dynamodb.GlobalSecondaryIndex{IndexName: str(parts[0]), KeySchema: schema, Projection: p})
		}
	}
	must(w, dynamodb.CreateTable, in)
}

func schemaOf(in *dynamodb.CreateTableInput, keys string) (schema []dynamodb.KeySchemaElement) {
	role, several := "HASH", strings.Contains(keys, "/")
	for i, k := range strings.Fields(keys) {
		if i == 1 && !several || k == "/" {
			role = "RANGE"
		}
		if k == "/" {
			continue
		}
		name, kind, _ := strings.Cut(k, ":")
		schema = append(schema, dynamodb.KeySchemaElement{AttributeName: str(name), KeyType: str(role)})
		if !slices.ContainsFunc(in.AttributeDefinitions, func(d dynamodb.AttributeDefinition) bool { return d.AttributeName.V == name }) {
			in.AttributeDefinitions = append(in.AttributeDefinitions, dynamodb.AttributeDefinition{AttributeName: str(name), AttributeType: str(kind)})
		}
	}
	return schema
}

func (w *world) put(table, it string) {
	w.t.Helper()
	must(w, dynamodb.PutItem, dynamodb.PutItemInput{TableName: str(table), Item: doc(it)})
}

func (w *world) get(table, key string) string {
	w.t.Helper()
	return show(must(w, dynamodb.GetItem, dynamodb.GetItemInput{TableName: str(table), Key: doc(key)}).Item)
}

// list are the values of an item, in order.
func list(s string) (values []item.Value) {
	for _, a := range doc(s) {
		values = append(values, a.Value)
	}
	return values
}

var putItem = dynamodb.PutItem

func putInput(table string, it item.Item) dynamodb.PutItemInput {
	return dynamodb.PutItemInput{TableName: str(table), Item: it}
}
