package tables

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// finishExport writes the next file, or after the last one what says which files there are.
func (s *Service) finishExport(ctx context.Context, j *job) error {
	var e *export
	err := s.db.View(ctx, func(tx *kv.Tx) (err error) {
		e, err = exportRows.Get(tx, j.at(), j.Source, j.Subject)
		return err
	})
	if err != nil {
		return err
	}
	p, last, err := s.nextPart(ctx, j, e)
	if err == nil && p.items == 0 {
		err = s.writeManifest(ctx, j, e)
	} else if err == nil {
		err = s.writePart(ctx, j, e, p, last)
	}
	if f := wire.Fault(nil); errors.As(err, &f) {
		if code, status, message := f.Fault(); status < 500 {
			e.Status, e.Code, e.Message = failed, "S3"+code, message
			return s.endExport(ctx, j, e)
		}
	}
	return err
}

// portion is what one file holds.
type portion struct {
	items int
	bytes int64 // of items
	lines bytes.Buffer
}

// nextPart reads what the next file shows; last is where it ends.
func (s *Service) nextPart(ctx context.Context, j *job, e *export) (p *portion, last []byte, err error) {
	p, last = &portion{}, j.Cursor
	of := s.ghost(j.at(), j.Copy.To, j.Copy.Key)
	prefix, add := of.rows, addItem
	if w := e.Window; w != nil {
		prefix, add = of.touches(), func(tx *kv.Tx, p *portion, row kv.Pair) error { return w.add(tx, of, p, row) }
	}
	for more := true; more && p.lines.Len() < partBytes; {
		err := s.db.View(ctx, func(tx *kv.Tx) error {
			var rows []kv.Pair
			if rows, more, err = nextRows(tx, prefix, last, partBytes-p.lines.Len()); err != nil {
				return err
			}
			for ; len(rows) > 0 && p.lines.Len() < partBytes; rows = rows[1:] {
				if err := add(tx, p, rows[0]); err != nil {
					return err
				}
				last = rows[0].Key
			}
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
	}
	return p, last, nil
}

// addItem adds the line of an item.
func addItem(_ *kv.Tx, p *portion, row kv.Pair) error {
	it, err := decodeItem(string(row.Value))
	if err != nil {
		return err
	}
	p.lines.WriteString(`{"Item":`)
	p.lines.Write(it.AppendJSON(nil))
	p.lines.WriteString("}\n")
	p.items, p.bytes = p.items+1, p.bytes+int64(itemSize(it))
	return nil
}

// writePart writes a file, whose name a second attempt finds again.
func (s *Service) writePart(ctx context.Context, j *job, e *export, p *portion, last []byte) error {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(p.lines.Bytes()) //nolint:errcheck // to memory
	z.Close()                //nolint:errcheck
	row := &exportPart{Export: e.ID, Number: j.Done, Items: p.items, Bytes: p.bytes, MD5: sum64(packed.Bytes()), Key: fmt.Sprintf("%sdata/%s.json.gz", e.dataFolder(), eventID(e.ID, fmt.Sprint(j.Done))[:26])}
	tag, err := s.objects.Put(ctx, nil, j.Region, e.Bucket, row.Key, packed.Bytes())
	if err != nil {
		return err
	}
	row.Tag = tag
	return s.advance(ctx, j, func(tx *kv.Tx, j *job) error {
		j.Done, j.Cursor = j.Done+1, last
		return partRows.Put(tx, j.at(), row)
	})
}

func sum64(b []byte) string {
	sum := md5.Sum(b) // what S3 and the manifest are about
	return base64.StdEncoding.EncodeToString(sum[:])
}

// manifestFile is a line of manifest-files.json.
type manifestFile struct {
	Items int    `json:"itemCount"`
	MD5   string `json:"md5Checksum"`
	Tag   string `json:"etag"`
	Key   string `json:"dataFileS3Key"`
}

// manifest is manifest-summary.json.
type manifest struct {
	Version string  `json:"version"`
	ARN     string  `json:"exportArn"`
	Begun   string  `json:"startTime"`
	Ended   string  `json:"endTime"`
	Table   string  `json:"tableArn"`
	TableID string  `json:"tableId"`
	At      string  `json:"exportTime,omitempty"`
	From    string  `json:"exportFromTime,omitempty"`
	To      string  `json:"exportToTime,omitempty"`
	Bucket  string  `json:"s3Bucket"`
	Prefix  *string `json:"s3Prefix"`
	SSE     string  `json:"s3SseAlgorithm"`
	KMS     *string `json:"s3SseKmsKeyId"`
	Files   string  `json:"manifestFilesS3Key"`
	Billed  int64   `json:"billedSizeBytes"`
	Items   int64   `json:"itemCount"`
	Format  string  `json:"outputFormat"`
	View    string  `json:"outputView,omitempty"`
	Type    string  `json:"exportType"`
}

const manifestTime = "2006-01-02T15:04:05.000Z"

func (e *export) manifest(at record.Scope) *manifest {
	m := &manifest{Version: "2020-06-30", ARN: e.arn(at), Begun: e.Begun.UTC().Format(manifestTime), Ended: e.Ended.UTC().Format(manifestTime), Table: tableARN(at, e.Table), TableID: e.TableID,
		Bucket: e.Bucket, SSE: "AES256", Files: e.folder() + "manifest-files.json", Billed: e.Bytes, Items: e.Items, Format: "DYNAMODB_JSON", Type: e.kind()}
	if e.Prefix != "" {
		m.Prefix = &e.Prefix
	}
	if w := e.Window; w != nil {
		m.Version, m.View, m.From, m.To = "2023-08-01", w.View, w.From.UTC().Format(manifestTime), w.To.UTC().Format(manifestTime)
	} else {
		m.At = e.At.UTC().Format(manifestTime)
	}
	return m
}

func (s *Service) writeManifest(ctx context.Context, j *job, e *export) error {
	var files bytes.Buffer
	err := s.db.View(ctx, func(tx *kv.Tx) error {
		files.Reset()
		e.Items, e.Bytes = 0, 0
		parts, err := partRows.All(tx, j.at(), "", e.ID)
		for _, p := range parts {
			line, err := json.Marshal(manifestFile{p.Items, p.MD5, p.Tag, p.Key})
			if err != nil {
				return err
			}
			files.Write(append(line, '\n'))
			e.Items, e.Bytes = e.Items+int64(p.Items), e.Bytes+p.Bytes
		}
		return err
	})
	if err != nil {
		return err
	}
	e.Status, e.Ended = completed, s.now()
	summary, err := json.Marshal(e.manifest(j.at()))
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name string
		body []byte
	}{{"manifest-files.json", files.Bytes()}, {"manifest-summary.json", summary}} { // the summary last: who sees it sees all
		if _, err := s.objects.Put(ctx, nil, j.Region, e.Bucket, e.folder()+f.name[:len(f.name)-5]+".md5", []byte(sum64(f.body))); err != nil {
			return err
		}
		if _, err := s.objects.Put(ctx, nil, j.Region, e.Bucket, e.folder()+f.name, f.body); err != nil {
			return err
		}
	}
	return s.endExport(ctx, j, e)
}

func (s *Service) endExport(ctx context.Context, j *job, e *export) error {
	e.Ended = s.now()
	return s.db.Update(ctx, func(tx *kv.Tx) error {
		if err := exportRows.Put(tx, j.at(), e); err != nil {
			return err
		}
		parts, err := partRows.All(tx, j.at(), "", e.ID)
		if err != nil {
			return err
		}
		for _, p := range parts {
			if err := partRows.Delete(tx, j.at(), p.Export, p.Number); err != nil {
				return err
			}
		}
		if err := s.clearLater(tx, j.at(), j.Copy.To); err != nil {
			return err
		}
		return ignoreMissing(s.endJob(tx, j))
	})
}
