package page

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"rollcall/internal/probe"
)

const (
	fewCertificates  = 6   // are listed whenever there are so many
	mostCertificates = 100 // are listed when they end soon
	soon             = 30  // days
	verySoon         = 14  // days
)

// A certificate is one that at least one target showed.
type certificate struct {
	Days     int // whole ones; negative when it has expired
	NotAfter time.Time
	Subject  string
	Issuer   string
	Refused  bool
	Targets  []string // their names, in the event's order
}

// State is how urgent its renewal is, as a state of a target.
func (c certificate) State() string {
	switch {
	case c.Days < 0:
		return "down"
	case c.Days < verySoon:
		return "degraded"
	}
	return "up"
}

// Word says the same in words.
func (c certificate) Word() string {
	switch {
	case c.Days < 0:
		return "expired"
	case c.Days < verySoon:
		return "renew now"
	case c.Days < soon:
		return "renew soon"
	}
	return "fine"
}

// Shown says which targets show it, unless that is plain from its subject.
func (c certificate) Shown() string {
	first := probe.Printable(c.Targets[0])
	switch n := len(c.Targets) - 1; {
	case n > 0:
		return first + " and " + plural(n, "other")
	case first != c.Subject:
		return first
	}
	return ""
}

// NotAfterText is the day on which it ends.
func (c certificate) NotAfterText() string { return date(c.NotAfter) }

// A cabinet is the certificates of a run.
type cabinet struct {
	Soonest []certificate
	All     int // how many different ones there are
}

// Certificates are those that end first: all that end within a month, as far
// as there is room, and some more.
func (v *view) Certificates() cabinet {
	all := certificatesOf(v.Results)
	n := 0
	for n < len(all) && n < mostCertificates && (n < fewCertificates || all[n].Days < soon) {
		n++
	}
	return cabinet{all[:n], len(all)}
}

// certificatesOf returns each certificate once, the soonest to end first.
func certificatesOf(results []probe.Result) []certificate {
	type identity struct {
		subject, issuer string
		notAfter        time.Time
	}
	at := map[identity]int{}
	var all []certificate
	for i := range results {
		c := results[i].Certificate
		if c == nil {
			continue
		}
		id := identity{c.Subject, c.Issuer, c.NotAfter}
		n, known := at[id]
		if !known {
			n = len(all)
			at[id] = n
			all = append(all, certificate{
				Days: int(math.Floor(c.DaysLeft)), NotAfter: c.NotAfter, Subject: commonName(c.Subject), Issuer: commonName(c.Issuer),
				Refused: !c.Verified && !results[i].TLSUnverified,
			})
		}
		all[n].Targets = append(all[n].Targets, results[i].Name)
	}
	slices.SortStableFunc(all, func(a, b certificate) int { return cmp.Compare(a.Days, b.Days) })
	return all
}

// commonName is the part of a distinguished name that people know it by, or
// all of it.
func commonName(distinguished string) string {
	for part := range strings.SplitSeq(distinguished, ",") {
		if name, ok := strings.CutPrefix(strings.TrimSpace(part), "CN="); ok && name != "" {
			return probe.Printable(name)
		}
	}
	return probe.Printable(distinguished)
}
