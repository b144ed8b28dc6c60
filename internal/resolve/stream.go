package resolve

import (
	"context"
	"encoding/binary"
	"net"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// streams bounds how many connections are open by TCP, for answers that do not
// fit into a packet. Each takes a descriptor.
const streams = 16

// A stream is one question by TCP. It listens in, to know when the answer came
// and how long that may be remembered.
type stream struct {
	net.Conn
	flight *flight
	free   func()
	kind   dnsmessage.Type
	read   []byte // length and message
}

// stream connects to the server, when a place is free.
func (r *Resolver) stream(ctx context.Context, f *flight, address string) (net.Conn, error) {
	select {
	case r.streams <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		<-r.streams
		return nil, f.own.note(err)
	}
	f.mu.Lock()
	f.streams++
	f.mu.Unlock()
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Now()) })
	return &stream{Conn: conn, flight: f, free: func() { stop(); <-r.streams }}, nil
}

// Write sends a question.
func (s *stream) Write(b []byte) (int, error) {
	var p dnsmessage.Parser
	if _, err := p.Start(b[min(2, len(b)):]); err == nil {
		if q, err := p.Question(); err == nil {
			s.kind = q.Type
			s.flight.asked(q.Type)
		}
	}
	return s.Conn.Write(b)
}

// Read returns a part of the answer.
func (s *stream) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b)
	s.read = append(s.read, b[:n]...)
	if l := len(s.read); l > 2 && l-2 == int(binary.BigEndian.Uint16(s.read)) {
		s.flight.told(s.kind, s.read[2:], arrival{now: time.Now()})
	}
	return n, err
}

// Close ends the connection and frees its place.
func (s *stream) Close() error {
	s.flight.mu.Lock()
	s.flight.streams--
	s.flight.mu.Unlock()
	s.free()
	return s.Conn.Close()
}
