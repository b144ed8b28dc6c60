package faults

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"rollcall/internal/pause"
	"rollcall/internal/testnet"
)

const (
	dearly  = 400 * time.Millisecond // of what adds up to a timeout
	cheaply = 20 * time.Millisecond  // of what does not
)

// timeFaults take their time where a client may forget to count it: within the
// head of a redirect, before it, or in a handshake that they then refuse.
func timeFaults() []testnet.Server {
	const hints = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
	return []testnet.Server{
		{Name: "dribbling-redirects", Description: "redirects without end; the first byte of each comes at once, the rest after 400 ms",
			Start: testnet.OverHTTP(steps(1<<30, "H", dearly, "TTP/1.1 "))},
		{Name: "dribbling-redirects-ok", Description: "redirects three times so, with 20 ms",
			CounterpartOf: "dribbling-redirects", Start: testnet.OverHTTP(steps(3, "H", cheaply, "TTP/1.1 "))},
		{Name: "hinting-redirects", Description: "redirects without end; a 103 comes at once, each redirect after 400 ms",
			Start: testnet.OverHTTP(steps(1<<30, hints, dearly, "HTTP/1.1 "))},
		{Name: "hinting-redirects-ok", Description: "redirects three times so, with 20 ms",
			CounterpartOf: "hinting-redirects", Start: testnet.OverHTTP(steps(3, hints, cheaply, "HTTP/1.1 "))},
		{Name: "late-refusals", Description: "refuses every other handshake after 400 ms, and redirects without end",
			Start: refusing(dearly, 1<<30)},
		{Name: "late-refusals-ok", Description: "refuses every other handshake after 20 ms, and redirects three times",
			CounterpartOf: "late-refusals", Start: refusing(cheaply, 3)},
	}
}

// steps redirects so often, from /1 to /2 and so on. It says first, and after a
// while the rest, which begins with then.
func steps(often int, first string, after time.Duration, then string) testnet.ConnHandler {
	return func(ctx context.Context, c *testnet.Client) {
		at, _ := strconv.Atoi(strings.Trim(c.Request.URL.Path, "/")) // the first path is /, which is 0
		io.WriteString(c, first)
		if !pause.For(ctx, after) {
			return
		}
		if at < often {
			fmt.Fprintf(c, "%s302 Found\r\nLocation: /%d\r\nContent-Length: 0\r\n\r\n", then, at+1)
		} else {
			io.WriteString(c, then+"200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	}
}

// refusing responds to every other hello with handshake_failure, after a while.
func refusing(after time.Duration, often int) testnet.Starter {
	return func(n *testnet.Hosts, host string) (*testnet.Host, error) {
		var callers atomic.Int64
		config := &tls.Config{GetCertificate: n.Certificate(host)}
		return testnet.OverTCP(func(ctx context.Context, c *testnet.Client) {
			c.SetReadDeadline(time.Now().Add(testnet.RequestTimeout))
			if callers.Add(1)%2 == 1 {
				afterHello(testnet.Sequence(waiting(after), alert(fatal, handshakeFailure)))(ctx, c)
				return
			}
			c.Conn = tls.Server(c.Conn, config)
			c.Serve(ctx, steps(often, "", 0, "HTTP/1.1 "))
		})(n, host)
	}
}

func waiting(d time.Duration) testnet.ConnHandler {
	return func(ctx context.Context, _ *testnet.Client) { pause.For(ctx, d) }
}
