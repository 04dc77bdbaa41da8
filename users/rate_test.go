package users

import (
	"testing"
	"time"

	"bothy/api/cognitoidp"
)

// Strangers cannot fill the disk with users, nor a mailbox with codes, as fast as they can send.
func TestSignUpsAreBounded(t *testing.T) {
	w := newWorld(t)
	c := w.call()
	var b brake
	address := func(ip string, times int) (let int) {
		c.SourceIP = ip
		for range times {
			if b.maySignUp(c, "p") == nil {
				let++
			}
		}
		return let
	}
	if n := address("a", 1000); n != signUpBurstPerAddress {
		t.Errorf("one address: %d at once", n)
	}
	if n := address("b", 10); n != 10 {
		t.Errorf("another address: %d", n)
	}
	c.Now = c.Now.Add(2 * time.Second)
	if n := address("a", 100); n != 2*signUpsPerAddress {
		t.Errorf("after two seconds: %d", n)
	}
	for i := range 100 {
		address(string(rune('A'+i)), 100)
	}
	if n := address("new", 1); n != 0 {
		t.Error("the pool has no bound")
	}
	for i := range 2 * maxBuckets {
		b.takeLocked(string(rune(i)), 1, 1, c.Now)
	}
	if len(b.buckets) > maxBuckets {
		t.Errorf("%d buckets", len(b.buckets))
	}

	p := w.pool()
	cl := w.client(p)
	w.s.signUps.buckets = map[string]*bucket{p: {0, w.now().Add(time.Hour)}}
	refused(w, w.s.signUp, &cognitoidp.SignUpInput{ClientId: str(cl), Username: str("u"), Password: str(good)}, "TooManyRequestsException", "")
}
