package stage

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

const (
	slowHold     = 1500 * time.Millisecond
	dripInterval = 100 * time.Millisecond // of what never ends
	briskly      = 10 * time.Millisecond  // of what ends

	line = "HTTP/1.1 200 OK\r\n"
	head = line + "Content-Type: text/plain\r\n"
	ok   = head + "Content-Length: 2\r\n\r\nok"
)

// silentRogues let the caller wait for an answer, or end without one.
func silentRogues() []rogue {
	return []rogue{
		{name: "slow", description: "answers after 1.5 s", beside: "hanging", start: shared(page{name: "slow", hold: slowHold}.ServeHTTP)},
		{name: "hanging", description: "takes the request and never answers", start: shared(silence)},
		{name: "closing", description: "takes the request and closes", start: overHTTP(leave)},
		{name: "resetting", description: "takes the request and resets", start: overHTTP(reset)},
		{name: "dripping-headers", description: "sends its headers a byte every 100 ms and never ends",
			start: overHTTP(then(says(line+"X-Drip: "), repeats(".", dripInterval)))},
		{name: "dripping-headers-ok", description: "sends its headers 10 bytes every 10 ms, and ends",
			beside: "dripping-headers", start: overHTTP(drips(ok, 10, briskly))},
		{name: "head-hanging", description: "sends a part of its headers and then nothing",
			start: overHTTP(then(says(head), hang))},
		{name: "head-closing", description: "sends a part of its headers and closes", start: overHTTP(says(head))},
		{name: "head-resetting", description: "sends a part of its headers and resets", start: overHTTP(then(says(head), reset))},
		{name: "answer-ok", description: "answers and closes",
			beside: "closing resetting head-hanging head-closing head-resetting " +
				"garbage http-0.9 ssh binary-garbage no-status status-letters status-99 status-1000 http-3 smtp",
			start: overHTTP(says(ok))},
	}
}

// noHTTPRogues answer what is no HTTP, or nearly.
func noHTTPRogues() []rogue {
	return []rogue{
		{name: "garbage", description: "answers what is no HTTP", start: overHTTP(says("\x00\x01\x02 this is no HTTP\r\n\r\n"))},
		{name: "binary-garbage", description: "answers bytes of every value, terminal escapes among them", start: overHTTP(says(everyByte()))},
		{name: "http-0.9", description: "answers with a page and no headers, as HTTP/0.9 did",
			start: overHTTP(says("<html><title>a page</title></html>\n"))},
		{name: "ssh", description: "answers as an SSH server", start: overHTTP(says("SSH-2.0-OpenSSH_9.2\r\n"))},
		{name: "smtp", description: "answers as a mail server", start: overHTTP(says("220 mail.stage.test ESMTP\r\n"))},
		{name: "http-3", description: "answers with a version that HTTP/1.1 has not", start: overHTTP(says("HTTP/3.0 200 OK\r\n\r\n"))},
		{name: "no-status", description: "its status line has no status", start: overHTTP(says("HTTP/1.1\r\n\r\n"))},
		{name: "status-letters", description: "its status is a word", start: overHTTP(says("HTTP/1.1 YES OK\r\n\r\n"))},
		{name: "status-99", description: "its status has two digits", start: overHTTP(says("HTTP/1.1 99 Low\r\n\r\n"))},
		{name: "status-099", description: "its status has three digits and is below 100", start: overHTTP(says("HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n"))},
		{name: "status-1000", description: "its status has four digits", start: overHTTP(says("HTTP/1.1 1000 High\r\n\r\n"))},
		{name: "status-999", description: "its status is the highest of three digits", start: overHTTP(says("HTTP/1.1 999 High\r\nContent-Length: 0\r\n\r\n"))},
		{name: "status-299", description: "its status is a success that nobody has named, without a phrase",
			beside: "status-99 status-099 status-1000 status-999", start: overHTTP(says("HTTP/1.1 299\r\nContent-Length: 0\r\n\r\n"))},
		{name: "http-1.0", description: "answers with HTTP/1.0 and closes",
			beside: "http-0.9 http-3", start: overHTTP(says("HTTP/1.0 200 OK\r\nConnection: close\r\n\r\nold"))},
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

// headRogues answer with headers that are too many or malformed, or nearly.
func headRogues() []rogue {
	longLine := "X-Large: " + strings.Repeat("x", 1013) + "\r\n" // 1 KiB
	return []rogue{
		{name: "large-headers", description: "answers with headers of 300 KiB", start: overHTTP(large(300))},
		{name: "endless-headers", description: "sends headers without end", start: overHTTP(then(says(line), repeats(longLine, 0)))},
		{name: "endless-header", description: "sends one header without end", start: overHTTP(then(says(line+"X-Endless: "), repeats(longLine[:1022], 0)))},
		{name: "large-headers-ok", description: "answers with headers of 200 KiB",
			beside: "large-headers endless-headers endless-header", start: overHTTP(large(200))},
		{name: "header-no-colon", description: "one of its headers has no colon", start: overHTTP(says(line + "this is no header\r\nContent-Length: 0\r\n\r\n"))},
		{name: "header-blank-name", description: "one of its headers has a blank in its name", start: overHTTP(says(line + "Bad Name: x\r\nContent-Length: 0\r\n\r\n"))},
		{name: "header-control", description: "one of its headers holds control characters", start: overHTTP(says(line + "X-Bad: \x00\x1b[31m\r\nContent-Length: 0\r\n\r\n"))},
		{name: "obs-fold", description: "one of its headers goes on in the next line, as was once allowed",
			beside: "header-no-colon", start: overHTTP(says(line + "X-Folded: one\r\n two\r\nContent-Length: 0\r\n\r\n"))},
		{name: "header-odd-ok", description: "one of its headers is empty, one holds UTF-8, and lines end without a return",
			beside: "header-no-colon header-blank-name header-control",
			start:  overHTTP(says("HTTP/1.1 200 OK\nX-Empty:\nX-Text: grün\nContent-Length: 0\n\n"))},
	}
}

// large answers with headers of so many KiB.
func large(kibibytes int) act {
	return func(_ context.Context, c *caller) {
		w := bufio.NewWriter(c)
		w.WriteString(line + "Content-Length: 0\r\n")
		for i := range kibibytes {
			name := fmt.Sprintf("X-Large-%d: ", i)
			w.WriteString(name + strings.Repeat("x", 1022-len(name)) + "\r\n")
		}
		w.WriteString("\r\n")
		w.Flush()
	}
}

// interimRogues send interim answers, or switch the protocol.
func interimRogues() []rogue {
	const hints = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
	const upgrade = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: nothing\r\n\r\n"
	return []rogue{
		{name: "1xx-flood", description: "sends interim answers without end", start: overHTTP(repeats(hints, 0))},
		{name: "1xx-drip", description: "sends an interim answer every 100 ms without end", start: overHTTP(repeats(hints, dripInterval))},
		{name: "early-hints", description: "sends one 103 before its answer",
			beside: "1xx-flood 1xx-drip", start: overHTTP(says(hints + ok))},
		{name: "continue-100", description: "sends 100 Continue, which nobody asked for, before its answer",
			beside: "1xx-flood 1xx-drip", start: overHTTP(says("HTTP/1.1 100 Continue\r\n\r\n" + ok))},
		{name: "switching-101", description: "switches to a protocol that nobody asked for, and stays",
			start: overHTTP(then(says(upgrade+"\x00\x01\x02"), hang))},
		{name: "upgrade-offered", description: "offers another protocol and answers",
			beside: "switching-101", start: overHTTP(says(line + "Upgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\nok"))},
	}
}

// statusRogues answer soundly, with a status that says no, or nearly.
func statusRogues() []rogue {
	rows := []rogue{
		{name: "status-204", description: "answers 204, without a body",
			beside: "status-304 status-429 status-500 status-503", start: shared(bare(http.StatusNoContent))},
		{name: "status-304", description: "answers 304, though nothing was conditional", start: shared(bare(http.StatusNotModified))},
		{name: "status-200", description: "answers 200",
			beside: "status-401 status-403 status-404 status-418", start: shared(fixed(http.StatusOK))},
		{name: "status-206", description: "answers 206, though no part was asked for",
			beside: "status-404", start: shared(fixed(http.StatusPartialContent))},
	}
	for _, status := range []int{401, 403, 404, 418, 429, 500, 502, 503} {
		rows = append(rows, rogue{name: fmt.Sprint("status-", status), description: fmt.Sprint("answers ", status), start: shared(fixed(status))})
	}
	return rows
}

// silence holds the answer until the client goes away.
func silence(_ http.ResponseWriter, r *http.Request) {
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}

// fixed answers with a status.
func fixed(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { answer(w, status, http.StatusText(status)) }
}

// bare answers with a status that has no body.
func bare(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
}
