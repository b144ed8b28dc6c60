package wire_test

import (
	"fmt"
	"io"
	"net"

	"rollcall/internal/wire"
)

// A request and its response, timed by the kernel where it can.
func Example() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer listener.Close()
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			io.CopyN(conn, conn, 5)
			conn.Close()
		}
	}()
	dialer := net.Dialer{Control: wire.Control}
	dialed, err := dialer.Dial("tcp", listener.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	conn := wire.New(dialed)
	defer conn.Close()
	io.WriteString(conn, "hello")
	response, err := io.ReadAll(conn)
	r := conn.Reading()
	fmt.Printf("%s, %v: %d bytes after some time: %t\n", response, err, r.Received, r.Waited.Process > 0)
	// Output: hello, <nil>: 5 bytes after some time: true
}
