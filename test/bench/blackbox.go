package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"rollcall/test/bench/peer"
)

const (
	blackboxProgram = "prometheus-blackbox-exporter"
	blackboxConfig  = "modules:\n  page:\n    prober: http\n    timeout: %v\n    http:\n      preferred_ip_protocol: ip4\n"
)

// blackbox starts the exporter and asks it for every host, as Prometheus does,
// a number of probes at once. It gets each host's address, and resolves no name.
func (r *rig) blackbox(ctx context.Context, j job) (usage, []reported, error) {
	config, err := r.write("blackbox.yml", fmt.Sprintf(blackboxConfig, clientTimeout))
	if err != nil {
		return usage{}, nil, err
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return usage{}, nil, err
	}
	address := listener.Addr().String()
	listener.Close() // the exporter can't pick a port
	p, err := r.start(ctx, nil, blackboxProgram, "--config.file="+config, "--web.listen-address="+address, "--log.level=error")
	if err != nil {
		return usage{}, nil, err
	}
	x := &exporter{address: address, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: j.inFlight, MaxConnsPerHost: j.inFlight}}}
	if err := x.await(ctx); err != nil {
		_, stopped := p.stop()
		return usage{}, nil, fmt.Errorf("%w (%v)", err, stopped)
	}
	began := time.Now()
	var out bytes.Buffer
	if err := peer.Pool(&out, j.urls, j.inFlight, func(url string) peer.Check { return x.probe(ctx, url) }); err != nil {
		return usage{}, nil, err
	}
	wall := time.Since(began)
	x.client.CloseIdleConnections()
	u, err := p.stop()
	if err != nil {
		return u, nil, err
	}
	u.Wall = wall // it was ready before
	checks, err := parseLines(out.String())
	return u, checks, err
}

// An exporter is a running blackbox_exporter.
type exporter struct {
	address string
	client  *http.Client
}

// await waits until it responds.
func (x *exporter) await(ctx context.Context) error {
	var err error
	for range 100 {
		var res *http.Response
		if res, err = http.Get("http://" + x.address + "/-/healthy"); err == nil {
			res.Body.Close()
			return nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return fmt.Errorf("%s does not respond: %w", blackboxProgram, err)
}

// probe asks for one URL.
func (x *exporter) probe(ctx context.Context, raw string) peer.Check {
	c := peer.Check{URL: raw}
	u, err := url.Parse(raw)
	if err != nil {
		c.Failure = err.Error()
		return c
	}
	query := url.Values{"module": {"page"}, "target": {"https://127.0.0.1:" + u.Port() + "/"}, "hostname": {u.Hostname()}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+x.address+"/probe?"+query.Encode(), nil)
	if err != nil {
		c.Failure = err.Error()
		return c
	}
	res, err := x.client.Do(req)
	if err != nil {
		c.Failure = err.Error()
		return c
	}
	defer res.Body.Close()
	return readProbe(c, res.Body)
}

// readProbe reads what an exporter says of a probe, in Prometheus's text form.
func readProbe(c peer.Check, body io.Reader) peer.Check {
	values := map[string]float64{}
	scanner := bufio.NewScanner(body)
	for scanner.Scan() {
		name, text, _ := strings.Cut(scanner.Text(), " ")
		if value, err := strconv.ParseFloat(text, 64); err == nil {
			values[name] = value
		}
	}
	if err := scanner.Err(); err != nil {
		c.Failure = err.Error()
		return c
	}
	seconds := func(name string) time.Duration { return time.Duration(values[name] * float64(time.Second)) }
	c.Duration, c.First = seconds("probe_duration_seconds"), seconds(`probe_http_duration_seconds{phase="processing"}`)
	if values["probe_success"] != 1 {
		c.Failure = fmt.Sprintf("status %v", values["probe_http_status_code"])
	}
	return c
}
