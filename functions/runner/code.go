package runner

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	rt "bothy/functions/runtime"
)

// codeCache is the runner's directory: Dir/run-RANDOM/ of this start, with
//
//	code/ID/           an unpacked archive, complete since it was renamed into place
//	code/.new-RANDOM/  one being unpacked
//	runtime/           bootstrap and preload
//	proc/N-RANDOM/     of one process
//	secret             what every probe tries to read
//
// What earlier starts left is removed: a power cut may have left archives half written.
type codeCache struct {
	dir string
	log *slog.Logger

	mu    sync.Mutex // guards what follows
	run   string     // Dir/run-RANDOM, "" before prepare
	ready map[string]*unpacking
	order []string       // ids, the last used last
	uses  map[string]int // processes that have an archive
	clean sync.WaitGroup
}

// unpacking is one archive on its way; done is closed when it is in place or failed.
type unpacking struct {
	done chan struct{}
	err  error
}

// prepare makes the directory of this start. It is called before everything else and again without harm.
func (c *codeCache) prepare() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.run != "" {
		return nil
	}
	if err := os.MkdirAll(c.dir, 0o711); err != nil {
		return fmt.Errorf("runner: %w", err)
	}
	old, err := filepath.Glob(filepath.Join(c.dir, "run-*"))
	if err != nil {
		return fmt.Errorf("runner: %w", err)
	}
	run := filepath.Join(c.dir, "run-"+rand.Text()[:10])
	for _, d := range []string{"", "code", "runtime", "runtime/node_modules", "proc"} {
		if err := os.Mkdir(filepath.Join(run, d), 0o700); err != nil {
			return fmt.Errorf("runner: %w", err)
		}
		mode := os.FileMode(0o711)
		if strings.HasPrefix(d, "runtime") {
			mode = 0o755
		}
		if err := os.Chmod(filepath.Join(run, d), mode); err != nil {
			return fmt.Errorf("runner: %w", err)
		}
	}
	for name, f := range map[string]struct {
		b    []byte
		mode os.FileMode
	}{"runtime/bootstrap.cjs": {rt.Bootstrap, 0o444}, "runtime/preload.cjs": {rt.Preload, 0o444}, "secret": {[]byte("unreadable"), 0o400}} {
		if err := os.WriteFile(filepath.Join(run, name), f.b, f.mode); err != nil {
			return fmt.Errorf("runner: %w", err)
		}
	}
	c.run, c.ready, c.uses = run, map[string]*unpacking{}, map[string]int{}
	c.clean.Go(func() {
		for _, dir := range old {
			removeTree(c.log, dir)
		}
	})
	return nil
}

func removeTree(log *slog.Logger, dir string) {
	if err := os.RemoveAll(dir); err != nil {
		log.Warn("cache of functions not removed", "error", err)
	}
}

func (c *codeCache) runtimeDir() string { return filepath.Join(c.run, "runtime") }
func (c *codeCache) secretFile() string { return filepath.Join(c.run, "secret") }

// processDir makes the directory of a process that runs as uid (0: as we do).
func (c *codeCache) processDir(uid int) (string, error) {
	dir := filepath.Join(c.run, "proc", strconv.Itoa(uid)+"-"+rand.Text()[:10])
	for _, d := range []string{dir, filepath.Join(dir, "root"), filepath.Join(dir, "tmp")} {
		err := os.Mkdir(d, 0o700)
		if err == nil && uid != 0 {
			err = os.Chown(d, uid, uid)
		}
		if err != nil {
			removeTree(c.log, dir)
			return "", fmt.Errorf("runner: %w", err)
		}
	}
	return dir, nil
}

// unpacked returns the directory of the function's code, unpacking it at first use. done must follow when it did not fail.
func (c *codeCache) unpacked(ctx context.Context, f *Function) (string, error) {
	if f.CodeID == "" || strings.ContainsAny(f.CodeID, "/.\x00") {
		return "", fmt.Errorf("runner: code id %q", f.CodeID)
	}
	dir := filepath.Join(c.run, "code", f.CodeID)
	c.mu.Lock()
	u := c.ready[f.CodeID]
	mine := u == nil
	if mine {
		u = &unpacking{done: make(chan struct{})}
		c.ready[f.CodeID] = u
	}
	c.touchLocked(f.CodeID)
	c.uses[f.CodeID]++
	c.mu.Unlock()
	if mine {
		u.err = c.unpack(ctx, f, dir)
		if u.err != nil {
			c.mu.Lock()
			delete(c.ready, f.CodeID)
			c.mu.Unlock()
		}
		close(u.done)
	}
	<-u.done
	if u.err != nil {
		c.done(f.CodeID)
		return "", u.err
	}
	return dir, nil
}

func (c *codeCache) touchLocked(id string) {
	for i, have := range c.order {
		if have == id {
			c.order = append(c.order[:i], c.order[i+1:]...)
			break
		}
	}
	c.order = append(c.order, id)
}

func (c *codeCache) unpack(ctx context.Context, f *Function, dir string) error {
	body, err := f.Code(ctx)
	if err != nil {
		return fmt.Errorf("runner: code of %s: %w", f.Name, err)
	}
	defer body.Close()
	file, err := os.CreateTemp(c.run, "zip-")
	if err != nil {
		return fmt.Errorf("runner: %w", err)
	}
	defer os.Remove(file.Name())
	defer file.Close()
	size, err := io.Copy(file, io.LimitReader(body, MaxZipBytes+1))
	if err != nil {
		return fmt.Errorf("runner: code of %s: %w", f.Name, err)
	}
	fresh, err := os.MkdirTemp(filepath.Join(c.run, "code"), ".new-")
	if err != nil {
		return fmt.Errorf("runner: %w", err)
	}
	err = Unpack(file, size, fresh)
	if err == nil {
		err = os.Chmod(fresh, 0o755)
	}
	if err == nil {
		err = os.Rename(fresh, dir)
	}
	if err != nil {
		removeTree(c.log, fresh)
		return fmt.Errorf("runner: code of %s: %w", f.Name, err)
	}
	return nil
}

// done gives back one use of an archive.
func (c *codeCache) done(id string) {
	c.mu.Lock()
	c.uses[id]--
	if c.uses[id] <= 0 {
		delete(c.uses, id)
	}
	old := c.trimLocked()
	c.mu.Unlock()
	for _, dir := range old {
		removeTree(c.log, dir)
	}
}

// trimLocked takes the archives least lately used beyond maxCached out of the cache, sparing those in use; the caller
// removes what it returns.
func (c *codeCache) trimLocked() (old []string) {
	keep := c.order[:0]
	for i, id := range c.order {
		if c.uses[id] > 0 || len(c.order)-i+len(keep) <= maxCached {
			keep = append(keep, id)
			continue
		}
		delete(c.ready, id)
		gone := filepath.Join(c.run, "code", ".old-"+rand.Text()[:10])
		if err := os.Rename(filepath.Join(c.run, "code", id), gone); err == nil {
			old = append(old, gone)
		}
	}
	c.order = keep
	return old
}

// close removes the directory of this start.
func (c *codeCache) close() error {
	c.clean.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.run == "" {
		return nil
	}
	err := os.RemoveAll(c.run)
	c.run = ""
	return err
}
