package wire

import "net/netip"

// Household is who counts as one client: an address, or what one customer has of IPv6, the first 64 bits.
func Household(ip string) string {
	a, err := netip.ParseAddr(ip)
	if err != nil || a.Unmap().Is4() {
		return ip
	}
	net, err := a.WithZone("").Prefix(64)
	if err != nil {
		return ip
	}
	return net.String()
}
