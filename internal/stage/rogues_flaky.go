package stage

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync"
)

// flakyRogues fail the first connections for each name below theirs and work
// from then on, so that every test can have names of its own.
func flakyRogues() []rogue {
	const busy = "HTTP/1.1 %\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
	status := func(text string) act { return says(strings.Replace(busy, "%", text, 1)) }
	return []rogue{
		{name: "*.flaky", description: "resets a name's first connection, then works", beside: "resetting", start: overHTTP(flaky(1, reset))},
		{name: "*.flaky-2", description: "resets a name's first two connections, then works", beside: "resetting", start: overHTTP(flaky(2, reset))},
		{name: "*.flaky-closing", description: "closes a name's first connection, then works", beside: "closing", start: overHTTP(flaky(1, leave))},
		{name: "*.flaky-hanging", description: "does not answer on a name's first connection, then works", beside: "hanging", start: overHTTP(flaky(1, hang))},
		{name: "*.flaky-503", description: "answers 503 on a name's first connection, then works",
			beside: "status-503 status-500 status-502", start: overHTTP(flaky(1, status("503 Service Unavailable")))},
		{name: "*.flaky-429", description: "answers 429 on a name's first connection, then works",
			beside: "status-429", start: overHTTP(flaky(1, status("429 Too Many Requests")))},
		{name: "*.flaky-404", description: "answers 404 on a name's first connection, then works, which nobody should find out",
			beside: "status-404", start: overHTTP(flaky(1, status("404 Not Found")))},
	}
}

// flaky lets fail act on the first connections for each host, and answers 200
// on the others.
func flaky(first int, fail act) act {
	var mu sync.Mutex
	seen := map[string]int{}
	return func(ctx context.Context, c *caller) {
		host := hostOf(c.request)
		mu.Lock()
		seen[host]++
		failing := seen[host] <= first
		mu.Unlock()
		if failing {
			fail(ctx, c)
			return
		}
		says(ok)(ctx, c)
	}
}

// hostOf is the host name that a request is for.
func hostOf(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.Host); err == nil {
		return canonical(host)
	}
	return canonical(r.Host)
}
