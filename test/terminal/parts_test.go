package terminal_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Whatever ends a part, no half of a tally is left: killed it has none, and the sum says
// so; terminated it says what was not checked; and when it runs again it is whole, also
// where two run at once.
func TestPartsThatEnd(t *testing.T) {
	t.Parallel()
	held, open := gated(t, "held-part.stage.test")
	defer open()
	dir := t.TempDir()
	file, tallies := filepath.Join(dir, "urls.txt"), filepath.Join(dir, "tallies")
	if err := os.WriteFile(file, fmt.Appendf(nil, "%s\n%s\n", held, url(t, "good.stage.test")), 0o600); err != nil {
		t.Fatal(err)
	}
	part := func(k string) []string {
		return []string{"check", file, "--part", k, "--run", "monday", "--tally", tallies}
	}
	code := func(cmd *exec.Cmd) int {
		_ = cmd.Run() // a code other than 0 is an error
		return cmd.ProcessState.ExitCode()
	}
	sum := func(wanted int, want ...string) {
		t.Helper()
		cmd := program(t, nil, "sum", tallies)
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if got := code(cmd); got != wanted {
			t.Errorf("the sum has code %d, not %d: %s", got, wanted, out.String())
		}
		shows(t, "the sum", out.String(), want...)
	}
	if code(program(t, nil, part("2/2")...)) != 0 {
		t.Fatal("the part 2/2 failed")
	}
	for connections, signal := range []os.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		cmd := program(t, nil, part("1/2")...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for world.Connections("held-part.stage.test") == connections {
			time.Sleep(time.Millisecond)
		}
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if signal == syscall.SIGKILL {
			sum(3, "part 1 is missing of 2: its targets were not checked", "1 target in", "1 up")
		} else {
			sum(3, "not_checked", "1 up", "1 not checked")
		}
	}
	open()
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			if got := code(program(t, nil, part("1/2")...)); got != 0 {
				t.Errorf("the part 1/2 has code %d", got)
			}
		})
	}
	group.Wait()
	sum(0, "2 targets in", "2 up")
	entries, err := os.ReadDir(tallies)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".tally.gz") {
			t.Errorf("%s is left", e.Name())
		}
	}
}
