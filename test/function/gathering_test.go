package function_test

import (
	"context"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// visit asks a Gathering and returns the response's body and how long it took;
// the body is empty if ctx ended before.
func visit(ctx context.Context, g *Gathering) (body string, took time.Duration) {
	defer func(began time.Time) {
		took = time.Since(began)
		recover() // the handler ended without a response
	}(time.Now())
	w := httptest.NewRecorder()
	g.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", "/", nil))
	return w.Body.String(), 0
}

func TestGatheringRespondsAHoldAfterItIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGathering(3, 200*time.Millisecond)
		for round := range 2 {
			var group sync.WaitGroup
			for i := range 3 {
				group.Go(func() {
					time.Sleep(time.Duration(i) * time.Second)
					want := 200*time.Millisecond + time.Duration(2-i)*time.Second
					if body, took := visit(t.Context(), g); body == "" || took != want {
						t.Errorf("round %d: request %d took %v (%q), want %v", round, i, took, body, want)
					}
				})
			}
			group.Wait()
		}
		if got := g.Most(); got != 3 {
			t.Errorf("Most = %d, want 3", got)
		}
	})
}

func TestGatheringForgetsWhoLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGathering(2, 0)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if body, took := visit(ctx, g); body != "" || took != time.Second {
			t.Errorf("the early leaver got %q after %v", body, took)
		}
		var group sync.WaitGroup
		group.Go(func() {
			if _, took := visit(t.Context(), g); took != time.Minute {
				t.Errorf("the first of two took %v, want to wait for the second", took)
			}
		})
		time.Sleep(time.Minute)
		visit(t.Context(), g)
		group.Wait()
	})
}
