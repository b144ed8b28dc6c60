package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// groupPeriod is how often a control group's share of the CPU is dealt out.
// Lambda's own is not documented.
const groupPeriod = 20 * time.Millisecond

// A group is a control group with a share of a core and a limit of memory:
// one folder, or one a controller where the machine has cgroup v1.
type group struct{ dirs []string }

const cgroupRoot = "/sys/fs/cgroup"

// newGroup makes one. It has to be closed when no process is in it any more.
func newGroup(cores float64, memory int64) (*group, error) {
	name := fmt.Sprintf("rollcall-bench-%d", os.Getpid())
	period := groupPeriod.Microseconds()
	quota := strconv.FormatInt(int64(cores*float64(period)), 10)
	limit := strconv.FormatInt(memory, 10)
	g := &group{}
	var err error
	if controllers, _ := os.ReadFile(filepath.Join(cgroupRoot, "cgroup.controllers")); strings.Contains(string(controllers), "cpu") { // v2
		dir := filepath.Join(cgroupRoot, name)
		err = g.make(dir, setting{"cpu.max", quota + " " + strconv.FormatInt(period, 10)}, setting{"memory.max", limit})
	} else {
		err = errors.Join(
			g.make(filepath.Join(cgroupRoot, "cpu", name),
				setting{"cpu.cfs_period_us", strconv.FormatInt(period, 10)}, setting{"cpu.cfs_quota_us", quota}),
			g.make(filepath.Join(cgroupRoot, "memory", name), setting{"memory.limit_in_bytes", limit}),
		)
	}
	if err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return g, nil
}

// A setting is what a file of a group's folder is to hold.
type setting struct{ file, text string }

func (g *group) make(dir string, settings ...setting) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	g.dirs = append(g.dirs, dir)
	for _, s := range settings {
		if err := os.WriteFile(filepath.Join(dir, s.file), []byte(s.text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// path is what launch takes.
func (g *group) path() string { return strings.Join(g.dirs, string(filepath.ListSeparator)) }

// Close removes the group. The kernel may take a moment to let its last
// process go.
func (g *group) Close() error {
	var errs []error
	for _, dir := range g.dirs {
		err := os.Remove(dir)
		for try := 0; err != nil && try < 20; try++ {
			time.Sleep(50 * time.Millisecond)
			err = os.Remove(dir)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
