package node

import (
	"bufio"
	"math"
	"os"
	"path"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"

	"bothy/wire/admit"
)

// What a node may use of its machine. Functions are processes of their own and need memory too.
const (
	ownShare      = 2        // the node's part of the machine's memory, where GOMEMLIMIT does not say
	requestShare  = 3        // of that, what requests may hold together
	connShare     = 4        // and open connections
	connBytes     = 24 << 10 // one that is idle: buffers and goroutines
	minOpen       = 256
	fileShare     = 3       // and of the files it may have open, connections get
	unknownMemory = 1 << 30 // where nothing tells how much there is
)

// capacity is what the node takes on.
type capacity struct {
	requests *admit.Budget
	open     int // connections
}

// newCapacity measures the machine, and tells the collector of garbage how much the node may use.
func newCapacity() capacity {
	limit := debug.SetMemoryLimit(-1)
	if limit == math.MaxInt64 {
		limit = machineMemory() / ownShare
		debug.SetMemoryLimit(limit)
	}
	return capacity{
		requests: admit.New(admit.Limits(limit/requestShare, runtime.GOMAXPROCS(0))),
		open:     int(min(max(limit/connShare/connBytes, minOpen), maxOpen, openFiles()/fileShare)),
	}
}

// openFiles is how many files the process may have open; what cannot be asked has no bound.
func openFiles() int64 {
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil || r.Cur > math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(r.Cur)
}

// machineMemory is how many bytes there are: physical, or fewer where a control group says so.
func machineMemory() int64 {
	total := int64(unknownMemory)
	if n, ok := memTotal("/proc/meminfo"); ok {
		total = n
	}
	if n, ok := groupMemory("/proc/self/cgroup", "/sys/fs/cgroup"); ok {
		total = min(total, n)
	}
	return total
}

// memTotal reads the line "MemTotal: 16384 kB" (proc(5)).
func memTotal(file string) (int64, bool) {
	f, err := os.Open(file)
	if err != nil {
		return 0, false
	}
	defer f.Close() //nolint:errcheck // only read
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "MemTotal:"); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(rest, "kB")), 10, 64)
			return n << 10, err == nil && n > 0
		}
	}
	return 0, false
}

// groupMemory is the least limit of the process's control groups (cgroups(7)): memory.max of version 2 at every level, and
// memory.limit_in_bytes of version 1.
func groupMemory(file, root string) (least int64, ok bool) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	least = math.MaxInt64
	for line := range strings.Lines(string(text)) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, group, _ := strings.Cut(rest, ":")
		name, top := "memory.max", root
		if controllers != "" {
			name, top = "memory.limit_in_bytes", path.Join(root, "memory")
		}
		if controllers != "" && controllers != "memory" {
			continue
		}
		for dir := path.Clean("/" + group); ; dir = path.Dir(dir) {
			if b, err := os.ReadFile(path.Join(top, dir, name)); err == nil {
				if n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64); err == nil && n > 0 { // "max" is none
					least = min(least, n)
				}
			}
			if dir == "/" {
				break
			}
		}
	}
	return least, least < math.MaxInt64
}
