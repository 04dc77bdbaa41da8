package crash

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"bothy/kv"
	"bothy/kv/pebblekv"
)

// fixtureOf names the program whose data directory is to be written, see testdata/README.md.
const fixtureOf, fixtureName = "BOTHY_FIXTURE_PROGRAM", "BOTHY_FIXTURE_NAME"

// TestOldDirectories opens what earlier programs wrote with the program of today, and reads rows, objects and users.
func TestOldDirectories(t *testing.T) {
	t.Parallel()
	archives, err := filepath.Glob("testdata/*.tar.gz")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no fixtures: %v, %v", archives, err)
	}
	for _, a := range archives {
		t.Run(filepath.Base(a), func(t *testing.T) {
			dir := unpack(t, a)
			p, err := start(build(t), dir)
			if err != nil {
				t.Fatal(err)
			}
			defer p.kill()
			c, err := dial(p, dir)
			if err != nil {
				t.Fatal(err)
			}
			if err := readFixture(c); err != nil {
				t.Error(err)
			}
			p.kill()
			if err := walk(dir); err != nil {
				t.Error(err)
			}
		})
	}
}

const fixtureItems = 40

// writeFixture writes a part of what readFixture looks for: part 0, then part 1.
func writeFixture(c *client, part int) error {
	if part == 0 {
		l := &rows{}
		p := newPeople(&tally{})
		_, _, bucket := c.s3(http.MethodPut, "/fixture", nil, nil)
		if err := errors.Join(l.setup(c), p.setup(c), bucket); err != nil {
			return err
		}
	}
	pool, err := fixturePool(c)
	if err != nil {
		return err
	}
	var errs []error
	for i := part * fixtureItems / 2; i < (part+1)*fixtureItems/2; i++ {
		it := rowKey(0, i)
		it["g"], it["rank"], it["text"] = str(fmt.Sprint("g", i%3)), num(int64(i)), str(fmt.Sprint("text ", i))
		errs = append(errs, c.dynamo("PutItem", m{"TableName": "rows", "Item": it}, nil))
	}
	_, _, put := c.s3(http.MethodPut, fmt.Sprint("/fixture/whole", part), nil, bytesOf(uint64(part), 3000))
	_, parts := multipart(c, fmt.Sprint("/fixture/parts", part), bytesOf(uint64(part)+10, 5000))
	who := m{"UserPoolId": pool, "Username": fmt.Sprint("user", part), "UserAttributes": names(fmt.Sprintf("user%d@example.com", part)), "MessageAction": "SUPPRESS"}
	errs = append(errs, put, parts, c.cognito("AdminCreateUser", who, nil))
	errs = append(errs, c.cognito("AdminSetUserPassword", m{"UserPoolId": pool, "Username": fmt.Sprint("user", part), "Password": "Secret-123!", "Permanent": true}, nil))
	return errors.Join(errs...)
}

func fixturePool(c *client) (string, error) {
	var pools struct{ UserPools []struct{ Id string } }
	if err := c.cognito("ListUserPools", m{"MaxResults": 5}, &pools); err != nil {
		return "", err
	}
	if len(pools.UserPools) != 1 {
		return "", fmt.Errorf("%d user pools", len(pools.UserPools))
	}
	return pools.UserPools[0].Id, nil
}

func readFixture(c *client) error {
	var errs []error
	for _, index := range []string{"", "rank"} {
		in := m{"TableName": "rows", "KeyConditionExpression": "w = :w", "ExpressionAttributeValues": m{":w": str("w0")}}
		if index != "" {
			in["IndexName"] = index
		}
		found, err := query(c, in)
		if err != nil || len(found) != fixtureItems || found[7].value() != "g1 7 text 7" {
			errs = append(errs, fmt.Errorf("%d items by %q: %v, %w", len(found), index, found, err))
		}
	}
	found, err := query(c, m{"TableName": "rows", "IndexName": "group", "KeyConditionExpression": "g = :g", "ExpressionAttributeValues": m{":g": str("g1")}})
	if err != nil || len(found) != 13 {
		errs = append(errs, fmt.Errorf("%d items of group g1, %w", len(found), err))
	}
	pool, err := fixturePool(c)
	errs = append(errs, err)
	p := &people{tally: &tally{}, pool: pool}
	for part := range 2 {
		_, whole, err := c.s3(http.MethodGet, fmt.Sprint("/fixture/whole", part), nil, nil)
		_, parts, err2 := c.s3(http.MethodGet, fmt.Sprint("/fixture/parts", part), nil, nil)
		if err != nil || err2 != nil || !bytes.Equal(whole, bytesOf(uint64(part), 3000)) || !bytes.Equal(parts, bytesOf(uint64(part)+10, 5000)) {
			errs = append(errs, fmt.Errorf("objects %d: %d and %d bytes, %w, %w", part, len(whole), len(parts), err, err2))
		}
		errs = append(errs, p.named(c, fmt.Sprint("user", part), fmt.Sprintf("user%d@example.com", part)), signIn(c, pool, fmt.Sprint("user", part)))
	}
	return errors.Join(errs...)
}

// signIn signs a user in by password: what is sealed opens, and the pool's keys sign.
func signIn(c *client, pool, name string) error {
	var apps struct{ UserPoolClients []struct{ ClientId string } }
	if err := c.cognito("ListUserPoolClients", m{"UserPoolId": pool, "MaxResults": 1}, &apps); err != nil || len(apps.UserPoolClients) != 1 {
		return fmt.Errorf("app clients %v: %w", apps, err)
	}
	var out struct{ AuthenticationResult struct{ IdToken string } }
	in := m{"ClientId": apps.UserPoolClients[0].ClientId, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": m{"USERNAME": name, "PASSWORD": "Secret-123!"}}
	if err := c.cognito("InitiateAuth", in, &out); err != nil || out.AuthenticationResult.IdToken == "" {
		return fmt.Errorf("%s does not sign in: %w", name, err)
	}
	return nil
}

// TestNewerFormats: what a newer program wrote is refused with words that say so, and left as it is.
func TestNewerFormats(t *testing.T) {
	t.Parallel()
	archives, err := filepath.Glob("testdata/*.tar.gz")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no fixtures: %v, %v", archives, err)
	}
	for file, content := range map[string]string{"kv/bothy-format": "bothy kv 2\n", "blobs/bothy-format": "bothy blob 2\n"} {
		dir := unpack(t, archives[0])
		if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := start(build(t), dir)
		if err == nil {
			p.kill()
		}
		if err == nil || !strings.Contains(err.Error(), "unknown directory format: version 2, newer than 1") {
			t.Errorf("%s: %v", file, err)
		}
	}
	t.Run("row", func(t *testing.T) { newerRow(t, unpack(t, archives[0])) })
}

func newerRow(t *testing.T, dir string) {
	age(t, filepath.Join(dir, "kv"))
	p, err := start(build(t), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer p.kill()
	c, err := dial(p, dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.s3(http.MethodGet, "/fixture/whole0", nil, nil); err == nil || refused(err, "") {
		t.Errorf("a bucket of a newer format: %v", err)
	}
	p.kill()
	if said := p.log.String(); !strings.Contains(said, "row of a newer format") {
		t.Errorf("the node said %s", said)
	}
}

// age raises the version of the rows of buckets.
func age(t *testing.T, dir string) {
	t.Helper()
	e, err := pebblekv.Open(dir, pebblekv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	db := kv.New(e)
	defer db.Close()
	found := map[string][]byte{}
	err = db.Dump(context.Background(), func(k kv.Key, v []byte) error {
		if parts, err := k.Parts(); err == nil && len(parts) > 3 && parts[2] == "objects.bucket" && parts[3] == "r" {
			found[string(k)] = append([]byte{v[0] + 1}, v[1:]...)
		}
		return nil
	})
	if err != nil || len(found) == 0 {
		t.Fatalf("%d buckets, %v", len(found), err)
	}
	if err := db.Update(context.Background(), func(tx *kv.Tx) error {
		for k, v := range found {
			if err := tx.Set(kv.Key(k), v); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// TestMakeFixture is the command that writes the next fixture, see testdata/README.md.
func TestMakeFixture(t *testing.T) {
	program, name := os.Getenv(fixtureOf), os.Getenv(fixtureName)
	if program == "" || name == "" {
		t.Skipf("not asked to: it is a command, with %s and %s", fixtureOf, fixtureName)
	}
	dir := filepath.Join(t.TempDir(), "data")
	for part := range 2 { // the first ends in good order, so tables are written; the second is killed, so the log is needed
		p, err := start(program, dir)
		if err != nil {
			t.Fatal(err)
		}
		c, err := dial(p, dir)
		if err == nil {
			err = writeFixture(c, part)
		}
		if err == nil && part == 1 {
			err = readFixture(c)
		}
		if part == 0 {
			p.cmd.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it is killed otherwise
			<-p.ended
		}
		p.kill()
		if err != nil {
			t.Fatal(err)
		}
	}
	pack(t, dir, filepath.Join("testdata", name+".tar.gz"))
}

func pack(t *testing.T, dir, to string) {
	t.Helper()
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	a := tar.NewWriter(z)
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		h, err := tar.FileInfoHeader(info, "")
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		h.Name, h.Uname, h.Gname, h.Uid, h.Gid = filepath.ToSlash(rel), "", "", 0, 0
		if err := a.WriteHeader(h); err != nil || !info.Mode().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		_, err = a.Write(content)
		return err
	})
	if err := errors.Join(err, a.Close(), z.Close(), os.WriteFile(to, b.Bytes(), 0o644)); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %d bytes", to, b.Len())
}

// unpack makes a data directory of an archive of ours.
func unpack(t *testing.T, archive string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for a := tar.NewReader(z); ; {
		h, err := a.Next()
		if errors.Is(err, io.EOF) {
			return dir
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, filepath.FromSlash(h.Name))
		if h.Typeflag == tar.TypeDir {
			err = os.MkdirAll(path, 0o700)
		} else {
			var content []byte
			if content, err = io.ReadAll(a); err == nil {
				err = os.WriteFile(path, content, 0o600)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
