package main

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strings"

	"rollcall/internal/text"
)

// A line of the plot is one clock: the error of the durations by it, with
// ever more checks at once.
type line struct {
	label  string
	colour string
	points []point
}

type point struct {
	inFlight float64
	Spread
}

// The plot's measures, in pixels.
const (
	plotWidth, plotHeight                       = 860, 470
	plotLeft, plotRight, plotTop, plotBottom    = 74, 600, 64, 404
	leastInFlight, mostInFlight                 = 8.0, 1200.0
	leastOff, mostOff                           = 0.01, 10_000.0
	labelGap                                    = 34 // between the lines' names
	ink, faint, gridInk, good, plain, blue, red = "#1f2328", "#59636e", "#d8dee4", "#0a7d33", "#8250df", "#0969da", "#cf222e"
)

// plotTruth draws the error of the reported durations against the checks at
// once, on two logarithmic axes, as SVG.
func plotTruth(outcomes []Outcome) []byte {
	var b strings.Builder
	begin(&b, "Error of a reported duration, against checks at once", "Error of a reported duration",
		"responses after 200 ms, one core; line: 99th percentile, dashes: median; both axes logarithmic")
	axes(&b)
	all := linesOf(outcomes)
	for _, l := range all {
		l.draw(&b)
	}
	labels(&b, all)
	b.WriteString("</svg>\n")
	return []byte(b.String())
}

func begin(b *strings.Builder, title, heading, below string) {
	fmt.Fprintf(b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="system-ui, sans-serif" role="img">`+"\n",
		plotWidth, plotHeight, plotWidth, plotHeight)
	fmt.Fprintf(b, "<title>%s</title>\n", title)
	fmt.Fprintf(b, `<rect width="100%%" height="100%%" fill="#ffffff"/>`+"\n")
	words(b, place{plotLeft, 26}, style{ink, `font-size="17" font-weight="600"`}, heading)
	words(b, place{plotLeft, 47}, style{faint, `font-size="13"`}, below)
}

// linesOf sorts the outcomes into lines; those without points are left out.
func linesOf(outcomes []Outcome) []line {
	of := func(client string, spread func(*Outcome) *Spread) (points []point) {
		for i := range outcomes {
			if s := spread(&outcomes[i]); outcomes[i].Client == client && s != nil {
				points = append(points, point{float64(outcomes[i].InFlight), *s})
			}
		}
		return points
	}
	lines := []line{
		{"aiohttp, one session", red, of(nameWorkers, duration)},
		{"plain Go pool", plain, of(namePool, duration)},
		{"Rollcall, by its process's clock", blue, of(nameRollcall, func(o *Outcome) *Spread { return o.Process })},
		{"Rollcall, by the kernel's clock", good, of(nameRollcall, duration)},
	}
	return slices.DeleteFunc(lines, func(l line) bool { return len(l.points) == 0 })
}

// An axis is logarithmic, between two values and two pixels.
type axis struct{ least, most, from, to float64 }

var (
	across = axis{leastInFlight, mostInFlight, plotLeft, plotRight}
	upward = axis{leastOff, mostOff, plotBottom, plotTop}
)

// at is the pixel of a value; one beyond the axis is at its end.
func (a axis) at(v float64) float64 {
	v = min(max(v, a.least), a.most)
	return a.from + (a.to-a.from)*math.Log(v/a.least)/math.Log(a.most/a.least)
}

func axes(b *strings.Builder) {
	for off := leastOff; off <= mostOff*1.01; off *= 10 {
		fmt.Fprintf(b, `<path d="M%d %.1fH%d" stroke="%s"/>`+"\n", plotLeft, upward.at(off), plotRight, gridInk)
		label := fmt.Sprintf("%g ms", math.Round(off*100)/100)
		if off > 999 {
			label = fmt.Sprintf("%.0f s", off/1000)
		}
		words(b, place{plotLeft - 8, upward.at(off) + 4}, style{faint, `font-size="12" text-anchor="end"`}, label)
	}
	for _, n := range []int{10, 30, 100, 300, 1000} {
		fmt.Fprintf(b, `<path d="M%.1f %dv5" stroke="%s"/>`+"\n", across.at(float64(n)), plotBottom, faint)
		words(b, place{across.at(float64(n)), plotBottom + 20}, style{faint, `font-size="12" text-anchor="middle"`}, text.Count(n))
	}
	words(b, place{(plotLeft + plotRight) / 2, plotBottom + 44}, style{ink, `font-size="13" text-anchor="middle"`}, "checks at once")
}

// A place is where words stand.
type place struct{ x, y float64 }

// A style is the colour of words and their further attributes.
type style struct{ colour, attributes string }

func words(b *strings.Builder, p place, s style, text string) {
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" fill="%s" %s>%s</text>`+"\n", p.x, p.y, s.colour, s.attributes, html.EscapeString(text))
}

func (l line) draw(b *strings.Builder) {
	var high, middle []string
	for _, p := range l.points {
		high = append(high, fmt.Sprintf("%.1f,%.1f", across.at(p.inFlight), upward.at(p.P99)))
		middle = append(middle, fmt.Sprintf("%.1f,%.1f", across.at(p.inFlight), upward.at(p.P50)))
	}
	fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2.5" stroke-linejoin="round"/>`+"\n", strings.Join(high, " "), l.colour)
	fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="1.5" stroke-dasharray="4 4"/>`+"\n", strings.Join(middle, " "), l.colour)
	for _, p := range l.points {
		fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", across.at(p.inFlight), upward.at(p.P99), l.colour)
	}
}

// labels names the lines at their right, from the uppermost down, far enough
// apart to be read.
func labels(b *strings.Builder, lines []line) {
	end := func(l line) point { return l.points[len(l.points)-1] }
	slices.SortStableFunc(lines, func(a, c line) int {
		switch {
		case end(a).P99 > end(c).P99:
			return -1
		case end(a).P99 < end(c).P99:
			return 1
		}
		return 0
	})
	above := math.Inf(-1)
	for _, l := range lines {
		at := max(upward.at(end(l).P99)+4, above+labelGap)
		above = at
		words(b, place{plotRight + 14, at}, style{l.colour, `font-size="13" font-weight="600"`}, l.label)
		words(b, place{plotRight + 14, at + 15}, style{faint, `font-size="12"`},
			fmt.Sprintf("%s at once: %s / %s ms", text.Count(int(end(l).inFlight)), number(end(l).P50), number(end(l).P99)))
	}
}
