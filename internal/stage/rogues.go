package stage

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// patience is how long a raw server waits for a request, or for a caller to go.
const patience = 5 * time.Second

// A rogue is one named fault, or a neighbour that is just good enough: a row
// of the table is all it takes. Its host is its name below stage.test.
type rogue struct {
	name, description string
	// beside names the faults, separated by blanks, whose good neighbour this
	// is. It is empty for a fault.
	beside string
	start  starter    // nil: nothing listens
	dns    Resolution // of the resolver; where something listens, the zero value is its address
}

// A starter brings the server of a host up; the site it returns needs no more
// than where and how it is reached.
type starter func(n *internet, host string) (*site, error)

// rogues is the whole table, in the order in which a check meets the faults.
func rogues() []rogue {
	return slices.Concat(
		nameRogues(), blockedRogues(), connectionRogues(), backlogRogues(),
		handshakeRogues(), versionRogues(), clientCertificateRogues(),
		certificateRogues(), chainRogues(), keyRogues(),
		silentRogues(), noHTTPRogues(), headRogues(), interimRogues(), statusRogues(),
		framingRogues(), sizeRogues(), encodingRogues(),
		redirectRogues(), locationRogues(), otherOriginRogues(),
		http2Rogues(), flakyRogues(), measuredRogues(),
	)
}

// startRogue brings a rogue up and makes it known.
func (n *internet) startRogue(r rogue) error {
	host := r.name + ".stage.test"
	s := &site{origin: Origin{Scheme: "https"}}
	if r.start != nil {
		var err error
		if s, err = r.start(n, host); err != nil {
			return err
		}
	}
	switch {
	case len(s.dns.Addresses) > 0: // the starter knows better
	case r.start == nil, len(r.dns.Addresses) > 0:
		s.dns = r.dns
	default:
		s.dns = here()
	}
	s.origin.Name, s.origin.Description = host, r.text()
	n.add(s)
	return nil
}

// text is the description with the rogue's place in the table.
func (r rogue) text() string {
	if r.beside == "" {
		return r.description
	}
	return r.description + " (good neighbour of " + strings.Join(strings.Fields(r.beside), ", ") + ")"
}

// Ported returns an http or https URL with the port at which its host answers
// here. ok is false if the URL has a port already, or nothing listens for its
// host. A rogue shows its fault by http too, but for those of TLS.
func (s *Stage) Ported(raw string) (ported string, ok bool) {
	_, ported, ok = s.port(raw)
	return ported, ok
}

// shared starts nothing: both shared listeners answer with h.
func shared(h http.HandlerFunc) starter {
	return func(n *internet, _ string) (*site, error) {
		return &site{origin: Origin{Scheme: "https", Addr: n.https.Addr()}, handler: h}, nil
	}
}

// secured answers 200 over TLS as config says, which lacks no more than a
// certificate: the host's sound one.
func secured(config func() *tls.Config) starter { return speaking(config, says(ok)) }

// sound returns the sound certificate of a host when the first handshake asks
// for it.
func (n *internet) sound(host string) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return n.authority.Leaf(host, Sound) }
}

// plain serves a page without TLS.
func plain(n *internet, host string) (*site, error) {
	return owned(n.serve(page{name: host}, nil))
}

// refused holds a port that nobody listens on.
func refused(n *internet, _ string) (*site, error) {
	port, err := holdPort()
	if err != nil {
		return nil, err
	}
	n.closes(port)
	return &site{origin: Origin{Scheme: "https", Addr: port.addr}}, nil
}

// closes hands c over to Close.
func (n *internet) closes(c io.Closer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closers = append(n.closers, c)
}

// owned is the site of a server of its own.
func owned(s *server, err error) (*site, error) {
	if err != nil {
		return nil, err
	}
	return &site{origin: Origin{Scheme: "https", Addr: s.Addr()}, own: s}, nil
}

// A caller is a client that has connected, and where an act is one of overHTTP
// has asked.
type caller struct {
	net.Conn // what is spoken over: TLS, or TCP as it is
	tcp      *net.TCPConn
	request  *http.Request // its body unread; nil before there is one
}

// An act is what a rogue does with a caller. The connection ends afterwards;
// ctx ends with the stage.
type act func(ctx context.Context, c *caller)

// overTCP lets a act on every connection as it comes.
func overTCP(a act) starter {
	return func(n *internet, _ string) (*site, error) {
		return owned(n.keep(serveRaw(func(ctx context.Context, conn net.Conn) {
			c := &caller{Conn: conn, tcp: conn.(*net.TCPConn)}
			defer c.part()
			a(ctx, c)
		})))
	}
}

// overHTTP lets a act on every connection once its first request has come:
// over TLS where the client begins it, with a sound certificate, else plainly.
func overHTTP(a act) starter {
	return speaking(func() *tls.Config { return &tls.Config{NextProtos: []string{"http/1.1"}} }, a)
}

// speaking is overHTTP with what else is to be said of TLS.
func speaking(config func() *tls.Config, a act) starter {
	return func(n *internet, host string) (*site, error) {
		secure := config()
		secure.GetCertificate = n.sound(host)
		return overTCP(func(ctx context.Context, c *caller) {
			c.SetReadDeadline(time.Now().Add(patience))
			if c.sniff() {
				c.Conn = tls.Server(c.Conn, secure)
			}
			c.ask(ctx, a)
		})(n, host)
	}
}

// part ends what we say, and reads what the caller says until it has gone: a
// connection closed over unread bytes would be a reset one.
func (c *caller) part() {
	if secure, ok := c.Conn.(*tls.Conn); ok {
		secure.CloseWrite()
	}
	c.tcp.CloseWrite()
	c.tcp.SetReadDeadline(time.Now().Add(patience))
	io.Copy(io.Discard, c.tcp)
}

// ask reads the caller's request and lets a act on it.
func (c *caller) ask(ctx context.Context, a act) {
	var err error
	if c.request, err = http.ReadRequest(bufio.NewReader(c.Conn)); err != nil {
		return
	}
	a(ctx, c)
}

// sniff reports whether the caller begins a TLS handshake, and lets its first
// bytes be read again.
func (c *caller) sniff() bool {
	const handshake = 22 // the record type (RFC 8446, 5.1)
	r := bufio.NewReader(c.Conn)
	c.Conn = sniffed{c.Conn, r}
	first, err := r.Peek(1)
	return err == nil && first[0] == handshake
}

// sniffed is a connection whose first bytes have been looked at.
type sniffed struct {
	net.Conn
	r *bufio.Reader
}

// Read returns the bytes that have been looked at, then the connection's.
func (s sniffed) Read(p []byte) (int, error) { return s.r.Read(p) }

// hang reads what comes and says nothing until the client goes away.
func hang(_ context.Context, c *caller) {
	c.SetReadDeadline(time.Time{})
	io.Copy(io.Discard, c)
}

// leave does nothing, so that the connection ends.
func leave(context.Context, *caller) {}

// reset lets closing send a reset instead of an end.
func reset(_ context.Context, c *caller) {
	c.tcp.SetLinger(0)
	c.tcp.Close()
}

// says sends exactly these bytes.
func says(text string) act {
	return func(_ context.Context, c *caller) { io.WriteString(c, text) }
}

// then does one act after the other.
func then(acts ...act) act {
	return func(ctx context.Context, c *caller) {
		for _, a := range acts {
			a(ctx, c)
		}
	}
}

// drips sends text in pieces of some bytes, the first at once and each after
// an interval.
func drips(text string, piece int, interval time.Duration) act {
	return func(ctx context.Context, c *caller) {
		for part := range slices.Chunk([]byte(text), piece) {
			if _, err := c.Write(part); err != nil || !pause(ctx, interval) {
				return
			}
		}
	}
}

// repeats sends text until the client goes away.
func repeats(text string, interval time.Duration) act {
	return func(ctx context.Context, c *caller) {
		for {
			if _, err := io.WriteString(c, text); err != nil || !pause(ctx, interval) {
				return
			}
		}
	}
}
