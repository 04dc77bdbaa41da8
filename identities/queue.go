package identities

import (
	"fmt"
	"sync"
)

// maxWaiting is how many calls wait for one login provider at a time.
const maxWaiting = 32

// queue counts the calls that wait for providers, so that one that is slow holds up few.
type queue struct {
	mu      sync.Mutex
	waiting map[string]int // by provider; guarded by mu
}

// enter lets a call wait for a provider, unless too many do; leave ends it.
func (q *queue) enter(provider string) (leave func(), err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waiting[provider] >= maxWaiting {
		return nil, fmt.Errorf("%w: %d wait for %s", errTooMany, maxWaiting, provider)
	}
	if q.waiting == nil {
		q.waiting = map[string]int{}
	}
	q.waiting[provider]++
	return func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		if q.waiting[provider]--; q.waiting[provider] == 0 {
			delete(q.waiting, provider)
		}
	}, nil
}
