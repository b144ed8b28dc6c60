// Package stage is AWS and the Internet on loopback: origin servers with every
// fault that a check can meet, the certificate authority they trust, a
// resolver, a CloudWatch that refuses what the real one refuses, and the
// runtime API that runs a compiled function as Lambda does.
//
// It serves tests, the demonstration and the benchmarks. It is an independent
// referee: it knows nothing of the code that it judges and imports none of it.
// Everything listens on 127.0.0.1 at ports that the system picks, and no
// request leaves the machine.
package stage

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
)

// Options say what a Stage has beside its built-in origins.
type Options struct {
	// Handlers answer for further host names, each over HTTPS and HTTP, or
	// for built-in ones instead. "*.example.com" is every host below.
	Handlers map[string]http.Handler
}

// A Stage is a running set of servers. Its fields may be used until Close.
type Stage struct {
	Authority  *Authority  // whom the origins' certificates come from
	Resolver   *Resolver   // knows the origins' names, and can be told others
	CloudWatch *CloudWatch // honest until told otherwise

	internet *internet
	dir      string // holds the root's certificate
}

// Start brings a stage up. Close must be called.
func Start(o Options) (*Stage, error) {
	s := &Stage{}
	if err := s.start(o); err != nil {
		return nil, errors.Join(fmt.Errorf("starting the stage: %w", err), s.Close())
	}
	return s, nil
}

func (s *Stage) start(o Options) error {
	var err error
	if s.Authority, err = NewAuthority(); err != nil {
		return err
	}
	if s.dir, err = os.MkdirTemp("", "rollcall-stage-"); err != nil {
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
	if s.internet, err = newInternet(s.Authority); err != nil {
		return err
	}
	for name, site := range s.internet.sites {
		s.Resolver.Set(name, site.dns)
	}
	for _, name := range slices.Sorted(maps.Keys(o.Handlers)) {
		s.Handle(name, o.Handlers[name])
	}
	return nil
}

// Close ends every server, waits for all of their goroutines and removes what
// the stage wrote.
func (s *Stage) Close() error {
	var errs []error
	if s.internet != nil {
		errs = append(errs, s.internet.Close())
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

// Handle lets h answer for a host name over HTTPS and HTTP, as an entry of
// Options.Handlers does. Its answers announce how long they were held in
// HeldHeader.
func (s *Stage) Handle(name string, h http.Handler) Origin {
	o := s.internet.share(name, "as told", h)
	s.Resolver.Set(name, here())
	return o
}

// Origins returns all origins: the sites, then the rogues, then what came by
// Handle.
func (s *Stage) Origins() []Origin {
	s.internet.mu.Lock()
	defer s.internet.mu.Unlock()
	return slices.Clone(s.internet.all)
}

// Origin returns the origin that answers for a host: the one of that name, or
// the wildcard above it.
func (s *Stage) Origin(host string) (Origin, bool) {
	site, ok := s.internet.find(host)
	if !ok {
		return Origin{}, false
	}
	return site.origin, true
}

// Connections returns how many connections came for an origin so far. On a
// listener that origins share, a TLS connection counts when its client has said
// whom it wants, a plain one with its first request.
func (s *Stage) Connections(name string) int { return s.internet.connections(name) }

// Accepted returns how many TCP connections all origins have accepted so far.
func (s *Stage) Accepted() int { return s.internet.acceptedAll() }

// Env returns the variables that point a function, or the terminal program, at
// the stage. The rest of its environment is the caller's.
func (s *Stage) Env() []string {
	return []string{
		"ROLLCALL_DNS=" + s.Resolver.Addr().String(),
		"ROLLCALL_CLOUDWATCH_ENDPOINT=" + s.CloudWatch.URL(),
		"ROLLCALL_ALLOW=127.0.0.0/8",
		"ROLLCALL_CANARY=",
		"SSL_CERT_FILE=" + s.rootFile(),
	}
}

func (s *Stage) rootFile() string { return filepath.Join(s.dir, "root.pem") }
