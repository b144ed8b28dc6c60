package faults

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"rollcall/internal/testnet"
)

const fastDrip = 10 * time.Millisecond // of what ends

// silentFaults let the client wait for a response, or end without one.
func silentFaults() []testnet.Server {
	return []testnet.Server{
		{Name: "dripping-headers", Description: "sends its headers a byte every 100 ms and never ends",
			Start: testnet.OverHTTP(testnet.Sequence(testnet.Send(testnet.StatusLine+"X-Drip: "), testnet.Repeat(".", testnet.DripInterval)))},
		{Name: "dripping-headers-ok", Description: "sends its headers 10 bytes every 10 ms, and ends",
			CounterpartOf: "dripping-headers", Start: testnet.OverHTTP(testnet.Drip(testnet.OK, 10, fastDrip))},
		{Name: "head-hanging", Description: "sends a part of its headers and then nothing",
			Start: testnet.OverHTTP(testnet.Sequence(testnet.Send(testnet.Head), testnet.Hang))},
		{Name: "head-closing", Description: "sends a part of its headers and closes", Start: testnet.OverHTTP(testnet.Send(testnet.Head))},
		{Name: "head-resetting", Description: "sends a part of its headers and resets", Start: testnet.OverHTTP(testnet.Sequence(testnet.Send(testnet.Head), testnet.Reset))},
		{Name: "response-ok", Description: "responds and closes",
			CounterpartOf: "closing resetting head-hanging head-closing head-resetting " +
				"garbage http-0.9 ssh binary-garbage no-status status-letters status-99 status-1000 http-3 smtp",
			Start: testnet.OverHTTP(testnet.Send(testnet.OK))},
	}
}

// noHTTPFaults respond with what is not HTTP, or nearly.
func noHTTPFaults() []testnet.Server {
	return []testnet.Server{
		{Name: "binary-garbage", Description: "sends bytes of every value, terminal escapes among them", Start: testnet.OverHTTP(testnet.Send(everyByte()))},
		{Name: "http-0.9", Description: "responds with a page and no headers, as HTTP/0.9 did",
			Start: testnet.OverHTTP(testnet.Send("<html><title>a page</title></html>\n"))},
		{Name: "ssh", Description: "responds as an SSH server", Start: testnet.OverHTTP(testnet.Send("SSH-2.0-OpenSSH_9.2\r\n"))},
		{Name: "smtp", Description: "responds as a mail server", Start: testnet.OverHTTP(testnet.Send("220 mail.stage.test ESMTP\r\n"))},
		{Name: "http-3", Description: "responds with a version that HTTP/1.1 has not", Start: testnet.OverHTTP(testnet.Send("HTTP/3.0 200 OK\r\n\r\n"))},
		{Name: "no-status", Description: "its status line has no status", Start: testnet.OverHTTP(testnet.Send("HTTP/1.1\r\n\r\n"))},
		{Name: "status-letters", Description: "its status is a word", Start: testnet.OverHTTP(testnet.Send("HTTP/1.1 YES OK\r\n\r\n"))},
		{Name: "status-99", Description: "its status has two digits", Start: testnet.OverHTTP(testnet.Send("HTTP/1.1 99 Low\r\n\r\n"))},
		{Name: "status-099", Description: "its status has three digits and is below 100", Start: testnet.OverHTTP(testnet.Send("HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n"))},
		{Name: "status-1000", Description: "its status has four digits", Start: testnet.OverHTTP(testnet.Send("HTTP/1.1 1000 High\r\n\r\n"))},
		{Name: "status-999", Description: "its status is the highest of three digits", Start: testnet.OverHTTP(testnet.Send("HTTP/1.1 999 High\r\nContent-Length: 0\r\n\r\n"))},
		{Name: "status-299", Description: "its status is a success that has no name, without a phrase",
			CounterpartOf: "status-99 status-099 status-1000 status-999", Start: testnet.OverHTTP(testnet.Send("HTTP/1.1 299\r\nContent-Length: 0\r\n\r\n"))},
		{Name: "http-1.0", Description: "responds with HTTP/1.0 and closes",
			CounterpartOf: "http-0.9 http-3", Start: testnet.OverHTTP(testnet.Send("HTTP/1.0 200 OK\r\nConnection: close\r\n\r\nold"))},
	}
}

// everyByte is garbage with all 256 values, and escapes that would change a
// terminal's title and colour.
func everyByte() string {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(255 - i)
	}
	return "\x1b]0;owned\x07\x1b[31m" + string(all)
}

// smallHeaders is a response with n of them.
func smallHeaders(n int) string {
	var head strings.Builder
	for i := range n {
		fmt.Fprintf(&head, "a%d:\r\n", i)
	}
	return testnet.StatusLine + "Content-Length: 0\r\n" + head.String() + "\r\n"
}

// headFaults respond with headers that are too many or malformed, or nearly.
func headFaults() []testnet.Server {
	longLine := "X-Large: " + strings.Repeat("x", 1013) + "\r\n" // 1 KiB
	return []testnet.Server{
		{Name: "endless-headers", Description: "sends headers without end", Start: testnet.OverHTTP(testnet.Sequence(testnet.Send(testnet.StatusLine), testnet.Repeat(longLine, 0)))},
		{Name: "endless-header", Description: "sends one header without end", Start: testnet.OverHTTP(testnet.Sequence(testnet.Send(testnet.StatusLine+"X-Endless: "), testnet.Repeat(longLine[:1022], 0)))},
		{Name: "large-headers-ok", Description: "responds with headers of 200 KiB",
			CounterpartOf: "large-headers endless-headers endless-header", Start: testnet.OverHTTP(testnet.LargeHeaders(200))},
		{Name: "many-headers", Description: "responds with 30,000 small headers", Start: testnet.OverHTTP(testnet.Send(smallHeaders(30_000)))},
		{Name: "many-headers-ok", Description: "responds with 900 small headers",
			CounterpartOf: "many-headers", Start: testnet.OverHTTP(testnet.Send(smallHeaders(900)))},
		{Name: "header-no-colon", Description: "one of its headers has no colon", CounterpartOf: "header-control", Start: testnet.OverHTTP(testnet.Send(testnet.StatusLine + "this is not a header\r\nContent-Length: 0\r\n\r\n"))},
		{Name: "header-blank-name", Description: "one of its headers has a blank in its name", CounterpartOf: "header-control", Start: testnet.OverHTTP(testnet.Send(testnet.StatusLine + "Bad Name: x\r\nContent-Length: 0\r\n\r\n"))},
		{Name: "header-control", Description: "one of its headers holds control characters", Start: testnet.OverHTTP(testnet.Send(testnet.StatusLine + "X-Bad: \x00\x1b[31m\r\nContent-Length: 0\r\n\r\n"))},
		{Name: "obs-fold", Description: "one of its headers goes on in the next line, as was once allowed",
			CounterpartOf: "header-control", Start: testnet.OverHTTP(testnet.Send(testnet.StatusLine + "X-Folded: one\r\n two\r\nContent-Length: 0\r\n\r\n"))},
		{Name: "header-odd-ok", Description: "one of its headers is empty, one holds UTF-8, and lines end without a return",
			CounterpartOf: "header-control",
			Start:         testnet.OverHTTP(testnet.Send("HTTP/1.1 200 OK\nX-Empty:\nX-Text: grün\nContent-Length: 0\n\n"))},
	}
}

// interimFaults send interim responses, or switch the protocol.
func interimFaults() []testnet.Server {
	const hints = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
	const upgrade = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: nothing\r\n\r\n"
	return []testnet.Server{
		{Name: "1xx-flood", Description: "sends interim responses without end", Start: testnet.OverHTTP(testnet.Repeat(hints, 0))},
		{Name: "1xx-drip", Description: "sends an interim response every 100 ms without end", Start: testnet.OverHTTP(testnet.Repeat(hints, testnet.DripInterval))},
		{Name: "early-hints", Description: "sends one 103 before its response",
			CounterpartOf: "1xx-flood 1xx-drip", Start: testnet.OverHTTP(testnet.Send(hints + testnet.OK))},
		{Name: "continue-100", Description: "sends 100 Continue, which was not asked for, before its response",
			CounterpartOf: "1xx-flood 1xx-drip", Start: testnet.OverHTTP(testnet.Send("HTTP/1.1 100 Continue\r\n\r\n" + testnet.OK))},
		{Name: "switching-101", Description: "switches to a protocol that was not asked for, and stays",
			Start: testnet.OverHTTP(testnet.Sequence(testnet.Send(upgrade+"\x00\x01\x02"), testnet.Hang))},
		{Name: "upgrade-offered", Description: "offers another protocol and responds",
			CounterpartOf: "switching-101", Start: testnet.OverHTTP(testnet.Send(testnet.StatusLine + "Upgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\nok"))},
	}
}

// statusFaults are correct responses with a status of failure, or nearly.
func statusFaults() []testnet.Server {
	rows := []testnet.Server{
		{Name: "status-204", Description: "responds 204, without a body",
			CounterpartOf: "status-304 status-429 status-500 status-503", Start: testnet.Shared(bare(http.StatusNoContent))},
		{Name: "status-304", Description: "responds 304, though nothing was conditional", Start: testnet.Shared(bare(http.StatusNotModified))},
		{Name: "status-200", Description: "responds 200",
			CounterpartOf: "status-401 status-403 status-404 status-418", Start: testnet.Shared(testnet.Status(http.StatusOK))},
		{Name: "status-206", Description: "responds 206, though no part was asked for",
			CounterpartOf: "status-404", Start: testnet.Shared(testnet.Status(http.StatusPartialContent))},
	}
	for _, status := range []int{401, 403, 418, 429, 502, 503} {
		rows = append(rows, testnet.Server{Name: fmt.Sprint("status-", status), Description: fmt.Sprint("responds ", status), Start: testnet.Shared(testnet.Status(status))})
	}
	return rows
}

// bare responds with a status that has no body.
func bare(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
}
