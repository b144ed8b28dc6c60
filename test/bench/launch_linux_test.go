package main

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestLaunchLimitsDescriptors(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(self, launchCommand, "-core", "0", "-descriptors", "77", "--", "sh", "-c", "ulimit -n; ulimit -Hn; grep Cpus_allowed_list /proc/self/status").CombinedOutput()
	if err != nil || strings.Join(strings.Fields(string(out)), " ") != "77 77 Cpus_allowed_list: 0" {
		t.Errorf("the program found %q: %v", out, err)
	}
	for _, args := range [][]string{{}, {"--", "/nowhere"}, {"-core", "x"}} {
		out, err := exec.Command(self, append([]string{launchCommand}, args...)...).CombinedOutput()
		if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() != exitBroken || len(out) == 0 {
			t.Errorf("launch %q: %v, %q", args, err, out)
		}
	}
}
