package sweep

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"rollcall/internal/check"
)

// slowHosts are hosts of which several pages timed out: more checks would be
// more of what they can't bear. They get slowPlaces for their confirmations, and
// where as many of those time out too, the others of their failures keep their
// first verdict.
type slowHosts struct {
	again map[string]int // by host: confirmations that timed out
	left  map[string]int // by host: failures that were not confirmed
}

// findSlow is called after the first attempts.
func (w *sweep) findSlow() {
	pages := map[string]int{}
	for i := range w.results {
		if w.results[i].Reason == check.Timeout {
			pages[w.hostOf(i)]++
		}
	}
	delete(pages, "")
	w.slow.again, w.slow.left = map[string]int{}, map[string]int{}
	w.queue.mu.Lock()
	defer w.queue.mu.Unlock()
	for host, n := range pages {
		if n >= slowPlaces {
			w.queue.slow[host] = true
		}
	}
}

// givenUp reports whether target i's failure is not to be confirmed, since its
// host is slow. It is called before each confirmation.
func (w *sweep) givenUp(i int) bool {
	host := w.hostOf(i)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.slow.again[host] < slowPlaces {
		return false
	}
	w.slow.left[host]++
	return true
}

// noteConfirmation is called after each confirmation.
func (w *sweep) noteConfirmation(i int) {
	if host := w.hostOf(i); host != "" && w.queue.slow[host] && w.results[i].Reason == check.Timeout {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.slow.again[host]++
	}
}

// warnings are about hosts whose checks did not fit the run's time, or were too
// much for them.
func (w *sweep) warnings() []string {
	missed, of := map[string]int{}, map[string]int{}
	if len(w.queue.crowded) > 0 {
		for i := range w.results {
			host := w.hostOf(i)
			if !w.queue.crowded[host] {
				continue
			}
			of[host]++
			if w.results[i].Reason == check.Unstarted {
				missed[host]++
			}
		}
	}
	warnings := worst(missed, func(host string, n int) string {
		return fmt.Sprintf("the run's time was too short for %s: %d of its %d targets were not checked, with at most %d checks at once (perHost)",
			host, n, of[host], w.PerHost)
	})
	return append(warnings, worst(w.slow.left, func(host string, n int) string {
		return fmt.Sprintf("%s is too slow for its number of targets: %d confirmations timed out too, and %d of its failures were not confirmed",
			host, w.slow.again[host], n)
	})...)
}

// worst says something of the three hosts with the largest numbers, and how
// many others there are.
func worst(numbers map[string]int, say func(host string, n int) string) []string {
	const most = 3
	hosts := slices.SortedFunc(maps.Keys(numbers), func(a, b string) int {
		return cmp.Or(cmp.Compare(numbers[b], numbers[a]), strings.Compare(a, b))
	})
	var lines []string
	for i, host := range hosts {
		if i == most {
			lines[most-1] += fmt.Sprintf("; the same is true of %d more hosts", len(hosts)-most)
			break
		}
		lines = append(lines, say(host, numbers[host]))
	}
	return lines
}
