package runner

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// starter starts children on one thread that lives as long as the runner: the kernel ends a child with SIGKILL when the
// thread that started it ends (PR_SET_PDEATHSIG), and Go ends threads when it likes.
type starter struct {
	once  sync.Once
	tasks chan func()
	mu    sync.Mutex // guards done
	done  bool
}

var errStopped = errors.New("runner: starter stopped")

func (s *starter) run(cmd *exec.Cmd) error {
	s.once.Do(func() {
		s.tasks = make(chan func())
		go func() {
			runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
			for task := range s.tasks {
				task()
			}
		}()
	})
	result := make(chan error, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done {
		return errStopped
	}
	s.tasks <- func() { result <- cmd.Start() }
	return <-result
}

func (s *starter) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tasks != nil && !s.done {
		close(s.tasks)
	}
	s.done = true
}

// waitExit returns when the child has ended, without reaping it.
func waitExit(pid int) {
	for {
		var info unix.Siginfo
		if err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOWAIT, nil); err != unix.EINTR {
			return
		}
	}
}

func socketPair() ([2]int, error) {
	return syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
}

// sysProcAttr is how the shim is started for a spec; nil for a helper that needs nothing.
func sysProcAttr(s *spec) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if s == nil || s.Mode != modeNamespaces {
		return a
	}
	a.Cloneflags = syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS
	if os.Geteuid() != 0 {
		a.Cloneflags |= syscall.CLONE_NEWUSER
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	return a
}
