// Package probe checks one target over one fresh connection and returns the one
// thing that is true of it, a [check.Result]: it is an HTTP client with clocks.
package probe

import (
	"context"
	"crypto/fips140"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/expect"
	"rollcall/internal/guard"
	"rollcall/internal/redact"
	"rollcall/internal/resolve"
	"rollcall/internal/trust"
	"rollcall/internal/weburl"
	"rollcall/internal/wire"
)

// Options are what a Prober is made of. A nil function is the real thing.
type Options struct {
	UserAgent string // of targets that name none, e.g. "rollcall/1.2.3"
	Guard     guard.Guard
	RootCAs   *x509.CertPool // nil: the system's

	// SecondDials is how many checks at once may dial a second address while
	// the first is silent (Happy Eyeballs), each with a socket more; 0: any.
	SecondDials int

	// Memory is how many bytes all checks may hold together, as sweep.Memory
	// returns them; 0: any number.
	Memory int64

	// Legs: results of checks that were redirected have a leg for each request.
	Legs bool

	// Lookup returns the addresses of a host name in network (ip, ip4 or ip6)
	// within timeout.
	Lookup func(ctx context.Context, network, host string, timeout time.Duration) (resolve.Answer, error)
	// Dial makes one TCP connection. Durations are the kernel's only if it
	// returns a *net.TCPConn that wire.Control has prepared.
	Dial func(ctx context.Context, addr netip.AddrPort) (net.Conn, error)
}

// A Prober checks targets. It may be used by many goroutines at once and
// keeps nothing of a target except that its certificate was verified: each check
// makes fresh connections.
type Prober struct {
	options  Options
	routed   func(netip.Addr) bool // whether this machine has a route
	own      http.Header           // says who asks, where a target does not
	seconds  chan struct{}         // second dials under way; nil: they are not counted
	trust    *trust.Verifier       // nil: crypto/tls verifies
	lateness wire.Lateness
	roots    sync.Once
	memory   *memory
	rootless bool // there are no roots: no certificate can be verified
	warm     *net.UDPConn

	evaluations, slowEvaluations *line
	cpu                          func() time.Duration // that the calling thread has taken
}

// New returns a Prober; Close it when it is no longer needed.
func New(options Options) *Prober {
	p := &Prober{options: options, routed: func(addr netip.Addr) bool { return resolve.Source(addr).IsValid() }, own: introduction(options.UserAgent), memory: newMemory(options.Memory), cpu: expect.CPUTime}
	p.evaluations, p.slowEvaluations = lines()
	if p.options.Lookup == nil {
		p.options.Lookup = resolve.New(resolve.Options{}).Lookup
	}
	if p.options.Dial == nil {
		p.options.Dial = dial
	}
	if options.SecondDials > 0 {
		p.seconds = make(chan struct{}, options.SecondDials)
	}
	if !fips140.Enabled() { // where crypto/tls sorts chains out
		p.trust = trust.New(options.RootCAs)
	}
	p.warm, _ = wire.Warm() // without it the first stamps are missing, which results say
	return p
}

// Close frees what the Prober holds.
func (p *Prober) Close() {
	if p.warm != nil {
		p.warm.Close()
	}
}

// dial leaves TCP keep-alive off: no connection lives long enough for it, and
// its three options are some 10 µs of a handshake's 418. It is not DialTCP, which
// binds to port 0 before it connects: the kernel then looks for a port that is
// free whoever is called, past everything that is in TIME_WAIT, and finds none at
// 28,000 checks a minute of one server. A port that connect chooses need only be
// free towards that server.
func dial(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
	d := net.Dialer{KeepAlive: -1, Control: wire.Control}
	return d.DialContext(ctx, "tcp", addr.String())
}

// readRoots reads the system's roots before the first connection: crypto/x509
// does it once, and a failure for lack of descriptors would stay. It takes
// 3-10 ms, which a function that only starts does not have to spend.
func (p *Prober) readRoots() {
	pool, err := x509.SystemCertPool()
	p.rootless = p.options.RootCAs == nil && (err != nil || pool.Equal(x509.NewCertPool()))
}

// An attempt is one try at a target: the first request and its redirects.
type attempt struct {
	p       *Prober
	t       *check.Target
	url     *url.URL // the target's
	time    timeline
	secrets redact.Secrets
	sweep   *check.Attempt // what the sweep and this one say to each other
	share   *share
	at      *url.URL // of the latest request; nil: there was none yet
	res     check.Result
	legs    []leg
	typed   []netip.Addr // of the host that a person typed; nil: nobody did, or it is public

	anonymous  bool // the last server asked for a client certificate and got none
	identified bool // it got one
}

// Probe checks t once. The phases of the check take t's timeout at most; waiting
// for its turn at a host, or for its turn to decode and judge a body, comes on
// top. It ends soon after ctx does, and the result's reason is Deadline then.
func (p *Prober) Probe(ctx context.Context, t *check.Target) check.Result {
	if t.Invalid != "" {
		return check.Unprobed(t, check.InvalidTarget, t.Invalid)
	}
	p.roots.Do(p.readRoots)
	p.lateness.Start()
	defer p.lateness.Stop()
	now, u, sweep := time.Now(), weburl.Parsed(t.URL), check.AttemptOf(ctx)
	a := &attempt{
		p: p, t: t, url: u, sweep: sweep, share: p.memory.begin(sweep.Alone),
		time:    timeline{process: &p.lateness, started: now},
		secrets: redact.SecretsOf(t.Header, t.Body, u, t.Secrets),
		res: check.Result{
			Name: t.Name, Group: t.Group, URL: t.RedactedURL, Title: t.Title, Link: t.Link,
			Attempts: 1, Started: now.UTC(), Phases: check.NoPhases(),
		},
	}
	defer a.share.end()
	var resp *response
	var err error
	for h := p.firstHop(t, a.url); h != nil; h = resp.next {
		resp, err = a.hop(ctx, h)
		a.endLeg(h, err)
		if err != nil {
			break
		}
		if resp.next != nil {
			a.res.Redirects = append(a.res.Redirects, a.shownURL(resp.next.url))
		}
	}
	if err == nil && resp.waiting {
		err = a.unpack(ctx, resp)
	}
	switch {
	case err == nil && a.t.Expect == nil && a.t.Warn == nil:
		err = a.judge(resp, nil) // a look at the status
	case err == nil:
		err = a.judgeInTurn(ctx, resp)
	case ctx.Err() != nil: // beats whatever error it caused
		err = check.ErrBudget
	}
	a.finish(ctx, err)
	return a.res
}

// encodings are what we decode ourselves.
var encodings = []string{"gzip, deflate"}

// firstHop is the request that a target asks for, whose URL u is.
func (p *Prober) firstHop(t *check.Target, u *url.URL) *hop {
	header := make(http.Header, len(t.Header)+4)
	maps.Copy(header, t.Header)
	who, known := browsers[t.UserAgent]
	switch {
	case known:
	case t.UserAgent == "":
		who = p.own
	default:
		who = introduction(t.UserAgent)
	}
	for name, values := range who {
		if _, set := header[name]; !set {
			header[name] = values
		}
	}
	if _, set := header["Accept-Encoding"]; !set {
		header["Accept-Encoding"] = encodings
	}
	host := header.Get("Host") // not a header in net/http
	delete(header, "Host")
	return &hop{url: u, method: t.Method, host: host, header: header, bound: t.Bound, generic: who, body: t.Body, tls: t.TLS, noCookies: t.NoCookies}
}

// hop waits for its place at the hop's host, looks it up, connects and sends the
// request. A server that refuses our few groups is asked once more with all of
// Go's, where most of the time is left: a refusal is better known than a second
// handshake that the timeout ends. If the server wants HTTP/1.1 for the request,
// and the target leaves the version to it, it is sent again over HTTP/1.1.
func (a *attempt) hop(ctx context.Context, h *hop) (*response, error) {
	a.at = h.url
	a.sweep.SetCeiling(nil) // what there is to wait for now is ours
	if a.sweep.Place != nil {
		asked := time.Now()
		done, err := a.sweep.Place(ctx, h.url)
		if err != nil {
			return nil, err
		}
		defer done() // after the connection is closed
		a.time.waited += time.Since(asked)
	}
	a.time.phase = check.DNS
	host := h.url.Hostname()
	addr, err := netip.ParseAddr(host)
	addrs := []netip.Addr{addr} // in place of a name it costs no lookup and has no phase
	if err != nil {
		began := time.Now()
		found, err := a.p.options.Lookup(ctx, [...]string{"ip", "ip4", "ip6"}[a.t.IP], host, a.time.left(a.t.Timeout))
		uncertainty := leastUncertainty + found.Gap
		if !found.Stamped {
			uncertainty = a.time.lateness(time.Now().Add(-found.Took))
		}
		a.time.record(check.DNS, wire.Span{Kernel: found.Took, Process: found.Took}, uncertainty)
		a.time.waited += max(0, time.Since(began)-found.Took)
		if failure, ok := errors.AsType[*net.DNSError](err); ok && noRoute(failure.UnwrapErr) {
			return nil, &verdict{reason: check.Internal, detail: "this machine has no route to the resolver " + failure.Server, unrouted: true}
		}
		if err != nil {
			return nil, err
		}
		addrs = found.Addrs
	}
	protocols, groups := protocolNames[a.t.HTTP], classical
	for {
		c, err := a.connect(ctx, h, addrs)
		if err != nil {
			return nil, err
		}
		defer c.close()
		if h.url.Scheme == "https" {
			err = a.secure(c, h, protocols, groups)
			if groups != nil && refusedGroups(err) && a.time.left(a.t.Timeout) > a.t.Timeout/2 {
				c.close()
				groups = nil
				continue
			}
		}
		var resp *response
		if err == nil {
			resp, err = a.exchange(c, h)
			a.anonymous, a.identified = c.certificateWanted && !c.certificateSent, c.certificateSent
		}
		a.sweep.SetCeiling(nil)
		if a.t.HTTP == check.AnyHTTP && protocols != nil && errors.Is(err, errWantsHTTP1) {
			protocols = protocolNames[check.HTTP1]
			continue
		}
		return resp, err
	}
}

// classical are the groups that are offered at first. Go's own choice begins
// with a post-quantum one, which costs 100 to 180 µs of CPU more a check (585
// against 408 for a bare handshake); docs/decisions/classical-groups.md says
// why nothing needs it.
var classical = []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384}

// refusedGroups reports whether a server may have refused a handshake for the
// groups that we offered: RFC 8446, 4.1.1, has it say handshake_failure, or
// insufficient_security, which others say for other reasons too.
func refusedGroups(err error) bool {
	if !alerted(err) {
		return false
	}
	if e, ok := errors.AsType[*exchangeError](err); ok && e.certificateWanted {
		return false
	}
	said := err.Error()
	return strings.Contains(said, "handshake failure") || strings.Contains(said, "insufficient security level")
}

// finish makes the result of an attempt that ended with err.
func (a *attempt) finish(ctx context.Context, err error) {
	now, res := time.Now(), &a.res
	if need := a.shortage(); need > 0 && ctx.Err() == nil { // nothing of it is a verdict
		*res = check.Unprobed(a.t, check.Internal, errShort.detail)
		res.Short = need
		return
	}
	if err != nil {
		res.Phase = a.time.phase
		f := failure{exchangeError{error: err}, res.Phase, now, a.t.Timeout}
		if e, ok := errors.AsType[*exchangeError](err); ok {
			f.exchangeError = *e
		}
		res.Reason, res.Detail = classify(f)
		if res.Reason == check.TLSClientCertificate { // TLS 1.3 says so only at the first read
			res.Phase = check.TLS
		}
		res.Detail = a.shownDetail(res.Reason, res.Detail)
		res.Exhausted = res.Reason == check.Internal && wire.Exhausted(err) != ""
	}
	res.State = res.Reason.State()
	if v, ok := errors.AsType[*verdict](err); ok {
		res.Unrouted = v.unrouted
		if v.degraded {
			res.State = check.Degraded
		}
	}
	timedOut := res.Reason == check.Timeout && !errors.Is(err, syscall.ETIMEDOUT) ||
		res.Reason == check.DNSTimeout && a.time.spans[check.DNS].Process >= a.t.Timeout
	res.Phases, res.Clock = a.time.phases(res.IP.IsValid(), now)
	res.Uncertainty = a.time.uncertainty
	if res.Clock == check.ProcessClock {
		res.Uncertainty = a.time.lateness(a.time.started)
	}
	// What did not time out had its end in time, though the process may have learned of it late, and
	// an end has no stamp.
	if timedOut || res.Phases.Sum() > a.t.Timeout {
		endPhases(&res.Phases, a.time.phase, a.t.Timeout)
	}
	res.Duration = res.Phases.Sum()
	res.LocalDelay = max(0, now.Sub(a.time.started)-res.Duration-a.time.waited)
	res.Unsure = unsure(res.Uncertainty, res.Duration)
	a.fillLegs()
	if a.hostHidden() {
		res.IP = netip.Addr{} // a redirect to an IPv6 address chose 16 bytes
	}
}

// warn adds to the warnings of the result.
func (a *attempt) warn(warnings []string) {
	for _, w := range warnings {
		if !slices.Contains(a.res.Warnings, w) {
			a.res.Warnings = append(a.res.Warnings, w)
		}
	}
}
