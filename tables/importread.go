package tables

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"

	"bothy/kv"
	"bothy/wire"
	"bothy/wire/item"
)

// Limits of what is read at an import.
const (
	maxImportLine   = 8 << 20  // bytes of one item as text
	maxImportWindow = 64 << 20 // bytes that ZSTD may refer back to
	importBatch     = 200      // items written in one transaction
	importBytes     = 1 << 20  // of items in one transaction, roughly
	loggedMistakes  = 20       // of each batch
	tokenLength     = 112      // ListImports' tokens are at least as long
)

// long makes a page token as ListImports has them: hexadecimal, in sixteens, of a least length.
func long(token string) string {
	n := max((len(token)+7)/8*8, tokenLength/2)
	return hex.EncodeToString(append([]byte(token), make([]byte, n-len(token))...))
}

func fromLong(token string) string {
	b, err := hex.DecodeString(token)
	if err != nil {
		return "?" // no token of ours
	}
	return strings.TrimRight(string(b), "\x00")
}

// source reads items: the next one, a mistake in it (errMistake), or an error that ends the object: io.EOF after the last.
type source func() (item.Item, error)

// errMistake is something wrong with one item, which does not keep others from being read.
var errMistake = errors.New("tables: not an item")

// finishImport reads the next object, all of it, or ends the import after the last.
func (s *Service) finishImport(ctx context.Context, j *job) error {
	var i *importing
	var o *importObject
	err := s.db.View(ctx, func(tx *kv.Tx) (err error) {
		if i, err = importRows.Get(tx, j.at(), j.Target, j.Subject); err == nil && j.Done < i.Objects {
			o, err = importedRows.Get(tx, j.at(), i.ID, j.Done)
		}
		return err
	})
	if err != nil {
		return err
	}
	if o == nil {
		return s.endImport(ctx, j, "", "")
	}
	err = s.readObject(ctx, j, i, o)
	if f := wire.Fault(nil); errors.As(err, &f) {
		if code, status, message := f.Fault(); status < 500 {
			return s.endImport(ctx, j, "S3"+code, o.Key+": "+message)
		}
	}
	if errors.Is(err, errObject) {
		return s.endImport(ctx, j, codeMistakes, fmt.Sprintf("%s: %v", o.Key, err))
	}
	return err
}

// errObject says that an object cannot be read to its end.
var errObject = errors.New("tables: object cannot be read")

// readObject takes the items of an object, from where the job is.
func (s *Service) readObject(ctx context.Context, j *job, i *importing, o *importObject) error {
	body, err := s.objects.Open(ctx, nil, j.Region, i.Bucket, o.Key)
	if err != nil {
		return err
	}
	defer body.Close() //nolint:errcheck // only read
	t, err := s.peek(ctx, chore{j.Account, j.Region, j.Target})
	if err != nil {
		return err
	}
	if t == nil || t.ID != j.Copy.To {
		return s.endImport(ctx, j, "TableGone", "The table is gone")
	}
	read := int64(0)
	next, err := i.open(body, t, &read)
	if err != nil {
		return err
	}
	for skip := j.Within; skip > 0; skip-- {
		if _, err := next(); err != nil && !errors.Is(err, errMistake) {
			return err
		}
	}
	for ended := false; !ended; {
		b := batchOf{object: o}
		if ended, err = b.fill(next); err != nil {
			return err
		}
		if err := s.takeBatch(ctx, j, &b, ended, read); err != nil {
			return err
		}
	}
	return nil
}

// countingReader counts what is read.
type countingReader struct {
	io.Reader
	n *int64
}

func (c countingReader) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	*c.n += int64(n)
	return n, err
}

// open is the items in an object; read is how many bytes of it, unpacked, were read.
func (i *importing) open(body io.Reader, t *table, read *int64) (source, error) {
	switch i.Packing {
	case "GZIP":
		z, err := gzip.NewReader(body)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errObject, err)
		}
		body = z
	case "ZSTD":
		z, err := zstd.NewReader(body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxImportWindow))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errObject, err)
		}
		body = z // with one worker it has nothing to close
	}
	body = countingReader{body, read}
	if i.Format == "CSV" {
		return i.csv(body, t)
	}
	return jsonLines(body), nil
}

// jsonLines reads {"Item": {…}} line by line.
func jsonLines(body io.Reader) source {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxImportLine)
	return func() (item.Item, error) {
		for lines.Scan() {
			if len(bytes.TrimSpace(lines.Bytes())) == 0 {
				continue
			}
			return lineItem(lines.Bytes())
		}
		if err := lines.Err(); err != nil {
			return nil, fmt.Errorf("%w: %w", errObject, err)
		}
		return nil, io.EOF
	}
}

func lineItem(line []byte) (item.Item, error) {
	var whole struct{ Item json.RawMessage }
	if err := json.Unmarshal(line, &whole); err != nil {
		return nil, fmt.Errorf("%w: %w", errMistake, err)
	}
	it, err := item.ParseJSON(string(whole.Item))
	if err != nil || it == nil {
		return nil, fmt.Errorf("%w: %v", errMistake, err)
	}
	return it, nil
}

// csv reads lines whose columns are attributes: texts, but for what keys need otherwise.
func (i *importing) csv(body io.Reader, t *table) (source, error) {
	r := csv.NewReader(body)
	r.FieldsPerRecord, r.ReuseRecord = -1, true
	if i.Delimiter != "" {
		r.Comma = []rune(i.Delimiter)[0]
	}
	header := i.Header
	if header == nil {
		first, err := r.Read()
		if errors.Is(err, io.EOF) {
			return func() (item.Item, error) { return nil, io.EOF }, nil
		} else if err != nil {
			return nil, fmt.Errorf("%w: %w", errObject, err)
		}
		header = append([]string(nil), first...)
	}
	return func() (item.Item, error) {
		fields, err := r.Read()
		var wrong *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			return nil, io.EOF
		case errors.As(err, &wrong):
			return nil, fmt.Errorf("%w: %w", errMistake, err)
		case err != nil:
			return nil, fmt.Errorf("%w: %w", errObject, err)
		case len(fields) != len(header):
			return nil, fmt.Errorf("%w: %d fields under %d headers", errMistake, len(fields), len(header))
		}
		it := make(item.Item, len(fields))
		for n, text := range fields {
			it[n].Name = header[n]
			if it[n].Value, err = t.typed(header[n], strings.Clone(text)); err != nil {
				return nil, err
			}
		}
		return it, nil
	}, nil
}

// typed is a text as the value of an attribute.
func (t *table) typed(name, text string) (item.Value, error) {
	switch a := t.attribute(name); {
	case a == nil || a.Type == "S":
		return item.Text(text), nil
	case a.Type == "N":
		return item.Number(text), nil
	}
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return item.Value{}, fmt.Errorf("%w: %w", errMistake, err)
	}
	return item.Bytes(b), nil
}

// batchOf is what is taken of an object in one transaction.
type batchOf struct {
	object   *importObject
	items    []item.Item
	sizes    []int
	seen     int
	bytes    int
	mistakes []error
}

// fill reads a batch; ended tells that the object has no more.
func (b *batchOf) fill(next source) (ended bool, err error) {
	for b.seen < importBatch && b.bytes < importBytes {
		it, err := next()
		switch {
		case errors.Is(err, io.EOF):
			return true, nil
		case errors.Is(err, errMistake):
			b.mistakes = append(b.mistakes, err)
		case err != nil:
			return false, err
		default:
			b.take(it)
		}
		b.seen++
	}
	return false, nil
}

func (b *batchOf) take(it item.Item) {
	size, err := normaliseItem(it)
	if err == nil && size > maxItem {
		err = validation("%s", itemTooLarge)
	}
	if err != nil {
		b.mistakes = append(b.mistakes, err)
		return
	}
	b.items, b.sizes, b.bytes = append(b.items, it), append(b.sizes, size), b.bytes+size
}

// takeBatch writes a batch, and notes how far the import is, in one transaction; read is the size of the object when it ended.
func (s *Service) takeBatch(ctx context.Context, j *job, b *batchOf, ended bool, read int64) error {
	var wrong []error
	after := *j
	err := s.advance(ctx, j, func(tx *kv.Tx, now *job) error {
		wrong = b.mistakes[:len(b.mistakes):len(b.mistakes)]
		t, err := s.load(tx, now.at(), now.Target)
		if err != nil {
			return err
		}
		i, err := importRows.Get(tx, now.at(), now.Target, now.Subject)
		if err != nil {
			return err
		}
		for n, it := range b.items {
			if err := t.checkItem(it); err != nil {
				wrong = append(wrong, err)
				continue
			}
			if err := t.take(tx, it, b.sizes[n]); err != nil {
				return err
			}
			i.Taken++
		}
		i.Seen += int64(b.seen)
		i.Mistakes += int64(len(wrong))
		if now.Within += b.seen; ended {
			now.Done, now.Within = now.Done+1, 0
			i.Bytes += read
		}
		after = *now
		return importRows.Put(tx, now.at(), i)
	})
	if err == nil {
		*j = after
	}
	for n, w := range wrong {
		if err == nil && n < loggedMistakes {
			s.log.Warn("item of an import not taken", "table", j.Target, "import", j.Subject, "object", b.object.Key, "error", w)
		}
	}
	return err
}

func (t *table) take(tx *kv.Tx, it item.Item, size int) error {
	row := t.itemKey(it)
	old, err := read(tx, row)
	if err != nil {
		return err
	}
	return t.place(tx, row, old, it, size)
}

// What an import ends with that met mistakes. What it could take, it has taken.
const (
	codeMistakes = "ItemValidationError"
	textMistakes = "Some of the items failed validation checks and were not imported. Please check CloudWatch error logs for more details."
)

// endImport opens the table, with what it has.
func (s *Service) endImport(ctx context.Context, j *job, code, message string) error {
	return s.db.Update(ctx, func(tx *kv.Tx) error {
		i, err := importRows.Get(tx, j.at(), j.Target, j.Subject)
		if err != nil {
			return err
		}
		if i.Status, i.Code, i.Message, i.Ended = completed, code, message, s.now(); code == "" && i.Mistakes > 0 {
			i.Code, i.Message = codeMistakes, textMistakes
		}
		if i.Code != "" {
			i.Status = failed
		}
		have, err := s.load(tx, j.at(), j.Target)
		if err != nil && !isNotFound(err) {
			return err
		}
		if err == nil && have.ID == j.Copy.To && have.Status == statusCreating {
			t := have.clone()
			t.Status = statusActive
			if err := t.save(tx); err != nil {
				return err
			}
		}
		for n := range i.Objects {
			if err := ignoreMissing(importedRows.Delete(tx, j.at(), i.ID, n)); err != nil {
				return err
			}
		}
		if err := importRows.Put(tx, j.at(), i); err != nil {
			return err
		}
		return ignoreMissing(s.endJob(tx, j))
	})
}
