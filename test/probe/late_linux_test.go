package probe_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/testnet"
	"rollcall/internal/wire"
	"rollcall/test/faults"
)

// truly is how far a phase may be off that does not say that it is unsure.
const truly = testnet.Slowdown * 6 * time.Millisecond

// A lateness is a check in a process that is stopped from and until so long
// after its connection came.
type lateness struct {
	name        string
	url         string // without the port of the test network
	from, until time.Duration
	timeout     time.Duration
	phase       func(check.Phases) time.Duration
	truth       func(faults.Hold) time.Duration
	sure        bool // it must be right, and say so
}

func ofTLS(p check.Phases) time.Duration       { return p.TLS }
func ofFirstByte(p check.Phases) time.Duration { return p.FirstByte }
func ofTransfer(p check.Phases) time.Duration  { return p.Transfer }

// TestEveryPhaseWhileStopped: whatever a late reader makes of a phase, it is
// right, or the result says that it may not be. What came in time is in time.
func TestEveryPhaseWhileStopped(t *testing.T) {
	slow(t)
	const ms = time.Millisecond
	tls := func(h faults.Hold) time.Duration { return h.TLS }
	first := func(h faults.Hold) time.Duration { return h.First }
	body := func(h faults.Hold) time.Duration { return h.Body }
	late := newLateNet(t)
	for _, l := range []lateness{
		{"tls", "https://300ms.delay.stage.test/", 280 * ms, 430 * ms, 0, ofTLS, tls, true},
		{"first byte", "https://0ms.delay.stage.test/?first=300ms", 280 * ms, 430 * ms, 0, ofFirstByte, first, false}, // its body is a segment more
		{"transfer", "https://0ms.delay.stage.test/?body=300ms", 280 * ms, 430 * ms, 0, ofTransfer, body, true},
		{"a body that trickles behind its head", "https://0ms.delay.stage.test/?first=300ms&body=50ms", 280 * ms, 480 * ms, 0, ofFirstByte, first, false},
		{"a body in pieces", "https://0ms.delay.stage.test/?first=300ms&body=100ms&pieces=10", 280 * ms, 350 * ms, 0, ofTransfer, body, false},
		{"a head of several reads", "https://head.stage.test/", 280 * ms, 480 * ms, 0, ofFirstByte, func(faults.Hold) time.Duration { return 300 * ms }, false},
		{"a large body", "https://large.stage.test/", 280 * ms, 430 * ms, 0, ofTransfer, func(faults.Hold) time.Duration { return 0 }, false},
		{"tls in time", "https://300ms.delay.stage.test/", 280 * ms, 600 * ms, 400 * ms, ofTLS, tls, true},
		{"first byte in time", "https://0ms.delay.stage.test/?first=300ms", 280 * ms, 600 * ms, 400 * ms, ofFirstByte, first, false},
		{"transfer in time", "https://0ms.delay.stage.test/?body=300ms", 280 * ms, 600 * ms, 400 * ms, ofTransfer, body, true},
	} {
		t.Run(l.name, func(t *testing.T) { late.judge(t, l) })
	}
}

// A lateNet is a test network whose servers respond late to those who are late.
type lateNet struct {
	*testnet.Net
	roots string
}

func newLateNet(t *testing.T) *lateNet {
	large := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(300 * time.Millisecond)
		w.Header().Set("Content-Length", fmt.Sprint(900<<10))
		io.WriteString(w, strings.Repeat("x", 900<<10))
	})
	head := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { // a record that crypto/tls reads in parts
		time.Sleep(300 * time.Millisecond)
		w.Header().Set("X-Long", strings.Repeat("x", 6000))
		http.NewResponseController(w).Flush()
		time.Sleep(50 * time.Millisecond)
		io.WriteString(w, "body")
	})
	tn, err := testnet.Start(testnet.Options{Servers: faults.Servers(), Handlers: map[string]http.Handler{"large.stage.test": large, "head.stage.test": head}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tn.Close() })
	warm, err := wire.Warm() // so that the checking process finds the kernel stamping
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { warm.Close() })
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := tn.Authority.WriteFile(roots); err != nil {
		t.Fatal(err)
	}
	return &lateNet{tn, roots}
}

// judge runs a check. That it is right or says that it may not be must hold
// each time; that it is right and says so, in the median.
func (s *lateNet) judge(t *testing.T, l lateness) {
	measure := func() (problems []string) {
		res, hold := s.measure(t, l)
		if problem := l.problem(res, hold); problem != "" {
			t.Errorf("%s\nheld for %+v, got %+v", problem, hold, res)
		}
		if off := l.off(res, hold); l.sure && (off > truly || res.Unsure) {
			problems = append(problems, fmt.Sprintf("%v off, unsure %v\nheld for %+v, got %+v", off, res.Unsure, hold, res))
		}
		return problems
	}
	if l.sure {
		inMedian(t, measure)
	} else {
		measure()
	}
}

// off is how wrong the phase is.
func (l lateness) off(res check.Result, hold faults.Hold) time.Duration {
	return (l.phase(res.Phases) - l.truth(hold)).Abs()
}

func (s *lateNet) measure(t *testing.T, l lateness) (check.Result, faults.Hold) {
	t.Helper()
	ported, ok := s.Ported(l.url)
	if !ok {
		t.Fatalf("nobody listens at %s", l.url)
	}
	host, _, _ := strings.Cut(strings.TrimPrefix(l.url, "https://"), "/")
	before, seen := len(faults.Holds(s.Net, host)), s.Net.Accepted()
	res := order{URL: ported, Timeout: l.timeout}.inProcess(t, s.roots, func(p *os.Process) error {
		for end := time.Now().Add(10 * time.Second); s.Net.Accepted() == seen; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				p.Kill()
				return fmt.Errorf("no connection came")
			}
		}
		return stopProcess(p, l.from, l.until)
	})
	var hold faults.Hold
	if holds := faults.Holds(s.Net, host); len(holds) > before {
		hold = holds[len(holds)-1]
	}
	return res, hold
}

func stopProcess(p *os.Process, from, until time.Duration) error {
	time.Sleep(from)
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	time.Sleep(until - from)
	return p.Signal(syscall.SIGCONT)
}

func (l lateness) problem(res check.Result, hold faults.Hold) string {
	off := l.off(res, hold)
	switch {
	case res.State != check.Up:
		return fmt.Sprintf("%v (%s), want up", res.Reason, res.Detail)
	case off > truly && !res.Unsure:
		return fmt.Sprintf("%v off and not unsure", off)
	case off > res.Uncertainty+truly:
		return fmt.Sprintf("%v off, and said to be at most %v", off, res.Uncertainty)
	}
	return ""
}

// TestLostSYN: a handshake whose first SYN was lost took as long as that cost,
// though the kernel's round trip hides it; a late process says that it is
// unsure.
func TestLostSYN(t *testing.T) {
	slow(t)
	const limit = 1500 * time.Millisecond
	for _, stopped := range []bool{false, true} {
		b, err := faults.NewBacklog()
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		res := order{URL: "http://" + b.Addr().String() + "/", Timeout: limit}.inProcess(t, "", func(p *os.Process) error {
			if err := awaitSYN(b.Addr()); err != nil {
				p.Kill()
				return err
			}
			time.Sleep(400 * time.Millisecond) // well before it is sent again, a second after the first
			if err := b.Drain(); err != nil || !stopped {
				return err
			}
			return stopProcess(p, 200*time.Millisecond, 1200*time.Millisecond)
		})
		if res.Reason != check.Timeout || res.Phase != check.FirstByte || res.Duration != limit {
			t.Errorf("stopped %v: %v in %v after %v, want a connection in time and no response within %v", stopped, res.Reason, res.Phase, res.Duration, limit)
		}
		took := res.Phases.Connect
		if took < 990*time.Millisecond {
			t.Errorf("stopped %v: connect took %v, want at least the second that the lost SYN cost", stopped, took)
		}
		if late := took - 1070*time.Millisecond; late > truly && !res.Unsure {
			t.Errorf("stopped %v: connect took %v, some %v too long, and is not unsure", stopped, took, late)
		}
	}
}

// awaitSYN waits until somebody's SYN to an address is on its way, as the
// kernel lists its sockets: on loopback a full backlog has then dropped it.
func awaitSYN(to netip.AddrPort) error {
	ip := to.Addr().As4()
	sent := fmt.Sprintf(" %08X:%04X 02 ", binary.NativeEndian.Uint32(ip[:]), to.Port())
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		sockets, err := os.ReadFile("/proc/net/tcp")
		if err != nil {
			return err
		}
		if strings.Contains(string(sockets), sent) {
			return nil
		}
	}
	return errors.New("no SYN was sent")
}
