// Package testnet is AWS and the Internet on loopback: web servers, healthy ones
// and some with one fault each, the certificate authority they trust, a DNS
// server, a CloudWatch that refuses what the real one refuses, and the runtime
// API that runs a compiled function as Lambda does.
//
// It serves the demonstration and tests. It imports nothing of the code that is
// tested against it. Everything listens on 127.0.0.1 at ports that the system
// picks, and no request leaves the machine.
package testnet

import (
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
)

// Options say what a Net has beside its built-in servers.
type Options struct {
	// Servers are further ones, each at a port of its own or at the shared ones.
	Servers []Server
	// Handlers serve further host names, each over HTTPS and HTTP, or replace
	// built-in ones. "*.example.com" is every host below.
	Handlers map[string]http.Handler
}

// A Net is a running set of servers. Its fields may be used until Close.
type Net struct {
	Authority  *Authority  // issues the origins' certificates
	Resolver   *Resolver   // knows the origins' names, and others by Set
	CloudWatch *CloudWatch // without faults until SetFault

	Hosts *Hosts
	dir   string // holds the root's certificate
}

// Start brings a Net up. Close must be called.
func Start(o Options) (*Net, error) {
	s := &Net{}
	if err := s.start(o); err != nil {
		return nil, errors.Join(fmt.Errorf("starting the test network: %w", err), s.Close())
	}
	return s, nil
}

func (s *Net) start(o Options) error {
	var err error
	if s.Authority, err = NewAuthority(); err != nil {
		return err
	}
	if s.dir, err = os.MkdirTemp("", "rollcall-testnet-"); err != nil {
		return err
	}
	if err = s.Authority.WriteFile(s.rootFile()); err != nil {
		return err
	}
	if s.Resolver, err = NewResolver(); err != nil {
		return err
	}
	if s.CloudWatch, err = NewCloudWatch(); err != nil {
		return err
	}
	if s.Hosts, err = newHosts(s.Authority, o.Servers); err != nil {
		return err
	}
	for name, site := range s.Hosts.sites {
		s.Resolver.Set(name, site.DNS)
	}
	for _, name := range slices.Sorted(maps.Keys(o.Handlers)) {
		s.Handle(name, o.Handlers[name])
	}
	return nil
}

// Close ends every server, waits for all of their goroutines and removes what
// the test network wrote.
func (s *Net) Close() error {
	var errs []error
	if s.Hosts != nil {
		errs = append(errs, s.Hosts.Close())
	}
	if s.CloudWatch != nil {
		errs = append(errs, s.CloudWatch.Close())
	}
	if s.Resolver != nil {
		errs = append(errs, s.Resolver.Close())
	}
	if s.dir != "" {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	return errors.Join(errs...)
}

// Handle serves a host name with h over HTTPS and HTTP, as an entry of
// Options.Handlers does. Its responses say in HeldHeader how long they were
// held.
func (s *Net) Handle(name string, h http.Handler) Origin {
	o := s.Hosts.share(name, "a handler of the test", h)
	s.Resolver.Set(name, AtLoopback())
	return o
}

// Origins returns all origins: the sites, then the faulty servers, then what came
// by Handle.
func (s *Net) Origins() []Origin {
	s.Hosts.mu.Lock()
	defer s.Hosts.mu.Unlock()
	return slices.Clone(s.Hosts.all)
}

// Origin returns the origin that serves a host: the one of that name, or
// the wildcard above it.
func (s *Net) Origin(host string) (Origin, bool) {
	site, ok := s.Hosts.Find(host)
	if !ok {
		return Origin{}, false
	}
	return site.Origin, true
}

// Connections returns how many connections came for an origin so far. On a
// listener that origins share, a TLS connection counts when its client has named
// the host, a plain one with its first request.
func (s *Net) Connections(name string) int { return s.Hosts.connections(name) }

// Accepted returns how many TCP connections all origins have accepted so far.
func (s *Net) Accepted() int { return s.Hosts.acceptedAll() }

// Client asks the test network's resolver and trusts its authority only. Every
// request makes a connection of its own.
func (s *Net) Client() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext:            (&net.Dialer{Resolver: s.Resolver.Client("udp")}).DialContext,
		TLSClientConfig:        &tls.Config{RootCAs: s.Authority.Pool()},
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: 256 << 10,
	}}
}

// Env returns the variables that point a function, or the terminal program, at
// the test network. The rest of its environment is the caller's.
func (s *Net) Env() []string {
	return []string{
		"ROLLCALL_DNS=" + s.Resolver.Addr().String(),
		"ROLLCALL_CLOUDWATCH_ENDPOINT=" + s.CloudWatch.URL(),
		"ROLLCALL_ALLOW=127.0.0.0/8",
		"ROLLCALL_CANARY=",
		"SSL_CERT_FILE=" + s.rootFile(),
	}
}

func (s *Net) rootFile() string { return filepath.Join(s.dir, "root.pem") }
