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
// It is not an error if the kernel refuses: the Reading will say that nothing
// was stamped.
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

// StampSpace is the room that recvmsg needs for the control message with a
// stamp: 32 bytes, and as many again.
const StampSpace = 64

// recvmsg receives into p without waiting, with the stamp of the last segment
// that it took from.
func recvmsg(fd uintptr, p []byte) received {
	var oob [StampSpace]byte
	for {
		n, oobn, _, _, err := unix.Recvmsg(int(fd), p, oob[:], 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return received{err: err}
		}
		got := received{n: n}
		if at, ok := Stamp(oob[:oobn]); ok {
			got.stamp = at.UnixNano()
		}
		return got
	}
}

// Stamp returns when the kernel received what a recvmsg returned together with
// these control messages (SCM_TIMESTAMPNS, a struct timespec). Not ok: there is
// no stamp among them.
func Stamp(control []byte) (at time.Time, ok bool) {
	for len(control) >= unix.SizeofCmsghdr {
		header, data, rest, err := unix.ParseOneSocketControlMessage(control)
		if err != nil {
			break
		}
		if header.Level == unix.SOL_SOCKET && header.Type == unix.SCM_TIMESTAMPNS && len(data) >= 16 {
			return time.Unix(int64(binary.NativeEndian.Uint64(data)), int64(binary.NativeEndian.Uint64(data[8:]))), true
		}
		control = rest
	}
	return time.Time{}, false
}

// RoundTrip is how long the TCP handshake took by the kernel's own measure. It
// must be asked before the first write. Not ok: the SYN was sent more than
// once, and the kernel does not report times of those, or it is not known.
func (c *Conn) RoundTrip() (rtt time.Duration, ok bool) {
	info := c.info()
	if info == nil || info.Total_retrans > 0 || info.Rtt == 0 {
		return 0, false
	}
	return time.Duration(info.Rtt) * time.Microsecond, true
}

// Segments is how many segments with data have arrived. 0: it is not known.
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

// A tcpInfo is how a connection asks the kernel about itself.
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
