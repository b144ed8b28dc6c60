package stage

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	slowHold     = 1500 * time.Millisecond
	dripInterval = 100 * time.Millisecond
	dripBytes    = 600             // a minute's worth, longer than any time-out in use
	largeHeaders = 300             // headers of 1 KiB each: more than 256 KiB
	patience     = 5 * time.Second // of a raw server that waits for a request
)

// A rogue is one named fault: a row of the table is all it takes. Its host is
// its name below stage.test.
type rogue struct {
	name, description string
	start             starter    // nil: nothing listens
	dns               Resolution // of the resolver, where nothing listens
}

// A starter brings the server of a host up; the site it returns needs no more
// than where and how it is reached.
type starter func(n *internet, host string) (*site, error)

// rogues is the whole table, in the order in which a check meets the faults.
func rogues() []rogue {
	return slices.Concat(nameRogues(), connectionRogues(), certificateRogues(), responseRogues(), bodyRogues())
}

func nameRogues() []rogue {
	metadata := netip.AddrFrom4([4]byte{169, 254, 169, 254})
	return []rogue{
		{name: "nxdomain", description: "does not exist", dns: Resolution{Failure: dnsmessage.RCodeNameError}},
		{name: "servfail", description: "its resolver fails", dns: Resolution{Failure: dnsmessage.RCodeServerFailure}},
		{name: "dns-silent", description: "its resolver does not answer", dns: Resolution{Silent: true}},
		{name: "no-address", description: "exists and has no address"},
		{name: "blocked", description: "resolves to the address of cloud metadata", dns: Resolution{Addresses: []netip.Addr{metadata}}},
	}
}

func connectionRogues() []rogue {
	return []rogue{
		{name: "refusing", description: "refuses the connection", start: refused},
		{name: "tls-hanging", description: "accepts and never shakes hands", start: overTCP(hang)},
		{name: "tls-not-spoken", description: "plain HTTP where https is asked for", start: plain},
		{name: "tls-closing", description: "closes in the middle of the handshake", start: overTCP(swallow)},
	}
}

func certificateRogues() []rogue {
	return []rogue{
		{name: "expired", description: "its certificate ended yesterday", start: certified(Expired)},
		{name: "not-yet-valid", description: "its certificate begins tomorrow", start: certified(NotYetValid)},
		{name: "wrong-name", description: "its certificate is another name's", start: certified(WrongName)},
		{name: "self-signed", description: "its certificate is signed by itself", start: certified(SelfSigned)},
		{name: "untrusted", description: "its certificate's issuer is unknown", start: certified(UnknownIssuer)},
		{name: "no-intermediate", description: "its certificate comes without the intermediate", start: certified(NoIntermediate)},
	}
}

func responseRogues() []rogue {
	return []rogue{
		{name: "slow", description: "answers after 1.5 s", start: shared(page{name: "slow", hold: slowHold}.ServeHTTP)},
		{name: "hanging", description: "takes the request and never answers", start: shared(silence)},
		{name: "closing", description: "takes the request and closes", start: overTLS(swallow)},
		{name: "resetting", description: "takes the request and resets", start: overTLS(reset)},
		{name: "garbage", description: "answers what is no HTTP", start: overTLS(says("\x00\x01\x02 this is no HTTP\r\n\r\n"))},
		{name: "large-headers", description: "answers with headers of 300 KiB", start: overTLS(says(headersTooLarge()))},
		{name: "redirecting", description: "two redirects, then a page", start: shared(redirecting)},
		{name: "redirect-loop", description: "redirects to itself", start: shared(looping)},
		{name: "status-404", description: "answers 404", start: shared(fixed(http.StatusNotFound))},
		{name: "status-500", description: "answers 500", start: shared(fixed(http.StatusInternalServerError))},
		{name: "status-503", description: "answers 503", start: shared(fixed(http.StatusServiceUnavailable))},
	}
}

func bodyRogues() []rogue {
	const head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
	return []rogue{
		{name: "truncated", description: "closes before its body's end", start: overTLS(says(head + "Content-Length: 1000\r\n\r\nonly this much"))},
		{name: "bad-chunk", description: "breaks its body's chunks", start: overTLS(says(head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\nworld\r\n"))},
		{name: "dripping", description: "sends its body a byte every 100 ms", start: shared(dripping)},
	}
}

// startRogue brings a rogue up and makes it known.
func (n *internet) startRogue(r rogue) error {
	host := r.name + ".stage.test"
	s := &site{origin: Origin{Scheme: "https"}, dns: r.dns}
	if r.start != nil {
		var err error
		if s, err = r.start(n, host); err != nil {
			return err
		}
		s.dns = here()
	}
	s.origin.Name, s.origin.Description = host, r.description
	n.add(s)
	return nil
}

// shared starts nothing: both shared listeners answer with h.
func shared(h http.HandlerFunc) starter {
	return func(n *internet, host string) (*site, error) {
		return &site{origin: Origin{Scheme: "https", Addr: n.https.Addr()}, handler: h}, nil
	}
}

// certified serves a page over TLS with a certificate that has a flaw.
func certified(flaw Flaw) starter {
	return func(n *internet, host string) (*site, error) {
		leaf, err := n.authority.Leaf(host, flaw)
		if err != nil {
			return nil, err
		}
		own, err := n.serve(page{name: host}, &tls.Config{Certificates: []tls.Certificate{*leaf}})
		return owned(own, err)
	}
}

// plain serves a page without TLS.
func plain(n *internet, host string) (*site, error) {
	own, err := n.serve(page{name: host}, nil)
	return owned(own, err)
}

// refused holds a port that nobody listens on.
func refused(n *internet, _ string) (*site, error) {
	port, err := holdPort()
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closers = append(n.closers, port)
	return &site{origin: Origin{Scheme: "https", Addr: port.addr}}, nil
}

// overTCP hands every connection to handle.
func overTCP(handle func(context.Context, net.Conn)) starter {
	return func(n *internet, _ string) (*site, error) { return owned(n.keep(serveRaw(handle))) }
}

// overTLS shakes hands with a sound certificate, reads a request and hands the
// connection to handle.
func overTLS(handle func(context.Context, net.Conn)) starter {
	return func(n *internet, host string) (*site, error) {
		leaf, err := n.authority.Leaf(host, Sound)
		if err != nil {
			return nil, err
		}
		config := &tls.Config{Certificates: []tls.Certificate{*leaf}, NextProtos: []string{"http/1.1"}}
		return owned(n.keep(serveRaw(func(ctx context.Context, raw net.Conn) {
			conn := tls.Server(raw, config)
			defer conn.Close()
			conn.SetReadDeadline(time.Now().Add(patience))
			if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				handle(ctx, conn)
			}
		})))
	}
}

// owned is the site of a server of its own.
func owned(s *server, err error) (*site, error) {
	if err != nil {
		return nil, err
	}
	return &site{origin: Origin{Scheme: "https", Addr: s.Addr()}, own: s}, nil
}

// hang reads what comes and says nothing until the client goes away.
func hang(_ context.Context, conn net.Conn) { io.Copy(io.Discard, conn) }

// swallow reads once what there is to read, so that closing is not resetting.
func swallow(_ context.Context, conn net.Conn) {
	if _, secure := conn.(*tls.Conn); secure {
		return // its request has been read
	}
	conn.SetReadDeadline(time.Now().Add(patience))
	conn.Read(make([]byte, 64<<10))
}

// reset lets closing send a reset instead of an end.
func reset(_ context.Context, conn net.Conn) {
	raw := conn
	if secure, ok := conn.(*tls.Conn); ok {
		raw = secure.NetConn()
	}
	raw.(*net.TCPConn).SetLinger(0)
	raw.Close()
}

// says answers with exactly these bytes and closes.
func says(text string) func(context.Context, net.Conn) {
	return func(_ context.Context, conn net.Conn) { io.WriteString(conn, text) }
}

// headersTooLarge is an answer whose head has more than 256 KiB.
func headersTooLarge() string {
	var b strings.Builder
	b.WriteString("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n")
	for i := range largeHeaders {
		fmt.Fprintf(&b, "X-Large-%d: %s\r\n", i, strings.Repeat("x", 1024))
	}
	return b.String() + "\r\n"
}

// silence holds the answer until the client goes away.
func silence(_ http.ResponseWriter, r *http.Request) {
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}

// fixed answers with a status.
func fixed(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { answer(w, status, http.StatusText(status)) }
}

// redirecting leads from any path over /second to /last, by whole URLs that
// keep the port.
func redirecting(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/last":
		answer(w, http.StatusOK, "the last of three")
	case "/second":
		redirect(w, r, "/last")
	default:
		redirect(w, r, "/second")
	}
}

func looping(w http.ResponseWriter, r *http.Request) { redirect(w, r, r.URL.Path) }

func redirect(w http.ResponseWriter, r *http.Request, path string) {
	scheme := "https"
	if r.TLS == nil {
		scheme = "http"
	}
	w.Header().Set("Location", scheme+"://"+r.Host+path)
	answer(w, http.StatusMovedPermanently, "moved")
}

// dripping sends its body so slowly that no check waits for its end.
func dripping(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Length", fmt.Sprint(dripBytes))
	flusher := http.NewResponseController(w)
	for range dripBytes {
		if _, err := io.WriteString(w, "."); err != nil {
			return
		}
		flusher.Flush()
		wait(r.Context(), dripInterval)
	}
}
