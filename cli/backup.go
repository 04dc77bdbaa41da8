package cli

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"bothy/backup"
)

type backupCommand struct {
	shared         `embed:""`
	To             string `arg:"" help:"File to write, or s3://BUCKET/KEY?endpoint=https://HOST&region=REGION, whose keys are taken from where AWS's tools look for them."`
	PassphraseFile string `help:"Seal the backup with the passphrase in this file's first line, and put the node's master key into it, so that it can be restored without anything else." type:"existingfile" placeholder:"FILE"`
	MasterKey      string `help:"The node's master key, for a sealed backup of a node whose data directory is not on this machine." type:"existingfile" placeholder:"FILE"`
	Stopped        bool   `help:"Read the data directory of a node that is not running, instead of asking a running one."`
}

// Run writes a backup of a running node, or of a stopped one's directory. What arrives is checked before it gets its name.
func (b *backupCommand) Run(s *streams, t *Target) error {
	if backup.Remote(b.To) {
		t.own = true // the environment's key is the bucket's
	}
	passphrase, key, err := b.secrets(t)
	if err != nil {
		return err
	}
	from, err := b.source(s, t)
	if err != nil {
		return err
	}
	defer from.Close() //nolint:errcheck // only read
	var h backup.Header
	var all backup.Trailer
	err = backup.Create(s, b.To, func(to io.Writer) error {
		var envelope io.WriteCloser
		var err error
		h, all, err = backup.Copy(from, func(h backup.Header) (io.Writer, error) {
			if passphrase == "" {
				return to, nil
			}
			if err := h.Opens(key); err != nil {
				return nil, err
			}
			envelope, err = backup.Seal(to, passphrase, key)
			return envelope, err
		})
		if err == nil && envelope != nil {
			err = envelope.Close()
		}
		return err
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(s.out, b.report(t, h, all))
	return err
}

// secrets are the passphrase and the master key that a sealed backup needs.
func (b *backupCommand) secrets(t *Target) (passphrase string, key []byte, err error) {
	if b.PassphraseFile == "" {
		if b.MasterKey != "" {
			return "", nil, errors.New("--master-key goes with --passphrase-file: the key is only put into a sealed backup")
		}
		return "", nil, nil
	}
	if passphrase, err = backup.Passphrase(b.PassphraseFile); err != nil {
		return "", nil, err
	}
	path := b.MasterKey
	if path == "" {
		path = filepath.Join(t.Data, "master.key")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", nil, fmt.Errorf("a sealed backup holds the node's master key, which cannot be read (%w); name the data directory with --data, or the key with --master-key", err)
	}
	if key, err = hex.DecodeString(strings.TrimSpace(string(text))); err != nil {
		return "", nil, fmt.Errorf("%s holds no master key", path)
	}
	return passphrase, key, nil
}

// source is the stream of a backup.
func (b *backupCommand) source(s *streams, t *Target) (io.ReadCloser, error) {
	if !b.Stopped {
		return t.stream(s, request{service: "bothy", method: "POST", path: "/_bothy/backup"})
	}
	r, w := io.Pipe()
	go func() { w.CloseWithError(s.program.Backup(s, b.places(t), w)) }() //nolint:errcheck // never fails (io)
	return r, nil
}

func (b *backupCommand) report(t *Target, h backup.Header, all backup.Trailer) string {
	text := fmt.Sprintf("%d rows and %d blobs (%d bytes), as of %s, are in %s\n", all.Pairs, all.Blobs, all.PairBytes+all.BlobBytes, h.Created.Format(time.RFC3339), b.To)
	if b.PassphraseFile == "" {
		return text + fmt.Sprintf("They cannot be restored without the node's master key, which is not among them: keep a copy of\n%s in another place, or seal backups with --passphrase-file.\n",
			filepath.Join(t.Data, "master.key"))
	}
	return text + "The node's master key is among them, sealed: whoever has the passphrase has every secret, and without it nothing opens.\n"
}

// stream signs and sends r, and gives the answer's body to be read.
func (t *Target) stream(ctx context.Context, r request) (io.ReadCloser, error) {
	res, err := t.send(ctx, r)
	if err != nil {
		return nil, err
	}
	if res.StatusCode < 300 {
		return res.Body, nil
	}
	defer res.Body.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(io.LimitReader(res.Body, maxRefusal))
	if err != nil {
		return nil, err
	}
	return nil, refusal(res, body)
}

const maxRefusal = 1 << 20

// Places say where the state of a node lies: its directory, and what other nodes share.
type Places struct{ Data, Store, Blobs string }

// shared are the flags for places outside of the data directory.
type shared struct {
	Store string `help:"Database that nodes share, postgres://USER@HOST/DATABASE, when it is not the data directory that holds the state." env:"BOTHY_STORE" placeholder:"URL"`
	Blobs string `help:"Where such nodes keep objects: s3://BUCKET/PREFIX?endpoint=URL&region=REGION, or a shared directory." env:"BOTHY_BLOBS" placeholder:"PLACE"`
}

func (s shared) places(t *Target) Places { return Places{t.Data, s.Store, s.Blobs} }

// RestoreOptions say what to restore, and where to.
type RestoreOptions struct {
	From       string // file, or s3://BUCKET/KEY
	To         Places
	MasterKey  string // files
	Passphrase string

	Log   string // data directory whose log is applied; "" none
	Until time.Time
}

type restoreCommand struct {
	shared         `embed:""`
	From           string    `arg:"" help:"Backup to restore: a file, or s3://BUCKET/KEY?endpoint=https://HOST&region=REGION."`
	MasterKey      string    `help:"A copy of the file master.key of the node that the backup was made of; a sealed backup holds it." type:"existingfile" placeholder:"FILE"`
	PassphraseFile string    `help:"File with the passphrase of a sealed backup." type:"existingfile" placeholder:"FILE"`
	Log            string    `help:"Data directory of the node that the backup was made of, or a copy of it: what it did since then is done again. It must have been started with --keep-log." type:"existingdir" placeholder:"DIR"`
	To             time.Time `help:"The moment up to which it is done again, such as 2026-11-26T12:00:00Z; now, when not given." placeholder:"TIME"`
}

// Run makes a data directory of a backup.
func (r *restoreCommand) Run(s *streams, t *Target) error {
	if !r.To.IsZero() && r.Log == "" {
		return errors.New("--to needs --log: the data directory in which the log was kept")
	}
	if r.To.IsZero() {
		r.To = time.Now()
	}
	said, err := s.program.Restore(s, RestoreOptions{From: r.From, To: r.places(t), MasterKey: r.MasterKey, Passphrase: r.PassphraseFile, Log: r.Log, Until: r.To})
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(s.out, said)
	return err
}

type verifyCommand struct {
	shared         `embed:""`
	Backup         string `arg:"" optional:"" help:"Backup to check: a file, or s3://BUCKET/KEY?endpoint=https://HOST&region=REGION. Without it, the data directory of a node that is not running is checked."`
	PassphraseFile string `help:"File with the passphrase of a sealed backup." type:"existingfile" placeholder:"FILE"`
}

type migrateCommand struct {
	From      string `help:"Data directory of the node, with its master key." required:"" type:"existingdir" placeholder:"DIR"`
	FromStore string `help:"The database it has its rows in, postgres://USER@HOST/DATABASE, when they are not in that directory." placeholder:"URL"`
	FromBlobs string `help:"Where its objects are, s3://… or a directory, when they are not in that directory." placeholder:"PLACE"`
	To        string `help:"Data directory to make; the same as --from when only the rows move, to --to-store." required:"" type:"path" placeholder:"DIR"`
	ToStore   string `help:"The database to put the rows into, when that directory is not to hold them." placeholder:"URL"`
	ToBlobs   string `help:"Where to put the objects, when that directory is not to hold them." placeholder:"PLACE"`
}

// Run moves the state of a stopped node.
func (m *migrateCommand) Run(s *streams, _ *Target) error {
	from, err := filepath.Abs(m.From)
	if err != nil {
		return err
	}
	said, err := s.program.Migrate(s, Places{from, m.FromStore, m.FromBlobs}, Places{m.To, m.ToStore, m.ToBlobs})
	if err == nil {
		_, err = fmt.Fprint(s.out, said)
	}
	return err
}

var errFaults = errors.New("it is not whole")

// Run checks a backup or a data directory, and fails when something is wrong with it.
func (v *verifyCommand) Run(s *streams, t *Target) error {
	faults, err := s.program.Verify(s, v.places(t), v.Backup, v.PassphraseFile, s.out)
	if err == nil && faults > 0 {
		return fmt.Errorf("%w: %d faults", errFaults, faults)
	}
	return err
}
