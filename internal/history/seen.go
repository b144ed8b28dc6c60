package history

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"
)

// A Seen is what a fold needs of the targets of a run. Those of the parts of a list
// add up to that of the whole, in any order.
type Seen struct {
	Tags    []string           `json:"tags,omitempty"` // of what was known where this was made; Unread: that could not be read
	Targets int                `json:"targets"`        // how many there are
	All     Counts             `json:"all"`
	Groups  map[string]*Counts `json:"groups"`
	Titles  map[string]string  `json:"titles,omitempty"` // what people call groups, by name, if not by that

	Looked       []Look  `json:"looked,omitempty"`       // at what is known, what failed and what has days of its own
	Certificates []Shown `json:"certificates,omitempty"` // that are reported, by group and fingerprint

	LeftLooks        int `json:"leftLooks,omitzero"`        // targets that failed and are left out of Looked
	LeftCertificates int `json:"leftCertificates,omitzero"` // targets whose certificates are left out
}

// Unread is the tag of what could not be read.
const Unread = "unread"

// A Look is a target of a list, which stands at a place.
type Look struct {
	At    int  `json:"at"`             // from 0
	Known bool `json:"known,omitzero"` // an incident names it, or it is a suspect
	Own   bool `json:"own,omitzero"`   // it has days of its own
	Target
}

// Stays reports whether Cut never leaves the look out.
func (l *Look) Stays() bool { return l.Known || l.Own }

// Valid reports whether it may be a look at a target.
func (l *Look) Valid() bool {
	return l.At >= 0 && l.Name != "" && l.Duration >= 0 && l.FirstByte >= 0
}

// A Shown is a certificate as the targets of a group showed it.
type Shown struct {
	Group       string    `json:"group"`
	Fingerprint string    `json:"fingerprint"`
	Subject     string    `json:"subject"`
	NotAfter    time.Time `json:"notAfter"`
	DaysLeft    float64   `json:"daysLeft"`
	First       []Place   `json:"first"` // the first maxNames targets
	Count       int       `json:"count"` // of all
	Quiet       bool      `json:"quiet"` // all of them are under maintenance
}

// A Place is where in the list a target stands.
type Place struct {
	At   int    `json:"at"`
	Name string `json:"name"`
}

// Names are the targets that something is known of. A fold has to know how they are.
func (d *Document) Names() map[string]bool {
	names := map[string]bool{}
	for i := range d.Incidents {
		if inc := &d.Incidents[i]; inc.State != Certificate {
			names[inc.Target] = true
		} else {
			for _, name := range inc.Targets {
				names[name] = true
			}
		}
	}
	for name := range d.Suspects {
		names[name] = true
	}
	return names
}

// See returns what a fold needs of the run's targets, where those names are known.
// They are a part of a list: every of-th target, beginning with the one at index.
func See(run *Run, known map[string]bool, index, of int) *Seen {
	s := &Seen{Targets: len(run.Targets), Groups: map[string]*Counts{}}
	shown := map[certificateKey]*Shown{}
	for i := range run.Targets {
		t := &run.Targets[i]
		at := index + i*of
		if s.Groups[t.Group] == nil {
			s.Groups[t.Group] = &Counts{}
		}
		s.Groups[t.Group].add(t, run.Blind)
		l := Look{At: at, Known: known[t.Name], Own: at < run.Limit}
		if l.Known || l.Own || t.failed() && !run.Blind {
			l.Target = *t
			if run.Blind {
				l.State, l.Duration = NotChecked, 0
			}
			s.Looked = append(s.Looked, l)
		}
		if run.Blind || t.Fingerprint == "" || t.State == NotChecked || t.DaysLeft >= float64(run.Certificate) || t.Alert.or(run.Alert).Off {
			continue
		}
		key := certificateKey{t.Group, t.Fingerprint}
		c := shown[key]
		if c == nil {
			c = &Shown{Group: t.Group, Fingerprint: t.Fingerprint, Subject: t.Subject, NotAfter: t.NotAfter, DaysLeft: t.DaysLeft, Quiet: true}
			shown[key] = c
		}
		c.DaysLeft = min(c.DaysLeft, t.DaysLeft)
		c.Quiet = c.Quiet && t.Maintenance
		if c.Count++; len(c.First) < maxNames {
			c.First = append(c.First, Place{at, t.Name})
		}
	}
	for _, c := range s.Groups {
		s.All.merge(*c, false)
	}
	for _, c := range shown {
		s.Certificates = append(s.Certificates, *c)
	}
	slices.SortFunc(s.Certificates, byKey)
	return s
}

func (t *Target) failed() bool { return t.State == Down || t.State == Degraded }

// byKey is the order of certificates, which does not change from run to run.
func byKey(a, b Shown) int {
	return cmp.Or(strings.Compare(a.Group, b.Group), strings.Compare(a.Fingerprint, b.Fingerprint))
}

// Add adds what other parts of the list saw. See Cut.
func (s *Seen) Add(other *Seen) {
	s.Tags = append(s.Tags, other.Tags...)
	slices.Sort(s.Tags)
	s.Tags = slices.Compact(s.Tags)
	s.Targets += other.Targets
	s.All.merge(other.All, false)
	if s.Groups == nil {
		s.Groups = map[string]*Counts{}
	}
	for name, c := range other.Groups {
		if c == nil { // null, which we do not write
			continue
		}
		if s.Groups[name] == nil {
			s.Groups[name] = &Counts{}
		}
		s.Groups[name].merge(*c, false)
	}
	for name, title := range other.Titles {
		if own, there := s.Titles[name]; !there || title < own {
			if s.Titles == nil {
				s.Titles = map[string]string{}
			}
			s.Titles[name] = title
		}
	}
	s.Looked = append(s.Looked, other.Looked...)
	s.LeftLooks += other.LeftLooks
	s.Certificates = mergeShown(s.Certificates, other.Certificates)
	s.LeftCertificates += other.LeftCertificates
}

// mergeShown merges two lists that are sorted by key.
func mergeShown(a, b []Shown) []Shown {
	if len(b) == 0 {
		return a
	}
	merged := make([]Shown, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch order := byKey(a[0], b[0]); {
		case order < 0:
			merged, a = append(merged, a[0]), a[1:]
		case order > 0:
			merged, b = append(merged, b[0]), b[1:]
		default:
			both := a[0]
			both.add(&b[0])
			merged, a, b = append(merged, both), a[1:], b[1:]
		}
	}
	return append(append(merged, a...), b...)
}

// Check finds what the parts of a list with at most that many targets can't have seen.
func (s *Seen) Check(most int) error {
	wrong := errors.New("what it has for the history is not of its targets")
	all := []*Counts{&s.All}
	for _, c := range s.Groups {
		all = append(all, c)
	}
	for _, c := range all {
		if c == nil {
			return wrong
		}
		for _, n := range []int{c.Up, c.Degraded, c.Down, c.NotChecked, c.Maintenance} {
			if n < 0 || n > most {
				return wrong
			}
		}
	}
	for i := range s.Looked {
		if !s.Looked[i].Valid() {
			return wrong
		}
	}
	for i := range s.Certificates {
		if c := &s.Certificates[i]; c.Count < len(c.First) || c.Count > most || len(c.First) > maxNames {
			return wrong
		}
	}
	if min(s.Targets, s.LeftLooks, s.LeftCertificates) < 0 || max(s.Targets, s.LeftLooks, s.LeftCertificates) > most {
		return wrong
	}
	return nil
}

// add adds what other targets showed of the same certificate.
func (s *Shown) add(other *Shown) {
	s.DaysLeft = min(s.DaysLeft, other.DaysLeft)
	s.Count += other.Count
	s.Quiet = s.Quiet && other.Quiet
	s.First = append(s.First[:len(s.First):len(s.First)], other.First...)
	slices.SortFunc(s.First, func(a, b Place) int { return cmp.Compare(a.At, b.At) })
	s.First = s.First[:min(len(s.First), maxNames)]
}

func (s *Shown) names() []string {
	names := make([]string, len(s.First))
	for i := range s.First {
		names[i] = s.First[i].Name
	}
	return names
}

// Cut leaves out failures beyond that many looks, and certificates beyond as many.
// What is known already, or has days of its own, stays. As it keeps the first ones
// of a total order, it does not matter in how many steps parts were added. Where that
// is full, failures of parts that are added later are left out if they stand behind last.
func (s *Seen) Cut(most int) (last int, full bool) {
	slices.SortFunc(s.Looked, func(a, b Look) int { return cmp.Compare(a.At, b.At) })
	room := most
	last = -1
	for i := range s.Looked {
		if s.Looked[i].Known {
			room--
		}
	}
	s.Looked = slices.DeleteFunc(s.Looked, func(l Look) bool {
		if l.Stays() {
			return false
		}
		if room > 0 {
			room--
			last = l.At
			return false
		}
		s.LeftLooks++
		return true
	})
	for _, c := range s.Certificates[min(most, len(s.Certificates)):] {
		s.LeftCertificates += c.Count
	}
	s.Certificates = s.Certificates[:min(most, len(s.Certificates))]
	return last, room <= 0
}

// inOrder returns the looks in the order of the list, the first of each name.
func (s *Seen) inOrder() []Look {
	looks := slices.Clone(s.Looked)
	slices.SortFunc(looks, func(a, b Look) int { return cmp.Compare(a.At, b.At) })
	names := make(map[string]bool, len(looks))
	return slices.DeleteFunc(looks, func(l Look) bool {
		twice := names[l.Name]
		names[l.Name] = true
		return twice
	})
}
