// Package monitor runs one invocation: it plans, sweeps, publishes, and sums
// up. It owns the time budget.
package monitor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/metric"
	"rollcall/internal/plan"
	"rollcall/internal/sweep"
)

// A Session publishes the datums of one run; publish.Session is one.
type Session interface {
	Add(...metric.Datum)
	// Flush returns when each datum added so far has gone its way.
	Flush(context.Context) metric.Tally
	// Err says that datums were lost which should not have been.
	Err() error
	Close()
}

// A Monitor runs invocations. It may run several at once.
type Monitor struct {
	Version string
	Profile metric.Profile // where the event names none
	Limit   int            // the first so many targets have metrics of their own
	Reserve time.Duration  // kept back of the deadline for publishing
	MaxAge  time.Duration  // an event scheduled longer ago is stale
	Inputs  plan.Inputs
	Sweeper sweep.Sweeper
	Log     *slog.Logger

	// Publish begins the session of a run, whose log it is given; nil: nothing
	// is published.
	Publish func(context.Context, *slog.Logger) Session
	// AnswerLimit is how many bytes the summary's JSON may have; 0: any. What
	// can be encoded before the publishing then is, so that the answer leaves
	// in time.
	AnswerLimit int
	// Page puts the page of a run where people find it; nil: there is none. It
	// is called when all metrics have left, and what it can't do is a warning.
	Page func(context.Context, *Summary) error
	// OwnMetrics: the run publishes what it has to say of itself too.
	OwnMetrics bool
	// Stopped is closed when the process has to end: the budget of every run
	// then ends at once. Nil: that never happens.
	Stopped <-chan struct{}
}

// Run does what an event asks for. id is the invocation's. The error is a
// *plan.InvalidEventError, for which nothing was checked, or what the
// session's Err says.
func (m *Monitor) Run(ctx context.Context, id string, event []byte) (*Summary, error) {
	started := time.Now()
	p, err := plan.Parse(event, m.Inputs)
	if err != nil {
		m.logger(id).Error("the event is not valid: nothing was checked", "error", err.Error())
		m.announce(ctx, m.logger(id), metric.InvalidEvent(started)) // the event's error says more than a lost datum's
		return nil, err
	}
	return m.RunPlan(ctx, id, p)
}

// RunPlan does what a plan asks for; see Run.
func (m *Monitor) RunPlan(ctx context.Context, id string, p *plan.Plan) (*Summary, error) {
	r := m.begin(id, p)
	if r.stale() {
		return r.refuse(ctx)
	}
	limits := newBudget(ctx, r.started, m.Reserve)
	publishing, cancel := limits.publishing(ctx, m.Stopped)
	defer cancel()
	r.session = m.session(publishing, r.log)
	defer r.session.Close()
	r.bindSweeper(publishing, limits)
	r.sweep(limits.sweeping(ctx, m.Stopped))
	r.log.targets(r.summary)
	r.summary.prepare(m.AnswerLimit)
	r.publish(publishing)
	r.summary.Duration = time.Since(r.started)
	r.page(publishing)
	r.log.summary(r.summary)
	return r.summary, r.session.Err()
}

func (m *Monitor) logger(id string) logger {
	if m.Log == nil {
		return logger{slog.New(slog.DiscardHandler)}
	}
	if id == "" {
		return logger{m.Log}
	}
	return logger{m.Log.With("requestId", id)}
}

func (m *Monitor) session(ctx context.Context, l logger) Session {
	if m.Publish == nil {
		return unpublished{}
	}
	return m.Publish(ctx, l.Logger)
}

// announce publishes a datum that stands for a run that did not take place.
func (m *Monitor) announce(ctx context.Context, l logger, d metric.Datum) (metric.Tally, error) {
	if !m.OwnMetrics {
		return metric.Tally{}, nil
	}
	limits := newBudget(ctx, time.Now(), m.Reserve)
	ctx, cancel := limits.publishing(ctx, m.Stopped)
	defer cancel()
	s := m.session(ctx, l)
	defer s.Close()
	s.Add(d)
	return s.Flush(ctx), s.Err()
}

// A run is one invocation under way.
type run struct {
	*Monitor
	log     logger
	plan    *plan.Plan
	profile metric.Profile
	started time.Time
	at      time.Time // every datum's timestamp
	session Session
	sweeper sweep.Sweeper // the monitor's, its canary bounded
	sent    []bool        // targets whose own metrics have left
	outcome sweep.Outcome
	summary *Summary
}

func (m *Monitor) begin(id string, p *plan.Plan) *run {
	r := &run{Monitor: m, log: m.logger(id), plan: p, started: time.Now(), profile: m.Profile}
	if p.Metrics != "" {
		r.profile = metric.Profile(p.Metrics)
	}
	r.at = r.started
	r.summary = &Summary{
		Run: id, Version: m.Version, Started: r.started.UTC(), Profile: string(r.profile),
		Warnings: append([]string{}, p.Warnings...),
	}
	if p.Event != nil {
		r.summary.Event = p.Event
	}
	r.schedule(p.Scheduled)
	return r
}

// tolerance is how far ahead of our clock a schedule's may be.
const tolerance = time.Minute

// schedule takes the scheduled minute for the run's, unless it is to come.
func (r *run) schedule(scheduled time.Time) {
	switch {
	case scheduled.IsZero():
	case scheduled.After(r.started.Add(tolerance)):
		r.summary.Warnings = append(r.summary.Warnings, fmt.Sprintf(
			"scheduled is %s ahead of this machine's clock and was left out", scheduled.Sub(r.started).Round(time.Second)))
	default:
		r.summary.Scheduled = scheduled.UTC()
		r.at = scheduled.Truncate(time.Minute)
	}
}

// stale reports whether the event came too late to be worth a run.
func (r *run) stale() bool {
	return !r.summary.Scheduled.IsZero() && r.started.Sub(r.summary.Scheduled) > r.MaxAge
}

// refuse ends a run that was stale from the start.
func (r *run) refuse(ctx context.Context) (*Summary, error) {
	r.summary.Stale = true
	r.summary.Warnings = append(r.summary.Warnings, fmt.Sprintf(
		"the event is %s old, older than ROLLCALL_MAX_AGE (%s): nothing was checked",
		r.started.Sub(r.summary.Scheduled).Round(time.Second), r.MaxAge))
	var err error
	r.summary.Published, err = r.announce(ctx, r.log, metric.Stale(r.started))
	r.summary.Duration = time.Since(r.started)
	r.log.summary(r.summary)
	return r.summary, err
}

// bindSweeper makes the monitor's sweeper the run's: it logs where the run does,
// unless the run's log is nobody's, and its canary is bounded. That is asked at
// the sweep's end, when little time may be left, and nobody waits for it when
// publishing has ended.
func (r *run) bindSweeper(publishing context.Context, limits budget) {
	r.sweeper = r.Sweeper
	if r.Log != nil || r.Sweeper.Log == nil {
		r.sweeper.Log = r.log.Logger
	}
	if r.Sweeper.Canary == nil {
		return
	}
	r.sweeper.Canary = func(ctx context.Context) check.Result {
		ctx, cancel := limits.asking(ctx, r.Stopped)
		defer cancel()
		ended := context.AfterFunc(publishing, cancel)
		defer ended()
		return r.Sweeper.Canary(ctx)
	}
}

// sweep checks the targets. The metrics of those that are up leave meanwhile:
// nothing will change them any more.
func (r *run) sweep(ctx context.Context, cancel context.CancelFunc) {
	defer cancel()
	r.sent = make([]bool, len(r.plan.Targets))
	r.outcome = r.sweeper.Sweep(ctx, r.plan.Targets, func(i int, res *check.Result) {
		if res.State == check.Up && i < r.Limit {
			r.sent[i] = true
			r.session.Add(r.profile.Series(res, r.at)...)
		}
	})
	r.summary.take(r.outcome)
}

// publish sends what waited for the sweep's end, and what the run has to say
// of itself; last of all that it has ended.
func (r *run) publish(ctx context.Context) {
	var rollup metric.Rollup
	for i := range r.outcome.Results {
		res := &r.outcome.Results[i]
		rollup.Add(res)
		if i < r.Limit && !r.sent[i] {
			r.session.Add(r.series(res)...)
		}
	}
	r.session.Add(rollup.Datums(r.at, r.outcome.VantageUnhealthy)...)
	tally := r.session.Flush(ctx)
	if r.OwnMetrics {
		r.session.Add(r.own(tally).Datums(r.at)...)
		r.session.Flush(ctx)
		r.session.Add(metric.Completed(r.at))
		tally = r.session.Flush(ctx)
	}
	r.summary.Published = tally
	r.summary.Healthy = r.healthy(tally)
}

// longestWarning keeps a warning within what a summary may grow by.
const longestWarning = 300

// page makes the run's page, if it is to have one. The run does not fail with
// it.
func (r *run) page(ctx context.Context) {
	if r.Page == nil {
		return
	}
	err := ctx.Err()
	if err == nil {
		err = r.Page(ctx, r.summary)
	} else {
		err = errors.New("no time was left")
	}
	if err != nil {
		warning := "the page of this run was not kept: " + err.Error()
		r.summary.Warnings = append(r.summary.Warnings, strings.ToValidUTF8(warning[:min(len(warning), longestWarning)], ""))
	}
	r.summary.Duration = time.Since(r.started)
}

// series are a target's own metrics. Of its availability we have nothing to
// say when the vantage point is at fault.
func (r *run) series(res *check.Result) []metric.Datum {
	datums := r.profile.Series(res, r.at)
	if !r.outcome.VantageUnhealthy {
		return datums
	}
	var rest []metric.Datum
	for _, d := range datums {
		if d.Metric != "Up" {
			rest = append(rest, d)
		}
	}
	return rest
}

func (r *run) healthy(t metric.Tally) bool {
	return !r.summary.VantageUnhealthy && !r.summary.Stale && t.Lost == 0 && r.summary.internal == 0
}

// own is what the run says of itself.
func (r *run) own(t metric.Tally) metric.Run {
	s := r.summary
	own := metric.Run{
		Checked: s.Targets - s.NotChecked, NotChecked: s.NotChecked,
		Duration: time.Since(r.started), ScheduleDelay: check.Absent,
		LocalDelays: s.delays,
		Healthy:     r.healthy(t), Lost: t.Lost, ByLog: t.EMF,
	}
	if r.profile != metric.ProfileGroup {
		own.WithoutMetrics = max(0, s.Targets-r.Limit)
	}
	if !s.Scheduled.IsZero() {
		own.ScheduleDelay = r.started.Sub(s.Scheduled)
	}
	return own
}

// unpublished is the session of a run that publishes nothing.
type unpublished struct{}

func (unpublished) Add(...metric.Datum)                {}
func (unpublished) Flush(context.Context) metric.Tally { return metric.Tally{} }
func (unpublished) Err() error                         { return nil }
func (unpublished) Close()                             {}
