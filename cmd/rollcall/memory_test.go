package main

import "testing"

func TestInFlight(t *testing.T) {
	for targets, want := range map[int]int{1: 2000, 10_000: 2000, 50_000: 1627, 100_000: 1000, 1_000_000: 1000} {
		if got := inFlight(targets); got != want {
			t.Errorf("%d targets: %d checks at once, want %d", targets, got, want)
		}
	}
	var l limits
	for variable, want := range map[string]int{"": 1000, "64": 64, "3000": 3000} {
		c, err := l.config(system{lookup: environment(map[string]string{"ROLLCALL_IN_FLIGHT": variable})})
		if err != nil {
			t.Fatal(err)
		}
		if before := c.InFlight; variable == "" && before < 1000 {
			want = before // by the limit of descriptors
		}
		if l.fit(&c, system{lookup: environment(map[string]string{"ROLLCALL_IN_FLIGHT": variable})}, 1_000_000); c.InFlight != want {
			t.Errorf("ROLLCALL_IN_FLIGHT=%s: %d, want %d", variable, c.InFlight, want)
		}
	}
}
