//go:build !linux

package resolve

import (
	"errors"
	"net"
	"syscall"
	"time"
)

// prepare does nothing where the kernel gives no stamps that we can read.
func prepare(_, _ string, _ syscall.RawConn) error { return nil }

// read delivers what comes until the socket is closed.
func (s *socket) read() {
	for {
		n, err := s.conn.Read(s.buffer[:])
		switch {
		case err == nil:
			s.deliver(s.buffer[:n], time.Now(), 0)
		case errors.Is(err, net.ErrClosed):
			return
		default:
			s.fail(err)
		}
	}
}

// drain has nothing to do: what came later than the process's clock says can't
// be told from what was late.
func (s *socket) drain() {}

// drops is not known off Linux.
func (s *socket) drops() uint32 { return 0 }
