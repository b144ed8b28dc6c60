// The plain Go pool: what most people write first. A number of goroutines share
// one http.Client with net/http's defaults and measure with the process's
// clock. It is a peer of the bench.
package main

import (
	"context"
	"flag"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"time"

	"rollcall/test/bench/peer"
)

func main() {
	server := flag.String("dns", "", "resolver as host:port instead of the system's")
	flag.Func("timeout", "of a check", func(text string) (err error) {
		http.DefaultClient.Timeout, err = time.ParseDuration(text)
		return err
	})
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		if *server != "" {
			address = *server
		}
		var d net.Dialer
		return d.DialContext(ctx, network, address)
	}}
	peer.Main(check)
}

// check measures as a program does that knows httptrace and nothing else.
func check(url string) peer.Check {
	var asked, responded time.Time
	began := time.Now()
	ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
		WroteRequest:         func(httptrace.WroteRequestInfo) { asked = time.Now() },
		GotFirstResponseByte: func() { responded = time.Now() },
	})
	failure := get(ctx, url)
	c := peer.Check{URL: url, Failure: failure, Duration: time.Since(began)}
	if failure == "" {
		c.First = responded.Sub(asked)
	}
	return c
}

// get reads a whole response, and returns why that failed, or "".
func get(ctx context.Context, url string) string {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err.Error()
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return err.Error()
	}
	if res.StatusCode != http.StatusOK {
		return res.Status
	}
	return ""
}
