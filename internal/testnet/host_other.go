//go:build !unix

package testnet

import (
	"net"
	"net/netip"
	"os"
	"syscall"
)

// A heldPort is a port of 127.0.0.1 that refuses connections, as long as
// no other socket gets it.
type heldPort struct{ addr netip.AddrPort }

func holdPort() (*heldPort, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	return &heldPort{listener.Addr().(*net.TCPAddr).AddrPort()}, nil
}

// Close does nothing: the port was given back at once.
func (h *heldPort) Close() error { return nil }

// peakMemory is not known here.
func peakMemory(*os.ProcessState) int64 { return 0 }

// exitSignal is not known here.
func exitSignal(*os.ProcessState) syscall.Signal { return 0 }
