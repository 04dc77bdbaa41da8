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
	"time"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// export is a table as it was, written to a bucket.
type export struct {
	Table          string // name
	ID             string
	TableID        string
	At             time.Time
	Begun, Ended   time.Time `json:",omitzero"`
	Bucket, Prefix string
	Token          string `json:",omitempty"`
	Status         string
	Code, Message  string `json:",omitempty"` // of a failure
	Items, Bytes   int64
}

// exportPart is a file of an export.
type exportPart struct {
	Export        string
	Number        int
	Items         int
	Key, MD5, Tag string
}

var (
	exportRows = record.Table[export]{Name: "tables.export", Version: 1, Key: func(e *export) []any { return []any{e.Table, e.ID} }}
	partRows   = record.Table[exportPart]{Name: "tables.exportpart", Version: 1, Key: func(p *exportPart) []any { return []any{p.Export, p.Number} }}
)

const (
	partBytes  = 8 << 20 // of an export's file, before compression
	tokenHours = 8       // how long a ClientToken stands for the same export or import

	inProgress = "IN_PROGRESS"
	completed  = "COMPLETED"
	failed     = "FAILED"
)

func (s *Service) mountExports(m *wire.Mux) {
	handle(s, m, dynamodb.ExportTableToPointInTime, s.accessExport, s.export)
	handle(s, m, dynamodb.DescribeExport, func(c *wire.Call, in *dynamodb.DescribeExportInput) ([]wire.Access, error) {
		return wire.One("dynamodb:DescribeExport", in.ExportArn.V, nil), nil
	}, s.describeExport)
	handle(s, m, dynamodb.ListExports, func(*wire.Call, *dynamodb.ListExportsInput) ([]wire.Access, error) {
		return wire.One("dynamodb:ListExports", "*", nil), nil
	}, s.listExports)
}

func (s *Service) accessExport(c *wire.Call, in *dynamodb.ExportTableToPointInTimeInput) ([]wire.Access, error) {
	return onTable(c, "dynamodb:ExportTableToPointInTime", in.TableArn)
}

func (e *export) arn(at record.Scope) string { return tableARN(at, e.Table) + "/export/" + e.ID }

// folder is where an export's files are.
func (e *export) folder() string {
	if e.Prefix == "" {
		return "AWSDynamoDB/" + e.ID + "/"
	}
	return e.Prefix + "/AWSDynamoDB/" + e.ID + "/"
}

func checkExport(c *wire.Call, in *dynamodb.ExportTableToPointInTimeInput) error {
	switch {
	case in.ExportFormat.V == "ION":
		return validation("ExportFormat ION is not supported: use DYNAMODB_JSON")
	case in.ExportType.V == "INCREMENTAL_EXPORT" || in.IncrementalExportSpecification != nil:
		return validation("ExportType INCREMENTAL_EXPORT is not supported: use FULL_EXPORT")
	case in.FilterSpecification != nil:
		return validation("FilterSpecification is not supported")
	case in.S3SseAlgorithm.V == "KMS" || in.S3SseKmsKeyId.Set:
		return validation("Encryption with KMS keys is not supported")
	case in.S3BucketOwner.Set && in.S3BucketOwner.V != c.Account:
		return validation("S3BucketOwner is not this account")
	}
	return nil
}

// export begins an export. The first file is written with the caller's rights, so that who may not write to the bucket is told
// now.
func (s *Service) export(c *wire.Call, in *dynamodb.ExportTableToPointInTimeInput) (*dynamodb.ExportTableToPointInTimeOutput, error) {
	if err := checkExport(c, in); err != nil {
		return nil, err
	}
	made := export{ID: timedID(c.Now), Bucket: in.S3Bucket.V, Prefix: in.S3Prefix.V, Token: in.ClientToken.V, Begun: c.Now, Status: inProgress}
	if have, err := s.sameExport(c, in); err != nil || have != nil {
		return &dynamodb.ExportTableToPointInTimeOutput{ExportDescription: have}, err
	}
	if _, err := s.objects.Put(c, c.Principal, c.Region, made.Bucket, made.folder()+"_started", nil); err != nil {
		return nil, bucketRefused(err)
	}
	var e export
	err := s.db.Update(c, func(tx *kv.Tx) error {
		t, err := s.whole(tx, c, in.TableArn.V)
		if err != nil {
			return err
		}
		e = made
		if e.At, err = t.pointIn(c.Now, in.ExportTime); err != nil {
			return err
		}
		e.Table, e.TableID = t.Name, t.ID
		j := &job{ID: wire.NewUUID(), Account: c.Account, Region: c.Region, Kind: jobExport, Subject: e.ID, Step: stepCopy}
		if _, err := s.copyUntil(tx, t, j, wire.NewUUID(), e.At); err != nil {
			return err
		}
		return errors.Join(exportRows.Put(tx, scope(c), &e), putJob(tx, j))
	})
	if err != nil {
		return nil, err
	}
	return &dynamodb.ExportTableToPointInTimeOutput{ExportDescription: e.describe(scope(c))}, nil
}

// bucketRefused makes a refusal of the bucket one of DynamoDB's.
func bucketRefused(err error) error {
	if f := wire.Fault(nil); errors.As(err, &f) {
		code, _, message := f.Fault()
		return wire.Because(validation("S3 answered %s: %s", code, message), "%v", err)
	}
	return err
}

// sameExport is the export that was begun with the same token.
func (s *Service) sameExport(c *wire.Call, in *dynamodb.ExportTableToPointInTimeInput) (d *dynamodb.ExportDescription, err error) {
	name, err := tableName(c, in.TableArn.V)
	if err != nil || !in.ClientToken.Set {
		return nil, err
	}
	err = s.db.View(c, func(tx *kv.Tx) error {
		all, err := exportRows.All(tx, scope(c), "", name)
		for _, e := range all {
			if e.Token != in.ClientToken.V || c.Now.Sub(e.Begun) > tokenHours*time.Hour {
				continue
			}
			if e.Bucket != in.S3Bucket.V || e.Prefix != in.S3Prefix.V || in.ExportTime.Set && !e.At.Equal(in.ExportTime.V) {
				return &dynamodb.ExportConflictException{Message: wire.Some("An export with the same ClientToken and other parameters was begun")}
			}
			d = e.describe(scope(c))
		}
		return err
	})
	return d, err
}

func (e *export) describe(at record.Scope) *dynamodb.ExportDescription {
	d := &dynamodb.ExportDescription{
		ExportArn: wire.Some(e.arn(at)), ExportStatus: wire.Some(e.Status), StartTime: wire.Some(e.Begun), TableArn: wire.Some(tableARN(at, e.Table)), TableId: wire.Some(e.TableID),
		ExportTime: wire.Some(e.At), ClientToken: wire.NonEmpty(e.Token), S3Bucket: wire.Some(e.Bucket), S3Prefix: wire.NonEmpty(e.Prefix), S3SseAlgorithm: wire.Some("AES256"),
		ExportFormat: wire.Some("DYNAMODB_JSON"), ExportType: wire.Some("FULL_EXPORT"), FailureCode: wire.NonEmpty(e.Code), FailureMessage: wire.NonEmpty(e.Message),
	}
	if !e.Ended.IsZero() {
		d.EndTime = wire.Some(e.Ended)
	}
	if e.Status == completed {
		d.ExportManifest, d.ItemCount, d.BilledSizeBytes = wire.Some(e.folder()+"manifest-summary.json"), wire.Some(e.Items), wire.Some(e.Bytes)
	}
	return d
}

func (s *Service) describeExport(c *wire.Call, in *dynamodb.DescribeExportInput) (*dynamodb.DescribeExportOutput, error) {
	out := &dynamodb.DescribeExportOutput{}
	err := s.db.View(c, func(tx *kv.Tx) error {
		name, id, _ := partOf(scope(c), "export", in.ExportArn.V)
		e, err := exportRows.Get(tx, scope(c), name, id)
		if errors.Is(err, record.ErrNotFound) {
			return &dynamodb.ExportNotFoundException{Message: wire.Some("Export not found: " + in.ExportArn.V)}
		}
		if err == nil {
			out.ExportDescription = e.describe(scope(c))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (s *Service) listExports(c *wire.Call, in *dynamodb.ListExportsInput) (*dynamodb.ListExportsOutput, error) {
	page := record.Page{Limit: int(in.MaxResults.Or(25)), After: in.NextToken.V}
	if in.TableArn.Set {
		name, err := tableName(c, in.TableArn.V)
		if err != nil {
			return nil, err
		}
		page.Prefix = []any{name}
	}
	out := &dynamodb.ListExportsOutput{ExportSummaries: []dynamodb.ExportSummary{}}
	err := s.db.View(c, func(tx *kv.Tx) error {
		rows, next, err := exportRows.List(tx, scope(c), page)
		for _, e := range rows {
			out.ExportSummaries = append(out.ExportSummaries, dynamodb.ExportSummary{ExportArn: wire.Some(e.arn(scope(c))), ExportStatus: wire.Some(e.Status), ExportType: wire.Some("FULL_EXPORT")})
		}
		out.NextToken = wire.NonEmpty(next)
		if errors.Is(err, record.ErrToken) {
			return validation("Invalid NextToken")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

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
	p, last, err := s.nextPart(ctx, j)
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
	lines bytes.Buffer
}

// nextPart reads the items of the next file; last is where it ends.
func (s *Service) nextPart(ctx context.Context, j *job) (p *portion, last []byte, err error) {
	p, last = &portion{}, j.Cursor
	rows := s.ghost(j.at(), j.Copy.To, j.Copy.Key).rows
	for more := true; more && p.lines.Len() < partBytes; {
		more = false
		err := s.db.View(ctx, func(tx *kv.Tx) error {
			r := rows.Range()
			if r.Limit = choreRows; last != nil {
				r.From = append(bytes.Clone(rows), last...)
				r.From = r.From.After()
			}
			var bad error
			err := tx.Scan(r, func(k kv.Key, v []byte) bool {
				it, err := decodeItem(string(v))
				if bad = err; bad != nil {
					return false
				}
				p.lines.WriteString(`{"Item":`)
				p.lines.Write(it.AppendJSON(nil))
				p.lines.WriteString("}\n")
				p.items, last, more = p.items+1, bytes.Clone(k[len(rows):]), true
				return p.lines.Len() < partBytes
			})
			return errors.Join(err, bad)
		})
		if err != nil {
			return nil, nil, err
		}
	}
	return p, last, nil
}

// writePart writes a file, whose name a second attempt finds again.
func (s *Service) writePart(ctx context.Context, j *job, e *export, p *portion, last []byte) error {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(p.lines.Bytes()) //nolint:errcheck // to memory
	z.Close()                //nolint:errcheck
	row := &exportPart{Export: e.ID, Number: j.Done, Items: p.items, MD5: sum64(packed.Bytes()), Key: fmt.Sprintf("%sdata/%s.json.gz", e.folder(), eventID(e.ID, fmt.Sprint(j.Done))[:26])}
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
	At      string  `json:"exportTime"`
	Bucket  string  `json:"s3Bucket"`
	Prefix  *string `json:"s3Prefix"`
	SSE     string  `json:"s3SseAlgorithm"`
	KMS     *string `json:"s3SseKmsKeyId"`
	Files   string  `json:"manifestFilesS3Key"`
	Billed  int64   `json:"billedSizeBytes"`
	Items   int64   `json:"itemCount"`
	Format  string  `json:"outputFormat"`
	Type    string  `json:"exportType"`
}

const manifestTime = "2006-01-02T15:04:05.000Z"

func (s *Service) writeManifest(ctx context.Context, j *job, e *export) error {
	var files bytes.Buffer
	err := s.db.View(ctx, func(tx *kv.Tx) error {
		files.Reset()
		parts, err := partRows.All(tx, j.at(), "", e.ID)
		for _, p := range parts {
			line, err := json.Marshal(manifestFile{p.Items, p.MD5, p.Tag, p.Key})
			if err != nil {
				return err
			}
			files.Write(append(line, '\n'))
		}
		return err
	})
	if err != nil {
		return err
	}
	e.Status, e.Ended, e.Items, e.Bytes = completed, s.now(), j.Copy.Items, j.Copy.Bytes
	m := manifest{Version: "2020-06-30", ARN: e.arn(j.at()), Begun: e.Begun.UTC().Format(manifestTime), Ended: e.Ended.UTC().Format(manifestTime), Table: tableARN(j.at(), e.Table), TableID: e.TableID,
		At: e.At.UTC().Format(manifestTime), Bucket: e.Bucket, SSE: "AES256", Files: e.folder() + "manifest-files.json", Billed: e.Bytes, Items: e.Items, Format: "DYNAMODB_JSON", Type: "FULL_EXPORT"}
	if e.Prefix != "" {
		m.Prefix = &e.Prefix
	}
	summary, err := json.Marshal(m)
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
