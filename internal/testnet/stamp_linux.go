package testnet

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// StampSocket asks the kernel to say when it received what a socket reads. The
// connections that a listener accepts inherit it.
func StampSocket(socket syscall.Conn) error {
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	var refused error
	err = raw.Control(func(fd uintptr) {
		refused = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	})
	if err != nil {
		return err
	}
	return refused
}

// stampSpace is enough for the control message with a stamp.
const stampSpace = 64

// receivedAt finds the kernel's stamp among control messages; without one it
// is now, which is later than the truth.
func receivedAt(control []byte) time.Time {
	for len(control) > 0 {
		header, data, rest, err := unix.ParseOneSocketControlMessage(control)
		if err != nil {
			break
		}
		if header.Level == unix.SOL_SOCKET && header.Type == unix.SCM_TIMESTAMPNS && len(data) >= 16 {
			return time.Unix(int64(binary.NativeEndian.Uint64(data)), int64(binary.NativeEndian.Uint64(data[8:])))
		}
		control = rest
	}
	return time.Now()
}

// ReceiveStamped reads what a TCP connection has, waiting for it if need be, and says
// when the kernel received the last of it.
func ReceiveStamped(conn *net.TCPConn, p []byte) (n int, at time.Time, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, time.Time{}, err
	}
	var control [stampSpace]byte
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
	return n, receivedAt(control[:controls]), nil
}
