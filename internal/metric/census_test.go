package metric

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"rollcall/internal/check"
)

// TestCountIsWhatIsPublished makes the datums of runs of any shape, and counts
// their series.
func TestCountIsWhatIsPublished(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		results, census := answers(random, random.IntN(30))
		for _, profile := range Profiles() {
			series := map[string]bool{}
			for _, d := range everything(profile, results) {
				series[fmt.Sprint(d.Metric, d.Dimensions)] = true
			}
			if got := profile.Count(census); got != len(series) {
				t.Fatalf("%s: Count(%+v) = %d, and %d series were published", profile, census, got, len(series))
			}
		}
	}
}

// answers are so many complete answers, some of which are no success, and the
// census of them.
func answers(random *rand.Rand, n int) ([]*check.Result, Census) {
	var results []*check.Result
	var c Census
	groups, secure, reasons := map[string]bool{}, map[string]bool{}, map[check.Reason]bool{}
	for i := range n {
		r := checked(fmt.Sprint("target ", i), check.OK)
		r.Group = fmt.Sprint("group ", random.IntN(4))
		if random.IntN(3) == 0 {
			r.Reason, r.State = check.Status, check.Down
			reasons[r.Reason] = true
		}
		if random.IntN(2) == 0 {
			r.Certificate, r.Phases.TLS = nil, check.Absent
		} else {
			c.Secure++
			secure[r.Group] = true
		}
		groups[r.Group] = true
		results = append(results, r)
	}
	c.Targets, c.Groups, c.SecureGroups, c.Reasons = n, len(groups), len(secure), len(reasons)
	return results, c
}

func TestCount(t *testing.T) {
	gafam := Census{Targets: 5, Secure: 5, Groups: 1, SecureGroups: 1}
	for _, test := range []struct {
		profile Profile
		census  Census
		want    int
	}{
		{ProfileGroup, gafam, 22}, // 6 of the group and 16 over all
		{ProfileTarget, gafam, 32},
		{ProfilePhases, gafam, 62},
		{ProfilePhases, Census{Targets: 5, Groups: 1}, 50}, // 6 a target, no certificate: 30, 5 and 15
		{ProfileTarget, Census{}, 9},                       // what a run of nothing has to say of itself
		{"", gafam, 0},
	} {
		if got := test.profile.Count(test.census); got != test.want {
			t.Errorf("%s: Count(%+v) = %d, want %d", test.profile, test.census, got, test.want)
		}
	}
}
