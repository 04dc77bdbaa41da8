package functions

import (
	"errors"
	"strings"
	"time"

	"bothy/api/logs"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// logGroupRow is a group that is no function's: another service writes to it.
type logGroupRow struct {
	Name    string
	Created time.Time
	Expires time.Time // of its last lines
}

var groupTable = record.Table[logGroupRow]{
	Name: "functions.loggroup", Version: 1, Key: func(g *logGroupRow) []any { return []any{g.Name} },
	Expires: func(g *logGroupRow) time.Time { return g.Expires },
}

// WriteLog keeps lines that another service logs, in the transaction they tell of. The group's name begins with a slash and is
// not a function's; it is made when it is not there. Lines live as long as those of functions.
func (s *Service) WriteLog(tx *kv.Tx, scope record.Scope, group, stream string, at time.Time, lines []string) error {
	if strings.HasPrefix(group, groupPrefix) || !strings.HasPrefix(group, "/") {
		return errors.New("functions: " + group + " is no other's log group")
	}
	g, err := groupTable.Get(tx, scope, group)
	if errors.Is(err, record.ErrNotFound) {
		g, err = &logGroupRow{Name: group, Created: at}, nil
	}
	if err != nil {
		return err
	}
	g.Expires = at.Add(logLife)
	if err := groupTable.Put(tx, scope, g); err != nil {
		return err
	}
	p := pendingLog{scope: scope, chunk: logChunk{Function: group, Time: at, ID: newRevision(), Stream: stream, Expires: g.Expires}}
	for _, line := range lines {
		p.chunk.Lines = append(p.chunk.Lines, logLine{at.UnixMilli(), line})
		p.bytes += len(line) + 32
	}
	return storeLogs(tx, []pendingLog{p})
}

// addOtherGroups lists the groups that are no function's after those that are.
func addOtherGroups(tx *kv.Tx, c *wire.Call, in *logs.DescribeLogGroupsInput, out *logs.DescribeLogGroupsOutput) error {
	rows, err := groupTable.All(tx, scopeOfCall(c), "")
	for _, g := range rows {
		if !strings.HasPrefix(g.Name, in.LogGroupNamePrefix.V) || !strings.Contains(g.Name, in.LogGroupNamePattern.V) {
			continue
		}
		arn := groupARN(c, g.Name)
		out.LogGroups = append(out.LogGroups, logs.LogGroup{
			LogGroupName: wire.Some(g.Name), Arn: wire.Some(arn + ":*"), LogGroupArn: wire.Some(arn), CreationTime: wire.Some(g.Created.UnixMilli()),
			RetentionInDays: wire.Some(int32(logLife / (24 * time.Hour))), LogGroupClass: wire.Some("STANDARD"),
		})
	}
	return err
}
