package main

import (
	"github.com/alecthomas/kong"

	"rollcall/internal/manual"
)

// completionCommand is rollcall completion.
type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"The shell: ${enum}."`
}

// Help is shown below the command's flags.
func (completionCommand) Help() string {
	return `Examples:

  source <(rollcall completion bash)              # in ~/.bashrc
  source <(rollcall completion zsh)               # in ~/.zshrc
  rollcall completion fish | source               # in config.fish

make install installs all three.`
}

// Run prints the script.
func (c *completionCommand) Run(k *kong.Kong, sys system) error {
	return writeError(manual.Completion(sys.out, k.Model.Name, c.Shell))
}

// candidates is what the completion scripts call at TAB.
type candidates struct {
	Words []string `arg:"" optional:""`
}

// Run prints what the last word can become.
func (c *candidates) Run(k *kong.Kong, sys system) error {
	return writeError(manual.Complete(sys.out, k.Model, c.Words))
}

// manualDate is the day on which the program's grammar changed last.
const manualDate = "2026-11-30"

// manCommand is rollcall man, which make install calls.
type manCommand struct{}

// Run prints the man page.
func (manCommand) Run(k *kong.Kong, sys system) error {
	return writeError(manual.Man(sys.out, k.Model, version, manualDate,
		manual.Section{Title: "Exit status", Rows: [][2]string{
			{"130", "interrupted"},
			{"2", "invalid usage or event, or no URL"},
			{"1", "a target is down, and the monitor has a network"},
			{"3", "a target was not checked, a metric was lost, the result could not be written, or the monitor is unhealthy"},
			{"0", "every target is up; degraded counts as up"},
		}},
		manual.Section{Title: "Environment", Rows: [][2]string{
			{"ROLLCALL_ALLOW", "networks that the address guard allows, as --allow does, separated by commas"},
			{"ROLLCALL_ENV", "variables that references may use, as --env allows them, separated by commas"},
			{"ROLLCALL_DNS", "the resolver, host:port"},
			{"ROLLCALL_CANARY", "a URL that shows whether the monitor has a network; empty: none"},
			{"ROLLCALL_…", "docs/configuration.md has the others"},
			{"NO_COLOR", "no colours, unless it is empty"},
			{"SSL_CERT_FILE", "the trusted certificate authorities"},
		}},
	))
}

// Help is shown where no command is named.
func (cli) Help() string {
	return `Examples:

  rollcall example.com                   # one site, in detail
  rollcall urls.txt                      # a list, all at the same time
  rollcall check my.json --watch 30s     # an event, again and again
  rollcall demo                          # every kind of failure`
}

// Help is shown below the command's flags.
func (checkCommand) Help() string {
	return `Examples:

  rollcall check example.com
  rollcall check -H 'Accept: text/html' --timeout 2s http://localhost:8080
  rollcall check --watch 30s https://example.com https://example.org
  rollcall check my.json --json | jq .down
  rollcall check - < urls.txt
  rollcall check my.json --output page.html

Exit status: 0 every target is up, 1 a target is down, 2 invalid usage or event, 3 a target was not checked, 130 interrupted.`
}

// Help is shown below the command's flags.
func (compareCommand) Help() string {
	return `Examples:

  rollcall compare example.com example.org example.net
  rollcall compare urls.txt

Times are in seconds. Retries are disabled in both modes.`
}

// Help is shown below the command's flags.
func (demoCommand) Help() string {
	return `Examples:

  rollcall demo
  rollcall demo --list
  rollcall demo --serve

All servers listen on 127.0.0.1, and nothing leaves the machine. The exit status is that of check: 1, as targets are down.`
}
