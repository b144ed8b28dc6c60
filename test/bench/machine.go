package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

const (
	lambdaDescriptors = 1024
	originDescriptors = 4096 // what the test network needs beside a thousand clients
	busyLoad          = 0.5  // of the last minute: somebody else is at work
	busySteal         = 0.01 // of the machine's time
)

// A Machine is where the figures come from, and what to hold against them.
type Machine struct {
	Processor, System string
	Cores             int
	Versions          []string
	Load              float64 // of the minute before; -1 if not known
	Descriptors       uint64  // the most that this process may have
	Stolen            float64 // share of the time that the hypervisor took while it measured
	Missing           []string
}

// describe looks at the machine before anything runs on it.
func describe(ctx context.Context, s settings) Machine {
	m := Machine{
		Processor: processor(), System: runtime.GOOS + " " + firstWord("/proc/sys/kernel/osrelease"),
		Cores: cores(), Load: -1, Versions: []string{runtime.Version()},
	}
	if load, err := strconv.ParseFloat(firstWord("/proc/loadavg"), 64); err == nil {
		m.Load = load
	}
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) == nil {
		m.Descriptors = limit.Max
	}
	for _, p := range peerPrograms(s) {
		version, err := exec.CommandContext(ctx, p.program, p.version...).CombinedOutput()
		if err != nil {
			m.Missing = append(m.Missing, p.missing)
			continue
		}
		m.Versions = append(m.Versions, p.name+" "+versionIn(string(version)))
	}
	return m
}

// A peerProgram is one that somebody has to install.
type peerProgram struct {
	name, program string
	version       []string // arguments that make it say its version
	missing       string   // what to say where it is not there
}

func peerPrograms(s settings) []peerProgram {
	ask := "import sys, aiohttp, requests; print(sys.version.split()[0], 'aiohttp', aiohttp.__version__, 'requests', requests.__version__)"
	return []peerProgram{
		{"Python", s.python, []string{"-c", ask}, "Python's requests and aiohttp (make .venv/bench/installed)"},
		{"curl", "curl", []string{"--version"}, "curl"},
		{"blackbox_exporter", blackboxProgram, []string{"--version"}, "blackbox_exporter (Debian: prometheus-blackbox-exporter)"},
	}
}

// versionIn finds the first number in what a program says of itself, and takes
// the rest of its line where that names more.
func versionIn(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	words := strings.Fields(line)
	for i, word := range words {
		if word[0] < '0' || word[0] > '9' {
			continue
		}
		if i == 0 {
			return strings.Join(words, " ")
		}
		return strings.TrimSuffix(word, ",")
	}
	return "of an unknown version"
}

// warnings are what a reader of the figures has to know first.
func (m Machine) warnings() []string {
	var all []string
	if m.Cores < 2 {
		all = append(all, "fewer than 2 cores: origins and clients share one, and the figures say little")
	}
	if m.Descriptors < originDescriptors {
		all = append(all, fmt.Sprintf("a low limit of %d descriptors: the origins want %d", m.Descriptors, originDescriptors))
	}
	if m.Load > busyLoad {
		all = append(all, fmt.Sprintf("a busy machine: its load was %.1f before anything ran here", m.Load))
	}
	if m.Stolen > busySteal {
		all = append(all, fmt.Sprintf("the hypervisor took %.1f %% of the machine's time", 100*m.Stolen))
	}
	for _, missing := range m.Missing {
		all = append(all, "left out, because it is not installed: "+missing)
	}
	return all
}

// processor is the processor's name, "" if nobody tells.
func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func firstWord(path string) string {
	text, _ := os.ReadFile(path)
	word, _, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	return word
}

// steal is time of all processors, in ticks (proc_stat(5)).
type steal struct{ stolen, all int64 }

func readSteal() (s steal) {
	text, _ := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(text), "\n")
	for i, word := range strings.Fields(line) {
		ticks, _ := strconv.ParseInt(word, 10, 64) // the first is not a number
		if i <= 8 {
			s.all += ticks
		}
		if i == 8 {
			s.stolen = ticks
		}
	}
	return s
}

// since is the share that was stolen since before.
func (s steal) since(before steal) float64 {
	if s.all == before.all {
		return 0
	}
	return float64(s.stolen-before.stolen) / float64(s.all-before.all)
}
