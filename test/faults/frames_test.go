package faults

import (
	"crypto/tls"
	"io"
	"math"
	"net"
	"strings"
	"testing"
	"time"

	"rollcall/internal/testnet"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// frameChecks look at frames: Go's own client does not survive some of them.
func frameChecks() map[string]check {
	many := func(kind http2.FrameType) check {
		return h2Sends(20, func(f http2.Frame) bool { return f.Header().Type == kind })
	}
	field := func(name, value string) check {
		return h2Sends(1, func(f http2.Frame) bool {
			found := false
			if headers, ok := f.(*http2.HeadersFrame); ok {
				hpack.NewDecoder(4096, func(f hpack.HeaderField) { found = found || f.Name == name && f.Value == value }).Write(headers.HeaderBlockFragment())
			}
			return found
		})
	}
	updates := func(stream, by uint32) check {
		return h2Sends(1, func(f http2.Frame) bool {
			w, ok := f.(*http2.WindowUpdateFrame)
			return ok && w.StreamID == stream && w.Increment == by
		})
	}
	largest := h2Sends(1, func(f http2.Frame) bool {
		settings, ok := f.(*http2.SettingsFrame)
		if !ok {
			return false
		}
		size, ok := settings.Value(http2.SettingInitialWindowSize)
		return ok && size == math.MaxInt32
	})
	wants := func(f http2.Frame) bool {
		reset, ok := f.(*http2.RSTStreamFrame)
		return ok && reset.ErrCode == http2.ErrCodeHTTP11Required
	}
	goes := func(f http2.Frame) bool {
		away, ok := f.(*http2.GoAwayFrame)
		return ok && away.ErrCode == http2.ErrCodeHTTP11Required
	}
	return map[string]check{
		"h2-window-overflow":      updates(1, math.MaxInt32),
		"h2-window-overflow-late": all(field(":status", "200"), updates(1, math.MaxInt32)),
		"h2-connection-overflow":  updates(0, math.MaxInt32),
		"h2-settings-overflow":    all(largest, updates(1, 1)),
		"h2-update-overflow":      all(largest, updates(1, 1)),
		"h2-window-full":          h2Responds("ok"),
		"h2-settings-full":        all(largest, h2Responds("ok")),
		"h2-unknown-flood":        many(0x77),
		"h2-ping-flood":           many(http2.FramePing),
		"h2-settings-flood":       many(http2.FrameSettings),
		"h2-empty-flood":          many(http2.FrameData),
		"h2-1xx-flood":            many(http2.FrameHeaders),
		"h2-chatty-ok":            h2Responds("ok"),
		"h2-push":                 h2Sends(1, func(f http2.Frame) bool { return f.Header().Type == http2.FramePushPromise }),
		"h2-body-first":           h2Fails(0, mentions("")),
		"h2-other-stream":         h2Sends(1, func(f http2.Frame) bool { return f.Header().StreamID == 3 }),
		"h2-too-long":             all(field("content-length", "2"), h2Sends(1, func(f http2.Frame) bool { return f.Header().Length == 4 })),
		"h2-header-upper":         field("X-Upper", "x"),
		"h2-header-control":       field("x-control", "a\x00b"),
		"h2-header-blank":         field("a b", "x"),
		"h2-header-pseudo":        field(":path", "/"),
		"h2-status-missing":       h2Fails(0, mentions("")),
		"h2-status-letters":       field(":status", "yes"),
		"h2-status-long":          field(":status", "1000"),
		"h2-wants-http11":         h2Sends(1, wants),
		"h2-wants-http11-away":    h2Sends(1, goes),
		"wants-http11":            all(h2Sends(1, wants), responds(200, "ok")),
		"wants-http11-away":       all(h2Sends(1, goes), responds(200, "ok")),
		"only-http2":              fails(mentions("")),
	}
}

// h2Sends wants a number of frames like one, among the first hundred that follow a
// request over HTTP/2.
func h2Sends(least int, like func(http2.Frame) bool) check {
	return func(t *testing.T, s *testnet.Net, name string) {
		o, _ := s.Origin(name + ".stage.test")
		conn, err := tls.DialWithDialer(&net.Dialer{Timeout: ample}, "tcp", o.Addr.String(),
			&tls.Config{RootCAs: s.Authority.Pool(), ServerName: o.Name, NextProtos: []string{"h2"}})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(ample))
		io.WriteString(conn, http2.ClientPreface)
		framer := http2.NewFramer(conn, conn)
		framer.WriteSettings()
		framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: packed(":method", "GET", ":scheme", "https", ":authority", o.Name, ":path", "/"), EndHeaders: true, EndStream: true})
		seen := 0
		for range 100 {
			f, err := framer.ReadFrame()
			if err != nil {
				t.Fatalf("%d frames, then %v", seen, err)
			}
			if like(f) {
				if seen++; seen == least {
					return
				}
			}
		}
		t.Errorf("%d frames are as they should be, want %d", seen, least)
	}
}

// timeChecks want so much time to go by where a client may forget to count it.
func timeChecks() map[string]check {
	return map[string]check{
		"dribbling-redirects":    takes(2*dearly, 3),
		"dribbling-redirects-ok": all(takes(4*cheaply, 3), responds(200, "ok")),
		"hinting-redirects":      takes(2*dearly, 3),
		"hinting-redirects-ok":   all(takes(4*cheaply, 3), responds(200, "ok")),
		"late-refusals":          all(refusedAfter(dearly), locates(302, "/1"), refusedAfter(dearly)),
		"late-refusals-ok":       all(refusedAfter(cheaply), locates(302, "/1"), refusedAfter(cheaply)),
	}
}

// takes wants a host to keep Go's client busy for a while at least, and to lead
// it from page to page so often, if it is let to.
func takes(least time.Duration, pages int) check {
	return func(t *testing.T, s *testnet.Net, name string) {
		began := time.Now()
		o := fetch(t, s, "https://"+name+".stage.test", max(3*least, time.Second))
		if took := time.Since(began); took < least {
			t.Errorf("it took %v, want at least %v", took, least)
		}
		if len(o.visits) < min(pages, 1) || !strings.HasSuffix(o.visits[0], "/1") {
			t.Errorf("it leads to %q", o.visits)
		}
	}
}

func refusedAfter(least time.Duration) check {
	return func(t *testing.T, s *testnet.Net, name string) {
		began := time.Now()
		if _, err := shake(t, s, name, &tls.Config{}); err == nil || !strings.Contains(err.Error(), "handshake failure") {
			t.Errorf("the handshake gives %v", err)
		}
		if took := time.Since(began); took < least {
			t.Errorf("it took %v, want at least %v", took, least)
		}
	}
}
