package users

import "runtime"

// cores are those that passwords and signatures may keep busy at once: as many as there are. What else the node does then waits
// for a core as long as one power takes, never as long as all sign-ins under way; how many those are, the pipeline bounds.
type cores chan struct{}

func newCores() cores { return make(cores, runtime.GOMAXPROCS(0)) }

// spend runs what takes milliseconds of a core.
func (c cores) spend(work func()) {
	c <- struct{}{}
	defer func() { <-c }()
	work()
}
