//go:build interop

package probe_test

import (
	"crypto/tls"
	"math"
	"os/user"
	"runtime"
	"strconv"
	"testing"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/testnet"
)

// A web server starts with one port for TLS 1.2 and one for TLS 1.3, serves
// www, and has /moved, which leads to /, and /error.
type web struct {
	name  string
	start func(t *testing.T, h *house, tls12, tls13 int)
}

func webs() []web {
	return []web{{"nginx", startNginx}, {"caddy", startCaddy}, {"h2o", startH2O}}
}

// nginxConfig keeps to one process, which reads the house as whoever runs the
// test, and writes nowhere else.
const nginxConfig = `
daemon off;
master_process off;
pid DIR/nginx.pid;
error_log stderr error;
events {}
http {
	access_log off;
	client_body_temp_path DIR/body;
	proxy_temp_path DIR/proxy;
	fastcgi_temp_path DIR/fastcgi;
	uwsgi_temp_path DIR/uwsgi;
	scgi_temp_path DIR/scgi;
	types { text/html html; text/plain txt; application/octet-stream bin; }
	gzip on;
	gzip_types text/plain;
	server_name_in_redirect on;
	ssl_certificate DIR/leaf.full;
	ssl_certificate_key DIR/leaf.key;
	root DIR/www;
	server {
		listen 127.0.0.1:TLS12 ssl http2;
		server_name HOST;
		ssl_protocols TLSv1.2;
		location = /moved { return 301 /; }
		location = /error { return 500; }
	}
	server {
		listen 127.0.0.1:TLS13 ssl http2;
		server_name HOST;
		ssl_protocols TLSv1.3;
		location = /moved { return 301 /; }
		location = /error { return 500; }
	}
}
`

func startNginx(t *testing.T, h *house, tls12, tls13 int) {
	config := h.write(t, "nginx.conf", nginxConfig, "TLS12", strconv.Itoa(tls12), "TLS13", strconv.Itoa(tls13), "HOST", host)
	h.must(t, "nginx", []int{tls12, tls13}, "-e", "stderr", "-p", h.dir, "-c", config)
}

const caddyConfig = `
{
	admin off
	auto_https off
	storage file_system DIR/caddy
	servers {
		protocols h1 h2
	}
}
(site) {
	bind 127.0.0.1
	root * DIR/www
	encode gzip
	redir /moved / 301
	respond /error 500
	file_server
}
https://HOST:TLS12 {
	tls DIR/leaf.full DIR/leaf.key {
		protocols tls1.2 tls1.2
	}
	import site
}
https://HOST:TLS13 {
	tls DIR/leaf.full DIR/leaf.key {
		protocols tls1.3 tls1.3
	}
	import site
}
`

func startCaddy(t *testing.T, h *house, tls12, tls13 int) {
	config := h.write(t, "Caddyfile", caddyConfig, "TLS12", strconv.Itoa(tls12), "TLS13", strconv.Itoa(tls13), "HOST", host)
	h.must(t, "caddy", []int{tls12, tls13}, "run", "--config", config, "--adapter", "caddyfile")
}

// h2oConfig is for one port: this h2o can be told the lowest version of TLS
// and not the highest.
const h2oConfig = `
user: USER
error-log: /dev/stderr
num-threads: 1
compress: [ gzip ]
listen:
  host: 127.0.0.1
  port: PORT
  ssl:
    certificate-file: DIR/leaf.full
    key-file: DIR/leaf.key
    minimum-version: TLSvLEAST
hosts:
  default:
    paths:
      "/":
        file.dir: DIR/www
      "/moved":
        redirect:
          status: 301
          url: /
      "/error":
        mruby.handler: |
          Proc.new do |env|
            [500, {"content-type" => "text/plain"}, ["an error\n"]]
          end
`

// noTLS13 is a configuration of OpenSSL, which h2o is built on.
const noTLS13 = `
openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = limits
[limits]
MaxProtocol = TLSv1.2
`

func startH2O(t *testing.T, h *house, tls12, tls13 int) {
	who, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	program, err := find("h2o")
	if err != nil {
		t.Fatal(err)
	}
	config := func(least string, port int) string {
		return h.write(t, "h2o-"+least+".conf", h2oConfig, "LEAST", least, "PORT", strconv.Itoa(port), "USER", who.Username)
	}
	limits := h.write(t, "openssl.conf", noTLS13)
	h.must(t, "env", []int{tls12}, "OPENSSL_CONF="+limits, program, "-m", "worker", "-c", config("1.2", tls12))
	h.must(t, "h2o", []int{tls13}, "-m", "worker", "-c", config("1.3", tls13))
}

// A visit is what is asked of a web server, and what is to be said of it.
type visit struct {
	path    string
	state   check.State
	reason  check.Reason
	status  int
	body    int64 // bytes decoded; -1: whatever the server's own page has
	moved   int   // redirects followed
	smaller bool  // compressed on the wire
	cut     bool  // more than maxBody
}

func visits() []visit {
	return []visit{
		{path: "/", state: check.Up, status: 200, body: 6},
		{path: "/text.txt", state: check.Up, status: 200, body: textSize, smaller: true},
		{path: "/large.bin", state: check.Up, status: 200, body: maxBody, cut: true},
		{path: "/moved", state: check.Up, status: 200, body: 6, moved: 1},
		{path: "/missing", state: check.Down, reason: check.Status, status: 404, body: -1},
		{path: "/error", state: check.Down, reason: check.Status, status: 500, body: -1},
	}
}

// TestWebServers visits every server, by every version of TLS and HTTP.
func TestWebServers(t *testing.T) {
	protocols := []struct {
		name string
		http check.HTTPVersion
		want string
	}{{"http 1.1", check.HTTP1, "1.1"}, {"http 2", check.HTTP2, "2"}, {"http auto", check.AnyHTTP, "2"}}
	for _, w := range webs() {
		t.Run(w.name, func(t *testing.T) {
			h, ports := newTestHouse(t), testPorts(t, 2)
			w.start(t, h, ports[0], ports[1])
			for i, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
				t.Run(tls.VersionName(version), func(t *testing.T) {
					if got := h.shake(t, ports[i]); got.Version != version || got.NegotiatedProtocol != "h2" {
						t.Fatalf("the server speaks %s and %q", tls.VersionName(got.Version), got.NegotiatedProtocol)
					}
					for _, p := range protocols {
						t.Run(p.name, func(t *testing.T) { h.visitAll(t, ports[i], p.http, p.want) })
					}
				})
			}
		})
	}
}

func (h *house) visitAll(t *testing.T, port int, version check.HTTPVersion, speaks string) {
	for _, v := range visits() {
		res := h.probe(t.Context(), port, v.path, func(s *check.Settings) { s.HTTP = version })
		if res.HTTP != speaks {
			t.Errorf("%s: HTTP/%s, want %s", v.path, res.HTTP, speaks)
		}
		v.check(t, res)
		checkCertificate(t, h, res, testnet.Valid)
		checkTimes(t, res)
	}
}

func (v visit) check(t *testing.T, res check.Result) {
	t.Helper()
	if res.State != v.state || res.Reason != v.reason || res.Status != v.status {
		t.Errorf("%s: %v for %v, status %d, %q; want %v for %v, status %d", v.path, res.State, res.Reason, res.Status, res.Detail, v.state, v.reason, v.status)
	}
	if v.reason != check.OK && res.Phase != check.Transfer {
		t.Errorf("%s: the phase is %v, want %v", v.path, res.Phase, check.Transfer)
	}
	if v.body >= 0 && res.BytesBody != v.body || res.BodyTruncated != v.cut || len(res.Redirects) != v.moved {
		t.Errorf("%s: %d bytes, cut %v, by way of %q; want %d, %v and %d redirects", v.path, res.BytesBody, res.BodyTruncated, res.Redirects, v.body, v.cut, v.moved)
	}
	if smaller := res.BytesWire < res.BytesBody/2; smaller != v.smaller {
		t.Errorf("%s: %d bytes on the wire for %d, compressed: want %v", v.path, res.BytesWire, res.BytesBody, v.smaller)
	}
	if !res.Complete {
		t.Errorf("%s: the response is not complete", v.path)
	}
}

// checkCertificate wants the facts of the certificate that the house has with
// a flaw. Trusted is only the one without.
func checkCertificate(t *testing.T, h *house, res check.Result, flaw testnet.Flaw) {
	t.Helper()
	leaf, err := h.authority.Leaf(host, flaw)
	if err != nil {
		t.Fatal(err)
	}
	c := res.Certificate
	if c == nil {
		t.Error("there is no certificate")
		return
	}
	days := time.Until(leaf.Leaf.NotAfter).Hours() / 24
	if !c.NotAfter.Equal(leaf.Leaf.NotAfter) || math.Abs(c.DaysLeft-days) > 0.02 || c.Verified != (flaw == testnet.Valid) {
		t.Errorf("the certificate is %+v, want its end at %v, in %.2f days, and verified %v", c, leaf.Leaf.NotAfter, days, flaw == testnet.Valid)
	}
	if c.Subject != leaf.Leaf.Subject.String() || c.Issuer != leaf.Leaf.Issuer.String() {
		t.Errorf("the certificate is %s's by %s, want %s's by %s", c.Subject, c.Issuer, leaf.Leaf.Subject, leaf.Leaf.Issuer)
	}
}

// checkTimes wants every phase that a response over TLS has, by the kernel's
// clock where there is one, and no wait for the end of a connection that the
// server keeps alive.
func checkTimes(t *testing.T, res check.Result) {
	t.Helper()
	if runtime.GOOS == "linux" && res.Clock != check.KernelClock {
		t.Errorf("%s: the clock is the %v's", res.URL, res.Clock)
	}
	const long = 2 * time.Second // servers keep a connection for a minute
	for phase := check.DNS; phase <= check.Transfer; phase++ {
		if took := res.Phases.Of(phase); took == check.Absent || took > long {
			t.Errorf("%s: %v took %v, want at most %v", res.URL, phase, took, long)
		}
	}
	if res.Duration != res.Phases.Sum() || res.IP.String() != "127.0.0.1" {
		t.Errorf("%s at %v took %v in all, the phases %v", res.URL, res.IP, res.Duration, res.Phases.Sum())
	}
}
