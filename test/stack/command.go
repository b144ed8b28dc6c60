package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// killDelay is how long a command may take from SIGTERM to its end.
const killDelay = 20 * time.Second

// A command is a program of others that this one ends.
type command struct {
	env  []string
	args []string
}

// run runs it in the tree and returns what it printed. When ctx ends its
// process group gets SIGTERM; its error then shows the end of its output.
func (t *trial) run(ctx context.Context, c command) (stdout, stderr string, err error) {
	cmd := exec.CommandContext(ctx, c.args[0], c.args[1:]...)
	cmd.Dir, cmd.Env = t.root, t.environment(c.env)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that ours decides when it ends
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = killDelay
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		return out.String(), problems.String(), fmt.Errorf("%s: %w\n%s", strings.Join(c.args, " "), err, tail(out.String()+problems.String()))
	}
	return out.String(), problems.String(), nil
}

// environment is ours and what is given. What a program leaves among the
// temporary files, as those do that are interrupted, goes with the trial's folder.
func (t *trial) environment(given []string) []string {
	return append(os.Environ(), append([]string{"TMPDIR=" + t.dir}, given...)...)
}

// tail is the last lines of a text.
func tail(text string) string {
	const most = 15
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-most):], "\n")
}

// start starts a program that runs until the end of the trial, which waits for
// it. Its output goes to a file, whose name is returned.
func (t *trial) start(env []string, args ...string) (log string, err error) {
	log = filepath.Join(t.dir, filepath.Base(args[0])+".log")
	file, err := os.Create(log)
	if err != nil {
		return "", err
	}
	defer file.Close()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = t.environment(env), t.dir, file, file
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("starting %s: %w", args[0], err)
	}
	done := make(chan struct{})
	go func() {
		cmd.Wait() // it was signaled: its status does not matter
		close(done)
	}()
	t.later(func() error {
		cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-done:
		case <-time.After(killDelay):
		}
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what it left of its group
		<-done
		return nil
	})
	return log, nil
}

// until asks again and again, and says what it waited for if that never comes.
func until(ctx context.Context, what string, limit time.Duration, ask func() (bool, error)) error {
	deadline := time.Now().Add(limit)
	for {
		ok, err := ask()
		if ok {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("waited %s for %s: %v", limit, what, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second / 2):
		}
	}
}
