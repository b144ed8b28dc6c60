package main

import (
	"bytes"
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"rollcall/internal/monitor"
	"rollcall/internal/page"
	"rollcall/internal/publish"
)

// lastPage is the object that has the page of the last run. The template's
// outputs and alarms name it.
const lastPage = "rollcall.html"

// pageInto returns a monitor's Page that puts it into a bucket. A bucket that
// can't be used is each run's warning, and no reason not to run.
func pageInto(ctx context.Context, cfg aws.Config, bucket string) func(context.Context, *monitor.Summary) error {
	b, unusable := publish.NewBucket(ctx, cfg, bucket)
	return func(ctx context.Context, s *monitor.Summary) error {
		if unusable != nil {
			return unusable
		}
		var body bytes.Buffer
		if err := page.Write(&within{ctx, &body}, s); err != nil {
			return err
		}
		return b.Put(ctx, lastPage, "text/html; charset=utf-8", body.Bytes())
	}
}

// A within takes what is written to it as long as there is time.
type within struct {
	ctx context.Context
	to  *bytes.Buffer
}

func (w *within) Write(p []byte) (int, error) {
	if err := context.Cause(w.ctx); err != nil {
		return 0, err
	}
	return w.to.Write(p)
}
