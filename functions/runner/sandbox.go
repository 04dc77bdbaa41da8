package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

// mode is a way to isolate a process.
type mode string

const (
	modeNamespaces mode = "namespaces" // own mounts, processes, IPC; also landlock where the kernel has it
	modeLandlock   mode = "landlock"   // the kernel's path rules, and a user of its own when we are root
	modeNone       mode = "none"       // Config.AllowUnsandboxed
	modeReap       mode = "reap"       // not a sandbox: ends all processes of a user
)

// spec is what the shim is told, on fd 4: nothing of it passes through argv or the environment.
type spec struct {
	Mode    mode
	Probe   bool // set everything up, look whether Hidden can be seen, and end
	UID     int  // 0: stay who we are
	Node    string
	Args    []string
	Env     []string
	Task    string // host path of the code
	Runtime string // host path of bootstrap and preload
	Modules string // host path of preinstalled modules, or ""
	Dir     string // of this process: root/ is where its file system is put together, tmp/ its /tmp where there is none
	Hidden  []string

	ownUID bool
}

// Where a process finds its things.
const (
	inTask    = "/var/task"
	inRuntime = "/var/runtime"
	inModules = "/var/runtime/node_modules"
)

// paths are a process' own names of its directories.
func (s *spec) paths() (task, runtime, modules, tmp string) {
	if s.Mode == modeNamespaces {
		return inTask, inRuntime, inModules, "/tmp"
	}
	return s.Task, s.Runtime, s.Modules, filepath.Join(s.Dir, "tmp")
}

// specFor is the spec of a process of f; launch completes it.
func (r *Runner) specFor(m mode, f *Function, code string) *spec {
	s := &spec{
		Mode: m, Node: r.cfg.Node, Task: code, Runtime: r.code.runtimeDir(), Modules: r.cfg.NodeModules,
		ownUID: os.Geteuid() == 0 && m != modeNone,
	}
	task, runtime, modules, _ := s.paths()
	s.Args = []string{
		"node", "--max-old-space-size=" + strconv.Itoa(max(f.MemoryMB*9/10, 64)), "--max-semi-space-size=" + strconv.Itoa(max(f.MemoryMB/20, 1)),
		"-r", filepath.Join(runtime, "preload.cjs"), filepath.Join(runtime, "bootstrap.cjs"),
	}
	env := map[string]string{}
	for k, v := range f.Env {
		if !reserved(k) {
			env[k] = v
		}
	}
	for k, v := range map[string]string{
		"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "en_US.UTF-8", "TZ": ":UTC", "NODE_PATH": strings.Trim(modules+":"+runtime, ":"),
		"_HANDLER": f.Handler, "LAMBDA_TASK_ROOT": task, "LAMBDA_RUNTIME_DIR": runtime,
		"AWS_REGION": f.Region, "AWS_DEFAULT_REGION": f.Region, "AWS_EXECUTION_ENV": "AWS_Lambda_" + f.Runtime,
		"AWS_LAMBDA_FUNCTION_NAME": f.Name, "AWS_LAMBDA_FUNCTION_VERSION": f.Version,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(f.MemoryMB), "AWS_LAMBDA_LOG_GROUP_NAME": f.LogGroup,
		"AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand", "AWS_ENDPOINT_URL": r.cfg.Endpoint,
	} {
		if _, set := env[k]; !set {
			env[k] = v
		}
	}
	for k, v := range env {
		s.Env = append(s.Env, k+"="+v)
	}
	sort.Strings(s.Env)
	return s
}

// Reserved tells whether functions may not set the variable themselves.
func Reserved(name string) bool { return reserved(name) }

func reserved(name string) bool {
	switch name {
	case "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_NAME",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME",
		"AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
		"AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR":
		return true
	}
	return false
}

// useDir completes the spec with the process' own directory.
func (s *spec) useDir(dir string) {
	s.Dir = dir
	if _, _, _, tmp := s.paths(); s.Mode != modeNamespaces {
		s.Env = append(s.Env, "TMPDIR="+tmp, "HOME="+tmp)
	}
}

// modeProbe finds once which way to isolate works here, by trying each for real.
type modeProbe struct {
	mu    sync.Mutex // guards what follows
	found mode
}

func (m *modeProbe) current() mode {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.found
}

func (m *modeProbe) find(ctx context.Context, r *Runner) (mode, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.found != "" {
		return m.found, nil
	}
	if err := r.code.prepare(); err != nil {
		return "", err
	}
	if _, err := exec.LookPath(r.cfg.Node); err != nil {
		return "", fmt.Errorf("runner: no Node.js to run functions with: %w", err)
	}
	var errs []error
	for _, try := range []mode{modeNamespaces, modeLandlock} {
		err := r.probe(ctx, try)
		if err == nil {
			m.found = try
			r.cfg.Log.Info("functions are isolated", "by", string(try))
			return try, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", try, err))
	}
	if r.cfg.AllowUnsandboxed {
		r.cfg.Log.Warn("functions run with the rights of this node", "because", errors.Join(errs...))
		m.found = modeNone
		return modeNone, nil
	}
	return "", fmt.Errorf("%w: %w", ErrSandbox, errors.Join(errs...))
}

// probe sets up a sandbox in which nothing runs; it fails when one of the hidden paths can be seen from inside.
func (r *Runner) probe(ctx context.Context, m mode) error {
	s := &spec{
		Mode: m, Probe: true, Node: r.cfg.Node, Task: r.code.runtimeDir(), Runtime: r.code.runtimeDir(), Modules: r.cfg.NodeModules,
		Hidden: append([]string{r.code.secretFile()}, r.cfg.Hidden...), ownUID: os.Geteuid() == 0,
	}
	uid, ok := r.uids.take(s.ownUID)
	if !ok {
		return ErrThrottled
	}
	defer r.uids.give(uid)
	s.UID = uid
	dir, err := r.code.processDir(uid)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s.useDir(dir)
	cmd := r.shim(s)
	out, outW, err := os.Pipe()
	if err != nil {
		return err
	}
	defer out.Close()
	cmd.Stderr = outW
	err = r.startShim(cmd, s, nil)
	outW.Close()
	if err != nil {
		return err
	}
	kill := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	said := make([]byte, 2048)
	n, _ := out.Read(said)
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(said[:n])))
	}
	return nil
}
