package expect

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"rollcall/internal/check"
)

// TestMatchesAsRegexpDoes: a text that is read character by character matches
// what it matches as a whole.
func TestMatchesAsRegexpDoes(t *testing.T) {
	long := strings.Repeat("lorem ipsum ", 2_000)
	texts := map[string]string{
		"in the middle": long + "<title>A fatal Error</title>\n" + long,
		"at the start":  "<title>A fatal Error</title>\n" + long,
		"at the end":    long + "<title>A fatal Error</title>",
		"not at all":    long,
		"half":          long + "<title>A fatal" + long,
		"in a line":     long + "\nfatal\n" + long,
		"no Unicode":    long + "\xff\xe2\x82" + long,
		"Unicode":       long + "ünfatäl\ufffd" + long,
		"short":         "lorem",
	}
	for _, source := range []string{
		"<title>.*</title>", "(?s)<title>.*</title>", "^<title>", "^lorem", "title>$", "(?m)^fatal$", "fatal", "(?i)FATAL", `\bfatal\b`, `\Bfatal`, "ipsum <title>",
		"(^<|x)title", "^$", "", "[^ -~\\n]", "\ufffd", "lorem( ipsum lorem)+$", "A.{0,100}Error", "^(lorem ipsum )+$", "orem|<title>x", `\pL\x{fffd}`,
	} {
		p, err := compilePattern(source)
		if err != nil {
			t.Fatal(err)
		}
		p.instructions = max(p.instructions, 200) // so that no text is short but the last
		for name, text := range texts {
			if got, want := p.match(text, func() bool { return true }), p.MatchString(text); got != want {
				t.Errorf("%q matches a text with it %s: %v, want %v", source, name, got, want)
			}
		}
	}
}

// slow are patterns, and texts that take each of them from half a second to
// minutes.
var slow = []struct{ pattern, text string }{
	{"error.{0,500}fatal", "error "},
	{"(?s)<title>.{1,900}</title>", "<title>"},
	{"(?i)e.{0,999}stack trace", "the quick brown fox jumped over the lazy dogs, "},
	{".{0,1000}x.{0,900}y", "a"},
	{"(a|aa|aaa|b){1,333}c", "a"},
}

// TestMatchingIsStopped: no text takes a pattern more than its CPU time, how
// busy the machine may be.
func TestMatchingIsStopped(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for i, s := range slow {
		if i > 0 && testing.Short() {
			t.Skip("the others are slow: make test-all")
		}
		r := responseOf(strings.Repeat(s.text, 1<<20/len(s.text)))
		e := mustCompile(t, "body matches '"+s.pattern+"'")
		began := CPUTime()
		reason, detail := e.Check(r)
		took := CPUTime() - began
		if reason != check.Expectation || !strings.HasSuffix(detail, `": expression exceeded its time limit`) {
			t.Errorf("%s: %v, %s; want it stopped", e, reason, detail)
		}
		if runtime.GOOS == "linux" && (took < maxEvaluation || took > maxEvaluation+maxEvaluation/2) {
			t.Errorf("%s took %v of CPU time, want %v", e, took, maxEvaluation)
		}
	}
}

// TestOrdinaryMatchesAreNotStopped: the same patterns over pages that are just
// large.
func TestOrdinaryMatchesAreNotStopped(t *testing.T) {
	page := strings.Repeat("<p>An honest page, with an error at times.</p>\n", 1<<20/50)
	for _, s := range slow[:1] {
		if reason, detail := mustCompile(t, "not (body matches '"+s.pattern+"')").Check(responseOf(page)); reason != check.OK {
			t.Errorf("%s: %v, %s; want it to hold", s.pattern, reason, detail)
		}
		if reason, detail := mustCompile(t, "body matches '"+s.pattern+"'").Check(responseOf(page + "error: that was fatal")); reason != check.OK {
			t.Errorf("%s: %v, %s; want it to hold", s.pattern, reason, detail)
		}
	}
}

// TestTheRunsEndStopsAnEvaluation, whatever it does: matching, looping, or one
// step after the other that can't be stopped itself.
func TestTheRunsEndStopsAnEvaluation(t *testing.T) {
	long := "[" + strings.Repeat("1,", 300_000) + "1]" + strings.Repeat(" ", 400_000)
	for source, text := range map[string]string{
		"body matches '1.{0,500}fatal'":                                 long,
		"all(json, any(json, # == 2) == false)":                         long,
		strings.Repeat("string(json) == '' or ", 20) + "false":          long,
		strings.Repeat("body contains header['x-a'] or ", 20) + "false": strings.Repeat("b, ", 8<<20),
		strings.Repeat("body matches '[ab]c' or ", 20) + "false":        strings.Repeat("a", 100_000),
	} {
		r := responseOf(text)
		ended := false
		r.Stop = func() bool { ended = true; return true }
		reason, detail := mustCompile(t, source).Check(r)
		if want := "the run ended during the evaluation of " + source; !ended || reason != check.Deadline || detail != want {
			t.Errorf("%.60s: %v, %.60s; want %s", source, reason, detail, want)
		}
	}
}

// TestAQuickEvaluationOutlivesTheRun: its verdict is as good as before.
func TestAQuickEvaluationOutlivesTheRun(t *testing.T) {
	r := responseOf("up")
	r.Stop = func() bool { return true }
	for range 100 { // the machine may be busy for longer than that is
		began := time.Now()
		reason, detail := mustCompile(t, "body matches 'up' && lower(body) == 'up'").Check(r)
		if time.Since(began) < unmetered {
			if reason != check.OK {
				t.Errorf("%v, %s", reason, detail)
			}
			return
		}
	}
	t.Skip("the machine is too busy")
}
