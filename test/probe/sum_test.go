package probe_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	h2 "golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"rollcall/internal/check"
	"rollcall/internal/probe"
	"rollcall/internal/testnet"
	"rollcall/internal/wire"
)

// A script is what a server does with its time. Every wait of it is one between
// what the client wrote and what it reads next.
type script struct {
	version check.HTTPVersion
	post    bool // the client sends 8 MiB, of which the server reads nothing at first
	hops    []step
}

// A step is one hop of a script.
type step struct {
	refuse   time.Duration   // of a handshake that is refused; < 0: none is
	hello    time.Duration   // before the server's hello
	unread   time.Duration   // before the request is read
	interim  []time.Duration // before each 103
	first    time.Duration   // before the first byte of the head, or its frame
	rest     time.Duration   // before the rest of it; over HTTP/2, its last frame
	body     time.Duration   // before the body
	end      time.Duration   // before the end of a body without a length
	endless  bool            // the body has no length
	redirect bool
}

func (s script) String() string {
	return fmt.Sprintf("HTTP/%d, post %v, %+v", s.version+1, s.post, s.hops)
}

// randomScript makes one of up to four hops.
func randomScript(r *rand.Rand) script {
	wait := func() time.Duration { // none as often as one
		return time.Duration(r.IntN(2)*r.IntN(60)) * time.Millisecond
	}
	s := script{version: []check.HTTPVersion{check.HTTP1, check.HTTP2}[r.IntN(2)]}
	for n := 1 + r.IntN(4); len(s.hops) < n; {
		a := step{refuse: -1, hello: wait(), unread: wait(), first: wait(), rest: wait(), body: wait(), redirect: len(s.hops) < n-1}
		if r.IntN(3) == 0 {
			a.refuse = wait()
		}
		for range r.IntN(3) {
			a.interim = append(a.interim, wait())
		}
		if a.endless = r.IntN(3) == 0; a.endless {
			a.end = wait()
		}
		s.hops = append(s.hops, a)
	}
	return s
}

// A scriptedServer follows a script once, and remembers
// when it kept its client waiting.
type scriptedServer struct {
	script script
	config *tls.Config
	mu     sync.Mutex
	waits  []span
}

type span struct{ from, to time.Time } // to is zero while it lasts

// wait keeps the client waiting, which has written all and has got all.
func (p *scriptedServer) wait(d time.Duration) {
	if d <= 0 {
		return
	}
	p.mu.Lock()
	p.waits = append(p.waits, span{from: time.Now()})
	at := len(p.waits) - 1
	p.mu.Unlock()
	time.Sleep(d)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waits[at].to = time.Now()
}

// waited is how long the client was kept waiting until a moment.
func (p *scriptedServer) waited(until time.Time) (sum time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.waits {
		if w.to.IsZero() || w.to.After(until) {
			w.to = until
		}
		sum += max(0, w.to.Sub(w.from))
	}
	return sum
}

func (p *scriptedServer) serve(l net.Listener) {
	for i, a := range p.script.hops {
		if a.refuse >= 0 && !p.refuse(l, a.refuse) || !p.exchange(l, i, a) {
			return
		}
	}
}

// refuse responds to a hello with handshake_failure, after a while.
func (p *scriptedServer) refuse(l net.Listener, after time.Duration) bool {
	c, err := l.Accept()
	if err != nil {
		return false
	}
	defer c.Close()
	if n, err := c.Read(make([]byte, 64<<10)); n == 0 || err != nil {
		return false
	}
	p.wait(after)
	c.Write([]byte{21, 3, 3, 0, 2, 2, 40})
	return true
}

func (p *scriptedServer) exchange(l net.Listener, i int, a step) bool {
	raw, err := l.Accept()
	if err != nil {
		return false
	}
	defer raw.Close()
	raw.(*net.TCPConn).SetReadBuffer(256 << 10)
	config := p.config.Clone()
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { p.wait(a.hello); return nil, nil }
	c := tls.Server(raw, config)
	if c.Handshake() != nil {
		return false
	}
	if p.script.version == check.HTTP2 {
		return p.exchangeHTTP2(c, i, a)
	}
	in := bufio.NewReader(c)
	if p.script.post {
		in.Peek(1)
		p.wait(a.unread) // the client can't write what nobody reads
	}
	req, err := http.ReadRequest(in)
	if err != nil {
		return false
	}
	io.Copy(io.Discard, req.Body)
	if !p.script.post {
		p.wait(a.unread)
	}
	for _, d := range a.interim {
		p.wait(d)
		io.WriteString(c, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
	}
	p.wait(a.first)
	io.WriteString(c, "H")
	p.wait(a.rest)
	head := "TTP/1.1 200 OK\r\n"
	if a.redirect {
		head = fmt.Sprintf("TTP/1.1 302 Found\r\nLocation: /%d\r\n", i+1)
	}
	if a.endless {
		head += "Connection: close\r\n\r\n"
	} else {
		head += "Content-Length: 2\r\n\r\n"
	}
	io.WriteString(c, head)
	if a.redirect { // nobody reads its body
		return true
	}
	p.wait(a.body)
	io.WriteString(c, "ok")
	if a.endless {
		p.wait(a.end)
	}
	c.Close()
	return true
}

func (p *scriptedServer) exchangeHTTP2(c *tls.Conn, i int, a step) bool {
	in := bufio.NewReader(c)
	if p.script.post {
		in.Peek(1)
		p.wait(a.unread)
	}
	io.ReadFull(in, make([]byte, len(h2.ClientPreface)))
	f := h2.NewFramer(c, in)
	f.WriteSettings(h2.Setting{ID: h2.SettingInitialWindowSize, Val: math.MaxInt32})
	f.WriteWindowUpdate(0, math.MaxInt32-65_535)
	for ended := false; !ended; {
		frame, err := f.ReadFrame()
		if err != nil {
			return false
		}
		switch frame := frame.(type) {
		case *h2.HeadersFrame:
			ended = frame.StreamEnded()
		case *h2.DataFrame:
			ended = frame.StreamEnded()
		}
	}
	if !p.script.post {
		p.wait(a.unread)
	}
	block := func(fields ...string) []byte {
		var b bytes.Buffer
		e := hpack.NewEncoder(&b)
		for i := 0; i < len(fields); i += 2 {
			e.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
		}
		return b.Bytes()
	}
	for _, d := range a.interim {
		p.wait(d)
		f.WriteHeaders(h2.HeadersFrameParam{StreamID: 1, BlockFragment: block(":status", "103"), EndHeaders: true})
	}
	p.wait(a.first)
	status, more := "200", []byte(nil)
	if a.redirect {
		status, more = "302", block("location", fmt.Sprint("/", i+1))
	}
	f.WriteHeaders(h2.HeadersFrameParam{StreamID: 1, BlockFragment: block(":status", status)})
	p.wait(a.rest)
	f.WriteContinuation(1, true, more)
	if a.redirect {
		return true
	}
	p.wait(a.body)
	f.WriteData(1, !a.endless, []byte("ok"))
	if a.endless {
		p.wait(a.end)
		f.WriteData(1, true, nil)
	}
	io.Copy(io.Discard, in) // a settings frame's acknowledgment is unread: closing now would be a reset
	return true
}

// perform runs a check against a script, and returns how long its server kept it
// waiting, and how late this process may have been meanwhile.
func serve(t *testing.T, tn *testnet.Net, prober *probe.Prober, s script, timeout time.Duration) (res check.Result, waited, late time.Duration) {
	certificate, err := tn.Authority.Leaf("server.stage.test", testnet.Valid)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &scriptedServer{script: s, config: &tls.Config{Certificates: []tls.Certificate{*certificate}, NextProtos: []string{"h2", "http/1.1"}}}
	var served sync.WaitGroup
	served.Go(func() { p.serve(l) })
	defer served.Wait()
	defer l.Close()
	to := at(t, tn, fmt.Sprintf("https://%s/", l.Addr()), func(c *check.Settings) {
		c.TLS.ServerName, c.HTTP, c.Timeout = "server.stage.test", s.version, timeout
		if s.post {
			c.Method, c.Body = "POST", strings.Repeat("x", 8<<20)
		}
	})
	var process wire.Lateness
	process.Start()
	defer process.Stop()
	began := time.Now()
	res = prober.Probe(t.Context(), to)
	ended := res.Started.Add(res.Duration + res.LocalDelay) // later it looks for secrets in what it says
	return res, p.waited(ended), process.Since(began)
}

// checkSum holds a result against the time that its server took, whatever it did
// with it: all of that is in the phases, and no more of it was waited for than
// the timeout. What this process was late is all that may come on top.
func checkSum(t *testing.T, s script, timeout time.Duration, res check.Result, waited, late time.Duration) {
	t.Helper()
	const exactly = 2 * time.Millisecond // of two clocks
	if least := min(waited, timeout); res.Duration < least-exactly {
		t.Errorf("%v\n%v (%s): duration %v, phases %+v, local delay %v; the server alone took %v", s, res.Reason, res.Detail, res.Duration, res.Phases, res.LocalDelay, waited)
	}
	if res.Duration != res.Phases.Sum() || res.Duration > timeout {
		t.Errorf("%v\nduration %v of %v, phases %+v", s, res.Duration, timeout, res.Phases)
	}
	if most := timeout + 2*late + 20*time.Millisecond; waited > most {
		t.Errorf("%v\n%v (%s): the server was waited for for %v, though the timeout is %v and this process at most %v late", s, res.Reason, res.Detail, waited, timeout, late)
	}
	if res.State != check.Up && res.Reason != check.Timeout && res.Reason != check.TLSHandshake { // a refusal when little time is left
		t.Errorf("%v\n%v: %s", s, res.Reason, res.Detail)
	}
}

// TestSumCloses: for any script of a server's delays, over both versions, with
// redirects, interim responses and refused handshakes.
func TestSumCloses(t *testing.T) {
	tn, prober := startNet(t)
	scripts, timeout := 24, 400*time.Millisecond
	if !testing.Short() {
		scripts = 120
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	var all sync.WaitGroup
	for part := range slices.Chunk(slices.Collect(func(yield func(script) bool) {
		for range scripts {
			if !yield(randomScript(r)) {
				return
			}
		}
	}), 8) {
		for _, s := range part {
			all.Go(func() {
				res, waited, late := serve(t, tn, prober, s, timeout)
				checkSum(t, s, timeout, res, waited, late)
			})
		}
		all.Wait()
	}
}

// TestSumClosesBehindALongRequest: a request that a server does not read is the
// server's time, too.
func TestSumClosesBehindALongRequest(t *testing.T) {
	slow(t)
	tn, prober := startNet(t)
	for _, version := range []check.HTTPVersion{check.HTTP1, check.HTTP2} {
		s := script{version: version, post: true, hops: []step{{refuse: -1, unread: 300 * time.Millisecond}}}
		res, waited, late := serve(t, tn, prober, s, 5*time.Second)
		checkSum(t, s, 5*time.Second, res, waited, late)
		if res.Phases.FirstByte < waited-2*time.Millisecond {
			t.Errorf("%v\nthe server was waited for for %v before its first byte, which took %v", s, waited, res.Phases.FirstByte)
		}
		s.hops[0].unread = 2 * time.Second
		res, waited, late = serve(t, tn, prober, s, 500*time.Millisecond)
		checkSum(t, s, 500*time.Millisecond, res, waited, late)
	}
}
