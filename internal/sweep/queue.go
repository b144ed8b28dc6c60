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
	"time"

	"rollcall/internal/pause"
)

// A queue decides which check may go on: at most limit at once, and at most
// perHost of them with one host. Those that wait for a host leave their place
// among the checks in flight to others.
type queue struct {
	do      func(i int, t *turn) // does check i; t is nil when the queue has closed
	hostOf  func(i int) string   // a key of target i's host; "": it has none
	perHost int                  // places of each host; 0: any number

	mu      sync.Mutex
	closed  bool             // the run's time is over: nobody waits any more
	inside  int              // checks in flight
	resting int              // checks that have begun and wait to go on
	lost    int              // checks that nobody waits for any more, and that have not ended
	hosts   map[string]*host // where somebody has a place or waits for one
	next    []int            // checks that nobody has looked at yet, in order
	ready   []*host          // with parked checks, and perhaps a place
	resumed []*turn          // have a place at their host, and wait to be in flight
	slow    map[string]bool  // hosts that get slowPlaces
	crowded map[string]bool  // hosts that checks had to wait for before they began
	undone  sync.WaitGroup   // checks that were added and have not ended

	limit    int // of inside, >= 1
	most     int // the first limit
	good     int // checks that ended well since limit changed
	reported int // the limit that was last worth a log line; 0: none was
}

// A host is one that checks have places at.
type host struct {
	key      string
	taken    int     // places
	resuming []*turn // checks that have begun: they go before those that have not
	parked   []int
	ready    bool // it is in queue.ready
}

// A turn is what one check has of a queue's places.
type turn struct {
	queue   *queue
	flying  bool          // counts as inside
	host    *host         // where it has a place; nil: nowhere
	granted chan struct{} // closed when it may go on
	over    bool
}

func newQueue(limit, perHost int) *queue {
	return &queue{
		perHost: perHost, hosts: map[string]*host{}, slow: map[string]bool{}, crowded: map[string]bool{},
		limit: max(limit, 1), most: max(limit, 1),
	}
}

// hostKey names the host and port of a URL.
func hostKey(u *url.URL) string {
	name := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	if addr, err := netip.ParseAddr(name); err == nil {
		name = addr.Unmap().String()
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil {
		port = map[string]uint64{"http": 80, "https": 443}[u.Scheme]
	}
	return net.JoinHostPort(name, strconv.FormatUint(port, 10))
}

// add lets checks take place, as soon as they may.
func (q *queue) add(indices ...int) {
	q.undone.Add(len(indices))
	q.mu.Lock()
	q.next = append(q.next, indices...)
	closed := q.closed
	if !closed {
		q.start()
	}
	q.mu.Unlock()
	if closed {
		q.close()
	}
}

// close does at once all that has not begun.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	left := q.next
	q.next, q.ready = nil, nil
	for _, h := range q.hosts {
		left = append(left, h.parked...)
		h.parked, h.ready = nil, false
	}
	q.mu.Unlock()
	slices.Sort(left)
	for _, i := range left {
		q.do(i, nil)
		q.undone.Done()
	}
}

// start lets all checks begin that may. The queue is locked.
func (q *queue) start() {
	for i, t := q.take(); t != nil; i, t = q.take() {
		go q.work(i, t)
	}
}

// work does check i, and then others while there are any.
func (q *queue) work(i int, t *turn) {
	for t != nil {
		q.do(i, t)
		q.undone.Done()
		i, t = q.leave(t)
	}
}

// leave ends a turn, and returns the next check to do.
func (q *queue) leave(t *turn) (int, *turn) {
	q.mu.Lock()
	defer q.mu.Unlock()
	t.over = true
	q.land(t)
	i, next := q.take()
	q.start()
	return i, next
}

// land takes back all that a turn has. The queue is locked.
func (q *queue) land(t *turn) {
	if t.flying {
		t.flying = false
		q.inside--
	}
	q.release(t)
}

// take lets checks go on that have begun, and returns one that may begin, with
// its turn; nil: there is none. The queue is locked.
func (q *queue) take() (int, *turn) {
	for len(q.resumed) > 0 && q.inside < q.room() {
		q.resumed[0].fly()
		q.resumed = q.resumed[1:]
	}
	if q.inside >= q.room() || q.resting >= q.most { // those that rest have memory, too
		return 0, nil
	}
	for len(q.ready) > 0 {
		h := q.ready[0]
		if len(h.parked) > 0 && h.taken < q.places(h) {
			i := h.parked[0]
			h.parked = h.parked[1:]
			return i, q.begin(h)
		}
		h.ready = false
		q.ready = q.ready[1:]
	}
	for len(q.next) > 0 {
		i := q.next[0]
		q.next = q.next[1:]
		h := q.at(q.hostOf(i))
		if h == nil || h.taken < q.places(h) {
			return i, q.begin(h)
		}
		h.parked = append(h.parked, i)
		q.crowded[h.key] = true
	}
	return 0, nil
}

func (q *queue) begin(h *host) *turn {
	q.inside++
	if h != nil {
		h.taken++
	}
	return &turn{queue: q, flying: true, host: h}
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

// release gives a turn's place at its host to whoever waits for it. The queue
// is locked.
func (q *queue) release(t *turn) {
	h := t.host
	if h == nil {
		return
	}
	t.host = nil
	h.taken--
	switch {
	case len(h.resuming) > 0 && h.taken < q.places(h):
		next := h.resuming[0]
		h.resuming = h.resuming[1:]
		h.taken++
		next.host = h
		q.resumed = append(q.resumed, next)
	case len(h.parked) > 0 && !h.ready:
		h.ready = true
		q.ready = append(q.ready, h)
	case h.taken == 0 && len(h.parked) == 0:
		delete(q.hosts, h.key)
	}
}

// fly lets a turn's check go on. The queue is locked.
func (t *turn) fly() {
	t.flying = true
	t.queue.inside++
	t.queue.resting--
	close(t.granted)
}

type turnKey struct{}

// Turn waits until there is a place at a URL's host for another check of the
// same sweep, and returns how to give it back. A prober calls it for each hop,
// before the lookup, and gives the place of one back before it asks for the
// next. There is one for the first hop before the check begins. Without a sweep nobody
// waits.
func Turn(ctx context.Context, u *url.URL) (done func(), err error) {
	t, _ := ctx.Value(turnKey{}).(*turn)
	if t == nil || t.queue.perHost == 0 {
		return func() {}, nil
	}
	if err := t.move(ctx, hostKey(u)); err != nil {
		return nil, err
	}
	return t.done, nil
}

// done gives the place of a hop back.
func (t *turn) done() {
	q := t.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	q.release(t)
	q.start()
}

// move takes a place at a host, and waits for it if it must. The error is
// ctx's cause.
func (t *turn) move(ctx context.Context, key string) error {
	q := t.queue
	q.mu.Lock()
	if t.over || t.host != nil && t.host.key == key { // the first hop's was there before the check began
		q.mu.Unlock()
		return nil
	}
	q.release(t)
	h := q.at(key)
	if h == nil || h.taken < q.places(h) {
		if t.host = h; h != nil {
			h.taken++
		}
		q.start()
		q.mu.Unlock()
		return nil
	}
	h.resuming = append(h.resuming, t)
	q.rest(t)
	q.mu.Unlock()
	return t.wait(ctx)
}

// rest lets others go on instead of a turn's check. The queue is locked.
func (q *queue) rest(t *turn) {
	q.land(t)
	q.resting++
	t.granted = make(chan struct{})
	q.start()
}

// wait returns when a turn's check may go on. The error is ctx's cause.
func (t *turn) wait(ctx context.Context) error {
	select {
	case <-t.granted:
	case <-ctx.Done():
	}
	q := t.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	defer q.start()
	if t.over { // nobody waits for the check any more
		q.land(t)
	}
	if closed(t.granted) {
		return nil
	}
	q.resting--
	mine := func(other *turn) bool { return other == t }
	q.resumed = slices.DeleteFunc(q.resumed, mine)
	for _, h := range q.hosts {
		h.resuming = slices.DeleteFunc(h.resuming, mine)
	}
	return context.Cause(ctx)
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// restart lets a turn's check begin once more, after a pause in which others go
// on. It reports whether ctx left time for it.
func (t *turn) restart(ctx context.Context, after time.Duration, key string) bool {
	q := t.queue
	q.mu.Lock()
	q.rest(t)
	q.mu.Unlock()
	rested := pause.For(ctx, after)
	q.mu.Lock()
	h := q.at(key)
	switch {
	case !rested:
		q.resting--
		q.mu.Unlock()
		return false
	case h != nil && h.taken >= q.places(h):
		h.resuming = append(h.resuming, t)
	default:
		if t.host = h; h != nil {
			h.taken++
		}
		q.resumed = append(q.resumed, t)
		q.start()
	}
	q.mu.Unlock()
	return t.wait(ctx) == nil
}

// room is for how many checks there are descriptors and memory now; one in any
// case.
func (q *queue) room() int { return max(1, q.limit-q.lost) }

// lose counts n checks more that nobody waits for any more, or less.
func (q *queue) lose(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lost += n
	if n < 0 && !q.closed {
		q.start()
	}
}

// narrow lowers the limit by one, since a check has failed for lack of
// resources. report says whether that is worth a log line: the first time, and
// whenever the limit has halved.
func (q *queue) narrow() (limit int, report bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.limit, q.good = max(q.limit-1, 1), 0
	if q.reported == 0 || q.limit <= q.reported/2 {
		q.reported, report = q.limit, true
	}
	return q.limit, report
}

// goodToWiden is how many checks have to end well before the limit rises by one.
const goodToWiden = 8

// widen counts a check that ended well: the shortage may be over.
func (q *queue) widen() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.limit == q.most {
		return
	}
	if q.good++; q.good >= goodToWiden {
		q.limit, q.good = q.limit+1, 0
		q.start()
	}
}
