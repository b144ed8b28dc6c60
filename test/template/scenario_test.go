package template_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/message"
	"rollcall/internal/metric"
	"rollcall/internal/monitor"
	"rollcall/internal/plan"
	"rollcall/internal/remember"
	"rollcall/internal/sweep"
	"rollcall/test/alarm"
)

// A scenario is a stretch of a monitor's life. The engine is the real one, from
// the event to the datums; made up are the checks, the clock and CloudWatch.
type scenario struct {
	name, what string
	targets    int // 0: 20
	runs       int // 0: 60
	from, till int // the runs in which it happens; 0 and 0: 20 and 30

	// What happens in those runs. All zero: nothing.
	spoil     func(r *check.Result, target, run, attempt int) // changes a check that went well
	canary    check.Reason                                    // of the canary; OK unless set
	absent    bool                                            // no invocation
	throttled bool                                            // Lambda does not let the function run
	crash     bool                                            // the function ends without an error
	hang      int                                             // that many checks end with the run's budget
	wrong     string                                          // the event, instead of the list
	denied    bool                                            // CloudWatch takes no metrics, the log does
	lossy     bool                                            // one datum a run goes nowhere
	delay     time.Duration                                   // from the scheduled time to the start
	twice     bool                                            // the event is delivered a second time
	arrives   time.Duration                                   // from the publishing to CloudWatch's having it
	limit     int                                             // of targets with metrics of their own; 0: 1,000
	forgets   bool                                            // S3 denies access to what is remembered
	refuses   bool                                            // SNS takes no message
	invalid   bool                                            // SNS calls each message invalid
	gone      bool                                            // a service of NotifyUrls refuses what it is sent
	always    bool                                            // spoil is for each run
	short     int                                             // the list has that many targets only; 0: all
	steps     *machine                                        // the runs are in parts; nil: they are not
	loses     func(event string) bool                         // of these, whether the invocation of an event ends without a response
}

// An arrival is what CloudWatch gets at a moment, or what people do.
type arrival struct {
	at      time.Time
	datums  []alarm.Datum
	subject string // of a message; "": none
}

// origin is where a bubble's clock starts.
var origin = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func (s scenario) filled() scenario {
	s.targets, s.runs, s.limit = or(s.targets, 20), or(s.runs, 60), or(s.limit, 1000)
	if s.from == 0 && s.till == 0 {
		s.from, s.till = 20, 30
	}
	return s
}

func or(n, standard int) int {
	if n == 0 {
		return standard
	}
	return n
}

// simulate lives through a scenario with a run every interval, in the namespace of
// a stack, and returns what arrives, in the order of time.
func (s scenario) simulate(t *testing.T, every time.Duration, namespace string) []arrival {
	t.Helper()
	s = s.filled()
	sim := &simulation{scenario: s, namespace: namespace, every: every, normal: s.list(s.targets), faulty: []byte(s.wrong), alert: alertOf(t, every)}
	if s.short > 0 {
		sim.faulty = s.list(s.short)
	}
	synctest.Test(t, func(t *testing.T) {
		sim.shelf = &shelf{sim, map[string][]byte{}}
		sim.memory = remember.New(sim.shelf, &topic{sim}, []string{"arn:aws:sns:eu-west-1:123456789012:alerts"}, message.Site{Stack: "roll"})
		var runs sync.WaitGroup
		for run := range s.runs {
			runs.Go(func() { sim.run(t.Context(), run) })
		}
		runs.Wait()
	})
	slices.SortStableFunc(sim.arrivals, func(a, b arrival) int { return a.at.Compare(b.at) })
	return sim.arrivals
}

// alertOf is after how many runs of how many the template has an incident open.
func alertOf(t *testing.T, every time.Duration) check.Alert {
	t.Helper()
	tp := readTemplate(t, map[string]string{"EveryMinutes": fmt.Sprint(int(every.Minutes()))})
	var a check.Alert
	text := fmt.Sprint(at(tp.resource("CheckFunction"), "Environment.Variables.ROLLCALL_ALERT"))
	if _, err := fmt.Sscanf(text, "%d/%d", &a.Runs, &a.Window); err != nil {
		t.Fatalf("ROLLCALL_ALERT is %q: %v", text, err)
	}
	return a
}

// list is the event with the first n targets.
func (s scenario) list(n int) []byte {
	var urls []map[string]string
	for i := range n {
		target := map[string]string{"url": fmt.Sprintf("https://t%d.example.com", i), "name": fmt.Sprint(i)}
		if i < s.hang {
			target["timeout"] = "2m" // more than the run has
		}
		urls = append(urls, target)
	}
	text, err := json.Marshal(map[string]any{"urls": urls})
	if err != nil {
		panic(err)
	}
	return text
}

// A simulation runs one scenario.
type simulation struct {
	scenario
	namespace      string
	every          time.Duration
	normal, faulty []byte
	memory         *remember.Memory
	shelf          *shelf
	alert          check.Alert

	mu       sync.Mutex
	arrivals []arrival
	letters  int // in the queue of dead letters, which someone empties when it is over
}

func (s scenario) happens(run int) bool { return run >= s.from && run < s.till }

// run is one turn of the schedule: no, one or two invocations.
func (sim *simulation) run(ctx context.Context, run int) {
	scheduled := origin.Add(time.Duration(run) * sim.every)
	delay := time.Second
	if sim.happens(run) {
		if sim.absent {
			return
		}
		delay = max(delay, sim.delay)
	}
	time.Sleep(time.Until(scheduled.Add(delay)))
	if sim.throttled && sim.happens(run) {
		sim.lambda(map[string]float64{"Throttles": 1})
		return
	}
	if sim.steps != nil {
		sim.inParts(ctx, run, scheduled)
		return
	}
	sim.invoke(ctx, run, scheduled)
	if sim.twice && sim.happens(run) {
		time.Sleep(10 * time.Second)
		sim.invoke(ctx, run, scheduled)
	}
}

// inParts is an execution of the state machine.
func (sim *simulation) inParts(ctx context.Context, run int, scheduled time.Time) {
	steps := *sim.steps
	steps.invoke = func(event []byte) ([]byte, error) {
		return sim.once(ctx, run, sim.loses != nil && sim.happens(run) && sim.loses(string(event)), event)
	}
	steps.execute(fmt.Sprint("arn:", run), map[string]any{"scheduled": scheduled.Format(time.RFC3339)}) // an error is what Lambda says of it
}

// invoke is one invocation of a run that is not in parts.
func (sim *simulation) invoke(ctx context.Context, run int, scheduled time.Time) {
	sim.once(ctx, run, sim.crash && sim.happens(run), sim.event(run, scheduled))
}

// once is one invocation as Lambda makes it, with what Lambda says of it.
func (sim *simulation) once(ctx context.Context, run int, dies bool, event []byte) (response []byte, err error) {
	started := time.Now()
	ctx, cancel := context.WithTimeout(ctx, 50*time.Second) // the template's default
	defer cancel()
	if dies {
		err = errors.New("the process ended")
	} else {
		response, err = sim.monitor(run).Respond(ctx, fmt.Sprint(run), event, 6_000_000)
	}
	failed := 0.0
	if err != nil {
		failed = 1
	}
	sim.lambda(map[string]float64{"Invocations": 1, "Errors": failed, "Throttles": 0, "Duration": float64(time.Since(started).Milliseconds())})
	if sim.gone {
		sim.countLetters()
	}
	return response, err
}

// countLetters publishes what SQS says of the queue of dead letters in this minute.
func (sim *simulation) countLetters() {
	sim.mu.Lock()
	if !sim.happens(sim.now()) {
		sim.letters = 0
	}
	letters := float64(sim.letters)
	sim.mu.Unlock()
	sim.arrive(time.Now(), []alarm.Datum{{
		Namespace: "AWS/SQS", Metric: "ApproximateNumberOfMessagesVisible", Dimensions: map[string]string{"QueueName": "<NotifyFailed.QueueName>"},
		Time: time.Now(), Values: []float64{letters}, Counts: []float64{1},
	}})
}

// lambda publishes what Lambda says of the function in this minute.
func (sim *simulation) lambda(values map[string]float64) {
	function := map[string]string{"FunctionName": "<CheckFunction>"}
	var all []alarm.Datum
	for name, value := range values {
		all = append(all, alarm.Datum{Namespace: "AWS/Lambda", Metric: name, Dimensions: function, Time: time.Now(), Values: []float64{value}, Counts: []float64{1}})
	}
	sim.arrive(time.Now(), all)
}

func (sim *simulation) event(run int, scheduled time.Time) []byte {
	text := sim.normal
	if sim.happens(run) && len(sim.faulty) > 0 {
		text = sim.faulty
	}
	return fmt.Appendf(slices.Clone(text[:len(text)-1]), `, "history": true, "scheduled": %q}`, scheduled.Format(time.RFC3339))
}

func (sim *simulation) arrive(at time.Time, datums []alarm.Datum) {
	sim.mu.Lock()
	defer sim.mu.Unlock()
	sim.arrivals = append(sim.arrivals, arrival{at: at, datums: datums})
}

// now is the run of this moment.
func (sim *simulation) now() int { return int(time.Since(origin) / sim.every) }

// A shelf is what S3 keeps of a simulation.
type shelf struct {
	*simulation
	objects map[string][]byte
}

var errDenied = errors.New("S3 responded 403 AccessDenied")

func (s *shelf) Read(_ context.Context, key string) ([]byte, string, error) {
	if s.forgets && s.happens(s.now()) {
		return nil, "", errDenied
	}
	if body, there := s.objects[key]; there {
		return body, fmt.Sprintf("%x", sha256.Sum256(body)), nil
	}
	return nil, "", nil
}

func (s *shelf) Write(ctx context.Context, key string, body []byte, tag string) (string, bool, error) {
	_, old, err := s.Read(ctx, key)
	if err != nil || old != tag {
		return "", old != tag, err
	}
	s.objects[key] = body
	return fmt.Sprintf("%x", sha256.Sum256(body)), false, nil
}

func (s *shelf) Put(_ context.Context, key string, body []byte) error {
	s.objects[key] = body
	return nil
}

func (s *shelf) Copy(_ context.Context, from, to string) error {
	s.objects[to] = s.objects[from]
	return nil
}

// An invalidMessage is one that SNS refuses for what it is.
type invalidMessage struct{}

func (invalidMessage) Error() string                    { return "SNS responded 400 InvalidParameter" }
func (invalidMessage) Refused() (invalid, certain bool) { return true, true }

// A topic is SNS, whose messages arrive at once.
type topic struct{ *simulation }

func (t *topic) Publish(_ context.Context, _, subject, _ string, _ bool, _ map[string][]string, _ int64) error {
	if t.refuses && t.happens(t.now()) {
		return errors.New("SNS responded 403 AuthorizationError")
	}
	if t.invalid && t.happens(t.now()) {
		return invalidMessage{}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.arrivals = append(t.arrivals, arrival{at: time.Now(), subject: subject})
	if t.gone && t.happens(t.now()) {
		t.letters++ // what the notify function makes of a 401
	}
	return nil
}

func (sim *simulation) monitor(run int) *monitor.Monitor {
	c := &checks{simulation: sim, number: run, attempts: map[string]int{}}
	return &monitor.Monitor{
		Version: "test", Profile: metric.ProfileTarget, Limit: sim.limit, Reserve: 5 * time.Second, MaxAge: 5 * time.Minute,
		Sweeper:    sweep.Sweeper{Probe: c.probe, InFlight: 500, Canary: c.ask, Log: slog.New(slog.DiscardHandler)},
		OwnMetrics: true, Remember: sim.memory.Remember, Names: sim.memory.Names, Alert: sim.alert, Interval: sim.every, Certificate: 14,
		Publish: func(context.Context, *slog.Logger) monitor.Session {
			return &session{simulation: sim, run: run}
		},
		Runs: sim.shelf,
		Inputs: plan.Inputs{Sources: map[string]plan.Source{"s3": func(context.Context, *url.URL, plan.Version) (io.ReadCloser, plan.Version, error) {
			return io.NopCloser(bytes.NewReader(sim.normal)), "1", nil
		}}},
	}
}

// checks are the checks of one run.
type checks struct {
	*simulation
	number int

	mu       sync.Mutex
	attempts map[string]int
}

func (c *checks) probe(ctx context.Context, t *check.Target) check.Result {
	c.mu.Lock()
	c.attempts[t.Name]++
	attempt := c.attempts[t.Name]
	c.mu.Unlock()
	var target int
	fmt.Sscan(t.Name, &target)
	if c.happens(c.number) && target < c.hang {
		<-ctx.Done()
		return check.Unprobed(t, check.Deadline, "the budget has ended")
	}
	time.Sleep(100 * time.Millisecond)
	r := good(t)
	if (c.happens(c.number) || c.always) && c.spoil != nil {
		c.spoil(&r, target, c.number, attempt)
	}
	return r
}

// ask is the canary's response.
func (c *checks) ask(context.Context) check.Result {
	r := check.Result{State: check.Up, Reason: check.OK, Attempts: 1}
	if c.happens(c.number) && c.canary != check.OK {
		r.State, r.Reason = check.Down, c.canary
	}
	return r
}

// good is the result of a check that went well: 100 ms, 60 days.
func good(t *check.Target) check.Result {
	phases := check.NoPhases()
	phases.FirstByte = 100 * time.Millisecond
	return check.Result{
		Name: t.Name, Group: t.Group, URL: t.RedactedURL, State: check.Up, Reason: check.OK, Complete: true, Status: 200, Attempts: 1,
		Started: time.Now(), Duration: phases.Sum(), Phases: phases, Certificate: &check.Certificate{DaysLeft: 60, Verified: true},
	}
}

// down makes a result that of a check which failed for a reason of the network.
func down(r *check.Result, reason check.Reason) {
	r.State, r.Reason, r.Complete, r.Status, r.Certificate = check.Down, reason, false, 0, nil
}

// A session takes the datums of one run to CloudWatch, or to the log, or
// nowhere.
type session struct {
	*simulation
	run     int
	pending []metric.Datum
	mu      sync.Mutex
	tally   metric.DeliveryStats
}

func (s *session) Add(datums ...metric.Datum) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending = append(s.pending, datums...)
}

func (s *session) Flush(context.Context) metric.DeliveryStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := time.Now()
	s.tally.Datums += len(s.pending)
	if s.happens(s.run) {
		at = at.Add(s.arrives)
		s.lose()
	}
	if s.happens(s.run) && s.denied {
		s.tally.EMF += len(s.pending)
	} else {
		s.tally.Accepted += len(s.pending)
	}
	s.arrive(at, told(s.namespace, s.pending))
	s.pending = nil
	return s.tally
}

// lose drops the first datum, if the scenario wants one lost.
func (s *session) lose() {
	if s.lossy && s.tally.Lost == 0 && len(s.pending) > 0 {
		s.pending = s.pending[1:]
		s.tally.Lost++
	}
}

func (s *session) Err() error { return nil }
func (s *session) Close()     {}

// told are datums as CloudWatch sees them.
func told(namespace string, datums []metric.Datum) []alarm.Datum {
	all := make([]alarm.Datum, len(datums))
	for i, d := range datums {
		var dimensions map[string]string
		for _, dimension := range d.Dimensions {
			dimensions = map[string]string{dimension.Name: dimension.Value}
		}
		all[i] = alarm.Datum{
			Namespace: namespace, Metric: d.Metric, Unit: string(d.Unit), Dimensions: dimensions,
			Time: d.Time, Values: d.Values, Counts: d.Counts,
		}
	}
	return all
}

// judge has alarms look on while things arrive, until a time. With runs every
// hour it looks every five minutes only, to save time: CloudWatch looks each
// minute.
func judge(w *alarm.Watch, arrivals []arrival, from, until time.Time) {
	step := time.Minute
	if until.Sub(from) > 24*time.Hour {
		step = 5 * time.Minute
	}
	for now := from; !now.After(until); now = now.Add(step) {
		for len(arrivals) > 0 && arrivals[0].at.Before(now) {
			w.Put(arrivals[0].datums...)
			arrivals = arrivals[1:]
		}
		w.Evaluate(now)
	}
}
