package faults

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"rollcall/internal/testnet"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	ample = 10 * time.Second       // for what ends by itself
	brief = 100 * time.Millisecond // for what does not
)

// A check shows that the faulty server of a name does what it says.
type check func(t *testing.T, s *testnet.Net, name string)

// TestFaults shows each faulty server as Go's own client sees it. The table is
// complete: a faulty server without a check fails.
func TestFaults(t *testing.T) {
	s := start(t, testnet.Options{})
	checks := map[string]check{}
	for _, family := range []map[string]check{
		nameChecks(), connectionChecks(), handshakeChecks(), versionChecks(), certificateChecks(), chainChecks(), trustChecks(),
		silenceChecks(), noHTTPChecks(), headChecks(), statusChecks(), framingChecks(), sizeChecks(), encodingChecks(),
		redirectChecks(), locationChecks(), otherOriginChecks(), http2Checks(), frameChecks(), timeChecks(), flakyChecks(), visitedChecks(),
	} {
		for name := range family {
			if checks[name] != nil {
				t.Errorf("%s has two checks", name)
			}
		}
		maps.Copy(checks, family)
	}
	for _, r := range slices.Concat(testnet.Faults(), Servers()) {
		c := checks[r.Name]
		if c == nil {
			t.Errorf("%s has no check", r.Name)
			continue
		}
		delete(checks, r.Name)
		t.Run(r.Name, func(t *testing.T) {
			t.Parallel()
			c(t, s, r.Name)
		})
	}
	for name := range checks {
		if name != "half-dark" { // Linux has it
			t.Errorf("there is no faulty server %s", name)
		}
	}
}

// TestEveryFaultHasACounterpart shows that for each fault there is a row that is
// just good enough.
func TestEveryFaultHasACounterpart(t *testing.T) {
	known, neighbours := map[string]bool{}, map[string]bool{}
	for _, r := range slices.Concat(testnet.Faults(), Servers()) {
		known[r.Name] = r.CounterpartOf == ""
		for _, fault := range strings.Fields(r.CounterpartOf) {
			neighbours[fault] = true
		}
	}
	for name, fault := range known {
		if fault && !neighbours[name] {
			t.Errorf("%s has no counterpart", name)
		}
	}
	for name := range neighbours {
		if !known[name] {
			t.Errorf("a faulty server is called a counterpart of %s, which is not a fault", name)
		}
	}
}

// hostNamed is a faulty server's host; a wildcard's is one that no other test asks for.
func hostNamed(t *testing.T, name string) string {
	label := strings.ToLower(strings.NewReplacer("/", "-", "*", "", ".", "").Replace(t.Name()))
	return strings.Replace(name, "*", label, 1) + ".stage.test"
}

// An outcome is what a client saw.
type outcome struct {
	status int
	header http.Header
	body   string
	err    error
	visits []string // URLs after the first
}

// fetch asks a faulty server by scheme and path, and follows up to 12 redirects.
func fetch(t *testing.T, s *testnet.Net, rawURL string, timeout time.Duration) outcome {
	t.Helper()
	var o outcome
	c := s.Client()
	c.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		o.visits = append(o.visits, r.URL.String())
		if len(via) > 12 {
			return errors.New("stopped")
		}
		return nil
	}
	o.fetch(t, c, portedURL(t, s, rawURL), timeout)
	return o
}

// fetch fills in what one request brings, with a body of at most 4 MiB.
func (o *outcome) fetch(t *testing.T, c *http.Client, rawURL string, timeout time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", rawURL, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.Do(r)
	if o.err = err; err != nil {
		return
	}
	defer res.Body.Close()
	o.status, o.header = res.StatusCode, res.Header
	body, err := io.ReadAll(io.LimitReader(res.Body, 4<<20))
	o.body, o.err = string(body), err
}

// fails wants an error.
func fails(is func(error) bool) check {
	return func(t *testing.T, s *testnet.Net, name string) {
		if o := fetch(t, s, "https://"+hostNamed(t, name), ample); o.err == nil || !is(o.err) {
			t.Errorf("Go's client gets %d %.80q and says %v", o.status, o.body, o.err)
		}
	}
}

// failsAfter wants a head with a status, and then an error.
func failsAfter(status int, is func(error) bool) check {
	return func(t *testing.T, s *testnet.Net, name string) {
		if o := fetch(t, s, "https://"+hostNamed(t, name), ample); o.status != status || o.err == nil || !is(o.err) {
			t.Errorf("Go's client gets %d %.80q and says %v, want %d and another error", o.status, o.body, o.err, status)
		}
	}
}

// hangs wants nothing to end, after a head with a status or 0.
func hangs(status int) check {
	return func(t *testing.T, s *testnet.Net, name string) {
		timeout := brief
		if status != 0 {
			timeout *= 5 // the head has to come even to a busy machine
		}
		if o := fetch(t, s, "https://"+hostNamed(t, name), timeout); o.status != status || !timedOut(o.err) {
			t.Errorf("Go's client gets %d %.80q and says %v, want %d and a timeout", o.status, o.body, o.err, status)
		}
	}
}

// responds wants a complete response with a body, over TLS, and plainly where that
// is to be had.
func responds(status int, body string) check {
	return func(t *testing.T, s *testnet.Net, name string) {
		o := fetch(t, s, "https://"+hostNamed(t, name), ample)
		if o.err != nil || o.status != status || !strings.Contains(o.body, body) {
			t.Errorf("Go's client gets %d %.80q and says %v, want %d %q", o.status, o.body, o.err, status, body)
		}
	}
}

// over runs a check's URL plainly and by TLS and wants the same status of both.
func over(status int, body string) check {
	return func(t *testing.T, s *testnet.Net, name string) {
		responds(status, body)(t, s, name)
		if o := fetch(t, s, "http://"+hostNamed(t, name), ample); o.err != nil || o.status != status || !strings.Contains(o.body, body) {
			t.Errorf("by http Go's client gets %d %.80q and says %v, want %d %q", o.status, o.body, o.err, status, body)
		}
	}
}

// of wants a body of size bytes.
func of(size int) check {
	return func(t *testing.T, s *testnet.Net, name string) {
		if o := fetch(t, s, "https://"+hostNamed(t, name), ample); o.err != nil || o.status != 200 || len(o.body) != size {
			t.Errorf("Go's client gets %d and %d bytes (%v), want 200 and %d", o.status, len(o.body), o.err, size)
		}
	}
}

func mentions(text string) func(error) bool {
	return func(err error) bool { return strings.Contains(err.Error(), text) }
}

func isError(want error) func(error) bool {
	return func(err error) bool { return errors.Is(err, want) }
}

func noRecord(err error) bool {
	_, ok := errors.AsType[tls.RecordHeaderError](err)
	return ok
}

func timedOut(err error) bool { return errors.Is(err, context.DeadlineExceeded) }

func nameChecks() map[string]check {
	checks := map[string]check{
		"nxdomain":    lookup(true, false),
		"no-address":  lookup(true, false),
		"servfail":    lookup(false, true),
		"dns-refused": lookup(false, false),
		"dns-silent":  noDNSAnswer,
		"address-ok":  over(200, "address-ok"),
		"half-blocked": func(t *testing.T, s *testnet.Net, name string) {
			resolves("169.254.169.254", "127.0.0.1")(t, s, name)
		},
	}
	for _, r := range append(blockedFaults(), testnet.Blocked("blocked", "of cloud metadata", "169.254.169.254")) {
		if r.Start == nil {
			_, address, _ := strings.Cut(r.Description, ", ")
			if i := strings.LastIndex(address, ", "); i >= 0 {
				address = address[i+2:]
			}
			checks[r.Name] = resolves(address)
		}
	}
	return checks
}

// lookup wants the lookup to fail.
func lookup(notFound, temporary bool) check {
	return func(t *testing.T, s *testnet.Net, name string) {
		_, err := s.Resolver.Client("udp").LookupHost(t.Context(), name+".stage.test.")
		failed, ok := errors.AsType[*net.DNSError](err)
		if !ok || failed.IsNotFound != notFound || failed.IsTemporary != temporary {
			t.Errorf("looking it up gives %+v", err)
		}
	}
}

func noDNSAnswer(t *testing.T, s *testnet.Net, name string) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := s.Resolver.Client("udp").LookupHost(ctx, name+".stage.test.")
	if failed, ok := errors.AsType[*net.DNSError](err); !ok || !failed.IsTimeout {
		t.Errorf("looking it up gives %v, want a timeout", err)
	}
	if s.Resolver.Queries(name+".stage.test", dnsmessage.TypeA) == 0 {
		t.Error("no query came")
	}
}

// asked is the DNS answer to a question.
func asked(t *testing.T, s *testnet.Net, q dnsmessage.Question) []dnsmessage.Resource {
	t.Helper()
	question := dnsmessage.Message{Header: dnsmessage.Header{RecursionDesired: true}, Questions: []dnsmessage.Question{q}}
	packed, err := question.Pack()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("udp", s.Resolver.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	response := make([]byte, 1<<10)
	if _, err = conn.Write(packed); err != nil {
		t.Fatal(err)
	}
	n, err := conn.Read(response)
	if err != nil {
		t.Fatal(err)
	}
	var m dnsmessage.Message
	if err := m.Unpack(response[:n]); err != nil {
		t.Fatal(err)
	}
	return m.Answers
}

// resolves wants the resolver to say these addresses, whatever families the
// machine has.
func resolves(want ...string) check {
	return func(t *testing.T, s *testnet.Net, name string) {
		var got []string
		for _, kind := range []dnsmessage.Type{dnsmessage.TypeA, dnsmessage.TypeAAAA} {
			q := dnsmessage.Question{Name: dnsmessage.MustNewName(name + ".stage.test."), Type: kind, Class: dnsmessage.ClassINET}
			for _, r := range asked(t, s, q) {
				switch body := r.Body.(type) {
				case *dnsmessage.AResource:
					got = append(got, netip.AddrFrom4(body.A).String())
				case *dnsmessage.AAAAResource:
					got = append(got, netip.AddrFrom16(body.AAAA).String())
				}
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("it resolves to %q, want %q", got, want)
		}
	}
}

func connectionChecks() map[string]check {
	return map[string]check{
		"refusing":             fails(isError(syscall.ECONNREFUSED)),
		"unreachable":          unreachable,
		"connection-closing":   fails(isError(io.EOF)),
		"connection-resetting": fails(isError(syscall.ECONNRESET)),
		"connection-ok":        over(200, "ok"),
		"half-dark":            halfUnreachableResponds,
	}
}

func unreachable(t *testing.T, s *testnet.Net, name string) {
	resolves("224.0.0.1")(t, s, name)
	conn, err := net.Dial("tcp", "224.0.0.1:443")
	if err == nil {
		conn.Close()
	}
	if !errors.Is(err, syscall.ENETUNREACH) {
		t.Errorf("a dial says %v, want that the network is unreachable", err)
	}
}

// halfUnreachableResponds: the darkness is on one side only.
func halfUnreachableResponds(t *testing.T, s *testnet.Net, name string) {
	over(200, "ok")(t, s, name)
	o, _ := s.Origin(name + ".stage.test")
	site, _ := s.Hosts.Find(o.Name)
	if len(site.DNS.Addresses) == 1 {
		t.Skip("this machine has no IPv6")
	}
	conn, err := net.DialTimeout("tcp", netip.AddrPortFrom(netip.IPv6Loopback(), o.Addr.Port()).String(), brief)
	if err == nil {
		conn.Close()
	}
	if e, ok := errors.AsType[net.Error](err); !ok || !e.Timeout() {
		t.Errorf("a dial to ::1 says %v, want a timeout", err)
	}
}

func handshakeChecks() map[string]check {
	return map[string]check{
		"tls-hanging":               hangs(0),
		"tls-hanging-midway":        hangs(0),
		"tls-closing":               fails(isError(io.EOF)),
		"tls-closing-midway":        fails(mentions("EOF")),
		"tls-resetting":             fails(isError(syscall.ECONNRESET)),
		"tls-resetting-midway":      fails(isError(syscall.ECONNRESET)),
		"tls-garbage":               fails(noRecord),
		"tls-undecipherable":        fails(mentions("local error: tls: bad record MAC")),
		"tls-not-spoken":            fails(mentions("server gave HTTP response to HTTPS client")),
		"tls-ssh":                   fails(noRecord),
		"tls-alert":                 fails(mentions("remote error: tls: internal error")),
		"tls-refusing":              fails(mentions("remote error: tls: handshake failure")),
		"unrecognized-name":         fails(mentions("remote error: tls: unrecognized name")),
		"unrecognized-name-warning": responds(200, "ok"),
		"handshake-ok":              over(200, "ok"),
	}
}

func versionChecks() map[string]check {
	return map[string]check{
		"tls10-only":                     all(fails(mentions("protocol version not supported")), speaks(tls.VersionTLS10)),
		"tls11-only":                     all(fails(mentions("protocol version not supported")), speaks(tls.VersionTLS11)),
		"tls12-only":                     all(responds(200, "ok"), speaks(tls.VersionTLS12)),
		"tls13-only":                     all(responds(200, "ok"), speaks(tls.VersionTLS13)),
		"no-shared-cipher":               fails(mentions("remote error: tls: handshake failure")),
		"one-shared-cipher":              all(responds(200, "ok"), speaks(tls.VersionTLS12)),
		"no-shared-protocol":             all(offering("http/1.1", "no application protocol"), offering("h2", "no application protocol")),
		"one-shared-protocol":            all(offering("h2", "no application protocol"), offering("http/1.1", ""), over(200, "ok")),
		"client-certificate-12":          fails(mentions("remote error: tls: handshake failure")),
		"client-certificate-12-optional": responds(200, "ok"),
		"client-certificate-13":          fails(mentions("remote error: tls: certificate required")),
		"client-certificate-13-optional": responds(200, "ok"),
	}
}

func all(checks ...check) check {
	return func(t *testing.T, s *testnet.Net, name string) {
		for _, c := range checks {
			c(t, s, name)
		}
	}
}

// speaks wants the server to choose a version when it may choose any.
func speaks(version uint16) check {
	return func(t *testing.T, s *testnet.Net, name string) {
		state, err := shake(t, s, name, &tls.Config{MinVersion: tls.VersionTLS10})
		if err != nil || state.Version != version {
			t.Errorf("the version is %x (%v), want %x", state.Version, err, version)
		}
	}
}

// offering wants a handshake with one protocol offered to fail with a message,
// or to succeed.
func offering(protocol, message string) check {
	return func(t *testing.T, s *testnet.Net, name string) {
		state, err := shake(t, s, name, &tls.Config{NextProtos: []string{protocol}})
		switch {
		case message == "" && (err != nil || state.NegotiatedProtocol != protocol):
			t.Errorf("for %s ALPN chooses %q (%v)", protocol, state.NegotiatedProtocol, err)
		case message != "" && (err == nil || !strings.Contains(err.Error(), message)):
			t.Errorf("for %s the handshake says %v, want %q", protocol, err, message)
		}
	}
}

// shake makes a TLS handshake with a faulty server.
func shake(t *testing.T, s *testnet.Net, name string, config *tls.Config) (tls.ConnectionState, error) {
	t.Helper()
	o, _ := s.Origin(name + ".stage.test")
	config.RootCAs, config.ServerName = s.Authority.Pool(), o.Name
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: ample}, "tcp", o.Addr.String(), config)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer conn.Close()
	return conn.ConnectionState(), nil
}

func certificateChecks() map[string]check {
	return map[string]check{
		"expired":              fails(certificate(invalid(x509.Expired))),
		"expires-tomorrow":     all(responds(200, ""), lasts(testnet.Day)),
		"not-yet-valid":        fails(certificate(invalid(x509.Expired))), // crypto/x509 has one code for both
		"valid-since-a-minute": responds(200, ""),
		"wrong-name":           fails(certificate(wrongHost)),
		"wildcard-depth":       fails(certificate(wrongHost)),
		"no-san":               fails(certificate(wrongHost)),
		"wildcard-name":        responds(200, ""),
		"many-names":           responds(200, ""),
		"wrong-usage":          fails(certificate(invalid(x509.IncompatibleUsage))),
		"any-usage":            responds(200, ""),
		"rsa-leaf":             all(responds(200, ""), signs(x509.RSA)),
		"p384-leaf":            all(responds(200, ""), signs(x509.ECDSA)),
		"ed25519-leaf":         all(responds(200, ""), signs(x509.Ed25519)),
	}
}

func chainChecks() map[string]check {
	return map[string]check{
		"self-signed":                   fails(certificate(unknown)),
		"untrusted":                     fails(certificate(unknown)),
		"no-intermediate":               all(fails(certificate(unknown)), chainOf(1)),
		"complete-chain":                all(responds(200, ""), chainOf(2)),
		"whole-chain":                   all(responds(200, ""), chainOf(3)),
		"disordered-chain":              all(responds(200, ""), chainOf(3)),
		"expired-intermediate":          all(fails(certificate(invalid(x509.Expired))), lasts(testnet.LeafLife)),
		"intermediate-expires-tomorrow": all(responds(200, ""), lasts(testnet.LeafLife)),
		"issuer-no-authority":           fails(certificate(unknown)),
	}
}

// certificate wants a refused certificate for a reason.
func certificate(is func(error) bool) func(error) bool {
	return func(err error) bool {
		refused, ok := errors.AsType[*tls.CertificateVerificationError](err)
		return ok && is(refused.Err)
	}
}

func wrongHost(err error) bool {
	_, ok := errors.AsType[x509.HostnameError](err)
	return ok
}

// sentChain returns the certificates that a faulty server sends.
func sentChain(t *testing.T, s *testnet.Net, name string) []*x509.Certificate {
	t.Helper()
	state, err := shake(t, s, name, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	return state.PeerCertificates
}

func lasts(want time.Duration) check {
	return func(t *testing.T, s *testnet.Net, name string) {
		if got := time.Until(sentChain(t, s, name)[0].NotAfter); got.Round(time.Hour) != want {
			t.Errorf("the leaf lasts %v, want %v", got, want)
		}
	}
}

func signs(want x509.PublicKeyAlgorithm) check {
	return func(t *testing.T, s *testnet.Net, name string) {
		if got := sentChain(t, s, name)[0].PublicKeyAlgorithm; got != want {
			t.Errorf("the leaf's key is %v, want %v", got, want)
		}
	}
}

func chainOf(want int) check {
	return func(t *testing.T, s *testnet.Net, name string) {
		if got := len(sentChain(t, s, name)); got != want {
			t.Errorf("%d certificates are sent, want %d", got, want)
		}
	}
}

func silenceChecks() map[string]check {
	return map[string]check{
		"slow":                slow,
		"hanging":             hangs(0),
		"closing":             fails(isError(io.EOF)),
		"resetting":           fails(isError(syscall.ECONNRESET)),
		"dripping-headers":    hangs(0),
		"dripping-headers-ok": over(200, "ok"),
		"head-hanging":        hangs(0),
		"head-closing":        fails(isError(io.ErrUnexpectedEOF)),
		"head-resetting":      fails(isError(syscall.ECONNRESET)),
		"response-ok":         over(200, "ok"),
		"echo":                over(200, "GET / Host: echo.stage.test"),
		"*.delay":             over(200, phrase),
	}
}

func slow(t *testing.T, s *testnet.Net, name string) {
	o := fetch(t, s, "https://"+name+".stage.test", ample)
	held, _ := strconv.ParseInt(o.header.Get(testnet.HeldHeader), 10, 64)
	if o.status != 200 || time.Duration(held) < testnet.SlowHold {
		t.Errorf("it responds %d after %v (%v), want 200 after %v", o.status, time.Duration(held), o.err, testnet.SlowHold)
	}
}

func noHTTPChecks() map[string]check {
	return map[string]check{
		"garbage":        fails(mentions("malformed HTTP")),
		"binary-garbage": fails(mentions("malformed HTTP")),
		"http-0.9":       fails(mentions("malformed HTTP")),
		"ssh":            fails(mentions("malformed HTTP")),
		"smtp":           fails(mentions("malformed HTTP")),
		"http-3":         responds(200, ""), // net/http takes any version that it can read
		"no-status":      fails(mentions("malformed HTTP")),
		"status-letters": fails(mentions("malformed HTTP status code")),
		"status-99":      fails(mentions("malformed HTTP status code")),
		"status-099":     responds(99, ""),
		"status-1000":    fails(mentions("malformed HTTP status code")),
		"status-999":     responds(999, ""),
		"status-299":     over(299, ""),
		"http-1.0":       over(200, "old"),
	}
}

func headChecks() map[string]check {
	return map[string]check{
		"large-headers":     fails(mentions("server response headers exceeded")),
		"endless-headers":   fails(mentions("server response headers exceeded")),
		"endless-header":    fails(mentions("server response headers exceeded")),
		"large-headers-ok":  over(200, ""),
		"many-headers":      over(200, ""),
		"many-headers-ok":   over(200, ""),
		"header-no-colon":   fails(mentions("malformed MIME header")),
		"header-blank-name": responds(200, ""), // net/http takes it
		"header-control":    fails(mentions("malformed MIME header")),
		"obs-fold":          over(200, ""),
		"header-odd-ok":     over(200, ""),
		"1xx-flood":         fails(mentions("1xx")),
		"1xx-drip":          hangs(0),
		"early-hints":       over(200, "ok"),
		"continue-100":      over(200, "ok"),
		"switching-101":     switches,
		"upgrade-offered":   over(200, "ok"),
	}
}

// switches wants another protocol's bytes after a 101. Go's client hands the
// connection over, and whoever has it minds the time.
func switches(t *testing.T, s *testnet.Net, name string) {
	o, _ := s.Origin(name + ".stage.test")
	conn, err := net.Dial("tcp", o.Addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * brief))
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	got, err := io.ReadAll(conn)
	if !strings.HasPrefix(string(got), "HTTP/1.1 101 ") || !strings.HasSuffix(string(got), "\x00\x01\x02") || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("it says %q (%v), want 101, three bytes and a timeout", got, err)
	}
}

func statusChecks() map[string]check {
	checks := map[string]check{
		"status-200": over(200, "OK"),
		"status-204": over(204, ""),
		"status-206": over(206, "Partial"),
		"status-304": over(304, ""),
	}
	for _, status := range []int{401, 403, 404, 418, 429, 500, 502, 503} {
		checks["status-"+strconv.Itoa(status)] = over(status, http.StatusText(status))
	}
	return checks
}

func framingChecks() map[string]check {
	return map[string]check{
		"truncated":               failsAfter(200, isError(io.ErrUnexpectedEOF)),
		"truncated-reset":         failsAfter(200, isError(syscall.ECONNRESET)),
		"exact":                   over(200, "ok"),
		"truncated-chunked":       failsAfter(200, isError(io.ErrUnexpectedEOF)),
		"truncated-chunk":         failsAfter(200, isError(io.ErrUnexpectedEOF)),
		"bad-chunk":               failsAfter(200, mentions("invalid byte in chunk length")),
		"overlong-chunk":          failsAfter(200, mentions("malformed chunked encoding")),
		"huge-chunk":              failsAfter(200, mentions("http chunk length too large")),
		"endless-chunk-extension": failsAfter(200, mentions("header line too long")),
		"chunked":                 over(200, "hello world"),
		"two-lengths":             fails(mentions("multiple Content-Length")),
		"bad-length":              fails(mentions("bad Content-Length")),
		"bad-transfer-encoding":   fails(mentions("unsupported transfer encoding")),
		"same-lengths":            over(200, "ok"),
		"cut-until-close":         over(200, "until the end"),
		"until-close":             over(200, "until the end"),
		"trailing-garbage":        over(200, "ok"),
		"two-responses":           over(200, "ok"),
	}
}

func sizeChecks() map[string]check {
	return map[string]check{
		"empty":          of(0),
		"large-body":     of(3 << 20),
		"body-over":      of(1<<20 + 1),
		"body-exact":     of(1 << 20),
		"endless-body":   of(4 << 20), // as much as is read
		"endless-chunks": of(4 << 20),
		"dripping":       hangs(200),
		"dripping-ok":    over(200, ".........."),
		"body-hanging":   hangs(200),
	}
}

func encodingChecks() map[string]check {
	text := prose()
	return map[string]check{
		"gzip":                  over(200, text),
		"gzip-members":          over(200, text+text),
		"gzip-empty":            undecoded(""),
		"gzip-corrupt":          failsAfter(200, mentions("flate: corrupt input")),
		"gzip-bad-checksum":     failsAfter(200, mentions("gzip: invalid checksum")),
		"gzip-truncated":        failsAfter(200, isError(io.ErrUnexpectedEOF)),
		"gzip-trailing-garbage": failsAfter(200, mentions("gzip: invalid header")),
		"gzip-not":              failsAfter(200, mentions("gzip: invalid header")),
		"deflate":               undecoded(zlibbed()),
		"deflate-raw":           undecoded(flated()),
		"deflate-corrupt":       undecoded(damaged(zlibbed)()),
		"deflate-truncated":     undecoded(halved(zlibbed)()),
		"encoding-br":           undecoded("\x0b\x00\x80ok\x03"),
		"encoding-twice":        undecoded(zip(gzipped())),
		"encoding-unknown":      undecoded(text),
		"encoding-identity":     undecoded(text),
		"gzip-bomb":             of(4 << 20), // as much as is read
		"gzip-bomb-small":       explodes(10 << 20),
		"gzip-exact":            explodes(1 << 20),
	}
}
