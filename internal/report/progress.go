package report

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// A Progress is a run under way.
type Progress struct {
	Total, Done    int // targets; done have their verdict
	Down, Degraded int
	Confirming     int           // failed once and will be looked at again
	Slow           int           // checks that have been open for longer than others should be
	Slowest        string        // the name of the one that has been open longest; "" if there is none
	Waiting        time.Duration // for that one
	Elapsed        time.Duration
}

// progressBar is how many columns it has.
const progressBar = 20

// Line is the progress in a line that fits: what there is no room for is left
// out, the least important first.
func (p Progress) Line(l Look) string {
	parts := []string{fmt.Sprintf("%d of %d", p.Done, p.Total)}
	used := width(parts[0])
	add := func(paint paint, text string) {
		if n := width(text) + gap; text != "" && (l.Width == 0 || used+n <= l.Width) {
			parts = append(parts, l.in(paint, text))
			used += n
		}
	}
	add(red, counted(p.Down, "down"))
	add(yellow, counted(p.Degraded, "degraded"))
	add(plain, p.left())
	add(yellow, p.slow())
	add(faint, counted(p.Confirming, "to confirm"))
	if l.Width > 0 {
		add(faint, p.bar())
	}
	return strings.Join(parts, "  ")
}

func counted(n int, what string) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d %s", n, what)
}

// left is how long it may take: as if the rest were like what is done.
func (p Progress) left() string {
	if p.Done == 0 || p.Done >= p.Total || p.Elapsed < time.Second {
		return ""
	}
	left := p.Elapsed.Seconds() / float64(p.Done) * float64(p.Total-p.Done)
	return fmt.Sprintf("about %s left", time.Duration(math.Ceil(left))*time.Second)
}

func (p Progress) slow() string {
	if p.Slow == 0 || p.Slowest == "" {
		return ""
	}
	return fmt.Sprintf("%d slow: %s %.0f s", p.Slow, snip(Plain(p.Slowest), 30), p.Waiting.Seconds())
}

func (p Progress) bar() string {
	full := 0
	if p.Total > 0 {
		full = p.Done * progressBar / p.Total
	}
	return strings.Repeat("█", full) + strings.Repeat("░", progressBar-full)
}
