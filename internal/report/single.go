package report

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/monitor"
	"rollcall/internal/text"
)

// Details writes all that is known of each target, what is wrong first: the
// phases as figures and as a waterfall, the address, the certificate, each request
// of a redirected check, and the uncertainty. The digest follows where
// there is more than one target. No line is wider than the terminal.
func Details(w io.Writer, s *monitor.Summary, l Look) error {
	if l.Width > 0 && l.Width < leastDetails { // no columns fit: lines that are broken
		var b bytes.Buffer
		if err := Details(&b, s, Look{Width: leastDetails}); err != nil {
			return err
		}
		_, err := io.WriteString(w, Look{Width: max(l.Width, 2)}.wrapLines(b.String()))
		return err
	}
	b := bufio.NewWriter(w)
	for i, r := range s.UrgentFirst() {
		if i > 0 {
			fmt.Fprintln(b)
		}
		d := details{Look: l, w: b, width: cmp.Or(l.Width, widestDetails)}
		d.write(r)
	}
	if len(s.Results) != 1 {
		fmt.Fprintln(b)
		if err := Digest(b, s, l); err != nil {
			return err
		}
	} else if s.VantageUnhealthy {
		fmt.Fprintf(b, "\n%s\n", noNetwork)
	}
	return b.Flush()
}

const (
	leastDetails  = 40
	widestDetails = 100 // where there is no terminal

	detailsIndent = 2  // of what stands below the name
	detailsLabel  = 13 // columns of what a line is about, and of the gap after it
	widestFall    = 60 // columns of the waterfall
)

type details struct {
	Look
	w     io.Writer
	width int
}

// field writes a line, and further ones where it is too long: what it is about,
// then that.
func (d *details) field(label, value string, c colour) { d.hanging(label, 0, value, c) }

// hanging is field with an indent of its own.
func (d *details) hanging(label string, indent int, value string, c colour) {
	for i, part := range wrap(value, d.width-detailsIndent-detailsLabel-indent) {
		if i > 0 {
			label = ""
		}
		if part == "" {
			fmt.Fprintf(d.w, "%*s%s\n", detailsIndent, "", d.paint(faint, label))
			continue
		}
		fmt.Fprintf(d.w, "%*s%s%*s%s\n", detailsIndent, "", d.paint(faint, pad(label, detailsLabel)), indent, "", d.paint(c, part))
	}
}

func (d *details) write(r *check.Result) {
	style := stateStyles[r.State]
	state := r.State.String()
	for i, part := range wrap(Plain(r.URL), d.width-len(state)-gap) {
		if i > 0 {
			state = strings.Repeat(" ", len(state))
		}
		if part != "" {
			part = strings.Repeat(" ", gap) + part
		}
		fmt.Fprintf(d.w, "%s%s\n", d.paint(style.colour, state), part)
	}
	switch why := reason(r); {
	case why == "":
	case r.State == check.Up:
		d.field("note", why, noColour)
	default:
		d.field("reason", why, style.colour)
	}
	if r.Expression != "" {
		d.field("expected", Plain(r.Expression), noColour)
	}
	measured := r.Measured() && r.Phases.Sum() > 0
	if measured {
		fmt.Fprintln(d.w)
		d.waterfall(r)
		fmt.Fprintln(d.w)
	}
	if r.Status != 0 {
		d.field("response", response(r), noColour)
	}
	if r.IP.IsValid() {
		d.field("address", r.IP.String(), noColour)
	}
	if r.Certificate != nil {
		value, style := certificate(r)
		d.field("certificate", value, style)
	}
	for i, leg := range r.Legs {
		d.leg(i, leg)
	}
	if r.Attempts > 1 {
		d.field("attempts", strconv.Itoa(r.Attempts), noColour)
	}
	if measured {
		d.field("uncertainty", uncertainty(r), noColour)
	}
}

// waterfall is a line for each phase, whose bar begins where the phase before
// ended.
func (d *details) waterfall(r *check.Result) {
	total := r.Phases.Sum()
	figures := len(milliseconds(total))
	room := min(d.width-detailsIndent-detailsLabel-figures-gap, widestFall)
	var sum time.Duration
	for _, s := range phaseStyles {
		took := r.Phases.Of(s.phase)
		if took == check.Absent {
			continue
		}
		bar := ""
		if total > 0 && room > 0 {
			from := int(math.Round(float64(sum) / float64(total) * float64(room)))
			sum += took
			to := int(math.Round(float64(sum) / float64(total) * float64(room)))
			from = min(from, room-1)
			bar = strings.Repeat(" ", from+gap) + d.cells(s.colour, s.glyph, max(to-from, 1))
		}
		d.phase(s.name, figures, took, bar)
	}
	d.phase("total", figures, total, "")
}

func (d *details) phase(name string, figures int, took time.Duration, bar string) {
	line := strings.Repeat(" ", detailsIndent) + pad(name, detailsLabel) + padLeft(milliseconds(took), figures) + bar
	fmt.Fprintln(d.w, strings.TrimRight(line, " "))
}

// response says what came back: 200, HTTP/1.1, 1,256 bytes.
func response(r *check.Result) string {
	parts := []string{status(r), "HTTP/" + r.HTTP}
	if r.BytesWire != r.BytesBody {
		parts = append(parts, fmt.Sprintf("%s of body, %s decoded", size(r.BytesWire), size(r.BytesBody)))
	} else {
		parts = append(parts, size(r.BytesWire)+" of body")
	}
	if r.BodyTruncated {
		parts[2] += " (the rest was not read)"
	}
	return strings.Join(parts, ", ")
}

func size(bytes int64) string { return text.Plural(int(bytes), "byte") }

// certificate says for how long it is valid, whose it is, and who vouches.
func certificate(r *check.Result) (string, colour) {
	c, style := r.Certificate, noColour
	switch {
	case c.DaysLeft < 0:
		style = red
	case c.DaysLeft < monitor.RenewalDays:
		style = yellow
	}
	words := fmt.Sprintf("%s (%s)", expires(c, r.Started), c.NotAfter.UTC().Format(time.DateOnly))
	switch {
	case r.TLSUnverified:
		words += ", not verified"
	case !c.Verified:
		words += ", not trusted"
	}
	return words + "; " + Plain(strings.TrimPrefix(c.Subject, "CN=")) + ", issued by " + Plain(strings.TrimPrefix(c.Issuer, "CN=")), style
}

// leg writes a request of a redirected check, and its phases below.
func (d *details) leg(i int, leg check.Leg) {
	const status = 5 // columns, with the gap
	label := ""
	if i == 0 {
		label = "redirects"
	}
	what := "–"
	if leg.Status != 0 {
		what = strconv.Itoa(leg.Status)
	}
	d.field(label, pad(what, status)+Plain(leg.URL), noColour)
	var parts []string
	for _, s := range phaseStyles {
		if took := leg.Phases.Of(s.phase); took != check.Absent {
			parts = append(parts, s.name+" "+milliseconds(took))
		}
	}
	if leg.IP.IsValid() {
		parts = append(parts, leg.IP.String())
	}
	d.hanging("", status, milliseconds(leg.Phases.Sum())+": "+strings.Join(parts, ", "), faint)
}

// uncertainty says by how much the duration may be wrong, by which clock, and what
// it does not have.
func uncertainty(r *check.Result) string {
	words := "± " + milliseconds(r.Uncertainty) + " by the " + r.Clock.String() + " clock"
	if r.Unsure {
		words += ", unsure"
	}
	return words + "; without " + milliseconds(r.LocalDelay) + " of local delay"
}
