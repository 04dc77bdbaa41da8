package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"time"

	"bothy/backup"
)

type usersCommand struct {
	Export     usersExport     `cmd:"" help:"Write a pool with its clients, groups and users, and what they sign in with, to a file that only the holder of a key can read."`
	Import     usersImport     `cmd:"" help:"Bring exported users into a pool."`
	RotateKeys usersRotateKeys `cmd:"" help:"Give a pool new signing keys. Tokens that the old ones signed stay good as long as they live."`
}

type usersExport struct {
	Pool      string `arg:"" help:"Id of the user pool."`
	To        string `arg:"" help:"File to write, or s3://BUCKET/KEY?endpoint=https://HOST&region=REGION."`
	Recipient string `help:"Public key of age (age1…) that the export is sealed for; age-keygen makes keys." required:"" placeholder:"KEY"`
}

func usersPath(pool, rest string) string { return "/_bothy/users/" + url.PathEscape(pool) + rest }

// Run exports a pool.
func (u *usersExport) Run(s *streams, t *Target) error {
	if backup.Remote(u.To) {
		t.own = true // the environment's key is the bucket's
	}
	body, err := json.Marshal(map[string]string{"recipient": u.Recipient})
	if err != nil {
		return err
	}
	from, err := t.stream(s, request{service: "bothy", method: "POST", path: usersPath(u.Pool, "/export"), kind: "application/json", body: body})
	if err != nil {
		return err
	}
	defer from.Close() //nolint:errcheck // only read
	var n int64
	if err := backup.Create(s, u.To, func(to io.Writer) (err error) {
		n, err = io.Copy(to, from)
		return err
	}); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "The pool %s is in %s (%d bytes), sealed: without the private key of %s nothing opens it.\n", u.Pool, u.To, n, u.Recipient)
	return err
}

type usersImport struct {
	From     string `arg:"" help:"File of exported users." type:"existingfile"`
	Identity string `help:"File with the private key of age that the export was sealed for." required:"" type:"existingfile" placeholder:"FILE"`
	Pool     string `help:"Id of the pool to bring them into; the exported one, when not given, which is made again when it is not there." placeholder:"ID"`
}

// exported is what the command reads of a line: what it is, and of which pool.
type exported struct {
	Pool *struct {
		Form string
		ID   string
	}
	User *struct{ Name string }
	End  *struct{ Users, Groups int }
}

// moved is what the node says of a part of an import.
type moved struct {
	Made, Reset       bool
	Imported, Present int
	Refused           []string
}

// Run reads the file twice: before the first user is sent, all are known to be there.
func (u *usersImport) Run(s *streams, t *Target) error {
	pool, users, err := u.check()
	if err != nil {
		return err
	}
	if u.Pool == "" {
		u.Pool = pool
	}
	var open struct{ Recipient, Token string }
	if err := t.call(s, request{service: "bothy", method: "POST", path: usersPath(u.Pool, "/import")}, &open); err != nil {
		return err
	}
	var all moved
	err = u.batches(func(lines []byte) error {
		var part moved
		if err := u.send(s, t, open.Recipient, open.Token, lines, &part); err != nil {
			return err
		}
		all.Made, all.Reset = all.Made || part.Made, all.Reset || part.Reset
		all.Imported, all.Present, all.Refused = all.Imported+part.Imported, all.Present+part.Present, append(all.Refused, part.Refused...)
		return nil
	})
	if err != nil {
		return fmt.Errorf("%d of %d users are in; the same command goes on: %w", all.Imported+all.Present, users, err)
	}
	return u.report(s, pool, &all)
}

func (u *usersImport) send(s *streams, t *Target, recipient, token string, lines []byte, out *moved) error {
	var sealed bytes.Buffer
	w, err := backup.SealTo(&sealed, recipient)
	if err != nil {
		return err
	}
	if _, err := w.Write(lines); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	body, err := json.Marshal(map[string]any{"token": token, "users": sealed.Bytes()})
	if err != nil {
		return err
	}
	return t.call(s, request{service: "bothy", method: "POST", path: usersPath(u.Pool, "/import/users"), kind: "application/json", body: body}, out)
}

// Bounds of what is read and sent at a time.
const (
	longestUser = 1 << 20
	batchBytes  = 2 << 20
)

// lines calls fn for each line of the file.
func (u *usersImport) lines(fn func(line []byte) error) (err error) {
	keys, err := os.ReadFile(u.Identity)
	if err != nil {
		return err
	}
	f, err := os.Open(u.From)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	open, err := backup.OpenWith(f, string(keys))
	if err != nil {
		return err
	}
	in := bufio.NewScanner(open)
	in.Buffer(nil, longestUser)
	for in.Scan() {
		if err := fn(in.Bytes()); err != nil {
			return err
		}
	}
	return in.Err()
}

var errNotExported = errors.New("this is not a file of exported users")

// check reads all of the file, and returns which pool it is of and how many users are in it.
func (u *usersImport) check() (pool string, users int, err error) {
	whole := false
	err = u.lines(func(line []byte) error {
		var e exported
		if err := json.Unmarshal(line, &e); err != nil || whole || pool == "" && (e.Pool == nil || e.Pool.Form != "bothy users") {
			return errNotExported
		}
		switch {
		case e.Pool != nil:
			pool = e.Pool.ID
		case e.User != nil:
			users++
		case e.End != nil:
			whole = e.End.Users == users
		}
		return nil
	})
	if err == nil && !whole {
		err = errNotExported
	}
	return pool, users, err
}

// batches calls fn with some lines at a time, of which the first is always the pool's.
func (u *usersImport) batches(fn func(lines []byte) error) error {
	var head, some []byte
	err := u.lines(func(line []byte) error {
		line = append(bytes.Clone(line), '\n')
		if head == nil {
			head, some = line, bytes.Clone(line)
			return nil
		}
		if some = append(some, line...); len(some) < batchBytes {
			return nil
		}
		err := fn(some)
		some = bytes.Clone(head)
		return err
	})
	if err != nil {
		return err
	}
	return fn(some)
}

const shownRefusals = 20

func (u *usersImport) report(s *streams, from string, all *moved) error {
	var b bytes.Buffer
	if all.Made {
		fmt.Fprintf(&b, "The pool %s was made again, with its clients.\n", u.Pool)
	}
	fmt.Fprintf(&b, "%d users came into %s, %d were there already.\n", all.Imported, u.Pool, all.Present)
	if all.Reset {
		fmt.Fprintf(&b, "Their passwords stay behind: what is kept of a password holds the id of its pool, %s. They must set a new one (RESET_REQUIRED).\n", plain(from))
	}
	for i, line := range all.Refused {
		if i == shownRefusals {
			fmt.Fprintf(&b, "and %d more\n", len(all.Refused)-i)
			break
		}
		fmt.Fprintf(&b, "not in: %s\n", plain(line))
	}
	if _, err := s.out.Write(b.Bytes()); err != nil || len(all.Refused) == 0 {
		return err
	}
	return fmt.Errorf("%d groups or users are not in", len(all.Refused))
}

type usersRotateKeys struct {
	Pool string `arg:"" help:"Id of the user pool."`
}

// Run rotates the keys of a pool.
func (u *usersRotateKeys) Run(s *streams, t *Target) error {
	var out struct {
		Keys []string
		From float64
	}
	if err := t.call(s, request{service: "bothy", method: "POST", path: usersPath(u.Pool, "/keys")}, &out); err != nil {
		return err
	}
	at := time.UnixMilli(int64(out.From * 1000)).Format(time.RFC3339)
	for _, id := range out.Keys {
		if _, err := fmt.Fprintln(s.out, plain(id)); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(s.out, "These keys sign from %s on; until then verifiers learn of them.\n", at)
	return err
}
