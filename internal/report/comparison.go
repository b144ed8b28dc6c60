package report

import (
	"fmt"
	"io"
	"math"
	"net/url"
	"strings"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/monitor"
	"rollcall/internal/text"
)

// A Comparison is the same targets checked one after the other, and all at
// once.
type Comparison struct {
	OneByOne, AtOnce *monitor.Summary
	Look             Look // of the terminal, if there is one

	// What limits all at once, for the estimate.
	InFlight int           // checks at the same time
	CPU      time.Duration // processor time a check; 0: unknown
	Cores    int
	Names    int // DNS queries a second; 0: no limit
}

// Write writes the three lines of the article whose experiment this repeats, in
// seconds, with each side's failures before its own, then what all at once
// saves, and an estimate for a long list. On a terminal two bars come first.
func (c *Comparison) Write(w io.Writer) error {
	oneByOne, atOnce := time.Duration(c.OneByOne.Duration), time.Duration(c.AtOnce.Duration)
	words := fmt.Sprintf("%ssync_run: %.4f\n%sasync_run: %.4f\nasync_run - sync_run: %.4f\n\nAll at once, %s: %s.\n%s",
		c.errorLines(c.OneByOne), oneByOne.Seconds(), c.errorLines(c.AtOnce), atOnce.Seconds(),
		(atOnce - oneByOne).Seconds(),
		text.Plural(c.AtOnce.Targets, "target"), Saved(oneByOne, atOnce), c.estimate())
	if c.Look.Width > 0 {
		words = c.bars(oneByOne, atOnce) + "\n" + c.Look.wrapLines(words)
	}
	_, err := io.WriteString(w, words)
	return err
}

// bars are the two times to scale, and how many times one is the other.
func (c *Comparison) bars(oneByOne, atOnce time.Duration) string {
	const label, figures = len("one after the other"), len("  2 min 18 s  1,234 × as fast")
	longest := max(oneByOne, atOnce, 1)
	room := c.Look.Width - label - gap - figures
	narrow := room < widestBar // labels and figures stand above the bars
	if narrow {
		room = c.Look.Width
	}
	var b strings.Builder
	for _, side := range []struct {
		label  string
		took   time.Duration
		colour colour
		factor string
	}{{"one after the other", oneByOne, faint, ""}, {"all at once", atOnce, cyan, c.factor(oneByOne, atOnce)}} {
		cells := min(max(int(math.Round(side.took.Seconds()/longest.Seconds()*float64(room))), 1), room)
		bar := c.Look.paint(side.colour, strings.Repeat("█", cells))
		words := text.Duration(side.took)
		if side.factor != "" {
			words += "  " + side.factor
		}
		if narrow {
			fmt.Fprintf(&b, "%s%s\n", c.Look.wrapLines(side.label+"  "+words+"\n"), bar)
		} else {
			fmt.Fprintf(&b, "%s  %s  %s\n", pad(side.label, label), bar, words)
		}
	}
	return b.String()
}

// factor is how many times as fast all at once is; "" if it is not.
func (c *Comparison) factor(oneByOne, atOnce time.Duration) string {
	switch factor := oneByOne.Seconds() / max(atOnce.Seconds(), 1e-6); {
	case factor < 1.05:
		return ""
	case factor < 10:
		return fmt.Sprintf("%.1f × as fast", factor)
	default:
		return text.Count(int(math.Round(factor))) + " × as fast"
	}
}

// mostErrors is how many failures of a side a terminal shows.
const mostErrors = 8

// errorLines are the failures in the article's form: the status of a response,
// or the reason if there is none.
func (c *Comparison) errorLines(s *monitor.Summary) string {
	var b strings.Builder
	failures := 0
	for i := range s.Results {
		r := &s.Results[i]
		if r.State == check.Up || r.State == check.Degraded {
			continue
		}
		if failures++; c.Look.Width > 0 && failures > mostErrors {
			continue
		}
		what := r.Reason.String()
		if r.Status != 0 && r.Reason == check.Status {
			what = status(r)
		}
		fmt.Fprintf(&b, "Error: %s - %s\n", Plain(r.URL), what)
	}
	if more := failures - mostErrors; c.Look.Width > 0 && more > 0 {
		fmt.Fprintf(&b, "… and %s (| cat shows all)\n", text.Plural(more, "more error"))
	}
	return b.String()
}

// Saved says how much time all at once saves, if it does: with one target it
// can't.
func Saved(oneByOne, atOnce time.Duration) string {
	if atOnce >= oneByOne {
		return "nothing saved"
	}
	return fmt.Sprintf("%s or %.0f %% saved", milliseconds(oneByOne-atOnce), 100*(oneByOne-atOnce).Seconds()/oneByOne.Seconds())
}

const (
	long = 100_000 // the list that people ask about next
	few  = 100     // fewer targets than this don't allow a good estimate
)

// estimate is how long a long list takes. All at once takes as long as the
// tightest limit demands, and as the slowest target at the end.
func (c *Comparison) estimate() string {
	if c.AtOnce.Targets == c.AtOnce.NotChecked {
		return ""
	}
	var total, slowest time.Duration
	hosts := map[string]bool{}
	for i := range c.AtOnce.Results {
		if r := &c.AtOnce.Results[i]; r.Measured() {
			total += r.Duration
			slowest = max(slowest, r.Duration)
			hosts[host(r.URL)] = true
		}
	}
	n := time.Duration(c.AtOnce.Targets)
	most, limit := total/n*long/time.Duration(max(c.InFlight, 1)), fmt.Sprintf("%d in flight, %s each", c.InFlight, milliseconds(total/n))
	if d := c.CPU * long / time.Duration(max(c.Cores, 1)); d > most {
		most, limit = d, fmt.Sprintf("%s ms of CPU time a check, %s", text.Milliseconds(c.CPU, 2), text.Plural(c.Cores, "core"))
	}
	if c.Names > 0 {
		if d := time.Duration(len(hosts)) * long / n * time.Second / time.Duration(c.Names); d > most {
			most, limit = d, fmt.Sprintf("%d DNS lookups a second", c.Names)
		}
	}
	estimate := fmt.Sprintf("Estimate for 100,000 such targets: %s one after the other, %s all at once (limited by %s).\n",
		rounded(time.Duration(c.OneByOne.Duration)/time.Duration(c.OneByOne.Targets)*long), rounded(most+slowest), limit)
	if c.OneByOne.Targets < few {
		estimate += "With few targets fixed costs dominate: a longer list gives a better estimate.\n"
	}
	return estimate
}

func milliseconds(d time.Duration) string { return text.Milliseconds(d, 1) + " ms" }

// host is that of a URL, with its port.
func host(redacted string) string {
	u, err := url.Parse(redacted)
	if err != nil {
		return redacted
	}
	return u.Host
}

// rounded writes a duration in the unit that fits.
func rounded(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.1f h", d.Hours())
}
