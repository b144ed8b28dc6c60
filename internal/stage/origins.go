package stage

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
)

// HeldHeader is the header in which every answer of an origin that speaks HTTP
// says how long it was held: from the request's arrival in the handler to the
// first byte written, in nanoseconds, as a decimal number.
const HeldHeader = "X-Held"

// An Origin is one named server of the stage.
type Origin struct {
	Name        string         // the host it answers for; "*.x" is every host below x
	Description string         // one line
	Scheme      string         // "https" or "http": what its URL has
	Addr        netip.AddrPort // where it listens; the zero AddrPort where nothing does
}

// URL returns the origin's URL as the event of a real run would have it: with
// its name and without a port.
func (o Origin) URL() string { return o.Scheme + "://" + o.Name + "/" }

// internet is all origin servers: one HTTPS and one HTTP listener shared by
// most names, and listeners of their own for those that need one.
type internet struct {
	authority   *Authority
	https, http *server

	mu       sync.Mutex
	closers  []io.Closer
	all      []Origin // in the order in which they came
	sites    map[string]*site
	accepted []*server // the servers whose connections count
}

// A site is what the internet knows of one name.
type site struct {
	origin      Origin
	dns         Resolution   // of the resolver
	handler     http.Handler // on the shared listeners; nil if it is not there
	own         *server      // its own listener; nil if it has none
	connections int          // to the shared listeners
}

// newInternet starts the shared listeners, the sites and the rogues.
func newInternet(authority *Authority) (*internet, error) {
	n := &internet{authority: authority, sites: map[string]*site{}}
	if err := n.start(); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

func (n *internet) start() error {
	var err error
	if n.https, err = n.serve(http.HandlerFunc(n.route), n.sharedTLS()); err != nil {
		return err
	}
	if n.http, err = n.serve(http.HandlerFunc(n.route), nil); err != nil {
		return err
	}
	for _, s := range sites() {
		n.share(s.name, s.description, s)
	}
	for _, r := range rogues() {
		if err := n.startRogue(r); err != nil {
			return fmt.Errorf("starting %s: %w", r.name, err)
		}
	}
	return nil
}

// Close ends every server and waits for them.
func (n *internet) Close() error {
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

// serve starts a web server that Close will end.
func (n *internet) serve(h http.Handler, config *tls.Config) (*server, error) {
	return n.keep(serveWeb(held(h), config))
}

// keep notes a server for Close and for the count of connections.
func (n *internet) keep(s *server, err error) (*server, error) {
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closers, n.accepted = append(n.closers, s), append(n.accepted, s)
	return s, nil
}

// share lets both shared listeners answer for a name, and returns its origin.
func (n *internet) share(name, description string, h http.Handler) Origin {
	o := Origin{Name: canonical(name), Description: description, Scheme: "https", Addr: n.https.Addr()}
	n.add(&site{origin: o, handler: h, dns: here()})
	return o
}

// add makes a site known; one of the same name gives way.
func (n *internet) add(s *site) {
	n.mu.Lock()
	defer n.mu.Unlock()
	name := s.origin.Name
	n.all = slices.DeleteFunc(n.all, func(o Origin) bool { return o.Name == name })
	n.all = append(n.all, s.origin)
	n.sites[name] = s
}

// find returns the site that answers for a host, by its name or a wildcard's.
func (n *internet) find(host string) (*site, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return wildcard(n.sites, canonical(host))
}

// port returns the port at which a host answers to a scheme, 0 if it has none.
func (n *internet) port(scheme, host string) (port uint16, known bool) {
	s, ok := n.find(host)
	switch {
	case !ok:
		return 0, false
	case s.handler != nil && scheme == "http":
		return n.http.Addr().Port(), true
	}
	return s.origin.Addr.Port(), true
}

// route hands a request to its host's handler. The first request of a plain
// connection says whose it is.
func (n *internet) route(w http.ResponseWriter, r *http.Request) {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	s, ok := n.find(host)
	if !ok || s.handler == nil {
		http.Error(w, "nobody here is called that", http.StatusMisdirectedRequest)
		return
	}
	if once, ok := r.Context().Value(firstRequest{}).(*sync.Once); ok && r.TLS == nil {
		once.Do(func() { n.count(s) })
	}
	s.handler.ServeHTTP(w, r)
}

func (n *internet) count(s *site) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s.connections++
}

// sharedTLS serves any name that a client asks for, with a sound certificate,
// and counts the connection for that name.
func (n *internet) sharedTLS() *tls.Config {
	return &tls.Config{
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if s, ok := n.find(hello.ServerName); ok {
				n.count(s)
			}
			return nil, nil
		},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			return n.authority.Leaf(cmp.Or(canonical(hello.ServerName), loopback().String()), Sound)
		},
	}
}

// connections returns how many connections came for a name.
func (n *internet) connections(name string) int {
	s, ok := n.find(name)
	if !ok {
		return 0
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if s.own != nil {
		return int(s.own.accepted.Load())
	}
	return s.connections
}

// acceptedAll returns how many connections came to all origins.
func (n *internet) acceptedAll() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	var sum int64
	for _, s := range n.accepted {
		sum += s.accepted.Load()
	}
	return int(sum)
}

// loopback is where everything on the stage listens.
func loopback() netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 0, 1}) }

// here is the resolution of what listens on the stage.
func here() Resolution { return Resolution{Addresses: []netip.Addr{loopback()}} }

// A page is a site with one short HTML page.
type page struct {
	name, description string
	hold              time.Duration // before it answers
	browsersOnly      bool          // 503 for everybody else
}

// sites are the well-behaved names: five that everybody knows, with holds far
// enough apart to tell them by, and three of the stage's own.
func sites() []page {
	return []page{
		{name: "google.com", description: "answers after 60 ms", hold: 60 * time.Millisecond},
		{name: "amazon.com", description: "answers browsers after 140 ms, everybody else 503", hold: 140 * time.Millisecond, browsersOnly: true},
		{name: "facebook.com", description: "answers after 90 ms", hold: 90 * time.Millisecond},
		{name: "www.apple.com", description: "answers after 40 ms", hold: 40 * time.Millisecond},
		{name: "www.microsoft.com", description: "answers after 115 ms", hold: 115 * time.Millisecond},
		{name: "good.stage.test", description: "answers at once"},
		{name: "canary.stage.test", description: "answers at once"},
		{name: "*.many.stage.test", description: "any number of names that answer at once"},
	}
}

// ServeHTTP answers after the page's hold.
func (p page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	wait(r.Context(), p.hold)
	if p.browsersOnly && !strings.Contains(r.UserAgent(), "Mozilla/5.0") {
		answer(w, http.StatusServiceUnavailable, "this site is for browsers")
		return
	}
	answer(w, http.StatusOK, p.name)
}

// answer writes a small HTML page.
func answer(w http.ResponseWriter, status int, title string) {
	body := "<!doctype html><title>" + title + "</title><h1>" + title + "</h1>\n"
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	io.WriteString(w, body)
}

// wait holds an answer for d; where the client or the stage goes away before,
// it ends the handler without one.
func wait(ctx context.Context, d time.Duration) {
	if !pause(ctx, d) {
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

// A holdWriter sets HeldHeader right before the answer's head is written.
type holdWriter struct {
	http.ResponseWriter
	arrived   time.Time
	announced bool
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
	if !h.announced {
		h.announced = true
		h.Header().Set(HeldHeader, strconv.FormatInt(int64(time.Since(h.arrived)), 10))
	}
}
