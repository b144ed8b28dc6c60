// Package monitor does one run: it plans, sweeps, publishes, and returns a
// summary. It divides the time until the deadline among these.
package monitor

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/config"
	"rollcall/internal/history"
	"rollcall/internal/maintenance"
	"rollcall/internal/metric"
	"rollcall/internal/plan"
	"rollcall/internal/remember"
	"rollcall/internal/sweep"
)

// A Session publishes the datums of one run; publish.Session is one.
type Session interface {
	Add(...metric.Datum)
	// Flush returns when each datum that was added is accepted, in the log, or
	// lost.
	Flush(context.Context) metric.DeliveryStats
	// Err is not nil when datums were lost which should not have been.
	Err() error
	Close()
}

// A Monitor runs invocations. It may run several at once.
type Monitor struct {
	Version string
	Profile metric.Profile // where the event names none
	Limit   int            // how many targets, the first of the plan, have metrics of their own
	Reserve time.Duration  // the part of the time that is kept for publishing
	MaxAge  time.Duration  // an event scheduled longer ago is stale
	Inputs  plan.Inputs
	Sweeper sweep.Sweeper
	Log     *slog.Logger // nil: none

	// Publish starts the session of a run, whose log it is given; nil: nothing
	// is published.
	Publish func(context.Context, *slog.Logger) Session
	// ResponseLimit is how many bytes the summary's JSON may have; 0: any. With
	// a limit, most of it is encoded before the publishing, so that the response
	// leaves in time.
	ResponseLimit int
	// Page stores the page of a run; nil: there is none. It is called after all
	// metrics were published. Its error becomes a warning.
	Page func(context.Context, *Summary) error
	// Remember remembers a run that asks for it and tells people what changed, as
	// remember.Memory does; nil: nothing is remembered.
	Remember func(context.Context, remember.Run) remember.Outcome
	// Names returns the targets that the history knows something of, and its tag; a
	// part says how they are. Nil: parts do not say what the history needs.
	Names func(context.Context) (names map[string]bool, tag string, err error)
	// What it needs to know: when an incident opens where the event does not say,
	// the time between runs, at how many days a certificate is reported, and when
	// maintenance of all targets is planned.
	Alert       check.Alert
	Interval    time.Duration
	Certificate int
	Maintenance []maintenance.Window
	// Runs is where the steps of runs in parts leave what the others need; nil: there
	// are none, and whoever asks for a part takes its summary.
	Runs Runs
	// Heartbeat says elsewhere that a run went well; nil: nowhere.
	Heartbeat func(context.Context) error
	// OwnMetrics: the run publishes metrics about itself, too.
	OwnMetrics bool
	// Stopping is done when the process has to end: every run then stops its
	// checks at once and publishes what it has. Nil: that never happens.
	Stopping context.Context

	troubled troubled
}

// Dependencies are what New needs besides the configuration.
type Dependencies struct {
	Version string
	Lookup  func(name string) (string, bool) // the environment, for events that refer to it
	Sources map[string]plan.Source           // by scheme, for events that name one
	Values  plan.Values                      // of references to no variable; nil: they can't be read
	Probe   func(context.Context, *check.Target) check.Result
	Log     *slog.Logger
}

// New returns a Monitor as configured, which publishes nothing yet. The canary
// is checked as every target is.
func New(c config.Config, d Dependencies) *Monitor {
	m := &Monitor{
		Version: d.Version, Profile: c.Profile, Limit: c.TargetLimit, Reserve: c.Reserve, MaxAge: c.MaxAge,
		Inputs:  plan.Inputs{SkipLate: true, Sources: d.Sources, Kept: &plan.Kept{}, Lookup: d.Lookup, Values: d.Values, Permit: c.Grants.Permit},
		Sweeper: sweep.Sweeper{Probe: d.Probe, InFlight: c.InFlight, Stuck: new(atomic.Int64), PerHost: c.PerHost, Memory: c.CheckMemory / int64(max(c.Concurrent, 1)), Log: d.Log},
		Log:     d.Log,
		Alert:   c.Alert, Interval: c.Interval, Certificate: c.Certificate, Maintenance: c.Maintenance,
	}
	if c.Canary != nil {
		m.Sweeper.Canary = func(ctx context.Context) check.Result { return d.Probe(ctx, c.Canary) }
		m.Sweeper.CanaryURL = c.Canary.RedactedURL
	}
	return m
}

// Respond does what an event asks for, which may be a step of a run in parts, and
// returns the response as JSON of at most limit bytes. The error is one of Run's, or
// a *StepError.
func (m *Monitor) Respond(ctx context.Context, id string, event []byte, limit int) ([]byte, error) {
	p, err := m.read(ctx, id, event)
	if err != nil {
		return nil, err
	}
	for step, is := range map[string]bool{"begin": p.Begin.Of > 0, "part": p.Part.Of > 0, "sum": p.Sum.Of > 0} {
		if is && m.Runs == nil {
			err := &StepError{step, errors.New("there is no bucket for what the parts find out: set ROLLCALL_BUCKET")}
			m.logger(id).Error(err.Error())
			return nil, err
		}
	}
	if p.Begin.Of > 0 {
		response, err := m.begin(ctx, id, p)
		if err != nil {
			m.logger(id).Error("the run in parts was not begun", "error", err.Error())
			return nil, &StepError{"begin", err}
		}
		return json.Marshal(response)
	}
	if p.Sum.Of > 0 {
		s, err := m.sum(ctx, id, p)
		if err != nil {
			m.logger(id).Error("the run in parts was not added up, or not published", "error", err.Error())
			return nil, err
		}
		return s.Encode(limit)
	}
	s, err := m.RunPlan(ctx, id, p)
	if err != nil {
		return nil, err
	}
	return s.Encode(limit)
}

// Run does what an event asks for that is not the first or the last step of a run in
// parts. id is the invocation's. The error is a *plan.InvalidEventError or ctx's, and
// no targets were checked, or the session's.
func (m *Monitor) Run(ctx context.Context, id string, event []byte) (*Summary, error) {
	p, err := m.read(ctx, id, event)
	if err != nil {
		return nil, err
	}
	return m.RunPlan(ctx, id, p)
}

// read reads an event, in half of the time.
func (m *Monitor) read(ctx context.Context, id string, event []byte) (*plan.Plan, error) {
	started := time.Now()
	reading, cancel := ctx, func() {}
	if deadline, ok := ctx.Deadline(); ok {
		half := deadline.Sub(started) / 2
		reading, cancel = context.WithTimeoutCause(ctx, half, plan.TookLonger(half))
	}
	p, err := plan.Parse(reading, bytes.NewReader(event), m.Inputs)
	cancel()
	if err == nil {
		return p, nil
	}
	log := m.logger(id)
	if _, invalid := errors.AsType[*plan.InvalidEventError](err); invalid {
		log.Error("the event is not valid: no targets were checked", "error", err.Error())
		m.publishInstead(ctx, log, metric.InvalidEvent(started)) // its error would hide the event's
	} else {
		log.Error("the event could not be read: no targets were checked", "error", err.Error())
	}
	return nil, err
}

// RunPlan does what a plan asks for; see Run. Of a part the error may be a
// *StepError: its tally could not be written.
func (m *Monitor) RunPlan(ctx context.Context, id string, p *plan.Plan) (*Summary, error) {
	r := m.newRun(id, p)
	s := r.summary
	if !p.Until.IsZero() && r.started.After(p.Until) {
		return r.late(), nil
	}
	if s.Stale {
		var err error
		s.Published, err = m.publishInstead(ctx, r.log, metric.Stale(r.started))
		s.Duration = check.Milliseconds(time.Since(r.started))
		logSummary(r.log, s)
		return s, err
	}
	r.budget = newBudget(ctx, r.started, m.Reserve, m.Stopping)
	publishing, cancel := r.budget.until(ctx, r.budget.publishEnd, stopGrace)
	defer cancel()
	r.session = m.newSession(publishing, r.log)
	defer r.session.Close()

	r.sweep(ctx, publishing)
	m.logTargets(r.log, s.Results)
	logCertificates(r.log, s.Results, r.at, m.Interval)
	if p.Part.Of > 0 {
		return s, r.finishPart(publishing)
	}
	s.encodeResults(m.ResponseLimit, m.Remember != nil && p.History)
	r.publish(publishing)
	s.Duration = check.Milliseconds(time.Since(r.started))
	return s, r.end(publishing)
}

// end stores the run's page, calls the heartbeat and writes the summary into the log.
// The error is the session's.
func (r *run) end(ctx context.Context) error {
	m, s := r.monitor, r.summary
	if m.Page != nil {
		r.storePage(ctx)
		s.Duration = check.Milliseconds(time.Since(r.started))
	}
	if r.session.Err() == nil {
		r.beat(ctx)
	}
	logSummary(r.log, s)
	return r.session.Err()
}

// A run is one invocation in progress.
type run struct {
	monitor *Monitor
	log     *slog.Logger
	plan    *plan.Plan
	profile metric.Profile
	started time.Time
	at      time.Time // every datum's timestamp
	budget  budget
	session Session
	limit   int    // how many targets have metrics of their own
	added   []bool // by target: its own metrics are with the session
	summary *Summary

	remembered bool // the history was written, and nothing has waited long to be told

	// Of the sum of a run in parts.
	ofParts   metric.DeliveryStats // what became of their datums, and of this step's where it is repeated
	missing   int                  // parts that are not there
	unhealthy bool                 // one of them is not, or could not do its work
}

// tolerance is how far a schedule's clock may be ahead of this machine's.
const tolerance = time.Minute

// newRun starts a run of a plan. Its time is the scheduled minute, except where
// that lies in the future. It is stale when that was too long ago.
func (m *Monitor) newRun(id string, p *plan.Plan) *run {
	now := time.Now()
	r := &run{monitor: m, log: m.logger(id), plan: p, profile: m.Profile, started: now, at: now, limit: p.Part.Share(m.Limit), added: make([]bool, len(p.Targets))}
	if p.Metrics != "" {
		r.profile = metric.Profile(p.Metrics)
	}
	s := &Summary{
		Run: id, Version: m.Version, Started: now.UTC().Round(time.Millisecond), Profile: string(r.profile),
		Warnings:   slices.Concat([]string{}, p.Failures, p.Warnings),
		countsOnly: p.Batch || p.Part.Of > 0,
	}
	if p.Event != nil {
		s.Event = p.Event
	}
	switch age := now.Sub(p.Scheduled); {
	case p.Scheduled.IsZero():
	case age < -tolerance:
		s.Warnings = append(s.Warnings, fmt.Sprintf(
			"scheduled is %s ahead of this machine's clock and is ignored", -age.Round(time.Second)))
	default:
		s.Scheduled = p.Scheduled.UTC()
		r.at = p.Scheduled.Truncate(time.Minute)
		if age > m.MaxAge && p.Until.IsZero() && p.Sum.Of == 0 {
			s.Stale = true
			s.Warnings = append(s.Warnings, staleWarning(age, m.MaxAge))
		}
	}
	r.summary = s
	return r
}

func staleWarning(age, most time.Duration) string {
	return fmt.Sprintf("the event is %s old, older than ROLLCALL_MAX_AGE (%s): no targets were checked", age.Round(time.Second), most)
}

// sweep checks the targets. The metrics of those that are up are published
// meanwhile: their results are final.
func (r *run) sweep(ctx, publishing context.Context) {
	m := r.monitor
	sweeper := m.Sweeper
	if m.Log != nil || sweeper.Log == nil {
		sweeper.Log = r.log
	}
	if canary := sweeper.Canary; canary != nil {
		// It is checked at the sweep's end, when little time may be left, and
		// ends with the publishing.
		sweeper.Canary = func(ctx context.Context) check.Result {
			ctx, cancel := r.budget.until(ctx, r.budget.canaryEnd(), canaryGrace)
			defer cancel()
			release := context.AfterFunc(publishing, cancel)
			defer release()
			return canary(ctx)
		}
	}
	sweeper.PerHost = cmp.Or(r.plan.PerHost, sweeper.PerHost)
	ctx, cancel := r.budget.until(ctx, r.budget.sweepEnd, 0)
	defer cancel()
	r.summary.countResults(sweeper.Sweep(ctx, r.plan.Targets, func(i int, res *check.Result) {
		if res.State == check.Up && i < r.limit {
			r.added[i] = true
			r.session.Add(r.profile.Series(res, r.at, false)...)
		}
	}))
}

// publish publishes the other metrics: those of targets that are not up, those of
// groups and of all targets, and those of the run.
func (r *run) publish(ctx context.Context) {
	s, quiet := r.summary, r.underMaintenance()
	r.publishSeries()
	var rollup metric.Rollup
	own := metric.Run{Limit: r.limit}
	for i := range s.Results {
		res := &s.Results[i]
		rollup.Add(res)
		own.Take(res, quiet[res.Group])
	}
	r.publishRun(ctx, &rollup, own, func() *history.Run { return r.known(quiet) }, func(metric.DeliveryStats) {})
}

// publishRun publishes the metrics of groups and of all targets and calls published
// with what became of them; then, after the run is remembered, those of the run itself, of which own has the
// numbers, and last RunCompleted.
func (r *run) publishRun(ctx context.Context, rollup *metric.Rollup, own metric.Run, known func() *history.Run, published func(metric.DeliveryStats)) {
	m, s := r.monitor, r.summary
	r.session.Add(rollup.Datums(r.at, s.VantageUnhealthy)...)
	delivered := r.session.Flush(ctx)
	published(delivered)
	delivered.Add(r.ofParts)
	memory := r.remember(ctx, known)
	if m.OwnMetrics {
		own.Profile, own.Scheduled, own.Started, own.Duration = r.profile, s.Scheduled, r.started, time.Since(r.started)
		own.Healthy, own.Delivered, own.Blind, own.Memory = r.healthy(delivered), delivered, s.VantageUnhealthy, memory
		r.session.Add(own.Datums(r.at)...)
		r.session.Flush(ctx)
		if r.missing == 0 {
			r.session.Add(metric.Completed(r.at))
		}
		delivered = r.session.Flush(ctx)
		delivered.Add(r.ofParts)
	}
	s.Published, s.Healthy = delivered, r.healthy(delivered)
}

// publishSeries publishes the metrics of the first targets that are not with the
// session yet.
func (r *run) publishSeries() {
	s := r.summary
	for i := range min(r.limit, len(s.Results)) {
		if !r.added[i] {
			r.session.Add(r.profile.Series(&s.Results[i], r.at, s.VantageUnhealthy)...)
		}
	}
}

// healthy reports whether the run could do all of its work; see Summary.Healthy.
func (r *run) healthy(delivered metric.DeliveryStats) bool {
	return !r.unhealthy && !r.summary.VantageUnhealthy && r.summary.internal == 0 && delivered.Lost == 0 && len(r.plan.Failures) == 0
}

// longestWarning keeps a warning within what a summary may grow by.
const longestWarning = 300

// storePage stores the run's page. Where that fails the run has a warning.
func (r *run) storePage(ctx context.Context) {
	err := errors.New("no time was left")
	if ctx.Err() == nil {
		err = r.monitor.Page(ctx, r.summary)
	}
	if err != nil {
		r.summary.Warnings = append(r.summary.Warnings, shortened("the page of this run was not stored: "+err.Error()))
	}
}

func shortened(warning string) string {
	return strings.ToValidUTF8(warning[:min(len(warning), longestWarning)], "")
}

// publishInstead publishes the one datum of a run that does not take place.
func (m *Monitor) publishInstead(ctx context.Context, log *slog.Logger, d metric.Datum) (metric.DeliveryStats, error) {
	if !m.OwnMetrics {
		return metric.DeliveryStats{}, nil
	}
	b := newBudget(ctx, time.Now(), m.Reserve, m.Stopping)
	ctx, cancel := b.until(ctx, b.publishEnd, stopGrace)
	defer cancel()
	session := m.newSession(ctx, log)
	defer session.Close()
	session.Add(d)
	return session.Flush(ctx), session.Err()
}

func (m *Monitor) newSession(ctx context.Context, log *slog.Logger) Session {
	if m.Publish == nil {
		return unpublished{}
	}
	return m.Publish(ctx, log)
}

// unpublished is the session of a run that publishes nothing.
type unpublished struct{}

func (unpublished) Add(...metric.Datum)                        {}
func (unpublished) Flush(context.Context) metric.DeliveryStats { return metric.DeliveryStats{} }
func (unpublished) Err() error                                 { return nil }
func (unpublished) Close()                                     {}
