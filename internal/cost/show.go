package cost

import (
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
	}{{"THE SAME, BY PROFILE", Profiles(p, u)}, {"EACH TARGET PAGES BY ITSELF, CHEAPEST", []Bill{Paging(p, u)}}, {"ELSEWHERE", Elsewhere(p, u)}} {
		const row = "%-65s %12s %12s\n"
		fmt.Fprintf(&b, row, other.title, "USD", "BEYOND FREE")
		for _, o := range other.bills {
			fmt.Fprintf(&b, row, o.Name, o.USD, o.BeyondFree)
		}
		b.WriteByte('\n')
	}
	processor := "arm64"
	if u.X86 {
		processor = "x86_64"
	}
	fmt.Fprintf(&b, "ASSUMED\nA run takes %s: responses after %s, %d MB, %s. Nothing is down; each reason that occurs is one metric more.\n",
		bill.Duration, u.ResponseTime, u.Memory, processor)
	fmt.Fprintf(&b, "A check sends %s bytes; a run logs %s, kept for %d days.\n", text.Count(bytesOut), text.Count(logBytes), retained/24)
	if u.VPC {
		fmt.Fprintf(&b, "A check receives %s bytes through one NAT gateway.\n", text.Count(bytesIn))
	}
	fmt.Fprintf(&b, "If CloudWatch took no metrics all month, the EMF fallback would cost $%s more.\n", bill.EMF)
	if bill.Duration >= u.Every {
		fmt.Fprintf(&b, "A run would take longer than the interval of %s: runs overlap. Take a longer one, or several stacks.\n", Interval(u.Every))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

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
