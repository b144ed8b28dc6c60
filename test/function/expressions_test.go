package function_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"rollcall/internal/testnet"
)

// TestNoPatternOutlastsTheRun: on one CPU, targets whose pattern takes 11 s of it
// each cost no other target its verdict, and the run ends in time. Those that
// have their turn are down, and all others have no verdict.
func TestNoPatternOutlastsTheRun(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: make test-all")
	}
	const honest, hostile = 20, 60
	body := strings.Repeat("error ", 1<<20/6)
	r := newRig(t, testnet.Options{Handlers: map[string]http.Handler{
		"*.error.stage.test":  http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) }),
		"*.honest.stage.test": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "all is well") }),
	}}, "GOMAXPROCS=1")
	r.timeout = 8 * time.Second
	var urls []any
	for i := range hostile {
		urls = append(urls, map[string]any{"url": fmt.Sprintf("https://h%d.error.stage.test", i), "expect": []string{"body matches 'error.{0,500}fatal'"}})
	}
	for i := range honest {
		urls = append(urls, map[string]any{"url": fmt.Sprintf("https://h%d.honest.stage.test", i), "expect": []string{"body matches 'is +well'"}})
	}
	s := r.run(t, eventOf(map[string]any{"urls": urls, "defaults": map[string]any{"retries": 0}})) // fails where no result comes in time
	if s.Up != honest || s.Down == 0 || s.Down+s.NotChecked != hostile || !s.Healthy || r.completed() != 1 {
		t.Errorf("%d are up, %d down, %d not checked; healthy %v, complete %d times", s.Up, s.Down, s.NotChecked, s.Healthy, r.completed())
	}
	for _, res := range s.Results {
		honest := strings.Contains(res.Name, "honest")
		if honest != (res.State == "up") || !honest && res.Reason != "expectation" && res.Reason != "deadline" && res.Reason != "not_checked" {
			t.Errorf("%s is %s: %s", res.Name, res.State, res.Reason)
		}
		if res.Reason == "expectation" && !strings.HasSuffix(res.Detail, ": expression exceeded its time limit") {
			t.Errorf("%s: %s", res.Name, res.Detail)
		}
	}
}

// TestNoEventOutlastsTheRun: one with 200,000 expressions is refused, and there
// is time to say so.
func TestNoEventOutlastsTheRun(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: make test-all")
	}
	r := newRig(t, testnet.Options{}, "GOMAXPROCS=1")
	r.timeout = 4 * time.Second
	var urls []any
	for i := range 2000 {
		lists := map[string][]string{}
		for j := range 50 {
			for _, list := range []string{"expect", "warn"} {
				lists[list] = append(lists[list], fmt.Sprintf("json.%s%d_%d == 1", list, i, j))
			}
		}
		urls = append(urls, map[string]any{"url": fmt.Sprintf("https://h%d.example", i), "expect": lists["expect"], "warn": lists["warn"]})
	}
	result := r.ask(t, eventOf(map[string]any{"urls": urls}))
	if result.ErrorType != "InvalidEventError" || !strings.Contains(result.ErrorMessage, "different expressions have more than") {
		t.Errorf("%s: %.300s", result.ErrorType, result.ErrorMessage)
	}
	said := false
	for _, d := range r.CloudWatch.Accepted() {
		said = said || d.Metric == "InvalidEvent"
	}
	if !said {
		t.Error("InvalidEvent is not published")
	}
}

// TestASilentCloudWatchCostsOneRun: the next makes one attempt, and is done.
func TestASilentCloudWatchCostsOneRun(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: make test-all")
	}
	r := newRig(t, testnet.Options{})
	r.CloudWatch.SetFault(testnet.Always(testnet.Fault{Mode: testnet.Hanging}))
	r.timeout = 12 * time.Second
	for i := range 2 {
		s := r.run(t, `{"urls": ["https://good.stage.test"]}`)
		if once := s.Published.Requests == 1; once != (i == 1) || s.Published.EMF != s.Published.Datums {
			t.Errorf("run %d: %+v", i, s.Published)
		}
	}
}
