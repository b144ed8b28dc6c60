package testnet

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestEvent(t *testing.T) {
	s := start(t, Options{})
	refusing, _ := s.Origin("refusing.stage.test")
	ports := strings.NewReplacer(
		"<https>", fmt.Sprint(s.Hosts.https.Addr().Port()),
		"<http>", fmt.Sprint(s.Hosts.http.Addr().Port()),
		"<refusing>", fmt.Sprint(refusing.Addr.Port()),
	)
	tests := []struct{ name, event, want string }{
		{"string", `{"urls":["https://google.com"]}`, `{"urls":[{"name": "google.com", "url": "https://google.com:<https>"}]}`},
		{"root path", `["not an event"]`, ``},
		{"bare root", `{"urls":["https://google.com/"]}`, `{"urls":[{"name": "google.com", "url": "https://google.com:<https>/"}]}`},
		{"path", `{"urls":["https://GOOGLE.com/a/B%20c"]}`, `{"urls":[{"name": "google.com/a/B%20c", "url": "https://GOOGLE.com:<https>/a/B%20c"}]}`},
		{"query", `{"urls":["https://google.com?a=<b>&c"]}`, `{"urls":[{"name": "google.com", "url": "https://google.com:<https>?a=<b>&c"}]}`},
		{"plain", `{"urls":["http://google.com/x"]}`, `{"urls":[{"name": "http://google.com/x", "url": "http://google.com:<http>/x"}]}`},
		{"own listener", `{"urls":["https://refusing.stage.test"]}`, `{"urls":[{"name": "refusing.stage.test", "url": "https://refusing.stage.test:<refusing>"}]}`},
		{"wildcard", `{"urls":["https://x.many.stage.test"]}`, `{"urls":[{"name": "x.many.stage.test", "url": "https://x.many.stage.test:<https>"}]}`},
		{"user", `{"urls":["https://u:p@google.com/"]}`, `{"urls":[{"name": "google.com", "url": "https://u:p@google.com:<https>/"}]}`},
		{"unknown", `{"urls":["https://example.com", 7, null, "", "::"]}`, `{"urls":["https://example.com", 7, null, "", "::"]}`},
		{"nothing listens", `{"urls":["https://blocked.stage.test"]}`, `{"urls":["https://blocked.stage.test"]}`},
		{"port given", `{"urls":["https://google.com:8443"]}`, `{"urls":["https://google.com:8443"]}`},
		{"object", "{ \"b\": 1.50,\n\t\"urls\": [ {\"url\" : \"https://google.com\", \"timeout\":\"1s\"} ],\"a\":{} }",
			"{ \"b\": 1.50,\n\t\"urls\": [ {\"name\": \"google.com\", \"url\" : \"https://google.com:<https>\", \"timeout\":\"1s\"} ],\"a\":{} }"},
		{"named object", `{"urls":[{"group":"g","url":"https://google.com","name":"mine"}]}`, `{"urls":[{"group":"g","url":"https://google.com:<https>","name":"mine"}]}`},
		{"odd objects", `{"urls":[{}, {"url":3}, {"name":"x"}, {"url":"https://google.com","url":"https://google.com"}]}`,
			`{"urls":[{}, {"url":3}, {"name":"x"}, {"name": "google.com", "url":"https://google.com:<https>","url":"https://google.com:<https>"}]}`},
		{"batch", `{"BatchInput":{"metrics":"group"},"Items":["https://google.com"]}`, `{"BatchInput":{"metrics":"group"},"Items":[{"name": "google.com", "url": "https://google.com:<https>"}]}`},
		{"no list", `{"urls":"https://google.com"}`, `{"urls":"https://google.com"}`},
		{"escaped", `{"urls":["https:\/\/google\u002ecom"]}`, `{"urls":[{"name": "google.com", "url": "https://google.com:<https>"}]}`},
		{"no JSON", `{"urls":`, ``},
	}
	for _, test := range tests {
		got, err := s.Event([]byte(test.event))
		want := ports.Replace(test.want)
		if (err == nil) != (want != "") || !sameJSON(string(got), want) {
			t.Errorf("%s: Event(%s)\n got %s (%v)\nwant %s", test.name, test.event, got, err, want)
		}
	}
}

// sameJSON reports whether two texts are the same except for white space and the
// order of fields; "" is the same as "".
func sameJSON(a, b string) bool {
	var x, y any
	json.Unmarshal([]byte(a), &x)
	json.Unmarshal([]byte(b), &y)
	return reflect.DeepEqual(x, y)
}

// TestPackagedEvents shows that the documented events are the test network's, except for
// the names that nothing listens for.
func TestPackagedEvents(t *testing.T) {
	s := start(t, Options{})
	untouched := map[string]int{"gafam.json": 0, "demo.json": 2}
	for file, want := range untouched {
		data, err := os.ReadFile(filepath.Join("..", "..", "events", file))
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Event(data)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		names, left := map[string]bool{}, 0
		for _, target := range targets(t, got) {
			if target.Name == "" {
				left++
			} else if names[target.Name] {
				t.Errorf("%s: two targets are called %s", file, target.Name)
			}
			names[target.Name] = true
		}
		if left != want {
			t.Errorf("%s: %d targets have no port of the test network, want %d", file, left, want)
		}
	}
}

type target struct{ Name, URL string }

// targets reads an event's targets, none of which may be a string.
func targets(t *testing.T, event []byte) []target {
	t.Helper()
	var e struct{ URLs []target }
	if err := json.Unmarshal(event, &e); err != nil {
		t.Fatal(err)
	}
	return e.URLs
}

func TestPorted(t *testing.T) {
	s := start(t, Options{})
	o, _ := s.Origin("closing.stage.test")
	tests := []struct {
		raw, want string
		ok        bool
	}{
		{"https://closing.stage.test/a?b", "https://" + o.Addr.String() + "/a?b", true},
		{"http://closing.stage.test", "http://" + o.Addr.String(), true},
		{"http://good.stage.test", "http://" + s.Hosts.http.Addr().String(), true},
		{"https://nxdomain.stage.test", "", false},
		{"https://example.com", "", false},
		{"https://closing.stage.test:1", "", false},
	}
	for _, test := range tests {
		got, ok := s.Ported(test.raw)
		u, _ := url.Parse(test.raw)
		want := strings.Replace(test.want, "127.0.0.1", u.Hostname(), 1)
		if got != want || ok != test.ok {
			t.Errorf("Ported(%q) = %q, %v, want %q, %v", test.raw, got, ok, want, test.ok)
		}
	}
}
