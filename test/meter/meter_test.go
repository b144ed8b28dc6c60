package meter

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"testing"
	"time"

	"rollcall/internal/testnet"
)

// metered starts a meter on a test network of its own.
func metered(t *testing.T, o Options) (*testnet.Net, *Meter) {
	t.Helper()
	s, err := testnet.Start(testnet.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	m, err := New(s, "meter.test", o)
	if err != nil {
		t.Fatal(err)
	}
	return s, m
}

// A wait is between what the meter is set to wait and what its client saw:
// both bounds hold however busy the machine is.
func TestMeterKnowsWhatItsClientWaitedFor(t *testing.T) {
	tests := []struct {
		name string
		Options
	}{
		{"at once", Options{}},
		{"held", Options{Hold: 30 * time.Millisecond}},
		{"trickled", Options{Hold: 10 * time.Millisecond, Trickle: 20 * time.Millisecond}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, m := metered(t, tt.Options)
			began := time.Now()
			first := measure(t, s, m, 0)
			seen := time.Since(began)
			waits, most := m.Take()
			w := waits[m.Host(0)]
			if w.First < tt.Hold || w.First > first || w.Body < tt.Trickle || w.Sum() > seen {
				t.Errorf("the client waited %v for the head and %v in all, the meter has %+v", first, seen, w)
			}
			if w.DNS <= 0 || w.TLS <= 0 || w.Uncertainty <= 0 || w.Handshakes != 1 || w.Requests != 1 || most != 1 {
				t.Errorf("the meter has %+v, %d at once", w, most)
			}
		})
	}
}

func TestMeterForgetsWhatWasTaken(t *testing.T) {
	s, m := metered(t, Options{})
	measure(t, s, m, 0)
	measure(t, s, m, 1)
	if waits, _ := m.Take(); len(waits) != 2 {
		t.Errorf("there are waits of %v, want two hosts", waits)
	}
	if waits, most := m.Take(); len(waits) != 0 || most != 0 {
		t.Errorf("after Take there are waits of %v, %d at once", waits, most)
	}
}

func TestMeterCountsHandshakesWithoutRequest(t *testing.T) {
	s, m := metered(t, Options{})
	conn, err := tls.Dial("tcp", address(m), &tls.Config{RootCAs: s.Authority.Pool(), ServerName: m.Host(7)})
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	waits, _ := m.Take()
	if w := waits[m.Host(7)]; len(waits) != 1 || w.Handshakes != 1 || w.Requests != 0 || w.First != 0 {
		t.Errorf("the meter has %+v", waits)
	}
}

func TestMeterRefusesEndlessHeads(t *testing.T) {
	s, m := metered(t, Options{})
	conn, err := tls.Dial("tcp", address(m), &tls.Config{RootCAs: s.Authority.Pool(), ServerName: m.Host(0)})
	if err != nil {
		t.Fatal(err)
	}
	conn.Write(make([]byte, 8<<10)) // the meter may be gone before all has left
	response, _ := io.ReadAll(conn) // reset or ended
	conn.Close()
	if waits, _ := m.Take(); len(response) > 0 || waits[m.Host(0)].Requests != 0 {
		t.Errorf("the response to a head of 8 KiB is %q, and the meter has %+v", response, waits)
	}
}

// Certificates that were prepared are the ones that are sent, one a host.
func TestMeterPreparesACertificateAHost(t *testing.T) {
	s, m := metered(t, Options{})
	if err := m.Prepare(3); err != nil {
		t.Fatal(err)
	}
	serials := map[string]bool{}
	for i := range 3 {
		leaf, err := s.Authority.Leaf(m.Host(i), testnet.Valid)
		if err != nil {
			t.Fatal(err)
		}
		serials[leaf.Leaf.SerialNumber.String()] = true
	}
	if len(serials) != 3 {
		t.Errorf("three hosts have %d certificates", len(serials))
	}
}

func TestMeterIsKnownToEvents(t *testing.T) {
	s, m := metered(t, Options{})
	event, err := s.Event([]byte(`{"urls": ["https://h0.meter.test/"]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`{"urls":[{"name":"h0.meter.test","url":"https://h0.meter.test:%d/"}]}`, m.Port())
	if string(event) != want {
		t.Errorf("the event is %s, want %s", event, want)
	}
}

func address(m *Meter) string { return fmt.Sprintf("127.0.0.1:%d", m.Port()) }

// measure asks the nth host over a fresh connection, and returns how long the
// response's first byte took.
func measure(t *testing.T, s *testnet.Net, m *Meter, n int) time.Duration {
	t.Helper()
	client := s.Client()
	var asked time.Time
	var first time.Duration
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		WroteHeaders:         func() { asked = time.Now() }, // before it leaves
		GotFirstResponseByte: func() { first = time.Since(asked) },
	})
	req, err := http.NewRequestWithContext(ctx, "GET", fmt.Sprintf("https://%s:%d/", m.Host(n), m.Port()), nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err != nil || len(body) != pieces*len(piece) {
		t.Fatalf("the body is %q: %v", body, err)
	}
	return first
}
