package function_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"rollcall/internal/testnet"
)

// A smallServer responds to two requests at once, each after 10 ms; others wait
// for those. It counts how many it was asked at once at most.
type smallServer struct {
	places       chan struct{}
	inside, most atomic.Int64
}

func newSmallServer() *smallServer { return &smallServer{places: make(chan struct{}, 2)} }

func (s *smallServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer s.inside.Add(-1)
	for now := s.inside.Add(1); ; {
		most := s.most.Load()
		if now <= most || s.most.CompareAndSwap(most, now) {
			break
		}
	}
	s.places <- struct{}{}
	time.Sleep(10 * time.Millisecond)
	<-s.places
	fmt.Fprintln(w, "ok")
}

// Six hundred pages of one small server are all up: the function does not
// overload what it checks. All at once they would wait three seconds for each other.
func TestManyPagesOfASmallServer(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	small, login := newSmallServer(), newSmallServer()
	smallURL, loginURL := listening(t, small), listening(t, login)
	hop := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, loginURL, http.StatusFound) })
	r := newRig(t, testnet.Options{Handlers: map[string]http.Handler{"*.hop.stage.test": hop}})
	const pages, hops = 600, 100
	var urls []string
	for i := range pages {
		urls = append(urls, fmt.Sprintf("%s/page/%d", smallURL, i))
	}
	for i := range hops {
		urls = append(urls, fmt.Sprintf("http://host-%d.hop.stage.test", i))
	}
	s := r.run(t, eventOf(map[string]any{"urls": urls, "defaults": map[string]any{"timeout": "2s", "retries": 0}}))
	if s.Up != pages+hops || s.Down > 0 {
		t.Errorf("%d are up, %d down, want all of %d up", s.Up, s.Down, pages+hops)
	}
	for name, server := range map[string]*smallServer{"the server": small, "the server of the redirects": login} {
		if most := server.most.Load(); most > 16 || most < 3 {
			t.Errorf("%s was asked %d times at once, want at most 16", name, most)
		}
	}
	for _, res := range s.Results {
		if res.Duration > 1500 || res.LocalDelay > 1500 {
			t.Fatalf("%s took %.0f ms, and %.0f of ours: the wait is part of neither", res.Name, res.Duration, res.LocalDelay)
		}
	}
}

func listening(t *testing.T, h http.Handler) string {
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}
