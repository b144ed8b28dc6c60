package metric

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"rollcall/internal/check"
)

// TestCountIsWhatIsPublished makes the datums of runs of any shape, and counts
// their series.
func TestCountIsWhatIsPublished(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		results, census := responses(random, random.IntN(30))
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

// responses are as many complete responses, some of which are failures, and the
// census of them.
func responses(random *rand.Rand, n int) ([]*check.Result, Census) {
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

// TestREADMEHasTheSeriesOfATarget holds what the README says of profiles to the
// table.
func TestREADMEHasTheSeriesOfATarget(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for profile, more := range map[Profile]string{ProfileTarget: "%d a target more |", ProfilePhases: "%d a target more than `group` |"} {
		one := profile.Count(Census{Targets: 1, Secure: 1}) - profile.Count(Census{})
		if want := fmt.Sprintf(more, one); !strings.Contains(string(readme), want) {
			t.Errorf("README.md does not say of the profile %s: %s", profile, want)
		}
	}
}
