package tables

import (
	"errors"
	"strings"
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
	At             time.Time `json:",omitzero"`  // whose state a full one has
	Window         *window   `json:",omitempty"` // of an incremental one
	Begun, Ended   time.Time `json:",omitzero"`
	Bucket, Prefix string
	Token          string `json:",omitempty"`
	Kind           string `json:",omitempty"` // ExportType, as asked for
	Status         string
	Code, Message  string `json:",omitempty"` // of a failure
	Items, Bytes   int64
}

// exportPart is a file of an export.
type exportPart struct {
	Export        string
	Number        int
	Items         int
	Bytes         int64 `json:",omitempty"` // of items
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
		return accessPart(c, "DescribeExport", "Export", in.ExportArn.V, noExport)
	}, s.describeExport)
	handle(s, m, dynamodb.ListExports, func(*wire.Call, *dynamodb.ListExportsInput) ([]wire.Access, error) {
		return wire.One("dynamodb:ListExports", "*", nil), nil
	}, s.listExports)
}

func (s *Service) accessExport(c *wire.Call, in *dynamodb.ExportTableToPointInTimeInput) ([]wire.Access, error) {
	switch arn := in.TableArn.V; {
	case !strings.HasPrefix(arn, "arn:"):
		return nil, validation(invalid + "tableArn is not a valid ARN")
	case strings.Count(arn, "/") > 1:
		return nil, validation("Invalid Request: Table ARN is invalid.")
	}
	return onTable(c, "dynamodb:ExportTableToPointInTime", in.TableArn)
}

func noExport(arn string) error {
	return &dynamodb.ExportNotFoundException{Message: wire.Some("Export not found: " + arn)}
}

func (e *export) arn(at record.Scope) string { return tableARN(at, e.Table) + "/export/" + e.ID }

// folder is where an export tells of itself.
func (e *export) folder() string { return e.shared() + e.ID + "/" }

// dataFolder is where its files are: those of incremental exports to one prefix lie together.
func (e *export) dataFolder() string {
	if e.Window != nil {
		return e.shared()
	}
	return e.folder()
}

func (e *export) shared() string {
	if e.Prefix == "" {
		return "AWSDynamoDB/"
	}
	return strings.TrimSuffix(e.Prefix, "/") + "/AWSDynamoDB/"
}

func (e *export) kind() string {
	if e.Window != nil {
		return incremental
	}
	return "FULL_EXPORT"
}

func checkExport(c *wire.Call, in *dynamodb.ExportTableToPointInTimeInput) error {
	switch {
	case in.ExportFormat.V == "ION":
		return validation("ExportFormat ION is not supported: use DYNAMODB_JSON")
	case in.FilterSpecification != nil:
		return validation("FilterSpecification is not supported")
	case in.S3SseKmsKeyId.Set && in.S3SseAlgorithm.V != "KMS":
		return validation("Invalid Request: KMS Key Id is not supported for this encryption type")
	case in.S3SseAlgorithm.V == "KMS":
		return validation("Encryption with KMS keys is not supported")
	case in.S3BucketOwner.Set && in.S3BucketOwner.V != c.Account:
		return validation("S3BucketOwner is not this account")
	}
	return checkWindow(in)
}

// export begins an export. The first file is written with the caller's rights, so that who may not write to the bucket is told
// now.
func (s *Service) export(c *wire.Call, in *dynamodb.ExportTableToPointInTimeInput) (*dynamodb.ExportTableToPointInTimeOutput, error) {
	if err := checkExport(c, in); err != nil {
		return nil, err
	}
	made := export{ID: timedID(c.Now), Bucket: in.S3Bucket.V, Prefix: in.S3Prefix.V, Token: in.ClientToken.Or(wire.NewUUID()), Kind: in.ExportType.V, Begun: c.Now, Status: inProgress}
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
		e.Table, e.TableID = t.Name, t.ID
		j := &job{ID: wire.NewUUID(), Account: c.Account, Region: c.Region, Kind: jobExport, Subject: e.ID, Step: stepCopy}
		if in.ExportType.V == incremental {
			e.Window, err = s.copyWindow(tx, c, t, j, in.IncrementalExportSpecification)
		} else if e.At, err = t.pointIn(c.Now, in.ExportTime, invalidExport("Export Time is invalid")); err == nil {
			_, err = s.copyUntil(tx, t, j, wire.NewUUID(), e.At, !in.ExportTime.Set)
		}
		if err != nil {
			return err
		}
		return errors.Join(exportRows.Put(tx, scope(c), &e), putJob(tx, j))
	})
	if err != nil {
		return nil, err
	}
	return &dynamodb.ExportTableToPointInTimeOutput{ExportDescription: e.describe(scope(c))}, nil
}

// noToken refuses a page token of ListExports or ListImports.
func noToken(token string) error {
	return validation("Invalid Request: Provided nextToken is invalid: %s", token)
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
			if !e.asAsked(in) {
				return &dynamodb.ExportConflictException{Message: wire.Some("Export conflict: Duplicate request detected with conflicting parameters")}
			}
			d = e.describe(scope(c))
		}
		return err
	})
	return d, err
}

// asAsked tells whether a request asks for this very export.
func (e *export) asAsked(in *dynamodb.ExportTableToPointInTimeInput) bool {
	if e.Bucket != in.S3Bucket.V || e.Prefix != in.S3Prefix.V || e.kind() != in.ExportType.Or("FULL_EXPORT") {
		return false
	}
	if e.Window != nil {
		return e.Window.asAsked(in.IncrementalExportSpecification)
	}
	return !in.ExportTime.Set || e.At.Equal(in.ExportTime.V)
}

func (e *export) describe(at record.Scope) *dynamodb.ExportDescription {
	d := &dynamodb.ExportDescription{
		ExportArn: wire.Some(e.arn(at)), ExportStatus: wire.Some(e.Status), StartTime: wire.Some(e.Begun), TableArn: wire.Some(tableARN(at, e.Table)), TableId: wire.Some(e.TableID),
		ClientToken: wire.NonEmpty(e.Token), S3Bucket: wire.Some(e.Bucket), S3Prefix: wire.NonEmpty(e.Prefix), S3SseAlgorithm: wire.Some("AES256"),
		ExportFormat: wire.Some("DYNAMODB_JSON"), ExportType: wire.NonEmpty(e.Kind), FailureCode: wire.NonEmpty(e.Code), FailureMessage: wire.NonEmpty(e.Message),
	}
	if w := e.Window; w != nil {
		d.IncrementalExportSpecification = &dynamodb.IncrementalExportSpecification{ExportFromTime: wire.Some(w.From), ExportToTime: wire.Some(w.To), ExportViewType: wire.Some(w.View)}
	} else {
		d.ExportTime = wire.Some(e.At)
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
			return noExport(in.ExportArn.V)
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

// listExports shows the exports of a table as long as it is there, and without one all of them.
func (s *Service) listExports(c *wire.Call, in *dynamodb.ListExportsInput) (*dynamodb.ListExportsOutput, error) {
	page := record.Page{Limit: int(in.MaxResults.Or(25)), After: in.NextToken.V, Reverse: true}
	out := &dynamodb.ListExportsOutput{ExportSummaries: []dynamodb.ExportSummary{}}
	err := s.db.View(c, func(tx *kv.Tx) error {
		var of *table
		if in.TableArn.Set {
			var err error
			if of, err = s.named(tx, c, in.TableArn.V); isNotFound(err) {
				return nil
			} else if err != nil {
				return err
			}
			page.Prefix = []any{of.Name}
		}
		rows, next, err := exportRows.List(tx, scope(c), page)
		for _, e := range rows {
			if of == nil || e.TableID == of.ID {
				out.ExportSummaries = append(out.ExportSummaries, dynamodb.ExportSummary{ExportArn: wire.Some(e.arn(scope(c))), ExportStatus: wire.Some(e.Status), ExportType: wire.Some(e.kind())})
			}
		}
		out.NextToken = wire.NonEmpty(next)
		if errors.Is(err, record.ErrToken) {
			return noToken(in.NextToken.V)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
