package runner

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/landlock-lsm/go-landlock/landlock"
	llsys "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// shimFailed is the exit status of a shim that could not build its sandbox.
const shimFailed = 125

// SandboxMain is the shim: the program that Config.Shim names calls it first thing, with the arguments after Config.Shim.
// It reads its spec from fd 4, gives up every right a function must not have, and becomes node. It does not return.
func SandboxMain([]string) {
	runtime.LockOSThread() // rights belong to threads; this one becomes node
	if err := shimMain(); err != nil {
		fmt.Fprintln(os.Stderr, "sandbox:", err)
		os.Exit(shimFailed)
	}
	os.Exit(0)
}

func shimMain() error {
	in := os.NewFile(4, "spec")
	body, err := io.ReadAll(io.LimitReader(in, 1<<20))
	if err != nil {
		return err
	}
	in.Close()
	var s spec
	if err := json.Unmarshal(body, &s); err != nil {
		return fmt.Errorf("spec: %w", err)
	}
	if s.Mode == modeReap {
		return reapUser(s.UID)
	}
	if err := confine(&s); err != nil {
		return err
	}
	if s.Probe {
		return look(&s)
	}
	task, _, _, _ := s.paths()
	if err := os.Chdir(task); err != nil {
		return err
	}
	if err := unix.CloseRange(4, ^uint(0), unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("close_range: %w", err)
	}
	return fmt.Errorf("exec node: %w", unix.Exec(s.Node, s.Args, s.Env))
}

// confine gives up rights, the most powerful first.
func confine(s *spec) error {
	if s.Mode == modeNamespaces {
		if err := buildRoot(s); err != nil {
			return err
		}
	}
	if err := setLimits(s); err != nil {
		return err
	}
	if s.Mode != modeNone {
		if err := dropRights(s); err != nil {
			return err
		}
		if err := restrictPaths(s); err != nil {
			return err
		}
		if err := filterSyscalls(); err != nil {
			return err
		}
	}
	// Changing the user cleared it.
	return unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL), 0, 0, 0)
}

func reapUser(uid int) error {
	if uid == 0 {
		return errors.New("reap: no user")
	}
	if err := syscall.Setuid(uid); err != nil {
		return err
	}
	_ = syscall.Kill(-1, syscall.SIGKILL) // everything this user may signal; the kernel leaves us out
	return nil
}

func setLimits(s *spec) error {
	limits := map[int]uint64{unix.RLIMIT_CORE: 0, unix.RLIMIT_NOFILE: MaxFiles, unix.RLIMIT_FSIZE: MaxTmpBytes, unix.RLIMIT_MEMLOCK: 64 << 10}
	if s.UID != 0 || s.Mode == modeNamespaces { // else it would count what else our user runs
		limits[unix.RLIMIT_NPROC] = MaxThreads
	}
	for which, v := range limits {
		limit := &unix.Rlimit{Cur: v, Max: v}
		if err := unix.Setrlimit(which, limit); err != nil {
			return fmt.Errorf("setrlimit %d: %w", which, err)
		}
	}
	return nil
}

// dropRights ends every capability and, when we are root, becomes a user that owns nothing.
func dropRights(s *spec) error {
	for c := 0; c <= unix.CAP_LAST_CAP; c++ {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(c), 0, 0, 0); err != nil && err != unix.EINVAL && err != unix.EPERM {
			return fmt.Errorf("bounding set: %w", err)
		}
	}
	if s.UID != 0 {
		if err := syscall.Setgroups(nil); err != nil {
			return fmt.Errorf("setgroups: %w", err)
		}
		if err := syscall.Setresgid(s.UID, s.UID, s.UID); err != nil {
			return fmt.Errorf("setgid: %w", err)
		}
		if err := syscall.Setresuid(s.UID, s.UID, s.UID); err != nil {
			return fmt.Errorf("setuid: %w", err)
		}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no_new_privs: %w", err)
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&header, &none[0]); err != nil {
		return fmt.Errorf("capset: %w", err)
	}
	if s.UID == 0 && os.Geteuid() == 0 && s.Mode != modeNamespaces {
		return errors.New("root without a user to become")
	}
	return noRootByExec(s)
}

// noRootByExec keeps exec from giving the root of a user namespace its capabilities back.
func noRootByExec(s *spec) error {
	if os.Geteuid() != 0 {
		return nil
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var have [2]unix.CapUserData
	if err := unix.Capget(&header, &have[0]); err != nil {
		return err
	}
	for c := 0; c <= unix.CAP_LAST_CAP; c++ {
		if in, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(c), 0, 0, 0); err == nil && in != 0 {
			return fmt.Errorf("capability %d stays in the bounding set", c)
		}
	}
	return nil
}

// restrictPaths lets the process read its world and write its /tmp, by landlock: the second wall in namespaces, the first
// without.
func restrictPaths(s *spec) error {
	abi, err := llsys.LandlockGetABIVersion()
	need := 1
	if s.UID == 0 {
		need = 6 // we share the node's user: signals, truncation and ptrace must be the kernel's to refuse
	}
	if s.Mode == modeNamespaces {
		if err != nil || abi < 1 {
			return nil
		}
		need = 0
	}
	if abi < need || err != nil {
		return fmt.Errorf("landlock ABI %d (%v), %d needed", abi, err, need)
	}
	task, rt, modules, tmp := s.paths()
	own := landlock.RWDirs(tmp)
	if abi >= 2 {
		own = own.WithRefer() // to move files between directories; older kernels forbid that and know no right for it
	}
	rules := []landlock.Rule{own, landlock.RWFiles("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom").IgnoreIfMissing()}
	if s.Mode == modeNamespaces {
		rules = append(rules, landlock.RODirs("/"))
	} else {
		rules = append(rules, landlock.RODirs(task, rt), landlock.RODirs("/proc", "/sys/devices/system/cpu", "/usr", "/bin", "/lib", "/lib64", "/lib32", "/sbin", prefixOf(s.Node)).IgnoreIfMissing())
		for _, f := range etcFiles {
			rules = append(rules, roPath(f)...)
		}
		if modules != "" {
			rules = append(rules, landlock.RODirs(modules))
		}
	}
	all := landlock.V11.BestEffort()
	if err := all.RestrictPaths(rules...); err != nil {
		return fmt.Errorf("landlock: %w", err)
	}
	if err := all.RestrictScoped(); err != nil {
		return fmt.Errorf("landlock scopes: %w", err)
	}
	return nil
}

func roPath(path string) []landlock.Rule {
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return nil
	case st.IsDir():
		return []landlock.Rule{landlock.RODirs(path)}
	}
	return []landlock.Rule{landlock.ROFiles(path)}
}

// look is what a probe does inside: the hidden paths must not open, node must.
func look(s *spec) error {
	for _, path := range s.Hidden {
		f, err := os.Open(path)
		if err == nil {
			f.Close()
			return fmt.Errorf("%s can be seen from inside", filepath.Base(path))
		}
	}
	f, err := os.Open(s.Node)
	if err != nil {
		return fmt.Errorf("node cannot be read from inside: %w", err)
	}
	f.Close()
	if os.Getpid() != 1 && s.Mode == modeNamespaces {
		return errors.New("no process namespace")
	}
	task, _, _, tmp := s.paths()
	if _, err := os.ReadDir(task); err != nil {
		return fmt.Errorf("code cannot be read from inside: %w", err)
	}
	file := filepath.Join(tmp, ".probe")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		return fmt.Errorf("/tmp cannot be written: %w", err)
	}
	return os.Remove(file)
}

// prefixOf is the directory a node installation lives in: bin/node and lib/ stand below it.
func prefixOf(node string) string {
	real, err := filepath.EvalSymlinks(node)
	if err != nil {
		real = node
	}
	dir := filepath.Dir(real)
	if filepath.Base(dir) == "bin" && strings.Count(filepath.Dir(dir), "/") > 1 {
		return filepath.Dir(dir)
	}
	return dir
}
