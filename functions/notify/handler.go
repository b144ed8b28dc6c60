package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"rollcall/internal/cloud/sns"
	"rollcall/internal/cloud/sqs"
	"rollcall/internal/message"
	"rollcall/internal/notify"
	"rollcall/internal/plan"
)

const (
	keepLines   = 5 * time.Minute
	firstPause  = 30 * time.Second // until a note is tried again; then twice that, and so on
	longest     = 15 * time.Minute // that a service may ask to wait
	maxReceives = 5                // maxReceiveCount of the queue
	maxSent     = 1000
	toGroups    = "the group topic" // of a note
)

// A handler is what Lambda invokes.
type handler struct {
	site   message.Site
	source *plan.Reference // of the lines; nil: there are none
	values plan.Values

	queue, deadLetters string   // URLs
	groupTopic         string   // ARN; "": none
	direct             []string // alarms, by the end of their names, that invoke this function by themselves
	queues             *sqs.Queues
	topics             *sns.Topics
	sender             *notify.Sender
	log                *slog.Logger
	begin              func() // before anything is sent

	mu    sync.Mutex
	said  string           // problems of the lines that were logged last
	sent  map[string]int64 // by service and incident: the newest change that a pager has
	order []string         // of its keys
}

// parseSource reads ROLLCALL_NOTIFY: ssm:/name or secretsmanager:name, with #key for
// a member of a secret; "" is none.
func parseSource(value string) (*plan.Reference, error) {
	if value == "" {
		return nil, nil
	}
	kind, name, _ := strings.Cut(value, ":")
	switch {
	case kind == "ssm" && name != "":
		return &plan.Reference{Kind: plan.Parameter, Name: name}, nil
	case kind == "secretsmanager" && name != "":
		name, key, _ := strings.Cut(name, "#")
		return &plan.Reference{Kind: plan.Secret, Name: name, Part: key}, nil
	}
	return nil, fmt.Errorf("invalid ROLLCALL_NOTIFY %q: it is ssm:/name or secretsmanager:name", value)
}

// Invoke serves messages of the queue: those in its response come again, and no others.
// An alarm that invokes it by itself is put into the queue; where that fails, Lambda
// invokes it again.
func (h *handler) Invoke(ctx context.Context, event json.RawMessage) (out events.SQSEventResponse, err error) {
	h.begin()
	var queued events.SQSEvent
	if err := json.Unmarshal(event, &queued); err != nil || queued.Records == nil {
		if _, err := message.FromAlarm(h.site, event); err != nil {
			return out, fmt.Errorf("the event is neither of the queue nor of an alarm: %w", err)
		}
		body, err := json.Marshal(received{Alarm: event})
		if err != nil {
			return out, err
		}
		return out, h.queues.Send(ctx, h.queue, string(body))
	}
	for _, record := range queued.Records {
		if err := h.serve(ctx, record); err != nil {
			h.log.Warn("a message is tried again later", "id", record.MessageId, "receives", receives(record), "error", err.Error())
			h.hide(ctx, record, err)
			out.BatchItemFailures = append(out.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: record.MessageId})
		}
	}
	return out, nil
}

// received is a message of the queue that is to be split: of the topic, or an alarm that
// invoked the function.
type received struct {
	TopicArn, Subject, Message string          `json:",omitzero"`
	Alarm                      json.RawMessage `json:",omitzero"`
}

// serve splits what the topic or an alarm sent into notes, or sends a note.
func (h *handler) serve(ctx context.Context, record events.SQSMessage) error {
	var sent received
	if err := json.Unmarshal([]byte(record.Body), &sent); err == nil && (sent.TopicArn != "" || sent.Alarm != nil) {
		return h.split(ctx, &sent, receives(record) >= maxReceives)
	}
	var n notify.Note
	if err := json.Unmarshal([]byte(record.Body), &n); err != nil || n.To == "" {
		return h.bury(ctx, record.Body, errors.New("it is neither of the topic nor of this function"))
	}
	return h.send(ctx, &n, record.Body)
}

// split puts a note for each service into the queue, so that one that fails is tried
// again without the others.
func (h *handler) split(ctx context.Context, of *received, last bool) error {
	text := of.Message
	if of.Alarm != nil {
		text = string(of.Alarm)
	}
	document := h.document(of.Subject, text)
	if document == nil {
		h.log.Info("a message of another sender is left alone", "subject", of.Subject)
		return nil
	}
	if of.Alarm == nil && h.isDirect(document) {
		h.log.Info("an alarm is left alone: it invokes the function by itself", "subject", of.Subject)
		return nil
	}
	destinations, problems, err := h.lines(ctx)
	var notes []notify.Note
	// What reads the lines may fail for long: the last time the group topic has its own.
	if document.Kind == message.KindMonitor && h.groupTopic != "" && (err == nil || last) {
		notes = append(notes, notify.Note{To: toGroups, Message: document})
	}
	for i := range destinations {
		notes = append(notes, notify.Notes(&destinations[i], document)...)
	}
	for _, n := range notes {
		encoded, failed := json.Marshal(n)
		if failed == nil {
			failed = h.queues.Send(ctx, h.queue, string(encoded))
		}
		if failed != nil {
			return fmt.Errorf("putting a note for %s into the queue: %w", n.To, failed)
		}
	}
	if err == nil && len(problems) > 0 {
		return h.bury(ctx, text, fmt.Errorf("nobody is notified by the lines that are wrong: %s", strings.Join(problems, "; ")))
	}
	return err
}

// isDirect reports whether a message is of an alarm that comes without the topic, too.
func (h *handler) isDirect(d *message.Document) bool {
	return d.Alarm != nil && slices.ContainsFunc(h.direct, func(name string) bool { return d.Alarm.Name == h.site.Stack+"-"+name })
}

// document reads what was published: a run's message or an alarm. Anything else that
// is ours is sent as it is; nil: it is not of this stack.
func (h *handler) document(subject, text string) *message.Document {
	d := &message.Document{}
	if err := json.Unmarshal([]byte(text), d); err == nil && d.Version > 0 && d.Kind != "" {
		if d.Stack != "" && h.site.Stack != "" && d.Stack != h.site.Stack {
			return nil // several stacks may share a topic
		}
		return d
	}
	if m, err := message.FromAlarm(h.site, []byte(text)); err == nil {
		if err := json.Unmarshal(m.JSON, d); err != nil || h.site.Stack != "" && !strings.HasPrefix(d.Alarm.Name, h.site.Stack+"-") {
			return nil
		}
		return d
	}
	if !strings.HasPrefix(subject, "Rollcall") {
		return nil
	}
	return &message.Document{Kind: message.KindIncident, State: "down", Severity: message.Critical, Subject: subject, Text: text}
}

// lines returns where messages go, and what is wrong with lines of them, which is
// logged once.
func (h *handler) lines(ctx context.Context) ([]notify.Destination, []string, error) {
	if h.source == nil {
		return nil, nil, nil
	}
	value := h.values(ctx, []plan.Reference{*h.source}, time.Now().Add(-keepLines))[0]
	if value.Fetched.IsZero() {
		err := fmt.Errorf("reading the lines of NotifyUrls: %w", value.Err)
		h.log.Error("nobody can be notified by NotifyUrls", "error", err.Error())
		return nil, nil, err
	}
	destinations, problems := notify.Parse(value.Text)
	h.mu.Lock()
	defer h.mu.Unlock()
	if all := strings.Join(problems, "; "); all != h.said {
		h.said = all
		for _, problem := range problems {
			h.log.Error("a line of NotifyUrls is wrong; the others are used", "problem", problem)
		}
	}
	return destinations, problems, nil
}

// send sends a note. What no other try can help goes to the dead letters at once.
func (h *handler) send(ctx context.Context, n *notify.Note, body string) error {
	if n.To == toGroups {
		return h.publish(ctx, n.Message, body)
	}
	destinations, _, err := h.lines(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(destinations, func(d notify.Destination) bool { return d.Key == n.To })
	if i < 0 {
		return h.bury(ctx, body, fmt.Errorf("no line is %q any more", n.To))
	}
	to := &destinations[i]
	if h.older(n) {
		h.log.Info("an event is older than what the pager has, and is not sent", "to", to.String(), "incident", n.Event.Key)
		return nil
	}
	began := time.Now()
	err = h.sender.Send(ctx, to, n)
	if failed, ok := errors.AsType[*notify.Failure](err); ok && !failed.Again {
		return h.bury(ctx, body, fmt.Errorf("%s: %w", to, err))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", to, err)
	}
	h.note(n)
	h.log.Info("sent", "to", to.String(), "milliseconds", time.Since(began).Milliseconds())
	return nil
}

// publish publishes an alarm to the group topic, where messages have attributes.
func (h *handler) publish(ctx context.Context, d *message.Document, body string) error {
	encoded, err := json.Marshal(d)
	if err != nil {
		return err
	}
	m := message.Message{Subject: d.Subject, Text: d.Text, SMS: d.Subject, JSON: encoded, Kind: d.Kind, State: d.State, Severity: d.Severity}
	err = h.topics.Publish(ctx, h.groupTopic, m.Subject, m.Envelope(), true, m.Attributes(), 0)
	if refused, ok := errors.AsType[*sns.Refusal](err); ok && refused.Invalid {
		return h.bury(ctx, body, err)
	}
	return err
}

// older reports whether a pager has a newer change of the incident: the queue does not
// keep the order. This process knows only what it sent itself.
func (h *handler) older(n *notify.Note) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return n.Event != nil && n.Event.Seq > 0 && n.Event.Seq < h.sent[n.To+" "+n.Event.Key]
}

// note notes that a pager has an event.
func (h *handler) note(n *notify.Note) {
	if n.Event == nil || n.Event.Seq == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	key := n.To + " " + n.Event.Key
	if _, known := h.sent[key]; !known {
		h.order = append(h.order, key)
	}
	h.sent[key] = n.Event.Seq
	if len(h.order) > maxSent {
		delete(h.sent, h.order[0])
		h.order = h.order[1:]
	}
}

// bury puts what can't be sent among the dead letters, and logs why.
func (h *handler) bury(ctx context.Context, body string, why error) error {
	h.log.Error("a message is a dead letter", "error", why.Error())
	if err := h.queues.Send(ctx, h.deadLetters, body); err != nil {
		return errors.Join(why, err)
	}
	return nil
}

// hide says when a message comes again: when its service wants it, else after a pause
// that grows.
func (h *handler) hide(ctx context.Context, record events.SQSMessage, why error) {
	pause := firstPause << (receives(record) - 1)
	if failed, ok := errors.AsType[*notify.Failure](why); ok && failed.After > 0 {
		pause = min(failed.After, longest)
	}
	if err := h.queues.Hide(ctx, h.queue, record.ReceiptHandle, pause); err != nil {
		h.log.Warn("the message comes again when the queue says", "id", record.MessageId, "error", err.Error())
	}
}

// receives is how often a message was received, this time among them.
func receives(record events.SQSMessage) int {
	n, err := strconv.Atoi(record.Attributes["ApproximateReceiveCount"])
	if err != nil {
		return 1
	}
	return min(max(n, 1), maxReceives)
}
