package faults

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync"

	"rollcall/internal/testnet"
)

// flakyFaults fail the first connections for each name below theirs and work
// from then on, so that every test can have names of its own.
func flakyFaults() []testnet.Server {
	const busy = "HTTP/1.1 %\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
	status := func(text string) testnet.ConnHandler { return testnet.Send(strings.Replace(busy, "%", text, 1)) }
	return []testnet.Server{
		{Name: "*.flaky", Description: "resets a name's first connection, then works", CounterpartOf: "resetting", Start: testnet.OverHTTP(flaky(1, testnet.Reset))},
		{Name: "*.flaky-2", Description: "resets a name's first two connections, then works", CounterpartOf: "resetting", Start: testnet.OverHTTP(flaky(2, testnet.Reset))},
		{Name: "*.flaky-closing", Description: "closes a name's first connection, then works", CounterpartOf: "closing", Start: testnet.OverHTTP(flaky(1, testnet.CloseConn))},
		{Name: "*.flaky-hanging", Description: "does not respond on a name's first connection, then works", CounterpartOf: "hanging", Start: testnet.OverHTTP(flaky(1, testnet.Hang))},
		{Name: "*.flaky-503", Description: "responds 503 on a name's first connection, then works",
			CounterpartOf: "status-503 status-500 status-502", Start: testnet.OverHTTP(flaky(1, status("503 Service Unavailable")))},
		{Name: "*.flaky-429", Description: "responds 429 on a name's first connection, then works",
			CounterpartOf: "status-429", Start: testnet.OverHTTP(flaky(1, status("429 Too Many Requests")))},
		{Name: "*.flaky-404", Description: "responds 404 on a name's first connection, then works, which should stay hidden",
			CounterpartOf: "status-404", Start: testnet.OverHTTP(flaky(1, status("404 Not Found")))},
	}
}

// flaky lets fail act on the first connections for each host, and responds 200
// on the others.
func flaky(first int, fail testnet.ConnHandler) testnet.ConnHandler {
	var mu sync.Mutex
	seen := map[string]int{}
	return func(ctx context.Context, c *testnet.Client) {
		host := HostOf(c.Request)
		mu.Lock()
		seen[host]++
		failing := seen[host] <= first
		mu.Unlock()
		if failing {
			fail(ctx, c)
			return
		}
		testnet.Send(testnet.OK)(ctx, c)
	}
}

// HostOf is the host name that a request is for.
func HostOf(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.Host); err == nil {
		return testnet.Canonical(host)
	}
	return testnet.Canonical(r.Host)
}
