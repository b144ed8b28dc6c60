package publish

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"
)

// TestASilentCloudWatchIsAskedOnce: a run after one in which CloudWatch was
// silent makes one attempt; as soon as anything responds, as many as ever.
func TestASilentCloudWatchIsAskedOnce(t *testing.T) {
	throttled := response(400, &smithy.GenericAPIError{Code: "Throttling"})
	slowly := func(ctx context.Context, n int, names []string) error { // 900 ms, and then nothing
		ctx, cancel := context.WithTimeout(ctx, leastSilence-100*time.Millisecond)
		defer cancel()
		return hang(ctx, n, names)
	}
	type respond = func(context.Context, int, []string) error
	for _, test := range []struct {
		name        string
		first, then respond
		requests    int // of the second session
		accepted    bool
	}{
		{"silent twice", hang, hang, 1, false},
		{"silent, then well", hang, accept, 1, true},
		{"silent, then throttled", hang, always(throttled), maxAttempts, false},
		{"silent, then refused", hang, always(response(0, &smithy.CanceledError{})), 1, false},
		{"throttled, then silent", always(throttled), hang, maxAttempts, false},
		{"well, then silent", accept, hang, maxAttempts, false},
		{"refused at once, then silent", always(response(0, &smithy.CanceledError{})), hang, maxAttempts, false},
		{"not silent for long, then silent", slowly, hang, maxAttempts, false},
		{"one response among silence", func(ctx context.Context, n int, names []string) error {
			if n == maxAttempts {
				return throttled
			}
			return hang(ctx, n, names)
		}, hang, maxAttempts, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			var emf lockedLines
			silence := &Silence{}
			run := func(respond respond) (*fake, *Session) {
				client := &fake{respond: respond}
				s := (&Publisher{Client: client.PutMetricData, Namespace: "Shop", EMF: &emf, Silence: silence}).Begin(t.Context())
				s.Add(many(3)...)
				s.Flush(t.Context())
				s.Add(many(2)...)
				s.Flush(t.Context())
				s.Close()
				return client, s
			}
			run(test.first)
			client, s := run(test.then)
			if got := s.stats.Accepted == 5; got != test.accepted || s.stats.Lost > 0 {
				t.Errorf("%s: %+v", test.name, s.stats)
			}
			if test.accepted {
				test.requests = 2 // one each Flush
			}
			if got := len(client.at); got != test.requests {
				t.Errorf("%s: %d requests, want %d", test.name, got, test.requests)
			}
		})
	}
}

// TestTheLogSaysThatCloudWatchIsStillSilent, and how the next run knows.
func TestTheLogSaysThatCloudWatchIsStillSilent(t *testing.T) {
	session(t, hang, func(t *testing.T, b *bench) {
		b.to.Silence = &Silence{}
		b.hushed = true
		b.Add(many(3)...)
		began := time.Now()
		b.Flush(t.Context())
		if took := time.Since(began); took != attemptTimeout {
			t.Errorf("it took %v, want one attempt of %v", took, attemptTimeout)
		}
		b.Close()
		if want := "CloudWatch did not respond in the last run, nor in one attempt of this"; !strings.Contains(b.log.String(), want) {
			t.Errorf("log %q, want %q", b.log.String(), want)
		}
		if !b.to.Silence.last.Load() {
			t.Error("the next run does not know")
		}
	})
}
