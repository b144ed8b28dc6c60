package cost

import (
	"fmt"
	"io"
	"math/big"
	"strings"
	"time"

	"rollcall/internal/plan"
)

// Write writes the bill of a plan for a person: the items, what else it could
// be, and what is assumed.
func Write(w io.Writer, p *plan.Plan, u Use) error {
	var b strings.Builder
	bill := Estimate(p, u)
	fmt.Fprintf(&b, "%s\nPrices of %s, %s, second-hand. A month is %d hours, runs in it: %s.\n\n", Line(p, u), Region, Dated, hours, number(bill.Runs))
	row(&b, "ITEM", "A MONTH", "", "USD", "BEYOND FREE")
	for _, item := range bill.Items {
		row(&b, item.Name, number(item.Quantity), item.Unit, cents(item.USD), cents(item.BeyondFree))
	}
	row(&b, "total", "", "", bill.USD.String(), bill.BeyondFree.String())
	fmt.Fprintf(&b, "\nBEYOND FREE: if the account's free allowance each month is all for this.\n\n")
	options(&b, "THE SAME, BY PROFILE", Profiles(p, u))
	options(&b, "EACH TARGET PAGES BY ITSELF, CHEAPEST", []Option{Paging(p, u)})
	options(&b, "ELSEWHERE", Elsewhere(p, u))
	assumed(&b, bill, u)
	_, err := io.WriteString(w, b.String())
	return err
}

// Line says in one line what a month costs, and for what.
func Line(p *plan.Plan, u Use) string {
	w := workOf(p, u)
	b := w.bill(Deployed())
	return fmt.Sprintf("$%s a month: %s, every %s, profile %s, %s.",
		b.USD, counted(w.checked, "target"), Interval(u.Every), u.Profile, counted(b.Series, "metric"))
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return grouped(fmt.Sprint(n)) + " " + noun + "s"
}

// Interval writes a duration without its zeros: 1m, not 1m0s.
func Interval(d time.Duration) string {
	s := strings.TrimSuffix(d.String(), "m0s")
	if s != d.String() {
		s += "m"
	}
	if short := strings.TrimSuffix(s, "h0m"); short != s {
		s = short + "h"
	}
	return s
}

// cents shows what is less than half a cent as more than nothing.
func cents(m Money) string {
	if m.Cmp(Money{}) > 0 && m.Cmp(usd("0.005")) < 0 {
		return "<0.01"
	}
	return m.String()
}

func row(b *strings.Builder, name, quantity, unit, price, beyond string) {
	fmt.Fprintf(b, "%-30s %15s %-18s %12s %12s\n", name, quantity, unit, price, beyond)
}

func options(b *strings.Builder, title string, all []Option) {
	fmt.Fprintf(b, "%-65s %12s %12s\n", title, "USD", "BEYOND FREE")
	for _, o := range all {
		fmt.Fprintf(b, "%-65s %12s %12s\n", o.Name, o.USD, o.BeyondFree)
	}
	b.WriteByte('\n')
}

// assumed says what the bill rests on.
func assumed(b *strings.Builder, bill Bill, u Use) {
	processor := "arm64"
	if u.X86 {
		processor = "x86_64"
	}
	fmt.Fprintf(b, "ASSUMED\nA run takes %s: answers after %s, %d MB, %s. Nothing is down; each reason that occurs is one metric more.\n",
		bill.Duration, u.Answer, u.Memory, processor)
	fmt.Fprintf(b, "A check sends %s bytes; a run logs %s, kept for %d days.\n",
		number(big.NewRat(bytesOut, 1)), number(big.NewRat(logBytes, 1)), retained/24)
	if u.VPC {
		fmt.Fprintf(b, "A check receives %s bytes through one NAT gateway.\n", number(big.NewRat(bytesIn, 1)))
	}
	fmt.Fprintf(b, "If CloudWatch took no metrics all month, they would go by the log: $%s more.\n", bill.ByLog)
	if bill.Duration >= u.Every {
		fmt.Fprintf(b, "A run would take longer than the interval of %s: runs overlap. Take a longer one, or several stacks.\n", Interval(u.Every))
	}
}
