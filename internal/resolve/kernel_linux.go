package resolve

import (
	"net"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"rollcall/internal/wire"
)

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
	var oob [wire.StampSpace]byte
	for {
		n, oobn, _, _, err := unix.Recvmsg(fd, s.buffer[:], oob[:], unix.MSG_DONTWAIT)
		switch err {
		case nil:
			now := time.Now()
			var lag time.Duration // for how long the packet has been waiting for us
			if at, ok := wire.Stamp(oob[:oobn]); ok {
				lag = now.Sub(at)
			}
			s.deliver(s.buffer[:n], now, lag)
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
