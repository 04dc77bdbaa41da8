package tables

import (
	"encoding/binary"
	"errors"
	"slices"
	"strconv"
	"time"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/wire"
	"bothy/wire/item"
)

// incremental is the ExportType of what changed in a window of time.
const incremental = "INCREMENTAL_EXPORT"

// Limits of the window of an incremental export.
const (
	minWindow = 15 * time.Minute
	maxWindow = 24 * time.Hour
)

// window is what an incremental export shows: each item that changed from one time to just before another, as it was before and
// after.
type window struct {
	From, To time.Time
	View     string
}

func checkWindow(in *dynamodb.ExportTableToPointInTimeInput) error {
	const bad = "Invalid Request: "
	switch spec := in.IncrementalExportSpecification; {
	case in.ExportType.V == "FULL_EXPORT" && spec != nil:
		return validation(bad + "When Export Type is Full Export , Incremental Export Specification should not be provided")
	case in.ExportType.V != incremental && spec != nil:
		return validation(bad + "Export Type expected to be Incremental Export when incremental export specification is provided")
	case in.ExportType.V == incremental && spec == nil:
		return validation(bad + "Incremental Export Specification expected when export type is set as Incremental Export")
	case spec != nil && !spec.ExportFromTime.Set:
		return validation(bad + "ExportFromTime must be provided in IncrementalExportSpecification")
	}
	return nil
}

func invalidExport(text string) error {
	return &dynamodb.InvalidExportTimeException{Message: wire.Some(text)}
}

// windowOf is what a specification asks for; without an end it is up to now.
func (t *table) windowOf(now time.Time, spec *dynamodb.IncrementalExportSpecification) (*window, error) {
	w := &window{spec.ExportFromTime.V, spec.ExportToTime.Or(now), spec.ExportViewType.Or(viewBoth)}
	const period = "Incremental export period "
	switch long := w.To.Sub(w.From); {
	case w.From.Before(t.Created.Truncate(time.Second)):
		return nil, invalidExport(period + "from time cannot be less than the table creation time : " + w.From.UTC().Format(time.RFC3339))
	case w.To.After(now):
		return nil, invalidExport(period + "to time cannot be greater than the current time : " + w.To.UTC().Format(time.RFC3339))
	case long <= 0:
		return nil, invalidExport(period + "from time should not be greater or equal to incremental export period to time")
	case long < minWindow:
		return nil, invalidExport("Difference between export period from time and export period to time is less than 15 minutes")
	case long > maxWindow:
		return nil, invalidExport("Difference between export period from time and export period to time is greater than 24 hours")
	}
	_, err := t.pointIn(now, wire.Some(w.From), invalidExport("Point in Time Recovery is not available for specified export time"))
	return w, err
}

func (w *window) asAsked(spec *dynamodb.IncrementalExportSpecification) bool {
	return w.From.Equal(spec.ExportFromTime.V) && (!spec.ExportToTime.Set || w.To.Equal(spec.ExportToTime.V)) && w.View == spec.ExportViewType.Or(viewBoth)
}

// copyWindow makes a job find the items that changed in a window, and copy them as they were at its end.
func (s *Service) copyWindow(tx *kv.Tx, c *wire.Call, t *table, j *job, spec *dynamodb.IncrementalExportSpecification) (*window, error) {
	w, err := t.windowOf(c.Now, spec)
	if err != nil {
		return nil, err
	}
	held, err := s.copyUntil(tx, t, j, wire.NewUUID(), w.To.Add(-1), false)
	if err != nil {
		return nil, err
	}
	j.Step, j.Copy.walk = stepGather, walk{Shard: held.NextShard + 1}
	j.Copy.Since, err = held.cut(tx, w.From.Add(-1), false)
	return w, err
}

// A touched row is of an item that changed in the window of an incremental export: touchedVersion, when it last did, in
// nanoseconds, and as a map what it was before, if it was. It lies under the ID of the rows that the items are copied to.
const touchedVersion = 1

type touched struct {
	at     time.Time
	before item.Item // nil: there was none
}

// touches is the prefix of the touched rows, touch the row of an item.
func (t *table) touches() kv.Key { return t.prefix("tables.touched") }

func (t *table) touch(row kv.Key) kv.Key { return append(t.touches(), t.itself(row)...) }

func (t *touched) encode() []byte {
	b := binary.BigEndian.AppendUint64([]byte{touchedVersion}, uint64(t.at.UnixNano()))
	if t.before == nil {
		return b
	}
	return appendMap(b, t.before)
}

var errTouched = errors.New("tables: malformed row of an incremental export")

func decodeTouched(raw string) (*touched, error) {
	if len(raw) < 9 || raw[0] != touchedVersion {
		return nil, errTouched
	}
	t := &touched{at: time.Unix(0, int64(binary.BigEndian.Uint64([]byte(raw[1:9])))).UTC()}
	if len(raw) == 9 {
		return t, nil
	}
	d := decoder{row: raw, at: 9}
	if t.before = d.attributes(0); d.bad || d.at != len(raw) {
		return nil, errTouched
	}
	return t, nil
}

// gatherSome notes the items of the next changes in the window.
func (s *Service) gatherSome(tx *kv.Tx, j *job) error {
	c := &j.Copy
	from, to := s.ghost(j.at(), c.From, c.Key), s.ghost(j.at(), c.To, c.Key)
	done, err := c.back(tx, from, c.within, func(ch *change) error { return c.gather(tx, to, ch) })
	if done {
		j.Step = stepCopy
	}
	return err
}

// within are the changes of a shard in the window.
func (c *copying) within(sh *shard) (after, last int64) {
	since, known := c.Since[sh.ID]
	if !known || sh.ID > c.Newest {
		return newest, newest
	}
	if last, known = c.Cuts[sh.ID]; !known { // it was closed before the window ends
		last = newest
	}
	return since, last
}

// gather notes what an item was before a change, which comes before all those that were noted.
func (c *copying) gather(tx *kv.Tx, to *table, ch *change) error {
	if ch.kind != inserted && ch.old == nil {
		return errChange
	}
	row := to.touch(to.itemKey(ch.keys))
	raw, err := tx.Get(row)
	if err != nil {
		return err
	}
	t := &touched{at: ch.at}
	if raw != nil {
		if t, err = decodeTouched(string(raw)); err != nil {
			return err
		}
	}
	t.before = ch.old
	return tx.Set(row, t.encode())
}

// add adds the line of an item that changed; one that was not there before nor after has none.
func (w *window) add(tx *kv.Tx, of *table, p *portion, row kv.Pair) error {
	t, err := decodeTouched(string(row.Value))
	if err != nil {
		return err
	}
	now, err := read(tx, append(slices.Clone(of.rows), row.Key...))
	if err != nil || now == nil && t.before == nil {
		return err
	}
	one := now
	if one == nil {
		one = t.before
	}
	line := strconv.AppendInt([]byte(`{"Metadata":{"WriteTimestampMicros":{"N":"`), t.at.UnixMicro(), 10)
	line = of.keyOf(one, nil).AppendJSON(append(line, `"}},"Keys":`...))
	if t.before != nil && w.View == viewBoth {
		line = t.before.AppendJSON(append(line, `,"OldImage":`...))
		p.bytes += int64(itemSize(t.before))
	}
	if now != nil {
		line = now.AppendJSON(append(line, `,"NewImage":`...))
		p.bytes += int64(itemSize(now))
	}
	p.lines.Write(append(line, "}\n"...))
	p.items++
	return nil
}
