package sweep

import (
	"context"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/pause"
	"rollcall/internal/weburl"
)

// A queue decides which attempt may go on: at most limit at once, and at most
// perHost of them with one host. Those that wait for a host leave their place
// among the attempts in flight to others.
type queue struct {
	work    func(*attempt)     // makes an attempt, and others while there are any
	hostOf  func(i int) string // a key of target i's host; "": it has none
	perHost int                // places of each host; 0: any number
	stuck   *atomic.Int64      // attempts that were given up and have not ended

	mu       sync.Mutex
	closedAt time.Time             // when the run's time was over, and nobody waits any more; zero: it is not
	inFlight int                   // attempts that take place
	waiting  int                   // attempts that have begun and wait to go on
	begun    map[*attempt]struct{} // those that have begun and not ended
	hosts    map[string]*host      // where somebody has a place or waits for one
	again    []int                 // targets of attempts that begin again, before others
	unseen   []int                 // targets that nobody has looked at yet, in order
	resumed  []*attempt            // that have begun, have a place at their host and wait to be in flight
	admitted []*attempt            // that have not begun, but a place at their host
	slow     map[string]bool       // hosts that get slowPlaces
	crowded  map[string]bool       // hosts that attempts had to wait for before they began

	limit    int         // of inFlight, >= 1
	most     int         // the first limit
	good     int         // attempts that ended well since limit changed
	reported int         // the limit that was last worth a log line; 0: none was
	tries    map[int]int // by target: attempts for which there were no descriptors or ports
}

// A host is one that attempts have places at.
type host struct {
	key      string
	taken    int        // places
	resuming []*attempt // that have begun: they go before those that have not
	parked   []int      // targets
}

// An attempt is one at target i, and what it has of the queue's places.
type attempt struct {
	check.Attempt
	i        int
	queue    *queue
	inFlight bool
	host     *host         // where it has a place; nil: nowhere
	wanted   *host         // where it waits for one; nil: it does not
	granted  chan struct{} // closed when it may go on
	over     bool          // it has ended, or was given up
	res      check.Result

	began         time.Time
	looks, inTime int // since it should have ended, see watch
}

func newQueue(s *Sweeper, hostOf func(int) string, work func(*attempt)) *queue {
	q := &queue{
		work: work, hostOf: hostOf, perHost: s.PerHost, stuck: s.Stuck,
		begun: map[*attempt]struct{}{}, hosts: map[string]*host{}, slow: map[string]bool{}, crowded: map[string]bool{},
		limit: max(s.InFlight, 1), most: max(s.InFlight, 1), tries: map[int]int{},
	}
	if q.stuck == nil {
		q.stuck = new(atomic.Int64)
	}
	return q
}

// hostKey names the host and port of a URL.
func hostKey(u *url.URL) string {
	name := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	if strings.Contains(name, ":") { // an IPv6 address, which may be one of IPv4
		if addr, err := netip.ParseAddr(name); err == nil {
			name = addr.Unmap().String()
		}
	}
	return net.JoinHostPort(name, strconv.Itoa(int(weburl.Port(u))))
}

// close returns the targets of all that has not begun, for which there is no time any
// more.
func (q *queue) close() []int {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closedAt = time.Now()
	left := append(q.unseen, q.again...)
	q.again, q.unseen = nil, nil
	for _, h := range q.hosts {
		left = append(left, h.parked...)
		h.parked = nil
	}
	slices.Sort(left)
	return left
}

// start lets attempts go on that have begun, and all begin that may. With own the
// first of those is left to the caller; nil: there is none. The queue is locked.
func (q *queue) start(own bool) (first *attempt) {
	room := max(1, q.limit-int(q.stuck.Load())) // what is stuck has descriptors and memory
	for len(q.resumed) > 0 && q.inFlight < room {
		a := q.resumed[0]
		q.resumed = q.resumed[1:]
		q.waiting--
		q.inFlight++
		a.wanted, a.inFlight = nil, true
		close(a.granted)
	}
	// Those that wait have memory, too. Who has a place may not wait for them, who may wait for it.
	for q.inFlight < room && (q.waiting < q.most || len(q.admitted) > 0) {
		list := &q.again
		if len(*list) == 0 {
			list = &q.unseen
		}
		var a *attempt
		switch {
		case len(q.admitted) > 0:
			a, q.admitted = q.admitted[0], q.admitted[1:]
		case len(*list) > 0:
			a = &attempt{i: (*list)[0], queue: q}
			*list = (*list)[1:]
			h := q.at(q.hostOf(a.i))
			if h != nil && h.taken >= q.places(h) {
				h.parked = append(h.parked, a.i)
				q.crowded[h.key] = true
				continue
			}
			if a.host = h; h != nil {
				h.taken++
			}
		default:
			return first
		}
		a.inFlight, a.began = true, time.Now()
		q.inFlight++
		q.begun[a] = struct{}{}
		if own && first == nil {
			first = a
		} else {
			go q.work(a)
		}
	}
	return first
}

// end is called when an attempt has ended or is given up, whichever is first: it
// reports true once.
func (q *queue) end(a *attempt) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if a.over {
		return false
	}
	a.over = true
	delete(q.begun, a)
	return true
}

// next gives back what an attempt has, and returns the next one to make.
func (q *queue) next(a *attempt) *attempt {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.giveBack(a)
	return q.start(true)
}

// giveBack gives back all that an attempt has or waits for. The queue is locked.
func (q *queue) giveBack(a *attempt) {
	if a.inFlight {
		a.inFlight = false
		q.inFlight--
	}
	if a.wanted != nil {
		mine := func(other *attempt) bool { return other == a }
		q.resumed = slices.DeleteFunc(q.resumed, mine)
		a.wanted.resuming = slices.DeleteFunc(a.wanted.resuming, mine)
		a.wanted = nil
		q.waiting--
	}
	q.release(a)
}

// at returns a host; nil where there is no limit.
func (q *queue) at(key string) *host {
	if q.perHost == 0 || key == "" {
		return nil
	}
	h := q.hosts[key]
	if h == nil {
		h = &host{key: key}
		q.hosts[key] = h
	}
	return h
}

// slowPlaces are those of a host of which several pages timed out: it gets no
// more of their confirmations at once.
const slowPlaces = 3

func (q *queue) places(h *host) int {
	if q.slow[h.key] {
		return min(q.perHost, slowPlaces)
	}
	return q.perHost
}

// release gives an attempt's place at its host to whoever waits for it. The queue
// is locked.
func (q *queue) release(a *attempt) {
	h := a.host
	if h == nil {
		return
	}
	a.host = nil
	switch more := h.taken <= q.places(h); {
	case more && len(h.resuming) > 0:
		next := h.resuming[0]
		h.resuming = h.resuming[1:]
		next.host = h
		q.resumed = append(q.resumed, next)
	case more && len(h.parked) > 0:
		q.admitted = append(q.admitted, &attempt{i: h.parked[0], queue: q, host: h})
		h.parked = h.parked[1:]
	default:
		if h.taken--; h.taken == 0 {
			delete(q.hosts, h.key)
		}
	}
}

// place takes a place at a URL's host for a hop of the attempt, and waits for it if
// it must, see check.Attempt. There is one for the first hop before the attempt
// begins.
func (a *attempt) place(ctx context.Context, u *url.URL) (done func(), err error) {
	q, key := a.queue, hostKey(u)
	done = func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.release(a)
		q.start(false)
	}
	q.mu.Lock()
	if q.perHost == 0 || a.over || a.host != nil && a.host.key == key {
		q.mu.Unlock()
		return done, nil
	}
	q.release(a)
	h := q.at(key)
	if h.taken < q.places(h) {
		a.host = h
		h.taken++
		q.start(false)
		q.mu.Unlock()
		return done, nil
	}
	a.wanted, a.granted = h, make(chan struct{})
	h.resuming = append(h.resuming, a)
	a.inFlight = false
	q.inFlight--
	q.waiting++
	q.start(false)
	q.mu.Unlock()

	select {
	case <-a.granted:
		return done, nil
	case <-ctx.Done():
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if a.inFlight {
		return done, nil
	}
	q.giveBack(a)
	q.start(false)
	return nil, context.Cause(ctx)
}

// restart lets an attempt at the same target begin before others, after a pause in
// which others go on. It reports whether ctx left time for it.
func (q *queue) restart(ctx context.Context, a *attempt, after time.Duration) bool {
	q.mu.Lock()
	q.giveBack(a)
	q.waiting++
	q.start(false)
	q.mu.Unlock()
	rested := pause.For(ctx, after)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting--
	if !rested || !q.closedAt.IsZero() {
		return false
	}
	q.again = append(q.again, a.i)
	return true
}

// narrow lowers the limit by one, since an attempt at target i has failed for lack
// of resources, for the try-th time. report says whether that is worth a log line:
// the first time, and whenever the limit has halved.
func (q *queue) narrow(i int) (limit, try int, report bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.tries[i]++
	q.limit, q.good = max(q.limit-1, 1), 0
	if q.reported == 0 || q.limit <= q.reported/2 {
		q.reported, report = q.limit, true
	}
	return q.limit, q.tries[i], report
}

// goodToWiden is how many attempts have to end well before the limit rises by one.
const goodToWiden = 8

// widen counts an attempt that ended well: the shortage may be over.
func (q *queue) widen() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.limit == q.most {
		return
	}
	if q.good++; q.good >= goodToWiden {
		q.limit, q.good = q.limit+1, 0
		q.start(false)
	}
}
