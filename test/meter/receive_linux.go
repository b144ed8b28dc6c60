package meter

import (
	"errors"
	"io"
	"net"
	"time"

	"golang.org/x/sys/unix"

	"rollcall/internal/testnet"
	"rollcall/internal/wire"
)

// receive reads what a TCP connection has, waiting for it if need be, and says
// when the kernel received the last of it.
func receive(conn *net.TCPConn, p []byte) (n int, at time.Time, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, time.Time{}, err
	}
	var control [wire.StampSpace]byte
	var controls int
	var failed error
	err = raw.Read(func(fd uintptr) bool {
		n, controls, _, _, failed = unix.Recvmsg(int(fd), p, control[:], 0)
		return failed != unix.EAGAIN && failed != unix.EINTR
	})
	if err = errors.Join(err, failed); err != nil {
		return 0, time.Time{}, err
	}
	if n == 0 {
		return 0, time.Time{}, io.EOF
	}
	at, ok := wire.Stamp(control[:controls])
	if !ok {
		at = testnet.WallClock() // later than the truth
	}
	return n, at, nil
}
