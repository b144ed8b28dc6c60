package probe

import (
	"context"
	"crypto/x509"
	"net"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/resolve"
)

// What this machine has no route to is not down. What others have no route to
// is.
func TestNoRoute(t *testing.T) {
	const v6, v4, other = "2600::1", "192.0.1.1", "192.0.1.2"
	type errs = map[string]error
	for _, test := range []struct {
		name     string
		addrs    []string
		refuse   errs
		hang     string
		unrouted string // addresses
		want     check.Reason
	}{
		{"no route", []string{v4}, errs{v4: syscall.ENETUNREACH}, "", v4, check.Internal},
		{"a route that forbids", []string{v4}, errs{v4: syscall.EHOSTUNREACH}, "", v4, check.Internal},
		{"no address of the family", []string{v6}, errs{v6: syscall.EADDRNOTAVAIL}, "", v6, check.Internal},
		{"a router without a route", []string{v4}, errs{v4: syscall.ENETUNREACH}, "", "", check.Unreachable},
		{"nobody there", []string{v4}, errs{v4: syscall.EHOSTUNREACH}, "", "", check.Unreachable},
		{"refused without a route back", []string{v4}, errs{v4: syscall.ECONNREFUSED}, "", v4, check.ConnectionRefused},
		{"an address that nobody has", []string{"224.0.0.1"}, errs{"224.0.0.1": syscall.ENETUNREACH}, "", "224.0.0.1", check.Unreachable},
		{"no route to either family", []string{v6, v4}, errs{v6: syscall.ENETUNREACH, v4: syscall.ENETUNREACH}, "", v6 + v4, check.Internal},
		{"the other family refuses", []string{v6, v4}, errs{v6: syscall.ENETUNREACH, v4: syscall.ECONNREFUSED}, "", v6, check.ConnectionRefused},
		{"the other family is silent", []string{v6, v4}, errs{v6: syscall.ENETUNREACH}, v4, v6, check.Timeout},
		{"the other family has no route", []string{v6, v4}, errs{v6: syscall.ECONNREFUSED, v4: syscall.ENETUNREACH}, "", v4, check.ConnectionRefused},
		{"one of a family refuses", []string{v4, other}, errs{v4: syscall.ECONNREFUSED, other: syscall.ENETUNREACH}, "", other, check.ConnectionRefused},
		{"the next of a family refuses", []string{v4, other}, errs{v4: syscall.ENETUNREACH, other: syscall.ECONNREFUSED}, "", v4, check.ConnectionRefused},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := &network{names: map[string][]string{"a.example": test.addrs}, refuse: test.refuse, connect: map[string]time.Duration{test.hang: time.Hour}}
				p := n.prober()
				p.options.Guard.Allow = []netip.Prefix{netip.MustParsePrefix("224.0.0.0/4")}
				p.routed = func(addr netip.Addr) bool { return !strings.Contains(test.unrouted, addr.String()) }
				defer p.Close()
				res := p.Probe(t.Context(), target("http://a.example/"))
				if res.Reason != test.want || res.State != test.want.State() || res.Unrouted != (test.want == check.Internal) || res.Exhausted {
					t.Errorf("Probe = %v, %v (%s), unrouted %v, exhausted %v; want %v", res.State, res.Reason, res.Detail, res.Unrouted, res.Exhausted, test.want)
				}
				if res.Unrouted && !strings.HasPrefix(res.Detail, "this machine has no route to ") {
					t.Errorf("detail %q", res.Detail)
				}
				time.Sleep(time.Hour)
			})
		})
	}
}

// A resolver that there is no route to is ours; one that says no is not.
func TestNoRouteToTheResolver(t *testing.T) {
	for _, test := range []struct {
		cause error
		want  check.Reason
	}{
		{syscall.ENETUNREACH, check.Internal}, {syscall.EHOSTUNREACH, check.Internal}, {syscall.ECONNREFUSED, check.DNSTemporary}, {nil, check.DNSTemporary},
	} {
		failure := &net.DNSError{Err: "odd", Name: "a.example", Server: "10.0.0.2:53", UnwrapErr: test.cause}
		p := New(Options{Lookup: func(context.Context, string, string, time.Duration) (resolve.Answer, error) {
			return resolve.Answer{}, failure
		}})
		res := p.Probe(t.Context(), target("http://a.example/"))
		p.Close()
		if res.Reason != test.want || res.Unrouted != (test.want == check.Internal) || res.Unrouted && !strings.Contains(res.Detail, "10.0.0.2:53") {
			t.Errorf("%v: Probe = %v (%s), want %v", test.cause, res.Reason, res.Detail, test.want)
		}
	}
}

func TestLocal(t *testing.T) {
	for addrs, want := range map[string]bool{
		"127.0.0.1": true, "10.1.2.3": true, "192.168.1.1": true, "100.64.0.1": true, "::1": true, "fd00::1": true, "fe80::1": true,
		"10.1.2.3 192.168.1.1": true, "192.0.1.1": false, "2600::1": false, "10.1.2.3 192.0.1.1": false, "100.128.0.1": false,
	} {
		n := plainly(0, always(page(200, "", "")))
		n.names["a.example"] = strings.Fields(addrs)
		if res := once(t, n, target("http://a.example/")); res.Local != want {
			t.Errorf("%s: local %v, want %v (%v)", addrs, res.Local, want, res.Reason)
		}
	}
}

// Without roots nothing can be said about a server's certificate, except what
// needs none.
func TestWithoutRoots(t *testing.T) {
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	p := proberFor(t, nil)
	p.roots.Do(func() { p.rootless = true })
	res := p.Probe(t.Context(), target(server.URL))
	if res.State != check.NotChecked || res.Reason != check.Internal || !strings.Contains(res.Detail, "no root certificates") || res.Certificate == nil {
		t.Errorf("Probe = %v, %v (%s), certificate %v; want not checked, internal, and the certificate", res.State, res.Reason, res.Detail, res.Certificate)
	}
	if res := p.Probe(t.Context(), target(server.URL, func(s *check.Settings) { s.TLS.ServerName = "other.example" })); res.Reason != check.TLSHostname {
		t.Errorf("Probe = %v (%s) for another name, want tls_hostname", res.Reason, res.Detail)
	}
	if res := p.Probe(t.Context(), target(server.URL, func(s *check.Settings) { s.TLS.InsecureSkipVerify = true })); res.Status == 0 {
		t.Errorf("Probe = %v (%s) where any certificate will do", res.Reason, res.Detail)
	}
	given := proberFor(t, x509.NewCertPool())
	if res := given.Probe(t.Context(), target(server.URL)); res.Reason != check.TLSUntrusted {
		t.Errorf("Probe = %v (%s) with roots of the caller's, want tls_untrusted", res.Reason, res.Detail)
	}
}

// Each hop asks for its place before its lookup, when the place of the one before
// is given back and its connection closed. The waiting is in no figure.
func TestPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{names: map[string][]string{"a.example": {"192.0.1.1"}, "b.example": {"192.0.1.2"}}, lookup: time.Second}
		var events []string
		n.serve = func(c net.Conn) {
			reply := page(302, "Location: http://b.example/\r\n", "")
			if len(events) > 3 {
				reply = page(200, "", "")
			}
			responding(time.Second, always(reply))(c)
			events = append(events, "closed")
		}
		p := New(Options{
			Dial: n.Dial,
			Lookup: func(ctx context.Context, network, host string, timeout time.Duration) (resolve.Answer, error) {
				events = append(events, "lookup "+host)
				return n.Lookup(ctx, network, host, timeout)
			},
		})
		defer p.Close()
		own := &check.Attempt{Place: func(_ context.Context, u *url.URL) (func(), error) {
			time.Sleep(time.Minute) // far beyond the timeout
			events = append(events, "place "+u.Host)
			return func() {
				synctest.Wait()
				events = append(events, "done "+u.Host)
			}, nil
		}}
		res := p.Probe(check.WithAttempt(t.Context(), own), target("http://a.example/", func(s *check.Settings) { s.Timeout = 5 * time.Second }))
		want := "place a.example, lookup a.example, closed, done a.example, place b.example, lookup b.example, closed, done b.example"
		if got := strings.Join(events, ", "); got != want {
			t.Errorf("events %s, want %s", got, want)
		}
		if res.State != check.Up || res.Duration != 4*time.Second || res.LocalDelay != 0 {
			t.Errorf("Probe = %v (%s), duration %v, local delay %v; want up, 4s, 0", res.State, res.Detail, res.Duration, res.LocalDelay)
		}
	})
}

// The run's end says nothing about a target that waits.
func TestPlaceThatNeverComes(t *testing.T) {
	n := plainly(0, always(page(200, "", "")))
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(check.ErrBudget)
	p := New(Options{Lookup: n.Lookup, Dial: n.Dial})
	defer p.Close()
	own := &check.Attempt{Place: func(ctx context.Context, _ *url.URL) (func(), error) { return nil, context.Cause(ctx) }}
	if res := p.Probe(check.WithAttempt(ctx, own), target("http://a.example/")); res.Reason != check.Deadline || res.State != check.NotChecked {
		t.Errorf("Probe = %v, %v; want not checked, deadline", res.State, res.Reason)
	}
}
