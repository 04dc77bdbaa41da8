package wire

import "net/netip"

// Household is who a limit per address is for: the address a call comes from, or what one customer has of IPv6, the first 64
// bits.
func (c *Call) Household() string {
	a, err := netip.ParseAddr(c.SourceIP)
	if err != nil || a.Unmap().Is4() {
		return c.SourceIP
	}
	net, err := a.WithZone("").Prefix(64)
	if err != nil {
		return c.SourceIP
	}
	return net.String()
}
