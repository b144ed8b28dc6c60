//go:build !linux

package meter

import (
	"net"
	"time"

	"rollcall/internal/testnet"
)

// receive reads what a TCP connection has, and says when it was read.
func receive(conn *net.TCPConn, p []byte) (n int, at time.Time, err error) {
	n, err = conn.Read(p)
	return n, testnet.WallClock(), err
}
