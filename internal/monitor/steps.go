package monitor

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/metric"
	"rollcall/internal/plan"
)

// Runs is where a step of a run in parts leaves what the next ones need;
// *cloud.Store is one.
type Runs interface {
	// Read returns an object and its tag. A tag "" says that there is no such
	// object; a nil body with a tag, that it is too large.
	Read(ctx context.Context, key string) (body []byte, tag string, err error)
	// Write replaces the object that has a tag, or makes one where there is none,
	// with the tag "". Otherwise it reports that the object is another.
	Write(ctx context.Context, key string, body []byte, tag string) (newTag string, another bool, err error)
	// Put replaces an object, whatever it is.
	Put(ctx context.Context, key string, body []byte) error
}

// TallyKey is the key of the tally of a part, counted from 0.
func TallyKey(run string, index int) string {
	return "runs/" + run + "/" + strconv.Itoa(index) + ".json.gz"
}

// claimKey is the key of the claim of a run.
func claimKey(run string) string { return "runs/" + run + "/run.json" }

// A StepError says why a step of a run in parts failed. The step may be repeated.
type StepError struct {
	Step string // "begin", "part" or "sum"
	Err  error
}

// Error names the step.
func (e *StepError) Error() string { return "the step " + e.Step + ": " + e.Err.Error() }

// Unwrap returns the reason.
func (e *StepError) Unwrap() error { return e.Err }

// A Begun is what the first step of a run in parts responds: all that its state
// machine needs. docs/parts.md describes it.
type Begun struct {
	Run   string `json:"run"`
	Mine  bool   `json:"mine"`           // false: this execution has nothing to do
	Stale bool   `json:"stale,omitzero"` // the event was too old

	// Not of a run that has nothing to do.
	Scheduled time.Time    `json:"scheduled,omitzero"`
	Source    string       `json:"source,omitzero"` // with the object's version, where its bucket has versions
	List      plan.Version `json:"list,omitzero"`
	Until     time.Time    `json:"until,omitzero"` // later than this no part begins
	Of        int          `json:"of,omitzero"`
	Parts     []int        `json:"parts,omitzero"` // 0 to Of - 1
}

// A claim is the object that says which execution a run is of.
type claim struct {
	Version   int          `json:"version"` // 1
	Execution string       `json:"execution"`
	Of        int          `json:"of"`
	Scheduled time.Time    `json:"scheduled"`
	Source    string       `json:"source"`
	List      plan.Version `json:"list"`
	Until     time.Time    `json:"until"`
}

// claimVersion is that of the claims that this version writes.
const claimVersion = 1

// begin claims a run for an execution. One that another execution has is not this
// one's, and not an error: a schedule may start two. The execution that has it gets
// the same response each time.
func (m *Monitor) begin(ctx context.Context, id string, p *plan.Plan) (*Begun, error) {
	log, now := m.logger(id), time.Now()
	if age := now.Sub(p.Scheduled); age > m.MaxAge {
		log.Warn(staleWarning(age, m.MaxAge))
		_, err := m.publishInstead(ctx, log, metric.Stale(now))
		return &Begun{Run: p.Run, Stale: true}, err
	}
	until := p.Until
	if until.IsZero() { // the last part to begin ends a while before the next run does
		until = p.Scheduled.Add(m.Interval - min(time.Minute, m.Interval/2))
	}
	own := claim{claimVersion, p.Begin.Execution, p.Begin.Of, p.Scheduled, p.Source, p.Version, until}
	c, key := own, claimKey(p.Run)
	written, _, err := m.claimed(ctx, key, &own)
	if err != nil {
		return nil, fmt.Errorf("claiming the run: %w", err)
	}
	if written != nil && (json.Unmarshal(written, &c) != nil || c.Version != claimVersion || c.Of < 1 || c.Execution == "") {
		return nil, fmt.Errorf("the object %s is not the claim of a run: delete it", key)
	}
	if c.Execution != own.Execution {
		log.Info("another execution has this run", "run", p.Run, "execution", c.Execution)
		return &Begun{Run: p.Run}, nil
	}
	log.Info("begin", "run", p.Run, "of", c.Of, "list", c.List, "until", c.Until)
	b := &Begun{Run: p.Run, Mine: true, Scheduled: c.Scheduled, Source: c.Source, List: c.List, Until: c.Until, Of: c.Of, Parts: make([]int, c.Of)}
	for i := range b.Parts {
		b.Parts[i] = i
	}
	return b, nil
}

// claimed makes an object, of which it returns the tag. If there is one already, it
// returns what that has, too.
func (m *Monitor) claimed(ctx context.Context, key string, own any) (written []byte, tag string, err error) {
	body, err := json.Marshal(own)
	if err != nil {
		return nil, "", err
	}
	const tries = 3 // two that write at once may both be refused
	for range tries {
		tag, another, err := m.Runs.Write(ctx, key, body, "")
		if err != nil || !another {
			return nil, tag, err
		}
		written, tag, err := m.Runs.Read(ctx, key)
		if err != nil {
			return nil, "", fmt.Errorf("reading who has it: %w", err)
		}
		if tag != "" {
			return append([]byte{}, written...), tag, nil // nil is none, and of one that is too large
		}
	}
	return nil, "", fmt.Errorf("the object %s was made and removed by others", key)
}

// late ends a part that begins when its run is over. It does nothing: its sum may be
// there already.
func (r *run) late() *Summary {
	s := r.summary
	s.Late = true
	s.Warnings = append(s.Warnings, fmt.Sprintf("the part began after %s: no targets were checked", r.plan.Until.Format(time.RFC3339)))
	s.encodeResults(r.monitor.ResponseLimit, false)
	s.Duration = check.Milliseconds(time.Since(r.started))
	logSummary(r.log, s)
	return s
}

// finishPart publishes the metrics of a part's targets, and leaves its tally for the
// sum, which publishes all others. The publishing has half of the time that is left.
func (r *run) finishPart(ctx context.Context) error {
	m, s := r.monitor, r.summary
	publishing, cancel := ctx, func() {}
	if end := r.budget.publishEnd; !end.IsZero() {
		publishing, cancel = context.WithTimeout(ctx, time.Until(end)/2)
	}
	r.publishSeries()
	s.Published = r.session.Flush(publishing)
	cancel()
	s.Healthy = r.healthy(s.Published)
	s.Duration = check.Milliseconds(time.Since(r.started))
	var err error
	s.quiet = r.underMaintenance()
	if m.Runs != nil {
		s.seen = r.see(ctx)
		var body bytes.Buffer
		if err = s.Tally(r.plan.Run, r.plan).Encode(&body); err == nil {
			err = m.Runs.Put(ctx, TallyKey(r.plan.Run, r.plan.Part.Index), body.Bytes())
		}
		if err != nil {
			err = &StepError{"part", fmt.Errorf("writing the tally: %w", err)}
			r.log.Error("the part is lost", slog.String("error", err.Error()))
		}
	}
	s.encodeResults(m.ResponseLimit, false)
	s.Duration = check.Milliseconds(time.Since(r.started))
	logSummary(r.log, s)
	if err != nil {
		return err
	}
	return r.session.Err()
}
