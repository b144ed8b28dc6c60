package main

import (
	"fmt"
	"html"
	"io"
	"regexp"
	"strings"
	"time"
)

// A frame is what a terminal shows from a time on: lines of runs.
type frame struct {
	at    time.Duration
	lines [][]run
}

// A run is text of one look.
type run struct {
	class string // as classesOf has it
	text  string
}

// record reads what a program writes to a terminal until it ends, and returns a
// frame for each time it wrote. Of the controls that move the cursor it knows
// those that the program has: a new line, the begin of the line, and the
// erasure of the rest of it.
func record(r io.Reader) ([]frame, error) {
	started := time.Now()
	var frames []frame
	var all strings.Builder
	chunk := make([]byte, 64<<10)
	for {
		n, err := r.Read(chunk)
		if all.Write(chunk[:n]); n > 0 {
			frames = append(frames, frame{time.Since(started), screen(all.String())})
		}
		if err == io.EOF {
			return frames, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// screen is what a terminal shows after all that was printed.
func screen(printed string) [][]run {
	var lines [][]run
	for line := range strings.SplitSeq(strings.ReplaceAll(printed, "\r\n", "\n"), "\n") {
		if at := strings.LastIndexByte(line, '\r'); at >= 0 {
			line = line[at+1:]
		}
		lines = append(lines, runs(line))
	}
	return lines
}

// runs are a line's, by the colours of its escapes; all others are left out.
func runs(line string) []run {
	var all []run
	class, at := "", 0
	add := func(text string) {
		if text != "" {
			all = append(all, run{class, text})
		}
	}
	for _, found := range escape.FindAllStringSubmatchIndex(line, -1) {
		add(line[at:found[0]])
		if at = found[1]; line[found[4]:found[5]] == "m" {
			class = classesOf(line[found[2]:found[3]])
		}
	}
	add(line[at:])
	return all
}

const (
	cell, lineHeight, margin = 8.4, 21.0, 22.0 // pixels
	mostColumns              = 100

	typing = 60 * time.Millisecond // a key
	pause  = 500 * time.Millisecond
	hold   = 7 * time.Second // the last frame, until it begins again
)

// animation is a recording as an SVG that repeats it. Without animations, or for
// those who don't want any, it shows the last frame.
func animation(command string, frames []frame) string {
	typed := time.Duration(len(command)) * typing
	last := frames[len(frames)-1]
	total := (typed + pause + last.at + hold).Seconds()
	percent := func(at time.Duration) float64 { return (typed + pause + at).Seconds() / total * 100 }
	width, height := 2*margin+mostColumns*cell, 2*margin+float64(len(last.lines))*lineHeight

	var style, body strings.Builder
	fmt.Fprintf(&style, "@keyframes typed { from { transform: none } %.2f%%, to { transform: translateX(%.1fpx) } }\n", typed.Seconds()/total*100, float64(len(command))*cell)
	fmt.Fprintf(&style, ".typed { opacity: 0; animation: typed %.2fs steps(%d, end) infinite, seen 1s infinite }\n@keyframes seen { from, to { opacity: 1 } }\n", total, len(command))
	fmt.Fprintf(&body, `<text x="%.1f" y="%.1f"><tspan class="prompt">$</tspan> %s</text>`+"\n", margin, margin+lineHeight-6, html.EscapeString(command))
	fmt.Fprintf(&body, `<rect class="typed" x="%.1f" y="%.1f" width="%.1f" height="%.1f" style="fill: #16191d"/>`+"\n", margin+2*cell, margin, float64(len(command))*cell, lineHeight)
	for i, f := range frames {
		until := ""
		if i+1 < len(frames) {
			until = fmt.Sprintf(" %.2f%% { opacity: 0 }", percent(frames[i+1].at))
		}
		fmt.Fprintf(&style, "@keyframes f%d { 0%% { opacity: 0 } %.2f%% { opacity: 1 }%s }\n", i, percent(f.at), until)
		opacity := 0
		if i+1 == len(frames) {
			opacity = 1
		}
		fmt.Fprintf(&style, ".f%d { opacity: %d; animation: f%d %.2fs step-end infinite }\n", i, opacity, i, total)
		fmt.Fprintf(&body, `<g class="f%d">`+"\n", i)
		for n, line := range f.lines {
			body.WriteString(drawn(line, margin+float64(n+1)*lineHeight))
		}
		body.WriteString("</g>\n")
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" role="img" aria-label="%s in a terminal">
<style>
text { fill: #d5d9de; font: 14px "DejaVu Sans Mono", "Liberation Mono", Menlo, Consolas, monospace; white-space: pre }
rect { fill: #d5d9de }
.prompt, .c32 { fill: #7fcf9c } .c1 { font-weight: bold } .c2 { fill: #949ca5 } .c31 { fill: #ff8f85 } .c33 { fill: #e8b85a }
.c34 { fill: #7fb0ea } .c35 { fill: #c7a5ee } .c36 { fill: #6cc7c9 } .half { opacity: .3 }
%s@media (prefers-reduced-motion: reduce) { * { animation: none !important } }
</style>
<rect width="100%%" height="100%%" rx="8" style="fill: #16191d"/>
%s</svg>
`, width, height, html.EscapeString(command), style.String(), body.String())
}

// drawn is a line. Blocks are rectangles, as fonts leave gaps between theirs;
// texts are as wide as their columns in any font.
func drawn(line []run, y float64) string {
	var b strings.Builder
	column := 0
	for _, r := range line {
		for text := r.text; text != ""; {
			x, n := margin+float64(column)*cell, blocks(text, '█')
			class := r.class
			switch {
			case n > 0:
			case blocks(text, '░') > 0:
				n, class = blocks(text, '░'), strings.TrimSpace(class+" half")
			default:
				end := strings.IndexAny(text, "█░")
				if end < 0 {
					end = len(text)
				}
				n = len([]rune(text[:end]))
				b.WriteString(words(class, text[:end], x, y))
				column, text = column+n, text[end:]
				continue
			}
			fmt.Fprintf(&b, `<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`+"\n", class, x, y+3, float64(n)*cell, lineHeight-6)
			column, text = column+n, text[n*len("█"):]
		}
	}
	return b.String()
}

// gaps are where a column begins.
var gaps = regexp.MustCompile(` {2,}|^ +| +$`)

// words are a text, each part between gaps as wide as its columns.
func words(class, text string, x, y float64) string {
	var b strings.Builder
	at := 0
	for _, gap := range append(gaps.FindAllStringIndex(text, -1), []int{len(text), len(text)}) {
		if part := text[at:gap[0]]; part != "" {
			fmt.Fprintf(&b, `<text class="%s" x="%.1f" y="%.1f" textLength="%.1f" lengthAdjust="spacingAndGlyphs">%s</text>`+"\n",
				class, x+float64(len([]rune(text[:at])))*cell, y+lineHeight-6, float64(len([]rune(part)))*cell, html.EscapeString(part))
		}
		at = gap[1]
	}
	return b.String()
}

// blocks is how many of a glyph a text begins with.
func blocks(text string, glyph rune) int {
	return len([]rune(text)) - len([]rune(strings.TrimLeft(text, string(glyph))))
}
