//go:build interop

package interop

import (
	"context"
	"fmt"
	"os"
)

func Example() {
	dir, err := os.MkdirTemp("", "rollcall-interop-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	fmt.Println(visitOpenSSL(dir))
	// Output: up 200 HTTP/1.0 <nil>
}

// visitOpenSSL probes an openssl s_server that lives in dir.
func visitOpenSSL(dir string) (string, error) {
	h, err := newHouse(dir)
	if err != nil {
		return "", err
	}
	defer h.prober.Close()
	ports, err := freePorts(1)
	if err != nil {
		return "", err
	}
	p, err := h.run("openssl", ports, server{}.arguments(ports[0])...)
	if err != nil {
		return "", err
	}
	defer p.stop()
	res := h.probe(context.Background(), ports[0], "/", nil)
	return fmt.Sprintf("%v %d HTTP/%s", res.State, res.Status, res.HTTP), nil
}
