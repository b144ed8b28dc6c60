package report

import (
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/monitor"
)

// A Comparison is the same targets checked one after the other, and all at
// once.
type Comparison struct {
	OneByOne, AtOnce *monitor.Summary

	// What all at once is bound by, for the estimate. CPU is the processor's
	// time that a check takes, 0: not known. Queries are DNS's a second, 0: as
	// many as there are.
	InFlight int
	CPU      time.Duration
	Cores    int
	Names    int
}

// Write writes the three lines of the article that began it, in seconds, with
// each side's failures before its own, then what all at once saves, and what
// the figures mean for a long list.
func (c *Comparison) Write(w io.Writer) error {
	text := errorLines(c.OneByOne) + fmt.Sprintf("sync_run: %.4f\n", time.Duration(c.OneByOne.Duration).Seconds())
	text += errorLines(c.AtOnce) + fmt.Sprintf("async_run: %.4f\n", time.Duration(c.AtOnce.Duration).Seconds())
	text += fmt.Sprintf("async_run - sync_run: %.4f\n", time.Duration(c.AtOnce.Duration-c.OneByOne.Duration).Seconds())
	_, err := io.WriteString(w, text+"\n"+c.saving()+c.outlook())
	return err
}

// errorLines are the failures in the article's form: an answer has its
// status, and what is no answer its reason.
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

// Saved says what all at once saves of the time, if it does: with one target
// it can't.
func Saved(oneByOne, atOnce time.Duration) string {
	if atOnce >= oneByOne {
		return "nothing saved"
	}
	return fmt.Sprintf("%s or %.0f %% saved", Milliseconds(oneByOne-atOnce), 100*(oneByOne-atOnce).Seconds()/oneByOne.Seconds())
}

func (c *Comparison) saving() string {
	return fmt.Sprintf("All at once, %s: %s.\n", Targets(c.AtOnce.Targets), Saved(time.Duration(c.OneByOne.Duration), time.Duration(c.AtOnce.Duration)))
}

// long is the list that people ask about next.
const long = 100_000

// few targets are too few to build on.
const few = 100

// outlook is what a long list would take, by the figures that were measured.
func (c *Comparison) outlook() string {
	if c.AtOnce.Targets == c.AtOnce.NotChecked {
		return ""
	}
	slow := time.Duration(c.OneByOne.Duration) / time.Duration(c.OneByOne.Targets) * long
	fast, why := c.long()
	text := fmt.Sprintf("100,000 like these, by these figures: %s one after the other, %s all at once (%s).\n", about(slow), about(fast), why)
	if c.OneByOne.Targets < few {
		text += "A longer list tells that better: with few, what begins once weighs most.\n"
	}
	return text
}

// long is how long so many take all at once: as long as the tightest of what
// binds them, and the slowest of all at the end.
func (c *Comparison) long() (time.Duration, string) {
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
	most, why := total/n*long/time.Duration(max(c.InFlight, 1)), fmt.Sprintf("%d in flight, %s each", c.InFlight, Milliseconds(total/n))
	if d := c.CPU * long / time.Duration(max(c.Cores, 1)); d > most {
		most, why = d, fmt.Sprintf("%.2f ms of processor a check, %d of them", c.CPU.Seconds()*1000, c.Cores)
	}
	if c.Names > 0 {
		names := time.Duration(len(hosts)) * long / n
		if d := names * time.Second / time.Duration(c.Names); d > most {
			most, why = d, fmt.Sprintf("%d names a second", c.Names)
		}
	}
	return most + slowest, why
}

// about writes a duration as one says it.
func about(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.1f h", d.Hours())
}

// host is that of a URL, with its port.
func host(shown string) string {
	u, err := url.Parse(shown)
	if err != nil {
		return shown
	}
	return u.Host
}
