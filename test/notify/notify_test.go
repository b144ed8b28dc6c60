// Package notify_test runs the compiled notify function, with the real shoutrrr,
// against stand-ins of the services it sends to. It reaches them through a proxy
// (HTTPS_PROXY) that has a certificate for any name (SSL_CERT_FILE).
package notify_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/md5"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rollcall/internal/history"
	"rollcall/internal/message"
	"rollcall/internal/testnet"
	"rollcall/test/sns"
	"rollcall/test/tree"
	"rollcall/test/vault"
)

const (
	groupTopic = "arn:aws:sns:eu-central-1:123456789012:rollcall-groups"
	token      = "000000000000000000000000"
	slack      = "slack://hook:T00000000-B00000000-" + token + "@webhook"
	teams      = "teams://11111111-4444-4444-8444-cccccccccccc@22222222-4444-4444-8444-cccccccccccc/33333333012222222222333333333344/44444444-4444-4444-8444-cccccccccccc/V2ESyij_gAljSoUQHvZoZYzlpAoAXExyOl26dlf1xHEx05?host=example.webhook.office.com"
	pagerduty  = "pagerduty://events.pagerduty.com/0123456789abcdef0123456789abcdef"
	opsgenie   = "opsgenie://api.opsgenie.com/eb243592-faa2-4ba2-a551-1afdf565c889"
	ntfy       = "ntfy://:secretsecret@ntfy.sh/a-topic"
	generic    = "generic+https://hooks.example.com/a-secret-path"
)

// A rig is the function among its stand-ins.
type rig struct {
	function *testnet.Function
	vault    *vault.Vault
	sns      *sns.SNS
	mail     *testnet.Listener
	internet []string // variables that lead to the stand-ins

	mu       sync.Mutex
	queued   map[string][]string // bodies by queue
	hidden   []string            // seconds of visibility
	received []string            // by the stand-ins: a request each
	respond  map[string]http.HandlerFunc
}

// programs is the folder of the two that are compiled for these tests.
var programs = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "rollcall-notify-")
	if err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-buildvcs=false", "-tags", "lambda.norpc", "-o", dir+"/", "./functions/notify", "./cmd/rollcall-notify")
	build.Dir = filepath.Join("..", "..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the function: %w\n%s", err, out)
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if !testing.Short() {
		if dir, err := programs(); err == nil {
			os.RemoveAll(dir)
		}
	}
	os.Exit(code)
}

// newRig starts the function with these lines; with none it may not read them.
func newRig(t *testing.T, lines ...string) *rig {
	t.Helper()
	if testing.Short() {
		t.Skip("slow: builds the function")
	}
	path, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	authority, err := testnet.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := authority.WriteFile(roots); err != nil {
		t.Fatal(err)
	}
	r := &rig{queued: map[string][]string{}, respond: map[string]http.HandlerFunc{}}
	closes := func(close func() error, err error) {
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { close() })
	}
	services, err := testnet.ServeWeb(http.HandlerFunc(r.service), &tls.Config{
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			return authority.Leaf(hello.ServerName, testnet.Valid)
		},
	})
	closes(services.Close, err)
	proxy, err := testnet.ServeWeb(tunnel(services.Addr().String()), nil)
	closes(proxy.Close, err)
	queues, err := testnet.ServeWeb(http.HandlerFunc(r.queue), nil)
	closes(queues.Close, err)
	r.mail, err = testnet.ServeRaw(r.smtp)
	closes(r.mail.Close, err)
	r.vault, err = vault.New()
	closes(r.vault.Close, err)
	r.sns, err = sns.NewSNS(groupTopic)
	closes(r.sns.Close, err)
	text := strings.ReplaceAll(strings.Join(lines, "\n"), "MAIL", r.mail.Addr().String())
	r.vault.Set("ssm /rollcall/notify", text)
	if len(lines) == 0 {
		r.vault.Refuse("ssm /rollcall/notify", vault.Refusal{Code: "AccessDeniedException"})
	}
	r.internet = []string{"SSL_CERT_FILE=" + roots, "HTTPS_PROXY=http://" + proxy.Addr().String()}
	r.function, err = testnet.StartFunction(t.Context(), filepath.Join(path, "notify"), append([]string{
		"AWS_ENDPOINT_URL_SQS=http://" + queues.Addr().String(), "AWS_ENDPOINT_URL_SNS=" + r.sns.URL(), "AWS_ENDPOINT_URL_SSM=" + r.vault.URL(),
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/rollcall-notify",
		"ROLLCALL_NOTIFY=ssm:/rollcall/notify", "ROLLCALL_GROUP_TOPIC=" + groupTopic, "ROLLCALL_DIRECT=history-failed,has-not-run",
		"ROLLCALL_QUEUE=http://" + queues.Addr().String() + "/123456789012/queue", "ROLLCALL_DEAD_LETTERS=http://" + queues.Addr().String() + "/123456789012/dead",
	}, r.internet...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.function.Stop() })
	return r
}

// tunnel is a proxy all of whose connections lead to one address.
func tunnel(address string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		to, err := net.Dial("tcp", address)
		if q.Method != http.MethodConnect || err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer to.Close()
		w.WriteHeader(http.StatusOK)
		client, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer client.Close()
		go func() {
			io.Copy(to, buffered)
			to.Close()
		}()
		io.Copy(client, to)
	})
}

// service is every service: it keeps the request, and responds as its host does.
func (r *rig) service(w http.ResponseWriter, q *http.Request) {
	body, _ := io.ReadAll(q.Body)
	var text strings.Builder
	fmt.Fprintf(&text, "%s https://%s%s\n", q.Method, q.Host, q.URL)
	for _, name := range []string{"Authorization", "Content-Type", "Title"} {
		if value := q.Header.Get(name); value != "" {
			fmt.Fprintf(&text, "%s: %s\n", name, value)
		}
	}
	var indented bytes.Buffer
	if json.Indent(&indented, body, "", "  ") == nil {
		body = indented.Bytes()
	}
	fmt.Fprintf(&text, "\n%s\n", body)
	r.mu.Lock()
	r.received = append(r.received, text.String())
	respond := r.respond[q.Host]
	r.mu.Unlock()
	switch {
	case respond != nil:
		respond(w, q)
	case q.Host == "hooks.slack.com":
		io.WriteString(w, "ok")
	default:
		io.WriteString(w, "{}")
	}
}

// queue is SQS: it keeps what is sent, by the last word of the queue's URL.
func (r *rig) queue(w http.ResponseWriter, q *http.Request) {
	var in struct {
		QueueUrl, MessageBody string
		VisibilityTimeout     int
	}
	json.NewDecoder(q.Body).Decode(&in)
	r.mu.Lock()
	defer r.mu.Unlock()
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	if strings.HasSuffix(q.Header.Get("X-Amz-Target"), ".ChangeMessageVisibility") {
		r.hidden = append(r.hidden, fmt.Sprint(in.VisibilityTimeout))
		return
	}
	name := filepath.Base(in.QueueUrl)
	r.queued[name] = append(r.queued[name], in.MessageBody)
	sum := md5.Sum([]byte(in.MessageBody))
	json.NewEncoder(w).Encode(map[string]string{"MD5OfMessageBody": hex.EncodeToString(sum[:]), "MessageId": "1"})
}

// smtp is a mail server that takes everything.
func (r *rig) smtp(_ context.Context, conn net.Conn) {
	in := bufio.NewScanner(conn)
	say := func(line string) { fmt.Fprintf(conn, "%s\r\n", line) }
	say("220 mail.example.com ESMTP")
	var text strings.Builder
	data := false
	for in.Scan() {
		line := in.Text()
		switch {
		case data && line == ".":
			data = false
			head, body, _ := strings.Cut(text.String(), "\n\n")
			lines := strings.Split(head, "\n")
			slices.Sort(lines) // the client writes its headers in any order
			r.mu.Lock()
			r.received = append(r.received, strings.Join(lines, "\n")+"\n\n"+body)
			r.mu.Unlock()
			say("250 taken")
		case data:
			if !strings.HasPrefix(line, "Date:") && !strings.HasPrefix(line, "Message-Id:") {
				text.WriteString(line + "\n")
			}
		case strings.HasPrefix(line, "DATA"):
			data = true
			say("354 go on")
		case strings.HasPrefix(line, "QUIT"):
			say("221 bye")
			return
		default:
			if strings.HasPrefix(line, "MAIL") || strings.HasPrefix(line, "RCPT") {
				text.WriteString(line + "\n")
			}
			say("250 mail.example.com")
		}
	}
}

// invoke gives the function one message, and returns whether it is to come again.
func (r *rig) invoke(t *testing.T, body string, receives int) (again bool) {
	t.Helper()
	event, err := json.Marshal(map[string]any{"Records": []any{map[string]any{
		"messageId": "m", "receiptHandle": "receipt", "body": body, "attributes": map[string]string{"ApproximateReceiveCount": fmt.Sprint(receives)},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(r.invokeWith(t, event), `"itemIdentifier":"m"`)
}

// invokeWith returns the function's response to an event.
func (r *rig) invokeWith(t *testing.T, event []byte) string {
	t.Helper()
	result, err := r.function.Invoke(t.Context(), event, 30*time.Second)
	if err != nil || result.ErrorType != "" {
		t.Fatalf("%v: %+v", err, result)
	}
	return string(result.Payload)
}

// taken returns what has been put into a queue, and empties it.
func (r *rig) taken(queue string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	bodies := r.queued[queue]
	delete(r.queued, queue)
	return bodies
}

// got returns what the services received, and forgets it.
func (r *rig) got() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.received
	r.received = nil
	return all
}

func (r *rig) set(host string, respond http.HandlerFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.respond[host] = respond
}

// published is what the queue gets of a message that was published to the topic.
func published(subject, text string) string {
	body, _ := json.Marshal(map[string]string{"Type": "Notification", "TopicArn": "arn:aws:sns:eu-central-1:123456789012:rollcall", "Subject": subject, "Message": text})
	return string(body)
}

// changed is the message of a run in which targets of a group changed to a state.
func changed(state history.State, group string, targets ...string) *message.Message {
	minute := time.Date(2026, 11, 30, 14, 5, 0, 0, time.UTC)
	seq := int64(1)
	if state == history.Up {
		seq = 1001
	}
	var changes []history.Entry
	for i, target := range targets {
		c := history.Change{State: state, Target: target, Group: group, URL: "https://shop.example.com/" + target, Incident: target + "-20261130T1403Z",
			Reason: "status", Detail: "503 Service Unavailable", Since: minute.Add(-2 * time.Minute), Runs: 3}
		if state == history.Up {
			c.Was, c.Reason, c.Detail, c.Ended = history.Down, "", "", minute
		}
		changes = append(changes, history.Entry{Seq: seq + int64(i), Change: c})
	}
	totals := message.Totals{Total: 40 + len(targets), Up: 40, Down: len(targets)}
	if state == history.Up {
		totals = message.Totals{Total: totals.Total, Up: totals.Total}
	}
	all := message.Make(message.Site{Stack: "rollcall", Region: "eu-central-1"}, message.Run{ID: "r-1", Minute: minute, Targets: totals}, changes, nil)
	return &all[0]
}

const alarm = `{"AlarmName": "rollcall-has-not-run", "AlarmDescription": "Nothing is watched.", "AWSAccountId": "123456789012", "NewStateValue": "ALARM",
	"NewStateReason": "Threshold Crossed", "StateChangeTime": "2026-11-30T14:05:00.000+0000", "Region": "EU (Frankfurt)",
	"AlarmArn": "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:rollcall-has-not-run", "OldStateValue": "OK"}`

// split gives the function a message of the topic, and returns the notes of it.
func (r *rig) split(t *testing.T, m *message.Message) []string {
	t.Helper()
	if r.invoke(t, published(m.Subject, string(m.JSON)), 1) {
		t.Fatalf("the message is to come again: %s", strings.Join(r.function.Stdout(), "\n"))
	}
	return r.taken("queue")
}

func (r *rig) noToken(t *testing.T) {
	t.Helper()
	log := strings.Join(r.function.Stdout(), "\n") + r.function.Stderr()
	for _, secret := range []string{token, "T00000000", "0123456789abcdef0123456789abcdef", "secretsecret", "a-secret-path", "eb243592", "V2ESyij"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log has the token %s:\n%s", secret, log)
		}
	}
}

// TestWhatServicesReceive: a target goes down and up again, and an alarm fires.
func TestWhatServicesReceive(t *testing.T) {
	r := newRig(t, "# all", slack, teams, "group=shop "+pagerduty, "severity>=critical "+opsgenie, ntfy, "smtp://MAIL/?from=rollcall@example.com&to=team@example.com&starttls=no&encryption=None&auth=None", generic, "group=blog "+generic)
	var all strings.Builder
	for _, step := range []struct{ name, subject, text string }{
		{"DOWN", "", string(changed(history.Down, "shop", "checkout").JSON)},
		{"UP", "", string(changed(history.Up, "shop", "checkout").JSON)},
		{"ALARM", "ALARM", strings.ReplaceAll(alarm, "has-not-run", "function-failed")},
	} {
		if r.invoke(t, published(step.subject, step.text), 1) {
			t.Fatal("it is to come again")
		}
		for _, note := range r.taken("queue") {
			if strings.Contains(note, token) || strings.Contains(note, "secretsecret") {
				t.Errorf("a token is in the queue: %s", note)
			}
			if r.invoke(t, note, 1) {
				t.Errorf("%s is to come again", note)
			}
		}
		for _, request := range r.got() {
			fmt.Fprintf(&all, "=== %s\n%s\n", step.name, request)
		}
	}
	for _, m := range r.sns.Accepted() {
		fmt.Fprintf(&all, "=== the group topic\n%s %v\n%s\n", m.Subject, m.Attributes, m.Texts["email"])
	}
	if dead := r.taken("dead"); len(dead) > 0 {
		t.Errorf("dead letters: %s", dead)
	}
	r.noToken(t)
	golden(t, "received.txt", all.String())
	if t.Failed() {
		t.Log(strings.Join(r.function.Stdout(), "\n"))
	}
}

// TestFailures: what comes again, when, and what is a dead letter at once.
func TestFailures(t *testing.T) {
	tests := []struct {
		name    string
		respond http.HandlerFunc
		hidden  string // seconds; "": it does not come again
	}{
		{"401", status(401, ""), ""},
		{"404", status(404, ""), ""},
		{"429", status(429, "90"), "90"},
		{"429 for a day", status(429, "86400"), "900"},
		{"500", status(500, ""), "60"},
		{"closed", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "60"},
	}
	r := newRig(t, slack, ntfy)
	for _, test := range tests {
		r.set("hooks.slack.com", test.respond)
		notes := r.split(t, changed(history.Down, "shop", "checkout"))
		if len(notes) != 2 {
			t.Fatalf("%d notes", len(notes))
		}
		again := r.invoke(t, notes[0], 2)
		if other := r.invoke(t, notes[1], 1); other {
			t.Errorf("%s: the other service is to be notified again", test.name)
		}
		hidden, dead := strings.Join(r.hidden, " "), r.taken("dead")
		r.hidden = nil
		if again != (test.hidden != "") || hidden != test.hidden || len(dead) > 0 == again {
			t.Errorf("%s: again %v after %q s, %d dead letters; want after %q s", test.name, again, hidden, len(dead), test.hidden)
		}
	}
	r.noToken(t)
	if t.Failed() {
		t.Log(strings.Join(r.function.Stdout(), "\n"))
	}
}

func status(code int, after string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if after != "" {
			w.Header().Set("Retry-After", after)
		}
		w.WriteHeader(code)
		fmt.Fprint(w, "no, "+token)
	}
}

// TestAServiceThatHangs is left, and the next one is notified.
func TestAServiceThatHangs(t *testing.T) {
	r := newRig(t, slack, ntfy)
	ended := make(chan struct{})
	r.set("hooks.slack.com", func(_ http.ResponseWriter, q *http.Request) {
		select {
		case <-q.Context().Done():
		case <-ended:
		}
	})
	defer close(ended)
	notes := r.split(t, changed(history.Down, "shop", "checkout"))
	if !r.invoke(t, notes[0], 1) {
		t.Error("it is not to come again")
	}
	if r.invoke(t, notes[1], 1) || len(r.got()) != 2 {
		t.Error("the other service was not notified")
	}
}

// TestLinesThatAreWrong are dead letters, by number and without their content.
func TestLinesThatAreWrong(t *testing.T) {
	r := newRig(t, "slack://this-is-secretsecret", "", "group~shop "+slack, ntfy)
	notes := r.split(t, changed(history.Down, "shop", "checkout"))
	log := strings.Join(r.function.Stdout(), "\n")
	if len(notes) != 1 || len(r.taken("dead")) != 1 || !strings.Contains(log, "line 1: the URL is not valid for slack") || !strings.Contains(log, "line 3: its filter 1 is invalid") {
		t.Errorf("%d notes; the log is %s", len(notes), log)
	}
	r.noToken(t)
}

// TestPagersByIncident: each of fifty has an event, all others one.
func TestPagersByIncident(t *testing.T) {
	var targets []string
	for i := range 60 {
		targets = append(targets, fmt.Sprintf("t%02d", i))
	}
	r := newRig(t, pagerduty)
	events := func(state history.State) (keys []string) {
		for _, note := range r.split(t, changed(state, "shop", targets...)) {
			var n struct{ Event struct{ Key string } }
			if err := json.Unmarshal([]byte(note), &n); err != nil {
				t.Fatal(err)
			}
			keys = append(keys, n.Event.Key)
		}
		return keys
	}
	opened, closed := events(history.Down), events(history.Up)
	if len(opened) != 51 || !slices.Equal(opened, closed) || opened[50] != "rollcall shop others" {
		t.Errorf("opened %d: %v; closed %v", len(opened), opened, closed)
	}
}

// TestALateEvent: what a pager closed is not opened again by what came before.
func TestALateEvent(t *testing.T) {
	r := newRig(t, pagerduty)
	opens, closes := r.split(t, changed(history.Down, "shop", "checkout")), r.split(t, changed(history.Up, "shop", "checkout"))
	if len(opens) != 1 || len(closes) != 1 || r.invoke(t, closes[0], 1) || r.invoke(t, opens[0], 2) || r.invoke(t, closes[0], 2) {
		t.Fatalf("%s %s", opens, closes)
	}
	if got := r.got(); len(got) != 2 || strings.Contains(strings.Join(got, ""), `"trigger"`) {
		t.Errorf("PagerDuty got %s", got)
	}
	r.noToken(t)
}

// TestWhereTheLinesCantBeRead the message comes again, and the last time groups are
// notified of the alarm all the same.
func TestWhereTheLinesCantBeRead(t *testing.T) {
	r := newRig(t)
	for receives := 1; receives <= 5; receives++ {
		if !r.invoke(t, published("ALARM", strings.ReplaceAll(alarm, "has-not-run", "function-failed")), receives) {
			t.Error("it does not come again")
		}
	}
	if notes := r.taken("queue"); len(notes) != 1 || !strings.Contains(notes[0], "the group topic") {
		t.Errorf("notes: %s", notes)
	}
}

// TestAnAlarmThatInvokesIt: each service is notified once, whether or not the alarm
// comes by the topic too.
func TestAnAlarmThatInvokesIt(t *testing.T) {
	r := newRig(t, slack, pagerduty)
	event, err := os.ReadFile(filepath.Join("..", "..", "internal", "message", "testdata", "alarm-direct.json"))
	if err != nil {
		t.Fatal(err)
	}
	r.invokeWith(t, event)
	queued := r.taken("queue")
	if len(queued) != 1 || len(r.got()) != 0 {
		t.Fatalf("the queue has %s", queued)
	}
	for _, body := range []string{queued[0], published("ALARM", alarm)} {
		if r.invoke(t, body, 1) {
			t.Errorf("%s is to come again", body)
		}
	}
	for _, note := range r.taken("queue") {
		if r.invoke(t, note, 1) {
			t.Errorf("%s is to come again", note)
		}
	}
	got := strings.Join(r.got(), "")
	if n := strings.Count(got, "POST "); n != 2 || !strings.Contains(got, `"dedup_key": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:rollcall-has-not-run"`) || strings.Count(got, "ALARM: rollcall-has-not-run") < 2 {
		t.Errorf("the services got %s", got)
	}
	if groups := r.sns.Accepted(); len(groups) != 1 || groups[0].Attributes["kind"] != "monitor" {
		t.Errorf("the group topic got %v", groups)
	}
	if result, err := r.function.Invoke(t.Context(), []byte(`{"source": "x"}`), 30*time.Second); err != nil || result.ErrorType == "" {
		t.Errorf("what is not an event of ours: %v, %+v", err, result)
	}
}

// TestOthersOfTheTopic: what another stack or program publishes is left alone.
func TestOthersOfTheTopic(t *testing.T) {
	r := newRig(t, slack)
	for _, body := range []string{published("hello", "world"), published("ALARM", strings.ReplaceAll(alarm, "rollcall-", "others-")),
		published("", strings.Replace(string(changed(history.Down, "shop", "x").JSON), `"stack":"rollcall"`, `"stack":"other"`, 1))} {
		if r.invoke(t, body, 1) || len(r.taken("queue")) > 0 {
			t.Errorf("notified of %s", body)
		}
	}
	if r.invoke(t, "no JSON", 1) || len(r.taken("dead")) != 1 {
		t.Error("what is unreadable is not a dead letter")
	}
}

// TestTrial: what docs/notify.md shows.
func TestTrial(t *testing.T) {
	r := newRig(t)
	dir, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	try := exec.CommandContext(t.Context(), filepath.Join(dir, "rollcall-notify"), "--to", "-", "--try")
	try.Stdin = strings.NewReader("group=shop " + slack + "\n\n" + pagerduty)
	try.Env = r.internet
	out, err := try.CombinedOutput()
	if want := tree.Document(t, "docs/notify.md"); err != nil || len(out) == 0 || !strings.Contains(want, string(out)) || len(r.got()) != 3 {
		t.Errorf("%v: docs/notify.md does not show\n%s", err, out)
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (UPDATE=1 writes it):\n%s", path, got)
	}
}
