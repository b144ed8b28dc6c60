package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"rollcall/internal/monitor"
	"rollcall/internal/report"
)

const (
	leastWatch  = time.Second
	mostChanges = 8 // that are shown of the last rounds
)

// watch shows one result after the other until somebody interrupts, or nobody
// reads on. The first is there already.
func (c *checkCommand) watch(ctx context.Context, r round, first *monitor.Summary, lost error) error {
	again := *r.plan
	again.Scheduled = time.Time{} // only the first run is the one that the event speaks of
	r.plan = &again
	v := view{command: c, sink: r.sink, last: first}
	if err := r.sink.write(func(w io.Writer) error { return v.begin(w, first) }); err != nil {
		return unwritten(err)
	}
	for rest := time.Until(first.Started.Add(c.Watch)); sleep(ctx, rest); {
		r.sink.look = r.sink.current(r.system)
		sayLost(r.err, lost)
		var summary *monitor.Summary
		summary, lost = c.run(ctx, r)
		if ctx.Err() != nil {
			break // it was cut short: what it says of changes is not true
		}
		if err := r.sink.write(func(w io.Writer) error { return v.next(w, summary) }); err != nil {
			return unwritten(err)
		}
		rest = time.Until(summary.Started.Add(c.Watch))
	}
	return &exitError{exitInterrupted, "the watch was ended"}
}

// sayLost says what a round did not publish: the watch goes on.
func sayLost(w io.Writer, lost error) {
	if lost != nil {
		fmt.Fprintln(w, "rollcall:", report.Plain(lost.Error()))
	}
}

// sleep waits, and reports false if ctx ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}

// A view is what a watch shows.
type view struct {
	command *checkCommand
	sink    *sink
	last    *monitor.Summary
	changes []string // the last ones
}

// begin shows the first result.
func (v *view) begin(w io.Writer, s *monitor.Summary) error {
	if v.drawn() {
		return v.draw(w, s)
	}
	return v.command.show(w, s, v.sink.look)
}

// next shows a further result. On a terminal it takes the place of the one
// before; elsewhere a table is followed by what changes.
func (v *view) next(w io.Writer, s *monitor.Summary) error {
	changes := report.Changes(v.last, s, v.sink.look)
	v.last = s
	v.changes = append(v.changes, changes...)
	v.changes = v.changes[max(0, len(v.changes)-mostChanges):]
	switch {
	case v.drawn():
		return v.draw(w, s)
	case v.command.Format == "table" && v.sink.file == nil:
		_, err := io.WriteString(w, strings.Join(append(changes, report.TimedLine(s, v.sink.look)), "\n")+"\n")
		return err
	}
	return v.command.show(w, s, v.sink.look)
}

// drawn reports whether each result takes the place of the one before.
func (v *view) drawn() bool { return v.sink.look.Width > 0 && v.command.Format == "table" }

// draw draws over what there is.
func (v *view) draw(w io.Writer, s *monitor.Summary) error {
	l := v.sink.look
	var b strings.Builder
	b.WriteString("\x1b[H\x1b[J")
	if len(v.changes) > 0 {
		l.Height = max(1, l.Height-len(v.changes)-2)
	}
	l.Height = max(1, l.Height-2)
	if err := report.Table(&b, s, l); err != nil {
		return err
	}
	if len(v.changes) > 0 {
		fmt.Fprintf(&b, "\nWhat has changed\n%s\n", strings.Join(v.changes, "\n"))
	}
	fmt.Fprintf(&b, "\n%s: every %s, Ctrl-C ends\n", s.Started.Local().Format(time.TimeOnly), v.command.Watch)
	_, err := io.WriteString(w, b.String())
	return err
}

// current is the look by the size that the terminal has now.
func (s *sink) current(sys system) report.Look {
	if s.file != nil {
		return s.look
	}
	return sys.look(s.out)
}
