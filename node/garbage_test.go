package node

import (
	"runtime/debug"
	"testing"
)

func TestGarbageMayGrowWhileTheNodeIsBusy(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(usualGarbage))
	percent := func() int {
		now := debug.SetGCPercent(usualGarbage)
		debug.SetGCPercent(now)
		return now
	}
	g := garbage{calm: calmAfter}
	served := int64(0)
	for i, step := range []struct {
		requests int64
		looks    int
		want     int
	}{
		{0, 3, usualGarbage},
		{busyRequests - 1, 2, usualGarbage},
		{busyRequests, 1, busyGarbage},
		{0, calmAfter - 1, busyGarbage},
		{busyRequests, 1, busyGarbage},
		{0, calmAfter - 1, busyGarbage},
		{0, 1, usualGarbage},
		{1, 2 * calmAfter, usualGarbage},
	} {
		for range step.looks {
			served += step.requests
			g.look(served)
		}
		if got := percent(); got != step.want {
			t.Errorf("step %d: %d %%, want %d", i, got, step.want)
		}
	}
}
