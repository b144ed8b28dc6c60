// Package notify sends messages to chat, mail and paging services. A text names
// them, one URL of shoutrrr a line, each with a filter if it does not get all. No
// error shows a URL: it holds the token that allows to send.
package notify

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/nicholas-fedor/shoutrrr/pkg/router"

	"rollcall/internal/message"
)

// A Destination is one line: a service, and which messages it gets.
type Destination struct {
	Line    int    // from 1
	Service string // "slack"
	Key     string // names it without a secret, whatever lines come before it

	url     string
	filters []filter
}

// Pager reports whether the service has incidents that are opened and closed, not
// messages.
func (d *Destination) Pager() bool { return d.Service == "pagerduty" || d.Service == "opsgenie" }

// All takes the conditions away: the service gets every message.
func (d *Destination) All() { d.filters = nil }

// String is how logs name it: "line 3 (slack)".
func (d *Destination) String() string { return fmt.Sprintf("line %d (%s)", d.Line, d.Service) }

// A filter is one condition: group=shop, severity>=warning.
type filter struct {
	name, operator string
	values         []string
}

// Parse reads a text of lines. A line that is wrong is a problem, which has its
// number and nothing of its content, and the others count.
func Parse(text string) (all []Destination, problems []string) {
	same := map[string]int{}
	number := 0
	for line := range strings.Lines(text) {
		number++
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		d, err := parse(words)
		if err != nil {
			problems = append(problems, fmt.Sprintf("line %d: %v", number, err))
			continue
		}
		kind := strings.Join(append([]string{d.Service}, words[:len(words)-1]...), " ")
		same[kind]++
		d.Line, d.Key = number, fmt.Sprintf("%s #%d", kind, same[kind])
		all = append(all, d)
	}
	return all, problems
}

// parse reads a line. Its errors have nothing of it.
func parse(words []string) (d Destination, err error) {
	for i, word := range words[:len(words)-1] {
		f, ok := parseFilter(word)
		if !ok {
			return d, fmt.Errorf("its filter %d is invalid: before the URL are conditions such as group=shop, kind=monitor, state=down or severity>=warning", i+1)
		}
		d.filters = append(d.filters, f)
	}
	d.url = words[len(words)-1]
	scheme, _, found := strings.Cut(d.url, "://")
	if !found {
		return d, fmt.Errorf("its last word is not a URL with ://")
	}
	d.Service, _, _ = strings.Cut(strings.ToLower(scheme), "+")
	var services router.ServiceRouter
	if !slices.Contains(services.ListServices(), d.Service) || d.Service == "logger" {
		d.Service = ""
		return d, fmt.Errorf("its URL names no service that is known")
	}
	if _, err := d.service(nil); err != nil {
		return d, fmt.Errorf("the URL is not valid for %s", d.Service)
	}
	return d, nil
}

func parseFilter(word string) (f filter, ok bool) {
	i := strings.IndexAny(word, "!=<>")
	if i < 0 {
		return f, false
	}
	f.name = word[:i]
	rest := word[i:]
	for _, operator := range []string{"!=", ">=", "="} {
		if value, found := strings.CutPrefix(rest, operator); found {
			f.operator = operator
			for part := range strings.SplitSeq(value, ",") {
				text, err := url.PathUnescape(part)
				if err != nil || text == "" {
					return f, false
				}
				f.values = append(f.values, text)
			}
			break
		}
	}
	known := map[string][]string{
		"group": nil, "kind": {message.KindIncident, message.KindCertificate, message.KindMonitor},
		"state":    {"down", "degraded", "certificate", "up", "removed", "alarm", "ok", "insufficient_data"},
		"severity": severities,
	}
	values, isKnown := known[f.name]
	if !isKnown || f.operator == "" || f.operator == ">=" && (f.name != "severity" || len(f.values) > 1) {
		return f, false
	}
	for _, v := range f.values {
		if values != nil && !slices.Contains(values, v) {
			return f, false
		}
	}
	return f, true
}

// severities are in order.
var severities = []string{message.Warning, message.Critical}

// Wants reports whether the service gets a message: whether all of its conditions
// hold.
func (d *Destination) Wants(m *message.Document) bool {
	for _, f := range d.filters {
		has := map[string][]string{"group": m.Groups, "kind": {m.Kind}, "state": {m.State}, "severity": {m.Severity}}[f.name]
		one := slices.ContainsFunc(has, func(v string) bool { return slices.Contains(f.values, v) })
		holds := one
		switch f.operator {
		case "!=":
			holds = !one
		case ">=":
			holds = slices.Index(severities, m.Severity) >= slices.Index(severities, f.values[0])
		}
		if !holds {
			return false
		}
	}
	return true
}
