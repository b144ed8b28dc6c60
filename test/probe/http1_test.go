package probe_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/testnet"
)

// speaking starts a TLS server at a name of the test network that does with each
// connection what serve says, and returns a target there.
func speaking(t *testing.T, tn *testnet.Net, serve func(net.Conn)) *check.Target {
	t.Helper()
	certificate, err := tn.Authority.Leaf("server.stage.test", testnet.Valid)
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{*certificate}})
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	served.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			served.Go(func() { defer c.Close(); serve(c) })
		}
	})
	t.Cleanup(func() { l.Close(); served.Wait() })
	port := l.Addr().(*net.TCPAddr).Port
	return at(t, tn, fmt.Sprintf("https://127.0.0.1:%d/", port), func(s *check.Settings) {
		s.TLS.ServerName = "server.stage.test"
		s.Timeout = 10 * time.Second
	})
}

// A server that responds once it hears that we are gone is not up: the run's end
// sends no close_notify.
func TestTheRunsEndSendsNoCloseNotify(t *testing.T) {
	tn, prober := startNet(t)
	const checks = 400
	var asked sync.WaitGroup
	asked.Add(checks)
	to := speaking(t, tn, func(c net.Conn) {
		http.ReadRequest(bufio.NewReader(c))
		asked.Done()
		io.Copy(io.Discard, c)
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	})
	ctx, end := context.WithCancelCause(t.Context())
	var all sync.WaitGroup
	for range checks {
		all.Go(func() {
			if res := prober.Probe(ctx, to); res.Reason != check.Deadline {
				t.Errorf("%v: %s, want the run's end", res.Reason, res.Detail)
			}
		})
	}
	asked.Wait()
	end(check.ErrBudget)
	all.Wait()
}

// A response that comes before a long request has left counts, and nobody is
// left to send the rest.
func TestResponseBeforeALongRequest(t *testing.T) {
	tn, prober := startNet(t)
	to := speaking(t, tn, func(c net.Conn) {
		http.ReadRequest(bufio.NewReader(c))
		io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
		time.Sleep(100 * time.Millisecond) // whoever closes with bytes unread resets the connection
	})
	to.Method, to.Body = "POST", strings.Repeat("long ", 4<<20)
	res := prober.Probe(t.Context(), to)
	if res.Status != http.StatusRequestEntityTooLarge || res.Duration > 5*time.Second {
		t.Errorf("status %d after %v (%v: %s), want 413 at once", res.Status, res.Duration, res.Reason, res.Detail)
	}
}

// With a body or without, a request arrives whole, and the connection ends with
// TLS's close_notify.
func TestConnectionsEndWithCloseNotify(t *testing.T) {
	const checks = 200
	tn, prober := startNet(t)
	ends := make(chan error, 2*checks)
	get := speaking(t, tn, func(c net.Conn) {
		req, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			ends <- err
			return
		}
		io.Copy(io.Discard, req.Body)
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		_, err = c.Read(make([]byte, 1))
		ends <- err
	})
	post := *get
	post.Method, post.Body = "POST", strings.Repeat("body ", 1000)
	var all sync.WaitGroup
	for range checks {
		for _, to := range []*check.Target{get, &post} {
			all.Go(func() {
				if res := prober.Probe(t.Context(), to); res.State != check.Up {
					t.Errorf("%s: %v in %v: %s, want up", to.Method, res.Reason, res.Phase, res.Detail)
				}
			})
		}
	}
	all.Wait()
	for range 2 * checks {
		if err := <-ends; err != io.EOF {
			t.Errorf("a connection ended with %v, want a close_notify", err)
		}
	}
}
