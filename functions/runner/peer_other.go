//go:build !linux

package runner

import "net/netip"

// Outside tells connections of functions from others. Here no function runs.
func Outside(_, _ netip.AddrPort) error { return nil }
