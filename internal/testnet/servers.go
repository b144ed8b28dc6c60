package testnet

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

	"rollcall/internal/pause"
)

// RequestTimeout is how long a raw server waits for a request, or for a client to close.
const RequestTimeout = 5 * time.Second

// A Server has one fault, or is the counterpart of faults, which is just good
// enough. A row of the table is all it takes. Its host is its name below
// stage.test.
type Server struct {
	Name, Description string
	// CounterpartOf names the faults, separated by blanks, that this is nearly
	// like and does not have. It is empty for a fault.
	CounterpartOf string
	Start         Starter    // nil: nothing listens
	DNS           Resolution // of the resolver; where something listens, the zero value is its address
}

// A Starter brings the server of a host up; the host it returns needs no more
// than where and how it is reached.
type Starter func(n *Hosts, host string) (*Host, error)

// startServer brings a server up and makes it known.
func (n *Hosts) startServer(server Server) error {
	host := server.Name + ".stage.test"
	s := &Host{Origin: Origin{Scheme: "https"}}
	if server.Start != nil {
		var err error
		if s, err = server.Start(n, host); err != nil {
			return err
		}
	}
	switch {
	case len(s.DNS.Addresses) > 0: // set by the starter
	case server.Start == nil, len(server.DNS.Addresses) > 0:
		s.DNS = server.DNS
	default:
		s.DNS = AtLoopback()
	}
	s.Origin.Name, s.Origin.Description = host, server.text()
	n.Add(s)
	return nil
}

// text is the description with the server's place in the table.
func (s Server) text() string {
	if s.CounterpartOf == "" {
		return s.Description
	}
	return s.Description + " (counterpart of " + strings.Join(strings.Fields(s.CounterpartOf), ", ") + ")"
}

// Ported returns an http or https URL with the port of its host
// here. ok is false if the URL has a port already, or nothing listens for its
// host. A server shows its fault by http too, except those of TLS.
func (s *Net) Ported(raw string) (ported string, ok bool) {
	_, ported, ok = s.port(raw)
	return ported, ok
}

// Shared starts nothing: both shared listeners serve h.
func Shared(h http.HandlerFunc) Starter {
	return func(n *Hosts, _ string) (*Host, error) {
		return &Host{Origin: Origin{Scheme: "https", Addr: n.https.Addr()}, Handler: h}, nil
	}
}

// WithTLS responds 200 over TLS with config, to which it adds the host's valid
// certificate.
func WithTLS(config func() *tls.Config) Starter { return OverHTTPWith(config, Send(OK)) }

// Certificate returns the valid certificate of a host when the first handshake asks
// for it.
func (n *Hosts) Certificate(host string) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return n.Authority.Leaf(host, Valid) }
}

// plain serves a page without TLS.
func plain(n *Hosts, host string) (*Host, error) {
	return OwnListener(n.Serve(Page{Name: host}, nil))
}

// refused holds a port on which nothing listens.
func refused(n *Hosts, _ string) (*Host, error) {
	port, err := holdPort()
	if err != nil {
		return nil, err
	}
	n.CloseLater(port)
	return &Host{Origin: Origin{Scheme: "https", Addr: port.addr}}, nil
}

// CloseLater hands c over to Close.
func (n *Hosts) CloseLater(c io.Closer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closers = append(n.closers, c)
}

// OwnListener is the host of a server with a listener of its own.
func OwnListener(s *Listener, err error) (*Host, error) {
	if err != nil {
		return nil, err
	}
	return &Host{Origin: Origin{Scheme: "https", Addr: s.Addr()}, Own: s}, nil
}

// A Client is a connected client, with its request if it has sent one.
type Client struct {
	net.Conn // TLS, or TCP as it is
	TCP      *net.TCPConn
	Request  *http.Request // its body unread; nil before there is one
}

// A ConnHandler is what a server does with a connection. The connection ends afterwards;
// ctx ends with the test network.
type ConnHandler func(ctx context.Context, c *Client)

// OverTCP lets handle have every connection as it comes.
func OverTCP(a ConnHandler) Starter {
	return func(n *Hosts, _ string) (*Host, error) {
		return OwnListener(n.Keep(ServeRaw(func(ctx context.Context, conn net.Conn) {
			c := &Client{Conn: conn, TCP: conn.(*net.TCPConn)}
			defer c.finish()
			a(ctx, c)
		})))
	}
}

// OverHTTP lets handle have every connection after its first request: over TLS
// with a valid certificate if the client begins that, else without.
func OverHTTP(a ConnHandler) Starter {
	return OverHTTPWith(func() *tls.Config { return &tls.Config{NextProtos: []string{"http/1.1"}} }, a)
}

// OverHTTPWith is OverHTTP with a configuration of TLS.
func OverHTTPWith(config func() *tls.Config, a ConnHandler) Starter {
	return func(n *Hosts, host string) (*Host, error) {
		secure := config()
		secure.GetCertificate = n.Certificate(host)
		return OverTCP(func(ctx context.Context, c *Client) {
			c.SetReadDeadline(time.Now().Add(RequestTimeout))
			if c.Sniff() {
				c.Conn = tls.Server(c.Conn, secure)
			}
			c.Serve(ctx, a)
		})(n, host)
	}
}

// finish ends our direction and reads until the client closes: closing with
// unread bytes would reset the connection.
func (c *Client) finish() {
	if secure, ok := c.Conn.(*tls.Conn); ok {
		secure.CloseWrite()
	}
	c.TCP.CloseWrite()
	c.TCP.SetReadDeadline(time.Now().Add(RequestTimeout))
	io.Copy(io.Discard, c.TCP)
}

// Serve reads the client's request and lets handle have it.
func (c *Client) Serve(ctx context.Context, a ConnHandler) {
	var err error
	if c.Request, err = http.ReadRequest(bufio.NewReader(c.Conn)); err != nil {
		return
	}
	a(ctx, c)
}

// Sniff reports whether the client begins a TLS handshake. Its first bytes can
// still be read.
func (c *Client) Sniff() bool {
	const handshake = 22 // the record type (RFC 8446, 5.1)
	r := bufio.NewReader(c.Conn)
	c.Conn = sniffed{c.Conn, r}
	first, err := r.Peek(1)
	return err == nil && first[0] == handshake
}

// sniffed is a connection whose first bytes were peeked.
type sniffed struct {
	net.Conn
	r *bufio.Reader
}

// Read returns the peeked bytes, then the connection's.
func (s sniffed) Read(p []byte) (int, error) { return s.r.Read(p) }

// Hang reads and sends nothing until the client closes.
func Hang(_ context.Context, c *Client) {
	c.SetReadDeadline(time.Time{})
	io.Copy(io.Discard, c)
}

// CloseConn does nothing, so that the connection ends.
func CloseConn(context.Context, *Client) {}

// Reset closes the connection with a reset.
func Reset(_ context.Context, c *Client) {
	c.TCP.SetLinger(0)
	c.TCP.Close()
}

// Send sends exactly these bytes.
func Send(text string) ConnHandler {
	return func(_ context.Context, c *Client) { io.WriteString(c, text) }
}

// Sequence runs handlers one after the other.
func Sequence(acts ...ConnHandler) ConnHandler {
	return func(ctx context.Context, c *Client) {
		for _, a := range acts {
			a(ctx, c)
		}
	}
}

// Drip sends text in pieces of some bytes, the first at once and each after
// an interval.
func Drip(text string, piece int, interval time.Duration) ConnHandler {
	return func(ctx context.Context, c *Client) {
		for part := range slices.Chunk([]byte(text), piece) {
			if _, err := c.Write(part); err != nil || !pause.For(ctx, interval) {
				return
			}
		}
	}
}

// Repeat sends text until the client closes.
func Repeat(text string, interval time.Duration) ConnHandler {
	return func(ctx context.Context, c *Client) {
		for {
			if _, err := io.WriteString(c, text); err != nil || !pause.For(ctx, interval) {
				return
			}
		}
	}
}
