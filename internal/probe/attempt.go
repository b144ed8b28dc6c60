package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/redact"
)

// An attempt is one try at a target: the first request and its redirects.
type attempt struct {
	p       *Prober
	t       *check.Target
	time    timeline
	secrets redact.Secrets
	share   *share
	at      *url.URL       // of the latest request; nil: there was none yet
	ceiling *check.Ceiling // tells the sweep until when the attempt may take; nil: nobody asks
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
	share := p.memory.begin(check.ReserveOf(ctx))
	defer share.end()
	p.lateness.Start()
	defer p.lateness.Stop()
	now := time.Now()
	a := &attempt{
		p: p, t: t, share: &share,
		time:    timeline{process: &p.lateness, started: now},
		secrets: redact.SecretsOf(t.Header, t.Body, t.URL, t.Secrets),
		ceiling: check.CeilingOf(ctx),
		res: check.Result{
			Name: t.Name, Group: t.Group, URL: t.RedactedURL, Title: t.Title, Link: t.Link,
			Attempts: 1, Started: now.UTC(), Phases: check.NoPhases(),
		},
	}
	return a.run(ctx)
}

// run sends one request after the other until a response counts, and makes the
// result.
func (a *attempt) run(ctx context.Context) check.Result {
	h := a.p.firstHop(a.t)
	resp, err := a.hop(ctx, h)
	a.endLeg(h, err)
	for err == nil && resp.next != nil {
		h = resp.next
		a.res.Redirects = append(a.res.Redirects, a.shownURL(h.url))
		resp, err = a.hop(ctx, h)
		a.endLeg(h, err)
	}
	if err == nil {
		err = a.unpack(ctx, resp)
	}
	switch {
	case err == nil:
		err = a.judge(ctx, resp)
	case ctx.Err() != nil: // beats whatever error it caused
		err = check.ErrBudget
	}

	if need := a.shortage(); need > 0 && ctx.Err() == nil { // nothing of it is a verdict
		res := check.Unprobed(a.t, check.Internal, errShort.detail)
		res.Short = need
		return res
	}
	now, res := time.Now(), &a.res
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
		res.Exhausted = res.Reason == check.Internal && exhausted(err)
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
	a.time.fill(res, now, timedOut, a.t.Timeout)
	a.fillLegs()
	if a.hostHidden() {
		res.IP = netip.Addr{} // a redirect to an IPv6 address chose 16 bytes
	}
	return a.res
}

// hop waits for its turn at the hop's host, looks it up and sends the request.
// If the server wants HTTP/1.1 for that, and the target leaves the version to
// it, the request is sent again over HTTP/1.1.
func (a *attempt) hop(ctx context.Context, h *hop) (*response, error) {
	a.at = h.url
	a.ceiling.Set(nil) // what there is to wait for now is ours
	asked := time.Now()
	done, err := a.p.options.Turn(ctx, h.url)
	if err != nil {
		return nil, err
	}
	defer done() // after the connection is closed
	a.time.waited += time.Since(asked)
	addrs, err := a.lookup(ctx, h.url.Hostname())
	if err != nil {
		return nil, err
	}
	resp, err := a.ask(ctx, h, addrs, protocolNames[a.t.HTTP])
	if errors.Is(err, errWantsHTTP1) && a.t.HTTP == check.AnyHTTP {
		resp, err = a.ask(ctx, h, addrs, protocolNames[check.HTTP1])
	}
	return resp, err
}

// ask makes one connection to one of addrs, which offers protocols, and sends
// one request on it. A server that refuses our few groups is asked once more
// with all of Go's, where most of the time is left: a refusal is better known
// than a second handshake that the timeout ends.
func (a *attempt) ask(ctx context.Context, h *hop, addrs []netip.Addr, protocols []string) (*response, error) {
	c, err := a.connect(ctx, h, addrs, protocols, classical)
	if refusedGroups(err) && a.time.left(a.t.Timeout) > a.t.Timeout/2 {
		c, err = a.connect(ctx, h, addrs, protocols, nil)
	}
	if err != nil {
		return nil, err
	}
	defer c.close()
	defer a.ceiling.Set(nil)
	resp, err := a.exchange(c, h)
	a.anonymous, a.identified = c.certificateWanted && !c.certificateSent, c.certificateSent
	return resp, err
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

// warn adds to the warnings of the result.
func (a *attempt) warn(warnings []string) {
	for _, w := range warnings {
		if !slices.Contains(a.res.Warnings, w) {
			a.res.Warnings = append(a.res.Warnings, w)
		}
	}
}
