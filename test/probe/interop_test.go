//go:build interop

package probe_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/guard"
	"rollcall/internal/probe"
	"rollcall/internal/redact"
	"rollcall/internal/resolve"
	"rollcall/internal/testnet"
	"rollcall/internal/weburl"
)

const (
	// host is the name that every server responds for.
	host = "server.stage.test"

	textSize  = 20 << 10 // of text.txt, bytes
	largeSize = 3 << 20  // of large.bin, more than maxBody
	maxBody   = 1 << 20

	comingUp = 10 * time.Second // for a server to listen, or to end
)

// packages are Debian's that have the programs.
func packages() map[string]string {
	return map[string]string{
		"nginx": "nginx-light", "caddy": "caddy", "h2o": "h2o", "openssl": "openssl", "apache2": "apache2", "haproxy": "haproxy",
		"lighttpd": "lighttpd with lighttpd-mod-gnutls and lighttpd-mod-deflate", "node": "nodejs", "java": "default-jdk-headless",
		"prometheus-blackbox-exporter": "prometheus-blackbox-exporter",
	}
}

// A house is where one server lives: its files, its authority, and a prober
// that trusts that and may reach loopback.
type house struct {
	dir       string
	authority *testnet.Authority
	prober    *probe.Prober
}

// newHouse makes a house in dir with the pages of a small site in www.
func newHouse(dir string) (*house, error) {
	authority, err := testnet.NewAuthority()
	if err != nil {
		return nil, err
	}
	h := &house{dir: dir, authority: authority}
	if err := h.furnish(); err != nil {
		return nil, err
	}
	h.prober = probe.New(probe.Options{
		UserAgent: "rollcall/interop",
		RootCAs:   authority.Pool(),
		Guard:     guard.Guard{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
		Lookup: func(context.Context, string, string, time.Duration) (resolve.Answer, error) {
			return resolve.Answer{Addrs: []netip.Addr{here}, Took: time.Millisecond}, nil
		},
	})
	return h, nil
}

func (h *house) furnish() error {
	if err := os.Mkdir(h.path("www"), 0o755); err != nil {
		return err
	}
	large := make([]byte, largeSize)
	rand.NewChaCha8([32]byte{}).Read(large) // nothing that can be compressed
	pages := map[string][]byte{
		"index.html": []byte("hello\n"),
		"text.txt":   []byte(text()),
		"large.bin":  large,
	}
	for name, page := range pages {
		if err := os.WriteFile(h.path("www", name), page, 0o644); err != nil {
			return err
		}
	}
	return h.certify("leaf", host, testnet.Valid)
}

func (h *house) path(parts ...string) string {
	return filepath.Join(append([]string{h.dir}, parts...)...)
}

// certify writes a certificate of a host: name.pem is the leaf, name.chain
// what follows it, name.full both, name.key its key, and name.all everything.
// root.pem is the root.
func (h *house) certify(name, host string, flaw testnet.Flaw) error {
	leaf, err := h.authority.Leaf(host, flaw)
	if err != nil {
		return err
	}
	key, err := x509.MarshalPKCS8PrivateKey(leaf.PrivateKey)
	if err != nil {
		return err
	}
	var full []byte
	for _, raw := range leaf.Certificate {
		full = append(full, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})...)
	}
	first := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Certificate[0]})
	secret := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})
	files := map[string][]byte{
		name + ".pem": first, name + ".chain": full[len(first):], name + ".full": full,
		name + ".key": secret, name + ".all": slices.Concat(full, secret),
		"root.pem": h.authority.PEM(),
	}
	for file, data := range files {
		if err := os.WriteFile(h.path(file), data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// A process is a server that runs.
type process struct {
	cmd   *exec.Cmd
	log   string // a file
	ended chan struct{}
}

// run starts a program and returns when it listens at all ports of loopback.
func (h *house) run(name string, ports []int, args ...string) (*process, error) {
	program, err := find(name)
	if err != nil {
		return nil, err
	}
	log, err := os.Create(h.path(name + ".log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = h.dir, log, log
	cmd.Env = append(os.Environ(), "HOME="+h.dir, "XDG_DATA_HOME="+h.dir, "XDG_CONFIG_HOME="+h.dir)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd, log.Name(), make(chan struct{})}
	go func() {
		cmd.Wait()
		close(p.ended)
	}()
	for _, port := range ports {
		if err := p.listens(port); err != nil {
			p.stop()
			return nil, err
		}
	}
	return p, nil
}

// find returns a program's path; /usr/sbin is not on everybody's.
func find(name string) (string, error) {
	if program, err := exec.LookPath(name); err == nil {
		return program, nil
	}
	program := "/usr/sbin/" + name
	if _, err := os.Stat(program); err != nil {
		return "", fmt.Errorf("this test wants %s: install Debian's %s, or its like", name, packages()[name])
	}
	return program, nil
}

// listens waits until somebody accepts at a port.
func (p *process) listens(port int) error {
	const again = 10 * time.Millisecond
	for end := time.Now().Add(comingUp); time.Now().Before(end); {
		conn, err := net.Dial("tcp", address(port))
		if err == nil {
			return conn.Close()
		}
		select {
		case <-p.ended:
			return p.failed("ended")
		case <-time.After(again):
		}
	}
	return p.failed("does not listen")
}

func (p *process) failed(what string) error {
	said, _ := os.ReadFile(p.log)
	return fmt.Errorf("%s %s: %s", filepath.Base(p.cmd.Path), what, said)
}

// stop ends the process, politely first.
func (p *process) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(comingUp):
		p.cmd.Process.Kill()
		<-p.ended
	}
}

// here is an address of loopback that is this process's alone, so that its
// ports are nobody else's.
var here = netip.AddrFrom4([4]byte{127, byte(64 + os.Getpid()>>16&63), byte(os.Getpid() >> 8), byte(os.Getpid())})

func address(port int) string { return net.JoinHostPort(here.String(), strconv.Itoa(port)) }

// lastPort is the last one that testPorts has given out.
var lastPort atomic.Int32

func init() { lastPort.Store(20000) }

// newTestHouse is newHouse for one test.
func newTestHouse(t *testing.T) *house {
	t.Helper()
	h, err := newHouse(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.prober.Close)
	return h
}

// testPorts returns n ports of this process's address that nothing listens on.
func testPorts(n int) []int {
	ports := make([]int, n)
	for i := range ports {
		ports[i] = int(lastPort.Add(1))
	}
	return ports
}

// must starts a server for one test.
func (h *house) must(t *testing.T, name string, ports []int, args ...string) {
	t.Helper()
	p, err := h.run(name, ports, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.stop()
		if said, _ := os.ReadFile(p.log); t.Failed() {
			t.Logf("%s says: %.2000s", name, said)
		}
	})
}

// probe checks a path at a port.
func (h *house) probe(ctx context.Context, port int, path string, change func(*check.Settings)) check.Result {
	u := &url.URL{Scheme: "https", Host: host + ":" + strconv.Itoa(port), Path: path}
	s := &check.Settings{Method: "GET", Timeout: 5 * time.Second, Redirects: 10, MaxBody: maxBody}
	if change != nil {
		change(s)
	}
	return h.prober.Probe(ctx, &check.Target{Name: host, Group: "default", URL: weburl.String(u), RedactedURL: redact.URL(u), Settings: s})
}

// shake returns what a server agrees to with a client that takes anything.
func (h *house) shake(t *testing.T, port int) tls.ConnectionState {
	t.Helper()
	config := &tls.Config{
		RootCAs: h.authority.Pool(), ServerName: host,
		MinVersion: tls.VersionTLS10, NextProtos: []string{"h2", "http/1.1"},
	}
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: comingUp}, "tcp", address(port), config)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState()
}

// write puts a configuration into the house, with its words replaced, and
// returns its path.
func (h *house) write(t *testing.T, file, text string, words ...string) string {
	t.Helper()
	words = append(words, "DIR", h.dir, "IP", here.String())
	if err := os.WriteFile(h.path(file), []byte(strings.NewReplacer(words...).Replace(text)), 0o600); err != nil {
		t.Fatal(err)
	}
	return h.path(file)
}
