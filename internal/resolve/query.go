package resolve

import (
	"bytes"
	"context"
	"encoding/binary"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// firstResend is how long a query waits before it is sent once more; then
// twice as long, until it is given up.
const firstResend = time.Second

// A query is one question and the wait for its answer.
type query struct {
	socket *socket
	flight *flight
	id     uint16 // on the wire

	// Set once, under socket.mu.
	question dnsmessage.Question
	packet   []byte // nil: nothing sent yet

	drops uint32 // of the socket, when the question was first sent
	again resend // of sendAgain alone, once set
	timer *time.Timer
	came  chan reply // at most one
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

// ask sends a question, and again if no answer comes. ctx bounds the wait for
// the first packet's turn.
func (q *query) ask(ctx context.Context, message []byte) error {
	question, err := questionIn(message)
	if err != nil {
		return err
	}
	if err := q.flight.fare(ctx); err != nil {
		return err
	}
	packet := bytes.Clone(message)
	binary.BigEndian.PutUint16(packet, q.id)
	q.socket.mu.Lock()
	q.question, q.packet = question, packet
	q.socket.mu.Unlock()
	q.drops = q.socket.drops()
	q.again = resend{drops: q.drops, wait: firstResend}
	q.flight.expects(q)
	q.flight.asked(question.Type)
	if err := q.socket.send(q); err != nil {
		return q.flight.own.note(err)
	}
	q.flight.left(question.Type)
	q.socket.mu.Lock()
	q.timer = time.AfterFunc(firstResend, q.sendAgain)
	q.socket.mu.Unlock()
	return nil
}

func questionIn(message []byte) (dnsmessage.Question, error) {
	var p dnsmessage.Parser
	if _, err := p.Start(message); err != nil {
		return dnsmessage.Question{}, err
	}
	return p.Question()
}

// sendAgain sends the question once more unless it is answered by now, and so
// on. A packet that fails to leave is followed by the next.
func (q *query) sendAgain() {
	if !q.socket.holds(q) || q.flight.fare(q.flight.ctx) != nil {
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
	q.flight.told(q.question.Type, packet, arrival{now, lag})
	q.flight.settled(q)
	q.came <- reply{packet: packet}
}

// close ends the wait.
func (q *query) close() {
	q.socket.mu.Lock()
	if q.timer != nil {
		q.timer.Stop()
	}
	q.socket.mu.Unlock()
	if q.socket.leave(q) && q.packet != nil {
		q.flight.unanswered(q)
	}
	q.flight.settled(q)
}
