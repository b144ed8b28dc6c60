package function_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rollcall/internal/testnet"
	"rollcall/test/s3"
	"rollcall/test/sns"
)

const (
	mailTopic  = "arn:aws:sns:eu-central-1:123456789012:alerts"
	groupTopic = "arn:aws:sns:eu-central-1:123456789012:groups"
	current    = "state/history/current.json.gz"
)

// A remembering is a function that remembers its runs, with its S3 and SNS.
type remembering struct {
	*rig
	s3     *s3.S3
	sns    *sns.SNS
	minute time.Time
	env    []string
}

// remembers starts one. What it checks breaks and recovers by broken.
func remembers(t *testing.T, env ...string) (r *remembering, broken *atomic.Bool) {
	t.Helper()
	store, err := s3.NewS3("made-up", "state", "other")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	topics, err := sns.NewSNS(mailTopic, groupTopic)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { topics.Close() })
	broken = &atomic.Bool{}
	shop := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if broken.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	r = &remembering{s3: store, sns: topics, minute: time.Now().Add(-4 * time.Minute)}
	r.env = append([]string{"ROLLCALL_BUCKET=state", "ROLLCALL_TOPIC=" + mailTopic, "ROLLCALL_GROUP_TOPIC=" + groupTopic, "ROLLCALL_ALERT=1/1",
		"AWS_ENDPOINT_URL_S3=" + store.URL(), "AWS_ENDPOINT_URL_SNS=" + topics.URL()}, env...)
	r.rig = newRig(t, testnet.Options{Handlers: map[string]http.Handler{"shop.stage.test": shop}}, r.env...)
	return r, broken
}

// event is one of the schedule's, a minute after the one before.
func (r *remembering) event() string {
	r.minute = r.minute.Add(time.Minute)
	return fmt.Sprintf(`{"history": true, "scheduled": %q, "defaults": {"retries": 0}, "urls": ["https://good.stage.test",
		{"url": "https://shop.stage.test/health", "name": "checkout", "group": "shop", "title": "The checkout"}]}`, r.minute.UTC().Format(time.RFC3339))
}

// open are the incidents of a summary.
func open(t *testing.T, s *summary) (all []string) {
	t.Helper()
	var content struct {
		Incidents []struct {
			Target, State, Title, Reason, Detail string
			Told                                 bool
		}
	}
	if err := json.Unmarshal([]byte(s.raw), &content); err != nil {
		t.Fatal(err)
	}
	for _, i := range content.Incidents {
		all = append(all, fmt.Sprint(i.Target, " ", i.State, " ", i.Reason, " ", i.Detail, " ", i.Told))
	}
	return all
}

func (r *remembering) subjects(topic string) (all []string) {
	for _, m := range r.sns.Accepted() {
		if m.Topic == topic {
			all = append(all, m.Subject)
		}
	}
	return all
}

// What is down is sent to both topics, by name, with its reason, and so is its end.
func TestRunsAreRememberedAndTold(t *testing.T) {
	beats := atomic.Int64{}
	pulse := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { beats.Add(1) }))
	defer pulse.Close()
	r, broken := remembers(t, "ROLLCALL_HEARTBEAT_URL="+pulse.URL+"/secret")
	if s := r.run(t, r.event()); len(s.Warnings) > 0 || len(open(t, s)) > 0 || !bytes.Contains(s.raw, []byte(`"incidents":[]`)) || beats.Load() != 1 {
		t.Errorf("%d beats: %s", beats.Load(), s.raw)
	}
	before := r.s3.Requests()
	broken.Store(true)
	s := r.run(t, r.event())
	if got, want := open(t, s), []string{"checkout down status 503 Service Unavailable true"}; !slices.Equal(got, want) || len(s.Warnings) > 0 {
		t.Errorf("open %q, want %q: %s", got, want, s.raw)
	}
	if n := r.s3.Requests() - before; n != 3 { // two of the history, one of the page
		t.Errorf("%d requests to S3", n)
	}
	broken.Store(false)
	r.run(t, r.event())
	if s := r.run(t, r.event()); len(open(t, s)) > 0 {
		t.Errorf("%s", s.raw)
	}
	want := []string{"DOWN: The checkout (shop): 503 Service Unavailable", "UP: The checkout (shop): was down for 1 minute"}
	for _, topic := range []string{mailTopic, groupTopic} {
		if got := r.subjects(topic); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", topic, got, want)
		}
	}
	m := r.sns.Accepted()[0]
	for name, want := range map[string]string{"kind": "incident", "state": "down", "severity": "critical", "group": "shop", "seq": "1"} {
		if m.Attributes[name] != want {
			t.Errorf("attribute %s is %q, want %q", name, m.Attributes[name], want)
		}
	}
	if text := m.Texts["email"]; !strings.Contains(text, "1 of 2 targets is up, 1 down.") || !strings.Contains(text, "The checkout is down since ") {
		t.Errorf("the mail is\n%s", text)
	}
	published := map[string][]float64{}
	for _, d := range r.CloudWatch.Accepted() {
		if d.Dimension("Group") == "" {
			published[d.Metric] = append(published[d.Metric], d.Value)
		}
	}
	for metric, want := range map[string][]float64{"HistoryFailed": {0, 0, 0, 0}, "MessagesUntold": {0, 0, 0, 0}, "MessagesLost": {0, 0, 0, 0}, "UpShare": {1, 0.5, 1, 1}} {
		if !slices.Equal(published[metric], want) {
			t.Errorf("%s is %v, want %v", metric, published[metric], want)
		}
	}
	if beats.Load() != 4 {
		t.Errorf("%d beats", beats.Load())
	}
	if s := r.run(t, strings.Replace(r.event(), `"history": true, `, "", 1)); bytes.Contains(s.raw, []byte(`"incidents"`)) || beats.Load() != 4 {
		t.Errorf("a run by hand: %s", s.raw)
	}
}

// Where S3 or SNS fails, the metrics are what they are without, and the run says
// what is wrong.
func TestRunsWithoutMemory(t *testing.T) {
	r, broken := remembers(t)
	broken.Store(true)
	r.s3.SetFault(testnet.AccessDenied, -1)
	s := r.run(t, r.event())
	if !strings.Contains(strings.Join(s.Warnings, "\n"), "the history was not written: S3 responded 403 AccessDenied: allow the role the actions s3:GetObject and s3:ListBucket on the bucket state") || !s.Healthy || r.completed() != 1 {
		t.Errorf("%s", s.raw)
	}
	r.s3.SetFault(testnet.Normal, 0)
	r.sns.Refuse("AuthorizationError")
	if s = r.run(t, r.event()); !strings.Contains(strings.Join(s.Warnings, "\n"), "SNS responded 403 AuthorizationError: allow the role the action sns:Publish on "+mailTopic) || r.completed() != 2 {
		t.Errorf("%s", s.raw)
	}
	r.sns.Refuse("InvalidParameter")
	if s = r.run(t, r.event()); r.completed() != 3 {
		t.Errorf("%s", s.raw)
	}
	var failed, lost []float64
	for _, d := range r.CloudWatch.Accepted() {
		switch d.Metric {
		case "HistoryFailed":
			failed = append(failed, d.Value)
		case "MessagesLost":
			lost = append(lost, d.Value)
		}
	}
	if !slices.Equal(failed, []float64{1, 0, 0}) || !slices.Equal(lost, []float64{0, 0, 2}) {
		t.Errorf("HistoryFailed %v, MessagesLost %v", failed, lost)
	}
}

// A store that does not respond delays no metric and no response.
func TestStoreThatHangs(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: make test-all")
	}
	r, _ := remembers(t)
	r.s3.SetFault(testnet.Hanging, -1)
	r.timeout = 6 * time.Second
	runs := 0
	inTime(t, testnet.Slowdown*r.timeout, func() {
		runs++
		if s := r.run(t, r.event()); r.completed() != runs || s.Published.Lost > 0 || !bytes.Contains(s.raw, []byte("did not respond in time")) {
			t.Errorf("%s", s.raw)
		}
	})
}

// A function that is killed between any two of write, publish and write: the message
// arrives, once or twice, and never another.
func TestKilledBetweenTheSteps(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: make test-all")
	}
	path, err := bootstrap()
	if err != nil {
		t.Fatal(err)
	}
	for step, most := range map[string]int{
		"before the first write": 1, "after the first write": 1, "before the message": 2, "after the message": 2, "before the second write": 2, "after the second write": 1,
	} {
		t.Run(step, func(t *testing.T) {
			r, broken := remembers(t, "ROLLCALL_GROUP_TOPIC=")
			r.run(t, r.event())
			r.function.Stop()
			ctx, kill := context.WithCancel(t.Context())
			if r.function, err = testnet.StartFunction(ctx, path, append(r.Env(), r.env...)); err != nil {
				t.Fatal(err)
			}
			defer r.function.Stop()
			var once sync.Once
			at := func(now string) {
				if now == step {
					once.Do(func() { kill(); time.Sleep(200 * time.Millisecond) })
				}
			}
			writes, seen := [...]string{"the first write", "the second write"}, 0
			r.s3.Around(func(key string) {
				if key == current && seen < len(writes) {
					at("before " + writes[seen])
				}
			}, func(key string) {
				if key == current && seen < len(writes) {
					seen++
					at("after " + writes[seen-1])
				}
			})
			r.sns.Around(func() { at("before the message") }, func() { at("after the message") })
			broken.Store(true)
			event, err := r.Event([]byte(r.event()))
			if err != nil {
				t.Fatal(err)
			}
			if result, err := r.function.Invoke(t.Context(), event, r.timeout); err == nil && result.ErrorType != "Runtime.ExitError" {
				t.Fatalf("it was not killed: %+v", result)
			}
			r.s3.Around(nil, nil)
			r.sns.Around(nil, nil)
			r.expireClaims(t)
			r.start(t, path, r.env...)
			for range 2 {
				r.run(t, r.event())
			}
			got := r.subjects(mailTopic)
			if len(got) < 1 || len(got) > most {
				t.Errorf("%d messages: %q", len(got), got)
			}
			for _, subject := range got {
				if subject != "DOWN: The checkout (shop): 503 Service Unavailable" {
					t.Errorf("%s", subject)
				}
			}
		})
	}
}

// expireClaims makes what is kept older: as if the time of the claims were over.
func (r *remembering) expireClaims(t *testing.T) {
	t.Helper()
	o, ok := r.s3.Object(current)
	if !ok {
		t.Fatal("nothing is kept")
	}
	reader, err := gzip.NewReader(bytes.NewReader(o.Body))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(reader)
	var known map[string]any
	if err != nil || json.Unmarshal(text, &known) != nil {
		t.Fatalf("%v: %s", err, text)
	}
	for _, entry := range known["outbox"].([]any) {
		if claim, ok := entry.(map[string]any)["claim"].(map[string]any); ok {
			claim["until"] = time.Now().Add(-time.Second)
		}
	}
	text, _ = json.Marshal(known)
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(text)
	w.Close()
	r.s3.Put(current, b.Bytes())
}
