package main

import (
	"bytes"
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"rollcall/internal/monitor"
	"rollcall/internal/page"
	"rollcall/internal/publish"
)

// lastPage is the key of the object that holds the page of the last run. The
// template's outputs and alarms name it.
const lastPage = "rollcall.html"

// pageInto returns a monitor's Page that stores it in a bucket. A bucket that
// can't be used is a warning of each run: the checks run all the same.
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

// A within buffers what is written to it until its context ends.
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
