package expect

import (
	"strconv"
	"strings"
	"testing"

	"rollcall/internal/check"
	"rollcall/internal/redact"
)

// A status that visitors see has words for what to look at, also where no RFC
// has any.
func TestStatusesHaveWords(t *testing.T) {
	for status, want := range map[int]string{
		404: "404 Not Found", 503: "503 Service Unavailable",
		521: "521 Web Server Is Down (Cloudflare: the origin refuses its connections)",
		460: "460 Client Closed Connection (AWS load balancer: ",
		599: "599", 799: "799",
	} {
		if _, got := (Success{}).Check(&check.Response{Result: &check.Result{Status: status}}); !strings.HasPrefix(got, want) || len(want) < 4 && got != want {
			t.Errorf("%d: %q, want %q", status, got, want)
		}
	}
	for status := 520; status <= 530; status++ {
		got := statusLine(status)
		if status != 529 && !strings.Contains(got, "Cloudflare") || !strings.HasPrefix(got, strconv.Itoa(status)+" ") {
			t.Errorf("%d: %q", status, got)
		}
	}
	for status := range unofficial {
		if got := statusLine(status); len(got) > redact.MaxDetail || strings.Count(got, "(") != 1 {
			t.Errorf("%d: %q is too long, or says not who uses it", status, got)
		}
	}
}
