package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"rollcall/internal/text"
)

// plotGrowth draws the time that lists in parts take against the number of their URLs,
// on two logarithmic axes, as SVG.
func plotGrowth(trials []Trial) []byte {
	var b strings.Builder
	begin(&b, "Time to check a list in parts, against its URLs", "Time to check a list in parts",
		"responses after 200 ms, one core, up to 10,000 URLs a part; dashes: CPU in proportion; both axes logarithmic")
	decade := func(v float64, up bool) float64 {
		if up {
			return math.Pow(10, math.Ceil(math.Log10(v)))
		}
		return math.Pow(10, math.Floor(math.Log10(v)))
	}
	first, last := trials[0], trials[len(trials)-1]
	across := axis{decade(float64(first.URLs), false), max(decade(float64(last.URLs), true), 10*decade(float64(first.URLs), false)), plotLeft, plotRight}
	type line struct {
		label, colour string
		of            func(Trial) float64
	}
	lines := []line{
		{"one part after the other", blue, func(t Trial) float64 { return t.InTurn.Seconds }},
		{"their CPU time", good, func(t Trial) float64 { return t.InTurn.CPU }},
		{"four processes at a time", plain, func(t Trial) float64 { return t.Piped.Seconds }},
		{"rollcall sum", red, func(t Trial) float64 { return t.Sum.Seconds }},
	}
	least, most := math.Inf(1), 0.0
	for _, l := range lines {
		for _, t := range trials {
			least, most = min(least, l.of(t)), max(most, l.of(t))
		}
	}
	slices.SortStableFunc(lines, func(a, c line) int { return cmp.Compare(c.of(last), a.of(last)) }) // so that labels stand in their order
	upward := axis{decade(least, false), decade(most, true), plotBottom, plotTop}
	for v := upward.least; v <= upward.most*1.01; v *= 10 {
		fmt.Fprintf(&b, `<path d="M%d %.1fH%d" stroke="%s"/>`+"\n", plotLeft, upward.at(v), plotRight, gridInk)
		words(&b, place{plotLeft - 8, upward.at(v) + 4}, style{faint, `font-size="12" text-anchor="end"`}, fmt.Sprintf("%g s", v))
	}
	for v := across.least; v <= across.most*1.01; v *= 10 {
		fmt.Fprintf(&b, `<path d="M%.1f %dv5" stroke="%s"/>`+"\n", across.at(v), plotBottom, faint)
		words(&b, place{across.at(v), plotBottom + 20}, style{faint, `font-size="12" text-anchor="middle"`}, text.Count(int(v)))
	}
	words(&b, place{(plotLeft + plotRight) / 2, plotBottom + 44}, style{ink, `font-size="13" text-anchor="middle"`}, "URLs")
	above := math.Inf(-1)
	for _, l := range lines {
		var points []string
		for _, t := range trials {
			x, y := across.at(float64(t.URLs)), upward.at(l.of(t))
			points = append(points, fmt.Sprintf("%.1f,%.1f", x, y))
			fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", x, y, l.colour)
		}
		fmt.Fprintf(&b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2.5" stroke-linejoin="round"/>`+"\n", strings.Join(points, " "), l.colour)
		at := max(upward.at(l.of(last))+4, above+labelGap)
		above = at
		words(&b, place{plotRight + 14, at}, style{l.colour, `font-size="13" font-weight="600"`}, l.label)
		words(&b, place{plotRight + 14, at + 15}, style{faint, `font-size="12"`}, fmt.Sprintf("%s URLs: %s s", text.Count(last.URLs), number(l.of(last))))
	}
	straight := first.InTurn.CPU * float64(last.URLs) / float64(first.URLs)
	fmt.Fprintf(&b, `<path d="M%.1f %.1fL%.1f %.1f" stroke="%s" stroke-dasharray="4 4"/>`+"\n", across.at(float64(first.URLs)), upward.at(first.InTurn.CPU), across.at(float64(last.URLs)), upward.at(straight), faint)
	b.WriteString("</svg>\n")
	return []byte(b.String())
}
