package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/resolve"
)

func dialError(errno syscall.Errno) error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", errno)}
}

func alert(text string) error {
	return &net.OpError{Op: "remote error", Err: errors.New("tls: " + text)}
}

func unverified(err error) error { return &tls.CertificateVerificationError{Err: err} }

func TestClassify(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	leaf := &x509.Certificate{NotBefore: now.AddDate(0, 0, -93), NotAfter: now.AddDate(0, 0, -3), DNSNames: []string{"other.example"}}
	early := &x509.Certificate{NotBefore: now.AddDate(0, 0, 2), NotAfter: now.AddDate(0, 0, 90)}
	dnsError := func(e net.DNSError) error { e.Name = "a.example."; return &e }
	for _, test := range []struct {
		name   string
		err    error
		phase  check.Phase
		body   bool
		want   check.Reason
		detail string // part of it
	}{
		{"a verdict", fmt.Errorf("dialing: %w", &verdict{reason: check.BlockedAddress, detail: "10.0.0.1 is private"}), check.Connect, false, check.BlockedAddress, "10.0.0.1"},
		{"budget", errors.Join(check.ErrBudget, dialError(syscall.ECONNREFUSED)), check.Connect, false, check.Deadline, "run ended"},
		{"caller gone", context.Canceled, check.FirstByte, false, check.Deadline, "run ended"},
		{"descriptors", dialError(syscall.EMFILE), check.Connect, false, check.Internal, "file descriptors"},
		{"descriptors of all", dialError(syscall.ENFILE), check.Connect, false, check.Internal, "file descriptors"},
		{"ports", dialError(syscall.EADDRNOTAVAIL), check.Connect, false, check.Internal, "local ports"},
		{"ports of a bound socket", dialError(syscall.EADDRINUSE), check.Connect, false, check.Internal, "local ports"},
		{"buffers", dialError(syscall.ENOBUFS), check.Connect, false, check.Internal, "memory"},
		{"memory", dialError(syscall.ENOMEM), check.Connect, false, check.Internal, "memory"},

		{"a name that is not valid", fmt.Errorf("%q: %w", "a..b", resolve.ErrInvalidName), check.DNS, false, check.InvalidTarget, "not a valid host name"},
		{"no such host", dnsError(net.DNSError{Err: "no such host", IsNotFound: true}), check.DNS, false, check.DNSNotFound, "no address for a.example"},
		{"not found beats timeout", dnsError(net.DNSError{IsNotFound: true, IsTimeout: true}), check.DNS, false, check.DNSNotFound, ""},
		{"resolver silent", dnsError(net.DNSError{Err: "i/o timeout", IsTimeout: true}), check.DNS, false, check.DNSTimeout, "no response from the resolver"},
		{"timeout of the target in the lookup", errTimeout, check.DNS, false, check.DNSTimeout, "within 2s"},
		{"server failure", dnsError(net.DNSError{Err: "SERVFAIL", IsTemporary: true}), check.DNS, false, check.DNSTemporary, "SERVFAIL"},
		{"lookup, anything else", errors.New("odd"), check.DNS, false, check.DNSTemporary, "resolver failure"},

		{"dial timeout", errors.Join(errTimeout, &net.OpError{Op: "dial", Err: context.Canceled}), check.Connect, false, check.Timeout, "no connection within 2s"},
		{"deadline of the socket", &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, check.TLS, false, check.Timeout, "TLS handshake not finished within 2s"},
		{"context's deadline", context.DeadlineExceeded, check.FirstByte, false, check.Timeout, "no response within 2s"},
		{"kernel gave up", dialError(syscall.ETIMEDOUT), check.Connect, false, check.Timeout, "operating system gave up"},
		{"body late", &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, check.Transfer, true, check.Timeout, "response not finished within 2s"},

		{"expired", unverified(x509.CertificateInvalidError{Cert: leaf, Reason: x509.Expired}), check.TLS, false, check.TLSExpired, "certificate expired 3 days ago (2026-11-20)"},
		{"not yet valid", unverified(x509.CertificateInvalidError{Cert: early, Reason: x509.Expired}), check.TLS, false, check.TLSNotYetValid, "becomes valid in 2 days (2026-11-25)"},
		{"constraint of the chain", unverified(x509.CertificateInvalidError{Cert: leaf, Reason: x509.NameConstraintsWithoutSANs}), check.TLS, false, check.TLSUntrusted, "not valid"},
		{"other host", unverified(x509.HostnameError{Certificate: leaf, Host: "a.example"}), check.TLS, false, check.TLSHostname, "not for a.example but other.example"},
		{"no name", unverified(x509.HostnameError{Certificate: &x509.Certificate{}, Host: "a.example"}), check.TLS, false, check.TLSHostname, "no name at all"},
		{"unknown authority", unverified(x509.UnknownAuthorityError{}), check.TLS, false, check.TLSUntrusted, "is signed by an unknown authority"},
		{"verification, anything else", unverified(errors.New("odd")), check.TLS, false, check.TLSUntrusted, "could not be verified: odd"},

		{"not TLS", tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake", Conn: &net.TCPConn{}}, check.TLS, false, check.TLSNotSpoken, "does not speak TLS"},
		{"TLS no longer", tls.RecordHeaderError{Msg: "unsupported SSLv2 handshake received"}, check.TLS, false, check.TLSHandshake, "TLS handshake failed"},
		{"old version offered", errors.New("tls: server selected unsupported protocol version 301"), check.TLS, false, check.TLSVersion, "no TLS version"},
		{"alert protocol_version", alert("protocol version not supported"), check.TLS, false, check.TLSVersion, "no TLS version"},
		{"alert certificate_required", alert("certificate required"), check.TLS, false, check.TLSClientCertificate, "client certificate"},
		{"alert unrecognized_name", alert("unrecognized name"), check.TLS, false, check.TLSHostname, "no such host name"},
		{"alert no_application_protocol", alert("no application protocol"), check.TLS, false, check.BadResponse, "HTTP/2"},
		{"another alert", alert("handshake failure"), check.TLS, false, check.TLSHandshake, "server refused the handshake: handshake failure"},
		{"handshake, anything else", errors.New("tls: unexpected message"), check.TLS, false, check.TLSHandshake, "unexpected message"},

		{"refused", dialError(syscall.ECONNREFUSED), check.Connect, false, check.ConnectionRefused, "nothing listens"},
		{"reset", &net.OpError{Op: "read", Err: os.NewSyscallError("recvmsg", syscall.ECONNRESET)}, check.FirstByte, false, check.ConnectionReset, "reset"},
		{"reset in the body", &net.OpError{Op: "read", Err: syscall.ECONNRESET}, check.Transfer, true, check.ConnectionReset, "reset"},
		{"broken pipe", &net.OpError{Op: "write", Err: syscall.EPIPE}, check.FirstByte, false, check.ConnectionReset, "reset"},
		{"no route", dialError(syscall.EHOSTUNREACH), check.Connect, false, check.Unreachable, "no route"},
		{"no network", dialError(syscall.ENETUNREACH), check.Connect, false, check.Unreachable, "no route"},
		{"firewall", dialError(syscall.EACCES), check.Connect, false, check.Unreachable, "no route"},
		{"forbidden", dialError(syscall.EPERM), check.Connect, false, check.Unreachable, "no route"},
		{"connect, anything else", errors.New("odd"), check.Connect, false, check.Unreachable, "no connection"},
		{"closed in the handshake", io.EOF, check.TLS, false, check.ConnectionClosed, "without a response"},
		{"closed in the headers", io.ErrUnexpectedEOF, check.Transfer, false, check.ConnectionClosed, "without a response"},

		{"endless headers", errHeadersTooLarge, check.Transfer, false, check.HeadersTooLarge, "256 KiB"},
		{"garbage", errors.New(`malformed HTTP response "SSH-2.0"`), check.Transfer, false, check.BadResponse, `not an HTTP response: malformed HTTP response "SSH-2.0"`},
		{"response, anything else", errors.New("odd"), check.FirstByte, false, check.BadResponse, "odd"},

		{"body cut short", io.ErrUnexpectedEOF, check.Transfer, true, check.BodyTruncated, "closed before the end of the body"},
		{"body ended early", io.EOF, check.Transfer, true, check.BodyTruncated, "closed before the end of the body"},
		{"alert in the body", alert("internal error"), check.Transfer, true, check.BodyTruncated, "before the end of the body: internal error"},
		{"alert in the body that has a meaning in the handshake", alert("certificate required"), check.Transfer, true, check.BodyTruncated, "certificate required"},
		{"broken chunk", errors.New("invalid byte in chunk length"), check.Transfer, true, check.BodyInvalid, "invalid byte in chunk length"},
		{"nowhere", errors.New("odd"), check.NoPhase, false, check.Internal, "odd"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, detail := classify(failure{exchangeError{error: test.err, inBody: test.body}, test.phase, now, 2 * time.Second})
			if got != test.want || !strings.Contains(detail, test.detail) {
				t.Errorf("classify = %v %q, want %v with %q", got, detail, test.want, test.detail)
			}
		})
	}
}

// TestClassifyByTheStart: what an error without a response means depends on how
// the response had started.
func TestClassifyByTheStart(t *testing.T) {
	for _, test := range []struct {
		name   string
		f      failure
		want   check.Reason
		detail string // part of it
	}{
		{"closed at once", failure{exchangeError: exchangeError{error: io.EOF, version: check.HTTP1}}, check.ConnectionClosed, "without a response"},
		{"closed in the status line", failure{exchangeError: exchangeError{error: io.EOF, version: check.HTTP1, start: "HTTP/1."}}, check.ConnectionClosed, "without a response"},
		{"garbage", failure{exchangeError: exchangeError{error: io.EOF, version: check.HTTP1, start: "SSH-2.0"}}, check.BadResponse, `not an HTTP response: "SSH-2.0"`},
		{"garbage over HTTP/2", failure{exchangeError: exchangeError{error: io.EOF, version: check.HTTP2, start: "SSH-2.0"}}, check.ConnectionClosed, ""},
		{"certificate wanted, in the handshake", failure{exchangeError: exchangeError{error: io.EOF, certificateWanted: true}, phase: check.TLS}, check.TLSClientCertificate, ""},
		{"certificate wanted, at the first read", failure{exchangeError: exchangeError{error: alert("bad certificate"), certificateWanted: true}}, check.TLSClientCertificate, ""},
		{"certificate wanted, and an alert in the body", failure{exchangeError: exchangeError{error: alert("internal error"), certificateWanted: true, inBody: true}, phase: check.Transfer}, check.BodyTruncated, "internal error"},
		{"certificate wanted, and taken without", failure{exchangeError: exchangeError{error: io.EOF, certificateWanted: true}}, check.ConnectionClosed, ""},
		{"certificate wanted, and then silence", failure{exchangeError: exchangeError{error: errTimeout, certificateWanted: true}, phase: check.TLS}, check.Timeout, ""},
	} {
		if test.f.phase == check.NoPhase {
			test.f.phase = check.FirstByte
		}
		if got, detail := classify(test.f); got != test.want || !strings.Contains(detail, test.detail) {
			t.Errorf("%s: classify = %v %q, want %v with %q", test.name, got, detail, test.want, test.detail)
		}
	}
}

func TestDays(t *testing.T) {
	for d, want := range map[time.Duration]string{
		40 * time.Second:               "0 minutes",
		90 * time.Second:               "1 minute",
		23*time.Hour + 59*time.Minute:  "23 hours",
		24*time.Hour + 5*time.Minute:   "1 day",
		3 * 24 * time.Hour:             "3 days",
		400*24*time.Hour + 7*time.Hour: "400 days",
	} {
		if got := days(d); got != want {
			t.Errorf("days(%v) = %q, want %q", d, got, want)
		}
	}
}
