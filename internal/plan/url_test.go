package plan

import (
	"context"
	"strings"
	"testing"
)

// Names of URLs as they always were, whatever is asked for: metrics and alarms
// hang on them.
func TestNamesDoNotChange(t *testing.T) {
	for _, test := range []struct{ text, name, asked string }{
		{"https://a.example/a/../b/./c", "a.example/a/../b/./c", "https://a.example/b/c"},
		{"https://a.example/a/%2e%2E/b", "a.example/a/%2e%2E/b", "https://a.example/b"},
		{"https://a.example//a//", "a.example//a//", "https://a.example//a//"},
		{`https://a.example/a\b`, "a.example/a%5Cb", "https://a.example/a/b"},
		{"https://a.example/a|b^c", "a.example/a%7Cb%5Ec", "https://a.example/a|b%5Ec"},
		{`https://a.example/"<é>"`, "a.example/%22%3C%C3%A9%3E%22", "https://a.example/%22%3C%C3%A9%3E%22"},
		{"https://a.example/[a]/{b}", "a.example/%5Ba%5D/%7Bb%7D", "https://a.example/[a]/%7Bb%7D"},
		{"https://a.example/a%2fb%7e", "a.example/a%2fb%7e", "https://a.example/a%2fb%7e"},
		{"https://a.example/?a'b\"<é>", "a.example#0e1a77cd6654", "https://a.example/?a%27b%22%3C%C3%A9%3E"},
		{"https://a.example/?", "a.example#ce773b87709a", "https://a.example/?"},
		{"http://0x7f.1/", "http://0x7f.1", "http://127.0.0.1/"},
		{"http://010.0.0.1:80/", "http://010.0.0.1", "http://8.0.0.1/"},
		{"http://127.1:81/a", "http://127.1:81/a", "http://127.0.0.1:81/a"},
		{"https://1.2.3.4.5/", "1.2.3.4.5", ""},
		{"https://[::FFFF:1.2.3.4]:0443/", "[::ffff:1.2.3.4]", "https://[::ffff:102:304]/"},
		{"HTTPS://BÜCHER.example:08443/", "xn--bcher-kva.example:8443", "https://xn--bcher-kva.example:8443/"},
		{"https://xn--pokxncvks/", "xn--pokxncvks", "https://xn--pokxncvks/"},
		{"https://u:p@a.example/#f", "a.example", "https://a.example/"},
	} {
		p, err := ParseURLs([]string{test.text}, Inputs{})
		if err != nil {
			t.Fatal(err)
		}
		to := &p.Targets[0]
		if to.Name != test.name || to.URL != test.asked {
			t.Errorf("%s: name %q, asked for %q; want %q, %q", test.text, to.Name, to.URL, test.name, test.asked)
		}
	}
}

// What was one target is one, also where two spellings are asked for differently
// today; and what had two names still has.
func TestIdentityOutlivesSpelling(t *testing.T) {
	p, err := parseLines(context.Background(), strings.NewReader("https://a.example/|\nhttps://a.example/%7C\nhttps://a.example/a/../b\nhttps://a.example/b\nhttps://a.example/c d\nhttps://a.example/c%20d\n"), Inputs{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(names(p), " "), "a.example/%7C a.example/a/../b a.example/b a.example/c%20d"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
