package remember_test

import (
	"context"
	"fmt"
	"time"

	"rollcall/internal/history"
	"rollcall/internal/message"
	"rollcall/internal/remember"
)

// A drawer is a store with one process: nobody else writes.
type drawer map[string][]byte

func (d drawer) Read(_ context.Context, key string) ([]byte, string, error) {
	if body, ok := d[key]; ok {
		return body, "a tag", nil
	}
	return nil, "", nil
}

func (d drawer) Write(_ context.Context, key string, body []byte, _ string) (string, bool, error) {
	d[key] = body
	return "a tag", false, nil
}

func (d drawer) Copy(_ context.Context, from, to string) error {
	d[to] = d[from]
	return nil
}

// A printer prints what is published.
type printer struct{}

func (printer) Publish(_ context.Context, topic, subject, _ string, _ bool, _ map[string][]string, _ int64) error {
	fmt.Println(topic+":", subject)
	return nil
}

func Example() {
	m := remember.New(drawer{}, printer{}, []string{"alerts"}, message.Site{Stack: "rollcall"})
	minute := time.Now().Truncate(time.Minute).Add(-time.Hour)
	for i, state := range []history.State{history.Up, history.Down, history.Down, history.Down} {
		run := history.Run{
			Minute: minute.Add(time.Duration(i) * time.Minute), Interval: time.Minute, Fresh: true, Limit: 1000, Alert: history.Alert{Runs: 2, Window: 3},
			Targets: []history.Target{{Name: "checkout", Group: "shop", State: state, Reason: "status", Detail: "503 Service Unavailable"}},
		}
		out := m.Remember(context.Background(), remember.Run{Run: &run, ID: fmt.Sprint("run ", i)})
		fmt.Println("open:", len(out.Incidents))
	}
	// Output:
	// open: 0
	// open: 0
	// alerts: DOWN: checkout (shop): 503 Service Unavailable
	// open: 1
	// open: 1
}
