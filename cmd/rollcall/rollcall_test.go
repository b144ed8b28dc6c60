package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"rollcall/internal/check"
	"rollcall/internal/monitor"
	"rollcall/internal/testnet"
)

// world is the one stage of all tests: crypto/x509 reads SSL_CERT_FILE once a
// process.
var world *testnet.Net

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	var err error
	if world, err = testnet.Start(testnet.Options{}); err != nil {
		log.Fatal(err)
	}
	for _, variable := range world.Env() {
		if name, value, _ := strings.Cut(variable, "="); name == "SSL_CERT_FILE" {
			os.Setenv(name, value)
		}
	}
	code := m.Run()
	world.Close()
	os.Exit(code)
}

// environment is the test network's, with changes.
func environment(changes map[string]string) func(string) (string, bool) {
	variables := map[string]string{}
	for _, variable := range world.Env() {
		name, value, _ := strings.Cut(variable, "=")
		variables[name] = value
	}
	maps.Copy(variables, changes)
	return func(name string) (string, bool) {
		value, ok := variables[name]
		return value, ok
	}
}

// url is that of a host of the test network.
func url(t *testing.T, host string) string {
	t.Helper()
	o, ok := world.Origin(host)
	if !ok {
		t.Fatalf("the test network has no %s", host)
	}
	return fmt.Sprintf("%s://%s:%d/", o.Scheme, host, o.Addr.Port())
}

// An outcome is what the program leaves behind.
type outcome struct {
	code     int
	out, err string
}

// rollcall runs the program in the test network.
func rollcall(t *testing.T, in string, args ...string) outcome {
	t.Helper()
	return rollcallWith(t, nil, in, args...)
}

func rollcallWith(t *testing.T, changes map[string]string, in string, args ...string) outcome {
	t.Helper()
	var out, err bytes.Buffer
	code := run(t.Context(), args, system{in: strings.NewReader(in), out: &out, err: &err, lookup: environment(changes)})
	return outcome{code, out.String(), err.String()}
}

// file writes a file and returns its name.
func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "event.json")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// listFile is a file whose name does not say that it holds JSON.
func listFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "urls.txt")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// shows compares a text with what has to be in it, in that order.
func shows(t *testing.T, what, got string, want ...string) {
	t.Helper()
	rest := got
	for _, w := range want {
		_, after, ok := strings.Cut(rest, w)
		if !ok {
			t.Errorf("%s has no %q in its place:\n%s", what, w, got)
		}
		rest = after
	}
}

func TestExitCodes(t *testing.T) {
	good, missing := url(t, "good.stage.test"), url(t, "status-404.stage.test")
	hanging := url(t, "hanging.stage.test")
	nowhere := strings.Fields("https://a.nowhere.test https://b.nowhere.test https://c.nowhere.test https://d.nowhere.test https://e.nowhere.test")
	refusing := map[string]string{"ROLLCALL_CANARY": url(t, "refusing.stage.test")}
	for _, test := range []struct {
		name    string
		changes map[string]string
		args    []string
		code    int
		out     string
		err     string
	}{
		{"all up", nil, []string{good}, 0, "1 target in", ""},
		{"one down", nil, []string{good, missing}, 1, "1 up, 1 down", ""},
		{"the monitor has no network", refusing, nowhere, 3, "0 up, 5 not checked; the monitor has no network", "rollcall: most targets can't be reached, and neither can the canary: the monitor has no network (hosts: 5, "},
		{"the canary is up", map[string]string{"ROLLCALL_CANARY": good}, nowhere, 1, "5 down\n", ""},
		{"not checked", nil, []string{"ftp://good.stage.test"}, 3, "1 not checked", ""},
		{"down goes before not checked", nil, []string{"ftp://good.stage.test", missing}, 1, "1 down, 1 not checked", ""},
		{"a deadline", nil, []string{"--deadline", "600ms", good, hanging}, 3, "deadline", ""},
		{"a private address that was typed", map[string]string{"ROLLCALL_ALLOW": ""}, []string{good}, 0, "1 up", ""},
		{"a blocked address", map[string]string{"ROLLCALL_ALLOW": ""}, []string{"--guard", good}, 3, "blocked_address: 127.0.0.1 is not a public address; to allow it: --allow 127.0.0.1\n", ""},
		{"an allowed word", map[string]string{"ROLLCALL_ALLOW": ""}, []string{"--guard", "--allow", "private,loopback", good}, 0, "1 up", ""},
		{"another word", map[string]string{"ROLLCALL_ALLOW": ""}, []string{"--guard", "--allow", "private", good}, 3, "blocked_address", ""},
		{"metadata that was typed", nil, []string{"http://169.254.169.254"}, 3, "not_checked", ""},
		{"an allowed address", map[string]string{"ROLLCALL_ALLOW": ""}, []string{"--allow", "10.0.0.0/8,127.0.0.0/8", good}, 0, "1 up", ""},
		{"a reference", map[string]string{"TOK": "t0k3n"}, []string{good + "${env:TOK}"}, 3, "${env:TOK} is not allowed here (ROLLCALL_ENV=TOK@good.stage.test or --env TOK@good.stage.test)", ""},
		{"a reference that is allowed", map[string]string{"TOK": "t0k3n"}, []string{"--env", "TOK@*.stage.test", good + "${env:TOK}"}, 0, "1 up", ""},
		{"a reference for another host", map[string]string{"TOK": "t0k3n", "ROLLCALL_ENV": "TOK@stage.test"}, []string{"--env", "TOK@x.stage.test,X", good + "${env:TOK}"}, 3, "not allowed here", ""},
		{"a wrong --env", nil, []string{"--env", "TOK@", good}, 2, "", `--env: invalid variable "TOK@"`},
		{"one at once", nil, []string{"--in-flight", "1", good, good + "other"}, 0, "2 up", ""},
		{"a wrong variable", map[string]string{"ROLLCALL_RESERVE": "5"}, []string{good}, 2, "", `ROLLCALL_RESERVE: invalid duration "5"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := rollcallWith(t, test.changes, "", append([]string{"check"}, test.args...)...)
			if got.code != test.code {
				t.Errorf("code %d, want %d\n%s%s", got.code, test.code, got.out, got.err)
			}
			shows(t, "standard output", got.out, test.out)
			shows(t, "standard error", got.err, test.err)
			if test.err == "" && got.err != "" {
				t.Errorf("standard error %q", got.err)
			}
		})
	}
}

// Wrong usage says what is wrong, and nothing on standard output.
func TestWrongUsage(t *testing.T) {
	event := file(t, `{"urls": [1], "metric": "group"}`)
	good := url(t, "good.stage.test")
	for _, test := range []struct {
		args string
		want []string
	}{
		{"chekc", []string{`unknown command "chekc", did you mean "check"?`, "rollcall check chekc", "Try rollcall --help.\n"}},
		{"vresion", []string{`unknown command "vresion", did you mean "version"?`}},
		{"chekc " + good, []string{`did you mean "check"?`}},
		{"check", []string{"no URL to check"}},
		{"check --bad " + good, []string{"unknown flag --bad", "Try rollcall check --help.\n"}},
		{"cost", []string{"Try rollcall cost --help.\n"}},
		{"--bad", []string{"unknown flag --bad", "--help"}},
		{"--json check " + good, []string{"the command comes first: rollcall check"}},
		{"check https:/example.com", []string{`"https:/example.com" is not a URL: did you mean https://example.com?`}},
		{"check nowhere.json", []string{"no such file: nowhere.json"}},
		{"check lists/nowhere.txt.gz", []string{"no such file: lists/nowhere.txt.gz"}},
		{"check ./nowhere", []string{"no such file: ./nowhere"}},
		{"check ../rollcall/", []string{"../rollcall/ is a directory"}},
		{"check .", []string{". is a directory"}},
		{"check --timeout 0 " + good, []string{`--timeout: invalid duration "0": must be more than 0`}},
		{"check -H Host:\x01 " + good, []string{"--header: Host: invalid header value"}},
		{"check main.go " + good, []string{"main.go is a file and stands alone"}},
		{"check --timeout soon " + good, []string{"--timeout", `invalid duration "soon"`}},
		{"check --timeout 1h " + good, []string{"--timeout: "}},
		{"check -H nothing " + good, []string{"--header: invalid header \"nothing\""}},
		{"check -H A:b -H A:c " + good, []string{"--header: A is given twice"}},
		{"check --expect status== " + good, []string{"--expect: "}},
		{"check --method get " + good, []string{"--method: "}},
		{"check --per-host=-1 " + good, []string{"--per-host", "must be a whole number of at least 1"}},
		{"check --per-host 0 " + good, []string{`invalid number "0"`}},
		{"check --json --format html " + good, []string{"--json and --format html contradict each other"}},
		{"check --fromat json " + good, []string{"--fromat", `did you mean "--format"?`}},
		{"check --format xml " + good, []string{"--format", `"table","json","html"`, `"xml"`}},
		{"check --event " + event + " " + good, []string{"not both"}},
		{"check --event nowhere.json", []string{"reading the event", "nowhere.json"}},
		{"check --event " + event, []string{"2 problems", `did you mean "metrics"?`, "urls[0]"}},
		{"check - " + good, []string{"stands alone"}},
		{"check --allow 10.0.0.0/99 " + good, []string{`--allow: invalid network "10.0.0.0/99"`}},
		{"check --in-flight=0 " + good, []string{"must be a whole number of at least 1"}},
		{"foo_bar! " + good, []string{`"foo_bar!" is not a host or a URL, and there is no such file`}},
		{"check user:pass@host", []string{`"host" is not a host or a URL`}},
		{"/", []string{"/ is a directory"}},
		{"check --in-flight many " + good, []string{"--in-flight"}},
		{"check --deadline=-1s " + good, []string{"can't be negative"}},
		{"check --deadline 5x " + good, []string{"--deadline", `invalid duration "5x"`}},
		{"check --watch 10ms " + good, []string{"too short", "the minimum is 1s"}},
		{"check --watch 10s --format junit " + good, []string{"needs --output FILE"}},
		{"compare", []string{"no URL to check"}},
		{"demo --list --serve", []string{"--list", "--serve"}},
	} {
		t.Run(test.args, func(t *testing.T) {
			got := rollcall(t, "", strings.Fields(test.args)...)
			if got.code != 2 || got.out != "" || !strings.HasPrefix(got.err, "rollcall: ") {
				t.Errorf("code %d, output %q, error %q", got.code, got.out, got.err)
			}
			shows(t, "standard error", got.err, test.want...)
		})
	}
}

func TestHelp(t *testing.T) {
	for _, test := range []struct {
		args string
		want []string
	}{
		{"--version", []string{version + "\n"}},
		{"--help", []string{"Usage: rollcall <command>", "many web sites", "check [<url> ...]", "all at the same time"}},
		{"-v", []string{version + "\n"}},
		{"-V", []string{version + "\n"}},
		{"version", []string{version + "\n"}},
		{"", []string{"Usage: rollcall <command>", "rollcall example.com"}},
		{"help", []string{"Usage: rollcall <command>"}},
		{"help cost", []string{"Usage: rollcall cost"}},
		{"check --help", []string{"Usage: rollcall check", "URLs to check", "--event=FILE", "--format=", "table,json,html", "--output=FILE",
			"--publish", "--allow=CIDR", "--in-flight=N", "--deadline=D"}},
	} {
		got := rollcall(t, "", strings.Fields(test.args)...)
		if got.code != 0 || got.err != "" {
			t.Errorf("%s: code %d, error %q", test.args, got.code, got.err)
		}
		shows(t, test.args, got.out, test.want...)
		for line := range strings.Lines(got.out) {
			if len(line) > 81 {
				t.Errorf("%s: a line of %d characters: %s", test.args, len(line), line)
			}
		}
	}
}

// What is checked may come by these ways.
func TestSources(t *testing.T) {
	good := url(t, "good.stage.test")
	event := fmt.Sprintf(`{"urls": [{"name": "the good one", "url": %q}]}`, good)
	host := strings.TrimSuffix(strings.TrimPrefix(good, "https://"), "/")
	for _, test := range []struct{ name, in, args, want string }{
		{"arguments", "", "check " + good, host},
		{"lines on standard input", "# mine\n\n" + good + " # the good one\n", "check -", host},
		{"an event on standard input", event, "check -", "the good one"},
		{"an event on standard input, by its flag", event, "check --event -", "the good one"},
		{"an event in a file", "", "check --event " + file(t, event), "the good one"},
		{"an event after blanks", " \r\n" + event, "check -", "the good one"},
		{"an event after blanks, in a file of any name", "", "check --event " + listFile(t, " \n"+event), "the good one"},
		{"lines in a file", "", "check --event " + listFile(t, "# mine\n"+good+"\n"), host},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := rollcall(t, test.in, strings.Fields(test.args)...)
			if got.code != 0 || got.err != "" {
				t.Errorf("code %d, error %q", got.code, got.err)
			}
			shows(t, "standard output", got.out, "STATE", "\nup ", test.want, " 200 ", " ms", "1 target in ", "1 up")
		})
	}
}

// No URL, from wherever: an empty table, a warning, and 2.
func TestNoURL(t *testing.T) {
	for _, in := range []string{"", "# nothing\n", `{"urls": []}`} {
		got := rollcall(t, in, "check", "-")
		if got.code != 2 || !strings.Contains(got.err, "has no targets") {
			t.Errorf("%q: code %d, error %q", in, got.code, got.err)
		}
		shows(t, "standard output", got.out, "0 targets")
	}
}

func TestStandardInputFails(t *testing.T) {
	broken := errors.New("the pipe broke")
	for name, in := range map[string]*strings.Reader{"at once": strings.NewReader(""), "within an event": strings.NewReader(`{"urls"`)} {
		var out, stderr bytes.Buffer
		input := &failing{in, broken}
		code := run(t.Context(), []string{"check", "-"}, system{in: iotest.OneByteReader(input), out: &out, err: &stderr, lookup: environment(nil)})
		if code != 2 || !strings.Contains(stderr.String(), ": the pipe broke") {
			t.Errorf("%s: code %d, error %q", name, code, &stderr)
		}
	}
}

// failing gives err where its reader has come to the end.
type failing struct {
	r   *strings.Reader
	err error
}

func (f *failing) Read(p []byte) (int, error) {
	if f.r.Len() == 0 {
		return 0, f.err
	}
	return f.r.Read(p)
}

func TestJSONToFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "result.json")
	got := rollcall(t, "", "check", "--format", "json", "--output", name, url(t, "good.stage.test"), url(t, "expired.stage.test"))
	if got.code != 1 || got.out != "" || !strings.HasPrefix(got.err, "2 targets in ") || !strings.HasSuffix(got.err, ": 1 up, 1 down. Written: "+name+"\n") {
		t.Errorf("code %d, output %q, error %q", got.code, got.out, got.err)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var s monitor.Summary
	if err := json.Unmarshal(text, &s); err != nil || !bytes.HasSuffix(text, []byte("}\n")) {
		t.Fatalf("%v: %s", err, text)
	}
	if s.Version != version || s.Up != 1 || s.Down != 1 || !s.Healthy || s.Published.Datums != 0 {
		t.Errorf("summary %s", text)
	}
	if up, down := &s.Results[0], &s.Results[1]; up.Status != 200 || up.Duration <= 0 || down.Reason != check.TLSExpired {
		t.Errorf("results %+v, %+v", up, down)
	}
}

// A page to send on, with the verdict in its title.
func TestHTMLToFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "result.html")
	got := rollcall(t, "", "check", "--format", "html", "-o", name, url(t, "good.stage.test"), url(t, "expired.stage.test"))
	if got.code != 1 || got.out != "" || !strings.HasPrefix(got.err, "2 targets in ") || !strings.HasSuffix(got.err, ": 1 up, 1 down. Written: "+name+"\n") {
		t.Errorf("code %d, output %q, error %q", got.code, got.out, got.err)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	shows(t, "the page", string(text), "<!doctype html>", "<title>1 of 2 targets is down · Rollcall</title>", "#tls_expired", "certificate expired 1 day ago", "</html>")
}

func TestUnwritableOutput(t *testing.T) {
	name := filepath.Join(t.TempDir(), "nowhere", "result.json")
	got := rollcall(t, "", "check", "--output", name, url(t, "good.stage.test"))
	if got.code != 2 || got.out != "" || !strings.Contains(got.err, name) {
		t.Errorf("code %d, output %q, error %q", got.code, got.out, got.err)
	}
}

// A hanging target does not hold up the deadline, nor the user.
func TestDeadline(t *testing.T) {
	t.Parallel()
	got := rollcall(t, "", "check", "--deadline", "500ms", url(t, "hanging.stage.test"))
	if got.code != 3 || !strings.Contains(got.out, "deadline") { // and no timeout, which would have come later
		t.Errorf("code %d, output %q", got.code, got.out)
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	world.Handle("waiting.stage.test", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel() // the user, while the request is open
		<-r.Context().Done()
	}))
	var out, stderr bytes.Buffer
	code := run(ctx, []string{"check", "--format", "json", url(t, "waiting.stage.test"), url(t, "good.stage.test")},
		system{in: strings.NewReader(""), out: &out, err: &stderr, lookup: environment(nil)})
	if code != 130 || !strings.Contains(stderr.String(), "interrupted") {
		t.Errorf("code %d, error %q", code, &stderr)
	}
	var s monitor.Summary // with no timeout, which would have come later
	if err := json.Unmarshal(out.Bytes(), &s); err != nil || s.Results[0].Reason != check.Deadline {
		t.Errorf("error %v, output %s", err, &out)
	}
}

func TestStaleEvent(t *testing.T) {
	got := rollcall(t, `{"urls": ["https://good.stage.test"], "scheduled": "2020-01-01T00:00:00Z"}`, "check", "-")
	if got.code != 3 || !strings.Contains(got.err, "older than ROLLCALL_MAX_AGE") {
		t.Errorf("code %d, error %q", got.code, got.err)
	}
}

// credentials are made up. The SDK reads the real environment.
func credentials(t *testing.T) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "made up", "AWS_REGION": "eu-west-1", "AWS_PROFILE": "",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		t.Setenv(name, value)
	}
}

// The terminal publishes what it found out of the targets, and nothing that
// would pass for a run of the function.
func TestPublish(t *testing.T) {
	credentials(t)
	before := len(world.CloudWatch.Accepted())
	got := rollcallWith(t, map[string]string{"ROLLCALL_NAMESPACE": "Terminal"}, "", "check", "--publish", "--format", "json",
		url(t, "good.stage.test"), url(t, "status-404.stage.test"))
	if got.code != 1 || got.err != "" {
		t.Errorf("code %d, error %q", got.code, got.err)
	}
	var s monitor.Summary
	if err := json.Unmarshal([]byte(got.out), &s); err != nil {
		t.Fatal(err)
	}
	accepted := world.CloudWatch.Accepted()[before:]
	if n := len(accepted); n == 0 || s.Published.Accepted != n || s.Published.Datums != n {
		t.Errorf("%d accepted, published %+v", n, s.Published)
	}
	ups := map[string]float64{}
	for _, d := range accepted {
		if d.Namespace != "Terminal" {
			t.Errorf("%s is in %s", d.Metric, d.Namespace)
		}
		if slices.Contains([]string{"RunCompleted", "MonitorHealthy", "TargetsChecked", "RunDuration"}, d.Metric) {
			t.Errorf("%s is published", d.Metric)
		}
		if name := d.Dimension("Target"); d.Metric == "Up" && name != "" {
			ups[name] = d.Value
			if d.Values != nil {
				ups[name] = d.Values[0]
			}
		}
	}
	if want := map[string]float64{s.Results[0].Name: 1, s.Results[1].Name: 0}; !maps.Equal(ups, want) {
		t.Errorf("Up is %v, want %v", ups, want)
	}
}

// What CloudWatch does not take is lost, and reported; a target that is down
// comes first.
func TestPublishRefused(t *testing.T) {
	credentials(t)
	world.CloudWatch.SetFault(testnet.Always(testnet.Fault{Mode: testnet.AccessDenied}))
	defer world.CloudWatch.SetFault(nil)
	for host, want := range map[string]int{"good.stage.test": 3, "status-404.stage.test": 1} {
		got := rollcall(t, "", "check", "--publish", url(t, host))
		if got.code != want || strings.Contains(got.out, "_aws") {
			t.Errorf("%s: code %d, want %d; output %s", host, got.code, want, got.out)
		}
		if strings.Count(got.err, "\n") != 1 || strings.Count(got.err, "the action cloudwatch:PutMetricData") != 1 || !strings.HasPrefix(got.err, "rollcall: ") {
			t.Errorf("%s: it is not in one sentence:\n%s", host, got.err)
		}
	}
}
