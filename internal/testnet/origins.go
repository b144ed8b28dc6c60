package testnet

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"rollcall/internal/pause"
)

// HeldHeader is the header in which every response of an origin that speaks HTTP
// says how long it was held: from the request's arrival in the handler to the
// first byte written, in nanoseconds, as a decimal number.
const HeldHeader = "X-Held"

// An Origin is one named server of the test network.
type Origin struct {
	Name        string         // the host it serves; "*.x" is every host below x
	Description string         // one line
	Scheme      string         // "https" or "http": what its URL has
	Addr        netip.AddrPort // where it listens; the zero AddrPort where nothing does
}

// URL returns the origin's URL as the event of a real run would have it: with
// its name and without a port.
func (o Origin) URL() string { return o.Scheme + "://" + o.Name + "/" }

// Hosts is all origin servers: one HTTPS and one HTTP listener shared by
// most names, and listeners of their own for those that need one.
type Hosts struct {
	Authority   *Authority
	https, http *Listener

	mu       sync.Mutex
	closers  []io.Closer
	all      []Origin // in the order in which they came
	sites    map[string]*Host
	accepted []*Listener // the servers whose connections count
}

// A Host is one name of the test network and what serves it.
type Host struct {
	Origin      Origin
	DNS         Resolution   // of the resolver
	Handler     http.Handler // on the shared listeners; nil if it is not there
	Own         *Listener    // its own listener; nil if it has none
	connections int          // to the shared listeners
}

// newHosts starts the shared listeners, the sites and the servers.
func newHosts(authority *Authority, more []Server) (*Hosts, error) {
	n := &Hosts{Authority: authority, sites: map[string]*Host{}}
	if err := n.start(more); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

func (n *Hosts) start(more []Server) error {
	var err error
	if n.https, err = n.Serve(http.HandlerFunc(n.route), n.sharedTLS()); err != nil {
		return err
	}
	if n.http, err = n.Serve(http.HandlerFunc(n.route), nil); err != nil {
		return err
	}
	for _, s := range sites() {
		n.share(s.Name, s.Description, s)
	}
	for _, r := range slices.Concat(Faults(), more) {
		if err := n.startServer(r); err != nil {
			return fmt.Errorf("starting %s: %w", r.Name, err)
		}
	}
	return nil
}

// Close ends every server and waits for them.
func (n *Hosts) Close() error {
	n.mu.Lock()
	closers := n.closers
	n.closers = nil
	n.mu.Unlock()
	var errs []error
	for _, c := range slices.Backward(closers) {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// Serve starts a web server that Close will end.
func (n *Hosts) Serve(h http.Handler, config *tls.Config) (*Listener, error) {
	return n.Keep(ServeWeb(held(h), config))
}

// Keep notes a server for Close and for the count of connections.
func (n *Hosts) Keep(s *Listener, err error) (*Listener, error) {
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closers, n.accepted = append(n.closers, s), append(n.accepted, s)
	return s, nil
}

// share serves a name on both shared listeners, and returns its origin.
func (n *Hosts) share(name, description string, h http.Handler) Origin {
	o := Origin{Name: Canonical(name), Description: description, Scheme: "https", Addr: n.https.Addr()}
	n.Add(&Host{Origin: o, Handler: h, DNS: AtLoopback()})
	return o
}

// Add makes a site known; one of the same name gives way.
func (n *Hosts) Add(s *Host) {
	n.mu.Lock()
	defer n.mu.Unlock()
	name := s.Origin.Name
	n.all = slices.DeleteFunc(n.all, func(o Origin) bool { return o.Name == name })
	n.all = append(n.all, s.Origin)
	n.sites[name] = s
}

// Find returns the site that serves a host, by its name or a wildcard's.
func (n *Hosts) Find(host string) (*Host, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return wildcard(n.sites, Canonical(host))
}

// Port returns the port at which a host serves a scheme, 0 if it has none.
func (n *Hosts) Port(scheme, host string) (port uint16, known bool) {
	s, ok := n.Find(host)
	switch {
	case !ok:
		return 0, false
	case s.Handler != nil && scheme == "http":
		return n.http.Addr().Port(), true
	}
	return s.Origin.Addr.Port(), true
}

// route hands a request to its host's handler. The first request of a plain
// connection says whose it is.
func (n *Hosts) route(w http.ResponseWriter, r *http.Request) {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	s, ok := n.Find(host)
	if !ok || s.Handler == nil {
		http.Error(w, "no host has this name", http.StatusMisdirectedRequest)
		return
	}
	if once, ok := r.Context().Value(firstRequest{}).(*sync.Once); ok && r.TLS == nil {
		once.Do(func() { n.count(s) })
	}
	s.Handler.ServeHTTP(w, r)
}

func (n *Hosts) count(s *Host) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s.connections++
}

// sharedTLS serves any name that a client asks for, with a valid certificate,
// and counts the connection for that name.
func (n *Hosts) sharedTLS() *tls.Config {
	return &tls.Config{
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if s, ok := n.Find(hello.ServerName); ok {
				n.count(s)
			}
			return nil, nil
		},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			return n.Authority.Leaf(cmp.Or(Canonical(hello.ServerName), Loopback().String()), Valid)
		},
	}
}

// connections returns how many connections came for a name.
func (n *Hosts) connections(name string) int {
	s, ok := n.Find(name)
	if !ok {
		return 0
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if s.Own != nil {
		return int(s.Own.accepted.Load())
	}
	return s.connections
}

// acceptedAll returns how many connections came to all origins.
func (n *Hosts) acceptedAll() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	var sum int64
	for _, s := range n.accepted {
		sum += s.accepted.Load()
	}
	return int(sum)
}

// Loopback is where everything on the test network listens.
func Loopback() netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 0, 1}) }

// AtLoopback is the resolution of what listens on the test network.
func AtLoopback() Resolution { return Resolution{Addresses: []netip.Addr{Loopback()}} }

// A Page is a site with one short HTML page.
type Page struct {
	Name, Description string
	Hold              time.Duration // before it responds
	browsersOnly      bool          // 503 for all others
}

// sites are the well-behaved names: five well-known ones, with holds far
// enough apart to tell them by, and three of the test network's own.
func sites() []Page {
	return []Page{
		{Name: "google.com", Description: "responds after 60 ms", Hold: 60 * time.Millisecond},
		{Name: "amazon.com", Description: "responds to browsers after 140 ms, to all others 503", Hold: 140 * time.Millisecond, browsersOnly: true},
		{Name: "facebook.com", Description: "responds after 90 ms", Hold: 90 * time.Millisecond},
		{Name: "www.apple.com", Description: "responds after 40 ms", Hold: 40 * time.Millisecond},
		{Name: "www.microsoft.com", Description: "responds after 115 ms", Hold: 115 * time.Millisecond},
		{Name: "good.stage.test", Description: "responds at once"},
		{Name: "canary.stage.test", Description: "responds at once"},
		{Name: "*.many.stage.test", Description: "any number of names that respond at once"},
	}
}

// ServeHTTP responds after the page's hold.
func (p Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	Wait(r.Context(), p.Hold)
	if p.browsersOnly && !strings.Contains(r.UserAgent(), "Mozilla/5.0") {
		Respond(w, http.StatusServiceUnavailable, "this site is for browsers")
		return
	}
	Respond(w, http.StatusOK, p.Name)
}

// Respond writes a small HTML page.
func Respond(w http.ResponseWriter, status int, title string) {
	body := "<!doctype html><title>" + title + "</title><h1>" + title + "</h1>\n"
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	io.WriteString(w, body)
}

// Wait holds a response for d; where the client or the test network goes away before,
// it ends the handler without one.
func Wait(ctx context.Context, d time.Duration) {
	if !pause.For(ctx, d) {
		panic(http.ErrAbortHandler)
	}
}

// held makes a handler announce its holds in HeldHeader.
func held(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		announced := &holdWriter{ResponseWriter: w, arrived: time.Now()}
		h.ServeHTTP(announced, r)
		announced.announce()
	})
}

// A holdWriter sets HeldHeader right before the response's head is written.
type holdWriter struct {
	http.ResponseWriter
	arrived time.Time
	written bool
}

// WriteHeader announces the hold and writes the head.
func (h *holdWriter) WriteHeader(status int) {
	h.announce()
	h.ResponseWriter.WriteHeader(status)
}

// Write announces the hold and writes a part of the body.
func (h *holdWriter) Write(p []byte) (int, error) {
	h.announce()
	return h.ResponseWriter.Write(p)
}

// Unwrap gives http.ResponseController the writer below.
func (h *holdWriter) Unwrap() http.ResponseWriter { return h.ResponseWriter }

func (h *holdWriter) announce() {
	if !h.written {
		h.written = true
		h.Header().Set(HeldHeader, strconv.FormatInt(int64(time.Since(h.arrived)), 10))
	}
}
