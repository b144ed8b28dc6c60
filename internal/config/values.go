package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/metric"
	"rollcall/internal/plan"
)

func anything(s string) (string, error) { return s, nil }

func namespace(s string) (string, error) { return s, metric.CheckNamespace(s) }

func atLeast(least int) func(string) (int, error) {
	return func(s string) (int, error) {
		n, err := strconv.Atoi(s)
		if err != nil || n < least {
			return 0, fmt.Errorf("invalid integer %q (at least %d)", s, least)
		}
		return n, nil
	}
}

func duration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("invalid duration %q (for example 5s or 2m)", s)
	}
	return d, nil
}

func networks(s string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for part := range strings.SplitSeq(s, ",") {
		prefix, err := ParseNetwork(strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		all = append(all, prefix)
	}
	return all, nil
}

// ParseNetwork reads a CIDR; an address alone is a network of one address.
func ParseNetwork(s string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(s); err == nil {
		return addr.Prefix(addr.BitLen())
	}
	prefix, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("invalid network %q (for example 10.0.0.0/8; several are separated by commas)", s)
	}
	if prefix.Addr().Is4In6() && prefix.Bits() >= 96 {
		prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-96)
	}
	return prefix.Masked(), nil
}

func target(s string) (*check.Target, error) {
	p, err := plan.ParseURLs([]string{s})
	if err != nil {
		return nil, err
	}
	if t := &p.Targets[0]; t.Invalid == "" {
		return t, nil
	}
	return nil, errors.New(p.Targets[0].Invalid)
}

func hostPort(s string) (string, error) {
	host, port, err := net.SplitHostPort(s)
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n == 0 || host == "" {
		return "", fmt.Errorf("invalid address %q (host:port, for example 10.0.0.2:53)", s)
	}
	return s, nil
}

func endpoint(s string) (string, error) {
	if u, err := url.Parse(s); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return "", fmt.Errorf("invalid URL %q (for example https://host)", s)
	}
	return s, nil
}

// bucket refuses what S3 does not allow in a name (S3 User Guide, "General
// purpose bucket naming rules"), as far as characters and length go.
func bucket(s string) (string, error) {
	const ends, inside = "abcdefghijklmnopqrstuvwxyz0123456789", ".-"
	if len(s) < 3 || len(s) > 63 || strings.Trim(s, ends+inside) != "" || strings.Trim(s, inside) != s {
		return "", fmt.Errorf("invalid bucket name %q (3 to 63 of a-z, 0-9, . and -)", s)
	}
	return s, nil
}

// runtimeAPI reads the address of Lambda's own API. Its host is an IP address
// in Lambda; a name can only be this machine's own here.
func runtimeAPI(s string) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(s)
	n, bad := strconv.ParseUint(port, 10, 16)
	if err != nil || bad != nil || n == 0 {
		return netip.AddrPort{}, fmt.Errorf("invalid address %q (host:port)", s)
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		addr = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.AddrPortFrom(addr, uint16(n)), nil
}

func mebibytes(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("invalid number of MiB %q (at least 1)", s)
	}
	return n << 20, nil
}
