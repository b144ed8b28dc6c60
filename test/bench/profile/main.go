//go:build unix

// Profile writes a CPU profile of a sweep: its own process only checks, and
// another one of its kind is the origins. `make profile` pins them to a core
// each and shows where the time went.
package main

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"runtime/pprof"
	"syscall"
	"time"

	"rollcall/test/meter"

	"rollcall/internal/check"
	"rollcall/internal/guard"
	"rollcall/internal/plan"
	"rollcall/internal/probe"
	"rollcall/internal/resolve"
	"rollcall/internal/sweep"
	"rollcall/internal/testnet"
)

const hold = 200 * time.Millisecond // how long the origins think

func main() {
	hosts := flag.Int("hosts", 10_000, "how many")
	inFlight := flag.Int("in-flight", 1000, "checks at once")
	file := flag.String("file", "bin/cpu.pprof", "where the profile goes")
	origins := flag.Bool("origins", false, "be the origins, until standard input ends")
	flag.Parse()
	run := func() error { return profile(*hosts, *inFlight, *file, flag.Args()) }
	if *origins {
		run = func() error { return serve(*hosts) }
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "profile:", err)
		os.Exit(1)
	}
}

// Origins are what the checks need to know of the origins.
type origins struct {
	Root string // certificate, PEM
	DNS  string
	URLs []string
}

// serve is the other process.
func serve(hosts int) error {
	s, err := testnet.Start(testnet.Options{})
	if err != nil {
		return err
	}
	defer s.Close()
	m, err := meter.New(s, "profile.test", meter.Options{Hold: hold})
	if err != nil {
		return err
	}
	if err := m.Prepare(hosts); err != nil {
		return err
	}
	info := origins{Root: string(s.Authority.PEM()), DNS: s.Resolver.Addr().String()}
	for i := range hosts {
		info.URLs = append(info.URLs, fmt.Sprintf("https://%s:%d/", m.Host(i), m.Port()))
	}
	if err := json.NewEncoder(os.Stdout).Encode(info); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// profile starts the origins, by a launcher such as taskset, and sweeps.
func profile(hosts, inFlight int, file string, launcher []string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	args := append(launcher, self, "-origins", "-hosts", fmt.Sprint(hosts))
	other := exec.Command(args[0], args[1:]...)
	other.Stderr = os.Stderr
	in, inErr := other.StdinPipe()
	out, outErr := other.StdoutPipe()
	if err := errors.Join(inErr, outErr); err != nil {
		return err
	}
	if err := other.Start(); err != nil {
		return err
	}
	defer other.Wait()
	defer in.Close()
	var info origins
	if err := json.NewDecoder(bufio.NewReader(out)).Decode(&info); err != nil {
		return fmt.Errorf("hearing from the origins: %w", err)
	}
	return info.sweep(inFlight, file)
}

// sweep checks everything once, as the function does, and profiles that.
func (s origins) sweep(inFlight int, file string) error {
	p, err := plan.ParseURLs(s.URLs, plan.Inputs{})
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(s.Root))
	prober := probe.New(probe.Options{
		UserAgent: "rollcall/profile", RootCAs: roots,
		Guard:  guard.Guard{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
		Lookup: resolve.New(resolve.Options{Server: s.DNS}).Lookup,
	})
	defer prober.Close()
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	sweeper := sweep.Sweeper{Probe: prober.Probe, InFlight: inFlight}
	before, began := spent(), time.Now()
	if err := pprof.StartCPUProfile(f); err != nil {
		return err
	}
	found := sweeper.Sweep(context.Background(), p.Targets, nil)
	pprof.StopCPUProfile()
	took, cpu := time.Since(began), spent()-before
	up := 0
	for i := range found.Results {
		if found.Results[i].State == check.Up {
			up++
		}
	}
	n := len(found.Results)
	fmt.Printf("%d of %d hosts are up after %.1f s; %.3f ms of CPU a check, the profiler's too\n", up, n, took.Seconds(), cpu.Seconds()*1000/float64(n))
	return nil
}

// spent is this process's CPU time, the kernel's for it included.
func spent() time.Duration {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r) // never fails for one's own process
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
