package main

import (
	"context"
	"fmt"
	"io"
	"strconv"

	"github.com/jedib0t/go-pretty/v6/table"

	"rollcall/internal/text"
	"rollcall/test/cgroup"
)

// A Size is Rollcall at one of Lambda's sizes: with as much of a core as Lambda
// gives with so much memory.
type Size struct {
	Outcome
	MB   int
	Core float64 // share of one
}

// wholeCore is the memory with which Lambda gives one virtual CPU, in MB (AWS,
// "Configure Lambda function memory").
const wholeCore = 1769

// lambdaSizes are in MB. Above wholeCore a function has more than the one core
// that the origins leave it.
var lambdaSizes = []int{128, 256, 512, 1024, wholeCore}

// sizeHosts are checked at each size.
const sizeHosts = 1000

// sizes measures Rollcall with the CPU and the memory of Lambda's sizes.
func (r *rig) sizes(ctx context.Context, f *Figures) error {
	if err := r.prepare(sizeHosts); err != nil {
		return err
	}
	f.Sizes = nil
	for _, mb := range lambdaSizes {
		share := float64(mb) / wholeCore
		group, err := cgroup.New(share, int64(mb)<<20)
		if err != nil {
			return fmt.Errorf("making a control group (this needs root): %w", err)
		}
		r.say("%d MB, %.2f of a core", mb, share)
		o, err := r.measure(ctx, client{nameRollcall, 0, (*rig).rollcall}, r.plain, sizeHosts,
			job{env: []string{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=" + strconv.Itoa(mb)}, group: group.Path()})
		if closing := group.Close(); err == nil {
			err = closing
		}
		if err != nil {
			return err
		}
		f.Sizes = append(f.Sizes, Size{*o, mb, share})
	}
	return nil
}

func showSizes(w io.Writer, sizes []Size) {
	if len(sizes) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s hosts at Lambda's sizes: CPU by a control group, %v a period\n\n", text.Count(sizeHosts), cgroup.Period)
	t := plainTable(w, table.Row{"MB", "of a core", "at once", "seconds", "CPU ms\na check", "peak\nMB", "failures", "duration off by\np50 / p99 ms", "by the process's\nclock, ms", "unsure"}, 0)
	for _, s := range sizes {
		t.AppendRow(table.Row{
			text.Count(s.MB), fmt.Sprintf("%.2f", s.Core), text.Count(s.Held), number(s.Seconds), number(s.CPU), number(s.Peak), s.Failures,
			spreadOf(s.Duration), spreadOf(s.Process), fmt.Sprintf("%.0f %%", 100*s.Unsure),
		})
	}
	t.Render()
}

func spreadOf(s *Spread) string {
	if s == nil {
		return "–"
	}
	return number(s.P50) + " / " + number(s.P99)
}
