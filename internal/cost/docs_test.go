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
	for marker, part := range map[string]string{"gafam": gafam(t), "bills": bills(t), "parts": parts(t), "prices": priceTable()} {
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
		`five URLs a minute then cost\s+some (\$[\d,]+)`:               {five.USD},
		`Five URLs a minute are\s+some (\$[\d,]+)`:                     {five.USD},
		`(\$[\d,]+) of it\s+beyond\s+the\s+free`:                       {five.BeyondFree},
		`a thousand a minute are (\$[\d,]+) in the\s+profile\s+.group`: {profiles[0].USD},
		`A thousand URLs a minute cost \| (\$[\d,]+) to (\$[\d,]+) \| (\$[\d,]+) to (\$[\d,]+) \| (\$[\d,]+), (\$[\d,]+) if all are in AWS \|`: {
			profiles[0].USD, profiles[1].USD, elsewhere[2].USD, elsewhere[0].USD, elsewhere[1].USD, elsewhere[3].USD},
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
	b.WriteString("| URLs | Every | `group` | `target` | `phases` | an alarm for each, cheapest | Synthetics, a canary a URL | ten URLs a canary | Route 53 | Route 53, URLs in AWS |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, row := range []struct {
		n     int
		every time.Duration
	}{{0, time.Minute}, {5, time.Minute}, {5, 5 * time.Minute}, {5, 730 * time.Hour}, {1000, time.Minute}, {100_000, time.Minute}} {
		p, use := urls(t, row.n), each(row.every, metric.ProfileTarget)
		fmt.Fprintf(&b, "| %s | %s |", text.Count(row.n), Interval(row.every))
		use.Limit = row.n
		all := append(Profiles(p, use), Paging(p, use))
		e := Elsewhere(p, use)
		for _, o := range append(all, e[0], e[2], e[1], e[3]) {
			fmt.Fprintf(&b, " %s |", o.USD)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// parts are the bills of lists that are checked in parts.
func parts(t *testing.T) string {
	var b strings.Builder
	b.WriteString("| URLs | Every | Parts, at once | A part takes | All of it | Lambda | Step Functions | S3 | Data out | Total |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, row := range []struct {
		n                int
		every            time.Duration
		split, at, hosts int
	}{
		{1_000_000, 5 * time.Minute, 100, 20, 1}, {1_000_000, 15 * time.Minute, 100, 5, 1}, {1_000_000, 15 * time.Minute, 100, 5, 100},
		{10_000_000, 15 * time.Minute, 1000, 50, 1},
	} {
		p, use := urls(t, 100), each(row.every, metric.ProfileGroup)
		for i := range p.Targets {
			p.Targets[i].URL = fmt.Sprintf("https://host%d.example.com/", i/row.hosts)
		}
		use.Targets, use.Split, use.Concurrency = row.n, row.split, row.at
		if err := Fit(p, use); err != nil {
			t.Error(err)
		}
		bill := Estimate(p, use)
		sums := map[string]Money{}
		for _, i := range bill.Items {
			for _, of := range []string{"Lambda", "Step Functions", "S3", "data out"} {
				if strings.HasPrefix(i.Name, of) {
					sums[of] += i.USD
				}
			}
		}
		whole, _ := workOf(p, use).whole()
		fmt.Fprintf(&b, "| %s", text.Count(row.n))
		if row.hosts > 1 {
			fmt.Fprintf(&b, " on %s hosts", text.Count(row.n/row.hosts))
		}
		fmt.Fprintf(&b, " | %s | %s, %d | %s | %s | %s | %s | %s | %s | %s |\n", Interval(row.every), text.Count(row.split), row.at,
			Interval(bill.Duration.Round(100*time.Millisecond)), Interval(whole.Round(time.Second)),
			sums["Lambda"], sums["Step Functions"], sums["S3"], sums["data out"], bill.USD)
	}
	return b.String()
}

func priceTable() string {
	var b strings.Builder
	b.WriteString("| Item | Billed by | USD | Free each month | Source |\n|---|---|---|---|---|\n")
	for _, p := range []price{
		metrics, requests, alarms, composites, insights, dashboards, logs, emf, logsKept, calls, arm64, x86, scheduler,
		puts, gets, objects, topics, mails, queues, secrets, secretReads, transitions, children, childTime,
		dataOut, natHours, ipv4, natData, synthetics, route53, route53Options, route53AWS, optionsAWS,
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
