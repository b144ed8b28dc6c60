package resolve

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"os"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// firstResend is how long a query waits before it is sent once more; then
// twice as long, until Go's resolver gives it up after five seconds.
const firstResend = time.Second

// A query is one question and the wait for its answer: what Go's resolver
// takes for a connection of its own. It lasts as long as the context that it
// was dialled with, whose end is also the deadline that Go's resolver sets.
type query struct {
	ctx    context.Context
	socket *socket
	flight *flight
	id     uint16 // on the wire

	// Set once, under socket.mu.
	theirs   uint16 // the id that Go's resolver gave
	question dnsmessage.Question
	packet   []byte // nil: nothing sent yet

	drops uint32 // of the socket, when the question was first sent
	again resend // of sendAgain alone, once set
	timer *time.Timer
	came  chan reply
}

// A resend is when a question was last sent: the socket's drops, and how long
// the wait is from there.
type resend struct {
	drops uint32
	wait  time.Duration
}

// A reply is a packet or the failure of the socket.
type reply struct {
	packet []byte
	err    error
}

// Write sends a question, and again if no answer comes.
func (q *query) Write(b []byte) (int, error) {
	var p dnsmessage.Parser
	header, err := p.Start(b)
	if err != nil {
		return 0, err
	}
	question, err := p.Question()
	if err != nil {
		return 0, err
	}
	if err := q.flight.fare(q.ctx); err != nil {
		return 0, err
	}
	packet := bytes.Clone(b)
	binary.BigEndian.PutUint16(packet, q.id)
	q.socket.mu.Lock()
	q.theirs, q.question, q.packet = header.ID, question, packet
	q.socket.mu.Unlock()
	q.drops = q.socket.drops()
	q.again = resend{drops: q.drops, wait: firstResend}
	q.flight.expects(q)
	q.flight.asked(question.Type)
	if err := q.socket.send(q); err != nil {
		return 0, q.flight.own.note(err)
	}
	q.flight.left(question.Type)
	q.socket.mu.Lock()
	q.timer = time.AfterFunc(firstResend, q.sendAgain)
	q.socket.mu.Unlock()
	return len(b), nil
}

// sendAgain sends the question once more unless it is answered by now, and so
// on. A packet that fails to leave is followed by the next.
func (q *query) sendAgain() {
	if !q.socket.holds(q) || q.flight.fare(q.ctx) != nil {
		return
	}
	if now := q.socket.drops(); now != q.again.drops {
		q.again.drops = now
		q.flight.askedAnew(q.question.Type)
	}
	q.socket.send(q)
	q.flight.left(q.question.Type)
	q.again.wait *= 2
	q.socket.mu.Lock()
	defer q.socket.mu.Unlock()
	q.timer.Reset(q.again.wait)
}

// lost reports whether the answer may have come and been thrown away here.
func (q *query) lost() bool { return q.socket.drops() != q.drops }

// answered takes a packet that came lag before now.
func (q *query) answered(packet []byte, now time.Time, lag time.Duration) {
	packet = bytes.Clone(packet)
	binary.BigEndian.PutUint16(packet, q.theirs)
	q.flight.told(q.question.Type, packet, arrival{now, lag})
	q.flight.settled(q)
	q.came <- reply{packet: packet}
}

// Read returns the answer. One that the kernel had before the end is in time,
// however late the process is.
func (q *query) Read(b []byte) (int, error) {
	select {
	case r := <-q.came:
		return copy(b, r.packet), r.err
	case <-q.ctx.Done():
	case <-q.flight.ctx.Done():
	}
	q.socket.drain()
	select {
	case r := <-q.came:
		return copy(b, r.packet), r.err
	default:
	}
	err := context.Canceled
	if q.ctx.Err() == context.DeadlineExceeded {
		err = os.ErrDeadlineExceeded
	}
	return 0, &net.OpError{Op: "read", Net: "udp", Addr: q.RemoteAddr(), Err: err}
}

// Close ends the wait.
func (q *query) Close() error {
	q.socket.mu.Lock()
	if q.timer != nil {
		q.timer.Stop()
	}
	q.socket.mu.Unlock()
	if q.socket.leave(q) && q.packet != nil {
		q.flight.unanswered(q)
	}
	q.flight.settled(q)
	return nil
}

// ReadFrom is what tells Go's resolver that this is no stream; it calls Read.
func (q *query) ReadFrom(b []byte) (int, net.Addr, error) {
	n, err := q.Read(b)
	return n, q.RemoteAddr(), err
}

// WriteTo is Write: there is one server.
func (q *query) WriteTo(b []byte, _ net.Addr) (int, error) { return q.Write(b) }

// LocalAddr is the shared socket's.
func (q *query) LocalAddr() net.Addr { return q.socket.conn.LocalAddr() }

// RemoteAddr is the server's.
func (q *query) RemoteAddr() net.Addr { return q.socket.conn.RemoteAddr() }

// SetDeadline does nothing: the context has the same one.
func (q *query) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing: the context has the same one.
func (q *query) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing: the context has the same one.
func (q *query) SetWriteDeadline(time.Time) error { return nil }
