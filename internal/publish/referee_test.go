package publish

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"rollcall/internal/metric"
	"rollcall/internal/testnet"
)

// Books say of each series, "Up Target=t000001", how often its one datum got
// where. They come from what CloudWatch kept, what the log holds and what it
// says was dropped; never from the session's own account.
type books struct {
	produced int
	kept     map[string]int // by CloudWatch, also where the client does not know
	logged   map[string]int // lines of EMF
	dropped  map[string]int // by lines of the log that name them
}

// each is n datums of one series each, as a sweep of the profile phases has
// them: eight series a target.
func each(n int, yield func(metric.Datum)) {
	names := [...]string{"Up", "Duration", "DNSTime", "ConnectTime", "TLSTime", "FirstByteTime", "TransferTime", "CertificateDaysLeft"}
	at := time.Now().Truncate(time.Minute)
	for i := range n {
		d := plain(names[i%len(names)], fmt.Sprintf("target-%06d.shop.example.com/health", i/len(names)), float64(i)/8)
		d.Time = at
		yield(d)
	}
}

func dimensionOf(d metric.Datum) string { return d.Dimensions[0].Name + "=" + d.Dimensions[0].Value }

func entry(metric, dimension string) string { return metric + " " + dimension }

// A trial is a session over a real client on a referee, and all it puts out.
type trial struct {
	cloudWatch *testnet.CloudWatch
	emf        io.Writer
	lines      lockedLines // what emf is, if it is not something else
	log        lockedBuffer
	*Session
}

type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

// try begins a session; emf nil is a log that can be written.
func try(t *testing.T, emf io.Writer) *trial {
	t.Helper()
	cloudWatch, err := testnet.NewCloudWatch()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cloudWatch.Close() })
	tr := &trial{cloudWatch: cloudWatch, emf: emf}
	if emf == nil {
		tr.emf = &tr.lines
	}
	p := Publisher{Client: NewClient(static(), cloudWatch.URL()), Namespace: "Shop", EMF: tr.emf, Log: slog.New(slog.NewJSONHandler(&tr.log, nil))}
	tr.Session = p.Begin(t.Context())
	t.Cleanup(tr.Close)
	return tr
}

// open reads the books.
func (tr *trial) open(t *testing.T, produced int) books {
	t.Helper()
	b := books{produced, map[string]int{}, map[string]int{}, map[string]int{}}
	for _, d := range tr.cloudWatch.Accepted() {
		b.kept[entry(d.Metric, "Target="+d.Dimension("Target"))]++
	}
	for _, l := range tr.lines.lines {
		for _, o := range parseEMF(t, []byte(l)) {
			b.logged[entry(o.metric, o.dimensions)]++
		}
	}
	for _, l := range strings.Split(strings.TrimSpace(tr.log.String()), "\n") {
		var line struct{ Metric, Dimension string }
		if json.Unmarshal([]byte(l), &line) == nil && line.Metric != "" {
			b.dropped[entry(line.Metric, line.Dimension)]++
		}
	}
	return b
}

// balance holds the session's account against the books: accepted, EMF and
// lost are all that was produced; each datum is in one place and there once,
// except those that CloudWatch kept and the session could not know of: every
// one of them is unclear.
func (tr *trial) balance(t *testing.T, got metric.DeliveryStats, b books) {
	t.Helper()
	if got.Datums != b.produced || got.Accepted+got.EMF+got.Lost != b.produced {
		t.Errorf("%d + %d + %d = %d of %d produced", got.Accepted, got.EMF, got.Lost, got.Accepted+got.EMF+got.Lost, b.produced)
	}
	silent := sum(b.kept) - got.Accepted // kept, and nobody heard of it
	if silent < 0 || silent > 0 && got.Unclear == 0 || sum(b.logged) != got.EMF {
		t.Errorf("the session says %d accepted, %d by EMF and %d unclear; CloudWatch kept %d, the log holds %d", got.Accepted, got.EMF, got.Unclear, sum(b.kept), sum(b.logged))
	}
	nowhere, doubled, copies := 0, 0, 0
	each(b.produced, func(d metric.Datum) {
		key := entry(d.Metric, dimensionOf(d))
		switch n := b.kept[key] + b.logged[key]; {
		case n == 0:
			nowhere++
		case n > 1:
			doubled++
		}
		copies += b.kept[key] + b.logged[key]
		if b.logged[key] > 1 {
			t.Errorf("%s is in the log %d times", key, b.logged[key])
		}
	})
	if nowhere > got.Lost || nowhere < got.Lost-silent {
		t.Errorf("%d datums are nowhere, the session lost %d", nowhere, got.Lost)
	}
	if doubled > got.Unclear || copies != sum(b.kept)+sum(b.logged) {
		t.Errorf("%d datums are there more than once, %d are unclear; %d copies are of what was produced, there are %d", doubled, got.Unclear, copies, sum(b.kept)+sum(b.logged))
	}
}

func sum(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// weather is what a bad day is: the shares of the faults.
func weather(seed uint64) testnet.RandomFaults {
	return testnet.RandomFaults{
		Seed:   seed,
		Shares: map[testnet.Mode]float64{testnet.Throttled: 0.30, testnet.Failing: 0.05, testnet.ResetAfterAccepting: 0.01},
		Refuse: 0.0001,
	}
}

// size is how many datums the long test publishes.
func size(t *testing.T) int {
	t.Helper()
	if os.Getenv("ROLLCALL_SOAK") == "" {
		return 100_000
	}
	n, err := strconv.Atoi(os.Getenv("ROLLCALL_SOAK"))
	if err != nil {
		t.Fatalf("ROLLCALL_SOAK: %v", err)
	}
	return n
}

// paced is how fast a sweep makes datums: no faster than CloudWatch takes
// them, for what is left over goes by EMF.
const paced = 22_000 // a second

func TestNothingIsLostAndNothingIsThereTwice(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: make test-all")
	}
	n := size(t)
	tr := try(t, nil)
	random := weather(20261123)
	tr.cloudWatch.SetRandomFaults(random)
	began, made := time.Now(), 0
	each(n, func(d metric.Datum) {
		tr.Add(d)
		if made++; made%1000 == 0 {
			time.Sleep(time.Until(began.Add(time.Duration(made) * time.Second / paced)))
		}
	})
	got := tr.Flush(within(t, time.Minute))
	t.Logf("%d datums in %v: %+v", n, time.Since(began).Round(time.Millisecond), got)
	b := tr.open(t, n)
	tr.balance(t, got, b)
	refusable := 0
	each(n, func(d metric.Datum) {
		want := 0
		if random.Refuses(testnet.Datum{Namespace: "Shop", Metric: d.Metric, Dimensions: []testnet.Dimension{{Name: "Target", Value: d.Dimensions[0].Value}}}) {
			want = 1
			refusable++
		}
		if key := entry(d.Metric, dimensionOf(d)); b.dropped[key] != want && b.logged[key] == 0 {
			t.Errorf("%s was dropped %d times, want %d", key, b.dropped[key], want)
		}
	})
	if got.Lost != sum(b.dropped) || got.Lost == 0 || got.Lost > refusable || tr.Err() != nil {
		t.Errorf("%d lost of %d refusable, %d named in the log; Err %v", got.Lost, refusable, sum(b.dropped), tr.Err())
	}
	if got.Unclear == 0 || got.Retries == 0 || got.Accepted < n/10 {
		t.Errorf("%+v: the referee was too kind, or nearly all went by EMF", got)
	}
}

// full is a standard output that takes nothing.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// TestEveryFaultKeepsTheBooks meets each fault by itself: in every request and
// in a share of them, with a log that can be written and with one that can't.
// They run together, as most of their time is waiting.
func TestEveryFaultKeepsTheBooks(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: make test-all")
	}
	const n = 1100
	trials := map[string]*trial{}
	for name, mode := range map[string]testnet.Mode{
		"throttled": testnet.Throttled, "500": testnet.Failing, "hang": testnet.Hanging, "drip": testnet.Dripping, "403": testnet.AccessDenied,
		"413": testnet.TooLarge, "garbage": testnet.Garbage, "dies in the middle of a response": testnet.CutShort, "reset": testnet.ResetAfterAccepting,
	} {
		for kind, tr := range map[string]*trial{" always": try(t, nil), " always, no log": try(t, full{}), " at times": try(t, nil)} {
			share := 1.0
			if kind == " at times" {
				share = 0.4
			}
			tr.cloudWatch.SetRandomFaults(testnet.RandomFaults{Seed: 1, Shares: map[testnet.Mode]float64{mode: share}})
			trials[name+kind] = tr
		}
	}
	results := map[string]metric.DeliveryStats{}
	var mu sync.Mutex
	var group sync.WaitGroup
	places := make(chan struct{}, 6)
	for name, tr := range trials {
		group.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			stats := tr.meet(t.Context(), n)
			mu.Lock()
			defer mu.Unlock()
			results[name] = stats
		})
	}
	group.Wait()
	for name, tr := range trials {
		t.Run(name, func(t *testing.T) { tr.judge(t, n, results[name]) })
	}
}

// meet publishes n datums in little time. How long that takes is for the tests
// with a fake clock to say.
func (tr *trial) meet(ctx context.Context, n int) metric.DeliveryStats {
	each(n, func(d metric.Datum) { tr.Add(d) })
	ctx, cancel := context.WithTimeout(ctx, 1500*time.Millisecond)
	defer cancel()
	return tr.Flush(ctx)
}

// judge checks that the books balance, and that a loss is an error.
func (tr *trial) judge(t *testing.T, n int, stats metric.DeliveryStats) {
	t.Helper()
	b := tr.open(t, n)
	tr.balance(t, stats, b)
	failed := stats.Lost - sum(b.dropped)
	var lost *PublishError
	if err := tr.Err(); errors.As(err, &lost) != (failed > 0) || lost != nil && lost.Lost != failed {
		t.Errorf("Err = %v with %d lost, %d of them refused", err, stats.Lost, sum(b.dropped))
	}
	if _, writable := tr.emf.(*lockedLines); writable && failed > 0 {
		t.Errorf("%d datums are lost, though the log could be written", failed)
	}
	if !strings.Contains(tr.log.String(), `"level":"`) && stats.Accepted != n {
		t.Error("not all were accepted, and the log does not say why")
	}
}

// TestTheRefereeDies ends CloudWatch itself in the middle of a run.
func TestTheRefereeDies(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: make test-all")
	}
	tr := try(t, nil)
	var once sync.Once
	died := make(chan struct{})
	tr.cloudWatch.SetFault(func(attempt int) testnet.Fault {
		if attempt > 3 {
			once.Do(func() { go func() { tr.cloudWatch.Close(); close(died) }() })
			return testnet.Fault{Mode: testnet.Hanging}
		}
		return testnet.Fault{}
	})
	tr.judge(t, 20_000, tr.meet(t.Context(), 20_000))
	<-died
	if got := tr.Flush(context.Background()); got.Accepted > 3000 || got.Accepted+got.EMF != 20_000 {
		t.Errorf("%+v, want at most 3,000 accepted and the rest by EMF", got)
	}
}

// TestTheSameSeedIsTheSameAccount shows that a run under faults can be had
// again: only the time differs.
func TestTheSameSeedIsTheSameAccount(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: make test-all")
	}
	account := func() metric.DeliveryStats {
		tr := try(t, nil)
		random := weather(3)
		random.Refuse = 0.001
		tr.cloudWatch.SetRandomFaults(random)
		tr.to.jitter = func(time.Duration) time.Duration { return 0 }
		each(5000, func(d metric.Datum) { tr.Add(d) })
		return tr.Flush(within(t, time.Minute))
	}
	first, second := account(), account()
	check(t, second, first)
	if first.Retries == 0 || first.Lost == 0 {
		t.Errorf("%+v: nothing happened", first)
	}
}
