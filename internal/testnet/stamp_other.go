//go:build !linux

package testnet

import (
	"net"
	"syscall"
	"time"
)

const stampSpace = 0

// StampSocket does nothing: elsewhere the process's clock has to do.
func StampSocket(syscall.Conn) error { return nil }

// receivedAt is now: there is no stamp among control messages.
func receivedAt([]byte) time.Time { return time.Now() }

// ReceiveStamped reads what a TCP connection has, and says when it was read.
func ReceiveStamped(conn *net.TCPConn, p []byte) (n int, at time.Time, err error) {
	n, err = conn.Read(p)
	return n, time.Now(), err
}
