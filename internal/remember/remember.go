// Package remember is the memory of a monitor: it reads what is known, folds a run
// into it, writes it, tells people what changed, and writes that they know. A crash
// between any two of these steps loses no message: at worst one is sent twice.
package remember

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"rollcall/internal/history"
	"rollcall/internal/message"
)

// A Store keeps objects that are replaced only by who has read what they replace.
type Store interface {
	// Read returns an object and its tag: "" where there is none, and a nil body
	// where it is too large.
	Read(ctx context.Context, key string) (body []byte, tag string, err error)

	// Write replaces the object that has the tag; "": it makes one where there is
	// none. It reports that there is another one, and then changes nothing. After an
	// error it may have been written.
	Write(ctx context.Context, key string, body []byte, tag string) (newTag string, another bool, err error)

	Copy(ctx context.Context, from, to string) error
}

// A Topic publishes messages. An error may have a method Refused() (invalid, certain
// bool): invalid will never be accepted, and of certain nobody was sent it.
type Topic interface {
	Publish(ctx context.Context, topic, subject, body string, structured bool, attributes map[string][]string, seq int64) error
}

// The keys of the objects.
const (
	currentKey    = "history/current.json.gz"
	daysKey       = "history/days.json.gz"
	unreadableKey = "history/unreadable.json" // how often the first could not be read
)

// A Memory remembers the runs of one monitor. It may be used by several at once,
// which then take turns.
type Memory struct {
	store  Store
	topic  Topic
	topics []string
	site   message.Site

	turn  chan struct{}     // holds one
	known *history.Document // what we read or wrote last; nil: nothing
	tag   string            // of its object
	begun int               // writes of this process
}

// New returns a Memory that publishes to topics, of which the first is the one that
// people subscribe to; without one, nobody is notified. The site's stack is whose
// history it is.
func New(store Store, topic Topic, topics []string, site message.Site) *Memory {
	return &Memory{store: store, topic: topic, topics: slices.Compact(slices.Clone(topics)), site: site, turn: make(chan struct{}, 1)}
}

// A Run is one that is to be remembered.
type Run struct {
	*history.Run
	ID  string       // of the invocation
	Log *slog.Logger // nil: none
}

// An Outcome is what became of a run.
type Outcome struct {
	Written   bool               // what is known was written, or need not be
	Incidents []history.Incident // that are open now; nil where that is not known
	Untold    int                // changes that have waited for more than ten minutes; -1: not known
	Lost      int                // messages that no topic will ever accept
	Told      int                // messages that were accepted
	Problems  []string           // one line each
}

const (
	attempts   = 3 // to write, where others write too
	aSecond    = 4 // messages to a topic: more than ten mails a second end a subscription
	unreadable = 3 // runs in a row, after which it is begun again
)

// Remember remembers a run, and tells of it, until ctx ends.
func (m *Memory) Remember(ctx context.Context, run Run) Outcome {
	if run.Log == nil {
		run.Log = slog.New(slog.DiscardHandler)
	}
	now := time.Now()
	if history.Ahead(run.Minute, now) {
		return Outcome{Untold: -1, Problems: []string{fmt.Sprintf("the run of %s is ahead of this machine's clock and is not remembered", run.Minute.Format(time.RFC3339))}}
	}
	select {
	case m.turn <- struct{}{}:
		defer func() { <-m.turn }()
	case <-ctx.Done():
		return Outcome{Untold: -1, Problems: []string{"the history was not written: another run did not end in time"}}
	}
	out := Outcome{Untold: -1}
	entries, more, err := m.write(ctx, run, &out)
	if err != nil {
		m.known = nil
		out.problem("the history was not written: " + err.Error())
		return out
	}
	out.Written = true
	known := m.known
	if len(entries)+len(more) > 0 {
		known = m.tell(ctx, run, entries, more, &out)
	}
	out.Incidents, out.Untold = known.OpenIncidents(), known.Untold(time.Now())
	return out
}

func (o *Outcome) problem(text string) { o.Problems = append(o.Problems, text) }

// write folds the run into what is known, and writes that with a claim on what is to
// be told, which it returns.
func (m *Memory) write(ctx context.Context, run Run, out *Outcome) (entries []history.Entry, more []history.More, err error) {
	name := m.name(run.ID)
	for attempt := range attempts {
		known, tag := m.known, m.tag
		if known == nil || attempt > 0 {
			if known, tag, err = m.read(ctx, run); err != nil {
				return nil, nil, err
			}
			if known != nil && known.Writer == name {
				m.known, m.tag = known, tag // it was written, and the response lost
				return entries, more, nil
			}
		}
		next, _, outcome := history.Fold(known, asKnown(run.Run, tag))
		next, entries, more = next.Claim(run.ID, time.Now())
		if len(m.topics) == 0 {
			next, entries, more = next.Settle(run.ID, entries, nil, more, time.Now()), nil, nil
		}
		if outcome == history.Same && len(entries)+len(more) == 0 {
			m.known, m.tag = known, tag
			return nil, nil, nil
		}
		if outcome == history.Older {
			run.Log.Warn("the run came after a newer one and is not remembered", "minute", run.Minute, "newest", known.Minute)
		}
		if len(next.Closed) > 0 {
			if err := m.writeDays(ctx, run, next.Closed); err != nil {
				out.problem("the days that are over were not written: " + err.Error())
			} else {
				next.Closed = nil
			}
		}
		next.Stack, next.Writer = m.site.Stack, name
		var another bool
		if tag, another, err = m.put(ctx, next, tag); err == nil && !another {
			m.known, m.tag = next, tag
			return entries, more, nil
		}
		if err == nil {
			err = errors.New("other runs wrote it again and again")
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, nil, err
}

// asKnown returns the run as it can be folded into what has the tag: of a run whose
// parts knew something else, nothing is known of a target that they do not name.
func asKnown(run *history.Run, tag string) *history.Run {
	if run.Seen == nil || slices.Equal(run.Seen.Tags, []string{tag}) {
		return run
	}
	own := *run
	own.Partial = true
	return &own
}

// Names returns the targets that something is known of, and the tag of that. Who
// checks a part of a list says how they are.
func (m *Memory) Names(ctx context.Context) (names map[string]bool, tag string, err error) {
	body, tag, err := m.store.Read(ctx, currentKey)
	if err != nil || tag == "" {
		return nil, "", err
	}
	if body == nil {
		return nil, "", fmt.Errorf("%s is too large", m.place(currentKey))
	}
	known, err := history.Decode(body, m.site.Stack, time.Now())
	if err != nil {
		return nil, "", fmt.Errorf("%s can't be read: %w", m.place(currentKey), err)
	}
	return known.Names(), tag, nil
}

// place is what people call an object: its key or, on this machine, its file.
func (m *Memory) place(key string) string {
	if files, ok := m.store.(*Files); ok {
		return files.file(key)
	}
	return key
}

// name names a write: no other has the same, so that it is known to be ours when we
// read it.
func (m *Memory) name(run string) string {
	m.begun++
	return fmt.Sprintf("%s/%d/%d", run, m.begun, time.Now().UnixNano())
}

func (m *Memory) put(ctx context.Context, d *history.Document, tag string) (newTag string, another bool, err error) {
	body, err := d.Encode()
	if err != nil {
		return "", false, err
	}
	return m.store.Write(ctx, currentKey, body, tag)
}

// read reads what is known. What can't be read in three runs in a row is put aside;
// what is known then is that something was.
func (m *Memory) read(ctx context.Context, run Run) (*history.Document, string, error) {
	body, tag, err := m.store.Read(ctx, currentKey)
	if err != nil || tag == "" {
		return nil, "", err
	}
	unread := errors.New("it is too large")
	if body != nil {
		var known *history.Document
		if known, unread = history.Decode(body, m.site.Stack, time.Now()); unread == nil {
			return known, tag, nil
		}
	}
	unread = fmt.Errorf("%s can't be read: %w", m.place(currentKey), unread)
	if _, foreign := errors.AsType[*history.ForeignError](unread); foreign {
		return nil, "", unread
	}
	runs, err := m.countUnreadable(ctx, run, tag)
	if err != nil {
		return nil, "", fmt.Errorf("%w; and %w", unread, err)
	}
	if runs < unreadable {
		return nil, "", unread
	}
	aside := "history/unreadable-" + run.Minute.UTC().Format("20060102T1504Z") + ".json.gz"
	if err := m.store.Copy(ctx, currentKey, aside); err != nil {
		return nil, "", fmt.Errorf("%w; a copy could not be made: %w", unread, err)
	}
	run.Log.Error("the history is begun again", "error", unread.Error(), "copy", m.place(aside))
	return &history.Document{Again: true}, tag, nil
}

// countUnreadable counts the runs in which the object with a tag could not be read,
// this one included.
func (m *Memory) countUnreadable(ctx context.Context, run Run, tag string) (int, error) {
	var count struct {
		Tag     string      `json:"tag"`
		Minutes []time.Time `json:"minutes"`
	}
	body, own, err := m.store.Read(ctx, unreadableKey)
	if err != nil {
		return 0, err
	}
	if json.Unmarshal(body, &count) != nil || count.Tag != tag {
		count.Tag, count.Minutes = tag, nil
	}
	if !slices.ContainsFunc(count.Minutes, run.Minute.Equal) && len(count.Minutes) < unreadable {
		count.Minutes = append(count.Minutes, run.Minute)
		body, err = json.Marshal(count)
		if err == nil {
			_, _, err = m.store.Write(ctx, unreadableKey, body, own)
		}
	}
	return len(count.Minutes), err
}

// writeDays writes the days that are over into their own object.
func (m *Memory) writeDays(ctx context.Context, run Run, days []history.Day) error {
	name := m.name(run.ID)
	for range attempts {
		body, tag, err := m.store.Read(ctx, daysKey)
		if err != nil {
			return err
		}
		past := &history.Past{}
		if tag != "" {
			past, err = history.DecodePast(body, m.site.Stack)
			if _, foreign := errors.AsType[*history.ForeignError](err); foreign {
				return err
			}
			if err != nil {
				aside := "history/unreadable-days-" + run.Minute.UTC().Format("20060102T1504Z") + ".json.gz"
				if err := m.store.Copy(ctx, daysKey, aside); err != nil {
					return err
				}
				run.Log.Error("the days that are over could not be read and are begun again", "error", err.Error(), "copy", m.place(aside))
				past = &history.Past{}
			}
		}
		past.Add(days)
		past.Version, past.Stack, past.Writer = history.Version, m.site.Stack, name
		if body, err = past.Encode(); err != nil {
			return err
		}
		if _, another, err := m.store.Write(ctx, daysKey, body, tag); err != nil || !another {
			return err
		}
	}
	return errors.New("other runs wrote them again and again")
}

// tell publishes what was claimed, writes what became of it, and returns what is
// known then.
func (m *Memory) tell(ctx context.Context, run Run, entries []history.Entry, more []history.More, out *Outcome) *history.Document {
	sent := m.publish(ctx, run, entries, more, out)
	at := time.Now().UTC().Truncate(time.Second)
	name := m.name(run.ID)
	known, tag := m.known, m.tag
	for attempt := 0; ; attempt++ {
		next := known.Settle(run.ID, sent.accepted, sent.tried, sent.more, at)
		next.Writer = name
		newTag, another, err := m.put(ctx, next, tag)
		if err == nil && !another {
			m.known, m.tag = next, newTag
			return next
		}
		if err == nil {
			err = errors.New("other runs wrote it again and again")
		}
		if attempt < attempts-1 && ctx.Err() == nil {
			var lost error
			if known, tag, lost = m.read(ctx, run); lost == nil && known != nil {
				if known.Writer != name {
					continue
				}
				m.known, m.tag = known, tag // it was written, and the response lost
				return known
			}
		}
		out.problem("the history was not written after messages were sent, which so may be sent again: " + err.Error())
		out.Written = false
		m.known = nil
		return next
	}
}

// sent is what became of what was to be told.
type sent struct {
	accepted []history.Entry // by all topics
	tried    []history.Entry // by some or none
	more     []history.More
}

// publish sends the messages of each topic, all topics at once: one that hangs delays
// no other.
func (m *Memory) publish(ctx context.Context, run Run, entries []history.Entry, more []history.More, out *Outcome) sent {
	results, panics := make([]published, len(m.topics)), make([]any, len(m.topics))
	var all sync.WaitGroup
	for i, topic := range m.topics {
		mine := slices.DeleteFunc(slices.Clone(entries), func(e history.Entry) bool { return slices.Contains(e.Accepted, topic) })
		counts := more
		if i > 0 {
			counts = nil // numbers are for people
		}
		all.Go(func() {
			defer func() {
				if panics[i] = recover(); panics[i] != nil {
					run.Log.Error("publishing panicked", "topic", topic, "panic", fmt.Sprint(panics[i]), "stack", string(debug.Stack()))
				}
			}()
			results[i] = m.publishTo(ctx, run, topic, mine, counts)
		})
	}
	all.Wait()
	for _, p := range panics {
		if p != nil {
			panic(p) // where whoever called can recover
		}
	}
	var s sent
	for _, r := range results {
		out.Told, out.Lost, s.more = out.Told+r.told, out.Lost+r.lost, append(s.more, r.more...)
		if r.problem != nil {
			out.problem("a message was not accepted and will be sent again: " + r.problem.Error())
		}
	}
	for _, e := range entries {
		e.Accepted, e.Unclear = slices.Clone(e.Accepted), false
		for i, r := range results {
			if slices.Contains(r.accepted, e.Seq) {
				e.Accepted = append(e.Accepted, m.topics[i])
			}
			e.Unclear = e.Unclear || slices.Contains(r.unclear, e.Seq)
		}
		if slices.ContainsFunc(m.topics, func(topic string) bool { return !slices.Contains(e.Accepted, topic) }) {
			s.tried = append(s.tried, e)
		} else {
			s.accepted = append(s.accepted, e)
		}
	}
	return s
}

// published is what became of the messages of one topic.
type published struct {
	accepted, unclear []int64 // entries, by seq
	more              []history.More
	told, lost        int
	problem           error // why the rest waits
}

// publishTo sends the messages of one topic, in order, until one is not accepted.
func (m *Memory) publishTo(ctx context.Context, run Run, topic string, entries []history.Entry, more []history.More) (p published) {
	pace := rate.NewLimiter(aSecond, aSecond)
	for _, msg := range message.Make(m.site, message.Run{ID: run.ID, Minute: run.Minute, Targets: totals(run.Run), Titles: run.Titles}, entries, more) {
		if pace.Wait(ctx) != nil {
			return p
		}
		lost, err := m.send(ctx, run, topic, &msg)
		var seqs []int64
		for _, e := range msg.Entries {
			seqs = append(seqs, e.Seq)
		}
		if err != nil {
			if _, certain := refused(err); !certain {
				p.unclear = seqs
			}
			p.problem = err
			return p
		}
		if lost {
			p.lost++
		} else {
			p.told++
		}
		p.accepted, p.more = append(p.accepted, seqs...), append(p.more, msg.More...)
	}
	return p
}

// send publishes a message. One that is refused as invalid is tried once more in the
// plainest form, then kept among those that are lost.
func (m *Memory) send(ctx context.Context, run Run, topic string, msg *message.Message) (lost bool, err error) {
	err = m.topic.Publish(ctx, topic, msg.Subject, msg.Envelope(), true, msg.Attributes(), msg.Seq)
	log := run.Log.With("topic", topic, "subject", msg.Subject, "kind", msg.Kind, "changes", len(msg.Entries))
	if err == nil {
		log.Info("a message was sent")
		return false, nil
	}
	invalid, _ := refused(err)
	if !invalid {
		return false, err
	}
	log.Error("a message was refused as invalid", "error", err.Error())
	subject, body := msg.Plain()
	again := m.topic.Publish(ctx, topic, subject, body, false, map[string][]string{"kind": {msg.Kind}, "severity": {msg.Severity}}, msg.Seq)
	if again == nil {
		return false, nil
	}
	if invalid, _ := refused(again); !invalid {
		return false, again
	}
	key := fmt.Sprintf("history/lost/%s-%d.json", run.Minute.UTC().Format("20060102T1504Z"), msg.Seq)
	if _, _, err := m.store.Write(ctx, key, msg.JSON, ""); err != nil {
		log.Error("a message is lost", "error", again.Error(), "copy", "none: "+err.Error())
		return true, nil
	}
	log.Error("a message is lost", "error", again.Error(), "copy", m.place(key))
	return true, nil
}

// refused is what an error says of a message; of other errors nothing is certain.
func refused(err error) (invalid, certain bool) {
	var r interface {
		Refused() (invalid, certain bool)
	}
	if errors.As(err, &r) {
		return r.Refused()
	}
	return false, false
}

func totals(run *history.Run) message.Totals {
	if run.Seen != nil {
		c := run.Totals
		return message.Totals{Total: run.Seen.Targets, Up: c.Up, Degraded: c.Degraded, Down: c.Down, NotChecked: c.NotChecked}
	}
	t := message.Totals{Total: len(run.Targets)}
	for i := range run.Targets {
		switch cmp.Or(run.Targets[i].State, history.NotChecked) {
		case history.Up:
			t.Up++
		case history.Degraded:
			t.Degraded++
		case history.Down:
			t.Down++
		default:
			t.NotChecked++
		}
	}
	return t
}
