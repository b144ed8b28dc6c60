package testnet

import (
	"net"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// TestTampered sees each fault in the packet that it makes.
func TestTampered(t *testing.T) {
	r := newResolver(t)
	r.Set("good.example", Resolution{Addresses: addresses("127.0.0.1")})
	var change atomic.Pointer[func([]byte) []byte]
	server, err := r.Tamper(func(nth int, q dnsmessage.Question, response []byte) [][]byte {
		if nth != 1 && q.Type == dnsmessage.TypeA {
			return [][]byte{response, (*change.Load())(response)}
		}
		return nil // what is asked first
	})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	conn, err := net.Dial("udp", server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	m := question("good.example.", dnsmessage.TypeA)
	packed, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	conn.Write([]byte("no DNS at all"))
	conn.Write(packed)
	for name, test := range map[string]struct {
		change func([]byte) []byte
		wrong  func(dnsmessage.Message) bool
	}{
		"wrong id":       {WrongID, func(m dnsmessage.Message) bool { return m.ID == 8 }},
		"wrong question": {WrongQuestion, func(m dnsmessage.Message) bool { return m.Questions[0].Class == dnsmessage.ClassCHAOS }},
		"other name":     {OtherName, func(m dnsmessage.Message) bool { return m.Questions[0].Name.String() == "other.good.example." }},
		"no response":    {NoResponse, func(m dnsmessage.Message) bool { return !m.Response }},
		"truncated":      {Truncated, func(m dnsmessage.Message) bool { return m.Truncated && len(m.Answers) == 0 }},
		"aliased":        {func(a []byte) []byte { return Aliased(a, 3) }, func(m dnsmessage.Message) bool { return len(m.Answers) == 4 }},
		"failed": {func(a []byte) []byte { return Failed(a, dnsmessage.RCodeRefused) }, func(m dnsmessage.Message) bool {
			return m.RCode == dnsmessage.RCodeRefused && len(m.Answers) == 0
		}},
	} {
		change.Store(&test.change)
		conn.Write(packed)
		if got := next(t, conn); test.wrong(got) || len(got.Answers) != 1 {
			t.Errorf("%s: the response is %v", name, got.GoString())
		}
		if got := next(t, conn); !test.wrong(got) {
			t.Errorf("%s: got %v", name, got.GoString())
		}
	}
	if got := Shortened(packed); len(got) != len(packed)-8 || len(Shortened(nil)) != 0 {
		t.Errorf("shortened to %d of %d bytes", len(got), len(packed))
	}
}

func next(t *testing.T, conn net.Conn) (m dnsmessage.Message) {
	t.Helper()
	buf := make([]byte, 1500)
	n, err := conn.Read(buf)
	if err == nil {
		err = m.Unpack(buf[:n])
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}
