package postgres

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"bothy/test/ports"
)

// Patroni is a cluster of servers with one primary, which Patroni and etcd choose, and synchronous replication: a commit is
// acknowledged when a standby has it, too. Debian's programs on loopback; gone when the test is.
type Patroni struct {
	Members []*Member
	base    *Server // of the directory and the programs
	etcd    *os.Process
}

// Member is one server and the Patroni that watches over it.
type Member struct {
	Name       string
	Port, rest int
	dir        string
	patroni    *os.Process // nil when it was killed
}

// How fast the cluster finds out that a primary is gone: its key in etcd lives ttl seconds. The defaults (30, 10, 10) are for
// networks with worse days than loopback's.
const ttl, loopWait, retryTimeout = 10, 1, 4

// StartPatroni starts a cluster and waits until it has a primary and all others stream, one of them synchronously. Without the
// programs the test is skipped, where CI is set it fails.
func StartPatroni(t testing.TB, members int) *Patroni {
	t.Helper()
	for _, program := range []string{"patroni", "etcd"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("no %s: run test/setup", program)
			}
			t.Skipf("no %s: run test/setup", program)
		}
	}
	p, err := startPatroni(members)
	if p != nil {
		t.Cleanup(func() {
			if t.Failed() {
				p.tell(t)
			}
			p.remove()
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func startPatroni(members int) (*Patroni, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	dir, err := ownedDir("bothy-patroni-")
	if err != nil {
		return nil, err
	}
	p := &Patroni{base: &Server{Dir: dir, bin: bin}}
	numbers := make([]int, 2+2*members)
	for i := range numbers {
		if numbers[i], err = ports.Free(); err != nil {
			return p, err
		}
	}
	client, peer := loopback(numbers[0]), loopback(numbers[1])
	if p.etcd, err = p.spawn("etcd", "etcd", "--data-dir", filepath.Join(dir, "etcd"), "--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default="+peer); err != nil {
		return p, err
	}
	for i := range members {
		m := &Member{Name: fmt.Sprint("m", i), Port: numbers[2+2*i], rest: numbers[3+2*i], dir: filepath.Join(dir, fmt.Sprint("m", i))}
		p.Members = append(p.Members, m)
		if err := p.start(m, strings.TrimPrefix(client, "http://")); err != nil {
			return p, err
		}
	}
	return p, p.Await(members)
}

func loopback(port int) string { return fmt.Sprintf("http://127.0.0.1:%d", port) }

func (p *Patroni) start(m *Member, etcd string) error {
	conf := filepath.Join(p.base.Dir, m.Name+".yml")
	text := fmt.Sprintf(`scope: bothy
name: %[1]s
restapi: {listen: "127.0.0.1:%[3]d", connect_address: "127.0.0.1:%[3]d"}
etcd3: {host: "%[4]s"}
bootstrap:
  dcs:
    ttl: %[7]d
    loop_wait: %[8]d
    retry_timeout: %[9]d
    synchronous_mode: true
    postgresql:
      parameters: {max_connections: 100, shared_buffers: 64MB, wal_keep_size: 256MB}
  initdb: [{encoding: UTF8}, {auth: trust}, {locale: C}, no-sync]
  pg_hba: ["host replication all 127.0.0.1/32 trust", "host all all 127.0.0.1/32 trust"]
postgresql:
  listen: 127.0.0.1:%[2]d
  connect_address: 127.0.0.1:%[2]d
  data_dir: %[5]s
  bin_dir: %[6]s
  pgpass: %[5]s.pgpass
  authentication:
    superuser: {username: postgres}
    replication: {username: replicator}
  parameters: {unix_socket_directories: '%[10]s'}
  basebackup: [{checkpoint: fast}]
`, m.Name, m.Port, m.rest, etcd, m.dir, p.base.bin, ttl, loopWait, retryTimeout, p.base.Dir)
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		return err
	}
	var err error
	m.patroni, err = p.spawn(m.Name, "patroni", conf)
	return err
}

// spawn starts a program that ends with us; what it says goes to a file.
func (p *Patroni) spawn(name, program string, args ...string) (*os.Process, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return nil, err
	}
	cmd, err := p.base.command(path, args...)
	if err != nil {
		return nil, err
	}
	log, err := os.Create(p.logOf(name))
	if err != nil {
		return nil, err
	}
	defer log.Close() //nolint:errcheck // the process has its own
	cmd.Stdout, cmd.Stderr = log, log
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // Pdeathsig is about this thread: it stays until the process has ended
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its log
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return cmd.Process, nil
}

func (p *Patroni) logOf(name string) string { return filepath.Join(p.base.Dir, name+".log") }

// URL is that of all members: who connects looks for the one that can be written.
func (p *Patroni) URL() string {
	var hosts []string
	for _, m := range p.Members {
		hosts = append(hosts, fmt.Sprintf("127.0.0.1:%d", m.Port))
	}
	return URL(strings.Join(hosts, ","), "") + "&target_session_attrs=read-write"
}

// state is what Patroni says of a member.
type state struct{ Name, Role, State string }

// cluster asks any member that answers.
func (p *Patroni) cluster() (states []state) {
	for _, m := range p.Members {
		if m.patroni == nil {
			continue
		}
		res, err := (&http.Client{Timeout: 2 * time.Second}).Get(loopback(m.rest) + "/cluster")
		if err != nil {
			continue
		}
		var body struct{ Members []state }
		err = json.NewDecoder(res.Body).Decode(&body)
		res.Body.Close() //nolint:errcheck // only read
		if err == nil {
			return body.Members
		}
	}
	return nil
}

// Primary is the member that can be written, nil when there is none at the moment.
func (p *Patroni) Primary() *Member {
	for _, s := range p.cluster() {
		for _, m := range p.Members {
			if s.Role == "leader" && s.State == "running" && s.Name == m.Name && m.patroni != nil {
				return m
			}
		}
	}
	return nil
}

// Await waits until so many members are in their places: a primary, a synchronous standby, and others that stream.
func (p *Patroni) Await(members int) error {
	for until := time.Now().Add(2 * startWithin); ; time.Sleep(100 * time.Millisecond) {
		good := map[string]int{}
		states := p.cluster()
		for _, s := range states {
			if s.State == "running" || s.State == "streaming" {
				good[s.Role]++
			}
		}
		if good["leader"] == 1 && good["sync_standby"] >= 1 && good["leader"]+good["sync_standby"]+good["replica"] >= members {
			return nil
		}
		if time.Now().After(until) {
			return fmt.Errorf("the Patroni cluster is not complete: %v", states)
		}
	}
}

// Kill ends a member as a power cut would: its Patroni and every process of its server, with SIGKILL.
func (m *Member) Kill() error {
	if m.patroni == nil {
		return nil
	}
	if err := m.patroni.Kill(); err != nil {
		return err
	}
	m.patroni = nil
	raw, err := os.ReadFile(filepath.Join(m.dir, "postmaster.pid"))
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(string(raw), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		return err
	}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return err
	}
	for _, c := range append([]string{first}, strings.Fields(string(children))...) {
		if n, err := strconv.Atoi(c); err == nil {
			_ = syscall.Kill(n, syscall.SIGKILL) // it may have ended with its parent
		}
	}
	return nil
}

func (p *Patroni) remove() {
	for _, m := range p.Members {
		_ = m.Kill() // whatever had been started
	}
	if p.etcd != nil {
		_ = p.etcd.Kill() // it may have ended
	}
	_ = os.RemoveAll(p.base.Dir) // what is left is in the temporary directory
}

func (p *Patroni) tell(t testing.TB) {
	for _, name := range append([]string{"etcd"}, p.names()...) {
		raw, _ := os.ReadFile(p.logOf(name))
		t.Logf("%s said:\n%s", name, raw[max(0, len(raw)-3000):])
	}
}

func (p *Patroni) names() (names []string) {
	for _, m := range p.Members {
		names = append(names, m.Name)
	}
	return names
}
