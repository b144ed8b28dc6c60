package probe

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math"
	"net/http"
	"strings"
	"sync"

	"rollcall/internal/check"
	"rollcall/internal/weburl"
)

// maxHeaders bounds a response's headers.
const maxHeaders = 256 << 10

// An http1 is a connection for one request and its response over HTTP/1.1.
// net/http writes and reads both, but without its Transport: with its two
// goroutines and two buffers a check takes 0.57 ms of CPU for 0.50.
type http1 struct {
	conn    *observer
	room    int64 // bytes that headers may still take
	lines   int   // of headers so far, and of what came with the last of them
	buffers *buffers
	in      *bufio.Reader // what is read next
	sending sync.WaitGroup
}

var errHeadersTooLarge = &verdict{reason: check.HeadersTooLarge, detail: tooManyHeaders}

type buffers struct {
	request  bytes.Buffer
	response *bufio.Reader
}

var spare = sync.Pool{New: func() any { return &buffers{response: bufio.NewReader(nil)} }}

func newHTTP1(conn *observer) *http1 {
	c := &http1{conn: conn, room: maxHeaders, buffers: spare.Get().(*buffers)}
	c.buffers.request.Reset()
	c.buffers.response.Reset(c)
	return c
}

// roundTrip sends a hop's request and reads the head of its response. Browsers shrug
// at much that net/http refuses: of such a head it gets a repaired copy, and warnings
// say what was repaired.
func (c *http1) roundTrip(h *hop) (*http.Response, error) {
	req := &http.Request{
		Method: h.method, URL: weburl.ForRequest(h.url, h.host), Host: h.host, Header: h.sentHeader(),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, ContentLength: int64(len(h.body)), Body: http.NoBody,
	}
	if h.body != "" {
		req.Body = io.NopCloser(strings.NewReader(h.body))
	}
	if err := req.Write(&c.buffers.request); err != nil {
		return nil, err
	}
	send := func() { c.conn.Write(c.buffers.request.Bytes()) } // who reads has a failure too, or a response all the same
	if h.body != "" {
		c.sending.Go(send) // a response need not wait for all of it
	} else {
		send()
	}
	c.in = c.buffers.response
	first, err := c.in.Peek(1)
	if err != nil {
		return nil, err
	}
	c.conn.noteFirstByte()
	if first[0] == 0 { // no HTTP/1 begins so, but a frame of settings does
		if frame, _ := c.in.Peek(9); len(frame) == 9 && startsHTTP2(string(frame)) {
			return nil, errOnlyHTTP2
		}
	}
	for {
		head, large := c.head()
		repaired, warnings := repair(head)
		c.conn.warnings = append(c.conn.warnings, warnings...)
		if repaired != nil && !large {
			c.in.Discard(len(head))
		}
		if repaired != nil {
			head = repaired
		}
		if repaired != nil || large {
			c.in = bufio.NewReader(io.MultiReader(bytes.NewReader(head), c.in))
		}
		resp, err := http.ReadResponse(c.in, req)
		switch {
		case err != nil && c.fullOfHeaders():
			return nil, errHeadersTooLarge
		case err != nil:
			return nil, err
		case resp.StatusCode/100 != 1, resp.StatusCode == http.StatusSwitchingProtocols:
			c.room = math.MaxInt64
			return resp, nil
		}
	}
}

// head returns the next head of the connection up to its blank line, or what
// has come of it if the connection ends before. One that does not fit into the
// buffer is large, and is taken out of it.
func (c *http1) head() (head []byte, large bool) {
	for n := 1; n <= c.in.Size(); n = c.in.Buffered() + 1 {
		_, err := c.in.Peek(n)
		head, _ = c.in.Peek(c.in.Buffered())
		if end := endOfHead(head); end > 0 {
			return head[:end], false
		}
		if err != nil {
			return head, false
		}
	}
	head = nil
	for begins := true; ; { // a line
		part, err := c.in.ReadSlice('\n')
		head = append(head, part...)
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) || begins && len(bytes.TrimRight(part, "\r\n")) == 0 {
			return head, true
		}
		begins = err == nil
	}
}

// Read reads of the connection, but no more headers than there is room for.
func (c *http1) Read(p []byte) (int, error) {
	if c.room > maxHeaders { // this is of the body
		return c.conn.Read(p)
	}
	if c.fullOfHeaders() {
		return 0, errHeadersTooLarge
	}
	n, err := c.conn.Read(p[:min(int64(len(p)), c.room)])
	c.room -= int64(n)
	lines := bytes.Count(p[:n], []byte("\n"))
	c.lines += lines
	if err := c.conn.share.hold(headWeight(n, lines)); err != nil {
		return 0, err
	}
	return n, err
}

func (c *http1) fullOfHeaders() bool { return c.room == 0 || c.lines > maxFields }

// Close closes the connection, once; TLS sends its close_notify.
func (c *http1) Close() error {
	err := c.conn.Close()
	c.sending.Wait()
	spare.Put(c.buffers)
	return err
}
