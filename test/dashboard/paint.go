package main

import (
	"cmp"
	"fmt"
	"html"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"rollcall/internal/check"
)

// The grid, in pixels: CloudWatch's has 24 columns.
const (
	pageWidth = 1440
	column    = pageWidth / 24
	row       = 48
)

var colours = []string{"#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f"}

// A painter draws widgets of what is known.
type painter struct {
	data   []moment
	states map[string]string // an alarm's ARN → its state and name
}

// page returns a page of all widgets, and its height.
func (p painter) page(widgets []widget) (page string, height int, err error) {
	var b strings.Builder
	b.WriteString(`<!doctype html><meta charset="utf-8"><style>body{margin:0;background:#f2f3f3;font:12px/1.45 Arial,sans-serif;color:#16191f;position:relative}
.w{position:absolute;box-sizing:border-box;padding:8px 10px;background:#fff;border:1px solid #d5dbdb;overflow:hidden}
h1{font-size:18px;margin:0 0 4px}h2{font-size:16px;margin:0}h3{font-size:13px;margin:0 0 2px}p{margin:2px 0}.t{font-weight:bold;margin-bottom:4px}
.a{display:inline-block;width:18%;margin:2px .5%;padding:5px 6px;box-sizing:border-box;border-left:4px solid;background:#fafafa}
.n{display:inline-block;min-width:11%;margin-right:1%;vertical-align:top}.n b{font-size:24px;display:block;font-weight:normal}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:2px 6px;border-bottom:1px solid #eaeded}.l{font-size:11px}.l span{margin-right:12px}</style>`)
	for _, w := range widgets {
		inner, err := p.widget(w)
		if err != nil {
			return "", 0, fmt.Errorf("%s: %w", w.Properties.Title, err)
		}
		fmt.Fprintf(&b, `<div class="w" style="left:%dpx;top:%dpx;width:%dpx;height:%dpx">%s</div>`, w.X*column, w.Y*row, w.Width*column-4, w.Height*row-4, inner)
		height = max(height, (w.Y+w.Height)*row)
	}
	return b.String(), height, nil
}

func (p painter) widget(w widget) (string, error) {
	title := `<div class="t">` + html.EscapeString(w.Properties.Title) + `</div>`
	switch w.Type {
	case "text":
		return markdown(w.Properties.Markdown), nil
	case "alarm":
		return title + p.alarms(w.Properties.Alarms), nil
	case "log":
		table, err := p.log(w.Properties.Query)
		return title + table, err
	}
	all, err := p.query(w.Properties.Metrics)
	if err != nil {
		return "", err
	}
	switch w.Properties.View {
	case "singleValue":
		return title + numbers(all), nil
	case "bar":
		return title + bars(all, w), nil
	}
	return title + graph(all, w), nil
}

// markdown knows what the dashboard's texts have: headings, bold, italics,
// links, paragraphs.
func markdown(text string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(html.EscapeString(text), "\n") {
		tag := "p"
		for level := 3; level > 0; level-- {
			if mark := strings.Repeat("#", level) + " "; strings.HasPrefix(part, mark) {
				tag, part = fmt.Sprintf("h%d", level), strings.TrimPrefix(part, mark)
			}
		}
		part = regexp.MustCompile(`\*\*([^*]+)\*\*`).ReplaceAllString(part, "<b>$1</b>")
		part = regexp.MustCompile(`\*([^*]+)\*`).ReplaceAllString(part, "<i>$1</i>")
		part = regexp.MustCompile(`\[([^\]]+)\]\(([^)]+)\)`).ReplaceAllString(part, `<a href="$2">$1</a>`)
		fmt.Fprintf(&b, "<%s>%s</%s>", tag, part, tag)
	}
	return b.String()
}

func (p painter) alarms(arns []string) string {
	var b strings.Builder
	for _, arn := range arns {
		state, name, _ := strings.Cut(p.states[arn], " ")
		colour := map[string]string{"OK": "#1d8102", "ALARM": "#d13212", "INSUFFICIENT_DATA": "#879596"}[state]
		fmt.Fprintf(&b, `<span class="a" style="border-color:%s">%s<br><span style="color:%s">%s</span></span>`, colour, html.EscapeString(name), colour, strings.ReplaceAll(state, "_", " "))
	}
	return b.String()
}

// log is the result of one of the dashboard's two queries of the log.
func (p painter) log(query string) (string, error) {
	switch {
	case strings.Contains(query, `message = "target"`):
		return p.notUp(), nil
	case strings.Contains(query, `message = "certificate"`):
		return p.certificates(), nil
	}
	return "", fmt.Errorf("the query %s is not known here", query)
}

// notUp lists what is not up at the end, the newest first.
func (p painter) notUp() string {
	type entry struct {
		runs        int
		first, last time.Time
		now         *check.Result
	}
	found := map[string]*entry{}
	for _, m := range p.data {
		for _, r := range m.results {
			switch e := found[r.Name]; {
			case r.State == check.Up:
				delete(found, r.Name)
			case e == nil:
				found[r.Name] = &entry{1, m.at, m.at, r}
			default:
				e.runs, e.last, e.now = e.runs+1, m.at, r
			}
		}
	}
	names := slices.SortedFunc(maps.Keys(found), func(a, b string) int {
		return cmp.Or(found[b].last.Compare(found[a].last), found[b].first.Compare(found[a].first), cmp.Compare(a, b))
	})
	const form = "2006-01-02 15:04"
	b := "<table><tr><th>name<th>now<th>first<th>last<th>runs<th>why<th>said"
	for _, name := range names {
		e := found[name]
		b += fmt.Sprintf("<tr><td>%s<td>%s<td>%s<td>%s<td>%d<td>%s<td>%s", html.EscapeString(name), e.now.State, e.first.Format(form), e.last.Format(form), e.runs, e.now.Reason, html.EscapeString(e.now.Detail))
	}
	return b + "</table>"
}

func (p painter) certificates() string {
	last := slices.Clone(p.data[len(p.data)-1].results)
	slices.SortStableFunc(last, func(a, b *check.Result) int { return cmp.Compare(a.Certificate.DaysLeft, b.Certificate.DaysLeft) })
	b := "<table><tr><th>name<th>days<th>certificate"
	for _, r := range last[:min(len(last), 7)] {
		b += fmt.Sprintf("<tr><td>%s<td>%.1f<td>%s", html.EscapeString(r.Name), r.Certificate.DaysLeft, html.EscapeString(r.Certificate.Subject))
	}
	return b + "</table>"
}

func numbers(all []series) string {
	var b strings.Builder
	for _, s := range all {
		fmt.Fprintf(&b, `<span class="n"><b>%s</b>%s</span>`, number(s.values[len(s.values)-1]), html.EscapeString(s.label))
	}
	return b.String()
}

func number(v float64) string {
	switch {
	case math.IsNaN(v):
		return "–"
	case math.Abs(v) < 10 && v != math.Trunc(v):
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

func bars(all []series, w widget) string {
	top := 0.0
	for _, s := range all {
		top = max(top, s.values[0])
	}
	var b strings.Builder
	wide, high := w.Width*column-30, (w.Height*row-50)/max(1, len(all))
	for i, s := range all {
		fmt.Fprintf(&b, `<div style="height:%dpx;display:flex;align-items:center"><span style="width:170px">%s</span><span style="height:%dpx;width:%.0fpx;background:%s"></span>&nbsp;%s</div>`,
			high, html.EscapeString(s.label), high-6, float64(wide-240)*s.values[0]/max(top, 1e-9), colours[i%len(colours)], number(s.values[0]))
	}
	return b.String()
}

// graph draws lines, or areas one upon the other.
func graph(all []series, w widget) string {
	if w.Properties.Stacked {
		all = piled(all)
	}
	low, top := bounds(all, w)
	wide, high := float64(w.Width*column-70), float64(w.Height*row-78)
	y := func(v float64) float64 { return high - (v-low)/(top-low)*high + 6 }
	var b, legend strings.Builder
	fmt.Fprintf(&b, `<svg width="%.0f" height="%.0f">`, wide+50, high+14)
	for _, v := range []float64{low, (low + top) / 2, top} {
		fmt.Fprintf(&b, `<path d="M44 %.1fh%.0f" stroke="#eaeded"/><text x="40" y="%.1f" font-size="10" text-anchor="end">%s</text>`, y(v), wide, y(v)+3, number(v))
	}
	for i, s := range all {
		colour := cmp.Or(s.colour, colours[i%len(colours)])
		fmt.Fprintf(&b, `<path d="%s" fill="none" stroke="%s" stroke-width="1.5"/>`, path(s.values, wide, y), colour)
		fmt.Fprintf(&legend, `<span><b style="color:%s">■</b> %s</span>`, colour, html.EscapeString(s.label))
	}
	for _, l := range w.Properties.Annotations.Horizontal {
		if l.Value <= top {
			fmt.Fprintf(&b, `<path d="M44 %.1fh%.0f" stroke="#d13212" stroke-dasharray="4"/><text x="50" y="%.1f" font-size="10" fill="#d13212">%s</text>`, y(l.Value), wide, max(y(l.Value)-3, 16), html.EscapeString(l.Label))
		}
	}
	return b.String() + `</svg><div class="l">` + legend.String() + `</div>`
}

func path(values []float64, wide float64, y func(float64) float64) string {
	var b strings.Builder
	move := "M"
	for i, v := range values {
		if math.IsNaN(v) {
			move = "M"
			continue
		}
		fmt.Fprintf(&b, "%s%.1f %.1f", move, 44+wide*float64(i)/float64(len(values)-1), y(v))
		if move = "L"; i+1 == len(values) || math.IsNaN(values[i+1]) {
			b.WriteString("h2") // a point by itself is seen too
		}
	}
	return b.String()
}

// piled adds each series to those before it; what is missing counts as 0.
func piled(all []series) []series {
	under := make([]float64, runs)
	for n := range all {
		for i, v := range all[n].values {
			if !math.IsNaN(v) {
				under[i] += v
			}
			all[n].values[i] = under[i]
		}
	}
	return all
}

func bounds(all []series, w widget) (low, top float64) {
	low, top = math.Inf(1), math.Inf(-1)
	for _, s := range all {
		for _, v := range s.values {
			if !math.IsNaN(v) {
				low, top = min(low, v), max(top, v)
			}
		}
	}
	for _, l := range w.Properties.Annotations.Horizontal {
		top = max(top, l.Value)
	}
	if least := w.Properties.YAxis.Left.Min; least != nil {
		low = *least
	}
	if most := w.Properties.YAxis.Left.Max; most != nil {
		top = *most
	}
	if !(top > low) {
		low, top = min(low, 0), low+1
	}
	if math.IsInf(low, 0) {
		low, top = 0, 1
	}
	return low, top
}
