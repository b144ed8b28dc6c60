package probe_test

import (
	"strings"
	"testing"
)

// inMedian runs a measurement eight times, alone, and demands that the median
// is without a problem: five of eight are. Other programs make a server late at
// times; a fault of ours does so most of the time. It ends when that is decided.
func inMedian(t *testing.T, measure func() (problems []string)) {
	t.Helper()
	good := 0
	var bad []string
	for good < 5 {
		if problems := measure(); len(problems) > 0 {
			bad = append(bad, strings.Join(problems, "\n"))
		} else {
			good++
		}
		if len(bad) == 4 {
			t.Errorf("4 of %d runs were wrong:\n%s", good+4, strings.Join(bad, "\n\n"))
			return
		}
	}
}

// slow skips a test that takes more than a second where only quick ones are
// wanted.
func slow(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("slow: make test-all")
	}
}
