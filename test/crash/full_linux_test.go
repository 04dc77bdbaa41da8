package crash

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// disk is a real, small file system.
type disk struct{ dir, filler string }

const diskBytes = 96 << 20

func mount(t *testing.T) *disk {
	t.Helper()
	d := &disk{dir: t.TempDir()}
	if err := syscall.Mount("bothy-crash", d.dir, "tmpfs", 0, fmt.Sprint("size=", diskBytes, ",mode=755")); err != nil {
		t.Skipf("no file system can be mounted here (%v): TestDiskFull of kv/pebblekv and TestNthStepFails of blob/fileblob are the same in memory", err)
	}
	t.Cleanup(func() { syscall.Unmount(d.dir, syscall.MNT_DETACH) }) //nolint:errcheck // nothing is left in it
	d.filler = filepath.Join(d.dir, "filler")
	return d
}

// fill takes the room of the disk but for some bytes.
func (d *disk) fill(t *testing.T, but int64) {
	t.Helper()
	f, err := os.OpenFile(d.filler, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for {
		var st syscall.Statfs_t
		if err := syscall.Statfs(d.dir, &st); err != nil {
			t.Fatal(err)
		}
		left := int64(st.Bavail)*int64(st.Bsize) - but
		if left <= 0 {
			return
		}
		if _, err := f.Write(make([]byte, min(left, 1<<20))); err != nil {
			return // another took it
		}
	}
}

func (d *disk) free() { os.Remove(d.filler) }

// fullWorld is a node on a small disk, with something of each kind to read.
type fullWorld struct {
	*testing.T
	disk   *disk
	data   string
	node   *process
	client *client
	pool   string
	n      int
	acked  sync.Map // key of a row → true
}

func (w *fullWorld) start() {
	w.Helper()
	var err error
	if w.node, err = start(build(w.T), w.data); err == nil {
		w.client, err = dial(w.node, w.data)
	}
	if err != nil {
		w.Fatal(err)
	}
}

// TestNodeOnAFullDisk: while the disk is full, what reads goes on and what writes is refused with the service's own word for
// "try again"; when there is room, writes go on by themselves; nothing acknowledged is lost, also when the node is killed
// while the disk is full.
func TestNodeOnAFullDisk(t *testing.T) {
	t.Parallel()
	w := &fullWorld{T: t, disk: mount(t)}
	w.data = filepath.Join(w.disk.dir, "data")
	w.start()
	defer func() { w.node.kill() }()
	w.furnish()
	w.writesGoOn("at first")

	w.disk.fill(t, 8<<20) // beyond the reserve
	w.refuses("below the reserve")
	w.node.kill()
	w.start() // on a full disk
	w.refuses("after a start on a full disk")
	w.disk.free()
	w.writesGoOn("with room again")

	stop := make(chan struct{}) // another process takes all there is, under load
	var load sync.WaitGroup
	for i := range 4 {
		load.Go(func() { w.hammer(i, stop) })
	}
	w.disk.fill(t, 0)
	w.refuses("with nothing left")
	w.disk.free()
	w.writesGoOn("with room again")
	w.disk.fill(t, 0)
	w.refuses("with nothing left again")
	close(stop)
	load.Wait()
	w.node.kill() // while full
	w.disk.free()
	w.start()
	w.writesGoOn("after the kill")
	w.audit()
	if strings.Contains(w.node.log.String(), "panic") {
		t.Errorf("the node said %s", w.node.log)
	}
}

func (w *fullWorld) furnish() {
	w.Helper()
	var pool struct{ UserPool struct{ Id string } }
	_, _, bucket := w.client.s3(http.MethodPut, "/full", nil, nil)
	_, _, object := w.client.s3(http.MethodPut, "/full/kept", nil, []byte("kept"))
	err := errors.Join(bucket, object, (*hits)(nil).setup(w.client), w.client.cognito("CreateUserPool", m{"PoolName": "full"}, &pool))
	if err != nil {
		w.Fatal(err)
	}
	w.pool = pool.UserPool.Id
	if err := w.client.cognito("AdminCreateUser", w.user("kept"), nil); err != nil {
		w.Fatal(err)
	}
	w.acked.Store("kept", true)
	if err := w.row("kept"); err != nil {
		w.Fatal(err)
	}
}

func (w *fullWorld) user(name string) m {
	return m{"UserPoolId": w.pool, "Username": name, "MessageAction": "SUPPRESS", "TemporaryPassword": "Secret-123!"}
}

func (w *fullWorld) row(key string) error {
	return w.client.dynamo("PutItem", m{"TableName": "hits", "Item": m{"k": str(key), "v": str(strings.Repeat("v", 3000))}}, nil)
}

// writes are one write of each service.
func (w *fullWorld) writes() map[string]error {
	w.n++
	key := fmt.Sprint("n", w.n)
	_, _, small := w.client.s3(http.MethodPut, "/full/"+key, nil, []byte(key))
	_, _, large := w.client.s3(http.MethodPut, "/full/large", nil, bytesOf(uint64(w.n), 2<<20))
	row := w.row(key)
	if row == nil {
		w.acked.Store(key, true)
	}
	return map[string]error{"PutItem": row, "PutObject": small, "PutObject of 2 MB": large, "AdminCreateUser": w.client.cognito("AdminCreateUser", w.user(key), nil)}
}

// reads are one read of each service.
func (w *fullWorld) reads() error {
	_, body, object := w.client.s3(http.MethodGet, "/full/kept", nil, nil)
	if object == nil && string(body) != "kept" {
		object = fmt.Errorf("the object is %q", body)
	}
	var out struct{ Item item }
	row := w.client.dynamo("GetItem", m{"TableName": "hits", "Key": m{"k": str("kept")}, "ConsistentRead": true}, &out)
	if row == nil && out.Item["k"].S != "kept" {
		row = fmt.Errorf("the item is %v", out.Item)
	}
	user := w.client.cognito("AdminGetUser", m{"UserPoolId": w.pool, "Username": "kept"}, nil)
	return errors.Join(object, row, user)
}

// refuses waits until every write is refused as it should be, and then looks that reads go on.
func (w *fullWorld) refuses(when string) {
	w.Helper()
	want := map[string]string{"PutItem": "ThrottlingException", "PutObject": "SlowDown", "PutObject of 2 MB": "SlowDown", "AdminCreateUser": "TooManyRequestsException"}
	var got map[string]error
	w.await(when+": refusals", func() bool {
		got = w.writes()
		for what, err := range got {
			if err == nil || !strings.Contains(err.Error(), want[what]) {
				return false
			}
		}
		return true
	}, func() any { return got })
	for range 10 {
		if err := w.reads(); err != nil {
			w.Errorf("%s: a read: %v", when, err)
			return
		}
	}
	if left, err := os.ReadDir(filepath.Join(w.data, "blobs", "temp")); err != nil || len(left) > 4 { // those on their way
		w.Errorf("%s: half files are left: %d, %v", when, len(left), err)
	}
}

func (w *fullWorld) writesGoOn(when string) {
	w.Helper()
	var got map[string]error
	w.await(when+": writes", func() bool {
		got = w.writes()
		for _, err := range got {
			if err != nil {
				return false
			}
		}
		return true
	}, func() any { return got })
	if err := w.reads(); err != nil {
		w.Errorf("%s: a read: %v", when, err)
	}
}

func (w *fullWorld) await(what string, done func() bool, got func() any) {
	w.Helper()
	for until := time.Now().Add(patience); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(until) {
			w.Fatalf("%s: not in time: %v\n%s", what, got(), w.node.log)
		}
	}
}

// hammer writes rows and objects, and notes the acknowledged rows.
func (w *fullWorld) hammer(worker int, stop <-chan struct{}) {
	r := rand.New(rand.NewPCG(uint64(worker), 1))
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		default:
		}
		key := fmt.Sprintf("h%d-%d", worker, i)
		if w.row(key) == nil {
			w.acked.Store(key, true)
		}
		_, _, _ = w.client.s3(http.MethodPut, fmt.Sprintf("/full/h%d", worker), nil, bytesOf(r.Uint64(), 20<<10)) // put over: the row test tells
	}
}

// audit looks for every acknowledged row, and at the directory.
func (w *fullWorld) audit() {
	n := 0
	w.acked.Range(func(key, _ any) bool {
		n++
		var out struct{ Item item }
		err := w.client.dynamo("GetItem", m{"TableName": "hits", "Key": m{"k": str(key.(string))}, "ConsistentRead": true}, &out)
		if err != nil || out.Item["k"].S != key {
			w.Errorf("row %s was acknowledged and is %v, %v", key, out.Item, err)
			return false
		}
		return true
	})
	w.node.kill()
	if err := walk(w.data); err != nil {
		w.Error(err)
	}
	w.Logf("%d acknowledged rows are there", n)
}
