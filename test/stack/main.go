// Stack tries the whole of it on this machine, with tools that no one here
// wrote, and leaves nothing behind:
//
//	stack local      every event by `sam local invoke`, in containers
//	stack deployed   `sam deploy` to MiniStack, until the messages about sites arrive
//	stack operated   `make deploy`, `make list` and `make release`, as operators use them
//	stack parts      `make deploy` of a list in parts, with a part that is killed
//
// The make targets sam-local, stack, stack-operated and parts build what it needs and start it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := errors.New("usage: stack local|deployed|operated|parts")
	if len(os.Args) == 2 {
		switch os.Args[1] {
		case "local":
			err = perform(ctx, os.Stdout, (*trial).local)
		case "deployed":
			err = perform(ctx, os.Stdout, (*trial).deployed)
		case "operated":
			err = perform(ctx, os.Stdout, (*trial).operated)
		case "parts":
			err = perform(ctx, os.Stdout, (*trial).parts)
		}
	}
	if ctx.Err() != nil {
		fmt.Fprintln(os.Stderr, "stack: interrupted; what was started has been stopped and removed")
		os.Exit(130)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "stack:", err)
		os.Exit(1)
	}
}

// leastRoom is what a trial writes at most, in bytes: two builds of the
// function, MiniStack's state, an image.
const leastRoom = 1 << 30

// perform gives a trial a folder of its own, which goes with all that is in it.
func perform(ctx context.Context, out io.Writer, work func(*trial, context.Context) error) (err error) {
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "rollcall-stack-")
	if err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	t := &trial{out: out, root: root, dir: dir, began: time.Now()}
	defer func() { err = errors.Join(err, t.end()) }()
	if err := room(dir); err != nil {
		return err
	}
	return work(t, ctx)
}

// room says whether a disk has enough of it.
func room(dir string) error {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return fmt.Errorf("looking at the disk: %w", err)
	}
	if free := s.Bavail * uint64(s.Bsize); free < leastRoom {
		return fmt.Errorf("%s has %d MB free, and this needs %d: free some, or set TMPDIR", dir, free>>20, leastRoom>>20)
	}
	return nil
}

// A trial is one run of this program.
type trial struct {
	out   io.Writer
	root  string // the tree's
	dir   string // goes at the end
	began time.Time
	undo  []func() error // in the order of what they undo
}

// later has something undone at the end, the last first.
func (t *trial) later(undo func() error) { t.undo = append(t.undo, undo) }

func (t *trial) end() error {
	var errs []error
	for i := len(t.undo) - 1; i >= 0; i-- {
		errs = append(errs, t.undo[i]())
	}
	return errors.Join(append(errs, os.RemoveAll(t.dir))...)
}

// say prints a line of what is seen, with when.
func (t *trial) say(format string, args ...any) {
	fmt.Fprintf(t.out, "%5.1f s  %s\n", time.Since(t.began).Seconds(), fmt.Sprintf(format, args...))
}
