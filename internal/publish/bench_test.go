package publish

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"
	"golang.org/x/time/rate"

	"rollcall/internal/metric"
)

// forgetful is a CloudWatch that takes everything after a delay and keeps
// nothing, so that what is measured is ours.
func forgetful(tb testing.TB, delay time.Duration) string {
	tb.Helper()
	empty := cbor.Encode(cbor.Map{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		time.Sleep(delay)
		w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
		w.Header().Set("Content-Type", "application/cbor")
		w.Write(empty)
	}))
	tb.Cleanup(s.Close)
	return s.URL
}

// slow is about what CloudWatch takes to respond.
const slow = 20 * time.Millisecond

// BenchmarkSession publishes 20,000 datums a round, without the limit on
// requests. Compare with BenchmarkBareCalls: what is more is ours.
func BenchmarkSession(b *testing.B) {
	p := Publisher{Client: NewClient(static(), forgetful(b, 0)), Namespace: "Shop"}
	var datums []metric.Datum
	each(20*maxDatums, func(d metric.Datum) { datums = append(datums, d) })
	for b.Loop() {
		s := p.Begin(b.Context())
		s.limiter = rate.NewLimiter(rate.Inf, 1)
		s.Add(datums...)
		if got := s.Flush(b.Context()); got.Accepted != len(datums) {
			b.Fatalf("%+v", got)
		}
		s.Close()
	}
	b.ReportMetric(float64(b.N*len(datums))/b.Elapsed().Seconds(), "datums/s")
}

// BenchmarkBareCalls makes the same requests, as many at once, in loops that
// do nothing else.
func BenchmarkBareCalls(b *testing.B) {
	client := NewClient(static(), forgetful(b, 0))
	var batches [20]batch
	n := 0
	each(len(batches)*maxDatums, func(d metric.Datum) { batches[n/maxDatums].append(d); n++ })
	for b.Loop() {
		var group sync.WaitGroup
		for sender := range senders {
			group.Go(func() {
				for i := sender; i < len(batches); i += senders {
					if _, err := client(b.Context(), batches[i].input("Shop")); err != nil {
						b.Error(err)
					}
				}
			})
		}
		group.Wait()
	}
	b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "datums/s")
}

// BenchmarkEMF writes the same datums as lines.
func BenchmarkEMF(b *testing.B) {
	var datums []metric.Datum
	each(maxDatums, func(d metric.Datum) { datums = append(datums, d) })
	for b.Loop() {
		if lost, err := writeEMF(io.Discard, "Shop", datums); lost > 0 {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(datums))/b.Elapsed().Seconds(), "datums/s")
}

// mostMemory is what publishing may take, however many datums there are: it
// takes 33 to 49 MB, as collections come early or late. All datums of the test would take
// twice as much.
const mostMemory = 64 << 20

// TestPublishingTakesConstantMemory adds datums far faster than CloudWatch
// takes them: the backlog is full, and what has no place goes by EMF.
func TestPublishingTakesConstantMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("slow: make test-all")
	}
	n := 4 * size(t)
	if os.Getenv("ROLLCALL_SOAK") != "" {
		n = size(t)
	}
	p := Publisher{Client: NewClient(static(), forgetful(t, slow)), Namespace: "Shop", EMF: io.Discard}
	before := taken()
	ctx, cancel := context.WithCancel(t.Context())
	peak := make(chan uint64)
	go func() { peak <- highest(ctx) }()
	s := p.Begin(t.Context())
	defer s.Close()
	each(n, func(d metric.Datum) { s.Add(d) })
	got := s.Flush(within(t, 30*time.Second))
	cancel()
	most := <-peak
	t.Logf("%d datums: %.1f MB above %.1f MB; %+v", n, float64(most-min(before, most))/1e6, float64(before)/1e6, got)
	if got.Accepted+got.EMF != n || got.Accepted == 0 || got.EMF == 0 {
		t.Errorf("%+v, want some accepted and the rest by EMF", got)
	}
	if most > before+mostMemory {
		t.Errorf("publishing took %d bytes, want at most %d", most-before, mostMemory)
	}
}

// taken is the memory that this process has from the system, after a
// collection.
func taken() uint64 {
	runtime.GC()
	return mapped()
}

func mapped() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// highest is the most memory in use until ctx ends.
func highest(ctx context.Context) (most uint64) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		most = max(most, mapped())
		select {
		case <-tick.C:
		case <-ctx.Done():
			return most
		}
	}
}
