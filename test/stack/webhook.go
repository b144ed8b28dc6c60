package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"sync"
	"time"

	"rollcall/internal/message"
	"rollcall/internal/testnet"
)

// notifyUrls is the parameter that has the first stack's services.
const notifyUrls = "/rollcall/notify"

// A webhook is a service of NotifyUrls, on loopback. It keeps what it is sent.
type webhook struct {
	mu   sync.Mutex
	got  map[string]*message.Document // since the last turn, by subject and seq
	seen map[string]bool              // all of them: a message may come more than once
	bad  error                        // requests that were none
}

// ServeHTTP takes a message.
func (h *webhook) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	m := &message.Document{}
	err := json.NewDecoder(r.Body).Decode(m)
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil || r.URL.Path != "/a-secret-path" || r.Header.Get("Content-Type") != "application/json" {
		h.bad = errors.Join(h.bad, fmt.Errorf("the webhook got %s %s: %v", r.Method, r.URL, err))
		return
	}
	if key := keyOf(m); !h.seen[key] {
		h.got[key], h.seen[key] = m, true
	}
}

func keyOf(m *message.Document) string { return fmt.Sprint(m.Subject, m.Seq) }

// serveWebhook starts the webhook, and puts its line into the parameter: it wants no
// alarms.
func (d *deployment) serveWebhook(ctx context.Context) error {
	d.webhook.got, d.webhook.seen = map[string]*message.Document{}, map[string]bool{}
	server, err := testnet.ServeWeb(&d.webhook, nil)
	if err != nil {
		return err
	}
	d.later(server.Close)
	return d.cloud.keep(ctx, notifyUrls, "# the webhook\nkind=incident generic+http://"+server.Addr().String()+"/a-secret-path?disabletls=yes\n")
}

// webhookGets waits until the webhook has the messages of a turn, and sees that they
// say the same as those of the topic, and that it has no others.
func (d *deployment) webhookGets(ctx context.Context, want map[string]*message.Document) error {
	h := &d.webhook
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.got = map[string]*message.Document{}
	}()
	return until(ctx, "the webhook to have the messages", time.Minute, func() (bool, error) {
		h.mu.Lock()
		defer h.mu.Unlock()
		missing := len(want)
		for _, m := range want {
			if got := h.got[keyOf(m)]; got != nil {
				missing--
				if got.Text != m.Text || !reflect.DeepEqual(got.Incidents, m.Incidents) {
					return false, fmt.Errorf("the webhook got\n%+v\nthe topic\n%+v", got, m)
				}
			}
		}
		if missing == 0 && len(h.got) != len(want) {
			return false, fmt.Errorf("the webhook got %d messages, want %d", len(h.got), len(want))
		}
		return missing == 0, h.bad
	})
}
