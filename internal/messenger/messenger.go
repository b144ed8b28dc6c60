// Package messenger sends messages by the program rollcall-notify, which has the
// clients of all services: a program that has them too starts more slowly. What holds
// tokens goes to its standard input, where no list of processes shows it.
package messenger

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"rollcall/internal/message"
)

// The program's arguments, for what it is to do with an Order.
const (
	Check = "--check" // the lines only
	Send  = "--send"
)

// An Order is what the program reads.
type Order struct {
	Lines   string            `json:"lines"` // of services, as in docs/notify.md
	To      string            `json:"to,omitzero"`
	Message *message.Document `json:"message,omitzero"`
}

// A Report is what the program writes.
type Report struct {
	Services []Service `json:"services,omitempty"` // of the lines
	Sent     int       `json:"sent,omitzero"`      // notes; none where the line does not want the message
	Problem  string    `json:"problem,omitzero"`   // why the message was not sent, without a token
	Again    bool      `json:"again,omitzero"`     // another try may help
}

// A Service is what a line names.
type Service struct {
	Key  string `json:"key"`  // names it without a secret
	Name string `json:"name"` // "line 3 (slack)"
}

// A Messenger sends to services; it is a topic of remember, for which each service is
// one, by its key.
type Messenger struct {
	program string
	lines   string
	names   map[string]string             // by key
	sent    func(service, subject string) // nil: nobody is interested
}

// checkTimeout is how long the program may take to read lines, on a busy machine.
const checkTimeout = 10 * time.Second

// New returns a Messenger to the services of lines, and their keys. The error has the
// numbers of lines that are wrong, and nothing of what they say.
func New(ctx context.Context, program, lines string, sent func(service, subject string)) (m *Messenger, keys []string, err error) {
	m = &Messenger{program: program, lines: lines, names: map[string]string{}, sent: sent}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	report, err := m.run(ctx, Check, Order{Lines: lines})
	if ctx.Err() != nil {
		return nil, nil, fmt.Errorf("%s did not respond: is it of another version?", program)
	}
	if err != nil {
		return nil, nil, err
	}
	for _, s := range report.Services {
		m.names[s.Key] = s.Name
		keys = append(keys, s.Key)
	}
	return m, keys, nil
}

// A failure is why a message was not sent.
type failure struct {
	text  string
	again bool
}

func (f *failure) Error() string { return f.text }

// Refused says that no other try helps, and that nobody was sent the message then.
func (f *failure) Refused() (invalid, certain bool) { return !f.again, !f.again }

// Publish implements remember.Topic.
func (m *Messenger) Publish(ctx context.Context, key, subject, body string, structured bool, _ map[string][]string, _ int64) error {
	document := &message.Document{Kind: message.KindIncident, State: "down", Severity: message.Critical, Subject: subject, Text: body}
	if structured {
		var envelope struct{ Default string }
		if err := json.Unmarshal([]byte(body), &envelope); err != nil {
			return fmt.Errorf("reading the message: %w", err)
		}
		if err := json.Unmarshal([]byte(envelope.Default), document); err != nil {
			return fmt.Errorf("reading the message: %w", err)
		}
	}
	name := cmp.Or(m.names[key], key)
	report, err := m.run(ctx, Send, Order{Lines: m.lines, To: key, Message: document})
	switch {
	case ctx.Err() != nil:
		return &failure{name + ": it did not respond in time", true}
	case err != nil:
		return &failure{name + ": " + err.Error(), true}
	case report.Problem != "":
		return &failure{name + ": " + report.Problem, report.Again}
	}
	if m.sent != nil && report.Sent > 0 {
		m.sent(name, document.Subject)
	}
	return nil
}

// run starts the program with an order.
func (m *Messenger) run(ctx context.Context, what string, o Order) (*Report, error) {
	order, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	var out, problems bytes.Buffer
	cmd := exec.CommandContext(ctx, m.program, what)
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = bytes.NewReader(order), &out, &problems, time.Second
	if err := cmd.Run(); err != nil {
		if text := strings.TrimSpace(problems.String()); text != "" {
			err = errors.New(strings.ReplaceAll(text, "rollcall-notify: ", ""))
		}
		return nil, err
	}
	report := &Report{}
	if err := json.Unmarshal(out.Bytes(), report); err != nil {
		return nil, fmt.Errorf("rollcall-notify responded with something else than a report: is it of another version? %w", err)
	}
	return report, nil
}
