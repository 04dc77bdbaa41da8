package node

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"bothy/api/dynamodb"
	"bothy/api/s3"
	"bothy/backup"
	"bothy/kv"
	"bothy/outbox"
	"bothy/record"
	"bothy/wire"
	"bothy/wire/item"
	"bothy/wire/sigv4"
)

// furnish gives the node a table with an index and items, and objects, one of which is removed again.
func (n *testNode) furnish() {
	n.t.Helper()
	text := func(name string) dynamodb.AttributeDefinition {
		return dynamodb.AttributeDefinition{AttributeName: wire.Some(name), AttributeType: wire.Some("S")}
	}
	invoke(n, dynamodb.CreateTable, &dynamodb.CreateTableInput{
		TableName: wire.Some("notes"), BillingMode: wire.Some("PAY_PER_REQUEST"), AttributeDefinitions: []dynamodb.AttributeDefinition{text("id"), text("by")},
		KeySchema: []dynamodb.KeySchemaElement{{AttributeName: wire.Some("id"), KeyType: wire.Some("HASH")}},
		GlobalSecondaryIndexes: []dynamodb.GlobalSecondaryIndex{{
			IndexName: wire.Some("writer"), KeySchema: []dynamodb.KeySchemaElement{{AttributeName: wire.Some("by"), KeyType: wire.Some("HASH")}},
			Projection: &dynamodb.Projection{ProjectionType: wire.Some("ALL")},
		}},
	})
	for _, id := range []string{"a", "b", "c"} {
		invoke(n, dynamodb.PutItem, &dynamodb.PutItemInput{TableName: wire.Some("notes"), Item: item.Item{
			{Name: "id", Value: item.Value{Kind: item.S, Str: id}}, {Name: "by", Value: item.Value{Kind: item.S, Str: "x"}},
		}})
	}
	invoke(n, s3.CreateBucket, &s3.CreateBucketInput{Bucket: wire.Some("files")})
	for _, key := range []string{"one", "two", "three"} {
		n.putObject(key, "content of "+key)
	}
	n.message("a@example.com", "123456")
}

func (n *testNode) putObject(key, content string) {
	n.t.Helper()
	invoke(n, s3.PutObject, &s3.PutObjectInput{Bucket: wire.Some("files"), Key: wire.Some(key), Body: strings.NewReader(content)})
}

func (n *testNode) getObject(key string) string {
	n.t.Helper()
	out := invoke(n, s3.GetObject, &s3.GetObjectInput{Bucket: wire.Some("files"), Key: wire.Some(key)})
	b, err := io.ReadAll(out.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	return string(b)
}

// backUp asks the node for a backup and writes it to a file.
func (n *testNode) backUp() (path string) {
	n.t.Helper()
	res := n.askBackup(n.root())
	defer res.Body.Close() //nolint:errcheck // only read
	path = filepath.Join(n.t.TempDir(), "backup")
	if err := backup.Create(n.t.Context(), path, func(w io.Writer) error {
		_, _, err := backup.Copy(res.Body, func(backup.Header) (io.Writer, error) { return w, nil })
		return err
	}); err != nil {
		n.t.Fatalf("HTTP %d: %v", res.StatusCode, err)
	}
	return path
}

func (n *testNode) askBackup(keys sigv4.Credentials) *http.Response {
	n.t.Helper()
	r, err := http.NewRequest(http.MethodPost, n.URL()+"/_bothy/backup", nil)
	if err != nil {
		n.t.Fatal(err)
	}
	sigv4.Sign(r, keys, "bothy", "us-east-1", time.Now(), nil)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		n.t.Fatal(err)
	}
	return res
}

// verified is what Verify says of a directory or a backup.
func verified(t *testing.T, data, from string) (faults int, report string) {
	t.Helper()
	return verifiedAt(t, Places{Data: data}, from)
}

func verifiedAt(t *testing.T, p Places, from string) (faults int, report string) {
	t.Helper()
	var b bytes.Buffer
	faults, err := Verify(t.Context(), p, from, "", &b)
	if err != nil {
		t.Fatal(err)
	}
	return faults, b.String()
}

func TestBackupAndRestore(t *testing.T) {
	n := run(t, Config{})
	n.furnish()
	keys, file := n.root(), n.backUp()
	if faults, report := verified(t, "", file); faults > 0 {
		t.Errorf("the backup: %s", report)
	}
	n.putObject("four", "later")
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
	if faults, report := verified(t, n.cfg.DataDir, ""); faults > 0 || !strings.Contains(report, "3 tables.item\n") || !strings.Contains(report, "4 blobs") {
		t.Errorf("the directory: %s", report)
	}
	key := filepath.Join(n.cfg.DataDir, masterKeyFile)
	other := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(other, []byte(strings.Repeat("ab", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "restored")
	for _, c := range []struct {
		o    RestoreOptions
		want string
	}{
		{RestoreOptions{From: file, To: Places{Data: to}}, "--master-key"},
		{RestoreOptions{From: file, To: Places{Data: to}, MasterKey: other}, "not the master key"},
		{RestoreOptions{From: file, To: Places{Data: n.cfg.DataDir}, MasterKey: key}, "not empty"},
		{RestoreOptions{From: file, To: Places{Data: to}, MasterKey: key, Passphrase: key}, "not sealed"},
		{RestoreOptions{From: cutOff(t, file), To: Places{Data: to}, MasterKey: key}, "cut off"},
		{RestoreOptions{From: file, To: Places{Data: to}, MasterKey: key, Log: n.cfg.DataDir, Until: time.Now()}, "was not kept"},
		{RestoreOptions{From: file, To: Places{Data: to}, MasterKey: key, Log: n.cfg.DataDir, Until: time.Now().Add(-time.Hour)}, "older one"},
	} {
		if _, err := Restore(t.Context(), c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c.o, err)
		}
	}
	if left, err := os.ReadDir(filepath.Dir(to)); err != nil || len(left) > 0 {
		t.Errorf("refused restores left %v, %v", left, err)
	}
	if _, err := Restore(t.Context(), RestoreOptions{From: file, To: Places{Data: to}, MasterKey: key}); err != nil {
		t.Fatal(err)
	}
	back := run(t, Config{DataDir: to})
	if back.account != n.account || back.root() != keys || back.getObject("two") != "content of two" {
		t.Error("the restored node is another one")
	}
	list, _, err := back.services.outbox.List(t.Context(), back.account, outbox.Query{To: "a@example.com"})
	if err != nil || len(list) != 1 || list[0].Fields["code"] != "123456" {
		t.Errorf("what was sealed came back as %+v, %v", list, err)
	}
}

func cutOff(t *testing.T, file string) string {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	short := filepath.Join(t.TempDir(), "short")
	if err := os.WriteFile(short, raw[:len(raw)-10], 0o600); err != nil {
		t.Fatal(err)
	}
	return short
}

// TestVerifyFindsWhatIsBroken breaks a stopped node's directory in one way after the other.
func TestVerifyFindsWhatIsBroken(t *testing.T) {
	n := run(t, Config{})
	n.furnish()
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
	rows := func(change func(tx *kv.Tx, find func(contains string) kv.Pair) error) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) { tamper(t, dir, change) }
	}
	for _, c := range []struct {
		name, want string
		change     func(t *testing.T, dir string)
	}{
		{"entry of an index deleted", "objects.object/i/blob", rows(func(tx *kv.Tx, find func(string) kv.Pair) error { return tx.Delete(find("objects.object/i/blob").Key) })},
		{"entry of an index of a table deleted", "an entry is missing", rows(func(tx *kv.Tx, find func(string) kv.Pair) error { return tx.Delete(find("tables.index").Key) })},
		{"row deleted, not its entries", "an entry that no row explains", rows(func(tx *kv.Tx, find func(string) kv.Pair) error {
			return tx.Delete(find("objects.object/r/files/two").Key)
		})},
		{"item deleted, not its entries", "an entry that no row explains", rows(func(tx *kv.Tx, find func(string) kv.Pair) error { return tx.Delete(find("tables.item").Key) })},
		{"entry that leads elsewhere", "an entry that no row explains", rows(func(tx *kv.Tx, find func(string) kv.Pair) error {
			return tx.Set(find("objects.object/i/blob").Key, find("objects.bucket/r").Key)
		})},
		{"row under another key", "another key", rows(func(tx *kv.Tx, find func(string) kv.Pair) error {
			return tx.Set(kv.K(n.account, "", "objects.bucket", "r", "other"), find("objects.bucket/r").Value)
		})},
		{"malformed row", "objects.bucket", rows(func(tx *kv.Tx, find func(string) kv.Pair) error {
			return tx.Set(find("objects.bucket/r").Key, []byte("\x01{"))
		})},
		{"row of a newer format", "newer", rows(func(tx *kv.Tx, find func(string) kv.Pair) error {
			return tx.Set(find("objects.object/r").Key, []byte("\xff{}"))
		})},
		{"malformed item", "malformed item", rows(func(tx *kv.Tx, find func(string) kv.Pair) error { return tx.Set(find("tables.item").Key, []byte{1, 9}) })},
		{"malformed job", "record.queue", rows(func(tx *kv.Tx, _ func(string) kv.Pair) error {
			return tx.Set(kv.K("", "", "record.queue", "k", 1, "id"), []byte("\x01{}"))
		})},
		{"key of nobody", "no part of this program", rows(func(tx *kv.Tx, _ func(string) kv.Pair) error { return tx.Set(kv.K("a", "b", "strange", "r"), nil) })},
		{"malformed key", "no part of this program", rows(func(tx *kv.Tx, _ func(string) kv.Pair) error { return tx.Set(kv.Key{0xFE, 1}, nil) })},
		{"expiry of nobody", "an entry that no row explains", rows(func(tx *kv.Tx, _ func(string) kv.Pair) error {
			return tx.Set(kv.K("", "", "record.expiry", 5, []byte("x")), kv.K([]byte("x")))
		})},
		{"byte of a blob flipped", "its content is not what its name says", func(t *testing.T, dir string) {
			eachBlob(t, dir, func(path string, raw []byte) error { raw[0] ^= 1; return os.WriteFile(path, raw, 0o600) })
		}},
		{"blob gone", "a row names it, and it is not there", func(t *testing.T, dir string) {
			eachBlob(t, dir, func(path string, _ []byte) error { return os.Remove(path) })
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(n.cfg.DataDir)); err != nil {
				t.Fatal(err)
			}
			if faults, report := verified(t, dir, ""); faults > 0 {
				t.Fatalf("before: %s", report)
			}
			c.change(t, dir)
			if faults, report := verified(t, dir, ""); faults == 0 || !strings.Contains(report, c.want) {
				t.Errorf("%d faults: %s", faults, report)
			}
		})
	}
}

// tamper changes rows of a stopped node. find finds the first pair whose key, as text, has a part.
func tamper(t *testing.T, dir string, change func(tx *kv.Tx, find func(string) kv.Pair) error) {
	t.Helper()
	s, err := openStores(t.Context(), opening{Places: Places{Data: dir}})
	if err != nil {
		t.Fatal(err)
	}
	err = s.db.Update(t.Context(), func(tx *kv.Tx) error {
		return change(tx, func(part string) (found kv.Pair) {
			if err := tx.Scan(kv.Range{}, func(k kv.Key, v []byte) bool {
				if strings.Contains(record.Text(k), part) {
					found = kv.Pair{Key: bytes.Clone(k), Value: bytes.Clone(v)}
				}
				return found.Key == nil
			}); err != nil || found.Key == nil {
				t.Fatalf("no key with %s: %v", part, err)
			}
			return found
		})
	})
	if err := errors.Join(err, s.close()); err != nil {
		t.Fatal(err)
	}
}

func eachBlob(t *testing.T, dir string, fn func(path string, raw []byte) error) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(dir, blobsDir, "blobs"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return fn(path, raw)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestBackupIsForOperators: whoever may not is refused, and two at once are not made.
func TestBackupIsForOperators(t *testing.T) {
	n := run(t, Config{})
	n.furnish()
	for name, c := range map[string]struct {
		keys   sigv4.Credentials
		status int
	}{
		"root": {n.root(), 200}, "operator": {n.user("operator", "bothy:CreateBackup"), 200}, "reader": {n.user("reader", "bothy:ListMessages"), 403},
		"app": {n.session(), 403}, "nobody": {sigv4.Credentials{AccessKey: "AKIDNOBODY", Secret: "x"}, 403},
	} {
		res := n.askBackup(c.keys)
		body, err := io.ReadAll(res.Body)
		res.Body.Close() //nolint:errcheck // only read
		if err != nil || res.StatusCode != c.status || bytes.HasPrefix(body, []byte("bothy backup ")) != (c.status == 200) {
			t.Errorf("%s: HTTP %d, %v: %.100s", name, res.StatusCode, err, body)
		}
	}
	n.backups.Lock()
	res := n.askBackup(n.root())
	res.Body.Close() //nolint:errcheck // only read
	n.backups.Unlock()
	if res.StatusCode != http.StatusConflict {
		t.Errorf("a second one at once: HTTP %d", res.StatusCode)
	}
	if held, err := n.held(t.Context()); err != nil || held {
		t.Errorf("blobs are held after the last backup: %v, %v", held, err)
	}
}

// TestSweeperWaitsForBackups: what no row names any more stays while somebody holds the blobs.
func TestSweeperWaitsForBackups(t *testing.T) {
	var ahead atomic.Int64 // of the clock
	n := run(t, Config{Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
	n.furnish()
	remove := func(key string) {
		invoke(n, s3.DeleteObject, &s3.DeleteObjectInput{Bucket: wire.Some("files"), Key: wire.Some(key)})
	}
	left := func() (count int) {
		if err := n.services.sweepBlobs(t.Context()); err != nil {
			t.Fatal(err)
		}
		eachBlob(t, n.cfg.DataDir, func(string, []byte) error { count++; return nil })
		return count
	}
	remove("one")
	ahead.Add(int64(48 * time.Hour)) // everything is old enough
	_, _, release, err := n.hold(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n := left(); n != 3 {
		t.Errorf("%d blobs are left of 3 that are held", n)
	}
	release()
	if n := left(); n != 2 {
		t.Errorf("%d blobs are left of 2 with names", n)
	}
	remove("two")
	if _, _, _, err = n.hold(t.Context()); err != nil {
		t.Fatal(err)
	}
	ahead.Add(int64(time.Hour)) // its node died: an hour later it holds nothing
	if n := left(); n != 1 {
		t.Errorf("%d blobs are left of 1 with a name", n)
	}
}

// TestRecoverToAMoment brings a backup up to moments after it, with the blobs of that time: also those that were swept since.
func TestRecoverToAMoment(t *testing.T) {
	var ahead atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	n := run(t, Config{Now: now, KeepLog: 72 * time.Hour})
	n.furnish()
	res := n.askBackup(n.root())
	file := filepath.Join(t.TempDir(), "backup")
	raw, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close(), os.WriteFile(file, raw, 0o600)); err != nil {
		t.Fatal(err)
	}
	moments := map[string]time.Time{}
	note := func(name string) { // between two writes
		time.Sleep(time.Millisecond)
		moments[name] = now()
		time.Sleep(time.Millisecond)
	}
	n.putObject("four", "later than the backup")
	note("four is there")
	invoke(n, s3.DeleteObject, &s3.DeleteObjectInput{Bucket: wire.Some("files"), Key: wire.Some("four")})
	note("four is gone")
	ahead.Add(int64(48 * time.Hour))
	if err := n.services.sweepBlobs(t.Context()); err != nil {
		t.Fatal(err)
	}
	eachBlob(t, n.cfg.DataDir, func(_ string, raw []byte) error {
		if string(raw) == "later than the backup" {
			t.Error("the blob was not swept, so nothing is proved about such")
		}
		return nil
	})
	n.putObject("two", "overwritten")
	note("two is another")
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{
		"four is there": {"content of two", "later than the backup"}, "four is gone": {"content of two", ""}, "two is another": {"overwritten", ""},
	} {
		to := filepath.Join(t.TempDir(), "restored")
		said, err := Restore(t.Context(), RestoreOptions{From: file, To: Places{Data: to}, MasterKey: filepath.Join(n.cfg.DataDir, masterKeyFile), Log: n.cfg.DataDir, Until: moments[name]})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if faults, report := verified(t, to, ""); faults > 0 {
			t.Errorf("%s: %s", name, report)
		}
		back := run(t, Config{DataDir: to})
		if got := back.getObject("two"); got != want[0] {
			t.Errorf("%s: two is %q", name, got)
		}
		out, err := wire.Invoke(t.Context(), back.services.mux, internal(back.account), "us-east-1", s3.GetObject, &s3.GetObjectInput{Bucket: wire.Some("files"), Key: wire.Some("four")})
		if (err == nil) != (want[1] != "") {
			t.Errorf("%s: four is %v, %v", name, out, err)
		} else if err == nil {
			if b, err := io.ReadAll(out.Body); err != nil || string(b) != want[1] {
				t.Errorf("%s: four is %q, %v", name, b, err)
			}
		}
		t.Logf("%s: %s", name, strings.TrimSpace(said))
	}
}
