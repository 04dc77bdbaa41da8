package kv_test

import (
	"testing"
	"time"

	"bothy/kv"
)

func TestDurations(t *testing.T) {
	var d kv.Durations
	for _, took := range []time.Duration{0, 1, 16 * time.Microsecond, 16*time.Microsecond + 1, 32 * time.Microsecond, time.Second, time.Hour} {
		d.Observe(took)
	}
	h := d.Histogram()
	if h.Count != 7 || h.Counts[0] != 3 || h.Counts[1] != 2 || h.Bounds[0] != 16e-6 || h.Bounds[1] != 32e-6 || h.Sum < 3601 || h.Sum > 3601.1 {
		t.Errorf("%+v", h)
	}
	within := uint64(0)
	for i, n := range h.Counts {
		if within += n; n == 1 && (h.Bounds[i] < 1 || h.Bounds[i] >= 2.2) {
			t.Errorf("a second is counted up to %v", h.Bounds[i])
		}
	}
	if within != 6 {
		t.Errorf("%d are within the bounds", within)
	}
}
