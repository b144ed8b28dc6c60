package report

import (
	"fmt"
	"io"
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

	// What limits all at once, for the estimate.
	InFlight int           // checks at the same time
	CPU      time.Duration // processor time a check; 0: unknown
	Cores    int
	Names    int // DNS queries a second; 0: no limit
}

// Write writes the three lines of the article whose experiment this repeats, in
// seconds, with each side's failures before its own, then what all at once
// saves, and an estimate for a long list.
func (c *Comparison) Write(w io.Writer) error {
	oneByOne, atOnce := time.Duration(c.OneByOne.Duration), time.Duration(c.AtOnce.Duration)
	_, err := fmt.Fprintf(w, "%ssync_run: %.4f\n%sasync_run: %.4f\nasync_run - sync_run: %.4f\n\nAll at once, %s: %s.\n%s",
		errorLines(c.OneByOne), oneByOne.Seconds(), errorLines(c.AtOnce), atOnce.Seconds(),
		(atOnce - oneByOne).Seconds(),
		text.Plural(c.AtOnce.Targets, "target"), Saved(oneByOne, atOnce), c.estimate())
	return err
}

// errorLines are the failures in the article's form: the status of a response,
// or the reason if there is none.
func errorLines(s *monitor.Summary) string {
	var b strings.Builder
	for i := range s.Results {
		r := &s.Results[i]
		if r.State == check.Up || r.State == check.Degraded {
			continue
		}
		what := r.Reason.String()
		if r.Status != 0 && r.Reason == check.Status {
			what = status(r)
		}
		fmt.Fprintf(&b, "Error: %s - %s\n", Plain(r.URL), what)
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
