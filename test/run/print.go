package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"rollcall/internal/report"
	"rollcall/internal/testnet"
	"rollcall/internal/text"
)

const introduction = `Rollcall on a test network: the web sites, their DNS server, CloudWatch and Lambda's runtime API
all run on this machine. The function is the one that would be deployed.

`

const next = `Where to go next
  make run EVENT=my.json              your own list, from here: {"urls": ["https://example.com"]}
  bin/rollcall check https://go.dev   one site, in a terminal
  README.md                           the event, the metrics, and how to deploy
`

// targets prints a row a target.
func (s *runner) targets(run run) {
	s.printf("%s\n\n", run.event)
	report.Table(s.w, &run.summary, report.Look{})
	s.printf("\n")
}

// fewDatums is how many are listed one by one.
const fewDatums = 60

// metrics prints what CloudWatch accepted.
func (s *runner) metrics(run run) {
	s.printf("Metrics of %s: CloudWatch accepted %d of %d datums in %d requests\n\n",
		run.event, run.summary.Published.Accepted, run.summary.Published.Datums, run.summary.Published.Requests)
	if len(run.datums) > fewDatums {
		s.counted(run.datums)
		return
	}
	for _, d := range run.datums {
		s.printf("  %-22s %-28s %s\n", d.Metric, of(d), value(d))
	}
	s.printf("\n")
}

// counted prints how many datums each metric had.
func (s *runner) counted(datums []testnet.Datum) {
	counts := map[string]int{}
	for _, d := range datums {
		counts[d.Metric]++
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s × %d", name, counts[name]))
	}
	for row := range slices.Chunk(parts, 4) {
		s.printf("  %s\n", strings.Join(row, ", "))
	}
	s.printf("\n")
}

// of says what a datum is about.
func of(d testnet.Datum) string {
	for _, dimension := range d.Dimensions {
		return dimension.Name + " " + dimension.Value
	}
	return "(all)"
}

// value shows an observation, or the ends and the middle of a distribution.
func value(d testnet.Datum) string {
	unit := map[string]string{"Milliseconds": " ms"}[d.Unit]
	if len(d.Values) == 0 {
		return number(d.Value) + unit
	}
	var observed []float64
	for i, v := range d.Values {
		for range int(d.Counts[i]) {
			observed = append(observed, v)
		}
	}
	slices.Sort(observed)
	if len(observed) == 1 {
		return number(observed[0]) + unit
	}
	least, most := observed[0], observed[len(observed)-1]
	if least == most {
		return fmt.Sprintf("%s%s (%d values)", number(least), unit, len(observed))
	}
	return fmt.Sprintf("%s … %s … %s%s (%d values)", number(least), number(observed[len(observed)/2]), number(most), unit, len(observed))
}

func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// times compares one after the other with all at once; where that was not
// tried, it is the sum of what each took.
func (s *runner) times(atOnce, oneByOne []run) {
	s.printf("One after the other, and all at once\n\n")
	for i, run := range atOnce {
		slow, how := sum(run), "summed up"
		if oneByOne != nil {
			slow, how = time.Duration(oneByOne[i].summary.Duration), "measured"
		}
		s.printf("  %-20s %9s one after the other (%s), %9s all at once: %s\n",
			run.event, text.Milliseconds(slow, 1)+" ms", how, text.Milliseconds(time.Duration(run.summary.Duration), 1)+" ms", report.Saved(slow, time.Duration(run.summary.Duration)))
	}
	s.printf("\n")
}

func sum(run run) (total time.Duration) {
	for _, r := range run.summary.Results {
		total += r.Duration
	}
	return total
}
