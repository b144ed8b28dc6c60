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

// A Reading is what a connection's clock shows at one moment.
type Reading struct {
	Sent     Instant       // when our last write before Arrived began
	Arrived  Instant       // when the last bytes read so far arrived
	Waited   Span          // for the other side, over all writes that had a response
	Gap      time.Duration // uncertainty of Sent: the write was between Sent and Sent + Gap
	WaitGap  time.Duration // the same of all writes in Waited
	Received int64         // bytes
	Stamped  bool          // every read had a stamp, and there was one

	// Theirs is how long reads and writes took, less what of it is proven to be
	// ours: the time from what arrived to its read. By the process's clock.
	Theirs time.Duration
}

// A write was handed to the kernel between two instants.
type write struct{ began, ended time.Time }

func (w write) instant() Instant { return Instant{w.began.UnixNano(), w.began} }

func (w write) gap() time.Duration {
	if w.ended.IsZero() {
		return 0 // it was still being written when its response came
	}
	return w.ended.Sub(w.began)
}

// maxWrites bounds how many writes are remembered: enough to find the one
// before a response that came while a long request was still being written.
const maxWrites = 16

// A timing is when one connection wrote and received, and how long it waited.
// Reads follow writes, which follow reads: each turn of that is a wait for the
// other side.
type timing struct {
	writes    [maxWrites]write // a ring
	count     int              // writes so far
	responded bool             // something arrived since the last write

	waited    Span
	waitGap   time.Duration
	arrived   Instant
	received  int64
	unstamped bool // a read had no stamp
	theirs    time.Duration
}

// writeBegins notes a write and closes the wait before it. It returns how long
// the other side has waited for us.
func (t *timing) writeBegins(now time.Time) (late time.Duration) {
	if t.responded {
		t.waited, t.waitGap = t.waits()
		t.responded = false
		late = time.Duration(now.UnixNano() - t.arrived.kernel)
		// What arrived came after our last write. A stamp that is older, or of
		// the future, is of a clock that was set meanwhile.
		if last := t.writes[(t.count+maxWrites-1)%maxWrites]; t.count == 0 || late < 0 || late > now.Sub(last.began) {
			late = 0
		} else if !last.ended.IsZero() { // while it was on, we waited for them
			late = min(late, now.Sub(last.ended))
		}
	}
	t.writes[t.count%maxWrites] = write{began: now}
	t.count++
	return late
}

func (t *timing) writeEnds(now time.Time) { t.writes[(t.count-1)%maxWrites].ended = now }

// bytesRead notes what was read, and returns how long it had lain there.
func (t *timing) bytesRead(got received, now time.Time) (late time.Duration) {
	if got.stamp == 0 {
		t.unstamped = true
		got.stamp = now.UnixNano()
	}
	t.arrived = Instant{got.stamp, now}
	late = time.Duration(now.UnixNano() - got.stamp)
	t.received += int64(got.n)
	t.responded = true
	return late
}

// waits is the time waited so far, the open wait included.
func (t *timing) waits() (Span, time.Duration) {
	if !t.responded || t.count == 0 {
		return t.waited, t.waitGap
	}
	sent := t.sent()
	return t.waited.Add(t.arrived.Since(sent.instant())), t.waitGap + sent.gap()
}

// sent is the last write that had begun when the last bytes arrived; the
// oldest that is remembered if none had.
func (t *timing) sent() write {
	oldest := max(0, t.count-maxWrites)
	for i := t.count - 1; i > oldest; i-- {
		if w := t.writes[i%maxWrites]; w.began.UnixNano() <= t.arrived.kernel {
			return w
		}
	}
	return t.writes[oldest%maxWrites]
}

func (t *timing) reading() Reading {
	waited, waitGap := t.waits()
	r := Reading{
		Arrived: t.arrived, Waited: waited, WaitGap: waitGap,
		Received: t.received, Stamped: !t.unstamped && t.received > 0, Theirs: t.theirs,
	}
	if t.count > 0 {
		w := t.sent()
		r.Sent, r.Gap = w.instant(), w.gap()
	}
	return r
}
