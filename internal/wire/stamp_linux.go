package wire

import (
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const stamping = true

// Control asks the kernel to stamp what a socket receives. It is for
// net.Dialer.Control: the option must be set before the first segment comes.
// A kernel that refuses is no error: the Reading will say that nothing was
// stamped.
func Control(_, _ string, raw syscall.RawConn) error {
	return raw.Control(func(fd uintptr) {
		unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	})
}

// Warm opens an idle socket that wants stamps. The kernel switches stamping on
// with the first such socket and off with the last, a little later each time,
// so a process that has none open gets no stamp for the first bytes.
func Warm() (*net.UDPConn, error) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		return nil, err
	}
	raw, err := conn.SyscallConn()
	if err == nil {
		err = Control("", "", raw)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// recvmsg receives into p without waiting, with the stamp of the last segment
// that it took from.
func recvmsg(fd uintptr, p []byte) received {
	var oob [64]byte // a control message of 16 bytes takes 32
	for {
		n, oobn, _, _, err := unix.Recvmsg(int(fd), p, oob[:], 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return received{err: err}
		}
		return received{n: n, stamp: stampIn(oob[:oobn])}
	}
}

// sendLast sends p without waiting. With the end in one packet, it is lost where
// something is left unread: then there is no orderly end.
func sendLast(fd uintptr, p []byte, withEnd bool) {
	flags := unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL
	if withEnd {
		flags |= unix.MSG_MORE
	}
	unix.SendmsgN(int(fd), p, nil, nil, flags)
}

// stampIn finds SCM_TIMESTAMPNS, a struct timespec, among control messages.
func stampIn(oob []byte) int64 {
	for len(oob) >= unix.SizeofCmsghdr {
		header, data, rest, err := unix.ParseOneSocketControlMessage(oob)
		if err != nil {
			return 0
		}
		if header.Level == unix.SOL_SOCKET && header.Type == unix.SCM_TIMESTAMPNS && len(data) >= 16 {
			sec := int64(binary.NativeEndian.Uint64(data))
			return sec*int64(time.Second) + int64(binary.NativeEndian.Uint64(data[8:]))
		}
		oob = rest
	}
	return 0
}

// RoundTrip is how long the TCP handshake took by the kernel's own measure. It
// must be asked before the first write. Not ok: the SYN was sent more than
// once, whose time the kernel does not tell, or nobody knows.
func (c *Conn) RoundTrip() (rtt time.Duration, ok bool) {
	info := c.info()
	if info == nil || info.Total_retrans > 0 || info.Rtt == 0 {
		return 0, false
	}
	return time.Duration(info.Rtt) * time.Microsecond, true
}

// Segments is how many segments with data have arrived. 0: nobody knows.
func (c *Conn) Segments() int {
	if info := c.info(); info != nil {
		return int(info.Data_segs_in)
	}
	return 0
}

// info asks for TCP_INFO (tcp(7)); nil where there is none.
func (c *Conn) info() *unix.TCPInfo {
	if c.raw == nil {
		return nil
	}
	c.asking.Lock()
	defer c.asking.Unlock()
	c.tcp = nil
	c.raw.Control(c.ask)
	return c.tcp
}

// A tcpInfo is how a connection asks the kernel of itself.
type tcpInfo struct {
	asking sync.Mutex // guards tcp
	tcp    *unix.TCPInfo
	ask    func(fd uintptr) // bound once, as receive is
}

func (i *tcpInfo) bind() {
	i.ask = func(fd uintptr) {
		i.tcp, _ = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	}
}
