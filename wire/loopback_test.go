package wire_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/apigateway"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentity"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"bothy/policy"
	"bothy/wire"
	"bothy/wire/item"
)

// clients are the real SDK's, one per API it can be had for.
var clients = map[string]func(aws.Config) any{
	"apigateway":      func(c aws.Config) any { return apigateway.NewFromConfig(c) },
	"cloudfront":      func(c aws.Config) any { return cloudfront.NewFromConfig(c) },
	"cognitoidentity": func(c aws.Config) any { return cognitoidentity.NewFromConfig(c) },
	"cognitoidp":      func(c aws.Config) any { return cognitoidentityprovider.NewFromConfig(c) },
	"dynamodb":        func(c aws.Config) any { return dynamodb.NewFromConfig(c) },
	"logs":            func(c aws.Config) any { return cloudwatchlogs.NewFromConfig(c) },
	"iam":             func(c aws.Config) any { return iam.NewFromConfig(c) },
	"lambda":          func(c aws.Config) any { return lambda.NewFromConfig(c) },
	"s3":              func(c aws.Config) any { return s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = true }) },
	"sts":             func(c aws.Config) any { return sts.NewFromConfig(c) },
}

// skipped operations, each with its reason: "why" for both directions.
var skipped = map[string]string{
	"lambda.InvokeWithResponseStream":      "event stream",
	"logs.GetIntegration":                  "its details are a union the comparison cannot look into",
	"logs.GetLogObject":                    "event stream, on a host of its own",
	"logs.StartLiveTail":                   "event stream, on a host of its own",
	"s3.SelectObjectContent":               "event stream",
	"s3.WriteGetObjectResponse":            "sent to a host of its own",
	"s3.ListDirectoryBuckets":              "sent to a host of its own",
	"s3.CreateSession":                     "directory buckets",
	"apigateway.GetExport":                 "the SDK sends Accept twice",
	"apigateway.GetSdkTypes":               "the SDK names position otherwise",
	"apigateway.ImportRestApi":             "the map of further query keys takes the bound ones too",
	"apigateway.PutRestApi":                "the map of further query keys takes the bound ones too",
	"s3.GetBucketAnalyticsConfiguration":   "its filter is a union, of which one member may be filled",
	"s3.GetBucketMetricsConfiguration":     "its filter is a union, of which one member may be filled",
	"s3.ListBucketAnalyticsConfigurations": "its filter is a union, of which one member may be filled",
	"s3.ListBucketMetricsConfigurations":   "its filter is a union, of which one member may be filled",
	"s3.PutBucketNotification":             "deprecated twin on the same route",
	"s3.GetBucketNotification":             "deprecated twin on the same route",
	"s3.PutBucketLifecycle":                "deprecated twin on the same route",
	"s3.GetBucketLifecycle":                "deprecated twin on the same route",
}

// recorder keeps what a handler got, and answers a filled output.
type recorder struct {
	op        string
	got, sent map[string]string
	receiver  reflect.Type
}

func record[In, Out any](m *wire.Mux, r *recorder, op wire.Op[In, Out]) {
	if skipped[op.API.Name+"."+op.Info.Name] != "" {
		return
	}
	handle := func(_ *wire.Call, in *In) (*Out, error) {
		out := new(Out)
		fill(reflect.ValueOf(out).Elem(), "", 0)
		plausible(reflect.ValueOf(out).Elem())
		r.receiver = reflect.TypeFor[In]()
		r.op, r.got, r.sent = op.Info.Name, leaves(in), leaves(out) // before the streams are gone
		rewind(reflect.ValueOf(out).Elem())
		return out, nil
	}
	if op.Info.NoAuth {
		wire.HandlePublic(m, op, handle)
	} else {
		wire.Handle(m, op, wire.AuthenticatedOnly[In], handle)
	}
}

type oneKey struct{}

func (oneKey) Find(_ context.Context, key, _ string) (*wire.Credential, error) {
	return &wire.Credential{Secret: "SECRET", Principal: &wire.Principal{Kind: wire.Root, Account: "123456789012", ARN: "arn:aws:iam::123456789012:root", Policies: policy.Attached{Unlimited: true}}}, nil
}

// TestLoopback calls every operation of every client of the real SDK with every member filled: the handler must get what
// the client sent, and the client what the handler answered.
func TestLoopback(t *testing.T) {
	for api, mount := range mountAll {
		client := clients[api.Name]
		if client == nil {
			continue
		}
		t.Run(api.Name, func(t *testing.T) {
			r := &recorder{}
			m := wire.NewMux(wire.Config{
				Account: func() string { return "123456789012" }, Region: "us-east-1", Credentials: oneKey{}, Now: time.Now, Log: slog.New(slog.DiscardHandler),
			}, api)
			mount(m, r)
			m.SkipValidation()
			server := httptest.NewServer(m)
			defer server.Close()
			sdk := reflect.ValueOf(client(aws.Config{
				Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("AKID", "SECRET", ""), RetryMaxAttempts: 1,
			}))
			checked := 0
			for i := range api.Ops {
				name := api.Ops[i].Name
				method := sdk.MethodByName(name)
				if skipped[api.Name+"."+name] != "" || !method.IsValid() {
					continue
				}
				checked++
				roundTrip(t, r, name, method)
			}
			if checked < len(api.Ops)*8/10 {
				t.Errorf("only %d of %d operations were called", checked, len(api.Ops))
			}
		})
	}
}

func roundTrip(t *testing.T, r *recorder, name string, method reflect.Value) {
	t.Helper()
	*r = recorder{}
	make := func() reflect.Value {
		in := reflect.New(method.Type().In(1).Elem())
		fill(in.Elem(), "", 0)
		plausible(in.Elem())
		return in
	}
	res := call(method, make())
	if err, _ := res[1].Interface().(error); err != nil {
		if r.op == "" && (strings.Contains(err.Error(), "validation error") || strings.Contains(err.Error(), "missing required field") || strings.Contains(err.Error(), "unknown type") || strings.Contains(err.Error(), "panic")) {
			return // the SDK itself refuses the generic filling (unions, deep nesting)
		}
		t.Errorf("%s: %v", name, err)
		return
	}
	if r.op != name {
		t.Errorf("%s was routed to %q", name, r.op)
		return
	}
	if d := missing(leaves(make().Interface()), r.got, r.receiver); len(d) > 0 {
		t.Errorf("%s: the handler did not get %s", name, strings.Join(d[:min(4, len(d))], ", "))
	}
	if d := missing(r.sent, leaves(res[0].Interface()), res[0].Type()); len(d) > 0 {
		t.Errorf("%s: the client did not get %s", name, strings.Join(d[:min(4, len(d))], ", "))
	}
}

func call(method, in reflect.Value) (res []reflect.Value) {
	defer func() {
		if p := recover(); p != nil {
			res = []reflect.Value{reflect.Zero(method.Type().Out(0)), reflect.ValueOf(fmt.Errorf("panic: %v", p))}
		}
	}()
	return method.Call([]reflect.Value{reflect.ValueOf(context.Background()), in})
}

// missing lists the leaves of want that have has not, or has otherwise; members that the receiving type does not know are
// left out: model and SDK differ in age.
func missing(want, have map[string]string, receiver reflect.Type) []string {
	var out []string
	for path, w := range want {
		if h, ok := have[path]; (!ok || h != w) && knows(receiver, strings.Split(path, "/")[1:]) {
			out = append(out, fmt.Sprintf("%s = %q (got %q)", path, w, h))
		}
	}
	slices.Sort(out)
	return out
}

// knows tells whether a value of type t can hold the path.
func knows(t reflect.Type, path []string) bool {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() == reflect.Struct && strings.HasPrefix(t.Name(), "Opt[") {
		t = t.Field(0).Type
	}
	if len(path) == 0 || t == reflect.TypeFor[item.Item]() || t.Kind() == reflect.Interface {
		return true
	}
	switch t.Kind() {
	case reflect.Struct:
		for i := range t.NumField() {
			if strings.EqualFold(t.Field(i).Name, path[0]) {
				return knows(t.Field(i).Type, path[1:])
			}
		}
		return false
	case reflect.Slice, reflect.Map:
		return knows(t.Elem(), path[1:])
	}
	return true
}

// leaves lists every scalar below v by its lower-case path.
func leaves(v any) map[string]string {
	m := map[string]string{}
	walk(reflect.ValueOf(v), "", m)
	return m
}

func walk(v reflect.Value, path string, m map[string]string) {
	if !v.IsValid() {
		return
	}
	switch x := v.Interface().(type) {
	case time.Time:
		m[path] = x.UTC().Format(time.RFC3339)
		return
	case item.Value:
		m[path] = x.Str
		return
	case item.Item:
		for _, a := range x {
			m[path+"/"+strings.ToLower(a.Name)] = a.Value.Str
		}
		return
	case *dynamodbtypes.AttributeValueMemberS:
		m[path] = x.Value
		return
	case []byte:
		if x != nil {
			m[path] = base64.StdEncoding.EncodeToString(x)
		}
		return
	case io.Reader:
		if v.Kind() == reflect.Pointer && v.IsNil() {
			return
		}
		b, _ := io.ReadAll(x)
		m[path] = string(b)
		return
	case wire.Document:
		return
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			walk(v.Elem(), path, m)
		}
	case reflect.Struct:
		walkStruct(v, path, m)
	case reflect.Slice:
		for i := range v.Len() {
			walk(v.Index(i), fmt.Sprintf("%s/%d", path, i), m)
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			walk(v.MapIndex(k), path+"/"+strings.ToLower(k.String()), m)
		}
	default:
		if s := fmt.Sprint(v.Interface()); s != "" {
			m[path] = s
		}
	}
}

func walkStruct(v reflect.Value, path string, m map[string]string) {
	t := v.Type()
	if strings.HasPrefix(t.Name(), "Opt[") {
		if v.Field(1).Bool() {
			walk(v.Field(0), path, m)
		}
		return
	}
	for i := range v.NumField() {
		if f := t.Field(i); f.IsExported() && f.Name != "ResultMetadata" {
			walk(v.Field(i), path+"/"+strings.ToLower(f.Name), m)
		}
	}
}

var someTime = time.Unix(946684800, 0).UTC()

const maxFill = 7 // recursive shapes end here

// fill gives every member below v a recognisable value.
func fill(v reflect.Value, name string, depth int) {
	t := v.Type()
	switch {
	case t == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(someTime))
		return
	case t == reflect.TypeFor[item.Value]():
		v.Set(reflect.ValueOf(item.Text("value")))
		return
	case t == reflect.TypeFor[item.Item]():
		v.Set(reflect.ValueOf(item.Item{{Name: "k0", Value: item.Text("value")}}))
		return
	case t == reflect.TypeFor[wire.Document]() || t == reflect.TypeFor[wire.Events]():
		return
	case t.Kind() == reflect.Struct && strings.HasPrefix(t.Name(), "Opt["):
		fill(v.Field(0), name, depth)
		v.Field(1).SetBool(true)
		return
	case t.Kind() == reflect.Interface:
		if t == reflect.TypeFor[io.Reader]() {
			v.Set(reflect.ValueOf(strings.NewReader("stream")))
		} else if t == reflect.TypeFor[dynamodbtypes.AttributeValue]() {
			v.Set(reflect.ValueOf(&dynamodbtypes.AttributeValueMemberS{Value: "value"}))
		}
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text(t, name))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int32, reflect.Int64:
		v.SetInt(7)
	case reflect.Float64, reflect.Float32:
		v.SetFloat(1.5)
	case reflect.Pointer:
		if depth <= maxFill {
			n := reflect.New(t.Elem())
			fill(n.Elem(), name, depth+1)
			v.Set(n)
		}
	case reflect.Slice:
		fillSlice(v, name, depth)
	case reflect.Map:
		if depth <= maxFill {
			v.Set(reflect.MakeMap(t))
			e := reflect.New(t.Elem()).Elem()
			fill(e, name, depth+1)
			v.SetMapIndex(reflect.ValueOf("k0").Convert(t.Key()), e)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := t.Field(i); f.IsExported() && !strings.HasSuffix(f.Type.String(), "NoSerde") && f.Name != "ResultMetadata" {
				fill(v.Field(i), f.Name, depth+1)
			}
		}
	}
}

func fillSlice(v reflect.Value, name string, depth int) {
	t := v.Type()
	if t.Elem().Kind() == reflect.Uint8 {
		v.SetBytes([]byte("blob"))
		return
	}
	if depth > maxFill {
		return
	}
	v.Set(reflect.MakeSlice(t, 2, 2))
	for i := range 2 {
		fill(v.Index(i), name, depth+1)
	}
}

// text is the first value of an enumeration, else the member's name.
func text(t reflect.Type, name string) string {
	if values := reflect.New(t).Elem().MethodByName("Values"); values.IsValid() && values.Type().NumIn() == 0 {
		if l := values.Call(nil)[0]; l.Len() > 0 {
			return l.Index(0).String()
		}
	}
	return "s-" + name
}

// plausible takes out what would make the SDK or HTTP itself refuse: lengths and checksums that are wrong, hosts that are
// none.
func plausible(v reflect.Value) {
	for i := range v.NumField() {
		name, f := v.Type().Field(i).Name, v.Field(i)
		switch {
		case (name == "StatusCode" || name == "Status") && f.Type() == reflect.TypeFor[wire.Opt[int32]]():
			f.Field(0).SetInt(202)
		case name == "PartNumberMarker" && f.Kind() == reflect.Pointer:
			f.Set(reflect.ValueOf(aws.String("7")))
		case name == "PartNumberMarker" || name == "NextPartNumberMarker":
			f.SetZero() // a number in the model, text in the SDK
		case name == "Bucket" && f.Kind() == reflect.Pointer:
			f.Set(reflect.ValueOf(aws.String("bucket-x")))
		case strings.HasPrefix(name, "Checksum"), strings.HasPrefix(name, "SSECustomer"), strings.HasPrefix(name, "CopySourceSSE"),
			name == "ContentMD5", name == "ContentLength", name == "Expires", name == "ExpiresString", name == "ContentEncoding", name == "ContentRange", name == "AccountId":
			f.SetZero()
		}
	}
}

// rewind gives the streams of an answer their content again.
func rewind(v reflect.Value) {
	for i := range v.NumField() {
		if f := v.Field(i); f.Type() == reflect.TypeFor[io.Reader]() && !f.IsNil() {
			f.Set(reflect.ValueOf(strings.NewReader("stream")))
		}
	}
}
