package metric

import "slices"

// A Census says what a run has series of.
type Census struct {
	Targets      int // that are checked and have metrics of their own
	Secure       int // of those, which have an https URL
	Groups       int // that have a target which is checked
	SecureGroups int // of those, which have one with an https URL
	Reasons      int // for which something is down
}

// Count returns how many series a run that a schedule started publishes, if
// every target gives a complete answer. What is redirected from http to https
// counts as http: it has two series more in the profile phases.
func (p Profile) Count(c Census) int {
	total := 0
	for r := range rows {
		if !slices.Contains(table[r].Profiles, p) {
			continue
		}
		for _, dimension := range table[r].Dimensions {
			total += c.count(r, dimension)
		}
	}
	return total
}

// count is how many series a row has by one dimension.
func (c Census) count(r row, dimension string) int {
	switch secure := ofTLS(r); {
	case dimension == byTarget && secure:
		return c.Secure
	case dimension == byTarget:
		return c.Targets
	case dimension == byGroup && secure:
		return c.SecureGroups
	case dimension == byGroup:
		return c.Groups
	case dimension == byReason:
		return c.Reasons
	case secure:
		return min(c.SecureGroups, 1)
	case ofVerdicts(r):
		return min(c.Groups, 1)
	}
	return 1
}

// ofTLS reports whether a metric needs TLS.
func ofTLS(r row) bool {
	return r == targetTLS || r == targetCertificate || r == sharedCertificate
}

// ofVerdicts reports whether a metric over all needs a target that was checked.
func ofVerdicts(r row) bool { return sharedUp <= r && r <= sharedFlaky || r == localDelay }
