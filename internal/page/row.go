package page

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/redact"
)

// A row is a target as the table shows it.
type row struct {
	Begins bool   // a part of the table
	State  string // as results have it: the row's class
	Word   string // as people have it
	Flaky  bool
	Name   string
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
		Name: redact.Printable(r.Name), Detail: redact.Printable(r.Detail), Cells: cells(r, v.scale),
	}
	if v.groups != nil {
		w.Group = redact.Printable(r.Group)
	}
	if r.State != check.Up {
		w.Reason = r.Reason.String()
	}
	if unfolds {
		w.Facts = facts(r)
	}
	return w
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
		b = append(b, milliseconds(r.Duration)...)
	}
	b = append(b, "<td>"...)
	b = appendBar(b, r, scale)
	for _, phase := range phases {
		b = append(b, "<td>"...)
		b = append(b, milliseconds(phaseOf(r, phase))...)
	}
	b = append(b, "<td>"...)
	if c := r.Certificate; c != nil {
		b = strconv.AppendInt(b, int64(math.Floor(c.DaysLeft)), 10)
	}
	return template.HTML(b)
}

func phaseOf(r *check.Result, phase check.Phase) time.Duration {
	if !r.Measured() {
		return check.Absent
	}
	return r.Phases.Of(phase)
}

// thinnest is the part of the scale, in percent, that a bar has at least: what
// took place shows.
const thinnest = 0.4

// appendBar draws the phases, a line each, in percent of the scale. Each begins
// on the left, and the later ones are drawn first, so that the earlier ones lie
// above them: half as many figures. Where they are longer than the scale, the
// drawing ends in a mark.
func appendBar(b []byte, r *check.Result, scale time.Duration) []byte {
	if !r.Measured() || scale <= 0 {
		return b
	}
	var ends [len(phases)]float64
	var at time.Duration
	for i, phase := range phases {
		at += max(r.Phases.Of(phase), 0)
		ends[i] = min(float64(at)/float64(scale)*100, 100)
	}
	last := len(ends) - 1
	ends[last] = max(ends[last], thinnest)
	b = append(b, "<svg>"...)
	for i := range ends {
		b = append(b, "<line x2="...)
		b = strconv.AppendFloat(b, math.Round(ends[last-i]*10)/10, 'f', -1, 64)
		b = append(b, "% />"...)
	}
	if at > scale {
		b = append(b, `<path d="M0 0l5 5-5 5" />`...)
	}
	return append(b, "</svg>"...)
}

// facts are what there is to know of a target beyond its row.
func facts(r *check.Result) []fact {
	var all []fact
	add := func(label, text string) {
		if text != "" {
			all = append(all, fact{label, redact.Printable(text)})
		}
	}
	add("URL", r.URL)
	add("Redirected to", strings.Join(r.Redirects, " → "))
	add("Expected", r.Expression)
	if r.Phase != check.NoPhase {
		add("Failed in", phaseTitles[r.Phase])
	}
	add("Answer", answer(r))
	add("Address", address(r))
	if c := r.Certificate; c != nil {
		add("Certificate", certificateFact(c, r.TLSUnverified))
	}
	if r.Attempts > 0 {
		add("Checked", moment(r.Started)+", "+plural(r.Attempts, "attempt"))
	}
	if r.Measured() {
		add("Measured", measuredBy(r))
	}
	return all
}

// answer says what came back.
func answer(r *check.Result) string {
	if r.Status == 0 {
		return ""
	}
	text := "HTTP/" + r.HTTP + ", a body of " + plural(int(r.BytesBody), "byte")
	if r.BytesWire != r.BytesBody {
		text += " (" + count(int(r.BytesWire)) + " on the wire)"
	}
	if r.BodyTruncated {
		text += ", and more that was not read"
	}
	return text
}

func address(r *check.Result) string {
	if !r.IP.IsValid() {
		return ""
	}
	return r.IP.String()
}

func certificateFact(c *check.Certificate, unverified bool) string {
	text := c.Subject + ", issued by " + c.Issuer + ", until " + date(c.NotAfter)
	switch {
	case unverified:
		text += "; not verified, as the event says"
	case !c.Verified:
		text += "; refused"
	}
	return text
}

// measuredBy says what the durations were measured with.
func measuredBy(r *check.Result) string {
	text := fmt.Sprintf("by the %s’s clock, to ±%s ms", r.Clock, fine(r.Uncertainty))
	if r.Unsure {
		text += ": unsure"
	}
	return text + fmt.Sprintf("; the monitor’s own delay, not counted, was %s ms", milliseconds(r.LocalDelay))
}

// fine writes milliseconds to a hundredth.
func fine(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds()*1000, 'f', 2, 64)
}
