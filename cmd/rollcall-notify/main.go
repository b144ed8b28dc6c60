// Rollcall-notify sends messages to chat, mail and paging services from a terminal, as
// the notify function sends them: a trial for whoever writes a line of NotifyUrls, and
// what `rollcall check --watch --notify` has to tell.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"rollcall/internal/history"
	"rollcall/internal/message"
	"rollcall/internal/messenger"
	"rollcall/internal/notify"
)

func main() {
	transport := &notify.Transport{Base: http.DefaultTransport}
	http.DefaultTransport = transport
	os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr, &notify.Sender{Transport: transport}))
}

const usage = `Usage: rollcall-notify --to LINE --try
       rollcall-notify --to - --try < LINES

Sends a message about a made-up URL to a service, as the notify function of a stack
would: that it is down and, to a pager, that it is up again. A line is a URL of shoutrrr
with conditions before it, as in docs/notify.md; with - the lines are read, so that no
token is among the processes' arguments. Conditions are not applied to a trial.

With --check and --send it is what rollcall check --watch --notify sends by.

Exit codes: 0 all were sent, 1 one was not, 2 wrong usage or a wrong line.
`

// run sends the trial and returns the exit code.
func run(ctx context.Context, args []string, in io.Reader, out, problems io.Writer, sender *notify.Sender) int {
	if len(args) == 1 && (args[0] == messenger.Check || args[0] == messenger.Send) {
		return serve(ctx, args[0] == messenger.Send, in, out, problems, sender)
	}
	flags := flag.NewFlagSet("rollcall-notify", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // it would quote the line
	to, try := flags.String("to", "", ""), flags.Bool("try", false, "")
	err := flags.Parse(args)
	if err == flag.ErrHelp {
		fmt.Fprint(out, usage)
		return 0
	}
	if err != nil || *to == "" || !*try || flags.NArg() > 0 {
		fmt.Fprint(problems, usage)
		return 2
	}
	text := *to
	if text == "-" {
		all, err := io.ReadAll(io.LimitReader(in, 1<<20))
		if err != nil {
			fmt.Fprintf(problems, "rollcall-notify: reading the lines: %v\n", err)
			return 2
		}
		text = string(all)
	}
	destinations, wrong := notify.Parse(text)
	showWrong(problems, wrong)
	if len(wrong) == 0 && len(destinations) == 0 {
		fmt.Fprintln(problems, "rollcall-notify: no line names a service")
	}
	if len(wrong) > 0 || len(destinations) == 0 {
		return 2
	}
	code := 0
	for i := range destinations {
		d := &destinations[i]
		d.All()
		for _, m := range trial(d.Pager(), time.Now()) {
			for _, n := range notify.Notes(d, m) {
				if err := sender.Send(ctx, d, &n); err != nil {
					fmt.Fprintf(problems, "rollcall-notify: %s: %v\n", d, err)
					code = 1
					continue
				}
				fmt.Fprintf(out, "%s: sent %q\n", d, m.Subject)
			}
		}
	}
	return code
}

// serve does what a messenger orders. It writes the services that its lines name or, with send, what
// became of its message.
func serve(ctx context.Context, send bool, in io.Reader, out, problems io.Writer, sender *notify.Sender) int {
	var o messenger.Order
	if err := json.NewDecoder(in).Decode(&o); err != nil {
		fmt.Fprintln(problems, "rollcall-notify: reading the order:", err)
		return 2
	}
	destinations, wrong := notify.Parse(o.Lines)
	showWrong(problems, wrong)
	if len(wrong) > 0 {
		return 2
	}
	var report messenger.Report
	for i := range destinations {
		d := &destinations[i]
		report.Services = append(report.Services, messenger.Service{Key: d.Key, Name: d.String()})
		if !send || d.Key != o.To {
			continue
		}
		for _, n := range notify.Notes(d, o.Message) {
			if err := sender.Send(ctx, d, &n); err != nil {
				report.Problem = err.Error()
				failed, ok := errors.AsType[*notify.Failure](err)
				report.Again = !ok || failed.Again
				break
			}
			report.Sent++
		}
	}
	if err := json.NewEncoder(out).Encode(report); err != nil {
		return 1
	}
	return 0
}

// showWrong shows the first lines that are wrong: of a file that is something else, all
// are.
func showWrong(problems io.Writer, wrong []string) {
	const most = 5
	for _, problem := range wrong[:min(most, len(wrong))] {
		fmt.Fprintln(problems, "rollcall-notify:", problem)
	}
	if more := len(wrong) - most; more > 0 {
		fmt.Fprintf(problems, "rollcall-notify: %d more lines are wrong\n", more)
	}
}

// trial is what is sent: that something is down, and to a pager that it is up again.
func trial(pager bool, now time.Time) (all []*message.Document) {
	host, _ := os.Hostname()
	for _, state := range []history.State{history.Down, history.Up} {
		c := history.Change{
			State: state, Incident: "trial-" + now.UTC().Format("20060102T1504Z"), Target: "a-trial", Group: "trial", URL: "https://example.com/",
			Reason: "status", Detail: "503 Service Unavailable, which is made up", Since: now.Add(-2 * time.Minute), Runs: 3,
		}
		totals := message.Totals{Total: 1, Down: 1}
		if state == history.Up {
			c.Was, c.Reason, c.Detail, c.Ended = history.Down, "", "", now
			totals = message.Totals{Total: 1, Up: 1}
		}
		m := message.Make(message.Site{Stack: cmp.Or(host, "a trial")}, message.Run{Minute: now, Targets: totals}, []history.Entry{{Seq: int64(len(all) + 1), Change: c}}, nil)[0]
		d := &message.Document{}
		if err := json.Unmarshal(m.JSON, d); err != nil {
			panic(err) // it was written a line above
		}
		all = append(all, d)
		if !pager {
			break
		}
	}
	return all
}
