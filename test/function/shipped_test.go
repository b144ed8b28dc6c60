package function_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"rollcall/internal/testnet"
)

// TestShippedProgram: what the Makefile builds for Lambda has settings of the
// runtime that are given to the linker and take the place of those in the
// sources: certificates with a negative serial number are accepted all the same.
func TestShippedProgram(t *testing.T) {
	arch, known := map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]
	if testing.Short() || runtime.GOOS != "linux" || !known {
		t.Skip("builds the function for Lambda, and runs it")
	}
	dir := t.TempDir()
	build := exec.Command("make", "build-CheckFunction", "ARTIFACTS_DIR="+dir, "ARCH="+arch)
	build.Dir = filepath.Join("..", "..")
	build.Env = append(os.Environ(), "MAKEFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("make: %v\n%s", err, out)
	}
	r := rigOf(t, filepath.Join(dir, "bootstrap"), testnet.Options{})
	s := r.run(t, `{"urls": ["https://negative-serial.stage.test"], "defaults": {"retries": 0}}`)
	if got := s.Results[0]; got.State != "up" || got.Certificate == nil || got.Certificate.DaysLeft < 80 {
		t.Errorf("%s (%s) with %+v, want up and its certificate", got.Reason, got.Detail, got.Certificate)
	}
}
