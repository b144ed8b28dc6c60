package main

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/metric"
	"rollcall/test/alarm"
)

const (
	runs      = 180 // one a minute, three hours
	namespace = "Rollcall/roll"
)

var begin = time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC)

// A site is what is watched: usual milliseconds to the first byte, days left of
// the certificate.
type site struct {
	name, group string
	first, days float64
}

var sites = []site{
	{"www.example.com", "shop", 60, 71}, {"shop.example.com", "shop", 180, 71}, {"checkout.example.com", "shop", 90, 40},
	{"search.example.com", "shop", 150, 40}, {"images.example.com", "shop", 30, 55}, {"api.example.com/v1", "api", 45, 22},
	{"api.example.com/v2", "api", 70, 22}, {"hooks.example.com", "api", 120, 9}, {"mail.example.com", "office", 95, 33},
	{"docs.example.com", "office", 75, 88}, {"intranet.example.com", "office", 210, 61}, {"wiki.example.com", "office", 140, 61},
}

// A moment is what one run published, and its results.
type moment struct {
	at      time.Time
	datums  []metric.Datum
	results []*check.Result
}

// sample makes three hours in which checkout is down for a while and until the
// end, search becomes slow, and hooks flaps.
func sample() []moment {
	random := rand.New(rand.NewPCG(7, 11))
	all := make([]moment, runs)
	for i := range all {
		all[i] = momentOf(i, random)
	}
	return all
}

func momentOf(i int, random *rand.Rand) moment {
	m := moment{at: begin.Add(time.Duration(i) * time.Minute)}
	var rollup metric.Rollup
	run := metric.Run{Profile: metric.ProfilePhases, Limit: len(sites), Duration: time.Duration(900+random.IntN(300)) * time.Millisecond, Healthy: true, Memory: &metric.Memory{}}
	run.Scheduled, run.Started = m.at, m.at.Add(time.Duration(2000+random.IntN(9000))*time.Millisecond)
	for _, s := range sites {
		r := s.result(i, random)
		m.results = append(m.results, r)
		m.datums = append(m.datums, metric.ProfilePhases.Series(r, m.at, false)...)
		rollup.Add(r)
		r.LocalDelay = time.Duration(200+random.IntN(1800)) * time.Microsecond
		run.Take(r, false)
	}
	m.datums = append(m.datums, rollup.Datums(m.at, false)...)
	m.datums = append(m.datums, run.Datums(m.at)...)
	m.datums = append(m.datums, metric.Completed(m.at))
	return m
}

func (s site) result(run int, random *rand.Rand) *check.Result {
	first := s.first * (0.8 + 0.5*random.Float64())
	if s.slow(run) {
		first *= 5
	}
	phases := check.Phases{DNS: 2 * time.Millisecond, Connect: 9 * time.Millisecond, TLS: 14 * time.Millisecond,
		FirstByte: time.Duration(first * float64(time.Millisecond)), Transfer: 3 * time.Millisecond}
	r := &check.Result{Name: s.name, Group: s.group, State: check.Up, Reason: check.OK, Attempts: 1, Complete: true, Phases: phases,
		Duration: phases.Sum(), IP: netip.MustParseAddr("192.0.2.1"), Certificate: &check.Certificate{Subject: "CN=" + strings.Split(s.name, "/")[0], DaysLeft: s.days - float64(run)/1440}}
	s.addFault(r, run, random)
	return r
}

func (s site) slow(run int) bool { return s.name == "search.example.com" && run > 110 }

// addFault changes a result by the faults of the three hours.
func (s site) addFault(r *check.Result, run int, random *rand.Rand) {
	switch {
	case s.name == "checkout.example.com" && (run > 40 && run < 58 || run > 170):
		r.State, r.Reason, r.Detail = check.Down, check.Status, "503 Service Unavailable"
	case s.name == "hooks.example.com" && run > 60 && run < 90 && run%3 == 0:
		r.State, r.Reason, r.Detail, r.Complete = check.Down, check.Timeout, "no response within 2s", false
	case s.name == "wiki.example.com" && random.IntN(40) == 0:
		r.Flaky, r.Attempts = true, 2
	case s.slow(run):
		r.State, r.Reason, r.Detail = check.Degraded, check.Expectation, "duration < 500"
	}
}

// judge has the alarms evaluate what was published.
func judge(w *alarm.Watch, data []moment) {
	for _, m := range data {
		for _, d := range m.datums {
			w.Put(alarm.Datum{Namespace: namespace, Metric: d.Metric, Unit: string(d.Unit), Dimensions: dimensions(d), Time: d.Time, Values: d.Values, Counts: d.Counts})
		}
		w.Evaluate(m.at.Add(time.Minute))
	}
}

func dimensions(d metric.Datum) map[string]string {
	if len(d.Dimensions) == 0 {
		return nil
	}
	return map[string]string{d.Dimensions[0].Name: d.Dimensions[0].Value}
}
