package terminal_test

import (
	"bufio"
	"os"
	"runtime"
	"testing"

	"rollcall/test/listeners"
)

// TestTheDemoListensOnLoopbackOnly: its faulty servers are for this machine.
func TestTheDemoListensOnLoopbackOnly(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no /proc")
	}
	cmd := program(t, nil, "demo", "--serve")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Signal(os.Interrupt)
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil { // they run
		t.Fatal(err)
	}
	addrs, err := listeners.Of(cmd.Process.Pid)
	if err != nil || len(addrs) < 10 {
		t.Fatalf("%d listeners are seen: %v", len(addrs), err)
	}
	if beyond := listeners.Beyond(addrs); len(beyond) > 0 {
		t.Errorf("these are reached from other machines: %v", beyond)
	}
}
