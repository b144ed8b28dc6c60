package probe

import (
	"strings"
	"testing"

	"rollcall/internal/check"
)

// TestHeadersAreBounded: all headers of a connection together, interim responses
// included, have 256 KiB; the body is not counted.
func TestHeadersAreBounded(t *testing.T) {
	lines := func(kib int) string { return strings.Repeat("X-Long: "+strings.Repeat("x", 1014)+"\r\n", kib) }
	for _, test := range []struct {
		name  string
		reply string
		want  check.Reason
	}{
		{"few", page(200, lines(200), strings.Repeat("x", 100<<10)), check.OK},
		{"many", page(200, lines(257), ""), check.HeadersTooLarge},
		{"many interim responses", strings.Repeat("HTTP/1.1 103 X\r\n"+lines(10)+"\r\n", 27) + page(200, "", ""), check.HeadersTooLarge},
		{"a header without end", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 300<<10), check.HeadersTooLarge},
	} {
		res := once(t, plainly(0, always(test.reply)), target("http://a.example/"))
		if res.Reason != test.want {
			t.Errorf("%s: %v (%s), want %v", test.name, res.Reason, res.Detail, test.want)
		}
	}
}
