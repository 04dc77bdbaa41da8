package crash

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Rounds of TestNodeKilled; the variable is for the long run (make crash).
const (
	roundsVariable = "BOTHY_CRASH_ROUNDS"
	nodeRounds     = 8
	freshEvery     = 40 // rounds on one data directory
	walkEvery      = 4  // rounds between looks at the directory itself
	longestBurst   = 300 * time.Millisecond
)

// TestNodeKilled kills the real program with SIGKILL at random moments under mixed load over HTTP, starts it again, and looks
// for everything it acknowledged; then it goes on with the same data.
func TestNodeKilled(t *testing.T) {
	t.Parallel()
	rounds := nodeRounds
	if v := os.Getenv(roundsVariable); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			t.Fatalf("%s: %v", roundsVariable, err)
		}
		rounds = n
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	n, begin := &tally{}, time.Now()
	w := &world{program: build(t), tally: n, r: rand.New(rand.NewPCG(seed, 0))}
	defer w.end()
	for round := range rounds {
		if round%freshEvery == 0 {
			w.fresh(t)
		}
		w.round(t, round)
		if t.Failed() {
			w.keep(t)
			return
		}
		if (round+1)%100 == 0 {
			t.Logf("%d rounds, %.0f s: %s", round+1, time.Since(begin).Seconds(), n)
		}
	}
	t.Logf("%d rounds in %.0f s: %s", rounds, time.Since(begin).Seconds(), n)
	if n.acked.Load() == 0 || n.open.Load() == 0 {
		t.Error("no kill hit anything: the rounds prove nothing")
	}
}

func (n *tally) String() string {
	return fmt.Sprintf("%d acknowledged writes looked for, %d left open by a kill (%d of them carried out), %d facts compared, %d kills while starting",
		n.acked.Load(), n.open.Load(), n.landed.Load(), n.looked.Load(), n.startKills.Load())
}

// world is a data directory and the node on it.
type world struct {
	*tally
	program string
	r       *rand.Rand
	root    string // holds data, and the node's temporary files
	node    *process
	client  *client
	loads   map[load]int
}

func (w *world) data() string { return filepath.Join(w.root, "data") }

func (w *world) end() {
	if w.node != nil {
		w.node.kill()
	}
	if w.root != "" {
		os.RemoveAll(w.root)
	}
}

// keep leaves the directory of a failed round to be looked at.
func (w *world) keep(t *testing.T) {
	w.node.kill()
	t.Logf("the data is left in %s; the node's last words:\n%s", w.data(), w.node.log)
	w.root = ""
}

func (w *world) fresh(t *testing.T) {
	w.end()
	var err error
	if w.root, err = os.MkdirTemp("", "bothy-killed-"); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(w.root, 0o711); err != nil {
		t.Fatal(err)
	}
	w.loads = loads(w.tally)
	w.start(t)
	for l := range w.loads {
		if err := l.setup(w.client); err != nil {
			t.Fatalf("%s: set-up: %v", l.name(), err)
		}
	}
}

func (w *world) start(t *testing.T) {
	t.Helper()
	var err error
	if w.node, err = start(w.program, w.data()); err == nil {
		w.client, err = dial(w.node, w.data())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// round is a burst of load, the kill, and what is found after it.
func (w *world) round(t *testing.T, round int) {
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for l, workers := range w.loads {
		for i := range workers {
			r := rand.New(rand.NewPCG(w.r.Uint64(), 0))
			wg.Go(func() { toil(t, l, w.client, i, r, stop) })
		}
	}
	time.Sleep(time.Duration(w.r.Int64N(int64(longestBurst)))) // a random moment is the point
	w.node.kill()
	close(stop)
	wg.Wait()
	w.client.http.CloseIdleConnections()
	if w.r.IntN(8) == 0 {
		w.killWhileStarting(t)
	}
	if (round+1)%walkEvery == 0 {
		if err := walk(w.data()); err != nil {
			t.Errorf("round %d: the directory: %v", round, err)
		}
	}
	if err := rest(w.data()); err != nil {
		t.Error(err)
	}
	w.start(t)
	if err := tidy(w.data()); err != nil {
		t.Errorf("round %d: %v", round, err)
	}
	for l := range w.loads {
		if err := l.check(w.client); err != nil {
			t.Errorf("round %d: %s: %v", round, l.name(), err)
		}
	}
	if said := w.node.log.String(); strings.Contains(said, "panic") {
		t.Errorf("round %d: the node said %s", round, said)
	}
}

// toil works until told to stop, or until the node is gone.
func toil(t *testing.T, l load, c *client, worker int, r *rand.Rand, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		if err := l.work(c, worker, r); err != nil {
			t.Errorf("%s: %v", l.name(), err)
			return
		}
	}
}

// killWhileStarting starts the node and kills it before it is ready, most times.
func (w *world) killWhileStarting(t *testing.T) {
	p, _, err := launch(w.program, w.data())
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Duration(w.r.Int64N(int64(150 * time.Millisecond))))
	p.kill()
	w.startKills.Add(1)
}
