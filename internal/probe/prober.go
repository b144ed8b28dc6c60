package probe

import (
	"context"
	"crypto/fips140"
	"crypto/x509"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"rollcall/internal/guard"
	"rollcall/internal/resolve"
	"rollcall/internal/trust"
	"rollcall/internal/wire"
)

// Options are what a Prober is made of. A nil function is the real thing.
type Options struct {
	UserAgent string // of targets that name none, e.g. "rollcall/1.2.3"
	Guard     guard.Guard
	RootCAs   *x509.CertPool // nil: the system's

	// SecondDials is how many checks at once may dial a second address while
	// the first is silent (Happy Eyeballs), each with a socket more; 0: any.
	SecondDials int

	// Memory is how many bytes all checks may hold together, as sweep.Memory
	// returns them; 0: any number.
	Memory int64

	// Lookup returns the addresses of a host name in network (ip, ip4 or ip6)
	// within timeout.
	Lookup func(ctx context.Context, network, host string, timeout time.Duration) (resolve.Answer, error)
	// Dial makes one TCP connection. Durations are the kernel's only if it
	// returns a *net.TCPConn that wire.Control has prepared.
	Dial func(ctx context.Context, addr netip.AddrPort) (net.Conn, error)
}

// A Prober checks targets. It may be used by many goroutines at once and
// keeps nothing of a target except that its certificate was verified: each check
// makes fresh connections.
type Prober struct {
	options  Options
	routed   func(netip.AddrPort) bool // whether this machine has a route
	own      http.Header               // says who asks, where a target does not
	seconds  chan struct{}             // second dials under way; nil: they are not counted
	trust    *trust.Verifier           // nil: crypto/tls verifies
	lateness wire.Lateness
	roots    sync.Once
	memory   *memory
	rootless bool // there are no roots: no certificate can be verified
	warm     *net.UDPConn

	evaluations, slowEvaluations line
}

// New returns a Prober; Close it when it is no longer needed.
func New(options Options) *Prober {
	p := &Prober{options: options, routed: routed, own: introduction(options.UserAgent), memory: newMemory(options.Memory)}
	p.evaluations, p.slowEvaluations = lines()
	if p.options.Lookup == nil {
		p.options.Lookup = resolve.New(resolve.Options{}).Lookup
	}
	if p.options.Dial == nil {
		p.options.Dial = dial
	}
	if options.SecondDials > 0 {
		p.seconds = make(chan struct{}, options.SecondDials)
	}
	if !fips140.Enabled() { // where crypto/tls sorts chains out
		p.trust = trust.New(options.RootCAs)
	}
	p.warm, _ = wire.Warm() // without it the first stamps are missing, which results say
	return p
}

// Close frees what the Prober holds.
func (p *Prober) Close() {
	if p.warm != nil {
		p.warm.Close()
	}
}

// dial leaves TCP keep-alive off: no connection lives long enough for it, and
// its three options are some 10 µs of a handshake's 418. It is not DialTCP, which
// binds to port 0 before it connects: the kernel then looks for a port that is
// free whoever is called, past everything that is in TIME_WAIT, and finds none at
// 28,000 checks a minute of one server. A port that connect chooses need only be
// free towards that server.
func dial(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
	d := net.Dialer{KeepAlive: -1, Control: wire.Control}
	return d.DialContext(ctx, "tcp", addr.String())
}

// readRoots reads the system's roots before the first connection: crypto/x509
// does it once, and a failure for lack of descriptors would stay. It takes
// 3-10 ms, which a function that only starts does not have to spend.
func (p *Prober) readRoots() {
	pool, err := x509.SystemCertPool()
	p.rootless = p.options.RootCAs == nil && (err != nil || pool.Equal(x509.NewCertPool()))
}
