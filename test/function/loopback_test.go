package function_test

import (
	"os"
	"runtime"
	"testing"

	"rollcall/test/listeners"
)

// TestNothingListensBeyondLoopback: other machines reach neither the function
// nor any of the servers that the tests start, in this process or beside it.
func TestNothingListensBeyondLoopback(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no /proc")
	}
	r, _ := withPages(t) // with all faulty servers, CloudWatch, S3 and Lambda's runtime API
	if s := r.run(t, mixed); s.Up != 1 {
		t.Errorf("%s", s.raw)
	}
	addrs, err := listeners.Of(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if least := len(r.Origins()) / 2; len(addrs) < least {
		t.Errorf("%d listeners are seen, want at least %d", len(addrs), least)
	}
	if beyond := listeners.Beyond(addrs); len(beyond) > 0 {
		t.Errorf("these are reached from other machines: %v", beyond)
	}
}
