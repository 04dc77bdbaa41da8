package functions

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"bothy/api/logs"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// groupPrefix is what the names of functions' log groups begin with. Other groups are those that WriteLog made.
const groupPrefix = "/aws/lambda/"

// maxFilterChunks is how many rows one call reads.
const maxFilterChunks = 100

func (s *Service) mountLogs(m *wire.Mux) {
	wire.Handle(m, logs.DescribeLogGroups, func(c *wire.Call, _ *logs.DescribeLogGroupsInput) ([]wire.Access, error) {
		return onLog(c, "DescribeLogGroups", "", "")
	}, s.describeGroups)
	wire.Handle(m, logs.DescribeLogStreams, func(c *wire.Call, in *logs.DescribeLogStreamsInput) ([]wire.Access, error) {
		return onLog(c, "DescribeLogStreams", groupName(in.LogGroupName, in.LogGroupIdentifier), "")
	}, s.describeStreams)
	wire.Handle(m, logs.GetLogEvents, func(c *wire.Call, in *logs.GetLogEventsInput) ([]wire.Access, error) {
		return onLog(c, "GetLogEvents", groupName(in.LogGroupName, in.LogGroupIdentifier), in.LogStreamName.V)
	}, s.getEvents)
	wire.Handle(m, logs.FilterLogEvents, func(c *wire.Call, in *logs.FilterLogEventsInput) ([]wire.Access, error) {
		return onLog(c, "FilterLogEvents", groupName(in.LogGroupName, in.LogGroupIdentifier), "")
	}, s.filterEvents)
}

func onLog(c *wire.Call, action, group, stream string) ([]wire.Access, error) {
	return wire.One("logs:"+action, groupARN(c, group)+":log-stream:"+stream, nil), nil
}

func groupARN(c *wire.Call, group string) string {
	return "arn:aws:logs:" + c.Region + ":" + c.Account + ":log-group:" + group
}

// groupName is the group of a name or ARN.
func groupName(name, identifier wire.Opt[string]) string {
	if name.Set {
		return name.V
	}
	if _, group, found := strings.Cut(identifier.V, ":log-group:"); found {
		return strings.TrimSuffix(group, ":*")
	}
	return identifier.V
}

func noGroup() error {
	return &logs.ResourceNotFoundException{Message: wire.Some("The specified log group does not exist.")}
}

func badLog(message string) error {
	return &logs.InvalidParameterException{Message: wire.Some(message)}
}

// logOf is the function a group belongs to, or the name of a group that is no function's; what waits in memory is stored first, so that callers see their own calls.
func (s *Service) logOf(c *wire.Call, group string) (function string, err error) {
	function, ok := strings.CutPrefix(group, groupPrefix)
	if !ok && !strings.HasPrefix(group, "/") || function == "" { // no function's name begins so: a group is never taken for one
		return "", noGroup()
	}
	if err := s.flushLogs(c); err != nil {
		return "", err
	}
	return function, s.cfg.DB.View(c, func(tx *kv.Tx) error {
		rows, _, err := streamTable.List(tx, scopeOfCall(c), record.Page{Prefix: []any{function}, Limit: 1})
		if err == nil && len(rows) == 0 {
			err = noGroup()
		}
		return err
	})
}

func scopeOfCall(c *wire.Call) record.Scope { return record.In(c.Account, c.Region) }

func (s *Service) describeGroups(c *wire.Call, in *logs.DescribeLogGroupsInput) (*logs.DescribeLogGroupsOutput, error) {
	out := &logs.DescribeLogGroupsOutput{}
	return out, s.cfg.DB.View(c, func(tx *kv.Tx) error {
		out.LogGroups = []logs.LogGroup{}
		rows, next, err := functionTable.List(tx, scopeOfCall(c), record.Page{After: in.NextToken.V, Limit: int(in.Limit.Or(50))})
		for _, f := range rows {
			name := logGroup(f.Name)
			if !strings.HasPrefix(name, in.LogGroupNamePrefix.V) || !strings.Contains(name, in.LogGroupNamePattern.V) {
				continue
			}
			arn := groupARN(c, name)
			out.LogGroups = append(out.LogGroups, logs.LogGroup{
				LogGroupName: wire.Some(name), Arn: wire.Some(arn + ":*"), LogGroupArn: wire.Some(arn), CreationTime: wire.Some(f.Created.UnixMilli()),
				RetentionInDays: wire.Some(int32(logLife / (24 * time.Hour))), LogGroupClass: wire.Some("STANDARD"),
			})
		}
		out.NextToken = wire.NonEmpty(next)
		if err != nil || next != "" {
			return logPageError(err)
		}
		return addOtherGroups(tx, c, in, out)
	})
}

func logPageError(err error) error {
	if errors.Is(err, record.ErrToken) {
		return badLog("The specified nextToken is invalid.")
	}
	return err
}

func (s *Service) describeStreams(c *wire.Call, in *logs.DescribeLogStreamsInput) (*logs.DescribeLogStreamsOutput, error) {
	group := groupName(in.LogGroupName, in.LogGroupIdentifier)
	function, err := s.logOf(c, group)
	if err != nil {
		return nil, err
	}
	out := &logs.DescribeLogStreamsOutput{}
	return out, s.cfg.DB.View(c, func(tx *kv.Tx) error {
		out.LogStreams = []logs.LogStream{}
		rows, next, err := streamTable.List(tx, scopeOfCall(c), record.Page{Prefix: []any{function}, After: in.NextToken.V, Limit: int(in.Limit.Or(50)), Reverse: in.Descending.V})
		for _, st := range rows {
			if strings.HasPrefix(st.Name, in.LogStreamNamePrefix.V) {
				out.LogStreams = append(out.LogStreams, logs.LogStream{
					LogStreamName: wire.Some(st.Name), CreationTime: wire.Some(st.Created.UnixMilli()), FirstEventTimestamp: wire.Some(st.First),
					LastEventTimestamp: wire.Some(st.Last), LastIngestionTime: wire.Some(st.Last), StoredBytes: wire.Some(st.Bytes),
					Arn: wire.Some(groupARN(c, group) + ":log-stream:" + st.Name),
				})
			}
		}
		out.NextToken = wire.NonEmpty(next)
		return logPageError(err)
	})
}

// window is which lines a caller wants: times in milliseconds, the end not included.
type window struct{ from, to int64 }

func windowOf(start, end wire.Opt[int64]) window { return window{start.Or(0), end.Or(1<<63 - 1)} }

func (w window) has(t int64) bool { return t >= w.from && t < w.to }

// getEvents answers the lines of one stream, newest page first unless told otherwise. A token is the number of lines before
// the page.
func (s *Service) getEvents(c *wire.Call, in *logs.GetLogEventsInput) (*logs.GetLogEventsOutput, error) {
	function, err := s.logOf(c, groupName(in.LogGroupName, in.LogGroupIdentifier))
	if err != nil {
		return nil, err
	}
	all, err := s.streamLines(c, function, in.LogStreamName.V, windowOf(in.StartTime, in.EndTime))
	if err != nil {
		return nil, err
	}
	limit := int(in.Limit.Or(10_000))
	from := max(0, len(all)-limit)
	if in.StartFromHead.V {
		from = 0
	}
	if in.NextToken.V != "" {
		n, err := strconv.Atoi(strings.TrimPrefix(strings.TrimPrefix(in.NextToken.V, "f/"), "b/"))
		if err != nil || n < 0 {
			return nil, badLog("The specified nextToken is invalid.")
		}
		if from = min(n, len(all)); strings.HasPrefix(in.NextToken.V, "b/") {
			from, limit = max(0, from-limit), min(limit, from)
		}
	}
	page := all[from:min(from+limit, len(all))]
	out := &logs.GetLogEventsOutput{
		Events: []logs.OutputLogEvent{}, NextForwardToken: wire.Some("f/" + strconv.Itoa(from+len(page))), NextBackwardToken: wire.Some("b/" + strconv.Itoa(from)),
	}
	for _, l := range page {
		out.Events = append(out.Events, logs.OutputLogEvent{Timestamp: wire.Some(l.Time), Message: wire.Some(l.Text + "\n"), IngestionTime: wire.Some(l.Time)})
	}
	return out, nil
}

func (s *Service) streamLines(c *wire.Call, function, stream string, w window) (lines []logLine, err error) {
	err = s.cfg.DB.View(c, func(tx *kv.Tx) error {
		lines = nil
		st, err := streamTable.Get(tx, scopeOfCall(c), function, stream)
		if errors.Is(err, record.ErrNotFound) {
			return &logs.ResourceNotFoundException{Message: wire.Some("The specified log stream does not exist.")}
		} else if err != nil {
			return err
		}
		for after := ""; ; {
			rows, next, err := chunkTable.List(tx, scopeOfCall(c), record.Page{Prefix: []any{function}, After: after, Limit: maxFilterChunks})
			if err != nil {
				return err
			}
			for _, chunk := range rows {
				if chunk.Stream != st.Name {
					continue
				}
				for _, l := range chunk.Lines {
					if w.has(l.Time) {
						lines = append(lines, l)
					}
				}
			}
			if after = next; next == "" || len(lines) >= 100_000 {
				return nil
			}
		}
	})
	return lines, err
}

// filterEvents answers the lines of all streams in the order they were stored, a bounded number of rows at a time.
func (s *Service) filterEvents(c *wire.Call, in *logs.FilterLogEventsInput) (*logs.FilterLogEventsOutput, error) {
	function, err := s.logOf(c, groupName(in.LogGroupName, in.LogGroupIdentifier))
	if err != nil {
		return nil, err
	}
	wanted, err := parseFilter(in.FilterPattern.V)
	if err != nil {
		return nil, err
	}
	w, limit := windowOf(in.StartTime, in.EndTime), int(in.Limit.Or(10_000))
	out := &logs.FilterLogEventsOutput{}
	return out, s.cfg.DB.View(c, func(tx *kv.Tx) error {
		out.Events, out.SearchedLogStreams = []logs.FilteredLogEvent{}, []logs.SearchedLogStream{}
		after, skip, err := cutFilterToken(in.NextToken.V)
		if err != nil {
			return err
		}
		for range maxFilterChunks {
			rows, next, err := chunkTable.List(tx, scopeOfCall(c), record.Page{Prefix: []any{function}, After: after, Limit: 1})
			if err != nil {
				return logPageError(err)
			}
			if len(rows) == 0 {
				return nil
			}
			for i, l := range rows[0].Lines {
				if i < skip || !w.has(l.Time) || !wantsStream(in, rows[0].Stream) || !wanted(l.Text) {
					continue
				}
				if len(out.Events) == limit {
					out.NextToken = wire.Some(strconv.Itoa(i) + "." + after)
					return nil
				}
				out.Events = append(out.Events, logs.FilteredLogEvent{
					LogStreamName: wire.Some(rows[0].Stream), Timestamp: wire.Some(l.Time), Message: wire.Some(l.Text + "\n"), IngestionTime: wire.Some(l.Time),
					EventId: wire.Some(rows[0].ID + "/" + strconv.Itoa(i)),
				})
			}
			if after, skip = next, 0; next == "" {
				return nil
			}
		}
		out.NextToken = wire.Some("0." + after)
		return nil
	})
}

// cutFilterToken splits a token: lines of the row already answered, and the page before the row.
func cutFilterToken(token string) (after string, skip int, err error) {
	if token == "" {
		return "", 0, nil
	}
	number, after, _ := strings.Cut(token, ".")
	if skip, err = strconv.Atoi(number); err != nil || skip < 0 {
		return "", 0, badLog("The specified nextToken is invalid.")
	}
	return after, skip, nil
}

func wantsStream(in *logs.FilterLogEventsInput, stream string) bool {
	if len(in.LogStreamNames) == 0 {
		return strings.HasPrefix(stream, in.LogStreamNamePrefix.V)
	}
	for _, name := range in.LogStreamNames {
		if name == stream {
			return true
		}
	}
	return false
}

// parseFilter understands patterns of terms: words and quoted phrases that must all occur, -terms that must not, and ?terms
// of which one must. Patterns over JSON and columns are refused.
func parseFilter(pattern string) (func(string) bool, error) {
	var all, none, some []string
	for rest := strings.TrimSpace(pattern); rest != ""; rest = strings.TrimSpace(rest) {
		if rest[0] == '{' || rest[0] == '[' || rest[0] == '%' {
			return nil, badLog("Filter patterns over JSON, columns and expressions are not supported by this node.")
		}
		list := &all
		switch rest[0] {
		case '-':
			list, rest = &none, rest[1:]
		case '?':
			list, rest = &some, rest[1:]
		}
		var term string
		if strings.HasPrefix(rest, `"`) {
			var closed bool
			if term, rest, closed = strings.Cut(rest[1:], `"`); !closed {
				return nil, badLog("Invalid character(s) in term '" + term + "'")
			}
		} else {
			term, rest, _ = strings.Cut(rest, " ")
		}
		if term != "" {
			*list = append(*list, term)
		}
	}
	return func(line string) bool {
		for _, t := range all {
			if !strings.Contains(line, t) {
				return false
			}
		}
		for _, t := range none {
			if strings.Contains(line, t) {
				return false
			}
		}
		for _, t := range some {
			if strings.Contains(line, t) {
				return true
			}
		}
		return len(some) == 0
	}, nil
}
