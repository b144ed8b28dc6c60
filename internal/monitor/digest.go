package monitor

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/tally"
	"rollcall/internal/text"
)

// A Problem is all results that are not up for the same reason: with the same
// state and reason, and the same status where that is the reason.
type Problem struct {
	State   check.State
	Reason  check.Reason
	Status  int             // of the response, where Reason is Status; else 0
	Results []*check.Result // the slowest first; never empty
}

// String names the problem: "status 404", "dns_not_found", "expectation
// (degraded)".
func (p *Problem) String() string {
	name := p.Reason.String()
	if p.Status != 0 {
		name = fmt.Sprintf("%s %d", name, p.Status)
	}
	if p.State == check.Degraded {
		name += " (degraded)"
	}
	return name
}

// Problems returns the results that are not up, which are in the order of
// UrgentFirst, by what they have in common: those that are down first, then
// degraded, then not checked; the most frequent problem first among them. Every
// format tallies and folds by them. n is how many results there are in all.
func Problems(urgentFirst []*check.Result) (problems []*Problem, n int) {
	type kind struct {
		state  check.State
		reason check.Reason
		status int
	}
	byKind := map[kind]*Problem{}
	for _, r := range urgentFirst {
		if r.State == check.Up {
			break
		}
		n++
		k := kind{r.State, r.Reason, 0}
		if r.Reason == check.Status {
			k.status = r.Status
		}
		p := byKind[k]
		if p == nil {
			p = &Problem{State: k.state, Reason: k.reason, Status: k.status}
			byKind[k] = p
			problems = append(problems, p)
		}
		p.Results = append(p.Results, r)
	}
	slices.SortStableFunc(problems, func(a, b *Problem) int {
		return cmp.Or(cmp.Compare(urgency[a.State], urgency[b.State]), cmp.Compare(len(b.Results), len(a.Results)))
	})
	return problems, n
}

// A Certificate is one that at least one target presented.
type Certificate struct {
	*check.Certificate
	First   *check.Result // the first result with it, in the event's order
	Targets int           // how many presented it
}

// Days is how many whole days it has left; negative when it has expired.
func (c *Certificate) Days() int { return int(math.Floor(c.DaysLeft)) }

// Certificates returns the certificates of the run, the first to expire first.
// Two of the same subject, issuer and end count as one.
func (s *Summary) Certificates() []Certificate {
	n := 0
	for i := range s.Results {
		if s.Results[i].Certificate != nil {
			n++
		}
	}
	all := make([]Certificate, 0, n)
	for i := range s.Results {
		if r := &s.Results[i]; r.Certificate != nil {
			all = append(all, Certificate{Certificate: r.Certificate, First: r, Targets: 1})
		}
	}
	order := func(a, b Certificate) int {
		return cmp.Or(a.NotAfter.Compare(b.NotAfter), strings.Compare(a.Subject, b.Subject), strings.Compare(a.Issuer, b.Issuer))
	}
	slices.SortStableFunc(all, order)
	different := all[:0]
	for _, c := range all {
		if n := len(different); n > 0 && order(different[n-1], c) == 0 {
			different[n-1].Targets++
		} else {
			different = append(different, c)
		}
	}
	return different
}

// RenewalDays is how long before a certificate expires every report says so.
const RenewalDays = tally.RenewalDays

// Expiring returns those of a run's certificates that expire within RenewalDays,
// the first to expire first, also those that have expired on targets that do not
// verify them. Those that a target is down for have their row.
func Expiring(certificates []Certificate) []Certificate {
	var soon []Certificate
	for _, c := range certificates {
		if c.Days() < RenewalDays && c.First.Reason != check.TLSExpired {
			soon = append(soon, c)
		}
	}
	return soon
}

// Responses returns how long the complete responses took, sorted. What failed
// before tells of timeouts, not of latency.
func (s *Summary) Responses() []time.Duration {
	all := make([]time.Duration, 0, len(s.Results))
	for i := range s.Results {
		if r := &s.Results[i]; Responded(r) {
			all = append(all, r.Duration)
		}
	}
	slices.Sort(all)
	return all
}

// leastSlow is how long a target takes at least that is called slow.
const leastSlow = time.Second

// Slow returns the targets that are up, but took a second, and three times as long
// as three quarters of all that responded; the slowest first.
func (s *Summary) Slow() []*check.Result {
	responses := s.Responses()
	if len(responses) == 0 {
		return nil
	}
	most := max(leastSlow, 3*text.Percentile(responses, 75))
	var slow []*check.Result
	for i := range s.Results {
		if r := &s.Results[i]; r.State == check.Up && r.Duration >= most {
			slow = append(slow, r)
		}
	}
	slices.SortStableFunc(slow, func(a, b *check.Result) int { return cmp.Compare(b.Duration, a.Duration) })
	return slow
}

// Responded reports whether a whole response came. A result that was read from
// JSON does not say so; one that is up or degraded had one.
func Responded(r *check.Result) bool {
	return r.Measured() && (r.Complete || r.State == check.Up || r.State == check.Degraded)
}
