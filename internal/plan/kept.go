package plan

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"rollcall/internal/redact"
)

const (
	// maxKept and maxKeptTargets bound what is kept: 100,000 targets are about
	// 19 MB.
	maxKept        = 4
	maxKeptTargets = 200_000

	// keptAge is how long a source that can't be read is taken to be as it was.
	keptAge = time.Hour

	// shrunkTo: a list with less than this part of the targets that it had was
	// hardly meant so.
	shrunkTo = 10
)

// Kept keeps the plans of sources that were read, for the next runs: an
// unchanged list is not read again, and one that can't be read is taken as it
// was, for an hour. The zero value is ready to use, by several goroutines.
type Kept struct {
	mu    sync.Mutex
	plans []*kept // the one that was used last comes first
}

// A kept is the plan of one event and its source.
type kept struct {
	key  string    // the event, without what differs from run to run
	plan *Plan     // references as written
	read time.Time // when the source was last read, or found to be unchanged

	shrank time.Time // when the list became much shorter; zero: it did not
	before int       // how many targets it had then
}

// keyOf returns an event without the fields that say when it is run. It is
// valid, so no field is given twice.
func keyOf(data []byte) string {
	var fields map[string]json.RawMessage
	if json.Unmarshal(data, &fields) != nil {
		return string(data) // with a byte order mark, say
	}
	for _, name := range []string{"scheduled", "run", "until"} {
		delete(fields, name)
	}
	key, _ := json.Marshal(fields) // what was decoded can be encoded
	return string(key)
}

// plan returns the plan of an event, whose source read reads. That is given the
// plan that is known already, and returns it where the source is unchanged; nil:
// none is.
func (k *Kept) plan(data []byte, read func(known *Plan) (*Plan, error)) (*Plan, error) {
	if k == nil {
		return read(nil)
	}
	key := keyOf(data)
	last := k.find(key)
	known := last.plan
	p, err := read(known)
	now := time.Now()
	_, invalid := errors.AsType[*InvalidEventError](err)
	recent := last.plan != nil && now.Sub(last.read) <= keptAge
	switch {
	case invalid && recent:
		return last.again("can't be read: " + firstOf(err)), nil
	case err != nil:
		return nil, err
	case p == known:
		last.read = now
	case len(p.Targets) == 0 && recent && len(last.plan.Targets) > 0:
		return last.again("has no targets"), nil
	default:
		next := kept{key: key, plan: p, read: now}
		if had := last.targets(); len(p.Targets)*shrunkTo < had {
			next.shrank, next.before = now, had
		} else if len(p.Targets)*shrunkTo < last.before {
			next.shrank, next.before = last.shrank, last.before
		}
		last = next
	}
	k.put(last)
	q := *p
	if !last.shrank.IsZero() && now.Sub(last.shrank) <= keptAge {
		q.Failures = append(q.Failures, fmt.Sprintf("the list %s has %d of the %d targets that it had before %s",
			p.source, len(p.Targets), last.before, last.shrank.UTC().Format(time.RFC3339)))
	}
	return &q, nil
}

// again returns the plan as it was read last, and says why.
func (k *kept) again(why string) *Plan {
	q := *k.plan
	q.Failures = []string{fmt.Sprintf("the list %s is run as it was read at %s: it %s", q.source, k.read.UTC().Format(time.RFC3339), why)}
	return &q
}

func (k *kept) targets() int {
	if k.plan == nil {
		return 0
	}
	return len(k.plan.Targets)
}

// firstOf is the first problem of an error, and how many there are, in one line.
func firstOf(err error) string {
	invalid, _ := errors.AsType[*InvalidEventError](err)
	text := redact.Printable(invalid.Problems[0].String())
	if more := len(invalid.Problems) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more problems)", more)
	}
	return text
}

// find returns what is kept of an event: a copy, as other runs may replace it.
func (k *Kept) find(key string) kept {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, of := range k.plans {
		if of.key == key {
			return *of
		}
	}
	return kept{}
}

// put keeps a plan, in the place of the one of the same event.
func (k *Kept) put(of kept) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.plans = slices.DeleteFunc(k.plans, func(other *kept) bool { return other.key == of.key })
	k.plans = slices.Insert(k.plans, 0, &of)
	targets := of.targets()
	for i := 1; i < len(k.plans); i++ {
		if targets += k.plans[i].targets(); i == maxKept || targets > maxKeptTargets {
			clear(k.plans[i:])
			k.plans = k.plans[:i]
		}
	}
}
