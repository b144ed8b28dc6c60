package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	launchCommand = "launch"
	pinnedSwitch  = "ROLLCALL_BENCH_CORES" // how many cores there were before this process was pinned

	originCore = 0
	clientCore = 1
)

// cores is how many the machine has for this process.
func cores() int {
	if n, err := strconv.Atoi(os.Getenv(pinnedSwitch)); err == nil {
		return n
	}
	return runtime.NumCPU()
}

// pinSelf begins the program again on the origins' core, once, where there are
// two: all of its threads have to be there, and the scheduler to know of one.
func pinSelf() error {
	if os.Getenv(pinnedSwitch) != "" || runtime.NumCPU() < 2 {
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	env := append(os.Environ(), fmt.Sprintf("%s=%d", pinnedSwitch, runtime.NumCPU()))
	if err := pinThread(originCore); err != nil {
		return err
	}
	return syscall.Exec(self, os.Args, env)
}

// pinThread binds the calling thread, and what it starts, to cores.
func pinThread(cores ...int) error {
	var set unix.CPUSet
	for _, core := range cores {
		set.Set(core)
	}
	return unix.SchedSetaffinity(0, &set)
}

// onClientCore calls start, which starts a process, so that the process is
// bound to the clients' core.
func onClientCore(start func() error) error {
	if cores() < 2 {
		return start()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := pinThread(clientCore); err != nil {
		return err
	}
	return errors.Join(start(), pinThread(originCore))
}

// launch becomes the program that stands after its flags, bound and limited as
// they say. It returns only if it failed.
func launch(args []string) error {
	flags := flag.NewFlagSet(launchCommand, flag.ContinueOnError)
	core := flags.Int("core", -1, "core to be bound to; -1: none")
	descriptors := flags.Uint64("descriptors", 0, "limit of file descriptors; 0: as it is")
	group := flags.String("group", "", "control group's folders to enter, separated by colons")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() == 0 {
		return errors.New("there is nothing to launch")
	}
	runtime.LockOSThread()
	if *core >= 0 {
		if err := pinThread(*core); err != nil {
			return fmt.Errorf("binding to core %d: %w", *core, err)
		}
	}
	for _, dir := range filepath.SplitList(*group) {
		if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(os.Getpid())), 0o644); err != nil {
			return fmt.Errorf("entering the control group: %w", err)
		}
	}
	if *descriptors > 0 {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: *descriptors, Max: *descriptors}); err != nil {
			return fmt.Errorf("limiting descriptors: %w", err)
		}
	}
	program, err := exec.LookPath(flags.Arg(0))
	if err != nil {
		return err
	}
	return syscall.Exec(program, flags.Args(), os.Environ())
}
