package report

import (
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/monitor"
)

// detailed is a summary of one target that was redirected.
func detailed() *monitor.Summary {
	first, second := took(20, 10, 30, 40.5, 0), took(5, 12, 31, 90, 1.5)
	started := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	r := check.Result{
		Name: "example.com", URL: "https://example.com", State: check.Up, Status: 200, Attempts: 1, Started: started, HTTP: "2", IP: netip.MustParseAddr("2001:db8::1"),
		Phases: took(25, 22, 61, 130.5, 1.5), Duration: 240 * ms, BytesWire: 12345, BytesBody: 45678, Clock: check.KernelClock, Uncertainty: 150 * time.Microsecond, LocalDelay: 1300 * time.Microsecond,
		Certificate: &check.Certificate{Subject: "CN=www.example.com", Issuer: "CN=An Authority,O=A Company", NotAfter: started.AddDate(0, 0, 9), DaysLeft: 9, Verified: true},
		Redirects:   []string{"https://www.example.com/"}, Warnings: []string{"a header line has no colon: it was ignored"},
		Legs: []check.Leg{
			{URL: "https://example.com", Status: 301, IP: netip.MustParseAddr("192.0.2.1"), HTTP: "1.1", Phases: first},
			{URL: "https://www.example.com/", Status: 200, IP: netip.MustParseAddr("2001:db8::1"), HTTP: "2", Phases: second},
		},
	}
	return &monitor.Summary{Targets: 1, Up: 1, Started: started, Results: []check.Result{r}}
}

func detailsIn(l Look) func(io.Writer, *monitor.Summary) error {
	return func(w io.Writer, s *monitor.Summary) error { return Details(w, s, l) }
}

func TestDetails(t *testing.T) {
	want := `up  https://example.com
  note         warning: a header line has no colon: it was ignored

  dns           25.0 ms  ░░░░░
  connect       22.0 ms       ▒▒▒▒▒
  tls           61.0 ms            ▓▓▓▓▓▓▓▓▓▓▓▓▓
  first byte   130.5 ms                         ████████████████████████████
  transfer       1.5 ms                                                    ▄
  total        240.0 ms

  response     200, HTTP/2, 12,345 bytes of body, 45,678 bytes decoded
  address      2001:db8::1
  certificate  expires in 9 days (2026-12-02); www.example.com, issued by An
               Authority,O=A Company
  redirects    301  https://example.com
                    100.5 ms: dns 20.0 ms, connect 10.0 ms, tls 30.0 ms,
                    first byte 40.5 ms, transfer 0.0 ms, 192.0.2.1
               200  https://www.example.com/
                    139.5 ms: dns 5.0 ms, connect 12.0 ms, tls 31.0 ms,
                    first byte 90.0 ms, transfer 1.5 ms, 2001:db8::1
  uncertainty  ± 0.1 ms by the kernel clock; without 1.3 ms of local delay
`
	if got := shown(t, detailed(), detailsIn(Look{Width: 76})); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// No line is wider than the terminal, none ends in blanks, whatever a name or a
// server says, and nothing reaches the terminal that it would obey.
func TestDetailsFit(t *testing.T) {
	s := everything()
	s.Results = append(s.Results, detailed().Results...)
	for _, text := range hostile(t) {
		r := detailed().Results[0]
		r.URL, r.Detail, r.Certificate.Subject, r.Certificate.Issuer, r.Legs[0].URL = text, text, text, text, text
		s.Results = append(s.Results, r)
		s.Results = append(s.Results, saying(text).Results...)
	}
	for columns := 1; columns <= 1000; columns += 1 + columns/3 {
		for _, colour := range []bool{false, true} {
			got := shown(t, s, detailsIn(Look{Width: columns, Colour: colour}))
			for line := range strings.Lines(escape.ReplaceAllString(got, "")) {
				line = strings.TrimSuffix(line, "\n")
				if width(line) > max(columns, 2) || strings.TrimRight(line, " ") != line {
					t.Errorf("at %d columns there is a line of %d: %q", columns, width(line), line)
				}
				if !colour && columns == 47 && strings.ContainsFunc(line, func(r rune) bool { return Plain(string(r)) != string(r) }) {
					t.Errorf("a line that a terminal obeys: %q", line)
				}
			}
		}
	}
	if got := shown(t, s, detailsIn(Look{})); !strings.Contains(got, "not_checked  https://queued.example\n  reason       not_checked: the run ended") || !strings.HasSuffix(got, Line(s)+"\n") {
		t.Errorf("in a pipe: %s", got)
	}
}
