package notify

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nicholas-fedor/shoutrrr/pkg/router"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"

	"rollcall/internal/message"
)

const (
	sendTimeout = 15 * time.Second
	maxLeft     = 8    // sends left behind
	maxText     = 3500 // characters: Telegram takes 4,096
	maxPush     = 1000 // of a notification on a phone: Pushover takes 1,024
)

// A Sender sends notes, one at a time.
type Sender struct {
	Transport *Transport // http.DefaultTransport

	left atomic.Int32 // sends that were left behind and have not ended
}

// A Failure is why a note was not sent.
type Failure struct {
	Text  string        // has no URL and no token
	Again bool          // another try may help: there was no response, or 429 or 5xx
	After time.Duration // not before that; 0: the service did not say
}

func (f *Failure) Error() string { return f.Text }

// Send sends a note. No client of shoutrrr takes a context: a send that hangs is left
// behind after 15 seconds, or when ctx ends. The error is a *Failure.
func (s *Sender) Send(ctx context.Context, d *Destination, n *Note) error {
	if s.left.Load() >= maxLeft {
		return &Failure{Text: fmt.Sprintf("%d sends hang; no other is begun", maxLeft), Again: true}
	}
	s.Transport.take()
	ended := make(chan error, 1)
	s.left.Add(1)
	go func() {
		defer s.left.Add(-1)
		defer func() {
			if p := recover(); p != nil {
				ended <- errors.New("the client of the service panicked")
			}
		}()
		ended <- d.send(s.Transport, n)
	}()
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	select {
	case err := <-ended:
		if err == nil {
			return nil
		}
		return d.failure(err, s.Transport.take())
	case <-ctx.Done():
		return &Failure{Text: d.Service + " did not respond in time", Again: true}
	}
}

// failure says why a send failed, by its last request where there was one.
func (d *Destination) failure(err error, last *exchange) *Failure {
	var refused *textproto.Error // of SMTP
	switch {
	case last != nil && last.status >= http.StatusBadRequest:
		text := fmt.Sprintf("%s responded %d %s", d.Service, last.status, http.StatusText(last.status))
		return &Failure{text, last.status == http.StatusTooManyRequests || last.status >= 500, last.after}
	case last != nil && last.err != nil:
		return &Failure{Text: d.Service + " did not respond: " + d.redact(last.err.Error()), Again: true}
	case errors.As(err, &refused):
		return &Failure{Text: fmt.Sprintf("%s responded %d: %s", d.Service, refused.Code, d.redact(refused.Msg)), Again: refused.Code < 500}
	}
	return &Failure{Text: d.Service + ": " + d.redact(err.Error()), Again: last == nil}
}

// redact replaces what the destination's URL has, in whole and in parts, in the words
// of a library or a server.
func (d *Destination) redact(text string) string {
	parts := strings.FieldsFunc(d.url, func(r rune) bool { return strings.ContainsRune(":/?#[]@!$&'()*+,;= ", r) })
	for _, part := range slices.Clone(parts) {
		if plain, err := url.QueryUnescape(part); err == nil {
			parts = append(parts, plain)
		}
		if plain, err := url.PathUnescape(part); err == nil {
			parts = append(parts, plain)
		}
	}
	slices.SortFunc(parts, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	for _, part := range parts {
		if len(part) >= 3 && !strings.EqualFold(part, d.Service) {
			text = strings.ReplaceAll(text, part, "…")
		}
	}
	return cut(strings.Join(strings.Fields(text), " "), 300)
}

// service makes shoutrrr's client. A new one for each send: Send changes its
// configuration.
func (d *Destination) service(t *Transport) (types.Service, error) {
	u, err := url.Parse(d.url)
	if err != nil {
		return nil, err
	}
	switch d.Service {
	case "pagerduty": // without a port shoutrrr calls port 0
		u.Host = net.JoinHostPort(cmp.Or(u.Hostname(), "events.pagerduty.com"), cmp.Or(u.Port(), "443"))
	case "generic": // without a template it sends the JSON as text/plain
		if query := u.Query(); query.Get("template") == "" && query.Get("@Content-Type") == "" {
			query.Set("@Content-Type", "application/json")
			u.RawQuery = query.Encode()
		}
	}
	var services router.ServiceRouter
	service, err := services.Locate(u.String())
	if err != nil {
		return nil, err
	}
	// ntfy has a transport of its own, which nobody could look into.
	if own, ok := service.(interface{ SetHTTPClient(*http.Client) }); ok && t != nil && !strings.Contains(strings.ToLower(d.url), "disabletls") {
		own.SetHTTPClient(&http.Client{Transport: t})
	}
	return service, nil
}

var (
	// asMarkdown are services that show Markdown, whose first line is the subject.
	asMarkdown = []string{"discord", "mattermost", "rocketchat", "zulip"}
	// titled take a title beside the text.
	titled = []string{"bark", "generic", "gotify", "ifttt", "join", "lark", "matrix", "ntfy", "pushbullet", "pushover", "slack", "smtp", "telegram"}
	phones = []string{"bark", "ifttt", "join", "pushover"}
)

// send sends a note by shoutrrr.
func (d *Destination) send(t *Transport, n *Note) error {
	if n.Event != nil && d.Service == "opsgenie" && n.Event.Resolve {
		return d.closeAlert(n.Event)
	}
	service, err := d.service(t)
	if err != nil {
		return err
	}
	if n.Event != nil {
		text, params, err := d.event(n.Event)
		if err != nil {
			return err
		}
		return service.Send(text, &params)
	}
	m, params := n.Message, types.Params{}
	if m == nil {
		return errors.New("the note has nothing to send")
	}
	text := m.Text
	switch {
	case d.Service == "generic" && !strings.Contains(strings.ToLower(d.url), "template="):
		document, err := json.Marshal(m)
		if err != nil {
			return err
		}
		return service.Send(string(document), &params)
	case slices.Contains(asMarkdown, d.Service) && m.Markdown != "":
		text = m.Markdown
	case d.Service == "teams" && m.Markdown != "": // Markdown below a title
		_, text, _ = strings.Cut(m.Markdown, "\n\n")
		params.SetTitle(m.Subject)
	case slices.Contains(titled, d.Service):
		params.SetTitle(m.Subject)
	default:
		text = m.Subject + "\n\n" + text
	}
	switch {
	case slices.Contains(phones, d.Service):
		text = cut(text, maxPush)
	case d.Service != "smtp" && d.Service != "generic":
		text = cut(text, maxText)
	}
	return service.Send(text, &params)
}

// event puts a pager's event as the service takes it.
func (d *Destination) event(e *Event) (string, types.Params, error) {
	if d.Service == "opsgenie" {
		priority := "P1"
		if e.Severity != message.Critical {
			priority = "P3"
		}
		return cut(e.Text, 10_000), types.Params{"title": cut(e.Summary, 130), "alias": e.Key, "source": e.Source, "priority": priority}, nil
	}
	details, err := json.Marshal(map[string]string{"text": cut(e.Text, 10_000), "seq": strconv.FormatInt(e.Seq, 10)})
	if err != nil {
		return "", nil, err
	}
	params := types.Params{"action": "trigger", "dedup_key": e.Key, "severity": e.Severity, "source": e.Source, "details": string(details), "client": "Rollcall"}
	if e.Resolve {
		params["action"] = "resolve"
	}
	if e.Link != "" {
		params["client_url"] = e.Link
	}
	return e.Summary, params, nil
}

// closeAlert closes an alert of Opsgenie, which shoutrrr can only create:
// docs/decisions/pagers-by-incident.md.
func (d *Destination) closeAlert(e *Event) error {
	u, err := url.Parse(d.url)
	if err != nil {
		return errors.New("the URL can't be parsed")
	}
	body, err := json.Marshal(map[string]string{"source": e.Source, "note": e.Summary})
	if err != nil {
		return err
	}
	address := "https://" + u.Host + "/v2/alerts/" + url.PathEscape(e.Key) + "/close?identifierType=alias"
	request, err := http.NewRequest(http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return errors.New("the URL can't be requested")
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "GenieKey "+strings.TrimPrefix(u.Path, "/"))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		return errors.New("it responded " + response.Status)
	}
	return nil
}

// cut shortens a text to n characters.
func cut(text string, n int) string {
	runes := []rune(text)
	if len(runes) <= n {
		return text
	}
	return string(runes[:n-1]) + "…"
}
