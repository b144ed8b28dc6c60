package cost

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"rollcall/internal/metric"
	"rollcall/internal/plan"
)

var update = flag.Bool("update", false, "write the figures of docs/cost.md anew")

// TestDocumentationHasTheFigures holds docs/cost.md to what is calculated.
// After a change: go test ./internal/cost -update.
func TestDocumentationHasTheFigures(t *testing.T) {
	const name = "../../docs/cost.md"
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	want := string(text)
	for marker, part := range map[string]string{"gafam": gafam(t), "bills": bills(t), "prices": priceTable()} {
		begin, end := "<!-- begin "+marker+" -->\n", "<!-- end "+marker+" -->"
		before, rest, opened := strings.Cut(want, begin)
		_, after, closed := strings.Cut(rest, end)
		if !opened || !closed {
			t.Fatalf("there are no markers for %s", marker)
		}
		want = before + begin + part + end + after
	}
	if want == string(text) {
		return
	}
	if !*update {
		t.Fatalf("docs/cost.md is not current: go test ./internal/cost -update")
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
		fmt.Fprintf(&b, "| %s | %s |", grouped(fmt.Sprint(row.n)), Interval(row.every))
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
	for _, p := range Prices() {
		free := "–"
		if p.Free > 0 {
			free = grouped(fmt.Sprint(p.Free)) + " " + p.Unit
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", p.Item, p.Unit, tiers(p), free, p.Source)
	}
	return b.String()
}

// tiers writes them as price lists do: 0.30 up to 10,000; then 0.10.
func tiers(p Price) string {
	var parts []string
	for _, t := range p.Tiers {
		part := t.USD
		if t.UpTo > 0 {
			part += " up to " + grouped(fmt.Sprint(t.UpTo))
		}
		parts = append(parts, part)
	}
	text := strings.Join(parts, "; ")
	if n := p.Tiers[0].Per; n > 1 {
		text += " for " + grouped(fmt.Sprint(n))
	}
	return text
}
