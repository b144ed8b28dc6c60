package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	neturl "net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"rollcall/internal/config"
	"rollcall/internal/metric"
	"rollcall/internal/monitor"
	"rollcall/internal/page"
	"rollcall/internal/plan"
	"rollcall/internal/report"
	"rollcall/internal/tally"
	"rollcall/internal/text"
)

// partFlags are the flags of a part of a list.
type partFlags struct {
	Part  string `placeholder:"K/N" help:"Check only the Kth of N parts of the list, e.g. 3/100, and write a tally for rollcall sum."`
	Run   string `placeholder:"NAME" help:"Of a part: the run that it belongs to, e.g. 20261130T0608Z."`
	Tally string `placeholder:"DIR" help:"Of a part: the directory for its tally."`
}

var (
	partName = text.Pattern(`^([1-9][0-9]{0,3})/([1-9][0-9]{0,3})$`)
	runName  = text.Pattern(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
)

// mostParts is how many parts a list may have.
const mostParts = 1000

// part reads --part, which counts from 1.
func (f *partFlags) part() (plan.Part, error) {
	match := partName().FindStringSubmatch(f.Part)
	if match == nil {
		return plan.Part{}, wrongUsage("invalid --part %q (for example 3/100: the third of 100)", f.Part)
	}
	k, _ := strconv.Atoi(match[1])
	n, _ := strconv.Atoi(match[2])
	if n > mostParts || k > n {
		return plan.Part{}, wrongUsage("invalid --part %s: from 1/N to N/N, with N up to %d", f.Part, mostParts)
	}
	return plan.Part{Index: k - 1, Of: n}, nil
}

// checkPart verifies the flags of a part.
func (c *checkCommand) checkPart() error {
	if c.Part == "" {
		if c.partFlags.Run != "" || c.Tally != "" {
			return wrongUsage("--run and --tally belong to a part: give --part K/N")
		}
		return nil
	}
	if _, err := c.part(); err != nil {
		return err
	}
	switch {
	case len(c.partFlags.Run) > 100 || !runName().MatchString(c.partFlags.Run):
		return wrongUsage("--part needs --run NAME, the same for all parts: letters, digits, dots, _ and - (for example 20261130T0608Z)")
	case c.Tally == "":
		return wrongUsage("--part needs --tally DIR, where rollcall sum finds all parts")
	case c.Watch > 0 || c.Publish:
		return wrongUsage("--part cannot be used with --watch or --publish")
	case c.HTTPS:
		return wrongUsage("--part cannot be used with --https: write https:// in the list")
	}
	if err := os.MkdirAll(c.Tally, 0o777); err != nil { // before the checks, not after
		return wrongUsage("--tally: %v", err)
	}
	file, err := c.newTally()
	if err != nil {
		return wrongUsage("--tally: %v", err)
	}
	return cmp.Or(file.Close(), os.Remove(file.Name()))
}

// newTally makes the file of a tally, which has another name until it is whole.
func (f *partFlags) newTally() (*os.File, error) { return os.CreateTemp(f.Tally, ".tally-*") }

// partPlan reads one part of a list. Its version is a hash of the list's bytes: all
// parts are of the same list, whichever machine has it.
func (c *checkCommand) partPlan(ctx context.Context, sys system, settings config.Config) (*plan.Plan, error) {
	part, err := c.part()
	if err != nil {
		return nil, err
	}
	_, file, err := c.arguments()
	if err != nil {
		return nil, err
	}
	if file == "" || file == "-" {
		return nil, wrongUsage("--part needs a file, or a list in S3, of which each part reads its own")
	}
	inputs := newInputs(sys, settings)
	if inputs.Defaults, err = c.defaults(); err != nil {
		return nil, err
	}
	name := file
	if !strings.HasPrefix(file, "s3://") {
		name = filepath.Base(file)
		inputs.Sources["file"] = func(context.Context, *neturl.URL, plan.Version) (io.ReadCloser, plan.Version, error) {
			return openHashed(file)
		}
	}
	event, err := json.Marshal(map[string]any{
		"source": name, "part": map[string]int{"index": part.Index, "of": part.Of}, "scheduled": time.Now().UTC().Format(time.RFC3339),
	})
	if err != nil {
		return nil, err
	}
	p, err := plan.Parse(ctx, bytes.NewReader(event), inputs)
	if err != nil {
		return nil, err
	}
	p.Scheduled = time.Time{} // a part of the terminal's is of no schedule
	p.PerHost = cmp.Or(int(c.PerHost), p.PerHost)
	return p, nil
}

// openHashed opens a file, whose version is a hash of its content.
func openHashed(name string) (io.ReadCloser, plan.Version, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, "", err
	}
	hash := sha256.New()
	if _, err = io.Copy(hash, f); err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, "", err
	}
	return f, plan.Version(hex.EncodeToString(hash.Sum(nil))), nil
}

// tallyEnding is that of the files that rollcall sum reads.
const tallyEnding = ".tally.gz"

// writeTally writes the tally of a part that was checked. A file of that name is
// replaced at once, so that nobody reads half of one.
func (f *partFlags) writeTally(s *monitor.Summary, p *plan.Plan) error {
	name := filepath.Join(f.Tally, fmt.Sprintf("%04d-of-%04d%s", p.Part.Index+1, p.Part.Of, tallyEnding))
	file, err := f.newTally()
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // it has another name by then, if all is well
	err = s.Tally(f.Run, p).Encode(file)
	if err = cmp.Or(err, file.Chmod(0o644), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), name)
}

// sumCommand is rollcall sum.
type sumCommand struct {
	Dir    string `arg:"" name:"dir" help:"The directory with the tallies of all parts, that rollcall check --part wrote."`
	Format string `short:"f" enum:"auto,table,json,html,markdown,md" default:"auto" help:"Output format: ${enum}. auto is by the ending of FILE, else a table."`
	JSON   bool   `name:"json" help:"The same as --format json."`
	Output string `short:"o" placeholder:"FILE" help:"Write the result to this file instead of standard output."`

	Publish bool `help:"Publish the metrics of groups and of all targets to CloudWatch, at the minute that names the run, or that of its beginning."`
}

// Help is shown below the command's flags.
func (sumCommand) Help() string {
	return `Examples:

  for k in $(seq 20); do rollcall check urls.txt --part $k/20 --run monday --tally parts; done
  rollcall sum parts
  rollcall sum parts --output page.html

Exit status: that of check, as of one run over the whole list; 3 if a part is missing.`
}

// Run adds the tallies up and reports. Its error is an *exitError, or one of wrong
// usage.
func (c *sumCommand) Run(ctx context.Context, sys system) error {
	like := checkCommand{Format: c.Format, JSON: c.JSON, Output: c.Output} // shown as a run is
	settings, err := like.config(sys)
	if err != nil {
		return err
	}
	total, err := readTallies(ctx, c.Dir)
	if err != nil {
		return err
	}
	out, err := openOutput(c.Output, sys)
	if errors.Is(err, errClosed) {
		return writeError(err)
	}
	if err != nil {
		return wrongUsage("--output: %v", err)
	}
	summary := monitor.Tallied(total)
	var unpublished error
	if c.Publish {
		summary.Published, unpublished = publishSum(ctx, settings, total, summary)
		if unpublished != nil {
			fmt.Fprintln(sys.err, "rollcall:", report.Plain(unpublished.Error()))
		}
	}
	for _, warning := range summary.Warnings {
		fmt.Fprintln(sys.err, "rollcall:", report.Plain(warning))
	}
	runner := checkRunner{command: &like, out: out, sys: sys}
	err = out.write(func(w io.Writer) error {
		if like.Format == "html" {
			return page.Write(w, summary)
		}
		return runner.show(w, like.shown(summary))
	})
	if err = writeError(cmp.Or(err, out.Close())); err != nil {
		return err
	}
	runner.noteFile(func(w io.Writer) error { return report.Digest(w, summary, report.Look{}) })
	return exitCode(ctx, summary, unpublished)
}

// publishSum publishes the metrics that parts do not publish. The error says why they
// are not, or not all.
func publishSum(ctx context.Context, settings config.Config, total *tally.Tally, s *monitor.Summary) (metric.DeliveryStats, error) {
	begin, err := publishing(ctx, settings)
	if err != nil {
		return metric.DeliveryStats{}, fmt.Errorf("no metrics are published: %w", err)
	}
	at := s.Started.Truncate(time.Minute)
	if minute, err := plan.ParseRunName(total.Run); err == nil {
		at = minute
	}
	session := begin(ctx, nil)
	defer session.Close()
	session.Add(total.Rollup.Datums(at, s.VantageUnhealthy)...)
	return session.Flush(ctx), session.Err()
}

// readTallies adds up the tallies of a directory, one after the other. The error
// names the file.
func readTallies(ctx context.Context, dir string) (*tally.Tally, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, wrongUsage("reading the tallies: %v", err)
	}
	boundSum()
	total := tally.Sum(tally.OfSum)
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), tallyEnding) {
			continue
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		name := filepath.Join(dir, entry.Name())
		if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() { // a pipe would never end
			return nil, wrongUsage("%s is not a file", name)
		}
		file, err := os.Open(name)
		if err != nil {
			return nil, wrongUsage("reading the tallies: %v", err)
		}
		part, err := tally.Decode(file, total)
		file.Close()
		if err != nil {
			return nil, wrongUsage("%s: %v", name, err)
		}
		if err := total.Add(part); err != nil {
			return nil, wrongUsage("%s can't be added up: %v", name, err)
		}
	}
	if total.Of == 0 {
		return nil, wrongUsage("%s has no tallies (files that end in %s, of rollcall check --part)", dir, tallyEnding)
	}
	return total, nil
}
