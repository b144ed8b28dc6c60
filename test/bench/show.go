package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	pretty "github.com/jedib0t/go-pretty/v6/text"

	"rollcall/internal/text"
)

// show prints all that there is.
func show(w io.Writer, f *Figures) {
	m := f.Machine
	fmt.Fprintf(w, "%s, %d cores, %s; %s\n", m.Processor, m.Cores, m.System, strings.Join(m.Versions, "; "))
	fmt.Fprintf(w, "Origins on one core, clients on the other, %s descriptors. Responses after %v, a host and a certificate a check.\n", text.Count(lambdaDescriptors), hold)
	for _, warning := range m.warnings() {
		fmt.Fprintf(w, "! %s\n", warning)
	}
	showRounds(w, f.Rounds)
	showMany(w, f.Many)
	showStarts(w, f.Starts)
	showSizes(w, f.Sizes)
	showTrials(w, f.Trials)
	showTallies(w, f.Tallies)
	showGoals(w, f.Goals)
}

// plainTable is a table without lines but below its header; numbers stand to
// the right.
func plainTable(w io.Writer, header table.Row, left int) table.Writer {
	t := table.NewWriter()
	t.SetOutputMirror(w)
	t.SetStyle(table.StyleLight)
	t.Style().Options = table.Options{SeparateHeader: true}
	t.Style().Format.Header = pretty.FormatDefault
	t.Style().Box.PaddingLeft, t.Style().Box.PaddingRight = "", "  "
	t.AppendHeader(header)
	var columns []table.ColumnConfig
	for i := left + 1; i <= len(header); i++ {
		columns = append(columns, table.ColumnConfig{Number: i, Align: pretty.AlignRight, AlignHeader: pretty.AlignRight})
	}
	t.SetColumnConfigs(columns)
	return t
}

// showRounds prints the table of the clients.
func showRounds(w io.Writer, rounds []Round) {
	if len(rounds) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s hosts; %s\n\n", text.Count(mostChecks(rounds)), roundsOf(len(rounds)))
	t := plainTable(w, table.Row{"Client", "at once", "checks/s", "CPU ms\na check", "peak\nMB", "failures", "first byte off by\np50 / p99 ms", "duration off by\np50 / p99 ms", "origins'\ncore busy"}, 1)
	for _, name := range clientsIn(rounds) {
		get := func(figure func(*Outcome) (float64, bool)) Range { return over(rounds, figureOf(name, figure)) }
		o := latest(rounds, name)
		t.AppendRow(table.Row{
			name, text.Count(o.Held),
			shown(get(func(o *Outcome) (float64, bool) { return o.PerSecond, true })),
			shown(get(func(o *Outcome) (float64, bool) { return o.CPU, true })),
			number(get(func(o *Outcome) (float64, bool) { return o.Peak, true }).Median),
			failuresOf(rounds, name),
			pair(get(percentile(first, p50)), get(percentile(first, p99))),
			pair(get(percentile(duration, p50)), get(percentile(duration, p99))),
			fmt.Sprintf("%.0f %%", 100*get(func(o *Outcome) (float64, bool) { return o.Origins, true }).Median),
		})
	}
	t.Render()
	notes(w, rounds)
}

func roundsOf(n int) string {
	if n == 1 {
		return "one round"
	}
	return fmt.Sprintf("medians of %d rounds, the least and the most in brackets", n)
}

func mostChecks(rounds []Round) int {
	most := 0
	for _, round := range rounds {
		for _, o := range round.Outcomes {
			most = max(most, o.Checks)
		}
	}
	return most
}

// failuresOf are a client's failures, summed up, with how many checks that is
// of where it is not all of the table's.
func failuresOf(rounds []Round, name string) string {
	failures, checks := 0, 0
	for _, round := range rounds {
		if o := round.of(name); o != nil {
			failures, checks = failures+o.Failures, checks+o.Checks
		}
	}
	if failures == 0 {
		return "0"
	}
	return fmt.Sprintf("%s of %s", text.Count(failures), text.Count(checks))
}

// notes are what the table's figures need beside them.
func notes(w io.Writer, rounds []Round) {
	fmt.Fprintln(w)
	var unsure, missing []string
	for _, name := range clientsIn(rounds) {
		o := latest(rounds, name)
		if o.Checks < mostChecks(rounds) {
			fmt.Fprintf(w, "%s: a sample of %s hosts.\n", name, text.Count(o.Checks))
		}
		showReasons(w, o)
		if o.Process != nil {
			fmt.Fprintf(w, "%s: by its process's clock its durations would be %s ms off; %.1f %% call themselves unsure, %.2f %% are further off than they say.\n",
				name, spreadOf(o.Process), 100*o.Unsure, 100*o.Beyond)
		}
		if o.Unclear > 0 {
			unsure = append(unsure, fmt.Sprintf("%s %s", name, text.Count(o.Unclear)))
		}
		if rest := o.Checks - o.Failures - o.Unclear - o.Compared; rest > 0 && o.Duration != nil {
			missing = append(missing, fmt.Sprintf("%s %s", name, text.Count(rest)))
		}
	}
	list(w, "Not compared, because the truth is uncertain", unsure)
	list(w, "Not compared, because the result has no room for all", missing)
}

func list(w io.Writer, what string, all []string) {
	if len(all) > 0 {
		fmt.Fprintf(w, "%s: %s.\n", what, strings.Join(all, "; "))
	}
}

// fewReasons are shown of each client.
const fewReasons = 3

// showReasons says why a client failed the last time.
func showReasons(w io.Writer, o *Outcome) {
	for i, reason := range o.Reasons {
		if i == fewReasons {
			fmt.Fprintf(w, "%s: and %d more kinds of failure.\n", o.Client, len(o.Reasons)-i)
			return
		}
		fmt.Fprintf(w, "%s: %s × %s\n", o.Client, text.Count(reason.Count), reason.Text)
	}
}

func showMany(w io.Writer, m *Many) {
	if m == nil {
		return
	}
	fmt.Fprintf(w, "\n%s hosts in one invocation with %d MB: %s s (%s at least), %s ms of CPU a check (%s with %s hosts), peak %s MB, %s failures, %s at once\n",
		text.Count(m.Checks), manyMemory, number(m.Seconds), number(m.Bound), number(m.CPU), number(m.Few.CPU), text.Count(m.Few.Checks),
		number(m.Peak), text.Count(m.Failures), text.Count(m.Held))
}

func showStarts(w io.Writer, s *Starts) {
	if s == nil {
		return
	}
	fmt.Fprintf(w, "\nStarts, ms, medians of %d in turns, the least and the most in brackets\n\n", s.Function.Rounds)
	t := plainTable(w, table.Row{"What", "Rollcall", "beside", "beside what"}, 1)
	t.SetColumnConfigs([]table.ColumnConfig{{Number: 2, Align: pretty.AlignRight, AlignHeader: pretty.AlignRight}, {Number: 3, Align: pretty.AlignRight, AlignHeader: pretty.AlignRight}})
	t.AppendRow(table.Row{"cold start of the function", shown(s.Function), shown(s.Plainest), "aws-lambda-go, LoadDefaultConfig, CloudWatch"})
	if s.CurlHelp.Rounds > 0 {
		t.AppendRow(table.Row{"--help", shown(s.Help), shown(s.CurlHelp), "curl"})
		t.AppendRow(table.Row{"check of one URL", shown(s.Check), shown(s.CurlCheck), "curl, given the address"})
	}
	t.AppendRow(table.Row{"the program, MB", number(s.FunctionMB), number(s.PlainestMB), "the plainest function"})
	t.Render()
}

func showTrials(w io.Writer, trials []Trial) {
	if len(trials) == 0 {
		return
	}
	fmt.Fprintf(w, "\nLists in parts of %s URLs or less: all verdicts and metrics are right\n\n", text.Count(partURLs))
	t := plainTable(w, table.Row{"URLs", "parts", "down", "in turn\ns", "CPU ms\na check", "peak of\na part, MB", "four at\na time, s", "CPU ms\na check", "one run: CPU\nms a check", "sum\ns", "sum's\npeak, MB"}, 0)
	for _, o := range trials {
		each := func(p Passage) string { return number(1000 * p.CPU / float64(p.Checks)) }
		t.AppendRow(table.Row{
			text.Count(o.URLs), text.Count(o.Parts), text.Count(o.Down), number(o.InTurn.Seconds), each(o.InTurn), number(o.InTurn.Peak),
			number(o.Piped.Seconds), each(o.Piped), each(o.Whole), number(o.Sum.Seconds), number(o.Sum.Peak),
		})
	}
	t.Render()
}

func showTallies(w io.Writer, t *Tallies) {
	if t == nil {
		return
	}
	fmt.Fprintf(w, "\nA sum of %s tallies of %s targets: of which 1 %% is down, %s s, %s s of CPU, %s MB; all, %s s, %s s of CPU, %s MB\n", text.Count(t.Parts), text.Count(t.Targets),
		number(t.Few.Seconds), number(t.Few.CPU), number(t.Few.Peak), number(t.All.Seconds), number(t.All.CPU), number(t.All.Peak))
}

func showGoals(w io.Writer, goals []Goal) {
	fmt.Fprintln(w)
	t := plainTable(w, table.Row{"Goal", "figure", "limit", ""}, 1)
	t.SetColumnConfigs([]table.ColumnConfig{{Number: 2, Align: pretty.AlignRight, AlignHeader: pretty.AlignRight}, {Number: 3, Align: pretty.AlignRight, AlignHeader: pretty.AlignRight}})
	for _, g := range goals {
		figure := "–"
		if g.Absent == "" {
			figure = strings.TrimSpace(shown(Range{g.Figure, g.Min, g.Max, 1}) + " " + g.Unit)
		}
		t.AppendRow(table.Row{g.What, figure, strings.TrimSpace(g.limit()), g.verdict()})
	}
	t.Render()
}

// shown is a median, with the ends if there are others.
func shown(r Range) string {
	switch {
	case r.Rounds == 0:
		return "–"
	case number(r.Min) == number(r.Max):
		return number(r.Median)
	}
	return fmt.Sprintf("%s (%s–%s)", number(r.Median), number(r.Min), number(r.Max))
}

// pair is two medians.
func pair(a, b Range) string {
	if a.Rounds == 0 {
		return "–"
	}
	return number(a.Median) + " / " + number(b.Median)
}

// number has three significant digits, and no fraction from 100 on.
func number(v float64) string {
	switch {
	case v >= 100 || v == float64(int(v)):
		return text.Count(int(v + 0.5))
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case v >= 1:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return strconv.FormatFloat(v, 'f', 3, 64)
}
