package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
)

// onHost serves the engine's API at a socket of its own, and puts every
// container that is created by it on the host's network: the test network is on
// loopback, and sam has no option for that (--docker-network host only keeps a
// container where it is, in sam-cli 1.170). sam's emulator then listens where
// sam would have had its port published.
func (t *trial) onHost(socket, engine string) error {
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return fmt.Errorf("listening for sam: %w", err)
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", engine)
	}
	server := &http.Server{
		ErrorLog: log.New(io.Discard, "", 0), // of connections that sam cuts
		Handler: &httputil.ReverseProxy{
			Transport: &http.Transport{DialContext: dial},
			ErrorLog:  log.New(io.Discard, "", 0),
			Rewrite: func(r *httputil.ProxyRequest) {
				r.Out.URL.Scheme, r.Out.URL.Host = "http", "engine"
				if strings.HasSuffix(r.In.URL.Path, "/containers/create") {
					rewrite(r.Out, toHost)
				}
			},
		},
	}
	done := make(chan struct{})
	go func() {
		server.Serve(listener) // until it is closed
		close(done)
	}()
	t.later(func() error {
		err := server.Close()
		<-done
		return err
	})
	return nil
}

// rewrite changes a request's JSON; what is none the engine may refuse.
func rewrite(r *http.Request, change func(map[string]any)) {
	body, err := io.ReadAll(r.Body)
	var asked map[string]any
	if err == nil && json.Unmarshal(body, &asked) == nil {
		change(asked)
		if changed, err := json.Marshal(asked); err == nil {
			body = changed
		}
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
}

// toHost puts a container that is asked for on the host's network, its
// emulator at the address at which its port 8080 was to be published.
func toHost(asked map[string]any) {
	host, _ := asked["HostConfig"].(map[string]any)
	entry, _ := asked["Entrypoint"].([]any)
	bindings, _ := host["PortBindings"].(map[string]any)
	published, _ := bindings["8080/tcp"].([]any)
	if len(published) == 0 || len(entry) == 0 {
		return
	}
	at, _ := published[0].(map[string]any)
	address := net.JoinHostPort(fmt.Sprint(at["HostIp"]), fmt.Sprint(at["HostPort"]))
	asked["Entrypoint"] = append(entry, "--runtime-interface-emulator-address", address)
	host["NetworkMode"] = "host"
	delete(host, "PortBindings")
	delete(asked, "ExposedPorts")
	delete(asked, "NetworkingConfig")
}
