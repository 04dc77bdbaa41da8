package runner

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// etcFiles is what of /etc programs need: names, certificates, time.
var etcFiles = []string{
	"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf", "/etc/services", "/etc/protocols",
	"/etc/ssl", "/etc/ca-certificates", "/etc/pki/tls/certs", "/etc/pki/ca-trust/extracted", "/etc/localtime", "/etc/ld.so.cache", "/etc/mime.types",
}

var devices = []string{"null", "zero", "full", "random", "urandom"}

// buildRoot makes a file system of its own for the process and makes it the root: programs read-only, the code at /var/task,
// an empty /tmp in memory. Nothing else of the host exists in it.
func buildRoot(s *spec) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	root := filepath.Join(s.Dir, "root")
	if err := unix.Mount("tmpfs", root, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755,size=1m"); err != nil {
		return fmt.Errorf("root: %w", err)
	}
	b := builder{root: root}
	for _, dir := range []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64"} {
		b.mirror(dir)
	}
	if prefix := prefixOf(s.Node); !strings.HasPrefix(prefix+"/", "/usr/") && prefix != "/bin" {
		b.bind(prefix, prefix)
	}
	if !b.exists(s.Node) {
		b.link(s.Node)
	}
	for _, f := range etcFiles {
		if _, err := os.Stat(f); err == nil {
			b.bind(f, f)
		}
	}
	for _, d := range devices {
		b.device("/dev/" + d)
	}
	b.bind(s.Task, inTask)
	b.bind(s.Runtime, inRuntime)
	if s.Modules != "" {
		b.symlink(inModules, "/var/node_modules") // import, unlike require, knows no NODE_PATH
	}
	b.write("/etc/passwd", fmt.Sprintf("root:x:0:0::/:/sbin/nologin\nfunction:x:%d:%d::/tmp:/sbin/nologin\n", s.UID, s.UID))
	b.write("/etc/group", fmt.Sprintf("root:x:0:\nfunction:x:%d:\n", s.UID))
	b.mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
	b.mount("tmpfs", "/tmp", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, fmt.Sprintf("mode=1777,size=%d,nr_inodes=65536", MaxTmpBytes))
	if s.Modules != "" {
		b.overlayModules(s.Modules)
	}
	if b.err != nil {
		return b.err
	}
	return enter(root)
}

// enter makes root the only file system there is, read-only but for /tmp.
func enter(root string) error {
	if err := os.Chdir(root); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leave the host's files: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	if err := unix.MountSetattr(-1, "/", 0, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}); err != nil {
		return fmt.Errorf("read-only root: %w", err)
	}
	return nil
}

// builder puts a root together; the first error stops it.
type builder struct {
	root string
	err  error
}

func (b *builder) at(path string) string { return filepath.Join(b.root, path) }

func (b *builder) exists(path string) bool {
	_, err := os.Lstat(b.at(path))
	return err == nil
}

func (b *builder) do(what string, f func() error) {
	if b.err == nil {
		if err := f(); err != nil {
			b.err = fmt.Errorf("%s: %w", what, err)
		}
	}
}

// mirror shows a directory of the host, or the same symbolic link.
func (b *builder) mirror(dir string) {
	if target, err := os.Readlink(dir); err == nil {
		b.symlink(target, dir)
	} else if _, err := os.Stat(dir); err == nil {
		b.bind(dir, dir)
	}
}

// link shows a program under the name it was given, where that is a link into what is already shown.
func (b *builder) link(path string) {
	if real, err := filepath.EvalSymlinks(path); err == nil && real != path {
		b.symlink(real, path)
	}
}

func (b *builder) symlink(target, path string) {
	b.do("link "+path, func() error {
		if err := os.MkdirAll(filepath.Dir(b.at(path)), 0o755); err != nil {
			return err
		}
		return os.Symlink(target, b.at(path))
	})
}

func (b *builder) write(path, text string) {
	b.do("write "+path, func() error {
		if err := os.MkdirAll(filepath.Dir(b.at(path)), 0o755); err != nil {
			return err
		}
		return os.WriteFile(b.at(path), []byte(text), 0o644)
	})
}

// bind shows a file or directory of the host, read-only, without devices or set-user-id programs.
func (b *builder) bind(from, path string) {
	b.do("show "+path, func() error { return b.bindTree(from, path, unix.MOUNT_ATTR_NODEV) })
}

// device shows one device, and only that.
func (b *builder) device(path string) {
	b.do("device "+path, func() error { return b.bindTree(path, path, 0) })
}

func (b *builder) bindTree(from, path string, attr uint64) error {
	to := b.at(path)
	st, err := os.Stat(from)
	if err != nil {
		return err
	}
	if err := place(to, st.IsDir()); err != nil {
		return err
	}
	if err := unix.Mount(from, to, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return err
	}
	return unix.MountSetattr(-1, to, unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: attr | unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID})
}

// place makes an empty directory or file to mount on.
func place(path string, dir bool) error {
	if dir {
		return os.MkdirAll(path, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDONLY, 0o644)
	if err != nil {
		return err
	}
	return f.Close()
}

func (b *builder) mount(source, path, kind string, flags uintptr, data string) {
	b.do("mount "+path, func() error {
		if err := os.MkdirAll(b.at(path), 0o755); err != nil {
			return err
		}
		return unix.Mount(source, b.at(path), kind, flags, data)
	})
}

// overlayModules shows the preinstalled modules inside the runtime directory, which has an empty place for them.
func (b *builder) overlayModules(modules string) {
	b.do("show "+inModules, func() error {
		to := b.at(inModules)
		if err := unix.Mount(modules, to, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return err
		}
		return unix.MountSetattr(-1, to, unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV})
	})
}
