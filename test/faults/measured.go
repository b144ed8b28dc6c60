package faults

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"rollcall/internal/pause"
	"rollcall/internal/testnet"
)

// maxArrival is how much of a request's body is remembered, in bytes.
const maxArrival = 1 << 20

// measuredFaults are servers that know what happened, for tests that compare.
func measuredFaults() []testnet.Server {
	return []testnet.Server{
		{Name: "echo", Description: "sends the request back, by path: " + strings.Join(echoPaths(), " "), CounterpartOf: "garbage", Start: testnet.OverHTTP(echo)},
		{Name: "*.delay", CounterpartOf: "hanging tls-hanging dripping",
			Description: "delays: the handshake by its first label (200ms.delay.stage.test), the rest by its query (?first=200ms&body=100ms&pieces=4)",
			Start:       delaying},
	}
}

// An Arrival is a request as it came to recorder.stage.test.
type Arrival struct {
	Method, Target, Host string      // Target is path and query, as on the wire
	Header               http.Header // without Host
	Body                 string      // at most 1 MiB of it
	TLS                  bool
}

// Arrivals returns the requests that came to a recorder so far, in the order of
// their arrival. Of any other name it knows none.
func Arrivals(s *testnet.Net, name string) []Arrival {
	site, ok := s.Hosts.Find(name)
	if !ok {
		return nil
	}
	r, ok := site.Handler.(*recorder)
	if !ok {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.arrivals)
}

// A recorder remembers what is asked of it.
type recorder struct {
	mu       sync.Mutex
	arrivals []Arrival
}

// recording starts a recorder behind a listener of its own, which makes it
// another origin for every client, and on the shared plain one.
func recording(n *testnet.Hosts, host string) (*testnet.Host, error) {
	r := &recorder{}
	own, err := n.Serve(r, &tls.Config{GetCertificate: n.Certificate(host)})
	if err != nil {
		return nil, err
	}
	return &testnet.Host{Origin: testnet.Origin{Scheme: "https", Addr: own.Addr()}, Own: own, Handler: r}, nil
}

// ServeHTTP remembers the request and responds 200.
func (rec *recorder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(http.MaxBytesReader(w, r.Body, maxArrival)) // what came counts
	rec.mu.Lock()
	rec.arrivals = append(rec.arrivals, Arrival{r.Method, r.RequestURI, r.Host, r.Header.Clone(), string(body), r.TLS != nil})
	rec.mu.Unlock()
	testnet.Respond(w, http.StatusOK, "recorded")
}

// A Hold is how long a server kept a client waiting, by its own clock, which
// began when it had read and ended right before it wrote.
type Hold struct {
	TLS   time.Duration // from the client's hello to the server's
	First time.Duration // from the request to the head
	Body  time.Duration // from the head to the body's last piece
}

// Holds returns how long each request to a name below delay.stage.test was
// held, in the order in which they ended. Of any other name it knows none.
func Holds(s *testnet.Net, name string) []Hold {
	site, ok := s.Hosts.Find(name)
	if !ok {
		return nil
	}
	d, ok := site.Handler.(*delay)
	if !ok {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.ended[testnet.Canonical(name)])
}

// A delay responds after the delay that a request asks for.
type delay struct {
	mu     sync.Mutex
	hellos map[string]time.Duration // by the client's address: how long its handshake was held
	ended  map[string][]Hold        // by host
}

func delaying(n *testnet.Hosts, host string) (*testnet.Host, error) {
	d := &delay{hellos: map[string]time.Duration{}, ended: map[string][]Hold{}}
	own, err := n.Serve(d, &tls.Config{GetConfigForClient: d.hello, GetCertificate: n.Certificate(host)})
	if err != nil {
		return nil, err
	}
	return &testnet.Host{Origin: testnet.Origin{Scheme: "https", Addr: own.Addr()}, Own: own, Handler: d}, nil
}

// hello holds a handshake by the first label of the name that is asked for; a
// label that is not a duration is 0.
func (d *delay) hello(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	began := time.Now()
	label, _, _ := strings.Cut(hello.ServerName, ".")
	hold, _ := time.ParseDuration(label)
	if !pause.For(hello.Context(), hold) {
		return nil, context.Cause(hello.Context())
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hellos[hello.Conn.RemoteAddr().String()] = time.Since(began)
	return nil, nil
}

// ServeHTTP holds its head by the query's "first" and then its body by "body",
// which comes in a number of "pieces" at equal intervals, the last at the end.
func (d *delay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	query := r.URL.Query()
	first, _ := time.ParseDuration(query.Get("first"))
	body, _ := time.ParseDuration(query.Get("body"))
	pieces, _ := strconv.Atoi(query.Get("pieces"))
	pieces = max(1, pieces)
	testnet.Wait(r.Context(), first)
	h := Hold{First: time.Since(began)}
	w.Header().Set("Content-Length", strconv.Itoa(pieces*len(phrase)))
	w.WriteHeader(http.StatusOK)
	http.NewResponseController(w).Flush()
	headed := time.Now()
	for i := range pieces {
		testnet.Wait(r.Context(), body*time.Duration(i+1)/time.Duration(pieces)-time.Since(headed))
		h.Body = time.Since(headed)
		if i == pieces-1 {
			d.note(r, h)
		}
		io.WriteString(w, phrase)
		http.NewResponseController(w).Flush()
	}
}

// note remembers the hold of a request before its client can know its end.
func (d *delay) note(r *http.Request, h Hold) {
	host := HostOf(r)
	d.mu.Lock()
	defer d.mu.Unlock()
	h.TLS = d.hellos[r.RemoteAddr]
	d.ended[host] = append(d.ended[host], h)
}
