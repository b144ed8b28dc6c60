//go:build interop

package probe_test

import (
	"bufio"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/testnet"
)

// TestOpenSSLRenegotiation: once it has the request, s_server renegotiates (r), or
// does so to ask for a client certificate (R), and responds to whoever has none. One that
// is refused has a reason.
func TestOpenSSLRenegotiation(t *testing.T) {
	for _, tt := range []struct {
		command string
		client  string // its authority
		want    check.Reason
	}{
		{"r", "", check.OK},
		{"R", "", check.OK},
		{"R", "ours", check.OK},
		{"R", "another", check.TLSClientCertificate},
	} {
		t.Run(tt.command+tt.client, func(t *testing.T) {
			h, ports := newTestHouse(t), testPorts(1)
			by := map[string]*testnet.Issuer{"ours": h.authority.Intermediate, "another": h.authority.Untrusted}[tt.client]
			renegotiating(t, h, ports[0], tt.command)
			res := h.probe(t.Context(), ports[0], "/", func(s *check.Settings) {
				if by != nil {
					s.TLS.Client = clientOf(t, by)
				}
			})
			if res.Reason != tt.want || tt.want == check.OK && (res.Status != 200 || res.Phases.FirstByte <= 0) {
				t.Errorf("Probe = %v (%s) with %d in %v, want %v", res.Reason, res.Detail, res.Status, res.Phases, tt.want)
			}
		})
	}
}

// clientOf is a client certificate of an authority.
func clientOf(t *testing.T, by *testnet.Issuer) *tls.Certificate {
	t.Helper()
	key, err := testnet.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	template := testnet.LeafTemplate("client.example", time.Now())
	template.SerialNumber, template.ExtKeyUsage = big.NewInt(1), []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	raw, err := x509.CreateCertificate(rand.Reader, template, by.Certificate, key.Public(), by.Key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{raw, by.Certificate.Raw}, PrivateKey: key}
}

// renegotiating starts a server whose standard input says what to do,
// and does it when a request has come.
func renegotiating(t *testing.T, h *house, port int, command string) {
	t.Helper()
	program, err := find("openssl")
	if err != nil {
		t.Fatal(err)
	}
	server := exec.Command(program, "s_server", "-tls1_2", "-accept", address(port), "-verify_return_error",
		"-cert", "leaf.pem", "-key", "leaf.key", "-cert_chain", "leaf.chain", "-CAfile", "root.pem")
	server.Dir = h.dir
	in, _ := server.StdinPipe()
	out, _ := server.StdoutPipe()
	server.Stderr = server.Stdout
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	ready, done := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() {
		server.Process.Kill()
		<-done
		server.Wait()
	})
	go func() {
		defer close(done)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			switch line := lines.Text(); {
			case line == "ACCEPT":
				close(ready)
			case strings.HasPrefix(line, "GET /"):
				fmt.Fprintln(in, command)
				time.Sleep(300 * time.Millisecond) // what comes sooner is sent before it renegotiates
				io.WriteString(in, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\r\n")
			}
		}
	}()
	<-ready
}

// mutualNginx has a port that requires a client certificate, for the whole
// server, and one that does so for all but who has one, by its status.
const mutualNginx = `
daemon off;
master_process off;
` + nginxHead + `	ssl_certificate DIR/leaf.full;
	ssl_certificate_key DIR/leaf.key;
	ssl_client_certificate DIR/root.pem;
	ssl_verify_depth 3;
	root DIR/www;
	server {
		listen IP:REQUIRED ssl http2;
		ssl_verify_client on;
	}
	server {
		listen IP:OPTIONAL ssl http2;
		ssl_verify_client optional;
		if ($ssl_client_verify != SUCCESS) { return 403; }
	}
}
`

func TestWebServersWithClientCertificates(t *testing.T) {
	h, ports := newTestHouse(t), testPorts(2)
	config := h.write(t, "nginx.conf", mutualNginx, "REQUIRED", strconv.Itoa(ports[0]), "OPTIONAL", strconv.Itoa(ports[1]))
	h.must(t, "nginx", ports, "-e", "stderr", "-p", h.dir, "-c", config)
	for i, status := range []int{400, 403} {
		for _, version := range []check.HTTPVersion{check.HTTP1, check.HTTP2} {
			for _, method := range []string{"GET", "HEAD", "POST"} {
				settings := func(s *check.Settings) { s.HTTP, s.Method = version, method }
				res := h.probe(t.Context(), ports[i], "/index.html", settings)
				if res.Reason != check.TLSClientCertificate || res.Phase != check.TLS || res.Status != status {
					t.Errorf("%s over %v: %v (%s) in %v with %d, want tls_client_certificate with %d", method, version, res.Reason, res.Detail, res.Phase, res.Status, status)
				}
				if method == "POST" { // which nginx takes for no file
					continue
				}
				res = h.probe(t.Context(), ports[i], "/index.html", func(s *check.Settings) { settings(s); s.TLS.Client = clientOf(t, h.authority.Intermediate) })
				if res.State != check.Up {
					t.Errorf("%s over %v with a client certificate: %v (%s), want up", method, version, res.Reason, res.Detail)
				}
			}
		}
	}
}
