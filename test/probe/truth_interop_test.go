//go:build interop && linux

package probe_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"rollcall/internal/testnet"
)

// measuredNginx wants a folder, an address to listen on and a backend's URL.
// Everything that nginx writes is in the folder.
const measuredNginx = `
daemon off;
worker_processes 1;
pid %[1]s/nginx.pid;
error_log stderr error;
events {}
http {
	access_log off;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	server {
		listen %[2]s ssl;
		ssl_certificate %[1]s/leaf.pem;
		ssl_certificate_key %[1]s/leaf.key;
		ssl_protocols TLSv1.3;
		ssl_session_tickets on;
		location / {
			proxy_pass %[3]s;
		}
	}
}
`

// behindNginx holds responses behind an nginx that speaks TLS 1.3, with
// OpenSSL's habit of sending session tickets after our Finished.
func behindNginx(t *testing.T) *rehearsal {
	t.Helper()
	h := newHolder()
	backend := httptest.NewServer(h)
	t.Cleanup(backend.Close)
	authority, err := testnet.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	roots := filepath.Join(dir, "roots.pem")
	if err := authority.WriteFile(roots); err != nil {
		t.Fatal(err)
	}
	leaf, err := authority.Leaf("held.stage.test", testnet.Valid)
	if err != nil {
		t.Fatal(err)
	}
	writeLeaf(t, dir, leaf)
	port := measuredStartNginx(t, dir, backend.URL)
	return &rehearsal{fmt.Sprintf("https://held.stage.test:%d/", port), roots, h}
}

func writeLeaf(t *testing.T, dir string, leaf *tls.Certificate) {
	t.Helper()
	var chain []byte
	for _, raw := range leaf.Certificate {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})...)
	}
	key, err := x509.MarshalPKCS8PrivateKey(leaf.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "leaf.pem"), chain)
	write(t, filepath.Join(dir, "leaf.key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
}

func write(t *testing.T, file string, data []byte) {
	t.Helper()
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// measuredStartNginx starts an nginx and returns its port. The listening socket is
// ours, handed over as nginx hands it to its successor (descriptors in the
// variable NGINX): connections wait in it until nginx is there.
func measuredStartNginx(t *testing.T, dir, backend string) (port int) {
	t.Helper()
	program, err := exec.LookPath("nginx")
	if err != nil {
		program = "/usr/sbin/nginx" // Debian's, which is not on everybody's path
	}
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("this test wants nginx (Debian's nginx-light): %v", err)
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	socket, err := listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	config := filepath.Join(dir, "nginx.conf")
	write(t, config, fmt.Appendf(nil, measuredNginx, dir, listener.Addr(), backend))
	cmd := exec.Command(program, "-p", dir, "-c", config)
	cmd.Env = append(os.Environ(), "NGINX=3;")
	cmd.ExtraFiles = []*os.File{socket} // descriptor 3
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM) // the master ends its worker
		cmd.Wait()
	})
	return listener.Addr().(*net.TCPAddr).Port
}

// The tickets come after the handshake and before the response: a clock that
// takes the first read for the first byte measures them.
func TestTruthWhileStoppedBehindOpenSSL(t *testing.T) {
	behindNginx(t).judge(t, order{}, trueByTheKernel)
}

// Nor are the tickets' segments the response's: nothing was merged, so no lateness
// makes the result less certain, whether the tickets came before or
// after the request had left.
func TestSureWhileStoppedBehindOpenSSL(t *testing.T) {
	r := behindNginx(t)
	for range 3 {
		if result, held := r.measure(t, order{}); result.Uncertainty >= blindly {
			t.Errorf("held for %v: first byte after %v, and the uncertainty is %v", held, result.Phases.FirstByte, result.Uncertainty)
		}
	}
}

// The same by the process's clock.
func TestNoTruthByTheProcessClockBehindOpenSSL(t *testing.T) {
	behindNginx(t).judge(t, order{Hidden: true}, wrongByTheProcess)
}
