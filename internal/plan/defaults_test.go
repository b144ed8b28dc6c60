package plan

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// TestDefaultsHere: what the inputs have is laid over the event's defaults, and
// under what a target says of itself.
func TestDefaultsHere(t *testing.T) {
	in := inputs()
	in.Defaults = []byte(`{"timeout": "2s", "headers": {"B": "here"}, "expect": ["status == 404"]}`)
	event := `{"defaults": {"timeout": "5s", "headers": {"A": "event", "B": "event"}, "retries": 3},
		"urls": ["https://a.example", {"url": "https://b.example", "timeout": "7s"}]}`
	for name, parse := range map[string]func() (*Plan, error){
		"event": func() (*Plan, error) { return Parse(context.Background(), strings.NewReader(event), in) },
		"lines": func() (*Plan, error) {
			return parseLines(context.Background(), strings.NewReader("https://a.example\n"), in)
		},
		"URLs": func() (*Plan, error) { return ParseURLs([]string{"https://a.example"}, in) },
	} {
		p, err := parse()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		first := p.Targets[0]
		if first.Name != "a.example" || first.Timeout != 2*time.Second || first.Header.Get("B") != "here" || len(first.Expect) != 1 {
			t.Errorf("%s: %q has the settings %+v", name, first.Name, first.Settings)
		}
		if name != "event" {
			continue
		}
		if first.Header.Get("A") != "event" || first.Retries != 3 || p.Targets[1].Timeout != 7*time.Second {
			t.Errorf("the event: %+v, and %+v", first.Settings, p.Targets[1].Settings)
		}
	}
	in.Defaults = []byte(`{"timeout": "soon", "headers": {"A b": "c"}}`)
	_, err := ParseURLs(nil, in)
	invalid, ok := errors.AsType[*InvalidEventError](err)
	if !ok || len(invalid.Problems) != 2 || invalid.Problems[1].Path != "defaults here: timeout" || !strings.HasPrefix(invalid.Problems[0].Path, "defaults here: headers.A") {
		t.Errorf("the problems are %v", err)
	}
}
