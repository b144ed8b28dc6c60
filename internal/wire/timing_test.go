package wire

import (
	"slices"
	"testing"
	"time"
)

// epoch is an instant by the wall clock only, as stamps are.
var epoch = time.Unix(1_700_000_000, 0)

// at is an instant, in milliseconds after the epoch.
func at(ms float64) time.Time {
	return epoch.Add(time.Duration(ms * float64(time.Millisecond)))
}

// A step is one call of a timing: a write that was handed over between two
// instants, or a read of bytes that came at one and were read at another.
type step func(*timing)

// wrote is a write; after < 0: it is still being written.
func wrote(before, after float64) step {
	return func(tm *timing) {
		tm.writeBegins(at(before))
		if after >= 0 {
			tm.writeEnds(at(after))
		}
	}
}

// ended ends the write that is still under way.
func ended(after float64) step { return func(tm *timing) { tm.writeEnds(at(after)) } }

// came is a read of n bytes that the kernel stamped.
func came(stamp, read float64, n int) step {
	return func(tm *timing) { tm.bytesRead(received{n: n, stamp: at(stamp).UnixNano()}, at(read)) }
}

// unstamped is a read of n bytes without a stamp.
func unstamped(read float64, n int) step {
	return func(tm *timing) { tm.bytesRead(received{n: n}, at(read)) }
}

// want is what a reading has to say, in milliseconds after the epoch.
type want struct {
	sent, arrived       float64
	gap                 float64
	kernel, process     float64 // waited
	waitGap             float64
	received            int64
	stamped             bool
	sinceSent           float64 // by the kernel's clock, from sent to arrived
	nothingSent, noRead bool
}

func TestTiming(t *testing.T) {
	many := []step{}
	for i := range 2*maxWrites + 3 {
		many = append(many, wrote(float64(i), float64(i)+0.5))
	}
	tests := []struct {
		name  string
		steps []step
		want  want
	}{
		{"nothing happened", nil, want{nothingSent: true, noRead: true}},
		{"a request without a response", []step{wrote(1, 1.5)}, want{sent: 1, gap: 0.5, noRead: true}},
		{
			"a response", []step{wrote(0, 1), came(20, 25, 100)},
			want{sent: 0, gap: 1, arrived: 20, kernel: 20, process: 25, waitGap: 1, received: 100, stamped: true, sinceSent: 20},
		},
		{
			// Two round trips: hello and response, key exchange and response.
			"TLS 1.2", []step{wrote(0, 1), came(20, 21, 1400), came(20.5, 21, 900), wrote(25, 25.25), came(45, 46, 51)},
			want{sent: 25, gap: 0.25, arrived: 45, kernel: 20.5 + 20, process: 21 + 21, waitGap: 1.25, received: 2351, stamped: true, sinceSent: 20},
		},
		{
			// The Finished gets no response of its own; the request follows it,
			// and the tickets come between the two and the response.
			"TLS 1.3 with tickets after the Finished",
			[]step{wrote(0, 0), came(10, 11, 2000), wrote(12, 12), wrote(13, 13.5), came(22, 23, 500), came(213, 290, 300)},
			want{sent: 13, gap: 0.5, arrived: 213, kernel: 10 + 200, process: 11 + 277, waitGap: 0.5, received: 2800, stamped: true, sinceSent: 200},
		},
		{
			"tickets alone are older than the request",
			[]step{wrote(0, 0), came(10, 11, 2000), wrote(12, 12.25), wrote(40, 40.5), came(22, 41, 500)},
			want{sent: 12, gap: 0.25, arrived: 22, kernel: 10 + 10, process: 11 + 29, waitGap: 0.25, received: 2500, stamped: true, sinceSent: 10},
		},
		{
			"a response before a long request is written",
			[]step{wrote(0, 1), wrote(2, 3), wrote(5, 30), wrote(30, -1), came(10, 31, 200), ended(60)},
			want{sent: 5, gap: 25, arrived: 10, kernel: 5, process: 26, waitGap: 25, received: 200, stamped: true, sinceSent: 5},
		},
		{
			"a response while its request is still being written",
			[]step{wrote(0, -1), came(10, 11, 200)},
			want{sent: 0, gap: 0, arrived: 10, kernel: 10, process: 11, received: 200, stamped: true, sinceSent: 10},
		},
		{
			"a read without a stamp", []step{wrote(0, 0), came(10, 11, 5), unstamped(30, 5)},
			want{sent: 0, arrived: 30, kernel: 30, process: 30, received: 10, stamped: false, sinceSent: 30},
		},
		{
			"the wall clock was set back", []step{wrote(1000, 1000), came(-5000, 1010, 5)},
			want{sent: 1000, arrived: -5000, kernel: 0, process: 10, received: 5, stamped: true, sinceSent: 0},
		},
		{
			"more writes than are remembered", append(slices.Clip(many), came(20.75, 40, 5)),
			want{sent: 20, gap: 0.5, arrived: 20.75, kernel: 0.75, process: 20, waitGap: 0.5, received: 5, stamped: true, sinceSent: 0.75},
		},
		{
			"a response to what is forgotten", append(slices.Clip(many), came(3, 40, 5)),
			want{sent: maxWrites + 3, gap: 0.5, arrived: 3, kernel: 0, process: 40 - maxWrites - 3, waitGap: 0.5, received: 5, stamped: true, sinceSent: 0},
		},
		{
			"they speak first", []step{came(5, 6, 5)},
			want{nothingSent: true, arrived: 5, received: 5, stamped: true},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var tm timing
			for _, s := range tt.steps {
				s(&tm)
			}
			tt.want.compare(t, tm.reading())
		})
	}
}

// A read is late by how long its bytes had lain there; without a stamp nobody
// knows.
func TestTimingOfLateReads(t *testing.T) {
	var tm timing
	if got := tm.bytesRead(received{n: 5, stamp: at(20).UnixNano()}, at(25)); got != 5*time.Millisecond {
		t.Errorf("late by %v, want 5ms", got)
	}
	if got := tm.bytesRead(received{n: 5}, at(30)); got != 0 {
		t.Errorf("late by %v without a stamp", got)
	}
}

// compare compares a reading with what is wanted, member by member.
func (w want) compare(t *testing.T, got Reading) {
	t.Helper()
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	after := func(i Instant, nothing bool) float64 {
		if nothing && i == (Instant{}) {
			return 0
		}
		return ms(time.Duration(i.kernel - epoch.UnixNano()))
	}
	since := 0.0
	if !w.nothingSent && !w.noRead {
		since = ms(got.Arrived.Since(got.Sent).Kernel)
	}
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"Sent", after(got.Sent, w.nothingSent), w.sent},
		{"Gap", ms(got.Gap), w.gap},
		{"Arrived", after(got.Arrived, w.noRead), w.arrived},
		{"Waited.Kernel", ms(got.Waited.Kernel), w.kernel},
		{"Waited.Process", ms(got.Waited.Process), w.process},
		{"WaitGap", ms(got.WaitGap), w.waitGap},
		{"Received", float64(got.Received), float64(w.received)},
		{"Arrived.Since(Sent)", since, w.sinceSent},
	} {
		if c.got != c.want {
			t.Errorf("%s = %v, want %v", c.name, c.got, c.want)
		}
	}
	if got.Stamped != w.stamped {
		t.Errorf("Stamped = %v, want %v", got.Stamped, w.stamped)
	}
}

// How long the other side has waited for us is what the deadline moves by.
func TestTimingOfWhatWeKeptWaiting(t *testing.T) {
	tests := []struct {
		name  string
		steps []step
		next  float64 // when the next write begins
		want  time.Duration
	}{
		{"nothing came", []step{wrote(0, 1)}, 50, 0},
		{"they speak first", []step{came(5, 6, 5)}, 50, 0},
		{"read at once, responded late", []step{wrote(0, 1), came(10, 11, 5)}, 50, 40 * time.Millisecond},
		{"read late, responded at once", []step{wrote(0, 1), came(10, 49, 5)}, 50, 40 * time.Millisecond},
		{"nothing since our last write", []step{wrote(0, 1), came(10, 11, 5), wrote(12, 13)}, 50, 0},
		{"a stamp from before the request", []step{wrote(0, 1), came(-5000, 11, 5)}, 50, 0},
		{"a stamp of the future", []step{wrote(0, 1), came(5000, 11, 5)}, 50, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var tm timing
			for _, s := range tt.steps {
				s(&tm)
			}
			if got := tm.writeBegins(at(tt.next)); got != tt.want {
				t.Errorf("writeBegins = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestSpansAdd(t *testing.T) {
	got := Span{Kernel: 1, Process: 20}.Add(Span{Kernel: 300, Process: 4000})
	if want := (Span{Kernel: 301, Process: 4020}); got != want {
		t.Errorf("Add = %+v, want %+v", got, want)
	}
}

func TestInstantSinceALaterOneIsNothing(t *testing.T) {
	early, late := Instant{at(1).UnixNano(), at(1)}, Instant{at(3).UnixNano(), at(4)}
	if got, want := late.Since(early), (Span{2 * time.Millisecond, 3 * time.Millisecond}); got != want {
		t.Errorf("Since = %+v, want %+v", got, want)
	}
	if got := early.Since(late); got != (Span{}) {
		t.Errorf("Since = %+v, want nothing", got)
	}
	if !late.Process().Equal(at(4)) {
		t.Errorf("Process = %v, want %v", late.Process(), at(4))
	}
}
