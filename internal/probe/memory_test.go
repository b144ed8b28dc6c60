package probe

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"

	"rollcall/internal/check"
	"rollcall/internal/wire"
)

// noShare is the share of a check where memory is unlimited.
func noShare() *share { return newMemory(0).begin(false) }

func TestShare(t *testing.T) {
	m := newMemory(1 << 20)
	s := m.begin(false)
	if err := s.hold(everybodys); err != nil || m.held.Load() != check.InFlight {
		t.Errorf("what is everybody's: %v, %d held", err, m.held.Load())
	}
	if err := s.hold(1); err != nil || m.held.Load() != check.InFlight+everybodys+1 {
		t.Errorf("the first byte beyond: %v, %d held", err, m.held.Load())
	}
	other := m.begin(false)
	held := m.held.Load()
	if err := other.hold(1 << 20); err != errShort || other.short != 1<<20 || m.held.Load() != held {
		t.Errorf("more than there is: %v, short of %d, %d held, want %d", err, other.short, m.held.Load(), held)
	}
	if other.hold(everybodys) != nil {
		t.Error("who was refused has lost its own")
	}
	s.drop(everybodys + 1)
	if got := m.held.Load(); got != 2*check.InFlight {
		t.Errorf("%d held after all was dropped", got)
	}
	s.end()
	other.end()
	if got := m.held.Load(); got != 0 {
		t.Errorf("%d held after the end of all", got)
	}
}

// TestDecodedSize: JSON never takes more than what is reckoned for it.
func TestDecodedSize(t *testing.T) {
	var keys strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&keys, `"%x":0,`, i)
	}
	texts := []string{"{" + strings.TrimSuffix(keys.String(), ",") + "}"}
	for _, item := range []string{"{}", "[]", "0", `""`, `"a"`, "1e9", "[[0]]", `{"":0}`, `{"":{"":{"":0}}}`, `{"id":1,"name":"thing","tags":["a","b"]}`} {
		texts = append(texts, "["+strings.Repeat(item+",", 300_000/len(item))+item+"]")
	}
	for _, text := range texts {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		var value any
		if err := json.Unmarshal([]byte(text), &value); err != nil {
			t.Fatal(err)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(value)
		if took := int64(after.HeapAlloc) - int64(before.HeapAlloc); took > decodedSize(text) {
			t.Errorf("%.30s takes %d bytes, reckoned %d", text, took, decodedSize(text))
		}
	}
}

// TestTooLittleMemory: a check that gets too little has no verdict, one that is
// alone reads as far as it goes.
func TestTooLittleMemory(t *testing.T) {
	const limit = 4 << 20
	large := `["` + strings.Repeat("x", 1<<20) + `"]`
	for _, test := range []struct {
		name, body, expect string
		others             int64 // bytes that others hold
		alone              bool
		reason             check.Reason
		short, warned, cut bool
	}{
		{name: "enough", body: large, expect: `len(json[0]) > 1000000`},
		{name: "nobody reads it", body: large, expect: `size > 1000000`, others: limit},
		{name: "small", body: `["x"]`, expect: `json[0] == "x"`, others: limit},
		{name: "others have it", body: large, expect: `body contains "x"`, others: limit, reason: check.Internal, short: true},
		{name: "for the text, not for its JSON", body: large, expect: `json != nil`, others: limit - 2<<20, reason: check.Internal, short: true},
		{name: "alone", body: large, expect: `len(json[0]) > 1000000`, alone: true},
		{name: "text for nobody", body: strings.Repeat(large, 4), expect: `body contains "x"`, alone: true, warned: true, cut: true},
		{name: "text for nobody, first", body: strings.Repeat(large, 4), expect: `body contains "x"`, reason: check.Internal, short: true},
		{name: "JSON for nobody", body: "[" + strings.Repeat("{},", 200_000) + "{}]", expect: `json != nil`, reason: check.Expectation, warned: true},
		{name: "JSON for nobody, last", body: "[" + strings.Repeat("{},", 200_000) + "{}]", expect: `json != nil`, alone: true, reason: check.Expectation, warned: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			to := target("http://a.example/", expecting(test.expect))
			to.MaxBody = 8 << 20
			n := plainly(0, always(page(200, "", test.body)))
			p := New(Options{Lookup: n.Lookup, Dial: n.Dial, Memory: limit})
			defer p.Close()
			p.memory.held.Store(test.others)
			res := p.Probe(check.WithAttempt(t.Context(), &check.Attempt{Alone: test.alone}), to)
			if res.Reason != test.reason || (res.Short > 0) != test.short || (len(res.Warnings) > 0) != test.warned || res.BodyTruncated != test.cut {
				t.Errorf("got %v, short of %d, cut off %v, %q: %s", res.Reason, res.Short, res.BodyTruncated, res.Warnings, res.Detail)
			}
			if got := p.memory.held.Load(); got != test.others {
				t.Errorf("%d bytes are held for ever", got-test.others)
			}
		})
	}
}

// TestNumberOfHeaders: many small ones take much memory. TestHTTP2Errors has
// those of HTTP/2.
func TestNumberOfHeaders(t *testing.T) {
	for _, test := range []struct {
		lines int
		want  check.Reason
	}{{900, check.OK}, {20_000, check.HeadersTooLarge}} {
		res := once(t, plainly(0, always(page(200, strings.Repeat("a: b\r\n", test.lines), ""))), target("http://a.example/"))
		if res.Reason != test.want {
			t.Errorf("%d headers: %v (%s), want %v", test.lines, res.Reason, res.Detail, test.want)
		}
	}
}

// TestMemoryOfHeads: what a head takes counts, in the handshake and after it.
func TestMemoryOfHeads(t *testing.T) {
	n := plainly(0, always(page(200, "X-Long: "+strings.Repeat("x", 40<<10)+"\r\n", "")))
	for _, others := range []int64{0, 1 << 20} {
		p := New(Options{Lookup: n.Lookup, Dial: n.Dial, Memory: 1 << 20})
		p.memory.held.Store(others)
		if res := p.Probe(t.Context(), target("http://a.example/")); (res.Short > 0) != (others > 0) {
			t.Errorf("with %d bytes held by others: %v, short of %d", others, res.Reason, res.Short)
		}
		p.Close()
	}
	ours, theirs := net.Pipe()
	defer ours.Close()
	go theirs.Write(make([]byte, everybodys))
	s := newMemory(1).begin(false)
	h := &handshake{Conn: wire.New(ours), share: s}
	if _, err := io.ReadFull(h, make([]byte, everybodys)); err != errShort {
		t.Errorf("a handshake of %d bytes where there is no memory: %v", everybodys, err)
	}
}
