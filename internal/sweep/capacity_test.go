package sweep

import "testing"

func TestCapacity(t *testing.T) {
	for _, test := range []struct {
		name                string
		descriptors, memory int64
		checks, seconds     int
	}{
		{"Lambda's limit", 1024, 0, 840, 120},
		{"a limit at which a thousand fit", 4096, 0, 3528, 504},
		{"more than is of use", 1 << 20, 0, 4000, 4000},
		{"no limit", 1<<31 - 1, 0, 4000, 4000},
		{"exactly what is kept", 64, 0, 1, 1},
		{"less than what is kept", 10, 0, 1, 1},
		{"one check", 65, 0, 1, 1},
		{"seven checks and a second socket", 72, 0, 7, 1},
		{"memory decides", 1 << 20, 128 << 20, 682, 682},
		{"descriptors decide", 1024, 1769 << 20, 840, 120},
		{"descriptors decide, with less memory", 1024, 512 << 20, 840, 120},
		{"less memory than is kept", 1024, 32 << 20, 91, 91},
		{"memory without end", 1024, 1 << 62, 840, 120},
	} {
		t.Run(test.name, func(t *testing.T) {
			checks, seconds := capacity(test.descriptors, test.memory)
			if checks != test.checks || seconds != test.seconds {
				t.Errorf("capacity(%d, %d) = %d, %d, want %d, %d", test.descriptors, test.memory, checks, seconds, test.checks, test.seconds)
			}
		})
	}
}

func TestCapacityOfThisProcess(t *testing.T) {
	if got := descriptors(); got < 1 {
		t.Errorf("descriptors = %d", got)
	}
	checks, seconds := Capacity(0)
	if wantChecks, wantSeconds := capacity(descriptors(), 0); checks != wantChecks || seconds != wantSeconds {
		t.Errorf("Capacity = %d, %d, want %d, %d", checks, seconds, wantChecks, wantSeconds)
	}
}
