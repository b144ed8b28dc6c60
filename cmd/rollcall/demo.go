package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"rollcall/internal/plan"
	"rollcall/internal/report"
	"rollcall/internal/testnet"
)

// demoCommand is rollcall demo.
type demoCommand struct {
	List  bool `xor:"what" help:"List the servers, and what is wrong with each."`
	Serve bool `xor:"what" help:"Keep the servers running until Ctrl-C, and print how to reach them, for other monitors too."`
}

// Run starts web servers with faults, on this machine alone.
func (c *demoCommand) Run(ctx context.Context, sys system) (err error) {
	net, err := testnet.Start(testnet.Options{})
	if err != nil {
		return &exitError{exitUnhealthy, err.Error()}
	}
	defer func() { err = errors.Join(err, net.Close()) }()
	switch {
	case c.List:
		return writeError(report.List(sys.out, servers(net, func(o testnet.Origin) string { return o.Name })))
	case c.Serve:
		return serve(ctx, sys, net)
	}
	return checkDemo(ctx, sys, net)
}

// demoTargets are one for each way in which a target can fail, in the order in
// which a check meets them, and before them some that are up or degraded.
// Servers that hang get a second.
func demoTargets() []map[string]any {
	target := func(host string) map[string]any { return map[string]any{"name": host, "url": "https://" + host} }
	with := func(host, field string, value any) map[string]any {
		t := target(host)
		t[field] = value
		return t
	}
	return []map[string]any{
		target("google.com"), target("www.apple.com"), target("good.stage.test"),
		with("slow.stage.test", "warn", []string{"duration < 1000"}),
		target("nxdomain.stage.test"), target("servfail.stage.test"), with("dns-silent.stage.test", "timeout", "1s"), target("blocked.stage.test"),
		target("refusing.stage.test"), target("resetting.stage.test"), target("closing.stage.test"), target("unreachable.stage.test"),
		target("expired.stage.test"), target("not-yet-valid.stage.test"), target("wrong-name.stage.test"), target("untrusted.stage.test"),
		target("tls10-only.stage.test"), target("client-certificate-13.stage.test"), target("no-shared-cipher.stage.test"),
		target("tls-not-spoken.stage.test"), with("hanging.stage.test", "timeout", "1s"), target("garbage.stage.test"), target("large-headers.stage.test"),
		target("truncated.stage.test"), target("bad-chunk.stage.test"), target("redirect-loop.stage.test"),
		target("redirect-no-location.stage.test"), target("redirect-insecure.stage.test"), target("status-404.stage.test"),
		with("facebook.com", "expect", []string{"json.db == 'up'"}),
	}
}

// checkDemo checks the servers as rollcall check would.
func checkDemo(ctx context.Context, sys system, net *testnet.Net) error {
	event, err := json.Marshal(map[string]any{"defaults": map[string]any{"retries": 0}, "urls": demoTargets()})
	if err != nil {
		return err
	}
	if event, err = net.Event(event); err != nil { // with the servers' ports
		return err
	}
	p, err := plan.Parse(ctx, bytes.NewReader(event), plan.Inputs{})
	if err != nil {
		return err
	}
	sys.lookup, sys.roots = demoEnvironment(net, sys.lookup), net.Authority.Pool()
	fmt.Fprintf(sys.err, "These servers run on this machine, most of them with one fault. Durations say nothing about real sites.\n\n")
	c := &checkCommand{Format: "table"}
	settings, err := c.config(sys)
	if err != nil {
		return err
	}
	progress := newProgress(sys)
	m, done := newMonitor(settings, sys, progress, false)
	defer done()
	runner := checkRunner{command: c, monitor: m, plan: p, progress: progress, out: &output{w: sys.out, look: sys.look(sys.out)}, sys: sys}
	return runner.run(ctx)
}

// demoEnvironment is an environment with the variables of the demo's network.
func demoEnvironment(net *testnet.Net, lookup func(string) (string, bool)) func(string) (string, bool) {
	variables := map[string]string{}
	for _, variable := range net.Env() {
		name, value, _ := strings.Cut(variable, "=")
		variables[name] = value
	}
	variables["ROLLCALL_ALLOW"] += ",224.0.0.1" // of unreachable.stage.test
	return func(name string) (string, bool) {
		if value, ok := variables[name]; ok {
			return value, true
		}
		return lookup(name)
	}
}

// servers are a row each, with what show makes of it and its description. Those
// of which it makes nothing are left out.
func servers(net *testnet.Net, show func(testnet.Origin) string) (rows [][2]string) {
	for _, o := range net.Origins() {
		if shown := show(o); shown != "" {
			rows = append(rows, [2]string{shown, o.Description})
		}
	}
	return rows
}

// serve prints how to reach the servers, and keeps them running until ctx ends.
func serve(ctx context.Context, sys system, net *testnet.Net) error {
	site, _ := net.Origin("google.com")
	authority := ""
	var all []string
	for _, variable := range net.Env() {
		if !strings.HasPrefix(variable, "ROLLCALL_CLOUDWATCH") {
			all = append(all, variable)
		}
		if file, ok := strings.CutPrefix(variable, "SSL_CERT_FILE="); ok {
			authority = file
		}
	}
	fmt.Fprintf(sys.out, serving, net.Resolver.Addr(), authority, strings.Join(all, " "), site.Addr.Port())
	err := report.List(sys.out, servers(net, func(o testnet.Origin) string {
		ported, _ := net.Ported(o.URL())
		return strings.TrimSuffix(ported, "/")
	}))
	if err != nil {
		return writeError(err)
	}
	<-ctx.Done()
	return &exitError{exitInterrupted, "the servers have stopped"}
}

// serving has the resolver, the authority's file, the variables and a port.
const serving = `The demo's servers are running, on this machine alone, until Ctrl-C. Their ports are others at each start.

  Names         %[1]s, a DNS server that knows all of them; their address is 127.0.0.1, except those whose fault it is
  Certificates  %[2]s, the authority to trust
  With Rollcall env %[3]s rollcall check https://google.com:%[4]d
  With curl     curl --cacert %[2]s --resolve google.com:%[4]d:127.0.0.1 https://google.com:%[4]d/

`
