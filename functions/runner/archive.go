package runner

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

// ErrArchive says that an archive is damaged or hostile; ErrTooLarge that it holds more than a function may.
var (
	ErrArchive  = errors.New("runner: archive refused")
	ErrTooLarge = errors.New("runner: archive too large")
)

// CheckArchive reads a whole archive, writing nothing, and fails where Unpack would. It returns the unpacked size.
func CheckArchive(r io.ReaderAt, size int64) (unzipped int64, err error) {
	return walkArchive(r, size, discard{})
}

// Unpack writes an archive below dir, which must be empty. Nothing outside dir is touched, whatever the archive says.
func Unpack(r io.ReaderAt, size int64, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	_, err = walkArchive(r, size, rootWriter{root})
	return err
}

// unpacker is where the entries of an archive go.
type unpacker interface {
	directory(name string) error
	file(name string, mode fs.FileMode, from io.Reader) (int64, error)
	link(name, target string) error
}

func walkArchive(r io.ReaderAt, size int64, to unpacker) (int64, error) {
	if size > MaxZipBytes {
		return 0, fmt.Errorf("%w: %d bytes", ErrTooLarge, size)
	}
	z, err := zip.NewReader(r, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return 0, fmt.Errorf("%w: %w", ErrArchive, err)
	}
	if len(z.File) > MaxZipFiles {
		return 0, fmt.Errorf("%w: %d files", ErrTooLarge, len(z.File))
	}
	w := walker{to: to, kinds: map[string]kind{"": isDir}}
	for _, f := range z.File {
		if err := w.entry(f); err != nil {
			return 0, err
		}
	}
	// Links come last, so that no entry is ever written through one.
	for _, l := range w.links {
		if err := to.link(l.name, l.target); err != nil {
			return 0, fmt.Errorf("%w: %s: %w", ErrArchive, l.name, err)
		}
	}
	return w.total, nil
}

type kind uint8

const (
	isDir kind = iota + 1
	isFile
	isLink
)

type walker struct {
	to    unpacker
	kinds map[string]kind
	links []struct{ name, target string }
	total int64
}

func (w *walker) entry(f *zip.File) error {
	name, err := cleanName(f.Name)
	if err != nil {
		return err
	}
	mode := f.Mode()
	switch {
	case mode.IsDir() || strings.HasSuffix(f.Name, "/"):
		return w.directory(name)
	case mode&fs.ModeSymlink != 0:
		return w.symlink(name, f)
	case !mode.IsRegular():
		return fmt.Errorf("%w: %q is neither file nor directory", ErrArchive, f.Name)
	}
	if err := w.claim(name, isFile); err != nil {
		return err
	}
	from, err := f.Open()
	if err != nil {
		return fmt.Errorf("%w: %q: %w", ErrArchive, f.Name, err)
	}
	defer from.Close()
	// What the header says of the size is the sender's claim: what counts is what comes out.
	n, err := w.to.file(name, 0o444|mode.Perm()&0o111, io.LimitReader(from, MaxUnzippedBytes-w.total+1))
	if err != nil {
		return fmt.Errorf("%w: %q: %w", ErrArchive, f.Name, err)
	}
	if w.total += n; w.total > MaxUnzippedBytes {
		return fmt.Errorf("%w: more than %d bytes", ErrTooLarge, MaxUnzippedBytes)
	}
	return nil
}

// claim takes a name for a file or link, with the directories above it. A name is taken once.
func (w *walker) claim(name string, k kind) error {
	if name == "" || w.kinds[name] != 0 {
		return fmt.Errorf("%w: %q stands in it twice", ErrArchive, name)
	}
	if err := w.directory(parent(name)); err != nil {
		return err
	}
	w.kinds[name] = k
	return nil
}

func (w *walker) directory(name string) error {
	switch w.kinds[name] {
	case isDir:
		return nil
	case 0:
	default:
		return fmt.Errorf("%w: %q is a file and a directory", ErrArchive, name)
	}
	if err := w.directory(parent(name)); err != nil {
		return err
	}
	w.kinds[name] = isDir
	if err := w.to.directory(name); err != nil {
		return fmt.Errorf("%w: %q: %w", ErrArchive, name, err)
	}
	return nil
}

func (w *walker) symlink(name string, f *zip.File) error {
	if err := w.claim(name, isLink); err != nil {
		return err
	}
	from, err := f.Open()
	if err != nil {
		return fmt.Errorf("%w: %q: %w", ErrArchive, f.Name, err)
	}
	defer from.Close()
	b, err := io.ReadAll(io.LimitReader(from, 4097))
	if err != nil {
		return fmt.Errorf("%w: %q: %w", ErrArchive, f.Name, err)
	}
	target := string(b)
	inside := path.Join(parent(name), target)
	if target == "" || len(target) > 4096 || path.IsAbs(target) || strings.ContainsAny(target, "\x00\\") || inside == ".." || strings.HasPrefix(inside, "../") {
		return fmt.Errorf("%w: link %q leads out", ErrArchive, f.Name)
	}
	w.links = append(w.links, struct{ name, target string }{name, target})
	return nil
}

// cleanName is the path of an entry below the root, or an error when it is not plainly one.
func cleanName(raw string) (string, error) {
	name := strings.TrimSuffix(raw, "/")
	for strings.HasPrefix(name, "./") {
		name = strings.TrimPrefix(name, "./")
	}
	if name == "." && raw == "./" {
		return "", nil
	}
	if !fs.ValidPath(name) || name == "." || len(name) > 1024 || strings.ContainsAny(name, "\x00\\") {
		return "", fmt.Errorf("%w: name %q", ErrArchive, raw)
	}
	for part := range strings.SplitSeq(name, "/") {
		if len(part) > 255 {
			return "", fmt.Errorf("%w: name %q", ErrArchive, raw)
		}
	}
	return name, nil
}

func parent(name string) string {
	if dir := path.Dir(name); dir != "." {
		return dir
	}
	return ""
}

// rootWriter unpacks below a directory; os.Root refuses what would lead out of it.
type rootWriter struct{ root *os.Root }

func (w rootWriter) directory(name string) error {
	if err := w.root.Mkdir(name, 0o755); err != nil {
		return err
	}
	return w.root.Chmod(name, 0o755) // whatever our umask is
}

func (w rootWriter) file(name string, mode fs.FileMode, from io.Reader) (int64, error) {
	f, err := w.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(f, from)
	if err == nil {
		err = f.Chmod(mode)
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	return n, err
}

func (w rootWriter) link(name, target string) error { return w.root.Symlink(target, name) }

// discard only counts.
type discard struct{}

func (discard) directory(string) error { return nil }
func (discard) file(_ string, _ fs.FileMode, from io.Reader) (int64, error) {
	return io.Copy(io.Discard, from)
}
func (discard) link(string, string) error { return nil }
