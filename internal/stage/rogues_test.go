package stage

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestRogues shows each fault as Go's client sees it.
func TestRogues(t *testing.T) {
	s := start(t, Options{})
	tests := map[string]func(error) bool{
		"refusing":        func(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) },
		"tls-not-spoken":  mentions("server gave HTTP response to HTTPS client"),
		"tls-closing":     func(err error) bool { return errors.Is(err, io.EOF) },
		"tls-hanging":     timedOut,
		"expired":         certificate(invalid(x509.Expired)),
		"not-yet-valid":   certificate(invalid(x509.Expired)),
		"wrong-name":      certificate(func(err error) bool { _, ok := errors.AsType[x509.HostnameError](err); return ok }),
		"self-signed":     certificate(unknown),
		"untrusted":       certificate(unknown),
		"no-intermediate": certificate(unknown),
		"hanging":         timedOut,
		"closing":         func(err error) bool { return errors.Is(err, io.EOF) },
		"resetting":       func(err error) bool { return errors.Is(err, syscall.ECONNRESET) },
		"garbage":         mentions("malformed HTTP"),
		"large-headers":   mentions("server response headers exceeded"),
		"redirect-loop":   mentions("stopped after 10 redirects"),
		"truncated":       func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) },
		"bad-chunk":       mentions("invalid byte in chunk length"),
		"dripping":        timedOut,
	}
	for name, is := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := fetch(t, s, name); !is(err) {
				t.Errorf("Go's client says %v", err)
			}
		})
	}
}

// fetch reads a rogue's whole answer within 300 ms.
func fetch(t *testing.T, s *Stage, name string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", portedURL(t, s, "https://"+name+".stage.test"), nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client(t, s).Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return err
}

func mentions(text string) func(error) bool {
	return func(err error) bool { return err != nil && strings.Contains(err.Error(), text) }
}

func timedOut(err error) bool { return errors.Is(err, context.DeadlineExceeded) }

// certificate wants a refused certificate for a reason.
func certificate(is func(error) bool) func(error) bool {
	return func(err error) bool {
		refused, ok := errors.AsType[*tls.CertificateVerificationError](err)
		return ok && is(refused.Err)
	}
}

func TestRoguesWithAStatus(t *testing.T) {
	s := start(t, Options{})
	for _, status := range []int{404, 500, 503} {
		url := portedURL(t, s, "https://status-"+strconv.Itoa(status)+".stage.test")
		if got, _, _ := get(t, client(t, s), url); got != status {
			t.Errorf("%s answers %d, want %d", url, got, status)
		}
	}
}

func TestSlowRogue(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	status, _, header := get(t, client(t, s), portedURL(t, s, "https://slow.stage.test"))
	held, _ := strconv.ParseInt(header.Get(HeldHeader), 10, 64)
	if status != 200 || time.Duration(held) < slowHold || time.Duration(held) > 2*slowHold {
		t.Errorf("slow answers %d after %v, want 200 after %v", status, time.Duration(held), slowHold)
	}
}

func TestRedirectingRogue(t *testing.T) {
	s := start(t, Options{})
	for _, scheme := range []string{"https", "http"} {
		c := client(t, s)
		var chain []string
		c.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
			chain = append(chain, r.URL.String())
			return nil
		}
		first := portedURL(t, s, scheme+"://redirecting.stage.test")
		status, body, _ := get(t, c, first)
		want := first + "/second " + first + "/last"
		if got := strings.Join(chain, " "); status != 200 || got != want || !strings.Contains(body, "the last of three") {
			t.Errorf("redirecting answers %d by way of %s, want 200 by way of %s", status, got, want)
		}
	}
}

func TestNameRogues(t *testing.T) {
	s := start(t, Options{})
	lookup := resolver(s.Resolver, "udp")
	tests := []struct {
		name                string
		notFound, temporary bool
	}{
		{"nxdomain", true, false},
		{"no-address", true, false},
		{"servfail", false, true},
	}
	for _, test := range tests {
		_, err := lookup.LookupHost(t.Context(), test.name+".stage.test.")
		failed, ok := errors.AsType[*net.DNSError](err)
		if !ok || failed.IsNotFound != test.notFound || failed.IsTemporary != test.temporary {
			t.Errorf("looking %s up gives %+v", test.name, err)
		}
	}
	ips, err := lookup.LookupNetIP(t.Context(), "ip", "blocked.stage.test.")
	if err != nil || len(ips) != 1 || ips[0] != netip.MustParseAddr("169.254.169.254") {
		t.Errorf("blocked resolves to %v (%v)", ips, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := lookup.LookupHost(ctx, "dns-silent.stage.test."); err == nil || !strings.Contains(err.Error(), "i/o timeout") {
		t.Errorf("dns-silent gives %v, want a time-out", err)
	}
}

// TestRefusingPortStaysTaken shows that nobody else is given the port.
func TestRefusingPortStaysTaken(t *testing.T) {
	s := start(t, Options{})
	o, _ := s.Origin("refusing.stage.test")
	if l, err := net.Listen("tcp4", o.Addr.String()); err == nil {
		l.Close()
		t.Errorf("somebody else can listen at %v", o.Addr)
	}
}
