package sweep

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/weburl"
)

// A crowd is hosts as pages see them: how many checks talk to each at once.
type crowd struct {
	sync.Mutex
	began    time.Time
	hops     map[string][]string        // by target: the hosts that it talks to, one after the other
	reasons  map[string][]check.Reason  // by target: of each attempt, the last one of all that follow
	open     map[string]int             // by host
	most     map[string]int             // by host
	inside   int                        // checks that talk to somebody
	peak     int                        // of inside
	starts   map[string][]time.Duration // by target: of each attempt
	attempts int
	waited   map[string]time.Duration // by target: for hops after the first
}

func newCrowd() *crowd {
	return &crowd{
		began: time.Now(), hops: map[string][]string{}, reasons: map[string][]check.Reason{},
		open: map[string]int{}, most: map[string]int{}, starts: map[string][]time.Duration{}, waited: map[string]time.Duration{},
	}
}

// probe takes a second for each hop.
func (c *crowd) probe(ctx context.Context, t *check.Target) check.Result {
	c.Lock()
	c.attempts++
	c.starts[t.Name] = append(c.starts[t.Name], time.Since(c.began))
	reason := check.OK
	if list := c.reasons[t.Name]; len(list) > 0 {
		reason = list[min(len(c.starts[t.Name]), len(list))-1]
	}
	hops := append([]string{t.URL}, c.hops[t.Name]...)
	c.Unlock()
	res := check.Result{Name: t.Name, Attempts: 1, Reason: reason, State: reason.State()}
	for i, hop := range hops {
		u, err := url.Parse(hop)
		if err != nil {
			panic(err)
		}
		asked := time.Now()
		done, err := place(ctx, u)
		waited := time.Since(asked)
		if err != nil {
			return check.Unprobed(t, check.Deadline, err.Error())
		}
		if i == 0 && waited > 0 {
			panic("the first hop waited within the check")
		}
		c.Lock()
		c.waited[t.Name] += waited
		c.open[u.Host]++
		c.most[u.Host] = max(c.most[u.Host], c.open[u.Host])
		c.inside++
		c.peak = max(c.peak, c.inside)
		c.Unlock()
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			res = check.Unprobed(t, check.Deadline, "")
		}
		c.Lock()
		c.open[u.Host]--
		c.inside--
		c.Unlock()
		done()
	}
	return res
}

func place(ctx context.Context, u *url.URL) (done func(), err error) {
	return check.AttemptOf(ctx).Place(ctx, u)
}

func (c *crowd) sweeper(inFlight, perHost int) *Sweeper {
	return &Sweeper{Probe: c.probe, InFlight: inFlight, PerHost: perHost, Log: slog.New(slog.DiscardHandler)}
}

// pages are n targets of a host.
func pages(host string, n, retries int) []check.Target {
	all := make([]check.Target, n)
	for i := range all {
		all[i] = check.Target{
			Name: fmt.Sprintf("%s/%d", host, i), URL: fmt.Sprintf("http://%s/%d", host, i),
			Settings: &check.Settings{Retries: retries},
		}
	}
	return all
}

func TestPerHost(t *testing.T) {
	for _, test := range []struct {
		name              string
		inFlight, perHost int
		targets           []check.Target
		most              int           // at once with a.example
		peak              int           // at once in all
		took              time.Duration // in all
	}{
		{"16 of one host", 840, 16, pages("a.example", 160, 0), 16, 16, 10 * time.Second},
		{"no limit", 840, 0, pages("a.example", 160, 0), 160, 160, time.Second},
		{"less in flight than a host has places", 2, 16, pages("a.example", 8, 0), 2, 2, 4 * time.Second},
		{"others go on", 5, 4, slices.Concat(pages("a.example", 16, 0), pages("b.example", 4, 0)), 4, 5, 4 * time.Second},
		{"a host that is full takes no place", 20, 16, slices.Concat(pages("a.example", 160, 0), pages("b.example", 16, 0), pages("c.example", 16, 0)), 16, 20, 10 * time.Second},
		{"ports are hosts of their own", 840, 2, slices.Concat(pages("a.example", 4, 0), pages("a.example:81", 4, 0)), 2, 4, 2 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCrowd()
				outcome := c.sweeper(test.inFlight, test.perHost).Sweep(t.Context(), test.targets, nil)
				if took := time.Since(c.began); c.most["a.example"] != test.most || c.peak != test.peak || took != test.took {
					t.Errorf("%d at once with the host, %d in all, %v; want %d, %d, %v", c.most["a.example"], c.peak, took, test.most, test.peak, test.took)
				}
				for i, r := range outcome.Results {
					if r.State != check.Up || r.Name != test.targets[i].Name || len(c.starts[r.Name]) != 1 {
						t.Errorf("result %d is %+v after %d attempts", i, r, len(c.starts[r.Name]))
					}
				}
				if len(outcome.Warnings) > 0 {
					t.Errorf("warnings %q", outcome.Warnings)
				}
			})
		})
	}
}

// Names of their own are not held up, whatever one host may have.
func TestPerHostLeavesOthersAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd()
		var list []check.Target
		for i := range 1000 {
			list = append(list, pages(fmt.Sprintf("host-%d.example", i), 1, 0)...)
		}
		c.sweeper(1000, 16).Sweep(t.Context(), list, nil)
		if took := time.Since(c.began); c.peak != 1000 || took != time.Second {
			t.Errorf("at most %d at once, %v; want 1000, 1s", c.peak, took)
		}
	})
}

func TestHostKey(t *testing.T) {
	for same, urls := range map[string][]string{
		"a.example:80":  {"http://a.example/", "http://A.Example:80/x?y", "http://a.example.", "http://a.example:0080"},
		"a.example:443": {"https://a.example", "http://a.example:443"},
		"[::1]:80":      {"http://[::1]", "http://[0:0:0:0:0:0:0:1]:80"},
		"192.0.1.1:80":  {"http://192.0.1.1", "http://[::ffff:192.0.1.1]"},
	} {
		for _, text := range urls {
			u, err := url.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			if got := hostKey(u); got != same {
				t.Errorf("hostKey(%s) = %s, want %s", text, got, same)
			}
		}
	}
}

// A redirect asks for a place of its own, after it gave the first one's back.
// Whoever waits for it is not in flight meanwhile.
func TestPerHostOfRedirects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd()
		var list []check.Target
		for i := range 8 {
			page := pages(fmt.Sprintf("host-%d.example", i), 1, 0)
			c.hops[page[0].Name] = []string{"http://login.example/"}
			list = append(list, page...)
		}
		other := pages("other.example", 4, 0)
		outcome := c.sweeper(8, 2).Sweep(t.Context(), append(list, other...), nil)
		// 8 first hops; then 2 logins a second, and beside them the four others, two at a time.
		if c.most["login.example"] != 2 || time.Since(c.began) != 5*time.Second {
			t.Errorf("%d at once with the second host, %v; want 2, 5s", c.most["login.example"], time.Since(c.began))
		}
		if got := c.starts[other[3].Name][0]; got != 2*time.Second {
			t.Errorf("the last of the others began after %v, want 2s", got)
		}
		var waited time.Duration
		for _, w := range c.waited {
			waited += w
		}
		if want := (0 + 0 + 1 + 1 + 2 + 2 + 3 + 3) * time.Second; waited != want {
			t.Errorf("the second hops waited for %v, want %v", waited, want)
		}
		for _, r := range outcome.Results {
			if r.State != check.Up {
				t.Errorf("%s is %v", r.Name, r.State)
			}
		}
	})
}

// A redirect to the same host waits in front of the pages that have not begun.
func TestPerHostOfRedirectsToItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd()
		list := pages("a.example", 4, 0)
		for i := range list {
			c.hops[list[i].Name] = []string{"http://a.example/login"}
		}
		c.sweeper(10, 1).Sweep(t.Context(), list, nil)
		if c.most["a.example"] != 1 || time.Since(c.began) != 8*time.Second {
			t.Errorf("%d at once, %v; want 1, 8s", c.most["a.example"], time.Since(c.began))
		}
		for _, name := range []string{"a.example/0", "a.example/1", "a.example/2"} {
			if c.waited[name] > time.Second {
				t.Errorf("%s waited %v for its second hop, want at most one other's", name, c.waited[name])
			}
		}
	})
}

// More checks than may be in flight never begin, even if most of them wait.
func TestRestingChecksAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd()
		var list []check.Target
		for i := range 100 {
			page := pages(fmt.Sprintf("host-%d.example", i), 1, 0)
			c.hops[page[0].Name] = []string{"http://login.example/"}
			list = append(list, page...)
		}
		c.sweeper(10, 1).Sweep(t.Context(), list, nil)
		if took := time.Since(c.began); took != 101*time.Second {
			t.Errorf("the sweep took %v, want 101s", took)
		}
		at := map[time.Duration]int{}
		for _, starts := range c.starts {
			at[starts[0]]++
		}
		if at[0] != 10 || at[time.Second] > 10 || at[2*time.Second] > 1 {
			t.Errorf("begun at once: %v", at)
		}
	})
}

// When the run's time is over nobody waits any more, and a warning says whose
// share did not fit.
func TestPerHostAfterTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd()
		list := slices.Concat(pages("a.example", 100, 1), pages("b.example", 5, 1))
		list[50].Invalid = "invalid URL"
		for i := range 10 {
			c.hops[list[i].Name] = []string{"http://slow.example/1", "http://slow.example/2"}
		}
		s := c.sweeper(840, 10)
		s.Probe = func(ctx context.Context, t *check.Target) check.Result {
			if t.Invalid != "" {
				return check.Unprobed(t, check.InvalidTarget, t.Invalid)
			}
			return c.probe(ctx, t)
		}
		var final []int
		outcome := s.Sweep(budget(t, 2500*time.Millisecond), list, recorder(&final))
		if took := time.Since(c.began); took != 2500*time.Millisecond {
			t.Errorf("took %v, want exactly the budget", took)
		}
		if slices.Sort(final); len(final) != len(list) || len(slices.Compact(final)) != len(list) {
			t.Errorf("final %v, want each once", final)
		}
		reasons := map[check.Reason]int{}
		for _, r := range outcome.Results {
			reasons[r.Reason]++
		}
		if reasons[check.Unstarted] != 69 || reasons[check.InvalidTarget] != 1 || outcome.Results[104].State != check.Up {
			t.Errorf("results %v", reasons)
		}
		want := "the run's time was too short for a.example:80: 69 of its 100 targets were not checked, with at most 10 checks at once (perHost)"
		if len(outcome.Warnings) != 1 || outcome.Warnings[0] != want {
			t.Errorf("warnings %q, want %q", outcome.Warnings, want)
		}
	})
}

// A cancelled sweep lets go of who waits for a second hop.
func TestTurnEndsWithTheSweep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd()
		list := slices.Concat(pages("a.example", 1, 0), pages("b.example", 1, 0))
		for i := range list {
			c.hops[list[i].Name] = []string{"http://login.example/"}
		}
		outcome := c.sweeper(2, 1).Sweep(budget(t, 1500*time.Millisecond), list, nil)
		if took := time.Since(c.began); took != 1500*time.Millisecond || outcome.Results[0].Reason != check.Deadline || outcome.Results[1].Reason != check.Deadline {
			t.Errorf("%v, %v after %v", outcome.Results[0].Reason, outcome.Results[1].Reason, took)
		}
	})
}

// A host that was slow once gets its confirmations three at a time, and where
// three of them time out too, no more but those that are under way by then.
func TestSlowHost(t *testing.T) {
	for _, test := range []struct {
		name     string
		slow     int // pages that time out, the first ones
		reasons  []check.Reason
		others   check.Reason // of all other pages
		attempts int          // at most
		most     int          // at once in confirmations
		warned   bool
	}{
		{"two are too few", 2, []check.Reason{check.Timeout}, check.OK, 42, 2, false},
		{"two are too few, whatever else fails", 2, []check.Reason{check.Timeout}, check.ConnectionReset, 80, 16, false},
		{"all time out again", 40, []check.Reason{check.Timeout}, check.OK, 40 + 6, 3, true},
		{"the others did not time out, but no confirmation either", 3, []check.Reason{check.Timeout}, check.ConnectionReset, 40 + 6, 3, true},
		{"all respond the next time", 40, []check.Reason{check.Timeout, check.OK}, check.OK, 80, 3, false},
		{"all are reset the next time", 40, []check.Reason{check.Timeout, check.ConnectionReset}, check.OK, 80, 3, false},
		{"nobody times out", 0, nil, check.ConnectionReset, 80, 16, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCrowd()
				list := pages("a.example", 40, 1)
				for i := range list {
					c.reasons[list[i].Name] = []check.Reason{test.others}
					if i < test.slow {
						c.reasons[list[i].Name] = test.reasons
					}
				}
				unrelated := pages("b.example", 5, 1)
				for i := range unrelated {
					c.reasons[unrelated[i].Name] = []check.Reason{check.ConnectionReset, check.OK}
				}
				var final []int
				outcome := c.sweeper(840, 16).Sweep(t.Context(), append(list, unrelated...), recorder(&final))
				least := test.attempts
				if test.warned { // each of the three makes room for another, which may have begun before its failure is noted
					least -= 3
				}
				if got := c.attempts - 10; got < least || got > test.attempts {
					t.Errorf("%d attempts, want %d to %d", got, least, test.attempts)
				}
				at := map[time.Duration]int{}
				for _, page := range list {
					if starts := c.starts[page.Name]; len(starts) > 1 {
						at[starts[1]]++
					}
				}
				if most := slices.Max(slices.Collect(maps.Values(at))); most != test.most {
					t.Errorf("%d confirmations at once, want %d", most, test.most)
				}
				if len(final) != 45 {
					t.Errorf("final %d times, want 45", len(final))
				}
				for _, r := range outcome.Results[40:] {
					if !r.Flaky {
						t.Errorf("%s was not confirmed: %v", r.Name, r.State)
					}
				}
				if warned := len(outcome.Warnings) == 1 && strings.Contains(outcome.Warnings[0], "a.example:80 is too slow"); warned != test.warned {
					t.Errorf("warnings %q", outcome.Warnings)
				}
			})
		})
	}
}

// A check that starts again, since this machine ran out of something, keeps to
// its host's places too.
func TestPerHostOfExhaustedChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd()
		var mu sync.Mutex
		tries := map[string]int{}
		s := c.sweeper(840, 2)
		s.Probe = func(ctx context.Context, to *check.Target) check.Result {
			mu.Lock()
			tries[to.Name]++
			first := tries[to.Name] == 1
			mu.Unlock()
			if first {
				return check.Result{Name: to.Name, Reason: check.Internal, Exhausted: true, Attempts: 1}
			}
			return c.probe(ctx, to)
		}
		for _, r := range s.Sweep(t.Context(), pages("a.example", 6, 0), nil).Results {
			if r.State != check.Up {
				t.Errorf("%s is %v", r.Name, r.State)
			}
		}
		if c.most["a.example"] != 2 || time.Since(c.began) > 4*time.Second {
			t.Errorf("%d at once, %v", c.most["a.example"], time.Since(c.began))
		}
	})
}

// A place is free as soon as it was given back, though the check goes on.
func TestPlaceIsFreeBeforeTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		s := newCrowd().sweeper(10, 1)
		s.Probe = func(ctx context.Context, to *check.Target) check.Result {
			done, err := place(ctx, weburl.Parsed(to.URL))
			if err != nil {
				t.Error(err)
			}
			time.Sleep(time.Second)
			done()
			time.Sleep(time.Second)
			return check.Result{Name: to.Name, State: check.Up, Attempts: 1}
		}
		s.Sweep(t.Context(), pages("a.example", 3, 0), nil)
		if took := time.Since(began); took != 4*time.Second {
			t.Errorf("took %v, want 4s", took)
		}
	})
}

// A check that no longer waits for its next hop makes room for others to begin.
func TestTurnThatIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		s := newCrowd().sweeper(2, 1)
		s.Probe = func(ctx context.Context, to *check.Target) check.Result {
			res := check.Result{Name: to.Name, State: check.Up, Attempts: 1}
			if to.Name == "login.example/0" {
				time.Sleep(time.Hour)
				return res
			}
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			if _, err := place(ctx, &url.URL{Scheme: "http", Host: "login.example"}); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Place = %v, want the context's end", err)
			}
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("%s ended after %v", to.Name, took)
			}
			return res
		}
		list := pages("login.example", 1, 0)
		for i := range 10 {
			list = append(list, pages(fmt.Sprintf("host-%d.example", i), 1, 0)...)
		}
		s.Sweep(t.Context(), list, nil)
	})
}

// Only the worst hosts are named.
func TestWarningsAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd()
		var list []check.Target
		for i := range 5 {
			list = append(list, pages(fmt.Sprintf("host-%d.example", i), 3+i, 0)...)
		}
		got := c.sweeper(840, 1).Sweep(budget(t, 1500*time.Millisecond), list, nil).Warnings
		if len(got) != 3 || !strings.Contains(got[0], "host-4.example:80: 5 of its 7") || !strings.HasSuffix(got[2], "; the same is true of 2 more hosts") {
			t.Errorf("warnings %q", got)
		}
	})
}

// A prober may be left behind while it waits: whatever it does later has no
// effect on others.
func TestTurnOfACheckThatIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd()
		s := c.sweeper(10, 1)
		release, late := make(chan struct{}), make(chan error, 2)
		s.Probe = func(ctx context.Context, to *check.Target) check.Result {
			if to.Name == "a.example/0" {
				go func() {
					<-release
					for _, host := range []string{"a.example", "b.example"} { // nothing is given back
						_, err := place(ctx, &url.URL{Scheme: "http", Host: host})
						late <- err
					}
				}()
				return check.Result{Name: to.Name, State: check.Up, Attempts: 1}
			}
			if to.Name == "a.example/1" {
				close(release)
				synctest.Wait()
			}
			return c.probe(ctx, to)
		}
		s.InFlight = 1
		s.Sweep(t.Context(), append(pages("a.example", 4, 0), pages("b.example", 1, 0)...), nil)
		if err := cmp.Or(<-late, <-late); err != nil {
			t.Error(err)
		}
		if c.most["a.example"] != 1 || time.Since(c.began) != 4*time.Second {
			t.Errorf("%d at once, %v", c.most["a.example"], time.Since(c.began))
		}
	})
}

// Whatever hosts pages and their redirects have, and whenever the run ends, no
// limit is exceeded, each target has one result, and the sweep ends in time.
func TestLimitsHoldForAnyList(t *testing.T) {
	for seed := range uint64(60) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			inFlight, perHost := 1+random.IntN(12), 1+random.IntN(4)
			c := newCrowd()
			var list []check.Target
			for host := range 1 + random.IntN(8) {
				list = append(list, pages(fmt.Sprintf("host-%d.example", host), 1+random.IntN(12), random.IntN(3))...)
			}
			random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
			kinds := []check.Reason{check.OK, check.OK, check.Timeout, check.ConnectionReset, check.TLSExpired}
			for i := range list {
				for range random.IntN(4) {
					c.hops[list[i].Name] = append(c.hops[list[i].Name], fmt.Sprintf("http://host-%d.example/next", random.IntN(8)))
				}
				for range random.IntN(4) {
					c.reasons[list[i].Name] = append(c.reasons[list[i].Name], kinds[random.IntN(len(kinds))])
				}
			}
			var final []int
			limit := time.Duration(1+random.IntN(100)) * 700 * time.Millisecond
			outcome := c.sweeper(inFlight, perHost).Sweep(budget(t, limit), list, recorder(&final))
			if took := time.Since(c.began); took > limit {
				t.Errorf("seed %d: took %v, want at most %v", seed, took, limit)
			}
			for host, most := range c.most {
				if most > perHost {
					t.Errorf("seed %d: %d at once with %s, want at most %d", seed, most, host, perHost)
				}
			}
			slices.Sort(final)
			if c.peak > inFlight || len(final) != len(list) || len(slices.Compact(final)) != len(list) {
				t.Errorf("seed %d: %d at once, want at most %d; final %v of %d", seed, c.peak, inFlight, final, len(list))
			}
			for i, r := range outcome.Results {
				if r.Name != list[i].Name || r.Reason == check.Unstarted && len(c.starts[r.Name]) > 0 {
					t.Errorf("seed %d: result %d is of %s, %v", seed, i, r.Name, r.Reason)
				}
			}
		})
	}
}

func BenchmarkSweep(b *testing.B) {
	var list []check.Target
	for i := range 10_000 {
		list = append(list, pages(fmt.Sprintf("host-%d.example", i), 1, 0)...)
	}
	for _, perHost := range []int{0, 16} {
		b.Run(fmt.Sprint(perHost), func(b *testing.B) {
			s := &Sweeper{InFlight: 840, PerHost: perHost, Log: slog.New(slog.DiscardHandler), Probe: func(ctx context.Context, to *check.Target) check.Result {
				done, _ := place(ctx, weburl.Parsed(to.URL))
				defer done()
				return check.Result{State: check.Up, Attempts: 1}
			}}
			for b.Loop() {
				s.Sweep(b.Context(), list, nil)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(list)), "ns/check")
		})
	}
}
