package history

import (
	"slices"
	"strings"
	"time"
)

// A certificateKey is what an incident about a certificate is of: a certificate
// that four hundred targets of a group share is one.
type certificateKey struct{ group, fingerprint string }

// thresholds are the days at which a certificate is reported, the most first.
func thresholds(first int) []int {
	all := []int{first}
	for _, days := range []int{7, 3, 1} {
		if days < first {
			all = append(all, days)
		}
	}
	return all
}

// certificates takes over what targets showed: one that none shows any more, for an
// hour and three runs in which they showed another, was renewed.
func (f *fold) certificates() {
	known := map[certificateKey]bool{}
	f.shown = map[certificateKey]*Shown{}
	for i := range f.run.Seen.Certificates {
		s := &f.run.Seen.Certificates[i]
		f.shown[certificateKey{s.Group, s.Fingerprint}] = s
	}
	for i := range f.next.Incidents {
		inc := &f.next.Incidents[i]
		if inc.State != Certificate || inc.Removed {
			continue
		}
		if f.run.Certificate == 0 && inc.Open() {
			inc.remove(f.run.Minute)
			continue
		}
		key := certificateKey{inc.Group, inc.Fingerprint}
		s := f.shown[key]
		if s != nil {
			known[key] = true
			inc.Ended = time.Time{}
			inc.showed(s, f.run)
			continue
		}
		if !inc.Open() || !f.showOthers(inc) {
			continue
		}
		if inc.Ups++; inc.Ups == 1 {
			inc.UpSince = f.run.Minute
		}
		if inc.Ups >= 3 && f.run.Minute.Sub(inc.UpSince) >= time.Hour {
			inc.Ended = inc.UpSince
		}
	}
	var newly []certificateKey
	for key := range f.shown {
		if !known[key] {
			newly = append(newly, key)
		}
	}
	slices.SortFunc(newly, func(a, b certificateKey) int {
		return strings.Compare(a.group+"\x00"+a.fingerprint, b.group+"\x00"+b.fingerprint)
	})
	for _, key := range newly {
		digits := key.fingerprint
		if len(digits) < 12 {
			digits = digest(digits)
		}
		inc := Incident{ID: identify(digits, f.run.Minute) + "-certificate", State: Certificate, Group: key.group, Fingerprint: key.fingerprint, Since: f.run.Minute}
		if slices.ContainsFunc(f.next.Incidents, func(other Incident) bool { return other.ID == inc.ID }) {
			inc.ID = identify(digest(key.group+"\n"+key.fingerprint), f.run.Minute) + "-certificate" // another group shows the same one
		}
		inc.showed(f.shown[key], f.run)
		f.next.Incidents = append(f.next.Incidents, inc)
	}
}

// showed takes over what targets showed of the certificate.
func (i *Incident) showed(s *Shown, run *Run) {
	i.Subject, i.NotAfter, i.Targets, i.Count = s.Subject, s.NotAfter, s.names(), s.Count
	i.Looked, i.Ups, i.UpSince = run.Minute, 0, time.Time{}
	i.Runs++
	for _, days := range thresholds(run.Certificate) {
		if s.DaysLeft < float64(days) && (i.Level == 0 || days < i.Level) {
			i.Level = days
		}
	}
}

// showOthers reports whether the targets that showed the certificate were looked
// at, and would have shown it: one that can't be reached proves nothing.
func (f *fold) showOthers(inc *Incident) bool {
	if f.byName == nil {
		f.byName = make(map[string]*Target, len(f.seen))
		for i := range f.seen {
			f.byName[f.seen[i].Name] = &f.seen[i].Target
		}
	}
	for _, name := range inc.Targets {
		t := f.byName[name]
		if t == nil && f.run.Partial || t != nil && (t.State == NotChecked || t.Fingerprint == "" && t.State != Up) {
			return false
		}
	}
	return true
}
