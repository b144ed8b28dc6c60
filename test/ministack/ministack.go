// Package ministack starts MiniStack, a whole AWS on loopback.
package ministack

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"rollcall/test/listeners"
)

// A MiniStack is a running MiniStack: AWS as others understand it, on
// loopback.
type MiniStack struct {
	// URL is its one endpoint.
	URL string

	program *exec.Cmd
	dir     string
}

// ministackStart is how long it may take until it responds, ministackEnd until
// it has ended of itself.
const (
	ministackStart = 30 * time.Second
	ministackEnd   = 5 * time.Second
)

// StartMiniStack starts the program at path with some services, such as
// "cloudwatch", on a free port of this machine. Close must be called.
func StartMiniStack(path string, services ...string) (*MiniStack, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	m := &MiniStack{URL: "http://" + port}
	if m.dir, err = os.MkdirTemp("", "rollcall-ministack-"); err != nil {
		return nil, err
	}
	_, number, _ := net.SplitHostPort(port)
	m.program = exec.Command(path)
	m.program.Dir = m.dir
	m.program.Env = append(os.Environ(), "GATEWAY_PORT="+number, "BIND_HOST=127.0.0.1", "IOT_MTLS_ENABLED=0", "AWS_ENDPOINT_URL="+m.URL, "SERVICES="+strings.Join(services, ","))
	if err := m.program.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("starting MiniStack: %w", err), os.RemoveAll(m.dir))
	}
	err = m.await()
	if err == nil {
		err = m.private()
	}
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// freePort is an address of loopback on which nobody listens.
func freePort() (string, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// await waits until it says itself that it is ready.
func (m *MiniStack) await() error {
	deadline := time.Now().Add(ministackStart)
	for {
		response, err := http.Get(m.URL + "/_ministack/ready")
		if err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
			err = errors.New(response.Status)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("MiniStack is not ready: %w", err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// private looks whether other machines may reach it: it is without any
// authorization.
func (m *MiniStack) private() error {
	if runtime.GOOS != "linux" {
		return nil // there is no /proc
	}
	addrs, err := listeners.Of(m.program.Process.Pid)
	if beyond := listeners.Beyond(addrs); len(beyond) > 0 {
		return fmt.Errorf("MiniStack listens beyond loopback: %v", beyond)
	}
	return err
}

// Close ends it, and removes what it wrote.
func (m *MiniStack) Close() error {
	if err := m.program.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	done := make(chan struct{})
	go func() {
		m.program.Wait() // its status says nothing: it was interrupted
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(ministackEnd):
		m.program.Process.Kill()
		<-done
	}
	return os.RemoveAll(m.dir)
}
