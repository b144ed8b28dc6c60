package report

import (
	"fmt"
	"math"
	"strings"
	"time"

	"rollcall/internal/text"
)

// A Progress is a run under way.
type Progress struct {
	Total, Done    int // targets; done have their verdict
	Down, Degraded int
	Confirming     int           // failed once and will be checked again
	Slow           int           // checks that take longer than most
	Slowest        string        // the name of the slowest of them; "" if there is none
	Waiting        time.Duration // for that one
	Elapsed        time.Duration
}

const (
	progressBar = 20 // columns, or half as many
	widestSlow  = 30 // columns of the slowest target's name, or half as many
)

// Line is the progress in a line that fits: what there is no room for is left
// out, the least important first.
func (p Progress) Line(l Look) string {
	percent := fmt.Sprintf("%d %%", p.Done*100/max(p.Total, 1))
	parts := []string{percent, fmt.Sprintf("%s of %s", text.Count(p.Done), text.Count(p.Total))}
	used := width(parts[0]) + gap + width(parts[1])
	if l.Width > 0 && used > l.Width {
		return snip(percent, l.Width)
	}
	bar := progressBar
	if l.Width < roomForReason {
		bar /= 2
	}
	if used+bar+1 <= l.Width {
		full := p.Done * bar / max(p.Total, 1)
		parts[0] = strings.Repeat("█", full) + strings.Repeat("░", bar-full) + " " + percent
		used += bar + 1
	}
	add := func(wanted bool, c colour, part string) {
		if n := width(part) + gap; wanted && (l.Width == 0 || used+n <= l.Width) {
			parts = append(parts, l.paint(c, part))
			used += n
		}
	}
	add(p.Down > 0, red, text.Count(p.Down)+" down")
	add(p.Degraded > 0, yellow, text.Count(p.Degraded)+" degraded")
	if p.Slow > 0 && p.Slowest != "" {
		before, after := text.Count(p.Slow)+" slow: ", fmt.Sprintf(" %.0f s", p.Waiting.Seconds())
		room := widestSlow
		if l.Width > 0 {
			room = min(room, l.Width-used-gap-len(before)-len(after))
		}
		if name := Plain(p.Slowest); room >= min(width(name), widestSlow/2) {
			add(true, yellow, before+snipMiddle(name, room)+after)
		}
	}
	if p.Done > 0 && p.Done < p.Total && p.Elapsed >= time.Second { // as if the rest were like what is done
		left := math.Ceil(p.Elapsed.Seconds() / float64(p.Done) * float64(p.Total-p.Done))
		add(true, noColour, fmt.Sprintf("about %s left", text.Duration(time.Duration(left)*time.Second)))
	}
	add(p.Confirming > 0, faint, text.Count(p.Confirming)+" to confirm")
	return strings.Join(parts, "  ")
}
