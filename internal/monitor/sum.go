package monitor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/history"
	"rollcall/internal/metric"
	"rollcall/internal/plan"
	"rollcall/internal/tally"
	"rollcall/internal/text"
)

// sumKey is the key of the claim on a run's sum.
func sumKey(run string) string { return "runs/" + run + "/sum.json" }

// A sumClaim is the object that says which execution adds a run up, and how far it is.
type sumClaim struct {
	Version   int    `json:"version"` // 1
	Execution string `json:"execution"`
	Published bool   `json:"published"` // the metrics of groups, which must not be published twice

	Delivered metric.DeliveryStats `json:"delivered,omitzero"` // what became of those
}

// sum does the last step of a run in parts: it adds up their tallies, publishes the
// metrics of groups and of the run, remembers the run and tells of it. What is missing
// of the parts is in the summary's warnings. Of two executions of the same run the
// second one does nothing; the same one goes on where it was.
//
// The error is a *StepError, and nothing was published, or the session's.
func (m *Monitor) sum(ctx context.Context, id string, p *plan.Plan) (*Summary, error) {
	r := m.newRun(id, p)
	r.budget = newBudget(ctx, r.started, m.Reserve, m.Stopping)
	publishing, cancel := r.budget.until(ctx, r.budget.publishEnd, stopGrace)
	defer cancel()
	claim, tag, err := m.claimSum(publishing, p)
	if err != nil {
		return nil, &StepError{"sum", err}
	}
	if claim.Execution != p.Sum.Execution {
		r.log.Info("another execution adds this run up", "run", p.Run, "execution", claim.Execution)
		r.summary.Warnings = append(r.summary.Warnings, "another execution adds this run up, and has what it comes to")
		return r.summary, nil
	}
	reading, cancelReading := r.budget.until(publishing, r.budget.sweepEnd, 0)
	total, problems, err := m.readTallies(reading, p)
	cancelReading()
	if err != nil {
		return nil, &StepError{"sum", fmt.Errorf("reading the tallies: %w", err)}
	}
	r.session = m.newSession(publishing, r.log)
	defer r.session.Close()
	r.takeTally(total, problems)
	s := r.summary
	s.encodeResults(m.ResponseLimit, m.Remember != nil && p.History)
	rollup := &total.Rollup
	if claim.Published {
		rollup = &metric.Rollup{}
		r.ofParts.Add(claim.Delivered)
	}
	absent := 0 // targets of the parts that are not there, each as large as the others, which is true to one
	if there := len(total.Parts); there > 0 {
		absent = r.missing * ((s.Targets + there - 1) / there)
	}
	own := metric.Run{
		Limit: m.Limit, Targets: s.Targets + absent, Checked: s.Targets - s.NotChecked, Delays: total.LocalDelay, Counted: total.Counted, NotDown: total.NotDown,
	}
	r.publishRun(publishing, rollup, own, func() *history.Run { return r.tallied(total) }, func(own metric.DeliveryStats) {
		claim.Published = true
		claim.Delivered.Add(own)
		body, err := json.Marshal(claim)
		if err == nil {
			_, _, err = m.Runs.Write(publishing, sumKey(p.Run), body, tag)
		}
		if err != nil {
			r.log.Warn("that the metrics are published could not be noted", "error", err.Error())
		}
	})
	s.Duration = check.Milliseconds(time.Since(s.Started))
	return s, r.end(publishing)
}

// claimSum returns who adds the run up, and the claim's tag: this execution, if no
// other does.
func (m *Monitor) claimSum(ctx context.Context, p *plan.Plan) (c sumClaim, tag string, err error) {
	c = sumClaim{Version: claimVersion, Execution: p.Sum.Execution}
	written, tag, err := m.claimed(ctx, sumKey(p.Run), &c)
	if err != nil {
		return c, "", fmt.Errorf("claiming the sum: %w", err)
	}
	if written == nil {
		return c, tag, nil
	}
	c = sumClaim{}
	if json.Unmarshal(written, &c) != nil || c.Version != claimVersion || c.Execution == "" {
		return c, "", fmt.Errorf("the object %s is not the claim of a sum: delete it", sumKey(p.Run))
	}
	return c, tag, nil
}

// reads is how many tallies are read at once; they are added up one after the other.
const reads = 16

// readTallies adds up the tallies of a run, in the order of its parts. What is there
// and can't be added up is one of the problems. The error says that none could be read.
func (m *Monitor) readTallies(ctx context.Context, p *plan.Plan) (total *tally.Tally, problems []string, err error) {
	type object struct {
		body []byte
		tag  string
		err  error
	}
	parts := make([]chan object, p.Sum.Of)
	for i := range parts {
		parts[i] = make(chan object, 1)
	}
	ahead := make(chan struct{}, reads) // tallies that are being read, or wait
	go func() {
		for i := range parts {
			ahead <- struct{}{}
			go func() {
				var o object
				o.body, o.tag, o.err = m.Runs.Read(ctx, TallyKey(p.Run, i))
				parts[i] <- o
			}()
		}
	}()
	total = tally.SumOf(p.Run, p.Sum.Of, p.Version, tally.OfSum)
	unread := 0
	for i := range parts {
		o := <-parts[i]
		<-ahead
		name := fmt.Sprintf("part %d/%d", i+1, p.Sum.Of)
		switch {
		case o.err != nil:
			unread++
			err = o.err
			problems = append(problems, fmt.Sprintf("the tally of %s can't be read: %v", name, o.err))
		case o.tag == "":
		case o.body == nil:
			problems = append(problems, fmt.Sprintf("the tally of %s is too large", name))
		default:
			if err := addTally(total, o.body, i); err != nil {
				problems = append(problems, fmt.Sprintf("the tally of %s can't be added up: %v", name, err))
			}
		}
	}
	if unread < p.Sum.Of {
		err = nil
	}
	return total, problems, err
}

func addTally(total *tally.Tally, body []byte, index int) error {
	part, err := tally.Decode(bytes.NewReader(body), total)
	if err != nil {
		return err
	}
	if len(part.Parts) != 1 || part.Parts[0] != index {
		return errors.New("it is of another part")
	}
	return total.Add(part)
}

// takeTally makes the summary that of the run whose tallies were added up.
func (r *run) takeTally(total *tally.Tally, problems []string) {
	s, empty := Tallied(total), len(total.Parts) == 0
	s.Run, s.Version, s.Scheduled, s.Event, s.countsOnly = r.summary.Run, r.summary.Version, r.summary.Scheduled, r.summary.Event, true
	if empty {
		s.Started, s.Profile = r.summary.Started, r.summary.Profile
	}
	const most = 3
	if more := len(problems) - most; more > 0 {
		problems = append(problems[:most:most], fmt.Sprintf("and %s more", text.Plural(more, "tally")))
	}
	for i, p := range problems {
		problems[i] = shortened(p)
	}
	s.Warnings = append(append(s.Warnings[:0:0], r.summary.Warnings...), append(problems, s.Warnings...)...)
	r.summary, r.started, r.profile = s, s.Started, metric.Profile(s.Profile)
	r.ofParts, r.missing, r.unhealthy = total.Published, len(total.Missing()), !s.Healthy
}

// tallied is the run as the history knows it. Where a part is missing, or did not know
// what is known, a target that no part names is one of which nothing is known.
func (r *run) tallied(total *tally.Tally) *history.Run {
	m, s, seen := r.monitor, r.summary, total.History
	if seen == nil {
		seen = &history.Seen{}
	}
	return &history.Run{
		Minute: r.at, Interval: m.Interval, Blind: s.VantageUnhealthy, Fresh: true, Limit: m.Limit,
		Alert: alertOf(&m.Alert), Certificate: m.Certificate, Titles: seen.Titles,
		Seen: seen, Partial: r.missing > 0 || seen.Targets != total.Targets,
		Totals: history.Counts{Up: s.Up, Degraded: s.Degraded, Down: s.Down, NotChecked: s.NotChecked},
	}
}

// see returns what the history needs of a part; nil where nothing is remembered.
func (r *run) see(ctx context.Context) *history.Seen {
	m := r.monitor
	if m.Names == nil {
		return nil
	}
	names, tag, err := m.Names(ctx)
	if err != nil {
		r.log.Warn("the history could not be read: targets that are up close no incident", "error", err.Error())
		r.summary.Warnings = append(r.summary.Warnings, shortened("the history could not be read: "+err.Error()))
	}
	if err != nil || len(r.plan.Failures) > 0 {
		tag = history.Unread
	}
	known := r.known(r.summary.quiet)
	seen := history.See(known, names, r.plan.Part.Index, r.plan.Part.Of)
	seen.Tags, seen.Titles = []string{tag}, known.Titles
	return seen
}
