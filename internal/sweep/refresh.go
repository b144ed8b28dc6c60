package sweep

import (
	"context"
	"net/http"
	"slices"

	"rollcall/internal/check"
)

// A refresher has the targets of a sweep whose secrets may be outdated: a 401 or
// 403 is retried once with new ones, even where there are no retries.
type refresher struct {
	targets []check.Target
	fresh   []*check.Target // with new values, by index; nil: no target can have them
	tried   []bool
}

func newRefresher(targets []check.Target) refresher {
	f := refresher{targets: targets}
	if slices.ContainsFunc(targets, func(t check.Target) bool { return t.Refresh != nil }) {
		f.fresh, f.tried = make([]*check.Target, len(targets)), make([]bool, len(targets))
	}
	return f
}

// target is target i as it is to be checked now.
func (f *refresher) target(i int) *check.Target {
	if f.fresh != nil && f.fresh[i] != nil {
		return f.fresh[i]
	}
	return &f.targets[i]
}

// outdated reports whether a result may be for old values of references, which
// were not fetched again yet.
func (f *refresher) outdated(i int, res *check.Result) bool {
	refused := res.Status == http.StatusUnauthorized || res.Status == http.StatusForbidden
	return f.fresh != nil && refused && res.State == check.Down && f.targets[i].Refresh != nil && !f.tried[i]
}

// refresh fetches new values for target i. It reports whether there are any.
func (f *refresher) refresh(ctx context.Context, i int) bool {
	f.tried[i] = true
	fresh, changed := f.targets[i].Refresh(ctx)
	if changed {
		f.fresh[i] = &fresh
	}
	return changed
}
