package cost

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"rollcall/internal/metric"
	"rollcall/internal/plan"
	"rollcall/internal/text"
)

var update = flag.Bool("update", false, "write the figures of docs/cost.md and of the README again")

// TestDocumentationHasTheFigures holds docs/cost.md to what is calculated.
// After a change: go test ./internal/cost -update.
func TestDocumentationHasTheFigures(t *testing.T) {
	const name = "../../docs/cost.md"
	document, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	want := string(document)
	for marker, part := range map[string]string{"gafam": gafam(t), "bills": bills(t), "prices": priceTable()} {
		begin, end := "<!-- begin "+marker+" -->\n", "<!-- end "+marker+" -->"
		before, rest, opened := strings.Cut(want, begin)
		_, after, closed := strings.Cut(rest, end)
		if !opened || !closed {
			t.Fatalf("there are no markers for %s", marker)
		}
		want = before + begin + part + end + after
	}
	if want == string(document) {
		return
	}
	if !*update {
		t.Fatalf("docs/cost.md is not current: go test ./internal/cost -update")
	}
	if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestREADMEHasTheFigures holds what the README says of bills to what is
// calculated, to the dollar; -update writes it.
func TestREADMEHasTheFigures(t *testing.T) {
	const name = "../../README.md"
	document, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	thousand, use := urls(t, 1000), each(time.Minute, metric.ProfileTarget)
	five, profiles, elsewhere := Estimate(urls(t, 5), use), Profiles(thousand, use), Elsewhere(thousand, use)
	want := string(document)
	for pattern, amounts := range map[string][]Money{
		`five URLs a minute then cost\s+some (\$[\d,]+)`:                                           {five.USD},
		`Five URLs a minute are\s+some (\$[\d,]+)`:                                                 {five.USD},
		`(\$[\d,]+) of it\s+beyond\s+the\s+free`:                                                   {five.BeyondFree},
		`a thousand a minute are (\$[\d,]+) in the\s+profile\s+.group`:                             {profiles[0].USD},
		`A thousand URLs a minute cost \| (\$[\d,]+) to (\$[\d,]+) \| (\$[\d,]+) \| (\$[\d,]+) \|`: {profiles[0].USD, profiles[1].USD, elsewhere[0].USD, elsewhere[1].USD},
	} {
		at := regexp.MustCompile(pattern).FindStringSubmatchIndex(want)
		if at == nil {
			t.Fatalf("README.md does not say %s", pattern)
		}
		for i := len(amounts); i > 0; i-- { // the last first, so that the places stay
			dollars := text.Count(int((amounts[i-1] + 500_000_000) / 1_000_000_000))
			want = want[:at[2*i]] + "$" + dollars + want[at[2*i+1]:]
		}
	}
	if want == string(document) {
		return
	}
	if !*update {
		t.Fatal("README.md is not current: go test ./internal/cost -update")
	}
	if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// gafam is what the command prints for the event of the README.
func gafam(t *testing.T) string {
	event, err := os.ReadFile("../../events/gafam.json")
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Parse(t.Context(), bytes.NewReader(event), plan.Inputs{})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := Write(&b, p, each(time.Minute, metric.ProfileTarget)); err != nil {
		t.Fatal(err)
	}
	return "```text\n" + b.String() + "```\n"
}

// bills compares lists of several lengths.
func bills(t *testing.T) string {
	var b strings.Builder
	b.WriteString("| URLs | Every | `group` | `target` | `phases` | each pages by itself, cheapest | Synthetics | Route 53 |\n|---|---|---|---|---|---|---|---|\n")
	for _, row := range []struct {
		n     int
		every time.Duration
	}{{0, time.Minute}, {5, time.Minute}, {5, 5 * time.Minute}, {5, 730 * time.Hour}, {1000, time.Minute}, {100_000, time.Minute}} {
		p, use := urls(t, row.n), each(row.every, metric.ProfileTarget)
		fmt.Fprintf(&b, "| %s | %s |", text.Count(row.n), Interval(row.every))
		use.Limit = row.n
		all := append(Profiles(p, use), Paging(p, use))
		for _, o := range append(all, Elsewhere(p, use)...) {
			fmt.Fprintf(&b, " %s |", o.USD)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func priceTable() string {
	var b strings.Builder
	b.WriteString("| Item | Billed by | USD | Free each month | Source |\n|---|---|---|---|---|\n")
	for _, p := range []price{
		metrics, requests, alarms, composites, insights, dashboards, logs, emf, logsKept, calls, arm64, x86, scheduler,
		dataOut, natHours, natData, synthetics, route53, route53Options,
	} {
		free := "–"
		if p.free > 0 {
			free = text.Count(int(p.free)) + " " + p.unit
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", p.name, p.unit, tiers(p), free, p.source)
	}
	return b.String()
}

// tiers writes them as price lists do: 0.30 up to 10,000; then 0.10.
func tiers(p price) string {
	var parts []string
	for _, t := range p.tiers {
		part := strconv.FormatFloat(t.usd, 'f', -1, 64)
		if rounded := fmt.Sprintf("%.2f", t.usd); len(rounded) > len(part) {
			part = rounded
		}
		if t.upTo > 0 {
			part += " up to " + text.Count(int(t.upTo))
		}
		parts = append(parts, part)
	}
	list := strings.Join(parts, "; ")
	if n := p.tiers[0].per; n > 1 {
		list += " for " + text.Count(int(n))
	}
	return list
}
