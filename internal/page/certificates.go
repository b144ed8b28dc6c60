package page

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/redact"
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
	First    string // the first target that showed it
	Others   int    // how many more did
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
	switch {
	case c.Others > 0:
		return c.First + " and " + plural(c.Others, "other")
	case c.First != c.Subject:
		return c.First
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
	var c cabinet
	var last *check.Certificate
	for _, r := range byExpiry(v.Results) {
		if last == nil || compareCertificates(last, r.Certificate) != 0 {
			last = r.Certificate
			c.All++
			if next := certificateOf(r); c.has(next) {
				c.Soonest = append(c.Soonest, next)
			}
		} else if c.All == len(c.Soonest) {
			c.Soonest[c.All-1].Others++
		}
	}
	return c
}

// has reports whether the next certificate belongs to those that are listed.
func (c *cabinet) has(next certificate) bool {
	n := len(c.Soonest)
	return n == c.All-1 && n < mostCertificates && (n < fewCertificates || next.Days < soon)
}

// byExpiry returns the results that have a certificate, the soonest to end
// first, and each one's targets together.
func byExpiry(results []check.Result) []*check.Result {
	var all []*check.Result
	for i := range results {
		if results[i].Certificate != nil {
			all = append(all, &results[i])
		}
	}
	slices.SortStableFunc(all, func(a, b *check.Result) int { return compareCertificates(a.Certificate, b.Certificate) })
	return all
}

// compareCertificates is 0 if they are the same, as far as can be seen.
func compareCertificates(a, b *check.Certificate) int {
	return cmp.Or(a.NotAfter.Compare(b.NotAfter), strings.Compare(a.Subject, b.Subject), strings.Compare(a.Issuer, b.Issuer))
}

func certificateOf(r *check.Result) certificate {
	c := r.Certificate
	return certificate{
		Days: int(math.Floor(c.DaysLeft)), NotAfter: c.NotAfter, Subject: commonName(c.Subject), Issuer: commonName(c.Issuer),
		Refused: !c.Verified && !r.TLSUnverified, First: redact.Printable(r.Name),
	}
}

// commonName is the part of a distinguished name that people know it by, or
// all of it.
func commonName(distinguished string) string {
	for part := range strings.SplitSeq(distinguished, ",") {
		if name, ok := strings.CutPrefix(strings.TrimSpace(part), "CN="); ok && name != "" {
			return redact.Printable(name)
		}
	}
	return redact.Printable(distinguished)
}
