package resolve

import (
	"encoding/binary"
	"net"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// prepare asks the kernel to stamp what a socket receives.
func prepare(_, _ string, raw syscall.RawConn) error {
	return raw.Control(func(fd uintptr) {
		// A kernel that refuses is not an error: the process's clock stands in.
		unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	})
}

// receiveAll delivers what comes until the socket is closed.
func (s *socket) receiveAll() {
	raw, err := s.conn.SyscallConn()
	if err == nil {
		raw.Read(func(fd uintptr) bool { s.receive(int(fd)); return false })
	}
}

// drain delivers what the kernel has received already. When it returns, all of
// it has been delivered, also what the reader was about to.
func (s *socket) drain() {
	raw, err := s.conn.SyscallConn()
	if err == nil {
		raw.Control(func(fd uintptr) { s.receive(int(fd)) })
	}
}

// receive delivers until nothing is left.
func (s *socket) receive(fd int) {
	s.receiving.Lock()
	defer s.receiving.Unlock()
	var oob [64]byte // a control message of 16 bytes takes 32
	for {
		n, oobn, _, _, err := unix.Recvmsg(fd, s.buffer[:], oob[:], unix.MSG_DONTWAIT)
		switch err {
		case nil:
			now := time.Now()
			s.deliver(s.buffer[:n], now, lag(oob[:oobn], now))
		case unix.EINTR:
		case unix.EAGAIN:
			return
		default:
			// A server that is not there is reported by the next read, once.
			s.fail(nil, &net.OpError{Op: "read", Net: "udp", Addr: s.conn.RemoteAddr(), Err: os.NewSyscallError("recvmsg", err)})
			if err != unix.ECONNREFUSED {
				return
			}
		}
	}
}

// lag finds SCM_TIMESTAMPNS, a struct timespec, among control messages, and
// returns for how long a packet had been waiting for us at now.
func lag(oob []byte, now time.Time) time.Duration {
	for len(oob) >= unix.SizeofCmsghdr {
		header, data, rest, err := unix.ParseOneSocketControlMessage(oob)
		if err != nil {
			return 0
		}
		if header.Level == unix.SOL_SOCKET && header.Type == unix.SCM_TIMESTAMPNS && len(data) >= 16 {
			sec := int64(binary.NativeEndian.Uint64(data))
			return now.Sub(time.Unix(sec, int64(binary.NativeEndian.Uint64(data[8:]))))
		}
		oob = rest
	}
	return 0
}

// drops returns how many packets the kernel has thrown away because nobody
// read them in time.
func (s *socket) drops() uint32 {
	raw, err := s.conn.SyscallConn()
	if err != nil {
		return 0
	}
	var info [9]uint32 // linux/sock_diag.h: SK_MEMINFO_VARS
	raw.Control(func(fd uintptr) {
		size := uint32(unsafe.Sizeof(info))
		unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	})
	return info[8] // SK_MEMINFO_DROPS; 0 where the kernel does not say
}
