package main

import (
	"bytes"
	"context"

	"rollcall/internal/monitor"
	"rollcall/internal/page"
)

// lastPage is the key of the object that holds the page of the last run. The
// template's outputs and alarms name it.
const lastPage = "rollcall.html"

// A put makes an object of a body; cloud.Bucket has one.
type put func(ctx context.Context, key, contentType string, body []byte) error

// pageInto returns a monitor's Page that stores it.
func pageInto(store put) func(context.Context, *monitor.Summary) error {
	return func(ctx context.Context, s *monitor.Summary) error {
		var body bytes.Buffer
		if err := page.Write(&within{ctx, &body}, s); err != nil {
			return err
		}
		return store(ctx, lastPage, "text/html; charset=utf-8", body.Bytes())
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
