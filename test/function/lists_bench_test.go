package function_test

import (
	"bytes"
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"rollcall/internal/cloud"
	lists "rollcall/internal/cloud/s3"
	"rollcall/internal/plan"
	"rollcall/test/s3"
)

// BenchmarkList reads a list of 100,000 lines in S3, which has changed or not
// since the last run.
func BenchmarkList(b *testing.B) {
	server, err := s3.NewS3("made-up", "lists")
	if err != nil {
		b.Fatal(err)
	}
	defer server.Close()
	in := plan.Inputs{Kept: &plan.Kept{}, Sources: map[string]plan.Source{"s3": lists.Lists(cloud.Loaded(aws.Config{
		Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider("key", "made-up", ""), BaseEndpoint: aws.String(server.URL()),
	}))}}
	run := 0
	var spent time.Duration // of CPU, on both sides
	put := func() {
		var list bytes.Buffer
		for i := range 100_000 {
			fmt.Fprintf(&list, "https://host%d.example.com/health?run=%d\n", i, run)
		}
		run++
		server.Put("lists/shop.txt", list.Bytes())
	}
	read := func(b *testing.B) {
		before := cpu(b)
		defer func() { spent += cpu(b) - before }()
		p, err := plan.Parse(context.Background(), bytes.NewReader(fmt.Appendf(nil, `{"source": "s3://lists/shop.txt", "scheduled": "2026-11-30T12:%02d:00Z"}`, run%60)), in)
		if err != nil || len(p.Targets) != 100_000 {
			b.Fatal(err)
		}
	}
	put()
	read(b)
	b.Run("unchanged", func(b *testing.B) {
		spent = 0
		for b.Loop() {
			read(b)
		}
		b.ReportMetric(float64(spent)/float64(b.N)/1e6, "cpu-ms/op")
	})
	b.Run("changed", func(b *testing.B) {
		spent = 0
		for b.Loop() {
			b.StopTimer()
			put()
			b.StartTimer()
			read(b)
		}
		b.ReportMetric(float64(spent)/float64(b.N)/1e6, "cpu-ms/op")
	})
}

func cpu(b *testing.B) time.Duration {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		b.Fatal(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}
