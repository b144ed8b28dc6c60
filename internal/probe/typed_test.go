package probe

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rollcall/internal/check"
)

// TestTypedHosts: a host that a person typed may have private addresses, and a
// redirect leads to no others.
func TestTypedHosts(t *testing.T) {
	names := map[string][]string{
		"public.example": {"192.0.1.1"}, "private.example": {"10.0.0.1", "10.0.0.2"}, "other.example": {"10.0.0.3"}, "metadata.example": {"169.254.169.254"},
		"same.example": {"10.0.0.1"}, "both.example": {"192.0.1.1", "10.0.0.1"}, "azure.example": {"168.63.129.16"}, "localhost": {"127.0.0.1", "::1"},
	}
	for _, test := range []struct {
		name, typed, location string // "": no redirect
		want                  check.Reason
	}{
		{"a private host", "private.example", "", check.OK},
		{"this machine", "localhost", "", check.OK},
		{"an address", "10.9.9.9", "", check.OK},
		{"a private host and its other URL", "private.example", "http://private.example/in", check.OK},
		{"a private host by another name", "private.example", "http://same.example/", check.OK},
		{"a private host by its address", "private.example", "http://10.0.0.2/", check.OK},
		{"from private to another private host", "private.example", "http://other.example/", check.BlockedAddress},
		{"from private to this machine", "private.example", "http://localhost/", check.BlockedAddress},
		{"from private to public", "private.example", "http://public.example/", check.OK},
		{"from public to private", "public.example", "http://private.example/", check.BlockedAddress},
		{"from public to its own private address", "both.example", "http://same.example/", check.BlockedAddress},
		{"metadata", "metadata.example", "", check.BlockedAddress},
		{"metadata by address", "169.254.169.254", "", check.BlockedAddress},
		{"metadata of another cloud", "azure.example", "", check.BlockedAddress},
		{"from private to metadata", "private.example", "http://169.254.169.254/", check.BlockedAddress},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := plainly(0, func(r *http.Request) string {
				if test.location != "" && r.URL.Path == "/start" {
					return page(302, "Location: "+test.location+"\r\n", "")
				}
				return page(200, "", "")
			})
			n.names = names
			typed := target("http://" + test.typed + "/start")
			typed.Typed = true
			if res := once(t, n, typed); res.Reason != test.want {
				t.Errorf("Probe = %v (%s), want %v", res.Reason, res.Detail, test.want)
			}
			if res := once(t, n, target("http://"+test.typed+"/start")); test.location == "" && res.Reason != check.BlockedAddress {
				t.Errorf("Probe = %v of what nobody typed, want blocked_address", res.Reason)
			}
		})
	}
}

// TestLegs: each request of a check that was redirected, and phases that add up.
func TestLegs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := plainly(20*time.Millisecond, func(r *http.Request) string {
			switch r.URL.Path {
			case "/start":
				return page(301, "Location: http://b.example/next?q=secret\r\n", "")
			case "/next":
				return page(302, "Location: http://192.0.1.3/last\r\n", "")
			}
			return page(200, "", "")
		})
		n.lookup, n.connect = 5*time.Millisecond, map[string]time.Duration{"192.0.1.2": 30 * time.Millisecond, "192.0.1.3": 7 * time.Millisecond}
		p := n.prober()
		defer p.Close()
		p.options.Legs = true
		res := p.Probe(t.Context(), target("http://a.example/start"))
		var got []string
		for _, l := range res.Legs {
			got = append(got, fmt.Sprint(l.URL, " ", l.Status, " ", l.IP, " ", l.HTTP, " ", l.Phases.Sum()))
		}
		want := "http://a.example/start 301 192.0.1.1 1.1 25ms\nhttp://b.example/next?… 302 192.0.1.2 1.1 55ms\nhttp://192.0.1.3/last 200 192.0.1.3 1.1 27ms"
		if strings.Join(got, "\n") != want || res.Duration != 107*time.Millisecond {
			t.Errorf("%v in all, legs:\n%s\nwant:\n%s", res.Duration, strings.Join(got, "\n"), want)
		}
		if res := p.Probe(t.Context(), target("http://b.example/last")); res.Legs != nil {
			t.Errorf("without a redirect there are the legs %v", res.Legs)
		}
		broken := p.Probe(t.Context(), target("http://a.example/start", func(s *check.Settings) { s.Timeout = 60 * time.Millisecond }))
		if n := len(broken.Legs); n != 2 || broken.Legs[1].Status != 0 || broken.Legs[1].Phases.Sum() != 35*time.Millisecond {
			t.Errorf("after a timeout: %+v", broken.Legs)
		}
		p.options.Legs = false
		if res := p.Probe(t.Context(), target("http://a.example/start")); res.Legs != nil || len(res.Redirects) != 2 {
			t.Errorf("nobody wants the legs %v", res.Legs)
		}
	})
}
