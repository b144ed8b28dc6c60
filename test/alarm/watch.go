package alarm

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"rollcall/test/cloudformation"
)

// A Watch is CloudWatch watching over the alarms of one stack. It is for one
// goroutine.
type Watch struct {
	// Changes and Notices are all so far, in the order of time.
	Changes []Change
	Notices []Notice

	store   *store
	beyond  int        // periods beyond the evaluation periods
	begun   time.Time  // the first evaluation: when the alarms were made
	alarms  []*watched // metric alarms first, then composites, children before parents
	mutes   []*mute
	waiting map[[2]string]Notice // what mute rules keep back, by alarm and contributor
}

// Read takes the alarms of a stack.
func Read(stack *cloudformation.Stack) (*Watch, error) {
	w := &Watch{store: newStore(), beyond: rangeBeyond, waiting: map[[2]string]Notice{}}
	var composites []*watched
	for _, r := range stack.Resources {
		var err error
		var a *watched
		var m *mute
		switch r.Type {
		case "AWS::CloudWatch::Alarm":
			a, err = readMetricAlarm(r.Name, r.Properties)
			w.alarms = append(w.alarms, a)
		case "AWS::CloudWatch::CompositeAlarm":
			a, err = readComposite(r.Name, r.Properties)
			composites = append(composites, a)
		case "AWS::CloudWatch::AlarmMuteRule":
			m, err = readMute(r.Name, r.Properties)
			w.mutes = append(w.mutes, m)
		case "AWS::CloudWatch::AnomalyDetector":
			err = fmt.Errorf("%s: %s is not known here", r.Name, r.Type)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := w.order(composites); err != nil {
		return nil, err
	}
	return w, w.checkMutes()
}

// order appends composites so that each comes after those it speaks of.
func (w *Watch) order(composites []*watched) error {
	for len(composites) > 0 {
		i := slices.IndexFunc(composites, func(c *watched) bool {
			return !slices.ContainsFunc(c.children(), func(name string) bool { return w.find(name) == nil })
		})
		if i < 0 {
			return fmt.Errorf("%s refers to %v, of which one is not an alarm of the stack, or refers to itself", composites[0].id, composites[0].children())
		}
		w.alarms = append(w.alarms, composites[i])
		composites = slices.Delete(composites, i, i+1)
	}
	return nil
}

// children returns the names of the alarms that a composite depends on.
func (w *watched) children() []string {
	names := w.rule.rule.alarms()
	if w.rule.suppressor != "" {
		names = append(names, w.rule.suppressor)
	}
	return names
}

func (w *Watch) checkMutes() error {
	for _, m := range w.mutes {
		for _, name := range m.alarms {
			if w.find(name) == nil {
				return fmt.Errorf("a mute rule names %s, which is not an alarm of the stack", name)
			}
		}
	}
	return nil
}

func (w *Watch) find(name string) *watched {
	if i := slices.IndexFunc(w.alarms, func(a *watched) bool { return a.called(name) }); i >= 0 {
		return w.alarms[i]
	}
	return nil
}

// Alarms returns the logical ids, metric alarms first.
func (w *Watch) Alarms() []string {
	ids := make([]string, len(w.alarms))
	for i, a := range w.alarms {
		ids[i] = a.id
	}
	return ids
}

// State returns the state of an alarm by its logical id; "" if there is none.
func (w *Watch) State(id string) State {
	if a := w.find("<" + id + ">"); a != nil {
		return a.state
	}
	return ""
}

// Beyond sets how many periods an alarm looks at beyond its evaluation
// periods. CloudWatch names no number: what must not depend on it can be tried
// with several.
func (w *Watch) Beyond(periods int) { w.beyond = periods }

// Put tells the watch of datums, which it sees from now on.
func (w *Watch) Put(datums ...Datum) {
	for _, d := range datums {
		w.store.put(d)
	}
}

// Evaluate evaluates every alarm at a time, which CloudWatch does each minute.
// Windows slide: the newest period ends with the last whole minute.
func (w *Watch) Evaluate(now time.Time) {
	if w.begun.IsZero() {
		w.begun = now
	}
	for _, a := range w.alarms {
		if a.rule != nil {
			w.evaluateComposite(a, now)
		} else {
			w.evaluateMetric(a, now)
		}
	}
	w.release(now)
}

func (w *Watch) evaluateMetric(a *watched, now time.Time) {
	found := a.metric.source.read(w.store, window{now, a.metric.period, a.metric.n + w.beyond})
	if !a.metric.warmedUp(found[""], now.Sub(w.begun)) {
		return
	}
	if q, ok := a.metric.source.(insights); !ok || len(q.groupBy) == 0 {
		w.change(a, "", a.metric.decide(found[""], a.state), now)
		return
	}
	w.evaluateContributors(a, found, now)
}

// evaluateContributors gives each contributor its state. They act for
// themselves, exist while they have data, and are never in INSUFFICIENT_DATA.
func (w *Watch) evaluateContributors(a *watched, found map[string][]point, now time.Time) {
	for name := range a.contributors {
		if _, ok := found[name]; !ok {
			delete(a.contributors, name)
		}
	}
	whole := a.metric.decide(nil, a.state)
	if len(found) > 0 {
		whole = OK
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		before, ok := a.contributors[name]
		if !ok {
			before = OK
		}
		state := a.metric.decide(found[name], before)
		a.contributors[name] = state
		if state == Alarm {
			whole = Alarm
		}
		if state != before {
			w.Changes = append(w.Changes, Change{Notice{now, a.id, name, state}, before})
			w.notify(a, Notice{now, a.id, name, state})
		}
	}
	if a.state != whole {
		w.Changes = append(w.Changes, Change{Notice{now, a.id, "", whole}, a.state})
		a.state = whole
	}
}

// change gives an alarm a state, and performs what follows.
func (w *Watch) change(a *watched, contributor string, state State, now time.Time) {
	if a.state == state {
		return
	}
	w.Changes = append(w.Changes, Change{Notice{now, a.id, contributor, state}, a.state})
	a.state = state
	w.notify(a, Notice{now, a.id, contributor, state})
}

func (w *Watch) evaluateComposite(a *watched, now time.Time) {
	state := OK
	if a.rule.rule.holds(func(name string) State { return w.find(name).state }) {
		state = Alarm
	}
	changed := a.state != state
	if changed {
		w.Changes = append(w.Changes, Change{Notice{now, a.id, "", state}, a.state})
		a.state = state
	}
	if a.rule.suppressor == "" {
		if changed {
			w.notify(a, Notice{now, a.id, "", state})
		}
		return
	}
	w.suppress(a, changed, now)
}

// suppress performs a composite's actions when its suppressor lets it: not
// while that is in ALARM; for the extension period not after it was; and after
// a change not before the wait period is over, in which it may still go there.
func (w *Watch) suppress(a *watched, changed bool, now time.Time) {
	c := a.rule
	inAlarm := w.find(c.suppressor).state == Alarm
	switch {
	case changed && !inAlarm:
		c.due = now.Add(time.Duration(c.wait) * time.Second)
	case changed:
		c.due = now // once it may
	}
	if c.suppressed && !inAlarm && !c.due.IsZero() {
		if end := now.Add(time.Duration(c.extension) * time.Second); end.After(c.due) {
			c.due = end
		}
	}
	c.suppressed = inAlarm
	if !inAlarm && !c.due.IsZero() && !now.Before(c.due) {
		c.due = time.Time{}
		w.notify(a, Notice{now, a.id, "", a.state})
	}
}

// notify performs an alarm's actions, or keeps them back where it is muted.
func (w *Watch) notify(a *watched, n Notice) {
	key := [2]string{n.Alarm, n.Contributor}
	if w.muted(a, n.Time) {
		w.waiting[key] = n
		return
	}
	delete(w.waiting, key)
	if a.actions[n.State] {
		w.Notices = append(w.Notices, n)
	}
}

func (w *Watch) muted(a *watched, now time.Time) bool {
	return slices.ContainsFunc(w.mutes, func(m *mute) bool {
		return slices.ContainsFunc(m.alarms, a.called) && m.covers(now)
	})
}

// release performs what mute rules kept back, where it is still so.
func (w *Watch) release(now time.Time) {
	for key, n := range w.waiting {
		a := w.find("<" + n.Alarm + ">")
		if w.muted(a, now) {
			continue
		}
		delete(w.waiting, key)
		state := a.state
		if n.Contributor != "" {
			state = a.contributors[n.Contributor]
		}
		if state == n.State && a.actions[n.State] {
			n.Time = now
			w.Notices = append(w.Notices, n)
		}
	}
}
