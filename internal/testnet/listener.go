package testnet

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
)

// A Listener listens on a free port of 127.0.0.1, counts the connections it
// accepts, and waits in Close until everything it started has ended.
type Listener struct {
	Listener net.Listener
	accepted atomic.Int64
	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	tasks    Tasks
	web      *http.Server // nil for a server of raw connections

	mu    sync.Mutex
	conns map[net.Conn]bool // open raw connections
}

func newListener() (*Listener, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Listener{Listener: listener, ctx: ctx, cancel: cancel, conns: map[net.Conn]bool{}}, nil
}

// ServeWeb starts a server that responds with h: over TLS with config, or in
// plain HTTP if that is nil.
func ServeWeb(h http.Handler, config *tls.Config) (*Listener, error) {
	s, err := newListener()
	if err != nil {
		return nil, err
	}
	s.web = &http.Server{
		Handler:     s.tracked(h),
		TLSConfig:   config,
		BaseContext: func(net.Listener) context.Context { return s.ctx },
		ConnContext: func(ctx context.Context, _ net.Conn) context.Context {
			return context.WithValue(ctx, firstRequest{}, new(sync.Once))
		},
		ConnState: s.track,
		ErrorLog:  log.New(io.Discard, "", 0), // failed handshakes are what the test network is for
	}
	s.tasks.Go(func() {
		if config == nil {
			s.web.Serve(counting{s.Listener, s})
		} else {
			s.web.ServeTLS(counting{s.Listener, s}, "", "")
		}
	})
	return s, nil
}

// ServeRaw starts a server that hands every connection to handle and closes it
// afterwards. The context ends with Close.
func ServeRaw(handle func(context.Context, net.Conn)) (*Listener, error) {
	s, err := newListener()
	if err != nil {
		return nil, err
	}
	s.tasks.Go(func() {
		for {
			conn, err := s.Listener.Accept()
			if err != nil {
				return
			}
			s.accepted.Add(1)
			if !s.open(conn) {
				return
			}
			s.tasks.Go(func() {
				defer s.shut(conn)
				handle(s.ctx, conn)
			})
		}
	})
	return s, nil
}

// Addr returns where the server listens.
func (s *Listener) Addr() netip.AddrPort { return s.Listener.Addr().(*net.TCPAddr).AddrPort() }

// Close ends all connections and waits for all goroutines.
func (s *Listener) Close() error {
	s.cancel()
	s.Listener.Close()
	if s.web != nil {
		s.web.Close()
	}
	s.mu.Lock()
	for conn := range s.conns {
		conn.Close()
	}
	s.mu.Unlock()
	s.tasks.Wait()
	return nil
}

// open notes a raw connection, or closes it if the server is closing.
func (s *Listener) open(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		conn.Close()
		return false
	}
	s.conns[conn] = true
	return true
}

func (s *Listener) shut(conn net.Conn) {
	conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
}

// track counts the goroutines of net/http's connections. StateNew comes before
// theirs is started.
func (s *Listener) track(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.tasks.Begin()
	case http.StateClosed, http.StateHijacked:
		s.tasks.End()
	}
}

// tracked counts handlers: those of HTTP/2 outlive their connection.
func (s *Listener) tracked(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.tasks.Begin()
		defer s.tasks.End()
		h.ServeHTTP(w, r)
	})
}

// firstRequest is the context key of a connection's *sync.Once.
type firstRequest struct{}

type counting struct {
	net.Listener
	server *Listener
}

// Accept counts what it accepts.
func (c counting) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err == nil {
		c.server.accepted.Add(1)
	}
	return conn, err
}

// Tasks counts what is under way. Unlike a sync.WaitGroup's, its counter may
// leave zero while somebody waits.
type Tasks struct {
	mu    sync.Mutex
	n     int
	ended chan struct{} // closed and forgotten when n comes back to 0
}

func (t *Tasks) Begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n++
}

func (t *Tasks) End() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n--; t.n == 0 && t.ended != nil {
		close(t.ended)
		t.ended = nil
	}
}

// Go runs f in a goroutine that Wait waits for.
func (t *Tasks) Go(f func()) {
	t.Begin()
	go func() {
		defer t.End()
		f()
	}()
}

// Wait returns when nothing is under way.
func (t *Tasks) Wait() {
	t.mu.Lock()
	if t.n == 0 {
		t.mu.Unlock()
		return
	}
	if t.ended == nil {
		t.ended = make(chan struct{})
	}
	ended := t.ended
	t.mu.Unlock()
	<-ended
}
