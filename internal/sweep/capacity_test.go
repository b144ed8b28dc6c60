package sweep

import "testing"

func TestCapacity(t *testing.T) {
	for _, test := range []struct {
		name                string
		descriptors, memory int64
		want                int
	}{
		{"Lambda's limit", 1024, 0, 480},
		{"a limit at which a thousand fit", 4096, 0, 2016},
		{"more than is of use", 1 << 20, 0, 4000},
		{"no limit", 1<<31 - 1, 0, 4000},
		{"exactly what is kept", 64, 0, 1},
		{"less than what is kept", 10, 0, 1},
		{"one descriptor short of a second check", 67, 0, 1},
		{"two checks", 68, 0, 2},
		{"memory decides", 1 << 20, 128 << 20, 910},
		{"descriptors decide", 1024, 1769 << 20, 480},
		{"less memory than is kept", 1024, 32 << 20, 1},
		{"memory without end", 1024, 1 << 62, 480},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := capacity(test.descriptors, test.memory); got != test.want {
				t.Errorf("capacity(%d, %d) = %d, want %d", test.descriptors, test.memory, got, test.want)
			}
		})
	}
}

func TestCapacityOfThisProcess(t *testing.T) {
	if got := descriptors(); got < 1 {
		t.Errorf("descriptors = %d", got)
	}
	if got, want := Capacity(0), capacity(descriptors(), 0); got != want {
		t.Errorf("Capacity = %d, want %d", got, want)
	}
}
