package probe

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"rollcall/internal/check"
	"rollcall/internal/weburl"
)

// protocolNames are what is offered by ALPN.
var protocolNames = [...][]string{
	check.HTTP1:   nil, // a server that knows no ALPN speaks it
	check.HTTP2:   {"h2"},
	check.AnyHTTP: {"h2", "http/1.1"},
}

const (
	ourStream = 1 // the first that a client opens (RFC 9113, 5.1.1), and our only one

	// ourWindow is how much a server may send unasked: more than the largest
	// maxBody. With one stream nobody needs a smaller one; TCP's window does it all.
	ourWindow = 1 << 30

	firstWindow  = 65_535 // how much we may send before a server says otherwise (6.9.2)
	leastLargest = 16_384 // the largest frame that everybody takes (4.2)

	// maxFrames bounds the frames of a response that carry nothing of it: pings,
	// settings, those that a client must ignore, empty ones. Each costs a server
	// nine bytes.
	maxFrames = 10_000
	// updateShare is how many bytes of a request are worth one more such frame: a
	// server responds to them with updates of its window.
	updateShare = 256
)

// An http2Conn is a connection for one request and its response over HTTP/2.
// It is spoken on the goroutine of the check, which reads one frame after the
// other: what the connection's deadline or end interrupts is over. See
// docs/decisions/http2-by-frames.md.
type http2Conn struct {
	conn    *observer
	buffers *buffers // what is to be written; what was read
	framer  *http2.Framer
	decoder *hpack.Decoder

	body           string // of the request, what is still to be sent
	window, shared int64  // what may be sent of it: on the stream, on the connection
	initial        int64  // the server's SETTINGS_INITIAL_WINDOW_SIZE

	greeted   bool // the server's first frame has come
	goingAway *verdict
	frames    int // that may still come and carry nothing
	head      head
	bodiless  bool           // no response to this request has a body
	response  *http.Response // nil until its head has come
	ended     bool           // the response is complete
	left      int            // bytes of the current DATA frame that are not read yet
	padding   int            // bytes behind them
	last      bool           // the current DATA frame is the last
	remaining int64          // bytes of the body that are to come; -1: unknown
	failed    error          // what ended the reading of the body
}

// errOnlyHTTP2 is of a server that speaks HTTP/2 though we do not.
var errOnlyHTTP2 = &verdict{reason: check.BadResponse, detail: `server speaks HTTP/2 only: set "http" to "2"`}

// errWantsHTTP1 is of a server that takes a request over HTTP/1.1 only.
var errWantsHTTP1 = &verdict{reason: check.BadResponse, detail: `server takes this request over HTTP/1.1 only: set "http" to "1.1" or "auto"`}

func newHTTP2(conn *observer) *http2Conn {
	c := &http2Conn{
		conn: conn, buffers: spare.Get().(*buffers), frames: maxFrames,
		window: firstWindow, shared: firstWindow, initial: firstWindow,
	}
	c.buffers.request.Reset()
	c.buffers.response.Reset(c)
	c.framer = http2.NewFramer(&c.buffers.request, c.buffers.response)
	c.framer.SetMaxReadFrameSize(leastLargest)
	c.head.room, c.head.packed, c.head.fields, c.head.share = maxHeaders, maxHeaders, maxFields, conn.share
	c.decoder = hpack.NewDecoder(4096, c.head.field)
	c.decoder.SetMaxStringLength(maxHeaders)
	return c
}

func (c *http2Conn) roundTrip(h *hop) (*http.Response, error) {
	c.body, c.bodiless = h.body, h.method == http.MethodHead
	c.buffers.request.WriteString(http2.ClientPreface)
	c.framer.WriteSettings( // a bytes.Buffer takes everything
		http2.Setting{ID: http2.SettingEnablePush, Val: 0},
		http2.Setting{ID: http2.SettingInitialWindowSize, Val: ourWindow},
		http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: maxHeaders},
	)
	c.framer.WriteWindowUpdate(0, ourWindow-firstWindow)
	c.writeHead(hpackBlock(h))
	c.sendBody()
	c.send()
	for c.response == nil {
		if err := c.advance(); err != nil {
			return nil, err
		}
	}
	return c.response, nil
}

// writeHead writes the request's fields, as frames that everybody takes.
func (c *http2Conn) writeHead(block []byte) {
	end := c.body == ""
	for first := true; first || len(block) > 0; first = false {
		n := min(len(block), leastLargest)
		if first {
			c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: ourStream, BlockFragment: block[:n], EndStream: end, EndHeaders: n == len(block)})
		} else {
			c.framer.WriteContinuation(ourStream, n == len(block), block[:n])
		}
		block = block[n:]
	}
}

// notForHTTP2 are the fields of a connection, which HTTP/2 has no place for
// (RFC 9113, 8.2.2), and those that we write ourselves.
var notForHTTP2 = map[string]bool{
	"Connection": true, "Proxy-Connection": true, "Keep-Alive": true, "Transfer-Encoding": true, "Upgrade": true,
	"Host": true, "Content-Length": true,
}

func hpackBlock(h *hop) []byte {
	host := cmp.Or(h.host, h.url.Host)
	if ascii, err := httpguts.PunycodeHostPort(host); err == nil {
		host = ascii
	}
	var block bytes.Buffer
	e := hpack.NewEncoder(&block) // whose writes can't fail
	write := func(name, value string) { e.WriteField(hpack.HeaderField{Name: name, Value: value}) }
	write(":method", h.method)
	write(":scheme", h.url.Scheme)
	write(":authority", host)
	write(":path", weburl.RequestURI(h.url))
	for name, values := range h.sentHeader() {
		if notForHTTP2[name] {
			continue
		}
		for _, value := range values {
			if name != "Te" || value == "trailers" {
				write(strings.ToLower(name), value)
			}
		}
	}
	switch {
	case h.body != "", h.method == http.MethodPost, h.method == http.MethodPut, h.method == http.MethodPatch:
		write("content-length", strconv.Itoa(len(h.body)))
	}
	return block.Bytes()
}

// sendBody writes as much of the request's body as the server's windows allow.
func (c *http2Conn) sendBody() {
	for c.body != "" {
		n := int(min(int64(len(c.body)), leastLargest, c.window, c.shared))
		if n <= 0 {
			return
		}
		c.framer.WriteData(ourStream, n == len(c.body), []byte(c.body[:n]))
		c.body = c.body[n:]
		c.window -= int64(n)
		c.shared -= int64(n)
		c.frames += n / updateShare
		if c.buffers.request.Len() >= 4*leastLargest {
			c.send()
		}
	}
}

// send leaves a failure to whoever reads: there may be a response all the same.
func (c *http2Conn) send() {
	c.conn.Write(c.buffers.request.Bytes())
	c.buffers.request.Reset()
}

// Read reads of the connection, once everything has left that the server has to
// know before it says more.
func (c *http2Conn) Read(p []byte) (int, error) {
	if c.buffers.request.Len() > 0 {
		c.conn.wire.Aside(true) // no response follows from it
		c.send()
		c.conn.wire.Aside(false)
	}
	return c.conn.Read(p)
}

// Close closes the connection; TLS sends its close_notify, unless we had more to
// say that nobody took.
func (c *http2Conn) Close() error {
	if c.body != "" {
		c.conn.wire.Close()
	}
	err := c.conn.Close()
	spare.Put(c.buffers)
	return err
}

// broken is an error of a server that does not keep to RFC 9113.
func broken(code http2.ErrCode, how string) error { return fmt.Errorf("HTTP/2 %v: %s", code, how) }

// advance reads one frame and does what it asks for.
func (c *http2Conn) advance() error {
	h, err := c.framer.ReadFrameHeader()
	if !c.greeted {
		if err := c.greet(h, err); err != nil {
			return err
		}
	}
	if err != nil {
		return c.failure(err)
	}
	if c.frames--; c.frames < 0 {
		return broken(http2.ErrCodeEnhanceYourCalm, "too many frames that carry nothing of a response")
	}
	switch h.Type {
	case http2.FrameData, http2.FrameHeaders:
		if h.StreamID != ourStream {
			return broken(http2.ErrCodeProtocol, "a response to no request of ours")
		}
		if h.Type == http2.FrameHeaders {
			return c.readHead(h)
		}
		return c.startData(h)
	case http2.FramePushPromise:
		return broken(http2.ErrCodeProtocol, "a push, which we refuse")
	case http2.FrameSettings, http2.FramePing, http2.FrameGoAway, http2.FrameRSTStream, http2.FrameWindowUpdate:
		f, err := c.framer.ReadFrameForHeader(h)
		if err != nil {
			return c.failure(err)
		}
		return c.control(f)
	}
	_, err = c.buffers.response.Discard(int(h.Length)) // priorities, and what is to come: to be ignored (5.5)
	return err
}

// greet judges the first frame: a server begins with its settings (3.4), or says
// that it goes.
func (c *http2Conn) greet(h http2.FrameHeader, err error) error {
	c.greeted = true
	framed := (h.Type == http2.FrameSettings || h.Type == http2.FrameGoAway) && h.StreamID == 0 && h.Length <= leastLargest
	if err == nil && framed {
		return nil
	}
	ended := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	if err != nil && (!ended || startsHTTP2(string(c.conn.start))) && !errors.Is(err, http2.ErrFrameTooLarge) {
		return err
	}
	return &verdict{reason: check.BadResponse, detail: notHTTP2}
}

// startsHTTP2 reports whether text is, or may become, a frame of settings: its
// type is in the fourth byte.
func startsHTTP2(text string) bool { return len(text) < 4 || text[3] == byte(http2.FrameSettings) }

// failure says why no frame could be read.
func (c *http2Conn) failure(err error) error {
	if c.goingAway != nil && c.response == nil && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) {
		return c.goingAway
	}
	var code http2.ErrCode
	switch e := err.(type) {
	case http2.ConnectionError:
		code = http2.ErrCode(e)
	case http2.StreamError:
		code = e.Code
	default:
		if errors.Is(err, http2.ErrFrameTooLarge) {
			return broken(http2.ErrCodeFrameSize, "a frame larger than 16 KiB")
		}
		return err
	}
	if why := c.framer.ErrorDetail(); why != nil {
		return broken(code, why.Error())
	}
	return broken(code, "an invalid frame")
}

// control does what a frame asks for that is not a part of a response.
func (c *http2Conn) control(f http2.Frame) error {
	switch f := f.(type) {
	case *http2.SettingsFrame:
		if f.IsAck() {
			return nil
		}
		if err := f.ForeachSetting(c.setting); err != nil {
			return err
		}
		c.framer.WriteSettingsAck()
		c.sendMore()
	case *http2.PingFrame:
		if !f.IsAck() {
			c.framer.WritePing(true, f.Data)
		}
	case *http2.WindowUpdateFrame:
		window := &c.shared
		if f.StreamID == ourStream {
			window = &c.window
		} else if f.StreamID != 0 {
			return nil
		}
		if *window += int64(f.Increment); *window > math.MaxInt32 {
			return broken(http2.ErrCodeFlowControl, "a window beyond 2 GiB")
		}
		c.sendMore()
	case *http2.GoAwayFrame:
		if f.ErrCode == http2.ErrCodeHTTP11Required && c.response == nil {
			return errWantsHTTP1
		}
		c.goingAway = &verdict{reason: check.ConnectionClosed, detail: goAway}
		if f.LastStreamID < ourStream && c.response == nil {
			return c.goingAway
		}
	case *http2.RSTStreamFrame:
		switch {
		case f.StreamID != ourStream:
		case c.response != nil:
			return io.ErrUnexpectedEOF
		case f.ErrCode == http2.ErrCodeHTTP11Required:
			return errWantsHTTP1
		default:
			return &verdict{reason: check.ConnectionReset, detail: "server reset the request: " + f.ErrCode.String()}
		}
	}
	return nil
}

// setting takes one of the server's settings. The others bind whoever sends
// more than one head.
func (c *http2Conn) setting(s http2.Setting) error {
	if err := s.Valid(); err != nil {
		return c.failure(err)
	}
	if s.ID == http2.SettingInitialWindowSize {
		c.window += int64(s.Val) - c.initial
		c.initial = int64(s.Val)
		if c.window > math.MaxInt32 {
			return broken(http2.ErrCodeFlowControl, "a window beyond 2 GiB")
		}
	}
	return nil
}

// sendMore sends what a larger window allows.
func (c *http2Conn) sendMore() {
	if c.body != "" && c.window > 0 && c.shared > 0 {
		c.sendBody()
		c.send()
	}
}

// readHead reads a head, to its last frame: an interim one, the response's, or
// its trailers.
func (c *http2Conn) readHead(h http2.FrameHeader) error {
	if !c.conn.seen {
		c.conn.noteFirstByte()
	}
	f, err := c.framer.ReadFrameForHeader(h)
	if err != nil {
		return c.failure(err)
	}
	first := f.(*http2.HeadersFrame)
	ends := first.StreamEnded()
	c.head.begin(c.response != nil)
	c.decoder.SetEmitEnabled(true)
	fragment, complete := first.HeaderBlockFragment(), first.HeadersEnded()
	for {
		if c.head.packed -= len(fragment); c.head.packed < 0 {
			return errHeadersTooLarge
		}
		_, err := c.decoder.Write(fragment)
		switch {
		case c.head.err != nil:
			return c.head.err
		case errors.Is(err, hpack.ErrStringLength):
			return errHeadersTooLarge
		case err != nil:
			return broken(http2.ErrCodeCompression, err.Error())
		case complete:
			if err := c.decoder.Close(); err != nil {
				return broken(http2.ErrCodeCompression, err.Error())
			}
			return c.takeHead(ends)
		}
		if c.frames--; c.frames < 0 {
			return errHeadersTooLarge
		}
		f, err := c.framer.ReadFrame()
		if err != nil {
			return c.failure(err)
		}
		next := f.(*http2.ContinuationFrame) // the framer lets nothing else through
		fragment, complete = next.HeaderBlockFragment(), next.HeadersEnded()
	}
}

// takeHead takes what a complete head says.
func (c *http2Conn) takeHead(ends bool) error {
	if c.response != nil { // these are trailers, which nobody reads
		if !ends {
			return broken(http2.ErrCodeProtocol, "headers within the body")
		}
		c.ended = true
		return nil
	}
	status, err := strconv.Atoi(c.head.status)
	if err != nil || len(c.head.status) != 3 || status < 0 {
		return broken(http2.ErrCodeProtocol, "no status of three digits")
	}
	if status/100 == 1 {
		if ends {
			return broken(http2.ErrCodeProtocol, "a response that ends before it begins")
		}
		return nil
	}
	header := c.head.header
	for name := range notForHTTP2 {
		if name != "Content-Length" && name != "Host" {
			delete(header, name)
		}
	}
	c.ended = ends
	c.bodiless = c.bodiless || status == http.StatusNoContent || status == http.StatusNotModified
	c.remaining = contentLength(header)
	c.response = &http.Response{
		Proto: "HTTP/2.0", ProtoMajor: 2, StatusCode: status, Status: c.head.status + " " + http.StatusText(status),
		Header: header, ContentLength: c.remaining, Body: http.NoBody,
	}
	if !c.bodiless {
		c.response.Body = http2Body{c}
	}
	return nil
}

// contentLength is what a header says of its body's length; -1: nothing that
// could be meant.
func contentLength(header http.Header) int64 {
	values := header["Content-Length"]
	for _, v := range values {
		if v != values[0] {
			return -1
		}
	}
	if len(values) > 0 {
		if n, err := strconv.ParseUint(values[0], 10, 63); err == nil {
			return int64(n)
		}
	}
	return -1
}

// startData begins to read a DATA frame, whose payload is left to whoever reads
// the body.
func (c *http2Conn) startData(h http2.FrameHeader) error {
	if c.response == nil {
		return broken(http2.ErrCodeProtocol, "a body before its headers")
	}
	c.left, c.padding = int(h.Length), 0
	if h.Flags.Has(http2.FlagDataPadded) {
		b, err := c.buffers.response.ReadByte()
		if err != nil {
			return err
		}
		c.padding = int(b)
		if c.left -= 1 + c.padding; c.left < 0 {
			return broken(http2.ErrCodeProtocol, "more padding than frame")
		}
	}
	c.last = h.Flags.Has(http2.FlagDataEndStream)
	if c.left == 0 {
		return c.endData()
	}
	c.frames++ // it carries something
	return nil
}

// endData passes over the padding of the current DATA frame.
func (c *http2Conn) endData() error {
	c.ended = c.last
	_, err := c.buffers.response.Discard(c.padding)
	return err
}

// An http2Body is the body of a response over HTTP/2.
type http2Body struct{ c *http2Conn }

func (http2Body) Close() error { return nil }

// Read reads of the body what there is. After an error nothing more is read: some
// decoders ask again.
func (b http2Body) Read(p []byte) (n int, err error) {
	c := b.c
	if c.failed != nil {
		return 0, c.failed
	}
	defer func() { c.failed = err }()
	for c.left == 0 && !c.ended {
		if err := c.advance(); err != nil {
			return 0, midway(err)
		}
	}
	switch {
	case c.left == 0 && c.remaining > 0:
		return 0, io.ErrUnexpectedEOF
	case c.left == 0:
		return 0, io.EOF
	case c.remaining >= 0 && int64(c.left) > c.remaining:
		return 0, broken(http2.ErrCodeProtocol, "a body longer than its Content-Length")
	}
	n, err = c.buffers.response.Read(p[:min(len(p), c.left)])
	c.left -= n
	if c.remaining >= 0 {
		c.remaining -= int64(n)
	}
	if err == nil && c.left == 0 {
		err = c.endData()
	}
	return n, midway(err)
}

// midway is err where nothing should have ended yet.
func midway(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// A head is the fields of one head, and what those of a response may still take.
type head struct {
	room     int // as RFC 9113, 6.5.2, counts them
	packed   int // as they come
	fields   int
	share    *share
	header   http.Header
	status   string
	trailers bool
	err      error // what is wrong with them
}

func (h *head) begin(trailers bool) { h.header, h.status, h.trailers = http.Header{}, "", trailers }

// field takes one. After the first that is wrong nothing counts any more.
func (h *head) field(f hpack.HeaderField) {
	if h.err != nil {
		return
	}
	h.room -= int(f.Size())
	if f.Name != ":status" {
		h.fields--
	}
	if h.room < 0 || h.fields < 0 {
		h.err = errHeadersTooLarge
		return
	}
	if h.err = h.share.hold(headWeight(int(f.Size()), 1)); h.err != nil {
		return
	}
	switch {
	case !httpguts.ValidHeaderFieldValue(f.Value):
		h.err = broken(http2.ErrCodeProtocol, fmt.Sprintf("invalid value of header %q", f.Name))
	case f.Name == ":status" && h.status == "" && len(h.header) == 0 && !h.trailers:
		h.status = f.Value
	case !httpguts.ValidHeaderFieldName(f.Name) || strings.ToLower(f.Name) != f.Name: // a colon is none of a name's
		h.err = broken(http2.ErrCodeProtocol, fmt.Sprintf("invalid header %q", f.Name))
	case !h.trailers:
		key := http.CanonicalHeaderKey(f.Name)
		h.header[key] = append(h.header[key], f.Value)
	}
}
