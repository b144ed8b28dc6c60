package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// A Group is a control group: one folder, or one a controller where the machine
// has version 1.
type Group struct {
	dirs   []string
	memory string // the folder of that controller
}

const root = "/sys/fs/cgroup"

var groups atomic.Int64 // that this process has made

// New makes a group with a share of a core and a limit of memory, in bytes. It
// has to be closed when no process is in it any more.
func New(cores float64, memory int64) (*Group, error) {
	name := fmt.Sprintf("rollcall-%d-%d", os.Getpid(), groups.Add(1))
	period := Period.Microseconds()
	quota := strconv.FormatInt(int64(cores*float64(period)), 10)
	limit := strconv.FormatInt(memory, 10)
	g := &Group{}
	var err error
	if controllers, _ := os.ReadFile(filepath.Join(root, "cgroup.controllers")); strings.Contains(string(controllers), "cpu") { // v2
		g.memory = filepath.Join(root, name)
		err = g.make(g.memory, setting{"cpu.max", quota + " " + strconv.FormatInt(period, 10)}, setting{"memory.max", limit})
	} else {
		g.memory = filepath.Join(root, "memory", name)
		err = errors.Join(
			g.make(filepath.Join(root, "cpu", name),
				setting{"cpu.cfs_period_us", strconv.FormatInt(period, 10)}, setting{"cpu.cfs_quota_us", quota}),
			g.make(g.memory, setting{"memory.limit_in_bytes", limit}),
		)
	}
	if err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return g, nil
}

// A setting is what a file of a group's folder is to hold.
type setting struct{ file, text string }

func (g *Group) make(dir string, settings ...setting) error {
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

// Path is the folders of the group, separated as in PATH. A process enters by
// writing its id into cgroup.procs of each.
func (g *Group) Path() string { return strings.Join(g.dirs, string(filepath.ListSeparator)) }

// Close removes the group. The kernel may take a moment to let its last
// process go.
func (g *Group) Close() error {
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

// Usage returns what the group has used so far.
func (g *Group) Usage() (Usage, error) {
	peak, err := os.ReadFile(filepath.Join(g.memory, "memory.peak")) // v2, since Linux 5.19
	if err != nil {
		peak, err = os.ReadFile(filepath.Join(g.memory, "memory.max_usage_in_bytes"))
	}
	if err != nil {
		return Usage{}, err
	}
	events, err := os.ReadFile(filepath.Join(g.memory, "memory.events"))
	if err != nil {
		events, err = os.ReadFile(filepath.Join(g.memory, "memory.oom_control"))
	}
	if err != nil {
		return Usage{}, err
	}
	var u Usage
	if u.Memory, err = strconv.ParseInt(strings.TrimSpace(string(peak)), 10, 64); err != nil {
		return Usage{}, err
	}
	for line := range strings.Lines(string(events)) {
		if n, ok := strings.CutPrefix(line, "oom_kill "); ok {
			u.Kills, err = strconv.Atoi(strings.TrimSpace(n))
		}
	}
	return u, err
}
