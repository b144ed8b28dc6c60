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

make install puts all three where the shells look for them.`
}

// Run prints the script.
func (c *completionCommand) Run(k *kong.Kong, sys system) error {
	return unwritten(manual.Completion(sys.out, k.Model.Name, c.Shell))
}

// candidates is what the scripts call at TAB.
type candidates struct {
	Words []string `arg:"" optional:""`
}

// Run prints what the last word can become.
func (c *candidates) Run(k *kong.Kong, sys system) error {
	return unwritten(manual.Complete(sys.out, k.Model, c.Words))
}

// manCommand is rollcall man, which make install calls.
type manCommand struct{}

// Run prints the man page.
func (manCommand) Run(k *kong.Kong, sys system) error {
	return unwritten(manual.Man(sys.out, k.Model, version,
		manual.Section{Title: "Exit status", Rows: [][2]string{
			{"130", "interrupted"},
			{"2", "wrong usage or event, or no URL"},
			{"1", "something is down, and the vantage point is not at fault"},
			{"3", "something was not checked or lost, or the monitor is unhealthy"},
			{"0", "all is well; degraded counts as up"},
		}},
		manual.Section{Title: "Environment", Rows: [][2]string{
			{"ROLLCALL_ALLOW", "networks that the address guard lets through, as --allow does, with commas between"},
			{"ROLLCALL_DNS", "the resolver, host:port"},
			{"ROLLCALL_CANARY", "a URL that is known to be up; empty: none"},
			{"ROLLCALL_…", "more of them are in docs/configuration.md"},
			{"NO_COLOR", "if it is not empty, there are no colours"},
			{"SSL_CERT_FILE", "whom to trust"},
		}},
	))
}

// Help is shown where no command is named.
func (cli) Help() string {
	return `Examples:

  rollcall check example.com                      # one site, now
  rollcall check --event my.json --watch 30s      # a list, again and again
  rollcall demo                                   # every kind of failure`
}

// Help is shown below the command's flags.
func (checkCommand) Help() string {
	return `Examples:

  rollcall check example.com
  rollcall check --watch 30s https://example.com https://example.org
  rollcall check --event my.json --format json | jq .down
  rollcall check - < urls.txt
  rollcall check --event my.json --format junit --output rollcall.xml

It exits with 0 if all is well, 1 if something is down, 2 for wrong usage or a wrong event, 3 if something could not be checked, 130 if it was interrupted.`
}

// Help is shown below the command's flags.
func (compareCommand) Help() string {
	return `Examples:

  rollcall compare example.com example.org example.net
  rollcall compare --event events/gafam.json

Times are in seconds. Nobody's failure is looked at twice, so that neither way waits for that.`
}

// Help is shown below the command's flags.
func (demoCommand) Help() string {
	return `Examples:

  rollcall demo
  rollcall demo --list
  rollcall demo --serve

Everything listens on 127.0.0.1, and nothing leaves the machine. It exits as check does: with 1, as something is down.`
}
