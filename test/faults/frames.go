package faults

import (
	"context"
	"io"
	"math"

	"rollcall/internal/testnet"

	"golang.org/x/net/http2"
)

// firstWindow is how much each side of HTTP/2 may send at first (RFC 9113, 6.9.2).
const firstWindow = 65_535

// frameFaults speak HTTP/2 in frames that a client could get lost in.
func frameFaults() []testnet.Server {
	const unknown = 0x77 // a type of frame that is unknown
	flood := func(write func(*h2Client) error) testnet.Starter {
		return overHTTP2(func(c *h2Client) {
			for write(c) == nil {
			}
		})
	}
	rows := []testnet.Server{
		{Name: "h2-window-overflow", Description: "adds 2 GiB to the window of the request's stream, and says no more",
			Start: overHTTP2(func(c *h2Client) { c.WriteWindowUpdate(c.stream, math.MaxInt32); c.drain() })},
		{Name: "h2-window-overflow-late", Description: "adds as much after its headers",
			Start: overHTTP2(func(c *h2Client) {
				c.head(false, ":status", "200")
				c.WriteWindowUpdate(c.stream, math.MaxInt32)
				c.drain()
			})},
		{Name: "h2-connection-overflow", Description: "adds 2 GiB to the connection's window",
			Start: overHTTP2(func(c *h2Client) { c.WriteWindowUpdate(0, math.MaxInt32); c.drain() })},
		{Name: "h2-settings-overflow", Description: "sets the largest window and adds one byte to it",
			Start: overHTTP2(func(c *h2Client) {
				c.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: math.MaxInt32})
				c.WriteWindowUpdate(c.stream, 1)
				c.drain()
			})},
		{Name: "h2-update-overflow", Description: "adds one byte to a window and sets the largest",
			Start: overHTTP2(func(c *h2Client) {
				c.WriteWindowUpdate(c.stream, 1)
				c.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: math.MaxInt32})
				c.drain()
			})},
		{Name: "h2-window-full", Description: "fills both windows to the last byte, and responds",
			CounterpartOf: "h2-window-overflow h2-window-overflow-late h2-connection-overflow", Start: overHTTP2(func(c *h2Client) {
				c.WriteWindowUpdate(c.stream, math.MaxInt32-firstWindow)
				c.WriteWindowUpdate(0, math.MaxInt32-firstWindow)
				h2Respond(c)
			})},
		{Name: "h2-settings-full", Description: "sets the largest window, then none, then the largest, and responds",
			CounterpartOf: "h2-settings-overflow h2-update-overflow", Start: overHTTP2(func(c *h2Client) {
				for _, size := range []uint32{math.MaxInt32, 0, math.MaxInt32} {
					c.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: size})
				}
				h2Respond(c)
			})},
		{Name: "h2-unknown-flood", Description: "sends frames that a client has to ignore, without end",
			Start: flood(func(c *h2Client) error { return c.WriteRawFrame(unknown, 0, 0, nil) })},
		{Name: "h2-ping-flood", Description: "sends pings without end",
			Start: flood(func(c *h2Client) error { return c.WritePing(false, [8]byte{}) })},
		{Name: "h2-settings-flood", Description: "sends settings without end",
			Start: flood(func(c *h2Client) error { return c.WriteSettings() })},
		{Name: "h2-empty-flood", Description: "sends a body of empty frames without end",
			Start: overHTTP2(func(c *h2Client) {
				c.head(false, ":status", "200")
				for c.WriteData(c.stream, false, nil) == nil {
				}
			})},
		{Name: "h2-1xx-flood", Description: "sends interim responds over HTTP/2 without end",
			Start: flood(func(c *h2Client) error { c.head(false, ":status", "103"); return c.WritePing(false, [8]byte{}) })},
		{Name: "h2-chatty-ok", Description: "sends pings, priorities, settings, unknown frames, interim responses, padding, an empty frame and trailers, and responds",
			CounterpartOf: "h2-unknown-flood h2-ping-flood h2-settings-flood h2-empty-flood h2-1xx-flood h2-push h2-body-first h2-other-stream h2-too-long " +
				"h2-header-upper h2-header-control h2-header-blank h2-header-pseudo h2-status-missing h2-status-letters h2-status-long", Start: overHTTP2(h2Chatters)},
		{Name: "h2-push", Description: "pushes what was not asked for", Start: overHTTP2(func(c *h2Client) {
			c.WritePushPromise(http2.PushPromiseParam{StreamID: c.stream, PromiseID: 2, BlockFragment: packed(":method", "GET"), EndHeaders: true})
			h2Respond(c)
		})},
		{Name: "h2-body-first", Description: "sends a body before its headers",
			Start: overHTTP2(func(c *h2Client) { c.WriteData(c.stream, false, []byte("ok")); h2Respond(c) })},
		{Name: "h2-other-stream", Description: "responds on a stream that nobody opened",
			Start: overHTTP2(func(c *h2Client) { c.stream += 2; h2Respond(c) })},
		{Name: "h2-too-long", Description: "sends more than the length that it announced", Start: overHTTP2(func(c *h2Client) {
			c.head(false, ":status", "200", "content-length", "2")
			c.WriteData(c.stream, true, []byte("more"))
			c.drain()
		})},
	}
	for name, header := range map[string][2]string{"upper": {"X-Upper", "x"}, "control": {"x-control", "a\x00b"}, "blank": {"a b", "x"}, "pseudo": {":path", "/"}} {
		rows = append(rows, testnet.Server{Name: "h2-header-" + name, Description: "a header that HTTP/2 does not know: " + name,
			Start: overHTTP2(func(c *h2Client) { c.head(true, ":status", "200", header[0], header[1]); c.drain() })})
	}
	for name, status := range map[string]string{"missing": "", "letters": "yes", "long": "1000"} {
		rows = append(rows, testnet.Server{Name: "h2-status-" + name, Description: "a status that is none: " + name,
			Start: overHTTP2(func(c *h2Client) {
				if status == "" {
					c.head(true, "x-status", "200")
				} else {
					c.head(true, ":status", status)
				}
				c.drain()
			})})
	}
	return append(rows, onlyFaults()...)
}

// onlyFaults speak another version of HTTP than they agreed on, for this request
// or at all.
func onlyFaults() []testnet.Server {
	reset := inHTTP2(func(c *h2Client) { c.WriteRSTStream(c.stream, http2.ErrCodeHTTP11Required); c.drain() })
	away := inHTTP2(func(c *h2Client) { c.WriteGoAway(0, http2.ErrCodeHTTP11Required, nil); c.drain() })
	plain := func(ctx context.Context, c *testnet.Client) { c.Serve(ctx, testnet.Send(testnet.OK)) }
	return []testnet.Server{
		{Name: "h2-wants-http11", Description: "resets the request with HTTP_1_1_REQUIRED", Start: overALPN(reset)},
		{Name: "h2-wants-http11-away", Description: "goes away with HTTP_1_1_REQUIRED", Start: overALPN(away)},
		{Name: "wants-http11", Description: "resets the request with HTTP_1_1_REQUIRED, and responds over HTTP/1.1",
			CounterpartOf: "h2-wants-http11", Start: agreeing(reset, plain, http2.NextProtoTLS, "http/1.1")},
		{Name: "wants-http11-away", Description: "goes away with HTTP_1_1_REQUIRED, and responds over HTTP/1.1",
			CounterpartOf: "h2-wants-http11-away only-http2", Start: agreeing(away, plain, http2.NextProtoTLS, "http/1.1")},
		{Name: "only-http2", Description: "speaks HTTP/2 whatever it agreed on", Start: testnet.OverHTTP(func(_ context.Context, c *testnet.Client) {
			http2.NewFramer(c, c).WriteSettings()
			io.Copy(io.Discard, c.Conn)
		})},
	}
}

func h2Chatters(h *h2Client) {
	h.WriteSettingsAck()
	for range 30 {
		h.WritePing(false, [8]byte{1})
		h.WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 1})
		h.WriteRawFrame(0x77, 0xff, 0, []byte("grease"))
		h.WritePriority(h.stream, http2.PriorityParam{Weight: 7})
		h.head(false, ":status", "103", "link", "</style.css>; rel=preload")
	}
	h.head(false, ":status", "200", "content-length", "2", "trailer", "x-sum")
	h.WriteDataPadded(h.stream, false, []byte("o"), make([]byte, 200))
	h.WriteData(h.stream, false, nil)
	h.WriteDataPadded(h.stream, false, []byte("k"), nil)
	h.WriteHeaders(http2.HeadersFrameParam{StreamID: h.stream, BlockFragment: packed("x-sum", "2"), EndHeaders: true, EndStream: true})
	h.WriteGoAway(h.stream, http2.ErrCodeNo, nil)
	h.drain()
}
