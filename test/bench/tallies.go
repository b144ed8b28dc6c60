package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/plan"
	"rollcall/internal/tally"
)

// writeTallies writes the tallies of a run that nobody made: parts of as many
// targets each, of which one in failing is down; 1: all. Durations are spread as on
// the Internet, and each name is derived from its URL.
func writeTallies(dir string, parts, targets, failing int) error {
	random := rand.New(rand.NewPCG(1, 2))
	began := time.Date(2026, 11, 30, 6, 8, 0, 0, time.UTC)
	for index := range parts {
		t := tally.New("20261130T0608Z", plan.Part{Index: index, Of: parts}, "3b8f07", "1.0.0", "group")
		t.Started, t.Ended = began, began.Add(time.Minute)
		results, claims := make([]check.Result, targets), make([]plan.Claim, targets)
		for i := range results {
			r := &results[i]
			name := fmt.Sprintf("site-%d.shops.example.com", i*parts+index)
			claims[i] = plan.Claim{Name: hashOf(name), Check: hashOf("https://" + name + "/")}
			p := check.Phases{DNS: milliseconds(random, 8), Connect: milliseconds(random, 30), TLS: milliseconds(random, 40), FirstByte: milliseconds(random, 120), Transfer: milliseconds(random, 5)}
			*r = check.Result{
				Name: name, Group: fmt.Sprintf("region %d", i%10), URL: "https://" + name + "/", State: check.Up, Clock: check.KernelClock, Complete: true,
				Status: 200, Attempts: 1, Started: began, Duration: p.Sum(), Phases: p, IP: netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), HTTP: "1.1",
				BytesWire: 4000, BytesBody: 4000, LocalDelay: milliseconds(random, 2),
				Certificate: &check.Certificate{Subject: "CN=" + name, Issuer: "CN=R11,O=Let's Encrypt,C=US", NotAfter: began.Add(60 * 24 * time.Hour), DaysLeft: 60, Verified: true},
			}
			if i%failing == failing/2 {
				r.State, r.Reason, r.Status, r.Detail = check.Down, check.Status, 503, "status 503 (Service Unavailable), not 200 to 299"
			}
		}
		t.Take(results, claims, false, nil)
		file, err := os.Create(filepath.Join(dir, fmt.Sprintf("%04d-of-%04d.tally.gz", index+1, parts)))
		if err != nil {
			return err
		}
		if err := cmp.Or(t.Encode(file), file.Close()); err != nil {
			return err
		}
	}
	return nil
}

func hashOf(name string) uint64 {
	sum := sha256.Sum256([]byte(name))
	return binary.BigEndian.Uint64(sum[:])
}

// milliseconds is a random duration of about that median.
func milliseconds(random *rand.Rand, median float64) time.Duration {
	v := median
	for range 3 { // a long tail
		v *= 0.5 + random.Float64()
	}
	return time.Duration(v * float64(time.Millisecond))
}
