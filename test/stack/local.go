package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"rollcall/internal/monitor"
	"rollcall/internal/report"
	"rollcall/internal/testnet"
)

const sam = ".venv/sam/bin/sam"

// local runs every event of the package by sam local invoke, against the
// test network, and one more without credentials.
func (t *trial) local(ctx context.Context) error {
	tn, err := t.startNet()
	if err != nil {
		return err
	}
	engine, err := t.engine(ctx)
	if err != nil {
		return err
	}
	t.say("a container engine of our own is up")
	build, err := t.build(ctx)
	if err != nil {
		return err
	}
	t.say("sam build: the function for %s, and its events with the test network's ports", architecture())
	events, err := portEvents(tn, filepath.Join(build, "CheckFunction", "events"))
	if err != nil {
		return err
	}
	if err := t.makeImage(ctx, engine, variable(tn, "SSL_CERT_FILE")); err != nil {
		return err
	}
	l := &invoker{trial: t, engine: engine, build: build, testnet: tn}
	for _, event := range events {
		if err := l.published(ctx, event); err != nil {
			return err
		}
	}
	if err := l.byLog(ctx); err != nil {
		return err
	}
	t.say("%d events, and one with EMF as fallback: all ran in sam's containers", len(events))
	return nil
}

// startNet brings up the web sites, with those of the documented events.
func (t *trial) startNet() (*testnet.Net, error) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/orders": // closed to strangers
			w.WriteHeader(http.StatusUnauthorized)
		case "/v1/orders":
			http.Redirect(w, r, "/orders", http.StatusMovedPermanently)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"database": "up", "queues": [], "hits": ["shoes"]}`)
	})
	tn, err := testnet.Start(testnet.Options{Handlers: map[string]http.Handler{"*.example.com": handler}})
	if err == nil {
		t.later(tn.Close)
	}
	return tn, err
}

// build has sam build the unchanged template into the trial's folder.
func (t *trial) build(ctx context.Context) (dir string, err error) {
	if _, err := os.Stat(filepath.Join(t.root, sam)); err != nil {
		return "", fmt.Errorf("%s is not here: make sam-local and make stack install it, with python3 and its venv", sam)
	}
	dir = filepath.Join(t.dir, "build")
	_, _, err = t.run(ctx, command{
		[]string{"SAM_CLI_TELEMETRY=0", "ARCH=" + architecture()},
		[]string{sam, "build", "--build-dir", dir, "--parameter-overrides", "Architecture=" + architecture()},
	})
	return dir, err
}

// portEvents gives the URLs of the built package the test network's ports, and
// returns the files that hold events.
func portEvents(tn *testnet.Net, dir string) (events []string, err error) {
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	for _, file := range files {
		data, e := os.ReadFile(file)
		err = errors.Join(err, e)
		if filepath.Ext(file) == ".json" {
			data, e = tn.Event(data)
			err = errors.Join(err, e)
			events = append(events, file)
		} else {
			data = portedLines(tn, data)
		}
		err = errors.Join(err, os.WriteFile(file, data, 0o644))
	}
	return events, err
}

// portedLines is the same for a list of one URL a line.
func portedLines(tn *testnet.Net, list []byte) []byte {
	var b strings.Builder
	for line := range strings.Lines(string(list)) {
		line = strings.TrimSpace(line)
		if host, ok := strings.CutPrefix(line, "https://"); ok {
			if origin, known := tn.Origin(host); known {
				line = fmt.Sprintf("https://%s:%d", host, origin.Addr.Port())
			}
		}
		b.WriteString(line + "\n")
	}
	return []byte(b.String())
}

// variable is one of those that point a function at the test network.
func variable(tn *testnet.Net, name string) string {
	for _, v := range tn.Env() {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	return ""
}

// An invoker calls sam.
type invoker struct {
	*trial
	engine  []string
	build   string
	testnet *testnet.Net
}

// published runs an event, whose metrics the test network's CloudWatch has to take.
func (l *invoker) published(ctx context.Context, event string) error {
	began, before := time.Now(), len(l.testnet.CloudWatch.Accepted())
	s, _, err := l.invoke(ctx, event, variable(l.testnet, "ROLLCALL_CLOUDWATCH_ENDPOINT"))
	if err != nil {
		return err
	}
	name, arrived := filepath.Base(event), len(l.testnet.CloudWatch.Accepted())-before
	l.say("events/%-15s %s; %d datums arrived at CloudWatch (%.1f s)", name, report.Line(s), arrived, time.Since(began).Seconds())
	if s.Targets == 0 || arrived == 0 || arrived != s.Published.Datums {
		return fmt.Errorf("%s: %d targets, %d datums, of which %d arrived", name, s.Targets, s.Published.Datums, arrived)
	}
	return nil
}

// byLog runs an event as somebody without credentials does: CloudWatch takes
// nothing, and the metrics fall back to EMF.
func (l *invoker) byLog(ctx context.Context) error {
	l.testnet.CloudWatch.SetFault(testnet.Always(testnet.Fault{Mode: testnet.AccessDenied}))
	defer l.testnet.CloudWatch.SetFault(nil)
	s, lines, err := l.invoke(ctx, filepath.Join(l.build, "CheckFunction", "events", "gafam.json"), variable(l.testnet, "ROLLCALL_CLOUDWATCH_ENDPOINT"))
	if err != nil {
		return err
	}
	emf, said := 0, 0
	for line := range strings.Lines(lines) {
		if strings.Contains(line, `"_aws"`) {
			emf++
		}
		if strings.Contains(line, "the metrics fall back to EMF in the log") {
			said++
		}
	}
	l.say("without access to CloudWatch: %d of %d datums in %d lines of the log, said in %d line", s.Published.EMF, s.Published.Datums, emf, said)
	if emf == 0 || said != 1 || s.Published.EMF != s.Published.Datums {
		return fmt.Errorf("the metrics did not fall back to EMF:\n%s", tail(lines))
	}
	return nil
}

// invoke runs the function in a container once. lines are what it logged.
func (l *invoker) invoke(ctx context.Context, event, endpoint string) (s *monitor.Summary, lines string, err error) {
	variables, err := localVariables(l.root)
	if err != nil {
		return nil, "", err
	}
	variables["CheckFunction"]["ROLLCALL_CLOUDWATCH_ENDPOINT"] = endpoint
	for _, name := range []string{"ROLLCALL_DNS", "ROLLCALL_ALLOW", "ROLLCALL_CANARY"} {
		variables["CheckFunction"][name] = variable(l.testnet, name)
	}
	variables["CheckFunction"]["ROLLCALL_ENV"] = "API_TOKEN@api.example.com" // of secrets.json
	data, err := json.Marshal(variables)
	if err != nil {
		return nil, "", err
	}
	file := filepath.Join(l.dir, "variables.json")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		return nil, "", err
	}
	stdout, stderr, err := l.run(ctx, command{
		append([]string{"SAM_CLI_TELEMETRY=0"}, l.engine...),
		[]string{sam, "local", "invoke", "CheckFunction", "--template", filepath.Join(l.build, "template.yaml"), "--skip-pull-image",
			"--docker-network", "host", "--env-vars", file, "--parameter-overrides", "Architecture=" + architecture(), "--event", event},
	})
	if err != nil {
		return nil, "", err
	}
	s, err = summaryIn(stdout)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w\n%s", event, err, tail(stdout+stderr))
	}
	return s, stdout + stderr, nil
}

// localVariables are those that samconfig.toml gives sam local.
func localVariables(root string) (variables map[string]map[string]string, err error) {
	data, err := os.ReadFile(filepath.Join(root, "test/stack/sam-local.json"))
	if err != nil {
		return nil, err
	}
	return variables, json.Unmarshal(data, &variables)
}

// summaryIn finds the function's result: the last line that is a summary with
// results.
func summaryIn(stdout string) (*monitor.Summary, error) {
	var found *monitor.Summary
	lines := bufio.NewScanner(strings.NewReader(stdout))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		if !strings.Contains(lines.Text(), `"results":`) {
			continue
		}
		s := &monitor.Summary{}
		if err := json.Unmarshal(lines.Bytes(), s); err == nil {
			found = s
		}
	}
	if found == nil {
		return nil, errors.New("the function returned no summary")
	}
	return found, nil
}
