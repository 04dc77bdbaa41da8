package functions

import (
	"strings"
	"testing"

	"bothy/api/lambda"
	"bothy/api/logs"
	"bothy/policy"
	"bothy/wire"
)

func TestLogsOfFunctions(t *testing.T) {
	w := newWorld(t, "")
	w.create(t, "f", `exports.handler = async e => { console.log('hello ' + e.n); console.error('problem ' + e.n) }`)
	ctx := t.Context()
	root := &wire.Principal{Kind: wire.Root, Account: account, ARN: "arn:aws:iam::" + account + ":root", Policies: policy.Attached{Unlimited: true}}
	group := wire.Some("/aws/lambda/f")
	filter := func(in *logs.FilterLogEventsInput) *logs.FilterLogEventsOutput {
		t.Helper()
		in.LogGroupName = group
		out, err := wire.Invoke(ctx, w.mux, root, region, logs.FilterLogEvents, in)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if _, err := wire.Invoke(ctx, w.mux, root, region, logs.FilterLogEvents, &logs.FilterLogEventsInput{LogGroupName: group}); err == nil || !strings.Contains(err.Error(), "The specified log group does not exist.") {
		t.Errorf("a group without lines: %v", err)
	}
	for _, n := range []string{"1", "2", "3"} {
		if _, err := wire.Invoke(ctx, w.mux, root, region, lambda.Invoke, &lambda.InvokeInput{FunctionName: wire.Some("f"), Payload: []byte(`{"n":` + n + `}`)}); err != nil {
			t.Fatal(err)
		}
	}
	if all := filter(&logs.FilterLogEventsInput{}); len(all.Events) != 15 {
		t.Errorf("%d lines, want 3 invocations of 5", len(all.Events))
	}
	for pattern, want := range map[string]int{"hello": 3, `"hello 2"`: 1, `hello -"hello 2"`: 2, "?hello ?problem": 6, `"START RequestId"`: 3, "nothing": 0} {
		if got := filter(&logs.FilterLogEventsInput{FilterPattern: wire.Some(pattern)}); len(got.Events) != want {
			t.Errorf("%s: %d lines, want %d", pattern, len(got.Events), want)
		}
	}
	var paged []string
	for in := (&logs.FilterLogEventsInput{Limit: wire.Some(int32(2))}); ; {
		out := filter(in)
		for _, e := range out.Events {
			paged = append(paged, e.EventId.V)
		}
		if in.NextToken = out.NextToken; !out.NextToken.Set {
			break
		}
	}
	seen := map[string]bool{}
	for _, id := range paged {
		seen[id] = true
	}
	if len(paged) != 15 || len(seen) != 15 {
		t.Errorf("pages of two give %d lines, %d different", len(paged), len(seen))
	}
	streams, err := wire.Invoke(ctx, w.mux, root, region, logs.DescribeLogStreams, &logs.DescribeLogStreamsInput{LogGroupName: group})
	if err != nil || len(streams.LogStreams) == 0 {
		t.Fatalf("%+v %v", streams, err)
	}
	events, err := wire.Invoke(ctx, w.mux, root, region, logs.GetLogEvents, &logs.GetLogEventsInput{LogGroupName: group, LogStreamName: streams.LogStreams[0].LogStreamName, Limit: wire.Some(int32(2)), StartFromHead: wire.Some(true)})
	if err != nil || len(events.Events) != 2 || !strings.HasPrefix(events.Events[0].Message.V, "START") {
		t.Errorf("%+v %v", events, err)
	}
	groups, err := wire.Invoke(ctx, w.mux, root, region, logs.DescribeLogGroups, &logs.DescribeLogGroupsInput{LogGroupNamePrefix: wire.Some("/aws/lambda/")})
	if err != nil || len(groups.LogGroups) != 1 {
		t.Errorf("%+v %v", groups, err)
	}
	if _, err := wire.Invoke(ctx, w.mux, root, region, logs.FilterLogEvents, &logs.FilterLogEventsInput{LogGroupName: group, FilterPattern: wire.Some(`{ $.a = 1 }`)}); err == nil {
		t.Error("a pattern over JSON was taken")
	}
	if _, err := wire.Invoke(ctx, w.mux, &wire.Principal{Kind: wire.User, Account: account, ARN: "arn:aws:iam::" + account + ":user/u"}, region, logs.FilterLogEvents, &logs.FilterLogEventsInput{LogGroupName: group}); err == nil {
		t.Error("a user without rights reads logs")
	}
}

func FuzzFilter(f *testing.F) {
	for _, p := range []string{"a b", `"a b" -c`, "?a ?b", `"`, "-", "{", ""} {
		f.Add(p, "a b c")
	}
	f.Fuzz(func(t *testing.T, pattern, line string) {
		if wanted, err := parseFilter(pattern); err == nil {
			wanted(line)
		}
	})
}
