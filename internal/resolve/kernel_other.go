//go:build !linux

package resolve

import (
	"errors"
	"net"
	"time"
)

// receiveAll delivers what comes until the socket is closed.
func (s *socket) receiveAll() {
	for {
		n, err := s.conn.Read(s.buffer[:])
		switch {
		case err == nil:
			s.deliver(s.buffer[:n], time.Now(), 0)
		case errors.Is(err, net.ErrClosed):
			return
		default:
			s.fail(nil, err)
		}
	}
}

// drain does nothing: without stamps nobody knows whether what is read now came
// in time.
func (s *socket) drain() {}

// drops is not known off Linux.
func (s *socket) drops() uint32 { return 0 }
