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
		phase  Phase
		body   bool
		want   Reason
		detail string // part of it
	}{
		{"a verdict", fmt.Errorf("dialling: %w", &verdict{reason: BlockedAddress, detail: "10.0.0.1 is private"}), Connect, false, BlockedAddress, "10.0.0.1"},
		{"budget", errors.Join(ErrBudget, dialError(syscall.ECONNREFUSED)), Connect, false, Deadline, "run ended"},
		{"caller gone", context.Canceled, FirstByte, false, Deadline, "run ended"},
		{"descriptors", dialError(syscall.EMFILE), Connect, false, Internal, "file descriptors"},
		{"descriptors of all", dialError(syscall.ENFILE), Connect, false, Internal, "file descriptors"},
		{"ports", dialError(syscall.EADDRNOTAVAIL), Connect, false, Internal, "local ports"},
		{"ports of a bound socket", dialError(syscall.EADDRINUSE), Connect, false, Internal, "local ports"},
		{"buffers", dialError(syscall.ENOBUFS), Connect, false, Internal, "memory"},
		{"memory", dialError(syscall.ENOMEM), Connect, false, Internal, "memory"},

		{"no such host", dnsError(net.DNSError{Err: "no such host", IsNotFound: true}), DNS, false, DNSNotFound, "no address for a.example"},
		{"not found beats time-out", dnsError(net.DNSError{IsNotFound: true, IsTimeout: true}), DNS, false, DNSNotFound, ""},
		{"resolver silent", dnsError(net.DNSError{Err: "i/o timeout", IsTimeout: true}), DNS, false, DNSTimeout, "no answer from the resolver"},
		{"time-out of the target in the look-up", errTimeout, DNS, false, DNSTimeout, "within 2s"},
		{"server misbehaving", dnsError(net.DNSError{Err: "server misbehaving", IsTemporary: true}), DNS, false, DNSTemporary, "server misbehaving"},
		{"look-up, anything else", errors.New("odd"), DNS, false, DNSTemporary, "could not tell"},

		{"dial time-out", errors.Join(errTimeout, &net.OpError{Op: "dial", Err: context.Canceled}), Connect, false, Timeout, "no connection within 2s"},
		{"deadline of the socket", &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, TLS, false, Timeout, "TLS handshake not finished within 2s"},
		{"context's deadline", context.DeadlineExceeded, FirstByte, false, Timeout, "no answer within 2s"},
		{"kernel gave up", dialError(syscall.ETIMEDOUT), Connect, false, Timeout, "operating system gave up"},
		{"body late", &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, Transfer, true, Timeout, "answer not finished within 2s"},

		{"expired", unverified(x509.CertificateInvalidError{Cert: leaf, Reason: x509.Expired}), TLS, false, TLSExpired, "certificate expired 3 days ago (2026-11-20)"},
		{"not yet valid", unverified(x509.CertificateInvalidError{Cert: early, Reason: x509.Expired}), TLS, false, TLSNotYetValid, "not valid for another 2 days (2026-11-25)"},
		{"constraint of the chain", unverified(x509.CertificateInvalidError{Cert: leaf, Reason: x509.NameConstraintsWithoutSANs}), TLS, false, TLSUntrusted, "not valid"},
		{"other host", unverified(x509.HostnameError{Certificate: leaf, Host: "a.example"}), TLS, false, TLSHostname, "not for a.example but other.example"},
		{"no name", unverified(x509.HostnameError{Certificate: &x509.Certificate{}, Host: "a.example"}), TLS, false, TLSHostname, "no name at all"},
		{"unknown authority", unverified(x509.UnknownAuthorityError{}), TLS, false, TLSUntrusted, "is signed by an unknown authority"},
		{"verification, anything else", unverified(errors.New("odd")), TLS, false, TLSUntrusted, "could not be verified: odd"},

		{"not TLS", tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake", Conn: &net.TCPConn{}}, TLS, false, TLSNotSpoken, "does not speak TLS"},
		{"TLS no longer", tls.RecordHeaderError{Msg: "unsupported SSLv2 handshake received"}, TLS, false, TLSHandshake, "TLS handshake failed"},
		{"old version offered", errors.New("tls: server selected unsupported protocol version 301"), TLS, false, TLSVersion, "no TLS version"},
		{"alert protocol_version", alert("protocol version not supported"), TLS, false, TLSVersion, "no TLS version"},
		{"alert certificate_required", alert("certificate required"), TLS, false, TLSClientCertificate, "client certificate"},
		{"alert unrecognized_name", alert("unrecognized name"), TLS, false, TLSHostname, "no such host name"},
		{"alert no_application_protocol", alert("no application protocol"), TLS, false, BadResponse, "HTTP/2"},
		{"another alert", alert("handshake failure"), TLS, false, TLSHandshake, "server refused the handshake: handshake failure"},
		{"handshake, anything else", errors.New("tls: unexpected message"), TLS, false, TLSHandshake, "unexpected message"},

		{"refused", dialError(syscall.ECONNREFUSED), Connect, false, ConnectionRefused, "nothing listens"},
		{"reset", &net.OpError{Op: "read", Err: os.NewSyscallError("recvmsg", syscall.ECONNRESET)}, FirstByte, false, ConnectionReset, "reset"},
		{"reset in the body", &net.OpError{Op: "read", Err: syscall.ECONNRESET}, Transfer, true, ConnectionReset, "reset"},
		{"broken pipe", &net.OpError{Op: "write", Err: syscall.EPIPE}, FirstByte, false, ConnectionReset, "reset"},
		{"no route", dialError(syscall.EHOSTUNREACH), Connect, false, Unreachable, "no route"},
		{"no network", dialError(syscall.ENETUNREACH), Connect, false, Unreachable, "no route"},
		{"firewall", dialError(syscall.EACCES), Connect, false, Unreachable, "no route"},
		{"forbidden", dialError(syscall.EPERM), Connect, false, Unreachable, "no route"},
		{"connect, anything else", errors.New("odd"), Connect, false, Unreachable, "no connection"},
		{"closed in the handshake", io.EOF, TLS, false, ConnectionClosed, "without an answer"},
		{"closed in the headers", io.ErrUnexpectedEOF, Transfer, false, ConnectionClosed, "without an answer"},

		{"endless headers", headersTooLarge(), Transfer, false, HeadersTooLarge, "256 KiB"},
		{"endless headers in HTTP/2", errors.New("http2: response header list larger than advertised limit"), FirstByte, false, HeadersTooLarge, "256 KiB"},
		{"closed, as HTTP/2 says it", errors.New("http2: server sent GOAWAY and closed the connection; LastStreamID=1"), FirstByte, false, ConnectionClosed, "GOAWAY"},
		{"closed before the request, as HTTP/2 says it", errors.New("http2: client conn not usable"), FirstByte, false, ConnectionClosed, "GOAWAY"},
		{"HTTP/1.1 where HTTP/2 is wanted, told late", errors.New("http2: client conn could not be established"), FirstByte, false, BadResponse, "does not speak HTTP/2"},
		{"HTTP/1.1 where HTTP/2 is wanted", errors.New("http2: frame too large, note that the frame header looked like an HTTP/1.1 header"), FirstByte, false, BadResponse, "does not speak HTTP/2"},
		{"garbage where HTTP/2 is wanted", errors.New("http2: frame too large"), FirstByte, false, BadResponse, "does not speak HTTP/2"},
		{"stream reset", errors.New("stream error: stream ID 1; REFUSED_STREAM; received from peer"), FirstByte, false, ConnectionReset, "REFUSED_STREAM"},
		{"garbage", errors.New(`malformed HTTP response "SSH-2.0"`), Transfer, false, BadResponse, `answer is no HTTP: malformed HTTP response "SSH-2.0"`},
		{"answer, anything else", errors.New("odd"), FirstByte, false, BadResponse, "odd"},

		{"body cut short", io.ErrUnexpectedEOF, Transfer, true, BodyTruncated, "ended before the body did"},
		{"body ended early", io.EOF, Transfer, true, BodyTruncated, "ended before the body did"},
		{"stream reset in the body", errors.New("stream error: stream ID 1; INTERNAL_ERROR; received from peer"), Transfer, true, BodyTruncated, "ended before the body did"},
		{"broken chunk", errors.New("invalid byte in chunk length"), Transfer, true, BodyInvalid, "invalid byte in chunk length"},
		{"nowhere", errors.New("odd"), NoPhase, false, Internal, "odd"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, detail := classify(failure{test.err, test.phase, test.body, now, 2 * time.Second})
			if got != test.want || !strings.Contains(detail, test.detail) {
				t.Errorf("classify = %v %q, want %v with %q", got, detail, test.want, test.detail)
			}
		})
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

func TestReasonsAreWords(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Reasons() {
		var back Reason
		text, _ := r.MarshalText()
		if err := back.UnmarshalText(text); err != nil || back != r || seen[r.String()] {
			t.Errorf("%v: got back %v, %v", r, back, err)
		}
		seen[r.String()] = true
	}
	if err := new(Reason).UnmarshalText([]byte("nonsense")); err == nil {
		t.Error("nonsense is taken for a reason")
	}
}

func TestStates(t *testing.T) {
	for reason, want := range map[Reason]State{
		OK: Up, DNSNotFound: Down, Timeout: Down, Status: Down, Expectation: Down, RedirectInsecure: Down,
		Deadline: NotChecked, Unstarted: NotChecked, InvalidTarget: NotChecked, Internal: NotChecked,
	} {
		if got := reason.State(); got != want {
			t.Errorf("%v.State() = %v, want %v", reason, got, want)
		}
	}
}

func TestPassing(t *testing.T) {
	passing := map[Reason]bool{
		DNSTemporary: true, DNSTimeout: true, ConnectionRefused: true, ConnectionReset: true,
		ConnectionClosed: true, Unreachable: true, Timeout: true,
	}
	for _, r := range Reasons() {
		if got := (&Result{Reason: r, Status: 404}).Passing(); got != passing[r] {
			t.Errorf("%v: Passing = %v, want %v", r, got, passing[r])
		}
	}
	for status, want := range map[int]bool{200: false, 404: false, 429: true, 500: true, 503: true, 599: true} {
		for _, reason := range []Reason{Status, Expectation} {
			if got := (&Result{Reason: reason, Status: status}).Passing(); got != want {
				t.Errorf("%v with status %d: Passing = %v, want %v", reason, status, got, want)
			}
		}
		if (&Result{State: Degraded, Reason: Status, Status: status}).Passing() {
			t.Errorf("a degraded answer with status %d is passing", status)
		}
	}
}
