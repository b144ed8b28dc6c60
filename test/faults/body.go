package faults

import (
	"context"
	"fmt"
	"io"
	"strings"

	"rollcall/internal/testnet"
)

// framingFaults end their body too soon, too late or never, or nearly.
func framingFaults() []testnet.Server {
	const chunked = testnet.Head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
	return []testnet.Server{
		{Name: "truncated-reset", Description: "resets before its body's end",
			Start: testnet.OverHTTP(testnet.Sequence(testnet.Send(testnet.Head+"Content-Length: 1000\r\n\r\nonly this much"), testnet.Reset))},
		{Name: "exact", Description: "closes at its body's end", CounterpartOf: "truncated truncated-reset", Start: testnet.OverHTTP(testnet.Send(testnet.OK))},
		{Name: "truncated-chunked", Description: "closes without the last chunk", Start: testnet.OverHTTP(testnet.Send(chunked))},
		{Name: "truncated-chunk", Description: "closes within a chunk", Start: testnet.OverHTTP(testnet.Send(chunked + "10\r\nhalf"))},
		{Name: "overlong-chunk", Description: "has a chunk that is longer than it says", Start: testnet.OverHTTP(testnet.Send(chunked + "2\r\nworld\r\n0\r\n\r\n"))},
		{Name: "huge-chunk", Description: "announces a chunk that no number holds", Start: testnet.OverHTTP(testnet.Send(chunked + "fffffffffffffffff\r\nworld\r\n"))},
		{Name: "endless-chunk-extension", Description: "sends an extension of a chunk without end",
			Start: testnet.OverHTTP(testnet.Sequence(testnet.Send(chunked+"5;"), testnet.Repeat("extension;", 0)))},
		{Name: "chunked", Description: "sends its body in chunks, one with an extension, and ends with trailers",
			CounterpartOf: "truncated-chunked truncated-chunk bad-chunk overlong-chunk huge-chunk endless-chunk-extension",
			Start:         testnet.OverHTTP(testnet.Send(chunked + "6;a=b\r\n world\r\n0\r\nX-Trailer: yes\r\n\r\n"))},
		{Name: "two-lengths", Description: "has two lengths, which differ", Start: testnet.OverHTTP(testnet.Send(testnet.Head + "Content-Length: 2\r\nContent-Length: 3\r\n\r\nok"))},
		{Name: "bad-length", Description: "has a length that is not a number", Start: testnet.OverHTTP(testnet.Send(testnet.Head + "Content-Length: -2\r\n\r\nok"))},
		{Name: "bad-transfer-encoding", Description: "has a transfer encoding that is none", Start: testnet.OverHTTP(testnet.Send(testnet.Head + "Transfer-Encoding: parcels\r\n\r\nok"))},
		{Name: "same-lengths", Description: "has two lengths, which agree",
			CounterpartOf: "two-lengths bad-length bad-transfer-encoding", Start: testnet.OverHTTP(testnet.Send(testnet.Head + "Content-Length: 2\r\nContent-Length: 2\r\n\r\nok"))},
		{Name: "cut-until-close", Description: "ends its body by closing the connection, and TLS not at all, which clients forgive",
			CounterpartOf: "truncated", Start: testnet.OverHTTP(testnet.Sequence(testnet.Send(testnet.Head+"Connection: close\r\n\r\nuntil the end"), cutTCP))},
		{Name: "until-close", Description: "ends its body by closing the connection",
			CounterpartOf: "truncated", Start: testnet.OverHTTP(testnet.Send(testnet.Head + "Connection: close\r\n\r\nuntil the end"))},
		{Name: "trailing-garbage", Description: "sends garbage after its body's end", CounterpartOf: "truncated", Start: testnet.OverHTTP(testnet.Send(testnet.OK + "\x00\x01 garbage"))},
		{Name: "two-responses", Description: "sends two responses", CounterpartOf: "truncated", Start: testnet.OverHTTP(testnet.Send(testnet.OK + testnet.OK))},
	}
}

// sizeFaults have a body that is large, slow or not there.
func sizeFaults() []testnet.Server {
	const mebibyte = 1 << 20
	return []testnet.Server{
		{Name: "empty", Description: "responds 200 without a body", CounterpartOf: "truncated large-body",
			Start: testnet.OverHTTP(testnet.Send(testnet.Head + "Content-Length: 0\r\n\r\n"))},
		{Name: "large-body", Description: "has a body of 3 MiB", Start: testnet.OverHTTP(sized(3 * mebibyte))},
		{Name: "body-over", Description: "has a body of 1 MiB and a byte", Start: testnet.OverHTTP(sized(mebibyte + 1))},
		{Name: "body-exact", Description: "has a body of 1 MiB", CounterpartOf: "large-body body-over endless-body endless-chunks",
			Start: testnet.OverHTTP(sized(mebibyte))},
		{Name: "endless-body", Description: "has a body without end",
			Start: testnet.OverHTTP(testnet.Sequence(testnet.Send(testnet.Head+"Connection: close\r\n\r\n"), testnet.Repeat(strings.Repeat(phrase, 256), 0)))},
		{Name: "endless-chunks", Description: "sends chunks without end",
			Start: testnet.OverHTTP(testnet.Sequence(testnet.Send(testnet.Head+"Transfer-Encoding: chunked\r\n\r\n"), testnet.Repeat("40\r\n"+phrase+"\r\n", 0)))},
		{Name: "dripping-ok", Description: "sends its body a byte every 10 ms, ten of them",
			CounterpartOf: "dripping body-hanging", Start: testnet.OverHTTP(testnet.Sequence(testnet.Send(testnet.Head+"Content-Length: 10\r\n\r\n"), testnet.Drip("..........", 1, fastDrip)))},
		{Name: "body-hanging", Description: "sends a part of its body and then nothing",
			Start: testnet.OverHTTP(testnet.Sequence(testnet.Send(testnet.Head+"Content-Length: 1000\r\n\r\na part"), testnet.Hang))},
	}
}

// phrase is 64 bytes of body.
const phrase = "64 bytes of a body that says nothing, again, again, and again.\r\n"

// sized responds with a body of size bytes.
func sized(size int64) testnet.ConnHandler {
	return testnet.Sequence(testnet.Send(testnet.Head+fmt.Sprintf("Content-Length: %d\r\n\r\n", size)), sendBytes(phrase, size))
}

// cutTCP ends the connection below TLS, which then ends without close_notify.
func cutTCP(_ context.Context, c *testnet.Client) { c.TCP.CloseWrite() }

// sendBytes sends what of an endless text comes first, size bytes of it.
func sendBytes(text string, size int64) testnet.ConnHandler {
	return func(_ context.Context, c *testnet.Client) { io.Copy(c, io.LimitReader(&endless{text: text}, size)) }
}

// endless reads as a text over and over.
type endless struct {
	text string
	at   int
}

// Read fills p.
func (e *endless) Read(p []byte) (int, error) {
	for n := 0; n < len(p); {
		copied := copy(p[n:], e.text[e.at:])
		n += copied
		e.at = (e.at + copied) % len(e.text)
	}
	return len(p), nil
}
