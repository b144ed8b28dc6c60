package wire

import "time"

// A Span is a length of time on two clocks.
type Span struct {
	Kernel  time.Duration // between stamps: true however late the process was; only if Reading.Stamped
	Process time.Duration // as the process saw it
}

// Add returns the sum of both.
func (s Span) Add(t Span) Span { return Span{s.Kernel + t.Kernel, s.Process + t.Process} }

// An Instant is a moment on two clocks.
type Instant struct {
	kernel  int64 // CLOCK_REALTIME, nanoseconds
	process time.Time
}

// Since returns the time from earlier to i, not below 0.
func (i Instant) Since(earlier Instant) Span {
	return Span{
		Kernel:  max(0, time.Duration(i.kernel-earlier.kernel)),
		Process: max(0, i.process.Sub(earlier.process)),
	}
}

// Process is the instant by the process's clock.
func (i Instant) Process() time.Time { return i.process }

// A Reading is the state of a connection's clock at one moment.
type Reading struct {
	Sent     Instant       // when the last flight of ours before Arrived began to leave
	Arrived  Instant       // when the last bytes read so far arrived
	Waited   Span          // for the other side, over all flights that were answered
	Gap      time.Duration // how unsure Sent is: it was between Sent and Sent + Gap
	WaitGap  time.Duration // the same of all flights in Waited
	Late     time.Duration // the longest that arrived bytes lay unread
	Received int64         // bytes
	Stamped  bool          // every read had a stamp, and there was one
}

// flight is a write: it was handed to the kernel between before and after.
type flight struct{ before, after time.Time }

func (f flight) instant() Instant { return Instant{f.before.UnixNano(), f.before} }

func (f flight) gap() time.Duration {
	if f.after.IsZero() {
		return 0 // still on its way when its answer came
	}
	return f.after.Sub(f.before)
}

// ledgerFlights bounds how many writes are remembered: enough to find the one
// before an answer that came while a long request was still leaving.
const ledgerFlights = 16

// A ledger is the books of one connection: what left, what arrived, and how
// long it waited. Reads follow writes, which follow reads: each turn of that
// is a wait for the other side.
type ledger struct {
	flights  [ledgerFlights]flight // a ring
	writes   int
	answered bool // something arrived since the last write

	waited   Span
	waitGap  time.Duration
	arrived  Instant
	late     time.Duration
	received int64
	blind    bool // a read had no stamp
}

// begin notes a write and closes the wait before it. It returns how long the
// other side has waited for us.
func (l *ledger) begin(now time.Time) (late time.Duration) {
	if l.answered {
		l.waited, l.waitGap = l.waits()
		l.answered = false
		late = l.kept(now)
	}
	l.flights[l.writes%ledgerFlights] = flight{before: now}
	l.writes++
	return late
}

// kept is how long arrived bytes have waited for our answer to them. They came
// after our last flight; a stamp that says otherwise is of a clock that was
// set meanwhile.
func (l *ledger) kept(now time.Time) time.Duration {
	late := time.Duration(now.UnixNano() - l.arrived.kernel)
	if l.writes == 0 || late < 0 || late > now.Sub(l.flights[(l.writes-1)%ledgerFlights].before) {
		return 0
	}
	return late
}

func (l *ledger) end(now time.Time) { l.flights[(l.writes-1)%ledgerFlights].after = now }

// read notes what was read, and returns how long it had lain there.
func (l *ledger) read(got received, now time.Time) (late time.Duration) {
	if got.stamp == 0 {
		l.blind = true
		got.stamp = now.UnixNano()
	}
	l.arrived = Instant{got.stamp, now}
	late = time.Duration(now.UnixNano() - got.stamp)
	l.late = max(l.late, late)
	l.received += int64(got.n)
	l.answered = true
	return late
}

// waits is the time waited so far, the open wait included.
func (l *ledger) waits() (Span, time.Duration) {
	if !l.answered || l.writes == 0 {
		return l.waited, l.waitGap
	}
	sent := l.sent()
	return l.waited.Add(l.arrived.Since(sent.instant())), l.waitGap + sent.gap()
}

// sent is the last flight that had begun to leave when the last bytes
// arrived; the oldest that is remembered if none had.
func (l *ledger) sent() flight {
	oldest := max(0, l.writes-ledgerFlights)
	for i := l.writes - 1; i > oldest; i-- {
		if f := l.flights[i%ledgerFlights]; f.before.UnixNano() <= l.arrived.kernel {
			return f
		}
	}
	return l.flights[oldest%ledgerFlights]
}

func (l *ledger) latest() (Instant, time.Duration) {
	if l.writes == 0 {
		return Instant{}, 0
	}
	f := l.flights[(l.writes-1)%ledgerFlights]
	return f.instant(), f.gap()
}

func (l *ledger) reading() Reading {
	waited, waitGap := l.waits()
	r := Reading{
		Arrived: l.arrived, Waited: waited, WaitGap: waitGap,
		Late: l.late, Received: l.received, Stamped: !l.blind && l.received > 0,
	}
	if l.writes > 0 {
		f := l.sent()
		r.Sent, r.Gap = f.instant(), f.gap()
	}
	return r
}
