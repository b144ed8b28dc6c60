package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"rollcall/internal/monitor"
	"rollcall/internal/pause"
	"rollcall/internal/report"
)

const (
	leastWatch  = time.Second
	mostChanges = 8 // that are shown of the last rounds
)

// watch shows one result after the other, of which it is given the first, until
// it is interrupted or the reader has closed the pipe.
func (r *checkRunner) watch(ctx context.Context, summary *monitor.Summary) error {
	again := *r.plan
	again.Scheduled = time.Time{} // it is the first run's
	r.plan = &again
	began := summary.Started
	var last *monitor.Summary
	var seen statistics
	for {
		seen.add(summary)
		if err := r.out.write(func(w io.Writer) error { return r.showRound(w, last, summary) }); err != nil {
			return writeError(err)
		}
		r.noteFile(func(w io.Writer) error {
			_, err := io.WriteString(w, report.TimedLine(summary, report.Look{}))
			return err
		})
		last = summary
		if !pause.For(ctx, time.Until(summary.Started.Add(time.Duration(r.command.Watch)))) {
			break
		}
		if r.out.file == nil {
			r.out.look = r.sys.look(r.out.w) // the terminal may have another size now
		}
		summary, _ = r.check(ctx)
		summary = r.command.shown(summary)
		if ctx.Err() != nil {
			break // it was cut short: its changes are not real
		}
	}
	w := r.sys.err
	if r.out.file == nil && r.command.Format != "json" {
		w = r.out.w
	}
	if err := seen.write(w, time.Since(began)); err != nil {
		return writeError(err)
	}
	return &exitError{code: exitInterrupted}
}

// showRound shows a result. On a terminal it takes the place of the one before;
// elsewhere the first table is followed by changes.
func (r *checkRunner) showRound(w io.Writer, last, s *monitor.Summary) error {
	look := r.out.look
	var changes []string
	if last != nil {
		changes = report.Changes(last, s, look)
		r.changes = append(r.changes, changes...)
		r.changes = r.changes[max(0, len(r.changes)-mostChanges):]
	}
	table := r.command.Format == "table" || r.command.Format == auto
	if table && last != nil && look.Width == 0 && r.out.file == nil {
		_, err := io.WriteString(w, strings.Join(append(changes, report.TimedLine(s, look)), "\n")+"\n")
		return err
	}
	if !table || look.Width == 0 {
		return r.show(w, s)
	}
	var b strings.Builder
	b.WriteString("\x1b[H\x1b[J")
	if len(r.changes) > 0 {
		look.Height = max(1, look.Height-len(r.changes)-2)
	}
	look.Height, look.Steady = max(1, look.Height-2), true
	if err := report.Table(&b, s, look); err != nil {
		return err
	}
	if len(r.changes) > 0 {
		fmt.Fprintf(&b, "\nChanges\n%s\n", strings.Join(r.changes, "\n"))
	}
	fmt.Fprintf(&b, "\n%s: every %s, Ctrl-C to stop\n", s.Started.Local().Format(time.TimeOnly), r.command.Watch)
	_, err := io.WriteString(w, b.String())
	return err
}
