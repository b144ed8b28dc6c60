package pause

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	fmt.Println(For(ctx, time.Hour))
	// Output: false
}

func TestFor(t *testing.T) {
	tests := []struct {
		name       string
		d, timeout time.Duration
		want       bool
		took       time.Duration
	}{
		{"waits", time.Minute, time.Hour, true, time.Minute},
		{"ends with its context", time.Hour, time.Minute, false, time.Minute},
		{"nothing to wait for", 0, time.Hour, true, 0},
		{"a time that is past", -time.Hour, time.Hour, true, 0},
		{"a context that is done", time.Hour, 0, false, 0},
		{"neither", 0, 0, false, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), tt.timeout)
				defer cancel()
				began := time.Now()
				if got, took := For(ctx, tt.d), time.Since(began); got != tt.want || took != tt.took {
					t.Errorf("For = %v after %v, want %v after %v", got, took, tt.want, tt.took)
				}
			})
		})
	}
}
