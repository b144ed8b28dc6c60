package page

import (
	"strings"
	"time"

	"rollcall/internal/monitor"
	"rollcall/internal/text"
)

const (
	fewCertificates  = 6   // are listed whenever they expire, the others unfold
	mostCertificates = 100 // are listed when they expire soon
	soon             = 30  // days
	verySoon         = monitor.RenewalDays
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
	case c.Days < soon:
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

// Left is how long it is valid.
func (c certificate) Left() string {
	switch {
	case c.Days < 0:
		return "expired"
	case c.Days == 0:
		return "less than a day"
	}
	return text.Plural(c.Days, "day")
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
	First []certificate // to expire
	Rest  []certificate // those that expire soon, too
	All   int           // how many different ones there are
}

// Certificates are those that expire first: all that expire within a month, as
// far as there is room, and some more.
func (v *view) Certificates() certificateTable {
	t := certificateTable{All: len(v.certificates)}
	for i, c := range v.certificates {
		shown := certificateOf(c)
		switch {
		case i < fewCertificates:
			t.First = append(t.First, shown)
		case c.Days() < soon && i < mostCertificates:
			t.Rest = append(t.Rest, shown)
		default:
			return t
		}
	}
	return t
}

func certificateOf(c monitor.Certificate) certificate {
	return certificate{
		Days: c.Days(), NotAfter: c.NotAfter, Subject: commonName(c.Subject), Issuer: commonName(c.Issuer),
		Refused: !c.Verified && !c.First.TLSUnverified, First: targetOf(c.First).Called(), Others: c.Targets - 1,
	}
}

// Shown is how many are listed.
func (t certificateTable) Shown() int { return len(t.First) + len(t.Rest) }

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
