package stage

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
	"time"
)

// A server listens on a free port of 127.0.0.1, counts the connections it
// accepts, and waits in Close until everything it started has ended.
type server struct {
	listener net.Listener
	accepted atomic.Int64
	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	tasks    tasks
	web      *http.Server // nil for a server of raw connections

	mu    sync.Mutex
	conns map[net.Conn]bool // open raw connections
}

func newServer() (*server, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &server{listener: listener, ctx: ctx, cancel: cancel, conns: map[net.Conn]bool{}}, nil
}

// serveWeb starts a server that answers with h: over TLS with config, or in
// plain HTTP if that is nil.
func serveWeb(h http.Handler, config *tls.Config) (*server, error) {
	s, err := newServer()
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
		ErrorLog:  log.New(io.Discard, "", 0), // failed handshakes are what the stage is for
	}
	s.tasks.Go(func() {
		if config == nil {
			s.web.Serve(counting{s.listener, s})
		} else {
			s.web.ServeTLS(counting{s.listener, s}, "", "")
		}
	})
	return s, nil
}

// serveRaw starts a server that hands every connection to handle and closes it
// afterwards. The context ends with Close.
func serveRaw(handle func(context.Context, net.Conn)) (*server, error) {
	s, err := newServer()
	if err != nil {
		return nil, err
	}
	s.tasks.Go(func() {
		for {
			conn, err := s.listener.Accept()
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
func (s *server) Addr() netip.AddrPort { return s.listener.Addr().(*net.TCPAddr).AddrPort() }

// Close ends all connections and waits for all goroutines.
func (s *server) Close() error {
	s.cancel()
	s.listener.Close()
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
func (s *server) open(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		conn.Close()
		return false
	}
	s.conns[conn] = true
	return true
}

func (s *server) shut(conn net.Conn) {
	conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
}

// track counts the goroutines of net/http's connections. StateNew comes before
// theirs is started.
func (s *server) track(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.tasks.begin()
	case http.StateClosed, http.StateHijacked:
		s.tasks.end()
	}
}

// tracked counts handlers: those of HTTP/2 outlive their connection.
func (s *server) tracked(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.tasks.begin()
		defer s.tasks.end()
		h.ServeHTTP(w, r)
	})
}

// firstRequest is the context key of a connection's *sync.Once.
type firstRequest struct{}

type counting struct {
	net.Listener
	server *server
}

// Accept counts what it accepts.
func (c counting) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err == nil {
		c.server.accepted.Add(1)
	}
	return conn, err
}

// tasks counts what is under way. Unlike a sync.WaitGroup's, its counter may
// leave zero while somebody waits.
type tasks struct {
	mu    sync.Mutex
	n     int
	ended chan struct{} // closed and forgotten when n comes back to 0
}

func (t *tasks) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n++
}

func (t *tasks) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n--; t.n == 0 && t.ended != nil {
		close(t.ended)
		t.ended = nil
	}
}

// Go runs f in a goroutine that Wait waits for.
func (t *tasks) Go(f func()) {
	t.begin()
	go func() {
		defer t.end()
		f()
	}()
}

// Wait returns when nothing is under way.
func (t *tasks) Wait() {
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

// pause waits for d, and reports false if ctx ended before.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
