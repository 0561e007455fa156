package fetch

import "net/netip"

// special lists the addresses that are not somebody else's public server: the
// IANA special-purpose registries for IPv4 and IPv6 (RFC 6890 and updates),
// multicast, and the translation prefixes that would carry an IPv4 address
// past the IPv4 list.
var special = []struct {
	prefix netip.Prefix
	name   string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), "this network (RFC 791)"},
	{netip.MustParsePrefix("10.0.0.0/8"), "private use (RFC 1918)"},
	{netip.MustParsePrefix("100.64.0.0/10"), "shared address space (RFC 6598)"},
	{netip.MustParsePrefix("127.0.0.0/8"), "loopback (RFC 1122)"},
	{netip.MustParsePrefix("169.254.0.0/16"), "link-local (RFC 3927)"},
	{netip.MustParsePrefix("172.16.0.0/12"), "private use (RFC 1918)"},
	{netip.MustParsePrefix("192.0.0.0/24"), "IETF protocol assignments (RFC 6890)"},
	{netip.MustParsePrefix("192.0.2.0/24"), "documentation (RFC 5737)"},
	{netip.MustParsePrefix("192.31.196.0/24"), "AS112 (RFC 7535)"},
	{netip.MustParsePrefix("192.52.193.0/24"), "AMT (RFC 7450)"},
	{netip.MustParsePrefix("192.88.99.0/24"), "6to4 relay (RFC 7526)"},
	{netip.MustParsePrefix("192.168.0.0/16"), "private use (RFC 1918)"},
	{netip.MustParsePrefix("192.175.48.0/24"), "AS112 (RFC 7534)"},
	{netip.MustParsePrefix("198.18.0.0/15"), "benchmarking (RFC 2544)"},
	{netip.MustParsePrefix("198.51.100.0/24"), "documentation (RFC 5737)"},
	{netip.MustParsePrefix("203.0.113.0/24"), "documentation (RFC 5737)"},
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast (RFC 5771)"},
	{netip.MustParsePrefix("240.0.0.0/4"), "reserved and broadcast (RFC 1112)"},

	{netip.MustParsePrefix("::/128"), "unspecified (RFC 4291)"},
	{netip.MustParsePrefix("::1/128"), "loopback (RFC 4291)"},
	{netip.MustParsePrefix("::/96"), "IPv4-compatible (RFC 4291)"},
	{netip.MustParsePrefix("64:ff9b::/96"), "NAT64 (RFC 6052)"},
	{netip.MustParsePrefix("64:ff9b:1::/48"), "local NAT64 (RFC 8215)"},
	{netip.MustParsePrefix("100::/64"), "discard-only (RFC 6666)"},
	{netip.MustParsePrefix("2001::/23"), "IETF protocol assignments, Teredo, ORCHID (RFC 2928)"},
	{netip.MustParsePrefix("2001:db8::/32"), "documentation (RFC 3849)"},
	{netip.MustParsePrefix("2002::/16"), "6to4 (RFC 3056)"},
	{netip.MustParsePrefix("2620:4f:8000::/48"), "AS112 (RFC 7534)"},
	{netip.MustParsePrefix("3fff::/20"), "documentation (RFC 9637)"},
	{netip.MustParsePrefix("5f00::/16"), "segment routing (RFC 9602)"},
	{netip.MustParsePrefix("fc00::/7"), "unique local (RFC 4193)"},
	{netip.MustParsePrefix("fe80::/10"), "link-local (RFC 4291)"},
	{netip.MustParsePrefix("fec0::/10"), "site-local (RFC 3879)"},
	{netip.MustParsePrefix("ff00::/8"), "multicast (RFC 4291)"},
}

// unicast is the only part of IPv6 that is given out to servers (RFC 4291,
// Section 2.4; IANA IPv6 address space).
var unicast = netip.MustParsePrefix("2000::/3")

// isPublic says whether an address can be a public server and, if not, what
// it is.
func isPublic(a netip.Addr) (bool, string) {
	if a.Zone() != "" {
		return false, "address with a zone (RFC 4007)"
	}
	a = a.Unmap() // ::ffff:a.b.c.d is a.b.c.d on the wire
	for _, s := range special {
		if s.prefix.Contains(a) {
			return false, s.name
		}
	}
	if !a.IsValid() || a.Is6() && !unicast.Contains(a) {
		return false, "not global unicast (RFC 4291)"
	}
	return true, ""
}

// isOperable says whether an operator can mean the address: everything but
// what names no single server, and link-local, where clouds put the metadata
// service that hands out machine credentials.
func isOperable(a netip.Addr) (bool, string) {
	a = a.Unmap()
	switch {
	case !a.IsValid() || a.IsUnspecified():
		return false, "unspecified (RFC 4291)"
	case a.IsLinkLocalUnicast():
		return false, "link-local (RFC 3927, RFC 4291)"
	case a.IsMulticast():
		return false, "multicast (RFC 5771, RFC 4291)"
	case a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return false, "broadcast (RFC 919)"
	}
	return true, ""
}

func isLoopback(a netip.Addr) (bool, string) {
	if a.Unmap().IsLoopback() {
		return true, ""
	}
	return false, "not loopback, which plain http requires here"
}
