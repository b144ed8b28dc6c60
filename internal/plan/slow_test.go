package plan

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// A countdown is a context that ends when it has been asked so often.
type countdown struct {
	context.Context // has ended, with a cause
	left            int
}

func (c *countdown) Err() error {
	if c.left--; c.left >= 0 {
		return nil
	}
	return c.Context.Err()
}

// TestReadingEndsAnywhere: whenever the time is up, the error says so, and no
// event is read in part.
func TestReadingEndsAnywhere(t *testing.T) {
	const targets = 10
	list := `{"urls": [` + strings.TrimSuffix(strings.Repeat(`{"url": "https://a%d.example", "expect": ["status == 200"]},`, targets), ",") + "]}"
	numbers := make([]any, targets)
	for i := range numbers {
		numbers[i] = i
	}
	list = fmt.Sprintf(list, numbers...)
	sources := filesOf(fstest.MapFS{"list.json": {Data: []byte(list)}, "list.txt": {Data: []byte(strings.Repeat("https://a.example/\n#\n", targets))}})
	slow := TookLonger(7 * time.Second)
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(slow)
	for event, least := range map[string]int{
		list:                      5 * targets, // values and targets
		`{"source": "list.json"}`: 5 * targets,
		`{"source": "list.txt"}`:  2 * targets,
	} {
		asked := 0
		for ; ; asked++ {
			p, err := Parse(&countdown{ended, asked}, strings.NewReader(event), Inputs{Sources: sources})
			if err == nil {
				if len(p.Targets) != targets && len(p.Targets) != 1 {
					t.Errorf("%.40s: %d targets", event, len(p.Targets))
				}
				break
			}
			if invalid, ok := err.(*InvalidEventError); !ok || !errors.Is(invalid, slow) {
				t.Fatalf("%.40s: after %d questions %v, want %v", event, asked, err, slow)
			}
		}
		if asked < least {
			t.Errorf("%.40s: the context is looked at %d times, want at least %d", event, asked, least)
		}
	}
	if want := "the event has 1 problem:\nthe event is too much for one run: reading the event took longer than 7s, half of the run's time"; slow.Error() != want {
		t.Errorf("%q, want %q", slow, want)
	}
}
