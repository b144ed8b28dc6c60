package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"net/netip"
	neturl "net/url"
	"os"
	"path/filepath"
	"time"

	"rollcall/internal/config"
	"rollcall/internal/plan"
)

// besideFile returns sources in which a path of an event is looked up beside the
// event's own file first.
func besideFile(file string, sources map[string]plan.Source) map[string]plan.Source {
	root, err := os.OpenRoot(filepath.Dir(file))
	if err != nil {
		return sources // reading the event says why
	}
	beside, elsewhere := plan.Files(root.FS()), sources["file"]
	with := maps.Clone(sources)
	with["file"] = func(ctx context.Context, u *neturl.URL, known plan.Version) (io.ReadCloser, plan.Version, error) {
		r, version, err := beside(ctx, u, known)
		if errors.Is(err, fs.ErrNotExist) {
			return elsewhere(ctx, u, known)
		}
		return r, version, err
	}
	return with
}

// fetch returns what opens the sitemaps that an index names: with the resolver,
// the address guard and the roots of checks.
func fetch(c config.Config, sys system) func(context.Context, string) (io.ReadCloser, error) {
	const patience = 30 * time.Second // for each
	lookup := newResolver(c).Lookup
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		found, err := lookup(ctx, "ip", host, patience)
		if err != nil {
			return nil, err
		}
		last := fmt.Errorf("no address for %s", host)
		for _, ip := range found.Addrs {
			to, err := netip.ParseAddrPort(net.JoinHostPort(ip.String(), port))
			if err != nil {
				return nil, err
			}
			if refused := c.Guard.Check(to); refused != "" {
				last = errors.New(refused)
				continue
			}
			conn, err := new(net.Dialer).DialContext(ctx, network, to.String())
			if err == nil {
				return conn, nil
			}
			last = err
		}
		return nil, last
	}
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DialContext: dial, TLSClientConfig: &tls.Config{RootCAs: sys.roots}}}
	return func(ctx context.Context, link string) (io.ReadCloser, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, link, nil)
		if err != nil {
			return nil, err
		}
		request.Header.Set("User-Agent", "rollcall/"+version)
		response, err := client.Do(request)
		if err != nil {
			return nil, err
		}
		if response.StatusCode != http.StatusOK {
			response.Body.Close()
			return nil, fmt.Errorf("status %s", response.Status)
		}
		return response.Body, nil
	}
}
