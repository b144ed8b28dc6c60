//go:build soak

package main

import (
	"bytes"
	"fmt"
	"testing"
)

const (
	soakRuns  = 200
	soakFirst = 20 // runs after which nothing may grow any more
	soakURLs  = 1000
)

// TestSoakManyInvocations: 200 invocations of 1,000 URLs, every tenth over TLS,
// leave a process with the descriptors, goroutines and memory that it had after
// the first few.
func TestSoakManyInvocations(t *testing.T) {
	st, err := ourNet()
	if err != nil {
		t.Fatal(err)
	}
	h := inProcess(t, st, "ROLLCALL_IN_FLIGHT=100")
	var urls []string
	for i := range soakURLs {
		urls = append(urls, fmt.Sprintf("%s://host-%d.soak.stage.test", []string{"https", "http"}[min(i%10, 1)], i))
	}
	event, err := st.Event([]byte(eventOf(map[string]any{"urls": urls, "metrics": "group"})))
	if err != nil {
		t.Fatal(err)
	}
	var before, most holdings
	for run := 1; run <= soakRuns; run++ {
		response, err := h.Invoke(t.Context(), event)
		if want := fmt.Sprintf(`"up":%d,"degraded":0,"down":0`, soakURLs); err != nil || !bytes.Contains(response, []byte(want)) {
			t.Fatalf("run %d: %v: %.500s", run, err, response)
		}
		if run == soakFirst {
			before = settled(heldNow(t), 20, t)
			most = holdings{before.goroutines + moreGoroutines, before.descriptors + moreDescriptors, before.bytes + 1<<20}
		}
	}
	after := settled(most, 200, t)
	t.Logf("after %d runs %+v, after %d %+v", soakFirst, before, soakRuns, after)
	if !after.within(most) {
		t.Errorf("after %d runs the process holds %+v, after %d %+v", soakFirst, before, soakRuns, after)
	}
}
