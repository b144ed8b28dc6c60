package cost

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"rollcall/internal/plan"
	"rollcall/internal/text"
)

// Write writes the bill of a plan for a person: the items, what else it could
// be, and what is assumed.
func Write(w io.Writer, p *plan.Plan, u Use) error {
	var b strings.Builder
	bill := Estimate(p, u)
	fmt.Fprintf(&b, "%s\nPrices of %s, %s, second-hand. A month is %d hours, runs in it: %s.\n\n", Line(p, u), Region, Dated, hours, bill.Runs)
	const row = "%-30s %15s %-18s %12s %12s\n"
	fmt.Fprintf(&b, row, "ITEM", "A MONTH", "", "USD", "BEYOND FREE")
	for _, i := range bill.Items {
		fmt.Fprintf(&b, row, i.Name, i.Quantity, i.Unit, cents(i.USD), cents(i.BeyondFree))
	}
	fmt.Fprintf(&b, row, "total", "", "", bill.USD, bill.BeyondFree)
	fmt.Fprintf(&b, "\nBEYOND FREE: if the account's free allowance each month is all for this.\n\n")
	for _, other := range []struct {
		title string
		bills []Bill
	}{
		{"THE SAME, BY PROFILE", Profiles(p, u)},
		{"AN ALARM FOR EACH TARGET, CHEAPEST", []Bill{Paging(p, u)}},
		{"MORE, ALL MONTH, WHILE", Failures(p, u)},
		{"ELSEWHERE", Elsewhere(p, u)},
	} {
		const row = "%-65s %12s %12s\n"
		fmt.Fprintf(&b, row, other.title, "USD", "BEYOND FREE")
		for _, o := range other.bills {
			fmt.Fprintf(&b, row, o.Name, o.USD, o.BeyondFree)
		}
		b.WriteByte('\n')
	}
	b.WriteString("ASSUMED\n" + assumptions(workOf(p, u), bill))
	_, err := io.WriteString(w, b.String())
	return err
}

// assumptions says how a run goes, line by line.
func assumptions(w work, bill Bill) string {
	var b strings.Builder
	run, processor := "A run", "arm64"
	if w.X86 {
		processor = "x86_64"
	}
	if w.Split > 0 {
		run = "A part"
	}
	failing := "Nothing is down"
	if w.Down+w.Hang > 0 {
		failing = fmt.Sprintf("Down in each run: %s at once, %s after %s", text.Count(w.Down), text.Count(w.Hang), Interval(w.longest))
	}
	fmt.Fprintf(&b, "%s takes %s: responses after %s, %d MB, %s. %s; each reason that occurs is one metric more.\n",
		run, bill.Duration, w.ResponseTime, w.Memory, processor, failing)
	fmt.Fprintf(&b, "A check sends %s bytes; a run logs %s, and %s for each target that is not up, kept for %d days.\n",
		text.Count(bytesOut), text.Count(logBytes), text.Count(downBytes), cmp.Or(w.LogDays, logDays))
	if !w.NoHistory {
		fmt.Fprintf(&b, "A run writes its history and its page; %s a month send two messages each, to one e-mail address.\n", text.Plural(max(0, cmp.Or(w.Incidents, incidents)), "incident"))
	}
	if w.VPC {
		fmt.Fprintf(&b, "A check receives %s bytes through one NAT gateway, which S3 is reached by too.\n", text.Count(bytesIn))
	}
	fmt.Fprintf(&b, "If CloudWatch took no metrics all month, the EMF fallback would cost $%s more.\n", bill.EMF)
	if w.Split > 0 {
		whole, waves := w.whole()
		fmt.Fprintf(&b, "%s of %s, %d at once: %s, %s with the first step and the sum, of %s.\n",
			text.Plural(w.Split, "part"), text.Plural((w.checked+w.Split-1)/w.Split, "target"), min(w.Split, cmp.Or(w.Concurrency, atOnce)),
			text.Plural(waves, "wave"), Interval(whole.Round(time.Second)), Interval(w.Every))
		binds := bill.Items[0]
		for _, i := range bill.Items {
			if i.USD > binds.USD {
				binds = i
			}
		}
		fmt.Fprintf(&b, "What binds a part: %s. What costs most: %s, %d %% of the bill.\n", w.slowest().name, binds.Name, 100*binds.USD/max(bill.USD, 1))
	} else if bill.Duration >= w.Every {
		fmt.Fprintf(&b, "A run would take longer than the interval of %s: runs overlap. Take a longer one, several stacks, or --parts.\n", Interval(w.Every))
	}
	return b.String()
}

// Fit says why a plan can't be checked as it is to be: parts that take longer than
// they may. Nil: it can be.
func Fit(p *plan.Plan, u Use) error { return workOf(p, u).misfit() }

// Line says in one line what a month costs, and for what.
func Line(p *plan.Plan, u Use) string {
	b := Estimate(p, u)
	return fmt.Sprintf("$%s a month: %s, every %s, profile %s, %s.",
		b.USD, text.Plural(b.Targets, "target"), Interval(u.Every), u.Profile, text.Plural(b.Series, "metric"))
}

// Interval writes a duration without its zeros: 1m, not 1m0s.
func Interval(d time.Duration) string {
	s := d.String()
	for _, zero := range []struct{ end, before string }{{"m0s", "m"}, {"h0m", "h"}} {
		if short, ok := strings.CutSuffix(s, zero.end); ok {
			s = short + zero.before
		}
	}
	return s
}
