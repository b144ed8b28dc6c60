//go:build unix

package resolve

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// respond answers each question on conn with one address, as cheaply as that
// can be done, so that a benchmark measures the resolver and little else.
func respond(conn *net.UDPConn) {
	buf := make([]byte, 1500)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		end := 12
		for buf[end] != 0 {
			end += int(buf[end]) + 1
		}
		end += 5
		buf[2], buf[3], buf[7], buf[11] = 0x81, 0x80, 1, 0 // a response with one record and no EDNS
		out := append(buf[:end:n], 0xc0, 12, 0, byte(dnsmessage.TypeA), 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1)
		conn.WriteToUDPAddrPort(out, from)
	}
}

// BenchmarkLookup looks up distinct names, a hundred at once. The server is in
// this process, so its CPU is in the figure.
func BenchmarkLookup(b *testing.B) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	conn.SetReadBuffer(receiveBuffer)
	go respond(conn)
	r := newResolver(Options{Server: conn.LocalAddr().String()}, "ip4")
	defer r.Close()
	var next atomic.Int64
	var all sync.WaitGroup
	before := processorTime(b)
	b.ReportAllocs()
	for range 100 {
		all.Go(func() {
			for {
				i := next.Add(1)
				if i > int64(b.N) {
					return
				}
				if _, err := r.Lookup(b.Context(), "ip", fmt.Sprintf("host-%d.example", i), 10*time.Second); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64((processorTime(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Skip(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
