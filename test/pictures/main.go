// Pictures makes those of the README: what the terminal program prints and
// writes about a few sites of the test network, photographed by Chromium.
//
//	make pictures
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"rollcall/internal/testnet"
	"rollcall/test/camera"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: pictures PROGRAM DIRECTORY")
		os.Exit(2)
	}
	if err := takeAll(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "pictures:", err)
		os.Exit(1)
	}
}

// event is a list as a small shop might have it.
const event = `{
  "defaults": {"timeout": "2s", "retries": 0},
  "urls": [
    "https://www.example.com",
    {"group": "shop", "url": "https://shop.example.com", "warn": ["duration < 300"]},
    {"group": "shop", "name": "shop.example.com/checkout", "url": "https://checkout.example.com"},
    {"group": "shop", "url": "https://search.example.com"},
    {"group": "shop", "url": "https://images.example.com"},
    {"group": "api", "url": "https://api.example.com/v1/health", "expect": ["status == 200", "json.db == 'up'"]},
    {"group": "api", "url": "https://api.example.com/v2/health", "expect": ["status == 200", "json.db == 'up'"]},
    {"group": "api", "name": "hooks.example.com", "url": "https://hanging.stage.test"},
    {"group": "office", "name": "intranet.example.com", "url": "https://expired.stage.test"},
    {"group": "office", "url": "https://mail.example.com"},
    {"group": "office", "url": "https://docs.example.com"}
  ]
}`

// sites are the hosts, each with its delay, its status, and the delay of the
// rest of its body.
var sites = map[string]site{
	"www.example.com":      {first: 61 * time.Millisecond, rest: 4 * time.Millisecond},
	"shop.example.com":     {first: 382 * time.Millisecond, rest: 75 * time.Millisecond},
	"checkout.example.com": {first: 34 * time.Millisecond, status: http.StatusServiceUnavailable},
	"search.example.com":   {first: 148 * time.Millisecond, rest: 22 * time.Millisecond},
	"images.example.com":   {first: 27 * time.Millisecond, rest: 118 * time.Millisecond},
	"api.example.com":      {first: 43 * time.Millisecond},
	"mail.example.com":     {first: 96 * time.Millisecond},
	"docs.example.com":     {first: 71 * time.Millisecond, rest: 33 * time.Millisecond},
}

type site struct {
	first, rest time.Duration
	status      int // 0: 200
}

// ServeHTTP responds as the site does.
func (s site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	time.Sleep(s.first)
	if s.status != 0 {
		w.WriteHeader(s.status)
	}
	state := "up"
	if strings.HasPrefix(r.URL.Path, "/v2/") {
		state = "read-only"
	}
	fmt.Fprintf(w, `{"db": %q, `, state)
	if s.rest > 0 {
		http.NewResponseController(w).Flush()
		time.Sleep(s.rest)
	}
	fmt.Fprint(w, `"version": 7}`)
}

// takeAll takes all pictures.
func takeAll(program, directory string) (err error) {
	if program, err = filepath.Abs(program); err != nil {
		return err
	}
	o := testnet.Options{Handlers: map[string]http.Handler{}}
	for name, s := range sites {
		o.Handlers[name] = s
	}
	var many []string
	for i := range 24 {
		name := fmt.Sprintf("site-%d.example.com", i+1)
		o.Handlers[name] = site{first: time.Duration(50+i*i*37%110) * time.Millisecond}
		many = append(many, "https://"+name)
	}
	tn, err := testnet.Start(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tn.Close()) }()
	dir, err := os.MkdirTemp("", "rollcall-pictures-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ported, err := tn.Event([]byte(event))
	if err != nil {
		return err
	}
	a := shoot{program: program, env: append(os.Environ(), tn.Env()...), dir: dir, event: filepath.Join(dir, "my.json"), to: directory}
	if err := os.WriteFile(a.event, ported, 0o600); err != nil {
		return err
	}
	list, err := json.Marshal(map[string][]string{"urls": many})
	if err != nil {
		return err
	}
	if ported, err = tn.Event(list); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "sites.json"), ported, 0o600); err != nil {
		return err
	}
	return a.work(context.Background())
}

// A shoot takes pictures.
type shoot struct {
	program string
	env     []string // the test network's
	dir     string   // for temporary files
	event   string   // its file
	to      string   // where the pictures go
}

func (a *shoot) work(ctx context.Context) error {
	if err := os.MkdirAll(a.to, 0o755); err != nil {
		return err
	}
	page := filepath.Join(a.dir, "run.html")
	if err := a.run(exec.Command(a.program, "check", "--event", a.event, "--format", "html", "--output", page), nil); err != nil {
		return err
	}
	var table bytes.Buffer
	if err := a.run(inTerminal(a.program+" check --event "+a.event), &table); err != nil {
		return err
	}
	if err := a.compare(); err != nil {
		return err
	}
	terminal := filepath.Join(a.dir, "table.html")
	if err := os.WriteFile(terminal, []byte(terminalPage("rollcall check --event my.json", table.String())), 0o600); err != nil {
		return err
	}
	return camera.Photograph(ctx,
		camera.Picture{From: page, To: filepath.Join(a.to, "page.png"), Width: 1280, Height: 1440},
		camera.Picture{From: page, To: filepath.Join(a.to, "page-dark.png"), Width: 1280, Height: 1440, Dark: true},
		camera.Picture{From: page, To: filepath.Join(a.to, "page-phone.png"), Width: 375, Height: 812, Scroll: "#targets"},
		camera.Picture{From: terminal, To: filepath.Join(a.to, "table.png"), Width: 1000},
	)
}

// compare records a comparison.
func (a *shoot) compare() error {
	command := exec.Command("script", "--quiet", "--return", "--command", fmt.Sprintf("stty cols %d rows 40; exec %s compare sites.json", mostColumns, a.program), "/dev/null")
	command.Env, command.Dir = a.env, a.dir
	printed, err := command.StdoutPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return err
	}
	frames, err := record(printed)
	if err := errors.Join(err, command.Wait()); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(a.to, "compare.svg"), []byte(animation("rollcall compare sites.json", frames)), 0o644)
}

// run runs a check. That something is down, which is 1, is meant.
func (a *shoot) run(c *exec.Cmd, out *bytes.Buffer) error {
	var complaint bytes.Buffer
	c.Env, c.Stderr = a.env, &complaint
	if out != nil {
		c.Stdout = out
	}
	var exit *exec.ExitError
	if err := c.Run(); err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
		return fmt.Errorf("%s: %w: %s", strings.Join(c.Args, " "), err, &complaint)
	}
	return nil
}

// inTerminal is a command that believes it has a terminal of 110 columns, without
// the progress that it shows there meanwhile.
func inTerminal(command string) *exec.Cmd {
	return exec.Command("script", "--quiet", "--return", "--command", "stty cols 110 rows 40; exec "+command+" 2>/dev/null", "/dev/null")
}
