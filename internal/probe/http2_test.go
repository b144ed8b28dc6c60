package probe

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"rollcall/internal/check"
)

// speakingHTTP2 reads a request over HTTP/2 and lets respond write what comes
// back on its stream, which is 1; then it reads on until the client closes.
func speakingHTTP2(respond func(*http2.Framer)) func(net.Conn) {
	return func(c net.Conn) {
		if _, err := io.ReadFull(c, make([]byte, len(http2.ClientPreface))); err != nil {
			return
		}
		framer := http2.NewFramer(c, c)
		framer.WriteSettings()
		for {
			frame, err := framer.ReadFrame()
			if err != nil {
				return
			}
			if _, ok := frame.(*http2.HeadersFrame); ok {
				respond(framer)
			}
		}
	}
}

// headers writes a response's headers, in as many frames as it takes.
func headers(f *http2.Framer, fields ...string) {
	packed := bytes.NewBuffer(block(fields...))
	const most = 16 << 10
	first := packed.Next(most)
	f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: first, EndHeaders: packed.Len() == 0})
	for packed.Len() > 0 {
		part := packed.Next(most)
		f.WriteContinuation(1, packed.Len() == 0, part)
	}
}

// block is headers as HPACK has them.
func block(fields ...string) []byte {
	var b bytes.Buffer
	encoder := hpack.NewEncoder(&b)
	for i := 0; i < len(fields); i += 2 {
		encoder.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	return b.Bytes()
}

// TestHTTP2Errors: what a server may do over HTTP/2.
func TestHTTP2Errors(t *testing.T) {
	raw := func(reply string) func(net.Conn) {
		return func(c net.Conn) {
			io.ReadFull(c, make([]byte, len(http2.ClientPreface)))
			io.WriteString(c, reply)
			io.Copy(io.Discard, c)
		}
	}
	for _, test := range []struct {
		name   string
		serve  func(net.Conn)
		want   check.Reason
		detail string
	}{
		{"a response", speakingHTTP2(func(f *http2.Framer) {
			headers(f, ":status", "200")
			f.WriteData(1, true, []byte("hello"))
		}), check.OK, ""},
		{"large headers", speakingHTTP2(func(f *http2.Framer) {
			fields := []string{":status", "200"}
			for i := range 300 {
				fields = append(fields, fmt.Sprint("x-", i), strings.Repeat("x", 1<<10))
			}
			headers(f, fields...)
		}), check.HeadersTooLarge, tooManyHeaders},
		{"a thousand headers", speakingHTTP2(func(f *http2.Framer) {
			headers(f, append([]string{":status", "200"}, slices.Repeat([]string{"a", "b"}, maxFields)...)...)
			f.WriteData(1, true, nil)
		}), check.OK, ""},
		{"more than a thousand headers", speakingHTTP2(func(f *http2.Framer) {
			headers(f, append([]string{":status", "200"}, slices.Repeat([]string{"a", "b"}, maxFields+1)...)...)
			f.WriteData(1, true, nil)
		}), check.HeadersTooLarge, tooManyHeaders},
		{"the stream is reset", speakingHTTP2(func(f *http2.Framer) {
			f.WriteRSTStream(1, http2.ErrCodeRefusedStream)
		}), check.ConnectionReset, "server reset the request: REFUSED_STREAM"},
		{"the stream is reset in the body", speakingHTTP2(func(f *http2.Framer) {
			headers(f, ":status", "200")
			f.WriteData(1, false, []byte("hel"))
			f.WriteRSTStream(1, http2.ErrCodeInternal)
		}), check.BodyTruncated, "closed before the end of the body"},
		{"more padding than frame, and gzip reads again", speakingHTTP2(func(f *http2.Framer) {
			headers(f, ":status", "200", "content-encoding", "gzip")
			f.WriteRawFrame(http2.FrameData, http2.FlagDataPadded, 1, []byte{200, 'x'})
		}), check.BodyInvalid, "more padding than frame"},
		{"GOAWAY", speakingHTTP2(func(f *http2.Framer) {
			f.WriteGoAway(0, http2.ErrCodeEnhanceYourCalm, nil)
		}), check.ConnectionClosed, ""},
		{"HTTP/1.1", raw("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"), check.BadResponse, notHTTP2},
		{"garbage", raw(strings.Repeat("SSH-2.0-OpenSSH_9.2\r\n", 10)), check.BadResponse, notHTTP2},
		{"closed at once", func(c net.Conn) {
			c.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, c)
		}, check.ConnectionClosed, closedEarly},
	} {
		t.Run(test.name, func(t *testing.T) {
			res := overTCP(t, test.serve, "/", func(*check.Settings) {})
			if res.Reason != test.want || !strings.Contains(res.Detail, test.detail) {
				t.Errorf("Probe = %v (%s), want %v (%s)", res.Reason, res.Detail, test.want, test.detail)
			}
		})
	}
}
