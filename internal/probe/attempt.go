package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/redact"
	"rollcall/internal/wire"
)

// leastUncertainty is how exactly instants can be told apart on an idle
// machine, once a phase.
const leastUncertainty = 50 * time.Microsecond

// An attempt is one check under way.
type attempt struct {
	p       *Prober
	t       *check.Target
	started time.Time
	phase   check.Phase
	inBody  bool // the answer's headers are complete
	wanted  bool // the server asked for a client certificate
	visited []string

	measures
	waited   time.Duration  // for the resolver's pace, which is nobody's delay
	confided redact.Secrets // nil: not looked for yet
	expired  bool           // the target's time-out ended it

	res check.Result
}

// measures are what the clocks have said so far.
type measures struct {
	spans       [check.Transfer + 1]wire.Span
	happened    [check.Transfer + 1]bool
	blind       bool // some bytes had no stamp
	uncertainty time.Duration
}

func newAttempt(p *Prober, t *check.Target) *attempt {
	a := &attempt{p: p, t: t, started: time.Now()}
	a.res = check.Result{
		Name: t.Name, Group: t.Group, URL: t.RedactedURL,
		Attempts: 1, Started: a.started.UTC(), Phases: check.NoPhases(),
	}
	return a
}

// run asks and follows until there is an answer that counts.
func (a *attempt) run(ctx context.Context) error {
	h := a.p.firstHop(a.t)
	for {
		ans, err := a.hop(ctx, h)
		if err != nil {
			return a.whose(ctx, err)
		}
		if ans.next == nil {
			return a.judge(ans)
		}
		h = ans.next
		a.res.Redirects = append(a.res.Redirects, a.secrets().Redact(redact.URL(h.url)))
	}
}

// whose blames the clock that ran out: a context's end beats whatever error it
// caused.
func (a *attempt) whose(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return check.ErrBudget
	}
	return err
}

// hop makes one connection and sends one request on it. A server that refuses
// our few groups is asked once more with all of Go's; what the first
// connection took was our doing.
func (a *attempt) hop(ctx context.Context, h *hop) (*answer, error) {
	began, before := time.Now(), a.measures
	l, err := a.link(ctx, h, classical)
	if refusedGroups(err) && time.Since(began) < a.t.Timeout/2 {
		a.measures = before
		l, err = a.link(ctx, h, nil)
	}
	if err != nil {
		return nil, err
	}
	defer l.close()
	return a.exchange(ctx, l, h)
}

// link connects, and speaks TLS if the hop's URL wants it.
func (a *attempt) link(ctx context.Context, h *hop, groups []tls.CurveID) (link, error) {
	conn, err := a.open(ctx, h.url)
	if err != nil {
		return link{}, err
	}
	conn.SetDeadline(time.Now().Add(a.left()))
	// The run's end says no goodbye: a server that hears one may still answer.
	l := link{conn, conn, context.AfterFunc(ctx, func() { conn.Close() })}
	if h.url.Scheme == "https" {
		if l.top, err = a.secure(conn, h, groups); err != nil {
			l.close()
		}
	}
	return l, err
}

// A link is a connection and what is spoken over it: itself, or TLS.
type link struct {
	wire  *wire.Conn
	top   net.Conn
	leave func() bool // the run, whose end closes it until then
}

func (l link) close() {
	l.leave()
	l.wire.Close()
}

// left is what the target has left of its time-out: what its own phases took
// so far is gone, what we added is not.
func (a *attempt) left() time.Duration {
	var spent time.Duration
	for _, s := range a.spans {
		spent += min(s.Kernel, s.Process) // a stamp of a clock that was set is no reason to give up
	}
	return max(a.t.Timeout-spent, 0)
}

func (a *attempt) add(phase check.Phase, s wire.Span) {
	a.spans[phase] = a.spans[phase].Add(s)
	a.happened[phase] = true
}

// open looks the host up and connects.
func (a *attempt) open(ctx context.Context, u *url.URL) (*wire.Conn, error) {
	addrs, err := a.resolve(ctx, u.Hostname())
	if err != nil {
		return nil, err
	}
	a.phase = check.Connect
	port := portOf(u)
	var candidates []netip.AddrPort
	for _, addr := range addrs {
		if addr = addr.Unmap(); a.t.IP.Allows(addr) {
			candidates = append(candidates, netip.AddrPortFrom(addr, port))
		}
	}
	if len(candidates) == 0 {
		a.phase = check.DNS
		return nil, &verdict{reason: check.DNSNotFound, detail: fmt.Sprintf("no %s address for %s", a.t.IP, u.Hostname())}
	}
	began, left := time.Now(), a.left()
	ctx, cancel := withTimeout(ctx, left)
	defer cancel()
	d := a.p.connect(ctx, candidates, began.Add(left))
	if d.err != nil {
		a.failedToConnect(d.err, time.Since(began))
		return nil, d.err
	}
	conn := wire.New(d.conn)
	conn.Tell(&a.p.pulse)
	a.connected(conn, d, began)
	return conn, nil
}

// failedToConnect: a refused address has no connect phase, all else has.
func (a *attempt) failedToConnect(err error, took time.Duration) {
	if _, refused := errors.AsType[*verdict](err); !refused {
		a.add(check.Connect, wire.Span{Kernel: took, Process: took})
		a.uncertainty += a.lateSince(time.Now().Add(-took))
	}
}

// connected measures the phase: by the kernel's round trip where it tells,
// plus what others before the winner took.
func (a *attempt) connected(conn *wire.Conn, d dialed, began time.Time) {
	a.res.IP = d.addr
	took := time.Since(began)
	span := wire.Span{Kernel: took, Process: took}
	if rtt, ok := conn.RoundTrip(); ok {
		span.Kernel = min(took, d.began.Sub(began)+rtt)
		a.uncertainty += leastUncertainty
	} else {
		a.uncertainty += a.lateSince(began)
	}
	a.add(check.Connect, span)
}

// lateSince is how far off the process's clock can be about what happened
// since then.
func (a *attempt) lateSince(then time.Time) time.Duration {
	return wire.Unfelt + a.p.pulse.Worst(then, time.Now())
}

func portOf(u *url.URL) uint16 {
	if port, err := strconv.ParseUint(u.Port(), 10, 16); err == nil {
		return uint16(port)
	}
	if u.Scheme == "https" {
		return 443
	}
	return 80
}

// resolve returns the addresses of host. An address in its place costs no
// look-up and has no phase.
func (a *attempt) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr}, nil
	}
	a.phase = check.DNS
	began := time.Now()
	found, err := a.p.options.Lookup(ctx, host, a.left())
	a.add(check.DNS, wire.Span{Kernel: found.Took, Process: found.Took})
	a.waited += max(0, time.Since(began)-found.Took)
	if found.Stamped {
		a.uncertainty += leastUncertainty + found.Gap
	} else {
		a.uncertainty += a.lateSince(time.Now().Add(-found.Took))
	}
	return found.Addrs, err
}

// noteStamps notes whether what was read had stamps.
func (a *attempt) noteStamps(r wire.Reading) {
	if r.Received > 0 && !r.Stamped {
		a.blind = true
	}
}

// result ends the attempt.
func (a *attempt) result(err error) check.Result {
	now := time.Now()
	res := a.res
	if err != nil {
		res.Phase = a.phase
		res.Reason, res.Detail = classify(failure{err, a.phase, a.inBody, now, a.t.Timeout})
		res.Detail = redact.Cut(redact.Printable(a.secrets().Redact(a.reserved(res.Reason, res.Detail))), redact.MaxDetail)
	}
	a.expired = res.Reason == check.Timeout && !errors.Is(err, syscall.ETIMEDOUT) ||
		res.Reason == check.DNSTimeout && a.spans[check.DNS].Process >= a.t.Timeout
	res.State = res.Reason.State()
	res.Exhausted = res.Reason == check.Internal && exhausted(err)
	if v, ok := errors.AsType[*verdict](err); ok && v.degraded {
		res.State = check.Degraded
	}
	a.settle(&res, now)
	return res
}

// secrets are what the target confides, found out once and only if something
// is to be shown.
func (a *attempt) secrets() redact.Secrets {
	if a.confided == nil {
		a.confided = append(redact.Secrets{}, redact.SecretsOf(a.t.Header, a.t.Body, a.t.URL)...)
	}
	return a.confided
}

// reserved leaves out what quotes the server's own bytes where the request
// holds secrets: it could say them back in any form.
func (a *attempt) reserved(reason check.Reason, detail string) string {
	if (reason == check.BadResponse || reason == check.BodyInvalid) && len(a.secrets()) > 0 {
		detail, _, _ = strings.Cut(detail, ": ")
	}
	return detail
}

// settle chooses the clock and fills in what it measured.
func (a *attempt) settle(res *check.Result, now time.Time) {
	elapsed := now.Sub(a.started)
	res.Clock, res.Uncertainty = a.clock(elapsed, now)
	res.Phases = a.phases(res.Clock)
	if a.expired {
		endPhases(&res.Phases, a.phase, a.t.Timeout)
	}
	res.Duration = res.Phases.Sum()
	res.LocalDelay = max(0, elapsed-res.Duration-a.waited)
	res.Unsure = unsure(res.Uncertainty, res.Duration)
}

// measured are the phases so far.
func (a *attempt) measured() check.Phases {
	now := time.Now()
	clock, _ := a.clock(now.Sub(a.started), now)
	return a.phases(clock)
}

func (a *attempt) phases(clock check.Clock) check.Phases {
	p := check.NoPhases()
	for phase := check.DNS; phase <= check.Transfer; phase++ {
		switch {
		case !a.happened[phase]:
		case clock == check.KernelClock:
			addPhase(&p, phase, a.spans[phase].Kernel)
		default:
			addPhase(&p, phase, a.spans[phase].Process)
		}
	}
	return p
}

// clock is the kernel's unless bytes came without its stamp, or somebody set
// the wall clock, which the stamps are of.
func (a *attempt) clock(elapsed time.Duration, now time.Time) (check.Clock, time.Duration) {
	wall := now.Round(0).Sub(a.started.Round(0))
	if a.res.IP.IsValid() && !a.blind && !stepped(wall, elapsed) {
		return check.KernelClock, a.uncertainty
	}
	return check.ProcessClock, a.lateSince(a.started)
}

// stepped reports whether the wall clock was set while the monotonic one
// showed that so much time went by. Both follow the same rate.
func stepped(wall, elapsed time.Duration) bool {
	return (wall - elapsed).Abs() > time.Millisecond
}

// unsure: more than 5 ms, or more than both 1 ms and a tenth of the duration.
func unsure(uncertainty, duration time.Duration) bool {
	return uncertainty > 5*time.Millisecond || uncertainty > max(time.Millisecond, duration/10)
}

func addPhase(p *check.Phases, phase check.Phase, d time.Duration) {
	at := p.At(phase)
	if *at == check.Absent {
		*at = 0
	}
	*at += max(d, 0)
}

// endPhases lets the phase that was open end at limit, so that all of them together
// took just that. Where those before it seem to have taken longer, which the
// process's clock may say, the latest of them did not.
func endPhases(p *check.Phases, open check.Phase, limit time.Duration) {
	*p.At(open) = 0
	for phase := check.Transfer; phase >= check.DNS && p.Sum() > limit; phase-- {
		if at := p.At(phase); *at != check.Absent {
			*at = max(0, *at-(p.Sum()-limit))
		}
	}
	*p.At(open) += limit - p.Sum()
}
