package testnet

import (
	"crypto/tls"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestSites(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	bodies := map[string]bool{}
	for _, p := range sites() {
		host := strings.Replace(p.Name, "*", "one", 1)
		began := time.Now()
		status, body, header := get(t, s.Client(), portedURL(t, s, "https://"+host+"/path"))
		took := time.Since(began)
		if status != http.StatusOK || bodies[body] || !strings.Contains(body, p.Name) {
			t.Errorf("%s responds %d %q, want 200 and a page of its own", host, status, body)
		}
		bodies[body] = true
		held, err := strconv.ParseInt(header.Get(HeldHeader), 10, 64)
		if err != nil || time.Duration(held) < p.Hold || time.Duration(held) > took {
			t.Errorf("%s says it held %s ns (%v), want between %v and %v", host, header.Get(HeldHeader), err, p.Hold, took)
		}
	}
}

func TestAmazonWantsABrowser(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	res, err := s.Client().Get(portedURL(t, s, "https://amazon.com"))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("amazon.com responds %d to Go's client, want 503", res.StatusCode)
	}
}

func TestConnectionsAreCounted(t *testing.T) {
	s := start(t, Options{})
	c := s.Client()
	if got := s.Accepted(); got != 0 {
		t.Errorf("before the first connection Accepted = %d", got)
	}
	get(t, c, portedURL(t, s, "https://good.stage.test"))
	get(t, c, portedURL(t, s, "https://good.stage.test"))
	get(t, c, portedURL(t, s, "http://good.stage.test"))
	get(t, c, portedURL(t, s, "https://a.many.stage.test"))
	c.Get(portedURL(t, s, "https://expired.stage.test"))
	want := map[string]int{"good.stage.test": 3, "*.many.stage.test": 1, "expired.stage.test": 1, "google.com": 0, "refusing.stage.test": 0, "example.com": 0}
	for name, n := range want {
		if got := s.Connections(name); got != n {
			t.Errorf("Connections(%q) = %d, want %d", name, got, n)
		}
	}
	if got := s.Accepted(); got != 5 {
		t.Errorf("Accepted = %d, want 5", got)
	}
}

func TestPlainConnectionCountsOnce(t *testing.T) {
	s := start(t, Options{})
	c := s.Client()
	c.Transport.(*http.Transport).DisableKeepAlives = false
	for range 3 {
		get(t, c, portedURL(t, s, "http://good.stage.test"))
	}
	if got := s.Connections("good.stage.test"); got != 1 {
		t.Errorf("three requests over one connection count %d", got)
	}
}

func TestSharedListenerSpeaksToAnyName(t *testing.T) {
	s := start(t, Options{})
	for _, name := range []string{"never-heard-of.example", ""} {
		config := &tls.Config{RootCAs: s.Authority.Pool(), ServerName: name}
		if name == "" {
			config.ServerName = "127.0.0.1" // an address is not a server name: none is sent
		}
		conn, err := tls.Dial("tcp", s.Hosts.https.Addr().String(), config)
		if err != nil {
			t.Errorf("a handshake for %q: %v", name, err)
			continue
		}
		if got := conn.ConnectionState().Version; got != tls.VersionTLS13 {
			t.Errorf("the version is %x, want TLS 1.3", got)
		}
		conn.Close()
	}
	r, _ := http.NewRequest("GET", "http://"+s.Hosts.http.Addr().String(), nil)
	r.Host = "never-heard-of.example"
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("an unknown host gets %d, want 421", res.StatusCode)
	}
}

func TestOriginsListenOnLoopbackOnly(t *testing.T) {
	s := start(t, Options{})
	for _, o := range s.Origins() {
		if o.Addr.IsValid() && !o.Addr.Addr().IsLoopback() {
			t.Errorf("%s listens on %v", o.Name, o.Addr)
		}
	}
	for _, addr := range []string{s.CloudWatch.server.Addr().String(), s.Resolver.Addr().String()} {
		if host, _, _ := net.SplitHostPort(addr); host != "127.0.0.1" {
			t.Errorf("a server listens on %s", addr)
		}
	}
}
