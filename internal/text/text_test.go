package text

import (
	"fmt"
	"testing"
	"time"
)

func Example() {
	fmt.Println(Plural(1, "target"), "of", Plural(12000, "target"))
	fmt.Println(Thousands(Milliseconds(1234567*time.Microsecond, 1)), "ms")
	fmt.Println(Percentile([]int{10, 20, 30, 40}, 50))
	// Output:
	// 1 target of 12,000 targets
	// 1,234.6 ms
	// 20
}

func TestThousands(t *testing.T) {
	for number, want := range map[string]string{
		"": "", "0": "0", "999": "999", "1000": "1,000", "-999": "-999", "-1000": "-1,000", "1234567": "1,234,567",
		"999.1234": "999.1234", "1000.50": "1,000.50", "-123456.7": "-123,456.7",
	} {
		if got := Thousands(number); got != want {
			t.Errorf("Thousands(%q) = %q, want %q", number, got, want)
		}
	}
}

func TestPlural(t *testing.T) {
	for n, want := range map[int]string{0: "0 bytes", 1: "1 byte", 2: "2 bytes", 1000: "1,000 bytes"} {
		if got := Plural(n, "byte"); got != want {
			t.Errorf("Plural(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestMilliseconds(t *testing.T) {
	tests := []struct {
		d        time.Duration
		decimals int
		want     string
	}{
		{0, 1, "0.0"}, {1500 * time.Microsecond, 0, "2"}, {1234 * time.Microsecond, 2, "1.23"}, {time.Minute, 1, "60000.0"},
		{-time.Millisecond, 1, "-1.0"},
	}
	for _, tt := range tests {
		if got := Milliseconds(tt.d, tt.decimals); got != tt.want {
			t.Errorf("Milliseconds(%v, %d) = %q, want %q", tt.d, tt.decimals, got, tt.want)
		}
	}
}

func TestPercentile(t *testing.T) {
	var hundred []int
	for i := range 100 {
		hundred = append(hundred, i+1)
	}
	tests := []struct {
		sorted        []int
		percent, want int
	}{
		{[]int{7}, 0, 7}, {[]int{7}, 50, 7}, {[]int{7}, 100, 7},
		{[]int{1, 2}, 50, 1}, {[]int{1, 2}, 51, 2}, {[]int{1, 2, 3}, 50, 2},
		{hundred, 0, 1}, {hundred, 1, 1}, {hundred, 50, 50}, {hundred, 99, 99}, {hundred, 100, 100}, {hundred[:10], 99, 10},
	}
	for _, tt := range tests {
		if got := Percentile(tt.sorted, tt.percent); got != tt.want {
			t.Errorf("Percentile of %d values, %d = %d, want %d", len(tt.sorted), tt.percent, got, tt.want)
		}
	}
}
