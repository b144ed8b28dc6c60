package cost

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"rollcall/internal/text"
)

// What is assumed of the time that a run takes.
const (
	checkCPU     = 500 * time.Microsecond // of one whole virtual CPU, a check
	overhead     = 200 * time.Millisecond // beside the checks, mostly to publish
	dnsRate      = 900                    // names a second
	wholeCPU     = 1769                   // MB of memory that are one virtual CPU
	confirmation = 3 * time.Second        // after a failure, before the next attempt
	longestRun   = 890 * time.Second

	// Of parts.
	firstStep   = time.Second
	aTally      = 10 * time.Millisecond // that the last step reads and adds up
	aLine       = 600 * time.Nanosecond // of the list, that each part reads
	atOnce      = 5                     // parts, by default
	longestPart = 240 * time.Second     // of the five minutes of an express execution
	lateness    = time.Minute           // before the next run, in which no part starts
	mostParts   = 1000
)

// A bound is what limits how quickly a run checks, and how long it takes so.
type bound struct {
	name  string
	takes time.Duration
}

// slowest is the bound of a run, or of a part of one, that takes longest.
func (w work) slowest() bound {
	parts, together := time.Duration(max(1, w.Split)), time.Duration(1)
	if w.VPC { // where all parts at once share one network interface, and its pace of lookups
		together = min(parts, time.Duration(cmp.Or(w.Concurrency, atOnce)))
	}
	n, hosts := (time.Duration(w.checked)+parts-1)/parts, (time.Duration(w.hosts)+parts-1)/parts
	return slices.MaxFunc([]bound{
		{"CPU, 0.5 ms a check", n * checkCPU * max(wholeCPU, time.Duration(w.Memory)) / time.Duration(w.Memory)},
		{fmt.Sprintf("places, %d checks at once", inFlight), n * w.ResponseTime / inFlight},
		{fmt.Sprintf("lookups, %d names a second", dnsRate), hosts * together * time.Second / dnsRate},
	}, func(a, b bound) int { return cmp.Compare(a.takes, b.takes) })
}

// duration is that of a run, or of a part of one.
func (w work) duration() time.Duration {
	if w.checked == 0 {
		return overhead
	}
	up := w.slowest().takes + w.ResponseTime + overhead
	longest := Timeout(w.Every)
	if w.Split > 0 {
		up += time.Duration(w.checked) * aLine
		longest = longestPart
	}
	failing := up
	if w.Down > 0 {
		failing += confirmation + w.ResponseTime
	}
	if w.Hang > 0 {
		failing = max(failing, w.longest+overhead)
	}
	return max(up, min(failing, longest)).Round(time.Millisecond)
}

// Timeout is how long the template lets the function run, so that runs do not
// overlap.
func Timeout(every time.Duration) time.Duration { return min(longestRun, every-10*time.Second) }

// sum is how long the last step of a run in parts takes.
func (w work) sum() time.Duration { return overhead + time.Duration(w.Split)*aTally }

// whole is how long all steps of a run in parts take, and the number of waves, of
// parts at once.
func (w work) whole() (time.Duration, int) {
	waves := (w.Split + cmp.Or(w.Concurrency, atOnce) - 1) / cmp.Or(w.Concurrency, atOnce)
	return firstStep + time.Duration(waves)*w.duration() + w.sum(), waves
}

// misfit says why a run in parts does not fit the interval, and what would; nil: it
// does.
func (w work) misfit() error {
	switch part := w.duration(); {
	case w.Split == 0:
		return nil
	case w.Split > mostParts:
		return fmt.Errorf("%s parts are more than a run can have (%s)", text.Count(w.Split), text.Count(mostParts))
	case part > longestPart:
		return fmt.Errorf("a part takes %s, longer than the %s that it may take: use more parts, or more memory", Interval(part), Interval(longestPart))
	}
	room := w.Every - lateness
	whole, waves := w.whole()
	if whole <= room {
		return nil
	}
	why := fmt.Sprintf("a run takes %s (%s of %s): longer than the interval of %s less a minute",
		Interval(whole.Round(time.Second)), text.Plural(waves, "wave"), Interval(w.duration()), Interval(w.Every))
	for more := w; more.Concurrency < w.Split; {
		more.Concurrency = cmp.Or(more.Concurrency, atOnce) + 1
		if whole, _ := more.whole(); whole <= room {
			return fmt.Errorf("%s; --concurrency %d would do", why, more.Concurrency)
		}
	}
	return fmt.Errorf("%s, however many parts run at once: use a longer interval", why)
}
