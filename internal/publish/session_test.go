package publish

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/smithy-go"

	"rollcall/internal/metric"
)

// A fake is a Client that responds as respond says and keeps what it was sent.
// n counts the requests from 1.
type fake struct {
	respond func(ctx context.Context, n int, names []string) error

	mu       sync.Mutex
	began    time.Time
	at       []time.Duration // of each request, since the first
	accepted []string        // dimension values
}

func (f *fake) PutMetricData(ctx context.Context, in *cloudwatch.PutMetricDataInput, _ ...func(*cloudwatch.Options)) (*cloudwatch.PutMetricDataOutput, error) {
	var names []string
	for _, d := range in.MetricData {
		names = append(names, *d.Dimensions[0].Value)
	}
	f.mu.Lock()
	if f.at == nil {
		f.began = time.Now()
	}
	f.at = append(f.at, time.Since(f.began))
	n := len(f.at)
	f.mu.Unlock()
	trace := httptrace.ContextClientTrace(ctx)
	trace.GetConn("monitoring:443")
	trace.WroteHeaders()
	if err := f.respond(ctx, n, names); err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.accepted = append(f.accepted, names...)
	f.mu.Unlock()
	return &cloudwatch.PutMetricDataOutput{}, nil
}

func accept(context.Context, int, []string) error { return nil }

// hang responds when the request is cut off, as the SDK does.
func hang(ctx context.Context, _ int, _ []string) error {
	<-ctx.Done()
	return response(0, &smithy.CanceledError{Err: ctx.Err()})
}

func always(err error) func(context.Context, int, []string) error {
	return func(context.Context, int, []string) error { return err }
}

// A bench is a session over a fake, with everything that it puts out.
type bench struct {
	*Session
	client *fake
	emf    lockedLines
	log    bytes.Buffer
}

type lockedLines struct {
	mu    sync.Mutex
	lines calls
}

func (l *lockedLines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines.Write(b)
}

// session runs test within a bubble of fake time, on a session without
// randomness, and fails it if a goroutine stays.
func session(t *testing.T, respond func(context.Context, int, []string) error, test func(t *testing.T, b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{client: &fake{respond: respond}}
		p := &Publisher{
			Client: b.client.PutMetricData, Namespace: "Shop", EMF: &b.emf,
			Log:    slog.New(slog.NewTextHandler(&b.log, &slog.HandlerOptions{ReplaceAttr: withoutTime})),
			jitter: func(d time.Duration) time.Duration { return d },
		}
		b.Session = p.Begin(t.Context())
		defer b.Close()
		test(t, b)
	})
}

func withoutTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

func many(n int) []metric.Datum {
	datums := make([]metric.Datum, n)
	for i := range datums {
		datums[i] = plain("Up", fmt.Sprintf("t%05d", i), 1)
	}
	return datums
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// byLog returns the targets in EMF lines, in order.
func (b *bench) byLog(t *testing.T) []string {
	var names []string
	for _, l := range b.emf.lines {
		for k := range readEMF(t, l) {
			_, name, _ := strings.Cut(k, "Target=")
			name, _, _ = strings.Cut(name, " ")
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func check(t *testing.T, got, want metric.DeliveryStats) {
	t.Helper()
	if got != want {
		t.Errorf("tally %+v, want %+v", got, want)
	}
}

func TestFullBatchesLeaveInTheBackground(t *testing.T) {
	session(t, accept, func(t *testing.T, b *bench) {
		b.Add(many(2500)...)
		synctest.Wait()
		if got := len(b.client.accepted); got != 2000 {
			t.Errorf("%d datums left before Flush, want 2000", got)
		}
		check(t, b.Flush(within(t, time.Second)), metric.DeliveryStats{Datums: 2500, Accepted: 2500, Requests: 3})
		b.Add(many(1)...)
		check(t, b.Flush(within(t, time.Second)), metric.DeliveryStats{Datums: 2501, Accepted: 2501, Requests: 4})
		check(t, b.Flush(within(t, time.Second)), metric.DeliveryStats{Datums: 2501, Accepted: 2501, Requests: 4})
		if err := b.Err(); err != nil || len(b.emf.lines) > 0 || b.log.Len() > 0 {
			t.Errorf("Err %v, %d lines of EMF, log %q", err, len(b.emf.lines), b.log.String())
		}
	})
}

func TestBatchesAreBoundedInBytes(t *testing.T) {
	var sizes []int
	session(t, func(_ context.Context, _ int, names []string) error {
		sizes = append(sizes, len(names))
		return nil
	}, func(t *testing.T, b *bench) {
		for range 700 {
			d := spread("Duration", 2, upTo(150)...)
			d.Dimensions = []metric.Dimension{{Name: "Group", Value: "g"}}
			b.Add(d)
			synctest.Wait() // one batch after the other, so that sizes needs no lock
		}
		b.Flush(t.Context())
		if want := []int{311, 311, 78}; !slices.Equal(sizes, want) {
			t.Errorf("batches of %v datums, want %v", sizes, want)
		}
	})
}

func TestThrottledRequestsAreRepeated(t *testing.T) {
	session(t, func(_ context.Context, n int, _ []string) error {
		return []error{api(400, "Throttling"), api(500, "InternalFailure"), api(503, "ServiceUnavailable"), nil}[n-1]
	}, func(t *testing.T, b *bench) {
		b.Add(many(3)...)
		check(t, b.Flush(within(t, time.Minute)), metric.DeliveryStats{Datums: 3, Accepted: 3, Requests: 4, Retries: 3})
		want := []time.Duration{0, 100 * time.Millisecond, 300 * time.Millisecond, 700 * time.Millisecond}
		if !slices.Equal(b.client.at, want) {
			t.Errorf("requests at %v, want %v", b.client.at, want)
		}
	})
}

func TestRetriesAreSpent(t *testing.T) {
	session(t, always(api(400, "Throttling")), func(t *testing.T, b *bench) {
		b.Add(many(3)...)
		check(t, b.Flush(t.Context()), metric.DeliveryStats{Datums: 3, EMF: 3, Requests: 8, Retries: 7})
		if got, want := b.client.at[7], 9500*time.Millisecond; got != want {
			t.Errorf("the last request after %v, want %v", got, want)
		}
		if b.Err() != nil {
			t.Errorf("Err = %v, though all went by EMF", b.Err())
		}
	})
}

func TestJitterIsBounded(t *testing.T) {
	for range 1000 {
		if d := (&Publisher{}).Begin(t.Context()).to.jitter(firstPause); d < 0 || d > firstPause {
			t.Fatalf("jitter = %v", d)
		}
	}
}

func TestTheDeadlineLeavesTimeForEMF(t *testing.T) {
	session(t, hang, func(t *testing.T, b *bench) {
		b.Add(many(2500)...)
		began := time.Now()
		got := b.Flush(within(t, 2*time.Second))
		check(t, got, metric.DeliveryStats{Datums: 2500, EMF: 2500, Unclear: 2500, Requests: 3})
		if took, want := time.Since(began), 1750*time.Millisecond; took != want {
			t.Errorf("Flush took %v, want %v", took, want)
		}
		if got := b.byLog(t); len(got) != 2500 {
			t.Errorf("%d datums in the log, want 2500", len(got))
		}
		if want := "level=WARN msg=\"CloudWatch did not take metrics; the metrics fall back to EMF in the log\" reason=\"the time for publishing ended"; strings.Count(b.log.String(), want) != 1 {
			t.Errorf("log %q, want %q once", b.log.String(), want)
		}

		b.client.respond = accept // and what comes later has time of its own
		b.Add(many(1001)...)
		synctest.Wait()
		if got := len(b.client.accepted); got != 1000 {
			t.Errorf("%d datums accepted before the next Flush, want 1000", got)
		}
		check(t, b.Flush(within(t, time.Second)), metric.DeliveryStats{Datums: 3501, Accepted: 1001, EMF: 2500, Unclear: 2500, Requests: 5})
	})
}

func TestADeadlineIsForOneFlush(t *testing.T) {
	session(t, accept, func(t *testing.T, b *bench) {
		b.Add(many(1)...)
		b.Flush(within(t, time.Second))
		time.Sleep(2 * time.Second) // of the bubble
		b.Add(many(1001)...)
		synctest.Wait()
		if got := len(b.client.accepted); got != 1001 {
			t.Errorf("%d datums accepted after the first Flush's deadline, want 1001", got)
		}
	})
}

func TestAShortDeadline(t *testing.T) {
	session(t, hang, func(t *testing.T, b *bench) {
		b.Add(many(1)...)
		began := time.Now()
		b.Flush(within(t, 300*time.Millisecond))
		if took, want := time.Since(began), 225*time.Millisecond; took != want {
			t.Errorf("Flush took %v, want %v", took, want)
		}
	})
}

func TestACancelledFlush(t *testing.T) {
	for range 100 {
		session(t, accept, func(t *testing.T, b *bench) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			b.Add(many(2)...)
			check(t, b.Flush(ctx), metric.DeliveryStats{Datums: 2, EMF: 2})
			b.Add(many(1)...)
			b.Close()
			check(t, b.stats, metric.DeliveryStats{Datums: 3, EMF: 3})
		})
	}
}

func TestAnAttemptEnds(t *testing.T) {
	session(t, func(ctx context.Context, n int, names []string) error {
		if n == 1 {
			return hang(ctx, n, names)
		}
		return nil
	}, func(t *testing.T, b *bench) {
		b.Add(many(2)...)
		check(t, b.Flush(t.Context()), metric.DeliveryStats{Datums: 2, Accepted: 2, Unclear: 2, Requests: 2, Retries: 1})
		if got, want := b.client.at[1], attemptTimeout+firstPause; got != want {
			t.Errorf("the second request after %v, want %v", got, want)
		}
	})
}

func TestUnclearIsCountedOnceADatum(t *testing.T) {
	session(t, func(_ context.Context, n int, _ []string) error {
		if n < 4 {
			return unsent(io.EOF)
		}
		return nil
	}, func(t *testing.T, b *bench) {
		b.Add(many(5)...)
		check(t, b.Flush(t.Context()), metric.DeliveryStats{Datums: 5, Accepted: 5, Unclear: 5, Requests: 4, Retries: 3})
	})
}

// refusing refuses batches that have one of these targets.
func refusing(err error, bad ...string) func(context.Context, int, []string) error {
	return func(_ context.Context, _ int, names []string) error {
		if slices.ContainsFunc(names, func(n string) bool { return slices.Contains(bad, n) }) {
			return err
		}
		return nil
	}
}

func TestAnInvalidDatumIsDroppedAlone(t *testing.T) {
	for name, err := range map[string]error{"invalid": api(400, "InvalidParameterValue"), "too large": response(413, errors.New("x"))} {
		t.Run(name, func(t *testing.T) {
			session(t, refusing(err, "t00003", "t00777"), func(t *testing.T, b *bench) {
				b.Add(many(1000)...)
				got := b.Flush(t.Context())
				check(t, got, metric.DeliveryStats{Datums: 1000, Accepted: 998, Lost: 2, Requests: got.Requests})
				if got.Requests > 41 || slices.Contains(b.client.accepted, "t00003") || len(b.client.accepted) != 998 {
					t.Errorf("%d requests, %d accepted", got.Requests, len(b.client.accepted))
				}
				if err := b.Err(); err != nil {
					t.Errorf("Err = %v, though only invalid ones are lost", err)
				}
				if l := b.log.String(); strings.Count(l, "\n") != 2 || !strings.Contains(l, `metric=Up dimension="Target=t00777" reason=`) {
					t.Errorf("log %q, want a line for each of the two", l)
				}
			})
		})
	}
}

// TestARefusalThatNamesTheDatumCostsTwoRequests, and one that names a wrong
// one is halved as if it named none.
func TestARefusalThatNamesTheDatumCostsTwoRequests(t *testing.T) {
	naming := func(member string, bad string) func(context.Context, int, []string) error {
		return func(_ context.Context, _ int, names []string) error {
			i := slices.Index(names, bad)
			if i < 0 {
				return nil
			}
			said := strings.ReplaceAll(member, "N", fmt.Sprint(i+1))
			return response(400, &smithy.GenericAPIError{Code: "InvalidParameterValue", Message: "The parameter MetricData.member." + said + " is wrong."})
		}
	}
	for _, test := range []struct {
		member   string
		requests int
	}{{"N.Value", 3}, {"N", 3}, {"0.Value", 21}, {"1001.Value", 21}, {"99999999999999999999.Value", 21}, {".Value", 21}} {
		session(t, naming(test.member, "t00777"), func(t *testing.T, b *bench) {
			b.Add(many(1000)...)
			got := b.Flush(t.Context())
			check(t, got, metric.DeliveryStats{Datums: 1000, Accepted: 999, Lost: 1, Requests: got.Requests})
			if got.Requests > test.requests {
				t.Errorf("%s: %d requests, want at most %d", test.member, got.Requests, test.requests)
			}
			if l := b.log.String(); strings.Count(l, "\n") != 1 || !strings.Contains(l, "Target=t00777") {
				t.Errorf("%s: log %q, want a line for the one", test.member, l)
			}
		})
	}
	session(t, naming("1.Value", "t00777"), func(t *testing.T, b *bench) { // always the first
		b.Add(many(1000)...)
		if got := b.Flush(t.Context()); got.Accepted != 999 || got.Lost != 1 || got.Requests > 2*maxGuesses+21 {
			t.Errorf("%+v, want one lost in at most %d requests", got, 2*maxGuesses+21)
		}
	})
}

func TestWhenEveryDatumIsRefusedTheFaultIsElsewhere(t *testing.T) {
	session(t, always(api(400, "InvalidParameterValue")), func(t *testing.T, b *bench) {
		b.Add(many(1000)...)
		got := b.Flush(t.Context())
		check(t, got, metric.DeliveryStats{Datums: 1000, EMF: 975, Lost: 25, Requests: got.Requests})
		if l := b.log.String(); got.Requests > 70 || !strings.Contains(l, `CloudWatch refuses every metric of the namespace \"Shop\" as invalid`) {
			t.Errorf("%d requests, log %q", got.Requests, l)
		}
	})
}

func TestABadBatchStallsNoOther(t *testing.T) {
	throttled := api(400, "Throttling")
	session(t, refusing(throttled, "t00000"), func(t *testing.T, b *bench) {
		b.Add(many(20_001)...)
		time.Sleep(time.Second) // of the bubble; the bad batch is still being tried
		synctest.Wait()
		if got := len(b.client.accepted); got != 19_000 {
			t.Errorf("%d accepted after a second, want 19,000", got)
		}
		got := b.Flush(within(t, time.Minute))
		check(t, got, metric.DeliveryStats{Datums: 20_001, Accepted: 19_001, EMF: 1000, Requests: 28, Retries: 7})
		b.Add(many(2)[1]) // one batch in vain does not mean that CloudWatch takes nothing
		check(t, b.Flush(within(t, time.Minute)), metric.DeliveryStats{Datums: 20_002, Accepted: 19_002, EMF: 1000, Requests: 29, Retries: 7})
	})
}

func TestRequestsStayBelow50ASecond(t *testing.T) {
	session(t, accept, func(t *testing.T, b *bench) {
		b.Add(many(130_000)...)
		b.Flush(t.Context())
		for i := range b.client.at {
			if i >= 50 && b.client.at[i]-b.client.at[i-50] < time.Second {
				t.Fatalf("requests %d to %d took %v", i-50, i, b.client.at[i]-b.client.at[i-50])
			}
		}
		if got, want := b.client.at[129].Round(time.Millisecond), 2800*time.Millisecond; got != want {
			t.Errorf("130 requests took %v, want %v", got, want)
		}
	})
}

func TestAddWaitsTwoSecondsInAll(t *testing.T) {
	session(t, hang, func(t *testing.T, b *bench) {
		began := time.Now()
		b.Add(many(55_000)...) // 4 with the senders, 48 waiting, the rest has no place
		if got := time.Since(began); got != addWait {
			t.Errorf("Add took %v, want %v", got, addWait)
		}
		synctest.Wait()
		if got := len(b.client.at); got != senders {
			t.Errorf("%d requests at once, want %d", got, senders)
		}
		if got := len(b.emf.lines); got != 2000 {
			t.Errorf("%d lines of EMF before Flush, want 2000", got)
		}
		got := b.Flush(within(t, 4*time.Second))
		if got.EMF != 55_000 || got.Lost != 0 {
			t.Errorf("tally %+v, want all by EMF", got)
		}
	})
}

func TestDeniedAccessStopsTheRequests(t *testing.T) {
	session(t, always(api(403, "AccessDenied")), func(t *testing.T, b *bench) {
		b.Add(many(10)...)
		check(t, b.Flush(t.Context()), metric.DeliveryStats{Datums: 10, EMF: 10, Requests: 1})
		b.Add(many(5000)...)
		check(t, b.Flush(t.Context()), metric.DeliveryStats{Datums: 5010, EMF: 5010, Requests: 1})
		l := b.log.String()
		for _, want := range []string{"level=ERROR", "cloudwatch:PutMetricData", "cloudwatch:namespace", `\"Shop\"`, "AccessDenied"} {
			if !strings.Contains(l, want) {
				t.Errorf("log %q lacks %s", l, want)
			}
		}
		if strings.Count(l, "\n") != 1 || b.Err() != nil {
			t.Errorf("Err %v, log %q, want one line", b.Err(), l)
		}
	})
}

func TestEachHopelessErrorSaysWhatToDo(t *testing.T) {
	for want, err := range map[string]error{
		"Renew them":                   api(403, "ExpiredToken"),
		"Set AWS_REGION":               operation(errors.New("Missing Region")),
		"ROLLCALL_CLOUDWATCH_ENDPOINT": response(404, errors.New("not found")),
	} {
		session(t, always(err), func(t *testing.T, b *bench) {
			b.Add(many(2)...)
			check(t, b.Flush(t.Context()), metric.DeliveryStats{Datums: 2, EMF: 2, Requests: 1})
			if l := b.log.String(); !strings.Contains(l, want) || strings.Count(l, "\n") != 1 {
				t.Errorf("log %q, want one line with %q", l, want)
			}
		})
	}
}

func TestPublishError(t *testing.T) {
	denied := `2 of 2 metrics reached neither CloudWatch nor the log: CloudWatch denies access to the namespace "Shop": ` + api(403, "AccessDenied").Error() +
		`. Allow the role the action cloudwatch:PutMetricData on the resource "*", with the condition key cloudwatch:namespace equal to "Shop".`
	for name, test := range map[string]struct {
		publisher Publisher
		want      string
	}{
		"denied, no log":    {Publisher{Client: (&fake{respond: always(api(403, "AccessDenied"))}).PutMetricData, Namespace: "Shop"}, denied},
		"nothing to go to":  {Publisher{Namespace: "Shop"}, "2 of 2 metrics reached neither CloudWatch nor the log: there is no client for CloudWatch. The alarms did not see them: make sure that this does not happen in every run."},
		"no time":           {Publisher{Client: (&fake{respond: hang}).PutMetricData, Namespace: "Shop"}, "Give the run more time to publish: a longer timeout or ROLLCALL_RESERVE."},
		"the log is broken": {Publisher{Namespace: "Shop", EMF: &brittle{}}, "2 of 2 metrics reached neither CloudWatch nor the log: writing EMF: broken pipe (CloudWatch: there is no client for CloudWatch). "},
		"blank namespace":   {Publisher{Client: (&fake{respond: accept}).PutMetricData, Namespace: " ", EMF: io.Discard}, "2 of 2 metrics reached neither CloudWatch nor the log: the namespace is blank. Use another one in ROLLCALL_NAMESPACE."},
		"AWS's namespace":   {Publisher{Client: (&fake{respond: accept}).PutMetricData, Namespace: "AWS/Shop", EMF: io.Discard}, `the namespace "AWS/Shop" begins with AWS/ or a colon`},
		"é in it":           {Publisher{Client: (&fake{respond: accept}).PutMetricData, Namespace: "Café", EMF: io.Discard}, "not printable ASCII"},
		"too long":          {Publisher{Client: (&fake{respond: accept}).PutMetricData, Namespace: strings.Repeat("x", 256), EMF: io.Discard}, "has 256 characters and may have 255"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := test.publisher.Begin(t.Context())
				defer s.Close()
				s.Add(many(2)...)
				if got := s.Flush(within(t, time.Second)); got.Lost != 2 || got.Datums != 2 {
					t.Errorf("tally %+v, want both lost", got)
				}
				var lost *PublishError
				err := s.Err()
				if !errors.As(err, &lost) || !strings.Contains(err.Error(), test.want) || lost.Lost != 2 || errors.Unwrap(err) == nil {
					t.Errorf("Err = %v, want …%s…", err, test.want)
				}
			})
		})
	}
}

func TestANilClientMeansEMF(t *testing.T) {
	var lines calls
	s := (&Publisher{Namespace: "Shop", EMF: &lines}).Begin(t.Context())
	s.Add(plain("Up", "a", 1), plain("Duration", "a", 2))
	check(t, s.Flush(t.Context()), metric.DeliveryStats{Datums: 2, EMF: 2})
	s.Close()
	if len(lines) != 1 || s.Err() != nil {
		t.Errorf("%d lines, Err %v; want one line", len(lines), s.Err())
	}
}

func TestCloseLosesNothing(t *testing.T) {
	session(t, hang, func(t *testing.T, b *bench) {
		b.Add(many(1500)...)
		synctest.Wait()
		b.Close()
		if got := len(b.byLog(t)); got != 1500 {
			t.Errorf("%d datums in the log, want 1500", got)
		}
	})
}

func TestWhenTheRunEndsSoDoRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var lines lockedLines
		s := (&Publisher{Client: (&fake{respond: hang}).PutMetricData, Namespace: "Shop", EMF: &lines}).Begin(ctx)
		defer s.Close()
		s.Add(many(1001)...)
		synctest.Wait()
		cancel()
		got := s.Flush(t.Context())
		check(t, got, metric.DeliveryStats{Datums: 1001, EMF: 1001, Unclear: 1000, Requests: 1})
	})
}

func TestAddFromSeveralGoroutines(t *testing.T) {
	session(t, accept, func(t *testing.T, b *bench) {
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				for _, d := range many(500) {
					b.Add(d)
				}
			})
		}
		group.Wait()
		check(t, b.Flush(t.Context()), metric.DeliveryStats{Datums: 4000, Accepted: 4000, Requests: 4})
	})
}
