package cloud_test

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"

	clouds3 "rollcall/internal/cloud/s3"
	cloudsns "rollcall/internal/cloud/sns"
	"rollcall/internal/history"
	"rollcall/internal/message"
	"rollcall/internal/remember"
	"rollcall/internal/testnet"
	"rollcall/test/s3"
	"rollcall/test/sns"
)

// BenchmarkRemember is what remembering adds to a run of 1,000 targets where S3 and SNS
// respond after 20 ms: by a process that is new, when 20 go down, which is one read, two
// writes and a message to two topics; and by one that knows, when nothing changes. The
// goal is 150 ms.
func BenchmarkRemember(b *testing.B) {
	const stage = 20 * time.Millisecond
	var requests atomic.Int64
	delayed := func(h http.Handler) string {
		server, err := testnet.ServeWeb(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			requests.Add(1)
			time.Sleep(stage)
			h.ServeHTTP(w, r)
		}), nil)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { server.Close() })
		return "http://" + server.Addr().String()
	}
	topics := []string{"arn:aws:sns:eu-central-1:123456789012:alerts", "arn:aws:sns:eu-central-1:123456789012:groups"}
	store, err := s3.NewS3("made-up", "state")
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	notices, err := sns.NewSNS(topics...)
	if err != nil {
		b.Fatal(err)
	}
	defer notices.Close()
	b.Setenv("AWS_ENDPOINT_URL_S3", delayed(store))
	b.Setenv("AWS_ENDPOINT_URL_SNS", delayed(notices))
	cfg, err := awsconfig.LoadDefaultConfig(b.Context(), awsconfig.WithRegion("eu-central-1"),
		awsconfig.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("AKID", "made-up", "")))
	if err != nil {
		b.Fatal(err)
	}
	memory := func() *remember.Memory { return memoryOf(cfg, topics) }
	run := func(b *testing.B, m *remember.Memory, minute time.Time, down, told int) {
		if out := m.Remember(b.Context(), runOf(minute, down)); !out.Written || out.Told != told || len(out.Problems) > 0 {
			b.Fatalf("%+v", out)
		}
	}
	minute := time.Now().UTC().Truncate(time.Minute).Add(-time.Hour)
	run(b, memory(), minute, 0, 0)
	before, _ := store.Object("state/history/current.json.gz")

	for name, of := range map[string]struct{ down, told int }{"new-process-20-down": {20, 2}, "nothing-changes": {0, 0}} {
		b.Run(name, func(b *testing.B) {
			knows := memory()
			if of.told == 0 {
				run(b, knows, minute, 0, 0)
			}
			first := requests.Load()
			for i := 0; b.Loop(); i++ {
				m := knows
				if of.told > 0 {
					b.StopTimer()
					store.PutObject("state/history/current.json.gz", before)
					m, i = memory(), 0
					b.StartTimer()
				}
				run(b, m, minute.Add(time.Duration(i+1)*time.Minute), of.down, of.told)
			}
			b.ReportMetric(float64(requests.Load()-first)/float64(b.N), "requests/op")
		})
		store.PutObject("state/history/current.json.gz", before)
	}
}

func memoryOf(cfg aws.Config, topics []string) *remember.Memory {
	objects := clouds3.NewStore(clouds3.NewBucket(cfg, "state"), 16<<20, func(context.Context) string { return "123456789012" })
	return remember.New(objects, cloudsns.NewTopics(cfg), topics, message.Site{Stack: "rollcall", Region: "eu-central-1", Bucket: "state", Page: "last.html", Dashboard: "rollcall-eu-central-1"})
}

// runOf is a run of 1,000 targets of which the first are down.
func runOf(minute time.Time, down int) remember.Run {
	r := &history.Run{Minute: minute, Interval: time.Minute, Fresh: true, Limit: 1000, Certificate: 14, Alert: history.Alert{Runs: 1, Window: 1}}
	for i := range 1000 {
		name := fmt.Sprintf("host-%d.example.com", i)
		t := history.Target{Name: name, Group: "default", URL: "https://" + name + "/health", State: history.Up, Reason: "ok",
			Duration: time.Duration(20+i%83) * time.Millisecond, Fingerprint: fmt.Sprintf("%064x", i), DaysLeft: 60}
		if i < down {
			t.State, t.Reason, t.Detail, t.Duration = history.Down, "status", "503 Service Unavailable", 0
		}
		r.Targets = append(r.Targets, t)
	}
	return remember.Run{Run: r, ID: fmt.Sprint("run-", minute.Unix())}
}
