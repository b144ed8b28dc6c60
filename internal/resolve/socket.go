package resolve

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	largestAnswer = 1232    // bytes; what Go's resolver says that it takes (EDNS)
	receiveBuffer = 4 << 20 // bytes; the kernel grants what it allows
)

// A socket is what all queries to one server go through. It is connected: the
// kernel lets nothing in but what comes from the server.
type socket struct {
	conn *net.UDPConn

	receiving sync.Mutex // from the kernel until delivered
	buffer    [largestAnswer]byte

	mu      sync.Mutex
	waiting map[uint16]*query // by the id on the wire
	used    bool              // since the last look whether it is idle
	closed  bool
}

// dial opens a socket to the server at address, host:port.
func dial(ctx context.Context, address string) (*socket, error) {
	conn, err := (&net.Dialer{Control: prepare}).DialContext(ctx, "udp", address)
	if err != nil {
		return nil, err
	}
	udp := conn.(*net.UDPConn)
	udp.SetReadBuffer(receiveBuffer) // a small one drops answers, and that is noticed
	return &socket{conn: udp, waiting: map[uint16]*query{}}, nil
}

// enter gives q an id that nobody can guess and nobody else has. It refuses if
// the socket is closed.
func (s *socket) enter(q *query) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	var id [2]byte
	for taken := true; taken; _, taken = s.waiting[q.id] {
		rand.Read(id[:]) // never fails
		q.id = binary.BigEndian.Uint16(id[:])
	}
	s.waiting[q.id], s.used = q, true
	return true
}

// leave gives q's id back, unless it is someone else's by now. It reports
// whether q had it still.
func (s *socket) leave(q *query) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting[q.id] != q {
		return false
	}
	delete(s.waiting, q.id)
	return true
}

// holds reports whether q still waits.
func (s *socket) holds(q *query) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting[q.id] == q
}

// send writes a packet. A refusal that the kernel reports then belongs to
// those who wrote before.
func (s *socket) send(q *query) error {
	_, err := s.conn.Write(q.packet)
	if errors.Is(err, syscall.ECONNREFUSED) {
		s.failOthers(q, err)
		_, err = s.conn.Write(q.packet)
	}
	return err
}

// deliver hands a packet that came lag before now to the query that it
// answers: the id, the response bit and the question must be the query's.
// Anything else is garbage or a forgery, and the wait goes on.
func (s *socket) deliver(packet []byte, now time.Time, lag time.Duration) {
	var p dnsmessage.Parser
	header, err := p.Start(packet)
	if err != nil || !header.Response {
		return
	}
	question, err := p.Question()
	if err != nil {
		return
	}
	s.mu.Lock()
	q := s.waiting[header.ID]
	match := q != nil && q.asks(question)
	if match {
		delete(s.waiting, header.ID)
	}
	s.mu.Unlock()
	if match {
		q.answered(packet, now, lag)
	}
}

// fail tells all who wait that the socket has failed.
func (s *socket) fail(err error) { s.failOthers(nil, err) }

func (s *socket) failOthers(but *query, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, q := range s.waiting {
		if q != but && q.packet != nil {
			delete(s.waiting, id)
			q.came <- reply{err: err}
		}
	}
}

// close closes the socket and fails who waits. With idle, it does so only if
// nobody has used the socket since the last time it was asked.
func (s *socket) close(idle bool) bool {
	s.mu.Lock()
	if idle && (s.used || len(s.waiting) > 0) {
		s.used = false
		s.mu.Unlock()
		return false
	}
	s.closed = true
	s.mu.Unlock()
	s.conn.Close()
	s.fail(net.ErrClosed)
	return true
}

// asks reports whether question is q's. Case does not matter in names (RFC 4343).
func (q *query) asks(question dnsmessage.Question) bool {
	return q.packet != nil && question.Type == q.question.Type && question.Class == q.question.Class &&
		strings.EqualFold(question.Name.String(), q.question.Name.String())
}
