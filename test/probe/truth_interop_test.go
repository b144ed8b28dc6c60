//go:build interop && linux

package probe_test

import (
	"net/http/httptest"
	"testing"

	"rollcall/internal/testnet"
)

// heldNginx has a master and a worker, speaks TLS 1.3 only, and asks a backend.
const heldNginx = `
daemon off;
worker_processes 1;
` + nginxHead + `	server {
		listen ADDRESS ssl;
		ssl_certificate DIR/leaf.full;
		ssl_certificate_key DIR/leaf.key;
		ssl_protocols TLSv1.3;
		ssl_session_tickets on;
		location / {
			proxy_pass BACKEND;
		}
	}
}
`

// behindNginx holds responses behind an nginx that speaks TLS 1.3, with
// OpenSSL's habit of sending session tickets after our Finished.
func behindNginx(t *testing.T) *rehearsal {
	t.Helper()
	holder := newHolder()
	backend := httptest.NewServer(holder)
	t.Cleanup(backend.Close)
	h, ports := newTestHouse(t), testPorts(1)
	if err := h.certify("leaf", here.String(), testnet.Valid); err != nil {
		t.Fatal(err)
	}
	config := h.write(t, "nginx.conf", heldNginx, "ADDRESS", address(ports[0]), "BACKEND", backend.URL)
	h.must(t, "nginx", ports, "-e", "stderr", "-p", h.dir, "-c", config)
	return &rehearsal{"https://" + address(ports[0]) + "/", h.path("root.pem"), holder}
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
