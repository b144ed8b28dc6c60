package page

import (
	"fmt"
	"strings"

	"rollcall/internal/check"
	"rollcall/internal/monitor"
	"rollcall/internal/text"
)

const (
	mostLines = 8 // of what needs attention
	mostNamed = 3 // targets of a line
)

// A line is one target that needs attention, or all that have the same reason.
type line struct {
	State   string   // its class
	N       int      // targets
	Reason  string   // the anchor of its explanation
	Label   string   // the reason in words
	Detail  string   // of a single target
	Targets []target // the first ones
	Rest    int      // how many more there are
}

// An attention is what is not up, at a glance, and which certificates are about
// to expire.
type attention struct {
	Lines    []line
	Left     int // targets that no line is about
	Expiring []certificate
	More     int // certificates that expire as soon
}

// Attention is nil if nothing needs any.
func (v *view) Attention() *attention {
	var a attention
	for _, c := range monitor.Expiring(v.certificates) {
		if len(a.Expiring) < mostNamed {
			a.Expiring = append(a.Expiring, certificateOf(c))
		} else {
			a.More++
		}
	}
	if v.bad <= mostLines {
		for _, r := range v.order[:v.bad] {
			a.Lines = append(a.Lines, lineOf(&monitor.Problem{State: r.State, Reason: r.Reason, Results: []*check.Result{r}}))
		}
	} else {
		a.Left = v.bad
		for _, p := range v.problems[:min(len(v.problems), mostLines)] {
			a.Lines = append(a.Lines, lineOf(p))
			a.Left -= len(p.Results)
		}
	}
	if len(a.Lines) == 0 && len(a.Expiring) == 0 {
		return nil
	}
	return &a
}

func lineOf(p *monitor.Problem) line {
	l := line{State: p.State.String(), N: len(p.Results), Reason: p.Reason.String(), Label: plain(p.String())}
	for _, r := range p.Results[:min(len(p.Results), mostNamed)] {
		l.Targets = append(l.Targets, targetOf(r))
	}
	if l.Rest = l.N - len(l.Targets); l.N == 1 {
		l.Label, l.Detail = l.Reason, plain(strings.Join(details(p.Results[0]), "; "))
	}
	return l
}

// Certificates says how many expire soon.
func (a *attention) Certificates() string {
	if n := len(a.Expiring) + a.More; n > 1 {
		return fmt.Sprintf("%s certificates expire within %d days", text.Count(n), verySoon)
	}
	return fmt.Sprintf("1 certificate expires within %d days", verySoon)
}
