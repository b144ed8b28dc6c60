package faults

import (
	"io"
	"strings"
	"testing"

	"rollcall/internal/testnet"
)

// visitedChecks: Go's client decodes neither Brotli nor zstd, keeps no cookie, and
// is strict.
func visitedChecks() map[string]check {
	strict := fails(func(error) bool { return true })
	return map[string]check{
		"br": undecoded(brotlied()), "br-padded": undecoded(brotlied() + "this is garbage"), "br-corrupt": undecoded(damaged(brotlied)()),
		"br-not": undecoded(prose()), "br-bomb": small, "zstd": small, "zstd-corrupt": small, "zstd-window": small, "zstd-bomb": small,
		"gzip-four-times": small, "gzip-three-times": small, "gzip-of-nothings": small,
		"encoding-blank": small,

		"cookie-wall": locates(302, "/"), "cookie-circle": locates(302, "/"), "cookie-sessions": locates(302, "/"),
		"cookies-ten-thousand": locates(302, "/"), "cookies-900": locates(302, "/"),

		"transfer-identity": strict, "transfer-empty": strict, "chunked-twice": strict, "length-list": strict,
		"header-blank-first": strict, "header-blank-colon": responds(200, "ok"), "header-bell": strict,
		"event-stream": hangs(200), "event-stream-ok": over(200, "data: 1"),
	}
}

// small wants little on the wire.
func small(t *testing.T, s *testnet.Net, name string) {
	res := unfollowed(t, s, "https://"+name+".stage.test")
	defer res.Body.Close()
	if b, err := io.ReadAll(res.Body); err != nil || len(b) > 100<<10 || res.StatusCode != 200 {
		t.Errorf("%d, %d bytes, %v", res.StatusCode, len(b), err)
	}
}

// TestPackedTexts shows that the texts are what they are called.
func TestPackedTexts(t *testing.T) {
	if strings.Contains(brotlied(), "worth compressing. a text") {
		t.Error("Brotli is plain text")
	}
}
