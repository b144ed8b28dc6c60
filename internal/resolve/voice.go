package resolve

import (
	"context"
	"net"
	"os"
	"time"
)

// A voice is what Go's resolver takes for a connection of its own. It lasts as
// long as the context that it was dialled with, whose end is also the deadline
// that Go's resolver sets.
type voice struct {
	*query // its own, until there is an early one to adopt
	ctx    context.Context
	id     [2]byte // that Go's resolver gave
}

func (r *Resolver) voice(ctx context.Context, f *flight, address string) (net.Conn, error) {
	q, err := r.query(ctx, f, address)
	if err != nil {
		return nil, err
	}
	return &voice{query: q, ctx: ctx}, nil
}

// Write sends a question, unless it was asked already.
func (v *voice) Write(b []byte) (int, error) {
	question, err := questionIn(b)
	if err != nil {
		return 0, err
	}
	copy(v.id[:], b)
	if early := v.flight.adopt(question.Type); early != nil {
		v.query.close()
		v.query = early
		return len(b), nil
	}
	if err := v.ask(v.ctx, b); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Read returns the answer. One that the kernel had before the end is in time,
// however late the process is.
func (v *voice) Read(b []byte) (int, error) {
	select {
	case r := <-v.came:
		return v.take(b, r)
	case <-v.ctx.Done():
	case <-v.flight.ctx.Done():
	}
	v.socket.drain()
	select {
	case r := <-v.came:
		return v.take(b, r)
	default:
	}
	err := context.Canceled
	if v.ctx.Err() == context.DeadlineExceeded {
		err = os.ErrDeadlineExceeded
	}
	return 0, &net.OpError{Op: "read", Net: "udp", Addr: v.RemoteAddr(), Err: err}
}

func (v *voice) take(b []byte, r reply) (int, error) {
	n := copy(b, r.packet)
	copy(b[:n], v.id[:])
	return n, r.err
}

// Close ends the wait.
func (v *voice) Close() error {
	v.close()
	return nil
}

// ReadFrom is what tells Go's resolver that this is no stream; it calls Read.
func (v *voice) ReadFrom(b []byte) (int, net.Addr, error) {
	n, err := v.Read(b)
	return n, v.RemoteAddr(), err
}

// WriteTo is Write: there is one server.
func (v *voice) WriteTo(b []byte, _ net.Addr) (int, error) { return v.Write(b) }

// LocalAddr is the shared socket's.
func (v *voice) LocalAddr() net.Addr { return v.socket.conn.LocalAddr() }

// RemoteAddr is the server's.
func (v *voice) RemoteAddr() net.Addr { return v.socket.conn.RemoteAddr() }

// SetDeadline does nothing: the context has the same one.
func (v *voice) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing: the context has the same one.
func (v *voice) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing: the context has the same one.
func (v *voice) SetWriteDeadline(time.Time) error { return nil }
