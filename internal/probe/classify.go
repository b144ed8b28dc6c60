package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/resolve"
	"rollcall/internal/wire"
)

// errTimeout is the cause of a context that ended with the target's timeout.
var errTimeout = errors.New("timeout")

// A verdict is an error that knows its reason already.
type verdict struct {
	reason   check.Reason
	detail   string
	degraded bool // it was a warn that failed
	unrouted bool // this machine has no route to the address
}

func (v *verdict) Error() string { return v.detail }

// An exchangeError is an error of a connection with what else is known of its
// end.
type exchangeError struct {
	error
	version           check.HTTPVersion
	start             string // how the response began, if it has no status
	inBody            bool   // the response's headers were complete
	live              bool   // they announced a stream that has no end
	certificateWanted bool   // the server asked for a client certificate
	certificateSent   bool   // and the target has one
}

// Unwrap returns the error itself.
func (e *exchangeError) Unwrap() error { return e.error }

// A failure is what went wrong, and in which phase.
type failure struct {
	exchangeError
	phase check.Phase
	now   time.Time     // certificates are judged by it
	limit time.Duration // the target's timeout
}

// classify names the reason of a failure, and says it in a line for people.
// It is pure. The most specific comes first.
func classify(f failure) (check.Reason, string) {
	for _, judge := range []func(failure) (check.Reason, string){
		classifyOwn, classifyDNS, classifyTimeout, classifyTLS, classifyCertificate, classifyStart, classifySocket, classifyHTTP,
	} {
		if reason, detail := judge(f); reason != check.OK {
			return reason, detail
		}
	}
	return lastResort(f)
}

// classifyOwn: what is not the target's doing, or was judged where it happened.
func classifyOwn(f failure) (check.Reason, string) {
	if v, ok := errors.AsType[*verdict](f.error); ok {
		return v.reason, v.detail
	}
	switch {
	case errors.Is(f.error, check.ErrBudget), errors.Is(f.error, context.Canceled) && !timedOut(f.error):
		return check.Deadline, "the run ended before the response came"
	case wire.Exhausted(f.error) != "":
		return check.Internal, "we ran out of " + wire.Exhausted(f.error)
	}
	return check.OK, ""
}

func classifyDNS(f failure) (check.Reason, string) {
	if errors.Is(f.error, resolve.ErrInvalidName) {
		return check.InvalidTarget, f.error.Error()
	}
	if f.phase == check.DNS && timedOut(f.error) {
		return check.DNSTimeout, "no response from the resolver within " + f.limit.String()
	}
	e, ok := errors.AsType[*net.DNSError](f.error)
	switch {
	case !ok:
		return check.OK, ""
	case e.IsNotFound:
		return check.DNSNotFound, fmt.Sprintf("no address for %s", strings.TrimSuffix(e.Name, "."))
	case e.IsTimeout:
		return check.DNSTimeout, "no response from the resolver"
	}
	return check.DNSTemporary, "resolver failure: " + e.Err
}

func timedOut(err error) bool {
	return errors.Is(err, errTimeout) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, syscall.ETIMEDOUT)
}

func classifyTimeout(f failure) (check.Reason, string) {
	switch {
	case !timedOut(f.error):
		return check.OK, ""
	case errors.Is(f.error, syscall.ETIMEDOUT):
		return check.Timeout, "the operating system gave up waiting for the server"
	}
	missing := map[check.Phase]string{
		check.Connect:   "no connection",
		check.TLS:       "TLS handshake not finished",
		check.FirstByte: "no response",
		check.Transfer:  "response not finished",
	}[f.phase]
	detail := missing + " within " + f.limit.String()
	if f.live {
		detail += ": a live stream has no end; set maxBody, for example to 1"
	}
	return check.Timeout, detail
}

// alerts are the names that crypto/tls gives the alerts of a server, which
// have no exported type over TCP, and what they mean for us.
var alerts = []struct {
	name   string
	reason check.Reason
	detail string
}{
	{"protocol version not supported", check.TLSVersion, noTLSVersion},
	{"certificate required", check.TLSClientCertificate, wantsCertificate},
	{"unrecognized name", check.TLSHostname, "server knows no such host name"},
	{"no application protocol", check.BadResponse, notHTTP2},
}

func classifyTLS(f failure) (check.Reason, string) {
	refused, _ := errors.AsType[*net.OpError](f.error)
	remote := alerted(f.error)
	if remote && f.inBody { // the handshake is long over
		return check.BodyTruncated, "server ended the connection before the end of the body: " + strings.TrimPrefix(refused.Err.Error(), "tls: ")
	}
	if f.certificateWanted && (f.phase == check.TLS || remote) { // a TLS 1.3 server says so only at the first read
		return check.TLSClientCertificate, clientCertificateDetail(f)
	}
	if e, ok := errors.AsType[tls.RecordHeaderError](f.error); ok && e.Conn != nil { // it has one only if the first record was none
		return check.TLSNotSpoken, "server does not speak TLS on this port"
	}
	if strings.Contains(f.Error(), "local error: tls: no renegotiation") {
		return check.TLSHandshake, "server wants to renegotiate TLS again and again, which no client does"
	}
	if strings.Contains(f.Error(), "server selected unsupported protocol version") {
		return check.TLSVersion, noTLSVersion
	}
	if !remote {
		return check.OK, ""
	}
	for _, alert := range alerts {
		if strings.Contains(refused.Err.Error(), alert.name) {
			return alert.reason, alert.detail
		}
	}
	detail := "server refused the handshake: " + strings.TrimPrefix(refused.Err.Error(), "tls: ")
	if f.phase == check.TLS && refusedGroups(f.error) {
		detail += "; there may be no cipher suite in common (see tls.cipherSuites)"
	}
	return check.TLSHandshake, detail
}

// clientCertificateDetail says what a server that asked for a client certificate
// made of ours.
func clientCertificateDetail(f failure) string {
	switch said, _ := errors.AsType[*net.OpError](f.error); {
	case !f.certificateSent:
		return wantsCertificate
	case alerted(f.error):
		return "server refuses the client certificate: " + strings.TrimPrefix(said.Err.Error(), "tls: ")
	case said != nil || errors.Is(f.error, io.EOF):
		return "server ended the connection after it had got the client certificate"
	}
	return "the client certificate can't be used with this server: " + strings.TrimPrefix(f.Error(), "tls: ")
}

const (
	noTLSVersion     = "no TLS version in common"
	wantsCertificate = "server asks for a client certificate"
	tooManyHeaders   = "response headers are larger than 256 KiB, or more than 1,000"
	notHTTP2         = "server does not speak HTTP/2"
	notHTTP          = "not an HTTP response: "
	invalidHTTP      = "invalid HTTP response: "
	invalidBody      = "invalid body: "
	closedEarly      = "server closed the connection without a response"
	goAway           = closedEarly + " (HTTP/2 GOAWAY)"
)

// classifyStart is of connections that ended before there was a response, by how
// it had started.
func classifyStart(f failure) (check.Reason, string) {
	switch {
	case f.inBody:
		return check.OK, ""
	case f.version == check.HTTP1 && errors.Is(f.error, io.EOF) && !startsHTTP1(f.start):
		return check.BadResponse, notHTTP + strconv.Quote(f.start)
	}
	return check.OK, ""
}

// startsHTTP1 reports whether text is, or may become, a status line.
func startsHTTP1(text string) bool {
	const start = "HTTP/"
	return strings.HasPrefix(start, text[:min(len(text), len(start))])
}

func classifySocket(f failure) (check.Reason, string) {
	switch {
	case errors.Is(f.error, syscall.ECONNREFUSED):
		return check.ConnectionRefused, "nothing listens on this port, or a firewall refuses"
	case errors.Is(f.error, syscall.ECONNRESET), errors.Is(f.error, syscall.EPIPE):
		return check.ConnectionReset, "server reset the connection" + asked(f)
	case errors.Is(f.error, syscall.EHOSTUNREACH), errors.Is(f.error, syscall.ENETUNREACH), errors.Is(f.error, syscall.EACCES), errors.Is(f.error, syscall.EPERM):
		return check.Unreachable, "no route to the server"
	case !f.inBody && (errors.Is(f.error, io.EOF) || errors.Is(f.error, io.ErrUnexpectedEOF)):
		return check.ConnectionClosed, closedEarly + asked(f)
	}
	return check.OK, ""
}

// asked says that a server may have ended the connection for lack of a client
// certificate, or because it refuses the target's: some do so silently. It may as
// well have crashed.
func asked(f failure) string {
	switch {
	case !f.certificateWanted || f.inBody:
		return ""
	case f.certificateSent:
		return "; it had got the client certificate, which it may have refused"
	}
	return "; it had asked for a client certificate"
}

func classifyHTTP(f failure) (check.Reason, string) {
	if !f.inBody {
		return check.OK, ""
	}
	if errors.Is(f.error, io.ErrUnexpectedEOF) || errors.Is(f.error, io.EOF) {
		return check.BodyTruncated, "connection closed before the end of the body"
	}
	return check.BodyInvalid, invalidBody + f.Error()
}

// lastResort is the general reason of each phase.
func lastResort(f failure) (check.Reason, string) {
	switch f.phase {
	case check.DNS:
		return check.DNSTemporary, "resolver failure"
	case check.Connect:
		return check.Unreachable, "no connection could be made"
	case check.TLS:
		return check.TLSHandshake, "TLS handshake failed: " + strings.TrimPrefix(f.Error(), "tls: ")
	case check.FirstByte, check.Transfer:
		if strings.HasPrefix(f.start, "HTTP/") && !strings.HasPrefix(f.Error(), "malformed HTTP") { // which is of its first line
			return check.BadResponse, invalidHTTP + f.Error()
		}
		return check.BadResponse, notHTTP + f.Error()
	}
	return check.Internal, f.Error()
}
