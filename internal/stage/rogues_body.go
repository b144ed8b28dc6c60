package stage

import (
	"context"
	"fmt"
	"io"
	"strings"
)

// framingRogues end their body too soon, too late or never, or nearly.
func framingRogues() []rogue {
	const chunked = head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
	return []rogue{
		{name: "truncated", description: "closes before its body's end", start: overHTTP(says(head + "Content-Length: 1000\r\n\r\nonly this much"))},
		{name: "truncated-reset", description: "resets before its body's end",
			start: overHTTP(then(says(head+"Content-Length: 1000\r\n\r\nonly this much"), reset))},
		{name: "exact", description: "closes at its body's end", beside: "truncated truncated-reset", start: overHTTP(says(ok))},
		{name: "truncated-chunked", description: "closes without the last chunk", start: overHTTP(says(chunked))},
		{name: "truncated-chunk", description: "closes within a chunk", start: overHTTP(says(chunked + "10\r\nhalf"))},
		{name: "bad-chunk", description: "breaks its body's chunks", start: overHTTP(says(chunked + "zz\r\nworld\r\n"))},
		{name: "overlong-chunk", description: "has a chunk that is longer than it says", start: overHTTP(says(chunked + "2\r\nworld\r\n0\r\n\r\n"))},
		{name: "huge-chunk", description: "announces a chunk that no number holds", start: overHTTP(says(chunked + "fffffffffffffffff\r\nworld\r\n"))},
		{name: "endless-chunk-extension", description: "sends an extension of a chunk without end",
			start: overHTTP(then(says(chunked+"5;"), repeats("extension;", 0)))},
		{name: "chunked", description: "sends its body in chunks, one with an extension, and ends with trailers",
			beside: "truncated-chunked truncated-chunk bad-chunk overlong-chunk huge-chunk endless-chunk-extension",
			start:  overHTTP(says(chunked + "6;a=b\r\n world\r\n0\r\nX-Trailer: yes\r\n\r\n"))},
		{name: "two-lengths", description: "has two lengths, which differ", start: overHTTP(says(head + "Content-Length: 2\r\nContent-Length: 3\r\n\r\nok"))},
		{name: "bad-length", description: "has a length that is no number", start: overHTTP(says(head + "Content-Length: -2\r\n\r\nok"))},
		{name: "bad-transfer-encoding", description: "has a transfer encoding that is none", start: overHTTP(says(head + "Transfer-Encoding: parcels\r\n\r\nok"))},
		{name: "same-lengths", description: "has two lengths, which agree",
			beside: "two-lengths bad-length bad-transfer-encoding", start: overHTTP(says(head + "Content-Length: 2\r\nContent-Length: 2\r\n\r\nok"))},
		{name: "cut-until-close", description: "ends its body by closing the connection, and TLS not at all, which clients forgive",
			beside: "truncated", start: overHTTP(then(says(head+"Connection: close\r\n\r\nuntil the end"), cutOff))},
		{name: "until-close", description: "ends its body by closing the connection",
			beside: "truncated", start: overHTTP(says(head + "Connection: close\r\n\r\nuntil the end"))},
		{name: "trailing-garbage", description: "sends garbage after its body's end", beside: "truncated", start: overHTTP(says(ok + "\x00\x01 garbage"))},
		{name: "answering-twice", description: "answers twice", beside: "truncated", start: overHTTP(says(ok + ok))},
	}
}

// sizeRogues have a body that is large, slow or not there.
func sizeRogues() []rogue {
	const mebibyte = 1 << 20
	return []rogue{
		{name: "empty", description: "answers 200 without a body", beside: "truncated large-body",
			start: overHTTP(says(head + "Content-Length: 0\r\n\r\n"))},
		{name: "large-body", description: "has a body of 3 MiB", start: overHTTP(sized(3 * mebibyte))},
		{name: "body-over", description: "has a body of 1 MiB and a byte", start: overHTTP(sized(mebibyte + 1))},
		{name: "body-exact", description: "has a body of 1 MiB", beside: "large-body body-over endless-body endless-chunks",
			start: overHTTP(sized(mebibyte))},
		{name: "endless-body", description: "has a body without end",
			start: overHTTP(then(says(head+"Connection: close\r\n\r\n"), repeats(strings.Repeat(phrase, 256), 0)))},
		{name: "endless-chunks", description: "sends chunks without end",
			start: overHTTP(then(says(head+"Transfer-Encoding: chunked\r\n\r\n"), repeats("40\r\n"+phrase+"\r\n", 0)))},
		{name: "dripping", description: "sends its body a byte every 100 ms and never ends",
			start: overHTTP(then(says(head+"Content-Length: 1000000\r\n\r\n"), repeats(".", dripInterval)))},
		{name: "dripping-ok", description: "sends its body a byte every 10 ms, ten of them",
			beside: "dripping body-hanging", start: overHTTP(then(says(head+"Content-Length: 10\r\n\r\n"), drips("..........", 1, briskly)))},
		{name: "body-hanging", description: "sends a part of its body and then nothing",
			start: overHTTP(then(says(head+"Content-Length: 1000\r\n\r\na part"), hang))},
	}
}

// phrase is 64 bytes of body.
const phrase = "64 bytes of a body that says nothing, again, again, and again.\r\n"

// sized answers with a body of so many bytes.
func sized(size int64) act {
	return then(says(head+fmt.Sprintf("Content-Length: %d\r\n\r\n", size)), sends(phrase, size))
}

// cutOff ends the connection below TLS, which then ends without a goodbye.
func cutOff(_ context.Context, c *caller) { c.tcp.CloseWrite() }

// sends sends what of an endless text comes first, size bytes of it.
func sends(text string, size int64) act {
	return func(_ context.Context, c *caller) { io.Copy(c, io.LimitReader(&endless{text: text}, size)) }
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
