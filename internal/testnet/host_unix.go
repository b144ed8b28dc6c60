//go:build unix

package testnet

import (
	"net/netip"
	"os"
	"runtime"
	"syscall"
)

// A heldPort is a port of 127.0.0.1 that refuses connections: a socket is
// bound to it and does not listen, so that no other socket gets the port.
type heldPort struct {
	addr netip.AddrPort
	fd   int
}

func holdPort() (*heldPort, error) {
	syscall.ForkLock.RLock()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	port, err := bindLoopback(fd)
	if err != nil {
		syscall.Close(fd)
		return nil, err
	}
	return &heldPort{netip.AddrPortFrom(Loopback(), port), fd}, nil
}

func bindLoopback(fd int) (uint16, error) {
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: Loopback().As4()}); err != nil {
		return 0, os.NewSyscallError("bind", err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		return 0, os.NewSyscallError("getsockname", err)
	}
	return uint16(name.(*syscall.SockaddrInet4).Port), nil
}

// Close gives the port back.
func (h *heldPort) Close() error { return syscall.Close(h.fd) }

// peakMemory returns the largest resident set of an ended process, in bytes.
func peakMemory(state *os.ProcessState) int64 {
	usage, ok := state.SysUsage().(*syscall.Rusage)
	switch {
	case !ok:
		return 0
	case runtime.GOOS == "darwin" || runtime.GOOS == "ios":
		return int64(usage.Maxrss) // getrusage(2) on macOS: bytes
	}
	return int64(usage.Maxrss) * 1024 // elsewhere kilobytes
}

// exitSignal returns the signal that ended a process, or 0.
func exitSignal(state *os.ProcessState) syscall.Signal {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return status.Signal()
	}
	return 0
}
