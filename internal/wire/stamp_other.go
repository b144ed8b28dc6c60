//go:build !linux

package wire

import (
	"net"
	"syscall"
	"time"
)

const stamping = false

// Control does nothing where the kernel gives no stamps.
func Control(_, _ string, _ syscall.RawConn) error { return nil }

// Warm does nothing where the kernel gives no stamps.
func Warm() (*net.UDPConn, error) { return nil, nil }

// StampSpace is 0: no control message has a stamp.
const StampSpace = 0

// Stamp finds none.
func Stamp([]byte) (at time.Time, ok bool) { return time.Time{}, false }

func recvmsg(uintptr, []byte) received { return received{err: syscall.ENOSYS} }

// RoundTrip is not known off Linux.
func (c *Conn) RoundTrip() (rtt time.Duration, ok bool) { return 0, false }

// Segments is not known off Linux.
func (c *Conn) Segments() int { return 0 }

type tcpInfo struct{}

func (*tcpInfo) bind() {}
