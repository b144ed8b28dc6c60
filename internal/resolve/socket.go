package resolve

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"

	"rollcall/internal/wire"
)

const (
	receiveBuffer = 4 << 20          // bytes; the kernel grants what it allows
	longestUse    = 30 * time.Second // of a socket for new queries: then its port is known for too long
)

// sockets are one for each server's address, and those before it whose queries
// still wait.
type sockets struct {
	linger time.Duration // until an idle socket is closed; twice that at most

	mu      sync.Mutex
	open    []*socket
	dropped uint64 // packets, by those that are closed
	readers sync.WaitGroup
}

// query registers q at the socket to server. A socket gives way to a new one,
// with another port, after half a minute: a port that lives for ever makes
// forged responses easier.
func (o *sockets) query(ctx context.Context, server string, q *question) (*query, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	i := slices.IndexFunc(o.open, func(s *socket) bool { return s.server == server && elapsed(s.opened, now) < longestUse })
	if i < 0 {
		if err := o.dial(ctx, server, now); err != nil {
			return nil, err
		}
		i = len(o.open) - 1
	}
	return o.open[i].register(q), nil
}

func (o *sockets) dial(ctx context.Context, server string, now time.Time) error {
	conn, err := (&net.Dialer{Control: wire.Control}).DialContext(ctx, "udp", server)
	if err != nil {
		return err
	}
	s := &socket{server: server, conn: conn.(*net.UDPConn), opened: now, waiting: map[uint16]*query{}}
	s.conn.SetReadBuffer(receiveBuffer) // a small one drops responses, and that is noticed
	o.open = append(o.open, s)
	o.readers.Go(s.receiveAll)
	var idle *time.Timer
	idle = time.AfterFunc(o.linger, func() {
		if !o.closeIdle(s) {
			idle.Reset(o.linger)
		}
	})
	return nil
}

// closeIdle closes s unless somebody has used it since the last call. It reports
// whether s is closed.
func (o *sockets) closeIdle(s *socket) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	s.mu.Lock()
	used := s.used || len(s.waiting) > 0
	s.used = false
	s.mu.Unlock()
	i := slices.Index(o.open, s)
	if i >= 0 && !used {
		o.discard(s)
		o.open = slices.Delete(o.open, i, i+1)
	}
	return i < 0 || !used
}

func (o *sockets) discard(s *socket) {
	o.dropped += uint64(s.drops())
	s.conn.Close()
	s.fail(nil, net.ErrClosed)
}

// close closes all and waits for their readers.
func (o *sockets) close() {
	o.mu.Lock()
	for _, s := range o.open {
		o.discard(s)
	}
	o.open = nil
	o.mu.Unlock()
	o.readers.Wait()
}

// drain delivers what the kernel has received already.
func (o *sockets) drain() {
	o.mu.Lock()
	open := slices.Clone(o.open)
	o.mu.Unlock()
	for _, s := range open {
		s.drain()
	}
}

// drops is how many packets the kernel has thrown away so far because we were
// late.
func (o *sockets) drops() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := o.dropped
	for _, s := range o.open {
		n += uint64(s.drops())
	}
	return n
}

// A socket is what all queries to one server go through. It is connected: the
// kernel lets nothing in but what comes from the server.
type socket struct {
	server string
	conn   *net.UDPConn
	opened time.Time

	receiving sync.Mutex // from the kernel until delivered
	buffer    [largestResponse]byte

	mu      sync.Mutex
	waiting map[uint16]*query // by the id on the wire
	used    bool              // since closeIdle looked last
}

// A query is what a question waits for at one socket.
type query struct {
	socket   *socket
	question *question
	id       uint16
	edns     bool
}

// newID returns one that nobody can guess: like Go's resolver it takes it from
// the runtime's ChaCha8.
func newID() uint16 { return uint16(rand.Uint32()) }

// register returns a query whose id no other has.
func (s *socket) register(question *question) *query {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := &query{socket: s, question: question, id: newID(), edns: !question.noEDNS}
	for s.waiting[q.id] != nil {
		q.id = newID()
	}
	s.waiting[q.id], s.used = q, true
	return q
}

// close gives q's id back, unless another query has it by now.
func (q *query) close() {
	q.socket.mu.Lock()
	defer q.socket.mu.Unlock()
	if q.socket.waiting[q.id] == q {
		delete(q.socket.waiting, q.id)
	}
}

// send sends the question. A refusal that the kernel reports then belongs to
// those who sent before.
func (q *query) send() error {
	packet, err := q.question.pack(q.id, q.edns)
	if err != nil {
		return err
	}
	_, err = q.socket.conn.Write(packet)
	if errors.Is(err, syscall.ECONNREFUSED) {
		q.socket.fail(q, err)
		_, err = q.socket.conn.Write(packet)
	}
	return err
}

// deliver hands a packet that came lag before now to the query that it
// answers. Anything else is garbage or a forgery, and the wait goes on.
func (s *socket) deliver(packet []byte, now time.Time, lag time.Duration) {
	if len(packet) < 2 {
		return
	}
	id := binary.BigEndian.Uint16(packet)
	s.mu.Lock()
	q := s.waiting[id]
	s.mu.Unlock()
	if q == nil || !q.question.matches(packet, q.edns) {
		return
	}
	resp := parse(packet, q.question, q.edns, false)
	resp.now, resp.lag, resp.server = now, lag, s.server
	s.mu.Lock()
	defer s.mu.Unlock()
	q.end(resp)
}

// fail tells all who wait, except one, that the socket has failed.
func (s *socket) fail(except *query, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range s.waiting {
		if q != except {
			q.end(broken(err))
		}
	}
}

// end gives q what it waits for, if it still waits. Its socket is locked.
func (q *query) end(resp response) {
	if q.socket.waiting[q.id] == q {
		delete(q.socket.waiting, q.id)
		q.question.came <- resp
		q.question.settle()
	}
}
