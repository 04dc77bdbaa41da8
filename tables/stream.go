package tables

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/record"
	"bothy/wire/item"
)

// What streams show of changes, besides keys.
const (
	viewNew  = "NEW_IMAGE"
	viewOld  = "OLD_IMAGE"
	viewBoth = "NEW_AND_OLD_IMAGES"
)

// streamLife is how long changes can be read from a stream, and a stream when it was switched off.
const streamLife = 24 * time.Hour

// stream is a name for those shards of a table's log that were open while it was on. It outlives the table.
type stream struct {
	Name, Label string // of table and stream
	Table       string // ID
	Key         keySchema
	View        string
	Created     time.Time
	Disabled    time.Time `json:",omitzero"` // when it was switched off
}

var streamRows = record.Table[stream]{Name: "tables.stream", Version: 1, Key: func(s *stream) []any { return []any{s.Name, s.Label} }}

func streamARN(at record.Scope, table, label string) string {
	return tableARN(at, table) + "/stream/" + label
}

const labelFormat = "2006-01-02T15:04:05.000"

// viewOf reads a StreamSpecification of a table that is made, or is there; "" is no stream.
func viewOf(spec *dynamodb.StreamSpecification, made bool) (string, error) {
	enabled, disabled := "If stream is being enabled then UpdateViewType is required", "If stream is being disabled, then UpdateViewType must not be specified"
	if made {
		enabled, disabled = "Table is being created with a stream enabled, UpdateViewType is required", "Table is being created with a stream disabled, UpdateViewType should not be specified"
	}
	switch {
	case spec == nil || !spec.StreamEnabled.V && !spec.StreamViewType.Set:
		return "", nil
	case !spec.StreamEnabled.V:
		return "", validation("%s", invalid+disabled)
	case !spec.StreamViewType.Set:
		return "", validation("%s", invalid+enabled)
	}
	return spec.StreamViewType.V, nil
}

// alterStream switches the stream on or off.
func (t *table) alterStream(spec *dynamodb.StreamSpecification) error {
	if spec == nil {
		return nil
	}
	view, err := viewOf(spec, false)
	switch {
	case err != nil:
		return err
	case view == "" && t.View == "":
		return validation("Table has no stream to disable: TableName: %s", t.Name)
	case view != "" && t.View != "":
		return validation("Table already has an enabled stream: TableName: %s", t.Name)
	}
	t.View = view
	return nil
}

// restream begins the stream that the definition wants, and ends the one it no longer wants.
func (t *table) restream(tx *kv.Tx, now time.Time) error {
	if t.Status == statusDeleting {
		t.View = ""
	}
	if (t.Stream != "") == (t.View != "") {
		return nil
	}
	if t.View == "" {
		row, err := streamRows.Get(tx, t.at, t.Name, t.Stream)
		if err != nil {
			return err
		}
		t.Stream, row.Disabled = "", now
		return streamRows.Put(tx, t.at, row)
	}
	row := &stream{Name: t.Name, Table: t.ID, Key: t.Key, View: t.View, Created: now}
	for at := now.UTC(); ; at = at.Add(time.Millisecond) { // labels differ, also of a stream switched on again at once
		row.Label = at.Format(labelFormat)
		err := streamRows.Insert(tx, t.at, row)
		if taken := (*record.ErrExists)(nil); errors.As(err, &taken) {
			continue
		}
		t.Stream, t.LastStream = row.Label, row.Label
		return err
	}
}

// parseStream reads a stream's ARN; ok is false when it is not one of this account and region.
func parseStream(at record.Scope, arn string) (table, label string, ok bool) {
	rest, here := strings.CutPrefix(arn, tableARN(at, ""))
	table, label, ok = strings.Cut(rest, "/stream/")
	return table, label, here && ok && nameLike(table) && label != "" && !strings.Contains(label, "/")
}

// A shard's name holds its ID, so that names are ordered as IDs are, and a part of its table's.
func (s *shard) name() string { return shardName(s.Table, s.ID) }

func shardName(table string, id int64) string { return fmt.Sprintf("shardId-%020d-%.8s", id, table) }

func parseShard(table, name string) (id int64, ok bool) {
	digits, _, _ := strings.Cut(strings.TrimPrefix(name, "shardId-"), "-")
	id, err := strconv.ParseInt(digits, 10, 64)
	return id, err == nil && id > 0 && shardName(table, id) == name
}

// A sequence number is a change's number followed by its shard: they grow within a shard and differ within a stream.
const sequenceFormat = "1%018d%06d"

func sequence(shard, number int64) string { return fmt.Sprintf(sequenceFormat, number, shard) }

func parseSequence(shard int64, s string) (number int64, ok bool) {
	if len(s) != 25 {
		return 0, false
	}
	number, err := strconv.ParseInt(s[1:19], 10, 64)
	return number, err == nil && number >= 0 && sequence(shard, number) == s
}

// eventID names a change for whoever wants to do a thing once.
func eventID(table, sequence string) string {
	sum := sha256.Sum256([]byte(table + "/" + sequence))
	return hex.EncodeToString(sum[:16])
}

// images are what a stream shows of a change.
func (s *stream) images(c *change) (old, now item.Item) {
	if s.View == viewOld || s.View == viewBoth {
		old = c.old
	}
	if s.View == viewNew || s.View == viewBoth {
		now = c.now
	}
	return old, now
}
