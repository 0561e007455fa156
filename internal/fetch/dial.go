package fetch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// Resolver answers with the addresses of a name; *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// rule says whether an address may be connected to and, if not, what it is.
type rule func(netip.Addr) (ok bool, is string)

// maxAddresses is how many addresses of one name are tried.
const maxAddresses = 4

// dialer resolves, filters and connects. The rule is asked twice: on what the
// name resolved to, and in Control on the very address of the socket, so that
// nothing between the two can change the answer.
type dialer struct {
	resolver Resolver
	allow    rule
	timeout  time.Duration
}

func (d *dialer) dial(ctx context.Context, network, hostport string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		return nil, &Error{Reason: ReasonURL, Detail: "host and port cannot be read"}
	}
	ips, err := d.lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	tcp := net.Dialer{
		Timeout: max(d.timeout/time.Duration(len(ips)), time.Second),
		Control: d.control,
	}
	var errs []error
	for _, ip := range ips {
		conn, err := tcp.DialContext(ctx, network, net.JoinHostPort(ip.String(), port))
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...)
}

// lookup returns the allowed addresses of a host, at least one.
func (d *dialer) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	all := []netip.Addr{}
	if ip, err := netip.ParseAddr(host); err == nil {
		all = append(all, ip)
	} else if all, err = d.resolver.LookupNetIP(ctx, "ip", host); err != nil {
		return nil, fmt.Errorf("resolving the host: %w", err)
	}
	var good []netip.Addr
	is := "the name has no address"
	for _, ip := range all {
		ok, what := d.allow(ip)
		switch {
		case !ok:
			is = fmt.Sprintf("%s is %s", ip, what)
		case len(good) < maxAddresses:
			good = append(good, ip.Unmap())
		}
	}
	if len(good) == 0 {
		return nil, &Error{Reason: ReasonAddress, Host: host, Detail: is}
	}
	return good, nil
}

// control runs on the socket before it connects.
func (d *dialer) control(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return &Error{Reason: ReasonAddress, Detail: "the address of the connection cannot be read"}
	}
	if ok, is := d.allow(ap.Addr()); !ok {
		return &Error{Reason: ReasonAddress, Detail: fmt.Sprintf("%s is %s", ap.Addr(), is)}
	}
	return nil
}
