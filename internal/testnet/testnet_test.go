package testnet

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// TestMain is a Lambda function instead of the tests where its environment
// names one: function_test.go starts this very program as the bootstrap.
func TestMain(m *testing.M) {
	if name := os.Getenv(functionSwitch); name != "" {
		runFunction(name)
		return
	}
	os.Exit(m.Run())
}

func Example() {
	s, err := Start(Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()

	google, _ := s.Origin("google.com")
	fmt.Println(google.URL(), google.Description)
	event, _ := s.Event([]byte(`{"urls": ["https://google.com", "https://example.com"]}`))
	port := fmt.Sprint(google.Addr.Port())
	fmt.Println(strings.ReplaceAll(string(event), port, "PORT"))
	// Output:
	// https://google.com/ responds after 60 ms
	// {"urls":[{"name":"google.com","url":"https://google.com:PORT"},"https://example.com"]}
}

// start starts a test network for one test.
func start(t *testing.T, o Options) *Net {
	t.Helper()
	s, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// portedURL is a URL with the test network's port.
func portedURL(t *testing.T, s *Net, raw string) string {
	t.Helper()
	_, ported, ok := s.port(raw)
	if !ok {
		t.Fatalf("the test network does not know %s", raw)
	}
	return ported
}

// get returns the status, the body and the response's header.
func get(t *testing.T, c *http.Client, url string) (int, string, http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("User-Agent", "Mozilla/5.0 (a browser)")
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body), res.Header
}

func TestNetEnv(t *testing.T) {
	s := start(t, Options{})
	env := s.Env()
	want := []string{
		"ROLLCALL_DNS=" + s.Resolver.Addr().String(),
		"ROLLCALL_CLOUDWATCH_ENDPOINT=http://127.0.0.1:",
		"ROLLCALL_ALLOW=127.0.0.0/8",
		"ROLLCALL_CANARY=",
		"SSL_CERT_FILE=",
	}
	for _, prefix := range want {
		if !slices.ContainsFunc(env, func(e string) bool { return strings.HasPrefix(e, prefix) }) {
			t.Errorf("Env = %q, want an entry that begins with %q", env, prefix)
		}
	}
	got, err := os.ReadFile(last(env, "SSL_CERT_FILE"))
	if err != nil || string(got) != string(s.Authority.PEM()) {
		t.Errorf("SSL_CERT_FILE holds %q (%v), want the root", got, err)
	}
}

func TestNetCloseLeavesNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	s, err := Start(Options{})
	if err != nil {
		t.Fatal(err)
	}
	root := last(s.Env(), "SSL_CERT_FILE")
	conns := openSome(t, s)
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	for _, conn := range conns {
		conn.Close()
	}
	if _, err := os.Stat(root); !os.IsNotExist(err) {
		t.Errorf("after Close the root's file is still there: %v", err)
	}
	// A goroutine that has said that it ends may not have ended yet.
	for deadline := time.Now().Add(time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("after Close there are %d goroutines, want %d", runtime.NumGoroutine(), before)
		}
	}
}

// openSome leaves a connection open at every origin that accepts one.
func openSome(t *testing.T, s *Net) []net.Conn {
	t.Helper()
	var conns []net.Conn
	for _, o := range s.Origins() {
		if !o.Addr.IsValid() {
			continue
		}
		conn, err := net.DialTimeout("tcp", o.Addr.String(), 300*time.Millisecond) // a full backlog takes none
		if err != nil {
			continue // it refuses
		}
		conns = append(conns, conn)
	}
	if len(conns) < 20 {
		t.Fatalf("%d origins accept a connection, want at least 20", len(conns))
	}
	return conns
}

func TestNetHandle(t *testing.T) {
	hello := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") })
	s := start(t, Options{Handlers: map[string]http.Handler{"added.example": hello, "google.com": hello}})
	o := s.Handle("*.Later.example.", hello)
	if o.Name != "*.later.example" || o.Addr != s.Hosts.https.Addr() {
		t.Errorf("Handle = %+v", o)
	}
	for _, url := range []string{"https://added.example", "http://added.example", "https://any.later.example/x", "https://google.com"} {
		if _, body, _ := get(t, s.Client(), portedURL(t, s, url)); body != "hello" {
			t.Errorf("%s says %q, want hello", url, body)
		}
	}
	if got := s.Resolver.Queries("ANY.later.example.", dnsmessage.TypeA); got == 0 {
		t.Errorf("no query came for any.later.example")
	}
}

func TestNetOrigins(t *testing.T) {
	s := start(t, Options{})
	all := s.Origins()
	if len(all) != len(sites())+len(Faults()) {
		t.Errorf("%d origins, want %d", len(all), len(sites())+len(Faults()))
	}
	seen := map[string]bool{}
	for _, o := range all {
		if seen[o.Name] || o.Name == "" || o.Description == "" || o.Scheme != "https" {
			t.Errorf("origin %+v is incomplete or there twice", o)
		}
		seen[o.Name] = true
		if got, ok := s.Origin(o.Name); !ok || got != o {
			t.Errorf("Origin(%q) = %+v, %v", o.Name, got, ok)
		}
	}
	if _, ok := s.Origin("example.com"); ok {
		t.Error("Origin knows example.com")
	}
}
