//go:build browser

// Package page_test opens the page in a real Chromium, as `make browser` does.
// CHROMIUM names the program, AXE the accessibility checker's script.
package page_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"rollcall/internal/check"
	"rollcall/internal/monitor"
	"rollcall/internal/page"
)

// everything is a small summary with every state in it, and most of what can
// be reported of a target.
func everything(t *testing.T) *monitor.Summary {
	t.Helper()
	text, err := os.ReadFile("../../internal/page/testdata/everything.json")
	if err != nil {
		t.Fatal(err)
	}
	var s monitor.Summary
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	return &s
}

// hostile breaks out of every context that a careless page would put it in.
const hostile = `"'><script>hacked=1</script><img src=x onerror=hacked=1></style></title></textarea><!--{{.}}` + "\x1b[31m\u202e\u2028`</svg>"

// poisoned is a summary that has hostile strings wherever a server or an event
// can put any.
func poisoned(t *testing.T) *monitor.Summary {
	s := everything(t)
	s.Run, s.Version, s.Profile, s.Warnings = hostile, hostile, hostile, []string{hostile}
	for i := range s.Results {
		r := &s.Results[i]
		r.Name, r.Group, r.Detail, r.Expression, r.HTTP = r.Name+hostile, fmt.Sprint(hostile, i%2), hostile, hostile, hostile
		r.URL, r.Redirects, r.Warnings = "https://example.com/"+hostile, []string{hostile}, []string{hostile}
		r.Title, r.Link = hostile, "https://example.com/"+hostile
		if r.Certificate != nil {
			r.Certificate.Subject, r.Certificate.Issuer = hostile, hostile
		}
	}
	return s
}

// crowd is a summary of n targets, all of them up.
func crowd(t *testing.T, n int) *monitor.Summary {
	s := everything(t)
	like := s.Results[slices.IndexFunc(s.Results, func(r check.Result) bool { return r.State == check.Up })]
	s.Results, s.Targets, s.Up, s.Down, s.Degraded, s.NotChecked, s.Flaky = nil, n, n, 0, 0, 0, 0
	for i := range n {
		r := like
		host := fmt.Sprintf("shop-%05d.example.com", i)
		r.Name, r.URL, r.Group = host+"/health", "https://"+host+"/health", fmt.Sprintf("group-%d", i%7)
		certificate := *like.Certificate
		certificate.Subject = "CN=" + host
		r.Certificate = &certificate
		s.Results = append(s.Results, r)
	}
	return s
}

// written is the page of a summary.
func written(t *testing.T, s *monitor.Summary) string {
	t.Helper()
	var b strings.Builder
	if err := page.Write(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// A browser is a Chromium with one tab, and a server that has one page.
type browser struct {
	t   *testing.T
	ctx context.Context
	url string

	mu   sync.Mutex
	page string
	got  []string // what was asked of the server
	sent []string // what the tab has asked for, of whomever
}

// chromium starts a browser with a profile of its own.
func chromium(t *testing.T) *browser {
	t.Helper()
	b := &browser{t: t}
	server := httptest.NewServer(http.HandlerFunc(b.serve))
	t.Cleanup(server.Close)
	b.url = server.URL + "/page"
	options := []chromedp.ExecAllocatorOption{
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
		chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1440, 900),
	}
	if program := os.Getenv("CHROMIUM"); program != "" {
		options = append(options, chromedp.ExecPath(program))
	}
	for _, flag := range []string{"disable-quic", "disable-background-networking", "disable-component-update", "disable-sync"} {
		options = append(options, chromedp.Flag(flag, true))
	}
	limited, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	allocated, cancel := chromedp.NewExecAllocator(limited, options...)
	t.Cleanup(cancel)
	b.ctx, cancel = chromedp.NewContext(allocated)
	t.Cleanup(func() {
		chromedp.Cancel(b.ctx) // and waits, so that the profile can be removed
		cancel()
	})
	if err := chromedp.Listen(b.ctx, b.listen); err != nil {
		t.Fatalf("starting Chromium: %v", err)
	}
	if _, err := chromedp.Call(b.ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *browser) serve(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.got = append(b.got, r.URL.Path)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	io.WriteString(w, b.page)
}

func (b *browser) listen(event any) {
	if e, ok := event.(*network.EventRequestWillBeSent); ok && !strings.HasPrefix(e.Request.URL, "data:") {
		b.mu.Lock()
		b.sent = append(b.sent, e.Request.URL)
		b.mu.Unlock()
	}
}

// open shows a page, and waits until it is on the screen.
func (b *browser) open(page string) {
	b.t.Helper()
	b.mu.Lock()
	b.page, b.got, b.sent = page, nil, nil
	b.mu.Unlock()
	if err := chromedp.Do(b.ctx, chromedp.Navigate(b.url)); err != nil {
		b.t.Fatal(err)
	}
}

// do runs actions.
func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// evaluate returns the value of an expression, once its promise is kept.
func evaluate[T any](b *browser, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%.200s: %v", expression, err)
	}
	return v
}

// names are those of the rows on the screen, in order.
func (b *browser) names() []string {
	b.t.Helper()
	return evaluate[[]string](b, `Array.from(document.querySelectorAll("#rows tbody tr"))
		.filter((row) => row.checkVisibility({contentVisibilityAuto: false}))
		.map((row) => (row.querySelector("small") || row.cells[1].firstChild).textContent)`)
}

// short are names without what all of them have.
func (b *browser) short() string {
	b.t.Helper()
	return strings.NewReplacer(".example.com/health", "", "shop-0000", "", "shop-000", "").Replace(strings.Join(b.names(), " "))
}

// wait lets pending handlers and the next frame take place.
const wait = `new Promise((done) => requestAnimationFrame(() => setTimeout(done)))`

func TestFilterSortAndSearch(t *testing.T) {
	b := chromium(t)
	b.open(written(t, everything(t)))
	all := "hanging.example 3 10 blocked.example 7 example.com#391196688aa5 14 13 12 11 9 8 2 1 0"
	heading := func(n int) chromedp.Action[chromedp.Void] {
		return chromedp.Click(chromedp.CSS(fmt.Sprintf("#rows thead th:nth-child(%d) button", n)))
	}
	search := chromedp.CSS("#search")
	choose := func(id, value string) chromedp.Action[chromedp.Void] {
		return chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`{ const s = document.getElementById(%q); s.value = %q; s.dispatchEvent(new Event("input", {bubbles: true})) }`, id, value))
	}
	state := func(value string) chromedp.Action[chromedp.Void] {
		return chromedp.Click(chromedp.CSS("input[value=" + value + "]"))
	}
	reset := chromedp.Click(chromedp.CSS("button[type=reset]"))
	for _, step := range []struct {
		what  string
		do    []chromedp.Action[chromedp.Void]
		want  string
		found string
	}{
		{"at first", nil, all, "15 shown"},
		{"a search", []chromedp.Action[chromedp.Void]{chromedp.SendKeys(search, "SHOP expired")}, "10", "1 of 15 shown"},
		{"nothing found", []chromedp.Action[chromedp.Void]{chromedp.SendKeys(search, "x")}, "", "0 of 15 shown"},
		{"reset", []chromedp.Action[chromedp.Void]{reset}, all, "15 shown"},
		{"without those that are down", []chromedp.Action[chromedp.Void]{state("down")}, "7 example.com#391196688aa5 14 13 12 11 9 8 2 1 0", "11 of 15 shown"},
		{"those that are up", []chromedp.Action[chromedp.Void]{state("degraded"), state("not_checked")}, "14 13 12 11 9 8 2 1 0", "9 of 15 shown"},
		{"of one group", []chromedp.Action[chromedp.Void]{choose("group", "group-1")}, "8 1", "2 of 15 shown"},
		{"reset again", []chromedp.Action[chromedp.Void]{reset}, all, "15 shown"},
		{"one reason", []chromedp.Action[chromedp.Void]{choose("reason", "tls_expired")}, "10", "1 of 15 shown"},
		{"all reasons", []chromedp.Action[chromedp.Void]{choose("reason", "")}, all, "15 shown"},
		{"by name", []chromedp.Action[chromedp.Void]{heading(2)}, "blocked.example example.com#391196688aa5 hanging.example 0 1 2 3 7 9 10 11 12 13 14 8", "15 shown"},
		{"by name, backwards", []chromedp.Action[chromedp.Void]{heading(2)}, "8 14 13 12 11 10 9 7 3 2 1 0 hanging.example example.com#391196688aa5 blocked.example", "15 shown"},
		{"the slowest first", []chromedp.Action[chromedp.Void]{heading(4)}, "hanging.example 14 13 12 11 9 8 7 3 2 1 0 10 blocked.example example.com#391196688aa5", "15 shown"},
		{"the fastest first", []chromedp.Action[chromedp.Void]{heading(4)}, "10 0 1 2 3 7 8 9 11 12 13 14 hanging.example blocked.example example.com#391196688aa5", "15 shown"},
		{"by days left", []chromedp.Action[chromedp.Void]{heading(11), heading(11)}, "10 0 1 2 3 7 8 9 11 12 13 14 hanging.example blocked.example example.com#391196688aa5", "15 shown"},
		{"sorted and searched", []chromedp.Action[chromedp.Void]{chromedp.SendKeys(search, "group-1")}, "1 8", "2 of 15 shown"},
		{"the first order", []chromedp.Action[chromedp.Void]{reset}, all, "15 shown"},
	} {
		b.do(step.do...)
		evaluate[chromedp.Void](b, wait)
		if got := b.short(); got != step.want {
			t.Errorf("%s: %s, want %s", step.what, got, step.want)
		}
		if found := evaluate[string](b, `document.getElementById("found").textContent`); found != step.found {
			t.Errorf("%s: it says %q, want %q", step.what, found, step.found)
		}
	}
	if b.names(); evaluate[int](b, `document.querySelectorAll("[aria-sort]").length`) != 0 {
		t.Error("a heading still says that it sorts")
	}
	b.do(chromedp.Click(chromedp.CSS("#rows summary")))
	if !evaluate[bool](b, `document.querySelector("#rows details").open`) {
		t.Error("a name does not unfold")
	}
}

// The page's address has what is chosen, and chooses it.
func TestTheAddressHasTheFilter(t *testing.T) {
	b := chromium(t)
	b.open(written(t, everything(t)))
	hash := func() string {
		evaluate[chromedp.Void](b, wait)
		return evaluate[string](b, "location.hash")
	}
	b.do(chromedp.SendKeys(chromedp.CSS("#search"), "shop"), chromedp.Click(chromedp.CSS("input[value=up]")))
	b.do(chromedp.Click(chromedp.CSS("#rows thead th:nth-child(4) button")))
	const chosen = "#state=down%2Cdegraded%2Cnot_checked&find=shop&sort=-duration"
	if got := hash(); got != chosen {
		t.Errorf("the address is %s, want %s", got, chosen)
	}
	b.open(written(t, everything(t)))
	b.do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf("location.hash = %q", "#reason=status&sort=name")))
	if hash(); b.short() != "3" || evaluate[string](b, `document.getElementById("reason").value`) != "status" {
		t.Errorf("by the address the rows are %s", b.short())
	}
	b.do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf("location.hash = %q", chosen)))
	if hash(); b.short() != "7 3 10" {
		t.Errorf("by the address the rows are %s", b.short())
	}
	b.do(chromedp.Click(chromedp.CSS("button[type=reset]")))
	if got := hash(); got != "#targets" || len(b.names()) != 15 {
		t.Errorf("reset, the address is %s, and there are %d rows", got, len(b.names()))
	}
}

// In the order of durations the bars are as long as the longest shown.
func TestBarsOfTheSlowest(t *testing.T) {
	b := chromium(t)
	b.open(written(t, everything(t)))
	bars := func() string {
		evaluate[chromedp.Void](b, wait)
		return evaluate[string](b, `Array.from(document.querySelectorAll("#rows tbody tr")).slice(0, 2)
			.map((row) => Math.round(row.querySelector("line").getBoundingClientRect().width / row.querySelector("svg").getBoundingClientRect().width * 100) +
				row.cells[4].className).join() + " of " + document.querySelector(".axis text:last-child").textContent`)
	}
	if got := bars(); got != "3333over,24 of 300 ms" {
		t.Errorf("at first the bars are %s", got)
	}
	b.do(chromedp.Click(chromedp.CSS("#rows thead th:nth-child(4) button")))
	if got := bars(); got != "100,3 of 10 s" {
		t.Errorf("sorted, the bars are %s", got)
	}
	b.do(chromedp.Click(chromedp.CSS("button[type=reset]")))
	if got := bars(); got != "3333over,24 of 300 ms" {
		t.Errorf("reset, the bars are %s", got)
	}
}

// Names lead to the targets, and a page of many says what is not in it.
func TestLinksAndWhatIsMissing(t *testing.T) {
	b := chromium(t)
	b.open(written(t, everything(t)))
	if got := evaluate[string](b, `document.querySelector("#rows tbody a").href`); got != "https://hanging.example/" {
		t.Errorf("the first name leads to %q", got)
	}
	b.open(written(t, crowd(t, 10_100)))
	b.do(chromedp.SendKeys(chromedp.CSS("#search"), "shop-10099"))
	const want = "0 of 10,000 shown; 100 more, all up, are not in this page"
	if got := evaluate[string](b, `document.getElementById("found").textContent`); got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
	b.open(written(t, crowd(t, 3)))
	if evaluate[bool](b, `document.getElementById("filter") !== null || document.getElementById("latency") !== null`) {
		t.Error("three targets have a search, or percentiles")
	}
}

// Whatever is done with the page, it asks nobody for anything.
func TestNoRequestLeavesThePage(t *testing.T) {
	b := chromium(t)
	for name, page := range map[string]string{"everything": written(t, everything(t)), "hostile": written(t, poisoned(t))} {
		b.open(page)
		b.do(chromedp.SendKeys(chromedp.CSS("#search"), "example"), chromedp.KeyEvent("\r"))
		b.do(chromedp.Click(chromedp.CSS("#rows thead th:nth-child(4) button")), chromedp.Click(chromedp.CSS("#rows summary")))
		b.do(chromedp.Click(chromedp.CSS("nav a")), chromedp.Sleep(200*time.Millisecond))
		b.mu.Lock()
		if want := []string{"/page"}; !slices.Equal(b.got, want) || len(b.sent) != 1 {
			t.Errorf("%s: the server was asked for %v, and all that was asked for is %v", name, b.got, b.sent)
		}
		b.mu.Unlock()
		if hacked := evaluate[bool](b, `"hacked" in window`); hacked {
			t.Errorf("%s: a string was run as a script", name)
		}
	}
}

// Were there a way to bring markup in, the policy would still keep it from
// running or loading anything.
func TestInjectedMarkupIsInert(t *testing.T) {
	b := chromium(t)
	const injected = `<script>window.hacked = "script"</script><script src="/x.js"></script><img src="/x.png" onerror="window.hacked = 'error'">
		<svg onload="window.hacked = 'load'"></svg><iframe src="/x.html"></iframe><link rel=stylesheet href="/x.css"><style>body { display: none }</style>
		<body onfocus="window.hacked = 'focus'"><form id=evil action="/x" method=post><button>x</button></form><base href="http://127.0.0.1:9/">
		<a id=script href="javascript:window.hacked='link'">x</a><object data="/x.swf"></object><video src="/x.mp4" autoplay></video>`
	b.open(strings.Replace(written(t, everything(t)), "<main>", "<main>"+injected, 1))
	byThePolicy := func(p *runtime.EvaluateParams) { p.AllowUnsafeEvalBlockedByCSP = new(bool) }
	b.do(chromedp.Evaluate[chromedp.Void](`{ document.getElementById("script").click(); document.querySelector("#evil button").click();
		try { eval("window.hacked = 'eval'") } catch {}
		try { document.body.insertAdjacentHTML("beforeend", "<img src=/y.png onerror='window.hacked=1'>") } catch {}
		fetch("/z").catch(() => {}); navigator.sendBeacon("/beacon"); new Image().src = "/image.png" }`, byThePolicy))
	b.do(chromedp.Sleep(500 * time.Millisecond))
	if hacked := evaluate[*string](b, `window.hacked || null`); hacked != nil {
		t.Errorf("the %s ran", *hacked)
	}
	if !evaluate[bool](b, `document.querySelector("h1").checkVisibility()`) {
		t.Error("an injected style applies")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.Equal(b.got, []string{"/page"}) {
		t.Errorf("the server was asked for %v", b.got)
	}
}

// Nothing runs out of the window, however long the words are.
func TestNothingOverflows(t *testing.T) {
	b := chromium(t)
	long := everything(t)
	for i := range long.Results {
		r := &long.Results[i]
		r.Name, r.Detail, r.URL = strings.Repeat("long", 60), strings.Repeat("W", 200), "https://"+strings.Repeat("l", 290)
		r.Group = strings.Repeat("g", 100+i)
		if r.Certificate != nil {
			r.Certificate.Subject = "CN=" + strings.Repeat("s", 190)
		}
	}
	long.Warnings, long.Run = []string{strings.Repeat("w", 500)}, strings.Repeat("r", 200)
	pages := map[string]string{"everything": written(t, everything(t)), "long words": written(t, long), "nothing": written(t, &monitor.Summary{})}
	for _, width := range []int64{320, 375, 699, 701, 820, 1120, 1121, 1440} {
		b.do(chromedp.EmulateViewport(width, 900))
		for name, page := range pages {
			b.open(page)
			evaluate[chromedp.Void](b, `document.querySelectorAll("details").forEach((d) => { d.open = true })`)
			got := evaluate[struct {
				Scroll int
				Wide   []string
			}](b, `({Scroll: document.documentElement.scrollWidth, Wide: Array.from(document.querySelectorAll("body *"))
				.filter((e) => !e.closest(".unseen, svg *") && e.getBoundingClientRect().right > innerWidth + 1)
				.map((e) => e.outerHTML.slice(0, 80))})`)
			if got.Scroll > int(width) || len(got.Wide) > 0 {
				t.Errorf("%s at %d pixels: %d wide; %d elements stand out: %.300q", name, width, got.Scroll, len(got.Wide), got.Wide)
			}
		}
	}
}

// Without a script everything is there.
func TestWithoutJavaScript(t *testing.T) {
	b := chromium(t)
	if _, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	b.open(written(t, everything(t)))
	if names := b.short(); !strings.HasPrefix(names, "hanging.example 3 10 ") || len(strings.Fields(names)) != 15 {
		t.Errorf("the rows are %s", names)
	}
	seen := evaluate[string](b, `document.body.innerText`)
	for _, part := range []string{"6 of 15", "no response within 10s", "10 s", "p90", "old.example.com", "Cause:", "kernel’s clock", "abc58e56", "29 accepted"} {
		if part = strings.Replace(part, "6 of 15", "4 of 15 targets are down", 1); !strings.Contains(seen, part) {
			t.Errorf("without a script nothing shows %q", part)
		}
	}
	if strings.Contains(seen, "Search") {
		t.Error("without a script there is a search that does nothing")
	}
}

// To a screen reader the table is a table, though its rows are drawn as grids.
func TestTheTableIsATable(t *testing.T) {
	b := chromium(t)
	b.open(written(t, everything(t)))
	tree, err := chromedp.Call(b.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, n := range tree.Nodes {
		if !n.Ignored && n.Role != nil {
			var role string
			if err := json.Unmarshal(n.Role.Value, &role); err != nil {
				t.Fatal(err)
			}
			counts[role]++
		}
	}
	// 15 rows and a head; beside them those of the percentiles (6 and 1) and of the
	// certificates (6 and 1); more certificates and the measurement are folded.
	if counts["row"] != 16+7+7 || counts["rowheader"] < 15 || counts["columnheader"] < 11 || counts["table"] != 3 {
		t.Errorf("the accessibility tree has %v", counts)
	}
}

// No rule of axe-core is violated, in the light and in the dark, on a desktop
// and on a phone.
func TestAccessibility(t *testing.T) {
	axe, err := os.ReadFile(os.Getenv("AXE"))
	if err != nil {
		t.Fatalf("AXE has to name axe-core's script: %v", err)
	}
	b := chromium(t)
	for _, scheme := range []string{"light", "dark"} {
		features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}
		if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features}); err != nil {
			t.Fatal(err)
		}
		for _, width := range []int64{375, 820, 1440} {
			b.do(chromedp.EmulateViewport(width, 900))
			for name, s := range map[string]*monitor.Summary{"everything": everything(t), "all up": crowd(t, 3), "many": crowd(t, 30), "nothing": {}} {
				b.open(written(t, s))
				evaluate[chromedp.Void](b, `document.querySelectorAll("details").forEach((d) => { d.open = true })`)
				b.do(chromedp.Evaluate[chromedp.Void](string(axe)))
				got := evaluate[struct {
					Violations []string
					Passes     int
				}](b, `axe.run({resultTypes: ["violations"]}).then((result) => ({
					Passes: result.passes.length,
					Violations: result.violations.map((v) => v.id + ": " + v.nodes.map((n) => n.html.slice(0, 120) + " " + n.failureSummary).slice(0, 3).join(" | "))}))`)
				for _, v := range got.Violations {
					t.Errorf("%s, %s, %d pixels: %s", name, scheme, width, v)
				}
				if got.Passes < 10 {
					t.Errorf("axe-core has looked at %d rules only", got.Passes)
				}
			}
		}
	}
}

// plain is a table of the same rows without all else, with the same search:
// what a browser needs for that many rows.
func plain(page string) string {
	_, rows, _ := strings.Cut(page, "id=rows")
	rows, _, _ = strings.Cut(rows, "</table>")
	rows = regexp.MustCompile(`(?s)<svg>.*?</svg>|<dl>.*?</dl>|</?(details|summary)>`).ReplaceAllString(rows, "")
	return `<!doctype html><meta charset=utf-8><input id=search><table ` + rows + `</table><script>
		const rows = Array.from(document.querySelectorAll("tbody tr"), (row) => ({row, words: row.cells[1].textContent.toLowerCase()}));
		document.getElementById("search").addEventListener("input", (event) => {
			const word = event.target.value.toLowerCase();
			for (const r of rows) r.row.hidden = !r.words.includes(word);
		});</script>`
}

// keystrokes types into the search, and returns how long each took until the
// next frame had been drawn, in milliseconds.
const keystrokes = `(async () => {
	const search = document.getElementById("search");
	const frame = () => new Promise((done) => requestAnimationFrame(() => { const c = new MessageChannel(); c.port1.onmessage = done; c.port2.postMessage(0); }));
	search.focus();
	const took = [];
	for (const text of ["s", "sh", "shop-0", "shop-01", "shop-012", "shop-0123", "", "9", ""]) {
		await frame(); await frame();
		const began = performance.now();
		search.value = text;
		search.dispatchEvent(new Event("input", {bubbles: true}));
		await frame();
		took.push(performance.now() - began);
	}
	return took;
})()`

// opened is how long it took from the request to the first frame with all
// rows, in milliseconds.
const opened = `new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(performance.now()))))`

// A page of ten thousand rows opens and searches faster than a plain table of
// them does. The times are printed; as they depend on the machine, the ratio is
// what is judged.
func TestTenThousandRowsAreQuick(t *testing.T) {
	b := chromium(t)
	page := written(t, crowd(t, 10_000))
	type times struct{ open, slowest []float64 }
	var ours, theirs times
	for range 3 {
		for page, to := range map[string]*times{page: &ours, plain(page): &theirs} {
			b.open(page)
			to.open = append(to.open, evaluate[float64](b, opened))
			took := evaluate[[]float64](b, keystrokes)
			t.Logf("milliseconds a keystroke: %.0f", took)
			to.slowest = append(to.slowest, slices.Max(took))
		}
	}
	for _, test := range []struct {
		what         string
		ours, theirs []float64
		ratio        float64
	}{{"opening", ours.open, theirs.open, 0.8}, {"the slowest keystroke", ours.slowest, theirs.slowest, 0.5}} {
		ours, theirs := median(test.ours), median(test.theirs)
		t.Logf("%s: %.0f ms, of a plain table %.0f ms: %.2f", test.what, ours, theirs, ours/theirs)
		if ours/theirs > test.ratio {
			t.Errorf("%s: %.0f ms are more than %.1f of %.0f ms", test.what, ours, test.ratio, theirs)
		}
	}
}

func median(of []float64) float64 { return slices.Sorted(slices.Values(of))[len(of)/2] }
