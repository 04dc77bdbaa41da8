package users

import (
	"sync"
	"sync/atomic"
	"testing"
)

// TestCores: however many sign in at once, no more powers are computed than there are cores.
func TestCores(t *testing.T) {
	c := make(cores, 2)
	var now, most atomic.Int64
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			c.spend(func() {
				for n := now.Add(1); ; {
					m := most.Load()
					if n <= m || most.CompareAndSwap(m, n) {
						break
					}
				}
				verifierOf([]byte{1}, "realm", "user", "password")
				now.Add(-1)
			})
		})
	}
	all.Wait()
	if most.Load() > 2 || most.Load() == 0 || len(c) != 0 {
		t.Errorf("%d at once, %d left", most.Load(), len(c))
	}
	func() {
		defer func() { recover() }() //nolint:errcheck // a bug below must not take a core for ever
		c.spend(func() { panic("bug") })
	}()
	if len(c) != 0 {
		t.Error("a core is lost")
	}
}
