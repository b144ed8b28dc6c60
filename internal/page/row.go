package page

import (
	"cmp"
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/text"
)

// A row is a target as the table shows it.
type row struct {
	Begins bool   // a part of the table
	State  string // as results have it: the row's class
	Word   string // as people have it
	Flaky  bool
	target
	Group  string // "" if there is one group only
	Reason string // "" for what is up
	Detail string
	Cells  template.HTML // the rest: figures and the bar
	Facts  []fact        // what the row unfolds to; nil: it does not
}

// A fact is one thing more that is known of a target.
type fact struct{ Label, Text string }

func (v *view) row(r *check.Result, unfolds bool) row {
	w := row{
		State: r.State.String(), Word: strings.ReplaceAll(r.State.String(), "_", " "), Flaky: r.Flaky,
		target: targetOf(r), Detail: plain(strings.Join(details(r), "; ")), Cells: cells(r, v.scale),
	}
	if v.groups != nil {
		w.Group = plain(r.Group)
	}
	if r.State != check.Up {
		w.Reason = r.Reason.String()
	}
	if unfolds {
		w.Facts = facts(r)
	}
	return w
}

// details are what there is to say of a result in its row.
func details(r *check.Result) []string {
	var all []string
	if r.Detail != "" {
		all = append(all, r.Detail)
	}
	for _, w := range r.Warnings {
		all = append(all, "warning: "+w)
	}
	return all
}

// A target is one as the page names it.
type target struct {
	Name  string
	Title string // what people call it; "" is Name
	Link  string // "": it leads nowhere
}

// Called is the title, or the name.
func (t target) Called() string { return cmp.Or(t.Title, t.Name) }

// targetOf leads to where the event says, or to the target's URL, whose query is
// not known here.
func targetOf(r *check.Result) target {
	t := target{Name: plain(r.Name), Title: plain(r.Title)}
	to := plain(cmp.Or(r.Link, strings.TrimSuffix(r.URL, "?…")))
	if strings.HasPrefix(to, "https://") || strings.HasPrefix(to, "http://") {
		t.Link = to
	}
	return t
}

// phases are the phases in their order.
var phases = [...]check.Phase{check.DNS, check.Connect, check.TLS, check.FirstByte, check.Transfer}

// cells writes a row's figures and its bar. They are made of numbers alone:
// with ten thousand rows the template would take as long again.
func cells(r *check.Result, scale time.Duration) template.HTML {
	b := make([]byte, 0, 256)
	b = append(b, "<td>"...)
	if r.Status != 0 {
		b = strconv.AppendInt(b, int64(r.Status), 10)
	}
	b = append(b, "<td>"...)
	if r.Measured() {
		if r.Unsure {
			b = append(b, "≈"...)
		}
		b = append(b, text.Duration(r.Duration)...)
	}
	if b = append(b, "<td"...); r.Measured() && r.Duration > scale {
		b = append(b, " class=over"...)
	}
	b = append(b, '>')
	b = appendBar(b, r, scale)
	for _, phase := range phases {
		b = append(b, "<td>"...)
		if r.Measured() {
			b = append(b, milliseconds(r.Phases.Of(phase))...)
		}
	}
	b = append(b, "<td>"...)
	if c := r.Certificate; c != nil {
		b = strconv.AppendInt(b, int64(math.Floor(c.DaysLeft)), 10)
	}
	return template.HTML(b)
}

// thinnest is the part of the scale, in percent, that a bar has at least: what
// took place shows.
const thinnest = 0.4

// appendBar draws the phases, a line each, in percent of the scale. Each begins
// on the left, and the later ones are drawn first, so that the earlier ones lie
// above them: half as many figures. What is longer than the scale is clipped.
func appendBar(b []byte, r *check.Result, scale time.Duration) []byte {
	if !r.Measured() || scale <= 0 {
		return b
	}
	var ends [len(phases)]float64
	var at time.Duration
	for i, phase := range phases {
		at += max(r.Phases.Of(phase), 0)
		ends[i] = float64(at) / float64(scale) * 100
	}
	last := len(ends) - 1
	ends[last] = max(ends[last], thinnest)
	b = append(b, "<svg>"...)
	for i := range ends {
		b = append(b, "<line x2="...)
		b = strconv.AppendFloat(b, math.Round(ends[last-i]*10)/10, 'f', -1, 64)
		b = append(b, "% />"...)
	}
	return append(b, "</svg>"...)
}

// facts are what there is to know of a target beyond its row.
func facts(r *check.Result) []fact {
	var all []fact
	add := func(label, s string) {
		if s != "" {
			all = append(all, fact{label, plain(s)})
		}
	}
	add("URL", r.URL)
	if len(r.Legs) < 2 {
		add("Redirected to", strings.Join(r.Redirects, " → "))
	} else {
		for i, leg := range r.Legs {
			add(fmt.Sprintf("Request %d", i+1), fmt.Sprintf("%s: %d, HTTP/%s from %s, %s", leg.URL, leg.Status, leg.HTTP, leg.IP, text.Duration(leg.Phases.Sum())))
		}
	}
	add("Expected", r.Expression)
	if judged := r.Reason == check.Status || r.Reason == check.Expectation; r.Phase != check.NoPhase && !judged {
		add("Failed in", phaseTitles[r.Phase])
	}
	if r.Status != 0 {
		add("Response", response(r))
	}
	if r.IP.IsValid() {
		add("Address", r.IP.String())
	}
	if c := r.Certificate; c != nil {
		verified := ""
		if !c.Verified && r.TLSUnverified {
			verified = "; not verified, as the event says"
		} else if !c.Verified {
			verified = "; refused"
		}
		add("Certificate", c.Subject+", issued by "+c.Issuer+", expires "+date(c.NotAfter)+verified)
	}
	if r.Attempts > 0 {
		add("Checked", dateTime(r.Started)+", "+text.Plural(r.Attempts, "attempt"))
	}
	if r.Measured() {
		unsure := ""
		if r.Unsure {
			unsure = ": unsure"
		}
		add("Measured", fmt.Sprintf("by the %s’s clock, to ±%s ms%s; the monitor’s own delay, not counted, was %s ms",
			r.Clock, text.Milliseconds(r.Uncertainty, 2), unsure, text.Milliseconds(r.LocalDelay, 1)))
	}
	return all
}

// response says what came back.
func response(r *check.Result) string {
	s := "HTTP/" + r.HTTP + ", a body of " + text.Plural(int(r.BytesBody), "byte")
	if r.BytesWire != r.BytesBody {
		s += " (" + text.Count(int(r.BytesWire)) + " on the wire)"
	}
	if r.BodyTruncated {
		s += ", and more that was not read"
	}
	return s
}
