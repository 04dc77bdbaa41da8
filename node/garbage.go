package node

import (
	"context"
	"runtime/debug"
	"time"
)

// A node that lives in a few megabytes collects its garbage hundreds of times a second under load, which takes a fifth of its
// processor time. So while it is busy, garbage may grow to several times what lives, within the limit of memory; when it is calm
// again the memory goes back.
const (
	usualGarbage = 100 // percent of what lives, as the runtime has it
	busyGarbage  = 400
	busyRequests = 50 // between two looks
	lookEvery    = time.Second
	calmAfter    = 20 // looks
)

// tendGarbage does so until ctx ends. An operator who set GOGC is left alone.
func (n *Node) tendGarbage(ctx context.Context) {
	if set := debug.SetGCPercent(usualGarbage); set != usualGarbage {
		debug.SetGCPercent(set)
		return
	}
	defer debug.SetGCPercent(usualGarbage)
	ticks := time.NewTicker(lookEvery)
	defer ticks.Stop()
	for g := (garbage{calm: calmAfter}); ; {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
			g.look(n.requests.all.Load())
		}
	}
}

// garbage remembers what the last look saw.
type garbage struct {
	served int64
	calm   int // looks without much to do since the node was busy
}

func (g *garbage) look(served int64) {
	busy := served-g.served >= busyRequests
	g.served = served
	switch {
	case busy && g.calm >= calmAfter:
		debug.SetGCPercent(busyGarbage)
		g.calm = 0
	case busy:
		g.calm = 0
	case g.calm < calmAfter:
		if g.calm++; g.calm == calmAfter {
			debug.SetGCPercent(usualGarbage)
			debug.FreeOSMemory()
		}
	}
}
