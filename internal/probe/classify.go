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
	"rollcall/internal/check"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// errTimeout is the cause of a context that ended with the target's time-out.
var errTimeout = errors.New("time-out")

// A verdict is an error that knows its reason already.
type verdict struct {
	reason   check.Reason
	detail   string
	degraded bool // it was a warn that failed
}

func (v *verdict) Error() string { return v.detail }

// A failure is what went wrong, and in which phase.
type failure struct {
	err   error
	phase check.Phase
	body  bool          // the answer's headers were complete
	now   time.Time     // certificates are judged by it
	limit time.Duration // the target's time-out
}

// classify names the reason of a failure, and says it in a line for people.
// It is pure. The most specific comes first.
func classify(f failure) (check.Reason, string) {
	for _, judge := range []func(failure) (check.Reason, string){
		classifyOwn, classifyDNS, classifyTimeout, classifyCertificate, classifyTLS, classifySocket, classifyHTTP,
	} {
		if reason, detail := judge(f); reason != check.OK {
			return reason, detail
		}
	}
	return lastResort(f)
}

// classifyOwn: what is not the target's doing, or was judged where it happened.
func classifyOwn(f failure) (check.Reason, string) {
	if v, ok := errors.AsType[*verdict](f.err); ok {
		return v.reason, v.detail
	}
	switch {
	case errors.Is(f.err, check.ErrBudget), errors.Is(f.err, context.Canceled) && !timedOut(f.err):
		return check.Deadline, "the run ended before the answer came"
	case exhausted(f.err):
		return check.Internal, "we ran out of " + resource(f.err)
	}
	return check.OK, ""
}

// exhausted reports whether we ran out of something of our own.
func exhausted(err error) bool { return resource(err) != "" }

func resource(err error) string {
	switch {
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "file descriptors"
	case errors.Is(err, syscall.EADDRNOTAVAIL), errors.Is(err, syscall.EADDRINUSE):
		return "local ports"
	case errors.Is(err, syscall.ENOBUFS), errors.Is(err, syscall.ENOMEM):
		return "memory"
	}
	return ""
}

func classifyDNS(f failure) (check.Reason, string) {
	if f.phase == check.DNS && timedOut(f.err) {
		return check.DNSTimeout, "no answer from the resolver within " + f.limit.String()
	}
	e, ok := errors.AsType[*net.DNSError](f.err)
	switch {
	case !ok:
		return check.OK, ""
	case e.IsNotFound:
		return check.DNSNotFound, fmt.Sprintf("no address for %s", strings.TrimSuffix(e.Name, "."))
	case e.IsTimeout:
		return check.DNSTimeout, "no answer from the resolver"
	}
	return check.DNSTemporary, "the resolver could not tell: " + e.Err
}

func timedOut(err error) bool {
	return errors.Is(err, errTimeout) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, syscall.ETIMEDOUT)
}

func classifyTimeout(f failure) (check.Reason, string) {
	switch {
	case !timedOut(f.err):
		return check.OK, ""
	case errors.Is(f.err, syscall.ETIMEDOUT):
		return check.Timeout, "the operating system gave up waiting for the server"
	}
	missing := map[check.Phase]string{
		check.Connect:   "no connection",
		check.TLS:       "TLS handshake not finished",
		check.FirstByte: "no answer",
		check.Transfer:  "answer not finished",
	}[f.phase]
	return check.Timeout, missing + " within " + f.limit.String()
}

func classifyCertificate(f failure) (check.Reason, string) {
	if e, ok := errors.AsType[x509.CertificateInvalidError](f.err); ok {
		return classifyInvalid(e, f.now)
	}
	if e, ok := errors.AsType[x509.HostnameError](f.err); ok {
		return check.TLSHostname, fmt.Sprintf("certificate is not for %s but %s", e.Host, namesOf(e.Certificate))
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](f.err); ok {
		return check.TLSUntrusted, "certificate is signed by an unknown authority"
	}
	if e, ok := errors.AsType[*tls.CertificateVerificationError](f.err); ok {
		return check.TLSUntrusted, "certificate could not be verified: " + e.Err.Error()
	}
	return check.OK, ""
}

func classifyInvalid(e x509.CertificateInvalidError, now time.Time) (check.Reason, string) {
	if e.Reason != x509.Expired {
		return check.TLSUntrusted, "certificate chain is not valid: " + strings.TrimPrefix(e.Error(), "x509: ")
	}
	if now.Before(e.Cert.NotBefore) {
		return check.TLSNotYetValid, fmt.Sprintf("certificate is not valid for another %s (%s)",
			days(e.Cert.NotBefore.Sub(now)), e.Cert.NotBefore.UTC().Format(time.DateOnly))
	}
	return check.TLSExpired, fmt.Sprintf("certificate expired %s ago (%s)",
		days(now.Sub(e.Cert.NotAfter)), e.Cert.NotAfter.UTC().Format(time.DateOnly))
}

// days says how long d is, in the unit that fits.
func days(d time.Duration) string {
	n, unit := int(d/(24*time.Hour)), "day"
	switch {
	case d < time.Hour:
		n, unit = int(d/time.Minute), "minute"
	case d < 24*time.Hour:
		n, unit = int(d/time.Hour), "hour"
	}
	if n != 1 {
		unit += "s"
	}
	return strconv.Itoa(n) + " " + unit
}

// alerts are the names that crypto/tls gives the alerts of a server, which
// have no exported type over TCP, and what they mean for us.
var alerts = []struct {
	name   string
	reason check.Reason
	detail string
}{
	{"protocol version not supported", check.TLSVersion, "server speaks no TLS version that we do"},
	{"certificate required", check.TLSClientCertificate, "server asks for a client certificate"},
	{"unrecognized name", check.TLSHostname, "server knows no such host name"},
	{"no application protocol", check.BadResponse, notHTTP2},
}

func classifyTLS(f failure) (check.Reason, string) {
	if e, ok := errors.AsType[tls.RecordHeaderError](f.err); ok && e.Conn != nil { // it has one only if the first record was none
		return check.TLSNotSpoken, "server does not speak TLS on this port"
	}
	text := f.err.Error()
	if strings.Contains(text, "server selected unsupported protocol version") {
		return check.TLSVersion, "server speaks no TLS version that we do"
	}
	if e, ok := errors.AsType[*net.OpError](f.err); ok && e.Op == "remote error" {
		for _, alert := range alerts {
			if strings.Contains(e.Err.Error(), alert.name) {
				return alert.reason, alert.detail
			}
		}
		return check.TLSHandshake, "server refused the handshake: " + strings.TrimPrefix(e.Err.Error(), "tls: ")
	}
	return check.OK, ""
}

func classifySocket(f failure) (check.Reason, string) {
	switch {
	case errors.Is(f.err, syscall.ECONNREFUSED):
		return check.ConnectionRefused, "nothing listens on this port, or a firewall refuses"
	case errors.Is(f.err, syscall.ECONNRESET), errors.Is(f.err, syscall.EPIPE):
		return check.ConnectionReset, "server reset the connection"
	case errors.Is(f.err, syscall.EHOSTUNREACH), errors.Is(f.err, syscall.ENETUNREACH), errors.Is(f.err, syscall.EACCES), errors.Is(f.err, syscall.EPERM):
		return check.Unreachable, "no route to the server"
	case !f.body && (errors.Is(f.err, io.EOF) || errors.Is(f.err, io.ErrUnexpectedEOF)):
		return check.ConnectionClosed, "server closed the connection without an answer"
	}
	return check.OK, ""
}

const (
	tooManyHeaders = "answer's headers are larger than 256 KiB"
	notHTTP2       = "server does not speak HTTP/2"
	notEstablished = "http2: client conn could not be established" // net/http's words
)

func classifyHTTP(f failure) (check.Reason, string) {
	text := f.err.Error()
	switch {
	case f.body && (errors.Is(f.err, io.ErrUnexpectedEOF) || errors.Is(f.err, io.EOF) || strings.HasPrefix(text, "stream error")):
		return check.BodyTruncated, "connection ended before the body did"
	case f.body:
		return check.BodyInvalid, "body is broken: " + text
	case strings.Contains(text, "response header list larger"): // over HTTP/2
		return check.HeadersTooLarge, tooManyHeaders
	case strings.Contains(text, "looked like an HTTP/1.1 header"), strings.Contains(text, "http2: frame too large"),
		strings.Contains(text, notEstablished): // the same, as a request learns it that comes after
		return check.BadResponse, notHTTP2
	case strings.HasPrefix(text, "stream error"):
		return check.ConnectionReset, "server reset the request: " + text
	case strings.Contains(text, "GOAWAY"), strings.Contains(text, "http2: client conn not usable"): // the same, before the request
		return check.ConnectionClosed, "server closed the connection without an answer (HTTP/2 GOAWAY)"
	}
	return check.OK, ""
}

// lastResort is the general reason of each phase.
func lastResort(f failure) (check.Reason, string) {
	switch f.phase {
	case check.DNS:
		return check.DNSTemporary, "the resolver could not tell"
	case check.Connect:
		return check.Unreachable, "no connection could be made"
	case check.TLS:
		return check.TLSHandshake, "TLS handshake failed: " + strings.TrimPrefix(f.err.Error(), "tls: ")
	case check.FirstByte, check.Transfer:
		return check.BadResponse, "answer is no HTTP: " + f.err.Error()
	}
	return check.Internal, f.err.Error()
}
