package testnet

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	SlowHold     = 1500 * time.Millisecond
	DripInterval = 100 * time.Millisecond // of what never ends

	StatusLine = "HTTP/1.1 200 OK\r\n"
	Head       = StatusLine + "Content-Type: text/plain\r\n"
	OK         = Head + "Content-Length: 2\r\n\r\nok"
)

// Faults are the servers with one fault each that the demonstration shows, in
// the order in which a check meets the faults.
func Faults() []Server {
	return []Server{
		{Name: "nxdomain", Description: "does not exist", DNS: Resolution{Failure: dnsmessage.RCodeNameError}},
		{Name: "servfail", Description: "its resolver fails", DNS: Resolution{Failure: dnsmessage.RCodeServerFailure}},
		{Name: "dns-silent", Description: "its resolver does not respond", DNS: Resolution{Silent: true}},
		Blocked("blocked", "of cloud metadata", "169.254.169.254"),
		{Name: "refusing", Description: "refuses the connection", Start: refused},
		// Linux and the BSDs refuse to connect to a multicast address
		// themselves: no packet leaves the machine.
		{Name: "unreachable", Description: "resolves to an address that nothing connects to, 224.0.0.1",
			DNS: Resolution{Addresses: []netip.Addr{netip.MustParseAddr("224.0.0.1")}}},
		{Name: "expired", Description: "its certificate expired yesterday", Start: WithCertificate(Expired)},
		{Name: "not-yet-valid", Description: "its certificate begins tomorrow", Start: WithCertificate(NotYetValid)},
		{Name: "wrong-name", Description: "its certificate is another name's", Start: WithCertificate(WrongName)},
		{Name: "untrusted", Description: "its certificate's issuer is unknown", Start: WithCertificate(UnknownIssuer)},
		{Name: "no-intermediate", Description: "its certificate comes without the intermediate", Start: WithCertificate(NoIntermediate)},
		{Name: "tls10-only", Description: "TLS 1.0 only", Start: TLSVersions(tls.VersionTLS10, tls.VersionTLS10)},
		{Name: "no-shared-cipher", Description: "TLS 1.2, with one cipher suite, for a key that it does not have",
			Start: CipherSuites(tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256)},
		{Name: "client-certificate-13", Description: "TLS 1.3, wants a client certificate",
			Start: AskForCertificate(tls.VersionTLS13, tls.RequireAnyClientCert)},
		{Name: "tls-not-spoken", Description: "plain HTTP where https is asked for", Start: plain},
		{Name: "slow", Description: "responds after 1.5 s", CounterpartOf: "hanging", Start: Shared(Page{Name: "slow", Hold: SlowHold}.ServeHTTP)},
		{Name: "hanging", Description: "takes the request and never responds", Start: Shared(noResponse)},
		{Name: "closing", Description: "takes the request and closes", Start: OverHTTP(CloseConn)},
		{Name: "resetting", Description: "takes the request and resets", Start: OverHTTP(Reset)},
		{Name: "garbage", Description: "responds with what is not HTTP", Start: OverHTTP(Send("\x00\x01\x02 this is not HTTP\r\n\r\n"))},
		{Name: "large-headers", Description: "responds with headers of 300 KiB", Start: OverHTTP(LargeHeaders(300))},
		{Name: "truncated", Description: "closes before its body's end", Start: OverHTTP(Send(Head + "Content-Length: 1000\r\n\r\nonly this much"))},
		{Name: "bad-chunk", Description: "breaks its body's chunks", Start: OverHTTP(Send(Head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\nworld\r\n"))},
		{Name: "dripping", Description: "sends its body a byte every 100 ms and never ends",
			Start: OverHTTP(Sequence(Send(Head+"Content-Length: 1000000\r\n\r\n"), Repeat(".", DripInterval)))},
		{Name: "redirecting", Description: "two redirects, then a page", CounterpartOf: "redirect-loop redirect-loop-two", Start: Shared(redirectTwice)},
		{Name: "redirect-loop", Description: "redirects to itself", Start: Shared(redirectLoop)},
		{Name: "redirect-no-location", Description: "redirects without saying where to", Start: Shared(Status(http.StatusFound))},
		{Name: "redirect-insecure", Description: "redirects from https to http", Start: Redirects(http.StatusFound, overScheme("http"), ShortBody)},
		{Name: "status-404", Description: "responds 404", Start: Shared(Status(http.StatusNotFound))},
		{Name: "status-500", Description: "responds 500", Start: Shared(Status(http.StatusInternalServerError))},
	}
}

// WithCertificate serves a page over TLS with a certificate that has a flaw.
func WithCertificate(flaw Flaw) Starter {
	return func(n *Hosts, host string) (*Host, error) {
		return OwnListener(n.Serve(Page{Name: host}, &tls.Config{
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return n.Authority.Leaf(host, flaw) },
		}))
	}
}

func TLSVersions(least, most uint16) Starter {
	return WithTLS(func() *tls.Config { return &tls.Config{MinVersion: least, MaxVersion: most} })
}

func CipherSuites(suites ...uint16) Starter {
	return WithTLS(func() *tls.Config { return &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: suites} })
}

func AskForCertificate(version uint16, how tls.ClientAuthType) Starter {
	return WithTLS(func() *tls.Config {
		return &tls.Config{MinVersion: version, MaxVersion: version, ClientAuth: how}
	})
}

// noResponse holds the response until the client goes away.
func noResponse(_ http.ResponseWriter, r *http.Request) {
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}

// Status responds with a status.
func Status(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { Respond(w, status, http.StatusText(status)) }
}

// LargeHeaders responds with headers of a number of KiB.
func LargeHeaders(kibibytes int) ConnHandler {
	return func(_ context.Context, c *Client) {
		w := bufio.NewWriter(c)
		w.WriteString(StatusLine + "Content-Length: 0\r\n")
		for i := range kibibytes {
			name := fmt.Sprintf("X-Large-%d: ", i)
			w.WriteString(name + strings.Repeat("x", 1022-len(name)) + "\r\n")
		}
		w.WriteString("\r\n")
		w.Flush()
	}
}

// Blocked resolves to the address whose kind is described.
func Blocked(name, kind, address string) Server {
	return Server{Name: name, Description: "resolves to the address " + kind + ", " + address,
		DNS: Resolution{Addresses: []netip.Addr{netip.MustParseAddr(address)}}}
}

// redirectTwice leads from any path over /second to /last, by whole URLs that
// keep the port.
func redirectTwice(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/last":
		Respond(w, http.StatusOK, "the last of three")
	case "/second":
		Redirect(w, r, "/last")
	default:
		Redirect(w, r, "/second")
	}
}

func redirectLoop(w http.ResponseWriter, r *http.Request) { Redirect(w, r, r.URL.Path) }

func Redirect(w http.ResponseWriter, r *http.Request, path string) {
	w.Header().Set("Location", Scheme(r)+"://"+r.Host+path)
	Respond(w, http.StatusMovedPermanently, "moved")
}

func Scheme(r *http.Request) string {
	if r.TLS == nil {
		return "http"
	}
	return "https"
}

// A Destination says where a redirect leads.
type Destination func(n *Hosts, r *http.Request) string

// Redirects redirects, with a body by write.
func Redirects(status int, d Destination, write http.HandlerFunc) Starter {
	return func(n *Hosts, host string) (*Host, error) {
		return Shared(func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Location"] = []string{d(n, r)}
			write(&withStatus{w, status}, r)
		})(n, host)
	}
}

// withStatus responds with another status than the one that is written.
type withStatus struct {
	http.ResponseWriter
	status int
}

// WriteHeader writes the head with the other status.
func (w *withStatus) WriteHeader(int) { w.ResponseWriter.WriteHeader(w.status) }

func ShortBody(w http.ResponseWriter, _ *http.Request) { Respond(w, http.StatusFound, "moved") }

// overScheme leads to good.stage.test by a scheme.
func overScheme(scheme string) Destination {
	return func(n *Hosts, _ *http.Request) string { return n.URL(scheme, "", "good.stage.test", "/") }
}

// URL is a URL with the port at which host listens.
func (n *Hosts) URL(scheme, user, host, path string) string {
	port, _ := n.Port(scheme, host)
	return scheme + "://" + user + host + ":" + strconv.Itoa(int(port)) + path
}
