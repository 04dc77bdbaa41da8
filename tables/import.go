package tables

import (
	"errors"
	"fmt"
	"time"

	"bothy/api/dynamodb"
	"bothy/kv"
	"bothy/record"
	"bothy/wire"
)

// importing is a table made of the objects in a bucket.
type importing struct {
	Table                        string // name
	ID                           string
	TableID                      string
	Begun, Ended                 time.Time `json:",omitzero"`
	Bucket, Prefix               string
	Format, Packing              string
	Delimiter                    string   `json:",omitempty"` // of CSV; "": a comma
	Header                       []string `json:",omitempty"` // of CSV; none: the first line of each object
	Token                        string   `json:",omitempty"`
	Status, Code, Message        string   `json:",omitempty"`
	Objects                      int
	Bytes, Seen, Taken, Mistakes int64
}

// importObject is an object to be read; who began the import could read it then.
type importObject struct {
	Import string
	Number int
	Key    string
	Size   int64
}

var (
	importRows   = record.Table[importing]{Name: "tables.import", Version: 1, Key: func(i *importing) []any { return []any{i.Table, i.ID} }}
	importedRows = record.Table[importObject]{Name: "tables.importobject", Version: 1, Key: func(o *importObject) []any { return []any{o.Import, o.Number} }}
)

const maxImportObjects = 1000

func (s *Service) mountImports(m *wire.Mux) {
	handle(s, m, dynamodb.ImportTable, s.accessImport, s.importTable)
	handle(s, m, dynamodb.DescribeImport, func(c *wire.Call, in *dynamodb.DescribeImportInput) ([]wire.Access, error) {
		return accessPart(c, "DescribeImport", "Import", in.ImportArn.V, noImport)
	}, s.describeImport)
	handle(s, m, dynamodb.ListImports, func(*wire.Call, *dynamodb.ListImportsInput) ([]wire.Access, error) {
		return wire.One("dynamodb:ListImports", "*", nil), nil
	}, s.listImports)
}

func (s *Service) accessImport(c *wire.Call, in *dynamodb.ImportTableInput) ([]wire.Access, error) {
	return onTable(c, "dynamodb:ImportTable", in.TableCreationParameters.TableName)
}

func noImport(arn string) error {
	return &dynamodb.ImportNotFoundException{Message: wire.Some("Import not found: " + arn)}
}

func (i *importing) arn(at record.Scope) string { return tableARN(at, i.Table) + "/import/" + i.ID }

// importTable begins an import. The objects are listed, and looked at, with the caller's rights.
func (s *Service) importTable(c *wire.Call, in *dynamodb.ImportTableInput) (*dynamodb.ImportTableOutput, error) {
	made, err := newImport(c, in)
	if err != nil {
		return nil, err
	}
	t, err := newTable(c, createOf(in.TableCreationParameters))
	if err != nil {
		return nil, err
	}
	if have, err := s.sameImport(c, made); err != nil || have != nil {
		return &dynamodb.ImportTableOutput{ImportTableDescription: have}, err
	}
	objects, err := s.listObjects(c, made)
	if err != nil {
		return nil, err
	}
	t.Status = statusCreating
	made.Table, made.TableID, made.Objects = t.Name, t.ID, len(objects)
	err = s.db.Update(c, func(tx *kv.Tx) error {
		err := tableRows.Insert(tx, scope(c), t)
		if exists := (*record.ErrExists)(nil); errors.As(err, &exists) {
			return inUse("Table already exists: " + t.Name)
		} else if err != nil {
			return err
		}
		for n, o := range objects {
			if err := importedRows.Put(tx, scope(c), &importObject{made.ID, n, o.Key, o.Size}); err != nil {
				return err
			}
		}
		j := &job{ID: wire.NewUUID(), Account: c.Account, Region: c.Region, Kind: jobImport, Subject: made.ID, Target: t.Name, Step: stepFinish, Copy: copying{To: t.ID}}
		return errors.Join(importRows.Put(tx, scope(c), made), putJob(tx, j))
	})
	if err != nil {
		return nil, err
	}
	return &dynamodb.ImportTableOutput{ImportTableDescription: made.describe(scope(c), t)}, nil
}

func newImport(c *wire.Call, in *dynamodb.ImportTableInput) (*importing, error) {
	from := in.S3BucketSource
	i := &importing{ID: timedID(c.Now), Begun: c.Now, Bucket: from.S3Bucket.V, Prefix: from.S3KeyPrefix.V, Format: in.InputFormat.V, Packing: in.InputCompressionType.Or("NONE"),
		Token: in.ClientToken.Or(wire.NewUUID()), Status: inProgress, Table: in.TableCreationParameters.TableName.V}
	switch {
	case i.Format == "ION":
		return nil, validation("InputFormat ION is not supported: use DYNAMODB_JSON or CSV")
	case from.S3BucketOwner.Set && from.S3BucketOwner.V != c.Account:
		return nil, validation("S3BucketOwner is not this account")
	case in.InputFormatOptions != nil && in.InputFormatOptions.Csv != nil && i.Format != "CSV":
		return nil, validation("Invalid Request: Unsupported InputFormatOptions for the given input format: %s.", i.Format)
	}
	if in.InputFormatOptions != nil && in.InputFormatOptions.Csv != nil {
		i.Delimiter, i.Header = in.InputFormatOptions.Csv.Delimiter.V, in.InputFormatOptions.Csv.HeaderList
	}
	return i, nil
}

// createOf makes the parameters of a table to import into those of CreateTable.
func createOf(p *dynamodb.TableCreationParameters) *dynamodb.CreateTableInput {
	return &dynamodb.CreateTableInput{
		TableName: p.TableName, AttributeDefinitions: p.AttributeDefinitions, KeySchema: p.KeySchema, BillingMode: p.BillingMode, ProvisionedThroughput: p.ProvisionedThroughput,
		OnDemandThroughput: p.OnDemandThroughput, SSESpecification: p.SSESpecification, GlobalSecondaryIndexes: p.GlobalSecondaryIndexes, VectorIndexes: p.VectorIndexes,
	}
}

// listObjects finds the objects to import, each of which the caller may read.
func (s *Service) listObjects(c *wire.Call, i *importing) ([]Object, error) {
	objects, err := s.objects.List(c, c.Principal, c.Region, i.Bucket, i.Prefix, maxImportObjects+1)
	if err != nil {
		return nil, bucketRefused(err)
	}
	if len(objects) > maxImportObjects {
		return nil, &dynamodb.LimitExceededException{Message: wire.Some(fmt.Sprintf("An import reads up to %d objects", maxImportObjects))}
	}
	for _, o := range objects {
		if err := s.objects.Readable(c, c.Principal, c.Region, i.Bucket, o.Key); err != nil {
			return nil, bucketRefused(err)
		}
	}
	return objects, nil
}

// sameImport is the import that was begun with the same token.
func (s *Service) sameImport(c *wire.Call, made *importing) (d *dynamodb.ImportTableDescription, err error) {
	err = s.db.View(c, func(tx *kv.Tx) error {
		all, err := importRows.All(tx, scope(c), "", made.Table)
		for _, i := range all {
			if i.Token != made.Token || c.Now.Sub(i.Begun) > tokenHours*time.Hour {
				continue
			}
			if i.Bucket != made.Bucket || i.Prefix != made.Prefix || i.Format != made.Format || i.Packing != made.Packing {
				return &dynamodb.ImportConflictException{Message: wire.Some("Import conflict: Duplicate request detected with conflicting parameters")}
			}
			t, err := s.load(tx, scope(c), i.Table)
			if err != nil {
				return err
			}
			d = i.describe(scope(c), t)
		}
		return err
	})
	return d, err
}

func (i *importing) source(at record.Scope) *dynamodb.S3BucketSource {
	return &dynamodb.S3BucketSource{S3BucketOwner: wire.Some(at.Account), S3Bucket: wire.Some(i.Bucket), S3KeyPrefix: wire.NonEmpty(i.Prefix)}
}

// describe shows an import; t is its table, nil when it is gone.
func (i *importing) describe(at record.Scope, t *table) *dynamodb.ImportTableDescription {
	d := &dynamodb.ImportTableDescription{
		ImportArn: wire.Some(i.arn(at)), ImportStatus: wire.Some(i.Status), TableArn: wire.Some(tableARN(at, i.Table)), TableId: wire.Some(i.TableID), ClientToken: wire.NonEmpty(i.Token),
		S3BucketSource: i.source(at), ErrorCount: wire.Some(i.Mistakes), InputFormat: wire.Some(i.Format), InputCompressionType: wire.Some(i.Packing), StartTime: wire.Some(i.Begun),
		ProcessedItemCount: wire.Some(i.Seen), ImportedItemCount: wire.Some(i.Taken), FailureCode: wire.NonEmpty(i.Code), FailureMessage: wire.NonEmpty(i.Message),
	}
	if i.Delimiter != "" || i.Header != nil {
		d.InputFormatOptions = &dynamodb.InputFormatOptions{Csv: &dynamodb.CsvOptions{Delimiter: wire.NonEmpty(i.Delimiter), HeaderList: i.Header}}
	}
	if !i.Ended.IsZero() {
		d.EndTime = wire.Some(i.Ended)
	}
	if i.Bytes > 0 {
		d.ProcessedSizeBytes = wire.Some(i.Bytes)
	}
	if t == nil || t.ID != i.TableID {
		return d
	}
	shown := t.describe(&held{})
	d.TableCreationParameters = &dynamodb.TableCreationParameters{TableName: shown.TableName, AttributeDefinitions: shown.AttributeDefinitions, KeySchema: shown.KeySchema}
	if shown.BillingModeSummary != nil {
		d.TableCreationParameters.BillingMode = shown.BillingModeSummary.BillingMode
	}
	for _, g := range shown.GlobalSecondaryIndexes {
		d.TableCreationParameters.GlobalSecondaryIndexes = append(d.TableCreationParameters.GlobalSecondaryIndexes, dynamodb.GlobalSecondaryIndex{IndexName: g.IndexName, KeySchema: g.KeySchema, Projection: g.Projection})
	}
	for n := range t.Vectors {
		d.TableCreationParameters.VectorIndexes = append(d.TableCreationParameters.VectorIndexes, t.Vectors[n].given())
	}
	return d
}

func (s *Service) describeImport(c *wire.Call, in *dynamodb.DescribeImportInput) (*dynamodb.DescribeImportOutput, error) {
	out := &dynamodb.DescribeImportOutput{}
	err := s.db.View(c, func(tx *kv.Tx) error {
		name, id, _ := partOf(scope(c), "import", in.ImportArn.V)
		i, err := importRows.Get(tx, scope(c), name, id)
		if errors.Is(err, record.ErrNotFound) {
			return noImport(in.ImportArn.V)
		} else if err != nil {
			return err
		}
		t, err := s.load(tx, scope(c), i.Table)
		if err != nil && !isNotFound(err) {
			return err
		}
		out.ImportTableDescription = i.describe(scope(c), t)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (s *Service) listImports(c *wire.Call, in *dynamodb.ListImportsInput) (*dynamodb.ListImportsOutput, error) {
	page := record.Page{Limit: int(in.PageSize.Or(25)), After: fromLong(in.NextToken.V), Reverse: true}
	if in.TableArn.Set {
		name, err := tableName(c, in.TableArn.V)
		if err != nil {
			return nil, err
		}
		page.Prefix = []any{name}
	}
	out := &dynamodb.ListImportsOutput{ImportSummaryList: []dynamodb.ImportSummary{}}
	err := s.db.View(c, func(tx *kv.Tx) error {
		rows, next, err := importRows.List(tx, scope(c), page)
		for _, i := range rows {
			sum := dynamodb.ImportSummary{ImportArn: wire.Some(i.arn(scope(c))), ImportStatus: wire.Some(i.Status), TableArn: wire.Some(tableARN(scope(c), i.Table)), S3BucketSource: i.source(scope(c)),
				InputFormat: wire.Some(i.Format), StartTime: wire.Some(i.Begun)}
			if !i.Ended.IsZero() {
				sum.EndTime = wire.Some(i.Ended)
			}
			out.ImportSummaryList = append(out.ImportSummaryList, sum)
		}
		if next != "" {
			out.NextToken = wire.Some(long(next))
		}
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
