package probe

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/expect"
	"rollcall/internal/redact"
	"rollcall/internal/resolve"
	"rollcall/internal/weburl"
)

// A network is an Internet in memory: its names, and who responds at an address. A
// connection is a pipe, so under synctest its durations are exact.
type network struct {
	names   map[string][]string // host to addresses
	lookup  time.Duration       // what a lookup takes
	connect map[string]time.Duration
	refuse  map[string]error
	serve   func(net.Conn)
}

func (n *network) Lookup(ctx context.Context, _, host string, timeout time.Duration) (resolve.Answer, error) {
	if n.lookup > timeout {
		time.Sleep(timeout)
		return resolve.Answer{Took: timeout}, &net.DNSError{Err: "i/o timeout", Name: host, IsTimeout: true}
	}
	time.Sleep(n.lookup)
	lookedUp := resolve.Answer{Took: n.lookup}
	for _, s := range n.names[host] {
		lookedUp.Addrs = append(lookedUp.Addrs, netip.MustParseAddr(s))
	}
	if len(lookedUp.Addrs) == 0 {
		return lookedUp, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return lookedUp, nil
}

func (n *network) Dial(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
	timer := time.NewTimer(n.connect[addr.Addr().String()])
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: ctx.Err()}
	case <-timer.C:
	}
	if err := n.refuse[addr.Addr().String()]; err != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
	}
	ours, theirs := net.Pipe()
	go func() {
		defer theirs.Close()
		n.serve(theirs)
	}()
	return ours, nil
}

func (n *network) prober() *Prober {
	return New(Options{UserAgent: "rollcall/test", Lookup: n.Lookup, Dial: n.Dial})
}

// responding reads requests and writes what reply says, after a hold.
func responding(hold time.Duration, reply func(*http.Request) string) func(net.Conn) {
	return func(c net.Conn) {
		r := bufio.NewReader(c)
		for {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			io.Copy(io.Discard, req.Body)
			time.Sleep(hold)
			if _, err := io.WriteString(c, reply(req)); err != nil {
				return
			}
		}
	}
}

func page(status int, headers, body string) string {
	return fmt.Sprintf("HTTP/1.1 %d X\r\nContent-Length: %d\r\n%s\r\n%s", status, len(body), headers, body)
}

func always(reply string) func(*http.Request) string {
	return func(*http.Request) string { return reply }
}

// plainly is a network of one host, a.example, that responds over HTTP.
func plainly(hold time.Duration, reply func(*http.Request) string) *network {
	return &network{names: map[string][]string{"a.example": {"192.0.1.1"}, "b.example": {"192.0.1.2"}}, serve: responding(hold, reply)}
}

func target(rawURL string, change ...func(*check.Settings)) *check.Target {
	u, err := weburl.Parse(rawURL, nil)
	if err != nil {
		panic(err)
	}
	s := &check.Settings{Method: "GET", Timeout: 5 * time.Second, Redirects: 10, Retries: 1, MaxBody: 1 << 20}
	for _, c := range change {
		c(s)
	}
	return &check.Target{Name: "t", Group: "default", URL: weburl.String(u), RedactedURL: redact.URL(u), Settings: s}
}

func expecting(sources ...string) func(*check.Settings) {
	return func(s *check.Settings) {
		for _, source := range sources {
			e, err := expect.Compile(source)
			if err != nil {
				panic(err)
			}
			s.Expect = append(s.Expect, e)
		}
	}
}

func warning(sources ...string) func(*check.Settings) {
	return func(s *check.Settings) {
		var of check.Settings
		expecting(sources...)(&of)
		s.Warn = of.Expect
	}
}

// once runs one check in a bubble, whose time is exact.
func once(t *testing.T, n *network, to *check.Target) (res check.Result) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := n.prober()
		defer p.Close()
		res = p.Probe(t.Context(), to)
		time.Sleep(time.Hour) // the servers' holds end
	})
	return res
}

func TestPhasesAreExact(t *testing.T) {
	n := plainly(200*time.Millisecond, always(page(200, "", "hello")))
	n.lookup = 10 * time.Millisecond
	n.connect = map[string]time.Duration{"192.0.1.1": 30 * time.Millisecond}
	res := once(t, n, target("http://a.example/"))
	want := check.Phases{DNS: 10 * time.Millisecond, Connect: 30 * time.Millisecond, TLS: check.Absent, FirstByte: 200 * time.Millisecond, Transfer: 0}
	if res.State != check.Up || res.Phases != want || res.Duration != 240*time.Millisecond {
		t.Errorf("Probe = %v %q %v in %+v, want up after 240ms in %+v", res.State, res.Detail, res.Duration, res.Phases, want)
	}
	if res.Clock != check.ProcessClock || res.BytesBody != 5 || res.HTTP != "1.1" || !res.Complete || res.LocalDelay != 0 {
		t.Errorf("Probe = %+v, want 5 bytes over 1.1, complete, by the process's clock", res)
	}
}

// TestTimeouts: the duration of a timeout is the timeout, whatever it met.
func TestTimeouts(t *testing.T) {
	const limit = 2 * time.Second
	for _, test := range []struct {
		name   string
		net    *network
		reason check.Reason
		phase  check.Phase
	}{
		{"dns", &network{lookup: time.Minute}, check.DNSTimeout, check.DNS},
		{"connect", &network{names: map[string][]string{"a.example": {"192.0.1.1"}}, connect: map[string]time.Duration{"192.0.1.1": time.Minute}}, check.Timeout, check.Connect},
		{"no response", plainly(time.Minute, always("")), check.Timeout, check.FirstByte},
		{"half the headers", plainly(0, always("HTTP/1.1 200 OK\r\nX")), check.Timeout, check.Transfer},
		{"half the body", plainly(0, always("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")), check.Timeout, check.Transfer},
	} {
		t.Run(test.name, func(t *testing.T) {
			res := once(t, test.net, target("http://a.example/", func(s *check.Settings) { s.Timeout = limit }))
			if res.Reason != test.reason || res.Phase != test.phase || res.Duration != limit || res.Complete {
				t.Errorf("Probe = %v (%s) in %v after %v (complete %v), want %v in %v after exactly %v",
					res.Reason, res.Detail, res.Phase, res.Duration, res.Complete, test.reason, test.phase, limit)
			}
		})
	}
}

// TestTimeoutSpansRedirects: there is one timeout for all hops.
func TestTimeoutSpansRedirects(t *testing.T) {
	n := plainly(700*time.Millisecond, func(r *http.Request) string {
		return page(302, "Location: "+r.URL.Path+"x\r\n", "")
	})
	res := once(t, n, target("http://a.example/", func(s *check.Settings) { s.Timeout = 2 * time.Second }))
	if res.Reason != check.Timeout || res.Duration != 2*time.Second || len(res.Redirects) != 2 {
		t.Errorf("Probe = %v after %v and %d redirects, want a timeout after 2s and 2 redirects", res.Reason, res.Duration, len(res.Redirects))
	}
}

// TestBudgetIsNotTheTargets: what the run ends says nothing of the target.
func TestBudgetIsNotTheTargets(t *testing.T) {
	for name, n := range map[string]*network{
		"connect":     {names: map[string][]string{"a.example": {"192.0.1.1"}}, connect: map[string]time.Duration{"192.0.1.1": time.Minute}},
		"no response": plainly(time.Minute, always("")),
		"body":        plainly(0, always("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := n.prober()
				defer p.Close()
				began := time.Now()
				ctx, cancel := context.WithDeadlineCause(t.Context(), began.Add(time.Second), check.ErrBudget)
				defer cancel()
				res := p.Probe(ctx, target("http://a.example/"))
				if took := time.Since(began); res.Reason != check.Deadline || res.State != check.NotChecked || took != time.Second {
					t.Errorf("Probe = %v %v after %v, want deadline after exactly 1s", res.State, res.Reason, took)
				}
				time.Sleep(time.Hour)
			})
		})
	}
}

func TestHappyEyeballs(t *testing.T) {
	const v6, v4 = "2600::1", "192.0.1.1"
	both := map[string][]string{"a.example": {v6, v4}}
	ok := responding(0, always(page(200, "", "")))
	for _, test := range []struct {
		name    string
		net     *network
		ip      check.IPVersion
		want    string // the address used; "": none
		connect time.Duration
		reason  check.Reason
		timeout time.Duration // 0: 5s
	}{
		{"the first responds", &network{names: both, serve: ok}, check.AnyIP, v6, 0, check.OK, 0},
		{"the first is a black hole", &network{names: both, serve: ok, connect: map[string]time.Duration{v6: time.Hour}}, check.AnyIP, v4, 300 * time.Millisecond, check.OK, 0},
		{"the first is slow but faster", &network{names: both, serve: ok, connect: map[string]time.Duration{v6: 310 * time.Millisecond, v4: 50 * time.Millisecond}}, check.AnyIP, v6, 310 * time.Millisecond, check.OK, 0},
		{"the first refuses", &network{names: both, serve: ok, refuse: map[string]error{v6: syscall.ECONNREFUSED}}, check.AnyIP, v4, 0, check.OK, 0},
		{"both refuse", &network{names: both, refuse: map[string]error{v6: syscall.ECONNREFUSED, v4: syscall.EHOSTUNREACH}}, check.AnyIP, "", 0, check.ConnectionRefused, 0},
		{"the first hangs, the second refuses", &network{names: both, connect: map[string]time.Duration{v6: time.Hour}, refuse: map[string]error{v4: syscall.ECONNREFUSED}}, check.AnyIP, "", 5 * time.Second, check.Timeout, 0},
		{"no address of the family", &network{names: map[string][]string{"a.example": {v6}}, refuse: map[string]error{v6: syscall.ENETUNREACH}}, check.AnyIP, "", 0, check.Unreachable, 0},
		{"only 4", &network{names: both, serve: ok}, check.IPv4, v4, 0, check.OK, 0},
		{"only 6", &network{names: both, serve: ok, connect: map[string]time.Duration{v6: time.Second}}, check.IPv6, v6, time.Second, check.OK, 0},
		{"only 6 and there is none", &network{names: map[string][]string{"a.example": {v4}}}, check.IPv6, "", check.Absent, check.DNSNotFound, 0},
		{"the second of one family", &network{names: map[string][]string{"a.example": {"192.0.1.9", v4}}, serve: ok, refuse: map[string]error{"192.0.1.9": syscall.ECONNREFUSED}}, check.AnyIP, v4, 0, check.OK, 0},
		{"a silent one leaves time", &network{names: map[string][]string{"a.example": {"192.0.1.9", v4}}, serve: ok, connect: map[string]time.Duration{"192.0.1.9": time.Hour}}, check.AnyIP, v4, 2500 * time.Millisecond, check.OK, 0},
		{"a silent one leaves time of a short timeout", &network{names: map[string][]string{"a.example": {"192.0.1.9", "192.0.1.8", v4}}, serve: ok, connect: map[string]time.Duration{"192.0.1.9": time.Hour, "192.0.1.8": time.Hour}}, check.AnyIP, v4, 600 * time.Millisecond, check.OK, 900 * time.Millisecond},
		{"a silent family leaves time of a short timeout", &network{names: both, serve: ok, connect: map[string]time.Duration{v6: time.Hour}}, check.AnyIP, v4, 150 * time.Millisecond, check.OK, 300 * time.Millisecond},
		{"private ones are passed over", &network{names: map[string][]string{"a.example": {"10.0.0.1", v4}}, serve: ok}, check.AnyIP, v4, 0, check.OK, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			res := once(t, test.net, target("http://a.example/", func(s *check.Settings) {
				s.IP = test.ip
				if test.timeout > 0 {
					s.Timeout = test.timeout
				}
			}))
			used := ""
			if res.IP.IsValid() {
				used = res.IP.String()
			}
			if res.Reason != test.reason || used != test.want || res.Phases.Connect != test.connect {
				t.Errorf("Probe = %v (%s) over %q, connect %v; want %v over %q, connect %v",
					res.Reason, res.Detail, used, res.Phases.Connect, test.reason, test.want, test.connect)
			}
		})
	}
}

// TestLeastShare: of several addresses a slow one gets two seconds, though its
// share of the timeout is less.
func TestLeastShare(t *testing.T) {
	n := plainly(0, always(page(200, "", "")))
	n.names = map[string][]string{"a.example": {"192.0.1.9", "192.0.1.1"}}
	n.connect = map[string]time.Duration{"192.0.1.9": 1800 * time.Millisecond}
	res := once(t, n, target("http://a.example/", func(s *check.Settings) { s.Timeout = 3 * time.Second }))
	if res.State != check.Up || res.IP.String() != "192.0.1.9" || res.Phases.Connect != 1800*time.Millisecond {
		t.Errorf("Probe = %v (%s) over %v, connect %v; want up over the first address after 1.8s", res.Reason, res.Detail, res.IP, res.Phases.Connect)
	}
}

// TestSecondDialsAreCounted: where there is one place, the second of two checks
// with a silent address dials its other one when the first check is done.
func TestSecondDialsAreCounted(t *testing.T) {
	const v6, v4 = "2600::1", "192.0.1.1"
	n := &network{
		names: map[string][]string{"a.example": {v6, v4}}, serve: responding(0, always(page(200, "", ""))),
		connect: map[string]time.Duration{v6: time.Hour, v4: 100 * time.Millisecond},
	}
	for places, want := range map[int]time.Duration{0: 400 * time.Millisecond, 1: 500 * time.Millisecond, 2: 400 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			p := New(Options{UserAgent: "rollcall/test", Lookup: n.Lookup, Dial: n.Dial, SecondDials: places})
			defer p.Close()
			began := time.Now()
			var checks sync.WaitGroup
			for range 2 {
				checks.Go(func() {
					if res := p.Probe(t.Context(), target("http://a.example/")); res.State != check.Up || res.IP.String() != v4 {
						t.Errorf("%d places: Probe = %v over %v (%s)", places, res.State, res.IP, res.Detail)
					}
				})
			}
			checks.Wait()
			if took := time.Since(began); took != want {
				t.Errorf("%d places: both took %v, want %v", places, took, want)
			}
			time.Sleep(time.Hour)
		})
	}
}

func TestBlockedAddressIsNotDialled(t *testing.T) {
	n := &network{
		names: map[string][]string{"a.example": {"169.254.169.254", "::1"}},
		serve: func(net.Conn) { t.Error("a connection was made") },
	}
	res := once(t, n, target("http://a.example/"))
	if res.Reason != check.BlockedAddress || res.Phase != check.Connect || res.Phases.Connect != check.Absent || res.Retryable() {
		t.Errorf("Probe = %v in %v, connect %v; want blocked_address in connect, which did not happen", res.Reason, res.Phase, res.Phases.Connect)
	}
}

func TestInvalidTarget(t *testing.T) {
	res := New(Options{}).Probe(t.Context(), &check.Target{Name: "n", Invalid: "url: is empty"})
	if res.Reason != check.InvalidTarget || res.State != check.NotChecked || res.Attempts != 0 || res.Detail != "url: is empty" {
		t.Errorf("Probe = %+v, want invalid_target without an attempt", res)
	}
}

// TestRequest looks at what reaches the server.
func TestRequest(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*check.Settings)
		want   map[string]string
	}{
		{"honest", func(*check.Settings) {}, map[string]string{"User-Agent": "rollcall/test", "Accept": "*/*", "Host": "a.example", "Connection": "", "Referer": ""}},
		{"chrome", func(s *check.Settings) { s.UserAgent = "chrome" }, map[string]string{"User-Agent": browsers["chrome"].Get("User-Agent"), "Accept-Language": "en-US,en;q=0.9"}},
		{"own text", func(s *check.Settings) { s.UserAgent = "me/1" }, map[string]string{"User-Agent": "me/1"}},
		{"own header wins", func(s *check.Settings) {
			s.UserAgent = "chrome"
			s.Header = http.Header{"Accept": {"text/plain"}, "User-Agent": {"you/2"}}
		}, map[string]string{"Accept": "text/plain", "User-Agent": "you/2"}},
		{"host", func(s *check.Settings) { s.Header = http.Header{"Host": {"c.example"}} }, map[string]string{"Host": "c.example"}},
		{"body", func(s *check.Settings) { s.Method, s.Body = "POST", "abc" }, map[string]string{"Method": "POST", "Content-Length": "3"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got *http.Request
			n := plainly(0, func(r *http.Request) string { got = r; return page(200, "", "") })
			if res := once(t, n, target("http://a.example/p?q=1", test.change)); res.State != check.Up {
				t.Fatalf("Probe = %v: %s", res.Reason, res.Detail)
			}
			for name, want := range test.want {
				have := map[string]string{"Host": got.Host, "Method": got.Method}[name]
				if have == "" {
					have = got.Header.Get(name)
				}
				if have != want {
					t.Errorf("%s is %q, want %q", name, have, want)
				}
			}
		})
	}
}

func TestBrowsersLookLikeThemselves(t *testing.T) {
	for name, mark := range map[string]string{"chrome": "Chrome/", "edge": "Edg/", "firefox": "Firefox/", "safari": "Version/"} {
		if ua := browsers[name].Get("User-Agent"); !strings.HasPrefix(ua, "Mozilla/5.0 (") || !strings.Contains(ua, mark) {
			t.Errorf("%s: %q", name, ua)
		}
	}
}

// TestRedirects: what is followed, and what another origin gets to see.
func TestRedirects(t *testing.T) {
	secret := func(s *check.Settings) {
		s.Method, s.Body = "POST", "hush"
		s.Header = http.Header{"Authorization": {"Bearer hush"}, "X-Api-Key": {"hush"}, "Cookie": {"a=b"}, "Accept": {"text/plain"}, "Content-Type": {"text/x"}}
	}
	for _, test := range []struct {
		name     string
		status   int
		location string
		change   func(*check.Settings)
		method   string // of the second request
		sees     []string
		lacks    []string
		body     string
	}{
		{"301 turns POST into GET", 301, "/next", secret, "GET", []string{"Authorization", "X-Api-Key", "Cookie", "Accept"}, []string{"Content-Type", "Referer"}, ""},
		{"303 turns all into GET", 303, "/next", secret, "GET", []string{"Authorization"}, []string{"Content-Type"}, ""},
		{"307 keeps all", 307, "/next", secret, "POST", []string{"Authorization", "Content-Type"}, nil, "hush"},
		{"308 keeps all", 308, "http://a.example/next", secret, "POST", []string{"Authorization", "Content-Type"}, nil, "hush"},
		{"another host", 307, "http://b.example/next", secret, "POST", []string{"Accept", "User-Agent"}, []string{"Authorization", "X-Api-Key", "Cookie", "Content-Type", "Referer"}, ""},
		{"another port", 307, "http://a.example:81/next", secret, "POST", []string{"Accept"}, []string{"Authorization", "X-Api-Key", "Cookie"}, ""},
		{"upper case is the same host", 307, "http://A.EXAMPLE:80/next", secret, "POST", []string{"Authorization"}, nil, "hush"},
		{"user information is dropped", 302, "http://u:p@a.example/next", func(*check.Settings) {}, "GET", nil, []string{"Authorization"}, ""},
		{"HEAD stays", 303, "/next", func(s *check.Settings) { s.Method = "HEAD" }, "HEAD", nil, nil, ""},
		{"PUT stays", 302, "/next", func(s *check.Settings) { s.Method = "PUT"; s.Body = "hush" }, "PUT", nil, nil, "hush"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got *http.Request
			var body []byte
			n := plainly(0, nil)
			n.serve = func(c net.Conn) {
				req, err := http.ReadRequest(bufio.NewReader(c))
				if err != nil {
					return
				}
				text, _ := io.ReadAll(req.Body)
				if req.URL.Path == "/next" {
					got, body = req, text
					io.WriteString(c, page(200, "", ""))
					return
				}
				io.WriteString(c, page(test.status, "Location: "+test.location+"\r\n", ""))
			}
			res := once(t, n, target("http://a.example/", test.change))
			if res.State != check.Up || got == nil || got.Method != test.method || string(body) != test.body || len(res.Redirects) != 1 {
				t.Fatalf("Probe = %v %s %v; second request %+v with %q", res.Reason, res.Detail, res.Redirects, got, body)
			}
			for _, name := range test.sees {
				if got.Header.Get(name) == "" {
					t.Errorf("%s did not arrive", name)
				}
			}
			for _, name := range test.lacks {
				if got.Header.Get(name) != "" {
					t.Errorf("%s arrived", name)
				}
			}
		})
	}
}

func TestRedirectsThatAreNotFollowed(t *testing.T) {
	to := func(location string) func(*http.Request) string {
		return always(page(302, "Location: "+location+"\r\n", ""))
	}
	onward := func(r *http.Request) string { return page(302, "Location: "+r.URL.Path+"x\r\n", "") }
	for _, test := range []struct {
		name   string
		reply  func(*http.Request) string
		change func(*check.Settings)
		want   check.Reason
	}{
		{"no Location", always(page(302, "", "")), nil, check.RedirectInvalid},
		{"no Location, but 302 is expected", always(page(302, "", "")), expecting("status == 302"), check.OK},
		{"another scheme", to("ftp://a.example/"), nil, check.RedirectInvalid},
		{"another scheme, but 302 is expected", to("ftp://a.example/"), expecting("status == 302"), check.OK},
		{"script", to("javascript:alert(1)"), nil, check.RedirectInvalid},
		{"no host", to("http:///"), nil, check.RedirectInvalid},
		{"a host after one slash too many", to("http:///x"), nil, check.DNSNotFound},
		{"no URL", to("http://[::1"), nil, check.RedirectInvalid},
		{"no host's name", to("http://a..b/"), nil, check.RedirectInvalid},
		{"a port that is none", to("http://a.example:99999/"), nil, check.RedirectInvalid},
		{"a name in another script", to("http://bücher.example/"), nil, check.DNSNotFound},
		{"to itself", to("/"), nil, check.RedirectLoop},
		{"to itself, though 302 is expected", to("/"), expecting("status == 302"), check.RedirectLoop},
		{"without end", onward, nil, check.RedirectLoop},
		{"as many as may be", func(r *http.Request) string {
			if len(r.URL.Path) == 11 {
				return page(200, "", "")
			}
			return onward(r)
		}, nil, check.OK},
		{"no Location, as expected except a warning", always(page(302, "", "")), func(s *check.Settings) { expecting("status == 302")(s); warning("size > 5")(s) }, check.Expectation},
		{"none may be, so the first counts", to("/x"), func(s *check.Settings) { s.Redirects = 0 }, check.Status},
		{"none may be, and it is as expected", to("/x"), func(s *check.Settings) { s.Redirects = 0; expecting("status == 302")(s) }, check.OK},
		{"304 does not redirect", always("HTTP/1.1 304 X\r\n\r\n"), nil, check.Status},
		{"300 does not redirect", always(page(300, "Location: /x\r\n", "")), nil, check.Status},
		{"into a private network", to("http://10.0.0.1/"), nil, check.BlockedAddress},
		{"to a name that is none", to("http://nowhere.example/"), nil, check.DNSNotFound},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.change == nil {
				test.change = func(*check.Settings) {}
			}
			res := once(t, plainly(0, test.reply), target("http://a.example/", test.change))
			if res.Reason != test.want {
				t.Errorf("Probe = %v (%s), want %v", res.Reason, res.Detail, test.want)
			}
			if res.Reason == check.RedirectInvalid && res.Complete {
				t.Error("a redirect that can't be followed is complete")
			}
		})
	}
}

// TestRedirectTarget: where a response sends us, as it is asked for.
func TestRedirectTarget(t *testing.T) {
	from, _ := url.Parse("https://a.example/")
	for location, want := range map[string]string{
		"https://u:p@B.example/x?y#z": "https://b.example/x?y",
		"//bücher.example:81/":        "https://xn--bcher-kva.example:81/",
		"http://a.example/":           "redirect_insecure",
		"/":                           "redirect_loop",
		"https://a.example:0/":        "redirect_invalid",
	} {
		h := &hop{url: from, method: "GET"}
		next, broken := h.redirect(&http.Response{StatusCode: 302, Header: http.Header{"Location": {location}}}, 10)
		got := ""
		if broken != nil {
			got = broken.reason.String()
		} else {
			got = next.url.String()
		}
		if got != want {
			t.Errorf("%s leads to %s, want %s", location, got, want)
		}
	}
}

// TestSecretsAreRedacted: whatever of the request a server echoes, and wherever.
func TestSecretsAreRedacted(t *testing.T) {
	const secret = "opensesame4711"
	hiding := func(s *check.Settings) { s.Header = http.Header{"X-Key": {secret}} }
	for name, reply := range map[string]func(*http.Request) string{
		"in a URL that is followed": func(r *http.Request) string {
			if r.URL.Path == "/" {
				return page(302, "Location: /"+secret+"/\r\n", "")
			}
			return page(200, "", "")
		},
		"in a URL that is not":        always(page(302, "Location: "+secret+"://x/\r\n", "")),
		"in a host name":              always(page(302, "Location: http://"+secret+".example/\r\n", "")),
		"in the status":               always("HTTP/1.1 099 " + secret + "\r\n\r\n"),
		"in the protocol":             always("HTTP/7." + secret + " 200\r\n\r\n"),
		"in a body that is expected":  always(page(200, "", `{"a": "`+secret+`"}`)),
		"in a header that is invalid": always("HTTP/1.1 200 OK\r\n" + secret + "\r\n\r\n"),
	} {
		res := once(t, plainly(0, reply), target("http://a.example/", hiding, expecting("json == nil || json.a == ''")))
		text, err := json.Marshal(res)
		if err != nil || strings.Contains(string(text), secret[:secretStart]) {
			t.Errorf("%s: %s, %v", name, text, err)
		}
	}
	// Where the server's own bytes would be quoted, they may hold a secret in any form.
	res := once(t, plainly(0, always("HTTP/1.1 two "+base64.StdEncoding.EncodeToString([]byte(secret))+"\r\n\r\n")), target("http://a.example/", hiding))
	if res.Reason != check.BadResponse || res.Detail != "not an HTTP response" {
		t.Errorf("Probe = %v %q, want no word of the server's", res.Reason, res.Detail)
	}
}

const secretStart = 10 // of a secret, by which package redact knows it

func TestWarnDegrades(t *testing.T) {
	n := plainly(200*time.Millisecond, always(page(200, "X-Load: 7\r\n", "ok")))
	for _, test := range []struct {
		change     func(*check.Settings)
		state      check.State
		reason     check.Reason
		expression string
		detail     string
	}{
		{warning("duration < 300"), check.Up, check.OK, "", ""},
		{warning("duration < 100"), check.Degraded, check.Expectation, "duration < 100", "duration < 100: 200"},
		{warning("status != 200"), check.Degraded, check.Status, "status != 200", "200 OK"},
		{func(s *check.Settings) { expecting("size == 3")(s); warning("duration < 100")(s) }, check.Down, check.Expectation, "size == 3", "size == 3: 2"},
		{expecting("header['x-load'] == '8'"), check.Down, check.Expectation, "header['x-load'] == '8'", `header["x-load"] == "8": "7"`},
		{expecting("status == 201"), check.Down, check.Status, "status == 201", "200 OK"},
		{expecting("body == 'ok'", "firstByte >= 200", "redirects == 0", "http == '1.1'", "certificate == nil", "json == nil"), check.Up, check.OK, "", ""},
		{expecting("certificate.daysLeft > 3"), check.Down, check.Expectation, "certificate.daysLeft > 3", "certificate.daysLeft > 3: there is no certificate"},
		{expecting("json.a.b == 1"), check.Down, check.Expectation, "json.a.b == 1", "json.a.b == 1: the body is not JSON"},
	} {
		res := once(t, n, target("http://a.example/", test.change))
		if res.State != test.state || res.Reason != test.reason || res.Expression != test.expression || res.Detail != test.detail || !res.Complete {
			t.Errorf("Probe = %v %v, %q: %q; want %v %v, %q: %q", res.State, res.Reason, res.Expression, res.Detail, test.state, test.reason, test.expression, test.detail)
		}
	}
}

func TestOurOwnExhaustionIsNotTheTargets(t *testing.T) {
	n := &network{names: map[string][]string{"a.example": {"192.0.1.1"}}, refuse: map[string]error{"192.0.1.1": syscall.EMFILE}}
	if res := once(t, n, target("http://a.example/")); res.Reason != check.Internal || res.State != check.NotChecked {
		t.Errorf("Probe = %v %v, want internal, not checked", res.State, res.Reason)
	}
}

func TestDNSFailure(t *testing.T) {
	res := once(t, &network{lookup: 3 * time.Millisecond}, target("https://nowhere.example/"))
	if res.Reason != check.DNSNotFound || res.Phase != check.DNS || res.Duration != 3*time.Millisecond || res.Detail != "no address for nowhere.example" {
		t.Errorf("Probe = %v in %v after %v: %q", res.Reason, res.Phase, res.Duration, res.Detail)
	}
}

func ExampleProber_Probe() {
	p := New(Options{
		UserAgent: "rollcall/1.0",
		Lookup: func(context.Context, string, string, time.Duration) (resolve.Answer, error) {
			return resolve.Answer{}, &net.DNSError{Err: "no such host", Name: "nowhere.example", IsNotFound: true}
		},
	})
	defer p.Close()
	res := p.Probe(context.Background(), target("https://nowhere.example/health?token=secret"))
	fmt.Println(res.State, res.Reason, res.Phase)
	fmt.Println(res.URL)
	fmt.Println(res.Detail)
	// Output:
	// down dns_not_found dns
	// https://nowhere.example/health?…
	// no address for nowhere.example
}

// hangUp responds to one request and closes.
func hangUp(reply string) func(net.Conn) {
	return func(c net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			io.WriteString(c, reply)
		}
	}
}

func phases(dns, connect, tls, firstByte, transfer time.Duration) check.Phases {
	return check.Phases{DNS: dns, Connect: connect, TLS: tls, FirstByte: firstByte, Transfer: transfer}
}

func TestTimeoutEndsItsPhase(t *testing.T) {
	const ms = time.Millisecond
	for _, test := range []struct {
		before check.Phases
		open   check.Phase
		want   check.Phases
	}{
		{phases(1*ms, 2*ms, check.Absent, check.Absent, check.Absent), check.FirstByte, phases(1*ms, 2*ms, check.Absent, 7*ms, check.Absent)},
		{phases(1*ms, 2*ms, check.Absent, 3*ms, 1*ms), check.Transfer, phases(1*ms, 2*ms, check.Absent, 3*ms, 4*ms)},
		{phases(1*ms, 12*ms, check.Absent, check.Absent, check.Absent), check.FirstByte, phases(1*ms, 9*ms, check.Absent, 0, check.Absent)},
		{phases(11*ms, 12*ms, check.Absent, check.Absent, check.Absent), check.TLS, phases(10*ms, 0, 0, check.Absent, check.Absent)},
		{phases(1*ms, 12*ms, check.Absent, 12*ms, check.Absent), check.Connect, phases(1*ms, 0, check.Absent, 9*ms, check.Absent)},
		{check.NoPhases(), check.DNS, phases(10*ms, check.Absent, check.Absent, check.Absent, check.Absent)},
	} {
		got := test.before
		if endPhases(&got, test.open, 10*ms); got != test.want || got.Sum() != 10*ms {
			t.Errorf("%v ended in %v is %v, want %v", test.before, test.open, got, test.want)
		}
	}
}

func TestSteppedClock(t *testing.T) {
	const ms, us = time.Millisecond, time.Microsecond
	for _, test := range []struct {
		wall, elapsed time.Duration
		want          bool
	}{
		{200 * ms, 200 * ms, false}, {200*ms + 900*us, 200 * ms, false}, {202 * ms, 200 * ms, true}, {198 * ms, 200 * ms, true},
		{-time.Hour, 200 * ms, true}, {10*time.Second + ms, 10 * time.Second, false}, {10*time.Second + 2*ms, 10 * time.Second, true},
	} {
		if got := stepped(test.wall, test.elapsed); got != test.want {
			t.Errorf("stepped(%v, %v) = %v, want %v", test.wall, test.elapsed, got, test.want)
		}
	}
}

func TestUnsure(t *testing.T) {
	const ms = time.Millisecond
	for _, test := range []struct {
		uncertainty, duration time.Duration
		want                  bool
	}{
		{0, 0, false}, {ms, ms, false}, {2 * ms, 10 * ms, true}, {2 * ms, 20 * ms, false}, {5 * ms, 200 * ms, false}, {6 * ms, time.Second, true},
	} {
		if got := unsure(test.uncertainty, test.duration); got != test.want {
			t.Errorf("unsure(%v, %v) = %v, want %v", test.uncertainty, test.duration, got, test.want)
		}
	}
}

// TestKernelGivesUp: a timeout that is not ours took as long as it took.
func TestKernelGivesUp(t *testing.T) {
	n := &network{names: map[string][]string{"a.example": {"192.0.1.1"}}, refuse: map[string]error{"192.0.1.1": syscall.ETIMEDOUT},
		connect: map[string]time.Duration{"192.0.1.1": 130 * time.Second}}
	res := once(t, n, target("http://a.example/", func(s *check.Settings) { s.Timeout = 5 * time.Minute }))
	if res.Reason != check.Timeout || res.Duration != 130*time.Second || !strings.Contains(res.Detail, "operating system") {
		t.Errorf("Probe = %v after %v: %s; want a timeout after 130s", res.Reason, res.Duration, res.Detail)
	}
}

// TestDialPanic: a panic on another goroutine is a result too.
func TestDialPanic(t *testing.T) {
	n := &network{names: map[string][]string{"a.example": {"2600::1", "192.0.1.1"}}}
	p := New(Options{Lookup: n.Lookup, Dial: func(context.Context, netip.AddrPort) (net.Conn, error) { panic("oh") }})
	defer p.Close()
	if res := p.Probe(t.Context(), target("http://a.example/")); res.Reason != check.Internal || res.State != check.NotChecked {
		t.Errorf("Probe = %v %v, want internal", res.State, res.Reason)
	}
}

// TestTLSSettingsStay with the origin that they were made for.
func TestTLSSettingsStay(t *testing.T) {
	to := target("https://a.example/", func(s *check.Settings) {
		s.TLS = check.TLSSettings{ServerName: "x.example", InsecureSkipVerify: true, MinVersion: 0x0304}
	})
	first := New(Options{}).firstHop(to, weburl.Parsed(to.URL))
	same, _ := url.Parse("https://a.example/next")
	other, _ := url.Parse("https://b.example/")
	if got := first.follow(same, 302).tls; got != to.TLS {
		t.Errorf("to the same origin %+v, want %+v", got, to.TLS)
	}
	if got := first.follow(other, 302).tls; got != (check.TLSSettings{MinVersion: 0x0304}) {
		t.Errorf("to another origin %+v, want the least version only", got)
	}
}
