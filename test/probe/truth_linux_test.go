package probe_test

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/guard"
	"rollcall/internal/probe"
	"rollcall/internal/resolve"
	"rollcall/internal/testnet"
	"rollcall/internal/weburl"
	"rollcall/internal/wire"
	"rollcall/test/faults"
)

const (
	holds   = 300 * time.Millisecond // how long responses are held
	ahead   = 20 * time.Millisecond  // stopped so long before the response
	stopped = 150 * time.Millisecond
	exactly = testnet.Slowdown * 2 * time.Millisecond // what the kernel's clock may be off
	blindly = 100 * time.Millisecond                  // what the process's clock is off at least
)

// An order is what the checking process does: one probe.
type order struct {
	URL    string
	Hidden bool // its connections do not show that they are TCP: the clock is the process's

	Timeout time.Duration // 0: 10 s
	HTTP    check.HTTPVersion
}

// checkOrder is the variable that holds a check as JSON.
const checkOrder = "PROBE_TEST_CHECK"

// TestCheckingProcess is the checking process of the tests of truth, which run
// this program once more for it. By itself it is nothing.
func TestCheckingProcess(t *testing.T) {
	ordered := os.Getenv(checkOrder)
	if ordered == "" {
		return
	}
	var c order
	if err := json.Unmarshal([]byte(ordered), &c); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(c.URL)
	if err != nil {
		t.Fatal(err)
	}
	prober := probe.New(c.options())
	defer prober.Close()
	result := prober.Probe(t.Context(), &check.Target{Name: "held", Group: "default", URL: weburl.String(u), RedactedURL: c.URL, Settings: &check.Settings{
		Method: http.MethodGet, Timeout: cmp.Or(c.Timeout, 10*time.Second), MaxBody: 1 << 20, HTTP: c.HTTP,
	}})
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		t.Fatal(err)
	}
}

func (c order) options() probe.Options {
	loopback := netip.MustParseAddr("127.0.0.1")
	o := probe.Options{
		UserAgent: "rollcall/test",
		Guard:     guard.Guard{Allow: []netip.Prefix{netip.PrefixFrom(loopback, 8).Masked()}},
		Lookup: func(context.Context, string, string, time.Duration) (resolve.Answer, error) {
			return resolve.Answer{Addrs: []netip.Addr{loopback}, Stamped: true}, nil
		},
	}
	if c.Hidden {
		o.Dial = func(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
			conn, err := (&net.Dialer{Control: wire.Control}).DialContext(ctx, "tcp", addr.String())
			return struct{ net.Conn }{conn}, err
		}
	}
	return o
}

// A holder holds every response for a known time.
type holder struct {
	came chan struct{}      // a request has
	held chan time.Duration // until right before its response left
}

func newHolder() *holder {
	return &holder{came: make(chan struct{}, 1), held: make(chan time.Duration, 1)}
}

// ServeHTTP says when a request has come, and how long it was held in truth.
func (h *holder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	h.came <- struct{}{}
	time.Sleep(holds)
	h.held <- time.Since(began)
	if r.ProtoMajor == 1 { // over HTTP/2, Go's server would send the body in a segment of its own, maybe later
		io.WriteString(w, "held\n")
	}
}

// A rehearsal is a place where responses are held, and the roots that it wants
// trusted.
type rehearsal struct {
	url, roots string
	*holder
}

// measure runs a check in a process of its own, stops that around the response's
// arrival, and returns its result and how long the response was held.
func (r *rehearsal) measure(t *testing.T, c order) (check.Result, time.Duration) {
	t.Helper()
	c.URL = r.url
	var held time.Duration
	result := c.inProcess(t, r.roots, func(p *os.Process) (err error) {
		held, err = r.stop(p)
		return err
	})
	return result, held
}

// inProcess runs a check in a process of its own, to which meanwhile happens
// what meddle does.
func (c order) inProcess(t *testing.T, roots string, meddle func(*os.Process) error) (result check.Result) {
	t.Helper()
	order, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestCheckingProcess$")
	cmd.Env = append(os.Environ(), checkOrder+"="+string(order), "SSL_CERT_FILE="+roots)
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stopErr := meddle(cmd.Process)
	if err := cmd.Wait(); err != nil || stopErr != nil {
		t.Fatalf("the checking process: %v, %v\n%s", err, stopErr, &out)
	}
	if err := json.NewDecoder(strings.NewReader(out.String())).Decode(&result); err != nil {
		t.Fatalf("%v in %s", err, &out)
	}
	return result
}

// stop stops a process from shortly before its response leaves until long after.
// If no request comes it is killed.
func (r *rehearsal) stop(p *os.Process) (held time.Duration, err error) {
	select {
	case <-r.came:
	case <-time.After(15 * time.Second):
		p.Kill()
		return 0, fmt.Errorf("no request came")
	}
	time.Sleep(holds - ahead)
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		return 0, err
	}
	time.Sleep(stopped)
	return <-r.held, p.Signal(syscall.SIGCONT)
}

// judge runs a check several times, of which problems finds none in the median.
func (r *rehearsal) judge(t *testing.T, c order, problems func(check.Result, time.Duration) []string) {
	t.Helper()
	warm, err := wire.Warm() // a process's very first check may find the kernel not stamping yet
	if err != nil {
		t.Fatal(err)
	}
	defer warm.Close()
	inMedian(t, func() []string {
		result, held := r.measure(t, c)
		t.Logf("held for %v: first byte after %v by the %v's clock, uncertainty %v, unsure %v, local delay %v",
			held, result.Phases.FirstByte, result.Clock, result.Uncertainty, result.Unsure, result.LocalDelay)
		return problems(result, held)
	})
}

// trueByTheKernel: stopped or not, the process measures what it took.
func trueByTheKernel(r check.Result, held time.Duration) (found []string) {
	if r.State != check.Up || r.Clock != check.KernelClock {
		found = append(found, fmt.Sprintf("%v (%s) by the %v's clock, want up by the kernel's", r.Reason, r.Detail, r.Clock))
	}
	if off := (r.Phases.FirstByte - held).Abs(); off > exactly {
		found = append(found, fmt.Sprintf("the first byte is %v off the true hold", off))
	}
	if r.LocalDelay < blindly {
		found = append(found, fmt.Sprintf("the local delay is %v, though the process was stopped for %v", r.LocalDelay, stopped))
	}
	return found
}

// sure: a result that is exact says so.
func sure(r check.Result, _ time.Duration) (found []string) {
	if r.Unsure || r.Uncertainty > exactly {
		found = append(found, fmt.Sprintf("the uncertainty is %v, unsure %v", r.Uncertainty, r.Unsure))
	}
	return found
}

// wrongByTheProcess: its own clock counts the stop as the server's, and the
// result says that it may be off by so much.
func wrongByTheProcess(r check.Result, held time.Duration) (found []string) {
	if r.State != check.Up || r.Clock != check.ProcessClock {
		found = append(found, fmt.Sprintf("%v (%s) by the %v's clock, want up by the process's", r.Reason, r.Detail, r.Clock))
	}
	off := r.Phases.FirstByte - held
	if off < blindly {
		found = append(found, fmt.Sprintf("the first byte is %v off the true hold, want %v and more", off, blindly))
	}
	if !r.Unsure || r.Uncertainty < off-exactly {
		found = append(found, fmt.Sprintf("it is %v off and says %v, unsure %v", off, r.Uncertainty, r.Unsure))
	}
	return found
}

// together joins what several ways to look at a result find.
func together(ways ...func(check.Result, time.Duration) []string) func(check.Result, time.Duration) []string {
	return func(r check.Result, held time.Duration) (found []string) {
		for _, way := range ways {
			found = append(found, way(r, held)...)
		}
		return found
	}
}

// onTestnet holds responses on the test network, over TLS 1.3.
func onTestnet(t *testing.T) *rehearsal {
	t.Helper()
	h := newHolder()
	tls13 := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil || r.TLS.Version != tls.VersionTLS13 {
			t.Errorf("asked over %+v, want TLS 1.3", r.TLS)
		}
		h.ServeHTTP(w, r)
	})
	tn, err := testnet.Start(testnet.Options{Servers: faults.Servers(), Handlers: map[string]http.Handler{"held.stage.test": tls13}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tn.Close() })
	o, _ := tn.Origin("held.stage.test")
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := tn.Authority.WriteFile(roots); err != nil {
		t.Fatal(err)
	}
	return &rehearsal{fmt.Sprintf("https://held.stage.test:%d/", o.Addr.Port()), roots, h}
}

// A response that came while the process was stopped is measured as if it had
// not been.
func TestTruthWhileStopped(t *testing.T) {
	slow(t)
	onTestnet(t).judge(t, order{}, together(trueByTheKernel, sure))
}

// The same over HTTP/2.
func TestTruthOverHTTP2WhileStopped(t *testing.T) {
	slow(t)
	onTestnet(t).judge(t, order{HTTP: check.HTTP2}, together(trueByTheKernel, sure))
}

// The same by the process's clock shows what the kernel's is worth.
func TestNoTruthByTheProcessClock(t *testing.T) {
	slow(t)
	onTestnet(t).judge(t, order{Hidden: true}, wrongByTheProcess)
}
