package page

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"rollcall/internal/check"
	"rollcall/internal/monitor"
)

const ms = time.Millisecond

var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// counted fills in a summary's counts from its results.
func counted(s *monitor.Summary) *monitor.Summary {
	s.Targets = len(s.Results)
	for i := range s.Results {
		r := &s.Results[i]
		*map[check.State]*int{check.Up: &s.Up, check.Degraded: &s.Degraded, check.Down: &s.Down, check.NotChecked: &s.NotChecked}[r.State]++
		if r.Flaky {
			s.Flaky++
		}
		if r.Checked() && r.Clock == check.KernelClock {
			s.Clock.Kernel++
		} else if r.Checked() {
			s.Clock.Process++
		}
	}
	return s
}

// crowd is a summary of n targets, most of them up, with all that a check can
// find out.
func crowd(n int) *monitor.Summary {
	s := &monitor.Summary{
		Version: "1.2.3", Started: noon, Duration: check.Milliseconds(5320 * ms), Healthy: true, Profile: "target",
		LocalDelay: &monitor.Delay{P50: check.Milliseconds(ms / 2), P99: check.Milliseconds(40 * ms), Max: check.Milliseconds(52 * ms)},
	}
	for i := range n {
		s.Results = append(s.Results, member(i))
	}
	return counted(s)
}

func member(i int) check.Result {
	host := fmt.Sprintf("shop-%05d.example.com", i)
	p := check.Phases{
		DNS: time.Duration(300+i%700) * time.Microsecond, Connect: time.Duration(5+i%40) * ms, TLS: time.Duration(11+i%53) * ms,
		FirstByte: time.Duration(40+i*i%300) * ms, Transfer: time.Duration(i%97) * 100 * time.Microsecond,
	}
	r := check.Result{
		Name: host + "/health", Group: fmt.Sprintf("group-%d", i%7), URL: "https://" + host + "/health", State: check.Up, Status: 200, Attempts: 1,
		Started: noon.Add(time.Duration(i) * ms), Duration: p.Sum(), Phases: p, Complete: true,
		IP: netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), HTTP: "1.1", BytesWire: 5120, BytesBody: 18944,
		Certificate: &check.Certificate{
			Subject: "CN=" + host, Issuer: "CN=R11,O=Let's Encrypt,C=US", NotAfter: noon.AddDate(0, 0, 7+i%83), DaysLeft: float64(7 + i%83), Verified: true,
		},
		LocalDelay: ms / 2, Clock: check.KernelClock, Uncertainty: 50 * time.Microsecond,
	}
	switch {
	case i%40 == 3:
		r.State, r.Reason, r.Status, r.Attempts, r.Detail = check.Down, check.Status, 503, 2, "503 Service Unavailable"
	case i%50 == 7:
		r.State, r.Reason, r.Expression, r.Detail = check.Degraded, check.Expectation, "duration < 300", fmt.Sprintf("duration < 300: %.1f", r.Duration.Seconds()*1000)
	}
	return r
}

// event is one as people may see it.
type event string

func (e event) String() string { return string(e) }

// everything is a small summary with every state in it, and most of what can
// be said of a target.
func everything() *monitor.Summary {
	s := crowd(4)
	s.Run, s.Scheduled = "abc58e56-0408-dedb-ad81-3d32d287f28d", noon.Add(-time.Second)
	s.Warnings = []string{"one target has no metrics of its own"}
	s.Event = event("{\n  \"urls\": []\n}")
	s.Published.Datums, s.Published.Accepted, s.Published.EMF, s.Published.Requests = 31, 29, 2, 1
	slow, flaky, redirected, expired := member(7), member(8), member(9), member(10)
	slow.Unsure, slow.Uncertainty = true, 12*ms
	flaky.Flaky, flaky.Attempts = true, 2
	flaky.Title, flaky.Link = "The shop’s health", "https://wiki.example.com/shop"
	flaky.Warnings = []string{"a header was ignored"}
	redirected.Redirects, redirected.BodyTruncated = []string{"https://www.example.com", "https://www.example.com/en"}, true
	expired.State, expired.Reason, expired.Phase, expired.Detail = check.Down, check.TLSExpired, check.TLS, "certificate expired 1 day ago (2026-11-26)"
	expired.Status, expired.Complete, expired.HTTP = 0, false, ""
	expired.Phases.FirstByte, expired.Phases.Transfer = check.Absent, check.Absent
	expired.Duration = expired.Phases.Sum()
	expired.Certificate = &check.Certificate{Subject: "CN=old.example.com", Issuer: "CN=R11", NotAfter: noon.AddDate(0, 0, -1), DaysLeft: -.6}
	hanging := check.Result{
		Name: "hanging.example", Group: "default", URL: "https://hanging.example", State: check.Down, Reason: check.Timeout, Phase: check.Connect,
		Detail: "no response within 10s", Attempts: 2, Started: noon, Duration: 10 * time.Second, Uncertainty: 50 * time.Microsecond,
		Phases: check.Phases{DNS: ms, Connect: 9999 * ms, TLS: check.Absent, FirstByte: check.Absent, Transfer: check.Absent},
	}
	blocked := check.Result{
		Name: "blocked.example", Group: "default", URL: "https://blocked.example", State: check.Down, Reason: check.BlockedAddress, Attempts: 1,
		Started: noon, Phases: check.NoPhases(), Detail: "169.254.169.254 is link-local, where the machine's metadata and credentials are",
	}
	invalid := check.Result{Name: "example.com#391196688aa5", Group: "default", State: check.NotChecked, Reason: check.InvalidTarget,
		Detail: "url: is not absolute (write https://…)", Phases: check.NoPhases()}
	s.Results = append(s.Results, slow, flaky, redirected, expired, hanging, blocked, invalid, member(11), member(12), member(13), member(14))
	*s = monitor.Summary{
		Run: s.Run, Version: s.Version, Scheduled: s.Scheduled, Started: s.Started, Duration: s.Duration, Healthy: true, Profile: s.Profile,
		Event: s.Event, Warnings: s.Warnings, LocalDelay: s.LocalDelay, Published: s.Published, Results: s.Results,
	}
	return counted(s)
}

func written(t testing.TB, s *monitor.Summary) string {
	t.Helper()
	var b strings.Builder
	if err := Write(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The page of a small summary, without its style and script, and the summary,
// which tests in a browser read. UPDATE=1 writes the files.
func TestGolden(t *testing.T) {
	page := written(t, everything())
	for _, s := range []string{style, script} {
		page = strings.Replace(page, s, "…", 1)
	}
	page = regexp.MustCompile(`sha256-[^']*`).ReplaceAllString(page, "sha256-…")
	summary, err := everything().Encode(0)
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]string{"testdata/everything.html": page, "testdata/everything.json": string(summary) + "\n"} {
		if os.Getenv("UPDATE") != "" {
			if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("this is not %s; UPDATE=1 go test ./internal/page writes it, and git diff shows what has changed", name)
		}
	}
}

func TestTheSameSummaryGivesTheSameBytes(t *testing.T) {
	first, second := written(t, crowd(300)), written(t, crowd(300))
	if first != second {
		t.Error("two pages of one summary differ")
	}
}

// walk calls visit for every node of a page.
func walk(t testing.TB, page string, visit func(*html.Node)) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		visit(n)
	}
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// content is a node's, with single blanks.
func content(n *html.Node) string {
	var words []string
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			words = append(words, strings.Fields(d.Data)...)
		}
	}
	return strings.Join(words, " ")
}

// The policy allows exactly the style and the script that the page has, and
// nothing in it refers to anything elsewhere.
func TestThePageIsSelfContained(t *testing.T) {
	var policy string
	var inline []string
	walk(t, written(t, everything()), func(n *html.Node) {
		if n.Type != html.ElementNode {
			return
		}
		if n.Data == "meta" && attribute(n, "http-equiv") == "Content-Security-Policy" {
			policy = attribute(n, "content")
		}
		if n.Data == "style" || n.Data == "script" {
			inline = append(inline, n.Data+"-src "+hash(n.FirstChild.Data))
		}
		for _, a := range n.Attr {
			inside := strings.HasPrefix(a.Val, "#") || n.Data == "link" && strings.HasPrefix(a.Val, "data:") ||
				n.Data == "a" && strings.HasPrefix(a.Val, "https://") && attribute(n, "rel") == "noreferrer noopener"
			if slices.Contains([]string{"src", "href", "srcset", "action", "data", "poster", "background"}, a.Key) && !inside {
				t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
			}
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" {
				t.Errorf("<%s %s=%q>: the policy forbids it", n.Data, a.Key, a.Val)
			}
		}
	})
	if len(inline) != 2 {
		t.Errorf("the page has %d styles and scripts, want 2", len(inline))
	}
	for _, source := range append(inline, "default-src 'none'", "base-uri 'none'", "form-action 'none'") {
		if !strings.Contains(policy+";", source+";") {
			t.Errorf("the policy %q lacks %s", policy, source)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(style, "url(") || strings.Contains(style, "@import") {
		t.Error("the policy or the style is too open")
	}
}

// hostile breaks out of every context that a careless page would put it in.
const hostile = `"'><script>hacked=1</script><img src=x onerror=hacked=1></style></title></textarea><!--{{.}}` + "\x1b[31m\u202e\u2028`</svg>##vso[x]##[y]::error::"

// poisoned is a summary that has hostile strings wherever a server or an event
// can put any.
func poisoned() *monitor.Summary {
	s := everything()
	s.Run, s.Version, s.Profile, s.Warnings = hostile, hostile, hostile, []string{hostile}
	s.Event = event(hostile)
	for i := range s.Results {
		r := &s.Results[i]
		r.Name, r.Group, r.Detail, r.Expression, r.HTTP = r.Name+hostile, fmt.Sprint(hostile, i%2), hostile, hostile, hostile
		r.URL, r.Redirects, r.Warnings = "https://example.com/"+hostile, []string{hostile}, []string{hostile}
		if i%2 == 0 {
			r.Title, r.Link = hostile, "https://example.com/"+hostile
		}
		if r.Certificate != nil {
			r.Certificate = &check.Certificate{Subject: hostile, Issuer: hostile, NotAfter: noon}
		}
	}
	return s
}

// Whatever strings there are, the page has the elements that it would have
// with harmless ones, and shows what they say.
func TestHostileStringsAreText(t *testing.T) {
	harmless := strings.NewReplacer(hostile, "harmless")
	good := poisoned()
	good.Event = event("harmless")
	good.Run, good.Version, good.Profile, good.Warnings = "harmless", "harmless", "harmless", []string{"harmless"}
	for i := range good.Results {
		r := &good.Results[i]
		r.Name, r.Group, r.Detail, r.Expression, r.HTTP = harmless.Replace(r.Name), harmless.Replace(r.Group), "harmless", "harmless", "harmless"
		r.URL, r.Redirects, r.Warnings = harmless.Replace(r.URL), []string{"harmless"}, []string{"harmless"}
		r.Title, r.Link = harmless.Replace(r.Title), harmless.Replace(r.Link)
		if r.Certificate != nil {
			r.Certificate = &check.Certificate{Subject: "harmless", Issuer: "harmless", NotAfter: noon}
		}
	}
	elements := func(page string) (all []string) {
		walk(t, page, func(n *html.Node) {
			if n.Type == html.ElementNode {
				all = append(all, n.Data)
			}
		})
		return all
	}
	page := written(t, poisoned())
	if got, want := elements(page), elements(written(t, good)); !slices.Equal(got, want) {
		t.Errorf("the page has %d elements, want %d", len(got), len(want))
	}
	if strings.ContainsAny(page, "\x1b\u202e") {
		t.Error("the page has an escape or a change of direction in it")
	}
	if strings.Contains(page, "##") || strings.Contains(page, "::error") {
		t.Error("a pipeline that shows the page's source would obey it")
	}
	shown := 0
	walk(t, page, func(n *html.Node) {
		if n.Type == html.TextNode && strings.Contains(n.Data, `"'><script>hacked=1</script><img src=x onerror=hacked=1>`) {
			shown++
		}
	})
	if shown < 60 {
		t.Errorf("only %d texts show the hostile string", shown)
	}
}

// rowsOf returns the text of each row of the table of targets.
func rowsOf(t testing.TB, page string) (rows []string) {
	t.Helper()
	walk(t, page, func(n *html.Node) {
		if n.Type == html.ElementNode && n.Data == "table" && attribute(n, "id") == "rows" {
			for d := range n.Descendants() {
				if d.Type == html.ElementNode && d.Data == "tr" && d.Parent.Data == "tbody" {
					rows = append(rows, content(d))
				}
			}
		}
	})
	return rows
}

func TestRows(t *testing.T) {
	rows := rowsOf(t, written(t, everything()))
	const first = "down hanging.example default More about hanging.example URL https://hanging.example Failed in Connect Checked 2026-11-27 12:00:00 UTC, 2 attempts " +
		"Measured by the process’s clock, to ±0.05 ms; the monitor’s own delay, not counted, was 0.0 ms timeout : no response within 10s " +
		"10 s 1.0 9,999"
	if len(rows) != 15 || rows[0] != first {
		t.Fatalf("%d rows, the first\n%s\nwant\n%s", len(rows), rows[0], first)
	}
	for i, part := range []string{"hanging", "shop-00003", "shop-00010", "blocked", "degraded shop-00007", "not checked example.com#", "up"} {
		if !strings.Contains(rows[i], part) {
			t.Errorf("row %d is %q, want %s", i, rows[i], part)
		}
	}
	for _, part := range []string{"up flaky", "≈120 ms", "The shop’s health shop-00008", "warning: a header was ignored", "https://www.example.com → https://www.example.com/en", "CN=old.example.com, issued by CN=R11, expires 2026-11-26; refused"} {
		if !strings.Contains(strings.Join(rows, "\n"), part) {
			t.Errorf("no row has %q:\n%s", part, strings.Join(rows, "\n"))
		}
	}
}

// A page has a row a target up to ten thousand.
func TestSizes(t *testing.T) {
	for _, n := range []int{0, 1, 2, 100, 101, 1000} {
		page := written(t, crowd(n))
		if rows := len(rowsOf(t, page)); rows != n {
			t.Errorf("%d targets: %d rows", n, rows)
		}
		if strings.Contains(page, "no row here") || len(page) > 3_000_000 {
			t.Errorf("%d targets: %d bytes, or a row is missing", n, len(page))
		}
	}
}

// When everything is down there is more to say, and still room.
func TestSizeWhenEverythingIsDown(t *testing.T) {
	s := crowd(10_000)
	for i := range s.Results {
		s.Results[i].State, s.Results[i].Reason, s.Results[i].Detail = check.Down, check.Timeout, "no response within 10s"
	}
	if page := written(t, counted(&monitor.Summary{Results: s.Results})); len(page) > 3_900_000 || len(rowsOf(t, page)) != 10_000 {
		t.Errorf("%d bytes", len(page))
	} else {
		t.Logf("%d bytes", len(page))
	}
}

func TestNoMoreRowsThanCanBeOpened(t *testing.T) {
	const n = 20_000
	page := written(t, crowd(n))
	rows := rowsOf(t, page)
	if len(rows) != mostRows || len(page) > 3_500_000 {
		t.Errorf("%d rows in %d bytes", len(rows), len(page))
	}
	for _, part := range []string{"The first 10,000 of 20,000 targets", "10,000 targets of 20,000 have no row here", "500 of 20,000 targets are down", "The first 250 rows have more to unfold", "; all of them are up: the list ends"} {
		if !strings.Contains(strings.NewReplacer("<strong>", "", "</strong>", "").Replace(page), part) {
			t.Errorf("the page does not say %q", part)
		}
	}
	if !strings.HasPrefix(rows[0], "down") || !strings.HasPrefix(rows[500], "degraded") || !strings.HasPrefix(rows[mostRows-1], "up") {
		t.Errorf("the rows begin with %.9q, %.9q, and end with %.9q", rows[0], rows[500], rows[mostRows-1])
	}
}

// Names and details may be long: the list ends before the page is too heavy.
func TestTheListEndsWhereItBecomesTooHeavy(t *testing.T) {
	s := crowd(10_000)
	for i := range s.Results {
		s.Results[i].Name = fmt.Sprint(strings.Repeat("<", 250), i)
		s.Results[i].Detail = strings.Repeat("'", 200)
	}
	page := written(t, s)
	if rows := len(rowsOf(t, page)); rows >= 10_000 || rows < 1000 || len(page) > mostBytes+100_000 || !strings.Contains(page, "no row here") {
		t.Errorf("%d rows in %d bytes", rows, len(page))
	}
}

// The headline is the title, and says of what it is by its class.
func TestHeadline(t *testing.T) {
	for want, s := range map[string]monitor.Summary{
		"not_checked>There was nothing to check":     {},
		"not_checked>Nothing was checked: the event": {Stale: true},
		"up>The target is up":                        {Targets: 1, Up: 1},
		"down>1 of 5 targets is down":                {Targets: 5, Down: 1, Up: 3, Degraded: 1},
		"not_checked>2 of 5 targets are not checked": {Targets: 5, NotChecked: 2, Degraded: 1, Up: 2},
		"degraded>3 of 5 targets are degraded":       {Targets: 5, Degraded: 3, Up: 2},
		"not_checked>The monitor has no network":     {Targets: 5, Down: 5, VantageUnhealthy: true},
	} {
		page := written(t, &s)
		if !strings.Contains(page, "<h1 class="+want) || !strings.Contains(page, "<title>"+s.Headline()+" · Rollcall</title>") {
			t.Errorf("the page does not say %q", want)
		}
	}
}

// What was not measured has no figures, and no axis without end.
func TestNothingMeasured(t *testing.T) {
	s := counted(&monitor.Summary{Results: []check.Result{
		{Name: "a", State: check.NotChecked, Reason: check.Unstarted, Phases: check.NoPhases()},
		{Name: "b", State: check.Up, Attempts: 1, Phases: check.Phases{DNS: 0, Connect: 0, TLS: check.Absent, FirstByte: 0, Transfer: 0}},
	}})
	page := written(t, s)
	if rows := rowsOf(t, page); len(rows) != 2 || !strings.HasSuffix(rows[0], "not_checked") || strings.Contains(page, "NaN") || strings.Contains(page, "Inf") {
		t.Errorf("%q", rows)
	}
}

func TestWriteErrors(t *testing.T) {
	if err := Write(full{}, everything()); !errors.Is(err, errFull) {
		t.Errorf("%v", err)
	}
}

var errFull = errors.New("no space left")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestNumbers(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0.0", 49 * time.Microsecond: "0.0", 51 * time.Microsecond: "0.1", 9949 * time.Microsecond: "9.9", 9951 * time.Microsecond: "10", 999 * ms: "999",
		time.Second: "1,000", 1234567 * ms: "1,234,567",
		check.Absent: "",
	} {
		if got := milliseconds(d); got != want {
			t.Errorf("milliseconds(%v) = %q, want %q", d, got, want)
		}
	}
}

// The scale is a round number, and one that hangs does not make the others
// vanish.
func TestBounds(t *testing.T) {
	for _, test := range []struct{ shortest, longest, low, high time.Duration }{
		{0, 0, 100 * time.Microsecond, 200 * time.Microsecond},
		{ms, ms, ms, 2 * ms},
		{3 * ms, 4 * ms, 2 * ms, 5 * ms},
		{99 * ms, 101 * ms, 50 * ms, 200 * ms},
		{ms, 10 * time.Second, ms, 10 * time.Second},
	} {
		if low, high := bounds([]time.Duration{test.shortest, test.longest}); low != test.low || high != test.high {
			t.Errorf("bounds(%v, %v) = %v, %v, want %v, %v", test.shortest, test.longest, low, high, test.low, test.high)
		}
	}
}

func TestCertificatesOfSeveralTargets(t *testing.T) {
	s := crowd(3)
	for i := range s.Results {
		s.Results[i].Certificate = &check.Certificate{Subject: "O=nobody", Issuer: "CN=R11", NotAfter: noon, DaysLeft: 13.9, Verified: true}
	}
	got := newView(s).Certificates()
	if got.All != 1 || got.First[0].Days != 13 || got.First[0].Word() != "renew now" || got.First[0].Subject != "O=nobody" ||
		got.First[0].Targets() != "shop-00000.example.com/health and 2 others" {
		t.Errorf("%+v", got)
	}
	if many := newView(crowd(10_000)).Certificates(); many.Shown() != mostCertificates || len(many.First) != fewCertificates || many.All != 10_000 {
		t.Errorf("%d of %d", many.Shown(), many.All)
	}
}

// A run of a hundred thousand targets leaves little room beside its results.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: make test-all")
	}
	s := crowd(100_000)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	if err := Write(io.Discard, s); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if used := (after.TotalAlloc - before.TotalAlloc) >> 20; used > 60 {
		t.Errorf("the page took %d MiB in all, of which not even all at once", used)
	} else {
		t.Logf("%d MiB in all", used)
	}
}

func BenchmarkWrite(b *testing.B) {
	s := crowd(10_000)
	var page bytes.Buffer
	for b.Loop() {
		page.Reset()
		if err := Write(&page, s); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(page.Len())/1e6, "MB")
}
