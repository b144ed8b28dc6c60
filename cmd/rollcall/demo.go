package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"rollcall/internal/plan"
	"rollcall/internal/report"
	"rollcall/internal/testnet"
)

// demoCommand is rollcall demo.
type demoCommand struct {
	List  bool `xor:"what" help:"List every origin of the stage, and what is wrong with it."`
	Serve bool `xor:"what" help:"Keep the origins running until Ctrl-C and say how to reach them, for other monitors too."`
}

// Run brings a stage up: web sites with faults, on this machine alone.
func (c *demoCommand) Run(ctx context.Context, sys system) (err error) {
	st, err := testnet.Start(testnet.Options{})
	if err != nil {
		return &exitError{exitUnhealthy, err.Error()}
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	switch {
	case c.List:
		return unwritten(list(sys.out, st))
	case c.Serve:
		return serve(ctx, sys, st)
	}
	return perform(ctx, sys, st)
}

// An act is one target of the demonstration.
type act struct {
	host   string
	fields map[string]any // of its target, beside name and URL
}

// acts are one for each way in which a target can fail, in the order in which
// a check meets them, and before them what is well or nearly so. Origins that
// hang are given a second.
func acts() []act {
	second := map[string]any{"timeout": "1s"}
	return []act{
		{"google.com", nil}, {"www.apple.com", nil}, {"good.stage.test", nil},
		{"slow.stage.test", map[string]any{"warn": []string{"duration < 1000"}}},
		{"nxdomain.stage.test", nil}, {"servfail.stage.test", nil}, {"dns-silent.stage.test", second}, {"blocked.stage.test", nil},
		{"refusing.stage.test", nil}, {"resetting.stage.test", nil}, {"closing.stage.test", nil}, {"unreachable.stage.test", nil},
		{"expired.stage.test", nil}, {"not-yet-valid.stage.test", nil}, {"wrong-name.stage.test", nil}, {"untrusted.stage.test", nil},
		{"tls10-only.stage.test", nil}, {"client-certificate-13.stage.test", nil}, {"no-shared-cipher.stage.test", nil},
		{"tls-not-spoken.stage.test", nil}, {"hanging.stage.test", second}, {"garbage.stage.test", nil}, {"large-headers.stage.test", nil},
		{"truncated.stage.test", nil}, {"bad-chunk.stage.test", nil}, {"redirect-loop.stage.test", nil},
		{"redirect-no-location.stage.test", nil}, {"redirect-insecure.stage.test", nil}, {"status-404.stage.test", nil},
		{"facebook.com", map[string]any{"expect": []string{"json.db == 'up'"}}},
	}
}

// event is the demonstration's, with the ports of the stage.
func event(st *testnet.Net) ([]byte, error) {
	var urls []map[string]any
	for _, a := range acts() {
		target := map[string]any{"name": a.host, "url": "https://" + a.host}
		for name, value := range a.fields {
			target[name] = value
		}
		urls = append(urls, target)
	}
	data, err := json.Marshal(map[string]any{"defaults": map[string]any{"retries": 0}, "urls": urls})
	if err != nil {
		return nil, err
	}
	return st.Event(data)
}

// perform checks what the stage has, as check would.
func perform(ctx context.Context, sys system, st *testnet.Net) error {
	data, err := event(st)
	if err != nil {
		return err
	}
	p, err := plan.Parse(ctx, bytes.NewReader(data), plan.Inputs{})
	if err != nil {
		return err
	}
	sys.lookup, sys.roots = onStage(st, sys.lookup), st.Authority.Pool()
	fmt.Fprintf(sys.err, "Web sites with one fault each, on this machine alone. Durations say nothing of the real ones.\n\n")
	c := checkCommand{Format: "table"}
	settings, err := c.settings(sys)
	if err != nil {
		return err
	}
	progress := newProgress(sys)
	m, done := newMonitor(settings, sys, progress)
	defer done()
	return c.rounds(ctx, round{m, p, progress, &sink{out: sys.out, look: sys.look(sys.out)}, sys})
}

// onStage is an environment in which the variables are those of the stage.
func onStage(st *testnet.Net, lookup func(string) (string, bool)) func(string) (string, bool) {
	variables := map[string]string{}
	for _, variable := range st.Env() {
		name, value, _ := strings.Cut(variable, "=")
		variables[name] = value
	}
	variables["ROLLCALL_ALLOW"] += ",224.0.0.1" // of the origin that nothing connects to
	return func(name string) (string, bool) {
		if value, ok := variables[name]; ok {
			return value, true
		}
		return lookup(name)
	}
}

// list names every origin.
func list(w io.Writer, st *testnet.Net) error {
	return report.List(w, rows(st, func(o testnet.Origin) string { return o.Name }))
}

// rows are the origins by what is to be shown of each, which may be nothing.
func rows(st *testnet.Net, show func(testnet.Origin) string) (all [][2]string) {
	for _, o := range st.Origins() {
		if text := show(o); text != "" {
			all = append(all, [2]string{text, o.Description})
		}
	}
	return all
}

// serve says how the origins are reached, and keeps them until ctx ends.
func serve(ctx context.Context, sys system, st *testnet.Net) error {
	site, _ := st.Origin("google.com")
	authority := ""
	var all []string
	for _, variable := range st.Env() {
		if !strings.HasPrefix(variable, "ROLLCALL_CLOUDWATCH") {
			all = append(all, variable)
		}
		if file, ok := strings.CutPrefix(variable, "SSL_CERT_FILE="); ok {
			authority = file
		}
	}
	fmt.Fprintf(sys.out, serving, st.Resolver.Addr(), authority, strings.Join(all, " "), site.Addr.Port())
	err := report.List(sys.out, rows(st, func(o testnet.Origin) string {
		ported, _ := st.Ported(o.URL())
		return strings.TrimSuffix(ported, "/")
	}))
	if err != nil {
		return unwritten(err)
	}
	<-ctx.Done()
	return &exitError{exitInterrupted, "the origins have ended"}
}

// serving has the resolver, the authority's file, the variables and a port.
const serving = `The stage's origins are up, on this machine alone, until Ctrl-C. Their ports change from start to start.

  Names         %[1]s, a DNS server that knows them all; every one is 127.0.0.1 but for those whose fault it is
  Certificates  %[2]s, whom to trust
  With Rollcall env %[3]s rollcall check https://google.com:%[4]d
  With curl     curl --cacert %[2]s --resolve google.com:%[4]d:127.0.0.1 https://google.com:%[4]d/

`
