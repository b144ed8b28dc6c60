package page

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/text"
)

const (
	fewCertificates  = 6   // are listed whenever they expire
	mostCertificates = 100 // are listed when they expire soon
	soon             = 30  // days
	verySoon         = 14  // days
)

// A certificate is one that at least one target presented.
type certificate struct {
	Days     int // whole ones; negative when it has expired
	NotAfter time.Time
	Subject  string
	Issuer   string
	Refused  bool
	First    string // the first target that presented it
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

// Targets says which targets presented it, unless that is clear from its
// subject.
func (c certificate) Targets() string {
	switch {
	case c.Others > 0:
		return c.First + " and " + text.Plural(c.Others, "other")
	case c.First != c.Subject:
		return c.First
	}
	return ""
}

// Expires is the day on which it does.
func (c certificate) Expires() string { return date(c.NotAfter) }

// A certificateTable is the certificates of a run.
type certificateTable struct {
	Soonest []certificate // to expire
	All     int           // how many different ones there are
}

// Certificates are those that expire first: all that expire within a month, as
// far as there is room, and some more.
func (v *view) Certificates() certificateTable {
	var results []*check.Result // each certificate's together, the first to expire first
	for i := range v.Results {
		if v.Results[i].Certificate != nil {
			results = append(results, &v.Results[i])
		}
	}
	slices.SortStableFunc(results, func(a, b *check.Result) int { return compareCertificates(a.Certificate, b.Certificate) })
	var t certificateTable
	listing := true
	for i, r := range results {
		c := r.Certificate
		if i > 0 && compareCertificates(results[i-1].Certificate, c) == 0 {
			if listing {
				t.Soonest[len(t.Soonest)-1].Others++
			}
			continue
		}
		t.All++
		days := int(math.Floor(c.DaysLeft))
		listing = listing && (len(t.Soonest) < fewCertificates || days < soon && len(t.Soonest) < mostCertificates)
		if listing {
			t.Soonest = append(t.Soonest, certificate{
				Days: days, NotAfter: c.NotAfter, Subject: commonName(c.Subject), Issuer: commonName(c.Issuer),
				Refused: !c.Verified && !r.TLSUnverified, First: plain(r.Name),
			})
		}
	}
	return t
}

// compareCertificates is 0 if they are the same, as far as can be seen.
func compareCertificates(a, b *check.Certificate) int {
	return cmp.Or(a.NotAfter.Compare(b.NotAfter), strings.Compare(a.Subject, b.Subject), strings.Compare(a.Issuer, b.Issuer))
}

// commonName is the part of a distinguished name that people know it by, or
// all of it.
func commonName(distinguished string) string {
	for part := range strings.SplitSeq(distinguished, ",") {
		if name, ok := strings.CutPrefix(strings.TrimSpace(part), "CN="); ok && name != "" {
			return plain(name)
		}
	}
	return plain(distinguished)
}
